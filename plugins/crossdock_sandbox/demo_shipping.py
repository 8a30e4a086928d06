"""The packing bench of the demo: what somebody types there, and what each side says of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle

import msgspec

from .demo_stores import FEW, Shop
from .demo_words import DemoError
from .documented import STATUSES

SHIPPED, PARTIALLY_SHIPPED, AWAITING_PICKUP = 2, 3, 8
MOST_LINES = 3  # of an order that is shown: sentences about more would fill the screen
ROUND = 4  # orders that are shipped in a round

Key = tuple[str, str]
"""A store's name and an order's id."""

Items = tuple[tuple[str, int], ...]
"""Ids of lines with quantities, in ascending order."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Goods that left a shop together; `items` are line ids with quantities, and `number` is None if collected."""

    number: str | None
    items: Items

    def __str__(self) -> str:
        units = sum(quantity for _, quantity in self.items)
        return f"{units} collected" if self.number is None else f"{units} in {self.number or 'one without a number'}"


@dataclass(frozen=True, slots=True)
class Deed:
    """A command that is typed at the bench about an order, and what comes of it.

    `parcel` is what goes, if anything goes; `becomes` is the status of the order then.
    """

    shop: Shop
    order: int
    command: tuple[str, ...]
    becomes: int
    parcel: Parcel | None = None

    @property
    def key(self) -> Key:
        """The order."""
        return self.shop.name, str(self.order)

    @property
    def mails(self) -> tuple[str, ...]:
        """What the store e-mails the buyer about: the parcel, or the status that is set where there is none."""
        if self.parcel is not None and self.parcel.number is not None:
            return (self.parcel.number,)
        is_mailed = self.becomes in self.shop.store.behaviour.notified_statuses
        return (STATUSES[self.becomes].name,) if is_mailed else ()


@dataclass(frozen=True, slots=True)
class Scene:
    """What is typed in one go. `begin` makes happen what comes before it, and gives the sentence about that."""

    begin: Callable[[], str]
    deeds: tuple[Deed, ...]
    loses_answer: bool = False


