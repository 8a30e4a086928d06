"""What stands around every page: navigation, banners, and what templates are given."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, urlencode

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from multidict import MultiDictProxy

from crossdock.clock import ago, span
from crossdock.errors import UsageError
from crossdock.model import instant
from crossdock.state import LARGEST_ID, StoreState
from crossdock.web.guards import LET_IN
from crossdock.web.site import SESSION, SITE, Site

AGE = re.compile(r"[0-9]+[a-z]")  # of a span its largest unit: what is seen from afar
STATIC = Path(str(files("crossdock.web"))) / "static"
Form: TypeAlias = "MultiDictProxy[str | bytes | bytearray | web.FileField]"

INTEGRATIONS = "/settings/integrations"
PLACES = (("/shipments", "Shipments"), ("/runs", "Runs"), (INTEGRATIONS, "Integrations"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """Something that a person should see to: what it is, since when, and where the cure is."""

    words: str
    since: datetime | None
    link: str
    cure: str


async def page(request: web.Request, template: str, /, *, status: int = 200, **values: object) -> web.Response:
    """The page that a template makes, with the shell around it."""
    site = request.app[SITE]
    is_let_in = request.get(LET_IN, False)  # what goes on in the shop is nobody's business who isn't signed in
    banners, places = (await _banners(site), PLACES) if is_let_in else ((), ())
    shown = {"banners": banners, "places": places, "said": _said(request), **_asked(request), **values}
    return _answer(template, shown, status)


def part(request: web.Request, template: str, /, **values: object) -> str:
    """A part of a page, to be put into one that is being looked at."""
    return _environment().get_template(template).render(**_asked(request), **values)


def redirect(request: web.Request, path: str, *, said: str = "") -> web.Response:
    """Leads to another page of ours, which shows what was said once."""
    if said and (session := request.get(SESSION)) is not None:
        session.said = said
    # No raise: what a handler has begun goes on to its end.
    return web.Response(status=303, headers={"Location": f"{request.app[SITE].prefix}{path}"})


def path_to(*parts: str | int, **query: str | int | None) -> str:
    """`/orders/acme/17?tab=new`: every part and value as text that means nothing else; what is None is left out."""
    asked = urlencode({name: value for name, value in query.items() if value is not None})
    return "".join(f"/{quote(str(part), safe='')}" for part in parts) + (f"?{asked}" if asked else "")


def _answer(template: str, values: dict[str, object], status: int) -> web.Response:
    return web.Response(
        text=_environment().get_template(template).render(**values),
        status=status,
        content_type="text/html",
        headers={"Cache-Control": "no-store"},
    )


def _asked(request: web.Request) -> dict[str, object]:
    """What templates need to know of the request."""
    site, session = request.app[SITE], request.get(SESSION)
    return {
        "here": request.path,
        "csrf_field": partial(_csrf_field, "" if session is None else session.csrf),
        "nonce_field": _nonce_field,
        "is_signed_in": bool(session is not None and session.signed_in),
        "url": lambda path: f"{site.prefix}{path}",
        "asset": lambda name: f"{site.prefix}/static/{name}?{_fingerprint(name)}",
        "version": site.version,
    }


def _said(request: web.Request) -> str:
    """What the last page had to say, once."""
    session = request.get(SESSION)
    if session is None:
        return ""
    said: str = session.said
    session.said = ""
    return said


def _nonce_field() -> Markup:
    """Stands for one form: sent twice, it's done once."""
    return Markup('<input type="hidden" name="nonce" value="{}">').format(secrets.token_urlsafe(16))


def _csrf_field(csrf: str) -> Markup:
    return Markup('<input type="hidden" name="csrf" value="{}">').format(csrf)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("crossdock.web"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["path_to"] = path_to
    environment.filters |= {
        "ago": lambda at: ago(datetime.now(UTC) - at),
        "age": lambda at: AGE.findall(span(datetime.now(UTC) - at))[0],
        "instant": instant,
        "clock": lambda at: f"{at:%H:%M:%S}",
        "words": lambda name: str(name).replace("_", " "),
        "counted": counted,
    }
    return environment


def text_of(form: Form, name: str) -> str:
    """The text of a field, without space around it; "" where there is none."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def place_of(text: str) -> int | None:
    """Before which id a page of a list begins; None where nothing is said: with the newest. Raises UsageError."""
    if text and not (text.isascii() and text.isdigit() and len(text) < len(str(LARGEST_ID))):
        raise UsageError("This place in the list isn't understood; begin at its first page.")
    return int(text) if text else None


def counted(count: int, what: str) -> str:
    """`1 order`, `2 orders`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


@cache
def _fingerprint(name: str) -> str:
    """Stands for the content of a static file, so that a browser may keep it for good."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


MOST_BANNERS = 3  # of a kind: more would leave no room for the page


async def _banners(site: Site) -> list[Banner]:
    """What is wrong at present, in the configuration, with stores, and with what they were told."""
    stores, reading = sorted(site.engine.config.stores.items()), site.reading()
    mistakes = [
        Banner(words=str(mistake), since=None, link=INTEGRATIONS, cure="Mend it")
        for mistake in (reading if stores else reading.allowing_no_store()).mistakes
    ]
    standings = await site.engine.state.standings()
    failing = [
        Banner(
            words=f"{store.label}: {standing.failure.words.removeprefix(f'{name}: ')}",
            since=standing.since,
            link=path_to("settings", "integrations", name),
            cure="Settings",
        )
        for name, store in stores
        if (standing := standings.get(name)) is not None
        and standing.state not in (StoreState.OK, StoreState.PAUSED)
        and standing.failure is not None
    ]
    counts = await site.engine.state.refused()
    refusing = [
        Banner(
            words=f"{store.label} refused {counted(counts[name], 'shipment')}: they don't count as shipped.",
            since=None,
            link=path_to("write-backs", store=name, state="refused"),
            cure="See why",
        )
        for name, store in stores
        if counts.get(name, 0)
    ]
    return [
        *_few(mistakes, "mistakes in stores.yaml", INTEGRATIONS),
        *_few(failing, "stores fail", INTEGRATIONS),
        *_few(refusing, "stores refused shipments", path_to("write-backs", state="refused")),
    ]


def _few(banners: list[Banner], what: str, link: str) -> list[Banner]:
    """The banners; one in their place where there are many, which says since when the first of them holds."""
    if len(banners) <= MOST_BANNERS:
        return banners
    since = min((banner.since for banner in banners if banner.since is not None), default=None)
    return [Banner(words=f"{len(banners)} {what}.", since=since, link=link, cure="See which")]
