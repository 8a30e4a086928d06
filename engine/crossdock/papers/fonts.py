"""The fonts that papers are set in: those that come with crossdock and the system's, and what none of them has."""

from __future__ import annotations

import logging
import threading
import unicodedata
from functools import cached_property
from pathlib import Path

import typst
from fontTools.ttLib import TTFont

log = logging.getLogger("crossdock.papers")

VENDORED = Path(__file__).parent / "vendor" / "fonts"
LETTERS = ("Noto Sans", "Noto Sans Arabic", "Noto Sans Hebrew")
REST = ("Droid Sans Fallback", "Noto Emoji")
HAN = {"CN": "SC", "JP": "JP", "KR": "KR", "TW": "TC", "HK": "HK", "MO": "HK"}
"""Whose forms of Han characters a country reads, as fonts are called that know them."""
ANYWHERE = ""
FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")  # of Hangul and Khmer, and what joins marks


class Fonts:
    """The fonts at hand. `with_system` is whether those that the system has installed count, too."""

    def __init__(self, *, with_system: bool = True) -> None:
        self._with_system = with_system
        self._lock = threading.Lock()
        self._covered: set[int] = set()
        self._unread: list[tuple[str, int]] | None = None

    @cached_property
    def loaded(self) -> typst.Fonts:
        """All of them, as the typesetter takes them."""
        return typst.Fonts(include_system_fonts=self._with_system, include_embedded_fonts=False, font_paths=[VENDORED])

    @cached_property
    def families(self) -> dict[str, list[str]]:
        """Which are tried first, in turn, for a country (ISO 3166) or `ANYWHERE`; others have what these haven't."""
        there = set(self.loaded.families())
        forms = sorted(set(HAN.values()))
        found = {}
        for country in (ANYWHERE, *HAN):
            own = HAN.get(country, "SC")
            han = [f"Noto Sans {kind}{form}" for form in (own, *forms) for kind in ("CJK ", "")]
            found[country] = [family for family in dict.fromkeys((*LETTERS, *han, *REST)) if family in there]
        return found

    def missing(self, text: str) -> set[str]:
        """The characters of `text` that no font has."""
        with self._lock:
            wanted = {ord(sign) for sign in set(text) if not _is_unseen(sign)} - self._covered
            while wanted and self._read_another():
                wanted -= self._covered
        return {chr(code) for code in wanted}

    def _read_another(self) -> bool:
        """Whether there was a font left whose characters weren't known; those that are tried first are read first."""
        if self._unread is None:
            rank = {family: place for place, family in enumerate(self.families[ANYWHERE])}
            files = [font for font in self.loaded.fonts() if font.path is not None]
            files.sort(key=lambda font: rank.get(font.family, len(rank)), reverse=True)
            self._unread = list(dict.fromkeys((str(font.path), font.index) for font in files))
        if not self._unread:
            return False
        path, index = self._unread.pop()
        try:
            with TTFont(path, fontNumber=index, lazy=True) as font:
                self._covered.update(font.getBestCmap() or ())
        except Exception as error:  # fontTools raises whatever a broken file of the system makes it stumble over
            log.info("the font %s can't be read (%s)", path, error)
        return True


def _is_unseen(sign: str) -> bool:
    """Whether a character is drawn by no glyph of its own."""
    if sign.isspace() or sign in FILLERS or unicodedata.category(sign) == "Cf":
        return True
    return "VARIATION SELECTOR" in unicodedata.name(sign, "")
