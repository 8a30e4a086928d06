"""Texts come out as they can be set: whole, in one line or in their own, in their direction."""

from __future__ import annotations

import unicodedata

import pytest
from crossdock.papers.words import BREAK, LONGEST, LONGEST_MESSAGE, MOST, clean, is_rtl, paragraphs, said, shortened
from hypothesis import example, given
from hypothesis import strategies as st

ANY_SIGN = st.characters() | st.characters(categories=["Cc", "Cf", "Cs", "Cn", "Mn"])
ANYTHING = st.text(ANY_SIGN, max_size=300)
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@given(ANYTHING)
def test_any_text_becomes_one_composed_line_that_can_be_written_as_utf_8(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert cleaned == " ".join(cleaned.split())
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not any(unicodedata.category(sign) in ("Cc", "Cs") for sign in cleaned)
    assert not set(cleaned) & {*TURNING, "\ufeff", "\ufffe", "\uffff", "\ufdd0", "\U0010ffff"}
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize("sign", TURNING)
def test_what_would_turn_an_address_round_is_left_out(sign: str) -> None:
    assert clean(f"5 {sign}High St") == "5 High St"


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",  # a Persian word that needs its non-joiner
        "👩\u200d👩\u200d👧",
        "❤\ufe0f",
        "葛\U000e0100飾区",  # a variant that its owner insists on
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "א\u200f1\u200e2",
    ],
)
def test_what_shapes_the_signs_beside_it_stays(text: str) -> None:
    assert clean(text) == text


def test_a_letter_and_its_accent_become_one_even_with_something_between_that_has_no_shape() -> None:
    assert clean("Zoe\x00\u0308") == "Zoë"


def test_lines_and_gaps_become_one_space() -> None:
    assert clean(" 5\tHigh\r\n  St\u00a0\u2028 ") == "5 High St"


def test_signs_newer_than_this_python_stay() -> None:
    unassigned = "\U000323b0"
    assert unicodedata.category(unassigned) == "Cn"
    assert clean(unassigned) == unassigned


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        ("25 שדרות", True),
        ("+972 50", False),
        ("Layla خليل", False),
        ("(א) b", True),
        ("", False),
        ("12", False),
        ("\u200f12 b", True),
    ],
)
def test_a_text_is_read_as_its_first_letter_is(text: str, is_so: bool) -> None:
    assert is_rtl(text) is is_so


def test_nothing_is_said_of_nothing() -> None:
    assert said(None) is None
    assert said(" \u202e\x07\n") is None
    assert paragraphs(None) == []


def test_a_text_is_shortened_and_shows_it() -> None:
    words = said("x y" * LONGEST)
    assert words is not None
    seen = words["text"].replace(BREAK, "")
    assert len(seen) <= LONGEST
    assert seen.endswith("…")
    assert shortened("x" * LONGEST, LONGEST) == "x" * LONGEST


@pytest.mark.parametrize("text", ["A" * 100_000, "a" + "\u0301\u0323" * 50_000, "\x00" * 100_000, "ﷺ" * 100_000])
def test_an_absurd_text_is_no_more_work_than_a_long_one(text: str) -> None:
    assert len(clean(text)) <= MOST
    said(text)
    assert sum(len(line["text"]) for line in paragraphs(text)) <= 2 * LONGEST_MESSAGE


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=16, max_size=LONGEST))
@example("👩\u200d👩\u200d👧\u200d👦" * 5)
@example("1234567e\u0323\u0301" * 4)
def test_a_word_is_never_parted_between_a_letter_and_what_is_put_onto_it(text: str) -> None:
    words = said(text)
    for part in (words["text"] if words else "").split(BREAK)[1:]:
        assert not part or not unicodedata.category(part[0]).startswith("M")
        assert not part.startswith("\u200d")


def test_a_message_keeps_its_lines_each_in_its_direction() -> None:
    lines = paragraphs("Happy  birthday!\r\n\r\nיום הולדת שמח\n\x85Love, \u202eMia")
    assert [(line["text"], line["rtl"]) for line in lines] == [
        ("Happy birthday!", False),
        ("יום הולדת שמח", True),
        ("Love, Mia", False),
    ]


@given(st.text(ANY_SIGN, max_size=3 * LONGEST_MESSAGE))
def test_any_message_can_be_told(text: str) -> None:
    for line in paragraphs(text):
        assert clean(line["text"]).encode()
