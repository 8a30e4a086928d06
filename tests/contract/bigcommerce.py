"""BigCommerce's simulated store as the contract's platform."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from aiohttp import web
from crossdock import Item, StoreShipment
from crossdock.testing import FakeShippingPlatform
from crossdock_sandbox import routes
from crossdock_sandbox.answers import ApiRequest
from crossdock_sandbox.record import lines_of
from crossdock_sandbox.shipments_api import delete_shipment, post_shipment
from crossdock_sandbox.store import SandboxStore


class FakeBigCommerce(FakeShippingPlatform):
    """The simulated store behind the kit's own front."""

    unknown_id = "999999"

    def __init__(self) -> None:
        super().__init__()
        self.store = SandboxStore(now=self.clock.now, quota=100_000)
        self.store.behaviour.max_page = self.page_size

    def settings(self) -> Mapping[str, object]:
        account = self.store.account
        return {
            "api_path": f"{self.url}/stores/{self.store.store_hash}/v3/",
            "client_id": account.client_id,
            "access_token": account.access_token,
        }

    async def answer(self, request: web.Request) -> web.StreamResponse:
        _, _, store_hash, path = request.path.split("/", 3)
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = ApiRequest(request.method, f"/{path}", dict(request.query), headers, await request.read())
        given = routes.answer(self.store, asked, store_hash=store_hash)
        return web.Response(
            status=given.status,
            body=given.body,
            content_type=given.content_type,
            headers={**self.store.quota.headers(), **given.headers},
        )

    def add_order(self) -> str:
        return str(self.store.add_order())

    def edit_order(self, order_id: str) -> None:
        line = lines_of(self.store.record(int(order_id)).read_parts())[0]
        changed = {"id": line["id"], "quantity": int(line["quantity"]) + 1}
        self.store.edit(int(order_id), lines=[changed])

    def truth(self) -> Mapping[str, tuple[str, int]]:
        orders = map(self.store.order, self.store.order_ids())
        return {
            str(order["id"]): (str(order["status_id"]), sum(int(line["quantity"]) for line in order["lines"]))
            for order in orders
        }

    def add_order_to_ship(self) -> str:
        lines = [{"quantity": 3 + place, "address": place // 2} for place in range(4)]
        return str(self.store.add_order(lines=lines, addresses=[{}, {"city": "Hobart"}]))

    def shipments(self, order_id: str) -> Sequence[StoreShipment]:
        return [
            StoreShipment(
                id=str(one.id),
                consignment=str(one.order_address_id),
                items=tuple(Item(str(item.order_product_id), item.quantity) for item in one.items),
                tracking_number=one.tracking_number,
            )
            for one in self.store.shipments(int(order_id))
        ]

    def ship_by_hand(self, order_id: str, shipment: StoreShipment) -> None:
        body = {
            "order_address_id": int(shipment.consignment),
            "items": [{"order_product_id": int(item.line), "quantity": item.quantity} for item in shipment.items],
            "tracking_number": shipment.tracking_number or "",
        }
        asked = ApiRequest("POST", "", {}, {"content-type": "application/json"}, json.dumps(body).encode())
        post_shipment(self.store, asked, int(order_id))

    def delete_shipment(self, order_id: str, shipment_id: str) -> None:
        delete_shipment(self.store, ApiRequest("DELETE", "", {}, {}, b""), int(order_id), int(shipment_id))

    def choose_status(self, order_id: str) -> str:
        self.store.set_status(int(order_id), 10)
        return "10"

    def mails(self, order_id: str) -> int:
        return sum(mail.order_id == int(order_id) for mail in self.store.emails)

    def rejection(self, words: str) -> web.Response:
        return web.json_response([{"status": 400, "message": words}], status=400)
