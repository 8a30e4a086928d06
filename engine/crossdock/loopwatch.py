"""Names who blocks the event loop, on which all stores wait for one another.

A beat on the loop says that it turns; a thread beside it sees when the beat is overdue, and who is at work then.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

log = logging.getLogger("crossdock.loopwatch")

BEAT_S = 0.25
LAG_S = 0.5  # by then a page of the web has become slow to look at
STUCK_S = 10.0  # nobody means to block for that long: its stack is needed, as it may never come back
PATIENCE_S = 1.0  # for the thread, which could be waiting for a full pipe to take its words

ADVICE = "All stores wait meanwhile: a plugin must await what takes long, or do it in a thread (asyncio.to_thread)."


class LoopWatch:
    """What `watch` gives."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, lag_s: float, stuck_s: float) -> None:
        self._loop = loop
        self._loop_thread = threading.get_ident()
        self._lag_s = lag_s
        self._stuck_s = stuck_s
        self._last_beat = time.monotonic()
        self._at_work: dict[str, None] = {}  # who was seen since the last beat, in their order
        self._is_told_stuck = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="loop watch", daemon=True)

    def beat_age_s(self) -> float:
        """How long ago the loop has last turned. It may be asked from any thread."""
        return time.monotonic() - self._last_beat

    def start(self) -> None:
        self._thread.start()
        self._next_beat = self._loop.call_later(BEAT_S, self._beat)

    def stop(self) -> None:
        """The thread has ended, or will as soon as it can write what it has to say."""
        self._next_beat.cancel()
        self._ended.set()
        self._thread.join(PATIENCE_S)

    def _beat(self) -> None:
        """On the loop: tells that it stood still, if it did."""
        stood_s = self.beat_age_s() - BEAT_S
        at_work, self._at_work = self._at_work, {}
        self._last_beat = time.monotonic()
        self._is_told_stuck = False
        if stood_s > self._lag_s:
            log.warning("the event loop stood still for %.1f s while %s. %s", stood_s, _in_words(at_work), ADVICE)
        self._next_beat = self._loop.call_later(BEAT_S, self._beat)

    def _look(self) -> None:
        """In the thread: notes who is at work while the beat is overdue."""
        while not self._ended.wait(BEAT_S):
            overdue_s = self.beat_age_s() - BEAT_S
            if overdue_s <= self._lag_s:
                continue
            task = asyncio.current_task(self._loop)
            if task is not None:
                self._at_work[task.get_name()] = None
            if overdue_s > self._stuck_s and not self._is_told_stuck:
                self._is_told_stuck = True
                self._tell_stuck(overdue_s)

    def _tell_stuck(self, overdue_s: float) -> None:
        frame = sys._current_frames().get(self._loop_thread)
        words = "the event loop has been standing still for %.0f s, while %s; where it stands follows. %s"
        record = log.makeRecord(
            log.name,
            logging.ERROR,
            __file__,
            0,
            words,
            (overdue_s, _in_words(self._at_work), ADVICE),
            exc_info=None,
            sinfo="".join(["Stack of the event loop:\n", *traceback.format_stack(frame)]).rstrip(),
        )
        log.handle(record)


@asynccontextmanager
async def watch(*, lag_s: float = LAG_S, stuck_s: float = STUCK_S) -> AsyncGenerator[LoopWatch, None]:
    """Until the block ends, whoever keeps the loop for longer than `lag_s` is named in the log.

    One warning once the loop turns again; and after `stuck_s`, while it stands, the place where it does.
    """
    watching = LoopWatch(asyncio.get_running_loop(), lag_s=lag_s, stuck_s=stuck_s)
    watching.start()
    try:
        yield watching
    finally:
        watching.stop()


def _in_words(at_work: dict[str, None]) -> str:
    names = [f"'{name}'" for name in at_work]
    if not names:
        return "no task was seen at work (a callback was, or the machine itself stood still)"
    if len(names) == 1:
        return f"{names[0]} was at work"
    return f"{', '.join(names[:-1])} and {names[-1]} were at work"
