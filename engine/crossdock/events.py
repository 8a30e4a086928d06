"""Tells plugins what happened, each by itself and with an end to the wait, so that none can hurt the rest.

Events come after the commit and at most once: what must not be lost stands in the timeline.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import logging
from collections.abc import Mapping, Sequence

import pluggy

from crossdock.threads import finished, in_a_thread

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
        tell = functools.partial(_tell_each, event, listener, occasions)
        told = await finished(tell, within_s=self._patience_s, name=f"{event} {listener.plugin_name}")
        if told is None:
            self._silenced.add(listener.plugin_name)
            log.error(
                "the plugin '%s' took longer than %.0f s over %s; it is told nothing more until crossdock starts again",
                listener.plugin_name,
                self._patience_s,
                event,
            )
        elif told.cancelled():
            log.error("the plugin '%s' failed over %s: it cancelled itself", listener.plugin_name, event)
        elif (error := told.exception()) is not None:
            log.error("the plugin '%s' failed over %s", listener.plugin_name, event, exc_info=error)


async def _tell_each(event: str, listener: pluggy.HookImpl, occasions: Sequence[Mapping[str, object]]) -> None:
    failures = 0
    for facts in occasions:
        arguments = {name: copy.deepcopy(facts[name]) for name in listener.argnames}
        try:
            if inspect.iscoroutinefunction(listener.function):
                await listener.function(**arguments)
            else:
                await in_a_thread(functools.partial(listener.function, **arguments), name=listener.plugin_name)
        except (Exception, SystemExit, KeyboardInterrupt):
            failures += 1
            if failures == 1:  # a page can be a thousand occasions
                log.exception("the plugin '%s' failed over %s", listener.plugin_name, event)
    if failures > 1:
        log.error("the plugin '%s' failed over %d of %d %s", listener.plugin_name, failures, len(occasions), event)
