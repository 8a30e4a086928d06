"""Where the commands of a page are run: a folder of its own with a simulated store, and a shell."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from crossdock_sandbox.store import SandboxStore
from docs.pages import Step
from support.served import served

SHOWN_PORT = "8425"  # the simulated store's own port, which all pages show
SHOWN_FOLDER = "/home/me/shop"
SERVES = re.compile(r"is open at http://127\.0\.0\.1:(\d+)/")
TOO_LONG_S = 60

STORE = """\
stores:
  acme-au:
    connector: bigcommerce
    settings:
      api_path: http://127.0.0.1:8425/stores/sandbox/v3/
      client_id: ${ACME_CLIENT_ID}
      access_token: ${ACME_ACCESS_TOKEN}
"""


class Quick:
    """Runs `crossdock` without starting Python each time; see `docs.zygote`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, folder: Path, environ: Mapping[str, str], arguments: Sequence[str]) -> tuple[int, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"folder": str(folder), "environ": dict(environ), "arguments": list(arguments)}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        code, printed = json.loads(self._process.stdout.readline())
        return int(code), str(printed)

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


@dataclass(slots=True)
class Bench:
    """A merchant's folder and shell. `port` is where the simulated store is that the pages show on 8425."""

    folder: Path
    port: str
    environ: dict[str, str]
    store: SandboxStore | None = None
    quick: Quick | None = None
    background: list[subprocess.Popen[str]] = field(default_factory=list)

    def write(self, name: str, text: str) -> None:
        """Makes a file as a page shows it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(SHOWN_PORT, self.port), encoding="utf-8")

    def run(self, command: str) -> tuple[int, str]:
        """The exit code of a command as a page shows it, and all that it prints."""
        if command.startswith("crossdock sandbox"):
            return self._sandbox(command)
        if command == "crossdock run":
            return self._daemon(command)
        if self.quick is not None and re.fullmatch(r"crossdock [\w .=-]+", command):
            code, printed = self.quick(self.folder, self.environ, command.split()[1:])
            return code, printed.replace(str(self.folder), SHOWN_FOLDER)
        done = subprocess.run(
            ["bash", "-c", command.replace(SHOWN_PORT, self.port)],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TOO_LONG_S,
            check=False,
        )
        return done.returncode, done.stdout.decode().replace(str(self.folder), SHOWN_FOLDER)

    def _sandbox(self, command: str) -> tuple[int, str]:
        """Starts the simulated store that a page starts, on a free port."""
        code, said = self._left_running(f"{command} --port 0", until="Ctrl-C")
        found = SERVES.search(said)
        assert found is not None, said
        self.port = found[1]
        return code, said

    def _daemon(self, command: str) -> tuple[int, str]:
        """Starts the daemon that a page starts, on a free port unless the page chose one."""
        file = self.folder / "stores.yaml"
        text = file.read_text(encoding="utf-8")
        if "engine:" not in text:
            file.write_text(f"engine: {{web: {{port: 0}}}}\n{text}", encoding="utf-8")
        return self._left_running(command, until=" INFO ready: ")

    def _left_running(self, command: str, *, until: str) -> tuple[int, str]:
        """What a command says up to the line with `until`, where it goes on; or to its end, with its exit code."""
        process = subprocess.Popen(
            ["bash", "-c", f"exec timeout {TOO_LONG_S} {command}"],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.background.append(process)
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line.replace(str(self.folder), SHOWN_FOLDER)
            if until in line:
                return 0, said
        return process.wait(), said

    def close(self) -> None:
        """Ends what runs in the background."""
        for process in self.background:
            process.terminate()
            process.communicate()


@contextmanager
def bench(folder: Path, quick: Quick | None = None) -> Iterator[Bench]:
    """A folder with a `stores.yaml` that leads to a simulated store, as every page but the tutorial begins."""
    store = SandboxStore(seed=1, orders=50)
    with served(store) as running:
        found = SERVES.search(f"is open at {running.api_path}")
        assert found is not None
        made = Bench(folder, found[1], _environ(running.client_id, running.access_token), store, quick)
        made.write("stores.yaml", STORE)
        try:
            yield made
        finally:
            made.close()


def _environ(client_id: str, access_token: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CROSSDOCK", "COLUMNS"))}
    programs = str(Path(sys.executable).parent)
    return {
        **kept,
        "PATH": os.pathsep.join([programs, kept.get("PATH", os.defpath)]),
        "ACME_CLIENT_ID": client_id,
        "ACME_ACCESS_TOKEN": access_token,
        "LC_ALL": "C.UTF-8",
    }


def lacks(step: Step) -> str | None:
    """A program that the command needs and this machine hasn't, or None."""
    words = re.findall(r"(?:^|\| )(\w[\w-]*)", step.command)
    return next((word for word in words if word in {"curl", "sqlite3", "jq"} and shutil.which(word) is None), None)


def agrees(shown: str, printed: str) -> bool:
    """Whether a page shows what a command prints: numbers, times and spaces may differ, and `…` stands for anything."""
    pattern = r"\n".join(_pattern(line) for line in _lines(shown))
    pattern = pattern.replace(r"\n<any>\n", r"\n(?:.*\n)*").replace(r"\n<any>", r"(?:\n.*)*")
    pattern = re.sub(r"^<any>\\n", r"(?:.*\\n)*", pattern).replace("<any>", r"(?:.|\n)*")
    return re.fullmatch(pattern, "\n".join(_lines(printed))) is not None


def _lines(text: str) -> list[str]:
    return [plain for line in text.splitlines() if (plain := _plain(line))]


def _plain(line: str) -> str:
    line = re.sub(r"\b[0-9a-f]{16,}\b", "#", line)
    line = re.sub(r"\d+(?:[.,:]\d+)*", "#", re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", "#", line))
    return " ".join(re.sub(r"-{2,}", "--", line).split())


def _pattern(line: str) -> str:
    return "<any>" if line == "…" else ".*".join(re.escape(piece.strip()) for piece in line.split("…"))
