"""The page about the contract tells what the kit has, and its example runs as it stands there."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

from contract.shop import FakeShop
from crossdock.testing import ConnectorContract, FakePlatform
from docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "reference" / "testing.md"
TESTS = {name: test for name, test in vars(ConnectorContract).items() if name.startswith("test_")}


def test_every_test_is_on_the_page_in_its_own_words() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, test in TESTS.items():
        guarantee, advice = (" ".join(part.split()) for part in (inspect.getdoc(test) or "").split("\n\n"))
        assert f"| `{name}` | {guarantee} | {advice} |" in text


def test_all_that_a_fake_platform_has_is_on_the_page() -> None:
    names = {name for name in (*dir(FakePlatform), *vars(FakeShop())) if not name.startswith("_")} - {"sales"}
    assert {"settings", "clock"} <= names
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in sorted(names) if not re.search(rf"`(self\.)?{name}\b", text)] == []


def test_the_example_passes_with_pytest_alone(tmp_path: Path) -> None:
    connector = next(block for block in blocks(PAGE.with_name("connector.md")) if "class Corner(" in block.text)
    example = next(block for block in blocks(PAGE) if block.file is not None)
    command = next(block for block in blocks(PAGE) if block.kind == "sh")
    (tmp_path / "plugins.d").mkdir()
    (tmp_path / "plugins.d" / "corner.py").write_text(connector.text, encoding="utf-8")
    (tmp_path / str(example.file)).write_text(example.text, encoding="utf-8")
    done = subprocess.run(
        ["bash", "-c", f"{command.text.strip()} -p no:cacheprovider -W error"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert f"{len(TESTS)} passed" in done.stdout, done.stdout + done.stderr
