"""What hangs below one order: products, addresses, consignments, coupons, fees, taxes, messages, quotes.

Source: V2 Orders reference, the resources of the same names.
"""

from __future__ import annotations

from typing import Any

from .answers import Answer, ApiRequest, Json, encode, invalid_field, json_answer, list_answer, not_found
from .orders_api import embedded, extras_of, visible_order
from .query import paging_from
from .record import Record, lines_of
from .shapes import LINK_BASE, money
from .store import SandboxStore

_COSTS = (
    "base_cost",
    "cost_ex_tax",
    "cost_inc_tax",
    "cost_tax",
    "base_handling_cost",
    "handling_cost_ex_tax",
    "handling_cost_inc_tax",
    "handling_cost_tax",
)


def list_products(store: SandboxStore, request: ApiRequest, order_id: int) -> Answer:
    return list_answer(_page(store, request, lines_of(visible_order(store, order_id).read_parts())))


def get_product(store: SandboxStore, request: ApiRequest, order_id: int, line_id: int) -> Answer:
    return json_answer(_one(lines_of(visible_order(store, order_id).read_parts()), line_id))


def count_products(store: SandboxStore, request: ApiRequest, order_id: int) -> Answer:
    return json_answer({"count": len(lines_of(visible_order(store, order_id).read_parts()))})


def list_addresses(store: SandboxStore, request: ApiRequest, order_id: int) -> Answer:
    """The shipping addresses; 204 for an order that has none, such as a digital one (by analogy with other lists)."""
    return list_answer(_page(store, request, _addresses(store, visible_order(store, order_id))))


def get_address(store: SandboxStore, request: ApiRequest, order_id: int, address_id: int) -> Answer:
    return json_answer(_one(_addresses(store, visible_order(store, order_id)), address_id))


def get_consignments(store: SandboxStore, request: ApiRequest, order_id: int) -> Answer:
    """Always the object structure; lines as links unless `include=consignments.line_items`."""
    include = request.query.get("include", "")
    if include not in {"", "consignments", "consignments.line_items"}:
        raise invalid_field("include")
    parts = embedded(visible_order(store, order_id), with_lines=include == "consignments.line_items")
    links = f"{store.link_base}/stores/{store.store_hash}/v2"
    return Answer(200, encode(parts).replace(LINK_BASE.encode(), links.encode()))


def list_coupons(store: SandboxStore, request: ApiRequest, order_id: int) -> Answer:
    return list_answer(_page(store, request, extras_of(visible_order(store, order_id)).coupons))


def get_fees(store: SandboxStore, request: ApiRequest, order_id: int) -> Answer:
    return json_answer({"fees": extras_of(visible_order(store, order_id)).fees})


def list_taxes(store: SandboxStore, request: ApiRequest, order_id: int) -> Answer:
    """One tax row per shipping address; with `details=true` it also says what kind of line it is for."""
    record = visible_order(store, order_id)
    taxes = extras_of(record).taxes or [
        _tax(record.id, each) for each in record.read_parts()["shipping"] if float(each["cost_tax"] or 0) > 0
    ]
    if request.query.get("details", "").lower() == "true":
        taxes = [each | {"order_product_id": None, "line_item_type": "shipping"} for each in taxes]
    return list_answer(_page(store, request, taxes))


def list_messages(store: SandboxStore, request: ApiRequest, order_id: int) -> Answer:
    messages = extras_of(visible_order(store, order_id)).messages
    if (status := request.query.get("status")) is not None:
        if status not in {"read", "unread"}:
            raise invalid_field("status")
        messages = [each for each in messages if each["status"] == status]
    return list_answer(_page(store, request, messages))


def get_shipping_quotes(store: SandboxStore, request: ApiRequest, order_id: int, address_id: int) -> Answer:
    """204: the sandbox's orders are as if made in the control panel, and those have no quotes."""
    _one(_addresses(store, visible_order(store, order_id)), address_id)
    return Answer(204)


def _addresses(store: SandboxStore, record: Record) -> list[Json]:
    """The shipping consignments in the shape of addresses: costs as strings, and a link that leads to no quotes."""
    addresses = []
    for consignment in record.read_parts()["shipping"]:
        address = {key: value for key, value in consignment.items() if key != "line_items"}
        address["order_id"] = record.id
        address |= {name: money(consignment[name] or 0) for name in _COSTS}
        path = f"/orders/{record.id}/shippingaddresses/{consignment['id']}/shippingquotes"
        address["shipping_quotes"] = {
            "url": f"{store.link_base}/stores/{store.store_hash}/v2{path}",
            "resource": path,
        }
        addresses.append(address)
    return addresses


def _tax(order_id: int, consignment: Json) -> Json:
    return {
        "id": int(consignment["id"]) + 1000,
        "order_id": order_id,
        "order_address_id": consignment["id"],
        "order_pickup_method_id": 0,
        "tax_rate_id": 1,
        "sales_tax_id": "",
        "tax_class_id": 0,
        "name": "Tax",
        "class": "Default Tax Class",
        "rate": "10.0000",
        "priority": 0,
        "priority_amount": money(consignment["cost_tax"]),
        "line_amount": money(consignment["cost_tax"]),
    }


def _page(store: SandboxStore, request: ApiRequest, rows: list[Json]) -> list[Any]:
    paging = paging_from(request.query, clamp=store.behaviour.max_page)
    return rows[paging.skip : paging.skip + paging.limit]


def _one(rows: list[Json], row_id: int) -> Json:
    found = next((row for row in rows if int(row["id"]) == row_id), None)
    if found is None:
        raise not_found()
    return found
