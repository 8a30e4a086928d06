"""What whole pages cost, however many orders there are. `python benchmarks/pages.py [--orders N] [--keep FILE]`.

Milliseconds of each page and of the API over loopback, the daemon in a process of its own, its stores paused: the
median, the 99th percentile, how many times a bare answer (`/healthz`) that is, and the page's kilobytes.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from crossdock.state.sqlite import open_sqlite
from lists import STORES, asked, fill

ASKED = 100  # times each
SETTINGS = "{api_path: 'http://127.0.0.1:9/stores/x/v3/', client_id: a, access_token: b}"


async def prepare(database: Path, orders: int) -> None:
    """The database with so many new orders, of stores that all are paused."""
    state = await open_sqlite(database)
    try:
        if orders:
            fill(database, orders)
        for store in STORES:
            await state.pause(store, datetime.now(UTC))
    finally:
        await state.close()


@asynccontextmanager
async def daemon(folder: Path, database: Path) -> AsyncIterator[str]:
    """crossdock's own daemon, and where its page is."""
    stores = "\n".join(f"  {store}: {{connector: bigcommerce, settings: {SETTINGS}}}" for store in STORES)
    config = f"engine: {{database: {database}, keep_days: null, web: {{port: 0}}}}\nstores:\n{stores}\n"
    (folder / "stores.yaml").write_text(config, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "crossdock", "run", cwd=folder, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        while "listening on " not in (line := (await process.stderr.readline()).decode()):
            pass
        yield line.split()[-1]
    finally:
        process.terminate()
        await process.communicate()


async def measure(address: str) -> None:
    """Prints what each page costs."""
    async with aiohttp.ClientSession() as client:

        async def seconds(path: str) -> tuple[float, int]:
            began = time.perf_counter()
            async with client.get(address + path) as answer:
                weight = len(await answer.read())
                assert answer.status == 200, (path, answer.status)
            return time.perf_counter() - began, weight

        bare = statistics.median([(await seconds("/healthz"))[0] for _ in range(ASKED)])
        print(f"{'milliseconds':50} {'median':>8} {'p99':>8} {'× bare':>8} {'kB':>7}")
        for name, path in PAGES.items():
            taken = [await seconds(path(number)) for number in range(ASKED + 1)][1:]  # the first fills caches
            median = statistics.median(one for one, _ in taken)
            most = statistics.quantiles((one for one, _ in taken), n=100)[98]
            weight = statistics.median(weight for _, weight in taken)
            print(f"{name:50} {1000 * median:8.1f} {1000 * most:8.1f} {median / bare:8.1f} {weight / 1000:7.1f}")


def _fixed(path: str) -> Callable[[int], str]:
    return lambda number: path


PAGES: dict[str, Callable[[int], str]] = {
    **{f"list {tab}": _fixed(f"/shipments?tab={tab}") for tab in ("new", "waiting", "shipped", "closed", "all")},
    "list new of a store": _fixed(f"/shipments?tab=new&store={STORES[0]}"),
    "list new to NZ": _fixed("/shipments?tab=new&country=NZ"),
    "list all for pickup": _fixed("/shipments?tab=all&pickup=1"),
    "search for a name": _fixed("/shipments?tab=all&search=mia"),
    "search for two words": _fixed("/shipments?tab=all&search=mia+patelkelly"),
    "search for the beginning of a number": _fixed("/shipments?tab=all&search=1000"),
    "search for what nearly all have": _fixed("/shipments?tab=all&search=exam"),
    "a scanned number, with the order it leads to": lambda number: f"/shipments?search={100_001 + number * 997}",
    "write-backs that were refused": _fixed("/write-backs?state=refused"),
    "integrations": _fixed("/settings/integrations"),
    "runs": _fixed("/runs"),
    "API: 50 orders": _fixed("/api/v1/orders?limit=50"),
    "API: stores": _fixed("/api/v1/stores"),
}


async def main() -> None:
    """Makes the database and prints the figures."""
    options = asked()
    with tempfile.TemporaryDirectory() as folder:
        database = (options.keep or Path(folder) / "crossdock.db").absolute()
        await prepare(database, 0 if database.exists() else options.orders)
        async with daemon(Path(folder), database) as address:
            await measure(address)


if __name__ == "__main__":
    asyncio.run(main())
