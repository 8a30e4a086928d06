"""What lists of orders cost, however many there are. `python benchmarks/lists.py [--orders N] [--keep FILE]`.

Milliseconds of each list, search, count and order, asked of the database as the pages do: the median, the 99th
percentile, and the first time.

The orders are written straight into the tables, spread as in the database of a warehouse with some stores: most have
been shipped long ago. `--keep` makes the database there, or uses the one that is.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from crossdock.model import instant
from crossdock.state.listing import ListQuery, Tab
from crossdock.state.sqlite import SqliteState, open_sqlite

ASKED = 60  # times each
PAGES = 20  # that are walked from each list's beginning
STORES = [f"store-{number:02}" for number in range(20)]
NAMES = [
    "Ava",
    "Ben",
    "Chloe",
    "Dan",
    "Ella",
    "Finn",
    "Grace",
    "Hugo",
    "Isla",
    "Jack",
    "Kira",
    "Liam",
    "Mia",
    "Noah",
    "Olive",
    "Pia",
    "Quinn",
    "Ruby",
    "Sam",
    "Tess",
]
FAMILIES = [
    "Smith",
    "Jones",
    "Nguyen",
    "Brown",
    "Lee",
    "Wilson",
    "Taylor",
    "Patel",
    "Kelly",
    "Singh",
    "Martin",
    "White",
    "Clarke",
    "Young",
    "Hall",
    "Okoro",
]
GOODS = [
    "Mug",
    "Tee",
    "Cap",
    "Poster",
    "Lamp",
    "Bowl",
    "Scarf",
    "Candle",
    "Journal",
    "Pen",
    "Vase",
    "Tray",
    "Towel",
    "Apron",
    "Kettle",
    "Stool",
]
COUNTRIES, COUNTRY_WEIGHTS = ("AU", "NZ", "US", "SG", "IS"), (800_000, 120_000, 79_000, 995, 5)
SERVICES, SERVICE_WEIGHTS = ("Standard", "Express", "Overnight", "By drone"), (800_000, 190_000, 9_900, 100)
STAGES = ("shipped", "completed", "awaiting", "part_shipped", "on_hold", "awaiting_pickup", "cancelled", "other")
STAGE_WEIGHTS = (880_000, 50_000, 14_000, 500, 2_000, 500, 50_000, 3_000)
BEGAN = datetime(2023, 1, 1, tzinfo=UTC)


def fill(path: Path, orders: int) -> None:
    """Writes so many orders, the older ones first, with what crossdock shipped of them."""
    random = Random(7)
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma synchronous = off")
        db.execute("begin")
        db.executemany(
            "insert into stores (name, connector, identity, account_name, bound_at) values (?, 'x', ?, ?, '')",
            [(store, store, store) for store in STORES],
        )
        for first in range(0, orders, 10_000):
            keys = range(first + 1, min(first + 10_000, orders) + 1)
            _insert(db, "orders", ORDER, (_order(random, key, orders) for key in keys))
            _insert(db, "consignments", CONSIGNMENT, (_consignment(random, key) for key in keys))
            _insert(db, "lines", LINE, (line for key in keys for line in _lines(random, key)))
        db.execute("create temp table told as select key, store, id, placed_at, under_way from orders where (stage in "
                   "('shipped', 'completed') and key % 2) or (stage = 'awaiting' and key % 20 = 0)")  # fmt: skip
        for statement in SHIPPED.split(";"):
            db.execute(statement)
        db.execute("commit")


ORDER = ("key, store, id, number, status_id, status_name, stage, shipping_allowed, placed_at, modified_at, currency, "
         "total, customer_name, customer_company, customer_email, billing, search, digest, derivation, as_of, "
         "imported_at, updated_at")  # fmt: skip
CONSIGNMENT = "order_key, position, id, kind, ship_to, pickup_from, service"
LINE = ("order_key, consignment, position, id, sku, name, quantity, quantity_shipped, quantity_refunded, unit_price, "
        "options, size, colour, requires_shipping")  # fmt: skip
SHIPPED = """
insert into shipments (id, store, order_id, consignment, carrier, tracking_number, sets_aside, key, created_at)
    select key, store, id, 'c', 'Sendle', '33ABC' || key, 0, 'k' || key, placed_at from told;
insert into shipment_lines select id, 'l0', 1 from shipments;
insert into writebacks (shipment, store, order_id, said, episode, state, next_try, shown_as_of)
    select key, store, id, key, key, iif(stage = 'awaiting', 'pending', iif(key % 997, 'confirmed', 'refused')),
    iif(stage = 'awaiting', placed_at, null), iif(stage = 'awaiting', null, placed_at)
    from told join orders using (key, store, id, placed_at);
