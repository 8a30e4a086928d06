"""How a store is walked: the sweep, the feed and the look behind the newest id, over real sockets and a wound clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from crossdock import Cursor, GarbledError, HttpClient, Page, Raw, Seen, instant, moment
from crossdock.http import open_session
from crossdock_bigcommerce.api import Api, Listed, Params, http_options
from crossdock_bigcommerce.changes import Walk, order_id
from crossdock_bigcommerce.settings import BigCommerceSettings
from crossdock_sandbox.store import SandboxStore
from support.bench import DAY, MINUTE, STANDING, Bench, bench_in
from support.clock import WoundClock

HOUR = 3600.0
LATE_COMMITS = timedelta(minutes=2)
FIRST = 101  # the id of a simulated store's first order

Doctor = Callable[[Params, Listed], Listed]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_in(tmp_path) as bench:
        yield bench


@pytest.fixture
async def walker(bench: Bench) -> AsyncIterator[Walker]:
    async with open_session() as session:
        settings = BigCommerceSettings.model_validate(
            {
                "api_path": bench.running.api_path,
                "client_id": bench.running.client_id,
                "access_token": bench.running.access_token,
            }
        )
        http = HttpClient(session, http_options(settings), store="acme", clock=bench.clock, random=Random(1))
        yield Walker(bench.store, bench.clock, Api(http, store="acme"))


class Walker:
    """Walks the simulated store again and again, as the imports of one process do, and keeps the cursor in between.

    `doctor` changes what the store answers, where the simulated one is too well behaved.
    """

    def __init__(self, store: SandboxStore, clock: WoundClock, api: Api) -> None:
        self.store = store
        self.clock = clock
        self.cursor: Cursor | None = None
        self.pages: list[Page] = []
        self.doctor: Doctor = lambda filters, listed: listed
        self._api = api

    async def list_orders(self, filters: Params, *, whole: bool = True) -> Listed:
        return self.doctor(filters, await self._api.list_orders(filters, whole=whole))

    async def run(self, *, statuses: tuple[int, ...] = (9, 11), days: int = 90, pages: int | None = None) -> list[int]:
        """The ids that one walk shows, in its order; one that is cut off after so many `pages`, if that is given."""
        self.store.requests.clear()
        self.pages = []
        now = self._api.http.server_time().replace(microsecond=0)
        walk = Walk(self, self._views, store="acme", statuses=statuses, days=days, now=now)
        async for page in walk.pages(self.cursor, now - timedelta(days=days)):
            self.pages.append(page)
            self.cursor = page.cursor
            if len(self.pages) == pages:
                break
        return [int(seen.id) for page in self.pages for seen in page.seen]

    async def _views(self, listed: Listed) -> tuple[Seen, ...]:
        return tuple(Seen(str(order_id(order)), order, as_of=listed.started_at) for order in listed.orders)

    @property
    def feed_from(self) -> datetime:
        assert self.cursor is not None
        return moment(str(self.cursor["feed_from"]))

    def asked(self, about: str = "") -> list[dict[str, str]]:
        """The filters of each list that was asked for and whose `sort` begins so, oldest first."""
        filters = [
            {name: value for name, value in request.query.items() if name not in STANDING}
            for request in self.store.requests
            if request.path == "/v2/orders"
        ]
        return [each for each in filters if each["sort"].startswith(about)]

    def swept(self) -> list[tuple[int, int]]:
        """Each request of a sweep: its status, and the id that it began at."""
        return [(int(each["status_id"]), int(each["min_id"])) for each in self.asked("id:asc") if "status_id" in each]


def at(clock: WoundClock, seconds: float = 0) -> str:
    """The time in `seconds` as it stands in a request."""
    return instant(clock.now() + timedelta(seconds=seconds))


# --- the requests of a run ------------------------------------------------------------------------------------------


async def test_a_first_import_asks_for_the_newest_id_each_open_status_the_feed_and_the_newest_orders(
    bench: Bench,
) -> None:
    """Rules I3, I4 and I6."""
    for status in (9, 11, 2):
        bench.store.add_order(status_id=status)
    bench.clock.wind(HOUR)
    began = bench.clock.now()
    await bench.run()
    since = instant(began - timedelta(days=90))
    assert bench.asked() == [
        "/v2/store",
        "sort=id:desc",
        f"status_id=9 sort=id:asc min_id=1 min_date_modified={since}",
        f"status_id=9 sort=id:asc min_id={FIRST + 1} min_date_modified={since}",
        f"status_id=11 sort=id:asc min_id=1 min_date_modified={since}",
        f"status_id=11 sort=id:asc min_id={FIRST + 2} min_date_modified={since}",
        f"sort=date_modified:asc min_date_modified={instant(began - LATE_COMMITS)}",
        f"sort=id:asc min_id={FIRST + 2 - 20}",
        f"sort=id:asc min_id={FIRST + 3}",
    ]
    assert {request.query.get("limit") for request in bench.store.requests[2:]} == {"250"}


async def test_a_first_import_sweeps_once_however_long_it_takes(bench: Bench) -> None:
    """Rules I3 and I7."""
    bench.store.add_order(status_id=11)
    bench.takes(HOUR)
    await bench.run()
    assert len([asked for asked in bench.asked() if asked.startswith("status_id=11 ")]) == 2


async def test_a_poll_with_nothing_new_takes_five_requests_with_its_sign_in(bench: Bench) -> None:
    """Rules I4 and I6, guarantee 7."""
    bench.store.add_order(status_id=11)
    bench.clock.wind(HOUR)
    await bench.run()
    bench.clock.wind(5 * MINUTE)
    former = bench.clock.now() - timedelta(minutes=5)
    await bench.run()
    assert bench.asked() == [
        "/v2/store",
        f"sort=date_modified:asc min_date_modified={instant(former - LATE_COMMITS)}",
        f"sort=id:asc min_id={FIRST - 20}",
        f"sort=id:asc min_id={FIRST + 1}",
    ]


async def test_a_store_without_orders_is_imported_and_polled(bench: Bench) -> None:
    """Rules I3, I4 and I6."""
    run = await bench.run()
    assert (run.counts.imported, run.counts.skipped, run.traffic.requests) == (0, 0, 6)
    bench.clock.wind(5 * MINUTE)
    assert (await bench.run()).traffic.requests == 3
    bench.store.add_order(status_id=11)
    assert (await bench.run()).counts.imported == 1


async def test_one_status_and_all_of_them_can_be_swept(walker: Walker) -> None:
    """Rule I3."""
    for status in range(15):
        walker.store.add_order(status_id=status)
    await walker.run(statuses=(14,))
    assert walker.swept() == [(14, 1), (14, FIRST + 15)]
    walker.cursor = None
    shown = await walker.run(statuses=tuple(range(15)))
    assert {status for status, _ in walker.swept()} == set(range(15))
    assert set(shown) == set(range(FIRST, FIRST + 15))


async def test_the_sweep_leaves_out_what_was_modified_before_import_days(walker: Walker) -> None:
    """Rule I3."""
    old = walker.store.add_order(date_modified=walker.clock.now() - timedelta(days=8))
    for _ in range(25):  # so that the look behind the newest id doesn't reach the old one
        walker.store.add_order(status_id=2)
    young = walker.store.add_order(date_modified=walker.clock.now() - timedelta(days=7))
    shown = await walker.run(days=7)
    assert young in shown
    assert old not in shown
    assert old in await walker.run(days=8)


# --- the feed -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [1, 2, 3])
@pytest.mark.parametrize("ties", [1, 2, 3, 4, 7])
async def test_orders_of_one_second_are_all_shown_however_small_the_pages(walker: Walker, page: int, ties: int) -> None:
    """Rule I4."""
    walker.store.behaviour.max_page = page
    ids = [walker.store.add_order(status_id=2) for _ in range(30)]
    walker.clock.wind(HOUR)
    await walker.run()
    walker.clock.wind(HOUR)
    edited = []
    for second in range(3):
        tied = ids[second * ties : (second + 1) * ties]
        for order in reversed(tied):
            walker.store.edit(order, staff_notes="Changed")
        edited += tied
        walker.clock.wind(second)
    walker.clock.wind(HOUR)
    await walker.run()
    fed = {int(seen.id) for page in walker.pages for seen in page.seen if seen.raw["staff_notes"] == "Changed"}
    assert fed == set(edited)


@pytest.mark.parametrize("page", [1, 2, 3, 4])
async def test_orders_edited_exactly_at_the_border_of_a_page_are_shown_as_they_are(walker: Walker, page: int) -> None:
    """Rule I4: the last order of each page of the feed is edited before the next page is asked for."""
    walker.store.behaviour.max_page = page
    ids = [walker.store.add_order(status_id=2) for _ in range(30)]
    walker.clock.wind(HOUR)
    await walker.run()
    for order in ids[:8]:
        walker.store.edit(order, staff_notes="1")
        walker.clock.wind(1)
    walker.clock.wind(HOUR)
    edited: dict[int, str] = {}

    def edit_the_last(filters: Params, listed: Listed) -> Listed:
        if str(filters["sort"]).startswith("date_modified") and listed.orders and len(edited) < 5:
            last = order_id(listed.orders[-1])
            edited[last] = f"edited again, {len(edited)}"
            walker.store.edit(last, staff_notes=edited[last])
        walker.clock.wind(1)
        return listed

    walker.doctor = edit_the_last
    first = notes(walker, await walker.run())
    walker.doctor = lambda filters, listed: listed
    second = notes(walker, await walker.run())
    assert edited
    for order in ids[:8]:
        assert (first | second)[order] == edited.get(order, "1")


def notes(walker: Walker, shown: Sequence[int]) -> dict[int, str]:
    """The staff notes of each order as it was shown last."""
    del shown
    return {int(seen.id): str(seen.raw["staff_notes"]) for page in walker.pages for seen in page.seen}


@pytest.mark.parametrize("late_s", [1, 60, 119, 120])
async def test_a_change_that_shows_up_to_two_minutes_late_is_read_again(walker: Walker, late_s: int) -> None:
    """Rule I5."""
    late = walker.store.add_order(status_id=2)
    for _ in range(25):
        walker.store.add_order(status_id=2)
    walker.clock.wind(HOUR)
    await walker.run()
    walker.clock.wind(HOUR)
    walker.store.set_status(late, 11, visible_after=late_s)
    for _ in range(late_s):
        assert late not in await walker.run()
        walker.clock.wind(1)
    assert late in await walker.run()


async def test_the_saved_feed_never_passes_the_servers_time_less_two_minutes(walker: Walker) -> None:
    """Rule I5."""
    walker.store.behaviour.max_page = 2
    ids = [walker.store.add_order() for _ in range(9)]
    saved: list[tuple[datetime, datetime]] = []

    def keep(filters: Params, listed: Listed) -> Listed:
        walker.clock.wind(7)
        walker.store.edit(ids[len(saved) % 9], staff_notes="Changed while it is being read")
        return listed

    walker.doctor = keep
    for _ in range(6):
        await walker.run()
        saved += [
            (moment(str(page.cursor["feed_from"])), page.seen[0].as_of or datetime.max.replace(tzinfo=UTC))
            for page in walker.pages
            if page.seen
        ]
        walker.clock.wind(40)
    assert len(saved) > 30
    assert all(feed_from <= as_of - LATE_COMMITS for feed_from, as_of in saved)


async def test_the_feed_ends_at_what_was_changed_after_the_run_began(walker: Walker) -> None:
    """Rule I4: a store that changes faster than it is read doesn't hold an import for ever."""
    ids = [walker.store.add_order(status_id=2) for _ in range(30)]
    await walker.run()
    asked = 0

    def edit(filters: Params, listed: Listed) -> Listed:
        nonlocal asked
        asked += 1
        walker.clock.wind(1)
        walker.store.edit(ids[asked % 5], staff_notes=str(asked))
        return listed

    walker.clock.wind(HOUR)
    walker.doctor = edit
    await walker.run()
    assert asked < 12
    walker.doctor = lambda filters, listed: listed
    assert set(ids[:5]) <= set(await walker.run())


