"""Scalars of BigCommerce's JSON → texts, numbers, money, times. Pure, and built for speed: each runs per field.

Every reader takes the object, the key and `where`, the path of the object with a closing dot, which is used only when
something is wrong. No value of a buyer gets into an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from functools import lru_cache
from html import unescape
from html.entities import html5

from crossdock import Json, Raw


class WireError(ValueError):
    """A part of an answer that can't be understood: the field's path, what belongs there, and what kind was found."""

    def __init__(self, path: str, expected: str, found: object = ...) -> None:
        self.path = path
        super().__init__(f"{path}: {expected}" if found is ... else f"{path}: expected {expected}, found {kind(found)}")


def kind(value: object) -> str:
    """What `value` is, in words that hold nothing of it, as it may be a buyer's."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a negative number" if value < 0 else "a number"
    if isinstance(value, (str, list)):
        return f"a text of {len(value)} characters" if isinstance(value, str) else f"a list of {len(value)}"
    return "an object" if isinstance(value, Mapping) else f"a {type(value).__name__}"


# --- texts ----------------------------------------------------------------------------------------------------------

_LEFT_OUT: dict[int, str | None] = {
    **dict.fromkeys([*range(32), *range(127, 160)], None),  # control characters
    **dict.fromkeys([0x00AD, 0x200B, 0x2060, 0xFEFF], None),  # soft hyphen and spaces without width
    **dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], None),  # what turns the writing direction
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),  # halves of a pair: no UTF-8 can hold them
    **dict.fromkeys([0x09, 0x0A, 0x0D, 0x00A0, 0x2007, 0x2028, 0x2029, 0x202F], " "),
}
_LEFT_OUT_OF_PROSE = {**_LEFT_OUT, 0x0A: "\n", 0x2028: "\n", 0x2029: "\n"}
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# Only HTML's own tags: "Size <M>", "a < b" and "<3" are texts. Tags that part words leave a space.
_TAG = re.compile(
    r"</?(?P<name>a|abbr|b|big|blockquote|br|center|code|del|div|em|font|h[1-6]|hr|i|img|ins|li|ol|p|pre|s|small|span"
    r"|strike|strong|sub|sup|table|tbody|td|th|thead|tr|tt|u|ul)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_PARTING = frozenset({"blockquote", "br", "div", "hr", "li", "p", "table", "td", "th", "tr", "ul", "ol", "pre"})


def text(raw: Raw, key: str, where: str) -> str | None:
    """A line of text, or None where there is none: entities unescaped once, no control characters, trimmed."""
    value = raw.get(key)
    if not value:
        return None
    if type(value) is str and value.isprintable() and "&" not in value:  # most are: a no-break space is not printable
        return value.strip() or None
    return one_line(_as_text(value, where, key)) or None


def label(raw: Raw, key: str, where: str) -> str | None:
    """Like `text`, without HTML tags: for names."""
    value = raw.get(key)
    if not value:
        return None
    if type(value) is str and value.isprintable() and "&" not in value and "<" not in value:
        return value.strip() or None
    return without_tags(_as_text(value, where, key)) or None


def prose(raw: Raw, key: str, where: str) -> str | None:
    """Like `text`, with its line breaks: for what people write."""
    value = raw.get(key)
    if not value:
        return None
    if type(value) is str and value.isprintable() and "&" not in value:
        return value.strip() or None
    return several_lines(_as_text(value, where, key)) or None


def one_line(value: str) -> str:
    return unescaped(value).replace("\r\n", " ").translate(_LEFT_OUT).strip()


def without_tags(value: str) -> str:
    value = unescaped(value)
    if "<" in value:
        value = _TAG.sub(lambda tag: " " if tag["name"].lower() in _PARTING else "", value)
    return value.replace("\r\n", " ").translate(_LEFT_OUT).strip()


def several_lines(value: str) -> str:
    return unescaped(value).replace("\r\n", "\n").replace("\r", "\n").translate(_LEFT_OUT_OF_PROSE).strip()


def unescaped(value: str) -> str:
    """`value` with its HTML entities turned into characters once: `&amp;lt;` becomes `&lt;`, `AT&T` stays.

    Source: seen in the field; old themes and imports stored texts escaped.
    """
    return _ENTITY.sub(_character, value) if "&" in value else value


def _character(entity: re.Match[str]) -> str:
    written = entity[0]
    if written[1] == "#":
        return unescape(written)
    return html5.get(written[1:], written)


def _as_text(value: Json, where: str, key: str) -> str:
    if isinstance(value, str):
        return value
    if value is None or value is False or (isinstance(value, (list, dict)) and not value):  # PHP's empty things
        return ""
    if isinstance(value, (int, float)) and value is not True and -1e15 < value < 1e15:
        return str(int(value)) if value == int(value) else str(value)
    raise WireError(f"{where}{key}", "a text", value)


# --- numbers --------------------------------------------------------------------------------------------------------

_MOST = Decimal(10) ** 12
_FINEST = Decimal("0.000001")


def decimal(raw: Raw, key: str, where: str) -> Decimal | None:
    """A number from text, integer or float, exactly as it was written; None for null and "".

    Money and sizes are mostly texts with four decimals (`"0.0000"`), in places bare numbers (V2 Orders reference).
    Raises WireError for what is no finite number of believable size.
    """
    value = raw.get(key)
    if value is None or value == "":
        return None
    try:
        if type(value) is str:
            return _number(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return _number(str(value))
    except (InvalidOperation, ValueError):  # ValueError: an integer of thousands of digits
        pass
    raise WireError(f"{where}{key}", "a number below a million million", value)


def money(raw: Raw, key: str, where: str) -> Decimal | None:
    """An amount in plain form: at least two decimals, no needless zeros, at most six (`"1318.0100"` → 1318.01)."""
    found = decimal(raw, key, where)
    return None if found is None else plain_money(found)


@lru_cache(maxsize=4096)  # the same prices, weights and noughts come again and again
def _number(written: str) -> Decimal | None:
    written = written.strip()
    if not written:
        return None
    if len(written) > 40 or not written.isascii() or "_" in written or " " in written:
        raise InvalidOperation  # Decimal itself would take "1_000" and other scripts' digits
    found = Decimal(written)
    if not -_MOST < found < _MOST or abs(int(found.as_tuple().exponent)) > 40:  # "0E-999999999" would fill the memory
        raise InvalidOperation
    return found


@lru_cache(maxsize=4096)
def plain_money(amount: Decimal) -> Decimal:
    """`amount` with two to six decimals and no zeros after the second: 107.1675 and 10.00 stay as they are."""
    whole, _, part = f"{amount:f}".partition(".")
    if len(part) > 6:
        whole, _, part = f"{amount.quantize(_FINEST):f}".partition(".")
    found = Decimal(f"{whole}.{part.rstrip('0'):0<2}")
    return found if found else Decimal("0.00")


def count(raw: Raw, key: str, where: str) -> int | None:
    """A whole number that isn't negative, from 2, "2", 2.0 or "2.0000"; None for null and ""."""
    value = raw.get(key)
    if type(value) is int and 0 <= value < 1_000_000_000:
        return value
    found = decimal(raw, key, where)
    if found is None:
        return None
    if found < 0 or found != int(found) or found >= 1_000_000_000:
        raise WireError(f"{where}{key}", "a whole number, not negative", value)
    return int(found)


def identifier(raw: Raw, key: str, where: str) -> str | None:
    """An id as text; None where there is none, which BigCommerce writes as 0, "0", "" or null."""
    value = raw.get(key)
    if type(value) is int and 0 < value < 10**18:
        return str(value)
    if not value or value == "0":
        return None
    if isinstance(value, str):
        found = value.strip()
        if found.isascii() and found.isprintable() and " " not in found and len(found) <= 64:
            return found if found not in {"", "0"} else None
    elif isinstance(value, float) and value > 0 and value == int(value):
        return str(int(value))
    raise WireError(f"{where}{key}", "an id", value)


def flag(raw: Raw, key: str) -> bool:
    """Whether a field says yes: true, 1, "1" or "true"."""
    value = raw.get(key)
    return value is True or value in (1, "1", "true", "True")


# --- times ----------------------------------------------------------------------------------------------------------

_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: month for month, name in enumerate(_MONTH_NAMES, start=1)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant_of(raw: Raw, key: str, where: str) -> datetime | None:
    """A time in UTC; None for null, "" and PHP's zero dates (30 November of the year -1, 1 January 1970).

    Answers hold RFC 2822 in UTC (V2 Orders reference); ISO 8601 is taken too, in UTC where it names no offset.
    """
    value = raw.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            found = _usual(value) or _unusual(value.strip())
        except (ValueError, OverflowError, TypeError, IndexError):
            raise WireError(f"{where}{key}", "a date such as 'Tue, 03 Mar 2026 22:15:04 +0000'", value) from None
        return None if found == _EPOCH else found
    if isinstance(value, (list, dict)) and not value:
        return None
    raise WireError(f"{where}{key}", "a date such as 'Tue, 03 Mar 2026 22:15:04 +0000'", value)


def _usual(value: str) -> datetime | None:
    """`Tue, 03 Mar 2026 22:15:04 +0000` by place, five times as fast as the standard library; None for other forms."""
    if len(value) != 31 or not value.isascii() or value[3] != "," or value[25:] != " +0000":
        return None
    month = _MONTHS.get(value[8:11])
    if month is None or not (value[12:16] + value[5:7] + value[17:19] + value[20:22] + value[23:25]).isdigit():
        return None
    return datetime(
        int(value[12:16]), month, int(value[5:7]), int(value[17:19]), int(value[20:22]), int(value[23:25]), tzinfo=UTC
    )


def _unusual(value: str) -> datetime | None:
    if not value or "-0001" in value or value.startswith("0000-00-00"):
        return None
    found = datetime.fromisoformat(value) if value[:4].isdigit() else parsedate_to_datetime(value)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def date_of_timestamp(value: str) -> str | None:
    """`2026-03-03` of seconds since 1970, as Date fields hold them; None if `value` is no such number."""
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and 5 <= len(digits) <= 11):
        return None
    return (_EPOCH + timedelta(seconds=int(value))).date().isoformat()


# --- things ---------------------------------------------------------------------------------------------------------


def thing(raw: Raw, key: str, where: str) -> Raw:
    """An object; the empty one for null, "" and [], PHP's way to say so."""
    value = raw.get(key)
    if isinstance(value, dict):
        return value
    if not value:
        return {}
    raise WireError(f"{where}{key}", "an object", value)


def things(raw: Raw, key: str, where: str) -> list[Raw]:
    """A list of objects, given as a list or as one bare object; empty for null, "" and {}.

    Source: the V2 Orders reference declares lists where its examples show one object (`downloads[].line_items`).
    """
    value = raw.get(key)
    if not value:
        return []
    found = value if isinstance(value, list) else [value]
    rows: list[Raw] = []
    for index, row in enumerate(found):
        if not isinstance(row, dict):
            raise WireError(f"{where}{key}[{index}]" if isinstance(value, list) else f"{where}{key}", "an object", row)
        rows.append(row)
    return rows
