"""`/v3/hooks`: webhooks as records. The sandbox keeps them and delivers nothing: destinations must be HTTPS on 443.

Source: V3 Webhooks reference (shapes, 404, 422); webhooks overview (port 443, one hook per scope and destination).
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from .answers import Answer, ApiError, ApiRequest, Json, body_object, json_answer
from .auth import Account
from .documented import DEFAULT_LIMIT, MAX_LIMIT
from .store import SandboxStore

INVALID = "JSON data is missing or invalid"
HOOKS_PER_SCOPE = 10  # per store, account and scope
_SCOPE = re.compile(r"store/[A-Za-z]+(/[A-Za-z0-9_]+)*(/\*)?")
_WRITABLE = frozenset({"scope", "destination", "is_active", "headers", "events_history_enabled"})


def create_hook(store: SandboxStore, request: ApiRequest, account: Account) -> Answer:
    fields = _checked(body_object(request))
    for name in ("scope", "destination"):
        if name not in fields:
            raise ApiError(422, INVALID, errors={name: "error.path.missing"})
    _refuse_twins(store, account, fields, but_for=None)
    same_scope = [each for each in _own(store, account) if each["scope"] == fields["scope"]]
    if len(same_scope) >= HOOKS_PER_SCOPE:
        raise ApiError(
            422, f"There are {HOOKS_PER_SCOPE} webhooks for this scope already", errors={"scope": "error.limit"}
        )
    now = store.time()
    hook: Json = {
        "id": next(store.hook_ids),
        "client_id": account.client_id,
        "store_hash": store.store_hash,
        "headers": None,
        "is_active": True,
        **fields,
        "created_at": now,
        "updated_at": now,
    }
    store.hooks[hook["id"]] = hook
    return _data(hook)


def list_hooks(store: SandboxStore, request: ApiRequest, account: Account) -> Answer:
    """The account's hooks; those of other accounts are not visible."""
    hooks = _own(store, account)
    for name in ("scope", "destination"):
        if name in request.query:
            hooks = [each for each in hooks if each[name] == request.query[name]]
    if "is_active" in request.query:
        wanted = request.query["is_active"].lower() in {"true", "1"}
        hooks = [each for each in hooks if each["is_active"] is wanted]
    page, limit = _positive(request, "page", 1), min(_positive(request, "limit", DEFAULT_LIMIT), MAX_LIMIT)
    shown = hooks[(page - 1) * limit : page * limit]
    pagination = {
        "total": len(hooks),
        "count": len(shown),
        "per_page": limit,
        "current_page": page,
        "total_pages": -(-len(hooks) // limit) or 1,
        "links": {"current": f"?page={page}&limit={limit}"},
    }
    return json_answer({"data": shown, "meta": {"pagination": pagination}})


def get_hook(store: SandboxStore, request: ApiRequest, account: Account, hook_id: int) -> Answer:
    return _data(_hook(store, account, hook_id))


def update_hook(store: SandboxStore, request: ApiRequest, account: Account, hook_id: int) -> Answer:
    hook = _hook(store, account, hook_id)
    fields = _checked(body_object(request))
    if not fields:
        raise ApiError(422, INVALID, errors={"body": "error.expected.one.field"})
    _refuse_twins(store, account, hook | fields, but_for=hook_id)
    hook.update(fields, updated_at=store.time())
    return _data(hook)


def delete_hook(store: SandboxStore, request: ApiRequest, account: Account, hook_id: int) -> Answer:
    """Deletes the hook and answers 200 with it."""
    hook = _hook(store, account, hook_id)
    del store.hooks[hook_id]
    return _data(hook)


def get_admin(store: SandboxStore, request: ApiRequest, account: Account) -> Answer:
    hooks = [each | {"status": "active" if each["is_active"] else "inactive"} for each in _own(store, account)]
    return json_answer({"data": {"emails": store.hook_emails, "hooks_list": hooks, "blocked_domains": []}, "meta": {}})


def put_admin(store: SandboxStore, request: ApiRequest, account: Account) -> Answer:
    emails = body_object(request).get("emails")
    if not isinstance(emails, list) or not all(isinstance(each, str) and "@" in each for each in emails):
        raise ApiError(422, INVALID, errors={"emails": "error.expected.emails"})
    store.hook_emails = emails
    return Answer(204)


def _data(hook: Json) -> Answer:
    return json_answer({"data": hook, "meta": {}})


def _own(store: SandboxStore, account: Account) -> list[Json]:
    return [each for each in store.hooks.values() if each["client_id"] == account.client_id]


def _hook(store: SandboxStore, account: Account, hook_id: int) -> Json:
    hook = store.hooks.get(hook_id)
    if hook is None or hook["client_id"] != account.client_id:
        raise ApiError(404, f"Webhook with id [{hook_id}] not found")
    return hook


def _checked(body: Json) -> Json:
    """The hook's fields from a body. Raises 422 with the field; `events_history_enabled` is taken and always false."""
    errors: dict[str, str] = {}
    for name, value in body.items():
        if name in _WRITABLE and (error := _error_of(name, value)):
            errors[name] = error
    if errors:
        raise ApiError(422, INVALID, errors=errors)
    fields = {name: value for name, value in body.items() if name in _WRITABLE}
    if "events_history_enabled" in fields:
        fields["events_history_enabled"] = False
    return fields


def _error_of(name: str, value: Any) -> str | None:
    if name == "scope":
        return None if isinstance(value, str) and _SCOPE.fullmatch(value) else "error.scope.invalid"
    if name == "destination":
        return None if isinstance(value, str) and _is_destination(value) else "error.destination.invalid"
    if name == "headers":
        is_right = value is None or (isinstance(value, dict) and all(isinstance(each, str) for each in value.values()))
        return None if is_right else "error.expected.strings"
    return None if isinstance(value, bool) else "error.expected.boolean"


def _is_destination(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and parts.port in {None, 443}
    except ValueError:
        return False


def _refuse_twins(store: SandboxStore, account: Account, fields: Json, *, but_for: int | None) -> None:
    wanted = (fields["scope"], fields["destination"])
    for each in _own(store, account):
        if each["id"] != but_for and (each["scope"], each["destination"]) == wanted:
            raise ApiError(
                422, "A webhook with this scope and destination exists", errors={"destination": "error.exists"}
            )


def _positive(request: ApiRequest, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isdigit() or int(text) < 1:
        raise ApiError(422, f"The parameter {name} is invalid", errors={name: "error.expected.positive"})
    return int(text)
