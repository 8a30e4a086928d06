from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from random import Random
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aioresponses import CallbackResult
from aioresponses import aioresponses as Wire
from crossdock import http
from crossdock.errors import (
    ConnectorError,
    CredentialsError,
    GarbledError,
    PermissionMissingError,
    RateLimitedError,
    RefusedError,
    RetryableError,
    UnreachableError,
)
from crossdock.http import Gate, HttpClient, HttpCounts, HttpOptions, QuotaHeaders, Response, open_session
from hypothesis import example, given
from hypothesis import strategies as st
from support.clock import WoundClock
from yarl import URL

BASE = "https://platform.test/stores/abc/v2"
ORDERS = f"{BASE}/orders"
TOKEN = "s3cret/token+value"
HEADERS = {"X-Key": TOKEN, "Authorization": "Bearer another-long-secret"}
QUOTA = QuotaHeaders(left="X-Left", quota="X-Quota", reset_ms="X-Reset-Ms")

MakeClient = Callable[..., HttpClient]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as session:
        yield session


@pytest.fixture
def make_client(session: aiohttp.ClientSession, clock: WoundClock) -> MakeClient:
    def make(base_url: str = BASE, headers: Mapping[str, str] = HEADERS) -> HttpClient:
        options = HttpOptions(base_url=base_url, headers=headers, quota_headers=QUOTA)
        return HttpClient(session, options, store="acme-au", clock=clock, random=Random(7))

    return make


@pytest.fixture
def client(make_client: MakeClient) -> HttpClient:
    return make_client()


@asynccontextmanager
async def platform(handler: Handler) -> AsyncIterator[str]:
    """The base URL of a real server that answers everything by `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@asynccontextmanager
async def raw_platform(*answers: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """The base URL of a server that sends one of `answers` a request and hangs up after it, and what it was sent."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answers[min(len(seen), len(answers)) - 1])
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


def quota(left: object, reset_ms: object, of: object = 150) -> dict[str, str]:
    return {"X-Left": str(left), "X-Quota": str(of), "X-Reset-Ms": str(reset_ms)}


def sent(wire: Wire) -> int:
    return sum(len(calls) for calls in wire.requests.values())


def last_sent(wire: Wire) -> dict[str, Any]:
    [*_, calls] = wire.requests.values()
    kwargs: dict[str, Any] = calls[-1].kwargs
    return kwargs


async def test_a_request_carries_the_stores_headers_and_asks_for_json(wire: Wire, client: HttpClient) -> None:
    wire.get(ORDERS, body="[]")
    await client.request("GET", "/orders")
    headers = last_sent(wire)["headers"]
    assert headers["x-key"] == TOKEN
    assert headers["Accept"] == "application/json"
    assert headers["User-Agent"].startswith("crossdock/")
    assert "Content-Type" not in headers


async def test_a_body_is_sent_as_json(make_client: MakeClient) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"type": request.headers["Content-Type"], "body": json.loads(await request.text())})

    async with platform(echo) as url:
        answer = await make_client(url).request("POST", "/shipments", json={"name": "Łódź"})
    assert answer.json == {"type": "application/json", "body": {"name": "Łódź"}}


async def test_parameters_reach_the_server_encoded_once(make_client: MakeClient) -> None:
    seen: list[str] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        return web.json_response(dict(request.query))

    params: dict[str, str | int] = {"since": "Tue, 03 Mar 2026 22:15:04 +0000", "limit": 250, "q": "a&b=c%2B#é"}
    async with platform(note) as url:
        answer = await make_client(f"{url}/v2/").request("GET", "orders", params=params)
        await make_client(f"{url}/v2").request("GET", f"{url}/v2/orders?after=a%2Bb", params={"limit": 1})
    assert answer.json == {key: str(value) for key, value in params.items()}
    assert seen[0].startswith("/v2/orders?")
    assert "%2B0000" in seen[0]
    assert seen[1] == "/v2/orders?after=a%2Bb&limit=1"


@pytest.mark.parametrize(
    "path",
    [
        "https://elsewhere.test/stores/abc/v2/orders",
        "https://platform.test.elsewhere.test/stores/abc/v2/orders",
        "https://platform.test@elsewhere.test/stores/abc/v2/orders",
        "http://platform.test/stores/abc/v2/orders",
        "https://platform.test:8443/stores/abc/v2/orders",
        "https://platform.test/stores/abc/v22/orders",
        "https://platform.test/stores/other/v2/orders",
        "/../../other/v2/orders",
        "/%2e%2e/%2e%2e/other/v2/orders",
    ],
)
async def test_the_key_is_never_sent_outside_the_base_url(wire: Wire, client: HttpClient, path: str) -> None:
    with pytest.raises(ValueError, match=r"^acme-au: .* leads out of the store's base URL"):
        await client.request("GET", path)
    assert sent(wire) == 0


@pytest.mark.parametrize("path", ["https://platform.test.elsewhere.test/", "https://platform.test@elsewhere.test/"])
async def test_a_host_that_only_begins_like_the_base_url_is_another(
    wire: Wire, make_client: MakeClient, path: str
) -> None:
    with pytest.raises(ValueError, match="leads out"):
        await make_client("https://platform.test").request("GET", path)
    assert sent(wire) == 0


