"""Labels for thermal printers say what a label has to, whatever is written in them; an own reader of ZPL tells."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
import segno
from crossdock.config import LabelSize
from crossdock.model import Address, Line
from crossdock.papers import label as paper_label
from crossdock.papers import zpl
from crossdock.papers.fonts import VENDORED, Fonts
from crossdock.papers.press import PaperError, Press
from crossdock.papers.sheets import LabelSheet, Packed
from crossdock.papers.words import clean, shortened
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from support.paper import NOTICED, codes_read, difference_of, picture_of, rendered
from support.zpl import Field, Label, labels

DPI = (203, 300, 600)
PAPER = {LabelSize.INCHES_4X6: (4.0, 6.0), LabelSize.A6: (105 / 25.4, 148 / 25.4)}  # inches
PRESS = Press(Fonts(with_system=False))
CONDENSED = 0.82  # what a condensed face is of a plain one
LATIN = st.text(st.characters(max_codepoint=0xFF), max_size=150)
EVERYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)

SENDER = Address(name="ACME", street="1 Example St", city="Perth", region="WA", postcode="6000", country="AU")
RECIPIENT = Address(name="Zoë Muñoz", street="5 High St", city="Sydney", region="NSW", postcode="2000", country="AU")
MUG = Packed(line=Line(id="1", name="Mug", sku="MUG-1", size="L", colour="Blue", quantity=2), quantity=2)
SHEET = LabelSheet(
    store="ACME",
    order="1001",
    shipment=7,
    carrier="couriers-please",
    service="Express",
    tracking_number="CPA1234567890",
    tracking_link="https://track.example/?n=CPA1234567890",
    goods=(MUG,),
    sender=SENDER,
    recipient=RECIPIENT,
)


def printed(sheet: LabelSheet, size: LabelSize = LabelSize.INCHES_4X6, *, dpi: int = 203) -> Label:
    """The one label that a printer makes of a sheet."""
    (found,) = labels(zpl.label(sheet, size, dpi=dpi, press=PRESS))
    return found


def printed_picture(png: bytes, size: LabelSize = LabelSize.INCHES_4X6, *, dpi: int = 203) -> Image.Image:
    (found,) = labels(zpl.picture(png, size, dpi=dpi))
    return found.graphics()


def to(**changed: str) -> LabelSheet:
    return replace(SHEET, recipient=replace(RECIPIENT, **changed))


def end_of(one: Field) -> tuple[int, int]:
    """Where a field ends: right and below. A text's letters are as wide as those of Noto Sans, condensed."""
    if one.kind == "text":
        across = one.width or CONDENSED * set_width(one.data, one.height)
        return round(one.x + across), one.y + one.height
    if one.kind == "qr":
        side = len(segno.make_qr(one.data, error="m").matrix) * one.module
        return one.x + side, one.y + side
    return one.x + one.width, one.y + one.height


def set_width(text: str, height: int) -> float:
    return ImageFont.truetype(VENDORED / "noto-sans" / "NotoSans_400Regular.ttf", height).getlength(text)


def all_inside(found: Label) -> bool:
    return all(
        one.x >= 0 and one.y >= 0 and end_of(one)[0] <= found.width and end_of(one)[1] <= found.height
        for one in found.fields
    )


def none_over_another(found: Label) -> bool:
    """Whether no row of text begins before the one above it in its block has ended, or runs over a rule."""
    below = sorted(found.of("text"), key=lambda one: (one.x, one.y))
    rows = all(one.y + one.height <= next_.y for one, next_ in pairwise(below) if one.x == next_.x)
    rules = [one for one in found.of("box") if one.height < 20]
    return rows and not any(text.y < rule.y < text.y + text.height for text in below for rule in rules)


def squeezed(text: str) -> str:
    """`text` as it's compared where rows may break anywhere."""
    return re.sub(r"\s", "", text)


def png_of(page: Image.Image) -> bytes:
    file = io.BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


def said_on_the_right(found: Label) -> str:
    return "".join(one.data for one in found.of("text") if one.side == "R")


