"""What the database's file goes through: older, newer, foreign, damaged, shut, full, in use. Nothing saved is lost."""

# ruff: noqa: ASYNC240 -- these tests are alone in their event loop, and files are what they are about

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from crossdock.errors import (
    DatabaseCorruptError,
    DatabaseFullError,
    DatabaseInUseError,
    DatabaseReadOnlyError,
    DatabaseTooNewError,
    StateError,
)
from crossdock.model import order_to_json
from crossdock.state import Account, Bookmark, LockPurpose, Outcome, RunKind, State, Traffic, locks, migrations, sqlite
from crossdock.state.migrations import MIGRATION_NAMES
from crossdock.state.sqlite import open_sqlite
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations
from support.orders import NOON, line, order, view, with_lines
from support.programs import BECOME_NOBODY, child, folder_for_anybody, program

ACME = "acme-au"
IDS = [str(number) for number in range(1, 41)]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with some orders, closed."""
    path = tmp_path / "crossdock.db"
    asyncio.run(_filled(path))
    return path


async def _filled(path: Path) -> None:
    state = await open_sqlite(path)
    try:
        await state.bind(ACME, "bigcommerce", Account(identity="hash1", name="ACME"), frozenset({ACME}), NOON)
        await save(state, IDS)
    finally:
        await state.close()


async def save(state: State, ids: list[str]) -> None:
    """Saves these orders as one page."""
    run = (await state.begin_run(ACME, RunKind.CHANGES, NOON)).run
    views = [view(order(id)) for id in ids]
    await state.save_page(ACME, run, views, Bookmark(cursor={"after": ids[-1]}), derivation="m/1/a", at=NOON)
    await state.end_run(run, Outcome.DONE, NOON, traffic=Traffic(), reasons={}, failure=None)


async def ids_in(state: State) -> list[str]:
    return [stored.order.id async for stored in state.orders()]


async def ids_at(path: Path) -> list[str]:
    """The ids of all orders in the file, opened anew."""
    state = await open_sqlite(path)
    try:
        return await ids_in(state)
    finally:
        await state.close()


async def refused(path: Path) -> StateError:
    """The error that opening the file, and reading all of it, ends in: one sentence or two that name the file."""
    with pytest.raises(StateError) as caught:
        await ids_at(path)
    words = str(caught.value)
    assert words.startswith(f"{path}: ")
    assert words.endswith(".")
    assert "\n" not in words
    return caught.value


# --- older and newer ------------------------------------------------------------------------------------------------


@contextmanager
def next_version(monkeypatch: pytest.MonkeyPatch, statement: str) -> Iterator[None]:
    """As if this were the next crossdock, with one more step of its tables."""
    following = Migrations("crossdock")

    @following(name="m0001_import")
    def first(db: Database) -> None:
        migrations.m0001_import(db)

    @following(name="m0002_daemon")
    def second(db: Database) -> None:
        migrations.m0002_daemon(db)

    @following(name="m0003_shipping")
    def third(db: Database) -> None:
        migrations.m0003_shipping(db)

    @following()
    def m0999_next(db: Database) -> None:
        for each in statement.split(";;"):
            db.execute(each)

    with monkeypatch.context() as patched:
        patched.setattr(sqlite, "schema", following)
        patched.setattr(sqlite, "MIGRATION_NAMES", MIGRATION_NAMES | {"m0999_next"})
        yield


async def test_an_older_database_is_brought_up_to_date_after_a_backup(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = database.with_name("crossdock.db.m0005_run_log.backup")
    with next_version(monkeypatch, "alter table orders add column next text"):
        assert await ids_at(database) == IDS
        assert backup.exists()
        before = backup.stat().st_mtime_ns
        assert await ids_at(database) == IDS
        assert backup.stat().st_mtime_ns == before, "a second opening makes no second backup"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with closing(sqlite3.connect(database)) as now, closing(sqlite3.connect(backup)) as then:
        assert now.execute("select count(*) from orders where next is null").fetchone() == (len(IDS),)
        assert then.execute("select count(*) from orders").fetchone() == (len(IDS),)
        assert then.execute("pragma integrity_check").fetchone() == ("ok",)


async def test_a_database_of_the_first_version_is_brought_up_to_date_with_all_that_is_in_it(tmp_path: Path) -> None:
    database = tmp_path / "crossdock.db"
    first = Migrations("crossdock")
    first(name="m0001_import")(migrations.m0001_import)
    with closing(Database(database)) as made:
        first.apply(made)
        made.table("stores").insert(
            {"name": ACME, "connector": "bigcommerce", "identity": "hash1", "account_name": "ACME", "bound_at": "-"}
        )
        made.table("orders").insert({**ORDER_OF_THE_FIRST_VERSION, "store": ACME, "id": "101"})
        made.table("runs").insert({"store": ACME, "kind": "changes", "started_at": "2026-05-01T10:00:00Z"})
    state = await open_sqlite(database)
    try:
        stored = await state.order(ACME, "101")
        assert stored is not None
        assert (stored.order.customer.name, stored.erased_at) == ("Mia Example", None)
        assert (await state.last_runs())[ACME].folded == 0
        assert await state.standings() == {}
        await save(state, ["101", "102"])
        assert await ids_in(state) == ["101", "102"]
    finally:
        await state.close()
    assert (tmp_path / "crossdock.db.m0001_import.backup").exists()


ORDER_OF_THE_FIRST_VERSION = {
    **dict.fromkeys(("number", "status_id", "status_name", "search", "derivation"), "x"),
    **dict.fromkeys(("placed_at", "modified_at", "as_of", "imported_at", "updated_at"), "2026-05-01T10:00:00Z"),
    "stage": "awaiting",
    "shipping_allowed": 1,
    "currency": "AUD",
    "customer_name": "Mia Example",
    "digest": b"digest",
}


async def test_the_backup_can_be_put_back_and_opened_by_the_older_version(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with next_version(monkeypatch, "drop table timeline"):
        await ids_at(database)
    assert isinstance(await refused(database), DatabaseTooNewError)
    for path in database.parent.glob("crossdock.db-*"):
        path.unlink()
    shutil.copy(database.with_name("crossdock.db.m0005_run_log.backup"), database)
    assert await ids_at(database) == IDS


async def test_a_migration_that_fails_midway_leaves_everything_as_it_was(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        next_version(monkeypatch, "drop table timeline;; select no_such_function()"),
        pytest.raises(sqlite3.OperationalError),
    ):
        await ids_at(database)
    assert await ids_at(database) == IDS
    with closing(sqlite3.connect(database)) as found:
        assert found.execute("select count(*) from timeline").fetchone() == (len(IDS),)


async def test_a_new_database_needs_no_backup(tmp_path: Path) -> None:
    assert await ids_at(tmp_path / "new.db") == []
    assert not list(tmp_path.glob("*.backup"))


async def test_a_newer_database_is_refused_and_left_as_it_is(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with next_version(monkeypatch, "alter table orders add column next text"):
        await ids_at(database)
    before = database.read_bytes()
    error = await refused(database)
    assert isinstance(error, DatabaseTooNewError)
    assert "newer crossdock" in str(error)
    assert "m0999_next" in str(error)
    assert database.read_bytes() == before


# --- not ours, or damaged -------------------------------------------------------------------------------------------


async def test_another_programs_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("create table customers (name text)")
        other.commit()
    before = path.read_bytes()
    error = await refused(path)
    assert isinstance(error, DatabaseCorruptError)
    assert "another program's tables" in str(error)
    assert path.read_bytes() == before


async def test_a_database_of_another_program_that_keeps_its_migrations_in_the_same_way_is_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / "notes.db"
    theirs = Migrations("notes")

    @theirs()
    def m0001_import(db: Database) -> None:
        db.execute("create table notes (note text)")

    with closing(sqlite3.connect(path)) as other:
        theirs.apply(Database(other))
        other.commit()
    assert isinstance(await refused(path), DatabaseCorruptError)


async def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "crossdock.db"
    path.touch()
    assert await ids_at(path) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"orders: none\n" * 1000, "not an SQLite database"),
        (b"\0" * 8192, "not an SQLite database"),
        (b"SQLite format 3\0" + b"\xff" * 8000, "not an SQLite database"),
        (b"stores: {}\n", "not an SQLite database"),
    ],
    ids=["text", "noughts", "a good beginning", "short text"],
)
async def test_what_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "crossdock.db"
    path.write_bytes(content)
    error = await refused(path)
    assert isinstance(error, DatabaseCorruptError)
    assert words in str(error)
    assert path.read_bytes() == content


@pytest.mark.parametrize("left", [0.1, 0.5, 0.9])
async def test_a_database_that_was_cut_short_is_named_as_damaged(database: Path, left: float) -> None:
    whole = database.read_bytes()
    database.write_bytes(whole[: int(len(whole) * left)])
    error = await refused(database)
    assert isinstance(error, DatabaseCorruptError)
    assert "put back a backup" in str(error)


async def test_a_database_with_a_destroyed_page_is_named_as_damaged(database: Path) -> None:
    with closing(sqlite3.connect(database)) as found:
        (page,) = found.execute("select rootpage from sqlite_master where name = 'orders'").fetchone()
        (size,) = found.execute("pragma page_size").fetchone()
    content = bytearray(database.read_bytes())
    content[(page - 1) * size : page * size] = b"\xa5" * size
    database.write_bytes(content)
    assert isinstance(await refused(database), DatabaseCorruptError)


async def test_whatever_bytes_are_flipped_no_error_of_sqlite_itself_gets_out(database: Path) -> None:
    whole, chance = database.read_bytes(), random.Random(7)
    named = 0
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(60):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        database.write_bytes(damaged)
        for beside in database.parent.glob("crossdock.db-*"):
            beside.unlink()
        try:
            state = await open_sqlite(database)
        except StateError:
            named += 1
            continue
        try:
            async for stored in state.orders():
                order_to_json(stored.store, stored.order)
                await state.timeline(ACME, stored.order.id)
            await state.stores()
            await state.last_runs()
        except StateError:
            named += 1
        except (
            ValueError,
            TypeError,
            IndexError,
        ):  # what stands in a sound row, which SQLite can't know to be nonsense
            pass
        finally:
            await state.close()
    assert named


# --- a file, or a folder, that is shut ------------------------------------------------------------------------------


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    with folder_for_anybody() as folder:
        yield folder


USE = """
    import asyncio, sys
    from pathlib import Path
    from crossdock.errors import StateError
    from crossdock.state import Account
    from crossdock.state.sqlite import open_sqlite
    import support.orders
    from engine.test_state_files import ACME, NOON, ids_in, save
    import _sqlite3, encodings.idna, concurrent.futures.thread

    async def use(path):
        try:
            state = await open_sqlite(path)
            try:
                await ids_in(state)
                await save(state, ["900"])
            finally:
                await state.close()
        except StateError as error:
            print(type(error).__name__, error, sep="|")
        else:
            print("used|")
