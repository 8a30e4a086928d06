"""What can go wrong, on demand: each fault as a client meets it, and what it leaves behind in the store."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from crossdock_sandbox.store import SandboxStore
from plugins.sandbox.client import Api, WoundClock

LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


async def move(api: Api, order_id: int, status_id: int = 2) -> int:
    """The HTTP status of an attempt to change the order's status."""
    return (await api.ask("PUT", f"/v2/orders/{order_id}", body={"status_id": status_id})).status


async def ship(api: Api, store: SandboxStore, order_id: int) -> int:
    """The HTTP status of an attempt to ship the order: a POST, which aiohttp doesn't repeat by itself."""
    line = store.order(order_id)["lines"][0]
    body = {"order_address_id": line["order_address_id"], "items": [{"order_product_id": line["id"], "quantity": 1}]}
    return (await api.ask("POST", f"/v2/orders/{order_id}/shipments", body=body)).status


@pytest.mark.parametrize("kind", ["401", "403", "429", "500", "502", "503", "504", "509"])
async def test_an_error_status_comes_once_and_has_no_effect(store: SandboxStore, api: Api, kind: str) -> None:
    order_id = store.add_order()
    store.faults.add(kind, method="PUT")
    assert await move(api, order_id) == int(kind)
    assert store.order(order_id)["status_id"] == 11
    assert await move(api, order_id) == 200


async def test_a_429_says_when_to_come_back(store: SandboxStore, api: Api, clock: WoundClock) -> None:
    store.faults.add("429")
    headers = (await api.get("/v2/time")).headers
    assert (headers["x-rate-limit-requests-left"], headers["x-rate-limit-time-reset-ms"]) == ("0", "30000")
    clock.wind(seconds=10)
    store.faults.add("429")
    assert (await api.get("/v2/time")).headers["x-rate-limit-time-reset-ms"] == "20000"
    store.faults.add("429", seconds=1.5)
    headers = (await api.get("/v2/time")).headers
    assert (headers["x-rate-limit-time-reset-ms"], headers["x-retry-after"]) == ("1500", "2")


async def test_a_bare_429_says_nothing(store: SandboxStore, api: Api) -> None:
    store.faults.add("429-bare")
    reply = await api.get("/v2/time")
    assert reply.status == 429
    assert not [name for name in reply.headers if name.startswith("x-r")]
    assert (await api.get("/v2/time")).status == 200


