"""BigCommerce's JSON → crossdock's values: pure functions, no requests.

What is unknown is taken calmly; what has the wrong shape raises WireError, which names the field and holds nothing of
the buyer. Facts about fields are from the V2 Orders reference (`orders.v2.oas2.yml`) unless another source is named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias, TypeVar

from crossdock import (
    Account,
    Address,
    Consignment,
    ConsignmentKind,
    Customer,
    Line,
    Order,
    Raw,
    Status,
)

from crossdock_bigcommerce import statuses
from crossdock_bigcommerce.settings import BigCommerceSettings, option_key
from crossdock_bigcommerce.values import (
    WireError,
    count,
    date_of_timestamp,
    decimal,
    flag,
    identifier,
    instant_of,
    label,
    money,
    one_line,
    prose,
    text,
    thing,
    things,
)

__all__ = ["WireError", "account_from_wire", "needs_products", "order_from_wire", "skip_reason"]

_T = TypeVar("_T")

EMBEDDED_LINES = 50
"""As many lines of a consignment come with an order, no more (github.com/bigcommerce/docs issue 960)."""
MIGRATED = "M-MIG"
"""`external_source` of orders that were moved in from another platform: history, never to be shipped."""


# --- an order -------------------------------------------------------------------------------------------------------


def order_from_wire(
    raw_order: Raw, *, products: Sequence[Raw] | None = None, weight_unit: str, settings: BigCommerceSettings
) -> Order:
    """The order that one element of `/v2/orders` describes.

    `products` is the whole list of `/v2/orders/{id}/products` where `needs_products` asked for it: it replaces the
    lines embedded in the order. `weight_unit` is `weight_units` of `/v2/store`. Raises WireError.

    `total` is with tax. The unit price is the side that is exact (`is_tax_inclusive_pricing`), before discounts: it
    says what the product costs, and discounts on the whole order can't be divided over units without a remainder.
    """
    order_id = _required(identifier(raw_order, "id", ""), raw_order, "id")
    status_id = _status_id(raw_order)
    reading = _Reading.of(raw_order, weight_unit, settings)
    consignments = _consignments(_parts(raw_order, products), reading)
    archived = flag(raw_order, "is_deleted")
    created, modified = instant_of(raw_order, "date_created", ""), instant_of(raw_order, "date_modified", "")
    placed_at = created or modified
    if placed_at is None:
        raise WireError("date_created", "neither it nor date_modified holds a date")
    billing = thing(raw_order, "billing_address", "")
    billing_address = _address(billing, "billing_address.")
    something_left = status_id == statuses.PARTIALLY_REFUNDED and any(
        line.left_to_ship for consignment in consignments for line in consignment.lines
    )
    return Order(
        id=order_id,
        number=order_id,
        status=Status(id=str(status_id), name=_status_name(raw_order, status_id)),
        stage=statuses.stage_of(status_id, archived=archived, something_left=something_left),
        shipping_allowed=not archived
        and not _is_migrated(raw_order)
        and statuses.allows_shipping(status_id, import_statuses=settings.import_statuses),
        placed_at=placed_at,
        modified_at=modified or placed_at,
        currency=_currency(raw_order),
        total=_amount(raw_order, "total_inc_tax", ""),
        customer=_customer(billing_address),
        consignments=consignments,
        billing=billing_address,
        customer_message=prose(raw_order, "customer_message", ""),
        staff_notes=prose(raw_order, "staff_notes", ""),
        channel=identifier(raw_order, "channel_id", ""),
    )


def skip_reason(raw_order: Raw, settings: BigCommerceSettings) -> str | None:
    """Why the order isn't taken up if it isn't held yet, as a clause about it without personal data; None to take it.

    An order whose status can't be read is not skipped: `order_from_wire` then says what is wrong with it.
    """
    if flag(raw_order, "is_deleted"):
        return "it is archived"
    if _is_migrated(raw_order):
        return f"it was migrated from another platform (external_source {MIGRATED}) and was dealt with there"
    try:
        status_id = _status_id(raw_order)
    except WireError:
        return None
    if status_id in settings.import_statuses:
        return None
    name = statuses.NAMES.get(status_id) or _status_name(raw_order, status_id)  # as stores.yaml calls it, not its label
    taken = statuses.named(settings.import_statuses)
    return f"its status is {name}, which is not among import_statuses ({taken})"


def account_from_wire(raw_store: Raw) -> Account:
    """The account that `/v2/store` describes; its identity is `id`, the store's hash.

    The hash stands in every answer, old ones too, is the same for any token and never changes, unlike the domain;
    `account_uuid` came later and stands for the owner's account. Raises WireError without a hash.
    """
    store_hash = _required(identifier(raw_store, "id", ""), raw_store, "id").lower()
    zone = text(thing(raw_store, "timezone", ""), "name", "timezone.")
    return Account(
        identity=store_hash,
        name=label(raw_store, "name", "") or text(raw_store, "domain", "") or store_hash,
        timezone=zone if zone and re.fullmatch(r"[A-Za-z0-9_+/-]+", zone) else None,
        currency=_currency_code(raw_store, "currency"),
        weight_unit=text(raw_store, "weight_units", ""),
        dimension_unit=text(raw_store, "dimension_units", ""),
    )


def _status_id(raw_order: Raw) -> int:
    return _required(count(raw_order, "status_id", ""), raw_order, "status_id")


def _status_name(raw_order: Raw, status_id: int) -> str:
    return (
        label(raw_order, "custom_status", "")
        or label(raw_order, "status", "")
        or statuses.NAMES.get(status_id)
        or f"Status {status_id}"
    )


def _is_migrated(raw_order: Raw) -> bool:
    source = raw_order.get("external_source")  # null or {} in places
    return isinstance(source, str) and source.strip().upper() == MIGRATED


def _currency(raw_order: Raw) -> str:
    """The currency of the amounts: `default_currency_code`, what the buyer pays in; `currency_code` is only shown."""
    for key in ("default_currency_code", "store_default_currency_code", "currency_code"):
        if code := _currency_code(raw_order, key):
            return code
    raise WireError("default_currency_code", "a currency code of three letters", raw_order.get("default_currency_code"))


def _currency_code(raw: Raw, key: str) -> str | None:
    value = raw.get(key)
    code = value.strip().upper() if isinstance(value, str) else ""
    return code if len(code) == 3 and code.isascii() and code.isalpha() else None


def _required(value: _T | None, raw: Raw, key: str, where: str = "") -> _T:
    if value is None:
        raise WireError(f"{where}{key}", "a value", raw.get(key))
    return value


# --- people and places ----------------------------------------------------------------------------------------------


def _address(raw: Raw, where: str) -> Address | None:
    """A billing or shipping address; None if it holds nothing. `state` and `zip` stay as the buyer wrote them."""
    if not raw:
        return None
    address = Address(
        name=_person(raw, where),
        company=label(raw, "company", where),
        street=text(raw, "street_1", where),
        street2=text(raw, "street_2", where),
        city=text(raw, "city", where),
        region=text(raw, "state", where),
        postcode=text(raw, "zip", where),
        country=_country(raw, "country_iso2"),
        phone=text(raw, "phone", where),
        email=text(raw, "email", where),
    )
    return address if address != _NOWHERE else None


def _location(raw: Raw, where: str) -> Address | None:
    """Where a pickup waits: its fields have other names than those of an address."""
    if not raw:
        return None
    address = Address(
        name=label(raw, "name", where),
        street=text(raw, "address_line_1", where),
        street2=text(raw, "address_line_2", where),
        city=text(raw, "city", where),
        region=text(raw, "state", where),
        postcode=text(raw, "postal_code", where),
        country=_country(raw, "country_alpha2"),
        phone=text(raw, "phone", where),
        email=text(raw, "email", where),
    )
    return address if address != _NOWHERE else None


_NOWHERE = Address()


def _person(raw: Raw, where: str) -> str | None:
    first, last = label(raw, "first_name", where), label(raw, "last_name", where)
    return f"{first} {last}" if first and last else first or last


def _country(raw: Raw, key: str) -> str | None:
    value = raw.get(key)
    code = value.strip().upper() if isinstance(value, str) else ""
    return code if len(code) == 2 and code.isascii() and code.isalpha() else None


def _customer(billing: Address | None) -> Customer:
    if billing is None:
        return Customer()
    return Customer(name=billing.name, company=billing.company, email=billing.email, phone=billing.phone)


# --- consignments ---------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class _Part:
    """A consignment on its way: what the platform says of it, and its lines with the path of each."""

    kind: ConsignmentKind
    stem: str  # of the id it gets where the platform gives it none
    raw: Raw
    where: str
    lines: list[tuple[str, Raw]] = field(default_factory=list)

    def id_of_its_own(self) -> str | None:
        """The platform's id of it, as write-back needs it; None where the platform has none for its kind."""
        if self.kind is ConsignmentKind.DIGITAL:
            return None
        return self.id_by_its_lines() or identifier(self.raw, "id", self.where)

    def id_by_its_lines(self) -> str | None:
        """The `order_address_id` that all its lines agree in.

        Shipments are made for it, and address lists were seen to hold other ids than their lines.
        """
        if self.kind is not ConsignmentKind.SHIPPING:
            return None
        found = {identifier(line, "order_address_id", where) for where, line in self.lines}
        return found.pop() if len(found) == 1 else None


