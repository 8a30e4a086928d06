"""What becomes of `stores.yaml`: its stores, or all its mistakes at once with line and column."""

from __future__ import annotations

import json
import random
import re
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from pathlib import Path
from typing import Literal

import pytest
import yaml
from crossdock import (
    Account,
    AnyCarrier,
    AnyConnector,
    Booking,
    Carrier,
    CarrierRequest,
    CarrierSettings,
    Connector,
    Cursor,
    Order,
    Page,
    Raw,
    Secret,
    Settings,
)
from crossdock.config import (
    Config,
    LabelSize,
    PageSize,
    PaperConfig,
    PrinterConfig,
    Reading,
    SlipColumn,
    json_schema,
    load,
    read,
)
from crossdock.errors import ConfigError, UsageError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

TOKEN = "tok-5ecr3t-V4lue"
REPOSITORY = Path(__file__).parents[2]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(Enum):
    ONE = 1


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: list[str] = ["Size"]
    fallback: str | None = None


class CornerSettings(Settings):
    """The settings of a till."""

    address: str = Field(description="Where the till answers.")
    token: Secret
    old_token: Secret = Secret("an old default")
    statuses: tuple[int | str, ...] = (9, 11)
    page_size: int = Field(default=50, ge=1, le=250)
    ratio: float = 1.5
    is_open: bool = False
    colour: Colour = Colour.RED
    mode: Literal["slow", "fast"] = "slow"
    level: Level = Level.ONE
    options: Options = Options()
    notes: dict[str, str] = Field(default_factory=dict)

    @field_validator("address")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not value.startswith("till://"):
            raise ValueError(f"{value!r} is no till: write till:// and its name.")
        return value

    @field_validator("token")
    @classmethod
    def _is_token(cls, value: Secret) -> Secret:
        if " " in value.get_secret_value():
            raise ValueError(f"a token has no space, unlike {value.get_secret_value()}")
        return value

    @field_validator("statuses")
    @classmethod
    def _are_words(cls, value: tuple[int | str, ...]) -> tuple[int | str, ...]:
        if not all(str(one).isalnum() for one in value):
            raise ValueError("a status is a word or a number")
        return value

    @model_validator(mode="after")
    def _fits(self) -> CornerSettings:
        if self.is_open and self.mode == "fast":
            raise ValueError("an open till can't be fast")
        if self.notes.get("crash"):
            raise KeyError(self.token.get_secret_value())
        return self


class Corner(Connector[CornerSettings]):
    """A platform with one till."""

    name, title, Settings = "corner", "Corner Shop", CornerSettings

    async def account(self) -> Account:
        raise NotImplementedError

    def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
        raise NotImplementedError

    def order_from_raw(self, raw: Raw) -> Order:
        raise NotImplementedError


class ByHandSettings(CarrierSettings):
    """Nothing that must be filled in."""

    codes: dict[str, str] = Field(default_factory=dict)
    tries: int = Field(default=1, ge=1, description="How often it is tried.")


class ByHand(Carrier[ByHandSettings]):
    """Stands for any carrier, as the bundled one does."""

    name, title, Settings = "manual", "By hand", ByHandSettings

    async def ship(self, request: CarrierRequest) -> Booking:
        raise NotImplementedError


class DroneSettings(CarrierSettings):
    """What a drone needs."""

    key: Secret = Field(description="The key of the drone.")
    speed: int = 3

    @field_validator("key")
    @classmethod
    def _is_key(cls, value: Secret) -> Secret:
        if " " in value.get_secret_value():
            raise ValueError(f"a key has no space, unlike {value.get_secret_value()}")
        return value


class Drone(Carrier[DroneSettings]):
    """A carrier that can't do without settings."""

    name, title, Settings = "drone", "Drone", DroneSettings

    async def ship(self, request: CarrierRequest) -> Booking:
        raise NotImplementedError


CONNECTORS: Mapping[str, type[AnyConnector]] = {"corner": Corner}
CARRIERS: Mapping[str, type[AnyCarrier]] = {"manual": ByHand, "drone": Drone}
SOUND = """\
engine:
  database: data/crossdock.db
stores:
  acme-au:
    connector: corner
    settings:
      address: till://one
      token: ${TOKEN}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "stores.yaml"


def reading(file: Path, text: str | bytes, *, environ: Mapping[str, str] | None = None) -> Reading:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(file, CONNECTORS, CARRIERS, environ={"TOKEN": TOKEN} if environ is None else environ)


def mistakes(file: Path, text: str | bytes, *, environ: Mapping[str, str] | None = None) -> list[str]:
    """The mistakes as they are printed, without the file's folder."""
    found = [str(one) for one in reading(file, text, environ=environ).mistakes]
    return [one.replace(f"{file.parent}/", "") for one in found]


def in_store(lines: str) -> str:
    """A file whose store begins on line 2 and whose further keys begin on line 4."""
    return "stores:\n  acme:\n    connector: corner\n" + "".join(f"    {line}\n" for line in lines.splitlines())


def in_settings(lines: str) -> str:
    """A file whose settings begin on line 4 and whose further settings begin on line 7."""
    own = "".join(f"  {line}\n" for line in lines.splitlines())
    return in_store(f"settings:\n  address: till://one\n  token: ${{TOKEN}}\n{own}")


# What is taken


def test_a_sound_file_gives_its_stores_with_defaults(file: Path) -> None:
    found = reading(file, SOUND)

    assert found.mistakes == ()
    assert found.config is not None
    store = found.config.stores["acme-au"]
    assert (store.name, store.label, store.connector) == ("acme-au", "acme-au", Corner)
    assert (store.every, store.cron, store.timezone) == (timedelta(minutes=5), None, None)
    assert store.write_back
    assert (store.sender, store.logo) == (None, None)
    assert isinstance(store.settings, CornerSettings)
    assert store.settings.token.get_secret_value() == TOKEN
    assert found.config.papers == PaperConfig()
    engine = found.config.engine
    assert engine.database == str(file.parent / "data/crossdock.db")
    assert (engine.web_host, engine.web_port, engine.keep_days) == ("127.0.0.1", 8420, 400)
    assert engine.settle == timedelta(minutes=2)


def test_the_example_at_the_top_of_the_repository_is_sound_once_its_variables_are_set() -> None:
    connector = pytest.importorskip("crossdock_bigcommerce.settings")

    class BigCommerce(Corner):
        name, title, Settings = "bigcommerce", "BigCommerce", connector.BigCommerceSettings

    environ = {"ACME_CLIENT_ID": "id", "ACME_ACCESS_TOKEN": TOKEN}
    config = load(REPOSITORY / "stores.yaml", {"bigcommerce": BigCommerce}, CARRIERS, environ=environ)

    assert list(config.stores) == ["acme-au"]
    settings = config.carriers["couriers-please"].settings
    assert isinstance(settings, ByHandSettings)
    assert settings.codes == {"bigcommerce": "couriers-please"}


