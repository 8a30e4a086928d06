"""Telling a store of one shipment: look, send what is missing, look, set the status, look (rules W4 to W8, W10).

Each request is recorded before it's made. So whoever goes on after a kill, or after an answer was lost, knows what may
have happened, and finds out at the store before anything is sent again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypedDict, TypeVar, Unpack

from crossdock.asking import answer
from crossdock.boundary import boundary
from crossdock.clock import Clock
from crossdock.config import StoreConfig
from crossdock.connector import AnyConnector
from crossdock.errors import (
    ActionNeededError,
    CrossdockError,
    RateLimitedError,
    RefusedError,
    RetryableError,
    StateError,
    clause,
)
from crossdock.matching import most_to_ship, ours, own_units, progress_of, twins_of
from crossdock.model import Status, instant
from crossdock.shipment import Receipt, Shipment, StoreShipment, StoreView, folded
from crossdock.state import State
from crossdock.state.shipments import Details, Step, WriteBack, WriteBackState

log = logging.getLogger("crossdock.writeback")
T = TypeVar("T")

ANSWER_S = 180.0  # for one answer about a shipment: somebody at a packing bench waits for it
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=5)
CORRECTIONS = 4  # attempts after which a number that a store takes and doesn't show is left at that
TOLD_TRIES = 12
"""Tries that each leave a line in the timeline. From then on it's every twelfth, which is once an hour, unless there is
something new to tell: a store that is gone for good must not fill the database."""


class OvertakenError(Exception):
    """Somebody else has changed the shipment in between: it's begun again with what is kept now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What telling a store takes, the same for each of its shipments.

    `look` asks the store how an order stands, and keeps that; None where the order is gone. `release` tells the carrier
    that a parcel isn't going, and gives what is to be known of that.
    """

    store: StoreConfig
    connector: AnyConnector
    state: State
    clock: Clock
    settle: timedelta
    look: Callable[[str], Awaitable[StoreView | None]]
    release: Callable[[WriteBack], Awaitable[str | None]]


async def tell_store(desk: Desk, row: WriteBack, others: Sequence[WriteBack]) -> WriteBack:
    """The shipment as it is after one attempt: finished, or with the time of the next one.

    `others` are the other shipments of its order. What the store or its platform has against it for now is kept as the
    reason, and raised. Raises OvertakenError, ConnectorError, PluginError, StateError.
    """
    attempt = _Attempt(desk, row, others)
    try:
        await attempt.run()
    except StateError:
        raise
    except CrossdockError as error:
        await attempt.postpone(error)
        raise
    return attempt.row


async def put_off(desk: Desk, row: WriteBack, error: CrossdockError) -> None:
    """Keeps why a shipment wasn't turned to: what stands in the way is the store's, whatever the shipment."""
    attempt = _Attempt(desk, replace(row, attempts=row.attempts + 1), ())
    with suppress(OvertakenError):
        await attempt.postpone(error)


def wait_after(attempts: int) -> timedelta:
    """How long until the next attempt after so many: 1 s, 2 s, 4 s … at most 5 minutes (rule W7)."""
    return min(FIRST_WAIT * 2.0 ** min(attempts - 1, 30), LONGEST_WAIT)


class _Changes(TypedDict, total=False):
    """What an attempt may change of a shipment."""

    state: WriteBackState
    is_voiding: bool
    step: Step | None
    attempts: int
    next_try: datetime | None
    reason: str | None
    first_look: StoreView | None
    sending_at: datetime | None
    sent_number: str | None
    store_id: str | None
    status_set: str | None
    shown_as_of: datetime | None


class _Attempt:
    """One attempt; `row` is the shipment as it was last saved.

    A step gives what the store shows after it, or None where the rest has to wait or where there is no rest.
    """

    def __init__(self, desk: Desk, row: WriteBack, others: Sequence[WriteBack]) -> None:
        self.row = row
        self._desk = desk
        self._others = [other for other in others if other.id != row.id]
        self._notes: list[str] = []
        self._is_released = False

    async def run(self) -> None:
        was_told = self.row.was_told
        await self._begin()
        if self.row.is_voiding and not was_told:
            await self._end(WriteBackState.VOIDED)
            return
        now = await self._look()
        if now is not None:
            now = await (self._absent(now) if self.row.is_voiding else self._present(now))
        if now is not None:
            now = await self._status(now)
        if now is not None:
            await self._done(now)

    async def postpone(self, error: CrossdockError) -> None:
        """Keeps why it failed, and when it's tried again. Nothing is open but what is recorded."""
        await self._wait(self.row.state, clause(error, self.row.store), kind=type(error).__name__)

    async def _begin(self) -> None:
        """Of a request whose answer never came only the store can tell (rule W6)."""
        attempts = self.row.attempts + 1
        match self.row.step:
            case Step.SEND:
                reason = "crossdock ended while it was being sent; the store is asked whether it arrived."
                event = self._event("waiting", state=WriteBackState.UNCERTAIN.value, reason=reason)
                await self._save(
                    event,
                    state=WriteBackState.UNCERTAIN,
                    reason=reason,
                    attempts=attempts,
                    sending_at=self._sent_until(),
                )
            case Step.STATUS:
                await self._save(status_set=None, attempts=attempts)
            case _:
                await self._save(attempts=attempts)

    # --- looking ---

    async def _look(self) -> StoreView | None:
        await self._save(step=Step.LOOK)
        now = await self._desk.look(self.row.shipment.order_id)
        if now is None:
            await self._gone()
            return None
        first = self.row.first_look or now
        await self._save(step=None, first_look=first)
        return now

    async def _gone(self) -> None:
        words = "the store has no such order any more"
        if self.row.is_voiding or self.row.shown_as_of is not None:
            self._notes.append(words)
            await self._end(WriteBackState.VOIDED if self.row.is_voiding else WriteBackState.CONFIRMED)
        else:
            await self._refuse(words)

    async def _shown(self, now: StoreView) -> StoreShipment | None:
        """This shipment as the store shows it, from now on known by the store's id (rule W5)."""
        found = ours(now, self.row, self._others)
        if not found:
            return None
        if self.row.shown_as_of is None:
            # Of one that it has answered for the store may show the number in its own way, which is nothing to mend.
            number = (found[0].tracking_number or "") if self.row.store_id is None else self.row.sent_number
            event = self._event("shown", store_shipment=found[0].id, tracking_number=found[0].tracking_number)
            await self._save(
                event,
                state=WriteBackState.SENT,
                store_id=found[0].id,
                shown_as_of=now.as_of,
                sent_number=number,
                sending_at=None,
                reason=None,
            )
        return found[0]

    def _is_settled(self, now: StoreView) -> bool:
        """Whether what was sent would be seen by now, if it had arrived (rule W6): by the platform's own clock."""
        return self.row.sending_at is None or now.as_of - self.row.sending_at > self._desk.settle

    async def _watch(self, state: WriteBackState, reason: str, now: StoreView) -> None:
        """Looks again later, and once more as soon as it's settled."""
        assert self.row.sending_at is not None
        rest = self.row.sending_at + self._desk.settle - now.as_of + timedelta(seconds=1)
        await self._wait(state, reason, at_most=max(rest, FIRST_WAIT))

    # --- being there ---

    async def _present(self, now: StoreView) -> StoreView | None:
        if self.row.sets_aside:
            was_told = self.row.shown_as_of is not None
            return now if was_told or await self._may_leave(now) else None
        shown = await self._shown(now)
        if shown is not None:
            return await self._corrected(now, shown)
        return await self._not_shown(now)

    async def _not_shown(self, now: StoreView) -> StoreView | None:
        """What follows where a look doesn't show it: it's sent, unless it was, or was seen before."""
        if self.row.shown_as_of is not None:
            if now.as_of - self.row.shown_as_of > self._desk.settle:
                return await self._taken_back_there(now)
            await self._wait(WriteBackState.SENT, "the store has shown it and doesn't at the moment")
            return None
        if not self._is_settled(now):
            if self.row.store_id is None:
                await self._watch(WriteBackState.UNCERTAIN, "it was sent, and the store doesn't show it yet", now)
            else:
                words = f"the store took it as {self.row.store_id} and doesn't show it yet"
                await self._watch(WriteBackState.SENT, words, now)
            return None
        if self.row.store_id is not None:
            await self._refuse(
                f"the store took it as {self.row.store_id} and doesn't show it: somebody may have taken it back there. "
                "Ship it again if it's to leave"
            )
            return None
        return await self._send(now) if await self._may_leave(now) else None

    async def _may_leave(self, now: StoreView) -> bool:
        """Whether the store still has its units to ship, and lets them go; it's refused where not."""
        if lacking := self._lacking(now):
            shipped = [one for one in now.shipments if lacking.intersection(item.line for item in one.items)]
            there = "; ".join(_in_words(one) for one in shipped) or "no shipment of it is shown there"
            await self._refuse(
                f"the store has not that many units left of line {', '.join(sorted(lacking))}. It shows: {there}. This "
                f"one is {_in_words(self.row.shipment)}. If this one is true, delete the other in the store and retry "
                "this one"
            )
            return False
        if not now.shipping_allowed:
            await self._refuse(f"the order stands at {now.status.name} in the store, which doesn't let it be shipped")
            return False
        return True

    def _lacking(self, now: StoreView) -> set[str]:
        aside = [other for other in self._others if other.sets_aside or other.id < self.row.id]
        own = own_units(now, aside)
        counts = {line.line: line for line in now.lines if line.consignment == self.row.shipment.consignment}
        return {
            item.line
            for item in self.row.shipment.items
            if item.line not in counts or item.quantity > most_to_ship(now, own, counts[item.line])
        }

    async def _send(self, now: StoreView) -> StoreView | None:
        shipment, before = self.row.shipment, self.row
        sending_at = max(self._desk.connector.http.server_time(), now.as_of)
        await self._save(step=Step.SEND, sending_at=sending_at, sent_number=shipment.tracking_number or "")
        try:
            receipt = await self._sent(shipment)
        except RefusedError as error:
            return await self._refused_by_the_store(error)
        except (ActionNeededError, RateLimitedError):  # nothing was done; an earlier sending may still arrive
            await self._save(step=None, sending_at=before.sending_at, sent_number=before.sent_number)
            raise
        except CrossdockError as error:  # a mistake in the connector too: whether it arrived is open
            await self._save(step=None, sending_at=self._sent_until())
            await self._wait(WriteBackState.UNCERTAIN, clause(error, self.row.store), kind=type(error).__name__)
            return None
        event = self._event("sent", store_shipment=receipt.id, tracking_number=shipment.tracking_number)
        await self._save(event, step=None, state=WriteBackState.SENT, store_id=receipt.id, reason=None)
        after = await self._look()
        return None if after is None else await self._present(after)

    async def _sent(self, shipment: Shipment) -> Receipt:
        async with boundary(self._desk.store):
            receipt = await answer(
                self._desk.connector, partial(self._desk.connector.send, shipment), within_s=ANSWER_S
            )
            if not isinstance(receipt, Receipt):
                raise TypeError(f"{type(receipt).__name__} where a Receipt is due")
            return receipt

    def _sent_until(self) -> datetime:
        """The platform's time up to which what was recorded may have gone out: pauses that it asked for come first."""
        assert self.row.sending_at is not None
        latest = self.row.sending_at + timedelta(seconds=ANSWER_S)
        return max(self.row.sending_at, min(self._desk.connector.http.server_time(), latest))

    async def _refused_by_the_store(self, error: RefusedError) -> StoreView | None:
        """Refused for good, unless that is because an earlier try has arrived after all."""
        await self._save(step=None)
        now = await self._look()
        if now is None:
            return None
        shown = await self._shown(now)
        if shown is not None:
            return await self._corrected(now, shown)
        await self._save(sending_at=None)
        await self._refuse(clause(error, self.row.store))
        return None

    async def _corrected(self, now: StoreView, shown: StoreShipment) -> StoreView | None:
        """The store shows the number that the parcel has now: one that was changed here is changed there (rule W10)."""
        wanted = self.row.shipment.tracking_number or ""
        if folded(self.row.sent_number) == folded(wanted):
            return now
        if folded(shown.tracking_number) != folded(wanted):
            await self._save(step=Step.CORRECT, sent_number=None)  # it may arrive, whatever is answered
            try:
                await self._ask(partial(self._desk.connector.correct, shown.id, self.row.shipment))
            except RefusedError as error:
                await self._save(step=None)
                self._warn(
                    f"the store keeps the number {shown.tracking_number or '(none)'}: {clause(error, self.row.store)}"
                )
                return now
            after = await self._look()
            if after is None:
                return None
            found = next(iter(ours(after, self.row, self._others)), shown)
            if folded(found.tracking_number) != folded(wanted):
                if self.row.attempts < CORRECTIONS:
                    await self._wait(WriteBackState.SENT, "the store doesn't show the new tracking number yet")
                    return None
                self._warn(f"the store took the new tracking number, and still shows {found.tracking_number}")
            now = after
        await self._save(self._event("corrected", tracking_number=wanted or None), step=None, sent_number=wanted)
        return now

    async def _taken_back_there(self, now: StoreView) -> StoreView:
        self._warn("somebody has taken it back in the store")
        self._is_released = True  # or not, at its carrier: nobody here has asked for that
        await self._save(is_voiding=True)
        return now

    # --- being taken back ---

    async def _absent(self, now: StoreView) -> StoreView | None:
        if self.row.sets_aside:
            return now
        shown = await self._shown(now)
        if shown is None:
            if self.row.shown_as_of is None and not self._is_settled(now):
                words = "it was sent and isn't shown yet; it's taken back as soon as it is"
                await self._watch(self.row.state, words, now)
                return None
            return now
        await self._save(step=Step.VOID)
        try:
            await self._ask(partial(self._desk.connector.void, self.row.shipment.order_id, shown.id))
        except RefusedError as error:
            await self._save(step=None, is_voiding=False)
            self._warn(f"it can't be taken back: {clause(error, self.row.store)}")
            return now
        after = await self._look()
        if after is not None and ours(after, self.row, self._others):
            await self._wait(WriteBackState.SENT, "it was taken back, and the store still shows it")
            return None
        return after

    # --- the order's status ---

    async def _status(self, now: StoreView) -> StoreView | None:
        """The order stands where it should, or where somebody wants it to (rule W8)."""
        connector, row = self._desk.connector, self.row
        assert row.first_look is not None
        progress = progress_of(now, [*self._others, row])
        # Where nothing stands any more, the order goes back to what it was before the first of its shipments.
        before = row.first_look if progress.sent or progress.waiting else self._before()
        async with boundary(self._desk.store):
            target = connector.target_status(before, now, progress)
            own = frozenset(connector.own_statuses())
        if target is None or target.id == now.status.id:
            return now
        if now.status.id not in {row.first_look.status.id, *own}:
            self._warn(f"the order stands at {now.status.name}, which somebody chose in the store: it's left at that")
            return now
        if row.status_set == target.id:
            self._warn(f"the order was set to {target.name} and stands at {now.status.name}: it's left at that")
            return now
        return await self._set_status(now, target)

    async def _set_status(self, now: StoreView, target: Status) -> StoreView | None:
        await self._save(step=Step.STATUS, status_set=target.id)
        try:
            await self._ask(partial(self._desk.connector.set_status, self.row.shipment.order_id, target.id))
        except RefusedError as error:
            await self._save(step=None)
            self._warn(f"the order stays at {now.status.name}: {clause(error, self.row.store)}")
            return now
        except (ActionNeededError, RateLimitedError):
            await self._save(step=None, status_set=None)
            raise
        await self._save(self._event("status_set", status=[now.status.name, target.name]), step=None)
        after = await self._look()
        if after is not None and after.status.id != target.id:
            await self._wait(self._told, f"the order was set to {target.name}, and the store doesn't show that yet")
            return None
        return after

    def _before(self) -> StoreView:
        """How the order was before anything of what we sent or set aside of it, and that stood together."""
        looks = {row.id: row.first_look for row in [*self._others, self.row] if row.episode == self.row.episode}
        return next(look for _, look in sorted(looks.items()) if look is not None)

    # --- the end of an attempt ---

    @property
    def _told(self) -> WriteBackState:
        """The state of what the store knows already and isn't done with."""
        return WriteBackState.PENDING if self.row.sets_aside else WriteBackState.SENT

    async def _done(self, now: StoreView) -> None:
        if self.row.is_voiding and ours(now, self.row, self._others):
            await self._wait(WriteBackState.SENT, "it was taken back, and the store shows it again")
            return
        if not self.row.is_voiding and (twins := twins_of(now, self.row, self._others)):
            listed = " and ".join(twin.id for twin in twins)
            self._warn(f"the store shows it once more, as {listed}; take one of them back there")
        if self.row.shown_as_of is None:
            await self._save(shown_as_of=now.as_of)
        state = WriteBackState.VOIDED if self.row.is_voiding else WriteBackState.CONFIRMED
        await self._end(state, status=now.status.name, as_of=instant(now.as_of))

    async def _end(self, state: WriteBackState, **evidence: object) -> None:
        if state is WriteBackState.VOIDED and not self._is_released:
            try:
                words = await self._desk.release(self.row)
            except RetryableError as error:  # the carrier's trouble, which isn't the store's: raised it would stop all
                await self._wait(self.row.state, clause(error, self.row.store), kind=type(error).__name__)
                return
            if words:
                self._warn(words)
        reason = f"{'; '.join(self._notes)}." if self._notes else None
        told = {"store_shipment": self.row.store_id, "tracking_number": self.row.shipment.tracking_number}
        event = self._event(state.value, **told, **evidence, reason=reason)
        await self._save(event, state=state, step=None, next_try=None, reason=reason, status_set=None)
        log.info("%s: shipment %d of order %s: %s", self.row.store, self.row.id, self.row.number, state.value)

    async def _refuse(self, words: str) -> None:
        reason = f"{words}."
        event = self._event("refused", reason=reason)
        log.error("%s: shipment %d of order %s was refused: %s", self.row.store, self.row.id, self.row.number, reason)
        await self._save(event, state=WriteBackState.REFUSED, step=None, next_try=None, reason=reason)

    async def _wait(
        self, state: WriteBackState, reason: str, *, kind: str | None = None, at_most: timedelta = LONGEST_WAIT
    ) -> None:
        attempts = self.row.attempts
        reason = f"{reason}."
        is_other = _without_figures(reason) != _without_figures(self.row.reason or "")
        is_news = is_other or attempts <= TOLD_TRIES or attempts % TOLD_TRIES == 0
        event = self._event("waiting", state=state.value, error=kind, reason=reason)
        next_try = self._desk.clock.now() + min(wait_after(attempts), at_most)
        if is_other:
            log.warning("%s: shipment %d of order %s waits: %s", self.row.store, self.row.id, self.row.number, reason)
        await self._save(*([event] if is_news else []), state=state, reason=reason, next_try=next_try)

    def _warn(self, words: str) -> None:
        self._notes.append(words)
        log.warning("%s: shipment %d of order %s: %s", self.row.store, self.row.id, self.row.number, words)

    async def _ask(self, ask: Callable[[], Awaitable[T]]) -> T:
        async with boundary(self._desk.store):
            return await answer(self._desk.connector, ask, within_s=ANSWER_S)

    async def _save(self, *events: tuple[str, Details], **changes: Unpack[_Changes]) -> None:
        saved = await self._desk.state.advance(replace(self.row, **changes), events, self._desk.clock.now())
        if saved is None:
            raise OvertakenError
        self.row = saved

    def _event(self, event: str, **details: object) -> tuple[str, Details]:
        known = {name: value for name, value in details.items() if value is not None}
        request = self._desk.connector.http.counts.last_request_id
        about = {"shipment": self.row.id, "attempt": self.row.attempts, **known}
        return event, {**about, "request": request} if request else about


def _in_words(shipment: Shipment | StoreShipment) -> str:
    """`2 × 901, 33ABC0000001`."""
    units = " and ".join(f"{item.quantity} × {item.line}" for item in shipment.items)
    return f"{units}, {shipment.tracking_number or 'without a number'}"


def _without_figures(words: str) -> str:
    """A reason without its numbers: "try again in 40 s" is no news after "try again in 41 s"."""
    return re.sub(r"[0-9]+", "", words)
