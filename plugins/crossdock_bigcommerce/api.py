"""BigCommerce's endpoints: asks, turns refusals into errors that say what to do, gives decoded JSON back.

Knows no Order. Waiting, repeating and the quota are the HTTP client's; what it hands on are answers below 300 and from
400 to 499. Sources: BigCommerce docs, "API status codes" and "Guide to API accounts"; V2 Orders reference.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from html import unescape
from types import MappingProxyType
from typing import TypeAlias

from crossdock import (
    ConnectorError,
    CredentialsError,
    GarbledError,
    HttpClient,
    HttpOptions,
    Json,
    MissingPermission,
    PermissionMissingError,
    Purpose,
    QuotaHeaders,
    RateLimitedError,
    Raw,
    RefusedError,
    Response,
    UnreachableError,
)

from crossdock_bigcommerce.settings import BigCommerceSettings

Params: TypeAlias = "Mapping[str, str | int]"

PAGE = 250  # the most that V2 lists give at once; more is answered with 413, nothing said gets 50
MOST_PAGES = 400  # of one order's lines or shipments: a list without an end is the server's fault
WORDS_LENGTH = 200  # characters of the platform's own words in a message

WHOLE_ORDERS: Params = MappingProxyType(
    {"limit": PAGE, "include": "consignments.line_items", "consignment_structure": "object"}
)
"""Sent with each request for orders unless told otherwise: lines and addresses come along, as an object."""

READ_STORE = "store_v2_information_read_only"
READ_ORDERS = "store_v2_orders_read_only"
MODIFY_ORDERS = "store_v2_orders"
_SCOPE_WORDS = {
    READ_STORE: "'Information & Settings: read-only'",
    READ_ORDERS: "'Orders: read-only'",
    MODIFY_ORDERS: "'Orders: modify'",
}
LOCKED = 423
_SPEAKS_OF_THE_STORE = {401, 403, LOCKED, 429}
_CARRIER_FIELDS = re.compile(r"shipping[_ ]provider|tracking[_ ]carrier", re.IGNORECASE)
_ANSWERS_TO_NOTHING = frozenset(range(400, 500)) - _SPEAKS_OF_THE_STORE
_LEAST_SET = (
    "Scopes can't be added to an API account later: create a new one with 'Information & Settings: read-only' and "
    "'Orders: modify' ('Orders: read-only' is enough without write-back) and put its values into stores.yaml."
)


class CarrierRefusedError(RefusedError):
    """BigCommerce takes the shipment, but not with these words for its carrier. Nothing was done."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One answer to a list of orders; `started_at` is the server's time at which its request began."""

    orders: tuple[Raw, ...]
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """One order as it was at `started_at` by the server's time; `order` is None if the store has none of that id."""

    order: Raw | None
    started_at: datetime


def http_options(settings: BigCommerceSettings) -> HttpOptions:
    """How a BigCommerce store is spoken to. The token alone signs in; the Client ID tells whose requests these are."""
    return HttpOptions(
        base_url=settings.base_url,
        headers={
            "X-Auth-Token": settings.access_token.get_secret_value(),
            "X-Auth-Client": settings.client_id,
            "Accept": "application/json",  # without it several V2 resources answer XML
        },
        quota_headers=QuotaHeaders(
            left="X-Rate-Limit-Requests-Left",
            quota="X-Rate-Limit-Requests-Quota",
            reset_ms="X-Rate-Limit-Time-Reset-Ms",
        ),
    )


