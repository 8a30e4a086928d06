"""The Runs page: what imports came to, for people who want to know why something isn't here."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import date, datetime, timedelta
from xml.etree import ElementTree

import pytest
from crossdock.engine import ImportRequest
from crossdock.model import instant
from crossdock.state import DayOfRuns, RunKind
from crossdock.web import chart, runs
from hypothesis import given
from hypothesis import strategies as st
from support.bench import DAY, STORE, Bench
from support.site import Browser

FIRST = date(2026, 5, 1)


def add_runs(bench: Bench, ends: Iterable[datetime], *, store: str = STORE, **columns: object) -> None:
    """Runs that ended then, with these columns."""
    filled = {"store": store, "kind": "changes", "outcome": "done", **columns}
    names, marks = ", ".join(filled), ", ".join("?" for _ in filled)
    with closing(sqlite3.connect(bench.database)) as db, db:
        db.executemany(
            f"insert into runs (started_at, ended_at, {names}) values (?, ?, {marks})",
            [(instant(end), instant(end), *filled.values()) for end in ends],
        )


def listed(page: str) -> list[int]:
    """The runs that a page lists, in its order."""
    return [int(run) for run in re.findall(r'href="/runs/(\d+)"', page)]


async def test_a_run_that_failed_is_shown_in_its_own_words_escaped(bench: Bench, visitor: Browser) -> None:
    add_runs(bench, [bench.clock.now()], outcome="failed", error_kind="UnreachableError", error="<b>no answer</b>")
    page = await visitor.get("/runs")
    assert "&lt;b&gt;no answer&lt;/b&gt;" in page
    assert "failed" in page
    assert "&lt;b&gt;no answer&lt;/b&gt;" in await visitor.get(f"/runs/{listed(page)[0]}")


async def test_one_run_tells_why_orders_were_skipped(bench: Bench, visitor: Browser) -> None:
    add_runs(bench, [bench.clock.now()], skipped=3, reasons='{"status 4 (Refunded)": 3}', quota_left=77, folded=2)
    page = await visitor.get("/runs/2")
    for words in ("3 skipped", "3 · status 4 (Refunded)", "quota left 77", "2 idle runs"):
        assert words in page


async def test_one_run_has_a_log_of_what_became_of_which_order(
    bench: Bench, visitor: Browser, orders: list[int]
) -> None:
    bench.clock.wind(60)
    new = bench.store.add_order()
    bench.store.set_status(orders[0], 5)
    bench.clock.wind(11)
    run = await visitor.engine.import_store(STORE, ImportRequest())
    page = await visitor.get(f"/runs/{run.id}")
    lines = [re.sub(r"<[^>]*>|\s+", " ", line).split() for line in re.findall("<tr><td><time.*?</tr>", page, re.DOTALL)]
    assert {line[1]: line[2] for line in lines} == {str(new): "imported", str(orders[0]): "updated"}
    assert "Awaiting Fulfillment → Cancelled" in page
    first = await visitor.get("/runs/1")
    assert re.findall(r'href="/orders/acme/(\d+)"', first) == [str(order) for order in orders]
    bench.clock.wind(60)
    assert "Log" not in await visitor.get(f"/runs/{(await visitor.engine.import_store(STORE, ImportRequest())).id}")


async def test_a_long_log_is_cut_and_says_so(
    visitor: Browser, orders: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "MOST_LINES", 2)
    assert "These are the first 2." in await visitor.get("/runs/1")
    monkeypatch.setattr(runs, "MOST_LINES", 3)
    assert "These are the first" not in await visitor.get("/runs/1")


async def test_a_run_that_is_under_way_is_called_that(bench: Bench, visitor: Browser) -> None:
    await visitor.engine.state.begin_run(STORE, RunKind.CHANGES, bench.clock.now())
    assert "under way" in await visitor.get("/runs")
    assert "under way" in await visitor.get("/runs/2")


async def test_walking_the_pages_of_runs_shows_each_once_newest_first(
    bench: Bench, visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "A_PAGE", 3)
    add_runs(bench, [bench.clock.now()] * 7)
    add_runs(bench, [bench.clock.now()] * 2, store="other")
    seen, path = [], "/runs"
    while path:
        page = await visitor.get(path)
        seen += listed(page)
        older = re.search(r'href="([^"]*)">Older runs', page)
        path = older[1].replace("&amp;", "&") if older else ""
        assert len(seen) <= 10
    assert seen == list(range(10, 0, -1))
    assert listed(await visitor.get(f"/runs?store={STORE}&before=4")) == [3, 2, 1]
    assert listed(await visitor.get(f"/runs?store={STORE}")) == [8, 7, 6]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/runs?store=nobody", 400),
        ("/runs?before=-1", 400),
        ("/runs?before=²", 400),
        ("/runs?before=99999999999999999999", 400),
        ("/runs/0", 404),
        ("/runs/99999999999999999999999", 404),
        ("/runs/x", 404),
    ],
)
async def test_what_is_no_run_and_no_place_is_told_in_a_sentence(visitor: Browser, path: str, status: int) -> None:
    page = await visitor.get(path)
    assert visitor.status == status
    assert 'role="alert"' in page


async def test_each_store_is_drawn_by_itself_where_there_are_several(bench: Bench, visitor: Browser) -> None:
    assert (await visitor.get("/runs")).count("<svg") == 1
    add_runs(bench, [bench.clock.now()], store="gone<", imported=5)
    page = await visitor.get("/runs")
    assert page.count("<svg") == 3
    assert ">gone&lt;</figcaption>" in page
    assert (await visitor.get(f"/runs?store={STORE}")).count("<svg") == 1


async def test_the_table_says_what_the_chart_shows_and_neither_goes_further_back(
    bench: Bench, visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = bench.clock.now()
    add_runs(bench, [now - timedelta(days=days) for days in (29, 30)], imported=41, updated=1)
    page = await visitor.get("/runs")
    day = (now - timedelta(days=29)).date()
    assert f"<title>{day}: 42 orders</title>" in page
    assert f"<tr><td>{day}</td>" in page
    before = (now - timedelta(days=30)).date()
    assert f"<td>{before}</td>" not in page
    assert f"<title>{before}" not in page
    monkeypatch.setattr(runs, "MOST_ROWS", 1)
    page = await visitor.get("/runs")
    assert f"<tr><td>{day}</td>" not in page
    assert "1 older rows are left out" in page


async def test_a_day_is_the_sum_of_its_runs_and_of_those_folded_into_them(bench: Bench, visitor: Browser) -> None:
    bench.clock.wind(DAY)
    add_runs(bench, [bench.clock.now()] * 2, imported=3, updated=2, folded=4)
    add_runs(bench, [bench.clock.now()], imported=1, outcome="failed")
    (day,) = await visitor.engine.state.runs_by_day(bench.clock.now() - timedelta(hours=1))
    assert (day.imported, day.updated, day.failed, day.runs) == (7, 4, 1, 11)
    assert await visitor.engine.state.runs_by_day(bench.clock.now(), "other") == []


async def test_the_quota_that_is_left_is_told_of_stores_that_have_one(bench: Bench, visitor: Browser) -> None:
    bench.clock.wind(DAY)
    add_runs(bench, [bench.clock.now()], quota_left=1234)
    assert "<strong>1234</strong>" in await visitor.get("/runs")


async def test_no_chart_needs_a_style_of_its_own(visitor: Browser) -> None:
    """The page's policy allows none."""
    assert "style=" not in await visitor.get("/runs")


