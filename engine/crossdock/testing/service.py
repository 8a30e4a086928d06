"""A service on the network, played by an author's own code: it answers over real HTTP, and misbehaves when told to."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import format_datetime
from secrets import token_hex
from threading import Thread
from typing import Any, TypeAlias

from aiohttp import web

from crossdock.testing.clock import WoundClock

LOOPBACK = "127.0.0.1"

Answering: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Meddler: TypeAlias = Callable[[int, web.Request, Answering], Awaitable[web.StreamResponse]]
"""Stands before the service's own answer, and is given the number of the request within the run, from 1."""


class FakeService(ABC):
    """What a connector or a carrier speaks to, as far as one account sees it.

    Attributes:
        url: Where it answers, such as `http://127.0.0.1:41234`.
        clock: Its time. Take every time that it tells from `clock.now()`; the tests wind it.
        secret: A key to put into `settings()`. The tests look for it wherever it mustn't be.
        asked: The requests of the present run, oldest first, such as `GET /sales?after=5`.
    """

    def __init__(self) -> None:
        self.clock = WoundClock()
        self.secret = f"secret-{token_hex(16)}"
        self.url = ""
        self.asked: list[str] = []
        self._meddler: Meddler = _meddles_with_nothing
        self._own_mistake: Exception | None = None

    @abstractmethod
    def settings(self) -> Mapping[str, object]:
        """What a merchant would write under `settings` in `stores.yaml` to reach `url`."""

    @abstractmethod
    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The answer when all is well; its refusal where the request comes without the right key."""

    def refusal(self) -> web.Response:
        """The answer to a key that isn't valid any more."""
        return web.json_response({"error": "This key is not valid."}, status=401)

    def pause_request(self, seconds: int) -> web.Response:
        """The answer that asks for a pause."""
        return web.json_response({"error": "Too many requests."}, status=429, headers={"Retry-After": str(seconds)})

    def rejection(self, words: str) -> web.Response:
        """The answer to a request that is understood and not done, for the reason in `words`."""
        return web.json_response({"error": words}, status=422)

    @contextmanager
    def served(self) -> Iterator[None]:
        """It answers at `url` until the block ends, in a thread of its own. Raises what went wrong in `answer`."""
        loop = asyncio.new_event_loop()
        thread = Thread(target=loop.run_forever, name="fake platform")
        thread.start()

        def do(work: Coroutine[Any, Any, None]) -> None:
            asyncio.run_coroutine_threadsafe(work, loop).result()

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        # An answer that is held ends with its connection, and none holds up the end.
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        try:
            do(self._start(runner))
            yield
        finally:
            do(runner.cleanup())
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
            if self._own_mistake is not None:
                raise RuntimeError(
                    f"{type(self).__name__}.answer failed ({self._own_mistake!r}): "
                    "this is a mistake in the fake, and says nothing about the connector."
                ) from self._own_mistake

    @contextmanager
    def meddled(self, meddler: Meddler) -> Iterator[None]:
        """Within the block `meddler` decides what is answered."""
        self._meddler = meddler
        try:
            yield
        finally:
            self._meddler = _meddles_with_nothing

    async def _start(self, runner: web.AppRunner) -> None:
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, 0).start()
        self.url = f"http://{LOOPBACK}:{runner.addresses[0][1]}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        response = await self._meddler(len(self.asked), request, self._answer)
        response.headers["Date"] = format_datetime(self.clock.now(), usegmt=True)
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self.answer(request)
        except web.HTTPException as told:
            return web.Response(status=told.status, text=told.text)
        except Exception as error:
            self._own_mistake = error
            return web.Response(status=500)


async def _meddles_with_nothing(_number: int, request: web.Request, answer: Answering) -> web.StreamResponse:
    return await answer(request)


# --- misbehaviour ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """What the service does in place of its answer; `words` go after "the platform"."""

    words: str
    answer: Callable[[web.Request], web.StreamResponse]


def says(words: str, text: str, *, status: int = 200, content_type: str = "application/json") -> Misbehaviour:
    """This text, whatever was asked."""
    return Misbehaviour(words, lambda _: web.Response(status=status, text=text, content_type=content_type))


def _close(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


HANGS_UP = Misbehaviour("hung up", _close)
FAILURES = (
    says("answered 500", "{}", status=500),
    says("answered 503", "", status=503),
    HANGS_UP,
)
GARBAGE = (
    says("answered with a web page", "<!DOCTYPE html><html><h1>Back soon</h1></html>", content_type="text/html"),
    says("answered with JSON that ends in its middle", '[{"id": 1, "li'),
    says("answered with an empty body", ""),
    says("answered with the word null", "null"),
)
OTHER_JSON = says("answered with an error as JSON, and 200", '{"error": "Something went wrong."}')


def misbehaving(number: int, misbehaviour: Misbehaviour, *, times: float = float("inf")) -> Meddler:
    """All is well but for the request of this number, and those after it up to `times`."""

    async def meddle(now: int, request: web.Request, answer: Answering) -> web.StreamResponse:
        return misbehaviour.answer(request) if number <= now < number + times else await answer(request)

    return meddle


def silent(number: int, asked: Callable[[], object], *, takes_effect: bool = False) -> Meddler:
    """From the request of this number on nothing is answered; `asked` is called when that one has come.

    `takes_effect` says that this one is done all the same.
    """

    async def meddle(now: int, request: web.Request, answer: Answering) -> web.StreamResponse:
        if now == number and takes_effect:
            await answer(request)
        if now == number:
            asked()
        return await answer(request) if now < number else await asyncio.Future[web.StreamResponse]()

    return meddle


def cut_before(number: int) -> Meddler:
    """The connection breaks before the request of this number is done."""
    return misbehaving(number, HANGS_UP, times=1)


def cut_after(number: int) -> Meddler:
    """The request of this number is done, and its answer is lost."""

    async def meddle(now: int, request: web.Request, answer: Answering) -> web.StreamResponse:
        response = await answer(request)
        return _close(request) if now == number else response

    return meddle


def done_late(number: int, clock: WoundClock, *, after_s: float) -> Meddler:
    """The connection breaks at the request of this number, which is done later, before the first that comes then."""
    waiting: list[tuple[float, web.Request]] = []

    async def meddle(now: int, request: web.Request, answer: Answering) -> web.StreamResponse:
        while waiting and waiting[0][0] <= clock.monotonic():
            await answer(waiting.pop()[1])
        if now != number:
            return await answer(request)
        await request.read()
        waiting.append((clock.monotonic() + after_s, request))
        return _close(request)

    return meddle
