"""What the tests of writing back stand on: parcels that the real engine ships, and what the platform has of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import TypeAlias

from crossdock.carrier import Booking, Carrier, CarrierRequest, CarrierSettings
from crossdock.connector import Access, AnyConnector
from crossdock.engine import Engine
from crossdock.model import Consignment, ConsignmentKind, Order
from crossdock.shipment import Item, Shipment, StoreShipment, folded
from crossdock.shipping import ShipRequest
from crossdock.state.shipments import WriteBack, WriteBackState
from crossdock.testing.platform import FakeShippingPlatform
from crossdock.testing.trial import CHANGES, MINUTE, STORE, Installation, Trial

ATTEMPTS = 30  # to tell of a shipment: a lost one takes ten, until it's sure that it didn't arrive
LEAST_LINES, LEAST_UNITS = 2, 3
Units: TypeAlias = Mapping[str, int]
"""Of an order's lines, by their ids."""
Told: TypeAlias = tuple[str, frozenset[tuple[str, int]], str]


class ByHand(Carrier[CarrierSettings]):
    """Any carrier, whose numbers the tests make up."""

    name, title = "manual", "By hand"

    async def ship(self, request: CarrierRequest) -> Booking:
        return Booking(tracking_number=request.tracking_number)

    async def void(self, key: str) -> None:
        """Nobody was told."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an undisturbed parcel ends: what it took to tell of it, and what came of its order."""

    requests: int
    status: str
    mails: int


