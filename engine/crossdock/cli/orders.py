"""`crossdock orders`, `crossdock show` and `crossdock why`."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import click

from crossdock.cli.outcomes import parcel_in_words
from crossdock.cli.output import complain, json_line, say, stdout, table, table_in_parts
from crossdock.cli.session import Session, pass_session
from crossdock.model import Order, Stage, instant, order_to_json
from crossdock.spreadsheet import COLUMNS, address_in_line, items_in_line, row
from crossdock.state.shipments import WriteBack

if TYPE_CHECKING:
    from crossdock.engine import Engine, OrderReport
    from crossdock.state import StoredOrder

ITEMS_SHOWN = 4  # lines of an order in a table; `show` has all


@click.command()
@click.option("--store", metavar="S", help="Only this store's.")
@click.option("--stage", type=click.Choice([stage.value for stage in Stage]), help="Only those in this stage.")
@click.option("--search", metavar="TEXT", help="Only those with these words in number, name, company, e-mail or SKU.")
@click.option("--format", "form", type=click.Choice(["table", "jsonl", "csv"]), default="table", show_default=True)
@pass_session
def orders(session: Session, store: str | None, stage: str | None, search: str | None, form: str) -> int:
    """List the orders that are here: all of them, unless narrowed.

    \b
    Examples:
      crossdock orders --stage awaiting
      crossdock orders --store acme-au --format jsonl > orders.jsonl
    """

    if search is not None and not search.split():
        raise click.UsageError("--search needs a word to look for.")

    async def listed(engine: Engine) -> int:
        found = engine.orders(store=store, stage=None if stage is None else Stage(stage), search=search)
        await _WRITERS[form](found)
        return 0

    return session.run(session.config(), listed)


async def _write_jsonl(found: AsyncIterator[StoredOrder]) -> None:
    async for stored in found:
        json_line(order_to_json(stored.store, stored.order))


async def _write_csv(found: AsyncIterator[StoredOrder]) -> None:
    writer = csv.writer(stdout(), lineterminator="\n")
    writer.writerow(COLUMNS)
    async for stored in found:
        writer.writerow(row(stored))


FOLDS = ("PLACED", "STATUS", "CUSTOMER", "TO", "ITEMS")


async def _write_table(found: AsyncIterator[StoredOrder]) -> None:
    headings = ("STORE", "NUMBER", "PLACED", "STAGE", "STATUS", "CUSTOMER", "TO", "ITEMS", "TOTAL")
    if not await table_in_parts(headings, found, _table_row, folds=FOLDS):
        complain("no order fits.")


_WRITERS = {"table": _write_table, "jsonl": _write_jsonl, "csv": _write_csv}


def _table_row(stored: StoredOrder) -> tuple[str, ...]:
    order = stored.order
    places = dict.fromkeys(
        ", ".join(part for part in (c.ship_to.city, c.ship_to.country) if part) if c.ship_to else c.kind.value
        for c in order.consignments
    )
    return (
        stored.store,
        order.number,
        order.placed_at.strftime("%Y-%m-%d %H:%M"),
        order.stage.value,
        order.status.name,
        order.customer.name or order.customer.company or order.customer.email or "",
        " | ".join(places),
        items_in_line(order, most=ITEMS_SHOWN),
        _total(order),
    )


def _total(order: Order) -> str:
    return "" if order.total is None else f"{order.total} {order.currency}"


@click.command()
@click.argument("store")
@click.argument("order")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with shipments and timeline.")
@pass_session
def show(session: Session, store: str, order: str, *, as_json: bool) -> int:
    """Show one order of STORE, by the platform's id or its number, with its shipments and its timeline.

    \b
    Examples:
      crossdock show acme-au 1234
      crossdock show acme-au 1234 --json
    """

    async def shown(engine: Engine) -> int:
        report = await engine.show(store, order)
        if as_json:
            from crossdock.reports import report_to_json  # noqa: PLC0415 -- the whole engine: `--help` does without it

            json_line(report_to_json(report), indent=2)
        else:
            _print_report(report)
        return 0

    return session.run(session.config(store), shown)


def _print_report(report: OrderReport) -> None:
    order = report.stored.order
    say(f"{report.stored.store} · order {order.number} · {order.status.name} ({order.stage.value})")
    say(f"placed {instant(order.placed_at)} · modified {instant(order.modified_at)} · {_total(order)}")
    customer = (order.customer.name, order.customer.company, order.customer.email, order.customer.phone)
    say(f"customer: {', '.join(text for text in customer if text) or 'unknown'}")
    if report.aside:
        say(f"the store's latest view of it is not shown here: {report.aside}")
    for words, text in (("message", order.customer_message), ("staff notes", order.staff_notes)):
        if text:
            say(f"{words}: {text}")
    for consignment in order.consignments:
        place = consignment.ship_to or consignment.pickup_from
        where = f" · {address_in_line(place)}" if place else ""
        service = f" · {consignment.service}" if consignment.service else ""
        say(f"\nconsignment {consignment.id} · {consignment.kind.value}{service}{where}")
        table(
            ("LINE", "SKU", "NAME", "OPTIONS", "QTY", "SHIPPED", "REFUNDED", "LEFT"),
            [
                (
                    line.id,
                    line.sku or "",
                    line.name,
                    ", ".join(f"{name}: {text}" for name, text in line.options.items()),
                    str(line.quantity),
                    str(line.quantity_shipped),
                    str(line.quantity_refunded),
                    str(line.left_to_ship),
                )
                for line in consignment.lines
            ],
        )
    if report.shipments:
        say("\nshipments")
    for shipment in report.shipments:
        say(f"  {_shipment_in_words(shipment, order)}")
    say("\ntimeline")
    for event in report.timeline:
        say(f"  {instant(event.at)}  {event.event.replace('_', ' ')}  {event.in_words()}".rstrip())


def _shipment_in_words(row: WriteBack, order: Order) -> str:
    """`7 · confirmed · 2 × MUG-1 by Sendle, S1 · https://…`, and what is to be known of it."""
    lines = {line.id: line for one in order.consignments if one.id == row.shipment.consignment for line in one.lines}
    parts = (str(row.id), row.state.value, parcel_in_words(row, lines), row.shipment.tracking_link, row.reason)
    return " · ".join(part for part in parts if part)


@click.command()
@click.argument("store")
@click.argument("order")
@pass_session
def why(session: Session, store: str, order: str) -> int:
    """Say why an order of STORE is here, isn't here, or doesn't move; the store is asked if needed.

    \b
    Example:
      crossdock why acme-au 1234
    """

    async def told(engine: Engine) -> int:
        say(f"{store} {order}: {await engine.why(store, order)}")
        return 0

    return session.run(session.config(store), told)
