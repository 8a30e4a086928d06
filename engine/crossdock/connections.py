"""The stores' connectors and the carriers, each made once; a connector serves its store's account alone (rule S1)."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import aiohttp

from crossdock import connector as contract
from crossdock.asking import answer
from crossdock.carrier import AnyCarrier
from crossdock.clock import Clock
from crossdock.config import CarrierConfig, StoreConfig
from crossdock.connector import AnyConnector, Settings
from crossdock.errors import AccountMismatchError
from crossdock.http import HttpClient
from crossdock.state import Account, State, StoreRecord


class Connections:
    """What this process has of each store: a connector, and whose account it was proved to lead to."""

    def __init__(
        self,
        stores: Mapping[str, StoreConfig],
        state: State,
        session: aiohttp.ClientSession,
        *,
        clock: Clock,
        random: Random,
    ) -> None:
        self._state = state
        self._session = session
        self._clock = clock
        self._random = random
        self._connectors: dict[str, AnyConnector] = {}
        self._carriers: dict[str, tuple[CarrierConfig, AnyCarrier]] = {}
        self._proved: dict[str, Account] = {}
        self._bound: set[str] = set()
        self._names: dict[tuple[str, str], str] = {}  # connector and account -> the store that was proved to be it
        self._stores: Mapping[str, StoreConfig] = {}
        self.take_over(stores)

    def take_over(self, stores: Mapping[str, StoreConfig]) -> None:
        """Serves these stores from now on; what leads elsewhere than before is proved again before it's used."""
        for name, store in self._stores.items():
            now = stores.get(name)
            if now is None or _leads_to(now) != _leads_to(store):
                self._connectors.pop(name, None)
                self._bound.discard(name)
                proved = self._proved.pop(name, None)
                if proved is not None:
                    self._names.pop((store.connector.name, proved.identity), None)
        self._stores = stores
        self._configured = frozenset(stores)

    def connector(self, store: StoreConfig) -> AnyConnector:
        """The store's connector, with an HTTP client of its own."""
        is_current = self._is_current(store)  # it may be tried out with settings that aren't saved
        connector = self._connectors.get(store.name) if is_current else None
        if connector is None:
            options = store.connector.http_options(store.settings)
            http = HttpClient(self._session, options, store=store.name, clock=self._clock, random=self._random)
            connector = store.connector(store.settings, http)
            if is_current:
                self._connectors[store.name] = connector
        return connector

    def carrier(self, used: CarrierConfig) -> AnyCarrier:
        """The carrier, with an HTTP client of its own."""
        kept = self._carriers.get(used.name)
        if kept is not None and kept[0] == used:
            return kept[1]
        options = used.carrier.http_options(used.settings)
        http = HttpClient(self._session, options, store=used.name, clock=self._clock, random=self._random)
        carrier = used.carrier(used.settings, http, called=used.name)
        self._carriers[used.name] = used, carrier
        return carrier

    async def bind(self, store: StoreConfig, connector: AnyConnector) -> StoreRecord:
        """The store's record, once its account is proved; a new name is bound to it for good.

        The platform is asked once in the life of a process. Raises AccountMismatchError and what signing in raises.
        """
        account = await self._account(store, connector)
        if store.name in self._bound:
            known = await self._state.prove(store.name, connector.name, account, self._configured)
            if known is not None:
                return known
        record = await self._state.bind(store.name, connector.name, account, self._configured, self._clock.now())
        self._remember(store, account)
        self._bound.add(store.name)
        return record

    async def prove(self, store: StoreConfig, connector: AnyConnector) -> StoreRecord | None:
        """Like `bind`, but a new name stays unbound: for what only looks."""
        return await self.prove_account(store, await self._account(store, connector))

    async def prove_account(self, store: StoreConfig, account: Account) -> StoreRecord | None:
        """The store's record, if it is bound, and to this account. Raises AccountMismatchError."""
        other = self._names.get((store.connector.name, account.identity), store.name)
        if other != store.name:
            raise AccountMismatchError.of_two_names(
                store.name, other, connector=store.connector.name, account=account.name
            )
        record = await self._state.prove(store.name, store.connector.name, account, self._configured)
        self._remember(store, account)
        return record

    async def _account(self, store: StoreConfig, connector: AnyConnector) -> Account:
        return self._proved.get(store.name) or account_of(await answer(connector, connector.account))

    def _is_current(self, store: StoreConfig) -> bool:
        """Whether it still leads where it did: a reload may have come in between, and then this is its last use."""
        now = self._stores.get(store.name)
        return now is not None and _leads_to(now) == _leads_to(store)

    def _remember(self, store: StoreConfig, account: Account) -> None:
        if self._is_current(store):
            self._proved[store.name] = account
            self._names[store.connector.name, account.identity] = store.name


def _leads_to(store: StoreConfig) -> tuple[type[AnyConnector], Settings]:
    return store.connector, store.settings


def account_of(found: contract.Account) -> Account:
    """What is kept of an account that a connector told of."""
    return Account(identity=found.identity, name=found.name)
