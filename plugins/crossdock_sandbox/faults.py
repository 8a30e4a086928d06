"""Faults on demand: what goes wrong with which request, how often, in which order.

A fault waits in a queue. Each request walks the queue from its head: a fault that matches its method and path, and has
been skipped as often as it should be, is used and ends the walk. So a later fault neither sees nor counts the requests
that an earlier one took. An `edit` lets the walk go on, because it changes the store and not the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class FaultKind(StrEnum):
    """What happens to the request."""

    STATUS = "status"
    """An error status; `status` says which (default 500). The headers of a 429 say to wait for `seconds` (default:
    until the quota's window ends); the quota itself is not used up, so the next request may succeed."""
    BARE_429 = "429-bare"
    """429 without any rate-limit header: the whole platform is overloaded."""
    SLOW = "slow"
    """The right answer, `seconds` late on the wall clock; a write has its effect before the wait."""
    CUT = "cut"
    """The right answer's head and first half, then the connection ends."""
    RESET_BEFORE = "reset-before"
    """The connection is reset and nothing has happened."""
    RESET_AFTER = "reset-after"
    """The effect happens and its answer is lost: a reset, or `status` if one is given."""
    LATE = "late"
    """The answer is lost (reset or `status`); the effect comes `seconds` later on the store's clock, or at `land`."""
    HTML = "html"
    """A web page with 200 (or `status`), as the edge sends it."""
    XML = "xml"
    """An error in XML with 500 (or `status`)."""
    NULL = "null"
    """The body `null` with 200."""
    EMPTY = "empty"
    """An empty body with 200."""
    GARBAGE = "garbage"
    """JSON that ends in its middle, with 200 and a fitting length."""
    EDIT = "edit"
    """The store changes just before or after (`when`) the request is served as usual."""


WITH_EFFECT = frozenset({FaultKind.SLOW, FaultKind.CUT, FaultKind.RESET_AFTER})


@dataclass(slots=True)
class Fault:
    """One entry of the queue. `times` None means for ever.

    `path` is a regular expression searched in the path below `/stores/{hash}`, e.g. `^/v2/orders$`, and, failing that,
    in the path with its query, e.g. `orders\\?.*page=2`. `method` is one method, or "*". `effect` says whether a write
    takes place nevertheless; None leaves it to the kind: slow, cut and reset-after let it happen, the others don't.
    """

    kind: FaultKind
    method: str = "*"
    path: str = ""
    times: int | None = 1
    skip: int = 0
    status: int | None = None
    seconds: float | None = None
    effect: bool | None = None
    edit: Callable[[], object] | None = None
    when: str = "before"
    name: str = ""
    used: int = 0
    _pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.kind = FaultKind(self.kind)
        self.method = self.method.upper()
        self._pattern = re.compile(self.path)
        if self.kind is FaultKind.EDIT and self.edit is None:
            raise ValueError("An edit needs `edit`, the change to make.")
        if self.kind is FaultKind.SLOW and self.seconds is None:
            raise ValueError("A slow answer needs `seconds`.")
        if self.when not in {"before", "after"}:
            raise ValueError(f"`when` is 'before' or 'after', not {self.when!r}.")
        if self.times is not None and self.times < 1:
            raise ValueError(f"`times` is 1 or more, or none for ever, not {self.times}.")

    @property
    def is_spent(self) -> bool:
        return self.times is not None and self.used >= self.times

    @property
    def has_effect(self) -> bool:
        return self.kind in WITH_EFFECT if self.effect is None else self.effect

    def matches(self, method: str, path: str, query: str) -> bool:
        if self.method not in {"*", method}:
            return False
        return bool(self._pattern.search(path) or (query and self._pattern.search(f"{path}?{query}")))

    def describe(self) -> dict[str, object]:
        """The fault as plain values, for the control side and for messages of failed tests."""
        return {
            "kind": str(self.kind),
            "method": self.method,
            "path": self.path,
            "times": self.times,
            "skip": self.skip,
            "used": self.used,
            "status": self.status,
            "seconds": self.seconds,
            "name": self.name,
        }


@dataclass(frozen=True, slots=True)
class Due:
    """What one request has coming: the edits around it and at most one fault of its answer."""

    before: tuple[Fault, ...] = ()
    after: tuple[Fault, ...] = ()
    fault: Fault | None = None


_SHORT_NAMES = {"429": 429, "500": 500, "502": 502, "503": 503, "504": 504, "401": 401, "403": 403, "509": 509}


class Faults:
    """The queue of a store's faults."""

    def __init__(self) -> None:
        self._queue: list[Fault] = []

    def add(
        self,
        kind: FaultKind | str,
        *,
        method: str = "*",
        path: str = "",
        times: int | None = 1,
        skip: int = 0,
        status: int | None = None,
        seconds: float | None = None,
        effect: bool | None = None,
        edit: Callable[[], object] | None = None,
        when: str = "before",
        name: str = "",
    ) -> Fault:
        """Put a fault at the end of the queue; "503" is short for "status" with that status. Raises ValueError."""
        if kind in _SHORT_NAMES:
            kind, status = FaultKind.STATUS, _SHORT_NAMES[kind]
        try:
            kind = FaultKind(kind)
        except ValueError:
            known = ", ".join([*_SHORT_NAMES, *FaultKind])
            raise ValueError(f"There is no fault {kind!r}; there are {known}.") from None
        try:
            fault = Fault(kind, method, path, times, skip, status, seconds, effect, edit, when, name)
        except re.error as error:
            raise ValueError(f"`path` {path!r} is no regular expression: {error}.") from error
        self._queue.append(fault)
        return fault

    def clear(self) -> None:
        self._queue.clear()

    def __len__(self) -> int:
        return len(self._queue)

    def __iter__(self) -> Iterator[Fault]:
        return iter(tuple(self._queue))

    @property
    def unused(self) -> list[Fault]:
        """Faults that were to happen a certain number of times and did not, or for ever and never did."""
        return [each for each in self._queue if (each.used == 0 if each.times is None else not each.is_spent)]

    def take(self, method: str, path: str, query: str) -> Due:
        """What this request has coming; counts it as used."""
        before: list[Fault] = []
        after: list[Fault] = []
        for fault in self._queue:
            if fault.is_spent or not fault.matches(method, path, query):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.used += 1
            if fault.kind is not FaultKind.EDIT:
                return Due(tuple(before), tuple(after), fault)
            (before if fault.when == "before" else after).append(fault)
        return Due(tuple(before), tuple(after))
