"""The sections of `stores.yaml` as they are written: their models, which check them, and their JSON Schema."""

from __future__ import annotations

import ipaddress
import json
import re
import zoneinfo
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.errors import PydanticInvalidForJsonSchema

from crossdock.carrier import AnyCarrier
from crossdock.connector import AnyConnector
from crossdock.errors import did_you_mean
from crossdock.yaml_source import shortened

NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"
DURATION = r"^(?=[0-9])([0-9]{1,5}d)?([0-9]{1,6}h)?([0-9]{1,7}m)?([0-9]{1,8}s)?$"
COUNTRY = r"^[A-Za-z]{2}$"
PRINTER = re.compile(r"(?P<host>[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Za-z:.%_-]+\])(?::(?P<port>[0-9]{1,5}))?")
PUBLIC_URL = (
    re.compile(  # its path goes into cookies and redirects: no other signs, and no empty part that names a host
        r"(?P<scheme>(?i:https?))://(?P<host>[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
        r"(?P<path>(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/?)"
    )
)
USUAL_PORTS = {"http": 80, "https": 443}  # browsers leave them out
RAW_PORT = 9100  # where printers take what is sent as it is
LONGEST = timedelta(days=366)

CRON_FIELDS = (  # name, lowest, highest, names of its values from the lowest on
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day of week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),  # 0 and 7 are both Sunday
)
CRON_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[0-9]{1,4}))?")


def _duration(value: object) -> timedelta:
    text = str(value).replace(" ", "")
    if re.fullmatch(r"[0-9]+", text):
        raise ValueError(f"write {text}s, {text}m or {text}h: a duration needs its unit")
    found = re.fullmatch(DURATION, text)
    if found is None:
        raise ValueError(f"should be a duration, such as 90s, 5m, 2h, 1d or 1h30m, not {shortened(repr(value))}")
    days, hours, minutes, seconds = (int((part or "0")[:-1] or 0) for part in found.groups())
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not timedelta(seconds=1) <= length <= LONGEST:
        raise ValueError(f"should be from 1s to {LONGEST.days}d, not {text}")
    return length


def _cron(text: str) -> str:
    parts = text.lower().split()
    if len(parts) != len(CRON_FIELDS):
        raise ValueError(
            "should have five fields, minute hour day month day-of-week, such as */5 8-18 * * mon-fri;"
            f" {len(parts)} stand here"
        )
    for part, (what, lowest, highest, names) in zip(parts, CRON_FIELDS, strict=True):
        for item in part.split(","):
            _check_cron_item(item, what, lowest, highest, names)
    return " ".join(parts)


def _check_cron_item(item: str, what: str, lowest: int, highest: int, names: tuple[str, ...]) -> None:
    spelt = f" or {names[0]} to {names[-1]}" if names else ""
    wrong = (
        f"{shortened(repr(item))} is no {what}: write *, {lowest} to {highest}{spelt}, a range, or a step such as */5"
    )
    found = CRON_PART.fullmatch(item)
    if found is None or (found["step"] is not None and int(found["step"]) == 0):
        raise ValueError(wrong)
    numbers = [cron_number(part, lowest, names) for part in (found["first"], found["last"]) if part is not None]
    if not all(lowest <= number <= highest for number in numbers):
        raise ValueError(wrong)
    if numbers != sorted(numbers) and found["last"] != "sun":  # a week may end with its Sunday
        raise ValueError(f"{shortened(repr(item))} in the {what} goes backwards: write the lower end first")


def cron_number(text: str, lowest: int, names: tuple[str, ...]) -> int:
    """What a number or a name in a cron field stands for; -1 for anything else."""
    if text in names:
        return names.index(text) + lowest
    return int(text) if re.fullmatch("[0-9]{1,4}", text) else -1


def _timezone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = did_you_mean(name, zoneinfo.available_timezones())
        raise ValueError(
            f"there is no time zone {shortened(repr(name))}{near or '; it looks like Australia/Sydney'}"
        ) from None
    return name


