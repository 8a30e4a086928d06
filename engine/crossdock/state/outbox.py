"""Shipments and what their stores are still to be told, inside the transaction that is open."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from crossdock.model import instant, moment
from crossdock.shipment import Item, Shipment, StoreView
from crossdock.state.rows import moment_from
from crossdock.state.shipments import (
    AskedCarrier,
    Details,
    Parcel,
    Step,
    WriteBack,
    WriteBackState,
)

LISTED_AT_ONCE = 500  # write-backs read with one look at their lines

_ROWS = (
    "select writebacks.*, shipments.*, coalesce(orders.number, shipments.order_id) as number from writebacks "
    "join shipments on shipments.id = writebacks.shipment "
    "left join orders on orders.store = shipments.store and orders.id = shipments.order_id"
)
_WITHOUT_STORE = f"('{WriteBackState.REFUSED}', '{WriteBackState.VOIDED}')"

_decode_view = msgspec.json.Decoder(StoreView).decode
_encode = msgspec.json.Encoder().encode


def ask_carrier(db: sqlite3.Connection, store: str, order_id: str, said: str, key: str, at: datetime) -> AskedCarrier:
    db.execute(
        "insert into carrier_requests (key, store, order_id, said, made_at) values (?, ?, ?, ?, ?) "
        "on conflict (store, order_id, said) do nothing",
        (key, store, order_id, said, instant(at)),
    )
    row = db.execute(
        "select key, asked_at from carrier_requests where store = ? and order_id = ? and said = ?",
        (store, order_id, said),
    ).fetchone()
    return AskedCarrier(key=row["key"], asked=row["asked_at"] is not None)


def carrier_asked(db: sqlite3.Connection, key: str, at: datetime) -> None:
    db.execute("update carrier_requests set asked_at = ? where key = ?", (instant(at), key))


def forget_request(db: sqlite3.Connection, key: str) -> None:
    db.execute("delete from carrier_requests where key = ?", (key,))


def ship(db: sqlite3.Connection, parcel: Parcel, at: datetime) -> WriteBack:
    """The shipment, its lines and its write-back; the carrier's answer is used up."""
    cursor = db.execute(
        "insert into shipments (store, order_id, consignment, carrier, carrier_code, tracking_number, tracking_link, "
        "service, sets_aside, key, created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            parcel.store,
            parcel.order_id,
            parcel.consignment,
            parcel.carrier,
            parcel.carrier_code,
            parcel.tracking_number,
            parcel.tracking_link,
            parcel.service,
            int(parcel.sets_aside),
            parcel.key,
            instant(at),
        ),
    )
    shipment = cursor.lastrowid
    assert shipment is not None
    db.executemany(
        "insert into shipment_lines (shipment, line, quantity) values (?, ?, ?)",
        [(shipment, item.line, item.quantity) for item in parcel.items],
    )
    db.execute(
        "insert into writebacks (shipment, store, order_id, said, episode, state, next_try) "
        "values (:id, :store, :order, :said, coalesce((select min(episode) from writebacks "
        f"where store = :store and order_id = :order and state not in {_WITHOUT_STORE}), :id), :state, :at)",
        {
            "id": shipment,
            "store": parcel.store,
            "order": parcel.order_id,
            "said": parcel.said,
            "state": WriteBackState.PENDING.value,
            "at": instant(at),
        },
    )
    if parcel.label is not None:
        db.execute(
            "insert into labels (shipment, media_type, content) values (?, ?, ?)",
            (shipment, parcel.label_type, parcel.label),
        )
    forget_request(db, parcel.key)
    details = {
        "shipment": shipment,
        "consignment": parcel.consignment,
        "carrier": parcel.carrier,
        "tracking_number": parcel.tracking_number,
        "lines": [f"{item.quantity} × {item.line}" for item in parcel.items],
    }
    _tell(db, parcel.store, parcel.order_id, [("shipped", details)], at)
    row = find_writeback(db, shipment)
    assert row is not None
    return row


