"""The log on stderr, for people or as JSON: each line says which store it is about, and none holds a secret."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TextIO
from urllib.parse import quote

import msgspec

LogFormat = Literal["text", "json"]

COVER = "***"
SHORT = 6  # characters; a shorter secret is covered as a word of its own only, or it would leave no sentence whole
SILENT = logging.CRITICAL + 1

LEVELS = {
    "aiohttp.access": SILENT,
    "aiohttp.server": SILENT,  # a traceback for each request that is no HTTP; what our own pages raise, they tell
    "apscheduler": logging.ERROR,  # each tick that finds the last run at work would be a warning
    "asyncio": logging.WARNING,  # which selector it uses helps nobody
}
"""From which level on libraries may speak."""

PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""syslog's numbers, from which journald learns the level of a line."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """What the log is about at the moment; `covered` are the texts that must not be read in it."""

    store: str | None = None
    run: int | None = None
    covered: tuple[str, ...] = ()


_NO_SUBJECT = _Subject()
_subject: ContextVar[_Subject] = ContextVar("log subject", default=_NO_SUBJECT)


_everywhere: tuple[str, ...] = ()


def cover(secrets: Iterable[str]) -> None:
    """From now on these secrets, and no others, are covered in what is logged outside of every `about`, too.

    A task or thread that a plugin left behind speaks there, and so do asyncio and Python for them.
    """
    global _everywhere  # noqa: PLW0603 -- logging is one for the whole process
    _everywhere = tuple(sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True))


@contextmanager
def about(store: str, run: int | None = None, secrets: Collection[str] = ()) -> Iterator[None]:
    """What is logged inside is about this store and run, with its secrets covered; those of an outer block stay so.

    Without a `run` it is that of an outer block about the same store.

    It holds in tasks that are begun inside and in `asyncio.to_thread`. A thread that is started otherwise knows nothing
    of it, unless it is given `contextvars.copy_context().run` to do.
    """
    outer = _subject.get()
    if run is None and outer.store == store:
        run = outer.run
    forms = {form for secret in secrets for form in _forms(secret)}.union(outer.covered)
    covered = tuple(sorted(forms, key=len, reverse=True))  # of two that begin alike the longer one goes first
    token = _subject.set(_Subject(store, run, covered))
    try:
        yield
    finally:
        _subject.reset(token)


def set_up(format: LogFormat, level: int, stream: TextIO | None = None) -> None:
    """From now on all that is logged from `level` on goes to `stream` alone, which is stderr unless given."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.addFilter(_name_subject)
    handler.setFormatter(_JsonLines() if format == "json" else _TextLines(for_journal=_is_journal(stream)))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)  # Python's own would stand between the lines without time or form
    for name, lowest in LEVELS.items():
        logging.getLogger(name).setLevel(lowest)


def hear_all() -> None:
    """From now on what fails in a thread or as something is cleared away is a line of the log like any other.

    Python would write it to stderr itself: without form, and with whatever secret stands in it.
    """
    threading.excepthook = lambda failed: _log_unheard(
        failed.exc_value, f"thread '{getattr(failed.thread, 'name', '')}'"
    )
    sys.unraisablehook = lambda failed: _log_unheard(
        failed.exc_value, failed.err_msg or "something that was cleared away"
    )


def _log_unheard(error: BaseException | None, where: str) -> None:
    logging.getLogger("crossdock.logs").error(
        "something failed in %s, where nobody waits for it", where, exc_info=error
    )


def _forms(secret: str) -> set[str]:
    """The secret as a message, a traceback or a URL may repeat it."""
    texts = {secret, secret.strip()}
    return {form for text in texts if text.strip() for form in (text, repr(text)[1:-1], quote(text, safe=""))}


def _covered(words: str) -> str:
    subject = _subject.get()
    for secret in _everywhere if subject is _NO_SUBJECT else subject.covered:
        if secret not in words:
            continue
        if len(secret) >= SHORT:
            words = words.replace(secret, COVER)
        else:
            words = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", COVER, words)
    return words


def _name_subject(record: logging.LogRecord) -> bool:
    """Gives the record its `store` and `run`, unless whoever logged it did (`extra`); lets every record through."""
    subject = _subject.get()
    vars(record).setdefault("store", subject.store)
    vars(record).setdefault("run", subject.run)
    return True


