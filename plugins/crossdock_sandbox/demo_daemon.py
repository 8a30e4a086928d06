"""The daemon of the demo: `crossdock run` as a person would start it, and its log told to whoever watches.

It runs in the demo's process group, so that what ends the whole group ends it too.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from .demo_words import DemoError, announce, announce_command, tell

CROSSDOCK = (sys.executable, "-m", "crossdock")
STOPS_WITHIN_S = 30.0  # it says itself that it takes no longer than 10

_BUSY = ("crossdock.loopwatch", "WARNING")  # logger and level of what a machine that does much else brings about
_RUN = re.compile(r"([\d,]+ imported), ([\d,]+ updated)")


class _Line(msgspec.Struct):
    """A line of the log, as far as it is needed."""

    message: str
    store: str | None = None
    logger: str = ""
    level: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """What the daemon has to say, in the demo's form."""

    words: str
    level: str


class Daemon:
    """The running daemon. What it has to say is told as it's read: by `until`, `follow` and `stop`.

    News that match `untold` pass in silence.
    """

    def __init__(self, process: asyncio.subprocess.Process, untold: re.Pattern[str] | None = None) -> None:
        self._process = process
        self._untold = untold

    async def until(self, *expected: str, patience_s: float) -> None:
        """Returns once the daemon has had news that begin with each of these; they are told in this order.

        All other news are told as they come. Raises DemoError if it ends by itself or takes too long.
        """
        found: dict[str, News] = {}
        try:
            async with asyncio.timeout(patience_s):
                while found.keys() != set(expected):
                    news = await self._next_news()
                    words = next((words for words in expected if news.words.startswith(words)), None)
                    if words is None or words in found:
                        tell(news.words, news.level)
                    else:
                        found[words] = news
        except TimeoutError:
            missing = next(words for words in expected if words not in found)
            raise DemoError(f"The daemon did not say “{missing} …” within {patience_s:.0f} s.") from None
        for words in expected:
            tell(found[words].words, found[words].level)

    async def follow(self, seconds: float) -> None:
        """Tells for so long what the daemon has to say. Raises DemoError if it ends by itself."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    news = await self._next_news()
                    tell(news.words, news.level)

    async def stop(self) -> None:
        """Has it end as a supervisor would. Raises DemoError if it doesn't, or not well."""
        with suppress(ProcessLookupError):  # Ctrl-C in a terminal reaches it too
            self._process.terminate()
        announce("\nThe daemon is told to stop.")
        try:
            async with asyncio.timeout(STOPS_WITHIN_S):
                while news := await self._read_news():
                    tell(news.words, news.level)
                code = await self._process.wait()
        except TimeoutError:
            raise DemoError(f"The daemon did not stop within {STOPS_WITHIN_S:.0f} s.") from None
        if code:
            raise DemoError(f"The daemon did not stop well: {_how(code)}.")

    async def _next_news(self) -> News:
        news = await self._read_news()
        if news is None:
            raise DemoError(f"The daemon ended by itself: {_how(await self._process.wait())}.")
        return news

    async def _read_news(self) -> News | None:
        """The next line that says something new; None at the end. Runs that found nothing new pass in silence."""
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            news = _news_of(line)
            if news and not (self._untold and self._untold.fullmatch(news.words)):
                return news
        return None


@asynccontextmanager
async def daemon(config: Path, untold: re.Pattern[str] | None = None) -> AsyncGenerator[Daemon, None]:
    """`crossdock run`; if it still runs at the end of the block, because something went wrong, it is killed."""
    announce_command("crossdock run")
    process = await asyncio.create_subprocess_exec(
        *CROSSDOCK, "-c", str(config), "run", "--log-format", "json", stderr=asyncio.subprocess.PIPE
    )
    try:
        yield Daemon(process, untold)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def _news_of(line: bytes) -> News | None:
    try:
        read = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError):  # a traceback, or what Python itself has to say
        words = line.decode(errors="replace").rstrip()
        return News(words, "ERROR") if words else None
    if (read.logger, read.level) == _BUSY:
        return None
    words = read.message
    if run := _RUN.search(words):
        counts = [count for count in run.groups() if not count.startswith("0 ")]
        if not counts:
            return None
        words = ", ".join(counts)
    if read.store is not None:
        words = f"{read.store}: {words.removeprefix(f'{read.store}: ')}"
    return News(words, read.level)


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
