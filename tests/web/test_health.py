"""The pages that say whether the daemon does its work."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
import pytest
from crossdock.errors import UsageError
from crossdock.web.app import serve
from crossdock.web.health import Health, add_health

PATIENCE_S = 7  # by itself aiohttp takes 11 s over half a body, and a minute over an open stream
WORKING = Health(alive=True, ready=True, version="1.2.3", stores={"ok": 2, "needs_credentials": 1})
with_health = partial(add_health, health=lambda: WORKING)


@dataclass
class Daemon:
    """What stands behind the pages."""

    health: Health = WORKING
    is_broken: bool = False
    address: str = ""
    client: aiohttp.ClientSession = field(default_factory=aiohttp.ClientSession)

    def tell(self) -> Health:
        if self.is_broken:
            raise LookupError("lost")
        return self.health

    async def ask(self, method: str, path: str) -> tuple[aiohttp.ClientResponse, str]:
        async with self.client.request(method, self.address + path) as answer:
            return answer, await answer.text()

    async def get(self, path: str) -> tuple[int, Any]:
        answer, text = await self.ask("GET", path)
        return answer.status, json.loads(text)


@pytest.fixture
async def daemon() -> AsyncIterator[Daemon]:
    daemon = Daemon()
    async with daemon.client, serve("127.0.0.1", 0, partial(add_health, health=daemon.tell)) as daemon.address:
        yield daemon


async def test_a_working_daemon_is_alive_and_ready_whatever_becomes_of_a_store(daemon: Daemon) -> None:
    assert await daemon.get("/healthz") == (200, {"alive": True, "version": "1.2.3"})
    stores = {"ok": 2, "needs_credentials": 1}
    assert await daemon.get("/readyz") == (200, {"ready": True, "stores": stores, "version": "1.2.3"})


async def test_a_starting_daemon_is_alive_and_not_ready(daemon: Daemon) -> None:
    daemon.health = Health(alive=True, ready=False, why="the database is being opened", version="1.2.3", stores={})
    assert (await daemon.get("/healthz"))[0] == 200
    status, body = await daemon.get("/readyz")
    assert status == 503
    assert body == {"ready": False, "stores": {}, "why": "the database is being opened", "version": "1.2.3"}


async def test_a_daemon_that_lost_a_part_says_which(daemon: Daemon) -> None:
    daemon.health = Health(alive=False, ready=False, why="the schedule has ended", version="1.2.3", stores={"ok": 1})
    status, body = await daemon.get("/healthz")
    assert status == 503
    assert body == {"alive": False, "why": "the schedule has ended", "version": "1.2.3"}
    assert (await daemon.get("/readyz"))[0] == 503


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/elsewhere"])
async def test_no_answer_is_kept_and_none_tells_which_versions_run(path: str, daemon: Daemon) -> None:
    answer, _ = await daemon.ask("GET", path)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Server"] == "crossdock"


async def test_the_head_alone_can_be_asked_for(daemon: Daemon) -> None:
    answer, text = await daemon.ask("HEAD", "/healthz")
    assert (answer.status, text) == (200, "")


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/healthz/"), ("POST", "/healthz"), ("PUT", "/x")])
async def test_for_anything_else_there_is_a_sentence(method: str, path: str, daemon: Daemon) -> None:
    answer, text = await daemon.ask(method, path)
    assert answer.status == 404
    assert text == "There is nothing here.\n"


async def test_a_page_that_fails_says_so_and_is_logged(daemon: Daemon, caplog: pytest.LogCaptureFixture) -> None:
    daemon.is_broken = True
    answer, text = await daemon.ask("GET", "/healthz")
    assert (answer.status, text) == (500, "crossdock failed to answer this; its log has the details.\n")
    (record,) = caplog.records
    assert record.getMessage() == "GET /healthz failed"
    assert record.exc_info


async def test_asking_leaves_no_line_in_the_log(daemon: Daemon, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "aiohttp")
    await daemon.get("/healthz")
    assert caplog.records == []


@pytest.mark.parametrize(
    "held",
    [
        b"",
        b"GET /heal",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
    ],
    ids=["silent", "half a request", "kept alive", "half a body"],
)
async def test_a_connection_that_stays_open_holds_up_no_end(held: bytes) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async with serve("127.0.0.1", 0, with_health) as address:
            host, _, port = address.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(held)
            if b"\r\n\r\n" in held:
                assert (await reader.readline()).startswith(b"HTTP/1.1 ")
        await reader.read()  # to its end: the server has closed it
        writer.close()


async def test_the_port_is_free_again_at_the_end() -> None:
    async with serve("127.0.0.1", 0, with_health) as address:
        port = int(address.rpartition(":")[2])
    async with serve("127.0.0.1", port, with_health) as again:
        assert again == address


async def test_a_port_in_use_is_named_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as refused:
            async with serve("127.0.0.1", port, with_health):
                pass
    assert str(refused.value) == (
        f"engine.web: port {port} on 127.0.0.1 is in use; "
        "stop what uses it, or choose another as engine.web.port in stores.yaml."
    )


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("192.0.2.1", "192.0.2.1 is no address of this machine"),
        ("nowhere.invalid", "no address is known for nowhere.invalid"),
        (70 * "x" + ".invalid", "no address is known for xxx"),
    ],
)
async def test_an_address_that_is_not_this_machines_is_refused(host: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as refused:
        async with serve(host, 8420, with_health):
            pass
    assert "engine.web.host in stores.yaml" in str(refused.value)


async def test_an_address_of_version_6_is_written_as_in_urls() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with serve("::1", 0, with_health) as address, aiohttp.ClientSession() as client:
        assert address.startswith("http://[::1]:")
        async with client.get(f"{address}/healthz") as answer:
            assert answer.status == 200
