"""Orders, consignments, lines and options in the platform's JSON shape, from what a caller wants to say about them.

Every field that the V2 Orders reference documents is there; what the caller leaves out has the platform's usual empty
value: strings "0.0000" for money on orders and lines, bare numbers for the costs of consignments, `{}`, `[]`, `null` or
"" where the platform has no value. Sources: V2 Orders reference, schemas `order_Resp`, `orderProducts`,
`orderProductOptions`, `orderConsignment_Get`; issue 522 of its repository for the wrapping fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .answers import Json

LINK_BASE = "sandbox-link:/"  # stands in stored links for the server's address, which is not known before it serves


@dataclass(frozen=True, slots=True)
class NextIds:
    """Where new ids come from; each call gives the next one."""

    line: Callable[[], int]
    option: Callable[[], int]
    address: Callable[[], int]
    pickup: Callable[[], int]


def money(value: float | str) -> str:
    return f"{float(value):.4f}"


ADDRESS: Json = {
    "first_name": "Mia",
    "last_name": "Example",
    "company": "",
    "street_1": "1 Sample Street",
    "street_2": "",
    "city": "Perth",
    "state": "Western Australia",
    "zip": "6000",
    "country": "Australia",
    "country_iso2": "AU",
    "phone": "0400 000 000",
    "email": "mia@example.com",
}

PICKUP_LOCATION: Json = {
    "id": 4,
    "name": "Fremantle",
    "code": "FREO",
    "address_line_1": "9 Harbour Street",
    "address_line_2": "",
    "city": "Fremantle",
    "state": "Western Australia",
    "postal_code": "6160",
    "country_alpha2": "AU",
    "email": "fremantle@example.com",
    "phone": "+61 8 5550 0100",
}

_LINE: Json = {
    "product_id": 77,
    "variant_id": 412,
    "upc": "",
    "type": "physical",
    "weight": "0.2500",
    "width": "20.0000",
    "height": "3.0000",
    "depth": "25.0000",
    "base_cost_price": "0.0000",
    "cost_price_inc_tax": "0.0000",
    "cost_price_ex_tax": "0.0000",
    "cost_price_tax": "0.0000",
    "is_refunded": False,
    "quantity_refunded": 0,
    "refund_amount": "0.0000",
    "return_id": 0,
    "wrapping_id": 0,
    "wrapping_name": "",
    "base_wrapping_cost": "0.0000",
    "wrapping_cost_ex_tax": "0.0000",
    "wrapping_cost_inc_tax": "0.0000",
    "wrapping_cost_tax": "0.0000",
    "wrapping_message": "",
    "quantity_shipped": 0,
    "event_name": None,
    "event_date": "",
    "fixed_shipping_cost": "0.0000",
    "ebay_item_id": "",
    "ebay_transaction_id": "",
    "option_set_id": None,
    "parent_order_product_id": None,
    "is_bundled_product": False,
    "bin_picking_number": "",
    "external_id": None,
    "brand": "",
    "gift_certificate_id": None,
}

_ORDER: Json = {
    "customer_id": 0,
    "date_shipped": "",
    "base_handling_cost": "0.0000",
    "handling_cost_ex_tax": "0.0000",
    "handling_cost_inc_tax": "0.0000",
    "handling_cost_tax": "0.0000",
    "handling_cost_tax_class_id": 2,
    "base_wrapping_cost": "0.0000",
    "wrapping_cost_ex_tax": "0.0000",
    "wrapping_cost_inc_tax": "0.0000",
    "wrapping_cost_tax": "0.0000",
    "wrapping_cost_tax_class_id": 3,
    "shipping_cost_tax_class_id": 2,
    "is_tax_inclusive_pricing": True,
    "payment_method": "Credit Card",
    "payment_provider_id": "",
    "payment_status": "captured",
    "credit_card_type": None,
    "refunded_amount": "0.0000",
    "store_credit_amount": "0.0000",
    "gift_certificate_amount": "0.0000",
    "ip_address": "203.0.113.7",
    "ip_address_v6": "",
    "geoip_country": "Australia",
    "geoip_country_iso2": "AU",
    "currency_id": 1,
    "currency_code": "AUD",
    "currency_exchange_rate": "1.0000000000",
    "default_currency_id": 1,
    "default_currency_code": "AUD",
    "store_default_currency_code": "AUD",
    "store_default_to_transactional_exchange_rate": "1.0000000000",
    "staff_notes": "",
    "customer_message": "",
    "discount_amount": "0.0000",
    "coupon_discount": "0.0000",
    "ebay_order_id": "0",
    "cart_id": "",
    "is_email_opt_in": False,
    "order_source": "www",
    "channel_id": 1,
    "external_source": None,
    "external_id": None,
    "external_merchant_id": None,
    "external_order_id": "",
    "tax_provider_id": "BasicTaxProvider",
    "customer_locale": "en",
}

ORDER_FIELDS = frozenset(_ORDER) | {
    "items_total",
    "items_shipped",
    "date_created",
    "billing_address",
    "subtotal_ex_tax",
    "subtotal_inc_tax",
    "subtotal_tax",
    "base_shipping_cost",
    "shipping_cost_ex_tax",
    "shipping_cost_inc_tax",
    "shipping_cost_tax",
    "total_ex_tax",
    "total_inc_tax",
    "total_tax",
    "order_is_digital",
    "shipping_address_count",
}

_HANDLING: Json = {
    "base_handling_cost": 0,
    "handling_cost_ex_tax": 0,
    "handling_cost_inc_tax": 0,
    "handling_cost_tax": 0,
    "handling_cost_tax_class_id": 2,
    "shipping_zone_id": 1,
    "shipping_zone_name": "Everywhere",
}


def option_json(option_id: int, line_id: int, name: str, value: Any, given: Mapping[str, Any] | None = None) -> Json:
    """A product option; `given` overrides any field. A choice's `value` is an option-value id, not its text."""
    text = str(value)
    option: Json = {
        "id": option_id,
        "option_id": 18,
        "order_product_id": line_id,
        "product_option_id": 120,
        "display_name": name,
        "display_name_customer": name,
        "display_name_merchant": name,
        "display_value": text,
        "display_value_customer": text,
        "display_value_merchant": text,
        "value": str(100 + sum(text.encode()) % 900),
        "type": "Multiple choice",
        "name": f"{name}-{option_id}",
        "display_style": "Rectangle",
    }
    return {**option, **given} if given else option


