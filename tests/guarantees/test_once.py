"""Guarantee 2: whatever is killed or lost, the store gets each shipment once, and its buyer no e-mail twice."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from crossdock.engine import Engine
from crossdock_sandbox.store import SandboxStore
from support import packer as packing
from support import shipping as desk
from support.bench import STORE, Bench, bench_in
from support.packer import Packer, SharedClock
from support.served import served

LINES = [{"quantity": 2}, {"quantity": 1}]
Ordered = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """An order of two lines, and what is said of it; `{n}` is the number of its first line, one below the second's."""

    name: str
    said: tuple[dict[str, Any], ...]
    parcels: tuple[tuple[str, tuple[int, ...]], ...]  # number, and units of the first and of the second line
    status: int
    mails: tuple[str, ...]
    pickup: bool = False

    def lines(self) -> Ordered:
        return [{**line, **({"pickup": True} if self.pickup else {})} for line in LINES]

    def is_said(self, first: int) -> list[dict[str, Any]]:
        """What is said, with the ids of an order whose first line is `first`."""
        return [
            {**one, **({"lines": {str(first + at): units for at, units in one["lines"]}} if "lines" in one else {})}
            for one in self.said
        ]

    def expected(self, first: int, address: int) -> Counter[desk.Parcel]:
        return Counter(
            desk.parcel(number, *((first + at, units) for at, units in enumerate(held) if units), address=address)
            for number, held in self.parcels
        )


WHOLE = Case("whole", ({"number": "A1"},), (("A1", (2, 1)),), 2, ("shipment A1", "status 2"))
NUMBERLESS = Case("numberless", ({},), (("", (2, 1)),), 2, ("shipment", "status 2"))
IN_PART = Case(
    "in part, then the rest",
    ({"number": "A1", "lines": [(0, 1)]}, {"number": "A2"}),
    (("A1", (1, 0)), ("A2", (1, 1))),
    2,
    ("shipment A1", "status 3", "shipment A2", "status 2"),
)
PARTS_ALIKE = Case(
    "two parts alike, without a number",
    ({"lines": [(0, 1)]}, {"lines": [(0, 1)], "carrier": "Sendle"}),
    (("", (1, 0)), ("", (1, 0))),
    3,
    ("shipment", "status 3", "shipment"),
)
PICKUP = Case("pickup", ({"carrier": "pickup"},), (), 8, ("status 8",), pickup=True)


def said(it: Case | list[dict[str, Any]] | tuple[int, ...]) -> str:
    match it:
        case Case():
            return it.name
        case tuple():
            return f"up to {max(it)} times"
        case _:
            return ",".join(one["kind"] for one in it) or "nothing"


def book(store: SandboxStore, order: int) -> tuple[Counter[desk.Parcel], int, Counter[str]]:
    return desk.parcels(store, order), desk.status(store, order), Counter(desk.mails(store, order))


def right(case: Case, store: SandboxStore, order: int) -> tuple[Counter[desk.Parcel], int, Counter[str]]:
    """What a person would have come to who did it once, by hand."""
    line = min(int(one["id"]) for one in store.order(order)["lines"])
    parts = store.record(order).read_parts()["shipping"]
    return case.expected(line, int(parts[0]["id"]) if parts else 0), case.status, Counter(case.mails)


def placed(case: Case, store: SandboxStore) -> tuple[int, int]:
    order = store.add_order(lines=case.lines())
    return order, min(int(one["id"]) for one in store.order(order)["lines"])


# --- killed: real processes, real signals ---


@pytest.fixture
def bench_of_processes(tmp_path: Path) -> Iterator[tuple[SandboxStore, Packer]]:
    clock = SharedClock(tmp_path / "clock")
    store = SandboxStore(now=clock.now, quota=1_000_000)
    store.behaviour.shipment_moves_status = "never"  # so that the status is crossdock's to set
    with served(store) as running, packing.packer(tmp_path, running, clock) as packer:
        yield store, packer


NOTHING: list[dict[str, Any]] = []
LOST = [{"kind": "reset-after", "method": "POST"}]
MOST_POINTS = 80


@pytest.mark.parametrize(
    ("case", "faults"),
    [(WHOLE, NOTHING), (IN_PART, NOTHING), (PICKUP, NOTHING), (NUMBERLESS, LOST)],
    ids=said,
)
def test_killed_at_any_point_it_is_told_once_all_the_same(
    bench_of_processes: tuple[SandboxStore, Packer], case: Case, faults: list[dict[str, Any]]
) -> None:
    """Rules W4, W5, W6: SIGKILL after each commit and each request in turn; another process goes on."""
    store, packer = bench_of_processes
    orders = [placed(case, store) for _ in range(MOST_POINTS)]
    assert packer.does(0, imports=True) == 0
    for point, (order, first) in enumerate(orders, start=1):
        for one in faults:
            store.faults.add(**one)
        ended = packer.does(order, *case.is_said(first), killed_at=point)
        assert ended in (0, -signal.SIGKILL)
        store.faults.clear()
        assert packer.does(order, *case.is_said(first)) == 0
        packer.clock.wind(30)
        assert book(store, order) == right(case, store, order), f"killed at point {point}"
        if ended == 0:
            break
    assert ended == 0, "there are more points to be killed at"
    assert point > 10


