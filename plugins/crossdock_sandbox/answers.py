"""One request to the simulated platform and one answer, free of any web framework; the platform's error shapes.

V2 errors are a JSON array of `{status, message, details?}`; V3 errors are one object `{status, title, type, errors?}`.
Source: V2 Orders reference, response 404; V3 Webhooks reference, responses 401, 404, 422.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import msgspec

Json = dict[str, Any]

JSON_TYPE = "application/json"
XML_TYPE = "application/xml"
PROBLEM_TYPE = "application/problem+json"
STATUS_CODES_PAGE = "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes"

encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request below `/stores/{hash}`: `path` like `/v2/orders/101`, header names in lower case, the body raw."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def is_v2(self) -> bool:
        return self.path.startswith("/v2/")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: an empty body carries no content type. `headers` are added to the usual ones."""

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """A refusal in the platform's words; `answer` renders it in the shape of the version that was asked."""

    def __init__(self, status: int, message: str, *, details: Json | None = None, errors: Json | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details
        self.errors = errors

    def answer(self, *, v2: bool) -> Answer:
        return (
            v2_error(self.status, self.message, self.details)
            if v2
            else v3_error(self.status, self.message, self.errors)
        )


def json_answer(value: Any, status: int = 200) -> Answer:
    return Answer(status, encode(value))


def list_answer(values: list[Any]) -> Answer:
    """The V2 list: 204 without a body when there is nothing. Source: V2 Orders reference, GET shipments."""
    return json_answer(values) if values else Answer(204)


def v2_error(status: int, message: str, details: Json | None = None) -> Answer:
    error: Json = {"status": status, "message": message}
    if details is not None:
        error["details"] = details
    return Answer(status, encode([error]))


def v3_error(status: int, title: str, errors: Json | None = None) -> Answer:
    error: Json = {"status": status, "title": title, "type": STATUS_CODES_PAGE}
    if errors is not None:
        error["errors"] = errors
    return Answer(status, encode(error), PROBLEM_TYPE)


def invalid_field(name: str, details: Json | None = None) -> ApiError:
    return ApiError(400, f"The field '{name}' is invalid.", details=details)


def missing_field(name: str) -> ApiError:
    return ApiError(400, f"The required field '{name}' was not supplied.")


def read_only_field(name: str) -> ApiError:
    return ApiError(400, f"The field '{name}' cannot be written to. Please remove it from your request and try again.")


def unsupported_field(name: str) -> ApiError:
    return ApiError(400, f"The field '{name}' is not supported by this resource.")


def not_found() -> ApiError:
    return ApiError(404, "The requested resource was not found.")


def body_object(request: ApiRequest) -> Json:
    """The JSON object in the body of a POST or PUT. Raises 415 without a JSON content type, else 400."""
    if "json" not in request.headers.get("content-type", "").lower():
        raise ApiError(415, "The request must have a Content-Type of application/json.")
    try:
        value = msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        raise ApiError(400, "The request body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise ApiError(400, "The request body must be a JSON object.")
    return value


def as_xml(request: ApiRequest, answer: Answer) -> Answer:
    """The same answer as XML, which several V2 resources send to clients that ask for no JSON, as integrators saw."""
    if not answer.body or answer.content_type != JSON_TYPE:
        return answer
    if answer.status >= 400:
        root = "errors"
    else:
        root = next((part for part in reversed(request.path.split("/")) if not part.isdigit()), "result")
    value = msgspec.json.decode(answer.body)
    if isinstance(value, dict):
        root = _singular(root)
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{_element(root, value)}\n'
    return Answer(answer.status, text.encode(), XML_TYPE, answer.headers)


def _singular(name: str) -> str:
    if name.endswith("statuses"):
        return name[:-2]
    if name.endswith("addresses"):
        return name[:-2]
    return name.removesuffix("s") or name


def _element(name: str, value: Any) -> str:
    if isinstance(value, dict):
        inside = "".join(_element(key, child) for key, child in value.items())
    elif isinstance(value, list):
        inside = "".join(_element(_singular(name), child) for child in value)
    elif isinstance(value, bool):
        inside = str(value).lower()
    elif value is None:
        inside = ""
    else:
        inside = escape(str(value), quote=False)
    return f"<{name}>{inside}</{name}>"
