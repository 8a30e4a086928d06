"""`crossdock print`, and labels of `crossdock ship`: what a packer gets on paper, what is said of it, the exit code."""

from __future__ import annotations

import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from contract.courier import LABEL, PICTURE, ZPL
from crossdock_sandbox.shipments import Shipment
from support.commandline import CROSSDOCK, Desk, Ran
from support.paper import codes_read, rendered, texts
from support.zpl import labels

MUGS = {"quantity": 2, "sku": "MUG-1", "name": "Mug", "options": {"Size": "L"}}
TEE = {"quantity": 1, "sku": "TEE-M", "name": "Tee"}
POST = ("--carrier", "Australia Post")
GIVERS = """
from crossdock import Booking, Carrier, CarrierSettings, Label, hookimpl

class Giver(Carrier[CarrierSettings]):
    name, title, gives_labels = "giver", "Giver", True

    async def ship(self, request):
        kind = request.tracking_number
        label = Label(media_type=KINDS[kind][0], content=KINDS[kind][1]) if kind in KINDS else None
        return Booking(tracking_number=kind, label=label)

@hookimpl
def carriers():
    return [Giver]
"""
KINDS = {
    "pdf": ("application/pdf", LABEL),
    "png": ("image/png", PICTURE),
    "zpl": ("application/zpl", ZPL),
    "cut": ("application/pdf", LABEL[:100]),
    "other": ("text/epl", b"N"),
}


def held(desk: Desk, *lines: dict[str, Any], **order: Any) -> str:
    """An order of these lines that is here."""
    order_id = desk.store.add_order(lines=lines or (MUGS,), **order)
    assert desk.call("import", "acme").code == 0
    return str(order_id)


def shipped(desk: Desk, order: str, number: str, carrier: str = "Australia Post") -> Ran:
    ran = desk.call("ship", "acme", order, "--carrier", carrier, "--tracking", number)
    assert ran.code == 0, ran
    return ran


def there(desk: Desk, order: str) -> list[Shipment]:
    """What the store has of it."""
    return desk.store.shipments(int(order))


def pages(desk: Desk, file: str) -> list[str]:
    """What each page of a file says, on one line."""
    return [" ".join(page.split()) for page in texts((desk.folder / file).read_bytes())]


def scanned(desk: Desk, file: str) -> list[list[str]]:
    """The numbers that a courier's scanner reads off each page of a file."""
    found = map(codes_read, rendered((desk.folder / file).read_bytes()))
    return [[code.text for code in codes if code.kind == "Code128"] for codes in found]


@contextmanager
def printer(*, takes: bool = True) -> Iterator[tuple[str, list[bytes]]]:
    """The address of a printer, and what it took of each connection; one that takes nothing is switched off."""
    taken: list[bytes] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        if not takes:
            server.close()
            yield address, taken
            return

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, connection.makefile("rb") as stream:
                    taken.append(stream.read())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield address, taken
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


# --- a label is printed by shipping -----------------------------------------------------------------------------------


def test_printing_the_label_of_what_is_not_shipped_is_shipping_it_and_the_store_is_told(desk: Desk) -> None:
    order = held(desk, MUGS, TEE, address={"first_name": "Zoë", "last_name": "Łuczak"})
    ran = desk.run("ship", "acme", order, *POST, "--tracking", "9912345678", "--label", "label.pdf")
    assert (ran.code, ran.complaints) == (0, ["acme: 1 label printed to label.pdf."])
    assert "is confirmed; the order stands at Shipped in the store." in ran.out
    assert [one.tracking_number for one in there(desk, order)] == ["9912345678"]
    (label,) = pages(desk, "label.pdf")
    for words in ("Zoë Łuczak", f"Order {order}", "Australia Post", "2 × MUG-1 Mug, L", "1 × TEE-M Tee"):
        assert words in label
    assert scanned(desk, "label.pdf")[0] == ["9912345678"]
    assert stat.S_IMODE((desk.folder / "label.pdf").stat().st_mode) == 0o600


def test_the_labels_of_a_list_are_one_document_in_its_order_and_rows_that_fail_are_named(desk: Desk) -> None:
    first, second = held(desk), held(desk, TEE)
    rows = [f"{second},Australia Post,S2", "999,Australia Post,S9", f"{first},Australia Post,S1"]
    (desk.folder / "list.csv").write_text("\n".join(["order,carrier,tracking", *rows, ""]))
    ran = desk.call("ship", "--from", "list.csv", "--label", "labels.pdf")
    assert ran.code == 1
    assert "list.csv:3: acme: order 999 is not here" in ran.err
    assert "list.csv: 2 labels printed to labels.pdf." in ran.complaints
    assert scanned(desk, "labels.pdf") == [["S2"], ["S1"]]


