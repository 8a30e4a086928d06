"""What `crossdock demo` does: the daemon on simulated stores, and at the end the stores' own word on the result."""

from __future__ import annotations

import asyncio
import logging
import re
import shlex
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

import click
import msgspec

from .demo_daemon import CROSSDOCK, Daemon, daemon
from .demo_shipping import HEADINGS, Books, Deed, Key, WriteBack, bench, compare, packing
from .demo_stores import OPEN_STATUSES, Shop, life
from .demo_words import DemoError, agree, announce, announce_command, complain, show, show_table
from .documented import STATUSES
from .server import Running, serve
from .store import SandboxStore

EVERY = "1s"
PAUSE_S = 4.0  # between two things that happen, so that one can read what came of the first
SHIPS_EVERY = 3  # things that happen between two scenes at the packing bench
PATIENCE_S, PATIENCE_PER_ORDER_S = 60.0, 0.05  # for what the daemon is waited for: many times what it takes
LONGEST_LINE = 2**24  # bytes; an order of a hundred lines is far shorter


def run_demo(stores: Mapping[str, SandboxStore], *, once: bool) -> bool:
    """Shows the daemon at work on these three stores; whether all was as it should be.

    Without `once` it goes on until a signal ends it.
    """
    # Python 3.11 warns where it is told twice that the daemon has ended, which helps nobody.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    try:
        asyncio.run(_demo(stores, once=once))
    except DemoError as error:
        complain(str(error))
        return False
    except asyncio.CancelledError:  # by a signal
        if once:
            complain("The demo was stopped before its end.")
        return not once
    return True


async def _demo(stores: Mapping[str, SandboxStore], *, once: bool) -> None:
    _stop_on_signals()
    async with _opened(stores) as (shops, config):
        sizes = ", ".join(f"{shop.name} ({len(shop.store.order_ids()):,} orders)" for shop in shops)
        announce(f"Simulated BigCommerce stores are open: {sizes}.")
        async with daemon(config, _left_to_chance(shops) if once else None) as running:
            demo = Demo(shops, config, running)
            await demo.see("crossdock", "ready")
            try:
                await (demo.once() if once else demo.stay())
            except asyncio.CancelledError:
                await running.stop()
                raise


def _left_to_chance(shops: Sequence[Shop]) -> re.Pattern[str]:
    """News that would make no two demos alike: whether an import meets what the bench ships before it's all told."""
    return re.compile(rf"{shops[1].name}: [\d,]+ updated")


def _stop_on_signals() -> None:
    """The first signal cancels the running task; no further one disturbs its end."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop() -> None:
        for number in signals:
            loop.add_signal_handler(number, lambda: None)
        task.cancel()

    for number in signals:
        loop.add_signal_handler(number, stop)


@asynccontextmanager
async def _opened(stores: Mapping[str, SandboxStore]) -> AsyncGenerator[tuple[Sequence[Shop], Path], None]:
    """The stores being served, and a `stores.yaml` that leads to them. Raises DemoError where that can't be had."""
    async with AsyncExitStack() as stack:
        try:
            # Somebody who has just typed a command beside the demo may still be writing there at its end.
            temporary = tempfile.TemporaryDirectory(prefix="crossdock-demo-", ignore_cleanup_errors=True)
            config = Path(stack.enter_context(temporary)) / "stores.yaml"
            served = {name: await stack.enter_async_context(serve(store)) for name, store in stores.items()}
            config.write_text(_stores_yaml(served), encoding="utf-8")
        except OSError as error:
            raise DemoError(
                f"The demo can't have a temporary folder or a free port on 127.0.0.1: {error.strerror}. "
                "Folders are made where TMPDIR says."
            ) from error
        random = Random(7)  # noqa: S311 -- nothing here is secret, and each demo shall be the same
        yield [Shop(name, store, random) for name, store in stores.items()], config


def _stores_yaml(served: Mapping[str, Running]) -> str:
    lines = ["engine:", "  web: {port: 0}", f"defaults: {{every: {EVERY}}}", "stores:"]
    for name, store in served.items():
        lines += [f"  {name}:", "    connector: bigcommerce", "    settings:"]
        lines += [f"      {key}: {getattr(store, key)}" for key in ("api_path", "client_id", "access_token")]
        lines += ["      pickup_in_store: true"]
    return "\n".join([*lines, ""])