def _country(code: str) -> str:
    if re.fullmatch(COUNTRY, code.strip()) is None:
        raise ValueError(f"should be the two letters of ISO 3166, such as AU or US, not {shortened(repr(code))}")
    return code.strip().upper()


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; write a value here, or leave the key out")
    return text.strip()


def _public_url(text: str) -> str:
    found = PUBLIC_URL.fullmatch(text)
    if found is None or not _is_host(found["host"]) or not 0 < int(found["port"] or 1) <= 65535:
        raise ValueError(
            "should be the page's public address, such as https://example.com/crossdock/; a name with other than ASCII"
            " letters is written as browsers send it, xn--…"
        )
    scheme, port = found["scheme"].lower(), int(found["port"] or USUAL_PORTS[found["scheme"].lower()])
    shown = "" if port == USUAL_PORTS[scheme] else f":{port}"
    return f"{scheme}://{found['host'].lower()}{shown}{(found['path'] or '').rstrip('/')}/"


Duration = Annotated[timedelta, BeforeValidator(_duration), WithJsonSchema({"type": "string", "pattern": DURATION})]
Text = Annotated[str, AfterValidator(_not_blank)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)


class WebSection(Section):
    host: Text = Field(default="127.0.0.1", description="The address the page listens at.")
    port: int = Field(default=8420, ge=0, le=65535, description="The page's port; 0 takes any free one.")
    password_file: Text | None = Field(
        default=None,
        description="Where the page's password and tokens are kept: a file, relative to this one, of mode 0600.",
    )
    url: Annotated[Text, AfterValidator(_public_url)] | None = Field(
        default=None,
        description="The page's public address where it has another, as behind a proxy: https://example.com/crossdock/",
    )


class EngineSection(Section):
    database: Text = Field(
        default="crossdock.db", description="A file, relative to this one, or the URL of a database (postgresql://…)."
    )
    web: WebSection = Field(default_factory=WebSection, description="Where the page is shown.")
    settle: Duration = Field(
        default=timedelta(minutes=2),
        description="How long a lost answer is watched before anything is sent again.",
        json_schema_extra={"default": "2m"},
    )
    keep_days: int | None = Field(
        default=400, ge=1, description="Buyers' personal data older than this many days is erased; null keeps it."
    )


class ScheduleSection(Section):
    every: Duration | None = Field(default=None, description="How often orders are imported: 90s, 5m, 2h, 1d.")
    cron: Annotated[Text, AfterValidator(_cron)] | None = Field(
        default=None, description='When orders are imported, instead of `every`: "*/5 8-18 * * mon-fri".'
    )
    timezone: Annotated[Text, AfterValidator(_timezone)] | None = Field(
        default=None, description="The time zone that `cron` means, such as Australia/Sydney."
    )


class SenderSection(Section):
    name: Text | None = Field(default=None, description="Who sends, as it stands on labels.")
    company: Text | None = None
    street: Text | None = None
    street2: Text | None = None
    city: Text | None = None
    region: Text | None = Field(default=None, description="State, province or region.")
    postcode: Text | None = None
    country: Annotated[str, AfterValidator(_country), WithJsonSchema({"type": "string", "pattern": COUNTRY})] | None = (
        Field(default=None, description="Two letters, ISO 3166: AU.")
    )
    phone: Text | None = None
    email: Text | None = None


class LabelSize(StrEnum):
    """The paper that labels are printed on."""

    INCHES_4X6 = "4x6"
    A6 = "a6"


class PageSize(StrEnum):
    """The paper that slips and pick lists are printed on."""

    A4 = "a4"
    LETTER = "letter"


class SlipColumn(StrEnum):
    """What a packing slip can tell of each line, beside how many of it are in the parcel."""

    SKU = "sku"
    BARCODE = "barcode"
    BIN = "bin"
    NAME = "name"
    OPTIONS = "options"
    WEIGHT = "weight"
    PRICE = "price"
    ORDERED = "ordered"


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _number(value: object) -> object:
    """A number as one, if it was written in quotes or came from a reference."""
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,4}", value.strip()) else value


