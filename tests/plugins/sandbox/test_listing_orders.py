"""Which orders a list gives, in which order, and in pages of which size."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from crossdock_sandbox.query import order_query_from
from crossdock_sandbox.record import Record
from crossdock_sandbox.store import SandboxStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plugins.sandbox.client import START, Api

HOUR = timedelta(hours=1)


async def test_orders_come_by_ascending_id_fifty_to_a_page(store: SandboxStore, api: Api) -> None:
    store.generate(60)
    assert await api.ids() == store.order_ids()[:50]
    assert await api.ids(page=2) == store.order_ids()[50:]


async def test_an_empty_list_is_204_without_a_body(api: Api) -> None:
    reply = await api.get("/v2/orders")
    assert (reply.status, reply.text) == (204, "")


async def test_the_page_after_the_last_is_204(store: SandboxStore, api: Api) -> None:
    store.generate(2)
    assert (await api.get("/v2/orders", page=2, limit=2)).status == 204


async def test_250_to_a_page_is_the_most_that_may_be_asked_for(api: Api) -> None:
    assert (await api.get("/v2/orders", limit=250)).status == 204
    assert (await api.get("/v2/orders", limit=251)).status == 413


async def test_a_store_may_serve_smaller_pages_than_asked_for(store: SandboxStore, api: Api) -> None:
    store.generate(5)
    store.behaviour.max_page = 2
    assert [len(await api.ids(limit=250, page=page)) for page in (1, 2, 3, 4)] == [2, 2, 1, 0]


@pytest.mark.parametrize("bound", ["min_id", "max_id"])
async def test_bounds_of_ids_are_inclusive(store: SandboxStore, api: Api, bound: str) -> None:
    for order_id in (5, 6, 7):
        store.add_order(id=order_id)
    assert await api.ids(**{bound: 6}) == ([6, 7] if bound == "min_id" else [5, 6])


@pytest.mark.parametrize("field", ["created", "modified"])
async def test_bounds_of_dates_are_inclusive(store: SandboxStore, api: Api, field: str) -> None:
    early, middle, late = (
        store.add_order(date_created=START - HOUR * n, date_modified=START - HOUR * n) for n in (2, 1, 0)
    )
    bound = "2026-03-04T04:06:07Z"
    assert await api.ids(**{f"min_date_{field}": bound}) == [middle, late]
    assert await api.ids(**{f"max_date_{field}": bound}) == [early, middle]


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-04T05:06:07Z",
        "2026-03-04T05:06:07+00:00",
        "2026-03-04T13:06:07+08:00",
        "2026-03-04T05:06:07.000-00:00",
        "Wed, 04 Mar 2026 05:06:07 +0000",
        "Wed, 04 Mar 2026 01:06:07 -0400",
        "2026-03-04T05:06:07",
    ],
)
async def test_both_documented_date_formats_are_understood(store: SandboxStore, api: Api, text: str) -> None:
    store.add_order(date_modified=START - timedelta(seconds=1))
    wanted = store.add_order(date_modified=START)
    assert await api.ids(min_date_modified=text) == [wanted]


async def test_a_raw_plus_in_a_date_is_a_space_and_so_no_offset(api: Api) -> None:
    for date in ("2026-03-04T05:06:07+00:00", "Wed,%2004%20Mar%202026%2005:06:07%20+0000"):
        reply = await api.get(f"/v2/orders?min_date_modified={date}")
        assert reply.status == 400
        assert reply.json == [{"status": 400, "message": "The field 'min_date_modified' is invalid."}]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("min_id", "x"),
        ("status_id", "11,9"),
        ("customer_id", ""),
        ("min_total", "cheap"),
        ("max_date_created", "yesterday"),
        ("page", "0"),
        ("limit", "-1"),
        ("sort", "name"),
        ("sort", "id:up"),
        ("include", "products"),
        ("consignment_structure", "list"),
        ("is_deleted", "perhaps"),
    ],
)
async def test_a_value_that_cannot_be_read_is_refused_by_its_name(api: Api, field: str, value: str) -> None:
    reply = await api.get("/v2/orders", **{field: value})
    assert (reply.status, reply.json) == (400, [{"status": 400, "message": f"The field '{field}' is invalid."}])


@pytest.mark.parametrize(
    ("wanted", "query"),
    [
        ({"customer_id": 7}, {"customer_id": 7}),
        ({"channel_id": 664}, {"channel_id": 664}),
        ({"payment_method": "PayPal"}, {"payment_method": "paypal"}),
        ({"cart_id": "abc"}, {"cart_id": "abc"}),
        ({"external_order_id": "AMZ-1"}, {"external_order_id": "AMZ-1"}),
        ({"status_id": 3}, {"status_id": 3}),
        ({"billing": {"email": "Mia@B.example"}}, {"email": "mia@b.example"}),
        ({"total_inc_tax": "99.0000"}, {"min_total": "99", "max_total": "99.0"}),
        ({"is_deleted": True}, {"is_deleted": "true"}),
    ],
)
async def test_each_filter_finds_its_order(
    store: SandboxStore, api: Api, wanted: dict[str, Any], query: dict[str, Any]
) -> None:
    store.add_order()
    found = store.add_order(**wanted)
    assert await api.ids(**query) == [found]
    assert (await api.get("/v2/orders/count", **query)).json["count"] == 1


async def test_filters_narrow_each_other(store: SandboxStore, api: Api) -> None:
    store.add_order(status_id=11, customer_id=1)
    store.add_order(status_id=9, customer_id=2)
    both = store.add_order(status_id=11, customer_id=2)
    assert await api.ids(status_id=11, customer_id=2) == [both]


@pytest.mark.parametrize(
    "key", ["id", "customer_id", "date_created", "date_modified", "status_id", "channel_id", "external_id"]
)
async def test_every_documented_sort_key_goes_both_ways(store: SandboxStore, api: Api, key: str) -> None:
    made = {}
    for rank in (2, 1, 3):
        moment = START + HOUR * rank
        made[rank] = store.add_order(
            id=rank,
            customer_id=rank,
            date_created=moment,
            date_modified=moment,
            status_id=rank,
            channel_id=rank,
            external_id=str(rank),
        )
    assert await api.ids(sort=key) == await api.ids(sort=f"{key}:asc") == [1, 2, 3]
    assert await api.ids(sort=f"{key}:desc") == [3, 2, 1]


async def test_the_count_gives_every_status_with_its_number(store: SandboxStore, api: Api) -> None:
    store.add_order(status_id=11)
    store.add_order(status_id=11)
    store.add_order(status_id=2)
    count = (await api.get("/v2/orders/count")).json
    assert count["count"] == 3
    assert {each["id"]: each["count"] for each in count["statuses"]} == dict.fromkeys(range(15), 0) | {11: 2, 2: 1}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    orders=st.lists(st.tuples(st.sampled_from([2, 9, 11]), st.integers(0, 5), st.integers(0, 5)), max_size=25),
    changes=st.lists(st.tuples(st.integers(0, 24), st.sampled_from([2, 9, 11]), st.integers(0, 8)), max_size=10),
    status=st.none() | st.sampled_from([2, 9, 11]),
    bounds=st.tuples(st.none() | st.integers(0, 9), st.none() | st.integers(0, 9)),
    min_id=st.none() | st.integers(100, 130),
    sort=st.sampled_from(["id", "date_modified", "status_id", "date_created"]),
    descending=st.booleans(),
)
def test_the_indexes_give_what_a_plain_search_gives(
    orders: list[tuple[int, int, int]],
    changes: list[tuple[int, int, int]],
    status: int | None,
    bounds: tuple[int | None, int | None],
    min_id: int | None,
    sort: str,
    descending: bool,
) -> None:
    store = SandboxStore(now=lambda: START)
    for status_id, created, modified in orders:
        store.add_order(status_id=status_id, date_created=START + HOUR * created, date_modified=START + HOUR * modified)
    for position, status_id, modified in changes:
        if position < len(orders):
            store.edit(101 + position, status_id=status_id, date_modified=START + HOUR * modified)
    query = {"sort": f"{sort}:{'desc' if descending else 'asc'}"}
    if status is not None:
        query["status_id"] = str(status)
    if min_id is not None:
        query["min_id"] = str(min_id)
    for name, bound in zip(("min_date_modified", "max_date_modified"), bounds, strict=True):
        if bound is not None:
            query[name] = (START + HOUR * bound).isoformat()
    first, last = (None if bound is None else START + HOUR * bound for bound in bounds)
    expected = [
        each
        for each in store.index
        if (status is None or each.status_id == status)
        and (min_id is None or each.id >= min_id)
        and (first is None or each.modified >= first.timestamp())
        and (last is None or each.modified <= last.timestamp())
    ]
    keys: dict[str, Callable[[Record], int]] = {
        "id": lambda each: each.id,
        "date_modified": lambda each: each.modified,
        "status_id": lambda each: each.status_id,
        "date_created": lambda each: each.created,
    }
    expected.sort(key=keys[sort], reverse=descending)
    found = order_query_from(query, archived_in_lists=True).run(store.index)
    assert [each.id for each in found] == [each.id for each in expected]
