"""A connector that misbehaves as its store's setting `fault` says. It needs the package `crossdock-corner`."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar, cast

from crossdock import Account, AnyConnector, Cursor, HttpOptions, Order, Page, Raw, Seen, hookimpl
from crossdock_corner import Corner, CornerSettings

MANY = 20_000


class CrookedSettings(CornerSettings):
    """Those of a till, and what is to go wrong."""

    fault: str


class Crooked(Corner):
    """A till's connector, written by somebody in a hurry."""

    name = "crooked"
    title = "Crooked till"
    Settings: ClassVar[type[CornerSettings]] = CrookedSettings
    settings: CrookedSettings

    @classmethod
    def http_options(cls, settings: CornerSettings) -> HttpOptions:
        if isinstance(settings, CrookedSettings) and settings.fault == "can't be made":
            raise LookupError("no headers")
        return super().http_options(settings)

    async def account(self) -> Account:
        match self.settings.fault:
            case "the account is text":
                return cast(Account, "CS-1")
            case "hangs while it signs in":
                await asyncio.Event().wait()
        return await super().account()

    def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
        fault = IN_CHANGES.get(self.settings.fault)
        return super().changes(cursor, since) if fault is None else fault()

    def order_from_raw(self, raw: Raw) -> Order:
        fault = IN_MAPPING.get(self.settings.fault)
        return super().order_from_raw(raw) if fault is None else fault(raw)


def raising(error: BaseException) -> Callable[[], AsyncGenerator[Page, None]]:
    async def changes() -> AsyncGenerator[Page, None]:
        yield Page((), cursor={"no": 0})
        raise error

    return changes


def giving(*pages: Any) -> Callable[[], AsyncGenerator[Page, None]]:
    async def changes() -> AsyncGenerator[Page, None]:
        for page in pages:
            yield page

    return changes


async def hang() -> AsyncGenerator[Page, None]:
    await asyncio.Event().wait()
    yield Page((), cursor={})


async def hang_stubbornly() -> AsyncGenerator[Page, None]:
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    yield Page((), cursor={})


async def hang_in_a_thread() -> AsyncGenerator[Page, None]:
    await asyncio.to_thread(threading.Event().wait)
    yield Page((), cursor={})


async def block() -> AsyncGenerator[Page, None]:
    time.sleep(1)  # noqa: ASYNC251 -- the mistake that this is about
    yield Page((), cursor={"no": 0})


async def flood() -> AsyncGenerator[Page, None]:
    number = 0
    while True:
        number += 1
        yield Page((Seen(str(number), raw=slip(number)),), cursor={"no": number})


def slip(number: int) -> dict[str, Any]:
    to = {"name": "Mia Example", "street": "1 Sample St", "town": "Perth", "postcode": "6000", "country": "AU"}
    items = [{"code": "MUG", "text": "Mug", "count": 2, "cents": 1200}]
    return {"no": number, "ticket": str(number), "at": 1, "currency": "AUD", "cents": 1, "to": to, "items": items}


async def talk() -> AsyncGenerator[Page, None]:
    print("Hello! Asking the till …")
    sys.stdout.write("[1, 2\n")
    yield Page((Seen("1", raw=slip(1)),), cursor={"no": 1})


def map_for_ever(raw: Raw) -> Order:
    del raw
    while True:
        pass


def map_to(order: Any) -> Callable[[Raw], Order]:
    return lambda raw: cast(Order, order)


def map_to_the_end(raw: Raw) -> Order:
    raise SystemExit(f"nobody wants slip {raw['no']}")


ONE = Page((Seen("1", raw=slip(1)),), cursor={"no": 1})
IN_CHANGES: dict[str, Callable[[], AsyncGenerator[Page, None]]] = {
    "raises": raising(LookupError("no till")),
    "raises a group": raising(BaseExceptionGroup("two", [LookupError("no till"), SystemExit(5)])),
    "ends the program": raising(SystemExit(3)),
    "interrupts": raising(KeyboardInterrupt()),
    "cancels itself": raising(asyncio.CancelledError()),
    "closes itself": raising(GeneratorExit()),
    "gives nothing": giving(None, ONE),
    "gives text": giving("a page"),
    "gives a cursor that is no JSON": giving(Page(ONE.seen, cursor={"no": object()})),  # type: ignore[dict-item]
    "gives a list": lambda: [ONE],  # type: ignore[dict-item,return-value]
    "hangs": hang,
    "hangs stubbornly": hang_stubbornly,
    "hangs in a thread": hang_in_a_thread,
    "blocks": block,
    "floods": flood,
    "gives 20,000 at once": giving(Page(tuple(Seen(str(n), raw=slip(n)) for n in range(1, MANY + 1)), cursor={})),
    "talks": talk,
}
IN_MAPPING: dict[str, Callable[[Raw], Order]] = {
    "maps for ever": map_for_ever,
    "maps to a dict": map_to({"id": "1"}),
    "maps to nothing": map_to(None),
    "maps to the end": map_to_the_end,
}


@hookimpl
def connectors() -> list[type[AnyConnector]]:
    return [Crooked]
