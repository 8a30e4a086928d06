"""Asking carriers for parcels: the intent is kept first, and a carrier is asked for it before it's asked again."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from functools import partial

from crossdock.asking import answer
from crossdock.boundary import boundary
from crossdock.carrier import Booking, CarrierRequest, PackedItem
from crossdock.clock import Clock
from crossdock.config import CarrierConfig, StoreConfig
from crossdock.connections import Connections
from crossdock.errors import ConnectorError, CrossdockError, PluginError, RefusedError, RetryableError
from crossdock.model import Address, Order
from crossdock.shipping import Packing, Plan, ShipRequest
from crossdock.state import State
from crossdock.state.shipments import WriteBack

LONGEST_NUMBER = 50  # characters of a tracking number
CARRIER_S = 120.0  # for one answer of a carrier: somebody waits at the packing bench


@dataclass(frozen=True, slots=True)
class Counter:
    """Where parcels are handed over to carriers."""

    state: State
    connections: Connections
    clock: Clock

    async def book(
        self, store: StoreConfig, order: Order, used: CarrierConfig, plan: Plan, packing: Packing
    ) -> tuple[str, Booking]:
        """What the carrier makes of the parcel. The intent is kept before it's asked, and it's asked for that first."""
        carrier = self.connections.carrier(used)
        said = f"{used.name.casefold()} {plan.said} {_digest(plan.consignment.ship_to)}"  # a label bears its address
        now = self.clock.now()
        asked = await self.state.ask_carrier(store.name, order.id, said, secrets.token_hex(16), now)
        async with boundary(used):
            if asked.asked and (found := await answer(carrier, partial(carrier.find, asked.key), within_s=CARRIER_S)):
                _check(found)
                if not packing.is_used(found.tracking_number):
                    return asked.key, found
                await self.state.forget_request(asked.key)  # that label was stuck on another parcel meanwhile
                asked = await self.state.ask_carrier(store.name, order.id, said, secrets.token_hex(16), now)
        await self.state.carrier_asked(asked.key, now)
        wanted = _request(store, order, packing.request, plan, asked.key)
        try:
            async with boundary(used):
                booking = await answer(carrier, partial(carrier.ship, wanted), within_s=CARRIER_S)
                _check(booking)
        except RefusedError:
            await self.state.forget_request(asked.key)
            raise
        return asked.key, booking

    async def release(self, used: CarrierConfig, row: WriteBack) -> str | None:
        """Tells the carrier that a parcel isn't going; gives what is against that, which is for a person to settle.

        Raises RetryableError where the carrier can't be told now.
        """
        try:
            async with boundary(used):
                carrier = self.connections.carrier(used)
                await answer(carrier, partial(carrier.void, row.key), within_s=CARRIER_S)
        except RetryableError:
            raise
        except (ConnectorError, PluginError) as error:
            return not_told(error)
        return None


def _check(booking: object) -> None:
    """Raises TypeError or ValueError for what a store can't be told and nobody should click."""
    if not isinstance(booking, Booking):
        raise TypeError(f"{type(booking).__name__} where a Booking is due")
    number, link = booking.tracking_number or "", booking.tracking_link or "https://"
    if not number.isprintable() or len(number) > LONGEST_NUMBER:
        raise ValueError(f"a tracking number that isn't up to {LONGEST_NUMBER} characters in one line")
    if not link.startswith(("https://", "http://")):
        raise ValueError("a tracking link that is no web address")


def not_told(error: CrossdockError) -> str:
    """What is to be known of a carrier that wasn't told that a parcel isn't going."""
    return f"the carrier was not told that it isn't going: {str(error).rstrip('.')}"


def _digest(address: Address | None) -> str:
    return hashlib.blake2b(repr(address).encode(), digest_size=8).hexdigest()


def _request(store: StoreConfig, order: Order, request: ShipRequest, plan: Plan, key: str) -> CarrierRequest:
    lines = {line.id: line for line in plan.consignment.lines}
    return CarrierRequest(
        key=key,
        store=store.name,
        order_number=order.number,
        items=tuple(
            PackedItem(
                name=line.name,
                quantity=item.quantity,
                sku=line.sku,
                weight_grams=line.weight_grams,
                unit_price=line.unit_price,
                hs_code=line.hs_code,
            )
            for item in plan.items
            for line in [lines[item.line]]
        ),
        currency=order.currency,
        ship_to=plan.consignment.ship_to,
        sender=store.sender,
        service=plan.consignment.service,
        tracking_number=request.tracking,
    )
