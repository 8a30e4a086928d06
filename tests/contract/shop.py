"""A small platform and its connector, as an author would write them: orders by modified time, in whole seconds.

Their writing half is the smallest useful one: five requests, and no word about what goes wrong with them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aiohttp import web
from crossdock import (
    Account,
    Address,
    Connector,
    Consignment,
    ConsignmentKind,
    CredentialsError,
    Cursor,
    Customer,
    HttpOptions,
    Item,
    Json,
    Line,
    Look,
    Order,
    Page,
    PermissionMissingError,
    Progress,
    Raw,
    Receipt,
    RefusedError,
    Response,
    Secret,
    Seen,
    Settings,
    Shipment,
    Stage,
    Status,
    StoreShipment,
    StoreView,
)
from crossdock.testing import FakeShippingPlatform

LATE_S = 2  # what changes within a second can come after it was read


STATUSES = {"paid": "Paid", "partly": "Partly sent", "sent": "Sent", "gift": "A gift for somebody"}


@dataclass(slots=True)
class Parcel:
    """A shipment as the platform keeps it; `items` are units by the line's id."""

    id: int
    to: str
    items: dict[str, int]
    number: str | None


@dataclass(slots=True)
class Sale:
    """An order as the platform keeps it: for each of its addresses, by an id, the units of each line."""

    id: int
    placed: int
    modified: int
    goods: dict[str, dict[str, int]] = field(default_factory=lambda: {"A": {"A1": 1}})
    status: str = "paid"
    mails: int = 0
    parcels: list[Parcel] = field(default_factory=list)

    def as_json(self) -> dict[str, Json]:
        return {name: getattr(self, name) for name in ("id", "placed", "modified", "goods", "status")}


class FakeShop(FakeShippingPlatform):
    """`/shop`, `/orders/ID`, and `/orders?since=T&after=ID` by (modified, id), with `&offset=N` from its Nth one on.

    PUT `/orders/ID` sets the status; `/orders/ID/parcels` has the order's parcels, and takes new ones; `/parcels/ID`
    one of them. It mails the buyer about each parcel and each other status, and counts no units: people do.
    """

    longest: int | None = None  # page, where it isn't `page_size`

    def __init__(self) -> None:
        super().__init__()
        self.sales: dict[int, Sale] = {}
        self._last_parcel = 0

    def settings(self) -> Mapping[str, object]:
        return {"url": self.url, "key": self.secret}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != self.secret:
            return self.refusal()
        if request.path == "/shop":
            return web.json_response({"id": "shop-7", "name": "Shop of Main Street"})
        if request.path == "/orders":
            return web.json_response(self._page({name: int(value) for name, value in request.query.items()}))
        _, kind, number, *rest = request.path.split("/")
        body = await request.json() if request.body_exists else {}
        if kind == "parcels":
            return self._answer_about_parcel(request.method, int(number), body)
        sale = self.sales.get(int(number))
        if sale is None:
            return web.json_response({}, status=404)
        return web.json_response(self._parcels(request.method, sale, body) if rest else self._order(sale, body))

    def add_order(self) -> str:
        number = len(self.sales) + 1
        self.sales[number] = Sale(number, self._now(), self._now())
        return str(number)

    def edit_order(self, order_id: str) -> None:
        sale = self.sales[int(order_id)]
        sale.goods["A"]["A1"] += 1
        sale.modified = self._now()

    def truth(self) -> Mapping[str, tuple[str, int]]:
        return {
            str(sale.id): (sale.status, sum(sum(units.values()) for units in sale.goods.values()))
            for sale in self.sales.values()
        }

    def add_order_to_ship(self) -> str:
        order_id = self.add_order()
        self.sales[int(order_id)].goods = {"A": {"A1": 3, "A2": 4}, "B": {"B1": 5, "B2": 3}}
        return order_id

    def shipments(self, order_id: str) -> Sequence[StoreShipment]:
        return [shipment_of(asdict(parcel)) for parcel in self.sales[int(order_id)].parcels]

    def ship_by_hand(self, order_id: str, shipment: StoreShipment) -> None:
        items = {item.line: item.quantity for item in shipment.items}
        self._ship(self.sales[int(order_id)], shipment.consignment, items, shipment.tracking_number)

    def delete_shipment(self, order_id: str, shipment_id: str) -> None:
        sale = self.sales[int(order_id)]
        sale.parcels = [parcel for parcel in sale.parcels if str(parcel.id) != shipment_id]
        sale.modified = self._now()

    def choose_status(self, order_id: str) -> str:
        self._set_status(self.sales[int(order_id)], "gift")
        return "gift"

    def mails(self, order_id: str) -> int:
        return self.sales[int(order_id)].mails

    def _order(self, sale: Sale, body: Mapping[str, Any]) -> Json:
        if body:
            self._set_status(sale, body["status"])
        return sale.as_json()

    def _parcels(self, method: str, sale: Sale, body: Mapping[str, Any]) -> Any:
        return asdict(self._ship(sale, **body)) if method == "POST" else [asdict(parcel) for parcel in sale.parcels]

    def _answer_about_parcel(self, method: str, number: int, body: Mapping[str, Any]) -> web.Response:
        found = [(sale, one) for sale in self.sales.values() for one in sale.parcels if one.id == number]
        if not found:
            return web.json_response({}, status=404)
        ((sale, parcel),) = found
        if method == "DELETE":
            self.delete_shipment(str(sale.id), str(number))
        else:
            parcel.number = body["number"]
        return web.json_response({})

    def _ship(self, sale: Sale, to: str, items: dict[str, int], number: str | None) -> Parcel:
        self._last_parcel += 1
        sale.parcels.append(Parcel(self._last_parcel, to, items, number))
        sale.modified = self._now()
        sale.mails += 1
        return sale.parcels[-1]

    def _set_status(self, sale: Sale, status: str) -> None:
        sale.mails += sale.status != status
        sale.status, sale.modified = status, self._now()

    def _page(self, query: Mapping[str, int]) -> list[dict[str, Json]]:
        start = (query["since"], query.get("after", 0))
        found = sorted((sale.modified, sale.id) for sale in self.sales.values() if (sale.modified, sale.id) > start)
        first = query.get("offset", 0)
        return [self.sales[number].as_json() for _, number in found[first : first + (self.longest or self.page_size)]]

    def _now(self) -> int:
        return int(self.clock.now().timestamp())


