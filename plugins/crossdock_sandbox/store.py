"""The simulated store's state, and the Python side that tests use to set it up, change it and look at it.

    store = SandboxStore(seed=1, orders=0, now=clock.now)
    order_id = store.add_order(status_id=11, lines=[{"name": "Mug", "options": {"Size": "M"}, "quantity": 2}])
    store.faults.add("503", method="GET", path="^/v2/orders$", times=2)

Everything is in memory and happens by the clock that is passed in; nothing here waits. What is due later (a change that
becomes visible late, a request that takes effect late) comes about with the first request or look after its time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from .answers import Json
from .auth import Account, Accounts
from .documented import ALL_SCOPES, QUOTA_REQUESTS, QUOTA_WINDOW_S, STATUSES
from .faults import Faults
from .generate import GeneratedOrder, generated_orders
from .index import OrderIndex
from .limits import Quota
from .record import Extras, Record, consignments_of, lines_of, new_record
from .shapes import ORDER_FIELDS, NextIds, compose_head, compose_parts, count_items, line_json
from .shipments import Shipment, count_shipped, left_at
from .times import rfc2822, seconds_of

FIRST_ORDER_ID = 101
NEVER = math.inf  # for `visible_after`: until `release()` is called


@dataclass(slots=True)
class Behaviour:
    """The switches for what the documentation leaves open or merchants may choose.

    shipment_moves_status: "part" (the default: 3 Partially Shipped, then 2 Shipped), "complete" (2 when all has left,
        and nothing before) or "never"; sources contradict each other.
    archived_in_lists: False makes archived orders vanish from lists, and GET one answers 404.
    max_page: the store serves no more than this many per page, whatever `limit` asks for.
    xml_by_default: V2 answers XML to a request without an Accept header or with `*/*`.
    notified_statuses: a change to one of these mails the customer (Settings, Order notifications).
    refunded_can_ship: refunded units count as available to ship.
    custom_labels: the merchant's own labels, by status id.
    extra_carriers: `tracking_carrier` values accepted beside the built-in ones.
    clock_offset_s: how far the store's own clock is off; seen in `Date`, `/time` and every stamp made from now on.
    """

    shipment_moves_status: str = "part"
    archived_in_lists: bool = True
    max_page: int | None = None
    xml_by_default: bool = False
    notified_statuses: frozenset[int] = frozenset({2, 3, 4, 5, 8, 10})
    refunded_can_ship: bool = True
    custom_labels: dict[int, str] = field(default_factory=dict)
    extra_carriers: frozenset[str] = frozenset()
    clock_offset_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail that the customer got: `kind` is "status" or "shipment"."""

    at: datetime
    kind: str
    order_id: int
    status_id: int
    shipment_id: int | None = None
    tracking_number: str = ""


@dataclass(slots=True)
class SeenRequest:
    """A request as it came in; `status` is 0 while no answer was given, and stays so if the connection was reset."""

    at: datetime
    method: str
    path: str
    query: dict[str, str]
    body: bytes = b""
    status: int = 0


@dataclass(slots=True)
class _Later:
    """An effect still to come: at `due` (unix seconds), or when it is let go."""

    due: float
    is_landing: bool
    happen: Callable[[], object]


