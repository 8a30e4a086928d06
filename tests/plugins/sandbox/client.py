"""A bare client of the sandbox and a clock that tests wind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from crossdock_sandbox.server import Running

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


class WoundClock:
    """Stands still until it is wound."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    def wind(self, **delta: float) -> None:
        self.moment += timedelta(**delta)


@dataclass(frozen=True)
class Reply:
    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Api:
    """Asks the sandbox as any client would: `v2`/`v3` paths, the token, JSON."""

    def __init__(self, running: Running, session: aiohttp.ClientSession) -> None:
        self.running = running
        self._session = session
        self._base = running.api_path.removesuffix("/v3/")

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> Reply:
        """`path` is below the store, e.g. `/v2/orders`; a value in `query` is encoded as it should be."""
        sent = {"Accept": "application/json", "X-Auth-Token": token or self.running.access_token, **(headers or {})}
        params = {name: str(value) for name, value in query.items()}
        async with self._session.request(method, self._base + path, json=body, headers=sent, params=params) as reply:
            named = {name.lower(): value for name, value in reply.headers.items()}
            return Reply(reply.status, await reply.text(), named)

    async def get(self, path: str, **query: Any) -> Reply:
        return await self.ask("GET", path, **query)

    async def ids(self, **query: Any) -> list[int]:
        """The ids that a list of orders gives, in its order."""
        reply = await self.get("/v2/orders", **query)
        if reply.status == 204:
            return []
        assert reply.status == 200, reply.text
        return [int(order["id"]) for order in reply.json]

    async def control(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        url = self.running.control + path
        async with self._session.request(method, url, json=body, headers=headers) as reply:
            return Reply(reply.status, await reply.text(), {})