def line_json(
    order_id: int, given: Mapping[str, Any], ids: NextIds, *, address_id: int = 0, pickup_id: int = 0
) -> Json:
    """A line in full from the fields `given`.

    Besides the platform's own names: `options` maps display names to texts; `price` is the price of one, tax included.
    `product_options` takes options in the platform's shape and fills in their ids.
    """
    given = dict(given)
    line_id = int(given.pop("id", 0)) or ids.line()
    options: Mapping[str, Any] = given.pop("options", {})
    raw_options: Sequence[Json] = given.pop("product_options", ())
    price = float(given.pop("price", given.get("price_inc_tax", 25.0)))
    quantity = int(given.pop("quantity", 1))
    name = given.pop("name", "Merino Tee")
    total = price * quantity
    line: Json = {
        "id": line_id,
        "order_id": order_id,
        "order_pickup_method_id": pickup_id,
        "order_address_id": address_id,
        "name": name,
        "name_customer": name,
        "name_merchant": name,
        "sku": "TEE-M-NVY",
        "quantity": quantity,
        **_LINE,
        "base_price": f"{price:.4f}",
        "price_ex_tax": f"{price / 1.1:.4f}",
        "price_inc_tax": f"{price:.4f}",
        "price_tax": f"{price - price / 1.1:.4f}",
        "base_total": f"{total:.4f}",
        "total_ex_tax": f"{total / 1.1:.4f}",
        "total_inc_tax": f"{total:.4f}",
        "total_tax": f"{total - total / 1.1:.4f}",
        "discounted_total_inc_tax": f"{total:.4f}",
        "applied_discounts": [],
        "configurable_fields": [],
        "product_options": [],
    }
    line.update(given)
    made = [option_json(ids.option(), line_id, label, value) for label, value in options.items()]
    for raw in raw_options:
        made.append({"id": ids.option(), "order_product_id": line_id, **raw})
    line["product_options"] = made
    return line


def shipping_json(order_id: int, given: Mapping[str, Any], ids: NextIds) -> Json:
    """A shipping consignment without lines; `cost` is its shipping cost with tax."""
    given = dict(given)
    address_id = int(given.pop("id", 0)) or ids.address()
    cost = float(given.pop("cost", 10.0))
    path = f"/orders/{order_id}/consignments/shipping/{address_id}/shipping_quotes"
    consignment = {
        "id": address_id,
        **ADDRESS,
        "form_fields": [],
        "shipping_method": "Flat Rate",
        "items_total": 0,
        "items_shipped": 0,
        "base_cost": _number(cost),
        "cost_ex_tax": _number(cost / 1.1),
        "cost_inc_tax": _number(cost),
        "cost_tax": _number(cost - cost / 1.1),
        "cost_tax_class_id": 2,
        **_HANDLING,
        "shipping_quotes": {"url": LINK_BASE + path, "resource": path},
        "line_items": [],
    }
    consignment.update(given)
    return consignment


def pickup_json(given: Mapping[str, Any], ids: NextIds) -> Json:
    """A pickup consignment without lines."""
    given = dict(given)
    return {
        "id": int(given.pop("id", 0)) or ids.pickup(),
        "pickup_method_id": 2,
        "pickup_method_display_name": "Collect in store",
        "collection_instructions": "Bring photo ID",
        "collection_time_description": "9am - 5pm",
        "location": PICKUP_LOCATION,
        "line_items": [],
        **given,
    }


