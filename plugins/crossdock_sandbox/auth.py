"""API accounts: a token with the scopes it was made with. Scopes can't be changed later, so a new account is made.

Source: API accounts guide; status codes page (401 for an unknown token, 403 for a missing scope or another store).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from .answers import ApiError
from .documented import ALL_SCOPES, INFORMATION_MODIFY, INFORMATION_READ, ORDERS_MODIFY, ORDERS_READ

_ALSO_ALLOWS = {ORDERS_READ: ORDERS_MODIFY, INFORMATION_READ: INFORMATION_MODIFY}


@dataclass(frozen=True, slots=True)
class Account:
    """Credentials of one API account. A real token looks the same: 31 characters of letters and digits."""

    client_id: str
    client_secret: str
    access_token: str
    scopes: frozenset[str]

    def may(self, scope: str | None) -> bool:
        return scope is None or scope in self.scopes or _ALSO_ALLOWS.get(scope) in self.scopes


class Accounts:
    """A store's API accounts. Tokens follow from the seed, so that the same sandbox has the same ones again."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._by_token: dict[str, Account] = {}
        self._made = 0

    def new(self, scopes: Iterable[str] = ALL_SCOPES) -> Account:
        """Make an account. Raises ValueError for a scope that the platform doesn't have."""
        wanted = frozenset(scopes)
        if unknown := sorted(wanted - ALL_SCOPES):
            raise ValueError(f"There is no scope {unknown[0]!r}; the scopes are {', '.join(sorted(ALL_SCOPES))}.")
        self._made += 1
        account = Account(self._secret("client"), self._secret("secret"), self._secret("token"), wanted)
        self._by_token[account.access_token] = account
        return account

    def revoke(self, access_token: str) -> None:
        self._by_token.pop(access_token, None)

    def signed_in(self, access_token: str | None) -> Account:
        """The account of the token in `X-Auth-Token`. Raises 401."""
        account = self._by_token.get(access_token or "")
        if account is None:
            raise ApiError(401, "The access token was not accepted.")
        return account

    def _secret(self, what: str) -> str:
        return sha256(f"{what} {self._made} of sandbox {self._seed}".encode()).hexdigest()[:31]


def require(account: Account, scope: str | None) -> None:
    """Raises 403 if the account lacks the scope."""
    if not account.may(scope):
        raise ApiError(403, "You don't have a required scope to access the endpoint.")
