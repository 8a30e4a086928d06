"""The fonts that papers are set in: those that come with crossdock and the system's, and what none of them has."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import typst
from fontTools.ttLib import TTFont

VENDORED = Path(__file__).parent / "vendor" / "fonts"
PREFERRED = (  # of those that are there; what they can't show is looked for in all the others
    "Noto Sans",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Droid Sans Fallback",
    "Noto Emoji",
)


class Fonts:
    """The fonts at hand. `with_system` is whether those that the system has installed count, too."""

    def __init__(self, *, with_system: bool = True) -> None:
        self._with_system = with_system
        self._covered: set[int] = set()
        self._unread: list[tuple[str, int]] | None = None

    @cached_property
    def loaded(self) -> typst.Fonts:
        """All of them, as the typesetter takes them."""
        return typst.Fonts(include_system_fonts=self._with_system, include_embedded_fonts=False, font_paths=[VENDORED])

    @cached_property
    def families(self) -> list[str]:
        """Which are tried first, in turn."""
        there = set(self.loaded.families())
        return [family for family in PREFERRED if family in there]

    def missing(self, text: str) -> set[str]:
        """The characters of `text` that no font has."""
        wanted = {ord(sign) for sign in text} - self._covered
        while wanted and self._read_another():
            wanted -= self._covered
        return {chr(code) for code in wanted}

    def _read_another(self) -> bool:
        """Whether there was a font left whose characters weren't known yet: the preferred ones are read first."""
        if self._unread is None:
            rank = {family: place for place, family in enumerate(PREFERRED)}
            known = [font for font in self.loaded.fonts() if font.path is not None]
            known.sort(key=lambda font: -rank.get(font.family, len(rank)))
            self._unread = list(dict.fromkeys((str(font.path), font.index) for font in known))
        if not self._unread:
            return False
        path, index = self._unread.pop()
        with TTFont(path, fontNumber=index, lazy=True) as font:
            self._covered.update(font.getBestCmap() or ())
        return True
