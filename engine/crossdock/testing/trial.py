"""What the contract's tests stand on: the real engine over a real database, and the courses that events take."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random, SystemRandom

import msgspec
from aiohttp import web

from crossdock import config
from crossdock.carrier import AnyCarrier
from crossdock.connector import AnyConnector, Seen
from crossdock.engine import Engine, ImportRequest, open_engine
from crossdock.errors import ConfigError, CrossdockError
from crossdock.http import HttpClient, open_session
from crossdock.model import Raw
from crossdock.plugins import Plugins
from crossdock.state import Run
from crossdock.testing.platform import FakePlatform
from crossdock.testing.service import Answering, FakeService, Meddler, Misbehaviour, misbehaving, silent

STORE = "contract"
CHANGES = ImportRequest()
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
DISTURBED = 12  # requests of a run among which the platform changes; without an end to that, some imports had none
PATIENCE_S = 30.0  # for what ends in milliseconds when it is right


class Installation:
    """One merchant's crossdock, whose only store is the platform's account. `carriers` are installed there."""

    def __init__(
        self,
        folder: Path,
        connector: type[AnyConnector],
        platform: FakeService,
        carriers: Sequence[type[AnyCarrier]] = (),
    ) -> None:
        self.database = folder / "crossdock.db"
        self.kind = connector
        self.platform = platform
        self.carriers = {carrier.name: carrier for carrier in carriers}

    def config(self, **more_settings: object) -> config.Config:
        """What its `stores.yaml` says. Raises ConfigError."""
        path = self.database.with_name("stores.yaml")
        written = {
            "engine": {"database": str(self.database)},
            **self.entries({**self.platform.settings(), **more_settings}),
        }
        path.write_text(json.dumps(written), encoding="utf-8")
        return config.load(path, {self.kind.name: self.kind}, self.carriers)

    def entries(self, settings: Mapping[str, object]) -> Mapping[str, object]:
        """What stands beside `engine` when the platform is reached by these settings."""
        return {"stores": {STORE: {"connector": self.kind.name, "settings": settings}}}

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        """A process of crossdock."""
        try:
            found = self.config()
        except ConfigError as error:
            raise AssertionError(f"What settings() of the fake gives is refused: {error}") from error
        async with open_engine(found, Plugins(), clock=self.platform.clock) as engine:
            yield engine

    @asynccontextmanager
    async def connector(self) -> AsyncIterator[AnyConnector]:
        """The connector alone, with an HTTP client of its own."""
        settings = self.config().stores[STORE].settings
        options, clock = self.kind.http_options(settings), self.platform.clock
        async with open_session() as session:
            yield self.kind(settings, HttpClient(session, options, store=STORE, clock=clock, random=SystemRandom()))

    async def attempt(self) -> Run | CrossdockError:
        """What one import in a process of its own came to."""
        self.platform.asked.clear()
        async with self.engine() as engine:
            try:
                return await engine.import_store(STORE, CHANGES)
            except CrossdockError as error:
                return error

    async def run(self) -> Run:
        """One import in a process of its own, to its good end."""
        run = await self.attempt()
        if isinstance(run, Run):
            return run
        raise AssertionError(f"An import failed though the platform did nothing wrong: {run}") from run

    async def cancelled(self, work: Coroutine[None, None, object], number: int, *, takes_effect: bool = False) -> str:
        """Cancels `work` while it waits for the answer to this request; tells what was wrong with its end.

        `takes_effect` says that the request was done all the same.
        """
        self.platform.asked.clear()
        loop, before = asyncio.get_running_loop(), asyncio.all_tasks()
        job = asyncio.create_task(work, name="to be cancelled")
        silence = silent(number, lambda: loop.call_soon_threadsafe(job.cancel), takes_effect=takes_effect)
        with self.platform.meddled(silence):
            await asyncio.wait({job}, timeout=PATIENCE_S)
            if others := asyncio.all_tasks() - before - {job}:
                await asyncio.wait(others, timeout=PATIENCE_S)
            left = asyncio.all_tasks() - before
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=PATIENCE_S)
            return "did not end" if job in left else f"left {len(left)} task(s) behind"
        if job.cancelled() or len(self.platform.asked) < number:
            return ""
        return "went on" if job.exception() is None else f"failed with {job.exception()!r}"

    async def differences(self, truth: Mapping[str, tuple[str, int]]) -> str:
        """How what crossdock holds differs from the platform's truth, in words; nothing if it doesn't."""
        async with self.engine() as engine:
            orders = [one.order async for one in engine.orders() if one.gone_at is None]
            aside = [f"{one.order_id} ({one.error})" for one in await engine.set_asides(STORE)]
        held = {
            order.id: (order.status.id, sum(line.quantity for part in order.consignments for line in part.lines))
            for order in orders
        }
        wrong = [id for id in held if held[id] != truth.get(id, held[id])]
        found = {
            "lacks": [id for id in truth if id not in held],
            "holds": [f"{id} as {held[id]} where truth() says {truth[id]}" for id in wrong],
            "holds, though truth() doesn't have it,": [id for id in held if id not in truth],
            "has set aside": aside,
        }
        return " and ".join(f"{what} {_listed(ids)}" for what, ids in found.items() if ids)


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:5]) + (f" and {len(words) - 5} more" if len(words) > 5 else "")


def end_of(result: object) -> str:
    """What came of an import, to go after "the import"."""
    return f"failed with {result!r}" if isinstance(result, BaseException) else "ended as if all had been read"


async def views(connector: AnyConnector) -> AsyncGenerator[Seen, None]:
    """What a first import sees and doesn't skip."""
    async with aclosing(connector.changes(None, connector.http.server_time() - timedelta(days=30))) as pages:
        async for page in pages:
            for one in page.seen:
                if one.skip is None:
                    yield one


