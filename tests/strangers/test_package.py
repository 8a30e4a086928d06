"""A stranger's connector, known to crossdock by its public names alone: installed, or laid into plugins.d."""

from __future__ import annotations

import ast
import json

import crossdock
import pytest
from strangers.counter import MODULE, Counter, told
from strangers.till import FIRST_SLIPS

TAKEN = FIRST_SLIPS * 2 // 3
OTHER_ORIGINS = {"crossdock", "__future__", "collections", "datetime", "decimal", "typing", "pydantic"}


@pytest.fixture(params=["installed", "in plugins.d"])
def shop(request: pytest.FixtureRequest, counter: Counter) -> Counter:
    """A store of the stranger's connector, whichever way that came."""
    if request.param == "in plugins.d":
        counter.environ.clear()
        counter.put("corner", MODULE)
    counter.write(counter.entry("shop"))
    return counter


def test_it_needs_no_more_than_the_public_names() -> None:
    imports = [node for node in ast.walk(ast.parse(MODULE.read_text(encoding="utf-8"))) if is_import(node)]
    origins = {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
    assert {origin.partition(".")[0] for origin in origins} <= OTHER_ORIGINS
    assert [origin for origin in origins if origin.startswith("crossdock")] == ["crossdock"]
    assert not [node for node in imports if isinstance(node, ast.Import)]
    ours = [node for node in imports if isinstance(node, ast.ImportFrom) and node.module == "crossdock"]
    assert {name.name for node in ours for name in node.names} <= set(crossdock.__all__)


def is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def test_every_command_knows_it(counter: Counter) -> None:
    counter.write(counter.entry("shop"))
    (plugin,) = [one for one in counter.run("plugins", "--json").json if one["name"] == "corner"]
    assert plugin["error"] is None
    assert plugin["brings"] == ["connector corner"]
    assert counter.run("check", "shop").out == (
        "shop: Corner Shop till store “Corner of shop” (CS-shop, AUD); its key allows import.\n"
    )
    imported = counter.run("import", "shop", "--json")
    assert imported.code == 0, imported.err
    assert imported.json["imported"] == TAKEN
    assert imported.json["reasons"] == {"it was handed over at the counter": FIRST_SLIPS - TAKEN}
    again = counter.run("import", "shop", "--json").json
    assert (again["imported"], again["requests"]) == (0, 2)

    orders = [
        json.loads(line) for line in counter.run("orders", "--store", "shop", "--format", "jsonl").out.splitlines()
    ]
    assert len(orders) == TAKEN
    (one,) = [order for order in orders if order["number"] == "T-1"]
    assert (one["id"], one["total"], one["stage"], one["shippable"]) == ("1", "24", "awaiting", True)
    assert one["consignments"][0]["ship_to"]["postcode"] == "6000"
    assert one["consignments"][0]["lines"][0]["left_to_ship"] == 2
    assert "Mug" in counter.run("show", "shop", "T-1").out
    assert counter.run("why", "shop", "3").out == "shop 3: it was handed over at the counter.\n"
    assert counter.run("import", "shop", "--order", "3").code == 0
    assert counter.held("shop", "3")
    store = counter.states()["shop"]
    assert (store["account"], store["state"]) == ({"identity": "CS-shop", "name": "Corner of shop"}, "ok")


def test_of_two_of_its_name_the_installed_one_is_used_and_the_other_named(counter: Counter) -> None:
    counter.put("corner", MODULE)
    counter.write(counter.entry("shop"))
    used, unused = [one for one in counter.run("plugins", "--json").json if one["name"] == "corner"]
    assert (used["from"], used["error"]) == ("crossdock-corner 1.0", None)
    assert "another plugin has this name already" in unused["error"]


def test_its_settings_are_in_the_schema_and_a_mistake_in_them_has_its_line(shop: Counter) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = shop.run("schema").json
    good = {"connector": "corner", "settings": {"address": "http://till.local", "key": "${KEY}"}}
    jsonschema.validate({"stores": {"shop": good}}, schema)
    with pytest.raises(jsonschema.ValidationError, match="kee"):
        jsonschema.validate({"stores": {"shop": {**good, "settings": {"kee": "1"}}}}, schema)
    shop.write(shop.entry("shop", kee="1"))
    line = 1 + shop.desk.config.read_text(encoding="utf-8").splitlines().index("      kee: 1")
    mistaken = shop.run("check", "shop")
    assert mistaken.code == 2
    assert f"stores.yaml:{line}:7: stores.shop.settings.kee: " in mistaken.err
    assert "did you mean 'key'?" in mistaken.err


def test_a_key_that_its_platform_refuses_is_told_without_the_key(shop: Counter) -> None:
    shop.write(shop.entry("shop", key="mistyped-key"))
    refused = shop.run("check", "shop")
    assert refused.code == 1
    assert refused.err.startswith("shop: the platform doesn't accept the store's key: ")
    assert "mistyped-key" not in refused.out + refused.err


def test_a_daemon_imports_it_beside_the_bundled_one(shop: Counter) -> None:
    with shop.daemon() as running:
        told(running, "shop: run ", f" {TAKEN} imported")
        told(running, "acme: run ", " 6 imported")
        for _ in range(2):
            sale = shop.till.ring_up("shop")
            running.until("shop: run ", " 1 ")
            assert shop.held("shop", sale) or int(sale) % 3 == 0
            order = shop.desk.store.add_order()
            running.until("acme: run ", " 1 imported")
            assert shop.held("acme", str(order))
        assert running.end() == 0
    assert {running["level"] for running in running.told} == {"INFO"}
