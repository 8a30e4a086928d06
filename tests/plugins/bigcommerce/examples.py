"""Orders to read: the sample answers in `tests/data/bigcommerce`, and one order of every kind made by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crossdock import Order, Raw
from crossdock_bigcommerce.settings import BigCommerceSettings
from crossdock_bigcommerce.wire import order_from_wire

DATA = Path(__file__).parents[2] / "data" / "bigcommerce"

REQUIRED: Mapping[str, object] = {
    "api_path": "https://api.bigcommerce.com/stores/abc123/v3/",
    "client_id": "client1",
    "access_token": "token1",
}


def settings(**values: object) -> BigCommerceSettings:
    """Valid settings with `values` in their place."""
    return BigCommerceSettings.model_validate({**REQUIRED, **values})


def sample(name: str) -> Any:
    """A sample answer, decoded."""
    return json.loads((DATA / f"{name}.json").read_text())


def sample_order(order_id: int) -> dict[str, Any]:
    """One of the forty sample orders."""
    found: dict[str, Any] = next(order for order in sample("orders-with-consignments") if order["id"] == order_id)
    return found


def read(raw: Raw, *, products: Sequence[Raw] | None = None, weight_unit: str = "KGS", **values: object) -> Order:
    """The order that `raw` describes in a store with settings `values`."""
    return order_from_wire(raw, products=products, weight_unit=weight_unit, settings=settings(**values))


def line(line_id: int = 901, **fields: object) -> dict[str, Any]:
    """A line to an address."""
    return {
        "id": line_id,
        "order_address_id": 301,
        "order_pickup_method_id": 0,
        "name": "Merino Tee",
        "sku": "TEE",
        "type": "physical",
        "quantity": 2,
        "quantity_shipped": 0,
        "quantity_refunded": 0,
        "price_ex_tax": "45.4500",
        "price_inc_tax": "50.0000",
        "weight": "0.2500",
        "product_options": [],
        **fields,
    }


def option(display_name: str, display_value: str, **fields: object) -> dict[str, Any]:
    return {"display_name": display_name, "display_value": display_value, "type": "Multiple choice", **fields}


def address(address_id: int = 301, **fields: object) -> dict[str, Any]:
    """A shipping consignment with one line."""
    return {
        "id": address_id,
        "first_name": "Mia",
        "last_name": "O'Brien",
        "company": "",
        "street_1": "1 Example St",
        "street_2": "",
        "city": "Perth",
        "state": "Western Australia",
        "zip": "6000",
        "country": "Australia",
        "country_iso2": "AU",
        "phone": "0400000000",
        "email": "mia@example.com",
        "shipping_method": "Flat Rate",
        "line_items": [line(order_address_id=address_id)],
        **fields,
    }


def order(**fields: object) -> dict[str, Any]:
    """An order with one line to one address."""
    return {
        "id": 10234,
        "date_created": "Tue, 03 Mar 2026 22:15:04 +0000",
        "date_modified": "Wed, 04 Mar 2026 01:02:44 +0000",
        "status_id": 11,
        "status": "Awaiting Fulfillment",
        "custom_status": "Awaiting Fulfillment",
        "total_inc_tax": "225.0000",
        "is_tax_inclusive_pricing": True,
        "items_total": 2,
        "default_currency_code": "AUD",
        "is_deleted": False,
        "billing_address": {"first_name": "Mia", "last_name": "O'Brien", "email": "mia@example.com"},
        "consignments": consignments(),
        **fields,
    }


def consignments(**fields: object) -> dict[str, Any]:
    """Consignments by kind: one address, unless told otherwise."""
    return {"pickups": [], "shipping": [address()], "downloads": [], "email": {"gift_certificates": []}, **fields}


def with_line(**fields: object) -> dict[str, Any]:
    """An order whose only line has `fields`."""
    return order(consignments=consignments(shipping=[address(line_items=[{**line(), **fields}])]))


def order_of_every_kind() -> dict[str, Any]:
    """Two addresses, a pickup, a download and a gift certificate in one order."""
    shirt = line(
        901,
        weight="0.2500",
        wrapping_name="Gift paper",
        wrapping_message="Happy birthday",
        bin_picking_number="A-12",
        upc="9312345678907",
        product_options=[
            option("Size", "M", display_value_merchant="M", value="169"),
            option("Colour", "Navy", value="112", type="Swatch"),
            option("HS Code", "610910", value="610910", type="Text field"),
        ],
    )
    card = line(902, name="Hand-made card", sku="", quantity_refunded=2, is_refunded=True, weight="0.0000")
    mug = line(904, name="Mug", sku="MUG", quantity=1, order_address_id=302)
    kettle = line(903, name="Kettle", sku="KET-1", quantity=1, order_address_id=0, order_pickup_method_id=13)
    book = line(905, name="E-book", sku="EBK", type="digital", quantity=1, order_address_id=0)
    voucher = line(906, name="Gift certificate", sku="", type="giftcertificate", quantity=1, order_address_id=0)
    fremantle = {
        "id": 4,
        "name": "Fremantle",
        "address_line_1": "9 Market St",
        "address_line_2": "",
        "city": "Fremantle",
        "state": "Western Australia",
        "postal_code": "6160",
        "country_alpha2": "AU",
        "email": "freo@example.com",
        "phone": "+61 8 0000 0000",
    }
    return order(
        items_total=8,
        custom_status="Ready to pick",
        customer_message="Please leave at side gate",
        channel_id=1,
        consignments={
            "pickups": [
                {
                    "id": 13,
                    "pickup_method_display_name": "Collect in store",
                    "location": fremantle,
                    "line_items": [kettle],
                }
            ],
            "shipping": [
                address(301, items_total=4, line_items=[shirt, card]),
                address(302, items_total=1, first_name="Tom", last_name="Lee", line_items=[mug]),
            ],
            "downloads": [{"recipient_email": "mia@example.com", "line_items": book}],
            "email": {"gift_certificates": [{"recipient_email": "mia@example.com", "line_items": voucher}]},
        },
    )
