"""`crossdock sandbox` as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import crossdock_sandbox
import pluggy
import pytest
from crossdock import hooks

RUN = "import sys; from crossdock_sandbox.cli import sandbox; sandbox(sys.argv[1:])"


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command, killed at the end if it still runs."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": ""}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_one_line_serves_and_stops_with_connections_open(stop: signal.Signals) -> None:
    with running("--port", "0", "--orders", "3", "--json") as process:
        assert process.stdout is not None
        settings = json.loads(process.stdout.readline())
        assert set(settings) == {"api_path", "client_id", "access_token", "control"}
        request = urllib.request.Request(
            settings["api_path"].replace("/v3/", "/v2/orders/count"),
            headers={"X-Auth-Token": settings["access_token"], "Accept": "application/json"},
        )
        with urllib.request.urlopen(request) as reply:
            assert json.load(reply)["count"] == 3
        host, port = settings["control"].removeprefix("http://").removesuffix("/control").split(":")
        slow = {"kind": "slow", "seconds": 600}
        fault = urllib.request.Request(f"{settings['control']}/faults", data=json.dumps(slow).encode(), method="POST")
        urllib.request.urlopen(fault).close()
        with socket.create_connection((host, int(port))) as idle, socket.create_connection((host, int(port))) as busy:
            busy.sendall(b"GET /stores/sandbox/v2/time HTTP/1.1\r\nHost: x\r\n\r\n")
            idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            idle.recv(1)
            process.send_signal(stop)
            rest, errors = process.communicate(timeout=10)
        assert (process.returncode, rest, errors) == (0, "", "")


def test_without_json_it_shows_what_to_paste_into_stores_yaml() -> None:
    with running("--port", "0", "--orders", "1") as process:
        process_output = _until(process, "Ctrl-C")
    snippet = process_output.partition("stores:\n")[2]
    for key in ("connector: bigcommerce", "api_path: http://127.0.0.1:", "client_id: ", "access_token: "):
        assert key in snippet


def test_a_taken_port_is_told_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running("--port", str(port), "--orders", "0") as process:
            output, errors = process.communicate(timeout=10)
    assert (process.returncode, output) == (1, "")
    assert errors == f"Port {port} is in use already; choose another with --port.\n"


def test_the_plugin_offers_its_commands() -> None:
    plugins = pluggy.PluginManager("crossdock")
    plugins.add_hookspecs(hooks)
    plugins.register(crossdock_sandbox)
    assert [command.name for commands in plugins.hook.cli_commands() for command in commands] == ["sandbox", "demo"]


def test_registering_the_command_loads_no_server() -> None:
    code = "import sys, crossdock_sandbox as it; it.cli_commands(); "
    code += "print(sorted({'aiohttp', 'asyncio', 'msgspec'} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert output.stdout == "[]\n"


def _until(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if word in line:
            break
    return "".join(lines)