def between_rules(found: Label) -> Image.Image:
    """The room of the recipient, between the first rule and the second."""
    first, second = sorted(one.y for one in found.of("box"))[:2]
    return found.graphics().crop((0, first + 4, found.width, second))


# --- what stands on a label ---


@pytest.mark.parametrize("size", LabelSize)
@pytest.mark.parametrize("dpi", DPI)
def test_a_label_says_what_its_sheet_says_at_every_resolution(size: LabelSize, dpi: int) -> None:
    found = printed(SHEET, size, dpi=dpi)
    assert (found.width, found.height) == tuple(round(inches * dpi) for inches in PAPER[size])
    assert sorted(found.texts) == sorted(
        [
            *("ACME", "1 Example St", "PERTH WA 6000"),
            "Order 1001",
            *("Zoë Muñoz", "5 High St", "SYDNEY NSW 2000"),
            *("couriers-please", "Express"),
            "CPA1 2345 6789 0",
            "2 × MUG-1 Mug, L, Blue",
        ]
    )
    assert [one.data for one in found.of("code128")] == ["CPA1234567890"]
    assert [one.data for one in found.of("qr")] == ["https://track.example/?n=CPA1234567890"]
    assert not found.of("picture")
    assert all_inside(found)
    assert none_over_another(found)
    margin = round(found.width / PAPER[size][0] * 4 / 25.4)
    assert min(one.x for one in found.fields) >= margin - 1
    assert max(end_of(one)[0] for one in found.fields) <= found.width - margin + 1


def test_the_recipient_is_the_largest_text() -> None:
    found = printed(SHEET)
    by_size = sorted(found.of("text"), key=lambda one: -one.height)
    assert {one.data for one in by_size[:3]} == {"Zoë Muñoz", "5 High St", "SYDNEY NSW 2000"}


def test_goods_that_wait_for_pickup_say_so_white_on_black() -> None:
    found = printed(replace(SHEET, waits=True, carrier="pickup", service=None))
    (shown,) = [one for one in found.of("text") if one.reversed]
    (banner,) = [one for one in found.of("box") if one.height > 20]
    assert shown.data == "PICKUP"
    assert banner.y <= shown.y
    assert shown.y + shown.height <= banner.y + banner.height
    assert found.fields.index(banner) < found.fields.index(shown)
    assert "pickup" not in found.texts


def test_a_sheet_that_knows_next_to_nothing_has_a_label() -> None:
    found = printed(LabelSheet(store="ACME", order="1", shipment=1, carrier="x", goods=()))
    assert sorted(found.texts) == ["ACME", "Order 1", "x"]
    assert not found.of("code128")
    assert not found.of("qr")


def test_goods_that_find_no_room_are_counted() -> None:
    found = printed(replace(SHEET, goods=(MUG,) * 40))
    shown = found.texts.count("2 × MUG-1 Mug, L, Blue")
    assert f"and {40 - shown} more" in found.texts
    assert 5 < shown < 40
    assert all_inside(found)
    assert none_over_another(found)


def test_goods_do_not_run_into_the_qr_code() -> None:
    found = printed(replace(SHEET, goods=(replace(MUG, line=replace(MUG.line, name="W" * 90)),) * 3))
    (code,) = found.of("qr")
    goods = [one for one in found.of("text") if one.data.startswith(("2 ×", "WW"))]
    assert len(goods) > 3
    assert max(end_of(one)[0] for one in goods) < code.x - 4 * code.module


# --- nothing that is written becomes a command ---


@example(text="^XZ^XA~JR")
@example(text="_5EXZ \\& >; ^FS^FO0,0^GB800,800,400^FS")
@given(text=LATIN)
def test_whatever_is_written_in_latin_letters_is_printed_as_it_is(text: str) -> None:
    found = printed(replace(SHEET, order=text, carrier=text, service=text, tracking_number=None, sender=None))
    told = shortened(clean(f"Order {text}"), 100).replace("…", "...")
    if "\\" in told:
        assert not said_on_the_right(found)
        assert found.of("picture")
    else:
        assert squeezed(said_on_the_right(found)) == squeezed(told)
    assert all_inside(found)
    assert none_over_another(found)


