"""Guarantee 1: whatever happens while imports run, once the store stands still the state becomes what the store is."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from crossdock.engine import Engine
from crossdock.errors import ConnectorError
from crossdock.model import Stage
from crossdock_sandbox.record import lines_of
from crossdock_sandbox.store import SandboxStore
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.bench import CHANGES, DAY, STORE, Bench, bench_in

IMPORTED = (9, 11)
OPEN = frozenset({Stage.AWAITING, Stage.PART_SHIPPED, Stage.AWAITING_PICKUP, Stage.ON_HOLD})
LATEST_COMMIT_S = 120
OLDER = 16  # orders that changes fall on
NEWER = (
    21  # orders after them that stay as they are, so that the look behind the newest id doesn't reach the older ones
)

STATUSES = st.sampled_from((11, 9, 11, 9, 2, 3, 5, 8, 10, 12, 0))
LATE = st.none() | st.sampled_from((1, 60, LATEST_COMMIT_S))
WHICH = st.integers(0, OLDER - 1)
PASSING = st.sampled_from((0, 0, 1, 2, 59))
FAULTS = st.sampled_from(("429", "429-bare", "500", "cut", "reset-before", "html", "null", "401"))
"""All but the last are tried again; 401 ends the run where it stands."""


@dataclass(frozen=True)
class Add:
    """A new order; `age_s` is how much older than now its modified time is."""

    status: int
    age_s: int = 0
    late_s: int | None = None

    def happen(self, store: SandboxStore) -> None:
        modified = store.now().timestamp() - self.age_s
        store.add_order(
            status_id=self.status,
            date_modified=None if not self.age_s else store.now().fromtimestamp(modified, store.now().tzinfo),
            visible_after=self.late_s,
        )


@dataclass(frozen=True)
class Edit:
    """Another quantity of a line, or another status, or both."""

    which: int
    status: int | None = None
    quantity: int | None = None
    late_s: int | None = None

    def happen(self, store: SandboxStore) -> None:
        order_id = chosen(store, self.which)
        line = lines_of(store.record(order_id).read_parts())[0]
        lines = [] if self.quantity is None else [{"id": line["id"], "quantity": self.quantity}]
        store.edit(order_id, status_id=self.status, lines=lines, visible_after=self.late_s)


@dataclass(frozen=True)
class Bulk:
    """Several orders get another status within one second."""

    which: int
    count: int
    status: int

    def happen(self, store: SandboxStore) -> None:
        for number in range(self.count):
            store.set_status(chosen(store, self.which + number), self.status)


@dataclass(frozen=True)
class Archive:
    which: int
    late_s: int | None = None

    def happen(self, store: SandboxStore) -> None:
        store.archive(chosen(store, self.which), visible_after=self.late_s)


Change: TypeAlias = Add | Edit | Bulk | Archive


@dataclass(frozen=True)
class Moment:
    """What happens just before one request, `passing_s` after the one before it."""

    passing_s: int = 0
    changes: tuple[Change, ...] = ()
    fault: str | None = None


@dataclass(frozen=True)
class Import:
    """One run, `pause_s` after the former one and right after `changes`; `moments` go with its first requests."""

    pause_s: int = 0
    changes: tuple[Change, ...] = ()
    moments: tuple[Moment, ...] = ()
    is_new_process: bool = False


@dataclass(frozen=True)
class Schedule:
    """`page` is how many orders the store gives at once."""

    page: int
    keeps_archived: bool
    imports: tuple[Import, ...]
    statuses: tuple[int, ...] = field(default=(11, 9, 2, 9, 11, 3))


ORDER_CHANGES = st.one_of(
    st.builds(Add, STATUSES, st.sampled_from((0, 1, 3600, 30 * 86_400)), LATE),
    st.builds(Edit, WHICH, st.none() | STATUSES, st.none() | st.integers(1, 4), LATE),
    st.builds(Edit, WHICH, STATUSES, late_s=LATE),
    st.builds(Bulk, WHICH, st.integers(3, 8), STATUSES),
    st.builds(Archive, WHICH, LATE),
)
MOMENTS = st.builds(
    Moment, PASSING, st.lists(ORDER_CHANGES, max_size=2).map(tuple), st.none() | st.none() | st.none() | FAULTS
)
IMPORTS = st.builds(
    Import,
    st.sampled_from((0, 1, 60, 119, 121, 300, 300, 300, 3600, int(DAY))),
    st.lists(ORDER_CHANGES, max_size=3).map(tuple),
    st.lists(MOMENTS, max_size=8).map(tuple),
    st.booleans(),
)
SCHEDULES = st.builds(
    Schedule,
    st.integers(2, 5),
    st.booleans(),
    st.lists(IMPORTS, min_size=1, max_size=4).map(tuple),
    st.lists(STATUSES, min_size=1, max_size=8).map(tuple),
)


SHIPPED, SHIPPED_LATE = Edit(0, 2), Edit(0, 2, late_s=60)


def schedule_of(*imports: Import) -> Schedule:
    """These imports from a store with small pages, of which every older order is open."""
    return Schedule(2, keeps_archived=True, imports=imports, statuses=(11,))


def chosen(store: SandboxStore, which: int) -> int:
    return store.order_ids()[which % OLDER]


SEARCH = os.environ.get("CROSSDOCK_SCHEDULES")
"""How many random schedules to try; without it the same ones are tried each time."""


@settings(
    max_examples=int(SEARCH or 80),
    derandomize=SEARCH is None,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(SCHEDULES)
@example(schedule_of(Import(moments=(Moment(), Moment(1, (SHIPPED_LATE,)), Moment(5)))))  # during the first sweep
@example(
    schedule_of(Import(changes=(SHIPPED_LATE,), moments=(Moment(5), *(Moment(),) * 3, *(Moment(59),) * 3)))
)  # before it
@example(schedule_of(Import(), Import(300, (SHIPPED_LATE,), (Moment(5),))))  # during a poll
@example(schedule_of(Import(), Import(int(DAY), (SHIPPED_LATE,), (Moment(5),))))  # during a later sweep
@example(schedule_of(Import(), Import(int(DAY), moments=(*(Moment(),) * 16, Moment(2, (SHIPPED,)), Moment(2)))))
@example(schedule_of(Import(), Import(300, (Bulk(0, 8, 3),)), Import(300)))  # more in a second than on a page
@example(schedule_of(Import(changes=(Add(11, 3600, 60), Add(2)))))  # older than the newest id, in no feed
@example(schedule_of(Import(moments=(*(Moment(),) * 5, Moment(fault="401")))))  # the sweep is cut off
@example(
    schedule_of(Import(), Import(300, (Bulk(0, 8, 9),), (*(Moment(),) * 3, Moment(fault="401"))))
)  # so is the feed
def test_once_the_store_stands_still_the_state_is_what_the_store_is(schedule: Schedule) -> None:
    """Rules I1 to I8, I10 and I11, under changes, late commits, faults and shifted pages."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(carry_out(schedule, Path(folder)))


