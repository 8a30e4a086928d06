"""Lists of orders for people: a page at a time, by the time they were placed, however many there are.

Every page costs the same: it begins where the one before ended, by an index over (tab, placed_at) or one that begins
with the store. Where a search or a filter leaves few orders, these are fetched and sorted; where it leaves many, the
index is walked, and a bounded number of its orders is looked at.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from heapq import merge
from itertools import islice

import msgspec

from crossdock.errors import UsageError
from crossdock.model import moment
from crossdock.state import outbox
from crossdock.state.listing import COUNTED_MOST, Facets, Listed, ListedOrder, ListQuery, Tab
from crossdock.state.reading import match_expression, with_own
from crossdock.state.shipments import UNFINISHED

LOOKED_MOST = 20_000  # orders that are looked at for one page with filters
FEW = 5_000  # orders that a filter leaves: to sort them costs less than to come upon them along the way
MATCHES_MOST = 2_000  # of a search, the newest: whoever finds more says more
FOLDED_MOST = 200  # orders with the same words, the newest, among which an id in other letters is looked for
FACETS_MOST = 2_000  # orders, the oldest, whose countries and services are offered
FOUND_MOST = 20
SORTED_TABS = (Tab.NEW, Tab.WAITING, Tab.SHIPPED, Tab.CLOSED)

_UNFINISHED = ", ".join(f"'{state.value}'" for state in sorted(UNFINISHED))


@dataclass(frozen=True, slots=True)
class _Place:
    """Between two orders of a list: `is_after` this one, or before it."""

    placed_at: str
    key: int
    is_after: bool

    def written(self) -> str:
        return f"{'after' if self.is_after else 'before'}~{self.placed_at}~{self.key}"


def _read_place(text: str) -> _Place:
    side, _, rest = text.partition("~")
    placed_at, _, key = rest.partition("~")
    try:
        moment(placed_at)
        if side not in ("before", "after") or not (key.isascii() and key.isdigit() and len(key) < 19):
            raise ValueError
    except ValueError:
        raise UsageError("This place in the list isn't understood; begin at its first page.") from None
    return _Place(placed_at, int(key), side == "after")


@dataclass(frozen=True, slots=True)
class _Order:
    """An order's place in a list, and whether it belongs there."""

    placed_at: str
    key: int
    fits: bool


def list_orders(db: sqlite3.Connection, query: ListQuery) -> Listed:
    place = _read_place(query.place) if query.place else None
    is_back = place is not None and not place.is_after
    # Backwards the list is walked the other way round, and its page turned at the end.
    is_descending = query.newest_first is not is_back
    chosen, is_cut = _chosen(db, query)
    page: list[_Order] = []
    looked_at, last = 0, place
    with closing(_walk(db, query, chosen, place, is_descending)) as walk:
        for order in islice(walk, LOOKED_MOST):
            looked_at += 1
            last = _Place(order.placed_at, order.key, not is_back)
            if order.fits:
                page.append(order)
            if len(page) > query.limit:
                break
    has_more = len(page) > query.limit or looked_at == LOOKED_MOST
    if len(page) > query.limit:
        page.pop()
        last = _Place(page[-1].placed_at, page[-1].key, not is_back)
    onwards = last.written() if has_more and last is not None else None
    back = None if place is None else _way_back(page, place, is_descending=is_descending).written()
    return Listed(
        orders=tuple(_listed(db, [order.key for order in (reversed(page) if is_back else page)])),
        before=onwards if is_back else back,
        after=back if is_back else onwards,
        counts=count_tabs(db, query.store),
        is_cut=is_cut,
    )


def _way_back(page: Sequence[_Order], place: _Place, *, is_descending: bool) -> _Place:
    """Where the page is that one came from: beside the first of this page, or, where it's empty, at its place."""
    if page:
        return _Place(page[0].placed_at, page[0].key, not place.is_after)
    # The order at the place itself belongs to that page: the place is put beyond it.
    return _Place(place.placed_at, place.key + (-1 if is_descending else 1), not place.is_after)


