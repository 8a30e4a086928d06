"""The HTTP client that each connector gets: time-outs, retries, the platform's quota, redaction and counts.

A connector asks and gets an answer, or a typed error that says what is to be done; it never waits or repeats by itself.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from random import Random
from typing import NoReturn
from urllib.parse import quote

import aiohttp
import msgspec
from multidict import CIMultiDict
from yarl import URL

from crossdock.clock import Clock
from crossdock.errors import (
    CredentialsError,
    GarbledError,
    PermissionMissingError,
    RateLimitedError,
    RefusedError,
    UnreachableError,
)
from crossdock.model import Json

log = logging.getLogger("crossdock.http")

CONNECT_S = 10.0  # a server that takes longer to accept is down; the queue for a pooled connection doesn't count
READ_S = 30.0  # between two pieces of an answer: big pages of orders take platforms many seconds to begin
TOTAL_S = 60.0  # an answer that trickles in must end too
TIMEOUT = aiohttp.ClientTimeout(total=TOTAL_S, sock_connect=CONNECT_S, sock_read=READ_S)
UNDER_WAY = 3  # requests of one store at once: platforms tolerate two or three

TRIES = 5
BACKOFF_BASE_S, BACKOFF_CAP_S = 0.5, 30.0
LIMITED_TRIES = 5  # 429s that one request puts up with
LIMITED_BASE_S, LIMITED_CAP_S = 30.0, 300.0  # a 429 that names no time means overload: back off for long
LEAST_PAUSE_S = 1.0  # a 429 that says "0 s" must not become a burst of tries
LONGEST_WAIT_S = 120.0  # a request that would wait longer gives its place back to the engine
LONGEST_RESET_S = 3600.0  # a wrong number in a header mustn't shut a store for longer

SPREAD_BELOW = 0.2  # of the quota: other apps live on the rest
KEEP_LEFT = 2  # requests left untouched: our count and the platform's differ by what is under way
AFTER_PAUSE_S = 0.5  # between requests after a pause, until an answer tells how the quota stands

SHORTEST_SECRET = 4  # characters; to hide a shorter header value would only make words unreadable
LARGEST_BODY = 64 * 2**20  # bytes, unpacked
TEXT_LENGTH, WORDS_LENGTH = 2_000, 200  # characters
REQUEST_ID_HEADERS = ("X-Request-Id", "Request-Id", "X-Correlation-Id", "X-Trace-Id")
LEAST_HIDDEN = 4  # shorter parameters ("2", "asc") give nobody away and would riddle the platform's words

_BOM = b"\xef\xbb\xbf"
_TAGS = re.compile(r"<[^<>]*>")
_QUERY = re.compile(r"\?[^\s\"'<>?=]*=[^\s\"'<>]*")
_EMAIL = re.compile(r"[^\s@<>\"',;:()]{1,64}@[\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaHeaders:
    """The names of the headers in which a platform tells how many requests are left in the present window."""

    left: str
    quota: str
    reset_ms: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """How one store's HTTP is spoken. `headers` go with each request and are never shown: they hold the key."""

    base_url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    quota_headers: QuotaHeaders | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCounts:
    """What a client has done since it was made; subtract two to get one run's share.

    Each try is one of `requests`; `waited_s` is time slept for the platform's sake, counted once for tasks in a queue.
    """

    requests: int = 0
    retries: int = 0
    waited_s: float = 0.0
    last_request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A platform's answer. `started_at` is the server's time at which the request began, in whole seconds.

    `json` is None for 204, for HEAD and for a refusal (4xx) whose body isn't JSON. `text` is the beginning of a
    refusal's body with the request's header values and parameters cut out, else "".
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    json: Json = field(repr=False)
    text: str = field(repr=False)
    started_at: datetime
    request_id: str | None


