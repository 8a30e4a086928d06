"""Finds, loads, names and blocks plugins, one by one, and says why one could not be used."""

from __future__ import annotations

import difflib
import hashlib
import inspect
import os
import re
import stat
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import click
import pluggy

from crossdock import hooks
from crossdock.errors import PluginError

if TYPE_CHECKING:
    from crossdock.carrier import AnyCarrier
    from crossdock.connector import AnyConnector

CONTRACT = 1
"""The major version of what plugins rely on; a plugin made for another one says so in `crossdock_contract`."""

SUBSET = "CROSSDOCK_LOAD_PLUGINS"
BUNDLED = "crossdock"  # the distribution that always keeps its names
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """A plugin in use. `distribution` is "name version", or the path of a single file.

    `brings` grows as the plugins are asked: it names connectors and carriers after `Plugins.connectors()` or
    `Plugins.carriers()`, and commands after `Plugins.commands()`.
    """

    name: str
    distribution: str
    brings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that stands still, and why: `reason` is one sentence without a full stop at its end."""

    name: str
    origin: str
    reason: str

    def __str__(self) -> str:
        return f"the plugin '{self.name}' ({self.origin}) can't be used: {self.reason}"


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A plugin that was found but not imported yet."""

    name: str
    origin: str
    load: Callable[[], object]


class Plugins:
    """The plugins of this process. Nothing is asked of them before it is needed, and one that fails is put aside.

    What a plugin brings is asked for once; a plugin that breaks later takes back all that it brought.
    """

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(hooks.PROJECT)
        self.manager.add_hookspecs(hooks)
        self._origins: dict[str, str] = {}  # of the sound plugins, in the order in which they are asked
        self._broken: list[BrokenPlugin] = []
        self._brought: dict[str, dict[str, tuple[str, Any]]] = {}  # by the hook, then by name, with the plugin
        self._lost: dict[str, str] = {}  # what a broken plugin would have brought -> that plugin

    @property
    def loaded(self) -> tuple[LoadedPlugin, ...]:
        """The sound plugins, in the order in which they are asked."""
        brought: dict[str, list[str]] = {name: [] for name in self._origins}
        for hook, kind in (("connectors", "connector"), ("carriers", "carrier"), ("cli_commands", "command")):
            for name, (plugin, _) in self._brought.get(hook, {}).items():
                if plugin in brought:
                    brought[plugin].append(f"{kind} {name}")
        for hook in ("open_state", *sorted(hooks.EVENTS)):
            for implementation in self.manager.hook.__dict__[hook].get_hookimpls():
                brought[implementation.plugin_name].append(hook)
        return tuple(LoadedPlugin(name, origin, tuple(brought[name])) for name, origin in self._origins.items())

    @property
    def broken(self) -> tuple[BrokenPlugin, ...]:
        """The plugins that stand still, as far as is known by now."""
        return tuple(self._broken)

    def reasons(self) -> Mapping[str, str]:
        """Why a connector or a carrier is missing, in a sentence, by the names of the plugin and of what it'd bring."""
        by_plugin = {plugin.name: str(plugin) for plugin in reversed(self._broken)}
        lost = {name: by_plugin[plugin] for name, plugin in self._lost.items()}
        return MappingProxyType({**by_plugin, **lost})

    def connectors(self) -> Mapping[str, type[AnyConnector]]:
        """The connector classes by their names. This imports what the plugins need for their work."""
        return self._classes("connectors")

    def carriers(self) -> Mapping[str, type[AnyCarrier]]:
        """The carrier classes by their names. This imports what the plugins need for their work."""
        return self._classes("carriers")

    def commands(self, taken: Collection[str] = ()) -> list[click.Command]:
        """The commands that plugins add; one whose name is in `taken`, or another plugin's, is refused."""
        if "cli_commands" not in self._brought:
            self._ask("cli_commands", _named_commands, taken=dict.fromkeys(taken, "crossdock itself"))
        return list(self._sound("cli_commands").values())

    def _classes(self, hook: str) -> Mapping[str, type[Any]]:
        """Both kinds of class are asked for at once: a plugin that errs in one brings none of the other."""
        for kind, named in (("connectors", _named_connectors), ("carriers", _named_carriers)):
            if kind not in self._brought:
                self._ask(kind, named, taken={})
        return MappingProxyType(self._sound(hook))

    def _sound(self, hook: str) -> dict[str, Any]:
        return {name: thing for name, (plugin, thing) in self._brought[hook].items() if plugin in self._origins}

    def put_aside(self, name: str, origin: str, reason: str) -> None:
        """Names a plugin as broken and asks it for nothing more."""
        self._broken.append(BrokenPlugin(name, origin, reason))
        if self._origins.get(name) == origin:
            del self._origins[name]
            self.manager.unregister(name=name)
            for things in self._brought.values():
                self._lost.update({thing: plugin for thing, (plugin, _) in things.items() if plugin == name})

    def add(self, candidate: _Candidate) -> None:
        """Imports a plugin and takes it up, or puts it aside with the reason."""
        try:
            if candidate.name in self._origins:
                raise PluginError(f"another plugin has this name already ({self._origins[candidate.name]})")
            plugin = _imported(candidate)
            _check_contract(plugin)
            _check_hooks(self.manager, plugin)
            self.manager.register(plugin, name=candidate.name)
        except PluginError as error:
            self.put_aside(candidate.name, candidate.origin, str(error))
        except Exception as error:  # an object that can't be looked into, or is registered under another name already
            self.put_aside(candidate.name, candidate.origin, f"it can't be taken up: {_in_a_line(error)}")
        else:
            self._origins[candidate.name] = candidate.origin

    def _ask(self, hook: str, named: Callable[[object], Iterator[tuple[str, T]]], *, taken: dict[str, str]) -> None:
        """It is known what each plugin's `hook` brings, by name; a plugin that errs brings nothing."""
        things = self._brought[hook] = {}
        for plugin, origin in list(self._origins.items()):
            brought: dict[str, T] = {}
            try:
                for implementation in self.manager.hook.__dict__[hook].get_hookimpls():
                    if implementation.plugin_name == plugin:
                        for name, thing in named(_called(hook, implementation.function)):
                            if name in brought:
                                raise PluginError(f"it brings two things called '{name}'")
                            brought[name] = thing
                for name in brought.keys() & taken.keys():
                    raise PluginError(f"the name '{name}' is taken by {taken[name]}")
            except PluginError as error:
                self._lost.update(dict.fromkeys(brought, plugin))
                self.put_aside(plugin, origin, str(error))
            else:
                taken.update(dict.fromkeys(brought, f"the plugin '{plugin}' ({origin})"))
                things.update({name: (plugin, thing) for name, thing in brought.items()})


