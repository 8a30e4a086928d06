"""What a list of orders is asked by, and what it gives: a page of it, and where the pages beside it begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from crossdock.state.shipments import WriteBack

if TYPE_CHECKING:
    from crossdock.state import StoredOrder

COUNTED_MOST = 9_999  # orders of a tab: to count a million would take longer than to list them


class Tab(StrEnum):
    """What is to be done with an order at the packing bench.

    `new` is to be packed. `waiting` is packed: the store is being told, or the buyer is to collect it. One of which
    something is left to pack is `new`, whatever else is under way.
    """

    NEW = "new"
    WAITING = "waiting"
    SHIPPED = "shipped"
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Which orders are wanted, by the time they were placed.

    `country` (ISO 3166) and `service` are those of one of its consignments; `pickup` asks for orders with something to
    be picked up. `place` is where to go on, from an earlier answer.
    """

    tab: Tab = Tab.NEW
    store: str | None = None
    country: str | None = None
    service: str | None = None
    pickup: bool = False
    search: str = ""
    newest_first: bool = False
    place: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOrder:
    """An order in a list, with all of its shipments."""

    stored: StoredOrder
    tab: Tab
    shipments: tuple[WriteBack, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A page of a list.

    Attributes:
        before: Where the page before it is, if there is one.
        after: Where the page after it is, if there may be one.
        counts: How many orders of the query's store are in each tab, up to `COUNTED_MOST`.
        is_cut: Whether more matched the search than was looked through: the newest matches alone.
    """

    orders: tuple[ListedOrder, ...]
    before: str | None
    after: str | None
    counts: Mapping[Tab, int]
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """By what a list can be narrowed: what occurs among orders that are to be packed or under way."""

    countries: tuple[str, ...]
    services: tuple[str, ...]
