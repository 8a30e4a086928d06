"""BigCommerce's simulated store as the contract's platform."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from crossdock.testing import FakePlatform
from crossdock_sandbox import routes
from crossdock_sandbox.answers import ApiRequest
from crossdock_sandbox.record import lines_of
from crossdock_sandbox.store import SandboxStore


class FakeBigCommerce(FakePlatform):
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
