"""`crossdock ship`, and what is said of shipments later: what a packer reads, what the store gets, the exit code."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from contract.courier import LABEL
from crossdock import dispatch, http
from crossdock.cli import outcomes
from crossdock_sandbox.shipments import Shipment
from support.children import child
from support.commandline import Desk, Ran
from support.daemons import started

POST = ("--carrier", "Australia Post")
MUGS = {"quantity": 2, "sku": "MUG-1", "name": "Mug"}
TEE = {"quantity": 1, "sku": "TEE-M", "name": "Tee"}
LABELS = """
from crossdock import Booking, Carrier, CarrierSettings, Label, hookimpl

class Boxes(Carrier[CarrierSettings]):
    name, title, gives_labels = "boxes", "Boxes Express", True

    async def ship(self, request):
        label = None if request.service == "none" else Label(media_type="application/pdf", content=LABEL)
        return Booking(tracking_number=f"BOX-{request.order_number}", label=label)

@hookimpl
def carriers():
    return [Boxes]
"""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process the tries of a request follow each other at once, and no store is waited for."""
    monkeypatch.setattr(http, "BACKOFF_BASE_S", 0.0)
    monkeypatch.setattr(outcomes, "WAIT_S", 0.3)


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process an order is shipped as it was last seen."""
    monkeypatch.setattr(dispatch, "FRESH", timedelta(days=1))


def held(desk: Desk, *lines: dict[str, Any], **order: Any) -> str:
    """An order of these lines that is here."""
    order_id = desk.store.add_order(lines=lines or (MUGS,), **order)
    assert desk.call("import", "acme").code == 0
    return str(order_id)


def there(desk: Desk, order: str) -> list[Shipment]:
    """What the store has of it."""
    return desk.store.shipments(int(order))


def refused(ran: Ran, code: int, *words: str) -> None:
    assert (ran.code, ran.out) == (code, ""), ran
    (complaint,) = ran.complaints
    assert not [word for word in words if word not in complaint], complaint


def states(desk: Desk) -> list[str]:
    return [row["state"] for row in desk.call("writebacks", "--json").json]


# --- ship -----------------------------------------------------------------------------------------------------------


def test_ship_says_what_left_with_whom_and_how_the_order_stands_then(desk: Desk) -> None:
    order = held(desk, MUGS, TEE)
    ran = desk.run("ship", "acme", order, *POST, "--tracking", "33ABC")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        f"acme: order {order}: shipment 1, 2 × MUG-1 and 1 × TEE-M by Australia Post, 33ABC, is confirmed; the order "
        "stands at Shipped in the store.\n"
    )
    (shipment,) = there(desk, order)
    assert (shipment.tracking_number, sum(item.quantity for item in shipment.items)) == ("33ABC", 3)


def test_saying_it_once_more_in_another_process_ships_nothing_and_says_so(desk: Desk) -> None:
    order = held(desk)
    for lead in ("", "already said: ", "already said: "):
        ran = desk.run("ship", "acme", order, *POST, "--tracking", "33ABC")
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith(f"acme: order {order}: {lead}shipment 1, ")
    assert len(there(desk, order)) == 1
    assert len([mail for mail in desk.store.emails if mail.kind == "shipment"]) == 1


@pytest.mark.parametrize("attempt", range(3))
def test_two_processes_that_ship_the_same_order_at_once_ship_it_once(desk: Desk, attempt: int) -> None:
    del attempt
    order = held(desk)
    arguments = ("ship", "acme", order, *POST, "--tracking", "33ABC")
    with child(desk, *arguments) as first, child(desk, *arguments) as second:
        ended = first.end(), second.end()
    assert [ran.code for ran in ended] == [0, 0], [ran.err for ran in ended]
    assert sorted("already said" in ran.out for ran in ended) == [False, True]
    assert [" is confirmed; " in ran.out for ran in ended] == [True, True]
    assert len(there(desk, order)) == 1


def test_some_lines_leave_and_the_rest_follows(desk: Desk) -> None:
    order = held(desk, MUGS, TEE)
    mug, tee = (line["id"] for line in desk.store.order(int(order))["lines"])
    first = desk.call("ship", "acme", order, *POST, "--line", f"{mug}=1", "--line", f"{tee}=1")
    assert "1 × MUG-1 and 1 × TEE-M by Australia Post, is confirmed; the order stands at Partially Shipped" in first.out
    second = desk.call("ship", "acme", order, *POST, "--tracking", "2")
    assert "1 × MUG-1 by Australia Post, 2, is confirmed; the order stands at Shipped" in second.out


def test_a_shipment_as_json_is_one_object(desk: Desk) -> None:
    ran = desk.call("ship", "acme", held(desk), *POST, "--tracking", "33ABC", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert (ran.json["shipment"], ran.json["state"], ran.json["tracking_number"]) == (1, "confirmed", "33ABC")


def test_more_than_is_left_after_a_refund_is_shipped_with_a_warning(desk: Desk) -> None:
    order = held(desk, {**MUGS, "quantity_refunded": 1})
    (line,) = desk.store.order(int(order))["lines"]
    ran = desk.call("ship", "acme", order, *POST, "--line", f"{line['id']}=2")
    assert (ran.code, len(ran.complaints)) == (0, 1)
    assert ran.err.startswith(f"acme: order {order}: line {line['id']} (MUG-1): 1 more than is left to ship")


def test_a_rehearsal_says_what_would_be_done_and_does_nothing(desk: Desk) -> None:
    order = held(desk)
    arguments = ("ship", "acme", order, *POST, "--tracking", "33ABC")
    ran = desk.call(*arguments, "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"acme: order {order}: would be shipped: 2 × MUG-1 by Australia Post, 33ABC.",
        f"acme: order {order}: it would go from Awaiting Fulfillment to Shipped, and the store e-mails the buyer as "
        "its own settings say.",
        f"acme: order {order}: dry run: nothing was shipped.",
    ]
    assert (there(desk, order), states(desk)) == ([], [])
    assert desk.call(*arguments).code == 0
    assert "already said: shipment 1, 2 × MUG-1 by" in desk.call(*arguments, "--dry-run").out


def test_a_rehearsal_is_refused_as_shipping_would_be(desk: Desk) -> None:
    order = held(desk)
    desk.store.set_status(int(order), 5)
    assert desk.call("import", "acme").code == 0
    refused(desk.call("ship", "acme", order, *POST, "--dry-run"), 1, "stands at Cancelled")


@pytest.mark.usefixtures("trusting", "impatient")
def test_what_the_store_refuses_is_told_with_what_to_do_and_again_when_it_is_asked_for_by_its_id(desk: Desk) -> None:
    order = held(desk)
    desk.store.set_status(int(order), 12)
    ran = desk.call("ship", "acme", order, *POST)
    refused(
        ran, 1, "is refused: the order stands at Manual Verification Required", "`crossdock retry 1` tries it again"
    )
    (row,) = desk.call("writebacks", "--state", "refused", "--json").json
    assert row["reason"].startswith("the order stands at Manual Verification Required")
    desk.store.set_status(int(order), 11)
    again = desk.call("retry", "1")
    assert (again.code, again.err) == (0, "")
    assert "shipment 1, 2 × MUG-1 by Australia Post, is confirmed" in again.out


@pytest.mark.usefixtures("trusting", "impatient")
def test_what_a_store_that_is_down_cant_be_told_is_pending_and_goes_on_by_a_retry(desk: Desk) -> None:
    order = held(desk)
    desk.store.faults.add("503", times=None)
    ran = desk.call("ship", "acme", order, *POST)
    assert (ran.code, ran.err) == (0, "")
    assert re.search(r"is pending: .*503.*; no daemon is running: `crossdock retry acme` goes on with it now", ran.out)
    assert "is pending: " in desk.call("retry").out
    assert there(desk, order) == []
    assert "; shipment 1 (Australia Post) is pending: " in desk.call("why", "acme", order).out
    desk.store.faults.clear()
    ran = desk.call("retry", "acme")
    assert (ran.code, ran.err, " is confirmed; " in ran.out) == (0, "", True)
    assert len(there(desk, order)) == 1


def test_what_isnt_waited_for_is_pending_until_it_is_told(desk: Desk) -> None:
    order = held(desk)
    ran = desk.call("ship", "acme", order, *POST, "--no-wait")
    assert (ran.code, ran.err) == (0, "")
    assert " is pending; no daemon is running: `crossdock retry acme` goes on with it now, `crossdock run`" in ran.out
    assert there(desk, order) == []
    repeated = desk.call("ship", "acme", order, *POST)
    assert (repeated.code, "already said: shipment 1" in repeated.out, "is confirmed" in repeated.out) == (
        0,
        True,
        True,
    )


def test_beside_a_daemon_a_shipment_is_told_once_and_what_isnt_waited_for_is_the_daemons(desk: Desk) -> None:
    orders = [held(desk), held(desk)]
    with started(desk) as running:
        ran = desk.run("ship", "acme", orders[0], *POST)
        assert (ran.code, "is confirmed" in ran.out) == (0, True), ran
        ran = desk.run("ship", "acme", orders[1], *POST, "--no-wait")
        assert (ran.code, "is pending; the running daemon goes on with it." in ran.out) == (0, True), ran
        running.until("shipment 2 of order", "confirmed")
        assert running.end() == 0
    assert [len(there(desk, order)) for order in orders] == [1, 1]


def test_a_paused_store_is_told_all_the_same(desk: Desk) -> None:
    order = held(desk)
    assert desk.call("pause", "acme").code == 0
    paused = ["acme: is paused; this is done all the same."]
    ran = desk.call("ship", "acme", order, *POST, "--no-wait")
    assert (ran.code, ran.complaints) == (0, paused)
    assert "acme is paused: `crossdock retry acme` goes on with it now, `crossdock resume acme` for good" in ran.out
    ran = desk.call("retry")
    assert (ran.code, ran.complaints, "is confirmed" in ran.out) == (0, paused, True)


def test_a_store_that_isnt_written_to_is_never_told(desk: Desk) -> None:
    order = held(desk)
    assert desk.call("ship", "acme", order, *POST, "--no-wait").code == 0
    desk.write(desk.entry(write_back="false"))
    for arguments in (
        ("ship", "acme", order, *POST),
        ("track", "acme", "1", "--tracking", "2"),
        ("void", "acme", "1"),
        ("collected", "acme", order),
        ("retry", "acme"),
        ("retry", "1"),
    ):
        refused(desk.call(*arguments), 1, "acme: write_back is false in stores.yaml")
    assert desk.call("retry").complaints == ["nothing is left to tell."]
    assert (there(desk, order), states(desk)) == ([], ["pending"])


def test_each_wrong_word_is_told_with_what_would_be_right(desk: Desk) -> None:
    order = held(desk)
    ship = ("ship", "acme", order)
    refused(desk.call("ship", "nobody", order, *POST), 2, "nobody: ", "acme")
    refused(desk.call("ship", "acme", "4711", *POST), 1, "order 4711 is not here", "import acme --order 4711")
    refused(desk.call(*ship, *POST, "--consignment", "77"), 2, "no consignment 77; it has ")
    refused(desk.call(*ship, *POST, "--line", "77=1"), 2, "no line 77; it has ", "MUG-1")
    refused(desk.call(*ship, *POST, "--line", "501=3"), 1, "3 can't leave, as 2 of 2 are left")
    refused(desk.call(*ship, "--carrier", "pickup", "--tracking", "1"), 1, "have no tracking number")
    refused(desk.call(*ship, *POST, "--tracking", "https://example.com"), 1, "is a web address")
    refused(desk.call("void", "acme", "9"), 2, "there is no shipment 9", "`crossdock writebacks` lists")
    refused(desk.call("track", "acme", "9", "--tracking", "1"), 2, "there is no shipment 9")
    refused(desk.call("collected", "acme", order), 1, "--carrier pickup` does that")
    refused(desk.call("retry", "9"), 2, "there is no shipment 9")
    refused(desk.call("retry", "nobody"), 2, "nobody: ", "acme")
    refused(desk.call("writebacks", "--store", "nobody"), 2, "nobody: ", "acme")
    assert states(desk) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ship",), "STORE and ORDER, or --from FILE.csv"),
        (("ship", "acme"), "STORE and ORDER, or --from FILE.csv"),
        (("ship", "acme", "1"), "Missing option '--carrier'"),
        (("ship", "acme", "1", "--carrier", " "), "--carrier"),
        (("ship", "acme", "1", *POST, "--tracking", ""), "leave the option out"),
        (("ship", "acme", "1", *POST, "--consignment", ""), "leave the option out"),
        (("ship", "acme", "1", *POST, "--line", "501"), "'501' should be a line's id and a number of units"),
        (("ship", "acme", "1", *POST, "--line", "501=two"), "such as 901=2"),
        (("ship", "acme", "1", *POST, "--line", "=2"), "such as 901=2"),
        (("ship", "acme", "1", *POST, "--line", "501=0"), "from 1 up"),
        (("ship", "acme", "1", *POST, "--line", "501=1", "--line", "501=1"), "line 501 is there twice"),
        (("ship", "acme", "1", *POST, "--dry-run", "--json"), "exclude each other"),
        (("ship", "--from", "none.csv"), "none.csv"),
        (("ship", "acme", "--from", "stores.yaml"), "leave out STORE"),
        (("ship", "--from", "stores.yaml", "--dry-run"), "leave out --dry-run"),
        (("ship", "--from", "stores.yaml", *POST), "leave out --carrier"),
        (("track", "acme", "1"), "--tracking"),
        (("track", "acme", "seven", "--tracking", "1"), "'seven'"),
        (("void", "acme", "0"), "0"),
        (("void", "acme"), "SHIPMENT"),
        (("collected", "acme"), "ORDER"),
        (("writebacks", "--state", "lost"), "'refused'"),
        (("retry", "7", "acme"), "'acme' is no shipment's id"),
        (("retry", "99999999999999999999"), "99999999999999999999"),
    ],
)
def test_wrong_usage_is_told(desk: Desk, arguments: Sequence[str], words: str) -> None:
    ran = desk.call(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.complaints[-1]


# --- labels ---------------------------------------------------------------------------------------------------------


def with_labels(desk: Desk) -> None:
    (desk.folder / "plugins.d").mkdir()
    (desk.folder / "plugins.d" / "boxes.py").write_text(f"LABEL = {LABEL!r}\n{LABELS}")


def test_a_carriers_label_is_written_for_its_owner_alone_and_again_to_another_file(desk: Desk) -> None:
    with_labels(desk)
    order = held(desk)
    for file in ("label.pdf", "again.pdf"):
        ran = desk.call("ship", "acme", order, "--carrier", "boxes", "--label", file)
        assert (ran.code, ran.complaints) == (0, [f"acme: 1 label printed to {file}."])
        assert f"by boxes, BOX-{order}, is confirmed" in ran.out
        assert (desk.folder / file).read_bytes() == LABEL
        assert stat.S_IMODE((desk.folder / file).stat().st_mode) == 0o600
    assert len(there(desk, order)) == 1


def test_a_label_that_couldnt_be_written_is_told_before_anything_is_shipped(desk: Desk, tmp_path: Path) -> None:
    with_labels(desk)
    order = held(desk)
    (tmp_path / "old.pdf").write_text("old")
    for carrier, file, words in (
        ("boxes", "new.png", "should end with .pdf"),
        ("boxes", str(tmp_path / "old.pdf"), "is there already"),
        ("boxes", "none/new.pdf", "no folder that can be written to"),
    ):
        refused(
            desk.call("ship", "acme", order, "--carrier", carrier, "--label", file), 2, words, "Nothing was shipped."
        )
    assert (tmp_path / "old.pdf").read_text() == "old"
    assert (states(desk), there(desk, order)) == ([], [])


# --- later ----------------------------------------------------------------------------------------------------------


def test_another_number_reaches_the_store(desk: Desk) -> None:
    order = held(desk)
    assert desk.call("ship", "acme", order, *POST, "--tracking", "33ABC").code == 0
    for _ in range(2):
        ran = desk.call("track", "acme", "1", "--tracking", "33XYZ")
        assert (ran.code, ran.err, ", 33XYZ, is confirmed;" in ran.out) == (0, "", True)
    assert [one.tracking_number for one in there(desk, order)] == ["33XYZ"]


def test_a_number_that_the_store_doesnt_take_is_told_each_time(desk: Desk) -> None:
    order = held(desk)
    assert desk.call("ship", "acme", order, *POST, "--tracking", "33ABC").code == 0
    desk.store.faults.add("status", status=422, method="PUT", path="/shipments/", times=None)
    for _ in range(2):
        ran = desk.call("track", "acme", "1", "--tracking", "33XYZ")
        assert (ran.code, ran.out) == (1, "")
        stands, why = ran.complaints
        assert ", 33XYZ, is confirmed" in stands
        assert why.startswith("acme: shipment 1: the store keeps the number 33ABC: ")
    assert [one.tracking_number for one in there(desk, order)] == ["33ABC"]


def test_a_void_takes_the_shipment_back_and_the_order_can_be_shipped_again(desk: Desk) -> None:
    order = held(desk)
    assert desk.call("ship", "acme", order, *POST, "--tracking", "33ABC").code == 0
    ran = desk.call("void", "acme", "1", "--json")
    assert (ran.code, ran.err, ran.json["state"]) == (0, "", "voided")
    assert there(desk, order) == []
    assert "is voided; the order stands at Awaiting Fulfillment" in desk.call("void", "acme", "1").out
    assert "shipment 2, " in desk.call("ship", "acme", order, *POST, "--tracking", "33ABC").out
    assert [one.tracking_number for one in there(desk, order)] == ["33ABC"]


def test_a_void_that_the_store_refuses_is_told(desk: Desk) -> None:
    order = held(desk)
    assert desk.call("ship", "acme", order, *POST).code == 0
    desk.store.faults.add("status", status=422, method="DELETE")
    ran = desk.call("void", "acme", "1")
    assert (ran.code, ran.out) == (1, "")
    stands, why = ran.complaints
    assert "shipment 1, 2 × MUG-1 by Australia Post, is confirmed" in stands
    assert why.startswith("acme: shipment 1: it can't be taken back: ")
    assert len(there(desk, order)) == 1


def test_a_shipment_that_was_never_told_is_voided_without_the_store(desk: Desk) -> None:
    order = held(desk)
    assert desk.call("ship", "acme", order, *POST, "--no-wait").code == 0
    ran = desk.call("void", "acme", "1", "--no-wait")
    assert "is being taken back (pending); no daemon is running" in ran.out
    assert (desk.call("void", "acme", "1").code, states(desk)) == (0, ["voided"])
    assert not [request for request in desk.store.requests if request.method != "GET"]


def test_what_is_set_aside_waits_until_it_is_collected(desk: Desk) -> None:
    desk.write(desk.entry(settings={"pickup_in_store": "true"}))
    order = held(desk)
    ran = desk.call("ship", "acme", order, "--carrier", "pickup")
    assert "by pickup, is confirmed: it waits to be collected; the order stands at Awaiting Pickup" in ran.out
    for _ in range(2):
        ran = desk.call("collected", "acme", order)
        assert (ran.code, ran.err) == (0, "")
        assert "is confirmed: collected; the order stands at Shipped in the store." in ran.out
    (row,) = desk.call("collected", "acme", order, "--json").json
    assert (row["pickup"], row["collected_at"] is None) == (True, False)
    assert there(desk, order) == []


# --- what other commands tell of shipments --------------------------------------------------------------------------


def test_writebacks_lists_shipments_of_a_store_that_is_gone_too(desk: Desk) -> None:
    order = held(desk)
    assert desk.call("writebacks").complaints == ["no shipment fits."]
    assert desk.call("writebacks", "--json").json == []
    assert desk.call("ship", "acme", order, *POST, "--tracking", "33ABC", "--no-wait").code == 0
    desk.write(desk.entry("other"))
    for options in ((), ("--store", "acme"), ("--state", "pending")):
        head, row = desk.call("writebacks", *options).out.splitlines()
        assert row.split("\t")[:7] == ["1", "acme", order, "pending", "Australia Post", "33ABC", "0"]
        assert len(head.split("\t")) == len(row.split("\t"))
    assert desk.call("writebacks", "--state", "voided", "--json").json == []
    (row,) = desk.call("writebacks", "--store", "acme", "--json").json
    assert {
        "id",
        "store",
        "order",
        "shipment",
        "state",
        "tracking_number",
        "attempts",
        "next_try",
        "reason",
    } <= row.keys()


def test_show_tells_of_shipments_and_of_what_is_left_beside_them(desk: Desk) -> None:
    order = held(desk, MUGS, TEE)
    mug, _ = (line["id"] for line in desk.store.order(int(order))["lines"])
    options = (*POST, "--tracking", "33ABC", "--line", f"{mug}=2")
    assert desk.call("ship", "acme", order, *options, "--no-wait").code == 0
    out = desk.call("show", "acme", order).out
    assert re.search(rf"^{mug}\tMUG-1\t.*\t0$", out, re.MULTILINE), "what is on the way isn't left"
    assert "\n  1 · pending · 2 × MUG-1 by Australia Post, 33ABC · https://auspost.com.au/" in out
    assert (
        f"  shipped  shipment: 1; consignment: 301; carrier: Australia Post; tracking number: 33ABC; lines: 2 × {mug}"
        in out
    )
    assert desk.call("ship", "acme", order, *options).code == 0
    assert desk.call("void", "acme", "1").code == 0
    shown = desk.call("show", "acme", order, "--json").json
    assert [(row["id"], row["state"]) for row in shown["shipments"]] == [(1, "voided")]
    happened = [event["event"] for event in shown["timeline"] if event["event"] != "updated"]
    assert happened == ["imported", "shipped", "sent", "shown", "confirmed", "to_be_voided", "status_set", "voided"]
    assert desk.call("ship", "acme", order, "--carrier", "Sendle", "--no-wait").code == 0
    out = desk.call("show", "acme", order).out
    assert "  to be voided  shipment: 1\n" in out
    assert "status: Partially Shipped → Awaiting Fulfillment" in out
    assert "None" not in out


@pytest.mark.usefixtures("trusting", "impatient")
def test_stores_and_why_tell_of_what_is_untold_and_refused(desk: Desk) -> None:
    held_up, order = held(desk), held(desk)
    desk.store.set_status(int(held_up), 12)
    assert desk.call("ship", "acme", held_up, *POST).code == 1
    assert desk.call("ship", "acme", order, *POST, "--no-wait").code == 0
    (store,) = desk.call("stores", "--json").json
    assert store["writebacks"] == {"pending": 1, "sent": 0, "uncertain": 0, "refused": 1}
    assert desk.call("stores").out.splitlines()[1].split("\t")[-1] == (
        "1 shipment still to be told to the store (1 pending); 1 shipment refused, see `crossdock writebacks --state "
        "refused --store acme`"
    )
    sentence = desk.call("why", "acme", held_up).out
    assert "; shipment 1 (Australia Post) is refused: the order stands at Manual Verification Required" in sentence
    assert desk.call("why", "acme", order).out.endswith("; shipment 2 (Australia Post) is pending.\n")


def test_one_wrong_id_holds_up_no_other(desk: Desk) -> None:
    order = held(desk)
    assert desk.call("ship", "acme", order, *POST, "--no-wait").code == 0
    ran = desk.call("retry", "9", "1")
    assert (ran.code, "is confirmed" in ran.out) == (2, True)
    assert ran.complaints == ["there is no shipment 9; `crossdock writebacks` lists all of them."]
    assert desk.call("retry", "acme", "1").code == 0


def test_a_number_is_a_store_where_one_is_called_that(desk: Desk) -> None:
    desk.write(desk.entry("1"))
    orders = [desk.store.add_order() for _ in range(2)]
    assert desk.call("import", "1").code == 0
    for order in orders:
        assert desk.call("ship", "1", str(order), *POST, "--no-wait").code == 0
    assert desk.call("retry", "1", "2").out.startswith(f"1: order {orders[1]}: shipment 2, ")
    assert states(desk) == ["pending", "confirmed"]


@pytest.mark.parametrize("command", ["ship", "track", "void", "collected", "retry", "writebacks"])
def test_the_help_has_an_example(desk: Desk, command: str) -> None:
    assert f"\n    crossdock {command}" in desk.call(command, "--help").out.partition("Example")[2]


def test_help_imports_neither_the_web_client_nor_the_models(desk: Desk) -> None:
    code = (
        "import sys, crossdock.cli.main; print(sorted({'aiohttp', 'pydantic', 'yaml', 'sqlite3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=desk.environ())
    assert done.stdout == "[]\n"