def load_plugins(folder: Path | None = None, *, environ: Mapping[str, str] = os.environ) -> Plugins:
    """Loads the installed plugins, then the single files in `folder` (`plugins.d` beside `stores.yaml`).

    crossdock's own come first, so that they keep their names. `CROSSDOCK_LOAD_PLUGINS`, names separated by commas,
    loads only those; an empty one loads none. Nothing is raised: see `Plugins.broken`.
    """
    plugins = Plugins()
    candidates = [*_installed(plugins), *(_files(folder, plugins) if folder else ())]
    subset = environ.get(SUBSET)
    wanted = None if subset is None else [name.strip() for name in subset.split(",") if name.strip()]
    for candidate in candidates:
        if wanted is None or candidate.name in wanted:
            plugins.add(candidate)
    found = sorted({candidate.name for candidate in candidates})
    for name in wanted or ():
        if name not in found and all(name != plugin.name for plugin in plugins.broken):
            plugins.put_aside(name, SUBSET, f"no such plugin is installed{_nearest(name, found)}")
    return plugins


def _installed(plugins: Plugins) -> list[_Candidate]:
    """The entry points of all distributions, crossdock's own first, then by name."""
    found: list[tuple[bool, str, str, metadata.EntryPoint]] = []
    seen: set[str] = set()
    for distribution in metadata.distributions():
        try:
            # Looked at first as text: it is faster, and another program's malformed entry points are not our concern.
            if f"[{hooks.PROJECT}]" not in (distribution.read_text("entry_points.txt") or "").replace(" ", ""):
                continue
            name = re.sub(r"[-_.]+", "-", str(distribution.metadata["Name"])).lower()
            if name not in seen:  # the first on the path wins, as with `import`
                seen.add(name)
                origin = f"{distribution.metadata['Name']} {distribution.version}"
                points = distribution.entry_points.select(group=hooks.PROJECT)
                found += [(name != BUNDLED, point.name, origin, point) for point in points]
        except Exception as error:
            where = str(getattr(distribution, "_path", "an installed distribution"))
            plugins.put_aside(Path(where).stem, where, f"its entry points can't be read: {_in_a_line(error)}")
    found.sort(key=lambda one: one[:3])
    return [_Candidate(name, origin, _loader(point)) for _, name, origin, point in found]


