"""Labels for thermal printers, in ZPL II: what our own labels tell, and pictures that carriers gave.

Source: Zebra's ZPL II Programming Guide. Commands are ^ and letters: ^FO is where a field begins, ^FD what it says, ^FS
its end. Nothing that a buyer wrote reaches a printer other than escaped, or drawn.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias
from unicodedata import normalize

import segno
from PIL import Image

from crossdock.config import LabelSize
from crossdock.papers.barcodes import MILLIMETRES_A_DOT, QUIET_BARS, QUIET_SQUARES, Drawing
from crossdock.papers.label import MARGIN, MILLIMETRES, filled
from crossdock.papers.press import Filled, PaperError, Press
from crossdock.papers.sheets import LabelSheet
from crossdock.papers.words import BREAK, Words, clean

BLEED = 2.0  # millimetres around the room of words that are drawn: accents and tails reach out of it
LEAST = 4.0  # points: 11 dots at 203 dpi; font 0 has no letters below 10
STEP = 0.5  # points
PITCH = 1.1  # from line to line, in heights of the font
BAR = 3 / 203  # inches of a bar code's module where there is room
LARGEST_SQUARE = 10  # dots: the most that ^BQ takes
MOST_BYTES = 99_999  # of one ^GF
LARGEST_PICTURE = 50_000_000  # pixels: a label of 6 × 8 in at 600 dpi has 17 million
DARK = 128  # of 255: what is darker becomes black in a carrier's picture
DARK_WORDS = 170  # and in words, whose thin strokes would break otherwise
WHOLE = 0.95  # a picture is enlarged by a whole number, which keeps its bars even, where so much of the paper is filled

PLAIN = re.compile(r"[ -\[\]-~\xa1-\xac\xae-\xff]*")  # what font 0 has for sure: Latin-1; \ means something in ^FB
TO_ESCAPE = re.compile(r"[^ -~]|[\^~_\\]")
DIGIT_PAIRS = re.compile(r"(?:[0-9]{2})+")  # Code 128 says them in half the room
INVOKED = {">": ">0", "^": "><", "~": ">="}  # in subset B of ^BC
SET_WIDTHS = {  # of characters in Helvetica Bold, in heights of the font: at most so for each kind
    0.40: " !'`.,:;|/\\Iijl¡¦´¨¸¯·¹²³ºªÌÍÎÏìíîï()[]",
    0.42: 'frt{}"',
    0.80: "ABCDGHKNOQRUVXY&ÐØ«»",
    1.02: "mwMW@%Æ¼½¾©®æ",
}
OTHER_WIDTH = 0.64
CONDENSED = 0.9  # font 0 is condensed, to about 0.82 of that on Zebra's printers; others may have a wider one there
WIDTHS = {sign: width * CONDENSED for width, signs in SET_WIDTHS.items() for sign in signs}

Side: TypeAlias = Literal["start", "center", "right"]
JUSTIFIED = {"center": "C", "right": "R"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Texts, and the room where they stand one below another, in millimetres from the margins.

    They are `largest` points high, or smaller, down to `least`, as they fit. Where they don't fit even so, the last of
    them give way to "..."; or to how many are left out, with `more` that aren't among the texts, unless that is None.
    `bold` is which of them stands out where they are drawn, `swell` times as high; font 0 is bold anyway.
    """

    texts: tuple[Words, ...]
    left: float = 0
    top: float
    width: float
    height: float
    largest: float
    least: float = LEAST
    side: Side = "start"
    more: int | None = None
    bold: int | None = None
    swell: float = 1


def label(sheet: LabelSheet, size: LabelSize, *, dpi: int, press: Press) -> bytes:
    """The label of a sheet, as `label.typ` draws it, for a printer of `dpi` dots per inch. Raises PaperError."""
    content = filled(sheet)
    width, height = (length - 2 * MARGIN for length in MILLIMETRES[size])
    dots = _Dots(dpi)
    fields = [_rule(top, width, dots) for top in (16, 67, 85)]
    if content["waits"]:
        fields += _banner("PICKUP", top=69, width=width, height=14, dots=dots)
    if content["bars"]:
        fields += _bars(clean(sheet.tracking_number or ""), top=88, width=width, height=17, dots=dots)
    beside = 0.0
    if content["qr"]:
        fields += _qr(sheet.tracking_link or "", content["qr"], width, height, dots)
        beside = content["qr"]["millimetres"] + 2
    blocks = [*_head(content, width), *_foot(content, width, height, beside)]
    for block in blocks:
        if _is_plain(block):
            fields += _written(block, dots)
    fields += _drawn([block for block in blocks if not _is_plain(block)], content["country"], dots, press)
    return _document(fields, size, dots)


