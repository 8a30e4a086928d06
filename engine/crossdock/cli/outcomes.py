"""What came of shipments: their stores are told while somebody waits, and each outcome is a sentence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from crossdock.cli.output import complain, json_line, say
from crossdock.shipment import folded
from crossdock.state import LARGEST_ID
from crossdock.state.shipments import DROPPED, WriteBack, WriteBackState, writeback_to_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from crossdock.engine import Engine
    from crossdock.model import Line
    from crossdock.shipment import Item

WAIT_S = 60.0  # for the stores, in all: nobody stands at a packing bench for longer

no_wait = click.option("--no-wait", is_flag=True, help="Don't wait until the store knows; a running daemon tells it.")
as_json = click.option("--json", "as_json", is_flag=True, help="The shipment as JSON on stdout.")
shipment_id = click.argument("shipment", type=click.IntRange(1, LARGEST_ID))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A shipment as it is now, and what belongs into its sentence.

    Attributes:
        contents: `2 × MUG-1 by Australia Post, 33ABC0000001`.
        status: How the order stands in the store, as far as is known.
        goes_on: What goes on with it where it isn't finished.
    """

    row: WriteBack
    contents: str
    status: str
    goes_on: str

    def in_words(self, lead: str = "") -> str:
        """All of it in one line, but for the notes of one that is finished."""
        row, reason = self.row, self.reason
        start = f"{row.store}: order {row.number}: {lead}shipment {row.id}, {self.contents}, is {_stands(row)}"
        if row.state is WriteBackState.REFUSED:
            return (
                f"{start}: {reason or 'no reason was given'}. Once that is settled, `crossdock retry {row.id}` tries "
                "it again; or ship the order in another way."
            )
        if row.is_finished:
            return f"{start}; the order stands at {self.status} in the store."
        return f"{start}{f': {reason}' if reason else ''}; {self.goes_on}."

    @property
    def reason(self) -> str:
        """Why it isn't done, or what is to be known though it is; as a clause."""
        return (self.row.reason or "").rstrip(".")


def _stands(row: WriteBack) -> str:
    if row.is_voiding and not row.is_finished:
        return f"being taken back ({row.state.value})"
    if row.state is WriteBackState.CONFIRMED and row.sets_aside:
        return "confirmed: collected" if row.collected_at else "confirmed: it waits to be collected"
    return row.state.value


def contents_of(items: Iterable[Item], lines: Mapping[str, Line]) -> str:
    """`2 × MUG-1 and 1 × TEE-M`: goods as a packer knows them; by their line's id where that is all that's known."""
    names = {line.id: line.sku or line.name for line in lines.values()}
    return " and ".join(f"{item.quantity} × {names.get(item.line, item.line)}" for item in items)


def parcel_in_words(row: WriteBack, lines: Mapping[str, Line]) -> str:
    """`2 × MUG-1 by Australia Post, 33ABC0000001`."""
    number = row.shipment.tracking_number
    return f"{contents_of(row.shipment.items, lines)} by {row.shipment.carrier}{f', {number}' if number else ''}"


async def outcomes_of(engine: Engine, rows: Sequence[WriteBack]) -> list[Outcome]:
    """These shipments as they can be told."""
    unfinished = {row.store for row in rows if not row.is_finished}
    goes_on = {store: await _goes_on(engine, store) for store in unfinished}
    found = []
    for row in rows:
        stored = await engine.state.order(row.store, row.shipment.order_id)
        consignments = () if stored is None else stored.order.consignments
        lines = {line.id: line for one in consignments if one.id == row.shipment.consignment for line in one.lines}
        status = "an unknown status" if stored is None else stored.order.status.name
        found.append(Outcome(row, parcel_in_words(row, lines), status, goes_on.get(row.store, "")))
    return found


async def _goes_on(engine: Engine, store: str) -> str:
    by_hand = f"`crossdock retry {store}` goes on with it now"
    if store in await engine.state.paused():
        return f"{store} is paused: {by_hand}, `crossdock resume {store}` for good"
    if await engine.state.daemon_holder() is not None:
        return "the running daemon goes on with it"
    return f"no daemon is running: {by_hand}, `crossdock run` for good"


async def tell_of_pauses(engine: Engine, stores: Collection[str]) -> None:
    """Says of each store that is paused that what was asked for is done all the same (rule S2)."""
    for store in sorted((await engine.state.paused()).intersection(stores)):
        complain(f"{store}: is paused; this is done all the same.")


async def settled(engine: Engine, rows: Sequence[WriteBack]) -> list[WriteBack]:
    """These shipments once their stores were told, side by side, or after `WAIT_S`."""
    stores: dict[str, set[int]] = {}
    for row in rows:
        stores.setdefault(row.store, set()).add(row.id)
    with _without_log():
        results = await asyncio.gather(
            *(
                engine.dispatch.tell(store, shipments, within_s=WAIT_S, waiting=complain)
                for store, shipments in stores.items()
            ),
            return_exceptions=True,  # each comes to its end before the database is closed
        )
    now: dict[int, WriteBack] = {}
    for result in results:
        if isinstance(result, BaseException):
            raise result
        now.update({row.id: row for row in result})
    return [now[row.id] for row in rows]


@contextmanager
def _without_log() -> Iterator[None]:
    """Until the block ends the log leaves out, unless -v asks for it, what the outcomes say in any case."""
    log = logging.getLogger("crossdock.writeback")
    before = log.level
    if not log.isEnabledFor(logging.INFO):
        log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


def is_told(row: WriteBack) -> bool:
    """Whether a finished shipment came to what shipping is for."""
    return row.state is WriteBackState.CONFIRMED


def is_taken_back(row: WriteBack) -> bool:
    """Whether a finished shipment doesn't count any more."""
    return row.state in DROPPED


def has_its_number(row: WriteBack) -> bool:
    """Whether the store was told the number that a finished shipment has."""
    return is_told(row) and folded(row.sent_number) == folded(row.shipment.tracking_number)


def tell(
    outcome: Outcome, came_to: Callable[[WriteBack], bool], *, lead: str = "", at: str = "", quietly: bool = False
) -> bool:
    """Prints an outcome, on stderr if it isn't what was asked for; whether it is, or may yet be.

    `at` is where the shipment was asked for, and begins each complaint; `quietly` leaves stdout alone.
    """
    row = outcome.row
    is_good = not row.is_finished or came_to(row)
    if not is_good:
        complain(f"{at}{outcome.in_words(lead)}")
    elif not quietly:
        say(outcome.in_words(lead))
    if outcome.reason and row.is_finished and row.state is not WriteBackState.REFUSED:
        complain(f"{at}{row.store}: shipment {row.id}: {outcome.reason}.")
    return is_good


async def waited_for(
    engine: Engine,
    rows: Sequence[WriteBack],
    came_to: Callable[[WriteBack], bool],
    *,
    wait: bool,
    lead: str = "",
    as_json: bool = False,
) -> tuple[int, list[WriteBack]]:
    """Prints what came of these shipments; the exit code, and the shipments as they are then."""
    now = await settled(engine, rows) if wait else list(rows)
    told = [tell(outcome, came_to, lead=lead, quietly=as_json) for outcome in await outcomes_of(engine, now)]
    return 0 if all(told) else 1, now


def print_json(rows: Sequence[WriteBack]) -> None:
    """An array of shipments on stdout."""
    json_line([writeback_to_json(row) for row in rows])
