"""Pick lists: what is to be fetched from the shelves for many orders, in the order of the shelves."""

from __future__ import annotations

import re
from collections.abc import Iterable

from crossdock.model import Line
from crossdock.papers.pages import day, options_of, product_of
from crossdock.papers.press import Filled
from crossdock.papers.sheets import Pick, PickList
from crossdock.papers.words import clean, said


def picks_of(wanted: Iterable[tuple[str, Line, int]]) -> tuple[Pick, ...]:
    """What is to be fetched for orders, of which the number, a line and how many units of it are given.

    The same product is one pick. They come as people walk along the shelves, A2 before A10, those without a bin last.
    """
    lines = dict[tuple[object, ...], Line]()
    units = dict[tuple[object, ...], dict[str, int]]()
    for order, line, quantity in wanted:
        product = (line.bin, line.sku, line.name, line.size, line.colour, frozenset(line.options.items()))
        lines.setdefault(product, line)
        orders = units.setdefault(product, {})
        orders[order] = orders.get(order, 0) + quantity
    picks = [
        Pick(line=line, quantity=sum(units[product].values()), orders=tuple(units[product].items()))
        for product, line in lines.items()
    ]
    return tuple(sorted(picks, key=_place))


def filled(sheet: PickList) -> Filled:
    """What the template `picklist` is filled with."""
    return {
        "store": said(sheet.store),
        "country": "",
        "made_on": day(sheet.made_on),
        "orders": len(sheet.orders),
        "units": sum(pick.quantity for pick in sheet.picks),
        "rows": [
            {
                "quantity": pick.quantity,
                "bin": said(pick.line.bin),
                "sku": said(pick.line.sku),
                "name": product_of(pick.line),
                "options": options_of(pick.line),
                "orders": [{"order": said(order), "quantity": quantity} for order, quantity in pick.orders],
            }
            for pick in sheet.picks
        ],
    }


def doubts(sheet: PickList) -> tuple[str, ...]:
    """What is to be known of a list, in clauses: nothing."""
    del sheet
    return ()


def _place(pick: Pick) -> tuple[object, ...]:
    line = pick.line
    place = clean(line.bin or "")
    return (not place, _counted(place), _counted(clean(line.sku or "")), line.name, line.size or "", line.id)


def _counted(text: str) -> tuple[object, ...]:
    """A key that sorts `text` as people count: by turns what stands before a number, and the number."""
    parts = re.split(r"(\d+)", text.casefold())
    return tuple(_figures(part) if number % 2 else part for number, part in enumerate(parts))


def _figures(digits: str) -> tuple[int, str]:
    kept = digits.lstrip("0")  # not int(): that refuses thousands of digits
    return len(kept), kept