def open_session() -> aiohttp.ClientSession:
    """The session that all stores share. Whoever opens it closes it."""
    try:
        release = version("crossdock")
    except PackageNotFoundError:
        release = "dev"
    session = aiohttp.ClientSession(
        # No bound here: stores of a platform share its host, and those that hang would use it up for the others.
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=0),
        cookie_jar=aiohttp.DummyCookieJar(),  # a cookie would tie stores of one host to each other
        headers={"User-Agent": f"crossdock/{release}"},
        timeout=TIMEOUT,
        auto_decompress=True,
        trust_env=False,
    )
    # aiohttp would send a PUT or DELETE twice by itself when a kept connection breaks; it has no public switch for it.
    session._retry_connection = False
    return session


class Gate:
    """When the next request of a store may go, by what the platform told of its quota."""

    def __init__(self, clock: Clock) -> None:
        self.turn = asyncio.Lock()  # held while waiting: first come, first served
        self._clock = clock
        self._paused_until = -math.inf
        self._interval_s = 0.0
        self._passed_at = -math.inf

    def wait_s(self) -> float:
        """Seconds until the next request may go; 0 or less means now."""
        return max(self._paused_until, self._passed_at + self._interval_s) - self._clock.monotonic()

    def passed(self) -> None:
        """A request goes now."""
        self._passed_at = self._clock.monotonic()

    def pause(self, seconds: float) -> None:
        """Nothing goes for `seconds`; what was told earlier can make it longer, not shorter."""
        self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)
        self._interval_s = max(self._interval_s, AFTER_PAUSE_S)

    def saw(self, left: float | None, quota: float | None, reset_s: float | None) -> None:
        """Obeys the quota of an answer; None is what it didn't tell, or told in a way that makes no sense."""
        self._interval_s = AFTER_PAUSE_S if self._clock.monotonic() < self._paused_until else 0.0
        if left is None or not quota or reset_s is None or left / quota >= SPREAD_BELOW:
            return
        if left <= KEEP_LEFT:
            self.pause(reset_s)
        else:
            self._interval_s = max(self._interval_s, reset_s / left)


def backoff_s(failures: int, random: Random) -> float:
    """How long to wait after the nth failure: anything up to a bound that doubles, so that clients part company."""
    return random.uniform(0, min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0 ** (failures - 1)))


def limited_s(times: int, asked_s: float | None, random: Random) -> float:
    """How long to wait after the nth 429: what the platform asked for and a little more, else long and longer."""
    if asked_s is None:
        return min(LIMITED_CAP_S, LIMITED_BASE_S * 2.0 ** (times - 1)) * random.uniform(0.8, 1)
    return max(asked_s, LEAST_PAUSE_S) * random.uniform(1, 1.05)


@dataclass(frozen=True, slots=True)
class _Call:
    """A request as it goes over the wire, and how it is spoken of."""

    method: str
    url: URL
    body: bytes | None
    repeatable: bool
    name: str
    hidden: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Failed:
    """A try that brought nothing; `what` is a clause about it, `asked_s` the pause that the platform asked for."""

    error: type[UnreachableError | GarbledError]
    what: str
    cause: Exception | None = None
    asked_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Limited:
    """A try that was answered with 429."""

    asked_s: float | None


