"""Why an order is here, is not here, or isn't moving: one sentence, asking the store where that is needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from crossdock.asking import answer, computed
from crossdock.boundary import boundary
from crossdock.clock import Clock, ago
from crossdock.config import StoreConfig
from crossdock.connections import Connections
from crossdock.errors import RetryableError
from crossdock.model import Stage
from crossdock.state import State, StoredOrder
from crossdock.state.shipments import WriteBack, WriteBackState


@dataclass(frozen=True, slots=True)
class Explanation:
    """What explaining an order of a store needs to know."""

    state: State
    connections: Connections
    clock: Clock

    async def why(self, store: StoreConfig, order: str) -> str:
        """The sentence about the order of this id or number. Raises CrossdockError where it can't be found out."""
        stored = await self.state.order(store.name, order)
        if stored is not None:
            aside = await self.why_aside(store, stored.order.id)
            untold = [_unfinished(row) for row in await self.state.shipments(store.name, stored.order.id)]
            changed = f"it has changed since, but {aside}" if aside else None
            return f"{'; '.join(part for part in (self._why_here(stored), *untold, changed) if part)}."
        if aside := await self.why_aside(store, order):
            return f"the store has it, but {aside}."
        return await self._why_not_here(store, order)

    async def why_aside(self, store: StoreConfig, order_id: str) -> str | None:
        """A clause about an order's latest view, where that could not be understood."""
        aside = await self.state.set_aside(store.name, order_id)
        if aside is None:
            return None
        return (
            f"it could not be understood ({aside.error}) and is set aside; it is tried again when it changes "
            "or crossdock's mapping does"
        )

    def _why_here(self, stored: StoredOrder) -> str:
        order = stored.order
        imported = f"imported {ago(self.clock.now() - stored.imported_at)}"
        if stored.erased_at is not None:
            erased = _day_and_time(stored.erased_at)
            return (
                f"{imported}; its buyer's personal data was erased at {erased}, because it had not changed for "
                "engine.keep_days, so it can't be shipped until it changes in the store"
            )
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
        connector = self.connections.connector(store)
        async with boundary(store):
            await self.connections.prove(store, connector)
            seen = await answer(connector, partial(connector.fetch, order_id))
            if seen is None:
                return f"the store has no order {order_id}."
            if seen.skip is not None:
                return f"{seen.skip}."
            whole = await answer(connector, partial(connector.complete, seen))
        raw = seen.raw if whole is None else whole.raw
        try:
            order = await computed(connector, partial(connector.order_from_raw, raw))
        except Exception as error:  # as an import would find out, which sets it aside with its words
            return f"the store has it, but it can't be understood ({type(error).__name__})."
        since = connector.http.server_time() - timedelta(days=store.settings.import_days)
        if order.modified_at < since:
            return (
                f"it was last changed on {_day_and_time(order.modified_at)}, further back than import_days "
                f"({store.settings.import_days}); `crossdock import {store.name} --order {order_id}` brings it."
            )
        if store.name in await self.state.paused():
            return f"it is in the store and fit to be taken, but {store.name} is paused; `crossdock resume` ends that."
        return "it is in the store and fit to be taken; the next import brings it."


def _unfinished(row: WriteBack) -> str | None:
    """A clause about a shipment that the store doesn't know, or has refused."""
    if row.is_finished and row.state is not WriteBackState.REFUSED:
        return None
    number = f", {row.shipment.tracking_number}" if row.shipment.tracking_number else ""
    reason = f": {row.reason.rstrip('.')}" if row.reason else ""
    return f"shipment {row.id} ({row.shipment.carrier}{number}) is {row.state.value}{reason}"


def _day_and_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
