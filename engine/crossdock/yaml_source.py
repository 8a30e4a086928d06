"""YAML text → plain data, with the place of every value and key, and all that is wrong with the file as such.

Scalars stay as they are written: `no` is the text "no" and `022` the text "022". Only a plain whole number becomes an
int and an empty or `null` value None; what a text means is for its reader to say.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn, TypeAlias

import yaml

from crossdock.errors import ConfigError, Mistake

Data: TypeAlias = "dict[str, Data] | list[Data] | str | int | None"
Where: TypeAlias = "tuple[str | int, ...]"
"""The way to a value: keys, and positions in lists."""

LARGEST_FILE = 16 * 1024 * 1024  # bytes; a store takes about 700
DEEPEST = 50  # levels; a store needs 6, and Python's stack ends somewhere
MOST_REPEATS = 100_000  # values that aliases may bring in again: far below what would fill the memory

PLAIN_TAG = "tag:yaml.org,2002:"
TAGS = frozenset(PLAIN_TAG + kind for kind in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map"))
NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")  # 022, 0x16 and 1_000 mean different things to different readers
UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


KINDS = {yaml.ScalarNode: PLAIN_TAG + "str", yaml.SequenceNode: PLAIN_TAG + "seq", yaml.MappingNode: PLAIN_TAG + "map"}


class _Loader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]  # C where PyYAML was built with it
    """Resolves nothing, so that `no` stays a text, and does so fast."""

    def resolve(self, kind: type[yaml.Node], value: object, implicit: object) -> str:
        del value, implicit
        return KINDS[kind]


class Document:
    """A YAML file that could be read: its data, and the mistakes found in it so far."""

    def __init__(self, file: str, root: yaml.Node | None) -> None:
        self.file = file
        self.reported: list[tuple[Where, Mistake]] = []
        self.wrong: set[Where] = set()  # the places of all that was reported
        self._root = root
        self._members: dict[int, dict[str | int, tuple[yaml.Node, yaml.Node]]] = {}
        self._met: set[int] = set()
        self._repeats = 0
        self.data: Data = None if root is None else self._data(root, (), ())

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """All mistakes, in the order in which they stand in the file, each once."""
        return tuple(sorted({mistake for _, mistake in self.reported}))

    def report(self, where: Where, message: str, *, at_key: bool = False) -> None:
        """Notes a mistake at the value at `where`, or at its key; where there is none, at the nearest one around it."""
        key, value = self._nodes(where)
        # A block's own start is its first key, which is not what is meant.
        is_block = isinstance(value, yaml.CollectionNode) and not value.flow_style
        self._report_at(key if at_key or is_block else value, where, message)

    def _report_at(self, node: yaml.Node | None, where: Where, message: str) -> None:
        line, column = (node.start_mark.line + 1, node.start_mark.column + 1) if node else (1, 1)
        self.wrong.add(where)
        self.reported.append((where, Mistake(self.file, line, column, written(where), message)))

    def _nodes(self, where: Where) -> tuple[yaml.Node | None, yaml.Node | None]:
        """The key and the value at `where`, or of the nearest value around it."""
        key = value = self._root
        for part in where:
            found = self._members_of(value).get(part) if value else None
            if found is None:
                break
            key, value = found
        return key, value

    def _members_of(self, node: yaml.Node) -> dict[str | int, tuple[yaml.Node, yaml.Node]]:
        """The keys and values directly in `node`; kept, so that many mistakes in a long mapping stay cheap."""
        members = self._members.get(id(node))
        if members is None:
            members = {}
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    if isinstance(key, yaml.ScalarNode):
                        members.setdefault(key.value, (key, value))
            elif isinstance(node, yaml.SequenceNode):
                members.update({index: (value, value) for index, value in enumerate(node.value)})
            self._members[id(node)] = members
        return members

    def _data(self, node: yaml.Node, where: Where, around: tuple[int, ...]) -> Data:
        if node.tag not in TAGS:
            self._report_at(node, where, "tags (a word that begins with !) are not understood here; put text in quotes")
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if not self._may_enter(node, where, around):
            return None
        inside = (*around, id(node))
        if isinstance(node, yaml.SequenceNode):
            return [self._data(item, (*where, index), inside) for index, item in enumerate(node.value)]
        found: dict[str, Data] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if self._is_key(key, where, lines):
                lines[key.value] = key.start_mark.line + 1
                found[key.value] = self._data(value, (*where, key.value), inside)
        return found

    def _may_enter(self, node: yaml.Node, where: Where, around: tuple[int, ...]) -> bool:
        if id(node) in around:
            self._report_at(node, where, "this refers to itself; write out what is meant")
            return False
        if len(around) >= DEEPEST:
            self._report_at(node, where, f"this is nested more than {DEEPEST} levels deep")
            return False
        if id(node) in self._met:
            self._repeats += len(node.value)
            if self._repeats > MOST_REPEATS:
                self._fail(node, "the aliases (*name) in this file repeat too much; write out what is meant")
        self._met.add(id(node))
        return True

    def _is_key(self, key: yaml.Node, where: Where, lines: dict[str, int]) -> bool:
        """Whether `key` can be taken; notes the mistake where it can't."""
        if not isinstance(key, yaml.ScalarNode):
            self._report_at(key, where, "a key should be a plain word, not a list or a mapping")
        elif key.value == "<<" and not key.style:
            self._report_at(
                key, where, "merge keys (<<) are not understood here; write the keys out, or use an alias for a value"
            )
        elif key.value in lines:
            first, again = lines[key.value], key.start_mark.line + 1
            self._report_at(
                key,
                (*where, key.value),
                f"'{shortened(key.value)}' stands here twice, on line {first} and on line {again}; keep one of them",
            )
        else:
            return True
        return False

    def _fail(self, node: yaml.Node, message: str) -> NoReturn:
        mark = node.start_mark
        raise ConfigError([Mistake(self.file, mark.line + 1, mark.column + 1, "", message)])


