"""Settings › Integrations: stores are added, tried out, changed, paused and removed by somebody with a browser."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from random import Random

import aiohttp
import pytest
from crossdock import config
from crossdock.config import Reading
from crossdock.engine import Engine, ImportRequest, open_engine
from crossdock.errors import CrossdockError
from crossdock.plugins import Plugins, load_plugins
from crossdock.web.app import add_pages, serve
from crossdock.web.guards import Guard
from crossdock.web.health import Health
from crossdock.web.site import Site
from crossdock_sandbox.documented import INFORMATION_READ, ORDERS_READ
from crossdock_sandbox.server import Running
from crossdock_sandbox.server import serve as serve_store
from crossdock_sandbox.store import SandboxStore
from support.clock import WoundClock

AT = "/settings/integrations"
NEW = f"{AT}/new/bigcommerce"


class _Reader(HTMLParser):
    """What a browser would send for the forms of a page, and the text that a person reads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.text = ""
        self.controls: dict[str, dict[str, str]] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "input" and "name" in found:
            self.controls[found["name"]] = found
            if found.get("type") != "checkbox" or "checked" in found:
                self.fields[found["name"]] = found.get("value", "")

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


@dataclass(slots=True)
class Seen:
    """A page as it came."""

    status: int
    path: str
    html: str
    fields: dict[str, str] = field(init=False)
    controls: dict[str, dict[str, str]] = field(init=False)
    text: str = field(init=False)

    def __post_init__(self) -> None:
        read = _Reader(self.html)
        self.fields, self.controls, self.text = read.fields, read.controls, " ".join(read.text.split())


@dataclass(slots=True)
class Desk:
    """A person with a browser before crossdock, and a simulated store."""

    folder: Path
    engine: Engine
    plugins: Plugins
    store: SandboxStore
    running: Running
    client: aiohttp.ClientSession
    address: str = ""

    @property
    def file(self) -> Path:
        return self.folder / "stores.yaml"

    def reading(self) -> Reading:
        plugins = self.plugins
        return config.read(
            self.file,
            plugins.connectors(),
            plugins.carriers(),
            broken_plugins=plugins.reasons(),
            may_be_missing=True,
        )

    async def reload(self) -> None:
        found = self.reading().config
        assert found is not None
        self.engine.take_over(found)

    async def get(self, path: str) -> Seen:
        async with self.client.get(self.address + path) as answer:
            return Seen(answer.status, answer.url.path, await answer.text())

    async def send(self, path: str, form: dict[str, str], **typed: str) -> Seen:
        """What a form says, with some fields typed anew; dots in their names are written as double underscores."""
        filled = {**form, **{name.replace("__", "."): text for name, text in typed.items()}}
        async with self.client.post(self.address + path, data=filled) as answer:
            return Seen(answer.status, answer.url.path, await answer.text())

    @property
    def account(self) -> dict[str, str]:
        return {
            "name": "acme",
            "settings__api_path": self.running.api_path,
            "settings__client_id": self.running.client_id,
            "settings__access_token": self.running.access_token,
        }

    async def add(self, **typed: str) -> Seen:
        form = (await self.get(NEW)).fields
        return await self.send(NEW, form, **{**self.account, "do": "save", **typed})


@asynccontextmanager
async def desk_in(folder: Path) -> AsyncIterator[Desk]:
    clock, plugins = WoundClock(), load_plugins(None, environ={})
    store = SandboxStore(now=clock.now, orders=3)
    missing = config.read(folder / "stores.yaml", plugins.connectors(), plugins.carriers(), may_be_missing=True).config
    assert missing is not None
    async with (
        serve_store(store) as running,
        open_engine(missing, plugins, clock=clock, random=Random(1)) as engine,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
    ):
        desk = Desk(folder, engine, plugins, store, running, client)
        site = Site(
            engine=engine,
            plugins=plugins,
            health=lambda: Health(alive=True, ready=True, version="1", stores={}),
            reading=desk.reading,
            reload=desk.reload,
            version="1",
        )
        guard = Guard("127.0.0.1", None, None, clock)
        async with serve("127.0.0.1", 0, partial(add_pages, site=site, guard=guard)) as desk.address:
            yield desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as desk:
        yield desk


