"""Packing slips: what they tell, to whom, and how they look.

Golden pictures lie in `golden`; look at what was drawn and renew them with CROSSDOCK_GOLDEN=renew.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from crossdock.config import PageSize, SlipColumn
from crossdock.model import Address, Line
from crossdock.papers import slip
from crossdock.papers.sheets import Packed, SlipSheet
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from support import pages
from support.pages import FIRST_OF_MAY, MIA, MUG, WAREHOUSE, check_margins, drawn, in_scripts, many, packed
from support.paper import GOLDEN_DPI, NOTICED, Code, codes_read, difference_of, rendered, same_picture, texts

TEA = (
    packed(1, id="2", sku="TEA-BOX", name="Tea box", bin="B10", unit_price=Decimal("45.00"), weight_grams=900.0),
    packed(1, id="3", parent_id="2", sku="TEA-DJ", name="Darjeeling", options={"Grind": "whole leaf"}, bin="B11"),
    packed(2, id="4", parent_id="2", sku="TEA-EG", name="Earl Grey", bin="B12"),
)
GOODS = (
    packed(2, id="1", **MUG, unit_price=Decimal("12.50"), weight_grams=700.0, bin="A2", barcode="9312345678907"),
    *TEA,
    packed(12, id="5", sku="CANDLE-BW-20x200-NATURAL-UNSCENTED", name="Beeswax candle", size="20 × 200 mm"),
)


def sheet(**values: Any) -> SlipSheet:
    """A slip; `values` are any fields of it."""
    standing: dict[str, Any] = {
        "store": "ACME Australia",
        "order": "1001234",
        "placed_on": FIRST_OF_MAY,
        "currency": "AUD",
        "goods": GOODS,
        "columns": (SlipColumn.SKU, SlipColumn.NAME, SlipColumn.OPTIONS),
        "service": "Express Post",
        "sender": WAREHOUSE,
        "recipient": MIA,
    }
    return SlipSheet(**{**standing, **values})


def text_of(*sheets: SlipSheet) -> str:
    """What these slips say, in one line."""
    return " ".join(" ".join(texts(drawn(*sheets))).split())


def columns_with(pdf: bytes, letter: str) -> tuple[float, float]:
    """From where to where, in points, this letter is found on the first page of a PDF."""
    with pypdfium2.PdfDocument(pdf) as document:
        page = document[0].get_textpage()
        boxes = [page.get_charbox(place) for place, sign in enumerate(page.get_text_range()) if sign == letter]
    return min(box[0] for box in boxes), max(box[2] for box in boxes)


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    path = tmp_path / "logo.png"
    picture = Image.new("RGB", (600, 200), "white")
    ImageDraw.Draw(picture).ellipse((10, 10, 590, 190), outline="black", width=24)
    picture.save(path)
    return path


# --- how they look ---


def test_a_slip_looks_as_it_should(logo: Path) -> None:
    pdf = drawn(sheet(logo=logo, message="Please leave it at the back door.\n\nThank you!"))
    check_margins(pdf)
    same_picture("slip-typical", rendered(pdf, GOLDEN_DPI)[0])


def test_all_columns_have_room_on_letter_paper() -> None:
    pdf = drawn(sheet(columns=tuple(SlipColumn)), size=PageSize.LETTER)
    check_margins(pdf)
    same_picture("slip-all-columns", rendered(pdf, GOLDEN_DPI)[0])


def test_every_script_is_set_as_its_readers_write_it_and_gifts_say_what_was_wished() -> None:
    wishes = ("Alles Gute!\nDeine Oma 🎂", "كل عام وأنتم بخير\nمع أطيب التمنيات")
    gifts = (
        packed(1, id="g1", sku="G-1", name="Κούπα", gift_wrap="Rotes Papier", gift_message=wishes[0]),
        packed(1, id="g2", sku="G-2", name="ספל", gift_message=wishes[1]),
    )
    home = Address(name="יעל כהן", street="הרצל 12", city="תל אביב", postcode="61000", country="IL")
    pdf = drawn(sheet(goods=(*in_scripts(), *gifts), recipient=home, message="שלום, תודה רבה"))
    check_margins(pdf)
    same_picture("slip-scripts", rendered(pdf, GOLDEN_DPI)[0])


def test_the_heading_comes_again_on_each_page_and_no_row_is_torn_apart() -> None:
    pdf = drawn(sheet(goods=many(60)))
    check_margins(pdf)
    same_picture("slip-second-page", rendered(pdf, GOLDEN_DPI)[1])


def test_a_picture_that_lacks_a_text_is_told_from_one_that_has_it() -> None:
    with_service, without = (rendered(drawn(one), GOLDEN_DPI)[0] for one in (sheet(), sheet(service=None)))
    assert difference_of(with_service, without) > NOTICED


# --- what they tell ---


def test_the_columns_follow_the_setting_after_the_quantity() -> None:
    columns = (SlipColumn.BIN, SlipColumn.NAME, SlipColumn.ORDERED)
    said = text_of(sheet(columns=columns))
    assert "Qty Bin Product Ordered" in said
    assert "A2" in said
    assert "MUG-1-BLUE" not in said
    assert "Color" not in said


def test_each_column_tells_of_its_line() -> None:
    one = packed(
        3,
        sku="S-1",
        barcode="9312345678907",
        bin="A2",
        name="Mug",
        options={"Glaze": "matt"},
        weight_grams=450.0,
        unit_price=Decimal("12.50"),
    )
    said = text_of(sheet(goods=(one,), columns=tuple(SlipColumn)))
    assert "Qty SKU Barcode Bin Product Options Weight AUD each Ordered" in said
    assert "3 S-1 9312345678907 A2 Mug Glaze: matt 1.35 kg 12.50 3" in said


@pytest.mark.parametrize("gift", [{"gift_wrap": "Red paper"}, {"gift_message": "Happy birthday"}])
def test_no_price_is_told_where_anything_in_the_parcel_is_a_gift(gift: dict[str, str]) -> None:
    mug, plate = packed(1, **MUG, unit_price=Decimal("12.50")), packed(1, id="2", unit_price=Decimal("99.95"))
    present = packed(1, id="3", name="Bowl", unit_price=Decimal("7.77"), **gift)
    columns = (SlipColumn.NAME, SlipColumn.PRICE)
    told = text_of(sheet(goods=(mug, plate), columns=columns))
    kept_secret = text_of(sheet(goods=(mug, plate, present), columns=columns))
    assert all(price in told for price in ("12.50", "99.95", "AUD"))
    assert not any(price in kept_secret for price in ("12.50", "99.95", "7.77", "AUD"))


def test_the_price_of_another_order_is_no_gifts_business() -> None:
    columns = (SlipColumn.NAME, SlipColumn.PRICE)
    present = sheet(goods=(packed(1, unit_price=Decimal("7.77"), gift_wrap="Red paper"),), columns=columns)
    bought = sheet(goods=(packed(1, unit_price=Decimal("12.50")),), columns=columns)
    first, second = texts(drawn(present, bought))
    assert "7.77" not in first
    assert "12.50" in second


def test_a_gift_is_told_by_its_name_where_prices_are_all_that_slips_tell() -> None:
    assert "Bowl" in text_of(sheet(goods=(packed(1, name="Bowl", gift_wrap="Red"),), columns=(SlipColumn.PRICE,)))


def test_gift_wrap_stands_at_its_line_and_a_message_in_its_lines() -> None:
    goods = (packed(1, name="Mug", gift_wrap="Red paper", gift_message="Dear Ann,\nhappy birthday!"),)
    (page,) = texts(drawn(sheet(goods=goods, columns=(SlipColumn.SKU, SlipColumn.BIN))))
    lines = [line.strip() for line in page.splitlines()]
    assert "1 Gift wrap: Red paper" in lines
    assert lines[lines.index("Gift message, with Mug") :][1:3] == ["Dear Ann,", "happy birthday!"]


def test_a_message_that_comes_with_several_gifts_stands_there_once() -> None:
    goods = tuple(packed(1, id=name, name=name, gift_message="Happy birthday") for name in ("Mug", "Bowl"))
    said = text_of(sheet(goods=goods))
    assert said.count("Happy birthday") == 1
    assert "Gift message, with Mug, Bowl" in said


def test_a_message_of_a_thousand_lines_takes_no_pages() -> None:
    goods = (packed(1, gift_message="a\n" * 1_000),)
    assert len(texts(drawn(sheet(goods=goods, message="b\n" * 1_000)))) <= 2


def test_prices_stand_as_the_store_gave_them() -> None:
    goods = (packed(1, unit_price=Decimal("1E+3")), packed(1, id="2", unit_price=Decimal("0.500")))
    said = text_of(sheet(goods=goods, columns=(SlipColumn.PRICE,), currency="KWD"))
    assert "KWD each" in said
    assert "1000" in said.split()
    assert "0.500" in said.split()


def test_size_and_colour_are_told_once_and_told_where_the_options_lack_them() -> None:
    said = text_of(sheet(goods=(packed(1, **MUG, colour="blue"),)))
    assert "Size: L · Color: Blue" in said
    assert "Colour" not in said
    lacking = text_of(sheet(goods=(packed(1, size="XL", colour="Red", options={"Print": "Cat"}),)))
    assert "Print: Cat · Size: XL · Colour: Red" in lacking


def test_what_only_the_customs_ask_for_is_no_option() -> None:
    said = text_of(sheet(goods=(packed(1, options={"Size": "L", "HS Code": "6109.10"}, hs_code="6109.10"),)))
    assert ("Size: L" in said, "6109.10" in said) == (True, False)


def test_the_parts_of_a_bundle_stand_below_it_wherever_the_store_lists_them() -> None:
    box, darjeeling, earl_grey = TEA
    said = text_of(sheet(goods=(darjeeling, packed(1, id="9", name="Candle"), box, earl_grey)))
    found = [said.index(name) for name in ("Candle", "Tea box", "Darjeeling", "Earl Grey")]
    assert found == sorted(found)


@pytest.mark.parametrize(
    "parents",
    [("a", "b", "c"), ("b", "c", "a"), ("b", "a", "a"), ("x", None, "a"), (None, "a", "b")],
    ids=["each its own", "in a ring", "two of each other", "a bundle that isn't there", "bundles in bundles"],
)
def test_no_line_is_lost_or_told_twice_whatever_it_is_said_to_be_a_part_of(parents: tuple[str | None, ...]) -> None:
    goods = tuple(
        packed(1, id=id, name=f"thing-{id}", parent_id=parent) for id, parent in zip("abc", parents, strict=True)
    )
    said = text_of(sheet(goods=goods))
    assert [said.count(f"thing-{id}") for id in "abc"] == [1, 1, 1]


def test_units_are_counted_as_they_lie_in_the_parcel_not_as_they_were_ordered() -> None:
    part = Packed(line=Line(id="1", name="Mug", quantity=9), quantity=2)
    goods = (part, packed(1, id="2", name="Bowl"))
    assert "3 units in this parcel" in text_of(sheet(goods=goods))
    assert "1 unit in this parcel" in text_of(sheet(goods=goods[1:]))


def test_an_order_without_goods_sender_address_and_service_still_has_a_slip() -> None:
    said = text_of(sheet(goods=(), sender=None, recipient=None, service=None))
    assert "0 units in this parcel" in said
    assert "Ship to" not in said
    assert "Service" not in said


def test_the_store_is_named_beside_its_logo_too(logo: Path) -> None:
    assert "ACME Australia" in text_of(sheet(logo=logo)).partition("Qty")[0]


# --- pages ---


def test_pages_are_counted_for_each_slip_by_itself() -> None:
    seen = texts(drawn(sheet(order="1"), sheet(order="2", goods=many(60)), sheet(order="3")))
    found = [
        (page.partition("Page ")[2].strip()[:6], f"order {order}" in page)
        for page, order in zip(seen, "1223", strict=True)
    ]
    assert found == [("1 of 1", True), ("1 of 2", True), ("2 of 2", True), ("1 of 1", True)]


def test_300_lines_are_each_told_once_under_a_heading_on_each_page() -> None:
    seen = texts(drawn(sheet(goods=many(300), columns=tuple(SlipColumn))))
    assert all("Qty" in page and "Product" in page for page in seen[:-1])
    told = [sku for page in seen for sku in page.split() if sku.startswith("SKU-")]
    assert told == [f"SKU-{number:03}" for number in range(300)]


def test_a_text_that_is_longer_than_a_page_is_told_to_its_end() -> None:
    engraved = {"Engraving": "lorem " * 150 + "finis"}
    columns = tuple(SlipColumn)
    assert "finis" in text_of(sheet(goods=(packed(1, options=engraved, sku="A-" * 45 + "END"),), columns=columns))


def test_long_words_are_parted_in_their_column_and_run_over_none() -> None:
    letters = {SlipColumn.SKU: "X", SlipColumn.BARCODE: "8", SlipColumn.BIN: "z", SlipColumn.NAME: "﷽"}
    words = {column.value: letter * 70 for column, letter in letters.items()}
    pdf = drawn(sheet(goods=(packed(1, **words, options={}),), columns=tuple(letters), recipient=None))
    check_margins(pdf)
    spans = [columns_with(pdf, letter) for letter in "X8z"]
    assert all(one_end <= next_start for (_, one_end), (next_start, _) in pairwise(spans)), spans
    same_picture("slip-long-words", rendered(pdf, GOLDEN_DPI)[0])


# --- the number to scan ---


@pytest.mark.parametrize("order", ["7", "1001234", "#1001-AU", "ABCDEFGHIJKLMNOPQRST", "123456789012345678901234"])
def test_the_order_is_read_off_the_page_by_a_scanner(order: str) -> None:
    assert codes_read(rendered(drawn(sheet(order=order)))[0]) == [Code("Code128", order)]
    assert slip.doubts(sheet(order=order)) == ()


@pytest.mark.parametrize("order", ["١٢٣", "Größe-1", "W" * 40])
def test_an_order_that_no_bar_code_can_say_is_told_as_text_and_that_is_said(order: str) -> None:
    assert codes_read(rendered(drawn(sheet(order=order)))[0]) == []
    (doubt,) = slip.doubts(sheet(order=order))
    assert doubt == "its order number can't be a bar code, so it stands there as text alone"


# --- the logo ---


@pytest.mark.parametrize(
    ("mode", "name", "saved"),
    [
        ("RGB", "logo.png", {}),
        ("RGBA", "logo.png", {}),
        ("LA", "logo.png", {}),
        ("P", "logo.png", {}),
        ("1", "logo.png", {}),
        ("RGB", "logo.jpg", {}),
        ("L", "logo.jpeg", {"progressive": True}),
        ("CMYK", "logo.jpg", {}),
        ("RGB", "named wrongly é.png", {"format": "JPEG"}),
    ],
)
def test_a_logo_of_any_common_kind_is_printed(tmp_path: Path, mode: str, name: str, saved: dict[str, Any]) -> None:
    Image.new("RGB", (300, 100), "black").convert(mode).save(tmp_path / name, **saved)
    with_logo = sheet(logo=tmp_path / name)
    assert slip.doubts(with_logo) == ()
    corner = rendered(drawn(with_logo), 50)[0].crop((30, 30, 140, 60))
    assert sum(corner.histogram()[:100]) > 2_000  # dots that are dark


def test_a_logo_that_cannot_be_printed_is_left_out_and_that_is_said(tmp_path: Path, logo: Path) -> None:
    def why_not(name: str, content: bytes) -> str:
        (tmp_path / name).write_bytes(content)
        return left_out(tmp_path / name)

    def left_out(path: Path) -> str:
        assert codes_read(rendered(drawn(sheet(logo=path)))[0]) == [Code("Code128", "1001234")]
        (doubt,) = slip.doubts(sheet(logo=path))
        return doubt.removeprefix(f"the logo {path} is left out: ")

    whole = logo.read_bytes()
    flipped = bytearray(whole)
    flipped[-20] ^= 0xFF
    Image.new("1", (5_000, 5_000)).save(tmp_path / "huge.png")
    Image.new("RGB", (9, 9)).save(tmp_path / "logo.gif")
    Image.new("RGB", (99, 99), "red").save(tmp_path / "whole.jpg")
    assert left_out(tmp_path / "none.png") == "no such file or directory"
    assert left_out(tmp_path) == "is a directory"
    assert left_out(tmp_path / "\x00") == "it is no picture that can be read"
    assert left_out(tmp_path / "logo.gif") == "it is neither PNG nor JPEG"
    assert left_out(tmp_path / "huge.png") == "it has 5000 × 5000 dots, which is too many"
    assert why_not("text.png", b"not a picture") == "it is no picture that can be read"
    assert why_not("empty.png", b"") == "it is no picture that can be read"
    assert why_not("cut.png", whole[: len(whole) // 2]) == "it is no picture that can be read"
    assert why_not("cut.jpg", (tmp_path / "whole.jpg").read_bytes()[:300]) == "it is no picture that can be read"
    assert why_not("flipped.png", bytes(flipped)) == "it is no picture that can be read"
    assert why_not("large.png", whole + b"\0" * 4_000_000) == "it is larger than 4 MB"


def test_a_logo_that_was_mended_is_printed_without_a_new_start(logo: Path) -> None:
    whole = logo.read_bytes()
    logo.write_bytes(b"not yet")
    assert slip.doubts(sheet(logo=logo)) != ()
    logo.write_bytes(whole)
    assert slip.doubts(sheet(logo=logo)) == ()


# --- whatever a buyer writes ---


@settings(max_examples=60)
@given(
    st.builds(
        SlipSheet,
        store=pages.texts,
        order=pages.texts,
        placed_on=st.dates(),
        currency=pages.texts,
        goods=pages.goods,
        columns=st.lists(st.sampled_from(SlipColumn), min_size=1, unique=True).map(tuple),
        service=pages.perhaps,
        sender=st.none() | pages.places,
        recipient=st.none() | pages.places,
        message=pages.perhaps,
    ),
    st.sampled_from(PageSize),
)
def test_any_slip_can_be_printed_and_leaves_the_margins_white(sheet: SlipSheet, size: PageSize) -> None:
    check_margins(drawn(sheet, size=size))
    assert isinstance(slip.doubts(sheet), tuple)
