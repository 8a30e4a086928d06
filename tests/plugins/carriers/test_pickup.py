"""`pickup` is for goods that wait at the counter."""

from __future__ import annotations

import pytest
from crossdock import Booking, RefusedError
from plugins.carriers.parcels import Called, parcel


@pytest.mark.parametrize("number", [None, " "])
async def test_goods_are_set_aside_without_a_number(called: Called, number: str | None) -> None:
    carrier = called("Pickup")
    assert carrier.sets_aside
    assert await carrier.ship(parcel(number)) == Booking()


async def test_a_number_is_refused_since_nobody_carries_the_goods(called: Called) -> None:
    with pytest.raises(RefusedError, match=r"^counter: goods that are collected have no tracking number"):
        await called("counter", "counter: {carrier: pickup}").ship(parcel("33ABC1"))


async def test_what_was_set_aside_can_be_taken_back(called: Called) -> None:
    await called("pickup").void("acme-1")