class ParcelTrial(Trial):
    """One test's platform, an installation that ships, and what the platform must have in the end."""

    platform: FakeShippingPlatform

    def __init__(
        self, folder: Path, connector: type[AnyConnector], platform: FakeShippingPlatform, random: Random, carrier: str
    ) -> None:
        super().__init__(folder, connector, platform, random)
        self.connector = connector
        self._carrier = carrier
        self._numbers = count(1)
        self._undisturbed: Ending | None = None
        self.installation = Installation(folder, connector, platform, [ByHand])

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        """A process of crossdock that knows whose account it is: so it asks only about parcels."""
        async with self.installation.engine() as engine:
            (access,) = await engine.check([STORE])
            assert isinstance(access, Access), f"Signing in failed though the platform did nothing wrong: {access}"
            yield engine

    # What is shipped

    async def orders(self, engine: Engine, number: int = 1) -> list[Order]:
        """So many new orders, as crossdock imported them just now."""
        placed = [self.platform.add_order_to_ship() for _ in range(number)]
        await engine.import_store(STORE, CHANGES)
        held = {one.order.id: one.order async for one in engine.orders()}
        lacking = [order_id for order_id in placed if order_id not in held]
        assert not lacking, f"An import didn't bring {', '.join(lacking)}, which add_order_to_ship() placed."
        return [held[order_id] for order_id in placed]

    def ways(self, order: Order) -> list[Consignment]:
        """The consignments of an order that a carrier takes."""
        found = [one for one in order.consignments if one.kind is ConsignmentKind.SHIPPING and one.ship_to is not None]
        assert order.shippable, f"Order {order.id} of add_order_to_ship() can't be shipped: it's {order.status.name}."
        assert found, f"Order {order.id} of add_order_to_ship() goes to no address: see order_from_raw and ship_to."
        for way in found:
            units = [line.quantity for line in way.lines if line.requires_shipping]
            assert len(units) >= LEAST_LINES, f"add_order_to_ship(): {len(units)} line(s) where two are needed."
            assert min(units) >= LEAST_UNITS, f"add_order_to_ship(): a line of {min(units)} where three are needed."
        return found

    def part(self, order: Order) -> tuple[Consignment, Units]:
        """Some of the goods that go the last way, of each line another number, so that none stands for another."""
        way = self.ways(order)[-1]
        first, second = way.lines[:2]
        return way, {first.id: 1, second.id: 2}

    def new_number(self) -> str:
        """A tracking number that no other parcel has."""
        return f"33ABC{next(self._numbers):07}"

    async def ship(
        self, engine: Engine, order: Order, *, way: Consignment, units: Units | None = None, number: str | None = None
    ) -> WriteBack:
        """A parcel with these units, or with all that are left of them."""
        request = ShipRequest(order=order.id, carrier=self._carrier, tracking=number, consignment=way.id, lines=units)
        return (await engine.dispatch.ship(STORE, request)).row

    async def shipped(self, engine: Engine, order: Order) -> WriteBack:
        """A parcel with a part of the order, which the platform doesn't know of yet."""
        way, units = self.part(order)
        return await self.ship(engine, order, way=way, units=units, number=self.new_number())

    async def parcels(self, engine: Engine, *, more: int = 0) -> list[WriteBack]:
        """A parcel of an order of its own for each request that telling of one takes, and so many more.

        That is counted first, with one that nothing disturbs: the others have to end like it.
        """
        (order,) = await self.orders(engine)
        row = await self.tell(engine, await self.shipped(engine, order))
        requests = len(self.platform.asked)
        self.expect([row], "After a parcel was told that nothing disturbed")
        self._undisturbed = Ending(requests, self.status(order.id), self.platform.mails(order.id))
        return [await self.shipped(engine, one) for one in await self.orders(engine, requests + more)]

    # Telling the platform

    async def attempt(self, engine: Engine, row: WriteBack) -> WriteBack:
        """The parcel after one attempt to tell what is due of its order."""
        self.platform.asked.clear()
        return await self._attempted(engine, row)

    async def tell(self, engine: Engine, row: WriteBack) -> WriteBack:
        """The parcel when nothing is left to do for it, however long that takes."""
        self.platform.asked.clear()
        for _ in range(ATTEMPTS):
            row = await self._attempted(engine, row)
            if row.is_finished:
                return row
            assert row.next_try is not None
            self.platform.clock.wind(max(0.0, (row.next_try - self.platform.clock.now()).total_seconds()))
        raise AssertionError(f"After {ATTEMPTS} attempts a parcel is still {row.state.value}: {row.reason}")

    async def _attempted(self, engine: Engine, row: WriteBack) -> WriteBack:
        await engine.dispatch.write_back(STORE, orders=[row.shipment.order_id])
        found = await engine.state.writeback(row.id)
        assert found is not None
        return found

    # What the platform has

    def status(self, order_id: str) -> str:
        """The id of the order's status on the platform."""
        return self.platform.truth()[order_id][0]

    def expect(
        self,
        rows: Sequence[WriteBack],
        when: str,
        *,
        status: str | None = None,
        more_mails: int = 0,
        without_a_word: bool = True,
    ) -> None:
        """Fails unless these parcels of one order are confirmed, and the platform has each of them once and no other.

        Where an undisturbed parcel was told before, the order must have its status, or `status`, and its e-mails and
        `more_mails` at most.
        """
        __tracebackhide__ = True
        for row in rows:
            is_well = row.state is WriteBackState.CONFIRMED and not (without_a_word and row.reason)
            assert is_well, f"{when}, a parcel is {row.state.value}: {row.reason}"
        order_id = rows[0].shipment.order_id
        self.expect_shipments(order_id, [told(row.shipment) for row in rows], when)
        if self._undisturbed is None:
            return
        wanted, found = status or self._undisturbed.status, self.status(order_id)
        assert found == wanted, f"{when}, the order's status is {found} where {wanted} is due."
        mails, most = self.platform.mails(order_id), self._undisturbed.mails + more_mails
        assert mails <= most, f"{when}, the buyer has got {mails} e-mails where {most} are due."

    def expect_shipments(self, order_id: str, due: Iterable[Told], when: str) -> None:
        """Fails unless the platform has these shipments of an order, each once, and no other."""
        __tracebackhide__ = True
        wanted, found = Counter(due), Counter(told(one) for one in self.platform.shipments(order_id))
        assert found == wanted, (
            f"{when}, the platform has {_listed(found)} of an order, where {_listed(wanted)} is due."
        )

    async def a_while(self, seconds: float = MINUTE) -> None:
        """So much time goes by, and what the platform does late is done."""
        self.platform.clock.wind(seconds)
        async with self.installation.connector() as connector:
            await connector.account()


def told(shipment: Shipment | StoreShipment) -> Told:
    """What both sides must agree in: consignment, units and number."""
    units: Counter[str] = Counter()
    for item in shipment.items:
        units[item.line] += item.quantity
    return shipment.consignment, frozenset(units.items()), folded(shipment.tracking_number)


def by_hand(way: Consignment, units: Units, number: str | None) -> StoreShipment:
    """What a person makes on the platform; its id is the platform's to give."""
    items = tuple(Item(line, quantity) for line, quantity in units.items())
    return StoreShipment(id="", consignment=way.id, items=items, tracking_number=number)


def _listed(shipments: Counter[Told]) -> str:
    words = [
        f"{times} time(s) {' and '.join(f'{units} × {line}' for line, units in sorted(items))} of consignment {way}"
        f" ({number.upper() or 'no number'})"
        for (way, items, number), times in sorted(shipments.items(), key=str)
    ]
    return ", ".join(words) or "nothing"
