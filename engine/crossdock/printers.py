"""Brings documents to printers in the network, as they are: raw over TCP, as thermal printers take ZPL."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

from crossdock.config import PrinterConfig
from crossdock.errors import ActionNeededError, UnreachableError

CHUNK = 4096  # bytes: so much is taken in `stalled_s` even by a printer behind a serial line
CONNECT_S = 5.0
STALLED_S = 15.0
WHOLE_S = 60.0
FAREWELL_S = 2.0

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def send(
    printer: PrinterConfig,
    document: bytes,
    *,
    connect_s: float = CONNECT_S,
    stalled_s: float = STALLED_S,
    whole_s: float = WHOLE_S,
    farewell_s: float = FAREWELL_S,
) -> None:
    """`document` is with the printer: taken over, though perhaps not on paper yet, since printers don't tell.

    It is sent once, and never again by itself: that could print it twice. Connecting may take `connect_s`, some more
    bytes `stalled_s`, and all of it `whole_s`; the printer is given `farewell_s` to end the connection from its side,
    by which it's known that it has read everything, and may as well not.

    Raises UnreachableError where nothing can have been printed, and ActionNeededError where part of it can: then a
    person has to look before it's sent again.
    """
    end = asyncio.get_running_loop().time() + whole_s
    async with _connected(printer, within_s=connect_s) as (reader, writer):
        try:
            async with asyncio.timeout_at(end):
                await _hand_over(writer, document, stalled_s=stalled_s)
                await _part(reader, writer, within_s=farewell_s)
        except TimeoutError as error:
            raise _unfinished(printer, "takes no more of the document") from error
        except OSError as error:
            raise _unfinished(printer, f"broke off the connection ({_words_of(error)})") from error


@asynccontextmanager
async def _connected(printer: PrinterConfig, *, within_s: float) -> AsyncIterator[Streams]:
    """A connection to the printer, which is cut in the end, however that comes about."""
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection(printer.host, printer.port)
    except (OSError, UnicodeError) as error:  # a name that can't be one, such as a..b, is a UnicodeError
        raise UnreachableError(
            f"{_called(printer)} can't be reached: {_why_not(error)}. Nothing was printed. See that it is switched on "
            f"and in the network, and that papers.printers.{printer.name}.address in stores.yaml is right."
        ) from error
    try:
        yield reader, writer
    finally:
        writer.transport.abort()  # waits for nobody: what this process still holds after a failure is thrown away


async def _hand_over(writer: asyncio.StreamWriter, document: bytes, *, stalled_s: float) -> None:
    """All of the document is on its way; waits for the printer piece by piece."""
    writer.transport.set_write_buffer_limits(high=0)  # so that `drain` waits until the piece has gone out
    for start in range(0, len(document), CHUNK):
        writer.write(document[start : start + CHUNK])
        async with asyncio.timeout(stalled_s):
            await writer.drain()
    writer.write_eof()


async def _part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, within_s: float) -> None:
    """The printer has ended the connection, too, or had time to; one that threw the document away shows as an error."""
    try:
        async with asyncio.timeout(within_s):
            while await reader.read(CHUNK):  # some tell their state; nobody asked
                pass
            writer.close()
            await writer.wait_closed()
    except TimeoutError:
        return  # some never end a connection


def _unfinished(printer: PrinterConfig, what_happened: str) -> ActionNeededError:
    return ActionNeededError(
        f"{_called(printer)} {what_happened}: part of it may have been printed. Look what came out, see that the "
        "printer has paper and shows no error, and print again what is missing."
    )


def _called(printer: PrinterConfig) -> str:
    host = f"[{printer.host}]" if ":" in printer.host else printer.host
    return f"the printer {printer.name} at {host}:{printer.port}"


def _why_not(error: OSError | UnicodeError) -> str:
    match error:
        case TimeoutError():
            return "it doesn't answer"
        case socket.gaierror() | UnicodeError():
            return "nobody in the network knows its name"
        case ConnectionRefusedError():
            return "it refuses the connection"
        case _:
            return _words_of(error)


def _words_of(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