# --- adding ---


async def test_with_no_file_yet_a_first_store_is_added_and_works(desk: Desk) -> None:
    assert "BigCommerce" in (await desk.get("/")).text
    seen = await desk.add()
    assert (seen.status, seen.path) == (200, AT)
    assert "acme is saved" in seen.text
    run = await desk.engine.import_store("acme", ImportRequest())
    assert run.counts.imported
    assert os.stat(desk.file).st_mode & 0o777 == 0o600


async def test_what_was_not_typed_is_not_written(desk: Desk) -> None:
    await desk.add()
    written = desk.file.read_text().splitlines()
    assert [line.split(":")[0].strip() for line in written] == [
        "stores",
        "acme",
        "connector",
        "settings",
        "api_path",
        "client_id",
        "access_token",
    ]


async def test_the_secret_lies_beside_the_file_and_is_never_shown(desk: Desk) -> None:
    await desk.add()
    token = desk.running.access_token
    assert token not in desk.file.read_text()
    assert (desk.folder / "secrets" / "acme.access_token").read_text().strip() == token
    for path in (AT, f"{AT}/acme", f"{AT}/acme/remove"):
        assert token not in (await desk.get(path)).html


async def test_the_form_shows_how_to_create_the_account(desk: Desk) -> None:
    seen = await desk.get(NEW)
    connector = desk.plugins.connectors()["bigcommerce"]
    assert connector.setup_steps
    assert all(step in seen.text for step in connector.setup_steps)
    assert "shown once when it is made" in seen.text
    assert seen.controls["settings.access_token"]["type"] == "password"


@pytest.mark.parametrize(
    ("typed", "key", "words"),
    [
        ({"settings__import_days": "0"}, "settings.import_days", "should be at least 1"),
        ({"settings__import_days": "many"}, "settings.import_days", "should be a whole number"),
        ({"settings__import_statuses": "9, Nowhere"}, "settings.import_statuses", "Nowhere"),
        ({"settings__api_path": "http://elsewhere"}, "settings.api_path", "https"),
        ({"settings__client_id": ""}, "settings.client_id", "is empty"),
        ({"settings__access_token": ""}, "settings.access_token", "is empty"),
        ({"every": "often"}, "every", "should be a duration"),
        ({"cron": "61 * * * *"}, "cron", "61"),
        ({"cron": "0 8 * * *", "timezone": "Australia/Sidney"}, "timezone", "did you mean 'Australia/Sydney'"),
        ({"sender__country": "Australia"}, "sender.country", "two letters"),
    ],
)
async def test_a_mistake_stands_at_its_field_and_nothing_is_saved(
    desk: Desk, typed: dict[str, str], key: str, words: str
) -> None:
    seen = await desk.add(label="My own words", **typed)
    assert seen.status == 400
    assert seen.controls[key]["aria-invalid"] == "true"
    assert words in seen.text
    assert seen.fields["label"] == "My own words"
    assert seen.fields[key] == typed[key.replace(".", "__")]
    assert not desk.file.exists()
    assert not (desk.folder / "secrets").exists()


async def test_a_store_can_have_a_timetable_and_not_two(desk: Desk) -> None:
    await desk.add(cron="0 8 * * mon-fri", timezone="Australia/Sydney")
    assert 'cron: "0 8 * * mon-fri"' in desk.file.read_text()
    assert desk.engine.store("acme").timezone == "Australia/Sydney"
    before = desk.file.read_text()
    seen = await desk.send(f"{AT}/acme", (await desk.get(f"{AT}/acme")).fields, do="save", every="5m")
    assert seen.status == 400
    assert "either" in seen.text
    assert desk.file.read_text() == before


@pytest.mark.parametrize("name", ["", "Acme", "../acme", "a b", "x" * 64, "../" + "a" * 80, "new"])
async def test_a_name_that_cannot_be_one_is_refused(desk: Desk, name: str) -> None:
    seen = await desk.add(name=name)
    assert seen.status == 400
    assert not desk.file.exists()
    assert not (desk.folder / "secrets").exists()
    assert "name" in seen.text.split("How to get")[0]