class Api:
    """The requests that one store is asked. `store` is its name in `stores.yaml`, with which each message begins.

    Every method raises CredentialsError (401), PermissionMissingError (403), RefusedError (other refusals),
    GarbledError (JSON of another shape), and what the HTTP client raises.
    """

    def __init__(self, http: HttpClient, *, store: str) -> None:
        self.http = http
        self.store = store

    async def store_info(self) -> Raw:
        """`/v2/store`: who the store is, its time zone, currency and units."""
        response = await self._get("/v2/store", doing="to tell about the store", scope=READ_STORE)
        if response.status == 404:
            raise CredentialsError(
                f"{self._at}BigCommerce knows no such store (404 for /v2/store). Check the store hash in api_path: "
                "it is the part after /stores/ of the API Path that was shown when the API account was made."
            )
        return self._object(response, "the store")

    async def list_orders(self, filters: Params, *, whole: bool = True) -> Listed:
        """`/v2/orders` with `filters`: one page, as it comes; none is an empty one (204).

        `filters` go before the standing parameters (`WHOLE_ORDERS`); `whole=False` leaves lines and addresses out.
        """
        standing = WHOLE_ORDERS if whole else {"limit": PAGE}
        response = await self._get(
            "/v2/orders", doing="to list orders", scope=READ_ORDERS, params={**standing, **filters}
        )
        if response.status == 404:
            raise self._refused(response, "to list orders")
        return Listed(self._objects(response, "orders"), response.started_at)

    async def order(self, order_id: str) -> Found:
        """One order with its consignments; None in it where the store has no such order, archived ones perhaps."""
        params = {key: value for key, value in WHOLE_ORDERS.items() if key != "limit"}
        path = f"/v2/orders/{_id(order_id)}"
        response = await self._get(path, doing="to show an order", scope=READ_ORDERS, params=params)
        if response.status in {204, 404}:
            return Found(None, response.started_at)
        return Found(self._object(response, "an order"), response.started_at)

    async def order_products(self, order_id: str) -> tuple[Raw, ...] | None:
        """All lines of an order, in the platform's order; None if there is no such order."""
        return await self._all_of(order_id, "products", "the lines")

    async def shipments(self, order_id: str) -> tuple[Raw, ...] | None:
        """All shipments of an order, whoever made them; None if there is no such order."""
        return await self._all_of(order_id, "shipments", "the shipments")

    async def create_shipment(self, order_id: str, body: Raw) -> Json:
        """BigCommerce's answer to having made the shipment of `body`: that is, as documented, the shipment.

        Sent once: BigCommerce has no key by which it would know a second one, so that a repetition would ship twice.
        Raises CarrierRefusedError where the carrier alone is refused; any error that is neither of a refusal nor of a
        429 leaves open whether it was made.
        """
        doing, what = "to make a shipment", f"order {order_id}"
        path = f"/v2/orders/{_id(order_id)}/shipments"
        response = await self._write("POST", path, body, doing=doing, what=what, repeatable=False)
        return response.json

    async def change_shipment(self, order_id: str, shipment_id: str, body: Raw) -> None:
        """The shipment has the fields of `body`, however often it is asked for. Raises CarrierRefusedError too."""
        doing, what = "to change a shipment", f"shipment {shipment_id} of order {order_id}"
        path = f"/v2/orders/{_id(order_id)}/shipments/{_id(shipment_id, 'shipment')}"
        await self._write("PUT", path, body, doing=doing, what=what, repeatable=True)

    async def delete_shipment(self, order_id: str, shipment_id: str) -> None:
        """The shipment is gone; one that isn't there, be it since an earlier try of this, counts as gone."""
        path = f"/v2/orders/{_id(order_id)}/shipments/{_id(shipment_id, 'shipment')}"  # without it, all would go
        response = await self.http.request("DELETE", path, repeatable=True)
        self._refuse_if(response, "to delete a shipment", MODIFY_ORDERS, unless=(404,))

    async def set_status(self, order_id: str, status_id: int) -> None:
        """The order has this status. Nothing else is sent: lines or fees in the body would undo discounts and fees.

        Repeated where the answer was lost: only a change of status mails the buyer, so that setting the same one twice
        changes nothing and mails once.
        """
        doing, what = "to set an order's status", f"order {order_id}"
        path = f"/v2/orders/{_id(order_id)}"
        await self._write("PUT", path, {"status_id": status_id}, doing=doing, what=what, repeatable=True)

    async def missing_permissions(self) -> tuple[MissingPermission, ...]:
        """What the API account lacks for importing and for writing back, found out without changing anything.

        No endpoint lists a token's scopes, so each is tried. For writing, order 0 is to be changed by nothing
        (`PUT /v2/orders/0` with `{}`): no order has that number, and an empty change of one that had it would change
        nothing and mail nobody. The scope is looked at before the order: 403 without 'Orders: modify', else 404 or
        another refusal. A shipment would need an order, and any DELETE could do harm. Other answers than 403 count as
        permitted: a write that is refused later says so by itself.
        """
        missing = []
        reading = await self.http.request("GET", "/v2/orders", params={"limit": 1})
        if reading.status == 403:
            missing.append(_lack(READ_ORDERS, Purpose.IMPORT, "orders can't be imported"))
        else:
            self._refuse_if(reading, "to list orders", READ_ORDERS, unless=())
        writing = await self.http.request("PUT", "/v2/orders/0", json={}, repeatable=True)
        if writing.status == 403:
            missing.append(_lack(MODIFY_ORDERS, Purpose.WRITE_BACK, "tracking and status can't be written back"))
        else:
            self._refuse_if(writing, "to change an order", MODIFY_ORDERS, unless=_ANSWERS_TO_NOTHING)
        return (*missing[:-1], *(replace(last, words=f"{last.words} {_LEAST_SET}") for last in missing[-1:]))

    @property
    def _at(self) -> str:
        return f"{self.store}: " if self.store else ""

    async def _get(self, path: str, *, doing: str, scope: str, params: Params | None = None) -> Response:
        response = await self.http.request("GET", path, params=params)
        self._refuse_if(response, doing, scope, unless=(404,))
        return response

    async def _all_of(self, order_id: str, kind: str, called: str) -> tuple[Raw, ...] | None:
        """All `kind` of an order; None if there is no such order.

        A short page doesn't end the list, since a server may give less than it is asked for; an empty answer does, and
        so does a page that brings nothing new, in case `page` isn't understood.
        """
        found: dict[str, Raw] = {}
        for page in range(1, MOST_PAGES + 1):
            response = await self._get(
                f"/v2/orders/{_id(order_id)}/{kind}",
                doing=f"to list {called} of an order",
                scope=READ_ORDERS,
                params={"page": page, "limit": PAGE},
            )
            if response.status == 404:
                return tuple(found.values()) if found else None
            before = len(found)
            for number, row in enumerate(self._objects(response, called.removeprefix("the "))):
                found.setdefault(str(row.get("id") or f"{page}/{number}"), row)
            if len(found) == before:
                return tuple(found.values())
        raise GarbledError(
            f"{self._at}BigCommerce's list of {called} of order {order_id} has no end after {MOST_PAGES} pages. "
            "The next run tries again."
        )

    async def _write(self, method: str, path: str, body: Raw, *, doing: str, what: str, repeatable: bool) -> Response:
        response = await self.http.request(method, path, json=dict(body), repeatable=repeatable)
        if response.status == 404:
            raise RefusedError(
                f"{self._at}BigCommerce refused {doing}, because it finds no {what} (404{_quoted(response)}). "
                "See in its control panel whether that was deleted or archived."
            )
        if response.status in {400, 422} and _CARRIER_FIELDS.search(response.text):
            raise CarrierRefusedError(str(self._refused(response, doing)))
        if response.status == LOCKED:  # said in the terms of a pause, as nothing was done: a shipment isn't lost by it
            raise RateLimitedError(str(self.error_of(response, doing, MODIFY_ORDERS)), retry_after_s=60.0)
        self._refuse_if(response, doing, MODIFY_ORDERS, unless=())
        return response

    def _refuse_if(self, response: Response, doing: str, scope: str, *, unless: Container[int]) -> None:
        status = response.status
        if status in {401, 403} or not (200 <= status < 300 or status in unless):
            raise self.error_of(response, doing, scope)

    def error_of(self, response: Response, doing: str, scope: str) -> ConnectorError:
        """The error that a refusal means; `doing` ("to list orders") is what was refused, `scope` what it needs."""
        said = _quoted(response)
        match response.status:
            case 401:
                return CredentialsError(
                    f"{self._at}BigCommerce refused {doing}, because it doesn't know the access token (401{said}). "
                    "Check access_token and that api_path is of the same API account; if the account was deleted, "
                    "create a new one under Settings › Store-level API accounts and put its values into stores.yaml."
                )
            case 403:
                return PermissionMissingError(
                    f"{self._at}BigCommerce refused {doing} (403{said}). Either the store hash in api_path is not that "
                    f"of this API account's store, or the account lacks {_SCOPE_WORDS.get(scope, scope)}, or the store "
                    f"has a new owner. {_LEAST_SET}",
                    scope=scope,
                )
            case status if status == LOCKED:
                return UnreachableError(
                    f"{self._at}BigCommerce holds the store locked (423{said}). The next run tries again; see whether "
                    "the control panel opens."
                )
            case 429 | 509:
                return RateLimitedError(
                    f"{self._at}BigCommerce asks for a pause ({response.status}{said}). The next run tries again.",
                    retry_after_s=60.0,
                )
            case status if status == 408 or status >= 500:  # 408: it gave up waiting, and may have begun all the same
                return UnreachableError(
                    f"{self._at}BigCommerce is out of order ({status}{said}). The next run tries again."
                )
            case _:
                return self._refused(response, doing)

    def _refused(self, response: Response, doing: str) -> RefusedError:
        said = error_words(response)
        words = f"It says: {said}" if said else "It gives no reason."
        return RefusedError(f"{self._at}BigCommerce refused {doing} ({response.status}). {words}")

    def _object(self, response: Response, what: str) -> Raw:
        if isinstance(response.json, dict) and response.json:
            return response.json
        raise self._garbled(response, what, "an object")

    def _objects(self, response: Response, what: str) -> tuple[Raw, ...]:
        if response.status == 204:  # V2's empty list
            return ()
        rows = response.json
        if not isinstance(rows, list):
            raise self._garbled(response, what, "a list")
        objects = tuple(row for row in rows if isinstance(row, dict))
        if len(objects) != len(rows):
            raise self._garbled(response, what, "a list of objects")
        return objects

    def _garbled(self, response: Response, what: str, expected: str) -> GarbledError:
        return GarbledError(
            f"{self._at}BigCommerce's answer about {what} can't be understood: status {response.status} with something "
            f"else than {expected}. The next run tries again."
        )


