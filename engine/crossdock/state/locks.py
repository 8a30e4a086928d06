"""Locks held by the kernel, so that they hold between processes and vanish with their holder (rule S3)."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from crossdock.errors import DatabaseInUseError, DatabaseReadOnlyError
from crossdock.state import LockPurpose, Waiting

POLL_S = 0.1  # flock can't be awaited, so a waiting command asks again this often
PROBE_S = 0.005  # far longer than a probe lasts: two daemons that start at once don't keep finding each other's
PROBES_WAIT_S = 5.0
MIGRATION_WAIT_S = 20.0  # long enough for another process that is starting too to finish its migration


class FileLock:
    """One descriptor on a lock file, which is never deleted: a deleted one would let two holders in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_shared(self) -> bool:
        """Whether the lock is now held together with other readers."""
        return self._try(fcntl.LOCK_SH)

    def try_exclusive(self) -> bool:
        """Whether the lock is now held alone."""
        return self._try(fcntl.LOCK_EX)

    def probe(self) -> bool:
        """Whether nobody holds the lock alone. It is shared for a moment to find out, and not held afterwards."""
        found = self.try_shared()
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return found

    def _try(self, operation: int) -> bool:
        try:
            fcntl.flock(self._descriptor, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def give_to_owner_of(self, database: Path) -> None:
        """Made by root, it's for the database's owner all the same, as SQLite does it with the files beside its own."""
        if os.geteuid() == 0:
            owner = database.stat()
            os.fchown(self._descriptor, owner.st_uid, owner.st_gid)

    def sign(self) -> None:
        """Leaves word of who holds it, for whoever finds it taken."""
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:4]])
        with suppress(OSError):  # a full disk: the lock holds without a signature
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"process {os.getpid()} ({command})".encode(), 0)

    def holder(self) -> str:
        """Who signed it last."""
        return os.pread(self._descriptor, 200, 0).decode(errors="replace") or "another process"

    def close(self) -> None:
        """Lets go."""
        os.close(self._descriptor)


@asynccontextmanager
async def store_lock(database: Path, store: str, purpose: LockPurpose, waiting: Waiting) -> AsyncGenerator[None, None]:
    """The lock of a store for one purpose; `waiting` is told once, in words, who has it."""
    digest = hashlib.blake2b(store.encode(), digest_size=8).hexdigest()
    lock = _opened(database.with_name(f"{database.name}.{purpose.value}.{digest}.lock"), database)
    try:
        if not lock.try_exclusive():
            waiting(f"{store}: {lock.holder()} holds its {purpose.value} lock; waiting for it to finish")
            while not lock.try_exclusive():  # noqa: ASYNC110 -- the holder may be another process: there is no event
                await asyncio.sleep(POLL_S)
        lock.sign()
        yield
    finally:
        lock.close()


@asynccontextmanager
async def daemon_lock(database: Path) -> AsyncGenerator[None, None]:
    """The lock of the one daemon of a database. Raises DatabaseInUseError that names another one, at once."""
    lock = _opened(_daemon_path(database), database)
    try:
        give_up = time.monotonic() + PROBES_WAIT_S
        while not lock.try_exclusive():
            # Who only asks for the daemon shares the lock for a moment, and a daemon shares it with nobody.
            if not lock.probe() or time.monotonic() > give_up:
                raise DatabaseInUseError(
                    f"{database}: {lock.holder()} is the daemon of this database already, and there can be only one. "
                    "Stop it first, or name another file as engine.database in stores.yaml."
                )
            await asyncio.sleep(PROBE_S)
        lock.sign()
        yield
    finally:
        lock.close()


def daemon_holder(database: Path) -> str | None:
    """Who holds the lock of the daemon, by its signature; None where nobody does.

    Not from /proc/locks: that tells nothing outside Linux, and nothing of a daemon in another container.
    """
    lock = _opened(_daemon_path(database), database)
    try:
        return None if lock.probe() else lock.holder()
    finally:
        lock.close()


def _daemon_path(database: Path) -> Path:
    return database.with_name(f"{database.name}.daemon.lock")


def _opened(path: Path, database: Path) -> FileLock:
    try:
        lock = FileLock(path)
        lock.give_to_owner_of(database)
        return lock
    except OSError as error:  # most likely made by another user, who ran crossdock once
        raise DatabaseReadOnlyError(
            f"{path}: this lock can't be opened ({error.strerror}); "
            "this user must be able to write to it and to its folder."
        ) from error


def hold_exclusive(lock: FileLock, database: Path, *, is_needed: Callable[[], bool]) -> bool:
    """Takes the whole database for a migration; False where another process has done it in the meantime.

    Two that start at once both want it, and the first one keeps the database open when it is done. What `lock` held
    before may be lost. Raises DatabaseInUseError that names who is in the way.
    """
    give_up = time.monotonic() + MIGRATION_WAIT_S
    while not lock.try_exclusive():
        if not is_needed():
            return False
        if time.monotonic() > give_up:
            raise DatabaseInUseError(
                f"{database}: its tables must be brought up to date, but {holders(lock.path)} is using it. "
                "Stop that, then run this again."
            )
        time.sleep(POLL_S)
    return True


def hold_shared(lock: FileLock, database: Path) -> None:
    """Keeps migrations of other processes away. Raises DatabaseInUseError where one takes too long."""
    give_up = time.monotonic() + MIGRATION_WAIT_S
    while not lock.try_shared():
        if time.monotonic() > give_up:
            raise DatabaseInUseError(
                f"{database}: {holders(lock.path)} is bringing its tables up to date. Try again when it is done."
            )
        time.sleep(POLL_S)


def holders(path: Path) -> str:
    """Which processes hold a flock on the file, as far as the kernel tells (Linux: /proc/locks)."""
    inode = path.stat().st_ino
    try:
        table = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return "another process"
    own = str(os.getpid())
    found = [
        fields[4]
        for fields in (line.split() for line in table.splitlines())
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5].endswith(f":{inode}") and fields[4] != own
    ]
    return f"process {', '.join(sorted(set(found)))}" if found else "another process"