class HttpClient:
    """HTTP for one store: time-outs, retries, the platform's quota, redaction and counts."""

    counts: HttpCounts
    quota_left: int | None

    def __init__(
        self,
        session: aiohttp.ClientSession,
        options: HttpOptions,
        *,
        store: str,
        clock: Clock,
        random: Random,
    ) -> None:
        self.counts = HttpCounts()
        self.quota_left = None
        self._session = session
        self._options = options
        self.store = store
        self._clock = clock
        self._random = random
        self._gate = Gate(clock)
        self._slots = asyncio.Semaphore(UNDER_WAY)
        self._ahead = timedelta(0)  # of the server's clock before ours
        self._newest: datetime | None = None  # the latest `started_at` that came from a Date header
        self._hidden = tuple(form for value in options.headers.values() for form in _forms(value))

    def __repr__(self) -> str:
        return f"HttpClient(store={self.store!r})"

    def server_time(self) -> datetime:
        """The server's time of now as best known: by its last answer, or our own clock's before any."""
        return self._clock.now() + self._ahead

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Json = None,
        repeatable: bool | None = None,
    ) -> Response:
        """The platform's answer: a success (2xx), or a refusal (4xx) that the caller understands better.

        `path` is joined to the base URL; a whole URL has to lie under it. `repeatable` says that doing it twice does no
        harm; None takes that of GET and HEAD alone. What is not repeatable is sent once, except after a 429, which says
        that nothing was done. Raises UnreachableError, GarbledError (redirects too: they aren't followed, since that
        would carry the key elsewhere), RateLimitedError; ValueError for a path that leads out of the base URL.
        """
        call = self._call(method.upper(), path, params or {}, json, repeatable)
        failures = limited = 0
        while True:
            outcome = await self._try(call)
            match outcome:
                case Response():
                    return outcome
                case _Limited():
                    limited += 1
                    wait_s = limited_s(limited, outcome.asked_s, self._random)
                    self._gate.pause(wait_s)  # every task of this store waits there, this one too
                    if wait_s > LONGEST_WAIT_S or limited == LIMITED_TRIES:
                        raise self._limited_error(f"{call.name} was answered with 429", wait_s)
                    self._log(call, "the platform answered 429", wait_s)
                case _Failed():
                    failures += 1
                    wait_s = backoff_s(failures, self._random) + (outcome.asked_s or 0)
                    if not call.repeatable or failures == TRIES or wait_s > LONGEST_WAIT_S:
                        self._give_up(call, outcome, failures)
                    self._log(call, outcome.what, wait_s)
                    await self._sleep(wait_s)
            self.counts = replace(self.counts, retries=self.counts.retries + 1)

    async def get_json(self, path: str, params: Mapping[str, str | int] | None = None) -> Json:
        """The JSON at `path`, None for 204.

        Raises what `request` raises, and for refusals CredentialsError (401), PermissionMissingError (403) and
        RefusedError (other 4xx).
        """
        response = await self.request("GET", path, params=params)
        if response.status < 400:
            return response.json
        name = f"GET {self._shown_path(self._url(path, {}))}"
        said = f"{name} was answered with {response.status}{_quoted(response.text)}"
        match response.status:
            case 401:
                raise CredentialsError(
                    f"{self.store}: the platform doesn't accept the store's key: {said}. "
                    "Put a valid one into the store's settings."
                )
            case 403:
                raise PermissionMissingError(
                    f"{self.store}: the store's key may not do this: {said}. "
                    "Give it the permission on the platform, or put another key into the store's settings.",
                    scope="",
                )
            case _:
                raise RefusedError(
                    f"{self.store}: the platform refuses this request: {said}. crossdock doesn't repeat it as it is."
                )

    def _call(
        self, method: str, path: str, params: Mapping[str, str | int], json: Json, repeatable: bool | None
    ) -> _Call:
        url = self._url(path, params)
        values = {value for value in url.query.values() if len(value) >= LEAST_HIDDEN}
        return _Call(
            method=method,
            url=url,
            body=None if json is None else msgspec.json.encode(json),
            repeatable=method in {"GET", "HEAD"} if repeatable is None else repeatable,
            name=f"{method} {self._shown_path(url)}",
            hidden=(*self._hidden, *(form for value in values for form in _forms(value))),
        )

    def _url(self, path: str, params: Mapping[str, str | int]) -> URL:
        base = URL(self._options.base_url.rstrip("/"))
        whole = re.match(r"https?://", path, re.IGNORECASE) is not None
        url = URL(path if whole else f"{base}/{path.lstrip('/')}")
        if not url.absolute:
            raise ValueError(f"{self.store}: {path.partition('?')[0]!r} needs a base URL, which the store has not")
        root = base.path.rstrip("/")
        if base.absolute and (_server(url) != _server(base) or not f"{url.path}/".startswith(f"{root}/")):
            raise ValueError(
                f"{self.store}: {path.partition('?')[0]!r} leads out of the store's base URL {base.origin()}"
            )
        return url.extend_query(params)

    def _shown_path(self, url: URL) -> str:
        root = URL(self._options.base_url.rstrip("/")).raw_path.rstrip("/")
        return _redacted(url.raw_path.removeprefix(root) or "/", self._hidden)

    async def _try(self, call: _Call) -> Response | _Limited | _Failed:
        async with self._slots:
            await self._pass_gate(call)
            self.counts = replace(self.counts, requests=self.counts.requests + 1)
            sent_at, sent_now, newest = self._clock.monotonic(), self._clock.now(), self._newest
            try:
                async with self._session.request(
                    call.method,
                    call.url,
                    headers=self._headers(call),
                    data=call.body,
                    allow_redirects=False,
                    timeout=TIMEOUT,
                ) as answer:
                    elapsed_s = math.floor(self._clock.monotonic() - sent_at)
                    started_at = self._started_at(answer.headers, elapsed_s, newest)
                    reset_s, asked_s = self._saw_quota(answer.headers), self._asked_s(answer.headers)
                    if answer.status == 429:
                        return _Limited(max((s for s in (reset_s, asked_s) if s is not None), default=None))
                    body = await _read(answer)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                return _failed_by(error, call.hidden)
        return self._judged(call, answer, body, started_at or sent_now.replace(microsecond=0), asked_s)

    def _judged(
        self,
        call: _Call,
        answer: aiohttp.ClientResponse,
        body: bytes | None,
        started_at: datetime,
        asked_s: float | None,
    ) -> Response | _Failed:
        status = answer.status
        log.debug("%s: %s answered %d", self.store, call.name, status)
        if 300 <= status < 400:
            raise self._redirect_error(call, answer)
        if body is None:
            raise GarbledError(
                f"{self.store}: the answer to {call.name} is larger than {LARGEST_BODY // 2**20} MiB and was not read "
                f"to its end. {_to_come(call)}"
            )
        text = ""
        if status >= 400:  # what a refusal says is meant for people, and may repeat what it was asked
            words = _redacted(_text(body, answer.charset), call.hidden)
            text, body = words[:TEXT_LENGTH], words.encode()
        if status >= 500:
            what = f"the platform answered {status}{_quoted(text)}"
            return _Failed(UnreachableError, what, asked_s=asked_s if status == 503 else None)
        bodiless = status == 204 or call.method == "HEAD"
        json = None if bodiless else _decoded(body, answer.charset)
        if json is None and not bodiless and status < 400:
            return _Failed(GarbledError, f"the platform answered {status} with {_kind_of(body)}")
        return Response(
            status=status,
            headers=answer.headers,
            json=json,
            text=text,
            started_at=started_at,
            request_id=self._request_id(answer.headers),
        )

    def _request_id(self, headers: Mapping[str, str]) -> str | None:
        found = next((headers[name] for name in REQUEST_ID_HEADERS if name in headers), None)
        found = found and _redacted(found, self._hidden)
        self.counts = replace(self.counts, last_request_id=found)
        return found

    async def _pass_gate(self, call: _Call) -> None:
        async with self._gate.turn:
            while (wait_s := self._gate.wait_s()) > 0:
                if wait_s > LONGEST_WAIT_S:
                    raise self._limited_error(f"{call.name} was not sent", wait_s)
                await self._sleep(wait_s)
            self._gate.passed()

    def _headers(self, call: _Call) -> CIMultiDict[str]:
        headers = CIMultiDict({"Accept": "application/json"})
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        headers.update(self._options.headers)
        return headers

    def _started_at(self, headers: Mapping[str, str], elapsed_s: int, newest: datetime | None) -> datetime | None:
        """The server's time when the request was sent, or None where the answer bears no date.

        An answer that was long on its way back would seem to have begun before an earlier one (`newest`), and its view
        of an order would be passed over as the older one. It can't have begun after its own date, whatever `newest` is.
        """
        date = _http_date(headers.get("Date"))
        if date is None:
            return None
        self._ahead = date - self._clock.now()
        started_at = date - timedelta(seconds=elapsed_s)
        if newest is not None:
            started_at = max(started_at, min(newest, date))
        self._newest = started_at if self._newest is None else max(self._newest, started_at)
        return started_at

    def _saw_quota(self, headers: Mapping[str, str]) -> float | None:
        """Obeys the quota headers; gives the seconds to the reset, if they are told and credible."""
        names = self._options.quota_headers
        if names is None:
            self._gate.saw(None, None, None)
            return None
        left, reset_ms = _number(headers.get(names.left)), _number(headers.get(names.reset_ms))
        reset_s = None if reset_ms is None or reset_ms > LONGEST_RESET_S * 1000 else reset_ms / 1000
        if left is not None:
            self.quota_left = int(left)
        self._gate.saw(left, _number(headers.get(names.quota)), reset_s)
        return reset_s

    def _asked_s(self, headers: Mapping[str, str]) -> float | None:
        """The seconds of Retry-After, which may also be a date; None if it is missing or garbage."""
        text = headers.get("Retry-After", headers.get("X-Retry-After"))
        seconds = _number(text)
        if seconds is None and (date := _http_date(text)) is not None:
            seconds = max(0.0, (date - self.server_time()).total_seconds())
        return None if seconds is None else min(seconds, LONGEST_RESET_S)

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self.counts = replace(self.counts, waited_s=self.counts.waited_s + seconds)

    def _log(self, call: _Call, what: str, wait_s: float) -> None:
        log.debug("%s: %s: %s; trying again in %.1f s", self.store, call.name, what, wait_s)

    def _limited_error(self, what: str, wait_s: float) -> RateLimitedError:
        return RateLimitedError(
            f"{self.store}: the platform asks for a pause: {what}. Try again in {wait_s:.0f} s; nothing is lost.",
            retry_after_s=wait_s,
        )

    def _redirect_error(self, call: _Call, answer: aiohttp.ClientResponse) -> GarbledError:
        target = ""
        with suppress(ValueError):
            target = _redacted(URL(answer.headers.get("Location", "")).host or "", call.hidden)
        return GarbledError(
            f"{self.store}: {call.name} was answered with a redirect{target and f' to {target}'} ({answer.status}), "
            "which crossdock doesn't follow, since that would carry the store's key elsewhere. "
            "Check the address in the store's settings."
        )

    def _give_up(self, call: _Call, failed: _Failed, failures: int) -> NoReturn:
        times = "" if failures == 1 else f" {failures} times"
        message = f"{self.store}: {call.name} failed{times}: {failed.what}. {_to_come(call)}"
        raise failed.error(message) from failed.cause


