"""The guarantees of writing back as tests: whatever happens, the platform gets each shipment once.

Like those of importing: the real engine over real HTTP and a real database, and a platform that stumbles.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import ClassVar
from unittest import SkipTest

from crossdock.connector import AnyConnector, Connector, Look, Seen
from crossdock.engine import Engine
from crossdock.errors import CrossdockError, RefusedError
from crossdock.matching import progress_of
from crossdock.model import Order, Status
from crossdock.shipment import Progress, StoreView, view_of
from crossdock.state.shipments import WriteBack, WriteBackState
from crossdock.testing.guarantee import playing
from crossdock.testing.parcels import ParcelTrial, Told, by_hand, told
from crossdock.testing.platform import FakeShippingPlatform
from crossdock.testing.secrecy import expect_nowhere, secrets_of, telling, text_of_database
from crossdock.testing.service import (
    FAILURES,
    GARBAGE,
    Meddler,
    Misbehaviour,
    cut_after,
    cut_before,
    done_late,
    misbehaving,
)
from crossdock.testing.trial import HOUR, STORE, logged, stored

LONG_PAUSE_S = 600
LATE_S = 30.0  # well before the engine gives up to wait for a shipment that it doesn't see
REFUSAL = "No parcels leave on the feast of Saint Dismas."


def _trial(contract: WriteBackContract, folder: Path, random: Random) -> ParcelTrial:
    if not contract.connector.writes_back():
        raise SkipTest(f"{contract.connector.title} doesn't write back: its connector has no send().")
    return ParcelTrial(folder, contract.connector, contract.platform(), random, contract.carrier)


guarantee = playing(_trial)


class WriteBackContract:
    """Tests that every connector passes that writes back, beside those of ConnectorContract.

    class TestCornerWritesBack(WriteBackContract):
        connector = Corner

        def platform(self):
            return FakeCorner()

    Attributes:
        connector: The connector's class.
        carrier: What people call the carrier of the tests' parcels. The platform needn't know it; where it takes none
            that it doesn't know, name one that it does.
    """

    connector: ClassVar[type[AnyConnector]]
    carrier: ClassVar[str] = "Hermes on Foot"

    def platform(self) -> FakeShippingPlatform:
        """A new platform without orders."""
        raise NotImplementedError(f"{type(self).__name__} needs a method platform() that gives a FakeShippingPlatform.")

    # Looking

    @guarantee
    async def test_a_look_shows_what_is_there_now(self, trial: ParcelTrial) -> None:
        """look() shows the order and every shipment of it, whoever made them, and changes nothing.

        Ask the platform each time and keep nothing. Give ids, units and numbers as the platform has them, and all pages
        of a long list. `seen` is what fetch() and complete() give, with the platform's time as `as_of`.
        """
        async with trial.engine() as engine:
            (order,) = await trial.orders(engine)
        way, units = trial.part(order)
        platform = trial.platform
        number = trial.new_number()
        async with trial.installation.connector() as connector:
            await _expect_look(connector, trial, order.id, [])
            platform.ship_by_hand(order.id, by_hand(way, units, number))
            platform.ship_by_hand(order.id, by_hand(way, {way.lines[0].id: 1}, None))
            platform.clock.wind(HOUR)
            both = [told(by_hand(way, units, number)), told(by_hand(way, {way.lines[0].id: 1}, None))]
            shown = [await _expect_look(connector, trial, order.id, both) for _ in range(2)]
            assert shown[0] == shown[1], f"nothing had changed, but two looks showed {shown[0]} and {shown[1]}."
            platform.delete_shipment(order.id, platform.shipments(order.id)[0].id)
            await _expect_look(connector, trial, order.id, both[1:])
            platform.choose_status(order.id)
            await _expect_look(connector, trial, order.id, both[1:])

    @guarantee
    async def test_an_order_that_is_gone_is_seen_as_none(self, trial: ParcelTrial) -> None:
        """look() gives None for an order that the platform hasn't, so that its parcels aren't tried for ever.

        Ask by self.http.request, and give None where the platform answers 404.
        """
        async with trial.installation.connector() as connector:
            try:
                found = await connector.look(trial.platform.unknown_id)
            except CrossdockError as error:
                raise AssertionError(f"look() raised {error!r} for an order that isn't there.") from error
            assert found is None, "look() gave an order that isn't there."

    @guarantee
    async def test_what_is_due_is_computed_and_asks_nobody(self, trial: ParcelTrial) -> None:
        """target_status and order_from_raw give the same for the same, and send no request.

        Make them of what they are given and the settings: no clock, no counter, nothing remembered.
        """
        async with trial.engine() as engine:
            (order,) = await trial.orders(engine)
        async with trial.installation.connector() as connector:
            look = await _look(connector, order.id)
            asked = len(trial.platform.asked)
            read = [connector.order_from_raw(look.seen.raw) for _ in range(2)]
            assert read[0] == read[1], f"one raw gave different orders: {read}."
            view = _view(connector, trial, look)
            for progress in _progresses(view):
                targets = [connector.target_status(view, view, progress) for _ in range(2)]
                assert targets[0] == targets[1], f"target_status gave {targets[0]} and {targets[1]} for {progress}."
                assert isinstance(targets[0], Status | None), f"target_status gave {targets[0]!r} for {progress}."
            own = [list(connector.own_statuses()) for _ in range(2)]
            assert sorted(own[0]) == sorted(own[1]), f"own_statuses() gave {own[0]} and {own[1]}."
            assert all(isinstance(one, str) for one in own[0]), f"own_statuses() gave {own[0]}, and not ids as text."
            assert len(trial.platform.asked) == asked, "what should only compute sent a request."

    # Once

    @guarantee
    async def test_a_shipment_arrives_once_with_its_items_its_address_and_its_number(self, trial: ParcelTrial) -> None:
        """Every parcel of an order arrives: each once, with its own lines and units, to its own address.

        Send all that the shipment holds; ids of lines and consignments are as order_from_raw gave them. Two parcels
        with the same goods and different numbers are two shipments.
        """
        async with trial.engine() as engine:
            (order,) = await trial.orders(engine)
            rows = []
            for way in trial.ways(order):
                first, second = way.lines[:2]
                some: list[tuple[Mapping[str, int] | None, str | None]] = [
                    ({first.id: 1, second.id: 2}, trial.new_number()),
                    ({first.id: 1}, trial.new_number()),
                    ({first.id: 1}, trial.new_number()),
                    (None, None),
                ]
                rows += [await trial.ship(engine, order, way=way, units=units, number=no) for units, no in some]
            rows = [await trial.tell(engine, row) for row in rows]
            trial.expect(rows, "After all of an order was shipped")

    @guarantee
    async def test_an_order_gets_the_status_that_is_due(self, trial: ParcelTrial) -> None:
        """An order that was shipped in part, and then whole, stands where target_status wants it; setting it is safe.

        See that set_status changes the status and nothing else, that setting it twice is setting it once, and that
        look() shows it.
        """
        async with trial.engine() as engine, trial.installation.connector() as connector:
            (order,) = await trial.orders(engine)
            rows = [await trial.tell(engine, await trial.shipped(engine, order))]
            await _expect_target(connector, trial, rows)
            for way in trial.ways(order):
                trial.platform.clock.wind(HOUR)  # so that the store is asked what is left
                rows.append(await trial.ship(engine, order, way=way, number=trial.new_number()))
            rows = [await trial.tell(engine, row) for row in rows]
            trial.expect(rows, "After an order was shipped whole")
            status, mails = trial.status(order.id), trial.platform.mails(order.id)
            await _expect_target(connector, trial, rows)
            if status != order.status.id:
                await connector.set_status(order.id, status)
            trial.expect(rows, "After the status was set that it had")
            assert trial.status(order.id) == status, "set_status changed the status that it should have set again."
            found = trial.platform.mails(order.id)
            assert found == mails, f"To set a status again sent the buyer {found - mails} more e-mail(s)."

    @guarantee
    async def test_a_sending_that_was_cut_off_is_done_once(self, trial: ParcelTrial) -> None:
        """Where the connection breaks before a request is done, the shipment arrives all the same, and once.

        Let UnreachableError pass: the engine looks, waits until it's sure, and sends again. Claim no success and no
        refusal that the platform hasn't answered.
        """
        await _disturbed(trial, cut_before, "the connection broke before request {} was done")

    @guarantee
    async def test_a_shipment_whose_answer_was_lost_is_found_and_not_sent_again(self, trial: ParcelTrial) -> None:
        """Where the connection breaks after a request was done, the shipment is found, and not sent a second time.

        Send by self.http.request with `repeatable` left as it is: a second request would be a second parcel. Tell
        look() all that the shipment is recognised by: consignment, items, number.
        """
        await _disturbed(trial, cut_after, "the answer to request {} was lost")

    @guarantee
    async def test_a_shipment_that_arrives_late_is_found_and_not_sent_again(self, trial: ParcelTrial) -> None:
        """Where a request is done half a minute after its connection broke, the shipment arrives once.

        Send one request, without a second try: the engine tries again when it's sure that the first came to nothing.
        """

        def late(number: int) -> Meddler:
            return done_late(number, trial.platform.clock, after_s=LATE_S)

        await _disturbed(trial, late, "request {} was done " + f"{LATE_S:.0f} s after its connection broke")

    @guarantee
    async def test_a_pause_or_a_failure_leaves_it_waiting(self, trial: ParcelTrial) -> None:
        """429, 5xx, refused keys and garbage are no refusal of the shipment: it waits, and arrives once all is well.

        Let the errors of self.http pass. Of 401, 403 and 429 raise what get_json raises; RefusedError is for what the
        platform has against this one shipment.
        """
        platform = trial.platform
        pause = Misbehaviour("asked for a pause", lambda _: platform.pause_request(LONG_PAUSE_S))
        refused = Misbehaviour("refused the key", lambda _: platform.refusal())
        always = math.inf
        for kinds, times in (([pause], always), ([refused], 1), (FAILURES[1:2], always), (FAILURES + GARBAGE, always)):
            async with trial.engine() as engine:
                for number, row in enumerate(await trial.parcels(engine), 1):
                    kind = kinds[number % len(kinds)]
                    when = f"the platform {kind.words} {'at' if times == 1 else 'from'} request {number}"
                    with platform.meddled(misbehaving(number, kind, times=times)):
                        waiting = await trial.attempt(engine, row)
                    assert not waiting.is_finished, f"When {when}, a parcel was {waiting.state}: {waiting.reason}"
                    assert waiting.reason, f"When {when}, nobody was told why a parcel waits."
                    platform.clock.wind(1.1 * LONG_PAUSE_S)
                    trial.expect([await trial.tell(engine, row)], f"When {when}, and all was well again")

    @guarantee
    async def test_a_stop_at_any_request_sends_nothing_twice(self, trial: ParcelTrial) -> None:
        """Wherever crossdock is stopped, before a request is done or after it, it goes on and the parcel is there once.

        Let asyncio.CancelledError pass, send nothing in `finally`, and remember nothing in the connector: another
        process has another one.
        """
        for takes_effect in (False, True):
            async with trial.engine() as engine:
                rows = await trial.parcels(engine)
            for number, row in enumerate(rows, 1):
                async with trial.engine() as engine:
                    work = engine.dispatch.write_back(STORE, orders=[row.shipment.order_id])
                    wrong = await trial.installation.cancelled(work, number, takes_effect=takes_effect)
                    when = f"{'after' if takes_effect else 'before'} its request {number} was done"
                    assert not wrong, f"Stopped {when}, the write-back {wrong}."
                async with trial.engine() as engine:
                    ended = await trial.tell(engine, row)
                trial.expect([ended], f"After crossdock was stopped {when}, and started again")

    # What the platform and its people decide

    @guarantee
    async def test_a_refused_shipment_is_refused_in_the_platforms_words(self, trial: ParcelTrial) -> None:
        """A shipment that the platform won't take is refused, with its reason, and not sent again.

        Raise RefusedError from send() where the platform refuses this shipment, with what it says in `Response.text` or
        `Response.json`. The fake's rejection() has to be of the platform's form.
        """
        refused = 0
        rejecting = Misbehaviour("rejected it", lambda _: trial.platform.rejection(REFUSAL))
        async with trial.engine() as engine:
            for number, row in enumerate(await trial.parcels(engine), 1):
                with trial.platform.meddled(misbehaving(number, rejecting, times=1)):
                    ended = await trial.tell(engine, row)
                when = f"After the platform rejected request {number}"
                if ended.state is WriteBackState.REFUSED:
                    refused += 1
                    assert REFUSAL in (ended.reason or ""), f"{when} with “{REFUSAL}”, people are told: {ended.reason}"
                due = [] if ended.state is WriteBackState.REFUSED else [told(ended.shipment)]
                trial.expect_shipments(row.shipment.order_id, due, when)
                await trial.attempt(engine, row)
                assert not trial.platform.asked, f"{when} a parcel was {ended.state}, and the platform asked once more."
        assert refused, f"The platform rejected each request once with “{REFUSAL}”, and no parcel was refused."

    @guarantee
    async def test_what_a_person_shipped_is_not_shipped_again(self, trial: ParcelTrial) -> None:
        """Goods that a person shipped on the platform don't leave twice: the parcel is taken as theirs, or refused.

        See that look() shows the shipments of people and of other programs, too.
        """
        async with trial.engine() as engine:
            same, other, lost = await trial.orders(engine, 3)
            for order in (same, other):
                way = trial.ways(order)[-1]
                all_of_it = {line.id: line.quantity for line in way.lines}
                row = await trial.ship(engine, order, way=way, number=trial.new_number())
                number = row.shipment.tracking_number if order is same else trial.new_number()
                theirs = by_hand(way, all_of_it, number)
                trial.platform.ship_by_hand(order.id, theirs)
                row = await trial.tell(engine, row)
                when = f"After a person shipped all by {'this' if order is same else 'another'} number"
                trial.expect_shipments(order.id, [told(theirs)], when)
                wanted = WriteBackState.CONFIRMED if order is same else WriteBackState.REFUSED
                assert row.state is wanted, f"{when}, a parcel is {row.state} where {wanted} is due: {row.reason}"
            row = await trial.shipped(engine, lost)
            with trial.platform.meddled(misbehaving(1, FAILURES[1])):
                await trial.attempt(engine, row)
            way, units = trial.part(lost)
            trial.platform.ship_by_hand(lost.id, by_hand(way, units, row.shipment.tracking_number))
            row = await trial.tell(engine, row)
            trial.expect([row], "After a person shipped it while the platform couldn't be reached")

    @guarantee
    async def test_a_status_that_somebody_chose_is_left_alone(self, trial: ParcelTrial) -> None:
        """A status that a person gives an order while it's being shipped stays; the shipment arrives all the same.

        Leave statuses that people choose out of own_statuses(). A send() that moves the status by the way should leave
        that to set_status.
        """
        chosen_in_time = 0
        async with trial.engine() as engine:
            for number, row in enumerate(await trial.parcels(engine), 1):
                with trial.platform.meddled(misbehaving(number, FAILURES[1])):
                    await trial.attempt(engine, row)
                mails = trial.platform.mails(row.shipment.order_id)
                chosen = trial.platform.choose_status(row.shipment.order_id)
                more = trial.platform.mails(row.shipment.order_id) - mails
                ended = await trial.tell(engine, row)
                if chosen is None or ended.first_look is None or ended.first_look.status.id == chosen:
                    continue
                chosen_in_time += 1
                when = f"After a person chose the status {chosen} before request {number}"
                trial.expect([ended], when, status=chosen, more_mails=more, without_a_word=False)
        assert chosen is None or chosen_in_time, f"choose_status() gave {chosen}, which orders had before."

    # Late facts

    @guarantee
    async def test_another_number_is_told_once_or_refused(self, trial: ParcelTrial) -> None:
        """A parcel's tracking number that changed is changed on the platform; where it can't be, that is said.

        Let correct() change the shipment of that id and make no other one. Leave it out where the platform can't: then
        the number stays, with a sentence.
        """

        async def change(engine: Engine, row: WriteBack) -> WriteBack:
            return await engine.dispatch.track(STORE, row.id, trial.new_number())

        def expect(row: WriteBack, other: WriteBack, before: Told, when: str) -> None:
            can_not = row.reason is not None
            assert not can_not or self.connector.correct is Connector.correct, f"{when}: {row.reason}"
            due = [before if can_not else told(row.shipment), told(other.shipment)]
            trial.expect_shipments(row.shipment.order_id, due, when)

        await _changed_late(trial, change, expect, "A number that changed")

    @guarantee
    async def test_a_shipment_is_taken_back_alone_or_not_at_all(self, trial: ParcelTrial) -> None:
        """A parcel that doesn't go is taken back on the platform, and no other; where it can't be, that is said.

        Let void() delete the shipment of that id, and take one that isn't there for taken back. Leave it out where the
        platform can't: then the shipment stays, with a sentence.
        """

        async def change(engine: Engine, row: WriteBack) -> WriteBack:
            return await engine.dispatch.void(STORE, row.id)

        def expect(row: WriteBack, other: WriteBack, before: Told, when: str) -> None:
            can_not = row.state is WriteBackState.CONFIRMED
            assert not can_not or self.connector.void is Connector.void, f"{when}: {row.reason}"
            due = [*([before] if can_not else []), told(other.shipment)]
            trial.expect_shipments(row.shipment.order_id, due, when)

        row, other = await _changed_late(trial, change, expect, "A parcel that was taken back")
        async with trial.installation.connector() as connector:
            if row.state is WriteBackState.VOIDED and row.store_id is not None:
                try:
                    await connector.void(row.shipment.order_id, row.store_id)
                except RefusedError as error:
                    raise AssertionError(f"void() refused what was taken back already: {error}") from error
                trial.expect_shipments(
                    row.shipment.order_id, [told(other.shipment)], "After void() was called a second time"
                )

    # Private

    @guarantee
    async def test_no_secret_is_told_about_a_shipment(self, trial: ParcelTrial) -> None:
        """No secret of the settings gets into a parcel's reason, its timeline, the log or the database.

        Repeat what the platform says only as self.http gives it, and log no request.
        """
        secrets = secrets_of(trial.installation.config().stores[STORE].settings, trial.platform)
        reasons: list[str] = []
        lines: list[object] = []
        with logged() as log:
            async with trial.engine() as engine:
                for number, row in enumerate(await trial.parcels(engine), 1):
                    for status in (422, 401, 403, 500):
                        with trial.platform.meddled(misbehaving(number, telling(secrets, status))):
                            reasons.append((await trial.attempt(engine, row)).reason or "")
                        trial.platform.clock.wind(HOUR)
                    lines += await engine.state.timeline(STORE, row.shipment.order_id)
        places = {
            "a parcel's reason": " ".join(reasons),
            "the timeline": str(lines),
            "the log": "\n".join(log),
            "the database": text_of_database(trial.folder),
        }
        expect_nowhere(secrets, places)


async def _disturbed(trial: ParcelTrial, meddler: Callable[[int], Meddler], words: str) -> None:
    """Tells of a parcel for each request that can be disturbed, to its end."""
    __tracebackhide__ = True
    async with trial.engine() as engine:
        for number, row in enumerate(await trial.parcels(engine), 1):
            with trial.platform.meddled(meddler(number)):
                ended = await trial.tell(engine, row)
                await trial.a_while()
            trial.expect([ended], f"After {words.format(number)}")


async def _changed_late(
    trial: ParcelTrial,
    change: Callable[[Engine, WriteBack], Awaitable[WriteBack]],
    expect: Callable[[WriteBack, WriteBack, Told, str], None],
    what: str,
) -> tuple[WriteBack, WriteBack]:
    """Changes a parcel that was told, beside another one of its order: undisturbed, and at each request that it takes.

    Gives the undisturbed one as it is then, and the other one.
    """
    __tracebackhide__ = True

    async def changed(order: Order, meddler: Meddler | None, when: str) -> tuple[WriteBack, WriteBack]:
        way = trial.ways(order)[-1]
        row = await trial.tell(engine, await trial.shipped(engine, order))
        other = await trial.ship(engine, order, way=way, units={way.lines[0].id: 1}, number=trial.new_number())
        other = await trial.tell(engine, other)
        trial.expect([row, other], "After two parcels of an order were told")
        before = told(row.shipment)
        await change(engine, row)
        with trial.platform.meddled(meddler) if meddler else nullcontext():
            row = await trial.tell(engine, row)
        expect(row, other, before, when)
        return row, other

    async with trial.engine() as engine:
        (order,) = await trial.orders(engine)
        first = await changed(order, None, f"{what}, was told")
        requests = range(1, len(trial.platform.asked) + 1)
        for meddler, words in ((cut_before, "before request {} was done"), (cut_after, "after request {} was done")):
            for number, order in zip(requests, await trial.orders(engine, len(requests)), strict=True):
                when = f"{what}, was told, and the connection broke {words.format(number)}"
                await changed(order, meddler(number), when)
    return first


async def _look(connector: AnyConnector, order_id: str) -> Look:
    look = await connector.look(order_id)
    assert look is not None, f"look({order_id!r}) gave None for an order that is there."
    return look


async def _expect_look(connector: AnyConnector, trial: ParcelTrial, order_id: str, due: list[Told]) -> object:
    """What a look showed, which is what the platform has: these shipments, and the order's status."""
    __tracebackhide__ = True
    platform, now = trial.platform, trial.platform.clock.now()
    trial.expect_shipments(order_id, due, "Before a look")
    look = await _look(connector, order_id)
    trial.expect_shipments(order_id, due, "After a look")
    there = {one.id: told(one) for one in platform.shipments(order_id)}
    shown = {one.id: told(one) for one in look.shipments}
    assert shown == there, f"look() shows the shipments {shown}, where the platform has {there}."
    order = connector.order_from_raw(look.seen.raw)
    assert order.id == look.seen.id == order_id, f"look({order_id!r}) shows the order {look.seen.id!r}."
    status = trial.status(order_id)
    assert order.status.id == status, f"look() shows the status {order.status.id}, where the platform has {status}."
    as_of = look.seen.as_of or now
    assert now - timedelta(seconds=1) <= as_of <= now, f"look() has the time {as_of}, where the platform has {now}."
    if (found := await _fetched(connector, order_id)) is not None:
        assert stored(found.raw) == stored(look.seen.raw), "look() gave another raw than fetch() and complete()."
    return order, shown


