"""What a connector gives when it is asked, with an end to every wait, so that one that hangs holds up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from crossdock.carrier import AnyCarrier, Carrier
from crossdock.connector import AnyConnector
from crossdock.errors import PluginError, UnreachableError
from crossdock.threads import alone, finished, harmless, in_a_thread

T = TypeVar("T")

ANSWER_S = 15 * 60.0
"""For one answer of a connector, such as a page. Five tries of a request and the pauses that a platform may ask for
between them take up to thirteen minutes; one that is slower still goes on in the next run, where it has stopped."""
MAPPING_S = 5 * 60.0  # a thousand orders take a second, or half a minute where hundreds of stores compute at once


async def answer(
    plugin: AnyConnector | AnyCarrier, ask: Callable[[], Awaitable[T]], *, within_s: float = ANSWER_S
) -> T:
    """What awaiting `ask()` gives, which calls the plugin's class; what that raises is an Exception, never a stop.

    Raises UnreachableError where it takes too long.
    """
    store = plugin.http.store
    asked = await finished(ask, within_s=within_s, name=f"ask {store}")
    if asked is None:
        kind = "carrier" if isinstance(plugin, Carrier) else "connector"
        raise UnreachableError(
            f"{store}: the {kind} '{plugin.name}' has not answered for {within_s / 60:.0f} minutes and was "
            "stopped. Nothing is lost; the next run tries again."
        )
    if asked.cancelled():
        raise RuntimeError("it was cancelled by itself, not by a stop")
    error = asked.exception()
    if error is not None and not isinstance(error, Exception):
        raise harmless(error) from error
    return asked.result()


async def computed(connector: AnyConnector, work: Callable[[], T], *, within_s: float = MAPPING_S) -> T:
    """What `work` gives, which calls the connector's mapping: computed off the event loop, one at a time for a store.

    Raises PluginError where it takes too long. Its thread can't be stopped, and no other begins for that store while
    it goes on.
    """
    name = f"orders of {connector.http.store}"
    try:
        async with asyncio.timeout(within_s) as end:
            await alone(name)
            return await in_a_thread(work, name=name)
    except TimeoutError as error:
        if not end.expired():
            raise
        raise PluginError(
            f"{connector.http.store}: the connector '{connector.name}' has been reading a page of orders for "
            f"{within_s / 60:.0f} minutes, without an end. This is a mistake in its plugin; the store stands still "
            "until it is mended and crossdock started again."
        ) from error
