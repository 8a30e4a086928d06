"""`crossdock ship --from FILE.csv`: a list of parcels, as spreadsheets and other programs write them."""

from __future__ import annotations

import io
from contextlib import suppress
from datetime import timedelta

import pytest
from crossdock import dispatch, http
from crossdock.cli import outcomes
from crossdock.cli.parcel_list import parcels_in
from crossdock.errors import UsageError
from crossdock.shipping import ShipRequest
from crossdock_sandbox.store import SandboxStore
from hypothesis import given
from hypothesis import strategies as st
from support.commandline import Desk, Ran
from support.served import served

FILE = "parcels.csv"


def shipped(desk: Desk, text: str | bytes, *options: str) -> Ran:
    """What `ship --from` makes of a file of this text."""
    (desk.folder / FILE).write_bytes(text.encode() if isinstance(text, str) else text)
    return desk.call("ship", "--from", FILE, *options)


def held(desk: Desk, count: int) -> list[str]:
    """Orders that are here, of two mugs each."""
    ids = [desk.store.add_order(lines=[{"quantity": 2, "sku": "MUG-1"}]) for _ in range(count)]
    assert desk.call("import", "acme").code == 0
    return [str(each) for each in ids]


def numbers(desk: Desk, orders: list[str]) -> list[list[str]]:
    """The tracking numbers that the store has for each."""
    return [[one.tracking_number for one in desk.store.shipments(int(order))] for order in orders]


def test_each_row_is_shipped_and_told_and_the_list_summed_up(desk: Desk) -> None:
    first, second = orders = held(desk, 2)
    ran = shipped(desk, f"order,carrier,tracking\n{first},Australia Post,A1\n{second},Sendle,S1\n")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"acme: order {first}: shipment 1, 2 × MUG-1 by Australia Post, A1, is confirmed; the order stands at Shipped "
        "in the store.",
        f"acme: order {second}: shipment 2, 2 × MUG-1 by Sendle, S1, is confirmed; the order stands at Shipped in the "
        "store.",
        "parcels.csv: 2 rows: 2 confirmed.",
    ]
    assert numbers(desk, orders) == [["A1"], ["S1"]]


def test_the_whole_list_once_more_changes_nothing(desk: Desk) -> None:
    first, second = orders = held(desk, 2)
    text = f"order,carrier,tracking\n{first},Australia Post,A1\n{second},Sendle,\n"
    shown = [shipped(desk, text, "--json").json for _ in range(2)]
    assert shown[0] == shown[1]
    again = shipped(desk, text)
    assert (again.code, again.out.count("already said: shipment ")) == (0, 2)
    assert numbers(desk, orders) == [["A1"], [""]]
    assert len([mail for mail in desk.store.emails if mail.kind == "shipment"]) == 2


def test_bad_rows_are_named_with_their_lines_and_the_good_ones_are_done(desk: Desk) -> None:
    first, second, *_ = orders = held(desk, 3)
    (line,) = desk.store.order(int(second))["lines"]
    ran = shipped(
        desk,
        "order,carrier,tracking,lines,store\n"
        "4711,Sendle,S0\n"
        f'{first},Sendle,S1,"{line["id"]}=1"\n'
        f"{first},Sendle,S1\n"
        "\n"
        f"{second},Sendle,S2,{line['id']}=1\n"
        f"{second},Sendle,S3,{line['id']}\n"
        f"{second},,S4\n"
        ",Sendle,S5\n"
        f"{second},Sendle,S6,,nobody\n"
        f"{second},Sendle,S7,,acme,more\n"
        f"{second},Sendle,1.23457E+11\n"
        f"{second},Sendle,S2,{line['id']}=2\n",
    )
    assert ran.code == 1
    beginnings = [
        "parcels.csv:2: acme: order 4711 is not here; `crossdock import acme --order 4711` brings it.",
        f"parcels.csv:3: acme: order {first} has no line {line['id']}; it has ",
        f"parcels.csv:7: '{line['id']}' should be a line's id and a number of units, such as 901=2.",
        "parcels.csv:8: its carrier is missing.",
        "parcels.csv:9: its order is missing.",
        "parcels.csv:10: nobody: stores.yaml has no store of this name",
        "parcels.csv:11: it has 6 cells, and there are 5 columns.",
        "parcels.csv:12: its tracking number 1.23457E+11 was rounded by a spreadsheet",
        "parcels.csv:13: acme: S2 is the tracking number of shipment 2 already",
    ]
    assert len(ran.complaints) == len(beginnings)
    for complaint, beginning in zip(ran.complaints, beginnings, strict=True):
        assert complaint.startswith(beginning)
    assert ran.out.splitlines()[-1] == "parcels.csv: 11 rows: 2 confirmed, 9 not shipped."
    assert numbers(desk, orders) == [["S1"], ["S2"], []]


