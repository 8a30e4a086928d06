"""What goes wrong is told in one clear sentence, with the right exit code, without a traceback or a secret."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from crossdock import http
from crossdock_sandbox.documented import INFORMATION_READ, ORDERS_MODIFY, ORDERS_READ
from support.commandline import Desk, Ran
from support.programs import BECOME_NOBODY, child, folder_for_anybody, program

COMMAND = """
    import os, sys
    import _sqlite3, encodings.idna, encodings.utf_8_sig, crossdock.engine, rich.console
    from crossdock.cli.main import main
    from crossdock.plugins import load_plugins

    load_plugins().connectors()
    os.chdir(sys.argv[1])
"""
WRONG_TOKEN = "wrongtoken0wrongtoken0wrongtoke"


def told(ran: Ran, code: int, *words: str, out: str = "") -> str:
    """The one complaint of a command, with these words in it."""
    assert (ran.code, ran.out) == (code, out), ran
    (complaint,) = ran.complaints
    assert not [word for word in words if word not in complaint], complaint
    assert complaint.count("acme: acme:") == 0
    return complaint


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the tries of a request follow each other at once, in this process."""
    monkeypatch.setattr(http, "BACKOFF_BASE_S", 0.0)


# --- what the platform refuses --------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("check",), ("-v", "import", "acme"), ("why", "acme", "101")])
def test_a_wrong_token_is_named_and_never_shown(desk: Desk, arguments: tuple[str, ...]) -> None:
    desk.write(desk.entry(settings={"access_token": WRONG_TOKEN}))
    ran = desk.run(*arguments, secrets=[WRONG_TOKEN])
    told(Ran(ran.code, ran.out, ran.complaints[-1]), 1, "acme: ", "access token", "Check access_token")


def test_a_key_without_a_scope_is_told_which_one_and_that_a_new_key_is_needed(desk: Desk) -> None:
    account = desk.store.new_token([ORDERS_MODIFY])
    desk.write(desk.entry(settings={"access_token": account.access_token}))
    for arguments in (("check",), ("import", "acme")):
        ran = desk.call(*arguments, secrets=[account.access_token])
        told(ran, 1, "acme: ", "'Information & Settings: read-only'", "create a new one")


def test_check_tells_which_scope_importing_lacks(desk: Desk) -> None:
    account = desk.store.new_token([INFORMATION_READ])
    desk.write(desk.entry(settings={"access_token": account.access_token}))
    ran = desk.call("check", secrets=[account.access_token])
    assert ran.code == 1
    assert "its key allows neither import nor write-back." in ran.out
    assert [bool(re.search("'Orders: (read-only|modify)'", line)) for line in ran.complaints] == [True, True]


def test_a_key_that_may_only_read_is_enough_without_write_back(desk: Desk) -> None:
    account = desk.store.new_token([INFORMATION_READ, ORDERS_READ])
    settings = {"access_token": account.access_token}
    desk.write(desk.entry(settings=settings))
    ran = desk.call("check", secrets=[account.access_token])
    assert (ran.code, ran.out.endswith("its key allows import.\n")) == (1, True)
    assert "'Orders: modify'" in ran.err
    desk.write(desk.entry(settings=settings, write_back="false"))
    assert desk.call("check").code == 0


def test_a_wrong_store_hash_is_told(desk: Desk) -> None:
    desk.write(desk.entry(settings={"api_path": desk.running.api_path.replace("sandbox", "another")}))
    told(desk.call("check"), 1, "acme: ", "api_path")


@pytest.mark.usefixtures("without_pauses")
def test_a_store_that_cant_be_reached_is_told(desk: Desk) -> None:
    desk.write(desk.entry(settings={"api_path": "http://127.0.0.1:9/stores/sandbox/v3/"}))
    for arguments in (("check",), ("import", "acme"), ("why", "acme", "101")):
        told(desk.call(*arguments), 1, "acme: ", "no connection")
    (store,) = desk.call("stores", "--json").json
    assert (store["state"], store["last_run"]["outcome"]) == ("retrying", "failed")


