"""Plugins are found, loaded one by one and named; one that fails stops nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from crossdock.plugins import BrokenPlugin, Plugins, load_plugins

HEAD = "from crossdock import hookimpl\n"
CONNECTOR = HEAD + (
    "from crossdock import Connector, Settings\n"
    "class Till(Connector[Settings]):\n"
    "    name, title, Settings = {name!r}, 'Till', Settings\n"
    "    async def account(self): ...\n"
    "    def changes(self, cursor, since): ...\n"
    "    def order_from_raw(self, raw): ...\n"
    "@hookimpl\n"
    "def connectors():\n"
    "    return [Till]\n"
)
CARRIER = HEAD + (
    "from crossdock import Booking, Carrier, CarrierSettings\n"
    "class Bike(Carrier[CarrierSettings]):\n"
    "    name, title, Settings = {name!r}, 'Bike', CarrierSettings\n"
    "    async def ship(self, request):\n"
    "        return Booking()\n"
    "@hookimpl\n"
    "def carriers():\n"
    "    return [Bike]\n"
)
COMMAND = HEAD + "import click\n@hookimpl\ndef cli_commands():\n    return [click.Command({name!r})]\n"

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a distribution with one plugin module on the path, as pip would have left it."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    modules_before = set(sys.modules)

    def put(name: str, source: str, *, distribution: str | None = None, points: str | None = None) -> None:
        module = f"plugin_module_{name.replace('-', '_')}_{len(list(site.iterdir()))}"
        about = site / f"{(distribution or f'dist_{name}').replace('-', '_')}-1.2.dist-info"
        about.mkdir()
        (site / f"{module}.py").write_text(source)
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution or f'dist_{name}'}\nVersion: 1.2\n"
        )
        (about / "entry_points.txt").write_text(points or f"[crossdock]\n{name} = {module}\n")

    yield put
    for module in set(sys.modules) - modules_before:
        if module.startswith(("plugin_module_", "crossdock_plugin_file_")):
            del sys.modules[module]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "plugins.d"
    folder.mkdir(mode=0o755)
    return folder


def put_file(folder: Path, name: str, source: str, mode: int = 0o644) -> Path:
    path = folder / name
    path.write_text(source)
    path.chmod(mode)
    return path


def load(folder: Path | None = None, **environ: str) -> Plugins:
    """The plugins of the test, without those that the checkout itself may have installed."""
    return load_plugins(folder, environ=environ)


def broken(plugins: Plugins, name: str) -> BrokenPlugin:
    (found,) = [one for one in plugins.broken if one.name == name]
    return found


def names(plugins: Plugins) -> set[str]:
    return {one.name for one in plugins.loaded}


# Installed plugins


def test_an_installed_plugin_is_found_by_its_entry_point(install: Install) -> None:
    install("till", CONNECTOR.format(name="till"))
    plugins = load(CROSSDOCK_LOAD_PLUGINS="till")

    assert plugins.broken == ()
    assert [(one.name, one.distribution, one.brings) for one in plugins.loaded] == [("till", "dist_till 1.2", ())]
    assert list(plugins.connectors()) == ["till"]
    assert plugins.connectors()["till"].title == "Till"
    assert plugins.loaded[0].brings == ("connector till",)


def test_carriers_are_brought_by_plugins_beside_connectors(install: Install, folder: Path) -> None:
    install("bike", CARRIER.format(name="bike"))
    put_file(folder, "both.py", CONNECTOR.format(name="till") + CARRIER.format(name="till"))
    plugins = load(folder, CROSSDOCK_LOAD_PLUGINS="bike,both")

    assert plugins.broken == ()
    assert list(plugins.carriers()) == ["bike", "till"]
    assert plugins.carriers()["bike"].title == "Bike"
    assert [one.brings for one in plugins.loaded] == [("carrier bike",), ("connector till", "carrier till")]


def test_the_bundled_carriers_are_found_by_their_entry_point() -> None:
    plugins = load(CROSSDOCK_LOAD_PLUGINS="carriers")
    assert list(plugins.carriers()) == ["manual", "pickup"]
    assert [(one.name, one.brings) for one in plugins.loaded] == [("carriers", ("carrier manual", "carrier pickup"))]


def test_commands_are_brought_by_plugins(install: Install) -> None:
    install("sandpit", COMMAND.format(name="sandpit"))
    plugins = load(CROSSDOCK_LOAD_PLUGINS="sandpit")
    assert [command.name for command in plugins.commands()] == ["sandpit"]
    assert plugins.loaded[0].brings == ("command sandpit",)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module_anywhere", "can't be imported: ModuleNotFoundError: No module named"),
        ("def broken(:", "can't be imported: SyntaxError:"),
        ("raise SystemExit(3)", "it ended the program (SystemExit) while it was imported"),
        ("raise RuntimeError('two\\nlines')", "can't be imported: RuntimeError: two lines"),
        ("class Odd(BaseException): pass\nraise Odd", "can't be imported: Odd"),
        (
            HEAD + "@hookimpl\ndef conectors():\n    return []",
            "no hook is called 'conectors': did you mean 'connectors'?",
        ),
        (
            HEAD + "@hookimpl\ndef zzz():\n    return []",
            "no hook is called 'zzz'; there are carriers, cli_commands, connectors, open_state",
        ),
        (
            HEAD + "@hookimpl\ndef connectors(colour):\n    return []",
            "its hook 'connectors' asks for the argument 'colour'; that hook gives none",
        ),
        (
            HEAD + "@hookimpl\ndef open_state(url, colour):\n    return None",
            "its hook 'open_state' asks for the argument 'colour'; that hook gives url",
        ),
        (HEAD + "@hookimpl\nasync def connectors():\n    return []", "its hook 'connectors' is async"),
        (HEAD + "@hookimpl(wrapper=True)\ndef connectors():\n    return (yield)", "its hook 'connectors' is a wrapper"),
        ("crossdock_contract = 2", "it is made for contract 2; this is crossdock"),
        ("crossdock_contract = '1'", "its crossdock_contract should be a whole number, such as 1, not '1'"),
    ],
)
def test_a_plugin_that_does_not_load_is_named_with_the_reason_and_stops_nothing_else(
    install: Install, source: str, reason: str
) -> None:
    install("bad", source)
    install("till", CONNECTOR.format(name="till"))
    plugins = load(CROSSDOCK_LOAD_PLUGINS="bad,till")

    found = broken(plugins, "bad")
    assert reason in found.reason
    assert found.origin == "dist_bad 1.2"
    assert "\n" not in found.reason
    assert list(plugins.connectors()) == ["till"]
    assert names(plugins) == {"till"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise RuntimeError('boom')", "its hook 'connectors' failed: RuntimeError: boom"),
        ("raise SystemExit", "its hook 'connectors' failed: SystemExit"),
        ("return None", "should return a list of classes, not nothing"),
        ("return Till", "should return a list of classes, not the class Till"),
        ("return [Till, 3]", "brought an object of type int, which is no subclass of Connector"),
        ("return [int]", "brought the class int, which is no subclass of Connector"),
        ("return [Till, Till]", "it brings two things called 'bad'"),
        ("del Till.name; return [Till]", "its connector class Till lacks name"),
        ("Till.title = ''; return [Till]", "its connector class Till lacks title"),
        ("del Till.Settings; return [Till]", "its connector class Till lacks Settings"),
        ("Till.Settings = dict; return [Till]", "should be a subclass of crossdock.Settings"),
        ("Till.name = 'Big Shop'; return [Till]", "its connector class Till is called 'Big Shop'; a name is at most"),
        ("return [Connector]", "its connector class Connector lacks name, title, Settings, account, changes"),
    ],
)
def test_a_plugin_that_brings_no_sound_connectors_is_named_when_they_are_asked_for(
    install: Install, body: str, reason: str
) -> None:
    install("bad", CONNECTOR.format(name="bad").replace("return [Till]", body))
    install("till", CONNECTOR.format(name="till"))
    plugins = load(CROSSDOCK_LOAD_PLUGINS="bad,till")

    assert plugins.broken == ()
    assert list(plugins.connectors()) == ["till"]
    assert reason in broken(plugins, "bad").reason
    assert names(plugins) == {"till"}
    assert reason in plugins.reasons()["bad"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise RuntimeError('boom')", "its hook 'carriers' failed: RuntimeError: boom"),
        ("return Bike", "its hook 'carriers' should return a list of classes, not the class Bike"),
        ("return [int]", "its hook 'carriers' brought the class int, which is no subclass of Carrier"),
        ("return [Bike, Bike]", "it brings two things called 'bad'"),
        ("return [Carrier]", "its carrier class Carrier lacks name, title, ship"),
        ("Bike.title = 3; return [Bike]", "the title of its carrier 'bad' should be text, not an object of type int"),
        ("Bike.name = 'Big Bike'; return [Bike]", "its carrier class Bike is called 'Big Bike'; a name is at most"),
        (
            "from crossdock import Settings; Bike.Settings = Settings; return [Bike]",
            "the Settings of its carrier 'bad' should be a subclass of crossdock.CarrierSettings",
        ),
        ("Bike.name = 'bike'; return [Bike]", "the name 'bike' is taken by the plugin 'a' (dist_a 1.2)"),
    ],
)
def test_a_plugin_that_brings_no_sound_carriers_is_named_when_they_are_asked_for(
    install: Install, body: str, reason: str
) -> None:
    install("a", CARRIER.format(name="bike"))
    install("bad", CARRIER.format(name="bad").replace("return [Bike]", body))
    plugins = load(CROSSDOCK_LOAD_PLUGINS="a,bad")

    assert list(plugins.carriers()) == ["bike"]
    assert reason in broken(plugins, "bad").reason
    assert reason in plugins.reasons()["bad"]


def test_a_plugin_whose_carriers_are_wrong_brings_no_connectors_either(install: Install) -> None:
    source = CONNECTOR.format(name="till") + CARRIER.format(name="bike").replace("return [Bike]", "return [Bike, 3]")
    install("suite", source)
    plugins = load(CROSSDOCK_LOAD_PLUGINS="suite")
    assert plugins.connectors() == {}
    assert plugins.carriers() == {}
    assert plugins.reasons()["till"] == plugins.reasons()["bike"] == plugins.reasons()["suite"]


def test_settings_that_lack_a_type_make_the_plugin_broken(install: Install) -> None:
    source = (
        CONNECTOR.format(name="bad")
        .replace("class Till", "class Own(Settings):\n    x: 'Nowhere'\nclass Till")
        .replace("'Till', Settings", "'Till', Own")
    )
    install("bad", source)
    plugins = load(CROSSDOCK_LOAD_PLUGINS="bad")
    assert plugins.connectors() == {}
    assert "the Settings of its connector 'bad' are incomplete" in broken(plugins, "bad").reason


def test_of_two_connectors_of_one_name_the_first_is_kept_and_both_are_named(install: Install) -> None:
    install("aaa", CONNECTOR.format(name="till"))
    install("bbb", CONNECTOR.format(name="till"))
    plugins = load(CROSSDOCK_LOAD_PLUGINS="aaa,bbb")

    assert plugins.connectors()["till"].__module__.startswith("plugin_module_aaa")
    assert str(broken(plugins, "bbb")) == (
        "the plugin 'bbb' (dist_bbb 1.2) can't be used: the name 'till' is taken by the plugin 'aaa' (dist_aaa 1.2)"
    )


def test_crossdocks_own_plugins_keep_their_names_against_others(install: Install) -> None:
    install("aaa", CONNECTOR.format(name="till"))
    install("zzz", CONNECTOR.format(name="till"), distribution="crossdock")
    plugins = load(CROSSDOCK_LOAD_PLUGINS="aaa,zzz")
    assert plugins.connectors()["till"].__module__.startswith("plugin_module_zzz")
    assert [one.name for one in plugins.broken] == ["aaa"]


def test_a_refused_plugin_takes_no_name_from_the_next(install: Install) -> None:
    install("aaa", CONNECTOR.format(name="till").replace("return [Till]", "return [Till, 3]"))
    install("bbb", CONNECTOR.format(name="till"))
    plugins = load(CROSSDOCK_LOAD_PLUGINS="aaa,bbb")
    assert plugins.connectors()["till"].__module__.startswith("plugin_module_bbb")


def test_a_missing_connector_can_be_explained_by_its_own_name(install: Install) -> None:
    install("suite", CONNECTOR.format(name="till").replace("return [Till]", "return [Till, 3]"))
    plugins = load(CROSSDOCK_LOAD_PLUGINS="suite")
    plugins.connectors()
    assert plugins.reasons()["till"] == plugins.reasons()["suite"]
    assert plugins.reasons()["till"].startswith("the plugin 'suite' (dist_suite 1.2) can't be used: ")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (HEAD + "@hookimpl\ndef cli_commands():\n    return 3", "should return a list of commands, not an object"),
        (HEAD + "@hookimpl\ndef cli_commands():\n    return [print]", "not a click command with a name"),
        (HEAD + "import click\n@hookimpl\ndef cli_commands():\n    return [click.Command(None)]", "with a name"),
        (COMMAND.format(name="run"), "the name 'run' is taken by crossdock itself"),
        (COMMAND.format(name="good"), "the name 'good' is taken by the plugin 'a' (dist_a 1.2)"),
    ],
)
def test_a_command_that_can_not_be_added_makes_its_plugin_broken(install: Install, source: str, reason: str) -> None:
    install("a", COMMAND.format(name="good"))
    install("b", source)
    plugins = load(CROSSDOCK_LOAD_PLUGINS="a,b")
    assert [command.name for command in plugins.commands(taken={"run", "demo"})] == ["good"]
    assert reason in broken(plugins, "b").reason


def test_a_plugin_that_breaks_late_takes_back_what_it_brought(install: Install) -> None:
    both = CONNECTOR.format(name="till") + "@hookimpl\ndef cli_commands():\n    raise RuntimeError('late')\n"
    install("both", both)
    plugins = load(CROSSDOCK_LOAD_PLUGINS="both")
    assert list(plugins.connectors()) == ["till"]
    assert plugins.commands() == []
    assert plugins.connectors() == {}
    assert not plugins.manager.has_plugin("both")
    assert plugins.reasons()["till"].endswith("its hook 'cli_commands' failed: RuntimeError: late")


def test_two_plugins_of_one_name_are_both_named(install: Install) -> None:
    install("till", CONNECTOR.format(name="a"))
    install("till", CONNECTOR.format(name="b"), distribution="other")
    plugins = load(CROSSDOCK_LOAD_PLUGINS="till")
    assert list(plugins.connectors()) == ["a"]
    assert broken(plugins, "till") == BrokenPlugin(
        "till", "other 1.2", "another plugin has this name already (dist_till 1.2)"
    )


def test_a_plugin_may_be_an_object_in_a_module(install: Install) -> None:
    source = HEAD + "class P:\n    @hookimpl\n    def connectors(self):\n        return []\nplugin = P()\n"
    install("obj", source, points="[crossdock]\nobj = plugin_module_obj_0:plugin\n")
    install("old", source + "crossdock_contract = 7\n", points="[crossdock]\nold = plugin_module_old_2:plugin\n")
    plugins = load(CROSSDOCK_LOAD_PLUGINS="obj,old")
    assert names(plugins) == {"obj"}
    assert "contract 7" in broken(plugins, "old").reason


def test_malformed_entry_points_are_ours_to_name_only_when_they_are_for_us(install: Install) -> None:
    install("foreign", "", points="[other]\nnonsense without a sign\n")
    install("mine", "", points="[crossdock]\nmine = not a module!\n")
    plugins = load(CROSSDOCK_LOAD_PLUGINS="mine,foreign")
    assert "names no module" in broken(plugins, "mine").reason
    assert "no such plugin" in broken(plugins, "foreign").reason


def test_only_the_named_plugins_are_loaded(install: Install, folder: Path) -> None:
    install("one", "")
    install("two", "raise RuntimeError")
    put_file(folder, "three.py", "")
    put_file(folder, "four.py", "raise RuntimeError")
    assert names(load(folder, CROSSDOCK_LOAD_PLUGINS=" one , three,")) == {"one", "three"}
    assert load(folder, CROSSDOCK_LOAD_PLUGINS="").loaded == ()
    assert load(folder, CROSSDOCK_LOAD_PLUGINS="").broken == ()
    assert names(load(folder)) >= {"one", "three"}


def test_a_name_that_exists_nowhere_is_named(install: Install) -> None:
    install("corner", "")
    plugins = load(CROSSDOCK_LOAD_PLUGINS="cornr")
    assert plugins.broken == (
        BrokenPlugin("cornr", "CROSSDOCK_LOAD_PLUGINS", "no such plugin is installed: did you mean 'corner'?"),
    )


def test_finding_plugins_imports_neither_the_web_client_nor_the_models(install: Install) -> None:
    install("light", COMMAND.format(name="light"))
    code = (
        "import sys; from crossdock.plugins import load_plugins; plugins = load_plugins();"
        "assert 'light' in [command.name for command in plugins.commands()];"
        "print(sorted({'aiohttp', 'pydantic', 'yaml'} & set(sys.modules)))"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "CROSSDOCK_LOAD_PLUGINS": "light"}
    ran = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


# Single files


def test_single_files_are_plugins_sorted_by_name(folder: Path) -> None:
    put_file(folder, "b-till.py", CONNECTOR.format(name="b"))
    put_file(folder, "a.py", CONNECTOR.format(name="a"))
    put_file(folder, "_helper.py", "raise RuntimeError")
    put_file(folder, ".hidden.py", "raise RuntimeError")
    put_file(folder, "notes.txt", "nothing")
    plugins = load(folder, CROSSDOCK_LOAD_PLUGINS="a,b-till")

    assert plugins.broken == ()
    assert [(one.name, one.distribution) for one in plugins.loaded] == [
        ("a", str(folder / "a.py")),
        ("b-till", str(folder / "b-till.py")),
    ]
    assert list(plugins.connectors()) == ["a", "b"]
    assert not (folder / "__pycache__").exists()


def test_a_single_file_named_like_a_module_shadows_nothing(folder: Path) -> None:
    put_file(folder, "json.py", HEAD + "import json\nassert json.dumps\n")
    assert names(load(folder, CROSSDOCK_LOAD_PLUGINS="json")) == {"json"}


def test_a_single_file_is_compiled_without_our_own_future_imports(folder: Path) -> None:
    put_file(folder, "plain.py", "def f(x: int) -> int: ...\nassert f.__annotations__['x'] is int\n")
    assert names(load(folder, CROSSDOCK_LOAD_PLUGINS="plain")) == {"plain"}


def test_a_single_file_that_fails_leaves_nothing_behind(folder: Path) -> None:
    before = set(sys.modules)
    put_file(folder, "bad.py", "1 / 0")
    assert "ZeroDivisionError" in broken(load(folder, CROSSDOCK_LOAD_PLUGINS="bad"), "bad").reason
    assert set(sys.modules) - before == set()


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_can_write_to_is_refused(folder: Path, mode: int) -> None:
    put_file(folder, "bad.py", "raise RuntimeError('it was run')", mode=mode)
    put_file(folder, "good.py", "")
    plugins = load(folder, CROSSDOCK_LOAD_PLUGINS="bad,good")
    assert broken(plugins, "bad").reason == (
        f"the file can be written to by other users (mode {mode:03o}): run chmod go-w on it"
    )
    assert names(plugins) == {"good"}


def test_a_folder_that_others_can_write_to_is_refused(folder: Path) -> None:
    put_file(folder, "till.py", "raise RuntimeError('it was run')")
    folder.chmod(0o777)
    reason = broken(load(folder, CROSSDOCK_LOAD_PLUGINS="till"), "till").reason
    assert reason == f"the folder {folder} can be written to by other users (mode 777): run chmod go-w on it"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_or_folder_of_another_user_is_refused(folder: Path) -> None:
    path = put_file(folder, "till.py", "raise RuntimeError('it was run')")
    os.chown(path, 12345, -1)
    assert "the file belongs to another user (id 12345)" in broken(load(folder), "till").reason
    os.chown(path, 0, -1)
    os.chown(folder, 12345, -1)
    assert "belongs to another user (id 12345)" in broken(load(folder), "till").reason


def test_a_file_of_another_user_than_the_one_who_runs_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_file(folder, "till.py", "")
    owner = folder.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    if owner == 0:
        assert names(load(folder, CROSSDOCK_LOAD_PLUGINS="till")) == {"till"}  # root's files are everybody's to trust
    else:
        assert "another user" in broken(load(folder, CROSSDOCK_LOAD_PLUGINS="till"), "till").reason


def test_what_is_no_file_is_refused(folder: Path) -> None:
    (folder / "till.py").mkdir()
    os.mkfifo(folder / "pipe.py")
    plugins = load(folder, CROSSDOCK_LOAD_PLUGINS="till,pipe")
    assert [one.reason for one in plugins.broken] == ["it is not a file"] * 2


def test_no_folder_is_no_plugins(tmp_path: Path) -> None:
    assert load(tmp_path / "plugins.d", CROSSDOCK_LOAD_PLUGINS="").broken == ()
    (tmp_path / "file").write_text("")
    assert load(tmp_path / "file", CROSSDOCK_LOAD_PLUGINS="").broken == ()


def test_an_installed_plugin_keeps_its_name_against_a_single_file(install: Install, folder: Path) -> None:
    install("till", CONNECTOR.format(name="till"))
    path = put_file(folder, "till.py", CONNECTOR.format(name="till"))
    plugins = load(folder, CROSSDOCK_LOAD_PLUGINS="till")
    assert plugins.loaded[0].distribution == "dist_till 1.2"
    assert broken(plugins, "till").origin == str(path)
