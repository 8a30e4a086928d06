"""The filters, sorting and paging of `GET /v2/orders` and `/v2/orders/count`, answered from the sorted indexes.

All bounds are inclusive and all filters are joined by AND. Source: V2 Orders reference, GET orders, its parameters.
`is_deleted` comes from an earlier edition of that reference and is still sent by clients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from .answers import ApiError, invalid_field
from .documented import DEFAULT_LIMIT, MAX_LIMIT
from .index import OrderIndex
from .record import Record
from .times import parse_date

Test = Callable[[Record], bool]

_SORT_KEYS: dict[str, Callable[[Record], int | str]] = {
    "id": lambda order: order.id,
    "customer_id": lambda order: order.customer_id,
    "date_created": lambda order: order.created,
    "date_modified": lambda order: order.modified,
    "status_id": lambda order: order.status_id,
    "channel_id": lambda order: order.channel_id,
    "external_id": lambda order: order.external_id,
}


@dataclass(frozen=True, slots=True)
class Paging:
    page: int
    limit: int

    @property
    def skip(self) -> int:
        return (self.page - 1) * self.limit


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """Which orders are asked for. Times are unix seconds."""

    min_id: int | None
    max_id: int | None
    min_modified: int | None
    max_modified: int | None
    status_id: int | None
    tests: tuple[Test, ...]
    sort_by: str
    descending: bool

    def matches(self, order: Record) -> bool:
        return (
            (self.min_id is None or order.id >= self.min_id)
            and (self.max_id is None or order.id <= self.max_id)
            and (self.min_modified is None or order.modified >= self.min_modified)
            and (self.max_modified is None or order.modified <= self.max_modified)
            and (self.status_id is None or order.status_id == self.status_id)
            and all(test(order) for test in self.tests)
        )

    def run(self, orders: OrderIndex) -> Iterable[Record]:
        """The matching orders in the order asked for; ties come by ascending id, whichever way the sort goes."""
        if self.sort_by == "id":
            ids = self._candidate_ids(orders)
            found = (orders.get(each) for each in (reversed(ids) if self.descending else ids))
            return (order for order in found if order is not None and self.matches(order))
        if self.sort_by == "date_modified" and not self._narrow_by_id(orders):
            pairs = orders.between_modified(self.min_modified, self.max_modified)
            if self.descending:
                pairs = sorted(pairs, key=lambda pair: -pair[0])
            found = (orders.get(each) for _, each in pairs)
            return (order for order in found if order is not None and self.matches(order))
        matching = [
            order for each in self._candidate_ids(orders) if (order := orders.get(each)) and self.matches(order)
        ]
        return sorted(matching, key=_SORT_KEYS[self.sort_by], reverse=self.descending)

    def _narrow_by_id(self, orders: OrderIndex) -> bool:
        by_id = len(orders.between_ids(self.min_id, self.max_id, self.status_id))
        return by_id * 4 < len(orders.between_modified(self.min_modified, self.max_modified))

    def _candidate_ids(self, orders: OrderIndex) -> list[int]:
        """Ids ascending, from whichever index leaves fewer to look at."""
        by_id = orders.between_ids(self.min_id, self.max_id, self.status_id)
        if self.min_modified is None and self.max_modified is None:
            return by_id
        by_time = orders.between_modified(self.min_modified, self.max_modified)
        return sorted(each for _, each in by_time) if len(by_time) < len(by_id) else by_id


def page_of(found: Iterable[Record], paging: Paging) -> list[Record]:
    return list(islice(found, paging.skip, paging.skip + paging.limit))


def paging_from(query: Mapping[str, str], *, clamp: int | None = None) -> Paging:
    """Page and limit of a V2 list. Raises 413 above the maximum and 400 for what is no positive number.

    `clamp` is the store's own lower maximum: it gives no error, just shorter pages (as integrators saw).
    Source: status codes page, 413; V2 Orders reference, `page` and `limit`.
    """
    page = _positive(query, "page", 1)
    limit = _positive(query, "limit", DEFAULT_LIMIT)
    if limit > MAX_LIMIT:
        raise ApiError(413, f"The limit of {limit} is above the maximum of {MAX_LIMIT}.")
    return Paging(page, min(limit, clamp) if clamp else limit)


def order_query_from(query: Mapping[str, str], *, archived_in_lists: bool) -> OrderQuery:
    """The query's filters; a value that can't be read raises 400 with its field. Unknown parameters are ignored."""
    sort_by, _, direction = (query.get("sort") or "id").partition(":")
    if sort_by not in _SORT_KEYS or direction not in {"", "asc", "desc"}:
        raise invalid_field("sort")
    return OrderQuery(
        min_id=_integer(query, "min_id"),
        max_id=_integer(query, "max_id"),
        min_modified=_date(query, "min_date_modified"),
        max_modified=_date(query, "max_date_modified"),
        status_id=_integer(query, "status_id"),
        tests=tuple(_tests_from(query, archived_in_lists=archived_in_lists)),
        sort_by=sort_by,
        descending=direction == "desc",
    )


def _tests_from(query: Mapping[str, str], *, archived_in_lists: bool) -> Iterable[Test]:
    if (first := _date(query, "min_date_created")) is not None:
        yield lambda order: order.created >= first
    if (last := _date(query, "max_date_created")) is not None:
        yield lambda order: order.created <= last
    if (least := _number(query, "min_total")) is not None:
        yield lambda order: order.total >= least
    if (most := _number(query, "max_total")) is not None:
        yield lambda order: order.total <= most
    if (customer := _integer(query, "customer_id")) is not None:
        yield lambda order: order.customer_id == customer
    if (channel := _integer(query, "channel_id")) is not None:
        yield lambda order: order.channel_id == channel
    if email := query.get("email", "").lower():
        yield lambda order: order.email == email
    if cart := query.get("cart_id"):
        yield lambda order: order.cart_id == cart
    if method := query.get("payment_method", "").lower():
        yield lambda order: order.payment_method.lower() == method
    if external := query.get("external_order_id"):
        yield lambda order: order.external_order_id == external
    if (deleted := _boolean(query, "is_deleted")) is not None:
        yield lambda order: order.is_deleted is deleted
    if not archived_in_lists:
        yield lambda order: not order.is_deleted


def _integer(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise invalid_field(name) from None


def _positive(query: Mapping[str, str], name: str, default: int) -> int:
    number = _integer(query, name)
    if number is None:
        return default
    if number < 1:
        raise invalid_field(name)
    return number


def _number(query: Mapping[str, str], name: str) -> float | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        raise invalid_field(name) from None


def _date(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return parse_date(text)
    except (ValueError, OverflowError):
        raise invalid_field(name) from None


def _boolean(query: Mapping[str, str], name: str) -> bool | None:
    text = query.get(name)
    if text is None:
        return None
    if text.lower() not in {"true", "false", "1", "0"}:
        raise invalid_field(name)
    return text.lower() in {"true", "1"}
