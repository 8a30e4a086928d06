"""Many orders at once, imports that meet, and what becomes of orders whose data is gone."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from crossdock.state import LockPurpose
from support.bench import STORE, Bench
from support.site import Browser


async def test_an_import_that_meets_another_shows_that_one_and_then_its_own(bench: Bench, visitor: Browser) -> None:
    bench.store.add_order()
    await visitor.get("/import")
    async with bench.engines() as other, other.state.lock(STORE, LockPurpose.IMPORT, lambda words: None):
        await visitor.send("/import", {"store": STORE, "days": "7"})
        page = await visitor.told("waiting for it to finish")
        assert 'class="outcome' not in page
    assert "1 imported" in await visitor.ended()


async def test_as_many_as_can_be_selected_are_told_one_by_one_and_more_are_refused(
    visitor: Browser, orders: list[int]
) -> None:
    """Those that aren't here fail; the one that is goes all the same."""
    chosen = [f"{STORE}/{number}" for number in range(10_000, 10_999)]
    await visitor.get("/shipments")
    numbers = {f"tracking-{key}": f"S{place}" for place, key in enumerate(chosen)}
    await visitor.send("/shipments/ship", {"order": [*chosen, f"{STORE}/{orders[0]}"], "carrier": "Sendle", **numbers})
    assert visitor.status == 200
    page = await visitor.ended()
    assert "1 order shipped, 999 not: see below." in page
    assert page.count('class="step failed"') == 999
    await visitor.get("/shipments")
    page = visitor.text
    await visitor.send("/shipments/print", {"order": [*chosen, f"{STORE}/1", f"{STORE}/2"], "paper": "slip"})
    assert visitor.status == 400
    assert "1,001 orders are selected; choose at most 1,000 in one go." in visitor.text
    visitor.text = page
    await visitor.send("/shipments/print", {"order": chosen * 3, "paper": "slip"})
    assert visitor.status == 413
    assert "more than crossdock takes at once; nothing was done" in visitor.text


async def test_an_order_whose_data_was_erased_is_listed_exported_and_found_without_it(
    bench: Bench, visitor: Browser, orders: list[int]
) -> None:
    state, later = visitor.engine.state, bench.clock.now() + timedelta(days=4000)
    while await state.erase(later, later, 50):
        pass
    page = await visitor.get("/shipments?tab=all")
    assert all(f"/orders/{STORE}/{order}" in page for order in orders)
    await visitor.send("/shipments/export.csv", {"order": [f"{STORE}/{order}" for order in orders]})
    rows = list(csv.DictReader(io.StringIO(visitor.text.removeprefix("\ufeff"))))
    assert [row["number"] for row in rows] == [str(order) for order in orders]
    assert {(row["customer_name"], row["customer_email"], row["ship_to"]) for row in rows} == {("", "", "")}
    assert f"Order {orders[0]}" in await visitor.get(f"/shipments?search={orders[0]}")


async def test_a_page_holds_as_many_orders_as_are_asked_for_and_says_so_in_its_address(
    bench: Bench, visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossdock.web.shipments.ROWS", (2, 3))
    rows = {
        asked: len(re.findall("<tr data-order", await visitor.get(f"/shipments?rows={asked}"))) for asked in "2379x"
    }
    assert rows == {"2": 2, "3": 3, "7": 2, "9": 2, "x": 2}
    assert re.search(r'href="/shipments\?tab=shipped&amp;rows=3"', await visitor.get("/shipments?rows=3"))


@pytest.mark.parametrize("path", ["/shipments/ship", "/shipments/print", "/shipments/export.csv"])
async def test_with_nothing_selected_the_list_says_so(visitor: Browser, path: str) -> None:
    await visitor.get("/shipments")
    assert "No order is selected: select some first." in await visitor.send(path, {"paper": "slip"})
    assert visitor.at.endswith("/shipments")


async def test_a_form_that_is_sent_twice_is_one_job(visitor: Browser, orders: list[int]) -> None:
    page = await visitor.get("/shipments")
    jobs = set()
    for _ in range(2):
        visitor.text = page
        await visitor.send("/shipments/print", {"order": [f"{STORE}/{orders[0]}"], "paper": "slip"})
        jobs.add(visitor.at)
    await visitor.get("/shipments")
    await visitor.send("/shipments/print", {"order": [f"{STORE}/{orders[0]}"], "paper": "slip"})
    assert len(jobs) == 1
    assert visitor.at not in jobs


async def test_what_was_printed_lies_nowhere_on_the_disk_where_a_kill_would_leave_it(
    visitor: Browser, orders: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    await visitor.get("/shipments")
    await visitor.send("/shipments/print", {"order": [f"{STORE}/{orders[0]}"], "paper": "slip"})
    page = await visitor.ended()
    assert list((tmp_path / "temporary").iterdir()) == []
    (paper,) = re.findall(r'href="(/jobs/[^"]+/paper)"', page)
    for _ in range(2):  # it can be opened again
        async with visitor.client.get(visitor.address + paper) as answer:
            assert answer.content_type == "application/pdf"
            assert (await answer.read())[-6:].strip() == b"%%EOF"


async def test_another_thing_asked_for_from_the_same_page_is_another_job(visitor: Browser, orders: list[int]) -> None:
    """A browser's Back shows the page as it was, with its nonce."""
    page = await visitor.get("/shipments")
    titles = []
    for paper, order in (("slip", 0), ("picklist", 0), ("slip", 1)):
        visitor.text = page
        await visitor.send("/shipments/print", {"order": [f"{STORE}/{orders[order]}"], "paper": paper})
        titles.append((visitor.at, re.findall("<h1>(.*?)</h1>", visitor.text)))
    assert len({at for at, _ in titles}) == 3
    assert [title for _, title in titles] == [["Packing slips"], ["Pick list"], ["Packing slips"]]


async def test_what_was_said_waits_for_the_next_page_not_for_a_part_that_is_told_anew(
    visitor: Browser, orders: list[int]
) -> None:
    at = f"/orders/{STORE}/{orders[0]}"
    await visitor.get(at)
    fields = dict(re.findall(r'name="(csrf|nonce)" value="([^"]*)"', visitor.text))
    async with visitor.client.post(
        f"{visitor.address}/settings/integrations/{STORE}/pause", data=fields, allow_redirects=False
    ) as answer:
        assert answer.status == 303
    await visitor.get(f"{at}/events")
    assert "is paused: nothing is imported or written back." in await visitor.get("/settings/integrations")
    await visitor.get(at)


async def test_nothing_chosen_ships_nothing_and_an_unknown_store_is_not_removed(
    visitor: Browser, orders: list[int]
) -> None:
    shipping = {"store": STORE, "order": str(orders[0]), "carrier": "Sendle", "lines": {}}
    assert "lines: nothing is chosen" in (await visitor.api("POST", "/shipments", shipping))["error"]["words"]
    await visitor.get("/import")
    await visitor.send("/settings/integrations/nobody/remove")
    assert visitor.status == 404
    await visitor.get("/import")
    await visitor.send("/import", {"store": STORE, "days": "9" * 5000})
    assert visitor.status == 400
