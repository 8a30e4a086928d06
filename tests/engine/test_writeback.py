"""Telling a store of a shipment, rule by rule (W4 to W8, W10), against the simulated one, by a clock that is wound."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from crossdock.engine import Engine, ImportRequest
from crossdock.state.shipments import WriteBack, WriteBackState
from crossdock_sandbox.store import SandboxStore
from support import shipping as desk
from support.bench import STORE, Bench, bench_in

CONFIRMED, REFUSED, UNCERTAIN = WriteBackState.CONFIRMED, WriteBackState.REFUSED, WriteBackState.UNCERTAIN
ONE = {"501": 1}


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_in(tmp_path) as bench:
        yield bench


@pytest.fixture
async def order(bench: Bench) -> int:
    """An order of three units of one line, imported."""
    order = bench.store.add_order(lines=[{"quantity": 3}])
    await bench.run()
    return order


@pytest.fixture
async def engine(bench: Bench, order: int) -> AsyncIterator[Engine]:
    async with bench.engines() as engine:
        yield engine


async def test_a_shipment_of_ours_that_is_there_already_is_confirmed_without_sending(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rule W5: the same number in another case and with space around it."""
    shipped = await desk.ship(engine, order, "33abc")
    desk.by_hand(bench.store, order, {501: 3}, " 33ABC ")
    assert (await desk.tell(engine, shipped.row)).state is CONFIRMED
    assert desk.posts(bench.store) == 0
    assert len(bench.store.shipments(order)) == 1


@pytest.mark.parametrize("number", ["H1", ""])
async def test_somebody_elses_shipment_of_the_same_items_refuses_ours_and_both_are_shown(
    bench: Bench, order: int, engine: Engine, number: str
) -> None:
    """Rule W5."""
    shipped = await desk.ship(engine, order, "A1")
    desk.by_hand(bench.store, order, {501: 3}, number)
    row = await desk.tell(engine, shipped.row)
    assert row.state is REFUSED
    assert "A1" in str(row.reason)
    assert (number or "without a number") in str(row.reason)
    assert desk.posts(bench.store) == 0


