"""The control side: how tests in other processes, other languages and people steer the simulated store over HTTP.

All of it is below `/control` of the server, speaks JSON, needs no token, costs no quota and stays out of the log of
requests. Only a loopback `Host` (and `Origin`, if there is one) is accepted. Wrong input answers 400, or 404 for an
unknown order, with `{"error": "one sentence"}`.

GET    /control                      the state: counts of orders, requests, e-mails, shipments, effects held back; the
                                     e-mails, the unused faults, the settings, and the newest requests (`?requests=N`,
                                     50 by default)
GET    /control/orders               `[{"id", "status_id", "date_modified", "modified", "is_deleted"}]`, ascending by
                                     id (`?status_id=`); `modified` is in unix seconds
GET    /control/orders/{id}          the order in full, with `lines` and `shipments`
POST   /control/orders               `{"generate": N, "seed": S}` adds N generated orders; anything else is one order,
                                     by the arguments of `SandboxStore.add_order`; answers 201 with `{"ids": [...]}`
PATCH  /control/orders/{id}          the arguments of `SandboxStore.edit`, e.g. `{"status_id": 5}`; answers with the
                                     order
POST   /control/orders/{id}/archive  archives the order (`{"visible_after": seconds}` if wished); answers with the order
DELETE /control/orders/{id}          makes the order vanish altogether
GET    /control/shipments            all shipments (`?order_id=`)
GET    /control/requests             the log of requests, oldest first (`?limit=N` newest, `?path=` regular expression)
DELETE /control/requests             empties the log of requests
GET    /control/faults               every fault with how often it was used
POST   /control/faults               one fault, or a list of them, by the arguments of `Faults.add`; an edit is written
                                     `{"kind": "edit", "edit": {"order": 101, "status_id": 5}}`, or with
                                     `"archive": true`, `"remove": true` or `{"add": {…}}`; answers 201 with the queue
DELETE /control/faults               forgets all faults
POST   /control/settings             any of the behaviour switches (`store.Behaviour`), `quota` and `quota_window_s`;
                                     answers with all settings
POST   /control/release              shows the changes that are not visible yet; `{"released": N}`
POST   /control/land                 lets the requests held back by `late` faults take effect; `{"landed": N}`
POST   /control/tokens               `{"scopes": [...]}`, all scopes if left out; answers 201 with a new API account
DELETE /control/tokens/{token}       the token is refused from now on

Dates in arguments are ISO-8601 with an offset; `visible_after` is in seconds, or "never" for until `/control/release`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from .answers import Json
from .documented import ALL_SCOPES
from .shapes import ORDER_FIELDS
from .store import NEVER, SandboxStore
from .times import rfc2822

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
StatusId = Annotated[int, msgspec.Meta(ge=0, le=14)]
_DATES = frozenset({"date_created", "date_modified"})
_ADD_FIELDS = ORDER_FIELDS | {
    "id",
    "status_id",
    "lines",
    "address",
    "addresses",
    "billing",
    "date_modified",
    "visible_after",
    "is_deleted",
}
_EDIT_FIELDS = ORDER_FIELDS | {
    "status_id",
    "lines",
    "remove_lines",
    "address",
    "is_deleted",
    "date_modified",
    "visible_after",
}

_Input = TypeVar("_Input", bound=msgspec.Struct)


class SettingsInput(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /control/settings`: the behaviour switches and the quota, all optional."""

    shipment_moves_status: Literal["never", "complete", "part"] | msgspec.UnsetType = msgspec.UNSET
    archived_in_lists: bool | msgspec.UnsetType = msgspec.UNSET
    max_page: Annotated[int, msgspec.Meta(ge=1)] | msgspec.UnsetType | None = msgspec.UNSET
    xml_by_default: bool | msgspec.UnsetType = msgspec.UNSET
    notified_statuses: frozenset[StatusId] | msgspec.UnsetType = msgspec.UNSET
    refunded_can_ship: bool | msgspec.UnsetType = msgspec.UNSET
    custom_labels: dict[StatusId, str] | msgspec.UnsetType = msgspec.UNSET
    extra_carriers: frozenset[str] | msgspec.UnsetType = msgspec.UNSET
    clock_offset_s: float | msgspec.UnsetType = msgspec.UNSET
    quota: Annotated[int, msgspec.Meta(ge=1)] | msgspec.UnsetType = msgspec.UNSET
    quota_window_s: Annotated[float, msgspec.Meta(gt=0)] | msgspec.UnsetType = msgspec.UNSET