def _head(content: Filled, width: float) -> Iterator[Block]:
    """Who sends what to whom, and by whom."""
    yield Block(texts=_texts(content["sender"]), top=0, width=width * 0.6, height=15, largest=8)
    order = _texts([content["order"]])
    yield Block(texts=order, left=width * 0.64, top=0, width=width * 0.36, height=15, largest=14, side="right", bold=0)
    points = 30 if content["waits"] else 17
    to = _texts(content["recipient"])
    yield Block(texts=to, top=18, width=width, height=47, largest=points, bold=content["addressee"], swell=1.15)
    if not content["waits"]:
        service = _texts([content["carrier"], content["service"]])
        yield Block(texts=service, top=69, width=width, height=14, largest=15, bold=0)


def _foot(content: Filled, width: float, height: float, beside: float) -> Iterator[Block]:
    """The number, larger where there are no bars above it, and the goods, `beside` something that is so wide."""
    number = _texts([content["number"]])
    if content["bars"]:
        yield Block(texts=number, top=106.5, width=width, height=5.5, largest=13, side="center")
    else:
        yield Block(texts=number, top=88, width=width, height=22, largest=24, side="center")
    top, points = (114, 8) if number else (88, 11)
    goods, room = _texts(content["goods"]), (width - beside, height - top)
    yield Block(texts=goods, top=top, width=room[0], height=room[1], largest=points, least=points, more=content["more"])


def picture(png: bytes, size: LabelSize, *, dpi: int) -> bytes:
    """A page that a carrier gave as a picture, as large as the paper allows. Raises PaperError where it's none."""
    dots = _Dots(dpi)
    page = opened(png)
    room = tuple(dots.of(length) for length in MILLIMETRES[size])
    scale = min(room[0] / page.width, room[1] / page.height)
    if scale >= 1 and int(scale) / scale >= WHOLE:
        page = page.resize((page.width * int(scale), page.height * int(scale)), Image.Resampling.NEAREST)
    else:
        fitting = (max(1, round(page.width * scale)), max(1, round(page.height * scale)))
        page = page.resize(fitting, Image.Resampling.LANCZOS)
    left, top = (room[0] - page.width) // 2, (room[1] - page.height) // 2
    return _document(_graphic(_ink(page, DARK), left, top), size, dots)


def opened(png: bytes) -> Image.Image:
    """A picture in grey on white. Raises PaperError where it's none, or so large that it would fill the memory."""
    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as page:
            if page.width * page.height > LARGEST_PICTURE:
                raise PaperError(f"its carrier gave a picture of {page.width} × {page.height} dots, too many to print")
            if not page.has_transparency_data:
                return page.convert("L")
            seen = page.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PaperError("its carrier gave a picture that can't be read") from error


@dataclass(frozen=True, slots=True)
class _Dots:
    """A printer's own measure."""

    dpi: int

    def of(self, millimetres: float) -> int:
        return round(millimetres / 25.4 * self.dpi)

    def at(self, millimetres: float) -> int:
        """Where something begins that lies so far from the margin."""
        return self.of(MARGIN + millimetres)

    def of_points(self, points: float) -> int:
        return round(points / 72 * self.dpi)


def _document(fields: Iterable[str], size: LabelSize, dots: _Dots) -> bytes:
    """One label of these fields, in UTF-8; what an earlier label may have left set is set anew."""
    width, height = (dots.of(length) for length in MILLIMETRES[size])
    start = f"^XA^CI28^PW{width}^LL{height}^LH0,0^FWN"
    return "\n".join((start, *fields, "^XZ\n")).encode("ascii")


def _data(text: str) -> str:
    """What a field says: nothing in it is a command, as its reader meets it after ^FH."""
    escaped = TO_ESCAPE.sub(lambda sign: "".join(f"_{byte:02X}" for byte in sign[0].encode()), text)
    return f"^FH_^FD{escaped}^FS"


