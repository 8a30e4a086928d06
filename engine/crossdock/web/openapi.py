"""The OpenAPI 3.1 document of the JSON API, from its table of routes."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from crossdock.model import Stage
from crossdock.state import Outcome, RunKind, StoreState
from crossdock.state.shipments import WriteBackState
from crossdock.web.api import AT, ROUTES, Query, Route

JSON = "application/json"
TEXT = {"type": "string"}
TIME = {"type": "string", "format": "date-time"}
WHOLE = {"type": "integer", "minimum": 0}
PROBLEMS = {
    400: "What was asked isn't right.",
    401: "It needs a token.",
    403: "Another site has sent it.",
    404: "It isn't here.",
    409: "It can't be done as things stand, or the store refuses it.",
    413: "It is too large.",
    415: "It isn't JSON.",
    421: "The Host isn't crossdock's.",
    500: "A mistake in crossdock; its log has the details.",
    502: "A person has to help the store, or a plugin.",
    503: "The store, or the database, can't be used at the moment.",
}


def document(version: str, prefix: str) -> Mapping[str, object]:
    """The whole document."""
    paths: dict[str, dict[str, object]] = {}
    for route in ROUTES:
        paths.setdefault(f"{AT}{route.path}", {})[route.method.lower()] = _operation(route)
    bodies = [route.body for route in ROUTES if route.body is not None]
    _, components = msgspec.json.schema_components(bodies, ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {"title": "crossdock", "version": version, "license": {"name": "MIT", "identifier": "MIT"}},
        "servers": [{"url": prefix or "/"}],
        "paths": paths,
        "components": {
            "schemas": {**components, **SCHEMAS},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _operation(route: Route) -> Mapping[str, object]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": TEXT} for name in re.findall(r"{(\w+)}", route.path)
    ]
    answers = {str(status): _answer(name) for status, name in route.answers.items()}
    problems = {str(status): {"description": words, **_content("Problem")} for status, words in PROBLEMS.items()}
    operation: dict[str, object] = {
        "operationId": route.name,
        "summary": route.words,
        "parameters": [*in_path, *map(_parameter, route.queries)],
        "responses": {**answers, **problems},
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, **_content(route.body.__name__)}
    return operation


def _parameter(query: Query) -> Mapping[str, object]:
    return {"name": query.name, "in": "query", "description": query.words, "schema": query.schema}


def _answer(name: str) -> Mapping[str, object]:
    if name == "Pdf":
        return {"description": "A PDF.", "content": {"application/pdf": {}}}
    return {"description": name, **_content(name)}


def _content(name: str) -> Mapping[str, object]:
    return {"content": {JSON: {"schema": {"$ref": f"#/components/schemas/{name}"}}}}


def _object(optional: Mapping[str, object] = {}, **required: object) -> Mapping[str, object]:
    return {"type": "object", "properties": {**required, **optional}, "required": list(required)}


def _maybe(schema: Mapping[str, object]) -> Mapping[str, object]:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(schema: Mapping[str, object]) -> Mapping[str, object]:
    return {"type": "array", "items": schema}


def _ref(name: str) -> Mapping[str, object]:
    return {"$ref": f"#/components/schemas/{name}"}


def _enum(values: object) -> Mapping[str, object]:
    assert isinstance(values, list)
    return {"type": "string", "enum": [str(value) for value in values]}


_NAME = _maybe(TEXT)
_ADDRESS = _object(
    **dict.fromkeys(
        ("name", "company", "street", "street2", "city", "region", "postcode", "country", "phone", "email"), _NAME
    )
)
_LINE = _object(
    id=TEXT, parent_id=_NAME, sku=_NAME, barcode=_NAME, bin=_NAME, name=TEXT, quantity={"type": "integer"},
    quantity_shipped={"type": "integer"}, quantity_refunded={"type": "integer"}, quantity_on_the_way=WHOLE,
    left_to_ship=WHOLE,
    unit_price=_NAME, weight_grams=_maybe({"type": "number"}),
    options={"type": "object", "additionalProperties": TEXT}, size=_NAME, colour=_NAME, hs_code=_NAME,
    gift_wrap=_NAME, gift_message=_NAME, requires_shipping={"type": "boolean"},
)  # fmt: skip
_CONSIGNMENT = _object(
    id=TEXT, kind=_enum(["shipping", "pickup", "digital"]), ship_to=_maybe(_ref("Address")),
    pickup_from=_maybe(_ref("Address")), service=_NAME, lines=_list(_ref("Line")),
)  # fmt: skip
_ORDER = _object(
    store=TEXT, id=TEXT, number=TEXT, status=_object(id=TEXT, name=TEXT), stage=_enum(list(Stage)),
    shippable={"type": "boolean"}, shipping_allowed={"type": "boolean"}, placed_at=TIME, modified_at=TIME,
    currency=TEXT, total=_NAME,
    customer=_object(name=_NAME, company=_NAME, email=_NAME, phone=_NAME), billing=_maybe(_ref("Address")),
    customer_message=_NAME, staff_notes=_NAME, channel=_NAME, consignments=_list(_ref("Consignment")),
)  # fmt: skip
_SHIPMENT = _object(
    {"warnings": _list(TEXT)},
    id=WHOLE, store=TEXT, order=TEXT, number=TEXT, shipment=WHOLE, state=_enum(list(WriteBackState)),
    tracking_number=_NAME, attempts=WHOLE, next_try=_maybe(TIME), reason=_NAME, consignment=TEXT,
    lines=_list(_object(id=TEXT, quantity=WHOLE)), carrier=TEXT, tracking_link=_NAME, pickup={"type": "boolean"},
    created_at=TIME, collected_at=_maybe(TIME), store_shipment=_NAME,
)  # fmt: skip
_RUN = _object(
    {"dry_run": {"type": "boolean"}},
    id=_maybe(WHOLE), store=TEXT, kind=_enum(list(RunKind)), started_at=TIME, ended_at=_maybe(TIME),
    outcome=_maybe(_enum(list(Outcome))), imported=WHOLE, updated=WHOLE, unchanged=WHOLE, skipped=WHOLE,
    reasons={"type": "object", "additionalProperties": WHOLE}, set_aside=WHOLE, folded=WHOLE, requests=WHOLE,
    retries=WHOLE, waited_s={"type": "number"}, quota_left=_maybe({"type": "integer"}), error=_NAME,
)  # fmt: skip
_STORE = _object(
    name=TEXT, label=TEXT, connector=TEXT, account=_maybe(_object(identity=TEXT, name=TEXT)),
    state=_enum(list(StoreState)), since=_maybe(TIME), why=_NAME, schedule=TEXT, last_run=_maybe(_ref("Run")),
    next_run=_maybe(TIME), lag_s=_maybe({"type": "integer"}), backlog=WHOLE, set_aside=WHOLE,
    writebacks={"type": "object", "additionalProperties": WHOLE}, quota_left=_maybe({"type": "integer"}),
)  # fmt: skip
SCHEMAS: Mapping[str, object] = {
    "Problem": _object(error=_object(kind=TEXT, words=TEXT)),
    "Document": {"type": "object"},
    "Address": _ADDRESS,
    "Line": _LINE,
    "Consignment": _CONSIGNMENT,
    "Order": _ORDER,
    "Orders": _object(orders=_list(_ref("Order")), next=_NAME),
    "OrderReport": {
        "allOf": [
            _ref("Order"),
            _object(
                imported_at=TIME,
                updated_at=TIME,
                set_aside=_NAME,
                shipments=_list(_ref("Shipment")),
                timeline=_list(_object(at=TIME, event=TEXT, details={"type": "object"})),
            ),
        ]
    },
    "Why": _object(store=TEXT, order=TEXT, why=TEXT),
    "Shipment": _SHIPMENT,
    "Shipments": _object(shipments=_list(_ref("Shipment"))),
    "WriteBacks": _object(write_backs=_list(_ref("Shipment")), next=_maybe(WHOLE)),
    "Run": _RUN,
    "Runs": _object(runs=_list(_ref("Run")), next=_maybe(WHOLE)),
    "Store": _STORE,
    "Stores": _object(stores=_list(_ref("Store"))),
}
