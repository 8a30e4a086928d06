"""`crossdock run`: owns the long-lived tasks; starts them, hands on what changed, stops them.

Each of them runs until the daemon stops. One that ends by itself takes the whole process with it, which a supervisor
starts again: a daemon that goes on without its schedule or its watch over `stores.yaml` would be worse.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn

from crossdock.clock import Clock, SystemClock
from crossdock.config import Reading, StoreConfig
from crossdock.engine import Engine, open_engine
from crossdock.errors import ConfigError, CrossdockError
from crossdock.loopwatch import watch
from crossdock.plugins import Plugins
from crossdock.schedule import Schedule
from crossdock.systemd import Supervisor, watchdog_interval_s
from crossdock.threads import ThreadEach
from crossdock.web.app import add_pages, serve
from crossdock.web.guards import Guard, refuse_open_door
from crossdock.web.health import Health
from crossdock.web.shell import counted
from crossdock.web.site import Site
from crossdock.workers import WriteBackWorkers

log = logging.getLogger("crossdock.daemon")

PAUSES_S = 1.0  # between looks at what commands typed beside the daemon have paused or resumed
STANDINGS_S = 30.0  # between looks how imports typed beside the daemon have left the stores
HOUSE_S = 24 * 3600.0
HOUSE_AGAIN_S = 600.0  # after keeping house could not be finished: a reader was in the way, or the disk was full
FILES_S = 1.0  # between looks at the files that the configuration was read from
FILE_S = 0.001  # longer for each of them: ten thousand secrets take 40 ms to look at
STOP_S = 10.0  # for runs to end at the page at hand
CLOCK_WAS_SET_S = 60.0  # a step of the time of day against the monotonic clock; less is made up for by itself
STATUS_S = 10.0  # between lines for the supervisor
DEAD_S = 300.0  # for which a due job may wait to be begun: a loop that is merely busy gets there sooner


async def run_daemon(
    path: Path, plugins: Plugins, *, read: Callable[[], Reading], version: str, clock: Clock | None = None
) -> int:
    """Runs until SIGTERM or SIGINT and gives the exit code: 0, or 1 where it could not go on, which the log explains.

    `read` reads the configuration at `path`. Raises ConfigError, StateError and UsageError where it can't start.
    """
    asyncio.get_running_loop().set_default_executor(ThreadEach())
    clock, signals = clock or SystemClock(), Signals()
    async with AsyncExitStack() as stack:
        stack.enter_context(signals.heard())
        source = await asyncio.to_thread(_Source, path, read)
        config = source.reading.config
        if config is None:
            raise ConfigError(source.reading.mistakes)
        refuse_open_door(config.engine)
        engine = await stack.enter_async_context(open_engine(config, plugins, clock=clock))
        await stack.enter_async_context(engine.state.daemon())
        await stack.enter_async_context(watch())
        daemon = Daemon(engine, Schedule(engine, clock), source, signals, clock, version)
        guard = Guard.of(config, clock)
        pages = partial(add_pages, site=daemon.site(plugins, guard.prefix), guard=guard)
        address = await stack.enter_async_context(serve(config.engine.web_host, config.engine.web_port, pages))
        log.info("crossdock %s: listening on %s", version, address)
        if not source.has_stores:
            log.warning("%s has no store yet: open %s and add the first one", path.name, address)
        _allow_many_files()
        gc.freeze()  # what is loaded by now stays: looking through it again and again would hold up pages
        return await daemon.run()


class Signals:
    """What the daemon is told to do from outside."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.reload = asyncio.Event()

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Signals are heard until the block ends, which may be before the daemon is ready."""
        loop = asyncio.get_running_loop()
        reactions = {signal.SIGTERM: self.stop, signal.SIGINT: self.stop, signal.SIGHUP: self.reload}
        for number, event in reactions.items():
            loop.add_signal_handler(number, event.set)
        try:
            yield
        finally:
            for number in reactions:
                loop.remove_signal_handler(number)


class _Source:
    """The configuration as it was last read, and the state of the files that it was read from."""

    def __init__(self, path: Path, read: Callable[[], Reading]) -> None:
        self._path = path.absolute()
        self._read = read
        self._files = {self._path}
        self.read_again()

    def read_again(self) -> None:
        """Reads it as it is now. What changes while it is being read has changed since."""
        before = _signatures(self._files)
        self.reading = self._read()
        self._files = {self._path, *self.reading.files}
        # A file that is referred to for the first time may have come after it was looked for: it's looked at again.
        self._seen = {path: before.get(path) for path in self._files}

    def changed(self) -> set[Path]:
        """The files that are no longer as they were when they were read."""
        now = _signatures(self._files)
        return {path for path in self._files if now.get(path) != self._seen[path]}

    @property
    def files(self) -> int:
        """How many there are."""
        return len(self._files)

    @property
    def has_stores(self) -> bool:
        """Whether there is a store in it, if only one with a mistake: an empty file is somebody's slip."""
        config = self.reading.config
        return config is not None and bool(config.stores or self.reading.broken_stores)


