"""A connector that breaks its contract harms no more than it must, and what it did is told."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from crossdock import Account, CredentialsError, Cursor, Order, Page, Raw, RefusedError, Seen, UnreachableError
from crossdock.errors import PluginError
from crossdock_bigcommerce.connector import BigCommerce
from support.bench import DAY, MINUTE, Bench

ODD = "odd"


def with_first_line(order: Order, **changes: Any) -> Order:
    (part, *others) = order.consignments
    line = dataclasses.replace(part.lines[0], **changes)
    return dataclasses.replace(order, consignments=(dataclasses.replace(part, lines=(line,)), *others))


ODDITIES: dict[str, Callable[[Order], Any]] = {
    "a quantity in words": lambda order: with_first_line(order, quantity="two"),
    "a quantity as a decimal": lambda order: with_first_line(order, quantity=Decimal(1)),
    "a line without a name": lambda order: with_first_line(order, name=None),
    "half a sign": lambda order: dataclasses.replace(order, staff_notes="\ud83d"),
    "another order": lambda order: dataclasses.replace(order, id="0"),
    "nothing": lambda order: None,
}


@pytest.mark.parametrize("oddity", ODDITIES)
async def test_an_order_with_a_field_of_a_wrong_type_is_set_aside_alone(bench: Bench, oddity: str) -> None:
    """Rule I2."""

    class Odd(BigCommerce):
        def order_from_raw(self, raw: Raw) -> Order:
            order = super().order_from_raw(raw)
            made: Order = ODDITIES[oddity](order) if order.staff_notes == ODD else order
            return made

    bench.connector = Odd
    bad, good = bench.store.add_order(staff_notes=ODD), bench.store.add_order()
    bench.clock.wind(MINUTE)
    run = await bench.run()
    assert (run.counts.imported, run.counts.set_aside) == (1, 1)
    assert set(await bench.held()) == {good}
    assert bench.rows("select order_id from set_asides") == [(str(bad),)]


async def test_an_order_that_refuses_to_be_asked_for_holds_up_no_other(bench: Bench) -> None:
    """Rule I8: the others go on, one in each run."""
    bench.store.behaviour.archived_in_lists = False
    orders = [bench.store.add_order() for _ in range(3)]
    bench.clock.wind(MINUTE)
    await bench.run()

    class Refusing(BigCommerce):
        async def fetch(self, order_id: str) -> Seen | None:
            if order_id == str(orders[0]):
                raise RefusedError("acme: not this one.")
            return await super().fetch(order_id)

    bench.connector = Refusing
    for order in orders:
        bench.store.archive(order)
    bench.clock.wind(DAY + 1)
    for _ in range(4):
        run = await bench.run()
        assert run.outcome == "done"
        bench.clock.wind(MINUTE)
    gone = bench.rows("select id from orders where gone_at is not null order by id")
    assert gone == [(str(order),) for order in orders[1:]]


async def test_a_set_aside_order_that_the_store_has_no_more_is_forgotten(bench: Bench) -> None:
    """Rules I2 and I8."""

    class Puzzled(BigCommerce):
        def order_from_raw(self, raw: Raw) -> Order:
            raise ValueError("not this year")

    bench.connector = Puzzled
    bench.store.behaviour.archived_in_lists = False
    order = bench.store.add_order()
    bench.clock.wind(MINUTE)
    await bench.run()
    bench.store.archive(order)
    bench.clock.wind(DAY + 1)
    await bench.run()
    assert bench.rows("select count(*) from set_asides") == [(0,)]


async def failing(bench: Bench, error: BaseException) -> tuple[BaseException, tuple[object, ...]]:
    """What an import raises, and how its run is recorded, when a connector raises `error` as it signs in."""

    class Failing(BigCommerce):
        async def account(self) -> Account:
            raise error

    bench.connector = Failing
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- whichever it is, is what this gives
        await bench.run()
    (row,) = bench.rows("select outcome, error_kind, error from runs")
    return caught.value, row


async def test_a_connector_that_ends_the_program_fails_its_run_and_no_more(bench: Bench) -> None:
    raised, (outcome, kind, words) = await failing(bench, SystemExit(0))
    assert isinstance(raised, PluginError)
    assert (outcome, kind) == ("failed", "PluginError")
    assert "bigcommerce" in str(words)


async def test_an_error_of_ours_inside_a_task_group_is_taken_for_what_it_is(bench: Bench) -> None:
    group = BaseExceptionGroup("", [UnreachableError("acme: down."), BaseExceptionGroup("", [UnreachableError("x")])])
    raised, row = await failing(bench, group)
    assert isinstance(raised, UnreachableError)
    assert row == ("failed", "UnreachableError", "acme: down.")


async def test_a_bug_beside_an_error_of_ours_is_a_bug(bench: Bench) -> None:
    raised, _ = await failing(bench, BaseExceptionGroup("", [UnreachableError("acme: down."), KeyError("x")]))
    assert isinstance(raised, PluginError)


async def test_a_secret_in_a_connectors_words_reaches_neither_person_nor_database(bench: Bench) -> None:
    """Guarantee 6."""
    raised, row = await failing(bench, CredentialsError(f"acme: bad key {bench.running.access_token}!"))
    assert str(raised) == "acme: bad key ***!"
    assert row[2] == str(raised)
    assert bench.running.access_token.encode() not in bench.database.read_bytes()


@pytest.mark.parametrize(
    "given",
    [
        {"id": 101, "raw": {}},
        {"id": "", "raw": {}},
        {"id": "101", "raw": []},
        {"id": "101", "raw": {}, "as_of": datetime(2026, 1, 1)},  # noqa: DTZ001 -- a naive time is what is refused
    ],
)
def test_a_view_of_a_wrong_shape_is_refused_where_it_is_made(given: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^Seen\."):
        Seen(**given)


@pytest.mark.parametrize("given", [{"seen": (), "cursor": 7}, {"seen": ("101",), "cursor": {}}])
def test_a_page_of_a_wrong_shape_is_refused_where_it_is_made(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"^Page\."):
        Page(**given)


class ChangedPage(Page):
    """A page whose maker changes it after it was looked at."""

    def __init__(self, **fields: object) -> None:
        for name, value in {"seen": (), "cursor": {}, "swept_since": None, "sweep_finished": False, **fields}.items():
            object.__setattr__(self, name, value)


RUBBISH: dict[str, Callable[[Page], Any]] = {
    "nothing": lambda page: None,
    "a text": lambda page: "page",
    "JSON": lambda page: {"orders": []},
    "a cursor that is no JSON": lambda page: ChangedPage(seen=page.seen, cursor={"at": object()}),
    "half a sign in its cursor": lambda page: dataclasses.replace(page, cursor={"at": "\ud83d"}),
    "a list in place of a cursor": lambda page: ChangedPage(seen=page.seen, cursor=[1]),
    "orders that were read already": lambda page: ChangedPage(seen=iter(page.seen)),
    "no orders but a number": lambda page: ChangedPage(seen=7),
    "a sweep's time without a zone": lambda page: ChangedPage(
        seen=page.seen,
        swept_since=datetime(2026, 1, 1),  # noqa: DTZ001 -- what is refused
    ),
    "a sweep's time in words": lambda page: ChangedPage(seen=page.seen, swept_since="today", sweep_finished=True),
}


@pytest.mark.parametrize("rubbish", RUBBISH)
async def test_a_connector_that_gives_rubbish_is_named_and_nothing_of_it_is_saved(bench: Bench, rubbish: str) -> None:
    class Strange(BigCommerce):
        async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
            yield Page((), {"sound": True})
            async for page in super().changes(cursor, since):
                if page.seen:
                    yield RUBBISH[rubbish](page)

    bench.connector = Strange
    bench.store.add_order()
    bench.clock.wind(MINUTE)
    with pytest.raises(PluginError, match=r"^acme: the connector 'bigcommerce' breaks its contract: "):
        await bench.run()
    assert bench.rows("select outcome, error_kind from runs") == [("failed", "PluginError")]
    assert bench.rows("select count(*) from orders") == [(0,)]
    assert bench.rows("select cursor from stores") == [('{"sound":true}',)]


@pytest.mark.parametrize("gives", [[], None, 7])
async def test_a_connector_without_pages_is_named(bench: Bench, gives: object) -> None:
    class Listing(BigCommerce):
        def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
            return gives  # type: ignore[return-value]

    bench.connector = Listing
    with pytest.raises(PluginError, match="'bigcommerce' failed unexpectedly"):
        await bench.run()


async def test_a_list_of_orders_will_do(bench: Bench) -> None:
    class Listing(BigCommerce):
        async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
            async for page in super().changes(cursor, since):
                yield dataclasses.replace(page, seen=list(page.seen))  # type: ignore[arg-type]

    bench.connector = Listing
    order = bench.store.add_order()
    bench.clock.wind(MINUTE)
    await bench.run()
    assert set(await bench.held()) == {order}


async def test_of_two_views_of_an_order_on_one_page_the_later_one_counts(bench: Bench) -> None:
    class Twice(BigCommerce):
        async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
            yield Page((Seen("1", {}, skip="it was so"), Seen("2", {}, skip="so"), Seen("1", {}, skip="it is so")), {})
            async for page in super().changes(cursor, since):
                yield dataclasses.replace(page, seen=page.seen * 2)

    bench.connector = Twice
    bench.store.add_order()
    bench.clock.wind(MINUTE)
    assert (await bench.run()).counts.imported == 1
    assert bench.rows("select order_id, reason from skips order by order_id") == [("1", "it is so"), ("2", "so")]


async def test_a_cursor_that_goes_on_in_the_same_object_stands_for_its_own_page(bench: Bench) -> None:
    """Else what was fetched and not yet saved would be passed over after a kill (guarantee 3)."""

    class Reusing(BigCommerce):
        async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
            position: dict[str, Any] = {"page": 1}
            yield Page((Seen("1", {}, skip="so"),), position)
            position["page"] = 2
            raise UnreachableError("acme: the second page does not come.")

    bench.connector = Reusing
    with pytest.raises(UnreachableError):
        await bench.run()
    assert bench.rows("select cursor from stores") == [('{"page":1}',)]


async def test_a_view_completed_as_something_else_is_not_saved(bench: Bench) -> None:
    class Swapping(BigCommerce):
        async def complete(self, seen: Seen) -> Seen | None:
            return dataclasses.replace(seen, id="7")

    bench.connector = Swapping
    bench.store.add_order()
    bench.clock.wind(MINUTE)
    with pytest.raises(PluginError, match="not the order that it was given"):
        await bench.run()
    assert bench.rows("select count(*) from orders") == [(0,)]


async def test_a_raw_that_holds_itself_is_set_aside_alone(bench: Bench) -> None:
    """Rule I2."""

    class Circular(BigCommerce):
        async def complete(self, seen: Seen) -> Seen | None:
            whole = await super().complete(seen)
            return dataclasses.replace(seen, raw=circular()) if seen.id == str(bad) else whole

    def circular() -> dict[str, Any]:
        raw: dict[str, Any] = {}
        raw["raw"] = raw
        return raw

    bench.connector = Circular
    bad, good = bench.store.add_order(), bench.store.add_order()
    bench.clock.wind(MINUTE)
    run = await bench.run()
    assert run.counts.set_aside == 1
    assert set(await bench.held()) == {good}


async def test_words_of_a_connector_may_hold_half_a_sign(bench: Bench) -> None:
    class Garbling(BigCommerce):
        async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
            yield Page((Seen("1", {}, skip="its status is \ud83d"), Seen("2", {})), {})

        async def complete(self, seen: Seen) -> Seen | None:
            return seen

        def order_from_raw(self, raw: Raw) -> Order:
            raise ValueError("\ud83d")

    bench.connector = Garbling
    run = await bench.run()
    assert run.reasons == {"its status is ?": 1}
    assert bench.rows("select error from set_asides") == [("ValueError: ?",)]