async def test_a_name_that_is_taken_is_refused_and_the_store_stays_as_it_was(desk: Desk) -> None:
    await desk.add()
    before = desk.file.read_text()
    seen = await desk.add(settings__client_id="another")
    assert seen.status == 400
    assert "already" in seen.text
    assert desk.file.read_text() == before


async def test_a_dollar_and_a_brace_typed_by_somebody_are_no_reference(desk: Desk) -> None:
    os.environ["CROSSDOCK_TEST_HIDDEN"] = "hidden"
    try:
        await desk.add(label="${CROSSDOCK_TEST_HIDDEN} and $${x}")
        assert desk.engine.store("acme").label == "${CROSSDOCK_TEST_HIDDEN} and $${x}"
        await desk.send(f"{AT}/acme", (await desk.get(f"{AT}/acme")).fields, do="save", every="7m")
        assert desk.engine.store("acme").label == "${CROSSDOCK_TEST_HIDDEN} and $${x}"
    finally:
        del os.environ["CROSSDOCK_TEST_HIDDEN"]


# --- trying out ---


async def test_trying_out_tells_whose_account_it_is_and_saves_nothing(desk: Desk) -> None:
    seen = await desk.add(do="test")
    assert seen.status == 200
    assert "Sandbox Outfitters" in seen.text
    assert not desk.file.exists()
    assert desk.running.access_token not in seen.html
    assert await desk.engine.state.stores() == []


async def test_what_was_tried_out_can_be_saved_without_typing_the_secret_again(desk: Desk) -> None:
    tried = await desk.add(do="test")
    assert "required" not in tried.controls["settings.access_token"]
    saved = await desk.send(NEW, tried.fields, do="save")
    assert saved.path == AT, saved.text
    run = await desk.engine.import_store("acme", ImportRequest())
    assert run.counts.imported


async def test_trying_out_tells_the_stores_own_refusal(desk: Desk) -> None:
    seen = await desk.add(do="test", settings__access_token="a" * 31)
    assert seen.status == 400
    assert "BigCommerce" in seen.text
    assert "refuse" in seen.text.lower() or "token" in seen.text


async def test_trying_out_tells_what_the_key_may_not_do(desk: Desk) -> None:
    reader = desk.store.new_token({ORDERS_READ, INFORMATION_READ})
    seen = await desk.add(do="test", settings__client_id=reader.client_id, settings__access_token=reader.access_token)
    assert "Orders" in seen.text
    assert "modify" in seen.text


async def test_trying_out_tells_that_another_store_is_the_same_account(desk: Desk) -> None:
    await desk.add()
    await desk.engine.import_store("acme", ImportRequest())
    seen = await desk.add(do="test", name="again")
    assert "One account has one name" in seen.text


async def test_a_store_that_is_there_is_tried_out_with_the_secret_it_has(desk: Desk) -> None:
    await desk.add()
    seen = await desk.send(f"{AT}/acme", (await desk.get(f"{AT}/acme")).fields, do="test")
    assert "Sandbox Outfitters" in seen.text


# --- changing ---

COMMENTED = """\
# ours
stores:
    acme:   # in Perth
        connector: bigcommerce
        write_back: yes     # from the first day on
        settings: {{api_path: "{api_path}", client_id: '{client_id}', access_token: ${{file:token}}}}
        # the end
    theirs: {{connector: nobody}}
"""


async def with_comments(desk: Desk) -> str:
    (desk.folder / "token").write_text(desk.running.access_token)
    text = COMMENTED.format(api_path=desk.running.api_path, client_id=desk.running.client_id)
    text = text.replace("${file:token}", '"${file:token}"')
    desk.file.write_text(text)
    await desk.reload()
    return text


async def test_what_is_saved_unchanged_is_not_touched(desk: Desk) -> None:
    text = await with_comments(desk)
    seen = await desk.send(f"{AT}/acme", (await desk.get(f"{AT}/acme")).fields, do="save")
    assert seen.path == AT, seen.text
    assert desk.file.read_text() == text
    assert not (desk.folder / "secrets").exists()


