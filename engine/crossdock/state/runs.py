"""Runs, and how the stores stand after them, inside the transaction that is open."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import msgspec

from crossdock.model import instant, moment
from crossdock.state import Begun, DayOfRuns, Failure, Outcome, Run, RunKind, Standing, Traffic
from crossdock.state.rows import run_record, standing_record


def begin_run(db: sqlite3.Connection, store: str, kind: RunKind, at: datetime) -> Begun:
    db.execute(
        "update runs set outcome = ?, ended_at = ? where store = ? and ended_at is null",
        (Outcome.KILLED.value, instant(at), store),
    )
    cursor = db.execute("insert into runs (store, kind, started_at) values (?, ?, ?)", (store, kind.value, instant(at)))
    assert cursor.lastrowid is not None
    standing = db.execute("select * from standings where store = ?", (store,)).fetchone()
    return Begun(run=cursor.lastrowid, standing=standing and standing_record(standing))


def end_run(
    db: sqlite3.Connection,
    run: int,
    outcome: Outcome,
    at: datetime,
    traffic: Traffic,
    reasons: Mapping[str, int],
    failure: Failure | None,
    standing: Standing | None,
) -> Run:
    db.execute(
        "update runs set outcome = ?, ended_at = ?, requests = ?, retries = ?, waited_s = ?, quota_left = ?, "
        "last_request_id = ?, reasons = ?, error_kind = ?, error = ? where id = ?",
        (
            outcome.value,
            instant(at),
            traffic.requests,
            traffic.retries,
            traffic.waited_s,
            traffic.quota_left,
            traffic.last_request_id,
            msgspec.json.encode(reasons).decode(),
            failure and failure.kind,
            failure and failure.words,
            run,
        ),
    )
    if standing is not None:
        _stand(db, standing)
    ended = find_run(db, run)
    return _folded(db, ended) if _is_idle(ended) else ended


def find_run(db: sqlite3.Connection, run: int) -> Run:
    return run_record(db.execute("select * from runs where id = ?", (run,)).fetchone())


def look_up_run(db: sqlite3.Connection, run: int) -> Run | None:
    row = db.execute("select * from runs where id = ?", (run,)).fetchone()
    return None if row is None else run_record(row)


def runs_before(db: sqlite3.Connection, store: str | None, before: int | None, limit: int) -> Sequence[Run]:
    where = ["1"] if store is None else ["store = :store"]
    if before is not None:
        where.append("id < :before")
    query = f"select * from runs where {' and '.join(where)} order by id desc limit :limit"
    return [run_record(row) for row in db.execute(query, {"store": store, "before": before, "limit": limit})]


def sum_by_day(db: sqlite3.Connection, since: datetime, store: str | None) -> Sequence[DayOfRuns]:
    at_store = "" if store is None else "and store = :store "
    rows = db.execute(
        "select substr(ended_at, 1, 10) as day, store, sum(imported) as imported, sum(updated) as updated, "
        "sum(outcome = 'failed') as failed, sum(1 + folded) as runs from runs "
        f"where ended_at >= :since {at_store}group by day, store order by day, store",
        {"since": instant(since), "store": store},
    )
    return [
        DayOfRuns(
            day=date.fromisoformat(row["day"]),
            store=row["store"],
            imported=row["imported"],
            updated=row["updated"],
            failed=row["failed"],
            runs=row["runs"],
        )
        for row in rows
    ]


def _is_idle(run: Run) -> bool:
    """Whether the run tells nothing but that it was: an import of changes that went well and brought none."""
    counts = run.counts
    brought = counts.imported + counts.updated + counts.skipped + counts.set_aside
    return run.outcome is Outcome.DONE and run.kind is RunKind.CHANGES and not brought


def _folded(db: sqlite3.Connection, run: Run) -> Run:
    """`run`, an idle one, which stands for the one before it as well from now on, if that was idle too."""
    row = db.execute("select * from runs where store = ? and id < ? order by id desc", (run.store, run.id)).fetchone()
    if row is None or not _is_idle(previous := run_record(row)):
        return run
    db.execute("delete from runs where id = ?", (previous.id,))
    db.execute("update runs set folded = ? where id = ?", (previous.folded + 1, run.id))
    return replace(run, folded=previous.folded + 1)


def _stand(db: sqlite3.Connection, standing: Standing) -> None:
    """Notes how the store stands. Whether it is paused is not for an import to say."""
    failure = standing.failure
    db.execute(
        "insert into standings (store, health, since, error_kind, error, failures, next_try) "
        "values (?, ?, ?, ?, ?, ?, ?) on conflict (store) do update set health = excluded.health, "
        "since = excluded.since, error_kind = excluded.error_kind, error = excluded.error, "
        "failures = excluded.failures, next_try = excluded.next_try",
        (
            standing.store,
            standing.health.value,
            instant(standing.since),
            failure and failure.kind,
            failure and failure.words,
            standing.failures,
            standing.next_try and instant(standing.next_try),
        ),
    )


def find_standings(db: sqlite3.Connection) -> Mapping[str, Standing]:
    return {row["store"]: standing_record(row) for row in db.execute("select * from standings order by store")}


def pause(db: sqlite3.Connection, store: str, at: datetime) -> bool:
    noted = db.execute(
        "insert into standings (store, paused_at) values (?, ?) "
        "on conflict (store) do update set paused_at = excluded.paused_at where paused_at is null",
        (store, instant(at)),
    )
    return noted.rowcount == 1


def resume(db: sqlite3.Connection, store: str) -> bool:
    noted = db.execute("update standings set paused_at = null where store = ? and paused_at is not null", (store,))
    # One that was never imported stands nowhere again.
    db.execute("delete from standings where store = ? and health is null and paused_at is null", (store,))
    return noted.rowcount == 1


def paused_stores(db: sqlite3.Connection) -> frozenset[str]:
    return frozenset(store for (store,) in db.execute("select store from standings where paused_at is not null"))


def last_runs(db: sqlite3.Connection) -> Mapping[str, Run]:
    # Not joined to `stores`: a store whose first sign-in failed isn't there yet. Each name is found by the index.
    rows = db.execute(
        "with recursive names(name) as (select min(store) from runs union all "
        "select (select min(store) from runs where store > name) from names where name is not null) "
        "select runs.* from names join runs on runs.id = "
        "(select max(id) from runs as r where r.store = name and r.kind != ?)",
        (RunKind.ORDER.value,),
    )
    return {row["store"]: run_record(row) for row in rows}


def last_done(db: sqlite3.Connection) -> Mapping[str, datetime]:
    rows = db.execute(
        # As constants, by which the index over these runs alone is found.
        f"select store, max(ended_at) from runs where outcome = '{Outcome.DONE}' and kind = '{RunKind.CHANGES}' "
        "group by store"
    )
    return {store: moment(ended_at) for store, ended_at in rows}
