"""The contract of writing back can fail: for each of its tests connectors that break this one guarantee."""

from __future__ import annotations

import logging
from collections.abc import Collection
from itertools import count
from typing import Any
from unittest import SkipTest

import pytest
from contract.shop import STATUSES, FakeShop, Shop
from crossdock import (
    Connector,
    CredentialsError,
    HttpOptions,
    Json,
    Look,
    Progress,
    Receipt,
    RefusedError,
    Response,
    Seen,
    Settings,
    Shipment,
    Status,
    StoreView,
    UnreachableError,
)
from crossdock.testing import FakeShippingPlatform, WriteBackContract, trial


class LooksOnce(Shop):
    looks: dict[str, Look | None]

    async def look(self, order_id: str) -> Look | None:
        self.looks = getattr(self, "looks", {})
        if order_id not in self.looks:
            self.looks[order_id] = await super().look(order_id)
        return self.looks[order_id]


class LooksAtTheFirstPage(Shop):
    async def look(self, order_id: str) -> Look | None:
        look = await super().look(order_id)
        return look and Look(look.seen, look.shipments[:1])


class CountsItsLooks(Shop):
    looks = count()

    async def look(self, order_id: str) -> Look | None:
        look = await super().look(order_id)
        return look and Look(Seen(order_id, raw={**look.seen.raw, "look": next(self.looks)}), look.shipments)


class InsistsOnTheOrder(Shop):
    async def fetch(self, order_id: str) -> Seen | None:
        return self.seen(await self.http.get_json(f"/orders/{order_id}"))


class AltersItsMind(Shop):
    times = count()

    def target_status(self, first: StoreView, now: StoreView, progress: Progress) -> Status | None:
        return super().target_status(first, now, progress) if next(self.times) % 2 else None


class DropsItems(Shop):
    async def write(self, method: str, path: str, body: Json, *, unless: int = 0) -> Response:
        if isinstance(body, dict) and isinstance(body.get("items"), dict):
            body = {**body, "items": dict(list(body["items"].items())[:1])}
        return await super().write(method, path, body, unless=unless)


class SendsAllToOneAddress(Shop):
    async def write(self, method: str, path: str, body: Json, *, unless: int = 0) -> Response:
        if isinstance(body, dict) and "to" in body:
            body = {**body, "to": "A"}
        return await super().write(method, path, body, unless=unless)


class ClaimsSuccess(Shop):
    async def send(self, shipment: Shipment) -> Receipt:
        return Receipt(id=str(shipment.id))


class SetsNoStatus(Shop):
    async def set_status(self, order_id: str, status: str) -> None:
        await self.fetch(order_id)


class TogglesTheStatus(Shop):
    """Clears the status before it sets it, so that the buyer hears of it each time."""

    async def set_status(self, order_id: str, status: str) -> None:
        await super().set_status(order_id, "paid")
        await super().set_status(order_id, status)


class TakesSilenceForARefusal(Shop):
    async def send(self, shipment: Shipment) -> Receipt:
        try:
            return await super().send(shipment)
        except UnreachableError as error:
            raise RefusedError(str(error)) from error


class TakesSilenceForConsent(Shop):
    async def send(self, shipment: Shipment) -> Receipt:
        try:
            return await super().send(shipment)
        except UnreachableError:
            return Receipt(id="0")


class SendsAgain(Shop):
    async def write(self, method: str, path: str, body: Json, *, unless: int = 0) -> Response:
        return await self.http.request(method, path, json=body, repeatable=True)


class SendsAfresh(Shop):
    """Takes back what may have arrived, and sends it again: the buyer hears of both."""

    async def send(self, shipment: Shipment) -> Receipt:
        before: Any = await self.http.get_json(f"/orders/{shipment.order_id}/parcels")
        try:
            return await super().send(shipment)
        except UnreachableError:
            after: Any = await self.http.get_json(f"/orders/{shipment.order_id}/parcels")
            for parcel in after[len(before) :]:
                await self.void(shipment.order_id, str(parcel["id"]))
            return await super().send(shipment)