def test_saying_it_once_more_prints_the_same_label_and_ships_nothing(desk: Desk) -> None:
    order = held(desk)
    for file in ("one.pdf", "two.pdf"):
        assert desk.call("ship", "acme", order, *POST, "--tracking", "S1", "--label", file).code == 0
    assert (desk.folder / "one.pdf").read_bytes() == (desk.folder / "two.pdf").read_bytes()
    assert len(there(desk, order)) == 1


def test_what_cannot_be_printed_is_told_before_anything_is_shipped(desk: Desk) -> None:
    order = held(desk)
    (desk.folder / "old.pdf").write_text("old")
    for where, words in (
        (("--label", "old.pdf"), "is there already"),
        (("--label", "label.png"), "should end with .pdf"),
        (("--label", "none/label.pdf"), "no folder that can be written to"),
        (("--printer", "bench-9"), "has no printer 'bench-9'"),
    ):
        ran = desk.call("ship", "acme", order, *POST, *where)
        assert (ran.code, words in ran.err, "Nothing was shipped." in ran.err) == (2, True, True), ran
    both = desk.call("ship", "acme", order, *POST, "--label", "new.pdf", "--printer", "bench-9")
    assert (both.code, "exclude each other" in both.err) == (2, True)
    desk.write(before="papers: {label: A5}\n")
    ran = desk.call("ship", "acme", order, *POST, "--label", "new.pdf")
    assert (ran.code, "while 'papers' in stores.yaml has a mistake" in ran.err) == (2, True), ran
    assert (there(desk, order), (desk.folder / "old.pdf").read_text()) == ([], "old")
    assert not (desk.folder / "new.pdf").exists()


def test_goods_that_wait_to_be_collected_have_a_label_that_says_so(desk: Desk) -> None:
    desk.write(desk.entry(settings={"pickup_in_store": True}))
    order = held(desk)
    assert desk.call("ship", "acme", order, "--carrier", "pickup", "--label", "label.pdf").code == 0
    assert "PICKUP" in pages(desk, "label.pdf")[0]
    assert desk.call("print", "acme", order, "--paper", "pickup", "-o", "slip.pdf").code == 0
    assert "Collected by" in pages(desk, "slip.pdf")[0]


# --- print ------------------------------------------------------------------------------------------------------------


def test_labels_are_printed_again_in_the_order_chosen_and_nothing_is_shipped(desk: Desk) -> None:
    orders = [held(desk) for _ in range(3)]
    for order in orders[:2]:
        shipped(desk, order, f"S{order}")
    first, second, open_one = orders
    ran = desk.run("print", "acme", second, open_one, "999", first, second, "-o", "again.pdf")
    assert ran.code == 1
    assert ran.complaints == [
        f"acme: order {open_one}: it isn't shipped, so it has no label; printing one is shipping it: "
        f"`crossdock ship acme {open_one} --carrier C --label FILE.pdf`.",
        "acme: order 999: it is not here; `crossdock import acme --order 999` brings it.",
        "acme: 2 labels printed to again.pdf.",
    ]
    assert scanned(desk, "again.pdf") == [[f"S{second}"], [f"S{first}"]]
    assert there(desk, open_one) == []


def test_each_parcel_of_an_order_has_its_label_and_one_taken_back_has_none(desk: Desk) -> None:
    order = held(desk, MUGS, TEE)
    mug, tee = (line["id"] for line in desk.store.order(int(order))["lines"])
    for line, number in ((mug, "S1"), (tee, "S2")):
        assert desk.call("ship", "acme", order, *POST, "--tracking", number, "--line", f"{line}=1").code == 0
    assert desk.call("void", "acme", "1").code == 0
    shipped(desk, order, "S3")
    assert desk.call("print", "acme", order, "-o", "again.pdf").code == 0
    assert scanned(desk, "again.pdf") == [["S2"], ["S3"]]


