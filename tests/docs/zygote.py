"""`crossdock`, again and again, without starting Python for each: a process that has loaded all of it, and forks.

Reads jobs from stdin, one JSON object a line, and answers each with its exit code and all that it printed. The
README's commands go another way: they are started as a shell starts them.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import crossdock_bigcommerce.connector  # noqa: F401 -- loaded here, so that no child has to
from crossdock.cli.main import main


def serve() -> None:
    for line in sys.stdin:
        print(json.dumps(_done(json.loads(line))), flush=True)


def _done(job: Mapping[str, Any]) -> tuple[int, str]:
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            _work(job, output.fileno())
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return os.waitstatus_to_exitcode(status), output.read().decode()


def _work(job: Mapping[str, Any], output: int) -> None:
    """Is the command, to its end."""
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environ"])
    for stream in (1, 2):
        os.dup2(output, stream)
    code: object = 70
    try:
        main(job["arguments"])
    except SystemExit as ended:
        code = ended.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 70)


if __name__ == "__main__":
    serve()
