"""`crossdock check` and `crossdock stores`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from crossdock.cli.output import complain, json_line, say, stdout, table
from crossdock.cli.session import Session, pass_session
from crossdock.clock import span
from crossdock.errors import CrossdockError, UsageError
from crossdock.model import instant
from crossdock.state.shipments import WriteBackState

if TYPE_CHECKING:
    from crossdock.config import Reading, StoreConfig
    from crossdock.connector import Access
    from crossdock.engine import Engine, StoreReport


@click.command()
@click.argument("names", metavar="[STORE]...", nargs=-1)
@pass_session
def check(session: Session, names: tuple[str, ...]) -> int:
    """Validate the configuration, then sign in to each store.

    Says whose account each store is, and in words which permission lacks for import and for write-back. Nothing is
    changed in a store, and no store is bound to its account yet.

    \b
    Examples:
      crossdock check              all stores
      crossdock check acme-au      one of them
    """
    reading = session.reading
    for mistake in reading.mistakes:
        complain(str(mistake))
    misused = 2 if reading.mistakes or _is_open_door(reading) else 0
    if reading.config is None or not reading.config.stores:
        return misused
    config = reading.config
    chosen = [name for name in names or sorted(config.stores) if name not in reading.broken_stores]

    async def sign_in(engine: Engine) -> int:
        results = await engine.check(chosen)
        return max([_tell(engine.store(name), result) for name, result in zip(chosen, results, strict=True)], default=0)

    return max(misused, session.run(config, sign_in))


def _is_open_door(reading: Reading) -> bool:
    """Whether the daemon would refuse to show its page, which is said."""
    from crossdock.web.guards import refuse_open_door  # noqa: PLC0415 -- the other commands do without it

    if reading.config is None:
        return False
    try:
        refuse_open_door(reading.config.engine)
    except UsageError as error:
        complain(str(error))
        return True
    return False


def _tell(store: StoreConfig, result: Access | CrossdockError) -> int:
    """Prints how signing in to a store went; 1 where it can't do what it is configured for."""
    if isinstance(result, CrossdockError):
        complain(str(result))
        return 1
    account = result.account
    known = [account.identity, account.timezone, account.currency, account.weight_unit]
    details = ", ".join(fact for fact in known if fact)
    lacking = {missing.needed_for.value for missing in result.missing}
    lacking |= set() if store.connector.writes_back() else {"write_back"}
    may = [words for purpose, words in (("import", "import"), ("write_back", "write-back")) if purpose not in lacking]
    allowed = f"its key allows {' and '.join(may)}" if may else "its key allows neither import nor write-back"
    say(f"{store.name}: {store.connector.title} store “{account.name}” ({details}); {allowed}.")
    failed = 0
    for missing in result.missing:
        complain(f"{store.name}: {missing.words}")
        if missing.needed_for.value == "import" or store.write_back:
            failed = 1
    return failed


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
@pass_session
def stores(session: Session, *, as_json: bool) -> int:
    """List each store: state, schedule, last run, lag, backlog, quota left.

    The lag is the time since the last successful import; the backlog is the number of orders that wait to be shipped.
    The next run is that of the daemon, if one is running.
    """

    async def report(engine: Engine) -> int:
        from crossdock.reports import store_to_json  # noqa: PLC0415 -- the whole engine: `--help` does without it
        from crossdock.timetable import next_run  # noqa: PLC0415 -- APScheduler: no other command needs it

        now = datetime.now(UTC)
        is_running = await engine.state.daemon_holder() is not None
        reports = [
            (one, next_run(one.config, one.standing, now) if is_running else None) for one in await engine.stores()
        ]
        if as_json:
            json_line([store_to_json(one, following) for one, following in reports])
            return 0
        _print(reports, now)
        if not is_running:
            complain("No daemon is running: nothing is imported by schedule. `crossdock run` starts it.")
        return 0

    return session.run(session.config(), report)


def _print(reports: Sequence[tuple[StoreReport, datetime | None]], now: datetime) -> None:
    """A row a store; in a terminal, what is wrong follows as sentences, which have room there."""
    headings = ["STORE", "STATE", "SINCE", "SCHEDULE", "LAST RUN", "NEXT", "LAG", "BACKLOG", "QUOTA LEFT"]
    rows = [_row(one, following, now) for one, following in reports]
    reasons = [_why(one) for one, _ in reports]
    if not stdout().isatty():
        table([*headings, "WHY"], [[*row, why] for row, why in zip(rows, reasons, strict=True)])
        return
    table(headings, rows, folds=["SCHEDULE", "LAST RUN", "QUOTA LEFT"])
    for (one, _), why in zip(reports, reasons, strict=True):
        if why:
            say(f"{one.config.name}: {why}")


def _row(one: StoreReport, following: datetime | None, now: datetime) -> list[str]:
    run = one.last_run
    is_for_people = stdout().isatty()
    began = None if run is None else f"{span(now - run.started_at)} ago" if is_for_people else instant(run.started_at)
    since = None if one.since is None else span(now - one.since) if is_for_people else instant(one.since)
    return [
        one.config.name,
        one.state,
        since or "",
        one.schedule,
        "never" if run is None else f"{began} {run.outcome or 'running'}",
        "" if following is None else f"in {span(following - now)}",
        "" if one.lag is None else span(one.lag),
        str(one.backlog),
        "" if run is None or run.traffic.quota_left is None else str(run.traffic.quota_left),
    ]


def _why(one: StoreReport) -> str:
    """What is wrong with a store; its name, with which each message begins, stands in the row already."""
    failure = one.failure.words.removeprefix(f"{one.config.name}: ") if one.failure else ""
    aside = f"{one.set_aside} set aside, see `crossdock import`" if one.set_aside else ""
    return "; ".join(words for words in (failure, aside, _untold(one), _refused(one)) if words)


def _untold(one: StoreReport) -> str:
    """`3 shipments still to be told to the store (2 pending, 1 uncertain)`."""
    from crossdock.reports import UNTOLD  # noqa: PLC0415 -- the whole engine: `--help` does without it

    counts = {state.value: one.writebacks[state] for state in UNTOLD if one.writebacks.get(state)}
    shipments = _shipments(sum(counts.values()))
    listed = ", ".join(f"{count} {state}" for state, count in counts.items())
    return f"{shipments} still to be told to the store ({listed})" if counts else ""


def _refused(one: StoreReport) -> str:
    refused = one.writebacks.get(WriteBackState.REFUSED, 0)
    see = f"see `crossdock writebacks --state refused --store {one.config.name}`"
    return f"{_shipments(refused)} refused, {see}" if refused else ""


def _shipments(count: int) -> str:
    return f"{count} shipment{'' if count == 1 else 's'}"
