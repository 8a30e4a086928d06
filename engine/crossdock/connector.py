"""The contract between crossdock and the code that knows one platform.

A connector is a class per platform and an instance per store. It owns no sleep, no retry loop and no storage: it is
handed an HTTP client that waits and retries, and says in typed errors what is to be done.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from crossdock.errors import RefusedError
from crossdock.http import HttpClient, HttpOptions
from crossdock.model import Cursor, Json, Order, Raw, Status
from crossdock.shipment import Progress, Receipt, Shipment, StoreShipment, StoreView

Secret = SecretStr
"""A setting that can't be printed: `str` and `repr` show stars; only `get_secret_value()` gives it away."""


class Settings(BaseModel):
    """What a merchant fills in for one store of a platform; connectors derive their own from it.

    A mistake in a value is raised as ValueError by a validator, with a sentence that says what would be right.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)

    import_days: int = Field(
        default=90, ge=1, le=3650, description="How many days back, by modified time, open orders are looked for."
    )


SettingsT_co = TypeVar("SettingsT_co", bound=Settings, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Which account on the platform the settings lead to.

    `identity` never changes for an account and differs between accounts; the other fields are what the platform says
    of it now, in its own words. `timezone` is an IANA name.
    """

    identity: str
    name: str
    timezone: str | None = None
    currency: str | None = None
    weight_unit: str | None = None
    dimension_unit: str | None = None

    def __post_init__(self) -> None:
        for field in ("identity", "name"):
            if not isinstance(value := getattr(self, field), str) or not value:
                raise TypeError(f"Account.{field} is {type(value).__name__}: it should be text that is not empty")


