"""`crossdock plugins` and `crossdock schema`."""

from __future__ import annotations

import click

from crossdock.cli.output import complain, json_line, table
from crossdock.cli.session import Session, pass_session


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@pass_session
def plugins(session: Session, *, as_json: bool) -> int:
    """List the plugins and what each brings; broken ones with the reason."""
    session.plugins.connectors()
    session.plugins.commands()
    loaded, broken = session.plugins.loaded, session.plugins.broken
    if as_json:
        sound = [{"name": p.name, "from": p.distribution, "brings": p.brings, "error": None} for p in loaded]
        unsound = [{"name": p.name, "from": p.origin, "brings": [], "error": p.reason} for p in broken]
        json_line([*sound, *unsound])
        return 0
    rows = [(p.name, p.distribution, ", ".join(p.brings)) for p in loaded]
    table(("PLUGIN", "FROM", "BRINGS"), rows, folds=["BRINGS"])
    for plugin in broken:
        complain(str(plugin) if plugin.reason.endswith("?") else f"{plugin}.")
    return 0


@click.command()
@pass_session
def schema(session: Session) -> int:
    """Print the JSON Schema of stores.yaml, with the settings of every connector and carrier that is installed.

    \b
    Example, for editors that complete YAML:
      crossdock schema > stores.schema.json
    """
    from crossdock.config import json_schema  # noqa: PLC0415 -- pydantic: `--help` does without it

    json_line(json_schema(session.plugins.connectors(), session.plugins.carriers()), indent=2)
    return 0
