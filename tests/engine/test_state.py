"""What every storage must do; here asked of the SQLite one."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from crossdock.errors import AccountMismatchError
from crossdock.importing import unpack
from crossdock.model import Address, Customer, Order, Stage, Status
from crossdock.state import (
    Account,
    Bookmark,
    Counts,
    Failure,
    Gone,
    LockPurpose,
    Outcome,
    RunKind,
    State,
    Taken,
    Traffic,
    Verdict,
    View,
    locks,
)
from crossdock.state.sqlite import open_sqlite
from hypothesis import given, settings
from hypothesis import strategies as st
from support.orders import (
    CANONICAL,
    NOON,
    consignment,
    line,
    order,
    orders,
    patient,
    personal_texts,
    put_aside,
    skipped,
    view,
)

ACME = "acme-au"
MAPPING = "bigcommerce/1/abc"
ACCOUNT = Account(identity="hash1", name="ACME Australia")
ONE = timedelta(seconds=1)


@pytest.fixture
async def state(database: Path) -> AsyncIterator[State]:
    """An empty state in which one store is bound."""
    state = await open_sqlite(database)
    await state.bind(ACME, "bigcommerce", ACCOUNT, frozenset({ACME}), NOON)
    yield state
    await state.close()


async def begin(state: State, store: str, kind: RunKind, at: datetime) -> int:
    """The id of a new run."""
    return (await state.begin_run(store, kind, at)).run


async def save(state: State, *views: View, bookmark: Bookmark | None = None, store: str = ACME) -> Counts:
    """Saves a page in a run of its own; where no bookmark is given it is one of the feed."""
    run = await begin(state, store, RunKind.CHANGES, NOON)
    page = bookmark or Bookmark(cursor={})
    saved = await state.save_page(store, run, views, page, derivation=MAPPING, at=NOON)
    await state.end_run(run, Outcome.DONE, NOON, traffic=Traffic(), reasons={}, failure=None)
    return saved.counts


async def listed(state: State, **narrowed: str) -> list[str]:
    """The ids of all orders that fit."""
    stage = Stage(narrowed.pop("stage")) if "stage" in narrowed else None
    return [stored.order.id async for stored in state.orders(stage=stage, **narrowed)]


async def kept(state: State, id: str = "101") -> Order:
    stored = await state.order(ACME, id)
    assert stored is not None
    return stored.order


@contextmanager
def looked_into(database: Path) -> Iterator[sqlite3.Connection]:
    """The file itself, as another program sees it."""
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


# --- an order stays what it is --------------------------------------------------------------------------------------


@settings(patient, max_examples=30)
@given(orders())
def test_an_order_comes_out_of_the_database_as_it_went_in(whole: Order) -> None:
    async def through() -> Order:
        with TemporaryDirectory() as folder:
            state = await open_sqlite(Path(folder) / "crossdock.db")
            try:
                await state.bind(ACME, "bigcommerce", ACCOUNT, frozenset({ACME}), NOON)
                await save(state, view(whole))
                assert [stored.order async for stored in state.orders()] == [whole]
                return await kept(state, whole.id)
            finally:
                await state.close()

    found = asyncio.run(through())
    assert found == whole
    assert str(found.total) == str(whole.total)
    prices = [[str(line.unit_price) for c in each.consignments for line in c.lines] for each in (found, whole)]
    assert prices[0] == prices[1]


async def test_nothing_is_confused_with_something_empty(state: State) -> None:
    told = order(
        customer=Customer(name="", company=None),
        billing=Address(),
        customer_message="",
        consignments=(consignment(line(sku="", barcode=None, options={"Size": ""}), ship_to=None, service=""),),
    )
    await save(state, view(told))
    assert await kept(state) == told


async def test_raw_comes_back_whole(state: State) -> None:
    await save(state, view(order()))
    (packed,) = await state.underived(ACME, "another mapping", 0, 10)
    assert packed.order_id == "101"
    assert msgspec.json.encode(unpack(packed.raw), order="deterministic") == CANONICAL


async def test_an_order_that_changed_replaces_its_lines_and_consignments(state: State) -> None:
    await save(state, view(order(consignments=(consignment(line("1"), line("2")), consignment(line("3"), id="302")))))
    smaller = order(consignments=(consignment(line("2", quantity=5)),))
    assert await save(state, view(smaller, as_of=NOON + ONE)) == Counts(updated=1, pages=1)
    assert await kept(state) == smaller


async def test_an_order_is_found_by_its_id_and_by_its_number_and_the_id_wins(state: State) -> None:
    await save(state, view(order("101", number="202")), view(order("202", number="303")))
    assert (await kept(state, "202")).id == "202"
    assert (await kept(state, "303")).id == "202"
    assert (await kept(state, "101")).id == "101"
    assert await state.order(ACME, "404") is None
    assert await state.order("other", "101") is None


# --- a page is all or nothing (I1) ----------------------------------------------------------------------------------


async def test_a_page_is_saved_whole(state: State) -> None:
    bookmark = Bookmark(cursor={"last_id": 104, "of": ["more"]}, swept_since=NOON, sweep_finished=True)
    run = await begin(state, ACME, RunKind.CHANGES, NOON)
    page = [
        view(order("101")),
        view(order("102")),
        skipped("103", "it is archived"),
        put_aside("104", "KeyError: 'id'"),
    ]
    saved = await state.save_page(ACME, run, page, bookmark, derivation=MAPPING, at=NOON)
    assert saved.counts == Counts(imported=2, skipped=1, set_aside=1, pages=1)
    assert saved.verdicts["101"] is saved.verdicts["102"] is Verdict.IMPORTED
    assert (await state.run(run)).counts == saved.counts
    assert await listed(state) == ["101", "102"]
    assert (await state.skip(ACME, "103")) is not None
    assert [each.order_id for each in await state.set_asides(ACME)] == ["104"]
    (record,) = await state.stores()
    assert (record.cursor, record.swept_since) == (bookmark.cursor, NOON)


async def test_of_a_page_that_fails_midway_nothing_is_seen(state: State, database: Path) -> None:
    await save(state, view(order("100")), bookmark=Bookmark(cursor={"last_id": 100}))
    with looked_into(database) as other:
        other.execute(
            "create trigger broken before insert on timeline when new.order_id = '104' begin "
            "select raise(abort, 'broken'); end"
        )
    run = await begin(state, ACME, RunKind.CHANGES, NOON)
    page = [
        view(order("100", stage=Stage.SHIPPED), as_of=NOON + ONE),
        view(order("101")),
        skipped("102", "it is archived"),
        put_aside("103", "KeyError: 'id'"),
        view(order("104")),
    ]
    bookmark = Bookmark(cursor={"last_id": 104}, swept_since=NOON, sweep_finished=True)
    with pytest.raises(sqlite3.IntegrityError, match="broken"):
        await state.save_page(ACME, run, page, bookmark, derivation=MAPPING, at=NOON)
    assert await listed(state) == ["100"]
    assert (await kept(state, "100")).stage is Stage.AWAITING
    assert await state.skip(ACME, "102") is None
    assert await state.set_asides(ACME) == []
    assert (await state.run(run)).counts == Counts()
    (record,) = await state.stores()
    assert (record.cursor, record.swept_since) == ({"last_id": 100}, None)
    assert await state.timeline(ACME, "101") == []
    assert await listed(state, search="Mia") == ["100"]
    with looked_into(database) as other:
        other.execute("drop trigger broken")
    saved = await state.save_page(ACME, run, page, bookmark, derivation=MAPPING, at=NOON)
    assert saved.counts == Counts(imported=2, updated=1, skipped=1, set_aside=1, pages=1)


async def test_a_page_without_a_bookmark_leaves_the_cursor(state: State) -> None:
    await save(state, bookmark=Bookmark(cursor={"last_id": 7}))
    run = await begin(state, ACME, RunKind.DAYS, NOON)
    await state.save_page(ACME, run, [view(order())], None, derivation=MAPPING, at=NOON)
    assert [record.cursor for record in await state.stores()] == [{"last_id": 7}]


async def test_the_counts_of_a_run_add_up_over_its_pages(state: State) -> None:
    run = await begin(state, ACME, RunKind.CHANGES, NOON)
    for id in ("101", "102", "102"):
        await state.save_page(ACME, run, [view(order(id))], Bookmark(cursor={}), derivation=MAPPING, at=NOON)
    assert (await state.run(run)).counts == Counts(imported=2, unchanged=1, pages=3)


# --- newer and older views (I9, I10) --------------------------------------------------------------------------------


async def test_an_unchanged_order_is_not_updated(state: State) -> None:
    await save(state, view(order()))
    assert await save(state, view(order(), as_of=NOON + ONE)) == Counts(unchanged=1, pages=1)
    assert [event.event for event in await state.timeline(ACME, "101")] == ["imported"]


async def test_other_raw_that_gives_the_same_order_counts_as_unchanged(state: State) -> None:
    await save(state, view(order()))
    other = view(order(), as_of=NOON + ONE, digest="another raw")
    assert await save(state, other) == Counts(unchanged=1, pages=1)
    assert [event.event for event in await state.timeline(ACME, "101")] == ["imported"]
    assert isinstance(other.finding, Taken)
    assert (await state.held(ACME, ["101"]))["101"].digest == other.finding.digest


async def test_an_older_view_never_replaces_a_newer_one(state: State) -> None:
    await save(state, view(order(stage=Stage.SHIPPED), as_of=NOON))
    older = [
        view(order(), as_of=NOON - ONE),
        skipped("101", "it is archived", as_of=NOON - ONE),
        View(id="101", as_of=NOON - ONE, finding=Gone()),
    ]
    for each in older:
        assert await save(state, each) == Counts(unchanged=1, pages=1)
    assert (await kept(state)).stage is Stage.SHIPPED


async def test_a_view_of_the_same_second_replaces(state: State) -> None:
    await save(state, view(order(), as_of=NOON))
    await save(state, view(order(stage=Stage.SHIPPED), as_of=NOON))
    assert (await kept(state)).stage is Stage.SHIPPED


# --- what is not taken ----------------------------------------------------------------------------------------------


async def test_a_skip_is_one_row_that_the_next_one_replaces(state: State) -> None:
    await save(state, skipped("101", "its status is Pending"))
    assert await save(state, skipped("101", "its status is Pending")) == Counts(unchanged=1, pages=1)
    assert await save(state, skipped("101", "it is archived", as_of=NOON + ONE)) == Counts(skipped=1, pages=1)
    skip = await state.skip(ACME, "101")
    assert skip is not None
    assert skip.reason == "it is archived"


async def test_an_order_that_is_taken_after_all_is_no_longer_skipped(state: State) -> None:
    await save(state, skipped("101", "its status is Pending"))
    assert await save(state, view(order(), as_of=NOON + ONE)) == Counts(imported=1, pages=1)
    assert await state.skip(ACME, "101") is None
    assert await listed(state) == ["101"]


async def test_an_order_that_is_understood_after_all_is_no_longer_set_aside(state: State) -> None:
    await save(state, put_aside("101", "KeyError: 'id'"))
    assert (await state.held(ACME, ["101"]))["101"].taken is False
    assert await save(state, view(order(), as_of=NOON + ONE)) == Counts(imported=1, pages=1)
    assert await state.set_asides(ACME) == []


async def test_a_taken_order_whose_newer_view_is_not_understood_stays_as_it_was_but_is_not_shipped(
    state: State,
) -> None:
    await save(state, view(order()))
    assert await save(state, put_aside("101", "KeyError: 'id'", as_of=NOON + ONE)) == Counts(set_aside=1, pages=1)
    assert await kept(state) == order(shipping_allowed=False)  # perhaps the store says that it is cancelled
    assert (await state.held(ACME, ["101"]))["101"].taken is True
    assert [each.order_id for each in await state.set_asides(ACME)] == ["101"]
    assert await save(state, view(order(), as_of=NOON + 2 * ONE)) == Counts(updated=1, pages=1)
    assert await kept(state) == order()
    assert await state.set_asides(ACME) == []


async def test_a_skipped_order_may_come_to_be_set_aside_and_back(state: State) -> None:
    await save(state, skipped("101", "its status is Pending"))
    await save(state, put_aside("101", "KeyError: 'id'", as_of=NOON + ONE))
    assert await state.skip(ACME, "101") is None
    await save(state, skipped("101", "it is archived", as_of=NOON + 2 * ONE))
    assert await state.set_asides(ACME) == []
    assert await state.skip(ACME, "101") is not None


async def test_set_asides_are_tried_again_once_with_each_new_mapping(state: State) -> None:
    await save(state, put_aside("101", "KeyError: 'id'"))
    assert await state.underived_set_asides(ACME, MAPPING, 10) == []
    assert [each.order_id for each in await state.underived_set_asides(ACME, "newer", 10)] == ["101"]


# --- gone, and back (I8) --------------------------------------------------------------------------------------------


async def test_an_order_that_is_gone_is_cancelled_and_can_come_back(state: State) -> None:
    await save(state, view(order()))
    gone = View(id="101", as_of=NOON + ONE, finding=Gone())
    assert await save(state, gone) == Counts(updated=1, pages=1)
    stored = await state.order(ACME, "101")
    assert stored is not None
    assert (stored.order.stage, stored.order.shippable, stored.gone_at) == (Stage.CANCELLED, False, NOON)
    assert await save(state, replace(gone, as_of=NOON + 2 * ONE)) == Counts(unchanged=1, pages=1)
    assert await save(state, view(order(), as_of=NOON + 3 * ONE)) == Counts(updated=1, pages=1)
    stored = await state.order(ACME, "101")
    assert stored is not None
    assert (stored.order, stored.gone_at) == (order(), None)
    assert [event.event for event in await state.timeline(ACME, "101")] == ["imported", "gone", "updated"]


async def test_an_order_that_was_never_taken_can_be_gone_without_a_trace(state: State) -> None:
    assert await save(state, View(id="101", as_of=NOON, finding=Gone())) == Counts(unchanged=1, pages=1)
    assert await state.held(ACME, ["101"]) == {}


async def test_open_orders_that_no_look_showed_come_oldest_view_first_and_so_many_at_once(state: State) -> None:
    views = [view(order(str(number)), as_of=NOON - number * ONE) for number in range(1, 6)]
    closed = [
        view(order("90", stage=Stage.SHIPPED), as_of=NOON - 90 * ONE),
        view(order("91", stage=Stage.CANCELLED), as_of=NOON - 90 * ONE),
    ]
    await save(state, *views, *closed, view(order("6"), as_of=NOON))
    assert await state.unseen(ACME, NOON, 3) == ["5", "4", "3"]
    assert await state.unseen(ACME, NOON, 100) == ["5", "4", "3", "2", "1"]
    assert await state.unseen(ACME, NOON - 4 * ONE, 100) == ["5"]
    assert await state.unseen("other", NOON, 100) == []


async def test_an_unchanged_order_that_a_sweep_shows_is_seen(state: State) -> None:
    await save(state, view(order(), as_of=NOON))
    shown = View(id="101", as_of=NOON + ONE, finding=None)
    await save(state, shown, bookmark=Bookmark(cursor={}, swept_since=NOON + ONE))
    assert await state.unseen(ACME, NOON + ONE, 10) == []


# --- runs -----------------------------------------------------------------------------------------------------------


async def test_a_run_is_recorded_with_its_traffic_and_its_failure(state: State) -> None:
    run = await begin(state, ACME, RunKind.DAYS, NOON)
    traffic = Traffic(requests=7, retries=2, waited_s=1.5, last_request_id="abc", quota_left=0)
    failure = Failure(kind="CredentialsError", words="acme-au: the token isn't known.")
    reasons = {"it is archived": 3, "its status is Pending": 1}
    await state.end_run(run, Outcome.FAILED, NOON + ONE, traffic=traffic, reasons=reasons, failure=failure)
    found = await state.run(run)
    assert (found.store, found.kind, found.started_at, found.ended_at) == (ACME, RunKind.DAYS, NOON, NOON + ONE)
    assert (found.outcome, found.traffic, found.failure) == (Outcome.FAILED, traffic, failure)
    assert found.reasons == reasons
    assert await state.last_runs() == {ACME: found}
    assert await state.last_done() == {}


async def test_a_run_that_never_ended_is_marked_as_killed_when_the_next_one_begins(state: State) -> None:
    killed = await begin(state, ACME, RunKind.CHANGES, NOON)
    assert (await state.run(killed)).outcome is None
    other = await begin(state, "other", RunKind.CHANGES, NOON)
    after = await begin(state, ACME, RunKind.CHANGES, NOON + ONE)
    assert ((await state.run(killed)).outcome, (await state.run(killed)).ended_at) == (Outcome.KILLED, NOON + ONE)
    assert (await state.run(other)).outcome is None
    assert (await state.run(after)).outcome is None


async def test_the_last_success_is_told_of_imports_of_changes_alone(state: State) -> None:
    for kind, outcome, at in (
        (RunKind.CHANGES, Outcome.DONE, NOON),
        (RunKind.CHANGES, Outcome.FAILED, NOON + ONE),
        (RunKind.ORDER, Outcome.DONE, NOON + 2 * ONE),
    ):
        run = await begin(state, ACME, kind, at)
        await state.end_run(run, outcome, at, traffic=Traffic(), reasons={}, failure=None)
    assert await state.last_done() == {ACME: NOON}
    assert (await state.last_runs())[ACME].outcome is Outcome.FAILED


async def test_the_last_run_of_a_store_is_told_even_if_its_first_sign_in_failed(state: State) -> None:
    run = await begin(state, "new", RunKind.CHANGES, NOON)
    await state.end_run(
        run,
        Outcome.FAILED,
        NOON,
        traffic=Traffic(),
        reasons={},
        failure=Failure(kind="CredentialsError", words="new: no."),
    )
    assert (await state.last_runs())["new"].outcome is Outcome.FAILED


# --- whose account (S1) ---------------------------------------------------------------------------------------------


async def test_a_name_stands_for_one_account_for_good(state: State) -> None:
    with pytest.raises(AccountMismatchError, match=r"acme-au.*hash2.*for good"):
        await state.bind(ACME, "bigcommerce", Account(identity="hash2", name="X"), frozenset({ACME}), NOON)
    assert [record.identity for record in await state.stores()] == ["hash1"]


async def test_two_names_in_the_file_cant_stand_for_one_account(state: State) -> None:
    with pytest.raises(AccountMismatchError, match=r"other.*same.*acme-au"):
        await state.bind("other", "bigcommerce", ACCOUNT, frozenset({ACME, "other"}), NOON)


async def test_a_new_name_may_take_the_account_of_one_that_left_the_file(state: State) -> None:
    record = await state.bind("other", "bigcommerce", ACCOUNT, frozenset({"other"}), NOON)
    assert (record.name, record.cursor) == ("other", None)


async def test_an_account_that_is_called_otherwise_now_keeps_its_cursor(state: State) -> None:
    await save(state, bookmark=Bookmark(cursor={"last_id": 7}))
    renamed = await state.bind(ACME, "bigcommerce", replace(ACCOUNT, name="New"), frozenset({ACME}), NOON)
    assert (renamed.account_name, renamed.cursor) == ("New", {"last_id": 7})


async def test_proving_binds_nothing(state: State) -> None:
    account = Account(identity="hash2", name="X")
    assert await state.prove("other", "bigcommerce", account, frozenset({"other"})) is None
    assert [record.name for record in await state.stores()] == [ACME]


# --- the timeline ---------------------------------------------------------------------------------------------------


async def test_the_timeline_tells_what_changed_by_names_and_statuses(state: State) -> None:
    await save(state, view(order()))
    shipped = order(status=Status(id="2", name="Shipped"), stage=Stage.SHIPPED, customer=Customer(name="Mia Other"))
    await save(state, view(shipped, as_of=NOON + ONE))
    first, second = await state.timeline(ACME, "101")
    assert (first.event, first.details) == ("imported", {"status": "Awaiting Fulfillment"})
    assert second.details == {
        "fields": ["status", "stage", "customer"],
        "status": ["Awaiting Fulfillment", "Shipped"],
        "stage": ["awaiting", "shipped"],
    }


async def test_the_timeline_cant_be_rewritten(state: State, database: Path) -> None:
    await save(state, view(order()))
    with looked_into(database) as other, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        other.execute("update timeline set event = 'something else'")
    assert [event.event for event in await state.timeline(ACME, "101")] == ["imported"]


own = st.none() | st.text("αβγδεζηθ", min_size=3, max_size=6)


@settings(patient, max_examples=20)
@given(orders(personal=own), orders(personal=own))
def test_no_value_of_a_buyer_stands_in_the_timeline(before: Order, after: Order) -> None:
    plain = [replace(each, status=Status(id="1", name="Pending")) for each in (before, after)]

    async def written() -> str:
        with TemporaryDirectory() as folder:
            database = Path(folder) / "crossdock.db"
            state = await open_sqlite(database)
            try:
                await state.bind(ACME, "bigcommerce", ACCOUNT, frozenset({ACME}), NOON)
                secret = next(iter(personal_texts(before)), "αβγ")
                await save(state, view(plain[0]))
                await save(state, view(plain[1], as_of=NOON + ONE))
                await save(state, put_aside("101", f"ValueError: {secret!r} is no number", as_of=NOON + 2 * ONE))
                await save(state, View(id="101", as_of=NOON + 3 * ONE, finding=Gone()))
            finally:
                await state.close()
            with looked_into(database) as other:
                return str(other.execute("select * from timeline").fetchall())

    rows = asyncio.run(written())
    assert "gone" in rows
    assert not [text for text in personal_texts(before) | personal_texts(after) if text in rows]


# --- searching and listing ------------------------------------------------------------------------------------------

PEOPLE = {
    "1": order("1", number="A-1", customer=Customer(
        name="Zoë O'Brien", company="Clarke & Sons", email="zoe@example.com")),
    "2": order("2", number="A-2", customer=Customer(name="Łukasz Źdźbło", email="lukasz+shop@example.com")),
    "3": order("3", number="A-3", customer=Customer(name="佐藤 さくら")),
    "4": order("4", number="A-4", customer=Customer(name="Γιώργος Παπαδόπουλος")),
    "5": order("5", number="A-5", customer=Customer(name="محمد الهاشمي")),
    "6": order("6", number="A-6", customer=Customer(name="AND OR NOT"), consignments=(
        consignment(line(sku="TEE-M/NVY.2")),)),
    "7": order("7", number="A-7", customer=Customer(name="Ann"), consignments=(
        consignment(line(sku=None), ship_to=Address(name="Đức Anh", company='The "Quoted" Company')),)),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("zoe", ["1"]),
        ("ZOË", ["1"]),
        ("O'Brien", ["1"]),
        ("brien", ["1"]),
        ("zoe brien", ["1"]),
        ("brien lukasz", []),
        ("Clarke & Sons", ["1"]),
        ("zoe@example.com", ["1"]),
        ("lukasz+shop@example.com", ["2"]),
        ("example.com", ["1", "2"]),
        ("Źdźbło", ["2"]),
        ("佐藤", ["3"]),
        ("Παπαδ", ["4"]),
        ("παπαδόπουλος", ["4"]),
        ("محمد", ["5"]),
        ("TEE-M/NVY.2", ["6"]),
        ("tee-m", ["6"]),
        ("and or not", ["6"]),
        ("AND", ["6"]),
        ('"Quoted"', ["7"]),
        ("A-7", ["7"]),
        ("customer:Zoë", []),
        ("search : zoe", []),
        ("zoe NEAR(brien)", []),
        ("zoe OR lukasz", []),
        ("{zoe}", ["1"]),
        ("^zoe", ["1"]),
        ("zo*", ["1"]),
        ("nobody", []),
    ],
)
async def test_a_search_finds_words_by_their_beginnings_and_knows_no_syntax(
    state: State, text: str, found: list[str]
) -> None:
    await save(state, *(view(each) for each in PEOPLE.values()))
    assert await listed(state, search=text) == found


@settings(patient, max_examples=20)
@given(
    st.lists(st.text(st.characters(codec="utf-8") | st.sampled_from("\"'*^():-+{}~&| \t"), max_size=20), min_size=20)
)
def test_whatever_is_searched_for_is_no_mistake(texts: list[str]) -> None:
    async def searched() -> None:
        with TemporaryDirectory() as folder:
            state = await open_sqlite(Path(folder) / "crossdock.db")
            try:
                for text in texts:
                    assert await listed(state, search=text) == []
            finally:
                await state.close()

    asyncio.run(searched())


async def test_a_search_follows_what_an_order_is_now(state: State) -> None:
    await save(state, view(order(customer=Customer(name="Mia Before"))))
    await save(state, view(order(customer=Customer(name="Mia After")), as_of=NOON + ONE))
    assert await listed(state, search="Before") == []
    assert await listed(state, search="After") == ["101"]


async def test_orders_are_narrowed_by_store_stage_and_search_together(state: State) -> None:
    other = Account(identity="hash2", name="Other")
    await state.bind("other", "bigcommerce", other, frozenset({ACME, "other"}), NOON)
    await save(state, view(order("1")), view(order("2", stage=Stage.SHIPPED)))
    await save(state, view(order("3")), store="other")
    assert await listed(state) == ["1", "2", "3"]
    assert await listed(state, store="other") == ["3"]
    assert await listed(state, stage="shipped") == ["2"]
    assert await listed(state, store=ACME, stage="awaiting", search="mia") == ["1"]
    assert await state.stage_counts() == {
        ACME: {Stage.AWAITING: 1, Stage.SHIPPED: 1},
        "other": {Stage.AWAITING: 1},
    }


async def test_a_long_list_loses_nothing_while_another_process_imports(state: State, database: Path) -> None:
    ids = [str(number) for number in range(1, 451)]
    await save(state, *(view(order(id)) for id in ids))
    writer = await open_sqlite(database)
    try:
        seen: list[str] = []
        async for stored in state.orders():
            seen.append(stored.order.id)
            if len(seen) % 150 == 0:
                await save(writer, *(view(order(f"{len(seen)}-{each}")) for each in range(50)))
                changed = order(seen[0], total=Decimal(len(seen)))
                await save(writer, view(changed, as_of=NOON + len(seen) * ONE))
    finally:
        await writer.close()
    assert [id for id in seen if "-" not in id] == ids
    assert len(seen) == len(set(seen))


# --- deriving anew (I9) ---------------------------------------------------------------------------------------------


async def test_orders_derived_with_another_mapping_are_walked_by_key_and_bound(state: State) -> None:
    await save(state, *(view(order(str(number))) for number in range(5)), View(id="9", as_of=NOON, finding=Gone()))
    await save(state, View(id="4", as_of=NOON + ONE, finding=Gone()))
    assert await state.underived(ACME, MAPPING, 0, 10) == []
    first = await state.underived(ACME, "newer", 0, 3)
    assert [packed.order_id for packed in first] == ["0", "1", "2"]
    rest = await state.underived(ACME, "newer", first[-1].key, 3)
    assert [packed.order_id for packed in rest] == ["3"]  # what is gone is not derived anew
    await state.all_derived(ACME, "newer")
    assert [record.derivation for record in await state.stores()] == ["newer"]


# --- locks (S3) -----------------------------------------------------------------------------------------------------


async def test_a_stores_lock_has_one_holder_and_whoever_waits_is_told_for_whom(
    state: State, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "POLL_S", 0.001)
    other = await open_sqlite(database)
    told: list[str] = []
    steps: list[str] = []

    async def second() -> None:
        async with other.lock(ACME, LockPurpose.IMPORT, told.append):
            steps.append("second")

    try:
        async with state.lock(ACME, LockPurpose.IMPORT, told.append):
            waiting = asyncio.create_task(second())
            while not told:  # noqa: ASYNC110 -- told from inside the other's wait
                await asyncio.sleep(0)
            async with other.lock("other", LockPurpose.IMPORT, told.append):
                steps.append("another store")
            async with other.lock(ACME, LockPurpose.WRITE_BACK, told.append):
                steps.append("another purpose")
            steps.append("first")
        await waiting
    finally:
        await other.close()
    assert steps == ["another store", "another purpose", "first", "second"]
    (words,) = told
    assert words.startswith("acme-au: process ")


async def test_everything_that_is_made_beside_the_database_can_be_read_by_its_owner_alone(
    state: State, database: Path
) -> None:
    async with state.lock(ACME, LockPurpose.IMPORT, print):
        await save(state, view(order()))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in database.parent.iterdir()}
    assert {"crossdock.db", "crossdock.db-wal", "crossdock.db-shm", "crossdock.db.lock"} < set(modes)
    assert set(modes.values()) == {0o600}


# --- one moment -----------------------------------------------------------------------------------------------------


async def test_an_order_is_read_as_it_was_at_one_moment(state: State, database: Path) -> None:
    """Status and lines lie in several tables; a reader must not see one version of the one and another of the other."""
    versions = [
        order(status=Status(id=str(n), name=str(n)), consignments=(consignment(line(quantity_shipped=n)),))
        for n in (0, 1)
    ]
    await save(state, view(versions[0]))
    other = await open_sqlite(database)
    stop = asyncio.Event()

    async def keep_changing() -> None:
        for turn in itertools.count(1):
            if stop.is_set():
                return
            await save(state, view(versions[turn % 2], as_of=NOON + turn * ONE))

    async with asyncio.TaskGroup() as group:
        group.create_task(keep_changing())
        for _ in range(300):
            async for stored in other.orders():
                shipped = stored.order.consignments[0].lines[0].quantity_shipped
                assert stored.order.status.id == str(shipped)
        stop.set()
    await other.close()
