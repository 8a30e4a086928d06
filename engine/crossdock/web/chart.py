"""A chart of runs by day, as SVG that the server draws. Colours are classes: the page's style says which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from crossdock.state import DayOfRuns

HEIGHT, BAR, GAP, TOP, BOTTOM, LEFT = 140, 18, 6, 14, 22, 56  # units of the drawing


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What all runs of a day came to."""

    day: date
    orders: int
    failed: int


def days_of(rows: Sequence[DayOfRuns], first: date, last: date) -> list[Day]:
    """Each day from the first to the last, also those on which nothing was imported."""
    found = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        here = [row for row in rows if row.day == day]
        orders, failed = sum(row.imported + row.updated for row in here), sum(row.failed for row in here)
        found.append(Day(day=day, orders=orders, failed=failed))
    return found


def chart(days: Sequence[Day]) -> Markup:
    """Bars of orders, and of failed runs beside them; the table below says the same to those who can't see."""
    most = max([1, *(day.orders for day in days)])
    most_failed = max([1, *(day.failed for day in days)])
    width = LEFT + len(days) * (BAR + GAP)
    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="chart-title">').format(
            width, HEIGHT + TOP + BOTTOM
        ),
        Markup('<title id="chart-title">Orders imported or updated, and failed runs, by day</title>'),
        Markup('<text class="axis" x="{}" y="{}" text-anchor="end">{}</text>').format(LEFT - 6, TOP + 4, f"{most:,}"),
        Markup('<text class="axis" x="{}" y="{}" text-anchor="end">0</text>').format(LEFT - 6, TOP + HEIGHT),
        Markup('<line class="axis" x1="{0}" y1="{1}" x2="{2}" y2="{1}"/>').format(LEFT, TOP + HEIGHT, width),
    ]
    for number, day in enumerate(days):
        x = LEFT + number * (BAR + GAP) + GAP // 2
        parts.append(_bar("orders", x, BAR * 2 // 3, day.orders / most, f"{day.day}: {day.orders:,} orders"))
        if day.failed:
            words = f"{day.day}: {day.failed:,} failed"
            parts.append(_bar("failures", x + BAR * 2 // 3, BAR // 3, day.failed / most_failed, words))
        if number % 7 == 0:
            text = Markup('<text class="axis" x="{}" y="{}">{}</text>')
            parts.append(text.format(x, TOP + HEIGHT + 16, f"{day.day.day} {day.day:%b}"))
    return Markup("").join([*parts, Markup("</svg>")])


def _bar(kind: str, x: int, width: int, share: float, words: str) -> Markup:
    height = round(share * HEIGHT, 1)
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
        kind, x, round(TOP + HEIGHT - height, 1), width, height, words
    )
