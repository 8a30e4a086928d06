"""`crossdock writebacks` and `crossdock retry`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from crossdock.cli.outcomes import tell_of_pauses, waited_for
from crossdock.cli.output import complain, json_line, stdout, table_in_parts
from crossdock.cli.session import Session, pass_session
from crossdock.clock import span
from crossdock.errors import CrossdockError, StateError, UsageError
from crossdock.model import instant
from crossdock.state import LARGEST_ID
from crossdock.state.shipments import WriteBack, WriteBackState, writeback_to_json

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from crossdock.config import Config
    from crossdock.engine import Engine


HEADINGS = ("ID", "STORE", "ORDER", "STATE", "CARRIER", "TRACKING", "ATTEMPTS", "NEXT TRY", "WHY")
FOLDS = ("CARRIER", "TRACKING", "WHY")


@click.command()
@click.option("--store", metavar="S", help="Only this store's; one that isn't in the configuration any more, too.")
@click.option("--state", type=click.Choice([state.value for state in WriteBackState]), help="Only those in this state.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@pass_session
def writebacks(session: Session, store: str | None, state: str | None, *, as_json: bool) -> int:
    """List the shipments, and how far their stores were told of each; oldest first.

    \b
    Examples:
      crossdock writebacks --state refused
      crossdock writebacks --store acme-au --json
    """

    async def listed(engine: Engine) -> int:
        wanted = None if state is None else WriteBackState(state)
        if store is not None:
            await _check_known(engine, store)
        found = engine.dispatch.writebacks(store=store, state=wanted)
        if as_json:
            json_line([writeback_to_json(row) async for row in found])
        elif not await table_in_parts(HEADINGS, found, _row, folds=FOLDS):
            complain("no shipment fits.")
        return 0

    return session.run(session.config(), listed)


async def _check_known(engine: Engine, store: str) -> None:
    """Raises UsageError for a store that never was: its name is mistyped."""
    if store not in await engine.state.writeback_counts():
        engine.store(store)


def _row(row: WriteBack) -> tuple[str, ...]:
    return (
        str(row.id),
        row.store,
        row.number,
        row.state.value,
        row.shipment.carrier,
        row.shipment.tracking_number or "",
        str(row.attempts),
        "" if row.next_try is None else _in_time(row.next_try),
        row.reason or "",
    )


def _in_time(moment: datetime) -> str:
    if not stdout().isatty():
        return instant(moment)
    rest = moment - datetime.now(UTC)
    return f"in {span(rest)}" if rest.total_seconds() >= 1 else "now"


@click.command()
@click.argument("what", metavar="[STORE] [ID]...", nargs=-1)
@pass_session
def retry(session: Session, what: tuple[str, ...]) -> int:
    """Tell the stores now what they don't know yet: of all shipments, of one STORE's, or of the shipments ID.

    A shipment that was refused is begun anew where it is named by its ID. What is confirmed is left as it is.

    \b
    Examples:
      crossdock retry                  all that is unfinished
      crossdock retry acme-au          of one store
      crossdock retry 7 9              these two, whether refused or not
    """
    config = session.config()
    store, shipments = _store_and_shipments(what, config, session.reading.broken_stores)
    if store is not None:
        config = session.config(store)

    async def retried(engine: Engine) -> int:
        rows, code = await _made_due(engine, store, shipments)
        if not rows and not code:
            complain("nothing is left to tell.")
        await tell_of_pauses(engine, {row.store for row in rows})
        failed, _ = await waited_for(engine, rows, _is_over, wait=True)
        return max(code, failed)

    return session.run(config, retried)


def _store_and_shipments(
    what: Sequence[str], config: Config, broken: Collection[str]
) -> tuple[str | None, tuple[int, ...]]:
    """What stands first is a store, unless it's a number and no store has that name."""
    is_store = bool(what) and (what[0] in {*config.stores, *broken} or not _is_number(what[0]))
    numbers = what[1:] if is_store else what
    for number in numbers:
        if not _is_number(number) or not 1 <= int(number) <= LARGEST_ID:
            raise click.UsageError(f"'{number[:50]}' is no shipment's id; `crossdock writebacks` lists all of them.")
    return what[0] if is_store else None, tuple(dict.fromkeys(map(int, numbers)))


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) <= len(str(LARGEST_ID))


async def _made_due(engine: Engine, store: str | None, shipments: Sequence[int]) -> tuple[list[WriteBack], int]:
    """The shipments that are due now, and the exit code for those that can't be, which hold up no other."""
    if not shipments:
        return await engine.dispatch.retry(store, ()), 0
    rows, code = [], 0
    for shipment in shipments:
        try:
            rows += await engine.dispatch.retry(store, [shipment])
        except StateError:
            raise
        except CrossdockError as error:
            complain(str(error))
            code = max(code, 2 if isinstance(error, UsageError) else 1)
    return rows, code


def _is_over(row: WriteBack) -> bool:
    return row.state is not WriteBackState.REFUSED
