"""Fonts: what they can show, which come first in which country, and that a broken one hurts nothing."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from crossdock.config import LabelSize
from crossdock.model import Address
from crossdock.papers import fonts, label
from crossdock.papers.fonts import VENDORED, Fonts
from crossdock.papers.press import PaperError, Press
from crossdock.papers.sheets import LabelSheet
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables.DefaultTable import DefaultTable
from support.paper import rendered

HEBREW = VENDORED / "noto-sans-hebrew" / "NotoSansHebrew_400Regular.ttf"
LATIN = VENDORED / "noto-sans" / "NotoSans_400Regular.ttf"
FONTS = Fonts(with_system=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose fonts are all there are: Latin ones, and what a test puts there."""
    shutil.copy(LATIN, tmp_path)
    monkeypatch.setattr(fonts, "VENDORED", tmp_path)
    return tmp_path


def renamed(to: Path, family: str, characters: Mapping[int, str]) -> None:
    """A font of this name with these characters alone, drawn as Hebrew letters."""
    with TTFont(HEBREW) as font:
        for record in font["name"].names:
            if record.nameID in (1, 16):
                record.string = family
        letters = font.getBestCmap()
        for table in font["cmap"].tables:
            table.cmap = {code: letters[ord(letter)] for code, letter in characters.items()}
        font.save(to)


def picture_for(press: Press, country: str, name: str) -> bytes:
    sheet = LabelSheet(
        store="ACME", order="1", shipment=1, carrier="X", goods=(), recipient=Address(name=name, country=country)
    )
    filled = {**label.filled(sheet), "recipient": [{"text": name, "rtl": False}]}
    (page,) = rendered(press.pdf("label", [filled], label.setting(LabelSize.A6)), 100)
    return page.tobytes()


@pytest.mark.parametrize(
    "text",
    [
        "Łódź Zoë Ñandú Ægir ẞ",
        "Nguyễn Thị Ánh, Đường Lê Lợi",
        "Γεώργιος Παπαδόπουλος",
        "Алёна Щукина Їжак Ђорђе",
        "東京都渋谷区 山田太郎 カタカナ ひらがな",
        "北京市朝阳区 王小明",
        "서울특별시 중구 김민수",
        "محمد عبد الله ٢٥ پچژگ",
        "שרה כהן־לוי שָׁלוֹם",
        "नमस्ते दिल्ली",
        "🌸 👩\u200d👩\u200d👧 ❤\ufe0f 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "“a” – b × c … € £ ¥ ₪ ™ №",
    ],
)
def test_the_fonts_that_come_along_have_all_of_it(text: str) -> None:
    assert FONTS.missing(text) == set()


def test_what_no_font_has_is_named_and_nothing_else_is() -> None:
    assert FONTS.missing("a\U00012000b\U000e0100\ue000") == {"\U00012000", "\ue000"}


@pytest.mark.parametrize(
    "sign",
    ["\u200d", "\u200c", "\u200e", "\u200b", "\ufe0f", "\ufe00", "\U000e0101", "\u034f", "\u3164", "\u00a0", "\n"],
)
def test_what_is_never_seen_is_never_missing(sign: str) -> None:
    assert FONTS.missing(f"a{sign}b") == set()


def test_a_missing_character_is_drawn_as_a_box_and_fails_nothing() -> None:
    press = Press(FONTS)
    assert picture_for(press, "DE", "Mia \U00012000") != picture_for(press, "DE", "Mia ")


def test_what_is_known_of_the_fonts_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found, opened = Fonts(with_system=False), []

    class Counted(TTFont):  # type: ignore[misc]  # fontTools has no types
        def __init__(self, path: str, **how: object) -> None:
            opened.append(path)
            super().__init__(path, **how)

    monkeypatch.setattr(fonts, "TTFont", Counted)
    found.missing("abc")
    assert len(opened) == 1  # no more than what it took
    for _ in range(500):
        assert found.missing("abc שרה \U00012000") == {"\U00012000"}
    assert len(opened) == len(set(opened)) == len(list(VENDORED.rglob("*.ttf")))


def test_two_threads_may_ask_at_once() -> None:
    found = Fonts(with_system=False)
    texts = ["abc", "שרה", "محمد", "東京", "🌸", "\U00012000"] * 20
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(found.missing, texts))
    assert told == [{"\U00012000"} if "\U00012000" in text else set() for text in texts]


