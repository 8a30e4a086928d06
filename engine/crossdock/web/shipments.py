"""The Shipments page: which orders there are, found and chosen, and what is done with many of them at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import web

from crossdock.engine import Engine
from crossdock.errors import CrossdockError, UsageError
from crossdock.model import ConsignmentKind, Order, moment
from crossdock.papers.sheets import Paper
from crossdock.printing import OrderRef, Printed, Target
from crossdock.shipping import ShipRequest
from crossdock.spreadsheet import COLUMNS, row
from crossdock.state import LARGEST_ID, StoredOrder
from crossdock.state.listing import COUNTED_MOST, ListedOrder, ListQuery, Tab
from crossdock.state.shipments import WriteBack, WriteBackState
from crossdock.web.jobs import JOBS, Job, Sheets, Step
from crossdock.web.order import carriers_of
from crossdock.web.shell import Form, counted, page, path_to, place_of, redirect, text_of
from crossdock.web.site import SESSION, SITE

TABS = {
    Tab.NEW: "New",
    Tab.WAITING: "Waiting",
    Tab.SHIPPED: "Shipped",
    Tab.CLOSED: "Cancelled / On hold",
    Tab.ALL: "All",
}
PAPERS = {Paper.LABEL: "Labels", Paper.SLIP: "Packing slips", Paper.PICKUP: "Pickup slips", Paper.PICKLIST: "Pick list"}
MOST_CHOSEN = 1000  # orders in one go
ROWS = (50, 200, 500)  # orders on a page
MOST_PLACES = 2  # that an order goes to; the others are counted
MOST_LINES = 4  # of an order in the list; the others are counted


@dataclass(frozen=True, slots=True)
class Row:
    """An order as the list shows it."""

    listed: ListedOrder
    label: str
    is_fresh: bool

    @property
    def order(self) -> Order:
        """The order itself."""
        return self.listed.stored.order

    @property
    def places(self) -> str:
        """`Perth AU`, `pick up`: where it goes."""
        found = (
            "pick up"
            if one.kind is ConsignmentKind.PICKUP
            else " ".join(part for part in (one.ship_to.city, one.ship_to.country) if part)
            if one.ship_to
            else "by e-mail"
            for one in self.order.consignments
        )
        places = list(dict.fromkeys(found))
        more = f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
        return ", ".join(places[:MOST_PLACES]) + more

    @property
    def services(self) -> str:
        """How the buyer wants it sent."""
        return ", ".join(dict.fromkeys(one.service for one in self.order.consignments if one.service))

    @property
    def items(self) -> list[str]:
        """`2 × Tee (M, Navy)`; what is left to ship, where something is, else all of it."""
        lines = [line for one in self.order.consignments for line in one.lines]
        left = [line for line in lines if line.left_to_ship] or lines
        shown = []
        for line in left[:MOST_LINES]:
            details = ", ".join(text for text in (line.size, line.colour) if text)
            shown.append(f"{line.left_to_ship or line.quantity} × {line.name}{f' ({details})' if details else ''}")
        if len(left) > MOST_LINES:
            shown.append(f"and {len(left) - MOST_LINES} more")
        return shown

    @property
    def told(self) -> WriteBack | None:
        """The latest shipment that there is something to know of: it's under way, or it was refused."""
        of_note = [one for one in self.listed.shipments if not one.is_finished or one.state is WriteBackState.REFUSED]
        return of_note[-1] if of_note else None


def add_shipments(app: web.Application) -> None:
    """Has the app list orders, and ship and print many."""
    app.router.add_get("/shipments", show_list)
    app.router.add_post("/shipments/ship", ship_many)
    app.router.add_post("/shipments/print", print_many)
    app.router.add_post("/shipments/export.csv", export)
    app.router.add_get("/write-backs", show_write_backs)


async def show_list(request: web.Request) -> web.StreamResponse:
    """The list; or the order itself, where what was scanned or typed is exactly one."""
    engine, asked = request.app[SITE].engine, request.query
    if not engine.config.stores and not request.app[SITE].reading().broken_stores:
        return redirect(request, "/settings/integrations/new")
    search = " ".join(asked.get("search", "").split())
    if search and "place" not in asked:
        exact = [one for one in await engine.state.found(search) if one[0] in engine.config.stores]
        if len(exact) == 1:
            return redirect(request, path_to("orders", *exact[0]))
    query = _query(engine, request, search)
    listed = await engine.state.listing(query)
    facets = await engine.state.facets(query.store)
    since = _since(asked.get("since", ""))
    labels = {name: store.label for name, store in engine.config.stores.items()}
    rows = [
        Row(one, labels.get(one.stored.store, one.stored.store), since is not None and one.stored.imported_at >= since)
        for one in listed.orders
    ]
    return await page(
        request,
        "shipments.html",
        query=query,
        listed=listed,
        rows=rows,
        tabs=[
            (tab, name, _count(listed.counts.get(tab, 0)), _link(query, tab=tab.value)) for tab, name in TABS.items()
        ],
        facets=facets,
        sizes=ROWS,
        stores=sorted(labels.items(), key=lambda one: one[1].casefold()),
        previous=_link(query, place=listed.before) if listed.before else "",
        following=_link(query, place=listed.after) if listed.after else "",
        turned=_link(replace(query, newest_first=not query.newest_first)),
        carriers=carriers_of(engine),
        searched=search,
        here_again=_link(query, place=query.place),
    )


