"""The orders in their sorted indexes, so that a page by id or modified time costs no scan and no sort of all."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeVar

from .record import Record

_LAST = 1 << 62
_Key = TypeVar("_Key", int, tuple[int, int])


class OrderIndex:
    """Holds records by id. A record's id, status and modified time are changed through `move` alone."""

    def __init__(self) -> None:
        self._records: dict[int, Record] = {}
        self._ids: list[int] = []
        self._modified: list[tuple[int, int]] = []
        self._ids_of_status: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return (self._records[each] for each in self._ids)

    def get(self, order_id: int) -> Record | None:
        return self._records.get(order_id)

    def add(self, record: Record) -> None:
        if record.id in self._records:
            raise ValueError(f"There is an order {record.id} already.")
        self._records[record.id] = record
        insort(self._ids, record.id)
        insort(self._modified, (record.modified, record.id))
        insort(self._ids_of_status.setdefault(record.status_id, []), record.id)

    def add_all(self, records: Iterable[Record]) -> None:
        """The same for many at once, in one sort."""
        for record in records:
            if record.id in self._records:
                raise ValueError(f"There is an order {record.id} already.")
            self._records[record.id] = record
            self._ids.append(record.id)
            self._modified.append((record.modified, record.id))
            self._ids_of_status.setdefault(record.status_id, []).append(record.id)
        self._ids.sort()
        self._modified.sort()
        for ids in self._ids_of_status.values():
            ids.sort()

    def remove(self, order_id: int) -> None:
        record = self._records.pop(order_id)
        _take_out(self._ids, order_id)
        _take_out(self._modified, (record.modified, order_id))
        _take_out(self._ids_of_status[record.status_id], order_id)

    def move(self, record: Record, *, status_id: int, modified: int) -> None:
        """Give the record its new status and modified time."""
        if status_id != record.status_id:
            _take_out(self._ids_of_status[record.status_id], record.id)
            insort(self._ids_of_status.setdefault(status_id, []), record.id)
            record.status_id = status_id
        if modified != record.modified:
            _take_out(self._modified, (record.modified, record.id))
            insort(self._modified, (modified, record.id))
            record.modified = modified

    def status_counts(self) -> Counter[int]:
        return Counter({status: len(ids) for status, ids in self._ids_of_status.items() if ids})

    def between_ids(self, first: int | None, last: int | None, status_id: int | None = None) -> list[int]:
        """Ids from `first` to `last`, both included, ascending; of one status if given."""
        ids = self._ids if status_id is None else self._ids_of_status.get(status_id, [])
        start = 0 if first is None else bisect_left(ids, first)
        end = len(ids) if last is None else bisect_right(ids, last)
        return ids if (start, end) == (0, len(ids)) else ids[start:end]

    def between_modified(self, first: int | None, last: int | None) -> list[tuple[int, int]]:
        """Pairs of modified time and id between two times, both included, ascending; ties by id."""
        start = 0 if first is None else bisect_left(self._modified, (first, -1))
        end = len(self._modified) if last is None else bisect_right(self._modified, (last, _LAST))
        return self._modified[start:end]


def _take_out(items: list[_Key], item: _Key) -> None:
    del items[bisect_left(items, item)]
