"""The pages and the API over a real engine and a simulated store, in one process, asked as a browser asks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from crossdock.config import Config, Reading
from crossdock.engine import Engine
from crossdock.plugins import load_plugins
from crossdock.web.app import add_pages, serve
from crossdock.web.guards import Guard
from crossdock.web.health import Health
from crossdock.web.site import Site

from support.bench import Bench, store_config

LONG_ENOUGH_S = 20.0
WELL = Health(alive=True, ready=True, version="1.2.3", stores={})


@dataclass
class Browser:
    """One who looks at the pages: keeps cookies, and sends forms with what their page had in it."""

    address: str
    client: aiohttp.ClientSession
    engine: Engine
    reloads: list[Reading] = field(default_factory=list)
    text: str = ""
    status: int = 0
    at: str = ""

    async def get(self, path: str, **headers: str) -> str:
        """The page at a path."""
        return await self._ask("GET", path, headers=headers)

    async def send(self, path: str, fields: Mapping[str, str | list[str]] | None = None, **headers: str) -> str:
        """A form, with the token and the nonce of the page that was seen last."""
        hidden = dict(re.findall(r'name="(csrf|nonce)" value="([^"]*)"', self.text))
        pairs = [
            (name, value)
            for name, values in {**hidden, **(fields or {})}.items()
            for value in (values if isinstance(values, list) else [values])
        ]
        return await self._ask("POST", path, data=aiohttp.FormData(pairs), headers=headers)

    async def told(self, words: str) -> str:
        """The page of the job that the browser was led to, once it has these words."""
        path = self.at.removeprefix(self.address)
        async with asyncio.timeout(LONG_ENOUGH_S):
            while words not in self.text:
                await asyncio.sleep(0.01)  # a page without script is loaded again by hand
                await self.get(path)
        return self.text

    async def ended(self) -> str:
        """The page of the job that the browser was led to, once it's over."""
        return await self.told('class="outcome')

    async def api(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """What the API answers, as JSON."""
        async with self.client.request(method, f"{self.address}/api/v1{path}", json=body, headers=headers) as answer:
            self.status = answer.status
            return await answer.json() if answer.content_type == "application/json" else await answer.read()

    async def _ask(self, method: str, path: str, **what: Any) -> str:
        async with self.client.request(method, self.address + path, **what) as answer:
            self.status, self.text, self.at = answer.status, await answer.text(), str(answer.url)
            return self.text


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[str]:
    """Where an application listens until the block ends."""
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def site_over(
    bench: Bench, *, password_file: Path | None = None, url: str | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Browser]:
    """A browser at the pages of an engine with the bench's store."""
    store = store_config(bench.running, connector=bench.connector, settings=bench.settings)
    async with bench.engines(replace(store, every=timedelta(minutes=5))) as engine:
        config: Config = engine.config
        reading = Reading(config, ())
        guard = Guard(host, url, password_file, bench.clock)
        browser = Browser("", aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)), engine)

        async def reload() -> None:
            browser.reloads.append(reading)

        site = Site(
            engine=engine,
            plugins=load_plugins(),
            health=lambda: WELL,
            reading=lambda: reading,
            reload=reload,
            version="1.2.3",
            prefix=guard.prefix,
        )
        pages = partial(add_pages, site=site, guard=guard)
        async with browser.client, serve("127.0.0.1", 0, pages) as browser.address:
            yield browser