def test_slips_hold_what_is_left_and_afterwards_what_each_parcel_held(desk: Desk) -> None:
    order = held(desk, MUGS, TEE)
    mug, _ = (line["id"] for line in desk.store.order(int(order))["lines"])
    assert desk.call("ship", "acme", order, *POST, "--tracking", "S1", "--line", f"{mug}=2").code == 0
    assert desk.call("print", "acme", order, "--paper", "slip", "-o", "slip.pdf").code == 0
    (slip,) = pages(desk, "slip.pdf")
    assert ("TEE-M" in slip, "MUG-1" in slip) == (True, False)
    shipped(desk, order, "S2")
    assert desk.call("print", "acme", order, "--paper", "slip", "-o", "slip.pdf").code == 0
    assert [("TEE-M" in page, "MUG-1" in page) for page in pages(desk, "slip.pdf")] == [(False, True), (True, False)]


def test_a_pick_list_adds_up_what_orders_need_and_names_those_that_need_nothing(desk: Desk) -> None:
    orders = [held(desk, MUGS), held(desk, MUGS, TEE)]
    done = held(desk, TEE)
    shipped(desk, done, "S1")
    ran = desk.call("print", "acme", *orders, done, "--paper", "picklist", "-o", "picks.pdf")
    (page,) = pages(desk, "picks.pdf")
    assert "2 orders · 5 units" in page
    assert f"4 {orders[0]} ×2, {orders[1]} ×2" in page
    assert (ran.code, ran.complaints) == (
        1,
        [f"acme: order {done}: nothing of it is left to ship.", "acme: 1 pick list printed to picks.pdf."],
    )


def test_papers_of_orders_that_have_none_are_named_and_no_file_is_made(desk: Desk) -> None:
    order = held(desk)
    for paper, words in (("label", "it isn't shipped"), ("pickup", "nothing of it is to be collected")):
        ran = desk.call("print", "acme", order, "--paper", paper, "-o", "none.pdf")
        assert (ran.code, len(ran.complaints), words in ran.err) == (1, 1, True), ran
    assert not (desk.folder / "none.pdf").exists()


def test_a_pdf_goes_to_stdout_for_the_next_program(desk: Desk) -> None:
    order = held(desk)
    done = subprocess.run(
        [*CROSSDOCK, "print", "acme", order, "--paper", "slip", "-o", "-"],
        cwd=desk.folder,
        env=desk.environ(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stderr.decode() == "acme: 1 packing slip printed to stdout.\n"
    assert "MUG-1" in texts(done.stdout)[0]


def test_a_file_of_this_name_is_replaced_as_a_whole_or_stays(desk: Desk) -> None:
    order = held(desk)
    (desk.folder / "slip.pdf").write_text("old")
    assert desk.call("print", "acme", "999", "--paper", "slip", "-o", "slip.pdf").code == 1
    assert (desk.folder / "slip.pdf").read_text() == "old"
    assert desk.call("print", "acme", order, "--paper", "slip", "-o", "slip.pdf").code == 0
    assert stat.S_IMODE((desk.folder / "slip.pdf").stat().st_mode) == 0o600
    assert not [path for path in desk.folder.iterdir() if path.name.startswith(".slip")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("print", "acme", "-o", "x.pdf"), "ORDER"),
        (("print", "acme", "1"), "-o FILE.pdf or by --printer NAME"),
        (("print", "acme", "1", "-o", "x.pdf", "--printer", "p"), "-o FILE.pdf or by --printer NAME"),
        (("print", "acme", "1", "-o", "x.txt"), "should end with .pdf"),
        (("print", "acme", "1", "-o", "stores.yaml"), "should end with .pdf"),
        (("print", "acme", "1", "--paper", "slip", "-o", "x.zpl"), "ZPL is for labels alone"),
        (("print", "acme", "1", "--paper", "poster", "-o", "x.pdf"), "'poster'"),
        (("print", "nobody", "1", "-o", "x.pdf"), "nobody: "),
        (("print", "acme", "1", "--printer", "p"), "has no printer 'p'"),
        (("print", "acme", "1", "-o", "none/x.pdf"), "no folder that can be written to"),
    ],
)
def test_wrong_usage_is_told(desk: Desk, arguments: tuple[str, ...], words: str) -> None:
    ran = desk.call(*arguments)
    assert (ran.code, ran.out, words in ran.err) == (2, "", True), ran


# --- what a carrier gave ----------------------------------------------------------------------------------------------


@pytest.fixture
def giver(desk: Desk) -> Desk:
    """A desk with a carrier that gives the label which the tracking number asks for."""
    (desk.folder / "plugins.d").mkdir()
    (desk.folder / "plugins.d" / "giver.py").write_text(f"KINDS = {KINDS!r}\n{GIVERS}")
    return desk