def broken_table(path: Path) -> None:
    with TTFont(HEBREW) as font:
        table = DefaultTable("cmap")
        table.data = b"\0\0\0\1\0\3\0\1\0\0\0\x0c\0\4\0\xff\0\0"
        font["cmap"] = table
        font.save(path)


def without_table(path: Path) -> None:
    with TTFont(HEBREW) as font:
        del font["cmap"]
        font.save(path)


def cut_off(path: Path) -> None:
    path.write_bytes(HEBREW.read_bytes()[:4_000])


def no_font(path: Path) -> None:
    path.write_bytes(b"not a font at all")


def gone(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere.ttf")


@pytest.mark.parametrize("breaks", [broken_table, without_table, cut_off, no_font, gone])
def test_a_broken_font_of_the_system_hurts_nothing(breaks: object, folder: Path) -> None:
    assert callable(breaks)
    breaks(folder / "broken.ttf")
    found = Fonts(with_system=False)
    assert found.missing("abc ש") == {"ש"}
    assert picture_for(Press(found), "DE", "Mia ש") != picture_for(Press(found), "DE", "Mia")


def test_a_font_that_goes_away_hurts_nothing(folder: Path) -> None:
    shutil.copy(HEBREW, folder / "going.ttf")
    found = Fonts(with_system=False)
    assert found.loaded.fonts()
    (folder / "going.ttf").unlink()
    assert found.missing("abc ש") == {"ש"}


def test_han_characters_have_the_forms_of_the_country_that_reads_them(folder: Path) -> None:
    hebrew = {"JP": "א", "SC": "ב", "TC": "ג", "HK": "ה", "KR": "ש"}
    for form, letter in hebrew.items():
        renamed(folder / f"{form}.otf", f"Noto Sans CJK {form}", {ord("東"): letter})
    renamed(folder / "letters.ttf", "Noto Sans Hebrew", {ord(letter): letter for letter in hebrew.values()})
    press = Press(Fonts(with_system=False))
    for country, form in {"JP": "JP", "CN": "SC", "TW": "TC", "HK": "HK", "MO": "HK", "KR": "KR", "DE": "SC"}.items():
        assert picture_for(press, country, "東") == picture_for(press, country, hebrew[form]), country


def test_what_the_preferred_fonts_lack_is_taken_from_any_other(folder: Path) -> None:
    renamed(folder / "other.ttf", "A Font of the System", {0x16A0: "ש"})
    renamed(folder / "letters.ttf", "Noto Sans Hebrew", {ord("ש"): "ש"})
    found = Fonts(with_system=False)
    assert found.missing("\u16a0") == set()
    assert picture_for(Press(found), "DE", "\u16a0") == picture_for(Press(found), "DE", "ש")


def test_fonts_of_han_characters_come_before_the_one_that_comes_along_but_after_latin(folder: Path) -> None:
    renamed(folder / "jp.otf", "Noto Sans JP", {ord("東"): "א", ord("a"): "א"})
    shutil.copy(VENDORED / "droid-sans-fallback" / "DroidSansFallback.ttf", folder)
    assert Fonts(with_system=False).families["CN"] == ["Noto Sans", "Noto Sans JP", "Droid Sans Fallback"]


def test_two_presses_at_once_draw_what_one_draws_alone() -> None:
    press = Press(FONTS)
    names = [f"Mia {number} שרה محمد" for number in range(6)]
    alone = [picture_for(press, "DE", name) for name in names]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda name: picture_for(press, "DE", name), names)) == alone


def test_a_failure_of_the_typesetter_is_a_paper_that_cannot_be_made() -> None:
    press = Press(FONTS)
    sheet = label.filled(LabelSheet(store="ACME", order="1", shipment=1, carrier="X", goods=()))
    with pytest.raises(PaperError, match="the typesetter failed"):
        press.pictures("label", [sheet], label.setting(LabelSize.A6), dpi=10**10)  # more dots than memory can be named
    with pytest.raises(PaperError, match="it can't be drawn"):
        press.pdf("label", [{}], label.setting(LabelSize.A6))
    with pytest.raises(PaperError, match="something on it is no text"):
        press.pdf("label", [{**sheet, "country": "\ud800"}], label.setting(LabelSize.A6))
    assert press.pdf("label", [sheet], label.setting(LabelSize.A6)).startswith(b"%PDF")
