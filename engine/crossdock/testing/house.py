"""A store without a platform, so that carriers can be tested by shipping from it: its orders are in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from crossdock.connector import Account, AnyConnector, Connector, Look, Page, Seen, Settings
from crossdock.model import (
    Address,
    Consignment,
    ConsignmentKind,
    Cursor,
    Customer,
    Line,
    Order,
    Raw,
    Stage,
    Status,
)
from crossdock.shipment import Receipt, Shipment, StoreShipment
from crossdock.testing.clock import WoundClock

ADDRESS = Address(
    name="Mia Example",
    street="2 Sample Rd",
    city="Hobart",
    region="TAS",
    postcode="7000",
    country="AU",
    phone="0399990000",
)


@dataclass(slots=True)
class House:
    """What the store has: orders, of which each is for two mugs, and their shipments."""

    clock: WoundClock
    orders: list[str] = field(default_factory=list)
    shipments: dict[str, list[StoreShipment]] = field(default_factory=dict)

    def add_order(self) -> str:
        """Places an order, and gives its id."""
        self.orders.append(str(len(self.orders) + 1))
        return self.orders[-1]


def house(goods: House) -> type[AnyConnector]:
    """The connector of this store."""

    class OfHouse(Connector[Settings]):
        name, title, Settings = "house", "House", Settings

        async def account(self) -> Account:
            return Account(identity="house", name="House")

        async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
            yield Page(tuple(map(self._seen, goods.orders)), cursor={})

        def order_from_raw(self, raw: Raw) -> Order:
            mugs = Line(id="1", name="Mug", quantity=2, sku="MUG", unit_price=Decimal(12), weight_grams=350.0)
            return Order(
                id=str(raw["id"]),
                number=f"100{raw['id']}",
                status=Status(id="paid", name="Paid"),
                stage=Stage.AWAITING,
                shipping_allowed=True,
                placed_at=goods.clock.now(),
                modified_at=goods.clock.now(),
                currency="AUD",
                total=Decimal(24),
                customer=Customer(name=ADDRESS.name),
                consignments=(
                    Consignment(id="1", kind=ConsignmentKind.SHIPPING, lines=(mugs,), ship_to=ADDRESS, service="Fast"),
                ),
            )

        async def look(self, order_id: str) -> Look | None:
            return Look(self._seen(order_id), tuple(goods.shipments.get(order_id, ())))

        async def send(self, shipment: Shipment) -> Receipt:
            made = StoreShipment(
                id=str(shipment.id),
                consignment=shipment.consignment,
                items=shipment.items,
                tracking_number=shipment.tracking_number,
            )
            goods.shipments.setdefault(shipment.order_id, []).append(made)
            return Receipt(id=made.id)

        async def void(self, order_id: str, shipment_id: str) -> None:
            kept = [one for one in goods.shipments[order_id] if one.id != shipment_id]
            goods.shipments[order_id] = kept

        def _seen(self, order_id: str) -> Seen:
            return Seen(order_id, raw={"id": order_id})

    return OfHouse
