"""The lists that people pack from: every order once, in its tab, found by what stands on its papers."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest
from crossdock.errors import UsageError
from crossdock.model import Order, Stage, instant
from crossdock.shipment import Item
from crossdock.shipping import ShipRequest
from crossdock.state import Account, Bookmark, Gone, RunKind, View, lists, migrations
from crossdock.state.listing import Listed, ListQuery, Tab
from crossdock.state.shipments import UNFINISHED, Parcel, WriteBack, WriteBackState
from crossdock.state.sqlite import open_sqlite
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations
from support.bench import STORE, Bench, bench_in
from support.orders import NOON, consignment, line, order, view

T = TypeVar("T")
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


def tracked(db: sqlite3.Connection, order: str, number: str) -> None:
    """A shipment of the order that has this tracking number."""
    db.execute(
        "insert into shipments (store, order_id, consignment, carrier, tracking_number, sets_aside, key, created_at) "
        "values ('acme', ?, 'c', 'X', ?, 0, ?, ?)",
        (order, number, number, instant(START)),
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
    search=st.sampled_from(["", "", "buyer"]),
    few=st.sampled_from([0, 3, 1_000]),
    looked_most=st.sampled_from([1, 4, 1_000]),
    seed=st.integers(0, 9),
)
@example(hours=[0], limit=1, tab=Tab.NEW, newest_first=False, country="AU", search="", few=0, looked_most=1, seed=0)
def test_walking_all_pages_there_and_back_shows_every_order_once(
    tmp_path_factory: pytest.TempPathFactory,
    hours: list[int],
    limit: int,
    tab: Tab,
    newest_first: bool,
    country: str | None,
    search: str,
    few: int,
    looked_most: int,
    seed: int,
) -> None:
    db = fresh(tmp_path_factory)
    stages = random.Random(seed).choices(list(Stage), k=len(hours))
    for number, (hour, stage) in enumerate(zip(hours, stages, strict=True)):
        put(db, number, hour=hour, stage=stage)
    query = ListQuery(tab=tab, limit=limit, newest_first=newest_first, country=country, search=search)
    with pytest.MonkeyPatch.context() as bounds:  # where a page ends before it's full, and which way it's made
        bounds.setattr(lists, "FEW", few)
        bounds.setattr(lists, "LOOKED_MOST", looked_most)
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
        tracked(db, "3", "33ABC01")
        find = [
            numbers(lists.list_orders(db, ListQuery(tab=Tab.ALL, search=text)))
            for text in ("A2", "sku-1", "33abc", "buyer", "nothing")
        ]
        assert find == [["2"], ["1"], ["3"], ["0", "1", "2", "3", "4"], []]


def test_a_scanned_code_means_exactly_one_order_in_whichever_letters_it_comes(database: Path) -> None:
    with closing(opened(database)) as db:
        for number in (1, 12):
            put(db, number)
        db.execute("update orders set id = 'X-9b', search = 'A12 X-9b' where id = '12'")
        tracked(db, "1", "33ABC01")
        for text in (" A1 ", "a1", "1", "33ABC01", "33abc01"):
            assert lists.find_exactly(db, text) == [("acme", "1")]
        for text in ("X-9b", "x-9B", "A12"):
            assert lists.find_exactly(db, text) == [("acme", "X-9b")]
        for text in ("A", "33ABC", "9b", "", '"', "\0"):
            assert lists.find_exactly(db, text) == []


def test_what_a_search_names_exactly_is_found_among_ever_so_many_others(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MATCHES_MOST", 2)
    with closing(opened(database)) as db:
        for number in (1, 10, 11, 12, 13):
            put(db, number, hour=number)
        listed = lists.list_orders(db, ListQuery(search="A1"))
        assert (numbers(listed), listed.is_cut) == (["1", "12", "13"], True)
        listed = lists.list_orders(db, ListQuery(search="A12"))
        assert (numbers(listed), listed.is_cut) == (["12"], False)
        for number in (1, 10, 11):
            tracked(db, str(number), f"T{number}")
        listed = lists.list_orders(db, ListQuery(search="t1"))
        assert (numbers(listed), listed.is_cut) == (["1", "10"], True)


def test_no_more_orders_are_counted_than_anybody_reads(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "COUNTED_MOST", 3)
    with closing(opened(database)) as db:
        for number in range(5):
            put(db, number, stage=Stage.AWAITING if number else Stage.SHIPPED)
        counts = lists.count_tabs(db, None)
        assert counts == {Tab.NEW: 3, Tab.WAITING: 0, Tab.SHIPPED: 1, Tab.CLOSED: 0, Tab.ALL: 3}


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
    "place",
    [
        "",
        "x",
        "after~",
        "after~2026~1",
        "sideways~2026-05-01T00:00:00Z~1",
        "after~2026-05-01T00:00:00Z~-1",
        "after~2026-05-01T00:00:00Z~99999999999999999999",
    ],
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


# --- in which tab an order is ---


class Life(RuleBasedStateMachine):
    """One order as its store shows it, is shipped from it, and is told of that, in any order of events."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = TemporaryDirectory()
        self.now = NOON
        self.order = order(consignments=(consignment(line("501", 2), line("502", 1)),))
        self.state = self.run(open_sqlite(Path(self.folder.name) / "crossdock.db"))
        self.run(self.state.bind(STORE, "x", Account(identity="x", name="x"), frozenset({STORE}), NOON))
        self.shipped = 0
        self.show(view(self.order, as_of=self.now))

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.state.close())
        self.loop.close()
        self.folder.cleanup()

    def show(self, seen: View) -> None:
        run = self.run(self.state.begin_run(STORE, RunKind.CHANGES, NOON)).run
        page = Bookmark(cursor={}, swept_since=self.now)
        self.run(self.state.save_page(STORE, run, [seen], page, derivation="1", at=self.now))

    @rule(stage=st.sampled_from(Stage), allowed=st.booleans(), sent=st.integers(0, 2), refunded=st.integers(0, 2))
    def the_store_shows_a_change(self, stage: Stage, allowed: bool, sent: int, refunded: int) -> None:
        self.now += timedelta(minutes=1)
        lines = (line("501", 2, quantity_shipped=sent), line("502", 1, quantity_refunded=min(1, refunded)))
        one = consignment(*lines)
        self.order = replace(self.order, stage=stage, shipping_allowed=allowed, consignments=(one,))
        self.show(view(self.order, as_of=self.now))

    @rule()
    def the_store_shows_the_same_again(self) -> None:
        self.now += timedelta(minutes=1)
        self.show(View(id=self.order.id, as_of=self.now, finding=None))

    @rule()
    def the_store_has_it_no_more(self) -> None:
        self.now += timedelta(minutes=1)
        self.show(View(id=self.order.id, as_of=self.now, finding=Gone()))

    @rule(units=st.integers(1, 2), rest=st.booleans(), sets_aside=st.booleans())
    def some_of_it_is_shipped(self, units: int, rest: bool, sets_aside: bool) -> None:
        self.shipped += 1
        items = (Item("501", units), *((Item("502", 1),) if rest else ()))
        parcel = Parcel(store=STORE, order_id=self.order.id, consignment="301", items=items, carrier="X",
                        said=str(self.shipped), key=str(self.shipped), sets_aside=sets_aside)  # fmt: skip
        self.run(self.state.ship(parcel, self.now))

    @precondition(lambda self: self.shipped)
    @rule(data=st.data(), state=st.sampled_from(WriteBackState), is_shown=st.booleans(), minutes=st.integers(-1, 1))
    def the_store_is_told(self, data: st.DataObject, state: WriteBackState, is_shown: bool, minutes: int) -> None:
        row = self.run(self.state.writeback(data.draw(st.integers(1, self.shipped))))
        assert row is not None
        is_over = state not in UNFINISHED
        told = replace(
            row,
            state=state,
            next_try=None if is_over else self.now,
            shown_as_of=self.now + timedelta(minutes=minutes) if is_shown else None,
        )
        self.run(self.state.advance(told, [], self.now))

    @invariant()
    def it_is_in_its_tab_and_in_no_other(self) -> None:
        stored = self.run(self.state.order(STORE, self.order.id))
        assert stored is not None
        rows = self.run(self.state.shipments(STORE, self.order.id))
        tab = tab_of(stored.order, rows)
        for one in Tab:
            listed = self.run(self.state.listing(ListQuery(tab=one)))
            assert [found.tab for found in listed.orders] == ([tab] if one in (tab, Tab.ALL) else [])
            assert listed.counts == {each: int(each in (tab, Tab.ALL)) for each in Tab}


