"""A merchant who has installed a stranger's package, and keeps a Corner Shop till beside a BigCommerce store."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from crossdock_sandbox.store import SandboxStore
from strangers.counter import PACKAGE, Counter
from strangers.till import till
from support.commandline import Desk
from support.served import served


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the stranger's package was installed, built from a copy far from this repository."""
    source, wheels, target = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "installed"))
    shutil.copytree(PACKAGE, source, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    alone = ["--no-index", "--no-deps"]
    build = [*pip, "wheel", *alone, "--no-build-isolation", "--wheel-dir", str(wheels), str(source)]
    subprocess.run(build, check=True)
    (wheel,) = wheels.glob("crossdock_corner-*.whl")
    subprocess.run([*pip, "install", *alone, "--target", str(target), str(wheel)], check=True)
    return target


@pytest.fixture
def counter(tmp_path: Path, installed: Path) -> Iterator[Counter]:
    """With the package installed."""
    path = os.pathsep.join(filter(None, [str(installed), os.environ.get("PYTHONPATH")]))
    with served(SandboxStore(seed=1, orders=12, quota=1_000_000)) as running, till() as tills:
        yield Counter(Desk(tmp_path, running.store, running), tills, {"PYTHONPATH": path})
