"""So many at once, of which those that get nothing done hold up nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

PATIENCE_S = 3.0  # for a run that gets nothing done: from then on it takes nobody's place


class Turns:
    """Lets so many runs work at the same time.

    One that gets nothing done for a while keeps going and counts no more, so that stores which hang hold up nobody.
    """

    def __init__(self, places: int, patience_s: float = PATIENCE_S) -> None:
        self._places = asyncio.Semaphore(places)
        self._patience_s = patience_s

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[Callable[[], None], None]:
        """Waits for a place and keeps it as long as the function that it gives is called again and again."""
        await self._places.acquire()
        place = _Place(self._places, self._patience_s)
        try:
            yield place.keep
        finally:
            place.give_back()


class _Place:
    """A place that is given back once, by its holder or by the clock."""

    def __init__(self, places: asyncio.Semaphore, patience_s: float) -> None:
        self._places = places
        self._patience_s = patience_s
        self._is_held = True
        self._end = asyncio.get_running_loop().call_later(patience_s, self.give_back)

    def keep(self) -> None:
        if self._is_held:
            self._end.cancel()
            self._end = asyncio.get_running_loop().call_later(self._patience_s, self.give_back)

    def give_back(self) -> None:
        self._end.cancel()
        if self._is_held:
            self._is_held = False
            self._places.release()