async def test_an_absolute_url_under_the_base_url_is_taken_as_it_is(wire: Wire, client: HttpClient) -> None:
    wire.get(f"{ORDERS}?page=2", payload=[2])
    assert await client.get_json(f"{ORDERS}?page=2") == [2]


async def test_a_base_url_may_name_the_port_that_its_scheme_has_anyway(wire: Wire, make_client: MakeClient) -> None:
    wire.get(ORDERS, payload=[1])
    assert await make_client(BASE.replace("://platform.test", "://platform.test:443")).get_json("/orders") == [1]


async def test_without_a_base_url_only_an_absolute_url_will_do(wire: Wire, make_client: MakeClient) -> None:
    wire.get(ORDERS, body="[1]")
    assert await make_client("").get_json(ORDERS) == [1]
    with pytest.raises(ValueError, match="needs a base URL"):
        await make_client("").get_json("/orders")


async def test_cookies_are_not_kept(make_client: MakeClient) -> None:
    cookies: list[str | None] = []

    async def set_cookie(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        return web.json_response({}, headers={"Set-Cookie": "session=1; Path=/"})

    async with platform(set_cookie) as url:
        client = make_client(url.replace("127.0.0.1", "localhost"))  # no jar takes cookies from bare addresses
        await client.request("GET", "/orders")
        await client.request("GET", "/orders")
    assert cookies == [None, None]


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
async def test_a_redirect_is_an_error_and_is_not_followed(make_client: MakeClient, status: int) -> None:
    visited: list[str] = []

    async def move(request: web.Request) -> web.Response:
        visited.append(request.path)
        return web.Response(status=status, headers={"Location": "https://elsewhere.test/orders?key=1"})

    async with platform(move) as url:
        with pytest.raises(GarbledError, match=rf"^acme-au: GET /orders .*redirect to elsewhere.test \({status}\)"):
            await make_client(url).request("GET", "/orders")
    assert visited == ["/orders"]


async def test_a_redirect_to_nowhere_is_the_same_error(wire: Wire, client: HttpClient) -> None:
    wire.get(ORDERS, status=302, headers={"Location": "http://[::"})
    with pytest.raises(GarbledError, match=r"answered with a redirect \(302\)"):
        await client.request("GET", "/orders")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"city": "Łódź"}'.encode(), "application/json"),
        ('{"city": "Łódź"}'.encode("utf-8-sig"), "application/json"),
        ('{"city": "Łódź"}'.encode(), "text/plain; charset=iso-8859-1"),
        ('{"city": "Łódź"}'.encode("iso-8859-2"), "application/json; charset=iso-8859-2"),
        ('{"city": "Łódź"}'.encode("utf-16"), "application/json; charset=utf-16"),
        ('{"city": "Łódź"}'.encode(), "application/json; charset=no-such"),
    ],
)
async def test_json_is_read_whatever_the_charset(
    wire: Wire, client: HttpClient, body: bytes, content_type: str
) -> None:
    wire.get(ORDERS, body=body, content_type=content_type)
    assert await client.get_json("/orders") == {"city": "Łódź"}


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_compressed_answer_is_unpacked(make_client: MakeClient, encoding: str) -> None:
    async def pack(request: web.Request) -> web.Response:
        assert encoding in request.headers["Accept-Encoding"]
        answer = web.json_response(["x" * 200] * 2_000)
        answer.enable_compression(web.ContentCoding(encoding))
        return answer

    async with platform(pack) as url:
        assert await make_client(url).get_json("/orders") == ["x" * 200] * 2_000


async def test_204_is_none_and_no_failure(wire: Wire, client: HttpClient) -> None:
    wire.get(ORDERS, status=204)
    assert await client.get_json("/orders") is None
    assert client.counts == HttpCounts(requests=1)


async def test_an_empty_answer_to_head_is_no_failure(make_client: MakeClient) -> None:
    async def head(request: web.Request) -> web.Response:
        return web.json_response([1])

    async with platform(head) as url:
        answer = await make_client(url).request("head", "/orders")
    assert (answer.status, answer.json) == (200, None)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 423])
async def test_a_refusal_comes_back_to_the_connector(wire: Wire, client: HttpClient, status: int) -> None:
    said = [{"status": status, "message": "No."}]
    wire.post(ORDERS, status=status, payload=said, headers={"X-Request-Id": "r-1"})
    answer = await client.request("POST", "/orders", json={})
    assert (answer.status, answer.json, answer.text, answer.request_id) == (status, said, json.dumps(said), "r-1")
    assert sent(wire) == 1


async def test_a_refusal_that_is_no_json_brings_its_text_up_to_a_bound(wire: Wire, client: HttpClient) -> None:
    wire.get(ORDERS, status=404, body="<html>" + "é" * 5_000)
    answer = await client.request("GET", "/orders")
    assert answer.json is None
    assert answer.text == "<html>" + "é" * 1_994


async def test_the_headers_of_an_answer_are_found_in_any_case(wire: Wire, client: HttpClient) -> None:
    wire.get(ORDERS, payload={}, headers={"x-total": "7"})
    answer = await client.request("GET", "/orders")
    assert (answer.headers["X-TOTAL"], answer.text, answer.request_id) == ("7", "", None)


