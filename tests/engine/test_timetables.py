"""When a store's turn comes: the law of intervals, cron lines as cron reads them, and the nights when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from crossdock.config_sections import ScheduleSection
from crossdock.state import Standing, StoreState
from crossdock.timetable import next_run, next_time
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.timetables import timetable

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- with it
LENGTHS = st.integers(1, 366 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,62}", fullmatch=True)
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@given(MOMENTS, LENGTHS, NAMES)
def test_an_interval_comes_round_after_exactly_its_length_and_never_now(
    after: datetime, every: timedelta, name: str
) -> None:
    store = timetable(name, every=every)
    first = next_time(store, after)
    assert first is not None
    assert after < first <= after + every
    assert next_time(store, first) == first + every


def test_stores_of_one_interval_are_spread_over_it() -> None:
    stores = [timetable(f"store-{number}", every=timedelta(minutes=5)) for number in range(1000)]
    minutes = [((next_time(store, NOON) or NOON) - NOON) // timedelta(minutes=1) for store in stores]
    assert all(150 < minutes.count(minute) < 250 for minute in range(5))


def test_a_stores_times_are_the_same_after_every_start() -> None:
    """Pinned, since Python's own hash differs from process to process."""
    assert next_time(timetable("acme", every=timedelta(hours=1)), NOON) == datetime(
        2026, 3, 4, 12, 11, 17, 106220, tzinfo=UTC
    )


FIELDS = st.tuples(
    st.sampled_from(["*", "*/5", "0", "7-20", "1,31", "50-59/4"]),
    st.sampled_from(["*", "8-18", "*/6", "0", "3,22"]),
    st.sampled_from(["*", "1", "*/10", "28-31", "13"]),
    st.sampled_from(["*", "jan", "2-4", "*/5", "dec"]),
    st.sampled_from(["*", "mon-fri", "0", "7", "5-7", "sat-sun", "*/2", "1-5", "tue,0", "sun-sun", "3/2"]),
)


@given(FIELDS, MOMENTS.map(lambda moment: moment.replace(second=0, microsecond=0)))
@example(("0", "0", "*", "*", "0"), NOON)
@example(("0", "0", "13", "*", "5"), NOON)
@example(("*", "*", "*", "*", "3/2"), NOON)
def test_a_cron_line_comes_when_any_cron_would_run_it(fields: tuple[str, ...], after: datetime) -> None:
    store = timetable(cron=" ".join(fields), timezone="Etc/UTC")
    found = next_time(store, after)
    assert found is not None
    assert after < found
    assert _fits(fields, found)
    day = timedelta(days=1)
    gap = [after + minutes for minutes in _minutes(min(found - after, day))]
    gap += [found - minutes for minutes in _minutes(min(found - after, day))]
    assert not [moment for moment in gap if after < moment < found and _fits(fields, moment)]


ITEMS = st.tuples(st.integers(0, 59), st.integers(0, 59), st.integers(1, 9999), st.sampled_from("*-/a")).map(
    lambda drawn: {"*": "*/{2}", "-": "{0}-{1}", "/": "{0}/{2}", "a": "{0}"}[drawn[3]].format(*drawn)
)


@given(st.lists(ITEMS, min_size=5, max_size=5))
@example(["0", "*/24", "*", "*", "*"])
@example(["6-6/2", "*", "*/31", "*", "7/2"])
def test_every_cron_line_that_the_configuration_takes_has_its_times(fields: list[str]) -> None:
    """One that raised here would take the schedule of all other stores with it."""
    try:
        section = ScheduleSection.model_validate({"cron": " ".join(fields)})
    except ValidationError:
        return
    assert section.cron is not None
    next_time(timetable(cron=section.cron, timezone="Etc/UTC"), NOON)