def test_every_part_of_a_store_is_taken_as_it_is_written(file: Path) -> None:
    text = in_store(
        "label: 022\n"
        "logo: pictures/acme.png\n"
        'cron: "*/5 8-18 * * MON-fri"\n'
        "timezone: Australia/Sydney\n"
        "write_back: no\n"
        "sender: {name: ACME, street: 1:30, postcode: 6000, region: no, country: au}\n"
        "settings: {address: 'till://x', token: 12345, is_open: on, page_size: 7, colour: blue, statuses: [9, '9', no]}"
    )
    found = reading(file, text)

    assert found.mistakes == ()
    assert found.config is not None
    store = found.config.stores["acme"]
    assert (store.label, store.cron, store.timezone) == ("022", "*/5 8-18 * * mon-fri", "Australia/Sydney")
    assert (store.every, store.write_back) == (None, False)
    assert store.logo == file.parent / "pictures/acme.png"
    assert store.sender is not None
    assert (store.sender.street, store.sender.postcode, store.sender.region) == ("1:30", "6000", "no")
    assert store.sender.country == "AU"
    assert isinstance(store.settings, CornerSettings)
    assert store.settings.token.get_secret_value() == "12345"
    assert (store.settings.is_open, store.settings.page_size, store.settings.colour) == (True, 7, Colour.BLUE)
    assert store.settings.statuses == (9, "9", "no")


@pytest.mark.parametrize("name", ["no", "022", "1e3", "null", "on", "2026-01-01"])
def test_a_store_whose_name_means_something_in_yaml_keeps_its_name(file: Path, name: str) -> None:
    found = reading(file, SOUND.replace("acme-au", name))
    assert found.mistakes == ()
    assert found.config is not None
    assert list(found.config.stores) == [name]


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("True", True), ("yes", True), ("On", True), ("false", False), ("NO", False), ("off", False)],
)
def test_yes_no_on_and_off_are_true_and_false_where_that_is_asked(file: Path, text: str, value: bool) -> None:
    found = reading(file, in_settings(f"is_open: {text}"))
    assert found.config is not None
    held = found.config.stores["acme"].settings
    assert isinstance(held, CornerSettings)
    assert held.is_open is value


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("2h", 7200), ("1d", 86400), ("1h30m", 5400), ("1s", 1)]
)
def test_durations_are_numbers_with_units(file: Path, text: str, seconds: int) -> None:
    found = reading(file, in_settings("").replace("    settings", f"    every: {text}\n    settings"))
    assert found.config is not None
    assert found.config.stores["acme"].every == timedelta(seconds=seconds)


def test_a_store_without_a_schedule_takes_the_one_of_the_defaults(file: Path) -> None:
    with_every = reading(file, "defaults: {every: 1h}\n" + SOUND)
    with_cron = reading(file, "defaults: {cron: 0 3 * * *, timezone: Europe/Vienna}\n" + SOUND)

    assert with_every.config is not None
    assert with_every.config.stores["acme-au"].every == timedelta(hours=1)
    assert with_cron.config is not None
    store = with_cron.config.stores["acme-au"]
    assert (store.every, store.cron, store.timezone) == (None, "0 3 * * *", "Europe/Vienna")


@pytest.mark.parametrize(
    "cron", ["* * * * *", "*/5 8-18 * * mon-fri", "0,30 0 1,15 jan-jun 0-7", "5/10 * * * sat-sun", "0 0 31 dec sun"]
)
def test_good_cron_lines_are_taken(file: Path, cron: str) -> None:
    assert mistakes(file, in_settings("").replace("    settings", f"    cron: '{cron}'\n    settings")) == []


def test_a_database_url_is_left_as_it_is_and_may_hold_references(file: Path) -> None:
    found = reading(file, SOUND.replace("data/crossdock.db", "postgresql://me:${TOKEN}@db/x"))
    assert found.config is not None
    assert found.config.engine.database == f"postgresql://me:{TOKEN}@db/x"
    assert TOKEN not in repr(found)


def test_aliases_may_repeat_a_value(file: Path) -> None:
    text = SOUND + "  acme-us:\n    connector: corner\n    settings: &one {address: till://two, token: x}\n"
    found = reading(file, text + "  acme-nz:\n    connector: corner\n    settings: *one\n")
    assert found.mistakes == ()
    assert found.config is not None
    assert found.config.stores["acme-us"].settings == found.config.stores["acme-nz"].settings


def test_a_byte_order_mark_and_windows_line_ends_are_taken(file: Path) -> None:
    assert mistakes(file, b"\xef\xbb\xbf" + SOUND.replace("\n", "\r\n").encode()) == []


# References


def test_references_are_filled_in_anywhere_in_a_text(file: Path) -> None:
    (file.parent / "secrets").mkdir()
    (file.parent / "secrets" / "token").write_text(f"{TOKEN}\n")
    text = in_store(
        "label: ${NAME} of ${PLACE}\n"
        "settings:\n"
        "  address: till://${PLACE}/$${x}\n"
        "  token: ${file:secrets/token}\n"
        "  page_size: ${SIZE}\n"
        "  notes: {a: $5, b: $$, c: '{}'}\n"
    )
    found = reading(file, text, environ={"NAME": "ACME", "PLACE": "Perth", "SIZE": "25"})

    assert found.mistakes == ()
    assert found.config is not None
    store = found.config.stores["acme"]
    held = store.settings
    assert isinstance(held, CornerSettings)
    assert store.label == "ACME of Perth"
    assert held.address == "till://Perth/${x}"
    assert held.token.get_secret_value() == TOKEN
    assert held.page_size == 25
    assert held.notes == {"a": "$5", "b": "$$", "c": "{}"}
    assert store.secret_files == (file.parent / "secrets" / "token",)
    assert found.files == {file.parent / "secrets" / "token"}


def test_what_a_reference_brings_is_not_looked_into_again(file: Path) -> None:
    found = reading(file, SOUND, environ={"TOKEN": "${HOME}"})
    assert found.config is not None
    held = found.config.stores["acme-au"].settings
    assert isinstance(held, CornerSettings)
    assert held.token.get_secret_value() == "${HOME}"


def test_a_variable_that_is_not_set_is_named_where_it_is_used(file: Path) -> None:
    assert mistakes(file, SOUND, environ={}) == [
        "stores.yaml:8:14: stores.acme-au.settings.token: the environment variable TOKEN is not set"
    ]


def test_what_could_not_be_filled_in_is_one_mistake_and_no_second_one(file: Path) -> None:
    for line, path in [("page_size: ${NOPE}", "page_size"), ("statuses: [9, '${NOPE}']", "statuses[1]")]:
        found = reading(file, in_settings(line))
        assert [(one.path, one.message) for one in found.mistakes] == [
            (f"stores.acme.settings.{path}", "the environment variable NOPE is not set")
        ]