async def test_a_body_over_the_bound_is_refused(
    wire: Wire, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LARGEST_BODY", 2**20)
    wire.get(ORDERS, body=b"[" + b" " * (2**20 - 2) + b"]")
    wire.get(ORDERS, body=b"[" + b" " * (2**20 - 1) + b"]")
    assert await client.get_json("/orders") == []
    with pytest.raises(GarbledError, match=r"^acme-au: .*larger than 1 MiB"):
        await client.get_json("/orders")
    assert sent(wire) == 2


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (401, CredentialsError, "doesn't accept the store's key"),
        (403, PermissionMissingError, "the store's key may not do this"),
        (404, RefusedError, "refuses this request"),
        (422, RefusedError, "refuses this request"),
    ],
)
async def test_get_json_turns_a_refusal_into_the_error_that_says_what_to_do(
    wire: Wire, client: HttpClient, status: int, error: type[ConnectorError], says: str
) -> None:
    wire.get(f"{ORDERS}?email=mia@example.com", status=status, payload={"title": "No way."})
    with pytest.raises(error, match=f"^acme-au: .*{says}: GET /orders was answered with {status} .*No way") as raised:
        await client.get_json("/orders", {"email": "mia@example.com"})
    assert "mia" not in str(raised.value)
    assert getattr(raised.value, "scope", "") == ""


BAD_BODIES = [b"", b"  ", b"null", b" null\n", b"<!DOCTYPE html><html>", b"<orders/>", b'[{"id": 1', b"\xff\xfe", b"["]


@pytest.mark.parametrize("body", BAD_BODIES)
async def test_a_success_without_a_sound_body_is_tried_again(wire: Wire, client: HttpClient, body: bytes) -> None:
    wire.get(ORDERS, body=body)
    wire.get(ORDERS, body="[1]")
    assert await client.get_json("/orders") == [1]
    assert (client.counts.requests, client.counts.retries) == (2, 1)


async def test_a_body_that_stays_bad_ends_as_garbled_after_five_tries(wire: Wire, client: HttpClient) -> None:
    wire.get(ORDERS, body='[{"name": "Mia O\'Brien"', repeat=True)
    with pytest.raises(GarbledError, match=r"^acme-au: GET /orders failed 5 times: .*no JSON") as raised:
        await client.get_json("/orders")
    assert "Mia" not in str(raised.value)
    assert sent(wire) == 5


async def test_nesting_that_never_ends_is_garbled(wire: Wire, client: HttpClient) -> None:
    wire.post(ORDERS, body="[" * 100_000)
    with pytest.raises(GarbledError):
        await client.request("POST", "/orders")


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"status": 500}, "answered 500"),
    ({"status": 502, "body": "<html><p>Bad\n gateway</p></html>"}, r"answered 502 \(Bad gateway\)"),
    ({"status": 509}, "answered 509"),
    ({"exception": aiohttp.ServerDisconnectedError()}, "connection broke"),
    ({"exception": aiohttp.ClientOSError(104, "reset")}, "connection broke"),
    ({"exception": ConnectionResetError()}, "connection broke"),
    ({"exception": aiohttp.SocketTimeoutError()}, "no answer for 30 s"),
    ({"exception": aiohttp.ConnectionTimeoutError()}, "no connection within 10 s"),
    ({"exception": TimeoutError()}, "no answer for 30 s"),
]


@pytest.mark.parametrize(("fault", "says"), FAULTS)
async def test_a_get_is_tried_five_times_and_ends_as_unreachable(
    wire: Wire, client: HttpClient, clock: WoundClock, fault: dict[str, Any], says: str
) -> None:
    wire.get(ORDERS, repeat=True, **fault)
    with pytest.raises(
        UnreachableError, match=f"^acme-au: GET /orders failed 5 times: .*{says}.*tries again"
    ) as raised:
        await client.request("GET", "/orders")
    assert sent(wire) == 5
    assert client.counts == HttpCounts(requests=5, retries=4, waited_s=sum(clock.sleeps))
    assert raised.value.__cause__ is fault.get("exception")


