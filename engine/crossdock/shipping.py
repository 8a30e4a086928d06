"""What a shipment is made of: who may be shipped, with which lines, and whether it was said before (W1 to W3, W9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from crossdock.errors import RefusedError, UsageError
from crossdock.matching import LineKey, left_to_ship, most_to_ship, own_units
from crossdock.model import Consignment, ConsignmentKind, Line, Order, Stage
from crossdock.shipment import Item, LineCount, StoreView, folded
from crossdock.state.shipments import DROPPED, WriteBack


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipRequest:
    """What a person says to ship an order: by its id or number, with a carrier's name as people use it.

    Without `consignment` it's the only one that has something left; without `lines` it's all that is left there.
    """

    order: str
    carrier: str
    tracking: str | None = None
    consignment: str | None = None
    lines: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to leave. `said` is what saying it twice is recognised by, `warnings` are for the person who packs."""

    consignment: Consignment
    items: tuple[Item, ...]
    said: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """A request beside all that it is judged by. `carrier` is the carrier's name as it will be kept."""

    store: str
    request: ShipRequest
    carrier: str
    sets_aside: bool
    rows: Sequence[WriteBack]

    @property
    def live(self) -> list[WriteBack]:
        """The order's shipments that took place, or are to."""
        return [row for row in self.rows if row.state not in DROPPED]

    def is_used(self, number: str | None) -> bool:
        """Whether a live shipment of the order bears this number."""
        return bool(folded(number)) and any(folded(number) in _numbers(row) for row in self.live)

    def said_before(self) -> WriteBack | None:
        """The shipment that this request repeats, if it does (rule W3).

        Raises RefusedError where its tracking number stands for another shipment of the order.
        """
        asked = self.request
        here = [row for row in self.live if asked.consignment in (None, row.shipment.consignment)]
        if number := folded(asked.tracking):
            found = next((row for row in here if number in _numbers(row)), None)
            if found is not None and self._is_other(found):
                raise RefusedError(
                    f"{self.store}: {asked.tracking} is the tracking number of shipment {found.id} already "
                    f"({in_words(found)}), and {self._asked_in_words()} is something else. Give this parcel its own "
                    f"number, or take the other one back: crossdock void {self.store} {found.id}"
                )
            return found
        if asked.lines is None:
            return None
        items = _items(asked.lines)
        return next((row for row in here if row.said == self._said(row.shipment.consignment, items)), None)

    def plan(self, order: Order, view: StoreView) -> Plan | WriteBack:
        """What is to leave, or the shipment that this request repeats, where nothing else is left of the order.

        Raises UsageError where the request isn't clear, RefusedError where it can't be done; both say why.
        """
        own = own_units(view, self.rows)
        left = left_to_ship(view, own)
        if self.request.lines is None and not folded(self.request.tracking) and (done := self._all_said(left)):
            return done
        if not view.shipping_allowed:
            archived = " or is archived there" if order.stage is Stage.CANCELLED else ""
            raise RefusedError(
                f"{self.store}: order {order.number} stands at {view.status.name} in the store{archived}, which "
                "doesn't let it be shipped."
            )
        consignment = self._consignment(order, view, left, own)
        self._check_kind(order, consignment)
        if self.request.lines is None:
            chosen = {
                line.id: left[consignment.id, line.id]
                for line in consignment.lines
                if (consignment.id, line.id) in left
            }
            warnings: tuple[str, ...] = ()
        else:
            chosen = dict(self.request.lines)
            warnings = self._check_lines(consignment, view, left, own)
        if not chosen:
            raise self._nothing_left(order, view, consignment)
        items = _items(chosen)
        return Plan(consignment, items, self._unsaid(self._said(consignment.id, items)), warnings)

    def _unsaid(self, said: str) -> str:
        """`said`, told apart from live shipments of the same units: as something is left, this is another one."""
        taken = {row.said for row in self.live}
        return next(new for number in count(1) if (new := said if number == 1 else f"{said}+{number}") not in taken)

    def _all_said(self, left: Mapping[LineKey, int]) -> WriteBack | None:
        """The latest shipment by this carrier without a number of its own, where nothing is left to make another of."""
        wanted = self.request.consignment
        if any(wanted in (None, consignment) for consignment, _ in left):
            return None
        mine = [
            row
            for row in self.live
            if row.said.startswith(self._stem(row.shipment.consignment)) and wanted in (None, row.shipment.consignment)
        ]
        return mine[-1] if mine else None

    def _consignment(
        self, order: Order, view: StoreView, left: Mapping[LineKey, int], own: Mapping[LineKey, int]
    ) -> Consignment:
        wanted, lines = self.request.consignment, self.request.lines
        if wanted is not None:
            found = next((one for one in order.consignments if one.id == wanted), None)
            if found is None:
                raise UsageError(
                    f"{self.store}: order {order.number} has no consignment {wanted}; it has "
                    f"{_listed(order.consignments, left)}."
                )
            return found
        if lines is not None:
            fitting = [one for one in order.consignments if lines.keys() <= {line.id for line in one.lines}]
            able = [one for one in fitting if any(most_to_ship(view, own, count) for count in _counts(view, one))]
            candidates = able or fitting
            if not candidates:
                raise self._unknown_line(order, lines)
        else:
            going = {consignment for consignment, _ in left}
            candidates = [one for one in order.consignments if one.id in going]
            if not candidates:
                raise self._nothing_left(order, view, None)
        if len(candidates) > 1:
            raise UsageError(
                f"{self.store}: order {order.number} goes several ways; say which with --consignment: "
                f"{_listed(candidates, left)}."
            )
        return candidates[0]

    def _check_kind(self, order: Order, consignment: Consignment) -> None:
        where = f"{self.store}: consignment {consignment.id} of order {order.number}"
        if consignment.kind is ConsignmentKind.DIGITAL:
            raise RefusedError(f"{where} is digital: nothing of it goes into a parcel.")
        if self.sets_aside:
            return
        if consignment.kind is ConsignmentKind.PICKUP:
            raise RefusedError(
                f"{where} is collected by the buyer, so no carrier takes it: use --carrier pickup to set it aside."
            )
        if consignment.ship_to is None:
            raise RefusedError(f"{where} has no address to be sent to.")

    def _check_lines(
        self, consignment: Consignment, view: StoreView, left: Mapping[LineKey, int], own: Mapping[LineKey, int]
    ) -> tuple[str, ...]:
        """Whether the lines that were asked for can leave in that number; what is to be said of those that may."""
        lines = {line.id: line for line in consignment.lines}
        counts = {count.line: count for count in _counts(view, consignment)}
        warnings = []
        for line_id, units in (self.request.lines or {}).items():
            if line_id not in lines:
                known = ", ".join(f"{line.id} ({_called(line)})" for line in consignment.lines)
                raise UsageError(f"{self.store}: consignment {consignment.id} has no line {line_id}; it has {known}.")
            if units < 1:
                raise UsageError(f"{self.store}: line {line_id}: {units} can't leave; give a number from 1 up.")
            line, most = lines[line_id], most_to_ship(view, own, counts[line_id])
            due = left.get((consignment.id, line_id), 0)
            if units > most:
                gone = self._why_gone(view, counts[line_id], own)
                raise RefusedError(
                    f"{self.store}: line {line_id} ({_called(line)}): {units} can't leave, as {most} of "
                    f"{line.quantity} {'is' if most == 1 else 'are'} left ({gone})."
                )
            if units > due:
                warnings.append(
                    f"line {line_id} ({_called(line)}): {units - due} more than is left to ship, since "
                    f"{line.quantity_refunded} of {line.quantity} {'was' if line.quantity_refunded == 1 else 'were'} "
                    "refunded or returned."
                )
        return tuple(warnings)

    def _why_gone(self, view: StoreView, count: LineCount, own: Mapping[LineKey, int]) -> str:
        on_the_way = own.get((count.consignment, count.line), 0)
        words = [f"{view.shipped(count)} shipped"]
        return ", ".join([*words, f"{on_the_way} in shipments of ours"] if on_the_way else words)

    def _unknown_line(self, order: Order, lines: Mapping[str, int]) -> UsageError:
        known = {line.id: line for one in order.consignments for line in one.lines}
        unknown = [line for line in lines if line not in known]
        if not unknown:
            return UsageError(
                f"{self.store}: the lines {', '.join(lines)} of order {order.number} don't go the same way; ship each "
                "consignment by itself."
            )
        listed = ", ".join(f"{line.id} ({_called(line)})" for line in known.values())
        return UsageError(f"{self.store}: order {order.number} has no line {unknown[0]}; it has {listed}.")

    def _nothing_left(self, order: Order, view: StoreView, consignment: Consignment | None) -> RefusedError:
        of = f"order {order.number}" if consignment is None else f"consignment {consignment.id} of order {order.number}"
        made = "; ".join(f"shipment {row.id}: {in_words(row)}" for row in self.live)
        if not any(line.requires_shipping for line in view.lines):
            return RefusedError(f"{self.store}: nothing of {of} goes into a parcel.")
        return RefusedError(
            f"{self.store}: nothing is left to ship of {of}, which stands at {view.status.name} in the store"
            f"{f' ({made})' if made else ''}."
        )

    def _is_other(self, row: WriteBack) -> bool:
        lines = self.request.lines
        return row.shipment.carrier.casefold() != self.carrier.casefold() or (
            lines is not None and _items(lines) != row.shipment.items
        )

    def _asked_in_words(self) -> str:
        lines = self.request.lines
        return f"{_units(_items(lines))} by {self.carrier}" if lines else f"all that is left by {self.carrier}"

    def _said(self, consignment: str, items: Sequence[Item]) -> str:
        if number := folded(self.request.tracking):
            return f"{consignment}#{number}"
        return f"{self._stem(consignment)}{','.join(f'{item.line}={item.quantity}' for item in items)}"

    def _stem(self, consignment: str) -> str:
        return f"{consignment}@{self.carrier.casefold()}:"