class SandboxStore:
    """One simulated store. `orders` many are generated from `seed`; ids, names and tokens are the same each time.

    now: the clock, a callable that gives aware datetimes; the computer's by default.
    quota, quota_window_s: requests per window in seconds.
    weight_units: as `GET /v2/store` tells them: LBS, Ounces, KGS, Grams or Tonnes.
    dimension_units: Inches or Centimeters.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        orders: int = 0,
        now: Callable[[], datetime] | None = None,
        quota: int = QUOTA_REQUESTS,
        quota_window_s: float = QUOTA_WINDOW_S,
        weight_units: str = "KGS",
        dimension_units: str = "Centimeters",
        store_hash: str = "sandbox",
        name: str = "Sandbox Outfitters",
        timezone: str = "Australia/Perth",
    ) -> None:
        self.seed = seed
        self._now = now or (lambda: datetime.now(UTC))
        self.store_hash = store_hash
        self.name = name
        self.timezone = timezone
        self.weight_units = weight_units
        self.dimension_units = dimension_units
        self.behaviour = Behaviour()
        self.quota = Quota(self._now, requests=quota, window_s=quota_window_s)
        self.accounts = Accounts(seed)
        self.account = self.accounts.new()
        self.faults = Faults()
        self.emails: list[Email] = []
        self.requests: list[SeenRequest] = []
        self.hooks: dict[int, Json] = {}
        self.hook_emails: list[str] = []
        self.link_base = "https://api.bigcommerce.com"
        self.index = OrderIndex()
        self._shipments: dict[int, list[Shipment]] = {}
        self._later: list[_Later] = []
        self._moment: int | None = None
        self._order_ids = FIRST_ORDER_ID
        self._shipment_ids = count(1)
        self.hook_ids = count(20_001)
        self.ids = NextIds(
            line=count(501).__next__,
            option=count(9001).__next__,
            address=count(301).__next__,
            pickup=count(11).__next__,
        )
        if orders:
            self.generate(orders)

    # The clock

    def now(self) -> datetime:
        """The true time, by the clock that was passed in."""
        return self._now()

    def time(self) -> int:
        """The store's own time in unix seconds: off by `clock_offset_s`; that of a late effect while it lands."""
        if self._moment is not None:
            return self._moment
        return int(self._now().timestamp() + self.behaviour.clock_offset_s)

    # Setting up and changing, as the merchant and the shoppers do

    def new_token(self, scopes: Iterable[str] = ALL_SCOPES) -> Account:
        """A new API account with these scopes."""
        return self.accounts.new(scopes)

    def generate(self, orders: int, *, seed: int | None = None) -> list[int]:
        """Add as many believable orders, the same ones for the same seed, relative to now. Returns their ids."""
        wanted = generated_orders(orders, seed=self.seed if seed is None else seed, now=self.time())
        records = [self._record_of(each) for each in wanted]
        self.index.add_all(records)
        return [record.id for record in records]

    def add_order(
        self,
        *,
        id: int | None = None,
        status_id: int = 11,
        lines: Sequence[Mapping[str, Any]] | None = None,
        address: Mapping[str, Any] | None = None,
        addresses: Sequence[Mapping[str, Any]] | None = None,
        billing: Mapping[str, Any] | None = None,
        date_created: datetime | None = None,
        date_modified: datetime | None = None,
        visible_after: float | None = None,
        is_deleted: bool = False,
        extras: Extras | None = None,
        **fields: Any,
    ) -> int:
        """Add an order as a shopper would place it and return its id.

        lines: see `shapes.compose_parts` and `shapes.line_json`; one shirt if left out. address, addresses: fields of
        the shipping consignments that differ from a plain Australian address. date_modified may lie in the past, even
        before every other. visible_after: seconds until the API shows it, `NEVER` for until `release()`. `fields` are
        any other fields of the order, e.g. `staff_notes`. Raises ValueError for a taken id and unknown fields.
        """
        order_id = self._order_ids if id is None else id
        if self.index.get(order_id) is not None:
            raise ValueError(f"There is an order {order_id} already.")
        if status_id not in STATUSES:
            raise ValueError(f"There is no status {status_id}; they go from 0 to 14.")
        _refuse_unknown(fields)
        self._order_ids = max(self._order_ids, order_id + 1)
        modified = self.time() if date_modified is None else seconds_of(date_modified)
        created = modified if date_created is None else seconds_of(date_created)
        places = list(addresses) if addresses is not None else [address or {}]
        parts = compose_parts(order_id, lines if lines is not None else [{}], places, self.ids)
        head = compose_head(parts, fields, date_created=rfc2822(created), billing=billing)
        record = new_record(order_id, status_id, created=created, modified=modified, head=head, parts=parts)
        record.is_deleted = is_deleted
        record.extras = extras
        self._happen(visible_after, lambda: self.index.add(record))
        return order_id

    def edit(
        self,
        order_id: int,
        *,
        status_id: int | None = None,
        lines: Sequence[Mapping[str, Any]] = (),
        remove_lines: Sequence[int] = (),
        address: Mapping[str, Any] | None = None,
        is_deleted: bool | None = None,
        date_modified: datetime | None = None,
        visible_after: float | None = None,
        **fields: Any,
    ) -> None:
        """Change an order as staff would; its modified time becomes now, or `date_modified`.

        lines: with the `id` of a line of the order, fields to change in it; without, a new line at the first address.
        address: fields to change in the first shipping address. visible_after: see `add_order`; the modified time is
        that of the edit, however late it shows. Raises KeyError for an unknown order, ValueError for a line.
        """
        self.record(order_id)
        _refuse_unknown(fields)
        modified = self.time() if date_modified is None else seconds_of(date_modified)
        is_backdated = date_modified is not None

        def change() -> None:
            record = self.record(order_id)
            if fields:
                record.write_head(record.read_head() | fields)
            if lines or remove_lines or address:
                self._change_parts(record, lines, remove_lines, address or {})
            if is_deleted is not None:
                record.is_deleted = is_deleted
            # A change that shows late must not take a later one's modified time back.
            stamp = modified if is_backdated else max(modified, record.modified if visible_after else modified)
            self.touch(record, status_id=status_id, modified=stamp)

        self._happen(visible_after, change)

    def set_status(self, order_id: int, status_id: int, *, visible_after: float | None = None) -> None:
        """Move the order to another status; mails the customer if that status is a notified one."""
        if status_id not in STATUSES:
            raise ValueError(f"There is no status {status_id}; they go from 0 to 14.")
        self.edit(order_id, status_id=status_id, visible_after=visible_after)

    def archive(self, order_id: int, *, visible_after: float | None = None) -> None:
        """Archive the order, which sets `is_deleted` and its modified time."""
        self.edit(order_id, is_deleted=True, visible_after=visible_after)

    def remove(self, order_id: int) -> None:
        """Make the order vanish altogether: every later request for it gets 404."""
        self.record(order_id)
        self.index.remove(order_id)
        self._shipments.pop(order_id, None)

    # Looking

    def order(self, order_id: int) -> Json:
        """The order in full, as it is now: all fields, `lines`, and `consignments` in the object structure."""
        self.settle()
        record = self.record(order_id)
        parts = record.read_parts()
        return {
            "id": record.id,
            "date_modified": rfc2822(record.modified),
            **self.status_fields(record.status_id),
            "is_deleted": record.is_deleted,
            **record.read_head(),
            "lines": lines_of(parts),
            "consignments": parts,
        }

    def order_ids(self, *, status_id: int | None = None, archived: bool | None = None) -> list[int]:
        """Ids, ascending; of one status, or only archived or not archived orders, if given."""
        self.settle()
        ids = self.index.between_ids(None, None, status_id)
        if archived is None:
            return list(ids)
        return [each for each in ids if self.record(each).is_deleted is archived]

    def shipments(self, order_id: int) -> list[Shipment]:
        """The order's shipments, oldest first."""
        self.settle()
        return list(self._shipments.get(order_id, ()))

    def record(self, order_id: int) -> Record:
        """The order's record. Raises KeyError."""
        record = self.index.get(order_id)
        if record is None:
            raise KeyError(f"There is no order {order_id}.")
        return record

    def all_shipments(self) -> Iterator[Shipment]:
        return (each for of_order in self._shipments.values() for each in of_order)

    # What comes late

    def settle(self) -> None:
        """Let everything happen that has become due."""
        if self._later:
            now = self._now().timestamp()
            self._let_happen([each for each in self._later if each.due <= now])

    def release(self) -> int:
        """Show every change that is not visible yet; returns how many there were."""
        return self._let_happen([each for each in self._later if not each.is_landing])

    def land(self) -> int:
        """Let every request that a `late` fault holds back take effect now; returns how many there were."""
        return self._let_happen([each for each in self._later if each.is_landing])

    def land_later(self, happen: Callable[[], object], after_s: float | None) -> None:
        """Hold an effect back for so many seconds of the store's clock, or until `land()`."""
        due = NEVER if after_s is None else self._now().timestamp() + after_s
        self._later.append(_Later(due, True, happen))

    @property
    def held_back(self) -> int:
        """How many effects are still to come."""
        return len(self._later)

    def _happen(self, after_s: float | None, change: Callable[[], object]) -> None:
        if after_s is None:
            change()
        else:
            self._later.append(_Later(self._now().timestamp() + after_s, False, change))

    def _let_happen(self, due: list[_Later]) -> int:
        waiting = sorted(due, key=lambda later: later.due)
        for each in waiting:
            if each in self._later:  # else one before it has let it happen: a request that lands looks what is due
                self._later.remove(each)
                with self._at(each.due):
                    each.happen()
        return len(waiting)

    @contextmanager
    def _at(self, due: float) -> Iterator[None]:
        """What was due at a time bears that time's stamp, even if nobody looked until later."""
        self._moment = None if due == NEVER else int(due + self.behaviour.clock_offset_s)
        try:
            yield
        finally:
            self._moment = None

    # What the API modules share

    def status_fields(self, status_id: int) -> Json:
        name = STATUSES[status_id].name
        return {
            "status_id": status_id,
            "status": name,
            "custom_status": self.behaviour.custom_labels.get(status_id, name),
        }

    def touch(
        self, record: Record, *, status_id: int | None = None, modified: int | None = None, mail: bool = True
    ) -> None:
        """Give the order a new modified time and, if given, a new status; a change of status may mail the customer."""
        former = record.status_id
        self.index.move(
            record,
            status_id=former if status_id is None else status_id,
            modified=self.time() if modified is None else modified,
        )
        if mail and record.status_id != former and record.status_id in self.behaviour.notified_statuses:
            self.emails.append(Email(self._stamp(), "status", record.id, record.status_id))

    def mail_shipment(self, record: Record, shipment: Shipment) -> None:
        self.emails.append(
            Email(self._stamp(), "shipment", record.id, record.status_id, shipment.id, shipment.tracking_number)
        )

    def add_shipment(self, **fields: Any) -> Shipment:
        """Keep a shipment under the next id. It neither mails nor counts: `shipments.ship` does all that."""
        shipment = Shipment(id=next(self._shipment_ids), **fields)
        self._shipments.setdefault(shipment.order_id, []).append(shipment)
        return shipment

    def drop_shipment(self, shipment: Shipment) -> None:
        self._shipments[shipment.order_id].remove(shipment)

    def next_order_id(self) -> int:
        order_id, self._order_ids = self._order_ids, self._order_ids + 1
        return order_id

    def _record_of(self, wanted: GeneratedOrder) -> Record:
        """A generated order's record; its shipments, if it has any, are kept as long made: they mail nobody."""
        order_id = self.next_order_id()
        parts = compose_parts(order_id, wanted.lines, wanted.addresses, self.ids)
        for consignment in parts["shipping"] if wanted.ships != "nothing" else ():
            items = left_at(consignment, first_only=wanted.ships == "part")
            self.add_shipment(
                order_id=order_id,
                order_address_id=int(consignment["id"]),
                created=wanted.modified,
                items=items,
                **wanted.parcel,
            )
            count_shipped(parts, items, sign=+1)
        count_items(parts)
        fields = wanted.fields
        if wanted.ships == "all":
            fields["date_shipped"] = rfc2822(wanted.modified)
        head = compose_head(parts, fields, date_created=rfc2822(wanted.created), billing=wanted.billing)
        record = new_record(
            order_id, wanted.status_id, created=wanted.created, modified=wanted.modified, head=head, parts=parts
        )
        record.is_deleted = wanted.is_deleted
        if wanted.extras is not None:
            record.extras = wanted.extras.of_order(order_id, rfc2822(wanted.created))
        return record

    def _stamp(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    def _change_parts(
        self, record: Record, lines: Sequence[Mapping[str, Any]], remove: Sequence[int], address: Mapping[str, Any]
    ) -> None:
        parts = record.read_parts()
        known = {int(line["id"]): line for line in lines_of(parts)}
        for given in lines:
            line_id = given.get("id")
            if line_id is None:
                first = parts["shipping"][0]
                first["line_items"].append(line_json(record.id, given, self.ids, address_id=int(first["id"])))
            elif line_id in known:
                known[line_id].update(given)
            else:
                raise ValueError(f"Order {record.id} has no line {line_id}.")
        for consignment in consignments_of(parts):
            consignment["line_items"] = [line for line in consignment["line_items"] if int(line["id"]) not in remove]
        if address:
            parts["shipping"][0].update(address)
        self.save_parts(record, parts)

    def save_parts(self, record: Record, parts: Json) -> None:
        """Keep changed consignments and lines, and bring the order's own counts up to date."""
        count_items(parts)
        lines = lines_of(parts)
        head = record.read_head()
        head["items_total"] = sum(int(line["quantity"]) for line in lines)
        head["items_shipped"] = sum(int(line["quantity_shipped"]) for line in lines)
        record.write_head(head)
        record.write_parts(parts)


def _refuse_unknown(fields: Mapping[str, Any]) -> None:
    if unknown := sorted(set(fields) - ORDER_FIELDS):
        raise ValueError(f"An order has no field {unknown[0]!r} that could be set.")