class _Lines(logging.Formatter):
    """What both forms share: a record that can't be formatted is told all the same, as far as it goes."""

    def format(self, record: logging.LogRecord) -> str:
        try:
            return self.lines(record)
        except Exception as error:  # whatever an argument's own __str__ raises
            return self.lines(_what_is_left(record, error))

    def lines(self, record: logging.LogRecord) -> str:
        """The record as it is written, without the last line's end."""
        raise NotImplementedError

    def message(self, record: logging.LogRecord) -> str:
        return _covered(record.getMessage())

    def error(self, record: logging.LogRecord) -> str:
        """The traceback, and the stack where one was asked for; "" without either."""
        parts = [self.formatException(record.exc_info)] if record.exc_info else []
        if record.stack_info:
            parts.append(record.stack_info)
        return _covered("\n".join(parts))


class _TextLines(_Lines):
    """`2026-05-01T10:00:00Z WARNING acme-au: …`; a traceback follows, indented, so that it can't pass for a line.

    journald has its own time, and is told the level of each line by the number before it.
    """

    def __init__(self, *, for_journal: bool) -> None:
        super().__init__()
        self._for_journal = for_journal

    def lines(self, record: logging.LogRecord) -> str:
        first = f"{record.levelname} {_printable(_introduction(record) + _introduced(record, self.message(record)))}"
        more = [f"    {_printable(line)}" for line in self.error(record).splitlines()]
        if self._for_journal:
            priority = PRIORITIES.get(record.levelno, PRIORITIES[logging.INFO])
            return "\n".join(f"<{priority}>{line}" for line in (first, *more))
        return "\n".join((f"{_utc(record, 'seconds')} {first}", *more))


class _Line(msgspec.Struct, omit_defaults=True):
    time: str
    level: str
    logger: str
    message: str
    store: str | None = None
    run: int | None = None
    error: str = ""


class _JsonLines(_Lines):
    """One object a line; what is not known is left out."""

    def lines(self, record: logging.LogRecord) -> str:
        store, run = _of(record)
        line = _Line(
            time=_utc(record, "milliseconds"),
            level=record.levelname,
            logger=record.name,
            message=_utf8(self.message(record)),
            store=store and _utf8(store),
            run=run,
            error=_utf8(self.error(record)),
        )
        return msgspec.json.encode(line).decode()


def _of(record: logging.LogRecord) -> tuple[str | None, int | None]:
    """The store and the run that the record is about."""
    store, run = vars(record).get("store"), vars(record).get("run")
    return str(store) if store is not None else None, run if isinstance(run, int) else None


def _introduction(record: logging.LogRecord) -> str:
    """Whose words follow, where they are not crossdock's own."""
    is_ours = record.name == "crossdock" or record.name.startswith("crossdock.")
    return "" if is_ours else f"{record.name}: "


def _introduced(record: logging.LogRecord, message: str) -> str:
    """The message with the name of its store before it, once."""
    store, _ = _of(record)
    return message if store is None or message.startswith(f"{store}: ") else f"{store}: {message}"


def _what_is_left(record: logging.LogRecord, error: Exception) -> logging.LogRecord:
    """A record in place of one that raised `error` when it was to be formatted."""
    template = record.msg if isinstance(record.msg, str) else f"a {type(record.msg).__name__}"
    where = f"{os.path.basename(record.pathname)}:{record.lineno}"
    words = f"{template} (the rest can't be told: {where} logs what raises {type(error).__name__})"
    left = logging.LogRecord(record.name, record.levelno, record.pathname, record.lineno, words, None, None)
    left.created = record.created
    _name_subject(left)
    return left


def _utc(record: logging.LogRecord, timespec: str) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def _printable(text: str) -> str:
    """`text` in one line that drives no terminal: what a platform or a buyer wrote may stand in it."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _utf8(text: str) -> str:
    """`text` without halves of characters, which JSON can't hold."""
    return text.encode(errors="backslashreplace").decode()


def _is_journal(stream: TextIO) -> bool:
    """Whether journald reads what is written: it leaves the file's identity in the environment."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # no file at all
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