@pytest.mark.parametrize(("fault", "says"), FAULTS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_what_may_not_be_repeated_is_sent_once(
    wire: Wire, client: HttpClient, clock: WoundClock, method: str, fault: dict[str, Any], says: str
) -> None:
    wire.add(ORDERS, method, repeat=True, **fault)
    with pytest.raises(UnreachableError, match=f"^acme-au: {method} /orders failed: .*{says}.*effect is unknown"):
        await client.request(method, "/orders", json={"id": 1})
    assert sent(wire) == 1
    assert clock.sleeps == []


async def test_a_garbled_success_of_what_may_not_be_repeated_is_not_repeated(wire: Wire, client: HttpClient) -> None:
    wire.post(ORDERS, status=201, body="")
    with pytest.raises(GarbledError, match=r"answered 201 with an empty body. Whether it took effect is unknown"):
        await client.request("POST", "/orders")


async def test_the_caller_may_say_what_is_repeatable(wire: Wire, client: HttpClient) -> None:
    wire.put(ORDERS, status=502)
    wire.put(ORDERS, payload={"id": 1})
    assert (await client.request("PUT", "/orders", json={}, repeatable=True)).json == {"id": 1}
    wire.get(ORDERS, status=502)
    with pytest.raises(UnreachableError):
        await client.request("GET", "/orders", repeatable=False)


@pytest.mark.parametrize("as_date", [False, True])
async def test_retry_after_of_a_503_is_honoured(
    wire: Wire, client: HttpClient, clock: WoundClock, as_date: bool
) -> None:
    at = clock.now() + timedelta(hours=3)  # the platform's clock, not ours
    asked = format_datetime(at + timedelta(seconds=40), usegmt=True) if as_date else "40"
    wire.get(ORDERS, status=503, headers={"Date": format_datetime(at, usegmt=True), "Retry-After": asked})
    wire.get(ORDERS, body="[]")
    await client.get_json("/orders")
    [waited] = clock.sleeps
    assert 40 <= waited <= 41


async def test_a_503_that_asks_for_too_long_a_wait_ends_at_once(
    wire: Wire, client: HttpClient, clock: WoundClock
) -> None:
    wire.get(ORDERS, status=503, headers={"Retry-After": "600"})
    with pytest.raises(UnreachableError):
        await client.get_json("/orders")
    assert clock.sleeps == []


@given(failures=st.integers(1, 2_000), seed=st.integers())
def test_the_wait_after_a_failure_is_never_negative_and_never_over_its_bound(failures: int, seed: int) -> None:
    bound = min(30.0, 0.5 * 2.0 ** (min(failures, 50) - 1))
    assert 0 <= http.backoff_s(min(failures, 1_000), Random(seed)) <= bound


def test_the_waits_after_failures_are_spread_over_the_whole_bound() -> None:
    waits = [http.backoff_s(3, Random(seed)) for seed in range(200)]
    assert min(waits) < 0.1
    assert max(waits) > 1.9


@given(times=st.integers(1, 1_000), asked=st.none() | st.floats(0, 3600), seed=st.integers())
def test_the_wait_after_a_429_is_what_was_asked_or_long(times: int, asked: float | None, seed: int) -> None:
    wait = http.limited_s(times, asked, Random(seed))
    if asked is None:
        assert 24 <= wait <= 300
    else:
        assert max(asked, 1) <= wait <= max(asked, 1) * 1.05


async def test_a_body_that_is_cut_off_is_read_again(make_client: MakeClient) -> None:
    whole = b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"id": 1}'
    async with raw_platform(whole[:-4], whole) as (url, seen):
        assert await make_client(url).get_json("/orders") == {"id": 1}
    assert len(seen) == 2


async def test_a_body_that_is_always_cut_off_is_garbled(make_client: MakeClient) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,2,\r\n"
    async with raw_platform(chunked) as (url, seen):
        with pytest.raises(GarbledError, match="cut off"):
            await make_client(url).get_json("/orders")
    assert len(seen) == 5


async def test_a_broken_gzip_body_is_garbled(make_client: MakeClient) -> None:
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\nnogzip"
    async with raw_platform(packed) as (url, _):
        with pytest.raises(GarbledError, match="can't be unpacked"):
            await make_client(url).get_json("/orders")


@pytest.mark.parametrize(
    "nonsense", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n"]
)
async def test_what_is_no_http_is_a_typed_error(make_client: MakeClient, nonsense: bytes) -> None:
    async with raw_platform(nonsense) as (url, _):
        with pytest.raises(RetryableError, match=r"^acme-au: GET /orders failed 5 times") as raised:
            await make_client(url).get_json("/orders", {"email": "mia@example.com"})
    assert_nothing_is_shown(raised.value, "mia")


async def test_a_lost_connection_is_tried_again(make_client: MakeClient) -> None:
    async with raw_platform(b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]") as (url, _):
        assert await make_client(url).get_json("/orders") == []


async def test_nothing_sends_a_put_twice_when_a_kept_connection_breaks(make_client: MakeClient) -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
        seen.append(await reader.readuntil(b"\r\n\r\n"))  # the PUT comes over the kept connection, and that breaks
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        client = make_client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await client.get_json("/orders")
        with pytest.raises(UnreachableError, match="effect is unknown"):
            await client.request("PUT", "/orders/1")
    assert [request.split()[0] for request in seen] == [b"GET", b"PUT"]


async def test_a_refused_connection_is_said(make_client: MakeClient) -> None:
    async with raw_platform() as (url, _):
        pass
    with pytest.raises(UnreachableError, match="no connection") as raised:
        await make_client(url).get_json("/orders", {"email": "mia@example.com"})
    assert_nothing_is_shown(raised.value, "mia")
    assert isinstance(raised.value.__cause__, aiohttp.ClientConnectorError)


