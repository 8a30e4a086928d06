"""The JSON API: what the command line does, for programs. Its document is made from the same table of routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web

from crossdock.engine import Engine, ImportRequest
from crossdock.errors import (
    ActionNeededError,
    CrossdockError,
    PluginError,
    RefusedError,
    RetryableError,
    StateError,
    UsageError,
    did_you_mean,
)
from crossdock.model import order_to_json
from crossdock.reports import report_to_json, store_to_json
from crossdock.shipping import ShipRequest
from crossdock.state import LARGEST_ID, run_to_json
from crossdock.state.listing import ListQuery, Tab
from crossdock.state.shipments import WriteBack, WriteBackState, writeback_to_json
from crossdock.timetable import next_run
from crossdock.web.site import SITE

AT = "/api/v1"
MOST = 200  # of a list, at once

Days = Annotated[int, msgspec.Meta(ge=1, le=3650)]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=999_999)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class ImportBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is to be imported: what changed; or, in its place, open orders of so many days, or one order by its id."""

    store: Text
    days: Days | None = None
    order: Text | None = None
    dry_run: bool = False


class ShipmentBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is to be shipped. Without `lines`, by their ids, it's all that is left of the consignment."""

    store: Text
    order: Text
    carrier: Text
    tracking: Text | None = None
    consignment: Text | None = None
    lines: dict[str, Quantity] | None = None


class StoreBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """At which store."""

    store: Text


class TrackBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The number that a shipment has in truth."""

    store: Text
    tracking: Text


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered."""

    body: object
    status: int = 200


