"""`crossdock ship`, and what is said of a shipment later: `crossdock track`, `void` and `collected`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crossdock.cli import outcomes, printing
from crossdock.cli.outcomes import contents_of, outcomes_of, print_json, tell_of_pauses, waited_for
from crossdock.cli.output import complain, json_line, say
from crossdock.cli.parcel_list import Row, parcels_in, read_lines
from crossdock.cli.session import Session, pass_session
from crossdock.errors import CrossdockError, StateError, UsageError
from crossdock.shipping import ShipRequest
from crossdock.state.shipments import WriteBack, WriteBackState, writeback_to_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from crossdock.dispatch import Preview, Shipped
    from crossdock.engine import Engine
    from crossdock.printing import Target


def _said(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """An option's text; one that is empty is a mistake of a script, which mustn't count as left out."""
    del ctx
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty; leave the option out if there is none.", param=param)
    return value


def _lines(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> Mapping[str, int] | None:
    del ctx
    try:
        return read_lines(value) or None
    except ValueError as error:
        raise click.BadParameter(str(error), param=param) from error


@click.command()
@click.argument("store", required=False)
@click.argument("order", required=False)
@click.option("--carrier", metavar="C", callback=_said, help="One under `carriers`, or any carrier's name.")
@click.option("--tracking", metavar="T", callback=_said, help="The tracking number.")
@click.option("--consignment", metavar="ID", callback=_said, help="Which one, if the order goes several ways.")
@click.option("--line", "lines", metavar="ID=QTY", multiple=True, callback=_lines, help="Only that; can be repeated.")
@click.option(
    "--label", metavar="FILE.pdf", type=click.Path(path_type=Path), help="Write the label there, or FILE.zpl."
)
@printing.to_printer
@click.option(
    "--from",
    "listed_in",
    metavar="FILE.csv",
    type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True),
    help="Ship what is listed there; - reads stdin.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@outcomes.no_wait
@outcomes.as_json
@pass_session
def ship(
    session: Session,
    store: str | None,
    order: str | None,
    carrier: str | None,
    tracking: str | None,
    consignment: str | None,
    lines: Mapping[str, int] | None,
    label: Path | None,
    printer: str | None,
    listed_in: str | None,
    *,
    dry_run: bool,
    no_wait: bool,
    as_json: bool,
) -> int:
    """Ship an order of STORE, by the platform's id or its number, and tell the store.

    Without --line all that is left of it is shipped. Saying the same thing twice ships once. It waits at most a minute
    until the store shows the shipment; what isn't told by then is told later, by a running daemon or `crossdock retry`.

    A list has the columns order and carrier, and as needed store, tracking, consignment and lines (901=2 904=1).

    \b
    Examples:
      crossdock ship acme-au 1234 --carrier "Australia Post" --tracking 33ABC0000001
      crossdock ship acme-au 1234 --carrier sendle --tracking S1 --line 901=2
      crossdock ship acme-au 1234 --carrier pickup        it waits at the counter
      crossdock ship --from parcels.csv --label labels.pdf
    """
    if label is not None and printer is not None:
        raise click.UsageError("--label and --printer exclude each other: a label is printed once.")
    if listed_in is not None:
        alone: dict[str, object] = {
            "STORE": store,
            "ORDER": order,
            "--carrier": carrier,
            "--tracking": tracking,
            "--consignment": consignment,
            "--line": lines,
            "--dry-run": dry_run,
        }
        if others := [name for name, value in alone.items() if value]:
            raise click.UsageError(f"--from stands alone: the list says what is shipped, so leave out {others[0]}.")
        return _ship_list(session, listed_in, label, printer, wait=not no_wait, as_json=as_json)
    if store is None or order is None:
        raise click.UsageError("name what is shipped: STORE and ORDER, or --from FILE.csv for a list.")
    if carrier is None:
        raise click.UsageError("Missing option '--carrier': who takes the parcel?")
    if dry_run and as_json:
        raise click.UsageError("--dry-run and --json exclude each other: no shipment is made that could be shown.")
    request = ShipRequest(order=order, carrier=carrier, tracking=tracking, consignment=consignment, lines=lines)
    config = session.config(store)

    async def shipped(engine: Engine) -> int:
        wanted = _label_target(engine, label, printer)
        if dry_run:
            await _tell_preview(engine, store, request, await engine.dispatch.preview(store, request))
            return 0
        await tell_of_pauses(engine, [store])
        done = await engine.dispatch.ship(store, request, waiting=complain)
        _warn(done)
        unlabelled = await _print_labels(engine, [done.row], wanted, store)
        code, rows = await waited_for(
            engine, [done.row], outcomes.is_told, wait=not no_wait, lead=_lead(done), as_json=as_json
        )
        if as_json:
            json_line(writeback_to_json(rows[0]))
        return max(code, unlabelled)

    return session.run(config, shipped)


def _lead(done: Shipped) -> str:
    return "" if done.is_new else "already said: "


def _warn(done: Shipped, at: str = "") -> None:
    for warning in done.warnings:
        complain(f"{at}{done.row.store}: order {done.row.number}: {warning.rstrip('.')}.")


async def _tell_preview(engine: Engine, store: str, request: ShipRequest, preview: Preview) -> None:
    """Prints what shipping would do."""
    start = f"{store}: order {preview.number}: "
    if preview.repeats is not None:
        (before,) = await outcomes_of(engine, [preview.repeats])
        say(before.in_words("already said: "))
    elif preview.plan is not None:
        lines = {line.id: line for line in preview.plan.consignment.lines}
        number = f", {request.tracking}" if request.tracking else ""
        say(f"{start}would be shipped: {contents_of(preview.plan.items, lines)} by {request.carrier}{number}.")
        for warning in preview.plan.warnings:
            complain(f"{start}{warning.rstrip('.')}.")
        status = preview.status.name
        become = f"go from {status} to {preview.becomes.name}" if preview.becomes else f"stay at {status}"
        say(f"{start}it would {become}, and the store e-mails the buyer as its own settings say.")
    say(f"{start}dry run: nothing was shipped.")


# --- labels ---


def _label_target(engine: Engine, file: Path | None, printer: str | None) -> Target | None:
    """Where labels go, if anywhere. Refuses what couldn't be written, before anything is shipped."""
    if file is None and printer is None:
        return None
    from crossdock.papers.sheets import Paper  # noqa: PLC0415 -- most shipments are made without

    try:
        wanted = printing.target(engine, file, printer)
        engine.printing.check(Paper.LABEL, wanted)
        if file is not None and file.exists():
            raise UsageError(f"{file} is there already; name a file that isn't.")
    except UsageError as error:
        raise UsageError(f"--{'label' if file else 'printer'}: {error} Nothing was shipped.") from error
    return wanted


