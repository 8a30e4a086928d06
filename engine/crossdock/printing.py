"""Papers for orders and shipments: gathered from what is kept, made in a thread, brought to a file or a printer."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias, assert_never

from crossdock.clock import Clock
from crossdock.config import Config, PrinterConfig, StoreConfig
from crossdock.errors import ConnectorError, CrossdockError, UsageError, clause
from crossdock.papers.binding import Bound, Given, Leaf, PdfDocument, as_zpl
from crossdock.papers.picklist import picks_of
from crossdock.papers.press import Press
from crossdock.papers.sheets import Paper, PickList
from crossdock.paperwork import NoPaperError, label_of, local_date, pickup_slips_of, slips_of, to_pick
from crossdock.printers import send
from crossdock.state import State, StoredOrder
from crossdock.state.shipments import DROPPED, WriteBack
from crossdock.threads import in_a_thread

OrderRef: TypeAlias = "tuple[str, str]"
"""An order by its store's name, and its id or number there."""

AT_ONCE = 50  # papers made in one go: more of them take more memory, and are hardly faster
FILE_DPI = 203  # of ZPL in a file: what most thermal printers have


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where papers go: a file, in the form that its name ends with, or a printer, which takes labels alone."""

    file: Path | None = None
    printer: PrinterConfig | None = None

    @property
    def is_zpl(self) -> bool:
        """Whether it takes ZPL, the language of thermal printers, instead of PDF."""
        return self.file is None or self.file.suffix.lower() == ".zpl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """How many papers were made, what couldn't be, and what is to be known of the others: in whole sentences."""

    papers: int = 0
    failures: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def with_outcome(self, called: str, outcome: Bound) -> Printed:
        """With one more paper, which is called so in a sentence, and what became of it."""
        if outcome.trouble is not None:
            return replace(self, failures=(*self.failures, f"{called}: {outcome.trouble.rstrip('.')}."))
        doubts = (f"{called}: {doubt}." for doubt in outcome.doubts)
        return replace(self, papers=self.papers + 1, doubts=(*self.doubts, *doubts))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A paper, and what it's called in a sentence: `acme: order 1001`; or why there is none."""

    called: str
    leaf: Leaf | None = None
    why_not: str = ""