async def _fetched(connector: AnyConnector, order_id: str) -> Seen | None:
    if type(connector).fetch is Connector.fetch:
        return None
    found = await connector.fetch(order_id)
    return None if found is None else await connector.complete(found)


async def _expect_target(connector: AnyConnector, trial: ParcelTrial, rows: list[WriteBack]) -> None:
    """Fails unless the order of these parcels has the status that it should, as far as there is one."""
    __tracebackhide__ = True
    order_id = rows[0].shipment.order_id
    look, first = await _look(connector, order_id), rows[0].first_look
    assert first is not None
    now = _view(connector, trial, look)
    target, found = connector.target_status(first, now, progress_of(now, rows)), trial.status(order_id)
    assert target is None or target.id == found, f"The order's status is {found}, where target_status gives {target}."


def _view(connector: AnyConnector, trial: ParcelTrial, look: Look) -> StoreView:
    return view_of(connector.order_from_raw(look.seen.raw), look.shipments, trial.platform.clock.now())


def _progresses(view: StoreView) -> list[Progress]:
    """An order's ways from nothing to all."""
    units = sum(line.quantity for line in view.lines if line.requires_shipping)
    return [
        Progress(sent=0, waiting=0, left=units),
        Progress(sent=1, waiting=0, left=units - 1),
        Progress(sent=1, waiting=1, left=units - 2),
        Progress(sent=1, waiting=units - 1, left=0),
        Progress(sent=units, waiting=0, left=0),
    ]
