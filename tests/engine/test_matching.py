"""Which of a store's shipments are ours, and what is left: by themselves, without a store (rules W2, W5, W8)."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from crossdock.matching import left_to_ship, most_to_ship, ours, own_units, progress_of, twins_of
from crossdock.model import Status
from crossdock.shipment import Item, LineCount, Progress, Shipment, StoreShipment, StoreView
from crossdock.state.shipments import WriteBack, WriteBackState
from support.orders import NOON

UNITS = (Item("501", 1),)


def look(*shipments: StoreShipment, as_of_s: float = 0, **line: Any) -> StoreView:
    """A look at an order of three units of one line."""
    standing = {"quantity": 3, "shipped": 0, "refunded": 0, "requires_shipping": True, **line}
    return StoreView(
        as_of=NOON + timedelta(seconds=as_of_s),
        status=Status(id="11", name="Awaiting Fulfillment"),
        shipping_allowed=True,
        lines=(LineCount(consignment="301", line="501", **standing),),
        shipments=shipments,
    )


def there(id: str, number: str | None = None, *items: Item, consignment: str = "301") -> StoreShipment:
    return StoreShipment(id=id, consignment=consignment, items=items or UNITS, tracking_number=number)


def row(id: int = 1, number: str | None = None, *items: Item, **known: Any) -> WriteBack:
    shipment = Shipment(
        id=id, order_id="101", consignment="301", items=items or UNITS, carrier="Sendle", tracking_number=number
    )
    standing = {"sets_aside": False, "created_at": NOON, "episode": 1, "said": f"301#{id}", "key": str(id)}
    return WriteBack(shipment=shipment, store="acme", number="101", **{**standing, **known})


SENT: dict[str, Any] = {"first_look": look(), "sending_at": NOON, "sent_number": ""}


@pytest.mark.parametrize(
    ("found", "is_ours"),
    [
        (there("1", " 33abc "), True),
        (there("1", "33ABD"), False),
        (there("1"), False),
        (there("1", "33ABC", Item("501", 2)), False),
        (there("1", "33ABC", Item("502", 1)), False),
        (there("1", "33ABC", consignment="302"), False),
    ],
)
def test_ours_agrees_in_number_address_and_items(found: StoreShipment, is_ours: bool) -> None:
    """Rule W5."""
    assert bool(ours(look(found), row(1, "33ABC"), [])) is is_ours


def test_without_a_number_ours_is_what_came_after_the_first_look_and_after_it_was_sent() -> None:
    """Rule W5."""
    now = look(there("1"), there("2"))
    known: dict[str, Any] = {**SENT, "first_look": look(there("1"))}
    assert [one.id for one in ours(now, row(**known), [])] == ["2"]
    assert ours(now, row(first_look=look()), []) == []


def test_what_another_row_is_known_as_is_not_ours_even_if_that_was_taken_back() -> None:
    """Rule W5."""
    other = row(2, store_id="1", state=WriteBackState.VOIDED)
    assert ours(look(there("1")), row(**SENT), [other]) == []


def test_a_number_that_was_sent_counts_beside_the_one_that_it_has_now() -> None:
    """Rules W5, W10."""
    renumbered = row(1, "NEW", **{**SENT, "sent_number": "OLD"})
    assert [one.id for one in ours(look(there("1", "old"), there("2", "new")), renumbered, [])] == ["1", "2"]


def test_a_known_id_decides_and_what_else_agrees_is_a_twin() -> None:
    """Rule W5."""
    now = look(there("1", "A1"), there("2", "changed by hand"))
    known = row(1, "A1", store_id="2", shown_as_of=NOON)
    assert [one.id for one in ours(now, known, [])] == ["2"]
    assert [one.id for one in twins_of(now, known, [])] == ["1"]


@pytest.mark.parametrize(
    ("known", "own"),
    [
        ({}, 1),
        ({"state": WriteBackState.UNCERTAIN, **SENT}, 1),
        ({"state": WriteBackState.REFUSED}, 0),
        ({"state": WriteBackState.VOIDED}, 0),
        ({"state": WriteBackState.CONFIRMED, "store_id": "1", "shown_as_of": NOON - timedelta(seconds=1)}, 0),
        ({"state": WriteBackState.CONFIRMED, "store_id": "1", "shown_as_of": NOON}, 1),  # the look may be the older one
        ({"state": WriteBackState.CONFIRMED, "store_id": "1", "shown_as_of": NOON + timedelta(seconds=1)}, 1),
        ({"sets_aside": True, "state": WriteBackState.CONFIRMED, "shown_as_of": NOON}, 1),
        ({"sets_aside": True, "state": WriteBackState.VOIDED, "shown_as_of": NOON}, 0),
    ],
)
def test_own_units_are_those_that_a_look_doesnt_show(known: dict[str, Any], own: int) -> None:
    """Rule W2; a view from before ours was seen shows nothing of it."""
    assert own_units(look(), [row(**known)]).total() == own


def test_a_row_that_the_look_shows_isnt_counted_beside_it() -> None:
    """Rule W2."""
    pending = row(1, "A1")
    now = look(there("1", "A1"), shipped=1)
    assert left_to_ship(now, own_units(now, [pending])) == {("301", "501"): 2}


@pytest.mark.parametrize(
    ("line", "own", "left", "most"),
    [
        ({}, 0, 3, 3),
        ({"refunded": 1}, 0, 2, 3),
        ({"shipped": 2, "refunded": 1}, 0, 0, 1),
        ({"shipped": 2, "refunded": 3}, 0, 0, 1),
        ({"shipped": 1}, 1, 1, 1),
        ({"shipped": 3}, 3, 0, 0),
        ({"requires_shipping": False}, 0, 0, 0),
    ],
)
def test_what_is_left_and_what_can_leave_at_most(line: dict[str, Any], own: int, left: int, most: int) -> None:
    """Rule W2: never below 0."""
    now, units = look(**line), Counter({("301", "501"): own})
    assert left_to_ship(now, units).get(("301", "501"), 0) == left
    assert most_to_ship(now, units, now.lines[0]) == most


def test_shipped_is_the_larger_of_the_lines_own_figure_and_the_shipments() -> None:
    """Rule W2."""
    for shipped in (0, 2):
        now = look(there("1", "X", Item("501", 2)), shipped=shipped)
        assert left_to_ship(now, Counter()) == {("301", "501"): 1}


def test_what_is_still_to_be_sent_counts_as_left_and_what_is_set_aside_waits_until_it_is_collected() -> None:
    """Rule W8."""
    aside = row(2, sets_aside=True)
    assert progress_of(look(shipped=1), [row(1, "A1"), aside]) == Progress(sent=1, waiting=1, left=1)
    collected = row(2, sets_aside=True, collected_at=NOON)
    assert progress_of(look(shipped=1), [collected]) == Progress(sent=2, waiting=0, left=1)
    assert progress_of(look(shipped=1), [row(2, sets_aside=True, is_voiding=True)]) == Progress(
        sent=1, waiting=0, left=2
    )
