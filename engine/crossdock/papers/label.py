"""Labels: what a sheet's template is filled with."""

from __future__ import annotations

from crossdock.config import LabelSize
from crossdock.papers.barcodes import code128
from crossdock.papers.press import Filled
from crossdock.papers.sheets import LabelSheet
from crossdock.papers.words import said

MILLIMETRES = {LabelSize.INCHES_4X6: (101.6, 152.4), LabelSize.A6: (105.0, 148.0)}


def filled(sheet: LabelSheet) -> Filled:
    """What the template `label` is filled with."""
    address = sheet.recipient
    return {
        "sender": [said(sheet.sender.name)] if sheet.sender else [],
        "recipient": [said(address.name), said(address.street), said(address.city)] if address else [],
        "carrier": said(sheet.carrier),
        "tracking_number": said(sheet.tracking_number),
        "bars": code128(sheet.tracking_number) if sheet.tracking_number else None,
    }


def setting(size: LabelSize) -> Filled:
    """What the template `label` is told of the paper."""
    width, height = MILLIMETRES[size]
    return {"width": width, "height": height}
