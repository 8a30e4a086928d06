"""What the log on stderr says: for people, for machines, and never a secret."""

from __future__ import annotations

import asyncio
import contextvars
import io
import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from crossdock import logs
from crossdock.logs import LogFormat, about

log = logging.getLogger("crossdock.tests")
TOKEN = "xyzzy-4711/plugh"
WRITTEN_AT = 1_777_629_600.1234  # 2026-05-01T10:00:00.123Z

Written = Callable[[], str]
SetUp = Callable[..., Written]


@pytest.fixture
def set_up() -> Iterator[SetUp]:
    """Sets the log up as it is to be tested, and gives what was written since; afterwards all is as it was."""
    root, before = logging.getLogger(), (logging.getLogger().handlers[:], logging.getLogger().level)
    levels = {name: logging.getLogger(name).level for name in logs.LEVELS}
    root.handlers.clear()

    def written_from(format: LogFormat = "text", level: int = logging.INFO) -> Written:
        stream = io.StringIO()
        logs.set_up(format, level, stream)
        return stream.getvalue

    yield written_from
    logging.captureWarnings(False)
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    for name, its in levels.items():
        logging.getLogger(name).setLevel(its)


def logged(written: Written) -> dict[str, Any]:
    """The one line that was written, as JSON."""
    line, end = written().split("\n")
    assert end == ""
    found: dict[str, Any] = json.loads(line)
    return found


def log_at(moment: float, message: str) -> None:
    record = log.makeRecord(log.name, logging.INFO, __file__, 1, message, (), None)
    record.created = moment
    log.handle(record)


class Unspeakable:
    def __str__(self) -> str:
        raise KeyError(TOKEN)


def fail_with(words: str) -> None:
    try:
        raise RuntimeError(words)
    except RuntimeError:
        log.exception("it failed")


def test_a_line_for_people_has_the_time_in_utc_the_level_and_the_store(set_up: SetUp) -> None:
    written = set_up("text")
    with about("acme-au"):
        log_at(WRITTEN_AT, "26 imported")
    assert written() == "2026-05-01T10:00:00Z INFO acme-au: 26 imported\n"


def test_the_store_is_not_named_twice(set_up: SetUp) -> None:
    written = set_up("text")
    with about("acme"):
        log.warning("%s: it doesn't answer", "acme")
        log.warning("acme-au: it doesn't answer")
    assert written().count("acme: ") == 2
    assert "acme: acme-au: it" in written()


def test_a_library_is_named_and_crossdock_is_not(set_up: SetUp) -> None:
    written = set_up("text")
    logging.getLogger("somelib.parts").warning("deprecated")
    logging.getLogger("crossdock").warning("begun")
    first, second = written().splitlines()
    assert first.endswith("WARNING somelib.parts: deprecated")
    assert second.endswith("WARNING begun")


def test_a_line_for_machines_is_one_object_with_all_that_is_known(set_up: SetUp) -> None:
    written = set_up("json")
    with about("acme-au", run=7):
        log_at(WRITTEN_AT, "saved a\npage")
    assert logged(written) == {
        "time": "2026-05-01T10:00:00.123Z",
        "level": "INFO",
        "logger": "crossdock.tests",
        "message": "saved a\npage",
        "store": "acme-au",
        "run": 7,
    }


def test_a_line_about_no_store_names_none(set_up: SetUp) -> None:
    written = set_up("json")
    with about("acme-au"):
        pass
    log.info("all stores are scheduled")
    assert logged(written).keys() == {"time", "level", "logger", "message"}


def test_a_traceback_goes_into_the_object(set_up: SetUp) -> None:
    written = set_up("json")
    fail_with("of itself")
    assert logged(written)["message"] == "it failed"
    assert logged(written)["error"].endswith("RuntimeError: of itself")


def test_a_traceback_for_people_is_indented_so_that_it_cannot_pass_for_a_line(set_up: SetUp) -> None:
    written = set_up("text")
    fail_with("oops\n2026-05-01T10:00:00Z INFO acme-au: all is well\x1b[2J")
    first, *more = written().splitlines()
    assert first.endswith("ERROR it failed")
    assert more[0] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") for line in more)
    assert "\x1b" not in written()


