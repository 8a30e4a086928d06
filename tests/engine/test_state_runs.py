"""Runs that say nothing new are folded, old ones forgotten; how stores stand; and there is one daemon a database."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from crossdock.errors import DatabaseInUseError
from crossdock.state import (
    Account,
    Bookmark,
    Failure,
    Outcome,
    Run,
    RunKind,
    Standing,
    State,
    StoreState,
    Traffic,
    View,
    housekeeping,
    locks,
    run_to_json,
)
from crossdock.state.sqlite import open_sqlite
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.orders import NOON, order, patient, put_aside, skipped, view
from support.programs import child

ACME, OTHER = "acme-au", "other"
MINUTE = timedelta(minutes=1)
REFUSED = Failure(kind="CredentialsError", words="acme-au: the token isn't known.")


@pytest.fixture
async def state(database: Path) -> AsyncIterator[State]:
    """An empty state in which two stores are bound."""
    state = await opened(database)
    yield state
    await state.close()


async def opened(database: Path) -> State:
    state = await open_sqlite(database)
    for store in (ACME, OTHER):
        await state.bind(store, "bigcommerce", Account(identity=store, name=store), frozenset(), NOON)
    return state


async def ran(
    state: State,
    *views: View,
    store: str = ACME,
    kind: RunKind = RunKind.CHANGES,
    outcome: Outcome = Outcome.DONE,
    at: datetime = NOON,
    standing: Standing | None = None,
) -> Run:
    """A run that saw these, as `end_run` tells of it."""
    run = (await state.begin_run(store, kind, at)).run
    if views:
        await state.save_page(store, run, views, Bookmark(cursor={}), derivation="m/1/a", at=at)
    failure = REFUSED if outcome is Outcome.FAILED else None
    return await state.end_run(
        run, outcome, at, traffic=Traffic(requests=1), reasons={}, failure=failure, standing=standing
    )


@contextmanager
def looked_into(database: Path) -> Iterator[sqlite3.Connection]:
    """The file itself, as another program sees it."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        yield connection


def kept_runs(database: Path, store: str = ACME) -> list[tuple[int, int]]:
    """Id and `folded` of the runs in the file, by id."""
    with looked_into(database) as connection:
        return connection.execute("select id, folded from runs where store = ? order by id", (store,)).fetchall()


# --- runs without anything new are folded ---------------------------------------------------------------------------


async def test_of_runs_without_anything_new_the_last_one_stays_and_stands_for_all(state: State, database: Path) -> None:
    runs = [await ran(state, at=NOON + number * MINUTE) for number in range(4)]
    assert [run.folded for run in runs] == [0, 1, 2, 3]
    assert kept_runs(database) == [(runs[-1].id, 3)]
    assert (await state.run(runs[-1].id)) == runs[-1]
    assert run_to_json(runs[-1])["folded"] == 3
    assert await state.last_done() == {ACME: NOON + 3 * MINUTE}


async def test_an_order_that_is_seen_unchanged_is_nothing_new(state: State, database: Path) -> None:
    first = await ran(state, view(order()))
    await ran(state, view(order()))
    last = await ran(state, view(order()))
    assert last.counts.unchanged == 1
    assert kept_runs(database) == [(first.id, 0), (last.id, 1)]


@pytest.mark.parametrize(
    "eventful",
    [
        {"views": [view(order("7"))]},
        {"views": [view(order(currency="NZD"), as_of=NOON + MINUTE)]},
        {"views": [skipped("7", "it is archived")]},
        {"views": [put_aside("7", "ValueError: no")]},
        {"outcome": Outcome.FAILED},
        {"outcome": Outcome.STOPPED},
        {"kind": RunKind.DAYS},
        {"kind": RunKind.ORDER},
    ],
    ids=["imported", "updated", "skipped", "set aside", "failed", "stopped", "days", "order"],
)
async def test_a_run_with_something_to_tell_is_kept_between_others(
    state: State, database: Path, eventful: dict[str, object]
) -> None:
    first = await ran(state, view(order()))
    await ran(state)
    before = await ran(state)
    views = eventful.pop("views", ())
    assert isinstance(views, Sequence)
    event = await ran(state, *views, **eventful)  # type: ignore[arg-type]  # of several kinds
    await ran(state)
    after = await ran(state)
    assert kept_runs(database) == [(first.id, 0), (before.id, 1), (event.id, 0), (after.id, 1)]


