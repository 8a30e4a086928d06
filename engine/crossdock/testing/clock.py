"""A clock that tests wind: time passes only when something sleeps, or when a test says so."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class WoundClock:
    """Time that stands still between sleeps; `sleeps` are the seconds of each, in order."""

    def __init__(self, start: datetime = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)) -> None:
        self.sleeps: list[float] = []
        self._start = start
        self._passed_s = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed_s)

    def monotonic(self) -> float:
        return self._passed_s

    async def sleep(self, seconds: float) -> None:
        """Lets the other tasks run, and then it is `seconds` later; sleeps at the same time overlap."""
        self.sleeps.append(seconds)
        until_s = self._passed_s + seconds
        await asyncio.sleep(0)
        self._passed_s = max(self._passed_s, until_s)

    def wind(self, seconds: float) -> None:
        """It is `seconds` later."""
        self._passed_s += seconds
