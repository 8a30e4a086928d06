"""`stores.yaml` → Config, or all its mistakes at once with line and column."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from crossdock.config_sections import (
    NAME,
    CarrierSection,
    EngineSection,
    ScheduleSection,
    Section,
    StoreSection,
    json_schema,
)
from crossdock.connector import AnyConnector, Settings
from crossdock.errors import ConfigError, Mistake, did_you_mean
from crossdock.model import Address
from crossdock.plain_words import report_blanks, report_unknown_key, validated
from crossdock.references import References
from crossdock.yaml_source import Data, Document, Where, read_document, shortened

__all__ = [
    "CarrierConfig",
    "Config",
    "EngineConfig",
    "Reading",
    "StoreConfig",
    "json_schema",
    "load",
    "read",
]

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
FIVE_MINUTES = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """One sound store of the file. Either `every` or `cron` is set; without `timezone`, `cron` is in local time."""

    name: str
    connector: type[AnyConnector]
    settings: Settings = field(repr=False)
    label: str
    every: timedelta | None
    cron: str | None
    timezone: str | None
    write_back: bool
    sender: Address | None
    secret_files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """What concerns the whole process. `database` is an absolute path or a URL, which may hold a password."""

    database: str = field(repr=False)
    web_host: str = "127.0.0.1"
    web_port: int = 8420
    settle: timedelta = timedelta(minutes=2)
    keep_days: int | None = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierConfig:
    """A carrier by the name that people use, and the carrier class behind it."""

    name: str
    carrier: str
    settings: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What `stores.yaml` says: its sound parts."""

    path: Path
    engine: EngineConfig
    carriers: Mapping[str, CarrierConfig]
    stores: Mapping[str, StoreConfig]


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of reading the file.

    `config` holds the sound stores, or is None where the file can't be read at all, its engine section is wrong, or it
    can't be told which stores it holds. `broken_stores` are the names in the file that have a mistake. `files` are all
    that references lead to, found or not: when one changes, it's worth reading again.
    """

    config: Config | None
    mistakes: tuple[Mistake, ...]
    broken_stores: frozenset[str] = frozenset()
    files: frozenset[Path] = frozenset()


def load(
    path: Path,
    connectors: Mapping[str, type[AnyConnector]],
    *,
    broken_plugins: Mapping[str, str] = MappingProxyType({}),
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """The configuration, if all of it is sound. Raises ConfigError with every mistake."""
    reading = read(path, connectors, broken_plugins=broken_plugins, environ=environ)
    if reading.config is None or reading.mistakes:
        raise ConfigError(reading.mistakes)
    return reading.config


def read(
    path: Path,
    connectors: Mapping[str, type[AnyConnector]],
    *,
    broken_plugins: Mapping[str, str] = MappingProxyType({}),
    environ: Mapping[str, str] = os.environ,
) -> Reading:
    """All that is sound in the file, and every mistake in it.

    `broken_plugins` tells in a sentence why a connector is missing, as `Plugins.reasons()` does.
    """
    with _collector_at_rest():
        try:
            document = read_document(path)
        except ConfigError as error:
            return Reading(None, error.mistakes)
        return _Reader(path, document, connectors, broken_plugins, environ).reading()


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """No garbage is looked for inside: it would be, again and again, among all the parts of a long file (5 s of 7)."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


SectionT = TypeVar("SectionT", bound=Section)

SECTIONS = ("engine", "defaults", "carriers", "stores")


