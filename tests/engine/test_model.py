from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest
from crossdock.model import (
    OPEN_STAGES,
    Address,
    Consignment,
    ConsignmentKind,
    Customer,
    Line,
    Order,
    Stage,
    Status,
    changed_fields,
    instant,
    moment,
    order_to_json,
)
from hypothesis import example, given
from hypothesis import strategies as st
from support.orders import NOON, consignment, line, order, orders, patient, personal_texts, with_lines

Moment = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
Money = Annotated[str, msgspec.Meta(pattern=r"^-?\d+(\.\d+)?$")]
Text = str | None


class Named(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    name: str


class WhoBought(msgspec.Struct, forbid_unknown_fields=True):
    name: Text
    company: Text
    email: Text
    phone: Text


class Place(msgspec.Struct, forbid_unknown_fields=True):
    name: Text
    company: Text
    street: Text
    street2: Text
    city: Text
    region: Text
    postcode: Text
    country: Text
    phone: Text
    email: Text


class DocumentedLine(msgspec.Struct):
    id: str
    parent_id: Text
    sku: Text
    barcode: Text
    bin: Text
    name: str
    quantity: int
    quantity_shipped: int
    quantity_refunded: int
    left_to_ship: int
    unit_price: Money | None
    weight_grams: float | None
    options: dict[str, str]
    size: Text
    colour: Text
    hs_code: Text
    gift_wrap: Text
    gift_message: Text


class DocumentedConsignment(msgspec.Struct):
    id: str
    kind: ConsignmentKind
    ship_to: Place | None
    pickup_from: Place | None
    service: Text
    lines: list[DocumentedLine]


class DocumentedOrder(msgspec.Struct):
    """The order as JSON, key by key as the reference promises it; a key that lacks or has another type is an error."""

    store: str
    id: str
    number: str
    status: Named
    stage: Stage
    shippable: bool
    placed_at: Moment
    modified_at: Moment
    currency: str
    total: Money
    customer: WhoBought
    billing: Place | None
    customer_message: Text
    staff_notes: Text
    channel: Text
    consignments: list[DocumentedConsignment]


def as_json(order: Order, store: str = "acme-au") -> Any:
    """The order as a program reads it that knows nothing of ours."""
    return json.loads(msgspec.json.encode(order_to_json(store, order)))


WHOLE = order(
    number="A-101",
    total=Decimal("1234.50"),
    placed_at=datetime(2026, 5, 1, 18, 0, tzinfo=timezone(timedelta(hours=8))),
    customer=Customer(name="Mia O'Brien", company="Acme", email="mia@example.com", phone="+61 8 5550 0000"),
    billing=Address(name="Mia O'Brien", country="AU"),
    customer_message="Leave it at the gate",
    consignments=(
        consignment(
            line(
                quantity=3,
                quantity_shipped=1,
                unit_price=Decimal("9.90"),
                weight_grams=250.5,
                options={"Size": "M", "Colour": "青"},
                size="M",
            ),
            ship_to=Address(name="Mia O'Brien", street="1 Example St", postcode="0800", country="AU"),
            service="Express",
        ),
        consignment(line("502"), id="302", kind=ConsignmentKind.PICKUP, pickup_from=Address(name="Shop")),
    ),
)


# --- the order as JSON ----------------------------------------------------------------------------------------------


@patient
@given(orders())
@example(WHOLE)
def test_an_orders_json_has_every_documented_key_with_its_documented_type(order: Order) -> None:
    encoded = msgspec.json.encode(order_to_json("acme-au", order))
    msgspec.json.decode(encoded, type=DocumentedOrder)


def test_the_documented_order_reads_as_documented() -> None:
    found = as_json(WHOLE)
    assert (found["store"], found["id"], found["number"], found["stage"]) == ("acme-au", "101", "A-101", "awaiting")
    assert found["status"] == {"id": "11", "name": "Awaiting Fulfillment"}
    assert found["placed_at"] == "2026-05-01T10:00:00Z"
    assert found["total"] == "1234.50"
    assert found["shippable"] is True
    assert found["staff_notes"] is None
    first, second = found["consignments"]
    assert first["lines"][0]["unit_price"] == "9.90"
    assert first["lines"][0]["options"] == {"Size": "M", "Colour": "青"}
    assert first["lines"][0]["left_to_ship"] == 2
    assert first["ship_to"]["postcode"] == "0800"
    assert first["ship_to"]["street2"] is None
    assert (second["kind"], second["ship_to"], second["pickup_from"]["name"]) == ("pickup", None, "Shop")


@patient
@given(orders())
@example(order(placed_at=datetime(1, 1, 1, tzinfo=UTC)))
def test_an_order_comes_back_from_its_json_the_same(order: Order) -> None:
    assert msgspec.convert(as_json(order), Order) == order


@patient
@given(st.sampled_from(["25.00", "25.0", "25", "0.0000", "0.1000", "10000000.0001"]))
def test_money_keeps_every_digit_that_the_store_sent(amount: str) -> None:
    sold = order(total=Decimal(amount), consignments=(consignment(line(unit_price=Decimal(amount))),))
    found = as_json(sold)
    assert (found["total"], found["consignments"][0]["lines"][0]["unit_price"]) == (amount, amount)


def test_an_empty_text_and_one_that_is_not_known_are_told_apart() -> None:
    found = as_json(order(customer_message="", staff_notes=None))
    assert (found["customer_message"], found["staff_notes"]) == ("", None)


# --- times ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["placed_at", "modified_at"])
def test_a_time_without_a_zone_is_refused_by_its_name(name: str) -> None:
    naive: dict[str, Any] = {name: datetime(2026, 5, 1, 12, 0)}  # noqa: DTZ001 -- what is refused
    with pytest.raises(ValueError, match=f"{name} of order 101 has no time zone"):
        order(**naive)


def test_a_text_without_a_zone_is_no_moment() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        moment("2026-05-01T10:00:00")


@patient
@given(
    st.datetimes(
        min_value=datetime(2, 1, 1),  # noqa: DTZ001 -- hypothesis adds the zone
        max_value=datetime(9998, 1, 1),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(-timedelta(hours=9, minutes=30))]),
    )
)
@example(datetime(987, 6, 5, 4, 3, 2, tzinfo=UTC))
def test_a_time_is_written_in_whole_seconds_of_utc_and_read_back(time: datetime) -> None:
    assert len(instant(time)) == len("2026-05-01T10:00:00Z")
    assert moment(instant(time)) == time.replace(microsecond=0)
    assert moment(instant(time)).utcoffset() == timedelta(0)


