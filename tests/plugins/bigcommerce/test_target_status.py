"""The status that an order should have by how far it is (rule W8)."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest
from aiohttp import ClientSession
from crossdock import HttpClient, LineCount, Progress, Status, StoreView
from crossdock_bigcommerce import statuses
from crossdock_bigcommerce.connector import BigCommerce
from hypothesis import given
from hypothesis import strategies as st
from plugins.bigcommerce.examples import settings
from support.clock import WoundClock

WHOLE, PART, NOTHING = (
    Progress(sent=2, waiting=0, left=0),
    Progress(sent=1, waiting=0, left=1),
    Progress(sent=0, waiting=0, left=2),
)
ASIDE, ASIDE_IN_PART, SENT_AND_ASIDE = (
    Progress(sent=0, waiting=2, left=0),
    Progress(sent=0, waiting=1, left=1),
    Progress(sent=1, waiting=1, left=0),
)
PICKUPS = {"pickup_in_store": True}
COMPLETES = {"shipped_status": 10}


def view(status_id: int | str, *, requires_shipping: bool = True, name: str = "as the merchant calls it") -> StoreView:
    line = LineCount(
        consignment="301", line="901", quantity=2, shipped=0, refunded=0, requires_shipping=requires_shipping
    )
    return StoreView(
        as_of=datetime(2026, 3, 4, tzinfo=UTC),
        status=Status(id=str(status_id), name=name),
        shipping_allowed=True,
        lines=(line,),
        shipments=(),
    )


def target(first: StoreView, now: StoreView, progress: Progress, **values: object) -> str | None:
    """The id of the target status in a store with settings `values`."""
    found = connector(**values).target_status(first, now, progress)
    return found.id if found else None


def connector(**values: object) -> BigCommerce:
    store = settings(**values)
    session = object.__new__(ClientSession)  # what is asked here is computed: nothing goes over the wire
    http = HttpClient(session, BigCommerce.http_options(store), store="acme-au", clock=WoundClock(), random=Random(1))
    return BigCommerce(store, http)


@pytest.mark.parametrize(
    ("first", "now", "progress", "values", "wanted"),
    [
        (11, 11, WHOLE, {}, 2),
        (11, 2, WHOLE, {}, 2),
        (11, 3, WHOLE, {}, 2),
        (11, 11, PART, {}, 3),
        (9, 2, PART, {}, 3),
        (2, 2, WHOLE, {}, 2),
        (11, 2, WHOLE, COMPLETES, 10),
        (11, 11, PART, COMPLETES, 3),
        (11, 11, ASIDE, PICKUPS, 8),
        (11, 11, ASIDE, {}, 2),
        (11, 11, ASIDE, COMPLETES, 10),
        (11, 11, ASIDE, {**PICKUPS, **COMPLETES}, 8),
        (11, 11, ASIDE_IN_PART, PICKUPS, 3),
        (11, 11, ASIDE_IN_PART, {}, 3),
        (11, 3, SENT_AND_ASIDE, PICKUPS, 8),
        (11, 3, SENT_AND_ASIDE, {}, 2),
        (11, 8, WHOLE, PICKUPS, 2),
        (11, 8, WHOLE, {**PICKUPS, **COMPLETES}, 10),
        (11, 2, NOTHING, {}, 11),
        (9, 3, NOTHING, {}, 9),
        (9, 8, NOTHING, PICKUPS, 9),
        (11, 10, NOTHING, COMPLETES, 11),
        (11, 10, NOTHING, {}, None),
        (11, 12, NOTHING, {}, None),
        (11, 5, NOTHING, {}, None),
        (11, 9, NOTHING, {}, None),
        (10, 10, WHOLE, {}, None),
        (10, 2, NOTHING, {}, None),
        (14, 14, PART, PICKUPS, None),
        (14, 2, NOTHING, COMPLETES, None),
        (11, 14, WHOLE, {}, 2),
    ],
)
def test_the_status_follows_the_progress(
    first: int, now: int, progress: Progress, values: dict[str, object], wanted: int | None
) -> None:
    assert target(view(first), view(now), progress, **values) == (None if wanted is None else str(wanted))


def test_quirk_32_an_order_of_downloads_alone_is_left_alone() -> None:
    digital = view(11, requires_shipping=False)
    assert target(digital, digital, WHOLE) is None


def test_quirk_28_a_status_goes_by_its_own_name_and_not_by_the_merchants_label() -> None:
    asked = connector()
    assert asked.target_status(view(11), view(11), PART) == Status(id="3", name="Partially Shipped")
    assert asked.target_status(view(11), view(2), NOTHING) == Status(id="11", name="Awaiting Fulfillment")
    assert asked.target_status(view(15, name="New one"), view(2), NOTHING) == Status(id="15", name="New one")


@pytest.mark.parametrize(
    ("values", "own"),
    [
        ({}, {"9", "11", "2", "3", "8"}),
        ({"shipped_status": "Completed", "import_statuses": [7]}, {"7", "2", "3", "8", "10"}),
    ],
)
def test_an_order_is_moved_out_of_what_nobody_chose(values: dict[str, object], own: set[str]) -> None:
    assert set(connector(**values).own_statuses()) == own


units = st.integers(0, 5)
progresses = st.builds(Progress, sent=units, waiting=units, left=units)
any_status = st.integers(0, 20)


@given(any_status, any_status, progresses, st.sampled_from([2, 10]), st.booleans())
def test_whatever_is_wanted_is_set_by_us_or_was_there_before(
    first: int, now: int, progress: Progress, shipped_status: int, pickup_in_store: bool
) -> None:
    found = statuses.target(
        view(first), view(now), progress, shipped_status=shipped_status, pickup_in_store=pickup_in_store
    )
    ours = {str(status) for status in statuses.set_by_us(shipped_status)}
    if found is None:
        assert first in {10, 14} or (progress.sent + progress.waiting == 0 and str(now) not in ours)
    else:
        assert found.id in ours or (found.id == str(first) and progress.sent + progress.waiting == 0)


@given(any_status, progresses, st.sampled_from([2, 10]), st.booleans())
def test_an_order_that_is_where_it_should_be_should_stay_there(
    first: int, progress: Progress, shipped_status: int, pickup_in_store: bool
) -> None:
    def wanted(now: int | str) -> Status | None:
        return statuses.target(
            view(first), view(now), progress, shipped_status=shipped_status, pickup_in_store=pickup_in_store
        )

    reached = wanted(3)
    assert reached is None or wanted(reached.id) in {reached, None}


@given(progresses, st.sampled_from([2, 10]))
def test_without_pickups_what_waits_counts_as_sent(progress: Progress, shipped_status: int) -> None:
    sent = Progress(sent=progress.sent + progress.waiting, waiting=0, left=progress.left)
    found = [
        statuses.target(view(11), view(3), each, shipped_status=shipped_status, pickup_in_store=False)
        for each in (progress, sent)
    ]
    assert found[0] == found[1]