async def test_a_feed_that_was_cut_off_goes_on_at_the_last_second_that_was_saved(walker: Walker) -> None:
    """Rules I1 and I4."""
    walker.store.behaviour.max_page = 2
    ids = [walker.store.add_order(status_id=2) for _ in range(40)]
    walker.clock.wind(HOUR)
    await walker.run()
    walker.clock.wind(HOUR)
    for order in ids[:10]:
        walker.store.edit(order, staff_notes="Changed")
        walker.clock.wind(1)
    walker.clock.wind(HOUR)
    shown = set(await walker.run(pages=3))
    last = walker.store.record(max(shown)).modified
    shown |= set(await walker.run())
    assert walker.asked()[0] == {
        "sort": "date_modified:asc",
        "min_date_modified": instant(datetime.fromtimestamp(last, UTC)),
    }
    assert set(ids[:10]) <= shown


async def test_orders_with_unreadable_dates_do_not_hold_up_the_feed(walker: Walker) -> None:
    """Rule I4: they are shown, and the others go on by their own."""
    walker.store.behaviour.max_page = 3
    ids = [walker.store.add_order(status_id=2) for _ in range(40)]
    walker.clock.wind(HOUR)
    await walker.run()
    walker.clock.wind(HOUR)
    for order in ids[:9]:
        walker.store.edit(order, staff_notes="Changed")
        walker.clock.wind(1)
    walker.clock.wind(HOUR)
    broken = {ids[2], ids[3], ids[8]}
    walker.doctor = with_dates(broken, "yesterday")
    shown = await walker.run()
    assert set(ids[:9]) <= set(shown)
    assert walker.feed_from == walker.clock.now() - LATE_COMMITS