async def walk(connector: AnyConnector) -> None:
    """All that a first import asks of a connector."""
    await connector.account()
    async for one in views(connector):
        await connector.complete(one)


def stored(raw: Raw) -> bytes:
    """The raw as crossdock keeps and compares it."""
    try:
        return msgspec.json.encode(raw, order="deterministic")
    except (TypeError, ValueError) as error:
        raise AssertionError(f"A raw can't be kept as JSON: {error}.") from error


@contextmanager
def logged() -> Iterator[list[str]]:
    """All that is logged within the block, as it would be written, tracebacks too."""
    lines: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(logging.Formatter().format(record))

    root, handler = logging.getLogger(), Keeping()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


class Trial:
    """One test's platform, and as many new installations as it asks for."""

    def __init__(self, folder: Path, connector: type[AnyConnector], platform: FakePlatform, random: Random) -> None:
        self.folder = folder
        self.platform = platform
        self.random = random
        self.few, self.many = 2 * platform.page_size + 2, 6 * platform.page_size
        self._connector = connector
        self._installations = 0
        self._ids: list[str] = []
        self._happened: list[str] = []

    def new_installation(self) -> Installation:
        """crossdock in an empty folder."""
        self._installations += 1
        folder = self.folder / str(self._installations)
        folder.mkdir()
        return Installation(folder, self._connector, self.platform)

    def add_orders(self, count: int, *, every_s: float = MINUTE, then_s: float = HOUR) -> None:
        """As many orders more, `every_s` apart, and `then_s` go by."""
        for _ in range(count):
            self._add()
            self.platform.clock.wind(every_s)
        self.platform.clock.wind(then_s)

    async def requests(self) -> range:
        """The numbers of the requests that a first import takes."""
        await self.new_installation().run()
        return range(1, len(self.platform.asked) + 1)

    async def change_meanwhile(self, seconds: Sequence[int]) -> None:
        """Orders come and change during two imports, some of `seconds` apart. A third one has to bring the truth."""
        installation = self.new_installation()
        self.add_orders(self.many, every_s=self.random.choice(seconds), then_s=0)
        self._happened = [f"{self.many} orders"]
        with self.platform.meddled(self._changing(seconds)):
            for _ in range(2):
                self._happened.append("import")
                await installation.run()
        self.platform.clock.wind(10 * MINUTE)
        await installation.run()
        await self.expect_truth(
            installation, "After changes during two imports, and a third one without", happened=self._happened
        )

    async def misbehaving(
        self, *kinds: Misbehaviour, times: float = math.inf
    ) -> AsyncGenerator[tuple[int, str, Run | CrossdockError], None]:
        """What imports came to when the platform misbehaved from their first request on, their second, and so on.

        Gives the request's number, what happened in words, and the outcome. After each of them all is well again, and
        the next import has to bring the truth.
        """
        for number in await self.requests():
            kind = kinds[number % len(kinds)]
            installation = self.new_installation()
            with self.platform.meddled(misbehaving(number, kind, times=times)):
                result = await installation.attempt()
            when = f"the platform {kind.words} from request {number} on"
            yield number, f"When {when}, the import {end_of(result)}", result
            await installation.run()
            await self.expect_truth(installation, f"When {when}, and all was well again in another import")

    async def expect_truth(self, installation: Installation, when: str, *, happened: Sequence[str] = ()) -> None:
        """Fails unless crossdock holds what the platform has."""
        __tracebackhide__ = True
        words = await installation.differences(self.platform.truth())
        assert not words, "\n  ".join([f"{when}, crossdock {words}.", *happened])

    def _changing(self, seconds: Sequence[int]) -> Meddler:
        async def meddle(number: int, request: web.Request, answer: Answering) -> web.StreamResponse:
            if number > DISTURBED:
                return await answer(request)
            self._change(seconds)
            self._happened.append(f"{request.method} {request.path_qs}")
            response = await answer(request)
            self._change(seconds)
            return response

        return meddle

    def _change(self, seconds: Sequence[int]) -> None:
        for _ in range(self.random.choice((0, 0, 1, 1, 3))):
            self.platform.clock.wind(self.random.choice(seconds))
            if self.random.random() < 0.3:
                self._add()
            else:
                edited = self.random.choice(self._ids)
                self.platform.edit_order(edited)
                self._happened.append(f"edited {edited}")

    def _add(self) -> None:
        self._ids.append(self.platform.add_order())
        self._happened.append(f"added {self._ids[-1]}")