async def test_a_server_that_never_answers_is_given_up(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", aiohttp.ClientTimeout(total=5, sock_read=0.01))
    let_go = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await let_go.wait()
        return web.json_response([])

    async with platform(hang) as url:
        with pytest.raises(UnreachableError, match="no answer for 30 s"):
            await make_client(url).request("POST", "/orders")
        let_go.set()


async def test_each_request_has_its_ends(wire: Wire, client: HttpClient) -> None:
    wire.get(ORDERS, body="[]")
    await client.get_json("/orders")
    timeout = last_sent(wire)["timeout"]
    assert (timeout.total, timeout.sock_connect, timeout.sock_read) == (60, 10, 30)


async def test_a_cancel_passes_through_and_frees_the_place_of_its_request(make_client: MakeClient) -> None:
    arrived, let_go = asyncio.Event(), asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        if request.path == "/hang":
            arrived.set()
            await let_go.wait()
        return web.json_response([1])

    async with platform(hang) as url:
        client = make_client(url)
        for _ in range(5):
            arrived.clear()
            task = asyncio.create_task(client.request("GET", "/hang"))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await client.get_json("/orders") == [1]
        let_go.set()
    assert client.counts.retries == 0


async def test_a_cancel_while_waiting_for_the_quota_frees_the_gate(wire: Wire, session: aiohttp.ClientSession) -> None:
    class StoppedClock(WoundClock):
        async def sleep(self, seconds: float) -> None:
            asleep.set()
            await asyncio.Event().wait()

    asleep, clock = asyncio.Event(), StoppedClock()
    client = HttpClient(
        session, HttpOptions(base_url=BASE, quota_headers=QUOTA), store="acme-au", clock=clock, random=Random(1)
    )
    wire.get(ORDERS, body="[1]", headers=quota(left=0, reset_ms=20_000), repeat=True)
    await client.get_json("/orders")
    task = asyncio.create_task(client.get_json("/orders"))
    await asleep.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    clock.wind(21)
    assert await client.get_json("/orders") == [1]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({"X-Reset-Ms": "15000"}, 15),
        ({"Retry-After": "15"}, 15),
        ({"Date": "Wed, 04 Mar 2026 10:00:00 GMT", "Retry-After": "Wed, 04 Mar 2026 10:00:15 GMT"}, 15),
        ({"X-Reset-Ms": "15000", "Retry-After": "3"}, 15),
        ({"X-Reset-Ms": "never", "Retry-After": "15"}, 15),
        ({"X-Reset-Ms": "0"}, 1),
        ({"Retry-After": "Wed, 04 Mar 2020 10:00:00 GMT"}, 1),
    ],
)
async def test_a_429_is_tried_again_after_the_pause_it_asks_for(
    wire: Wire, client: HttpClient, clock: WoundClock, method: str, headers: dict[str, str], asked: float
) -> None:
    wire.add(ORDERS, method, status=429, headers=headers)
    wire.add(ORDERS, method, body="[1]")
    assert (await client.request(method, "/orders")).json == [1]
    [waited] = clock.sleeps
    assert asked <= waited <= asked * 1.05
    assert client.counts == HttpCounts(requests=2, retries=1, waited_s=waited)


@pytest.mark.parametrize("headers", [{}, {"X-Reset-Ms": "-5"}, {"X-Reset-Ms": "172800000"}, {"Retry-After": "soon"}])
async def test_a_429_that_names_no_sensible_time_brings_long_and_growing_waits(
    wire: Wire, client: HttpClient, clock: WoundClock, headers: dict[str, str]
) -> None:
    for _ in range(3):
        wire.post(ORDERS, status=429, headers=headers)
    wire.post(ORDERS, body="[1]")
    assert (await client.request("POST", "/orders")).json == [1]
    assert [wait > least for wait, least in zip(clock.sleeps, (24, 48, 96), strict=True)] == [True] * 3
    assert max(clock.sleeps) <= 120


async def test_five_429s_in_a_row_are_given_back_to_the_engine(wire: Wire, client: HttpClient) -> None:
    wire.get(ORDERS, status=429, headers={"Retry-After": "10"}, repeat=True)
    with pytest.raises(RateLimitedError, match=r"^acme-au: the platform asks for a pause: GET /orders .*429") as raised:
        await client.request("GET", "/orders")
    assert sent(wire) == 5
    assert 10 <= raised.value.retry_after_s <= 10.5


async def test_a_longer_pause_than_a_request_may_wait_is_given_back_and_kept(
    wire: Wire, client: HttpClient, clock: WoundClock
) -> None:
    wire.get(ORDERS, status=429, headers={"Retry-After": "600"})
    wire.get(ORDERS, body="[1]")
    for seconds in (600, 300):
        with pytest.raises(RateLimitedError) as raised:
            await client.request("GET", "/orders")
        assert raised.value.retry_after_s == pytest.approx(seconds, abs=31)
        clock.wind(300)
    assert sent(wire) == 1
    clock.wind(31)
    assert await client.get_json("/orders") == [1]
    assert clock.sleeps == []


async def test_a_429_of_one_task_holds_the_others_too(wire: Wire, client: HttpClient, clock: WoundClock) -> None:
    wire.get(f"{BASE}/a", status=429, headers={"Retry-After": "10"})
    wire.get(f"{BASE}/a", payload=["a"])
    at: list[float] = []
    wire.get(f"{BASE}/b", callback=partial(note_time, at, clock), repeat=True)
    await asyncio.gather(client.get_json("/a"), *(client.get_json("/b") for _ in range(8)))
    late = sorted(moment for moment in at if moment > 0)
    assert len(late) >= 6  # only what was under way already came before the pause
    assert late[0] >= 10


def note_time(at: list[float], clock: WoundClock, url: URL, **kwargs: object) -> CallbackResult:
    at.append(clock.monotonic())
    return CallbackResult(body="[1]")


async def test_the_last_of_the_quota_is_left_until_the_reset(wire: Wire, client: HttpClient, clock: WoundClock) -> None:
    wire.get(ORDERS, body="[]", headers=quota(left=2, reset_ms=20_000))
    wire.get(ORDERS, body="[]", headers=quota(left=149, reset_ms=30_000))
    await client.get_json("/orders")
    assert client.quota_left == 2
    await client.get_json("/orders")
    assert clock.sleeps == [20]
    assert client.quota_left == 149


