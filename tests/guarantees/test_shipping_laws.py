"""Guarantee 2, whatever happens in whatever order: people here and there, faults, kills, against a model.

The model knows nothing of how the engine goes about it: it counts what the store's buyers were mailed, what lies in the
store, and says by its own few lines which status an order should have come to.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crossdock.engine import Engine, ImportRequest
from crossdock.errors import CrossdockError
from crossdock.state.shipments import WriteBack, WriteBackState
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import shipping as desk
from support.bench import STORE, Bench, bench_in

SENDINGS = [
    *["late"] * 6,
    *["reset-after"] * 3,
    "reset-before",
    "cut",
    "500",
    "503",
    "429",
    "401",
    "403",
    "html",
    "null",
    "empty",
]
READINGS = ["reset-before", "cut", "500", "429", "401", "html", "null", "garbage", "xml"]
LATEST_S = 100.0  # before `settle` is over: what comes later still can't be told from what was never sent


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_happens_each_parcel_is_in_the_store_once_and_all_is_told_in_the_end(data: st.DataObject) -> None:
    asyncio.run(play(data))


async def play(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "shipped_status": data.draw(st.sampled_from([2, 10]), "shipped_status"),
            "pickup_in_store": data.draw(st.booleans(), "pickup_in_store"),
        }
        async with bench_in(Path(folder), settings=settings) as bench, AsyncExitStack() as processes:
            moves = data.draw(st.sampled_from(["part", "complete", "never"]), "shipment_moves_status")
            bench.store.behaviour.shipment_moves_status = moves
            game = Game(data, bench, processes, await processes.enter_async_context(bench.engines()))
            await game.place()
            for _ in range(data.draw(st.integers(3, 14), "steps")):
                await game.step()
            await game.end()


@dataclass(slots=True)
class Deed:
    """What is known of one order beside the store's own books."""

    first_status: int
    hand_made: set[int] = field(default_factory=set)  # shipments by the store's people
    hand_mails: int = 0  # of a status that the store's people set
    cycles: int = 0  # how often somebody here gave a reason to touch the order's status
    resends: Counter[str] = field(default_factory=Counter)  # refused shipments that were begun anew, by number
    is_left_alone: bool = True  # by the store's people, as far as its status can be foretold
    is_told: bool = False  # since the last time that something about it changed