async def test_a_reset_before_the_effect_leaves_everything_as_it_was(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    store.faults.add("reset-before", method="POST")
    with pytest.raises(LOST):
        await ship(api, store, order_id)
    assert store.shipments(order_id) == []
    assert [each.status for each in store.requests] == [0]


async def test_a_reset_after_the_effect_loses_the_answer_alone(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    store.faults.add("reset-after", method="POST", path="/shipments$")
    with pytest.raises(LOST):
        await ship(api, store, order_id)
    assert len(store.shipments(order_id)) == len(store.emails) == 1


async def test_an_effect_can_hide_behind_an_error(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    store.faults.add("reset-after", method="PUT", status=504)
    assert await move(api, order_id) == 504
    assert store.order(order_id)["status_id"] == 2


async def test_a_late_effect_comes_by_the_clock(store: SandboxStore, api: Api, clock: WoundClock) -> None:
    order_id = store.add_order()
    store.faults.add("late", method="PUT", seconds=60, status=503)
    assert await move(api, order_id) == 503
    clock.wind(seconds=59)
    assert (await api.get(f"/v2/orders/{order_id}")).json["status_id"] == 11
    clock.wind(hours=2)
    order = (await api.get(f"/v2/orders/{order_id}")).json
    assert order["status_id"] == 2
    assert order["date_modified"] == "Wed, 04 Mar 2026 05:07:07 +0000"  # when it landed, not when somebody looked


async def test_a_late_read_lands_without_harm(store: SandboxStore, api: Api, clock: WoundClock) -> None:
    """A request that lands lets what is due happen first, and it's due itself."""
    order_id = store.add_order()
    for _ in range(2):
        store.faults.add("late", method="GET", seconds=60, status=503)
        assert (await api.ask("GET", f"/v2/orders/{order_id}/shipments")).status == 503
    clock.wind(seconds=61)
    assert (await api.ask("GET", f"/v2/orders/{order_id}/shipments")).status == 204
    assert store.held_back == 0


async def test_a_late_effect_can_be_landed_by_hand(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    store.faults.add("late", method="POST")
    with pytest.raises(LOST):
        await ship(api, store, order_id)
    assert (len(store.shipments(order_id)), store.held_back) == (0, 1)
    assert store.land() == 1
    assert (len(store.shipments(order_id)), store.held_back) == (1, 0)


async def test_a_cut_answer_promises_more_than_comes(store: SandboxStore, api: Api) -> None:
    store.generate(5)
    store.faults.add("cut")
    with pytest.raises(aiohttp.ClientPayloadError):
        await api.get("/v2/orders")
    assert len(await api.ids()) == 5


async def test_a_slow_answer_outlasts_an_impatient_client(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    store.faults.add("slow", seconds=30)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await move(api, order_id)
    assert store.order(order_id)["status_id"] == 2  # the effect doesn't wait for the answer


@pytest.mark.parametrize(
    ("kind", "status", "content_type", "starts"),
    [
        ("html", 200, "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ("xml", 500, "application/xml", "<?xml"),
        ("null", 200, "application/json", "null"),
        ("empty", 200, "application/json", ""),
        ("garbage", 200, "application/json", "[{"),
    ],
)
async def test_strange_bodies(
    store: SandboxStore, api: Api, kind: str, status: int, content_type: str, starts: str
) -> None:
    store.add_order()
    store.faults.add(kind)
    reply = await api.get("/v2/orders")
    assert (reply.status, reply.headers["content-type"]) == (status, content_type)
    assert reply.text.startswith(starts)
    if kind != "null":
        with pytest.raises(json.JSONDecodeError):
            json.loads(reply.text)


async def test_a_strange_body_can_stand_in_for_a_write_that_worked(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    store.faults.add("null", method="PUT", effect=True)
    await move(api, order_id)
    assert store.order(order_id)["status_id"] == 2


async def test_faults_are_used_in_their_order_and_as_often_as_told(store: SandboxStore, api: Api) -> None:
    store.faults.add("503", path="^/v2/orders$", times=2)
    store.faults.add("500", path="^/v2/orders$")
    store.faults.add("502", path="^/v2/time$", skip=1)
    statuses = [(await api.get(path)).status for path in ["/v2/orders"] * 4 + ["/v2/time"] * 3]
    assert statuses == [503, 503, 500, 204, 200, 502, 200]
    assert store.faults.unused == []


async def test_a_fault_can_wait_for_one_page(store: SandboxStore, api: Api) -> None:
    store.faults.add("500", path=r"/v2/orders\?.*page=2")
    assert [(await api.get("/v2/orders", page=page)).status for page in (1, 2, 3)] == [204, 500, 204]


async def test_a_fault_can_last_for_ever(store: SandboxStore, api: Api) -> None:
    store.faults.add("503", times=None)
    assert {(await api.get("/v2/time")).status for _ in range(5)} == {503}
    store.faults.clear()
    assert (await api.get("/v2/time")).status == 200


async def test_faults_that_nobody_met_can_be_told(store: SandboxStore, api: Api) -> None:
    store.faults.add("503", path="^/v2/nothing$", name="never met")
    store.faults.add("500", times=2, name="met once")
    await api.get("/v2/time")
    assert [each.name for each in store.faults.unused] == ["never met", "met once"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_store_can_change_between_two_pages(store: SandboxStore, api: Api, when: str) -> None:
    ids = [store.add_order() for _ in range(4)]
    store.faults.add(
        "edit", path="^/v2/orders$", skip=1, when=when, edit=lambda: store.set_status(ids[2], 5), name="cancel"
    )
    pages = [await api.ids(status_id=11, limit=2, page=page) for page in (1, 2, 3)]
    assert pages == ([ids[:2], [ids[3]], []] if when == "before" else [ids[:2], ids[2:], []])


async def test_an_edit_and_a_fault_can_meet_one_request(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    store.faults.add("edit", edit=lambda: store.set_status(order_id, 5))
    store.faults.add("503")
    assert (await api.get("/v2/orders")).status == 503
    assert store.order(order_id)["status_id"] == 5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"kind": "flood"}, "There is no fault 'flood'"),
        ({"kind": "500", "path": "("}, "no regular expression"),
        ({"kind": "slow"}, "needs `seconds`"),
        ({"kind": "edit"}, "needs `edit`"),
        ({"kind": "500", "times": 0}, "1 or more"),
        ({"kind": "500", "when": "later"}, "'before' or 'after'"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(store: SandboxStore, arguments: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        store.faults.add(**arguments)  # type: ignore[arg-type]  # wrong on purpose
    assert len(store.faults) == 0
