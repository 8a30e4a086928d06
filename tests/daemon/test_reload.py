"""`stores.yaml` changes while the daemon runs (rule S4)."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from crossdock_sandbox.store import SandboxStore
from support.commandline import Desk
from support.daemons import EVERY_SECOND, started
from support.served import served

SLOW = "engine: {web: {port: 0}}\ndefaults: {every: 1d}\n"


def replaced(path: Path, text: str) -> None:
    """As editors and configuration management do it: a new file takes the old one's place."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


@pytest.mark.parametrize("replace", [Path.write_text, replaced])
def test_stores_come_and_go_with_the_file_and_the_others_are_left_alone(desk: Desk, replace: object) -> None:
    assert callable(replace)
    with served(SandboxStore(store_hash="other", orders=5)) as other, started(desk) as running:
        running.until("acme: run 1: ")
        second = desk.entry("second", settings={"api_path": other.api_path, "access_token": other.access_token})
        replace(desk.config, f"{SLOW}stores:\n{desk.entry(every='1s')}{second}")
        assert running.until("was read again")["message"] == "stores.yaml was read again: new: second"
        running.until("second: run ")
        replace(desk.config, f"{EVERY_SECOND}stores:\n{desk.entry()}")
        assert running.until("was read again")["message"] == "stores.yaml was read again: removed: second"
        running.until("acme: run ")
        desk.store.requests.clear()
        running.until("acme: run ")
        assert "/v2/store" not in [request.path for request in desk.store.requests]  # it was left alone: no new sign-in
        assert running.end() == 0


def test_a_file_that_cannot_be_read_keeps_everything_as_it_runs_and_is_told_loudly(desk: Desk) -> None:
    with started(desk) as running:
        for text in ("stores: [", "", "stores: {}\n", "engine: {settle: 5}\n" + desk.config.read_text()):
            replaced(desk.config, text)
            assert running.until("can't be taken over as it is")["level"] == "ERROR"
            running.until("acme: run ")
        desk.config.unlink()
        running.until("can't be taken over as it is")
        running.until("acme: run ")
        desk.write(before=EVERY_SECOND)
        running.send(signal.SIGHUP)
        running.until("was read again: nothing has changed")
        assert running.end() == 0


def test_a_mistake_in_one_store_keeps_that_store_as_it_was_and_takes_the_others(desk: Desk) -> None:
    with served(SandboxStore(store_hash="other", orders=5)) as other, started(desk) as running:
        running.until("acme: run 1: ")
        second = desk.entry("second", settings={"api_path": other.api_path, "access_token": other.access_token})
        desk.write(desk.entry(settings={"shipped_status": 99}), second, before=EVERY_SECOND)
        running.until("stores.acme.settings.shipped_status")
        running.until("stores.yaml: kept as they were until that is mended: acme")
        running.until("second: run ")
        running.until("acme: run ")
        assert running.end() == 0


def test_a_secret_file_that_changes_heals_its_store(desk: Desk) -> None:
    """Rule S2: the folder of the secret is another than that of stores.yaml."""
    secrets = desk.folder / "secrets"
    secrets.mkdir()
    (secrets / "token").write_text("mistyped", encoding="utf-8")
    desk.write(desk.entry(settings={"access_token": "${file:secrets/token}"}), before=EVERY_SECOND)
    with started(desk) as running:
        running.until("acme: stands still until somebody helps")
        (secrets / "token").write_text(desk.token, encoding="utf-8")
        running.until("was read again: changed: acme")
        running.until("acme: is back after")
        assert running.end() == 0
    assert desk.token not in running.log


def test_a_change_that_needs_a_restart_is_said_and_the_rest_is_taken(desk: Desk) -> None:
    with started(desk) as running:
        desk.write(desk.entry(label="ACME"), before="engine: {database: other.db}\ndefaults: {every: 1s}\n")
        running.until("is taken over when crossdock starts again")
        running.until("was read again: changed: acme")
        assert running.end() == 0
    assert not (desk.folder / "other.db").exists()


def test_a_hangup_is_asked_for_by_a_person_who_is_told_that_nothing_changed(desk: Desk) -> None:
    with started(desk) as running:
        running.send(signal.SIGHUP)
        running.until("was read again: nothing has changed")
        assert running.end() == 0
