"""Slips for the shelf where goods wait for their buyer.

Golden pictures lie in `golden`; look at what was drawn and renew them with CROSSDOCK_GOLDEN=renew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from crossdock.config import PageSize
from crossdock.model import Address, Customer
from crossdock.papers import pickup
from crossdock.papers.sheets import PickupSheet
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support import pages
from support.pages import FIRST_OF_MAY, MUG, check_margins, drawn, in_scripts, many, packed
from support.paper import GOLDEN_DPI, Code, codes_read, rendered, same_picture, texts

SHOP = Address(name="ACME Fremantle", street="3 High St", city="Fremantle", region="WA", postcode="6160", country="AU")


def sheet(**values: Any) -> PickupSheet:
    """A pickup slip; `values` are any fields of it."""
    standing: dict[str, Any] = {
        "store": "ACME Australia",
        "order": "1001234",
        "placed_on": FIRST_OF_MAY,
        "goods": (packed(2, **MUG), packed(1, id="2", name="Beeswax candle", sku="CANDLE-1")),
        "location": SHOP,
        "customer": Customer(name="Mia Example", phone="+61 491 570 006"),
    }
    return PickupSheet(**{**standing, **values})


def letters_of(pdf: bytes, sign: str) -> float:
    """How high this sign is where it's highest on the first page, in millimetres."""
    with pypdfium2.PdfDocument(pdf) as document:
        page = document[0].get_textpage()
        boxes = [page.get_charbox(place) for place, one in enumerate(page.get_text_range()) if one == sign]
        return max(float(top - bottom) for _, bottom, _, top in boxes) / 72 * 25.4


def test_a_pickup_slip_looks_as_it_should() -> None:
    pdf = drawn(sheet())
    check_margins(pdf)
    same_picture("pickup-typical", rendered(pdf, GOLDEN_DPI)[0])


def test_a_name_that_is_read_from_right_to_left_begins_at_the_right() -> None:
    pdf = drawn(sheet(store="חנות", customer=Customer(name="عبد الرحمن بن محمد"), goods=in_scripts()))
    check_margins(pdf)
    same_picture("pickup-scripts", rendered(pdf, GOLDEN_DPI)[0])


def test_it_tells_whose_goods_wait_where_and_what_they_are() -> None:
    (page,) = texts(drawn(sheet()))
    said = " ".join(page.split())
    for told in ("Mia Example", "1001234", "ACME Fremantle", "3 High St", "+61 491 570 006", "1 May 2026", "3 units"):
        assert told in said
    assert "2 Enamel mug Size: L · Color: Blue MUG-1-BLUE" in said
    assert "Collected by" in said
    assert "Date" in said


def test_the_buyers_name_is_read_from_some_steps_away_and_the_number_too() -> None:
    pdf = drawn(sheet())
    assert letters_of(pdf, "M") > 15
    assert letters_of(pdf, "4") > 9


@pytest.mark.parametrize("name", ["Hubert Blaine Wolfeschlegelsteinhausenbergerdorff", "Jo " * 33, "山田" * 50])
def test_a_long_name_becomes_smaller_until_it_fits(name: str) -> None:
    pdf = drawn(sheet(customer=Customer(name=name)))
    check_margins(pdf)
    assert 3 < letters_of(pdf, name[0]) < 15
    assert len(texts(pdf)) == 1


def test_a_buyer_without_a_name_is_called_by_the_company_and_one_without_that_by_the_order() -> None:
    assert "ACME Ltd" in texts(drawn(sheet(customer=Customer(name=" ", company="ACME Ltd"))))[0]
    assert "1001234" in texts(drawn(sheet(customer=Customer())))[0]


@pytest.mark.parametrize("size", PageSize)
def test_what_is_signed_stands_at_the_foot_of_the_last_page(size: PageSize) -> None:
    pdf = drawn(sheet(goods=many(70)), sheet(), size=size)
    check_margins(pdf)
    seen = texts(pdf)
    assert ["Collected by" in page for page in seen] == [False] * (len(seen) - 2) + [True, True]
    assert "Page 1 of 1" in seen[-1]
    assert f"Page {len(seen) - 1} of {len(seen) - 1}" in seen[-2]


def test_the_order_is_read_off_the_page_by_a_scanner() -> None:
    assert codes_read(rendered(drawn(sheet()))[0]) == [Code("Code128", "1001234")]
    assert pickup.doubts(sheet()) == ()


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    path = tmp_path / "logo.png"
    assert pickup.doubts(sheet(order="№ 7", logo=path)) == (
        "its order number can't be a bar code, so it stands there as text alone",
        f"the logo {path} is left out: no such file or directory",
    )
    Image.new("RGB", (300, 100), "black").save(path)
    assert pickup.doubts(sheet(logo=path)) == ()
    corner = rendered(drawn(sheet(logo=path)), 50)[0].crop((30, 30, 120, 60))
    assert sum(corner.histogram()[:100]) > 1_000  # dots that are dark


@settings(max_examples=60)
@given(
    st.builds(
        PickupSheet,
        store=pages.texts,
        order=pages.texts,
        placed_on=st.dates(),
        goods=pages.goods,
        location=st.none() | pages.places,
        customer=st.builds(Customer, name=pages.perhaps, company=pages.perhaps, phone=pages.perhaps),
    ),
    st.sampled_from(PageSize),
)
def test_any_pickup_slip_can_be_printed_and_leaves_the_margins_white(sheet: PickupSheet, size: PageSize) -> None:
    check_margins(drawn(sheet, size=size))
    assert isinstance(pickup.doubts(sheet), tuple)