@pytest.mark.parametrize("date", ["yesterday", None, 17])
async def test_a_page_without_one_readable_date_costs_few_requests(walker: Walker, date: object) -> None:
    """Rule I4, guarantee 7."""
    order = walker.store.add_order(status_id=2)
    walker.clock.wind(HOUR)
    await walker.run()
    walker.clock.wind(HOUR)
    walker.store.edit(order, staff_notes="Changed")
    walker.clock.wind(HOUR)
    walker.doctor = with_dates({order}, date)
    assert order in await walker.run()
    assert len(walker.asked()) < 10
    assert walker.feed_from == walker.clock.now() - LATE_COMMITS


def with_dates(orders: set[int], date: Any) -> Doctor:
    """Puts something else in place of the modified times of these orders."""

    def doctored(filters: Params, listed: Listed) -> Listed:
        found: list[Raw] = [
            {**order, "date_modified": date} if order_id(order) in orders else order for order in listed.orders
        ]
        return replace(listed, orders=tuple(found))

    return doctored


# --- the look behind the newest id ----------------------------------------------------------------------------------


async def test_new_orders_with_old_modified_times_are_found_by_their_ids(walker: Walker) -> None:
    """Rule I6."""
    walker.store.behaviour.max_page = 3
    newest = walker.store.add_order()
    walker.clock.wind(HOUR)
    await walker.run()
    old = walker.clock.now() - timedelta(days=60)
    added = [walker.store.add_order(date_modified=old) for _ in range(8)]
    shown = await walker.run()
    assert set(added) <= set(shown)
    assert walker.asked("id:asc")[0]["min_id"] == str(newest - 20)
    await walker.run()
    assert walker.asked("id:asc")[0]["min_id"] == str(added[-1] - 20)


