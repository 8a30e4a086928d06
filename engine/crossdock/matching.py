"""Which of a store's shipments are ours, what is left to ship, and how far an order is: computed, nothing asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from crossdock.shipment import Item, LineCount, Progress, StoreShipment, StoreView, folded
from crossdock.state.shipments import DROPPED, UNFINISHED, WriteBack

LineKey: TypeAlias = tuple[str, str]
"""A consignment's id and a line's: the same line id may stand in two consignments."""


def ours(view: StoreView, row: WriteBack, others: Iterable[WriteBack]) -> list[StoreShipment]:
    """The store's shipments that are this one of ours (rule W5).

    Once the store has told its id of it, that decides. Else it's one that no other of our shipments is known as, and
    that agrees in number, consignment and items; and that either came after the first look, or bears our number.
    """
    if row.store_id is not None:
        return [found for found in view.shipments if found.id == row.store_id]
    return _alike(view, row, others)


def twins_of(view: StoreView, row: WriteBack, others: Iterable[WriteBack]) -> list[StoreShipment]:
    """What else in the store would be this shipment of ours, which is known there: it was made twice."""
    return [found for found in _alike(view, row, others) if found.id != row.store_id]


def _alike(view: StoreView, row: WriteBack, others: Iterable[WriteBack]) -> list[StoreShipment]:
    claimed = {other.store_id for other in others if other.id != row.id}
    before = set() if row.first_look is None else {found.id for found in row.first_look.shipments}
    numbers = {folded(row.shipment.tracking_number), folded(row.sent_number)} if row.was_sent else None
    return [
        found
        for found in view.shipments
        if found.id not in claimed
        and found.consignment == row.shipment.consignment
        and _units(found.items) == _units(row.shipment.items)
        and _is_number(folded(found.tracking_number), row, numbers)
        and (folded(found.tracking_number) or (row.was_sent and found.id not in before))
    ]


def _is_number(number: str, row: WriteBack, numbers: set[str] | None) -> bool:
    return number == folded(row.shipment.tracking_number) if numbers is None else number in numbers


def shown_before(rows: Iterable[WriteBack]) -> tuple[StoreShipment, ...]:
    """Our shipments that the store has shown, for a view of an order that came without its shipments."""
    return tuple(
        StoreShipment(
            id=row.store_id,
            consignment=row.shipment.consignment,
            items=row.shipment.items,
            tracking_number=row.sent_number or None,
        )
        for row in rows
        if row.store_id is not None and row.shown_as_of is not None and row.state not in DROPPED
    )


def own_units(view: StoreView, rows: Sequence[WriteBack]) -> Counter[LineKey]:
    """Units in our shipments that this view of their order doesn't hold: on their way, or set aside (rule W2)."""
    own: Counter[LineKey] = Counter()
    for row in rows:
        if _is_own(view, row, rows):
            for item in row.shipment.items:
                own[row.shipment.consignment, item.line] += item.quantity
    return own


def _is_own(view: StoreView, row: WriteBack, rows: Sequence[WriteBack]) -> bool:
    if row.state in DROPPED:
        return False
    if row.sets_aside:
        return True
    if row.store_id is not None and row.store_id in {found.id for found in view.shipments}:
        return False
    if row.shown_as_of is not None:  # else the store no longer has it: somebody took it back there
        return row.shown_as_of >= view.as_of
    return row.state in UNFINISHED and not ours(view, row, rows)


def left_to_ship(view: StoreView, own: Mapping[LineKey, int]) -> dict[LineKey, int]:
    """What still has to leave of each line (rule W2); lines of which nothing has to are left out."""
    left = {
        (line.consignment, line.line): line.quantity
        - line.refunded
        - view.shipped(line)
        - own.get((line.consignment, line.line), 0)
        for line in view.lines
        if line.requires_shipping
    }
    return {key: units for key, units in left.items() if units > 0}


def most_to_ship(view: StoreView, own: Mapping[LineKey, int], line: LineCount) -> int:
    """What can leave of a line if somebody insists, refunded units too: goods that came back may go out again."""
    if not line.requires_shipping:
        return 0
    return max(0, line.quantity - view.shipped(line) - own.get((line.consignment, line.line), 0))


def progress_of(view: StoreView, rows: Iterable[WriteBack]) -> Progress:
    """How far the order is by the store's view, and by what we have set aside.

    What we have still to send counts as left: the store's status follows what the store knows.
    """
    aside = [row for row in rows if row.sets_aside and row.state not in DROPPED and not row.is_voiding]
    waiting = _counted(row for row in aside if row.collected_at is None)
    collected = _counted(row for row in aside if row.collected_at is not None)
    shipped = sum(view.shipped(line) for line in view.lines)
    return Progress(
        sent=shipped + collected.total(),
        waiting=waiting.total(),
        left=sum(left_to_ship(view, waiting + collected).values()),
    )


def as_it_would_be(
    view: StoreView, rows: Sequence[WriteBack], consignment: str, items: Sequence[Item], *, sets_aside: bool
) -> tuple[StoreView, Progress]:
    """The store's view and the order's progress once these items had left, or were set aside."""
    units = {(consignment, item.line): item.quantity for item in items}
    so_far = progress_of(view, rows)
    if sets_aside:
        more = sum(units.values())
        return view, Progress(sent=so_far.sent, waiting=so_far.waiting + more, left=max(0, so_far.left - more))
    lines = tuple(
        replace(line, shipped=view.shipped(line) + units.get((line.consignment, line.line), 0)) for line in view.lines
    )
    after = replace(view, lines=lines)
    return after, progress_of(after, rows)


def _counted(rows: Iterable[WriteBack]) -> Counter[LineKey]:
    units: Counter[LineKey] = Counter()
    for row in rows:
        units.update({(row.shipment.consignment, item.line): item.quantity for item in row.shipment.items})
    return units


def _units(items: Iterable[Item]) -> Counter[str]:
    units: Counter[str] = Counter()
    for item in items:
        units[item.line] += item.quantity
    return units
