"""What every request has to pass: Host, Origin, session, CSRF token, token of a program, and bounds.

Nothing here knows a page. A request that is turned away is told why in a sentence.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from crossdock.clock import Clock, SystemClock
from crossdock.config import Config, EngineConfig
from crossdock.errors import UsageError
from crossdock.web.access import Keys, Session, Sessions, Throttle, read_keys

COOKIE = "crossdock"
BODY_S = 30.0  # for a form to come in
MOST_AT_ONCE = 200  # requests: more of them are turned away, and the ones at work get done
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
PROBES = frozenset({"/healthz", "/readyz"})  # asked by whoever watches over the daemon, under any name
OPEN = ("/static/", "/sign-in")  # to those who haven't signed in yet
API = "/api/"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def refuse_open_door(engine: EngineConfig) -> None:
    """Raises UsageError where everybody in the network could come in without a password."""
    keys = Keys() if engine.web_password_file is None else read_keys(engine.web_password_file)
    if engine.web_password_file is not None and keys.password is None:
        raise UsageError(
            f"engine.web.password_file: there is no password in {engine.web_password_file} yet; "
            "`crossdock web password` puts one there."
        )
    if keys.password is None and not is_loopback(engine.web_host):
        raise UsageError(
            f"engine.web.host: at {engine.web_host} others could open the page, so it needs a password: name a file "
            "as engine.web.password_file in stores.yaml, then run `crossdock web password`."
        )


def is_loopback(host: str) -> bool:
    """Whether this machine alone can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(slots=True)
class Guard:
    """Turns away what may not come in. One for an application."""

    host: str
    url: str | None
    password_file: Path | None
    clock: Clock = field(default_factory=SystemClock)
    sessions: Sessions = field(init=False)
    throttle: Throttle = field(init=False)
    guessing: asyncio.Lock = field(default_factory=asyncio.Lock)  # one guess at a time: each takes the processor
    _at_once: int = 0

    def __post_init__(self) -> None:
        self.sessions, self.throttle = Sessions(self.clock), Throttle(self.clock)

    @classmethod
    def of(cls, config: Config, clock: Clock) -> Guard:
        """The guard of a configuration."""
        engine = config.engine
        return cls(engine.web_host, engine.web_url, engine.web_password_file, clock)

    @property
    def prefix(self) -> str:
        """The path under which a reverse proxy shows the pages, which it takes off: `/crossdock`, or ""."""
        return urlsplit(self.url).path.rstrip("/") if self.url else ""

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by TLS."""
        return bool(self.url and self.url.startswith("https:"))

    async def keys(self) -> Keys:
        """What opens the door at present: read each time, so that a token revoked is one at once."""
        return Keys() if self.password_file is None else await asyncio.to_thread(read_keys, self.password_file)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets a request through, with its session, or turns it away."""
        if request.path in PROBES:
            return await handler(request)
        if self._at_once >= MOST_AT_ONCE:
            raise web.HTTPServiceUnavailable(text="crossdock is busy with other requests; try again in a moment.")
        self._at_once += 1
        try:
            self._check_host(request)
            self._check_origin(request)
            if request.path.startswith(API):
                await self._check_token(request)
                return await handler(request)
            return await self._paged(request, handler)
        finally:
            self._at_once -= 1

    def _check_host(self, request: web.Request) -> None:
        name = _host_name(request.headers.get("Host", ""))
        if name in LOOPBACK or name == self.host or (self.url and name == urlsplit(self.url).hostname):
            return
        if not is_loopback(self.host) and _is_address(name):  # a name that leads here may be an attacker's
            return
        raise web.HTTPMisdirectedRequest(
            text="This name doesn't lead to crossdock; open the address that it prints when it starts, or write the "
            "public one as engine.web.url in stores.yaml."
        )

    def _check_origin(self, request: web.Request) -> None:
        if request.method in SAFE:
            return
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        if origin is None:
            is_ours = site in (None, "same-origin", "none")
        else:
            found = urlsplit(origin)
            is_ours = found.netloc == request.headers.get("Host") or bool(
                self.url and (found.scheme, found.netloc) == urlsplit(self.url)[:2]
            )
        if not is_ours:
            raise web.HTTPForbidden(text="Another site has sent this; nothing was done. Open crossdock's own page.")

    async def _check_token(self, request: web.Request) -> None:
        if request.method not in SAFE:
            await _body(request)
            if request.can_read_body and request.content_type != "application/json":
                raise web.HTTPUnsupportedMediaType(text="Send JSON, with the header Content-Type: application/json.")
        keys = await self.keys()
        if self.password_file is None:
            return
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not keys.is_token(token.strip()):
            raise web.HTTPUnauthorized(
                text="This needs a token that counts: Authorization: Bearer TOKEN. `crossdock web token` makes one.",
                headers={"WWW-Authenticate": "Bearer"},
            )

    async def _paged(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/static/"):
            return await handler(request)
        session = self.sessions.find(request.cookies.get(COOKIE, ""))
        is_new = session is None
        session = session or self.sessions.begin()
        request["session"] = session
        try:
            if request.method not in SAFE:
                await self._check_form(request, session, is_new=is_new)
            if self.password_file is not None and not session.signed_in and not request.path.startswith(OPEN):
                if request.method not in SAFE:
                    raise web.HTTPUnauthorized(text="You are no longer signed in; nothing was done. Sign in again.")
                to = quote(request.path_qs, safe="")
                return web.Response(status=303, headers={"Location": f"{self.prefix}/sign-in?to={to}"})
            response = await handler(request)
        except web.HTTPException as error:
            error.headers.add("Set-Cookie", self._cookie(request["session"]))
            raise
        if not response.prepared and (is_new or request["session"] is not session):
            response.headers.add("Set-Cookie", self._cookie(request["session"]))
        return response

    async def _check_form(self, request: web.Request, session: Session, *, is_new: bool) -> None:
        shown = request.headers.get("X-CSRF-Token", "")
        if not shown:
            await _body(request)
            field = (await request.post()).get("csrf", "")
            shown = field if isinstance(field, str) else ""
        if is_new or not hmac.compare_digest(shown.encode(), session.csrf.encode()):
            raise web.HTTPForbidden(
                text="This page was opened before crossdock was started again, or long ago; nothing was done. "
                "Go back, load the page anew, and do it again."
            )

    def _cookie(self, session: Session) -> str:
        secure = "; Secure" if self.is_secure else ""
        return f"{COOKIE}={session.id}; Path={self.prefix}/; HttpOnly; SameSite=Lax{secure}"


GUARD: web.AppKey[Guard] = web.AppKey("guard", Guard)


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Every answer tells browsers what it's not to be used for."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


async def _body(request: web.Request) -> None:
    try:
        async with asyncio.timeout(BODY_S):
            await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="What was sent didn't come to its end in time; nothing was done.") from None
    except web.HTTPRequestEntityTooLarge:
        raise web.HTTPRequestEntityTooLarge(
            max_size=0, actual_size=0, text="That is more than crossdock takes at once; nothing was done."
        ) from None


def _host_name(header: str) -> str:
    """`localhost` of `localhost:8420`, `::1` of `[::1]:8420`."""
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