Handler = Callable[[web.Request, Engine], Awaitable[Answer | web.Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A parameter that may stand in the address, and the JSON Schema of its values."""

    name: str
    words: str
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One thing that can be asked for. `answers` are the schemas of its answers by their status."""

    method: str
    path: str
    name: str
    words: str
    handler: Handler
    answers: Mapping[int, str]
    queries: tuple[Query, ...] = ()
    body: type[msgspec.Struct] | None = None


def add_api(app: web.Application) -> None:
    """Has the app answer programs."""
    for route in ROUTES:
        app.router.add_route(route.method, f"{AT}{route.path}", _answering(route.handler))
    app.router.add_route("*", f"{AT}/{{rest:.*}}", _nothing)


def _answering(handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler with its errors told as JSON."""

    async def answering(request: web.Request) -> web.StreamResponse:
        try:
            answer = await handler(request, request.app[SITE].engine)
        except CrossdockError as error:
            return problem(status_of(error), type(error).__name__, str(error))
        return answer if isinstance(answer, web.Response) else _json(answer.body, answer.status)

    return answering


async def _nothing(request: web.Request) -> web.Response:
    return problem(404, "NotFound", f"There is nothing at {request.path}; see {AT}/openapi.json.")


def problem(status: int, kind: str, words: str) -> web.Response:
    """An error as the API tells it."""
    return _json({"error": {"kind": kind, "words": words}}, status)


def _json(body: object, status: int) -> web.Response:
    content = msgspec.json.encode(body) + b"\n"
    headers = {"Cache-Control": "no-store"}
    return web.Response(body=content, status=status, content_type="application/json", headers=headers)


class NotHereError(CrossdockError):
    """What was asked for isn't here."""


def status_of(error: CrossdockError) -> int:
    """With which status an error is answered."""
    match error:
        case NotHereError():
            return 404
        case RefusedError():
            return 409
        case RetryableError() | StateError():
            return 503
        case ActionNeededError() | PluginError():
            return 502
        case _:
            return 400


BodyT = TypeVar("BodyT", bound=msgspec.Struct)


async def _body(request: web.Request, kind: type[BodyT]) -> BodyT:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.ValidationError as error:
        words = str(error)
        _, _, unknown = words.partition("unknown field `")
        near = did_you_mean(unknown.partition("`")[0], kind.__struct_fields__) if unknown else ""
        raise UsageError(f"The body isn't right: {words}{near}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The body is no JSON: {error}") from None


def _number(request: web.Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= most):
        raise UsageError(f"{name}: should be a whole number from 1 to {most:,}.")
    return int(text)


def _is_asked(request: web.Request, name: str) -> bool:
    text = request.query.get(name, "false")
    if text not in ("true", "false"):
        raise UsageError(f"{name}: should be true or false.")
    return text == "true"


def _store(request: web.Request, engine: Engine) -> str | None:
    name = request.query.get("store")
    return None if name is None else _known(engine, name)


def _known(engine: Engine, name: str) -> str:
    if name not in engine.config.stores:
        known = ", ".join(sorted(engine.config.stores)) or "none yet"
        raise NotHereError(f"{name}: stores.yaml has no store of this name; its stores are: {known}.")
    return name


async def get_stores(_: web.Request, engine: Engine) -> Answer:
    now = engine.clock.now()
    reports = await engine.stores()
    return Answer({"stores": [store_to_json(one, next_run(one.config, one.standing, now)) for one in reports]})


async def get_orders(request: web.Request, engine: Engine) -> Answer:
    try:
        tab = Tab(request.query.get("tab", Tab.ALL))
    except ValueError:
        raise UsageError(f"tab: should be one of {', '.join(Tab)}.") from None
    query = ListQuery(
        tab=tab,
        store=_store(request, engine),
        country=request.query.get("country") or None,
        service=request.query.get("service") or None,
        pickup=_is_asked(request, "pickup"),
        search=request.query.get("search", ""),
        newest_first=request.query.get("sort") == "newest",
        place=request.query.get("after") or None,
        limit=_number(request, "limit", 50, MOST),
    )
    listed = await engine.state.listing(query)
    orders = [order_to_json(one.stored.store, one.stored.order) for one in listed.orders]
    return Answer({"orders": orders, "next": listed.after})


async def get_order(request: web.Request, engine: Engine) -> Answer:
    store, order = _known(engine, request.match_info["store"]), request.match_info["order"]
    if await engine.state.order(store, order) is None:
        raise NotHereError(f"{store}: order {order} is not here; POST {AT}/imports with its id as order brings it.")
    return Answer(report_to_json(await engine.show(store, order)))


async def get_why(request: web.Request, engine: Engine) -> Answer:
    store, order = _known(engine, request.match_info["store"]), request.match_info["order"]
    return Answer({"store": store, "order": order, "why": await engine.why(store, order)})


async def post_collected(request: web.Request, engine: Engine) -> Answer:
    store, order = _known(engine, request.match_info["store"]), request.match_info["order"]
    if await engine.state.order(store, order) is None:
        raise NotHereError(f"{store}: order {order} is not here.")
    return Answer({"shipments": [writeback_to_json(row) for row in await engine.dispatch.collected(store, order)]})


async def post_import(request: web.Request, engine: Engine) -> Answer:
    body = await _body(request, ImportBody)
    if body.days is not None and body.order is not None:
        raise UsageError("days and order exclude each other: an order is brought whatever its age.")
    asked = ImportRequest(days=body.days, order=body.order, dry_run=body.dry_run)
    run = await engine.import_store(_known(engine, body.store), asked)
    return Answer({**run_to_json(run), "dry_run": body.dry_run})


async def get_runs(request: web.Request, engine: Engine) -> Answer:
    before = _number(request, "before", LARGEST_ID, LARGEST_ID)
    limit = _number(request, "limit", 50, MOST)
    runs = await engine.state.runs(store=_store(request, engine), before=before, limit=limit)
    return Answer({"runs": [run_to_json(run) for run in runs], "next": runs[-1].id if len(runs) == limit else None})


async def get_run(request: web.Request, engine: Engine) -> Answer:
    run = await engine.state.find_run(_id(request, "run"))
    if run is None:
        raise NotHereError(f"There is no run {request.match_info['run']}.")
    return Answer(run_to_json(run))


async def post_shipment(request: web.Request, engine: Engine) -> Answer:
    body = await _body(request, ShipmentBody)
    store = _known(engine, body.store)
    if await engine.state.order(store, body.order) is None:
        raise NotHereError(f"{store}: order {body.order} is not here.")
    if body.lines == {}:
        raise UsageError("lines: nothing is chosen; leave it out to ship all that is left.")
    asked = ShipRequest(
        order=body.order,
        carrier=body.carrier,
        tracking=body.tracking,
        consignment=body.consignment,
        lines=body.lines or None,
    )
    done = await engine.dispatch.ship(store, asked)
    return Answer({**writeback_to_json(done.row), "warnings": list(done.warnings)}, 201 if done.is_new else 200)


async def get_shipment(request: web.Request, engine: Engine) -> Answer:
    return Answer(writeback_to_json(await _shipment(request, engine)))


async def get_label(request: web.Request, engine: Engine) -> web.Response:
    content, printed = await engine.printing.label_bytes(await _shipment(request, engine))
    if content is None:
        raise RefusedError(" ".join(printed.failures))
    return web.Response(body=content, content_type="application/pdf", headers={"Cache-Control": "no-store"})


async def post_track(request: web.Request, engine: Engine) -> Answer:
    body = await _body(request, TrackBody)
    row = await _shipment(request, engine, at=body.store)
    return Answer(writeback_to_json(await engine.dispatch.track(row.store, row.id, body.tracking)))


async def post_void(request: web.Request, engine: Engine) -> Answer:
    body = await _body(request, StoreBody)
    row = await _shipment(request, engine, at=body.store)
    return Answer(writeback_to_json(await engine.dispatch.void(row.store, row.id)))


async def post_retry(request: web.Request, engine: Engine) -> Answer:
    row = await _shipment(request, engine)
    (again,) = await engine.dispatch.retry(row.store, [row.id])
    return Answer(writeback_to_json(again))


async def get_writebacks(request: web.Request, engine: Engine) -> Answer:
    state = request.query.get("state")
    try:
        wanted = None if state is None else WriteBackState(state)
    except ValueError:
        raise UsageError(f"state: should be one of {', '.join(WriteBackState)}.") from None
    after, limit = _number(request, "after", 1, LARGEST_ID), _number(request, "limit", 50, MOST)
    first = after if "after" in request.query else 0
    rows = await engine.state.writebacks_after(first, store=_store(request, engine), state=wanted, limit=limit)
    following = rows[-1].id if len(rows) == limit else None
    return Answer({"write_backs": [writeback_to_json(row) for row in rows], "next": following})


async def get_document(request: web.Request, _: Engine) -> Answer:
    from crossdock.web.openapi import document  # noqa: PLC0415 -- it is made of the table below

    return Answer(document(request.app[SITE].version, request.app[SITE].prefix))


def _id(request: web.Request, name: str) -> int:
    text = request.match_info[name]
    if not (text.isascii() and text.isdigit()):
        raise NotHereError(f"There is no {name} {text}: an id is a whole number.")
    return min(int(text[:20]), LARGEST_ID)


async def _shipment(request: web.Request, engine: Engine, *, at: str | None = None) -> WriteBack:
    row = await engine.state.writeback(_id(request, "shipment"))
    if row is None or row.store not in engine.config.stores or at not in (None, row.store):
        raise NotHereError(f"There is no shipment {request.match_info['shipment']}{f' at {at}' if at else ''}.")
    return row


_TEXT: Mapping[str, object] = {"type": "string"}
_LIMIT = Query(name="limit", words="How many at most.", schema={"type": "integer", "minimum": 1, "maximum": MOST})
_AT_STORE = Query(name="store", words="Those of one store.", schema=_TEXT)


def _count(name: str, words: str) -> Query:
    return Query(name=name, words=words, schema={"type": "integer", "minimum": 1, "maximum": LARGEST_ID})


ROUTES = (
    Route(
        method="GET", path="/openapi.json", name="getDocument", words="This document.",
        handler=get_document, answers={200: "Document"},
    ),
    Route(method="GET", path="/stores", name="getStores", words="How each store stands.",
          handler=get_stores, answers={200: "Stores"}),
    Route(
        method="GET", path="/orders", name="getOrders", words="Orders, by the time they were placed.",
        handler=get_orders, answers={200: "Orders"},
        queries=(
            _AT_STORE, _LIMIT,
            Query(name="tab", words="Where they stand at the bench.", schema={"type": "string", "enum": list(Tab)}),
            Query(name="country", words="ISO 3166, where they go.", schema=_TEXT),
            Query(name="service", words="The service that the buyer chose.", schema=_TEXT),
            Query(name="pickup", words="Those alone that the buyer picks up.", schema={"type": "boolean"}),
            Query(name="search", words="Number, name, company, e-mail, SKU, tracking number.", schema=_TEXT),
            Query(name="sort", words="The oldest first, or the newest.",
                  schema={"type": "string", "enum": ["oldest", "newest"]}),
            Query(name="after", words="`next` of the answer before.", schema=_TEXT),
        ),
    ),
    Route(method="GET", path="/orders/{store}/{order}", name="getOrder",
          words="An order by its id or number, with its shipments and its timeline.",
          handler=get_order, answers={200: "OrderReport"}),
    Route(method="GET", path="/orders/{store}/{order}/why", name="getWhy",
          words="Why an order is here, isn't, or doesn't move.", handler=get_why, answers={200: "Why"}),
    Route(method="POST", path="/orders/{store}/{order}/collected", name="postCollected",
          words="The buyer has collected what was set aside.", handler=post_collected, answers={200: "Shipments"}),
    Route(method="POST", path="/imports", name="postImport", words="One import now; answered when it has ended.",
          handler=post_import, answers={200: "Run"}, body=ImportBody),
    Route(method="GET", path="/runs", name="getRuns", words="Runs, newest first.", handler=get_runs,
          answers={200: "Runs"}, queries=(_AT_STORE, _LIMIT, _count("before", "`next` of the answer before."))),
    Route(method="GET", path="/runs/{run}", name="getRun", words="One run.", handler=get_run, answers={200: "Run"}),
    Route(method="POST", path="/shipments", name="postShipment",
          words="Ships. Saying the same twice ships once: 201 where it's new, 200 where it was said before.",
          handler=post_shipment, answers={200: "Shipment", 201: "Shipment"}, body=ShipmentBody),
    Route(method="GET", path="/shipments/{shipment}", name="getShipment", words="One shipment, and how far its store "
          "was told.", handler=get_shipment, answers={200: "Shipment"}),
    Route(method="GET", path="/shipments/{shipment}/label", name="getLabel", words="Its label, as a PDF.",
          handler=get_label, answers={200: "Pdf"}),
    Route(method="POST", path="/shipments/{shipment}/track", name="postTrack",
          words="The shipment has another tracking number.", handler=post_track, answers={200: "Shipment"},
          body=TrackBody),
    Route(method="POST", path="/shipments/{shipment}/void", name="postVoid", words="The shipment isn't going after "
          "all.", handler=post_void, answers={200: "Shipment"}, body=StoreBody),
    Route(method="GET", path="/write-backs", name="getWriteBacks", words="Shipments, oldest first, and how far their "
          "stores were told.", handler=get_writebacks, answers={200: "WriteBacks"},
          queries=(
              _AT_STORE, _LIMIT, _count("after", "`next` of the answer before."),
              Query(name="state", words="Those in one state.", schema={"type": "string", "enum": list(WriteBackState)}),
          )),
    Route(method="POST", path="/write-backs/{shipment}/retry", name="postRetry", words="What isn't told is tried "
          "again now.", handler=post_retry, answers={200: "Shipment"}),
)  # fmt: skip