def needs_products(raw_order: Raw) -> bool:
    """Whether lines are missing from the order, so that `/v2/orders/{id}/products` must be asked for them.

    That is so when the platform says it (`__warning__`), when links stand for consignments or lines, or nothing, and
    when the numbers say it: a shipping consignment's `items_total`, which counts its units, is above what its lines
    add up to. Less than that proves nothing, nor does the order's own total, of which it isn't known whether it counts
    downloads and gift certificates. A full list of lines without a total to prove it whole is asked for as well.
    Never raises: of an order that can't be understood, `order_from_wire` says why.
    """
    try:
        embedded = _embedded(raw_order)
        if not embedded:
            return count(raw_order, "items_total", "") != 0
        parts = list(_embedded_parts(embedded))
        return _is_cut(raw_order, embedded, parts) or any(map(_is_short, parts))
    except WireError:
        return False


def _is_short(part: _Part) -> bool:
    promised = count(part.raw, "items_total", part.where)
    units = sum(count(line, "quantity", where) or 0 for where, line in part.lines)
    return (promised is not None and promised > units) or (len(part.lines) >= EMBEDDED_LINES and promised != units)


def _embedded(raw_order: Raw) -> list[Raw]:
    """The objects that hold consignments by kind: one, or none where there is only a link or nothing.

    Asked for with `consignment_structure=object` it is an object, else a list of one (update "side-loadable
    consignments" of the V2 Orders API, announced for August 2025 and put off).
    """
    if _is_link(raw_order.get("consignments")):
        return []
    return [found for found in things(raw_order, "consignments", "") if found and not _is_link(found)]


