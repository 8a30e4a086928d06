"""Checks a file's data against a pydantic model and says in plain words, at the right place, what is wrong with it.

What came from a reference, and what belongs into a secret field, never appears in these words.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, get_args

from pydantic import AliasChoices, BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic import Secret as SecretOf
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from crossdock.errors import did_you_mean
from crossdock.references import References
from crossdock.yaml_source import Data, Document, Where, shortened

ModelT = TypeVar("ModelT", bound=BaseModel)

HIDDEN = "‹hidden›"
SHORT = 6  # characters
CUSTOM = frozenset({"value_error", "assertion_error"})

MAPPING = "should be a mapping of keys to values"
SHOULD_BE = (  # the beginning of pydantic's name of an error → what would be right
    ("int_", "should be a whole number"),
    ("float_", "should be a number"),
    ("decimal_", "should be a number"),
    ("finite_number", "should be a number"),
    ("bool_", "should be true or false"),
    ("string_type", "should be text"),
    ("string_sub_type", "should be text"),
    ("bytes_type", "should be text"),
    ("path_type", "should be the path of a file"),
    ("url_", "should be a web address, such as https://example.com/"),
    ("uuid_", "should be a UUID, such as 123e4567-e89b-12d3-a456-426614174000"),
    ("datetime_", "should be a time, such as 2026-05-01T10:00:00Z"),
    ("date_", "should be a date, such as 2026-05-01"),
    ("time_", "should be a time of day, such as 10:30"),
    ("list_type", "should be a list, such as [a, b]"),
    ("tuple_type", "should be a list, such as [a, b]"),
    ("set_type", "should be a list, such as [a, b]"),
    ("frozen_set_type", "should be a list, such as [a, b]"),
    ("iterable_type", "should be a list, such as [a, b]"),
    ("dict_type", MAPPING),
    ("mapping_type", MAPPING),
    ("model_", MAPPING),
    ("dataclass_", MAPPING),
)
LIMITS = {  # pydantic's name of an error → what would be right, with the value of the limit
    "greater_than": "should be more than {gt}",
    "greater_than_equal": "should be at least {ge}",
    "less_than": "should be less than {lt}",
    "less_than_equal": "should be at most {le}",
    "multiple_of": "should be a multiple of {multiple_of}",
    "string_too_short": "should have at least {min_length} characters",
    "string_too_long": "should have at most {max_length} characters",
    "string_pattern_mismatch": "should have the form {pattern}",
    "too_short": "should have at least {min_length} entries",
    "too_long": "should have at most {max_length} entries",
    "literal_error": "should be {expected}",
    "enum": "should be {expected}",
}


def validated(
    model: type[ModelT], data: Data, where: Where, *, document: Document, references: References
) -> ModelT | None:
    """`data`, which lies at `where`, as a `model`; or None, and every mistake is reported to the document.

    A whole number is text where the model wants text: `postcode: 6000` is taken as it is written.
    """
    try:
        return _with_numbers_as_text(model, data)
    except ValidationError as error:
        _Report(model, data, where, document, references).errors(_details(error))
    except (
        Exception
    ) as error:  # a plugin's own check that fails is the plugin's mistake, and must not stop other stores
        document.report(where, f"the check of these settings failed ({type(error).__name__}): a mistake in the plugin")
    return None


def report_blanks(
    model: type[BaseModel], data: Data, where: Where, *, document: Document, references: References
) -> None:
    """Reports each required value that is given, but empty, unless a mistake was reported there already."""
    for place, value in _required(model, data, where):
        if isinstance(value, str) and not value.strip() and place not in document.wrong:
            document.report(place, references.empty.get(place, "is empty; write a value here"))


def report_unknown_key(document: Document, where: Where, known: Collection[str]) -> None:
    """Reports that the last part of `where` is no key there, with the nearest one that is."""
    key = str(where[-1])
    document.report(
        where, f"unknown key '{shortened(key)}'{did_you_mean(key, known) or ';'}{listed(known)}", at_key=True
    )


def listed(known: Collection[str]) -> str:
    """` known: a, b`: all of them, so that the right one can be found."""
    return f" known: {', '.join(sorted(known))}" if known else ""


def _with_numbers_as_text(model: type[ModelT], data: Data) -> ModelT:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        texts = copy.deepcopy(data)
        changed = [_make_text(texts, one["loc"]) for one in _details(error) if one["type"] not in CUSTOM]
        if not any(changed):
            raise
    return model.model_validate(texts)


def _make_text(data: Data, loc: Sequence[str | int]) -> bool:
    """Whether there was a number at `loc`, which is text now."""
    place, value = _found(data, loc)
    if type(value) is not int or not place:
        return False
    _, around = _found(data, place[:-1])
    around[place[-1]] = str(value)  # type: ignore[index]  # the place says which of list and dict it is
    return True


def _details(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False, include_input=False)


def _found(data: Data, loc: Sequence[str | int]) -> tuple[Where, Data]:
    """The place and the value that pydantic means; what it adds for branches of a union is passed over."""
    place: Where = ()
    for part in loc:
        members = dict(enumerate(data)) if isinstance(data, list) else data
        if isinstance(members, dict) and part in members:
            data, place = members[part], (*place, part)  # type: ignore[index]  # a list's by number, a dict's by key
    return place, data


class _Report:
    """The errors of one validation, brought to the document."""

    def __init__(
        self, model: type[BaseModel], data: Data, where: Where, document: Document, references: References
    ) -> None:
        self.model = model
        self.data = data
        self.where = where
        self.document = document
        self.references = references
        self.hidden = dict(_secrets(model, data, where))
        self.hidden |= references.filled
        self.already_wrong = {place for place in _places(data, where) if place in document.wrong}

    def errors(self, errors: Sequence[ErrorDetails]) -> None:
        told: dict[Where, list[str]] = {}
        for error in errors:
            place, value = _found(self.data, error["loc"])
            at = (*self.where, *place)
            if error["type"] == "extra_forbidden":
                report_unknown_key(self.document, at, _known_keys(self.model, error["loc"][:-1]))
            elif error["type"] == "missing":
                told.setdefault(at, []).append(self._missing(error["loc"]))
            elif not self._is_explained(at):
                told.setdefault(at, []).append(self._words(error, at, value))
        for at, words in told.items():
            for message in _joined(words):
                self.document.report(at, message)

    def _is_explained(self, at: Where) -> bool:
        """Whether a mistake that was reported already, at `at` or inside it, lets no other be expected."""
        return any(place[: len(at)] == at for place in self.references.failed) or at in self.already_wrong

    def _missing(self, loc: Sequence[str | int]) -> str:
        key = str(loc[-1])
        for model in _models_at(self.model, loc[:-1]):
            field = _fields_by_key(model).get(key)
            if field is not None and field.info.description:
                return f"the key '{key}' is missing: {field.info.description}"
        return f"the key '{key}' is missing"

    def _words(self, error: ErrorDetails, at: Where, value: Data) -> str:
        kind, context = error["type"], error.get("ctx", {})
        if at in self.references.empty:
            return self.references.empty[at]
        if kind in CUSTOM:
            return self._safe(str(context.get("error", "")).strip() or "is not valid")
        if kind in LIMITS:
            return LIMITS[kind].format(**context) + ("" if kind.startswith("too_") else self._instead(at, value))
        for beginning, should_be in SHOULD_BE:
            if kind.startswith(beginning):
                is_lost = should_be == MAPPING and isinstance(value, str)  # who knows what belongs elsewhere
                return should_be + (", not text" if is_lost else self._instead(at, value))
        return self._safe(error["msg"])

    def _instead(self, at: Where, value: Data) -> str:
        if value is None:
            return "; nothing is written here"
        if isinstance(value, dict):
            return ", not a mapping"
        if isinstance(value, list):
            return ", not a list"
        if at in self.hidden:
            return ""
        return f", not {shortened(repr(value))}"

    def _safe(self, words: str) -> str:
        """`words` of a connector or of pydantic without any hidden value that they repeat."""
        texts = {form for values in self.hidden.values() for text in values for form in _forms(text)}
        for text in sorted(texts, key=len, reverse=True):
            # A short one only as a word of its own: otherwise a value of 2 would leave no sentence whole.
            pattern = re.escape(text) if len(text) >= SHORT else rf"(?<!\w){re.escape(text)}(?!\w)"
            words = re.sub(pattern, HIDDEN, words, flags=re.IGNORECASE)
        return words


def _forms(text: str) -> set[str]:
    """`text` as a message may repeat it."""
    return {form for form in (text, text.strip(), repr(text)[1:-1], repr(text.strip())[1:-1]) if form.strip()}


def _joined(words: Sequence[str]) -> Iterator[str]:
    """The branches of a union as one sentence, other mistakes at one place as they are."""
    branches = list(dict.fromkeys(one for one in words if one.startswith("should be ")))
    if len(branches) > 1:
        *others, last = branches
        kinds = [re.split(", not |; nothing", one)[0].removeprefix("should be ") for one in others]
        yield f"should be {', or '.join(kinds)}, or {last.removeprefix('should be ')}"
    else:
        yield from branches
    yield from dict.fromkeys(one for one in words if not one.startswith("should be "))


def _secrets(model: type[BaseModel], data: Data, where: Where) -> Iterator[tuple[Where, tuple[str, ...]]]:
    """What must not be shown, by its place: the values in secret fields of `model`, and under unknown keys.

    A secret under a misspelt key is one still; a short word there is none, and may well stand in a good sentence.
    """
    if not isinstance(data, dict):
        return
    fields = _fields_by_key(model)
    for key, value in data.items():
        place = (*where, key)
        if key not in fields:
            yield from ((at, (text,) if len(text) >= SHORT else ()) for at, text in _scalars(value, place))
        elif fields[key].is_secret:
            yield from ((at, (text,)) for at, text in _scalars(value, place))
        else:
            for inner in fields[key].models:
                for inner_place, inner_value in _mappings(value, place):
                    yield from _secrets(inner, inner_value, inner_place)


def _required(model: type[BaseModel], data: Data, where: Where) -> Iterator[tuple[Where, Data]]:
    """The values given for the required fields of `model`, and of the models in it."""
    if not isinstance(data, dict):
        return
    fields = _fields_by_key(model)
    for key, value in data.items():
        if key not in fields:
            continue
        if fields[key].info.is_required():
            yield (*where, key), value
        if isinstance(value, dict):
            for inner in fields[key].models:
                yield from _required(inner, value, (*where, key))


def _scalars(data: Data, where: Where) -> Iterator[tuple[Where, str]]:
    """The single values inside `data`, as texts."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _scalars(value, (*where, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _scalars(value, (*where, index))
    elif data is not None:
        yield where, str(data)


