"""The contract between crossdock and the code that knows one carrier: goods in, a tracking number and a label out.

A carrier is a class, and an instance per entry under `carriers` in `stores.yaml`. Like a connector it owns no sleep, no
retry loop and no storage.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict

from crossdock.errors import RefusedError
from crossdock.http import HttpClient, HttpOptions
from crossdock.model import Address

PDF = "application/pdf"
PNG = "image/png"
ZPL = "application/zpl"
"""The kinds of label that can be printed, by media type. None is registered for ZPL; some carriers say `text/zpl`."""


class CarrierSettings(BaseModel):
    """What a merchant fills in for one carrier; carriers derive their own from it.

    A mistake in a value is raised as ValueError by a validator, with a sentence that says what would be right.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)


CarrierSettingsT_co = TypeVar("CarrierSettingsT_co", bound=CarrierSettings, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedItem:
    """Units of one product in a parcel. `unit_price` is in the parcel's currency, `weight_grams` of one unit."""

    name: str
    quantity: int
    sku: str | None = None
    weight_grams: float | None = None
    unit_price: Decimal | None = None
    hs_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierRequest:
    """A parcel that a carrier is to take.

    `key` stands for this parcel and no other, for good: a carrier that is asked with the same key again has the answer
    to give that it gave before. `tracking_number` is what a person typed or scanned, if anything. Times and places that
    aren't known are None.
    """

    key: str
    store: str
    order_number: str
    items: tuple[PackedItem, ...]
    currency: str
    ship_to: Address | None = field(default=None, repr=False)
    sender: Address | None = field(default=None, repr=False)
    service: str | None = None
    tracking_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What is stuck on a parcel. `media_type` says what `content` is: PDF, PNG or ZPL.

    These are `application/pdf`, `image/png` and `application/zpl`. A label of another kind is kept with its shipment,
    but it can't be put into a document.
    """

    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What a carrier made of a request: it has the parcel, under this number."""

    tracking_number: str | None = None
    tracking_link: str | None = None
    label: Label | None = None


class Carrier(ABC, Generic[CarrierSettingsT_co]):
    """Takes parcels.

    Attributes:
        name: The word that stands as `carrier` in `stores.yaml`, lower case, for good.
        title: The carrier's name as people write it.
        Settings: The pydantic model of the `settings` of an entry under `carriers`.
        sets_aside: Whether the goods wait to be collected. Such a shipment has no tracking number and is no shipment at
            the platform: it is told by the order's status alone (rule W9).
        gives_labels: Whether its bookings hold a label.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    Settings: ClassVar[type[CarrierSettings]] = CarrierSettings
    sets_aside: ClassVar[bool] = False
    gives_labels: ClassVar[bool] = False

    def __init__(self, settings: CarrierSettingsT_co, http: HttpClient, *, called: str) -> None:
        """`called` is what people call it: the entry's name under `carriers`, or what was typed in place of one."""
        self.settings = settings
        self.http = http
        self.called = called

    @classmethod
    def http_options(cls, settings: Any) -> HttpOptions:
        """How this carrier's HTTP is spoken: base URL and headers of each request."""
        del settings
        return HttpOptions()

    @abstractmethod
    async def ship(self, request: CarrierRequest) -> Booking:
        """The parcel is the carrier's from now on. Raises RefusedError where it won't take it, and ConnectorError.

        An answer that was lost may have had its effect: `find` is asked with the same key before `ship` is again.
        """

    async def find(self, key: str) -> Booking | None:
        """The booking that was made for this key, or None where there is none. Raises ConnectorError.

        A carrier whose `ship` asks nobody leaves this as it is.
        """
        del key
        return None

    async def void(self, key: str) -> None:
        """The booking of this key is taken back; one that isn't there any more counts as taken back.

        Raises RefusedError where the carrier can't or won't, and ConnectorError.
        """
        raise RefusedError(
            f"{self.called}: {self.title} can't take a parcel back (booking {key}); tell it by other ways."
        )

    def code_for(self, connector: str) -> str | None:
        """This carrier's code at the platform of this connector, where the merchant has given one."""
        del connector
        return None


AnyCarrier: TypeAlias = Carrier[Any]
