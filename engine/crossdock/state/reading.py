"""What is asked of the database without changing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import msgspec

from crossdock.model import (
    OPEN_STAGES,
    Order,
    Stage,
    instant,
    moment,
)
from crossdock.state import (
    Event,
    KeptSetAside,
    KeptSkip,
    OrderEvent,
    PackedRaw,
    Run,
    StoredOrder,
)
from crossdock.state.outbox import on_the_way
from crossdock.state.rows import (
    stored_order,
)

LISTED_AT_ONCE = 200  # orders read with one look at their lines


def unseen_orders(db: sqlite3.Connection, store: str, since: datetime, limit: int) -> Sequence[str]:
    stages = msgspec.json.encode(sorted(OPEN_STAGES)).decode()
    rows = db.execute(
        "select id, as_of from orders "
        "where store = :store and stage in (select value from json_each(:stages)) and as_of < :since "
        "union select order_id, as_of from set_asides where store = :store and as_of < :since "
        "order by as_of limit :limit",
        {"store": store, "stages": stages, "since": instant(since), "limit": limit},
    )
    return [id for id, _ in rows]


def packed_raws(db: sqlite3.Connection, query: str, values: Sequence[object]) -> Sequence[PackedRaw]:
    return [
        PackedRaw(key=row["key"], order_id=row["id"], raw=row["raw"], digest=row["digest"], as_of=moment(row["as_of"]))
        for row in db.execute(query, tuple(values))
    ]


def find_order(db: sqlite3.Connection, store: str, order: str) -> StoredOrder | None:
    for condition in ("id = :order", "number = :order collate nocase order by number != :order, key"):
        row = db.execute(
            f"select * from orders where store = :store and {condition}", {"store": store, "order": order}
        ).fetchone()
        if row is not None:
            return with_own(db, [row])[0]
    return None


def orders_by_key(db: sqlite3.Connection, keys: Sequence[int]) -> dict[int, StoredOrder]:
    rows = db.execute(
        "select * from orders where key in (select value from json_each(?))", (msgspec.json.encode(keys).decode(),)
    ).fetchall()
    return dict(zip((row["key"] for row in rows), with_parts(db, rows), strict=True))


def orders_after(
    db: sqlite3.Connection, after: int, store: str | None, stage: Stage | None, search: str | None
) -> tuple[list[int], list[StoredOrder]]:
    words = match_expression(search or "")
    tables, where, arguments = "orders", ["key > ?"], [after, *(value for value in (store, stage) if value)]
    if store:
        where.append("store = ?")
    if stage:
        where.append("stage = ?")
    if words:  # walked in the order of its rows, so that each page begins where the one before ended
        tables, where[0] = "orders_search cross join orders on key = orders_search.rowid", "orders_search.rowid > ?"
        where.append("orders_search match ?")
        arguments.append(words)
    by = "orders_search.rowid" if words else "key"
    rows = db.execute(
        f"select orders.* from {tables} where {' and '.join(where)} order by {by} limit {LISTED_AT_ONCE}", arguments
    ).fetchall()
    return [row["key"] for row in rows], with_own(db, rows)


def match_expression(search: str) -> str:
    """What FTS5 is asked for: every word of `search`, each as the beginning of a word, as plain text."""
    words = search.replace("\0", " ").split()  # to FTS5 a NUL is the end of what it is asked
    return " ".join('"' + word.replace('"', '""') + '"*' for word in words)


def with_own(db: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> list[StoredOrder]:
    """The orders with what our own shipments hold of their lines beyond what the store has shown of them."""
    orders = with_parts(db, rows)
    keys = {row["key"]: place for place, row in enumerate(rows)}
    own: dict[int, dict[tuple[str, str], int]] = {}
    for found in on_the_way(db, msgspec.json.encode(list(keys)).decode()):
        own.setdefault(keys[found["key"]], {})[found["consignment"], found["line"]] = found["units"]
    for place, units in own.items():
        orders[place] = replace(orders[place], order=_with_units(orders[place].order, units))
    return orders


def _with_units(order: Order, units: Mapping[tuple[str, str], int]) -> Order:
    return replace(
        order,
        consignments=tuple(
            replace(
                consignment,
                lines=tuple(
                    replace(line, quantity_on_the_way=units.get((consignment.id, line.id), 0))
                    for line in consignment.lines
                ),
            )
            for consignment in order.consignments
        ),
    )


def with_parts(db: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> list[StoredOrder]:
    keys = msgspec.json.encode([row["key"] for row in rows]).decode()
    parts: dict[str, dict[int, list[sqlite3.Row]]] = {"consignments": {}, "lines": {}}
    for table, by_key in parts.items():
        found = db.execute(
            f"select * from {table} where order_key in (select value from json_each(?))",
            (keys,),
        )
        for row in found:
            by_key.setdefault(row["order_key"], []).append(row)
    return [
        stored_order(row, parts["consignments"].get(row["key"], []), parts["lines"].get(row["key"], [])) for row in rows
    ]


def timeline_of(db: sqlite3.Connection, store: str, order_id: str) -> Sequence[Event]:
    rows = db.execute(
        "select at, event, details from timeline where store = ? and order_id = ? order by id", (store, order_id)
    )
    return [_event(*row) for row in rows]


def log_of_run(db: sqlite3.Connection, run: Run, limit: int) -> Sequence[OrderEvent]:
    until = "" if run.ended_at is None else "and at <= :ended_at"
    rows = db.execute(
        "select order_id, coalesce(number, order_id), at, event, details from timeline indexed by timeline_of_imports "
        "left join orders on orders.store = timeline.store and orders.id = order_id where timeline.store = :store "
        f"and at >= :started_at {until} and event in ('imported', 'updated', 'gone', 'set_aside') "
        "order by at, timeline.rowid limit :limit",
        {
            "store": run.store,
            "started_at": instant(run.started_at),
            "ended_at": run.ended_at and instant(run.ended_at),
            "limit": limit,
        },
    )
    return [
        OrderEvent(order_id=order_id, number=number, event=_event(at, event, details))
        for order_id, number, at, event, details in rows
    ]


def _event(at: str, event: str, details: str) -> Event:
    return Event(at=moment(at), event=event, details=msgspec.json.decode(details))


def find_skip(db: sqlite3.Connection, store: str, order_id: str) -> KeptSkip | None:
    row = db.execute("select * from skips where store = ? and order_id = ?", (store, order_id)).fetchone()
    return None if row is None else KeptSkip(order_id=order_id, reason=row["reason"], seen_at=moment(row["seen_at"]))


def find_set_aside(db: sqlite3.Connection, store: str, order_id: str) -> KeptSetAside | None:
    row = db.execute("select * from set_asides where store = ? and order_id = ?", (store, order_id)).fetchone()
    return None if row is None else _set_aside(row)


def set_asides_of(db: sqlite3.Connection, store: str) -> Sequence[KeptSetAside]:
    rows = db.execute("select * from set_asides where store = ? order by key", (store,))
    return [_set_aside(row) for row in rows]


def _set_aside(row: sqlite3.Row) -> KeptSetAside:
    return KeptSetAside(order_id=row["order_id"], error=row["error"], seen_at=moment(row["seen_at"]))


def count_set_asides(db: sqlite3.Connection) -> Mapping[str, int]:
    return dict(db.execute("select store, count(*) from set_asides group by store"))


def count_stages(db: sqlite3.Connection) -> Mapping[str, Mapping[Stage, int]]:
    found: dict[str, dict[Stage, int]] = {}
    # Two walks over indexes alone: a single one with a condition would read every order of the database.
    for store, stage, count in db.execute("select store, stage, count(*) from orders group by store, stage"):
        found.setdefault(store, {})[Stage(stage)] = count
    erased = "select store, stage, count(*) from orders where erased_at is not null group by store, stage"
    for store, stage, count in db.execute(erased):
        found[store][Stage(stage)] -= count
    return found
