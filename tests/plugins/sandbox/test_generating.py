"""The generated orders: the same for a seed, of every kind, and true to themselves."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from crossdock_sandbox.store import SandboxStore
from plugins.sandbox.client import START, WoundClock

SIXTY_DAYS = 60 * 86_400


@pytest.fixture(scope="module")
def orders() -> list[dict[str, Any]]:
    store = SandboxStore(seed=3, orders=500, now=lambda: START)
    return [store.order(each) for each in store.order_ids()]


def test_the_same_seed_gives_the_same_store(clock: WoundClock) -> None:
    first, again, other = (SandboxStore(seed=seed, orders=60, now=clock.now) for seed in (5, 5, 6))
    assert [first.order(each) for each in first.order_ids()] == [again.order(each) for each in again.order_ids()]
    assert list(first.all_shipments()) == list(again.all_shipments())
    assert first.account == again.account != other.account
    assert [first.order(each) for each in first.order_ids()] != [other.order(each) for each in other.order_ids()]


def test_later_the_same_orders_lie_later(clock: WoundClock) -> None:
    before = SandboxStore(orders=20, now=clock.now)
    clock.wind(days=3)
    after = SandboxStore(orders=20, now=clock.now)
    shifts = {after.record(each).modified - before.record(each).modified for each in before.order_ids()}
    assert shifts == {3 * 86_400}


def test_every_status_occurs_and_most_orders_await_being_sent(orders: list[dict[str, Any]]) -> None:
    statuses = Counter(order["status_id"] for order in orders)
    assert set(statuses) == set(range(15))
    assert [status for status, _ in statuses.most_common(2)] == [11, 9]
    assert statuses[11] + statuses[9] > len(orders) / 2


def test_modified_times_are_spread_over_sixty_days_with_ties(orders: list[dict[str, Any]]) -> None:
    store = SandboxStore(seed=3, orders=500, now=lambda: START)
    times = [each.modified for each in store.index]
    now = int(START.timestamp())
    assert now - SIXTY_DAYS <= min(times) < now - 0.9 * SIXTY_DAYS
    assert now - 0.1 * SIXTY_DAYS < max(times) <= now
    assert len(set(times)) < len(times)
    assert times != sorted(times)
    assert all(each.created <= each.modified for each in store.index)


@pytest.mark.parametrize("script", ["é", "ł", "Ε", "о", "ễ", "陈", "さ", "서", "م", "כ"])
def test_names_and_places_come_in_many_scripts(orders: list[dict[str, Any]], script: str) -> None:
    assert script in json.dumps([order["billing_address"] for order in orders], ensure_ascii=False)


def test_some_names_and_places_are_too_long_for_a_line_of_a_label(orders: list[dict[str, Any]]) -> None:
    addresses = [order["billing_address"] for order in orders]
    assert max(len(each["city"]) for each in addresses) > 50
    assert max(len(f"{each['first_name']} {each['last_name']}") for each in addresses) > 50


def _lines(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for order in orders for line in order["lines"]]


@pytest.mark.parametrize(
    ("what", "occurs"),
    {
        "guests": lambda orders: any(order["customer_id"] == 0 for order in orders),
        "customers": lambda orders: any(order["customer_id"] for order in orders),
        "archived": lambda orders: any(order["is_deleted"] for order in orders),
        "migrated": lambda orders: any(order["external_source"] == "M-MIG" for order in orders),
        "two addresses": lambda orders: any(len(order["consignments"]["shipping"]) == 2 for order in orders),
        "pickups": lambda orders: any(order["consignments"]["pickups"] for order in orders),
        "only pickups": lambda orders: any(
            order["consignments"]["pickups"] and not order["consignments"]["shipping"] for order in orders
        ),
        "digital only": lambda orders: any(order["order_is_digital"] for order in orders),
        "certificates": lambda orders: any(line["type"] == "giftcertificate" for line in _lines(orders)),
        "over fifty lines": lambda orders: any(len(order["lines"]) > 50 for order in orders),
        "custom products": lambda orders: any(
            line["product_id"] == 0 and line["type"] == "physical" for line in _lines(orders)
        ),
        "refunded lines": lambda orders: any(line["quantity_refunded"] for line in _lines(orders)),
        "gift wrap": lambda orders: any(line["wrapping_name"] and line["wrapping_message"] for line in _lines(orders)),
        "gift messages of several lines with emoji": lambda orders: any(
            "\n" in (line["wrapping_message"] or "") and "🎂" in line["wrapping_message"] for line in _lines(orders)
        ),
        "empty wrapping as null": lambda orders: any(line["wrapping_message"] is None for line in _lines(orders)),
        "bundles": lambda orders: any(line["parent_order_product_id"] for line in _lines(orders)),
        "entities": lambda orders: any("&amp;" in line["name"] for line in _lines(orders)),
        "objects as {}": lambda orders: any(order["credit_card_type"] == {} for order in orders),
        "objects as []": lambda orders: any(
            each["shipping_quotes"] == [] for order in orders for each in order["consignments"]["shipping"]
        ),
        "postcodes with zeros": lambda orders: any(order["billing_address"]["zip"].startswith("0") for order in orders),
        "form fields": lambda orders: (
            {type(each["value"]) for order in orders for each in order["billing_address"]["form_fields"]}
            >= {str, int, list}
        ),
    }.items(),
)
def test_what_merchants_have_trouble_with_occurs(orders: list[dict[str, Any]], what: str, occurs: Any) -> None:
    assert occurs(orders), what


@pytest.mark.parametrize(
    "type_",
    [
        "Checkbox",
        "Date field",
        "File Upload",
        "Multi-line text field",
        "Multiple choice",
        "Product Pick List",
        "Swatch",
    ],
)
def test_options_of_every_type_occur(orders: list[dict[str, Any]], type_: str) -> None:
    options = [option for line in _lines(orders) for option in line["product_options"]]
    assert any(option["type"] == type_ for option in options)


def test_size_colour_and_customs_codes_occur_also_in_old_rows(orders: list[dict[str, Any]]) -> None:
    options = [option for line in _lines(orders) for option in line["product_options"]]
    assert {"Size", "Color", "Colour", "HS Code"} <= {option["display_name"] for option in options}
    assert any("display_value_merchant" not in option for option in options)
    assert any("display_value_merchant" in option for option in options)


def test_what_has_left_agrees_with_its_shipments_and_status() -> None:
    store = SandboxStore(seed=3, orders=500, now=lambda: START)
    shipped: Counter[int] = Counter()
    for shipment in store.all_shipments():
        for item in shipment.items:
            shipped[item.order_product_id] += item.quantity
    for order_id in store.order_ids():
        order = store.order(order_id)
        for line in order["lines"]:
            assert line["quantity_shipped"] == shipped[line["id"]] <= line["quantity"]
        assert order["items_shipped"] == sum(line["quantity_shipped"] for line in order["lines"])
        left = order["items_total"] - order["items_shipped"]
        if order["status_id"] == 3:
            assert order["items_shipped"] > 0 < left
        assert bool(order["date_shipped"]) == (order["items_shipped"] > 0 and left == 0)


def test_ids_are_never_given_twice(orders: list[dict[str, Any]]) -> None:
    lines = [line["id"] for line in _lines(orders)]
    options = [option["id"] for line in _lines(orders) for option in line["product_options"]]
    addresses = [each["id"] for order in orders for each in order["consignments"]["shipping"]]
    for ids in (lines, options, addresses):
        assert len(ids) == len(set(ids))
