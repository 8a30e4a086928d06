"""Pages of A4 and Letter: what slips and pick lists have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from crossdock.config import PageSize
from crossdock.model import Line
from crossdock.papers.barcodes import Drawing, bars
from crossdock.papers.press import Filled
from crossdock.papers.sheets import Packed
from crossdock.papers.words import Words, clean, said

MILLIMETRES = {PageSize.A4: (210.0, 297.0), PageSize.LETTER: (215.9, 279.4)}
CODE_ROOM = 80.0  # millimetres for the bar code of an order's number
NARROWEST = 2  # dots a module: hand-held scanners don't read finer ones off a page
LONGEST_NAME = 300  # characters: names are for telling products apart
LONGEST_OPTIONS = 1_000  # what is to be engraved on a product is among them
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def setting(size: PageSize) -> Filled:
    """What the templates of pages are told of the paper, in millimetres."""
    width, height = MILLIMETRES[size]
    return {"width": width, "height": height}


def day(moment: date) -> str:
    """`1 May 2026`: a day as it's read alike in every country."""
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def order_bars(order: str) -> Drawing | None:
    """The number of an order as a bar code that a scanner at the bench reads; None where there can't be one."""
    drawing = bars(clean(order), within=CODE_ROOM)
    return drawing if drawing and drawing["dots"] >= NARROWEST else None


def order_doubts(order: str) -> tuple[str, ...]:
    """That the number of an order is no bar code, as a clause, if it's none."""
    if order_bars(order) is not None:
        return ()
    return ("its order number can't be a bar code, so it stands there as text alone",)


def product_of(line: Line) -> Words | None:
    """What a product is called."""
    return said(line.name, longest=LONGEST_NAME)


def options_of(line: Line) -> Words | None:
    """`Size: L · Colour: Blue`: what was chosen of a product, each once; not what only the customs ask for."""
    chosen = {name: value for name, value in line.options.items() if value != line.hs_code}
    told = {value.casefold() for value in chosen.values()}
    for name, value in (("Size", line.size), ("Colour", line.colour)):
        if value and value.casefold() not in told:
            chosen[name] = value
    return said(" · ".join(f"{name}: {value}" for name, value in chosen.items()), longest=LONGEST_OPTIONS)


def by_family(goods: Sequence[Packed]) -> Iterator[tuple[int, Packed]]:
    """Each of `goods` once, the parts of a bundle after it, with how many bundles each is a part of."""
    parts = dict[str | None, list[Packed]]()
    there = {packed.line.id for packed in goods}
    for packed in goods:
        parent = packed.line.parent_id
        parts.setdefault(parent if parent in there else None, []).append(packed)
    for bundle in (None, *parts):  # all but None are left only where lines are parts of each other: none may be lost
        waiting = [(0, packed) for packed in reversed(parts.pop(bundle, []))]
        while waiting:
            depth, packed = waiting.pop()
            yield depth, packed
            waiting.extend((depth + 1, part) for part in reversed(parts.pop(packed.line.id, [])))
