"""The public names of crossdock: what a plugin may import. Nothing is defined here.

Names are brought in when they are first asked for, so that a plugin that only registers costs no start-up time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossdock.carrier import AnyCarrier as AnyCarrier
    from crossdock.carrier import Booking as Booking
    from crossdock.carrier import Carrier as Carrier
    from crossdock.carrier import CarrierRequest as CarrierRequest
    from crossdock.carrier import CarrierSettings as CarrierSettings
    from crossdock.carrier import Label as Label
    from crossdock.carrier import PackedItem as PackedItem
    from crossdock.clock import Clock as Clock
    from crossdock.connector import Access as Access
    from crossdock.connector import Account as Account
    from crossdock.connector import AnyConnector as AnyConnector
    from crossdock.connector import Connector as Connector
    from crossdock.connector import Look as Look
    from crossdock.connector import MissingPermission as MissingPermission
    from crossdock.connector import Page as Page
    from crossdock.connector import Purpose as Purpose
    from crossdock.connector import Secret as Secret
    from crossdock.connector import Seen as Seen
    from crossdock.connector import Settings as Settings
    from crossdock.errors import AccountMismatchError as AccountMismatchError
    from crossdock.errors import ActionNeededError as ActionNeededError
    from crossdock.errors import ConnectorError as ConnectorError
    from crossdock.errors import CredentialsError as CredentialsError
    from crossdock.errors import CrossdockError as CrossdockError
    from crossdock.errors import GarbledError as GarbledError
    from crossdock.errors import PermissionMissingError as PermissionMissingError
    from crossdock.errors import RateLimitedError as RateLimitedError
    from crossdock.errors import RefusedError as RefusedError
    from crossdock.errors import RetryableError as RetryableError
    from crossdock.errors import UnreachableError as UnreachableError
    from crossdock.errors import UsageError as UsageError
    from crossdock.hooks import hookimpl as hookimpl
    from crossdock.http import HttpClient as HttpClient
    from crossdock.http import HttpOptions as HttpOptions
    from crossdock.http import QuotaHeaders as QuotaHeaders
    from crossdock.http import Response as Response
    from crossdock.model import Address as Address
    from crossdock.model import Consignment as Consignment
    from crossdock.model import ConsignmentKind as ConsignmentKind
    from crossdock.model import Cursor as Cursor
    from crossdock.model import Customer as Customer
    from crossdock.model import Json as Json
    from crossdock.model import Line as Line
    from crossdock.model import Order as Order
    from crossdock.model import Raw as Raw
    from crossdock.model import Stage as Stage
    from crossdock.model import Status as Status
    from crossdock.model import instant as instant
    from crossdock.model import moment as moment
    from crossdock.shipment import Item as Item
    from crossdock.shipment import LineCount as LineCount
    from crossdock.shipment import Progress as Progress
    from crossdock.shipment import Receipt as Receipt
    from crossdock.shipment import Shipment as Shipment
    from crossdock.shipment import StoreShipment as StoreShipment
    from crossdock.shipment import StoreView as StoreView

_HOME = {
    "clock": "Clock",
    "carrier": "AnyCarrier Booking Carrier CarrierRequest CarrierSettings Label PackedItem",
    "connector": "Access Account AnyConnector Connector Look MissingPermission Page Purpose Secret Seen Settings",
    "errors": "AccountMismatchError ActionNeededError ConnectorError CredentialsError CrossdockError GarbledError"
    " PermissionMissingError RateLimitedError RefusedError RetryableError UnreachableError UsageError",
    "hooks": "hookimpl",
    "http": "HttpClient HttpOptions QuotaHeaders Response",
    "model": "Address Consignment ConsignmentKind Cursor Customer Json Line Order Raw Stage Status instant moment",
    "shipment": "Item LineCount Progress Receipt Shipment StoreShipment StoreView",
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 -- a list, though not a literal one


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"crossdock has no public name {name!r}")
    return getattr(import_module(f"crossdock.{module}"), name)