class _Reader:
    """One reading of one file."""

    def __init__(
        self,
        path: Path,
        document: Document,
        connectors: Mapping[str, type[AnyConnector]],
        broken_plugins: Mapping[str, str],
        environ: Mapping[str, str],
    ) -> None:
        self.path = path
        self.document = document
        self.connectors = connectors
        self.broken_plugins = broken_plugins
        self.environ = environ
        self.files: set[Path] = set()

    def reading(self) -> Reading:
        sections = {} if self.document.data is None else self.document.data
        if not isinstance(sections, dict):
            self.document.report((), f"the file should be a mapping with the keys {', '.join(SECTIONS)}")
            return Reading(None, self.document.mistakes)
        for key in sections:
            if key not in SECTIONS:
                report_unknown_key(self.document, (key,), SECTIONS)
        engine = self._section(EngineSection, sections.get("engine"), ("engine",)) or EngineSection()
        defaults = self._defaults(sections.get("defaults"))
        carriers = self._carriers(self._named(sections.get("carriers"), "carriers"))
        stores = self._stores(self._named(sections.get("stores"), "stores"), defaults)
        broken = self._broken_stores(sections.get("stores"), defaults)
        is_readable = self._is_readable(sections)
        if is_readable and not sections.get("stores"):
            self.document.report(
                ("stores",) if "stores" in sections else (),
                "no store yet: add one under 'stores', with its connector and settings",
            )
        config = Config(
            path=self.path,
            engine=_engine(engine, _folder(self.path)),
            carriers=MappingProxyType(carriers),
            stores=MappingProxyType({name: store for name, store in stores.items() if name not in broken}),
        )
        return Reading(config if is_readable else None, self.document.mistakes, broken, frozenset(self.files))

    def _is_readable(self, sections: Mapping[str, Data]) -> bool:
        """Whether the engine's keys are sound, and it is known which stores the file holds."""
        wrong = {where[:2] for where, _ in self.document.reported}
        if any(where[:1] == ("engine",) for where in wrong) or ("stores",) in wrong:
            return False
        return "stores" in sections or all(where[:1] and where[0] in SECTIONS for where in wrong)

    def _broken_stores(self, stores: Data, defaults: ScheduleSection | None) -> frozenset[str]:
        """The stores with a mistake, and those that lean on defaults with one."""
        names = stores if isinstance(stores, dict) else {}
        broken = {str(where[1]) for where, _ in self.document.reported if where[0:1] == ("stores",) and len(where) > 1}
        if defaults is None:
            own = ("every", "cron")
            broken |= {
                name for name, store in names.items() if not isinstance(store, dict) or not any(map(store.get, own))
            }
        return frozenset(broken)

    def _section(self, model: type[SectionT], data: Data, where: Where) -> SectionT | None:
        references = self._fill(data, where)
        return validated(model, {} if data is None else data, where, document=self.document, references=references)

    def _fill(self, data: Data, where: Where) -> References:
        references = References(self.document, _folder(self.path), self.environ)
        references.fill(data, where)
        self.files.update(references.files)
        return references

    def _named(self, data: Data, section: str) -> dict[str, Data]:
        if isinstance(data, dict):
            return data
        if data is not None:
            self.document.report((section,), "should be a mapping of names to what they mean")
        return {}

    def _defaults(self, data: Data) -> ScheduleSection | None:
        """The schedule of stores that have none of their own; None where there is a mistake in it."""
        before = len(self.document.reported)
        defaults = self._section(ScheduleSection, data, ("defaults",))
        if defaults is not None and defaults.every and defaults.cron:
            self.document.report(("defaults", "cron"), "give either 'every' or 'cron', not both", at_key=True)
        elif defaults is not None and defaults.timezone and not defaults.cron:
            self.document.report(("defaults", "timezone"), "'timezone' needs 'cron' beside it", at_key=True)
        in_walk = any(where[:1] == ("defaults",) for where, _ in self.document.reported[:before])
        return None if in_walk or len(self.document.reported) > before else defaults

    def _carriers(self, entries: dict[str, Data]) -> dict[str, CarrierConfig]:
        carriers = {}
        for name, data in entries.items():
            where = ("carriers", name)
            carrier = self._section(CarrierSection, data, where) if self._is_name(name, where) else None
            if carrier is not None:
                settings = MappingProxyType(carrier.settings or {})
                carriers[name] = CarrierConfig(name=name, carrier=carrier.carrier, settings=settings)
        return carriers

    def _stores(self, entries: dict[str, Data], defaults: ScheduleSection | None) -> dict[str, StoreConfig]:
        stores = {name: self._store(name, data, defaults or ScheduleSection()) for name, data in entries.items()}
        return {name: store for name, store in stores.items() if store is not None}

    def _store(self, name: str, data: Data, defaults: ScheduleSection) -> StoreConfig | None:
        where = ("stores", name)
        is_name = self._is_name(name, where)
        references = self._fill(data, where)
        store = validated(
            StoreSection, {} if data is None else data, where, document=self.document, references=references
        )
        connector = self._connector(data, where, references)
        settings = self._settings(connector, data, where, references)
        if store is None or connector is None or settings is None or not is_name:
            return None
        every, cron, timezone = self._schedule(store, defaults, where)
        return StoreConfig(
            name=name,
            connector=connector,
            settings=settings,
            label=store.label or name,
            every=every,
            cron=cron,
            timezone=timezone,
            write_back=store.write_back,
            sender=Address(**store.sender.model_dump()) if store.sender else None,
            secret_files=tuple(dict.fromkeys(references.files)),
        )

    def _is_name(self, name: str, where: Where) -> bool:
        if re.fullmatch(NAME, name):
            return True
        self.document.report(
            where,
            f"'{shortened(name)}' can't be a name: at most 63 lower-case letters, digits and . _ -, beginning with a"
            " letter or digit",
            at_key=True,
        )
        return False

    def _connector(self, data: Data, where: Where, references: References) -> type[AnyConnector] | None:
        name = data.get("connector") if isinstance(data, dict) else None
        at = (*where, "connector")
        if name is None or isinstance(name, (dict, list)) or at in references.failed or not str(name).strip():
            return None  # reported already
        name = str(name).strip()
        if name in self.connectors:
            return self.connectors[name]
        if name in self.broken_plugins:
            self.document.report(at, f"the connector '{name}' is not there, because {self.broken_plugins[name]}")
        elif at in references.filled:
            self.document.report(at, f"there is no such connector;{_installed(self.connectors)}")
        else:
            near = did_you_mean(name, self.connectors)
            words = f"there is no connector '{shortened(name)}'{near or ';'}{_installed(self.connectors)}"
            self.document.report(at, words)
        return None

    def _settings(
        self, connector: type[AnyConnector] | None, data: Data, where: Where, references: References
    ) -> Settings | None:
        found = data.get("settings") if isinstance(data, dict) else None
        if connector is None or not (found is None or isinstance(found, dict)):
            return None
        at = (*where, "settings")
        before = len(self.document.reported)
        model = connector.Settings
        settings = validated(model, found or {}, at, document=self.document, references=references)
        report_blanks(model, found, at, document=self.document, references=references)
        return settings if len(self.document.reported) == before else None

    def _schedule(
        self, store: ScheduleSection, defaults: ScheduleSection, where: Where
    ) -> tuple[timedelta | None, str | None, str | None]:
        if store.every and store.cron:
            self.document.report((*where, "cron"), "give either 'every' or 'cron', not both", at_key=True)
        has_cron = not store.every and bool(store.cron or defaults.cron)
        if store.timezone and not has_cron:
            self.document.report((*where, "timezone"), "'timezone' needs 'cron' beside it", at_key=True)
        if has_cron:
            return None, store.cron or defaults.cron, store.timezone or defaults.timezone
        return store.every or defaults.every or FIVE_MINUTES, None, None


def _installed(connectors: Mapping[str, object]) -> str:
    return f" installed: {', '.join(sorted(connectors))}" if connectors else " none is installed"


def _folder(path: Path) -> Path:
    """The folder that the file's relative paths begin at: the one it was named in, even where it is a link."""
    return Path(os.path.abspath(path)).parent


def _engine(written: EngineSection, folder: Path) -> EngineConfig:
    is_url = URL.match(written.database) is not None
    return EngineConfig(
        database=written.database if is_url else os.path.abspath(folder / written.database),
        web_host=written.web.host,
        web_port=written.web.port,
        settle=written.settle,
        keep_days=written.keep_days,
    )
