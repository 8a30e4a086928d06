"""The platform, played by the author's own code."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from aiohttp import web

from crossdock.shipment import StoreShipment
from crossdock.testing.service import FakeService


class FakePlatform(FakeService):
    """One account on the platform, as far as the connector sees it.

    Attributes:
        page_size: How many orders `answer` gives at once, however many the platform would: the tests make a few pages
            more than that, and look at what happens between them.
        unknown_id: An id in the platform's form that no order has.
    """

    page_size: int = 5
    unknown_id: str = "999999999"

    @abstractmethod
    def add_order(self) -> str:
        """Places an order that crossdock is to take up, now, and gives its id."""

    @abstractmethod
    def edit_order(self, order_id: str) -> None:
        """Changes the units or the status of an order, now. Does nothing if orders never change on this platform."""

    @abstractmethod
    def truth(self) -> Mapping[str, tuple[str, int]]:
        """What crossdock must hold once nothing changes any more: by order id, the status's id and the total units."""


class FakeShippingPlatform(FakePlatform):
    """A platform that keeps shipments, too: what its staff do with them, and what it has."""

    @abstractmethod
    def add_order_to_ship(self) -> str:
        """Places an order that may be shipped, now, and gives its id: two lines of three units each or more.

        If orders can go to several addresses, two lines to each of two. Each time the same, but for its ids.
        """

    @abstractmethod
    def shipments(self, order_id: str) -> Sequence[StoreShipment]:
        """All shipments that it has of an order, whoever made them. What it calls the carrier doesn't matter."""

    @abstractmethod
    def ship_by_hand(self, order_id: str, shipment: StoreShipment) -> None:
        """Makes a shipment as its staff would, now, with the items, the consignment and the number of this one."""

    @abstractmethod
    def delete_shipment(self, order_id: str, shipment_id: str) -> None:
        """Takes a shipment back as its staff would, now."""

    def choose_status(self, order_id: str) -> str | None:
        """Gives an order a status that lets it be shipped and that a person alone sets, now; gives the status's id.

        None where the platform has no such status.
        """
        del order_id
        return None

    def mails(self, order_id: str) -> int:
        """How many e-mails the buyer got about an order; 0 for a platform that sends none."""
        del order_id
        return 0


class FakeCarrier(FakeService):
    """One account with a carrier, as far as its class sees it."""

    @abstractmethod
    def bookings(self) -> Sequence[str]:
        """The tracking numbers of all parcels that it has, as often as it has them, and without those taken back."""


class NoService(FakeCarrier):
    """What a carrier that asks nobody speaks to."""

    def settings(self) -> Mapping[str, object]:
        return {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        raise AssertionError(f"{request.method} {request.path} was asked of nobody: give a FakeCarrier in platform().")

    def bookings(self) -> Sequence[str]:
        return ()
