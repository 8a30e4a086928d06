"""Who may come in: the password and the tokens in their file, sessions, and how guessing is slowed down."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import msgspec

from crossdock.clock import Clock
from crossdock.errors import CrossdockError, UsageError
from crossdock.model import instant

SHORTEST_PASSWORD = 12  # characters
LONGEST_PASSWORD = 1024
COST = 2**15  # of scrypt, which makes it 32 MiB and some 50 ms a guess
BLOCK, PARALLEL = 8, 1
MEMORY = 128 * 1024 * 1024  # bytes that scrypt may take

IDLE_S = 12 * 3600.0  # a shift at the packing bench, with its breaks
LONGEST_S = 7 * 24 * 3600.0
MOST_SESSIONS = 10_000

FREE_GUESSES = 5  # that cost no waiting
LONGEST_WAIT_S = 60.0
MOST_GUESSERS = 10_000


class Password(msgspec.Struct, frozen=True):
    """A password as it's kept: what scrypt made of it, and at which cost."""

    salt: str
    digest: str
    cost: int


class Token(msgspec.Struct, frozen=True):
    """A token of a program as it's kept: its name, and the SHA-256 of it."""

    name: str
    digest: str
    made_at: str


class Keys(msgspec.Struct, frozen=True):
    """All that opens the door: the content of the file that `engine.web.password_file` names."""

    password: Password | None = None
    tokens: tuple[Token, ...] = ()

    def is_password(self, typed: str) -> bool:
        """Whether that is the password. Takes a while on purpose: call it in a thread."""
        kept = self.password or _NOBODYS
        digest = _scrypt(typed, bytes.fromhex(kept.salt), kept.cost)
        return hmac.compare_digest(digest, bytes.fromhex(kept.digest)) and self.password is not None

    def is_token(self, shown: str) -> bool:
        """Whether that is one of the tokens."""
        digest = _token_digest(shown)
        return any(hmac.compare_digest(digest, token.digest) for token in self.tokens)

    def with_password(self, typed: str) -> Keys:
        """With this password in the place of the former. Raises UsageError where it's too easily guessed."""
        if not SHORTEST_PASSWORD <= len(typed) <= LONGEST_PASSWORD:
            raise UsageError(
                f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,} characters; several words do well."
            )
        salt = secrets.token_bytes(16)
        password = Password(salt=salt.hex(), digest=_scrypt(typed, salt, COST).hex(), cost=COST)
        return Keys(password=password, tokens=self.tokens)

    def with_token(self, name: str, at: datetime) -> tuple[Keys, str]:
        """With a new token of this name, and the token, which is shown this once. Raises UsageError."""
        if any(token.name == name for token in self.tokens):
            raise UsageError(f"There is a token named '{name}' already; revoke it first, or choose another name.")
        if not name or len(name) > 60 or not name.isprintable():
            raise UsageError("A token's name has 1 to 60 characters, all of them in one line.")
        shown = f"cdk_{secrets.token_urlsafe(32)}"
        token = Token(name=name, digest=_token_digest(shown), made_at=instant(at))
        return Keys(password=self.password, tokens=(*self.tokens, token)), shown

    def without_token(self, name: str) -> Keys:
        """Without the token of this name. Raises UsageError where there is none."""
        left = tuple(token for token in self.tokens if token.name != name)
        if len(left) == len(self.tokens):
            known = ", ".join(token.name for token in self.tokens) or "none yet"
            raise UsageError(f"There is no token named '{name}'; the tokens are: {known}.")
        return Keys(password=self.password, tokens=left)


def _scrypt(typed: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(
        typed.encode("utf-8", errors="surrogatepass"), salt=salt, n=cost, r=BLOCK, p=PARALLEL, maxmem=MEMORY, dklen=32
    )


def _token_digest(shown: str) -> str:
    # Not scrypt: 256 random bits can't be guessed, however fast one tries.
    return hashlib.sha256(shown.encode("utf-8", errors="surrogatepass")).hexdigest()


_NOBODYS = Password(salt="00" * 16, digest="00" * 32, cost=COST)  # takes as long to check as one that is there


def read_keys(path: Path) -> Keys:
    """The keys in the file; none where there is no file yet. Raises UsageError where it can't be trusted or read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise UsageError(f"{path} is no file; `crossdock web password` makes one.")
            if about.st_uid not in (os.geteuid(), 0) or about.st_mode & 0o077:
                raise UsageError(f"{path}: others can read it. Make it this user's own: chmod 600 {path}")
            return msgspec.json.decode(file.read(1024 * 1024), type=Keys)
    except FileNotFoundError:
        return Keys()
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"{path} isn't understood; remove it, and `crossdock web password` makes it anew.") from error


def write_keys(path: Path, keys: Keys) -> None:
    """Puts the file there at once, readable by this user alone. Raises CrossdockError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(msgspec.json.encode(keys) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise CrossdockError(f"{path} can't be written: {error.strerror}.") from error


@dataclass(slots=True)
class Session:
    """A browser that was here. `said` is shown on its next page."""

    id: str
    csrf: str
    made_at: float
    seen_at: float
    signed_in: bool = False
    said: str = ""


@dataclass(slots=True)
class Sessions:
    """The browsers of late, in memory: after a restart everybody signs in again."""

    clock: Clock
    _sessions: OrderedDict[str, Session] = field(default_factory=OrderedDict)

    def find(self, id: str) -> Session | None:
        """The session of this id, unless it's over."""
        session, now = self._sessions.get(id), self.clock.monotonic()
        if session is None:
            return None
        if now - session.seen_at > IDLE_S or now - session.made_at > LONGEST_S:
            del self._sessions[id]
            return None
        session.seen_at = now
        self._sessions.move_to_end(id)
        return session

    def begin(self, *, signed_in: bool = False) -> Session:
        """A new session."""
        now = self.clock.monotonic()
        session = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32), now, now, signed_in)
        self._sessions[session.id] = session
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def end(self, id: str) -> None:
        """Ends a session."""
        self._sessions.pop(id, None)

    def end_all(self) -> None:
        """Ends every session: the password has changed."""
        self._sessions.clear()


@dataclass(frozen=True, slots=True)
class _Guesses:
    count: int
    until: float


@dataclass(slots=True)
class Throttle:
    """Slows down whoever guesses: each wrong guess after the fifth doubles the wait, up to a minute."""

    clock: Clock
    _guesses: OrderedDict[str, _Guesses] = field(default_factory=OrderedDict)

    def wait_s(self, who: str) -> float:
        """For how long this guesser has to wait; 0 where it may try now."""
        guesses = self._guesses.get(who)
        return 0.0 if guesses is None else max(0.0, guesses.until - self.clock.monotonic())

    def wrong(self, who: str) -> None:
        """Notes a wrong guess."""
        guesses = self._guesses.pop(who, _Guesses(0, 0.0))
        count = guesses.count + 1
        wait = 0.0 if count < FREE_GUESSES else min(LONGEST_WAIT_S, 2.0 ** min(count - FREE_GUESSES, 10))
        self._guesses[who] = replace(guesses, count=count, until=self.clock.monotonic() + wait)
        if len(self._guesses) > MOST_GUESSERS:
            self._guesses.popitem(last=False)

    def right(self, who: str) -> None:
        """Forgets the wrong guesses of one who knew it at last."""
        self._guesses.pop(who, None)
