"""The pages as a person without script uses them: lists, one order, shipping, importing, printing."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest
from crossdock.state.listing import ListQuery, Tab
from support.bench import STORE, Bench
from support.site import Browser


async def test_the_list_shows_what_is_to_be_packed_and_escapes_what_buyers_typed(
    visitor: Browser, orders: list[int]
) -> None:
    page = await visitor.get("/shipments")
    assert sorted({int(number) for number in re.findall(rf"/orders/{STORE}/(\d+)", page)}) == sorted(orders)
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in await visitor.get("/shipments?tab=all")


async def test_what_was_scanned_opens_its_order(visitor: Browser, orders: list[int]) -> None:
    await visitor.get(f"/shipments?search={orders[0]}")
    assert visitor.at.endswith(f"/orders/{STORE}/{orders[0]}")
    assert f"Order {orders[0]}" in visitor.text


async def test_an_order_is_shipped_from_its_page_once_however_often_the_form_is_sent(
    bench: Bench, visitor: Browser, orders: list[int]
) -> None:
    at = f"/orders/{STORE}/{orders[0]}"
    await visitor.get(at)
    form = {"carrier": "Sendle", "tracking": "S1"}
    page = await visitor.send(f"{at}/ship", form)
    assert "Shipped: shipment 1 by Sendle, S1." in page
    assert "Print the label" in page
    again = await visitor.send(f"{at}/ship", form)
    assert "This was shipped already: shipment 1" in again
    await visitor.engine.dispatch.write_back(STORE)
    assert len(bench.store.shipments(orders[0])) == 1
    assert "confirmed" in await visitor.get(at)
    async with visitor.client.get(f"{visitor.address}/shipments/1/label") as label:
        assert (await label.read())[:4] == b"%PDF"


async def test_a_form_with_a_mistake_says_it_and_keeps_what_was_typed(visitor: Browser, orders: list[int]) -> None:
    at = f"/orders/{STORE}/{orders[0]}"
    await visitor.get(at)
    page = await visitor.send(f"{at}/ship", {"carrier": "", "tracking": "KEEP-ME"})
    assert visitor.status == 400
    assert "Carrier: who takes the parcel?" in page
    assert 'value="KEEP-ME"' in page


async def test_many_orders_are_shipped_in_one_go_and_failures_stay_listed(
    bench: Bench, visitor: Browser, orders: list[int]
) -> None:
    bench.store.set_status(orders[2], 5)
    bench.clock.wind(11)
    chosen = [f"{STORE}/{order}" for order in orders]
    await visitor.get("/shipments")
    page = await visitor.send("/shipments/ship", {"order": chosen, "back": "/shipments?tab=new"})
    assert "Tracking number of order" in page
    await visitor.send("/shipments/ship", {"order": chosen, "carrier": "Sendle", "back": "/shipments?tab=new"})
    page = await visitor.ended()
    assert "2 orders shipped, 1 not: see below." in page
    assert "doesn&#39;t let it be shipped" in page
    path = re.search(r'href="(/jobs/[^"]*/paper)"', page)
    assert path is not None
    async with visitor.client.get(visitor.address + path[1]) as answer:
        assert (await answer.read())[:4] == b"%PDF"


async def test_slips_and_pick_lists_are_printed_and_ship_nothing(visitor: Browser, orders: list[int]) -> None:
    for paper in ("slip", "picklist"):
        await visitor.get("/shipments")
        await visitor.send("/shipments/print", {"order": [f"{STORE}/{order}" for order in orders], "paper": paper})
        assert "Print: open the PDF" in await visitor.ended()
    assert (await visitor.engine.state.listing(ListQuery(tab=Tab.NEW))).counts[Tab.NEW] == len(orders)


async def test_the_import_dialog_counts_what_came_and_leads_back_to_the_new_orders(
    bench: Bench, visitor: Browser, orders: list[int]
) -> None:
    bench.clock.wind(60)
    new = bench.store.add_order()
    assert "Number of days" in await visitor.get("/import")
    await visitor.send("/import", {"store": STORE, "days": "7"})
    page = await visitor.ended()
    assert "1 imported" in page
    back = re.search(r'href="(/shipments[^"]*)"[^>]*>Close', page)
    assert back is not None
    page = await visitor.get(back[1].replace("&amp;", "&"))
    assert page.count('<span class="mark new">new</span>') == 1
    assert f"/orders/{STORE}/{new}" in page


async def test_a_wrong_number_of_days_is_said(visitor: Browser) -> None:
    await visitor.get("/import")
    for days in ("0", "-1", "x", "3651", "٣"):
        assert "Days: should be a whole number from 1 to 3,650." in await visitor.send("/import", {"days": days})
        assert visitor.status == 400


async def test_no_spreadsheet_takes_an_exported_cell_for_a_formula(bench: Bench, visitor: Browser) -> None:
    order = bench.store.add_order(billing={"first_name": "=HYPERLINK(1)", "last_name": "x"})
    await visitor.get(f"/orders/{STORE}/{order}")
    await visitor.send(f"/orders/{STORE}/{order}/refresh")
    await visitor.send("/shipments/export.csv", {"order": [f"{STORE}/{order}"]})
    rows = list(csv.DictReader(io.StringIO(visitor.text.removeprefix("\ufeff"))))
    assert rows[0]["customer_name"] == "'=HYPERLINK(1) x"


async def test_an_order_that_is_not_here_is_explained_and_can_be_brought(bench: Bench, visitor: Browser) -> None:
    order = bench.store.add_order()
    page = await visitor.get(f"/orders/{STORE}/{order}")
    assert visitor.status == 404
    assert "is not here" in page
    assert f"Order {order}" in await visitor.send(f"/orders/{STORE}/{order}/refresh")


async def test_runs_are_shown_by_day_and_one_by_one(visitor: Browser) -> None:
    page = await visitor.get("/runs")
    assert "<svg" in page
    assert "Run 1 of acme" in await visitor.get("/runs/1")
    await visitor.get("/runs/99")
    assert visitor.status == 404


async def test_what_isnt_there_is_a_page_with_a_sentence(visitor: Browser) -> None:
    for path in ("/nothing", "/jobs/x", "/shipments/99/label", "/settings/integrations/none", "/static/../app.py"):
        await visitor.get(path)
        assert visitor.status == 404, path
    for path in ("/shipments?tab=x", "/shipments?place=x", "/shipments?store=none", "/runs?before=x"):
        await visitor.get(path)
        assert visitor.status == 400, path
        assert 'role="alert"' in visitor.text


@pytest.mark.parametrize(
    ("stores", "told"),
    [
        (1, ["shop-0 refused 1 shipment: they don&#39;t count as shipped."]),
        (3, [f"shop-{number} refused 1 shipment: they don&#39;t count as shipped." for number in range(3)]),
        (4, ["4 stores refused shipments."]),
    ],
)
async def test_what_many_stores_have_in_common_is_one_banner(
    visitor: Browser, monkeypatch: pytest.MonkeyPatch, stores: int, told: list[str]
) -> None:
    engine = visitor.engine
    one, names = engine.store(STORE), [f"shop-{number}" for number in range(stores)]
    engine.take_over(replace(engine.config, stores={name: replace(one, name=name, label=name) for name in names}))

    async def refused() -> dict[str, int]:
        return dict.fromkeys(names, 1)

    monkeypatch.setattr(engine.state, "refused", refused)
    page = await visitor.get("/runs")
    assert re.findall(r'role="alert"><strong>([^<]*)', page) == told


async def test_orders_that_were_shipped_stay_so_where_their_labels_cant_be_made(
    visitor: Browser, orders: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_folder(*_: object, **__: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("crossdock.web.shipments.TemporaryDirectory", no_folder)
    await visitor.get("/shipments")
    await visitor.send("/shipments/ship", {"order": [f"{STORE}/{orders[0]}"], "carrier": "Sendle"})
    page = await visitor.ended()
    assert "1 order shipped. The labels could not be made: see below; Labels again makes them" in page
    assert "No space left on device" in page


async def test_what_a_store_refuses_is_told_with_its_status(bench: Bench, visitor: Browser, orders: list[int]) -> None:
    bench.store.faults.add("status", times=None, status=401)
    await visitor.get(f"/orders/{STORE}/{orders[0]}")
    await visitor.send(f"/orders/{STORE}/{orders[0]}/refresh")
    assert visitor.status == 502
    assert "401" in visitor.text or "token" in visitor.text
