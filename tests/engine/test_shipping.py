"""What a shipment is made of: who may be shipped, what is left, saying it twice, pickups (rules W1, W2, W3, W9)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from crossdock.engine import Engine, ImportRequest
from crossdock.errors import RefusedError, UsageError
from crossdock.shipment import Item
from support import shipping as desk
from support.bench import STORE, Bench, bench_in


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_in(tmp_path) as bench:
        yield bench


@pytest.fixture
async def order(bench: Bench) -> int:
    """An order of three units of one line and of one of another, imported."""
    order = bench.store.add_order(lines=[{"quantity": 3}, {"quantity": 1}])
    await bench.run()
    return order


@pytest.fixture
async def engine(bench: Bench, order: int) -> AsyncIterator[Engine]:
    async with bench.engines() as engine:
        yield engine


@pytest.mark.parametrize("status", [0, 1, 4, 5, 6, 7, 12, 13])
async def test_an_order_whose_status_forbids_it_isnt_shipped(
    bench: Bench, order: int, engine: Engine, status: int
) -> None:
    """Rule W1: by the store as it is now, where the last view is older than ten seconds."""
    bench.store.set_status(order, status)
    bench.clock.wind(11)
    with pytest.raises(RefusedError, match="doesn't let it be shipped"):
        await desk.ship(engine, order, "A1")


async def test_a_view_of_the_last_ten_seconds_is_believed(bench: Bench, order: int, engine: Engine) -> None:
    """Rule W1."""
    bench.store.requests.clear()
    bench.clock.wind(9)
    await desk.ship(engine, order, "A1")
    assert not bench.store.requests


async def test_without_lines_all_that_is_left_leaves(bench: Bench, order: int, engine: Engine) -> None:
    """Rule W2: less what was refunded, what the store's people shipped, and what is on its way."""
    desk.refund(bench.store, order, 501, 1)
    desk.by_hand(bench.store, order, {502: 1}, "H1")
    bench.clock.wind(60)
    await desk.ship(engine, order, "A1", lines={"501": 1})
    rest = await desk.ship(engine, order, "A2")
    assert rest.row.shipment.items == (Item("501", 1),)


async def test_a_shipment_that_arrived_unseen_isnt_counted_twice(bench: Bench, order: int, engine: Engine) -> None:
    """Rule W2: its units stand in the line's own figure already, as an import shows it."""
    bench.store.faults.add("reset-after", method="POST")
    await desk.ship(engine, order, "A1", lines={"501": 1})
    await engine.dispatch.write_back(STORE)
    bench.clock.wind(30)
    await engine.import_store(STORE, ImportRequest())
    rest = await desk.ship(engine, order, "A2")
    assert rest.row.shipment.items == (Item("501", 2), Item("502", 1))


async def test_refunded_units_leave_only_where_they_are_asked_for_and_with_a_warning(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rule W2."""
    desk.refund(bench.store, order, 501, 2)
    bench.clock.wind(60)
    shipped = await desk.ship(engine, order, "A1", lines={"501": 3})
    assert "2 more than is left to ship" in shipped.warnings[0]
    with pytest.raises(RefusedError, match="0 of 3 are left"):
        await desk.ship(engine, order, "A2", lines={"501": 1})


async def test_digital_lines_never_leave(bench: Bench, engine: Engine) -> None:
    """Rule W2."""
    digital = bench.store.add_order(lines=[{"type": "digital"}])
    mixed = bench.store.add_order(lines=[{"type": "digital"}, {}])
    await engine.import_store(STORE, ImportRequest())
    with pytest.raises(RefusedError, match="goes into a parcel"):
        await desk.ship(engine, digital, "A1")
    assert len((await desk.ship(engine, mixed, "A1")).row.shipment.items) == 1


@pytest.mark.parametrize("number", ["A1", None])
async def test_saying_it_twice_is_saying_it_once(bench: Bench, order: int, engine: Engine, number: str | None) -> None:
    """Rule W3: before the store was told and after it."""
    first = await desk.ship(engine, order, number)
    again = await desk.ship(engine, order, number and f" {number.lower()} ")
    assert (again.is_new, again.row.id) == (False, first.row.id)
    await desk.tell(engine, first.row)
    bench.clock.wind(60)
    again = await desk.ship(engine, order, number)
    assert (again.is_new, again.row.id) == (False, first.row.id)
    assert len(bench.store.shipments(order)) == 1


async def test_a_number_that_stands_for_something_else_is_refused_with_both_shown(order: int, engine: Engine) -> None:
    """Rule W3."""
    await desk.ship(engine, order, "A1", lines={"501": 1})
    with pytest.raises(RefusedError, match=r"1 × 501 by Australia Post.*2 × 501 by Australia Post"):
        await desk.ship(engine, order, "A1", lines={"501": 2})
    with pytest.raises(RefusedError, match=r"by Australia Post.*by Sendle"):
        await desk.ship(engine, order, "A1", carrier="Sendle")


async def test_what_was_refused_may_be_said_again(bench: Bench, order: int, engine: Engine) -> None:
    """Rule W3: unique among what was neither voided nor refused."""
    bench.store.faults.add("status", method="POST", status=400)
    refused = await desk.ship_and_tell(engine, order, "A1")
    again = await desk.ship(engine, order, "A1")
    assert again.is_new
    assert again.row.id != refused.id


async def test_pickup_makes_no_shipment_on_any_consignment(bench: Bench, engine: Engine) -> None:
    """Rule W9."""
    posted = bench.store.add_order(lines=[{}])
    collected = bench.store.add_order(lines=[{"pickup": True}])
    await engine.import_store(STORE, ImportRequest())
    for order in (posted, collected):
        await desk.ship_and_tell(engine, order, carrier="pickup")
        assert not bench.store.shipments(order)
        assert desk.status(bench.store, order) == 2  # as pickup_in_store is off
    assert desk.posts(bench.store) == 0


async def test_another_carrier_on_a_pickup_consignment_is_refused(bench: Bench, engine: Engine) -> None:
    """Rule W9."""
    order = bench.store.add_order(lines=[{"pickup": True}])
    await engine.import_store(STORE, ImportRequest())
    with pytest.raises(RefusedError, match="collected by the buyer"):
        await desk.ship(engine, order, "A1")


async def test_of_several_ways_one_has_to_be_said(bench: Bench, engine: Engine) -> None:
    order = bench.store.add_order(lines=[{}, {"address": 1}], addresses=[{}, {}])
    await engine.import_store(STORE, ImportRequest())
    with pytest.raises(UsageError, match="several ways"):
        await desk.ship(engine, order, "A1")


async def test_the_rest_of_the_same_line_without_a_number_is_another_shipment(bench: Bench) -> None:
    """Rule W3: a unit of two was shipped, and "all that is left" is the other one, though both are said alike."""
    order = bench.store.add_order(lines=[{"quantity": 2}])
    await bench.run()
    async with bench.engines() as engine:
        first = await desk.ship_and_tell(engine, order, lines={"501": 1})
        rest = await desk.ship(engine, order)
        assert (rest.is_new, rest.row.shipment.items) == (True, first.shipment.items)
        await desk.tell(engine, rest.row)
        assert not (await desk.ship(engine, order)).is_new
    assert desk.parcels(bench.store, order) == {desk.parcel("", (501, 1)): 2}
