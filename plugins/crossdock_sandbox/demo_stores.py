"""The stores of the demo, and what buyers, merchants and bad luck do to them: each deed gives the sentence about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from .goods import PRODUCTS, options_of
from .people import shopper
from .store import SandboxStore

AWAITING_FULFILMENT, AWAITING_SHIPMENT, CANCELLED = 11, 9, 5
OPEN_STATUSES = (AWAITING_SHIPMENT, AWAITING_FULFILMENT)  # what crossdock imports unless told otherwise
MIGRATED = "M-MIG"  # the external source of orders that were brought over from another shop system

SMALL = {"south": 25, "outlet": 12}  # orders
QUOTA = 5_000  # requests in 30 s: each store is asked every second, which would use up that of a small plan
FEW = 3  # orders that stay open in each store, so that there is always one to look at


def demo_stores(orders: int) -> dict[str, SandboxStore]:
    """Three stores by their names, the first of them with so many orders; the same ones each time."""
    return {
        name: SandboxStore(seed=seed, orders=size, quota=QUOTA, store_hash=name, name=f"{name.title()} Outfitters")
        for seed, (name, size) in enumerate({"north": orders, **SMALL}.items(), start=7)
    }


@dataclass(frozen=True, slots=True)
class Shop:
    """One of the stores, as those see it who sell and buy in it."""

    name: str
    store: SandboxStore
    random: Random

    def to_pack(self) -> list[int]:
        """The orders that wait to be packed, oldest first."""
        return sorted(
            order_id for status in OPEN_STATUSES for order_id in self.store.order_ids(status_id=status, archived=False)
        )

    def goods(self, order_id: int) -> tuple[tuple[str, int], ...]:
        """Line ids with the units that are to be packed; nothing for an order that isn't plain goods to one place."""
        order = self.store.order(order_id)
        places, lines = order["consignments"], order["lines"]
        is_plain = all(line["type"] == "physical" and not line["is_bundled_product"] for line in lines)
        if len(places["shipping"]) + len(places["pickups"]) != 1 or not is_plain:
            return ()
        left = ((str(line["id"]), int(line["quantity"]) - int(line["quantity_refunded"])) for line in lines)
        return tuple((line, units) for line, units in left if units)

    def is_pickup(self, order_id: int) -> bool:
        """Whether the buyer chose to collect the order."""
        return bool(self.store.order(order_id)["consignments"]["pickups"])

    @property
    def is_down(self) -> bool:
        """Whether something is still to go wrong with requests."""
        return any(not fault.is_spent for fault in self.store.faults)

    def sell(self) -> str:
        """A buyer places an order."""
        product, buyer = self.random.choice(PRODUCTS), shopper(self.random)
        options = options_of(product, self.random, is_old=False, today=self.store.time())
        line = {
            "product_id": product.id,
            "name": product.name,
            "sku": product.sku,
            "price": product.price,
            "quantity": self.random.choice((1, 1, 2)),
            "weight": f"{product.weight:.4f}",
            "product_options": options,
        }
        order_id = self.store.add_order(
            status_id=AWAITING_FULFILMENT, lines=[line], address=buyer.address, billing=buyer.address
        )
        return f"A buyer places order {order_id} in {self.name}."

    def cancel(self) -> str:
        """The merchant cancels an order."""
        order_id = self.random.choice(self.to_pack())
        self.store.set_status(order_id, CANCELLED)
        return f"The merchant cancels order {order_id} in {self.name}."

    def note(self) -> str:
        """The merchant edits an order."""
        order_id = self.random.choice(self.to_pack())
        self.store.edit(order_id, staff_notes="Pack with care")
        return f"The merchant writes a note on order {order_id} in {self.name}."

    def break_down(self) -> str:
        """From now on the store's API answers nothing but errors."""
        self.store.faults.add("503", times=None)
        return f"The server of {self.name} breaks down: it answers 503 to every request."

    def lose_answer(self, order_id: int) -> str:
        """The order's next shipment takes effect in the store, and the answer that says so is lost."""
        self.store.faults.add("reset-after", method="POST", path=f"^/v2/orders/{order_id}/shipments$")
        return f"The line breaks just when {self.name} has taken a shipment of order {order_id} and is about to answer."

    def repair(self) -> str:
        """The store's API works again."""
        self.store.faults.clear()
        return f"The server of {self.name} works again."

    def books(self) -> Mapping[str, tuple[int, int]]:
        """Status and units of each order by the store's own books; what nobody has to pack has no status."""
        return {str(order_id): self._entry(order_id) for order_id in self.store.order_ids()}

    def _entry(self, order_id: int) -> tuple[int, int]:
        order = self.store.order(order_id)
        is_closed = order["is_deleted"] or order["external_source"] == MIGRATED
        return (-1 if is_closed else order["status_id"]), sum(int(line["quantity"]) for line in order["lines"])


def life(shops: Sequence[Shop]) -> Iterator[str]:
    """What happens in the stores, one thing with each step, for ever. The second one's server breaks down at times."""
    fragile = shops[1]
    while True:
        for _ in range(5):
            yield _a_deed(shops)
        yield fragile.break_down()
        yield fragile.sell()
        for _ in range(3):
            yield _a_deed(shops)
        yield fragile.repair()
        for _ in range(10):
            yield _a_deed(shops)


def _a_deed(shops: Sequence[Shop]) -> str:
    for shop in shops:
        shop.store.requests.clear()  # nobody looks at them, and there are some each second
    random = shops[0].random
    shop = random.choice(shops)
    deeds = [shop.sell, shop.sell, shop.sell]
    if to_pack := shop.to_pack():  # somebody who tries the commands may ship them all
        deeds.append(shop.note)
    if len(to_pack) > FEW:
        deeds.append(shop.cancel)
    return random.choice(deeds)()
