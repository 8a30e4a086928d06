"""One import run: cursor → pages → a transaction per page; and what else brings an order into the state."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import zlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

import msgspec

from crossdock.clock import Clock
from crossdock.connector import AnyConnector, Page, Seen
from crossdock.errors import RefusedError
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

log = logging.getLogger("crossdock.importing")

DERIVED_AT_ONCE = 250
RAW_LEVEL = 1  # zlib's fastest: JSON shrinks to a fifth even so
LONGEST_ERROR = 300  # characters of what a mapping says about an order
REASONS_KEPT = 20  # different ones a run; a connector that words each skip anew must not fill the database
RECHECKED = 1
"""Orders fetched by id in a run because a sweep did not show them: with a second one, a run that also sweeps could take
more than twelve requests beside its lists; and the next run is minutes away."""


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

    async def changes(self, cursor: Cursor | None, since: datetime, swept_since: datetime | None) -> None:
        """Everything that changed after `cursor`, then some of the orders that the last sweep did not show (I8)."""
        finished = await self._walk(self.connector.changes(cursor, since), keep_cursor=False)
        if latest := finished or swept_since:
            for order_id in await self.state.unseen(self.store, latest, RECHECKED):
                await self._recheck(order_id)

    async def sweep(self, since: datetime) -> None:
        """All open orders modified after `since`; where the next import goes on stays as it is (I11)."""
        await self._walk(self.connector.changes(None, since), keep_cursor=True)

    async def order(self, order_id: str) -> None:
        """This one order, whatever its status (I11). Raises RefusedError where the store has none of that id."""
        held = (await self.state.held(self.store, [order_id])).get(order_id)
        if not await self._fetch(order_id) and not (held and held.taken):
            raise RefusedError(f"{self.store}: the store has no order {order_id}.")

    async def derive_anew(self) -> None:
        """Every held order again from its raw, without a request, after its mapping or its settings changed (I9)."""
        after = 0
        while batch := await self.state.underived(self.store, self.derivation, after, DERIVED_AT_ONCE):
            await self._derive(batch)
            after = batch[-1].key
        while batch := await self.state.underived_set_asides(self.store, self.derivation, DERIVED_AT_ONCE):
            await self._derive(batch)
        await self.state.all_derived(self.store, self.derivation)

    async def _walk(self, pages: AsyncGenerator[Page, None], *, keep_cursor: bool) -> datetime | None:
        """Saves each page while the next one is fetched, and no more: a kill repeats those two (I1).

        Tells when the sweep began that was finished, if one was. With `keep_cursor` the walk ends there.
        """
        finished = None
        async with aclosing(pages):
            asked_at, page = self._platform_time(), await anext(pages, None)
            while page is not None:
                if page.sweep_finished:
                    finished = page.swept_since
                bookmark = None if keep_cursor else _bookmark(page)
                if keep_cursor and page.sweep_finished:
                    await self._save(page.seen, asked_at, bookmark)
                    break
                following_asked_at = self._platform_time()
                try:
                    async with asyncio.TaskGroup() as group:
                        following = group.create_task(_next_or_error(pages), name=f"fetch {self.store}")
                        await self._save(page.seen, asked_at, bookmark)
                except ExceptionGroup as failed:  # of the saving alone: the fetching gives its error as a value
                    raise failed.exceptions[0] from failed.exceptions[0].__cause__
                found = following.result()
                if isinstance(found, Exception):
                    raise found
                asked_at, page = following_asked_at, found
        return finished

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
        seen = await self.connector.fetch(order_id)
        if seen is None:
            await self._save_views([View(id=order_id, as_of=asked_at, finding=Gone())], {}, None)
        else:
            await self._save([replace(seen, skip=None)], asked_at, None)
        return seen is not None

    async def _derive(self, batch: Sequence[PackedRaw]) -> None:
        await self._save_views(await asyncio.to_thread(self._views_of, batch, self._platform_time()), {}, None)

    async def _save(self, seen: Sequence[Seen], asked_at: datetime, bookmark: Bookmark | None) -> None:
        latest = {one.id: one for one in seen}
        rehearsed = {id: self.rehearsed[id] for id in latest if id in self.rehearsed}
        held = {**await self.state.held(self.store, list(latest)), **rehearsed}
        looks = await asyncio.to_thread(self._looks, latest.values(), held)
        views = await asyncio.to_thread(self._views, await self._completed(looks), asked_at)
        await self._save_views(views, held, bookmark)

    async def _completed(self, looks: Sequence[_Look]) -> list[_Look]:
        """The views with all that their orders are made of, as far as they are new; without those that vanished."""
        completed = []
        for look in looks:
            seen = look.seen if look.is_known or look.is_skip else await self.connector.complete(look.seen)
            if seen is look.seen:
                completed.append(look)
            elif seen is not None:
                completed.append(replace(look, seen=seen, canonical=b""))
        return completed

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
        log.info("%s: saved a page of %d orders", self.store, len(views))
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
        """What each view is compared by, and whether it says anything new. Runs in a thread: it is all computing."""
        return [self._look(one, held.get(one.id)) for one in seen]

    def _look(self, seen: Seen, held: Held | None) -> _Look:
        if seen.skip is not None and not (held and held.taken):
            digest = _digest(seen.skip.encode(errors="replace"))
            return _Look(seen, digest, is_known=held is not None and held.digest == digest, is_skip=True)
        try:
            canonical = _canonical(seen.raw)
        except (TypeError, ValueError) as error:  # no JSON object: `_finding` sets it aside with the same words
            return _Look(seen, _digest(str(error).encode(errors="replace")), is_known=False)
        digest = _digest(canonical)
        is_known = held is not None and (held.digest, held.derivation) == (digest, self.derivation)
        return _Look(seen, digest, canonical=canonical, is_known=is_known)

    def _views_of(self, batch: Sequence[PackedRaw], asked_at: datetime) -> list[View]:
        """The views of raws that are held, each by the digest it was saved with. Runs in a thread, too."""
        looks = [
            _Look(Seen(packed.order_id, unpack(packed.raw), as_of=packed.as_of), packed.digest, is_known=False)
            for packed in batch
        ]
        return self._views(looks, asked_at)

    def _views(self, looks: Sequence[_Look], asked_at: datetime) -> list[View]:
        """What each view comes to. Runs in a thread: it is all computing."""
        return [View(id=look.seen.id, as_of=look.seen.as_of or asked_at, finding=self._finding(look)) for look in looks]

    def _finding(self, look: _Look) -> Finding | None:
        if look.is_known:
            return None
        seen = look.seen
        if look.is_skip and seen.skip is not None:
            return Skip(reason=seen.skip, digest=look.digest)
        canonical = look.canonical
        try:
            canonical = canonical or _canonical(seen.raw)
            order = _checked(self.connector.order_from_raw(seen.raw))
            if order.id != seen.id:
                raise ValueError("its raw gives an order of another id")
        except Exception as error:  # whatever a mapping raises sets this one order aside and lets the others go through
            words = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
            return SetAside(error=words, raw=pack(canonical or b"{}"), digest=look.digest)
        return Taken(order=order, raw=pack(canonical), digest=look.digest)

    def _would_hold(self, views: Sequence[View], held: Mapping[str, Held]) -> Iterator[tuple[str, Held]]:
        for view in views:
            if isinstance(view.finding, Taken | Skip | SetAside):
                known = held.get(view.id)
                is_taken = isinstance(view.finding, Taken) or (known is not None and known.taken)
                digest = view.finding.digest
                yield view.id, Held(taken=is_taken, digest=digest, derivation=self.derivation, as_of=view.as_of)


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


def derivation_of(connector: AnyConnector) -> str:
    """Names the mapping: two orders derived under the same name from the same raw are the same (I9)."""
    settings = hashlib.blake2b(_canonical(connector.order_settings()), digest_size=8).hexdigest()
    return f"{connector.name}/{connector.mapping_version}/{settings}"


def _bookmark(page: Page) -> Bookmark:
    return Bookmark(cursor=page.cursor, swept_since=page.swept_since, sweep_finished=page.sweep_finished)


async def _next_or_error(pages: AsyncGenerator[Page, None]) -> Page | Exception | None:
    """The error as a value: a page that could not be fetched must not cancel the saving of the one before it."""
    try:
        return await anext(pages, None)
    except Exception as error:
        return error


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
