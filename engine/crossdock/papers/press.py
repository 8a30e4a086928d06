"""Draws sheets: the templates in this folder, set by Typst with the fonts that come with crossdock and the system's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import typst

from crossdock.errors import CrossdockError
from crossdock.papers.fonts import Fonts

TEMPLATES = Path(__file__).parent / "templates"
AGES = 11  # the typesetter keeps what it laid out until so many compilations didn't need it: 0.5 MB a label
LARGE = 50_000  # characters of a filling from which on that is to be forgotten at once, which takes 25 ms

Filled: TypeAlias = Mapping[str, Any]
"""What a template is filled with: a JSON object whose texts went through `words`."""


class PaperError(CrossdockError):
    """A paper can't be made; the others can."""


class Press:
    """Draws filled templates. Each call computes for a while, and may be made in any thread."""

    def __init__(self, fonts: Fonts) -> None:
        self.fonts = fonts

    def pdf(self, template: str, sheets: Sequence[Filled], setting: Filled) -> bytes:
        """These sheets, one after another, as one PDF. Raises PaperError; memory grows with their number."""
        drawn = self._drawn(template, sheets, setting, format="pdf")
        assert isinstance(drawn, bytes)
        return drawn

    def pictures(self, template: str, sheets: Sequence[Filled], setting: Filled, *, dpi: int) -> list[bytes]:
        """The pages of these sheets as PNG files of `dpi` dots per inch. Raises PaperError."""
        drawn = self._drawn(template, sheets, setting, format="png", ppi=float(dpi))
        return drawn if isinstance(drawn, list) else [drawn]

    def _drawn(self, template: str, sheets: Sequence[Filled], setting: Filled, **wanted: Any) -> bytes | list[bytes]:
        compiler = typst.Compiler(root="/", font_paths=self.fonts.loaded, ignore_system_fonts=True)
        try:
            filling = {
                "sheets": msgspec.json.encode(sheets).decode(),
                "setting": msgspec.json.encode({"fonts": self.fonts.families, **setting}).decode(),
            }
            drawn = compiler.compile(
                input=TEMPLATES / f"{template}.typ", sys_inputs=filling, pdf_tags=False, timestamp=0, **wanted
            )
        except typst.TypstError as error:
            raise PaperError(f"it can't be drawn: {error.message}") from error
        except UnicodeEncodeError as error:
            raise PaperError("it can't be drawn: something on it is no text") from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # what a bug in Rust arrives as, and has no name to import
                raise
            raise PaperError("it can't be drawn: the typesetter failed") from error
        assert drawn is not None
        if len(filling["sheets"]) > LARGE:
            for _ in range(AGES):
                compiler.compile(input=b"", format="svg")
        return drawn