@dataclass(slots=True)
class Game:
    data: st.DataObject
    bench: Bench
    processes: AsyncExitStack
    engine: Engine
    deeds: dict[int, Deed] = field(default_factory=dict)
    numbers: dict[int, set[str]] = field(default_factory=dict)  # each number that a shipment ever had, by its id
    finished: dict[int, tuple[WriteBackState, int]] = field(default_factory=dict)
    spoken: list[str] = field(default_factory=list)

    def draw(self, strategy: st.SearchStrategy[Any], label: str) -> Any:
        return self.data.draw(strategy, label)

    async def step(self) -> None:
        rule = self.draw(st.sampled_from(RULES), "rule")
        await getattr(self, rule)()
        await self.check()

    # --- rules ---

    async def place(self) -> None:
        lines: list[dict[str, Any]] = [
            {"quantity": self.draw(st.integers(1, 5), "quantity"), **self.draw(st.sampled_from(PLACES), "place")}
            for _ in range(self.draw(st.integers(1, 3), "lines"))
        ]
        status = self.draw(st.sampled_from([11, 9]), "status")
        order = self.bench.store.add_order(lines=lines, addresses=[{}, {"city": "Hobart"}], status_id=status)
        self.deeds[order] = Deed(first_status=status)
        self.bench.clock.wind(2)
        await self.bring()

    async def bring(self) -> None:
        await self.attempt(self.engine.import_store(STORE, ImportRequest()))

    async def ship(self) -> None:
        order = self.order()
        number = self.draw(st.sampled_from([None, "N1", "N2", " n1", "N3", "N4"]), "number")
        carrier = self.draw(st.sampled_from([desk.AUSPOST] * 4 + ["Sendle", "pickup", "pickup"]), "carrier")
        groups = desk.lines_of(self.bench.store, order)
        consignment = self.draw(st.sampled_from([*groups, None]), "consignment")
        lines = None
        if consignment and groups[consignment] and self.draw(st.booleans(), "in part"):
            chosen = self.draw(st.sets(st.sampled_from(sorted(groups[consignment])), min_size=1), "lines")
            lines = {str(line): self.draw(st.integers(1, 2), f"of {line}") for line in sorted(chosen)}
        said = {"carrier": carrier, "consignment": consignment, "lines": lines}
        shipped = await self.attempt(desk.ship(self.engine, order, None if carrier == "pickup" else number, **said))
        if shipped is not None and shipped.is_new:
            self.deeds[order].cycles += 1
            self.deeds[order].is_told = False
            if self.draw(st.booleans(), "goes wrong"):
                self.goes_wrong_to_send()
                await self.work()

    async def work(self) -> None:
        for _ in range(self.draw(st.integers(1, 4), "tries")):
            await self.attempt(self.engine.dispatch.write_back(STORE))
            self.bench.clock.wind(self.draw(st.sampled_from([0, 1, 5, 60]), "seconds"))

    async def killed(self) -> None:
        at = self.draw(st.integers(1, 25), "point")
        await self.engine.dispatch.retry(STORE, [])
        if await desk.died(self.engine, lambda: self.engine.dispatch.write_back(STORE), at=at):
            self.spoken.append(f"killed at {at}")
        await self.restart()

    async def restart(self) -> None:
        await self.processes.aclose()
        self.engine = await self.processes.enter_async_context(self.bench.engines())

    async def wait(self) -> None:
        self.bench.clock.wind(self.draw(st.sampled_from([1, 15, 150, 4_000]), "seconds"))

    async def fault(self) -> None:
        faults = self.bench.store.faults
        is_sending = self.draw(st.booleans(), "sending")
        if is_sending:
            self.goes_wrong_to_send()
        else:
            kind = self.draw(st.sampled_from(READINGS), "kind")
            method = self.draw(st.sampled_from(["GET", "PUT", "DELETE"]), "method")
            faults.add(kind, method=method, times=self.draw(st.sampled_from([1, 6]), "times"))

    def goes_wrong_to_send(self) -> None:
        kind = self.draw(st.sampled_from(SENDINGS), "kind")
        seconds = self.draw(st.sampled_from([1.0, LATEST_S]), "late") if kind == "late" else None
        self.bench.store.faults.add(kind, method="POST", path="/shipments$", seconds=seconds)

    async def late_fact(self) -> None:
        order = self.order()
        rows = await self.engine.state.shipments(STORE, str(order))
        if not rows:
            return
        row = self.draw(st.sampled_from(rows), "shipment")
        what = self.draw(st.sampled_from(["track", "void", "collected", "retry"]), "what")
        dispatch = self.engine.dispatch
        deed = self.deeds[order]
        before = row
        match what:
            case "track":
                number = self.draw(st.sampled_from(["N1", "N5", "N6"]), "number")
                done = await self.attempt(dispatch.track(STORE, row.id, number))
            case "void":
                done = await self.attempt(dispatch.void(STORE, row.id))
            case "collected":
                done = await self.attempt(dispatch.collected(STORE, str(order)))
            case _:
                done = await self.attempt(dispatch.retry(STORE, [row.id]))
                if done is not None and before.state is WriteBackState.REFUSED:
                    deed.resends[key_of(before)] += 1
        if done is not None:
            deed.cycles += 3  # as many as it may have concerned
            deed.is_told = False

    async def people(self) -> None:
        order = self.order()
        store, deed = self.bench.store, self.deeds[order]
        before = len(status_mails(store, order))
        what = self.draw(st.sampled_from(["ship", "undo", "refund", "status", "archive"]), "people")
        match what:
            case "ship":
                self.people_ship(order)
            case "undo":
                mine = [made.id for made in store.shipments(order)]
                if mine:
                    desk.undo(store, order, [self.draw(st.sampled_from(mine), "which")])
            case "refund" if all_units(store, order):
                line, units = self.draw(st.sampled_from(all_units(store, order)), "line")
                desk.refund(store, order, line, self.draw(st.integers(0, units), "units"))
            case "status":
                store.set_status(order, self.draw(st.sampled_from([5, 4, 13, 10, 2, 11, 9]), "status"))
                deed.is_left_alone = False
            case "archive":
                store.archive(order)
                deed.is_left_alone = False
        deed.hand_mails += len(status_mails(store, order)) - before
        deed.is_told = False
        self.bench.clock.wind(1)

    def people_ship(self, order: int) -> None:
        store = self.bench.store
        left = {
            consignment: {line: units - shipped(store, order, line) for line, units in lines.items()}
            for consignment, lines in desk.lines_of(store, order).items()
            if int(consignment) > 300  # an address
        }
        able = [(line, units) for lines in left.values() for line, units in lines.items() if units > 0]
        if able:
            line, units = self.draw(st.sampled_from(able), "line")
            number = self.draw(st.sampled_from(["H1", "", "N1"]), "number")
            made = desk.by_hand(store, order, {line: self.draw(st.integers(1, units), "units")}, number)
            self.deeds[order].hand_made.add(made)

    # --- what holds ---

    async def check(self) -> None:
        for order in self.deeds:
            rows = await self.engine.state.shipments(STORE, str(order))
            for row in rows:
                known = self.numbers.setdefault(row.id, set())
                known |= {desk_number(row.shipment.tracking_number), desk_number(row.sent_number)}
                self.confirmed_is_seen(order, row)
            self.sent_once(order, rows)
            self.mailed_little(order)

    def confirmed_is_seen(self, order: int, row: WriteBack) -> None:
        """What is confirmed was in the store when it became so: no person comes in between two looks here."""
        now = (row.state, row.version)
        if self.finished.get(row.id) == now:
            return
        if row.state in (WriteBackState.CONFIRMED, WriteBackState.VOIDED):
            self.finished[row.id] = now
            self.deeds[order].is_told = row.first_look is not None
        if row.state is WriteBackState.CONFIRMED and not row.sets_aside:
            there = [made for made in self.bench.store.shipments(order) if str(made.id) == row.store_id]
            assert there, f"confirmed, and not in the store: {row}"
            assert {str(item.order_product_id): item.quantity for item in there[0].items} == {
                item.line: item.quantity for item in row.shipment.items
            }
            if row.reason is None:
                assert desk_number(there[0].tracking_number) == desk_number(row.shipment.tracking_number)
        if row.state is WriteBackState.VOIDED and row.store_id is not None and row.reason is None:
            assert row.store_id not in {str(made.id) for made in self.bench.store.shipments(order)}

    def sent_once(self, order: int, rows: Any) -> None:
        """The buyer was mailed of no more parcels of ours than there are, of none twice, and none holds too much."""
        deed, store = self.deeds[order], self.bench.store
        ours = [
            mail
            for mail in store.emails
            if mail.order_id == order and mail.kind == "shipment" and mail.shipment_id not in deed.hand_made
        ]
        parcels = [row for row in rows if not row.sets_aside]
        assert len(ours) <= len(parcels) + deed.resends.total(), f"{len(ours)} were made of {len(parcels)}: {ours}"
        for number, made in Counter(desk_number(mail.tracking_number) for mail in ours).items():
            meant = sum(number in self.numbers[row.id] for row in parcels)
            assert made <= meant + deed.resends[number], f"{made} times {number!r}, which {meant} have"
        for line, units in all_units(store, order):
            assert shipped(store, order, line) <= units

    def mailed_little(self, order: int) -> None:
        deed = self.deeds[order]
        by_us = len(status_mails(self.bench.store, order)) - deed.hand_mails
        assert by_us <= deed.cycles, f"{by_us} e-mails of a status for {deed.cycles} reasons"

    async def end(self) -> None:
        """Nothing goes wrong any more: all is told, and each order stands where it should."""
        self.bench.store.faults.clear()
        self.bench.clock.wind(4_000)
        unfinished = await desk.finish(self.engine)
        assert not unfinished, [(row.state, row.reason) for row in unfinished]
        await self.check()
        for order, deed in self.deeds.items():
            rows = await self.engine.state.shipments(STORE, str(order))
            if deed.is_left_alone and deed.is_told:
                wanted = self.right_status(order, rows)
                assert wanted is None or desk.status(self.bench.store, order) == wanted, [
                    (row.id, row.state, row.reason, row.shipment.items, row.sets_aside) for row in rows
                ]

    def right_status(self, order: int, rows: Any) -> int | None:
        """By W8, in other words: count what is gone, what waits and what is still here."""
        store = self.bench.store
        aside = [row for row in rows if row.sets_aside and row.state is WriteBackState.CONFIRMED]
        waits = any(row.collected_at is None for row in aside)
        gone = left = 0
        for line, units in physical(store, order):
            out = max(shipped(store, order, line), 0)
            set_aside = sum(item.quantity for row in aside for item in row.shipment.items if item.line == str(line))
            gone += out + set_aside
            left += max(0, units - refunded(store, order, line) - out - set_aside)
        if not gone:
            return self.deeds[order].first_status
        if left:
            return 3
        if waits and self.bench.settings["pickup_in_store"]:
            return 8
        status = self.bench.settings["shipped_status"]
        assert isinstance(status, int)
        return status

    # --- helpers ---

    def order(self) -> int:
        order = self.draw(st.sampled_from(sorted(self.deeds)), "order")
        assert isinstance(order, int)
        return order

    async def attempt(self, work: Any) -> Any:
        """What comes of it, or None where there is something against it, which is said in words."""
        try:
            return await work
        except CrossdockError as error:
            self.spoken.append(str(error))
            return None