@pytest.mark.parametrize("text", ["two\nlines", "a\rback", "\x1b[2Jcleared", "\x9b2J", "\u2028", "\u202eback", "\x00"])
def test_what_others_wrote_breaks_no_line_and_drives_no_terminal(text: str, set_up: SetUp) -> None:
    written = set_up("text")
    log.info("the store says: %s", text)
    line = written().removesuffix("\n")
    assert line.isprintable()
    assert "the store says: " in line


@pytest.mark.parametrize("format", ["text", "json"])
def test_half_a_character_loses_no_line(format: LogFormat, set_up: SetUp) -> None:
    written = set_up(format)
    log.info("named \ud800 by somebody")
    assert "by somebody" in written()
    written().encode()


async def test_tasks_and_their_threads_know_what_they_are_about(set_up: SetUp) -> None:
    written = set_up("text")

    async def work(store: str) -> None:
        with about(store):
            await asyncio.sleep(0)
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.to_thread(log.info, "in a thread"), name="inner")

    await asyncio.gather(work("acme"), work("beta"))
    assert sorted(line.partition("INFO ")[2] for line in written().splitlines()) == [
        "acme: in a thread",
        "beta: in a thread",
    ]


def test_a_plain_thread_knows_it_where_it_is_given_the_context(set_up: SetUp) -> None:
    written = set_up("text")
    with about("acme", secrets=[TOKEN]):
        run = contextvars.copy_context().run
        thread = threading.Thread(target=run, args=(log.info, "sent %s", TOKEN))
        thread.start()
        thread.join()
    assert written().endswith("INFO acme: sent ***\n")


def test_whoever_logs_may_name_the_store_himself(set_up: SetUp) -> None:
    written = set_up("json")
    with about("acme"):
        log.info("looked at", extra={"store": "beta", "run": 3})
    assert (logged(written)["store"], logged(written)["run"]) == ("beta", 3)


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("form", [TOKEN, repr(TOKEN), "xyzzy-4711%2Fplugh", [TOKEN]], ids=str)
def test_a_secret_is_covered_in_what_is_logged_about_its_store(form: object, format: LogFormat, set_up: SetUp) -> None:
    written = set_up(format)
    with about("acme", secrets=[TOKEN, ""]):
        log.warning(f"asked with {form}")
        log.warning("asked with %s", form)
        fail_with(f"asked with {form}")
        log.warning("here", stack_info=True)
    assert "plugh" not in written()
    assert written().count("***") >= 3


def test_a_secret_of_several_lines_is_covered_in_a_traceback(set_up: SetUp) -> None:
    written = set_up("text")
    with about("acme", secrets=["-----BEGIN KEY-----\nc2VjcmV0\n-----END KEY-----"]):
        fail_with("can't sign with -----BEGIN KEY-----\nc2VjcmV0\n-----END KEY-----")
    assert "c2VjcmV0" not in written()


def test_a_secret_stays_covered_further_in(set_up: SetUp) -> None:
    written = set_up("text")
    with about("acme", secrets=[TOKEN]), about("acme", run=7, secrets=[TOKEN + "-too"]):
        log.info("one %s, another %s", TOKEN, TOKEN + "-too")
    assert written().endswith("one ***, another ***\n")


