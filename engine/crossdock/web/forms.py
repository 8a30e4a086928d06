"""Forms for settings that nobody here knows: a connector's model gives the fields, a person's texts become its values.

What a form says is checked by the reader of `stores.yaml`, in the same words; here texts only become what is written
there.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from crossdock.yaml_edit import Written
from crossdock.yaml_source import Data

Schema: TypeAlias = "Mapping[str, Any]"
DEEPEST = 3  # models inside one another: one may hold itself
INITIALS = frozenset({"api", "hs", "id", "sku", "url"})
TRUE = frozenset({"true", "yes", "on", "y", "t", "1"})  # as the reader of the file takes it


class Kind(StrEnum):
    """What a field looks like, and what becomes of its text."""

    TEXT = "text"
    NUMBER = "number"
    SWITCH = "switch"
    CHOICE = "choice"
    LIST = "list"
    SECRET = "secret"  # noqa: S105 -- the kind, not one


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a form. `name` is its key, with dots where it lies inside another."""

    name: str
    label: str
    help: str
    kind: Kind
    is_required: bool
    default: Data = None
    choices: tuple[str, ...] = ()
    example: str = ""

    @property
    def where(self) -> tuple[str, ...]:
        """The keys that lead to its value."""
        return tuple(self.name.split("."))

    def shown(self, value: Data) -> str:
        """A value as the form shows it: never a secret, and nothing for what is the default anyway."""
        if self.kind is Kind.SECRET or value is None:
            return ""
        if self.kind is Kind.SWITCH:
            return "true" if str(value).strip().lower() in TRUE else "false"
        if isinstance(value, list):
            return _listed(value)
        return "" if isinstance(value, dict) else _unescaped(str(value))

    @property
    def default_shown(self) -> str:
        """What counts where nothing is written."""
        return self.shown(self.default)

    def value(self, text: str, before: Data = None) -> Written:
        """What a text stands for in `stores.yaml`, where `before` stood; None where nothing is to stand there.

        A text that holds `${` is meant as it is, not as a reference to something on this machine. What stood in a list
        before may be one.
        """
        text = text.strip()
        if not text:
            return "" if self.is_required else None
        match self.kind:
            case Kind.SWITCH:
                return text in ("true", "on")
            case Kind.LIST:
                held = before if isinstance(before, list) else []
                return [part if part in held else _plain(part) for part in _parts(text)]
            case Kind.NUMBER | Kind.CHOICE:
                return _plain(text)
            case Kind.TEXT | Kind.SECRET:
                return text.replace("${", "$${")


def _listed(values: Sequence[Data]) -> str:
    """`a, b, "c, d"`."""
    return ", ".join(_quoted(str(one)) for one in values)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def _parts(text: str) -> list[str]:
    if len(text) > csv.field_size_limit():
        return [text]
    parts = next(csv.reader([" ".join(text.splitlines())], skipinitialspace=True))
    return [part.strip() for part in parts if part.strip()]


def _unescaped(text: str) -> str:
    """A text without references as it's meant, and one with them as it is written."""
    return text.replace("$${", "${") if "${" not in text.replace("$${", "") else text


def _plain(text: str) -> Data:
    is_number = text.isascii() and text.isdigit() and len(text) < 18 and (text == "0" or text[0] != "0")
    return int(text) if is_number else text.replace("${", "$${")


def fields_of(model: type[BaseModel]) -> tuple[Field, ...]:
    """The fields of a settings model, required ones first. What JSON can't describe is a line of text."""
    try:
        schema = model.model_json_schema(schema_generator=_Lenient)
    except PydanticInvalidForJsonSchema:
        schema = {}
    found = tuple(_fields(schema, schema.get("$defs", {}), ""))
    return tuple(sorted(found, key=lambda field: not field.is_required))


class _Lenient(GenerateJsonSchema):
    """What JSON can't describe may be anything: a line of text here."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}


def _fields(schema: Schema, definitions: Schema, prefix: str) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, written in schema.get("properties", {}).items():
        described = _resolved(written, definitions)
        if described.get("type") == "object" or "object" in _item_types(described, definitions):
            if "properties" in described and prefix.count(".") < DEEPEST:
                yield from _fields(described, definitions, f"{prefix}{name}.")
            continue  # what has no fixed form is left to the file
        yield Field(
            name=f"{prefix}{name}",
            label=_label(name),
            help=str(described.get("description", "")),
            kind=_kind(described),
            is_required=name in required and not prefix,
            default=_written(described.get("default")),
            choices=_choices(described),
            example=str(next(iter(described.get("examples", ())), "")),
        )


def _item_types(schema: Schema, definitions: Schema) -> set[object]:
    """Of what types the items of a list are."""
    item = _resolved(schema["items"], definitions) if isinstance(schema.get("items"), Mapping) else {}
    return {branch.get("type") for branch in (item, *item.get("anyOf", ()))}


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """A schema with what it refers to, and without the None that may stand in its place."""
    while "$ref" in schema:
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **{k: v for k, v in schema.items() if k != "$ref"}}
    branches = [branch for branch in schema.get("anyOf", ()) if branch.get("type") != "null"]
    if len(branches) == 1:
        return {**_resolved(branches[0], definitions), **{k: v for k, v in schema.items() if k != "anyOf"}}
    return schema


def _kind(schema: Schema) -> Kind:
    kinds = {branch.get("type") for branch in (schema, *schema.get("anyOf", ()))}
    if schema.get("writeOnly") or any(branch.get("writeOnly") for branch in schema.get("anyOf", ())):
        return Kind.SECRET
    if "array" in kinds:
        return Kind.LIST
    if "boolean" in kinds:
        return Kind.SWITCH
    if _choices(schema):
        return Kind.CHOICE
    return Kind.NUMBER if kinds & {"integer", "number"} else Kind.TEXT


def _choices(schema: Schema) -> tuple[str, ...]:
    """What can be chosen, or suggested: names where there are names."""
    branches: Sequence[Schema] = (schema, *schema.get("anyOf", ()))
    if "items" in schema:
        branches = (schema["items"], *schema["items"].get("anyOf", ()))
    found = next((branch["enum"] for branch in branches if "enum" in branch), ())
    names = [one for one in found if isinstance(one, str)]
    return tuple(names or map(str, found))


def _written(value: object) -> Data:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return [_written(one) for one in value]
    return value if isinstance(value, int | None) else str(value)


def _label(name: str) -> str:
    """`API path`: a key as people write it."""
    words = [word.upper() if word in INITIALS else word for word in name.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])
