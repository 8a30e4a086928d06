"""What the tests of the state share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where a test's database shall lie."""
    return tmp_path / "crossdock.db"