def _loader(point: metadata.EntryPoint) -> Callable[[], object]:
    def load() -> object:
        if re.fullmatch(r"[\w.]+\s*(:\s*[\w.]+\s*)?", point.value) is None:
            raise PluginError(f"its entry point {point.value!r} names no module")
        return point.load()

    return load


def _files(folder: Path, plugins: Plugins) -> Iterator[_Candidate]:
    """The single-file plugins in `folder`, by name; none where there is no such folder."""
    try:
        about_folder = folder.stat()
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".py" and path.name[0] not in "._")
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        plugins.put_aside(folder.name, str(folder), f"the folder can't be read: {error.strerror}")
        return
    for path in paths:
        yield _Candidate(path.stem, str(path), _file_loader(path, about_folder))


def _file_loader(path: Path, about_folder: os.stat_result) -> Callable[[], object]:
    def load() -> object:
        _refuse_strangers(about_folder, f"the folder {path.parent}")
        if not path.is_file():
            raise PluginError("it is not a file")
        with path.open("rb") as file:  # looked at and read through one handle, so that nobody can swap it in between
            _refuse_strangers(os.fstat(file.fileno()), "the file")
            source = file.read()
        return _module_from(source, path)

    return load


def _refuse_strangers(about: os.stat_result, what: str) -> None:
    """Raises PluginError unless only root and the user who runs this process could have written it."""
    if about.st_uid not in (0, os.geteuid()):
        raise PluginError(f"{what} belongs to another user (id {about.st_uid}), who could run anything here")
    if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.S_IMODE(about.st_mode)
        raise PluginError(f"{what} can be written to by other users (mode {mode:03o}): run chmod go-w on it")


def _module_from(source: bytes, path: Path) -> ModuleType:
    """The module of a single file; nothing is cached beside it, and its name is nobody else's."""
    digest = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:12]
    name = f"crossdock_plugin_file_{digest}_{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # dataclasses and pydantic look their module up there
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102 -- a plugin is code
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _imported(candidate: _Candidate) -> object:
    try:
        return candidate.load()
    except (PluginError, KeyboardInterrupt):
        raise
    except SystemExit as error:
        raise PluginError("it ended the program (SystemExit) while it was imported") from error
    except BaseException as error:  # a plugin may raise anything, and must not stop the others
        raise PluginError(f"it can't be imported: {_in_a_line(error)}") from error


def _check_contract(plugin: object) -> None:
    module = sys.modules.get(getattr(plugin, "__module__", None) or type(plugin).__module__)
    made_for = getattr(plugin, "crossdock_contract", getattr(module, "crossdock_contract", CONTRACT))
    if type(made_for) is not int:
        raise PluginError(f"its crossdock_contract should be a whole number, such as {CONTRACT}, not {made_for!r}")
    if made_for != CONTRACT:
        raise PluginError(f"it is made for contract {made_for}; this is {_own_version()} with contract {CONTRACT}")


def _own_version() -> str:
    try:
        return f"crossdock {metadata.version(BUNDLED)}"
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "crossdock"


def _check_hooks(manager: pluggy.PluginManager, plugin: object) -> None:
    """Raises PluginError for a marked function that is no hook, or that could not be called as one."""
    known = sorted(name for name in vars(manager.hook) if not name.startswith("_"))
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is None:
            continue
        hook = options["specname"] or attribute
        if hook not in known:
            raise PluginError(f"no hook is called '{hook}'{_nearest(hook, known)}")
        if options["wrapper"] or options["hookwrapper"]:
            raise PluginError(f"its hook '{hook}' is a wrapper; crossdock's hooks only register, so write a plain one")
        function = getattr(plugin, attribute)
        is_async = inspect.iscoroutinefunction(function) and hook not in hooks.EVENTS
        if is_async or inspect.isasyncgenfunction(function):
            raise PluginError(f"its hook '{hook}' is async; hooks are plain functions that return what they bring")
        _check_arguments(hook, function, set(manager.hook.__dict__[hook].spec.argnames))


