"""The page in a real browser over a real daemon and a simulated store: what a person at the bench does all day.

It needs Chromium and its own call, `pytest tests/browser`: what drives the browser has an event loop of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from support.commandline import CROSSDOCK

CHROMIUM = os.environ.get("CROSSDOCK_CHROMIUM") or shutil.which("chromium")
LONG_MS = 20_000

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")


@dataclass
class House:
    """A simulated store, and crossdock's daemon in a folder of its own."""

    folder: Path
    store: dict[str, str]
    address: str
    kill: Callable[[], None]
    problems: list[str] = field(default_factory=list)

    def settings(self) -> str:
        """The store's settings as they stand in the file."""
        return json.dumps({name: self.store[name] for name in ("api_path", "client_id", "access_token")})


@contextmanager
def running(
    arguments: list[str], folder: Path, sign: Callable[[str], str | None]
) -> Iterator[tuple[str, Callable[[], None]]]:
    """A command that runs until the end of the block: what `sign` finds in its output, and what kills it before."""
    with subprocess.Popen(
        [*CROSSDOCK, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield next(found for line in process.stdout if (found := sign(line))), process.kill
        finally:
            process.kill()


def address_in(line: str) -> str | None:
    """The page's address, if the daemon tells it here."""
    return line.rsplit(maxsplit=1)[-1] if "listening on" in line else None


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Both running; nothing is configured yet."""
    (tmp_path / "stores.yaml").write_text("# our shops\nengine: {web: {port: 0}}\n", encoding="utf-8")
    sandbox = ["sandbox", "--port", "0", "--orders", "40", "--seed", "7", "--json"]
    with (
        running(sandbox, tmp_path, lambda line: line if line.startswith("{") else None) as (line, _),
        running(["run"], tmp_path, address_in) as (
            address,
            kill,
        ),
    ):
        yield House(tmp_path, json.loads(line), address, kill)


@pytest.fixture
def page(chromium: Browser, house: House) -> Iterator[Page]:
    """A page that may ask nobody but crossdock, and whose console stays silent."""
    with chromium.new_context() as context:
        yield watched(context, house)
    assert house.problems == []


def watched(context: BrowserContext, house: House) -> Page:
    page = context.new_page()
    page.set_default_timeout(LONG_MS)
    page.on("pageerror", lambda error: house.problems.append(str(error)))
    page.on(
        "request", lambda asked: house.problems.append(asked.url) if not asked.url.startswith(house.address) else None
    )
    page.on(
        "console",
        lambda said: (
            house.problems.append(said.text) if said.type == "error" and "status of 40" not in said.text else None
        ),
    )
    return page


def add_store(page: Page, house: House) -> None:
    """As the form asks for it."""
    page.goto(house.address)
    expect(page).to_have_url(f"{house.address}/settings/integrations/new")
    page.get_by_role("button", name="BigCommerce").click()
    page.get_by_label("Store", exact=True).fill("acme")
    page.get_by_label("API path").fill(house.store["api_path"])
    page.get_by_label("Client ID").fill(house.store["client_id"])
    page.get_by_label("Access token").fill("wrong")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_role("alert")).to_contain_text("token")
    page.get_by_label("Access token").fill(house.store["access_token"])
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("It works: this is")).to_be_visible()
    page.get_by_label("Access token").fill(house.store["access_token"])
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("acme is saved.")).to_be_visible()
    page.goto(f"{house.address}/import")
    page.get_by_label("Number of days").fill("365")
    page.get_by_role("button", name="Import").click()
    expect(page.locator(".outcome")).to_contain_text("imported")
    page.get_by_role("button", name="Close").click()


def test_from_the_first_store_to_a_shipment_that_the_store_knows_of(house: House, page: Page) -> None:
    add_store(page, house)
    text = (house.folder / "stores.yaml").read_text(encoding="utf-8")
    assert text.startswith("# our shops\nengine: {web: {port: 0}}\n")
    assert house.store["access_token"] not in text
    rows = page.locator("tr[data-order]")
    number = rows.first.locator("a").first.inner_text()
    page.get_by_label("Search orders").fill(number)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Order {number}")).to_be_visible()
    page.get_by_label("Carrier").first.fill("Sendle")
    page.get_by_label("Tracking number").first.fill("S1")
    page.get_by_role("button", name="Ship", exact=True).first.dblclick()
    expect(page.get_by_role("button", name="Print the label")).to_be_focused()
    expect(page.locator(".shipment.confirmed")).to_have_count(1)
    page.get_by_label("Search orders").fill("s1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Order {number}")).to_be_visible()


def test_many_are_shipped_by_the_keyboard_alone(house: House, page: Page) -> None:
    add_store(page, house)
    page.goto(f"{house.address}/shipments")
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
        page.wait_for_timeout(100)  # longer than between two keys of a scanner
    expect(page.locator("[data-chosen]").first).to_have_text("2")
    page.keyboard.press("p")
    page.get_by_label("Carrier").wait_for()
    page.keyboard.type("Sendle")
    for _ in range(4):  # through both numbers to the button, which is pressed by the last
        page.keyboard.press("Enter")
    expect(page.locator(".outcome")).to_contain_text("orders shipped")
    expect(page.get_by_role("button", name="Print: open the PDF")).to_be_focused()
    page.goto(f"{house.address}/shipments?tab=shipped")
    expect(page.locator("tr[data-order]").first).to_be_visible()


def test_a_scanner_opens_an_order_wherever_one_is(house: House, page: Page) -> None:
    add_store(page, house)
    number = page.locator("tr[data-order] a").first.inner_text()
    page.goto(f"{house.address}/runs")
    page.get_by_role("heading", name="Runs").wait_for()
    page.keyboard.type(f"{number}\n", delay=0)
    expect(page.get_by_role("heading", name=f"Order {number}")).to_be_visible()


def ended(plain: Page) -> None:
    """The job's page, loaded again by hand until it's over."""
    while not plain.locator(".outcome").count():
        plain.reload()


def test_it_works_without_script(house: House, page: Page, chromium: Browser) -> None:
    add_store(page, house)
    with chromium.new_context(java_script_enabled=False) as context:
        plain = watched(context, house)
        plain.goto(f"{house.address}/shipments")
        plain.locator("tr[data-order] a").first.click()
        plain.get_by_label("Carrier").first.fill("Sendle")
        plain.get_by_role("button", name="Ship", exact=True).first.click()
        expect(plain.get_by_text("Shipped: shipment 1 by Sendle.")).to_be_visible()
        plain.get_by_role("link", name="Shipments").click()
        plain.get_by_label("Sort").select_option("newest")
        plain.get_by_role("button", name="Show").click()
        expect(plain).to_have_url(re.compile("sort=newest"))
        for place in (0, 1):
            plain.locator("tr[data-order] input").nth(place).check()
        plain.get_by_role("button", name="Ship and print labels").click()
        plain.get_by_label("Carrier").fill("Sendle")
        plain.get_by_role("button", name="Ship and print labels").click()
        ended(plain)
        expect(plain.locator(".outcome")).to_contain_text("2 orders shipped.")
        plain.get_by_role("button", name="Close").click()
        expect(plain).to_have_url(re.compile("sort=newest"))
        plain.get_by_role("button", name="Import").click()
        plain.get_by_role("button", name="Import").click()
        ended(plain)
        expect(plain.locator(".outcome")).to_contain_text("imported")
        plain.get_by_role("link", name="Integrations").click()
        plain.get_by_role("button", name="Pause acme").click()
        expect(plain.get_by_role("button", name="Resume acme")).to_be_visible()


def test_a_store_that_is_down_is_shown_with_the_way_to_its_settings(house: House, page: Page) -> None:
    add_store(page, house)
    config = house.folder / "stores.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace(house.store["api_path"], "http://127.0.0.1:9/stores/x/v3/"), encoding="utf-8")
    banner = page.locator(".banner")
    for _ in range(60):
        page.goto(f"{house.address}/shipments")
        if banner.count():
            break
        page.wait_for_timeout(250)
    expect(banner.first).to_contain_text("acme")
    banner.first.get_by_role("link").click()
    expect(page).to_have_url(f"{house.address}/settings/integrations/acme")


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with the page that is shown."""
    page.add_script_tag(path=str(files("axe_playwright_python") / "axe.min.js"))
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    result = page.evaluate("tags => axe.run({runOnly: tags})", tags)
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in result["violations"]]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 320)])
def test_no_page_shuts_anybody_out(house: House, page: Page, chromium: Browser, scheme: str, width: int) -> None:
    """WCAG 2.2 AA as far as axe-core can tell, on every page."""
    add_store(page, house)
    number = page.locator("tr[data-order] a").first.get_attribute("href")
    paths = ["/shipments", "/shipments?tab=all", "/import", str(number), "/runs", "/runs/1", "/write-backs",
             "/settings/integrations", "/settings/integrations/new", "/settings/integrations/new/bigcommerce",
             "/settings/integrations/acme", "/settings/integrations/acme/remove", "/nothing"]  # fmt: skip
    with chromium.new_context(
        color_scheme=scheme,  # type: ignore[arg-type]  # of a literal
        viewport={"width": width, "height": 720},
        bypass_csp=True,
    ) as context:
        looked_at = context.new_page()
        found = {}
        for path in paths:
            looked_at.goto(house.address + path)
            if wrong := violations(looked_at):
                found[path] = wrong
        assert found == {}


