"""An opened configuration: one coroutine per kind of job. The door for the command line, the page and the daemon."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from random import Random, SystemRandom
from typing import TYPE_CHECKING

import aiohttp

from crossdock import state as kept
from crossdock.asking import answer
from crossdock.boundary import boundary, secrets_of
from crossdock.clock import Clock, SystemClock, span
from crossdock.config import CarrierConfig, Config, StoreConfig
from crossdock.connections import Connections, account_of
from crossdock.connector import Access, AnyConnector
from crossdock.dispatch import Dispatch
from crossdock.errors import AccountMismatchError, CrossdockError, PluginError, StateError, UsageError
from crossdock.events import Events
from crossdock.explaining import Explanation
from crossdock.http import HttpClient, HttpCounts, open_session
from crossdock.importing import ImportRun, Tally, derivation_of
from crossdock.logs import about, cover
from crossdock.model import Stage
from crossdock.plugins import Plugins
from crossdock.standing import after_failure, after_success
from crossdock.state import (
    Begun,
    Counts,
    Failure,
    LockPurpose,
    Outcome,
    Run,
    RunKind,
    Standing,
    State,
    StoredOrder,
    StoreRecord,
    StoreState,
    Traffic,
    Waiting,
    run_to_json,
)
from crossdock.state.shipments import WriteBack, WriteBackState
from crossdock.state.sqlite import open_sqlite

if TYPE_CHECKING:
    from crossdock.papers.press import Press
    from crossdock.printing import Printing

log = logging.getLogger("crossdock")

RUNS_KEPT = timedelta(days=90)  # long enough to see what a store did in the last season
AT_ONCE = 200  # orders erased in one transaction, which imports wait for


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What is to be imported: what changed; or, in its place, a sweep over `days`, or one order by its id."""

    days: int | None = None
    order: str | None = None
    dry_run: bool = False

    @property
    def kind(self) -> RunKind:
        if self.order is not None:
            return RunKind.ORDER
        return RunKind.CHANGES if self.days is None else RunKind.DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreReport:
    """How a store stands: what `crossdock stores` shows.

    `lag` is the time since its last successful import; `writebacks` counts its shipments, by how far it was told.
    """

    config: StoreConfig
    record: StoreRecord | None
    standing: Standing | None
    last_run: Run | None
    lag: timedelta | None
    backlog: int
    set_aside: int
    writebacks: Mapping[WriteBackState, int]

    @property
    def schedule(self) -> str:
        """When it is imported: `every 5m`, or a cron line with its time zone."""
        if self.config.cron is None:
            return f"every {span(self.config.every)}" if self.config.every else ""
        return f"cron {self.config.cron} {self.config.timezone or ''}".rstrip()

    @property
    def state(self) -> StoreState:
        """A store that was never imported is `ok`: nothing is wrong with it as far as is known."""
        return StoreState.OK if self.standing is None else self.standing.state

    @property
    def since(self) -> datetime | None:
        """When it came to that state."""
        if self.standing is None:
            return None
        return self.standing.paused_at or self.standing.since

    @property
    def failure(self) -> Failure | None:
        """Why its imports fail, if they do."""
        return None if self.standing is None else self.standing.failure


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseKept:
    """What keeping house came to. `is_clean` is whether all that was erased is gone from the file, too."""

    erased: int
    is_clean: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """An order with its shipments, oldest first, and its timeline: what `crossdock show` shows.

    `aside` says why its latest view was set aside.
    """

    stored: StoredOrder
    shipments: tuple[WriteBack, ...]
    timeline: tuple[kept.Event, ...]
    aside: str | None


@asynccontextmanager
async def open_engine(
    config: Config,
    plugins: Plugins,
    *,
    clock: Clock | None = None,
    random: Random | None = None,
) -> AsyncGenerator[Engine, None]:
    """The engine of this configuration, with its database open. Raises StateError."""
    state = await _open_state(config, plugins)
    try:
        async with open_session() as session:
            yield Engine(
                config,
                state,
                session,
                Events(plugins.manager),
                clock=clock or SystemClock(),
                random=random or SystemRandom(),
            )
    finally:
        await state.close()


