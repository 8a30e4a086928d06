"""Changes single values in a YAML text, and leaves every other character as it is.

A library that reads and writes the whole text would keep its comments, but not its line ends, its indentation, its
spacing or its way of writing a number. So only the place of a value is looked up, and the text is cut there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, TypeAlias

import yaml

from crossdock.errors import CrossdockError
from crossdock.yaml_source import DEEPEST, NOTHING, UNPRINTABLE, WHOLE_NUMBER, Data

Written: TypeAlias = "Mapping[str, Written] | Sequence[Written] | str | int | bool | None"
"""What can be written: the same as can be read, and booleans."""

Path: TypeAlias = "tuple[str, ...]"
"""The keys that lead to a value."""

STEP = 2  # columns that a block is indented by, where the text shows no other custom
UNUSUAL = re.compile(f"{UNPRINTABLE.pattern}|[\x85\xa0\u2028\u2029\ufeff]")
PLAIN = re.compile(r"[^\W\d][\w./@+-]*(?:[ :][\w./@+-]+)*")
LIKE_A_DURATION = re.compile(r"(?:[0-9]+[smhd])+")
REFERENCE = re.compile(r"\$\{[\w:./-]+\}")  # never unquoted in { } and [ ]
NO_TEXT = frozenset(("true", "false", "yes", "no", "on", "off", "y", "n", "null"))  # to one reader or another
COMMENT = re.compile(r"[ \t]+#[^\n]*")


class CannotEditError(CrossdockError):
    """The text is written in a way that a single value can't be changed in; somebody has to do it by hand."""