class Daemon:
    """A started engine with its schedule, and what keeps both up to date."""

    def __init__(
        self,
        engine: Engine,
        schedule: Schedule,
        source: _Source,
        signals: Signals,
        clock: Clock,
        version: str,
    ) -> None:
        self._engine = engine
        self._schedule = schedule
        self._workers = WriteBackWorkers(engine, clock)
        self._source = source
        self._signals = signals
        self._clock = clock
        self._version = version
        self._supervisor = Supervisor()
        self._is_ready = False
        self._reading_again = asyncio.Lock()

    async def run(self) -> int:
        """Until it's told to stop, or a task of its own fails; the exit code."""
        reading = self._source.reading.allowing_no_store()
        _tell_mistakes(reading, self._engine.config.path.name, running=frozenset())
        await self._schedule.start()
        await self._workers.start()
        code = 1
        try:
            await self._work()
            code = 0
        except ExceptionGroup:  # of a task that the log has named
            pass
        finally:
            late = await asyncio.gather(self._schedule.stop(STOP_S), self._workers.stop(STOP_S))
            if left := {name for names in late for name in names}:
                log.error("left behind at the end, as their connectors don't heed a stop: %s", ", ".join(sorted(left)))
        log.info("stopped")
        return code

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_for_good(task, name), name=name)
                for name, task in (
                    ("follow reloads", self._follow_reloads),
                    ("watch files", self._watch_files),
                    ("follow commands", self._follow_commands),
                    ("write back", self._workers.run),
                    ("keep house", self._keep_house),
                    ("tell the supervisor", self._tell_supervisor),
                )
            ]
            self._is_ready = True
            self._supervisor.ready(self._status())
            log.info("ready: %s", self._status())
            await self._signals.stop.wait()
            self._is_ready = False
            self._supervisor.stopping("running imports end at the page at hand")
            log.info("stopping: running imports end at the page at hand")
            for task in tasks:
                task.cancel()

    def site(self, plugins: Plugins, prefix: str) -> Site:
        """What the pages show and do."""
        return Site(
            engine=self._engine,
            plugins=plugins,
            health=self.health,
            reading=lambda: self._source.reading,
            reload=partial(self._read_again, asked=True, may_be_empty=True),
            version=self._version,
            prefix=prefix,
        )

    def health(self) -> Health:
        """What `/healthz` and `/readyz` say."""
        failure, is_alive = self._schedule.database_failure, self._is_alive()
        if not is_alive:
            failure = "no import has been begun for minutes, though some are due"
        return Health(
            alive=is_alive,
            ready=self._is_ready and failure is None,
            why=failure or ("" if self._is_ready else "it is starting or stopping"),
            stores=self._schedule.counts(),
            version=self._version,
        )

    def _is_alive(self) -> bool:
        return self._schedule.late_s() < DEAD_S

    async def _follow_reloads(self) -> NoReturn:
        """Reads the configuration again on SIGHUP, and tries at once what waits for a person: one has just come."""
        while True:
            await self._signals.reload.wait()
            self._signals.reload.clear()
            self._supervisor.reloading()
            await self._read_again(asked=True)
            for name in self._schedule.waiting_for_a_person():
                self._schedule.want(name)
            await self._hurry(self._engine.config.stores)
            self._supervisor.ready(self._status())

    async def _watch_files(self) -> NoReturn:
        """Reads the configuration again when it, or a file that it refers to, has changed, appeared or gone."""
        while True:
            await self._clock.sleep(FILES_S + FILE_S * self._source.files)
            if changed := await asyncio.to_thread(self._source.changed):
                await self._read_again(asked=False)
                self._try_again_with(changed)

    def _try_again_with(self, changed: set[Path]) -> None:
        for name in self._schedule.waiting_for_a_person():
            if changed.intersection(self._engine.config.stores[name].secret_files):
                self._schedule.want(name)

    async def _read_again(self, *, asked: bool, may_be_empty: bool = False) -> None:
        """`may_be_empty` where the last store was removed on purpose, from the page; else that is somebody's slip."""
        async with self._reading_again:
            last, before = self._source.reading, self._engine.config.stores
            await asyncio.to_thread(self._source.read_again)
            reading, name = self._source.reading, self._engine.config.path.name
            is_news = asked or reading.mistakes != last.mistakes
            if is_news:
                told_of = reading.allowing_no_store() if may_be_empty else reading
                _tell_mistakes(told_of, name, running=before.keys())
            if reading.config is None or not (self._source.has_stores or may_be_empty):
                if is_news:
                    log.error("%s can't be taken over as it is; crossdock goes on with what it had.", name)
                return
            if reading.config.engine not in (self._engine.config.engine, last.config and last.config.engine):
                log.warning("%s: what changed under 'engine' is taken over when crossdock starts again", name)
            stores = _with_old_ones(reading, before)
            told = _differences(before, stores)
            if told or is_news:
                log.info("%s was read again: %s", name, told or "nothing has changed for any store")
            self._engine.take_over(replace(reading.config, stores=stores))
            self._schedule.take_over(stores)
            await self._hurry([name for name, store in stores.items() if store != before.get(name)])

    async def _hurry(self, changed: Collection[str]) -> None:
        """What stores with other settings are still to be told may go now."""
        with suppress(CrossdockError):  # the workers meet the same, and tell
            await self._workers.hurry(changed)

    async def _follow_commands(self) -> NoReturn:
        """Sees what other processes do to the database, and whether somebody has set the clock."""
        looked_at = self._clock.monotonic()
        ahead_s = self._ahead_s()
        while True:
            await self._clock.sleep(PAUSES_S)
            if abs(self._ahead_s() - ahead_s) > CLOCK_WAS_SET_S:
                log.warning("the clock was set, or the machine slept: imports are counted from the present time")
                self._schedule.realign()
                await self._hurry(self._engine.config.stores)
            ahead_s = self._ahead_s()
            try:
                paused = await self._engine.state.paused()
                self._schedule.pause(paused)
                self._workers.pause(paused)
                if self._clock.monotonic() - looked_at > STANDINGS_S:
                    looked_at = self._clock.monotonic()
                    self._schedule.learn(await self._engine.state.standings())
            except CrossdockError as error:
                log.debug("%s", error)  # the imports meet the same, and tell

    def _ahead_s(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()

    async def _keep_house(self) -> NoReturn:
        while True:
            wait_s = HOUSE_AGAIN_S
            try:
                kept = await self._engine.keep_house()
            except CrossdockError as error:
                log.error("%s Keeping house is tried again in %.0f minutes.", error, HOUSE_AGAIN_S / 60)
            else:
                if kept.erased:
                    log.info("erased the buyers' personal data of %s past keep_days", counted(kept.erased, "order"))
                wait_s = HOUSE_S if kept.is_clean else HOUSE_AGAIN_S
            await self._clock.sleep(wait_s)

    async def _tell_supervisor(self) -> NoReturn:
        interval_s = min(watchdog_interval_s() or STATUS_S, STATUS_S)
        while True:
            if self._is_alive():
                self._supervisor.alive()
            self._supervisor.status(self._status())
            await asyncio.sleep(interval_s)

    def _status(self) -> str:
        counts = {state: count for state, count in self._schedule.counts().items() if count}
        total = sum(counts.values())
        states = ", ".join(f"{count} {state}" for state, count in counts.items())
        return f"{counted(total, 'store')}{f': {states}' if states else ''}"


async def _for_good(task: Callable[[], Coroutine[None, None, NoReturn]], name: str) -> None:
    """Runs a task until it's cancelled. One that ends otherwise is named."""
    try:
        await task()
    except Exception:
        log.critical("the daemon's task '%s' has failed, and it must not go on without it", name, exc_info=True)
        raise


def _tell_mistakes(reading: Reading, name: str, *, running: Collection[str]) -> None:
    """Each mistake in a line, and what becomes of the stores that are concerned."""
    for mistake in reading.mistakes:
        log.error("%s", mistake)
    if reading.config is None:
        return
    if kept := reading.broken_stores & set(running):
        log.error("%s: kept as they were until that is mended: %s", name, ", ".join(sorted(kept)))
    if left_out := reading.broken_stores - set(running):
        log.error("%s: left out until that is mended: %s", name, ", ".join(sorted(left_out)))


def _with_old_ones(reading: Reading, before: Mapping[str, StoreConfig]) -> dict[str, StoreConfig]:
    """The stores to work with: those that are sound, and those with a mistake as they were before (rule S4)."""
    assert reading.config is not None
    kept = {name: before[name] for name in reading.broken_stores if name in before}
    return {**reading.config.stores, **kept}


def _differences(before: Mapping[str, StoreConfig], after: Mapping[str, StoreConfig]) -> str:
    changed = sorted(name for name in before.keys() & after.keys() if before[name] != after[name])
    parts = (
        ("new", sorted(after.keys() - before.keys())),
        ("changed", changed),
        ("removed", sorted(before.keys() - after.keys())),
    )
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in parts if names)


class _Signature(NamedTuple):
    """What changes when a file does, or may be read at last; also when one of the same size takes its place."""

    modified_ns: int
    changed_ns: int
    size: int
    inode: int


def _signatures(paths: Collection[Path]) -> dict[Path, _Signature]:
    """The files that are there now. A link stands for the file that it leads to."""
    found = {}
    for path in paths:
        with suppress(OSError):
            about = os.stat(path)
            found[path] = _Signature(about.st_mtime_ns, about.st_ctime_ns, about.st_size, about.st_ino)
    return found


def _allow_many_files() -> None:
    """Stores that hang keep their connections open, and the usual 1,024 descriptors end sooner than the memory."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
