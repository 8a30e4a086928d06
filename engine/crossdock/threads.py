"""Runs other people's code apart from ours: each wait has an end, and what computes does so in a thread of its own.

What such code raises comes back to whoever asked for it, and ends neither the program nor anything else.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

GRACE_S = 2.0  # for what was cancelled to tidy up; a stop waits for it
LOOK_AGAIN_S = 0.1  # whether a thread that was left behind has ended


class ThreadEach(ThreadPoolExecutor):
    """Gives each call a thread of its own, which nobody waits for at the end.

    To be a loop's default executor, which plugins, DNS look-ups and crossdock itself share by `asyncio.to_thread`: in
    one with a few threads, a handful of calls that hang would stop everybody.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return _begun(partial(fn, *args, **kwargs), name="call")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Returns at once."""


async def finished(start: Callable[[], Awaitable[T]], *, within_s: float, name: str) -> asyncio.Task[T] | None:
    """The task that `start` was called and awaited in, once it is done; None where it isn't within `within_s` seconds.

    The task is cancelled then, and with its caller, and left behind if it doesn't heed that. A task that comes back
    cancelled has cancelled itself, and its exception may be one that is no Exception.
    """
    task = asyncio.create_task(_tamed(start), name=name)
    task.add_done_callback(_heard)
    try:
        done, _ = await asyncio.wait([task], timeout=within_s)
    finally:
        if not task.done():
            await _leave(task, grace_s=min(GRACE_S, within_s))
    return task if done else None


async def in_a_thread(work: Callable[[], T], *, name: str) -> T:
    """What `work` gives, computed in a thread of its own that nobody waits for at the end: it may never come back."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def tell(_: Future[T]) -> None:
        with suppress(RuntimeError):  # the loop is closed: the program ended meanwhile
            loop.call_soon_threadsafe(ended.set)

    context = contextvars.copy_context()  # what is logged there is told with the store's name, too
    outcome = _begun(partial(context.run, work), name=name)
    outcome.add_done_callback(tell)
    await ended.wait()
    error = outcome.exception()
    if error is not None and not isinstance(error, Exception):
        raise harmless(error) from error
    return outcome.result()


def _begun(work: Callable[[], T], *, name: str) -> Future[T]:
    """What `work` will give, in a thread that has been started for it and that no end of the program waits for."""
    outcome = Future[T]()

    def run() -> None:
        if not outcome.set_running_or_notify_cancel():
            return
        try:
            outcome.set_result(work())
        except BaseException as error:  # it must not end the thread without a word: somebody waits for it
            outcome.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return outcome


async def alone(name: str) -> None:
    """Returns when no thread of this name runs any more: at once, unless one was left behind."""
    while any(thread.name == name for thread in threading.enumerate()):  # noqa: ASYNC110 -- it tells nobody of its end
        await asyncio.sleep(LOOK_AGAIN_S)


async def _tamed(start: Callable[[], Awaitable[T]]) -> T:
    try:
        return await start()
    except (SystemExit, KeyboardInterrupt) as error:  # these two would leave the task for the loop, and end it
        raise harmless(error) from error


def harmless(error: BaseException) -> RuntimeError:
    """What is told instead of an error that would be taken for an order to us."""
    return RuntimeError(f"it raised {type(error).__name__}, which is not its to raise")


async def _leave(task: asyncio.Task[T], *, grace_s: float) -> None:
    """Cancels the task and gives it a moment to tidy up. One that goes on is not waited for at the program's end."""
    task.cancel()
    try:
        await asyncio.wait([task], timeout=grace_s)
    finally:
        if not task.done():
            asyncio._unregister_task(task)  # else asyncio.run would wait for it, as for every task


def _heard(task: asyncio.Task[T]) -> None:
    """What it raises after it was left is nobody's concern, and no reason for asyncio to complain, secrets and all."""
    if not task.cancelled():
        task.exception()
