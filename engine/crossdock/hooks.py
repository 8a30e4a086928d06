"""The hooks by which plugins bring something to crossdock. They only register; behaviour lies in what they return."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click

    from crossdock.connector import AnyConnector
    from crossdock.state import State

PROJECT = "crossdock"
"""The pluggy project name, and the entry-point group in which plugins are found."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def connectors() -> list[type[AnyConnector]]:
    """The connector classes that this plugin brings, asked for once, at start."""


@hookspec
def cli_commands() -> list[click.Command]:
    """Commands to add to `crossdock`, asked for at each start of the command line: keep the plugin's import light."""


@hookspec(firstresult=True)
def open_state(url: str) -> State | None:
    """The storage behind a database URL of `stores.yaml` that this plugin knows how to open, else None."""