def _some(columns: tuple[SlipColumn, ...]) -> tuple[SlipColumn, ...]:
    if not columns:
        raise ValueError("is empty; name a column, or leave the key out")
    return columns


def _address_of_printer(text: str) -> str:
    found = PRINTER.fullmatch(text)
    port = int(found["port"] or RAW_PORT) if found else 0
    if found is None or not _is_host(found["host"]) or not 1 <= port <= 65535:
        raise ValueError(
            f"should be host:port, such as 192.168.1.20:{RAW_PORT} or [fe80::1]:{RAW_PORT}, not {shortened(repr(text))}"
        )
    return f"{found['host']}:{port}"


def _is_host(host: str) -> bool:
    """Whether it's the name of a machine, or an address that there can be."""
    try:
        if host.startswith("["):
            ipaddress.IPv6Address(host[1:-1])
        elif not re.search("[A-Za-z]", host):
            ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


class PrinterSection(Section):
    address: Annotated[Text, AfterValidator(_address_of_printer)] = Field(
        description=f"Where it takes ZPL as it is: host:port. The port is {RAW_PORT} unless told."
    )
    dpi: Annotated[Literal[203, 300, 600], BeforeValidator(_number)] = Field(
        default=203, description="The dots per inch of its head."
    )


def _spelt(*names: str) -> WithJsonSchema:
    """These names for an editor; upper and lower case don't matter."""
    return WithJsonSchema({"type": "string", "enum": [*names]})


class PapersSection(Section):
    label: Annotated[LabelSize, BeforeValidator(_lower), _spelt("4x6", "a6", "A6")] = Field(
        default=LabelSize.INCHES_4X6, description="The paper of labels: 4 × 6 inches, or A6."
    )
    page: Annotated[PageSize, BeforeValidator(_lower), _spelt("a4", "A4", "letter", "Letter")] = Field(
        default=PageSize.A4, description="The paper of slips and pick lists."
    )
    columns: Annotated[tuple[Annotated[SlipColumn, BeforeValidator(_lower)], ...], AfterValidator(_some)] = Field(
        default=(SlipColumn.SKU, SlipColumn.NAME, SlipColumn.OPTIONS),
        description="The columns of packing slips, from left to right; how many are in the parcel always comes first.",
        json_schema_extra={"minItems": 1, "uniqueItems": True},
    )
    printers: dict[str, Any] | None = Field(
        default=None, description="Thermal printers in the network, by the names people use."
    )


class StoreSection(ScheduleSection):
    connector: Text = Field(description="The connector that speaks the platform; `crossdock plugins` lists them.")
    label: Text | None = Field(default=None, description="The store's name as people see it; may change.")
    write_back: bool = Field(default=True, description="Whether tracking and status go back to the store.")
    sender: SenderSection | None = Field(default=None, description="The sender's address on labels.")
    logo: Text | None = Field(
        default=None, description="A picture for slips, PNG or JPEG: a file, relative to this one."
    )
    settings: dict[str, Any] | None = Field(default=None, description="What the connector needs to know.")


class CarrierSection(Section):
    carrier: Text = Field(description="The carrier class; `crossdock plugins` lists them.")
    settings: dict[str, Any] | None = Field(default=None, description="What the carrier needs to know.")


REFERENCE_SCHEMA: dict[str, Any] = {"type": "string", "pattern": r"\$\{", "description": "${NAME} or ${file:PATH}"}
KEPT_OUTSIDE = ("title", "description", "default", "examples")