async def test_under_a_fifth_of_the_quota_requests_are_spread_over_the_time_to_the_reset(
    wire: Wire, client: HttpClient, clock: WoundClock
) -> None:
    wire.get(ORDERS, body="[]", headers=quota(left=30, reset_ms=20_000))
    wire.get(ORDERS, body="[]", headers=quota(left=20, reset_ms=20_000), repeat=True)
    for _ in range(4):
        await client.get_json("/orders")
    assert clock.sleeps == pytest.approx([1, 1])


async def test_a_pause_does_not_end_in_a_burst(wire: Wire, client: HttpClient, clock: WoundClock) -> None:
    wire.get(ORDERS, body="[]", headers=quota(left=0, reset_ms=20_000))
    await client.get_json("/orders")
    at: list[float] = []

    async def slow(url: URL, **kwargs: object) -> CallbackResult:
        at.append(clock.monotonic())
        for _ in range(20):  # the first answer is still out while the others come to the gate
            await asyncio.sleep(0)
        return CallbackResult(body="[]", headers=quota(left=100, reset_ms=30_000))

    wire.get(ORDERS, callback=slow, repeat=True)
    await asyncio.gather(*(client.get_json("/orders") for _ in range(6)))
    assert at[0] == 20
    assert at[:3] == pytest.approx([20, 20.5, 21])


def test_an_answer_that_comes_late_neither_opens_a_shut_gate_nor_brings_a_burst(clock: WoundClock) -> None:
    gate = Gate(clock)
    gate.pause(20)
    gate.saw(140, 150, 25)
    assert gate.wait_s() == 20
    clock.wind(20)
    gate.passed()
    assert gate.wait_s() == 0.5
    gate.saw(149, 150, 30)
    assert gate.wait_s() <= 0


async def test_at_most_three_requests_are_under_way(make_client: MakeClient) -> None:
    most = now = 0
    three = asyncio.Event()

    async def count(request: web.Request) -> web.Response:
        nonlocal most, now
        now += 1
        most = max(most, now)
        if now == 3:
            three.set()
        await three.wait()
        await asyncio.sleep(0)
        now -= 1
        return web.json_response([])

    async with platform(count) as url:
        client = make_client(url)
        await asyncio.gather(*(client.get_json("/orders") for _ in range(12)))
    assert most == 3


async def test_a_quota_wait_longer_than_a_request_may_wait_is_given_back(wire: Wire, client: HttpClient) -> None:
    wire.get(ORDERS, body="[]", headers=quota(left=1, reset_ms=900_000))
    await client.get_json("/orders")
    with pytest.raises(RateLimitedError, match=r"^acme-au: .*GET /orders was not sent") as raised:
        await client.get_json("/orders")
    assert raised.value.retry_after_s == 900


@pytest.mark.parametrize(
    "headers",
    [
        {},
        quota(left="", reset_ms=""),
        quota(left="few", reset_ms=20_000),
        quota(left=-1, reset_ms=20_000),
        quota(left=1, reset_ms=-20_000),
        quota(left=1, reset_ms="nan"),
        quota(left=1, reset_ms="inf"),
        quota(left=1, reset_ms=7 * 86_400_000),
        quota(left=1, reset_ms=20_000, of=0),
        quota(left=1, reset_ms=20_000, of="unlimited"),
        {"X-Left": "1", "X-Quota": "150"},
    ],
)
async def test_quota_headers_that_make_no_sense_are_passed_over(
    wire: Wire, client: HttpClient, clock: WoundClock, headers: dict[str, str]
) -> None:
    wire.get(ORDERS, body="[]", headers=headers, repeat=True)
    await client.get_json("/orders")
    await client.get_json("/orders")
    assert clock.sleeps == []


@given(texts=st.lists(st.text() | st.floats().map(str) | st.integers().map(str), min_size=5, max_size=5))
@example(texts=["1", "150", "9" * 400, "9" * 400, "Fri, 31 Dec 9999 23:59:59 -2359"])
@example(texts=["1", "150", "20000", "5", "Fri, 31 Dec 9999 23:59:59 GMT"])
@example(texts=["1e308", "1e-308", "1", "Mon, 01 Jan 0001 00:00:00 +2359", "Thu, 01 Jan 1970 00:00:00 -0000"])
async def test_garbage_in_headers_never_raises(texts: list[str]) -> None:
    clock = WoundClock()
    names = ["X-Left", "X-Quota", "X-Reset-Ms", "Retry-After", "Date"]
    async with open_session() as session:
        client = HttpClient(session, HttpOptions(quota_headers=QUOTA), store="a", clock=clock, random=Random(0))
        with Wire() as wire:
            wire.get(ORDERS, body="[1]", headers=dict(zip(names, texts, strict=True)))
            answer = await client.request("GET", ORDERS)
            wire.get(ORDERS, status=429, headers=dict(zip(names, texts, strict=True)))
            wire.get(ORDERS, body="[1]")
            try:
                await client.request("GET", ORDERS)
            except RateLimitedError as error:
                assert 0 < error.retry_after_s <= 3600 * 1.05  # noqa: PT017 -- it may as well not be raised
    assert answer.started_at.microsecond == 0
    assert max(clock.sleeps, default=0) <= 120


