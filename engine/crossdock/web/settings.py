"""Settings › Integrations: the stores, how they are, and the forms that add and change them."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from secrets import token_urlsafe

from aiohttp import web

from crossdock.clock import span
from crossdock.config import Reading, StoreConfig, read_proposed
from crossdock.config_sections import NAME
from crossdock.connector import Access, AnyConnector
from crossdock.engine import StoreReport
from crossdock.errors import ConfigError, CrossdockError, UnreachableError
from crossdock.state import StoreState
from crossdock.state.shipments import UNFINISHED
from crossdock.stores_file import SECRETS, StoreFile, secret_file
from crossdock.timetable import next_run
from crossdock.web.forms import Field, Kind, fields_of
from crossdock.web.shell import Form, counted, page, redirect, text_of
from crossdock.web.site import SITE, Site
from crossdock.yaml_edit import ABSENT, Patch, Written
from crossdock.yaml_source import Data, written

AT = "/settings/integrations"
TRY_S = 60.0  # for a person who waits for the answer

OWN = (
    Field(name="label", label="Name", help="As people see it; may change.", kind=Kind.TEXT, is_required=False),
    Field(
        name="every", label="Import every", kind=Kind.TEXT, is_required=False, example="5m",
        help="How often orders are imported: 90s, 5m, 2h, 1d.",
    ),
    Field(
        name="cron", label="Import at", kind=Kind.TEXT, is_required=False, example="*/5 8-18 * * mon-fri",
        help="When orders are imported, instead of every so often: minute, hour, day, month, weekday.",
    ),
    Field(
        name="timezone", label="Time zone", kind=Kind.TEXT, is_required=False, example="Australia/Sydney",
        help="The one that “Import at” means.",
    ),
    Field(
        name="write_back", label="Write back", kind=Kind.SWITCH, is_required=False, default="true",
        help="Whether tracking and status go back to the store. Off while it's tried beside another tool.",
    ),
    *(
        Field(name=f"sender.{name}", label=f"Sender: {words}", kind=Kind.TEXT, is_required=False, help="")
        for name, words in (
            ("name", "name"), ("company", "company"), ("street", "street"), ("street2", "second line"),
            ("city", "city"), ("region", "state or region"), ("postcode", "postcode"), ("country", "country code"),
            ("phone", "phone"),
        )
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """A field with what stands in it, and what is wrong with that."""

    field: Field
    key: str
    value: str
    was: str = ""
    wrong: str = ""
    is_kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A store as a form has it. `secrets` are the new ones, by their keys in `settings`."""

    name: str
    connector: type[AnyConnector]
    is_new: bool
    file: StoreFile
    values: Mapping[tuple[str, ...], Written]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def in_file(self, *, with_secrets: bool) -> StoreFile:
        """The file with this store in it; its new secrets by reference, or in full, to be tried out in memory."""
        patch: dict[str, Patch] = {"connector": self.connector.name} if self.is_new else {}
        for where, value in self.values.items():
            _set(patch, where, ABSENT if value is None else value)
        for key, secret in self.secrets.items():
            reference = f"${{file:{SECRETS}/{secret_file(self.name, key)}}}"
            _set(patch, ("settings", *key.split(".")), secret.replace("${", "$${") if with_secrets else reference)
        return self.file.with_store(self.name, patch) if patch else self.file


TYPED: web.AppKey[OrderedDict[str, Mapping[str, str]]] = web.AppKey("typed", OrderedDict)
"""Secrets that were typed and aren't saved yet, by what the form knows them by: it never shows them again."""
MOST_TYPED = 50  # forms


def _set(patch: dict[str, Patch], where: tuple[str, ...], value: Patch) -> None:
    for key in where[:-1]:
        inner = patch.setdefault(key, {})
        assert isinstance(inner, dict)
        patch = inner
    patch[where[-1]] = value


def add_settings(app: web.Application) -> None:
    """Has the app show and change the stores."""
    app[TYPED] = OrderedDict()
    app.router.add_get(AT, show_stores)
    app.router.add_get(f"{AT}/new", choose_platform)
    app.router.add_get(f"{AT}/new/{{connector}}", new_store)
    app.router.add_post(f"{AT}/new/{{connector}}", new_store)
    app.router.add_get(f"{AT}/{{store}}", edit_store)
    app.router.add_post(f"{AT}/{{store}}", edit_store)
    app.router.add_post(f"{AT}/{{store}}/pause", pause)
    app.router.add_post(f"{AT}/{{store}}/resume", resume)
    app.router.add_get(f"{AT}/{{store}}/remove", ask_to_remove)
    app.router.add_post(f"{AT}/{{store}}/remove", remove)


