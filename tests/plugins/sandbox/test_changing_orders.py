"""What a client may change of an order, and what it may not."""

from __future__ import annotations

from typing import Any

import pytest
from crossdock_sandbox.store import SandboxStore
from plugins.sandbox.client import Api, WoundClock


async def test_a_status_is_changed_by_put_and_shows_in_the_whole_order(
    store: SandboxStore, api: Api, clock: WoundClock
) -> None:
    order_id = store.add_order()
    clock.wind(minutes=5)
    reply = await api.ask("PUT", f"/v2/orders/{order_id}", body={"status_id": 2})
    assert reply.status == 200
    assert (reply.json["status_id"], reply.json["status"]) == (2, "Shipped")
    assert reply.json["date_modified"] == "Wed, 04 Mar 2026 05:11:07 +0000"
    assert await api.ids(status_id=2) == [order_id]
    assert await api.ids(status_id=11) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("staff_notes", "Packed by Ann"), ("customer_message", "Thanks"), ("external_order_id", "A-1")],
)
async def test_notes_and_outside_numbers_can_be_written(store: SandboxStore, api: Api, field: str, value: str) -> None:
    order_id = store.add_order()
    await api.ask("PUT", f"/v2/orders/{order_id}", body={field: value})
    assert (await api.get(f"/v2/orders/{order_id}")).json[field] == value
    assert store.order(order_id)["status_id"] == 11


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"id": 5}, "The field 'id' cannot be written to"),
        ({"date_modified": "now"}, "The field 'date_modified' cannot be written to"),
        ({"status": "Shipped"}, "The field 'status' cannot be written to"),
        ({"cart_id": "x"}, "The field 'cart_id' cannot be written to"),
        ({"status_id": 15}, "The field 'status_id' is invalid."),
        ({"status_id": "shipped"}, "The field 'status_id' is invalid."),
        ({"staff_notes": 5}, "The field 'staff_notes' is invalid."),
        ({"is_deleted": "yes"}, "The field 'is_deleted' is invalid."),
        ({"colour": "red"}, "The field 'colour' is not supported"),
    ],
)
async def test_a_refused_change_leaves_the_order_as_it_was(
    store: SandboxStore, api: Api, clock: WoundClock, body: dict[str, Any], message: str
) -> None:
    order_id = store.add_order()
    before = store.order(order_id)
    clock.wind(minutes=1)
    reply = await api.ask("PUT", f"/v2/orders/{order_id}", body={"customer_message": "x", **body})
    assert reply.status == 400
    assert reply.json[0]["message"].startswith(message)
    assert store.order(order_id) == before


async def test_a_body_must_be_json_and_say_so(store: SandboxStore, api: Api) -> None:
    path = f"/v2/orders/{store.add_order()}"
    assert (await api.ask("PUT", path, headers={"Content-Type": "text/plain"})).status == 415
    assert (await api.ask("PUT", path, headers={"Content-Type": "application/json"})).status == 400
    assert (await api.ask("PUT", path, body=[1])).status == 400


@pytest.mark.parametrize("way", ["DELETE", "PUT"])
async def test_archiving_flags_the_order_and_keeps_it_by_default(store: SandboxStore, api: Api, way: str) -> None:
    order_id = store.add_order()
    body = {"is_deleted": True} if way == "PUT" else None
    assert (await api.ask(way, f"/v2/orders/{order_id}", body=body)).status in {200, 204}
    assert (await api.get(f"/v2/orders/{order_id}")).json["is_deleted"] is True
    assert await api.ids() == [order_id]


async def test_archived_orders_vanish_where_the_store_hides_them(store: SandboxStore, api: Api) -> None:
    order_id, other = store.add_order(), store.add_order()
    store.behaviour.archived_in_lists = False
    store.archive(order_id)
    assert (await api.get(f"/v2/orders/{order_id}")).status == 404
    assert await api.ids() == [other]
    assert (await api.get("/v2/orders/count")).json["count"] == 1


async def test_an_order_can_be_made_over_the_api(api: Api, store: SandboxStore) -> None:
    body = {
        "billing_address": {"first_name": "Ann", "email": "ann@example.com", "country_iso2": "AU"},
        "products": [{"name": "Card", "quantity": 2, "price_inc_tax": 5, "price_ex_tax": 4.55}],
    }
    order = (await api.ask("POST", "/v2/orders", body=body)).json
    assert (order["status_id"], order["items_total"], order["order_source"]) == (1, 2, "external")
    dated = body | {"date_created": "Fri, 01 May 2020 10:00:00 +0200", "status_id": 11}
    old = (await api.ask("POST", "/v2/orders", body=dated)).json
    assert (old["date_created"], old["status_id"]) == ("Fri, 01 May 2020 08:00:00 +0000", 11)
    assert await api.ids(max_date_created="2020-05-01T08:00:00Z") == [old["id"]]
    assert store.order(order["id"])["billing_address"]["first_name"] == "Ann"
    assert (await api.ask("POST", "/v2/orders", body={"products": body["products"]})).json[0]["message"] == (
        "The required field 'billing_address' was not supplied."
    )


async def test_what_is_not_offered_is_said_by_status(store: SandboxStore, api: Api) -> None:
    path = f"/v2/orders/{store.add_order()}"
    assert (await api.ask("PATCH", path, body={})).status == 501
    assert (await api.ask("POST", path, body={})).status == 405


async def test_staff_can_edit_lines_and_addresses(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order(lines=[{"name": "Mug", "quantity": 1}, {"name": "Bowl"}])
    mug, bowl = (line["id"] for line in store.order(order_id)["lines"])
    changes = [{"id": mug, "quantity": 5}, {"name": "Spoon"}]
    store.edit(order_id, lines=changes, remove_lines=[bowl], address={"city": "Hobart"})
    lines = (await api.get(f"/v2/orders/{order_id}/products")).json
    assert [(line["name"], line["quantity"]) for line in lines] == [("Mug", 5), ("Spoon", 1)]
    order = store.order(order_id)
    assert (order["items_total"], order["consignments"]["shipping"][0]["city"]) == (6, "Hobart")


async def test_an_order_can_be_new_and_yet_carry_an_old_modified_time(
    store: SandboxStore, api: Api, clock: WoundClock
) -> None:
    first = store.add_order()
    late = store.add_order(date_modified=clock.now().replace(year=2020))
    assert await api.ids(sort="date_modified:asc") == [late, first]
    assert await api.ids(min_id=first + 1) == [late]


async def test_a_removed_order_is_gone_everywhere(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    store.remove(order_id)
    assert (await api.get(f"/v2/orders/{order_id}")).status == 404
    assert await api.ids(sort="date_modified") == await api.ids(status_id=11) == []


def test_mistakes_of_a_test_are_told_to_it(store: SandboxStore) -> None:
    order_id = store.add_order(id=7)
    with pytest.raises(ValueError, match="order 7 already"):
        store.add_order(id=7)
    with pytest.raises(ValueError, match="no status 99"):
        store.set_status(order_id, 99)
    with pytest.raises(ValueError, match="'stauts'"):
        store.edit(order_id, stauts=5)
    with pytest.raises(KeyError, match="no order 8"):
        store.edit(8, status_id=5)
