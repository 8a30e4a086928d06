"""Which resource answers which method and path, and which scope it needs; the way of a request through the platform."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from . import hooks_api, order_parts_api, orders_api, shipments_api, store_api
from .answers import Answer, ApiError, ApiRequest, as_xml
from .auth import require
from .documented import INFORMATION_READ, ORDERS_MODIFY, ORDERS_READ
from .store import SandboxStore

Handler = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A resource; the groups of `path` are whole numbers and go to the handler in their order."""

    method: str
    path: re.Pattern[str]
    scope: str | None
    handler: Handler
    takes_account: bool = False


def _orders(method: str, path: str, handler: Handler) -> Route:
    scope = ORDERS_READ if method == "GET" else ORDERS_MODIFY
    return Route(method, re.compile(path.replace("{id}", r"(\d+)")), scope, handler)


def _information(path: str, handler: Handler) -> Route:
    return Route("GET", re.compile(path), INFORMATION_READ, handler)


def _hooks(method: str, path: str, handler: Handler) -> Route:
    return Route(method, re.compile(path.replace("{id}", r"(\d+)")), None, handler, takes_account=True)


_ORDER = "/v2/orders/{id}"
_ADDRESS = f"{_ORDER}/shipping_?addresses"

ROUTES: tuple[Route, ...] = (
    _orders("GET", "/v2/orders", orders_api.list_orders),
    _orders("POST", "/v2/orders", orders_api.post_order),
    _orders("DELETE", "/v2/orders", orders_api.delete_all_orders),
    _orders("GET", "/v2/orders/count", orders_api.count_orders),
    _orders("GET", _ORDER, orders_api.get_order),
    _orders("PUT", _ORDER, orders_api.put_order),
    _orders("DELETE", _ORDER, orders_api.delete_order),
    _orders("GET", f"{_ORDER}/products", order_parts_api.list_products),
    _orders("GET", f"{_ORDER}/products/count", order_parts_api.count_products),
    _orders("GET", f"{_ORDER}/products/{{id}}", order_parts_api.get_product),
    _orders("GET", _ADDRESS, order_parts_api.list_addresses),
    _orders("GET", f"{_ADDRESS}/{{id}}", order_parts_api.get_address),
    _orders("GET", f"{_ADDRESS}/{{id}}/shipping_?quotes", order_parts_api.get_shipping_quotes),
    _orders("GET", f"{_ORDER}/consignments", order_parts_api.get_consignments),
    _orders("GET", f"{_ORDER}/consignments/shipping/{{id}}/shipping_?quotes", order_parts_api.get_shipping_quotes),
    _orders("GET", f"{_ORDER}/coupons", order_parts_api.list_coupons),
    _orders("GET", f"{_ORDER}/fees", order_parts_api.get_fees),
    _orders("GET", f"{_ORDER}/taxes", order_parts_api.list_taxes),
    _orders("GET", f"{_ORDER}/messages", order_parts_api.list_messages),
    _orders("GET", f"{_ORDER}/shipments", shipments_api.list_shipments),
    _orders("POST", f"{_ORDER}/shipments", shipments_api.post_shipment),
    _orders("DELETE", f"{_ORDER}/shipments", shipments_api.delete_all_shipments),
    _orders("GET", f"{_ORDER}/shipments/count", shipments_api.count_shipments),
    _orders("GET", f"{_ORDER}/shipments/{{id}}", shipments_api.get_shipment),
    _orders("PUT", f"{_ORDER}/shipments/{{id}}", shipments_api.put_shipment),
    _orders("DELETE", f"{_ORDER}/shipments/{{id}}", shipments_api.delete_shipment),
    _orders("GET", "/v2/order_statuses", store_api.list_statuses),
    _orders("GET", "/v2/order_statuses/{id}", store_api.get_status),
    _information("/v2/store", store_api.get_store),
    _information("/v2/time", store_api.get_time),
    _hooks("POST", "/v3/hooks", hooks_api.create_hook),
    _hooks("GET", "/v3/hooks", hooks_api.list_hooks),
    _hooks("GET", "/v3/hooks/admin", hooks_api.get_admin),
    _hooks("PUT", "/v3/hooks/admin", hooks_api.put_admin),
    _hooks("GET", "/v3/hooks/{id}", hooks_api.get_hook),
    _hooks("PUT", "/v3/hooks/{id}", hooks_api.update_hook),
    _hooks("DELETE", "/v3/hooks/{id}", hooks_api.delete_hook),
)


def answer(store: SandboxStore, request: ApiRequest, *, store_hash: str) -> Answer:
    """The platform's answer to a request, in JSON or, for V2 and clients that don't ask for JSON, in XML."""
    try:
        given = _dispatch(store, request, store_hash)
    except ApiError as error:
        given = error.answer(v2=request.is_v2)
    return as_xml(request, given) if request.is_v2 and _wants_xml(store, request) else given


def _dispatch(store: SandboxStore, request: ApiRequest, store_hash: str) -> Answer:
    if store_hash != store.store_hash:
        raise ApiError(403, "You don't have access to this store.")
    account = store.accounts.signed_in(request.headers.get("x-auth-token"))
    path = request.path.rstrip("/").removesuffix(".json")  # an older edition of V2 named its resources so
    is_known = False
    for route in ROUTES:
        found = route.path.fullmatch(path)
        if found is None:
            continue
        is_known = True
        if route.method == request.method:
            require(account, route.scope)
            numbers = [int(each) for each in found.groups()]
            if route.takes_account:
                return route.handler(store, request, account, *numbers)
            return route.handler(store, request, *numbers)
    if not is_known:
        raise ApiError(404, "The requested resource was not found.")
    if request.method == "PATCH":
        raise ApiError(501, "PATCH is not supported.")
    raise ApiError(405, f"{request.method} is not allowed for this resource.")


def _wants_xml(store: SandboxStore, request: ApiRequest) -> bool:
    if request.path.endswith(".json"):
        return False
    accept = request.headers.get("accept", "").lower()
    if "json" in accept:
        return False
    if accept.strip() in {"", "*/*"}:
        return store.behaviour.xml_by_default
    return "xml" in accept
