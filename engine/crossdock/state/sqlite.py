"""Storage in one SQLite file: one writer thread, two readers, one transaction per page."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import threading
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, closing, contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database

from crossdock.errors import (
    AccountMismatchError,
    DatabaseCorruptError,
    DatabaseFullError,
    DatabaseInUseError,
    DatabaseReadOnlyError,
    DatabaseTooNewError,
    StateError,
)
from crossdock.model import Stage, instant
from crossdock.state import (
    Account,
    Begun,
    Bookmark,
    DayOfRuns,
    Event,
    Failure,
    Held,
    KeptSetAside,
    KeptSkip,
    LockPurpose,
    OrderEvent,
    Outcome,
    PackedRaw,
    Run,
    RunKind,
    Saved,
    Standing,
    StoredOrder,
    StoreRecord,
    Traffic,
    View,
    Waiting,
    outbox,
)
from crossdock.state.housekeeping import (
    begin_merge,
    erase,
    is_unscrubbed,
    merge,
    note_scrubbed,
    prune_runs,
    rewrite,
)
from crossdock.state.listing import Facets, Listed, ListQuery
from crossdock.state.lists import find_exactly, find_facets, list_orders, note_under_way, told_of
from crossdock.state.locks import FileLock, daemon_holder, daemon_lock, hold_exclusive, hold_shared, store_lock
from crossdock.state.migrations import MIGRATION_NAMES, schema
from crossdock.state.pages import held_rows, save_page
from crossdock.state.reading import (
    count_set_asides,
    count_stages,
    find_order,
    find_set_aside,
    find_skip,
    log_of_run,
    orders_after,
    packed_raws,
    set_asides_of,
    timeline_of,
    unseen_orders,
)
from crossdock.state.rows import store_record
from crossdock.state.runs import (
    begin_run,
    end_run,
    find_run,
    find_standings,
    last_done,
    last_runs,
    look_up_run,
    pause,
    paused_stores,
    resume,
    runs_before,
    sum_by_day,
)
from crossdock.state.shipments import AskedCarrier, Details, Parcel, WriteBack, WriteBackState

T = TypeVar("T")
log = logging.getLogger("crossdock.state")

BUSY_TIMEOUT_MS = 30_000  # another process saves a page in a fraction of this; it scrubs two million orders in it
READERS = 2


async def open_sqlite(path: Path) -> SqliteState:
    """The state in this file, made or brought up to date where needed. Raises StateError.

    A link is followed first: the locks lie beside the file itself, where every process finds the same ones.
    """
    return await asyncio.to_thread(_open, Path(os.path.realpath(path)))  # noqa: ASYNC240 -- once, at the start


class SqliteState:
    """See `crossdock.state.State`."""

    def __init__(self, path: Path, process_lock: FileLock) -> None:
        self._path = path
        self._file = _identity(path)
        self._process_lock = process_lock
        self._connections = _Connections(path)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="crossdock-write")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="crossdock-read")

    async def close(self) -> None:
        for pool in (self._readers, self._writer):
            await asyncio.to_thread(pool.shutdown)
        self._connections.close()
        self._process_lock.close()

    def lock(self, store: str, purpose: LockPurpose, waiting: Waiting) -> AbstractAsyncContextManager[None]:
        return store_lock(self._path, store, purpose, waiting)

    async def prove(
        self, store: str, connector: str, account: Account, configured: frozenset[str]
    ) -> StoreRecord | None:
        return await self._read(_prove, store, connector, account, configured)

    async def bind(
        self, store: str, connector: str, account: Account, configured: frozenset[str], at: datetime
    ) -> StoreRecord:
        return await self._write(_bind, store, connector, account, configured, at)

    async def stores(self) -> Sequence[StoreRecord]:
        return await self._read(
            lambda db: [store_record(row) for row in db.execute("select * from stores order by name")]
        )

    def daemon(self) -> AbstractAsyncContextManager[None]:
        return daemon_lock(self._path)

    async def daemon_holder(self) -> str | None:
        return await asyncio.to_thread(daemon_holder, self._path)

    async def standings(self) -> Mapping[str, Standing]:
        return await self._read(find_standings)

    async def pause(self, store: str, at: datetime) -> bool:
        return await self._write(pause, store, at)

    async def resume(self, store: str) -> bool:
        return await self._write(resume, store)

    async def paused(self) -> frozenset[str]:
        return await self._read(paused_stores)

    async def prune_runs(self, before: datetime) -> int:
        return await self._write(prune_runs, before)

    async def erase(self, before: datetime, at: datetime, limit: int) -> int:
        return await self._write(erase, before, at, limit)

    async def scrub(self) -> bool:
        if not await self._read(is_unscrubbed):
            return True
        await self._write(begin_merge)
        while await self._write(merge):  # others write in between
            pass
        is_clean = await asyncio.get_running_loop().run_in_executor(self._writer, self._rewrite)
        if is_clean:
            await self._write(note_scrubbed)
        return is_clean

    async def begin_run(self, store: str, kind: RunKind, at: datetime) -> Begun:
        return await self._write(begin_run, store, kind, at)

    async def end_run(
        self,
        run: int,
        outcome: Outcome,
        at: datetime,
        *,
        traffic: Traffic,
        reasons: Mapping[str, int],
        failure: Failure | None,
        standing: Standing | None = None,
    ) -> Run:
        return await self._write(end_run, run, outcome, at, traffic, reasons, failure, standing)

    async def run(self, run: int) -> Run:
        return await self._read(find_run, run)

    async def find_run(self, run: int) -> Run | None:
        return await self._read(look_up_run, run)

    async def run_log(self, run: Run, *, limit: int = 500) -> Sequence[OrderEvent]:
        return await self._read(log_of_run, run, limit)

    async def runs(self, *, store: str | None = None, before: int | None = None, limit: int = 50) -> Sequence[Run]:
        return await self._read(runs_before, store, before, limit)

    async def runs_by_day(self, since: datetime, store: str | None = None) -> Sequence[DayOfRuns]:
        return await self._read(sum_by_day, since, store)

    async def last_runs(self) -> Mapping[str, Run]:
        return await self._read(last_runs)

    async def last_done(self) -> Mapping[str, datetime]:
        return await self._read(last_done)

    async def held(self, store: str, order_ids: Sequence[str]) -> Mapping[str, Held]:
        return await self._read(lambda db: {id: held.seen for id, held in held_rows(db, store, order_ids).items()})

    async def save_page(
        self, store: str, run: int, views: Sequence[View], bookmark: Bookmark | None, *, derivation: str, at: datetime
    ) -> Saved:
        return await self._write(_save_page, store, run, views, bookmark, derivation, at)

    async def unseen(self, store: str, since: datetime, limit: int) -> Sequence[str]:
        return await self._read(unseen_orders, store, since, limit)

    async def underived(self, store: str, derivation: str, after: int, limit: int) -> Sequence[PackedRaw]:
        return await self._read(
            packed_raws,
            "select key, id, raw, digest, as_of from orders join raws on order_key = key "
            "where store = ? and derivation != ? and key > ? and gone_at is null "
            # its latest view is the one that was set aside: deriving from an earlier one would hide that
            "and not exists (select 1 from set_asides as later where later.store = orders.store and order_id = id) "
            "order by key limit ?",
            (store, derivation, after, limit),
        )

    async def underived_set_asides(self, store: str, derivation: str, limit: int) -> Sequence[PackedRaw]:
        return await self._read(
            packed_raws,
            "select key, order_id as id, raw, digest, as_of from set_asides "
            "where store = ? and derivation != ? and raw != x'' order by key limit ?",  # '' where it was erased
            (store, derivation, limit),
        )

    async def all_derived(self, store: str, derivation: str) -> None:
        await self._write(lambda db: db.execute("update stores set derivation = ? where name = ?", (derivation, store)))

    async def order(self, store: str, order: str) -> StoredOrder | None:
        return await self._read(find_order, store, order)

    async def orders(
        self, *, store: str | None = None, stage: Stage | None = None, search: str | None = None
    ) -> AsyncGenerator[StoredOrder, None]:
        after = 0
        while True:
            keys, found = await self._read(orders_after, after, store, stage, search)
            for order in found:
                yield order
            if not keys:
                return
            after = keys[-1]

    async def listing(self, query: ListQuery) -> Listed:
        return await self._read(list_orders, query)

    async def facets(self, store: str | None = None) -> Facets:
        return await self._read(find_facets, store)

    async def found(self, text: str) -> Sequence[tuple[str, str]]:
        return await self._read(find_exactly, text)

    async def timeline(self, store: str, order_id: str) -> Sequence[Event]:
        return await self._read(timeline_of, store, order_id)

    async def skip(self, store: str, order_id: str) -> KeptSkip | None:
        return await self._read(find_skip, store, order_id)

    async def set_aside(self, store: str, order_id: str) -> KeptSetAside | None:
        return await self._read(find_set_aside, store, order_id)

    async def set_aside_counts(self) -> Mapping[str, int]:
        return await self._read(count_set_asides)

    async def set_asides(self, store: str) -> Sequence[KeptSetAside]:
        return await self._read(set_asides_of, store)

    async def stage_counts(self) -> Mapping[str, Mapping[Stage, int]]:
        return await self._read(count_stages)

    async def ask_carrier(self, store: str, order_id: str, said: str, key: str, at: datetime) -> AskedCarrier:
        return await self._write(outbox.ask_carrier, store, order_id, said, key, at)

    async def carrier_asked(self, key: str, at: datetime) -> None:
        await self._write(outbox.carrier_asked, key, at)

    async def forget_request(self, key: str) -> None:
        await self._write(outbox.forget_request, key)

    async def ship(self, parcel: Parcel, at: datetime) -> WriteBack:
        return await self._write(_ship, parcel, at)

    async def advance(self, row: WriteBack, events: Sequence[tuple[str, Details]], at: datetime) -> WriteBack | None:
        return await self._write(_advance, row, events, at)

    async def writeback(self, shipment: int) -> WriteBack | None:
        return await self._read(outbox.find_writeback, shipment)

    async def shipments(self, store: str, order_id: str) -> Sequence[WriteBack]:
        return await self._read(outbox.of_order, store, order_id)

    async def unfinished(self, store: str) -> Sequence[WriteBack]:
        return await self._read(outbox.unfinished, store)

    async def writebacks_after(
        self, shipment: int, *, store: str | None = None, state: WriteBackState | None = None, limit: int = 50
    ) -> Sequence[WriteBack]:
        return await self._read(outbox.after, shipment, store, state, limit)

    async def writebacks_before(
        self, shipment: int, *, store: str | None = None, state: WriteBackState | None = None, limit: int = 50
    ) -> Sequence[WriteBack]:
        return await self._read(outbox.before, shipment, store, state, limit)

    async def writebacks(
        self, *, store: str | None = None, state: WriteBackState | None = None
    ) -> AsyncGenerator[WriteBack, None]:
        last = 0
        while found := await self._read(outbox.after, last, store, state):
            for row in found:
                yield row
            last = found[-1].id

    async def label(self, shipment: int) -> tuple[str, bytes] | None:
        return await self._read(outbox.find_label, shipment)

    async def due_stores(self, at: datetime) -> frozenset[str]:
        return await self._read(outbox.due_stores, at)

    async def hurry(self, stores: Collection[str], at: datetime) -> None:
        await self._write(outbox.hurry, stores, at)

    async def writeback_counts(self) -> Mapping[str, Mapping[WriteBackState, int]]:
        return await self._read(outbox.count_states)

    async def refused(self) -> Mapping[str, int]:
        return await self._read(outbox.count_refused)

    async def _write(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._in_transaction, work, args)

    async def _read(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._reading, work, args)

    def _in_transaction(self, work: Callable[..., T], args: Sequence[object]) -> T:
        with told_in_words(self._path):
            if _identity(self._path) != self._file:  # what is written now would be gone at the end
                raise StateError(
                    f"{self._path}: the database was removed or replaced while crossdock was using it. "
                    "Stop crossdock, put the right file there, and start it again."
                )
            db = self._connections.mine()
            with transaction(db):
                return work(db, *args)

    def _rewrite(self) -> bool:
        # By the writer's thread, so that whoever writes here queues up and isn't turned away by a locked database. On a
        # connection of its own, because one on which something is still being read would be refused.
        with told_in_words(self._path), closing(connect(self._path)) as db:
            return rewrite(db)

    def _reading(self, work: Callable[..., T], args: Sequence[object]) -> T:
        with told_in_words(self._path):
            db = self._connections.mine()
            with transaction(db, "deferred"):  # one moment for all that is read: an order lies in three tables
                return work(db, *args)


def _save_page(
    db: sqlite3.Connection,
    store: str,
    run: int,
    views: Sequence[View],
    bookmark: Bookmark | None,
    derivation: str,
    at: datetime,
) -> Saved:
    saved = save_page(db, store, run, views, bookmark, derivation, at)
    note_under_way(db, store, told_of(db, store, list(saved.verdicts)))
    return saved


def _ship(db: sqlite3.Connection, parcel: Parcel, at: datetime) -> WriteBack:
    row = outbox.ship(db, parcel, at)
    note_under_way(db, row.store, [row.shipment.order_id])
    return row


def _advance(
    db: sqlite3.Connection, row: WriteBack, events: Sequence[tuple[str, Details]], at: datetime
) -> WriteBack | None:
    saved = outbox.advance(db, row, events, at)
    if saved is not None:
        note_under_way(db, saved.store, [saved.shipment.order_id])
    return saved


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies there, whatever it holds; None where there is none."""
    try:
        about = os.stat(path)
    except FileNotFoundError:
        return None
    return about.st_dev, about.st_ino