async def test_an_id_given_before_the_newest_one_and_shown_after_it_is_found(walker: Walker) -> None:
    """Rule I6: twenty ids are read again."""
    walker.clock.wind(HOUR)
    late = walker.store.add_order(date_modified=walker.clock.now() - timedelta(days=3), visible_after=300)
    for _ in range(20):
        walker.store.add_order(status_id=2)
    assert late not in await walker.run()
    walker.clock.wind(300)
    assert late in await walker.run()


# --- when a sweep is due --------------------------------------------------------------------------------------------


async def test_a_sweep_is_due_a_day_after_the_last_one_ended_and_not_before(walker: Walker) -> None:
    """Rule I7."""
    walker.store.add_order()
    await walker.run()
    walker.clock.wind(DAY - 1)
    await walker.run()
    assert not walker.swept()
    walker.clock.wind(1)
    await walker.run()
    assert walker.swept() == [(9, 1), (11, 1), (11, FIRST + 1)]
    await walker.run()
    assert not walker.swept()


async def test_a_later_sweep_runs_after_the_feed_and_does_not_move_it(walker: Walker) -> None:
    """Rule I7."""
    walker.store.add_order()
    await walker.run()
    walker.clock.wind(DAY)
    walker.store.faults.add("edit", times=None, edit=lambda: walker.clock.wind(10))
    await walker.run()
    sorts = [asked["sort"] for asked in walker.asked()]
    assert sorts[0] == "date_modified:asc"
    assert "status_id" in walker.asked()[-1]
    assert len({page.cursor["feed_from"] for page in walker.pages[-4:]}) == 1


