"""BigCommerce as a connector: joins the settings, the endpoints, the walk over changes and the reading of orders."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from crossdock import (
    Access,
    Account,
    ActionNeededError,
    Connector,
    Cursor,
    GarbledError,
    HttpClient,
    HttpOptions,
    Json,
    Look,
    Order,
    Page,
    Progress,
    Raw,
    Receipt,
    Seen,
    Shipment,
    Status,
    StoreView,
)

from crossdock_bigcommerce import shipments, statuses
from crossdock_bigcommerce.api import Api, CarrierRefusedError, Listed, http_options
from crossdock_bigcommerce.changes import Walk
from crossdock_bigcommerce.settings import PLATFORM, BigCommerceSettings
from crossdock_bigcommerce.values import WireError, identifier, things
from crossdock_bigcommerce.wire import account_from_wire, grams_of, needs_products, order_from_wire, skip_reason

ACCOUNT_GOOD_FOR = timedelta(hours=24)  # units and names are asked for again after this; they hardly ever change


class BigCommerce(Connector[BigCommerceSettings]):
    """Orders of one BigCommerce store, by the V2 Orders API.

    An order's raw is `{"order": …, "weight_units": …}` as the store sent them; `complete` adds `"products"`, its lines,
    where the order itself came without some of them.
    """

    name, title, Settings = "bigcommerce", "BigCommerce", BigCommerceSettings
    setup_steps = (
        "Sign in to the store's control panel as its owner, or as a user who may create API accounts.",
        "Open Settings › Store-level API accounts and click Create API account.",
        "Choose V2/V3 API token as the token type, and a name that tells what it is for, such as crossdock.",
        "Under OAuth scopes, set Information & Settings to read-only and Orders to modify, and leave the rest at None. "
        "Scopes can't be changed later; read-only Orders are enough where write-back is off.",
        "Click Save. The Client ID, the Access token and the API path are shown once: copy them from there into the "
        "fields below. The Client secret isn't needed.",
    )

    def __init__(self, settings: BigCommerceSettings, http: HttpClient) -> None:
        super().__init__(settings, http)
        self._api = Api(http, store=http.store)
        self._account: Account | None = None
        self._account_at: datetime | None = None

    @classmethod
    def http_options(cls, settings: BigCommerceSettings) -> HttpOptions:
        return http_options(settings)

    @classmethod
    def order_page(cls, settings: BigCommerceSettings, order_id: str) -> str | None:
        """The order in the control panel, which every store has at its permanent address."""
        if not settings.base_url.startswith(PLATFORM):
            return None  # a simulated store has no control panel
        return f"https://store-{settings.store_hash}.mybigcommerce.com/manage/orders/{order_id}"

    async def account(self) -> Account:
        """The store as `/v2/store` describes it. Raises ActionNeededError for a unit of weight that isn't known."""
        raw = await self._api.store_info()
        try:
            account = account_from_wire(raw)
        except WireError as error:
            raise GarbledError(
                f"{self.http.store}: BigCommerce's answer about the store can't be read: {error}."
            ) from error
        try:
            grams_of(account.weight_unit or "")
        except WireError as error:
            raise ActionNeededError(
                f"{self.http.store}: {error}, and crossdock doesn't guess weights. "
                "Choose one of these under Settings › Store settings › Physical dimensions."
            ) from error
        self._account, self._account_at = account, self.http.server_time()
        return account

    async def check(self) -> Access:
        return Access(account=await self.account(), missing=await self._api.missing_permissions())

    def changes(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
        walk = Walk(
            self._api,
            self._views,
            store=self.http.store,
            statuses=self.settings.import_statuses,
            days=self.settings.import_days,
            now=self.http.server_time().replace(microsecond=0),
        )
        return walk.pages(cursor, since)

    async def fetch(self, order_id: str) -> Seen | None:
        if not order_id.isascii() or not order_id.isdigit():
            return None  # BigCommerce's ids are numbers
        found = await self._api.order(order_id)
        if found.order is None:
            return None
        return self._seen(found.order, found.started_at, await self._weight_units())

    def order_from_raw(self, raw: Raw) -> Order:
        order, unit = raw["order"], raw["weight_units"]
        if not isinstance(order, dict) or not isinstance(unit, str):
            raise WireError("order", "an object and a unit of weight")
        products = things(raw, "products", "") if "products" in raw else None
        return order_from_wire(order, products=products, weight_unit=unit, settings=self.settings)

    def order_settings(self) -> Mapping[str, Json]:
        return {
            "import_statuses": list(self.settings.import_statuses),
            "product_options": self.settings.product_options.model_dump(mode="json"),
        }

    async def complete(self, seen: Seen) -> Seen | None:
        """With the lines that the order itself came without: of each consignment at most 50 are embedded."""
        order = seen.raw["order"]
        if not isinstance(order, Mapping) or not needs_products(order):
            return seen
        products = await self._api.order_products(seen.id)
        return None if products is None else replace(seen, raw={**seen.raw, "products": list(products)})

    async def look(self, order_id: str) -> Look | None:
        """The order, then its shipments: between the two requests a shipment can be seen twice, never be missed."""
        found = await self.fetch(order_id)
        seen = None if found is None else await self.complete(found)
        if seen is None:
            return None
        rows = await self._api.shipments(order_id)
        if rows is None:
            raise GarbledError(
                f"{self.http.store}: BigCommerce shows order {order_id} and knows nothing of its shipments (404). "
                "crossdock tries again later."
            )
        try:
            return Look(seen, tuple(map(shipments.from_wire, rows)))
        except WireError as error:
            raise GarbledError(
                f"{self.http.store}: a shipment of order {order_id} in BigCommerce can't be read: {error}. "
                "crossdock tries again later."
            ) from error

    async def send(self, shipment: Shipment) -> Receipt:
        """Makes the shipment; a second time only where the first was refused for the carrier's code (quirk 51)."""
        try:
            made = await self._api.create_shipment(shipment.order_id, shipments.new_body(shipment, at=self.http.store))
        except CarrierRefusedError:
            if not shipments.codes(shipment):
                raise
            nameless = shipments.new_body(shipment, at=self.http.store, with_codes=False)
            made = await self._api.create_shipment(shipment.order_id, nameless)
        shipment_id = shipments.made_id(made)
        if shipment_id is None:
            raise GarbledError(
                f"{self.http.store}: BigCommerce's answer to a new shipment of order {shipment.order_id} bears no id. "
                "Whether it was made is unknown, so it is not simply repeated: crossdock looks at the store first."
            )
        return Receipt(id=shipment_id)

    async def set_status(self, order_id: str, status: str) -> None:
        await self._api.set_status(order_id, statuses.status_number(status))

    def target_status(self, first: StoreView, now: StoreView, progress: Progress) -> Status | None:
        return statuses.target(
            first,
            now,
            progress,
            shipped_status=self.settings.shipped_status,
            pickup_in_store=self.settings.pickup_in_store,
        )

    def own_statuses(self) -> Collection[str]:
        return {
            str(known) for known in (*self.settings.import_statuses, *statuses.set_by_us(self.settings.shipped_status))
        }

    async def correct(self, shipment_id: str, shipment: Shipment) -> None:
        """The number, the carrier and the link; items can't be changed in BigCommerce."""
        try:
            body = shipments.changed_body(shipment, at=self.http.store)
            await self._api.change_shipment(shipment.order_id, shipment_id, body)
        except CarrierRefusedError:
            if not shipments.codes(shipment):
                raise
            nameless = shipments.changed_body(shipment, at=self.http.store, with_codes=False)
            await self._api.change_shipment(shipment.order_id, shipment_id, nameless)

    async def void(self, order_id: str, shipment_id: str) -> None:
        await self._api.delete_shipment(order_id, shipment_id)

    async def _views(self, listed: Listed) -> tuple[Seen, ...]:
        units = await self._weight_units()
        return tuple(self._seen(order, listed.started_at, units) for order in listed.orders)

    def _seen(self, order: Raw, as_of: datetime, weight_units: str) -> Seen:
        order_id = identifier(order, "id", "")
        if order_id is None:
            raise GarbledError(f"{self.http.store}: BigCommerce sent an order without an id.")
        raw: dict[str, Json] = {"order": order, "weight_units": weight_units}
        return Seen(order_id, raw, skip=skip_reason(order, self.settings), as_of=as_of)

    async def _weight_units(self) -> str:
        """The store's unit of weight, which stands nowhere in an order."""
        is_old = self._account_at is None or self.http.server_time() - self._account_at > ACCOUNT_GOOD_FOR
        account = self._account if self._account and not is_old else await self.account()
        return account.weight_unit or ""