def _check_arguments(hook: str, function: Callable[..., object], given: set[str]) -> None:
    for argument in inspect.signature(function).parameters.values():
        required = argument.default is argument.empty and argument.kind is argument.POSITIONAL_OR_KEYWORD
        if required and argument.name not in given:
            gives = ", ".join(sorted(given)) or "none"
            raise PluginError(f"its hook '{hook}' asks for the argument '{argument.name}'; that hook gives {gives}")


def _called(hook: str, function: Callable[[], object]) -> object:
    try:
        return function()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: nothing that a plugin does may stop the others
        raise PluginError(f"its hook '{hook}' failed: {_in_a_line(error)}") from error


def _named_commands(brought: object) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(brought, list):
        raise PluginError(f"its hook 'cli_commands' should return a list of commands, not {_kind(brought)}")
    for command in brought:
        if not isinstance(command, click.Command) or not command.name:
            raise PluginError(f"its hook 'cli_commands' brought {_kind(command)}, not a click command with a name")
        yield command.name, command


def _named_connectors(brought: object) -> Iterator[tuple[str, type[AnyConnector]]]:
    for name, found in _named_classes(brought, "connector", settings="Settings"):
        if inspect.iscoroutinefunction(found.changes):
            raise PluginError(
                f"the changes() of its connector class {found.__name__} should be an async generator of pages"
            )
        yield name, found


def _named_carriers(brought: object) -> Iterator[tuple[str, type[AnyCarrier]]]:
    return _named_classes(brought, "carrier", settings="CarrierSettings")


def _named_classes(brought: object, kind: str, *, settings: str) -> Iterator[tuple[str, Any]]:
    """The classes that were brought; `kind` is called alike in its hook, its contract's module and its base class."""
    if not isinstance(brought, list):
        raise PluginError(f"its hook '{kind}s' should return a list of classes, not {_kind(brought)}")
    for found in brought:
        _check_class(found, kind, settings)
        yield found.name, found


def _check_class(found: object, kind: str, settings_base: str) -> None:
    # Imported by name at the last moment: the contract brings aiohttp and pydantic, which `--help` must not wait for.
    contract = import_module(f"crossdock.{kind}")
    base = kind.capitalize()
    if not isinstance(found, type) or not issubclass(found, getattr(contract, base)):
        raise PluginError(f"its hook '{kind}s' brought {_kind(found)}, which is no subclass of {base}")
    lacking = [what for what in ("name", "title", "Settings") if not getattr(found, what, None)]
    lacking += sorted(getattr(found, "__abstractmethods__", ()))
    if lacking:
        raise PluginError(f"its {kind} class {found.__name__} lacks {', '.join(lacking)}")
    name, title, settings = (getattr(found, what) for what in ("name", "title", "Settings"))
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        raise PluginError(
            f"its {kind} class {found.__name__} is called {name!r}; a name is at most 63 lower-case letters, digits"
            " and . _ - and begins with a letter or digit"
        )
    if not isinstance(title, str):
        raise PluginError(f"the title of its {kind} '{name}' should be text, not {_kind(title)}")
    if not isinstance(settings, type) or not issubclass(settings, getattr(contract, settings_base)):
        raise PluginError(f"the Settings of its {kind} '{name}' should be a subclass of crossdock.{settings_base}")
    try:
        settings.model_rebuild()  # type: ignore[attr-defined]  # narrowed to `type`, since the contract came by name
    except Exception as error:
        raise PluginError(f"the Settings of its {kind} '{name}' are incomplete: {_in_a_line(error)}") from error


def _nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f": did you mean '{near[0]}'?"
    return f"; there {'is' if len(known) == 1 else 'are'} {', '.join(sorted(known))}" if known else ""


def _kind(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return "nothing" if value is None else f"an object of type {type(value).__name__}"


def _in_a_line(error: BaseException) -> str:
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
