"""The guarantees as tests: what a connector must hold to so that crossdock can do the rest.

Each test drives the real engine, over real HTTP, with a real database, and needs pytest alone. Its first line says what
holds, and the lines after it what to do when it fails.
"""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import ClassVar

import msgspec

from crossdock.connector import AnyConnector, Connector
from crossdock.errors import (
    ActionNeededError,
    ConfigError,
    CrossdockError,
    RateLimitedError,
    RetryableError,
    UnreachableError,
)
from crossdock.state import Run
from crossdock.testing.guarantee import playing
from crossdock.testing.platform import FakePlatform
from crossdock.testing.secrecy import expect_nowhere, secrets_of, telling, text_of_database, text_of_errors
from crossdock.testing.service import FAILURES, GARBAGE, OTHER_JSON, Misbehaviour, misbehaving
from crossdock.testing.trial import CHANGES, DAY, HOUR, MINUTE, STORE, Trial, logged, stored, views, walk

COURSES = 6  # of events, each from another seed
SHORT_PAUSE, LONG_PAUSE = timedelta(seconds=7), timedelta(hours=1)
REPEATED_PAGES = 2  # by an import that was stopped: the one being saved and the one being fetched
REFUSED_TRIES = 3


def _trial(contract: ConnectorContract, folder: Path, random: Random) -> Trial:
    return Trial(folder, contract.connector, contract.platform(), random)


guarantee = playing(_trial)
guarantee_in_courses = playing(_trial, courses=COURSES)


