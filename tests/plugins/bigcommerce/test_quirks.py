"""Trouble that integrations of BigCommerce met in the field, each held by a test that bears its number."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from crossdock import CredentialsError, GarbledError, HttpClient, PermissionMissingError, RefusedError, Stage
from crossdock_bigcommerce import statuses
from crossdock_bigcommerce.api import Api, http_options
from crossdock_bigcommerce.wire import WireError, account_from_wire, needs_products, skip_reason
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
from support.clock import WoundClock


class Store:
    """Gives every request the answer in hand, and keeps the queries and headers."""

    def __init__(self) -> None:
        self.status, self.body, self.content_type = 200, "[]", "application/json"
        self.queries: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []

    def says(self, status: int, body: str, content_type: str = "application/json") -> None:
        self.status, self.body, self.content_type = status, body, content_type

    async def answer(self, request: web.Request) -> web.Response:
        self.queries.append(dict(request.query))
        self.headers.append(dict(request.headers))
        text = None if self.status == 204 else self.body
        return web.Response(status=self.status, text=text, headers={"Content-Type": self.content_type})


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def api(store: Store) -> AsyncIterator[Api]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", store.answer)
    async with TestServer(app) as server, ClientSession() as session:
        options = http_options(settings(api_path=str(server.make_url("/stores/abc123"))))
        yield Api(HttpClient(session, options, store="acme-au", clock=WoundClock(), random=Random(1)), store="acme-au")


# --- answers --------------------------------------------------------------------------------------------------------


async def test_quirk_01_an_answer_without_a_body_is_the_empty_list(api: Api, store: Store) -> None:
    store.says(204, "")
    assert (await api.list_orders({})).orders == ()
    assert await api.order_products("1") == ()


async def test_quirk_02_the_largest_page_is_always_asked_for(api: Api, store: Store) -> None:
    await api.list_orders({"status_id": 11})
    await api.order_products("1")
    assert [query["limit"] for query in store.queries] == ["250", "250"]


async def test_quirk_43_json_is_asked_for_and_an_answer_in_xml_is_an_error(api: Api, store: Store) -> None:
    store.says(200, '<?xml version="1.0"?><orders/>', "application/xml")
    with pytest.raises(GarbledError, match="XML"):
        await api.list_orders({})
    assert store.headers[0]["Accept"] == "application/json"


@pytest.mark.parametrize(
    "body",
    [
        '[{"status":400,"message":"The field \'x\' is invalid."}]',
        '{"status":400,"message":"The field \'x\' is invalid."}',
        '{"status":422,"title":"The field \'x\' is invalid.","errors":{}}',
        "<errors><error><message>The field 'x' is invalid.</message></error></errors>",
        "<html><body><h1>The field 'x' is invalid.</h1></body></html>",
        "The field 'x' is invalid.",
    ],
)
async def test_quirk_44_a_refusal_is_understood_in_every_form(api: Api, store: Store, body: str) -> None:
    store.says(400, body)
    with pytest.raises(RefusedError, match=r"It says: The field 'x' is invalid\.$"):
        await api.list_orders({})


async def test_quirk_44_a_refusal_without_a_body_says_that_it_gives_no_reason(api: Api, store: Store) -> None:
    store.says(400, "")
    with pytest.raises(RefusedError, match="It gives no reason"):
        await api.list_orders({})


async def test_quirk_45_a_body_of_null_is_a_failed_read(api: Api, store: Store) -> None:
    store.says(200, "null")
    with pytest.raises(GarbledError):
        await api.list_orders({})
    assert len(store.queries) > 1


async def test_quirk_54_a_dead_token_and_a_missing_scope_are_told_apart(api: Api, store: Store) -> None:
    store.says(401, json.dumps(sample("error-token")))
    with pytest.raises(CredentialsError, match="access_token"):
        await api.store_info()
    store.says(403, "")
    with pytest.raises(PermissionMissingError, match="'Orders: read-only'"):
        await api.list_orders({})


# --- lines and consignments -----------------------------------------------------------------------------------------


def test_quirk_03_lines_that_were_cut_are_noticed_and_replaced_by_the_whole_list() -> None:
    raw, products = sample("order-over-50-lines"), sample("order-over-50-lines-products")
    assert needs_products(raw)
    assert sum(len(part.lines) for part in read(raw, products=products).consignments) == 57
    with pytest.raises(WireError):
        read(raw)
    del raw["consignments"]["shipping"][0]["__warning__"]
    assert needs_products(raw), "the sum of the quantities is below items_total"


def test_quirk_04_consignments_come_as_an_object_or_as_a_list_of_one() -> None:
    for raw in sample("orders-consignments-as-list"):
        (as_object,) = raw["consignments"]
        assert read({**raw, "consignments": as_object}) == read(raw)


def test_quirk_19_and_21_every_address_has_a_consignment_with_its_own_lines() -> None:
    found = read(sample_order(498))
    assert [(part.id, [one.id for one in part.lines]) for part in found.consignments] == [
        ("404", ["786"]),
        ("405", ["787"]),
    ]
    assert [part.ship_to.postcode for part in found.consignments if part.ship_to] == ["01310-100", "02108"]


def test_quirk_20_the_lines_know_their_address_id_better_than_the_address_does() -> None:
    swapped = [address(777, line_items=[line(1), line(2)]), address(301, line_items=[line(3, order_address_id=888)])]
    raw = order(consignments=consignments(shipping=swapped))
    assert [part.id for part in read(raw).consignments] == ["301", "888"]
    products = [line(1), line(2), line(3, order_address_id=888), line(4, order_address_id=888)]
    assert [(part.id, len(part.lines)) for part in read(raw, products=products).consignments] == [
        ("301", 2),
        ("888", 2),
    ]
    assert all(part.ship_to for part in read(raw, products=products).consignments)
    disagreeing = [address(777, line_items=[line(1), line(2, order_address_id=5)])]
    assert [part.id for part in read(order(consignments=consignments(shipping=disagreeing))).consignments] == ["777"]


def test_quirk_31_refunded_units_are_not_left_to_ship() -> None:
    raw = with_line(quantity=3, is_refunded=True, quantity_refunded=2, refund_amount="0.0000")
    assert read(raw).consignments[0].lines[0].left_to_ship == 1


def test_quirk_32_downloads_and_gift_certificates_never_lie_in_a_parcel() -> None:
    found = read(order_of_every_kind())
    assert {one.id for part in found.consignments for one in part.lines if not one.requires_shipping} == {"905", "906"}
    shipped = with_line(quantity=1, quantity_shipped=1)
    shipped["consignments"]["downloads"] = [{"line_items": [line(7, order_address_id=0, type=None)]}]
    assert not read(shipped).shippable
    certificate = read(with_line(type="physical", gift_certificate_id=5)).consignments[0].lines[0]
    assert not certificate.requires_shipping


def test_quirk_33_the_parts_of_a_bundle_are_goods_of_their_own() -> None:
    parts = [line(1), line(2, parent_order_product_id=1, is_bundled_product=True, price_inc_tax="0.0000")]
    child = read(order(consignments=consignments(shipping=[address(line_items=parts)]))).consignments[0].lines[1]
    assert (child.parent_id, child.unit_price, child.left_to_ship) == ("1", Decimal("0.00"), 2)


def test_quirk_49_an_order_of_usual_size_costs_no_further_request() -> None:
    assert not any(needs_products(raw) for raw in sample("orders-with-consignments"))


@pytest.mark.parametrize("nothing", ["None", "none", "", None, " "])
def test_quirk_52_a_shipping_method_of_none_is_none(nothing: object) -> None:
    raw = order(consignments=consignments(shipping=[address(shipping_method=nothing)]))
    assert read(raw).consignments[0].service is None


def test_quirk_59_consignments_keep_their_ids_whatever_the_order_they_come_in() -> None:
    raw = order_of_every_kind()
    before = {part.id for part in read(raw).consignments}
    raw["consignments"]["shipping"].reverse()
    assert {part.id for part in read(raw).consignments} == before


def test_quirk_63_gift_wrap_and_message_belong_to_the_line() -> None:
    wrapped, plain = read(order_of_every_kind()).consignments[0].lines
    assert (wrapped.gift_wrap, wrapped.gift_message) == ("Gift paper", "Happy birthday")
    assert (plain.gift_wrap, plain.gift_message) == (None, None)
    assert read(with_line(wrapping_name=None, wrapping_message=None)).consignments[0].lines[0].gift_wrap is None


# --- status ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status_id", [0, 1, 6, 7])
def test_quirk_10_an_order_that_was_not_paid_is_a_skip_with_its_reason(status_id: int) -> None:
    reason = skip_reason(order(status_id=status_id), settings())
    assert reason is not None
    assert statuses.NAMES[status_id] in reason


def test_quirk_27_shipped_without_a_shipment_is_shipped() -> None:
    found = read({**with_line(quantity_shipped=0), "status_id": 2})
    assert found.stage is Stage.SHIPPED


def test_quirk_28_a_renamed_status_is_known_by_its_number() -> None:
    raw = order(status_id=11, status="Shipped", custom_status="Cancelled")
    found = read(raw)
    assert (found.stage, found.status.id, found.status.name) == (Stage.AWAITING, "11", "Cancelled")
    assert skip_reason(raw, settings()) is None


def test_quirk_29_the_numbers_of_the_statuses_are_the_platforms_own() -> None:
    assert {row["id"]: row["system_label"] for row in sample("order-statuses")} == dict(statuses.NAMES)


def test_quirk_30_a_status_added_later_is_taken_calmly() -> None:
    assert read(order(status_id=14)).stage is Stage.AWAITING
    unknown = read(order(status_id=23, status="Quarantined", custom_status="Quarantined"))
    assert (unknown.stage, unknown.status.name, unknown.shipping_allowed) == (Stage.OTHER, "Quarantined", False)


@pytest.mark.parametrize("yes", [True, 1, "1", "true"])
def test_quirk_37_an_archived_order_is_cancelled_whatever_its_status(yes: object) -> None:
    found = read(order(is_deleted=yes))
    assert (found.stage, found.shippable) == (Stage.CANCELLED, False)
    assert skip_reason(order(is_deleted=yes), settings()) == "it is archived"


# --- money, time, text ----------------------------------------------------------------------------------------------


def test_quirk_09_times_are_utc_and_the_stores_zone_is_a_name() -> None:
    assert read(sample_order(638)).placed_at == datetime(2025, 12, 6, 13, 18, 25, tzinfo=UTC)
    wrong_offsets: dict[str, Any] = {
        **sample("store"),
        "timezone": {"name": "Australia/Perth", "raw_offset": 0, "dst_offset": 99},
    }
    assert account_from_wire(wrong_offsets).timezone == "Australia/Perth"


def test_quirk_38_amounts_are_in_the_currency_that_is_paid_in() -> None:
    raw = order(currency_code="EUR", default_currency_code="aud", store_default_currency_code="USD")
    assert read(raw).currency == "AUD"
    assert read({**raw, "default_currency_code": ""}).currency == "USD"
    assert read({**raw, "default_currency_code": None, "store_default_currency_code": ""}).currency == "EUR"


@pytest.mark.parametrize(("inclusive", "price"), [(True, "33.33"), (False, "27.78"), ("true", "33.33")])
def test_quirk_39_the_side_that_was_entered_is_taken_and_nothing_recomputed(inclusive: object, price: str) -> None:
    raw: dict[str, Any] = {**with_line(price_inc_tax="33.3300", price_ex_tax="27.7800")}
    raw["is_tax_inclusive_pricing"] = inclusive
    assert read(raw).consignments[0].lines[0].unit_price == Decimal(price)


def test_quirk_40_the_unit_price_is_before_discounts() -> None:
    raw = with_line(
        price_inc_tax="50.0000", applied_discounts=[{"amount": "10.0000"}], discounted_total_inc_tax="90.0000"
    )
    assert read(raw).consignments[0].lines[0].unit_price == Decimal("50.00")


def test_quirk_41_an_option_shows_its_text_and_never_the_number_of_a_choice() -> None:
    options = [
        option("Size", "M", value="169"),
        option("Fit", "", display_value_merchant="Slim", value="170"),
        option("Photo", '{"originalName":"cat.png","temporaryPath":"/t","path":"/p"}', type="File Upload"),
        option("Day", "1772576104", type="Date field"),
        {"display_name": "Wood", "value": "171", "type": "Swatch"},
    ]
    found = read(with_line(product_options=options)).consignments[0].lines[0].options
    assert dict(found) == {"Size": "M", "Fit": "Slim", "Photo": "cat.png", "Day": "2026-03-03", "Wood": ""}


def test_quirk_42_escaped_names_are_unescaped_once_and_tags_dropped() -> None:
    raw = with_line(name="&lt;b&gt;Salt &amp;amp; Pepper&lt;/b&gt; <i>new</i>, a < b")
    assert read(raw).consignments[0].lines[0].name == "Salt &amp; Pepper new, a < b"


def test_quirk_55_the_customs_number_is_found_among_the_options() -> None:
    raw = with_line(product_options=[option("hs-code", "6109.10.00", type="Text field")])
    assert read(raw).consignments[0].lines[0].hs_code == "6109.10.00"
    tariff = with_line(product_options=[option("Tariff", "610910")])
    found = read(tariff, product_options={"hs_code": "TARIFF"}).consignments[0].lines[0]
    assert (found.hs_code, found.size) == ("610910", None)


@pytest.mark.parametrize("state", ["New South Wales", "NSW", "東京都"])
def test_quirk_56_a_state_is_passed_on_as_it_was_written(state: str) -> None:
    raw = order(consignments=consignments(shipping=[address(state=state)]))
    ship_to = read(raw).consignments[0].ship_to
    assert ship_to is not None
    assert ship_to.region == state


def test_quirk_61_the_total_is_the_orders_own_and_no_sum() -> None:
    raw: dict[str, Any] = {**order_of_every_kind(), "total_inc_tax": "1.0000", "coupon_discount": "99.0000"}
    assert read(raw).total == Decimal("1.00")


def test_quirk_69_how_far_back_an_import_looks_is_a_setting() -> None:
    assert settings().import_days == 90
    assert settings(import_days=14).import_days == 14
