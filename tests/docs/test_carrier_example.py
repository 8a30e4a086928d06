"""The example of the carrier's page is a carrier that works."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from contract.courier import LABEL
from docs.bench import STORE, Bench, Quick, bench
from docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "reference" / "carrier.md"


class PigeonPost(ThreadingHTTPServer):
    """Answers as the page says. While `loses_answers`, a parcel is made and the connection ends."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.parcels: dict[str, dict[str, str]] = {}
        self.made = 0
        self.loses_answers = False


class _Answers(BaseHTTPRequestHandler):
    server: PigeonPost

    def do_GET(self) -> None:
        reference = parse_qs(urlsplit(self.path).query)["reference"][0]
        self._answer(200, [parcel for parcel in self.server.parcels.values() if parcel["reference"] == reference])

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked["grams"] > 5000:
            self._answer(422, {"why": "a pigeon carries 5 kg."})
        else:
            self._make(asked["reference"])

    def _make(self, reference: str) -> None:
        self.server.made += 1
        number = f"PIG{self.server.made}"
        parcel = {"number": number, "reference": reference, "label": base64.b64encode(LABEL).decode()}
        self.server.parcels[number] = parcel
        if self.server.loses_answers:
            self.connection.close()
        else:
            self._answer(201, parcel)

    def do_DELETE(self) -> None:
        known = self.server.parcels.pop(self.path.rpartition("/")[2], None)
        self._answer(204 if known else 404, None)

    def _answer(self, status: int, value: object) -> None:
        if self.headers["Authorization"] != "pigeon-key":
            status, value = 401, {}
        body = b"" if status == 204 else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def pigeon_post() -> Iterator[PigeonPost]:
    server = PigeonPost()
    thread = threading.Thread(target=server.serve_forever, name="pigeon post")
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def post() -> Iterator[PigeonPost]:
    with pigeon_post() as server:
        yield server


@pytest.fixture
def at(tmp_path: Path, quick: Quick, post: PigeonPost) -> Iterator[Bench]:
    """A folder with the page's two blocks in their files, a store whose orders are here, and Pigeon Post."""
    code, yaml = [block.text for block in blocks(PAGE) if block.kind in {"python", "yaml"} and "pigeon" in block.text]
    with bench(tmp_path, quick) as made:
        made.write("plugins.d/pigeon.py", code)
        for path in (tmp_path / "plugins.d", tmp_path / "plugins.d" / "pigeon.py"):
            path.chmod(0o700)
        address = f"http://127.0.0.1:{post.server_address[1]}"
        made.write("stores.yaml", yaml.replace("https://api.pigeon.example", address) + STORE)
        made.environ["PIGEON_KEY"] = "pigeon-key"
        code_, printed = made.run("crossdock import acme-au")
        assert code_ == 0, printed
        yield made


def test_the_example_of_a_carrier_gives_a_number_and_a_label(at: Bench, post: PigeonPost) -> None:
    code, printed = at.run("crossdock ship acme-au 108 --carrier pigeon --label 108.pdf")
    assert code == 0, printed
    assert "by pigeon, PIG1, is confirmed" in printed
    assert (at.folder / "108.pdf").read_bytes() == LABEL
    assert at.run("crossdock ship acme-au 108 --carrier pigeon")[0] == 0
    assert post.made == 1


def test_the_example_of_a_carrier_finds_the_parcel_whose_answer_was_lost(at: Bench, post: PigeonPost) -> None:
    post.loses_answers = True
    code, printed = at.run("crossdock ship acme-au 108 --carrier pigeon")
    assert code == 1, printed
    assert at.run("crossdock writebacks --json") == (0, "[]\n")
    post.loses_answers = False
    code, printed = at.run("crossdock ship acme-au 108 --carrier pigeon")
    assert code == 0, printed
    assert "PIG1, is confirmed" in printed
    assert post.made == 1


def test_the_example_of_a_carrier_takes_a_parcel_back(at: Bench, post: PigeonPost) -> None:
    assert at.run("crossdock ship acme-au 108 --carrier pigeon")[0] == 0
    code, printed = at.run("crossdock void acme-au 1")
    assert (code, post.parcels) == (0, {}), printed


def test_the_example_of_a_carrier_refuses_what_it_cannot_carry(at: Bench, post: PigeonPost) -> None:
    code, printed = at.run("crossdock ship acme-au 127 --carrier pigeon")
    assert (code, post.made) == (1, 0), printed
    assert "pigeon: Pigeon Post won't take this parcel: a pigeon carries 5 kg." in printed