def in_words(row: WriteBack) -> str:
    """`2 × 901 by Australia Post, 33ABC0000001, confirmed`: a shipment in a sentence."""
    number = row.shipment.tracking_number
    return f"{_units(row.shipment.items)} by {row.shipment.carrier}, {f'{number}, ' if number else ''}{row.state.value}"


def _units(items: Sequence[Item]) -> str:
    return " and ".join(f"{item.quantity} × {item.line}" for item in items)


def _items(lines: Mapping[str, int]) -> tuple[Item, ...]:
    """In the order in which they are kept, so that two ways to say the same are equal."""
    return tuple(Item(line, lines[line]) for line in sorted(lines))


def _numbers(row: WriteBack) -> set[str]:
    """The tracking number that a shipment has, and the one that it was first said with."""
    first = row.said.removeprefix(f"{row.shipment.consignment}#")
    return {folded(row.shipment.tracking_number), first if first != row.said else ""} - {""}


def _counts(view: StoreView, consignment: Consignment) -> list[LineCount]:
    return [count for count in view.lines if count.consignment == consignment.id]


def _listed(consignments: Sequence[Consignment], left: Mapping[LineKey, int]) -> str:
    return ", ".join(f"{one.id} ({one.kind.value}, {_left_in(one, left)} left)" for one in consignments)


def _left_in(consignment: Consignment, left: Mapping[LineKey, int]) -> int:
    return sum(units for (id, _), units in left.items() if id == consignment.id)


def _called(line: Line) -> str:
    return line.sku or line.name