def _scalar(node: yaml.ScalarNode) -> Data:
    text: str = node.value
    if node.style:  # quoted, or a block of text
        return text
    if text in NOTHING:
        return None
    return int(text) if text[0] in "-0123456789" and WHOLE_NUMBER.fullmatch(text) else text


def read_document(path: Path) -> Document:
    """The YAML file at `path`. Raises ConfigError, with one mistake, for a file that can't be read at all."""
    return document_of(read_text(path), str(path))


def document_of(text: str, file: str) -> Document:
    """The YAML in a text, which is called `file`. Raises ConfigError, with one mistake, where it's none."""
    _refuse_depth(text, file)
    try:
        return Document(file, yaml.compose(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax_mistake(error, text, file)]) from None  # its own words may hold a secret
    except (yaml.YAMLError, RecursionError):
        raise ConfigError([Mistake(file, 1, 1, "", "this is not valid YAML")]) from None


def written(where: Where) -> str:
    """`stores.acme-au.settings.import_statuses[1]`."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{shortened(part)}"
    return text.removeprefix(".")


_LIKE_A_KEY = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=]{20,}")


def shortened(text: str, most: int = 60) -> str:
    """`text` on one line, cut where it is long; what looks like a key that was put in the wrong place is covered."""
    if _LIKE_A_KEY.fullmatch(text):
        return "‹hidden›"
    printable = text if text.isprintable() else repr(text)[1:-1]
    return printable if len(printable) <= most else printable[: most - 1] + "…"


def read_text(path: Path) -> str:
    """The text in the file at `path`. Raises ConfigError, with one mistake, where there is none."""
    file = str(path)
    try:
        with path.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        _refuse(file, "there is no such file; write one, or name another with --config")
    except IsADirectoryError:
        _refuse(file, "this is a folder; name the file itself, such as stores.yaml")
    except (OSError, ValueError) as error:
        _refuse(file, f"the file can't be read: {getattr(error, 'strerror', None) or 'its name is not valid'}")
    if len(content) > LARGEST_FILE:
        _refuse(file, f"the file is larger than {LARGEST_FILE // 1024 // 1024} MB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        _refuse(file, "the file is not UTF-8 text; save it as UTF-8", *_line_and_column(before))
    if found := UNPRINTABLE.search(text):
        where = _line_and_column(text[: found.start()])
        _refuse(file, f"an invisible control character (U+{ord(found[0]):04X}) stands here; delete it", *where)
    return text


def _refuse(file: str, message: str, line: int = 1, column: int = 1) -> NoReturn:
    raise ConfigError([Mistake(file, line, column, "", message)]) from None


def _line_and_column(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _refuse_depth(text: str, file: str) -> None:
    """Raises ConfigError for brackets so deep that composing them would break the stack of the C library."""
    deepest = depth = 0
    for sign in re.findall(r"[\[\]{}]", text):
        depth = depth + 1 if sign in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    if deepest < 1000 and not re.search(r"[^\n]{2000}", text):  # "- - - …" in one line nests too
        return
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > 1000:
                line, column = (event.start_mark.line, event.start_mark.column) if event.start_mark else (0, 0)
                _refuse(file, f"this is nested more than {DEEPEST} levels deep", line + 1, column + 1)
    except yaml.YAMLError:
        return  # composing will meet it again, and say where


SYNTAX = (
    ("exceeded maximum nesting depth", f"this is nested more than {DEEPEST} levels deep"),  # PyYAML from 6.0.4 on
    ("mapping values are not allowed", "a key and its value can't stand here: indent keys of one block alike, and put a"
     " text that holds ': ' in quotes"),
    ("did not find expected key", "a key is expected here: indent the keys of one block alike, and close every quote"),
    ("did not find expected '-'", "a '- ' is expected here: indent the items of one list alike"),
    ("could not find expected ':'", "a ':' is missing after the key before this place"),
    ("did not find expected ',' or '}'", "a ',' or the closing '}' is missing before this place"),
    ("did not find expected ',' or ']'", "a ',' or the closing ']' is missing before this place"),
    ("found unexpected end of stream", "the quote that opens here is never closed"),
    ("found undefined alias", "a word that begins with * refers to an anchor (&) of that name, and there is none; put"
     " text in quotes"),
    ("second occurrence", "this anchor (&) is defined twice; a text that begins with & should be in quotes"),
    ("but found another document", "a second document begins here (---); the file should hold one"),
    ("found unknown escape character", "a backslash in double quotes begins an escape that YAML doesn't know; use"
     " single quotes"),
)  # fmt: skip


def _syntax_mistake(error: yaml.MarkedYAMLError, text: str, file: str) -> Mistake:
    """What is wrong in one sentence, without any word of the file: a secret may stand there."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.split("\n")
    is_at_end = not "".join([lines[line][column:] if line < len(lines) else "", *lines[line + 1 :]]).strip()
    opened = error.context_mark if is_at_end and error.context else None
    if opened is None:
        here = lines[line] if line < len(lines) else ""
        return Mistake(file, line + 1, column + 1, "", _syntax_words(str(error.problem or ""), here, column))
    here = lines[opened.line] if opened.line < len(lines) else ""
    words = _syntax_words(str(error.problem or ""), here, opened.column)
    if here[opened.column : opened.column + 1] in ("{", "["):
        words = f"the '{here[opened.column]}' that opens here is never closed"
    return Mistake(file, opened.line + 1, opened.column + 1, "", words)


def _syntax_words(problem: str, here: str, column: int) -> str:
    """`here` is the line of the problem."""
    if "\t" in here[: len(here) - len(here.lstrip())]:
        return "a tab can't be used for indentation; use spaces"
    if column and here[column - 1 : column + 1] == "${":
        return "inside { } and [ ], ${…} must stand in quotes"
    if "cannot start any token" in problem and here[column : column + 1]:
        return f"a text can't begin with {here[column]!r} here; put it in quotes"
    for beginning, words in SYNTAX:
        if problem.startswith(beginning):
            return words
    return "this is not valid YAML: check the indentation, the quotes and the brackets on this line and the one before"