def _server(url: URL) -> tuple[str, str | None, int | None]:
    """Who a URL leads to, whether or not it names its scheme's own port."""
    return url.scheme, url.host, url.port


def _to_come(call: _Call) -> str:
    if call.repeatable:
        return "Nothing is lost; the next run tries again."
    return "Whether it took effect is unknown, so it is not simply repeated: crossdock looks at the store first."


async def _read(answer: aiohttp.ClientResponse) -> bytes | None:
    """The whole body, or None if it is larger than it may be."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)


def _decoded(body: bytes, charset: str | None) -> Json:
    """The JSON in `body`, or None if there is none. JSON is UTF-8; `charset` is believed only where it isn't."""
    whole = _parsed(body.removeprefix(_BOM))
    if whole is not None:
        return whole
    for encoding in ("utf-8-sig", charset or "utf-8"):
        with suppress(UnicodeDecodeError, LookupError):
            text = body.decode(encoding)
            found = _parsed(text)
            return _parsed(_HALF_SIGN.sub(r"\\ufffd", text)) if found is None else found
    return None


def _parsed(text: bytes | str) -> Json:
    with suppress(ValueError, RecursionError):
        found: Json = msgspec.json.decode(text)
        return found
    return None


# Half of an emoji, cut off by whoever shortened a text: JSON allows it, msgspec doesn't, and the rest is sound.
_HALF_SIGN = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


