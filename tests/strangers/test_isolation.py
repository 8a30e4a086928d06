"""A plugin that misbehaves is named, and hurts nothing but its own stores: the daemon and the others go on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pytest
from strangers.counter import HERE, Counter, told

HEAD = "import time\nfrom crossdock import hookimpl\n"
UNUSABLE = {
    "raising": ("raise LookupError('no printer')", "it can't be imported: LookupError: no printer"),
    "ending": ("raise SystemExit(4)", "it ended the program (SystemExit) while it was imported"),
    "leaving": ("import sys\nsys.exit()", "it ended the program (SystemExit) while it was imported"),
    "unready": (
        f"{HEAD}@hookimpl\ndef connectors():\n    raise LookupError('not today')",
        "its hook 'connectors' failed: LookupError: not today",
    ),
    "quitting": (
        f"{HEAD}@hookimpl\ndef connectors():\n    raise SystemExit",
        "its hook 'connectors' failed: SystemExit",
    ),
    "misspelt": (
        f"{HEAD}@hookimpl\ndef conectors():\n    return []",
        "no hook is called 'conectors': did you mean 'connectors'?",
    ),
    "greedy": (
        f"{HEAD}@hookimpl\ndef order_imported(store, order, buyer):\n    pass",
        "its hook 'order_imported' asks for the argument 'buyer'; that hook gives order, store",
    ),
    "modern": ("crossdock_contract = 99", "it is made for contract 99; this is crossdock"),
    "rubbish": (f"{HEAD}@hookimpl\ndef connectors():\n    return [42]", "which is no subclass of Connector"),
}


def test_plugins_that_cannot_be_used_are_named_and_only_their_stores_stand_still(counter: Counter) -> None:
    for name, (source, _) in UNUSABLE.items():
        counter.put(name, source)
    counter.write(*(counter.entry(f"by-{name}", connector=name) for name in UNUSABLE), counter.entry("shop"))
    with counter.unharmed() as running:
        for name, (_, reason) in UNUSABLE.items():
            (line,) = running.so_far(f"stores.by-{name}.connector: ")
            assert reason in line["message"]
            assert f"'{name}'" in line["message"]
            assert line["level"] == "ERROR"
        told(running, "shop: run ", " imported")
    listed = {plugin["name"]: plugin["error"] for plugin in counter.run("plugins", "--json").json}
    assert listed["corner"] is None
    assert listed["bigcommerce"] is None
    for name, (_, reason) in UNUSABLE.items():
        assert reason in listed[name]
    checked = counter.run("check", "by-raising", "acme")
    assert checked.code == 2
    assert "acme: BigCommerce store" in checked.out
    assert "stores.by-raising.connector: " in checked.err


@dataclass(frozen=True, slots=True)
class Told:
    """What the log says of a store, and how `crossdock stores` has it then."""

    words: str
    state: str = "retrying"
    set_aside: int = 0


def bug(error: str) -> Told:
    return Told(f"the connector 'crooked' failed unexpectedly ({error})")


def breach(what: str) -> Told:
    return Told(f"the connector 'crooked' breaks its contract: {what}")


ALL_SET_ASIDE = Told(" 80 set aside", "ok", 80)
FAULTS: Mapping[str, Mapping[str, Told]] = {
    "raises": {
        "raises": bug("LookupError"),
        "raises a group": bug("RuntimeError"),
        "can't be made": bug("LookupError"),
        "ends the program": bug("RuntimeError"),
        "interrupts": bug("RuntimeError"),
        "cancels itself": bug("RuntimeError"),
        "closes itself": bug("RuntimeError"),
    },
    "gives rubbish": {
        "the account is text": bug("AttributeError"),
        "gives nothing": breach("it gave a NoneType where a Page is due"),
        "gives text": breach("it gave a str where a Page is due"),
        "gives a list": bug("AttributeError"),
        "gives a cursor that is no JSON": breach("the cursor of a page is no JSON"),
        "maps to a dict": ALL_SET_ASIDE,
        "maps to nothing": ALL_SET_ASIDE,
        "maps to the end": ALL_SET_ASIDE,
    },
}
ENDLESS = ("hangs", "hangs while it signs in", "hangs stubbornly", "hangs in a thread", "maps for ever")


def crooked(counter: Counter, faults: Iterable[str], *, every: str = "1s") -> dict[str, str]:
    """Writes a store a fault beside `acme`; the faults by the stores' names."""
    counter.put("crooked", HERE / "crooked.py")
    stores = {re.sub(r"\W+", "-", fault).lower(): fault for fault in faults}
    counter.write(
        *(counter.entry(name, connector="crooked", every=every, fault=fault) for name, fault in stores.items())
    )
    return stores


