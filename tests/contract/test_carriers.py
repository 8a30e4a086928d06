"""Sound carriers pass the contract: one that is asked over HTTP, and the bundled ones, which ask nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest
from contract.courier import LABEL, PICTURE, ZPL, Courier, FakeCourier
from crossdock import Booking, Label, Response
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


@pytest.mark.parametrize(
    ("media_type", "content"), [("application/pdf", LABEL), ("image/png", PICTURE), ("application/zpl", ZPL)]
)
def test_a_label_may_be_a_page_a_picture_or_zpl(media_type: str, content: bytes) -> None:
    class Labelling(Courier):
        def booking(self, response: Response) -> Booking:
            return replace(super().booking(response), label=Label(media_type=media_type, content=content))

    class Tested(TestCourier):
        carrier = Labelling

    Tested().test_what_the_carrier_gave_is_kept_with_the_parcel()
