"""Labels as couriers, packers and scanners meet them.

The golden pictures are in `golden/`. `CROSSDOCK_GOLDEN=renew pytest tests/papers/test_labels.py` draws them anew; look
at each before it's kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pypdfium2
import pytest
from crossdock.config import LabelSize
from crossdock.model import Address, Line
from crossdock.papers import label
from crossdock.papers.fonts import Fonts
from crossdock.papers.press import Filled, Press
from crossdock.papers.sheets import LabelSheet, Packed
from PIL import Image, ImageChops
from support.paper import GOLDEN_DPI, NOTICED, Code, codes_read, difference_of, rendered, same_picture, texts

PRESS = Press(Fonts(with_system=False))
DPI = 203
BOTH = tuple(LabelSize)
ROOM_OF_RECIPIENT = (4 + 16.3, 4 + 66.7)  # millimetres from the top: between two rules


def packed(name: str, sku: str | None, quantity: int = 1, **values: Any) -> Packed:
    """So many units of a product."""
    return Packed(line=Line(id="1", name=name, sku=sku, quantity=quantity, **values), quantity=quantity)


SHEET = LabelSheet(
    store="ACME Australia",
    order="1001",
    shipment=7,
    carrier="Couriers Please",
    service="Express",
    tracking_number="CPA1234567890",
    tracking_link="https://track.example/?n=CPA1234567890",
    goods=(
        packed("Enamel Mug", "MUG-1", 2, size="L", colour="Blue"),
        packed("Notebook A5", "NOTE-A5", 3),
        packed("Beeswax Candle", "CANDLE", colour="Amber"),
    ),
    sender=Address(
        name="ACME Homewares", street="1 Example St", city="Perth", region="WA", postcode="6000", country="AU"
    ),
    recipient=Address(
        name="Zoë Muñoz",
        street="Unit 4, 25 High Street",
        city="Sydney",
        region="NSW",
        postcode="2000",
        country="AU",
        phone="+61 400 000 000",
    ),
)


def to(**fields: str) -> LabelSheet:
    """A sheet whose recipient is this and nothing else."""
    return replace(SHEET, recipient=Address(**fields))


def waiting(**fields: str) -> LabelSheet:
    """A sheet of goods that wait for whom this is."""
    return replace(to(**fields), waits=True, tracking_number=None, tracking_link=None)


IN_SCRIPTS = {
    "latin": to(
        name="Łukasz Žižek-Åström",
        company="Säge & Söhne GmbH",
        street="Großbeerenstraße 17, Hinterhaus links",
        city="Gießen",
        postcode="35390",
        country="DE",
        phone="+49 641 12345",
    ),
    "vietnamese": to(
        name="Nguyễn Thị Ánh Ngọc",
        street="123 Đường Lê Lợi, Phường Bến Thành",
        city="Quận 1",
        region="Thành phố Hồ Chí Minh",
        postcode="700000",
        country="VN",
    ),
    "greek": to(
        name="Γεώργιος Παπαδόπουλος",
        street="Λεωφόρος Βασιλίσσης Σοφίας 12",
        city="Αθήνα",
        postcode="106 74",
        country="GR",
    ),
    "cyrillic": to(
        name="Алёна Щукина",
        street="ул. Большая Садовая, д. 10, кв. 5",
        city="Тверь",
        region="Тверская область",
        postcode="170000",
        country="RU",
    ),
    "japanese": to(
        name="山田 太郎",
        company="株式会社直角",
        street="神南1-2-3 直角ビル4階",
        city="渋谷区",
        region="東京都",
        postcode="150-0041",
        country="JP",
        phone="+81 3 1234 5678",
    ),
    "chinese": to(
        name="王小明", street="建国路88号直角大厦", city="朝阳区", region="北京市", postcode="100022", country="CN"
    ),
    "korean": to(
        name="김민수", street="세종대로 110", city="중구", region="서울특별시", postcode="04524", country="KR"
    ),
    "arabic": to(
        name="محمد عبد الله الأحمد",
        street="شارع الملك فهد 25، الطابق 3",
        city="الرياض",
        postcode="11564",
        country="SA",
        phone="+966 50 123 4567",
    ),
    "hebrew": to(
        name="שרה כהן-לוי",
        street="רחוב הרצל 15, דירה 7 (קומה 2)",
        city="תל אביב",
        postcode="6100001",
        country="IL",
        phone="+972 50-123-4567",
    ),
    "mixed": to(
        name="Layla خليل",
        company="شركة ACME للتجارة (2024)",
        street="Building 12, شارع Sheikh Zayed رقم 5",
        city="دبي",
        region="دبي",
        country="AE",
    ),
    "emoji": to(
        name="Mia 🌸👩\u200d👩\u200d👧❤\ufe0f",
        street="5 High St 🏠",
        city="Leeds",
        postcode="LS1 1AA",
        country="GB",
    ),
    "devanagari": to(name="प्रिया शर्मा", street="१२ महात्मा गांधी मार्ग", city="दिल्ली", postcode="110001", country="IN"),
}


def pdf_of(*sheets: LabelSheet, size: LabelSize = LabelSize.INCHES_4X6) -> bytes:
    return PRESS.pdf("label", [label.filled(sheet) for sheet in sheets], label.setting(size))


def picture(filled: Filled, size: LabelSize = LabelSize.INCHES_4X6, *, dpi: int = DPI) -> Image.Image:
    (page,) = rendered(PRESS.pdf("label", [filled], label.setting(size)), dpi)
    return page


def picture_of(sheet: LabelSheet, size: LabelSize = LabelSize.INCHES_4X6, *, dpi: int = DPI) -> Image.Image:
    return picture(label.filled(sheet), size, dpi=dpi)


def said_on(sheet: LabelSheet) -> str:
    """What a label says, without what is between the words."""
    (page,) = texts(pdf_of(sheet))
    return "".join(page.replace("\u200b", "").split())


def ink(page: Image.Image, top: float, bottom: float, *, dpi: int = DPI) -> tuple[float, float, float, float] | None:
    """Where there is ink between two heights, in millimetres from the left, the top, the left, the top."""
    first, last = round(top / 25.4 * dpi), round(bottom / 25.4 * dpi)
    box = ImageChops.invert(page.crop((0, first, page.width, last))).point(lambda shade: 255 * (shade > 64)).getbbox()
    if box is None:
        return None
    left, above, right, below = box
    return (left / dpi * 25.4, (first + above) / dpi * 25.4, right / dpi * 25.4, (first + below) / dpi * 25.4)


def named(name: str, *, rtl: bool) -> Image.Image:
    """A label to this name, read in this direction."""
    words = {"text": name, "rtl": rtl}
    return picture({**label.filled(SHEET), "recipient": [words]}, dpi=GOLDEN_DPI)


# --- scripts ---


@pytest.mark.parametrize("script", IN_SCRIPTS)
def test_a_label_looks_as_it_did_when_a_person_found_it_right(script: str) -> None:
    same_picture(f"label-{script}", picture_of(IN_SCRIPTS[script], dpi=GOLDEN_DPI))


@pytest.mark.parametrize(
    ("name", "sheet", "size"),
    [
        ("a6", SHEET, LabelSize.A6),
        ("pickup", waiting(name="Zoë Muñoz", phone="+61 400 000 000"), LabelSize.INCHES_4X6),
        ("untracked", replace(SHEET, tracking_number=None, tracking_link=None), LabelSize.INCHES_4X6),
        ("no-bars", replace(SHEET, tracking_number="№ 12-日本", tracking_link=None), LabelSize.INCHES_4X6),
    ],
)  # fmt: skip
def test_a_label_of_another_kind_looks_as_it_did(name: str, sheet: LabelSheet, size: LabelSize) -> None:
    same_picture(f"label-{name}", picture_of(sheet, size, dpi=GOLDEN_DPI))


@pytest.mark.parametrize("script", ["arabic", "hebrew", "mixed"])
def test_a_picture_tells_a_line_that_is_read_from_the_wrong_side(script: str) -> None:
    filled = label.filled(IN_SCRIPTS[script])
    turned = [{**words, "rtl": not words["rtl"]} for words in filled["recipient"]]
    right, wrong = picture(filled, dpi=GOLDEN_DPI), picture({**filled, "recipient": turned}, dpi=GOLDEN_DPI)
    assert difference_of(right, wrong) > NOTICED


@pytest.mark.parametrize("script", IN_SCRIPTS)
def test_a_picture_tells_a_text_that_is_missing_or_moved(script: str) -> None:
    filled = label.filled(IN_SCRIPTS[script])
    whole = picture(filled, dpi=GOLDEN_DPI)
    for place in range(len(filled["recipient"])):
        without = [words for number, words in enumerate(filled["recipient"]) if number != place]
        assert difference_of(whole, picture({**filled, "recipient": without}, dpi=GOLDEN_DPI)) > NOTICED
    assert difference_of(whole, ImageChops.offset(whole, 3, 0)) > NOTICED
    assert difference_of(whole, ImageChops.offset(whole, 0, 3)) > NOTICED


def test_arabic_letters_are_joined() -> None:
    joined, isolated = named("محمد", rtl=True), named("م\u200cح\u200cم\u200cد", rtl=True)
    assert difference_of(joined, isolated) > NOTICED
    assert difference_of(named("لا", rtl=True), named("ل\u200cا", rtl=True)) > NOTICED  # a ligature


def test_letters_that_are_read_from_right_to_left_stand_so() -> None:
    """The wide letter is the last one of the word, so its ink is at the left."""
    page = named("ווווווש", rtl=True)
    box = ink(page, *ROOM_OF_RECIPIENT, dpi=GOLDEN_DPI)
    assert box is not None
    assert box[2] > 95  # at the right of the label
    narrow = ink(named("וווווו", rtl=True), *ROOM_OF_RECIPIENT, dpi=GOLDEN_DPI)
    assert narrow is not None
    strip = (round(narrow[0] / 25.4 * GOLDEN_DPI) + 2, 0, page.width, page.height)
    right_part = [picture.crop(strip) for picture in (page, named("וווווו", rtl=True))]
    assert difference_of(*right_part) <= NOTICED


def test_accents_that_are_put_onto_letters_look_as_one_sign_does() -> None:
    assert said_on(to(name="Zoe\u0308 Nguye\u0302\u0303n")) == said_on(to(name="Zoë Nguyễn"))
    assert difference_of(named("e\u0302\u0303", rtl=False), named("ễ", rtl=False)) <= NOTICED


def test_accents_of_the_first_row_are_not_cut_off() -> None:
    sheet = label.filled(to(name="x"))
    boxes = []
    for name in ("E", "Ễ"):
        page = picture({**sheet, "recipient": [{"text": name, "rtl": False}]})
        boxes.append(ink(page, *ROOM_OF_RECIPIENT))
    plain, accented = boxes
    assert plain is not None
    assert accented is not None
    assert plain[1] - accented[1] > 0.3 * (plain[3] - plain[1])


def test_an_address_stands_at_the_side_that_it_is_read_from() -> None:
    for script, is_rtl in (("arabic", True), ("hebrew", True), ("chinese", False), ("emoji", False)):
        box = ink(picture_of(IN_SCRIPTS[script]), *ROOM_OF_RECIPIENT)
        assert box is not None
        assert (box[0] < 5, box[2] > 97) == (not is_rtl, is_rtl), script


def test_what_no_font_has_is_a_box_and_named() -> None:
    sheet = to(name="Mia \U00012000", country="AU")
    words = " ".join(words["text"] for words in label.filled(sheet)["recipient"])
    assert PRESS.fonts.missing(words) == {"\U00012000"}
    assert difference_of(named("\U00012000", rtl=False), named(" ", rtl=False)) > NOTICED


# --- what stands on it ---


def test_a_label_says_who_sends_who_receives_by_whom_and_what() -> None:
    (page,) = texts(pdf_of(SHEET))
    assert page.split("\r\n") == [
        "ACME Homewares",
        "1 Example St",
        "PERTH WA 6000",
        "Order 1001",
        "Zoë Muñoz",
        "Unit 4, 25 High Street",
        "SYDNEY NSW 2000",
        "Tel. +61 400 000 000",
        "Couriers Please",
        "Express",
        "CPA1 2345 6789 0",
        "2 × MUG-1 Enamel Mug, L, Blue",
        "3 × NOTE-A5 Notebook A5",
        "1 × CANDLE Beeswax Candle, Amber",
    ]


def test_a_sender_without_a_name_has_the_store_s() -> None:
    assert label.sender(replace(SHEET, sender=None)) == ("ACME Australia",)
    street = Address(street="1 Example St", city="Perth", country="AU")
    assert label.sender(replace(SHEET, sender=street)) == ("ACME Australia", "1 Example St", "PERTH")


def test_both_countries_are_told_where_a_border_is_crossed() -> None:
    assert label.sender(IN_SCRIPTS["greek"])[-1] == "AUSTRALIA"
    assert label.recipient(IN_SCRIPTS["greek"])[-1] == "GREECE"
    assert "AUSTRALIA" not in (*label.sender(SHEET), *label.recipient(SHEET))


@pytest.mark.parametrize("script", ["latin", "japanese", "arabic"])
def test_who_receives_stands_out(script: str) -> None:
    filled = label.filled(IN_SCRIPTS[script])
    plain = picture({**filled, "addressee": None}, dpi=GOLDEN_DPI)
    assert filled["recipient"][filled["addressee"]]["text"] == IN_SCRIPTS[script].recipient.name  # type: ignore[union-attr]
    assert difference_of(plain, picture(filled, dpi=GOLDEN_DPI)) > NOTICED


def test_goods_that_wait_to_be_collected_say_so_large() -> None:
    waits = replace(SHEET, waits=True)
    assert "PICKUP" in said_on(waits)
    assert "PICKUP" not in said_on(SHEET)
    banner = picture_of(waits).crop((40, round(74 / 25.4 * DPI), 770, round(86 / 25.4 * DPI)))
    assert sum(banner.histogram()[:64]) > 0.7 * banner.width * banner.height


@pytest.mark.parametrize(
    ("number", "seen"),
    [
        ("CPA1234567890", "CPA1 2345 6789 0"),
        ("1234", "1234"),
        ("JD 01 460", "JD 01 460"),
        ("1Z-999", "1Z-999"),
        ("日本12345", "日本12345"),
        (" 12345 ", "1234 5"),
        (None, None),
        ("", None),
    ],
)
def test_a_number_is_in_groups_that_people_can_read_aloud(number: str | None, seen: str | None) -> None:
    assert label.spaced(number) == seen


def test_as_many_goods_as_fit_are_told_and_how_many_more() -> None:
    goods = tuple(packed(f"Mug {number}", f"MUG-{number}") for number in range(1, 41))
    (page,) = texts(pdf_of(replace(SHEET, goods=goods)))
    rows = page.split("\r\n")
    told = [row for row in rows if "MUG-" in row]
    assert 5 <= len(told) < 40
    assert rows[-1] == f"and {40 - len(told)} more"
    (page,) = texts(pdf_of(replace(SHEET, goods=goods[:3])))
    assert "more" not in page


def test_goods_in_long_words_leave_the_qr_code_alone() -> None:
    goods = tuple(packed("x" * 90, "y" * 90, size="z" * 50) for _ in range(9))
    assert Code("QRCode", SHEET.tracking_link or "") in codes_read(picture_of(replace(SHEET, goods=goods)))


# --- what is scanned ---

NUMBERS = [
    "12345",
    "12345678901234567890",
    "1" * 40,
    "CPA1234567890",
    "33ABC9999999999",
    "abc-def_12/3.4",
    "JD014600006228974521",
    "00340434161094042557",
    "A" * 29,
    "Zz9$%+*/ .:;<>=?@[]{}|~^`",
]
FINEST = ["A" * 30, "Zz9$%+*/ .:;<>=?@[]{}|~^`\"'#&(),!", "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0", "A" * 60]


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("size", BOTH)
@pytest.mark.parametrize("number", NUMBERS)
def test_a_scanner_reads_the_number_and_the_link(number: str, size: LabelSize, dpi: int) -> None:
    page = picture_of(replace(SHEET, tracking_number=number), size, dpi=dpi)
    assert codes_read(page) == [Code("Code128", number), Code("QRCode", "https://track.example/?n=CPA1234567890")]


@pytest.mark.parametrize("size", BOTH)
@pytest.mark.parametrize("number", FINEST)
def test_the_finest_bars_are_read_off_a_label_of_203_dpi(number: str, size: LabelSize) -> None:
    assert Code("Code128", number) in codes_read(picture_of(replace(SHEET, tracking_number=number), size))


@pytest.mark.parametrize("length", [20, 150, 300, 600])
@pytest.mark.parametrize("size", BOTH)
def test_a_scanner_reads_links_of_any_length_that_has_room(length: int, size: LabelSize) -> None:
    link = f"https://track.example/{'7x' * (length // 2)}"
    assert Code("QRCode", link) in codes_read(picture_of(replace(SHEET, tracking_link=link), size))


@pytest.mark.parametrize("size", BOTH)
def test_bars_end_on_whole_dots_of_a_printer(size: LabelSize) -> None:
    for number in NUMBERS + FINEST:
        page = picture_of(replace(SHEET, tracking_number=number), size)
        row = page.crop((0, round(98 / 25.4 * DPI), page.width, round(98 / 25.4 * DPI) + 1))
        assert row.point(lambda shade: 255 * (8 < shade < 248)).getbbox() is None, number


def test_bars_have_white_at_both_sides_and_keep_off_the_edge() -> None:
    for number in NUMBERS + FINEST:
        filled = label.filled(replace(SHEET, tracking_number=number))
        box = ink(picture(filled), 93, 107)
        assert box is not None
        quiet = 10 * filled["bars"]["dots"] / DPI * 25.4
        assert min(box[0], 101.6 - box[2]) >= max(4, quiet) - 0.01


def test_the_order_s_number_is_no_bar_code_that_could_be_taken_for_the_parcel_s() -> None:
    assert codes_read(picture_of(replace(SHEET, tracking_number=None, tracking_link=None))) == []


@pytest.mark.parametrize(
    ("changed", "doubt"),
    [
        ({}, None),
        ({"tracking_number": "日本 12"}, "its tracking number can't be a bar code, so it stands there as text alone"),
        ({"tracking_number": "A" * 80}, "its tracking number can't be a bar code, so it stands there as text alone"),
        ({"tracking_number": "A" * 29}, None),
        (
            {"tracking_number": "A" * 30},
            "its tracking number is so long that its bars are the finest there are: see whether they scan",
        ),
        ({"tracking_link": "x" * 2_000}, "its tracking link is too long for a QR code, or no link, so it has none"),
        ({"tracking_link": "a\nb"}, "its tracking link is too long for a QR code, or no link, so it has none"),
        (
            {"recipient": Address(name="N" * 201, street="S")},
            "an address is too long for a label and was shortened, which shows as …",
        ),
        (
            {"recipient": Address(name="山" * 180, company="田" * 180, street="東" * 180, street2="京" * 180)},
            "its address is so long that it's in tiny letters",
        ),
        ({"recipient": Address(name="N", company="C", street="S " * 30, street2="Third floor, at the end")}, None),
    ],
)  # fmt: skip
def test_what_a_person_should_know_is_said(changed: dict[str, Any], doubt: str | None) -> None:
    assert label.doubts(replace(SHEET, **changed)) == ((doubt,) if doubt else ())


def test_a_number_that_no_label_has_room_for_is_said_to_be_shortened() -> None:
    assert label.doubts(replace(SHEET, tracking_number="A" * 400)) == (
        "its tracking number can't be a bar code, so it stands there as text alone",
        "its tracking number is too long for a label and was shortened, which shows as …",
    )


# --- room ---

LONG = {
    "words": "Bartholomew Featherstonehaugh of the Society for the Protection of Names ",
    "one word": "Donaudampfschifffahrtsgesellschaftskapitänsgebäudehinterhofeingang",
    "one number": "1234567890",
    "capitals": "WWWWWWWWWW",
    "japanese": "東京都渋谷区神南直角大厦",
    "arabic": "شارع الملك فهد بن عبد العزيز ",
    "thai": "ถนนสุขุมวิทแขวงคลองเตย",
    "vietnamese": "Ễ Ậ Ộ Ữ ",
}


def long(text: str) -> LabelSheet:
    """A sheet with a recipient as long as a label takes."""
    return replace(
        SHEET,
        order=(text * 20)[:90],
        carrier=(text * 20)[:100],
        service=(text * 20)[:100],
        sender=Address(name=(text * 20)[:100], street=(text * 20)[:100], city="Perth", country="AU"),
        goods=tuple(packed((text * 20)[:90], text[:20]) for _ in range(20)),
        recipient=Address(
            name=(text * 20)[:200],
            company=f"C{text * 20}"[:200],
            street=(text * 20)[:200],
            street2=(text * 20)[:200],
            city=(text * 20)[:200],
            region=(text * 20)[:200],
            postcode="6000",
            country="US",
            phone="+1 555 0100",
        ),
    )


@pytest.mark.parametrize("size", BOTH)
@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_the_longest_address_stays_whole_and_in_its_room(text: str, size: LabelSize) -> None:
    page = picture_of(long(text), size)
    width, height = label.MILLIMETRES[size]
    box = ink(page, 0, height)
    assert box is not None
    assert box[0] > 2.4
    assert box[1] > 2.4
    assert box[2] < width - 2.4
    assert box[3] < height - 2.4
    for rule in (20, 71, 89):  # above and below each rule it's white
        assert ink(page, rule - 0.6, rule - 0.25) is None
        assert ink(page, rule + 0.25, rule + 0.9) is None
    tel = ink(page, 60, 70.4)
    assert tel is not None
    assert tel[3] < 69.9  # the last row isn't cut off
    assert [code.text for code in codes_read(page)] == [SHEET.tracking_number, SHEET.tracking_link]


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_all_of_the_longest_address_is_there(text: str) -> None:
    seen = said_on(long(text))
    if text not in (LONG["arabic"], LONG["thai"]):  # whose signs a PDF holds in the order in which they're drawn
        assert seen.count("".join((text * 20)[:200].split())) >= 2
    assert "+15550100" in seen


def test_a_long_word_is_parted_only_where_it_is_wider_than_its_room() -> None:
    names = ("Featherstonehaugh", "Friedrich-Ebert-Straße", "Wirtschaftswissenschaften")
    sheet = to(**{"name": f"Hinterhaus im Hof bei {names[0]}", "street": f"Bei der {names[1]} an der {names[2]} 12"})
    (page,) = texts(pdf_of(sheet))
    for name in names:
        assert name in page.replace("\u200b", "").replace("Friedrich-\r\nEbert", "Friedrich-Ebert"), page


# --- many ---


def test_labels_come_in_their_order_a_page_each_and_the_same_bytes_twice() -> None:
    sheets = [replace(SHEET, order=str(number), tracking_number=f"N{number:09}") for number in range(60)]
    document = pdf_of(*sheets)
    pages = rendered(document)
    assert [codes_read(page)[0].text for page in pages] == [sheet.tracking_number for sheet in sheets]
    assert pdf_of(*sheets) == document


@pytest.mark.parametrize(("size", "points"), [(LabelSize.INCHES_4X6, (288, 432)), (LabelSize.A6, (297.64, 419.53))])
def test_a_page_is_as_large_as_the_paper(size: LabelSize, points: Sequence[float]) -> None:
    with pypdfium2.PdfDocument(pdf_of(SHEET, size=size)) as document:
        assert document[0].get_size() == pytest.approx(points, abs=0.1)