@pytest.mark.parametrize("kind", FAULTS)
def test_a_connector_that_errs_fails_its_own_store_alone(counter: Counter, kind: str) -> None:
    stores = crooked(counter, FAULTS[kind])
    with counter.unharmed() as running:
        for name, fault in stores.items():
            told(running, f"{name}: ", FAULTS[kind][fault].words)
        states = counter.states()
    for name, fault in stores.items():
        expected = FAULTS[kind][fault]
        assert (states[name]["state"], states[name]["set_aside"]) == (expected.state, expected.set_aside), fault
        assert expected.set_aside or expected.words in states[name]["why"]


def test_a_connector_that_never_comes_back_holds_up_neither_the_others_nor_the_end(counter: Counter) -> None:
    stores = crooked(counter, ENDLESS)
    with counter.unharmed() as running:
        counter.sees_news(running, times=1)
        for name, state in counter.states().items():
            assert name == "acme" or state["last_run"]["outcome"] is None, f"{name} should be running"
    assert outcomes(counter, stores) == dict.fromkeys(stores, "stopped")


def outcomes(counter: Counter, stores: Iterable[str]) -> dict[str, str]:
    """How the last run of each of these stores ended."""
    states = counter.states()
    return {name: states[name]["last_run"]["outcome"] for name in stores}


def test_a_connector_that_blocks_the_event_loop_is_named(counter: Counter) -> None:
    (name,) = crooked(counter, ["blocks"], every="1h")
    with counter.unharmed() as running:
        line = told(running, "the event loop stood still for ")
        assert f" {name}' was at work" in line["message"]
        assert line["level"] == "WARNING"
        told(running, f"{name}: run ")


def test_a_flood_of_orders_holds_up_no_other_store(counter: Counter) -> None:
    floods, at_once = crooked(counter, ["floods", "gives 20,000 at once"], every="1h")
    with counter.unharmed() as running:
        counter.sees_news(running)
        told(running, f"{at_once}: run ", " 20,000 imported")
        assert counter.states()[floods]["last_run"]["outcome"] is None
    assert outcomes(counter, [floods, at_once]) == {floods: "stopped", at_once: "done"}


def test_what_a_plugin_prints_does_not_come_between_the_json_of_a_command(counter: Counter) -> None:
    (name,) = crooked(counter, ["talks"])
    counter.put("chatty", "print('Good morning from chatty')")
    ran = counter.run("import", name, "--json")
    assert ran.code == 0
    assert ran.json["imported"] == 1
    for words in ("Hello! Asking the till", "Good morning from chatty"):
        assert words in ran.err


LISTENING = """\
import asyncio, threading, time
from contextlib import suppress
from crossdock import hookimpl


@hookimpl
{}:
    {}
"""
TOO_LONG = "took longer than 10 s over order_imported"
STUBBORN = "while True:\n        with suppress(asyncio.CancelledError):\n            await asyncio.Event().wait()"
LISTENERS = {
    "raises": ("def order_imported(order)", "raise LookupError('no bell')", "failed over order_imported"),
    "ends": ("def run_finished()", "raise SystemExit(3)", "failed over run_finished"),
    "interrupts": ("async def run_finished(run)", "raise KeyboardInterrupt", "failed over run_finished"),
    "cancels": ("async def run_finished()", "raise asyncio.CancelledError", "failed over run_finished"),
    "hangs": ("def order_imported()", "threading.Event().wait()", TOO_LONG),
    "waits": (
        "async def order_imported()",
        "await asyncio.Event().wait()",
        "took longer than 10 s over order_imported",
    ),
    "stays": ("async def order_imported()", STUBBORN, TOO_LONG),
    "dawdles": ("def order_imported()", "time.sleep(0.1)", ""),
}


def test_a_listener_that_misbehaves_is_named_and_holds_up_nobody_for_long(counter: Counter) -> None:
    for name, (head, body, _) in LISTENERS.items():
        counter.put(name, LISTENING.format(head, body))
    counter.write()
    with counter.unharmed() as running:
        for name, (_, _, words) in LISTENERS.items():
            assert not words or told(running, f"the plugin '{name}' {words}")
    assert not running.so_far("the plugin 'dawdles'")
