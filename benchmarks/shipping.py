"""What telling a store of a shipment costs, as counts and ratios of one run. `python benchmarks/shipping.py`.

- requests per shipment, where the store moves the status by itself and where crossdock has to;
- time from `ship` to `confirmed` against that of the same requests made bare, one after the other, by the same client.

The simulated store runs in a process of its own; its work is in the seconds of both sides alike.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
import urllib.request
from importlib import import_module
from pathlib import Path
from typing import Any

import aiohttp
from crossdock.config import load
from crossdock.engine import Engine, ImportRequest, open_engine
from crossdock.model import ConsignmentKind, Order, Stage
from crossdock.plugins import load_plugins
from crossdock.shipping import ShipRequest

imports = import_module("import")  # the benchmark beside this one, whose name is no identifier

SHIPMENTS = 100


async def main() -> None:
    """Ships some orders of each kind of store and prints what that took."""
    with imports.sandbox(8 * SHIPMENTS) as settings, tempfile.TemporaryDirectory() as folder:
        imports.configured(Path(folder), settings)
        plugins = load_plugins()
        config = load(Path(folder) / "stores.yaml", plugins.connectors(), plugins.carriers())
        async with open_engine(config, plugins) as engine:
            await engine.import_store("demo", ImportRequest())
            orders = [one.order.id async for one in engine.orders(store="demo") if goes_one_way(one.order)]
            for moves in ("complete", "never"):
                control(settings, "POST", "/settings", {"shipment_moves_status": moves})
                mine, orders = orders[:SHIPMENTS], orders[SHIPMENTS:]
                control(settings, "DELETE", "/requests")
                seconds = [await shipped(engine, order) for order in mine]
                asked = control(settings, "GET", "/requests")
                bare = await repeated(settings, [entry for entry in asked if entry["method"] == "GET"])
                per_request = bare / sum(entry["method"] == "GET" for entry in asked)
                median = statistics.median(seconds)
                requests = len(asked) / len(mine)
                print(
                    f"shipment_moves_status {moves}: {requests:.2f} requests a shipment; from ship to confirmed "
                    f"{median * 1000:.1f} ms, {median / (per_request * requests):.2f} times as many bare requests"
                )


def goes_one_way(order: Order) -> bool:
    """Whether all of it waits to be shipped to one address, as most orders do."""
    return (
        order.shippable
        and order.stage is Stage.AWAITING
        and [one.kind for one in order.consignments] == [ConsignmentKind.SHIPPING]
    )


async def shipped(engine: Engine, order: str) -> float:
    """Seconds from saying it until the store shows it."""
    began = time.perf_counter()
    request = ShipRequest(order=order, carrier="Australia Post", tracking=f"33ABC{order}")
    made = await engine.dispatch.ship("demo", request)
    await engine.dispatch.write_back("demo", orders=[made.row.shipment.order_id])
    seconds = time.perf_counter() - began
    row = await engine.state.writeback(made.row.id)
    if row is None or row.state != "confirmed":
        sys.exit(f"order {order} was not confirmed: {row}")
    return seconds


async def repeated(settings: dict[str, str], asked: list[dict[str, Any]]) -> float:
    """Seconds that these reads take without crossdock."""
    base = settings["api_path"].removesuffix("/v3/")
    async with aiohttp.ClientSession(headers={"X-Auth-Token": settings["access_token"]}) as session:
        began = time.perf_counter()
        for entry in asked:
            async with session.get(f"{base}{entry['path']}", params=entry["query"]) as answer:
                await answer.read()
        return time.perf_counter() - began


def control(settings: dict[str, str], method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """What the control side of the simulated store answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{settings['control']}{path}", data=data, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


if __name__ == "__main__":
    asyncio.run(main())
