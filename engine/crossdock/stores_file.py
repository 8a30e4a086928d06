"""Changes `stores.yaml` as a careful person would: what is to change and nothing else, comments and order kept.

Each change touches the lines of one key. Whether it came out as it was meant is read back from the new text before
that takes the file's place.
"""

from __future__ import annotations

import copy
import hashlib
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from crossdock.errors import CrossdockError, UsageError
from crossdock.yaml_source import Data, Where, document_of, read_text, written

SECRETS = "secrets"  # the folder beside the file in which they lie, each in a file of its own
INDENT = 2
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
NOT_PLAIN = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
WIDEST = 2**31  # a value is written on one line, however long


class FileChangedError(CrossdockError):
    """Somebody else has changed the same entry meanwhile; nothing was written."""


@dataclass(frozen=True, slots=True)
class StoreFile:
    """The file as it was read: its whole text, and what that says."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> StoreFile:
        """The file at `path`; an empty one where there is none yet. Raises ConfigError where it can't be read."""
        return cls(path, read_text(path) if path.exists() else "")

    @property
    def data(self) -> Data:
        """What it says, with references as they are written. Raises ConfigError where it can't be understood."""
        return document_of(self.text, str(self.path)).data

    def entry(self, name: str) -> dict[str, Data]:
        """A store's entry, or an empty one."""
        found = _at(self.data, ("stores", name))
        return found if isinstance(found, dict) else {}

    def fingerprint(self, name: str) -> str:
        """Stands for a store's entry as it is now."""
        return hashlib.sha256(msgspec.json.encode(self.entry(name))).hexdigest()[:20]

    def with_value(self, where: Where, value: Data) -> StoreFile:
        """With this value there, and everything around it as it was. Raises UsageError where that can't be done."""
        wanted = _with(self.data, where, value)
        text = _Editor(self.text).set(where, value)
        return self._checked(text, wanted, where)

    def without(self, where: Where) -> StoreFile:
        """Without the key there, if it is there. Raises UsageError where that can't be done."""
        if _at(self.data, where) is _NOTHING:
            return self
        wanted = _with(self.data, where, _NOTHING)
        return self._checked(_Editor(self.text).remove(where), wanted, where)

    def _checked(self, text: str, wanted: object, where: Where) -> StoreFile:
        changed = StoreFile(self.path, text)
        try:
            is_right = _same(changed.data, wanted)
        except CrossdockError:
            is_right = False
        if not is_right:
            raise UsageError(
                f"{self.path.name}: '{written(where)}' is written in a way that can't be changed from here; change it "
                "in the file by hand."
            )
        return changed

    def save(self, secrets: Mapping[str, str]) -> None:
        """Puts the file there at once, with its owner and mode kept, and the secrets before it. Raises CrossdockError.

        `secrets` are texts by the names of their files in the folder `secrets` beside it.
        """
        target = Path(os.path.realpath(self.path))
        folder = self.path.absolute().parent / SECRETS
        try:
            if secrets:
                folder.mkdir(mode=0o700, exist_ok=True)
            for name, secret in secrets.items():
                _put(folder / name, f"{secret}\n".encode(), 0o600)
            mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o600
            _put(target, self.text.encode(), mode)
        except OSError as error:
            raise CrossdockError(f"{error.filename or target} can't be written: {error.strerror}.") from error


