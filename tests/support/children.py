"""Commands that are stopped, held and killed while they work."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from crossdock_sandbox.store import SandboxStore

from support.commandline import CROSSDOCK, TOO_LONG_S, Desk, Ran


@dataclass(slots=True)
class Child:
    """A command that is running."""

    process: subprocess.Popen[str]
    told: list[str] = field(default_factory=list)

    def complaint(self) -> str:
        """Its next line on stderr, once it comes; "" at its end."""
        assert self.process.stderr is not None
        self.told.append(self.process.stderr.readline())
        return self.told[-1]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> Ran:
        """How it ended, by itself."""
        out, err = self.process.communicate(timeout=TOO_LONG_S)
        return Ran(self.process.returncode, out, "".join(self.told) + err)


@contextmanager
def child(desk: Desk, *arguments: str) -> Iterator[Child]:
    """`crossdock` with these arguments, killed at the end of the block if it hasn't ended by then."""
    process = subprocess.Popen(
        [*CROSSDOCK, *arguments],
        cwd=desk.folder,
        env=desk.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Child(process)
        finally:
            process.kill()


class Ambush:
    """Sends a signal to a child when its `request`th request comes in, or `after_s` later.

    With `withholds` the store answers nothing from then on, until it is released.
    """

    def __init__(
        self,
        store: SandboxStore,
        number: signal.Signals,
        *,
        request: int,
        after_s: float = 0.0,
        withholds: bool = False,
    ) -> None:
        self.sprung = threading.Event()
        self._released = threading.Event()
        self._withholds = withholds
        self._pid: int | None = None
        self._known = threading.Event()
        self._number = number
        self._after_s = after_s
        store.faults.add("edit", skip=request - 1, edit=self._spring)

    def of(self, child: Child) -> None:
        """Says whom the signal is for; until then the store holds its breath."""
        self._pid = child.process.pid
        self._known.set()

    def wait(self) -> None:
        """Until the signal has been sent."""
        assert self.sprung.wait(TOO_LONG_S)

    def release(self) -> None:
        """Lets the store answer again."""
        self._released.set()

    def _spring(self) -> None:
        self._known.wait(TOO_LONG_S)
        if self._after_s:
            asyncio.get_running_loop().call_later(self._after_s, self._send)
        else:
            self._send()
        if self._withholds:
            self._released.wait(2 * TOO_LONG_S)

    def _send(self) -> None:
        assert self._pid is not None
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.kill(self._pid, self._number)
        self.sprung.set()