@dataclass(slots=True)
class Printing:
    """All that is printed for the stores of one configuration. Nothing is shipped by it."""

    config: Config
    state: State
    clock: Clock
    press: Press

    async def orders(self, name: str, orders: Sequence[str], paper: Paper, target: Target) -> Printed:
        """Brings papers for orders of a store there, in this order. What can't be made is named; the rest is there.

        Raises UsageError where there is no such store, or papers of this kind can't go there, and CrossdockError where
        the file can't be written.
        """
        return await self.chosen([(name, order) for order in orders], paper, target)

    async def chosen(self, orders: Sequence[OrderRef], paper: Paper, target: Target) -> Printed:
        """The same for orders of several stores, each with the name of its store."""
        for name in dict.fromkeys(name for name, _ in orders):
            self.config.store(name)
        self.check(paper, target)
        wanted = self._pick_list(orders) if paper is Paper.PICKLIST else self._each(orders, paper)
        return await self._printed(wanted, target)

    async def labels(self, rows: Sequence[WriteBack], target: Target) -> Printed:
        """Brings the labels of these shipments there, in this order. Raises what `orders` raises."""
        self.check(Paper.LABEL, target)

        async def wanted() -> AsyncIterator[_Wanted]:
            for row in rows:
                stored = await self.state.order(row.store, row.shipment.order_id)
                yield await self._label(self.config.store(row.store), stored, row)

        return await self._printed(wanted(), target)

    async def label_bytes(self, row: WriteBack) -> tuple[bytes | None, Printed]:
        """The label of one shipment as a PDF, or None and why there is none."""
        with tempfile.TemporaryDirectory(prefix="crossdock-papers-") as folder:
            file = Path(folder, "label.pdf")
            printed = await self.labels([row], Target(file=file))
            content = await asyncio.to_thread(file.read_bytes) if printed.papers else None
            return content, printed

    def check(self, paper: Paper, target: Target) -> None:
        """Raises UsageError where papers of this kind can't go there: to be known before anything is shipped."""
        _ = self.config.papers  # raises where a mistake leaves them known in part
        file = target.file
        if target.printer is not None and paper is not Paper.LABEL:
            raise UsageError(
                f"{target.printer.name} takes labels alone; print the others to a file that ends with .pdf."
            )
        if file is not None and file.suffix.lower() not in (".pdf", ".zpl"):
            raise UsageError(f"{file}: the name should end with .pdf, or with .zpl for a thermal printer's language.")
        if target.is_zpl and paper is not Paper.LABEL:
            raise UsageError(f"{file}: ZPL is for labels alone; give a file whose name ends with .pdf.")
        if file is not None and file.is_dir():
            raise UsageError(f"{file} is a folder; name a file.")
        if file is not None and not os.access(file.parent, os.W_OK | os.X_OK):
            raise UsageError(f"{file}: {file.parent} is no folder that can be written to.")

    # --- what is wanted ---

    async def _each(self, orders: Sequence[OrderRef], paper: Paper) -> AsyncIterator[_Wanted]:
        """The papers of each order by itself."""
        for name, order in orders:
            store = self.config.store(name)
            stored = await self.state.order(store.name, order)
            if stored is None:
                yield _not_here(store, order)
                continue
            called = f"{store.name}: order {stored.order.number}"
            rows = [row for row in await self.state.shipments(store.name, stored.order.id) if _stands(row)]
            if paper is Paper.LABEL:
                for row in rows:
                    yield await self._label(store, stored, row)
                if not rows:
                    yield _Wanted(called, why_not=_no_label_yet(store, stored))
                continue
            if stored.erased_at is not None:
                yield _Wanted(called, why_not=f"its buyer's data was erased on {local_date(stored.erased_at)}")
                continue
            try:
                for sheet in self._slips(store, stored, rows, paper):
                    yield _Wanted(called, sheet)
            except NoPaperError as error:
                yield _Wanted(called, why_not=str(error))

    def _slips(
        self, store: StoreConfig, stored: StoredOrder, rows: Sequence[WriteBack], paper: Paper
    ) -> Sequence[Leaf]:
        match paper:
            case Paper.SLIP:
                return slips_of(store, stored.order, rows, self.config.papers)
            case Paper.PICKUP:
                return pickup_slips_of(store, stored.order, rows)
            case Paper.LABEL | Paper.PICKLIST:
                raise AssertionError(paper)
            case _:
                assert_never(paper)

    async def _label(self, store: StoreConfig, stored: StoredOrder | None, row: WriteBack) -> _Wanted:
        """The label that its carrier gave with a shipment, or ours where it gives none."""
        called = f"{store.name}: order {row.number}: the label of shipment {row.id}"
        if (kept := await self.state.label(row.id)) is not None:
            return _Wanted(called, Given(media_type=kept[0], content=kept[1]))
        try:
            if self.config.carrier(row.shipment.carrier).carrier.gives_labels:
                return _Wanted(called, why_not=f"{row.shipment.carrier} gave none with it, or it was erased since")
            if stored is None or stored.erased_at is not None:
                return _Wanted(called, why_not="its buyer's data was erased")
            return _Wanted(called, label_of(store, stored.order, row))
        except (UsageError, NoPaperError) as error:
            return _Wanted(called, why_not=str(error))

    async def _pick_list(self, orders: Sequence[OrderRef]) -> AsyncIterator[_Wanted]:
        """One list of what is to be fetched for all orders that wait to be shipped."""
        numbers, lines = list[str](), []
        stores = {name: self.config.store(name) for name, _ in orders}
        for name, order in orders:
            store = stores[name]
            stored = await self.state.order(store.name, order)
            if stored is None:
                yield _not_here(store, order)
                continue
            try:
                lines.extend(to_pick(stored.order))
                numbers.append(stored.order.number)
            except NoPaperError as error:
                yield _Wanted(f"{store.name}: order {stored.order.number}", why_not=str(error))
        if numbers:
            today = local_date(self.clock.now())
            labels = ", ".join(store.label for store in stores.values())
            sheet = PickList(store=labels, made_on=today, orders=tuple(numbers), picks=picks_of(lines))
            yield _Wanted(f"{', '.join(stores)}: the pick list", sheet)

    # --- how it gets there ---

    async def _printed(self, wanted: AsyncIterator[_Wanted], target: Target) -> Printed:
        if target.printer is not None:
            return await self._sent(wanted, target.printer)
        assert target.file is not None
        with tempfile.TemporaryDirectory(prefix="crossdock-papers-") as folder:
            made = Path(folder, "made")
            printed = await (self._zpl(wanted, made) if target.is_zpl else self._pdf(wanted, made))
            if printed.papers:
                await in_a_thread(partial(_bring, made, target.file), name="papers")
        return printed

    async def _pdf(self, wanted: AsyncIterator[_Wanted], to: Path) -> Printed:
        document = PdfDocument(to.parent, self.press, self.config.papers)
        printed = Printed()
        async for batch in _batches(wanted):
            leaves = [one.leaf for one in batch if one.leaf is not None]
            outcomes = iter(await in_a_thread(partial(document.add, leaves), name="papers"))
            for one in batch:
                outcome = Bound(trouble=one.why_not) if one.leaf is None else next(outcomes)
                printed = printed.with_outcome(one.called, outcome)
        if printed.papers:
            await in_a_thread(partial(document.save, to), name="papers")
        return printed

    async def _zpl(self, wanted: AsyncIterator[_Wanted], to: Path) -> Printed:
        printed = Printed()
        with to.open("wb") as file:
            async for one in wanted:
                outcome, label = await self._as_zpl(one, FILE_DPI)
                file.write(label)
                printed = printed.with_outcome(one.called, outcome)
        return printed

    async def _sent(self, wanted: AsyncIterator[_Wanted], printer: PrinterConfig) -> Printed:
        """Sends label by label, so that it's known which ones a printer took; the first it doesn't take is the last."""
        printed, broken = Printed(), ""
        async for one in wanted:
            outcome, label = await self._as_zpl(one, printer.dpi)
            if outcome.trouble is None:
                try:
                    if not broken:
                        await send(printer, label)
                    else:
                        outcome = Bound(trouble="it was not sent any more")
                except ConnectorError as error:
                    broken = clause(error, "")
                    outcome = Bound(trouble=broken)
            printed = printed.with_outcome(one.called, outcome)
        return printed

    async def _as_zpl(self, wanted: _Wanted, dpi: int) -> tuple[Bound, bytes]:
        if wanted.leaf is None:
            return Bound(trouble=wanted.why_not), b""
        return await in_a_thread(partial(as_zpl, wanted.leaf, self.press, self.config.papers, dpi=dpi), name="papers")


async def _batches(wanted: AsyncIterator[_Wanted]) -> AsyncIterator[list[_Wanted]]:
    batch: list[_Wanted] = []
    async for one in wanted:
        batch.append(one)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _bring(made: Path, file: Path) -> None:
    """Puts what was made in the place of a file, at once; its owner alone can read it: buyers' addresses are in it."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as written:
            with made.open("rb") as read:
                shutil.copyfileobj(read, written)
            os.replace(beside, file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise CrossdockError(f"{file} can't be written: {error.strerror}. Nothing was printed.") from error


def _stands(row: WriteBack) -> bool:
    """Whether the goods of a shipment go, as far as is known."""
    return row.state not in DROPPED and not row.is_voiding


def _not_here(store: StoreConfig, order: str) -> _Wanted:
    return _Wanted(
        f"{store.name}: order {order}",
        why_not=f"it is not here; `crossdock import {store.name} --order {order}` brings it",
    )


def _no_label_yet(store: StoreConfig, stored: StoredOrder) -> str:
    return (
        "it isn't shipped, so it has no label; printing one is shipping it: "
        f"`crossdock ship {store.name} {stored.order.number} --carrier C --label FILE.pdf`"
    )
