"""What one order looks like, with and without what may be included."""

from __future__ import annotations

from typing import Any

import pytest
from crossdock_sandbox.record import Extras
from crossdock_sandbox.store import SandboxStore
from plugins.sandbox.client import START, Api

OBJECT = {"include": "consignments.line_items", "consignment_structure": "object"}
MIXED: list[dict[str, Any]] = [
    {"name": "Mug"},
    {"name": "Kettle", "pickup": True},
    {"name": "E-book", "type": "digital"},
    {"name": "Voucher", "type": "giftcertificate"},
    {"name": "Bowl", "address": 1},
]


async def test_money_is_text_dates_are_rfc_2822_and_the_rest_is_links(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order(lines=[{"price": 12.5, "quantity": 2}], address={"cost": 0})
    order = (await api.get(f"/v2/orders/{order_id}")).json
    assert order["total_inc_tax"] == "25.0000"
    assert order["date_created"] == order["date_modified"] == "Wed, 04 Mar 2026 05:06:07 +0000"
    assert (order["status_id"], order["status"], order["date_shipped"]) == (11, "Awaiting Fulfillment", "")
    for name in ("products", "shipping_addresses", "coupons", "consignments", "fees"):
        assert order[name]["resource"].startswith(f"/orders/{order_id}/")


async def test_the_links_of_an_order_lead_somewhere(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    order = (await api.get(f"/v2/orders/{order_id}")).json
    base = api.running.api_path.removesuffix("/v3/")
    for name in ("products", "shipping_addresses", "consignments", "fees"):
        assert order[name]["url"].startswith(base)
        assert (await api.get(order[name]["url"].removeprefix(base))).status == 200


async def test_lines_stand_in_the_consignment_that_they_travel_in(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order(lines=MIXED, addresses=[{"city": "Perth"}, {"city": "Hobart"}])
    consignments = (await api.get(f"/v2/orders/{order_id}", **OBJECT)).json["consignments"]
    perth, hobart = consignments["shipping"]
    assert [line["name"] for line in perth["line_items"]] == ["Mug"]
    assert [line["name"] for line in hobart["line_items"]] == ["Bowl"]
    assert [line["name"] for line in consignments["pickups"][0]["line_items"]] == ["Kettle"]
    assert [line["name"] for line in consignments["downloads"][0]["line_items"]] == ["E-book"]
    assert [line["name"] for line in consignments["email"]["gift_certificates"][0]["line_items"]] == ["Voucher"]
    assert perth["line_items"][0]["order_address_id"] == perth["id"] != hobart["id"]
    assert [each["items_total"] for each in (perth, hobart)] == [1, 1]


async def test_only_what_is_shipped_has_an_address_and_only_what_is_collected_a_pickup(
    store: SandboxStore, api: Api
) -> None:
    order_id = store.add_order(lines=MIXED, addresses=[{}, {}])
    lines = {line["name"]: line for line in (await api.get(f"/v2/orders/{order_id}/products")).json}
    assert [name for name, line in lines.items() if line["order_address_id"]] == ["Mug", "Bowl"]
    assert [name for name, line in lines.items() if line["order_pickup_method_id"]] == ["Kettle"]


async def test_without_the_object_structure_consignments_are_a_list_of_one(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    legacy = (await api.get(f"/v2/orders/{order_id}", include="consignments.line_items")).json["consignments"]
    modern = (await api.get(f"/v2/orders/{order_id}", **OBJECT)).json["consignments"]
    assert legacy == [modern]


async def test_consignments_without_lines_link_to_them(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order(lines=[{}, {"type": "digital"}])
    query = {"include": "consignments", "consignment_structure": "object"}
    consignments = (await api.get(f"/v2/orders/{order_id}", **query)).json["consignments"]
    line_id = store.order(order_id)["lines"][0]["id"]
    assert consignments["shipping"][0]["line_items"][0]["resource"] == f"/orders/{order_id}/products/{line_id}"
    assert "resource" in consignments["downloads"][0]["line_items"]  # one alone comes bare, as documented


@pytest.mark.parametrize(("lines", "embedded"), [(50, 50), (51, 50), (120, 50)])
async def test_at_most_fifty_lines_are_embedded_and_the_rest_is_warned_of(
    store: SandboxStore, api: Api, lines: int, embedded: int
) -> None:
    order_id = store.add_order(lines=[{"name": f"Thing {n}"} for n in range(lines)])
    consignment = (await api.get("/v2/orders", **OBJECT)).json[0]["consignments"]["shipping"][0]
    assert len(consignment["line_items"]) == embedded
    assert ("__warning__" in consignment) == (lines > 50)
    assert (await api.get(f"/v2/orders/{order_id}/products/count")).json == {"count": lines}
    pages = [
        (await api.get(f"/v2/orders/{order_id}/products", page=page)).json for page in range(1, -(-lines // 50) + 1)
    ]
    assert len({line["id"] for page in pages for line in page}) == lines


async def test_costs_of_a_consignment_are_numbers_and_of_an_address_text(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order(address={"cost": 10})
    consignment = (await api.get(f"/v2/orders/{order_id}/consignments")).json["shipping"][0]
    address = (await api.get(f"/v2/orders/{order_id}/shipping_addresses")).json[0]
    assert (consignment["base_cost"], consignment["cost_tax"]) == (10, 0.9091)
    assert (address["base_cost"], address["cost_tax"]) == ("10.0000", "0.9091")
    assert address["id"] == consignment["id"]


async def test_options_say_what_the_shopper_chose(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order(lines=[{"options": {"Size": "M", "Colour": "Rosé"}}])
    options = (await api.get(f"/v2/orders/{order_id}/products")).json[0]["product_options"]
    assert {each["display_name"]: each["display_value"] for each in options} == {"Size": "M", "Colour": "Rosé"}


async def test_a_bundles_children_name_their_parent_and_cost_nothing(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order(lines=[{"name": "Set"}, {"name": "Cup", "parent": 0}])
    parent, child = (await api.get(f"/v2/orders/{order_id}/products")).json
    assert (child["parent_order_product_id"], child["price_inc_tax"]) == (parent["id"], "0.0000")


async def test_fees_are_included_when_asked_for(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order(extras=Extras(fees=[{"id": 1, "cost_inc_tax": "2.0000"}]))
    assert (await api.get(f"/v2/orders/{order_id}", include="fees")).json["fees"] == [
        {"id": 1, "cost_inc_tax": "2.0000"}
    ]
    assert (await api.get(f"/v2/orders/{order_id}/fees")).json == {"fees": [{"id": 1, "cost_inc_tax": "2.0000"}]}


async def test_what_hangs_below_an_order_is_empty_in_its_own_way(store: SandboxStore, api: Api) -> None:
    digital = store.add_order(lines=[{"type": "digital"}])
    for resource in ("coupons", "messages", "shipments", "shipping_addresses", "shippingaddresses", "taxes"):
        assert (await api.get(f"/v2/orders/{digital}/{resource}")).status == 204, resource
    assert (await api.get(f"/v2/orders/{digital}/fees")).json == {"fees": []}
    assert (await api.get(f"/v2/orders/{digital}/consignments")).json["shipping"] == []


async def test_an_address_and_a_line_can_be_fetched_alone(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    line = store.order(order_id)["lines"][0]
    assert (await api.get(f"/v2/orders/{order_id}/products/{line['id']}")).json["id"] == line["id"]
    for name in ("shipping_addresses", "shippingaddresses"):
        path = f"/v2/orders/{order_id}/{name}/{line['order_address_id']}"
        assert (await api.get(path)).json["order_id"] == order_id
        assert (await api.get(f"{path}/shipping_quotes")).status == 204
        assert (await api.get(f"/v2/orders/{order_id}/{name}/1")).status == 404


async def test_statuses_are_the_documented_fifteen_with_the_merchants_labels(store: SandboxStore, api: Api) -> None:
    store.behaviour.custom_labels = {11: "Ready to pick"}
    order_id = store.add_order()
    statuses = (await api.get("/v2/order_statuses")).json
    assert [each["id"] for each in statuses] == list(range(15))
    assert (await api.get("/v2/order_statuses/11")).json["custom_label"] == "Ready to pick"
    assert (await api.get("/v2/order_statuses/15")).status == 404
    order = (await api.get(f"/v2/orders/{order_id}")).json
    assert (order["status"], order["custom_status"]) == ("Awaiting Fulfillment", "Ready to pick")


async def test_the_store_tells_its_units_its_zone_and_the_time(store: SandboxStore, api: Api) -> None:
    profile = (await api.get("/v2/store")).json
    assert (profile["weight_units"], profile["timezone"]["name"]) == ("KGS", "Australia/Perth")
    assert profile["timezone"]["raw_offset"] == 8 * 3600
    assert (await api.get("/v2/time")).json == {"time": int(START.timestamp())}


@pytest.mark.parametrize("path", ["/v2/orders/1", "/v2/orders/1/products", "/v2/orders/1/shipments", "/v2/nothing"])
async def test_what_is_not_there_is_404_in_the_shape_of_v2(api: Api, path: str) -> None:
    reply = await api.get(path)
    assert (reply.status, reply.json) == (404, [{"status": 404, "message": "The requested resource was not found."}])
