"""The example of the connector's page is a connector that works."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from docs.bench import Bench, Quick, bench
from docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "reference" / "connector.md"
SALES = [
    {
        "id": number,
        "ticket": f"T-{number}",
        "sold_at": "2026-05-01T10:00:00+08:00",
        "total": "12.00",
        "buyer": "Mia Example",
        "deliver": number % 3 > 0,
        "items": [{"what": "Mug", "count": 2}],
    }
    for number in range(1, 151)
]


class Till(BaseHTTPRequestHandler):
    """Answers as the page says that a Corner Shop till does."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if self.headers["Authorization"] != "till-key":
            return self._answer(401, {})
        if url.path == "/shop":
            return self._answer(200, {"id": "till-7", "name": "Corner of Main Street"})
        if url.path == "/sales":
            after = int(parse_qs(url.query)["after"][0])
            return self._answer(200, [sale for sale in SALES if int(str(sale["id"])) > after][:100])
        found = [sale for sale in SALES if url.path == f"/sales/{sale['id']}"]
        return self._answer(200, found[0]) if found else self._answer(404, {})

    def _answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def till() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Till)
    thread = threading.Thread(target=server.serve_forever, name="till")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def corner(tmp_path: Path, quick: Quick) -> Iterator[Bench]:
    """A folder with the page's two blocks in their files, and a till."""
    code, yaml = [block.text for block in blocks(PAGE) if block.kind in {"python", "yaml"} and "corner" in block.text]
    with till() as address, bench(tmp_path, quick) as at:
        at.write("plugins.d/corner.py", code)
        for path in (tmp_path / "plugins.d", tmp_path / "plugins.d" / "corner.py"):
            path.chmod(0o700)
        at.write("stores.yaml", yaml.replace("http://till.local:8080", address))
        at.environ["CORNER_KEY"] = "till-key"
        yield at


def test_the_example_of_a_connector_imports_and_goes_on(corner: Bench) -> None:
    assert corner.run("crossdock check") == (
        0,
        "corner: Corner Shop store “Corner of Main Street” (till-7); its key allows import.\n",
    )
    code, printed = corner.run("crossdock import corner --json")
    assert code == 0, printed
    first = json.loads(printed)
    assert (first["imported"], first["skipped"], first["requests"]) == (100, 50, 4)
    assert first["reasons"] == {"it was carried home by the buyer": 50}
    code, printed = corner.run("crossdock import corner --json")
    assert (code, json.loads(printed)["requests"]) == (0, 2)
    assert corner.run("crossdock why corner 3") == (0, "corner 3: it was carried home by the buyer.\n")
    assert corner.run("crossdock import corner --order 3")[0] == 0
    code, printed = corner.run("crossdock show corner T-3")
    assert code == 0
    assert "Mug" in printed