class ConnectorContract:
    """Tests that every connector passes. A subclass names the connector and plays its platform.

    class TestCorner(ConnectorContract):
        connector = Corner

        def platform(self):
            return FakeCorner()
    """

    connector: ClassVar[type[AnyConnector]]

    def platform(self) -> FakePlatform:
        """A new platform without orders."""
        raise NotImplementedError(f"{type(self).__name__} needs a method platform() that gives a FakePlatform.")

    # Signing in

    @guarantee
    async def test_an_unknown_setting_is_refused(self, trial: Trial) -> None:
        """A merchant's slip of the pen in `settings` is found out.

        Derive Settings from crossdock.Settings, and leave `extra` in its model_config at "forbid".
        """
        installation = trial.new_installation()
        async with installation.engine():
            pass
        try:
            installation.config(no_such_setting=1)
        except ConfigError:
            return
        raise AssertionError("settings with the key no_such_setting were taken without a word.")

    @guarantee
    async def test_the_account_is_the_same_whenever_it_is_asked_for(self, trial: Trial) -> None:
        """account() and check() always give one identity for one account; another would be another merchant's.

        Make `identity` of the id that the platform gives the account, as text, and of nothing else.
        """
        identities = []
        for _ in range(2):
            async with trial.new_installation().connector() as connector:
                for _ in range(2):
                    identities += [(await connector.account()).identity, (await connector.check()).account.identity]
                    trial.platform.clock.wind(DAY)
        assert len(set(identities)) == 1, f"one account had the identities {identities}."
        assert isinstance(identities[0], str), f"identity is {identities[0]!r}, and not text."
        assert identities[0], "identity is empty."

    # Complete

    @guarantee
    async def test_the_first_import_takes_all_that_is_open(self, trial: Trial) -> None:
        """Without a cursor, changes() gives every open order that was modified after `since`.

        Walk the list to its last page. See that order_from_raw gives the platform's status and each line's quantity.
        """
        trial.add_orders(trial.few, every_s=30 * DAY / trial.few)
        installation = trial.new_installation()
        await installation.run()
        await trial.expect_truth(installation, "After the first import of orders from the last 30 days")

    @guarantee_in_courses
    async def test_what_changes_while_pages_are_read_is_not_missed(self, trial: Trial) -> None:
        """Once the platform stops changing, one more import leaves every order in its true state.

        Walk the list in an order that only grows, and ask for what comes after the last one seen: page numbers and
        offsets shift while you read. Let no cursor pass the platform's time at which its request began.
        """
        await trial.change_meanwhile(seconds=(1, 2, 30, 90))

    @guarantee_in_courses
    async def test_what_changes_within_one_second_is_not_missed(self, trial: Trial) -> None:
        """Orders with equal modified times, more than a page of them, are all taken.

        Times are often whole seconds: go on at (time, id) together, or take the last one's second again, and begin the
        next import a little before the end of this one. To see an order again costs nothing.
        """
        await trial.change_meanwhile(seconds=(0,))

    @guarantee
    async def test_an_import_with_nothing_new_costs_the_same_however_many_orders_there_are(self, trial: Trial) -> None:
        """A second import changes nothing, and doesn't read everything again.

        Go on at the cursor. A platform that can't tell what changed is a reason to set this test to None.
        """
        costs = []
        for _ in range(2):
            trial.add_orders(trial.many)
            installation = trial.new_installation()
            await installation.run()
            trial.platform.clock.wind(10 * MINUTE)
            counts = (await installation.run()).counts
            changed = counts.imported + counts.updated
            assert not changed, f"nothing had changed, but an import took {changed} orders for new or changed."
            costs.append(len(trial.platform.asked))
        assert costs[1] <= costs[0], (
            f"an import with nothing new took {costs[0]} requests where there were {trial.many} orders, "
            f"and {costs[1]} where there were twice as many."
        )

    # Resumable, and the same again

    @guarantee
    async def test_a_stopped_import_goes_on_where_it_was(self, trial: Trial) -> None:
        """Wherever an import is stopped, the next one misses nothing, and repeats two pages at most.

        Yield a Page for each answer as it comes, with the cursor that stands for that page and all before it.
        """
        trial.add_orders(trial.many)
        whole = trial.new_installation()
        pages, asked = (await whole.run()).counts.pages, len(trial.platform.asked)
        assert pages >= 3, (
            f"{trial.many} orders came in {pages} page(s), so that an import that is stopped would begin anew. "
            "If that isn't the connector's doing: the fake should give `page_size` orders at once."
        )
        await whole.run()
        each_time = set(trial.platform.asked)
        for number in range(1, asked + 1):
            installation = trial.new_installation()
            async with installation.engine() as engine:
                # However it ends: that is the matter of another test.
                await installation.cancelled(engine.import_store(STORE, CHANGES), number)
            answered = set(trial.platform.asked[: number - 1]) - each_time
            await installation.run()
            again = [request for request in trial.platform.asked if request in answered]
            assert len(again) <= REPEATED_PAGES * math.ceil(asked / pages), (
                f"stopped at its request {number} of {asked}, the import asked once more for {', '.join(again)}."
            )
            await trial.expect_truth(installation, f"After an import that was stopped at request {number}, and another")

    @guarantee
    async def test_the_same_order_has_the_same_raw_whichever_way_it_comes(self, trial: Trial) -> None:
        """An order that didn't change is recognised by its raw, and not written again.

        Let `raw` be what the platform sent about the order and nothing else: no time of the request, no counter. Where
        changes() and fetch() get to see different fields, leave out what only one of them has.
        """
        trial.add_orders(trial.few)
        async with trial.new_installation().connector() as connector:
            first = {one.id: stored(one.raw) async for one in views(connector)}
            trial.platform.clock.wind(HOUR)
            looks = {"a second walk": [one async for one in views(connector)]}
            if _fetches(self.connector):
                looks["fetch()"] = [one for order_id in first if (one := await connector.fetch(order_id))]
        for way, seen in looks.items():
            others = [one.id for one in seen if stored(one.raw) != first.get(one.id)]
            assert not others, f"nothing had changed, but {way} gave another raw of the orders {', '.join(others)}."

    @guarantee
    async def test_an_order_is_read_from_its_raw_alone(self, trial: Trial) -> None:
        """order_from_raw gives the same order for the same raw, leaves the raw as it is, and asks nobody.

        Make the order of `raw` and the settings: no clock, no counter, nothing remembered. Put into `raw` what JSON can
        hold, since it is kept as that and read again. What only further requests tell, complete() adds.
        """
        trial.add_orders(trial.few)
        async with trial.new_installation().connector() as connector:
            seen = [one async for one in views(connector)]
            raws = [whole.raw for one in seen if (whole := await connector.complete(one))]
            asked = len(trial.platform.asked)
            for raw in raws:
                before = stored(raw)
                orders = [connector.order_from_raw(one) for one in (raw, raw, msgspec.json.decode(before))]
                assert orders[0] == orders[1] == orders[2], f"one raw gave different orders: {orders}."
                assert stored(raw) == before, f"order_from_raw changed the raw of order {orders[0].id}."
            assert len(trial.platform.asked) == asked, "order_from_raw sent a request."

    @guarantee
    async def test_an_order_that_is_not_there_is_fetched_as_none(self, trial: Trial) -> None:
        """fetch() gives the order of that id, or None if there is none; so crossdock learns that one is gone.

        Ask by self.http.request, and give None where the platform answers 404: get_json would raise. A connector that
        can't ask for one order leaves fetch() out.
        """
        if not _fetches(self.connector):
            return
        trial.add_orders(1)
        known, unknown = next(iter(trial.platform.truth())), trial.platform.unknown_id
        async with trial.new_installation().connector() as connector:
            found = await connector.fetch(known)
            assert found, f"fetch({known!r}) gave None for an order that is there."
            assert found.id == known, f"fetch({known!r}) gave the order {found.id!r}."
            try:
                found = await connector.fetch(unknown)
            except CrossdockError as error:
                raise AssertionError(f"fetch({unknown!r}) raised {error!r} for an order that isn't there.") from error
            assert found is None, f"fetch({unknown!r}) gave an order that isn't there."

    # When the platform misbehaves

    @guarantee
    async def test_a_refused_key_is_told_as_that_and_not_tried_again(self, trial: Trial) -> None:
        """A refused key ends the import with CredentialsError or PermissionMissingError, and the merchant is told.

        Let get_json raise them; raise them yourself where this platform refuses in a way of its own.
        """
        trial.add_orders(trial.few)
        refusing = Misbehaviour("refused the key", lambda _: trial.platform.refusal())
        async for number, what, result in trial.misbehaving(refusing):
            tries = len(trial.platform.asked) - number + 1
            assert isinstance(result, ActionNeededError), f"{what}."
            assert tries <= REFUSED_TRIES, f"{what} after {tries} refused requests."

    @guarantee
    async def test_a_pause_that_the_platform_asks_for_is_made(self, trial: Trial) -> None:
        """A short pause is made within the import; for a long one it ends with RateLimitedError and goes on later.

        Ask by self.http alone, which does both, and let RateLimitedError pass.
        """
        trial.add_orders(trial.few)
        short = Misbehaviour("asked for a pause", lambda _: trial.platform.pause_request(SHORT_PAUSE.seconds))
        async for number, what, result in trial.misbehaving(short, times=1):
            assert isinstance(result, Run), f"{what}."
            assert result.ended_at, f"{what}, and has no end."
            took = result.ended_at - result.started_at
            assert took >= SHORT_PAUSE, f"Asked for a pause of {SHORT_PAUSE} at request {number}, the import made none."
        long = Misbehaviour("asked for an hour's pause", lambda _: trial.platform.pause_request(LONG_PAUSE.seconds))
        async for _, what, result in trial.misbehaving(long):
            assert isinstance(result, RateLimitedError), f"{what}."
            trial.platform.clock.wind(LONG_PAUSE.seconds)

    @guarantee
    async def test_a_platform_that_is_out_of_order_is_told_as_that(self, trial: Trial) -> None:
        """5xx and broken connections end the import with UnreachableError; the next one goes on.

        Let UnreachableError pass, so that the import is recorded as failed and tried again.
        """
        trial.add_orders(trial.few)
        async for _, what, result in trial.misbehaving(*FAILURES):
            assert isinstance(result, UnreachableError), f"{what}."

    @guarantee
    async def test_garbage_is_told_as_that_and_not_kept(self, trial: Trial) -> None:
        """What is no answer ends the import with GarbledError, and the next one goes on as if it had not been.

        Let GarbledError pass, and raise it yourself for JSON that isn't what you asked for. Move the cursor only with
        orders that were read.
        """
        trial.add_orders(trial.few)
        async for _, what, result in trial.misbehaving(*GARBAGE):
            assert isinstance(result, RetryableError), f"{what}."
        trial.add_orders(trial.many - trial.few)  # so many that no connector finds them again by the way
        async for _ in trial.misbehaving(OTHER_JSON):
            pass  # some platforms can't tell this from an empty list; then the next import finds the orders

    @guarantee
    async def test_a_cancelled_import_ends_at_once(self, trial: Trial) -> None:
        """An import that is cancelled while it waits for an answer ends, leaves no task, and can be begun again.

        Let asyncio.CancelledError pass, send nothing in `finally`, put tasks into an asyncio.TaskGroup, and remember
        nothing in the connector that the cursor doesn't hold.
        """
        trial.add_orders(trial.few)
        for number in await trial.requests():
            installation = trial.new_installation()
            async with installation.connector() as connector:
                wrong = await installation.cancelled(walk(connector), number)
                assert not wrong, f"Cancelled during its request {number}, the import {wrong}."
            async with installation.engine() as engine:
                await installation.cancelled(engine.import_store(STORE, CHANGES), number)
                await engine.import_store(STORE, CHANGES)
            await trial.expect_truth(
                installation, f"After an import that was cancelled at request {number}, and another"
            )
        async with trial.new_installation().connector() as connector:
            seen = views(connector)
            await anext(seen)
            asked = len(trial.platform.asked)
            await seen.aclose()
            assert len(trial.platform.asked) == asked, "changes() sent a request after it had been closed."

    @guarantee
    async def test_a_secret_stands_nowhere(self, trial: Trial) -> None:
        """No secret of the settings gets into a repr, an order, the log, an error or the database.

        Declare it as crossdock.Secret, take it out by get_secret_value() in http_options alone, and repeat what the
        platform says only as self.http gives it.
        """
        trial.add_orders(trial.few)
        requests, installation = await trial.requests(), trial.new_installation()
        settings = installation.config().stores[STORE].settings
        secrets = secrets_of(settings, trial.platform)
        assert secrets, "The fake's settings() hold no secret: put self.secret where the key belongs."
        with logged() as log:
            results = [await installation.attempt()]
            for number in requests:
                for status in (400, 401, 403, 500):
                    with trial.platform.meddled(misbehaving(number, telling(secrets, status))):
                        results.append(await trial.new_installation().attempt())
        async with installation.connector() as connector:
            raws = b"".join([stored(one.raw) async for one in views(connector)])
            places = {
                "str(settings)": str(settings),
                "repr(settings)": repr(settings),
                "str(connector)": str(connector),
                "repr(connector)": repr(connector),
                "an order's raw": raws.decode(),
                "the log": "\n".join(log),
                "an error": text_of_errors(results),
                "the database": text_of_database(trial.folder),
            }
        expect_nowhere(secrets, places)


def _fetches(connector: type[AnyConnector]) -> bool:
    return connector.fetch is not Connector.fetch