def _walk(
    db: sqlite3.Connection, query: ListQuery, chosen: Sequence[int] | None, place: _Place | None, is_descending: bool
) -> Generator[_Order, None, None]:
    """The orders of a tab from a place on, among those chosen if any are."""
    if chosen is not None:
        tab = None if query.tab is Tab.ALL else query.tab
        yield from _step(db, query, tab, chosen, place, is_descending)
        return
    tabs = SORTED_TABS if query.tab is Tab.ALL else (query.tab,)  # those of each are in order: an index less to keep
    walks = [_step(db, query, tab, None, place, is_descending) for tab in tabs]
    yield from merge(*walks, key=lambda order: (order.placed_at, order.key), reverse=is_descending)


def _step(
    db: sqlite3.Connection,
    query: ListQuery,
    tab: Tab | None,
    chosen: Sequence[int] | None,
    place: _Place | None,
    is_descending: bool,
) -> Generator[_Order, None, None]:
    direction, beyond = ("desc", "<") if is_descending else ("asc", ">")
    where, fits = ["1"], ["1", *(f"exists (select 1 from consignments where {one} and order_key = key)"
                                 for one in _narrowed(query))]  # fmt: skip
    if tab is not None:
        where.append("tab = :tab")
    if query.store is not None:
        where.append("store = :store")
    if place is not None:
        # The first part is what the index is entered by.
        where.append(f"placed_at {beyond}= :placed_at and (placed_at, key) {beyond} (:placed_at, :key)")
    if chosen is None:
        table = "orders indexed by " + ("orders_by_tab" if query.store is None else "orders_by_store_tab")
    else:
        table = "(select value from json_each(:chosen)) cross join orders on key = value"
    rows = db.execute(
        f"select placed_at, key, {' and '.join(fits)} from {table} where {' and '.join(where)} "
        f"order by placed_at {direction}, key {direction}",
        {
            **_values(query),
            "tab": tab,
            "placed_at": place and place.placed_at,
            "key": place and place.key,
            "chosen": msgspec.json.encode(chosen or []).decode(),
        },
    )
    for placed_at, key, is_fit in rows:
        yield _Order(placed_at, key, bool(is_fit))


def _narrowed(query: ListQuery) -> list[str]:
    """What one of its consignments must be like, a condition each."""
    asked = {
        "country = :country": query.country,
        "service = :service": query.service,
        "kind = 'pickup'": query.pickup,
    }
    return [condition for condition, is_asked in asked.items() if is_asked]


def _values(query: ListQuery) -> dict[str, object]:
    return {"store": query.store, "country": query.country, "service": query.service}


def _chosen(db: sqlite3.Connection, query: ListQuery) -> tuple[Sequence[int] | None, bool]:
    """The keys of the orders that can be in the list, where they are few, and whether a search had more; else None."""
    if query.search:
        return _matches(db, query.search)
    for condition in _narrowed(query):
        rows = db.execute(
            f"select distinct order_key from consignments where {condition} limit {FEW + 1}", _values(query)
        ).fetchall()
        if len(rows) <= FEW:
            return [key for (key,) in rows], False
    return None, False


def _matches(db: sqlite3.Connection, search: str) -> tuple[list[int], bool]:
    """The keys of orders that fit a search, and whether there are more; those that it names exactly are among them."""
    numbers = db.execute(
        "select orders.key from shipments join orders on orders.store = shipments.store and orders.id = order_id "
        "where tracking_number collate nocase >= :text and tracking_number collate nocase < :end limit :most",
        {"text": search, "end": f"{search}\U0010ffff", "most": MATCHES_MOST + 1},
    ).fetchall()
    words = match_expression(search)
    found = _newest(db, words, MATCHES_MOST + 1) if words else []
    keys = dict.fromkeys(key for key, _, _ in _exactly(db, search))
    keys |= dict.fromkeys(key for (key,) in numbers[:MATCHES_MOST])
    keys |= dict.fromkeys(found[:MATCHES_MOST])
    return list(keys), max(len(numbers), len(found)) > MATCHES_MOST


def _newest(db: sqlite3.Connection, words: str, most: int) -> list[int]:
    """The keys of the newest orders in which the search index has these words."""
    rows = db.execute(
        "select rowid from orders_search where orders_search match ? order by rowid desc limit ?", (words, most)
    )
    return [key for (key,) in rows]


