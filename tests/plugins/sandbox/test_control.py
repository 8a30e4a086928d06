"""Steering the store from another process."""

from __future__ import annotations

from typing import Any

import pytest
from crossdock_sandbox.store import SandboxStore
from plugins.sandbox.client import Api, WoundClock


async def test_the_state_tells_what_happened(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    await api.ask("PUT", f"/v2/orders/{order_id}", body={"status_id": 2})
    store.faults.add("503", name="waiting")
    state = (await api.control("GET", "")).json
    assert {name: state[name] for name in ("orders", "requests", "emails", "shipments", "held_back")} == {
        "orders": 1,
        "requests": 1,
        "emails": 1,
        "shipments": 0,
        "held_back": 0,
    }
    assert state["request_log"][0]["path"] == f"/v2/orders/{order_id}"
    assert state["email_log"][0]["order_id"] == order_id
    assert [each["name"] for each in state["unused_faults"]] == ["waiting"]


async def test_looking_costs_no_quota_and_is_not_logged(store: SandboxStore, api: Api) -> None:
    await api.control("GET", "")
    assert (store.quota.left, store.requests) == (1000, [])


async def test_orders_are_generated_and_added(store: SandboxStore, api: Api) -> None:
    made = await api.control("POST", "/orders", {"generate": 3, "seed": 9})
    assert (made.status, made.json["ids"]) == (201, [101, 102, 103])
    one = {"id": 500, "status_id": 9, "lines": [{"name": "Mug", "options": {"Size": "L"}}]}
    one |= {"date_modified": "2020-01-01T00:00:00Z", "staff_notes": "x"}
    assert (await api.control("POST", "/orders", one)).json == {"ids": [500]}
    order = store.order(500)
    assert (order["date_modified"], order["staff_notes"]) == ("Wed, 01 Jan 2020 00:00:00 +0000", "x")
    assert order["lines"][0]["product_options"][0]["display_value"] == "L"
    listed = (await api.control("GET", "/orders?status_id=9")).json
    assert {name: listed[-1][name] for name in ("id", "status_id")} == {"id": 500, "status_id": 9}


async def test_an_order_is_changed_archived_and_removed(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    changed = await api.control("PATCH", f"/orders/{order_id}", {"status_id": 5, "staff_notes": "no"})
    assert (changed.json["status_id"], changed.json["staff_notes"]) == (5, "no")
    assert (await api.control("POST", f"/orders/{order_id}/archive")).json["is_deleted"] is True
    assert (await api.control("DELETE", f"/orders/{order_id}")).status == 200
    assert (await api.control("GET", f"/orders/{order_id}")).status == 404


async def test_a_hidden_change_is_released(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    await api.control("PATCH", f"/orders/{order_id}", {"status_id": 5, "visible_after": "never"})
    assert store.order(order_id)["status_id"] == 11
    assert (await api.control("POST", "/release")).json == {"released": 1}
    assert store.order(order_id)["status_id"] == 5


async def test_faults_are_set_listed_and_forgotten(store: SandboxStore, api: Api) -> None:
    faults = [{"kind": "503", "path": "^/v2/time$"}, {"kind": "late", "method": "PUT", "status": 500}]
    assert (await api.control("POST", "/faults", faults)).status == 201
    assert (await api.get("/v2/time")).status == 503
    order_id = store.add_order()
    assert (await api.ask("PUT", f"/v2/orders/{order_id}", body={"status_id": 5})).status == 500
    assert [each["used"] for each in (await api.control("GET", "/faults")).json] == [1, 1]
    assert (await api.control("POST", "/land")).json == {"landed": 1}
    assert store.order(order_id)["status_id"] == 5
    await api.control("DELETE", "/faults")
    assert len(store.faults) == 0


@pytest.mark.parametrize(
    ("edit", "ids_of_11"),
    [
        ({"order": 101, "status_id": 5}, [102]),
        ({"order": 101, "remove": True}, [102]),
        ({"order": 101, "archive": True}, [101, 102]),
        ({"add": {"status_id": 11}}, [101, 102, 103]),
    ],
)
async def test_an_edit_between_pages_can_be_written_down(
    store: SandboxStore, api: Api, edit: dict[str, Any], ids_of_11: list[int]
) -> None:
    store.add_order()
    store.add_order()
    assert (await api.control("POST", "/faults", {"kind": "edit", "edit": edit})).status == 201
    assert await api.ids(status_id=11) == ids_of_11
    assert store.faults.unused == []


async def test_switches_are_set(store: SandboxStore, api: Api) -> None:
    wanted = {
        "shipment_moves_status": "never",
        "archived_in_lists": False,
        "max_page": 10,
        "custom_labels": {"11": "Pick me"},
        "notified_statuses": [2],
        "extra_carriers": ["pigeon"],
        "clock_offset_s": -5,
        "quota": 7,
        "quota_window_s": 1,
    }
    settings = (await api.control("POST", "/settings", wanted)).json
    assert {name: settings[name] for name in wanted} == wanted
    assert (store.behaviour.custom_labels, store.quota.requests) == ({11: "Pick me"}, 7)
    assert store.behaviour.xml_by_default is False


async def test_a_token_is_made_with_chosen_scopes(api: Api) -> None:
    made = await api.control("POST", "/tokens", {"scopes": ["store_v2_orders_read_only"]})
    assert made.status == 201
    token = made.json["access_token"]
    assert (await api.ask("GET", "/v2/orders", token=token)).status == 204
    assert (await api.ask("GET", "/v2/store", token=token)).status == 403
    await api.control("DELETE", f"/tokens/{token}")
    assert (await api.ask("GET", "/v2/orders", token=token)).status == 401


async def test_the_log_of_requests_is_narrowed_and_emptied(store: SandboxStore, api: Api) -> None:
    for path in ("/v2/time", "/v2/orders", "/v2/time"):
        await api.get(path)
    assert len((await api.control("GET", "/requests?path=time")).json) == 2
    assert [each["path"] for each in (await api.control("GET", "/requests?limit=2")).json] == ["/v2/orders", "/v2/time"]
    await api.control("DELETE", "/requests")
    assert store.requests == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/orders", [1], 400, "JSON object"),
        ("POST", "/orders", {"stauts": 5}, 400, "`stauts`"),
        ("POST", "/orders", {"status_id": 77}, 400, "`status_id`"),
        ("POST", "/orders", {"generate": "many"}, 400, "`generate`"),
        ("POST", "/orders", {"date_modified": "today"}, 400, "`date_modified`"),
        ("POST", "/orders", {"date_modified": "2020-01-01T00:00:00"}, 400, "offset"),
        ("POST", "/orders", {"visible_after": "soon"}, 400, "`visible_after`"),
        ("POST", "/orders", {"lines": "Mug"}, 400, "lines"),
        ("PATCH", "/orders/9", {"status_id": 5}, 404, "order 9"),
        ("POST", "/faults", {"kind": "flood"}, 400, "flood"),
        ("POST", "/faults", {"path": "x"}, 400, "kind"),
        ("POST", "/faults", {"kind": "500", "times": 0}, 400, "times"),
        ("POST", "/faults", {"kind": "edit", "edit": {"order": 9, "status_id": 5}}, 404, "order 9"),
        ("POST", "/settings", {"max_page": 0}, 400, "max_page"),
        ("POST", "/settings", {"shipment_moves_status": "maybe"}, 400, "shipment_moves_status"),
        ("POST", "/settings", {"notified_statuses": [15]}, 400, "notified_statuses"),
        ("POST", "/settings", {"speed": 5}, 400, "speed"),
        ("POST", "/tokens", {"scopes": ["everything"]}, 400, "everything"),
        ("GET", "/nothing", None, 404, "/control/nothing"),
        ("GET", "/requests?path=(", None, 400, "regular expression"),
    ],
)
async def test_wrong_input_is_answered_with_one_sentence(
    store: SandboxStore, api: Api, method: str, path: str, body: Any, status: int, words: str
) -> None:
    reply = await api.control(method, path, body)
    assert reply.status == status
    assert words in reply.json["error"]
    assert (len(store.index), len(store.faults)) == (0, 0)


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
async def test_only_loopback_names_are_answered(api: Api, headers: dict[str, str]) -> None:
    assert (await api.control("GET", "", headers=headers)).status == 403


async def test_loopback_names_with_a_port_are_answered(api: Api, clock: WoundClock) -> None:
    headers = {"Host": "localhost:8425", "Origin": "http://127.0.0.1:9000"}
    assert (await api.control("GET", "", headers=headers)).status == 200