def _is_link(value: object) -> bool:
    if isinstance(value, dict):
        return "resource" in value and "url" in value
    return isinstance(value, str) and bool(value.strip())


def _is_cut(raw_order: Raw, embedded: Sequence[Raw], parts: Sequence[_Part]) -> bool:
    """Whether the order itself shows that lines were left out: a warning at whatever level, or links in their place."""
    if "__warning__" in raw_order or any(map(_is_without_lines, parts)):
        return True
    return any("__warning__" in holder or any(map(_is_link, holder.values())) for holder in _holders(embedded))


def _is_without_lines(part: _Part) -> bool:
    if "__warning__" in part.raw:
        return True
    is_absent = "line_items" not in part.raw or _is_link(part.raw["line_items"])
    return is_absent and count(part.raw, "items_total", part.where) != 0


def _holders(embedded: Sequence[Raw]) -> Iterator[Raw]:
    for raw in embedded:
        yield raw
        email = raw.get("email")
        if isinstance(email, dict):
            yield email


def _embedded_parts(embedded: Sequence[Raw]) -> Iterator[_Part]:
    for raw in embedded:
        email = raw.get("email")
        certificates = email if isinstance(email, dict) else {"gift_certificates": email}
        for kind, stem, holder, key, where in (
            (ConsignmentKind.SHIPPING, "shipping", raw, "shipping", "consignments."),
            (ConsignmentKind.PICKUP, "pickup", raw, "pickups", "consignments."),
            (ConsignmentKind.DIGITAL, "digital", raw, "downloads", "consignments."),
            (ConsignmentKind.DIGITAL, "email", certificates, "gift_certificates", "consignments.email."),
        ):
            value = holder.get(key)
            if not value or _is_link(value):
                continue
            for index, consignment in enumerate(things(holder, key, where)):
                part = _Part(kind=kind, stem=stem, raw=consignment, where=f"{where}{key}[{index}].")
                if not _is_link(consignment.get("line_items")):
                    part.lines = [
                        (f"{part.where}line_items[{number}].", line)
                        for number, line in enumerate(things(consignment, "line_items", part.where))
                    ]
                yield part


