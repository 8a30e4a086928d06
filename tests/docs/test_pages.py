"""The pages hold together, and tell everything that the code has."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import crossdock
import pytest
from click import Command, Context, Option
from crossdock import Carrier, Connector, Shipment, errors, hooks, model
from crossdock.cli.main import crossdock as command_line
from crossdock.cli.parcel_list import COLUMNS
from crossdock.cli.session import Session
from crossdock.config import json_schema
from crossdock.plugins import load_plugins
from crossdock.state.migrations import schema
from crossdock.state.shipments import WriteBack, WriteBackState, writeback_to_json
from crossdock_sandbox.control import FaultInput, SettingsInput
from crossdock_sandbox.faults import FaultKind
from docs.pages import LINK, PAGES, ROOT, anchors, blocks, prose
from sqlite_utils import Database

REFERENCE = ROOT / "docs" / "reference"
CODE = [*(ROOT / "engine").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
SEEING_IT = "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/crossdock demo --once"
TESTING_IT = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/python -m pytest -n 2"
PARCEL = WriteBack(
    shipment=Shipment(id=1, order_id="101", consignment="301", items=(), carrier="Sendle"),
    store="acme-au",
    number="101",
    key="",
    said="",
    episode=1,
    sets_aside=False,
    created_at=datetime(2026, 5, 20, tzinfo=UTC),
)
VARIABLE = re.compile(r"…|\b\d+\b|\bimport\b|\bstores\.yaml\b|\(.*?\)|[:;.] ")
"""What is filled in to a message that is shown, and where its parts end."""


def by_path(page: Path) -> str:
    return str(page.relative_to(ROOT))


def shows(page: str, word: str) -> bool:
    """Whether a page of the reference has the word in code type, alone or with more around it."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", "\n".join(re.findall(r"`+[^`]+`+", text))) is not None


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_every_link_leads_somewhere(page: Path) -> None:
    for found in LINK.finditer(prose(page)):
        target, _, anchor = found["target"].partition("#")
        if target.startswith("https://"):
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.is_relative_to(ROOT), f"{target} leads out of the repository"
        assert there.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(there), f"{found['target']}: there is no such heading"


def test_every_page_is_reached_from_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / found["target"].partition("#")[0]).resolve() for found in LINK.finditer(prose(index))}
    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs") and page != index} == linked


