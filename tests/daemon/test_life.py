"""The daemon from its start to its end: signals, kills, a second one, commands typed beside it."""

from __future__ import annotations

import signal
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from support.children import child
from support.commandline import TOO_LONG_S, Desk
from support.daemons import EVERY_SECOND, daemon, started


def test_it_imports_by_itself_and_sees_new_orders(desk: Desk) -> None:
    with started(desk) as running:
        running.until("acme: run 1: ", " imported")
        order = desk.store.add_order()
        running.until("acme: run ", " 1 imported")
        assert str(order) in desk.run("orders", "--format", "jsonl").out
        assert running.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to_with_exit_code_0(desk: Desk, number: signal.Signals) -> None:
    with started(desk) as running:
        running.until("run 1: ")
        assert running.end(number) == 0
        assert running.told[-1]["message"] == "stopped"
        assert "Traceback" not in running.log


def test_a_stop_does_not_wait_for_a_store_that_hangs(desk: Desk) -> None:
    asked, held = threading.Event(), threading.Event()

    def hang() -> None:
        asked.set()
        held.wait(2 * TOO_LONG_S)

    with daemon(desk) as running:
        desk.store.faults.add("edit", times=None, edit=hang)
        try:
            assert asked.wait(TOO_LONG_S)
            assert running.end() == 0
        finally:
            held.set()
    assert last_outcome(desk) == "stopped"


def last_outcome(desk: Desk) -> object:
    with closing(sqlite3.connect(desk.database)) as db:
        return db.execute("select outcome from runs order by id desc").fetchone()[0]


def test_after_a_kill_it_starts_again_at_once_and_nothing_is_lost_or_doubled(desk: Desk) -> None:
    expected: set[str] = set()
    for number in range(4):
        with started(desk) as running:
            expected |= {str(desk.store.add_order()) for _ in range(3)}
            if number % 2:
                running.until("acme: run ")
            running.end(signal.SIGKILL)
    with started(desk) as running:
        expected.add(str(desk.store.add_order()))
        running.until("acme: run ", " imported")
        running.until("acme: run ", " 0 imported")
        assert running.end() == 0
    ids = [
        line.partition('"id":"')[2].partition('"')[0]
        for line in desk.run("orders", "--format", "jsonl").out.splitlines()
    ]
    assert expected <= set(ids)
    assert len(ids) == len(set(ids))


def test_a_second_one_for_the_same_database_is_refused_and_the_first_goes_on(desk: Desk) -> None:
    with started(desk) as running:
        second = desk.run("run")
        assert second.code == 1
        assert f"process {running.process.pid} " in second.err
        assert "there can be only one" in second.err
        running.until("acme: run ")
        running.until("acme: run ")
        assert running.end() == 0


def test_a_new_one_starts_when_the_first_was_killed(desk: Desk) -> None:
    with started(desk) as running:
        running.end(signal.SIGKILL)
    with started(desk) as running:
        assert running.end() == 0


def test_commands_typed_beside_it_work(desk: Desk) -> None:
    with started(desk) as running:
        running.until("run 1: ")
        assert desk.run("import", "acme").code == 0
        assert desk.run("check").code == 0
        (store,) = desk.run("stores", "--json").json
        assert (store["state"], store["why"]) == ("ok", None)
        assert store["next_run"] is not None
        assert running.end() == 0
    without = desk.run("stores", "--json")
    assert without.json[0]["next_run"] is None
    assert "No daemon is running" in desk.run("stores").err


def test_a_paused_store_rests_until_it_is_resumed(desk: Desk) -> None:
    """Rule S2."""
    with started(desk) as running:
        running.until("run 1: ")
        assert desk.run("pause", "acme").out == "acme: is paused; `crossdock resume acme` lets it go on.\n"
        running.until("acme: is paused")
        asked = len(desk.store.requests)
        by_hand = desk.run("import", "acme")
        assert by_hand.code == 0
        assert by_hand.err == "acme: is paused; this one import is done all the same.\n"
        assert len(desk.store.requests) > asked
        assert desk.run("stores", "--json").json[0]["state"] == "paused"
        assert running.page("/readyz")[1]["stores"]["paused"] == 1
        assert desk.run("pause", "acme").out.startswith("acme: was paused already")
        assert desk.run("resume", "acme").out == "acme: goes on.\n"
        running.until("acme: goes on")
        running.until("acme: run ")
        assert running.end() == 0
    assert desk.run("pause", "nobody").code == 2


def test_a_store_that_is_down_is_told_of_once_and_once_when_it_is_back(desk: Desk) -> None:
    with started(desk) as running:
        running.until("run 1: ")
        desk.store.faults.add("429", seconds=300, times=None)
        running.until("acme: failed and is tried again by itself")
        (store,) = desk.run("stores", "--json").json
        assert store["state"] == "retrying"
        assert "asks for a pause" in store["why"]
        desk.store.faults.clear()
        desk.run("import", "acme")
        assert running.end() == 0
    assert len(running.so_far("acme: failed and is tried again")) == 1


