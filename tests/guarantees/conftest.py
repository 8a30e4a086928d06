"""A bench in this process, and a desk whose commands are processes of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from crossdock_sandbox.store import SandboxStore
from support.bench import Bench, bench_in
from support.commandline import Desk
from support.served import served


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_in(tmp_path) as bench:
        yield bench


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A folder with a `stores.yaml` that leads to an empty store."""
    store = SandboxStore(quota=100_000)
    with served(store) as running:
        desk = Desk(tmp_path, store, running)
        desk.write()
        yield desk
