"""A sound connector passes the contract."""

from __future__ import annotations

from contract.shop import FakeShop, Shop
from crossdock.testing import ConnectorContract, FakePlatform


class TestShop(ConnectorContract):
    connector = Shop

    def platform(self) -> FakePlatform:
        return FakeShop()
