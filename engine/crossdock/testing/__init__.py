"""The contract kit for authors of connectors: one subclass, and the guarantees are tests. Nothing is defined here."""

from __future__ import annotations

from crossdock.testing.clock import WoundClock
from crossdock.testing.contract import ConnectorContract
from crossdock.testing.platform import FakePlatform

__all__ = ["ConnectorContract", "FakePlatform", "WoundClock"]
