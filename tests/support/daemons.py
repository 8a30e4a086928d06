"""`crossdock run` as a process of its own, whose log is read line by line."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from support.commandline import CROSSDOCK, TOO_LONG_S, Desk

Line = Mapping[str, Any]
EVERY_SECOND = "engine: {web: {port: 0}}\ndefaults: {every: 1s}\n"


@dataclass(slots=True)
class RunningDaemon:
    """A daemon that is running; `told` is what its log has said so far."""

    process: subprocess.Popen[str]
    told: list[Line] = field(default_factory=list)
    _lines: queue.Queue[str | None] = field(default_factory=queue.Queue)

    def until(self, *words: str) -> Line:
        """The next line of the log that holds all of these words, in its message."""
        return self.until_line(lambda line: all(word in line["message"] for word in words), what=" … ".join(words))

    def until_line(self, fits: Callable[[Line], bool], *, what: str) -> Line:
        end = time.monotonic() + TOO_LONG_S
        while True:
            try:
                text = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"it has not told of: {what}\n{self.log}") from None
            assert text is not None, f"it ended before it told of: {what}\n{self.log}"
            self.told.append(json.loads(text))
            if fits(self.told[-1]):
                return self.told[-1]

    def so_far(self, *words: str) -> list[Line]:
        """The lines read so far whose message holds all of these words."""
        return [line for line in self.told if all(word in line["message"] for word in words)]

    @property
    def log(self) -> str:
        return "\n".join(f"{line['level']} {line['message']}" for line in self.told)

    @property
    def address(self) -> str:
        """Where its pages are."""
        (line,) = self.so_far("listening on")
        found: str = line["message"].rpartition(" ")[2]
        return found

    def page(self, path: str) -> tuple[int, Any]:
        """The status and the JSON at a path."""
        try:
            with urllib.request.urlopen(f"{self.address}{path}", timeout=TOO_LONG_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def send(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it with a signal; its exit code."""
        self.send(number)
        return self.ended()

    def ended(self) -> int:
        """Its exit code, once it has ended by itself; the rest of its log is read."""
        code = self.process.wait(TOO_LONG_S)
        while (text := self._lines.get(timeout=TOO_LONG_S)) is not None:
            self.told.append(json.loads(text))
        return code


@contextmanager
def daemon(desk: Desk, *arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[RunningDaemon]:
    """`crossdock run` in the desk's folder, killed at the end of the block if it hasn't ended by then."""
    process = subprocess.Popen(
        [*CROSSDOCK, *arguments, "run", "--log-format", "json"],
        cwd=desk.folder,
        env=desk.environ(environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = RunningDaemon(process)

    def read() -> None:
        assert process.stderr is not None
        for text in process.stderr:
            running._lines.put(text if text.startswith("{") else json.dumps({"level": "RAW", "message": text}))
        running._lines.put(None)

    reader = threading.Thread(target=read, name="log")
    with process:
        reader.start()
        try:
            yield running
        finally:
            process.kill()
            process.wait()
            reader.join()


@contextmanager
def started(desk: Desk, *arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[RunningDaemon]:
    """The same, once it's ready."""
    with daemon(desk, *arguments, environ=environ) as running:
        running.until("ready: ")
        yield running
