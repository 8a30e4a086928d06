"""Orders as BigCommerce sends them become orders as crossdock knows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from crossdock import Address, ConsignmentKind, Customer, Line, Order, Stage, Status
from crossdock_bigcommerce import statuses
from crossdock_bigcommerce.wire import (
    WireError,
    account_from_wire,
    grams_of,
    needs_products,
    order_from_wire,
    skip_reason,
)
from hypothesis import example, given
from hypothesis import strategies as st
from plugins.bigcommerce.examples import (
    address,
    consignments,
    line,
    option,
    order,
    order_of_every_kind,
    read,
    sample,
    sample_order,
    settings,
    with_line,
)


def only_line(found: Order) -> Line:
    (consignment,) = found.consignments
    (one,) = consignment.lines
    return one


# --- the sample answers ---------------------------------------------------------------------------------------------


def test_every_sample_order_is_read_whole_without_a_further_request() -> None:
    raw_orders = [*sample("orders-with-consignments"), *sample("orders-consignments-as-list")]
    for raw in raw_orders:
        found = read(raw)
        assert not needs_products(raw)
        lines = [one for consignment in found.consignments for one in consignment.lines]
        assert sum(one.quantity for one in lines) == raw["items_total"]
        assert sum(one.quantity_shipped for one in lines) == raw["items_shipped"]
        assert f"{found.total:.4f}" == raw["total_inc_tax"]
    assert len(raw_orders) == 45


def test_a_sample_order_to_two_addresses_has_a_consignment_for_each() -> None:
    found = read(sample_order(594))
    first, second = found.consignments
    assert (found.id, found.number, found.total, found.currency) == ("594", "594", Decimal("29.4076"), "USD")
    assert (first.id, first.service, first.lines[0].quantity, first.lines[0].name) == (
        "501",
        "UPS® Ground",
        2,
        "Men's T-Shirt",
    )
    assert first.ship_to == Address(
        name="Tom 王",
        street="Rua São João, 55",
        street2="Suite 101",
        city="London",
        postcode="SW1A 1AA",
        country="GB",
        phone="0410 999 888",
        email="c2525@example.com",
    )
    assert (second.id, second.service) == ("502", None)
    assert second.ship_to is not None
    assert (second.ship_to.name, second.ship_to.company) == ("Siân O'Brien", "R&D Corp.")
    soap = second.lines[0]
    assert (soap.name, soap.sku, soap.size, soap.colour) == ("Gift Set: Soap <3", "SKU-0049", "S", "Bleu ciel")
    shirt = first.lines[0]
    assert (shirt.colour, shirt.hs_code, shirt.weight_grams) == ("Red", "8471.30.0100", 2500.0)
    assert shirt.unit_price == Decimal("5.50")


def test_a_sample_pickup_order_waits_at_its_location() -> None:
    (pickup,) = read(sample_order(457)).consignments
    assert (pickup.id, pickup.kind, pickup.service, pickup.ship_to) == ("360", ConsignmentKind.PICKUP, "Pick Up", None)
    assert pickup.pickup_from == Address(
        name="Location 1",
        street="123 Main Street",
        street2="Suite 101",
        city="Austin",
        region="Texas",
        postcode="78726",
        country="US",
        phone="+1 111-111-1111",
        email="location1@example.com",
    )
    assert (pickup.lines[0].colour, pickup.lines[0].hs_code, pickup.lines[0].left_to_ship) == ("Bleu ciel", "610910", 1)


def test_a_sample_download_order_has_nothing_to_ship() -> None:
    found = read(sample_order(692))
    (digital,) = found.consignments
    assert (digital.id, digital.kind, digital.ship_to, digital.service) == (
        "digital",
        ConsignmentKind.DIGITAL,
        None,
        None,
    )
    assert [(one.id, one.quantity, one.left_to_ship) for one in digital.lines] == [
        ("1173", 2, 0),
        ("1174", 2, 0),
        ("1175", 12, 0),
    ]
    assert not found.shippable


def test_a_sample_order_that_was_shipped_in_part_knows_what_is_left() -> None:
    found = read(sample_order(621))
    assert (found.stage, found.customer_message, found.shippable) == (Stage.PART_SHIPPED, "Für Oma 🎁", True)
    tea = only_line(found)
    assert (tea.quantity, tea.quantity_shipped, tea.left_to_ship, tea.sku) == (5, 2, 3, "abc/9 é")
    assert found.consignments[0].ship_to is not None
    assert found.consignments[0].ship_to.name == "D'Arcy O'Brien"
    assert found.consignments[0].ship_to.company == "Bits & Bobs GmbH"


def test_an_address_without_lines_is_no_consignment() -> None:
    assert [consignment.id for consignment in read(sample_order(154)).consignments] == ["50"]


def test_a_sample_child_line_names_its_parent() -> None:
    lines = {one.id: one for one in read(sample_order(479)).consignments[0].lines}
    assert lines["745"].parent_id == "740"
    assert lines["740"].parent_id is None


def test_the_sample_of_more_than_fifty_lines_is_whole_with_its_products() -> None:
    raw, products = sample("order-over-50-lines"), sample("order-over-50-lines-products")
    assert needs_products(raw)
    found = read(raw, products=products)
    (consignment,) = found.consignments
    assert (consignment.id, len(consignment.lines)) == ("592", 57)
    assert sum(one.quantity for one in consignment.lines) == 163
    assert consignment.ship_to is not None
    assert (consignment.ship_to.name, consignment.ship_to.street) == ("Jürgen Smith", "Unit #9 Rear")
    first, last = consignment.lines[0], consignment.lines[-1]
    assert (first.id, first.colour, first.options["Upload & print"]) == ("1176", "Black & White", "a.png")
    assert (last.id, last.name, last.quantity) == ("1232", "Gift Set: Soap <3", 1)
    assert (found.stage, found.shipping_allowed, found.total) == (Stage.ON_HOLD, False, Decimal("47846.7199"))


def test_the_plain_samples_need_their_products_and_say_so() -> None:
    for raw in sample("orders-plain"):
        assert needs_products(raw)
        with pytest.raises(WireError, match=r"consignments.*products"):
            read(raw)


def test_a_plain_order_is_grouped_by_what_its_lines_say() -> None:
    raw = order(consignments={"url": "https://x.example", "resource": "/orders/1/consignments"})
    products = [
        line(1),
        line(2, order_address_id=302),
        line(3, order_address_id=0, order_pickup_method_id=13),
        line(4, order_address_id=0, type="digital"),
        line(5, order_address_id=0),
        line(6),
    ]
    found = read(raw, products=products)
    assert [(one.id, one.kind.value, [row.id for row in one.lines]) for one in found.consignments] == [
        ("301", "shipping", ["1", "6"]),
        ("302", "shipping", ["2"]),
        ("13", "pickup", ["3"]),
        ("digital", "digital", ["4"]),
        ("shipping", "shipping", ["5"]),
    ]
    assert all(one.ship_to is None and one.pickup_from is None for one in found.consignments)


def test_the_sample_store_is_an_account() -> None:
    account = account_from_wire(sample("store"))
    assert (account.identity, account.name, account.timezone) == ("abc123", "Sim Store & Söhne", "America/Chicago")
    assert (account.currency, account.weight_unit, account.dimension_unit) == ("USD", "KGS", "Inches")


def test_an_account_is_known_by_its_hash_whatever_else_changes() -> None:
    old = {
        **sample("store"),
        "account_uuid": "5c6bb2e1",
        "domain": "shop.example",
        "secure_url": "https://shop.example",
    }
    assert account_from_wire(old).identity == account_from_wire(sample("store")).identity
    assert account_from_wire({"id": "ABC123", "timezone": []}).name == "abc123"
    with pytest.raises(WireError, match=r"^id: "):
        account_from_wire({"name": "Nameless"})


# --- an order of every kind -----------------------------------------------------------------------------------------


def test_one_order_of_every_kind_has_a_consignment_for_each_way() -> None:
    found = read(order_of_every_kind())
    assert [(one.id, one.kind.value, one.service) for one in found.consignments] == [
        ("301", "shipping", "Flat Rate"),
        ("302", "shipping", "Flat Rate"),
        ("13", "pickup", "Collect in store"),
        ("digital", "digital", None),
        ("email", "digital", None),
    ]
    assert {one.id: one.left_to_ship for part in found.consignments for one in part.lines} == {
        "901": 2,
        "902": 0,
        "904": 1,
        "903": 1,
        "905": 0,
        "906": 0,
    }
    assert found.status == Status(id="11", name="Ready to pick")
    assert found.stage is Stage.AWAITING
    assert found.shippable
    assert found.placed_at == datetime(2026, 3, 3, 22, 15, 4, tzinfo=UTC)
    assert found.modified_at == datetime(2026, 3, 4, 1, 2, 44, tzinfo=UTC)
    assert found.customer == Customer(name="Mia O'Brien", email="mia@example.com")
    assert (found.customer_message, found.channel, found.total) == ("Please leave at side gate", "1", Decimal("225.00"))


def test_a_line_carries_all_that_a_packer_needs() -> None:
    assert read(order_of_every_kind()).consignments[0].lines[0] == Line(
        id="901",
        name="Merino Tee",
        quantity=2,
        sku="TEE",
        barcode="9312345678907",
        bin="A-12",
        unit_price=Decimal("50.00"),
        weight_grams=250.0,
        options={"Size": "M", "Colour": "Navy", "HS Code": "610910"},
        size="M",
        colour="Navy",
        hs_code="610910",
        gift_wrap="Gift paper",
        gift_message="Happy birthday",
    )


def test_a_pickup_with_the_number_of_an_address_gets_another_id() -> None:
    raw = order(
        consignments=consignments(
            shipping=[address(13)],
            pickups=[{"id": 13, "line_items": [line(2, order_address_id=0, order_pickup_method_id=13)]}],
            downloads=[{"line_items": [line(3, type="digital")]}, {"line_items": [line(4, type="digital")]}],
        )
    )
    assert [one.id for one in read(raw).consignments] == ["13", "pickup-13", "digital", "digital-2"]


def test_a_line_that_stands_twice_sets_its_order_aside() -> None:
    with pytest.raises(WireError, match="second time"):
        read(order(consignments=consignments(shipping=[address(301), address(302)])))


# --- which lines are missing ----------------------------------------------------------------------------------------


LINK = {"url": "https://api.example/orders/1/x", "resource": "/orders/1/x"}


@pytest.mark.parametrize(
    "raw",
    [
        order(consignments=consignments(shipping=LINK)),
        order(consignments=consignments(downloads=LINK)),
        order(consignments=consignments(shipping=[address(line_items=LINK)])),
        order(consignments=consignments(shipping=[{"id": 301, "items_total": 2}])),
        order(__warning__={"message": "only 50 are included"}),
        order(consignments=consignments(__warning__={"message": "only 50 are included"})),
        order(consignments=consignments(shipping=[address(__warning__={"message": "only 50"})])),
        order(consignments=consignments(pickups=[{"id": 1, "__warning__": {}, "line_items": [line(5)]}])),
        order(consignments=consignments(email={"gift_certificates": [], "__warning__": {}})),
        order(consignments=[consignments(shipping=[address(__warning__={"message": "only 50"})])]),
    ],
)
def test_what_was_left_out_is_asked_for_and_no_order_is_made_without_it(raw: dict[str, Any]) -> None:
    assert needs_products(raw)
    with pytest.raises(WireError, match="left out"):
        read(raw)
    assert [one.id for one in read(raw, products=[line(5)]).consignments[0].lines] == ["5"]


@pytest.mark.parametrize(
    ("raw", "needed"),
    [
        (order(), False),
        (order(items_total=99), False),  # the order's own total may count what is not embedded
        (order(consignments=consignments(shipping=[address(items_total=2)])), False),
        (order(consignments=consignments(shipping=[address(items_total="3")])), True),
        (order(consignments=consignments(shipping=[address(items_total=1)])), False),  # less proves nothing
        (order(consignments=consignments(shipping=[address(line_items=None)])), False),  # PHP's empty list
        (order(consignments=consignments(shipping=[address(line_items=None, items_total=2)])), True),
        (order(consignments=consignments(shipping=[{"id": 301}])), True),
        (order(consignments=consignments(shipping=[{"id": 301, "items_total": 0}])), False),
        (order(consignments=consignments(shipping=[address(line_items=LINK)])), True),
        (order(consignments=consignments(shipping=LINK)), True),
        (order(consignments=consignments(email={"gift_certificates": LINK})), True),
        (order(consignments=consignments(shipping=[address(line_items=None, items_total=0)])), False),
        (order(consignments=consignments(shipping=[address(line_items=[line(n) for n in range(1, 51)])])), True),
        (
            order(
                consignments=consignments(
                    shipping=[address(items_total=100, line_items=[line(n) for n in range(1, 51)])]
                )
            ),
            False,
        ),
        (order(consignments={"url": "u", "resource": "r"}), True),
        (order(consignments=None), True),
        (order(consignments=[], items_total=0), False),
        ({"id": 1}, True),
        (order(consignments=consignments(shipping="/orders/1/shipping")), True),
        (order(consignments=consignments(shipping=[7])), False),
    ],
)
def test_products_are_asked_for_when_the_numbers_prove_that_lines_are_missing(
    raw: dict[str, Any], needed: bool
) -> None:
    assert needs_products(raw) is needed


def test_a_line_embedded_nowhere_and_with_an_unknown_address_is_never_lost() -> None:
    raw = order_of_every_kind()
    products = [line(1), line(2, order_address_id=999), line(3, order_address_id=0, type="digital")]
    found = read(raw, products=products)
    assert {part.id: [one.id for one in part.lines] for part in found.consignments} == {
        "301": ["1"],
        "digital": ["3", "905"],
        "email": ["906"],
        "999": ["2"],
    }


def test_the_products_win_over_what_was_embedded_and_come_once() -> None:
    products = [line(901, quantity=7), line(908, order_address_id=301), line(901, quantity=7)]
    found = read(order_of_every_kind(), products=products)
    assert [(one.id, one.quantity) for one in found.consignments[0].lines] == [("901", 7), ("908", 2)]


def test_no_products_at_all_is_believed_only_of_an_order_without_items() -> None:
    links = {"url": "u", "resource": "r"}
    assert read(order(consignments=links, items_total=0), products=[]).consignments == ()
    with pytest.raises(WireError):
        read(order(consignments=links, items_total=2), products=[])


# --- status ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status_id", "stage", "allowed"),
    [
        (0, Stage.OTHER, False),
        (1, Stage.ON_HOLD, False),
        (2, Stage.SHIPPED, True),
        (3, Stage.PART_SHIPPED, True),
        (4, Stage.CANCELLED, False),
        (5, Stage.CANCELLED, False),
        (6, Stage.CANCELLED, False),
        (7, Stage.ON_HOLD, False),
        (8, Stage.AWAITING_PICKUP, True),
        (9, Stage.AWAITING, True),
        (10, Stage.COMPLETED, True),
        (11, Stage.AWAITING, True),
        (12, Stage.ON_HOLD, False),
        (13, Stage.ON_HOLD, False),
        (14, Stage.AWAITING, True),
        (15, Stage.OTHER, False),
    ],
)
def test_w1_a_status_gives_the_stage_and_says_whether_goods_may_leave(
    status_id: int, stage: Stage, allowed: bool
) -> None:
    found = read(order(status_id=str(status_id)))
    assert (found.status.id, found.stage, found.shipping_allowed) == (str(status_id), stage, allowed)


@pytest.mark.parametrize(
    ("status_id", "allowed"), [(0, True), (1, True), (7, True), (4, False), (12, False), (13, False)]
)
def test_w1_statuses_before_payment_may_be_shipped_where_they_are_imported(status_id: int, allowed: bool) -> None:
    assert read(order(status_id=status_id), import_statuses=[status_id]).shipping_allowed is allowed


def test_partially_refunded_is_shipped_once_nothing_is_left() -> None:
    raw = with_line(quantity=3, quantity_shipped=1, quantity_refunded=2)
    assert read({**raw, "status_id": 14}).stage is Stage.SHIPPED


def test_an_archived_order_is_cancelled_and_a_migrated_one_is_never_shipped() -> None:
    archived, migrated = read(order(is_deleted=True)), read(order(external_source=" m-mig"))
    assert (archived.stage, archived.shipping_allowed) == (Stage.CANCELLED, False)
    assert (migrated.stage, migrated.shipping_allowed) == (Stage.AWAITING, False)


def test_a_skip_tells_why_in_a_clause() -> None:
    assert skip_reason(order(), settings()) is None
    assert skip_reason(order(status_id=2), settings(import_statuses=[2])) is None
    assert skip_reason(order(status_id=7), settings()) == (
        "its status is Awaiting Payment, which is not among import_statuses (Awaiting Shipment, Awaiting Fulfillment)"
    )
    assert skip_reason(order(status_id="99", custom_status="Odd"), settings(import_statuses=[2])) == (
        "its status is Odd, which is not among import_statuses (Shipped)"
    )
    assert skip_reason(order(is_deleted=True, external_source="M-MIG", status_id=7), settings()) == "it is archived"
    migrated = skip_reason(order(external_source="M-MIG", status_id=7), settings())
    assert migrated is not None
    assert migrated.startswith("it was migrated from another platform")
    assert skip_reason(order(external_source={}), settings()) is None


def test_an_order_whose_status_cant_be_read_is_not_skipped_but_set_aside() -> None:
    raw = order(status_id="Shipped?")
    assert skip_reason(raw, settings()) is None
    with pytest.raises(WireError, match=r"^status_id: "):
        read(raw)


def test_status_names_fall_back_to_what_is_known() -> None:
    assert read(order(custom_status=None, status="")).status.name == "Awaiting Fulfillment"
    assert read(order(custom_status="", status="Odd", status_id=15)).status.name == "Odd"
    assert read(order(custom_status="", status="", status_id=15)).status.name == "Status 15"
    assert statuses.named([2, 15]) == "Shipped, status 15"


# --- numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "total"),
    [
        ("1318.0100", "1318.01"),
        ("107.1675", "107.1675"),
        ("8", "8.00"),
        (8, "8.00"),
        (924.47, "924.47"),
        (0.1 + 0.2, "0.30"),
        ("0.0000", "0.00"),
        ("-0.0000", "0.00"),
        ("-5.5000", "-5.50"),
        ("1E+2", "100.00"),
        (" 12.5 ", "12.50"),
    ],
)
def test_money_is_exact_and_plain(sent: object, total: str) -> None:
    assert str(read(order(total_inc_tax=sent)).total) == total


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        "NaN",
        "Infinity",
        float("inf"),
        "1e400",
        "1E-999999999",
        "0E+999999999",
        "1_000",
        "12,50",
        "٣",
        [],
        [1],
        True,
    ],
)
def test_money_that_makes_no_sense_is_not_known_and_no_reason_to_keep_an_order_out(sent: object) -> None:
    assert read(order(total_inc_tax=sent)).total is None
    assert only_line(read(with_line(price_inc_tax=sent, price_ex_tax=sent, base_price=sent))).unit_price is None


def test_the_unit_price_is_the_exact_side_of_the_tax() -> None:
    assert only_line(read({**with_line(), "is_tax_inclusive_pricing": True})).unit_price == Decimal("50.00")
    assert only_line(read({**with_line(), "is_tax_inclusive_pricing": False})).unit_price == Decimal("45.45")
    bare = with_line(price_ex_tax=None, price_inc_tax="", base_price="7")
    assert only_line(read(bare)).unit_price == Decimal("7.00")
    assert only_line(read(with_line(price_ex_tax=None, price_inc_tax=None))).unit_price is None


@pytest.mark.parametrize(("sent", "quantity"), [(2, 2), ("2", 2), ("2.0000", 2), (2.0, 2), (0, 0)])
def test_quantities_are_whole_however_they_are_written(sent: object, quantity: int) -> None:
    assert only_line(read(with_line(quantity=sent))).quantity == quantity


@pytest.mark.parametrize("sent", [-1, "-1", 1.5, "0.5", "two", None, "", 10**12, {}, True])
def test_quantities_that_make_no_sense_are_refused_by_their_path(sent: object) -> None:
    with pytest.raises(WireError, match=r"^consignments\.shipping\[0\]\.line_items\[0\]\.quantity: "):
        read(with_line(quantity=sent))


@pytest.mark.parametrize(
    ("unit", "sent", "grams"),
    [
        ("LBS", "1.0000", 453.592),
        ("Pounds", "0.5", 226.796),
        ("Ounces", 1, 28.35),
        ("oz", "16", 453.592),
        ("KGS", "0.2500", 250.0),
        ("kilograms", 0.1, 100.0),
        (" Grams ", "12.3456", 12.346),
        ("Tonnes", "0.0010", 1000.0),
        ("KGS", "0.0000", 0.0),
        ("KGS", "", None),
        ("KGS", None, None),
        ("KGS", "heavy", None),
        ("KGS", "-1", None),
    ],
)
def test_weights_leave_in_grams_of_one_unit(unit: str, sent: object, grams: float | None) -> None:
    assert only_line(read(with_line(weight=sent), weight_unit=unit)).weight_grams == grams


def test_an_unknown_unit_of_weight_is_not_guessed() -> None:
    with pytest.raises(WireError, match="'Stones' is not one of LBS, Ounces, KGS, Grams, Tonnes"):
        read(order(), weight_unit="Stones")
    assert grams_of("g") == 1


# --- dates ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        "Tue, 03 Mar 2026 22:15:04 +0000",
        "Tue, 3 Mar 2026 22:15:04 +0000",
        "Wed, 04 Mar 2026 06:15:04 +0800",
        "Tue, 03 Mar 2026 22:15:04 GMT",
        "Tue, 03 Mar 2026 22:15:04 -0000",
        "2026-03-03T22:15:04Z",
        "2026-03-03T22:15:04+00:00",
        "2026-03-04 06:15:04+08:00",
        "2026-03-03T22:15:04",
    ],
)
def test_dates_of_either_kind_are_utc(sent: str) -> None:
    assert read(order(date_created=sent)).placed_at == datetime(2026, 3, 3, 22, 15, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "zero", ["Wed, 30 Nov -0001 00:00:00 +0000", "", None, "0000-00-00 00:00:00", "Thu, 01 Jan 1970 00:00:00 +0000", []]
)
def test_a_zero_date_is_none_and_the_other_one_stands_in(zero: object) -> None:
    found = read(order(date_modified=zero))
    assert found.modified_at == found.placed_at == datetime(2026, 3, 3, 22, 15, 4, tzinfo=UTC)
    assert read(order(date_created=zero)).placed_at == datetime(2026, 3, 4, 1, 2, 44, tzinfo=UTC)
    with pytest.raises(WireError, match=r"^date_created: "):
        read(order(date_created=zero, date_modified=zero))


@pytest.mark.parametrize(
    "sent",
    [
        "yesterday",
        "Tue, 33 Mar 2026 22:15:04 +0000",
        1772576104,
        "Tue, 03 Foo 2026 22:15:04 +0000",
        "0001-01-01T00:00:00+14:00",
        "9" * 400,
    ],
)
def test_a_date_that_is_none_is_refused(sent: object) -> None:
    with pytest.raises(WireError, match=r"^date_created: "):
        read(order(date_created=sent))


# --- texts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("Men&#039;s T-Shirt", "Men's T-Shirt"),
        ("AT&T", "AT&T"),
        ("Fish &notes", "Fish &notes"),
        ("Fish &amp;amp; Chips", "Fish &amp; Chips"),
        ("&unknown; thing", "&unknown; thing"),
        ("&notit; thing", "&notit; thing"),
        ("a < b", "a < b"),
        ("Size <M>", "Size <M>"),
        ("I <3 you", "I <3 you"),
        ("<b>Bold</b> mug", "Bold mug"),
        ("Two<br/>lines", "Two lines"),
        ('<span class="x">Red</span> cap', "Red cap"),
        ("&lt;b&gt;Sale&lt;/b&gt;", "Sale"),
        ("Unit\u00a09", "Unit 9"),
        ("bell\x07\u200b\u202e end", "bell end"),
        ("half \ud83c pair", "half \ufffd pair"),
        ("family 👨\u200d👩\u200d👧", "family 👨\u200d👩\u200d👧"),
        ("  two\r\nlines\tand tab ", "two lines and tab"),
        (42, "42"),
    ],
)
def test_names_are_plain_text(sent: object, name: str) -> None:
    assert only_line(read(with_line(name=sent))).name == name


def test_what_people_wrote_keeps_its_lines() -> None:
    found = read(order(customer_message="Leave at door\r\nplease &amp; ring\n", staff_notes="<b>ring</b>"))
    assert (found.customer_message, found.staff_notes) == ("Leave at door\nplease & ring", "<b>ring</b>")
    assert only_line(read(with_line(wrapping_message="Dear\nMia"))).gift_message == "Dear\nMia"


def test_a_line_without_a_name_is_called_by_what_it_has() -> None:
    assert only_line(read(with_line(name_merchant="For us", name="For them"))).name == "For us"
    assert only_line(read(with_line(name="<p></p>", name_customer="Tee"))).name == "Tee"
    assert only_line(read(with_line(name=None))).name == "TEE"
    assert only_line(read(with_line(name="", sku=""))).name == "line 901"


def test_an_address_keeps_what_was_written_and_leaves_out_what_was_not() -> None:
    shipping = address(first_name="", zip=800, state="WA", country_iso2="au", company=None, street_2=[], phone={})
    ship_to = read(order(consignments=consignments(shipping=[shipping]))).consignments[0].ship_to
    assert ship_to == Address(
        name="O'Brien",
        street="1 Example St",
        city="Perth",
        region="WA",
        postcode="800",
        country="AU",
        email="mia@example.com",
    )
    nowhere = {"id": 301, "line_items": [line()], "country_iso2": "AUS", "zip": " "}
    assert read(order(consignments=consignments(shipping=[nowhere]))).consignments[0].ship_to is None


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_php_writes_nothing_in_four_ways(nothing: object) -> None:
    found = read(order(billing_address=nothing))
    assert (found.billing, found.customer) == (None, Customer())
    bare = consignments(pickups=nothing, downloads=nothing, email=nothing)
    assert len(read(order(consignments=bare)).consignments) == 1
    assert read(order(consignments=nothing, items_total=0)).consignments == ()
    assert dict(only_line(read(with_line(product_options=nothing, configurable_fields=nothing))).options) == {}


# --- product options ------------------------------------------------------------------------------------------------


def test_every_option_is_kept_as_text() -> None:
    options = [
        option("Size", "", display_name_merchant="Groesse", display_value_merchant="42", value="169"),
        option("Engraving &amp; more", "I <b> U", type="Text field", value="x"),
        option("Upload", '{"originalName": "a &amp; b.png", "path": "x"}', type="File Upload"),
        option("Other upload", "b.png", type="File Upload"),
        option("Day", "1772576104", type="Date field"),
        option("Other day", "10/02/2026", type="Date field"),
        option("Topping", "Ham"),
        option("Topping", "Cheese"),
        option("Blank", "", type="Text field"),
        {"display_name": "Chosen by number", "value": "77", "type": "Swatch"},
        {"display_name": "Old upload", "value": '{"originalName": "c.png"}', "type": "File Upload"},
        {"display_name": "Old upload 2", "value": {"originalName": "d.png"}, "type": "File Upload"},
        {"name": "Internal1700", "value": "typed", "type": "Text field"},
        {"display_value": "{broken", "type": "File Upload"},
    ]
    found = only_line(
        read(with_line(product_options=options, configurable_fields=[{"name": "Old", "value": "way"}, {}]))
    )
    assert dict(found.options) == {
        "Groesse": "42",
        "Engraving & more": "I <b> U",
        "Upload": "a & b.png",
        "Other upload": "b.png",
        "Day": "2026-03-03",
        "Other day": "10/02/2026",
        "Topping": "Ham, Cheese",
        "Blank": "",
        "Chosen by number": "",
        "Old upload": "c.png",
        "Old upload 2": "d.png",
        "Internal1700": "typed",
        "Option": "{broken",
        "Old": "way",
    }


@pytest.mark.parametrize("name", ["Color", "colour", "COLOUR", "color ", "Col-our:"])
def test_size_colour_and_hs_code_are_found_however_they_are_spelt(name: str) -> None:
    options = [option(name, "Navy"), option("H.S.  code", "6109.10"), option("SIZE", "10½")]
    found = only_line(read(with_line(product_options=options)))
    assert (found.size, found.colour, found.hs_code) == ("10½", "Navy", "6109.10")


def test_the_first_configured_name_wins_and_blank_ones_dont_count() -> None:
    options = [option("Farbe", "rot"), option("Colour", "red"), option("Shade", "")]
    found = only_line(
        read(with_line(product_options=options), product_options={"colour": ["Shade", "Colour", "Farbe"]})
    )
    assert (found.colour, found.size) == ("red", None)
    twice = [option("Colour", "red"), option("COLOUR ", "blue")]
    assert read(with_line(product_options=twice)).consignments[0].lines[0].colour == "red"


# --- wrong shapes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({}, "id"),
        (order(id=None), "id"),
        (order(id=True), "id"),
        (order(id=-1), "id"),
        (order(status_id=None), "status_id"),
        (order(default_currency_code=""), "default_currency_code"),
        (order(billing_address=["x"]), "billing_address"),
        (order(consignments=7), r"consignments\[0\]|consignments"),
        (order(consignments=consignments(shipping=[1])), r"consignments\.shipping\[0\]"),
        (with_line(id=""), r"consignments\.shipping\[0\]\.line_items\[0\]\.id"),
        (with_line(name={"x": "secret"}), r"consignments\.shipping\[0\]\.line_items\[0\]\.name"),
        (with_line(product_options=[{"display_name": ["x"]}]), r".*product_options\[0\]\.display_name"),
        (
            order(consignments=consignments(shipping=[address(first_name=["Mia"])])),
            r"consignments\.shipping\[0\]\.first_name",
        ),
    ],
)
def test_a_wrong_shape_names_its_field(raw: dict[str, Any], path: str) -> None:
    with pytest.raises(WireError, match=f"^(?:{path}): "):
        read(raw)


def test_an_error_holds_nothing_of_the_buyer() -> None:
    for raw in (
        order(billing_address={"email": ["mia@example.com"]}),
        order(billing_address={"phone": {"n": "0400000000"}}),
        order(date_created="mia@example.com"),
        with_line(quantity="mia@example.com"),
    ):
        with pytest.raises(WireError) as caught:
            read(raw)
        assert "mia" not in str(caught.value)
        assert "0400" not in str(caught.value)


# --- properties -----------------------------------------------------------------------------------------------------

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
EVERY_KIND = order_of_every_kind()


def paths_of(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner: list[tuple[str | int, object]] = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [path, *(found for key, one in inner for found in paths_of(one, (*path, key)))]


def changed(value: Any, change: Callable[[Any], Any]) -> Any:
    """`value` with `change` made to each object and scalar in it, from the inside out."""
    if isinstance(value, dict):
        return change({key: changed(one, change) for key, one in value.items()})
    if isinstance(value, list):
        return [changed(one, change) for one in value]
    return change(value)


def survives(raw: Any, products: Any = None) -> None:
    needs_products(raw)
    skip_reason(raw, settings())
    with suppress(WireError):
        found = order_from_wire(raw, products=products, weight_unit="KGS", settings=settings())
        json.dumps([one.name for part in found.consignments for one in part.lines]).encode()
        found.status.name.encode()


@given(st.dictionaries(st.sampled_from(sorted(EVERY_KIND)) | st.text(max_size=8), ANY_JSON, max_size=8))
def test_any_object_gives_an_order_or_a_wire_error(raw: dict[str, Any]) -> None:
    survives(raw)


@given(st.sampled_from(paths_of(EVERY_KIND)[1:]), ANY_JSON, st.booleans())
@example(("consignments", "shipping", 0, "line_items", 0, "quantity"), float("nan"), False)
@example(("id",), 10**5000, False)
def test_any_damage_to_a_good_order_gives_an_order_or_a_wire_error(
    path: tuple[str | int, ...], damage: Any, with_products: bool
) -> None:
    raw = json.loads(json.dumps(EVERY_KIND))
    holder = raw
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = damage
    survives(raw, [line(901), damage if isinstance(damage, dict) else line(999)] if with_products else None)


@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_doesnt_matter(random: Any) -> None:
    def shuffled(value: Any) -> Any:
        return dict(random.sample(list(value.items()), len(value))) if isinstance(value, dict) else value

    assert read(changed(EVERY_KIND, shuffled)) == read(EVERY_KIND)


def test_numbers_as_texts_give_the_same_order() -> None:
    def as_text(value: Any) -> Any:
        return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value

    for raw in (EVERY_KIND, *sample("orders-with-consignments")):
        assert read(changed(raw, as_text)) == read(raw)
        assert needs_products(changed(raw, as_text)) == needs_products(raw)
        assert skip_reason(changed(raw, as_text), settings()) == skip_reason(raw, settings())


@given(st.decimals(-(10**9), 10**9, places=4))
def test_money_keeps_its_value(amount: Decimal) -> None:
    total = read(order(total_inc_tax=str(amount))).total
    assert total == amount
    exponent = total.as_tuple().exponent
    assert isinstance(exponent, int)
    assert -4 <= exponent <= -2


@given(st.text(max_size=30))
@example("&#0;&#xD800;&lt;<br>")
def test_texts_are_clean_and_one_line(sent: str) -> None:
    street = read(order(billing_address={"street_1": sent})).billing
    if street is not None and street.street is not None:
        street.street.encode()
        assert street.street == street.street.strip()
        assert not any(sign < " " or "\x7f" <= sign < "\xa0" for sign in street.street)