def _text(body: bytes, charset: str | None) -> str:
    beginning = body.removeprefix(_BOM)[: 8 * TEXT_LENGTH]  # what is cut out of it makes it shorter
    with suppress(LookupError, ValueError):
        return beginning.decode(charset or "utf-8", errors="replace")
    return beginning.decode("utf-8", errors="replace")


def _kind_of(body: bytes) -> str:
    """What stands where JSON should; not its words, which may be half an order with its buyer."""
    beginning = body.removeprefix(_BOM)[:1000].strip().lower()
    if not beginning:
        return "an empty body"
    if beginning == b"null":
        return "the literal null"
    if beginning.startswith(b"<"):
        return "an HTML page" if b"<html" in beginning else "XML"
    return f"{len(body)} bytes that are no JSON or were cut off"


def _failed_by(error: Exception, hidden: tuple[str, ...]) -> _Failed:
    text = _redacted(str(error), hidden)
    # Some errors show the whole URL in their text, or each header in their repr.
    unsafe = text != str(error) or isinstance(error, aiohttp.ClientResponseError)
    cause = aiohttp.ClientError(f"{type(error).__name__}: {text}") if unsafe else error
    match error:
        case aiohttp.ClientPayloadError():
            return _Failed(GarbledError, "the answer was cut off or can't be unpacked", cause)
        case aiohttp.ClientResponseError():
            return _Failed(GarbledError, "the answer is no sound HTTP", cause)
        case aiohttp.ConnectionTimeoutError():
            what = f"no connection within {CONNECT_S:.0f} s"
        case TimeoutError():
            what = f"no answer for {READ_S:.0f} s, or no whole one within {TOTAL_S:.0f} s"
        case aiohttp.ClientSSLError():
            what = "the server's TLS certificate or encryption is not to be trusted"
        case aiohttp.ClientConnectorDNSError():
            what = "the server's name is not known (DNS)"
        case aiohttp.ClientConnectorError():
            what = f"no connection ({error.os_error.strerror or type(error.os_error).__name__})"
        case _:
            what = f"the connection broke ({type(error).__name__})"
    return _Failed(UnreachableError, what, cause)