async def _print_labels(engine: Engine, rows: Sequence[WriteBack], wanted: Target | None, start: str) -> int:
    """The exit code of printing the labels of shipments that are made."""
    if wanted is None or not rows:
        return 0
    try:
        where = wanted.printer.name if wanted.printer else str(wanted.file)
        return printing.tell(await engine.printing.labels(rows, wanted), "label", where, start)
    except CrossdockError as error:
        complain(f"{start}: {error} What was shipped stays so; `crossdock print` prints its labels.")
        return 1


# --- a list ---


def _ship_list(
    session: Session, file: str, label: Path | None, printer: str | None, *, wait: bool, as_json: bool
) -> int:
    name = "stdin" if file == "-" else file
    with click.open_file(file, "rb") as opened:
        rows = parcels_in(opened.read(), name)
    config = session.config()
    stores = {*config.stores, *session.reading.broken_stores}
    only = next(iter(stores)) if len(stores) == 1 else None

    async def shipped(engine: Engine) -> int:
        wanted = _label_target(engine, label, printer)
        return await _List(engine, name, only).ship(rows, wanted, wait=wait, as_json=as_json)

    return session.run(config, shipped)


class _List:
    """A list that is being shipped. `only` is the store of rows that name none."""

    def __init__(self, engine: Engine, file: str, only: str | None) -> None:
        self._engine = engine
        self._file = file
        self._only = only
        self._made: list[tuple[Row, Shipped]] = []

    async def ship(self, rows: Sequence[Row], labels: Target | None, *, wait: bool, as_json: bool) -> int:
        """Ships row by row, prints the labels in that order, then tells the stores side by side; the exit code."""
        await tell_of_pauses(self._engine, {row.store or self._only or "" for row in rows})
        for row in rows:
            if (wrong := await self._why_not(row)) is not None:
                complain(f"{self._at(row)}: {wrong}")
        made = [done.row for _, done in self._made]
        unlabelled = await _print_labels(self._engine, made, labels, self._file)
        now = await outcomes.settled(self._engine, made) if wait else made
        failed = len(rows) - len(made)
        for (row, done), outcome in zip(self._made, await outcomes_of(self._engine, now), strict=True):
            lead = _lead(done)
            if not outcomes.tell(outcome, outcomes.is_told, lead=lead, quietly=as_json, at=f"{self._at(row)}: "):
                failed += 1
        if as_json:
            print_json(now)
        else:
            self._sum_up(now, not_shipped=len(rows) - len(made))
        return 1 if failed else unlabelled

    def _at(self, row: Row) -> str:
        return f"{self._file}:{row.line}"

    async def _why_not(self, row: Row) -> str | None:
        """Ships a row; what is against it, if anything is."""
        if row.request is None:
            return row.mistake
        store = row.store or self._only
        if store is None:
            return f"its store is missing; the stores are {', '.join(sorted(self._engine.config.stores))}."
        try:
            done = await self._engine.dispatch.ship(store, row.request, waiting=complain)
        except StateError:
            raise
        except CrossdockError as error:
            return str(error)
        self._made.append((row, done))
        _warn(done, f"{self._at(row)}: ")
        return None

    def _sum_up(self, rows: Sequence[WriteBack], *, not_shipped: int) -> None:
        counts = Counter(row.state for row in rows)
        words = [f"{counts[state]} {state.value}" for state in WriteBackState if counts[state]]
        if not_shipped:
            words.append(f"{not_shipped} not shipped")
        total = len(rows) + not_shipped
        say(f"{self._file}: {total} row{'' if total == 1 else 's'}: {', '.join(words) or 'nothing to ship'}.")