def _put(path: Path, content: bytes, mode: int) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            about = path.stat()
            if (about.st_uid, about.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(beside, about.st_uid, about.st_gid)
        beside.chmod(mode)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


class _Nothing:
    """Stands for what isn't there."""


_NOTHING = _Nothing()


def _at(data: object, where: Where) -> object:
    for part in where:
        if not isinstance(data, dict) or part not in data:
            return _NOTHING
        data = data[part]
    return data


def _with(data: object, where: Where, value: object) -> object:
    """A copy of `data` with `value` at `where`."""
    changed = copy.deepcopy(data) if isinstance(data, dict) else {}
    inside: dict[object, object] = changed
    for part in where[:-1]:
        found = inside.get(part)
        if not isinstance(found, dict):
            found = inside[part] = {}
        inside = found
    if isinstance(value, _Nothing):
        inside.pop(where[-1], None)
    else:
        inside[where[-1]] = value
    return changed


def _same(one: object, other: object) -> bool:
    """Whether both say the same; a section with nothing in it is as good as one that isn't there."""
    return _trimmed(one) == _trimmed(other)


def _trimmed(data: object) -> object:
    if isinstance(data, dict):
        inner = {key: _trimmed(value) for key, value in data.items()}
        return {key: value for key, value in inner.items() if value not in (None, {})} or None
    return data


class _Editor:
    """Edits a text by the places that a YAML parser gives."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._lines = text.splitlines(keepends=True)
        self._root = yaml.compose(text, Loader=yaml.SafeLoader)

    def set(self, where: Where, value: Data) -> str:
        """The text with this value there."""
        node, missing = self._root, list(where)
        key: yaml.Node | None = None
        while missing and isinstance(node, yaml.MappingNode) and (found := _member(node, str(missing[0]))):
            (key, node), _ = found, missing.pop(0)
        if not missing and key is not None and node is not None:
            return self._replaced(key, node, value, where)
        for part in reversed(missing[1:]):
            value = {str(part): value}
        if node is None or (isinstance(node, yaml.ScalarNode) and not node.value) or _is_empty_flow(node):
            return self._begun(key, node, str(missing[0]), value)
        if not isinstance(node, yaml.MappingNode) or node.flow_style:
            raise UsageError(f"'{written(where)}' stands in braces on one line; change it in the file by hand.")
        column = node.value[0][0].start_mark.column
        return self._inserted(self._last_line(node) + 1, _block(str(missing[0]), value, column))

    def remove(self, where: Where) -> str:
        """The text without the key there."""
        node = self._root
        for part in where[:-1]:
            found = _member(node, str(part)) if isinstance(node, yaml.MappingNode) else None
            node = found[1] if found else None
        found = _member(node, str(where[-1])) if isinstance(node, yaml.MappingNode) else None
        if found is None or not isinstance(node, yaml.MappingNode) or node.flow_style:
            raise UsageError(f"'{written(where)}' stands in braces on one line; take it out of the file by hand.")
        first, last = found[0].start_mark.line, self._last_line(found[1], found[0])
        return "".join(self._lines[:first] + self._lines[last + 1 :])

    def _replaced(self, key: yaml.Node, node: yaml.Node, value: Data, where: Where) -> str:
        if isinstance(node, yaml.ScalarNode) and not isinstance(value, dict) and node.style not in ("|", ">"):
            start, end = node.start_mark, node.end_mark
            before = self._text[: start.index]
            gap = " " if before.endswith(":") else ""
            return f"{before}{gap}{_inline(value)}{self._text[end.index :]}"
        if isinstance(node, yaml.CollectionNode) and node.flow_style and not isinstance(value, dict):
            return f"{self._text[: node.start_mark.index]}{_inline(value)}{self._text[node.end_mark.index :]}"
        first, last = key.start_mark.line, self._last_line(node, key)
        block = _block(str(where[-1]), value, key.start_mark.column)
        return self._joined(self._lines[:first], block, self._lines[last + 1 :])

    def _begun(self, key: yaml.Node | None, node: yaml.Node | None, name: str, value: Data) -> str:
        """Where nothing stood yet: at the end of the file, or below a key that has no value."""
        if key is None or node is None:
            return self._inserted(len(self._lines), _block(name, value, 0))
        line = key.end_mark.line
        if _is_empty_flow(node):
            start, end = node.start_mark, node.end_mark
            text = f"{self._text[: start.index].rstrip(' ')}{self._text[end.index :]}"
            self._lines = text.splitlines(keepends=True)
        return self._inserted(line + 1, _block(name, value, key.start_mark.column + INDENT))

    def _inserted(self, at: int, block: Sequence[str]) -> str:
        return self._joined(self._lines[:at], block, self._lines[at:])

    def _joined(self, before: list[str], block: Sequence[str], after: list[str]) -> str:
        if before and not before[-1].endswith(("\n", "\r")):
            before = [*before[:-1], before[-1] + self._newline]
        return "".join([*before, *(line + self._newline for line in block), *after])

    def _last_line(self, node: yaml.Node, key: yaml.Node | None = None) -> int:
        """The last line of a value: its end, as a parser tells it, is where the next thing begins, behind comments."""
        first = (key or node).start_mark.line
        last = node.end_mark.line if node.end_mark.column else node.end_mark.line - 1
        if isinstance(node, yaml.CollectionNode) and not node.flow_style:
            last = min(last, len(self._lines) - 1)
            inner = [self._last_line(value, name) for name, value in _parts(node)]
            last = max(inner, default=last)
        return max(first, min(last, len(self._lines) - 1))


def _parts(node: yaml.CollectionNode) -> list[tuple[yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        return list(node.value)
    return [(one, one) for one in node.value]


def _member(node: yaml.MappingNode, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    return next(((key, value) for key, value in node.value if key.value == name), None)


def _is_empty_flow(node: yaml.Node | None) -> bool:
    return isinstance(node, yaml.MappingNode) and bool(node.flow_style) and not node.value


def _block(name: str, value: Data, column: int) -> list[str]:
    """The lines of a key with its value, indented so far."""
    start = " " * column
    if not isinstance(value, dict):
        return [f"{start}{_scalar(name)}: {_inline(value)}"]
    if not value:
        return [f"{start}{_scalar(name)}: {{}}"]
    inner = [line for key, one in value.items() for line in _block(key, one, column + INDENT)]
    return [f"{start}{_scalar(name)}:", *inner]


def _inline(value: Data) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if value is None:
        return "null"
    if value in ("true", "false"):  # how the file's readers take switches
        return str(value)
    return str(value) if isinstance(value, int) else _scalar(value)


def _scalar(text: str) -> str:
    if PLAIN.fullmatch(text) and text.lower() not in NOT_PLAIN:
        return text
    dumped = yaml.dump(text, Dumper=yaml.SafeDumper, default_style='"', allow_unicode=True, width=WIDEST)
    return dumped.rstrip("\n")
