"""Bar codes and QR codes say what they should, to a reader that isn't ours."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from crossdock.papers.barcodes import MILLIMETRES_A_DOT, QUIET_BARS, QUIET_SQUARES, Drawing, bars, code128, qr
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from support.paper import Code, codes_read

ROOM = 93.6
PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
BLACK = re.compile(r"M(\d+) (\d+)h(\d+)v1h-\d+z")


def drawn(drawing: Drawing, high: int = 1) -> Image.Image:
    """A drawing in dots, on paper that is white around it, as large as it says and no larger."""
    width, height = (int(size) for size in re.findall(r'viewBox="0 0 (\d+) (\d+)"', drawing["svg"])[0])
    assert drawing["millimetres"] == pytest.approx(width * drawing["dots"] * MILLIMETRES_A_DOT)
    paper = Image.new("L", (width, height), 255)
    pen = ImageDraw.Draw(paper)
    for x, y, across in BLACK.findall(drawing["svg"]):
        pen.line((int(x), int(y), int(x) + int(across) - 1, int(y)), fill=0)
    return paper.resize((width * drawing["dots"], height * drawing["dots"] * high), Image.Resampling.NEAREST)


@given(st.from_regex(r"[0-9]{5,40}", fullmatch=True) | st.text(PRINTABLE, min_size=5, max_size=40).filter(str.strip))
@example("99000")  # python-barcode loses the 99
@example("A99999999B999999C9999")
def test_any_number_that_fits_is_read_back_as_it_is(text: str) -> None:
    drawing = bars(text, within=ROOM)
    assert drawing is not None
    assert codes_read(drawn(drawing, 100)) == [Code("Code128", text)]


@given(st.text(PRINTABLE, min_size=1, max_size=300) | st.text(min_size=1, max_size=60))
def test_any_link_that_fits_is_read_back_as_it_is(text: str) -> None:
    drawing = qr(text, within=ROOM)
    if text.isprintable():
        assert drawing is not None
        (code,) = codes_read(drawn(drawing))
        assert code.kind == "QRCode"
        assert unquote(code.text) == unquote(text)
    else:
        assert drawing is None


@pytest.mark.parametrize(
    ("link", "read"),
    [
        ("https://track.example/?n=1&a=%20+b#c", "https://track.example/?n=1&a=%20+b#c"),
        ("https://track.example/é", "https://track.example/%C3%A9"),
        ("https://track.example/日", "https://track.example/%E6%97%A5"),
    ],
)
def test_a_link_in_any_script_is_read_as_every_browser_understands_it(link: str, read: str) -> None:
    drawing = qr(link, within=32)
    assert drawing is not None
    assert codes_read(drawn(drawing)) == [Code("QRCode", read)]


@pytest.mark.parametrize("text", ["", "é", "12\n3", "\x7f", "日本", "\ud800", "A" * 67, "1" * 200])
def test_what_code_128_cannot_say_or_has_no_room_for_is_none(text: str) -> None:
    assert bars(text, within=ROOM) is None


@pytest.mark.parametrize("text", ["x" * 1_000, "x" * 100_000, "日" * 800, "a\nb", "\ud800"])
def test_what_no_qr_code_says_in_this_room_is_none(text: str) -> None:
    assert qr(text, within=32) is None


def test_digits_take_half_the_room() -> None:
    modules = [code128(text) for text in ("12345678901234567890", "1234567890123456789A")]
    assert [len(one) for one in modules if one] == [(10 + 3) * 11 + 2, (9 + 2 + 1 + 3) * 11 + 2]


@pytest.mark.parametrize(
    ("text", "dots"), [("CPA1234567890", 3), ("A" * 17, 3), ("A" * 18, 2), ("A" * 29, 2), ("A" * 30, 1), ("1" * 58, 2)]
)
def test_a_module_is_as_many_whole_dots_wide_as_fit_up_to_three(text: str, dots: int) -> None:
    drawing = bars(text, within=ROOM)
    assert drawing is not None
    assert drawing["dots"] == dots
    assert drawing["millimetres"] <= ROOM


@given(st.integers(1, 600))
def test_squares_are_half_a_millimetre_wide_where_there_is_room(length: int) -> None:
    drawing = qr("x" * length, within=32)
    if length <= 180:
        assert drawing is not None
        assert drawing["dots"] * MILLIMETRES_A_DOT > 0.5
    assert drawing is None or (drawing["millimetres"] <= 32 and drawing["dots"] >= 2)


def test_white_is_kept_at_all_sides_that_a_scanner_needs() -> None:
    code, square = bars("CPA1", within=ROOM), qr("https://track.example", within=32)
    assert code is not None
    assert square is not None
    for drawing, quiet in ((code, QUIET_BARS), (square, QUIET_SQUARES)):
        paper = drawn(drawing)
        box = Image.eval(paper, lambda shade: 255 - shade).getbbox()
        assert box is not None
        assert (box[0], paper.width - box[2]) == (quiet * drawing["dots"],) * 2
        if drawing is square:
            assert (box[1], paper.height - box[3]) == (quiet * drawing["dots"],) * 2
    assert (QUIET_BARS, QUIET_SQUARES) == (10, 4)


def test_a_drawing_is_an_svg_of_one_path_so_that_hundreds_take_little_memory() -> None:
    drawing = qr("https://track.example/?n=CPA1234567890", within=32)
    assert drawing is not None
    assert drawing["svg"].count("<path") == 1
    assert len(drawing["svg"]) < 20_000
