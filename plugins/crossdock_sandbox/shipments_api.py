"""`/v2/orders/{id}/shipments`: the documented validation, and what a shipment does to its order.

Sources: V2 Orders reference, POST/PUT shipments (required fields, lengths, providers); earlier V2 docs, shipments
(read-only fields, provider and carrier that contradict each other, the answer to a quantity that is too high).
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from .answers import (
    Answer,
    ApiRequest,
    Json,
    body_object,
    invalid_field,
    json_answer,
    list_answer,
    missing_field,
    not_found,
    read_only_field,
    unsupported_field,
)
from .documented import (
    CARRIERS_OF_PROVIDER,
    COMMENTS_MAX,
    PROVIDERS,
    TRACKING_CARRIERS,
    TRACKING_LINK_MAX,
    TRACKING_NUMBER_MAX,
)
from .orders_api import visible_order
from .query import paging_from
from .record import Record
from .shapes import ADDRESS, money
from .shipments import Shipment, ShippedItem, count_shipped, is_wholly_shipped, status_after_shipping
from .store import SandboxStore
from .times import rfc2822

_READ_ONLY = frozenset(
    {
        "id",
        "order_id",
        "date_created",
        "customer_id",
        "billing_address",
        "shipping_address",
        "shipping_provider_display_name",
        "generated_tracking_link",
    }
)
_TEXT_LIMITS = {
    "tracking_number": TRACKING_NUMBER_MAX,
    "tracking_link": TRACKING_LINK_MAX,
    "comments": COMMENTS_MAX,
    "shipping_method": 250,
    "shipping_provider": 250,
    "tracking_carrier": 250,
}
_WRITABLE = frozenset({*_TEXT_LIMITS, "merchant_shipping_cost", "order_address_id", "items"})


def list_shipments(store: SandboxStore, request: ApiRequest, order_id: int) -> Answer:
    record = visible_order(store, order_id)
    paging = paging_from(request.query, clamp=store.behaviour.max_page)
    shipments = store.shipments(order_id)[paging.skip : paging.skip + paging.limit]
    return list_answer([shipment_json(record, each) for each in shipments])


def get_shipment(store: SandboxStore, request: ApiRequest, order_id: int, shipment_id: int) -> Answer:
    record = visible_order(store, order_id)
    return json_answer(shipment_json(record, _shipment(store, order_id, shipment_id)))


def count_shipments(store: SandboxStore, request: ApiRequest, order_id: int) -> Answer:
    visible_order(store, order_id)
    return json_answer({"count": len(store.shipments(order_id))})


def post_shipment(store: SandboxStore, request: ApiRequest, order_id: int) -> Answer:
    """Creates a shipment: 201 with it. Whatever is refused leaves everything as it was."""
    record = visible_order(store, order_id)
    body = body_object(request)
    _refuse_unknown(body)
    for name in ("order_address_id", "items"):
        if name not in body:
            raise missing_field(name)
    parts = record.read_parts()
    address_id = _checked_address(body["order_address_id"], parts)
    items = _checked_items(body["items"], parts, address_id, refunded_can_ship=store.behaviour.refunded_can_ship)
    fields = _checked_fields(body, store.behaviour.extra_carriers)
    _refuse_contradiction(fields.get("shipping_provider", ""), fields.get("tracking_carrier", ""))
    shipment = ship(store, record, parts, order_address_id=address_id, items=items, **fields)
    store.mail_shipment(record, shipment)
    return json_answer(shipment_json(record, shipment), status=201)


def put_shipment(store: SandboxStore, request: ApiRequest, order_id: int, shipment_id: int) -> Answer:
    """Changes tracking, carrier, comments or address of a shipment; its items can't be changed."""
    record = visible_order(store, order_id)
    shipment = _shipment(store, order_id, shipment_id)
    body = body_object(request)
    if "items" in body:
        raise read_only_field("items")
    _refuse_unknown(body)
    fields = _checked_fields(body, store.behaviour.extra_carriers)
    if "order_address_id" in body:
        fields["order_address_id"] = _checked_address(body["order_address_id"], record.read_parts())
    _refuse_contradiction(
        fields.get("shipping_provider", shipment.shipping_provider),
        fields.get("tracking_carrier", shipment.tracking_carrier),
    )
    for name, value in fields.items():
        setattr(shipment, name, value)
    store.touch(record)
    return json_answer(shipment_json(record, shipment))


