"""What goes wrong before the commands of a how-to are run, by the names that its pages give it."""

from __future__ import annotations

import json
import socket
import socketserver
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from urllib.request import Request, urlopen

from docs.bench import STORE, Bench

FEWER_SCOPES = {
    "no-orders": ("store_v2_information_read_only",),
    "no-information": ("store_v2_orders",),
    "read-only": ("store_v2_information_read_only", "store_v2_orders_read_only"),
}
LINE_OF_114 = {"order_product_id": 526, "quantity": 1}
CORNER = "crossdock_contract = 2\n"


def _safe_plugins(at: Bench) -> None:
    """Plugins that nobody else could have written, whatever the umask here is."""
    for path in (*at.folder.glob("plugins.d"), *at.folder.glob("plugins.d/*.py")):
        path.chmod(0o700)


def _nothing(at: Bench) -> None:
    """A good stores.yaml, and nothing imported yet."""
    del at


def _imported(at: Bench) -> None:
    code, printed = at.run("crossdock import acme-au")
    assert code == 0, printed


def _written(before: str, after: str) -> Callable[[Bench], None]:
    """The file with a mistake in it."""

    def change(at: Bench) -> None:
        assert before in STORE
        at.write("stores.yaml", STORE.replace(before, after))

    return change


def _token_with(scopes: tuple[str, ...]) -> Callable[[Bench], None]:
    def change(at: Bench) -> None:
        assert at.store is not None
        at.environ["ACME_ACCESS_TOKEN"] = at.store.new_token(scopes).access_token

    return change


def _wrong_token(at: Bench) -> None:
    at.environ["ACME_ACCESS_TOKEN"] = "mistyped"


def _variable_missing(at: Bench) -> None:
    del at.environ["ACME_ACCESS_TOKEN"]


def _no_file(at: Bench) -> None:
    (at.folder / "stores.yaml").unlink()


def _written_twice(at: Bench) -> None:
    at.write("stores.yaml", STORE + STORE.partition("\n")[2])


def _two_names(at: Bench) -> None:
    _imported(at)
    at.write("stores.yaml", STORE + STORE.partition("\n")[2].replace("acme-au", "acme-outlet"))


def _renamed(at: Bench) -> None:
    _imported(at)
    with sqlite3.connect(at.folder / "crossdock.db") as db:
        db.execute("update stores set identity = 'abc123', account_name = 'ACME'")
    db.close()


def _rate_limited(at: Bench) -> None:
    assert at.store is not None
    at.store.faults.add("429", seconds=600)


def _not_understood(at: Bench) -> None:
    assert at.store is not None
    at.store.add_order(default_currency_code="", currency_code="", store_default_currency_code="")


def _set_aside(at: Bench) -> None:
    _not_understood(at)
    code, printed = at.run("crossdock import acme-au")
    assert code == 1, printed


def _newer(at: Bench) -> None:
    _imported(at)
    with sqlite3.connect(at.folder / "crossdock.db") as db:
        db.execute(
            "insert into _sqlite_migrations (migration_set, name, applied_at) values ('crossdock', 'm0099_later', '')"
        )
    db.close()


def _no_database(at: Bench) -> None:
    (at.folder / "crossdock.db").write_text("This is a letter, and no database at all.\n" * 9, encoding="utf-8")


def _damaged(at: Bench) -> None:
    _imported(at)
    with (at.folder / "crossdock.db").open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 20 * 4096)


def _anothers_tables(at: Bench) -> None:
    with sqlite3.connect(at.folder / "crossdock.db") as db:
        db.execute("create table recipes (name text)")
    db.close()


def _broken_plugin(at: Bench) -> None:
    at.write("plugins.d/corner.py", CORNER)
    _safe_plugins(at)
    at.write("stores.yaml", STORE.replace("bigcommerce", "corner"))


def _needs_somebody(at: Bench) -> None:
    _imported(at)
    _wrong_token(at)
    for _ in range(2):  # a first refusal doesn't count
        code, printed = at.run("crossdock import acme-au")
        assert code == 1, printed


def _paused(at: Bench) -> None:
    _imported(at)
    code, printed = at.run("crossdock pause acme-au")
    assert code == 0, printed


def _did(at: Bench, *commands: str) -> None:
    for command in commands:
        code, printed = at.run(command)
        assert code == 0, printed


def _shipped(at: Bench) -> None:
    _did(at, "crossdock import acme-au", "crossdock ship acme-au 101 --carrier Sendle --tracking S1")


def _cancelled_meanwhile(at: Bench) -> None:
    """Order 130 is cancelled after it was seen here, and so shortly that it isn't asked for again."""
    _safe_plugins(at)
    _imported(at)
    assert at.store is not None
    at.store.edit(130, status_id=5)


def _out_of_order(at: Bench) -> None:
    """The store fails to make shipments, whatever comes, and a shipment waits for it."""
    _imported(at)
    assert at.store is not None
    at.store.faults.add("503", method="POST", times=None)


def _shipped_elsewhere(at: Bench) -> None:
    """Another tool ships order 114 after it was seen here."""
    _imported(at)
    body = json.dumps({"order_address_id": 314, "tracking_number": "OTHER", "items": [LINE_OF_114]}).encode()
    headers = {
        "X-Auth-Token": at.environ["ACME_ACCESS_TOKEN"],
        "Accept": "application/json",
        "Content-Type": "application/json",
    }
    url = f"http://127.0.0.1:{at.port}/stores/sandbox/v2/orders/114/shipments"
    with urlopen(Request(url, body, headers), timeout=30) as answer:
        assert answer.status == 201


