"""The guarantees of a carrier as tests: whatever happens, it has each parcel once, and the parcel its label."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random, SystemRandom
from typing import ClassVar

from crossdock.carrier import PDF, PNG, ZPL, AnyCarrier, Booking, Carrier, CarrierRequest, PackedItem
from crossdock.dispatch import Shipped
from crossdock.engine import Engine
from crossdock.errors import (
    ActionNeededError,
    ConfigError,
    CrossdockError,
    RateLimitedError,
    RefusedError,
    RetryableError,
    UnreachableError,
)
from crossdock.http import HttpClient, open_session
from crossdock.shipping import ShipRequest
from crossdock.state.shipments import WriteBackState
from crossdock.testing.guarantee import playing
from crossdock.testing.house import ADDRESS, House, house
from crossdock.testing.platform import FakeCarrier, NoService
from crossdock.testing.secrecy import expect_nowhere, secrets_of, telling, text_of_database, text_of_errors
from crossdock.testing.service import (
    FAILURES,
    GARBAGE,
    Meddler,
    Misbehaviour,
    cut_after,
    cut_before,
    misbehaving,
)
from crossdock.testing.trial import CHANGES, HOUR, STORE, Installation, logged

CARRIER = "contract-carrier"
SHORT_PAUSE_S, LONG_PAUSE_S = 7, 3_600
REFUSAL = "No parcels are taken on the feast of Saint Dismas."
WHOLE = {
    PDF: re.compile(rb"%PDF-.*%%EOF\s*", re.DOTALL),
    PNG: re.compile(rb"\x89PNG\r\n\x1a\n.*IEND.{4}", re.DOTALL),
    ZPL: re.compile(rb".*\^XA.*\^XZ.*", re.DOTALL | re.IGNORECASE),
}
"""What the content of a label looks like from its first byte to its last. Other kinds can't be printed."""


class CarrierInstallation(Installation):
    """A merchant's crossdock whose only carrier is the one at hand, and whose only store is the kit's own."""

    def __init__(self, folder: Path, carrier: type[AnyCarrier], platform: FakeCarrier, goods: House) -> None:
        super().__init__(folder, house(goods), platform, [carrier])
        self._carrier = carrier

    def entries(self, settings: Mapping[str, object]) -> Mapping[str, object]:
        sender = {"name": "ACME", "street": "1 Example St", "city": "Perth", "postcode": "6000", "country": "AU"}
        return {
            "carriers": {CARRIER: {"carrier": self._carrier.name, "settings": settings}},
            "stores": {STORE: {"connector": self.kind.name, "sender": sender}},
        }


class CarrierTrial:
    """One test's carrier, and an installation that ships by it."""

    def __init__(
        self, folder: Path, carrier: type[AnyCarrier], platform: FakeCarrier, typed: str | None, random: Random
    ) -> None:
        del random
        self.folder = folder
        self.platform = platform
        self._typed = typed
        self._carrier = carrier
        self.goods = House(platform.clock)
        self.installation = CarrierInstallation(folder, carrier, platform, self.goods)

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        """A process of crossdock."""
        async with self.installation.engine() as engine:
            yield engine

    @asynccontextmanager
    async def carrier(self) -> AsyncIterator[AnyCarrier]:
        """The carrier alone, with an HTTP client of its own."""
        settings = self.installation.config().carriers[CARRIER].settings
        options, clock = self._carrier.http_options(settings), self.platform.clock
        async with open_session() as session:
            http = HttpClient(session, options, store=CARRIER, clock=clock, random=SystemRandom())
            yield self._carrier(settings, http, called=CARRIER)

    def request(self, key: str) -> CarrierRequest:
        """A parcel as the engine asks for it."""
        mugs = PackedItem(name="Mug", quantity=2, sku="MUG", weight_grams=350.0)
        return CarrierRequest(
            key=key,
            store=STORE,
            order_number="1001",
            items=(mugs,),
            currency="AUD",
            ship_to=ADDRESS,
            sender=ADDRESS,
            tracking_number=self._typed,
        )

    async def orders(self, engine: Engine, number: int = 1) -> list[str]:
        """The ids of so many new orders, which crossdock has imported."""
        placed = [self.goods.add_order() for _ in range(number)]
        await engine.import_store(STORE, CHANGES)
        return placed

    async def ship(self, engine: Engine, order: str) -> Shipped:
        """All of an order, by this carrier. Raises what the carrier has against it."""
        return await engine.dispatch.ship(STORE, ShipRequest(order=order, carrier=CARRIER, tracking=self._typed))

    async def attempt(self, engine: Engine, order: str) -> Shipped | CrossdockError:
        """What came of an attempt to ship an order."""
        self.platform.asked.clear()
        try:
            return await self.ship(engine, order)
        except CrossdockError as error:
            return error

    async def each_request(self, engine: Engine) -> list[tuple[int, str]]:
        """For each request that a parcel takes, its number and an order to disturb; none for one that asks nobody."""
        (first,) = await self.orders(engine)
        self.platform.asked.clear()
        await self.ship(engine, first)
        requests = range(1, len(self.platform.asked) + 1)
        return list(zip(requests, await self.orders(engine, len(requests)), strict=True))

    @property
    def asks(self) -> bool:
        """Whether there is somebody to ask."""
        return not isinstance(self.platform, NoService)

    def bookings(self) -> list[str]:
        """The numbers of the parcels that the carrier has."""
        return sorted(self.platform.bookings())


