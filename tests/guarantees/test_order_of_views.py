"""Which view of an order counts, what is made of it, and whose orders they are at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from crossdock.engine import ImportRequest
from crossdock.errors import AccountMismatchError, RefusedError
from crossdock.model import Line, Order, Raw
from crossdock_bigcommerce.connector import BigCommerce
from crossdock_sandbox.server import serve
from crossdock_sandbox.store import SandboxStore
from support.bench import CHANGES, DAY, MINUTE, STORE, Bench, store_config

HOUR = 3600.0
UNREADABLE = "in a form that came last week"


class Puzzled(BigCommerce):
    """Doesn't understand orders with certain notes."""

    def order_from_raw(self, raw: Raw) -> Order:
        order = super().order_from_raw(raw)
        if order.staff_notes == UNREADABLE:
            raise ValueError("form: not known")
        return order


class Mended(BigCommerce):
    """A version of the mapping that does."""

    mapping_version = BigCommerce.mapping_version + 2

    def order_from_raw(self, raw: Raw) -> Order:
        order = super().order_from_raw(raw)
        object.__setattr__(order, "channel", "by the mended mapping")
        return order


class StillPuzzled(Puzzled):
    """A next version that does not."""

    mapping_version = BigCommerce.mapping_version + 1


def order_by_id(order: int, *, dry_run: bool = False) -> ImportRequest:
    return ImportRequest(order=str(order), dry_run=dry_run)


async def lines(bench: Bench, order: int) -> list[Line]:
    return [line for part in (await bench.held())[order].order.consignments for line in part.lines]


def skips(bench: Bench) -> dict[int, str]:
    return {int(str(id)): str(reason) for id, reason in bench.rows("select order_id, reason from skips")}


# --- I10 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behind_s", [1, 59, 120])
async def test_an_older_view_does_not_replace_a_newer_one_of_another_process(bench: Bench, behind_s: float) -> None:
    """Rule I10: the second process is answered by a server that is behind."""
    order = bench.store.add_order()
    bench.clock.wind(HOUR)
    await bench.run()
    bench.store.set_status(order, 2)
    await bench.run(order_by_id(order))
    bench.store.set_status(order, 11)
    bench.store.behaviour.clock_offset_s = -behind_s
    run = await bench.run(order_by_id(order))
    assert run.counts.unchanged == 1
    assert await bench.statuses() == {order: "2"}
    bench.store.behaviour.clock_offset_s = 0
    await bench.run(order_by_id(order))
    assert await bench.statuses() == {order: "11"}


async def test_two_processes_at_once_leave_the_newest_view(bench: Bench) -> None:
    """Rule I10: each has its own idea of the time, by the answers that it got."""
    order = bench.store.add_order()
    bench.clock.wind(HOUR)
    async with bench.engines() as first, bench.engines() as second:
        await first.import_store(STORE, CHANGES)
        bench.clock.wind(MINUTE)
        bench.store.set_status(order, 2)
        await second.import_store(STORE, order_by_id(order))
        assert await bench.statuses() == {order: "2"}
        await first.import_store(STORE, CHANGES)
        await first.import_store(STORE, order_by_id(order))
    assert await bench.statuses() == {order: "2"}
    assert bench.rows("select count(*) from timeline where event = 'updated'") == [(1,)]


@pytest.mark.parametrize("ahead", [timedelta(minutes=12), timedelta(hours=5), timedelta(days=400)])
async def test_a_view_held_from_a_clock_that_was_set_back_is_replaced(bench: Bench, ahead: timedelta) -> None:
    """Rule I10."""
    order = bench.store.add_order()
    bench.store.behaviour.clock_offset_s = ahead.total_seconds()
    await bench.run()
    bench.store.behaviour.clock_offset_s = 0
    bench.clock.wind(MINUTE)
    bench.store.set_status(order, 2)
    await bench.run()
    assert await bench.statuses() == {order: "2"}


async def test_an_order_that_is_gone_is_not_brought_back_by_an_older_view(bench: Bench) -> None:
    """Rules I8 and I10."""
    order = bench.store.add_order()
    bench.clock.wind(HOUR)
    await bench.run()
    bench.store.behaviour.archived_in_lists = False
    bench.store.archive(order)
    await bench.run(order_by_id(order))
    assert str((await bench.held())[order].order.stage) == "cancelled"
    bench.store.behaviour.archived_in_lists = True
    bench.store.edit(order, is_deleted=False)
    bench.store.behaviour.clock_offset_s = -MINUTE
    await bench.run(order_by_id(order))
    assert str((await bench.held())[order].order.stage) == "cancelled"


# --- I9 -------------------------------------------------------------------------------------------------------------


