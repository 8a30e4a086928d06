"""Reports as the documented JSON: the same for the command line and for the JSON API."""

from __future__ import annotations

from datetime import datetime

from crossdock.engine import OrderReport, StoreReport
from crossdock.model import instant, order_to_json
from crossdock.state import run_to_json
from crossdock.state.shipments import UNFINISHED, WriteBackState, writeback_to_json

UNTOLD = tuple(state for state in WriteBackState if state in UNFINISHED)


def store_to_json(one: StoreReport, following: datetime | None) -> dict[str, object]:
    """How a store stands, and when it's imported next."""
    run = one.last_run
    return {
        "name": one.config.name,
        "label": one.config.label,
        "connector": one.config.connector.name,
        "account": one.record and {"identity": one.record.identity, "name": one.record.account_name},
        "state": one.state,
        "since": one.since and instant(one.since),
        "why": one.failure and one.failure.words,
        "schedule": one.schedule,
        "last_run": run and run_to_json(run),
        "next_run": following and instant(following),
        "lag_s": None if one.lag is None else int(one.lag.total_seconds()),
        "backlog": one.backlog,
        "set_aside": one.set_aside,
        "writebacks": {state.value: one.writebacks.get(state, 0) for state in (*UNTOLD, WriteBackState.REFUSED)},
        "quota_left": run and run.traffic.quota_left,
    }


def report_to_json(report: OrderReport) -> dict[str, object]:
    """An order with its shipments and its timeline."""
    return {
        **order_to_json(report.stored.store, report.stored.order),
        "imported_at": instant(report.stored.imported_at),
        "updated_at": instant(report.stored.updated_at),
        "set_aside": report.aside,
        "shipments": [writeback_to_json(row) for row in report.shipments],
        "timeline": [
            {"at": instant(event.at), "event": event.event, "details": event.details} for event in report.timeline
        ],
    }