def test_an_empty_variable_is_named_where_a_value_is_required(file: Path) -> None:
    assert mistakes(file, SOUND, environ={"TOKEN": " "}) == [
        "stores.yaml:8:14: stores.acme-au.settings.token: the environment variable TOKEN is empty"
    ]
    assert mistakes(file, in_settings("mode: ${EMPTY}"), environ={"TOKEN": "x", "EMPTY": ""}) == [
        "stores.yaml:7:13: stores.acme.settings.mode: the environment variable EMPTY is empty"
    ]


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("${file:nowhere}", "there is no file {folder}/nowhere"),
        ("${file:folder}", "{folder}/folder is not a file"),
        ("${file:large}", "the file {folder}/large is larger than 64 KiB"),
        ("${file:binary}", "the file {folder}/binary is not UTF-8 text"),
        ("${file:empty}", "the file empty is empty"),
        ("${file:}", "what stands in '${…}' is not understood"),
        ("${a b}", "what stands in '${…}' is not understood"),
        ("${open", "a '}' is missing after '${'"),
        ('"${file:\\0}"', "can't be read: its name is not valid"),
    ],
)
def test_a_reference_that_leads_nowhere_is_a_mistake(file: Path, reference: str, words: str) -> None:
    folder = file.parent
    (folder / "folder").mkdir()
    (folder / "large").write_bytes(b"x" * (64 * 1024 + 1))
    (folder / "binary").write_bytes(b"\xff\xfe")
    (folder / "empty").write_bytes(b"\n")
    (found,) = reading(file, SOUND.replace("${TOKEN}", reference)).mistakes
    assert (found.line, found.column, found.path) == (8, 14, "stores.acme-au.settings.token")
    assert words.replace("{folder}", str(folder)) in found.message


# Mistakes, where they are and in which words


def test_all_mistakes_of_a_file_are_told_at_once_in_its_order(file: Path) -> None:
    text = """\
engine: {web: {port: 99999}, setle: 5m}
defaults: {every: 300}
stores:
  acme:
    conector: corner
    write_back: maybe
    sender: {country: Australia}
  other:
    connector: cornr
    every: 0s
  Bad Name:
    connector: corner
    settings: {address: till://x, token: y}
"""
    known = "connector, cron, every, label, logo, sender, settings, timezone, write_back"
    assert mistakes(file, text) == [
        "stores.yaml:1:22: engine.web.port: should be at most 65535, not 99999",
        "stores.yaml:1:30: engine.setle: unknown key 'setle'; did you mean 'settle'?"
        " known: database, keep_days, settle, web",
        "stores.yaml:2:19: defaults.every: write 300s, 300m or 300h: a duration needs its unit",
        "stores.yaml:4:3: stores.acme: the key 'connector' is missing: The connector that speaks the platform;"
        " `crossdock plugins` lists them.",
        f"stores.yaml:5:5: stores.acme.conector: unknown key 'conector'; did you mean 'connector'? known: {known}",
        "stores.yaml:6:17: stores.acme.write_back: should be true or false, not 'maybe'",
        "stores.yaml:7:23: stores.acme.sender.country: should be the two letters of ISO 3166, such as AU or US, not"
        " 'Australia'",
        "stores.yaml:9:16: stores.other.connector: there is no connector 'cornr'; did you mean 'corner'?"
        " installed: corner",
        "stores.yaml:10:12: stores.other.every: should be from 1s to 366d, not 0s",
        "stores.yaml:11:3: stores.Bad Name: 'Bad Name' can't be a name: at most 63 lower-case letters, digits and"
        " . _ -, beginning with a letter or digit",
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "zzz: x",
            "7:7: {}.zzz: unknown key 'zzz'; known: address, colour, import_days, is_open,",
        ),
        ("tokn: x", "7:7: {}.tokn: unknown key 'tokn'; did you mean 'token'? known: address,"),
        ("page_size: many", "7:18: {}.page_size: should be a whole number, not 'many'"),
        ("page_size: 0", "7:18: {}.page_size: should be at least 1, not 0"),
        ("page_size: 251", "7:18: {}.page_size: should be at most 250, not 251"),
        ("page_size: 1.5", "7:18: {}.page_size: should be a whole number, not '1.5'"),
        ("page_size: true", "7:18: {}.page_size: should be a whole number, not 'true'"),
        ("page_size:", "7:17: {}.page_size: should be a whole number; nothing is written here"),
        ("page_size: [1]", "7:18: {}.page_size: should be a whole number, not a list"),
        ("ratio: half", "7:14: {}.ratio: should be a number, not 'half'"),
        ("is_open: perhaps", "7:16: {}.is_open: should be true or false, not 'perhaps'"),
        ("colour: green", "7:15: {}.colour: should be 'red' or 'blue', not 'green'"),
        ("mode: quick", "7:13: {}.mode: should be 'slow' or 'fast', not 'quick'"),
        ("statuses: 9", "7:17: {}.statuses: should be a list, such as [a, b], not 9"),
        ("statuses: [9, [1]]", "7:21: {}.statuses[1]: should be a whole number, or text, not a list"),
        ("notes: {a: {b: c}}", "7:18: {}.notes.a: should be text, not a mapping"),
        ("notes: text", "7:14: {}.notes: should be a mapping of keys to values, not text"),
        (
            "options: {sise: [a]}",
            "7:17: {}.options.sise: unknown key 'sise'; did you mean 'size'? known: fallback, size",
        ),
        ("options: [a]", "7:16: {}.options: should be a mapping of keys to values, not a list"),
        ("options:\n  size:\n    - a\n    - [b]", "10:13: {}.options.size[1]: should be text, not a list"),
        ("import_days: 0", "7:20: {}.import_days: should be at least 1, not 0"),
        ("mode: fast\nis_open: yes", "4:5: {}: an open till can't be fast"),
        ("token: again", "7:7: {}.token: 'token' stands here twice, on line 6 and on line 7; keep one of them"),
        (
            "<<: {a: b}",
            "7:7: {}: merge keys (<<) are not understood here; write the keys out, or use an alias for a value",
        ),
        ("[a, b]: c", "7:7: {}: a key should be a plain word, not a list or a mapping"),
        (
            "mode: !fast slow",
            "7:13: {}.mode: tags (a word that begins with !) are not understood here; put text in quotes",
        ),
    ],
)
def test_a_mistake_in_the_settings_is_told_at_its_place_in_plain_words(file: Path, line: str, told: str) -> None:
    (found,) = mistakes(file, in_settings(line))
    assert found.startswith("stores.yaml:" + told.format("stores.acme.settings"))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("every: 5 min", "4:12: {}.every: should be a duration, such as 90s, 5m, 2h, 1d or 1h30m, not '5 min'"),
        ("every: 367d", "4:12: {}.every: should be from 1s to 366d, not 367d"),
        ("cron: '* * * *'", "4:11: {}.cron: should have five fields, minute hour day month day-of-week"),
        ("cron: '@daily'", "4:11: {}.cron: should have five fields"),
        ("cron: '61 * * * *'", "4:11: {}.cron: '61' is no minute: write *, 0 to 59, a range, or a step such as */5"),
        ("cron: '* * * foo *'", "4:11: {}.cron: 'foo' is no month: write *, 1 to 12 or jan to dec"),
        ("cron: '* 9-5 * * *'", "4:11: {}.cron: '9-5' in the hour goes backwards: write the lower end first"),
        ("cron: '*/0 * * * *'", "4:11: {}.cron: '*/0' is no minute"),
        ("cron: '* * * * *'\nevery: 5m", "4:5: {}.cron: give either 'every' or 'cron', not both"),
        ("timezone: Europe/Vienna", "4:5: {}.timezone: 'timezone' needs 'cron' beside it"),
        ("cron: '* * * * *'\ntimezone: Europe/Wien", "5:15: {}.timezone: there is no time zone 'Europe/Wien'"),
        ("cron: '* * * * *'\ntimezone: ../../etc/passwd", "5:15: {}.timezone: there is no time zone"),
        ("label: ''", "4:12: {}.label: is empty; write a value here, or leave the key out"),
        ("label: [a]", "4:12: {}.label: should be text, not a list"),
        ("logo: ' '", "4:11: {}.logo: is empty; write a value here, or leave the key out"),
        ("logo: [a.png]", "4:11: {}.logo: should be text, not a list"),
    ],
)
def test_a_mistake_in_a_store_is_told_at_its_place_in_plain_words(file: Path, line: str, told: str) -> None:
    found = mistakes(file, in_store(line + "\nsettings: {address: till://one, token: x}"))
    assert len(found) == 1
    assert found[0].startswith("stores.yaml:" + told.format("stores.acme"))