class Absent(Enum):
    """In the place of a value: its key should not be there."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT

Leaf: TypeAlias = "Written | Absent"
Patch: TypeAlias = "Mapping[str, Patch] | Leaf"
"""What should become of a value: mappings are changed key by key, anything else is replaced."""


@dataclass(slots=True)
class Node:
    """A value or a key, and where it stands; comments and blank lines after it don't belong to it.

    Attributes:
        start: Where it begins, its anchor included.
        end: Where it ends.
        data: What it means.
        is_block: Whether it's a mapping or a list without brackets.
        opened: Where the inside of its brackets begins.
        column: Where its first key stands in the line.
        pairs: Its keys and values, if it's a mapping and no alias of one.
    """

    start: int
    end: int
    data: Data
    is_block: bool = False
    opened: int = 0
    column: int = 0
    pairs: list[tuple[Node, Node]] | None = None
    items: list[Node] = field(default_factory=list)

    def pair(self, key: str) -> tuple[Node, Node] | None:
        """The key and the value of this name."""
        return next((pair for pair in self.pairs or () if pair[0].data == key), None)


@dataclass(frozen=True, slots=True)
class Tree:
    """A text with the place of everything in it. `end` is where more could be written at the end of the document."""

    root: Node | None
    end: int
    step: int
    anchors: Mapping[str, Data]

    def place(self, path: Path, text: str) -> tuple[int, int] | None:
        """Where a key and its value begin and end: whole lines, or the piece inside of brackets.

        None where there are none, or an alias stands on the way.
        """
        node = self.root
        for key in path[:-1]:
            pair = node.pair(key) if node is not None else None
            node = pair[1] if pair is not None else None
        pair = node.pair(path[-1]) if node is not None else None
        if node is None or pair is None:
            return None
        if node.is_block:
            return _line_start(text, pair[0].start), _end_of_lines(text, pair[1].end, node.column)
        return pair[0].start, pair[1].end


def tree_of(text: str, anchors: Mapping[str, Data] = MappingProxyType({})) -> Tree:
    """The text as a tree. `anchors` are those of the text around it. Raises yaml.YAMLError and CannotEditError."""
    grower = _Grower(text, anchors)
    for event in yaml.parse(text, Loader=_LOADER):
        grower.take(event)
    root = grower.root
    is_nothing = root is None or (root.data is None and root.start == root.end)
    return Tree(None if is_nothing else root, grower.end, (_step(root) if root else 0) or STEP, grower.anchors)


def with_value(text: str, path: Path, value: Written, anchors: Mapping[str, Data] = MappingProxyType({})) -> str:
    """The text with this value at `path`; what is missing on the way is written, too. Raises CannotEditError."""
    tree = tree_of(text, anchors)
    if tree.root is None or tree.root.data is None:
        start, end = (tree.end, tree.end) if tree.root is None else (tree.root.start, tree.root.end)
        lines = _lines({path[0]: _around(path[1:], value)}, 0, tree.step)
        return _with_lines(text[:start] + text[end:], _end_of_lines(text, start, -1), lines)
    node = tree.root
    for depth, key in enumerate(path):
        rest = path[depth + 1 :]
        if node.pairs is None:
            raise CannotEditError("it should be a mapping of keys to values")
        pair = node.pair(key)
        if pair is None:
            return _added(text, tree, node, key, _around(rest, value))
        inner = pair[1]
        if not rest:
            return _replaced(text, tree, node, pair, value)
        if inner.pairs is None:  # nothing, an alias, or a mistake
            held = inner.data if isinstance(inner.data, dict) else {}
            return _replaced(text, tree, node, pair, patched(held, _nested(rest, value)))
        if not inner.pairs and node.is_block:
            return _replaced(text, tree, node, pair, _around(rest, value))
        node = inner
    raise AssertionError("a path has at least one key")


def without(text: str, path: Path, anchors: Mapping[str, Data] = MappingProxyType({})) -> str:
    """The text without the key at `path`. A mapping below the second level that loses all its keys goes, too.

    Raises CannotEditError.
    """
    tree = tree_of(text, anchors)
    node, around = tree.root, list[Node]()
    for depth, key in enumerate(path):
        if node is not None and node.pairs is None and isinstance(node.data, dict):  # an alias: others mean it, too
            value = patched(node.data, _nested(path[depth:], ABSENT))
            return with_value(text, path[:depth], value, anchors)
        pair = node.pair(key) if node is not None else None
        if node is None or pair is None:
            return text
        around.append(node)
        node = pair[1]
    depth = len(path) - 1
    while depth > 1 and len(around[depth].pairs or ()) == 1:
        depth -= 1
    return _cut(text, around[depth], path[depth])


def patched(data: Written, patch: Patch) -> Written:
    """`data` after a change. A mapping inside it that loses all its keys goes, too."""
    if not isinstance(patch, Mapping):
        return None if isinstance(patch, Absent) else patch
    held = dict(data) if isinstance(data, Mapping) else {}
    for key, value in patch.items():
        before = held.pop(key, None)
        if not isinstance(value, Absent):
            after = patched(before, value)
            if after != {} or not before:
                held[key] = after
    return held


def as_read(value: Written) -> Data:
    """What is read where this was written."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return {key: as_read(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [as_read(inner) for inner in value]
    return value


def yaml_of(value: Written) -> str:
    """A mapping in lines, and anything else in one."""
    if isinstance(value, Mapping) and value:
        return "\n".join(_lines(value, 0, STEP))
    return _inline(value)


