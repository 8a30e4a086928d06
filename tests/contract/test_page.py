"""The page about the contract tells what the kit has, and its example runs as it stands there."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from contract.courier import FakeCourier
from contract.shop import FakeShop
from crossdock import testing
from crossdock.testing import CarrierContract, ConnectorContract, FakeCarrier, FakeShippingPlatform, WriteBackContract
from docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "reference" / "testing.md"


def guarantees_of(contract: type) -> dict[str, object]:
    return {name: test for name, test in vars(contract).items() if name.startswith("test_")}


@pytest.mark.parametrize("contract", [ConnectorContract, WriteBackContract, CarrierContract])
def test_every_test_is_on_the_page_in_its_own_words(contract: type) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, test in guarantees_of(contract).items():
        guarantee, advice = (" ".join(part.split()) for part in (inspect.getdoc(test) or "").split("\n\n"))
        assert f"| `{name}` | {guarantee} | {advice} |" in text


@pytest.mark.parametrize(("kind", "fake"), [(FakeShippingPlatform, FakeShop), (FakeCarrier, FakeCourier)])
def test_all_that_a_fake_has_is_on_the_page(kind: type, fake: type) -> None:
    names = {name for name in (*dir(kind), *vars(fake())) if not name.startswith("_")} - {"sales", "parcels"}
    assert {"settings", "clock"} <= names
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in sorted(names) if not re.search(rf"`(self\.)?{name}\b", text)] == []


def test_all_that_the_kit_offers_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in testing.__all__ if f"`{name}`" not in text] == []


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
    assert f"{len(guarantees_of(ConnectorContract))} passed" in done.stdout, done.stdout + done.stderr
