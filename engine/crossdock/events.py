"""Tells plugins what happened, each by itself and with an end to the wait, so that none can hurt the rest.

Events come after the commit and at most once: what must not be lost stands in the timeline.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Mapping

import pluggy

log = logging.getLogger("crossdock.events")

PATIENCE_S = 10.0  # for one implementation and one event; a plugin with more to do starts its own work


class Events:
    """The plugins that listen. One that takes too long is not told anything more by this process."""

    def __init__(self, manager: pluggy.PluginManager, *, patience_s: float = PATIENCE_S) -> None:
        self._manager = manager
        self._patience_s = patience_s
        self._silenced: set[str] = set()

    def has_listeners(self, event: str) -> bool:
        """Whether anybody wants to know, so that nothing is made ready for nobody."""
        return any(found.plugin_name not in self._silenced for found in self._implementations(event))

    async def tell(self, event: str, **facts: object) -> None:
        """Calls every implementation of the hook `event` side by side; returns when all are done or given up."""
        listeners = [found for found in self._implementations(event) if found.plugin_name not in self._silenced]
        if listeners:
            await asyncio.gather(*(self._tell_one(event, listener, facts) for listener in listeners))

    def _implementations(self, event: str) -> list[pluggy.HookImpl]:
        caller: pluggy.HookCaller = getattr(self._manager.hook, event)
        return caller.get_hookimpls()

    async def _tell_one(self, event: str, listener: pluggy.HookImpl, facts: Mapping[str, object]) -> None:
        arguments = {name: facts[name] for name in listener.argnames}
        try:
            async with asyncio.timeout(self._patience_s):
                if inspect.iscoroutinefunction(listener.function):
                    await listener.function(**arguments)
                else:
                    await _in_a_thread(lambda: listener.function(**arguments), name=f"{event} {listener.plugin_name}")
        except TimeoutError:
            self._silenced.add(listener.plugin_name)
            log.error(
                "the plugin '%s' took longer than %.0f s over %s; it is told nothing more until crossdock starts again",
                listener.plugin_name,
                self._patience_s,
                event,
            )
        except Exception:
            log.exception("the plugin '%s' failed over %s", listener.plugin_name, event)


async def _in_a_thread(work: Callable[[], object], *, name: str) -> None:
    """Runs `work` in a thread of its own that nobody waits for at the end, as it may never come back."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        error: BaseException | None = None
        try:
            work()
        except Exception as raised:
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    await done
