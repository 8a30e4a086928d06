"""A merchant's folder with `stores.yaml`, and the simulated store that it leads to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from crossdock_sandbox.store import SandboxStore
from support.commandline import Desk
from support.served import served


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A folder of its own and an empty store of its own."""
    store = SandboxStore(seed=1, quota=10_000)
    with served(store) as running:
        desk = Desk(tmp_path, store, running)
        desk.write()
        yield desk


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A folder into which a store of some fifty orders was imported; only for looking."""
    store = SandboxStore(seed=1, orders=50, quota=10_000)
    store.add_order(
        id=900,
        status_id=11,
        lines=[{"name": "Mug", "sku": "MUG-1", "options": {"Size": "M"}, "quantity": 2, "price": 12.5}],
        address={"first_name": "=HYPERLINK(1)", "last_name": "Doe", "company": "@SUM(A1)"},
        billing={"first_name": "=HYPERLINK(1)", "last_name": "Doe", "company": "@SUM(A1)", "email": "+doe@example.com"},
    )
    with served(store) as running:
        desk = Desk(tmp_path_factory.mktemp("shop"), store, running)
        desk.write()
        assert desk.call("import", "acme").code == 0
        yield desk
