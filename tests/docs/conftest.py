"""What the tests of the documentation share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docs.bench import Quick


@pytest.fixture(scope="session")
def quick() -> Iterator[Quick]:
    """`crossdock` without the start of Python each time."""
    made = Quick()
    yield made
    made.close()