def _listed(db: sqlite3.Connection, keys: Sequence[int]) -> Iterator[ListedOrder]:
    """These orders, in this order."""
    wanted = msgspec.json.encode(keys).decode()
    rows = db.execute("select * from orders where key in (select value from json_each(?))", (wanted,)).fetchall()
    rows.sort(key=lambda row: keys.index(row["key"]))
    for row, stored in zip(rows, with_own(db, rows), strict=True):
        shipments = outbox.of_order(db, stored.store, stored.order.id)
        yield ListedOrder(stored=stored, tab=Tab(row["tab"]), shipments=tuple(shipments))


def count_tabs(db: sqlite3.Connection, store: str | None) -> Mapping[Tab, int]:
    at_store = "" if store is None else "store = :store and "
    counts = {
        tab: db.execute(
            f"select count(*) from (select 1 from orders where {at_store}tab = :tab limit {COUNTED_MOST})",
            {"store": store, "tab": tab.value},
        ).fetchone()[0]
        for tab in SORTED_TABS
    }
    return {**counts, Tab.ALL: min(COUNTED_MOST, sum(counts.values()))}


def find_facets(db: sqlite3.Connection, store: str | None) -> Facets:
    at_store = "" if store is None else "store = :store and "
    rows = db.execute(
        "select distinct country, service from consignments join "
        f"(select key from orders where {at_store}tab = 'new' limit {FACETS_MOST}) on order_key = key union "
        "select distinct country, service from consignments join "
        f"(select key from orders where {at_store}tab = 'waiting' limit {FACETS_MOST}) on order_key = key",
        {"store": store},
    ).fetchall()
    return Facets(
        countries=tuple(sorted({row[0] for row in rows if row[0]})),
        services=tuple(sorted({row[1] for row in rows if row[1]})),
    )


def find_exactly(db: sqlite3.Connection, text: str) -> Sequence[tuple[str, str]]:
    """Orders whose number, id or tracking number is this text: what a scanned code means."""
    return [(store, order_id) for _, store, order_id in _exactly(db, text)]


def _exactly(db: sqlite3.Connection, text: str) -> list[tuple[int, str, str]]:
    """Key, store and id of those orders, in whichever letters they are written."""
    text = text.strip()
    phrase = '"' + text.replace("\0", " ").replace('"', '""') + '"'
    is_lettered = text.lower() != text.upper()  # an id is looked up as it is; in other letters, among the newest
    rows = db.execute(
        "select key, store, id from orders where number = :text collate nocase union "
        "select key, store, id from stores cross join orders on store = name and id = :text union "
        "select orders.key, orders.store, orders.id from shipments join orders on orders.store = shipments.store "
        "and orders.id = order_id where tracking_number = :text collate nocase union "
        "select key, store, id from (select value from json_each(:lettered)) cross join orders on key = value "
        "where id = :text collate nocase limit :most",
        {
            "text": text,
            "lettered": msgspec.json.encode(_newest(db, phrase, FOLDED_MOST) if is_lettered else []).decode(),
            "most": FOUND_MOST,
        },
    )
    return [(key, store, order_id) for key, store, order_id in rows]


def note_under_way(db: sqlite3.Connection, store: str, order_ids: Sequence[str]) -> None:
    """Notes of each of these orders whether all that was left of it is on its way and its store still to be told."""
    rows = db.execute(
        f"select *, exists (select 1 from writebacks where store = orders.store and order_id = orders.id "
        f"and state in ({_UNFINISHED})) as is_told_of from orders "
        "where store = ? and id in (select value from json_each(?))",
        (store, msgspec.json.encode(list(order_ids)).decode()),
    ).fetchall()
    for row, stored in zip(rows, with_own(db, rows), strict=True):
        left = any(line.left_to_ship for one in stored.order.consignments for line in one.lines)
        under_way = int(row["is_told_of"] and not left)
        if under_way != row["under_way"]:
            db.execute("update orders set under_way = ? where key = ?", (under_way, row["key"]))


def told_of(db: sqlite3.Connection, store: str, order_ids: Sequence[str]) -> list[str]:
    """Which of these orders the store is still to be told something of."""
    rows = db.execute(
        f"select distinct order_id from writebacks where store = ? and state in ({_UNFINISHED}) "
        "and order_id in (select value from json_each(?))",
        (store, msgspec.json.encode(list(order_ids)).decode()),
    )
    return [order_id for (order_id,) in rows]