class Engine:
    """All jobs on the stores of one configuration."""

    def __init__(
        self,
        config: Config,
        state: State,
        session: aiohttp.ClientSession,
        events: Events,
        *,
        clock: Clock,
        random: Random,
    ) -> None:
        self.config = config
        self.state = state
        self._events = events
        self._clock = clock
        self._random = random
        self._connections = Connections(config.stores, state, session, clock=clock, random=random)
        _cover_secrets(config)
        self._explanation = Explanation(state, self._connections, clock)
        self.dispatch = Dispatch(config, state, self._connections, events, clock)

    def take_over(self, config: Config) -> None:
        """Works by this configuration from now on; runs that are under way end as they began.

        What concerns the whole process, `config.engine`, stays as it was when the engine was opened.
        """
        self.config = replace(config, engine=self.config.engine)
        self.dispatch.config = self.config
        self._connections.take_over(config.stores)
        _cover_secrets(config)

    @property
    def clock(self) -> Clock:
        """The time that everything here goes by."""
        return self._clock

    @property
    def printing(self) -> Printing:
        """All that is printed. What draws papers takes a third of a second to load, which most jobs do without."""
        from crossdock.printing import Printing  # noqa: PLC0415

        return Printing(self.config, self.state, self._clock, self._press)

    @cached_property
    def _press(self) -> Press:
        from crossdock.papers.fonts import Fonts  # noqa: PLC0415
        from crossdock.papers.press import Press  # noqa: PLC0415

        return Press(Fonts())

    def store(self, name: str) -> StoreConfig:
        """The store of this name. Raises UsageError."""
        return self.config.store(name)

    async def check(self, names: Sequence[str]) -> list[Access | CrossdockError]:
        """Signs in to stores, side by side, and tells what each one's account may not do, or what went wrong (S1)."""
        stores = [self.store(name) for name in names]
        signed_in = await asyncio.gather(*(self._access(store) for store in stores))
        # One by one, so that of two names for one account it is always the later one that is refused.
        return [await self._proved(store, access) for store, access in zip(stores, signed_in, strict=True)]

    async def try_out(self, store: StoreConfig) -> Access | CrossdockError:
        """Signs in with settings that may not stand in the configuration yet; nothing is kept of it."""
        return await self._proved(store, await self._access(store))

    async def _access(self, store: StoreConfig) -> Access | CrossdockError:
        try:
            async with boundary(store):
                connector = self._connections.connector(store)
                return await answer(connector, connector.check)
        except CrossdockError as error:
            return error

    async def _proved(self, store: StoreConfig, access: Access | CrossdockError) -> Access | CrossdockError:
        if isinstance(access, CrossdockError):
            return access
        try:
            await self._connections.prove_account(store, account_of(access.account))
        except AccountMismatchError as error:
            return error
        return access

    async def import_store(
        self,
        name: str,
        request: ImportRequest,
        *,
        progress: Callable[[Counts], None] = lambda counts: None,
        waiting: Waiting = lambda words: None,
    ) -> Run:
        """One import now, after any other of this store. Raises what made it fail, once that is recorded."""
        ended = await self._imported(self.store(name), request, progress, waiting)
        if ended.error is not None:
            raise ended.error
        return ended.run

    async def import_due(self, name: str, *, progress: Callable[[Counts], None]) -> Standing | None:
        """One import by schedule; how the store stands after it, or None where it stands as before and well.

        A failure of the store is recorded, and logged when it begins and when it ends; it isn't raised. Raises
        StateError, which is no fault of the store.
        """
        store = self.store(name)
        ended = await self._imported(store, ImportRequest(), progress, lambda words: None)
        if isinstance(ended.error, StateError):
            raise ended.error
        if ended.after is not None:
            log_change(name, ended.before, ended.after)
        return ended.after

    async def pause(self, name: str) -> bool:
        """Stops scheduled imports of a store until `resume`, in whatever process; whether that is news."""
        return await self.state.pause(self.store(name).name, self._clock.now())

    async def resume(self, name: str) -> bool:
        """Lets a paused store go on; whether that is news."""
        return await self.state.resume(self.store(name).name)

    async def keep_house(self) -> HouseKept:
        """Forgets old runs and erases buyers' personal data past `keep_days`, a little at a time."""
        now, erased = self._clock.now(), 0
        while await self.state.prune_runs(now - RUNS_KEPT):
            pass  # a bounded number at a time: others write in between
        if self.config.engine.keep_days is not None:
            before = now - timedelta(days=self.config.engine.keep_days)
            while some := await self.state.erase(before, now, AT_ONCE):
                erased += some
        return HouseKept(erased=erased, is_clean=await self.state.scrub())

    async def why(self, name: str, order: str) -> str:
        """Why an order is here, is not here, or isn't moving: one sentence, asking the store if needed."""
        return await self._explanation.why(self.store(name), order)

    async def stores(self) -> list[StoreReport]:
        """How each configured store stands."""
        records = {record.name: record for record in await self.state.stores()}
        standings = await self.state.standings()
        runs, stages = await self.state.last_runs(), await self.state.stage_counts()
        now, done = self._clock.now(), await self.state.last_done()
        set_asides, told = await self.state.set_aside_counts(), await self.state.writeback_counts()
        return [
            StoreReport(
                config=store,
                record=records.get(name),
                standing=standings.get(name),
                last_run=runs.get(name),
                lag=now - done[name] if name in done else None,
                set_aside=set_asides.get(name, 0),
                writebacks=told.get(name, {}),
                backlog=sum(stages.get(name, {}).get(stage, 0) for stage in (Stage.AWAITING, Stage.PART_SHIPPED)),
            )
            for name, store in sorted(self.config.stores.items())
        ]

    def orders(
        self, *, store: str | None = None, stage: Stage | None = None, search: str | None = None
    ) -> AsyncIterator[StoredOrder]:
        """All orders that fit. Raises UsageError for a store that isn't configured."""
        if store is not None:
            self.store(store)
        return self.state.orders(store=store, stage=stage, search=search)

    async def show(self, name: str, order: str) -> OrderReport:
        """One order by id or number, with its shipments and its timeline. Raises CrossdockError where it isn't here."""
        store = self.store(name)
        stored = await self.state.order(name, order)
        if stored is None:
            raise CrossdockError(
                f"{name}: order {order} is not here; `crossdock why {name} {order}` tells why, "
                f"`crossdock import {name} --order {order}` brings it."
            )
        return OrderReport(
            stored=stored,
            shipments=tuple(await self.state.shipments(name, stored.order.id)),
            timeline=tuple(await self.state.timeline(name, stored.order.id)),
            aside=await self._explanation.why_aside(store, stored.order.id),
        )

    def order_page(self, name: str, order_id: str) -> str | None:
        """Where people see an order in the store's own back office, or None where that isn't known."""
        store = self.store(name)
        try:
            found = store.connector.order_page(store.settings, order_id)
        except Exception:  # a plugin's fault costs the link, not the order's page
            log.exception("%s: %s can't tell where its order's page is", name, store.connector.title)
            return None
        return found if isinstance(found, str) and found.startswith(("https://", "http://")) else None

    async def set_asides(self, name: str) -> Sequence[kept.KeptSetAside]:
        """The orders of a store that could not be understood."""
        return await self.state.set_asides(name)

    async def _imported(
        self, store: StoreConfig, request: ImportRequest, progress: Callable[[Counts], None], waiting: Waiting
    ) -> _Ended:
        tally = Tally(progress)
        async with self.state.lock(store.name, LockPurpose.IMPORT, waiting):
            if request.dry_run:
                return _Ended(await self._rehearsed(store, request, tally))
            begun = await self.state.begin_run(store.name, request.kind, self._clock.now())
            with about(store.name, begun.run):
                ended = await self._recorded(store, request, begun, tally)
        await self._events.tell("run_finished", [{"run": run_to_json(ended.run)}])
        return ended

    async def _rehearsed(self, store: StoreConfig, request: ImportRequest, tally: Tally) -> Run:
        began = self._clock.now()
        async with boundary(store):
            connector = self._connections.connector(store)
            await self._import(store, connector, request, run=None, tally=tally)
        return Run(
            id=0,
            store=store.name,
            kind=request.kind,
            started_at=began,
            ended_at=self._clock.now(),
            outcome=Outcome.DONE,
            counts=tally.counts,
            reasons=tally.sorted_reasons,
            traffic=_traffic(connector.http, HttpCounts()),
            failure=None,
        )

    async def _recorded(self, store: StoreConfig, request: ImportRequest, begun: Begun, tally: Tally) -> _Ended:
        """The run, and its end recorded, whichever way it ends."""
        http, before = None, HttpCounts()
        error: CrossdockError | None = None

        async def recorded(outcome: Outcome, after: Standing | None) -> Run:
            ending = self.state.end_run(
                begun.run,
                outcome,
                self._clock.now(),
                traffic=Traffic() if http is None else _traffic(http, before),
                reasons=tally.sorted_reasons,
                failure=None if error is None else Failure(kind=type(error).__name__, words=str(error)),
                standing=after,
            )
            return await asyncio.shield(ending)

        try:
            async with boundary(store, is_told=_is_plugins_mistake(begun.standing)):
                connector = self._connections.connector(store)
                http, before = connector.http, connector.http.counts
                await self._import(store, connector, request, run=begun.run, tally=tally)
        except asyncio.CancelledError:
            with suppress(StateError):  # the next run finds this one unended, and knows
                await recorded(Outcome.STOPPED, None)
            raise
        except CrossdockError as failed:
            error = failed
        after = None if request.kind is RunKind.ORDER else self._stands(store, begun.standing, error)
        try:
            run = await recorded(Outcome.DONE if error is None else Outcome.FAILED, after)
        except StateError as unrecorded:
            raise unrecorded from error
        # A failure is told when it begins and when it ends, not each time that it's met again.
        log.log(logging.INFO if error is None else logging.DEBUG, "%s", _run_in_words(run))
        return _Ended(run, error, begun.standing, after)

    def _stands(self, store: StoreConfig, before: Standing | None, error: CrossdockError | None) -> Standing | None:
        """How the store stands after an import; None where that is no news. The database's failures aren't its own."""
        if error is None:
            return after_success(store.name, before, self._clock.now())
        if isinstance(error, StateError):
            return None
        return after_failure(store.name, before, error, self._clock.now(), every=store.every, random=self._random)

    async def _import(
        self,
        store: StoreConfig,
        connector: AnyConnector,
        request: ImportRequest,
        *,
        run: int | None,
        tally: Tally,
    ) -> None:
        record: StoreRecord | None
        if request.dry_run:
            record = await self._connections.prove(store, connector)
        else:
            record = await self._connections.bind(store, connector)
        job = ImportRun(
            store=store.name,
            connector=connector,
            state=self.state,
            events=self._events,
            clock=self._clock,
            derivation=derivation_of(connector),
            run=run,
            tally=tally,
        )
        if not request.dry_run and (record is None or record.derivation != job.derivation):
            await job.derive_anew()
        if request.order is not None:
            await job.order(request.order)
            return
        days = store.settings.import_days if request.days is None else request.days
        since = connector.http.server_time() - timedelta(days=days)
        if request.days is not None:
            await job.sweep(since)
        elif record is None:
            await job.changes(None, since, None)
        else:
            await job.changes(record.cursor, since, record.swept_since)


