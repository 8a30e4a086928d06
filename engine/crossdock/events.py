"""Tells plugins what happened, each by itself and with an end to the wait, so that none can hurt the rest.

Events come after the commit and at most once: what must not be lost stands in the timeline.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import pluggy

log = logging.getLogger("crossdock.events")

PATIENCE_S = 10.0  # for all that one plugin is told at once; one with more to do starts its own work


class Events:
    """The plugins that listen. One that takes too long is not told anything more by this process."""

    def __init__(self, manager: pluggy.PluginManager, *, patience_s: float = PATIENCE_S) -> None:
        self._manager = manager
        self._patience_s = patience_s
        self._silenced: set[str] = set()

    def has_listeners(self, event: str) -> bool:
        """Whether anybody wants to know, so that nothing is made ready for nobody."""
        return bool(self._listeners(event))

    async def tell(self, event: str, occasions: Sequence[Mapping[str, object]]) -> None:
        """Calls every implementation of the hook `event` once for each of `occasions`, in their order.

        Plugins are told side by side; returns when all are done or given up. What they do wrong is logged.
        """
        await asyncio.gather(*(self._tell_one(event, listener, occasions) for listener in self._listeners(event)))

    def _listeners(self, event: str) -> list[pluggy.HookImpl]:
        caller: pluggy.HookCaller = getattr(self._manager.hook, event)
        return [found for found in caller.get_hookimpls() if found.plugin_name not in self._silenced]

    async def _tell_one(self, event: str, listener: pluggy.HookImpl, occasions: Sequence[Mapping[str, object]]) -> None:
        """In a task of its own, which is left behind if it neither ends nor heeds its cancellation."""
        telling = asyncio.create_task(_tell_each(event, listener, occasions), name=f"{event} {listener.plugin_name}")
        try:
            done, _ = await asyncio.wait([telling], timeout=self._patience_s)
        finally:
            telling.cancel()
        if not done:
            self._silenced.add(listener.plugin_name)
            log.error(
                "the plugin '%s' took longer than %.0f s over %s; it is told nothing more until crossdock starts again",
                listener.plugin_name,
                self._patience_s,
                event,
            )


async def _tell_each(event: str, listener: pluggy.HookImpl, occasions: Sequence[Mapping[str, object]]) -> None:
    for facts in occasions:
        arguments = {name: copy.deepcopy(facts[name]) for name in listener.argnames}
        try:
            if inspect.iscoroutinefunction(listener.function):
                await listener.function(**arguments)
            else:
                await _in_a_thread(functools.partial(listener.function, **arguments), name=listener.plugin_name)
        except (Exception, SystemExit):
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
        except BaseException as raised:  # it must not end the thread without a word: somebody waits for it
            error = raised
        with suppress(RuntimeError):  # the loop is closed: the program ended meanwhile
            loop.call_soon_threadsafe(finish, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    await done