def test_missing_settings_are_told_at_the_settings_or_else_at_the_store(file: Path) -> None:
    assert mistakes(file, in_store("settings: {token: x}")) == [
        "stores.yaml:4:15: stores.acme.settings: the key 'address' is missing: Where the till answers."
    ]
    assert mistakes(file, in_store("label: x")) == [
        "stores.yaml:2:3: stores.acme.settings: the key 'address' is missing: Where the till answers.",
        "stores.yaml:2:3: stores.acme.settings: the key 'token' is missing",
    ]


def test_a_connector_whose_plugin_is_broken_is_told_with_the_reason(file: Path) -> None:
    file.write_text(SOUND.replace("corner", "shelf"))
    found = read(file, CONNECTORS, broken_plugins={"shelf": "the plugin 'shelf' (x 1.0) can't be used: boom"})
    assert [one.message for one in found.mistakes if one.path.endswith("connector")] == [
        "the connector 'shelf' is not there, because the plugin 'shelf' (x 1.0) can't be used: boom"
    ]


def test_a_check_that_fails_in_the_plugin_stops_only_that_store(file: Path) -> None:
    found = reading(file, in_settings("notes: {crash: x}") + SOUND.partition("stores:\n")[2])
    assert [one.message for one in found.mistakes] == [
        "the check of these settings failed (KeyError): a mistake in the plugin"
    ]
    assert found.config is not None
    assert list(found.config.stores) == ["acme-au"]


# The file as such


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stores:\n\tacme: x", "2:1: a tab can't be used for indentation; use spaces"),
        ("stores: @x", "1:9: a text can't begin with '@' here; put it in quotes"),
        ("stores: a: b", "1:10: a key and its value can't stand here: indent keys of one block alike"),
        ("stores: {a: b\n\n", "1:9: the '{' that opens here is never closed"),
        ("stores: {a: b\nc: [d}", "2:2: a ',' or the closing '}' is missing before this place"),
        ("stores: {a: ${TOKEN}}", "1:14: inside { } and [ ], ${…} must stand in quotes"),
        ("stores: *a", "1:9: a word that begins with * refers to an anchor (&) of that name, and there is none"),
        ("stores:\n  a: 'x", "2:6: the quote that opens here is never closed"),
        ("a: 1\n---\nb: 2", "2:1: a second document begins here (---); the file should hold one"),
        ("stores:\n  a: \x07", "2:6: an invisible control character (U+0007) stands here; delete it"),
        (b"stores:\n  a\xff: b", "2:4: the file is not UTF-8 text; save it as UTF-8"),
        ("stores: {}\n".encode("utf-16"), "1:1: the file is not UTF-8 text"),
        ("[a, b]", "1:1: the file should be a mapping with the keys engine, defaults, papers, carriers, stores"),
        ("just text", "1:1: the file should be a mapping"),
        ("[" * 300_000, "1:1001: this is nested more than 50 levels deep"),
        ("stores: " + "- " * 300_000, "1:"),
        ("stores: [a]", "1:9: stores: should be a mapping of names to what they mean"),
        ("store: {a: {connector: corner}}", "1:1: store: unknown key 'store'; did you mean 'stores'?"),
        (SOUND.replace("database: data/crossdock.db", "keep_days: 0"), "2:14: engine.keep_days: should be at least 1"),
    ],
)
def test_a_file_that_makes_no_sense_as_a_whole_gives_no_configuration(file: Path, text: str | bytes, told: str) -> None:
    found = mistakes(file, text)
    assert any(one.startswith("stores.yaml:" + told) for one in found), found
    assert reading(file, text).config is None


def test_a_file_that_is_not_there_is_told_as_one_mistake(tmp_path: Path) -> None:
    for path, words in [
        (tmp_path / "none.yaml", "there is no such file; write one, or name another with --config"),
        (tmp_path, "this is a folder; name the file itself, such as stores.yaml"),
        (tmp_path / "a\0b", "the file can't be read: its name is not valid"),
    ]:
        with pytest.raises(ConfigError) as raised:
            load(path, CONNECTORS)
        assert str(raised.value) == f"{path}:1:1: {words}"


def test_a_file_that_is_too_large_is_refused(file: Path) -> None:
    assert mistakes(file, b"#" * (16 * 1024 * 1024 + 1)) == ["stores.yaml:1:1: the file is larger than 16 MB"]


def test_a_value_that_refers_to_itself_is_refused(file: Path) -> None:
    assert "stores.yaml:1:13: stores.a[0]: this refers to itself; write out what is meant" in mistakes(
        file, "stores: {a: &a [*a]}"
    )