async def test_a_killed_run_is_kept(state: State, database: Path) -> None:
    before = await ran(state)
    killed = (await state.begin_run(ACME, RunKind.CHANGES, NOON)).run
    after = await ran(state)
    assert kept_runs(database) == [(before.id, 0), (killed, 0), (after.id, 0)]


steps = st.tuples(
    st.sampled_from([ACME, OTHER]),
    st.sampled_from([RunKind.CHANGES] * 4 + [RunKind.DAYS, RunKind.ORDER]),
    st.sampled_from([Outcome.DONE] * 4 + [Outcome.FAILED, Outcome.STOPPED]),
    st.booleans() | st.just(False),
)


def is_idle(run: Run) -> bool:
    return run.outcome is Outcome.DONE and run.kind is RunKind.CHANGES and not run.counts.imported


@settings(patient, max_examples=30)
@given(st.lists(steps, max_size=25))
@example([(ACME, RunKind.CHANGES, Outcome.DONE, False), (OTHER, RunKind.CHANGES, Outcome.DONE, False)] * 3)
def test_whatever_runs_there_are_each_one_is_counted_once_and_those_with_news_are_kept(
    made: Sequence[tuple[str, RunKind, Outcome, bool]],
) -> None:
    async def all_of_them(database: Path) -> list[Run]:
        state = await opened(database)
        runs = []
        for number, (store, kind, outcome, has_news) in enumerate(made):
            views = [view(order(f"{number}"))] if has_news else []
            runs.append(await ran(state, *views, store=store, kind=kind, outcome=outcome, at=NOON + number * MINUTE))
        await state.close()
        return runs

    with TemporaryDirectory() as folder:
        database = Path(folder) / "crossdock.db"
        told = asyncio.run(all_of_them(database))
        for store in (ACME, OTHER):
            runs = {run.id: run for run in told if run.store == store}
            kept = kept_runs(database, store)
            assert sum(1 + folded for _, folded in kept) == len(runs)
            assert {id for id, run in runs.items() if not is_idle(run)} <= {id for id, _ in kept}
            assert all(runs[id].folded == folded for id, folded in kept)
            idle = [is_idle(runs[id]) for id, _ in kept]
            assert not any(one and next for one, next in itertools.pairwise(idle)), "idle ones side by side"
            assert list(runs) == sorted(runs)


# --- old runs are forgotten -----------------------------------------------------------------------------------------


async def test_old_runs_are_forgotten_some_at_a_time(
    state: State, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "PRUNED_AT_ONCE", 2)
    runs = [await ran(state, view(order(str(day))), at=NOON + timedelta(days=day)) for day in range(6)]
    assert [await state.prune_runs(NOON + timedelta(days=3)) for _ in range(3)] == [2, 1, 0]
    assert [id for id, _ in kept_runs(database)] == [run.id for run in runs[3:]]


async def test_what_is_told_of_a_store_outlives_its_runs(state: State, database: Path) -> None:
    done = await ran(state, view(order("1")))
    await ran(state, view(order("2")), kind=RunKind.DAYS)
    failed = await ran(state, outcome=Outcome.FAILED)
    latest = await ran(state, kind=RunKind.ORDER)
    going_on = (await state.begin_run(OTHER, RunKind.CHANGES, NOON)).run
    told = await state.last_runs(), await state.last_done()
    assert await state.prune_runs(NOON + timedelta(days=400)) == 1
    assert (await state.last_runs(), await state.last_done()) == told
    assert kept_runs(database) == [(run.id, 0) for run in (done, failed, latest)]
    assert kept_runs(database, OTHER) == [(going_on, 0)]


