"""Believable orders from a seed: the same ones each time, relative to the given now.

Every 50 orders hold every status and every kind of order that merchants have trouble with; most await fulfilment (11)
or shipment (9). One order of over 50 lines comes with the first 50 and with every eighth 50 after.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from .answers import Json
from .goods import BUNDLE, BUNDLE_PARTS, CERTIFICATE, EBOOK, PRODUCTS, Product, options_of
from .people import Shopper, address_in, shopper
from .record import Extras

_DAY = 86_400
SPREAD_S = 60 * _DAY  # created and modified times lie in the last sixty days

_BLOCK: tuple[tuple[int, str], ...] = (
    *[(11, "plain")] * 9,
    (11, "archived"),
    *[(11, "wrapped")] * 2,
    (11, "split"),
    (11, "bundle"),
    (11, "custom"),
    (11, "mixed"),
    (11, "refunded"),
    (11, "pickup"),
    *[(9, "plain")] * 4,
    (9, "long"),
    (9, "split"),
    (9, "bundle"),
    (9, "wrapped"),
    (9, "fees"),
    *[(2, "shipped")] * 3,
    (2, "plain"),  # marked by hand, without a shipment
    (2, "split shipped"),
    (2, "custom"),
    (2, "migrated"),
    (10, "digital"),
    (10, "migrated"),
    (10, "shipped"),
    (3, "part shipped"),
    (3, "split part shipped"),
    (0, "plain"),
    (1, "certificate"),
    (4, "refunded"),
    (5, "plain"),
    (6, "plain"),
    (7, "digital"),
    (8, "pickup"),
    (8, "pickup mixed"),
    (12, "plain"),
    (13, "shipped"),
    (14, "refunded"),
)

_SERVICES = ("Flat Rate", "Express", "Free Shipping", "Australia Post (Parcel Post)", "None", "Click &amp; Send")
_PARCELS: tuple[tuple[str, str, str], ...] = (
    ("auspost", "australia-post", "33ABC{:07}"),
    ("", "couriers-please", "CPA{:09}"),
    ("", "tnt-au", "TNT{:09}"),
    ("custom", "", "LOCAL-{:05}"),
    ("fedex", "", "7946{:08}"),
    ("usps", "usps", "9400{:016}"),
)
_NOTES = (
    "",
    "",
    "",
    "",
    "Leave at the side gate",
    "Bitte klingeln!\nDanke",
    "Ring &quot;Lee&quot; twice",
    "置き配でお願いします",
)
_STAFF_NOTES = ("", "", "", "", "Called the customer, OK", "VIP <3")
_WRAPS = (
    ("Gift paper", "Happy birthday, Mum! 🎂🎉\n\nSee you on Sunday ❤️\nZoë"),
    ("Kraft & ribbon", "С любовью"),
    ("Gift paper", None),
    ("Cellophane", ""),
)
_PAYMENTS = (
    ("Credit Card", "captured"),
    ("PayPal", "paid"),
    ("Bank Deposit", ""),
    ("Credit Card", "authorized"),
    ("Manual", ""),
    ("Afterpay", "captured"),
)
_PAYMENT_STATUS = {
    0: "pending",
    1: "pending",
    4: "refunded",
    5: "void",
    6: "declined",
    7: "pending",
    14: "partially refunded",
}


@dataclass(slots=True)
class GeneratedOrder:
    """What `SandboxStore` needs to make an order of; times in unix seconds. `parcels` says what has left of it."""

    status_id: int
    created: int
    modified: int
    lines: list[Json]
    addresses: list[Json]
    billing: Json
    fields: Json
    is_deleted: bool = False
    extras: Extras | None = None
    ships: str = "nothing"
    parcel: Json = field(default_factory=dict)


def generated_orders(orders: int, *, seed: int, now: int) -> Iterator[GeneratedOrder]:
    """So many orders, ascending by creation."""
    random = Random(seed)  # noqa: S311 - it must repeat itself, and no secret comes from it
    former_modified = now - SPREAD_S
    made = 0
    block = 0
    while made < orders:
        kinds = list(_BLOCK)
        random.shuffle(kinds)
        for status_id, kind in kinds[: orders - made]:
            placed = now - SPREAD_S + int(SPREAD_S * (made + random.random()) / orders)
            delay = int(random.expovariate(1 / _DAY)) if random.random() < 0.7 else 30
            modified = min(placed + delay, now - 1)
            if random.random() < 0.06:
                # Two orders changed within one second, as bulk actions do.
                modified = max(placed, former_modified) if former_modified < now else modified
            former_modified = modified
            has_long = kind == "long" and block % 8 == 0
            wanted = kind if kind != "long" or has_long else "plain"
            yield _Maker(random, status_id, wanted, placed, modified, number=made).order()
            made += 1
        block += 1


class _Maker:
    """Makes one order."""

    def __init__(self, random: Random, status_id: int, kind: str, created: int, modified: int, *, number: int) -> None:
        self._random = random
        self._status_id = status_id
        self._kind = kind
        self._created = created
        self._modified = modified
        self._number = number
        self._is_old = random.random() < 0.1 or "migrated" in kind

    def order(self) -> GeneratedOrder:
        random = self._random
        who = shopper(random)
        ships = "nothing"
        if "part shipped" in self._kind:
            ships = "part"
        elif "shipped" in self._kind:
            ships = "all"
        created = self._created - random.randrange(400, 1500) * _DAY if self._kind == "migrated" else self._created
        return GeneratedOrder(
            status_id=self._status_id,
            created=created,
            modified=self._modified,
            lines=self._lines(),
            addresses=self._addresses(who),
            billing={**who.address, "form_fields": self._form_fields()},
            fields=self._fields(who),
            is_deleted=self._kind == "archived",
            extras=self._extras(),
            ships=ships,
            parcel=self._parcel(),
        )

    # Lines

    def _lines(self) -> list[Json]:
        kind = self._kind
        if kind == "long":
            return [self._line(random_product(self._random), position=n) for n in range(self._random.randrange(51, 75))]
        if kind == "digital":
            return [self._ebook()]
        if kind == "certificate":
            return [self._certificate()]
        lines = [
            self._line(product) for product in self._random.sample(PRODUCTS, self._random.choice((1, 1, 1, 2, 2, 3)))
        ]
        if kind == "mixed":
            lines.append(self._ebook())
        if kind == "bundle":
            self._add_bundle(lines)
        if kind == "custom":
            lines.append(
                {
                    "product_id": 0,
                    "variant_id": 0,
                    "name": "Hand-made card",
                    "sku": "",
                    "price": 6.5,
                    "weight": "0.0000",
                }
            )
        if "part shipped" in kind:
            lines[0]["quantity"] = 3  # so that something is left of it
        if "split" in kind:
            lines += [self._line(random_product(self._random)) | {"address": 1}]
        if kind == "pickup":
            lines = [line | {"pickup": True} for line in lines]
        if kind == "pickup mixed":
            lines.append(self._line(random_product(self._random)) | {"pickup": True})
        if kind == "wrapped":
            self._wrap(lines[0])
        if kind == "refunded":
            self._refund(lines)
        return lines

    def _line(self, product: Product, *, position: int = 0) -> Json:
        random = self._random
        quantity = random.choice((1, 1, 1, 1, 2, 3, 12))
        line: Json = {
            "product_id": product.id,
            "variant_id": product.id * 5 + position % 5,
            "name": product.name,
            "sku": f"{product.sku}-{position:03}" if position else product.sku,
            "upc": product.upc,
            "brand": product.brand,
            "bin_picking_number": product.bin,
            "weight": f"{product.weight:.4f}",
            "quantity": quantity,
            "price": product.price,
            "product_options": options_of(product, random, is_old=self._is_old, today=self._created),
            "event_date": random.choice((None, "")),
            "wrapping_message": random.choice((None, "")),
        }
        if random.random() < 0.05:
            off = round(product.price * quantity * 0.1, 2)
            line["applied_discounts"] = [
                {"id": "coupon", "amount": f"{off:.4f}", "name": "10% off", "code": "WELCOME10", "target": "order"}
            ]
            line["discounted_total_inc_tax"] = f"{product.price * quantity - off:.4f}"
        return line

    def _ebook(self) -> Json:
        return {
            "type": "digital",
            "product_id": EBOOK.id,
            "name": EBOOK.name,
            "sku": EBOOK.sku,
            "price": EBOOK.price,
            "weight": "0.0000",
        }

    def _certificate(self) -> Json:
        return {
            "type": "giftcertificate",
            "product_id": CERTIFICATE.id,
            "variant_id": 0,
            "name": CERTIFICATE.name,
            "sku": "",
            "price": CERTIFICATE.price,
            "gift_certificate_id": 7,
            "weight": "0.0000",
        }

    def _add_bundle(self, lines: list[Json]) -> None:
        parent = len(lines)
        lines.append(self._line(BUNDLE) | {"quantity": 1})
        for part in BUNDLE_PARTS:
            lines.append(self._line(part) | {"quantity": 1, "parent": parent, "product_options": []})

    def _wrap(self, line: Json) -> None:
        name, message = self._random.choice(_WRAPS)
        line |= {
            "wrapping_id": 5,
            "wrapping_name": name,
            "wrapping_message": message,
            "base_wrapping_cost": "5.0000",
            "wrapping_cost_inc_tax": "5.0000",
            "wrapping_cost_ex_tax": "4.5500",
            "wrapping_cost_tax": "0.4500",
        }

    def _refund(self, lines: list[Json]) -> None:
        """Refunded units: the whole order when its status is 4, else one line, which then is not the only one."""
        if self._status_id == 4:
            refunded = lines
        else:
            lines.append(self._line(random_product(self._random)) | {"quantity": 2})
            refunded = lines[-1:]
        for line in refunded:
            line |= {"is_refunded": True, "quantity_refunded": line["quantity"]}

    # The rest

    def _addresses(self, who: Shopper) -> list[Json]:
        random = self._random
        first = {
            **who.address,
            "shipping_method": random.choice(_SERVICES),
            "cost": random.choice((0.0, 9.95, 10.0, 14.5, 29.0)),
            "form_fields": self._form_fields(),
        }
        if random.random() < 0.2:
            first |= {
                "handling_cost_inc_tax": 1.5,
                "base_handling_cost": 1.5,
                "handling_cost_ex_tax": 1.36,
                "handling_cost_tax": 0.14,
            }
        if random.random() < 0.1:
            first["shipping_quotes"] = []  # orders made by hand have none, and an empty object arrives as a list
        if "split" not in self._kind:
            return [first]
        second = {
            **address_in(who.region, random),
            "email": who.address["email"],
            "shipping_method": "Express",
            "cost": 10,
        }
        return [first, second]

    def _form_fields(self) -> list[Json]:
        chance = self._random.random()
        if chance > 0.06:
            return []
        if chance > 0.04:
            return [{"name": "Delivery Instructions", "value": "Side gate"}]
        if chance > 0.02:
            return [{"name": "Floor", "value": 4}]
        return [{"name": "Contact me by", "value": ["E-mail", "SMS"]}]

    def _fields(self, who: Shopper) -> Json:
        random = self._random
        payment, payment_status = random.choice(_PAYMENTS)
        region = who.region
        is_displayed = random.random() < 0.5
        fields: Json = {
            "customer_id": 0 if random.random() < 0.45 else random.randrange(1, 4000),
            "customer_message": random.choice(_NOTES),
            "staff_notes": random.choice(_STAFF_NOTES),
            "payment_method": payment,
            "payment_status": _PAYMENT_STATUS.get(self._status_id, payment_status),
            "payment_provider_id": random.choice(
                ("", None, f"ch_{random.getrandbits(40):010x}", random.randrange(10**9))
            ),
            "credit_card_type": random.choice((None, {})),
            "external_id": random.choice((None, None, {})),
            "cart_id": f"{random.getrandbits(32):08x}-0000-4000-8000-{random.getrandbits(48):012x}",
            "geoip_country": region.country,
            "geoip_country_iso2": region.iso2,
            "ip_address": f"203.0.113.{random.randrange(1, 255)}",
            "customer_locale": region.locale,
            "order_source": random.choice(("www", "www", "www", "iphone", "android", "manual", "checkout_api")),
            "is_email_opt_in": random.random() < 0.3,
            "channel_id": 1 if random.random() < 0.9 else 664_179,
        }
        if is_displayed:
            fields |= {"currency_code": region.currency, "currency_exchange_rate": region.rate, "currency_id": 2}
        if random.random() < 0.06:
            marketplace = f"112-{random.randrange(10**7):07}-{random.randrange(10**7):07}"
            fields |= {"order_source": "amazon", "external_source": "Amazon", "external_id": marketplace}
            fields["external_order_id"] = marketplace
        if self._kind == "migrated":
            fields |= {
                "external_source": "M-MIG",
                "external_order_id": f"OLD-{self._number:06}",
                "order_source": "external",
            }
        return fields

    def _extras(self) -> Extras | None:
        chance = self._random.random()
        number = self._number + 1
        if self._kind == "fees":
            return Extras(fees=[_fee(number)])
        if chance < 0.04:
            coupon = {
                "id": number,
                "coupon_id": 3,
                "order_id": None,
                "code": "WELCOME10",
                "amount": 10,
                "type": 1,
                "discount": 4.5,
            }
            return Extras(coupons=[coupon])
        if chance < 0.07:
            return Extras(messages=[_message(number)])
        return None

    def _parcel(self) -> Json:
        provider, carrier, pattern = self._random.choice(_PARCELS)
        return {
            "shipping_provider": provider,
            "tracking_carrier": carrier,
            "tracking_number": pattern.format(self._number + 1),
            "shipping_method": self._random.choice(("", "Express Post", "Standard")),
            "comments": self._random.choice(("", "", "Carton 1 of 1")),
        }


def random_product(random: Random) -> Product:
    return random.choice(PRODUCTS)


def _fee(number: int) -> Json:
    """A fee; the reference spells one of its keys in two ways, and this is the rarer one."""
    return {
        "id": number,
        "type": "custom_fee",
        "display_name_customer": "Package protection",
        "display_name_merchant": "Protection fee",
        "source": "AA",
        "base_cost": "8.5000",
        "cost_exc_tax": "8.5000",
        "cost_inc_tax": "10.0000",
        "cost_tax": "1.5000",
        "tax_class_id": None,
    }


def _message(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "order_id": None,
        "staff_id": 0,
        "customer_id": 12,
        "type": "customer",
        "subject": "When?",
        "message": "When will it arrive?",
        "status": "unread",
        "is_flagged": False,
        "date_created": "",
        "customer": [],
    }
