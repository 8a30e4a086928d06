"""One import run: cursor → pages → a transaction per page; and what else brings an order into the state."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import traceback
import zlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import assert_never

import msgspec

from crossdock.asking import ANSWER_S, MAPPING_S, answer, computed
from crossdock.clock import Clock
from crossdock.connector import AnyConnector, Page, Seen
from crossdock.errors import PluginError, RefusedError
from crossdock.events import Events
from crossdock.model import Cursor, Json, Order, Raw, order_to_json
from crossdock.state import (
    Bookmark,
    Counts,
    Finding,
    Gone,
    Held,
    PackedRaw,
    Saved,
    SetAside,
    Skip,
    State,
    Taken,
    Verdict,
    View,
)
from crossdock.threads import finished

log = logging.getLogger("crossdock.importing")

DERIVED_AT_ONCE = 250
SAVED_AT_ONCE = 1000  # views in one transaction: all stores share one writer, and more would hold the others up
AIMLESS_PAGES = 10_000
"""Pages in a row that bring nothing new and leave the cursor where it is. An honest walk reads that many only where
millions of known orders share one moment; a connector that goes round in circles never ends by itself."""
CLOSING_S = 10.0  # for a connector to tidy up when its pages are not wanted any more
_LOOKING = ThreadPoolExecutor(2, thread_name_prefix="crossdock-look")
"""For comparing, in which no plugin takes part: plugins may fill the threads that asyncio shares out, and a thread
of its own for each page costs a sixth of an idle poll."""
RAW_LEVEL = 1  # zlib's fastest: JSON shrinks to a fifth even so
LONGEST_ERROR = 300  # characters of what a mapping says about an order
REASONS_KEPT = 20  # different ones a run; a connector that words each skip anew must not fill the database
RECHECKED = 1
"""Orders fetched by id in a run because a sweep did not show them: with a second one, a run that also sweeps could take
more than twelve requests beside its lists; and the next run is minutes away."""


NO_RUN = 0
"""In place of a run's number for what is saved outside of one: no run counts it."""