async def test_other_product_options_derive_every_order_anew_without_a_request(bench: Bench) -> None:
    """Rule I9: gone orders stay gone."""
    bench.store.behaviour.archived_in_lists = False
    order = bench.store.add_order(lines=[{"options": {"Size": "M", "Talla": "G"}}])
    gone = bench.store.add_order(lines=[{"options": {"Size": "M", "Talla": "G"}}])
    for _ in range(300):  # more than are derived at once
        bench.store.add_order()
    bench.clock.wind(HOUR)
    await bench.run()
    bench.store.archive(gone)
    await bench.run(order_by_id(gone))
    assert [line.size for line in await lines(bench, order)] == ["M"]
    await bench.run()
    poll = len(bench.asked())
    bench.clock.wind(HOUR)
    run = await bench.run(product_options={"size": ["Talla"]})
    assert len(bench.asked()) == poll
    assert [line.size for line in await lines(bench, order)] == ["G"]
    assert [line.size for line in await lines(bench, gone)] == ["M"]
    assert str((await bench.held())[gone].order.stage) == "cancelled"
    assert run.counts.updated == 1  # the others look the same in the end
    assert bench.rows("select count(distinct derivation) from orders where gone_at is null") == [(1,)]
    assert (await bench.run()).counts.updated == 0


async def test_a_new_version_of_the_mapping_derives_every_order_anew_without_a_request(bench: Bench) -> None:
    """Rule I9."""
    ids = [bench.store.add_order() for _ in range(30)]
    bench.clock.wind(HOUR)
    await bench.run()
    bench.clock.wind(HOUR)
    bench.connector = Mended
    run = await bench.run()
    assert run.counts.updated == len(ids)
    assert len(bench.asked()) == 4
    assert {stored.order.channel for stored in (await bench.held()).values()} == {"by the mended mapping"}
    assert (await bench.run()).counts.updated == 0


async def test_a_run_that_ends_while_orders_are_derived_anew_leaves_the_rest_to_the_next(bench: Bench) -> None:
    """Rules I1 and I9."""
    for _ in range(600):
        bench.store.add_order()
    bench.clock.wind(HOUR)
    await bench.run()
    bench.connector = Mended

    def stop_after_a_batch(counts: object) -> None:
        del counts
        raise KeyboardInterrupt

    async with bench.engines() as engine:
        with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)):
            await engine.import_store(STORE, CHANGES, progress=stop_after_a_batch)
    assert bench.rows("select count(distinct derivation) from orders") == [(2,)]
    await bench.run()
    assert bench.rows("select count(distinct derivation) from orders") == [(1,)]
    assert bench.rows("select count(*) from timeline where event = 'updated'") == [(600,)]


# --- I2 -------------------------------------------------------------------------------------------------------------


async def test_an_order_that_is_not_understood_is_set_aside_and_the_others_go_through(bench: Bench) -> None:
    """Rule I2."""
    bench.connector = Puzzled
    bad = bench.store.add_order(staff_notes=UNREADABLE)
    good = [bench.store.add_order() for _ in range(3)]
    bench.clock.wind(HOUR)
    run = await bench.run()
    assert (run.counts.imported, run.counts.set_aside) == (3, 1)
    assert set(await bench.held()) == set(good)
    async with bench.engines() as engine:
        (set_aside,) = await engine.set_asides(STORE)
        assert (set_aside.order_id, set_aside.error) == (str(bad), "ValueError: form: not known")
        assert "could not be understood (ValueError: form: not known)" in await engine.why(STORE, str(bad))
    assert (await bench.run()).counts.set_aside == 0  # it was told once


@pytest.mark.parametrize("is_held", [True, False])
async def test_what_was_set_aside_is_tried_again_with_the_next_mapping_without_a_request(
    bench: Bench, is_held: bool
) -> None:
    """Rules I2 and I9: a held order stays as it was last understood until then."""
    bench.connector = Puzzled
    order = bench.store.add_order(staff_notes="" if is_held else UNREADABLE)
    bench.clock.wind(HOUR)
    await bench.run()
    bench.store.edit(order, staff_notes=UNREADABLE, status_id=9)
    bench.clock.wind(HOUR)
    run = await bench.run()
    assert run.counts.set_aside == 1
    assert await bench.statuses() == ({order: "11"} if is_held else {})
    for _ in range(25):  # so that no walk shows the order again
        bench.store.add_order(status_id=2)
    bench.clock.wind(HOUR)
    await bench.run()
    bench.clock.wind(HOUR)
    bench.connector = StillPuzzled
    assert (await bench.run()).counts.set_aside == 1
    assert await bench.statuses() == ({order: "11"} if is_held else {})
    bench.connector = Mended
    run = await bench.run()
    assert (run.counts.imported, run.counts.updated) == ((0, 1) if is_held else (1, 0))
    assert len(bench.asked()) == 4  # a poll, which shows this order nowhere
    assert await bench.statuses() == {order: "9"}
    assert bench.rows("select count(*) from set_asides") == [(0,)]