def _parts(raw_order: Raw, products: Sequence[Raw] | None) -> list[_Part]:
    embedded = _embedded(raw_order)
    parts = list(_embedded_parts(embedded))
    if products:
        return _regrouped(parts, products)
    items_total = count(raw_order, "items_total", "")
    if _is_cut(raw_order, embedded, parts):
        raise WireError("consignments", "lines were left out, and the list of the order's products is needed too")
    if not embedded and items_total != 0 and (products is None or items_total):
        raise WireError("consignments", "the embedded consignments or the list of the order's products is needed")
    return parts


def _regrouped(parts: list[_Part], products: Sequence[Raw]) -> list[_Part]:
    """`parts` with the lines of `products` in place of their own; a line that fits nowhere opens a part for itself.

    A line's own ids say where it belongs. Where they are 0 (downloads), it stays where it was embedded. Embedded lines
    without a parcel that `products` doesn't list are kept: whether it lists gift certificates isn't documented.
    """
    home = _homes(parts)
    listed: set[str] = set()
    embedded = [(part, list(part.lines)) for part in parts]
    for part in parts:
        part.lines = []
    for index, line in enumerate(products):
        where = f"products[{index}]."
        line_id = _required(identifier(line, "id", where), line, "id", where)
        if line_id in listed:  # two pages of a list that moved under the reader
            continue
        listed.add(line_id)
        _home_of(line, line_id, where, home=home, parts=parts).lines.append((where, line))
    for part, lines in embedded:
        if part.kind is ConsignmentKind.DIGITAL:
            part.lines += [(where, line) for where, line in lines if identifier(line, "id", where) not in listed]
    return parts


_Home: TypeAlias = "dict[tuple[ConsignmentKind, str] | str, _Part]"


def _homes(parts: Sequence[_Part]) -> _Home:
    """The part of each address id, pickup id and embedded line; what lines say of their address goes before."""
    home: _Home = {}
    for part in parts:
        if by_lines := part.id_by_its_lines():
            home.setdefault((part.kind, by_lines), part)
    for part in parts:
        if own_id := identifier(part.raw, "id", part.where):
            home.setdefault((part.kind, own_id), part)
        for where, line in part.lines:
            if line_id := identifier(line, "id", where):
                home.setdefault(line_id, part)
        if part.stem == "digital":
            home.setdefault((part.kind, part.stem), part)
    return home


def _home_of(line: Raw, line_id: str, where: str, *, home: _Home, parts: list[_Part]) -> _Part:
    wanted: tuple[ConsignmentKind, str]
    raw: Raw = {}
    if address_id := identifier(line, "order_address_id", where):
        wanted, raw = (ConsignmentKind.SHIPPING, address_id), {"id": address_id}
    elif pickup_id := identifier(line, "order_pickup_method_id", where):
        wanted, raw = (ConsignmentKind.PICKUP, pickup_id), {"id": pickup_id}
    elif line_id in home:
        return home[line_id]
    elif _requires_shipping(line):
        wanted = ConsignmentKind.SHIPPING, ConsignmentKind.SHIPPING.value
    else:
        wanted = ConsignmentKind.DIGITAL, ConsignmentKind.DIGITAL.value
    if wanted not in home:
        home[wanted] = _Part(kind=wanted[0], stem=wanted[0].value, raw=raw, where=where)
        parts.append(home[wanted])
    return home[wanted]


def _consignments(parts: Sequence[_Part], reading: _Reading) -> tuple[Consignment, ...]:
    """The parts that hold lines, each with an id of its own within the order.

    An address and a pickup count separately at the platform, so their ids can be equal; then the later one gets its
    kind put before. Raises WireError for a line that stands twice, which would be shipped twice.
    """
    consignments: list[Consignment] = []
    taken: set[str] = set()
    line_ids: set[str] = set()
    for part in parts:
        if not part.lines:
            continue
        lines = tuple([_line(raw, where, part.kind, reading) for where, raw in part.lines])
        for line in lines:
            if line.id in line_ids:
                raise WireError(f"{part.where}line_items", "a line of the order stands here a second time")
            line_ids.add(line.id)
        own_id = _unused(part.id_of_its_own() or part.stem, part.stem, taken)
        taken.add(own_id)
        is_shipping, is_pickup = part.kind is ConsignmentKind.SHIPPING, part.kind is ConsignmentKind.PICKUP
        location = thing(part.raw, "location", part.where) if is_pickup else {}
        consignments.append(
            Consignment(
                id=own_id,
                kind=part.kind,
                lines=lines,
                ship_to=_address(part.raw, part.where) if is_shipping else None,
                pickup_from=_location(location, f"{part.where}location.") if is_pickup else None,
                service=_service(part),
            )
        )
    return tuple(consignments)


