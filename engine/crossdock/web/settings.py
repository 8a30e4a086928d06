"""Settings › Integrations: the stores, how they are, and the forms that add and change them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from aiohttp import web

from crossdock.config import Reading, StoreConfig, read_proposed
from crossdock.connector import Access, AnyConnector
from crossdock.errors import CrossdockError, Mistake
from crossdock.state.shipments import UNFINISHED
from crossdock.stores_file import SECRETS, StoreFile
from crossdock.web.forms import Field, Kind, fields_of
from crossdock.web.order import Form, text_of
from crossdock.web.shell import counted, page, redirect
from crossdock.web.site import SITE, Site
from crossdock.yaml_source import Data

AT = "/settings/integrations"

OWN = (
    Field(name="label", label="Name", help="As people see it; may change.", kind=Kind.TEXT, is_required=False),
    Field(
        name="every", label="Import every", kind=Kind.TEXT, is_required=False, example="5m",
        help="How often orders are imported: 90s, 5m, 2h, 1d.",
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
    wrong: str = ""
    is_kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A store as a form has it. `secrets` are the new ones, by their keys in `settings`."""

    name: str
    connector: type[AnyConnector]
    is_new: bool
    file: StoreFile
    values: Mapping[tuple[str, ...], Data]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def in_file(self, *, with_secrets: bool) -> StoreFile:
        """The file with this store in it; its new secrets by reference, or in full, to be tried out in memory."""
        changed = self.file
        if self.is_new:
            changed = changed.with_value(("stores", self.name), {"connector": self.connector.name})
        for where, value in self.values.items():
            at = ("stores", self.name, *where)
            changed = changed.without(at) if value is None else changed.with_value(at, value)
        for key, secret in self.secrets.items():
            value = secret.replace("${", "$${") if with_secrets else f"${{file:{SECRETS}/{self.name}.{key}}}"
            changed = changed.with_value(("stores", self.name, "settings", *key.split(".")), value)
        return changed


def add_settings(app: web.Application) -> None:
    """Has the app show and change the stores."""
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
    reading = site.reading()
    known = site.engine.config.stores
    broken = {
        name: [mistake for mistake in reading.mistakes if _is_about(mistake, name)]
        for name in sorted(reading.broken_stores)
    }
    return await page(
        request,
        "integrations.html",
        reports=await site.engine.stores(),
        broken=broken,
        untouched=[name for name in broken if name not in known],
        now=site.engine.clock.now(),
    )


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
    file = await asyncio.to_thread(StoreFile.read, site.engine.config.path)
    connector = site.plugins.connectors().get(str(file.entry(name).get("connector", "")))
    if connector is None:
        raise web.HTTPNotFound(text=f"{file.path.name} has no store '{name}' whose platform is known here.")
    return await _form(request, site, connector, name=name)


async def _form(request: web.Request, site: Site, connector: type[AnyConnector], *, name: str | None) -> web.Response:
    form = await request.post() if request.method == "POST" else None
    file = await asyncio.to_thread(StoreFile.read, site.engine.config.path)
    fields = fields_of(connector.Settings)
    typed = "" if form is None else text_of(form, "name")
    shown = _shown(fields, file.entry(name) if name else {}, form)
    found: Access | None = None
    wrong = ""
    if form is not None:
        draft = _draft(form, connector, file, name=name or typed)
        try:
            trouble = _refusal(file, draft, text_of(form, "fingerprint"))
            reading = _proposed(site, draft)
            mistakes = [mistake for mistake in reading.mistakes if _is_about(mistake, draft.name)]
            shown = [replace(one, wrong=_wrong(one, draft.name, mistakes)) for one in shown]
            store = None if reading.config is None else reading.config.stores.get(draft.name)
            wrong = trouble or _unshown(mistakes, shown, draft.name, store)
            if not wrong and store is not None:
                if text_of(form, "do") != "test":
                    return await _saved(request, site, draft, store)
                tried = await site.engine.try_out(store)
                found, wrong = (None, str(tried)) if isinstance(tried, CrossdockError) else (tried, "")
        except CrossdockError as error:
            wrong = str(error)
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
        fingerprint=file.fingerprint(name or typed) if form is None or not wrong else text_of(form, "fingerprint"),
        found=found,
        wrong=wrong,
    )


def _shown(fields: tuple[Field, ...], entry: Mapping[str, Data], form: Form | None) -> list[Shown]:
    shown = []
    for key, one in [(f"settings.{one.name}", one) for one in fields] + [(one.name, one) for one in OWN]:
        kept = _value_at(dict(entry), key)
        value = one.shown(kept) or (one.default_shown if one.kind is Kind.SWITCH else "")
        if form is not None and one.kind is Kind.SWITCH:
            value = "true" if text_of(form, key) else "false"
        elif form is not None and one.kind is not Kind.SECRET:
            value = text_of(form, key)
        shown.append(Shown(one, key, value, is_kept=one.kind is Kind.SECRET and kept is not None))
    return shown