def _http_date(text: str | None) -> datetime | None:
    with suppress(ValueError, TypeError, OverflowError, IndexError):
        date = parsedate_to_datetime(text or "")
        date = (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
        return date if 2000 <= date.year < 2200 else None  # beyond, arithmetic can fail
    return None


def _number(text: str | None) -> float | None:
    """A number of nought or more, or None."""
    with suppress(ValueError):
        number = float(text or "")
        return number if 0 <= number < math.inf else None
    return None


def _forms(value: str) -> list[str]:
    """How a secret may come back in a platform's words: whole, its parts ("Bearer …"), escaped as in JSON or a URL."""
    parts = [value.strip(), *(part for part in value.split() if len(part) >= 8)]
    forms = {form for part in parts for form in (part, part.replace("/", "\\/"), quote(part, safe=""))}
    return [form for form in forms if len(form) >= SHORTEST_SECRET]


def _redacted(text: str, hidden: tuple[str, ...]) -> str:
    for form in sorted(hidden, key=len, reverse=True):  # a value may hold another
        text = text.replace(form, "***")
    return _EMAIL.sub("***", _QUERY.sub("?***", text))


def _quoted(text: str) -> str:
    """The platform's words as a clause in brackets, or nothing."""
    words = " ".join(_TAGS.sub(" ", text).split())
    return f" ({words[: WORDS_LENGTH - 1]}…)" if len(words) > WORDS_LENGTH else f" ({words})" if words else ""