async def show_stores(request: web.Request) -> web.Response:
    """The stores with their health."""
    site = request.app[SITE]
    reading, now = site.reading(), site.engine.clock.now()
    known = site.engine.config.stores
    broken = {
        name: [
            f"{key}: {words}" if key else words for key, some in mistakes_of(name, reading).items() for words in some
        ]
        for name in sorted(reading.broken_stores)
    }
    return await page(
        request,
        "integrations.html",
        reports=[(one, _next_step(one, now)) for one in await site.engine.stores()],
        broken=broken,
        untouched=[name for name in broken if name not in known],
    )


def _next_step(one: StoreReport, now: datetime) -> str:
    """What comes next for a store, and whether somebody has to do it."""
    following = next_run(one.config, one.standing, now)
    when = "" if following is None else f"in {span(max(following - now, timedelta(0)))}"
    match one.state:
        case StoreState.PAUSED:
            return "Nothing is imported or written back until it's resumed."
        case StoreState.NEEDS_CREDENTIALS:
            return f"Somebody has to help: mend the settings and save. It's tried again {when} anyway."
        case StoreState.RETRYING:
            return f"Nothing to do: it's tried again {when}."
        case StoreState.OK:
            return f"The next import begins {when}." if one.last_run else "Its first import is about to begin."


async def choose_platform(request: web.Request) -> web.Response:
    """Which platform a new store is on."""
    plugins = request.app[SITE].plugins
    connectors = sorted(plugins.connectors().values(), key=lambda one: one.title.casefold())
    return await page(request, "platforms.html", connectors=connectors, broken=plugins.broken)


async def new_store(request: web.Request) -> web.Response:
    """The form of a new store; tried out or saved, where it was sent."""
    site = request.app[SITE]
    connector = site.plugins.connectors().get(request.match_info["connector"])
    if connector is None:
        raise web.HTTPNotFound(text="There is no such platform here; `crossdock plugins` tells which there are.")
    return await _form(request, site, connector, name=None)


async def edit_store(request: web.Request) -> web.Response:
    """The form of a store that there is."""
    site, name = request.app[SITE], request.match_info["store"]
    file = await _file(site)
    connector = site.plugins.connectors().get(str(file.entry(name).get("connector", "")))
    if connector is None:
        raise web.HTTPNotFound(text=f"{file.path.name} has no store '{name}' whose platform is known here.")
    return await _form(request, site, connector, name=name)


async def _form(request: web.Request, site: Site, connector: type[AnyConnector], *, name: str | None) -> web.Response:
    form = await request.post() if request.method == "POST" else None
    file = await _file(site)
    fields = fields_of(connector.Settings)
    typed = "" if form is None else text_of(form, "name")
    entry = file.entry(name) if name else {}
    fingerprint = file.fingerprint(name or "")
    found: Access | None = None
    wrong, kept_id, secrets = "", "", dict[str, str]()
    if form is not None:
        is_news = name is not None and text_of(form, "fingerprint") != fingerprint
        kept_id, secrets = _secrets(request, form, fields)
        draft = _draft(form, fields, connector, file, name=name or typed, secrets=secrets)
        wrong = _refusal(site, file, draft, is_news=is_news, is_edit=name is not None)
        shown = _shown(fields, entry, form, secrets, is_news=is_news)
        if not wrong:
            reading = await asyncio.to_thread(_proposed, site, draft)
            mistakes = mistakes_of(draft.name, reading)
            shown = [replace(one, wrong=_wrong(one, mistakes)) for one in shown]
            store = None if reading.config is None else reading.config.stores.get(draft.name)
            wrong = _unshown(mistakes, shown, store)
            if not wrong and store is not None:
                try:
                    if text_of(form, "do") != "test":
                        saved = await _saved(request, site, draft, store)
                        request.app[TYPED].pop(kept_id, None)
                        return saved
                    found = await _tried(site, store)
                except CrossdockError as error:
                    wrong = str(error).removeprefix(f"{draft.name}: ")
    else:
        shown = _shown(fields, entry, None, {}, is_news=False)
    return await page(
        request,
        "integration.html",
        status=400 if wrong else 200,
        connector=connector,
        steps=connector.setup_steps,
        name=name,
        typed_name=typed,
        own=[one for one in shown if not one.key.startswith("settings.")],
        own_settings=[one for one in shown if one.key.startswith("settings.")],
        fingerprint=fingerprint,
        typed_id=kept_id,
        found=found,
        wrong=wrong,
    )


