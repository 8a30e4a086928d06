"""What systemd is told, over a socket like its own."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from crossdock.systemd import Supervisor, watchdog_interval_s

PID = str(os.getpid())


class Systemd:
    """The receiving end of `address`."""

    def __init__(self, address: str) -> None:
        self.environ = {"NOTIFY_SOCKET": address}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        """The lines of the next message; a message is there as soon as it was sent."""
        return self._socket.recv(4096).decode().split("\n")

    def is_silent(self) -> bool:
        try:
            self._socket.recv(4096)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    random = f"crossdock-{secrets.token_hex(8)}"
    systemd = Systemd(f"@{random}" if request.param == "abstract" else str(tmp_path / "notify"))
    yield systemd
    systemd.close()


def test_it_hears_that_the_daemon_works_reloads_and_stops(systemd: Systemd) -> None:
    daemon = Supervisor(systemd.environ)
    daemon.ready("2 stores")
    assert systemd.heard() == ["READY=1", "STATUS=2 stores"]
    daemon.status("1 store of 2 is retrying")
    assert systemd.heard() == ["STATUS=1 store of 2 is retrying"]
    daemon.alive()
    assert systemd.heard() == ["WATCHDOG=1"]
    daemon.stopping("waiting for 1 import")
    assert systemd.heard() == ["STOPPING=1", "STATUS=waiting for 1 import"]


def test_a_reload_carries_the_time_of_systemds_own_clock(systemd: Systemd) -> None:
    with Path("/proc/uptime").open(encoding="ascii") as file:  # the same clock where nobody has suspended the machine
        uptime_s = float(file.read().split()[0])
    Supervisor(systemd.environ).reloading()
    first, second = systemd.heard()
    assert first == "RELOADING=1"
    name, _, microseconds = second.partition("=")
    assert name == "MONOTONIC_USEC"
    assert 0 < int(microseconds) < (uptime_s + 3600) * 1_000_000  # and not in nanoseconds


def test_words_of_several_lines_are_one_status(systemd: Systemd) -> None:
    Supervisor(systemd.environ).status("stores.yaml:1:1: \nREADY=1\ud800")
    assert systemd.heard() == ["STATUS=stores.yaml:1:1: READY=1?"]


def test_nothing_is_sent_where_nobody_asked(systemd: Systemd, caplog: pytest.LogCaptureFixture) -> None:
    daemon = Supervisor({})
    daemon.ready("2 stores")
    daemon.alive()
    assert systemd.is_silent()
    assert caplog.records == []


@pytest.mark.parametrize("address", ["/nowhere/notify", "@crossdock-nobody-listens", "/" + 200 * "x", "vsock:2:1"])
def test_a_supervisor_that_is_gone_is_named_once_and_stops_nothing(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    daemon = Supervisor({"NOTIFY_SOCKET": address})
    daemon.ready("2 stores")
    daemon.alive()
    daemon.stopping("")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert address in record.getMessage()


def test_a_supervisor_that_does_not_read_holds_nothing_up(systemd: Systemd, caplog: pytest.LogCaptureFixture) -> None:
    daemon = Supervisor(systemd.environ)
    for _ in range(2000):  # more than any queue of datagrams holds
        daemon.alive()
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": PID}, 30.0),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": PID}, 0.25),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),  # its parent's
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time_where_it_is_ours(
    environ: dict[str, str], interval_s: float | None
) -> None:
    assert watchdog_interval_s(environ) == interval_s
