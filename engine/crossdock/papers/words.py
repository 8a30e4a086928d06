"""Texts as they can be set: without what has no shape, and with the direction that each is read in."""

from __future__ import annotations

import unicodedata
from typing import TypedDict


class Words(TypedDict):
    """A text for a template, and whether it's read from right to left."""

    text: str
    rtl: bool


def said(text: str | None) -> Words | None:
    """One line, as a template takes it; None for nothing."""
    cleaned = clean(text or "")
    return {"text": cleaned, "rtl": is_rtl(cleaned)} if cleaned else None


def clean(text: str) -> str:
    """`text` in one line, composed, without control characters."""
    composed = unicodedata.normalize("NFC", text)
    return " ".join("".join(" " if sign.isspace() else sign for sign in composed if _has_shape(sign)).split())


def is_rtl(text: str) -> bool:
    """Whether a text is read from right to left: whether its first letter is (UAX #9, rules P2 and P3)."""
    for sign in text:
        direction = unicodedata.bidirectional(sign)
        if direction in ("L", "R", "AL"):
            return direction != "L"
    return False


def _has_shape(sign: str) -> bool:
    return sign.isspace() or unicodedata.category(sign) not in ("Cc", "Cs")
