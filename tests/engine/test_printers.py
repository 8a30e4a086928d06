"""Documents reach printers, or it's said what became of them; the printers are real servers on this machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from crossdock.config import PrinterConfig
from crossdock.errors import ActionNeededError, UnreachableError
from crossdock.printers import send

SMALL = b"^XA^FO30,30^A0N,30,30^FDHello^FS^XZ\n"
LARGE = SMALL * 1_000_000  # more than any kernel holds for a connection

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def printer_at(port: int, host: str = "127.0.0.1") -> PrinterConfig:
    return PrinterConfig(name="bench", host=host, port=port, dpi=203)


@asynccontextmanager
async def printing(answer: Answer) -> AsyncIterator[PrinterConfig]:
    """A printer that treats each connection so, and cuts it then."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield printer_at(server.sockets[0].getsockname()[1])


async def test_a_printer_gets_the_document_as_it_is_once() -> None:
    got: list[bytes] = []

    async def takes_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read())
        writer.close()
        await writer.wait_closed()

    document = bytes(range(256)) * 1000
    async with printing(takes_all) as printer:
        await send(printer, document)
    assert got == [document]


async def test_a_printer_that_never_ends_the_connection_is_not_waited_for() -> None:
    got: list[bytes] = []
    over = asyncio.Event()

    async def stays(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read())
        await over.wait()

    async with printing(stays) as printer:
        await send(printer, SMALL, farewell_s=0.05)
        over.set()
    assert got == [SMALL]


async def test_a_printer_that_talks_back_is_let_talk() -> None:
    said_all = asyncio.Event()

    async def talks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"ready\r\n" * 3_000_000)
        assert await reader.read() == SMALL
        await writer.drain()
        said_all.set()

    async with printing(talks) as printer:
        await send(printer, SMALL, farewell_s=30)
    assert said_all.is_set()


async def test_a_printer_that_is_off_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UnreachableError) as caught:
        await send(printer_at(port), SMALL)
    assert str(caught.value) == (
        f"the printer bench at 127.0.0.1:{port} can't be reached: it refuses the connection. Nothing was printed. "
        "See that it is switched on and in the network, and that papers.printers.bench.address in stores.yaml is right."
    )


@pytest.mark.parametrize("host", ["no..such..name", "a" * 300])
async def test_a_printer_whose_name_nobody_knows_is_named(host: str) -> None:
    with pytest.raises(UnreachableError, match=r"nobody in the network knows its name\. Nothing was printed"):
        await send(printer_at(9100, host), SMALL)


async def test_a_printer_that_never_accepts_is_given_up() -> None:
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for waiting in (first, second):  # they fill the queue of those that wait to be accepted
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        with pytest.raises(UnreachableError, match=r"it doesn't answer\. Nothing was printed"):
            await send(printer_at(listening.getsockname()[1]), SMALL, connect_s=0.2)


async def test_a_printer_that_stops_taking_ends_the_wait_and_part_may_be_printed() -> None:
    over = asyncio.Event()

    async def reads_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport that reads, as typeshed doesn't tell
        await over.wait()

    async with printing(reads_nothing) as printer:
        async with asyncio.timeout(30):
            with pytest.raises(
                ActionNeededError, match=r"bench at .* takes no more of the document: part of it may have"
            ):
                await send(printer, LARGE, stalled_s=0.2, whole_s=3600)
        over.set()


async def test_a_printer_that_takes_a_bit_now_and_then_is_not_waited_for_without_end() -> None:
    over = asyncio.get_running_loop().create_future()

    async def dawdles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(30):
            while await reader.read(10_000):
                await asyncio.wait([over], timeout=0.01)

    async with printing(dawdles) as printer:
        with pytest.raises(ActionNeededError, match="takes no more of the document: part of it may have been printed"):
            await send(printer, LARGE, whole_s=0.5)
        over.set_result(None)


@pytest.mark.parametrize("read", [0, 5000], ids=["at once", "after a while"])
async def test_a_printer_that_breaks_off_in_the_middle_is_said(read: int) -> None:
    connections = 0

    async def breaks_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if read:
            await reader.readexactly(read)

    async with printing(breaks_off) as printer:
        with pytest.raises(ActionNeededError, match=r"broke off the connection \(.+\): part of it may have been prin"):
            await send(printer, LARGE)
    assert connections == 1  # it would be printed twice


async def test_a_printer_that_throws_a_small_document_away_is_said() -> None:
    async def throws_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        taken = writer.get_extra_info("socket")
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # resets when it is closed

    async with printing(throws_away) as printer:
        with pytest.raises(ActionNeededError, match="part of it may have been printed"):
            await send(printer, SMALL)


async def test_a_cancelled_document_ends_at_once_and_lets_the_connection_go() -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()
    got = asyncio.get_running_loop().create_future()

    async def reads_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began.set()
        await cancelled.wait()
        read = 0
        try:
            while piece := await reader.read(1_000_000):
                read += len(piece)
        finally:
            got.set_result(read)

    async with printing(reads_late) as printer:
        sending = asyncio.create_task(send(printer, LARGE), name="sending")
        await began.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        cancelled.set()
        assert await asyncio.wait_for(got, 30) < len(LARGE)


async def test_an_address_of_ipv6_is_written_in_brackets() -> None:
    with pytest.raises(UnreachableError, match=r"the printer bench at \[::1\]:1 can't be reached"):
        await send(printer_at(1, "::1"), SMALL)
