"""What the tests of the bundled carriers stand on: a merchant's file, read with what is installed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from crossdock import AnyCarrier
from crossdock.config import Config, Reading, read
from crossdock.http import HttpClient, open_session
from crossdock.plugins import load_plugins
from plugins.carriers.parcels import Called, Reader
from support.clock import WoundClock

STORES = "stores:\n  acme: {connector: bigcommerce, settings: {api_path: abc123, client_id: a, access_token: b}}\n"


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Reads a file with these carriers, a line each, and one store."""
    plugins = load_plugins(tmp_path / "plugins.d", environ={})

    def read_carriers(*lines: str) -> Reading:
        path = tmp_path / "stores.yaml"
        path.write_text("carriers:\n" + "".join(f"  {line}\n" for line in lines) + STORES)
        return read(path, plugins.connectors(), plugins.carriers(), broken_plugins=plugins.reasons())

    return read_carriers


def sound(reading: Reading) -> Config:
    assert reading.mistakes == ()
    assert reading.config is not None
    return reading.config


@pytest.fixture
async def called(reader: Reader) -> AsyncIterator[Called]:
    """The carrier that a person means by a name, in a file with these carriers."""
    async with open_session() as session:

        def carrier(name: str, *lines: str) -> AnyCarrier:
            meant = sound(reader(*lines)).carrier(name)
            options = meant.carrier.http_options(meant.settings)
            http = HttpClient(session, options, store=meant.name, clock=WoundClock(), random=Random(1))
            return meant.carrier(meant.settings, http, called=meant.name)

        yield carrier
