"""Where a secret mustn't stand, and whether it does."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, SecretStr

from crossdock.errors import CrossdockError
from crossdock.testing.service import FakeService, Misbehaviour, says


def secrets_of(settings: BaseModel, service: FakeService) -> set[str]:
    """The secrets among the settings, and the service's key, whatever its field was declared as."""
    secrets = {value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)}
    if service.secret in str(service.settings()):
        secrets.add(service.secret)
    return secrets


def telling(secrets: Collection[str], status: int) -> Misbehaviour:
    """An answer of this status that repeats every secret."""
    said = " ".join(f"The key {secret} is not welcome." for secret in secrets)
    return says("told the key", said, status=status)


def expect_nowhere(secrets: Collection[str], places: Mapping[str, str]) -> None:
    """Fails where a secret stands in a place's text."""
    __tracebackhide__ = True
    for place, text in places.items():
        for secret in secrets:
            before, found, _ = text.partition(secret)
            assert not found, f"A secret of the settings stands in {place}: …{before[-60:]}{secret}…"


def text_of_errors(results: Iterable[object]) -> str:
    """The tracebacks of the errors of our family among these."""
    return "".join("".join(traceback.format_exception(one)) for one in results if isinstance(one, CrossdockError))


def text_of_database(folder: Path) -> str:
    """What stands in the databases below a folder, byte by byte."""
    return "".join(file.read_bytes().decode("latin-1") for file in sorted(folder.rglob("crossdock.db*")))
