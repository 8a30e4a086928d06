"""Papers in one document: each in its turn, those that can't be made named, and the others there all the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pikepdf
import pytest
from contract.courier import LABEL, PICTURE, ZPL
from crossdock.config import PaperConfig, SlipColumn
from crossdock.model import Address
from crossdock.papers.binding import Given, Leaf, PdfDocument, as_zpl
from crossdock.papers.fonts import Fonts
from crossdock.papers.press import Filled, PaperError, Press
from crossdock.papers.sheets import LabelSheet, SlipSheet
from support.paper import texts

PAPERS = PaperConfig()
PRESS = Press(Fonts(with_system=False))
CARRIERS = Given(media_type="application/pdf", content=LABEL)


class Jamming(Press):
    """Can't draw what goes to one recipient, nor anything in one go with it."""

    def pdf(self, template: str, sheets: Sequence[Filled], setting: Filled) -> bytes:
        if "Jammed" in str(sheets):
            raise PaperError("it can't be drawn: the paper is jammed")
        return super().pdf(template, sheets, setting)


def label(name: str) -> LabelSheet:
    return LabelSheet(store="ACME", order=name, shipment=1, carrier="Sendle", goods=(), recipient=Address(name=name))


def slip(order: str) -> SlipSheet:
    return SlipSheet(
        store="ACME", order=order, placed_on=date(2026, 5, 1), currency="AUD", goods=(), columns=(SlipColumn.SKU,)
    )


def bound(leaves: Sequence[Leaf], folder: Path, press: Press = PRESS, at_once: int = 50) -> tuple[list[str], bytes]:
    """What is against each leaf, "" for nothing, and the document of the others."""
    document = PdfDocument(folder, press, PAPERS)
    outcomes = []
    for start in range(0, len(leaves), at_once):
        outcomes += document.add(leaves[start : start + at_once])
    document.save(folder / "whole")
    return [outcome.trouble or "" for outcome in outcomes], (folder / "whole").read_bytes()


@pytest.mark.parametrize("at_once", [1, 2, 50])
def test_papers_of_every_kind_come_in_their_order_however_many_are_made_at_once(tmp_path: Path, at_once: int) -> None:
    first: list[Leaf] = [label("first"), CARRIERS, label("second"), label("third")]
    troubles, document = bound([*first, slip("fourth"), CARRIERS, label("fifth")], tmp_path, at_once=at_once)
    assert troubles == [""] * 7
    found = [page.split() for page in texts(document)]
    wanted = ["first", None, "second", "third", "fourth", None, "fifth"]  # a carrier's label has no text
    assert [bool(page) if word is None else word in page for word, page in zip(wanted, found, strict=True)] == [
        word is not None for word in wanted
    ]


def test_a_paper_that_cannot_be_drawn_is_named_and_takes_none_with_it(tmp_path: Path) -> None:
    troubles, document = bound([label("first"), label("Jammed"), label("third")], tmp_path, Jamming(PRESS.fonts))
    assert troubles == ["", "it can't be drawn: the paper is jammed", ""]
    assert ["first" in page or "third" in page for page in texts(document)] == [True, True]


def test_a_carriers_label_that_is_none_is_named_and_takes_none_with_it(tmp_path: Path) -> None:
    broken = [
        Given(media_type="application/pdf", content=LABEL[:80]),
        Given(media_type="application/pdf", content=b""),
        Given(media_type="image/png", content=PICTURE[:30]),
        Given(media_type="application/zpl", content=ZPL),
        Given(media_type="text/plain", content=b"stick this on"),
    ]
    troubles, document = bound([label("first"), *broken, label("last")], tmp_path)
    assert [bool(trouble) for trouble in troubles] == [False, *[True] * 5, False]
    assert len(texts(document)) == 2


def test_a_single_label_of_a_carrier_stays_byte_for_byte(tmp_path: Path) -> None:
    assert bound([CARRIERS], tmp_path) == ([""], LABEL)


def test_a_picture_that_a_carrier_gave_fills_a_page_of_the_labels_size(tmp_path: Path) -> None:
    _, document = bound([Given(media_type="image/png", content=PICTURE), label("own")], tmp_path)
    (tmp_path / "two.pdf").write_bytes(document)
    with pikepdf.open(tmp_path / "two.pdf") as opened:
        sizes = [[round(float(side)) for side in page.mediabox] for page in opened.pages]
    assert sizes == [[0, 0, 288, 432]] * 2


def test_a_character_that_no_font_has_is_named_and_the_paper_is_there(tmp_path: Path) -> None:
    (outcome,) = PdfDocument(tmp_path, PRESS, PAPERS).add([label("Mia \U00012000")])
    assert outcome.trouble is None
    assert outcome.doubts == ("no font has '\U00012000' (U+12000 CUNEIFORM SIGN A): a box stands there instead",)


def test_zpl_takes_labels_and_pictures_and_zpl_and_names_what_it_does_not_take() -> None:
    leaves: list[Leaf] = [label("own"), Given(media_type="application/zpl", content=ZPL), CARRIERS, slip("one")]
    made = [as_zpl(leaf, PRESS, PAPERS, dpi=203) for leaf in leaves]
    assert [document.count(b"^XA") for _, document in made] == [1, 1, 0, 0]
    assert made[1][1] == ZPL
    assert [outcome.trouble is None for outcome, _ in made] == [True, True, False, False]