def test_a_key_that_is_refused_once_does_not_count_and_twice_stops_the_store(desk: Desk) -> None:
    """Rule S2."""
    with started(desk) as running:
        running.until("run 1: ")
        desk.store.faults.add("401", times=1)
        running.until("acme: failed and is tried again by itself")
        running.until("acme: is back after")
        desk.store.faults.add("401", times=None)
        running.until("acme: stands still until somebody helps")
        assert desk.run("stores", "--json").json[0]["state"] == "needs_credentials"
        desk.store.faults.clear()
        running.send(signal.SIGHUP)  # whoever mended it on the platform's side asks for another try
        running.until("acme: is back after")
        assert running.end() == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [("stores: [", "not valid YAML"), ("engine: {settle: 5}\nstores: {}\n", "needs its unit")],
)
def test_it_does_not_start_with_a_file_that_cannot_be_used(desk: Desk, text: str, words: str) -> None:
    desk.config.write_text(text, encoding="utf-8")
    ran = desk.run("run")
    assert ran.code == 2
    assert words in ran.err


def test_without_a_store_it_waits_for_the_first_one_on_its_page(desk: Desk) -> None:
    for text in ("engine: {web: {port: 0}}\n", "", None):  # one after the other: the last two take the usual port
        if text is None:
            desk.config.unlink()
        else:
            desk.config.write_text(text, encoding="utf-8")
        with daemon(desk) as running:
            running.until("has no store yet: open http")
            running.until("ready: 0 stores")
            assert running.end() == 0


def test_it_starts_the_sound_stores_and_names_the_others(desk: Desk) -> None:
    desk.write(desk.entry(), desk.entry("broken", settings={"shipped_status": 99}), before=EVERY_SECOND)
    with started(desk) as running:
        (mistake,) = running.so_far("stores.broken.settings.shipped_status")
        assert mistake["level"] == "ERROR"
        assert running.so_far("stores.yaml: left out until that is mended: broken")
        running.until("acme: run ")
        assert running.end() == 0


def test_a_port_that_is_in_use_is_told_and_nothing_is_started(desk: Desk) -> None:
    with started(desk) as running:
        port = running.address.rpartition(":")[2]
        desk.write(before=f"engine: {{database: other.db, web: {{port: {port}}}}}\n")
        refused = desk.run("run")
        assert refused.code == 2
        assert f"port {port}" in refused.err
        assert "engine.web.port" in refused.err


def test_its_health_says_whether_it_works_and_not_whether_every_store_does(desk: Desk) -> None:
    desk.write(desk.entry(), desk.entry("bad", settings={"access_token": "wrong"}), before=EVERY_SECOND)
    with started(desk) as running:
        running.until("bad: failed")
        assert running.page("/healthz")[0] == 200
        status, ready = running.page("/readyz")
        assert (status, ready["ready"]) == (200, True)
        assert ready["stores"]["ok"] == 1
        assert sum(ready["stores"].values()) == 2


def test_what_it_writes_is_a_line_of_json_each_with_the_store_and_the_run(desk: Desk) -> None:
    with started(desk) as running:
        line = running.until("acme: run 1: ")
        assert (line["store"], line["run"], line["level"]) == ("acme", 1, "INFO")
        assert running.end() == 0
    assert not [line for line in running.told if line["level"] == "RAW"]
    assert desk.token not in running.log


def test_a_command_that_imports_is_waited_for_and_then_the_daemon_goes_on(desk: Desk) -> None:
    with started(desk) as running, child(desk, "import", "acme", "--days", "30") as importing:
        assert importing.end().code == 0
        running.until("acme: run ")
        assert running.end() == 0


def test_a_task_of_its_own_that_fails_ends_it_with_its_name_since_without_it_nobody_would_know(desk: Desk) -> None:
    with started(desk) as running:
        with closing(sqlite3.connect(desk.database)) as db:
            db.execute("alter table standings rename to elsewhere")
        assert running.ended() == 1
        (line,) = running.so_far("has failed, and it must not go on without it")
        assert (line["level"], "follow commands" in line["message"]) == ("CRITICAL", True)
        assert "no such table" in line["error"]


def test_it_erases_the_personal_data_of_orders_past_keep_days(desk: Desk) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=60)
    desk.write(before=EVERY_SECOND.replace("engine: {", "engine: {keep_days: 30, "))
    old = desk.store.add_order(
        date_created=long_ago, date_modified=long_ago, address={"first_name": "Wilhelmina"}, staff_notes="Quixotic"
    )
    with started(desk) as running:
        running.until("run 1: ")
        assert running.end() == 0
    assert "Wilhelmina" in desk.run("show", "acme", str(old)).out
    with started(desk) as running:
        running.until("erased the buyers' personal data of ")
        running.until("acme: run ")
        running.until("acme: run ")
        assert running.end() == 0
    assert "Wilhelmina" not in desk.run("show", "acme", str(old), "--json").out
    assert "personal data was erased" in desk.run("why", "acme", str(old)).out
    for file in desk.folder.glob("crossdock.db*"):
        assert b"Quixotic" not in file.read_bytes()