class Purpose(StrEnum):
    """What a permission is needed for."""

    IMPORT = "import"
    WRITE_BACK = "write_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPermission:
    """A permission that the account's key lacks; `words` is a sentence that tells what to do."""

    scope: str
    needed_for: Purpose
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What signing in showed: whose account it is, and what its key may not do."""

    account: Account
    missing: tuple[MissingPermission, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """One view of an order, as the platform showed it.

    `raw` is what views are compared by; `complete` adds what only further requests tell. `skip` is the reason not to
    take the order up if it isn't held yet, as a clause about it without personal data ("its status is Pending, …").
    `as_of` is the platform's time at which the request of this view began; None lets the engine use its own clock.
    """

    id: str
    raw: Raw
    skip: str | None = None
    as_of: datetime | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not self.id:
            raise TypeError(f"Seen.id is {type(self.id).__name__}: ids are text that is not empty")
        if not isinstance(self.raw, Mapping):
            raise TypeError(f"Seen.raw is {type(self.raw).__name__}: it should be a JSON object")
        if self.as_of is not None and self.as_of.tzinfo is None:
            raise ValueError("Seen.as_of has no time zone: give an aware datetime")


@dataclass(frozen=True, slots=True)
class Page:
    """What one step of an import brought; saved in one transaction, after which the import can go on from `cursor`.

    More than a thousand orders are saved in parts, and a kill in between repeats the page.

    Every page that belongs to a sweep (a walk over all open orders) carries in `swept_since` the platform's time at
    which that sweep began; the page that ends it also says `sweep_finished`.
    """

    seen: tuple[Seen, ...]
    cursor: Cursor
    swept_since: datetime | None = None
    sweep_finished: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.cursor, Mapping):
            raise TypeError(f"Page.cursor is {type(self.cursor).__name__}: it should be a JSON object")
        if not isinstance(self.seen, tuple | list):
            raise TypeError(f"Page.seen is {type(self.seen).__name__}: it should be a tuple")
        if self.swept_since is not None and self.swept_since.tzinfo is None:
            raise ValueError("Page.swept_since has no time zone: give an aware datetime")
        if not all(isinstance(one, Seen) for one in self.seen):
            raise TypeError("Page.seen holds something else than Seen")


@dataclass(frozen=True, slots=True)
class Look:
    """An order and all of its shipments as the store shows them now.

    `seen` is a complete view, as `complete` gives it, with its `as_of` before the first request of the look.
    """

    seen: Seen
    shipments: tuple[StoreShipment, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.seen, Seen):
            raise TypeError(f"Look.seen is {type(self.seen).__name__}: it should be a Seen")
        if not all(isinstance(one, StoreShipment) for one in self.shipments):
            raise TypeError("Look.shipments holds something else than StoreShipment")


class Connector(ABC, Generic[SettingsT_co]):
    """Speaks to one account on one platform.

    The part that imports stands first. The part that writes back, from `look` on, can be left out whole: the store then
    imports only.

    Attributes:
        name: The word in `stores.yaml`, lower case, for good.
        title: The platform's name as people write it.
        Settings: The pydantic model of the store's `settings`.
        mapping_version: Raise it when `order_from_raw` gives another order from the same raw; held orders are then
            derived anew without a request.
        setup_steps: How a merchant comes by what `Settings` asks for, a sentence each; shown above the page's form.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    Settings: ClassVar[type[Settings]]
    mapping_version: ClassVar[int] = 1
    setup_steps: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: SettingsT_co, http: HttpClient) -> None:
        self.settings = settings
        self.http = http

    @classmethod
    def http_options(cls, settings: Any) -> HttpOptions:
        """How this store's HTTP is spoken: base URL, headers of each request, the platform's quota headers."""
        del settings
        return HttpOptions()

    @classmethod
    def order_page(cls, settings: Any, order_id: str) -> str | None:
        """Where people see this order in the store's own back office, an https address; None where that isn't known."""
        del settings, order_id
        return None

    @abstractmethod
    async def account(self) -> Account:
        """Which account the settings lead to, in one request. Raises ConnectorError."""

    async def check(self) -> Access:
        """Signs in and tells which permissions lack, for import and for write-back. Raises ConnectorError."""
        return Access(account=await self.account())

    @abstractmethod
    def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
        """Pages of what may have changed after `cursor`, ending when there is nothing more for now.

        Without a cursor: all open orders that were modified after `since`, as a sweep, and then what changed
        meanwhile. Each page's cursor stands for that page and all before it. Raises ConnectorError.
        """

    async def fetch(self, order_id: str) -> Seen | None:
        """The order as it is now, or None where the platform has none of that id. Raises ConnectorError.

        A connector that can't ask for one order leaves this as it is: `import --order` then says so.
        """
        raise RefusedError(f"{self.http.store}: {self.title} can't be asked for a single order, such as {order_id}.")

    async def complete(self, seen: Seen) -> Seen | None:
        """The view with all that its order is made of, or None if the order vanished meanwhile.

        Asked for new and changed views alone, after `changes` or `fetch` gave them; a connector whose lists show whole
        orders leaves it as it is. Raises ConnectorError.
        """
        return seen

    @abstractmethod
    def order_from_raw(self, raw: Raw) -> Order:
        """The order that a complete `raw` describes: pure, no request. Whatever it raises sets this order aside."""

    def order_settings(self) -> Mapping[str, Json]:
        """The settings that shape an order in `order_from_raw`; when they change, held orders are derived anew."""
        return {}

    @classmethod
    def writes_back(cls) -> bool:
        """Whether it has the part that writes back: a connector without it has no `send`."""
        return cls.send is not Connector.send

    async def look(self, order_id: str) -> Look | None:
        """The order as the store shows it now, with every shipment of it, or None if it is gone.

        Nothing of it may be kept from before: by a look it is found out whether a shipment is there. Raises
        ConnectorError.
        """
        raise self._cannot("look at an order's shipments")

    async def send(self, shipment: Shipment) -> Receipt:
        """Makes the shipment at the store: one request, which is not repeated.

        Raises RefusedError where the platform won't take this shipment, in its words; ActionNeededError and
        RateLimitedError where nothing was done; any other error leaves open whether it took effect, and the engine
        looks before it sends again.
        """
        raise self._cannot("be told of shipments")

    async def set_status(self, order_id: str, status: str) -> None:
        """Gives the order the status of this id. Raises ConnectorError."""
        raise self._cannot("set an order's status")

    def target_status(self, first: StoreView, now: StoreView, progress: Progress) -> Status | None:
        """The status that the order should have by its progress, or None where it is to be left alone: pure.

        `first` is how the order was before anything of what we sent or set aside, `now` how it is.
        """
        del first, now, progress
        return None

    def own_statuses(self) -> Collection[str]:
        """The ids of statuses that no person need have chosen: those of new orders, and those set by the platform.

        An order is moved out of these, and out of the one that it had before it was shipped. Out of another one it
        isn't: somebody decided on that (rule W8).
        """
        return ()

    async def correct(self, shipment_id: str, shipment: Shipment) -> None:
        """The store's shipment of this id gets the tracking number and carrier of `shipment`. Raises ConnectorError.

        RefusedError where the platform can't change a shipment. Doing it twice does no harm.
        """
        raise self._cannot("change a shipment that was made")

    async def void(self, order_id: str, shipment_id: str) -> None:
        """The store's shipment of this id is taken back; one that isn't there counts as taken back.

        Raises ConnectorError: RefusedError where the platform can't take a shipment back.
        """
        raise self._cannot("take a shipment back")

    def _cannot(self, what: str) -> RefusedError:
        return RefusedError(f"{self.http.store}: {self.title} can't {what} through crossdock.")


AnyConnector: TypeAlias = Connector[Any]
