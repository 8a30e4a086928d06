from __future__ import annotations

from contract.bigcommerce import FakeBigCommerce
from crossdock.testing import ConnectorContract, FakePlatform
from crossdock_bigcommerce.connector import BigCommerce


class TestBigCommerce(ConnectorContract):
    connector = BigCommerce

    def platform(self) -> FakePlatform:
        return FakeBigCommerce()