class _Connections:
    """One connection per thread, since SQLite's are bound to theirs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []

    def mine(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self._path)
            self._all.append(connection)
        return connection

    def close(self) -> None:
        for connection in self._all:
            connection.close()


def connect(path: Path) -> sqlite3.Connection:
    """A connection that leaves transactions to us and may be closed by another thread than its own."""
    connection = _bare_connection(path)
    connection.row_factory = sqlite3.Row
    connection.execute("pragma journal_mode = wal")
    # A power cut can lose the last page of an import but not tear it, and its cursor goes with it: it is fetched again.
    connection.execute("pragma synchronous = normal")
    connection.execute("pragma foreign_keys = on")
    # What is replaced or deleted is overwritten at once: a buyer's former address is nobody's business either.
    connection.execute("pragma secure_delete = on")
    return connection


def _bare_connection(path: Path) -> sqlite3.Connection:
    """One that changes nothing by itself: `connect` notes the journal's mode in the file, whosever that is."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"pragma busy_timeout = {BUSY_TIMEOUT_MS}")
    return connection


@contextmanager
def transaction(db: sqlite3.Connection, kind: str = "immediate") -> Iterator[None]:
    """All or nothing. One that writes begins as such: else it would fail if another had committed in between."""
    db.execute(f"begin {kind}")
    try:
        yield
        db.execute("commit")
    except BaseException:
        if db.in_transaction:
            db.execute("rollback")
        raise