@example(text="محمد^XZ")
@example(text="🎁~JR")
@example(text="\ufe0f")
@given(text=EVERYTHING)
def test_whatever_is_written_makes_one_label_that_stays_on_its_paper(text: str) -> None:
    address = Address(name=text, company=text, street=text, street2=text, city=text, region=text, country="JP")
    goods = (replace(MUG, line=replace(MUG.line, name=text, sku=text)),) * 3
    sheet = replace(
        SHEET, order=text, carrier=text, tracking_number=text, recipient=address, sender=address, goods=goods
    )
    found = printed(sheet)
    assert all_inside(found)
    assert none_over_another(found)


def test_a_name_that_is_a_command_does_nothing() -> None:
    found = printed(to(name="^XZ^XA~JR_5E", street="^FS^FDx"))
    assert {"^XZ^XA~JR_5E", "^FS^FDx"} <= set(found.texts)


# --- long texts ---


def test_a_long_address_is_set_smaller_and_all_of_it_is_there() -> None:
    long = {
        "name": "Maximiliana Wilhelmina Konstantinopolitanische von und zu Hohenlohe-Waldenburg",
        "company": "W" * 90,
        "street": "An der langen Straße 123456789 Hinterhaus links dritter Stock, bitte bei den Nachbarn klingeln",
        "street2": "Zweiter Teil der Anschrift mit sehr vielen Wörtern, die niemand braucht, aber doch jemand schrieb",
        "city": "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",
    }
    found = printed(to(**long, country="DE"))
    told = squeezed("".join(found.texts)).casefold()
    assert [one for one in long.values() if squeezed(one).casefold() not in told] == []
    assert all_inside(found)
    assert none_over_another(found)


def test_what_finds_no_room_at_the_least_size_is_seen_to_be_missing() -> None:
    wide = "W" * 100
    found = printed(replace(SHEET, sender=Address(name=wide, company=wide, street=wide, street2=wide, city=wide)))
    assert "..." in found.texts
    assert all_inside(found)
    assert none_over_another(found)


def test_long_texts_in_pictures_are_set_smaller_too_and_what_finds_no_room_is_seen_to_be_missing() -> None:
    def last_row(*texts: str) -> int:
        """How wide the ink is at the foot of the sender."""
        sender = Address(**dict(zip(("name", "company", "street", "street2", "city"), texts, strict=False)))
        (drawn,) = printed(replace(SHEET, sender=sender)).of("picture")
        assert drawn.picture is not None
        box = drawn.picture.crop((0, drawn.height - 8, drawn.width, drawn.height)).getbbox()
        assert box is not None
        return box[2] - box[0]

    wide = [f"{number}" + "鷹" * 99 for number in range(5)]
    three_dots = 20
    assert last_row(*[f"{number} улица Ленина дом двенадцать квартира один" for number in range(5)]) > 2 * three_dots
    assert last_row(*wide) < three_dots


# --- scripts ---

SCRIPTS = {
    "arabic": Address(name="محمد عبد الله", street="شارع الملك فهد 12", city="الرياض", country="SA"),
    "hebrew": Address(name="דוד כהן", street="רחוב הרצל 5", city="תל אביב", country="IL"),
    "greek": Address(name="Γιώργος Παπαδόπουλος", street="Οδός Ερμού 5", city="Αθήνα", country="GR"),
    "russian": Address(name="Иван Петров", street="ул. Ленина 5, кв. 12", city="Москва", country="RU"),
    "vietnamese": Address(name="Nguyễn Thị Ánh", street="12 Đường Lê Lợi", city="Hồ Chí Minh", country="VN"),
    "japanese": Address(name="山田 太郎", street="1-2-3 丸の内", city="千代田区", region="東京都", country="JP"),
    "emoji": replace(RECIPIENT, name="Zoë 🎁"),
}


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("dpi", DPI)
def test_what_the_printers_font_may_lack_is_drawn_as_on_a_label_in_pdf(script: str, dpi: int) -> None:
    address = SCRIPTS[script]
    sheet = replace(SHEET, recipient=replace(address, name="X", company=address.name))
    page = picture_of(
        PRESS.pictures("label", [paper_label.filled(sheet)], paper_label.setting(LabelSize.INCHES_4X6), dpi=dpi)[0]
    )
    found = printed(sheet, dpi=dpi)
    below_first_row = 4 + 18 + 4.4  # millimetres: what reaches out of the first row has a test of its own
    room = (0, round(below_first_row / 25.4 * dpi), page.width, round((4 + 66) / 25.4 * dpi))
    compared = [one.crop(room).resize((406, 200)) for one in (page, found.graphics())]
    assert difference_of(*compared) <= 1.5 * NOTICED  # black and white is further from grey than grey is
    assert all_inside(found)


