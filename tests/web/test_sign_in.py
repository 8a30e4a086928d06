"""Signing in, what ends a session, what strangers see, and what is turned away at the door."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import aiohttp
import pytest
from aiohttp import web
from crossdock.config import EngineConfig, read
from crossdock.errors import CredentialsError, UsageError
from crossdock.web import guards
from crossdock.web.access import FREE_GUESSES, Keys, read_keys, write_keys
from crossdock.web.app import add_pages, serve
from crossdock.web.guards import GUARD, Guard, add_headers, refuse_open_door
from crossdock.web.site import Site
from support.bench import CHANGES, STORE, Bench
from support.site import WELL, Browser, listening, site_over
from yarl import URL

WORDS = "correct horse battery"
LONG_ENOUGH_S = 20.0


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "crossdock.password"
    write_keys(path, Keys().with_password(WORDS))
    return path


@pytest.fixture
async def locked(bench: Bench, orders: list[int], password_file: Path) -> AsyncIterator[Browser]:
    """A browser at pages that need a password."""
    async with site_over(bench, password_file=password_file) as browser:
        yield browser


async def sign_in(browser: Browser, words: str = WORDS, **fields: str) -> str:
    await browser.get("/sign-in")
    return await browser.send("/sign-in", {"password": words, **fields})


async def is_let_in(browser: Browser) -> bool:
    await browser.get("/shipments")
    return browser.at == f"{browser.address}/shipments"


async def raw(browser: Browser, *lines: str | bytes, body: bytes = b"") -> str:
    """What is answered to a request of these very bytes."""
    host, _, port = browser.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        head = b"\r\n".join(line.encode() if isinstance(line, str) else line for line in (*lines, "Connection: close"))
        writer.write(head + b"\r\n\r\n" + body)
        async with asyncio.timeout(LONG_ENOUGH_S):
            return (await reader.read()).decode()
    finally:
        writer.close()


def status_of(answer: str) -> int:
    return int(answer.split()[1])


# --- strangers ------------------------------------------------------------------------------------------------------


async def test_every_page_there_is_asks_for_the_password(locked: Browser, password_file: Path) -> None:
    app = web.Application()
    site = cast("Site", SimpleNamespace(health=lambda: WELL))  # only the routes are looked at
    add_pages(app, site, Guard("127.0.0.1", None, password_file))
    asked = 0
    for route in app.router.routes():
        assert route.resource is not None
        shape = route.resource.canonical
        if shape in ("/healthz", "/readyz", "/sign-in") or shape.startswith("/static/"):
            continue
        method, path = "GET" if route.method == "*" else route.method, re.sub(r"\{[^}]*\}", "x", shape)
        async with locked.client.request(method, locked.address + path, allow_redirects=False) as answer:
            if shape.startswith("/api/") or method not in ("GET", "HEAD"):
                assert answer.status == 401, (method, shape)
            else:
                assert answer.status == 303, (method, shape)
                assert answer.headers["Location"].startswith("/sign-in?to="), shape
        asked += 1
    assert asked > 20


@pytest.mark.parametrize(
    "path",
    [
        "/sign-in/../shipments",
        "/sign-inx",
        "/static/../shipments",
        "/static/%2e%2e/shipments",
        "/static%2F..%2Fshipments",
        "/api%2Fv1/stores",
        "/api/../shipments",
        "//shipments",
        "/%73hipments",
        "/healthz/../shipments",
    ],
)
async def test_no_spelling_of_a_path_passes_by_the_guard(locked: Browser, path: str) -> None:
    answer = await raw(locked, f"GET {path} HTTP/1.1", "Host: localhost")
    assert status_of(answer) in (303, 401, 404)
    assert f"/orders/{STORE}" not in answer
    assert '"store' not in answer


@pytest.mark.parametrize("path", ["/sign-inside", "/static%2Fx/inside", "/api%2Fv1/inside", "/sign-in%2Fx/inside"])
async def test_a_page_of_any_name_and_spelling_is_guarded(password_file: Path, path: str) -> None:
    async def inside(_: web.Request) -> web.Response:
        return web.Response(text="what goes on inside")

    guard = Guard("127.0.0.1", None, password_file)
    app = web.Application(middlewares=[guard.middleware])
    app.router.add_get("/sign-inside", inside)
    app.router.add_get("/{any}/inside", inside)
    async with listening(app) as here, aiohttp.ClientSession() as client:
        address = URL(f"{here}{path}", encoded=True)
        async with client.get(address, allow_redirects=False) as answer:
            assert answer.status == 303
            assert "inside" not in await answer.text()


async def test_a_stranger_is_told_nothing_of_what_goes_on(bench: Bench, password_file: Path) -> None:
    bench.settings["access_token"] = "x" * 31
    async with site_over(bench, password_file=password_file) as browser:
        for _ in range(2):
            with pytest.raises(CredentialsError):
                await browser.engine.import_store(STORE, CHANGES)
        assert 'class="banner"' not in await browser.get("/sign-in")
        for headers in ({"Host": "evil.example"}, {}):
            assert 'class="banner"' not in await browser.send("/import", {}, **headers)
            assert browser.status == (421 if headers else 401)
        assert 'class="banner"' in await sign_in(browser), "there is something to tell"


async def test_whoever_is_signed_in_is_not_asked_again(locked: Browser) -> None:
    await sign_in(locked)
    await locked.get("/sign-in?to=/runs")
    assert locked.at == f"{locked.address}/runs"


async def test_where_there_is_no_password_there_is_nothing_to_sign_in_to(visitor: Browser) -> None:
    await visitor.get("/sign-in")
    assert visitor.at == f"{visitor.address}/shipments"


# --- sessions -------------------------------------------------------------------------------------------------------


async def test_a_new_password_ends_every_session_at_once(locked: Browser, password_file: Path) -> None:
    await sign_in(locked)
    assert await is_let_in(locked)
    write_keys(password_file, read_keys(password_file).with_password("quite another one"))
    assert not await is_let_in(locked)
    await sign_in(locked)
    assert locked.status == 403
    await sign_in(locked, "quite another one")
    assert await is_let_in(locked)


async def test_a_new_token_ends_no_session(locked: Browser, bench: Bench, password_file: Path) -> None:
    await sign_in(locked)
    write_keys(password_file, read_keys(password_file).with_token("till", bench.clock.now())[0])
    assert await is_let_in(locked)


def opened(file: Path) -> None:
    file.chmod(0o644)


def garbled(file: Path) -> None:
    file.write_text("{", encoding="utf-8")


@pytest.mark.parametrize("spoil", [opened, garbled, Path.unlink], ids=["opened", "garbled", "removed"])
async def test_while_the_file_cant_be_trusted_nobody_comes_in_and_the_log_says_why_once(
    locked: Browser, password_file: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    await sign_in(locked)
    kept = read_keys(password_file)
    spoil(password_file)
    for _ in range(2):
        await locked.get("/shipments")
        assert locked.status == 503
        assert str(password_file) not in locked.text
    await locked.api("GET", "/stores", Authorization="Bearer x")
    assert locked.status == 503
    (told,) = [record.getMessage() for record in caplog.records if record.name == "crossdock.web"]
    assert told.startswith("nobody can sign in until this is mended: ")
    assert str(password_file) in told
    write_keys(password_file, kept)
    assert await is_let_in(locked)


async def test_a_cookie_that_was_signed_out_is_worth_nothing(locked: Browser) -> None:
    await sign_in(locked)
    (stolen,) = list(locked.client.cookie_jar)
    await locked.send("/sign-out")
    async with (
        aiohttp.ClientSession(cookies={stolen.key: stolen.value}) as thief,
        thief.get(f"{locked.address}/shipments", allow_redirects=False) as answer,
    ):
        assert answer.status == 303


async def test_two_crossdocks_on_one_machine_leave_each_others_sessions_alone(locked: Browser) -> None:
    await sign_in(locked)
    await locked.get("/shipments", Host="127.0.0.1:1")  # the cookies of all ports are sent to each
    assert 'name="password"' in locked.text
    assert await is_let_in(locked)


async def test_a_form_of_an_ended_session_is_not_done(locked: Browser, bench: Bench) -> None:
    await sign_in(locked)
    await locked.get("/import")
    bench.clock.wind(13 * 3600)
    await locked.send("/import", {"store": "acme"})
    assert locked.status == 401
    assert "nothing was done" in locked.text


async def test_the_csrf_token_of_somebody_else_is_not_taken(locked: Browser) -> None:
    await sign_in(locked)
    foreign = re.findall(r'name="csrf" value="([^"]*)"', locked.text)[0]
    locked.client.cookie_jar.clear()
    await sign_in(locked)
    await locked.send("/sign-out", {"csrf": foreign})
    assert locked.status == 403
    assert await is_let_in(locked)


async def test_a_script_may_send_the_csrf_token_in_a_header(locked: Browser) -> None:
    await sign_in(locked)
    (token,) = set(re.findall(r'name="csrf" value="([^"]*)"', locked.text))
    locked.text = ""
    await locked.send("/sign-out", {"csrf": "none"}, **{"X-CSRF-Token": token})
    assert locked.status == 200
    assert not await is_let_in(locked)


# --- guessing -------------------------------------------------------------------------------------------------------


async def test_the_right_password_too_has_to_wait_after_wrong_ones_and_is_told_how_long(
    locked: Browser, bench: Bench
) -> None:
    for _ in range(FREE_GUESSES + 2):
        await sign_in(locked, "wrong wrong wrong")
        bench.clock.wind(4)
    await sign_in(locked, "wrong wrong wrong")
    page = await sign_in(locked)
    assert locked.status == 429
    assert "There were too many wrong passwords: try again in 8 seconds." in page
    bench.clock.wind(8)
    await sign_in(locked)
    assert await is_let_in(locked)


async def test_a_cookie_of_the_browser_gets_round_no_wait(locked: Browser) -> None:
    for _ in range(FREE_GUESSES):
        locked.client.cookie_jar.clear()
        await sign_in(locked, "wrong wrong wrong")
    locked.client.cookie_jar.clear()
    await sign_in(locked)
    assert locked.status == 429


# --- what no browser sends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/%0d%0aSet-Cookie: x=y",
        "/\r\nSet-Cookie: x=y",
        "javascript:alert(1)",
        "https:evil.example",
        "/" + "x" * 2000,
    ],
)
async def test_signing_in_leads_nowhere_else_and_sets_no_header(locked: Browser, to: str) -> None:
    await locked.get("/sign-in")
    hidden = dict(re.findall(r'name="(csrf)" value="([^"]*)"', locked.text))
    async with locked.client.post(
        f"{locked.address}/sign-in", data={**hidden, "password": WORDS, "to": to}, allow_redirects=False
    ) as answer:
        assert answer.status == 303
        assert answer.headers["Location"] in ("/", "/%0d%0aSet-Cookie: x=y")
        assert all(value.startswith("crossdock-") for value in answer.headers.getall("Set-Cookie"))


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("Content-Type: application/x-www-form-urlencoded; charset=utf-99", 400),
        ("Content-Type: application/x-www-form-urlencoded; charset=ascii", 400),
        ("Content-Type: multipart/form-data; boundary=x", 415),
        ("Content-Type: text/plain", 403),
        (b"X-CSRF-Token: \xff\xfe", 403),
        (b"Cookie: crossdock=\xff\xfe", 403),
    ],
)
async def test_what_no_form_of_ours_sends_is_answered_in_words(
    visitor: Browser, head: str | bytes, status: int
) -> None:
    body = b"csrf=\xff\xfe"
    answer = await raw(
        visitor, "POST /import HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", head, body=body
    )
    assert status_of(answer) == status


async def test_a_stranger_may_send_no_more_than_a_password(locked: Browser) -> None:
    await locked.get("/sign-in")
    await locked.send("/sign-in", {"password": "x" * 20_000})
    assert locked.status == 413
    answer = await raw(
        locked,
        "POST /sign-in HTTP/1.1",
        "Host: localhost",
        "Transfer-Encoding: chunked",
        "Content-Type: application/x-www-form-urlencoded",
        body=b"1\r\nx\r\n0\r\n\r\n",
    )
    assert status_of(answer) == 413, "its length has to be known beforehand"


async def test_a_program_without_a_token_is_not_listened_to(locked: Browser) -> None:
    head = ("POST /api/v1/imports HTTP/1.1", "Host: localhost", "Content-Type: application/json")
    answer = await raw(locked, *head, "Content-Length: 100", body=b"{")  # the rest never comes
    assert status_of(answer) == 401


@pytest.mark.parametrize(
    "lines",
    [
        ("Host: localhost@evil.example",),
        ("Host: localhost/evil.example",),
        ("Host: localhost evil.example",),
        ("Host: evil.example#localhost",),
        ("Host: [::1",),
        ("Host: localhost", "Host: evil.example"),
        (),
    ],
)
async def test_a_host_that_is_none_leads_nowhere(visitor: Browser, lines: tuple[str, ...]) -> None:
    assert status_of(await raw(visitor, "GET /shipments HTTP/1.1", *lines)) in (400, 421)


# --- behind a proxy, and open to the network ------------------------------------------------------------------------


async def test_the_public_address_is_known_by_its_name_and_its_origin(bench: Bench, orders: list[int]) -> None:
    async with site_over(bench, url="https://shop.example/dock/") as browser:
        headers = {"Host": "shop.example", "Cookie": ""}
        for origin, status in (
            ("https://shop.example", 200),
            ("http://shop.example", 403),  # whoever sits between could have made that page
            ("https://shop.example:8443", 403),
            ("https://shop.example.evil.example", 403),
            ("https://evil.example", 403),
        ):
            answer = await browser.api("POST", "/stores/acme/pause", {}, Origin=origin, **headers)
            assert (browser.status == 403) == (status == 403), (origin, answer)
        await browser.api("POST", "/stores/acme/pause", {}, Origin="https://shop.example", Host="127.0.0.1:8420")
        assert browser.status != 403, "a proxy may pass on its own name for us"


async def test_behind_a_path_signing_in_leads_back_under_it(
    bench: Bench, orders: list[int], password_file: Path
) -> None:
    async with site_over(bench, url="https://shop.example/dock/", password_file=password_file) as browser:
        host = {"Host": "shop.example"}
        async with browser.client.get(f"{browser.address}/runs?a=b", headers=host, allow_redirects=False) as answer:
            assert answer.headers["Location"] == "/dock/sign-in?to=%2Fruns%3Fa%3Db"


async def test_listening_to_the_network_addresses_lead_here_and_other_names_dont(
    bench: Bench, orders: list[int]
) -> None:
    async with site_over(bench, host="0.0.0.0") as browser:
        for host, status in (
            ("192.168.1.20:8420", 200),
            ("[fe80::1]:8420", 200),
            ("localhost", 200),
            ("bench.evil.example", 421),
            ("192.168.1.20.evil.example", 421),
        ):
            await browser.get("/runs", Host=host)
            assert browser.status == status, host


@pytest.mark.parametrize("url", ["https://shop.example/", "http://192.0.2.1/"])
def test_what_a_proxy_shows_to_others_needs_a_password_too(url: str, password_file: Path) -> None:
    with pytest.raises(UsageError, match=r"engine\.web\.url: others can open the page"):
        refuse_open_door(EngineConfig(database="x", web_url=url))
    refuse_open_door(EngineConfig(database="x", web_url=url, web_password_file=password_file))
    refuse_open_door(EngineConfig(database="x", web_url="http://localhost:8080/dock/"))


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM:443/crossdock//", None),
        ("HTTPS://Example.COM:443/crossdock/", "https://example.com/crossdock/"),
        ("http://bench.local:80", "http://bench.local/"),
        ("https://[2001:DB8::1]:8443/a/b", "https://[2001:db8::1]:8443/a/b/"),
        ("example.com/crossdock", None),
        ("ftp://example.com/", None),
        ("https://", None),
        ("https://me:secret@example.com/", None),
        ("https://example.com/?a=b", None),
        ("https://example.com/#a", None),
        ("https://example.com//evil.example/", None),
        ("https://example.com/../", None),
        ("https://example.com/a;Domain=evil.example", None),
        ("https://example.com/a b", None),
        ("https://example.com:0/", None),
        ("https://example.com:99999/", None),
        ("https://bücher.example/", None),
        ("https://1.2.3.4.5/", None),
    ],
)
def test_a_public_address_is_brought_to_one_form_or_refused(tmp_path: Path, written: str, normal: str | None) -> None:
    file = tmp_path / "stores.yaml"
    file.write_text(f"engine: {{web: {{url: '{written}', password_file: keys}}}}\n", encoding="utf-8")
    reading = read(file, {})
    complaints = [str(mistake) for mistake in reading.mistakes if "engine.web.url" in str(mistake)]
    if normal is None:
        (complaint,) = complaints
        assert "should be the page's public address, such as https://example.com/crossdock/" in complaint
        assert "secret" not in complaint
    else:
        assert reading.config is not None
        assert reading.config.engine.web_url == normal
        assert reading.config.engine.web_password_file == tmp_path / "keys"


# --- bounds ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def house() -> AsyncIterator[tuple[str, int, asyncio.Event, asyncio.Event]]:
    """A guarded page that answers once it's told to: where, whether it's asked, and what tells."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_: web.Request) -> web.Response:
        begun.set()
        await go_on.wait()
        return web.Response(text="here")

    async def paper(_: web.Request) -> web.Response:
        return web.Response(body=b"%PDF-", content_type="application/pdf")

    def fill(app: web.Application) -> None:
        app[GUARD] = Guard("127.0.0.1", None, None)
        app.middlewares.append(app[GUARD].middleware)
        app.on_response_prepare.append(add_headers)
        app.router.add_get("/wait", wait)
        app.router.add_get("/paper.pdf", paper)

    async with serve("127.0.0.1", 0, fill) as address:
        where = URL(address)
        yield str(where.host), where.port or 0, begun, go_on