# --- later ---


@click.command()
@click.argument("store")
@outcomes.shipment_id
@click.option("--tracking", metavar="T", required=True, callback=_said, help="The number that it has in truth.")
@outcomes.no_wait
@outcomes.as_json
@pass_session
def track(session: Session, store: str, shipment: int, tracking: str, *, no_wait: bool, as_json: bool) -> int:
    """Give a shipment of STORE another tracking number, and tell the store.

    SHIPMENT is crossdock's own id, which `crossdock show` and `crossdock writebacks` tell.

    \b
    Example:
      crossdock track acme-au 7 --tracking 33ABC0000002
    """

    async def change(engine: Engine) -> list[WriteBack]:
        return [await engine.dispatch.track(store, shipment, tracking)]

    return _change(session, store, change, outcomes.has_its_number, wait=not no_wait, as_json=as_json)


@click.command()
@click.argument("store")
@outcomes.shipment_id
@outcomes.no_wait
@outcomes.as_json
@pass_session
def void(session: Session, store: str, shipment: int, *, no_wait: bool, as_json: bool) -> int:
    """Take a shipment of STORE back: in the store, and at its carrier.

    SHIPMENT is crossdock's own id, which `crossdock show` and `crossdock writebacks` tell. An e-mail that the buyer got
    can't be taken back.

    \b
    Example:
      crossdock void acme-au 7
    """

    async def change(engine: Engine) -> list[WriteBack]:
        return [await engine.dispatch.void(store, shipment)]

    return _change(session, store, change, outcomes.is_taken_back, wait=not no_wait, as_json=as_json)


@click.command()
@click.argument("store")
@click.argument("order")
@outcomes.no_wait
@click.option("--json", "as_json", is_flag=True, help="Its shipments as a JSON array on stdout.")
@pass_session
def collected(session: Session, store: str, order: str, *, no_wait: bool, as_json: bool) -> int:
    """Say that the buyer has collected what was set aside of an order of STORE, and tell the store.

    \b
    Example:
      crossdock collected acme-au 1234
    """

    async def change(engine: Engine) -> list[WriteBack]:
        return await engine.dispatch.collected(store, order)

    return _change(session, store, change, outcomes.is_told, wait=not no_wait, as_json=as_json, several=True)


def _change(
    session: Session,
    store: str,
    change: Callable[[Engine], Awaitable[list[WriteBack]]],
    came_to: Callable[[WriteBack], bool],
    *,
    wait: bool,
    as_json: bool,
    several: bool = False,
) -> int:
    """The exit code of changing shipments of a store and telling it."""

    async def changed(engine: Engine) -> int:
        await tell_of_pauses(engine, [engine.store(store).name])
        code, rows = await waited_for(engine, await change(engine), came_to, wait=wait, as_json=as_json)
        if as_json and several:
            print_json(rows)
        elif as_json:
            json_line(writeback_to_json(rows[0]))
        return code

    return session.run(session.config(store), changed)