async def test_one_change_changes_one_value_and_keeps_comments_and_the_secret(desk: Desk) -> None:
    text = await with_comments(desk)
    form = (await desk.get(f"{AT}/acme")).fields
    seen = await desk.send(f"{AT}/acme", form, do="save", settings__client_id="other", label="ACME")
    assert seen.path == AT, seen.text
    after = text.replace(f"'{desk.running.client_id}'", "other")
    after = after.replace("        # the end\n", "        label: ACME\n        # the end\n")
    assert desk.file.read_text() == after


async def test_a_switch_shows_what_the_file_means(desk: Desk) -> None:
    await with_comments(desk)
    form = (await desk.get(f"{AT}/acme")).fields
    assert form["write_back"] == "true"
    del form["write_back"]
    await desk.send(f"{AT}/acme", form, do="save")
    assert not desk.engine.store("acme").write_back
    assert "write_back: false     # from the first day on" in desk.file.read_text()


async def test_a_reference_of_the_file_stays_one(desk: Desk) -> None:
    os.environ["CROSSDOCK_TEST_ID"] = desk.running.client_id
    try:
        await desk.add()
        desk.file.write_text(desk.file.read_text().replace(desk.running.client_id, "${CROSSDOCK_TEST_ID}"))
        await desk.reload()
        form = (await desk.get(f"{AT}/acme")).fields
        assert form["settings.client_id"] == "${CROSSDOCK_TEST_ID}"
        await desk.send(f"{AT}/acme", form, do="save", every="9m")
        assert "client_id: ${CROSSDOCK_TEST_ID}" in desk.file.read_text()
        assert desk.engine.store("acme").settings.client_id == desk.running.client_id  # type: ignore[attr-defined]
    finally:
        del os.environ["CROSSDOCK_TEST_ID"]


async def test_an_emptied_field_takes_its_key_away(desk: Desk) -> None:
    await desk.add(label="ACME", sender__city="Perth", settings__import_days="5")
    form = (await desk.get(f"{AT}/acme")).fields
    seen = await desk.send(f"{AT}/acme", form, do="save", label="", sender__city="", settings__import_days="")
    assert seen.path == AT, seen.text
    assert desk.engine.store("acme").label == "acme"
    assert desk.engine.store("acme").sender is None
    assert "import_days" not in desk.file.read_text()


async def test_an_option_with_a_comma_in_its_name_stays_one(desk: Desk) -> None:
    await desk.add()
    text = desk.file.read_text() + '      product_options:\n        size: ["Size, EU", Size]\n'
    desk.file.write_text(text)
    await desk.reload()
    form = (await desk.get(f"{AT}/acme")).fields
    size = form["settings.product_options.size"]
    await desk.send(f"{AT}/acme", form, do="save", settings__product_options__size=f"{size}, Taille")
    options = desk.engine.store("acme").settings.product_options  # type: ignore[attr-defined]
    assert options.size == ("Size, EU", "Size", "Taille")


async def test_a_change_by_somebody_else_is_shown_and_not_lost(desk: Desk) -> None:
    await desk.add(label="ACME")
    form = (await desk.get(f"{AT}/acme")).fields
    desk.file.write_text(desk.file.read_text().replace("label: ACME", "label: Theirs\n    every: 9m"))
    refused = await desk.send(f"{AT}/acme", form, do="save", settings__client_id="mine")
    assert refused.status in (400, 409)
    assert "changed" in refused.text
    assert "mine" not in desk.file.read_text()
    assert refused.fields["settings.client_id"] == "mine", "what was typed is still there"
    assert refused.fields["label"] == "Theirs", "what wasn't typed is as it is now"
    seen = await desk.send(f"{AT}/acme", refused.fields, do="save")
    assert seen.path == AT, seen.text
    assert all(words in desk.file.read_text() for words in ("label: Theirs", "every: 9m", "client_id: mine"))