def _query(engine: Engine, request: web.Request, search: str) -> ListQuery:
    asked = request.query
    store = asked.get("store") or None
    if store is not None:
        engine.store(store)
    try:
        tab = Tab(asked.get("tab") or Tab.NEW)
    except ValueError:
        raise UsageError(f"There is no such tab; the tabs are {', '.join(TABS.values())}.") from None
    return ListQuery(
        tab=tab,
        store=store,
        country=asked.get("country") or None,
        service=asked.get("service") or None,
        pickup=bool(asked.get("pickup")),
        search=search,
        newest_first=asked.get("sort", "") == "newest" or (not asked.get("sort") and tab in (Tab.SHIPPED, Tab.ALL)),
        place=asked.get("place") or None,
        limit=_rows(asked.get("rows", "")),
    )


def _rows(text: str) -> int:
    """How many orders a page has."""
    if text in map(str, ROWS):
        return int(text)
    return ROWS[0]


def _link(query: ListQuery, *, tab: str | None = None, place: str | None = None) -> str:
    """The address of a list: everything that it was narrowed by stands in it."""
    return path_to(
        "shipments",
        tab=tab or query.tab.value,
        store=query.store,
        country=query.country,
        service=query.service,
        pickup="1" if query.pickup else None,
        search=query.search or None,
        sort=("newest" if query.newest_first else "oldest") if tab is None else None,
        rows=query.limit if query.limit != ROWS[0] else None,
        place=place,
    )


def _since(text: str) -> datetime | None:
    try:
        return moment(text) if text else None
    except ValueError:
        return None


def _count(count: int) -> str:
    return f"{COUNTED_MOST:,}+" if count >= COUNTED_MOST else f"{count:,}"


# --- many at once ---


async def ship_many(request: web.Request) -> web.Response:
    """Ships all that is chosen, each with its number if one was given, and makes their labels."""
    engine, form = request.app[SITE].engine, await request.post()
    chosen, back = _chosen(engine, form), _back(form)
    if not chosen:
        return redirect(request, back, said="No order is selected: select some first.")
    if not text_of(form, "carrier"):
        stored = [one for ref in chosen if (one := await engine.state.order(*ref)) is not None]
        return await _ship_form(request, stored, back)
    requests = [
        (
            name,
            ShipRequest(
                order=order,
                carrier=text_of(form, "carrier"),
                tracking=text_of(form, f"tracking-{name}/{order}") or None,
            ),
        )
        for name, order in chosen
    ]
    request[SESSION].carrier = text_of(form, "carrier")
    job = request.app[JOBS].start(
        partial(_ship_all, engine, requests),
        form,
        title=f"Ship {counted(len(chosen), 'order')}",
        back=back,
        steps={f"{name}/{order}": await _step(engine, name, order) for name, order in chosen},
    )
    return redirect(request, path_to("jobs", job.id))


async def _ship_form(request: web.Request, stored: Sequence[StoredOrder], back: str) -> web.Response:
    engine, carrier = request.app[SITE].engine, request[SESSION].carrier
    return await page(request, "ship.html", orders=stored, back=back, carriers=carriers_of(engine), carrier=carrier)


async def _step(engine: Engine, name: str, order: str) -> Step:
    stored = await engine.state.order(name, order)
    number = order if stored is None else stored.order.number
    return Step(name=f"{engine.store(name).label} {number}", link=path_to("orders", name, order))


async def _ship_all(engine: Engine, requests: Sequence[tuple[str, ShipRequest]], job: Job) -> str:
    """One order after the other, then all labels in that order. The stores are told meanwhile, by the workers."""
    made: list[WriteBack] = []
    for name, asked in requests:
        key = f"{name}/{asked.order}"
        job.note(key, replace(job.steps[key], state="running"))
        try:
            done = await engine.dispatch.ship(name, asked)
        except CrossdockError as error:
            job.note(key, replace(job.steps[key], state="failed", words=str(error).removeprefix(f"{name}: ")))
            continue
        made.append(done.row)
        lead = "shipped" if done.is_new else "shipped already"
        words = "; ".join([f"{lead} by {done.row.shipment.carrier}", *done.warnings])
        job.note(key, replace(job.steps[key], state="done", words=words))
    failed = len(requests) - len(made)
    words = f"{counted(len(made), 'order')} shipped" + (f", {failed} not: see below." if failed else ".")
    labelled = [row for row in made if not row.sets_aside]
    if labelled:
        try:
            words += await _made(job, "labels.pdf", partial(engine.printing.labels, labelled))
        except (CrossdockError, OSError) as error:  # what is shipped is shipped, whatever becomes of its label
            job.doubts = (str(error),)
            words += " The labels could not be made: see below; Labels again makes them, under Waiting and Shipped."
    return words