def _unused(wanted: str, stem: str, taken: set[str]) -> str:
    if wanted not in taken:
        return wanted
    if wanted != stem and f"{stem}-{wanted}" not in taken:
        return f"{stem}-{wanted}"
    number = 2
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"


def _service(part: _Part) -> str | None:
    """What the buyer chose; BigCommerce writes "None" for nothing (github.com/bigcommerce/api issue 23)."""
    if part.kind is ConsignmentKind.DIGITAL:
        return None
    key = "shipping_method" if part.kind is ConsignmentKind.SHIPPING else "pickup_method_display_name"
    service = label(part.raw, key, part.where)
    return None if service is None or service.lower() == "none" else service


# --- lines ----------------------------------------------------------------------------------------------------------

_GRAMS = {
    **dict.fromkeys(("lbs", "lb", "pounds", "pound"), Decimal("453.59237")),
    **dict.fromkeys(("ounces", "ounce", "oz"), Decimal("28.349523125")),
    **dict.fromkeys(("kgs", "kg", "kilograms", "kilogram"), Decimal(1000)),
    **dict.fromkeys(("grams", "gram", "g"), Decimal(1)),
    **dict.fromkeys(("tonnes", "tonne", "t"), Decimal(1_000_000)),
}
_MILLIGRAM = Decimal("0.001")


@lru_cache(maxsize=64)
def grams_of(weight_unit: str) -> Decimal:
    """How many grams one `weight_unit` is, a unit as `/v2/store` names it. Raises WireError: no unit is guessed."""
    try:
        return _GRAMS[weight_unit.strip().lower()]
    except KeyError:
        raise WireError(
            "weight_units",
            f"the store's unit of weight {weight_unit[:20]!r} is not one of LBS, Ounces, KGS, Grams, Tonnes",
        ) from None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the lines of one order have in common."""

    grams: Decimal
    price_keys: tuple[str, ...]
    option_keys: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, raw_order: Raw, weight_unit: str, settings: BigCommerceSettings) -> _Reading:
        with_tax, without_tax = "price_inc_tax", "price_ex_tax"
        exact_first = (
            (with_tax, without_tax) if flag(raw_order, "is_tax_inclusive_pricing") else (without_tax, with_tax)
        )
        return cls(grams_of(weight_unit), (*exact_first, "base_price"), settings.product_options.keys)


def _line(raw: Raw, where: str, kind: ConsignmentKind, reading: _Reading) -> Line:
    """A line from one element of `line_items` or of the products list; `where` is its path."""
    line_id = _required(identifier(raw, "id", where), raw, "id", where)
    sku = text(raw, "sku", where)
    options, by_key = _options(raw, where)
    wanted = reading.option_keys
    return Line(
        id=line_id,
        name=label(raw, "name_merchant", where)
        or label(raw, "name", where)
        or label(raw, "name_customer", where)
        or sku
        or f"line {line_id}",
        quantity=_required(count(raw, "quantity", where), raw, "quantity", where),
        parent_id=identifier(raw, "parent_order_product_id", where),
        sku=sku,
        barcode=text(raw, "upc", where),
        bin=text(raw, "bin_picking_number", where),
        quantity_shipped=count(raw, "quantity_shipped", where) or 0,
        quantity_refunded=count(raw, "quantity_refunded", where) or 0,
        unit_price=_first_price(raw, where, reading.price_keys),
        weight_grams=_weight_grams(raw, where, reading.grams),
        options=options,
        size=_chosen(by_key, wanted["size"]),
        colour=_chosen(by_key, wanted["colour"]),
        hs_code=_chosen(by_key, wanted["hs_code"]),
        gift_wrap=label(raw, "wrapping_name", where),
        gift_message=prose(raw, "wrapping_message", where),
        requires_shipping=kind is not ConsignmentKind.DIGITAL and _requires_shipping(raw),
    )


def _requires_shipping(raw: Raw) -> bool:
    """`type` is physical, digital or giftcertificate; a line without one, or of a new kind, is taken for goods."""
    return raw.get("type") not in _WITHOUT_A_PARCEL and not raw.get("gift_certificate_id")


_WITHOUT_A_PARCEL = ("digital", "giftcertificate")


def _first_price(raw: Raw, where: str, keys: tuple[str, ...]) -> Decimal | None:
    for key in keys:
        price = _amount(raw, key, where)
        if price is not None:
            return price
    return None


def _amount(raw: Raw, key: str, where: str) -> Decimal | None:
    """Money, or None where there is none that can be read: a parcel can be packed without, so the order is taken."""
    try:
        return money(raw, key, where)
    except WireError:
        return None


def _weight_grams(raw: Raw, where: str, grams: Decimal) -> float | None:
    """Grams of one unit to the milligram. "0.0000" stays 0.0, for the store says so; what is no weight is None."""
    with suppress(WireError):  # as with an amount
        weight = decimal(raw, "weight", where)
        if weight is not None and weight >= 0:
            return _rounded(weight, grams)
    return None


@lru_cache(maxsize=4096)
def _rounded(weight: Decimal, grams: Decimal) -> float:
    return float((weight * grams).quantize(_MILLIGRAM))


# --- product options ------------------------------------------------------------------------------------------------

_BY_ID = ("Multiple choice", "Swatch", "Product Pick List", "Checkbox")
_TYPED_BY_THE_BUYER = ("Text field", "Multi-line text field")
_NO_OPTIONS: tuple[dict[str, str], dict[str, str]] = ({}, {})


def _options(raw: Raw, where: str) -> tuple[dict[str, str], dict[str, str]]:
    """The line's options as {display name: text}, two of one name joined by a comma, and the same by `option_key`."""
    raw_options, raw_fields = raw.get("product_options"), raw.get("configurable_fields")
    if not raw_options and not raw_fields:
        return _NO_OPTIONS
    options: dict[str, str] = {}
    for index, option in enumerate(things(raw, "product_options", where)):
        path = f"{where}product_options[{index}]."
        _put(options, _option_name(option, path), _option_text(option, path))
    for index, option in enumerate(things(raw, "configurable_fields", where)):
        path = f"{where}configurable_fields[{index}]."
        if name := label(option, "name", path):
            _put(options, name, prose(option, "value", path) or "")
    by_key: dict[str, str] = {}
    for name, value in options.items():
        if value:
            by_key.setdefault(_cached_option_key(name), value)
    return options, by_key


