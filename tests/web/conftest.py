"""Pages over a simulated store with orders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.bench import Bench, bench_in
from support.site import Browser, site_over


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_in(tmp_path) as bench:
        yield bench


@pytest.fixture
async def orders(bench: Bench) -> list[int]:
    """Three orders, imported; the second has a name that no page may take for markup."""
    name = {"first_name": "<script>alert(1)</script>", "last_name": "&"}
    ids = [bench.store.add_order(lines=[{"quantity": 2}], billing=billing) for billing in (None, name, None)]
    await bench.run()
    return ids


@pytest.fixture
async def visitor(bench: Bench, orders: list[int]) -> AsyncIterator[Browser]:
    async with site_over(bench) as visitor:
        yield visitor
