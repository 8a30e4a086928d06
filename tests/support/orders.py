"""Orders to test with: one that says what it has to, and hypothesis's."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crossdock.importing import pack
from crossdock.model import (
    Address,
    Consignment,
    ConsignmentKind,
    Customer,
    Line,
    Order,
    Stage,
    Status,
    order_to_json,
)
from crossdock.state import SetAside, Skip, Taken, View
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
CANONICAL = b'{"order":{"id":1}}'


def line(id: str = "501", quantity: int = 1, **values: Any) -> Line:
    """A line of this many units; `values` are any other fields of it."""
    return Line(**{"id": id, "name": "Mug", "sku": "MUG-1", "quantity": quantity, **values})


def consignment(*lines: Line, kind: ConsignmentKind = ConsignmentKind.SHIPPING, **values: Any) -> Consignment:
    """A consignment of these lines, or of one of one unit."""
    return Consignment(**{"id": "301", "kind": kind, "lines": lines or (line(),), **values})


def order(id: str = "101", **values: Any) -> Order:
    """An order that can be shipped; `values` are any other fields of it."""
    standing: dict[str, Any] = {
        "number": id,
        "status": Status(id="11", name="Awaiting Fulfillment"),
        "stage": Stage.AWAITING,
        "shipping_allowed": True,
        "placed_at": NOON,
        "modified_at": NOON,
        "currency": "AUD",
        "total": Decimal("25.00"),
        "customer": Customer(name="Mia Example"),
        "consignments": (consignment(),),
    }
    return Order(id=id, **{**standing, **values})


def digest_of(content: str) -> bytes:
    """A digest as the engine makes them: other content, another digest."""
    return hashlib.blake2b(content.encode(), digest_size=16).digest()


def view(order: Order, *, as_of: datetime = NOON, digest: str | None = None) -> View:
    """A view that takes the order up."""
    content = str(order_to_json("", order)) if digest is None else digest
    finding = Taken(order=order, raw=pack(CANONICAL), digest=digest_of(content))
    return View(id=order.id, as_of=as_of, finding=finding)


def skipped(id: str, reason: str, *, as_of: datetime = NOON) -> View:
    """A view that leaves the order be."""
    return View(id=id, as_of=as_of, finding=Skip(reason=reason, digest=digest_of(reason)))


def put_aside(id: str, error: str, *, as_of: datetime = NOON) -> View:
    """A view that couldn't be understood."""
    return View(id=id, as_of=as_of, finding=SetAside(error=error, raw=pack(CANONICAL), digest=digest_of(error)))


# --- hypothesis -----------------------------------------------------------------------------------------------------

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For a busy machine: nothing here is about time."""

texts = st.text(st.characters(codec="utf-8"), max_size=12)
words = texts.filter(bool)
perhaps = st.none() | texts
counts = st.integers(0, 9)
money = st.decimals(0, 10_000_000, places=4, allow_nan=False, allow_infinity=False) | st.decimals(
    0, 10_000_000, places=2, allow_nan=False, allow_infinity=False
)
moments = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))


def addresses(texts: st.SearchStrategy[str | None] = perhaps) -> st.SearchStrategy[Address]:
    """Places of these texts; the country too, which is a text like the others here."""
    return st.builds(Address, **{field.name: texts for field in fields(Address)})


def lines(id: str, personal: st.SearchStrategy[str | None] = perhaps) -> st.SearchStrategy[Line]:
    """Lines of this id; `personal` is what the buyer writes into one."""
    return st.builds(
        Line,
        id=st.just(id),
        name=words,
        quantity=counts,
        parent_id=st.none() | words,
        sku=perhaps,
        barcode=perhaps,
        bin=perhaps,
        quantity_shipped=counts,
        quantity_refunded=counts,
        unit_price=st.none() | money,
        weight_grams=st.none() | st.floats(0, 1e9, allow_nan=False),
        options=st.dictionaries(words, texts, max_size=3),
        size=perhaps,
        colour=perhaps,
        hs_code=perhaps,
        gift_wrap=perhaps,
        gift_message=personal,
        requires_shipping=st.booleans(),
    )


@st.composite
def consignments(draw: st.DrawFn, id: str, personal: st.SearchStrategy[str | None] = perhaps) -> Consignment:
    """Consignments of this id with at most three lines."""
    ids = [f"{id}-{number}" for number in range(draw(st.integers(0, 3)))]
    return Consignment(
        id=id,
        kind=draw(st.sampled_from(ConsignmentKind)),
        lines=tuple(draw(lines(line_id, personal)) for line_id in ids),
        ship_to=draw(st.none() | addresses(personal)),
        pickup_from=draw(st.none() | addresses(perhaps)),
        service=draw(perhaps),
    )


@st.composite
def orders(draw: st.DrawFn, id: str = "101", personal: st.SearchStrategy[str | None] = perhaps) -> Order:
    """Any order of this id; `personal` is what is the buyer's own in it, in `texts` everything else."""
    ids = [f"c{number}" for number in range(draw(st.integers(0, 3)))]
    return Order(
        id=id,
        number=draw(words),
        status=Status(id=draw(words), name=draw(words)),
        stage=draw(st.sampled_from(Stage)),
        shipping_allowed=draw(st.booleans()),
        placed_at=draw(moments),
        modified_at=draw(moments),
        currency=draw(st.sampled_from(["AUD", "JPY", "KWD"])),
        total=draw(money),
        customer=draw(st.builds(Customer, name=personal, company=personal, email=personal, phone=personal)),
        consignments=tuple(draw(consignments(each, personal)) for each in ids),
        billing=draw(st.none() | addresses(personal)),
        customer_message=draw(personal),
        staff_notes=draw(personal),
        channel=draw(perhaps),
    )


def personal_texts(order: Order) -> set[str]:
    """All texts that are the buyer's own."""
    people: Sequence[object] = (order.customer, order.billing, *(c.ship_to for c in order.consignments))
    found = {getattr(one, field.name) for one in people if one for field in fields(one)}  # type: ignore[arg-type]  # dataclasses all
    found |= {order.customer_message, order.staff_notes}
    found |= {line.gift_message for consignment in order.consignments for line in consignment.lines}
    return {text for text in found if text}


def with_lines(order: Order, *lines: Line) -> Order:
    """The order with these lines, all in its first consignment."""
    first, *others = order.consignments
    return replace(order, consignments=(replace(first, lines=lines), *others))