def delete_shipment(store: SandboxStore, request: ApiRequest, order_id: int, shipment_id: int) -> Answer:
    """Takes one shipment back; the order keeps its status. Source: Orders overview, deleting shipments."""
    record = visible_order(store, order_id)
    _take_back(store, record, [_shipment(store, order_id, shipment_id)])
    return Answer(204)


def delete_all_shipments(store: SandboxStore, request: ApiRequest, order_id: int) -> Answer:
    record = visible_order(store, order_id)
    _take_back(store, record, store.shipments(order_id))
    return Answer(204)


def ship(
    store: SandboxStore,
    record: Record,
    parts: Json,
    *,
    items: tuple[ShippedItem, ...],
    order_address_id: int,
    **fields: Any,
) -> Shipment:
    """Keep the shipment, count its units as shipped, and move the order's status as the store's behaviour says."""
    shipment = store.add_shipment(
        order_id=record.id, order_address_id=order_address_id, items=items, created=store.time(), **fields
    )
    count_shipped(parts, items, sign=+1)
    _save(store, record, parts)
    status_id = status_after_shipping(record.status_id, parts, moves=store.behaviour.shipment_moves_status)
    # The shipment's own e-mail tells the customer; the change of status that it causes sends no second one.
    store.touch(record, status_id=status_id, mail=False)
    return shipment


def shipment_json(record: Record, shipment: Shipment) -> Json:
    """A shipment as answers show it; `product_id` of its items is 0, as the reference's examples have it."""
    head = record.read_head()
    addresses = {int(each["id"]): each for each in record.read_parts()["shipping"]}
    address = addresses.get(shipment.order_address_id, {})
    return {
        "id": shipment.id,
        "order_id": record.id,
        "customer_id": head["customer_id"],
        "order_address_id": shipment.order_address_id,
        "date_created": rfc2822(shipment.created),
        "tracking_number": shipment.tracking_number,
        "merchant_shipping_cost": shipment.merchant_shipping_cost,
        "shipping_method": shipment.shipping_method or "None",
        "comments": shipment.comments,
        "shipping_provider": shipment.shipping_provider,
        "tracking_carrier": shipment.tracking_carrier,
        "tracking_link": shipment.tracking_link,
        "billing_address": {key: head["billing_address"].get(key, "") for key in ADDRESS},
        "shipping_address": {key: address.get(key, "") for key in ADDRESS},
        "items": [
            {"order_product_id": item.order_product_id, "product_id": 0, "quantity": item.quantity}
            for item in shipment.items
        ],
        "shipping_provider_display_name": shipment.provider_name,
        "generated_tracking_link": shipment.generated_tracking_link,
    }


def _save(store: SandboxStore, record: Record, parts: Json) -> None:
    """Keep the changed lines; `date_shipped` stands only while everything has left."""
    store.save_parts(record, parts)
    head = record.read_head()
    shipped = is_wholly_shipped(parts)
    if shipped != bool(head["date_shipped"]):
        record.write_head(head | {"date_shipped": rfc2822(store.time()) if shipped else ""})


def _take_back(store: SandboxStore, record: Record, shipments: list[Shipment]) -> None:
    if not shipments:
        return
    parts = record.read_parts()
    for shipment in shipments:
        store.drop_shipment(shipment)
        count_shipped(parts, shipment.items, sign=-1)
    _save(store, record, parts)
    store.touch(record)


