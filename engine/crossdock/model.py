"""The values that travel through crossdock: immutable, typed, the same for every platform.

The JSON form of an order (`order_to_json`) is relied on by other programs: fields may be added, never renamed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

import msgspec

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
Raw: TypeAlias = "Mapping[str, Json]"
"""All that an order was made of, as the platform sent it: a JSON object."""
Cursor: TypeAlias = "Mapping[str, Json]"
"""A connector's bookmark: a JSON object that only the connector reads."""

NO_OPTIONS: Mapping[str, str] = MappingProxyType({})


class Stage(StrEnum):
    """crossdock's own view of an order, whatever the platform calls its status."""

    AWAITING = "awaiting"
    PART_SHIPPED = "part_shipped"
    SHIPPED = "shipped"
    AWAITING_PICKUP = "awaiting_pickup"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    ON_HOLD = "on_hold"
    OTHER = "other"


OPEN_STAGES = frozenset({Stage.AWAITING, Stage.PART_SHIPPED, Stage.AWAITING_PICKUP, Stage.ON_HOLD})


class ConsignmentKind(StrEnum):
    """How the goods of a consignment reach the buyer."""

    SHIPPING = "shipping"
    PICKUP = "pickup"
    DIGITAL = "digital"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The platform's own status of an order; `id` is what is compared, `name` is shown."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who placed an order."""

    name: str | None = None
    company: str | None = None
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A place that goods go to or wait at; `country` is ISO 3166 alpha-2. What is not known is None."""

    name: str | None = None
    company: str | None = None
    street: str | None = None
    street2: str | None = None
    city: str | None = None
    region: str | None = None
    postcode: str | None = None
    country: str | None = None
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A product and a quantity inside a consignment.

    `unit_price` is in the order's currency; `weight_grams` is of one unit. `requires_shipping` is false for what never
    lies in a parcel (downloads, gift certificates). `quantity_on_the_way` are units in our own shipments that the
    store's figures don't hold yet; it isn't for a connector to fill in.
    """

    id: str
    name: str
    quantity: int
    parent_id: str | None = None
    sku: str | None = None
    barcode: str | None = None
    bin: str | None = None
    quantity_shipped: int = 0
    quantity_refunded: int = 0
    quantity_on_the_way: int = 0
    unit_price: Decimal | None = None
    weight_grams: float | None = None
    options: Mapping[str, str] = field(default_factory=lambda: NO_OPTIONS)
    size: str | None = None
    colour: str | None = None
    hs_code: str | None = None
    gift_wrap: str | None = None
    gift_message: str | None = None
    requires_shipping: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))

    @property
    def left_to_ship(self) -> int:
        """Units that still have to leave, as far as is known (rule W2)."""
        if not self.requires_shipping:
            return 0
        return max(0, self.quantity - self.quantity_refunded - self.quantity_shipped - self.quantity_on_the_way)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consignment:
    """The part of an order that goes one way: to an address, to a pickup location, or over the wire."""

    id: str
    kind: ConsignmentKind
    lines: tuple[Line, ...]
    ship_to: Address | None = None
    pickup_from: Address | None = None
    service: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the buyer placed, as a connector understood it.

    `stage` and `shipping_allowed` are what the connector makes of the platform's status; whether an order is
    `shippable` also asks whether something is left to ship. `total` is in `currency` (ISO 4217).
    """

    id: str
    number: str
    status: Status
    stage: Stage
    shipping_allowed: bool
    placed_at: datetime
    modified_at: datetime
    currency: str
    total: Decimal | None
    customer: Customer
    consignments: tuple[Consignment, ...]
    billing: Address | None = None
    customer_message: str | None = None
    staff_notes: str | None = None
    channel: str | None = None

    def __post_init__(self) -> None:
        for name in ("placed_at", "modified_at"):
            moment: datetime = getattr(self, name)
            if moment.tzinfo is None:
                raise ValueError(f"{name} of order {self.id} has no time zone: give an aware datetime")
            object.__setattr__(self, name, moment.astimezone(UTC).replace(microsecond=0))  # as it is kept and shown

    @property
    def shippable(self) -> bool:
        """Whether something of it may be shipped now (rule W1)."""
        return self.shipping_allowed and any(
            line.left_to_ship for consignment in self.consignments for line in consignment.lines
        )


def order_to_json(store: str, order: Order) -> dict[str, object]:
    """The documented JSON form of an order of `store`, as builtins ready for a JSON encoder."""
    document: dict[str, object] = {"store": store, **_builtins(order)}
    document["placed_at"] = instant(order.placed_at)
    document["modified_at"] = instant(order.modified_at)
    document["shippable"] = order.shippable
    document["consignments"] = [
        {
            **_builtins(consignment),
            "lines": [{**_builtins(line), "left_to_ship": line.left_to_ship} for line in consignment.lines],
        }
        for consignment in order.consignments
    ]
    return document


def instant(moment: datetime) -> str:
    """`2026-05-01T10:00:00Z`: UTC in whole seconds, the form of every time in crossdock's JSON and tables."""
    # Not strftime: it writes the year 1, which some platforms send for "never", in one digit.
    return f"{moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}Z"


def moment(text: str) -> datetime:
    """The time that `instant` wrote. Raises ValueError for anything that is not an aware ISO 8601 time."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return found.astimezone(UTC)


def _builtins(value: Order | Consignment | Line) -> dict[str, object]:
    built = msgspec.to_builtins(value, enc_hook=dict)  # the hook is asked for the read-only mappings alone
    assert isinstance(built, dict)
    return built


def changed_fields(before: Order, after: Order) -> tuple[str, ...]:
    """The names of what differs, such as `status` or `lines.quantity_shipped`: names only, never a buyer's values."""
    names = [name for name in _ORDER_FIELDS if getattr(before, name) != getattr(after, name)]
    old, new = _lines_by_id(before), _lines_by_id(after)
    if old.keys() != new.keys():
        names.append("lines")
    for name in _LINE_FIELDS:
        if any(getattr(old[key], name) != getattr(new[key], name) for key in old.keys() & new.keys()):
            names.append(f"lines.{name}")
    if _without_lines(before) != _without_lines(after):
        names.append("consignments")
    return tuple(names)


def _lines_by_id(order: Order) -> dict[tuple[str, str], Line]:
    return {(c.id, line.id): line for c in order.consignments for line in c.lines}


def _without_lines(order: Order) -> list[Consignment]:
    return [replace(consignment, lines=()) for consignment in order.consignments]


_ORDER_FIELDS = tuple(f.name for f in fields(Order) if f.name not in ("id", "consignments"))
_LINE_FIELDS = tuple(f.name for f in fields(Line) if f.name not in ("id", "quantity_on_the_way"))
