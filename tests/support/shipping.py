"""The packing bench in tests: shipping as people say it, the store's own books, and the store's people at work."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from crossdock.dispatch import Shipped
from crossdock.engine import Engine
from crossdock.shipping import ShipRequest
from crossdock.state.shipments import WriteBack, WriteBackState
from crossdock_sandbox import shipments as goods
from crossdock_sandbox import shipments_api as counter
from crossdock_sandbox.record import consignments_of
from crossdock_sandbox.store import SandboxStore

from support.bench import STORE
from support.clock import WoundClock

AUSPOST = "Australia Post"
ENOUGH_S = 7_200.0  # in which whatever has gone wrong is made good, once nothing goes wrong any more

Parcel = tuple[str, int, tuple[tuple[int, int], ...]]
"""What a parcel is to a store: its number, where it goes, and how many units of which lines are in it."""


async def ship(engine: Engine, order: int, number: str | None = None, **said: Any) -> Shipped:
    """What came of `crossdock ship`, without telling the store; by Australia Post unless `carrier` is given."""
    asked = ShipRequest(order=str(order), carrier=AUSPOST, tracking=number)
    return await engine.dispatch.ship(STORE, replace(asked, **said))


async def ship_and_tell(engine: Engine, order: int, number: str | None = None, **said: Any) -> WriteBack:
    """The shipment when the store has been told, or after two hours of trying."""
    shipped = await ship(engine, order, number, **said)
    return await tell(engine, shipped.row)


async def tell(engine: Engine, row: WriteBack) -> WriteBack:
    """The shipment when it's finished, or after an hour of trying."""
    clock = clock_of(engine)
    end = clock.now() + timedelta(seconds=ENOUGH_S)
    while not row.is_finished and clock.now() < end:
        row = await attempt(engine, row)
    return row


async def attempt(engine: Engine, row: WriteBack) -> WriteBack:
    """The shipment after one more attempt, for which the clock is wound to its time."""
    clock = clock_of(engine)
    await engine.dispatch.write_back(STORE, orders={row.shipment.order_id})
    told = await engine.state.writeback(row.id)
    assert told is not None
    if told.next_try is not None:
        clock.wind(max(0.0, (told.next_try - clock.now()).total_seconds()))
    return told


async def finish(engine: Engine, *, within_s: float = ENOUGH_S) -> list[WriteBack]:
    """What is unfinished still after the engine was given so long, as a daemon goes about it."""
    clock = clock_of(engine)
    end = clock.now() + timedelta(seconds=within_s)
    await engine.dispatch.retry(STORE, [])
    while (unfinished := await engine.state.unfinished(STORE)) and clock.now() < end:
        await engine.dispatch.write_back(STORE)
        clock.wind(1.0)
    return list(unfinished)


def clock_of(engine: Engine) -> WoundClock:
    clock = engine.dispatch.clock
    assert isinstance(clock, WoundClock)
    return clock


async def state_of(engine: Engine, shipment: int) -> WriteBackState:
    row = await engine.state.writeback(shipment)
    assert row is not None
    return row.state


# --- the store's own books ---


def parcels(store: SandboxStore, order: int) -> Counter[Parcel]:
    """The order's shipments in the store, and how often each is there."""
    return Counter(map(_parcel, store.shipments(order)))


def parcel(number: str, *items: tuple[int, int], address: int = 301) -> Parcel:
    """A parcel of so many units of these lines."""
    return number, address, tuple(sorted(items))


def _parcel(shipment: goods.Shipment) -> Parcel:
    items = ((item.order_product_id, item.quantity) for item in shipment.items)
    return parcel(shipment.tracking_number, *items, address=shipment.order_address_id)


def mails(store: SandboxStore, order: int) -> list[str]:
    """What the buyer was written: `shipment 33ABC`, `status 2`."""
    return [
        f"shipment {mail.tracking_number}".strip() if mail.kind == "shipment" else f"status {mail.status_id}"
        for mail in store.emails
        if mail.order_id == order
    ]