def _trial(contract: CarrierContract, folder: Path, random: Random) -> CarrierTrial:
    return CarrierTrial(folder, contract.carrier, contract.platform(), contract.typed, random)


guarantee = playing(_trial)


class CarrierContract:
    """Tests that every carrier passes. A subclass names the carrier and plays what it speaks to.

    class TestCourier(CarrierContract):
        carrier = Courier

        def platform(self):
            return FakeCourier()

    Attributes:
        carrier: The carrier's class.
        typed: The tracking number that a person gives, for a carrier that gives none itself.
    """

    carrier: ClassVar[type[AnyCarrier]]
    typed: ClassVar[str | None] = None

    def platform(self) -> FakeCarrier:
        """A new account with the carrier, without parcels. A carrier that asks nobody leaves this as it is."""
        return NoService()

    @guarantee
    async def test_an_unknown_setting_is_refused(self, trial: CarrierTrial) -> None:
        """A merchant's slip of the pen in `settings` is found out.

        Derive Settings from crossdock.CarrierSettings, and leave `extra` in its model_config at "forbid".
        """
        async with trial.engine():
            pass
        try:
            trial.installation.config(no_such_setting=1)
        except ConfigError:
            return
        raise AssertionError("settings with the key no_such_setting were taken without a word.")

    # Once

    @guarantee
    async def test_a_key_stands_for_one_parcel(self, trial: CarrierTrial) -> None:
        """The same key twice is one parcel, with the same number and label; find() gives it, and None for another key.

        Give the key to the carrier as its idempotency key, or as the reference by which find() looks. A carrier whose
        ship() asks nobody leaves find() out.
        """
        async with trial.carrier() as carrier:
            booking = await carrier.ship(trial.request("key-1"))
            assert isinstance(booking, Booking), f"ship() gave {booking!r}, and not a Booking."
            again = await carrier.ship(trial.request("key-1"))
            assert again == booking, f"the same key gave {booking}, and then {again}."
            _expect_bookings(trial, [booking.tracking_number], "After ship() was called twice with one key")
            found = await carrier.find("key-1")
            if trial.asks:
                assert found == booking, f"ship() gave {booking}, and find() {found}."
            assert await carrier.find("key-2") is None, "find() gave a booking for a key that was never used."
            other = await carrier.ship(trial.request("key-2"))
        numbers = [booking.tracking_number, other.tracking_number]
        _expect_bookings(trial, numbers, "After ship() was called with another key")

    @guarantee
    async def test_what_the_carrier_gave_is_kept_with_the_parcel(self, trial: CarrierTrial) -> None:
        """A shipment has the number, the link and the label of its booking; saying it twice asks nobody.

        Give in Booking what the carrier has, and say by `gives_labels` and `sets_aside` what kind of carrier it is. A
        label's media type is application/pdf, image/png or application/zpl, and its content whole.
        """
        async with trial.engine() as engine:
            (order,) = await trial.orders(engine)
            made = (await trial.ship(engine, order)).row
            number, label = made.shipment.tracking_number, await engine.state.label(made.id)
            trial.platform.asked.clear()
            again = await trial.ship(engine, order)
            assert again.row.id == made.id, "To say a parcel twice made two of it."
            assert not trial.platform.asked, f"To say a parcel twice asked the carrier: {trial.platform.asked}."
        _expect_bookings(trial, [number], "After a parcel was shipped")
        assert not (self.carrier.sets_aside and number), f"Goods that wait to be collected have the number {number}."
        assert self.carrier.sets_aside or number, "A parcel has no tracking number."
        assert (label is not None) is self.carrier.gives_labels, (
            f"gives_labels is {self.carrier.gives_labels}, and a booking came with{'' if label else 'out'} a label."
        )
        if label is not None:
            _expect_printable(*label)

    @guarantee
    async def test_a_parcel_whose_request_was_cut_off_is_booked_once(self, trial: CarrierTrial) -> None:
        """Where the connection breaks before a request is done or after it, the next try gives one parcel.

        Let UnreachableError pass and repeat nothing that books: the engine asks find() first. A booking that was made
        has to be found by its key.
        """
        disturbances: tuple[tuple[Callable[[int], Meddler], str], ...] = ((cut_before, "before"), (cut_after, "after"))
        async with trial.engine() as engine:
            for meddler, words in disturbances:
                for number, order in await trial.each_request(engine):
                    before = trial.bookings()
                    with trial.platform.meddled(meddler(number)):
                        first = await trial.attempt(engine, order)
                    when = f"After the connection broke {words} request {number} was done"
                    assert isinstance(first, Shipped | UnreachableError), f"{when}: {first!r}"
                    await _expect_one_more(trial, engine, order, before, when)

    @guarantee
    async def test_a_stop_at_any_request_books_nothing_twice(self, trial: CarrierTrial) -> None:
        """Wherever crossdock is stopped, before a request is done or after it, the next try gives one parcel.

        Let asyncio.CancelledError pass, send nothing in `finally`, and remember nothing in the carrier: another process
        has another one.
        """
        for takes_effect in (False, True):
            async with trial.engine() as engine:
                orders = await trial.each_request(engine)
            for number, order in orders:
                before = trial.bookings()
                when = f"{'after' if takes_effect else 'before'} request {number} was done"
                async with trial.engine() as engine:
                    work = trial.ship(engine, order)
                    wrong = await trial.installation.cancelled(work, number, takes_effect=takes_effect)
                    assert not wrong, f"Stopped {when}, the booking {wrong}."
                async with trial.engine() as engine:
                    await _expect_one_more(trial, engine, order, before, f"After crossdock was stopped {when}")

    # When the carrier refuses or stumbles

    @guarantee
    async def test_a_refused_parcel_is_refused_in_the_carriers_words(self, trial: CarrierTrial) -> None:
        """What the carrier won't take is refused with its reason, nothing is shipped, and another try can succeed.

        Raise RefusedError where the carrier refuses this parcel, with what it says in `Response.text` or
        `Response.json`. The fake's rejection() has to be of the carrier's form.
        """
        rejecting = Misbehaviour("rejected it", lambda _: trial.platform.rejection(REFUSAL))
        async with trial.engine() as engine:
            for number, order in await trial.each_request(engine):
                before = trial.bookings()
                with trial.platform.meddled(misbehaving(number, rejecting)):
                    result = await trial.attempt(engine, order)
                when = f"After the carrier rejected request {number}"
                assert isinstance(result, RefusedError), f"{when}: {result!r}"
                assert REFUSAL in str(result), f"{when} with “{REFUSAL}”, people are told: {result}"
                await _expect_one_more(trial, engine, order, before, when)

    @guarantee
    async def test_a_refused_key_is_told_as_that(self, trial: CarrierTrial) -> None:
        """A refused key ends the booking with CredentialsError or PermissionMissingError.

        Raise them for 401 and 403, or let get_json do so; RefusedError is for what the carrier has against the parcel.
        """
        refused = Misbehaviour("refused the key", lambda _: trial.platform.refusal())
        await _stumbling(trial, [refused], ActionNeededError)

    @guarantee
    async def test_a_pause_that_the_carrier_asks_for_is_made(self, trial: CarrierTrial) -> None:
        """A short pause is made at once; for a long one the booking ends with RateLimitedError, and is made later.

        Ask by self.http alone, which does both, and let RateLimitedError pass.
        """
        platform = trial.platform
        short = Misbehaviour("asked for a pause", lambda _: platform.pause_request(SHORT_PAUSE_S))
        async with trial.engine() as engine:
            for number, order in await trial.each_request(engine):
                before, began = trial.bookings(), platform.clock.now()
                with platform.meddled(misbehaving(number, short, times=1)):
                    result = await trial.attempt(engine, order)
                took = (platform.clock.now() - began).total_seconds()
                assert isinstance(result, Shipped), f"Asked for a short pause at request {number}: {result!r}"
                assert took >= SHORT_PAUSE_S, f"Asked for {SHORT_PAUSE_S} s of pause at request {number}, made {took}."
                await _expect_one_more(trial, engine, order, before, "After a short pause")
        long = Misbehaviour("asked for an hour's pause", lambda _: platform.pause_request(LONG_PAUSE_S))
        await _stumbling(trial, [long], RateLimitedError)

    @guarantee
    async def test_a_carrier_that_is_out_of_order_is_told_as_that(self, trial: CarrierTrial) -> None:
        """5xx, broken connections and garbage end the booking with an error that says so; the next try gives a parcel.

        Let UnreachableError and GarbledError pass, and raise GarbledError yourself for JSON that isn't what you asked
        for.
        """
        await _stumbling(trial, [*FAILURES, *GARBAGE], RetryableError)

    # Taking back

    @guarantee
    async def test_a_parcel_is_taken_back_alone_or_not_at_all(self, trial: CarrierTrial) -> None:
        """A parcel that doesn't go is taken back at the carrier, and no other; where it can't be, that is said.

        Let void() take back the booking of that key, and take one that isn't there for taken back. Leave it out where
        the carrier can't: then people are told.
        """
        async with trial.engine() as engine:
            going, staying = [(await trial.ship(engine, order)).row for order in await trial.orders(engine, 2)]
            await engine.dispatch.write_back(STORE)
            await engine.dispatch.void(STORE, staying.id)
            await engine.dispatch.write_back(STORE)
            row = await engine.state.writeback(staying.id)
            assert row is not None
            assert row.state is WriteBackState.VOIDED, f"A parcel that was taken back is {row.state}: {row.reason}"
        can_not = row.reason is not None
        assert not can_not or _leaves_out_void(self.carrier), f"A parcel could not be taken back: {row.reason}"
        numbers = [one.shipment.tracking_number for one in ([going, staying] if can_not else [going])]
        _expect_bookings(trial, numbers, "After one of two parcels was taken back")
        async with trial.carrier() as carrier:
            if not can_not:
                for key in (staying.key, "a-key-that-was-never-used"):
                    await _void(carrier, key)
        _expect_bookings(trial, numbers, "After void() was called again, and with an unknown key")

    # Private

    @guarantee
    async def test_no_secret_is_told_about_a_parcel(self, trial: CarrierTrial) -> None:
        """No secret of the settings gets into a repr, a parcel, the log, an error or the database.

        Declare it as crossdock.Secret, take it out by get_secret_value() in http_options alone, and repeat what the
        carrier says only as self.http gives it.
        """
        settings = trial.installation.config().carriers[CARRIER].settings
        secrets = secrets_of(settings, trial.platform)
        results: list[object] = []
        with logged() as log:
            async with trial.engine() as engine:
                for number, order in await trial.each_request(engine):
                    for status in (422, 401, 403, 500):
                        with trial.platform.meddled(misbehaving(number, telling(secrets, status))):
                            results.append(await trial.attempt(engine, order))
                    results.append(await trial.attempt(engine, order))
        async with trial.carrier() as carrier:
            places = {
                "str(settings)": str(settings),
                "repr(settings)": repr(settings),
                "repr(carrier)": repr(carrier),
                "a parcel": repr(results),
                "the log": "\n".join(log),
                "an error": text_of_errors(results),
                "the database": text_of_database(trial.folder),
            }
        expect_nowhere(secrets, places)


