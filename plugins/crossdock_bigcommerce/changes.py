"""How a store is walked: a sweep of the open statuses, the feed of changes, a look behind the newest id.

The three mend each other (rules I3 to I7): the sweep finds what is open, the feed what changed since the sweep began,
the look behind the newest id new orders that carry an old modified time. All of it stands in the cursor.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol

import msgspec
from crossdock import Cursor, GarbledError, Json, Page, Raw, Seen, instant

from crossdock_bigcommerce.api import Listed, Params
from crossdock_bigcommerce.values import WireError, identifier, instant_of

SECOND = timedelta(seconds=1)
LATE_COMMITS = timedelta(minutes=2)  # a change may become visible this long after the modified time it carries
SWEPT_EVERY = timedelta(hours=24)
BEHIND_NEWEST = 20  # ids read again behind the newest one: orders get their ids before they are committed


class Lister(Protocol):
    """Asks for one page of `/v2/orders`."""

    async def list_orders(self, filters: Params, *, whole: bool = True) -> Listed: ...


Viewing = Callable[[Listed], Awaitable[tuple[Seen, ...]]]
"""Makes views of the orders of one answer, with whatever further requests that takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep under way: `began` by the server's clock, `waiting` the statuses not yet walked to their end."""

    began: datetime
    statuses: tuple[int, ...]
    days: int
    waiting: tuple[int, ...]
    after_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """The last finished sweep, by the server's clock, and what it looked for."""

    ended: datetime
    statuses: tuple[int, ...]
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What the cursor holds: `feed_from`, a modified time to read the feed from, and `newest_id`, the highest seen."""

    feed_from: datetime
    newest_id: int
    sweep: Sweep | None = None
    swept: Swept | None = None

    def cursor(self) -> Cursor:
        """The position as JSON."""
        built: dict[str, Json] = msgspec.to_builtins(self)
        return built


def position_of(cursor: Cursor | None) -> Position | None:
    """The position that a cursor holds; None for one that this version can't read, which starts anew."""
    if cursor is None:
        return None
    try:
        return msgspec.convert(cursor, Position)
    except msgspec.ValidationError:
        return None


