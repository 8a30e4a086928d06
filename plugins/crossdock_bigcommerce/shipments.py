"""crossdock's shipments ↔ BigCommerce's: pure functions, no requests.

Sources: V2 Orders reference, POST and PUT shipments; earlier V2 docs for what is read-only. An empty
`shipping_method` is refused, and so are `items` in a change: neither is ever sent.
"""

from __future__ import annotations

from contextlib import suppress

from crossdock import Item, Json, Raw, RefusedError, Shipment, StoreShipment

from crossdock_bigcommerce.carriers import UNKNOWN, Codes, codes_of, spoken_name
from crossdock_bigcommerce.values import WireError, count, identifier, text, things

TRACKING_NUMBER_LENGTH = 50
TRACKING_LINK_LENGTH = 500
METHOD_LENGTH = 250  # the reference names none; names of that length fit into everything else of the platform


def codes(shipment: Shipment) -> Codes:
    """What BigCommerce calls the shipment's carrier; false for one that it doesn't know."""
    return codes_of(shipment.carrier, shipment.carrier_code)


def new_body(shipment: Shipment, *, at: str, with_codes: bool = True) -> dict[str, Json]:
    """The body of POST shipments; `at` is the store's name. Raises RefusedError for what BigCommerce can't hold."""
    words = {"tracking_number": _tracking_number(shipment, at), **_carrier(shipment, with_codes=with_codes)}
    if link := _tracking_link(shipment):
        words["tracking_link"] = link
    return {
        "order_address_id": _number(
            shipment.consignment,
            f"{at}: consignment {shipment.consignment} of order {shipment.order_id} is no address of BigCommerce's, "
            "which makes shipments for addresses alone. Make this one in its control panel.",
        ),
        "items": [
            {
                "order_product_id": _number(
                    item.line,
                    f"{at}: line {item.line} of order {shipment.order_id} has no id of BigCommerce's, so it can't be "
                    "told of it. Make this shipment in its control panel.",
                ),
                "quantity": item.quantity,
            }
            for item in shipment.items
        ],
        **words,
    }


def changed_body(shipment: Shipment, *, at: str, with_codes: bool = True) -> dict[str, Json]:
    """The body of PUT shipment, without what can't be changed.

    Number, carrier and link go together: a link of the store's own goes before the one that the carrier's code makes,
    so that one left standing would lead to the old number.
    """
    return {
        "tracking_number": _tracking_number(shipment, at),
        **_carrier(shipment, with_codes=with_codes),
        "tracking_link": _tracking_link(shipment),
    }


def made_id(answer: Json) -> str | None:
    """The id of the shipment that BigCommerce answers with, None where the answer tells of none."""
    with suppress(WireError):
        return identifier(answer, "id", "") if isinstance(answer, dict) else None
    return None


def from_wire(raw: Raw) -> StoreShipment:
    """A shipment as one element of `/v2/orders/{id}/shipments` shows it. Raises WireError.

    Items without a line of the order's are passed over, as somebody else's shipment may hold them.
    """
    shipment_id = identifier(raw, "id", "shipment.")
    if shipment_id is None:
        raise WireError("shipment.id", "an id")
    items = []
    for index, item in enumerate(things(raw, "items", "shipment.")):
        where = f"shipment.items[{index}]."
        line, quantity = identifier(item, "order_product_id", where), count(item, "quantity", where)
        if line and quantity:
            items.append(Item(line, quantity))
    return StoreShipment(
        id=shipment_id,
        consignment=identifier(raw, "order_address_id", "shipment.") or "",
        items=tuple(items),
        tracking_number=text(raw, "tracking_number", "shipment."),
        carrier=text(raw, "shipping_provider_display_name", "shipment.")
        or text(raw, "tracking_carrier", "shipment.")
        or text(raw, "shipping_provider", "shipment."),
    )


def _tracking_number(shipment: Shipment, at: str) -> str:
    number = (shipment.tracking_number or "").strip()
    if len(number) > TRACKING_NUMBER_LENGTH:
        raise RefusedError(
            f"{at}: the tracking number {number[:20]}… of order {shipment.order_id} has {len(number)} characters, and "
            f"BigCommerce holds {TRACKING_NUMBER_LENGTH}. Of several parcels make a shipment each, with its own number."
        )
    return number


def _tracking_link(shipment: Shipment) -> str:
    """The link to send; "" where there is none that BigCommerce holds whole: a cut one leads nowhere."""
    link = (shipment.tracking_link or "").strip()
    return link if len(link) <= TRACKING_LINK_LENGTH else ""


def _carrier(shipment: Shipment, *, with_codes: bool) -> dict[str, str]:
    """The carrier's codes, and how the goods go, in words.

    `shipping_method` is free text about the way of shipping, shown to buyer and staff; the reference wants it to say
    who carries the goods where `shipping_provider` doesn't. So it bears the name of a carrier without a code, beside
    the service that the buyer chose. `comments` are the merchant's own and stay theirs.
    """
    known = codes(shipment) if with_codes else UNKNOWN
    method = _method("" if known else spoken_name(shipment.carrier), " ".join((shipment.service or "").split()))
    return {**known.fields(), **({"shipping_method": method[:METHOD_LENGTH]} if method else {})}


def _method(carrier: str, service: str) -> str:
    if not carrier or carrier.casefold() in service.casefold():
        return service
    return f"{carrier} ({service})" if service else carrier


def _number(written: str, refusal: str) -> int:
    if written.isascii() and written.isdecimal() and int(written) > 0:
        return int(written)
    raise RefusedError(refusal)