def packing(shop: Shop, numbers: Iterator[int]) -> Iterator[Scene]:
    """A round at the bench. An order goes whole, one in parts, one is for pickup, and of one the answer is lost.

    Raises DemoError where the shop has too few orders for that.
    """
    goods = _goods(shop)
    sent = [order for order in goods if not shop.is_pickup(order)]
    divisible = (order for order in sent if any(units > 1 for _, units in goods[order]))
    part = min(divisible, key=lambda order: len(goods[order]), default=None)
    if part is None or len(sent) < ROUND or len(shop.to_pack()) < ROUND + FEW:
        raise DemoError(f"{shop.name} has too few orders to show how they are shipped.")
    whole, lost, *others = sorted((order for order in sent if order != part), key=lambda order: len(goods[order]))
    pickup = next((order for order in goods if shop.is_pickup(order)), others[-1])
    line, now = next((line, units // 2) for line, units in goods[part] if units > 1)
    rest = tuple((each, units - now if each == line else units) for each, units in goods[part])
    yield Scene(
        lambda: f"At the packing bench, orders of {shop.name} go: one whole, one in part, one for pickup.",
        (
            _sent(shop, whole, "Australia Post", f"33ABC{next(numbers):07}", goods[whole]),
            _sent(shop, part, "DHL", f"D{next(numbers)}", ((line, now),), "--line", f"{line}={now}"),
            Deed(shop, pickup, _typed("ship", shop, pickup, "--carrier", "pickup"), AWAITING_PICKUP),
        ),
    )
    yield Scene(
        lambda: f"The rest of order {part} goes, and order {pickup} is collected.",
        (
            _sent(shop, part, "DHL", f"D{next(numbers)}", rest),
            Deed(shop, pickup, _typed("collected", shop, pickup), SHIPPED, Parcel(None, goods[pickup])),
        ),
    )
    yield Scene(
        partial(shop.lose_answer, lost),
        (_sent(shop, lost, "DHL", f"D{next(numbers)}", goods[lost]),),
        loses_answer=True,
    )


def bench(shops: Sequence[Shop]) -> Iterator[Scene | None]:
    """Rounds at the bench for ever, a scene with each step; None where there is nothing to do, or the store is down."""
    numbers = count(1)
    for shop in cycle(shops):
        scenes = packing(shop, numbers)
        while True:
            while shop.is_down:
                yield None
            try:
                yield next(scenes)
            except (DemoError, StopIteration):
                break
        yield None


def _goods(shop: Shop) -> Mapping[int, Items]:
    """What is to be packed of the orders that are easily shown, oldest first."""
    found = {order: shop.goods(order) for order in shop.to_pack()}
    return {order: goods for order, goods in found.items() if goods and len(goods) <= MOST_LINES}


def _sent(shop: Shop, order: int, carrier: str, number: str, items: Items, *options: str) -> Deed:
    """A parcel goes; `options` say what is in it, if that isn't all that is left."""
    command = _typed("ship", shop, order, "--carrier", carrier, "--tracking", number, *options)
    return Deed(shop, order, command, PARTIALLY_SHIPPED if options else SHIPPED, Parcel(number, items))


def _typed(verb: str, shop: Shop, order: int, *options: str) -> tuple[str, ...]:
    """A command. Nobody at the bench waits until the store knows: the daemon tells it."""
    return verb, shop.name, str(order), *options, "--no-wait"


# What came of it


class Units(msgspec.Struct):
    """So many of a line."""

    id: str
    quantity: int


class WriteBack(msgspec.Struct):
    """A shipment as `crossdock writebacks --json` tells of it, as far as it is needed."""

    store: str
    order: str
    state: str
    tracking_number: str | None
    pickup: bool
    collected_at: str | None
    lines: list[Units]

    @property
    def parcel(self) -> Parcel | None:
        """What has gone for certain, if anything has."""
        if self.state != "confirmed" or (self.pickup and self.collected_at is None):
            return None
        number = None if self.pickup else self.tracking_number or ""
        return Parcel(number, tuple(sorted((line.id, line.quantity) for line in self.lines)))


@dataclass(frozen=True, slots=True)
class Account:
    """What somebody says of the shipping of an order; `mails` is what the buyer got e-mails about."""

    parcels: tuple[Parcel, ...]
    status: int | None
    mails: tuple[str, ...] = ()

    @property
    def contents(self) -> str:
        return ", ".join(map(str, self.parcels)) or "no parcel"

    @property
    def state(self) -> str:
        return STATUSES[self.status].name if self.status is not None else "unknown"


@dataclass(frozen=True, slots=True)
class Comparison:
    """An order that was shipped: as it should be, as crossdock tells it, and by the store's own books."""

    key: Key
    due: Account
    told: Account
    kept: Account

    @property
    def row(self) -> tuple[str, ...]:
        """Its line in the table, below `HEADINGS`."""
        mails = ", ".join(self.kept.mails) or "nothing"
        return " ".join(self.key), self.told.contents, self.kept.contents, self.kept.state, mails

    @property
    def differences(self) -> Iterator[str]:
        """A clause about each thing that isn't as it should be."""
        # A store makes no shipment of goods that were collected.
        sent = Account(tuple(parcel for parcel in self.due.parcels if parcel.number is not None), self.due.status)
        for who, said, right in (("crossdock", self.told, self.due), ("the store", self.kept, sent)):
            if said.contents != right.contents:
                yield f"{who} has {said.contents}, and {right.contents} went"
            elif said.parcels != right.parcels:
                yield f"{who} has {said.contents}, of other goods than went"
            if said.status != right.status:
                yield f"{who} has it as {said.state}, which should be {right.state}"
        if self.kept.mails != self.due.mails:
            got, due = (", ".join(account.mails) or "nothing" for account in (self.kept, self.due))
            yield f"the buyer got e-mails about {got}, which should be {due}"


HEADINGS = ("ORDER", "CROSSDOCK TOLD OF", "THE STORE HAS", "STATUS", "E-MAILS ABOUT")


class Books:
    """What the stores' own books say of the orders that were shipped since this was made."""

    def __init__(self, shops: Iterable[Shop]) -> None:
        self._shops = {shop.name: shop for shop in shops}
        self._before = {name: {each.id for each in shop.store.all_shipments()} for name, shop in self._shops.items()}

    def shipped(self) -> set[Key]:
        """The orders with a new shipment."""
        return {
            (name, str(each.order_id))
            for name, shop in self._shops.items()
            for each in shop.store.all_shipments()
            if each.id not in self._before[name]
        }

    def account(self, key: Key) -> Account:
        """What the store has of an order, and has mailed about it."""
        name, order = key[0], int(key[1])
        store = self._shops[name].store
        parcels = tuple(
            Parcel(
                each.tracking_number,
                tuple(sorted((str(item.order_product_id), item.quantity) for item in each.items)),
            )
            for each in store.shipments(order)
            if each.id not in self._before[name]
        )
        mails = tuple(
            mail.tracking_number if mail.kind == "shipment" else STATUSES[mail.status_id].name
            for mail in store.emails
            if mail.order_id == order
        )
        return Account(parcels, store.record(order).status_id, mails)


def compare(
    deeds: Sequence[Deed], rows: Iterable[WriteBack], statuses: Mapping[Key, int], books: Books
) -> list[Comparison]:
    """Every order of which anybody says that it was shipped; `rows` and `statuses` are crossdock's word."""
    told: dict[Key, list[Parcel]] = {}
    for row in rows:
        parcels = told.setdefault((row.store, row.order), [])
        if row.parcel is not None:
            parcels.append(row.parcel)
    keys = dict.fromkeys(deed.key for deed in deeds) | dict.fromkeys(sorted(told.keys() | books.shipped()))
    return [
        Comparison(
            key,
            due=_due([deed for deed in deeds if deed.key == key], otherwise=statuses.get(key)),
            told=Account(tuple(told.get(key, ())), statuses.get(key)),
            kept=books.account(key),
        )
        for key in keys
    ]


def _due(deeds: Sequence[Deed], *, otherwise: int | None) -> Account:
    """What should have come of these deeds about an order; its status is `otherwise` where there are none."""
    parcels = tuple(deed.parcel for deed in deeds if deed.parcel is not None)
    mails = tuple(mail for deed in deeds for mail in deed.mails)
    return Account(parcels, deeds[-1].becomes if deeds else otherwise, mails)
