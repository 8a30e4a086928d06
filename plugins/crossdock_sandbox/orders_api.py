"""`/v2/orders`, `/v2/orders/{id}` and `/v2/orders/count`. Source: V2 Orders reference."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .answers import (
    Answer,
    ApiError,
    ApiRequest,
    Json,
    body_object,
    encode,
    invalid_field,
    json_answer,
    missing_field,
    not_found,
    read_only_field,
    unsupported_field,
)
from .documented import EMBEDDED_LINES, STATUSES
from .query import order_query_from, page_of, paging_from
from .record import Extras, Record, consignments_of
from .shapes import LINK_BASE, ORDER_FIELDS
from .store import SandboxStore
from .times import parse_date, rfc2822

_WRITABLE_TEXT = frozenset(
    {
        "staff_notes",
        "customer_message",
        "external_order_id",
        "payment_method",
        "payment_provider_id",
        "external_source",
        "external_merchant_id",
        "ip_address",
        "ip_address_v6",
        "geoip_country",
        "geoip_country_iso2",
        "customer_locale",
        "tax_provider_id",
        "ebay_order_id",
    }
)
_WRITABLE_MONEY = frozenset(
    {
        "base_handling_cost",
        "base_shipping_cost",
        "base_wrapping_cost",
        "discount_amount",
        "handling_cost_ex_tax",
        "handling_cost_inc_tax",
        "refunded_amount",
        "shipping_cost_ex_tax",
        "shipping_cost_inc_tax",
        "subtotal_ex_tax",
        "subtotal_inc_tax",
        "total_ex_tax",
        "total_inc_tax",
        "wrapping_cost_ex_tax",
        "wrapping_cost_inc_tax",
    }
)
_WRITABLE_WHOLE = frozenset({"customer_id", "channel_id", "items_total", "items_shipped"})
_NOT_SIMULATED = frozenset({"products", "consignments", "fees", "shipping_addresses"})
_READ_ONLY = (
    ORDER_FIELDS
    | {"id", "status", "custom_status", "date_modified", "date_shipped", "coupons", "order_source", "cart_id"}
) - (_WRITABLE_TEXT | _WRITABLE_MONEY | _WRITABLE_WHOLE | _NOT_SIMULATED | {"billing_address", "date_created"})


# Reading


def list_orders(store: SandboxStore, request: ApiRequest) -> Answer:
    query = order_query_from(request.query, archived_in_lists=store.behaviour.archived_in_lists)
    paging = paging_from(request.query, clamp=store.behaviour.max_page)
    render = _Renderer(store, request)
    rows = [render.order(record) for record in page_of(query.run(store.index), paging)]
    return Answer(200, b"[" + b",".join(rows) + b"]") if rows else Answer(204)


def get_order(store: SandboxStore, request: ApiRequest, order_id: int) -> Answer:
    return Answer(200, _Renderer(store, request).order(visible_order(store, order_id)))


def count_orders(store: SandboxStore, request: ApiRequest) -> Answer:
    query = order_query_from(request.query, archived_in_lists=store.behaviour.archived_in_lists)
    has_filters = bool(set(request.query) - {"page", "limit", "sort", "include", "consignment_structure"})
    if has_filters or not store.behaviour.archived_in_lists:
        counts: dict[int, int] = {}
        for record in query.run(store.index):
            counts[record.status_id] = counts.get(record.status_id, 0) + 1
    else:
        counts = dict(store.index.status_counts())
    statuses = []
    for status in sorted(STATUSES.values(), key=lambda each: each.sort_order):
        statuses.append(
            {
                "id": status.id,
                "name": status.name,
                "system_label": status.name,
                "custom_label": store.behaviour.custom_labels.get(status.id, status.name),
                "system_description": status.description,
                "count": counts.get(status.id, 0),
                "sort_order": status.sort_order,
            }
        )
    return json_answer({"statuses": statuses, "count": sum(counts.values())})


def visible_order(store: SandboxStore, order_id: int) -> Record:
    """The order as the API shows it. Raises 404, also for archived ones where those vanish."""
    record = store.index.get(order_id)
    if record is None or (record.is_deleted and not store.behaviour.archived_in_lists):
        raise not_found()
    return record


class _Renderer:
    """Puts orders together from their stored pieces of JSON, with the sub-resources that the request includes."""

    def __init__(self, store: SandboxStore, request: ApiRequest) -> None:
        include = {part.strip() for part in request.query.get("include", "").split(",") if part.strip()}
        if include - {"consignments", "consignments.line_items", "fees"}:
            raise invalid_field("include")
        structure = request.query.get("consignment_structure")
        if structure not in {None, "", "object"}:
            raise invalid_field("consignment_structure")
        self._with_fees = "fees" in include
        self._with_lines = "consignments.line_items" in include
        self._with_consignments = self._with_lines or "consignments" in include
        self._wraps = structure != "object"
        self._store = store
        self._links = f"{store.link_base}/stores/{store.store_hash}/v2"
        self._stored_base = LINK_BASE.encode()

    def order(self, record: Record) -> bytes:
        status = encode(self._store.status_fields(record.status_id))[1:-1]
        start = b'{"id":%d,"date_modified":"%s",%s,"is_deleted":%s,' % (
            record.id,
            rfc2822(record.modified).encode(),
            status,
            b"true" if record.is_deleted else b"false",
        )
        pieces = [start, record.head_json()[1:-1], b',"consignments":', self._consignments(record), b',"fees":']
        pieces.append(self._fees(record))
        for name, resource in (
            ("products", "products"),
            ("shipping_addresses", "shippingaddresses"),
            ("coupons", "coupons"),
        ):
            pieces.append(b',"%s":%s' % (name.encode(), self._link(record.id, resource)))
        pieces.append(b"}")
        return b"".join(pieces)

    def _link(self, order_id: int, resource: str) -> bytes:
        path = f"/orders/{order_id}/{resource}"
        return f'{{"url":"{self._links}{path}","resource":"{path}"}}'.encode()

    def _fees(self, record: Record) -> bytes:
        if not self._with_fees:
            return self._link(record.id, "fees")
        return encode(record.extras.fees if record.extras else [])

    def _consignments(self, record: Record) -> bytes:
        if not self._with_consignments:
            return self._link(record.id, "consignments")
        if self._with_lines and not record.is_long:
            body = record.parts_json()
        else:
            body = encode(embedded(record, with_lines=self._with_lines))
        body = body.replace(self._stored_base, self._links.encode())
        return b"[" + body + b"]" if self._wraps else body


def embedded(record: Record, *, with_lines: bool) -> Json:
    """The consignments as an include gives them: at most 50 lines each with `__warning__`, or links to all of them.

    Source: V2 Orders reference, `orderConsignment_Get`, whose examples show one bare link instead of a list for a
    download or a gift certificate; issue 960 of its repository for the 50 lines.
    """
    parts = record.read_parts()
    for consignment in consignments_of(parts):
        lines = consignment["line_items"]
        if not with_lines:
            links = [_line_link(record.id, int(line["id"])) for line in lines]
            is_bare = "recipient_email" in consignment and len(links) == 1
            consignment["line_items"] = links[0] if is_bare else links
        elif len(lines) > EMBEDDED_LINES:
            consignment["line_items"] = lines[:EMBEDDED_LINES]
            consignment["__warning__"] = {
                "message": f"This consignment has {len(lines)} line items, only {EMBEDDED_LINES} are included here."
            }
    return parts


def _line_link(order_id: int, line_id: int) -> Json:
    path = f"/orders/{order_id}/products/{line_id}"
    return {"url": LINK_BASE + path, "resource": path}


# Writing


def put_order(store: SandboxStore, request: ApiRequest, order_id: int) -> Answer:
    record = visible_order(store, order_id)
    body = body_object(request)
    changes: Json = {}
    for name, value in body.items():
        if name in _READ_ONLY:
            raise read_only_field(name)
        if name in _NOT_SIMULATED:
            raise ApiError(501, f"The sandbox does not simulate changing '{name}' of an order.")
        if name not in {"status_id", "is_deleted"}:
            changes[name] = _checked(name, value)
    status_id = _checked_status(body["status_id"]) if "status_id" in body else None
    is_deleted = body.get("is_deleted")
    if is_deleted is not None and not isinstance(is_deleted, bool):
        raise invalid_field("is_deleted")
    head = record.read_head()
    if (
        head["external_merchant_id"]
        and changes.get("external_merchant_id", head["external_merchant_id"]) != head["external_merchant_id"]
    ):
        raise read_only_field("external_merchant_id")  # write-once
    if "billing_address" in changes:
        changes["billing_address"] = head["billing_address"] | changes["billing_address"]
    if "date_created" in changes:
        record.created = parse_date(changes["date_created"])
        changes["date_created"] = rfc2822(record.created)
    record.write_head(head | changes)
    if is_deleted is not None:
        record.is_deleted = is_deleted
    store.touch(record, status_id=status_id)
    return Answer(200, _Renderer(store, request).order(record))


def delete_order(store: SandboxStore, request: ApiRequest, order_id: int) -> Answer:
    """Archives the order; it stays there by id unless the store hides archived orders."""
    visible_order(store, order_id)
    store.archive(order_id)
    return Answer(204)


def post_order(store: SandboxStore, request: ApiRequest) -> Answer:
    """Creates an order of catalogue or custom products; status 1 Pending unless told otherwise, source `external`."""
    body = body_object(request)
    for name in ("products", "billing_address"):
        if name not in body:
            raise missing_field(name)
    if not isinstance(body["products"], list) or not body["products"]:
        raise invalid_field("products")
    if not isinstance(body["billing_address"], dict):
        raise invalid_field("billing_address")
    addresses = body.get("shipping_addresses") or [body["billing_address"]]
    if not isinstance(addresses, list) or not all(isinstance(each, dict) for each in addresses):
        raise invalid_field("shipping_addresses")
    reserved = {"products", "billing_address", "shipping_addresses", "status_id", "date_created"}
    fields = {}
    for name, value in body.items():
        if name in reserved:
            continue
        if name in _READ_ONLY:
            raise read_only_field(name)
        if name in _NOT_SIMULATED:
            raise ApiError(501, f"The sandbox does not simulate '{name}' when an order is created.")
        fields[name] = _checked(name, value)
    placed = parse_date(_checked("date_created", body["date_created"])) if "date_created" in body else store.time()
    order_id = store.add_order(
        status_id=_checked_status(body.get("status_id", 1)),
        lines=[_line_from_post(each) for each in body["products"]],
        addresses=[_known_address(each) for each in addresses],
        billing=body["billing_address"],
        date_created=datetime.fromtimestamp(placed, UTC),
        order_source="external",
        **fields,
    )
    return Answer(200, _Renderer(store, request).order(store.record(order_id)))


def delete_all_orders(store: SandboxStore, request: ApiRequest) -> Answer:
    """Archives every order."""
    for order_id in store.order_ids(archived=False):
        store.archive(order_id)
    return Answer(204)


def _line_from_post(given: Any) -> Json:
    if not isinstance(given, dict):
        raise invalid_field("products")
    quantity = given.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
        raise invalid_field("quantity") if quantity is not None else missing_field("quantity")
    if "product_id" not in given and "name" not in given:
        raise missing_field("product_id")
    line = {
        key: given[key] for key in ("name", "quantity", "sku", "upc", "name_customer", "name_merchant") if key in given
    }
    line["product_id"] = given.get("product_id", 0)
    line["variant_id"] = given.get("variant_id", 0)
    price = given.get("price_inc_tax", given.get("price_ex_tax"))
    if price is not None:
        line["price"] = float(price)
    return line


def _known_address(given: Json) -> Json:
    names = (
        "first_name",
        "last_name",
        "company",
        "street_1",
        "street_2",
        "city",
        "state",
        "zip",
        "country",
        "country_iso2",
    )
    return {"company": "", "street_2": "", **{key: given[key] for key in (*names, "phone", "email") if key in given}}


def _checked(name: str, value: Any) -> Any:
    """A value for a writable field of the right kind. Raises 400."""
    if name in _WRITABLE_TEXT:
        is_right = isinstance(value, str)
    elif name in _WRITABLE_MONEY:
        is_right = _is_money(value)
        value = f"{float(value):.4f}" if is_right else value
    elif name in _WRITABLE_WHOLE:
        is_right = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    elif name == "billing_address":
        is_right = isinstance(value, dict)
    elif name == "date_created":
        is_right = isinstance(value, str) and _is_date(value)
    else:
        raise unsupported_field(name)
    if not is_right:
        raise invalid_field(name)
    return value


def _is_money(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    try:
        return float(value) >= 0
    except (TypeError, ValueError):
        return False


def _is_date(value: str) -> bool:
    try:
        parse_date(value)
    except (ValueError, OverflowError):
        return False
    return True


def _checked_status(value: Any) -> int:
    """A status id; a numeric string will do, as elsewhere in V2."""
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value not in STATUSES:
        raise invalid_field("status_id")
    return value


def extras_of(record: Record) -> Extras:
    return record.extras or Extras()
