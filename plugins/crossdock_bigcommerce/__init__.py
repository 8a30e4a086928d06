"""The BigCommerce connector's way in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossdock import hookimpl

if TYPE_CHECKING:
    from crossdock import AnyConnector


@hookimpl
def connectors() -> list[type[AnyConnector]]:
    """BigCommerce, imported only when connectors are asked for: `crossdock --help` needs none."""
    from crossdock_bigcommerce.connector import BigCommerce  # noqa: PLC0415

    return [BigCommerce]
