"""What is forgotten in time, so that nothing grows without a bound and no buyer is kept for ever."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from crossdock.model import instant
from crossdock.state import Outcome, RunKind

PRUNED_AT_ONCE = 5_000  # runs: a tenth of a second, in which nobody else writes
MERGED_AT_ONCE = 500  # pages of the search index, about 2 MB
READERS_WAIT_MS = 1_000  # far longer than crossdock reads at once; who wants to write waits as well


def prune_runs(db: sqlite3.Connection, before: datetime) -> int:
    forgotten = db.execute(
        "delete from runs where id in (select id from runs as old where ended_at < :before "
        "and exists (select 1 from runs where store = old.store and id > old.id) "
        # `last_runs` reads the latest one that isn't of a single order
        "and (kind = :order or exists (select 1 from runs where store = old.store and id > old.id and kind != :order)) "
        # and `last_done` the latest import of changes that went well
        "and (kind != :changes or outcome != :done or exists (select 1 from runs where store = old.store "
        "and id > old.id and kind = :changes and outcome = :done)) "
        "limit :limit)",
        {
            "before": instant(before),
            "order": RunKind.ORDER.value,
            "changes": RunKind.CHANGES.value,
            "done": Outcome.DONE.value,
            "limit": PRUNED_AT_ONCE,
        },
    )
    return forgotten.rowcount


def erase(db: sqlite3.Connection, before: datetime, at: datetime, limit: int) -> int:
    erased = _erase_orders(db, instant(before), instant(at), limit) + _erase_set_asides(db, instant(before), limit)
    erased += _erase_labels(db, instant(before))
    if erased:
        db.execute("pragma user_version = 1")  # noted in the file, since a kill may come before the scrubbing
    return erased


def is_unscrubbed(db: sqlite3.Connection) -> bool:
    """Whether something was erased since the file was last scrubbed."""
    return bool(db.execute("pragma user_version").fetchone()[0])


def note_scrubbed(db: sqlite3.Connection) -> None:
    db.execute("pragma user_version = 0")


def _erase_orders(db: sqlite3.Connection, before: str, at: str, limit: int) -> int:
    found = db.execute(
        # An order can't be older than its buying, whatever its platform calls its last change.
        "select key, store, id from orders where erased_at is null and modified_at < ? and placed_at < ? "
        "order by modified_at limit ?",
        (before, before, limit),
    ).fetchall()
    keys = [(row["key"],) for row in found]
    db.executemany(
        # The digest stays: the same raw, seen again, is known and brings nothing back. What nobody can address, nobody
        # shall pack.
        "update orders set customer_name = null, customer_company = null, customer_email = null, "
        "customer_phone = null, billing = null, customer_message = null, staff_notes = null, search = number, "
        "shipping_allowed = 0, erased_at = :at, updated_at = :at where key = :key",
        [{"at": at, "key": key} for (key,) in keys],
    )
    db.executemany("update consignments set ship_to = null where order_key = ?", keys)
    db.executemany("update lines set options = null, gift_message = null where order_key = ?", keys)
    db.executemany("delete from raws where order_key = ?", keys)
    db.executemany(  # on which an address stands
        "delete from labels where shipment in (select id from shipments where store = ? and order_id = ?)",
        [(row["store"], row["id"]) for row in found],
    )
    db.executemany(
        "insert into timeline (store, order_id, at, event, details) values (?, ?, ?, 'erased', '{}')",
        [(row["store"], row["id"], at) for row in found],
    )
    return len(found)


def _erase_labels(db: sqlite3.Connection, before: str) -> int:
    """Those of orders that were erased before their labels were made, too."""
    old = "delete from labels where shipment in (select id from shipments where created_at < ?)"
    return db.execute(old, (before,)).rowcount


def _erase_set_asides(db: sqlite3.Connection, before: str, limit: int) -> int:
    erased = db.execute(
        # The kind of the error stays; its words may quote the order.
        "update set_asides set raw = x'', error = substr(error, 1, instr(error || ':', ':') - 1) "
        "where key in (select key from set_asides where raw != x'' and seen_at < ? order by seen_at limit ?)",
        (before, limit),
    )
    return erased.rowcount


def begin_merge(db: sqlite3.Connection) -> None:
    """The search index's parts are to become one, in which nothing deleted is left; `merge` does it step by step."""
    _merge(db, -MERGED_AT_ONCE)


def merge(db: sqlite3.Connection) -> bool:
    """Whether this step of the merging found something to do."""
    return _merge(db, MERGED_AT_ONCE)


def _merge(db: sqlite3.Connection, pages: int) -> bool:
    before = db.total_changes
    db.execute("insert into orders_search (orders_search, rank) values ('merge', ?)", (pages,))
    return db.total_changes - before > 1  # the command itself counts as one


def rewrite(db: sqlite3.Connection) -> bool:
    """Whether the file holds nothing any more but what can be read in its tables. Outside of a transaction.

    Where SQLite splits a page of rows it leaves copies of those that moved in the gap, which `secure_delete` doesn't
    know of: of 190,000 erased values 150 were found in the file. Nothing less than writing it anew is sure to remove
    them. That takes 13 s for a million orders, in which others read but don't write.
    """
    db.execute(f"pragma busy_timeout = {READERS_WAIT_MS}")
    if not _empty_log(db):  # behind a reader the log would grow by the whole file with each try
        return False
    db.execute("vacuum")
    return _empty_log(db)


def _empty_log(db: sqlite3.Connection) -> bool:
    """Whether the log of the last writes is empty now, all of it in the file: nobody reads what was before."""
    is_busy, _, _ = db.execute("pragma wal_checkpoint(truncate)").fetchone()
    return not is_busy
