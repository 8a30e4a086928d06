"""Orders of Corner Shop tills for crossdock."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crossdock import (
    Account,
    Address,
    AnyConnector,
    Connector,
    Consignment,
    ConsignmentKind,
    Cursor,
    Customer,
    HttpOptions,
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
    hookimpl,
)
from pydantic import Field

crossdock_contract = 1

AT_ONCE = 50  # the till gives no more


class CornerSettings(Settings):
    """What the shopkeeper fills in."""

    address: str = Field(description="Where the till is, such as http://till.local:8080")
    key: Secret = Field(description="The till's export key: Menu, Settings, Export.")


class Corner(Connector[CornerSettings]):
    """Read by increasing number: what a till has rung up never changes."""

    name = "corner"
    title = "Corner Shop till"
    Settings = CornerSettings

    @classmethod
    def http_options(cls, settings: CornerSettings) -> HttpOptions:
        return HttpOptions(base_url=settings.address, headers={"X-Till-Key": settings.key.get_secret_value()})

    async def account(self) -> Account:
        about: Any = await self.http.get_json("/about")
        return Account(identity=about["serial"], name=about["shop"], currency=about["currency"])

    async def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
        where: dict[str, Any] = {"after": cursor["no"] if cursor else 0, "limit": AT_ONCE}
        if not cursor:
            where["rung_up_from"] = int(since.timestamp())
        while True:
            slips: Any = await self.http.get_json("/slips", params=where)
            if not slips:
                return
            where["after"] = slips[-1]["no"]
            yield Page(tuple(_seen(slip) for slip in slips), cursor={"no": where["after"]})

    async def fetch(self, order_id: str) -> Seen | None:
        answer = await self.http.request("GET", f"/slips/{order_id}")
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise RefusedError(f"{self.http.store}: the till doesn't show slip {order_id} ({answer.status}).")
        return _seen(answer.json)

    def order_from_raw(self, raw: Raw) -> Order:
        slip: Any = raw
        rung_up = datetime.fromtimestamp(slip["at"], UTC)
        return Order(
            id=str(slip["no"]),
            number=slip["ticket"],
            status=Status(id="paid", name="Paid"),
            stage=Stage.AWAITING,
            shipping_allowed=True,
            placed_at=rung_up,
            modified_at=rung_up,
            currency=slip["currency"],
            total=Decimal(slip["cents"]) / 100,
            customer=Customer(name=slip["to"] and slip["to"]["name"]),
            consignments=(_consignment(slip),),
        )


def _seen(slip: Any) -> Seen:
    return Seen(str(slip["no"]), raw=slip, skip=None if slip["to"] else "it was handed over at the counter")


def _consignment(slip: Any) -> Consignment:
    to = slip["to"]
    address = to and Address(
        name=to["name"], street=to["street"], city=to["town"], postcode=to["postcode"], country=to["country"]
    )
    return Consignment(
        id="1",
        kind=ConsignmentKind.SHIPPING if to else ConsignmentKind.PICKUP,
        ship_to=address,
        lines=tuple(_line(str(place), item) for place, item in enumerate(slip["items"], start=1)),
    )


def _line(place: str, item: Any) -> Line:
    return Line(
        id=place,
        sku=item["code"],
        name=item["text"],
        quantity=item["count"],
        unit_price=Decimal(item["cents"]) / 100,
        weight_grams=item.get("grams"),
    )


@hookimpl
def connectors() -> list[type[AnyConnector]]:
    return [Corner]