def _lack(scope: str, purpose: Purpose, so: str) -> MissingPermission:
    words = f"The API account lacks {_SCOPE_WORDS[scope]}: {so}."
    return MissingPermission(scope=scope, needed_for=purpose, words=words)


# --- the platform's words -------------------------------------------------------------------------------------------

_XML_WORDS = re.compile(r"<(message|invalid_reason|conflict_reason|title|detail)>(?:<!\[CDATA\[)?([^<\]]{1,500})", re.I)
_HEADING = re.compile(r"<(?:title|h1)[^>]{0,200}>([^<]{1,300})", re.I)
_UNSEEN = re.compile(r"<(script|style|head)\b.*?(?:</\1\s*>|\Z)", re.I | re.S)
_TAG = re.compile(r"<[^<>]*>")
_EMAIL = re.compile(r"[^\s@<>\"',;:()]{1,64}@[\w.-]+")


def error_words(response: Response) -> str:
    """What BigCommerce says about a refusal, at most 200 characters in one line, without HTML; "" if nothing.

    Understood are V2's list of errors and its bare object, V3's problem object, XML, HTML and text. E-mail addresses
    are left out, should one be quoted.
    """
    parts = list(dict.fromkeys(part for part in _json_words(response.json) if part))
    if not parts and response.json is None:
        parts = _text_words(response.text[:20_000])
    words = " ".join(_EMAIL.sub("…@…", unescape(_TAG.sub(" ", " ".join(parts)))).split())
    words = "".join(sign for sign in words if sign.isprintable())
    return words if len(words) <= WORDS_LENGTH else f"{words[: WORDS_LENGTH - 1]}…"


