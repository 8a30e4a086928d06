"""The daemon tells the stores of what is shipped beside it, and of what was left unfinished (W6, W7, S1, S2, S4)."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from crossdock_sandbox.store import SandboxStore
from support.commandline import TOO_LONG_S, Desk
from support.daemons import EVERY_SECOND, started
from support.served import served

SHORT_SETTLE = "engine: {web: {port: 0}, settle: 1s}\ndefaults: {every: 1d}\n"
POSTS = r"^/v2/orders/\d+/shipments$"


def shipped(desk: Desk, number: str = "33ABC", *, order: int | None = None) -> int:
    """The id of an order that is here, and that `crossdock ship --no-wait` has shipped with this number."""
    order = desk.store.add_order() if order is None else order
    assert desk.run("import", "acme").code == 0
    ran = desk.run("ship", "acme", str(order), "--carrier", "Australia Post", "--tracking", number, "--no-wait")
    assert ran.code == 0, ran.err
    return order


def writebacks(desk: Desk) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = desk.run("writebacks", "--json").json
    return found


def until_state(desk: Desk, state: str) -> Mapping[str, Any]:
    """The only write-back, once it's in this state."""
    end = time.monotonic() + TOO_LONG_S
    while (row := writebacks(desk)[0])["state"] != state:
        assert time.monotonic() < end, row
    return row


def test_what_another_process_ships_is_told_within_moments(desk: Desk) -> None:
    with started(desk) as running:
        order = shipped(desk)
        assert running.until(f"shipment 1 of order {order}: confirmed")["store"] == "acme"
        assert running.end() == 0
    assert [each.tracking_number for each in desk.store.shipments(order)] == ["33ABC"]
    assert [mail.kind for mail in desk.store.emails] == ["shipment"]


def test_a_starting_daemon_tells_what_was_left_however_long_it_should_wait(desk: Desk) -> None:
    order = shipped(desk)
    with closing(sqlite3.connect(desk.database)) as db, db:
        db.execute("update writebacks set next_try = '2999-01-01T00:00:00Z'")
    with started(desk) as running:
        running.until(f"shipment 1 of order {order}: confirmed")
        assert running.end() == 0


def test_a_daemon_killed_while_it_sends_sends_nothing_twice(desk: Desk) -> None:
    desk.write(before=SHORT_SETTLE)
    desk.store.faults.add("slow", method="POST", path=POSTS, seconds=5)  # it arrives, its answer doesn't
    with started(desk) as running:
        order = shipped(desk)
        end = time.monotonic() + TOO_LONG_S
        while not desk.store.shipments(order):
            assert time.monotonic() < end, "the daemon has not sent it"
        running.send(signal.SIGKILL)
        assert running.process.wait(TOO_LONG_S) == -signal.SIGKILL
    assert writebacks(desk)[0]["state"] == "pending"
    with started(desk) as running:
        running.until(f"shipment 1 of order {order}: confirmed")
        assert running.end() == 0
    assert len(desk.store.shipments(order)) == 1
    assert len(desk.store.emails) == 1


def test_a_paused_store_is_told_nothing_until_it_goes_on(desk: Desk) -> None:
    with started(desk) as running:
        running.until("acme: run ")
        desk.run("pause", "acme")
        running.until("acme: is paused")
        order = shipped(desk)
        desk.store.requests.clear()
        with served(SandboxStore(store_hash="other")) as other:  # something to wait for: a whole turn of the daemon
            settings = {"api_path": other.api_path, "access_token": other.access_token}
            desk.write(desk.entry(), desk.entry("second", settings=settings), before=EVERY_SECOND)
            running.until("second: run ")
            assert desk.store.shipments(order) == []
            desk.run("resume", "acme")
            running.until(f"shipment 1 of order {order}: confirmed")
            assert running.end() == 0


def test_a_removed_store_keeps_its_unfinished_shipments_and_blocks_its_account(desk: Desk) -> None:
    order = shipped(desk)
    desk.write(desk.entry("renamed"), before=EVERY_SECOND)
    ran = desk.run("import", "renamed")
    assert ran.code == 1
    assert "is still to be told of shipments that were made under the name acme" in ran.err
    with started(desk) as running:
        running.until("renamed: stands still")
        assert writebacks(desk)[0]["state"] == "pending"
        desk.write(desk.entry(), before=EVERY_SECOND)
        running.until(f"shipment 1 of order {order}: confirmed")
        desk.write(desk.entry("renamed"), before=EVERY_SECOND)
        running.until("renamed: run ")
        assert running.end() == 0


def test_a_new_key_in_the_file_lets_what_was_refused_for_the_old_one_go_at_once(desk: Desk) -> None:
    order = shipped(desk)
    account = desk.store.new_token(["store_v2_information_read_only", "store_v2_orders_read_only"])
    desk.write(desk.entry(settings={"access_token": account.access_token}), before=EVERY_SECOND)
    with started(desk) as running:
        waits = running.until(f"shipment 1 of order {order} waits", "Orders: modify")
        assert waits["level"] == "WARNING"
        assert writebacks(desk)[0]["state"] == "pending"
        desk.write(desk.entry(settings={"access_token": desk.token}), before=EVERY_SECOND)
        running.until(f"shipment 1 of order {order}: confirmed")
        assert running.end() == 0


def test_a_refused_shipment_is_told_loudly_and_holds_up_no_other(desk: Desk) -> None:
    order = desk.store.add_order()
    following = desk.store.add_order()
    desk.store.faults.add("status", status=422, method="POST", path=POSTS)
    shipped(desk, "BAD", order=order)
    shipped(desk, "GOOD", order=following)
    with started(desk) as running:
        refused = running.until(f"shipment 1 of order {order} was refused")
        assert refused["level"] == "ERROR"
        running.until(f"shipment 2 of order {following}: confirmed")
        assert running.end() == 0
    assert [row["state"] for row in writebacks(desk)] == ["refused", "confirmed"]
