"""What a buyer told is gone in time: from the tables, and from the bytes of the file. The rest of an order stays."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from crossdock.importing import pack, unpack
from crossdock.model import Address, Customer, Order, Stage, order_to_json
from crossdock.state import (
    Account,
    Bookmark,
    Counts,
    Gone,
    RunKind,
    SetAside,
    State,
    Taken,
    View,
    housekeeping,
)
from crossdock.state.sqlite import open_sqlite
from hypothesis import given, settings
from support.orders import NOON, consignment, digest_of, line, order, orders, patient, personal_texts, put_aside, view

ACME = "acme-au"
MAPPING = "m/1/a"
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
LATER = NOON + 400 * DAY
MUCH_LATER = LATER + 400 * DAY
MIA = Address(name="Mia Example", street="1 Example St", city="Perth", country="AU")


@pytest.fixture
async def state(database: Path) -> AsyncIterator[State]:
    """An empty state in which one store is bound."""
    state = await opened(database)
    yield state
    await state.close()


async def opened(database: Path) -> State:
    state = await open_sqlite(database)
    await state.bind(ACME, "bigcommerce", Account(identity="hash1", name="ACME"), frozenset({ACME}), NOON)
    await state.all_derived(ACME, MAPPING)
    return state


async def save(state: State, *views: View, derivation: str = MAPPING, at: Any = NOON) -> Counts:
    """Saves a page of the feed."""
    run = (await state.begin_run(ACME, RunKind.CHANGES, NOON)).run
    return (await state.save_page(ACME, run, views, Bookmark(cursor={}), derivation=derivation, at=at)).counts


async def erase_all(state: State) -> int:
    """Erases all that is from before LATER; how much that was."""
    found = [await state.erase(LATER, MUCH_LATER, 50) for _ in range(10)]
    assert not found[-1]
    return sum(found)


async def kept(state: State, id: str = "101") -> Order:
    stored = await state.order(ACME, id)
    assert stored is not None
    return stored.order


async def erased_at(state: State, id: str = "101") -> Any:
    stored = await state.order(ACME, id)
    assert stored is not None
    return stored.erased_at


def bought(id: str = "101", **values: Any) -> Order:
    """An order with everything that a buyer may tell."""
    telling: dict[str, Any] = {
        "customer": Customer(name="Mia Example", company="Mia Ltd", email="mia@example.com", phone="0400"),
        "billing": MIA,
        "customer_message": "Leave it at the door",
        "staff_notes": "Called; is away on Monday",
        "consignments": (
            consignment(line(options={"Engraving": "For Tom"}, gift_message="Happy birthday, Tom"), ship_to=MIA),
        ),
    }
    return order(id, **{**telling, **values})


def without_the_buyer(whole: Order) -> Order:
    """What is left of an order when its buyer is forgotten."""
    return replace(
        whole,
        shipping_allowed=False,
        customer=Customer(),
        billing=None,
        customer_message=None,
        staff_notes=None,
        consignments=tuple(
            replace(
                each,
                ship_to=None,
                lines=tuple(replace(line, options={}, gift_message=None) for line in each.lines),
            )
            for each in whole.consignments
        ),
    )


# --- what goes and what stays ---------------------------------------------------------------------------------------


@settings(patient, max_examples=30)
@given(orders())
def test_of_any_order_what_the_buyer_told_goes_and_all_else_stays(whole: Order) -> None:
    whole = replace(whole, placed_at=NOON, modified_at=NOON)

    async def through(database: Path) -> None:
        state = await opened(database)
        try:
            await save(state, view(whole))
            assert await erase_all(state) == 1
            left = await kept(state, whole.id)
            assert left == without_the_buyer(whole)
            assert not personal_texts(left)
            assert await erased_at(state, whole.id) == MUCH_LATER
            told = msgspec.json.decode(msgspec.json.encode(order_to_json(ACME, left)))
            assert told["customer"] == dict.fromkeys(("name", "company", "email", "phone"))
            assert (told["billing"], told["shippable"]) == (None, False)
        finally:
            await state.close()

    with TemporaryDirectory() as folder:
        asyncio.run(through(Path(folder) / "crossdock.db"))


@pytest.mark.parametrize("stage", Stage)
async def test_an_order_is_erased_whatever_its_stage(state: State, stage: Stage) -> None:
    await save(state, view(bought(stage=stage)))
    await erase_all(state)
    assert await kept(state) == without_the_buyer(bought(stage=stage))


async def test_what_changed_or_was_bought_lately_is_left_whole(state: State) -> None:
    lately = bought("1", modified_at=LATER)
    just_bought = bought("2", placed_at=LATER, modified_at=NOON - 2000 * 365 * DAY)  # "never", to some platforms
    await save(state, view(lately), view(just_bought))
    assert await erase_all(state) == 0
    assert [stored.order async for stored in state.orders()] == [lately, just_bought]


async def test_orders_are_erased_some_at_a_time_the_oldest_first(state: State) -> None:
    await save(state, *(view(bought(str(day), modified_at=NOON + day * DAY)) for day in (3, 1, 2)))
    assert [await state.erase(LATER, MUCH_LATER, 2) for _ in range(3)] == [2, 1, 0]
    await save(state, *(view(bought(str(day), modified_at=NOON + day * DAY)) for day in (6, 5)))
    assert await state.erase(LATER, MUCH_LATER, 1) == 1
    assert [id for id in "65" if await erased_at(state, id)] == ["5"]


async def test_an_erased_order_is_found_by_its_number_alone(state: State) -> None:
    await save(state, view(bought(number="NO-7")), view(bought("102", modified_at=LATER)))
    await erase_all(state)

    async def found(words: str) -> list[str]:
        return [stored.order.id async for stored in state.orders(search=words)]

    assert await found("NO-7") == ["101"]
    assert await found("Mia") == ["102"]
    assert await found("mia@example.com") == ["102"]


async def test_the_timeline_says_once_that_an_order_was_erased_and_tells_nothing_of_it(state: State) -> None:
    await save(state, view(bought()))
    await erase_all(state)
    assert await erase_all(state) == 0
    timeline = await state.timeline(ACME, "101")
    assert [(event.at, event.event) for event in timeline] == [(NOON, "imported"), (MUCH_LATER, "erased")]
    assert timeline[1].details == {}
    stored = await state.order(ACME, "101")
    assert stored is not None
    assert stored.updated_at == MUCH_LATER


async def test_an_order_that_is_gone_is_erased_too(state: State) -> None:
    await save(state, view(bought()))
    await save(state, View(id="101", as_of=NOON + SECOND, finding=Gone()))
    await erase_all(state)
    stored = await state.order(ACME, "101")
    assert stored is not None
    assert stored.order == replace(without_the_buyer(bought()), stage=Stage.CANCELLED)
    assert stored.gone_at == NOON
    assert (await save(state, View(id="101", as_of=NOON + 2 * SECOND, finding=Gone()))).unchanged == 1


# --- it doesn't come back by itself ---------------------------------------------------------------------------------


async def test_the_same_raw_brings_nothing_back(state: State) -> None:
    await save(state, view(bought()))
    held = (await state.held(ACME, ["101"]))["101"]
    await erase_all(state)
    assert (await state.held(ACME, ["101"]))["101"] == held
    for again in (view(bought(), as_of=NOON + DAY), View(id="101", as_of=NOON + 2 * DAY, finding=None)):
        assert (await save(state, again)).unchanged == 1
        assert await kept(state) == without_the_buyer(bought())
    assert await erased_at(state) is not None


async def test_the_same_raw_brings_nothing_back_with_a_new_mapping_either(state: State) -> None:
    await save(state, view(bought()), view(bought("102", modified_at=LATER)))
    await erase_all(state)
    assert [packed.order_id for packed in await state.underived(ACME, "newer", 0, 10)] == ["102"]
    await save(state, view(bought("102", modified_at=LATER), as_of=NOON + SECOND), derivation="newer")
    await state.all_derived(ACME, "newer")
    assert {held.derivation for held in (await state.held(ACME, ["101", "102"])).values()} == {"newer"}
    assert (await save(state, view(bought(), as_of=NOON + DAY), derivation="newer")).unchanged == 1
    assert await kept(state) == without_the_buyer(bought())


async def test_an_order_that_the_store_changes_is_whole_again_and_is_erased_again_in_time(state: State) -> None:
    await save(state, view(bought()))
    await erase_all(state)
    changed = bought(modified_at=LATER)
    assert (await save(state, view(changed, as_of=NOON + SECOND))).updated == 1
    assert (await kept(state), await erased_at(state)) == (changed, None)
    assert [stored.order async for stored in state.orders(search="mia@example.com")] == [changed]
    assert len(await state.underived(ACME, "newer", 0, 10)) == 1, "its raw is kept again"
    assert await state.erase(LATER + SECOND, MUCH_LATER, 50) == 1
    assert await kept(state) == without_the_buyer(changed)


async def test_an_old_set_aside_loses_its_raw_and_its_words(state: State) -> None:
    await save(state, put_aside("7", "ValueError: 'Mia Example' is no country"), put_aside("8", "ValueError"))
    await save(state, put_aside("9", "KeyError: 'Mia'"), at=LATER)
    assert await erase_all(state) == 2
    errors = {aside.order_id: aside.error for aside in await state.set_asides(ACME)}
    assert errors == {"7": "ValueError", "8": "ValueError", "9": "KeyError: 'Mia'"}
    assert [packed.order_id for packed in await state.underived_set_asides(ACME, "newer", 10)] == ["9"]
    again = put_aside("7", "ValueError: 'Mia Example' is no country", as_of=NOON + DAY)
    assert (await save(state, again)).unchanged == 1
    assert await erase_all(state) == 0


async def test_a_set_aside_that_is_tried_again_is_as_old_as_it_was(state: State) -> None:
    await save(state, put_aside("7", "ValueError: no"))
    again = put_aside("7", "ValueError: no", as_of=NOON + SECOND)
    assert (await save(state, again, derivation="newer", at=LATER)).set_aside == 1
    aside = await state.set_aside(ACME, "7")
    assert aside is not None
    assert aside.seen_at == NOON
    await save(state, put_aside("7", "KeyError: another raw", as_of=NOON + 2 * SECOND), at=LATER)
    aside = await state.set_aside(ACME, "7")
    assert aside is not None
    assert aside.seen_at == LATER


# --- the bytes ------------------------------------------------------------------------------------------------------


SLICE = 10  # bytes that are looked for, of each value


@dataclass
class Markers:
    """Values that occur nowhere else, to look for in the bytes of the files."""

    random: Random = field(default_factory=lambda: Random(7))
    given: list[bytes] = field(default_factory=list)

    def text(self) -> str:
        """One word. Looked for is its end: of its beginning the index keeps only what differs from the word before."""
        word = hashlib.blake2b(self.random.randbytes(16), digest_size=8).hexdigest()
        self.given.append(word[-SLICE:].encode())
        return word

    def long(self) -> str:
        """A word, and more of varying length, so that rows grow and shrink as addresses do."""
        return f"{self.text()} {'y ' * self.random.randint(0, 40)}"

    def raw(self) -> bytes:
        """A packed raw, of which a slice is looked for."""
        packed = pack(self.random.randbytes(self.random.choice([60, 600, 3000])).hex().encode())
        self.given += [packed[20:][:SLICE], packed[-20:][:SLICE]]
        return packed

    def address(self) -> Address:
        return Address(**{field.name: self.long() for field in fields(Address)})

    def customer(self) -> Customer:
        return Customer(**{field.name: self.long() for field in fields(Customer)})

    def view(self, id: int, turn: int, **values: Any) -> View:
        """A view of an order whose every personal value is a marker."""
        lines = [
            line(str(number), options={self.text(): self.long()}, gift_message=self.long())
            for number in range(self.random.randint(1, 3))
        ]
        told = {
            "customer": self.customer(),
            "billing": self.address(),
            "customer_message": self.long(),
            "staff_notes": self.long(),
            "consignments": (consignment(*lines, ship_to=self.address()),),
        }
        made = view(order(str(id), **{**told, **values}), as_of=NOON + turn * SECOND)
        assert isinstance(made.finding, Taken)
        return replace(made, finding=replace(made.finding, raw=self.raw()))

    def set_aside(self, id: int, turn: int) -> View:
        """A view that couldn't be understood, with a marker in its words."""
        found = SetAside(error=f"ValueError: {self.text()}", raw=self.raw(), digest=digest_of(f"{id} {turn}"))
        return View(id=str(id), as_of=NOON + turn * SECOND, finding=found)

    def in_files(self, database: Path) -> set[bytes]:
        """Those that the database's files hold anywhere."""
        held = b"\0".join(path.read_bytes() for path in sorted(database.parent.glob(f"{database.name}*")))
        return set(self.given).intersection(held[at : at + SLICE] for at in range(len(held)))