def advance(
    db: sqlite3.Connection, row: WriteBack, events: Sequence[tuple[str, Details]], at: datetime
) -> WriteBack | None:
    """Saves what changed of `row`, unless somebody else has changed it since it was read: then None."""
    saved = db.execute(
        "update writebacks set state = ?, is_voiding = ?, step = ?, attempts = ?, next_try = ?, reason = ?, "
        "first_look = ?, sending_at = ?, sent_number = ?, store_id = ?, status_set = ?, shown_as_of = ?, "
        "version = version + 1 where shipment = ? and version = ?",
        (
            row.state.value,
            int(row.is_voiding),
            row.step and row.step.value,
            row.attempts,
            row.next_try and instant(row.next_try),
            row.reason,
            None if row.first_look is None else _encode(row.first_look).decode(),
            row.sending_at and instant(row.sending_at),
            row.sent_number,
            row.store_id,
            row.status_set,
            row.shown_as_of and instant(row.shown_as_of),
            row.id,
            row.version,
        ),
    )
    if not saved.rowcount:
        return None
    shipment = row.shipment
    db.execute(
        "update shipments set tracking_number = ?, tracking_link = ?, collected_at = ? where id = ?",
        (shipment.tracking_number, shipment.tracking_link, row.collected_at and instant(row.collected_at), row.id),
    )
    _tell(db, row.store, shipment.order_id, events, at)
    return find_writeback(db, row.id)


def _tell(
    db: sqlite3.Connection, store: str, order_id: str, events: Sequence[tuple[str, Details]], at: datetime
) -> None:
    db.executemany(
        "insert into timeline (store, order_id, at, event, details) values (?, ?, ?, ?, ?)",
        [(store, order_id, instant(at), event, _encode(details).decode()) for event, details in events],
    )


def find_writeback(db: sqlite3.Connection, shipment: int) -> WriteBack | None:
    return next(iter(_with_lines(db, f"{_ROWS} where writebacks.shipment = ?", (shipment,))), None)


def of_order(db: sqlite3.Connection, store: str, order_id: str) -> Sequence[WriteBack]:
    where = "where writebacks.store = ? and writebacks.order_id = ? order by writebacks.shipment"
    return _with_lines(db, f"{_ROWS} {where}", (store, order_id))


def unfinished(db: sqlite3.Connection, store: str) -> Sequence[WriteBack]:
    where = "where writebacks.store = ? and next_try is not null order by next_try, writebacks.shipment"
    return _with_lines(db, f"{_ROWS} {where}", (store,))


def after(
    db: sqlite3.Connection,
    shipment: int,
    store: str | None,
    state: WriteBackState | None,
    limit: int = LISTED_AT_ONCE,
) -> Sequence[WriteBack]:
    where, arguments = _narrowed(store, state)
    query = f"{_ROWS} where writebacks.shipment > ? {where} order by writebacks.shipment limit ?"
    return _with_lines(db, query, [shipment, *arguments, limit])


def before(
    db: sqlite3.Connection, shipment: int, store: str | None, state: WriteBackState | None, limit: int
) -> Sequence[WriteBack]:
    where, arguments = _narrowed(store, state)
    query = f"{_ROWS} where writebacks.shipment < ? {where} order by writebacks.shipment desc limit ?"
    return _with_lines(db, query, [shipment, *arguments, limit])


def _narrowed(store: str | None, state: WriteBackState | None) -> tuple[str, list[str]]:
    asked = {"writebacks.store": store, "state": state}
    given = {column: value for column, value in asked.items() if value}
    return "".join(f" and {column} = ?" for column in given), list(given.values())


def find_label(db: sqlite3.Connection, shipment: int) -> tuple[str, bytes] | None:
    row = db.execute("select media_type, content from labels where shipment = ?", (shipment,)).fetchone()
    return None if row is None else (row["media_type"], row["content"])