def _draft(form: Form, connector: type[AnyConnector], file: StoreFile, *, name: str) -> Draft:
    """What the form says beside what stands in the file already; what is as it was is left alone."""
    entry, values, secrets = file.entry(name), dict[tuple[str, ...], Data](), dict[str, str]()
    for one in fields_of(connector.Settings):
        where, text = ("settings", *one.where), text_of(form, f"settings.{one.name}")
        if one.kind is Kind.SECRET:
            if text:
                secrets[one.name] = text
        elif (change := _change(one, entry, where, text)) is not _AS_IT_IS:
            values[where] = change
    for one in OWN:
        if (change := _change(one, entry, one.where, text_of(form, one.name))) is not _AS_IT_IS:
            values[one.where] = change
    return Draft(name=name, connector=connector, is_new=not entry, file=file, values=values, secrets=secrets)


_AS_IT_IS: Data = "\0"  # no text of a form


def _change(one: Field, entry: Mapping[str, Data], where: tuple[str, ...], text: str) -> Data:
    kept = _value_at(dict(entry), ".".join(where))
    if one.kind is Kind.SWITCH:
        text = "true" if text else "false"
        if text == (one.shown(kept) or one.default_shown):
            return _AS_IT_IS
    if text == one.shown(kept):
        return _AS_IT_IS
    return one.value(text)


def _value_at(entry: Data, key: str) -> Data:
    for part in key.split("."):
        if not isinstance(entry, dict):
            return None
        entry = entry.get(part)
    return entry


def _refusal(file: StoreFile, draft: Draft, fingerprint: str) -> str:
    """Why the form can't be taken as it is, beside what is wrong in its fields."""
    if not draft.name:
        return "Store: give it a short name, such as acme-au."
    if draft.is_new and fingerprint and fingerprint != StoreFile(file.path, "").fingerprint(draft.name):
        return f"Somebody has removed {draft.name} meanwhile. Look at the list of integrations."
    if not draft.is_new and fingerprint == StoreFile(file.path, "").fingerprint(draft.name):
        return f"Store: there is a store named '{draft.name}' already; choose another name."
    if not draft.is_new and fingerprint != file.fingerprint(draft.name):
        return (
            f"{draft.name} was changed in {file.path.name} since this form was opened. Nothing was saved: open it "
            "anew, look at what has changed, and change the rest again."
        )
    return ""


def _proposed(site: Site, draft: Draft) -> Reading:
    plugins, config = site.plugins, site.engine.config
    text = draft.in_file(with_secrets=True).text
    return read_proposed(config.path, text, plugins.connectors(), plugins.carriers(), broken_plugins=plugins.reasons())


def _is_about(mistake: Mistake, name: str) -> bool:
    return mistake.path == f"stores.{name}" or mistake.path.startswith((f"stores.{name}.", f"stores.{name}["))


def _wrong(shown: Shown, name: str, mistakes: list[Mistake]) -> str:
    at = f"stores.{name}.{shown.key}"
    return " ".join(one.message for one in mistakes if one.path == at or one.path.startswith((f"{at}[", f"{at}.")))


def _unshown(mistakes: list[Mistake], shown: list[Shown], name: str, store: StoreConfig | None) -> str:
    """What is to be said above the form: that something is wrong in it, and what no field shows."""
    keys = tuple(f"stores.{name}.{one.key}" for one in shown)
    rest = [one.message for one in mistakes if not one.path.startswith(keys)]
    if rest:
        return " ".join(rest)
    if mistakes:
        return "Nothing was saved: see what is marked below."
    return (
        "" if store is not None else "The rest of the file has mistakes that are in the way; `crossdock check` tells."
    )


async def _saved(request: web.Request, site: Site, draft: Draft, store: StoreConfig) -> web.Response:
    file = draft.in_file(with_secrets=False)
    secrets = {f"{draft.name}.{key}": secret for key, secret in draft.secrets.items()}
    await asyncio.to_thread(file.save, secrets)
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
    file = await asyncio.to_thread(StoreFile.read, site.engine.config.path)
    if not file.entry(name):
        raise web.HTTPNotFound(text=f"{file.path.name} has no store '{name}'.")
    unfinished = sum(told.get(state, 0) for state in UNFINISHED)
    words = counted(unfinished, "shipment") if unfinished else ""
    return await page(request, "remove_integration.html", name=name, unfinished=words, file=file.path.name)


async def remove(request: web.Request) -> web.Response:
    """Takes a store out of the file; its orders stay."""
    site, name = request.app[SITE], request.match_info["store"]

    def taken_out() -> None:
        StoreFile.read(site.engine.config.path).without(("stores", name)).save({})

    await asyncio.to_thread(taken_out)
    await site.reload()
    return redirect(request, AT, said=f"{name} is removed. Its orders and shipments stay in the database.")
