"""A Corner Shop till: a platform that nobody else has heard of, served while a test goes on in its own thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "till-key-of-"
FIRST_SLIPS = 120
RUNG_UP = int(time.time()) - 24 * 3600  # the first of them


@dataclass(slots=True)
class Till:
    """Many shops behind one address: the key `till-key-of-NAME` opens that of NAME."""

    address: str = ""
    shops: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(first_slips))

    def ring_up(self, shop: str) -> str:
        """One order more; its id."""
        slips = self.shops[shop]
        slips.append(slip(len(slips) + 1))
        return str(len(slips))

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/about", self._about),
            web.get("/slips", self._slips),
            web.get(r"/slips/{no:\d+}", self._slip),
        ]

    async def _about(self, request: web.Request) -> web.Response:
        name = _shop(request)
        return web.json_response({"serial": f"CS-{name}", "shop": f"Corner of {name}", "currency": "AUD"})

    async def _slips(self, request: web.Request) -> web.Response:
        after, limit, rung_up_from = (int(request.query.get(what, 0)) for what in ("after", "limit", "rung_up_from"))
        slips = [one for one in self.shops[_shop(request)] if one["no"] > after and one["at"] >= rung_up_from]
        return web.json_response(slips[: min(limit, 50)])

    async def _slip(self, request: web.Request) -> web.Response:
        slips, number = self.shops[_shop(request)], int(request.match_info["no"])
        if not 0 < number <= len(slips):
            raise web.HTTPNotFound
        return web.json_response(slips[number - 1])


def _shop(request: web.Request) -> str:
    _, found, name = request.headers.get("X-Till-Key", "").partition(KEY)
    if not found:
        raise web.HTTPUnauthorized
    return name


def first_slips() -> list[dict[str, Any]]:
    return [slip(number) for number in range(1, FIRST_SLIPS + 1)]


def slip(number: int) -> dict[str, Any]:
    """What the till knows of one order; each third one was handed over at the counter."""
    to = {"name": "Mia Example", "street": "1 Sample St", "town": "Perth", "postcode": "6000", "country": "AU"}
    return {
        "no": number,
        "ticket": f"T-{number}",
        "at": RUNG_UP + 60 * number,
        "currency": "AUD",
        "cents": 2400,
        "to": to if number % 3 else None,
        "items": [{"code": "MUG", "text": "Mug", "count": 2, "cents": 1200, "grams": 350.0}],
    }


@contextmanager
def till() -> Iterator[Till]:
    """A till that answers on a free port of this machine until the block ends."""
    made, loop, ended, ready = Till(), asyncio.new_event_loop(), asyncio.Event(), threading.Event()

    async def serve() -> None:
        app = web.Application()
        app.add_routes(made.routes())
        runner = web.AppRunner(app, access_log=None)
        try:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            made.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
            ready.set()
            await ended.wait()
        finally:
            ready.set()
            await runner.cleanup()

    def work() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            loop.close()

    thread = threading.Thread(target=work, name="till")
    thread.start()
    ready.wait()
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
