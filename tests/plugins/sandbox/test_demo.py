"""`crossdock demo`: what it shows is true, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from random import Random

import pytest
from crossdock_sandbox.demo_daemon import Daemon
from crossdock_sandbox.demo_shipping import Books, Deed, Units, WriteBack, bench, compare, packing
from crossdock_sandbox.demo_stores import FEW, Shop, demo_stores, life
from crossdock_sandbox.demo_story import run_demo
from crossdock_sandbox.demo_words import DemoError, show_table, tell
from crossdock_sandbox.shipments import Shipment, ShippedItem
from crossdock_sandbox.store import SandboxStore
from docs.bench import agrees
from docs.pages import ROOT, blocks
from support.commandline import CROSSDOCK

WIDEST = 100  # columns
TOO_LONG_S = 90  # a whole demo takes some ten seconds
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`crossdock demo` as the leader of a process group, all of which is killed at the end if it still runs."""
    process = subprocess.Popen(
        [*CROSSDOCK, "demo", *arguments],
        env={**os.environ, "TMPDIR": str(folder), "COLUMNS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # no line is read ahead of those that `until` gives
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def until(process: subprocess.Popen[bytes], *words: str) -> str:
    """What it has printed up to the line that holds one of these."""
    assert process.stdout is not None
    said = ""
    while line := process.stdout.readline().decode():
        said += line
        if any(one in line for one in words):
            return said
    pytest.fail(f"It ended without a word of {words}:\n{said}")


def ended(process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """What else it had to say; fails if a process of its group is left behind."""
    out, err = process.communicate(timeout=TOO_LONG_S)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    return out.decode(), err.decode()


def test_once_prints_what_the_readme_shows_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (shown,) = (block.text for block in blocks(ROOT / "README.md") if block.kind == "text")
    with demo(tmp_path, "--once") as process:
        out, err = ended(process)
    assert (process.returncode, err) == (0, "")
    assert agrees(shown, out), out
    assert max(len(line) for line in out.splitlines() if "\t" not in line) <= WIDEST
    assert list(tmp_path.iterdir()) == []


def test_once_fails_when_a_store_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    stores = demo_stores(40)
    north = stores["north"]
    oldest = Shop("north", north, Random(1)).to_pack()[0]

    def cook_the_books() -> None:
        """Changes with an old time, which no feed shows, to old orders, which no look behind the newest meets."""
        north.edit(oldest, status_id=5, date_modified=LONG_AGO)
        north.add_order(id=1, date_modified=LONG_AGO)

    north.faults.add("edit", path="sort=date_modified", edit=cook_the_books)
    assert not run_demo(stores, once=True)
    out, err = capfd.readouterr()
    assert "The stores do not agree: 1 missing, 1 wrong; see north 1." in err
    assert "agree:" not in out
    assert list(tmp_path.iterdir()) == []


def test_once_fails_when_a_parcel_was_told_that_nobody_shipped_or_an_e_mail_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    stores = demo_stores(10)
    south, outlet = stores["south"], stores["outlet"]
    whole = next(packing(Shop("south", south, Random(1)), count(1))).deeds[0].order
    others = Shop("outlet", outlet, Random(1)).to_pack()[0]

    def spoil() -> None:
        south.emails.clear()
        put_shipment(outlet, others, "X1", [])

    south.faults.add("edit", method="POST", path=f"orders/{whole}/shipments$", edit=spoil, when="after")
    assert not run_demo(stores, once=True)
    out, err = capfd.readouterr()
    assert err.splitlines() == [
        f"The stores do not agree about south {whole}: "
        "the buyer got e-mails about nothing, which should be 33ABC0000001.",
        f"The stores do not agree about outlet {others}: the store has 0 in X1, and no parcel went.",
    ]
    assert "parcels once" not in out


def put_shipment(store: SandboxStore, order: int, number: str, items: list[tuple[str, int]]) -> Shipment:
    """A shipment that appears in a store without an e-mail and without a change of the order."""
    return store.add_shipment(
        order_id=order,
        order_address_id=0,
        created=store.time(),
        items=tuple(ShippedItem(int(line), quantity) for line, quantity in items),
        tracking_number=number,
    )


def test_it_goes_on_until_it_is_stopped_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        said = until(process, "A buyer places", "The merchant")
        assert f"-c {tmp_path}/crossdock-demo-" in said
        assert not re.search(r": 1 (imported|updated)", said), "the daemon knew before it was told"
        until(process, "1 imported", "1 updated")
        until(process, "At the packing bench")
        until(process, ": confirmed")
        process.send_signal(signal.SIGTERM)
        until(process, "told to stop")
        process.send_signal(signal.SIGINT)  # the impatient change nothing
        out, err = ended(process)
    assert (process.returncode, err) == (0, "")
    assert out.endswith("  stopped\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("when", ["$ crossdock run", "ready:"])
def test_a_terminal_may_tell_the_daemon_too(number: signal.Signals, when: str, tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        until(process, when)
        os.killpg(process.pid, number)
        _, err = ended(process)
    assert (process.returncode, err) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_once_stopped_before_its_end_is_a_failure(tmp_path: Path) -> None:
    with demo(tmp_path, "--once") as process:
        until(process, "ready:")
        process.send_signal(signal.SIGTERM)
        out, err = ended(process)
    assert (process.returncode, err) == (1, "The demo was stopped before its end.\n")
    assert out.endswith("  stopped\n")
    assert list(tmp_path.iterdir()) == []


def test_a_daemon_that_dies_ends_the_demo(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        until(process, "ready:")
        os.kill(child_of(process), signal.SIGKILL)
        _, err = ended(process)
    assert (process.returncode, err) == (1, "The daemon ended by itself: killed by SIGKILL.\n")
    assert list(tmp_path.iterdir()) == []


def child_of(process: subprocess.Popen[bytes]) -> int:
    tasks = Path(f"/proc/{process.pid}/task")
    (child,) = (pid for file in tasks.glob("*/children") for pid in file.read_text().split())
    return int(child)


def test_without_a_temporary_folder_it_says_so_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
        assert not run_demo(demo_stores(10), once=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("The demo can't have a temporary folder or a free port")
    assert err.count("\n") == 1


def test_life_goes_on_for_long() -> None:
    shops = [Shop(name, SandboxStore(), Random(3)) for name in ("north", "south", "outlet")]
    for shop in (*shops, *shops, *shops):
        shop.store.add_order()
    was_down = 0
    for words in islice(life(shops), 600):
        assert words.endswith(".")
        assert all(len(shop.to_pack()) >= 3 for shop in shops)
        assert not shops[0].store.faults
        was_down += len(shops[1].store.faults)
    assert 0 < was_down < 300
    assert not shops[1].store.faults


def test_life_goes_on_where_somebody_has_shipped_everything() -> None:
    shops = [Shop(name, SandboxStore(), Random(3)) for name in ("north", "south", "outlet")]
    assert len(list(islice(life(shops), 20))) == 20


def test_the_bench_works_on_while_orders_come_and_leaves_some_open() -> None:
    shops = [Shop(name, store, Random(3)) for name, store in demo_stores(10).items()]
    goes_on, scenes, seen = life(shops), bench(shops[1:]), []
    for _ in range(300):
        next(goes_on)
        was_down = shops[1].is_down
        scene = next(scenes)
        for deed in scene.deeds if scene else ():
            assert not (was_down and deed.shop is shops[1]), "somebody ships while the store is down"
            deed.shop.store.set_status(deed.order, deed.becomes)
        seen.append(scene)
        assert all(len(shop.to_pack()) >= FEW - 1 for shop in shops)
    assert {deed.shop.name for scene in seen if scene for deed in scene.deeds} == {"south", "outlet"}
    assert None in seen
    commands = [deed.command for scene in seen if scene for deed in scene.deeds]
    assert len(set(commands)) == len(commands)


@dataclass(slots=True)
class Told:
    """A round at the bench of a store as it should be told; tests spoil it."""

    store: SandboxStore
    deeds: list[Deed]
    books: Books
    rows: list[WriteBack]
    statuses: dict[tuple[str, str], int]

    def complaints(self) -> dict[str, list[str]]:
        """What differs, by order."""
        compared = compare(self.deeds, self.rows, self.statuses, self.books)
        return {each.key[1]: differences for each in compared if (differences := list(each.differences))}


@pytest.fixture
def told() -> Told:
    store = demo_stores(10)["south"]
    shop = Shop("south", store, Random(1))
    books = Books([shop])
    deeds = [deed for scene in packing(shop, count(1)) for deed in scene.deeds]
    rows = []
    for deed in deeds:
        is_pickup = deed.parcel is None or deed.parcel.number is None
        if deed.parcel is not None:
            number, items = deed.parcel.number, deed.parcel.items
            lines = [Units(line, quantity) for line, quantity in items]
            collected_at = "2026-05-01T10:00:00Z" if is_pickup else None
            rows.append(WriteBack("south", str(deed.order), "confirmed", number, is_pickup, collected_at, lines))
            if number is not None:
                shipment = put_shipment(store, deed.order, number, list(items))
                store.mail_shipment(store.record(deed.order), shipment)
        store.touch(store.record(deed.order), status_id=deed.becomes, mail=is_pickup)
    return Told(store, deeds, books, rows, {deed.key: deed.becomes for deed in deeds})


def test_a_round_that_was_told_rightly_leaves_nothing_to_complain_of(told: Told) -> None:
    assert told.complaints() == {}


def send_again(told: Told) -> None:
    """The first parcel is made once more, as after a lost answer that wasn't found out."""
    deed = told.deeds[0]
    assert deed.parcel is not None
    assert deed.parcel.number is not None
    put_shipment(told.store, deed.order, deed.parcel.number, list(deed.parcel.items))


def mail_again(told: Told) -> None:
    told.store.emails.append(told.store.emails[0])


def lose_the_mail(told: Told) -> None:
    del told.store.emails[0]


def lose_the_parcel(told: Told) -> None:
    told.store.drop_shipment(told.store.shipments(told.deeds[0].order)[0])


def mistake_the_number(told: Told) -> None:
    told.store.shipments(told.deeds[0].order)[0].tracking_number = "33ABC0000002"


def mistake_the_items(told: Told) -> None:
    shipment = told.store.shipments(told.deeds[0].order)[0]
    shipment.items = tuple(ShippedItem(item.order_product_id + 1, item.quantity) for item in shipment.items)


def forget_the_status(told: Told) -> None:
    told.store.touch(told.store.record(told.deeds[0].order), status_id=11, mail=False)


def see_an_old_status(told: Told) -> None:
    told.statuses[told.deeds[0].key] = 11


def leave_unfinished(told: Told) -> None:
    told.rows[0].state = "uncertain"


def forget_the_shipment(told: Told) -> None:
    del told.rows[0]


def make_another(told: Told) -> None:
    told.rows.append(told.rows[0])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (send_again, "the store has 2 in N, 2 in N, and 2 in N went"),
        (mail_again, "the buyer got e-mails about N, N, which should be N"),
        (lose_the_mail, "the buyer got e-mails about nothing, which should be N"),
        (lose_the_parcel, "the store has no parcel, and 2 in N went"),
        (mistake_the_number, "the store has 2 in 33ABC0000002, and 2 in N went"),
        (mistake_the_items, "the store has 2 in N, of other goods than went"),
        (forget_the_status, "the store has it as Awaiting Fulfillment, which should be Shipped"),
        (see_an_old_status, "crossdock has it as Awaiting Fulfillment, which should be Shipped"),
        (leave_unfinished, "crossdock has no parcel, and 2 in N went"),
        (forget_the_shipment, "crossdock has no parcel, and 2 in N went"),
        (make_another, "crossdock has 2 in N, 2 in N, and 2 in N went"),
    ],
)
def test_whatever_differs_is_named(told: Told, spoil: Callable[[Told], None], words: str) -> None:
    deed = told.deeds[0]
    assert deed.parcel is not None
    units = sum(quantity for _, quantity in deed.parcel.items)
    spoil(told)
    expected = words.replace("N", str(deed.parcel.number)).replace("2 in", f"{units} in")
    assert told.complaints() == {str(deed.order): [expected]}


def test_goods_that_were_never_collected_are_named(told: Told) -> None:
    row = next(row for row in told.rows if row.pickup)
    row.collected_at = None
    ((words,),) = told.complaints().values()
    assert re.fullmatch(r"crossdock has no parcel, and \d+ collected went", words)


def test_a_parcel_of_an_order_that_nobody_shipped_is_named(told: Told) -> None:
    other = Shop("south", told.store, Random(1)).to_pack()[-1]
    put_shipment(told.store, other, "", [("1", 3)])
    told.statuses["south", str(other)] = told.store.record(other).status_id
    assert told.complaints() == {str(other): ["the store has 3 in one without a number, and no parcel went"]}


def test_too_few_orders_to_show_shipping_is_said() -> None:
    with pytest.raises(DemoError, match="north has too few orders"):
        next(packing(Shop("north", SandboxStore(orders=0), Random(1)), count(1)))


IDLE = (
    '{"level": "INFO", "store": "a", "message": "a: run 2: 0 imported, 0 updated, 9 unchanged, 0 skipped; 3 requests"}'
)
SOME = '{"level": "INFO", "store": "a", "message": "a: run 3: 1,200 imported, 0 updated, 8 unchanged; 3 requests"}'
DOWN = '{"level": "WARNING", "store": "b", "message": "b: failed and is tried again by itself: it is down."}'
BUSY = (
    '{"level": "WARNING", "logger": "crossdock.loopwatch", "message": "the event loop stood still for 0.6 s while …"}'
)
CRASH = "Traceback (most recent call last):"


@asynccontextmanager
async def saying(*lines: str, then: str = "", untold: re.Pattern[str] | None = None) -> AsyncIterator[Daemon]:
    """A daemon that logs these lines."""
    code = f"import sys; print(*{lines!r}, sep='\\n', file=sys.stderr, flush=True); {then}"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE)
    try:
        yield Daemon(process, untold)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_runs_without_news_pass_in_silence_and_all_else_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    async with saying(IDLE, SOME, BUSY, IDLE, DOWN, CRASH, then="sys.exit(3)") as daemon:
        with pytest.raises(DemoError, match="ended by itself: exit code 3"):
            await daemon.follow(TOO_LONG_S)
    assert capsys.readouterr().out.splitlines() == [
        "  a: 1,200 imported",
        "  b: failed and is tried again by itself: it is down.",
        f"  {CRASH}",
    ]


async def test_what_is_left_to_chance_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    async with saying(SOME, DOWN, untold=re.compile("a: [0-9,]+ imported")) as daemon:
        await daemon.until("b: failed", patience_s=TOO_LONG_S)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["b:"]


async def test_what_is_waited_for_is_told_in_its_order(capsys: pytest.CaptureFixture[str]) -> None:
    async with saying(DOWN, CRASH, SOME) as daemon:
        await daemon.until("a: 1,200 imported", "b: failed", patience_s=TOO_LONG_S)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["Traceback", "a:", "b:"]


async def test_what_never_comes_is_named() -> None:
    async with saying(SOME, then="import signal; signal.pause()") as daemon:
        with pytest.raises(DemoError, match="did not say “a: 7 imported …” within"):
            await daemon.until("a: 7 imported", patience_s=0.01)


async def test_a_daemon_that_stops_badly_fails_the_demo() -> None:
    async with saying(DOWN, then="import signal; signal.sigwait([signal.SIGTERM])") as daemon:
        await daemon.until("b: failed", patience_s=TOO_LONG_S)
        with pytest.raises(DemoError, match="did not stop well: killed by SIGTERM"):
            await daemon.stop()


@pytest.mark.parametrize(("columns", "widest"), [("5", 20), ("40", 40), ("300", WIDEST), ("", WIDEST)])
def test_what_the_daemon_says_fits_the_terminal(
    columns: str, widest: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    tell("south: failed and is tried again by itself: GET /v2/orders failed 5 times: " + "it is down. " * 9)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1
    assert widest - len("itself: ") <= max(map(len, lines)) <= widest


TABLE = [("north 101", "1 in D2, 3 in D3"), ("north 1", "no parcel")]


def test_a_table_becomes_sentences_where_the_terminal_is_narrow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "27")
    show_table(("ORDER", "THE STORE HAS"), TABLE)
    assert capsys.readouterr().out.splitlines() == [
        "ORDER      THE STORE HAS",
        "north 101  1 in D2, 3 in D3",
        "north 1    no parcel",
    ]
    monkeypatch.setenv("COLUMNS", "26")
    show_table(("ORDER", "THE STORE HAS"), TABLE)
    assert capsys.readouterr().out.splitlines() == [
        "order north 101; the store",
        "  has 1 in D2, 3 in D3",
        "order north 1; the store",
        "  has no parcel",
    ]
