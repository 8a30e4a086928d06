"""Slips and pick lists to test with: drawn with the fonts that come with crossdock alone, alike on each machine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from crossdock.config import PageSize
from crossdock.model import Address, Line
from crossdock.papers import pages, picklist, pickup, slip
from crossdock.papers.fonts import Fonts
from crossdock.papers.press import Filled, Press
from crossdock.papers.sheets import Packed, PickList, PickupSheet, SlipSheet
from hypothesis import strategies as st
from PIL import Image, ImageOps

from support.paper import rendered

PRESS = Press(Fonts(with_system=False))
FIRST_OF_MAY = date(2026, 5, 1)
WAREHOUSE = Address(
    name="ACME Pty Ltd", street="1 Example St", city="Perth", region="WA", postcode="6000", country="AU"
)
MIA = Address(
    name="Mia Example",
    company="Example & Daughters",
    street="22 Long Bay Road",
    city="Fremantle",
    region="WA",
    postcode="6160",
    country="AU",
    phone="+61 491 570 006",
)
WHITE_MM = {"left": 12, "top": 10, "right": 12, "bottom": 8}
"""What every printer can leave white, and each page does: a little less than the margins that the templates have."""

MUG = {"sku": "MUG-1-BLUE", "name": "Enamel mug", "options": {"Size": "L", "Color": "Blue"}, "size": "L"}
SCRIPTS: tuple[Mapping[str, Any], ...] = (
    {"sku": "PL-1", "name": "Łódź kubek emaliowany", "options": {"Kolor": "żółty"}},
    {"sku": "EL-1", "name": "Κούπα σμάλτου", "options": {"Χρώμα": "μπλε"}},
    {"sku": "RU-1", "name": "Эмалированная кружка", "options": {"Цвет": "синий"}},
    {"sku": "VI-1", "name": "Cốc tráng men Việt Nam", "options": {"Màu": "xanh"}},
    {"sku": "CJK-1", "name": "琺瑯杯子 大きいマグカップ 머그컵", "options": {"颜色": "蓝色"}},
    {"sku": "AR-1", "name": "كوب مطلي بالمينا، أزرق 350 مل", "options": {"اللون": "أزرق", "المقاس": "كبير"}},
    {"sku": "HE-1", "name": "ספל אמייל כחול (350 מ״ל)", "options": {"צבע": "כחול"}},
)


def packed(quantity: int = 1, **values: Any) -> Packed:
    """So many units of a line in the parcel; `values` are any fields of the line."""
    return Packed(line=Line(**{"id": "501", "name": "Mug", "quantity": quantity, **values}), quantity=quantity)


def in_scripts() -> tuple[Packed, ...]:
    """A product in each of many scripts."""
    return tuple(packed(number + 1, id=f"s{number}", **values) for number, values in enumerate(SCRIPTS))


def many(count: int) -> tuple[Packed, ...]:
    """So many different products."""
    return tuple(
        packed(
            number % 9 + 1,
            id=str(number),
            sku=f"SKU-{number:03}",
            name=f"Product number {number} with a name of common length",
            bin=f"R{number % 7}-{number}",
            options={"Size": "XL", "Color": "Green"},
        )
        for number in range(count)
    )


def drawn(*sheets: SlipSheet | PickupSheet | PickList, size: PageSize = PageSize.A4) -> bytes:
    """The PDF of these sheets, which are of one kind."""
    template = {SlipSheet: "slip", PickupSheet: "pickup", PickList: "picklist"}[type(sheets[0])]
    return PRESS.pdf(template, [_filled(sheet) for sheet in sheets], pages.setting(size))


def _filled(sheet: SlipSheet | PickupSheet | PickList) -> Filled:
    match sheet:
        case SlipSheet():
            return slip.filled(sheet)
        case PickupSheet():
            return pickup.filled(sheet)
        case PickList():
            return picklist.filled(sheet)


def check_margins(pdf: bytes) -> None:
    """Fails where there is ink near the edges of a page, which few printers reach."""
    dpi = 72
    for page in rendered(pdf, dpi):
        left, top, right, bottom = _inked(page)
        edges = {"left": left, "top": top, "right": page.width - right, "bottom": page.height - bottom}
        white = {edge: dots / dpi * 25.4 for edge, dots in edges.items()}
        assert all(white[edge] >= least for edge, least in WHITE_MM.items()), white


def _inked(page: Image.Image) -> tuple[int, int, int, int]:
    box = ImageOps.invert(page).point(lambda value: 255 if value > 64 else 0).getbbox()
    assert box is not None
    return box


tricky = st.sampled_from(
    (
        "",
        " \n\t ",
        '#panic("no") $x$ *b* _i_ `r` @a <end> // /* \\ ]',
        "\ud800 broken",
        "\x00\x1b[31m",
        "\u202eabc",
        "W" * 400,
        "word " * 200,
        "A-" * 100,
        "漢字" * 100,
        "كلمة" * 40,
        "שלום 123 abc",
        "👩‍👩‍👧‍👦🇦🇺",
        "line\nline\r\nline",
        "\u0e01\u0e33\u0e25\u0e31\u0e07" * 20,
    )
)
texts = tricky | st.text(st.characters(), max_size=30)
perhaps = st.none() | texts
places = st.builds(
    Address,
    **dict.fromkeys(("name", "company", "street", "street2", "city", "region", "postcode", "phone"), perhaps),
    country=st.none() | st.sampled_from(("AU", "DE", "IL", "JP", "XX", "")),
)
goods = st.lists(
    st.builds(
        Packed,
        line=st.builds(
            Line,
            id=st.sampled_from("abcd"),
            parent_id=st.none() | st.sampled_from("abcd"),
            name=texts,
            quantity=st.integers(0, 100_000),
            sku=perhaps,
            barcode=perhaps,
            bin=perhaps,
            size=perhaps,
            colour=perhaps,
            options=st.dictionaries(texts, texts, max_size=2),
            unit_price=st.none() | st.decimals(),
            weight_grams=st.none() | st.floats(0),
            gift_wrap=perhaps,
            gift_message=perhaps,
        ),
        quantity=st.integers(0, 100_000),
    ),
    max_size=3,
).map(tuple)
