"""What stands on each paper, as values: what a label, a packing slip, a pickup slip and a pick list tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from crossdock.config import SlipColumn
from crossdock.model import Address, Customer, Line


class Paper(StrEnum):
    """The kinds of paper that can be printed."""

    LABEL = "label"
    SLIP = "slip"
    PICKUP = "pickup"
    PICKLIST = "picklist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """So many units of a line lie in the parcel."""

    line: Line
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSheet:
    """What is stuck on one parcel. `store` is the name people see; `waits` says that it's collected, not sent."""

    store: str
    order: str
    shipment: int
    carrier: str
    goods: tuple[Packed, ...]
    service: str | None = None
    tracking_number: str | None = None
    tracking_link: str | None = None
    waits: bool = False
    sender: Address | None = field(default=None, repr=False)
    recipient: Address | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlipSheet:
    """What lies in one parcel, for its packer and its buyer. `message` is what the buyer wrote with the order."""

    store: str
    order: str
    placed_on: date
    currency: str
    goods: tuple[Packed, ...]
    columns: tuple[SlipColumn, ...]
    service: str | None = None
    logo: Path | None = None
    sender: Address | None = field(default=None, repr=False)
    recipient: Address | None = field(default=None, repr=False)
    message: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PickupSheet:
    """What lies on the shelf until its buyer comes for it. `location` is where."""

    store: str
    order: str
    placed_on: date
    goods: tuple[Packed, ...]
    logo: Path | None = None
    location: Address | None = None
    customer: Customer = field(default=Customer(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """Units of one product to fetch, and how many of them are for which order, by its number."""

    line: Line
    quantity: int
    orders: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PickList:
    """All that is to be fetched from the shelves for some orders, in the order of the shelves."""

    store: str
    made_on: date
    orders: tuple[str, ...]
    picks: tuple[Pick, ...]


Sheet: TypeAlias = LabelSheet | SlipSheet | PickupSheet | PickList
