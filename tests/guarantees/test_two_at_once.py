"""Rule S3: one import of a store at a time, in whatever process, and no store waits for another."""

from __future__ import annotations

import signal

import pytest
from crossdock_sandbox.store import SandboxStore
from support.bench import reading
from support.children import Ambush, child
from support.commandline import Desk
from support.served import served


def test_a_second_import_of_a_store_waits_and_says_for_whom(desk: Desk) -> None:
    """Rule S3."""
    desk.store.generate(60)
    held_up = Ambush(desk.store, signal.SIGSTOP, request=1)
    with child(desk, "import", "acme", "--json") as first:
        held_up.of(first)
        held_up.wait()
        with child(desk, "import", "acme", "--json") as second:
            words = second.complaint()
            assert words.startswith(f"acme: process {first.process.pid} (")
            assert words.endswith("import acme --json) holds its import lock; waiting for it to finish\n")
            assert len(desk.store.requests) == 1
            first.signal(signal.SIGCONT)
            one, other = first.end(), second.end()
    assert (one.code, one.err) == (0, "")
    assert (other.code, other.err) == (0, words)
    assert one.json["imported"] == count(desk, "orders") > 0
    assert (other.json["imported"], other.json["updated"]) == (0, 0)
    assert count(desk, "timeline where event = 'imported'") == count(desk, "orders")


def test_a_lock_vanishes_with_its_killed_holder(desk: Desk) -> None:
    """Rule S3."""
    desk.store.generate(60)
    held_up = Ambush(desk.store, signal.SIGSTOP, request=1)
    with child(desk, "import", "acme") as first:
        held_up.of(first)
        held_up.wait()
        with child(desk, "import", "acme", "--json") as second:
            assert str(first.process.pid) in second.complaint()
            first.signal(signal.SIGKILL)
            ended = second.end()
    assert ended.code == 0
    assert ended.json["imported"] == count(desk, "orders") > 0
    assert count(desk, "runs where outcome = 'killed'") == 1


def test_two_stores_are_imported_at_once(desk: Desk) -> None:
    """Rule S3, guarantee 4: one that hangs leaves the other on time."""
    other_store = SandboxStore(seed=2, orders=20, store_hash="other", quota=100_000)
    desk.store.generate(20)
    with served(other_store) as running:
        other = Desk(desk.folder, other_store, running)
        desk.write(desk.entry("acme"), other.entry("bolt"))
        hangs = Ambush(desk.store, signal.SIGSTOP, request=1)
        with child(desk, "import", "acme") as first:
            hangs.of(first)
            hangs.wait()
            ended = other.run("import", "bolt", "--json")
            assert (ended.code, ended.err) == (0, "")
            assert ended.json["imported"] == count(desk, "orders where store = 'bolt'") > 0
            first.signal(signal.SIGCONT)
            assert first.end().code == 0
    assert count(desk, "orders where store = 'acme'") > 0


@pytest.mark.parametrize("attempt", range(3))
def test_two_imports_that_start_together_on_a_new_database_both_succeed(desk: Desk, attempt: int) -> None:
    """Rules S3 and I1: the tables are made once, and each order is imported once."""
    del attempt
    desk.store.generate(60)
    desk.store.behaviour.max_page = 5
    with child(desk, "import", "acme", "--json") as first, child(desk, "import", "acme", "--json") as second:
        ended = first.end(), second.end()
    assert [ran.code for ran in ended] == [0, 0], [ran.err for ran in ended]
    assert sum(ran.json["imported"] for ran in ended) == count(desk, "orders") > 0
    assert count(desk, "timeline where event = 'imported'") == count(desk, "orders")


def count(desk: Desk, what: str) -> int:
    """How many rows there are of that."""
    with reading(desk.database) as db:
        return int(db.execute(f"select count(*) from {what}").fetchone()[0])