_cached_option_key = lru_cache(maxsize=4096)(option_key)


def _put(options: dict[str, str], name: str, value: str) -> None:
    present = options.get(name)
    options[name] = f"{present}, {value}" if present and value else present or value


def _chosen(by_key: Mapping[str, str], keys: tuple[str, ...]) -> str | None:
    if by_key:
        for key in keys:
            if key in by_key:
                return by_key[key]
    return None


def _option_name(option: Raw, where: str) -> str:
    return (
        label(option, "display_name_merchant", where)
        or label(option, "display_name", where)
        or label(option, "display_name_customer", where)
        or label(option, "name", where)
        or "Option"
    )


def _option_text(option: Raw, where: str) -> str:
    """What the option says; never `value` where that is the number of a choice. "" for one left blank."""
    option_type = option.get("type")
    read = prose if option_type in _TYPED_BY_THE_BUYER else label
    for key in ("display_value_merchant", "display_value", "display_value_customer"):
        if shown := read(option, key, where):
            break
    else:
        shown = None if option_type in _BY_ID else _plain_value(option, where)
    if not shown:
        return ""
    if option_type == "Date field":
        return date_of_timestamp(shown) or shown
    return _file_name(shown) if shown.startswith("{") else shown


def _plain_value(option: Raw, where: str) -> str | None:
    value = option.get("value")
    if isinstance(value, dict):  # a file upload that was decoded on the way
        name = value.get("originalName")
        return one_line(name) if isinstance(name, str) else None
    return prose(option, "value", where)


def _file_name(shown: str) -> str:
    """The name that the buyer's file had, of a file upload's JSON text; other texts as they are."""
    try:
        upload = json.loads(shown)
    except (ValueError, RecursionError):
        return shown
    name = upload.get("originalName") if isinstance(upload, dict) else None
    return (isinstance(name, str) and one_line(name)) or shown