class TakesARefusedKeyForARefusal(Shop):
    async def send(self, shipment: Shipment) -> Receipt:
        try:
            return await super().send(shipment)
        except CredentialsError as error:
            raise RefusedError(str(error)) from error


class SaysGoodbye(Shop):
    async def send(self, shipment: Shipment) -> Receipt:
        try:
            return await super().send(shipment)
        finally:
            await self.http.get_json("/shop")


class NotesTooEarly(Shop):
    """Holds for sent what it was about to send."""

    async def send(self, shipment: Shipment) -> Receipt:
        if shipment.id in NOTED:
            return Receipt(id=str(shipment.id))
        NOTED.add(shipment.id)
        return await super().send(shipment)


NOTED: set[int] = set()  # as if in a file


class SaysNoReason(Shop):
    async def send(self, shipment: Shipment) -> Receipt:
        try:
            return await super().send(shipment)
        except RefusedError as error:
            raise RefusedError(f"{self.http.store}: no.") from error


class TakesARefusalForAFailure(Shop):
    async def send(self, shipment: Shipment) -> Receipt:
        try:
            return await super().send(shipment)
        except RefusedError as error:
            raise UnreachableError(str(error)) from error


class SeesItsOwnAlone(Shop):
    made: set[str]

    async def send(self, shipment: Shipment) -> Receipt:
        receipt = await super().send(shipment)
        self.made = {*getattr(self, "made", ()), receipt.id}
        return receipt

    async def look(self, order_id: str) -> Look | None:
        look = await super().look(order_id)
        return look and Look(look.seen, tuple(one for one in look.shipments if one.id in getattr(self, "made", ())))


class OwnsEveryStatus(Shop):
    def own_statuses(self) -> Collection[str]:
        return STATUSES


class CorrectsByASecondOne(Shop):
    async def correct(self, shipment_id: str, shipment: Shipment) -> None:
        await self.send(shipment)


class CorrectsNothing(Shop):
    async def correct(self, shipment_id: str, shipment: Shipment) -> None:
        await self.fetch(shipment.order_id)


class TakesBackAll(Shop):
    async def void(self, order_id: str, shipment_id: str) -> None:
        parcels: Any = await self.http.get_json(f"/orders/{order_id}/parcels")
        for parcel in parcels:
            await super().void(order_id, str(parcel["id"]))


class InsistsOnTheShipment(Shop):
    async def void(self, order_id: str, shipment_id: str) -> None:
        await self.write("DELETE", f"/parcels/{shipment_id}", None)


class SaysItsKey(Shop):
    class Settings(Settings):
        url: str
        key: str

    @classmethod
    def http_options(cls, settings: Any) -> HttpOptions:
        return HttpOptions(base_url=settings.url, headers={"Authorization": settings.key})

    async def send(self, shipment: Shipment) -> Receipt:
        logging.getLogger("shop").debug("sending with %s", self.settings.key)
        return await super().send(shipment)