Step = tuple[float, int, int, float, int]
steps = st.tuples(
    st.floats(0, 40), st.integers(0, 200), st.integers(1, 200), st.floats(0, 100), st.integers(0, 5)
)  # time that passes, then an answer's left, quota and reset, then how many requests want to go


@given(st.lists(steps, max_size=12))
@example([(0.0, 1, 150, 30.0, 0), (0.0, 2, 150, 5.0, 1)])
@example([(0.0, 10, 150, 30.0, 5), (0.0, 1, 150, 30.0, 3), (0.0, 140, 150, 2.0, 3)])
async def test_the_gate_never_lets_requests_go_faster_than_the_platform_allows(story: list[Step]) -> None:
    clock = WoundClock()
    gate = Gate(clock)
    shut_until = last = -1e9
    for passes, left, of, reset_s, wanted in story:
        clock.wind(passes)
        gate.saw(left, of, reset_s)
        scarce = left / of < 0.2
        if scarce and left <= 2:
            shut_until = max(shut_until, clock.monotonic() + reset_s)
        for _ in range(wanted):
            while (wait_s := gate.wait_s()) > 0:
                await clock.sleep(wait_s)
            gate.passed()
            now = clock.monotonic()
            assert now >= shut_until - 1e-6
            if scarce and left > 2:
                assert now - last >= reset_s / left - 1e-6
            last = now


def dated(at: datetime) -> dict[str, str]:
    return {"Date": format_datetime(at, usegmt=True)}


async def asked_at(
    wire: Wire, client: HttpClient, clock: WoundClock, date: datetime | None, *, took_s: float
) -> datetime:
    def answer(url: URL, **kwargs: object) -> CallbackResult:
        clock.wind(took_s)
        return CallbackResult(body="[]", headers=dated(date) if date else None)

    wire.get(ORDERS, callback=answer)
    return (await client.request("GET", "/orders")).started_at


async def test_a_request_began_at_the_servers_date_less_the_whole_seconds_it_took(
    wire: Wire, client: HttpClient, clock: WoundClock
) -> None:
    date = datetime(2026, 3, 4, 22, 0, 30, tzinfo=UTC)
    assert await asked_at(wire, client, clock, date, took_s=0.9) == date
    date += timedelta(seconds=20)
    assert await asked_at(wire, client, clock, date, took_s=7.9) == date - timedelta(seconds=7)


@pytest.mark.parametrize("header", [None, "yesterday", "", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_without_a_date_our_own_clock_says_when_a_request_began(
    wire: Wire, client: HttpClient, clock: WoundClock, header: str | None
) -> None:
    clock.wind(5.75)
    wire.get(ORDERS, body="[]", headers=None if header is None else {"Date": header})
    answer = await client.request("GET", "/orders")
    assert answer.started_at == datetime(2026, 3, 4, 10, 0, 5, tzinfo=UTC)
    assert client.server_time() == clock.now()


async def test_the_time_waited_before_a_try_is_not_taken_for_the_requests(
    wire: Wire, client: HttpClient, clock: WoundClock
) -> None:
    date = clock.now() + timedelta(minutes=5)
    wire.get(ORDERS, status=429, headers={"Retry-After": "60"})
    assert await asked_at(wire, client, clock, date, took_s=0) == date


async def test_an_answer_long_on_its_way_back_does_not_seem_to_have_begun_before_an_earlier_one(
    wire: Wire, client: HttpClient, clock: WoundClock
) -> None:
    date = clock.now()
    first = await asked_at(wire, client, clock, date, took_s=0)
    assert await asked_at(wire, client, clock, date + timedelta(seconds=1), took_s=9) == first
    far_off = await asked_at(wire, client, clock, date + timedelta(days=9_000), took_s=0)
    date += timedelta(seconds=20)
    assert far_off > date
    assert await asked_at(wire, client, clock, date, took_s=2) == date


@given(
    requests=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 8), st.booleans()), min_size=2, max_size=6),
    fraction=st.floats(0, 0.999),
)
async def test_requests_made_one_after_another_by_any_process_never_begin_earlier_than_the_last(
    requests: list[tuple[float, float, bool]], fraction: float
) -> None:
    clock = WoundClock(datetime(2026, 3, 4, 10, 0, tzinfo=UTC) + timedelta(seconds=fraction))
    began = []
    async with open_session() as session:
        make = partial(HttpClient, session, HttpOptions(base_url=BASE), store="a", clock=clock, random=Random(0))
        client = make()
        for pause_s, took_s, same_process in requests:
            clock.wind(pause_s)
            client = client if same_process else make()

            def answer(url: URL, took_s: float = took_s, **kwargs: object) -> CallbackResult:
                clock.wind(took_s)
                return CallbackResult(body="[]", headers=dated(clock.now()))

            with Wire() as wire:
                wire.get(ORDERS, callback=answer)
                began.append((await client.request("GET", "/orders")).started_at)
    assert began == sorted(began)


async def test_the_servers_time_goes_on_from_its_last_answer(wire: Wire, client: HttpClient, clock: WoundClock) -> None:
    assert client.server_time() == clock.now()
    date = clock.now() - timedelta(hours=1)
    await asked_at(wire, client, clock, date, took_s=1)
    clock.wind(10)
    assert client.server_time() == date + timedelta(seconds=10)