async def print_many(request: web.Request) -> web.Response:
    """Makes papers for all that is chosen; nothing is shipped by it."""
    engine, form = request.app[SITE].engine, await request.post()
    chosen, back = _chosen(engine, form), _back(form)
    if not chosen:
        return redirect(request, back, said="No order is selected: select some first.")
    try:
        paper = Paper(text_of(form, "paper"))
    except ValueError:
        raise UsageError("It isn't clear what is to be printed: go back and choose a paper.") from None

    async def work(job: Job) -> str:
        words = await _made(job, f"{paper.value}.pdf", lambda target: engine.printing.chosen(chosen, paper, target))
        for key, step in job.steps.items():
            job.note(key, replace(step, state="done"))
        return f"{PAPERS[paper]} for {counted(len(chosen), 'order')}.{words}"

    job = request.app[JOBS].start(
        work, form, title=PAPERS[paper], back=back, steps={"papers": Step(name=PAPERS[paper])}
    )
    return redirect(request, path_to("jobs", job.id))


async def _made(job: Job, name: str, printed_to: Callable[[Target], Awaitable[Printed]]) -> str:
    """Makes papers for a job; what couldn't be made, in words that follow others."""
    with TemporaryDirectory(prefix="crossdock-page-") as folder:
        path = Path(folder, name)
        printed = await printed_to(Target(file=path))
        if printed.papers:
            job.sheets = Sheets.taken_from(path)
    job.doubts = (*printed.failures, *printed.doubts)
    return f" {counted(len(printed.failures), 'paper')} could not be made: see below." if printed.failures else ""


def _chosen(engine: Engine, form: Form) -> list[OrderRef]:
    """The orders that are ticked, in the order of the list. Raises UsageError."""
    found = []
    for value in form.getall("order", []):
        name, _, order = str(value).partition("/")
        found.append((engine.store(name).name, order))
    if len(found) > MOST_CHOSEN:
        raise UsageError(f"{len(found):,} orders are selected; choose at most {MOST_CHOSEN:,} in one go.")
    return list(dict.fromkeys(found))


def _back(form: Form) -> str:
    """Where the person came from: a list of ours, and nothing else."""
    back = text_of(form, "back")
    return back if back.startswith("/shipments?") and back.isprintable() else "/shipments"


async def export(request: web.Request) -> web.Response:
    """What is chosen as a CSV file that no spreadsheet takes for formulas."""
    engine, form = request.app[SITE].engine, await request.post()
    chosen = _chosen(engine, form)
    if not chosen:
        return redirect(request, _back(form), said="No order is selected: select some first.")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for name, order in chosen:
        stored = await engine.state.order(name, order)
        if stored is not None:
            writer.writerow(row(stored))
    headers = {"Content-Disposition": 'attachment; filename="orders.csv"', "Cache-Control": "no-store"}
    return web.Response(
        body=text.getvalue().encode("utf-8-sig"), content_type="text/csv", charset="utf-8", headers=headers
    )


# --- what stores were told ---


async def show_write_backs(request: web.Request) -> web.Response:
    """Shipments by how far their stores were told of them."""
    engine = request.app[SITE].engine
    store = request.query.get("store") or None
    if store is not None:
        engine.store(store)
    try:
        state = WriteBackState(request.query["state"]) if request.query.get("state") else None
    except ValueError:
        raise UsageError(f"There is no such state; the states are {', '.join(WriteBackState)}.") from None
    before = place_of(request.query.get("before", ""))
    first = LARGEST_ID if before is None else before
    rows = await engine.state.writebacks_before(first, store=store, state=state, limit=MOST_SHOWN)
    narrowed = {"store": store, "state": None if state is None else state.value}
    return await page(
        request,
        "write_backs.html",
        rows=rows,
        states=list(WriteBackState),
        state=state,
        store=store,
        stores=engine.config.stores,
        following=path_to("write-backs", **narrowed, before=rows[-1].id) if len(rows) == MOST_SHOWN else "",
        newest=path_to("write-backs", **narrowed) if before is not None else "",
    )


MOST_SHOWN = 100
