"""Packing slips: what the template is filled with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from crossdock.config import SlipColumn
from crossdock.model import Line
from crossdock.papers.addresses import lines_of
from crossdock.papers.logo import logo_doubts, picture_of
from crossdock.papers.pages import by_family, day, options_of, order_bars, order_doubts, product_of
from crossdock.papers.press import Filled
from crossdock.papers.sheets import Packed, SlipSheet
from crossdock.papers.words import Words, clean, paragraphs, said

HEADINGS = {
    SlipColumn.SKU: "SKU",
    SlipColumn.BARCODE: "Barcode",
    SlipColumn.BIN: "Bin",
    SlipColumn.NAME: "Product",
    SlipColumn.OPTIONS: "Options",
    SlipColumn.WEIGHT: "Weight",
    SlipColumn.ORDERED: "Ordered",
}
WEIGHTS = {SlipColumn.NAME: 4, SlipColumn.OPTIONS: 3, SlipColumn.SKU: 2, SlipColumn.BARCODE: 2}
"""How columns share what is left of a page; 1 for the others."""
LEAST = {SlipColumn.NAME: 30, SlipColumn.SKU: 26, SlipColumn.BARCODE: 28}
"""Millimetres that columns which need them get before that; 18 for the others."""
FIGURES = frozenset({SlipColumn.WEIGHT, SlipColumn.PRICE, SlipColumn.ORDERED})
A_KILOGRAM = 1_000
MOST_LINES = 40  # of a message


def filled(sheet: SlipSheet) -> Filled:
    """What the template `slip` is filled with."""
    columns = columns_of(sheet)
    sent_from = sheet.sender.country if sheet.sender else None
    return {
        "store": said(sheet.store),
        "logo": picture_of(sheet.logo),
        "sender": [said(line) for line in lines_of(sheet.sender, sent_from=sent_from)] if sheet.sender else [],
        "recipient": [said(line) for line in lines_of(sheet.recipient, sent_from=sent_from)] if sheet.recipient else [],
        "country": (sheet.recipient.country or "" if sheet.recipient else "").upper(),
        "order": said(sheet.order),
        "bars": order_bars(sheet.order),
        "placed_on": day(sheet.placed_on),
        "service": said(sheet.service),
        "columns": [_heading(column, sheet.currency) for column in columns],
        "speaking": columns.index(SlipColumn.NAME) if SlipColumn.NAME in columns else 0,
        "rows": [_row(depth, packed, columns) for depth, packed in by_family(sheet.goods)],
        "units": sum(packed.quantity for packed in sheet.goods),
        "gifts": _gifts(sheet),
        "message": _message(sheet.message),
    }


def doubts(sheet: SlipSheet) -> tuple[str, ...]:
    """What is to be known of a slip, in clauses."""
    return (*order_doubts(sheet.order), *logo_doubts(sheet.logo))


def columns_of(sheet: SlipSheet) -> tuple[SlipColumn, ...]:
    """The columns of a slip: those of the setting, but no prices where anything in the parcel is a gift.

    What is in the parcel has to be told: where prices were all there was, it's by its name.
    """
    is_gift = any(packed.line.gift_wrap or packed.line.gift_message for packed in sheet.goods)
    kept = tuple(column for column in sheet.columns if not (is_gift and column is SlipColumn.PRICE))
    return kept or (SlipColumn.NAME,)


def _heading(column: SlipColumn, currency: str) -> Filled:
    words = f"{currency} each" if column is SlipColumn.PRICE else HEADINGS[column]
    return {
        "heading": said(words),
        "weight": WEIGHTS.get(column, 1),
        "least": LEAST.get(column, 18),
        "is_figure": column in FIGURES,
    }


def _row(depth: int, packed: Packed, columns: tuple[SlipColumn, ...]) -> Filled:
    return {
        "quantity": packed.quantity,
        "depth": depth,
        "cells": [TELLS[column](packed) for column in columns],
        "wrap": said(packed.line.gift_wrap),
    }


def _weight(line: Line, quantity: int) -> str:
    """`350 g` or `1.25 kg`: what the units of a line in the parcel weigh together; nothing where it isn't known."""
    if line.weight_grams is None:
        return ""
    grams = line.weight_grams * quantity
    return f"{grams:,.0f} g" if grams < A_KILOGRAM else f"{grams / A_KILOGRAM:,.2f} kg"


def _amount(price: Decimal | None) -> str:
    return "" if price is None else f"{price:f}"


def _gifts(sheet: SlipSheet) -> list[Filled]:
    """The messages of gifts, each once, with the names of the products that it comes with."""
    given = dict[str, dict[str, None]]()
    for packed in sheet.goods:
        if packed.line.gift_message:
            given.setdefault(packed.line.gift_message, {})[packed.line.name] = None
    return [
        {"with": said(", ".join(names)), "message": lines}
        for message, names in given.items()
        if (lines := _message(message))
    ]


def _message(text: str | None) -> list[Words]:
    """A message in its own lines; in one where they would take pages."""
    lines = paragraphs(text)
    return lines if len(lines) <= MOST_LINES else paragraphs(clean(text or ""))


TELLS: Mapping[SlipColumn, Callable[[Packed], Words | None]] = {
    SlipColumn.SKU: lambda packed: said(packed.line.sku),
    SlipColumn.BARCODE: lambda packed: said(packed.line.barcode),
    SlipColumn.BIN: lambda packed: said(packed.line.bin),
    SlipColumn.NAME: lambda packed: product_of(packed.line),
    SlipColumn.OPTIONS: lambda packed: options_of(packed.line),
    SlipColumn.WEIGHT: lambda packed: said(_weight(packed.line, packed.quantity)),
    SlipColumn.PRICE: lambda packed: said(_amount(packed.line.unit_price)),
    SlipColumn.ORDERED: lambda packed: said(str(packed.line.quantity)),
}
