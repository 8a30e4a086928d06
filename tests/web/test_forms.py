"""A form for settings that nobody here knows: what it asks for, what it shows, and what becomes of what is typed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, Literal

import pytest
from crossdock import Secret, Settings
from crossdock.web.forms import Kind, fields_of
from crossdock.yaml_edit import Written, as_read, yaml_of
from crossdock.yaml_source import Data, document_of
from crossdock_bigcommerce.settings import BigCommerceSettings
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic import Field as Described


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(Enum):
    LOW = 1
    HIGH = 2


class Login(BaseModel):
    user: str = Described(description="Who signs in.")
    password: Secret


class Tree(BaseModel):
    name: str = "x"
    inner: Tree | None = None


class StrangeSettings(Settings):
    """All that an author may think of."""

    address: str = Described(description="Where the till answers.", examples=["http://till.local"])
    key: Secret
    days: int = 30
    rate: float | None = None
    share: Decimal = Decimal("0.5")
    is_open: bool = False
    colour: Colour = Colour.RED
    level: Level = Level.LOW
    mode: Literal["slow", "fast"] = "slow"
    sizes: tuple[str, ...] = ("S", "M")
    ids: list[int] | None = None
    since: datetime | None = None
    file: Path | None = None
    login: Login | None = None
    either: int | str = 5
    old: Secret | None = None
    names: dict[str, str] | None = None
    odd: tuple[Login, ...] = ()
    tree: Tree = Tree()
    call: Callable[[], bool] | None = None
    aliased: int = Described(default=3, alias="short")


FIELDS = {field.name: field for field in fields_of(StrangeSettings)}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Kind.TEXT, "address since file login.user"),
        (Kind.SECRET, "key old login.password"),
        (Kind.NUMBER, "days rate short import_days either"),
        (Kind.SWITCH, "is_open"),
        (Kind.CHOICE, "colour level mode"),
        (Kind.LIST, "sizes ids"),
    ],
)
def test_each_type_has_its_kind_of_field(kind: Kind, names: str) -> None:
    assert {name: FIELDS[name].kind for name in names.split()} == dict.fromkeys(names.split(), kind)


def test_what_has_no_fixed_form_is_left_to_the_file() -> None:
    assert not {"names", "odd", "odd.user"} & set(FIELDS)


def test_a_model_that_holds_itself_has_an_end() -> None:
    assert [name for name in FIELDS if name.startswith("tree.")][:2] == ["tree.name", "tree.inner.name"]


def test_what_is_required_comes_first_and_says_what_it_is() -> None:
    first, second, *others = FIELDS.values()
    assert [first.name, second.name] == ["address", "key"]
    assert not any(field.is_required for field in others)
    assert (first.label, first.help, first.example) == ("Address", "Where the till answers.", "http://till.local")


def test_a_secret_is_never_shown() -> None:
    assert FIELDS["key"].shown("s3cret") == ""
    assert FIELDS["old"].default_shown == ""


def test_defaults_and_choices_are_shown_as_they_would_be_written() -> None:
    shown = {name: FIELDS[name].default_shown for name in ("days", "is_open", "colour", "level", "sizes", "rate")}
    assert shown == {"days": "30", "is_open": "false", "colour": "red", "level": "1", "sizes": "S, M", "rate": ""}
    assert FIELDS["colour"].choices == ("red", "blue")
    assert FIELDS["mode"].choices == ("slow", "fast")


@pytest.mark.parametrize("word", ["true", "True", "yes", "on", "1", 1, "y", "t"])
def test_a_switch_is_on_for_every_word_that_means_so(word: Data) -> None:
    assert FIELDS["is_open"].shown(word) == "true"
    assert StrangeSettings.model_validate({"address": "x", "key": "y", "is_open": word}).is_open


@pytest.mark.parametrize("word", ["false", "no", "off", "0", 0, "n", "f", "maybe"])
def test_a_switch_is_off_otherwise(word: Data) -> None:
    assert FIELDS["is_open"].shown(word) == "false"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("address", " http://x ", "http://x"),
        ("address", "${HOME}", "$${HOME}"),
        ("address", "", ""),
        ("days", "5", 5),
        ("days", "five", "five"),
        ("days", "", None),
        ("rate", "1.5", "1.5"),
        ("level", "2", 2),
        ("is_open", "true", True),
        ("sizes", "S, M,,", ["S", "M"]),
        ("sizes", '"S, M", L', ["S, M", "L"]),
        ("ids", "1, 2", [1, 2]),
        ("either", "007", "007"),
    ],
)
def test_what_is_typed_becomes_what_would_be_written(name: str, text: str, value: Written) -> None:
    assert FIELDS[name].value(text) == value


def test_a_reference_that_stood_in_a_list_stays_one_and_a_typed_one_is_none() -> None:
    assert FIELDS["sizes"].value("${A}, ${B}", ["${A}"]) == ["${A}", "$${B}"]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1), max_size=3))
def test_a_list_that_is_shown_and_sent_is_the_same(items: list[str]) -> None:
    field = FIELDS["sizes"]
    clean = [item.strip() for item in items if item.strip()]
    back = field.value(field.shown(list(clean)), list(clean))
    assert (back or []) == clean


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])))
def test_a_text_that_is_typed_is_shown_again_as_it_was(text: str) -> None:
    field, text = FIELDS["address"], text.strip()
    value = field.value(text)
    assert field.shown(as_read(value)) == text


def test_every_field_of_the_real_thing_can_be_filled_in_with_its_own_default() -> None:
    fields = {field.name: field for field in fields_of(BigCommerceSettings)}
    entry: dict[str, Any] = {}
    for field in fields.values():
        text = field.default_shown or field.example or ("x" if field.is_required else "")
        if not text:
            continue
        inside = entry
        for key in field.where[:-1]:
            inside = inside.setdefault(key, {})
        inside[field.where[-1]] = field.value(text)
    read = document_of(yaml_of(entry), "stores.yaml").data
    settings = BigCommerceSettings.model_validate(read)
    default = BigCommerceSettings(api_path=fields["api_path"].example, client_id="x", access_token=Secret("x"))
    assert settings.model_dump(exclude={"username"}) == default.model_dump(exclude={"username"})