def assert_nothing_is_shown(error: BaseException, *secrets: str) -> None:
    told: traceback.TracebackException | None = traceback.TracebackException.from_exception(error)
    shown = repr(error) + repr(error.__cause__)
    while told:  # what a log shows of it, but for the lines of this file
        shown += "".join(told.format_exception_only())
        told = told.__cause__ or (None if told.__suppress_context__ else told.__context__)
    for secret in (TOKEN, "token+value", "another-long-secret", *secrets):
        assert secret not in shown


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
async def test_what_the_platform_says_back_is_shown_without_secrets_and_buyers(
    wire: Wire, client: HttpClient, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    said = {
        "message": f"Token {TOKEN} (another-long-secret): no {ORDERS}?email=mia%40example.com for mia@example.com",
        "more": "x" * 400,
    }
    body = json.dumps(said)
    for form in (body, body.replace("/", "\\/")):
        url = f"{ORDERS}?email=mia@example.com"
        wire.get(url, status=status, body=form, repeat=5 if status >= 500 else 1)
        with pytest.raises(ConnectorError, match=r"^acme-au: .*GET /orders .*Token") as raised:
            await client.get_json("/orders", {"email": "mia@example.com"})
        assert_nothing_is_shown(raised.value, "mia")
        assert len(str(raised.value)) < 600
    assert TOKEN not in caplog.text
    assert "mia" not in caplog.text


async def test_the_text_of_a_refusal_holds_no_header_value(wire: Wire, client: HttpClient) -> None:
    wire.get(ORDERS, status=400, body="x" * 1_990 + TOKEN)
    answer = await client.request("GET", "/orders")
    assert answer.text == "x" * 1_990 + "***"


@pytest.mark.parametrize(
    "fault",
    [
        aiohttp.ConnectionTimeoutError(f"Connection timeout to host {ORDERS}?email=mia@example.com"),
        aiohttp.ClientConnectionError(f"broke with {TOKEN}"),
    ],
)
async def test_the_cause_of_an_error_shows_no_query_and_no_secret(
    wire: Wire, client: HttpClient, fault: Exception
) -> None:
    wire.post(ORDERS, exception=fault)
    with pytest.raises(UnreachableError) as raised:
        await client.request("POST", "/orders")
    assert_nothing_is_shown(raised.value, "mia")
    assert type(fault).__name__ in str(raised.value.__cause__)


async def test_an_error_holds_no_secret_that_stands_in_the_path(wire: Wire, client: HttpClient) -> None:
    wire.get(f"{BASE}/keys/another-long-secret", status=404)
    with pytest.raises(RefusedError, match=r"GET /keys/\*\*\*"):
        await client.get_json("/keys/another-long-secret")


async def test_repr_shows_no_header_values_and_no_buyers(wire: Wire, client: HttpClient) -> None:
    options = HttpOptions(base_url=BASE, headers=HEADERS)
    wire.get(ORDERS, payload=[{"name": "Mia"}])
    answer: Response = await client.request("GET", "/orders")
    for thing in (options, client, answer):
        assert TOKEN not in repr(thing)
        assert "Mia" not in repr(thing)
    assert repr(client) == "HttpClient(store='acme-au')"


async def test_each_try_again_is_logged_once_and_at_debug(
    wire: Wire, client: HttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="crossdock.http")
    wire.get(ORDERS, status=502)
    wire.get(ORDERS, status=429, headers={"Retry-After": "2"})
    wire.get(ORDERS, body="[]")
    await client.get_json("/orders")
    messages = [record.getMessage() for record in caplog.records if record.name == "crossdock.http"]
    assert [message.rpartition(";")[0] for message in messages if "trying again" in message] == [
        "acme-au: GET /orders: the platform answered 502",
        "acme-au: GET /orders: the platform answered 429",
    ]
    assert {record.levelno for record in caplog.records if record.name == "crossdock.http"} == {logging.DEBUG}


async def test_half_an_emoji_in_a_text_does_not_spoil_the_rest_of_the_answer(wire: Wire, client: HttpClient) -> None:
    wire.get(ORDERS, body=b'[{"id": 1, "note": "\\ud83d", "whole": "\\ud83d\\ude00", "tail": "\\ude00!"}]')
    answer = await client.request("GET", "/orders")
    assert answer.json == [{"id": 1, "note": "\ufffd", "whole": "😀", "tail": "\ufffd!"}]


async def test_a_key_that_a_refusal_repeats_in_its_json_is_covered(wire: Wire, client: HttpClient) -> None:
    wire.get(ORDERS, status=401, payload=[{"message": f"the token {TOKEN} of mia@example.com is unknown"}])
    wire.get(ORDERS, body="[]", headers={"X-Request-Id": TOKEN})
    refused = await client.request("GET", "/orders")
    assert refused.json == [{"message": "the token *** of *** is unknown"}]
    assert TOKEN not in refused.text
    answer = await client.request("GET", "/orders")
    assert (answer.request_id, client.counts.last_request_id) == ("***", "***")


@pytest.mark.parametrize("name", ["Retry-After", "X-Retry-After"])
async def test_a_pause_is_as_long_as_it_was_asked_for(
    wire: Wire, client: HttpClient, clock: WoundClock, name: str
) -> None:
    wire.get(ORDERS, status=429, headers={name: "7"})
    wire.get(ORDERS, body="[]")
    await client.get_json("/orders")
    assert 7 <= sum(clock.sleeps) < 9