@pytest.mark.parametrize("changed", [{"statuses": (9, 11, 3)}, {"statuses": (11,)}, {"days": 30}, {"days": 400}])
async def test_a_sweep_is_due_at_once_when_the_settings_change_and_once(
    walker: Walker, changed: dict[str, Any]
) -> None:
    """Rule I7."""
    part_shipped = walker.store.add_order(status_id=3, date_modified=walker.clock.now() - timedelta(days=20))
    for _ in range(25):
        walker.store.add_order()
    walker.clock.wind(HOUR)
    await walker.run()
    shown = await walker.run(**changed)
    assert walker.swept()
    assert walker.asked()[0]["sort"] == "date_modified:asc"
    assert (part_shipped in shown) == (3 in changed.get("statuses", ()))
    await walker.run(**changed)
    assert not walker.swept()


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("pages", [1, 2, 3, 5])
async def test_a_sweep_that_was_cut_off_goes_on_where_it_stopped(walker: Walker, is_first: bool, pages: int) -> None:
    """Rules I1 and I7."""
    walker.store.behaviour.max_page = 2
    ids = [walker.store.add_order(status_id=(9, 11)[number % 2]) for number in range(12)]
    if not is_first:
        await walker.run()
        walker.clock.wind(DAY)
        pages += 14  # those of the feed and of the look behind the newest id
    shown = await walker.run(pages=pages)
    before = walker.swept()
    walker.clock.wind(HOUR)
    shown += await walker.run()
    after = walker.swept()
    assert before or not is_first
    assert not set(before) & set(after)
    assert set(ids) == set(shown)
    assert [page.sweep_finished for page in walker.pages].count(True) == 1
    walker.clock.wind(MINUTE)
    await walker.run()
    assert not walker.swept()


async def test_a_sweep_that_was_cut_off_starts_anew_when_the_statuses_change(walker: Walker) -> None:
    """Rules I3 and I7."""
    walker.store.behaviour.max_page = 2
    ids = [walker.store.add_order(status_id=status) for status in (9, 9, 9, 11, 3, 3)]
    await walker.run(pages=2)
    walker.clock.wind(HOUR)
    shown = await walker.run(statuses=(3, 9))
    assert walker.swept()[0] == (3, 1)
    assert set(ids) == set(shown)  # 11 was open when the import began, and is near the newest id


