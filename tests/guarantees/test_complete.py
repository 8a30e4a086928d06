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

from crossdock.engine import Engine
from crossdock.errors import ConnectorError
from crossdock.model import Stage
from crossdock_sandbox.record import lines_of
from crossdock_sandbox.store import SandboxStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.bench import CHANGES, DAY, STORE, Bench, bench_in

IMPORTED = (9, 11)
OPEN = frozenset({Stage.AWAITING, Stage.PART_SHIPPED, Stage.AWAITING_PICKUP, Stage.ON_HOLD})
LATEST_COMMIT_S = 120
OLDER_ORDERS = 24  # so that most are further back than the look behind the newest id reaches

STATUSES = st.sampled_from((11, 9, 11, 9, 2, 3, 5, 8, 10, 12, 0))
LATE = st.none() | st.sampled_from((1, 60, LATEST_COMMIT_S))
WHICH = st.integers(0, 40)
PASSING = st.sampled_from((0, 0, 1, 2, 59, 119))
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
class Archive:
    which: int
    late_s: int | None = None

    def happen(self, store: SandboxStore) -> None:
        store.archive(chosen(store, self.which), visible_after=self.late_s)


@dataclass(frozen=True)
class Moment:
    """What happens just before one request, `passing_s` after the one before it."""

    passing_s: int = 0
    changes: tuple[Add | Edit | Archive, ...] = ()
    fault: str | None = None


@dataclass(frozen=True)
class Import:
    """One run; `moments` come about before its first requests, and then it is `pause_s` later."""

    moments: tuple[Moment, ...] = ()
    pause_s: int = 0
    is_new_process: bool = False


@dataclass(frozen=True)
class Schedule:
    """`page` is how many orders the store gives at once."""

    page: int
    keeps_archived: bool
    imports: tuple[Import, ...]
    statuses: tuple[int, ...] = field(default=(11, 9, 2, 9, 11, 3))


CHANGES_OF_ORDERS = st.one_of(
    st.builds(Add, STATUSES, st.sampled_from((0, 0, 1, 3600, 30 * 86_400)), LATE),
    st.builds(Edit, WHICH, st.none() | STATUSES, st.none() | st.integers(1, 4), LATE),
    st.builds(Edit, WHICH, STATUSES),
    st.builds(Archive, WHICH, LATE),
)
MOMENTS = st.builds(
    Moment, PASSING, st.lists(CHANGES_OF_ORDERS, max_size=3).map(tuple), st.none() | st.none() | st.none() | FAULTS
)
IMPORTS = st.builds(
    Import,
    st.lists(MOMENTS, max_size=12).map(tuple),
    st.sampled_from((0, 1, 30, 119, 121, 300, 3600, int(DAY), int(DAY) + 1)),
    st.booleans(),
)
SCHEDULES = st.builds(
    Schedule,
    st.integers(2, 5),
    st.booleans(),
    st.lists(IMPORTS, min_size=1, max_size=4).map(tuple),
    st.lists(STATUSES, min_size=1, max_size=8).map(tuple),
)


def chosen(store: SandboxStore, which: int) -> int:
    ids = store.order_ids()
    return ids[which % len(ids)]


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
def test_once_the_store_stands_still_the_state_is_what_the_store_is(schedule: Schedule) -> None:
    """Rules I1 to I8, I10 and I11, under changes, late commits, faults and shifted pages."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(carry_out(schedule, Path(folder)))


async def carry_out(schedule: Schedule, folder: Path) -> None:
    async with bench_in(folder) as bench:
        store = bench.store
        for number in range(OLDER_ORDERS):
            store.add_order(status_id=schedule.statuses[number % len(schedule.statuses)])
            bench.clock.wind(number % 3)
        bench.clock.wind(3600)
        store.behaviour.max_page = schedule.page
        store.behaviour.archived_in_lists = schedule.keeps_archived
        await import_by(schedule.imports, bench)
        bench.clock.wind(LATEST_COMMIT_S)
        store.settle()
        assert not store.held_back
        await bench.run()
        if not schedule.keeps_archived:
            await recheck_what_vanished(bench)
        await compare(bench, keeps_archived=schedule.keeps_archived)


async def import_by(imports: tuple[Import, ...], bench: Bench) -> None:
    waiting = list(imports)
    while waiting:
        async with bench.engines() as engine:
            while waiting:
                await import_once(waiting[0], bench, engine)
                bench.clock.wind(waiting[0].pause_s)
                if waiting.pop(0).is_new_process:
                    break


async def import_once(planned: Import, bench: Bench, engine: Engine) -> None:
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


async def compare(bench: Bench, *, keeps_archived: bool) -> None:
    store, held = bench.store, await bench.held()
    for order_id, stored in held.items():
        record = store.record(order_id)
        if record.is_deleted and not keeps_archived:
            assert stored.order.stage not in OPEN, f"{order_id} is archived"
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
