"""Labels: what stands on a sheet, and what its template is filled with."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from crossdock.config import LabelSize
from crossdock.papers.addresses import lines_of
from crossdock.papers.barcodes import MILLIMETRES_A_DOT, Drawing, bars, qr
from crossdock.papers.press import Filled
from crossdock.papers.sheets import LabelSheet, Packed
from crossdock.papers.words import Words, clean, said

MILLIMETRES = {LabelSize.INCHES_4X6: (101.6, 152.4), LabelSize.A6: (104.976, 148.0)}
"""A6 is 105 mm wide, or 839.2 dots of a printer; what draws a page of 839 needn't stretch it, which would blur bars."""
MARGIN = 4.0  # millimetres: cheap printers don't reach the edge
QR_ROOM = 26.0  # millimetres: below the tracking number on the shorter paper
LONGEST = 200  # characters of a line of an address, or of a number: so many have room, if in tiny letters
LEGIBLE = (45, 18)  # a recipient in letters of 6 points has so many rows, of so many times their height
MOST_GOODS = 12  # lines that are legible below the codes
PACE = 4  # characters of a tracking number between two gaps


def filled(sheet: LabelSheet) -> Filled:
    """What the template `label` is filled with."""
    to = recipient(sheet)
    return {
        "store": said(sheet.store),
        "sender": _said(sender(sheet)),
        "recipient": _said(to),
        "addressee": _addressee(sheet, to),
        "country": clean(sheet.recipient.country or "").upper() if sheet.recipient else "",
        "carrier": said(sheet.carrier),
        "service": said(sheet.service),
        "order": said(f"Order {sheet.order}"),
        "waits": sheet.waits,
        "number": said(spaced(sheet.tracking_number), longest=LONGEST),
        "bars": _bars(sheet),
        "qr": qr(sheet.tracking_link, within=QR_ROOM) if sheet.tracking_link else None,
        "goods": [said(described(one)) for one in sheet.goods[:MOST_GOODS]],
        "more": max(0, len(sheet.goods) - MOST_GOODS),
    }


def setting(size: LabelSize) -> Filled:
    """What the template `label` is told of the paper, in millimetres."""
    width, height = MILLIMETRES[size]
    return {"width": width, "height": height, "margin": MARGIN, "dot": MILLIMETRES_A_DOT}


def doubts(sheet: LabelSheet) -> tuple[str, ...]:
    """What is to be known of a label, in clauses."""
    found = []
    code = _bars(sheet)
    if sheet.tracking_number and code is None:
        found.append("its tracking number can't be a bar code, so it stands there as text alone")
    if code is not None and code["dots"] == 1:
        found.append("its tracking number is so long that its bars are the finest there are: see whether they scan")
    if sheet.tracking_link and qr(sheet.tracking_link, within=QR_ROOM) is None:
        found.append("its tracking link is too long for a QR code, or no link, so it has none")
    if len(spaced(sheet.tracking_number) or "") > LONGEST:
        found.append("its tracking number is too long for a label and was shortened, which shows as …")
    to = recipient(sheet)
    if any(len(line) > LONGEST for line in (*sender(sheet), *to)):
        found.append("an address is too long for a label and was shortened, which shows as …")
    elif sum(_rows(line) for line in to) > LEGIBLE[1]:
        found.append("its address is so long that it's in tiny letters")
    return tuple(found)


def sender(sheet: LabelSheet) -> tuple[str, ...]:
    """Who sends, line by line; by the store's name where no other is known."""
    if sheet.sender is None:
        return (clean(sheet.store),)
    who = sheet.sender if sheet.sender.name or sheet.sender.company else replace(sheet.sender, name=sheet.store)
    to = sheet.recipient.country if sheet.recipient else None
    return lines_of(who, sent_from=to or who.country)


def recipient(sheet: LabelSheet) -> tuple[str, ...]:
    """Who receives, line by line."""
    if sheet.recipient is None:
        return ()
    return lines_of(sheet.recipient, sent_from=sheet.sender.country if sheet.sender else None)


def described(packed: Packed) -> str:
    """`2 × MUG-1 Mug, L, Blue`: goods as a packer knows them."""
    line = packed.line
    parts = [f"{packed.quantity} ×", line.sku or "", line.name]
    return " ".join(part for part in parts if part) + "".join(f", {one}" for one in (line.size, line.colour) if one)


def spaced(number: str | None) -> str | None:
    """A tracking number with gaps, as people read it aloud; as it is where it has its own."""
    cleaned = clean(number or "")
    if not cleaned.isascii() or not cleaned.isalnum():
        return cleaned or None
    return " ".join(cleaned[start : start + PACE] for start in range(0, len(cleaned), PACE))


def _said(lines: Sequence[str]) -> list[Words | None]:
    return [said(line, longest=LONGEST) for line in lines]


def _addressee(sheet: LabelSheet, lines: Sequence[str]) -> int | None:
    """Which of the recipient's lines says who that is."""
    names = [clean(name) for name in (sheet.recipient.name, sheet.recipient.company) if name] if sheet.recipient else []
    return next((lines.index(name) for name in names if name in lines), None)


def _rows(line: str) -> int:
    """How many rows of a label a line takes in letters of 6 points, about."""
    width = sum(1 if unicodedata.east_asian_width(sign) in "WF" else 0.6 for sign in line)
    return int(width // LEGIBLE[0]) + 1


def _bars(sheet: LabelSheet) -> Drawing | None:
    room = min(width for width, _ in MILLIMETRES.values()) - 2 * MARGIN
    return bars(clean(sheet.tracking_number or ""), within=room)