def test_arabic_letters_are_joined() -> None:
    assert pieces(between_rules(printed(replace(SHEET, recipient=Address(name="سسسس"))))) == 1
    assert pieces(between_rules(printed(replace(SHEET, recipient=Address(name="דדדד"))))) == 4


def pieces(picture: Image.Image) -> int:
    """How many connected black pieces a picture has."""
    counted, rest = 0, picture.copy()
    while box := rest.point([255] * 128 + [0] * 128).getbbox():
        x = next(x for x in range(box[0], box[2]) if rest.getpixel((x, box[1])) == 0)
        ImageDraw.floodfill(rest, (x, box[1]), 255)
        counted += 1
    return counted


def test_thin_strokes_of_small_letters_are_not_broken() -> None:
    long = "ЛНПШ " * 9
    sender = Address(name=long, company=long + "Л", street=long, street2=long)
    (drawn,) = printed(replace(SHEET, sender=sender)).of("picture")
    assert drawn.picture is not None
    assert pieces(drawn.picture.convert("L").point([255] * 128 + [0] * 128)) <= 4 * 4 * 9 + 1


def test_a_text_stands_at_the_side_it_is_read_from() -> None:
    right = ink_of(between_rules(printed(replace(SHEET, recipient=SCRIPTS["arabic"]))))
    left = ink_of(between_rules(printed(replace(SHEET, recipient=SCRIPTS["russian"]))))
    assert abs(right[2] - (812 - 32)) <= 4
    assert abs(left[0] - 32) <= 4


def ink_of(picture: Image.Image) -> tuple[int, int, int, int]:
    box = picture.point([255] * 128 + [0] * 128).getbbox()
    assert box is not None
    return box


def test_accents_above_the_first_row_are_not_cut_off() -> None:
    heights = [
        ink_of(between_rules(printed(replace(SHEET, recipient=Address(name=name)))))[1]
        for name in ("Ш", "Ш\u0302\u0302")
    ]
    assert heights[1] < heights[0] - 10


def test_only_what_needs_it_is_drawn() -> None:
    found = printed(replace(SHEET, recipient=SCRIPTS["greek"]))
    assert {"ACME", "Order 1001", "Express", "2 × MUG-1 Mug, L, Blue"} <= set(found.texts)
    assert len(found.of("picture")) == 1


# --- bar codes ---


@pytest.mark.parametrize("dpi", DPI)
@pytest.mark.parametrize(
    "number",
    [
        "1Z999AA10123456784",
        "9405511899223197428490",
        "123456789012345",
        "A>B",
        "a^b~c_d\\e",
        ">:>;>5>6>7>8",
        "1",
        "Q" * 29,
        "Q" * 30,
    ],
)
def test_a_tracking_number_is_a_bar_code_in_the_middle_with_white_at_both_sides(number: str, dpi: int) -> None:
    found = printed(replace(SHEET, tracking_number=number), dpi=dpi)
    (bars,) = found.of("code128")
    assert bars.data == number
    quiet = 10 * bars.module
    margin = round(4 / 25.4 * dpi)
    assert bars.x - quiet >= margin - 1
    assert end_of(bars)[0] + quiet <= found.width - margin + 1
    assert abs(bars.x + bars.width / 2 - found.width / 2) <= bars.module
    assert bars.module >= (2 if len(number) < 30 else 1) * dpi // 203


