"""Work that goes on behind a page: seen live, waited for by nobody, ended with the daemon."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from aiohttp import web

from crossdock.errors import CrossdockError
from crossdock.web.live import stream
from crossdock.web.shell import Form, page, part, text_of

log = logging.getLogger("crossdock.web")

MOST_KEPT = 200  # jobs that are over: their pages can still be looked at
LOOKS_S = 0.2  # between what a page is told: more often nobody can read
CLOSING_S = 2.0
ALIVE_S = 15.0  # between signs of life, so that no proxy takes a quiet stream for a dead one


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that a job does: what it's called, how it stands, what is to be known of it, and where it's found."""

    name: str
    state: str = "waiting"  # or `running`, `done`, `failed`
    words: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Sheets:
    """What is to be printed. Its file has no name on the disk: it's gone with the process, however that ends."""

    name: str
    file: BinaryIO

    @classmethod
    def taken_from(cls, path: Path) -> Sheets:
        """The file at the path, which may be removed then."""
        return cls(path.name, path.open("rb"))

    def content(self) -> bytes:
        """All of it."""
        return os.pread(self.file.fileno(), os.fstat(self.file.fileno()).st_size, 0)


@dataclass(slots=True)
class Job:
    """A piece of work and how it stands."""

    id: str
    title: str
    back: str
    steps: dict[str, Step]
    is_over: bool = False
    outcome: str = ""
    sheets: Sheets | None = None
    doubts: tuple[str, ...] = ()
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, key: str, step: Step) -> None:
        """The step of this key stands so now."""
        self.steps[key] = step
        self.tell()

    def tell(self) -> None:
        """Everybody who looks is to see how it stands now."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self, within_s: float) -> None:
        """Until something has changed, or so many seconds have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._changed.wait()

    def clear_away(self) -> None:
        """Takes away what it made."""
        if self.sheets is not None:
            self.sheets.file.close()

    @property
    def done(self) -> int:
        """How many steps are over, well or badly."""
        return sum(step.state in ("done", "failed") for step in self.steps.values())

    @property
    def failed(self) -> list[Step]:
        """The steps that came to nothing."""
        return [step for step in self.steps.values() if step.state == "failed"]


Work = Callable[[Job], Awaitable[str]]
"""Does a job's work, notes its steps, and gives its outcome in a sentence."""


class Jobs:
    """All jobs of one daemon; what they made goes with them."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Work, form: Form, *, title: str, back: str, steps: dict[str, Step]) -> Job:
        """Begins the work that a form asks for; sent twice it's that job again, and changed another one."""
        id = _stands_for(form) or secrets.token_urlsafe(16)
        if (known := self._jobs.get(id)) is not None:
            return known
        self._forget()
        job = Job(id, title, back, dict(steps))
        self._jobs[id] = job
        task = asyncio.create_task(self._run(job, work), name=f"page: {title}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def get(self, id: str) -> Job:
        """The job of this id. Raises HTTPNotFound."""
        job = self._jobs.get(id)
        if job is None:
            raise web.HTTPNotFound(
                text="How this went is no longer known: crossdock was started again since, or it is long ago. What was "
                "shipped by then stays so: its labels are printed by Labels again, under Waiting and Shipped; the "
                "others are still under New."
            )
        return job

    async def close(self) -> None:
        """Ends what is under way; what was shipped stays so."""
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:  # a plugin that doesn't end when it's told to must not hold up the daemon's end
            await asyncio.wait(self._tasks, timeout=CLOSING_S)
        for job in self._jobs.values():
            job.clear_away()

    async def _run(self, job: Job, work: Work) -> None:
        try:
            job.outcome = await work(job)
        except CrossdockError as error:
            job.outcome = str(error)
        except asyncio.CancelledError:
            job.outcome = "crossdock was stopped meanwhile."
            raise
        except Exception:
            log.exception("the page's job '%s' failed", job.title)
            job.outcome = "crossdock failed to do this; its log has the details."
        finally:
            job.is_over = True
            job.tell()

    def _forget(self) -> None:
        over = [id for id, job in self._jobs.items() if job.is_over]
        for id in over[: max(0, len(over) - MOST_KEPT + 1)]:
            self._jobs.pop(id).clear_away()


def _stands_for(form: Form) -> str:
    """What a form with a nonce, and all that it says, is known by; "" without one."""
    if not text_of(form, "nonce"):
        return ""
    return sha256(repr([(name, text) for name, text in form.items() if name != "csrf"]).encode()).hexdigest()[:40]


JOBS: web.AppKey[Jobs] = web.AppKey("jobs", Jobs)


def add_jobs(app: web.Application) -> None:
    """Has the app show jobs, live where there is script."""
    app.cleanup_ctx.append(_jobs)
    app.router.add_get("/jobs/{id}", show_job)
    app.router.add_get("/jobs/{id}/events", job_events)
    app.router.add_get("/jobs/{id}/paper", job_paper)


async def show_job(request: web.Request) -> web.Response:
    """How a job stands."""
    job = request.app[JOBS].get(request.match_info["id"])
    return await page(request, "job.html", job=job)


async def job_events(request: web.Request) -> web.StreamResponse:
    """How a job stands, told anew whenever that changes, until it's over."""
    job = request.app[JOBS].get(request.match_info["id"])

    async def parts() -> AsyncIterator[str]:
        is_over = False
        while not is_over:
            is_over = job.is_over
            yield part(request, "_job.html", job=job)
            if not is_over:
                await asyncio.sleep(LOOKS_S)
            if not job.is_over:
                await job.change(ALIVE_S)

    return await stream(request, parts())


async def job_paper(request: web.Request) -> web.Response:
    """What a job made to be printed."""
    job = request.app[JOBS].get(request.match_info["id"])
    if job.sheets is None:
        raise web.HTTPNotFound(text="There is nothing to print here.")
    headers = {"Content-Disposition": f'inline; filename="{job.sheets.name}"', "Cache-Control": "no-store"}
    body = await asyncio.to_thread(job.sheets.content)
    return web.Response(body=body, content_type="application/pdf", headers=headers)


async def _jobs(app: web.Application) -> AsyncGenerator[None, None]:
    app[JOBS] = Jobs()
    yield
    await app[JOBS].close()