def _daemon(at: Bench) -> None:
    code, printed = at.run("crossdock run")
    assert code == 0, printed


@contextmanager
def _port_in_use(at: Bench) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at.write("stores.yaml", f"engine: {{web: {{port: {taken.getsockname()[1]}}}}}\n{STORE}")
        yield


RARE = "\U00010f70"  # in a script that no computer is sold with


def _rare_name(at: Bench) -> None:
    """An order for somebody whose name no font has."""
    assert at.store is not None
    at.store.add_order(status_id=11, address={"first_name": RARE, "last_name": "Demir", "city": "Perth"})
    _imported(at)


def _papers_mistake(at: Bench) -> None:
    _imported(at)
    at.write("stores.yaml", f"papers: {{label: A5}}\n{STORE}")


def _logo_missing(at: Bench) -> None:
    _imported(at)
    at.write("stores.yaml", STORE.replace("    settings:", "    logo: acme.png\n    settings:"))


def _with_printer(at: Bench, port: int) -> None:
    at.write("stores.yaml", f"papers: {{printers: {{bench-1: {{address: '127.0.0.1:{port}'}}}}}}\n{STORE}")


class _TakesAll(socketserver.BaseRequestHandler):
    """A thermal printer that takes what comes, and never answers."""

    def handle(self) -> None:
        while self.request.recv(65_536):
            pass


@contextmanager
def _printer(at: Bench) -> Iterator[None]:
    """A thermal printer that is switched on, and an order that waits to be shipped."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _TakesAll) as printer:
        thread = threading.Thread(target=printer.serve_forever, name="printer")
        thread.start()
        _with_printer(at, printer.server_address[1])
        _imported(at)
        try:
            yield
        finally:
            printer.shutdown()
            thread.join()


def _printer_off(at: Bench) -> None:
    """A thermal printer that is switched off, and an order that is shipped."""
    _shipped(at)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    _with_printer(at, port)


def _scene(before: Callable[[Bench], None]) -> Callable[[Bench], AbstractContextManager[None]]:
    @contextmanager
    def play(at: Bench) -> Iterator[None]:
        before(at)
        yield

    return play


SCENES: dict[str, Callable[[Bench], AbstractContextManager[None]]] = {
    "all-well": _scene(_nothing),
    "safe-plugins": _scene(_safe_plugins),
    "imported": _scene(_imported),
    "no-file": _scene(_no_file),
    "empty-file": _scene(lambda at: at.write("stores.yaml", "")),
    "bad-yaml": _scene(_written("bigcommerce", '"bigcommerce')),
    "tab": _scene(_written("    connector", "\tconnector")),
    "mistyped-key": _scene(_written("access_token:", "acces_token:")),
    "unknown-connector": _scene(_written("bigcommerce", "bigcomerce")),
    "variable-missing": _scene(_variable_missing),
    "secret-file-missing": _scene(_written("${ACME_ACCESS_TOKEN}", "${file:secrets/acme_token}")),
    "written-twice": _scene(_written_twice),
    "duration": _scene(_written("    settings:", "    every: 5\n    settings:")),
    "status-name": _scene(_written("    settings:", "    settings:\n      import_statuses: [Awaiting Shipmant]")),
    "legacy-path": _scene(
        _written("http://127.0.0.1:8425/stores/sandbox/v3/", "https://store.example/api/v2/"),
    ),
    "plain-http": _scene(_written("http://127.0.0.1:8425", "http://api.example")),
    "wrong-token": _scene(_wrong_token),
    "wrong-hash": _scene(_written("stores/sandbox", "stores/sandbux")),
    **{name: _scene(_token_with(scopes)) for name, scopes in FEWER_SCOPES.items()},
    "two-names": _scene(_two_names),
    "another-account": _scene(_renamed),
    "rate-limited": _scene(_rate_limited),
    "needs-somebody": _scene(_needs_somebody),
    "paused": _scene(_paused),
    "shipped": _scene(_shipped),
    "cancelled-meanwhile": _scene(_cancelled_meanwhile),
    "shipped-elsewhere": _scene(_shipped_elsewhere),
    "out-of-order": _scene(_out_of_order),
    "daemon": _scene(_daemon),
    "port-in-use": _port_in_use,
    "open-door": _scene(lambda at: at.write("stores.yaml", "engine: {web: {host: 0.0.0.0}}\n" + STORE)),
    "papers-mistake": _scene(_papers_mistake),
    "logo-missing": _scene(_logo_missing),
    "printer": _printer,
    "printer-off": _scene(_printer_off),
    "rare-name": _scene(_rare_name),
    "not-understood": _scene(_not_understood),
    "set-aside": _scene(_set_aside),
    "newer-database": _scene(_newer),
    "no-database": _scene(_no_database),
    "damaged-database": _scene(_damaged),
    "anothers-tables": _scene(_anothers_tables),
    "folder-missing": _scene(lambda at: at.write("stores.yaml", "engine: {database: data/crossdock.db}\n" + STORE)),
    "postgresql": _scene(
        lambda at: at.write("stores.yaml", "engine: {database: 'postgresql://db/crossdock'}\n" + STORE)
    ),
    "broken-plugin": _scene(_broken_plugin),
}
