"""The HTTP server: which pages there are, where it listens, and how it ends."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

from crossdock.errors import UsageError
from crossdock.web.health import Health, add_health

log = logging.getLogger("crossdock.web")

CLOSING_S = 0.1  # what takes longer is cut off: a browser that keeps its connection must not hold up the end


@asynccontextmanager
async def serve(host: str, port: int, health: Callable[[], Health]) -> AsyncGenerator[str, None]:
    """Serves until the block ends; gives the address, such as `http://127.0.0.1:8420`. Port 0 takes any free one.

    Raises UsageError where it can't listen there.
    """
    app = web.Application(middlewares=[_plain_words])
    app.on_response_prepare.append(_sign)
    add_health(app, health)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSING_S)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except (OSError, UnicodeError) as error:
            raise UsageError(f"engine.web: {_why(error, host, port)}") from error
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@web.middleware
async def _plain_words(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A sentence for a path that isn't there, for a method that it doesn't know, and for a page that fails."""
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return _sentence(404, "There is nothing here; crossdock answers GET /healthz and GET /readyz.")
    except web.HTTPException:
        raise
    except Exception:  # a bug of ours: told here, as aiohttp's own words for it also tell of every port scan
        log.exception("%s %s failed", request.method, request.path)
        return _sentence(500, "crossdock failed to answer this; its log has the details.")


def _sentence(status: int, words: str) -> web.Response:
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