update orders set under_way = 1 where key in (select shipment from writebacks where state = 'pending')
"""


def _insert(db: sqlite3.Connection, table: str, columns: str, rows: Iterator[tuple[object, ...]]) -> None:
    marks = ", ".join("?" for _ in columns.split(", "))
    db.executemany(f"insert into {table} ({columns}) values ({marks})", rows)


def _order(random: Random, key: int, orders: int) -> tuple[object, ...]:
    """An order: the bigger stores have more, and only a few percent of the older ones still wait."""
    store = STORES[min(int(random.expovariate(0.4)), len(STORES) - 1)]
    name, family = random.choice(NAMES), random.choice(FAMILIES) + random.choice(FAMILIES).lower()
    stage = random.choices(STAGES, STAGE_WEIGHTS)[0]
    placed = instant(BEGAN + timedelta(seconds=100 * key + random.randrange(86_400)))
    number, email = str(100_000 + key), f"{name}.{family}{key % 977}@example.com".lower()
    skus = " ".join(f"{random.choice(GOODS)[:3].upper()}-{random.randrange(5_000)}" for _ in range(2))
    address = json.dumps({"name": f"{name} {family}", "street": f"{key % 300} High St", "city": "Perth",
                          "region": "WA", "postcode": "6000", "country": "AU"})  # fmt: skip
    return (key, store, number, number, "2", "Shipped", stage, int(stage != "cancelled"), placed, placed, "AUD",
            "49.95", f"{name} {family}", None, email, address, f"{number} {name} {family} {email} {skus}",
            key.to_bytes(32), "1", placed, placed, placed)  # fmt: skip


def _consignment(random: Random, key: int) -> tuple[object, ...]:
    address = json.dumps({"name": "Ava", "street": f"{key % 300} High St", "city": "Perth", "region": "WA",
                          "postcode": "6000", "country": random.choices(COUNTRIES, COUNTRY_WEIGHTS)[0]})  # fmt: skip
    kind = "shipping" if random.random() < 0.99 else "pickup"
    place = (address, None) if kind == "shipping" else (None, address)
    return key, 0, "c", kind, *place, random.choices(SERVICES, SERVICE_WEIGHTS)[0]


def _lines(random: Random, key: int) -> Iterator[tuple[object, ...]]:
    for position in range(1 + (random.random() < 0.6)):
        yield (key, 0, position, f"l{position}", f"SKU-{random.randrange(5_000)}", random.choice(GOODS), 1, 0, 0,
               "24.95", '{"Size": "M", "Colour": "Navy"}', "M", "Navy", 1)  # fmt: skip


async def measured(name: str, ask: Callable[[int], Awaitable[str]]) -> None:
    """Prints what asking costs; `ask` is told which time it is, and says what it found."""
    seconds = []
    for time_ in range(ASKED + 1):
        began = time.perf_counter()
        found = await ask(time_)
        seconds.append(time.perf_counter() - began)
    first, *seconds = seconds
    median, most = statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]
    print(f"{name:55} {1000 * median:8.1f} {1000 * most:8.1f} {1000 * first:8.1f}   {found}", flush=True)


async def measure(state: SqliteState) -> None:
    """Prints what each list costs at the database."""
    print(f"{'milliseconds':55} {'median':>8} {'p99':>8} {'first':>8}")

    def lists(**asked: object) -> Callable[[int], Awaitable[str]]:
        place: list[str | None] = [None]

        async def ask(time_: int) -> str:
            query = ListQuery(**asked, place=place[0] if time_ % PAGES else None)  # type: ignore[arg-type]
            listed = await state.listing(query)
            place[0] = listed.after
            more = ", and more" if listed.after else ""
            return f"{len(listed.orders)} orders{more}{', cut' if listed.is_cut else ''}"

        return ask

    big, small = STORES[0], STORES[12]
    for tab in Tab:
        await measured(f"list {tab.value}", lists(tab=tab))
        await measured(f"list {tab.value}, newest first", lists(tab=tab, newest_first=True))
    for store, tab in itertools.product((big, small), (Tab.NEW, Tab.ALL)):
        await measured(f"list {tab.value} of {store}", lists(tab=tab, store=store, newest_first=True))
    for tab in (Tab.NEW, Tab.ALL):
        for country in COUNTRIES:
            await measured(f"list {tab.value} to {country}", lists(tab=tab, country=country, newest_first=True))
        for service in SERVICES:
            await measured(f"list {tab.value} by {service}", lists(tab=tab, service=service, newest_first=True))
        await measured(f"list {tab.value} for pickup", lists(tab=tab, pickup=True, newest_first=True))
    await measured(
        "list new to NZ by Overnight of a small store", lists(country="NZ", service="Overnight", store=small)
    )
    await measured("list all to IS for pickup", lists(tab=Tab.ALL, country="IS", pickup=True))
    for text in ("100017", "33ABC17", "33abc", "1", "ava", "e", "exam", "example com", "mia patelkelly", "MUG-17",
                 "ava smi", "nothinglikeit", "1 e c", "MUG-17 ava", "perth"):  # fmt: skip
        await measured(f"search {text!r}", lists(tab=Tab.ALL, search=text, newest_first=True))
    await measured("search 'ava' in new", lists(tab=Tab.NEW, search="ava", newest_first=True))

    async def facets(_: int) -> str:
        return str(len((await state.facets()).services)) + " services"

    async def scanned(time_: int) -> str:
        return str(len(await state.found(str(100_000 + time_ * 997))))

    async def tracked(time_: int) -> str:
        return str(len(await state.found(f"33abc{time_ * 998 + 1}")))

    async def order(time_: int) -> str:
        (store, id), *_ = await state.found(str(100_001 + time_ * 997))
        stored = await state.order(store, id)
        shipments = await state.shipments(store, id)
        await state.timeline(store, id)
        return "" if stored is None else f"{len(shipments)} shipments"

    async def refused(_: int) -> str:
        return str(sum((await state.refused()).values()))

    await measured("facets", facets)
    await measured("found, by number", scanned)
    await measured("found, by tracking number", tracked)
    await measured("one order, with its timeline", order)
    await measured("refused write-backs counted", refused)


def asked() -> argparse.Namespace:
    """How many orders, and in which file they are kept if they are."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path)
    return parser.parse_args()


async def main() -> None:
    """Makes the database and prints the figures."""
    options = asked()
    with tempfile.TemporaryDirectory() as folder:
        path = options.keep or Path(folder) / "crossdock.db"
        is_there = path.exists()
        state = await open_sqlite(path)
        try:
            if not is_there:
                began = time.perf_counter()
                fill(path, options.orders)
                print(f"{options.orders:,} orders written in {time.perf_counter() - began:.0f} s")
            await measure(state)
        finally:
            await state.close()


if __name__ == "__main__":
    asyncio.run(main())