def json_schema(
    connectors: Mapping[str, type[AnyConnector]], carriers: Mapping[str, type[AnyCarrier]] = MappingProxyType({})
) -> dict[str, Any]:
    """The JSON Schema (2020-12) of `stores.yaml`, with the settings of the given connectors and carriers."""
    definitions: dict[str, Any] = {}
    store = _schema_of(StoreSection, "store", definitions)
    for name in sorted(connectors):
        _offer(store, "connector", name, _settings_schema(connectors[name], name, definitions))
    store.setdefault("allOf", []).append({"not": {"required": ["every", "cron"]}})
    papers = _schema_of(PapersSection, "papers", definitions)
    printer = _schema_of(PrinterSection, "printer", definitions)
    papers["properties"]["printers"] = _names_schema(printer, papers["properties"]["printers"]["description"])
    carrier = _schema_of(CarrierSection, "carrier", definitions)
    for name in sorted(carriers):
        _offer(carrier, "carrier", name, _settings_schema(carriers[name], f"carrier.{name}", definitions))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "stores.yaml",
        "description": "The stores that crossdock imports orders from.",
        "type": "object",
        "additionalProperties": False,
        "required": ["stores"],
        "properties": {
            "engine": _schema_of(EngineSection, "engine", definitions),
            "defaults": _schema_of(ScheduleSection, "defaults", definitions),
            "papers": papers,
            "carriers": _names_schema(carrier, "Carriers by the names people use."),
            "stores": {**_names_schema(store, "Stores by name; a new name is a new store."), "minProperties": 1},
        },
        "$defs": definitions,
    }


def _names_schema(entry: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "propertyNames": {"pattern": NAME},
        "additionalProperties": entry,
    }


def _settings_schema(
    described: type[AnyConnector] | type[AnyCarrier], prefix: str, definitions: dict[str, Any]
) -> dict[str, Any]:
    try:
        settings = _schema_of(described.Settings, prefix, definitions)
    except PydanticInvalidForJsonSchema:  # a type that JSON can't describe: let the merchant write anything
        settings = {"type": "object"}
    settings.setdefault("description", f"Settings of {described.title}.")
    return settings


def _offer(entry: dict[str, Any], key: str, name: str, settings: dict[str, Any]) -> None:
    """`entry` offers `name` as its `key`, and knows what the settings look like that go with it."""
    entry["properties"][key].setdefault("enum", []).append(name)
    then: dict[str, Any] = {"properties": {"settings": settings}}
    if settings.get("required"):
        then["required"] = ["settings"]
    rule = {"if": {"properties": {key: {"const": name}}, "required": [key]}, "then": then}
    entry.setdefault("allOf", []).append(rule)


def _schema_of(model: type[BaseModel], prefix: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of `model`; those of the models in it go to `definitions`, under names that begin with `prefix`."""
    schema = model.model_json_schema(ref_template=f"#/$defs/{prefix}.{{model}}")
    for name, inner in schema.pop("$defs", {}).items():
        definitions[f"{prefix}.{name}"] = _with_references(inner)
    described: dict[str, Any] = _with_references(schema)
    return described


def _with_references(schema: Any) -> Any:
    """`schema`, where `${NAME}` may stand for any single value, and no default of a secret is told."""
    if isinstance(schema, list):
        return [_with_references(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if '"writeOnly": true' in json.dumps(schema.get("anyOf", schema)) and "properties" not in schema:
        schema = {key: value for key, value in schema.items() if key not in ("default", "examples")}
    inside = {key: _inside(key, value) for key, value in schema.items()}
    is_constrained = any(key in schema for key in ("enum", "const", "pattern", "format", "minLength", "maxLength"))
    if schema.get("type") in ("integer", "number", "boolean") or is_constrained:
        outside = {key: inside.pop(key) for key in KEPT_OUTSIDE if key in inside}
        return {**outside, "anyOf": [inside, REFERENCE_SCHEMA]}
    return inside


def _inside(key: str, value: Any) -> Any:
    if key in ("properties", "patternProperties"):  # a property may be called "enum"
        return {name: _with_references(one) for name, one in value.items()}
    if key in ("items", "prefixItems", "additionalProperties", "anyOf", "oneOf", "allOf"):
        return _with_references(value)
    return value
