"""The request quota of a store: a fixed window, told in four headers on every answer.

Source: API rate limits page (headers, 150 requests in 30 s on the Standard and Plus plans).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from .documented import QUOTA_REQUESTS, QUOTA_WINDOW_S


class Quota:
    """Counts the requests of the running window by the clock it is given. The quota is one per store, not per token."""

    def __init__(
        self, now: Callable[[], datetime], *, requests: int = QUOTA_REQUESTS, window_s: float = QUOTA_WINDOW_S
    ) -> None:
        self._now = now
        self.requests = requests
        self.window_s = window_s
        self._opened_at: float | None = None
        self._used = 0

    def use(self) -> bool:
        """Count one request; False if the window had none left."""
        now = self._now().timestamp()
        if self._opened_at is None or not self._opened_at <= now < self._opened_at + self.window_s:
            self._opened_at, self._used = now, 0
        if self._used >= self.requests:
            return False
        self._used += 1
        return True

    @property
    def left(self) -> int:
        return max(0, self.requests - self._used)

    @property
    def reset_ms(self) -> int:
        """Milliseconds until the window ends."""
        if self._opened_at is None:
            return int(self.window_s * 1000)
        return max(0, int((self._opened_at + self.window_s - self._now().timestamp()) * 1000))

    def headers(self) -> dict[str, str]:
        return self._headers(self.left, self.reset_ms)

    def spent_headers(self, reset_s: float | None = None) -> dict[str, str]:
        """The headers of a 429: nothing left until the window ends, or for `reset_s` seconds."""
        reset_ms = self.reset_ms if reset_s is None else int(reset_s * 1000)
        return {**self._headers(0, reset_ms), "X-Retry-After": str(-(-reset_ms // 1000))}

    def _headers(self, left: int, reset_ms: int) -> dict[str, str]:
        return {
            "X-Rate-Limit-Time-Window-Ms": str(int(self.window_s * 1000)),
            "X-Rate-Limit-Time-Reset-Ms": str(reset_ms),
            "X-Rate-Limit-Requests-Quota": str(self.requests),
            "X-Rate-Limit-Requests-Left": str(left),
        }