async def carry_out(schedule: Schedule, folder: Path) -> None:
    async with bench_in(folder) as bench:
        store = bench.store
        for number in range(OLDER + NEWER):
            status = schedule.statuses[number % len(schedule.statuses)] if number < OLDER else 2
            store.add_order(status_id=status)
            bench.clock.wind(number % 3)
        bench.clock.wind(3600)
        store.behaviour.max_page = schedule.page
        store.behaviour.archived_in_lists = schedule.keeps_archived
        await import_by(schedule.imports, bench)
        bench.clock.wind(LATEST_COMMIT_S)
        store.settle()
        assert not store.held_back
        await bench.run()
        await compare(bench, but_vanished=not schedule.keeps_archived)
        if not schedule.keeps_archived:
            await recheck_what_vanished(bench)
            await compare(bench)


async def import_by(imports: tuple[Import, ...], bench: Bench) -> None:
    waiting = list(imports)
    while waiting:
        async with bench.engines() as engine:
            while waiting:
                await import_once(waiting[0], bench, engine)
                if waiting.pop(0).is_new_process:
                    break


async def import_once(planned: Import, bench: Bench, engine: Engine) -> None:
    bench.clock.wind(planned.pause_s)
    bench.store.settle()
    for change in planned.changes:
        change.happen(bench.store)
    moments = iter(planned.moments)
    bench.store.faults.add("edit", times=None, edit=lambda: come_about(moments, bench))
    with suppress(ConnectorError):
        await engine.import_store(STORE, CHANGES)
    bench.store.faults.clear()
    bench.store.settle()


def come_about(moments: Iterator[Moment], bench: Bench) -> None:
    """Called when a request comes in; a fault that is added now meets this same request."""
    moment = next(moments, None)
    if moment is None:
        return
    bench.clock.wind(moment.passing_s)
    bench.store.settle()
    for change in moment.changes:
        change.happen(bench.store)
    if moment.fault is not None:
        bench.store.faults.add(moment.fault)


async def recheck_what_vanished(bench: Bench) -> None:
    """A sweep a day later, and as many runs as it then takes at most, if each asks for one order that was not shown."""
    bench.clock.wind(DAY)
    bench.store.behaviour.max_page = None
    async with bench.engines() as engine:
        for _ in range(len(bench.store.index)):
            await engine.import_store(STORE, CHANGES)
            held = [stored.order async for stored in engine.orders()]
            if not any(order.stage in OPEN and bench.store.record(int(order.id)).is_deleted for order in held):
                return


async def compare(bench: Bench, *, but_vanished: bool = False) -> None:
    """The state against the store; `but_vanished` leaves out the orders that no list shows any more."""
    store, held = bench.store, await bench.held()
    for order_id, stored in held.items():
        record = store.record(order_id)
        if record.is_deleted and not store.behaviour.archived_in_lists:
            assert but_vanished or stored.order.stage not in OPEN, f"{order_id} is archived"
            continue
        assert stored.order.status.id == str(record.status_id), order_id
        assert (stored.order.stage is Stage.CANCELLED) == (record.is_deleted or record.status_id in {4, 5, 6}), order_id
        shown = {line.id: line.quantity for part in stored.order.consignments for line in part.lines}
        assert shown == {str(line["id"]): line["quantity"] for line in lines_of(record.read_parts())}, order_id
    wanted = {id for status in IMPORTED for id in store.order_ids(status_id=status, archived=False)}
    assert wanted <= held.keys()
    times_imported = Counter(id for (id,) in bench.rows("select order_id from timeline where event = 'imported'"))
    assert times_imported == Counter(map(str, held))
    skipped = {int(str(id)) for (id,) in bench.rows("select order_id from skips")}
    assert not skipped & (wanted | held.keys())
    assert not bench.rows("select order_id from set_asides")
