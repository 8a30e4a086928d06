"""A merchant's folder whose `stores.yaml` leads to a simulated store, for a daemon to work in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from crossdock_sandbox.store import SandboxStore
from support.commandline import Desk
from support.daemons import EVERY_SECOND
from support.served import served


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = SandboxStore(seed=1, orders=12, quota=100_000)
    with served(store) as running:
        desk = Desk(tmp_path, store, running)
        desk.write(before=EVERY_SECOND)
        yield desk
