"""What is kept of shipments, and how far their stores were told of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from crossdock.model import instant
from crossdock.shipment import Item, Shipment, StoreView


class WriteBackState(StrEnum):
    """How far a store was told of a shipment, in the words of the reference."""

    PENDING = "pending"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    VOIDED = "voided"


UNFINISHED = frozenset({WriteBackState.PENDING, WriteBackState.SENT, WriteBackState.UNCERTAIN})
DROPPED = frozenset({WriteBackState.REFUSED, WriteBackState.VOIDED})
"""Such a shipment didn't take place: its units are free again, and it may be said once more."""


class Step(StrEnum):
    """A request to a store, recorded before it's made (rule W4)."""

    LOOK = "look"
    SEND = "send"
    CORRECT = "correct"
    VOID = "void"
    STATUS = "status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A shipment before it's kept; `said` is what saying it twice is recognised by (rule W3).

    `key` is what its carrier was asked with. `sets_aside` says that the goods wait to be collected.
    """

    store: str
    order_id: str
    consignment: str
    items: tuple[Item, ...]
    carrier: str
    said: str
    key: str
    carrier_code: str | None = None
    tracking_number: str | None = None
    tracking_link: str | None = None
    service: str | None = None
    sets_aside: bool = False
    label_type: str | None = None
    label: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedCarrier:
    """The intent of asking a carrier for a parcel; `asked` is whether it was asked already, its answer perhaps lost."""

    key: str
    asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBack:
    """A shipment, and how far its store was told of it.

    Attributes:
        number: The order's number, as people call it.
        key: What its carrier was asked with.
        said: What saying it twice is recognised by.
        episode: The first shipment among those of its order that stood when it was made, or its own id: before that one
            nothing of the order was sent.
        is_voiding: Whether it's being taken back.
        step: The request that was recorded and whose answer isn't; None between requests.
        attempts: How often the store was turned to about it.
        next_try: When that's due again; None where nothing is left to do.
        reason: Why it isn't done, or what is to be known though it is.
        first_look: What the store showed before anything was sent.
        sending_at: The platform's time when the sending was recorded whose outcome isn't known.
        sent_number: The tracking number that the store was last told, "" for none; None before that.
        store_id: The platform's own id of the shipment.
        status_set: The id of the status that was last set for it, or is being set.
        shown_as_of: The platform's time of the first look that showed it.
        version: Grows with each change, so that two who change it notice.
    """

    shipment: Shipment
    store: str
    number: str
    key: str
    said: str
    episode: int
    sets_aside: bool
    created_at: datetime
    collected_at: datetime | None = None
    is_voiding: bool = False
    state: WriteBackState = WriteBackState.PENDING
    step: Step | None = None
    attempts: int = 0
    next_try: datetime | None = None
    reason: str | None = None
    first_look: StoreView | None = None
    sending_at: datetime | None = None
    sent_number: str | None = None
    store_id: str | None = None
    status_set: str | None = None
    shown_as_of: datetime | None = None
    version: int = 0

    @property
    def id(self) -> int:
        """crossdock's own id of the shipment, and of its write-back."""
        return self.shipment.id

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.state not in UNFINISHED

    @property
    def was_sent(self) -> bool:
        """Whether the store may have it: it was sent, whatever became of that."""
        return self.store_id is not None or self.sending_at is not None

    @property
    def was_told(self) -> bool:
        """Whether the store may know of it, by a shipment or by its order's status."""
        return self.was_sent or self.shown_as_of is not None or self.status_set is not None


def writeback_to_json(row: WriteBack) -> dict[str, object]:
    """The documented JSON of a shipment's way back to its store: `writebacks --json`, `show --json` and events."""
    shipment = row.shipment
    return {
        "id": row.id,
        "store": row.store,
        "order": shipment.order_id,
        "number": row.number,
        "shipment": row.id,
        "state": row.state.value,
        "tracking_number": shipment.tracking_number,
        "attempts": row.attempts,
        "next_try": row.next_try and instant(row.next_try),
        "reason": row.reason,
        "consignment": shipment.consignment,
        "lines": [{"id": item.line, "quantity": item.quantity} for item in shipment.items],
        "carrier": shipment.carrier,
        "tracking_link": shipment.tracking_link,
        "pickup": row.sets_aside,
        "created_at": instant(row.created_at),
        "collected_at": row.collected_at and instant(row.collected_at),
        "store_shipment": row.store_id,
    }


Details = Mapping[str, object]
"""What a line of the timeline tells beside its time and its event."""
