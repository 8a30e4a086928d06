"""`crossdock demo`: what it shows is true, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from crossdock_sandbox.demo_daemon import Daemon
from crossdock_sandbox.demo_stores import Shop, demo_stores, life
from crossdock_sandbox.demo_story import run_demo
from crossdock_sandbox.demo_words import DemoError, tell
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


def test_it_goes_on_until_it_is_stopped_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        said = until(process, "A buyer places", "The merchant")
        assert f"-c {tmp_path}/crossdock-demo-" in said
        assert not re.search(r": 1 (imported|updated)", said), "the daemon knew before it was told"
        until(process, "1 imported", "1 updated")
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
async def saying(*lines: str, then: str = "") -> AsyncIterator[Daemon]:
    """A daemon that logs these lines."""
    code = f"import sys; print(*{lines!r}, sep='\\n', file=sys.stderr, flush=True); {then}"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE)
    try:
        yield Daemon(process)
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
