"""Slips for the shelf where goods wait for their buyer: what the template is filled with."""

from __future__ import annotations

from crossdock.papers.addresses import lines_of
from crossdock.papers.logo import logo_doubts, picture_of
from crossdock.papers.pages import by_family, day, options_of, order_bars, order_doubts, product_of
from crossdock.papers.press import Filled
from crossdock.papers.sheets import PickupSheet
from crossdock.papers.words import said


def filled(sheet: PickupSheet) -> Filled:
    """What the template `pickup` is filled with."""
    where, buyer = sheet.location, sheet.customer
    return {
        "store": said(sheet.store),
        "logo": picture_of(sheet.logo),
        "country": (where.country or "" if where else "").upper(),
        "buyer": said(buyer.name) or said(buyer.company),
        "phone": said(buyer.phone),
        "order": said(sheet.order),
        "bars": order_bars(sheet.order),
        "placed_on": day(sheet.placed_on),
        "location": [said(line) for line in lines_of(where, sent_from=where.country)] if where else [],
        "rows": [
            {
                "quantity": packed.quantity,
                "depth": depth,
                "sku": said(packed.line.sku),
                "name": product_of(packed.line),
                "options": options_of(packed.line),
            }
            for depth, packed in by_family(sheet.goods)
        ],
        "units": sum(packed.quantity for packed in sheet.goods),
    }


def doubts(sheet: PickupSheet) -> tuple[str, ...]:
    """What is to be known of a slip, in clauses."""
    return (*order_doubts(sheet.order), *logo_doubts(sheet.logo))
