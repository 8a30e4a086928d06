"""The simulated store on a loopback socket: requests in, faults applied, answers out.

async with serve(SandboxStore(orders=50), port=0) as running:
    ...  # running.api_path, running.client_id, running.access_token, running.control
"""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl

from aiohttp import web

from . import routes
from .answers import XML_TYPE, Answer, ApiRequest, v2_error, v3_error
from .control import add_control
from .faults import Fault, FaultKind
from .store import SandboxStore, SeenRequest
from .times import http_date

LOOPBACK = "127.0.0.1"
COMPRESS_FROM = 1024  # bytes; below, compressing costs more than it saves
MAX_BODY = 16 * 1024 * 1024

_HTML = b"<!DOCTYPE html><html><head><title>One moment</title></head><body><h1>We'll be right back</h1></body></html>"
_MESSAGES = {401: "The access token was not accepted.", 403: "Access was denied.", 429: "Too many requests."}


@dataclass(frozen=True, slots=True)
class Running:
    """A serving store: what a client's settings need, and where the control side is."""

    store: SandboxStore
    port: int
    api_path: str
    client_id: str
    access_token: str
    control: str


@asynccontextmanager
async def serve(store: SandboxStore, *, port: int = 0) -> AsyncIterator[Running]:
    """Serve the store on 127.0.0.1 until the block ends; port 0 takes any free one. Raises OSError if it is taken."""
    app = web.Application(client_max_size=MAX_BODY)
    platform = Platform(store)
    app.router.add_route("*", "/stores/{hash}/{path:v[23]/.*}", platform.handle)
    add_control(app, store)
    # Open connections must not hold up the end: a slow answer is dropped with its connection.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, LOOPBACK, port, reuse_address=True)
        await site.start()
        bound = runner.addresses[0][1]
        base = f"http://{LOOPBACK}:{bound}"
        store.link_base = base
        account = store.account
        yield Running(
            store=store,
            port=bound,
            api_path=f"{base}/stores/{store.store_hash}/v3/",
            client_id=account.client_id,
            access_token=account.access_token,
            control=f"{base}/control",
        )
    finally:
        await runner.cleanup()


