"""Behind a reverse proxy that shows the page under a path of its own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from support.bench import STORE, Bench
from support.site import Browser, listening, site_over

AT = "/shop/floor"
HOP_BY_HOP = ("transfer-encoding", "connection", "keep-alive")


@dataclass
class Proxy:
    """Takes its path off and passes on what is left, as nginx and Caddy do."""

    client: aiohttp.ClientSession
    address: str = ""
    behind: str = ""
    astray: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if not request.path.startswith(f"{AT}/"):
            self.astray.append(request.path)
            raise web.HTTPNotFound
        target = self.behind + request.path_qs.removeprefix(AT)
        async with self.client.request(
            request.method, target, headers=request.headers, data=await request.read(), allow_redirects=False
        ) as answer:
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP]
            return web.Response(status=answer.status, body=await answer.read(), headers=dict(kept))


@asynccontextmanager
async def proxied() -> AsyncIterator[Proxy]:
    async with aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as client:
        proxy = Proxy(client)
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", proxy.handle)
        async with listening(app) as proxy.address:
            yield proxy


@pytest.fixture
async def outside(bench: Bench, orders: list[int]) -> AsyncIterator[tuple[Proxy, Browser]]:
    """The proxy, and a browser that knows its address alone."""
    async with proxied() as proxy, site_over(bench, url=f"{proxy.address}{AT}/") as browser:
        proxy.behind, browser.address = browser.address, f"{proxy.address}{AT}"
        yield proxy, browser


async def test_every_link_and_form_stays_under_the_path(outside: tuple[Proxy, Browser], orders: list[int]) -> None:
    proxy, browser = outside
    pages = ["/", "/shipments?tab=all", f"/orders/{STORE}/{orders[0]}", "/import", "/runs", "/write-backs",
             "/settings/integrations", "/settings/integrations/new", "/nothing"]  # fmt: skip
    for page in pages:
        await browser.get(page)
        linked = re.findall(r'(?:href|src|action|formaction|data-events)="([^"#]+)"', browser.text)
        assert linked
        assert [one for one in linked if not one.startswith(f"{AT}/")] == [], page
        for asset in re.findall(rf'"{AT}(/static/[^"]+)"', browser.text):
            await browser.get(asset)
            assert browser.status == 200, asset
    assert proxy.astray == []


async def test_what_is_sent_through_it_is_done_and_leads_back_under_the_path(
    outside: tuple[Proxy, Browser], orders: list[int]
) -> None:
    proxy, browser = outside
    at = f"/orders/{STORE}/{orders[0]}"
    await browser.get(at)
    await browser.send(f"{at}/ship", {"carrier": "Sendle"}, Origin=proxy.address)
    assert "Shipped: shipment 1 by Sendle." in browser.text
    assert browser.at.startswith(f"{proxy.address}{AT}{at}")
    (cookie,) = list(browser.client.cookie_jar)
    assert cookie["path"] == f"{AT}/"
    assert proxy.astray == []