@pytest.mark.parametrize(("of", "to"), [(9, 11), (11, 9)])
async def test_an_order_that_changes_its_status_during_the_sweep_is_shown_as_it_is(
    walker: Walker, of: int, to: int
) -> None:
    """Rules I3 and I4: the feed begins before the sweep did."""
    walker.store.behaviour.max_page = 2
    moving = walker.store.add_order(status_id=of)
    for number in range(30):
        walker.store.add_order(status_id=(9, 11)[number % 2])
    walker.clock.wind(HOUR)
    asked = 0

    def move(filters: Params, listed: Listed) -> Listed:
        nonlocal asked
        asked += 1
        walker.clock.wind(1)
        if asked == (18 if of == 11 else 1):  # before its own status is reached, after the other one was walked
            walker.store.set_status(moving, to)
        return listed

    walker.doctor = move
    await walker.run()
    shown = [seen.raw["status_id"] for page in walker.pages for seen in page.seen if int(seen.id) == moving]
    assert shown[-1] == to


# --- clocks and cursors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-10, -1, 1, 10])
async def test_only_the_servers_clock_counts(walker: Walker, hours: int) -> None:
    """Rules I3 and I5: a machine whose clock is hours off walks as one whose clock is right."""
    walker.store.behaviour.clock_offset_s = hours * HOUR
    order = walker.store.add_order()
    walker.clock.wind(HOUR)
    await walker.run()
    server = walker.clock.now() + timedelta(hours=hours)
    assert walker.feed_from == server - LATE_COMMITS
    walker.clock.wind(HOUR)
    walker.store.set_status(order, 2)
    assert order in await walker.run()
    assert walker.asked()[0]["min_date_modified"] == instant(server - LATE_COMMITS)
    assert not walker.swept()


async def test_a_server_clock_that_is_set_back_starts_the_import_anew(walker: Walker) -> None:
    """Rules I3 and I4: a feed from the future would stay silent until then."""
    walker.store.behaviour.clock_offset_s = 5 * HOUR
    order = walker.store.add_order(status_id=2)
    for _ in range(25):
        walker.store.add_order()
    walker.clock.wind(HOUR)
    await walker.run()
    walker.store.behaviour.clock_offset_s = 0
    await walker.run()  # its first answer tells the new time
    await walker.run()
    assert walker.swept()
    assert walker.feed_from == walker.clock.now() - LATE_COMMITS
    walker.store.set_status(order, 11)
    assert order in await walker.run()


@pytest.mark.parametrize(
    "cursor",
    [
        {},
        {"feed_from": "2026-03-04T09:00:00Z"},
        {"feed_from": "yesterday", "newest_id": 1},
        {"last_id": 7},
        {"feed_from": "2026-03-04T09:00:00Z", "newest_id": 1, "sweep": 3},
    ],
)
async def test_a_cursor_of_unknown_shape_starts_the_import_anew(walker: Walker, cursor: Cursor) -> None:
    """Rule I3."""
    walker.store.add_order()
    walker.cursor = cursor
    await walker.run()
    assert walker.asked()[0]["sort"] == "id:desc"
    assert walker.swept()


# --- quirks ---------------------------------------------------------------------------------------------------------


def backwards(filters: Params, listed: Listed) -> Listed:
    return replace(listed, orders=listed.orders[::-1])


@pytest.mark.parametrize("what", ["date_modified", "id:asc"])
async def test_a_list_in_another_order_than_asked_for_is_an_error_and_nothing_is_missed(
    walker: Walker, what: str
) -> None:
    """Rule I4."""
    ids = []
    for _ in range(4):
        ids.append(walker.store.add_order(status_id=2))
        walker.clock.wind(1)
    await walker.run()
    for order in ids[:3]:
        walker.store.edit(order, staff_notes="Changed")
        walker.clock.wind(1)
    walker.clock.wind(HOUR)
    walker.doctor = lambda filters, listed: (
        backwards(filters, listed) if str(filters["sort"]).startswith(what) else listed
    )
    with pytest.raises(GarbledError, match=r"acme: .*another order than was asked for"):
        await walker.run()
    walker.doctor = lambda filters, listed: listed
    assert set(ids) <= set(await walker.run())