def due_stores(db: sqlite3.Connection, at: datetime) -> frozenset[str]:
    return frozenset(
        store for (store,) in db.execute("select distinct store from writebacks where next_try <= ?", (instant(at),))
    )


def hurry(db: sqlite3.Connection, stores: Collection[str], at: datetime) -> None:
    # Not the version: nothing that anybody decides by has changed.
    db.execute(
        "update writebacks set next_try = ? where next_try is not null and store in (select value from json_each(?))",
        (instant(at), _encode(list(stores)).decode()),
    )


def count_states(db: sqlite3.Connection) -> Mapping[str, Mapping[WriteBackState, int]]:
    found: dict[str, dict[WriteBackState, int]] = {}
    for store, state, count in db.execute("select store, state, count(*) from writebacks group by store, state"):
        found.setdefault(store, {})[WriteBackState(state)] = count
    return found


def count_refused(db: sqlite3.Connection) -> Mapping[str, int]:
    refused = "writebacks indexed by writebacks_refused where state = 'refused'"
    return dict(db.execute(f"select store, count(*) from {refused} group by store"))


def on_the_way(db: sqlite3.Connection, keys: str) -> Iterator[sqlite3.Row]:
    """Units of our shipments that the held view of their order doesn't show: order key, consignment, line, units."""
    yield from db.execute(
        "select orders.key as key, shipments.consignment as consignment, line, sum(quantity) as units from orders "
        "join writebacks on writebacks.store = orders.store and writebacks.order_id = orders.id "
        "join shipments on shipments.id = writebacks.shipment "
        "join shipment_lines on shipment_lines.shipment = shipments.id "
        f"where orders.key in (select value from json_each(?)) and state not in {_WITHOUT_STORE} "
        "and (sets_aside or shown_as_of is null or orders.as_of < shown_as_of) group by 1, 2, 3",
        (keys,),
    )


def _with_lines(db: sqlite3.Connection, query: str, arguments: Sequence[object]) -> list[WriteBack]:
    rows = db.execute(query, tuple(arguments)).fetchall()
    ids = _encode([row["id"] for row in rows]).decode()
    items: dict[int, list[Item]] = {}
    for shipment, line, quantity in db.execute(
        "select shipment, line, quantity from shipment_lines where shipment in (select value from json_each(?)) "
        "order by shipment, line",
        (ids,),
    ):
        items.setdefault(shipment, []).append(Item(line, quantity))
    return [_writeback(row, tuple(items.get(row["id"], ()))) for row in rows]


def _writeback(row: sqlite3.Row, items: tuple[Item, ...]) -> WriteBack:
    return WriteBack(
        shipment=Shipment(
            id=row["id"],
            order_id=row["order_id"],
            consignment=row["consignment"],
            items=items,
            carrier=row["carrier"],
            carrier_code=row["carrier_code"],
            tracking_number=row["tracking_number"],
            tracking_link=row["tracking_link"],
            service=row["service"],
        ),
        store=row["store"],
        number=row["number"],
        key=row["key"],
        said=row["said"],
        episode=row["episode"],
        sets_aside=bool(row["sets_aside"]),
        created_at=moment(row["created_at"]),
        collected_at=moment_from(row["collected_at"]),
        is_voiding=bool(row["is_voiding"]),
        state=WriteBackState(row["state"]),
        step=None if row["step"] is None else Step(row["step"]),
        attempts=row["attempts"],
        next_try=moment_from(row["next_try"]),
        reason=row["reason"],
        first_look=None if row["first_look"] is None else _decode_view(row["first_look"]),
        sending_at=moment_from(row["sending_at"]),
        sent_number=row["sent_number"],
        store_id=row["store_id"],
        status_set=row["status_set"],
        shown_as_of=moment_from(row["shown_as_of"]),
        version=row["version"],
    )
