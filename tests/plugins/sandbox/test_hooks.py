"""Webhooks as records of the account that made them."""

from __future__ import annotations

from typing import Any

import pytest
from crossdock_sandbox.store import SandboxStore
from plugins.sandbox.client import START, Api

HOOK = {"scope": "store/order/*", "destination": "https://hooks.example.com/bc", "headers": {"X-Our-Key": "k"}}


async def test_a_hook_is_made_listed_changed_and_deleted(store: SandboxStore, api: Api) -> None:
    made = await api.ask("POST", "/v3/hooks", body=HOOK)
    assert made.status == 200
    hook = made.json["data"]
    assert {name: hook[name] for name in HOOK} == HOOK
    assert (hook["is_active"], hook["created_at"], hook["client_id"]) == (
        True,
        int(START.timestamp()),
        store.account.client_id,
    )
    path = f"/v3/hooks/{hook['id']}"
    assert (await api.get(path)).json["data"] == hook
    assert (await api.get("/v3/hooks")).json["data"] == [hook]
    assert (await api.ask("PUT", path, body={"is_active": False})).json["data"]["is_active"] is False
    assert (await api.get("/v3/hooks", is_active="true")).json["meta"]["pagination"]["total"] == 0
    deleted = await api.ask("DELETE", path)
    assert (deleted.status, deleted.json["data"]["id"]) == (200, hook["id"])
    assert (await api.get(path)).status == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scope": None}, "scope"),
        ({"scope": "orders"}, "scope"),
        ({"destination": "http://hooks.example.com"}, "destination"),
        ({"destination": "https://hooks.example.com:8443/x"}, "destination"),
        ({"headers": {"X": 1}}, "headers"),
        ({"is_active": "yes"}, "is_active"),
    ],
)
async def test_a_wrong_hook_is_422_with_its_field(
    store: SandboxStore, api: Api, change: dict[str, Any], field: str
) -> None:
    reply = await api.ask("POST", "/v3/hooks", body=HOOK | change)
    assert (reply.status, list(reply.json["errors"])) == (422, [field])
    assert store.hooks == {}


async def test_scope_and_destination_are_required(api: Api) -> None:
    reply = await api.ask("POST", "/v3/hooks", body={"scope": "store/order/*"})
    assert reply.json["errors"] == {"destination": "error.path.missing"}


async def test_a_second_hook_for_the_same_scope_and_destination_is_refused(api: Api) -> None:
    await api.ask("POST", "/v3/hooks", body=HOOK)
    assert (await api.ask("POST", "/v3/hooks", body=HOOK)).status == 422


async def test_another_accounts_hooks_are_not_there(store: SandboxStore, api: Api) -> None:
    hook = (await api.ask("POST", "/v3/hooks", body=HOOK)).json["data"]
    other = store.new_token().access_token
    assert (await api.ask("GET", "/v3/hooks", token=other)).json["data"] == []
    assert (await api.ask("GET", f"/v3/hooks/{hook['id']}", token=other)).status == 404


async def test_the_addresses_for_trouble_are_kept(api: Api) -> None:
    assert (await api.ask("PUT", "/v3/hooks/admin", body={"emails": ["ops@example.com"]})).status == 204
    assert (await api.get("/v3/hooks/admin")).json["data"]["emails"] == ["ops@example.com"]