days = st.builds(
    DayOfRuns,
    day=st.dates(FIRST - timedelta(days=2), FIRST + timedelta(days=12)),
    store=st.sampled_from(["a", "b<", "c&"]) | st.text(min_size=1, max_size=3),
    imported=st.integers(0, 10**6),
    updated=st.integers(0, 10**6),
    failed=st.integers(0, 300),
    runs=st.integers(1, 300),
)


@given(st.lists(days, max_size=30), st.integers(0, 12))
def test_whatever_the_runs_came_to_every_bar_stands_inside_its_chart(rows: list[DayOfRuns], span: int) -> None:
    last = FIRST + timedelta(days=span)
    drawn = chart.charts(rows, FIRST, last)
    assert len(drawn) <= 1 + chart.MOST_DRAWN
    for one in drawn:
        svg = ElementTree.fromstring(str(one.svg))
        _, _, width, height = map(float, svg.attrib["viewBox"].split())
        mine = [row for row in rows if one.store in (None, row.store) and FIRST <= row.day <= last]
        for kind, counts in (
            ("orders", [row.imported + row.updated for row in mine]),
            ("failures", [row.failed for row in mine]),
        ):
            bars = [bar for bar in svg.iter("rect") if bar.get("class") == kind]
            told = [int(re.sub(r"\D", "", str(bar[0].text).partition(":")[2])) for bar in bars]
            assert sum(told) == sum(counts)
            for bar in bars:
                x, y, wide, high = (float(bar.attrib[name]) for name in ("x", "y", "width", "height"))
                assert 0 <= x <= x + wide <= width
                assert 0 <= y <= y + high <= height
