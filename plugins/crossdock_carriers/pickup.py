"""Goods that wait at the merchant's counter."""

from __future__ import annotations

from crossdock import Booking, Carrier, CarrierRequest, CarrierSettings, RefusedError


class PickupSettings(CarrierSettings):
    """Nothing: goods that are collected need no settings."""


class Pickup(Carrier[PickupSettings]):
    """The buyer collects the goods: nobody carries them, and there is nothing to follow."""

    name, title, Settings = "pickup", "Pickup", PickupSettings
    sets_aside = True

    async def ship(self, request: CarrierRequest) -> Booking:
        """The goods are set aside. Raises RefusedError where a tracking number came with them."""
        if (request.tracking_number or "").strip():
            raise RefusedError(
                f"{self.called}: goods that are collected have no tracking number. Leave it out, or choose the carrier"
                " that takes the parcel."
            )
        return Booking()

    async def void(self, key: str) -> None:
        """Done: nobody was told."""
