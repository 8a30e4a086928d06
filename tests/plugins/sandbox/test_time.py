"""The store's clock, and changes that show later than they were made."""

from __future__ import annotations

from crossdock_sandbox.store import NEVER, SandboxStore
from plugins.sandbox.client import START, Api, WoundClock


async def test_a_store_whose_clock_is_wrong_stamps_wrongly_everywhere(store: SandboxStore, api: Api) -> None:
    right = store.add_order()
    store.behaviour.clock_offset_s = 3600
    wrong = store.add_order()
    reply = await api.get("/v2/time")
    assert reply.json == {"time": int(START.timestamp()) + 3600}
    assert reply.headers["date"] == "Wed, 04 Mar 2026 06:06:07 GMT"
    assert store.order(right)["date_modified"] == "Wed, 04 Mar 2026 05:06:07 +0000"
    assert store.order(wrong)["date_modified"] == "Wed, 04 Mar 2026 06:06:07 +0000"


async def test_a_change_that_shows_late_bears_the_time_it_was_made(
    store: SandboxStore, api: Api, clock: WoundClock
) -> None:
    order_id = store.add_order()
    clock.wind(seconds=10)
    store.set_status(order_id, 9, visible_after=60)
    clock.wind(seconds=59)
    assert (await api.get(f"/v2/orders/{order_id}")).json["status_id"] == 11
    assert await api.ids(status_id=9) == []
    clock.wind(seconds=1)
    order = (await api.get(f"/v2/orders/{order_id}")).json
    assert (order["status_id"], order["date_modified"]) == (9, "Wed, 04 Mar 2026 05:06:17 +0000")


async def test_a_change_that_shows_late_takes_no_later_stamp_back(store: SandboxStore, clock: WoundClock) -> None:
    order_id = store.add_order()
    store.edit(order_id, staff_notes="late", visible_after=60)
    clock.wind(seconds=30)
    store.edit(order_id, customer_message="soon")
    clock.wind(seconds=30)
    order = store.order(order_id)
    assert (order["staff_notes"], order["customer_message"]) == ("late", "soon")
    assert order["date_modified"] == "Wed, 04 Mar 2026 05:06:37 +0000"


async def test_an_order_can_stay_hidden_until_it_is_released(store: SandboxStore, api: Api, clock: WoundClock) -> None:
    hidden = store.add_order(visible_after=NEVER)
    shown = store.add_order()
    clock.wind(days=400)
    assert await api.ids() == [shown]
    assert (await api.get(f"/v2/orders/{hidden}")).status == 404
    assert store.release() == 1
    assert await api.ids() == [hidden, shown]
    assert store.order(hidden)["date_modified"] == "Wed, 04 Mar 2026 05:06:07 +0000"
