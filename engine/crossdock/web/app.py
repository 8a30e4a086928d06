"""The HTTP server: which pages there are, where it listens, and how it ends."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from crossdock.errors import CrossdockError, UsageError
from crossdock.web.api import add_api, problem, status_of
from crossdock.web.guards import GUARD, Guard, add_headers
from crossdock.web.health import add_health
from crossdock.web.importing_dialog import add_importing
from crossdock.web.jobs import add_jobs
from crossdock.web.live import add_live
from crossdock.web.order import add_order
from crossdock.web.runs import add_runs
from crossdock.web.settings import add_settings
from crossdock.web.shell import STATIC, page, redirect
from crossdock.web.shipments import MOST_CHOSEN, add_shipments
from crossdock.web.sign_in import add_sign_in
from crossdock.web.site import SITE, Site

log = logging.getLogger("crossdock.web")

CLOSING_S = 0.1  # what takes longer is cut off: a browser that keeps its connection must not hold up the end
LARGEST_BODY = 1024 * 1024  # bytes: a form with some thousand orders selected
MOST_FIELDS = 2 * MOST_CHOSEN + 100  # each order with its number
NOT_PAGES = ("/healthz", "/readyz", "/static/")  # their errors are for programs


@asynccontextmanager
async def serve(host: str, port: int, fill: Callable[[web.Application], None]) -> AsyncGenerator[str, None]:
    """Serves what `fill` adds until the block ends; gives the address, such as `http://127.0.0.1:8420`.

    Port 0 takes any free one. Raises UsageError where it can't listen there.
    """
    app = web.Application(middlewares=[_plain_words], client_max_size=LARGEST_BODY, client_max_fields=MOST_FIELDS)
    app.on_response_prepare.append(_sign)
    fill(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSING_S)
    await runner.setup()
    assert runner.server is not None
    enter = app[GUARD].doorway(runner.server) if GUARD in app else runner.server
    try:
        try:
            listening = await asyncio.get_running_loop().create_server(enter, host, port)
        except (OSError, UnicodeError) as error:
            raise UsageError(f"engine.web: {_why(error, host, port)}") from error
        shown = f"[{host}]" if ":" in host else host
        try:
            yield f"http://{shown}:{listening.sockets[0].getsockname()[1]}"
        finally:
            listening.close()
    finally:
        await runner.cleanup()


def add_pages(app: web.Application, site: Site, guard: Guard) -> None:
    """All that crossdock shows, to those who may see it."""
    app[SITE], app[GUARD] = site, guard
    app.middlewares.append(guard.middleware)
    app.on_response_prepare.append(add_headers)
    add_sign_in(app)
    add_health(app, site.health)
    add_live(app)
    add_jobs(app)
    add_importing(app)
    add_shipments(app)
    add_order(app)
    add_settings(app)
    add_runs(app)
    add_api(app)
    app.router.add_get("/", _begin)
    _add_static(app)


async def _begin(request: web.Request) -> web.Response:
    """Where a person begins: with the orders, or with a first store."""
    site = request.app[SITE]
    is_empty = not site.engine.config.stores and not site.reading().broken_stores
    return redirect(request, "/settings/integrations/new" if is_empty else "/shipments")


def _add_static(app: web.Application) -> None:
    """Files that stand for good under an address with their fingerprint; none but those that are there at the start."""
    known = {file for file in _files(STATIC) if not file.endswith((".md", ".txt"))}

    async def static(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in known:
            raise web.HTTPNotFound
        keep = "public, max-age=31536000, immutable" if request.query_string else "no-cache"
        return web.FileResponse(STATIC / name, headers={"Cache-Control": keep})

    app.router.add_get("/static/{name:.+}", static)


def _files(folder: Path) -> list[str]:
    return [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()]


@web.middleware
async def _plain_words(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A sentence for a path that isn't there, for a method that it doesn't know, and for a page that fails."""
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
        words = error.text if error.text and error.text != f"{error.status}: {error.reason}" else NOTHING_HERE
        return await _sentence(request, 404, words)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answer = await _sentence(request, error.status, error.text or error.reason)
        if "Retry-After" in error.headers:
            answer.headers["Retry-After"] = error.headers["Retry-After"]
        return answer
    except CrossdockError as error:
        return await _sentence(request, status_of(error), str(error))
    except Exception:  # a bug of ours: told here, as aiohttp's own words for it also tell of every port scan
        log.exception("%s %s failed", request.method, request.path)
        return await _sentence(request, 500, "crossdock failed to answer this; its log has the details.")


NOTHING_HERE = "There is nothing here."


async def _sentence(request: web.Request, status: int, words: str) -> web.Response:
    if request.path.startswith("/api/"):
        kind = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 500: "InternalError"}.get(status, "Refused")
        answer = problem(status, kind, words)
        if status == 401:
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    if SITE in request.app and not request.path.startswith(NOT_PAGES):
        try:
            return await page(request, "trouble.html", status=status, words=words, is_missing=status == 404)
        except Exception:  # what made the page fail may be in its frame, too
            log.exception("%s %s: the words for it failed", request.method, request.path)
    return web.Response(status=status, text=f"{words}\n", headers={"Cache-Control": "no-store"})


async def _sign(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "crossdock"  # the default tells which versions run here


def _why(error: OSError | UnicodeError, host: str, port: int) -> str:
    if isinstance(error, (socket.gaierror, UnicodeError)):  # a name that nobody knows, or that can be none
        return f"no address is known for {host}; write one of this machine's as engine.web.host in stores.yaml."
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use; stop what uses it, or choose another as engine.web.port in stores.yaml."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"this user may not listen at port {port}; choose one from 1024 on as engine.web.port in stores.yaml."
    if error.errno in (errno.EADDRNOTAVAIL, None):  # Python 3.13 gives no number
        return f"{host} is no address of this machine; choose one that is as engine.web.host in stores.yaml."
    return f"port {port} on {host} can't be listened at: {error.strerror}."
