"""Whoever blocks the event loop is named."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable

import pytest
from crossdock.loopwatch import watch

BLOCK_S = 1.5  # long enough to be noticed on a machine with more to do
PATIENCE_S = 30


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 -- another thread brings it about
            await asyncio.sleep(0.01)


async def block(seconds: float) -> None:
    time.sleep(seconds)  # noqa: ASYNC251 -- what a plugin must not do


async def block_in_a_task(name: str) -> None:
    await asyncio.create_task(block(BLOCK_S), name=name)


def warnings_about(name: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    return [text for record in caplog.records if name in (text := record.getMessage())]


async def test_a_task_that_blocks_the_loop_is_named_once_it_turns_again(caplog: pytest.LogCaptureFixture) -> None:
    async with watch():
        await block_in_a_task("import acme-au")
        await until(lambda: warnings_about("while 'import acme-au' was at work", caplog))
    (words,) = warnings_about("acme-au", caplog)
    assert "the event loop stood still for" in words
    assert "asyncio.to_thread" in words
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


async def test_each_stop_has_its_own_warning_with_its_own_task(caplog: pytest.LogCaptureFixture) -> None:
    async with watch():
        await block_in_a_task("import acme-au")
        await until(lambda: warnings_about("'import acme-au'", caplog))
        await block_in_a_task("import beta")
        await until(lambda: warnings_about("'import beta'", caplog))
    assert len(warnings_about("acme-au", caplog)) == 1


async def test_a_callback_that_blocks_is_told_without_a_name(caplog: pytest.LogCaptureFixture) -> None:
    async with watch():
        asyncio.get_running_loop().call_soon(time.sleep, BLOCK_S)
        await until(lambda: caplog.records)
    assert "no task was seen at work" in caplog.records[0].getMessage()


def stacks(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.stack_info for record in caplog.records if record.stack_info]


async def block_until_it_is_told(caplog: pytest.LogCaptureFixture, times: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while len(stacks(caplog)) < times and time.monotonic() < end:
        time.sleep(0.01)  # noqa: ASYNC251


async def test_a_loop_that_does_not_come_back_shows_where_it_stands_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    async with watch(lag_s=0.1, stuck_s=0.3):
        await asyncio.create_task(block_until_it_is_told(caplog, 1), name="import acme-au")
        await until(lambda: caplog.records[-1].levelno == logging.WARNING)  # it is back
    stuck = next(record for record in caplog.records if record.levelno == logging.ERROR)
    assert "'import acme-au' was at work" in stuck.getMessage()
    assert "in block_until_it_is_told" in stacks(caplog)[0]


async def test_the_next_time_it_is_shown_again(caplog: pytest.LogCaptureFixture) -> None:
    async with watch(lag_s=0.1, stuck_s=0.3):
        await asyncio.create_task(block_until_it_is_told(caplog, 1), name="import acme-au")
        await until(lambda: caplog.records[-1].levelno == logging.WARNING)
        await asyncio.create_task(block_until_it_is_told(caplog, 2), name="import acme-au")
    assert len(stacks(caplog)) == 2


async def test_it_is_told_once_however_long_it_stands(caplog: pytest.LogCaptureFixture) -> None:
    async with watch(lag_s=0.5, stuck_s=0.6):
        await block_in_a_task("import acme-au")
        await until(lambda: caplog.records and caplog.records[-1].levelno == logging.WARNING)
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]


async def test_waiting_blocks_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with watch(lag_s=5.0):  # on a busy machine even a loop with nothing to do is late
        before = time.monotonic()
        await until(lambda: time.monotonic() - before > 1.0)
    assert caplog.records == []


async def test_the_age_of_the_last_beat_grows_while_the_loop_stands_and_starts_again_after() -> None:
    async with watch(lag_s=PATIENCE_S) as watching:
        await block(BLOCK_S)
        blocked_s = watching.beat_age_s()
        assert blocked_s >= BLOCK_S
        await until(lambda: watching.beat_age_s() < blocked_s)


async def test_the_thread_ends_with_the_block() -> None:
    def names() -> list[str]:
        return [thread.name for thread in threading.enumerate()]

    async with watch():
        assert "loop watch" in names()
    assert "loop watch" not in names()