def test_a_label_that_a_carrier_gave_is_printed_as_it_is(giver: Desk) -> None:
    order = held(giver)
    ran = giver.call("ship", "acme", order, "--carrier", "giver", "--tracking", "pdf", "--label", "one.pdf")
    assert ran.code == 0, ran
    assert giver.call("print", "acme", order, "-o", "two.pdf").code == 0
    assert {(giver.folder / file).read_bytes() for file in ("one.pdf", "two.pdf")} == {LABEL}


def test_labels_of_every_kind_go_together_where_they_can_and_the_others_are_named(giver: Desk) -> None:
    kinds = [*KINDS, "none"]
    orders = [held(giver) for _ in kinds]
    for order, kind in zip(orders, kinds, strict=True):
        shipped(giver, order, kind, "giver")
    own = held(giver)
    shipped(giver, own, "OWN-1")

    ran = giver.call("print", "acme", *orders, own, "-o", "all.pdf")
    assert (ran.code, ran.complaints[-1]) == (1, "acme: 3 labels printed to all.pdf.")
    assert scanned(giver, "all.pdf")[-1] == ["OWN-1"]
    for number, words in (
        (3, "its carrier gave it as ZPL, for thermal printers alone"),
        (4, "its carrier gave a PDF that can't be read"),
        (5, "its carrier gave it as 'text/epl', which crossdock can't print"),
        (6, "giver gave none with it, or it was erased since"),
    ):
        assert [one for one in ran.complaints if f"the label of shipment {number}: {words}" in one], ran.err

    ran = giver.call("print", "acme", *orders, own, "-o", "all.zpl")
    assert (ran.code, ran.complaints[-1]) == (1, "acme: 3 labels printed to all.zpl.")
    document = (giver.folder / "all.zpl").read_bytes()
    assert ZPL in document
    assert "the label of shipment 1: it is a PDF, which a thermal printer doesn't take" in ran.err


# --- thermal printers -------------------------------------------------------------------------------------------------


def test_labels_go_to_a_printer_one_by_one_in_their_order(desk: Desk) -> None:
    first, second = held(desk), held(desk)
    shipped(desk, first, "S1")
    with printer() as (address, taken):
        desk.write(before=f"papers: {{printers: {{bench-1: {{address: '{address}'}}}}}}\n")
        ran = desk.call("ship", "acme", second, *POST, "--tracking", "S2", "--printer", "bench-1")
        assert (ran.code, ran.complaints) == (0, ["acme: 1 label printed to bench-1."])
        assert desk.call("print", "acme", second, first, "--printer", "bench-1").code == 0
        slips = desk.call("print", "acme", first, "--paper", "slip", "--printer", "bench-1")
    assert (slips.code, "bench-1 takes labels alone" in slips.err) == (2, True)
    assert [number in document.decode() for document, number in zip(taken, ("S2", "S2", "S1"), strict=True)] == [
        True
    ] * 3
    assert [len(labels(document)) for document in taken] == [1, 1, 1]


def test_a_printer_that_is_off_stops_no_shipment_and_what_it_did_not_take_is_named(desk: Desk) -> None:
    first, second = held(desk), held(desk)
    shipped(desk, first, "S1")
    with printer(takes=False) as (address, _):
        desk.write(before=f"papers: {{printers: {{bench-1: {{address: '{address}'}}}}}}\n")
        ran = desk.call("ship", "acme", second, *POST, "--tracking", "S2", "--printer", "bench-1")
        again = desk.call("print", "acme", first, second, "--printer", "bench-1")
    assert (ran.code, [one.tracking_number for one in there(desk, second)]) == (1, ["S2"])
    assert "can't be reached: it refuses the connection" in ran.err
    assert again.code == 1
    assert "shipment 1: the printer bench-1" in again.complaints[0]
    assert again.complaints[1].endswith("the label of shipment 2: it was not sent any more.")


def test_the_file_is_where_a_full_disk_or_a_lost_folder_is_told(desk: Desk, tmp_path: Path) -> None:
    order = held(desk)
    (tmp_path / "slips.pdf").mkdir()
    ran = desk.call("print", "acme", order, "--paper", "slip", "-o", "slips.pdf")
    assert (ran.code, "is a folder" in ran.err) == (2, True)
