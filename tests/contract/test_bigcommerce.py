from __future__ import annotations

from contract.bigcommerce import FakeBigCommerce
from crossdock.testing import ConnectorContract, FakeShippingPlatform, WriteBackContract
from crossdock_bigcommerce.connector import BigCommerce


class TestBigCommerce(ConnectorContract, WriteBackContract):
    connector = BigCommerce

    def platform(self) -> FakeShippingPlatform:
        return FakeBigCommerce()
