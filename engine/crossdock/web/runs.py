"""The Runs page: what imports came to, by day and one by one."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from crossdock.state import LARGEST_ID
from crossdock.web.chart import charts
from crossdock.web.shell import page, path_to, place_of
from crossdock.web.site import SITE

DAYS = 30
A_PAGE = 50
MOST_ROWS = 500  # of the table beside the charts, the newest
MOST_QUOTAS = 20  # stores, those with the least left
MOST_LINES = 500  # of a run's log


def add_runs(app: web.Application) -> None:
    """Has the app show runs."""
    app.router.add_get("/runs", show_runs)
    app.router.add_get("/runs/{run:[0-9]+}", show_run)


async def show_runs(request: web.Request) -> web.Response:
    """The chart, the quota that is left, and the list."""
    engine = request.app[SITE].engine
    store = request.query.get("store") or None
    if store is not None:
        engine.store(store)
    now = engine.clock.now()
    first = now - timedelta(days=DAYS - 1)
    rows = await engine.state.runs_by_day(first.replace(hour=0, minute=0, second=0), store)
    runs = await engine.state.runs(store=store, before=place_of(request.query.get("before", "")), limit=A_PAGE + 1)
    quotas = [
        (run.traffic.quota_left, name)
        for name, run in (await engine.state.last_runs()).items()
        if run.traffic.quota_left is not None and name in engine.config.stores and store in (None, name)
    ]
    return await page(
        request,
        "runs.html",
        store=store,
        stores=engine.config.stores,
        labels={name: one.label for name, one in engine.config.stores.items()},
        charts=charts(rows, first.date(), now.date()),
        rows=rows[::-1][:MOST_ROWS],
        left_out=max(0, len(rows) - MOST_ROWS),
        quotas=sorted(quotas)[:MOST_QUOTAS],
        runs=runs[:A_PAGE],
        older=path_to("runs", store=store, before=runs[A_PAGE - 1].id) if len(runs) > A_PAGE else "",
    )


async def show_run(request: web.Request) -> web.Response:
    """One run with all that is known of it."""
    number = min(int(request.match_info["run"][:20]), LARGEST_ID)
    state = request.app[SITE].engine.state
    run = await state.find_run(number)
    if run is None:
        raise web.HTTPNotFound(text=f"There is no run {number}; those of more than 90 days ago are forgotten.")
    log = await state.run_log(run, limit=MOST_LINES + 1)
    return await page(request, "run.html", run=run, log=log[:MOST_LINES], is_cut=len(log) > MOST_LINES)
