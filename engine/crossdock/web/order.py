"""One order: what is in it and left of it, its shipments, and what a person can do with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from crossdock.engine import Engine, ImportRequest, OrderReport
from crossdock.errors import CrossdockError, UsageError
from crossdock.model import Consignment, Order
from crossdock.shipping import ShipRequest
from crossdock.state import LARGEST_ID
from crossdock.state.shipments import DROPPED, WriteBack, WriteBackState
from crossdock.web.live import stream
from crossdock.web.shell import Form, page, part, path_to, redirect, text_of
from crossdock.web.site import SESSION, SITE

LOOKS_S = 1.0  # between looks how far the store was told
WATCHED_S = 600.0  # after which a page that nobody looks at is told no more


@dataclass(frozen=True, slots=True)
class ShownShipment:
    """A shipment with the names of what is in it."""

    row: WriteBack
    contents: tuple[str, ...]

    @property
    def is_live(self) -> bool:
        """Whether it's going, as far as is known: its label can be printed, its number changed."""
        return self.row.state not in DROPPED and not self.row.is_voiding

    @property
    def is_refused(self) -> bool:
        """Whether the store has refused it."""
        return self.row.state is WriteBackState.REFUSED


def add_order(app: web.Application) -> None:
    """Has the app show one order."""
    at = "/orders/{store}/{order}"
    app.router.add_get(at, show_order)
    app.router.add_get(f"{at}/events", shipments_live)
    app.router.add_post(f"{at}/ship", ship)
    app.router.add_post(f"{at}/refresh", refresh)
    app.router.add_post(f"{at}/collected", collected)
    app.router.add_post("/shipments/{shipment:[0-9]+}/track", track)
    app.router.add_post("/shipments/{shipment:[0-9]+}/void", void)
    app.router.add_post("/shipments/{shipment:[0-9]+}/retry", retry)
    app.router.add_get("/shipments/{shipment:[0-9]+}/label", label)


async def show_order(request: web.Request) -> web.Response:
    """The order; or why there is none, and how it's brought."""
    engine = request.app[SITE].engine
    store, order = request.match_info["store"], request.match_info["order"]
    engine.store(store)
    if await engine.state.order(store, order) is None:
        words = await engine.why(store, order)
        return await page(request, "no_order.html", status=404, store=engine.store(store), order=order, words=words)
    why = await engine.why(store, order) if "why" in request.query else ""
    return await _order_page(request, await engine.show(store, order), why=why)


async def shipments_live(request: web.Request) -> web.StreamResponse:
    """How far the store was told, until it was told all."""
    engine = request.app[SITE].engine
    store, order = request.match_info["store"], request.match_info["order"]
    engine.store(store)

    async def parts() -> AsyncIterator[str]:
        for _ in range(int(WATCHED_S / LOOKS_S)):
            report = await engine.show(store, order)
            yield part(request, "_shipments.html", **_shown(report))
            if all(row.is_finished for row in report.shipments):
                return
            await asyncio.sleep(LOOKS_S)

    return await stream(request, parts())


async def ship(request: web.Request) -> web.Response:
    """Ships what the form says; told is the store by the worker, while the label is printed."""
    engine, form = request.app[SITE].engine, await request.post()
    store, order = request.match_info["store"], request.match_info["order"]
    try:
        asked = ship_request(order, form)
        done = await engine.dispatch.ship(store, asked)
        request[SESSION].carrier = asked.carrier
    except CrossdockError as error:
        report = await engine.show(store, order)
        return await _order_page(request, report, wrong=str(error), typed=texts_of(form), status=400)
    row = done.row
    lead = "Shipped" if done.is_new else "This was shipped already"
    number = f", {row.shipment.tracking_number}" if row.shipment.tracking_number else ""
    warnings = "".join(f" {warning[:1].upper()}{warning[1:].rstrip('.')}." for warning in done.warnings)
    said = f"{lead}: shipment {row.id} by {row.shipment.carrier}{number}.{warnings}"
    return redirect(request, path_to("orders", store, row.shipment.order_id, shipped=row.id), said=said)


def ship_request(order: str, form: Form) -> ShipRequest:
    """What the form asks for. Raises UsageError that names the field."""
    carrier = text_of(form, "carrier")
    if not carrier:
        raise UsageError("Carrier: who takes the parcel? Choose one, or write any carrier's name.")
    lines: dict[str, int] = {}
    for name in form:
        if not name.startswith("line-"):
            continue
        written = text_of(form, name) or "0"
        if not (written.isascii() and written.isdigit() and len(written) < 7):
            raise UsageError(f"Quantity: '{written[:20]}' should be a whole number, 0 or more.")
        if int(written):
            lines[name.removeprefix("line-")] = int(written)
    if not lines and any(name.startswith("line-") for name in form):
        raise UsageError("Quantity: nothing is chosen; give at least one line a quantity.")
    return ShipRequest(
        order=order,
        carrier=carrier,
        tracking=text_of(form, "tracking") or None,
        consignment=text_of(form, "consignment") or None,
        lines=lines or None,
    )