@settings(patient, max_examples=30)
@given(st.lists(steps, max_size=20), st.integers(0, 20))
def test_forgetting_changes_nothing_that_is_told_of_the_stores(
    made: Sequence[tuple[str, RunKind, Outcome, bool]], oldest: int
) -> None:
    async def through(database: Path) -> None:
        state = await opened(database)
        runs = []
        for number, (store, kind, outcome, _) in enumerate(made):
            seen = view(order(f"{number}"))  # none of them is folded
            runs.append(await ran(state, seen, store=store, kind=kind, outcome=outcome, at=NOON + number * MINUTE))
        told = await state.last_runs(), await state.last_done()
        forgotten = await state.prune_runs(NOON + oldest * MINUTE)
        assert (await state.last_runs(), await state.last_done()) == told
        assert await state.prune_runs(NOON + oldest * MINUTE) == 0
        kept = {id for store in (ACME, OTHER) for id, _ in kept_runs(database, store)}
        assert len(kept) == len(runs) - forgotten
        assert {run.id for run in runs[oldest:]} <= kept
        assert len(kept - {run.id for run in runs[oldest:]}) <= 3 * 2, "three a store are told of at most"
        await state.close()

    with TemporaryDirectory() as folder:
        asyncio.run(through(Path(folder) / "crossdock.db"))


# --- how a store stands ---------------------------------------------------------------------------------------------

FAILING = Standing(
    store=ACME,
    health=StoreState.RETRYING,
    since=NOON,
    failure=REFUSED,
    failures=3,
    next_try=NOON + 8 * MINUTE,
)


async def test_how_a_store_stands_is_recorded_with_its_run_and_told_to_the_next(state: State) -> None:
    assert (await state.begin_run(ACME, RunKind.CHANGES, NOON)).standing is None
    await ran(state, outcome=Outcome.FAILED, standing=FAILING)
    assert await state.standings() == {ACME: FAILING}
    assert (await state.begin_run(ACME, RunKind.CHANGES, NOON)).standing == FAILING
    well = Standing(store=ACME, health=StoreState.OK, since=NOON + MINUTE)
    await ran(state, standing=well)
    assert await state.standings() == {ACME: well}
    await ran(state, kind=RunKind.ORDER)  # says nothing of how the store stands
    assert await state.standings() == {ACME: well}


async def test_a_run_and_how_its_store_stands_are_recorded_together(state: State, database: Path) -> None:
    with looked_into(database) as connection:
        connection.execute("create trigger never before insert on standings begin select raise(abort, 'no'); end")
    run = (await state.begin_run(ACME, RunKind.CHANGES, NOON)).run
    with pytest.raises(sqlite3.IntegrityError):
        await state.end_run(run, Outcome.DONE, NOON, traffic=Traffic(), reasons={}, failure=None, standing=FAILING)
    assert (await state.run(run)).ended_at is None


async def test_a_store_can_be_paused_before_its_first_import(state: State) -> None:
    assert await state.pause("new", NOON)
    standing = (await state.standings())["new"]
    assert standing == Standing(store="new", health=StoreState.OK, since=NOON, paused_at=NOON)
    assert standing.state is StoreState.PAUSED
    assert await state.paused() == {"new"}
    assert (await state.begin_run("new", RunKind.CHANGES, NOON)).standing == standing
    assert await state.resume("new")
    assert await state.paused() == frozenset()
    assert await state.standings() == {}


async def test_pausing_twice_is_no_news_and_neither_is_resuming(state: State) -> None:
    assert await state.pause(ACME, NOON)
    assert not await state.pause(ACME, NOON + MINUTE)
    assert (await state.standings())[ACME].paused_at == NOON
    assert await state.resume(ACME)
    assert not await state.resume(ACME)
    assert not await state.resume("never heard of")


async def test_an_import_neither_pauses_nor_resumes(state: State) -> None:
    await state.pause(ACME, NOON)
    await ran(state, outcome=Outcome.FAILED, standing=FAILING)
    assert await state.standings() == {ACME: replace(FAILING, paused_at=NOON)}
    await state.resume(ACME)
    assert await state.standings() == {ACME: FAILING}, "what the imports came to is known still"
    await ran(state, outcome=Outcome.FAILED, standing=replace(FAILING, paused_at=NOON))
    assert await state.standings() == {ACME: FAILING}


