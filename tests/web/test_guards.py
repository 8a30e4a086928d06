"""Nobody is let in where they don't belong, and nothing is done that another site asks for."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from crossdock.config import EngineConfig
from crossdock.errors import UsageError
from crossdock.web import guards
from crossdock.web.access import FREE_GUESSES, Keys, read_keys, write_keys
from crossdock.web.guards import refuse_open_door
from support.bench import STORE, Bench
from support.site import Browser, site_over

PASSWORD = "correct horse battery"


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "crossdock.password"
    write_keys(path, Keys().with_password(PASSWORD))
    return path


@pytest.fixture
async def locked(bench: Bench, orders: list[int], password_file: Path) -> AsyncIterator[Browser]:
    """A browser at pages that need a password."""
    async with site_over(bench, password_file=password_file) as browser:
        yield browser


async def test_a_name_that_only_an_attacker_would_use_leads_nowhere(visitor: Browser) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example:8420", "", "192.0.2.1"):
        await visitor.get("/shipments", Host=host)
        assert visitor.status == 421, host
        await visitor.api("GET", "/stores", Host=host)
        assert visitor.status == 421, host
    for host in ("localhost:1", "127.0.0.1", "[::1]:8420"):
        await visitor.get("/shipments", Host=host)
        assert visitor.status == 200, host
    await visitor.get("/healthz", Host="evil.example")
    assert visitor.status == 200


async def test_what_another_site_sends_is_not_done(visitor: Browser, orders: list[int]) -> None:
    await visitor.get("/shipments")
    page = visitor.text
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "same-site"}):  # fmt: skip
        visitor.text = page
        await visitor.send(f"/orders/{STORE}/{orders[0]}/ship", {"carrier": "X"}, **headers)
        assert visitor.status == 403, headers
        await visitor.api("POST", "/shipments", {"store": STORE, "order": str(orders[0]), "carrier": "X"}, **headers)
        assert visitor.status == 403, headers
    assert await visitor.engine.state.shipments(STORE, str(orders[0])) == []


async def test_a_form_needs_the_token_of_its_own_session(visitor: Browser, bench: Bench, orders: list[int]) -> None:
    at = f"/orders/{STORE}/{orders[0]}"
    await visitor.get(at)
    for fields in ({"csrf": ""}, {"csrf": "x" * 43}, {"csrf": "é"}):
        page = visitor.text
        await visitor.send(f"{at}/ship", {"carrier": "X", **fields})
        assert visitor.status == 403, fields
        visitor.text = page
    visitor.client.cookie_jar.clear()
    await visitor.send(f"{at}/ship", {"carrier": "X"})
    assert visitor.status == 403
    assert await visitor.engine.state.shipments(STORE, str(orders[0])) == []


async def test_every_answer_forbids_what_no_page_needs(visitor: Browser) -> None:
    for path in ("/shipments", "/nothing", "/static/crossdock.js", "/api/v1/stores", "/api/v1/none"):
        async with visitor.client.get(visitor.address + path) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    page = await visitor.get("/shipments")
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick=" not in page


async def test_the_cookie_is_for_this_site_and_no_script(bench: Bench, orders: list[int], visitor: Browser) -> None:
    async with visitor.client.get(f"{visitor.address}/shipments") as answer:
        assert answer.headers["Set-Cookie"].endswith("; Path=/; HttpOnly; SameSite=Lax")
    async with (
        site_over(bench, url="https://shop.example/dock/") as behind,
        behind.client.get(f"{behind.address}/shipments", headers={"Host": "shop.example"}) as answer,
    ):
        assert answer.headers["Set-Cookie"].endswith("; Path=/dock/; HttpOnly; SameSite=Lax; Secure")
        page = await answer.text()
        assert 'href="/dock/shipments' in page
        assert 'href="/shipments' not in page


async def test_without_the_password_nothing_is_shown_and_nothing_done(locked: Browser, orders: list[int]) -> None:
    for path in ("/shipments", f"/orders/{STORE}/{orders[0]}", "/settings/integrations", "/runs", "/import"):
        page = await locked.get(path)
        assert "<h1>Sign in</h1>" in page
        assert "sign-in?to=" in locked.at
    await locked.send(f"/orders/{STORE}/{orders[0]}/ship", {"carrier": "X"})
    assert locked.status == 401
    assert await locked.engine.state.shipments(STORE, str(orders[0])) == []
    await locked.get("/healthz")
    assert locked.status == 200


async def test_the_password_lets_in_and_leads_on_and_signing_out_ends_it(locked: Browser) -> None:
    await locked.get("/runs?store=acme")
    before = {cookie.value for cookie in locked.client.cookie_jar}
    page = await locked.send("/sign-in", {"password": PASSWORD, "to": "/runs?store=acme"})
    assert locked.at.endswith("/runs?store=acme")
    assert "Sign out" in page
    assert before.isdisjoint({cookie.value for cookie in locked.client.cookie_jar}), (
        "a session fixed before is no way in"
    )
    await locked.send("/sign-out")
    assert "<h1>Sign in</h1>" in await locked.get("/shipments")


@pytest.mark.parametrize("to", ["//evil.example", "/\\evil.example", "https://evil.example", "/\r\nX: y", "x"])
async def test_signing_in_leads_to_no_other_site(locked: Browser, to: str) -> None:
    await locked.get("/sign-in")
    await locked.send("/sign-in", {"password": PASSWORD, "to": to})
    assert locked.at == f"{locked.address}/shipments"


async def test_guessing_is_slowed_down(locked: Browser, bench: Bench) -> None:
    for _ in range(FREE_GUESSES):
        await locked.get("/sign-in")
        assert "That is not the password." in await locked.send("/sign-in", {"password": "wrong"})
    page = await locked.send("/sign-in", {"password": PASSWORD})
    assert locked.status == 429
    assert "try again in 1 second." in page
    bench.clock.wind(1.5)
    await locked.send("/sign-in", {"password": PASSWORD})
    assert "Sign out" in locked.text


async def test_a_session_ends_after_a_shift_without_a_sign_of_life(locked: Browser, bench: Bench) -> None:
    await locked.get("/sign-in")
    await locked.send("/sign-in", {"password": PASSWORD})
    bench.clock.wind(12 * 3600 - 5)
    assert "Sign out" in await locked.get("/shipments")
    bench.clock.wind(12 * 3600 + 5)
    assert "<h1>Sign in</h1>" in await locked.get("/shipments")


async def test_programs_need_a_token_that_counts(locked: Browser, bench: Bench, password_file: Path) -> None:
    keys, token = read_keys(password_file).with_token("x", bench.clock.now())
    write_keys(password_file, keys)
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {token}"}):
        answer = await locked.api("GET", "/stores", **header)
        assert (locked.status, answer["error"]["kind"]) == (401, "Unauthorized")
    assert (await locked.api("GET", "/stores", Authorization=f"Bearer {token}"))["stores"]
    await locked.get("/shipments", Authorization=f"Bearer {token}")
    assert "<h1>Sign in</h1>" in locked.text, "a token opens no page"
    write_keys(password_file, keys.without_token("x"))
    await locked.api("GET", "/stores", Authorization=f"Bearer {token}")
    assert locked.status == 401


async def test_the_api_takes_json_alone(visitor: Browser, orders: list[int]) -> None:
    body = f'{{"store": "acme", "order": "{orders[0]}", "carrier": "X"}}'
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        async with visitor.client.post(
            f"{visitor.address}/api/v1/shipments", data=body, headers={"Content-Type": kind}
        ) as answer:
            assert answer.status == 415


async def test_what_is_too_large_is_turned_away(visitor: Browser) -> None:
    await visitor.get("/shipments")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("/import", "/api/v1/imports"):
        body, kind = io.BytesIO(b"x" * 1_100_000), form if path == "/import" else {"Content-Type": "application/json"}
        async with visitor.client.post(visitor.address + path, data=body, headers=kind) as answer:
            assert answer.status == 413
            assert "more than crossdock takes at once" in await answer.text()


async def test_a_body_that_doesnt_come_to_its_end_is_not_waited_for(
    visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guards, "BODY_S", 0.05)
    host, _, port = visitor.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/v1/imports HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\n\r\n{"
    )
    assert b"408" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_too_many_requests_at_once_are_turned_away(visitor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "MOST_AT_ONCE", 0)
    await visitor.get("/shipments")
    assert visitor.status == 503
    await visitor.get("/healthz")
    assert visitor.status == 200


def test_no_door_stands_open_to_the_network(tmp_path: Path, password_file: Path) -> None:
    def config(host: str, file: Path | None) -> EngineConfig:
        return EngineConfig(database="x", web_host=host, web_password_file=file)

    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        refuse_open_door(config(host, None))
    for host in ("0.0.0.0", "::", "192.0.2.1", "bench.local"):
        with pytest.raises(UsageError, match="crossdock web password"):
            refuse_open_door(config(host, None))
        refuse_open_door(config(host, password_file))
    with pytest.raises(UsageError, match="there is no password in"):
        refuse_open_door(config("127.0.0.1", tmp_path / "none"))


@pytest.mark.parametrize("spoil", ["mode", "garbage", "link", "folder"])
def test_a_password_file_that_cant_be_trusted_is_refused_with_what_to_do(
    tmp_path: Path, password_file: Path, spoil: str
) -> None:
    match spoil:
        case "mode":
            password_file.chmod(0o640)
        case "garbage":
            password_file.write_text("{")
        case "link":
            password_file.rename(tmp_path / "true")
            password_file.symlink_to("true")
        case "folder":
            password_file.unlink()
            password_file.mkdir()
    with pytest.raises(UsageError) as refused:
        read_keys(password_file)
    assert str(password_file) in str(refused.value)


def test_only_the_password_is_the_password() -> None:
    keys = Keys().with_password(PASSWORD)
    assert keys.is_password(PASSWORD)
    assert not any(keys.is_password(typed) for typed in ("", PASSWORD + " ", PASSWORD.upper(), "\udcff"))
    assert not Keys().is_password("")
    assert PASSWORD not in repr(keys)
    with pytest.raises(UsageError, match="12 to 1,024 characters"):
        Keys().with_password("short")
