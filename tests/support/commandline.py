"""`crossdock` as its users run it: child processes in a folder with a `stores.yaml`, against a simulated store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from crossdock.cli.main import main
from crossdock_sandbox.server import Running
from crossdock_sandbox.store import SandboxStore

CROSSDOCK = (sys.executable, "-m", "crossdock")
TOO_LONG_S = 60  # a command that takes longer hangs


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def complaints(self) -> list[str]:
        """The lines on stderr."""
        return self.err.splitlines()


@dataclass(slots=True)
class Desk:
    """A merchant's folder, and the simulated store that its `stores.yaml` may lead to."""

    folder: Path
    store: SandboxStore
    running: Running

    @property
    def config(self) -> Path:
        return self.folder / "stores.yaml"

    @property
    def database(self) -> Path:
        return self.folder / "crossdock.db"

    @property
    def token(self) -> str:
        return self.running.access_token

    def entry(self, name: str = "acme", *, settings: Mapping[str, object] | None = None, **keys: object) -> str:
        """A store of the file that leads to the simulated one; `settings` and `keys` replace what stands there."""
        filled: dict[str, object] = {
            "api_path": self.running.api_path,
            "client_id": self.running.client_id,
            "access_token": self.token,
            **(settings or {}),
        }
        lines = [f"  {name}:", *(f"    {key}: {value}" for key, value in {"connector": "bigcommerce", **keys}.items())]
        lines += ["    settings:", *(f"      {key}: {value}" for key, value in filled.items())]
        return "\n".join(lines) + "\n"

    def write(self, *entries: str, before: str = "") -> None:
        """Makes `stores.yaml` of these entries; of one plain one if there are none."""
        self.config.write_text(f"{before}stores:\n{''.join(entries or (self.entry(),))}", encoding="utf-8")

    def environ(self, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """The environment of a child: this process's, without what would change how crossdock behaves."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CROSSDOCK", "COLUMNS"))}
        return {**kept, **{name: value for name, value in (changes or {}).items() if value is not None}}

    def run(
        self,
        *arguments: str,
        environ: Mapping[str, str | None] | None = None,
        folder: Path | None = None,
        secrets: Sequence[str] = (),
    ) -> Ran:
        """Runs `crossdock` to its end. Whatever happens, it shows no traceback and no secret."""
        done = subprocess.run(
            [*CROSSDOCK, *arguments],
            cwd=folder or self.folder,
            env=self.environ(environ),
            capture_output=True,
            timeout=TOO_LONG_S,
            check=False,
        )
        return self._sound(Ran(done.returncode, done.stdout.decode(), done.stderr.decode()), secrets)

    def call(
        self, *arguments: str, environ: Mapping[str, str | None] | None = None, secrets: Sequence[str] = ()
    ) -> Ran:
        """Like `run`, but in this process: faster, for what ends before anything is opened."""
        out, err = StringIO(), StringIO()
        with (
            chdir(self.folder),
            patch.dict(os.environ, self.environ(environ), clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main(arguments)
            except SystemExit as left:
                code = left.code
        assert isinstance(code, int)
        return self._sound(Ran(code, out.getvalue(), err.getvalue()), secrets)

    def _sound(self, ran: Ran, secrets: Sequence[str]) -> Ran:
        assert "Traceback" not in ran.out + ran.err, ran.err
        for secret in (self.token, *secrets):
            assert secret not in ran.out + ran.err
        return ran