def test_a_scanned_number_leads_to_the_next_field_and_ships_nothing_yet(house: House, page: Page) -> None:
    add_store(page, house)
    page.goto(f"{house.address}/shipments")
    boxes = page.locator("tr[data-order] input")
    for place in (0, 1):
        boxes.nth(place).check()
    page.keyboard.press("p")
    page.get_by_label("Carrier").fill("Sendle")
    numbers = page.get_by_placeholder("Type or scan; may stay empty")
    numbers.first.focus()
    page.keyboard.type("S1\n", delay=0)
    expect(numbers.nth(1)).to_be_focused()
    page.keyboard.type("S2\n", delay=0)
    expect(page.get_by_role("button", name="Ship and print labels")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".outcome")).to_contain_text("2 orders shipped.")
    page.locator(".steps a").nth(1).click()
    expect(page.locator(".shipment")).to_contain_text("S2")


def test_one_is_shipped_with_a_scanned_number_and_its_label_read_on_the_screen(house: House, page: Page) -> None:
    add_store(page, house)
    first, second = (page.locator("tr[data-order] a").nth(place).get_attribute("href") for place in (0, 1))
    page.goto(f"{house.address}{first}")
    page.keyboard.press("c")
    expect(page.get_by_label("Carrier").first).to_be_focused()
    page.keyboard.type("Sendle")
    page.get_by_label("Tracking number").first.focus()
    page.keyboard.type("S1\n", delay=0)
    expect(page.get_by_role("button", name="Print the label")).to_be_focused()
    with page.context.expect_page() as opened:
        page.keyboard.press("p")
    answer = page.context.request.get(opened.value.url)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.body().startswith(b"%PDF-")
    expect(page.locator("#stage")).to_contain_text("Shipped in the store")
    page.goto(f"{house.address}{second}")
    expect(page.get_by_label("Carrier").first).to_have_value("Sendle")


