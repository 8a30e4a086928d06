"""An opened configuration: one coroutine per kind of job. The door for the command line, the page and the daemon."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random, SystemRandom

import aiohttp
from pydantic import SecretStr

from crossdock import state as kept
from crossdock.clock import Clock, SystemClock, ago, span
from crossdock.config import Config, StoreConfig
from crossdock.connector import Access, AnyConnector
from crossdock.errors import (
    AccountMismatchError,
    ActionNeededError,
    CrossdockError,
    PluginError,
    RetryableError,
    StateError,
    UsageError,
)
from crossdock.events import Events
from crossdock.http import HttpClient, HttpCounts, open_session
from crossdock.importing import ImportRun, Tally, derivation_of
from crossdock.model import Stage
from crossdock.plugins import Plugins
from crossdock.state import (
    Counts,
    Failure,
    LockPurpose,
    Outcome,
    Run,
    RunKind,
    State,
    StoredOrder,
    StoreRecord,
    Traffic,
    Waiting,
    run_to_json,
)
from crossdock.state.sqlite import open_sqlite

log = logging.getLogger("crossdock")

_KINDS: tuple[type[ActionNeededError], ...] = (ActionNeededError, *ActionNeededError.__subclasses__())
FOR_A_PERSON = frozenset(kind.__name__ for kind in _KINDS)
"""The kinds of failure after which a store waits for its owner."""


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
    """How a store stands: what `crossdock stores` shows. `lag` is the time since its last successful import."""

    config: StoreConfig
    record: StoreRecord | None
    last_run: Run | None
    lag: timedelta | None
    backlog: int
    set_aside: int

    @property
    def schedule(self) -> str:
        """When it is imported: `every 5m`, or a cron line with its time zone."""
        if self.config.cron is None:
            return f"every {span(self.config.every)}" if self.config.every else ""
        return f"cron {self.config.cron} {self.config.timezone or ''}".rstrip()

    @property
    def state(self) -> str:
        """`ok`, `retrying` or `needs_credentials`, in the words of the reference."""
        failure = self.last_run and self.last_run.failure
        if not failure:
            return "ok"
        return "needs_credentials" if failure.kind in FOR_A_PERSON else "retrying"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """An order with its timeline: what `crossdock show` shows. `aside` says why its latest view was set aside."""

    stored: StoredOrder
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
        self._session = session
        self._events = events
        self._clock = clock
        self._random = random
        self._connectors: dict[str, AnyConnector] = {}
        self._accounts: dict[str, kept.Account] = {}

    def store(self, name: str) -> StoreConfig:
        """The store of this name. Raises UsageError."""
        found = self.config.stores.get(name)
        if found is None:
            known = ", ".join(sorted(self.config.stores)) or "none yet"
            raise UsageError(f"{name}: stores.yaml has no store of this name; its stores are: {known}.")
        return found

    async def check(self, names: Sequence[str]) -> list[Access | CrossdockError]:
        """Signs in to stores, side by side, and tells what each one's account may not do, or what went wrong (S1)."""
        stores = [self.store(name) for name in names]
        signed_in = await asyncio.gather(*(self._access(store) for store in stores))
        # One by one, so that of two names for one account it is always the later one that is refused.
        return [await self._proved(store, access) for store, access in zip(stores, signed_in, strict=True)]

    async def _access(self, store: StoreConfig) -> Access | CrossdockError:
        try:
            async with _boundary(store):
                return await self._connector(store).check()
        except CrossdockError as error:
            return error

    async def _proved(self, store: StoreConfig, access: Access | CrossdockError) -> Access | CrossdockError:
        if isinstance(access, CrossdockError):
            return access
        try:
            await self._prove(store, kept.Account(identity=access.account.identity, name=access.account.name))
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
        store = self.store(name)
        tally = Tally(progress)
        async with self.state.lock(name, LockPurpose.IMPORT, waiting):
            if request.dry_run:
                began = self._clock.now()
                async with _boundary(store):
                    connector = self._connector(store)
                    await self._import(store, connector, request, run=None, tally=tally)
                return Run(
                    id=0,
                    store=name,
                    kind=request.kind,
                    started_at=began,
                    ended_at=self._clock.now(),
                    outcome=Outcome.DONE,
                    counts=tally.counts,
                    reasons=tally.sorted_reasons,
                    traffic=_traffic(connector.http, HttpCounts()),
                    failure=None,
                )
            run = await self.state.begin_run(name, request.kind, self._clock.now())
            try:
                async with self._recorded(store, run, tally):
                    await self._import(store, self._connector(store), request, run=run, tally=tally)
            except CrossdockError:
                await self._tell_finished(run)
                raise
            return await self._tell_finished(run)

    async def why(self, name: str, order: str) -> str:
        """Why an order is here, is not here, or isn't moving: one sentence, asking the store if needed."""
        store = self.store(name)
        stored = await self.state.order(name, order)
        if stored is not None:
            aside = await self._why_aside(name, stored.order.id)
            return f"{self._why_here(stored)}{f'; it has changed since, but {aside}' if aside else ''}."
        if aside := await self._why_aside(name, order):
            return f"the store has it, but {aside}."
        return await self._why_not_here(store, order)

    async def stores(self) -> list[StoreReport]:
        """How each configured store stands."""
        records = {record.name: record for record in await self.state.stores()}
        runs, stages = await self.state.last_runs(), await self.state.stage_counts()
        now, done = self._clock.now(), await self.state.last_done()
        set_asides = await self.state.set_aside_counts()
        return [
            StoreReport(
                config=store,
                record=records.get(name),
                last_run=runs.get(name),
                lag=now - done[name] if name in done else None,
                set_aside=set_asides.get(name, 0),
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
        """One order by id or number, with its timeline. Raises CrossdockError where it isn't here."""
        self.store(name)
        stored = await self.state.order(name, order)
        if stored is None:
            raise CrossdockError(
                f"{name}: order {order} is not here; `crossdock why {name} {order}` tells why, "
                f"`crossdock import {name} --order {order}` brings it."
            )
        return OrderReport(
            stored=stored,
            timeline=tuple(await self.state.timeline(name, stored.order.id)),
            aside=await self._why_aside(name, stored.order.id),
        )

    async def _tell_finished(self, run: int) -> Run:
        """Not after a stop, which plugins must not hold up."""
        ended = await self.state.run(run)
        await self._events.tell("run_finished", [{"run": run_to_json(ended)}])
        return ended

    @asynccontextmanager
    async def _recorded(self, store: StoreConfig, run: int, tally: Tally) -> AsyncGenerator[None, None]:
        """Records how the run ended, whichever way it ends."""
        known = self._connectors.get(store.name)
        before = known.http.counts if known else HttpCounts()
        outcome, failure = Outcome.FAILED, None
        try:
            async with _boundary(store):
                yield
            outcome = Outcome.DONE
        except asyncio.CancelledError:
            outcome = Outcome.STOPPED
            raise
        except CrossdockError as error:
            failure = Failure(kind=type(error).__name__, words=str(error))
            raise
        finally:
            connector = self._connectors.get(store.name)
            traffic = _traffic(connector.http, before) if connector else Traffic()
            with suppress(StateError):  # what is wrong with the database is being told already, or by the next command
                ended = self.state.end_run(
                    run, outcome, self._clock.now(), traffic=traffic, reasons=tally.sorted_reasons, failure=failure
                )
                await asyncio.shield(ended)

    async def set_asides(self, name: str) -> Sequence[kept.KeptSetAside]:
        """The orders of a store that could not be understood."""
        return await self.state.set_asides(name)

    async def _import(
        self,
        store: StoreConfig,
        connector: AnyConnector,
        request: ImportRequest,
        *,
        run: int | None,
        tally: Tally,
    ) -> None:
        record = await self._signed_in(store, connector, dry_run=request.dry_run)
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

    async def _signed_in(self, store: StoreConfig, connector: AnyConnector, *, dry_run: bool) -> StoreRecord | None:
        """Proves the account once in the life of this process, before anything else is asked of the store (S1)."""
        account = self._accounts.get(store.name)
        if account is None:
            found = await connector.account()
            account = kept.Account(identity=found.identity, name=found.name)
        if dry_run:
            return await self._prove(store, account)
        record = await self.state.bind(
            store.name, connector.name, account, frozenset(self.config.stores), self._clock.now()
        )
        self._accounts[store.name] = account
        return record

    async def _prove(self, store: StoreConfig, account: kept.Account) -> StoreRecord | None:
        for other, known in self._accounts.items():
            same = self.config.stores[other].connector is store.connector and known.identity == account.identity
            if same and other != store.name:
                raise AccountMismatchError.of_two_names(
                    store.name, other, connector=store.connector.name, account=account.name
                )
        record = await self.state.prove(store.name, store.connector.name, account, frozenset(self.config.stores))
        self._accounts[store.name] = account
        return record

    def _connector(self, store: StoreConfig) -> AnyConnector:
        connector = self._connectors.get(store.name)
        if connector is None:
            options = store.connector.http_options(store.settings)
            http = HttpClient(self._session, options, store=store.name, clock=self._clock, random=self._random)
            connector = self._connectors[store.name] = store.connector(store.settings, http)
        return connector

    async def _why_aside(self, name: str, order_id: str) -> str | None:
        aside = await self.state.set_aside(name, order_id)
        if aside is None:
            return None
        return (
            f"it could not be understood ({aside.error}) and is set aside; it is tried again when it changes "
            "or crossdock's mapping does"
        )

    def _why_here(self, stored: StoredOrder) -> str:
        order, now = stored.order, self._clock.now()
        imported = f"imported {ago(now - stored.imported_at)}"
        if stored.gone_at is not None:
            found_out = _day_and_time(stored.gone_at)
            return f"{imported}; the store has it no more (found out {found_out}), so it is cancelled"
        if order.stage is Stage.CANCELLED:
            cancelled = _day_and_time(order.modified_at)
            return f"{imported}; cancelled in the store at {cancelled} (its status there is {order.status.name})"
        if order.shippable:
            left = sum(line.left_to_ship for consignment in order.consignments for line in consignment.lines)
            units = "1 unit is" if left == 1 else f"{left} units are"
            return f"{imported}; its status is {order.status.name} and {units} left to ship"
        if order.shipping_allowed:
            return f"{imported}; its status is {order.status.name} and nothing is left to ship"
        return f"{imported}; its status is {order.status.name}, which does not let it be shipped"

    async def _why_not_here(self, store: StoreConfig, order_id: str) -> str:
        try:
            return await self._why_by_asking(store, order_id)
        except RetryableError:
            known = await self.state.skip(store.name, order_id)
            if known is None:
                raise
            return f"{known.reason}; that was so at {_day_and_time(known.seen_at)}, and the store can't be asked now."

    async def _why_by_asking(self, store: StoreConfig, order_id: str) -> str:
        connector = self._connector(store)
        async with _boundary(store):
            await self._signed_in(store, connector, dry_run=True)
            seen = await connector.fetch(order_id)
            if seen is None:
                return f"the store has no order {order_id}."
            if seen.skip is not None:
                return f"{seen.skip}."
            whole = await connector.complete(seen)
        try:
            order = connector.order_from_raw(seen.raw if whole is None else whole.raw)
        except Exception as error:  # as an import would find out, which sets it aside with its words
            return f"the store has it, but it can't be understood ({type(error).__name__})."
        since = connector.http.server_time() - timedelta(days=store.settings.import_days)
        if order.modified_at < since:
            return (
                f"it was last changed on {_day_and_time(order.modified_at)}, further back than import_days "
                f"({store.settings.import_days}); `crossdock import {store.name} --order {order_id}` brings it."
            )
        return "it is in the store and fit to be taken; the next import brings it."


@asynccontextmanager
async def _boundary(store: StoreConfig) -> AsyncGenerator[None, None]:
    """What a connector raises beyond its contract is a bug of its plugin: logged whole, and told as that.

    What it raises within its contract passes through, out of a group too, but without the store's secrets.
    """
    try:
        yield
    except CrossdockError as error:
        raise _without_secrets(error, store) from error.__cause__
    except (Exception, SystemExit) as error:
        expected = _only_leaf(error)
        if expected is not None:
            raise _without_secrets(expected, store) from error
        log.exception("%s: the connector %s failed unexpectedly", store.name, store.connector.name)
        raise PluginError(
            f"{store.name}: the connector '{store.connector.name}' failed unexpectedly ({type(error).__name__}); "
            "this is a mistake in its plugin, and the log has the details for its author."
        ) from error


def _only_leaf(error: BaseException) -> CrossdockError | None:
    """The first error inside a task group's, where all of them are of our family."""
    if not isinstance(error, BaseExceptionGroup):
        return error if isinstance(error, CrossdockError) else None
    leaves = [_only_leaf(one) for one in error.exceptions]
    return None if None in leaves else leaves[0]


def _without_secrets(error: CrossdockError, store: StoreConfig) -> CrossdockError:
    """The same error; a secret of the store's settings in its words is covered."""
    secrets = [value.get_secret_value() for _, value in store.settings if isinstance(value, SecretStr)]
    words = str(error)
    for secret in secrets:
        if secret:
            words = words.replace(secret, "***")
    if words != str(error):
        error.args = (words, *error.args[1:])
    return error


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


def _day_and_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
