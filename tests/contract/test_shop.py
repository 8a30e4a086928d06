"""A sound connector passes the contracts."""

from __future__ import annotations

from contract.shop import FakeShop, Shop
from crossdock.testing import ConnectorContract, FakeShippingPlatform, WriteBackContract


class TestShop(ConnectorContract, WriteBackContract):
    connector = Shop

    def platform(self) -> FakeShippingPlatform:
        return FakeShop()