BREAKS = [
    (LooksOnce, "a_look_shows_what_is_there_now", "look.. shows the shipments {}, where the platform has {'1'"),
    (LooksAtTheFirstPage, "a_look_shows_what_is_there_now", "look.. shows the shipments"),
    (CountsItsLooks, "a_look_shows_what_is_there_now", "look.. gave another raw than fetch"),
    (InsistsOnTheOrder, "an_order_that_is_gone_is_seen_as_none", "look.. raised RefusedError"),
    (AltersItsMind, "what_is_due_is_computed_and_asks_nobody", "target_status gave None and Status"),
    (DropsItems, "a_shipment_arrives_once_with_its_items_its_address_and_its_number", "the platform has"),
    (SendsAllToOneAddress, "a_shipment_arrives_once_with_its_items_its_address_and_its_number", "of consignment A"),
    (
        ClaimsSuccess,
        "a_shipment_arrives_once_with_its_items_its_address_and_its_number",
        "a parcel is refused: the store took it as",
    ),
    (SetsNoStatus, "an_order_gets_the_status_that_is_due", "is paid, where target_status gives .*partly"),
    (TogglesTheStatus, "an_order_gets_the_status_that_is_due", "sent the buyer 2 more e-mail"),
    (
        TakesSilenceForARefusal,
        "a_sending_that_was_cut_off_is_done_once",
        "a parcel is refused: .* the connection broke",
    ),
    (TakesSilenceForConsent, "a_sending_that_was_cut_off_is_done_once", "a parcel is refused: the store took it as 0"),
    (
        SendsAgain,
        "a_shipment_whose_answer_was_lost_is_found_and_not_sent_again",
        "2 time.s. 1 × B1 and 2 × B2 of consignment B|the store shows it once more",
    ),
    (
        SendsAfresh,
        "a_shipment_whose_answer_was_lost_is_found_and_not_sent_again",
        "the answer to request 4 was lost, the buyer has got 3 e-mails where 2 are due",
    ),
    (
        SendsAgain,
        "a_shipment_that_arrives_late_is_found_and_not_sent_again",
        "request 3 was done 30 s after its connection broke, the platform has 2 time",
    ),
    (
        TakesARefusedKeyForARefusal,
        "a_pause_or_a_failure_leaves_it_waiting",
        "refused the key at request 3, a parcel was",
    ),
    (SaysGoodbye, "a_stop_at_any_request_sends_nothing_twice", "the write-back (did not end|left 1 task)"),
    (NotesTooEarly, "a_stop_at_any_request_sends_nothing_twice", "stopped before its request 3 .* a parcel is refused"),
    (SaysNoReason, "a_refused_shipment_is_refused_in_the_platforms_words", "people are told: no"),
    (
        TakesARefusalForAFailure,
        "a_refused_shipment_is_refused_in_the_platforms_words",
        "The platform rejected each request once .* no parcel was refused",
    ),
    (
        SeesItsOwnAlone,
        "what_a_person_shipped_is_not_shipped_again",
        "After a person shipped all by this number, the platform has 2 time",
    ),
    (OwnsEveryStatus, "a_status_that_somebody_chose_is_left_alone", "the order's status is partly where gift is due"),
    (CorrectsByASecondOne, "another_number_is_told_once_or_refused", "the store shows it once more, as 3 and 4"),
    (CorrectsNothing, "another_number_is_told_once_or_refused", "the store took the new tracking number, and still"),
    (TakesBackAll, "a_shipment_is_taken_back_alone_or_not_at_all", "the platform has nothing of an order, where"),
    (
        InsistsOnTheShipment,
        "a_shipment_is_taken_back_alone_or_not_at_all",
        "void.. refused what was taken back already",
    ),
    (SaysItsKey, "no_secret_is_told_about_a_shipment", "stands in the log"),
]


class Contract(WriteBackContract):
    def platform(self) -> FakeShippingPlatform:
        return FakeShop()


@pytest.mark.parametrize(("double", "broken", "words"), BREAKS, ids=[double.__name__ for double, _, _ in BREAKS])
def test_a_connector_that_breaks_a_guarantee_fails_its_test(
    monkeypatch: pytest.MonkeyPatch, double: type[Shop], broken: str, words: str
) -> None:
    monkeypatch.setattr(trial, "PATIENCE_S", 0.5)
    NOTED.clear()

    class Broken(Contract):
        connector = double

    with pytest.raises(AssertionError, match=words) as caught:
        getattr(Broken(), f"test_{broken}")()
    assert "The guarantee: " in caught.value.__notes__[0]


def test_each_guarantee_has_a_connector_that_breaks_it() -> None:
    guarantees = {name.removeprefix("test_") for name in vars(WriteBackContract) if name.startswith("test_")}
    assert {broken for _, broken, _ in BREAKS} == guarantees


def test_a_connector_that_does_not_write_back_is_passed_over_with_a_reason() -> None:
    class Reader(Shop):
        send = Connector.send

    class Passed(Contract):
        connector = Reader

    with pytest.raises(SkipTest, match=r"Shop doesn't write back: its connector has no send\(\)"):
        Passed().test_a_look_shows_what_is_there_now()