def test_what_a_store_refuses_is_named_with_its_line(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "FRESH", timedelta(days=1))
    first, second = orders = held(desk, 2)
    desk.store.set_status(int(first), 12)
    ran = shipped(desk, f"order,carrier,tracking\n{first},Sendle,S1\n{second},Sendle,S2\n")
    assert (ran.code, ran.out.splitlines()[-1]) == (1, "parcels.csv: 2 rows: 1 confirmed, 1 refused.")
    (complaint,) = ran.complaints
    assert complaint.startswith(
        f"parcels.csv:2: acme: order {first}: shipment 1, 2 × MUG-1 by Sendle, S1, is refused: "
    )
    assert numbers(desk, orders) == [[], ["S2"]]


def test_a_store_that_cant_be_asked_holds_up_nobody_and_each_row_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "BACKOFF_BASE_S", 0.0)
    monkeypatch.setattr(dispatch, "FRESH", timedelta(days=-1))
    monkeypatch.setattr(outcomes, "WAIT_S", 0.3)
    orders = held(desk, 2)
    desk.store.faults.add("503", times=None)
    ran = shipped(desk, "order,carrier\n" + "".join(f"{order},Sendle\n" for order in orders))
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "parcels.csv: 2 rows: 2 pending.")
    assert len(ran.complaints) == 2
    for line, (order, complaint) in enumerate(zip(orders, ran.complaints, strict=True), start=2):
        assert complaint.startswith(f"parcels.csv:{line}: acme: order {order}: the store can't be asked how ")


def test_what_isnt_waited_for_is_pending(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (order,) = held(desk, 1)
    ran = shipped(desk, f"order,carrier\n{order},Sendle\n", "--no-wait")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "parcels.csv: 1 row: 1 pending.")
    monkeypatch.setattr(outcomes, "WAIT_S", 0.3)
    desk.store.faults.add("503", times=None)
    ran = shipped(desk, f"order,carrier\n{order},Sendle\n")
    assert (ran.code, ran.err, ran.out.splitlines()[-1]) == (0, "", "parcels.csv: 1 row: 1 pending.")


def test_a_list_comes_by_stdin_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (order,) = orders = held(desk, 1)
    text = f"order,carrier\n{order},Sendle\n4711,Sendle\n".encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    ran = desk.call("ship", "--from", "-")
    assert ran.code == 1
    assert ran.err.startswith("stdin:3: acme: order 4711 ")
    assert numbers(desk, orders) == [[""]]


def test_rows_of_several_stores_name_theirs(desk: Desk) -> None:
    other_store = SandboxStore(seed=2, store_hash="other", quota=10_000)
    with served(other_store) as running:
        other = Desk(desk.folder, other_store, running)
        desk.write(desk.entry("acme"), other.entry("bolt"))
        (order,) = held(desk, 1)
        there = other_store.add_order()
        assert desk.call("import", "bolt").code == 0
        ran = shipped(desk, f"Store,Order,Carrier\nacme,{order},Sendle\nbolt,{there},Sendle\n,{order},Sendle\n")
        assert (ran.code, ran.complaints) == (1, ["parcels.csv:4: its store is missing; the stores are acme, bolt."])
        assert ran.out.splitlines()[-1] == "parcels.csv: 3 rows: 2 confirmed, 1 not shipped."
        assert [len(desk.store.shipments(int(order))), len(other_store.shipments(there))] == [1, 1]


