"""`stores.yaml` → Config, or all its mistakes at once with line and column."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from crossdock.carrier import AnyCarrier, CarrierSettings
from crossdock.config_sections import (
    NAME,
    CarrierSection,
    EngineSection,
    LabelSize,
    PageSize,
    PapersSection,
    PrinterSection,
    ScheduleSection,
    Section,
    SlipColumn,
    StoreSection,
    json_schema,
)
from crossdock.connector import AnyConnector, Settings
from crossdock.errors import ConfigError, Mistake, UsageError, did_you_mean
from crossdock.model import Address
from crossdock.plain_words import report_blanks, report_unknown_key, validated
from crossdock.references import References
from crossdock.yaml_source import Data, Document, Where, document_of, read_document, shortened

__all__ = [
    "CarrierConfig",
    "Config",
    "EngineConfig",
    "LabelSize",
    "PageSize",
    "PaperConfig",
    "PrinterConfig",
    "Reading",
    "SlipColumn",
    "StoreConfig",
    "json_schema",
    "load",
    "read",
    "read_proposed",
]

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
FIVE_MINUTES = timedelta(minutes=5)
ANY_CARRIER = "manual"
"""The carrier class that a name means which stands for nothing else."""
LONGEST_CARRIER = 50  # characters


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
    logo: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """What concerns the whole process. `database` is an absolute path or a URL, which may hold a password."""

    database: str = field(repr=False)
    web_host: str = "127.0.0.1"
    web_port: int = 8420
    web_password_file: Path | None = None
    web_url: str | None = None
    settle: timedelta = timedelta(minutes=2)
    keep_days: int | None = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterConfig:
    """A thermal printer that takes ZPL over TCP; `dpi` are the dots per inch of its head."""

    name: str
    host: str
    port: int
    dpi: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperConfig:
    """What labels and slips look like, and where they can be sent. `columns` are those of packing slips."""

    label: LabelSize = LabelSize.INCHES_4X6
    page: PageSize = PageSize.A4
    columns: tuple[SlipColumn, ...] = (SlipColumn.SKU, SlipColumn.NAME, SlipColumn.OPTIONS)
    printers: Mapping[str, PrinterConfig] = field(default_factory=dict)

    def printer(self, name: str) -> PrinterConfig:
        """The printer of this name. Raises UsageError."""
        found = self.printers.get(name)
        if found is None:
            known = ", ".join(sorted(self.printers)) or "none yet"
            raise UsageError(
                f"stores.yaml has no printer '{shortened(name)}' under 'papers'; its printers are: {known}."
            )
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierConfig:
    """A carrier by the name that people use, and the carrier class behind it."""

    name: str
    carrier: type[AnyCarrier]
    settings: CarrierSettings = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What `stores.yaml` says: its sound parts.

    `broken_carriers` are the names under `carriers` that have a mistake; `are_carriers_known` is whether it can be told
    at all which names stand there. `missing` says in a sentence why a carrier class is not among `installed_carriers`.
    `sound_papers` is None where `papers` has a mistake.
    """

    path: Path
    engine: EngineConfig
    carriers: Mapping[str, CarrierConfig]
    stores: Mapping[str, StoreConfig]
    sound_papers: PaperConfig | None = field(default_factory=PaperConfig)
    broken_carriers: frozenset[str] = frozenset()
    are_carriers_known: bool = True
    installed_carriers: Mapping[str, type[AnyCarrier]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def store(self, name: str) -> StoreConfig:
        """The store of this name. Raises UsageError."""
        found = self.stores.get(name)
        if found is None:
            known = ", ".join(sorted(self.stores)) or "none yet"
            raise UsageError(f"{name}: stores.yaml has no store of this name; its stores are: {known}.")
        return found

    @property
    def papers(self) -> PaperConfig:
        """What papers look like. Raises UsageError where that is known in part only: no paper is printed by guess."""
        if self.sound_papers is None:
            raise UsageError(
                f"Nothing is printed while 'papers' in {self.path.name} has a mistake: `crossdock check` says what is"
                " wrong."
            )
        return self.sound_papers

    def carrier(self, name: str) -> CarrierConfig:
        """The carrier that a person means by `name`.

        That is an entry under `carriers`, or else a carrier class that needs no settings, or else `manual` for any
        other carrier, called as it was written. Raises UsageError where it can't be told, or can't be used.
        """
        written = name.strip()
        known = _known_as(written, [*self.carriers, *self.broken_carriers, *self.installed_carriers, *self.missing])
        if known in self.broken_carriers or not self.are_carriers_known:
            raise UsageError(
                f"It isn't known how the carrier '{shortened(written)}' is set up, because of a mistake in"
                f" the 'carriers' of {self.path.name}: `crossdock check` says what is wrong."
            )
        if known in self.carriers:
            return self.carriers[known]
        if known in self.installed_carriers:
            return self._without_entry(known, known)
        if known in self.missing:
            raise UsageError(f"The carrier '{shortened(written)}' is not there, because {_ended(self.missing[known])}")
        return self._any_carrier(written)

    def _any_carrier(self, name: str) -> CarrierConfig:
        if not name:
            raise UsageError(
                f"The carrier has no name: give one that stands under 'carriers' in {self.path.name}, or any carrier's"
                " own, such as 'Australia Post'."
            )
        if len(name) > LONGEST_CARRIER or not name.isprintable():
            raise UsageError(
                f"'{shortened(name)}' can't be a carrier's name: that has at most {LONGEST_CARRIER} characters, all of"
                " them in one line."
            )
        return self._without_entry(name, ANY_CARRIER)

    def _without_entry(self, name: str, of_class: str) -> CarrierConfig:
        carrier = self.installed_carriers.get(of_class)
        if carrier is None:
            raise UsageError(
                f"There is no carrier '{shortened(name)}' under 'carriers' in {self.path.name}, and the carrier"
                f" '{of_class}', which stands for any other, is not installed: see `crossdock plugins`."
            )
        try:
            settings = carrier.Settings()
        except ValidationError as error:
            raise UsageError(
                f"The carrier '{of_class}' needs settings: add an entry with 'carrier: {of_class}' and its settings"
                f" under 'carriers' in {self.path.name}."
            ) from error
        return CarrierConfig(name=name, carrier=carrier, settings=settings)


NO_STORE_YET = "no store yet: add one under 'stores', with its connector and settings"


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

    def allowing_no_store(self) -> Reading:
        """The same, but that there is no store yet is no mistake: the page is there to add one."""
        return replace(self, mistakes=tuple(one for one in self.mistakes if one.message != NO_STORE_YET))


def load(
    path: Path,
    connectors: Mapping[str, type[AnyConnector]],
    carriers: Mapping[str, type[AnyCarrier]] = MappingProxyType({}),
    *,
    broken_plugins: Mapping[str, str] = MappingProxyType({}),
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """The configuration, if all of it is sound. Raises ConfigError with every mistake."""
    reading = read(path, connectors, carriers, broken_plugins=broken_plugins, environ=environ)
    if reading.config is None or reading.mistakes:
        raise ConfigError(reading.mistakes)
    return reading.config


def read(
    path: Path,
    connectors: Mapping[str, type[AnyConnector]],
    carriers: Mapping[str, type[AnyCarrier]] = MappingProxyType({}),
    *,
    broken_plugins: Mapping[str, str] = MappingProxyType({}),
    environ: Mapping[str, str] = os.environ,
    may_be_missing: bool = False,
) -> Reading:
    """All that is sound in the file, and every mistake in it.

    `broken_plugins` tells in a sentence why a connector or a carrier is missing, as `Plugins.reasons()` does. A file
    that `may_be_missing` counts as an empty one, as long as its folder is there: somebody is about to write it.
    """
    with _collector_at_rest():
        try:
            document = read_document(path)
        except ConfigError as error:
            if not may_be_missing or path.exists() or not path.absolute().parent.is_dir():
                return Reading(None, error.mistakes)
            document = Document(str(path), None)
        return _Reader(path, document, connectors, carriers, broken_plugins, environ).reading()


def read_proposed(
    path: Path,
    text: str,
    connectors: Mapping[str, type[AnyConnector]],
    carriers: Mapping[str, type[AnyCarrier]],
    *,
    broken_plugins: Mapping[str, str],
    environ: Mapping[str, str] = os.environ,
) -> Reading:
    """What `read` would say if the file at `path` held this text."""
    with _collector_at_rest():
        try:
            document = document_of(text, str(path))
        except ConfigError as error:
            return Reading(None, error.mistakes)
        return _Reader(path, document, connectors, carriers, broken_plugins, environ).reading()


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
ModelT = TypeVar("ModelT", bound=BaseModel)
ClassT = TypeVar("ClassT")

SECTIONS = ("engine", "defaults", "papers", "carriers", "stores")


class _Reader:
    """One reading of one file."""

    def __init__(
        self,
        path: Path,
        document: Document,
        connectors: Mapping[str, type[AnyConnector]],
        carriers: Mapping[str, type[AnyCarrier]],
        broken_plugins: Mapping[str, str],
        environ: Mapping[str, str],
    ) -> None:
        self.path = path
        self.document = document
        self.connectors = connectors
        self.carriers = carriers
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
        papers = self._papers(sections.get("papers"))
        carriers = self._carriers(self._named(sections.get("carriers"), "carriers"))
        stores = self._stores(self._named(sections.get("stores"), "stores"), defaults)
        broken = self._broken_stores(sections.get("stores"), defaults)
        broken_carriers = self._broken("carriers")
        is_readable = self._is_readable(sections)
        if is_readable and not sections.get("stores"):
            self.document.report(
                ("stores",) if "stores" in sections else (),
                NO_STORE_YET,
            )
        config = Config(
            path=self.path,
            engine=_engine(engine, _folder(self.path)),
            carriers=MappingProxyType({name: one for name, one in carriers.items() if name not in broken_carriers}),
            stores=MappingProxyType({name: store for name, store in stores.items() if name not in broken}),
            sound_papers=papers if self._is_known("papers", sections) else None,
            broken_carriers=broken_carriers,
            are_carriers_known=self._is_known("carriers", sections),
            installed_carriers=self.carriers,
            missing=self.broken_plugins,
        )
        return Reading(config if is_readable else None, self.document.mistakes, broken, frozenset(self.files))

    def _is_readable(self, sections: Mapping[str, Data]) -> bool:
        """Whether the engine's keys are sound, and it is known which stores the file holds."""
        is_engine_sound = not any(where[:1] == ("engine",) for where, _ in self.document.reported)
        return is_engine_sound and self._is_known("stores", sections)

    def _is_known(self, section: str, sections: Mapping[str, Data]) -> bool:
        """Whether it is known which names a section holds, that may be there as a whole under a misspelt key."""
        wrong = {where[:2] for where, _ in self.document.reported}
        if (section,) in wrong:
            return False
        return section in sections or all(where[:1] and where[0] in SECTIONS for where in wrong)

    def _broken(self, section: str) -> frozenset[str]:
        """The names in a section that have a mistake."""
        wrong = [where for where, _ in self.document.reported if where[:1] == (section,)]
        return frozenset(str(where[1]) for where in wrong if len(where) > 1)

    def _broken_stores(self, stores: Data, defaults: ScheduleSection | None) -> frozenset[str]:
        """The stores with a mistake, and those that lean on defaults with one."""
        names = stores if isinstance(stores, dict) else {}
        broken = self._broken("stores")
        if defaults is None:
            own = ("every", "cron")
            broken |= {
                name for name, store in names.items() if not isinstance(store, dict) or not any(map(store.get, own))
            }
        return broken

    def _section(self, model: type[SectionT], data: Data, where: Where) -> SectionT | None:
        return self._validated(model, data, where, self._fill(data, where))

    def _validated(self, model: type[SectionT], data: Data, where: Where, references: References) -> SectionT | None:
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

    def _papers(self, data: Data) -> PaperConfig | None:
        """What papers look like; None where there is a mistake in it."""
        where = ("papers",)
        references = self._fill(data, where)
        written = self._validated(PapersSection, data, where, references)
        members = data if isinstance(data, dict) else {}
        printers, columns = members.get("printers"), members.get("columns")
        found = [
            self._printer(name, printer, references)
            for name, printer in (printers.items() if isinstance(printers, dict) else ())
        ]
        self._report_twice(columns if isinstance(columns, list) else [], (*where, "columns"))
        if written is None or any(place[:1] == where for place, _ in self.document.reported):
            return None
        return PaperConfig(
            label=written.label,
            page=written.page,
            columns=written.columns,
            printers=MappingProxyType({printer.name: printer for printer in found if printer is not None}),
        )

    def _printer(self, name: str, data: Data, references: References) -> PrinterConfig | None:
        where = ("papers", "printers", name)
        is_name = self._is_name(name, where)
        written = self._validated(PrinterSection, data, where, references)
        if written is None or not is_name:
            return None
        host, _, port = written.address.rpartition(":")
        return PrinterConfig(name=name, host=host.strip("[]"), port=int(port), dpi=written.dpi)

    def _report_twice(self, columns: list[Data], where: Where) -> None:
        words = [str(column).strip().lower() for column in columns]
        for index, word in enumerate(words):
            if word in words[:index] and word in set(SlipColumn):
                self.document.report((*where, index), f"'{word}' stands here twice; keep one of them")

    def _carriers(self, entries: dict[str, Data]) -> dict[str, CarrierConfig]:
        carriers = {name: self._carrier(name, data) for name, data in entries.items()}
        return {name: carrier for name, carrier in carriers.items() if carrier is not None}

    def _carrier(self, name: str, data: Data) -> CarrierConfig | None:
        where = ("carriers", name)
        is_name = self._is_name(name, where)
        references = self._fill(data, where)
        section = self._validated(CarrierSection, data, where, references)
        carrier = self._class("carrier", self.carriers, data, where, references)
        settings = None if carrier is None else self._settings(carrier.Settings, data, where, references)
        if section is None or carrier is None or settings is None or not is_name:
            return None
        return CarrierConfig(name=name, carrier=carrier, settings=settings)

    def _stores(self, entries: dict[str, Data], defaults: ScheduleSection | None) -> dict[str, StoreConfig]:
        stores = {name: self._store(name, data, defaults or ScheduleSection()) for name, data in entries.items()}
        return {name: store for name, store in stores.items() if store is not None}

    def _store(self, name: str, data: Data, defaults: ScheduleSection) -> StoreConfig | None:
        where = ("stores", name)
        is_name = self._is_name(name, where)
        references = self._fill(data, where)
        store = self._validated(StoreSection, data, where, references)
        connector = self._class("connector", self.connectors, data, where, references)
        settings = None if connector is None else self._settings(connector.Settings, data, where, references)
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
            logo=_folder(self.path) / store.logo if store.logo else None,
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

    def _class(
        self, kind: str, installed: Mapping[str, ClassT], data: Data, where: Where, references: References
    ) -> ClassT | None:
        """The class that an entry names at its key `kind`: "connector" or "carrier"."""
        name = data.get(kind) if isinstance(data, dict) else None
        at = (*where, kind)
        if name is None or isinstance(name, (dict, list)) or at in references.failed or not str(name).strip():
            return None  # reported already
        name = str(name).strip()
        if name in installed:
            return installed[name]
        if name in self.broken_plugins:
            self.document.report(at, f"the {kind} '{name}' is not there, because {self.broken_plugins[name]}")
        elif at in references.filled:
            self.document.report(at, f"there is no such {kind};{_installed(installed)}")
        else:
            near = did_you_mean(name, installed)
            words = f"there is no {kind} '{shortened(name)}'{near or ';'}{_installed(installed)}"
            self.document.report(at, words)
        return None

    def _settings(self, model: type[ModelT], data: Data, where: Where, references: References) -> ModelT | None:
        found = data.get("settings") if isinstance(data, dict) else None
        if not (found is None or isinstance(found, dict)):
            return None  # reported already
        at = (*where, "settings")
        before = len(self.document.reported)
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


def _installed(classes: Mapping[str, object]) -> str:
    return f" installed: {', '.join(sorted(classes))}" if classes else " none is installed"


def _known_as(written: str, names: Collection[str]) -> str:
    """`written` as one of `names` has it that differs in upper and lower case at most; as it is if there is none."""
    if written in names:
        return written
    return next((name for name in names if name.casefold() == written.casefold()), written)


def _ended(words: str) -> str:
    return words if words.endswith(("?", ".")) else f"{words}."


def _folder(path: Path) -> Path:
    """The folder that the file's relative paths begin at: the one it was named in, even where it is a link."""
    return Path(os.path.abspath(path)).parent


def _engine(written: EngineSection, folder: Path) -> EngineConfig:
    is_url = URL.match(written.database) is not None
    return EngineConfig(
        database=written.database if is_url else os.path.abspath(folder / written.database),
        web_host=written.web.host,
        web_port=written.web.port,
        web_password_file=folder / written.web.password_file if written.web.password_file else None,
        web_url=written.web.url,
        settle=written.settle,
        keep_days=written.keep_days,
    )
