"""Who is let in, how often, and in which format the answer comes."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from crossdock_sandbox.documented import ORDERS_READ
from crossdock_sandbox.store import SandboxStore
from plugins.sandbox.client import Api, WoundClock


async def test_a_wrong_token_is_401_in_the_shape_of_each_version(api: Api) -> None:
    v2 = await api.ask("GET", "/v2/orders", token="wrong")
    v3 = await api.ask("GET", "/v3/hooks", token="wrong")
    assert (v2.status, v2.json[0]["status"]) == (401, 401)
    assert (v3.status, v3.json["status"], "title" in v3.json) == (401, 401, True)


async def test_each_token_may_do_what_its_scopes_say(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    reader = store.new_token({ORDERS_READ}).access_token
    assert (await api.ask("GET", "/v2/orders", token=reader)).status == 200
    assert (await api.ask("PUT", f"/v2/orders/{order_id}", body={"status_id": 2}, token=reader)).status == 403
    assert (await api.ask("GET", "/v2/store", token=reader)).status == 403
    assert (await api.ask("GET", "/v3/hooks", token=reader)).status == 200
    assert store.order(order_id)["status_id"] == 11


async def test_a_scope_to_modify_includes_reading(store: SandboxStore, api: Api) -> None:
    writer = store.new_token({"store_v2_orders"}).access_token
    assert (await api.ask("GET", "/v2/orders", token=writer)).status == 204


async def test_a_revoked_token_is_refused(store: SandboxStore, api: Api) -> None:
    token = store.new_token().access_token
    store.accounts.revoke(token)
    assert (await api.ask("GET", "/v2/time", token=token)).status == 401


async def test_another_stores_hash_is_403(store: SandboxStore, api: Api) -> None:
    store.store_hash = "moved"
    assert (await api.get("/v2/time")).status == 403


async def test_every_answer_tells_the_quota(store: SandboxStore, api: Api) -> None:
    for path in ("/v2/time", "/v2/orders", "/v2/orders/1", "/v3/hooks"):
        headers = (await api.get(path)).headers
        assert headers["x-rate-limit-requests-quota"] == "1000"
        assert headers["x-rate-limit-time-window-ms"] == "30000"
    assert headers["x-rate-limit-requests-left"] == "996"


async def test_a_used_up_quota_is_429_until_the_window_ends(store: SandboxStore, api: Api, clock: WoundClock) -> None:
    store.quota.requests = 2
    assert [(await api.get("/v2/time")).status for _ in range(3)] == [200, 200, 429]
    clock.wind(seconds=20)
    refused = await api.get("/v2/time")
    assert (refused.status, refused.headers["x-rate-limit-time-reset-ms"]) == (429, "10000")
    assert refused.headers["x-rate-limit-requests-left"] == "0"
    clock.wind(seconds=10)
    assert (await api.get("/v2/time")).status == 200


async def test_a_request_over_the_quota_has_no_effect_and_uses_no_fault(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    fault = store.faults.add("500")
    store.quota.requests = 1
    store.quota.use()
    assert (await api.ask("PUT", f"/v2/orders/{order_id}", body={"status_id": 2})).status == 429
    assert store.order(order_id)["status_id"] == 11
    assert store.faults.unused == [fault]


async def test_xml_comes_to_those_who_ask_for_it(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order(customer_message="a < b")
    reply = await api.ask("GET", "/v2/orders", headers={"Accept": "application/xml"})
    assert reply.headers["content-type"] == "application/xml"
    root = ElementTree.fromstring(reply.text.encode())
    assert [each.findtext("id") for each in root.iter("order")] == [str(order_id)]
    assert root.findtext("order/customer_message") == "a < b"


async def test_xml_errors_are_errors_in_xml(api: Api) -> None:
    reply = await api.ask("GET", "/v2/orders/1", headers={"Accept": "text/xml"})
    assert reply.status == 404
    assert ElementTree.fromstring(reply.text.encode()).findtext("error/status") == "404"


@pytest.mark.parametrize("accept", ["*/*", ""])
async def test_what_comes_without_an_accept_header_is_the_stores_choice(
    store: SandboxStore, api: Api, accept: str
) -> None:
    kinds = []
    for store.behaviour.xml_by_default in (False, True):
        kinds.append((await api.ask("GET", "/v2/time", headers={"Accept": accept})).headers["content-type"])
    assert kinds == ["application/json", "application/xml"]


async def test_v3_is_never_xml(store: SandboxStore, api: Api) -> None:
    store.behaviour.xml_by_default = True
    assert "json" in (await api.ask("GET", "/v3/hooks", headers={"Accept": "*/*"})).headers["content-type"]


async def test_large_answers_are_compressed_for_those_who_take_it(store: SandboxStore, api: Api) -> None:
    store.generate(5)
    zipped = await api.get("/v2/orders")
    plain = await api.ask("GET", "/v2/orders", headers={"Accept-Encoding": "identity"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.json == plain.json


async def test_a_path_with_json_at_its_end_is_understood(store: SandboxStore, api: Api) -> None:
    order_id = store.add_order()
    assert (await api.get(f"/v2/orders/{order_id}.json")).json["id"] == order_id


async def test_v3_resources_that_are_not_simulated_are_404_in_its_shape(api: Api) -> None:
    reply = await api.get("/v3/orders/pickups")
    assert (reply.status, reply.json["status"]) == (404, 404)


async def test_requests_are_logged_with_what_came_of_them(store: SandboxStore, api: Api) -> None:
    await api.get("/v2/orders", limit=7)
    seen = store.requests[-1]
    assert (seen.method, seen.path, seen.query, seen.status) == ("GET", "/v2/orders", {"limit": "7"}, 204)
