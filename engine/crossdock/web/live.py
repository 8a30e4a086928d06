"""Parts of pages that are told anew while they are being looked at, by server-sent events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from aiohttp import web

from crossdock.errors import CrossdockError

log = logging.getLogger("crossdock.web")

STREAMS: web.AppKey[set[asyncio.Task[object]]] = web.AppKey("streams", set)
MOST_STREAMS = 100  # that are looked at together; more are told so, and their pages can be loaded again


def add_live(app: web.Application) -> None:
    """Has the app end all streams when it ends: one that is looked at must not hold that up."""
    app[STREAMS] = set()
    app.on_shutdown.append(_end)


async def stream(request: web.Request, parts: AsyncIterator[str]) -> web.StreamResponse:
    """Sends each part as it comes; the last one, when there are no more, as `over`."""
    streams, task = request.app[STREAMS], asyncio.current_task()
    if len(streams) >= MOST_STREAMS:
        raise web.HTTPServiceUnavailable(text="Too many pages are being watched; load this one again by hand.")
    assert task is not None
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    streams.add(task)
    last = ""
    try:
        async for html in parts:
            last = html
            await response.write(_event("message", html))
        await response.write(_event("over", last))
    except ConnectionResetError:
        pass  # whoever looked has left
    except CrossdockError as error:
        log.warning("%s: the page isn't told any more: %s", request.path, error)
    except Exception:  # its answer has begun: no other can take its place, and the page asks again
        log.exception("%s: the page isn't told any more", request.path)
    finally:
        streams.discard(task)
    return response


async def _end(app: web.Application) -> None:
    for task in app[STREAMS]:
        task.cancel()


def _event(name: str, html: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in html.splitlines())
    return f"event: {name}\n{lines}\n".encode()