def tab_of(order: Order, rows: Sequence[WriteBack]) -> Tab:
    """Where an order belongs, said in Python."""
    left = sum(line.left_to_ship for one in order.consignments for line in one.lines)
    if order.stage is Stage.AWAITING_PICKUP or (not left and any(not row.is_finished for row in rows)):
        return Tab.WAITING
    if order.stage in (Stage.AWAITING, Stage.PART_SHIPPED) or (order.stage is Stage.ON_HOLD and order.shipping_allowed):
        return Tab.NEW
    return Tab.SHIPPED if order.stage in (Stage.SHIPPED, Stage.COMPLETED) else Tab.CLOSED


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)


async def test_orders_of_an_older_database_come_into_their_tabs(tmp_path: Path) -> None:
    path = tmp_path / "crossdock.db"
    older = Migrations("crossdock")
    for name in ("m0001_import", "m0002_daemon", "m0003_shipping"):
        older(name=name)(getattr(migrations, name))
    with closing(Database(path)) as made:
        older.apply(made)
    with closing(opened(path)) as db:
        for number in range(1, 7):
            put(db, number)
        parcels = [(1, 1, "pending", None), (2, 0, "pending", None), (3, 1, "confirmed", None), (4, 1, "refused", None),
                   (5, 1, "uncertain", "2026-04-30T00:00:00Z")]  # fmt: skip
        for order_id, units, told, shown in parcels:
            tracked(db, str(order_id), f"T{order_id}")
            db.execute("insert into shipment_lines values (?, 'l', ?)", (order_id, units))
            db.execute(
                "insert into writebacks (shipment, store, order_id, said, episode, state, shown_as_of) "
                "values (?, 'acme', ?, ?, 1, ?, ?)",
                (order_id, str(order_id), str(order_id), told, shown),
            )
        db.commit()
    state = await open_sqlite(path)
    try:
        assert numbers(await state.listing(ListQuery(tab=Tab.WAITING))) == ["1"]
        assert numbers(await state.listing(ListQuery(tab=Tab.NEW))) == ["2", "3", "4", "5", "6"]
        assert numbers(await state.listing(ListQuery(search="sku-3"))) == ["3"]
        assert await state.refused() == {"acme": 1}
    finally:
        await state.close()