@pytest.mark.usefixtures("without_pauses")
@pytest.mark.parametrize(
    ("fault", "words"), [("500", "500"), ("html", "HTML page"), ("null", "null"), ("empty", "empty body")]
)
def test_a_platform_out_of_order_is_told_and_what_was_brought_is_kept(desk: Desk, fault: str, words: str) -> None:
    desk.store.add_order(status_id=9)
    desk.store.faults.add(fault, path="status_id=11", times=None)
    told(desk.call("import", "acme"), 1, "acme: ", words)
    assert len(desk.call("orders", "--format", "jsonl").out.splitlines()) == 1


def test_two_names_for_one_account_are_told_by_check(desk: Desk) -> None:
    desk.write(desk.entry("acme"), desk.entry("other"))
    ran = desk.call("check")
    assert (ran.code, len(ran.out.splitlines())) == (1, 1)
    (complaint,) = ran.complaints
    assert re.match(r"(acme|other): its settings lead to the same bigcommerce account as (acme|other) ", complaint)


def test_the_second_of_two_names_for_one_account_is_not_imported(desk: Desk) -> None:
    desk.write(desk.entry("acme"), desk.entry("other"))
    assert desk.call("import", "acme").code == 0
    told(desk.call("import", "other"), 1, "other: ", "same bigcommerce account as acme", "remove one of the two")


def test_a_name_whose_settings_lead_to_another_account_is_told(desk: Desk) -> None:
    assert desk.call("import", "acme").code == 0
    desk.store.store_hash = "another"
    desk.write(desk.entry(settings={"api_path": desk.running.api_path.replace("sandbox", "another")}))
    told(desk.call("import", "acme"), 1, "acme: ", "another", "sandbox", "a name of its own")


# --- mistakes in stores.yaml ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("check",), ("import", "acme"), ("orders",), ("stores", "--json")])
def test_a_file_that_isnt_there_is_told(desk: Desk, arguments: tuple[str, ...]) -> None:
    desk.config.unlink()
    told(desk.call(*arguments), 2, "stores.yaml", "no such file")


def test_an_empty_file_is_told_what_belongs_into_it(desk: Desk) -> None:
    desk.config.write_text("")
    told(desk.call("check"), 2, "stores.yaml:1:1: ", "'stores'")
    told(desk.call("orders"), 2, "stores.yaml:1:1: ", "'stores'")


def test_bad_yaml_is_told_with_its_line(desk: Desk) -> None:
    desk.config.write_text("stores:\n  acme:\n   connector: bigcommerce\n    settings: {\n")
    told(desk.call("import", "acme"), 2, "stores.yaml:4:13: ", "indent")


def test_a_mistyped_key_is_told_with_the_nearest_and_without_its_value(desk: Desk) -> None:
    desk.write(desk.entry(settings={"acces_token": WRONG_TOKEN}))
    for arguments in (("check",), ("import", "acme")):
        ran = desk.call(*arguments, secrets=[WRONG_TOKEN])
        told(ran, 2, "stores.yaml:8:7: stores.acme.settings.acces_token: ", "did you mean 'access_token'?")


def test_an_unknown_connector_is_told_with_the_nearest(desk: Desk) -> None:
    desk.write(desk.entry(connector="bigcomerce"))
    told(desk.call("check"), 2, "stores.yaml:3:16: stores.acme.connector: ", "did you mean 'bigcommerce'?")


def test_a_missing_variable_is_told_by_its_name(desk: Desk) -> None:
    desk.write(desk.entry(settings={"access_token": "${ACME_TOKEN}"}))
    told(desk.call("check"), 2, "stores.yaml:7:21: stores.acme.settings.access_token: ", "ACME_TOKEN is not set")
    told(desk.call("check", environ={"ACME_TOKEN": ""}), 2, "ACME_TOKEN is empty")
    assert desk.call("check", environ={"ACME_TOKEN": desk.token}).code == 0


def test_a_store_that_stands_there_twice_is_told_with_both_lines(desk: Desk) -> None:
    desk.write(desk.entry("acme"), desk.entry("acme"))
    told(desk.call("check"), 2, "stores.yaml:8:3: stores.acme: ", "on line 2 and on line 8")


def test_all_mistakes_are_told_at_once(desk: Desk) -> None:
    desk.write(desk.entry(evry="5m", settings={"shipped_status": 3}), desk.entry("other", connector="x"))
    ran = desk.call("check")
    assert ran.code == 2
    assert len(ran.complaints) == 3


