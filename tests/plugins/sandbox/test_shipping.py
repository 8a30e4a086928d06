"""Shipments: what is accepted, what is refused in which words, and what follows from one."""

from __future__ import annotations

from typing import Any

import pytest
from crossdock_sandbox.store import SandboxStore
from plugins.sandbox.client import Api, Reply


class Parcel:
    """An order and the body of a shipment of all of its first address."""

    def __init__(self, store: SandboxStore, **fields: Any) -> None:
        self.order_id = store.add_order(**fields)
        self.lines = store.order(self.order_id)["lines"]
        self.path = f"/v2/orders/{self.order_id}/shipments"
        self.address_id = self.lines[0]["order_address_id"]

    def body(self, quantity: int | str | None = None, **fields: Any) -> dict[str, Any]:
        items = [
            {"order_product_id": line["id"], "quantity": line["quantity"] if quantity is None else quantity}
            for line in self.lines
            if line["order_address_id"] == self.address_id
        ]
        return {"order_address_id": self.address_id, "items": items, **fields}


@pytest.fixture
def parcel(store: SandboxStore) -> Parcel:
    return Parcel(store, lines=[{"quantity": 3}])


def refusal(reply: Reply) -> str:
    assert reply.status == 400, reply.text
    return str(reply.json[0]["message"])


async def test_a_shipment_is_made_and_read_back(store: SandboxStore, api: Api, parcel: Parcel) -> None:
    body = parcel.body(tracking_number="33ABC1", tracking_carrier="australia-post", shipping_provider="auspost")
    reply = await api.ask("POST", parcel.path, body=body)
    assert reply.status == 201
    made = reply.json
    assert (made["tracking_number"], made["shipping_provider_display_name"]) == ("33ABC1", "Australia Post")
    assert made["generated_tracking_link"]
    assert made["shipping_method"] == "None"
    assert made["items"] == [{"order_product_id": parcel.lines[0]["id"], "product_id": 0, "quantity": 3}]
    assert (await api.get(parcel.path)).json == [made]
    assert (await api.get(f"{parcel.path}/{made['id']}")).json == made
    assert (await api.get(f"{parcel.path}/count")).json == {"count": 1}
    assert [each.tracking_number for each in store.shipments(parcel.order_id)] == ["33ABC1"]


async def test_ids_may_be_sent_as_text(api: Api, parcel: Parcel) -> None:
    body = {
        "order_address_id": str(parcel.address_id),
        "items": [{"order_product_id": str(parcel.lines[0]["id"]), "quantity": "1"}],
    }
    assert (await api.ask("POST", parcel.path, body=body)).status == 201


async def test_counts_and_status_follow_the_parcels(store: SandboxStore, api: Api, parcel: Parcel) -> None:
    await api.ask("POST", parcel.path, body=parcel.body(1))
    order = store.order(parcel.order_id)
    assert (order["status_id"], order["items_shipped"], order["date_shipped"]) == (3, 1, "")
    assert order["lines"][0]["quantity_shipped"] == 1
    await api.ask("POST", parcel.path, body=parcel.body(2))
    order = store.order(parcel.order_id)
    assert (order["status_id"], order["items_shipped"]) == (2, 3)
    assert order["date_shipped"] == "Wed, 04 Mar 2026 05:06:07 +0000"
    assert order["consignments"]["shipping"][0]["items_shipped"] == 3


@pytest.mark.parametrize(("moves", "after"), [("never", [11, 11]), ("complete", [11, 2]), ("part", [3, 2])])
async def test_whether_a_shipment_moves_the_status_is_the_stores_choice(
    store: SandboxStore, api: Api, parcel: Parcel, moves: str, after: list[int]
) -> None:
    store.behaviour.shipment_moves_status = moves
    seen = []
    for quantity in (1, 2):
        await api.ask("POST", parcel.path, body=parcel.body(quantity))
        seen.append(store.order(parcel.order_id)["status_id"])
    assert seen == after


@pytest.mark.parametrize("status_id", [2, 4, 5, 10])
async def test_a_shipment_leaves_a_finished_order_where_it_is(store: SandboxStore, api: Api, status_id: int) -> None:
    parcel = Parcel(store, status_id=status_id, lines=[{"quantity": 2}])
    assert (await api.ask("POST", parcel.path, body=parcel.body(1))).status == 201
    assert store.order(parcel.order_id)["status_id"] == status_id


async def test_an_order_of_which_a_part_is_collected_is_not_shipped_by_its_parcels(
    store: SandboxStore, api: Api
) -> None:
    parcel = Parcel(store, lines=[{}, {"pickup": True}])
    await api.ask("POST", parcel.path, body=parcel.body())
    assert store.order(parcel.order_id)["status_id"] == 3


