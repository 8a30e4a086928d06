"""The engine and a simulated store in one process: real sockets and a real database, and one clock that tests wind."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from types import MappingProxyType

from crossdock.carrier import AnyCarrier
from crossdock.clock import Clock
from crossdock.config import Config, EngineConfig, StoreConfig
from crossdock.connector import AnyConnector
from crossdock.engine import Engine, ImportRequest, open_engine
from crossdock.plugins import Plugins
from crossdock.state import Run, StoredOrder
from crossdock_bigcommerce.connector import BigCommerce
from crossdock_carriers.manual import Manual
from crossdock_carriers.pickup import Pickup
from crossdock_sandbox.server import Running, serve
from crossdock_sandbox.store import SandboxStore

from support.clock import WoundClock

STORE = "acme"
CHANGES = ImportRequest()
STANDING = frozenset({"limit", "include", "consignment_structure"})  # go with every request for orders
MINUTE, DAY = 60.0, 86_400.0


def store_config(
    running: Running,
    *,
    name: str = STORE,
    connector: type[AnyConnector] = BigCommerce,
    settings: Mapping[str, object] = MappingProxyType({}),
    write_back: bool = True,
) -> StoreConfig:
    """An entry of `stores.yaml` that leads to a simulated store; `settings` are set beside what it needs."""
    filled = {
        "api_path": running.api_path,
        "client_id": running.client_id,
        "access_token": running.access_token,
        **settings,
    }
    return StoreConfig(
        name=name,
        connector=connector,
        settings=connector.Settings.model_validate(filled),
        label=name,
        every=None,
        cron=None,
        timezone=None,
        write_back=write_back,
        sender=None,
        secret_files=(),
    )


@dataclass(slots=True)
class Bench:
    """A simulated store that is being served, and the folder in which crossdock keeps its database.

    `settings` are those of the store in crossdock, beside what it needs to sign in.
    """

    folder: Path
    store: SandboxStore
    running: Running
    clock: WoundClock
    settings: dict[str, object] = field(default_factory=dict)
    connector: type[AnyConnector] = BigCommerce
    carriers: Mapping[str, type[AnyCarrier]] = field(default_factory=lambda: {"manual": Manual, "pickup": Pickup})
    settle: timedelta = timedelta(minutes=2)

    @property
    def database(self) -> Path:
        return self.folder / "crossdock.db"

    @asynccontextmanager
    async def engines(self, *stores: StoreConfig, clock: Clock | None = None) -> AsyncIterator[Engine]:
        """A process of crossdock with these stores; with the simulated one under its usual name if none is given."""
        chosen = stores or (store_config(self.running, connector=self.connector, settings=self.settings),)
        config = Config(
            path=self.folder / "stores.yaml",
            engine=EngineConfig(database=str(self.database), settle=self.settle),
            carriers={},
            installed_carriers=self.carriers,
            stores={store.name: store for store in chosen},
        )
        async with open_engine(config, Plugins(), clock=clock or self.clock, random=Random(1)) as engine:
            yield engine

    async def run(self, request: ImportRequest = CHANGES, **settings: object) -> Run:
        """One import as `crossdock import` does it: opened, signed in, closed. `settings` stay as they are from now on.

        Forgets what the store was asked before.
        """
        self.settings |= settings
        self.store.requests.clear()
        async with self.engines() as engine:
            return await engine.import_store(STORE, request)

    def asked(self) -> list[str]:
        """What the store was asked, oldest first: `/v2/store`, or `status_id=9 sort=id:asc min_id=1 …` for a list."""
        return [
            " ".join(f"{name}={value}" for name, value in request.query.items() if name not in STANDING)
            if request.path == "/v2/orders"
            else request.path
            for request in self.store.requests
        ]

    async def held(self) -> dict[int, StoredOrder]:
        """Every order in the database by its id."""
        async with self.engines() as engine:
            return {int(stored.order.id): stored async for stored in engine.orders()}

    async def statuses(self) -> dict[int, str]:
        """The status of each order in the database, by its number."""
        return {order_id: stored.order.status.id for order_id, stored in (await self.held()).items()}

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """What a query of the database gives."""
        with reading(self.database) as db:
            return [tuple(row) for row in db.execute(query, values)]

    def takes(self, seconds: float) -> None:
        """From now on each request takes so long: by the store's clock and by crossdock's, which are one."""
        self.store.faults.add("edit", times=None, edit=lambda: self.clock.wind(seconds))

    def true_statuses(self, ids: Sequence[int]) -> dict[int, str]:
        """What the store itself has as the status of these orders."""
        return {order_id: str(self.store.record(order_id).status_id) for order_id in ids}


@contextmanager
def reading(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection of a stranger to crossdock's database."""
    with closing(sqlite3.connect(database)) as db:
        yield db


@asynccontextmanager
async def bench_in(
    folder: Path, *, clock: WoundClock | None = None, settings: Mapping[str, object] | None = None, quota: int = 100_000
) -> AsyncIterator[Bench]:
    """A bench with an empty store. `quota` is what the store lets through in half a minute."""
    clock = clock or WoundClock()
    store = SandboxStore(now=clock.now, quota=quota)
    async with serve(store) as running:
        yield Bench(folder, store, running, clock, dict(settings or {}))
