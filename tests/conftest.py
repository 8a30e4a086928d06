"""What all tests stand on."""

from __future__ import annotations

import inspect
from asyncio import AbstractEventLoop
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import aioresponses.core
import pytest
from aiohttp.client_proto import ResponseHandler
from aioresponses import aioresponses as Wire
from hypothesis import settings
from support.clock import WoundClock

# A slow machine is no failure.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# aioresponses 0.7.9 doesn't know what aiohttp 3.14 wants of a response; to be dropped with the release that does.
if "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters:

    class _Response(aiohttp.ClientResponse):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{"stream_writer": SimpleNamespace(output_size=0), **kwargs})

    def _body_reader(loop: AbstractEventLoop) -> aiohttp.StreamReader:
        return aiohttp.StreamReader(ResponseHandler(loop=loop), limit=2**30, loop=loop)  # never pauses the mocked wire

    vars(aioresponses.core).update(ClientResponse=_Response, stream_reader_factory=_body_reader)


@pytest.fixture
def clock() -> WoundClock:
    return WoundClock()


@pytest.fixture
def wire() -> Iterator[Wire]:
    """The network, answering what a test tells it to; requests to this machine go through."""
    with Wire(passthrough=["http://127.0.0.1"]) as wire:
        yield wire
