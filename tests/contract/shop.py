"""A small platform and its connector, as an author would write them: orders by modified time, in whole seconds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aiohttp import web
from crossdock import (
    Account,
    Connector,
    Consignment,
    ConsignmentKind,
    Cursor,
    Customer,
    HttpOptions,
    Json,
    Line,
    Order,
    Page,
    Raw,
    RefusedError,
    Secret,
    Seen,
    Settings,
    Stage,
    Status,
)
from crossdock.testing import FakePlatform

LATE_S = 2  # what changes within a second can come after it was read


@dataclass(slots=True)
class Sale:
    """An order as the platform keeps it."""

    id: int
    placed: int
    modified: int
    units: int = 1

    def as_json(self) -> dict[str, Json]:
        return {"id": self.id, "placed": self.placed, "modified": self.modified, "units": self.units}


class FakeShop(FakePlatform):
    """`/shop`, `/orders/ID`, and `/orders?since=T&after=ID` by (modified, id), with `&offset=N` from its Nth one on."""

    longest: int | None = None  # page, where it isn't `page_size`

    def __init__(self) -> None:
        super().__init__()
        self.sales: dict[int, Sale] = {}

    def settings(self) -> Mapping[str, object]:
        return {"url": self.url, "key": self.secret}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != self.secret:
            return self.refusal()
        if request.path == "/shop":
            return web.json_response({"id": "shop-7", "name": "Shop of Main Street"})
        if request.path == "/orders":
            return web.json_response(self._page({name: int(value) for name, value in request.query.items()}))
        sale = self.sales.get(int(request.path.removeprefix("/orders/")))
        return web.json_response(sale.as_json()) if sale else web.json_response({}, status=404)

    def add_order(self) -> str:
        number = len(self.sales) + 1
        self.sales[number] = Sale(number, self._now(), self._now())
        return str(number)

    def edit_order(self, order_id: str) -> None:
        sale = self.sales[int(order_id)]
        sale.units, sale.modified = sale.units + 1, self._now()

    def truth(self) -> Mapping[str, tuple[str, int]]:
        return {str(sale.id): ("paid", sale.units) for sale in self.sales.values()}

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
            status=Status(id="paid", name="Paid"),
            stage=Stage.AWAITING,
            shipping_allowed=True,
            placed_at=datetime.fromtimestamp(sale["placed"], UTC),
            modified_at=datetime.fromtimestamp(sale["modified"], UTC),
            currency="AUD",
            total=Decimal(12),
            customer=Customer(name="Mia Example"),
            consignments=(
                Consignment(
                    id="1", kind=ConsignmentKind.SHIPPING, lines=(Line(id="1", name="Mug", quantity=sale["units"]),)
                ),
            ),
        )

    async def orders(self, at: Mapping[str, int]) -> list[Any]:
        found: Any = await self.http.get_json("/orders", params=at)
        return list(found)

    def seen(self, sale: Any) -> Seen:
        return Seen(str(sale["id"]), raw=sale)
