"""The commands `crossdock sandbox`, the simulated store alone, and `crossdock demo`, the whole of crossdock on it."""

from __future__ import annotations

import errno
import sys

import click

DEFAULT_PORT = 8425


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
    # Imported here for start-up time: every crossdock command loads this module, and few of them need a server.
    from .standalone import run_until_stopped  # noqa: PLC0415

    try:
        run_until_stopped(port=port, orders=orders, seed=seed, quota=quota, as_json=as_json)
    except OSError as error:
        why = "is in use already" if error.errno == errno.EADDRINUSE else f"can't be used ({error.strerror})"
        click.echo(f"Port {port} {why}; choose another with --port.", err=True)
        sys.exit(1)


@click.command(name="demo")
@click.option("--once", is_flag=True, help="Show it without waiting and end; exit 0 only if the stores agree.")
@click.option(
    "--orders", default=40, show_default=True, type=click.IntRange(10, 100_000), help="How many the largest store has."
)
def demo(*, once: bool, orders: int) -> None:
    """See the daemon at work on three simulated stores, no account needed.

    Everything happens on this machine, on free ports and in a temporary folder that is removed at the end. Orders
    arrive, and one store fails at times and recovers, until Ctrl-C.
    """
    # Imported here for start-up time, as above.
    from .demo_stores import demo_stores  # noqa: PLC0415
    from .demo_story import run_demo  # noqa: PLC0415

    sys.exit(0 if run_demo(demo_stores(orders), once=once) else 1)
