"""A merchant's folder with stores of a stranger's connector in it, beside one of a simulated BigCommerce store."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strangers.till import KEY, Till
from support.commandline import Desk, Ran
from support.daemons import EVERY_SECOND, Line, RunningDaemon, started

HERE = Path(__file__).parent
PACKAGE = HERE / "corner"
MODULE = PACKAGE / "crossdock_corner.py"


@dataclass(frozen=True, slots=True)
class Counter:
    """`environ` is what children need to find what is installed."""

    desk: Desk
    till: Till
    environ: dict[str, str]

    def entry(self, name: str, *, connector: str = "corner", every: str = "1s", **settings: str) -> str:
        """A store of `stores.yaml` that leads to the shop of the same name."""
        filled = {"address": self.till.address, "key": f"{KEY}{name}", **settings}
        lines = [f"  {name}:", f"    connector: {connector}", f"    every: {every}", "    settings:"]
        return "\n".join([*lines, *(f"      {key}: {value}" for key, value in filled.items())]) + "\n"

    def write(self, *entries: str) -> None:
        """Makes `stores.yaml` of these, and of `acme`, which leads to the simulated BigCommerce store."""
        self.desk.write(self.desk.entry(), *entries, before=EVERY_SECOND)

    def put(self, name: str, content: str | Path) -> None:
        """Lays a plugin into `plugins.d`: a file's copy, or what is to stand in it."""
        folder = self.desk.folder / "plugins.d"
        folder.mkdir(mode=0o700, exist_ok=True)
        there = folder / f"{name}.py"
        if isinstance(content, Path):
            shutil.copy(content, there)
        else:
            there.write_text(content, encoding="utf-8")
        there.chmod(0o600)

    def run(self, *arguments: str) -> Ran:
        return self.desk.run(*arguments, environ=self.environ)

    def daemon(self) -> AbstractContextManager[RunningDaemon]:
        """`crossdock run`, once it's ready."""
        return started(self.desk, environ=self.environ)

    @contextmanager
    def unharmed(self) -> Iterator[RunningDaemon]:
        """A daemon that is whole after what the block waits for: it imports `acme`, answers, and ends when told to."""
        with self.daemon() as running:
            yield running
            self.sees_news(running)
            assert running.page("/healthz")[0] == 200
            assert self.states()["acme"]["state"] == "ok"
            assert running.end() == 0
            assert not running.so_far("acme: ", "fail")

    def sees_news(self, running: RunningDaemon, times: int = 2) -> None:
        """Whatever else goes on: what is new at the BigCommerce store is imported, by one run after the other."""
        told(running, "acme: run ", " imported")
        for _ in range(times):
            order = self.desk.store.add_order()
            running.until("acme: run ", " 1 imported")
            assert self.held("acme", str(order))

    def held(self, store: str, order: str) -> bool:
        """Whether the database has this order, by its id."""
        with closing(sqlite3.connect(self.desk.database)) as db:
            found = db.execute("select 1 from orders where store = ? and id = ?", (store, order))
            return found.fetchone() is not None

    def states(self) -> dict[str, dict[str, Any]]:
        """What `crossdock stores` tells of each."""
        return {one["name"]: one for one in self.run("stores", "--json").json}


def told(running: RunningDaemon, *words: str) -> Line:
    """The first line of the log with all of these words, whether it was read already or is still to come."""
    return next(iter(running.so_far(*words)), None) or running.until(*words)
