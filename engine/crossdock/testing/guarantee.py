"""How a guarantee becomes a test: one that needs no plugin of pytest, and says what it is about when it fails."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

from crossdock.testing.service import FakeService


class OnService(Protocol):
    """What a test is given: it stands on a service that is played."""

    @property
    def platform(self) -> FakeService: ...


ContractT = TypeVar("ContractT")
TrialT = TypeVar("TrialT", bound=OnService)


def playing(
    begin: Callable[[ContractT, Path, Random], TrialT], *, courses: int = 1
) -> Callable[[Callable[[ContractT, TrialT], Coroutine[None, None, None]]], Callable[[ContractT], None]]:
    """Makes a test of a coroutine that is given what `begin` makes: anew for each of so many courses of events."""

    def guarantee(test: Callable[[ContractT, TrialT], Coroutine[None, None, None]]) -> Callable[[ContractT], None]:
        def played(self: ContractT) -> None:
            __tracebackhide__ = True
            for course in range(courses):
                random = Random(course)  # noqa: S311 -- a course of events, no secret
                try:
                    with TemporaryDirectory(prefix="crossdock-contract-") as folder:
                        trial = begin(self, Path(folder), random)
                        with trial.platform.served():
                            asyncio.run(test(self, trial))
                except Exception as error:
                    error.add_note(f"\nThe guarantee: {inspect.getdoc(test)}")
                    raise

        # Not functools.wraps: pytest would look through it, and take `trial` for a fixture.
        played.__name__, played.__qualname__ = test.__name__, test.__qualname__
        played.__doc__, played.__module__ = test.__doc__, test.__module__
        return played

    return guarantee
