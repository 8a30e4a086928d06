"""A simulated store that is served while a test goes on in its own thread, for children of the test to talk to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from crossdock_sandbox.server import Running, serve
from crossdock_sandbox.store import SandboxStore


@contextmanager
def served(store: SandboxStore) -> Iterator[Running]:
    """The store, serving on a free port of this machine until the block ends."""
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()
    began: list[Running] = []
    ready = threading.Event()

    async def serve_until_ended() -> None:
        try:
            async with serve(store) as running:
                began.append(running)
                ready.set()
                await ended.wait()
        finally:
            ready.set()

    def work() -> None:
        try:
            loop.run_until_complete(serve_until_ended())
        finally:
            loop.close()

    thread = threading.Thread(target=work, name="simulated store")
    thread.start()
    ready.wait()
    try:
        yield began[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