def test_no_page_is_wider_than_a_phone(house: House, page: Page) -> None:
    add_store(page, house)
    order = page.locator("tr[data-order] a").first.get_attribute("href")
    page.set_viewport_size({"width": 320, "height": 640})  # WCAG 1.4.10: 1280 at a zoom of 400 %
    for path in (
        "/shipments",
        f"{order}",
        "/import",
        "/runs",
        "/write-backs",
        "/settings/integrations",
        "/settings/integrations/acme",
    ):
        page.goto(house.address + path)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
    page.goto(f"{house.address}/shipments")
    row = page.locator("tr[data-order]").first
    box = row.bounding_box()
    assert box is not None
    assert box["width"] <= 320
    expect(row.locator(".at-items")).to_be_visible()


def test_a_daemon_that_is_gone_is_told_on_the_page_that_waits_for_it(house: House, page: Page) -> None:
    add_store(page, house)
    page.goto(f"{house.address}/import")
    slow = {"kind": "slow", "times": None, "seconds": 30}
    assert page.context.request.post(f"{house.store['control']}/faults", data=slow).ok
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("0 of 1 done.")).to_be_visible()
    house.kill()
    expect(page.get_by_text("crossdock does not answer, so this may be old.")).to_be_visible()
    house.problems.clear()  # the browser's own word for it


def test_the_password_lets_one_in_and_its_page_shuts_nobody_out(tmp_path: Path, chromium: Browser) -> None:
    (tmp_path / "stores.yaml").write_text("engine: {web: {port: 0, password_file: keys}}\n", encoding="utf-8")
    typed = b"correct horse battery\n"
    subprocess.run([*CROSSDOCK, "web", "password"], cwd=tmp_path, input=typed, check=True)
    with (
        running(["run"], tmp_path, address_in) as (address, _),
        chromium.new_context(bypass_csp=True) as context,
    ):
        page = context.new_page()
        page.goto(f"{address}/runs")
        page.keyboard.type("a wrong password")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        assert violations(page) == []
        page.keyboard.type("correct horse battery")
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{address}/runs")
        page.get_by_role("button", name="Sign out").click()
        page.goto(f"{address}/runs")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_list_can_be_used_after_its_orders_were_exported(house: House, page: Page) -> None:
    add_store(page, house)
    page.goto(f"{house.address}/shipments")
    page.locator("tr[data-order] input").first.check()
    with page.expect_download() as download:
        page.keyboard.press("e")
    assert download.value.suggested_filename == "orders.csv"
    page.wait_for_timeout(2100)  # a second click within two seconds is one too many
    page.keyboard.press("l")
    expect(page.get_by_role("heading", name="Packing slips")).to_be_visible()


def test_a_scan_in_another_field_than_the_number_ships_nothing(house: House, page: Page) -> None:
    add_store(page, house)
    page.locator("tr[data-order] a").first.click()
    page.get_by_label("Carrier").first.fill("Sendle")
    quantity = page.locator(".quantity").first
    quantity.focus()
    page.keyboard.type("1\n", delay=0)
    expect(quantity).not_to_be_focused()
    page.get_by_label("Carrier").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Tracking number").first).to_be_focused()
    expect(page.locator(".shipment")).to_have_count(0)
