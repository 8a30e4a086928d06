"""What a carrier is given, and how the tests get at a carrier."""

from __future__ import annotations

from collections.abc import Callable

from crossdock import AnyCarrier, CarrierRequest, PackedItem
from crossdock.config import Reading

Reader = Callable[..., Reading]
Called = Callable[..., AnyCarrier]


def parcel(number: str | None = None) -> CarrierRequest:
    """A parcel with a shirt, and what a person typed or scanned."""
    shirt = PackedItem(name="T-shirt", quantity=1)
    return CarrierRequest(
        key="acme-1", store="acme", order_number="100", items=(shirt,), currency="AUD", tracking_number=number
    )