class OrderInput(msgspec.Struct):
    """The kinds of those arguments of an order that have a structure; the order's own fields are taken as they come."""

    id: Annotated[int, msgspec.Meta(ge=1)] | msgspec.UnsetType = msgspec.UNSET
    status_id: StatusId | msgspec.UnsetType = msgspec.UNSET
    lines: list[Json] | msgspec.UnsetType = msgspec.UNSET
    remove_lines: list[int] | msgspec.UnsetType = msgspec.UNSET
    address: Json | msgspec.UnsetType = msgspec.UNSET
    addresses: list[Json] | msgspec.UnsetType = msgspec.UNSET
    billing: Json | msgspec.UnsetType = msgspec.UNSET
    is_deleted: bool | msgspec.UnsetType = msgspec.UNSET
    visible_after: Annotated[float, msgspec.Meta(ge=0)] | Literal["never"] | msgspec.UnsetType = msgspec.UNSET


class FaultInput(msgspec.Struct, forbid_unknown_fields=True):
    """One fault of `POST /control/faults`: the arguments of `Faults.add`."""

    kind: str
    method: str = "*"
    path: str = ""
    times: Annotated[int, msgspec.Meta(ge=1)] | None = 1
    skip: Annotated[int, msgspec.Meta(ge=0)] = 0
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    seconds: Annotated[float, msgspec.Meta(ge=0)] | None = None
    effect: bool | None = None
    edit: dict[str, Any] | None = None
    when: Literal["before", "after"] = "before"
    name: str = ""