async def test_more_than_is_left_is_refused_with_what_is_left(store: SandboxStore, api: Api, parcel: Parcel) -> None:
    await api.ask("POST", parcel.path, body=parcel.body(2))
    reply = await api.ask("POST", parcel.path, body=parcel.body(2))
    assert refusal(reply) == "The field 'quantity' is invalid."
    details = reply.json[0]["details"]
    assert (details["available_quantity"], details["order_product_id"]) == (1, parcel.lines[0]["id"])
    assert len(store.shipments(parcel.order_id)) == 1


async def test_a_line_named_twice_counts_twice(store: SandboxStore, api: Api, parcel: Parcel) -> None:
    body = parcel.body(2)
    body["items"] *= 2
    assert refusal(await api.ask("POST", parcel.path, body=body)) == "The field 'quantity' is invalid."


async def test_refunded_units_can_be_kept_from_leaving(store: SandboxStore, api: Api) -> None:
    parcel = Parcel(store, lines=[{"quantity": 3, "quantity_refunded": 2, "is_refunded": True}])
    store.behaviour.refunded_can_ship = False
    reply = await api.ask("POST", parcel.path, body=parcel.body(2))
    assert reply.json[0]["details"]["available_quantity"] == 1
    assert (await api.ask("POST", parcel.path, body=parcel.body(1))).status == 201
    assert store.order(parcel.order_id)["status_id"] == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tracking_number": "x" * 51}, "The field 'tracking_number' is invalid."),
        ({"tracking_link": "x" * 501}, "The field 'tracking_link' is invalid."),
        ({"tracking_number": 5}, "The field 'tracking_number' is invalid."),
        ({"shipping_provider": "pigeon"}, "The field 'shipping_provider' is invalid."),
        ({"tracking_carrier": "pigeon"}, "The field 'tracking_carrier' is invalid."),
        ({"shipping_provider": "ups", "tracking_carrier": "fedex"}, "The field 'tracking_carrier' is invalid."),
        ({"shipping_method": ""}, "The field 'shipping_method' is invalid."),
        ({"order_address_id": 1}, "The field 'order_address_id' is invalid."),
        ({"order_address_id": None}, "The field 'order_address_id' is invalid."),
        ({"items": []}, "The field 'items' is invalid."),
        ({"items": [{"order_product_id": 1, "quantity": 1}]}, "The field 'order_product_id' is invalid."),
        ({"items": [{"quantity": 1}]}, "The required field 'order_product_id' was not supplied."),
        ({"merchant_shipping_cost": "dear"}, "The field 'merchant_shipping_cost' is invalid."),
        ({"id": 4}, "The field 'id' cannot be written to"),
        ({"date_created": "now"}, "The field 'date_created' cannot be written to"),
        ({"colour": "red"}, "The field 'colour' is not supported"),
    ],
)
async def test_a_wrong_shipment_is_refused_and_ships_nothing(
    store: SandboxStore, api: Api, parcel: Parcel, fields: dict[str, Any], message: str
) -> None:
    before = store.order(parcel.order_id)
    assert refusal(await api.ask("POST", parcel.path, body=parcel.body(**fields))).startswith(message)
    assert store.order(parcel.order_id) == before
    assert store.shipments(parcel.order_id) == []
    assert store.emails == []


@pytest.mark.parametrize("missing", ["order_address_id", "items"])
async def test_address_and_items_are_required(api: Api, parcel: Parcel, missing: str) -> None:
    body = parcel.body()
    del body[missing]
    assert refusal(await api.ask("POST", parcel.path, body=body)) == f"The required field '{missing}' was not supplied."


@pytest.mark.parametrize(
    "fields",
    [
        {"tracking_number": "x" * 50, "tracking_link": "x" * 500},
        {"shipping_provider": "", "tracking_carrier": ""},
        {"shipping_provider": "carrier_77", "tracking_carrier": "tnt-au"},
        {"shipping_provider": "endicia", "tracking_carrier": "usps"},
        {"tracking_carrier": "couriers-please"},
        {"tracking_carrier": "4-72"},
        {"shipping_method": "Express", "comments": "Carton 1", "merchant_shipping_cost": 8.5},
    ],
)
async def test_what_is_documented_is_accepted(api: Api, parcel: Parcel, fields: dict[str, Any]) -> None:
    made = (await api.ask("POST", parcel.path, body=parcel.body(**fields))).json
    assert {name: made[name] for name in fields if name != "merchant_shipping_cost"} == {
        name: value for name, value in fields.items() if name != "merchant_shipping_cost"
    }


