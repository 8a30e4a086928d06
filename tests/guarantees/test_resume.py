"""Guarantee 3: a kill at any moment loses nothing that was committed and repeats at most two pages."""

from __future__ import annotations

import signal
from collections import Counter
from random import Random

import pytest
from support.bench import reading
from support.children import Ambush, child
from support.commandline import Desk

ORDERS = 400
PAGE = 8
IMPORTED = (9, 11)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again_an_import_still_ends_and_repeats_at_most_two_pages_a_kill(
    desk: Desk, seed: int
) -> None:
    """Rule I1."""
    random = Random(seed)
    desk.store.generate(ORDERS)
    desk.store.behaviour.max_page = PAGE
    kills, known = 0, Counter[str]()
    while True:
        ambush = Ambush(
            desk.store,
            signal.SIGKILL,
            request=random.randint(1, 24),
            after_s=random.choice((0.0, random.uniform(0, 0.03))),
        )
        with child(desk, "import", "acme") as importing:
            ambush.of(importing)
            ended = importing.end()
        desk.store.faults.clear()
        held = imported(desk)
        assert known <= held
        known = held
        if ended.code == 0:
            break
        assert ended.code == -signal.SIGKILL, ended.err
        kills += 1
    assert kills > 3
    assert repeated_pages(desk) <= 2 * kills
    is_what_the_store_is(desk, kills=kills)


@pytest.mark.parametrize("request_number", [1, 2, 3, 20])
def test_terminated_in_its_middle_an_import_ends_at_once_and_the_next_one_goes_on(
    desk: Desk, request_number: int
) -> None:
    """Rule I1: an answer that doesn't come is not waited for."""
    desk.store.generate(ORDERS)
    desk.store.behaviour.max_page = PAGE
    ambush = Ambush(desk.store, signal.SIGTERM, request=request_number, withholds=True)
    with child(desk, "import", "acme") as importing:
        ambush.of(importing)
        ended = importing.end()
    ambush.release()
    assert (ended.code, ended.err) == (1, "stopped; what was done so far is kept.\n")
    assert rows(desk, "select outcome from runs") == [("stopped",)]
    assert desk.run("import", "acme").code == 0
    assert repeated_pages(desk) <= 2
    is_what_the_store_is(desk, kills=0)


def is_what_the_store_is(desk: Desk, *, kills: int) -> None:
    """The database is sound, holds each open order once, and its runs' counts add up to that."""
    assert rows(desk, "pragma integrity_check") == [("ok",)]
    wanted = {str(id) for status in IMPORTED for id in desk.store.order_ids(status_id=status, archived=False)}
    assert imported(desk) == Counter(wanted)
    true = [(id, str(desk.store.record(int(id)).status_id)) for id in sorted(wanted)]
    assert rows(desk, "select id, status_id from orders order by id") == true
    assert rows(desk, "select count(*), count(distinct id) from orders") == [(len(wanted), len(wanted))]
    assert rows(desk, "select sum(imported), sum(updated) from runs") == [(len(wanted), 0)]
    outcomes = Counter(outcome for (outcome,) in rows(desk, "select outcome from runs"))
    assert outcomes["done"] >= 1  # some kills come when all is done and only the process is left to end
    assert outcomes["done"] + outcomes["killed"] + outcomes["stopped"] <= kills + 2
    assert not rows(desk, "select id from orders where key not in (select order_key from lines)")
    assert not rows(desk, "select id from orders where key not in (select order_key from raws)")


def imported(desk: Desk) -> Counter[str]:
    """How often each order was committed as imported; empty before there is a database."""
    with reading(desk.database) as db:
        if not db.execute("select 1 from sqlite_master where name = 'timeline'").fetchone():
            return Counter()
        return Counter(id for (id,) in db.execute("select order_id from timeline where event = 'imported'"))


def rows(desk: Desk, query: str) -> list[tuple[object, ...]]:
    with reading(desk.database) as db:
        return [tuple(row) for row in db.execute(query)]


def repeated_pages(desk: Desk) -> int:
    """How many pages of the sweep were asked for again."""
    pages = Counter(
        (request.query["status_id"], request.query["min_id"])
        for request in desk.store.requests
        if "status_id" in request.query
    )
    return sum(times - 1 for times in pages.values())