def status(store: SandboxStore, order: int) -> int:
    """The order's status in the store."""
    store.settle()
    return store.record(order).status_id


def posts(store: SandboxStore) -> int:
    """How often the store was asked to make a shipment."""
    return sum(seen.method == "POST" for seen in store.requests)


def puts(store: SandboxStore) -> list[bytes]:
    """The bodies of what the store was asked to change."""
    return [seen.body for seen in store.requests if seen.method == "PUT"]


# --- the store's people ---


def by_hand(store: SandboxStore, order: int, items: Mapping[int, int], number: str = "", **fields: Any) -> int:
    """The id of a shipment that the store's people make in its control panel, which mails the buyer as ours do."""
    record = store.record(order)
    parts = record.read_parts()
    address = next(
        int(consignment["id"])
        for consignment in parts["shipping"]
        if set(items) <= {int(line["id"]) for line in consignment["line_items"]}
    )
    contents = tuple(goods.ShippedItem(line, quantity) for line, quantity in sorted(items.items()))
    made = counter.ship(
        store, record, parts, items=contents, order_address_id=address, tracking_number=number, **fields
    )
    store.mail_shipment(record, made)
    return made.id


def undo(store: SandboxStore, order: int, shipments: Iterable[int] | None = None) -> None:
    """The store's people take shipments back; all of the order's, where none are named. Its status stays."""
    record = store.record(order)
    parts = record.read_parts()
    wanted = None if shipments is None else set(shipments)
    for made in store.shipments(order):
        if wanted is None or made.id in wanted:
            store.drop_shipment(made)
            goods.count_shipped(parts, made.items, sign=-1)
    store.save_parts(record, parts)
    store.touch(record)


def refund(store: SandboxStore, order: int, line: int, units: int) -> None:
    """The store's people refund so many units of a line."""
    store.edit(order, lines=[{"id": line, "quantity_refunded": units}])


def lines_of(store: SandboxStore, order: int) -> dict[str, dict[int, int]]:
    """How many units of each line the order has, by consignment that is posted or collected."""
    return {
        str(consignment["id"]): {int(line["id"]): int(line["quantity"]) for line in consignment["line_items"]}
        for consignment in consignments_of(store.record(order).read_parts())
        if "id" in consignment
    }


# --- being killed ---


class Points:
    """Counts the points of an engine at which a kill makes a difference, and calls `at_last` at the last one.

    These are the ends of its commits and of its requests to the store: what it did until then stands, and nothing else.
    """

    def __init__(self, engine: Engine, *, last: int, at_last: Callable[[], Awaitable[object]]) -> None:
        self.passed = 0
        self._last = last
        self._at_last = at_last
        http = engine.dispatch.connections.connector(engine.config.store(STORE)).http
        for owner, name in ((engine.state, "ship"), (engine.state, "advance"), (engine.state, "save_page")):
            setattr(owner, name, self._counted(getattr(owner, name)))
        http.request = self._counted(http.request)  # type: ignore[assignment, method-assign]

    def _counted(self, work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(work)
        async def counted(*args: Any, **named: Any) -> Any:
            if self.passed >= self._last:  # what is tidied up after death doesn't happen
                raise asyncio.CancelledError
            try:
                return await work(*args, **named)
            finally:
                self.passed += 1
                if self.passed == self._last:
                    await self._at_last()

        return counted


async def died(engine: Engine, work: Callable[[], Awaitable[object]], *, at: int) -> bool:
    """Whether the engine's work was ended at this point; else it came to its end before.

    As near to a kill as it gets in one process: the work is cancelled, and can neither commit nor ask any more.
    """
    dead = asyncio.Event()

    async def die() -> None:
        dead.set()
        await asyncio.Event().wait()

    Points(engine, last=at, at_last=die)
    working = asyncio.ensure_future(work())
    dying = asyncio.create_task(dead.wait())
    await asyncio.wait({working, dying}, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, dying):
        task.cancel()
    await asyncio.wait({working, dying})
    if not dead.is_set():
        working.result()
    return dead.is_set()