"""


def used_by_nobody(path: Path) -> tuple[str, str]:
    """What using the database comes to for a user who isn't root: the name of the error's class, and its words."""
    done = child(program(USE, BECOME_NOBODY, "asyncio.run(use(Path(sys.argv[1])))"), str(path))
    assert done.returncode == 0, done.stderr
    kind, _, words = done.stdout.strip().partition("|")
    return kind, words


async def _shut(folder: Path, *, file: int, inside: int) -> Path:
    """A filled database of everybody's, then with these modes."""
    database = folder / "inside" / "crossdock.db"
    database.parent.mkdir()
    await _filled(database)
    for path in database.parent.iterdir():
        path.chmod(0o666)
    database.chmod(file)
    database.parent.chmod(inside)
    return database


async def test_with_open_files_anybody_can_use_the_database(shared_folder: Path) -> None:
    database = await _shut(shared_folder, file=0o666, inside=0o777)
    assert used_by_nobody(database) == ("used", "")


@pytest.mark.parametrize(
    ("file", "inside"),
    [(0o444, 0o777), (0o666, 0o555), (0o444, 0o555), (0o000, 0o777), (0o666, 0o000)],
    ids=["file read-only", "folder read-only", "both read-only", "file unreadable", "folder shut"],
)
async def test_a_file_or_folder_that_cant_be_written_is_told_with_what_to_do(
    shared_folder: Path, file: int, inside: int
) -> None:
    database = await _shut(shared_folder, file=file, inside=inside)
    kind, words = used_by_nobody(database)
    assert kind == "DatabaseReadOnlyError", words
    assert words.startswith(f"{database}: the database can't be ")
    assert "write" in words
    database.parent.chmod(0o777)
    database.chmod(0o666)
    assert await ids_at(database) == IDS