@pytest.mark.parametrize(
    "arguments",
    [("import", "nobody"), ("show", "nobody", "1"), ("why", "nobody", "1"), ("orders", "--store", "nobody")],
)
def test_an_unknown_store_is_told_with_those_there_are(desk: Desk, arguments: tuple[str, ...]) -> None:
    told(desk.call(*arguments), 2, "nobody: ", "acme")


def test_mistakes_in_one_store_dont_stop_another(desk: Desk) -> None:
    desk.store.add_order()
    desk.write(desk.entry("acme"), desk.entry("broken", settings={"acces": "x"}))
    imported = desk.run("import", "acme", "--json")
    assert (imported.code, imported.json["imported"]) == (0, 1)
    assert len(imported.complaints) == 1
    assert imported.complaints[0].startswith("stores.yaml:14:7: stores.broken.settings.acces: ")
    told(desk.call("import", "broken"), 2, "stores.broken.settings.acces")
    checked = desk.run("check")
    assert (checked.code, checked.out.startswith("acme: BigCommerce store")) == (2, True)
    assert [store["name"] for store in desk.run("stores", "--json").json] == ["acme"]


# --- where the configuration is -------------------------------------------------------------------------------------


def test_the_configuration_is_what_c_names_else_the_variable_else_the_folder_it_is_run_in(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for name in ("by-option", "by-variable"):
        desk.write(desk.entry(name, connector="nonesuch"))
        (elsewhere / f"{name}.yaml").write_bytes(desk.config.read_bytes())
    desk.write(desk.entry("by-folder", connector="nonesuch"))
    option = ("-c", str(elsewhere / "by-option.yaml"))
    variable = {"CROSSDOCK_CONFIG": str(elsewhere / "by-variable.yaml")}
    told(desk.call(*option, "check", environ=variable), 2, "stores.by-option")
    told(desk.call("check", environ=variable), 2, "stores.by-variable")
    told(desk.call("check", environ={"CROSSDOCK_CONFIG": ""}), 2, "stores.by-folder")
    told(desk.call("--config", str(elsewhere / "none.yaml"), "check"), 2, "none.yaml", "no such file")


def test_the_database_lies_beside_the_configuration_wherever_the_command_is_run(desk: Desk, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert desk.run("-c", str(desk.config), "stores", folder=elsewhere).code == 0
    assert desk.database.exists()
    assert not list(elsewhere.iterdir())


# --- the database ---------------------------------------------------------------------------------------------------


def test_a_newer_database_is_told(desk: Desk) -> None:
    assert desk.call("stores").code == 0
    with closing(sqlite3.connect(desk.database)) as database:
        database.execute("insert into _sqlite_migrations values (99, 'crossdock', 'm0099_later', '2030-01-01')")
        database.commit()
    told(desk.call("import", "acme"), 1, str(desk.database), "a newer crossdock", "m0099_later")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"no database at all\n" * 300, "not an SQLite database"), (None, "another program's tables")],
)
def test_a_file_that_is_no_database_of_ours_is_told(desk: Desk, content: bytes | None, words: str) -> None:
    if content is None:
        with closing(sqlite3.connect(desk.database)) as database:
            database.execute("create table customers (name)")
    else:
        desk.database.write_bytes(content)
    told(desk.call("orders"), 1, str(desk.database), words)


def test_a_database_that_cant_be_written_is_told(desk: Desk) -> None:
    with folder_for_anybody() as folder:
        there = Desk(folder, desk.store, desk.running)
        there.write()
        assert there.call("stores").code == 0
        there.database.chmod(0o444)
        done = child(program(COMMAND, BECOME_NOBODY, "main(sys.argv[2:])"), str(folder), "import", "acme")
        assert "Traceback" not in done.stderr
        told(Ran(done.returncode, done.stdout, done.stderr), 1, str(there.database), "write")


def test_a_folder_in_the_databases_place_is_told(desk: Desk) -> None:
    desk.database.mkdir()
    told(desk.call("orders"), 1, str(desk.database), "folder")


def test_a_database_in_a_folder_that_isnt_there_is_told(desk: Desk) -> None:
    desk.write(before="engine: {database: none/such/crossdock.db}\n")
    told(desk.call("orders"), 1, "none/such/crossdock.db", "the folder must exist")


def test_a_database_that_only_a_plugin_could_open_is_told_without_its_password(desk: Desk) -> None:
    desk.write(before="engine: {database: 'postgresql://me:hunter2secret@host/db'}\n")
    told(desk.call("orders", secrets=["hunter2secret"]), 2, "engine.database: ", "postgresql://")