async def test_a_shipment_without_a_number_that_was_there_before_is_somebody_elses(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rule W5: only what is absent from the first look can be ours without a number."""
    desk.by_hand(bench.store, order, {501: 1})
    await desk.ship_and_tell(engine, order, lines=ONE)
    assert desk.parcels(bench.store, order) == {desk.parcel("", (501, 1)): 2}


async def test_what_another_of_our_shipments_is_known_as_is_not_taken_for_this_one(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rule W5: claimed by no other row. Both are looked at first before either is sent."""
    first = await desk.ship(engine, order, lines=ONE)
    other = await desk.ship(engine, order, lines=ONE, carrier="Sendle")
    bench.store.faults.add("500", method="POST", times=1)
    await desk.tell(engine, first.row)
    await desk.tell(engine, other.row)
    assert desk.parcels(bench.store, order) == {desk.parcel("", (501, 1)): 2}


async def test_two_that_match_are_confirmed_with_a_warning(
    bench: Bench, order: int, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """Rule W5: on the timeline, with the shipment and in the log."""
    shipped = await desk.ship(engine, order, "A1", lines=ONE)
    for _ in range(2):
        desk.by_hand(bench.store, order, {501: 1}, "A1")
    with caplog.at_level(logging.WARNING):
        row = await desk.tell(engine, shipped.row)
    assert row.state is CONFIRMED
    assert "once more" in str(row.reason)
    assert "once more" in caplog.text


async def test_a_lost_shipment_is_watched_for_until_it_is_settled_and_then_sent_again(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rule W6: at least one look after `settle` has passed since the sending was recorded."""
    bench.store.faults.add("reset-before", method="POST")
    row = (await desk.ship(engine, order, "A1")).row
    began = bench.clock.now()
    while desk.posts(bench.store) < 2:
        row = await desk.attempt(engine, row)
        if desk.posts(bench.store) < 2:
            assert row.state is UNCERTAIN
    second = [seen for seen in bench.store.requests if seen.method == "POST"][1]
    looks = [seen.at for seen in bench.store.requests if seen.method == "GET" and seen.at <= second.at]
    assert second.at - began > bench.settle
    assert looks[-1] - began > bench.settle
    assert (await desk.tell(engine, row)).state is CONFIRMED
    assert desk.parcels(bench.store, order) == {desk.parcel("A1", (501, 3)): 1}


@pytest.mark.parametrize("late_s", [1.0, 30.0, 110.0])
@pytest.mark.parametrize("number", ["A1", None])
async def test_a_shipment_that_arrives_late_is_found_and_not_sent_again(
    bench: Bench, order: int, engine: Engine, number: str | None, late_s: float
) -> None:
    """Rule W6."""
    bench.store.faults.add("late", method="POST", seconds=late_s)
    row = await desk.ship_and_tell(engine, order, number, lines=ONE)
    assert (row.state, desk.posts(bench.store)) == (CONFIRMED, 1)


@pytest.mark.parametrize("kind", ["403", "429"])
async def test_a_new_sending_that_was_turned_away_leaves_the_earlier_one_in_doubt(
    bench: Bench, order: int, engine: Engine, kind: str
) -> None:
    """Rule W6: the first one arrives while the second is turned away, and is found though it bears no number."""
    bench.store.faults.add("late", method="POST")
    bench.store.faults.add(kind, method="POST", times=9, seconds=30 if kind == "429" else None)
    row = (await desk.ship(engine, order, lines=ONE)).row
    while desk.posts(bench.store) < 2:
        row = await desk.attempt(engine, row)
    bench.store.faults.clear()
    bench.store.land()
    assert (await desk.tell(engine, row)).state is CONFIRMED
    assert desk.parcels(bench.store, order) == {desk.parcel("", (501, 1)): 1}


@pytest.mark.parametrize("kind", ["401", "403", "429", "500", "503", "reset-before", "html", "null"])
async def test_what_the_store_has_against_everything_leaves_a_shipment_unfinished(
    bench: Bench, order: int, engine: Engine, kind: str
) -> None:
    """Rule W7: however long it lasts; and once it's over, it's told."""
    bench.store.faults.add(kind, times=None)
    row = (await desk.ship(engine, order, "A1")).row
    for _ in range(30):
        row = await desk.attempt(engine, row)
        assert not row.is_finished
    bench.store.faults.clear()
    bench.clock.wind(300)
    assert (await desk.tell(engine, row)).state is CONFIRMED


async def test_what_the_platform_refuses_about_a_shipment_is_refused_in_its_words(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rule W7."""
    bench.store.faults.add("status", method="POST", status=400)
    row = await desk.ship_and_tell(engine, order, "A1")
    assert row.state is REFUSED
    assert "(400)" in str(row.reason)
    assert not bench.store.shipments(order)


async def test_tries_come_ever_more_rarely_and_at_least_every_five_minutes(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rule W7: after 1 s, 2 s, 4 s …"""
    bench.store.faults.add("403", times=None)
    row = (await desk.ship(engine, order, "A1")).row
    waits = []
    for _ in range(11):
        await engine.dispatch.write_back(STORE)
        told = await engine.state.writeback(row.id)
        assert told is not None
        assert told.next_try is not None
        waits.append((told.next_try - bench.clock.now()).total_seconds())
        bench.clock.wind(waits[-1])
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


async def test_two_orders_that_cant_be_read_hold_up_no_third(bench: Bench, order: int, engine: Engine) -> None:
    """Rule W7."""
    others = [bench.store.add_order(lines=[{}]) for _ in range(2)]
    await engine.import_store(STORE, ImportRequest())
    for one in (order, others[0]):
        await desk.ship(engine, one)
        bench.store.faults.add("null", path=f"^/v2/orders/{one}$", times=None)
    row = (await desk.ship(engine, others[1])).row
    assert (await desk.finish(engine))[0].id != row.id
    assert await desk.state_of(engine, row.id) is CONFIRMED


async def test_a_status_that_somebody_chose_is_left_alone_and_said(bench: Bench, order: int, engine: Engine) -> None:
    """Rule W8."""
    bench.store.behaviour.shipment_moves_status = "never"
    shipped = await desk.ship(engine, order, "A1", lines=ONE)
    bench.store.faults.add("edit", method="POST", edit=lambda: bench.store.set_status(order, 14))
    row = await desk.tell(engine, shipped.row)
    assert row.state is CONFIRMED
    assert "somebody chose" in str(row.reason)
    assert desk.status(bench.store, order) == 14


async def test_a_late_number_is_corrected_in_the_store(bench: Bench, order: int, engine: Engine) -> None:
    """Rule W10."""
    row = await desk.ship_and_tell(engine, order, "A1")
    changed = await engine.dispatch.track(STORE, row.id, "A2")
    assert (await desk.tell(engine, changed)).state is CONFIRMED
    assert desk.parcels(bench.store, order) == {desk.parcel("A2", (501, 3)): 1}


async def test_a_number_that_changed_while_its_sending_was_in_doubt_is_found_by_the_old_one_and_corrected(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rules W6, W10."""
    bench.store.faults.add("late", method="POST", seconds=20)
    row = (await desk.ship(engine, order, "A1")).row
    await desk.attempt(engine, row)
    changed = await engine.dispatch.track(STORE, row.id, "A2")
    assert (await desk.tell(engine, changed)).state is CONFIRMED
    assert desk.parcels(bench.store, order) == {desk.parcel("A2", (501, 3)): 1}


async def test_a_void_while_its_sending_is_in_doubt_waits_and_takes_it_back(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rules W6, W10: the order stands again where it stood."""
    bench.store.faults.add("late", method="POST", seconds=60)
    row = (await desk.ship(engine, order, "A1")).row
    await desk.attempt(engine, row)
    voided = await desk.tell(engine, await engine.dispatch.void(STORE, row.id))
    assert voided.state is WriteBackState.VOIDED
    bench.clock.wind(200)
    assert not bench.store.shipments(order)
    assert desk.status(bench.store, order) == 11


async def test_what_a_store_took_and_showed_late_is_not_made_again_when_it_is_retried(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rules W4, W5: the first look is kept for the row's life, and so is the id that the store gave."""
    held: list[Any] = []
    _hide_after_the_post(bench.store, order, held)
    row = await desk.ship_and_tell(engine, order, lines=ONE)
    assert row.state is REFUSED
    bench.store._shipments[order] = held
    (again,) = await engine.dispatch.retry(STORE, [row.id])
    assert (await desk.tell(engine, again)).state is CONFIRMED
    assert desk.parcels(bench.store, order) == {desk.parcel("", (501, 1)): 1}


def _hide_after_the_post(store: SandboxStore, order: int, held: list[Any]) -> None:
    hide = lambda: held.extend(store._shipments.pop(order))  # noqa: E731
    store.faults.add("edit", method="POST", when="after", edit=hide)


# --- the table of W8 ---

WHOLE: dict[str, Any] = {}
PART: dict[str, Any] = {"lines": ONE}
PICKED: dict[str, Any] = {"carrier": "pickup"}
PICKED_IN_PART: dict[str, Any] = {"carrier": "pickup", "lines": ONE}

BECOMES = [  # status before, what is done, shipped_status, pickup_in_store, status after
    *((before, "whole", to, False, to) for before in (9, 11) for to in (2, 10)),
    *((before, "part", to, False, 3) for before in (9, 11) for to in (2, 10)),
    *((3, "whole", to, False, to) for to in (2, 10)),
    *((11, "part, rest", to, False, to) for to in (2, 10)),
    (11, "pickup", 2, True, 8),
    (11, "pickup", 2, False, 2),
    (11, "pickup", 10, False, 10),
    (11, "pickup in part", 2, True, 3),
    (11, "part, rest by pickup", 2, True, 8),
    *((11, "pickup, collected", to, True, to) for to in (2, 10)),
    *((11, "whole, void", to, False, 11) for to in (2, 10)),
    (9, "part, void", 2, False, 9),
    (11, "part, rest, void", 2, False, 3),
    (11, "pickup, void", 2, True, 11),
    (14, "whole", 2, False, 14),
    (10, "whole", 2, False, 10),
]
DEEDS: dict[str, list[dict[str, Any] | str]] = {
    "whole": [WHOLE],
    "part": [PART],
    "part, rest": [PART, WHOLE],
    "pickup": [PICKED],
    "pickup in part": [PICKED_IN_PART],
    "part, rest by pickup": [PART, PICKED],
    "pickup, collected": [PICKED, "collected"],
    "whole, void": [WHOLE, "void"],
    "part, void": [PART, "void"],
    "part, rest, void": [PART, WHOLE, "void"],
    "pickup, void": [PICKED, "void"],
}


@pytest.mark.parametrize("moves", ["never", "complete", "part"])
@pytest.mark.parametrize(("before", "deed", "shipped_status", "pickup_in_store", "after"), BECOMES)
async def test_the_status_that_an_order_comes_to(
    bench: Bench, moves: str, before: int, deed: str, shipped_status: int, pickup_in_store: bool, after: int
) -> None:
    """Rule W8: whatever the platform does by itself, except where an order was finished before anything of ours."""
    bench.store.behaviour.shipment_moves_status = moves
    order = bench.store.add_order(lines=[{"quantity": 2}], status_id=before)
    await bench.run(ImportRequest(order=str(order)), shipped_status=shipped_status, pickup_in_store=pickup_in_store)
    async with bench.engines() as engine:
        rows: list[WriteBack] = []
        for number, done in enumerate(DEEDS[deed]):
            if done == "void":
                rows.append(await desk.tell(engine, await engine.dispatch.void(STORE, rows[-1].id)))
            elif done == "collected":
                rows += [await desk.tell(engine, row) for row in await engine.dispatch.collected(STORE, str(order))]
            else:
                assert isinstance(done, dict)
                rows.append(
                    await desk.ship_and_tell(engine, order, None if "carrier" in done else f"A{number}", **done)
                )
        assert all(row.state in (CONFIRMED, WriteBackState.VOIDED) for row in rows)
    if before == 14 and moves != "never":
        after = 2  # the platform's own doing, which is left as it is
    assert desk.status(bench.store, order) == after


async def test_a_sending_that_sat_out_pauses_is_watched_from_when_it_went_out(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rule W6: the pauses that the store asked for came before it; 130 s of them are longer than `settle`."""
    bench.store.faults.add("429", method="POST", times=2, seconds=65)
    bench.store.faults.add("late", method="POST", seconds=20)
    row = await desk.ship_and_tell(engine, order, "A1", lines=ONE)
    bench.clock.wind(100)
    bench.store.settle()
    assert (row.state, desk.posts(bench.store)) == (CONFIRMED, 3)
    assert desk.parcels(bench.store, order) == {desk.parcel("A1", (501, 1)): 1}


async def test_a_number_that_is_changed_back_after_a_lost_answer_is_changed_back_in_the_store(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rule W10: whether the first change arrived isn't known, so the second one is made in any case."""
    row = await desk.ship_and_tell(engine, order, "A1")
    bench.store.faults.add("reset-after", method="PUT", path="shipments", times=5)
    await desk.attempt(engine, await engine.dispatch.track(STORE, row.id, "B2"))
    assert desk.parcels(bench.store, order) == {desk.parcel("B2", (501, 3)): 1}
    back = await desk.tell(engine, await engine.dispatch.track(STORE, row.id, "A1"))
    assert back.state is CONFIRMED
    assert desk.parcels(bench.store, order) == {desk.parcel("A1", (501, 3)): 1}


async def test_one_that_was_sent_and_refused_is_looked_for_before_it_is_sent_again(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rules W5, W6: an order that seems gone for a moment doesn't make forgotten what was sent without a number."""
    bench.store.faults.add("reset-after", method="POST")
    bench.store.faults.add("status", status=404, method="GET", path=f"orders/{order}$", skip=1)
    row = await desk.ship_and_tell(engine, order, lines=ONE)
    assert row.state is REFUSED
    (again,) = await engine.dispatch.retry(STORE, [row.id])
    assert (await desk.tell(engine, again)).state is CONFIRMED
    assert desk.parcels(bench.store, order) == {desk.parcel("", (501, 1)): 1}


async def test_a_refused_one_that_the_store_took_is_taken_back_there_when_it_is_voided(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rule W10."""
    held: list[Any] = []
    _hide_after_the_post(bench.store, order, held)
    row = await desk.ship_and_tell(engine, order, lines=ONE)
    assert row.state is REFUSED
    bench.store._shipments[order] = held
    assert (await desk.tell(engine, await engine.dispatch.void(STORE, row.id))).state is WriteBackState.VOIDED
    assert not bench.store.shipments(order)


async def test_what_is_completed_by_hand_between_two_parcels_stays_completed(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rule W8: 10 as first seen is left alone."""
    await desk.ship_and_tell(engine, order, "A1", lines=ONE)
    bench.clock.wind(60)
    bench.store.set_status(order, 10)
    bench.clock.wind(60)
    assert (await desk.ship_and_tell(engine, order, "A2")).state is CONFIRMED
    assert desk.status(bench.store, order) == 10


async def test_what_was_taken_back_by_hand_can_be_shipped_again_at_once(bench: Bench, order: int) -> None:
    """Rule W2: by an import's fresh view as by a look."""
    async with bench.engines() as engine:
        await desk.ship_and_tell(engine, order, "A1")
    bench.clock.wind(60)
    desk.undo(bench.store, order)
    bench.clock.wind(60)
    await bench.run()
    async with bench.engines() as engine:
        again = await desk.ship(engine, order, "A2")
    assert (again.is_new, again.row.shipment.items[0].quantity) == (True, 3)


async def test_a_refusal_because_the_first_sending_arrives_at_last_is_none(
    bench: Bench, order: int, engine: Engine
) -> None:
    """Rules W5, W7: it lands after `settle`, just before the second one, for which nothing is left then."""
    bench.store.faults.add("late", method="POST")
    row = (await desk.ship(engine, order, "A1")).row
    bench.store.faults.add("edit", method="POST", edit=bench.store.land, when="before")
    assert (await desk.tell(engine, row)).state is CONFIRMED
    assert desk.posts(bench.store) == 2
    assert desk.parcels(bench.store, order) == {desk.parcel("A1", (501, 3)): 1}


async def test_a_shipment_behind_one_that_waits_is_due_when_that_is(bench: Bench, order: int, engine: Engine) -> None:
    """Rule W7: else its store would be turned to each second."""
    bench.store.faults.add("500", times=None, path=str(order))
    await desk.ship(engine, order, "A1", lines=ONE)
    await desk.ship(engine, order, "A2")
    await engine.dispatch.write_back(STORE)
    await engine.dispatch.write_back(STORE)
    assert await engine.state.due_stores(bench.clock.now()) == frozenset()
    bench.store.faults.clear()


async def test_a_connector_that_fails_over_a_status_keeps_its_shipment_and_says_so(
    bench: Bench, order: int, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guarantee 4: a mistake of a plugin is told as that, and the store's other orders go on."""
    following = bench.store.add_order()
    await engine.import_store(STORE, ImportRequest())
    connector = engine.dispatch.connections.connector(engine.config.store(STORE))
    with monkeypatch.context() as broken:
        broken.setattr(type(connector), "target_status", lambda *_: int("no status"))
        row = (await desk.ship(engine, order, "A1")).row
        row = await desk.attempt(engine, row)
    assert "failed unexpectedly (ValueError)" in str(row.reason)
    assert (await desk.ship_and_tell(engine, following, "B1")).state is CONFIRMED
    assert (await desk.tell(engine, row)).state is CONFIRMED


async def test_one_look_that_lags_takes_nothing_back(bench: Bench, order: int, engine: Engine) -> None:
    """Rule W4: what the store has shown and doesn't for a moment is neither taken back nor sent again."""
    store, held = bench.store, []
    store.faults.add("503", method="PUT", path=f"orders/{order}$", times=5)
    store.behaviour.shipment_moves_status = "never"
    hide = lambda: held.extend(store._shipments.pop(order))  # noqa: E731
    show = lambda: store._shipments.update({order: list(held)})  # noqa: E731
    row = await desk.attempt(engine, (await desk.ship(engine, order, "A1")).row)
    assert row.shown_as_of is not None
    store.faults.add("edit", method="GET", path="shipments", edit=hide, when="before")
    store.faults.add("edit", method="GET", path="shipments", edit=show, when="after")
    assert (await desk.tell(engine, row)).state is CONFIRMED
    assert desk.parcels(store, order) == {desk.parcel("A1", (501, 3)): 1}
    assert desk.posts(store) == 1