async def test_a_folder_that_isnt_there_is_told(tmp_path: Path) -> None:
    error = await refused(tmp_path / "missing" / "crossdock.db")
    assert isinstance(error, DatabaseReadOnlyError)
    assert "the folder must exist" in str(error)
    assert not (tmp_path / "missing").exists()


async def test_a_folder_in_the_files_place_is_told(tmp_path: Path) -> None:
    error = await refused(tmp_path)
    assert "folder" in str(error)
    assert not tmp_path.with_name(f"{tmp_path.name}.lock").exists()


# --- full -----------------------------------------------------------------------------------------------------------


async def test_a_full_disk_is_told_and_loses_no_page_that_was_saved(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(path: Path) -> sqlite3.Connection:
        connection = sqlite3_connect(path)
        connection.execute("pragma max_page_count = 90")
        return connection

    sqlite3_connect = sqlite.connect
    with monkeypatch.context() as patched:
        patched.setattr(sqlite, "connect", small)
        state = await open_sqlite(database)
        try:
            with pytest.raises(DatabaseFullError, match=r"the disk is full; nothing was lost"):
                await save(state, [f"more-{number}" for number in range(1000)])
            assert await ids_in(state) == IDS
            (record,) = await state.stores()
            assert record.cursor == {"after": IDS[-1]}
        finally:
            await state.close()
    assert await ids_at(database) == IDS


async def test_a_disk_that_takes_no_more_bytes_loses_no_page_that_was_saved(database: Path) -> None:
    done = child(
        """
        import asyncio, resource, signal, sys
        from pathlib import Path
        from crossdock.errors import StateError
        from crossdock.state.sqlite import open_sqlite
        from engine.test_state_files import save

        async def fill(path):
            state = await open_sqlite(path)
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
            try:
                await save(state, [f"more-{number}" for number in range(2000)])
            except StateError as error:
                print(error)
            finally:
                await state.close()

        asyncio.run(fill(Path(sys.argv[1])))
        """,
        str(database),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{database}: ")
    assert "Nothing committed was lost" in done.stdout or "nothing was lost" in done.stdout
    assert await ids_at(database) == IDS


# --- in use ---------------------------------------------------------------------------------------------------------


async def test_a_database_that_another_program_keeps_locked_is_told(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 20)
    state = await open_sqlite(database)
    try:
        with closing(sqlite3.connect(database, isolation_level=None)) as shell:
            shell.execute("begin immediate")
            with pytest.raises(DatabaseInUseError, match="another program has kept the database locked"):
                await save(state, ["900"])
            assert await ids_in(state) == IDS, "who only reads is not held up"
            shell.execute("rollback")
        await save(state, ["900"])
        assert await ids_in(state) == [*IDS, "900"]
    finally:
        await state.close()


HOLDER = """
    import asyncio, sys
    from pathlib import Path
    from crossdock.state.sqlite import open_sqlite

    async def hold(path):
        state = await open_sqlite(path)
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await state.close()

    asyncio.run(hold(Path(sys.argv[1])))
"""


@contextmanager
def held_open(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the database open."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDER), str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "open\n"
        yield process
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


async def test_a_migration_waits_for_no_other_process_for_ever_and_names_it(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "MIGRATION_WAIT_S", 0.0)
    with held_open(database) as holder, next_version(monkeypatch, "drop table timeline"):
        error = await refused(database)
        assert isinstance(error, DatabaseInUseError)
        assert f"process {holder.pid} is using it" in str(error)
    assert await ids_at(database) == IDS, "the older version still opens it"


async def test_a_killed_process_leaves_no_lock_behind(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "MIGRATION_WAIT_S", 0.0)
    with held_open(database) as holder, next_version(monkeypatch, "alter table orders add column next text"):
        holder.kill()
        holder.wait()
        assert await ids_at(database) == IDS


async def test_who_opens_while_another_process_migrates_is_told_after_a_while(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "MIGRATION_WAIT_S", 0.0)
    lock = locks.FileLock(database.with_name("crossdock.db.lock"))
    try:
        assert lock.try_exclusive()
        error = await refused(database)
    finally:
        lock.close()
    assert isinstance(error, DatabaseInUseError)
    assert "bringing its tables up to date" in str(error)


async def test_processes_that_start_at_once_on_a_new_database_all_open_it(tmp_path: Path) -> None:
    path = tmp_path / "crossdock.db"
    states = await asyncio.gather(*(open_sqlite(path) for _ in range(5)))
    for state in states:
        await state.close()
    assert await ids_at(path) == []


async def test_a_big_order_is_saved_whole(database: Path) -> None:
    big = with_lines(order("big"), *(line(str(number), name="x" * 2000) for number in range(500)))
    state = await open_sqlite(database)
    try:
        run = (await state.begin_run(ACME, RunKind.CHANGES, NOON)).run
        await state.save_page(ACME, run, [view(big)], None, derivation="m/1/a", at=NOON)
        stored = await state.order(ACME, "big")
    finally:
        await state.close()
    assert stored is not None
    assert stored.order == big


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file for somebody else")
async def test_what_root_makes_beside_the_database_is_for_the_databases_owner(tmp_path: Path) -> None:
    """Else one `sudo crossdock import` would keep the daemon from that store for good."""
    path = tmp_path / "crossdock.db"
    await _filled(path)
    owner = 12_345
    os.chown(path, owner, owner)
    for lock in tmp_path.glob("*.lock"):
        lock.unlink()
    state = await open_sqlite(path)
    try:
        async with state.daemon(), state.lock(ACME, LockPurpose.IMPORT, lambda words: None):
            pass
    finally:
        await state.close()
    locks_made = list(tmp_path.glob("*.lock"))
    assert len(locks_made) == 3
    assert {lock.stat().st_uid for lock in locks_made} == {owner}


async def test_a_database_that_is_removed_or_replaced_under_a_process_is_written_to_no_more(tmp_path: Path) -> None:
    path = tmp_path / "crossdock.db"
    await _filled(path)
    shutil.copy(path, tmp_path / "copy.db")
    state = await open_sqlite(path)
    try:
        path.unlink()
        with pytest.raises(StateError, match="was removed or replaced"):
            await state.pause(ACME, NOON)
        (tmp_path / "copy.db").rename(path)
        with pytest.raises(StateError, match="was removed or replaced"):
            await state.pause(ACME, NOON)
    finally:
        await state.close()


async def test_a_link_to_a_database_has_the_locks_of_the_database(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    link = tmp_path / "here" / "crossdock.db"
    link.symlink_to(tmp_path / "there" / "crossdock.db")
    first, second = await open_sqlite(tmp_path / "there" / "crossdock.db"), await open_sqlite(link)
    try:
        async with first.daemon():
            with pytest.raises(DatabaseInUseError):
                async with second.daemon():
                    pass
    finally:
        await first.close()
        await second.close()