# --- wrong usage ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("imprt", "acme"), "there is no command 'imprt'; did you mean 'import'?"),
        (("zzz",), "there is no command 'zzz'."),
        (("import",), "Missing argument 'STORE'."),
        (("import", "acme", "--days", "0"), "--days"),
        (("import", "acme", "--days", "3", "--order", "4"), "--days and --order exclude each other"),
        (("orders", "--format", "xml"), "'xml' is not one of 'table', 'jsonl', 'csv'."),
        (("orders", "--stage", "lost"), "'awaiting'"),
        (("orders", "--serch", "x"), "--search"),
        (("show", "acme"), "Missing argument 'ORDER'."),
    ],
)
def test_wrong_usage_is_told_with_what_would_be_right(desk: Desk, arguments: tuple[str, ...], words: str) -> None:
    ran = desk.call(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.complaints[0].startswith("Usage: crossdock ")
    assert ran.complaints[-1].startswith("Error: ")
    assert words in ran.complaints[-1]


def test_words_that_are_no_text_are_refused(desk: Desk) -> None:
    told(desk.run("orders", "--search", "\udcff"), 2, "is not UTF-8 text")


# --- help -----------------------------------------------------------------------------------------------------------

COMMANDS = ("check", "import", "orders", "plugins", "schema", "show", "stores", "why")


def test_help_lists_every_command_of_ours_and_of_plugins(desk: Desk) -> None:
    ran = desk.call("--help")
    listed = re.findall(r"^  ([a-z]+)  ", ran.out.partition("Commands:")[2], re.MULTILINE)
    assert (ran.code, ran.err) == (0, "")
    assert {*COMMANDS, "sandbox"} <= set(listed)
    assert listed == sorted(listed)


@pytest.mark.parametrize("command", ["check", "import", "orders", "show", "why"])
def test_the_help_of_a_command_with_arguments_has_an_example(desk: Desk, command: str) -> None:
    out = desk.call(command, "--help").out
    assert f"\n    crossdock {command} " in out.partition("Example")[2], out


def test_help_needs_no_configuration_and_no_sound_plugin(desk: Desk) -> None:
    (desk.folder / "plugins.d").mkdir()
    for number, source in enumerate(
        ("import nothing_of_this_name", "raise SystemExit(3)", "this is no Python", "from crossdock import hookimpl\n"
         "@hookimpl\ndef cli_commands():\n    raise RuntimeError('no')\n")
    ):  # fmt: skip
        (desk.folder / "plugins.d" / f"broken{number}.py").write_text(source)
    plugins = desk.run("plugins", "--json").json
    assert [one["name"] for one in plugins if one["error"]] == ["broken0", "broken1", "broken2", "broken3"]
    ran = desk.run("plugins")
    assert len(ran.complaints) == 4
    assert not [line for line in ran.complaints if "can't be used: " not in line]
    desk.config.unlink()
    for arguments in (("--help",), ("import", "--help")):
        ran = desk.run(*arguments)
        assert (ran.code, ran.err) == (0, "")
        assert "Usage: crossdock" in ran.out


def test_what_lies_in_a_folder_without_a_configuration_is_not_run(desk: Desk) -> None:
    (desk.folder / "plugins.d").mkdir()
    (desk.folder / "plugins.d" / "stranger.py").write_text("import pathlib\npathlib.Path('was-run').touch()\n")
    desk.run("--help")
    assert (desk.folder / "was-run").exists()
    (desk.folder / "was-run").unlink()
    desk.config.unlink()
    desk.run("--help")
    assert not (desk.folder / "was-run").exists()


def test_a_broken_plugin_stops_only_the_stores_that_need_it(desk: Desk) -> None:
    (desk.folder / "plugins.d").mkdir()
    (desk.folder / "plugins.d" / "corner.py").write_text("import nothing_of_this_name\n")
    desk.write(desk.entry("acme"), "  shop:\n    connector: corner\n")
    assert desk.call("import", "acme").code == 0
    told(desk.call("import", "shop"), 2, "stores.shop.connector: ", "corner.py", "nothing_of_this_name")


def test_the_version_is_told(desk: Desk) -> None:
    assert re.fullmatch(r"crossdock, version \d+\.\d+\.\d+\S*\n", desk.call("--version").out)