async def _stumbling(trial: CarrierTrial, kinds: Sequence[Misbehaviour], error: type[CrossdockError]) -> None:
    """From each request on the carrier misbehaves; that ends with such an error, and the next try gives one parcel."""
    __tracebackhide__ = True
    async with trial.engine() as engine:
        for number, order in await trial.each_request(engine):
            before = trial.bookings()
            for kind in kinds:
                with trial.platform.meddled(misbehaving(number, kind)):
                    result = await trial.attempt(engine, order)
                when = f"When the carrier {kind.words} from request {number} on"
                assert isinstance(result, error), f"{when}: {result!r}"
                assert trial.bookings() == before, f"{when}, it has a parcel more."
                trial.platform.clock.wind(1.1 * HOUR)
            await _expect_one_more(trial, engine, order, before, f"{when}, and all was well again")


async def _expect_one_more(trial: CarrierTrial, engine: Engine, order: str, before: list[str], when: str) -> None:
    """Ships the order once more, and fails unless the carrier has one parcel more than before: the order's."""
    __tracebackhide__ = True
    result = await trial.attempt(engine, order)
    assert isinstance(result, Shipped), f"{when}, another try failed: {result!r}"
    _expect_bookings(trial, [*before, result.row.shipment.tracking_number], f"{when}, and another try")


def _expect_bookings(trial: CarrierTrial, due: Sequence[str | None], when: str) -> None:
    __tracebackhide__ = True
    wanted, found = sorted(number or "" for number in due), trial.bookings()
    assert found == wanted or not trial.asks, f"{when}, the carrier has the parcels {found}, where {wanted} are due."


def _expect_printable(media_type: str, content: bytes) -> None:
    __tracebackhide__ = True
    assert media_type in WHOLE, f"A label is {media_type}; possible are {', '.join(WHOLE)}."
    assert WHOLE[media_type].fullmatch(content), (
        f"A label is {media_type}, but is not a whole one: it begins {content[:8]!r} and ends {content[-8:]!r}."
    )


def _leaves_out_void(carrier: type[AnyCarrier]) -> bool:
    return carrier.void is Carrier.void


async def _void(carrier: AnyCarrier, key: str) -> None:
    try:
        await carrier.void(key)
    except RefusedError as error:
        raise AssertionError(f"void() refused what isn't there any more: {error}") from error
