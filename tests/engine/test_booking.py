"""What a carrier's plugin does wrong: no shipment is made of it, and no buyer gets into the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from crossdock import Booking, Carrier, CarrierRequest, CarrierSettings
from crossdock.errors import PluginError, RateLimitedError
from crossdock.state.shipments import WriteBackState
from support import shipping as desk
from support.bench import STORE, Bench, bench_in

BUYER = "Anahera Parata"


class Careless(Carrier[CarrierSettings]):
    """Gives what the test says, or quotes the buyer in its mistake."""

    name, title = "careless", "Careless"
    gives: Booking | None = None

    async def ship(self, request: CarrierRequest) -> Booking:
        if self.gives is None:
            assert request.ship_to is not None
            raise KeyError(request.ship_to.name)
        return self.gives


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_in(tmp_path) as bench:
        bench.carriers = {"careless": Careless}
        yield bench


@pytest.fixture
async def order(bench: Bench) -> int:
    first, _, last = BUYER.partition(" ")
    order = bench.store.add_order(address={"first_name": first, "last_name": last})
    await bench.run()
    return order


async def test_a_carrier_that_quotes_the_buyer_in_its_mistake_is_told_of_without(
    bench: Bench, order: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with bench.engines() as engine:
        with pytest.raises(PluginError, match=r"careless: the carrier 'careless' failed unexpectedly \(KeyError\)"):
            await desk.ship(engine, order, carrier="careless")
    assert "in ship" in caplog.text, "the log says where"
    assert "Parata" not in caplog.text


@pytest.mark.parametrize(
    "booking",
    [
        Booking(tracking_number="Q\n1"),
        Booking(tracking_number="1" * 51),
        Booking(tracking_number="Q1", tracking_link="javascript:alert(1)"),
    ],
    ids=["a line break", "too long", "no web address"],
)
async def test_a_booking_that_no_store_should_be_told_of_makes_no_shipment(
    bench: Bench, order: int, booking: Booking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Careless, "gives", booking)
    async with bench.engines() as engine:
        with pytest.raises(PluginError, match="ValueError"):
            await desk.ship(engine, order, carrier="careless")
        assert not [row async for row in engine.dispatch.writebacks()]


class Unreachable(Carrier[CarrierSettings]):
    """Takes parcels, and can't be reached when one is taken back, until it's `back`."""

    name, title = "unreachable", "Unreachable"
    back = False

    async def ship(self, request: CarrierRequest) -> Booking:
        return Booking(tracking_number=f"U{request.order_number}")

    async def void(self, key: str) -> None:
        if not self.back:
            raise RateLimitedError(f"{self.called}: asks for a pause.", retry_after_s=60)


async def test_a_carrier_that_cannot_be_told_of_a_void_holds_up_no_other_order(
    bench: Bench, order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.carriers = {"unreachable": Unreachable}
    following = [bench.store.add_order() for _ in range(3)]
    await bench.run()
    async with bench.engines() as engine:
        row = await desk.ship_and_tell(engine, order, carrier="unreachable")
        await engine.dispatch.void(STORE, row.id)
        others = [(await desk.ship(engine, each, carrier="unreachable")).row for each in following]
        await engine.dispatch.write_back(STORE)
        assert [await desk.state_of(engine, other.id) for other in others] == [WriteBackState.CONFIRMED] * 3
        waiting = await engine.state.writeback(row.id)
        assert waiting is not None
        assert (waiting.is_finished, waiting.reason) == (False, "unreachable: asks for a pause.")
        monkeypatch.setattr(Unreachable, "back", True)
        assert (await desk.tell(engine, waiting)).state is WriteBackState.VOIDED