async def _file(site: Site) -> StoreFile:
    """The file as it is now; a sentence where it can't be read."""
    try:
        return await asyncio.to_thread(StoreFile.read, site.engine.config.path)
    except ConfigError as error:
        raise web.HTTPConflict(text=f"Nothing can be changed here until the file can be read. {error}") from error


async def _tried(site: Site, store: StoreConfig) -> Access:
    """What signing in with these settings tells. Raises what went wrong."""
    try:
        async with asyncio.timeout(TRY_S):
            tried = await site.engine.try_out(store)
    except TimeoutError:
        raise UnreachableError(
            f"{store.name}: {store.connector.title} has not answered within {TRY_S:.0f} seconds. Is the address right?"
        ) from None
    if isinstance(tried, CrossdockError):
        raise tried
    return tried


def _secrets(request: web.Request, form: Form, fields: Sequence[Field]) -> tuple[str, dict[str, str]]:
    """The secrets of a form, those included that were typed into it before, and what it knows them by from now on."""
    typed, before = request.app[TYPED], text_of(form, "typed")
    secrets = dict(typed.pop(before, {}))
    for one in fields:
        if one.kind is Kind.SECRET and (text := text_of(form, f"settings.{one.name}")):
            secrets[one.name] = text
    if not secrets:
        return "", {}
    kept_id = token_urlsafe(16)
    typed[kept_id] = secrets
    if len(typed) > MOST_TYPED:
        typed.popitem(last=False)
    return kept_id, secrets


def _shown(
    fields: Sequence[Field], entry: Mapping[str, Data], form: Form | None, secrets: Mapping[str, str], *, is_news: bool
) -> list[Shown]:
    """The fields with what stands in the file, or with what was typed.

    After news of the file, what wasn't typed is as it is there now, and what was is marked where both have changed.
    """
    shown = []
    for key, one in [(f"settings.{one.name}", one) for one in fields] + [(one.name, one) for one in OWN]:
        kept = _value_at(dict(entry), key)
        now = one.shown(kept) or (one.default_shown if one.kind is Kind.SWITCH else "")
        value, wrong = now, ""
        if form is not None and one.kind is not Kind.SECRET:
            value, was = _typed(one, form, key), text_of(form, f"was-{key}")
            if is_news and value == was:
                value = now
            elif is_news and now not in (was, value):
                wrong = f"Somebody has made this “{now}” meanwhile." if now else "Somebody has emptied this meanwhile."
        is_kept = one.kind is Kind.SECRET and (kept is not None or one.name in secrets)
        shown.append(Shown(one, key, value, now, wrong, is_kept))
    return shown


def _typed(one: Field, form: Form, key: str) -> str:
    text = text_of(form, key)
    return ("true" if text else "false") if one.kind is Kind.SWITCH else text


def _draft(
    form: Form,
    fields: Sequence[Field],
    connector: type[AnyConnector],
    file: StoreFile,
    *,
    name: str,
    secrets: Mapping[str, str],
) -> Draft:
    """What the form says beside what stands in the file already; what is as it was is left alone."""
    entry, values = file.entry(name), dict[tuple[str, ...], Written]()
    for key, one in [(f"settings.{one.name}", one) for one in fields] + [(one.name, one) for one in OWN]:
        where = tuple(key.split("."))
        if one.kind is Kind.SECRET:
            if one.is_required and one.name not in secrets and _value_at(dict(entry), key) is None:
                values[where] = ""
        elif (change := _change(one, entry, where, form)) is not _AS_IT_IS:
            values[where] = change
    return Draft(name=name, connector=connector, is_new=not entry, file=file, values=values, secrets=secrets)


_AS_IT_IS: Data = "\0"  # no text of a form


def _change(one: Field, entry: Mapping[str, Data], where: tuple[str, ...], form: Form) -> Written:
    key = ".".join(where)
    kept, text = _value_at(dict(entry), key), _typed(one, form, key)
    is_lacking = one.is_required and not text
    if not is_lacking and text == (one.shown(kept) or (one.default_shown if one.kind is Kind.SWITCH else "")):
        return _AS_IT_IS
    return one.value(text, kept)


def _value_at(entry: Data, key: str) -> Data:
    for part in key.split("."):
        if not isinstance(entry, dict):
            return None
        entry = entry.get(part)
    return entry