# --- texts ---


def _texts(several: Iterable[Words | None]) -> tuple[Words, ...]:
    return tuple(one for one in several if one is not None)


def _plain(words: Words) -> str:
    """A text as font 0 is told it: it needs no hint where to break, and has no … of its own."""
    return words["text"].replace(BREAK, "").replace("…", "...")


def _is_plain(block: Block) -> bool:
    """Whether the printer's own font has all of a block."""
    return all(PLAIN.fullmatch(_plain(words)) for words in block.texts)


def _written(block: Block, dots: _Dots) -> Iterator[str]:
    """The fields of a block that is set in the printer's own font, row by row."""
    rows, height = _fitted(block, dots)
    left, top, width = dots.at(block.left), dots.at(block.top), dots.of(block.width)
    within = f"^FB{width},1,0,{JUSTIFIED[block.side]},0" if block.side in JUSTIFIED else ""
    for number, row in enumerate(rows):
        yield f"^FO{left},{top + round(number * height * PITCH)}^A0N,{height},{height}{within}{_data(row)}"


def _fitted(block: Block, dots: _Dots) -> tuple[list[str], int]:
    """The rows of a block, and how high its font is, in dots."""
    texts = [_plain(words) for words in block.texts]
    steps = int((block.largest - block.least) / STEP)
    whole = [(block.largest - STEP * step, len(texts)) for step in range(steps + 1)]
    fewer = [(block.least, count) for count in reversed(range(len(texts)))]
    for points, count in whole + fewer:
        height = dots.of_points(points)
        told = [*texts[:count], *_told_of_rest(len(texts) - count, block.more)]
        rows = [row for text in told for row in _wrapped(text, dots.of(block.width) / height)]
        if len(rows) * height * PITCH <= dots.of(block.height):
            break
    return rows, height


def _told_of_rest(left_out: int, more: int | None) -> list[str]:
    """What stands for the texts that found no room."""
    if more is None:
        return ["..."] if left_out else []
    return [f"and {left_out + more} more"] if left_out + more else []


def _wrapped(text: str, room: float) -> Iterator[str]:
    """A text in rows that are no wider than `room`, in heights of the font."""
    row = ""
    for word in text.split():
        if row and _width(f"{row} {word}") > room:
            yield row
            row = word
        else:
            row = f"{row} {word}".lstrip()
        while _width(row) > room:
            end = next(end for end in range(len(row), 0, -1) if end == 1 or _width(row[:end]) <= room)
            yield row[:end]
            row = row[end:]
    if row:
        yield row


def _width(text: str) -> float:
    """How wide a text is at most, in heights of the font; a letter with an accent is as wide as without."""
    return sum(WIDTHS.get(sign) or WIDTHS.get(normalize("NFD", sign)[0], OTHER_WIDTH * CONDENSED) for sign in text)


def _drawn(blocks: Sequence[Block], country: str, dots: _Dots, press: Press) -> Iterator[str]:
    """The fields of blocks with characters that the printer's own font may lack: pictures, joined and turned right."""
    if not blocks:
        return
    rooms = [
        {
            "country": country, "texts": block.texts, "more": block.more, "side": block.side,
            "width": block.width, "height": block.height, "largest": block.largest, "least": block.least, "step": STEP,
            "bold": block.bold, "swell": block.swell,
        }
        for block in blocks
    ]  # fmt: skip
    for block, png in zip(blocks, press.pictures("words", rooms, {"bleed": BLEED}, dpi=dots.dpi), strict=True):
        with Image.open(io.BytesIO(png)) as drawn:
            ink = _ink(drawn.convert("L"), DARK_WORDS)
        yield from _graphic(ink, dots.at(block.left - BLEED), dots.at(block.top - BLEED))


# --- bars and boxes ---


def _rule(top: float, width: float, dots: _Dots) -> str:
    thickness = dots.of_points(0.8)
    return f"^FO{dots.at(0)},{dots.at(top)}^GB{dots.of(width)},{thickness},{thickness}^FS"