async def test_what_another_process_pauses_is_seen_at_once(state: State, database: Path) -> None:
    await state.pause(ACME, NOON)
    done = child(
        """
        import asyncio, sys
        from pathlib import Path
        from crossdock.state.sqlite import open_sqlite
        from support.orders import NOON

        async def pause_the_other(path):
            state = await open_sqlite(path)
            print(sorted(await state.paused()))
            await state.resume("acme-au")
            await state.pause("other", NOON)
            await state.close()

        asyncio.run(pause_the_other(Path(sys.argv[1])))
        """,
        str(database),
    )
    assert done.stdout == "['acme-au']\n", done.stderr
    assert await state.paused() == {OTHER}
    assert (await state.standings())[OTHER].paused_at == NOON


# --- one daemon -----------------------------------------------------------------------------------------------------


async def test_a_second_daemon_is_refused_at_once_and_told_which_process_is_the_first(
    state: State, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PROBES_WAIT_S", 3600.0)  # only who meets nobody but askers waits
    other = await open_sqlite(database)
    try:
        assert await other.daemon_holder() is None
        async with state.daemon():
            holder = await other.daemon_holder()
            assert holder is not None
            assert holder.startswith("process ")
            assert await state.daemon_holder() == holder
            with pytest.raises(DatabaseInUseError) as refused:
                async with asyncio.timeout(30), other.daemon():
                    pass
            assert str(refused.value).startswith(f"{database}: {holder} is the daemon of this database already")
            assert await other.daemon_holder() == holder, "being refused changes nothing"
        assert await other.daemon_holder() is None
        async with other.daemon():
            assert await state.daemon_holder() == holder
    finally:
        await other.close()


async def test_of_daemons_that_start_at_once_one_gets_in(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PROBE_S", 0.0)
    everybody_tried = asyncio.Event()
    outcomes: list[bool] = []

    async def start() -> None:
        try:
            async with state.daemon():
                outcomes.append(True)
                await everybody_tried.wait()
        except DatabaseInUseError:
            outcomes.append(False)
        if len(outcomes) == 5:
            everybody_tried.set()

    await asyncio.wait_for(asyncio.gather(*(start() for _ in range(5))), timeout=30)
    assert sorted(outcomes) == [False] * 4 + [True]


async def test_asking_for_the_daemon_refuses_none_that_starts_meanwhile(
    state: State, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PROBE_S", 0.001)
    asking = locks.FileLock(database.with_name("crossdock.db.daemon.lock"))
    assert asking.try_shared()  # as one does who asks, but for longer
    started = asyncio.Event()

    async def daemon() -> None:
        async with state.daemon():
            started.set()

    task = asyncio.create_task(daemon())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not started.is_set()
    assert asking.probe()  # which holds it no longer
    await asyncio.wait_for(task, timeout=30)
    asking.close()


DAEMON = """
    import asyncio, sys
    from pathlib import Path
    from crossdock.state.sqlite import open_sqlite

    async def hold(path):
        state = await open_sqlite(path)
        async with state.daemon():
            print("started", flush=True)
            await asyncio.to_thread(sys.stdin.read)
        await state.close()

    asyncio.run(hold(Path(sys.argv[1])))
"""


@contextmanager
def daemon_elsewhere(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that is the daemon, until it is killed at the latest at the end of the block."""
    command = [sys.executable, "-c", textwrap.dedent(DAEMON), str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            yield process
        finally:
            process.kill()


async def test_a_killed_daemon_leaves_its_place_to_the_next(state: State, database: Path) -> None:
    with daemon_elsewhere(database) as process:
        holder = await state.daemon_holder()
        assert holder is not None
        assert holder.startswith(f"process {process.pid} (")
        with pytest.raises(DatabaseInUseError, match=f"process {process.pid} "):
            async with state.daemon():
                pass
        process.kill()
        process.wait()
        assert await state.daemon_holder() is None
        async with state.daemon():
            assert await state.daemon_holder() != holder