async def test_two_stores_saved_at_once_are_both_there_or_one_is_told(desk: Desk) -> None:
    form = (await desk.get(NEW)).fields
    both = [{**desk.account, "name": name, "do": "save"} for name in ("one", "two")]
    seen = await asyncio.gather(*(desk.send(NEW, form, **typed) for typed in both))
    saved = {name for name, page in zip(("one", "two"), seen, strict=True) if page.path == AT}
    assert saved
    assert set(desk.reading().config.stores) == saved  # type: ignore[union-attr]


async def test_a_mistake_elsewhere_in_the_file_hinders_nobody(desk: Desk) -> None:
    desk.file.write_text("stores:\n  acme.eu: {connector: nobody}\n")
    seen = await desk.add()
    assert seen.path == AT, seen.text
    assert "acme.eu" in seen.text
    assert "nobody" in seen.text


async def test_a_file_that_cannot_be_read_is_told_and_left_alone(desk: Desk) -> None:
    await desk.add()
    desk.file.write_text("stores: [a\n")
    for path in (f"{AT}/acme", NEW, f"{AT}/acme/remove"):
        seen = await desk.get(path)
        assert seen.status < 500
        assert "stores.yaml" in seen.text
    assert desk.file.read_text() == "stores: [a\n"


# --- the list, pausing, removing ---


async def test_the_list_says_how_each_store_is_and_what_comes_next(desk: Desk) -> None:
    await desk.add(label="ACME Australia", every="5m")
    seen = await desk.get(AT)
    assert "ACME Australia" in seen.text
    assert "every 5m" in seen.text
    assert "never" in seen.text
    assert "Its first import is about to begin" in seen.text
    await desk.engine.import_store("acme", ImportRequest())
    seen = await desk.get(AT)
    assert "Sandbox Outfitters" in seen.text
    assert "The next import begins in" in seen.text
    desk.store.faults.add("status", times=None, status=401)
    for _ in range(2):
        with pytest.raises(CrossdockError):
            await desk.engine.import_store("acme", ImportRequest())
    assert "Somebody has to help" in (await desk.get(AT)).text
    await desk.engine.pause("acme")
    assert "until it's resumed" in (await desk.get(AT)).text


async def test_a_store_is_paused_and_goes_on(desk: Desk) -> None:
    await desk.add()
    form = (await desk.get(AT)).fields
    assert "acme is paused" in (await desk.send(f"{AT}/acme/pause", form)).text
    assert await desk.engine.state.paused() == {"acme"}
    assert "acme goes on" in (await desk.send(f"{AT}/acme/resume", form)).text
    assert await desk.engine.state.paused() == frozenset()


async def test_removing_asks_first_and_leaves_the_orders_but_no_secret(desk: Desk) -> None:
    await desk.add()
    held = (await desk.engine.import_store("acme", ImportRequest())).counts.imported
    before = desk.file.read_text()
    asked = await desk.get(f"{AT}/acme/remove")
    assert "stay" in asked.text
    assert desk.file.read_text() == before
    seen = await desk.send(f"{AT}/acme/remove", asked.fields)
    assert seen.path in (AT, f"{AT}/new")
    assert "acme" not in desk.file.read_text()
    assert not list((desk.folder / "secrets").iterdir())
    assert len([order async for order in desk.engine.state.orders(store="acme", stage=None, search=None)]) == held > 0


@pytest.mark.parametrize("path", [f"{AT}/nobody", f"{AT}/nobody/remove", f"{AT}/new/nobody"])
async def test_what_is_not_there_is_said_so(desk: Desk, path: str) -> None:
    seen = await desk.get(path)
    assert seen.status == 404
    assert "nobody" in seen.text or "no such platform" in seen.text


async def test_a_store_that_there_is_is_tried_out_with_what_is_typed(desk: Desk) -> None:
    await desk.add()
    await desk.engine.check(["acme"])  # its connector is kept from now on
    form = (await desk.get(f"{AT}/acme")).fields
    seen = await desk.send(f"{AT}/acme", form, do="test", settings__access_token="wrong")
    assert seen.status == 400
    assert "It works" not in seen.text
    seen = await desk.send(f"{AT}/acme", (await desk.get(f"{AT}/acme")).fields, do="test")
    assert "It works" in seen.text