@contextmanager
def told_in_words(path: Path) -> Iterator[None]:
    """Turns what SQLite raises into the StateError that tells a person what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code of an extended one
        if str(error).startswith("Could not decode to UTF-8"):  # by Python, so without a code; its words hold the text
            code = sqlite3.SQLITE_CORRUPT
        if code not in _REACTIONS:
            raise
        kind, words = _REACTIONS[code]
        raise kind(f"{path}: {words}") from error
    except UnicodeDecodeError as error:  # the names in the file are damaged, so that not even SQLite's words are text
        kind, words = _REACTIONS[sqlite3.SQLITE_CORRUPT]
        raise kind(f"{path}: {words}") from error


_REACTIONS: Mapping[int, tuple[type[StateError], str]] = {
    sqlite3.SQLITE_READONLY: (
        DatabaseReadOnlyError,
        "the database can't be written to; give this user write access to the file and to its folder.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        DatabaseReadOnlyError,
        "the database can't be opened; the folder must exist and this user must be able to write there.",
    ),
    sqlite3.SQLITE_FULL: (DatabaseFullError, "the disk is full; nothing was lost, free some space and run this again."),
    sqlite3.SQLITE_BUSY: (
        DatabaseInUseError,
        "another program has kept the database locked for too long; close it (an open sqlite3 shell?) and try again.",
    ),
    sqlite3.SQLITE_LOCKED: (DatabaseInUseError, "another program has locked the database; close it and try again."),
    sqlite3.SQLITE_CORRUPT: (
        DatabaseCorruptError,
        "the file is damaged; stop crossdock, then put back a backup, or move it away to import everything anew.",
    ),
    sqlite3.SQLITE_NOTADB: (
        DatabaseCorruptError,
        "the file is not an SQLite database; check engine.database in stores.yaml, or put back a backup.",
    ),
    sqlite3.SQLITE_IOERR: (StateError, "reading or writing failed; check the disk. Nothing committed was lost."),
}


def _open(path: Path) -> SqliteState:
    with told_in_words(path):
        lock = _lock_of(path)
        try:
            _bring_up_to_date(path, lock)
        except BaseException:
            lock.close()
            raise
        return SqliteState(path, lock)


def _lock_of(path: Path) -> FileLock:
    """The lock that every process holds shared. Makes an empty database, readable by its owner alone."""
    if os.path.isdir(path):  # unlike Path.is_dir it raises nothing where the folder around it is shut
        raise StateError(f"{path}: this is a folder; name a file in it as engine.database in stores.yaml.")
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        lock = FileLock(path.with_name(path.name + ".lock"))
        lock.give_to_owner_of(path)
        return lock
    except OSError as error:
        raise DatabaseReadOnlyError(
            f"{path}: the database can't be opened ({error.strerror}); "
            "the folder must exist and this user must be able to write there."
        ) from error


def _bring_up_to_date(path: Path, lock: FileLock) -> None:
    hold_shared(lock, path)
    connection = _bare_connection(path)
    try:
        db = Database(connection, execute_plugins=False)
        is_behind = partial(_is_behind, db, path)
        if is_behind() and hold_exclusive(lock, path, is_needed=is_behind) and is_behind():
            _back_up(connection, path)
            connection.execute("pragma journal_mode = wal")
            schema.apply(db)
        hold_shared(lock, path)
    finally:
        connection.close()


def _is_behind(db: Database, path: Path) -> bool:
    # Read in this order, since another process may be making the tables now: each comes with the note of its migration.
    tables = set(db.table_names()) - {schema.migrations_table}
    applied = {migration.name for migration in schema.applied(db)}
    pending = {migration.name for migration in schema.pending(db)}
    unknown = applied - MIGRATION_NAMES
    if unknown:
        raise DatabaseTooNewError(
            f"{path}: a newer crossdock has written this database ({max(unknown)}); "
            "install that version again, or put back the backup that it made beside the file."
        )
    if tables and not applied:
        raise DatabaseCorruptError(
            f"{path}: the file holds another program's tables; name another file as engine.database in stores.yaml."
        )
    return bool(pending)


def _back_up(connection: sqlite3.Connection, path: Path) -> None:
    """Copies the database aside before a migration touches it; an empty one needs no copy."""
    tables = connection.execute("select count(*) from sqlite_master").fetchone()[0]
    if not tables:
        return
    version = connection.execute("select max(name) from _sqlite_migrations").fetchone()[0]
    target = path.with_name(f"{path.name}.{version}.backup")
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    copy = sqlite3.connect(target)
    try:
        connection.backup(copy)
    finally:
        copy.close()
    log.warning("%s: its tables are brought up to date; a copy of it as it was is kept as %s", path, target.name)


def _prove(
    db: sqlite3.Connection, store: str, connector: str, account: Account, configured: frozenset[str]
) -> StoreRecord | None:
    others = db.execute(
        "select name from stores where connector = ? and identity = ? and name != ? order by name",
        (connector, account.identity, store),
    )
    known = db.execute("select * from stores where name = ?", (store,)).fetchone()
    if known is not None and (known["connector"], known["identity"]) != (connector, account.identity):
        raise AccountMismatchError(
            f"{store}: its settings lead to the {connector} account {account.identity} ({account.name}), but this name "
            f"stands for the {known['connector']} account {known['identity']} ({known['account_name']}) for good. "
            "Put the former settings back, or give the new account a name of its own."
        )
    for (other,) in others:
        if other in configured:
            raise AccountMismatchError.of_two_names(store, other, connector=connector, account=account.name)
        if outbox.unfinished(db, other):
            raise AccountMismatchError(
                f"{store}: its account ({account.name}) is still to be told of shipments that were made under the name "
                f"{other}. Put {other} back into stores.yaml until `crossdock writebacks --store {other}` shows none "
                "that is unfinished, or void them there."
            )
    return None if known is None else store_record(known)


def _bind(
    db: sqlite3.Connection,
    store: str,
    connector: str,
    account: Account,
    configured: frozenset[str],
    at: datetime,
) -> StoreRecord:
    known = _prove(db, store, connector, account, configured)
    if known is not None and known.account_name == account.name:
        return known
    db.execute(
        "insert into stores (name, connector, identity, account_name, bound_at) values (?, ?, ?, ?, ?) "
        "on conflict(name) do update set account_name = excluded.account_name",
        (store, connector, account.identity, account.name, instant(at)),
    )
    return store_record(db.execute("select * from stores where name = ?", (store,)).fetchone())
