"""What a daemon with many stores costs. `python benchmarks/stores.py [--stores N] [--minutes M]`.

`crossdock run` with 10,000 stores at `every: 5m` against a platform that has nothing new, in a process of its own over
loopback. Once every store was imported for the first time, and for the given minutes after that:

- start: seconds until every store is scheduled, and until every one was imported for the first time;
- memory: resident, at the end and at its peak;
- CPU: the daemon's share of one core while it does nothing but poll;
- lateness: how long after their times polls begin, by the platform's own clock.

The platform answers as a BigCommerce store without orders does; each store is an account of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import web
from crossdock.config import StoreConfig
from crossdock.timetable import next_time

EVERY = timedelta(minutes=5)
TICKS = os.sysconf("SC_CLK_TCK")


def platform(told: Connection) -> None:
    """The platform's process: tells its port, and when asked, the times at which each store's polls began."""
    begins: dict[str, list[float]] = {}

    async def answer(request: web.Request) -> web.StreamResponse:
        store, path = request.match_info["store"], request.match_info["path"]
        headers = {"Date": format_datetime(datetime.now(UTC), usegmt=True)}
        if path == "v2/store":
            about = {"id": store, "name": store, "timezone": {"name": "UTC"}, "currency": "AUD", "weight_units": "KGS"}
            return web.json_response(about, headers=headers)
        if "sort" in request.query and "modified" in request.query["sort"]:
            begins.setdefault(store, []).append(time.time())
        return web.Response(status=204, headers=headers)

    async def report(_: web.Request) -> web.Response:
        return web.json_response(begins)

    async def serve() -> None:
        app = web.Application()
        app.router.add_get("/report", report)
        app.router.add_get("/stores/{store}/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        told.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(serve())


def configure(folder: Path, stores: int, port: int) -> None:
    """A `stores.yaml` with this many stores."""
    entries = "".join(
        f"  {name(number)}:\n    connector: bigcommerce\n    settings:\n"
        f"      api_path: http://127.0.0.1:{port}/stores/{name(number)}/v3/\n"
        f"      client_id: client\n      access_token: token-{number}\n"
        for number in range(stores)
    )
    text = f"engine: {{web: {{port: 0}}}}\ndefaults: {{every: {EVERY // timedelta(minutes=1)}m}}\nstores:\n{entries}"
    (folder / "stores.yaml").write_text(text, encoding="utf-8")


def name(number: int) -> str:
    return f"store-{number:05}"


def begins_at(port: int) -> dict[str, list[float]]:
    """When each store's polls began."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/report") as answer:
        found: dict[str, list[float]] = json.load(answer)
    return found


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(pid: int) -> tuple[float, float]:
    """Resident now, and at its peak."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    found = {line.partition(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return int(found["VmRSS"]) / 1024, int(found["VmHWM"]) / 1024


def lateness(begins: dict[str, list[float]], since: float) -> list[float]:
    """Seconds from the time at which a store was due to the one at which its poll began, for each poll."""
    late = []
    for store, times in begins.items():
        config = cast(StoreConfig, SimpleNamespace(name=store, cron=None, every=EVERY))
        for begun in times:
            due = next_time(config, datetime.fromtimestamp(begun, UTC) - EVERY)
            if due is not None and begun > since:
                late.append(begun - due.timestamp())
    return sorted(late)


def measure(folder: Path, stores: int, minutes: float, port: int) -> dict[str, Any]:
    """The figures of one daemon."""
    configure(folder, stores, port)
    command = [sys.executable, "-m", "crossdock", "-c", str(folder / "stores.yaml"), "run"]
    began = time.monotonic()
    with (folder / "log").open("w") as log:
        daemon = subprocess.Popen(command, stderr=log)
    try:
        while "ready: " not in (folder / "log").read_text(encoding="utf-8"):
            assert daemon.poll() is None, (folder / "log").read_text(encoding="utf-8")[-2000:]
            time.sleep(0.05)
        ready_s = time.monotonic() - began
        while len(begins_at(port)) < stores:
            time.sleep(1)
        first_s = time.monotonic() - began
        time.sleep(30)  # what was overdue at the start is over
        cpu, since = cpu_s(daemon.pid), time.time()
        time.sleep(minutes * 60)
        share = (cpu_s(daemon.pid) - cpu) / (time.time() - since)
        late = lateness(begins_at(port), since)
        resident, peak = memory_mib(daemon.pid)
        ending = time.monotonic()
        daemon.terminate()
        assert daemon.wait() == 0
        return {
            "stores": stores,
            "ready_s": ready_s,
            "first_imports_s": first_s,
            "resident_mib": resident,
            "peak_mib": peak,
            "share_of_a_core": share,
            "polls": len(late),
            "late_median_s": statistics.median(late),
            "late_p99_s": late[int(len(late) * 0.99)],
            "late_max_s": late[-1],
            "stopped_s": time.monotonic() - ending,
        }
    finally:
        daemon.kill()
        daemon.wait()


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stores", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=5.0)
    chosen = parser.parse_args()
    ours, theirs = Pipe()
    server = Process(target=platform, args=(theirs,), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        for what, figure in measure(Path(folder), chosen.stores, chosen.minutes, ours.recv()).items():
            print(f"{what:18} {figure:10.3f}" if isinstance(figure, float) else f"{what:18} {figure:10}")
    server.kill()


if __name__ == "__main__":
    main()