async def test_what_was_set_aside_and_is_understood_again_is_set_aside_no_more(bench: Bench) -> None:
    """Rule I2."""
    bench.connector = Puzzled
    order = bench.store.add_order(staff_notes=UNREADABLE)
    bench.clock.wind(HOUR)
    await bench.run()
    bench.store.edit(order, staff_notes="plain")
    bench.clock.wind(MINUTE)
    await bench.run()
    assert await bench.statuses() == {order: "11"}
    assert bench.rows("select count(*) from set_asides") == [(0,)]


async def test_an_order_that_is_set_aside_and_left_the_open_statuses_is_a_skip(bench: Bench) -> None:
    """Rules I2 and I11."""
    bench.connector = Puzzled
    order = bench.store.add_order(staff_notes=UNREADABLE)
    bench.clock.wind(HOUR)
    await bench.run()
    bench.store.set_status(order, 2)
    bench.clock.wind(MINUTE)
    await bench.run()
    assert list(skips(bench)) == [order]
    assert bench.rows("select count(*) from set_asides") == [(0,)]


# --- I11 ------------------------------------------------------------------------------------------------------------


async def test_a_skip_is_one_row_an_order_that_is_replaced_or_removed(bench: Bench) -> None:
    """Rule I11: without personal data, and unchanged ones count as unchanged."""
    order = bench.store.add_order(status_id=7, billing={"email": "mia@example.com"})
    bench.clock.wind(HOUR)
    run = await bench.run()
    assert run.counts.skipped == 1
    assert skips(bench) == {
        order: "its status is Awaiting Payment, which is not among import_statuses "
        "(Awaiting Shipment, Awaiting Fulfillment)"
    }
    run = await bench.run()
    assert (run.counts.skipped, run.counts.unchanged) == (0, 1)
    bench.store.set_status(order, 1)
    assert (await bench.run()).counts.skipped == 1
    assert skips(bench)[order].startswith("its status is Pending, ")
    bench.store.set_status(order, 11)
    bench.clock.wind(1)
    assert (await bench.run()).counts.imported == 1
    assert skips(bench) == {}
    bench.store.set_status(order, 5)
    bench.clock.wind(1)
    assert (await bench.run()).counts.updated == 1
    assert skips(bench) == {}
    assert await bench.statuses() == {order: "5"}


async def test_an_order_archived_when_first_seen_is_a_skip(bench: Bench) -> None:
    """Rule I11."""
    order = bench.store.add_order(is_deleted=True)
    bench.clock.wind(HOUR)
    await bench.run()
    assert skips(bench) == {order: "it is archived"}


async def test_all_digital_orders_are_taken_and_not_shippable(bench: Bench) -> None:
    """Rule I11."""
    order = bench.store.add_order(lines=[{"type": "digital", "name": "E-book"}], addresses=[])
    bench.clock.wind(HOUR)
    await bench.run()
    assert not (await bench.held())[order].order.shippable


async def test_days_is_the_sweep_alone_and_leaves_the_cursor_as_it_is(bench: Bench) -> None:
    """Rule I11."""
    recent = bench.store.add_order(date_modified=bench.clock.now() - timedelta(days=6))
    older = bench.store.add_order(date_modified=bench.clock.now() - timedelta(days=200))
    for _ in range(25):
        bench.store.add_order(status_id=2)
    bench.clock.wind(HOUR)
    await bench.run()
    cursor = bench.rows("select cursor, swept_since from stores")
    assert set(await bench.statuses()) == {recent}
    bench.clock.wind(DAY)
    run = await bench.run(ImportRequest(days=300))
    assert run.counts.imported == 1
    assert set(await bench.statuses()) == {recent, older}
    assert bench.rows("select cursor, swept_since from stores") == cursor
    since = (bench.clock.now() - timedelta(days=300)).strftime("%Y-%m-%dT%H:%M:%SZ")
    asked = bench.asked()[2:]
    assert all("status_id" in each and each.endswith(f"min_date_modified={since}") for each in asked)


async def test_days_before_the_first_import_leaves_that_to_come(bench: Bench) -> None:
    """Rule I11."""
    young = bench.store.add_order()
    older = bench.store.add_order(date_modified=bench.clock.now() - timedelta(days=20))
    bench.clock.wind(HOUR)
    await bench.run(ImportRequest(days=1))
    assert set(await bench.statuses()) == {young}
    await bench.run()
    assert set(await bench.statuses()) == {young, older}


