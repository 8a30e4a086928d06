"""One order: how it stands is told while it's looked at, and where else it can be seen."""

from __future__ import annotations

import pytest
from crossdock_bigcommerce.connector import BigCommerce
from plugins.bigcommerce.examples import settings
from support.bench import STORE, Bench
from support.site import Browser


@pytest.mark.parametrize("store_hash", ["abc123", "store-abc123.mybigcommerce.com"])
def test_an_order_has_its_page_in_the_control_panel(store_hash: str) -> None:
    found = BigCommerce.order_page(settings(api_path=store_hash), "101")
    assert found == "https://store-abc123.mybigcommerce.com/manage/orders/101"


def test_a_simulated_store_has_no_control_panel() -> None:
    assert BigCommerce.order_page(settings(api_path="http://127.0.0.1:8425/stores/sandbox/v3/"), "101") is None


async def test_the_order_leads_to_the_stores_own_page(
    visitor: Browser, orders: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = f"/orders/{STORE}/{orders[0]}"
    assert "Open in the store" not in await visitor.get(at)
    connector = visitor.engine.store(STORE).connector
    monkeypatch.setattr(connector, "order_page", lambda settings, id: f"https://shop.example/{id}")
    assert f'href="https://shop.example/{orders[0]}"' in await visitor.get(at)


@pytest.mark.parametrize("answer", ["javascript:alert(1)", 7, ZeroDivisionError()])
async def test_a_connector_that_gives_no_address_costs_the_link_alone(
    visitor: Browser, orders: list[int], monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    def order_page(settings: object, order_id: str) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(visitor.engine.store(STORE).connector, "order_page", order_page)
    page = await visitor.get(f"/orders/{STORE}/{orders[0]}")
    assert visitor.status == 200
    assert "Open in the store" not in page


async def test_the_stage_is_told_anew_with_the_shipments(bench: Bench, visitor: Browser, orders: list[int]) -> None:
    at = f"/orders/{STORE}/{orders[0]}"
    await visitor.get(at)
    await visitor.send(f"{at}/ship", {"carrier": "Sendle"})
    while await visitor.engine.state.unfinished(STORE):
        await visitor.engine.dispatch.write_back(STORE)
    told = await visitor.get(f"{at}/events")
    assert '<template data-into="stage">' in told
    assert "Shipped in the store" in " ".join(told.replace("data:", " ").split())


async def test_write_backs_are_listed_newest_first_a_page_at_a_time(
    visitor: Browser, orders: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossdock.web.shipments.MOST_SHOWN", 2)
    for order in orders:
        await visitor.get(f"/orders/{STORE}/{order}")
        await visitor.send(f"/orders/{STORE}/{order}/ship", {"carrier": "Sendle"})
    numbers = [f"/orders/{STORE}/{order}" for order in orders]
    page = await visitor.get(f"/write-backs?store={STORE}")
    assert [one in page for one in numbers] == [False, True, True]
    assert page.index(numbers[2]) < page.index(numbers[1])
    assert "Newest" not in page
    page = await visitor.get(f"/write-backs?store={STORE}&before=2")
    assert [one in page for one in numbers] == [True, False, False]
    assert "Newest" in page
    for before in ("x", "-1", "9" * 19):
        await visitor.get(f"/write-backs?before={before}")
        assert visitor.status == 400
