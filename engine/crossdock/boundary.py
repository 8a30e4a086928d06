"""Where a connector's work meets ours: what it raises leaves as an error of our family, without the store's secrets."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from crossdock.config import StoreConfig
from crossdock.errors import CrossdockError, PluginError
from crossdock.logs import about

log = logging.getLogger("crossdock")


def secrets_of(store: StoreConfig) -> tuple[str, ...]:
    """The values of the store's settings that may not be shown anywhere."""
    return tuple(
        secret for _, value in store.settings if isinstance(value, SecretStr) and (secret := value.get_secret_value())
    )


@asynccontextmanager
async def boundary(store: StoreConfig, *, is_told: bool = False) -> AsyncGenerator[None, None]:
    """What a connector raises beyond its contract is a bug of its plugin: logged whole, and told as that.

    What it raises within its contract passes through, out of a group too, but without the store's secrets. `is_told`
    says that the log has the bug already, from the store's last run. What is logged inside is covered likewise.
    """
    with about(store.name, secrets=secrets_of(store)):
        async with _told(store, is_told=is_told):
            yield


@asynccontextmanager
async def _told(store: StoreConfig, *, is_told: bool) -> AsyncGenerator[None, None]:
    try:
        yield
    except CrossdockError as error:
        raise _without_secrets(error, store) from error.__cause__
    except (Exception, SystemExit) as error:
        expected = _only_leaf(error)
        if expected is not None:
            raise _without_secrets(expected, store) from error
        level = logging.DEBUG if is_told else logging.ERROR
        log.log(level, "%s: the connector %s failed unexpectedly", store.name, store.connector.name, exc_info=True)
        raise PluginError(
            f"{store.name}: the connector '{store.connector.name}' failed unexpectedly ({type(error).__name__}); "
            "this is a mistake in its plugin, and the log has the details for its author."
        ) from error


def _only_leaf(error: BaseException) -> CrossdockError | None:
    """The first error inside a task group's, where all of them are of our family."""
    if not isinstance(error, BaseExceptionGroup):
        return error if isinstance(error, CrossdockError) else None
    leaves = [_only_leaf(one) for one in error.exceptions]
    return None if None in leaves else leaves[0]


def _without_secrets(error: CrossdockError, store: StoreConfig) -> CrossdockError:
    """The same error; a secret of the store's settings in its words is covered."""
    words = str(error)
    for secret in secrets_of(store):
        words = words.replace(secret, "***")
    if words != str(error):
        error.args = (words, *error.args[1:])
    return error