def _cover_secrets(config: Config) -> None:
    used: tuple[StoreConfig | CarrierConfig, ...] = (*config.stores.values(), *config.carriers.values())
    cover(secret for one in used for secret in secrets_of(one))


@dataclass(frozen=True, slots=True)
class _Ended:
    """A run that is over: what made it fail, if it did, and how its store stood before and stands now."""

    run: Run
    error: CrossdockError | None = None
    before: Standing | None = None
    after: Standing | None = None


def log_change(name: str, before: Standing | None, after: Standing) -> None:
    """One line when a store goes down, fails for another reason, needs a person, or is back; none in between."""
    was = StoreState.OK if before is None else before.health
    is_other = after.failure is not None and not (
        before and before.failure and before.failure.kind == after.failure.kind
    )
    if after.health is was and not is_other:
        return
    words = "" if after.failure is None else after.failure.words.removeprefix(f"{name}: ")
    match after.health:
        case StoreState.OK:
            down = after.since - (after.since if before is None else before.since)
            log.warning("%s: is back after %s", name, span(down))
        case StoreState.NEEDS_CREDENTIALS:
            log.error("%s: stands still until somebody helps; it is tried once an hour: %s", name, words)
        case _ if was is StoreState.OK:
            log.warning("%s: failed and is tried again by itself: %s", name, words)
        case _:
            log.warning("%s: fails for another reason now: %s", name, words)


