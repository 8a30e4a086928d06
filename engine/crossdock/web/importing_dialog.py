"""The Import dialog: which stores, how many days; then each store's import, live."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from aiohttp import web

from crossdock.config import StoreConfig
from crossdock.engine import Engine, ImportRequest
from crossdock.errors import CrossdockError, StateError, UsageError
from crossdock.model import instant
from crossdock.state import Counts, Run
from crossdock.web.jobs import JOBS, Job, Step
from crossdock.web.shell import counted, page, path_to, redirect
from crossdock.web.site import SITE

log = logging.getLogger("crossdock.web")

DAYS = 30
MOST_DAYS = 3650
AT_ONCE = 16  # stores: a first import holds two pages of orders
LOOKS_S = 1.0  # at how a run stands that is being waited for

Stands: TypeAlias = Callable[[str, str], None]
"""Notes how a store's import stands: the state of its step, and in words."""


def add_importing(app: web.Application) -> None:
    """Has the app import orders when it's asked to."""
    app.router.add_get("/import", show_form)
    app.router.add_post("/import", start)


async def show_form(request: web.Request) -> web.Response:
    """The dialog."""
    stores = request.app[SITE].engine.config.stores
    chosen = request.query.get("store", "")
    return await _form(request, stores, {"store": chosen if chosen in stores else "", "days": str(DAYS)})


async def start(request: web.Request) -> web.Response:
    """Begins the imports, and leads to where they can be watched."""
    site, form = request.app[SITE], await request.post()
    name, days = str(form.get("store", "")), str(form.get("days", "")).strip()
    stores = site.engine.config.stores
    try:
        chosen = [site.engine.store(name)] if name else list(stores.values())
        if not (days.isascii() and days.isdigit() and len(days) < 6 and 1 <= int(days) <= MOST_DAYS):
            raise UsageError(f"Days: should be a whole number from 1 to {MOST_DAYS:,}.")
    except UsageError as error:
        return await _form(request, stores, {"store": name, "days": days}, wrong=str(error))
    began = instant(site.engine.clock.now())
    job = request.app[JOBS].start(
        partial(_import_all, site.engine, chosen, int(days)),
        form,
        title=f"Import from {chosen[0].label if len(chosen) == 1 else counted(len(chosen), 'store')}",
        back=path_to("shipments", tab="new", store=name or None, since=began),
        steps={store.name: Step(name=store.label) for store in chosen},
    )
    return redirect(request, path_to("jobs", job.id))


async def _form(
    request: web.Request, stores: Mapping[str, StoreConfig], filled: Mapping[str, str], *, wrong: str = ""
) -> web.Response:
    return await page(
        request,
        "import.html",
        status=400 if wrong else 200,
        stores=sorted(stores.values(), key=lambda store: store.label.casefold()),
        filled=filled,
        wrong=wrong,
        most_days=MOST_DAYS,
    )


async def _import_all(engine: Engine, stores: list[StoreConfig], days: int, job: Job) -> str:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(store: StoreConfig) -> Run | None:
        async with turns:
            return await _import(engine, store, days, job)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(store), name=f"page: import {store.name}") for store in stores]
    done = [run for task in tasks if (run := task.result()) is not None]
    total = sum((run.counts for run in done), Counts())
    failed = len(stores) - len(done)
    words = f"{total.in_words()}."
    return f"{words} {counted(failed, 'store')} failed; what to do stands beside each." if failed else words


async def _import(engine: Engine, store: StoreConfig, days: int, job: Job) -> Run | None:
    """One store's run; None where it failed, which its step says."""

    def stands(state: str, words: str) -> None:
        job.note(store.name, Step(name=store.label, state=state, words=words))

    def waits(words: str) -> None:
        watch.append(asyncio.create_task(_show_running(engine, store, words, stands), name=f"page: wait {store.name}"))

    def goes_on(counts: Counts) -> None:
        for task in watch:
            task.cancel()
        stands("running", counts.in_words())

    watch: list[asyncio.Task[None]] = []
    stands("running", "asking the store")
    try:
        run = await engine.import_store(store.name, ImportRequest(days=days), progress=goes_on, waiting=waits)
    except CrossdockError as error:
        stands("failed", str(error).removeprefix(f"{store.name}: "))
        return None
    except Exception:  # a bug that shows with one store must not end the imports of the others
        log.exception("%s: the import from the page failed", store.name)
        stands("failed", "crossdock failed to do this; its log has the details.")
        return None
    finally:
        for task in watch:
            task.cancel()
        await asyncio.gather(*watch, return_exceptions=True)
    reasons = "".join(f"; {count:,} skipped: {reason}" for reason, count in run.reasons.items())
    stands("done", f"{run.counts.in_words()}{reasons}")
    return run


async def _show_running(engine: Engine, store: StoreConfig, words: str, stands: Stands) -> None:
    """Shows the import that is under way already, until it's the turn of ours."""
    while True:
        counts = ""
        with suppress(StateError):
            run = (await engine.state.last_runs()).get(store.name)
            counts = f" So far: {run.counts.in_words()}." if run is not None and run.outcome is None else ""
        stands("running", f"{words}{counts}")
        await asyncio.sleep(LOOKS_S)
