"""`${NAME}` and `${file:PATH}` in texts, replaced by what they stand for; that never appears in a message."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path

from crossdock.yaml_source import Data, Document, Where, shortened

LARGEST_SECRET = 64 * 1024  # bytes; keys and certificates are far below, and a wrong path should not fill the memory

REFERENCE = re.compile(r"\$\$\{|\$\{(?P<inside>[^}]*)\}?")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
HOW = "write ${NAME} for an environment variable, ${file:PATH} for a file's content, or $${ for ${ itself"


class References:
    """Fills in the references of one part of a document, a store or a section, and remembers where it did so.

    Attributes:
        filled: What stands for a reference now, by the place of the text around it, with that whole text at the end.
        failed: The places of texts whose references could not be filled in; they are left as they were written.
        empty: Why a text is empty now, by its place.
        files: The files that were referred to, found or not.
    """

    def __init__(self, document: Document, folder: Path, environ: Mapping[str, str]) -> None:
        self.filled: dict[Where, tuple[str, ...]] = {}
        self.failed: set[Where] = set()
        self.empty: dict[Where, str] = {}
        self.files: list[Path] = []
        self._document = document
        self._folder = folder
        self._environ = environ

    def fill(self, data: Data, where: Where) -> Data:
        """`data`, which lies at `where`, with all references in its texts replaced, in place."""
        if isinstance(data, dict):
            for key, value in data.items():
                if not isinstance(value, int):  # the values that are left alone are many
                    data[key] = self.fill(value, (*where, key))
        elif isinstance(data, list):
            data[:] = [self.fill(value, (*where, index)) for index, value in enumerate(data)]
        elif isinstance(data, str) and "${" in data:
            return self._text(data, where)
        return data

    def _text(self, text: str, where: Where) -> str:
        pieces: list[str] = []

        def piece(found: re.Match[str]) -> str:
            if found[0] == "$${":
                return "${"
            pieces.append(self._value(found))
            return pieces[-1]

        try:
            whole = REFERENCE.sub(piece, text)
        except _Unfilled as unfilled:
            self.failed.add(where)
            self.filled[where] = ()
            self._document.report(where, str(unfilled))
            return text
        if pieces:
            self.filled[where] = (*pieces, whole)
            if not whole.strip():
                self.empty[where] = f"{_source(text)} is empty"
        return whole

    def _value(self, found: re.Match[str]) -> str:
        inside = found["inside"].strip()
        if not found[0].endswith("}"):
            raise _Unfilled("a '}' is missing after '${'; " + HOW)
        if inside.startswith("file:") and "${" not in inside and inside.removeprefix("file:").strip():
            path = self._folder / inside.removeprefix("file:").strip()
            self.files.append(path)
            return _content(path)
        if NAME.fullmatch(inside) is None:
            raise _Unfilled("what stands in '${…}' is not understood; " + HOW)
        if inside not in self._environ:
            raise _Unfilled(f"the environment variable {inside} is not set")
        return self._environ[inside]


class _Unfilled(Exception):
    """Why a reference could not be filled in."""


def _source(text: str) -> str:
    """The first reference in `text`, in words."""
    found = next(one for one in REFERENCE.finditer(text) if one["inside"])
    inside = found["inside"].strip()
    if inside.startswith("file:"):
        return f"the file {shortened(inside.removeprefix('file:').strip())}"
    return f"the environment variable {inside}"


def _content(path: Path) -> str:
    """The text in the file without line breaks at its end."""
    shown = shortened(str(path), 200)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited on for ever
            raise _Unfilled(f"{shown} is not a file")
        with path.open("rb") as file:
            content = file.read(LARGEST_SECRET + 1)
        if len(content) > LARGEST_SECRET:
            raise _Unfilled(f"the file {shown} is larger than {LARGEST_SECRET // 1024} KiB")
        return content.decode("utf-8-sig").rstrip("\r\n")
    except FileNotFoundError:
        raise _Unfilled(f"there is no file {shown}") from None
    except UnicodeDecodeError:
        raise _Unfilled(f"the file {shown} is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its name is not valid"
        raise _Unfilled(f"the file {shown} can't be read: {why}") from None