# --- lost: each fault at each request ---


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_in(tmp_path, settings={"pickup_in_store": True}) as bench:
        bench.store.behaviour.shipment_moves_status = "never"
        yield bench


FAULTS: list[dict[str, Any]] = [
    *({"kind": kind} for kind in ("reset-before", "reset-after", "cut", "500", "429", "429-bare", "401", "403")),
    *({"kind": kind} for kind in ("html", "xml", "null", "empty", "garbage")),
    {"kind": "reset-after", "status": 502},
    {"kind": "late", "seconds": 1.0},  # arrives before the store is looked at again
    {"kind": "late", "seconds": 60.0},  # and after it was looked at
]
STUBBORN = 6  # times, which is more often than a request is repeated at once


@pytest.mark.parametrize(
    ("case", "repeats"),
    [
        (WHOLE, (1, STUBBORN)),
        (NUMBERLESS, (1, STUBBORN)),
        (PICKUP, (1, STUBBORN)),
        (IN_PART, (1,)),
        (PARTS_ALIKE, (1,)),
    ],
    ids=said,
)
async def test_each_fault_at_each_request_leaves_it_told_once(
    bench: Bench, case: Case, repeats: tuple[int, ...]
) -> None:
    """Rules W5, W6, W7."""
    store = bench.store
    orders = iter([placed(case, store) for _ in range(1_000)])
    await bench.run()
    async with bench.engines() as engine:
        await shipped_and_told(bench, engine, case, *next(orders))  # so that the store's account is known
        store.requests.clear()
        await shipped_and_told(bench, engine, case, *next(orders))
        for at, method in enumerate([seen.method for seen in store.requests]):
            if method == "GET" and case is not WHOLE:
                continue  # all look alike
            for fault in FAULTS:
                if fault["kind"] == "late" and method == "GET":
                    continue  # what only looks has no effect that could be late
                for times in repeats:
                    order, first = next(orders)
                    store.faults.add(**fault, skip=at, times=times)
                    await shipped_and_told(bench, engine, case, order, first)
                    store.faults.clear()
                    assert book(store, order) == right(case, store, order), f"{fault}, {times} times at request {at}"
                    assert not await engine.state.unfinished(STORE)


async def shipped_and_told(bench: Bench, engine: Engine, case: Case, order: int, first: int) -> None:
    for one in case.is_said(first):
        shipped = await desk.ship(engine, order, **one)
        await desk.tell(engine, shipped.row)
        bench.clock.wind(100)  # what is late has arrived


POSTS = [{"kind": kind, "method": "POST"} for kind in ("429", "garbage")] + [
    {"kind": "late", "method": "POST", "seconds": 60.0}
]
PUTS = [{"kind": kind, "method": "PUT", "times": STUBBORN} for kind in ("500", "reset-after")]


@pytest.mark.parametrize(("case", "faults"), [(NUMBERLESS, POSTS), (WHOLE, PUTS), (PICKUP, PUTS)], ids=said)
async def test_each_fault_and_a_kill_at_any_point_leave_it_told_once(
    bench: Bench, case: Case, faults: list[dict[str, Any]]
) -> None:
    """Rules W4, W6: as the real kills above, with the work cancelled for good in their place."""
    store = bench.store
    orders = iter([placed(case, store) for _ in range(1_000)])
    await bench.run()
    for fault in faults:
        point, is_dead = 0, True
        while is_dead:
            point += 1
            order, first = next(orders)
            store.faults.add(**fault)
            async with bench.engines() as engine:
                is_dead = await desk.died(
                    engine, partial(shipped_and_told, bench, engine, case, order, first), at=point
                )
            async with bench.engines() as engine:
                await shipped_and_told(bench, engine, case, order, first)
                assert not await desk.finish(engine)
            store.faults.clear()
            assert book(store, order) == right(case, store, order), f"{fault}, dead at point {point}"
        assert point > 10


# --- two at once ---


@pytest.mark.parametrize(
    ("numbers", "lines", "parcels"),
    [(("A1", "A1"), None, 1), (("A1", "A2"), {"501": 1}, 2), ((None, None), None, 1)],
    ids=["the same number", "a number each", "no number"],
)
async def test_two_who_ship_an_order_at_once_make_what_they_say_once(
    bench: Bench, numbers: tuple[str | None, str | None], lines: dict[str, int] | None, parcels: int
) -> None:
    """Rule W3."""
    order = bench.store.add_order(lines=[{"quantity": 2}])
    await bench.run()
    bench.clock.wind(60)
    async with bench.engines() as one, bench.engines() as other:
        shipped = await asyncio.gather(
            *(
                desk.ship(engine, order, number, lines=lines)
                for engine, number in zip((one, other), numbers, strict=True)
            )
        )
        assert sorted(each.is_new for each in shipped) == ([False, True] if parcels == 1 else [True, True])
        await asyncio.gather(one.dispatch.write_back(STORE), other.dispatch.write_back(STORE))
        assert not await desk.finish(one)
    assert len(bench.store.shipments(order)) == parcels
    assert desk.status(bench.store, order) == 2
    assert len(desk.mails(bench.store, order)) == parcels + (2 if parcels == 2 else 1)  # a status each
