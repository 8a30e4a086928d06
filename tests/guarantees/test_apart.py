"""A connector that hangs, ends or floods leaves the other stores on time, and its run ends in words (guarantee 4)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from crossdock import Account, Cursor, Order, Page, Raw, Seen, UnreachableError
from crossdock.connector import AnyConnector
from crossdock.errors import PluginError
from crossdock.events import Events
from crossdock.http import HttpClient, open_session
from crossdock.importing import SAVED_AT_ONCE, ImportRun, Tally
from crossdock.plugins import Plugins
from crossdock.state.sqlite import open_sqlite
from crossdock_bigcommerce.connector import BigCommerce
from support.bench import CHANGES, MINUTE, STORE, Bench, store_config

PATIENT_S = 30.0  # far more than anything here takes
SHORT_S = 0.05


async def rehearse(bench: Bench, connector: type[AnyConnector], *, sweep: bool = False, **bounds: Any) -> Tally:
    """An import that writes nothing, with its own `bounds` in place of those that are too long to wait for here."""
    store = store_config(bench.running, connector=connector)
    tally = Tally(lambda counts: None)
    state = await open_sqlite(bench.database)
    try:
        async with open_session() as session:
            options = connector.http_options(store.settings)
            http = HttpClient(session, options, store=STORE, clock=bench.clock, random=Random(1))
            run = ImportRun(
                store=STORE,
                connector=connector(store.settings, http),
                state=state,
                events=Events(Plugins().manager),
                clock=bench.clock,
                derivation="mapping",
                run=None,
                tally=tally,
                **bounds,
            )
            since = bench.clock.now() - timedelta(days=90)
            await asyncio.wait_for(run.sweep(since) if sweep else run.changes(None, since, None), PATIENT_S)
    finally:
        await state.close()
    return tally


@pytest.fixture
async def release() -> AsyncIterator[asyncio.Event]:
    """Set when the test is over, or if it doesn't come to its end."""
    release = asyncio.Event()
    asyncio.get_running_loop().call_later(PATIENT_S, release.set)
    yield release
    release.set()


async def stubborn(until: asyncio.Event) -> None:
    """Doesn't let itself be cancelled."""
    while not until.is_set():
        with suppress(asyncio.CancelledError):
            await until.wait()


# --- what never ends ------------------------------------------------------------------------------------------------


async def test_stores_whose_mappings_never_end_hold_up_no_other(bench: Bench) -> None:
    release, stuck = threading.Event(), threading.Semaphore(0)

    class Mixed(BigCommerce):
        async def account(self) -> Account:
            return replace(await super().account(), identity=self.http.store)

        def order_from_raw(self, raw: Raw) -> Order:
            if self.http.store != "sound":
                stuck.release()
                release.wait(PATIENT_S)
            return super().order_from_raw(raw)

    bench.store.add_order()
    bench.clock.wind(MINUTE)
    names = ["sound", *(f"stuck-{number}" for number in range(6))]
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))  # the fewer threads all share, the better
    async with bench.engines(*(store_config(bench.running, name=name, connector=Mixed) for name in names)) as engine:
        hanging = [asyncio.create_task(engine.import_store(name, CHANGES), name=name) for name in names[1:]]
        try:
            for _ in hanging:
                await asyncio.wait_for(has(stuck.acquire), PATIENT_S)
            run = await asyncio.wait_for(engine.import_store("sound", CHANGES), PATIENT_S)
            assert run.counts.imported == 1
            assert not any(task.done() for task in hanging)
        finally:
            release.set()
            await asyncio.wait(hanging)
    assert [task.result().counts.imported for task in hanging] == [1] * 6


async def has(happened: Callable[..., bool]) -> None:
    """Returns once `happened` says so. Not in a thread: whether there are threads left is what is being tested."""
    while not happened(blocking=False):  # noqa: ASYNC110 -- what happens does so in threads
        await asyncio.sleep(0.01)


async def test_a_mapping_that_never_ends_fails_its_run_and_is_not_begun_twice(bench: Bench) -> None:
    release = threading.Event()
    begun: list[str] = []

    class Stuck(BigCommerce):
        def order_from_raw(self, raw: Raw) -> Order:
            begun.append("reading")
            release.wait(PATIENT_S)
            return super().order_from_raw(raw)

    bench.store.add_order()
    bench.clock.wind(MINUTE)
    try:
        for _ in range(2):
            with pytest.raises(PluginError, match=r"^acme: the connector 'bigcommerce' .* without an end"):
                await rehearse(bench, Stuck, mapping_s=SHORT_S)
        assert len(begun) == 1
    finally:
        release.set()
    assert (await rehearse(bench, Stuck)).counts.imported == 1


def hanging_at(where: str, wait: Callable[[], Awaitable[None]]) -> type[AnyConnector]:
    """A connector that waits somewhere."""

    class Hanging(BigCommerce):
        async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
            if where == "the first page":
                await wait()
            async for page in super().changes(cursor, since):
                yield page
                if where == "the next page":
                    await wait()

        async def complete(self, seen: Seen) -> Seen | None:
            if where == "a completion":
                await wait()
            return await super().complete(seen)

    return Hanging


@pytest.mark.parametrize("heeds", ["a stop", "nothing"])
@pytest.mark.parametrize("where", ["the first page", "the next page", "a completion"])
async def test_a_connector_that_never_answers_fails_its_run(
    bench: Bench, release: asyncio.Event, where: str, heeds: str
) -> None:
    async def wait() -> None:
        await (stubborn(release) if heeds == "nothing" else release.wait())

    bench.store.add_order()
    bench.clock.wind(MINUTE)
    with pytest.raises(UnreachableError, match=r"^acme: the connector 'bigcommerce' has not answered for"):
        await rehearse(bench, hanging_at(where, wait), answer_s=SHORT_S * 10)
    assert not release.is_set()