async def test_where_there_are_too_many_connections_the_oldest_that_is_idle_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guards, "MOST_CONNECTIONS", 3)
    asking = b"GET /wait HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    async with asyncio.timeout(LONG_ENOUGH_S), house() as (host, port, begun, go_on):
        busy, telling = await asyncio.open_connection(host, port)
        telling.write(asking)
        await begun.wait()
        silent = [await asyncio.open_connection(host, port) for _ in range(2)]
        late, asked = await asyncio.open_connection(host, port)
        asked.write(asking)
        assert await silent[0][0].read() == b"", "the oldest silent one is closed"
        go_on.set()
        assert b"here" in await busy.read()
        assert b"here" in await late.read()
        silent[1][1].write(asking)
        assert b"here" in await silent[1][0].read(), "there was room for the others"
        for writer in (telling, asked, *(writer for _, writer in silent)):
            writer.close()


async def test_a_crowd_of_silent_connections_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "MOST_CONNECTIONS", 20)
    async with asyncio.timeout(LONG_ENOUGH_S), house() as (host, port, _, go_on):
        go_on.set()
        crowd = [await asyncio.open_connection(host, port) for _ in range(100)]
        async with aiohttp.ClientSession() as client, client.get(f"http://{host}:{port}/wait") as answer:
            assert await answer.text() == "here"
        for _, writer in crowd:
            writer.close()


