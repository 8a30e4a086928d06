"""Puts papers together, in turn: what is drawn here, and what carriers gave, as it is."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import pikepdf

from crossdock.carrier import PDF, PNG, ZPL
from crossdock.config import PaperConfig
from crossdock.papers import label, pages, picklist, pickup, slip, zpl
from crossdock.papers.press import Filled, PaperError, Press
from crossdock.papers.sheets import LabelSheet, PickList, PickupSheet, Sheet, SlipSheet
from crossdock.yaml_source import shortened

NAMED = 5  # of the characters that no font has: whole sentences of them tell no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A label that a carrier gave. `media_type` says what `content` is."""

    media_type: str
    content: bytes = field(repr=False)


Leaf: TypeAlias = Sheet | Given


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What became of a leaf: `trouble` says why it can't be printed, `doubts` what is to be known of it, as clauses."""

    trouble: str | None = None
    doubts: tuple[str, ...] = ()


class PdfDocument:
    """A PDF of many leaves. Its methods compute for a while: call them in a thread, one at a time.

    `folder` is a private one for what is made on the way, so that little of it lies in memory.
    """

    def __init__(self, folder: Path, press: Press, papers: PaperConfig) -> None:
        self._folder = folder
        self._press = press
        self._papers = papers
        self._parts: list[Path] = []

    def add(self, leaves: Sequence[Leaf]) -> list[Bound]:
        """These come next; what became of each. One that can't be made leaves the others as they are."""
        outcomes, made = list[Bound](), list[bytes]()
        for kind, alike in groupby(leaves, type):
            for outcome, document in self._given(list(alike)) if kind is Given else self._drawn(list(alike)):
                outcomes.append(outcome)
                if document is not None:
                    made.append(document)
        if made:
            self._parts.append(self._part(made))
        return outcomes

    def save(self, to: Path) -> None:
        """Writes all that was added, which has to be something, to a file."""
        if len(self._parts) == 1:
            to.write_bytes(self._parts[0].read_bytes())
        else:
            _join(self._parts, to)

    def _part(self, made: Sequence[bytes]) -> Path:
        part = self._folder / f"{len(self._parts)}.pdf"
        if len(made) == 1:  # what a carrier gave stays as it is, byte for byte
            part.write_bytes(made[0])
        else:
            _join([io.BytesIO(one) for one in made], part)
        return part

    def _drawn(self, sheets: Sequence[Any]) -> Iterator[tuple[Bound, bytes | None]]:
        """Sheets of one kind are set in one go; one by one where one of them can't be."""
        template = _template_of(sheets[0], self._papers)
        filled = [template.filled(sheet) for sheet in sheets]
        doubts = [
            (*template.doubts(sheet), *_missing(self._press, one)) for sheet, one in zip(sheets, filled, strict=True)
        ]
        try:
            document = self._press.pdf(template.name, filled, template.setting)
        except PaperError:
            for one, known in zip(filled, doubts, strict=True):
                yield self._drawn_alone(template, one, known)
            return
        yield Bound(doubts=doubts[0]), document
        yield from ((Bound(doubts=known), None) for known in doubts[1:])

    def _drawn_alone(self, template: _Template, filled: Filled, doubts: tuple[str, ...]) -> tuple[Bound, bytes | None]:
        try:
            return Bound(doubts=doubts), self._press.pdf(template.name, [filled], template.setting)
        except PaperError as error:
            return Bound(trouble=str(error)), None

    def _given(self, labels: Sequence[Any]) -> Iterator[tuple[Bound, bytes | None]]:
        for given in labels:
            try:
                yield Bound(), self._as_pdf(given)
            except PaperError as error:
                yield Bound(trouble=str(error)), None

    def _as_pdf(self, given: Given) -> bytes:
        if given.media_type == PDF:
            return readable_pdf(given.content)
        if given.media_type == PNG:
            zpl.opened(given.content)
            picture = self._folder / "label.png"
            picture.write_bytes(given.content)
            return self._press.pdf("picture", [{"path": str(picture)}], label.setting(self._papers.label))
        if given.media_type == ZPL:
            raise PaperError(
                "its carrier gave it as ZPL, for thermal printers alone: print it to a file that ends .zpl"
            )
        raise _unknown(given)


