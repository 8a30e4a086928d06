"""Other people's code, run apart: its waits have an end, and what it raises ends nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar

import pytest
from crossdock.threads import ThreadEach, alone, finished, in_a_thread

ENDS = (SystemExit(0), KeyboardInterrupt(), asyncio.CancelledError())


def raising(error: BaseException) -> Callable[[], object]:
    def raise_it() -> object:
        raise error

    return raise_it


async def test_a_thread_gives_its_result_and_knows_what_the_log_is_about() -> None:
    subject = ContextVar("subject", default="")
    subject.set("acme")
    thread, about = await in_a_thread(lambda: (threading.current_thread(), subject.get()), name="mapping")
    assert (thread.name, about) == ("mapping", "acme")
    assert thread is not threading.main_thread()


async def test_what_a_thread_raises_is_raised() -> None:
    with pytest.raises(KeyError):
        await in_a_thread(raising(KeyError("x")), name="mapping")


@pytest.mark.parametrize("error", [*ENDS, StopIteration()], ids=repr)
async def test_a_thread_can_end_neither_the_program_nor_the_task_that_waits(error: BaseException) -> None:
    with pytest.raises(RuntimeError):
        await asyncio.wait_for(in_a_thread(raising(error), name="mapping"), 10)


async def test_a_thread_that_was_left_behind_can_be_waited_for() -> None:
    release = threading.Event()
    left = asyncio.create_task(in_a_thread(release.wait, name="left"), name="left")
    await asyncio.sleep(0)
    left.cancel()
    waiting = asyncio.create_task(alone("left"), name="waiting")
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()
    release.set()
    await asyncio.wait_for(waiting, 10)


@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt()], ids=repr)
async def test_what_would_end_the_program_is_an_error_of_the_task(error: BaseException) -> None:
    async def ending() -> None:
        raise error

    task = await finished(ending, within_s=10, name="ending")
    assert task is not None
    assert isinstance(task.exception(), RuntimeError)


async def test_a_task_that_takes_too_long_is_cancelled() -> None:
    ended = []

    async def waiting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("tidied up")

    assert await finished(waiting, within_s=0.05, name="waiting") is None
    assert ended == ["tidied up"]


async def test_a_task_ends_with_whoever_waits_for_it() -> None:
    ended, begun = [], asyncio.Event()

    async def waiting() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("tidied up")

    caller = asyncio.create_task(finished(waiting, within_s=600, name="waiting"), name="caller")
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended == ["tidied up"]


def test_a_task_that_heeds_no_cancellation_holds_up_neither_its_caller_nor_the_end_of_the_program() -> None:
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            with suppress(asyncio.CancelledError):
                await release.wait()

    async def program() -> object:
        asyncio.get_running_loop().call_later(20, release.set)  # so that this test ends when it fails
        return await finished(stubborn, within_s=0.05, name="stubborn")

    assert asyncio.run(program()) is None
    assert not release.is_set()


async def test_calls_that_hang_in_threads_keep_no_other_from_its_thread() -> None:
    asyncio.get_running_loop().set_default_executor(ThreadEach())
    end = threading.Event()
    hanging = [asyncio.create_task(asyncio.to_thread(end.wait)) for _ in range(50)]
    try:
        assert await asyncio.to_thread(lambda: "here") == "here"
        with pytest.raises(LookupError, match="not this one"):
            await asyncio.to_thread(_not_this_one)
        hanging[0].cancel()
    finally:
        end.set()
    assert await asyncio.gather(*hanging[1:]) == [True] * 49


def _not_this_one() -> None:
    raise LookupError("not this one")