def test_aliases_that_multiply_are_refused(file: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    found = mistakes(file, "\n".join(lines))
    assert len(found) == 1
    assert "repeat too much" in found[0]


@pytest.mark.parametrize("text", ["", "# nothing\n", "stores:\n", "stores: {}\n", "engine: {settle: 1m}\n", "---\n"])
def test_a_file_without_stores_is_a_mistake_and_a_configuration_to_fill(file: Path, text: str) -> None:
    found = reading(file, text)
    assert found.config is not None
    assert found.config.stores == {}
    assert [one.message for one in found.mistakes] == [
        "no store yet: add one under 'stores', with its connector and settings"
    ]
    with pytest.raises(ConfigError):
        load(file, CONNECTORS)


def test_messages_name_the_file_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("stores: 3")
    assert str(read(Path("mine.yaml"), CONNECTORS).mistakes[0]).startswith("mine.yaml:1:9: ")


# Which stores run (S4)


def test_a_mistake_in_one_store_leaves_the_others(file: Path) -> None:
    found = reading(file, SOUND + "  two: {connector: corner, settings: {address: nope, token: x}}\n  three: hello\n")
    assert found.broken_stores == {"two", "three"}
    assert found.config is not None
    assert list(found.config.stores) == ["acme-au"]
    with pytest.raises(ConfigError) as raised:
        load(file, CONNECTORS, environ={"TOKEN": TOKEN})
    assert len(raised.value.mistakes) == 2


def test_a_store_that_stands_twice_is_broken_and_both_lines_are_named(file: Path) -> None:
    again = SOUND.partition("stores:\n")[2]
    found = reading(file, SOUND + again)
    assert found.broken_stores == {"acme-au"}
    assert [(one.line, one.message) for one in found.mistakes] == [
        (9, "'acme-au' stands here twice, on line 4 and on line 9; keep one of them")
    ]


def test_two_sections_of_one_name_leave_it_open_which_stores_there_are(file: Path) -> None:
    assert reading(file, SOUND + "stores: {}\n").config is None


def test_stores_that_lean_on_broken_defaults_stand_still(file: Path) -> None:
    own = "  own: {connector: corner, every: 1h, settings: {address: till://x, token: y}}\n"
    found = reading(file, "defaults: {evry: 1h}\n" + SOUND + own)
    assert found.broken_stores == {"acme-au"}
    assert found.config is not None
    assert list(found.config.stores) == ["own"]


def test_a_mistake_in_a_carrier_leaves_the_stores(file: Path) -> None:
    found = reading(file, "carriers: {x: {carrier: manual}, y: {}}\n" + SOUND)
    assert found.config is not None
    assert list(found.config.carriers) == ["x"]
    assert found.config.broken_carriers == {"y"}
    assert list(found.config.stores) == ["acme-au"]
    assert found.broken_stores == set()
    assert [one.path for one in found.mistakes] == ["carriers.y"]
    with pytest.raises(ConfigError):
        load(file, CONNECTORS, CARRIERS, environ={"TOKEN": TOKEN})


# Carriers


def with_carriers(lines: str) -> str:
    """A sound file whose carriers begin on line 2."""
    return "carriers:\n" + "".join(f"  {line}\n" for line in lines.splitlines()) + SOUND


def configured(file: Path, lines: str) -> Config:
    config = reading(file, with_carriers(lines)).config
    assert config is not None
    return config


def test_a_carrier_is_taken_with_its_class_and_its_settings(file: Path) -> None:
    (file.parent / "key").write_text(f"{TOKEN}\n")
    found = reading(file, with_carriers("fast: {carrier: drone, settings: {key: '${file:key}', speed: 9}}"))

    assert found.mistakes == ()
    assert found.config is not None
    assert found.files == {file.parent / "key"}
    fast = found.config.carriers["fast"]
    assert (fast.name, fast.carrier) == ("fast", Drone)
    assert isinstance(fast.settings, DroneSettings)
    assert (fast.settings.key.get_secret_value(), fast.settings.speed) == (TOKEN, 9)
    assert TOKEN not in repr(found)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("x: {carrier: dron}", "2:16: carriers.x.carrier: there is no carrier 'dron'; did you mean 'drone'?"),
        ("x: {carrier: dron}", "installed: drone, manual"),
        ("x: {carrier: drone}", "2:6: carriers.x.settings: the key 'key' is missing: The key of the drone."),
        ("x: {carrier: drone, settings: {key: ''}}", "2:39: carriers.x.settings.key: is empty; write a value here"),
        ("x: {carrier: drone, settings: {key: '${NO}'}}", "2:39: carriers.x.settings.key: the environment variable NO"),
        ("x: {carrier: drone, settings: {key: k, sped: 3}}", "2:42: carriers.x.settings.sped: unknown key 'sped'; did"),
        ("x: {carrier: manual, settings: {tries: 0}}", "2:42: carriers.x.settings.tries: should be at least 1, not 0"),
        ("x: {carrier: manual, settings: 3}", "2:34: carriers.x.settings: should be a mapping of keys to values"),
        ("x: {carier: manual}", "2:7: carriers.x.carier: unknown key 'carier'; did you mean 'carrier'?"),
        ("Big One: {carrier: manual}", "2:3: carriers.Big One: 'Big One' can't be a name"),
        ("x: manual", "2:6: carriers.x: should be a mapping"),
        ("x: {carrier: manual}\nx: {carrier: manual}", "3:3: carriers.x: 'x' stands here twice"),
    ],
)
def test_a_mistake_in_a_carrier_is_told_at_its_place_and_stops_no_store(file: Path, line: str, told: str) -> None:
    found = reading(file, with_carriers(line))
    assert any(told in str(one) for one in found.mistakes), found.mistakes
    assert found.config is not None
    assert found.config.carriers == {}
    assert found.config.broken_carriers == {line.partition(":")[0]}
    assert list(found.config.stores) == ["acme-au"]


@pytest.mark.parametrize(
    "line",
    [
        "x: {carrier: drone, settings: {key: '${TOKEN} x'}}",
        f"x: {{carrier: drone, settings: {{key: {TOKEN} x}}}}",
        f"x: {{carrier: drone, settings: {{kee: {TOKEN}}}}}",
        "x: {carrier: '${TOKEN}'}",
        "x: {carrier: drone, settings: {key: k, speed: '${TOKEN}'}}",
    ],
)
def test_no_message_shows_a_secret_of_a_carrier(file: Path, line: str) -> None:
    found = reading(file, with_carriers(line))
    assert found.mistakes
    assert TOKEN not in "".join(map(str, found.mistakes)) + repr(found)


def test_a_carrier_whose_plugin_is_broken_is_told_with_the_reason(file: Path) -> None:
    file.write_text(with_carriers("x: {carrier: balloon}"))
    reasons = {"balloon": "the plugin 'air' (x 1.0) can't be used: boom"}
    found = read(file, CONNECTORS, CARRIERS, broken_plugins=reasons, environ={"TOKEN": TOKEN})
    assert [one.message for one in found.mistakes] == [
        "the carrier 'balloon' is not there, because the plugin 'air' (x 1.0) can't be used: boom"
    ]
    assert found.config is not None
    with pytest.raises(UsageError, match=r"^The carrier 'Balloon' is not there, because the plugin 'air' .*: boom\.$"):
        found.config.carrier("Balloon")


def test_a_carrier_is_found_by_its_entry_or_else_by_its_class_or_else_is_any_carrier(file: Path) -> None:
    config = configured(file, "sendle: {carrier: manual, settings: {tries: 2}}")
    by_hand = ByHandSettings()
    for name, meant in {
        "sendle": ("sendle", ByHandSettings(tries=2)),
        " Sendle ": ("sendle", ByHandSettings(tries=2)),
        "manual": ("manual", by_hand),
        "MANUAL": ("manual", by_hand),
        "Australia Post": ("Australia Post", by_hand),
        " Straße 1 ": ("Straße 1", by_hand),
        "x" * 50: ("x" * 50, by_hand),
    }.items():
        found = config.carrier(name)
        assert (found.name, found.settings, found.carrier) == (*meant, ByHand)


def test_an_entry_named_like_a_class_stands_for_it(file: Path) -> None:
    config = configured(file, "manual: {carrier: manual, settings: {tries: 5}}\ndrone: {carrier: manual}")
    assert config.carrier("Manual").settings == ByHandSettings(tries=5)
    assert config.carrier("drone").carrier is ByHand
    assert config.carrier("Any Other").settings == ByHandSettings()


