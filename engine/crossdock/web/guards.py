"""What every request has to pass: Host, Origin, session, CSRF token, token of a program, and bounds.

Nothing here knows a page. A request that is turned away is told why in a sentence. What is decided by a path is
decided by the very form of it that finds the page, so that no other spelling of it passes by.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from crossdock.clock import Clock, SystemClock
from crossdock.config import Config, EngineConfig
from crossdock.errors import UsageError
from crossdock.web.access import Keys, Password, Session, Sessions, Throttle, read_keys
from crossdock.web.site import SESSION

log = logging.getLogger("crossdock.web")

COOKIE = "crossdock"
BODY_S = 30.0  # for a form to come in
MOST_AT_ONCE = 200  # requests: more of them are turned away, and the ones at work get done
MOST_CONNECTIONS = 500
LARGEST_OF_GUESTS = 16 * 1024  # bytes that somebody may send who isn't signed in: a password, and where to go then
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
PROBES = frozenset({"/healthz", "/readyz"})  # asked by whoever watches over the daemon, under any name
STATIC = "/static/"
SIGN_IN = "/sign-in"
API = "/api/"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
HOST = re.compile(r"(?P<name>[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
POLICY_OF_PDF = "frame-ancestors 'none'"  # Chrome's viewer is a page of its own with styles in it: it would stay blank
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

LET_IN: web.RequestKey[bool] = web.RequestKey("let_in", bool)
"""Whether who asks for a page may see what goes on here."""


def refuse_open_door(engine: EngineConfig) -> None:
    """Raises UsageError where others could come in without a password."""
    if engine.web_password_file is not None:
        _trusted_keys(engine.web_password_file)
        return
    name_a_file = (
        "so it needs a password: name a file for it as engine.web.password_file in stores.yaml, such as"
        " crossdock.password, then run `crossdock web password`."
    )
    if not is_loopback(engine.web_host):
        raise UsageError(f"engine.web.host: others can open the page at {engine.web_host}, {name_a_file}")
    if engine.web_url and not is_loopback(urlsplit(engine.web_url).hostname or ""):
        raise UsageError(f"engine.web.url: others can open the page at {engine.web_url}, {name_a_file}")


def _trusted_keys(path: Path) -> Keys:
    """The keys in the file, with a password among them. Raises UsageError."""
    keys = read_keys(path)
    if keys.password is None:
        raise UsageError(
            f"engine.web.password_file: there is no password in {path} yet; `crossdock web password` puts one there."
        )
    return keys


def is_loopback(host: str) -> bool:
    """Whether this machine alone can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


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
    _password: Password | None = None
    _is_blind: bool = False
    _busy: set[object] = field(default_factory=set)  # connections with a request at work

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
        """What opens the door at present: read each time, so that a token revoked is one at once.

        A password that is no longer the former ends all sessions. While the file can't be trusted, nobody comes in.
        """
        if self.password_file is None:
            return Keys()
        try:
            keys = await asyncio.to_thread(_trusted_keys, self.password_file)
        except UsageError as error:
            if not self._is_blind:
                log.error("nobody can sign in until this is mended: %s", error)
            self._is_blind = True
            raise web.HTTPServiceUnavailable(
                text="crossdock can't tell at present who may come in; its log says why."
            ) from error
        self._is_blind = False
        if keys.password != self._password:
            self.sessions.end_all()
            self._password = keys.password
        return keys

    async def knows_password(self, typed: str) -> bool:
        """Whether that is the password, and still is after the while that it takes to tell."""
        keys = await self.keys()
        return await asyncio.to_thread(keys.is_password, typed) and keys.password == self._password

    def doorway(self, server: web.Server) -> Callable[[], asyncio.Protocol]:
        """What a listening socket asks for each connection: one more, and the oldest that is idle goes if need be."""

        def enter() -> asyncio.Protocol:
            there = [one for one in server.connections if one.transport is not None]
            if len(there) >= MOST_CONNECTIONS:
                for idle in (one for one in there if one not in self._busy):
                    idle.force_close()
                    break
            return server()

        return enter

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets a request through, with its session, or turns it away."""
        is_probe = request.path in PROBES
        if not is_probe and len(self._busy) >= MOST_AT_ONCE:
            raise web.HTTPServiceUnavailable(
                text="crossdock is busy with other requests; try again in a moment.", headers={"Retry-After": "5"}
            )
        self._busy.add(request.protocol)
        try:
            if is_probe:
                return await handler(request)
            self._check_host(request)
            self._check_origin(request)
            if _path(request).startswith(API):
                await self._check_token(request)
                return await handler(request)
            return await self._paged(request, handler)
        finally:
            self._busy.discard(request.protocol)

    def _check_host(self, request: web.Request) -> None:
        found = HOST.fullmatch(request.headers.get("Host", ""))
        name = found["name"].strip("[]").rstrip(".").lower() if found else ""
        if name in LOOPBACK or name == self.host.lower() or (self.url and name == urlsplit(self.url).hostname):
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
        is_ours = site in (None, "same-origin", "none") and (origin is None or self._is_own(origin, request))
        if not is_ours:
            raise web.HTTPForbidden(text="Another site has sent this; nothing was done. Open crossdock's own page.")

    def _is_own(self, origin: str, request: web.Request) -> bool:
        scheme, _, netloc = origin.partition("://")
        public = urlsplit(self.url or "")
        if public.netloc and netloc == public.netloc:
            return scheme == public.scheme
        return scheme in ("http", "https") and netloc == request.headers.get("Host")

    async def _check_token(self, request: web.Request) -> None:
        if self.password_file is not None:
            kind, _, token = request.headers.get("Authorization", "").partition(" ")
            if kind.lower() != "bearer" or not (await self.keys()).is_token(token.strip()):
                raise web.HTTPUnauthorized(
                    text="This needs a token that counts: Authorization: Bearer TOKEN. `crossdock web token` makes one."
                )
        if request.method not in SAFE:
            if request.can_read_body and request.content_type != "application/json":
                raise web.HTTPUnsupportedMediaType(text="Send JSON, with the header Content-Type: application/json.")
            await self._read(request)

    async def _paged(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        path = _path(request)
        if path.startswith(STATIC):
            return await handler(request)
        await self.keys()
        session = self.sessions.find(request.cookies.get(_cookie(request), "")) or self.sessions.begin()
        is_let_in = self.password_file is None or session.signed_in
        request[SESSION], request[LET_IN] = session, is_let_in
        if not is_let_in and path != SIGN_IN:
            if request.method not in SAFE:
                raise web.HTTPUnauthorized(text="You are no longer signed in; nothing was done. Sign in again.")
            to = quote(request.path_qs, safe="")
            return web.Response(status=303, headers={"Location": f"{self.prefix}{SIGN_IN}?to={to}"})
        if request.method not in SAFE:
            if not is_let_in and (request.content_length or LARGEST_OF_GUESTS + 1) > LARGEST_OF_GUESTS:
                raise _too_large()
            await self._check_form(request, session)
        return await handler(request)

    async def _check_form(self, request: web.Request, session: Session) -> None:
        if request.content_type.startswith("multipart/"):
            raise web.HTTPUnsupportedMediaType(text="crossdock takes no files by its forms; nothing was done.")
        await self._read(request)
        try:
            shown = request.headers.get("X-CSRF-Token") or str((await request.post()).get("csrf", ""))
        except (ValueError, LookupError) as error:  # no text, or in a code that nobody knows
            raise web.HTTPBadRequest(text="What was sent isn't understood; nothing was done.") from error
        except web.HTTPRequestEntityTooLarge:  # more fields than any form of ours has
            raise _too_large() from None
        if not hmac.compare_digest(shown.encode(errors="replace"), session.csrf.encode()):
            raise web.HTTPForbidden(
                text="This page was opened before crossdock was started again, or long ago, or the browser keeps no "
                "cookies; nothing was done. Go back, load the page anew, and do it again."
            )

    async def _read(self, request: web.Request) -> None:
        """The body is there, and not too large: whoever asks for it now waits no more."""
        try:
            async with asyncio.timeout(BODY_S):
                await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(
                text="What was sent didn't come to its end in time; nothing was done."
            ) from None
        except web.HTTPRequestEntityTooLarge:
            raise _too_large() from None


GUARD: web.AppKey[Guard] = web.AppKey("guard", Guard)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Every answer tells browsers what it's not to be used for, and the session that it's in."""
    is_pdf = response.content_type == "application/pdf"
    response.headers.setdefault("Content-Security-Policy", POLICY_OF_PDF if is_pdf else POLICY)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    session = request.get(SESSION)
    name = _cookie(request)
    if session is not None and request.cookies.get(name) != session.id:
        guard = request.app[GUARD]
        secure = "; Secure" if guard.is_secure else ""
        # Not set_cookie: by now aiohttp has written its cookies among the headers.
        cookie = f"{name}={session.id}; Path={guard.prefix}/; HttpOnly; SameSite=Lax{secure}"
        response.headers.add("Set-Cookie", cookie)


def _cookie(request: web.Request) -> str:
    """What our cookie is called. Browsers keep those of all ports of a host together: another crossdock has its own."""
    found = HOST.fullmatch(request.headers.get("Host", ""))
    return f"{COOKIE}-{found['port']}" if found and found["port"] else COOKIE


def _path(request: web.Request) -> str:
    """The path in the form by which aiohttp finds its page: `%2F` doesn't part it."""
    return request.rel_url.path_safe


def _too_large() -> web.HTTPRequestEntityTooLarge:
    return web.HTTPRequestEntityTooLarge(
        max_size=0, actual_size=0, text="That is more than crossdock takes at once; nothing was done."
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