async def test_a_provider_left_out_becomes_custom_and_gives_no_link(api: Api, parcel: Parcel) -> None:
    made = (await api.ask("POST", parcel.path, body=parcel.body(tracking_number="1"))).json
    assert (made["shipping_provider"], made["generated_tracking_link"]) == ("custom", "")


async def test_an_own_link_wins_over_a_generated_one(api: Api, parcel: Parcel) -> None:
    fields = {"tracking_number": "1", "tracking_carrier": "tnt-au", "tracking_link": "https://t.example/1"}
    made = (await api.ask("POST", parcel.path, body=parcel.body(**fields))).json
    assert (made["tracking_link"], made["generated_tracking_link"]) == ("https://t.example/1", "")


async def test_a_shipment_holds_lines_of_its_own_address_alone(store: SandboxStore, api: Api) -> None:
    parcel = Parcel(store, lines=[{}, {"address": 1}], addresses=[{}, {}])
    body = parcel.body()
    body["items"].append({"order_product_id": parcel.lines[1]["id"], "quantity": 1})
    assert refusal(await api.ask("POST", parcel.path, body=body)) == "The field 'order_product_id' is invalid."


async def test_an_order_with_two_addresses_is_shipped_when_both_have_left(store: SandboxStore, api: Api) -> None:
    parcel = Parcel(store, lines=[{}, {"address": 1}], addresses=[{}, {}])
    await api.ask("POST", parcel.path, body=parcel.body())
    assert store.order(parcel.order_id)["status_id"] == 3
    parcel.address_id = parcel.lines[1]["order_address_id"]
    await api.ask("POST", parcel.path, body=parcel.body())
    assert store.order(parcel.order_id)["status_id"] == 2


@pytest.mark.parametrize("line", [{"type": "digital"}, {"pickup": True}])
async def test_what_has_no_address_cannot_be_shipped(store: SandboxStore, api: Api, line: dict[str, Any]) -> None:
    parcel = Parcel(store, lines=[{}, line])
    body = parcel.body() | {"items": [{"order_product_id": parcel.lines[1]["id"], "quantity": 1}]}
    assert refusal(await api.ask("POST", parcel.path, body=body)) == "The field 'order_product_id' is invalid."


async def test_put_changes_tracking_but_never_items(store: SandboxStore, api: Api, parcel: Parcel) -> None:
    made = (await api.ask("POST", parcel.path, body=parcel.body(shipping_provider="auspost"))).json
    path = f"{parcel.path}/{made['id']}"
    changed = await api.ask("PUT", path, body={"tracking_number": "N2", "comments": "late"})
    assert (changed.status, changed.json["tracking_number"], changed.json["items"]) == (200, "N2", made["items"])
    assert refusal(await api.ask("PUT", path, body={"items": made["items"]})).startswith("The field 'items' cannot be")
    contradicting = await api.ask("PUT", path, body={"tracking_carrier": "fedex"})
    assert refusal(contradicting) == "The field 'tracking_carrier' is invalid."
    assert store.shipments(parcel.order_id)[0].tracking_carrier == ""


async def test_deleting_a_shipment_gives_units_back_and_keeps_the_status(
    store: SandboxStore, api: Api, parcel: Parcel
) -> None:
    made = (await api.ask("POST", parcel.path, body=parcel.body())).json
    assert (await api.ask("DELETE", f"{parcel.path}/{made['id']}")).status == 204
    order = store.order(parcel.order_id)
    assert (order["status_id"], order["items_shipped"], order["date_shipped"]) == (2, 0, "")
    assert (await api.get(parcel.path)).status == 204
    assert (await api.ask("POST", parcel.path, body=parcel.body())).status == 201


async def test_all_shipments_of_an_order_can_be_deleted_at_once(store: SandboxStore, api: Api, parcel: Parcel) -> None:
    for _ in range(3):
        await api.ask("POST", parcel.path, body=parcel.body(1))
    assert (await api.ask("DELETE", parcel.path)).status == 204
    assert store.shipments(parcel.order_id) == []
    assert store.order(parcel.order_id)["items_shipped"] == 0


async def test_a_shipment_mails_once_although_it_moves_the_status(
    store: SandboxStore, api: Api, parcel: Parcel
) -> None:
    await api.ask("POST", parcel.path, body=parcel.body(tracking_number="T1"))
    assert [(each.kind, each.tracking_number) for each in store.emails] == [("shipment", "T1")]


async def test_a_change_of_status_mails_only_if_it_is_a_change_and_notified(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    for status_id, mails in ((9, 0), (2, 1), (2, 1), (10, 2)):
        await api.ask("PUT", f"/v2/orders/{order_id}", body={"status_id": status_id})
        assert len(store.emails) == mails, status_id
    assert [(each.kind, each.status_id) for each in store.emails] == [("status", 2), ("status", 10)]