def test_an_entry_with_a_long_name_can_be_used(file: Path) -> None:
    name = "a" * 63
    assert configured(file, f"{name}: {{carrier: manual}}").carrier(name).name == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("y", "set up, because of a mistake in the 'carriers' of stores.yaml: `crossdock check` says what is wrong."),
        ("Y", "because of a mistake in the 'carriers' of stores.yaml"),
        ("drone", "The carrier 'drone' needs settings: add an entry with 'carrier: drone' and its settings under"),
        ("Drone", "The carrier 'drone' needs settings"),
        ("", "The carrier has no name: give one that stands under 'carriers' in stores.yaml, or any carrier's own"),
        (" \n", "The carrier has no name"),
        ("x" * 51, "can't be a carrier's name: that has at most 50 characters"),
        ("Two\nlines", "can't be a carrier's name"),
        ("Bell\x07", "can't be a carrier's name"),
    ],
)
def test_a_carrier_that_can_not_be_used_is_refused_with_a_sentence(file: Path, name: str, words: str) -> None:
    config = configured(file, "y: {carrier: nothing-like-it}")
    with pytest.raises(UsageError) as raised:
        config.carrier(name)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("start", ["carriers: [sendle]\n", "carrers: {sendle: {carrier: manual}}\n"])
def test_no_carrier_is_guessed_where_it_is_not_known_which_there_are(file: Path, start: str) -> None:
    config = reading(file, start + SOUND).config
    assert config is not None
    assert list(config.stores) == ["acme-au"]
    for name in ("sendle", "manual", "Australia Post"):
        with pytest.raises(UsageError, match="because of a mistake in the 'carriers'"):
            config.carrier(name)


def test_carriers_without_an_entry_need_the_one_that_stands_for_any(file: Path) -> None:
    file.write_text(SOUND)
    config = load(file, CONNECTORS, environ={"TOKEN": TOKEN})
    with pytest.raises(UsageError, match="and the carrier 'manual', which stands for any other, is not installed"):
        config.carrier("Sendle")


# Papers


def with_papers(*lines: str) -> str:
    """A sound file whose papers have these lines, from line 2 on."""
    return "papers:\n" + "".join(f"  {line}\n" for line in lines) + SOUND


def with_printer(address: str) -> str:
    return with_papers(f"printers: {{bench: {{address: '{address}'}}}}")


def papers(file: Path, text: str) -> PaperConfig:
    found = reading(file, text)
    assert found.mistakes == ()
    assert found.config is not None
    return found.config.papers


def test_papers_are_taken_as_they_are_written(file: Path) -> None:
    lines = (
        "label: A6",
        "page: Letter",
        "columns: [Bin, sku, NAME]",
        "printers:",
        "  bench: {address: 192.168.1.20}",
        "  by-the-door: {address: '[fe80::1%eth0]:6101', dpi: 300}",
        "  spare: {address: 'zebra_2.local:09101', dpi: '600'}",
    )
    assert papers(file, with_papers(*lines)) == PaperConfig(
        label=LabelSize.A6,
        page=PageSize.LETTER,
        columns=(SlipColumn.BIN, SlipColumn.SKU, SlipColumn.NAME),
        printers={
            "bench": PrinterConfig(name="bench", host="192.168.1.20", port=9100, dpi=203),
            "by-the-door": PrinterConfig(name="by-the-door", host="fe80::1%eth0", port=6101, dpi=300),
            "spare": PrinterConfig(name="spare", host="zebra_2.local", port=9101, dpi=600),
        },
    )


def test_values_of_papers_may_come_from_references(file: Path) -> None:
    text = with_papers("page: ${PAGE}", "printers: {bench: {address: '${HOST}:9100', dpi: '${DPI}'}}")
    file.write_text(text)
    environ = {"TOKEN": TOKEN, "PAGE": "Letter", "HOST": "zebra.local", "DPI": "300"}
    found = load(file, CONNECTORS, CARRIERS, environ=environ).papers
    assert found.page is PageSize.LETTER
    assert found.printer("bench") == PrinterConfig(name="bench", host="zebra.local", port=9100, dpi=300)


@pytest.mark.parametrize("text", [SOUND, "papers:\n" + SOUND, "papers: {}\n" + SOUND])
def test_without_papers_the_usual_ones_are_meant(file: Path, text: str) -> None:
    assert papers(file, text) == PaperConfig()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("label: A5", "2:10: {}.label: should be '4x6' or 'a6', not 'A5'"),
        ("label: 4", "2:10: {}.label: should be '4x6' or 'a6', not 4"),
        ("page:", "2:8: {}.page: should be 'a4' or 'letter'; nothing is written here"),
        ("page: [a4]", "2:9: {}.page: should be 'a4' or 'letter', not a list"),
        ("pages: a4", "2:3: {}.pages: unknown key 'pages'; did you mean 'page'? known: columns, label, page, printers"),
        (
            "columns: [sku, size]",
            "2:18: {}.columns[1]: should be 'sku', 'barcode', 'bin', 'name', 'options', 'weight', 'price' or 'ordered',"
            " not 'size'",
        ),
        ("columns: [sku, bin, SKU]", "2:23: {}.columns[2]: 'sku' stands here twice; keep one of them"),
        ("columns: []", "2:12: {}.columns: is empty; name a column, or leave the key out"),
        ("columns: sku", "2:12: {}.columns: should be a list, such as [a, b], not 'sku'"),
        ("printers: zebra.local", "2:13: {}.printers: should be a mapping of keys to values, not text"),
        ("printers: {bench: zebra.local}", "2:21: {}.printers.bench: should be a mapping of keys to values, not text"),
        (
            "printers: {bench: {dpi: 203}}",
            "2:21: {}.printers.bench: the key 'address' is missing: Where it takes ZPL as it is: host:port.",
        ),
        (
            "printers: {The Bench: {address: zebra.local}}",
            "2:14: {}.printers.The Bench: 'The Bench' can't be a name: at most 63 lower-case letters, digits and . _ -,"
            " beginning with a letter or digit",
        ),
        (
            "printers: {bench: {address: a, dpi: 200}}",
            "2:39: {}.printers.bench.dpi: should be 203, 300 or 600, not 200",
        ),
        (
            "printers: {bench: {address: a, dpi: fine}}",
            "2:39: {}.printers.bench.dpi: should be 203, 300 or 600, not 'fine'",
        ),
    ],
)
def test_a_mistake_in_papers_is_told_at_its_place_in_plain_words(file: Path, line: str, told: str) -> None:
    (found,) = mistakes(file, with_papers(line))
    assert found.startswith("stores.yaml:" + told.format("papers"))


@pytest.mark.parametrize(
    "address",
    [
        "fe80::1",
        "[fe80::1",
        "[fe80::g]:9100",
        "192.168.1.300",
        "192.168.1:9100",
        "9100",
        "zebra.local:",
        "zebra.local:0",
        "zebra.local:65536",
        "zebra.local:raw",
        "http://zebra.local:9100",
        "zebra local",
        "-zebra",
        "..",
    ],
)
def test_what_is_no_address_of_a_printer_is_told_with_two_that_are(file: Path, address: str) -> None:
    assert mistakes(file, with_printer(address)) == [
        "stores.yaml:2:31: papers.printers.bench.address: should be host:port, such as 192.168.1.20:9100 or"
        f" [fe80::1]:9100, not '{address}'"
    ]