# --- reading ---

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class _Grower:
    """A tree that grows by the events of a text."""

    def __init__(self, text: str, anchors: Mapping[str, Data]) -> None:
        self.root: Node | None = None
        self.end = len(text)
        self.anchors = dict(anchors)
        self._text = text
        self._open: list[tuple[Node, str | None]] = []

    def take(self, event: yaml.Event) -> None:
        start, stop = _index(event.start_mark), _index(event.end_mark)
        match event:
            case yaml.AliasEvent():
                if event.anchor not in self.anchors:
                    raise CannotEditError(f"the alias *{event.anchor} stands before what it refers to, or inside of it")
                self._add(Node(start, stop, self.anchors[event.anchor]), None)
            case yaml.ScalarEvent():
                end = _scalar_end(self._text, start, stop, event.style)
                self._add(Node(start, end, _meaning(event)), event.anchor)
            case yaml.CollectionStartEvent():
                self._begin(event, Node(start, stop, [], is_block=not event.flow_style, opened=stop))
            case yaml.CollectionEndEvent():
                node, anchor = self._open.pop()
                self._close(node, stop)
                self._add(node, anchor)
            case yaml.DocumentEndEvent() if event.explicit:
                self.end = min(self.end, start)

    def _begin(self, event: yaml.CollectionStartEvent, node: Node) -> None:
        if len(self._open) >= DEEPEST:
            raise CannotEditError(f"it is nested more than {DEEPEST} levels deep")
        if isinstance(event, yaml.MappingStartEvent):
            node.pairs = []
        self._open.append((node, event.anchor))

    def _close(self, node: Node, end: int) -> None:
        items, node.items = node.items, []
        node.end = max((item.end for item in items), default=node.end) if node.is_block else end
        if node.pairs is None:
            node.data = [item.data for item in items]
            return
        for key in items[::2]:
            key.data = "" if key.data is None else str(key.data)
        node.pairs = list(zip(items[::2], items[1::2], strict=True))
        node.data = {str(key.data): value.data for key, value in node.pairs}
        if node.pairs:
            node.column = node.pairs[0][0].start - _line_start(self._text, node.pairs[0][0].start)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = node.data
        if self._open:
            self._open[-1][0].items.append(node)
        else:
            self.root = node


def _index(mark: Any) -> int:
    """Where a mark stands in the text."""
    found: int = mark.index
    return found


def _meaning(event: yaml.ScalarEvent) -> Data:
    """As `yaml_source` has it."""
    text: str = event.value
    if event.style:
        return text
    if text in NOTHING:
        return None
    return int(text) if WHOLE_NUMBER.fullmatch(text) else text


def _scalar_end(text: str, start: int, stop: int, style: str | None) -> int:
    """A block of text ends with its last line; unless it keeps the blank ones after it."""
    if style not in ("|", ">") or "+" in text[start:stop].partition("\n")[0]:
        return stop
    return start + len(text[start:stop].rstrip())


def _step(node: Node) -> int:
    """By how many columns the last block inside another is indented; 0 where there is none."""
    inside = [value for _, value in node.pairs or () if value.is_block and value.pairs]
    return inside[-1].column - node.column if inside else 0


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    """Where the next line begins."""
    found = text.find("\n", max(0, at))
    return len(text) if found < 0 else found + 1


def _end_of_lines(text: str, end: int, column: int) -> int:
    """Where the lines end of what ends at `end`: comments after it that are indented deeper than it belong to it."""
    found = at = _line_end(text, end - 1) if end else 0
    while at < len(text):
        stop = _line_end(text, at)
        line = text[at:stop]
        words = line.strip()
        if words and (not words.startswith("#") or len(line) - len(line.lstrip()) <= column):
            break
        if words:
            found = stop
        at = stop
    return found


# --- changing ---


def _nested(path: Path, value: Patch) -> Patch:
    for key in reversed(path):
        value = {key: value}
    return value


def _around(path: Path, value: Written) -> Written:
    return patched(None, _nested(path, value))


def _newline(text: str) -> str:
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def _with_lines(text: str, at: int, lines: Sequence[str]) -> str:
    """The text with these lines at the beginning of a line, or after the last one."""
    newline = _newline(text)
    block = newline.join(lines)
    if at and text[at - 1] != "\n":
        return f"{text[:at]}{newline}{block}{text[at:]}"
    return f"{text[:at]}{block}{newline}{text[at:]}"


def _added(text: str, tree: Tree, node: Node, key: str, value: Written) -> str:
    """The text with a new key at the end of a mapping."""
    assert node.pairs is not None
    if node.is_block:
        # At the end of the file, behind all comments; elsewhere behind those that belong to the last pair.
        at = _end_of_lines(text, node.pairs[-1][1].end, -1 if node is tree.root else node.column)
        return _with_lines(text, at, _lines({key: value}, node.column, _step(node) or tree.step))
    pair = f"{_scalar(key, is_flow=True)}: {_inline(value, is_flow=True)}"
    if not node.pairs:
        return f"{text[: node.opened]}{pair}{text[node.opened :]}"
    at = node.pairs[-1][1].end
    return f"{text[:at]}, {pair}{text[at:]}"


