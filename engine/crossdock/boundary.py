"""Where a plugin's work meets ours: what it raises leaves as an error of our family, without its settings' secrets."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from crossdock.config import CarrierConfig, StoreConfig
from crossdock.errors import CrossdockError, PluginError
from crossdock.logs import about

log = logging.getLogger("crossdock")


def secrets_of(used: StoreConfig | CarrierConfig) -> tuple[str, ...]:
    """The values of the settings that may not be shown anywhere."""
    return tuple(
        secret for _, value in used.settings if isinstance(value, SecretStr) and (secret := value.get_secret_value())
    )


@asynccontextmanager
async def boundary(used: StoreConfig | CarrierConfig, *, is_told: bool = False) -> AsyncGenerator[None, None]:
    """What a connector or a carrier raises beyond its contract is a bug of its plugin: logged whole, and told as that.

    What it raises within its contract passes through, out of a group too, but without its secrets. `is_told` says that
    the log has the bug already, from the store's last run. What is logged inside is covered likewise.
    """
    with about(used.name, secrets=secrets_of(used)):
        async with _told(used, is_told=is_told):
            yield


@asynccontextmanager
async def _told(used: StoreConfig | CarrierConfig, *, is_told: bool) -> AsyncGenerator[None, None]:
    try:
        yield
    except CrossdockError as error:
        raise _without_secrets(error, used) from error.__cause__
    except (Exception, SystemExit) as error:
        expected = _only_leaf(error)
        if expected is not None:
            raise _without_secrets(expected, used) from error
        plugin, level = _plugin_of(used), logging.DEBUG if is_told else logging.ERROR
        words = f"{used.name}: the {plugin} failed unexpectedly".replace("'", "")
        if isinstance(used, StoreConfig):
            log.log(level, "%s", words, exc_info=True)
        else:  # where it failed, without its own words: a carrier is given the buyer's address, and may quote it
            frames = "".join(traceback.format_tb(error.__traceback__))
            log.log(level, "%s (%s):\n%s", words, type(error).__name__, frames)
        raise PluginError(
            f"{used.name}: the {plugin} failed unexpectedly ({type(error).__name__}); "
            "this is a mistake in its plugin, and the log has the details for its author."
        ) from error


def _plugin_of(used: StoreConfig | CarrierConfig) -> str:
    if isinstance(used, StoreConfig):
        return f"connector '{used.connector.name}'"
    return f"carrier '{used.carrier.name}'"


def _only_leaf(error: BaseException) -> CrossdockError | None:
    """The first error inside a task group's, where all of them are of our family."""
    if not isinstance(error, BaseExceptionGroup):
        return error if isinstance(error, CrossdockError) else None
    leaves = [_only_leaf(one) for one in error.exceptions]
    return None if None in leaves else leaves[0]


def _without_secrets(error: CrossdockError, used: StoreConfig | CarrierConfig) -> CrossdockError:
    """The same error; a secret of the settings in its words is covered."""
    words = str(error)
    for secret in secrets_of(used):
        words = words.replace(secret, "***")
    if words != str(error):
        error.args = (words, *error.args[1:])
    return error