def test_all_mistakes_in_papers_are_told_at_once(file: Path) -> None:
    lines = ("label: A5", "columns: [sku, sku, size]", "printers: {A: {address: ' ', dpi: 1}}")
    found = [one.partition(" papers.")[2].partition(":")[0] for one in mistakes(file, with_papers(*lines))]
    assert found == ["label", "columns[1]", "columns[2]", "printers.A", "printers.A.address", "printers.A.dpi"]


@pytest.mark.parametrize(
    "start",
    [
        "papers: {label: A5}\n",
        "papers: {printers: {A: {address: zebra.local}}}\n",
        "papers: {columns: [sku, sku]}\n",
        "papers: {label: a6, label: a6}\n",
        "papers: A4\n",
        "paper: {label: a6}\n",
        "papers: {}\npapers: {}\n",
    ],
)
def test_a_mistake_in_papers_stops_no_store_and_prints_nothing_by_guess(file: Path, start: str) -> None:
    found = reading(file, start + SOUND)
    assert found.mistakes
    assert found.broken_stores == set()
    assert found.config is not None
    assert list(found.config.stores) == ["acme-au"]
    with pytest.raises(UsageError) as raised:
        _ = found.config.papers
    assert str(raised.value) == (
        "Nothing is printed while 'papers' in stores.yaml has a mistake: `crossdock check` says what is wrong."
    )


@pytest.mark.parametrize("start", ["papers: {label: a6}\ncarrers: {}\n", "papers: {label: a6}\ncarriers: [x]\n"])
def test_a_mistake_elsewhere_leaves_the_papers(file: Path, start: str) -> None:
    found = reading(file, start + SOUND)
    assert found.mistakes
    assert found.config is not None
    assert found.config.papers.label is LabelSize.A6


def test_a_printer_that_is_not_there_is_told_with_those_that_are(file: Path) -> None:
    known = papers(file, with_papers("printers: {desk: {address: a}, bench: {address: b}}"))
    with pytest.raises(UsageError) as raised:
        known.printer("bnch")
    assert str(raised.value) == ("stores.yaml has no printer 'bnch' under 'papers'; its printers are: bench, desk.")
    with pytest.raises(UsageError, match="its printers are: none yet"):
        papers(file, SOUND).printer("bench")


# Secrets


@pytest.mark.parametrize(
    "text",
    [
        in_store("settings: {address: '${TOKEN}', token: x}"),
        in_store("settings: {address: 'till://x', token: '${TOKEN} x'}"),
        in_store(f"settings: {{address: 'till://x', token: {TOKEN} x}}"),
        in_store(f"settings: {{address: 'till://x', tokn: {TOKEN}}}"),
        in_store(f"settings: {{address: 'till://x', token: [{TOKEN}]}}"),
        in_store(f"settings: {{address: 'till://x', token: {{{TOKEN}x: y}}}}"),
        in_settings("page_size: ${TOKEN}"),
        in_settings("mode: ${TOKEN}"),
        in_settings("is_open: a${TOKEN}b"),
        in_settings("options: ${TOKEN}"),
        in_settings("notes: {crash: x}"),
        in_store("every: ${TOKEN}"),
        in_store("cron: ${TOKEN}"),
        in_store("cron: ${TOKEN} * * * *"),
        in_store("cron: '* * * * *'\ntimezone: ${TOKEN}"),
        in_store("write_back: ${TOKEN}"),
        in_store("sender: {country: '${TOKEN}'}"),
        "engine: {web: {port: '${TOKEN}'}}",
        "papers: {label: '${TOKEN}'}",
        "papers: {columns: ['${TOKEN}', '${TOKEN}']}",
        "papers: {printers: {bench: {address: '${TOKEN}:0'}}}",
        "papers: {printers: {bench: {address: a, dpi: '${TOKEN}'}}}",
        "stores: {a: {connector: '${TOKEN}'}}",
        f"stores: {{a: *{TOKEN}}}",
        f"stores: {{a: !{TOKEN} x}}",
        f"stores: {{a: &{TOKEN} x, b: &{TOKEN} y}}",
        f"stores: {{a: '{TOKEN}",
        f'stores: {{a: "\\q{TOKEN}"}}',
        f"stores: {{a: '${{{TOKEN} x}}'}}",
    ],
)
def test_no_message_shows_a_secret(file: Path, text: str) -> None:
    found = reading(file, text)
    assert found.mistakes
    for one in found.mistakes:
        assert TOKEN.casefold() not in one.message.casefold()
    assert TOKEN not in repr(found.config)


def test_a_message_of_the_connector_is_shown_without_the_secret_it_repeats(file: Path) -> None:
    literal = mistakes(file, in_store("settings: {address: nope, token: x}"))
    referred = mistakes(file, in_store("settings: {address: '${TOKEN}', token: x}"))
    assert literal == ["stores.yaml:4:25: stores.acme.settings.address: 'nope' is no till: write till:// and its name."]
    assert referred == [
        "stores.yaml:4:25: stores.acme.settings.address: '‹hidden›' is no till: write till:// and its name."
    ]


SIGNS = [*"{}[]'\"!#|>~:%é0\t\n\x00\ufeff", "- ", ": ", "? ", "  ", "&a ", "*a", "<<: ", "${"]
WORDS = ["${TOKEN}", "null", "-1", "1e999", "no", "...", "---", "stores:"]
SCRAPS = st.sampled_from(SIGNS + WORDS)


@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mangled_file_gives_mistakes_and_never_a_traceback(tmp_path: Path, data: st.DataObject) -> None:
    whole = with_carriers("fast: {carrier: drone, settings: {key: '${TOKEN}'}}\nx: {carrier: manual}")
    whole += "    every: 5m\n    sender: {name: A, postcode: 0600}\n  b: {connector: corner, settings: &s {}}\n"
    whole += "papers: {page: A4, columns: [sku, bin], printers: {p: {address: '[::1]', dpi: 300}}}\n"
    text = whole
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 30)))
        text = text[:start] + data.draw(SCRAPS | st.text(max_size=5)) + text[end:]

    check_mangled(tmp_path / "stores.yaml", text.encode(errors="replace"))


@given(content=st.binary(max_size=60))
@example(b"stores:\n  ? {a: b}\n  : c\n")
@example(b"stores: {a: {connector: [corner], settings: 3}}")
@example(b"? [a]\n: b")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_mistakes_and_never_a_traceback(tmp_path: Path, content: bytes) -> None:
    check_mangled(tmp_path / "stores.yaml", content)


def check_mangled(file: Path, content: bytes) -> None:
    found = reading(file, content)
    assert found.mistakes or found.config is not None
    lines = content.decode("utf-8", errors="replace").count("\n") + content.count(b"\r") + 50
    for one in found.mistakes:
        assert TOKEN not in str(one)
        assert 1 <= one.line <= lines
        assert one.column >= 1
        assert "\n" not in str(one)
    assert TOKEN not in repr(found)
    if found.config is not None:
        assert not found.config.carriers.keys() & found.config.broken_carriers