def test_a_row_without_a_store_isnt_the_only_sound_ones(desk: Desk) -> None:
    """Which store is meant isn't known where another's entry has a mistake."""
    (order,) = orders = held(desk, 1)
    desk.write(desk.entry("acme"), desk.entry("broken", settings={"acces": "x"}))
    ran = shipped(desk, f"order,carrier\n{order},Sendle\n")
    assert (ran.code, "parcels.csv:2: its store is missing" in ran.complaints[-1]) == (1, True)
    assert numbers(desk, orders) == [[]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "parcels.csv: it is empty; its first row names the columns: store, order, carrier, tracking"),
        (b"\r\n;;\r\n", "parcels.csv: it is empty"),
        (b"order,carrier\n1,K\xf6ln\n", "parcels.csv:2: it is not UTF-8 text"),
        ("order,carrier\n1,Sendle\n".encode("utf-16"), "parcels.csv:1: it is not UTF-8 text"),
        (b"order,carrier,trackng\n", "parcels.csv:1: there is no column 'trackng'; did you mean 'tracking'?"),
        (b"order,carrier,weight\n", "there is no column 'weight'. Known are store, order, "),
        (b"order,carrier,Order\n", "the column 'order' is there twice"),
        (b"order,tracking\n", "the column 'carrier' is missing"),
        (b"carrier\n", "the column 'order' is missing"),
        (b'order,carrier\n1,A\n2,"Sendle\n', "parcels.csv:3: its quotation marks don't match"),
        (b'order,carrier\n1,"Sendle"s\n', "parcels.csv:2: its quotation marks don't match"),
        (b"order,carrier\n1," + b"x" * 200_000 + b"\n", "parcels.csv:2: "),
    ],
)
def test_a_list_that_cant_be_read_is_told_and_nothing_is_shipped(desk: Desk, text: bytes, words: str) -> None:
    held(desk, 1)
    ran = shipped(desk, text)
    assert (ran.code, ran.out) == (2, "")
    (complaint,) = ran.complaints
    assert words in complaint
    assert desk.call("writebacks", "--json").json == []


ASKED = [
    ShipRequest(order="1", carrier="Die Post, AG", tracking="A;1", lines={"901": 2, "904": 1}),
    ShipRequest(order="2", carrier="Sendle", consignment="301"),
]


@pytest.mark.parametrize(
    "text",
    [
        'order,carrier,tracking,consignment,lines\n1,"Die Post, AG",A;1,,901=2 904=1\n2,Sendle,,301,\n',
        'Order;CARRIER;Lines;Tracking;Consignment\n1;Die Post, AG;901=2 904=1;"A;1";\n2;Sendle;;;301\n',
        "\ufefforder\tcarrier\ttracking\tconsignment\tlines\r\n1\tDie Post, AG\tA;1\t\t904=1,901=2\r\n"
        "2\tSendle\t\t301\r\n\r\n\t\t\t\t\r\n",
        '"order","carrier","tracking","consignment","lines",,\r"1 ","Die Post, AG","A;1","","901=2  904=1",,\r'
        '"2","Sendle","","301","",,\r',
    ],
)
def test_lists_are_read_however_a_program_parts_and_ends_them(text: str) -> None:
    assert [row.request for row in parcels_in(text.encode(), FILE)] == ASKED


def test_a_row_is_named_by_the_line_on_which_it_begins() -> None:
    rows = parcels_in(b'\norder,carrier\n\n1,"Sen\ndle"\n2,Sendle\n', FILE)
    assert [row.line for row in rows] == [4, 6]


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_stands_in_a_list_it_is_read_or_told(content: bytes) -> None:
    for text in (content, b"order,carrier,lines,tracking\n" + content):
        with suppress(UsageError):
            rows = parcels_in(text, FILE)
            assert all((row.request is None) == (row.mistake is not None) for row in rows)
