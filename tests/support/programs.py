"""Programs that tests run in processes of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).parents[1]

BECOME_NOBODY = """
    import os
    if os.geteuid() == 0:  # to whom no permission is denied
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
"""
"""What a program does after it imported all it needs: from then on permissions hold."""


def program(*parts: str) -> str:
    """One program of several indented parts."""
    return "\n".join(textwrap.dedent(part) for part in parts)


def child(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a program came to that was run in another process, with the tests' modules on its path."""
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def folder_for_anybody() -> Iterator[Path]:
    """A folder that any user reaches; pytest's own are shut."""
    folder = Path(tempfile.mkdtemp(prefix="crossdock-"))
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o777)
        shutil.rmtree(folder)
