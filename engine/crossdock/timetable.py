"""When a store's turn comes: computed from its entry in `stores.yaml` alone, and so the same after every start."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

import tzlocal
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from crossdock.config import StoreConfig
from crossdock.config_sections import CRON_FIELDS, cron_number
from crossdock.state import Standing

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def next_time(store: StoreConfig, after: datetime) -> datetime | None:
    """When the store's next scheduled import begins after a given time; None for a cron line that never comes.

    Stores of one interval are spread over it by a hash of their names, which is the same after every start.
    """
    if store.cron is not None:
        return _next_cron_time(_cron_trigger(store.cron), _zone(store.timezone), after)
    assert store.every is not None
    every = store.every // MICROSECOND
    offset = int.from_bytes(hashlib.blake2b(store.name.encode(), digest_size=8).digest(), "big") * every >> 64
    rounds = ((after - EPOCH) // MICROSECOND - offset) // every + 1
    return EPOCH + (offset + rounds * every) * MICROSECOND


def next_run(store: StoreConfig, standing: Standing | None, now: datetime) -> datetime | None:
    """When a daemon is going to import the store next; None for a paused one."""
    if standing is not None and standing.paused_at is not None:
        return None
    if standing is not None and standing.next_try is not None:
        return max(standing.next_try, now)
    return next_time(store, now)


def _next_cron_time(trigger: BaseTrigger, zone: tzinfo, after: datetime) -> datetime | None:
    """The next time that a wall clock in the zone shows what the line asks for.

    What it skips in spring is made up for when the hour is over; what it shows twice in autumn comes twice. APScheduler
    is asked for wall times alone: with a zone of its own it leaves out the midnight after a change of the clock.
    """
    wall = trigger.get_next_fire_time(None, _wall(after, zone) + MICROSECOND)
    if wall is None:
        return None
    found = _instant(wall, zone, fold=0)
    if found <= after:  # the first of two times that look alike is over
        found = _instant(wall, zone, fold=1)
    if _offset(after, zone) <= _offset(found, zone):
        return found
    again = _last_change(zone, after, found)  # from where on the clock shows an hour for the second time
    repeated = trigger.get_next_fire_time(None, _wall(again, zone))
    return found if repeated is None else min(found, max(_instant(repeated, zone, fold=1), again))


def _last_change(zone: tzinfo, after: datetime, before: datetime) -> datetime:
    """The second at which the clock was set, the one time that it was in between."""
    old = _offset(after, zone)
    while before - after > timedelta(seconds=1):
        middle = after + (before - after) / 2
        if _offset(middle, zone) == old:
            after = middle
        else:
            before = middle
    return before.replace(microsecond=0)


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _wall(moment: datetime, zone: tzinfo) -> datetime:
    """What a clock in the zone shows, as if it were UTC."""
    return moment.astimezone(zone).replace(tzinfo=UTC)


def _instant(wall: datetime, zone: tzinfo, *, fold: int) -> datetime:
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _zone(timezone: str | None) -> tzinfo:
    return ZoneInfo(timezone) if timezone else tzlocal.get_localzone()


@lru_cache(maxsize=1000)
def _cron_trigger(cron: str) -> BaseTrigger:
    """What fires by a line of five fields; where day and weekday are both given, either will do, as in every cron."""
    parts = cron.split()
    minute, hour, day, month, weekday = (
        _numbers(part, lowest, highest, names)
        for part, (_, lowest, highest, names) in zip(parts, CRON_FIELDS, strict=True)
    )
    fields = {"minute": _listed(minute), "hour": _listed(hour), "month": _listed(month), "timezone": UTC}
    days = {"day": _listed(day)}
    # By their names: APScheduler counts from Monday on, and cron from Sunday.
    names_of_days = CRON_FIELDS[-1][-1]
    weekdays = {"day_of_week": ",".join(sorted({names_of_days[number % 7] for number in weekday}))}
    if parts[2].startswith("*") or parts[4].startswith("*"):
        return CronTrigger(**fields, **days, **weekdays)
    return OrTrigger([CronTrigger(**fields, **days), CronTrigger(**fields, **weekdays)])


def _numbers(field: str, lowest: int, highest: int, names: tuple[str, ...]) -> set[int]:
    """All values of a field, one by one: APScheduler refuses steps past the end, such as `*/24`, which cron takes."""
    chosen: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        begin = lowest if first == "*" else cron_number(first, lowest, names)
        end = cron_number(last, lowest, names) if last else highest if step or first == "*" else begin
        if last == "sun" and begin > 0:  # a week may end with its Sunday
            end = highest
        chosen.update(range(begin, end + 1, int(step or 1)))
    return chosen


def _listed(numbers: set[int]) -> str:
    return ",".join(map(str, sorted(numbers)))
