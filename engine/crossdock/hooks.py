"""The hooks by which plugins bring something to crossdock. They only register; behaviour lies in what they return."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Mapping

    import click

    from crossdock.carrier import AnyCarrier
    from crossdock.connector import AnyConnector
    from crossdock.state import State

PROJECT = "crossdock"
"""The pluggy project name, and the entry-point group in which plugins are found."""

EVENTS = frozenset({"order_imported", "run_finished", "shipment_created", "written_back", "write_back_refused"})
"""The hooks that only tell. An implementation may be a coroutine function, or a plain one, called in a thread."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def connectors() -> list[type[AnyConnector]]:
    """The connector classes that this plugin brings, asked for once, at start."""


@hookspec
def carriers() -> list[type[AnyCarrier]]:
    """The carrier classes that this plugin brings, asked for once, at start."""


@hookspec
def cli_commands() -> list[click.Command]:
    """Commands to add to `crossdock`, asked for at each start of the command line: keep the plugin's import light."""


@hookspec(firstresult=True)
def open_state(url: str) -> State | None:
    """The storage behind a database URL of `stores.yaml` that this plugin knows how to open, else None."""


@hookspec
def order_imported(store: str, order: Mapping[str, object]) -> None:
    """An order was taken up for the first time; `order` is its documented JSON form."""


@hookspec
def run_finished(run: Mapping[str, object]) -> None:
    """An import ended, well or not: id, store, kind, outcome, times, counts and error."""


@hookspec
def shipment_created(shipment: Mapping[str, object]) -> None:
    """A shipment was made here, and the store is to be told of it; `shipment` is its documented JSON form."""


@hookspec
def written_back(shipment: Mapping[str, object]) -> None:
    """A store shows what it was told of a shipment: it was sent, corrected, collected or voided there."""


@hookspec
def write_back_refused(shipment: Mapping[str, object]) -> None:
    """A store refused a shipment for good; its `reason` holds the platform's words."""
