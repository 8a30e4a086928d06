"""A simulated BigCommerce store on loopback, for trying crossdock and for tests: `crossdock sandbox`.

`crossdock_sandbox.store` holds the state, `crossdock_sandbox.server` serves it, `crossdock_sandbox.control` describes
how other programs steer it over HTTP. The simulation follows the platform's documentation alone.
"""

from __future__ import annotations

import click
from crossdock import hookimpl

from .cli import demo, sandbox


@hookimpl
def cli_commands() -> list[click.Command]:
    """The commands `crossdock sandbox` and `crossdock demo`."""
    return [sandbox, demo]
