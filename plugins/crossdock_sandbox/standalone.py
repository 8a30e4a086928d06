"""A store in a process of its own: it says how to reach it, serves until a signal, and then ends at once."""

from __future__ import annotations

import asyncio
import json
import signal

import click

from .server import Running, serve
from .store import SandboxStore

_TEXT = """\
A simulated BigCommerce store with {orders} orders is open at {api_path}
Paste this into stores.yaml to use it:

stores:
  sandbox:
    connector: bigcommerce
    settings:
      api_path: {api_path}
      client_id: {client_id}
      access_token: {access_token}

Change it from outside over {control} (orders, faults, settings).
Ctrl-C ends it, and everything in it is gone then."""


def run_until_stopped(*, port: int, orders: int, seed: int, quota: int, as_json: bool) -> None:
    """Serve a new store until SIGINT or SIGTERM. Raises OSError if the port can't be had."""
    # Before the signals are caught: a large store takes seconds to make, and then Ctrl-C must work too.
    store = SandboxStore(seed=seed, orders=orders, quota=quota)
    asyncio.run(_serve(store, port=port, as_json=as_json))


async def _serve(store: SandboxStore, *, port: int, as_json: bool) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_number, stopped.set)
    async with serve(store, port=port) as running:
        click.echo(_announcement(running, as_json=as_json))  # flushes, so that a waiting parent process sees it
        await stopped.wait()


def _announcement(running: Running, *, as_json: bool) -> str:
    settings = {
        "api_path": running.api_path,
        "client_id": running.client_id,
        "access_token": running.access_token,
        "control": running.control,
    }
    return json.dumps(settings) if as_json else _TEXT.format(orders=len(running.store.index), **settings)
