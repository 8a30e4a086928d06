"""The clock that tests wind, from the kit."""

from __future__ import annotations

from crossdock.testing import WoundClock

__all__ = ["WoundClock"]
