"""Forms for settings that nobody here knows: a connector's model gives the fields, a person's texts become its values.

What a form says is checked by the reader of `stores.yaml`, in the same words; here texts only become what is written
there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from pydantic import BaseModel

from crossdock.yaml_source import Data

Schema: TypeAlias = "Mapping[str, Any]"
KEPT = "kept as it is"


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
        if isinstance(value, list):
            return ", ".join(str(one) for one in value)
        return "" if isinstance(value, dict) else str(value)

    @property
    def default_shown(self) -> str:
        """What counts where nothing is written."""
        return self.shown(self.default)

    def value(self, text: str) -> Data:
        """What a text stands for in `stores.yaml`; None where nothing is to stand there.

        A text that holds `${` is meant as it is, not as a reference to something on this machine.
        """
        text = text.strip()
        if not text:
            return None
        match self.kind:
            case Kind.SWITCH:
                return "true" if text in ("true", "on") else "false"
            case Kind.LIST:
                return [_plain(part.strip()) for part in text.split(",") if part.strip()]
            case Kind.NUMBER | Kind.CHOICE:
                return _plain(text)
            case Kind.TEXT | Kind.SECRET:
                return text.replace("${", "$${")


def _plain(text: str) -> Data:
    is_number = text.isascii() and text.isdigit() and len(text) < 18 and (text == "0" or text[0] != "0")
    return int(text) if is_number else text.replace("${", "$${")


def fields_of(model: type[BaseModel]) -> tuple[Field, ...]:
    """The fields of a settings model, required ones first. What JSON can't describe is a line of text."""
    schema = model.model_json_schema()
    found = tuple(_fields(schema, schema.get("$defs", {}), ""))
    return tuple(sorted(found, key=lambda field: not field.is_required))


def _fields(schema: Schema, definitions: Schema, prefix: str) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, written in schema.get("properties", {}).items():
        described = _resolved(written, definitions)
        if described.get("type") == "object" and "properties" in described:
            yield from _fields(described, definitions, f"{prefix}{name}.")
            continue
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
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:].replace(" id", " ID").replace("Id", "ID")