@pytest.mark.parametrize("page", PAGES, ids=by_path)
def test_a_page_opens_with_one_title_and_closes_its_blocks(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert len(re.findall(r"^# ", prose(page), re.MULTILINE)) == 1
    assert text.count("```") == 2 * len(list(blocks(page)))
    assert text.endswith("\n")


def test_the_generated_parts_are_what_the_code_says() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_two_commands_stand_in_the_readme_and_the_second_is_what_ci_runs() -> None:
    shown = [block.text.strip() for block in blocks(ROOT / "README.md") if block.kind == "sh"]
    assert shown[:2] == [SEEING_IT, TESTING_IT]
    assert TESTING_IT in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def commands() -> Iterator[tuple[str, Command]]:
    context = Context(command_line, obj=Session())
    for name in command_line.list_commands(context):
        command = command_line.get_command(context, name)
        assert command is not None
        yield name, command


def test_every_command_and_option_is_in_the_reference() -> None:
    for name, command in commands():
        assert f"## crossdock {name}\n" in (REFERENCE / "cli.md").read_text(encoding="utf-8")
        for parameter in command.params:
            words = parameter.opts if isinstance(parameter, Option) else parameter.get_usage_pieces(Context(command))
            for word in words:
                assert shows("cli.md", word), f"{name}: {word}"
    for parameter in command_line.params:
        for word in parameter.opts:
            assert shows("cli.md", word), word


def keys_in(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        yield from part.get("properties", {}) if isinstance(part.get("properties"), dict) else ()
        for value in part.values():
            yield from keys_in(value)
    elif isinstance(part, list):
        for value in part:
            yield from keys_in(value)


def test_every_setting_is_in_the_reference() -> None:
    plugins = load_plugins()
    keys = set(keys_in(json_schema(plugins.connectors(), plugins.carriers())))
    assert {"engine", "every", "access_token", "postcode", "hs_code", "codes"} <= keys
    assert [key for key in sorted(keys) if not (shows("settings.md", key))] == []


def test_every_table_and_column_is_in_the_reference() -> None:
    with closing(Database(memory=True)) as database:
        schema.apply(database)
        tables = [(table.name, list(table.columns_dict)) for table in database.tables]
    page = (REFERENCE / "tables.md").read_text(encoding="utf-8")
    for table, columns in tables:
        if table.startswith(("_", "orders_search")):
            assert table.startswith(("_sqlite_migrations", "orders_search"))
            continue
        _, found, section = page.partition(f"\n## {table}\n")
        assert found, table
        rows = section.partition("\n## ")[0]
        for column in columns:
            told = re.search(rf"^\| `{column}` \| [^|]+ \| ([^|]*) \|$", rows, re.MULTILINE)
            assert told is not None, f"{table}.{column}"
            assert told[1].strip(), f"{table}.{column} lacks a meaning: docs/generate.py has a place for it"


def test_every_hook_is_in_the_reference_with_all_that_a_hook_needs() -> None:
    page = (REFERENCE / "hooks.md").read_text(encoding="utf-8")
    names = [name for name, thing in vars(hooks).items() if hasattr(thing, f"{hooks.PROJECT}_spec")]
    assert {"connectors", "cli_commands", "open_state"} <= set(names)
    for name in names:
        _, found, section = page.partition(f"\n## {name}\n")
        assert found, name
        section = section.partition("\n## ")[0]
        for needed in (f"def {name}(", "**When**", "**If it fails**", "**Real plugin**"):
            assert needed in section, f"{name}: {needed}"


def test_every_public_name_is_in_the_reference() -> None:
    assert [name for name in crossdock.__all__ if not shows("connector.md", name)] == []


def test_every_method_of_a_connector_is_in_the_reference() -> None:
    methods = [name for name, member in vars(Connector).items() if not name.startswith("_") and callable(member)]
    assert "changes" in methods
    assert [name for name in methods if not shows("connector.md", name)] == []


def test_every_method_of_a_carrier_is_in_the_reference() -> None:
    methods = [name for name, member in vars(Carrier).items() if not name.startswith("_") and callable(member)]
    assert "find" in methods
    assert [name for name in methods if not shows("carrier.md", name)] == []


def test_every_key_of_a_shipment_and_every_state_of_its_write_back_is_in_the_reference() -> None:
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    keys = page.partition("\n## The shipment as JSON\n")[2].partition("\n## ")[0]
    states = page.partition("\n## States of a write-back\n")[2].partition("\n## ")[0]
    example = json.loads(re.findall(r"^\[(\{.*\})\]$", keys, re.MULTILINE)[0].replace(",…", ""))
    rows = "\n".join(re.findall(r"^\|.*\|$", keys, re.MULTILINE))
    assert set(writeback_to_json(PARCEL)) == set(example)
    assert [key for key in example if f"`{key}`" not in rows] == []
    assert re.findall(r"^\| `(\w+)` \|", states, re.MULTILINE) == [state.value for state in WriteBackState]


def test_every_column_of_a_list_of_parcels_is_in_the_reference() -> None:
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    section = page.partition("\n### The list that ship --from reads\n")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == sorted(COLUMNS)


def test_every_error_class_is_in_the_reference() -> None:
    classes = [
        name
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, errors.CrossdockError)
    ]
    assert "DatabaseFullError" in classes
    assert [name for name in classes if not shows("errors.md", name)] == []


def test_every_field_of_an_order_is_in_the_reference() -> None:
    page = (REFERENCE / "order-json.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(\w+)`", re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)))
    parts = (model.Order, model.Status, model.Customer, model.Address, model.Consignment, model.Line)
    names = {field.name for part in parts for field in dataclasses.fields(part)}
    assert names | {stage.value for stage in model.Stage} | {"store", "shippable", "left_to_ship"} <= told


def test_every_fault_and_switch_of_the_simulated_store_is_in_the_reference() -> None:
    words = [*map(str, FaultKind), *FaultInput.__struct_fields__, *SettingsInput.__struct_fields__]
    assert [word for word in words if not shows("sandbox.md", word)] == []


def test_messages_that_are_shown_but_not_run_stand_in_the_code() -> None:
    """Some messages need a full disk or minutes of waiting; their words are compared with the code's."""
    texts = "\n".join(text for file in CODE for text in _texts(file))
    page = ROOT / "docs" / "how-to" / "errors.md"
    shown = [line for block in blocks(page) if block.kind == "text" for line in block.text.splitlines()]
    assert shown
    for line in shown:
        pieces = [piece for piece in VARIABLE.split(line) if len(piece.strip()) > 11]
        assert pieces, line
        for piece in pieces:
            assert piece.strip(" .:;") in texts, f"{line}\n{piece} stands nowhere in the code"


def _texts(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
