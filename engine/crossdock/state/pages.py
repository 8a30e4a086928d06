"""Saving one page of an import inside the transaction that is open (rules I1, I10)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

import msgspec

from crossdock.model import (
    Stage,
    changed_fields,
    instant,
    moment,
)
from crossdock.state import (
    Bookmark,
    Counts,
    Finding,
    Gone,
    Held,
    Saved,
    SetAside,
    Skip,
    Taken,
    Verdict,
    View,
)
from crossdock.state.reading import orders_by_key
from crossdock.state.rows import (
    ORDER_COLUMNS,
    consignment_rows,
    line_rows,
    order_values,
)

CLOCK_WAS_SET = timedelta(minutes=2)
"""A held view newer by more than this was taken by a clock that has been set back since. A request ends sooner; and a
clock that was set back by less is made up for by connectors that read the last two minutes again."""

GONE_DIGEST = b"gone"


class HeldRow(msgspec.Struct, frozen=True):
    """What `held` tells, and the key of the order's row, if it was taken."""

    seen: Held
    key: int | None


def held_rows(db: sqlite3.Connection, store: str, order_ids: Sequence[str]) -> dict[str, HeldRow]:
    found: dict[str, HeldRow] = {}
    ids = msgspec.json.encode(list(order_ids)).decode()
    for table, derivation in (("skips", "null"), ("set_asides", "derivation")):
        rows = db.execute(
            f"select order_id, digest, {derivation}, as_of from {table} "
            "where store = ? and order_id in (select value from json_each(?))",
            (store, ids),
        )
        for id, digest, mapping, as_of in rows:
            held = Held(taken=False, digest=digest, derivation=mapping, as_of=moment(as_of))
            found[id] = HeldRow(held, None)
    rows = db.execute(
        # What was erased can't be derived anew, so it counts as derived with the mapping that all the others were.
        "select id, key, digest, iif(erased_at is null, orders.derivation, stores.derivation), as_of "
        "from orders join stores on name = store where store = ? and id in (select value from json_each(?))",
        (store, ids),
    )
    for id, key, digest, mapping, as_of in rows:
        # A taken order that is set aside as well was last seen as what couldn't be understood: compare with that.
        aside = found.get(id)
        held = Held(taken=True, digest=digest, derivation=mapping, as_of=moment(as_of))
        found[id] = HeldRow(held if aside is None else replace(aside.seen, taken=True), key)
    return found


def save_page(
    db: sqlite3.Connection,
    store: str,
    run: int,
    views: Sequence[View],
    bookmark: Bookmark | None,
    derivation: str,
    at: datetime,
) -> Saved:
    page = _PageWriter(db, store, derivation, at, mark_seen=bookmark is None or bookmark.swept_since is not None)
    saved = Saved(verdicts=page.save(views))
    if bookmark is not None:
        db.execute(
            "update stores set cursor = ? where name = ?", (msgspec.json.encode(bookmark.cursor).decode(), store)
        )
        if bookmark.sweep_finished and bookmark.swept_since is not None:
            db.execute("update stores set swept_since = ? where name = ?", (instant(bookmark.swept_since), store))
    names, counts = Counts.__slots__, saved.counts
    db.execute(
        f"update runs set {', '.join(f'{name} = {name} + ?' for name in names)} where id = ?",
        (*(getattr(counts, name) for name in names), run),
    )
    return saved


