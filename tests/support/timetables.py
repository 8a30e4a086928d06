"""Stores with schedules and no platform behind them, and a scheduler whose time is wound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from random import Random
from unittest.mock import patch

from crossdock import Account, AnyConnector, Connector, Cursor, Order, Page, Raw, Settings
from crossdock.config import Config, EngineConfig, StoreConfig
from crossdock.engine import Engine, open_engine
from crossdock.plugins import Plugins
from crossdock.schedule import Schedule

from support.clock import WoundClock

FIVE_MINUTES = timedelta(minutes=5)


class TillSettings(Settings):
    key: str = "good"


@dataclass(slots=True)
class Street:
    """Tills that keep note of when they are asked, and have the trouble that a test gives them.

    Attributes:
        visits: Which store was asked for changes, and when, in their order.
        keys: With which key, likewise.
        trouble: What asking a store raises, by its name; an event is waited for instead.
    """

    clock: WoundClock
    visits: list[tuple[str, datetime]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    trouble: dict[str, Exception | asyncio.Event] = field(default_factory=dict)

    def connector(self) -> type[AnyConnector]:
        """The connector of this street's tills."""
        street = self

        class Till(Connector[TillSettings]):
            name, title, Settings = "till", "Till", TillSettings

            async def account(self) -> Account:
                return Account(identity=self.http.store, name=self.http.store)

            async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
                street.visits.append((self.http.store, street.clock.now()))
                street.keys.append(self.settings.key)
                trouble = street.trouble.get(self.http.store)
                if isinstance(trouble, asyncio.Event):
                    await trouble.wait()
                    trouble = street.trouble.get(self.http.store)
                if isinstance(trouble, Exception):
                    raise trouble
                yield Page((), cursor={"visits": len(street.visits)})

            def order_from_raw(self, raw: Raw) -> Order:
                raise NotImplementedError

        return Till

    def times(self, store: str = "acme") -> list[datetime]:
        """When the store was asked."""
        return [at for name, at in self.visits if name == store]


def timetable(
    name: str = "acme",
    *,
    connector: type[AnyConnector] | None = None,
    every: timedelta | None = None,
    cron: str | None = None,
    timezone: str | None = None,
    key: str = "good",
) -> StoreConfig:
    """A store that is imported at these times."""
    return StoreConfig(
        name=name,
        connector=connector or Street(WoundClock()).connector(),
        settings=TillSettings(key=key),
        label=name,
        every=None if cron else every or FIVE_MINUTES,
        cron=cron,
        timezone=timezone,
        write_back=False,
        sender=None,
        secret_files=(),
    )


def config_of(folder: Path, stores: Sequence[StoreConfig]) -> Config:
    """A configuration with these stores, and its database in `folder`."""
    return Config(
        path=folder / "stores.yaml",
        engine=EngineConfig(database=str(folder / "crossdock.db")),
        carriers={},
        stores={store.name: store for store in stores},
    )


@contextmanager
def wound(clock: WoundClock) -> Iterator[None]:
    """APScheduler takes its time from this clock; it has no way to be given one."""

    class Wound(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # it's only asked for the time
            return clock.now().astimezone(tz)

    with patch("apscheduler.schedulers.base.datetime", Wound):
        yield


@dataclass(slots=True)
class Day:
    """A started schedule in wound time."""

    engine: Engine
    schedule: Schedule
    clock: WoundClock
    trouble: Mapping[str, object]

    async def until(self, end: datetime) -> None:
        """Lets the time pass, import by import."""
        while (due := self._next()) is not None and due <= end:
            self.clock.wind(max(0.0, (due - self.clock.now()).total_seconds()))
            await self.settle()
        self.clock.wind((end - self.clock.now()).total_seconds())

    async def passes(self, length: timedelta) -> None:
        await self.until(self.clock.now() + length)

    async def settle(self) -> None:
        """What is due is begun, and what was begun has ended, but for what waits for an event of a test."""
        self.schedule._scheduler.wakeup()
        await _turns()
        while tasks := [task for name, task in self.schedule._under_way.items() if not self._is_held(name)]:
            await asyncio.wait(tasks)
            await _turns()

    def _is_held(self, store: str) -> bool:
        trouble = self.trouble.get(store)
        return isinstance(trouble, asyncio.Event) and not trouble.is_set()

    def _next(self) -> datetime | None:
        times = [job.next_run_time for job in self.schedule._scheduler.get_jobs()]
        return min((time for time in times if time is not None), default=None)


async def _turns() -> None:
    """Lets the loop do what it was asked to: APScheduler begins a job some turns after it was woken."""
    for _ in range(5):
        await asyncio.sleep(0)


@asynccontextmanager
async def day(folder: Path, street: Street, *stores: StoreConfig) -> AsyncIterator[Day]:
    """These stores, scheduled from now on."""
    with wound(street.clock):
        async with open_engine(config_of(folder, stores), Plugins(), clock=street.clock, random=Random(1)) as engine:
            schedule = Schedule(engine, street.clock)
            await schedule.start()
            today = Day(engine, schedule, street.clock, street.trouble)
            await today.settle()
            try:
                yield today
            finally:
                if schedule._scheduler.running:
                    await schedule.stop(5)
