"""Each store's imports on time, as APScheduler jobs: a job a store, and one run of it at a time.

When a store's turn comes is told by its timetable; when a failing one is tried again, by its standing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from crossdock.clock import Clock
from crossdock.config import StoreConfig
from crossdock.engine import Engine, log_change
from crossdock.errors import StateError
from crossdock.logs import about
from crossdock.state import Standing, StoreState
from crossdock.timetable import next_time
from crossdock.turns import Turns

log = logging.getLogger("crossdock.schedule")

DATABASE_WAIT = timedelta(minutes=1)  # for a store whose import failed because of the database
NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # APScheduler drops a job that has no next time, and a reload asks for it

POLLS_AT_ONCE = 200  # at a platform that takes five seconds over a poll: 10,000 stores in less than five minutes
FIRST_IMPORTS_AT_ONCE = 16  # each holds two pages of 250 new orders, some 15 MiB

_SETTINGS: Mapping[str, object] = {
    "coalesce": True,  # a machine that slept for a night owes one import, not a hundred
    "max_instances": 1,
    "misfire_grace_time": None,  # a late import is still wanted; APScheduler would drop it after a second
}


class Schedule:
    """The stores' jobs. All of it lives on the event loop that `start` is called on.

    Attributes:
        standings: How the stores stand that aren't well, as far as this process knows.
        database_failure: Why the database can't be used at present, in words, or None.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.standings: dict[str, Standing] = {}
        self.database_failure: str | None = None
        self._engine = engine
        self._clock = clock
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=_SETTINGS)
        self._stores: Mapping[str, StoreConfig] = {}
        self._paused: frozenset[str] = frozenset()
        self._never_imported: set[str] = set()
        self._polls, self._first_imports = Turns(POLLS_AT_ONCE), Turns(FIRST_IMPORTS_AT_ONCE)
        self._under_way: dict[str, asyncio.Task[Any]] = {}
        self._wanted: set[str] = set()
        self._is_stopping = False

    async def start(self) -> None:
        """Schedules every store of the engine's configuration: those that are overdue or were never imported, now."""
        state = self._engine.state
        standings, self._paused = await state.standings(), await state.paused()
        last_done = await state.last_done()
        self._stores, now = self._engine.config.stores, self._clock.now()
        self.standings = {name: standings[name] for name in self._stores.keys() & standings if standings[name].failures}
        self._never_imported = {name for name in self._stores if name not in last_done}
        for name, store in self._stores.items():
            done = last_done.get(name)
            # A time in the future was noted by a clock that has been set back since.
            overdue = now if done is None else next_time(store, min(done, now)) or NEVER
            self._add(store, None if name in self._paused else overdue)
        self._scheduler.start()

    def take_over(self, stores: Mapping[str, StoreConfig]) -> None:
        """Schedules these stores from now on. What is as it was is left alone; new and changed stores are due now."""
        before, self._stores = self._stores, stores
        for name in before.keys() - stores.keys():
            self._scheduler.remove_job(name)
            self.standings.pop(name, None)
            self._wanted.discard(name)
        for name, store in stores.items():
            was = before.get(name)
            if was == store:
                continue
            if was is None:
                self._never_imported.add(name)
                self._add(store, None)
            else:
                self._scheduler.modify_job(name, trigger=_Rhythm(store))
            self.want(name)

    def want(self, name: str) -> None:
        """An import of the store now, or right after the one that is under way. A paused store stays as it is."""
        if not self._may_run(name):
            return
        if name in self._under_way:
            self._wanted.add(name)
        # Beside a run, too, where APScheduler passes over this time and finds the next one: a resumed store has none.
        self._scheduler.modify_job(name, next_run_time=self._clock.now())

    def pause(self, names: frozenset[str]) -> None:
        """These stores are paused from now on, and no others; one that goes on again is due now."""
        before, self._paused = self._paused, names
        for name in (before - names) & self._stores.keys():
            log.info("%s: goes on", name, extra={"store": name})
            self.want(name)
        for name in (names - before) & self._stores.keys():
            log.info("%s: is paused", name, extra={"store": name})
            self._wanted.discard(name)
            self._scheduler.pause_job(name)

    def learn(self, standings: Mapping[str, Standing]) -> None:
        """Takes over how imports typed by hand have left the stores: a failing one waits, one that works goes on."""
        for name in self._stores.keys() - self._under_way.keys():
            before, now = self.standings.get(name), standings.get(name)
            if now is not None and now.next_try is not None and now != before:
                self.standings[name] = now
                with about(name):
                    log_change(name, before, now)
                if self._may_run(name):
                    self._scheduler.modify_job(name, next_run_time=now.next_try)
            elif before is not None and now is not None and now.next_try is None:
                del self.standings[name]
                with about(name):
                    log_change(name, before, now)
                self.want(name)

    def realign(self) -> None:
        """Counts every store's next import from the present time, after the clock was set.

        What is due stays due, and what waits for another try gets it.
        """
        now = self._clock.now()
        for name in self._stores.keys() - self._paused:
            is_due = name in self.standings or self._scheduler.get_job(name).next_run_time <= now
            following = now if is_due else next_time(self._stores[name], now) or NEVER
            self._scheduler.modify_job(name, next_run_time=following)

    async def stop(self, patience_s: float) -> list[str]:
        """Ends all runs, each at the page at hand. Tells which stores' connectors did not heed that in time."""
        self._is_stopping = True
        self._scheduler.pause()
        under_way = dict(self._under_way)
        for task in under_way.values():
            task.cancel()
        if under_way:
            await asyncio.wait(under_way.values(), timeout=patience_s)
        self._scheduler.shutdown(wait=False)
        return sorted(name for name, task in under_way.items() if not task.done())

    def counts(self) -> Mapping[str, int]:
        """How many stores are in each state."""
        states = Counter(
            StoreState.PAUSED
            if name in self._paused
            else StoreState.OK
            if (standing := self.standings.get(name)) is None
            else standing.health
            for name in self._stores
        )
        return {state.value: states[state] for state in StoreState}

    def late_s(self) -> float:
        """For how long the next job has been due without being begun; none is, as long as APScheduler does its work."""
        due = next((job.next_run_time for job in self._scheduler.get_jobs()), None)
        return 0.0 if due is None else max(0.0, (self._clock.now() - due).total_seconds())

    def waiting_for_a_person(self) -> list[str]:
        """The stores that need new credentials."""
        return [name for name, standing in self.standings.items() if standing.health is StoreState.NEEDS_CREDENTIALS]

    def _add(self, store: StoreConfig, first: datetime | None) -> None:
        self._scheduler.add_job(self._tick, _Rhythm(store), args=[store.name], id=store.name, next_run_time=first)

    async def _tick(self, name: str) -> None:
        """What the store's job does: an import, and one more as long as somebody has asked for it meanwhile."""
        task = asyncio.current_task()
        assert task is not None
        task.set_name(f"import {name}")
        self._under_way[name] = task
        try:
            async with self._turns(name).turn() as worked:
                self._wanted.add(name)
                while name in self._wanted and self._may_run(name):
                    self._wanted.discard(name)
                    await self._import(name, worked)
        except asyncio.CancelledError:
            if not self._is_stopping:  # else it is the way out, and APScheduler would log it as a failure
                raise
        except Exception:  # a mistake of our own: told, and no reason for the other stores to stop
            log.exception("%s: its import failed for a reason that lies in crossdock", name)
        finally:
            self._wanted.discard(name)
            del self._under_way[name]

    def _turns(self, name: str) -> Turns:
        """A store that fails moves aside for those whose first import is still to be tried."""
        is_first = name in self._never_imported and name not in self.standings
        return self._first_imports if is_first else self._polls

    def _may_run(self, name: str) -> bool:
        """Whether the store is still there, and we are: it may have waited long for its turn."""
        return not self._is_stopping and name in self._stores and name not in self._paused

    async def _import(self, name: str, worked: Callable[[], None]) -> None:
        try:
            with about(name):
                standing = await self._engine.import_due(name, progress=lambda counts: worked())
        except StateError as error:
            self._database_fails(str(error))
            if self._may_run(name):
                again = self._clock.now() + DATABASE_WAIT
                self._scheduler.modify_job(name, next_run_time=min(self._scheduler.get_job(name).next_run_time, again))
            return
        self._database_works()
        if standing is None or standing.next_try is None:
            self._never_imported.discard(name)
            self.standings.pop(name, None)
        elif name in self._stores:
            self.standings[name] = standing
            if self._may_run(name):
                self._scheduler.modify_job(name, next_run_time=standing.next_try)

    def _database_fails(self, words: str) -> None:
        if words != self.database_failure:
            log.error("%s Every store that is due is tried again within a minute.", words)
        self.database_failure = words

    def _database_works(self) -> None:
        if self.database_failure is not None:
            log.warning("the database can be used again")
        self.database_failure = None


class _Rhythm(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """`next_time` as APScheduler asks for it, counted from now: an interval keeps its place after a late run."""

    def __init__(self, store: StoreConfig) -> None:
        self._store = store

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        return next_time(self._store, now if previous is None else max(previous, now)) or NEVER