async def test_an_order_asked_for_that_never_comes_fails_its_run(bench: Bench, release: asyncio.Event) -> None:
    class Hanging(BigCommerce):
        async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
            yield Page((), {}, swept_since=bench.clock.now() + timedelta(days=1), sweep_finished=True)

        async def fetch(self, order_id: str) -> Seen | None:
            await stubborn(release)
            return await super().fetch(order_id)

    bench.store.add_order()
    bench.clock.wind(MINUTE)
    await bench.run()
    with pytest.raises(UnreachableError, match="has not answered"):
        await rehearse(bench, Hanging, answer_s=SHORT_S)
    assert not release.is_set()


async def test_pages_that_can_not_be_closed_hold_up_nothing(
    bench: Bench, release: asyncio.Event, caplog: pytest.LogCaptureFixture
) -> None:
    class Hanging(BigCommerce):
        async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
            try:
                yield Page((Seen("1", {}, skip="so"),), {}, swept_since=since, sweep_finished=True)
            finally:
                await stubborn(release)

    tally = await rehearse(bench, Hanging, sweep=True, answer_s=SHORT_S * 10)
    assert tally.counts.skipped == 1
    assert "did not end tidily" in caplog.text
    assert not release.is_set()


async def test_a_stop_ends_a_run_whose_connector_hangs(bench: Bench) -> None:
    asked = asyncio.Event()

    async def wait() -> None:
        asked.set()
        await asyncio.Event().wait()

    bench.connector = hanging_at("the next page", wait)
    running = asyncio.create_task(bench.run(), name="import")
    await asyncio.wait_for(asked.wait(), PATIENT_S)
    running.cancel()
    await asyncio.wait([running], timeout=PATIENT_S)
    assert running.cancelled()
    assert bench.rows("select outcome from runs") == [("stopped",)]


async def test_pages_that_lead_nowhere_end_the_run(bench: Bench) -> None:
    class Circling(BigCommerce):
        async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
            (first,) = [page async for page in super().changes(None, since) if page.seen][:1]
            while True:
                yield Page(first.seen, {"page": 1})

    bench.store.add_order()
    bench.clock.wind(MINUTE)
    with pytest.raises(PluginError, match="its last 20 pages brought nothing new"):
        await rehearse(bench, Circling, aimless_pages=20)


@pytest.mark.parametrize("moving", ["the cursor", "the orders"])
async def test_pages_that_lead_somewhere_may_be_many(bench: Bench, moving: str) -> None:
    class Long(BigCommerce):
        async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
            for number in range(50):
                step = min(number, 40)  # the last ten get nowhere, but they do end
                seen = (Seen(str(step), {}, skip="so"),) if moving == "the orders" else ()
                yield Page(seen, {"page": step} if moving == "the cursor" else {})

    assert (await rehearse(bench, Long, aimless_pages=9)).counts.pages == 50


async def test_a_flood_of_orders_on_one_page_is_saved_in_parts_and_the_cursor_with_the_last(bench: Bench) -> None:
    class Flood(BigCommerce):
        async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
            seen = tuple(Seen(str(number), {}, skip="it is one of many") for number in range(2 * SAVED_AT_ONCE + 1))
            yield Page(seen, {"done": True})

    bench.connector = Flood
    saved: list[tuple[int, object]] = []

    def watch(counts: Any) -> None:
        ((cursor,),) = bench.rows("select cursor from stores")
        saved.append((counts.skipped, cursor))

    async with bench.engines() as engine:
        await engine.import_store(STORE, CHANGES, progress=watch)
    whole = 2 * SAVED_AT_ONCE + 1
    assert saved == [(SAVED_AT_ONCE, None), (2 * SAVED_AT_ONCE, None), (whole, '{"done":true}')]


# --- what would end more than its run -------------------------------------------------------------------------------

ENDS = (SystemExit(0), KeyboardInterrupt(), asyncio.CancelledError())


@pytest.mark.parametrize("error", ENDS, ids=repr)
@pytest.mark.parametrize("where", ["the call", "the first page", "the next page", "a completion"])
async def test_a_connector_that_would_end_the_program_fails_its_run(
    bench: Bench, where: str, error: BaseException
) -> None:
    async def raise_it() -> None:
        raise error

    class EndingAtOnce(BigCommerce):
        def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
            raise error

    bench.connector = EndingAtOnce if where == "the call" else hanging_at(where, raise_it)
    bench.store.add_order()
    bench.clock.wind(MINUTE)
    with pytest.raises(PluginError):
        await bench.run()
    assert bench.rows("select outcome, error_kind from runs") == [("failed", "PluginError")]


async def test_a_connector_that_cancels_itself_fails_its_run_and_does_not_stop_it(bench: Bench) -> None:
    async def cancel_itself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    bench.connector = hanging_at("the next page", cancel_itself)
    with pytest.raises(PluginError):
        await bench.run()
    assert bench.rows("select outcome from runs") == [("failed",)]


@pytest.mark.parametrize("error", ENDS, ids=repr)
async def test_a_mapping_that_would_end_the_program_sets_its_order_aside_alone(
    bench: Bench, error: BaseException
) -> None:
    class Ending(BigCommerce):
        def order_from_raw(self, raw: Raw) -> Order:
            order = super().order_from_raw(raw)
            if order.staff_notes == "end":
                raise error
            return order

    bench.connector = Ending
    bench.store.add_order(staff_notes="end")
    bench.store.add_order()
    bench.clock.wind(MINUTE)
    run = await bench.run()
    assert (run.counts.imported, run.counts.set_aside) == (1, 1)
