"""What the engine asks of storage. Values in, values out: storage knows no connector and no HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from crossdock.model import Cursor, Order, Stage, instant
from crossdock.state.listing import Facets, Listed, ListQuery
from crossdock.state.shipments import AskedCarrier, Details, Parcel, WriteBack, WriteBackState

LARGEST_ID = 2**63 - 1  # that a database can hold


class RunKind(StrEnum):
    """What a run was asked to do."""

    CHANGES = "changes"
    DAYS = "days"
    ORDER = "order"


class Outcome(StrEnum):
    """How a run ended; a run without one is still going on."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    KILLED = "killed"


class Verdict(StrEnum):
    """What saving one view of an order came to."""

    IMPORTED = "imported"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    SET_ASIDE = "set_aside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many views of orders came to which verdict, and in how many pages."""

    imported: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    set_aside: int = 0
    pages: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in Counts.__slots__})

    def in_words(self) -> str:
        """`12 imported, 3 updated, 0 unchanged, 5 skipped`."""
        words = (
            f"{self.imported:,} imported, {self.updated:,} updated, "
            f"{self.unchanged:,} unchanged, {self.skipped:,} skipped"
        )
        return f"{words}, {self.set_aside:,} set aside" if self.set_aside else words


def counts_of(verdicts: Iterable[Verdict]) -> Counts:
    """The counts of one page of views."""
    return Counts(**{verdict.value: count for verdict, count in Counter(verdicts).items()}, pages=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What a run asked of the platform: tries, repeated tries, seconds spent waiting, and the last answer's id."""

    requests: int = 0
    retries: int = 0
    waited_s: float = 0.0
    last_request_id: str | None = None
    quota_left: int | None = None

    def in_words(self) -> str:
        """`12 requests`."""
        return f"{self.requests} request{'' if self.requests == 1 else 's'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose account on the platform a store is bound to: `identity` for good, `name` as it is now."""

    identity: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a run failed: the name of the error's class, which says what is to be done, and its words."""

    kind: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a store's import, as recorded. `reasons` tell how many orders were skipped for which one."""

    id: int
    store: str
    kind: RunKind
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    counts: Counts
    traffic: Traffic
    reasons: Mapping[str, int]
    failure: Failure | None
    folded: int = 0
    """How many runs before it, all of them without anything new, this one stands for as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOfRuns:
    """What the runs of a store that ended on a day (UTC) came to."""

    day: date
    store: str
    imported: int
    updated: int
    failed: int
    runs: int


class StoreState(StrEnum):
    """How a store stands, in the words of the reference."""

    OK = "ok"
    RETRYING = "retrying"
    NEEDS_CREDENTIALS = "needs_credentials"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a store stands after its last import, and whether it is paused.

    `health` is what its imports came to, `since` when it became well, or when the first of its failures in a row was.
    `failure` is why it isn't `ok`, `failures` counts them, and `next_try` is when the next import after one is due.
    """

    store: str
    health: StoreState
    since: datetime
    failure: Failure | None = None
    failures: int = 0
    next_try: datetime | None = None
    paused_at: datetime | None = None

    @property
    def state(self) -> StoreState:
        """What people are shown: a paused store is `paused`, whatever its imports came to."""
        return self.health if self.paused_at is None else StoreState.PAUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A run that begins, and how its store stood then."""

    run: int
    standing: Standing | None


def run_to_json(run: Run) -> dict[str, object]:
    """A run as the JSON that plugins' events and `--json` outputs show."""
    return {
        "id": run.id or None,  # a rehearsal has none
        "store": run.store,
        "kind": run.kind.value,
        "started_at": instant(run.started_at),
        "ended_at": run.ended_at and instant(run.ended_at),
        "outcome": run.outcome and run.outcome.value,
        "imported": run.counts.imported,
        "updated": run.counts.updated,
        "unchanged": run.counts.unchanged,
        "skipped": run.counts.skipped,
        "reasons": dict(run.reasons),
        "set_aside": run.counts.set_aside,
        "folded": run.folded,
        "requests": run.traffic.requests,
        "retries": run.traffic.retries,
        "waited_s": run.traffic.waited_s,
        "quota_left": run.traffic.quota_left,
        "error": run.failure and run.failure.words,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRecord:
    """What is kept about a store. `derivation` is the mapping that all its orders were last derived with."""

    name: str
    connector: str
    identity: str
    account_name: str
    cursor: Cursor | None
    swept_since: datetime | None
    derivation: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the state has of an order, by its latest view; `taken` is false where it was only skipped or set aside.

    `digest` is of the raw, or of the reason for a skip; `derivation` is the mapping it was last tried with, if any.
    """

    taken: bool
    digest: bytes
    derivation: str | None
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """An order to be saved; `raw` is packed."""

    order: Order
    raw: bytes
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """An order that isn't taken up, and why."""

    reason: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """An order that couldn't be understood: kept with its packed raw, and tried again with the next mapping."""

    error: str
    raw: bytes
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """An order that the platform has no more: cancelled, whatever its last status was (rule I8)."""


Finding: TypeAlias = Taken | Skip | SetAside | Gone


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view of one order, made ready to be saved. `finding` is None where nothing changed since the held one."""

    id: str
    as_of: datetime
    finding: Finding | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """Where the next import goes on, and which part of a sweep a page was."""

    cursor: Cursor
    swept_since: datetime | None = None
    sweep_finished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What saving a page came to: what each of its views did, by the order's id."""

    verdicts: Mapping[str, Verdict]

    @property
    def counts(self) -> Counts:
        """The counts of the page."""
        return counts_of(self.verdicts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSkip:
    """An order seen and not taken."""

    order_id: str
    reason: str
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSetAside:
    """An order that couldn't be understood, with what its mapping said."""

    order_id: str
    error: str
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A line of an order's timeline: field names and the platform's status, never the buyer's values."""

    at: datetime
    event: str
    details: Mapping[str, object]

    def in_words(self) -> str:
        """What it tells beside its name."""
        hidden = (*FOR_MACHINES, "error") if "reason" in self.details else FOR_MACHINES  # the reason says it in words
        return "; ".join(
            f"{name.replace('_', ' ')}: {_value_in_words(name, value)}"
            for name, value in self.details.items()
            if value is not None and name not in hidden
        )


LISTS = ("fields", "lines")  # other details of two values are what it was and what it is
FOR_MACHINES = ("request", "as_of")  # in the timeline's JSON


def _value_in_words(name: str, value: object) -> str:
    if isinstance(value, list):
        return (", " if name in LISTS else " → ").join(map(str, value))
    return str(value).rstrip(".") if name == "reason" else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent:
    """A line of a store's timeline: what an import did to which order."""

    order_id: str
    number: str
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOrder:
    """An order with the store it belongs to and the times crossdock learned of it."""

    store: str
    order: Order
    imported_at: datetime
    updated_at: datetime
    as_of: datetime
    gone_at: datetime | None = None
    erased_at: datetime | None = None
    """When the buyer's personal data in it was erased, unless the store changed the order since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedRaw:
    """A held order's packed raw, to derive it anew; `key` orders the walk."""

    key: int
    order_id: str
    raw: bytes
    digest: bytes
    as_of: datetime


class LockPurpose(StrEnum):
    """What a store's lock keeps others from doing at the same time."""

    IMPORT = "import"
    SHIP = "shipping"
    WRITE_BACK = "write-back"


Waiting: TypeAlias = Callable[[str], None]
"""Told once, in words, who is being waited for."""


class State(Protocol):
    """Storage of everything crossdock knows. Every method raises StateError where the storage can't be used."""

    async def close(self) -> None:
        """Ends all work and lets go of every lock."""
        ...

    def lock(self, store: str, purpose: LockPurpose, waiting: Waiting) -> AbstractAsyncContextManager[None]:
        """Held by one holder at a time, in whatever process; vanishes with its holder."""
        ...

    async def prove(
        self, store: str, connector: str, account: Account, configured: frozenset[str]
    ) -> StoreRecord | None:
        """The store's record, if it was bound. Raises AccountMismatchError (rule S1).

        `configured` are the names now in `stores.yaml`, of which no two can stand for one account.
        """
        ...

    async def bind(
        self, store: str, connector: str, account: Account, configured: frozenset[str], at: datetime
    ) -> StoreRecord:
        """Like `prove`, and binds a name that is new to this account for good."""
        ...

    async def stores(self) -> Sequence[StoreRecord]:
        """All stores that ever were bound, by name."""
        ...

    def daemon(self) -> AbstractAsyncContextManager[None]:
        """Held by the one daemon of this database. Raises DatabaseInUseError that names the other one, at once."""
        ...

    async def daemon_holder(self) -> str | None:
        """Which process is the daemon of this database now, in words; None where there is none.

        A daemon that starts at the same moment isn't disturbed.
        """
        ...

    async def standings(self) -> Mapping[str, Standing]:
        """How each store stands that was ever imported or paused."""
        ...

    async def pause(self, store: str, at: datetime) -> bool:
        """Notes that the store is paused; whether that is news. It need not have been bound yet."""
        ...

    async def resume(self, store: str) -> bool:
        """Notes that the store is paused no longer; whether that is news."""
        ...

    async def paused(self) -> frozenset[str]:
        """The stores that are paused. Cheap: it is asked for every few seconds."""
        ...

    async def prune_runs(self, before: datetime) -> int:
        """Forgets runs that ended before then, but for each store's latest ones; how many.

        Kept are the latest run, what `last_runs` tells and what `last_done` tells. A bounded number goes at once
        (SQLite: 5,000), so that nobody waits long to write: it is called again until it says 0.
        """
        ...

    async def erase(self, before: datetime, at: datetime, limit: int) -> int:
        """Erases buyers' personal data of up to `limit` orders last modified before then; how many were found.

        The same for up to `limit` set-asides whose raw was first seen before then; they are counted too, so it is
        called again until it says 0. What an order is recognised by stays: the same raw brings nothing back, and with
        the next change at the store the order is whole again. What is erased can't be read from the file any more, once
        `scrub` has said so.
        """
        ...

    async def scrub(self) -> bool:
        """Removes what was erased from wherever the file still holds it; whether all of it is gone.

        Nothing is done where nothing was erased since. Another process that reads at the moment can be in the way; then
        it's worth trying again. SQLite's file is written anew, which takes a second for 80,000 orders: imports wait for
        it, readers don't.
        """
        ...

    async def begin_run(self, store: str, kind: RunKind, at: datetime) -> Begun:
        """A new run. Runs of the store that never ended are marked as killed: the caller holds the lock."""
        ...

    async def end_run(
        self,
        run: int,
        outcome: Outcome,
        at: datetime,
        *,
        traffic: Traffic,
        reasons: Mapping[str, int],
        failure: Failure | None,
        standing: Standing | None = None,
    ) -> Run:
        """Records how the run ended, and how the store stands now unless that is None; the run as recorded.

        A successful import of changes that brought nothing new takes the place of the run before, if that was such a
        one too (`Run.folded`). Whether the store is paused stays as it is in the database.
        """
        ...

    async def run(self, run: int) -> Run:
        """One run as recorded."""
        ...

    async def find_run(self, run: int) -> Run | None:
        """One run as recorded, if there is one."""
        ...

    async def run_log(self, run: Run, *, limit: int = 500) -> Sequence[OrderEvent]:
        """What became of which order while the run went on, oldest first; at most so many."""
        ...

    async def runs(self, *, store: str | None = None, before: int | None = None, limit: int = 50) -> Sequence[Run]:
        """Runs, newest first; those before the one with this id."""
        ...

    async def runs_by_day(self, since: datetime, store: str | None = None) -> Sequence[DayOfRuns]:
        """What each store's runs came to on each day since then."""
        ...

    async def last_runs(self) -> Mapping[str, Run]:
        """The latest run of each store, but for those that brought a single order: they tell nothing of the store."""
        ...

    async def last_done(self) -> Mapping[str, datetime]:
        """When each store's latest successful import of changes ended."""
        ...

    async def held(self, store: str, order_ids: Sequence[str]) -> Mapping[str, Held]:
        """What is held of these orders; those never seen are left out."""
        ...

    async def save_page(
        self, store: str, run: int, views: Sequence[View], bookmark: Bookmark | None, *, derivation: str, at: datetime
    ) -> Saved:
        """Saves all views, the bookmark and the run's counts in one transaction (rule I1).

        A view older than the held one changes nothing (rule I10). Without a bookmark the cursor stays as it is.
        A finding that leaves every field of the held order as it was counts as unchanged.
        """
        ...

    async def unseen(self, store: str, since: datetime, limit: int) -> Sequence[str]:
        """Open orders and set-asides, oldest view first, whose last view is from before `since` (rule I8)."""
        ...

    async def underived(self, store: str, derivation: str, after: int, limit: int) -> Sequence[PackedRaw]:
        """Held orders with a key above `after` that were derived with another mapping, by key."""
        ...

    async def underived_set_asides(self, store: str, derivation: str, limit: int) -> Sequence[PackedRaw]:
        """Set-asides that were last tried with another mapping."""
        ...

    async def all_derived(self, store: str, derivation: str) -> None:
        """Notes that every order of the store was derived with this mapping (rule I9)."""
        ...

    async def listing(self, query: ListQuery) -> Listed:
        """A page of a list of orders. Raises UsageError for a place that isn't one. It costs the same however many."""
        ...

    async def facets(self, store: str | None = None) -> Facets:
        """By what the list of a store, or of all, can be narrowed."""
        ...

    async def found(self, text: str) -> Sequence[tuple[str, str]]:
        """Store and id of the orders whose number, id or tracking number is this text; at most 20."""
        ...

    async def order(self, store: str, order: str) -> StoredOrder | None:
        """An order by the platform's id, else by its number."""
        ...

    def orders(
        self, *, store: str | None = None, stage: Stage | None = None, search: str | None = None
    ) -> AsyncGenerator[StoredOrder, None]:
        """All orders that fit, in the order they were first imported, never all in memory."""
        ...

    async def timeline(self, store: str, order_id: str) -> Sequence[Event]:
        """What happened to an order, oldest first."""
        ...

    async def skip(self, store: str, order_id: str) -> KeptSkip | None:
        """Why an order was not taken, if it was seen and skipped."""
        ...

    async def set_aside(self, store: str, order_id: str) -> KeptSetAside | None:
        """What an order's mapping said, if its latest view couldn't be understood."""
        ...

    async def set_aside_counts(self) -> Mapping[str, int]:
        """How many orders of each store are set aside; stores without any are left out."""
        ...

    async def set_asides(self, store: str) -> Sequence[KeptSetAside]:
        """The orders of a store that couldn't be understood."""
        ...

    async def stage_counts(self) -> Mapping[str, Mapping[Stage, int]]:
        """How many orders each store has in each stage, without those whose personal data was erased."""
        ...

    async def ask_carrier(self, store: str, order_id: str, said: str, key: str, at: datetime) -> AskedCarrier:
        """The intent of asking a carrier for this parcel: the one that is kept already, or a new one with `key`."""
        ...

    async def carrier_asked(self, key: str, at: datetime) -> None:
        """Notes, before it's done, that the carrier is asked to take the parcel."""
        ...

    async def forget_request(self, key: str) -> None:
        """Drops an intent that the carrier has refused."""
        ...

    async def ship(self, parcel: Parcel, at: datetime) -> WriteBack:
        """A shipment and its write-back, made in one transaction (rule W4). The caller holds the shipping lock."""
        ...

    async def advance(self, row: WriteBack, events: Sequence[tuple[str, Details]], at: datetime) -> WriteBack | None:
        """Saves `row` as it is now, with what the timeline is to tell; gives it as saved.

        None, and nothing is saved, where somebody else has changed it since it was read.
        """
        ...

    async def writeback(self, shipment: int) -> WriteBack | None:
        """One shipment, by crossdock's own id."""
        ...

    async def shipments(self, store: str, order_id: str) -> Sequence[WriteBack]:
        """The shipments of an order, oldest first."""
        ...

    async def unfinished(self, store: str) -> Sequence[WriteBack]:
        """The store's shipments of which something is left to do, the one that is due first first."""
        ...

    async def writebacks_after(
        self, shipment: int, *, store: str | None = None, state: WriteBackState | None = None, limit: int = 50
    ) -> Sequence[WriteBack]:
        """Shipments that fit, oldest first, after the one with this id."""
        ...

    async def writebacks_before(
        self, shipment: int, *, store: str | None = None, state: WriteBackState | None = None, limit: int = 50
    ) -> Sequence[WriteBack]:
        """Shipments that fit, newest first, before the one with this id."""
        ...

    def writebacks(
        self, *, store: str | None = None, state: WriteBackState | None = None
    ) -> AsyncGenerator[WriteBack, None]:
        """All shipments that fit, oldest first, never all in memory."""
        ...

    async def label(self, shipment: int) -> tuple[str, bytes] | None:
        """The media type and the content of the label that a carrier gave for a shipment."""
        ...

    async def due_stores(self, at: datetime) -> frozenset[str]:
        """The stores that are to be told something by then. Cheap: it's asked for each second."""
        ...

    async def hurry(self, stores: Collection[str], at: datetime) -> None:
        """All that these stores are still to be told is due by then."""
        ...

    async def writeback_counts(self) -> Mapping[str, Mapping[WriteBackState, int]]:
        """How many shipments of each store are in which state."""
        ...

    async def refused(self) -> Mapping[str, int]:
        """How many shipments each store refused, where it did. It costs the same however many it took."""
        ...
