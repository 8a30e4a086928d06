"""What happens at the packing bench: shipments are made, corrected and taken back, and the stores are told of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from urllib.parse import quote

from crossdock.asking import answer, computed
from crossdock.booking import LONGEST_NUMBER, Counter, not_told
from crossdock.boundary import boundary
from crossdock.clock import Clock, ago
from crossdock.config import CarrierConfig, Config, StoreConfig
from crossdock.connections import Connections
from crossdock.connector import AnyConnector
from crossdock.errors import (
    ActionNeededError,
    ConnectorError,
    CredentialsError,
    CrossdockError,
    GarbledError,
    PermissionMissingError,
    PluginError,
    RateLimitedError,
    RefusedError,
    RetryableError,
    UnreachableError,
    UsageError,
    clause,
    did_you_mean,
)
from crossdock.events import Events
from crossdock.importing import NO_RUN, ImportRun, Tally, derivation_of, understood
from crossdock.matching import as_it_would_be, shown_before
from crossdock.model import Order, Status
from crossdock.shipment import StoreView, folded, view_of
from crossdock.shipping import Packing, Plan, ShipRequest, in_words
from crossdock.state import LockPurpose, State, StoredOrder, Waiting
from crossdock.state.shipments import DROPPED, Parcel, WriteBack, WriteBackState, writeback_to_json
from crossdock.writeback import Desk, OvertakenError, put_off, tell_store

FRESH = timedelta(seconds=10)  # a view of an order that is older is asked for again before it's shipped (rule W1)
ASK_S = 20.0  # for a store that is asked how an order stands before it's shipped: somebody stands there with the parcel
MUTE_S = 30.0  # for which a store that couldn't be asked isn't asked how orders stand
WATCH_S = 0.2  # between looks whether another process has told the store meanwhile
FAILURES = 2  # orders in a row that can't be told to a store, after which the others wait too: it's the store
CHANGED_TRIES = 20  # to change a shipment that a worker is changing at the same time, a step a try


@dataclass(frozen=True, slots=True)
class Shipped:
    """What came of shipping: the shipment, and whether it's new or was said before (rule W3)."""

    row: WriteBack
    is_new: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """What shipping would do. `becomes` is the order's status then, if it changes; `repeats` is said already."""

    number: str
    status: Status
    becomes: Status | None = None
    plan: Plan | None = None
    repeats: WriteBack | None = None


