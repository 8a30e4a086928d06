"""`crossdock why`: one true sentence, whatever became of an order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from support.commandline import Desk


def why(desk: Desk, order: int | str) -> str:
    """The sentence, without the order's name before it."""
    ran = desk.call("why", "acme", str(order))
    assert (ran.code, ran.err) == (0, "")
    (line,) = ran.out.splitlines()
    assert line.startswith(f"acme {order}: ")
    assert line.endswith(".")
    return line.removeprefix(f"acme {order}: ")


def test_why_tells_of_an_order_that_was_never_taken(desk: Desk) -> None:
    unpaid = desk.store.add_order(status_id=7)
    archived = desk.store.add_order(is_deleted=True)
    assert why(desk, "4711") == "the store has no order 4711."
    assert why(desk, "no-number") == "the store has no order no-number."
    assert "its status is Awaiting Payment, which is not among import_statuses (" in why(desk, unpaid)
    assert "archived" in why(desk, archived)


def test_why_tells_of_an_order_that_the_next_import_brings(desk: Desk) -> None:
    assert why(desk, desk.store.add_order()) == ("it is in the store and fit to be taken; the next import brings it.")


def test_why_tells_of_an_order_older_than_import_days_how_to_bring_it(desk: Desk) -> None:
    old = desk.store.add_order(date_modified=datetime.now(UTC) - timedelta(days=200))
    desk.store.add_order(id=old + 100)  # the newest ids are read whatever their age
    words = why(desk, old)
    assert "further back than import_days (90)" in words
    assert f"`crossdock import acme --order {old}` brings it." in words
    assert desk.call("import", "acme").code == 0
    assert why(desk, old) == words
    assert desk.call("import", "acme", "--order", str(old)).code == 0
    assert why(desk, old).startswith("imported just now; ")


def test_why_tells_of_imported_orders_what_they_wait_for(desk: Desk) -> None:
    open_order = desk.store.add_order(lines=[{"quantity": 2}])
    digital = desk.store.add_order(lines=[{"type": "digital"}])
    cancelled, removed, held = (desk.store.add_order() for _ in range(3))
    assert desk.call("import", "acme").code == 0
    desk.store.set_status(cancelled, 5)
    desk.store.set_status(held, 12)
    desk.store.remove(removed)
    assert desk.call("import", "acme").code == 0
    assert desk.call("import", "acme", "--order", str(removed)).code == 0
    assert (
        why(desk, open_order) == "imported just now; its status is Awaiting Fulfillment and 2 units are left to ship."
    )
    assert why(desk, digital).endswith("nothing is left to ship.")
    assert why(desk, cancelled).startswith("imported just now; cancelled in the store at ")
    assert why(desk, held).endswith("its status is Manual Verification Required, which does not let it be shipped.")
    assert "the store has it no more" in why(desk, removed)


def test_why_tells_of_an_order_that_was_set_aside(desk: Desk) -> None:
    odd = desk.store.add_order(default_currency_code="", currency_code="", store_default_currency_code="")
    assert desk.call("import", "acme").code == 1
    words = why(desk, odd)
    assert "it could not be understood" in words
    assert "default_currency_code" in words
    assert "set aside" in words


def test_why_tells_of_an_imported_order_though_the_store_cant_be_reached(desk: Desk) -> None:
    order_id = desk.store.add_order()
    assert desk.call("import", "acme").code == 0
    desk.write(desk.entry(settings={"api_path": "http://127.0.0.1:9/stores/sandbox/v3/"}))
    assert why(desk, order_id).startswith("imported just now; ")
