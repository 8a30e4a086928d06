"""Pick lists: what is to be fetched for many orders, in the order of the shelves.

Golden pictures lie in `golden`; look at what was drawn and renew them with CROSSDOCK_GOLDEN=renew.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from crossdock.config import PageSize
from crossdock.model import Line
from crossdock.papers import picklist
from crossdock.papers.picklist import picks_of
from crossdock.papers.sheets import PickList
from hypothesis import given, settings
from hypothesis import strategies as st
from support import pages
from support.orders import line
from support.pages import MUG, check_margins, drawn, in_scripts, many, packed
from support.paper import GOLDEN_DPI, rendered, same_picture, texts

wanted = st.lists(
    st.tuples(pages.texts, pages.goods.filter(bool).map(lambda goods: goods[0].line), st.integers(1, 100_000)),
    max_size=6,
)


def sheet(*goods: tuple[str, Line, int], **values: Any) -> PickList:
    """A list of what is to be fetched for these orders; `values` are any fields of it."""
    standing: dict[str, Any] = {
        "store": "ACME Australia",
        "made_on": date(2026, 11, 24),
        "orders": tuple(dict.fromkeys(order for order, _, _ in goods)),
        "picks": picks_of(goods),
    }
    return PickList(**{**standing, **values})


def shelved(*bins: str | None) -> list[tuple[str, Line, int]]:
    """A different product in each of these bins."""
    return [("1001", line(id=f"{number}", bin=bin, sku=f"S{number}"), 1) for number, bin in enumerate(bins)]


# --- what is fetched ---


def test_the_same_product_is_fetched_once_for_all_its_orders() -> None:
    mug, other_line = line("1", bin="A1"), line("2", bin="A1")
    (pick,) = picks_of([("1001", mug, 2), ("1002", other_line, 1), ("1001", mug, 3)])
    assert (pick.line, pick.quantity, pick.orders) == (mug, 6, (("1001", 5), ("1002", 1)))


@pytest.mark.parametrize(
    "difference",
    [
        {"bin": "A2"},
        {"sku": "MUG-2"},
        {"name": "Cup"},
        {"options": {"Size": "L"}},
        {"size": "L"},
        {"colour": "Blue"},
    ],
    ids=str,
)
def test_what_differs_in_anything_a_picker_sees_is_fetched_by_itself(difference: dict[str, Any]) -> None:
    assert len(picks_of([("1001", line(bin="A1"), 1), ("1002", line(**{"bin": "A1", **difference}), 1)])) == 2


def test_options_that_a_store_lists_in_another_order_are_the_same() -> None:
    one, other = {"Size": "L", "Color": "Blue"}, {"Color": "Blue", "Size": "L"}
    assert len(picks_of([("1001", line(options=one), 1), ("1002", line(options=other), 1)])) == 1


def test_shelves_come_as_people_count_them_and_what_has_no_place_comes_last() -> None:
    bins = ["b1", None, "A10", "A2", "A2-10", "A2-9", "A", " ", "C007", "C8", "10", "9", "", "A1" + "0" * 5_000]
    found = [pick.line.bin for pick in picks_of(shelved(*bins))]
    assert (
        found[:-4] == ["9", "10", "A", "A2", "A2-9", "A2-10", "A10", "A1" + "0" * 5_000, "b1", "C007"][: len(found) - 4]
    )
    assert found[-4:] == ["C8", None, " ", ""]


def test_products_of_one_shelf_come_by_their_sku() -> None:
    found = [("1001", line(id=sku, bin="A1", sku=sku), 1) for sku in ("MUG-10", "MUG-9", "CUP-1")]
    assert [pick.line.sku for pick in picks_of(found)] == ["CUP-1", "MUG-9", "MUG-10"]


@given(wanted)
def test_no_unit_is_lost_or_fetched_twice_and_the_list_is_the_same_however_orders_came(
    goods: list[tuple[str, Line, int]],
) -> None:
    picks = picks_of(goods)
    for order in {order for order, _, _ in goods}:
        units = sum(quantity for pick in picks for one, quantity in pick.orders if one == order)
        assert units == sum(quantity for one, _, quantity in goods if one == order)
    assert all(pick.quantity == sum(quantity for _, quantity in pick.orders) for pick in picks)
    places = [(pick.line.bin, pick.line.sku, pick.line.name, pick.line.size) for pick in picks]
    again = [(pick.line.bin, pick.line.sku, pick.line.name, pick.line.size) for pick in picks_of(reversed(goods))]
    assert sorted(map(str, places)) == sorted(map(str, again))


# --- the list ---


def test_a_pick_list_looks_as_it_should() -> None:
    goods = [
        packed(2, id="1", **MUG, bin="A2"),
        packed(1, id="2", name="Tea box", sku="TEA-BOX", bin="B10"),
        packed(12, id="3", name="Beeswax candle", sku="CANDLE-BW-20x200-NATURAL-UNSCENTED", bin="B9"),
        *in_scripts(),
    ]
    pdf = drawn(sheet(*((str(1001 + order), one.line, one.quantity) for order in range(5) for one in goods)))
    check_margins(pdf)
    same_picture("picklist-typical", rendered(pdf, GOLDEN_DPI)[0])


def test_the_heading_comes_again_on_each_page_and_no_row_is_torn_apart() -> None:
    pdf = drawn(sheet(*(("1001", one.line, one.quantity) for one in many(60))), size=PageSize.LETTER)
    check_margins(pdf)
    same_picture("picklist-second-page", rendered(pdf, GOLDEN_DPI)[1])


def test_it_tells_where_what_how_many_and_for_whom() -> None:
    mug = packed(1, **MUG, bin="A2").line
    (page,) = texts(drawn(sheet(("1001", mug, 2), ("1002", mug, 1))))
    said = " ".join(page.split())
    assert "ACME Australia" in said
    assert "24 Nov 2026" in said
    assert "2 orders · 3 units" in said
    for told in ("A2", "MUG-1-BLUE", "Enamel mug", "Size: L · Color: Blue", "1001 ×2, 1002"):
        assert told in said
    assert "1002 ×1" not in said


def test_one_of_each_is_told_in_the_singular() -> None:
    assert "1 order · 1 unit" in " ".join(texts(drawn(sheet(("1001", line(), 1))))[0].split())


def test_every_page_says_which_of_how_many_it_is() -> None:
    pdf = drawn(sheet(*(("1001", one.line, 1) for one in many(60))))
    seen = texts(pdf)
    assert len(seen) > 1
    assert all(f"Page {number} of {len(seen)}" in page for number, page in enumerate(seen, 1))
    assert all("Bin" in page and "For orders" in page for page in seen)
    assert sorted(sku for page in seen for sku in page.split() if sku.startswith("SKU-")) == sorted(
        f"SKU-{number:03}" for number in range(60)
    )


def test_a_product_for_hundreds_of_orders_names_them_all() -> None:
    pdf = drawn(sheet(*((str(1_000_000 + number), line(bin="A1"), 1) for number in range(700))))
    check_margins(pdf)
    said = "".join(texts(pdf))
    assert all(str(1_000_000 + number) in said for number in range(700))


def test_a_list_of_nothing_is_a_page() -> None:
    (page,) = texts(drawn(sheet()))
    assert "0 orders · 0 units" in " ".join(page.split())


@settings(max_examples=60)
@given(wanted, pages.texts, st.dates(), st.sampled_from(PageSize))
def test_any_pick_list_can_be_printed_and_leaves_the_margins_white(
    goods: list[tuple[str, Line, int]], store: str, made_on: date, size: PageSize
) -> None:
    one = sheet(*goods, store=store, made_on=made_on)
    check_margins(drawn(one, size=size))
    assert picklist.doubts(one) == ()
