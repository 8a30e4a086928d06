"""Bar codes as drawings, in whole dots of a printer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from typing import TypedDict
from urllib.parse import quote

import segno
from barcode.charsets.code128 import CODES, STOP

DPI = 203  # of most thermal printers; at 300 and 600 a module is no whole number of dots, and wide enough not to matter
MILLIMETRES_A_DOT = 25.4 / DPI
QUIET_BARS = 10  # modules that stay white at each side of Code 128 (ISO/IEC 15417)
QUIET_SQUARES = 4  # modules that stay white around a QR code (ISO/IEC 18004)
PAIRS = re.compile(r"^[0-9]{2}$|^(?:[0-9]{2}){2,}|(?:[0-9]{2}){2,}$|(?:[0-9]{2}){3,}")
START_B, START_C, TO_B, TO_C = 104, 105, 100, 99
ASCII = "".join(map(chr, range(0x20, 0x7F)))
LARGEST_QR = 3_000  # characters: more are in no QR code


class Drawing(TypedDict):
    """A drawing in SVG, its width on paper, and how many dots wide a module is."""

    svg: str
    millimetres: float
    dots: int


def bars(text: str, *, within: float, widest: int = 3) -> Drawing | None:
    """`text` in Code 128, with quiet zones, at most `within` millimetres wide; None where it can't be said like that.

    A module is `widest` dots wide, or as many as there is room for.
    """
    modules = code128(text)
    if modules is None:
        return None
    count = len(modules) + 2 * QUIET_BARS
    dots = min(widest, int(within / MILLIMETRES_A_DOT) // count)
    if dots < 1:
        return None
    return {
        "svg": _svg(count, 1, _runs(modules, QUIET_BARS, 0)),
        "millimetres": count * dots * MILLIMETRES_A_DOT,
        "dots": dots,
    }


@lru_cache(maxsize=128)  # which mask suits a code best takes 2 ms to find, and a label asks twice
def qr(link: str, *, within: float, widest: int = 5) -> Drawing | None:
    """A link as a QR code, with its quiet zone, at most `within` millimetres wide; None where there is no room for it.

    A module has `widest` dots at each side, or as many as there is room for, at least two.
    """
    if len(link) > LARGEST_QR or not link.isprintable():
        return None
    try:
        matrix = segno.make_qr(in_ascii(link), error="m").matrix
    except segno.DataOverflowError:
        return None
    count = len(matrix) + 2 * QUIET_SQUARES
    dots = min(widest, int(within / MILLIMETRES_A_DOT) // count)
    if dots < 2:
        return None
    rows = (_runs([str(bit) for bit in row], QUIET_SQUARES, QUIET_SQUARES + y) for y, row in enumerate(matrix))
    return {
        "svg": _svg(count, count, "".join(rows)),
        "millimetres": count * dots * MILLIMETRES_A_DOT,
        "dots": dots,
    }


def in_ascii(link: str) -> str:
    """A link in characters that every scanner takes alike: for others it has to guess how they are written."""
    return quote(link, safe=ASCII)


def code128(text: str) -> str | None:
    """The modules of `text` in Code 128, "1" for a bar; None where that code hasn't its characters."""
    if not text.isascii() or not text.isprintable() or not text:
        return None
    symbols = _symbols(text)
    check = (symbols[0] + sum(place * symbol for place, symbol in enumerate(symbols))) % 103
    return f"{''.join(CODES[symbol] for symbol in (*symbols, check))}{STOP}11"


def _symbols(text: str) -> list[int]:
    """What says `text`, beginning with its start: pairs of digits in subset C where that's shorter, all else in B.

    Not by python-barcode, whose tables these are: 0.16.1 loses the 99 that a number begins with.
    """
    found, done = list[int](), 0
    for pairs in (*PAIRS.finditer(text), None):
        plain = text[done : pairs.start() if pairs else None]
        if plain:
            found += [TO_B if found else START_B, *(ord(sign) - ord(" ") for sign in plain)]
        if pairs:
            found += [TO_C if found else START_C, *(int(pair) for pair in re.findall("..", pairs[0]))]
            done = pairs.end()
    return found


def _runs(modules: Iterable[str], x: int, y: int) -> str:
    """A path over the black ones in a row of modules that begins at (x, y)."""
    path = []
    for bit, run in groupby(modules):
        width = len(list(run))
        if bit == "1":
            path.append(f"M{x} {y}h{width}v1h-{width}z")
        x += width
    return "".join(path)


def _svg(width: int, height: int, path: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" preserveAspectRatio="none"'
        f' width="{width}" height="{height}" shape-rendering="crispEdges"><path d="{path}"/></svg>'
    )
