"""Texts as they can be set: without what has no shape, and with the direction that each is read in."""

from __future__ import annotations

import re
import unicodedata
from typing import TypedDict

LONGEST = 100  # characters of one line: more of them can't be read on any paper
LONGEST_MESSAGE = 2_000
MOST = 5_000  # characters that are looked at: to compose so many takes 20 ms at most, and 100,000 took seconds
LONG_WORD = re.compile(r"[^\s\-]{16,}|\S{30,}")  # a hyphen is a place to part by itself, but not before a figure
BREAK = "\u200b"  # a word may be parted there: texts without a space must not run into what stands beside them
KEPT_FORMATS = frozenset("\u200c\u200d\u200e\u200f" + BREAK)  # joiners shape letters; marks of direction are harmless
TAGS = range(0xE0020, 0xE0080)  # flags of regions are made of them


class Words(TypedDict):
    """A text for a template, and whether it's read from right to left."""

    text: str
    rtl: bool


def said(text: str | None, *, longest: int = LONGEST) -> Words | None:
    """One line, as a template takes it; None for nothing."""
    cleaned = shortened(clean(text or ""), longest)
    return {"text": LONG_WORD.sub(_with_breaks, cleaned), "rtl": is_rtl(cleaned)} if cleaned else None


def paragraphs(text: str | None) -> list[Words]:
    """A message line by line, as a template takes it."""
    kept = shortened(text or "", LONGEST_MESSAGE)
    return [line for one in kept.splitlines() if (line := said(one, longest=LONGEST_MESSAGE)) is not None]


def clean(text: str) -> str:
    """`text` in one line, composed, without what has no shape or turns round what stands beside it."""
    kept = "".join(" " if sign.isspace() else sign for sign in text[:MOST] if _has_place(sign))
    return " ".join(unicodedata.normalize("NFC", kept).split())


def shortened(text: str, longest: int) -> str:
    """`text`, which ends with … where it was longer."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def is_rtl(text: str) -> bool:
    """Whether a text is read from right to left: whether its first letter is (UAX #9, rules P2 and P3)."""
    for sign in text:
        direction = unicodedata.bidirectional(sign)
        if direction in ("L", "R", "AL"):
            return direction != "L"
    return False


def _has_place(sign: str) -> bool:
    if sign.isspace() or sign in KEPT_FORMATS or ord(sign) in TAGS:
        return True
    code = ord(sign)
    is_noncharacter = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    return not is_noncharacter and unicodedata.category(sign) not in ("Cc", "Cf", "Cs")


def _with_breaks(word: re.Match[str]) -> str:
    signs = enumerate(word[0])
    return "".join(BREAK + sign if place and place % 8 == 0 and _begins(sign) else sign for place, sign in signs)


def _begins(sign: str) -> bool:
    """Whether a character stands by itself, and isn't put onto the one before it."""
    return unicodedata.category(sign) not in ("Mn", "Mc", "Me", "Cf", "Sk")