def _banner(text: str, *, top: float, width: float, height: float, dots: _Dots) -> Iterator[str]:
    """`text` white on black."""
    across, high, letters = dots.of(width), dots.of(height), dots.of_points(30)
    yield f"^FO{dots.at(0)},{dots.at(top)}^GB{across},{high},{high}^FS"
    below = dots.at(top) + (high - letters) // 2
    yield f"^FO{dots.at(0)},{below}^FR^A0N,{letters},{letters}^FB{across},1,0,C,0{_data(text)}"


def _bars(text: str, *, top: float, width: float, height: float, dots: _Dots) -> Iterator[str]:
    """`text` in Code 128, drawn by the printer; nothing where there is no room for it."""
    data, count = _code128(text)
    module = min(round(BAR * dots.dpi), dots.of(width) // (count + 2 * QUIET_BARS))
    if module < 1:
        return
    left = dots.at(width / 2) - count * module // 2
    yield f"^FO{left},{dots.at(top)}^BY{module}^BCN,{dots.of(height)},N,N,N,N{_data(data)}"


def _code128(text: str) -> tuple[str, int]:
    """`text` as ^BC takes it, and how many modules wide it is.

    The subset is chosen here and kept, because printers that choose it by themselves differ in it, and the code has to
    fit: pairs of digits in C, all else in B.
    """
    in_pairs = DIGIT_PAIRS.fullmatch(text) is not None
    data = f">;{text}" if in_pairs else ">:" + "".join(INVOKED.get(sign, sign) for sign in text)
    symbols = 3 + (len(text) // 2 if in_pairs else len(text))  # with those that start, check and stop
    return data, symbols * 11 + 2


def _qr(link: str, drawing: Drawing, width: float, height: float, dots: _Dots) -> Iterator[str]:
    """A QR code in the lower right corner: drawn by the printer, or here where ^BQ can't say all of its characters."""
    count = round(drawing["millimetres"] / MILLIMETRES_A_DOT / drawing["dots"])
    module = min(dots.of(drawing["dots"] * MILLIMETRES_A_DOT), LARGEST_SQUARE)
    left = dots.at(width) - (count - QUIET_SQUARES) * module
    top = dots.at(height) - (count - QUIET_SQUARES) * module
    if link.isascii():
        yield f"^FO{left},{top}^BQN,2,{module}{_data(f'MA,{link}')}"  # M of error correction; A: automatic mode
        return
    png = io.BytesIO()
    segno.make_qr(link, error="m", encoding="utf-8").save(png, kind="png", scale=module, border=0)
    with Image.open(png) as drawn:
        yield from _graphic(_ink(drawn.convert("L"), DARK), left, top)


# --- pictures ---


def _ink(grey: Image.Image, darker: int) -> Image.Image:
    """What is black on paper, as bits that are set."""
    return grey.point([255] * darker + [0] * (256 - darker), "1")


def _graphic(ink: Image.Image, left: int, top: int) -> Iterator[str]:
    """The fields of a picture that begins there, without the white around it; one field takes so many bytes only."""
    box = ink.getbbox()
    if box is None:
        return
    ink = ink.crop(box)
    across = (ink.width + 7) // 8
    rows = MOST_BYTES // across
    for start in range(0, ink.height, rows):
        band = ink.crop((0, start, ink.width, min(start + rows, ink.height)))
        size = across * band.height
        at = f"^FO{left + box[0]},{top + box[1] + start}"
        yield f"{at}^GFA,{size},{size},{across},{_packed(band.tobytes(), across)}^FS"


def _packed(data: bytes, across: int) -> str:
    """Rows of `across` bytes in hexadecimal, with the guide's counts before what is repeated."""
    packed, last = [], b""
    for start in range(0, len(data), across):
        row = data[start : start + across]
        packed.append(":" if row == last else _packed_row(row))
        last = row
    return "".join(packed)


def _packed_row(row: bytes) -> str:
    seen = row.rstrip(b"\0")
    digits = re.sub(r"(.)\1{2,}", lambda run: _repeat(len(run[0])) + run[1], seen.hex().upper())
    return digits if len(seen) == len(row) else f"{digits},"


def _repeat(times: int) -> str:
    """The count before a digit: z is 400, g to y are 20 to 380, and G to Y are 1 to 19."""
    most, rest = divmod(times, 400)
    twenties, ones = divmod(rest, 20)
    return "z" * most + (chr(ord("f") + twenties) if twenties else "") + (chr(ord("F") + ones) if ones else "")
