"""`crossdock print`, and where papers go."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crossdock.cli.output import complain
from crossdock.cli.session import Session, pass_session

if TYPE_CHECKING:
    from crossdock.engine import Engine
    from crossdock.printing import Printed, Target

STDOUT = "-"
CALLED = {"label": "label", "slip": "packing slip", "pickup": "pickup slip", "picklist": "pick list"}

to_printer = click.option("--printer", metavar="NAME", help="A thermal printer under `papers` in stores.yaml.")


@click.command("print")
@click.argument("store")
@click.argument("orders", metavar="ORDER...", nargs=-1, required=True)
@click.option("--paper", type=click.Choice(tuple(CALLED)), default="label", show_default=True, help="What is printed.")
@click.option("-o", "--output", metavar="FILE.pdf", help="Where to; FILE.zpl for labels in ZPL, - for PDF on stdout.")
@to_printer
@pass_session
def print_(
    session: Session, store: str, orders: tuple[str, ...], paper: str, output: str | None, printer: str | None
) -> int:
    """Print papers of orders of STORE, by the platform's id or number, in the order given. It ships nothing.

    Labels are printed again here; of an order that isn't shipped, `crossdock ship --label` prints the label. Slips and
    pick lists can be printed beforehand. What can't be printed is named, and the rest is printed all the same.

    \b
    Examples:
      crossdock print acme-au 1234 -o label.pdf
      crossdock print acme-au 1234 1235 1236 --paper slip -o slips.pdf
      crossdock print acme-au 1234 1235 --paper picklist -o - | lp
      crossdock print acme-au 1234 --printer bench-1
    """
    from crossdock.papers.sheets import Paper  # noqa: PLC0415 -- pydantic: `--help` does without it

    if (output is None) == (printer is None):
        raise click.UsageError("Say where to, either by -o FILE.pdf or by --printer NAME.")
    config = session.config(store)

    with tempfile.TemporaryDirectory(prefix="crossdock-print-") as folder:
        piped = Path(folder, "stdout.pdf")
        file = None if output is None else piped if output == STDOUT else Path(output)

        async def printed(engine: Engine) -> int:
            asked = list(dict.fromkeys(orders))
            done = await engine.printing.orders(store, asked, Paper(paper), target(engine, file, printer))
            return tell(done, CALLED[paper], "stdout" if output == STDOUT else output or f"{printer}", store)

        code = session.run(config, printed)
        if output == STDOUT and piped.exists():
            sys.stdout.buffer.write(piped.read_bytes())
    return code


def target(engine: Engine, file: Path | None, printer: str | None) -> Target:
    """Where papers go. Raises UsageError for an unknown printer."""
    from crossdock.printing import Target  # noqa: PLC0415 -- what draws papers: most commands do without it

    return Target(file=file, printer=engine.config.papers.printer(printer) if printer else None)


def tell(printed: Printed, called: str, where: str, start: str) -> int:
    """The exit code of printing papers that are called so. On stderr: what couldn't be, what is odd, what is there."""
    for words in (*printed.failures, *printed.doubts):
        complain(words)
    if printed.papers:
        several = "" if printed.papers == 1 else "s"
        complain(f"{start}: {printed.papers} {called}{several} printed to {where}.")
    return 1 if printed.failures else 0