async def test_quirk_05_nothing_is_missed_while_orders_move_between_the_pages(walker: Walker) -> None:
    """Rules I3 and I4: no page numbers, so nothing shifts."""
    walker.store.behaviour.max_page = 3
    ids = [walker.store.add_order() for _ in range(20)]
    walker.clock.wind(HOUR)
    asked = 0

    def ship_the_first(filters: Params, listed: Listed) -> Listed:
        nonlocal asked
        asked += 1
        walker.clock.wind(1)
        if asked <= 10:
            walker.store.set_status(ids[asked - 1], 2)
        return listed

    walker.doctor = ship_the_first
    shown = await walker.run()
    assert not any("page" in filters for filters in walker.asked())
    assert set(shown) == set(ids)


async def test_quirk_06_a_page_of_abandoned_checkouts_does_not_end_the_import(walker: Walker) -> None:
    """Rule I4."""
    walker.store.behaviour.max_page = 3
    ids = [walker.store.add_order(status_id=2) for _ in range(30)]
    walker.clock.wind(HOUR)
    await walker.run()
    for order in ids[:6]:
        walker.store.set_status(order, 0)
        walker.clock.wind(1)
    walker.store.set_status(ids[6], 11)
    walker.clock.wind(HOUR)
    assert ids[6] in await walker.run()


async def test_quirk_07_no_request_bounds_created_and_modified_times_at_once(walker: Walker) -> None:
    """Rules I3, I4 and I6."""
    walker.store.add_order()
    await walker.run()
    await walker.run()
    assert not any(name.endswith("date_created") for filters in walker.asked() for name in filters)


async def test_quirk_08_bounds_are_encoded_once_and_a_store_that_ignores_them_is_noticed(walker: Walker) -> None:
    """Rule I4."""
    ids = [walker.store.add_order(status_id=2) for _ in range(3)]
    walker.clock.wind(HOUR)
    await walker.run()
    assert walker.asked("date_modified")[0]["min_date_modified"] == at(walker.clock, -120)
    stale = [walker.store.order(order) for order in ids]
    walker.clock.wind(HOUR)
    walker.doctor = lambda filters, listed: (
        replace(listed, orders=tuple(stale)) if str(filters["sort"]).startswith("date_modified") else listed
    )
    with pytest.raises(GarbledError, match="another order than was asked for"):
        await walker.run()


@pytest.mark.parametrize("what", ["date_modified", "id:asc"])
async def test_quirk_48_a_store_that_gives_the_same_page_for_ever_does_not_hold_the_import(
    walker: Walker, what: str
) -> None:
    """Rule I4."""
    for _ in range(3):
        walker.store.add_order()
        walker.clock.wind(1)
    kept: list[Listed] = []

    def repeat(filters: Params, listed: Listed) -> Listed:
        if not str(filters["sort"]).startswith(what):
            return listed
        kept.append(listed)
        return kept[0] if kept[0].orders else listed

    walker.doctor = repeat
    with pytest.raises(GarbledError):
        await walker.run(statuses=(11,))
    assert len(walker.store.requests) < 12


async def test_quirk_57_a_new_order_older_than_the_last_change_seen_is_imported(bench: Bench) -> None:
    """Rule I6."""
    bench.store.add_order()
    bench.clock.wind(HOUR)
    await bench.run()
    added = bench.store.add_order(date_modified=bench.clock.now() - timedelta(days=30))
    run = await bench.run()
    assert run.counts.imported == 1
    assert added in await bench.statuses()


