"""The lists that people pack from: every order once, in its tab, found by what stands on its papers."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from crossdock.errors import UsageError
from crossdock.model import Stage, instant
from crossdock.shipping import ShipRequest
from crossdock.state import lists
from crossdock.state.listing import Listed, ListQuery, Tab
from crossdock.state.shipments import WriteBackState
from crossdock.state.sqlite import open_sqlite
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bench import STORE, Bench, bench_in

START = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    """An empty database."""
    path = tmp_path / "crossdock.db"
    state = await open_sqlite(path)
    await state.close()
    return path


def opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    return db


def put(
    db: sqlite3.Connection, number: int, *, store: str = "acme", stage: Stage = Stage.AWAITING, hour: int = 0
) -> None:
    """An order that is there as an import would have left it, with one line that has not left."""
    db.execute(
        "insert or ignore into stores (name, connector, identity, account_name, bound_at) values (?, 'x', ?, 'x', 'x')",
        (store, store),
    )
    placed = instant(START + timedelta(hours=hour))
    key = db.execute(
        "insert into orders (store, id, number, status_id, status_name, stage, shipping_allowed, placed_at, "
        "modified_at, currency, customer_name, search, digest, derivation, as_of, imported_at, updated_at) values "
        "(?, ?, ?, '11', 'x', ?, 1, ?, ?, 'AUD', ?, ?, x'', '', ?, ?, ?)",
        (store, str(number), f"A{number}", stage, placed, placed, f"Buyer {number}", f"A{number} Buyer SKU-{number}",
         placed, placed, placed),
    ).lastrowid  # fmt: skip
    place = '{"city": "Perth", "country": "%s"}' % ("AU" if number % 2 else "NZ")
    db.execute("insert into consignments values (?, 0, 'c', 'shipping', ?, null, ?)", (key, place, f"S{number % 3}"))
    db.execute(
        "insert into lines (order_key, consignment, position, id, name, quantity, quantity_shipped, quantity_refunded, "
        "requires_shipping) values (?, 0, 0, 'l', 'Mug', 1, 0, 0, 1)",
        (key,),
    )


def numbers(listed: Listed) -> list[str]:
    return [one.stored.order.id for one in listed.orders]


def all_pages(db: sqlite3.Connection, query: ListQuery) -> Iterator[Listed]:
    """Every page from the first to the last, and then back to the first again."""
    forward = [lists.list_orders(db, query)]
    while (place := forward[-1].after) is not None:
        forward.append(lists.list_orders(db, replace(query, place=place)))
    yield from forward
    backward = [forward[-1]]
    while (place := backward[-1].before) is not None:
        backward.append(lists.list_orders(db, replace(query, place=place)))
    there = [number for page in forward for number in numbers(page)]
    back = [number for page in reversed(backward) for number in numbers(page)]
    assert back == there


@settings(max_examples=60, deadline=None)
@given(
    hours=st.lists(st.integers(0, 5), max_size=25),
    limit=st.integers(1, 7),
    tab=st.sampled_from(Tab),
    newest_first=st.booleans(),
    country=st.sampled_from([None, "AU", "NZ"]),
    seed=st.integers(0, 9),
)
def test_walking_all_pages_there_and_back_shows_every_order_once(
    tmp_path_factory: pytest.TempPathFactory,
    hours: list[int],
    limit: int,
    tab: Tab,
    newest_first: bool,
    country: str | None,
    seed: int,
) -> None:
    db = fresh(tmp_path_factory)
    stages = random.Random(seed).choices(list(Stage), k=len(hours))
    for number, (hour, stage) in enumerate(zip(hours, stages, strict=True)):
        put(db, number, hour=hour, stage=stage)
    query = ListQuery(tab=tab, limit=limit, newest_first=newest_first, country=country)
    seen = [number for page in all_pages(db, query) for number in numbers(page)]
    tabs = {Stage.AWAITING: Tab.NEW, Stage.PART_SHIPPED: Tab.NEW, Stage.ON_HOLD: Tab.NEW, Stage.SHIPPED: Tab.SHIPPED,
            Stage.COMPLETED: Tab.SHIPPED, Stage.AWAITING_PICKUP: Tab.WAITING}  # fmt: skip
    there = [
        (hour, number)
        for number, (hour, stage) in enumerate(zip(hours, stages, strict=True))
        if tab in (Tab.ALL, tabs.get(stage, Tab.CLOSED)) and country in (None, "AU" if number % 2 else "NZ")
    ]
    assert seen == [str(number) for _, number in sorted(there, reverse=newest_first)]
    db.rollback()


_open: list[sqlite3.Connection] = []


def fresh(factory: pytest.TempPathFactory) -> sqlite3.Connection:
    """A database without an order, made once: each example takes back what it did."""
    if not _open:
        path = factory.mktemp("lists") / "crossdock.db"

        async def make() -> None:
            await (await open_sqlite(path)).close()

        asyncio.run(make())
        _open.append(opened(path))
    return _open[0]


def test_a_search_finds_an_order_by_its_number_its_goods_and_its_tracking_number(database: Path) -> None:
    with closing(opened(database)) as db:
        for number in range(5):
            put(db, number, hour=number)
        db.execute(
            "insert into shipments (store, order_id, consignment, carrier, tracking_number, sets_aside, key, "
            "created_at) values ('acme', '3', 'c', 'X', '33ABC01', 0, 'k', 'x')"
        )
        find = [
            numbers(lists.list_orders(db, ListQuery(tab=Tab.ALL, search=text)))
            for text in ("A2", "sku-1", "33abc", "buyer", "nothing")
        ]
        assert find == [["2"], ["1"], ["3"], ["0", "1", "2", "3", "4"], []]


def test_a_scanned_code_means_exactly_one_order(database: Path) -> None:
    with closing(opened(database)) as db:
        for number in (1, 12):
            put(db, number)
        assert lists.find_exactly(db, " A1 ") == [("acme", "1")]
        assert lists.find_exactly(db, "12") == [("acme", "12")]
        assert lists.find_exactly(db, "A") == []


def test_a_list_is_narrowed_by_store_country_service_and_pickup(database: Path) -> None:
    with closing(opened(database)) as db:
        for number in range(6):
            put(db, number, store="acme" if number < 4 else "other", hour=number)
        db.execute("update consignments set kind = 'pickup' where order_key = 2")
        narrowed = [
            numbers(lists.list_orders(db, query))
            for query in (
                ListQuery(store="other"),
                ListQuery(country="AU"),
                ListQuery(service="S0"),
                ListQuery(pickup=True),
                ListQuery(store="acme", country="AU", service="S0"),
            )
        ]
        assert narrowed == [["4", "5"], ["1", "3", "5"], ["0", "3"], ["1"], ["3"]]
        facets = lists.find_facets(db, "other")
        assert (facets.countries, facets.services) == (("AU", "NZ"), ("S1", "S2"))
        assert lists.count_tabs(db, "acme")[Tab.NEW] == 4


@pytest.mark.parametrize(
    "place", ["", "x", "after~", "after~2026~1", "sideways~2026-05-01T00:00:00Z~1", "after~2026-05-01T00:00:00Z~-1"]
)
def test_a_place_that_is_none_is_refused_in_words(database: Path, place: str) -> None:
    with closing(opened(database)) as db:
        if not place:
            assert lists.list_orders(db, ListQuery(place=place)).orders == ()
            return
        with pytest.raises(UsageError, match="begin at its first page"):
            lists.list_orders(db, ListQuery(place=place))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_in(tmp_path) as bench:
        yield bench


async def test_an_order_waits_while_its_store_is_told_and_is_new_again_where_something_is_left(bench: Bench) -> None:
    for _ in range(2):
        bench.store.add_order(lines=[{"quantity": 2}])
    await bench.run()
    async with bench.engines() as engine:
        first, second = [one.stored.order for one in (await engine.state.listing(ListQuery())).orders]
        await engine.dispatch.ship(STORE, ShipRequest(order=first.id, carrier="Sendle", tracking="S1"))
        line = second.consignments[0].lines[0]
        part = {line.id: 1}
        await engine.dispatch.ship(STORE, ShipRequest(order=second.id, carrier="Sendle", tracking="S2", lines=part))
        assert numbers(await engine.state.listing(ListQuery(tab=Tab.WAITING))) == [first.id]
        assert numbers(await engine.state.listing(ListQuery(tab=Tab.NEW))) == [second.id]
        await engine.dispatch.write_back(STORE)
        assert numbers(await engine.state.listing(ListQuery(tab=Tab.SHIPPED))) == [first.id]
        assert numbers(await engine.state.listing(ListQuery(tab=Tab.NEW))) == [second.id]
        (found,) = (await engine.state.listing(ListQuery(tab=Tab.ALL, search="s1"))).orders
        assert [row.state for row in found.shipments] == [WriteBackState.CONFIRMED]