async def refresh(request: web.Request) -> web.Response:
    """Asks the store how the order stands."""
    engine = request.app[SITE].engine
    store, order = request.match_info["store"], request.match_info["order"]
    stored = await engine.state.order(store, order)
    run = await engine.import_store(store, ImportRequest(order=order if stored is None else stored.order.id))
    counts = run.counts
    said = "It is as it was here." if counts.unchanged else "It was brought from the store as it is now."
    if counts.skipped or counts.set_aside:
        said = await engine.why(store, order)
    return redirect(request, path_to("orders", store, order), said=said)


async def collected(request: web.Request) -> web.Response:
    """The buyer has collected what was set aside."""
    engine = request.app[SITE].engine
    store, order = request.match_info["store"], request.match_info["order"]
    await engine.dispatch.collected(store, order)
    return redirect(request, path_to("orders", store, order), said="Noted as collected; the store is being told.")


async def track(request: web.Request) -> web.Response:
    """The shipment has another tracking number."""
    number = text_of(await request.post(), "tracking")

    async def change(engine: Engine, row: WriteBack) -> str:
        changed = await engine.dispatch.track(row.store, row.id, number)
        return f"Shipment {row.id} has the number {changed.shipment.tracking_number}; the store is being told."

    return await _changed(request, change)


async def void(request: web.Request) -> web.Response:
    """The shipment isn't going after all."""

    async def change(engine: Engine, row: WriteBack) -> str:
        await engine.dispatch.void(row.store, row.id)
        return f"Shipment {row.id} is being taken back. An e-mail that the buyer got can't be."

    return await _changed(request, change)


async def retry(request: web.Request) -> web.Response:
    """What a store refused, or couldn't be told, is tried again now."""

    async def change(engine: Engine, row: WriteBack) -> str:
        await engine.dispatch.retry(row.store, [row.id])
        return f"Shipment {row.id} is tried again now."

    return await _changed(request, change)


async def label(request: web.Request) -> web.Response:
    """The label of a shipment, as a PDF."""
    engine, row = request.app[SITE].engine, await _row(request)
    content, printed = await engine.printing.label_bytes(row)
    if content is None:
        raise CrossdockError(" ".join(printed.failures))
    headers = {"Content-Disposition": f'inline; filename="label-{row.id}.pdf"', "Cache-Control": "no-store"}
    return web.Response(body=content, content_type="application/pdf", headers=headers)


async def _changed(request: web.Request, change: Callable[[Engine, WriteBack], Awaitable[str]]) -> web.Response:
    row = await _row(request)
    said = await change(request.app[SITE].engine, row)
    return redirect(request, path_to("orders", row.store, row.shipment.order_id), said=said)


async def _row(request: web.Request) -> WriteBack:
    shipment = int(request.match_info["shipment"][:20])
    row = await request.app[SITE].engine.state.writeback(min(shipment, LARGEST_ID))
    if row is None or row.store not in request.app[SITE].engine.config.stores:
        raise web.HTTPNotFound(text=f"There is no shipment {shipment}.")
    return row


async def _order_page(
    request: web.Request,
    report: OrderReport,
    *,
    why: str = "",
    wrong: str = "",
    typed: Mapping[str, str] | None = None,
    status: int = 200,
) -> web.Response:
    engine = request.app[SITE].engine
    store, order = engine.store(report.stored.store), report.stored.order
    return await page(
        request,
        "order.html",
        status=status,
        store=store,
        stored=report.stored,
        timeline=report.timeline[::-1],
        aside=report.aside,
        ways=_ways(order),
        carriers=carriers_of(engine),
        carrier=request[SESSION].carrier,
        why=why,
        wrong=wrong,
        typed=typed or {},
        shipped=request.query.get("shipped", ""),
        back_office=engine.order_page(store.name, order.id),
        is_paused=store.name in await engine.state.paused(),
        **_shown(report),
    )


def _shown(report: OrderReport) -> dict[str, object]:
    order = report.stored.order
    shipments = [ShownShipment(row, _contents(row, order)) for row in reversed(report.shipments)]
    return {"order": order, "store_name": report.stored.store, "shipments": shipments}


def _ways(order: Order) -> list[tuple[Consignment, int]]:
    """Each consignment, and how many units of it are left to ship."""
    return [(one, sum(line.left_to_ship for line in one.lines)) for one in order.consignments]


def _contents(row: WriteBack, order: Order) -> tuple[str, ...]:
    lines = {line.id: line for one in order.consignments if one.id == row.shipment.consignment for line in one.lines}
    names = {id: line.sku or line.name for id, line in lines.items()}
    return tuple(f"{item.quantity} × {names.get(item.line, item.line)}" for item in row.shipment.items)


def carriers_of(engine: Engine) -> list[str]:
    """What a person can choose for a carrier; any other name can be written as well."""
    config = engine.config
    return sorted({*config.carriers, *(name for name in config.installed_carriers if name != "manual")})


def texts_of(form: Form) -> dict[str, str]:
    """All texts that were typed."""
    return {name: value for name, value in form.items() if isinstance(value, str) and name not in ("csrf", "nonce")}