def _places(data: Data, where: Where) -> Iterator[Where]:
    """`where` and the places of all values inside `data`."""
    yield where
    members = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for part, value in members:
        yield from _places(value, (*where, part))


def _mappings(data: Data, where: Where) -> Iterator[tuple[Where, Data]]:
    """`data` itself and all mappings inside it."""
    if isinstance(data, dict):
        yield where, data
        for key, value in data.items():
            yield from _mappings(value, (*where, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _mappings(value, (*where, index))


def _known_keys(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    return sorted({key for inner in _models_at(model, loc) for key in _fields_by_key(inner)})


def _models_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[type[BaseModel]]:
    """The models that may stand at `loc` inside `model`."""
    models = [model]
    for part in loc:
        fields = [found[part] for found in map(_fields_by_key, models) if isinstance(part, str) and part in found]
        if fields:  # otherwise a position in a list, or the branch of a union
            models = [inner for field in fields for inner in field.models]
    return models


@dataclass(frozen=True, slots=True)
class _Field:
    info: FieldInfo
    is_secret: bool
    models: tuple[type[BaseModel], ...]


@cache
def _fields_by_key(model: type[BaseModel]) -> dict[str, _Field]:
    fields = {}
    for name, info in model.model_fields.items():
        types = tuple(_types_in(info.annotation))
        is_secret = any(issubclass(found, (SecretStr, SecretBytes, SecretOf)) for found in types)
        field = _Field(info, is_secret, tuple(found for found in types if issubclass(found, BaseModel)))
        fields.update(dict.fromkeys(_keys(name, info), field))
    return fields


def _keys(name: str, field: FieldInfo) -> list[str]:
    """By which keys a field is filled in."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [choice for choice in alias.choices if isinstance(choice, str)]
    return [alias] if isinstance(alias, str) else [name]


def _types_in(annotation: Any) -> Iterator[type]:
    """Every class that a field's annotation is made of."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for part in (*get_args(annotation), getattr(annotation, "__value__", None)):
        if part is not None:
            yield from _types_in(part)
