"""Whatever a buyer or a shop writes, a label is one page, its codes are read, and its margins stay white."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial

from crossdock.config import LabelSize
from crossdock.model import Address, Line
from crossdock.papers import label
from crossdock.papers.barcodes import in_ascii
from crossdock.papers.fonts import Fonts
from crossdock.papers.press import Press
from crossdock.papers.sheets import LabelSheet, Packed
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops
from support.paper import Code, codes_read, rendered

PRESS = Press(Fonts(with_system=False))
NUMBER, LINK = "CPA1234567890", "https://track.example/?n=CPA1234567890"

ANY_SIGN = st.characters() | st.characters(categories=["Cc", "Cf", "Cs", "Cn", "Mn"])
MARKS = st.characters(categories=["Mn", "Mc", "Me"])
TEXTS = st.one_of(
    st.text(ANY_SIGN, max_size=40),
    st.text(ANY_SIGN, max_size=400),
    st.text(MARKS, min_size=20, max_size=200).map(lambda marks: f"a{marks}"),
    st.text(st.characters(categories=["L"]), min_size=30, max_size=250),  # one long word
    st.sampled_from(
        [
            "﷽" * 40,
            "𒐫" * 40,
            "⸻" * 30,
            "\u202e" * 50,
            "W" * 300,
            "ـ" * 300,
            "\u200b" * 90,
            "#set page()",
            "]\\$*_`<a>@b",
        ]
    ),
)
ADDRESSES = st.builds(
    Address, **{one.name: st.none() | TEXTS for one in fields(Address) if one.name != "country"},
    country=st.none() | TEXTS | st.sampled_from(["AU", "JP", "CN", "SA", "AE", "IL", "SG"]),
)  # fmt: skip
GOODS = st.builds(
    Packed,
    line=st.builds(
        Line, id=st.just("1"), name=TEXTS, quantity=st.integers(), sku=st.none() | TEXTS,
        size=st.none() | TEXTS, colour=st.none() | TEXTS,
    ),
    quantity=st.integers(),
)  # fmt: skip
SHEETS = st.builds(
    LabelSheet,
    store=TEXTS,
    order=TEXTS,
    shipment=st.just(1),
    carrier=TEXTS,
    goods=st.lists(GOODS, max_size=20).map(tuple),
    service=st.none() | TEXTS,
    tracking_number=st.just(NUMBER),
    tracking_link=st.just(LINK),
    waits=st.booleans(),
    sender=st.none() | ADDRESSES,
    recipient=st.none() | ADDRESSES,
)
BARE = LabelSheet(
    store="", order="", shipment=1, carrier="", goods=(), tracking_number=NUMBER, tracking_link=LINK
)  # fmt: skip


def edges(page: Image.Image) -> int:
    """The darkest shade in the 2 mm at each edge of a page."""
    dots = round(2 / 25.4 * 203)
    inner = page.copy()
    inner.paste(255, (dots, dots, page.width - dots, page.height - dots))
    darkest, _ = inner.getextrema()
    assert isinstance(darkest, int)
    return darkest


@settings(max_examples=60)
@given(SHEETS, st.sampled_from(LabelSize))
@example(BARE, LabelSize.A6)
@example(replace(BARE, recipient=Address(name="a" + "\u0301\u0323" * 5_000, street="x" * 100_000)), LabelSize.A6)
def test_any_label_is_one_page_whose_codes_are_read(sheet: LabelSheet, size: LabelSize) -> None:
    (page,) = rendered(PRESS.pdf("label", [label.filled(sheet)], label.setting(size)))
    assert codes_read(page) == [Code("Code128", NUMBER), Code("QRCode", LINK)]
    assert edges(page) == 255
    assert ImageChops.invert(page).getbbox() is not None
    for doubt in label.doubts(sheet):
        assert doubt.isprintable()


@settings(max_examples=40)
@given(st.none() | TEXTS, st.none() | TEXTS, st.sampled_from(LabelSize))
def test_any_number_and_any_link_make_a_label(number: str | None, link: str | None, size: LabelSize) -> None:
    sheet = replace(BARE, tracking_number=number, tracking_link=link)
    filled = label.filled(sheet)
    (page,) = rendered(PRESS.pdf("label", [filled], label.setting(size)))
    assert edges(page) == 255
    codes = codes_read(page)
    if filled["bars"] is None:
        assert not [code for code in codes if code.kind == "Code128"]
        assert not (number and number.strip()) or label.doubts(sheet)
    if filled["qr"] is not None:
        assert Code("QRCode", in_ascii(link or "")) in codes


@settings(max_examples=20)
@given(st.lists(SHEETS, min_size=2, max_size=6))
def test_labels_beside_each_other_have_no_say_in_each_other(sheets: list[LabelSheet]) -> None:
    draw = partial(PRESS.pictures, "label", setting=label.setting(LabelSize.INCHES_4X6), dpi=100)
    filled = [label.filled(sheet) for sheet in sheets]
    assert draw(filled) == [picture for one in filled for picture in draw([one])]