@pytest.mark.parametrize("page", [1, 2, 49])
async def test_quirk_58_a_page_shorter_than_asked_for_does_not_end_the_import(bench: Bench, page: int) -> None:
    """Rules I3 and I4."""
    bench.store.behaviour.max_page = page
    ids = {bench.store.add_order(status_id=(9, 11)[number % 2]) for number in range(50)}
    bench.clock.wind(HOUR)
    await bench.run()
    assert await bench.statuses() == bench.true_statuses(sorted(ids))


@pytest.mark.parametrize("lines", [50, 51, 120, 251])
async def test_an_order_of_many_lines_is_imported_whole(bench: Bench, lines: int) -> None:
    """Guarantee 7: two requests more for one of over 50."""
    order = bench.store.add_order(lines=[{"name": f"Tee {number}"} for number in range(lines)])
    bench.clock.wind(HOUR)
    run = await bench.run(import_statuses=[11])
    stored = (await bench.held())[order]
    assert [line.name for part in stored.order.consignments for line in part.lines] == [
        f"Tee {number}" for number in range(lines)
    ]
    of_lines = [asked for asked in bench.asked() if asked.endswith("/products")]
    once = 0 if lines <= 50 else 2 if lines <= 250 else 3  # the last one is the empty answer
    assert len(of_lines) == once
    assert run.counts.imported == 1
    again = await bench.run(import_statuses=[11])
    assert (again.counts.unchanged, again.traffic.requests) == (1, 4)


# --- archived orders that vanish ------------------------------------------------------------------------------------


async def test_open_orders_that_vanish_from_lists_are_asked_for_after_a_sweep_one_in_each_run(bench: Bench) -> None:
    """Rule I8."""
    bench.store.behaviour.archived_in_lists = False
    ids = [bench.store.add_order() for _ in range(40)]
    bench.clock.wind(HOUR)
    await bench.run()
    for order in ids[:9]:
        bench.store.archive(order)
    bench.clock.wind(HOUR)
    await bench.run()
    assert not [asked for asked in bench.asked() if asked.startswith("/v2/orders/")]
    bench.clock.wind(DAY)
    cancelled = []
    for _ in range(10):
        run = await bench.run()
        by_id = [asked for asked in bench.asked() if asked.startswith("/v2/orders/")]
        cancelled.append(len(by_id))
        assert run.counts.updated == len(by_id)
    assert cancelled == [1] * 9 + [0]
    stages = {order: str(stored.order.stage) for order, stored in (await bench.held()).items()}
    assert stages == {order: "cancelled" if order in ids[:9] else "awaiting" for order in ids}


async def test_archived_orders_that_stay_in_lists_are_cancelled_by_the_feed(bench: Bench) -> None:
    """Rules I4 and I8."""
    ids = [bench.store.add_order() for _ in range(3)]
    bench.clock.wind(HOUR)
    await bench.run()
    bench.store.archive(ids[0])
    bench.clock.wind(HOUR)
    assert (await bench.run()).counts.updated == 1
    assert {order: str(stored.order.stage) for order, stored in (await bench.held()).items()} == {
        ids[0]: "cancelled",
        ids[1]: "awaiting",
        ids[2]: "awaiting",
    }


async def test_an_order_that_vanished_and_came_back_is_what_it_is_again(bench: Bench) -> None:
    """Rules I8 and I10."""
    bench.store.behaviour.archived_in_lists = False
    order = bench.store.add_order()
    bench.clock.wind(HOUR)
    await bench.run()
    bench.store.archive(order)
    bench.clock.wind(DAY)
    await bench.run()
    assert str((await bench.held())[order].order.stage) == "cancelled"
    bench.store.edit(order, is_deleted=False)
    bench.clock.wind(MINUTE)
    await bench.run()
    stored = (await bench.held())[order]
    assert (str(stored.order.stage), stored.gone_at) == ("awaiting", None)
