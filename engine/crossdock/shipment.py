"""The values of shipping: what left, what a store shows of it, and how far an order is. The same for every platform."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from crossdock.model import Order, Status


@dataclass(frozen=True, slots=True)
class Item:
    """So many units of the line with this id, which is the platform's."""

    line: str
    quantity: int

    def __post_init__(self) -> None:
        _check_id("Item.line", self.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """Lines of one consignment that left with a carrier, as a store is told of them.

    `id` is crossdock's own. `carrier` is what people call the carrier, `carrier_code` the platform's code for it, where
    one is configured. `service` is how the buyer wanted the goods sent, in the store's words.
    """

    id: int
    order_id: str
    consignment: str
    items: tuple[Item, ...]
    carrier: str
    carrier_code: str | None = None
    tracking_number: str | None = None
    tracking_link: str | None = None
    service: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreShipment:
    """A shipment as the store shows it, whoever made it. `id` is the platform's; `carrier` are the platform's words."""

    id: str
    consignment: str
    items: tuple[Item, ...]
    tracking_number: str | None = None
    carrier: str | None = None

    def __post_init__(self) -> None:
        _check_id("StoreShipment.id", self.id, may_be_empty=True)
        _check_id("StoreShipment.consignment", self.consignment, may_be_empty=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a platform answered to a shipment that it took; `id` is its own id of it."""

    id: str

    def __post_init__(self) -> None:
        _check_id("Receipt.id", self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCount:
    """How the units of one line stood when a store was looked at."""

    consignment: str
    line: str
    quantity: int
    shipped: int
    refunded: int
    requires_shipping: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreView:
    """An order as the store itself showed it at one moment: status, counts and shipments, and nothing of the buyer.

    `as_of` is the platform's time at which the first of its requests began.
    """

    as_of: datetime
    status: Status
    shipping_allowed: bool
    lines: tuple[LineCount, ...]
    shipments: tuple[StoreShipment, ...]

    def shipped(self, line: LineCount) -> int:
        """Units of a line that left: the larger of its own figure and the sum over the shipments (rule W2)."""
        return max(
            line.shipped,
            sum(
                item.quantity
                for shipment in self.shipments
                if shipment.consignment == line.consignment
                for item in shipment.items
                if item.line == line.line
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an order is, in units: what left or was collected, what waits to be collected, what is still to go."""

    sent: int
    waiting: int
    left: int


def view_of(order: Order, shipments: tuple[StoreShipment, ...], as_of: datetime) -> StoreView:
    """What is kept of a look at an order."""
    return StoreView(
        as_of=as_of,
        status=order.status,
        shipping_allowed=order.shipping_allowed,
        lines=tuple(
            LineCount(
                consignment=consignment.id,
                line=line.id,
                quantity=line.quantity,
                shipped=line.quantity_shipped,
                refunded=line.quantity_refunded,
                requires_shipping=line.requires_shipping,
            )
            for consignment in order.consignments
            for line in consignment.lines
        ),
        shipments=shipments,
    )


def folded(number: str | None) -> str:
    """A tracking number as it is compared: without space around it, in one case; "" where there is none (rule W5)."""
    return (number or "").strip().casefold()


def _check_id(what: str, value: object, *, may_be_empty: bool = False) -> None:
    if not isinstance(value, str) or not (value or may_be_empty):
        raise TypeError(f"{what} is {type(value).__name__}: ids are text that is not empty")
