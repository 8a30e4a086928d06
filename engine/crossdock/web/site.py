"""What the pages show and do: the engine, and what the daemon tells of itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from crossdock.config import Reading
from crossdock.engine import Engine
from crossdock.plugins import Plugins
from crossdock.web.access import Session
from crossdock.web.health import Health


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What stands behind the pages.

    Attributes:
        reading: What became of reading the configuration last, with every mistake in it.
        reload: Reads the configuration again, and takes over what has changed.
        prefix: The path under which a reverse proxy shows the pages, such as `/crossdock`, or "".
    """

    engine: Engine
    plugins: Plugins
    health: Callable[[], Health]
    reading: Callable[[], Reading]
    reload: Callable[[], Awaitable[None]]
    version: str
    prefix: str = ""


SITE: web.AppKey[Site] = web.AppKey("site", Site)
SESSION: web.RequestKey[Session] = web.RequestKey("session", Session)
