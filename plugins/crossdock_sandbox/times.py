"""Times as the platform writes and reads them; inside the sandbox a time is whole unix seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from time import gmtime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RFC_2822 = re.compile(
    r"(?:[A-Za-z]{3},? )?\d{1,2} [A-Za-z]{3} \d{4} \d{2}:\d{2}(?::\d{2})?(?: (?:[+-]\d{4}|[A-Z]{1,4}))?"
)


@lru_cache(maxsize=200_000)
def rfc2822(seconds: int) -> str:
    """`Tue, 03 Mar 2026 22:15:04 +0000`: always UTC in answers. Source: V2 Orders reference, `date_modified`."""
    t = gmtime(seconds)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year} "
        f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} +0000"
    )


def http_date(seconds: int) -> str:
    return rfc2822(seconds).replace("+0000", "GMT")


def seconds_of(moment: datetime) -> int:
    """Whole unix seconds of an aware time; a naive one is refused, since its meaning would be a guess."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; give an aware datetime.")
    return int(moment.timestamp())


def parse_date(text: str) -> int:
    """Unix seconds of an RFC-2822 or ISO-8601 time; one without an offset is read as UTC. Raises ValueError.

    Source: V2 Orders reference, parameter `min_date_modified`. A raw `+` of a query arrives here as a space, and then
    the offset is no offset any more: that is refused. Fractions of a second are dropped.
    """
    if _RFC_2822.fullmatch(text):
        moment = parsedate_to_datetime(text)
    else:
        moment = datetime.fromisoformat(text)
        if re.search(r" \d{2}:?\d{2}$", text) and re.search(r"\d{2}:\d{2}.* \d{2}:?\d{2}$", text):
            raise ValueError(f"{text!r} holds a space where its offset should have a sign.")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())