def _json_words(found: Json) -> list[str]:
    if isinstance(found, list):
        return [word for entry in found[:5] for word in _json_words(entry)]
    if isinstance(found, str):
        return [found]
    if not isinstance(found, dict):
        return []
    words = [_sentence(found.get(key)) for key in ("message", "title", "detail", "error", "error_description")]
    details = found.get("details")
    if isinstance(details, dict):
        words += [_sentence(details.get(key)) for key in ("invalid_reason", "conflict_reason")]
    errors = found.get("errors")
    if isinstance(errors, dict):
        words += [_sentence(f"{field}: {what}") for field, what in list(errors.items())[:5] if isinstance(what, str)]
    elif isinstance(errors, list):
        words += _json_words(errors)
    return words


def _text_words(text: str) -> list[str]:
    if "<" not in text:
        return [text]
    if words := [_sentence(found[1]) for found in _XML_WORDS.findall(text)]:
        return words
    if heading := _HEADING.search(text):
        return [heading[1]]
    return [_TAG.sub(" ", _UNSEEN.sub(" ", text))]


def _sentence(value: Json) -> str:
    """`value` with a full stop, if it is a text: several of them follow each other."""
    words = value.strip() if isinstance(value, str) else ""
    return words if not words or words[-1] in ".!?…" else f"{words}."


def _quoted(response: Response) -> str:
    words = error_words(response).removesuffix(".")
    return f": {words}" if words else ""


def _id(written: str, of: str = "order") -> str:
    """An id as a part of a path; what can't be one must not become another path."""
    if written.isascii() and written.replace("-", "").isalnum():
        return written
    raise RefusedError(f"{written[:40]!r} is no {of} id of BigCommerce: ids are numbers.")
