"""The contract kit for authors: one subclass, and the guarantees are tests. Nothing is defined here."""

from __future__ import annotations

from crossdock.testing.carrier import CarrierContract
from crossdock.testing.clock import WoundClock
from crossdock.testing.contract import ConnectorContract
from crossdock.testing.platform import FakeCarrier, FakePlatform, FakeShippingPlatform
from crossdock.testing.write_back import WriteBackContract

__all__ = [
    "CarrierContract",
    "ConnectorContract",
    "FakeCarrier",
    "FakePlatform",
    "FakeShippingPlatform",
    "WoundClock",
    "WriteBackContract",
]