class TokenInput(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /control/tokens`."""

    scopes: list[str] | None = None


class _WrongInput(Exception):
    """Answered as 400 (or 404) with its sentence."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


def add_control(app: web.Application, store: SandboxStore) -> None:
    """Put the control side of `store` below `/control` of `app`."""
    control = _Control(store)
    routes: list[tuple[str, str, Callable[[web.Request], Any]]] = [
        ("GET", "", control.state),
        ("GET", "/orders", control.list_orders),
        ("POST", "/orders", control.add_orders),
        ("GET", "/orders/{id:\\d+}", control.get_order),
        ("PATCH", "/orders/{id:\\d+}", control.edit_order),
        ("DELETE", "/orders/{id:\\d+}", control.remove_order),
        ("POST", "/orders/{id:\\d+}/archive", control.archive_order),
        ("GET", "/shipments", control.list_shipments),
        ("GET", "/requests", control.list_requests),
        ("DELETE", "/requests", control.clear_requests),
        ("GET", "/faults", control.list_faults),
        ("POST", "/faults", control.add_faults),
        ("DELETE", "/faults", control.clear_faults),
        ("POST", "/settings", control.change_settings),
        ("POST", "/release", control.release),
        ("POST", "/land", control.land),
        ("POST", "/tokens", control.add_token),
        ("DELETE", "/tokens/{token}", control.revoke_token),
    ]
    for method, path, handler in routes:
        app.router.add_route(method, f"/control{path}", _guarded(store, handler))
    app.router.add_route("*", "/control{rest:.*}", _guarded(store, _unknown))


async def _unknown(request: web.Request) -> Any:
    raise _WrongInput(f"There is no {request.method} {request.path} here; the control side lists what there is.", 404)


def _guarded(store: SandboxStore, handler: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.Response:
        if not _is_local(request):
            return _json({"error": "The control side answers to loopback names only, such as 127.0.0.1."}, 403)
        store.settle()
        try:
            value, status = _with_status(await handler(request))
        except _WrongInput as error:
            return _json({"error": str(error)}, error.status)
        except KeyError as error:
            return _json({"error": str(error.args[0])}, 404)
        except (ValueError, TypeError, IndexError, AttributeError) as error:
            return _json({"error": f"That can't be used: {error}"}, 400)
        return _json(value, status)

    return answer


def _with_status(value: Any) -> tuple[Any, int]:
    return value if isinstance(value, tuple) else (value, 200)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")


def _is_local(request: web.Request) -> bool:
    """Whether Host and Origin name the loopback: so no web page reaches the control side by a trick of DNS."""
    host = urlsplit(f"//{request.headers.get('Host', '')}").hostname
    origin = request.headers.get("Origin")
    return host in _LOOPBACK and (origin is None or urlsplit(origin).hostname in _LOOPBACK)


class _Control:
    def __init__(self, store: SandboxStore) -> None:
        self._store = store

    async def state(self, request: web.Request) -> Json:
        store = self._store
        shipments = sum(1 for _ in store.all_shipments())
        newest = _whole(request.query.get("requests", "50"), "requests")
        return {
            "orders": len(store.index),
            "requests": len(store.requests),
            "shipments": shipments,
            "emails": len(store.emails),
            "held_back": store.held_back,
            "time": store.time(),
            "email_log": store.emails,
            "request_log": [_request_json(each) for each in (store.requests[-newest:] if newest else [])],
            "unused_faults": [each.describe() for each in store.faults.unused],
            "settings": self._settings(),
        }

    async def list_orders(self, request: web.Request) -> list[Json]:
        status = request.query.get("status_id")
        ids = self._store.order_ids(status_id=None if status is None else _whole(status, "status_id"))
        return [
            {
                "id": record.id,
                "status_id": record.status_id,
                "date_modified": rfc2822(record.modified),
                "modified": record.modified,
                "is_deleted": record.is_deleted,
            }
            for record in map(self._store.record, ids)
        ]

    async def add_orders(self, request: web.Request) -> tuple[Json, int]:
        body = await _object(request)
        if "generate" in body:
            _refuse_unknown(body, frozenset({"generate", "seed"}))
            seed = body.get("seed")
            ids = self._store.generate(
                _whole(body["generate"], "generate"), seed=None if seed is None else _whole(seed, "seed")
            )
        else:
            ids = [self._store.add_order(**_order_arguments(body, _ADD_FIELDS))]
        return {"ids": ids}, 201

    async def get_order(self, request: web.Request) -> Json:
        return self._order(_order_id(request))

    async def edit_order(self, request: web.Request) -> Json:
        order_id = _order_id(request)
        self._store.edit(order_id, **_order_arguments(await _object(request), _EDIT_FIELDS))
        return self._order(order_id)

    async def archive_order(self, request: web.Request) -> Json:
        order_id = _order_id(request)
        body = _order_arguments(await _object(request), frozenset({"visible_after"}))
        self._store.archive(order_id, **body)
        return self._order(order_id)

    async def remove_order(self, request: web.Request) -> Json:
        self._store.remove(_order_id(request))
        return {"removed": _order_id(request)}

    async def list_shipments(self, request: web.Request) -> Any:
        if (order_id := request.query.get("order_id")) is not None:
            return self._store.shipments(_whole(order_id, "order_id"))
        return list(self._store.all_shipments())

    async def list_requests(self, request: web.Request) -> list[Json]:
        found = self._store.requests
        if path := request.query.get("path"):
            pattern = _pattern(path)
            found = [each for each in found if pattern.search(each.path)]
        if (limit := request.query.get("limit")) is not None:
            found = found[-_whole(limit, "limit") :] if _whole(limit, "limit") else []
        return [_request_json(each) for each in found]

    async def clear_requests(self, request: web.Request) -> Json:
        self._store.requests.clear()
        return {}

    async def list_faults(self, request: web.Request) -> list[Json]:
        return [each.describe() for each in self._store.faults]

    async def add_faults(self, request: web.Request) -> tuple[list[Json], int]:
        body = await _body(request)
        wanted = [_converted(each, FaultInput) for each in (body if isinstance(body, list) else [body])]
        edits = [None if each.edit is None else self._edit_of(each.edit) for each in wanted]
        for fault, edit in zip(wanted, edits, strict=True):
            self._store.faults.add(**{**msgspec.structs.asdict(fault), "edit": edit})
        return [each.describe() for each in self._store.faults], 201

    async def clear_faults(self, request: web.Request) -> Json:
        self._store.faults.clear()
        return {}

    async def change_settings(self, request: web.Request) -> Json:
        wanted = _converted(await _object(request), SettingsInput)
        for name, value in msgspec.structs.asdict(wanted).items():
            if value is msgspec.UNSET:
                continue
            if name == "quota":
                self._store.quota.requests = value
            elif name == "quota_window_s":
                self._store.quota.window_s = value
            else:
                setattr(self._store.behaviour, name, value)
        return self._settings()

    async def release(self, request: web.Request) -> Json:
        return {"released": self._store.release()}

    async def land(self, request: web.Request) -> Json:
        return {"landed": self._store.land()}

    async def add_token(self, request: web.Request) -> tuple[Json, int]:
        wanted = _converted(await _object(request), TokenInput)
        account = self._store.new_token(ALL_SCOPES if wanted.scopes is None else wanted.scopes)
        return {**asdict(account), "scopes": sorted(account.scopes)}, 201

    async def revoke_token(self, request: web.Request) -> Json:
        self._store.accounts.revoke(request.match_info["token"])
        return {}

    def _order(self, order_id: int) -> Json:
        return {**self._store.order(order_id), "shipments": self._store.shipments(order_id)}

    def _settings(self) -> Json:
        quota = self._store.quota
        return {**asdict(self._store.behaviour), "quota": quota.requests, "quota_window_s": quota.window_s}

    def _edit_of(self, given: Json) -> Callable[[], object]:
        """The change that an edit fault makes, checked as far as it can be before its time."""
        store = self._store
        if "add" in given:
            to_add = _order_arguments(given["add"], _ADD_FIELDS)
            return lambda: store.add_order(**to_add)
        order_id = _whole(given.get("order"), "order")
        store.record(order_id)
        rest = {name: value for name, value in given.items() if name != "order"}
        if rest.get("remove") is True:
            return lambda: store.remove(order_id)
        if rest.pop("archive", False) is True:
            rest["is_deleted"] = True
        arguments = _order_arguments(rest, _EDIT_FIELDS)
        return lambda: store.edit(order_id, **arguments)


def _request_json(seen: Any) -> Json:
    return {
        "at": seen.at,
        "method": seen.method,
        "path": seen.path,
        "query": seen.query,
        "body": seen.body.decode(errors="replace"),
        "status": seen.status,
    }


def _order_id(request: web.Request) -> int:
    return int(request.match_info["id"])


async def _body(request: web.Request) -> Any:
    raw = await request.read()
    if not raw:
        return {}
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise _WrongInput(f"The body is no JSON: {error}.") from None


async def _object(request: web.Request) -> Json:
    body = await _body(request)
    if not isinstance(body, dict):
        raise _WrongInput("The body must be a JSON object.")
    return body


def _refuse_unknown(body: Mapping[str, Any], known: frozenset[str]) -> None:
    for name in body:
        if name not in known:
            raise _WrongInput(f"There is no `{name}` here; there are {', '.join(sorted(known))}.")


def _order_arguments(body: Any, known: frozenset[str]) -> Json:
    """The arguments of `add_order` or `edit` from JSON: dates and `visible_after` become what those take."""
    if not isinstance(body, dict):
        raise _WrongInput("An order is a JSON object.")
    _refuse_unknown(body, known)
    _converted(body, OrderInput)
    arguments = dict(body)
    for name in _DATES & set(arguments):
        arguments[name] = _moment(name, arguments[name])
    if arguments.get("visible_after") == "never":
        arguments["visible_after"] = NEVER
    return arguments


def _moment(name: str, value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _WrongInput(f"`{name}` must be an ISO-8601 time with an offset, not {value!r}.") from None
    if moment.tzinfo is None:
        raise _WrongInput(f"`{name}` lacks its offset: {value!r}; add Z for UTC.")
    return moment


def _whole(value: Any, name: str) -> int:
    if isinstance(value, str) and value.isdigit():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _WrongInput(f"`{name}` must be a whole number, not {value!r}.")
    return value


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise _WrongInput(f"`path` {text!r} is no regular expression: {error}.") from None


def _converted(value: Any, wanted: type[_Input]) -> _Input:
    """The body as the given type. Raises _WrongInput with the place and what would be right."""
    try:
        return msgspec.convert(value, wanted, str_keys=True)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$.")
        name = f"`{place.rstrip('`')}`" if place else "That"
        raise _WrongInput(f"{name} can't be used: {reason}.") from None
