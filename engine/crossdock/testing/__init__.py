"""The contract kit for authors: one subclass, and the guarantees are tests. Nothing is defined here."""

from __future__ import annotations

from crossdock.testing.clock import WoundClock
from crossdock.testing.contract import ConnectorContract
from crossdock.testing.platform import FakePlatform, FakeShippingPlatform
from crossdock.testing.write_back import WriteBackContract

__all__ = ["ConnectorContract", "FakePlatform", "FakeShippingPlatform", "WoundClock", "WriteBackContract"]