def _minutes(length: timedelta) -> list[timedelta]:
    return [timedelta(minutes=number) for number in range(1, length // timedelta(minutes=1) + 1)]


def _fits(fields: tuple[str, ...], moment: datetime) -> bool:
    """What the manual of cron says, in a few lines."""
    minute, hour, day, month, weekday = fields
    months = {name: str(number) for number, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun"), 1)}
    months["dec"] = "12"
    weekday_now = moment.isoweekday() % 7
    is_day = moment.day in _values(day, 1, 31, {})
    is_weekday = bool({weekday_now, weekday_now or 7} & _values(weekday, 0, 7, dict(zip(DAYS, "0123456", strict=True))))
    either = day[0] != "*" and weekday[0] != "*"
    return (
        moment.minute in _values(minute, 0, 59, {})
        and moment.hour in _values(hour, 0, 23, {})
        and moment.month in _values(month, 1, 12, months)
        and (is_day or is_weekday if either else is_day and is_weekday)
    )


def _values(field: str, low: int, high: int, names: dict[str, str]) -> set[int]:
    found: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        begin = low if first == "*" else int(names.get(first, first))
        end = high if first == "*" or (step and not last) else int(names.get(last, last)) if last else begin
        if last == "sun" and begin:
            end = 7
        found |= set(range(begin, end + 1, int(step or 1)))
    return found


@pytest.mark.parametrize(
    ("zone", "cron", "after", "hours"),
    [
        # Clocks go back at 2:00 on 1 November: half past one comes twice.
        ("America/New_York", "30 1 * * *", "2026-11-01T00:00-04:00", [1.5, 2.5, 26.5]),
        # Clocks go forward at 2:00 on 8 March: half past two is left out, and made up for an hour later.
        ("America/New_York", "30 2 * * *", "2026-03-08T00:00-05:00", [2.5, 25.5]),
        ("Australia/Sydney", "0 9 * * *", "2026-04-04T09:00+11:00", [25, 49]),
        ("Asia/Kathmandu", "15 6 * * *", "2026-04-04T00:00+05:45", [6.25, 30.25]),
    ],
)
def test_a_cron_line_keeps_to_the_shops_own_time_of_day_over_the_year(
    zone: str, cron: str, after: str, hours: list[float]
) -> None:
    store, moment = timetable(cron=cron, timezone=zone), datetime.fromisoformat(after)
    begin = moment
    for passed in hours:
        found = next_time(store, moment)
        assert found == begin.astimezone(UTC) + timedelta(hours=passed), found and found.astimezone(ZoneInfo(zone))
        moment = found


ZONES = ("Europe/Berlin", "America/New_York", "Australia/Sydney", "Australia/Lord_Howe", "Asia/Kolkata")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", ["0 0 * * *", "30 0 * * *", "30 1 * * *", "30 2 * * *", "0 3 * * *", "59 23 * * *"])
def test_a_daily_line_comes_every_day_of_the_year_whatever_the_clocks_do(zone: str, cron: str) -> None:
    store, moment = timetable(cron=cron, timezone=zone), datetime(2026, 1, 1, tzinfo=UTC)
    days = []
    while (found := next_time(store, moment)) is not None and found.year == 2026:
        assert found > moment
        days.append(found.astimezone(ZoneInfo(zone)).date())
        moment = found
    assert {earlier.toordinal() + 1 - later.toordinal() for earlier, later in pairwise(days)} <= {0, 1}
    assert len(set(days)) >= 364


@pytest.mark.parametrize("zone", ZONES)
def test_a_line_of_every_five_minutes_leaves_no_gap_whatever_the_clocks_do(zone: str) -> None:
    store, moment = timetable(cron="*/5 * * * *", timezone=zone), datetime(2026, 3, 1, tzinfo=UTC)
    for month in (3, 4, 10, 11):
        moment = datetime(2026, month, 1, tzinfo=UTC)
        while (found := next_time(store, moment)) is not None and found.month == month:
            assert found - moment == timedelta(minutes=5)
            moment = found


def test_a_cron_line_of_a_day_that_never_comes_has_no_next_time() -> None:
    assert next_time(timetable(cron="0 0 31 2 *"), NOON) is None


def test_a_failing_store_is_next_when_its_try_is_due_and_a_paused_one_never() -> None:
    standing = Standing(
        store="acme", health=StoreState.RETRYING, since=NOON, failures=1, next_try=NOON + timedelta(minutes=15)
    )
    store = timetable()
    assert next_run(store, standing, NOON) == NOON + timedelta(minutes=15)
    assert next_run(store, standing, NOON + timedelta(hours=1)) == NOON + timedelta(hours=1)
    assert next_run(store, None, NOON) == next_time(store, NOON)
    paused = Standing(store="acme", health=StoreState.OK, since=NOON, paused_at=NOON)
    assert next_run(store, paused, NOON) is None
