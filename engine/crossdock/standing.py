"""How a store stands after each import, and when a failing one is tried again (rule S2): computed, nothing asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from crossdock.errors import ActionNeededError, CrossdockError, RateLimitedError
from crossdock.state import Failure, Standing, StoreState

FIRST_WAIT = timedelta(minutes=1)  # after a first failure, which outlasted the HTTP client's own tries
LONGEST_WAIT = timedelta(minutes=15)  # an order that comes in after an outage shall not wait much longer
PROBE_WAIT = timedelta(hours=1)  # for what only a person can mend
SPREAD = 0.1  # of a wait, to either side: stores that failed together don't come back together

_KINDS: tuple[type[ActionNeededError], ...] = (ActionNeededError, *ActionNeededError.__subclasses__())
FOR_A_PERSON = frozenset(kind.__name__ for kind in _KINDS)
"""The kinds of failure that only a person can end."""


def after_success(store: str, before: Standing | None, at: datetime) -> Standing | None:
    """How the store stands now, or None where that is no news."""
    if before is not None and before.health is StoreState.OK:
        return None
    paused_at = None if before is None else before.paused_at
    return Standing(store=store, health=StoreState.OK, since=at, paused_at=paused_at)


def after_failure(
    store: str, before: Standing | None, error: CrossdockError, at: datetime, *, every: timedelta | None, random: Random
) -> Standing:
    """How the store stands after one more failed import, and when it is tried again.

    A refusal counts from its second time in a row on, since platforms now and then refuse a good key once. `every` is
    the time between the store's imports, if it has one: a first wait is no longer than that.
    """
    standing = before or Standing(store=store, health=StoreState.OK, since=at)
    failures = standing.failures + 1
    is_refusal_again = isinstance(error, ActionNeededError) and _is_refusal(standing.failure)
    health = StoreState.NEEDS_CREDENTIALS if is_refusal_again else StoreState.RETRYING
    if health is StoreState.NEEDS_CREDENTIALS:
        wait = PROBE_WAIT
    else:
        wait = min(min(every or FIRST_WAIT, FIRST_WAIT) * 2.0 ** min(failures - 1, 30), LONGEST_WAIT)
    wait *= random.uniform(1 - SPREAD, 1 + SPREAD)
    if isinstance(error, RateLimitedError):
        wait = max(wait, timedelta(seconds=error.retry_after_s) * random.uniform(1, 1 + SPREAD))
    return replace(
        standing,
        health=health,
        since=standing.since if standing.failures else at,
        failure=Failure(kind=type(error).__name__, words=str(error)),
        failures=failures,
        next_try=at + wait,
    )


def _is_refusal(failure: Failure | None) -> bool:
    return failure is not None and failure.kind in FOR_A_PERSON
