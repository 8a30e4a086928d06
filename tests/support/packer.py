"""A process that packs and is killed: it has loaded all of crossdock, and forks for each job, so that kills are cheap.

Reads jobs from stdin, one JSON object a line, and answers each with its child's exit code, negative for a signal.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from crossdock.engine import Engine, ImportRequest
from crossdock_sandbox.server import Running
from crossdock_sandbox.store import SandboxStore

from support.bench import STORE, Bench
from support.programs import TESTS
from support.shipping import ENOUGH_S, Points, ship

START = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
SETTLE = timedelta(seconds=2)
SETTINGS = {"pickup_in_store": True}


class SharedClock:
    """One time for several processes, which is wound by each that sleeps: it lies in a file that all of them map."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(struct.pack("d", 0.0))
        with path.open("r+b") as file:
            self._passed = mmap.mmap(file.fileno(), 8)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        passed: float = struct.unpack("d", self._passed[:8])[0]
        return passed

    async def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        await asyncio.sleep(0)
        self.wind(max(0.0, until - self.monotonic()))

    def wind(self, seconds: float) -> None:
        """It is `seconds` later, for everybody."""
        self._passed[:8] = struct.pack("d", self.monotonic() + seconds)


@dataclass(slots=True)
class Packer:
    """The process, and what its jobs begin with."""

    process: subprocess.Popen[str]
    folder: Path
    running: Running
    clock: SharedClock

    def does(self, order: int, *said: Mapping[str, Any], killed_at: int = 0, imports: bool = False) -> int:
        """How a process ended that ships what was said of an order and tells the store, or goes on with what's left."""
        job = {
            "folder": str(self.folder),
            "api_path": self.running.api_path,
            "access_token": self.running.access_token,
            "client_id": self.running.client_id,
            "clock": str(self.clock.path),
            "order": order,
            "said": said,
            "killed_at": killed_at,
            "imports": imports,
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        return int(answer)


@contextmanager
def packer(folder: Path, running: Running, clock: SharedClock) -> Iterator[Packer]:
    """A packer at this store, until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "support.packer"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Packer(process, folder, running, clock)
        finally:
            process.kill()


def _serve() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _work(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _work(job: Mapping[str, Any]) -> None:
    code = 70
    try:
        asyncio.run(_pack(job))
        code = 0
    finally:
        os._exit(code)


async def _pack(job: Mapping[str, Any]) -> None:
    nowhere = SandboxStore()
    running = Running(nowhere, 0, job["api_path"], job["client_id"], job["access_token"], "")
    clock = SharedClock(Path(job["clock"]))
    bench = Bench(Path(job["folder"]), nowhere, running, clock, SETTINGS, settle=SETTLE)  # type: ignore[arg-type]  # winds alike
    async with bench.engines() as engine:
        if job["killed_at"]:
            Points(engine, last=job["killed_at"], at_last=_die)
        if job["imports"]:
            await engine.import_store(STORE, ImportRequest())
            return
        for one in job["said"]:
            await ship(engine, job["order"], **one)
            await _tell_all(engine, clock)


async def _tell_all(engine: Engine, clock: SharedClock) -> None:
    """As a starting daemon does, until nothing is left."""
    await engine.dispatch.retry(STORE, [])
    end = clock.now() + timedelta(seconds=ENOUGH_S)
    while await engine.state.unfinished(STORE) and clock.now() < end:
        await engine.dispatch.write_back(STORE)
        clock.wind(0.5)


async def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    _serve()