class Platform:
    """Turns HTTP requests into the platform's requests and its answers back into HTTP, with the faults in between."""

    def __init__(self, store: SandboxStore) -> None:
        self._store = store

    async def handle(self, http: web.Request) -> web.StreamResponse:
        store = self._store
        request = ApiRequest(
            method=http.method,
            path="/" + http.match_info["path"],
            query=dict(parse_qsl(http.rel_url.raw_query_string, keep_blank_values=True)),
            headers={name.lower(): value for name, value in http.headers.items()},
            body=await http.read(),
        )
        store.settle()
        seen = SeenRequest(store.now(), request.method, request.path, dict(request.query), request.body)
        store.requests.append(seen)
        if not store.quota.use():
            seen.status = 429
            return await self._send(http, request, self._too_many(request))
        due = store.faults.take(request.method, request.path, http.rel_url.query_string)
        for edit in due.before:
            _make(edit)
        answer = self._answer(request, http.match_info["hash"], due.fault)
        for edit in due.after:
            _make(edit)
        if due.fault is not None and due.fault.kind is FaultKind.SLOW:
            await asyncio.sleep(due.fault.seconds or 0)
        if answer is None:
            _reset(http)
            return web.Response()
        seen.status = answer.status
        is_cut = due.fault is not None and due.fault.kind is FaultKind.CUT
        return await self._send(http, request, answer, cut=is_cut)

    def _answer(self, request: ApiRequest, store_hash: str, fault: Fault | None) -> Answer | None:
        """The answer with its rate-limit headers; None for a connection that is to be reset."""
        store = self._store

        def right_answer() -> Answer:
            return routes.answer(store, request, store_hash=store_hash)

        if fault is None:
            answer: Answer | None = right_answer()
        else:
            if fault.kind is FaultKind.LATE:
                store.land_later(right_answer, fault.seconds)
            answer = right_answer() if fault.has_effect else None
            if fault.kind not in {FaultKind.SLOW, FaultKind.CUT}:
                answer = _faulty(request, fault)
        if answer is None:
            return None
        if fault is not None and fault.kind is FaultKind.BARE_429:
            return answer
        if fault is not None and fault.status == 429:
            return self._too_many(request, fault.seconds)
        return Answer(answer.status, answer.body, answer.content_type, {**store.quota.headers(), **answer.headers})

    def _too_many(self, request: ApiRequest, reset_s: float | None = None) -> Answer:
        """The 429 of a quota that is used up until the window ends, or for `reset_s` seconds."""
        refused = _error(request, 429)
        return Answer(429, refused.body, refused.content_type, self._store.quota.spent_headers(reset_s))

    async def _send(
        self, http: web.Request, request: ApiRequest, answer: Answer, *, cut: bool = False
    ) -> web.StreamResponse:
        headers = {"Date": http_date(self._store.time()), "Server": "sandbox", **answer.headers}
        body = answer.body
        if answer.status == 204:
            return web.Response(status=204, headers=headers)
        if body and len(body) >= COMPRESS_FROM and "gzip" in request.headers.get("accept-encoding", ""):
            body = await asyncio.to_thread(_gzipped, body)
            headers["Content-Encoding"] = "gzip"
        headers["Content-Type"] = answer.content_type
        headers["Vary"] = "Accept-Encoding"
        if not cut:
            return web.Response(status=answer.status, body=body, headers=headers)
        response = web.StreamResponse(status=answer.status, headers=headers)
        response.content_length = len(body)
        await response.prepare(http)
        await response.write(body[: len(body) // 2])
        if http.transport is not None:
            http.transport.close()
        return response


def _faulty(request: ApiRequest, fault: Fault) -> Answer | None:
    """What a fault puts in the right answer's place; None to reset the connection."""
    if fault.kind is FaultKind.RESET_BEFORE:
        return None
    if fault.kind in {FaultKind.RESET_AFTER, FaultKind.LATE}:
        return _error(request, fault.status) if fault.status else None
    if fault.kind is FaultKind.BARE_429:
        return _error(request, 429)
    if fault.kind is FaultKind.STATUS:
        return _error(request, fault.status or 500)
    return _strange_body(fault)


def _strange_body(fault: Fault) -> Answer:
    """An answer that is no answer."""
    match fault.kind:
        case FaultKind.HTML:
            return Answer(fault.status or 200, _HTML, "text/html; charset=utf-8")
        case FaultKind.XML:
            status = fault.status or 500
            message = _MESSAGES.get(status, "Something went wrong.")
            text = f"<errors><error><status>{status}</status><message>{message}</message></error></errors>"
            return Answer(status, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode(), XML_TYPE)
        case FaultKind.NULL:
            return Answer(fault.status or 200, b"null")
        case FaultKind.EMPTY:
            return Answer(fault.status or 200, b"")
        case FaultKind.GARBAGE:
            return Answer(fault.status or 200, b'[{"id":101,"status_id":11,"products":{"url":"htt')
    raise AssertionError(f"{fault.kind} leaves the answer as it is")


def _error(request: ApiRequest, status: int) -> Answer:
    message = _MESSAGES.get(status, "Something went wrong. Please try again later.")
    return v2_error(status, message) if request.is_v2 else v3_error(status, message)


def _make(edit: Fault) -> None:
    if edit.edit is not None:
        edit.edit()


def _reset(http: web.Request) -> None:
    """End the connection with a reset, as a crashed process does, so that the client can't take it for a proper end."""
    if http.transport is None:
        return
    raw = http.transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    http.transport.abort()


def _gzipped(body: bytes) -> bytes:
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)  # 31: the gzip container
    return compressor.compress(body) + compressor.flush()
