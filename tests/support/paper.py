"""Papers as a person or a scanner meets them: pictures of their pages, and the codes that can be read off them."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import pypdfium2
import zxingcpp
from PIL import Image, ImageChops, ImageFilter

GOLDEN = Path(__file__).parent.parent / "papers" / "golden"
GOLDEN_DPI = 100
NOTICED = 48  # of 255: what a blurred picture may differ by, so that edges that are drawn another way pass


class Code(NamedTuple):
    """A code as a scanner read it: `Code128` or `QRCode`, and what it says."""

    kind: str
    text: str


def rendered(pdf: bytes, dpi: int = 203) -> list[Image.Image]:
    """The pages of a PDF as grey pictures of `dpi` dots per inch."""
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.render(scale=dpi / 72, grayscale=True).to_pil() for page in document]


def texts(pdf: bytes) -> list[str]:
    """What each page of a PDF says, as a program that searches it finds it."""
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_bounded() for page in document]


def codes_read(picture: Image.Image) -> list[Code]:
    """The codes on a picture, as an independent reader finds them, from top to bottom."""
    found = zxingcpp.read_barcodes(picture)
    found.sort(key=lambda code: code.position.top_left.y)
    return [Code(str(code.format).removeprefix("BarcodeFormat.").replace(" ", ""), code.text) for code in found]


def picture_of(png: bytes) -> Image.Image:
    """A picture file as a grey picture."""
    return Image.open(io.BytesIO(png)).convert("L")


def same_picture(name: str, picture: Image.Image) -> None:
    """Fails unless `picture` looks as `golden/NAME.png` does, which `CROSSDOCK_GOLDEN=renew` writes anew.

    Pictures are of GOLDEN_DPI. Both are blurred before they are compared, so that another version of what renders them
    is no failure, while a text that moved, is missing or isn't shaped is one. What was seen is left in the temporary
    folder, to be looked at.
    """
    path = GOLDEN / f"{name}.png"
    seen = picture.convert("L")
    if os.environ.get("CROSSDOCK_GOLDEN") == "renew":
        seen.quantize(16).save(path, optimize=True)
        return
    with Image.open(path) as kept:
        golden = kept.convert("L")
    difference = difference_of(golden, seen)
    if difference > NOTICED:
        left = Path(tempfile.gettempdir()) / f"crossdock-{name}.png"
        seen.save(left)
        raise AssertionError(f"{path.name} and what was drawn differ by {difference} of 255: compare it with {left}")


def difference_of(one: Image.Image, other: Image.Image) -> int:
    """By how much two pictures differ where they differ most, from 0 to 255."""
    if one.size != other.size:
        return 255
    blurred = [picture.filter(ImageFilter.GaussianBlur(1.5)) for picture in (one, other)]
    _, most = ImageChops.difference(*blurred).getextrema()
    assert isinstance(most, int)
    return most