@dataclass(frozen=True, slots=True)
class Demo:
    """A daemon at work on three stores."""

    shops: Sequence[Shop]
    config: Path
    daemon: Daemon

    async def once(self) -> None:
        """All of it without waiting for show. Raises DemoError unless everything was seen and the stores agree."""
        first, fragile, last = self.shops
        books = Books(self.shops)
        await self.see(*(f"{shop.name}: {len(shop.to_pack()):,} imported" for shop in self.shops))
        deeds = await self._ship(fragile)
        announce(f"\n{fragile.break_down()}")
        announce(first.sell())
        announce(last.cancel())
        await self.see(f"{first.name}: 1 imported", f"{last.name}: 1 updated", f"{fragile.name}: failed")
        announce(f"\n{fragile.repair()}")
        await self.see(f"{fragile.name}: is back")
        await self._crossdock("stores", fields=(1, 2, 4, 8))
        await self._crossdock("orders", "--store", last.name, "--search", "bowl", fields=(1, 2, 8))
        await self.daemon.stop()
        held = await self._held()
        self._compare_orders(held)
        await self._compare_shipments(deeds, books, {key: status for key, (status, _) in held.items()})
        click.echo("Next: `crossdock demo` to watch it go on, or docs/tutorial/first-import.md for your own store.")

    async def stay(self) -> None:
        """Goes on until it's cancelled, with orders arriving and a store that fails now and then."""
        self._invite()
        await self.daemon.follow(PAUSE_S)
        scenes = bench(self.shops[1:])  # the first one's orders are left to whoever tries the commands
        for step, words in enumerate(life(self.shops), start=1):
            announce(words)
            await self.daemon.follow(PAUSE_S)
            if step % SHIPS_EVERY == 1 and (scene := next(scenes)):
                announce(scene.begin())
                for deed in scene.deeds:
                    with suppress(DemoError):  # it says itself why: somebody else may have shipped or cancelled that
                        await self._type(deed)
                await self.daemon.follow(PAUSE_S)

    async def see(self, *expected: str) -> None:
        """Returns once the daemon has said all of this; see `Daemon.until`."""
        orders = sum(len(shop.store.order_ids()) for shop in self.shops)
        await self.daemon.until(*expected, patience_s=PATIENCE_S + PATIENCE_PER_ORDER_S * orders)

    def _invite(self) -> None:
        shop = self.shops[0]
        here = shop.to_pack()
        elsewhere = sorted(set(shop.store.order_ids()).difference(here))
        is_script = Path(sys.argv[0]).name == "crossdock"
        command = shlex.join([*([sys.argv[0]] if is_script else CROSSDOCK), "-c", str(self.config)])
        announce("\nOpen that address in a browser: it is the page for the packing bench.")
        announce("All goes on until you press Ctrl-C. In another terminal, try:")
        for words in (
            "stores",
            "orders --stage awaiting",
            f"show {shop.name} {here[0]}",
            f"ship {shop.name} {here[0]} --carrier DHL --tracking D1",
            "writebacks",
            f"why {shop.name} {elsewhere[0]}",
            f"pause {shop.name}",
        ):
            click.echo(f"  {command} {words}")
        click.echo()

    async def _crossdock(self, *arguments: str, fields: Sequence[int]) -> None:
        """Runs a command as a person would, and shows these columns of what it prints: all don't fit every terminal."""
        announce_command(f"crossdock {shlex.join(arguments)} | cut -f {','.join(map(str, fields))}")
        async with self._lines(*arguments) as lines:
            async for line in lines:
                cells = line.decode().rstrip("\n").split("\t")
                click.echo("\t".join(cells[field - 1] for field in fields))

    @asynccontextmanager
    async def _lines(self, *arguments: str) -> AsyncGenerator[asyncio.StreamReader, None]:
        """What a command prints, to be read to its end. Raises DemoError if the command fails."""
        process = await asyncio.create_subprocess_exec(
            *CROSSDOCK, "-c", str(self.config), *arguments, stdout=asyncio.subprocess.PIPE, limit=LONGEST_LINE
        )
        assert process.stdout is not None
        try:
            yield process.stdout
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        if code:
            raise DemoError(f"`crossdock {shlex.join(arguments)}` failed.")

    async def _ship(self, shop: Shop) -> list[Deed]:
        """A round at the packing bench. Raises DemoError unless the daemon tells the store of all that was done."""
        done: list[Deed] = []
        made, latest = count(1), dict[int, int]()  # crossdock's own ids of shipments, the latest by order
        for scene in packing(shop, count(1)):
            announce(f"\n{scene.begin()}")
            for deed in scene.deeds:
                await self._type(deed)
                if deed.command[0] == "ship":
                    latest[deed.order] = next(made)
            about = [f"{shop.name}: shipment {latest[deed.order]} of order {deed.order}" for deed in scene.deeds]
            waits = [f"{each} waits" for each in about] if scene.loses_answer else []
            await self.see(*waits, *(f"{each}: confirmed" for each in about))
            for deed in scene.deeds:
                self._check_status(deed)
            done += scene.deeds
        return done

    def _check_status(self, deed: Deed) -> None:
        stands = deed.shop.store.order(deed.order)["status_id"]
        if stands != deed.becomes:
            raise DemoError(
                f"Order {deed.order} is {STATUSES[stands].name} in {deed.shop.name}, where "
                f"{STATUSES[deed.becomes].name} is right."
            )

    async def _type(self, deed: Deed) -> None:
        """Runs what is typed at the bench, and shows what it prints."""
        announce_command(f"crossdock {shlex.join(deed.command)}", apart=False)
        async with self._lines(*deed.command) as lines:
            async for line in lines:
                show(line.decode().rstrip("\n"))

    def _compare_orders(self, here: Mapping[Key, tuple[int, int]]) -> None:
        """Holds crossdock's orders against the stores' own books, and says what came of it."""
        there = {(shop.name, order_id): entry for shop in self.shops for order_id, entry in shop.books().items()}
        to_pack = {key for key, (status, _) in there.items() if status in OPEN_STATUSES}
        missing = to_pack - here.keys()
        wrong = {key for key in here if here[key] != there.get(key)}
        if missing or wrong:
            first = " ".join(min(missing | wrong))
            raise DemoError(f"The stores do not agree: {len(missing)} missing, {len(wrong)} wrong; see {first}.")
        agree(f"\nThe stores agree: all of their {len(to_pack):,} open orders are here,")
        agree(f"and all {len(here):,} orders that are here are as the stores have them.")

    async def _compare_shipments(self, deeds: Sequence[Deed], books: Books, statuses: Mapping[Key, int]) -> None:
        """Holds crossdock's shipments against the stores' own books, and says what came of it."""
        async with self._lines("writebacks", "--json") as lines:
            rows = msgspec.json.decode(await lines.read(), type=list[WriteBack])
        compared = compare(deeds, rows, statuses, books)
        click.echo()
        show_table(HEADINGS, [each.row for each in compared])
        complaints = [
            f"The stores do not agree about {' '.join(each.key)}: {differences}."
            for each in compared
            if (differences := "; ".join(each.differences))
        ]
        if complaints:
            raise DemoError("\n".join(complaints))
        parcels = sum(len(each.kept.parcels) for each in compared)
        agree(f"The store got each of these {parcels} parcels once, and the buyers one e-mail about each.")

    async def _held(self) -> Mapping[Key, tuple[int, int]]:
        """Status and units of each order by what crossdock tells."""
        held = {}
        async with self._lines("orders", "--format", "jsonl") as lines:
            async for line in lines:
                order = msgspec.json.decode(line, type=_Order)
                units = sum(line.quantity for part in order.consignments for line in part.lines)
                held[order.store, order.id] = (int(order.status.id), units)
        return held


class _Status(msgspec.Struct):
    id: str


class _Line(msgspec.Struct):
    quantity: int


class _Consignment(msgspec.Struct):
    lines: list[_Line]


class _Order(msgspec.Struct):
    store: str
    id: str
    status: _Status
    consignments: list[_Consignment]
