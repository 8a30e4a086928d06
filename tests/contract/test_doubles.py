"""The contract can fail: for each of its tests connectors that break this one guarantee."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import aiohttp
import pytest
from contract.shop import LATE_S, FakeShop, Shop, ShopSettings
from crossdock import (
    Account,
    CredentialsError,
    Cursor,
    GarbledError,
    HttpOptions,
    Order,
    Page,
    RateLimitedError,
    Raw,
    Seen,
    Settings,
    UnreachableError,
)
from crossdock.testing import ConnectorContract, FakePlatform, trial
from pydantic import ConfigDict

Pages = AsyncGenerator[Page, None]


class TakesAnySetting(Shop):
    class Settings(ShopSettings):
        model_config = ConfigDict(extra="allow")


class HasManyNames(Shop):
    times = 0

    async def account(self) -> Account:
        self.times += 1
        return Account(identity=f"shop-{self.times}", name="Shop")


class SeesADay(Shop):
    def changes(self, cursor: Cursor | None, since: datetime) -> Pages:
        return super().changes(cursor, max(since, self.http.server_time() - timedelta(days=1)))


class MistakesAnOrder(Shop):
    def order_from_raw(self, raw: Raw) -> Order:
        return super().order_from_raw({**raw, "placed": 1 // (raw["id"] != 3)})


class CountsPlaces(Shop):
    """Asks for pages by their place in the list, which shifts."""

    async def changes(self, cursor: Cursor | None, since: datetime) -> Pages:
        start: Any = cursor or {"since": int(since.timestamp())}
        latest, offset = int(self.http.server_time().timestamp()) - LATE_S, 0
        while sales := await self.orders({**start, "offset": offset}):
            offset += len(sales)
            yield Page(tuple(map(self.seen, sales)), cursor={"since": min(latest, sales[-1]["modified"])})


class GoesOnASecondLater(Shop):
    async def orders(self, at: Mapping[str, int]) -> list[Any]:
        return await super().orders({"since": at["since"] + (at["after"] > 0), "after": 0})


class BeginsAgainAtTheEnd(Shop):
    async def changes(self, cursor: Cursor | None, since: datetime) -> Pages:
        page = None
        async for page in super().changes(None if cursor and "end" in cursor else cursor, since):
            yield page
        if page:
            yield Page((), cursor={**page.cursor, "end": True})


class RemembersTheEndAlone(Shop):
    async def changes(self, cursor: Cursor | None, since: datetime) -> Pages:
        page, start = None, cursor or {"since": int(since.timestamp()), "after": 0}
        async for page in super().changes(cursor, since):
            yield replace(page, cursor=start)
        if page:
            yield Page((), cursor=page.cursor)


class CountsItsLooks(Shop):
    looks = count()

    def seen(self, sale: Any) -> Seen:
        return Seen(str(sale["id"]), raw={**sale, "look": next(self.looks)})


class WritesIntoTheRaw(Shop):
    def order_from_raw(self, raw: Raw) -> Order:
        assert isinstance(raw, dict)
        raw["was_read"] = True
        return super().order_from_raw(raw)


class ReadsTheClock(Shop):
    times = count()

    def order_from_raw(self, raw: Raw) -> Order:
        return replace(super().order_from_raw(raw), staff_notes=f"look {next(self.times)}")


class RefusesTheUnknown(Shop):
    async def fetch(self, order_id: str) -> Seen | None:
        return self.seen(await self.http.get_json(f"/orders/{order_id}"))


class FetchesNothing(Shop):
    async def fetch(self, order_id: str) -> Seen | None:
        return None


class TakesAnErrorForTheEnd(Shop):
    error: type[BaseException]

    async def orders(self, at: Mapping[str, int]) -> list[Any]:
        try:
            return await super().orders(at)
        except self.error:
            return []


class OverlooksARefusal(TakesAnErrorForTheEnd):
    error = CredentialsError


class InsistsOnItsKey(Shop):
    async def orders(self, at: Mapping[str, int]) -> list[Any]:
        for _ in range(9):
            try:
                return await super().orders(at)
            except CredentialsError:
                continue
        return await super().orders(at)


class OverlooksAPause(TakesAnErrorForTheEnd):
    error = RateLimitedError


class AsksByItself(Shop):
    """Without the client that waits."""

    async def orders(self, at: Mapping[str, int]) -> list[Any]:
        headers = {"Authorization": self.settings.key.get_secret_value()}
        async with aiohttp.ClientSession(self.settings.url, headers=headers) as session:
            while True:
                async with session.get("/orders", params=at) as answer:
                    if answer.status == 200:
                        return list(await answer.json())


class OverlooksAFailure(TakesAnErrorForTheEnd):
    error = UnreachableError


class OverlooksGarbage(TakesAnErrorForTheEnd):
    error = GarbledError


class GoesOnWhateverItGot(Shop):
    async def changes(self, cursor: Cursor | None, since: datetime) -> Pages:
        async for page in super().changes(cursor, since):
            yield page
        yield Page((), cursor={"since": int(self.http.server_time().timestamp()) - LATE_S, "after": 0})

    async def orders(self, at: Mapping[str, int]) -> list[Any]:
        found: Any = await self.http.get_json("/orders", params=at)
        return found if isinstance(found, list) else []


class GoesOnWhenCancelled(TakesAnErrorForTheEnd):
    error = asyncio.CancelledError


class SaysGoodbye(Shop):
    async def orders(self, at: Mapping[str, int]) -> list[Any]:
        try:
            return await super().orders(at)
        except asyncio.CancelledError:
            await self.http.get_json("/shop")
            raise


class AsksWhenClosed(Shop):
    async def changes(self, cursor: Cursor | None, since: datetime) -> Pages:
        try:
            async for page in super().changes(cursor, since):
                yield page
        except GeneratorExit:
            await self.http.get_json("/shop")
            raise


class LeavesATask(Shop):
    async def orders(self, at: Mapping[str, int]) -> list[Any]:
        self.ahead = asyncio.create_task(self.http.get_json("/shop"))
        found = await super().orders(at)
        await self.ahead
        return found


class SaysItsKey(Shop):
    @classmethod
    def http_options(cls, settings: ShopSettings) -> HttpOptions:
        logging.getLogger("shop").debug("signing in with %s", settings.key.get_secret_value())
        return super().http_options(settings)


class ShowsItsKey(Shop):
    class Settings(Settings):
        url: str
        key: str

    @classmethod
    def http_options(cls, settings: Any) -> HttpOptions:
        return HttpOptions(base_url=settings.url, headers={"Authorization": settings.key})


BREAKS = [
    (TakesAnySetting, "an_unknown_setting_is_refused", "were taken without a word"),
    (HasManyNames, "the_account_is_the_same_whenever_it_is_asked_for", "'shop-1', 'shop-2'"),
    (SeesADay, "the_first_import_takes_all_that_is_open", "crossdock lacks 1, 2, 3"),
    (MistakesAnOrder, "the_first_import_takes_all_that_is_open", r"lacks 3 and has set aside 3 \(ZeroDivisionError"),
    (CountsPlaces, "what_changes_while_pages_are_read_is_not_missed", "After changes during two imports"),
    (GoesOnASecondLater, "what_changes_within_one_second_is_not_missed", "After changes during two imports"),
    (
        BeginsAgainAtTheEnd,
        "an_import_with_nothing_new_costs_the_same_however_many_orders_there_are",
        "8 requests where there were 30 orders, and 14 where",
    ),
    (RemembersTheEndAlone, "a_stopped_import_goes_on_where_it_was", r"stopped at its request \d of 8"),
    (CountsItsLooks, "the_same_order_has_the_same_raw_whichever_way_it_comes", "a second walk gave another raw"),
    (WritesIntoTheRaw, "an_order_is_read_from_its_raw_alone", "order_from_raw changed the raw of order 1"),
    (ReadsTheClock, "an_order_is_read_from_its_raw_alone", "one raw gave different orders"),
    (RefusesTheUnknown, "an_order_that_is_not_there_is_fetched_as_none", r"fetch\('999999999'\) raised RefusedError"),
    (FetchesNothing, "an_order_that_is_not_there_is_fetched_as_none", r"fetch\('1'\) gave None"),
    (OverlooksARefusal, "a_refused_key_is_told_as_that_and_not_tried_again", "ended as if all had been read"),
    (InsistsOnItsKey, "a_refused_key_is_told_as_that_and_not_tried_again", "after 10 refused requests"),
    (OverlooksAPause, "a_pause_that_the_platform_asks_for_is_made", "ended as if all had been read"),
    (AsksByItself, "a_pause_that_the_platform_asks_for_is_made", "at request 2, the import made none"),
    (OverlooksAFailure, "a_platform_that_is_out_of_order_is_told_as_that", "ended as if all had been read"),
    (OverlooksGarbage, "garbage_is_told_as_that_and_not_kept", "ended as if all had been read"),
    (
        GoesOnWhateverItGot,
        "garbage_is_told_as_that_and_not_kept",
        "all was well again in another import, crossdock lacks",
    ),
    (GoesOnWhenCancelled, "a_cancelled_import_ends_at_once", "the import went on"),
    (SaysGoodbye, "a_cancelled_import_ends_at_once", "did not end"),
    (AsksWhenClosed, "a_cancelled_import_ends_at_once", "sent a request after it had been closed"),
    (LeavesATask, "a_cancelled_import_ends_at_once", "left 1 task"),
    (SaysItsKey, "a_secret_stands_nowhere", "stands in the log"),
    (ShowsItsKey, "a_secret_stands_nowhere", r"stands in str\(settings\)"),
]


@pytest.mark.parametrize(("double", "broken", "words"), BREAKS, ids=[double.__name__ for double, _, _ in BREAKS])
def test_a_connector_that_breaks_a_guarantee_fails_its_test(
    monkeypatch: pytest.MonkeyPatch, double: type[Shop], broken: str, words: str
) -> None:
    monkeypatch.setattr(trial, "PATIENCE_S", 1.0)

    class Broken(ConnectorContract):
        connector = double

        def platform(self) -> FakePlatform:
            return FakeShop()

    with pytest.raises(AssertionError, match=words) as caught:
        getattr(Broken(), f"test_{broken}")()
    assert "The guarantee: " in caught.value.__notes__[0]


def test_each_guarantee_has_a_connector_that_breaks_it() -> None:
    guarantees = {name.removeprefix("test_") for name in vars(ConnectorContract) if name.startswith("test_")}
    assert {broken for _, broken, _ in BREAKS} == guarantees


def test_a_mistake_of_the_fake_is_told_as_that() -> None:
    class Forgetful(FakeShop):
        def truth(self) -> Mapping[str, tuple[str, int]]:
            return {}

        async def answer(self, request: Any) -> Any:
            raise KeyError("after")

    class Broken(ConnectorContract):
        connector = Shop

        def platform(self) -> FakePlatform:
            return Forgetful()

    with pytest.raises(
        RuntimeError, match=r"Forgetful.answer failed \(KeyError\('after'\)\): this is a mistake in the fake"
    ):
        Broken().test_the_first_import_takes_all_that_is_open()


def test_a_fake_that_gives_all_orders_at_once_is_noticed() -> None:
    class Generous(FakeShop):
        longest = 1_000

    class Broken(ConnectorContract):
        connector = Shop

        def platform(self) -> FakePlatform:
            return Generous()

    with pytest.raises(AssertionError, match="the fake should give `page_size` orders at once"):
        Broken().test_a_stopped_import_goes_on_where_it_was()
