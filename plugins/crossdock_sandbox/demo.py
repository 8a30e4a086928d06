"""What `crossdock demo` does: the real commands on a simulated store, and then the store's own word on the result."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from .server import Running, serve
from .store import SandboxStore

OPEN_STATUSES = (9, 11)  # what crossdock imports unless told otherwise


class DemoError(Exception):
    """A command of the demo failed; its own words stand above."""


def run_demo(*, orders: int, once: bool) -> bool:
    """Shows an import; tells whether the simulated store agrees with what crossdock then holds."""
    return asyncio.run(_demo(orders=orders, once=once))


async def _demo(*, orders: int, once: bool) -> bool:
    store = SandboxStore(seed=7, orders=orders)
    with tempfile.TemporaryDirectory(prefix="crossdock-demo-") as folder:
        async with serve(store) as running:
            demo = Demo(running, Path(folder))
            try:
                agrees = await demo.show()
            except DemoError as error:
                click.echo(str(error), err=True)
                return False
            if agrees and not once:
                await demo.stay()
            return agrees


@dataclass(frozen=True, slots=True)
class Demo:
    """A simulated store being served, and a folder for what crossdock keeps."""

    running: Running
    folder: Path

    async def show(self) -> bool:
        """A first import, some life in the store, a second import, and the comparison."""
        store = self.running.store
        self._configure()
        click.secho(f"A simulated BigCommerce store is open on {self.running.api_path}", bold=True)
        await self._crossdock("check")
        await self._crossdock("import", "demo")
        click.secho("\nMeanwhile a buyer places an order, and the merchant cancels another.", bold=True)
        store.add_order(status_id=OPEN_STATUSES[-1])
        store.set_status(min(store.order_ids(status_id=OPEN_STATUSES[0], archived=False)), 5)
        await self._crossdock("import", "demo")
        click.secho("\nWhat waits to be packed:", bold=True)
        await self._crossdock("orders", "--stage", "awaiting")
        return await self._compare()

    async def stay(self) -> None:
        """Keeps the store open for whoever wants to try more, until Ctrl-C."""
        command = f"{shlex.quote(sys.argv[0])} -c {shlex.quote(str(self._config))}"
        click.secho("\nThe store stays open until you press Ctrl-C. In another terminal, try:", bold=True)
        for words in ("orders --search tee", "why demo 101", "show demo 101", "import demo --dry-run", "stores"):
            click.echo(f"  {command} {words}")
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await stopped.wait()

    @property
    def _config(self) -> Path:
        return self.folder / "stores.yaml"

    def _configure(self) -> None:
        settings = ("api_path", "client_id", "access_token")
        lines = [f"      {name}: {getattr(self.running, name)}" for name in settings]
        text = "\n".join(["stores:", "  demo:", "    connector: bigcommerce", "    settings:", *lines, ""])
        self._config.write_text(text, encoding="utf-8")

    async def _crossdock(self, *arguments: str) -> None:
        """Runs a command as a person would, its output where ours goes."""
        click.secho(f"\n$ crossdock {shlex.join(arguments)}", fg="cyan")
        sys.stdout.flush()
        process = await asyncio.create_subprocess_exec(*self._command(*arguments))
        if await process.wait():
            raise DemoError(f"`crossdock {shlex.join(arguments)}` failed.")

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "crossdock", "-c", str(self._config), *arguments]

    async def _compare(self) -> bool:
        """Holds crossdock's orders against the store's own, and says what came of it."""
        process = await asyncio.create_subprocess_exec(
            *self._command("orders", "--format", "jsonl"), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        here = {order["id"]: _as_held(order) for order in map(msgspec.json.decode, output.splitlines())}
        there = {str(order_id): self._as_sold(order_id) for order_id in self.running.store.order_ids()}
        to_pack = {order_id for order_id, (status, _) in there.items() if status in OPEN_STATUSES}
        missing = to_pack - here.keys()
        wrong = {order_id for order_id in here if here[order_id] != there.get(order_id)}
        if missing or wrong:
            click.secho(f"\nThe store does not agree: {len(missing)} missing, {len(wrong)} wrong.", fg="red", err=True)
            return False
        click.secho(
            f"\nThe store agrees: it has {len(to_pack)} open orders, all {len(to_pack)} are here, and all {len(here)} "
            "that are here are as the store has them.",
            fg="green",
        )
        click.echo("Next: `crossdock sandbox` to try it yourself, or docs/tutorial/first-import.md for your own store.")
        return True

    def _as_sold(self, order_id: int) -> tuple[int, int]:
        """The order's status and units in the store's own books; those that nobody has to pack count as closed."""
        order = self.running.store.order(order_id)
        closed = order["is_deleted"] or order["external_source"] == "M-MIG"
        return (-1 if closed else order["status_id"]), sum(int(line["quantity"]) for line in order["lines"])


def _as_held(order: Mapping[str, object]) -> tuple[int, int]:
    """The order's status and units as crossdock tells them."""
    held = msgspec.convert(order, _Order)
    return int(held.status.id), sum(line.quantity for part in held.consignments for line in part.lines)


class _Status(msgspec.Struct):
    id: str


class _Line(msgspec.Struct):
    quantity: int


class _Consignment(msgspec.Struct):
    lines: list[_Line]


class _Order(msgspec.Struct):
    status: _Status
    consignments: list[_Consignment]
