"""How a store stands after its imports (rule S2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from crossdock.errors import (
    AccountMismatchError,
    CredentialsError,
    CrossdockError,
    PermissionMissingError,
    PluginError,
    RateLimitedError,
    UnreachableError,
)
from crossdock.standing import after_failure, after_success
from crossdock.state import Standing, StoreState
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DOWN, REFUSED = UnreachableError("acme: no connection."), CredentialsError("acme: the token is refused.")


def after(*errors: CrossdockError | None, every: timedelta | None = 5 * MINUTE, apart: timedelta = MINUTE) -> Standing:
    """How a store stands after these imports, of which those without an error went well."""
    standing: Standing | None = None
    for number, error in enumerate(errors):
        at = NOON + number * apart
        if error is None:
            standing = after_success("acme", standing, at) or standing
        else:
            standing = after_failure("acme", standing, error, at, every=every, random=Random(1))
    assert standing is not None
    return standing


def wait(standing: Standing, number: int) -> timedelta:
    """From the last of so many failures to the next try."""
    assert standing.next_try is not None
    return standing.next_try - (NOON + (number - 1) * MINUTE)


def test_a_store_that_works_as_before_is_no_news() -> None:
    assert after_success("acme", after(None), NOON) is None


def test_a_store_that_cannot_be_reached_is_tried_again_by_itself() -> None:
    standing = after(None, DOWN)
    assert (standing.health, standing.failures, standing.since) == (StoreState.RETRYING, 1, NOON + MINUTE)
    assert standing.failure is not None
    assert standing.failure.words == "acme: no connection."


def test_a_store_that_comes_back_is_well_again_from_then_on() -> None:
    standing = after(DOWN, DOWN, None)
    assert standing == Standing(store="acme", health=StoreState.OK, since=NOON + 2 * MINUTE)


def test_since_tells_when_the_trouble_began_and_not_when_it_was_last_met() -> None:
    assert after(None, DOWN, DOWN, DOWN).since == NOON + MINUTE
    assert after(None, DOWN, REFUSED, REFUSED).since == NOON + MINUTE


@pytest.mark.parametrize(
    "refusal",
    [REFUSED, PermissionMissingError("acme: lacks.", scope="orders"), AccountMismatchError("acme: another account.")],
    ids=lambda refusal: type(refusal).__name__,
)
def test_a_stray_refusal_does_not_count_and_a_second_one_in_a_row_does(refusal: CrossdockError) -> None:
    assert after(refusal).health is StoreState.RETRYING
    assert after(refusal, None, refusal).health is StoreState.RETRYING
    assert after(refusal, DOWN, refusal).health is StoreState.RETRYING
    assert after(refusal, refusal).health is StoreState.NEEDS_CREDENTIALS


def test_a_store_that_needs_a_person_is_tried_once_an_hour() -> None:
    assert wait(after(REFUSED), 1) <= 1.1 * MINUTE
    assert 54 * MINUTE <= wait(after(REFUSED, REFUSED), 2) <= 66 * MINUTE


@given(st.integers(1, 200), st.integers(1, 30 * 86_400))
def test_waits_double_from_a_minute_or_less_up_to_a_quarter_of_an_hour(failures: int, every_s: int) -> None:
    every = timedelta(seconds=every_s)
    first = min(every, MINUTE)
    expected = min(first * 2.0 ** min(failures - 1, 20), 15 * MINUTE)
    assert 0.9 * expected <= wait(after(*[DOWN] * failures, every=every), failures) <= 1.1 * expected


def test_a_store_on_a_cron_line_waits_a_minute_at_first_too() -> None:
    assert 0.9 * MINUTE <= wait(after(DOWN, every=None), 1) <= 1.1 * MINUTE


def test_a_platform_that_asks_for_a_longer_pause_gets_it() -> None:
    limited = RateLimitedError("acme: slow down.", retry_after_s=1200)
    assert 20 * MINUTE <= wait(after(limited), 1) <= 22 * MINUTE


def test_a_mistake_of_a_plugin_is_tried_again_too() -> None:
    assert after(PluginError("acme: failed unexpectedly."), PluginError("acme: so.")).health is StoreState.RETRYING


def test_a_pause_outlasts_failures_and_successes() -> None:
    paused = Standing(store="acme", health=StoreState.RETRYING, since=NOON, failures=1, paused_at=NOON)
    failed = after_failure("acme", paused, DOWN, NOON, every=None, random=Random(1))
    assert failed.state is StoreState.PAUSED
    well = after_success("acme", paused, NOON)
    assert well is not None
    assert (well.state, well.health) == (StoreState.PAUSED, StoreState.OK)
