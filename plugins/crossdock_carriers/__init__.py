"""The carriers that crossdock brings itself: parcels whose number a person gives, and goods that are collected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossdock import hookimpl

if TYPE_CHECKING:
    from crossdock import AnyCarrier


@hookimpl
def carriers() -> list[type[AnyCarrier]]:
    """Both, imported only when carriers are asked for: `crossdock --help` needs none."""
    from crossdock_carriers.manual import Manual  # noqa: PLC0415
    from crossdock_carriers.pickup import Pickup  # noqa: PLC0415

    return [Manual, Pickup]
