"""A merchant's own carrier is a file in plugins.d, and stands beside the bundled ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from crossdock import RefusedError
from plugins.carriers.parcels import Called, parcel

VAN = """\
from crossdock import Booking, Carrier, CarrierSettings, Secret, hookimpl

class VanSettings(CarrierSettings):
    key: Secret

class Van(Carrier[VanSettings]):
    name, title, Settings = "van", "Our Van", VanSettings

    async def ship(self, request):
        return Booking(tracking_number=f"{self.settings.key.get_secret_value()}-{request.key}")

@hookimpl
def carriers():
    return [Van]
"""


@pytest.fixture(autouse=True)
def _van(tmp_path: Path) -> None:
    folder = tmp_path / "plugins.d"
    folder.mkdir(mode=0o755)
    (folder / "van.py").write_text(VAN)


async def test_a_carrier_in_plugins_d_takes_parcels_and_is_set_up_like_any_other(called: Called) -> None:
    (carrier, other) = (called(name, "north: {carrier: van, settings: {key: N}}") for name in ("North", "Sendle"))
    assert (await carrier.ship(parcel())).tracking_number == "N-acme-1"
    assert carrier.title == "Our Van"
    assert other.name == "manual"


async def test_a_carrier_that_says_nothing_of_voiding_refuses_it_with_a_sentence(called: Called) -> None:
    with pytest.raises(RefusedError, match="Our Van can't take a parcel back"):
        await called("north", "north: {carrier: van, settings: {key: N}}").void("acme-1")
