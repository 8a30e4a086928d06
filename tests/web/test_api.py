"""The JSON API: what the command line does, its errors, and a document that tells the truth of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from crossdock.web.api import ROUTES, Route
from crossdock.web.openapi import document
from hypothesis import HealthCheck, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance
from support.bench import STORE, Bench, bench_in
from support.site import Browser, site_over


async def test_an_order_is_shipped_once_and_its_way_to_the_store_can_be_followed(
    bench: Bench, visitor: Browser, orders: list[int]
) -> None:
    body = {"store": STORE, "order": str(orders[0]), "carrier": "Sendle", "tracking": "S1"}
    made = await visitor.api("POST", "/shipments", body)
    assert (visitor.status, made["state"], made["tracking_number"]) == (201, "pending", "S1")
    again = await visitor.api("POST", "/shipments", body)
    assert (visitor.status, again["id"]) == (200, made["id"])
    await visitor.engine.dispatch.write_back(STORE)
    assert (await visitor.api("GET", f"/shipments/{made['id']}"))["state"] == "confirmed"
    assert [row["id"] for row in (await visitor.api("GET", "/write-backs?state=confirmed"))["write_backs"]] == [1]
    assert (await visitor.api("GET", f"/shipments/{made['id']}/label"))[:4] == b"%PDF"
    report = await visitor.api("GET", f"/orders/{STORE}/{orders[0]}")
    assert [one["id"] for one in report["shipments"]] == [made["id"]]
    assert report["stage"] == "shipped"


async def test_orders_come_page_by_page(visitor: Browser, orders: list[int]) -> None:
    first = await visitor.api("GET", "/orders?limit=2&tab=new")
    assert [order["id"] for order in first["orders"]] == [str(order) for order in orders[:2]]
    rest = await visitor.api("GET", f"/orders?limit=2&tab=new&after={first['next']}")
    assert [order["id"] for order in rest["orders"]] == [str(orders[2])]
    assert rest["next"] is None
    assert (await visitor.api("GET", "/orders?pickup=true"))["orders"] == []


async def test_an_import_is_answered_with_its_run(bench: Bench, visitor: Browser) -> None:
    bench.store.add_order()
    run = await visitor.api("POST", "/imports", {"store": STORE})
    assert (visitor.status, run["imported"], run["outcome"]) == (200, 1, "done")
    assert (await visitor.api("GET", f"/runs/{run['id']}"))["imported"] == 1
    assert (await visitor.api("GET", "/runs?limit=1"))["runs"][0]["id"] == run["id"]
    assert (await visitor.api("GET", "/stores"))["stores"][0]["state"] == "ok"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/nothing", None, 404, "There is nothing at /api/v1/nothing"),
        ("GET", "/orders/acme/999", None, 404, "order 999 is not here"),
        ("GET", "/orders/none/1", None, 404, "stores.yaml has no store of this name"),
        ("GET", "/orders?tab=x", None, 400, "tab: should be one of new"),
        ("GET", "/orders?pickup=1", None, 400, "pickup: should be true or false"),
        ("GET", "/orders?limit=0", None, 400, "limit: should be a whole number from 1 to 200"),
        ("GET", "/runs/99", None, 404, "There is no run 99"),
        ("GET", "/shipments/x", None, 404, "an id is a whole number"),
        ("POST", "/shipments", {"store": STORE}, 400, "missing required field `order`"),
        ("POST", "/shipments", {"stroe": STORE}, 400, "did you mean 'store'"),
        ("POST", "/imports", {"store": STORE, "days": 0}, 400, "Expected `int` >= 1"),
        ("POST", "/imports", {"store": STORE, "days": 1, "order": "1"}, 400, "exclude each other"),
    ],
)
async def test_an_error_says_what_is_wrong(
    visitor: Browser, method: str, path: str, body: object, status: int, words: str
) -> None:
    answer = await visitor.api(method, path, body)
    assert visitor.status == status
    assert words in answer["error"]["words"]


async def test_what_cant_be_done_is_a_conflict(bench: Bench, visitor: Browser, orders: list[int]) -> None:
    bench.store.set_status(orders[0], 5)
    bench.clock.wind(11)
    answer = await visitor.api("POST", "/shipments", {"store": STORE, "order": str(orders[0]), "carrier": "X"})
    assert (visitor.status, answer["error"]["kind"]) == (409, "RefusedError")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_route_is_in_the_reference(route: Route) -> None:
    reference = Path(__file__).parents[2] / "docs/reference/api.md"
    assert f"| `{route.method} {route.path}` |" in reference.read_text(encoding="utf-8")


def test_the_document_is_sound_openapi() -> None:
    OpenAPIV31SpecValidator(dict(document("1.2.3", ""))).validate()


def undocumented(schema: Any, value: Any, place: str = "") -> set[str]:
    """The places of keys in a value that its schema doesn't tell of."""
    if "$ref" in schema:
        schema = document("1.2.3", "")["components"]["schemas"][schema["$ref"].rpartition("/")[2]]  # type: ignore[index]
    if isinstance(value, list):
        return set().union(*(undocumented(schema["items"], item, f"{place}[]") for item in value))
    if not isinstance(value, dict):
        return set()
    branches = [undocumented(branch, value, place) for branch in schema.get("anyOf", ())]
    if branches:
        return min(branches, key=len)
    if parts := schema.get("allOf"):
        return set.intersection(*(undocumented(part, value, place) for part in parts))
    known = schema.get("properties")
    if known is None:
        return set()  # any keys
    lost = {f"{place}.{key}" for key in value if key not in known}
    return lost.union(
        *(undocumented(known[key], inner, f"{place}.{key}") for key, inner in value.items() if key in known)
    )


async def test_the_document_tells_of_every_key_that_is_answered(
    bench: Bench, visitor: Browser, orders: list[int]
) -> None:
    bench.store.add_order()
    shipping = {"store": STORE, "order": str(orders[0]), "carrier": "Sendle", "tracking": "S1"}
    answers = {
        "Shipment": await visitor.api("POST", "/shipments", shipping),
        "Run": await visitor.api("POST", "/imports", {"store": STORE}),
        "OrderReport": await visitor.api("GET", f"/orders/{STORE}/{orders[0]}"),
        "Orders": await visitor.api("GET", "/orders"),
        "Runs": await visitor.api("GET", "/runs"),
        "Stores": await visitor.api("GET", "/stores"),
        "WriteBacks": await visitor.api("GET", "/write-backs"),
        "Why": await visitor.api("GET", f"/orders/{STORE}/{orders[0]}/why"),
        "Problem": await visitor.api("GET", "/nothing"),
    }
    lost = {f"{name}{key}" for name, body in answers.items() for key in undocumented({"$ref": f"#/{name}"}, body)}
    assert lost == set()


async def test_whatever_is_asked_the_answer_is_as_the_document_says(tmp_path: Path) -> None:
    """Driven by requests made up from the document, right ones and wrong ones."""
    async with bench_in(tmp_path) as bench:
        for _ in range(3):
            bench.store.add_order()
        await bench.run()
        async with site_over(bench) as visitor:
            await visitor.api("POST", "/shipments", {"store": STORE, "order": "1", "carrier": "X"})
            await asyncio.to_thread(_drive, visitor.address)


def _drive(address: str) -> None:
    schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json")
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @settings(
            max_examples=12, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def holds(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(
                base_url=address,
                checks=[not_a_server_error, response_schema_conformance, status_code_conformance],
            )

        holds()