RULES = [
    *["ship", "work"] * 5,
    *["fault"] * 7,
    *["killed", "late_fact", "people"] * 3,
    *["place", "restart", "wait", "bring"],
]
PLACES: list[dict[str, Any]] = [{}, {}, {"address": 1}, {"pickup": True}, {"type": "digital"}]


def desk_number(number: str | None) -> str:
    return (number or "").strip().casefold()


def key_of(row: WriteBack) -> str:
    return desk_number(row.shipment.tracking_number)


def status_mails(store: Any, order: int) -> list[str]:
    return [mail for mail in desk.mails(store, order) if mail.startswith("status")]


def all_units(store: Any, order: int) -> list[tuple[int, int]]:
    return [pair for lines in desk.lines_of(store, order).values() for pair in lines.items()]


def physical(store: Any, order: int) -> list[tuple[int, int]]:
    return [(line["id"], line["quantity"]) for line in store.order(order)["lines"] if line.get("type") == "physical"]


def shipped(store: Any, order: int, line: int) -> int:
    return sum(item.quantity for made in store.shipments(order) for item in made.items if item.order_product_id == line)


def refunded(store: Any, order: int, line: int) -> int:
    return next(int(one["quantity_refunded"]) for one in store.order(order)["lines"] if one["id"] == line)
