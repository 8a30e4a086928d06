"""Every error that a plugin may raise or a person may see, grouped by what is to be done about it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self


class CrossdockError(Exception):
    """What failed, at which store, and what to do: one whole sentence or two, never a secret, never a buyer."""


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing wrong in a file: where (1-based line and column) and what would be right."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class ConfigError(CrossdockError):
    """The operator mends `stores.yaml`; carries every mistake that was found. The command line exits with 2."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class UsageError(CrossdockError):
    """The command asks for something that can't be: an unknown store, a port in use. The command line exits with 2."""


class PluginError(CrossdockError):
    """A plugin could not be used; it is named, its stores stand still, and the rest goes on."""


class ConnectorError(CrossdockError):
    """Raised by connectors and carriers. Choose the subclass by what is to be done, not by the cause."""


class RetryableError(ConnectorError):
    """The engine tries again by itself, later."""


class UnreachableError(RetryableError):
    """The platform doesn't answer, or answers that it is out of order."""


class RateLimitedError(RetryableError):
    """The platform asks for a pause of `retry_after_s` seconds, longer than a request may wait."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class GarbledError(RetryableError):
    """The platform's answer can't be understood: cut, not JSON, or against its own order."""


class ActionNeededError(ConnectorError):
    """Only a person can help: nothing gets better by trying again."""


class CredentialsError(ActionNeededError):
    """The platform refuses the account's key."""


class PermissionMissingError(ActionNeededError):
    """The account's key is good, but may not do this; `scope` is the platform's own name of what it lacks."""

    def __init__(self, message: str, *, scope: str) -> None:
        super().__init__(message)
        self.scope = scope


class AccountMismatchError(ActionNeededError):
    """The settings point to another account than this store's name stands for, or to one that has a name already."""

    @classmethod
    def of_two_names(cls, store: str, other: str, *, connector: str, account: str) -> Self:
        """Two names of `stores.yaml` that lead to one account, which is called `account`."""
        return cls(
            f"{store}: its settings lead to the same {connector} account as {other} ({account}). "
            "One account has one name: remove one of the two from stores.yaml."
        )


class RefusedError(ConnectorError):
    """This one order or shipment won't be taken; carries the platform's words. The others go on."""


class StateError(CrossdockError):
    """The database can't be used as it is; nothing that was committed is lost."""


class DatabaseTooNewError(StateError):
    """A newer crossdock has written the database; this one won't touch it."""


class DatabaseInUseError(StateError):
    """Another process is in the way."""


class DatabaseReadOnlyError(StateError):
    """The database, or the folder it lies in, can't be written to."""


class DatabaseFullError(StateError):
    """The disk is full."""


class DatabaseCorruptError(StateError):
    """The file is not a sound SQLite database."""


def clause(error: BaseException, store: str) -> str:
    """An error's words inside a sentence about its store, with whose name they begin."""
    return str(error).removeprefix(f"{store}: ").rstrip(".")


def did_you_mean(word: str, known: Collection[str]) -> str:
    """`; did you mean 'access_token'?`, or nothing where no known word is near."""
    near = difflib.get_close_matches(word[:100], known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
