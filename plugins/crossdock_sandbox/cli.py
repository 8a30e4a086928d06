"""The command `crossdock sandbox`: the simulated store alone, until it is stopped."""

from __future__ import annotations

import asyncio
import errno
import json
import signal
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from .server import Running

DEFAULT_PORT = 8425

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

Change it from outside over {control} (orders, faults, settings). Ctrl-C ends it, and everything in it is gone then.
"""


@click.command(name="sandbox")
@click.option(
    "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free one."
)
@click.option("--orders", default=50, show_default=True, type=click.IntRange(min=0), help="How many orders it has.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Same seed, same orders.")
@click.option("--quota", default=150, show_default=True, type=click.IntRange(min=1), help="Requests per 30 seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print the settings as one line of JSON once it serves.")
def sandbox(port: int, orders: int, seed: int, quota: int, as_json: bool) -> None:
    """Run a simulated BigCommerce store on this machine.

    It listens on 127.0.0.1 only, keeps everything in memory, and needs no account anywhere.
    """
    try:
        asyncio.run(_serve_until_stopped(port, orders, seed, quota, as_json))
    except OSError as error:
        why = "is in use already" if error.errno == errno.EADDRINUSE else f"can't be used ({error.strerror})"
        click.echo(f"Port {port} {why}; choose another with --port.", err=True)
        sys.exit(1)


async def _serve_until_stopped(port: int, orders: int, seed: int, quota: int, as_json: bool) -> None:
    # Imported here for start-up time: every crossdock command loads this module, and few of them need a server.
    from .server import serve  # noqa: PLC0415
    from .store import SandboxStore  # noqa: PLC0415

    store = SandboxStore(seed=seed, orders=orders, quota=quota)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_number, stopped.set)
    async with serve(store, port=port) as running:
        _announce(running, as_json=as_json)
        await stopped.wait()


def _announce(running: Running, *, as_json: bool) -> None:
    settings = {
        "api_path": running.api_path,
        "client_id": running.client_id,
        "access_token": running.access_token,
        "control": running.control,
    }
    text = json.dumps(settings) if as_json else _TEXT.format(orders=len(running.store.index), **settings)
    click.echo(text, nl=as_json)
    sys.stdout.flush()