def _replaced(text: str, tree: Tree, node: Node, pair: tuple[Node, Node], value: Written) -> str:
    """The text with another value at a key. A comment beside it stays."""
    key, old = pair
    colon = _after_colon(text, key)
    start = max(old.start, colon)
    if not node.is_block:
        space = "" if text[colon:start].strip(" ") or start > colon else " "
        return f"{text[:start]}{space}{_inline(value, is_flow=True)}{text[max(old.end, start) :]}"
    step = _step(node) or tree.step
    lines = _lines(value, node.column + step, step) if isinstance(value, Mapping) else []
    if old.start == old.end:
        if lines:  # behind the comments that say what belongs there
            return _with_lines(text, _end_of_lines(text, colon, node.column), lines)
        return f"{text[:colon]} {_inline(value)}{text[colon:]}"
    if not lines and not old.is_block:
        return f"{text[:start]}{_inline(value)}{text[old.end :]}"
    beside = colon if old.is_block else old.end
    comment = COMMENT.search(text, beside, _line_end(text, beside - 1))
    head = text[:colon] + ("" if lines else f" {_inline(value)}") + (comment[0].rstrip("\r") if comment else "")
    line_end = _line_end(text, old.end - 1)
    done = head + (_newline(text) if text[:line_end].endswith("\n") else "")
    return _with_lines(done + text[line_end:], len(done), lines) if lines else done + text[line_end:]


def _after_colon(text: str, key: Node) -> int:
    found = re.compile(r"\s*:").match(text, key.end)
    if found is None:
        raise CannotEditError(f"the key '{key.data}' is written without a colon")
    return found.end()


def _cut(text: str, node: Node, key: str) -> str:
    """The text without one key of a mapping; of those in brackets, without one comma, too."""
    pair = node.pair(key)
    assert node.pairs is not None
    assert pair is not None
    if node.is_block:
        start, end = _line_start(text, pair[0].start), _end_of_lines(text, pair[1].end, node.column)
        if end == len(text) and not text.endswith("\n"):
            start = max(0, start - len(_newline(text)))
        return text[:start] + text[end:]
    at = node.pairs.index(pair)
    if at:
        start, end = node.pairs[at - 1][1].end, pair[1].end
    elif len(node.pairs) > 1:
        start, end = pair[0].start, node.pairs[1][0].start
    else:
        start, end = pair[0].start, pair[1].end
        comma = re.compile(r"\s*,").match(text, end)
        end = comma.end() if comma else end
    return text[:start] + text[end:]


# --- writing ---


def _lines(mapping: Mapping[str, Written], column: int, step: int) -> list[str]:
    lines = []
    for key, value in mapping.items():
        head = f"{' ' * column}{_scalar(key)}:"
        if isinstance(value, Mapping) and value:
            lines += [head, *_lines(value, column + step, step)]
        else:
            lines.append(head if value is None else f"{head} {_inline(value)}")
    return lines


def _inline(value: Written, *, is_flow: bool = False) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _scalar(value, is_flow=is_flow)
    if isinstance(value, Mapping):
        pairs = (f"{_scalar(key, is_flow=True)}: {_inline(inner, is_flow=True)}" for key, inner in value.items())
        return f"{{{', '.join(pairs)}}}"
    return f"[{', '.join(_inline(inner, is_flow=True) for inner in value)}]"


def _scalar(text: str, *, is_flow: bool = False) -> str:
    """A text as it can stand there; in quotes where any reader might take it for something else."""
    is_plain = PLAIN.fullmatch(text) is not None and text.lower() not in NO_TEXT
    if (is_plain and not UNUSUAL.search(text)) or LIKE_A_DURATION.fullmatch(text):
        return text
    if not is_flow and REFERENCE.fullmatch(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return UNUSUAL.sub(_escaped, quoted)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
