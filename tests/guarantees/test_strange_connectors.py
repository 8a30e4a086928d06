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


async def test_a_connector_that_gives_something_else_than_pages_is_named(bench: Bench) -> None:
    class Listing(BigCommerce):
        async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
            yield {"orders": []}  # type: ignore[misc]

    bench.connector = Listing
    with pytest.raises(PluginError, match="'bigcommerce' failed unexpectedly"):
        await bench.run()
