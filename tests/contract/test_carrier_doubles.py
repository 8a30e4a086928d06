"""The contract of carriers can fail: for each of its tests carriers that break this one guarantee."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from contract.courier import LABEL, PICTURE, ZPL, Courier, CourierSettings, FakeCourier
from crossdock import (
    Booking,
    CarrierRequest,
    CarrierSettings,
    CredentialsError,
    HttpOptions,
    Json,
    Label,
    RateLimitedError,
    RefusedError,
    Response,
    UnreachableError,
)
from crossdock.testing import CarrierContract, FakeCarrier, trial
from pydantic import ConfigDict


class TakesAnySetting(Courier):
    class Settings(CourierSettings):
        model_config = ConfigDict(extra="allow")


class BooksTwice(Courier):
    async def ship(self, request: CarrierRequest) -> Booking:
        return await self.book(request)


class FindsNothing(Courier):
    async def find(self, key: str) -> Booking | None:
        return None


class FindsAnything(Courier):
    async def ship(self, request: CarrierRequest) -> Booking:
        return await super().find(request.key) or await self.book(request)

    async def find(self, key: str) -> Booking | None:
        return await super().find(key) or Booking(tracking_number="CP0001")


class BooksAgain(Courier):
    async def ask(self, method: str, path: str, body: Json = None, *, unless: int = 0) -> Response:
        return await self.http.request(method, path, json=body, repeatable=True)


class InventsANumber(Courier):
    async def ship(self, request: CarrierRequest) -> Booking:
        try:
            return await super().ship(request)
        except UnreachableError:
            return Booking(tracking_number=f"CP-{request.key}")


class SaysGoodbye(Courier):
    async def ship(self, request: CarrierRequest) -> Booking:
        try:
            return await super().ship(request)
        except asyncio.CancelledError:
            await self.find(request.key)
            raise


class BooksWithoutANumber(Courier):
    def booking(self, response: Response) -> Booking:
        return replace(super().booking(response), tracking_number=None)


class PromisesLabels(Courier):
    def booking(self, response: Response) -> Booking:
        return replace(super().booking(response), label=None)


class CallsAWebPageALabel(Courier):
    def booking(self, response: Response) -> Booking:
        return replace(super().booking(response), label=Label(media_type="text/html", content=b"<html>"))


class CallsItAPicture(Courier):
    def booking(self, response: Response) -> Booking:
        booking = super().booking(response)
        assert booking.label
        return replace(booking, label=replace(booking.label, media_type="image/png"))


class CutsTheLabelOff(Courier):
    media_type = "application/pdf"
    whole = LABEL

    def booking(self, response: Response) -> Booking:
        label = Label(media_type=self.media_type, content=self.whole[: -len(self.whole) // 2])
        return replace(super().booking(response), label=label)


class CutsThePictureOff(CutsTheLabelOff):
    media_type = "image/png"
    whole = PICTURE


class CutsTheZplOff(CutsTheLabelOff):
    media_type = "application/zpl"
    whole = ZPL


class TakesForARefusal(Courier):
    error: type[Exception]

    async def ship(self, request: CarrierRequest) -> Booking:
        try:
            return await super().ship(request)
        except self.error as error:
            raise RefusedError(f"{self.called}: no.") from error


class SaysNoReason(TakesForARefusal):
    error = RefusedError


class TakesARefusedKeyForARefusal(TakesForARefusal):
    error = CredentialsError


class TakesAPauseForARefusal(TakesForARefusal):
    error = RateLimitedError


class TakesAFailureForARefusal(TakesForARefusal):
    error = UnreachableError


class TakesBackAll(Courier):
    async def void(self, key: str) -> None:
        for known in list(KEYS):
            await super().void(known)

    async def book(self, request: CarrierRequest) -> Booking:
        KEYS.append(request.key)
        return await super().book(request)


KEYS: list[str] = []


class InsistsOnTheParcel(Courier):
    async def void(self, key: str) -> None:
        if await self.find(key) is None:
            raise RefusedError(f"{self.called}: there is no parcel {key}.")
        await super().void(key)


class TakesNothingBack(Courier):
    async def void(self, key: str) -> None:
        await self.find(key)


class SaysItsKey(Courier):
    class Settings(CarrierSettings):
        url: str
        key: str

    @classmethod
    def http_options(cls, settings: Any) -> HttpOptions:
        return HttpOptions(base_url=settings.url, headers={"Authorization": settings.key})


BREAKS = [
    (TakesAnySetting, "an_unknown_setting_is_refused", "were taken without a word"),
    (BooksTwice, "a_key_stands_for_one_parcel", "the same key gave Booking.*CP0001.* and then Booking.*CP0002"),
    (FindsNothing, "a_key_stands_for_one_parcel", "the same key gave Booking.*CP0001.* and then Booking.*CP0002"),
    (FindsAnything, "a_key_stands_for_one_parcel", "for a key that was never used"),
    (FindsNothing, "a_parcel_whose_request_was_cut_off_is_booked_once", "after request 1 was done, and another try"),
    (BooksAgain, "a_parcel_whose_request_was_cut_off_is_booked_once", "the carrier has the parcels"),
    (InventsANumber, "a_parcel_whose_request_was_cut_off_is_booked_once", "the carrier has the parcels"),
    (FindsNothing, "a_stop_at_any_request_books_nothing_twice", "stopped after request 1 was done, and another try"),
    (SaysGoodbye, "a_stop_at_any_request_books_nothing_twice", "the booking (did not end|left 1 task)"),
    (BooksWithoutANumber, "what_the_carrier_gave_is_kept_with_the_parcel", "where \\[''\\] are due"),
    (PromisesLabels, "what_the_carrier_gave_is_kept_with_the_parcel", "gives_labels is True, and .* without a label"),
    (CallsAWebPageALabel, "what_the_carrier_gave_is_kept_with_the_parcel", "A label is text/html; possible are"),
    (CallsItAPicture, "what_the_carrier_gave_is_kept_with_the_parcel", "is image/png, but .* begins b'%PDF-1.4'"),
    (CutsTheLabelOff, "what_the_carrier_gave_is_kept_with_the_parcel", "is application/pdf, but is not a whole one"),
    (CutsThePictureOff, "what_the_carrier_gave_is_kept_with_the_parcel", "is image/png, but is not a whole one"),
    (CutsTheZplOff, "what_the_carrier_gave_is_kept_with_the_parcel", "is application/zpl, but is not a whole one"),
    (SaysNoReason, "a_refused_parcel_is_refused_in_the_carriers_words", "people are told: contract-carrier: no."),
    (TakesARefusedKeyForARefusal, "a_refused_key_is_told_as_that", "refused the key from request 1 on: RefusedError"),
    (TakesAPauseForARefusal, "a_pause_that_the_carrier_asks_for_is_made", "an hour's pause .*: RefusedError"),
    (TakesAFailureForARefusal, "a_carrier_that_is_out_of_order_is_told_as_that", "answered 500 from .*: RefusedError"),
    (TakesBackAll, "a_parcel_is_taken_back_alone_or_not_at_all", r"has the parcels \[\], where"),
    (InsistsOnTheParcel, "a_parcel_is_taken_back_alone_or_not_at_all", "void.. refused what isn't there any more"),
    (TakesNothingBack, "a_parcel_is_taken_back_alone_or_not_at_all", "After one of two parcels was taken back"),
    (SaysItsKey, "no_secret_is_told_about_a_parcel", r"stands in str\(settings\)"),
]


@pytest.mark.parametrize(("double", "broken", "words"), BREAKS, ids=[double.__name__ for double, _, _ in BREAKS])
def test_a_carrier_that_breaks_a_guarantee_fails_its_test(
    monkeypatch: pytest.MonkeyPatch, double: type[Courier], broken: str, words: str
) -> None:
    monkeypatch.setattr(trial, "PATIENCE_S", 0.5)
    KEYS.clear()

    class Broken(CarrierContract):
        carrier = double

        def platform(self) -> FakeCarrier:
            return FakeCourier()

    with pytest.raises(AssertionError, match=words) as caught:
        getattr(Broken(), f"test_{broken}")()
    assert "The guarantee: " in caught.value.__notes__[0]


def test_each_guarantee_has_a_carrier_that_breaks_it() -> None:
    guarantees = {name.removeprefix("test_") for name in vars(CarrierContract) if name.startswith("test_")}
    assert {broken for _, broken, _ in BREAKS} == guarantees