def test_an_order_holds_its_times_in_whole_seconds_of_utc_so_that_one_read_again_is_the_same() -> None:
    perth = timezone(timedelta(hours=8))
    found = order(modified_at=datetime(2026, 5, 1, 20, 0, 0, 123456, tzinfo=perth))
    assert found == order(modified_at=NOON)
    assert found.modified_at.tzinfo is UTC


# --- what is left to ship (W1, W2) ----------------------------------------------------------------------------------

units = st.integers(0, 50)


@patient
@given(quantity=units, shipped=units, refunded=units)
@example(quantity=2, shipped=2, refunded=1)
def test_left_to_ship_is_what_was_neither_refunded_nor_shipped_and_never_below_nought(
    quantity: int, shipped: int, refunded: int
) -> None:
    sold = line(quantity=quantity, quantity_shipped=shipped, quantity_refunded=refunded)
    assert sold.left_to_ship == max(0, quantity - shipped - refunded)
    assert 0 <= sold.left_to_ship <= quantity


@patient
@given(quantity=units, shipped=units, refunded=units)
def test_of_downloads_and_certificates_nothing_is_left_to_ship(quantity: int, shipped: int, refunded: int) -> None:
    sold = line(quantity=quantity, quantity_shipped=shipped, quantity_refunded=refunded, requires_shipping=False)
    assert sold.left_to_ship == 0