def as_zpl(leaf: Leaf, press: Press, papers: PaperConfig, *, dpi: int) -> tuple[Bound, bytes]:
    """A label for a thermal printer with so many dots per inch, and what is to be known of it; nothing in trouble.

    Computes for a while.
    """
    try:
        if isinstance(leaf, LabelSheet):
            known = (*label.doubts(leaf), *_missing(press, label.filled(leaf)))
            return Bound(doubts=known), zpl.label(leaf, papers.label, dpi=dpi, press=press)
        if isinstance(leaf, Given) and leaf.media_type == ZPL:
            return Bound(), leaf.content
        if isinstance(leaf, Given) and leaf.media_type == PNG:
            return Bound(), zpl.picture(leaf.content, papers.label, dpi=dpi)
        if isinstance(leaf, Given) and leaf.media_type != PDF:
            raise _unknown(leaf)
        raise PaperError("it is a PDF, which a thermal printer doesn't take: print it to a file that ends .pdf")
    except PaperError as error:
        return Bound(trouble=str(error)), b""


def readable_pdf(content: bytes) -> bytes:
    """`content`, which is a PDF that has pages and can be read. Raises PaperError."""
    try:
        with pikepdf.open(io.BytesIO(content)) as document:
            pages_in_it = len(document.pages)
    except pikepdf.PdfError as error:
        raise PaperError("its carrier gave a PDF that can't be read") from error
    if not pages_in_it:
        raise PaperError("its carrier gave a PDF without a page")
    return content


@dataclass(frozen=True, slots=True)
class _Template:
    name: str
    filled: Callable[[Any], Filled]
    doubts: Callable[[Any], tuple[str, ...]]
    setting: Filled


def _template_of(sheet: Sheet, papers: PaperConfig) -> _Template:
    """What sheets of this kind are drawn by."""
    match sheet:
        case LabelSheet():
            return _Template("label", label.filled, label.doubts, label.setting(papers.label))
        case SlipSheet():
            return _Template("slip", slip.filled, slip.doubts, pages.setting(papers.page))
        case PickupSheet():
            return _Template("pickup", pickup.filled, pickup.doubts, pages.setting(papers.page))
        case PickList():
            return _Template("picklist", picklist.filled, picklist.doubts, pages.setting(papers.page))


def _missing(press: Press, filled: Filled) -> tuple[str, ...]:
    """A clause for the characters of a paper that no font has."""
    missing = press.fonts.missing("".join(_texts(filled)))
    if not missing:
        return ()
    named = [f"'{sign}' (U+{ord(sign):04X} {unicodedata.name(sign, 'without a name')})" for sign in sorted(missing)]
    return (f"no font has {', '.join(named[:NAMED])}{', …' if len(named) > NAMED else ''}: a box stands there instead",)


def _texts(filled: object) -> Iterator[str]:
    """All texts that a template sets: the values of `text` in it."""
    if isinstance(filled, dict):
        if isinstance(text := filled.get("text"), str):
            yield text
        for value in filled.values():
            yield from _texts(value)
    elif isinstance(filled, (list, tuple)):
        for value in filled:
            yield from _texts(value)


def _join(parts: Iterable[Path | io.BytesIO], to: Path) -> None:
    """Writes a PDF with the pages of all parts."""
    with ExitStack() as opened:
        whole = opened.enter_context(pikepdf.new())
        for part in parts:  # each stays open until the whole is written: only then are its pages read
            whole.pages.extend(opened.enter_context(pikepdf.open(part)).pages)
        whole.save(to)


def _unknown(given: Given) -> PaperError:
    return PaperError(f"its carrier gave it as '{shortened(given.media_type)}', which crossdock can't print")
