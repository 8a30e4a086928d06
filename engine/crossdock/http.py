"""The HTTP client that each connector gets. (skeleton: signatures only, being written)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

import aiohttp

from crossdock.clock import Clock
from crossdock.model import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaHeaders:
    """The names of the headers in which a platform tells how many requests are left in the present window."""

    left: str
    quota: str
    reset_ms: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """How one store's HTTP is spoken. `headers` go with each request and are never shown: they hold the key."""

    base_url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    quota_headers: QuotaHeaders | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCounts:
    """What a client has done since it was made; subtract two to get one run's share."""

    requests: int = 0
    retries: int = 0
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A platform's answer. `started_at` is the server's time at which the request began, in whole seconds."""

    status: int
    headers: Mapping[str, str]
    json: Json
    text: str
    started_at: datetime
    request_id: str | None


class HttpClient:
    """HTTP for one store: time-outs, retries, the platform's quota, redaction and counts."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        options: HttpOptions,
        *,
        store: str,
        clock: Clock,
        random: Random,
    ) -> None: ...

    counts: HttpCounts
    quota_left: int | None

    def server_time(self) -> datetime: ...

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Json = None,
        repeatable: bool | None = None,
    ) -> Response: ...

    async def get_json(self, path: str, params: Mapping[str, str | int] | None = None) -> Json: ...