def _shipment(store: SandboxStore, order_id: int, shipment_id: int) -> Shipment:
    found = next((each for each in store.shipments(order_id) if each.id == shipment_id), None)
    if found is None:
        raise not_found()
    return found


# Validation


def _refuse_unknown(body: Json) -> None:
    for name in body:
        if name in _READ_ONLY:
            raise read_only_field(name)
        if name not in _WRITABLE:
            raise unsupported_field(name)


def _whole(value: Any) -> int | None:
    """An integer, or a string of digits: ids may be sent as either."""
    if isinstance(value, str) and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _checked_address(value: Any, parts: Json) -> int:
    address_id = _whole(value)
    if address_id is None or address_id not in {int(each["id"]) for each in parts["shipping"]}:
        raise invalid_field("order_address_id")
    return address_id


def _checked_items(value: Any, parts: Json, address_id: int, *, refunded_can_ship: bool) -> tuple[ShippedItem, ...]:
    """The items of a new shipment: lines of that address alone, and no more units than can still leave."""
    if not isinstance(value, list) or not value:
        raise invalid_field("items")
    lines = {int(line["id"]): line for each in parts["shipping"] for line in each["line_items"]}
    asked: Counter[int] = Counter()
    for item in value:
        if not isinstance(item, dict):
            raise invalid_field("items")
        for name in ("order_product_id", "quantity"):
            if name not in item:
                raise missing_field(name)
        line_id, quantity = _whole(item["order_product_id"]), _whole(item["quantity"])
        line = lines.get(line_id) if line_id is not None else None
        if line is None or int(line["order_address_id"]) != address_id:
            raise invalid_field("order_product_id")
        if quantity is None or quantity < 1:
            raise invalid_field("quantity")
        asked[int(line["id"])] += quantity
    for line_id, quantity in asked.items():
        _refuse_too_many(lines[line_id], quantity, refunded_can_ship=refunded_can_ship)
    return tuple(ShippedItem(line_id, quantity) for line_id, quantity in asked.items())


def _refuse_too_many(line: Json, quantity: int, *, refunded_can_ship: bool) -> None:
    gone = int(line["quantity_shipped"]) + (0 if refunded_can_ship else int(line["quantity_refunded"]))
    available = max(0, int(line["quantity"]) - gone)
    if quantity > available:
        reason = "The quantity specified is greater than the quantity of the product that is available to ship."
        details = {"invalid_reason": reason, "available_quantity": available, "order_product_id": int(line["id"])}
        raise invalid_field("quantity", details)


def _checked_fields(body: Json, extra_carriers: frozenset[str]) -> Json:
    """The descriptive fields of a shipment, as they are kept."""
    fields: Json = {}
    for name, longest in _TEXT_LIMITS.items():
        if name in body:
            if not isinstance(body[name], str) or len(body[name]) > longest:
                raise invalid_field(name)
            fields[name] = body[name]
    if fields.get("shipping_method") == "":
        raise invalid_field("shipping_method")  # as a shipping product's client has met it; leaving it out is fine
    provider = fields.get("shipping_provider", "")
    if provider not in PROVIDERS and not re.fullmatch(r"carrier_\d+", provider):
        raise invalid_field("shipping_provider")
    carrier = fields.get("tracking_carrier", "")
    if carrier and carrier not in TRACKING_CARRIERS and carrier not in extra_carriers:
        raise invalid_field("tracking_carrier")
    if "merchant_shipping_cost" in body:
        try:
            fields["merchant_shipping_cost"] = money(body["merchant_shipping_cost"])
        except (TypeError, ValueError):
            raise invalid_field("merchant_shipping_cost") from None
    return fields


def _refuse_contradiction(provider: str, carrier: str) -> None:
    """A provider and a carrier that are both given must be the same company, stored ones included."""
    allowed = CARRIERS_OF_PROVIDER.get(provider)
    if carrier and allowed is not None and carrier not in allowed:
        raise invalid_field("tracking_carrier")
