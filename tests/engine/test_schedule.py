"""Imports on time, in wound time: with a real database, and APScheduler as the timer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import pytest
from crossdock.config import StoreConfig
from crossdock.engine import ImportRequest, open_engine
from crossdock.errors import CredentialsError, DatabaseFullError, UnreachableError
from crossdock.plugins import Plugins
from crossdock.schedule import FIRST_IMPORTS_AT_ONCE
from crossdock.state import Run, StoreState
from crossdock.timetable import next_time
from crossdock.turns import Turns
from support.clock import WoundClock
from support.timetables import FIVE_MINUTES, Day, Street, config_of, day, timetable

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DOWN, REFUSED = UnreachableError("acme: no connection."), CredentialsError("acme: the token is refused.")


@pytest.fixture
def street() -> Street:
    return Street(WoundClock())


async def until_visited(street: Street, name: str = "acme") -> None:
    """Until the store is being asked."""
    async with asyncio.timeout(30):
        while not street.times(name):  # noqa: ASYNC110 -- a visit is no event
            await asyncio.sleep(0.01)


def taken_over(today: Day, folder: Path, *stores: StoreConfig) -> None:
    """The configuration has these stores from now on."""
    config = config_of(folder, stores)
    today.engine.take_over(config)
    today.schedule.take_over(config.stores)


async def test_a_store_that_was_never_imported_is_due_at_once_and_then_keeps_its_interval(
    tmp_path: Path, street: Street
) -> None:
    store, began = timetable(connector=street.connector()), street.clock.now()
    async with day(tmp_path, street, store) as today:
        await today.passes(HOUR)
    times = street.times()
    assert times[0] == began
    assert len(times) == 13
    assert {later - earlier for earlier, later in pairwise(times[1:])} == {FIVE_MINUTES}


async def test_after_a_restart_an_overdue_store_is_due_at_once_and_another_waits_for_its_turn(
    tmp_path: Path, street: Street
) -> None:
    often = timetable("often", connector=street.connector())
    daily = timetable("daily", connector=street.connector(), every=timedelta(days=1))
    async with day(tmp_path, street, often, daily) as today:
        await today.settle()
    street.visits.clear()
    street.clock.wind(20 * 60)
    began = street.clock.now()
    async with day(tmp_path, street, often, daily) as today:
        await today.passes(timedelta(days=1))
    assert street.times("often")[0] == began
    assert street.times("daily") == [next_time(daily, began)]


async def test_a_machine_that_slept_owes_each_store_one_import(tmp_path: Path, street: Street) -> None:
    async with day(tmp_path, street, timetable(connector=street.connector())) as today:
        street.visits.clear()
        street.clock.wind(8 * 3600)
        await today.settle()
        assert len(street.visits) == 1


async def test_an_import_that_is_asked_for_while_one_runs_follows_right_after_it(
    tmp_path: Path, street: Street
) -> None:
    street.trouble["acme"] = held = asyncio.Event()
    async with day(tmp_path, street, timetable(connector=street.connector())) as today:
        await until_visited(street)
        for _ in range(3):
            today.schedule.want("acme")
        assert len(street.visits) == 1
        held.set()
        await today.settle()
        assert len(street.visits) == 2  # one more for all that was asked for
        today.schedule.want("acme")
        await today.settle()
        assert len(street.visits) == 3


async def test_a_store_that_is_down_is_tried_less_and_less_often_and_is_on_time_again_afterwards(
    tmp_path: Path, street: Street
) -> None:
    async with day(tmp_path, street, timetable(connector=street.connector())) as today:
        street.trouble["acme"] = DOWN
        street.visits.clear()
        await today.passes(2 * HOUR)
        times = street.times()
        gaps = [(later - earlier) / MINUTE for earlier, later in pairwise(times)]
        assert [round(gap) for gap in gaps[:4]] == [1, 2, 4, 8]
        assert all(13 < gap < 17 for gap in gaps[4:])
        assert today.schedule.counts() == {"ok": 0, "retrying": 1, "needs_credentials": 0, "paused": 0}
        del street.trouble["acme"]
        await today.passes(HOUR)
        assert today.schedule.counts()["ok"] == 1
        assert street.times()[-1] - street.times()[-2] == FIVE_MINUTES


async def test_a_store_whose_key_is_refused_twice_is_tried_once_an_hour(tmp_path: Path, street: Street) -> None:
    """Rule S2."""
    street.trouble["acme"] = REFUSED
    async with day(tmp_path, street, timetable(connector=street.connector())) as today:
        await today.passes(MINUTE * 2)
        assert today.schedule.standings["acme"].health is StoreState.NEEDS_CREDENTIALS
        street.visits.clear()
        await today.passes(10 * HOUR)
        assert 9 <= len(street.visits) <= 11


async def test_a_store_that_hangs_or_fails_leaves_the_others_on_time(tmp_path: Path, street: Street) -> None:
    stores = [timetable(f"store-{number}", connector=street.connector()) for number in range(30)]
    for number in range(0, 20, 2):
        street.trouble[f"store-{number}"] = asyncio.Event()
        street.trouble[f"store-{number + 1}"] = UnreachableError("down.")
    async with day(tmp_path, street, *stores) as today:
        await today.passes(10 * MINUTE)
    visits = Counter(name for name, _ in street.visits)
    assert {visits[f"store-{number}"] for number in range(20, 30)} == {3}
    assert {visits[f"store-{number}"] for number in range(0, 20, 2)} == {1}


async def test_first_imports_that_hang_keep_no_other_store_from_its_own(tmp_path: Path, street: Street) -> None:
    """More stores than may import for the first time at once hang; each gives its place away after a while."""
    hanging = [timetable(f"a-{number}", connector=street.connector()) for number in range(FIRST_IMPORTS_AT_ONCE + 4)]
    street.trouble = {store.name: asyncio.Event() for store in hanging}
    async with day(tmp_path, street) as today:
        today.schedule._first_imports = Turns(FIRST_IMPORTS_AT_ONCE, patience_s=0.01)
        good = timetable("good", connector=street.connector())
        taken_over(today, tmp_path, *hanging, good)
        await until_visited(street, "good")


async def test_a_paused_store_rests_and_is_due_at_once_when_it_goes_on(tmp_path: Path, street: Street) -> None:
    """Rule S2."""
    async with day(tmp_path, street, timetable(connector=street.connector())) as today:
        street.visits.clear()
        today.schedule.pause(frozenset({"acme", "no-store-of-ours"}))
        await today.passes(HOUR)
        today.schedule.want("acme")
        await today.settle()
        assert not street.visits
        assert today.schedule.counts()["paused"] == 1
        today.schedule.pause(frozenset())
        await today.settle()
        assert len(street.visits) == 1
        await today.passes(HOUR)
        assert len(street.visits) == 13


async def test_a_pause_is_remembered_over_a_restart_and_a_command_by_hand_goes_on(
    tmp_path: Path, street: Street
) -> None:
    store = timetable(connector=street.connector())
    async with day(tmp_path, street, store) as today:
        assert await today.engine.pause("acme")
        assert not await today.engine.pause("acme")
    street.visits.clear()
    async with day(tmp_path, street, store) as today:
        await today.passes(HOUR)
        assert not street.visits
        await today.engine.import_store("acme", ImportRequest())
        assert len(street.visits) == 1
        (report,) = await today.engine.stores()
        assert report.state is StoreState.PAUSED


async def test_a_reload_touches_only_what_changed(tmp_path: Path, street: Street) -> None:
    """Rule S4."""
    same, goes = timetable("same", connector=street.connector()), timetable("goes", connector=street.connector())
    slow = timetable("slow", connector=street.connector(), every=timedelta(days=1))
    async with day(tmp_path, street, same, slow, goes) as today:
        street.visits.clear()
        now = street.clock.now()
        quick = timetable("slow", connector=street.connector(), every=MINUTE)
        taken_over(today, tmp_path, same, quick, timetable("new", connector=street.connector()))
        await today.settle()
        assert sorted(street.visits) == [("new", now), ("slow", now)]
        await today.passes(10 * MINUTE)
        visits = Counter(name for name, _ in street.visits)
        assert visits == {"same": 2, "slow": 11, "new": 3}
        assert street.times("same")[0] == next_time(same, now)


async def test_a_store_with_new_settings_is_tried_at_once_however_long_it_had_to_wait(
    tmp_path: Path, street: Street
) -> None:
    street.trouble["acme"] = REFUSED
    connector = street.connector()
    async with day(tmp_path, street, timetable(connector=connector)) as today:
        await today.passes(10 * MINUTE)
        street.trouble.clear()
        street.visits.clear()
        taken_over(today, tmp_path, timetable(connector=connector, key="new"))
        await today.settle()
        assert len(street.visits) == 1
        assert today.schedule.counts()["ok"] == 1


async def test_a_clock_that_was_set_back_keeps_no_store_waiting_for_its_old_time(
    tmp_path: Path, street: Street
) -> None:
    async with day(tmp_path, street, timetable(connector=street.connector())) as today:
        street.visits.clear()
        street.clock.wind(-6 * 3600)
        today.schedule.realign()
        await today.passes(6 * MINUTE)
        assert street.visits


async def test_a_stop_ends_an_import_that_hangs(tmp_path: Path, street: Street) -> None:
    street.trouble["acme"] = asyncio.Event()
    store = timetable(connector=street.connector())
    async with day(tmp_path, street, store) as today:
        await until_visited(street)
        assert today.schedule.counts()["ok"] == 1
    async with open_engine(config_of(tmp_path, [store]), Plugins(), clock=street.clock) as engine:
        (report,) = await engine.stores()
    assert report.last_run is not None
    assert report.last_run.outcome == "stopped"


@pytest.fixture
async def held(tmp_path: Path, street: Street) -> AsyncIterator[tuple[Day, asyncio.Event]]:
    """A day on which the import of the only store, once a day, is under way until the event."""
    street.trouble["acme"] = end = asyncio.Event()
    daily = timetable(connector=street.connector(), every=timedelta(days=1))
    async with day(tmp_path, street, daily) as today:
        await until_visited(street)
        yield today, end


async def test_a_store_that_is_paused_and_resumed_within_one_import_goes_on_afterwards(
    held: tuple[Day, asyncio.Event], street: Street
) -> None:
    today, end = held
    today.schedule.pause(frozenset({"acme"}))
    today.schedule.pause(frozenset())
    end.set()
    await today.settle()
    assert len(street.visits) == 2
    await today.passes(timedelta(days=3))
    assert len(street.visits) == 5


async def test_a_store_that_comes_back_with_new_settings_while_it_is_imported_is_imported_with_them(
    held: tuple[Day, asyncio.Event], street: Street, tmp_path: Path
) -> None:
    today, end = held
    connector = today.engine.config.stores["acme"].connector
    taken_over(today, tmp_path)
    taken_over(today, tmp_path, timetable(connector=connector, every=timedelta(days=1), key="new"))
    end.set()
    await today.settle()
    assert street.keys == ["good", "new"]


async def test_a_store_that_fails_after_it_was_removed_leaves_nothing_behind(
    held: tuple[Day, asyncio.Event], street: Street, tmp_path: Path
) -> None:
    today, end = held
    taken_over(today, tmp_path)
    street.trouble["acme"] = DOWN
    end.set()
    await today.settle()
    assert today.schedule.standings == {}


@pytest.mark.parametrize("hours", [-24, 24])
async def test_a_clock_that_is_set_while_a_store_is_imported_keeps_it_from_nothing(
    held: tuple[Day, asyncio.Event], street: Street, hours: int
) -> None:
    today, end = held
    street.clock.wind(hours * 3600)
    today.schedule.realign()
    assert today.schedule.late_s() == 0
    end.set()
    await today.settle()
    street.visits.clear()
    await today.passes(timedelta(days=1))
    assert street.visits


async def test_a_machine_that_slept_over_a_cron_line_makes_up_for_it(tmp_path: Path, street: Street) -> None:
    """The clock seems to have been set, since the other one stood still."""
    early = timetable(connector=street.connector(), cron="0 6 * * *", timezone="Etc/UTC")
    async with day(tmp_path, street, early) as today:
        street.visits.clear()
        street.clock.wind(23 * 3600)
        today.schedule.realign()
        await today.settle()
        assert len(street.visits) == 1


async def test_a_time_that_was_noted_by_a_wrong_clock_holds_up_no_store(tmp_path: Path, street: Street) -> None:
    store = timetable(connector=street.connector())
    async with day(tmp_path, street, store):
        pass
    street.clock.wind(-30 * 86_400)
    street.visits.clear()
    async with day(tmp_path, street, store) as today:
        await today.passes(FIVE_MINUTES)
    assert len(street.visits) == 1


async def test_a_cron_line_that_never_comes_is_in_nobodys_way(tmp_path: Path, street: Street) -> None:
    never = timetable("never", connector=street.connector(), cron="0 0 31 2 *")
    often = timetable("often", connector=street.connector())
    async with day(tmp_path, street, never, often) as today:
        await today.passes(HOUR)
        today.schedule.pause(frozenset({"never"}))
        today.schedule.realign()
        today.schedule.pause(frozenset())
        await today.settle()
        taken_over(today, tmp_path, often)
        await today.passes(HOUR)
    assert len(street.times("often")) == 25
    assert len(street.times("never")) == 2  # as it was never imported, and as it went on again


async def test_a_stop_lets_nothing_begin_while_it_waits_for_what_is_under_way(
    held: tuple[Day, asyncio.Event], street: Street, tmp_path: Path
) -> None:
    today, _ = held
    stores = [timetable(f"store-{number}", connector=street.connector()) for number in range(20)]
    taken_over(today, tmp_path, today.engine.config.stores["acme"], *stores)
    submitted = today.schedule._scheduler._lookup_executor("default")._pending_futures
    while len(submitted) < 1 + len(stores):  # noqa: ASYNC110 -- APScheduler tells nobody
        await asyncio.sleep(0)
    assert list(today.schedule._under_way) == ["acme"]  # APScheduler has made the others' tasks, which had no turn yet
    await today.schedule.stop(5)
    await asyncio.sleep(0.05)
    assert [name for name, _ in street.visits] == ["acme"]


async def test_a_database_that_cannot_note_a_failure_is_told_of_and_not_taken_for_the_stores_fault(
    tmp_path: Path, street: Street, caplog: pytest.LogCaptureFixture
) -> None:
    async def full(*_: object, **__: object) -> Run:
        raise DatabaseFullError("crossdock.db: the disk is full.")

    street.trouble["acme"] = REFUSED
    async with day(tmp_path, street) as today:
        with patch.object(today.engine.state, "end_run", full):
            taken_over(today, tmp_path, timetable(connector=street.connector()))
            await today.settle()
        assert today.schedule.database_failure == "crossdock.db: the disk is full."
        assert today.schedule.counts()["ok"] == 1
    assert "lies in crossdock" not in caplog.text


async def test_a_store_that_could_not_be_imported_for_the_databases_sake_is_tried_again_within_a_minute(
    tmp_path: Path, street: Street
) -> None:
    async def full(*_: object, **__: object) -> Run:
        raise DatabaseFullError("crossdock.db: the disk is full.")

    async with day(tmp_path, street) as today:
        with patch.object(today.engine.state, "end_run", full):
            taken_over(today, tmp_path, timetable(connector=street.connector(), cron="0 0 1 1 *"))
            await today.settle()
        street.visits.clear()
        await today.passes(MINUTE)
        assert len(street.visits) == 1
        assert today.schedule.database_failure is None


async def test_the_schedule_learns_how_imports_typed_by_hand_have_left_a_store(
    tmp_path: Path, street: Street, caplog: pytest.LogCaptureFixture
) -> None:
    async with day(tmp_path, street, timetable(connector=street.connector(), every=timedelta(days=1))) as today:
        street.trouble["acme"] = REFUSED
        for _ in range(2):
            with pytest.raises(CredentialsError):
                await today.engine.import_store("acme", ImportRequest())
        today.schedule.learn(await today.engine.state.standings())
        assert today.schedule.counts()["needs_credentials"] == 1
        assert today.schedule.waiting_for_a_person() == ["acme"]
        del street.trouble["acme"]
        await today.engine.import_store("acme", ImportRequest())
        street.visits.clear()
        today.schedule.learn(await today.engine.state.standings())
        await today.settle()
        assert today.schedule.counts()["ok"] == 1
        assert len(street.visits) == 1
    assert "acme: is back after" in caplog.text


async def test_a_clock_that_is_set_takes_no_failing_store_its_next_try(tmp_path: Path, street: Street) -> None:
    early = timetable(connector=street.connector(), cron="0 6 * * *", timezone="Etc/UTC")
    street.trouble["acme"] = DOWN
    async with day(tmp_path, street, early) as today:
        street.visits.clear()
        today.schedule.realign()
        await today.settle()
        assert len(street.visits) == 1


async def test_a_thousand_stores_in_one_process_are_all_on_time(tmp_path: Path, street: Street) -> None:
    connector = street.connector()
    stores = [timetable(f"store-{number}", connector=connector) for number in range(1000)]
    for number in range(0, 1000, 100):
        street.trouble[f"store-{number}"] = UnreachableError("down.")
    async with day(tmp_path, street, *stores) as today:
        street.visits.clear()
        began = street.clock.now()
        await today.passes(2 * FIVE_MINUTES)
    for store in stores:
        if store.name not in street.trouble:
            first = next_time(store, began)
            assert first is not None
            assert street.times(store.name) == [first, first + FIVE_MINUTES]