@given(seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mistake_stands_on_the_line_where_it_was_made(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    lines = ["stores:"]
    for number in range(chance.randint(1, 8)):
        lines += ["# a remark"] * chance.randint(0, 2)
        lines += [f"  s{number}:", "    connector: corner", "    settings:"]
        lines += ["      address: till://x", "      token: y", f"      page_size: {number + 1}"]
    wrong = chance.choice([index for index, line in enumerate(lines) if "page_size" in line])
    lines[wrong] = "      page_size: wrong"

    (found,) = reading(tmp_path / "stores.yaml", "\n".join(lines)).mistakes
    assert (found.line, found.column) == (wrong + 1, 18)


# The schema for editors


def test_the_schema_describes_the_settings_of_each_connector() -> None:
    schema = json_schema(CONNECTORS)
    json.dumps(schema)
    store = schema["properties"]["stores"]["additionalProperties"]
    branch = store["allOf"][0]
    held = branch["then"]["properties"]["settings"]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert store["properties"]["connector"]["enum"] == ["corner"]
    assert branch["if"]["properties"]["connector"] == {"const": "corner"}
    assert held["required"] == ["address", "token"]
    assert held["properties"]["address"]["description"] == "Where the till answers."
    assert branch["then"]["required"] == ["settings"]


def test_the_schema_describes_the_settings_of_each_carrier() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema(CONNECTORS, CARRIERS)
    carrier = schema["properties"]["carriers"]["additionalProperties"]
    assert carrier["properties"]["carrier"]["enum"] == ["drone", "manual"]
    checker = jsonschema.Draft202012Validator(carrier)
    assert checker.is_valid({"carrier": "manual"})
    assert checker.is_valid({"carrier": "manual", "settings": {"tries": "${TRIES}"}})
    assert checker.is_valid({"carrier": "drone", "settings": {"key": "x"}})
    assert not checker.is_valid({"carrier": "drone"})
    assert not checker.is_valid({"carrier": "drone", "settings": {"tries": 1, "key": "x"}})
    assert not checker.is_valid({"carrier": "balloon"})


def test_a_connector_and_a_carrier_of_one_name_are_described_apart() -> None:
    class Options(BaseModel):
        wings: int = 2

    class KiteSettings(CarrierSettings):
        options: Options = Options()

    class Kite(ByHand):
        name, title, Settings = "corner", "Kite", KiteSettings  # type: ignore[assignment]  # no ByHandSettings

    described = json_schema(CONNECTORS, {"corner": Kite})["$defs"]
    options = {name: list(one["properties"]) for name, one in described.items() if name.endswith(".Options")}
    assert options == {"corner.Options": ["size", "fallback"], "carrier.corner.Options": ["wings"]}


@pytest.mark.parametrize(("connectors", "carriers"), [({}, {}), (CONNECTORS, {}), (CONNECTORS, CARRIERS)])
def test_the_schema_is_a_schema_whatever_is_installed(
    connectors: Mapping[str, type[AnyConnector]], carriers: Mapping[str, type[AnyCarrier]]
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(json_schema(connectors, carriers))


@pytest.mark.parametrize(
    ("written", "is_sound"),
    [
        ("{}", True),
        ('{"label": "4x6", "page": "A4", "columns": ["sku", "ordered"]}', True),
        ('{"label": "${SIZE}", "columns": ["${COLUMN}"]}', True),
        ('{"printers": {"a": {"address": "zebra.local"}, "b": {"address": "[::1]:9100", "dpi": 300}}}', True),
        ('{"printers": {"bench": {"address": "zebra.local", "dpi": "${DPI}"}}}', True),
        ('{"label": "a5"}', False),
        ('{"columns": []}', False),
        ('{"columns": ["sku", "sku"]}', False),
        ('{"columns": ["size"]}', False),
        ('{"printers": {"The Bench": {"address": "zebra.local"}}}', False),
        ('{"printers": {"bench": {}}}', False),
        ('{"printers": {"bench": {"address": "zebra.local", "dpi": 200}}}', False),
        ('{"printer": {}}', False),
    ],
)
def test_the_schema_takes_the_papers_that_are_taken(file: Path, written: str, is_sound: bool) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema(CONNECTORS)
    papers_alone = {**schema["properties"]["papers"], "$defs": schema["$defs"]}
    environ = {"TOKEN": TOKEN, "SIZE": "A6", "COLUMN": "bin", "DPI": "600"}
    assert jsonschema.Draft202012Validator(papers_alone).is_valid(json.loads(written)) is is_sound
    assert (mistakes(file, f"papers: {written}\n{SOUND}", environ=environ) == []) is is_sound


def test_the_schema_tells_the_defaults_of_papers() -> None:
    described = json_schema(CONNECTORS)["properties"]["papers"]["properties"]
    usual = PaperConfig()
    assert {key: value["default"] for key, value in described.items() if "default" in value} == {
        "label": usual.label,
        "page": usual.page,
        "columns": list(usual.columns),
    }


def test_the_schema_takes_references_for_everything_and_tells_no_secret() -> None:
    schema = json_schema(CONNECTORS)
    held = schema["properties"]["stores"]["additionalProperties"]["allOf"][0]["then"]["properties"]["settings"]
    reference = {"type": "string", "pattern": r"\$\{", "description": "${NAME} or ${file:PATH}"}
    assert reference in held["properties"]["page_size"]["anyOf"]
    assert reference in held["properties"]["is_open"]["anyOf"]
    assert reference in held["properties"]["mode"]["anyOf"]
    assert reference in schema["$defs"]["corner.Colour"]["anyOf"]
    assert "default" not in held["properties"]["old_token"]
    assert held["properties"]["page_size"]["default"] == 50


def test_every_reference_inside_the_schema_leads_somewhere() -> None:
    schema = json_schema(CONNECTORS)
    targets = re.findall(r'"\$ref": "#/\$defs/([^"]+)"', json.dumps(schema))
    assert targets
    assert set(targets) <= set(schema["$defs"])


def test_the_example_of_the_repository_satisfies_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    connector = pytest.importorskip("crossdock_bigcommerce.settings")

    class BigCommerce(Corner):
        name, title, Settings = "bigcommerce", "BigCommerce", connector.BigCommerceSettings

    schema = json_schema({"bigcommerce": BigCommerce, "corner": Corner}, CARRIERS)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load((REPOSITORY / "stores.yaml").read_text()), schema)


@pytest.mark.parametrize("text", ["stores:\n  acme: {connector: KEY}", "stores:\n  acme: {connector: till, KEY: 1}"])
def test_a_key_of_an_account_that_was_put_in_the_wrong_place_is_not_shown(file: Path, text: str) -> None:
    key = "a1B2c3D4e5F6g7H8i9J0kL"
    told = " ".join(str(mistake) for mistake in reading(file, text.replace("KEY", key)).mistakes)
    assert "‹hidden›" in told
    assert key not in told