@pytest.fixture
def forgetful_sqlite(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SQLite as most builds are: by default it leaves deleted bytes where they are. Debian's doesn't."""
    connect = sqlite3.connect

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.execute("pragma secure_delete = off")
        return connection

    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", connected)
        yield


IDS = range(300)


async def fill(state: State, markers: Markers) -> None:
    """Orders that came, changed several times over and were set aside, as in a year of imports."""
    pages = [IDS[first : first + 50] for first in range(0, len(IDS), 50)]
    for page in pages:
        await save(state, *(markers.view(id, 0) for id in page))
    for turn in (1, 2, 3):
        for page in pages:
            changed = sorted(markers.random.sample(page, 20))
            await save(state, *(markers.view(id, turn) for id in changed))
    await save(state, *(markers.set_aside(id, 4) for id in (*IDS[:5], 901, 902)))


@pytest.mark.usefixtures("forgetful_sqlite")
async def test_not_a_byte_of_what_was_erased_is_left_in_the_files(state: State, database: Path) -> None:
    markers, others = Markers(), Markers(Random(8))
    await fill(state, markers)
    assert markers.in_files(database)
    await save(state, *(others.view(id, 0, modified_at=LATER) for id in range(500, 510)))
    assert await erase_all(state) == len(IDS) + 7
    assert await state.scrub()
    assert not markers.in_files(database)
    assert others.in_files(database) == set(others.given), "what isn't to be erased is all there, and can be found"
    assert await state.erase(LATER, MUCH_LATER, 50) == 0


@pytest.mark.usefixtures("forgetful_sqlite")
async def test_what_is_replaced_or_deleted_is_overwritten_at_once(state: State, database: Path) -> None:
    """Words in the index of the search aside, and copies where rows moved: those go when the file is scrubbed."""
    markers = Markers()
    told = bought("101", customer_message=markers.text(), billing=replace(MIA, street=markers.long()))
    await save(state, view(told), markers.set_aside(102, 0))
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        assert markers.in_files(database) == set(markers.given)
        await save(state, view(order("101"), as_of=NOON + SECOND), view(order("102"), as_of=NOON + SECOND))
        connection.execute("pragma wal_checkpoint(truncate)")
    assert not markers.in_files(database)


async def test_who_reads_in_another_process_can_be_in_the_way_for_a_while(
    state: State, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "READERS_WAIT_MS", 20)
    markers = Markers()
    await save(state, markers.view(1, 0))
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("begin")
        reader.execute("select * from orders").fetchall()
        await erase_all(state)
        assert not await state.scrub()
        log = database.with_name("crossdock.db-wal").stat().st_size
        assert not await state.scrub()
        assert database.with_name("crossdock.db-wal").stat().st_size == log, "trying again fills no disk"
        await save(state, view(bought("102")))  # nobody is held up by it
        reader.execute("rollback")
        assert await state.scrub()
    assert not markers.in_files(database)


async def test_scrubbing_goes_on_beside_imports_and_reading(state: State, database: Path) -> None:
    markers = Markers()
    for first in range(0, 300, 50):
        await save(state, *(markers.view(id, 0) for id in range(first, first + 50)))
    listing = state.orders()
    await anext(listing)  # who lists slowly doesn't read all the time
    await erase_all(state)
    done = asyncio.Event()

    async def import_on() -> int:
        number = 0
        while not done.is_set():
            number += 1
            await save(state, view(order(f"new-{number}", modified_at=LATER)))
        return number

    async def read_on() -> None:
        while not done.is_set():
            assert [stored async for stored in state.orders(search="300")] == []

    async with asyncio.TaskGroup() as group:
        imported = group.create_task(import_on())
        group.create_task(read_on())
        try:
            assert await state.scrub()
        finally:
            done.set()
    await listing.aclose()
    assert not markers.in_files(database)
    found = [stored.order.id async for stored in state.orders() if stored.order.id.startswith("new-")]
    assert len(found) == imported.result()


async def test_the_search_works_on_after_scrubbing(state: State) -> None:
    await save(state, *(view(bought(str(id), modified_at=NOON + id * 30 * DAY)) for id in range(20)))
    await erase_all(state)
    assert await state.scrub()
    assert await state.scrub(), "it may be done again"
    found = [stored.order.id async for stored in state.orders(search="mia")]
    assert found == [str(id) for id in range(14, 20)]
    (raw, *_) = await state.underived(ACME, "newer", 0, 10)
    assert unpack(raw.raw)