@pytest.mark.parametrize("fields", [{"status_id": 2}, {"status_id": 0}, {"is_deleted": True}])
async def test_an_order_that_was_asked_for_by_name_is_taken(bench: Bench, fields: dict[str, Any]) -> None:
    """Rule I11: whatever its status and age, and from then on it is followed."""
    old = bench.clock.now() - timedelta(days=1000)
    order = bench.store.add_order(date_modified=old, date_created=old, **fields)
    bench.clock.wind(HOUR)
    await bench.run()
    assert list(skips(bench)) == [order]  # it is near the newest id
    run = await bench.run(order_by_id(order))
    assert run.counts.imported == 1
    assert skips(bench) == {}
    bench.store.set_status(order, 10)
    bench.clock.wind(MINUTE)
    assert (await bench.run()).counts.updated == 1
    assert await bench.statuses() == {order: "10"}


async def test_an_order_that_the_store_does_not_have_is_refused_in_words(bench: Bench) -> None:
    """Rule I11."""
    with pytest.raises(RefusedError, match="acme: the store has no order 4711"):
        await bench.run(order_by_id(4711))


async def test_a_rehearsal_counts_what_an_import_would_and_writes_nothing(bench: Bench) -> None:
    """Design §2, `--dry-run`: an order that several walks show is counted once."""
    bench.store.generate(60)
    for _ in range(3):
        bench.store.add_order()
    rehearsed = await bench.run(ImportRequest(dry_run=True))
    for table in ("stores", "orders", "skips", "runs", "timeline"):
        assert bench.rows(f"select count(*) from {table}") == [(0,)]
    done = await bench.run()
    assert rehearsed.counts == done.counts
    bench.store.set_status(int(max(await bench.held())), 2)
    rehearsed = await bench.run(ImportRequest(dry_run=True))
    assert rehearsed.counts == (await bench.run()).counts


# --- S1 -------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def another_store(bench: Bench, store_hash: str) -> AsyncIterator[Bench]:
    store = SandboxStore(now=bench.clock.now, store_hash=store_hash, seed=2)
    async with serve(store) as running:
        yield Bench(bench.folder, store, running, bench.clock)


async def test_settings_that_lead_to_another_account_are_refused_before_anything_is_asked(bench: Bench) -> None:
    """Rule S1."""
    bench.store.add_order()
    await bench.run()
    async with another_store(bench, "elsewhere") as other:
        other.store.add_order()
        with pytest.raises(AccountMismatchError, match=r"acme: .*for good"):
            await other.run()
        assert other.asked() == ["/v2/store"]
        with pytest.raises(AccountMismatchError):
            await other.run(ImportRequest(dry_run=True))
    assert bench.rows("select count(*) from orders") == [(1,)]
    assert bench.rows("select outcome, error_kind from runs order by id desc limit 1") == [
        ("failed", "AccountMismatchError")
    ]
    await bench.run()


@pytest.mark.parametrize("is_one_process", [True, False])
async def test_one_account_under_two_names_is_refused(bench: Bench, is_one_process: bool) -> None:
    """Rule S1."""
    bench.store.add_order()
    twins = (store_config(bench.running), store_config(bench.running, name="bolt"))
    async with bench.engines(*twins) as engine:
        await engine.import_store(STORE, CHANGES)
        if is_one_process:
            with pytest.raises(AccountMismatchError, match=r"bolt: .*same bigcommerce account as acme"):
                await engine.import_store("bolt", CHANGES)
    if not is_one_process:
        async with bench.engines(*twins) as engine:
            with pytest.raises(AccountMismatchError, match=r"bolt: .*same bigcommerce account as acme"):
                await engine.import_store("bolt", CHANGES)
    assert bench.rows("select name from stores") == [("acme",)]


async def test_a_removed_name_does_not_block_its_account(bench: Bench) -> None:
    """Rule S1."""
    bench.store.add_order()
    await bench.run()
    async with bench.engines(store_config(bench.running, name="bolt")) as engine:
        assert (await engine.import_store("bolt", CHANGES)).counts.imported == 1
    assert bench.rows("select store, count(*) from orders group by store") == [("acme", 1), ("bolt", 1)]


async def test_each_process_proves_the_account_once(bench: Bench) -> None:
    """Rule S1."""
    bench.store.add_order()
    async with bench.engines() as engine:
        for _ in range(3):
            await engine.import_store(STORE, CHANGES)
    assert bench.asked().count("/v2/store") == 1
    assert bench.asked()[0] == "/v2/store"
