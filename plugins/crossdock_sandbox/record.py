"""How an order is kept: the few values that filters and sorting need, and the rest as compressed JSON.

An order's JSON has some eight kilobytes, nearly all of it the same from order to order, so deflate brings it to about a
tenth, and a page of 250 costs a few milliseconds to unpack. What changes most (status, modified time, archived) is kept
outside the compressed part, so that it changes without touching it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import msgspec

from .answers import Json, encode
from .documented import EMBEDDED_LINES

_decode = msgspec.json.Decoder(Json).decode


@dataclass(slots=True)
class Extras:
    """The sub-resources that few orders have."""

    coupons: list[Json] = field(default_factory=list)
    fees: list[Json] = field(default_factory=list)
    messages: list[Json] = field(default_factory=list)
    taxes: list[Json] = field(default_factory=list)

    def of_order(self, order_id: int, date: str) -> Extras:
        """The same, with the order's id and date where they belong."""
        for row in (*self.coupons, *self.messages):
            row["order_id"] = order_id
        for message in self.messages:
            message["date_created"] = date
        return self


@dataclass(slots=True)
class Record:
    """One order. Times are unix seconds; `head` is the order itself, `parts` its consignments with all lines."""

    id: int
    status_id: int
    created: int
    modified: int
    customer_id: int
    email: str
    total: float
    channel_id: int
    cart_id: str
    payment_method: str
    external_order_id: str
    external_id: str
    is_deleted: bool
    head: bytes
    parts: bytes
    is_long: bool
    extras: Extras | None = None

    def read_head(self) -> Json:
        return _decode(zlib.decompress(self.head))

    def read_parts(self) -> Json:
        return _decode(zlib.decompress(self.parts))

    def head_json(self) -> bytes:
        return zlib.decompress(self.head)

    def parts_json(self) -> bytes:
        return zlib.decompress(self.parts)

    def write_head(self, head: Json) -> None:
        self.head = packed(head)
        self.customer_id = int(head["customer_id"])
        self.email = str(head["billing_address"].get("email") or "").lower()
        self.total = float(head["total_inc_tax"])
        self.channel_id = int(head["channel_id"])
        self.cart_id = str(head["cart_id"] or "")
        self.payment_method = str(head["payment_method"])
        self.external_order_id = str(head["external_order_id"] or "")
        self.external_id = str(head["external_id"] or "")

    def write_parts(self, parts: Json) -> None:
        self.parts = packed(parts)
        self.is_long = any(len(each["line_items"]) > EMBEDDED_LINES for each in consignments_of(parts))


def packed(value: Json) -> bytes:
    return zlib.compress(encode(value), 1)


def new_record(order_id: int, status_id: int, *, created: int, modified: int, head: Json, parts: Json) -> Record:
    record = Record(
        order_id, status_id, created, modified, 0, "", 0.0, 1, "", "", "", "", False, head=b"", parts=b"", is_long=False
    )
    record.write_head(head)
    record.write_parts(parts)
    return record


def consignments_of(parts: Json) -> list[Json]:
    """Every consignment of an order, of all four kinds, in the platform's order."""
    return [*parts["pickups"], *parts["shipping"], *parts["downloads"], *parts["email"]["gift_certificates"]]


def lines_of(parts: Json) -> list[Json]:
    """All lines, sorted by line id. Source: V2 Orders reference, GET products."""
    return sorted(
        (line for each in consignments_of(parts) for line in each["line_items"]), key=lambda line: int(line["id"])
    )
