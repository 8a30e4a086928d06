"""What plugins are told, and that none of them can hurt the rest."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from types import ModuleType

import pluggy
import pytest
from crossdock import hookimpl, hooks
from crossdock.events import Events

ORDER = {"id": "1"}
OCCASION = [{"store": "acme", "order": ORDER}]


def events_with(*plugins: object, patience_s: float = 5.0) -> Events:
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    for number, plugin in enumerate(plugins):
        manager.register(plugin, name=f"plugin-{number}")
    return Events(manager, patience_s=patience_s)


def plugin(function: object) -> ModuleType:
    module = ModuleType("told")
    vars(module)["order_imported"] = function
    return module


class Told:
    """Keeps what it is told, and in which thread."""

    def __init__(self) -> None:
        self.orders: list[Mapping[str, object]] = []
        self.threads: list[threading.Thread] = []

    @hookimpl
    def order_imported(self, order: Mapping[str, object]) -> None:
        self.orders.append(order)
        self.threads.append(threading.current_thread())


async def test_a_plain_implementation_is_called_in_a_thread_with_the_arguments_it_asks_for() -> None:
    told = Told()
    await events_with(told).tell("order_imported", OCCASION)
    assert told.orders == [ORDER]
    assert told.threads[0] is not threading.main_thread()


async def test_a_coroutine_function_is_awaited_on_the_loop() -> None:
    stores: list[str] = []

    @hookimpl
    async def order_imported(store: str) -> None:
        await asyncio.sleep(0)
        stores.append(store)

    await events_with(plugin(order_imported)).tell("order_imported", OCCASION)
    assert stores == ["acme"]


async def test_a_plugin_that_raises_is_named_and_the_others_are_told(caplog: pytest.LogCaptureFixture) -> None:
    @hookimpl
    def order_imported() -> None:
        raise KeyError("oops")

    told = Told()
    await events_with(plugin(order_imported), told).tell("order_imported", OCCASION)
    assert told.orders == [ORDER]
    assert "the plugin 'plugin-0' failed over order_imported" in caplog.text


@pytest.mark.parametrize("kind", ["plain", "coroutine"])
@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt(), asyncio.CancelledError()], ids=repr)
async def test_a_plugin_that_would_end_the_program_ends_its_own_telling(
    kind: str, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    @hookimpl
    def in_a_thread() -> None:
        raise error

    @hookimpl
    async def on_the_loop() -> None:
        raise error

    told = Told()
    await events_with(plugin(in_a_thread if kind == "plain" else on_the_loop), told).tell("order_imported", OCCASION)
    assert told.orders == [ORDER]
    assert "the plugin 'plugin-0' failed over order_imported" in caplog.text


@pytest.mark.parametrize("kind", ["plain", "coroutine"])
async def test_a_plugin_that_hangs_is_told_nothing_more(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[str] = []
    release = threading.Event()

    @hookimpl
    def in_a_thread() -> None:
        calls.append("thread")
        release.wait()

    @hookimpl
    async def on_the_loop() -> None:
        calls.append("loop")
        await asyncio.Event().wait()

    told = Told()
    events = events_with(plugin(in_a_thread if kind == "plain" else on_the_loop), told, patience_s=0.05)
    with caplog.at_level(logging.ERROR):
        await events.tell("order_imported", OCCASION)
        await events.tell("order_imported", OCCASION)
    release.set()
    assert len(calls) == 1
    assert len(told.orders) == 2
    assert "told nothing more" in caplog.text


def test_nothing_is_made_ready_where_nobody_listens() -> None:
    assert not events_with().has_listeners("order_imported")
    assert events_with(Told()).has_listeners("order_imported")
    assert not events_with(Told()).has_listeners("run_finished")
