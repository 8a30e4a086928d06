"""`/healthz` and `/readyz`: whether the daemon does its work, for whoever starts it again or sends it visitors.

A store that fails makes neither red: no restart would mend it, and the other stores would lose their time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the daemon is. `why` says what is wrong, or what is being waited for; `stores` counts them by state."""

    alive: bool
    ready: bool
    version: str
    why: str = ""
    stores: Mapping[str, int]


def add_health(app: web.Application, health: Callable[[], Health]) -> None:
    """Has the app answer both, from what `health` gives at the time."""

    async def healthz(_: web.Request) -> web.Response:
        now = health()
        return _answer(now, good=now.alive, facts={"alive": now.alive})

    async def readyz(_: web.Request) -> web.Response:
        now = health()
        return _answer(now, good=now.ready, facts={"ready": now.ready, "stores": now.stores})

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)


def _answer(health: Health, *, good: bool, facts: Mapping[str, object]) -> web.Response:
    why = {} if good else {"why": health.why}
    return web.Response(
        body=msgspec.json.encode({**facts, **why, "version": health.version}) + b"\n",
        status=200 if good else 503,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