class _PageWriter:
    """Saves one page's views inside the transaction that is open; rows go in by the hundred."""

    def __init__(self, db: sqlite3.Connection, store: str, derivation: str, at: datetime, *, mark_seen: bool) -> None:
        self.db = db
        self.store = store
        self.derivation = derivation
        self.at = instant(at)
        self.mark_seen = mark_seen
        self.inserts: list[tuple[object, ...]] = []
        self.updates: list[tuple[object, ...]] = []
        self.marks: list[tuple[object, ...]] = []
        self.parts: list[tuple[int, Taken]] = []
        self.replaced: list[tuple[int]] = []
        self.no_longer_skipped: list[tuple[str, str]] = []
        self.events: list[tuple[object, ...]] = []

    def save(self, views: Sequence[View]) -> Mapping[str, Verdict]:
        held = held_rows(self.db, self.store, [view.id for view in views])
        self.next_key = self.db.execute("select coalesce(max(key), 0) + 1 from orders").fetchone()[0]
        changed = [view.id for view in views if isinstance(view.finding, Taken | Gone)]
        self.before = orders_by_key(self.db, [key for id in changed if id in held and (key := held[id].key)])
        verdicts = {view.id: self._verdict(view, held.get(view.id)) for view in views}
        self._flush()
        return verdicts

    def _verdict(self, view: View, held: HeldRow | None) -> Verdict:
        if held is not None and is_older(view.as_of, held.seen.as_of):
            return Verdict.UNCHANGED
        finding = view.finding
        if finding is None or (held is not None and self._is_known(held.seen, finding)):
            if self.mark_seen and held is not None and held.key is not None:
                self.marks.append((instant(view.as_of), held.key))
            return Verdict.UNCHANGED
        key = None if held is None else held.key
        match finding:
            case Taken():
                if held is not None and (key is None or held.seen.digest != GONE_DIGEST):
                    self.no_longer_skipped.append((self.store, view.id))
                return self._insert(view, finding) if key is None else self._update(key, view, finding)
            case Skip():
                return self._skip(view, finding)
            case SetAside():
                return self._set_aside(key, view, finding)
            case Gone():
                self.no_longer_skipped.append((self.store, view.id))
                return Verdict.UNCHANGED if key is None else self._gone(key, view)
            case _:
                assert_never(finding)

    def _is_known(self, held: Held, finding: Finding) -> bool:
        """Whether the held view, saved by another process since it was looked up, says the same."""
        match finding:
            case Gone():
                return held.digest == GONE_DIGEST
            case Skip():
                return held.digest == finding.digest
            case Taken() | SetAside():
                return (held.digest, held.derivation) == (finding.digest, self.derivation)
            case _:
                assert_never(finding)

    def _insert(self, view: View, taken: Taken) -> Verdict:
        key, self.next_key = self.next_key, self.next_key + 1
        self.inserts.append(
            (
                key,
                self.store,
                view.id,
                *order_values(taken.order),
                taken.digest,
                self.derivation,
                instant(view.as_of),
                self.at,
                self.at,
            )
        )
        self.parts.append((key, taken))
        self._event(view.id, "imported", {"status": taken.order.status.name})
        return Verdict.IMPORTED

    def _update(self, key: int, view: View, taken: Taken) -> Verdict:
        before = self.before[key]
        fields = changed_fields(before.order, taken.order)
        came_back = before.gone_at is not None
        updated_at = self.at if fields or came_back else instant(before.updated_at)
        self.updates.append(
            (*order_values(taken.order), taken.digest, self.derivation, instant(view.as_of), updated_at, key)
        )
        self.parts.append((key, taken))
        self.replaced.append((key,))
        if not fields and not came_back:
            return Verdict.UNCHANGED
        details: dict[str, object] = {"fields": fields}
        if "status" in fields:
            details["status"] = [before.order.status.name, taken.order.status.name]
        if "stage" in fields:
            details["stage"] = [before.order.stage.value, taken.order.stage.value]
        self._event(view.id, "updated", details)
        return Verdict.UPDATED

    def _skip(self, view: View, skip: Skip) -> Verdict:
        self.db.execute("delete from set_asides where store = ? and order_id = ?", (self.store, view.id))
        self.db.execute(
            "insert or replace into skips (store, order_id, reason, digest, as_of, seen_at) values (?, ?, ?, ?, ?, ?)",
            (self.store, view.id, skip.reason, skip.digest, instant(view.as_of), self.at),
        )
        return Verdict.SKIPPED

    def _set_aside(self, key: int | None, view: View, found: SetAside) -> Verdict:
        self.db.execute("delete from skips where store = ? and order_id = ?", (self.store, view.id))
        self.db.execute(
            # The same raw, tried again, is as old as it was: else each new mapping would keep its buyer for longer.
            "insert into set_asides (store, order_id, error, raw, digest, derivation, as_of, seen_at) "
            "values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (store, order_id) do update set error = excluded.error, "
            "raw = excluded.raw, digest = excluded.digest, derivation = excluded.derivation, as_of = excluded.as_of, "
            "seen_at = iif(digest = excluded.digest, seen_at, excluded.seen_at)",
            (self.store, view.id, found.error, found.raw, found.digest, self.derivation, instant(view.as_of), self.at),
        )
        if key is not None:
            # Tried with this mapping: the walk over what is to be derived anew goes on behind it. And what the store
            # says of it now is unclear, perhaps that it is cancelled: nobody shall pack it.
            self.db.execute(
                "update orders set derivation = ?, shipping_allowed = 0 where key = ?", (self.derivation, key)
            )
        # The kind alone: a mapping's words may quote the order, and nothing is ever taken out of the timeline.
        self._event(view.id, "set_aside", {"error": found.error.partition(":")[0]})
        return Verdict.SET_ASIDE

    def _gone(self, key: int, view: View) -> Verdict:
        before = self.before[key]
        self.db.execute(
            "update orders set stage = ?, shipping_allowed = 0, digest = ?, as_of = ?, gone_at = ?, updated_at = ? "
            "where key = ?",
            (Stage.CANCELLED.value, GONE_DIGEST, instant(view.as_of), self.at, self.at, key),
        )
        stages = [before.order.stage.value, Stage.CANCELLED.value]
        self._event(view.id, "gone", {"fields": ["stage"], "stage": stages})
        return Verdict.UPDATED

    def _event(self, order_id: str, event: str, details: Mapping[str, object]) -> None:
        self.events.append((self.store, order_id, self.at, event, msgspec.json.encode(details).decode()))

    def _flush(self) -> None:
        many = self.db.executemany
        many(_INSERT_ORDER, self.inserts)
        many(_UPDATE_ORDER, self.updates)
        many("update orders set as_of = ? where key = ?", self.marks)
        for table in ("consignments", "lines"):
            many(f"delete from {table} where order_key = ?", self.replaced)
        many(_INSERT_CONSIGNMENT, [row for key, taken in self.parts for row in consignment_rows(key, taken.order)])
        many(_INSERT_LINE, [row for key, taken in self.parts for row in line_rows(key, taken.order)])
        many("insert or replace into raws (order_key, raw) values (?, ?)", [(key, t.raw) for key, t in self.parts])
        for table in ("skips", "set_asides"):
            many(f"delete from {table} where store = ? and order_id = ?", self.no_longer_skipped)
        many("insert into timeline (store, order_id, at, event, details) values (?, ?, ?, ?, ?)", self.events)