def _is_plugins_mistake(standing: Standing | None) -> bool:
    return standing is not None and standing.failure is not None and standing.failure.kind == PluginError.__name__


def _run_in_words(run: Run) -> str:
    """One line that says all of a run."""
    assert run.ended_at is not None
    seconds = (run.ended_at - run.started_at).total_seconds()
    kind = "" if run.kind is RunKind.CHANGES else f" ({run.kind.value})"
    outcome = "" if run.failure is None else f"failed ({run.failure.kind}), "
    quota = "" if run.traffic.quota_left is None else f"; quota left {run.traffic.quota_left}"
    return (
        f"{run.store}: run {run.id}{kind}: {outcome}{run.counts.in_words()}; "
        f"{run.traffic.in_words()} in {seconds:.0f} s{quota}"
    )


def _traffic(http: HttpClient, before: HttpCounts) -> Traffic:
    return Traffic(
        requests=http.counts.requests - before.requests,
        retries=http.counts.retries - before.retries,
        waited_s=round(http.counts.waited_s - before.waited_s, 3),
        last_request_id=http.counts.last_request_id,
        quota_left=http.quota_left,
    )


async def _open_state(config: Config, plugins: Plugins) -> State:
    database = config.engine.database
    if "://" not in database:
        return await open_sqlite(Path(database))
    try:
        state: State | None = plugins.manager.hook.open_state(url=database)
    except Exception as error:  # its words may hold the URL's password
        raise PluginError(f"engine.database: the plugin that should open it failed ({type(error).__name__}).") from None
    if state is None:
        raise UsageError(
            f"engine.database: no plugin opens {database.split('://')[0]}:// databases; "
            "install one that does, or name a file."
        )
    return state