@patient
@given(orders())
def test_an_order_can_be_shipped_exactly_if_its_status_allows_and_something_is_left(order: Order) -> None:
    left = sum(line.left_to_ship for consignment in order.consignments for line in consignment.lines)
    assert order.shippable == (order.shipping_allowed and left > 0)


@pytest.mark.parametrize(
    ("allowed", "sold", "shippable"),
    [
        (True, line(quantity=1), True),
        (False, line(quantity=1), False),
        (True, line(quantity=1, quantity_shipped=1), False),
        (True, line(quantity=1, quantity_refunded=1), False),
        (True, line(quantity=1, requires_shipping=False), False),
    ],
)
def test_shippable_says_whether_something_may_leave_now(allowed: bool, sold: Line, shippable: bool) -> None:
    assert with_lines(order(shipping_allowed=allowed), sold).shippable is shippable


def test_a_stage_is_open_while_somebody_may_have_to_do_something() -> None:
    assert set(Stage) > OPEN_STAGES
    still_open = {Stage.AWAITING, Stage.PART_SHIPPED, Stage.AWAITING_PICKUP, Stage.ON_HOLD}
    assert still_open == OPEN_STAGES


# --- what changed ---------------------------------------------------------------------------------------------------

ORDER_FIELDS = {field.name for field in fields(Order)}
LINE_FIELDS = {f"lines.{field.name}" for field in fields(Line)}
NAMES = (ORDER_FIELDS | LINE_FIELDS | {"lines"}) - {"id", "lines.id"}
personal = st.none() | st.text("αβγδεζηθ", min_size=3, max_size=6)


@patient
@given(orders())
def test_nothing_changed_between_an_order_and_itself(found: Order) -> None:
    assert changed_fields(found, replace(found)) == ()


@patient
@given(orders(personal=personal), orders(personal=personal))
def test_what_changed_is_told_by_names_alone_never_by_a_buyers_value(before: Order, after: Order) -> None:
    names = changed_fields(before, after)
    assert set(names) <= NAMES
    assert len(names) == len(set(names))
    assert (names == ()) == (before == after)
    told = "\n".join(names)
    assert not [text for text in personal_texts(before) | personal_texts(after) if text in told]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"status": Status(id="2", name="Shipped"), "stage": Stage.SHIPPED}, ("status", "stage")),
        ({"total": Decimal("26.00")}, ("total",)),
        ({"customer": Customer(name="Mia Other")}, ("customer",)),
        ({"modified_at": NOON + timedelta(seconds=1)}, ("modified_at",)),
        ({"consignments": (consignment(line(quantity_shipped=1)),)}, ("lines.quantity_shipped",)),
        ({"consignments": (consignment(line(), line("502")),)}, ("lines",)),
        ({"consignments": (consignment(line(), service="Express"),)}, ("consignments",)),
        ({"consignments": (consignment(line(options={"Size": "M"}), service="Express"),)},
         ("lines.options", "consignments")),
    ],
)  # fmt: skip
def test_each_change_has_its_name(changes: dict[str, Any], names: tuple[str, ...]) -> None:
    assert changed_fields(order(), order(**changes)) == names


# --- values stay as they are ----------------------------------------------------------------------------------------


def test_the_options_of_a_line_dont_follow_the_dictionary_they_came_from() -> None:
    options = {"Size": "M"}
    sold = line(options=options)
    options["Size"] = "L"
    assert sold.options == {"Size": "M"}
    with pytest.raises(TypeError):
        sold.options["Size"] = "L"  # type: ignore[index]  # what is refused


def test_values_cant_be_changed() -> None:
    for value, name in ((order(), "number"), (consignment(), "service"), (line(), "quantity"), (Address(), "city")):
        with pytest.raises(AttributeError):
            setattr(value, name, "other")
    assert isinstance(Consignment(id="1", kind=ConsignmentKind.DIGITAL, lines=()).lines, tuple)