class ShopSettings(Settings):
    url: str
    key: Secret


class Shop(Connector[ShopSettings]):
    """Orders by (modified, id), and what may have come late again with each import."""

    name, title, Settings = "shop", "Shop", ShopSettings

    @classmethod
    def http_options(cls, settings: ShopSettings) -> HttpOptions:
        return HttpOptions(base_url=settings.url, headers={"Authorization": settings.key.get_secret_value()})

    async def account(self) -> Account:
        shop: Any = await self.http.get_json("/shop")
        return Account(identity=shop["id"], name=shop["name"])

    async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
        at: Any = cursor or {"since": int(since.timestamp()), "after": 0}
        latest = int(self.http.server_time().timestamp()) - LATE_S
        while sales := await self.orders(at):
            last = sales[-1]
            at = {"since": last["modified"], "after": last["id"]}
            is_late = last["modified"] > latest
            yield Page(tuple(map(self.seen, sales)), cursor={"since": latest, "after": 0} if is_late else at)

    async def fetch(self, order_id: str) -> Seen | None:
        response = await self.http.request("GET", f"/orders/{order_id}")
        if response.status == 404:
            return None
        if response.status != 200:
            raise RefusedError(f"{self.http.store}: the shop refused to show order {order_id} ({response.status}).")
        return self.seen(response.json)

    def order_from_raw(self, raw: Raw) -> Order:
        sale: Any = raw
        return Order(
            id=str(sale["id"]),
            number=str(sale["id"]),
            status=Status(id=sale["status"], name=STATUSES[sale["status"]]),
            stage=Stage.SHIPPED if sale["status"] == "sent" else Stage.AWAITING,
            shipping_allowed=True,
            placed_at=datetime.fromtimestamp(sale["placed"], UTC),
            modified_at=datetime.fromtimestamp(sale["modified"], UTC),
            currency="AUD",
            total=Decimal(12),
            customer=Customer(name="Mia Example"),
            consignments=tuple(
                Consignment(
                    id=to,
                    kind=ConsignmentKind.SHIPPING,
                    ship_to=Address(city="Perth", country="AU"),
                    lines=tuple(Line(id=line, name="Mug", quantity=units) for line, units in goods.items()),
                )
                for to, goods in sale["goods"].items()
            ),
        )

    async def look(self, order_id: str) -> Look | None:
        seen = await self.fetch(order_id)
        if seen is None:
            return None
        parcels: Any = await self.http.get_json(f"/orders/{order_id}/parcels")
        return Look(seen, tuple(map(shipment_of, parcels)))

    async def send(self, shipment: Shipment) -> Receipt:
        body = {
            "to": shipment.consignment,
            "items": {item.line: item.quantity for item in shipment.items},
            "number": shipment.tracking_number,
        }
        made: Any = (await self.write("POST", f"/orders/{shipment.order_id}/parcels", body)).json
        return Receipt(id=str(made["id"]))

    async def set_status(self, order_id: str, status: str) -> None:
        await self.write("PUT", f"/orders/{order_id}", {"status": status})

    def target_status(self, first: StoreView, now: StoreView, progress: Progress) -> Status | None:
        if not progress.sent:
            return first.status
        target = "partly" if progress.left or progress.waiting else "sent"
        return Status(id=target, name=STATUSES[target])

    def own_statuses(self) -> Collection[str]:
        return ("paid", "partly", "sent")

    async def correct(self, shipment_id: str, shipment: Shipment) -> None:
        await self.write("PUT", f"/parcels/{shipment_id}", {"number": shipment.tracking_number})

    async def void(self, order_id: str, shipment_id: str) -> None:
        await self.write("DELETE", f"/parcels/{shipment_id}", None, unless=404)

    async def write(self, method: str, path: str, body: Json, *, unless: int = 0) -> Response:
        """The answer to what changes the shop: asked for once, so that nothing is done twice."""
        response = await self.http.request(method, path, json=body)
        if response.status == 401:
            raise CredentialsError(f"{self.http.store}: the shop doesn't accept the key. Put a valid one in its place.")
        if response.status == 403:
            words = f"{self.http.store}: the shop's key may not change orders. Let it, under Settings › Keys."
            raise PermissionMissingError(words, scope="write")
        if response.status >= 400 and response.status != unless:
            raise RefusedError(f"{self.http.store}: the shop refused it: {response.text}")
        return response

    async def orders(self, at: Mapping[str, int]) -> list[Any]:
        found: Any = await self.http.get_json("/orders", params=at)
        return list(found)

    def seen(self, sale: Any) -> Seen:
        return Seen(str(sale["id"]), raw=sale)


def shipment_of(parcel: Any) -> StoreShipment:
    """A parcel of the shop as crossdock knows shipments."""
    return StoreShipment(
        id=str(parcel["id"]),
        consignment=parcel["to"],
        items=tuple(Item(line, units) for line, units in parcel["items"].items()),
        tracking_number=parcel["number"],
    )
