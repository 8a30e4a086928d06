"""Who may come in: the password and the tokens in their file, sessions, and how guessing is slowed down."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import hmac
import ipaddress
import os
import secrets
import stat
import unicodedata
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from crossdock.clock import Clock
from crossdock.errors import CrossdockError, UsageError
from crossdock.model import instant

SHORTEST_PASSWORD = 12  # characters
LONGEST_PASSWORD = 1024
COST = 2**15  # of scrypt, which makes it 32 MiB and some 100 ms a guess
LARGEST_COST = 2**16
BLOCK, PARALLEL = 8, 1
MEMORY = 128 * 1024 * 1024  # bytes that scrypt may take
DIGEST = 32  # bytes

LARGEST_FILE = 1024 * 1024  # bytes: thousands of tokens
LONGEST_NAME = 60  # characters

IDLE_S = 12 * 3600.0  # a shift at the packing bench, with its breaks
LONGEST_S = 7 * 24 * 3600.0
MOST_SESSIONS = 10_000

FREE_GUESSES = 5  # of one address, that cost no waiting
FREE_GUESSES_OF_ALL = 50  # of all together: a wrong one here and there must not keep everybody out
LONGEST_WAIT_S = 60.0
FORGOTTEN_S = 3600.0  # without a wrong guess
MOST_GUESSERS = 10_000


class Password(msgspec.Struct, frozen=True):
    """A password as it's kept: what scrypt made of it, with which salt, and at which cost."""

    scrypt: str
    salt: str
    cost: int

    def __post_init__(self) -> None:
        is_sound = len(bytes.fromhex(self.scrypt)) == DIGEST and len(bytes.fromhex(self.salt)) > 0
        if not is_sound or not 2 <= self.cost <= LARGEST_COST or self.cost.bit_count() != 1:
            raise ValueError("not what scrypt makes")


class Token(msgspec.Struct, frozen=True):
    """A token of a program as it's kept: its name, the SHA-256 of it, and when it was made."""

    name: str
    sha256: str
    made_at: str


class Keys(msgspec.Struct, frozen=True):
    """All that opens the door: the content of the file that `engine.web.password_file` names."""

    password: Password | None = None
    tokens: tuple[Token, ...] = ()

    def is_password(self, typed: str) -> bool:
        """Whether that is the password. Takes a while on purpose: call it in a thread."""
        if self.password is None or len(typed) > LONGEST_PASSWORD:
            return False
        digest = _scrypt(typed, bytes.fromhex(self.password.salt), self.password.cost)
        return hmac.compare_digest(digest, bytes.fromhex(self.password.scrypt))

    def is_token(self, shown: str) -> bool:
        """Whether that is one of the tokens."""
        digest = _sha256(shown).encode()
        return any(hmac.compare_digest(digest, token.sha256.encode()) for token in self.tokens)

    def with_password(self, typed: str) -> Keys:
        """With this password in the place of the former. Raises UsageError where it's too easily guessed."""
        if not SHORTEST_PASSWORD <= len(typed) <= LONGEST_PASSWORD:
            raise UsageError(
                f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,} characters; several words do well."
            )
        salt = secrets.token_bytes(16)
        password = Password(scrypt=_scrypt(typed, salt, COST).hex(), salt=salt.hex(), cost=COST)
        return Keys(password=password, tokens=self.tokens)

    def with_token(self, name: str, at: datetime) -> tuple[Keys, str]:
        """With a new token of this name, and the token, which is shown this once. Raises UsageError."""
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise UsageError(f"A token's name has 1 to {LONGEST_NAME} characters, all of them in one line.")
        if any(token.name == name for token in self.tokens):
            raise UsageError(f"There is a token named '{name}' already; revoke it first, or choose another name.")
        shown = f"cdk_{secrets.token_urlsafe(32)}"
        token = Token(name=name, sha256=_sha256(shown), made_at=instant(at))
        return Keys(password=self.password, tokens=(*self.tokens, token)), shown

    def without_token(self, name: str) -> Keys:
        """Without the token of this name. Raises UsageError where there is none."""
        left = tuple(token for token in self.tokens if token.name != name)
        if len(left) == len(self.tokens):
            known = ", ".join(token.name for token in self.tokens) or "none yet"
            raise UsageError(f"There is no token named '{name[:LONGEST_NAME]}'; the tokens are: {known}.")
        return Keys(password=self.password, tokens=left)


def _scrypt(typed: str, salt: bytes, cost: int) -> bytes:
    same = unicodedata.normalize("NFKC", typed)  # keyboards differ in how they write an é
    return hashlib.scrypt(
        same.encode("utf-8", errors="surrogatepass"),
        salt=salt,
        n=cost,
        r=BLOCK,
        p=PARALLEL,
        maxmem=MEMORY,
        dklen=DIGEST,
    )


def _sha256(shown: str) -> str:
    # Not scrypt: 256 random bits can't be guessed, however fast one tries.
    return hashlib.sha256(shown.encode("utf-8", errors="surrogatepass")).hexdigest()