def test_a_short_secret_leaves_other_words_whole(set_up: SetUp) -> None:
    written = set_up("text")
    with about("acme", secrets=["or"]):
        log.info("orders for 'or' are here")
    assert written().endswith("orders for '***' are here\n")


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_line_that_can_not_be_formatted_is_not_lost(
    format: LogFormat, set_up: SetUp, capsys: pytest.CaptureFixture[str]
) -> None:
    written = set_up(format)
    with about("acme", run=7):
        log.warning("%d orders wait for %s", "some", "whom?")
        log.warning("the buyer is %s", Unspeakable())
        log.warning(Unspeakable())
    first, second, third = written().splitlines()
    assert "acme" in first
    assert "%d orders wait for %s (the rest can't be told: test_logs.py:" in first
    assert "logs what raises TypeError" in first
    assert "the buyer is %s" in second
    assert "logs what raises KeyError" in second
    assert "a Unspeakable" in third
    assert capsys.readouterr().err == ""
    assert TOKEN not in written()


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_short_text_is_enough_for_a_percent_sign(format: LogFormat, set_up: SetUp) -> None:
    written = set_up(format)
    log.info("100 % done")
    assert "100 % done" in written()


@pytest.mark.usefixtures("set_up")
@pytest.mark.parametrize("is_journal", [True, False])
def test_journald_gets_the_level_as_it_wants_it_and_no_time(
    is_journal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "journal").open("w+", encoding="utf-8") as stream:
        found = os.fstat(stream.fileno())
        inode = found.st_ino if is_journal else found.st_ino + 1  # another: stderr has been sent elsewhere
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{inode}")
        logs.set_up("text", logging.INFO, stream)
        log.warning("here")
        fail_with("of itself")
    lines = (tmp_path / "journal").read_text(encoding="utf-8").splitlines()
    if is_journal:
        assert lines[:3] == ["<4>WARNING here", "<3>ERROR it failed", "<3>    Traceback (most recent call last):"]
        assert all(line.startswith("<3>    ") for line in lines[3:])
    else:
        assert lines[0].endswith("Z WARNING here")
        assert "<" not in lines[0]


def test_nothing_is_written_twice_when_it_is_set_up_again(set_up: SetUp) -> None:
    before, written = set_up("text"), set_up("json")
    log.info("once")
    assert before() == ""
    assert logged(written)["message"] == "once"


def test_libraries_say_only_what_matters(set_up: SetUp) -> None:
    written = set_up("text", logging.DEBUG)
    logging.getLogger("apscheduler.scheduler").warning("maximum number of running instances reached")
    logging.getLogger("asyncio").debug("Using selector")
    logging.getLogger("aiohttp.access").critical("GET /healthz")
    log.debug("asked")
    assert [line.partition("Z ")[2] for line in written().splitlines()] == ["DEBUG asked"]


def test_pythons_own_warnings_are_lines_like_others(set_up: SetUp) -> None:
    written = set_up("json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("soon gone", UserWarning, stacklevel=1)
    assert "soon gone" in logged(written)["message"]


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_stack_that_is_logged_is_written(format: LogFormat, set_up: SetUp) -> None:
    written = set_up(format)
    log.warning("the event loop stands still", stack_info=True)
    assert "in test_a_stack_that_is_logged_is_written" in written()


@pytest.fixture
def covered() -> Iterator[None]:
    logs.cover(["hunter2-hunter2"])
    yield
    logs.cover([])


@pytest.mark.usefixtures("covered")
def test_a_secret_is_covered_outside_of_every_subject_too(set_up: SetUp) -> None:
    """Where a task or a thread speaks that a plugin has left behind."""
    written = set_up("json")
    log.error("it was hunter2-hunter2")
    assert logged(written)["message"] == "it was ***"


@pytest.mark.usefixtures("covered")
def test_what_fails_where_nobody_waits_for_it_is_a_line_like_any_other(
    set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", None)
    monkeypatch.setattr(sys, "unraisablehook", None)
    written = set_up("json")
    logs.hear_all()

    class Rude:
        def __del__(self) -> None:
            raise LookupError("hunter2-hunter2")

    def fail() -> None:
        raise LookupError("hunter2-hunter2")

    thread = threading.Thread(target=fail, name="of a plugin")
    thread.start()
    thread.join()
    Rude()
    lines = [json.loads(line) for line in written().splitlines()]
    assert [line["level"] for line in lines] == ["ERROR", "ERROR"]
    assert "thread 'of a plugin'" in lines[0]["message"]
    assert all("LookupError: ***" in line["error"] for line in lines)