def compose_parts(
    order_id: int, lines: Sequence[Mapping[str, Any]], addresses: Sequence[Mapping[str, Any]], ids: NextIds
) -> Json:
    """The consignments of an order with all their lines.

    A line goes to the address that its `address` names (an index into `addresses`, else the first), or to a pickup
    consignment if it has `pickup` (true, or fields of the consignment), or by its `type` to the downloads or the gift
    certificates. A line with `parent` (an index into `lines`) is a bundle's child.
    """
    shipping = [shipping_json(order_id, each, ids) for each in addresses]
    pickups: dict[str, Json] = {}
    downloads: list[Json] = []
    certificates: list[Json] = []
    email = str(addresses[0].get("email", ADDRESS["email"])) if addresses else ADDRESS["email"]
    made: list[Json] = []
    for line in lines:
        given = dict(line)
        address = shipping[given.pop("address", 0)] if shipping else None
        pickup = given.pop("pickup", None)
        parent = given.pop("parent", None)
        if parent is not None:
            given |= {"parent_order_product_id": made[parent]["id"], "is_bundled_product": True, "price": 0}
        kind = given.get("type", "physical")
        if pickup:
            details: Mapping[str, Any] = pickup if isinstance(pickup, Mapping) else {}
            consignment = pickups.setdefault(str(sorted(details.items(), key=str)), {})
            if not consignment:
                consignment.update(pickup_json(details, ids))
            made.append(line_json(order_id, given, ids, pickup_id=int(consignment["id"])))
            consignment["line_items"].append(made[-1])
        elif kind == "physical":
            if address is None:
                raise ValueError(f"Line {given.get('name', '')!r} is physical, and the order has no address.")
            made.append(line_json(order_id, given, ids, address_id=int(address["id"])))
            address["line_items"].append(made[-1])
        else:
            made.append(line_json(order_id, given, ids))
            group = downloads if kind == "digital" else certificates
            if not group:
                group.append({"recipient_email": email, "line_items": []})
            group[0]["line_items"].append(made[-1])
    used = [each for each in shipping if each["line_items"]] if made else shipping
    parts: Json = {
        "pickups": list(pickups.values()),
        "shipping": used,
        "downloads": downloads,
        "email": {"gift_certificates": certificates},
    }
    count_items(parts)
    return parts


def count_items(parts: Json) -> None:
    """Bring the `items_total` and `items_shipped` of every shipping consignment up to date."""
    for consignment in parts["shipping"]:
        consignment["items_total"] = sum(int(line["quantity"]) for line in consignment["line_items"])
        consignment["items_shipped"] = sum(int(line["quantity_shipped"]) for line in consignment["line_items"])


def compose_head(
    parts: Json, given: Mapping[str, Any], *, date_created: str, billing: Mapping[str, Any] | None
) -> Json:
    """The order without its sub-resources; totals follow from the lines, unless `given` says otherwise."""
    lines = [
        line
        for group in (parts["pickups"], parts["shipping"], parts["downloads"], parts["email"]["gift_certificates"])
        for consignment in group
        for line in consignment["line_items"]
    ]
    goods = sum(float(line["total_inc_tax"]) for line in lines)
    wrapping = sum(float(line["base_wrapping_cost"]) for line in lines)
    shipping = sum(float(each["base_cost"] or 0) for each in parts["shipping"])
    total = goods + shipping + wrapping
    first = parts["shipping"][0] if parts["shipping"] else ADDRESS
    head: Json = {
        **_ORDER,
        "date_created": date_created,
        "subtotal_ex_tax": f"{goods / 1.1:.4f}",
        "subtotal_inc_tax": f"{goods:.4f}",
        "subtotal_tax": f"{goods - goods / 1.1:.4f}",
        "base_shipping_cost": f"{shipping:.4f}",
        "shipping_cost_ex_tax": f"{shipping / 1.1:.4f}",
        "shipping_cost_inc_tax": f"{shipping:.4f}",
        "shipping_cost_tax": f"{shipping - shipping / 1.1:.4f}",
        "base_wrapping_cost": f"{wrapping:.4f}",
        "wrapping_cost_inc_tax": f"{wrapping:.4f}",
        "wrapping_cost_ex_tax": f"{wrapping / 1.1:.4f}",
        "wrapping_cost_tax": f"{wrapping - wrapping / 1.1:.4f}",
        "total_ex_tax": f"{total / 1.1:.4f}",
        "total_inc_tax": f"{total:.4f}",
        "total_tax": f"{total - total / 1.1:.4f}",
        "items_total": sum(int(line["quantity"]) for line in lines),
        "items_shipped": sum(int(line["quantity_shipped"]) for line in lines),
        "order_is_digital": bool(lines) and all(line["type"] == "digital" for line in lines),
        "shipping_address_count": len(parts["shipping"]),
        "billing_address": {key: first.get(key, ADDRESS[key]) for key in ADDRESS}
        | {"form_fields": []}
        | dict(billing or {}),
    }
    head.update(given)
    return head


def _number(value: float) -> float | int:
    """A bare JSON number: whole ones without a fraction, as the reference's examples show both."""
    rounded = round(value, 4)
    return int(rounded) if rounded == int(rounded) else rounded
