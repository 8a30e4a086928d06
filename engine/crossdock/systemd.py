"""Tells systemd how the daemon is, in sd_notify's protocol: one datagram of NAME=VALUE lines to a socket of its own."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping

log = logging.getLogger("crossdock.systemd")


class Supervisor:
    """Whoever started the daemon and asked to be told how it is; where nobody did, nothing is sent.

    Nothing here waits or raises: a supervisor that can't be reached doesn't stop the daemon; the log says so once.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._is_lost = False

    def ready(self, status: str) -> None:
        """It works; `status` is a line that `systemctl status` shows. Said at the start, and after each reload."""
        self._tell(READY=1, STATUS=status)

    def status(self, words: str) -> None:
        """How it is now, in a line."""
        self._tell(STATUS=words)

    def reloading(self) -> None:
        """It reads its configuration again; `ready` is to follow."""
        self._tell(
            RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000
        )  # without the time notify-reload won't have it

    def stopping(self, status: str) -> None:
        """It comes to its end."""
        self._tell(STOPPING=1, STATUS=status)

    def alive(self) -> None:
        """It still does its work: to be said once each `watchdog_interval_s`."""
        self._tell(WATCHDOG=1)

    def _tell(self, **fields: str | int) -> None:
        if not self._address:
            return
        # A line break in a value would begin another field.
        lines = "\n".join(f"{name}={' '.join(str(value).split())}" for name, value in fields.items())
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)  # a supervisor that doesn't read must not hold up the event loop
                sender.sendto(lines.encode(errors="replace"), address)
        except OSError as error:
            self._lost(error)

    def _lost(self, error: OSError) -> None:
        if not self._is_lost:
            self._is_lost = True
            log.warning(
                "systemd can't be told how crossdock is (%s: %s); it may take it for dead and start it again.",
                self._address,
                error.strerror or error,
            )


def watchdog_interval_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """How often `Supervisor.alive` is to be said: twice in the time that systemd waits; None where it doesn't."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    is_for_another = environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid())
    if is_for_another or not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    return int(microseconds) / 1_000_000 / 2
