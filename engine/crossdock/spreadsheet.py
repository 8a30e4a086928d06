"""Orders as rows of a spreadsheet, and their parts in a line each: the same for the command line and for the page."""

from __future__ import annotations

from crossdock.model import Address, Order, instant
from crossdock.state import StoredOrder

COLUMNS = (
    "store",
    "id",
    "number",
    "status",
    "stage",
    "shippable",
    "placed_at",
    "modified_at",
    "currency",
    "total",
    "customer_name",
    "customer_company",
    "customer_email",
    "customer_phone",
    "ship_to",
    "service",
    "items",
)


def row(stored: StoredOrder) -> list[str]:
    """The cells of an order, in the order of `COLUMNS`."""
    order = stored.order
    values = (
        stored.store,
        order.id,
        order.number,
        order.status.name,
        order.stage.value,
        "yes" if order.shippable else "no",
        instant(order.placed_at),
        instant(order.modified_at),
        order.currency,
        order.total,
        order.customer.name,
        order.customer.company,
        order.customer.email,
        order.customer.phone,
        " | ".join(address_in_line(one.ship_to) for one in order.consignments if one.ship_to),
        " | ".join(one.service for one in order.consignments if one.service),
        items_in_line(order),
    )
    return [_cell(value) for value in values]


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula: what buyers typed stands in it."""
    text = "" if value is None else "".join(sign if sign.isprintable() else " " for sign in str(value))
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@") else text


def items_in_line(order: Order, *, most: int | None = None) -> str:
    """`2 × TEE-M-NVY (M, Navy)`, parted by semicolons; beyond `most` lines, how many more there are."""
    lines = [line for consignment in order.consignments for line in consignment.lines]
    words = [
        f"{line.quantity} × {line.sku or line.name}" + (f" ({details})" if details else "")
        for line in lines[:most]
        for details in [", ".join(text for text in (line.size, line.colour) if text)]
    ]
    return "; ".join([*words, f"and {len(lines) - len(words)} more"] if len(lines) > len(words) else words)


def address_in_line(address: Address) -> str:
    """An address with commas between its parts."""
    parts = (
        address.name,
        address.company,
        address.street,
        address.street2,
        address.city,
        address.region,
        address.postcode,
        address.country,
    )
    return ", ".join(part for part in parts if part)