@given(number=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=45))
def test_any_printable_number_is_in_its_bar_code(number: str) -> None:
    found = printed(replace(SHEET, tracking_number=number, tracking_link=None))
    assert [one.data for one in found.of("code128")] == ([clean(number)] if clean(number) else [])
    assert all_inside(found)


@pytest.mark.parametrize("number", ["ПАКЕТ-1", "X" * 99, "é1"])
def test_a_number_that_can_be_no_bar_code_is_text_alone(number: str) -> None:
    sheet = replace(SHEET, tracking_number=number)
    found = printed(sheet)
    assert not found.of("code128")
    assert any("text alone" in doubt for doubt in paper_label.doubts(sheet))
    shown = "".join(one.data for one in found.of("text") if one.side == "C")
    assert squeezed(shown) == number or (not number.isascii() and found.of("picture")) or shown.endswith("...")


@pytest.mark.parametrize("dpi", DPI)
@pytest.mark.parametrize(
    "link", ["https://t.example/1", "https://t.example/^XZ_5E~JR\\&>0?q=1", "https://t.example/" + "x" * 300]
)
def test_a_link_is_a_qr_code_with_white_around_it(link: str, dpi: int) -> None:
    found = printed(replace(SHEET, tracking_link=link), dpi=dpi)
    (code,) = found.of("qr")
    assert code.data == link
    right, below = end_of(code)
    margin = round(4 / 25.4 * dpi)
    assert right <= found.width - margin - 4 * code.module + 1
    assert below <= found.height - margin - 4 * code.module + 1
    assert code.module >= 2


def test_a_link_that_is_not_ascii_is_drawn_as_a_qr_code() -> None:
    link = "https://παράδειγμα.example/1"
    found = printed(replace(SHEET, tracking_link=link))
    assert not found.of("qr")
    assert [code.text for code in codes_read(found.graphics())] == [link]


def test_a_link_that_is_too_long_has_no_qr_code() -> None:
    found = printed(replace(SHEET, tracking_link="https://t.example/" + "x" * 3000))
    assert not found.of("qr")
    assert not found.of("picture")


# --- pictures that carriers give ---


def noise(width: int, height: int) -> Image.Image:
    """A picture of black and white dots that is the same each time."""
    return Image.effect_noise((width, height), 90).point([0] * 128 + [255] * 128)


@pytest.mark.parametrize("dpi", DPI)
@pytest.mark.parametrize("size", LabelSize)
def test_a_picture_as_large_as_the_paper_is_printed_dot_by_dot(size: LabelSize, dpi: int) -> None:
    width, height = (round(inches * dpi) for inches in PAPER[size])
    page = Image.new("L", (width, height), 255)
    page.paste(noise(width - 100, 300), (50, 20))
    page.paste(0, (0, 500, width, 520))
    page.paste(0, (width - 1, 0, width, height))
    assert printed_picture(png_of(page), size, dpi=dpi).tobytes() == page.tobytes()


def test_a_picture_somewhat_smaller_than_the_paper_keeps_its_dots_and_stands_in_the_middle() -> None:
    page = noise(800, 1200)
    seen = printed_picture(png_of(page))
    assert seen.crop((6, 9, 806, 1209)).tobytes() == page.tobytes()


def test_a_small_picture_is_enlarged_evenly() -> None:
    page = noise(400, 600)
    seen = printed_picture(png_of(page))
    assert seen.crop((6, 9, 806, 1209)).tobytes() == page.resize((800, 1200), Image.Resampling.NEAREST).tobytes()