@dataclass(frozen=True, slots=True)
class _Viewed:
    """An order by which it's judged what may leave, and what is to be known of that."""

    order: Order
    view: StoreView
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Dispatch:
    """All that is done with shipments of the stores of one configuration.

    `new` is set when there is something to tell a store that this process's worker should know of at once.
    """

    config: Config
    state: State
    connections: Connections
    events: Events
    clock: Clock
    new: asyncio.Event = field(default_factory=asyncio.Event)
    _mute_until: dict[str, float] = field(default_factory=dict)  # of stores that couldn't be asked just now

    # --- making a shipment ---

    async def ship(self, name: str, request: ShipRequest, *, waiting: Waiting = lambda words: None) -> Shipped:
        """A shipment, and the intention to tell the store of it; told is it by `tell` or by a daemon.

        Raises UsageError where the request isn't clear, RefusedError where it can't be done, and what the store, if it
        had to be asked, or the carrier has against it.
        """
        store = self._writing(name)
        carrier = self.config.carrier(request.carrier)
        stored = await self._held(store, request.order)
        packing = await self._packing(store, stored, request, carrier)
        if (before := packing.said_before()) is not None:
            return await self._said_again(before)
        viewed = await self._viewed(store, stored, packing.rows)
        order, view = viewed.order, viewed.view
        async with self.state.lock(name, LockPurpose.SHIP, waiting):
            packing = await self._packing(store, stored, request, carrier)
            plan = packing.said_before() or packing.plan(order, view)
            if isinstance(plan, WriteBack):
                return await self._said_again(plan)
            row = await self._made(store, order, carrier, plan, packing)
        await self.events.tell("shipment_created", [{"shipment": writeback_to_json(row)}])
        self.new.set()
        return Shipped(row, is_new=True, warnings=(*self._perhaps_misspelt(carrier), *viewed.warnings, *plan.warnings))

    async def preview(self, name: str, request: ShipRequest) -> Preview:
        """What `ship` would do, without doing it. Raises what it raises."""
        store = self._writing(name)
        carrier = self.config.carrier(request.carrier)
        stored = await self._held(store, request.order)
        packing = await self._packing(store, stored, request, carrier)
        before = packing.said_before()
        if before is not None:
            return Preview(stored.order.number, stored.order.status, repeats=before)
        viewed = await self._viewed(store, stored, packing.rows)
        order, view = viewed.order, viewed.view
        plan = packing.plan(order, view)
        if isinstance(plan, WriteBack):
            return Preview(order.number, view.status, repeats=plan)
        after, progress = as_it_would_be(
            view, packing.rows, plan.consignment.id, plan.items, sets_aside=packing.sets_aside
        )
        async with boundary(store):
            target = self.connections.connector(store).target_status(view, after, progress)
        becomes = None if target is None or target.id == view.status.id else target
        plan = replace(plan, warnings=(*viewed.warnings, *plan.warnings))
        return Preview(order.number, view.status, becomes=becomes, plan=plan)

    async def _said_again(self, row: WriteBack) -> Shipped:
        """What was said before; the store is tried at once, if it's still to be told."""
        if row.next_try is not None and row.next_try > self.clock.now():
            row = await self.state.advance(replace(row, next_try=self.clock.now()), (), self.clock.now()) or row
            self.new.set()
        return Shipped(row, is_new=False)

    @property
    def _counter(self) -> Counter:
        return Counter(self.state, self.connections, self.clock)

    def _perhaps_misspelt(self, carrier: CarrierConfig) -> tuple[str, ...]:
        """A hint where the name of a carrier without an entry is close to one that has one."""
        known = self.config.carriers
        if carrier.name in (*known, *self.config.installed_carriers) or not (near := did_you_mean(carrier.name, known)):
            return ()
        return (f"there is no carrier '{carrier.name}' under 'carriers', so it was taken as a carrier's name{near}",)

    def _writing(self, name: str) -> StoreConfig:
        """The store, if it may be told of shipments."""
        store = self.config.store(name)
        if not store.write_back:
            raise RefusedError(
                f"{name}: write_back is false in {self.config.path.name}, so the store would never be told. Nothing "
                "was shipped; change it to ship from here."
            )
        if not store.connector.writes_back():
            raise RefusedError(f"{name}: crossdock can import from {store.connector.title}, and not write back to it.")
        return store

    async def _held(self, store: StoreConfig, order: str) -> StoredOrder:
        stored = await self.state.order(store.name, order)
        if stored is None:
            raise CrossdockError(
                f"{store.name}: order {order} is not here; `crossdock import {store.name} --order {order}` brings it."
            )
        return stored

    async def _packing(
        self, store: StoreConfig, stored: StoredOrder, request: ShipRequest, carrier: CarrierConfig
    ) -> Packing:
        return Packing(
            store=store.name,
            request=request,
            carrier=carrier.name,
            sets_aside=carrier.carrier.sets_aside,
            rows=await self.state.shipments(store.name, stored.order.id),
        )

    async def _viewed(self, store: StoreConfig, stored: StoredOrder, rows: Sequence[WriteBack]) -> _Viewed:
        """The order as it is now: asked of the store, unless that was done just before (rule W1).

        A store that can't be asked holds up nobody who packs: what it last showed has to do, as the store is looked at
        once more before it's told anything.
        """
        connector = self.connections.connector(store)
        is_whole = stored.erased_at is None and stored.gone_at is None
        held = _Viewed(stored.order, view_of(stored.order, shown_before(rows), stored.as_of))
        # How far our own shipments are in an order's figures, only a look tells, with all of its shipments (rule W2).
        is_untouched = all(row.sets_aside or row.state in DROPPED for row in rows)
        # Before its first answer the store's clock isn't known: a view from the future tells nothing of its age.
        if abs(connector.http.server_time() - stored.as_of) <= FRESH and is_whole and is_untouched:
            return held
        try:
            return await self._asked(store, connector, stored)
        except (RetryableError, CredentialsError, PermissionMissingError) as error:
            if not is_whole:
                raise
            why, seen = clause(error, store.name), ago(self.clock.now() - stored.as_of)
            return replace(
                held, warnings=(f"the store can't be asked how the order stands ({why}); it was seen {seen}",)
            )

    async def _asked(self, store: StoreConfig, connector: AnyConnector, stored: StoredOrder) -> _Viewed:
        """The order as the store shows it now. One that has just failed isn't asked: a whole list may be waiting."""
        if self.clock.monotonic() < self._mute_until.get(store.name, 0.0):
            raise UnreachableError(f"{store.name}: it could not be asked a moment ago.")
        try:
            async with asyncio.timeout(ASK_S):
                await self._prove(store, connector)
                found = await self._looked(store, connector, stored.order.id)
        except (TimeoutError, RetryableError) as error:
            self._mute_until[store.name] = self.clock.monotonic() + MUTE_S
            if isinstance(error, RetryableError):
                raise
            raise UnreachableError(f"{store.name}: it did not answer within {ASK_S:.0f} s.") from error
        if found is None:
            raise RefusedError(f"{store.name}: the store has no order {stored.order.number} any more.")
        return _Viewed(*found)

    async def _made(
        self,
        store: StoreConfig,
        order: Order,
        carrier: CarrierConfig,
        plan: Plan,
        packing: Packing,
    ) -> WriteBack:
        key, booking = await self._counter.book(store, order, carrier, plan, packing)
        label = booking.label
        parcel = Parcel(
            store=store.name,
            order_id=order.id,
            consignment=plan.consignment.id,
            items=plan.items,
            carrier=carrier.name,
            carrier_code=self.connections.carrier(carrier).code_for(store.connector.name),
            tracking_number=(booking.tracking_number or "").strip() or None,
            tracking_link=booking.tracking_link,
            service=plan.consignment.service,
            sets_aside=carrier.carrier.sets_aside,
            said=plan.said,
            key=key,
            label_type=label.media_type if label else None,
            label=label.content if label else None,
        )
        return await asyncio.shield(self.state.ship(parcel, self.clock.now()))

    # --- late facts (rule W10) ---

    async def track(self, name: str, shipment: int, number: str) -> WriteBack:
        """The shipment has another tracking number, and the store is to be told."""
        number = number.strip()
        if not number or not number.isprintable() or len(number) > LONGEST_NUMBER or "://" in number:
            raise UsageError(
                f"{name}: a tracking number has 1 to {LONGEST_NUMBER} characters, all of them in one line, and is no "
                "web address."
            )
        self._writing(name)

        async def changed(row: WriteBack) -> WriteBack | None:
            if row.state in DROPPED or row.is_voiding:
                raise RefusedError(f"{name}: shipment {row.id} was {_fate(row)}; ship again in its place.")
            if row.sets_aside:
                raise RefusedError(f"{name}: shipment {row.id} waits to be collected: it has no tracking number.")
            if row.shipment.tracking_number == number:
                return None
            for other in await self.state.shipments(name, row.shipment.order_id):
                if other.id != row.id and other.state not in DROPPED and _is_number_of(other, number, row):
                    raise RefusedError(f"{name}: {number} is shipment {other.id}'s number already ({in_words(other)}).")
            link = _relinked(row.shipment.tracking_link, row.shipment.tracking_number, number)
            return self._reopened(
                replace(row, shipment=replace(row.shipment, tracking_number=number, tracking_link=link))
            )

        return await self._changed(
            name, shipment, changed, event="renumbered", told=lambda row: {"tracking_number": number}
        )

    async def void(self, name: str, shipment: int) -> WriteBack:
        """The shipment isn't going after all: it's to be taken back in the store and at its carrier."""
        self._writing(name)

        async def changed(row: WriteBack) -> WriteBack | None:
            if row.state is WriteBackState.VOIDED or row.is_voiding:
                return None
            if row.state is WriteBackState.REFUSED and not row.was_sent:  # the store has nothing of it; its carrier may
                return replace(row, state=WriteBackState.VOIDED, is_voiding=True, reason=await self._released(row))
            return self._reopened(replace(row, is_voiding=True))

        return await self._changed(name, shipment, changed, event="to_be_voided")

    async def collected(self, name: str, order: str) -> list[WriteBack]:
        """The buyer has collected what was set aside of an order; the store is to be told."""
        store = self._writing(name)
        stored = await self._held(store, order)
        rows = [row for row in await self.state.shipments(name, stored.order.id) if row.sets_aside]
        waiting = [row for row in rows if row.state not in DROPPED and not row.is_voiding]
        if not waiting:
            raise RefusedError(
                f"{name}: nothing of order {stored.order.number} was set aside to be collected; "
                f"`crossdock ship {name} {order} --carrier pickup` does that."
            )

        async def changed(row: WriteBack) -> WriteBack | None:
            if row.collected_at is not None or row.state in DROPPED or row.is_voiding:
                return None
            return self._reopened(replace(row, collected_at=self.clock.now()))

        return [await self._changed(name, row.id, changed, event="collected") for row in waiting]

    async def retry(self, name: str | None, shipments: Sequence[int]) -> list[WriteBack]:
        """What is unfinished is due now: of one store, of all, or these shipments, of which refused ones begin anew."""
        if not shipments:
            told = [store.name for store in self.config.stores.values() if store.write_back]
            stores = told if name is None else [self._writing(name).name]
            await self.state.hurry(stores, self.clock.now())
            self.new.set()
            return [row for one in stores for row in await self.state.unfinished(one)]

        async def changed(row: WriteBack) -> WriteBack | None:
            if row.state in (WriteBackState.CONFIRMED, WriteBackState.VOIDED):
                return None
            if row.state is WriteBackState.REFUSED:
                others = await self.state.shipments(row.store, row.shipment.order_id)
                twin = next((one for one in others if one.said == row.said and one.state not in DROPPED), None)
                if twin is not None:
                    raise RefusedError(
                        f"{row.store}: shipment {row.id} was refused, and shipment {twin.id} ({in_words(twin)}) was "
                        "made in its place."
                    )
                if not row.was_sent:  # else the store has taken it, and would be sent it twice
                    row = replace(row, first_look=None, sent_number=None)
            return self._reopened(row)

        rows = []
        for shipment in shipments:
            row = await self.state.writeback(shipment)
            if row is None or name not in (None, row.store):
                raise _unknown(name, shipment)
            self._writing(row.store)
            rows.append(await self._changed(row.store, shipment, changed, event="retried"))
        return rows

    def _reopened(self, row: WriteBack) -> WriteBack:
        is_over = row.state in (WriteBackState.CONFIRMED, WriteBackState.REFUSED)
        state = WriteBackState.PENDING if is_over else row.state
        return replace(row, state=state, attempts=0, next_try=self.clock.now(), reason=None)

    async def _changed(
        self,
        name: str,
        shipment: int,
        change: Callable[[WriteBack], Awaitable[WriteBack | None]],
        *,
        event: str,
        told: Callable[[WriteBack], Mapping[str, object]] = lambda row: {},
    ) -> WriteBack:
        """The shipment as `change` makes it; as it is, where that gives None. A worker may be changing it, too."""
        for _ in range(CHANGED_TRIES):
            row = await self.state.writeback(shipment)
            if row is None or row.store != name:
                raise _unknown(name, shipment)
            after = await change(row)
            if after is None:
                return row
            saved = await self.state.advance(after, [(event, {"shipment": shipment, **told(row)})], self.clock.now())
            if saved is not None:
                self.new.set()
                return saved
        raise CrossdockError(f"{name}: shipment {shipment} is being told to the store just now; try again.")

    # --- telling the stores ---

    async def tell(
        self,
        name: str,
        shipments: Collection[int],
        *,
        within_s: float,
        waiting: Waiting = lambda words: None,
    ) -> list[WriteBack]:
        """These shipments of a store as they are when all are finished, or after `within_s` seconds.

        What is due is done here, unless another process is at it. What is wrong with the store stands in the reasons.
        """
        worker = asyncio.create_task(self._keep_telling(name, shipments, waiting), name=f"tell {name}")
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    while not worker.done() and not all(row.is_finished for row in await self._rows(shipments)):
                        await asyncio.wait({worker}, timeout=WATCH_S)
        finally:
            worker.cancel()
            await asyncio.wait({worker})
        if not worker.cancelled() and (error := worker.exception()) is not None:
            raise error
        return await self._rows(shipments)

    async def _rows(self, shipments: Collection[int]) -> list[WriteBack]:
        rows = [await self.state.writeback(shipment) for shipment in shipments]
        return [row for row in rows if row is not None]

    async def _keep_telling(self, name: str, shipments: Collection[int], waiting: Waiting) -> None:
        orders = {row.shipment.order_id for row in await self._rows(shipments)}
        while unfinished := [row for row in await self._rows(shipments) if not row.is_finished]:
            await self.write_back(name, orders=orders, waiting=waiting)
            waits = [row.next_try - self.clock.now() for row in unfinished if row.next_try is not None]
            await self.clock.sleep(max(WATCH_S, min(wait.total_seconds() for wait in waits) if waits else WATCH_S))

    async def write_back(
        self,
        name: str,
        *,
        orders: Collection[str] | None = None,
        waiting: Waiting = lambda words: None,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Tells a store what is due of its shipments, or of those of these orders: order by order, oldest due first.

        What the store has against it is kept with each shipment and not raised. Raises StateError.
        """
        store = self.config.store(name)
        async with self.state.lock(name, LockPurpose.WRITE_BACK, waiting):
            now = self.clock.now()
            due = [row for row in await self.state.unfinished(name) if row.next_try is not None and row.next_try <= now]
            wanted = dict.fromkeys(
                row.shipment.order_id for row in due if orders is None or row.shipment.order_id in orders
            )
            if not wanted:
                return
            desk, left = self._desk(store), list(wanted)
            if (failure := await self._tell_of_orders(desk, left, is_stopping)) is not None:
                for row in due:
                    if row.shipment.order_id in left:
                        await put_off(desk, row, failure)

    async def _tell_of_orders(
        self, desk: Desk, orders: list[str], is_stopping: Callable[[], bool]
    ) -> CrossdockError | None:
        """Takes one order after the other off the list; gives what makes it useless to go on, if anything does."""
        failures = 0
        try:
            await self._prove(desk.store, desk.connector)
        except (ConnectorError, PluginError) as error:
            return error
        while orders and not is_stopping():
            try:
                await self._tell_of_order(desk, orders.pop(0))
            except (ConnectorError, PluginError) as error:
                failures += 1
                if failures == FAILURES or isinstance(error, ActionNeededError | RateLimitedError):
                    return error
            else:
                failures = 0
        return None

    def _desk(self, store: StoreConfig) -> Desk:
        connector = self.connections.connector(store)
        return Desk(
            store=store,
            connector=connector,
            state=self.state,
            clock=self.clock,
            settle=self.config.engine.settle,
            look=partial(self._view, store, connector),
            release=self._released,
        )

    async def _prove(self, store: StoreConfig, connector: AnyConnector) -> None:
        async with boundary(store):
            await self.connections.prove(store, connector)

    async def _tell_of_order(self, desk: Desk, order_id: str) -> None:
        """What is due of an order, one shipment after the other: a later one waits for those before it."""
        rows = list(await self.state.shipments(desk.store.name, order_id))
        for place, row in enumerate(rows):
            if row.is_finished:
                continue
            if row.next_try is None or row.next_try > self.clock.now():
                await self._wait_for(row, rows[place + 1 :])
                return
            try:
                rows[place] = told = await tell_store(desk, row, rows)
            except OvertakenError:
                return
            if not told.is_finished:
                await self._wait_for(told, rows[place + 1 :])
                return
            event = "write_back_refused" if told.state is WriteBackState.REFUSED else "written_back"
            await self.events.tell(event, [{"shipment": writeback_to_json(told)}])

    async def _wait_for(self, first: WriteBack, later: Sequence[WriteBack]) -> None:
        """Of an order's shipments that are due, those behind one that waits are due when that is."""
        now = self.clock.now()
        for row in later:
            if first.next_try is not None and row.next_try is not None and row.next_try <= now:
                await self.state.advance(replace(row, next_try=first.next_try), (), now)

    async def _view(self, store: StoreConfig, connector: AnyConnector, order_id: str) -> StoreView | None:
        found = await self._looked(store, connector, order_id)
        return None if found is None else found[1]

    async def _looked(
        self, store: StoreConfig, connector: AnyConnector, order_id: str
    ) -> tuple[Order, StoreView] | None:
        """The order as the store shows it now, which is kept; None where it's gone."""
        asked_at = connector.http.server_time().replace(microsecond=0)
        async with boundary(store):
            look = await answer(connector, partial(connector.look, order_id))
            if look is None:
                return None
            seen = replace(look.seen, as_of=look.seen.as_of or asked_at)
            try:
                order = await computed(connector, partial(understood, connector, seen))
            except PluginError:
                raise
            except Exception as error:
                raise GarbledError(
                    f"{store.name}: order {order_id} can't be understood as it is now ({type(error).__name__}); "
                    f"`crossdock why {store.name} {order_id}` tells more."
                ) from error
            await self._import_run(store, connector).keep(seen)
        return order, view_of(order, look.shipments, seen.as_of or asked_at)

    def _import_run(self, store: StoreConfig, connector: AnyConnector) -> ImportRun:
        return ImportRun(
            store=store.name,
            connector=connector,
            state=self.state,
            events=self.events,
            clock=self.clock,
            derivation=derivation_of(connector),
            run=NO_RUN,
            tally=Tally(lambda counts: None),
        )

    async def _released(self, row: WriteBack) -> str | None:
        """Tells the carrier that a parcel isn't going; see `Counter.release`."""
        try:
            return await self._counter.release(self.config.carrier(row.shipment.carrier), row)
        except UsageError as error:  # its entry was removed since
            return not_told(error)

    def writebacks(self, *, store: str | None = None, state: WriteBackState | None = None) -> AsyncIterator[WriteBack]:
        """All shipments that fit, oldest first; those of stores that aren't in the configuration any more, too."""
        return self.state.writebacks(store=store, state=state)


def _unknown(name: str | None, shipment: int) -> UsageError:
    return UsageError(
        f"{f'{name}: ' if name else ''}there is no shipment {shipment}; `crossdock writebacks` lists all of them."
    )


def _fate(row: WriteBack) -> str:
    return "refused by the store" if row.state is WriteBackState.REFUSED else "taken back"


def _is_number_of(other: WriteBack, number: str, row: WriteBack) -> bool:
    same_way = other.shipment.consignment == row.shipment.consignment
    return same_way and folded(other.shipment.tracking_number) == folded(number)


def _relinked(link: str | None, before: str | None, number: str) -> str | None:
    """The tracking link of another number, where the former one stands in it."""
    old = quote(before or "", safe="")
    return link.replace(old, quote(number, safe="")) if link and old and old in link else None
