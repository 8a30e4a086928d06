"""Each command as its user meets it: what it prints, where, and the exit code."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import select
import subprocess

import pytest
from support.commandline import CROSSDOCK, Desk

INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
KEYS_OF_AN_ORDER = {
    "store", "id", "number", "status", "stage", "shippable", "placed_at", "modified_at", "currency", "total",
    "customer", "billing", "customer_message", "staff_notes", "channel", "consignments",
}  # fmt: skip


# --- check ----------------------------------------------------------------------------------------------------------


def test_check_says_whose_account_each_store_is_and_what_it_may(desk: Desk) -> None:
    ran = desk.run("check")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "acme: BigCommerce store “Sandbox Outfitters” (sandbox, Australia/Perth, AUD, KGS); "
        "its key allows import and write-back.\n"
    )


def test_check_binds_no_store_and_changes_none(desk: Desk) -> None:
    order_id = desk.store.add_order()
    before = desk.store.order(order_id)
    desk.call("check")
    assert desk.store.order(order_id) == before
    (store,) = desk.call("stores", "--json").json
    assert store["account"] is None


# --- import ---------------------------------------------------------------------------------------------------------


def test_import_brings_what_is_open_and_tells_what_it_skipped_and_why(desk: Desk) -> None:
    desk.store.add_order(status_id=11)
    desk.store.add_order(status_id=9)
    desk.store.add_order(status_id=7)
    ran = desk.run("import", "acme")
    assert (ran.code, ran.err) == (0, "")
    first, *reasons = ran.out.splitlines()
    assert re.fullmatch(r"acme: 2 imported, 0 updated, \d+ unchanged, 1 skipped; \d+ requests in \d+ s\.", first), first
    assert reasons == [
        "  skipped 1: its status is Awaiting Payment, which is not among import_statuses "
        "(Awaiting Shipment, Awaiting Fulfillment)"
    ]


def test_import_as_json_gives_the_counts_and_nothing_else_on_stdout(desk: Desk) -> None:
    changed = desk.store.add_order(status_id=11)
    desk.store.add_order(status_id=11, is_deleted=True)
    first = desk.run("import", "acme", "--json")
    assert (first.code, first.err) == (0, "")
    assert first.json["imported"] == 1
    assert first.json["updated"] == 0
    assert first.json["skipped"] == 1
    assert first.json["reasons"] == {"it is archived": 1}
    desk.store.set_status(changed, 2)
    second = desk.run("import", "acme", "--json").json
    assert (second["imported"], second["updated"], second["skipped"]) == (0, 1, 0)
    assert isinstance(second["unchanged"], int)


def test_a_rehearsal_writes_nothing(desk: Desk) -> None:
    desk.store.add_order()
    ran = desk.call("import", "acme", "--dry-run", "--json")
    assert (ran.code, ran.json["dry_run"]) == (0, True)
    assert desk.call("orders").out == ""
    (store,) = desk.call("stores", "--json").json
    assert (store["account"], store["last_run"]) == (None, None)


def test_a_rehearsal_counts_what_the_import_then_does(desk: Desk) -> None:
    desk.store.add_order()
    desk.store.add_order(status_id=7)
    rehearsed, done = (desk.call("import", "acme", "--json", *options).json for options in (("--dry-run",), ()))
    assert [rehearsed[key] for key in ("imported", "skipped")] == [done[key] for key in ("imported", "skipped")]


def test_one_order_is_brought_whatever_its_status(desk: Desk) -> None:
    order_id = desk.store.add_order(status_id=7)
    assert desk.call("import", "acme", "--order", str(order_id)).code == 0
    shown = desk.call("show", "acme", str(order_id), "--json").json
    assert (shown["stage"], shown["shippable"]) == ("on_hold", False)


def test_an_order_that_the_store_has_not_is_told(desk: Desk) -> None:
    ran = desk.call("import", "acme", "--order", "4711")
    assert (ran.code, ran.out, ran.complaints) == (1, "", ["acme: the store has no order 4711."])


def test_an_order_that_cant_be_understood_is_set_aside_and_named_and_the_others_go_through(desk: Desk) -> None:
    desk.store.add_order()
    odd = desk.store.add_order(default_currency_code="", currency_code="", store_default_currency_code="")
    ran = desk.call("import", "acme", "--json")
    assert ran.code == 1
    assert (ran.json["imported"], ran.json["set_aside"]) == (1, 1)
    assert ran.complaints == [
        f"acme: order {odd} could not be understood and is set aside; `crossdock why acme {odd}` tells more."
    ]


# --- stores and plugins ---------------------------------------------------------------------------------------------


def test_stores_as_json_is_an_array_of_how_each_one_stands(shop: Desk) -> None:
    ran = shop.run("stores", "--json")
    assert (ran.code, ran.err) == (0, "")
    (store,) = ran.json
    assert store["account"] == {"identity": "sandbox", "name": "Sandbox Outfitters"}
    assert (store["name"], store["connector"], store["state"]) == ("acme", "bigcommerce", "ok")
    assert store["last_run"]["outcome"] == "done"
    assert re.fullmatch(INSTANT, store["last_run"]["started_at"])
    assert store["backlog"] > 10
    assert store["lag_s"] >= 0
    assert {"label", "schedule", "quota_left"} <= store.keys()


def test_stores_says_why_a_store_stands_still_after_its_very_first_sign_in_failed(desk: Desk) -> None:
    desk.write(desk.entry(settings={"access_token": "wrong-token-wrong-token"}))
    for state in ("retrying", "needs_credentials"):  # a refusal counts from its second time on (rule S2)
        assert desk.call("import", "acme").code == 1
        (store,) = desk.call("stores", "--json").json
        assert (store["state"], store["last_run"]["outcome"]) == (state, "failed")
    assert "doesn't know the access token" in store["last_run"]["error"]


def test_plugins_says_what_each_brings_from_where(shop: Desk) -> None:
    found = {plugin["name"]: plugin for plugin in shop.run("plugins", "--json").json}
    assert found["bigcommerce"]["brings"] == ["connector bigcommerce"]
    assert "command sandbox" in found["sandbox"]["brings"]
    assert {plugin["error"] for plugin in found.values()} == {None}
    assert "bigcommerce\t" in shop.run("plugins").out


def test_schema_prints_a_json_schema_that_knows_the_settings(shop: Desk) -> None:
    found = shop.run("schema").json
    assert found["$schema"].startswith("https://json-schema.org/")
    assert "access_token" in json.dumps(found)


# --- orders ---------------------------------------------------------------------------------------------------------


def test_orders_as_jsonl_is_one_documented_order_a_line(shop: Desk) -> None:
    ran = shop.run("orders", "--format", "jsonl")
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert (ran.code, ran.err) == (0, "")
    assert len(found) > 20
    assert not [order["id"] for order in found if KEYS_OF_AN_ORDER - order.keys()]
    assert len({order["id"] for order in found}) == len(found)
    (sold,) = [order for order in found if order["id"] == "900"]
    assert (sold["total"], sold["consignments"][0]["lines"][0]["unit_price"]) == ("35.00", "12.50")
    assert sold["consignments"][0]["lines"][0]["options"] == {"Size": "M"}


def test_orders_as_csv_has_a_row_an_order_and_no_cell_that_a_spreadsheet_takes_for_a_formula(shop: Desk) -> None:
    ran = shop.run("orders", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert (ran.code, ran.err) == (0, "")
    assert len(rows) == len(shop.call("orders", "--format", "jsonl").out.splitlines())
    (sold,) = [row for row in rows if row["id"] == "900"]
    assert (sold["customer_name"], sold["customer_company"]) == ("'=HYPERLINK(1) Doe", "'@SUM(A1)")
    assert sold["customer_email"] == "'+doe@example.com"
    assert sold["ship_to"].startswith("'=")
    assert not [cell for row in rows for cell in row.values() if cell[:1] in {"=", "+", "-", "@", "\t", "\r"}]


def test_orders_in_a_pipe_is_a_table_parted_by_tabs(shop: Desk) -> None:
    head, *rows = shop.call("orders").out.splitlines()
    assert head.split("\t")[:3] == ["STORE", "NUMBER", "PLACED"]
    assert {len(row.split("\t")) for row in rows} == {len(head.split("\t"))}


def test_orders_are_narrowed_by_store_stage_and_words(shop: Desk) -> None:
    def ids(*options: str) -> list[str]:
        lines = shop.call("orders", "--format", "jsonl", *options).out.splitlines()
        return [json.loads(line)["id"] for line in lines]

    assert ids("--store", "acme", "--stage", "awaiting", "--search", "hyperlink doe") == ["900"]
    assert ids("--stage", "other") == []
    assert ids("--search", '" OR 1=1 --') == []


def test_a_list_without_orders_says_so_beside_it(shop: Desk) -> None:
    ran = shop.call("orders", "--search", "nobody-of-this-name")
    assert (ran.code, ran.out, ran.complaints) == (0, "", ["no order fits."])


@pytest.mark.parametrize("form", ["table", "jsonl", "csv"])
def test_a_reader_that_has_seen_enough_is_no_mistake(shop: Desk, form: str) -> None:
    reader, writer = os.pipe()
    with subprocess.Popen(
        [*CROSSDOCK, "orders", "--format", form],
        cwd=shop.folder,
        env=shop.environ({"PYTHONUNBUFFERED": None}),
        stdout=writer,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(writer)
        os.close(reader)  # before anything was written: each write fails
        _, err = process.communicate()
    assert err == b""
    assert process.returncode in {0, 1}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize("form", ["table", "csv"])
def test_a_full_disk_under_the_output_is_told_in_a_sentence(shop: Desk, form: str) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*CROSSDOCK, "orders", "--format", form],
            cwd=shop.folder,
            env=shop.environ(),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"the output can't be written: No space left on device.\n")


# --- show -----------------------------------------------------------------------------------------------------------


def test_show_as_json_is_the_documented_order_with_its_timeline(shop: Desk) -> None:
    ran = shop.run("show", "acme", "900", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert not KEYS_OF_AN_ORDER - ran.json.keys()
    (event,) = ran.json["timeline"]
    assert (event["event"], event["details"]) == ("imported", {"status": "Awaiting Fulfillment"})
    assert re.fullmatch(INSTANT, event["at"])


def test_show_prints_the_order_its_lines_and_its_timeline(shop: Desk) -> None:
    out = shop.call("show", "acme", "900").out
    for words in ("acme · order 900 · Awaiting Fulfillment (awaiting)", "MUG-1", "Size: M", "35.00 AUD", "imported"):
        assert words in out


def test_show_of_an_order_that_isnt_here_says_what_to_do(shop: Desk) -> None:
    ran = shop.call("show", "acme", "4711")
    assert (ran.code, ran.out) == (1, "")
    assert ran.complaints == [
        "acme: order 4711 is not here; `crossdock why acme 4711` tells why, "
        "`crossdock import acme --order 4711` brings it."
    ]


# --- a terminal -----------------------------------------------------------------------------------------------------


def on_a_terminal(desk: Desk, *arguments: str) -> str:
    """What a terminal of 160 columns is sent."""
    leader, follower = pty.openpty()
    environ = desk.environ({"TERM": "xterm-256color", "COLUMNS": "160"})
    with subprocess.Popen(
        [*CROSSDOCK, *arguments], cwd=desk.folder, env=environ, stdin=follower, stdout=follower, stderr=follower
    ) as process:
        os.close(follower)
        sent = bytearray()
        while True:
            readable, _, _ = select.select([leader], [], [], 60)
            assert readable, "the command hangs"
            try:
                piece = os.read(leader, 65536)
            except OSError:  # how a terminal tells that nobody is at its other end any more
                break
            if not piece:
                break
            sent += piece
        os.close(leader)
    assert process.returncode == 0
    return sent.decode()


def test_a_terminal_shows_a_drawn_table(shop: Desk) -> None:
    sent = on_a_terminal(shop, "orders", "--search", "hyperlink")
    assert "────" in sent
    assert "\t" not in sent
    assert re.search(r"acme\s+900\s+\d{4}-\d\d-\d\d", sent)


def test_what_buyers_type_drives_no_terminal(desk: Desk) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m[red]Eve[/red]\u202e\u2028"
    order_id = desk.store.add_order(
        lines=[{"name": f"Mug {evil}", "options": {f"Text {evil}": evil}}],
        address={"first_name": evil, "street_1": evil, "city": evil},
        billing={"first_name": evil, "company": evil},
        customer_message=evil,
        staff_notes=evil,
    )
    assert desk.call("import", "acme").code == 0
    for arguments in (("orders",), ("show", "acme", str(order_id))):
        sent = on_a_terminal(desk, *arguments)
        own = re.sub(r"\x1b\[[0-9;]*m", "", sent)  # colours of our own, if there are any
        assert not set("\x1b\x07\x9b\u202e\u2028\x00") & set(own)
        assert "Eve" in own
        assert "[red]" in own, "markup in a name is text"
