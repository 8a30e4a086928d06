"""Sound carriers pass the contract: one that is asked over HTTP, and the bundled ones, which ask nobody."""

from __future__ import annotations

from contract.courier import Courier, FakeCourier
from crossdock.testing import CarrierContract, FakeCarrier
from crossdock_carriers.manual import Manual
from crossdock_carriers.pickup import Pickup


class TestCourier(CarrierContract):
    carrier = Courier

    def platform(self) -> FakeCarrier:
        return FakeCourier()


class TestManual(CarrierContract):
    carrier = Manual
    typed = "33ABC0000001"


class TestPickup(CarrierContract):
    carrier = Pickup
