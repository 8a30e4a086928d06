"""A shipment, and what it does to the lines, counts and status of its order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from .answers import Json
from .documented import CARRIERS_OF_PROVIDER, PROVIDERS
from .record import consignments_of

FINISHED = frozenset({2, 4, 5, 6, 10})  # a shipment doesn't move an order out of these


@dataclass(frozen=True, slots=True)
class ShippedItem:
    """So many units of the line with this id."""

    order_product_id: int
    quantity: int


@dataclass(slots=True)
class Shipment:
    """One parcel of one shipping address; `created` in unix seconds. Source: V2 Orders reference, `orderShipment`."""

    id: int
    order_id: int
    order_address_id: int
    created: int
    items: tuple[ShippedItem, ...]
    tracking_number: str = ""
    tracking_carrier: str = ""
    tracking_link: str = ""
    shipping_provider: str = "custom"  # what an omitted provider becomes, by the earlier V2 docs
    shipping_method: str = ""
    merchant_shipping_cost: str = "0.0000"
    comments: str = ""

    @property
    def provider_name(self) -> str:
        return PROVIDERS.get(self.shipping_provider, "")

    @property
    def generated_tracking_link(self) -> str:
        """A link from carrier or provider and number; none beside an own link, and none from a number alone."""
        if self.tracking_link or not self.tracking_number:
            return ""
        carrier = self.tracking_carrier or next(iter(sorted(CARRIERS_OF_PROVIDER.get(self.shipping_provider, ()))), "")
        return f"https://track.example.com/{carrier}/{quote(self.tracking_number, safe='')}" if carrier else ""


def count_shipped(parts: Json, items: Iterable[ShippedItem], *, sign: int) -> None:
    """Add the items to their lines' `quantity_shipped`, or take them off with `sign` -1."""
    lines = {int(line["id"]): line for each in parts["shipping"] for line in each["line_items"]}
    for item in items:
        if line := lines.get(item.order_product_id):
            line["quantity_shipped"] = max(0, int(line["quantity_shipped"]) + sign * item.quantity)


def left_at(consignment: Json, *, first_only: bool) -> tuple[ShippedItem, ...]:
    """What can still leave to an address: every unit of every line, or one unit of the first line."""
    lines = [line for line in consignment["line_items"] if int(line["quantity"]) > int(line["quantity_shipped"])]
    if first_only:
        return tuple(ShippedItem(int(line["id"]), 1) for line in lines[:1])
    return tuple(ShippedItem(int(line["id"]), int(line["quantity"]) - int(line["quantity_shipped"])) for line in lines)


def is_wholly_shipped(parts: Json) -> bool:
    """Whether nothing that goes to an address is left: refunded units and what is collected in store need not go."""
    lines = [line for each in parts["shipping"] for line in each["line_items"]]
    return bool(lines) and all(
        int(line["quantity_shipped"]) + int(line["quantity_refunded"]) >= int(line["quantity"]) for line in lines
    )


def has_pickups(parts: Json) -> bool:
    return any(each["line_items"] for each in consignments_of(parts) if "pickup_method_id" in each)


def status_after_shipping(status_id: int, parts: Json, *, moves: str) -> int:
    """The order's status after a shipment; `moves` is the behaviour switch `shipment_moves_status`."""
    if moves == "never" or status_id in FINISHED:
        return status_id
    if is_wholly_shipped(parts) and not has_pickups(parts):
        return 2
    return 3 if moves == "part" else status_id