class Tally:
    """What a run came to so far: `counts`, and `reasons` with how many orders were skipped for each."""

    def __init__(self, watch: Callable[[Counts], None]) -> None:
        self.counts = Counts()
        self.reasons: Counter[str] = Counter()
        self._watch = watch

    @property
    def sorted_reasons(self) -> dict[str, int]:
        """The reasons, the most frequent first."""
        return dict(self.reasons.most_common())

    def add(self, views: Sequence[View], saved: Saved) -> None:
        """One page more; whoever watches is told the counts so far."""
        self.counts += saved.counts
        for view in views:
            if isinstance(view.finding, Skip) and saved.verdicts[view.id] is Verdict.SKIPPED:
                reason = view.finding.reason
                is_told = reason in self.reasons or len(self.reasons) < REASONS_KEPT
                self.reasons[reason if is_told else "other reasons"] += 1
        self._watch(self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRun:
    """One run for one store. With `run` None it is a rehearsal: everything is read and counted, nothing written."""

    store: str
    connector: AnyConnector
    state: State
    events: Events
    clock: Clock
    derivation: str
    run: int | None
    tally: Tally
    rehearsed: dict[str, Held] = field(default_factory=dict)
    """What a rehearsal would hold by now: the walks show some orders more than once, and each counts once."""
    answer_s: float = ANSWER_S
    mapping_s: float = MAPPING_S
    aimless_pages: int = AIMLESS_PAGES
    """What the connector is given before it is taken for one that never ends."""

    async def changes(self, cursor: Cursor | None, since: datetime, swept_since: datetime | None) -> None:
        """Everything that changed after `cursor`, then some of the orders that the last sweep did not show (I8)."""
        swept = await self._walk(cursor, since, keep_cursor=False)
        if latest := swept or swept_since:
            for order_id in await self.state.unseen(self.store, latest, RECHECKED):
                await self._recheck(order_id)

    async def sweep(self, since: datetime) -> None:
        """All open orders modified after `since`; where the next import goes on stays as it is (I11)."""
        await self._walk(None, since, keep_cursor=True)

    async def order(self, order_id: str) -> None:
        """This one order, whatever its status (I11). Raises RefusedError where the store has none of that id."""
        held = (await self.state.held(self.store, [order_id])).get(order_id)
        if not await self._fetch(order_id) and not (held and held.taken):
            raise RefusedError(f"{self.store}: the store has no order {order_id}.")

    async def keep(self, seen: Seen) -> None:
        """Saves a view that was asked for on another occasion than an import, such as before a shipment (I10)."""
        await self._save([replace(seen, skip=None)], self._platform_time(), None)

    async def derive_anew(self) -> None:
        """Every held order again from its raw, without a request, after its mapping or its settings changed (I9)."""
        after = 0
        while batch := await self.state.underived(self.store, self.derivation, after, DERIVED_AT_ONCE):
            await self._derive(batch)
            after = batch[-1].key
        while batch := await self.state.underived_set_asides(self.store, self.derivation, DERIVED_AT_ONCE):
            await self._derive(batch)
        await self.state.all_derived(self.store, self.derivation)

    async def _walk(self, cursor: Cursor | None, since: datetime, *, keep_cursor: bool) -> datetime | None:
        """Saves each page while the next one is fetched, and no more: a kill repeats those two (I1).

        Tells when the sweep began that was finished, if one was. With `keep_cursor` the walk ends there.
        """
        swept, course = None, _Course(cursor, self.aimless_pages)
        async with self._closing(self._pages(cursor, since)) as pages:
            asked_at, page = self._platform_time(), await self._next(pages)
            while page is not None:
                if page.sweep_finished:
                    swept = page.swept_since
                bookmark = None if keep_cursor else _bookmark(page)
                if keep_cursor and page.sweep_finished:
                    await self._save(page.seen, asked_at, bookmark)
                    break
                following_asked_at = self._platform_time()
                try:
                    async with asyncio.TaskGroup() as group:
                        following = group.create_task(self._next_or_error(pages), name=f"fetch {self.store}")
                        await self._save(page.seen, asked_at, bookmark)
                except ExceptionGroup as failed:  # of the saving alone: the fetching gives its error as a value
                    raise failed.exceptions[0] from failed.exceptions[0].__cause__
                found = following.result()
                if isinstance(found, Exception):
                    raise found
                if found is not None and course.is_aimless(page.cursor, self.tally.counts):
                    raise self._mistake(
                        f"its last {self.aimless_pages} pages brought nothing new and left the cursor where it was"
                    )
                asked_at, page = following_asked_at, found
        return swept

    async def _pages(self, cursor: Cursor | None, since: datetime) -> AsyncGenerator[Page, None]:
        """The connector's pages, each as it is now: it is saved while the connector goes on, perhaps with its dict."""
        async with aclosing(self.connector.changes(cursor, since)) as pages:
            async for page in pages:
                yield self._sound(page)

    def _sound(self, page: object) -> Page:
        if not isinstance(page, Page):
            raise self._mistake(f"it gave a {type(page).__name__} where a Page is due")
        if not isinstance(page.seen, tuple | list):
            raise self._mistake(f"the orders of a page are a {type(page.seen).__name__} where a tuple is due")
        swept_since = page.swept_since
        if swept_since is not None and not (isinstance(swept_since, datetime) and swept_since.tzinfo):
            raise self._mistake("the time at which a sweep began is no datetime with a time zone")
        try:
            cursor: Cursor = msgspec.json.decode(msgspec.json.encode(dict(page.cursor)))
        except (TypeError, ValueError, RecursionError) as error:
            raise self._mistake(f"the cursor of a page is no JSON ({error})") from error
        return Page(tuple(page.seen), cursor, swept_since=swept_since, sweep_finished=page.sweep_finished)

    def _mistake(self, what: str) -> PluginError:
        return PluginError(
            f"{self.store}: the connector '{self.connector.name}' breaks its contract: {what}. "
            "This is a mistake in its plugin, which its author has to mend."
        )

    async def _next(self, pages: AsyncGenerator[Page, None]) -> Page | None:
        return await answer(self.connector, partial(anext, pages, None), within_s=self.answer_s)

    async def _next_or_error(self, pages: AsyncGenerator[Page, None]) -> Page | Exception | None:
        """The error as a value: a page that could not be fetched must not cancel the saving of the one before it."""
        try:
            return await self._next(pages)
        except Exception as error:
            return error

    @asynccontextmanager
    async def _closing(self, pages: AsyncGenerator[Page, None]) -> AsyncGenerator[AsyncGenerator[Page, None], None]:
        """Lets the connector tidy up after its pages, though not for ever, and whatever it makes of it."""
        try:
            yield pages
        finally:
            closed = await finished(pages.aclose, within_s=min(CLOSING_S, self.answer_s), name=f"close {self.store}")
            if closed is None or closed.cancelled() or closed.exception():
                log.warning("%s: the connector '%s' did not end tidily", self.store, self.connector.name)

    async def _recheck(self, order_id: str) -> None:
        """Asks for an order that a sweep didn't show. One that can't be had now waits for its next turn (I8)."""
        try:
            await self._fetch(order_id)
        except RefusedError as error:
            log.warning("%s", error)
            await self._save_views([View(id=order_id, as_of=self._platform_time(), finding=None)], {}, None)

    async def _fetch(self, order_id: str) -> bool:
        """Saves the order as it is now; one that is gone is cancelled, if it was held. Tells whether it is there."""
        asked_at = self._platform_time()
        seen = await answer(self.connector, partial(self.connector.fetch, order_id), within_s=self.answer_s)
        if seen is None:
            await self._save_views([View(id=order_id, as_of=asked_at, finding=Gone())], {}, None)
        else:
            await self._save([replace(seen, skip=None)], asked_at, None)
        return seen is not None

    async def _derive(self, batch: Sequence[PackedRaw]) -> None:
        views = await self._computed(partial(self._views_of, batch, self._platform_time()))
        await self._save_views(views, {}, None)

    async def _save(self, seen: Sequence[Seen], asked_at: datetime, bookmark: Bookmark | None) -> None:
        """A page too large for one transaction goes in parts, its bookmark with the last: a kill repeats it whole."""
        latest = list({one.id: one for one in seen}.values())
        while len(latest) > SAVED_AT_ONCE:
            await self._save_part(latest[:SAVED_AT_ONCE], asked_at, None)
            latest = latest[SAVED_AT_ONCE:]
        await self._save_part(latest, asked_at, bookmark)

    async def _save_part(self, seen: Sequence[Seen], asked_at: datetime, bookmark: Bookmark | None) -> None:
        if not seen:
            await self._save_views([], {}, bookmark)
            return
        rehearsed = {one.id: self.rehearsed[one.id] for one in seen if one.id in self.rehearsed}
        held = {**await self.state.held(self.store, [one.id for one in seen]), **rehearsed}
        looks = await asyncio.get_running_loop().run_in_executor(_LOOKING, self._looks, seen, held)
        if all(look.is_known or look.is_skip for look in looks):
            views = self._views(looks, asked_at)  # no mapping is asked, and there is nothing to compute
        else:
            views = await self._computed(partial(self._views, await self._completed(looks), asked_at))
        await self._save_views(views, held, bookmark)

    async def _computed(self, work: Callable[[], list[View]]) -> list[View]:
        return await computed(self.connector, work, within_s=self.mapping_s)

    async def _completed(self, looks: Sequence[_Look]) -> list[_Look]:
        """The views with all that their orders are made of, as far as they are new; without those that vanished."""
        completed = []
        for look in looks:
            seen = look.seen if look.is_known or look.is_skip else await self._complete(look.seen)
            if seen is look.seen:
                completed.append(look)
            elif seen is not None:
                completed.append(replace(look, seen=seen, canonical=b""))
        return completed

    async def _complete(self, seen: Seen) -> Seen | None:
        whole = await answer(self.connector, partial(self.connector.complete, seen), within_s=self.answer_s)
        if whole is not None and not (isinstance(whole, Seen) and whole.id == seen.id):
            raise self._mistake("what it completed is not the order that it was given")
        return whole

    async def _save_views(self, views: Sequence[View], held: Mapping[str, Held], bookmark: Bookmark | None) -> None:
        if self.run is None:
            self.rehearsed.update(self._would_hold(views, held))
            verdicts = {view.id: _verdict(view.finding, held.get(view.id)) for view in views}
            self.tally.add(views, Saved(verdicts=verdicts))
            return
        saved = await self.state.save_page(
            self.store, self.run, views, bookmark, derivation=self.derivation, at=self.clock.now()
        )
        self.tally.add(views, saved)
        log.debug("%s: saved a page of %d orders", self.store, len(views))
        if saved.counts.imported and self.events.has_listeners("order_imported"):
            await self._tell(views, saved.verdicts)

    async def _tell(self, views: Sequence[View], verdicts: Mapping[str, Verdict]) -> None:
        new = [view.finding for view in views if verdicts[view.id] is Verdict.IMPORTED]
        orders = [order_to_json(self.store, found.order) for found in new if isinstance(found, Taken)]
        await self.events.tell("order_imported", [{"store": self.store, "order": order} for order in orders])

    def _platform_time(self) -> datetime:
        """Now by the platform's clock, as best known: when a view begins for which the connector says no time (I10)."""
        return self.connector.http.server_time()

    def _looks(self, seen: Iterable[Seen], held: Mapping[str, Held]) -> list[_Look]:
        """What each view is compared by, and whether it says anything new: all computing."""
        return [self._look(one, held.get(one.id)) for one in seen]

    def _look(self, seen: Seen, held: Held | None) -> _Look:
        if seen.skip is not None and not (held and held.taken):
            digest = _digest(seen.skip.encode(errors="replace"))
            return _Look(seen, digest, is_known=held is not None and held.digest == digest, is_skip=True)
        try:
            canonical = _canonical(seen.raw)
        except (TypeError, ValueError, RecursionError) as error:  # no JSON: `_finding` sets it aside with these words
            return _Look(seen, _digest(str(error).encode(errors="replace")), is_known=False)
        digest = _digest(canonical)
        is_known = held is not None and (held.digest, held.derivation) == (digest, self.derivation)
        return _Look(seen, digest, canonical=canonical, is_known=is_known)

    def _views_of(self, batch: Sequence[PackedRaw], asked_at: datetime) -> list[View]:
        """The views of raws that are held, each by the digest it was saved with."""
        looks = [
            _Look(Seen(packed.order_id, unpack(packed.raw), as_of=packed.as_of), packed.digest, is_known=False)
            for packed in batch
        ]
        return self._views(looks, asked_at)

    def _views(self, looks: Sequence[_Look], asked_at: datetime) -> list[View]:
        """What each view comes to, by the connector's mapping where it is new."""
        return [View(id=look.seen.id, as_of=look.seen.as_of or asked_at, finding=self._finding(look)) for look in looks]

    def _finding(self, look: _Look) -> Finding | None:
        if look.is_known:
            return None
        seen = look.seen
        if look.is_skip and seen.skip is not None:
            return Skip(reason=_whole_signs(seen.skip), digest=look.digest)
        canonical = look.canonical
        try:
            canonical = canonical or _canonical(seen.raw)
            order = understood(self.connector, seen)
        except BaseException as error:  # whatever a mapping raises sets this one order aside; the others go through
            words = _whole_signs(f"{type(error).__name__}: {error}"[:LONGEST_ERROR])
            place = traceback.extract_tb(error.__traceback__)[-1]  # without the error's words, which may quote a buyer
            log.debug(
                "%s: order %s: %s at %s:%s", self.store, seen.id, type(error).__name__, place.filename, place.lineno
            )
            return SetAside(error=words, raw=pack(canonical or b"{}"), digest=look.digest)
        return Taken(order=order, raw=pack(canonical), digest=look.digest)

    def _would_hold(self, views: Sequence[View], held: Mapping[str, Held]) -> Iterator[tuple[str, Held]]:
        for view in views:
            if isinstance(view.finding, Taken | Skip | SetAside):
                known = held.get(view.id)
                is_taken = isinstance(view.finding, Taken) or (known is not None and known.taken)
                digest = view.finding.digest
                yield view.id, Held(taken=is_taken, digest=digest, derivation=self.derivation, as_of=view.as_of)


class _Course:
    """Whether a walk gets anywhere: it goes on from `cursor`, and may stay where it is for so many pages."""

    def __init__(self, cursor: Cursor | None, patience: int) -> None:
        self._cursor = cursor
        self._news = 0
        self._pages = 0
        self._patience = patience

    def is_aimless(self, cursor: Cursor, counts: Counts) -> bool:
        """Whether the walk, after one page more, has been too long without news and with this same cursor."""
        news = counts.imported + counts.updated + counts.skipped + counts.set_aside
        is_moving = news != self._news or cursor != self._cursor
        self._cursor, self._news = cursor, news
        self._pages = 0 if is_moving else self._pages + 1
        return self._pages >= self._patience


@dataclass(frozen=True, slots=True)
class _Look:
    """A view before it is understood: what it is compared by, and whether that is what is held already.

    `canonical` is its raw as JSON, where that is made already.
    """

    seen: Seen
    digest: bytes
    is_known: bool
    is_skip: bool = False
    canonical: bytes = b""


def understood(connector: AnyConnector, seen: Seen) -> Order:
    """The order that a view shows. Whatever the connector's mapping raises is raised, and ValueError."""
    order = _checked(connector.order_from_raw(seen.raw))
    if order.id != seen.id:
        raise ValueError("its raw gives an order of another id")
    return order


def derivation_of(connector: AnyConnector) -> str:
    """Names the mapping: two orders derived under the same name from the same raw are the same (I9)."""
    settings = hashlib.blake2b(_canonical(connector.order_settings()), digest_size=8).hexdigest()
    return f"{connector.name}/{connector.mapping_version}/{settings}"


def _bookmark(page: Page) -> Bookmark:
    return Bookmark(cursor=page.cursor, swept_since=page.swept_since, sweep_finished=page.sweep_finished)


def _verdict(finding: Finding | None, held: Held | None) -> Verdict:
    match finding:
        case None:
            return Verdict.UNCHANGED
        case Taken():
            return Verdict.UPDATED if held and held.taken else Verdict.IMPORTED
        case Gone():
            return Verdict.UPDATED
        case Skip():
            return Verdict.SKIPPED
        case SetAside():
            return Verdict.SET_ASIDE
        case _:
            assert_never(finding)


def _whole_signs(text: str) -> str:
    """The text without the halves of signs, which no database takes."""
    return text.encode(errors="replace").decode()


def _canonical(value: Mapping[str, Json]) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def _checked(order: Order) -> Order:
    """The order with every field of its type: what a mapping gave, through JSON and back. Raises ValueError."""
    return _decode_order(_encode_order(order))


_encode_order = msgspec.json.Encoder(enc_hook=dict).encode  # the hook is asked for the read-only mappings alone
_decode_order = msgspec.json.Decoder(Order).decode


def pack(canonical: bytes) -> bytes:
    """Raw JSON, compressed."""
    return zlib.compress(canonical, RAW_LEVEL)


def unpack(packed: bytes) -> Raw:
    """The JSON object that `pack` compressed."""
    raw: Raw = msgspec.json.decode(zlib.decompress(packed))
    return raw
