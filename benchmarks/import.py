"""What an import costs, as ratios and counts of one run. `python benchmarks/import.py [--large]`.

- ratio: `crossdock import` of some 10,000 open orders against `bare.py`, whole processes in turn, median of the pairs;
- requests per 1,000 orders, and those of an import with nothing new;
- peak memory for 1,000 and, with --large, for 100,000 orders.

The simulated store runs in a process of its own; its work is in the seconds of both sides alike.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAIRS = 5
STORE = 20_000  # orders, of which about half are open and imported


@contextmanager
def sandbox(orders: int) -> Iterator[dict[str, str]]:
    """A simulated store with this many orders and no quota to speak of; gives its settings."""
    command = [sys.executable, "-m", "crossdock", "sandbox", "--port", "0", "--orders", str(orders), "--seed", "7"]
    process = subprocess.Popen([*command, "--quota", "10000000", "--json"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def run(command: list[str], **environment: str) -> tuple[float, float, str]:
    """Seconds, peak MiB and the output of a whole process."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed")
    return time.perf_counter() - began, usage.ru_maxrss / 1024, output


def configured(folder: Path, settings: dict[str, str]) -> list[str]:
    """The command that imports from this store into a database in `folder`."""
    (folder / "stores.yaml").write_text(
        "stores:\n  demo:\n    connector: bigcommerce\n    settings:\n"
        + "".join(f"      {key}: {settings[key]}\n" for key in ("api_path", "client_id", "access_token")),
        encoding="utf-8",
    )
    return [sys.executable, "-m", "crossdock", "-c", str(folder / "stores.yaml"), "import", "demo", "--json"]


def imported(settings: dict[str, str]) -> tuple[float, float, dict[str, Any], dict[str, Any]]:
    """Seconds and peak MiB of a first import, its counts, and those of a second one."""
    with tempfile.TemporaryDirectory() as folder:
        command = configured(Path(folder), settings)
        seconds, memory, output = run(command)
        return seconds, memory, json.loads(output), json.loads(run(command)[2])


def bare(settings: dict[str, str]) -> float:
    """Seconds of the yardstick."""
    with tempfile.TemporaryDirectory() as folder:
        base = settings["api_path"].removesuffix("v3/")
        return run([sys.executable, str(HERE / "bare.py"), base, settings["access_token"], f"{folder}/bare.db"])[0]


def main() -> None:
    """Prints the figures."""
    with sandbox(STORE) as settings:
        imported(settings)  # warms the store's caches for both
        pairs = [(imported(settings), bare(settings)) for _ in range(PAIRS)]
    ours = statistics.median(one[0] for one, _ in pairs)
    ratios = [one[0] / yardstick for one, yardstick in pairs]
    first, again = pairs[0][0][2], pairs[0][0][3]
    print(f"{STORE:,} orders in the store, {first['imported']:,} of them open: {ours:.2f} s")
    print(f"against the bare program: {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
    print(f"requests per 1,000 imported: {1000 * first['requests'] / first['imported']:.1f}")
    print(f"an import with nothing new: {again['requests']} requests, {again['unchanged']} orders looked at")
    for orders in (1_000, 100_000) if "--large" in sys.argv else (1_000,):
        with sandbox(orders) as settings:
            seconds, memory, counts, _ = imported(settings)
        print(f"{orders:,} orders, {counts['imported']:,} imported: {memory:.0f} MiB peak, {seconds:.1f} s")
    print(f"this program itself: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
