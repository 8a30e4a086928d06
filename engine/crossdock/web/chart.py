"""Charts of runs by day, as SVG that the server draws. Colours are classes: the page's style says which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from crossdock.state import DayOfRuns

HEIGHT, BAR, GAP, TOP, BOTTOM, LEFT, RIGHT = 140, 18, 6, 14, 22, 56, 64  # units of the drawing
LABELLED = 7  # days from one date on the axis to the next
MOST_DRAWN = 6  # stores that have a chart of their own beside that of all


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What the runs of a day came to."""

    day: date
    orders: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A chart, and the store that it shows; None for all of them."""

    store: str | None
    svg: Markup


def charts(rows: Sequence[DayOfRuns], first: date, last: date) -> list[Drawn]:
    """One of all stores together, then, where there are several, one of each of those that most is to be seen of."""
    by_store: dict[str, list[DayOfRuns]] = defaultdict(list)
    for row in rows:
        by_store[row.store].append(row)
    drawn = [Drawn(store=None, svg=_chart(_days(rows, first, last)))]
    if len(by_store) > 1:
        most_first = sorted(by_store, key=lambda store: (*_weight(by_store[store]), store))
        drawn += [Drawn(store=one, svg=_chart(_days(by_store[one], first, last))) for one in most_first[:MOST_DRAWN]]
    return drawn


def _weight(rows: Iterable[DayOfRuns]) -> tuple[int, int]:
    """By which a store comes first: what failed, then what was brought."""
    return -sum(row.failed for row in rows), -sum(row.imported + row.updated for row in rows)


def _days(rows: Iterable[DayOfRuns], first: date, last: date) -> list[Day]:
    """Each day from the first to the last, also those on which nothing was imported."""
    orders: dict[date, int] = defaultdict(int)
    failed: dict[date, int] = defaultdict(int)
    for row in rows:
        orders[row.day] += row.imported + row.updated
        failed[row.day] += row.failed
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [Day(day=day, orders=orders[day], failed=failed[day]) for day in days]


def _chart(days: Sequence[Day]) -> Markup:
    """Bars of orders by the scale at the left, and of failed runs by the one at the right.

    A table says the same to those who can't see them.
    """
    most = max([1, *(day.orders for day in days)])
    most_failed = max(day.failed for day in days)
    width = LEFT + len(days) * (BAR + GAP)
    words = (
        f"{sum(day.orders for day in days):,} orders imported or updated, "
        f"{sum(day.failed for day in days):,} failed runs, by day"
    )
    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            width + RIGHT, HEIGHT + TOP + BOTTOM, words
        ),
        Markup('<text class="axis" x="{}" y="{}" text-anchor="end">{}</text>').format(LEFT - 6, TOP + 4, f"{most:,}"),
        Markup('<text class="axis" x="{}" y="{}" text-anchor="end">0</text>').format(LEFT - 6, TOP + HEIGHT),
        Markup('<line class="axis" x1="{0}" y1="{1}" x2="{2}" y2="{1}"/>').format(LEFT, TOP + HEIGHT, width),
    ]
    if most_failed:
        scale = Markup('<text class="axis" x="{}" y="{}">{} failed</text>')
        parts.append(scale.format(width + 6, TOP + 4, f"{most_failed:,}"))
    for number, day in enumerate(days):
        x = LEFT + number * (BAR + GAP) + GAP // 2
        parts.append(_bar("orders", x, BAR * 2 // 3, day.orders / most, f"{day.day}: {day.orders:,} orders"))
        if day.failed:
            share = day.failed / most_failed
            parts.append(_bar("failures", x + BAR * 2 // 3, BAR // 3, share, f"{day.day}: {day.failed:,} failed"))
        if number % LABELLED == 0:
            text = Markup('<text class="axis" x="{}" y="{}">{}</text>')
            parts.append(text.format(x, TOP + HEIGHT + 16, f"{day.day.day} {day.day:%b}"))
    return Markup("").join([*parts, Markup("</svg>")])


def _bar(kind: str, x: int, width: int, share: float, words: str) -> Markup:
    height = round(share * HEIGHT, 1)
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
        kind, x, round(TOP + HEIGHT - height, 1), width, height, words
    )
