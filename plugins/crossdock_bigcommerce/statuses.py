"""BigCommerce's order statuses: fixed numbers 0 to 14, which merchants may relabel but not add to.

Never compare labels: `custom_label` is the merchant's own text (V2 Orders reference, `GET /v2/order_statuses`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from crossdock import Progress, RefusedError, Stage, Status, StoreView

NAMES: Mapping[int, str] = MappingProxyType(
    {
        0: "Incomplete",
        1: "Pending",
        2: "Shipped",
        3: "Partially Shipped",
        4: "Refunded",
        5: "Cancelled",
        6: "Declined",
        7: "Awaiting Payment",
        8: "Awaiting Pickup",
        9: "Awaiting Shipment",
        10: "Completed",
        11: "Awaiting Fulfillment",
        12: "Manual Verification Required",
        13: "Disputed",
        14: "Partially Refunded",
    }
)
SHIPPED, PARTIALLY_SHIPPED, AWAITING_PICKUP, COMPLETED, PARTIALLY_REFUNDED = 2, 3, 8, 10, 14

_STAGES = {
    1: Stage.ON_HOLD,
    2: Stage.SHIPPED,
    3: Stage.PART_SHIPPED,
    4: Stage.CANCELLED,
    5: Stage.CANCELLED,
    6: Stage.CANCELLED,
    7: Stage.ON_HOLD,
    8: Stage.AWAITING_PICKUP,
    9: Stage.AWAITING,
    10: Stage.COMPLETED,
    11: Stage.AWAITING,
    12: Stage.ON_HOLD,
    13: Stage.ON_HOLD,
}
_NEVER_SHIPPED = frozenset({4, 5, 6, 12, 13})
_UNPAID = frozenset({0, 1, 7})
_SHIPPED_FROM = frozenset(NAMES) - _NEVER_SHIPPED - _UNPAID


def stage_of(status_id: int, *, archived: bool, something_left: bool) -> Stage:
    """crossdock's view of a status; `something_left` decides for 14, which says nothing about parcels."""
    if archived:
        return Stage.CANCELLED
    if status_id == PARTIALLY_REFUNDED:
        return Stage.AWAITING if something_left else Stage.SHIPPED
    return _STAGES.get(status_id, Stage.OTHER)


def allows_shipping(status_id: int, *, import_statuses: Collection[int]) -> bool:
    """Whether a status lets goods leave (rule W1).

    A number that BigCommerce may add one day is treated like an unpaid order: it could mean a hold, and a parcel that
    left can't be called back, while one that waits is seen by somebody.
    """
    if status_id in _SHIPPED_FROM:
        return True
    return status_id not in _NEVER_SHIPPED and status_id in import_statuses


def set_by_us(shipped_status: int) -> frozenset[int]:
    """The statuses that crossdock sets, among them those that BigCommerce sets by itself when a shipment is made.

    Sources contradict each other on the latter: Shipped for a whole order and Partially Shipped for a part of it were
    both seen, and neither was as well.
    """
    return frozenset({SHIPPED, PARTIALLY_SHIPPED, AWAITING_PICKUP, shipped_status})


def target(
    first: StoreView, now: StoreView, progress: Progress, *, shipped_status: int, pickup_in_store: bool
) -> Status | None:
    """The status that an order should have by its progress, None where it is to be left alone (rule W8).

    Orders without anything to ship stay as they are, since downloads can be fetched while an order is Completed only;
    and so do those that were Completed or Partially Refunded before anything of ours, which says more than a parcel.
    """
    was = first.status.id
    if was in {str(COMPLETED), str(PARTIALLY_REFUNDED)} or not any(line.requires_shipping for line in now.lines):
        return None
    if not progress.sent and not progress.waiting:
        is_ours = now.status.id in {str(known) for known in set_by_us(shipped_status)}
        return _status(int(was), first.status.name) if is_ours and was.isdecimal() else None
    if progress.left:
        return _status(PARTIALLY_SHIPPED)
    if progress.waiting and pickup_in_store:
        return _status(AWAITING_PICKUP)
    return _status(shipped_status)


def _status(known: int, otherwise: str = "") -> Status:
    return Status(id=str(known), name=NAMES.get(known, otherwise))


def status_number(status: str) -> int:
    """The number of a status by its id as crossdock keeps it. Raises RefusedError for one that is no number."""
    if status.isascii() and status.isdecimal():
        return int(status)
    raise RefusedError(f"{status[:40]!r} is no status of BigCommerce: statuses are numbers from 0 to 14.")


def status_id(value: object, *, among: Collection[int] = NAMES) -> int:
    """The number of a status given by number or system name, in any case and spacing.

    Raises ValueError with a sentence that names what would be right.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if value in among:
            return value
        raise ValueError(f"{value} is no status that can stand here. Possible are {_choices(among)}.")
    if not isinstance(value, str):
        raise ValueError(f"a status is a number or a name. Possible are {_choices(among)}.")  # noqa: TRY004 -- pydantic asks for it
    written = value.strip()
    if written.isascii() and written.isdecimal() and len(written) < 4:
        return status_id(int(written), among=among)
    wanted = _plain(written)
    found = {_plain(NAMES[known]): known for known in among}
    if wanted in found:
        return found[wanted]
    near = get_close_matches(wanted, found, n=1, cutoff=0.5)
    hint = f" Did you mean {NAMES[found[near[0]]]!r}?" if near else ""
    raise ValueError(
        f"{written[:60]!r} is no status that can stand here.{hint} Possible are {_choices(among)}: "
        "numbers or BigCommerce's own names; a label of the store's own making is not known here."
    )


def named(ids: Iterable[int]) -> str:
    """`Awaiting Shipment, Awaiting Fulfillment`: the system names of `ids`, for a sentence."""
    return ", ".join(NAMES.get(known, f"status {known}") for known in ids)


def _choices(among: Iterable[int]) -> str:
    return ", ".join(f"{known} {NAMES[known]}" for known in sorted(among))


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
