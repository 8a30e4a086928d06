"""The daemon's write-backs: a worker for each store that is to be told something, and one at a time of each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress
from typing import NoReturn

from crossdock.clock import Clock
from crossdock.engine import Engine
from crossdock.errors import CrossdockError, StateError
from crossdock.logs import about
from crossdock.turns import Turns

log = logging.getLogger("crossdock.workers")

EACH_S = 1.0  # between looks at what other processes have shipped, and at what is due again
DATABASE_S = 10.0  # the same, while the database can't be used
STORES_AT_ONCE = 50  # after an outage many stores are due in the same second


class WriteBackWorkers:
    """Tells the stores of their shipments as soon as there is something to tell; one that hangs holds up no other."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._paused: frozenset[str] = frozenset()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._turns = Turns(STORES_AT_ONCE)
        self._is_stopping = False
        self._database_failure: str | None = None

    async def start(self) -> None:
        """Everything that was left unfinished is due now (rule W7)."""
        self._paused = await self._engine.state.paused()
        await self.hurry(self._engine.config.stores)

    async def hurry(self, stores: Collection[str]) -> None:
        """What these stores are still to be told is due now: something about them has changed. Raises StateError."""
        await self._engine.state.hurry(stores, self._clock.now())
        self._engine.dispatch.new.set()

    def pause(self, names: frozenset[str]) -> None:
        """These stores are paused from now on, and no others; a shipment that is being told is told to its end."""
        self._paused = names

    async def run(self) -> NoReturn:
        """Starts a worker for each store that something is due for."""
        new = self._engine.dispatch.new
        while True:
            new.clear()
            try:
                due = await self._engine.state.due_stores(self._clock.now())
            except StateError as error:
                await self._database_fails(error)
                continue
            for name in sorted(due - self._under_way.keys()):
                if self._may_be_told(name):
                    self._under_way[name] = asyncio.create_task(self._tell(name), name=f"write back {name}")
            with suppress(TimeoutError):
                async with asyncio.timeout(EACH_S):
                    await new.wait()

    async def stop(self, patience_s: float) -> list[str]:
        """Ends all workers, each after the shipment at hand. Tells which did not heed that in time.

        What a worker was cancelled in is recorded, and found out at the store by the next one.
        """
        self._is_stopping = True
        under_way = dict(self._under_way)
        if under_way:
            await asyncio.wait(under_way.values(), timeout=patience_s)
        late = {name: task for name, task in under_way.items() if not task.done()}
        for task in late.values():
            task.cancel()
        if late:
            await asyncio.wait(late.values(), timeout=EACH_S)
        return sorted(name for name, task in late.items() if not task.done())

    def _may_be_told(self, name: str) -> bool:
        store = self._engine.config.stores.get(name)
        if store is None or name in self._paused or self._is_stopping:
            return False
        return store.write_back and store.connector.writes_back()

    async def _tell(self, name: str) -> None:
        try:
            async with self._turns.turn():
                with about(name):
                    await self._engine.dispatch.write_back(name, is_stopping=lambda: not self._may_be_told(name))
            self._database_works()
        except StateError as error:
            await self._database_fails(error)
        except CrossdockError as error:  # such as a store that was removed in between
            log.debug("%s", error)
        except Exception:  # a mistake of our own: told, and no reason for the other stores to stop
            log.exception("%s: writing back failed for a reason that lies in crossdock", name)
            await self._clock.sleep(DATABASE_S)
        finally:
            del self._under_way[name]

    async def _database_fails(self, error: StateError) -> None:
        if str(error) != self._database_failure:
            log.error("%s What the stores are still to be told waits for that.", error)
        self._database_failure = str(error)
        await self._clock.sleep(DATABASE_S)

    def _database_works(self) -> None:
        self._database_failure = None