def is_older(view: datetime, held: datetime) -> bool:
    """Whether a view must not replace the held one (rule I10).

    A held view that lies further ahead than any request lasts was taken by a clock that was wrong.
    """
    return view < held <= view + CLOCK_WAS_SET


_INSERT_ORDER = (
    f"insert into orders (key, store, id, {', '.join(ORDER_COLUMNS)}, "
    "digest, derivation, as_of, imported_at, updated_at) "
    f"values ({', '.join('?' * (len(ORDER_COLUMNS) + 8))})"
)
_UPDATE_ORDER = (
    f"update orders set {', '.join(f'{name} = ?' for name in ORDER_COLUMNS)}, "
    "digest = ?, derivation = ?, as_of = ?, updated_at = ?, gone_at = null, erased_at = null where key = ?"
)
_INSERT_CONSIGNMENT = (
    "insert into consignments (order_key, position, id, kind, ship_to, pickup_from, service) "
    "values (?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_LINE = (
    "insert into lines (order_key, consignment, position, id, parent_id, sku, barcode, bin, name, quantity, "
    "quantity_shipped, quantity_refunded, unit_price, weight_grams, options, size, colour, hs_code, gift_wrap, "
    f"gift_message, requires_shipping) values ({', '.join('?' * 21)})"
)