class Walk:
    """One run over a store's orders. `position` is where the next run goes on, after each page that it gave."""

    def __init__(
        self, lister: Lister, view: Viewing, *, store: str, statuses: tuple[int, ...], days: int, now: datetime
    ) -> None:
        self._lister = lister
        self._view = view
        self._store = store
        self._statuses = statuses
        self._days = days
        self._began = now
        self._position = Position(feed_from=now, newest_id=0)

    async def pages(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
        """All that is open and was modified after `since`, or all that changed after `cursor`."""
        known = position_of(cursor)
        if known is None or known.feed_from > self._began:  # ahead of the store's clock: that was set back
            known = await self._first_position()
        self._position = known
        if known.swept is None:
            async for page in self._sweep(since):
                yield page
        async for page in self._feed():
            yield page
        async for page in self._behind_newest():
            yield page
        if self._is_sweep_due():
            async for page in self._sweep(since):
                yield page

    async def _first_position(self) -> Position:
        newest = await self._lister.list_orders({"sort": "id:desc", "limit": 1}, whole=False)
        began = newest.started_at
        return Position(
            feed_from=began - LATE_COMMITS,
            newest_id=max((order_id(order) for order in newest.orders), default=0),
            sweep=self._new_sweep(began),
        )

    def _new_sweep(self, began: datetime) -> Sweep:
        return Sweep(began=began, statuses=self._statuses, days=self._days, waiting=self._statuses)

    def _is_sweep_due(self) -> bool:
        swept = self._position.swept
        if self._position.sweep is not None or swept is None:
            return True
        changed = (swept.statuses, swept.days) != (self._statuses, self._days)
        return changed or self._began - swept.ended >= SWEPT_EVERY

    async def _sweep(self, since: datetime) -> AsyncGenerator[Page, None]:
        """Each open status by id, to its empty answer (I3). A sweep that was cut off goes on where it stopped."""
        sweep = self._position.sweep
        if sweep is None or (sweep.statuses, sweep.days) != (self._statuses, self._days):
            sweep = None
        while sweep is None or sweep.waiting:
            status, after_id = (sweep.waiting[0], sweep.after_id) if sweep else (self._statuses[0], 0)
            listed = await self._lister.list_orders(
                {
                    "status_id": status,
                    "sort": "id:asc",
                    "min_id": after_id + 1,
                    "min_date_modified": instant(since),
                }
            )
            sweep = sweep or self._new_sweep(listed.started_at)
            if listed.orders:
                sweep = replace(sweep, after_id=self._last_id(listed, after_id))
            else:
                sweep = replace(sweep, waiting=sweep.waiting[1:], after_id=0)
            finished = not sweep.waiting
            self._position = replace(self._position, sweep=sweep)
            if finished:
                swept = Swept(ended=listed.started_at, statuses=self._statuses, days=self._days)
                self._position = replace(self._position, sweep=None, swept=swept)
            yield await self._page(listed, swept_since=sweep.began, sweep_finished=finished)

    async def _feed(self) -> AsyncGenerator[Page, None]:
        """What changed, by modified time (I4). Times are whole seconds: each request starts at the last one's again."""
        bound = self._position.feed_from
        known: frozenset[int] = frozenset()
        while bound <= self._began:
            listed = await self._lister.list_orders({"sort": "date_modified:asc", "min_date_modified": instant(bound)})
            if not listed.orders:
                self._move_feed(listed.started_at, listed)
                yield await self._page(listed)
                return
            times = self._modified_times(listed, bound)
            if not times:  # not one that can be read, so no time to go on from: the rest of this run goes by id
                async for page in self._between(bound, self._began):
                    yield page
                self._move_feed(self._began, listed)
                return
            ids = frozenset(order_id(order) for order in listed.orders)
            bound = times[-1]
            self._move_feed(bound, listed)
            yield await self._page(listed)
            if times[0] == bound or ids <= known:
                async for page in self._between(bound, bound):
                    yield page
                bound += SECOND
            known = ids

    async def _between(self, first: datetime, last: datetime) -> AsyncGenerator[Page, None]:
        """All orders modified from one second to another, by id: so many of one second that a page can't hold them."""
        within = {"min_date_modified": instant(first), "max_date_modified": instant(last), "sort": "id:asc"}
        after_id = 0
        while True:
            listed = await self._lister.list_orders({**within, "min_id": after_id + 1})
            if not listed.orders:
                return
            after_id = self._last_id(listed, after_id)
            yield await self._page(listed)

    async def _behind_newest(self) -> AsyncGenerator[Page, None]:
        """The newest orders by id, whatever their modified time (I6)."""
        after_id = max(0, self._position.newest_id - BEHIND_NEWEST - 1)
        while True:
            listed = await self._lister.list_orders({"sort": "id:asc", "min_id": after_id + 1})
            if not listed.orders:
                return
            after_id = self._last_id(listed, after_id)
            self._position = replace(self._position, newest_id=max(after_id, self._position.newest_id))
            yield await self._page(listed)

    async def _page(self, listed: Listed, *, swept_since: datetime | None = None, sweep_finished: bool = False) -> Page:
        cursor = self._position.cursor()
        return Page(await self._view(listed), cursor, swept_since=swept_since, sweep_finished=sweep_finished)

    def _move_feed(self, read_to: datetime, listed: Listed) -> None:
        """Saves how far the feed was read, never past what may still be committed late (I5)."""
        if listed.started_at < self._position.feed_from:
            return  # the store's clock was set back: the next run finds the position ahead of it and starts anew
        self._position = replace(self._position, feed_from=min(read_to, listed.started_at - LATE_COMMITS))

    def _modified_times(self, listed: Listed, bound: datetime) -> list[datetime]:
        """The modified times of a page of the feed, as far as they can be read. Raises GarbledError if they descend."""
        times = [found for order in listed.orders if (found := modified_at(order))]
        if any(later < earlier for earlier, later in pairwise([bound, *times])):
            raise self._out_of_order(f"date_modified, from {instant(bound)}")
        return times

    def _last_id(self, listed: Listed, after_id: int) -> int:
        """The last id of a page by id. Raises GarbledError where the ids don't go up: the walk would never end."""
        ids = [after_id, *(order_id(order) for order in listed.orders)]
        if any(later <= earlier for earlier, later in pairwise(ids)):
            raise self._out_of_order(f"id, after {after_id}")
        return ids[-1]

    def _out_of_order(self, asked: str) -> GarbledError:
        return GarbledError(
            f"{self._store}: BigCommerce listed orders in another order than was asked for ({asked}); "
            "to go on would miss some. The next run tries again."
        )


def order_id(order: Raw) -> int:
    """The id of a listed order, by which the walk goes on. Raises WireError where it has none."""
    found = identifier(order, "id", "")
    return int(found or 0)


def modified_at(order: Raw) -> datetime | None:
    """The modified time of a listed order, None where it has none that can be read."""
    try:
        return instant_of(order, "date_modified", "")
    except WireError:
        return None