def read_keys(path: Path) -> Keys:
    """The keys in the file; none where there is no file yet. Raises UsageError where it can't be trusted or read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            _refuse_strangers(os.fstat(descriptor), path)
            return msgspec.json.decode(file.read(LARGEST_FILE), type=Keys)
    except FileNotFoundError:
        return Keys()
    except OSError as error:
        raise UsageError(f"{path} {_why_unread(error)}") from error
    except ValueError as error:  # not JSON, not of this form, or not even text
        raise UsageError(
            f"{path} holds no password that crossdock can understand. Remove it: `crossdock web password` makes it"
            " anew, and tokens have to be made again."
        ) from error


def _refuse_strangers(about: os.stat_result, path: Path) -> None:
    """Raises UsageError unless only the user who runs this process can read the file, and wrote it."""
    if not stat.S_ISREG(about.st_mode):
        raise UsageError(f"{path} is not a file: name another as engine.web.password_file in stores.yaml.")
    if about.st_uid != os.geteuid():
        raise UsageError(
            f"{path} belongs to another user (id {about.st_uid}). It has to belong to the user who runs crossdock:"
            " run this as that user, or change its owner with chown."
        )
    if about.st_mode & 0o077:
        mode = stat.S_IMODE(about.st_mode)
        raise UsageError(f"{path} is open to other users (mode {mode:04o}): run  chmod 600 {path}")


def _why_unread(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "is a link: name the file itself as engine.web.password_file in stores.yaml."
    if error.errno in (errno.EACCES, errno.EPERM):
        return "can't be read by this user: run this as the user who runs the daemon, or change its owner with chown."
    return f"can't be read: {error.strerror}."


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Nobody else changes the keys at `path` this way until the block ends. Raises CrossdockError."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise CrossdockError(f"{path} can't be written: the folder {path.parent}: {error.strerror}.") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write_keys(path: Path, keys: Keys) -> None:
    """Puts the file there at once, readable by this user alone; a link there gives way. Raises CrossdockError."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(keys)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise CrossdockError(f"{path} can't be written: {error.strerror}.") from error


@dataclass(slots=True)
class Session:
    """A browser that was here. `said` is shown on its next page, `carrier` is what it shipped by last."""

    id: str
    csrf: str
    made_at: float
    seen_at: float
    signed_in: bool = False
    said: str = ""
    carrier: str = ""


@dataclass(slots=True)
class Sessions:
    """The browsers of late, in memory: after a restart everybody signs in again.

    Those who are signed in are counted apart: however many others come, they stay.
    """

    clock: Clock
    _guests: OrderedDict[str, Session] = field(default_factory=OrderedDict)
    _signed_in: OrderedDict[str, Session] = field(default_factory=OrderedDict)

    def find(self, id: str) -> Session | None:
        """The session of this id, unless it's over."""
        among = self._signed_in if id in self._signed_in else self._guests
        session, now = among.get(id), self.clock.monotonic()
        if session is None:
            return None
        if now - session.seen_at > IDLE_S or now - session.made_at > LONGEST_S:
            del among[id]
            return None
        session.seen_at = now
        among.move_to_end(id)
        return session

    def begin(self, *, signed_in: bool = False) -> Session:
        """A new session."""
        now = self.clock.monotonic()
        session = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32), now, now, signed_in)
        among = self._signed_in if signed_in else self._guests
        among[session.id] = session
        if len(among) > MOST_SESSIONS:
            among.popitem(last=False)
        return session

    def end(self, id: str) -> None:
        """Ends a session."""
        self._guests.pop(id, None)
        self._signed_in.pop(id, None)

    def end_all(self) -> None:
        """Ends every session: the password has changed."""
        self._guests.clear()
        self._signed_in.clear()


@dataclass(frozen=True, slots=True)
class _Guesses:
    count: int = 0
    until: float = 0.0

    def and_one_more(self, free: int, now: float) -> _Guesses:
        count = 1 if now - self.until > FORGOTTEN_S else self.count + 1
        wait = 0.0 if count < free else min(LONGEST_WAIT_S, 2.0 ** min(count - free, 10))
        return _Guesses(count, now + wait)


@dataclass(slots=True)
class Throttle:
    """Slows down whoever guesses: each wrong guess from the fifth on doubles the wait, up to a minute.

    That holds for an address, and, after more of them, for all addresses together: a guesser may have many.
    """

    clock: Clock
    _of_all: _Guesses = _Guesses()
    _guesses: OrderedDict[str, _Guesses] = field(default_factory=OrderedDict)

    def wait_s(self, address: str) -> float:
        """For how long this guesser has to wait; 0 where it may try now."""
        guesses = self._guesses.get(_guesser(address), _Guesses())
        return max(0.0, max(guesses.until, self._of_all.until) - self.clock.monotonic())

    def wrong(self, address: str) -> None:
        """Notes a wrong guess."""
        who, now = _guesser(address), self.clock.monotonic()
        self._of_all = self._of_all.and_one_more(FREE_GUESSES_OF_ALL, now)
        self._guesses[who] = self._guesses.pop(who, _Guesses()).and_one_more(FREE_GUESSES, now)
        if len(self._guesses) > MOST_GUESSERS:
            self._guesses.popitem(last=False)

    def right(self, address: str) -> None:
        """Forgets the wrong guesses of one who knew it at last."""
        self._guesses.pop(_guesser(address), None)


def _guesser(address: str) -> str:
    """Whom an address stands for: of version 6 everybody has 2⁶⁴ of them."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address) or found.ipv4_mapped:
        return str(getattr(found, "ipv4_mapped", None) or found)
    return str(ipaddress.ip_network((found, 64), strict=False))
