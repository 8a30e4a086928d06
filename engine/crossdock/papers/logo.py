"""The picture that a store has put on its slips, if it can be printed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypedDict

from PIL import Image

LARGEST = 4_000_000  # bytes
LARGEST_DOTS = 20_000_000
KINDS = {"PNG": "png", "JPEG": "jpg"}
UNREADABLE = "it is no picture that can be read"


class Picture(TypedDict):
    """Where a template finds a picture, and of which kind it is, whatever its name says."""

    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at a file showed: the kind of its picture, or why it can't be printed."""

    kind: str | None = None
    fault: str | None = None


def picture_of(logo: Path | None) -> Picture | None:
    """A logo as a template takes it; None where there is none that can be printed."""
    if logo is None or (kind := _look_at(logo).kind) is None:
        return None
    return {"path": str(logo.absolute()), "kind": kind}


def logo_doubts(logo: Path | None) -> tuple[str, ...]:
    """Why a logo is left out, as a clause, if it is."""
    if logo is None or (fault := _look_at(logo).fault) is None:
        return ()
    return (f"the logo {logo} is left out: {fault}",)


def _look_at(logo: Path) -> _Look:
    try:
        found = logo.stat()
    except (OSError, ValueError) as error:
        return _Look(fault=_in_words(error))
    return _look(logo, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=16)
def _look(logo: Path, size: int, _changed: int) -> _Look:
    """What is found is kept until the file changes: all slips of a store show one logo."""
    if size > LARGEST:
        return _Look(fault=f"it is larger than {LARGEST // 1_000_000} MB")
    try:
        content = logo.read_bytes()
        with Image.open(io.BytesIO(content)) as picture:
            if picture.format not in KINDS:
                return _Look(fault="it is neither PNG nor JPEG")
            if picture.width * picture.height > LARGEST_DOTS:
                return _Look(fault=f"it has {picture.width} × {picture.height} dots, which is too many")
            kind = KINDS[picture.format]
            picture.load()
        with Image.open(io.BytesIO(content)) as picture:
            picture.verify()  # the sums in a PNG: loading it doesn't look at all of them, and the typesetter does
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return _Look(fault=_in_words(error))
    return _Look(kind=kind)


def _in_words(error: Exception) -> str:
    """The system's words where it can't give the file; Pillow's speak of bytes."""
    why = getattr(error, "strerror", None)
    return UNREADABLE if why is None else f"{why[:1].lower()}{why[1:]}"
