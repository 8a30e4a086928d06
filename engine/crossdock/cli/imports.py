"""`crossdock import`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from crossdock.cli.output import complain, json_line, progress, say
from crossdock.cli.session import Session, pass_session
from crossdock.state import run_to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crossdock.engine import Engine
    from crossdock.state import Run

SET_ASIDES_TOLD = 10
REASONS_TOLD = 4  # of skipped orders, the most frequent ones; more would hide what was imported


@click.command("import")
@click.argument("store")
@click.option("--days", type=click.IntRange(1, 3650), metavar="N", help="Look N days back instead of import_days.")
@click.option("--order", metavar="ID", help="Bring this one order, whatever its status.")
@click.option("--dry-run", is_flag=True, help="Ask and count, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="The counts as JSON on stdout.")
@pass_session
def import_(session: Session, store: str, days: int | None, order: str | None, *, dry_run: bool, as_json: bool) -> int:
    """Import the orders of STORE now.

    The first import brings every open order; later ones what changed since. It can be stopped at any time and goes on
    where it stopped. While another import of the store is running, this one waits for it.

    \b
    Examples:
      crossdock import acme-au                  what changed
      crossdock import acme-au --days 7         all open orders of the last 7 days once more
      crossdock import acme-au --order 1234     one order, whatever its status
    """
    if days is not None and order is not None:
        raise click.UsageError("--days and --order exclude each other: an order is brought whatever its age.")

    async def bring(engine: Engine) -> int:
        from crossdock.engine import ImportRequest  # noqa: PLC0415 -- loaded by now; `--help` does without it

        request = ImportRequest(days=days, order=order, dry_run=dry_run)
        if store in await engine.state.paused():
            complain(f"{store}: is paused; this one import is done all the same.")
        with progress(store) as show:
            run = await engine.import_store(store, request, progress=show, waiting=complain)
        set_asides = await engine.set_asides(store)
        _tell(run, [aside.order_id for aside in set_asides], dry_run=dry_run, as_json=as_json)
        for set_aside in set_asides[:SET_ASIDES_TOLD]:
            complain(
                f"{store}: order {set_aside.order_id} could not be understood and is set aside; "
                f"`crossdock why {store} {set_aside.order_id}` tells more."
            )
        if len(set_asides) > SET_ASIDES_TOLD:
            complain(f"{store}: {len(set_asides) - SET_ASIDES_TOLD} more orders are set aside.")
        return 1 if run.counts.set_aside else 0  # told by the exit code once, and by `stores` and here as long as it is

    return session.run(session.config(store), bring)


def _tell(run: Run, set_asides: Sequence[str], *, dry_run: bool, as_json: bool) -> None:
    assert run.ended_at is not None
    seconds = (run.ended_at - run.started_at).total_seconds()
    if as_json:
        json_line({**run_to_json(run), "set_aside_orders": set_asides, "dry_run": dry_run})
        return
    rehearsal = " (dry run: nothing was written)" if dry_run else ""
    say(f"{run.store}: {run.counts.in_words()}; {run.traffic.in_words()} in {seconds:.0f} s{rehearsal}.")
    told = list(run.reasons.items())[:REASONS_TOLD]
    for reason, count in told:
        say(f"  skipped {count:,}: {reason}")
    if others := sum(run.reasons.values()) - sum(count for _, count in told):
        say(f"  skipped {others:,} for other reasons; `crossdock why {run.store} ORDER` tells each")