async def test_requests_that_are_too_many_are_told_so_and_the_others_get_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "MOST_AT_ONCE", 1)
    async with (
        asyncio.timeout(LONG_ENOUGH_S),
        house() as (host, port, begun, go_on),
        aiohttp.ClientSession() as client,
        asyncio.TaskGroup() as group,
    ):
        address = f"http://{host}:{port}/wait"
        first = group.create_task(status_at(client, address))
        await begun.wait()
        async with client.get(address) as second:
            assert second.status == 503
            assert await second.text() == "crossdock is busy with other requests; try again in a moment.\n"
            assert second.headers["Retry-After"] == "5"
        go_on.set()
        assert await first == 200


async def status_at(client: aiohttp.ClientSession, address: str) -> int:
    async with client.get(address) as answer:
        return answer.status


async def test_papers_can_be_shown_by_a_browsers_own_viewer() -> None:
    async with (
        house() as (host, port, _, _),
        aiohttp.ClientSession() as client,
        client.get(f"http://{host}:{port}/paper.pdf") as answer,
    ):
        assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/shipments", "/sign-in", "/none", "/healthz", "/api/v1/stores"])
async def test_every_answer_says_what_it_is_not_for_refusals_too(locked: Browser, path: str) -> None:
    async with locked.client.get(locked.address + path, allow_redirects=False) as answer:
        assert {name: answer.headers.get(name) for name in guards.HEADERS} == guards.HEADERS
        assert answer.headers["Content-Security-Policy"] == guards.POLICY
