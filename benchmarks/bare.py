"""The yardstick: fetches the same pages with the same client and decoder, and writes the same rows by hand.

No retries, no quota, no checks, no mapping beyond what a row needs. `python bare.py BASE_URL TOKEN DATABASE`.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import sys
import zlib
from typing import Any

import aiohttp
import msgspec

STATUSES = (9, 11)
INCLUDE = {"limit": "250", "include": "consignments.line_items", "consignment_structure": "object"}
TABLES = """
create table orders (key integer primary key, store text, id text, number text, status_id text, status_name text,
    stage text, placed_at text, modified_at text, currency text, total text, customer_name text, customer_company text,
    customer_email text, customer_phone text, billing text, customer_message text, staff_notes text, channel text,
    digest blob, as_of text, unique (store, id));
create table consignments (order_key integer, position integer, id text, kind text, ship_to text, service text,
    primary key (order_key, position)) without rowid;
create table lines (order_key integer, consignment integer, position integer, id text, parent_id text, sku text,
    barcode text, bin text, name text, quantity integer, quantity_shipped integer, quantity_refunded integer,
    unit_price text, weight real, options text, gift_wrap text, gift_message text,
    primary key (order_key, consignment, position)) without rowid;
create table raws (order_key integer primary key, raw blob);
create table timeline (id integer primary key, store text, order_id text, at text, event text, details text);
create index timeline_by_order on timeline(store, order_id);
create table cursors (store text primary key, cursor text);
"""


async def fetch(session: aiohttp.ClientSession, base: str, path: str, **params: str) -> list[dict[str, Any]]:
    """One page of a list."""
    async with session.get(f"{base}{path}", params=params) as answer:
        answer.raise_for_status()
        body = await answer.read()
    return msgspec.json.decode(body) if body else []


def text(value: object) -> str:
    """JSON text of a column."""
    return msgspec.json.encode(value).decode()


def save(db: sqlite3.Connection, page: list[dict[str, Any]], products: dict[int, list[dict[str, Any]]]) -> None:
    """One page in one transaction."""
    db.execute("begin immediate")
    key = db.execute("select coalesce(max(key), 0) from orders").fetchone()[0]
    orders, consignments, lines, raws, timeline = [], [], [], [], []
    for order in page:
        key += 1
        canonical = msgspec.json.encode(order, order="deterministic")
        billing = order["billing_address"] or {}
        orders.append(
            (
                key, "demo", str(order["id"]), str(order["id"]), str(order["status_id"]), order["status"], "awaiting",
                order["date_created"], order["date_modified"], order["default_currency_code"], order["total_inc_tax"],
                f"{billing.get('first_name')} {billing.get('last_name')}", billing.get("company"), billing.get("email"),
                billing.get("phone"), text(billing), order["customer_message"], order["staff_notes"],
                str(order["channel_id"]), hashlib.blake2b(canonical, digest_size=16).digest(), "2026-01-01T00:00:00Z",
            )
        )  # fmt: skip
        raws.append((key, zlib.compress(canonical, 1)))
        timeline.append(("demo", str(order["id"]), "2026-01-01T00:00:00Z", "imported", '{"status":"x"}'))
        parts = order["consignments"]
        if isinstance(parts, list):
            parts = parts[0]
        position = 0
        for kind in ("shipping", "pickups", "downloads"):
            for part in parts.get(kind) or []:
                address = text({name: value for name, value in part.items() if isinstance(value, str)})
                consignments.append((key, position, str(part.get("id")), kind, address, part.get("shipping_method")))
                found = part["line_items"] if isinstance(part["line_items"], list) else [part["line_items"]]
                whole = products.get(order["id"]) or found
                for number, line in enumerate(whole):
                    options = {o["display_name"]: o["display_value"] for o in line.get("product_options") or []}
                    lines.append(
                        (
                            key, position, number, str(line["id"]), line.get("parent_order_product_id"), line["sku"],
                            line.get("upc"), line.get("bin_picking_number"), line["name"], int(line["quantity"]),
                            int(line["quantity_shipped"]), int(line.get("quantity_refunded") or 0),
                            line.get("price_inc_tax"), float(line.get("weight") or 0), text(options),
                            line.get("wrapping_name"), line.get("wrapping_message"),
                        )
                    )  # fmt: skip
                position += 1
    db.executemany(f"insert or ignore into orders values ({','.join('?' * 21)})", orders)
    db.executemany("insert or ignore into consignments values (?,?,?,?,?,?)", consignments)
    db.executemany(f"insert or ignore into lines values ({','.join('?' * 17)})", lines)
    db.executemany("insert or ignore into raws values (?,?)", raws)
    db.executemany("insert into timeline (store, order_id, at, event, details) values (?,?,?,?,?)", timeline)
    db.execute("insert or replace into cursors values ('demo', '{}')")
    db.execute("commit")


async def main(base: str, token: str, path: str) -> None:
    """Every open order, once."""
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(f"pragma journal_mode = wal; pragma synchronous = normal; {TABLES}")
    async with aiohttp.ClientSession(headers={"X-Auth-Token": token, "Accept": "application/json"}) as session:
        for status in STATUSES:
            after = 0
            while page := await fetch(
                session, base, "v2/orders", status_id=str(status), sort="id:asc", min_id=str(after + 1), **INCLUDE
            ):
                products = {
                    order["id"]: await fetch(session, base, f"v2/orders/{order['id']}/products", limit="250")
                    for order in page
                    if "__warning__" in text(order["consignments"])
                }
                save(db, page, products)
                after = page[-1]["id"]
    db.close()


asyncio.run(main(*sys.argv[1:]))