@pytest.mark.parametrize("dpi", DPI)
@pytest.mark.parametrize("scale", [0.8, 1.0, 1.4778, 2.0, 2.9557])
def test_codes_on_a_picture_can_be_read_whatever_its_size(scale: float, dpi: int) -> None:
    document = PRESS.pdf("label", [paper_label.filled(SHEET)], paper_label.setting(LabelSize.INCHES_4X6))
    (page,) = rendered(document, round(203 * scale))
    seen = printed_picture(png_of(page), dpi=dpi)
    assert {code.text for code in codes_read(seen)} == {SHEET.tracking_number, SHEET.tracking_link}


@pytest.mark.parametrize("shape", [(600, 100), (100, 600), (5000, 40), (3, 3)])
def test_a_picture_of_another_shape_is_not_distorted(shape: tuple[int, int]) -> None:
    left, top, right, below = ink_of(printed_picture(png_of(Image.new("L", shape, 0))))
    assert (right - left) / (below - top) == pytest.approx(shape[0] / shape[1], rel=0.1)
    assert abs(left + right - 812) <= 1
    assert abs(top + below - 1218) <= 1
    assert right - left > 770 or below - top > 1157


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_picture_of_any_kind_is_black_where_it_is_dark(mode: str) -> None:
    page = Image.new("L", (812, 1218), 255)
    page.paste(0, (100, 100, 300, 300))
    kind = page.convert("I").point(lambda value: value * 257).convert(mode) if mode == "I;16" else page.convert(mode)
    assert ink_of(printed_picture(png_of(kind))) == (100, 100, 300, 300)


def test_what_a_picture_leaves_open_is_white() -> None:
    page = Image.new("RGBA", (812, 1218), (0, 0, 0, 0))
    page.paste((0, 0, 0, 255), (10, 10, 20, 20))
    assert ink_of(printed_picture(png_of(page))) == (10, 10, 20, 20)


def test_an_empty_picture_is_an_empty_label() -> None:
    (found,) = labels(zpl.picture(png_of(Image.new("L", (812, 1218), 255)), LabelSize.INCHES_4X6, dpi=203))
    assert not found.fields


@given(runs=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900), st.integers(1, 400)), max_size=12))
def test_pictures_come_out_of_their_short_form_as_they_went_in(runs: Sequence[tuple[int, int, int]]) -> None:
    page = Image.new("L", (839, 1183), 255)
    draw = ImageDraw.Draw(page)
    for number, (x, y, length) in enumerate(runs):
        draw.rectangle((x, y, x + length, y + number % 3), fill=0 if number % 4 else 255)
    assert printed_picture(png_of(page), LabelSize.A6).tobytes() == page.tobytes()


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"^XA^XZ", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(50)])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(PaperError, match="its carrier gave a picture that can't be read"):
        zpl.picture(content, LabelSize.INCHES_4X6, dpi=203)


def test_even_pictures_are_sent_in_short() -> None:
    for shade in (0, 255):
        page = png_of(Image.new("L", (2400, 3600), shade))
        assert len(zpl.picture(page, LabelSize.INCHES_4X6, dpi=600)) < 10_000


@pytest.mark.parametrize(
    ("side", "why"), [(8_000, "of 8000 × 8000 dots, too many"), (12_000, ""), (100_000, "that can't be read")]
)
def test_a_picture_that_would_fill_the_memory_is_refused(side: int, why: str) -> None:
    with pytest.raises(PaperError, match=f"its carrier gave a picture {why}"):
        zpl.picture(empty_png(side), LabelSize.INCHES_4X6, dpi=203)


def empty_png(side: int) -> bytes:
    """A square PNG that says how large it is, and little more."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


SOUND = png_of(noise(40, 60).convert("P"))


@given(at=st.integers(0, len(SOUND) - 1), byte=st.integers(0, 255), cut=st.integers(0, len(SOUND)))
def test_a_damaged_picture_is_printed_or_refused_and_nothing_else(at: int, byte: int, cut: int) -> None:
    damaged = bytearray(SOUND)
    damaged[at] = byte
    try:
        document = zpl.picture(bytes(damaged[:cut] if cut % 2 else damaged), LabelSize.INCHES_4X6, dpi=203)
    except PaperError:
        return
    assert len(labels(document)) == 1
