"""The rooms of the house: who may import whom, and that the engine knows no platform."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import crossdock
import pytest

ROOT = Path(crossdock.__file__).parent
PLUGINS = ROOT.parent.parent / "plugins"

ROWS = (
    "errors model shipment clock threads turns logs systemd loopwatch",
    "state",
    "http connector carrier hooks events spreadsheet",
    "yaml_source references plain_words config_sections config yaml_edit stores_file plugins asking",
    "boundary connections standing matching printers",
    "importing explaining shipping writeback papers",
    "dispatch booking paperwork printing",
    "engine reports",
    "testing timetable schedule workers web",
    "daemon",
    "cli",
)
ARROWS = {  # within a row: the module may use those named
    "shipment": "model",
    "connector": "http",
    "carrier": "http",
    "hooks": "connector carrier",
    "references": "yaml_source",
    "plain_words": "references yaml_source",
    "config_sections": "yaml_source",
    "dispatch": "booking",
    "printing": "paperwork",
    "reports": "engine",
    "schedule": "timetable",
    "web": "timetable",
    "stores_file": "yaml_edit yaml_source",
    "yaml_edit": "yaml_source",
    "config": "config_sections plain_words references yaml_source",
}
ROW_OF = {room: number for number, row in enumerate(ROWS) for room in row.split()}


def imports_of(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "crossdock")


def rooms_used(path: Path) -> set[str]:
    """The rooms of the engine that a file uses."""
    parts = (name.split(".") for name in imports_of(path))
    return {part[1] for part in parts if part[0] == "crossdock" and len(part) > 1 and part[1] in ROW_OF}


ENGINE_FILES = sorted(
    path for path in ROOT.rglob("*.py") if path.name != "__main__.py" and path.parent != ROOT
) + sorted(path for path in ROOT.glob("*.py") if not path.name.startswith("__"))


@pytest.mark.parametrize("path", ENGINE_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_uses_only_rooms_above_it(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    allowed = {name for name, row in ROW_OF.items() if row < ROW_OF[room]} | {room, *ARROWS.get(room, "").split()}
    assert rooms_used(path) <= allowed


@pytest.mark.parametrize("path", ENGINE_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_engine_imports_no_plugin_and_names_no_platform(path: Path) -> None:
    assert not [name for name in imports_of(path) if name.startswith("crossdock_")]
    assert "bigcommerce" not in path.read_text(encoding="utf-8").lower()


@pytest.mark.parametrize("path", sorted(PLUGINS.rglob("*.py")), ids=lambda path: str(path.relative_to(PLUGINS)))
def test_a_plugin_uses_public_names_only(path: Path) -> None:
    inner = [name for name in imports_of(path) if name.startswith("crossdock.")]
    public = {*crossdock.__all__, "testing"}
    assert not [name for name in inner if name.removeprefix("crossdock.") not in public]


def test_every_public_name_can_be_had() -> None:
    assert [name for name in crossdock.__all__ if getattr(crossdock, name, None) is None] == []
    with pytest.raises(AttributeError, match="no public name 'Ordr'"):
        _ = crossdock.Ordr
