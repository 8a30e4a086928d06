"""Guarantee 7: few requests, no write where nothing changed, and memory that doesn't grow with the number of orders."""

from __future__ import annotations

import os
from math import ceil

import pytest
from crossdock.engine import ImportRequest
from crossdock.state import Run
from support.bench import DAY, MINUTE, Bench
from support.children import child
from support.commandline import Desk

HOUR = 3600.0
PAGE = 250
BESIDES = 12  # requests of an import that list no full page
POLL = 6
TABLES = ("orders", "consignments", "lines", "raws", "skips", "set_asides", "timeline")


def allowed(run: Run, *, long_orders_listed: int = 0) -> int:
    """The requests that a run may take for what it was shown."""
    counts = run.counts
    listed = counts.imported + counts.updated + counts.unchanged + counts.skipped
    return ceil(listed / PAGE) + BESIDES + 2 * long_orders_listed


def contents(bench: Bench, *, but: str = "") -> dict[str, list[tuple[object, ...]]]:
    """All rows of the tables that hold what was imported; without one column of `orders`, if it is named."""
    found = {table: bench.rows(f"select * from {table} order by 1, 2, 3") for table in TABLES if table != "raws"}
    found["raws"] = bench.rows("select * from raws order by 1")
    if but:
        columns = [str(name) for (name,) in bench.rows("select name from pragma_table_info('orders')") if name != but]
        found["orders"] = bench.rows(f"select {', '.join(columns)} from orders order by key")
    return found


@pytest.mark.parametrize("orders", [0, 1, 249, 250, 251, 750])
async def test_a_first_import_takes_a_request_for_250_orders_and_at_most_twelve_more(bench: Bench, orders: int) -> None:
    """Guarantee 7, and it stays so when orders have just changed."""
    for number in range(orders):
        bench.store.add_order(status_id=(9, 11)[number % 2])
    run = await bench.run()
    assert run.counts.imported == orders
    assert run.traffic.requests <= allowed(run)


async def test_a_first_import_that_takes_long_is_not_dearer(bench: Bench) -> None:
    """Guarantee 7."""
    for number in range(600):
        bench.store.add_order(status_id=(9, 11)[number % 2])
    bench.takes(20)
    run = await bench.run()
    assert run.traffic.requests <= allowed(run)


async def test_an_order_of_over_50_lines_takes_two_requests_more_each_time_it_is_listed(bench: Bench) -> None:
    """Guarantee 7."""
    long = [bench.store.add_order(lines=[{"name": f"Tee {number}"} for number in range(51)]) for _ in range(3)]
    for _ in range(30):
        bench.store.add_order(status_id=2)
    bench.clock.wind(HOUR)
    run = await bench.run()
    of_lines = [asked for asked in bench.asked() if asked.endswith("/products")]
    assert len(of_lines) == 2 * len(long)
    assert run.traffic.requests <= allowed(run, long_orders_listed=len(long))


@pytest.mark.parametrize("held", [0, 1, 40])
async def test_a_poll_when_nothing_changed_lately_takes_at_most_six_requests(bench: Bench, held: int) -> None:
    """Guarantee 7: also after a sweep whose orders some have left for statuses that no sweep shows."""
    ids = [bench.store.add_order() for _ in range(held)]
    bench.clock.wind(HOUR)
    await bench.run()
    for order in ids[:20]:
        bench.store.set_status(order, 3)
    bench.clock.wind(DAY)
    await bench.run()
    for _ in range(3):
        bench.clock.wind(5 * MINUTE)
        assert (await bench.run()).traffic.requests <= POLL


async def test_a_run_with_a_sweep_takes_a_request_for_250_orders_and_at_most_twelve_more(bench: Bench) -> None:
    """Guarantee 7: the orders that it asks for one by one are among those twelve."""
    ids = [bench.store.add_order(status_id=(9, 11)[number % 2]) for number in range(40)]
    bench.clock.wind(HOUR)
    await bench.run()
    for order in ids[:20]:
        bench.store.set_status(order, 3)
    bench.clock.wind(DAY - 1)
    await bench.run()
    bench.clock.wind(1)
    for order in ids[-2:]:
        bench.store.edit(order, staff_notes="Changed")
        bench.clock.wind(1)
    run = await bench.run()
    assert [asked for asked in bench.asked() if asked.startswith("status_id")]
    assert [asked for asked in bench.asked() if asked.startswith("/v2/orders/")]
    assert run.traffic.requests <= allowed(run)


async def test_what_did_not_change_is_not_written(bench: Bench) -> None:
    """Rules I9 and I11: a poll leaves every row as it is, skips too."""
    bench.store.generate(100)
    for _ in range(3):
        bench.store.edit(bench.store.add_order(), staff_notes="Changed within the last two minutes")
    await bench.run()
    before = contents(bench)
    bench.clock.wind(MINUTE)
    run = await bench.run()
    assert run.counts.unchanged > 20
    assert (run.counts.imported, run.counts.updated, run.counts.skipped) == (0, 0, 0)
    assert contents(bench) == before


async def test_a_sweep_notes_of_unchanged_orders_only_that_they_were_seen(bench: Bench) -> None:
    """Rules I7 to I9."""
    bench.store.generate(100)
    bench.clock.wind(HOUR)
    await bench.run()
    before = contents(bench, but="as_of")
    bench.clock.wind(DAY)
    await bench.run(ImportRequest())
    assert contents(bench, but="as_of") == before


def test_memory_does_not_grow_with_the_number_of_orders(desk: Desk) -> None:
    """Guarantee 7. Peaks within a third of each other count as the same: ten times as many orders are a lot more."""
    desk.store.generate(500)
    few = peak_kib(desk)
    desk.database.unlink()
    desk.store.generate(4500)
    many = peak_kib(desk)
    assert many < 1.35 * few


def peak_kib(desk: Desk) -> int:
    """The most memory that an import of all orders took."""
    with child(desk, "import", "acme") as importing:
        pid, status, usage = os.wait4(importing.process.pid, 0)
        importing.process.returncode = os.waitstatus_to_exitcode(status)
        assert (pid, importing.process.returncode) == (importing.process.pid, 0)
    return usage.ru_maxrss