def _refusal(site: Site, file: StoreFile, draft: Draft, *, is_news: bool, is_edit: bool) -> str:
    """Why the form can't be taken as it is, beside what is wrong in its fields."""
    if is_news:
        return (
            f"{draft.name} was changed in {file.path.name} since this form was opened, so nothing was saved. What you"
            " typed is still here, and the rest is as it is now: look at it, and save again."
        )
    if is_edit:
        return ""
    if not re.fullmatch(NAME, draft.name) or draft.name == "new":
        return (
            "Store: give it a short name, such as acme-au: at most 63 lower-case letters, digits and . _ -, beginning"
            " with a letter or digit; and not 'new'."
        )
    if draft.name in file.stores:
        return f"Store: there is a store named '{draft.name}' already; choose another name."
    return ""


def _proposed(site: Site, draft: Draft) -> Reading:
    plugins, config = site.plugins, site.engine.config
    text = draft.in_file(with_secrets=True).text
    return read_proposed(config.path, text, plugins.connectors(), plugins.carriers(), broken_plugins=plugins.reasons())


def mistakes_of(store: str, reading: Reading) -> dict[str, list[str]]:
    """What is wrong with a store, by the key in its entry, such as `settings.api_path`; "" is the entry itself."""
    own = written(("stores", store))
    longer = [other for name in reading.broken_stores if (other := written(("stores", name))).startswith(f"{own}.")]
    found: dict[str, list[str]] = {}
    for mistake in reading.mistakes:
        if _lies_in(mistake.path, own) and not any(_lies_in(mistake.path, other) for other in longer):
            found.setdefault(mistake.path[len(own) :].lstrip("."), []).append(mistake.message)
    return found


def _lies_in(path: str, place: str) -> bool:
    return path == place or path.startswith((f"{place}.", f"{place}["))


def _wrong(shown: Shown, mistakes: Mapping[str, Sequence[str]]) -> str:
    return " ".join(words for key, some in mistakes.items() if _lies_in(key, shown.key) for words in some)


def _unshown(mistakes: Mapping[str, Sequence[str]], shown: Sequence[Shown], store: StoreConfig | None) -> str:
    """What is to be said above the form: that something is wrong in it, and what no field shows."""
    fields = [one.key for one in shown]
    rest = [words for key, some in mistakes.items() if not any(_lies_in(key, one) for one in fields) for words in some]
    if rest:
        return " ".join(rest)
    if mistakes:
        return "Nothing was saved: see what is marked below."
    return (
        "" if store is not None else "The rest of the file has mistakes that are in the way; `crossdock check` tells."
    )


async def _saved(request: web.Request, site: Site, draft: Draft, store: StoreConfig) -> web.Response:
    def write() -> None:
        secrets = {secret_file(draft.name, key): secret for key, secret in draft.secrets.items()}
        draft.in_file(with_secrets=False).save(secrets)

    await asyncio.to_thread(write)
    await site.reload()
    said = f"{store.label} is saved." + (" Its first import begins now." if draft.is_new else "")
    return redirect(request, AT, said=said)


async def pause(request: web.Request) -> web.Response:
    """Scheduled imports and write-backs of a store stop."""
    site, name = request.app[SITE], request.match_info["store"]
    await site.engine.pause(name)
    return redirect(
        request, AT, said=f"{site.engine.store(name).label} is paused: nothing is imported or written back."
    )


async def resume(request: web.Request) -> web.Response:
    """They go on."""
    site, name = request.app[SITE], request.match_info["store"]
    await site.engine.resume(name)
    return redirect(request, AT, said=f"{site.engine.store(name).label} goes on.")


async def ask_to_remove(request: web.Request) -> web.Response:
    """What removing a store means, before it's done."""
    site, name = request.app[SITE], request.match_info["store"]
    told = (await site.engine.state.writeback_counts()).get(name, {})
    file = await _file(site)
    if name not in file.stores:
        raise web.HTTPNotFound(text=f"{file.path.name} has no store '{name}'.")
    unfinished = sum(told.get(state, 0) for state in UNFINISHED)
    words = counted(unfinished, "shipment") if unfinished else ""
    return await page(request, "remove_integration.html", name=name, unfinished=words, file=file.path.name)


async def remove(request: web.Request) -> web.Response:
    """Takes a store out of the file; its orders stay."""
    site, name = request.app[SITE], request.match_info["store"]

    file = await _file(site)
    if name not in file.stores:
        raise web.HTTPNotFound(text=f"{file.path.name} has no store '{name}'.")

    def taken_out() -> None:
        left = file.without_store(name)
        left.save({})
        left.forget_secrets(name)

    await asyncio.to_thread(taken_out)
    await site.reload()
    return redirect(request, AT, said=f"{name} is removed. Its orders and shipments stay in the database.")
