"""An empty store with a wound clock, served on a free port, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from crossdock_sandbox.server import serve
from crossdock_sandbox.store import SandboxStore
from plugins.sandbox.client import Api, WoundClock


@pytest.fixture
def clock() -> WoundClock:
    return WoundClock()


@pytest.fixture
def store(clock: WoundClock) -> SandboxStore:
    return SandboxStore(now=clock.now, quota=1000)


@pytest.fixture
async def api(store: SandboxStore) -> AsyncIterator[Api]:
    async with serve(store) as running, aiohttp.ClientSession() as session:
        yield Api(running, session)
