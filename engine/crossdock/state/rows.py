"""Values to rows and back: the only place that knows which column holds which field."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from crossdock.model import (
    Address,
    Consignment,
    ConsignmentKind,
    Customer,
    Line,
    Order,
    Stage,
    Status,
    instant,
    moment,
)
from crossdock.state import (
    Counts,
    Failure,
    Outcome,
    Run,
    RunKind,
    Standing,
    StoredOrder,
    StoreRecord,
    StoreState,
    Traffic,
)

ORDER_COLUMNS = (
    "number",
    "status_id",
    "status_name",
    "stage",
    "shipping_allowed",
    "placed_at",
    "modified_at",
    "currency",
    "total",
    "customer_name",
    "customer_company",
    "customer_email",
    "customer_phone",
    "billing",
    "customer_message",
    "staff_notes",
    "channel",
    "search",
)

_encode = msgspec.json.Encoder().encode
_address = msgspec.json.Decoder(Address).decode
_options = msgspec.json.Decoder(dict[str, str]).decode


def order_values(order: Order) -> tuple[object, ...]:
    """The values of ORDER_COLUMNS."""
    return (
        order.number,
        order.status.id,
        order.status.name,
        order.stage.value,
        int(order.shipping_allowed),
        instant(order.placed_at),
        instant(order.modified_at),
        order.currency,
        None if order.total is None else str(order.total),
        order.customer.name,
        order.customer.company,
        order.customer.email,
        order.customer.phone,
        address_text(order.billing),
        order.customer_message,
        order.staff_notes,
        order.channel,
        search_text(order),
    )


def search_text(order: Order) -> str:
    """What an order is found by: number, names, companies, e-mail and SKUs."""
    found = [order.number, order.customer.name, order.customer.company, order.customer.email]
    if order.id != order.number:
        found.append(order.id)
    for consignment in order.consignments:
        if consignment.ship_to:
            found += [consignment.ship_to.name, consignment.ship_to.company]
        found += [line.sku for line in consignment.lines]
    return " ".join(dict.fromkeys(text for text in found if text))


def consignment_rows(key: int, order: Order) -> Iterator[tuple[object, ...]]:
    """Rows of `consignments` for the order with this key."""
    for position, consignment in enumerate(order.consignments):
        yield (
            key,
            position,
            consignment.id,
            consignment.kind.value,
            address_text(consignment.ship_to),
            address_text(consignment.pickup_from),
            consignment.service,
        )


def line_rows(key: int, order: Order) -> Iterator[tuple[object, ...]]:
    """Rows of `lines` for the order with this key."""
    for consignment_position, consignment in enumerate(order.consignments):
        for position, line in enumerate(consignment.lines):
            yield (
                key,
                consignment_position,
                position,
                line.id,
                line.parent_id,
                line.sku,
                line.barcode,
                line.bin,
                line.name,
                line.quantity,
                line.quantity_shipped,
                line.quantity_refunded,
                None if line.unit_price is None else str(line.unit_price),
                line.weight_grams,
                _encode(dict(line.options)).decode() if line.options else None,
                line.size,
                line.colour,
                line.hs_code,
                line.gift_wrap,
                line.gift_message,
                int(line.requires_shipping),
            )


def address_text(address: Address | None) -> str | None:
    """An address as the JSON of its column."""
    return None if address is None else _encode(address).decode()


def stored_order(row: sqlite3.Row, consignments: Sequence[sqlite3.Row], lines: Sequence[sqlite3.Row]) -> StoredOrder:
    """The order of one row of `orders` and its rows of `consignments` and `lines`, both in order."""
    order = Order(
        id=row["id"],
        number=row["number"],
        status=Status(id=row["status_id"], name=row["status_name"]),
        stage=Stage(row["stage"]),
        shipping_allowed=bool(row["shipping_allowed"]),
        placed_at=moment(row["placed_at"]),
        modified_at=moment(row["modified_at"]),
        currency=row["currency"],
        total=None if row["total"] is None else Decimal(row["total"]),
        customer=Customer(
            name=row["customer_name"],
            company=row["customer_company"],
            email=row["customer_email"],
            phone=row["customer_phone"],
        ),
        consignments=tuple(
            _consignment(found, [line for line in lines if line["consignment"] == found["position"]])
            for found in consignments
        ),
        billing=_address_from(row["billing"]),
        customer_message=row["customer_message"],
        staff_notes=row["staff_notes"],
        channel=row["channel"],
    )
    return StoredOrder(
        store=row["store"],
        order=order,
        imported_at=moment(row["imported_at"]),
        updated_at=moment(row["updated_at"]),
        as_of=moment(row["as_of"]),
        gone_at=moment_from(row["gone_at"]),
        erased_at=moment_from(row["erased_at"]),
    )


def _consignment(row: sqlite3.Row, lines: Sequence[sqlite3.Row]) -> Consignment:
    return Consignment(
        id=row["id"],
        kind=ConsignmentKind(row["kind"]),
        ship_to=_address_from(row["ship_to"]),
        pickup_from=_address_from(row["pickup_from"]),
        service=row["service"],
        lines=tuple(_line(line) for line in lines),
    )


def _line(row: sqlite3.Row) -> Line:
    return Line(
        id=row["id"],
        parent_id=row["parent_id"],
        sku=row["sku"],
        barcode=row["barcode"],
        bin=row["bin"],
        name=row["name"],
        quantity=row["quantity"],
        quantity_shipped=row["quantity_shipped"],
        quantity_refunded=row["quantity_refunded"],
        unit_price=None if row["unit_price"] is None else Decimal(row["unit_price"]),
        weight_grams=row["weight_grams"],
        options=_options(row["options"]) if row["options"] else {},
        size=row["size"],
        colour=row["colour"],
        hs_code=row["hs_code"],
        gift_wrap=row["gift_wrap"],
        gift_message=row["gift_message"],
        requires_shipping=bool(row["requires_shipping"]),
    )


def store_record(row: sqlite3.Row) -> StoreRecord:
    """A row of `stores`."""
    return StoreRecord(
        name=row["name"],
        connector=row["connector"],
        identity=row["identity"],
        account_name=row["account_name"],
        cursor=None if row["cursor"] is None else msgspec.json.decode(row["cursor"]),
        swept_since=moment_from(row["swept_since"]),
        derivation=row["derivation"],
    )


def run_record(row: sqlite3.Row) -> Run:
    """A row of `runs`."""
    return Run(
        id=row["id"],
        store=row["store"],
        kind=RunKind(row["kind"]),
        started_at=moment(row["started_at"]),
        ended_at=moment_from(row["ended_at"]),
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        counts=Counts(**{name: row[name] for name in Counts.__slots__}),
        traffic=Traffic(**{name: row[name] for name in Traffic.__slots__}),
        reasons={} if row["reasons"] is None else msgspec.json.decode(row["reasons"]),
        failure=_failure_from(row),
        folded=row["folded"],
    )


def standing_record(row: sqlite3.Row) -> Standing:
    """A row of `standings`. A store that was paused before its first import stands as if nothing were wrong."""
    paused_at = moment_from(row["paused_at"])
    since = moment_from(row["since"]) or paused_at
    assert since is not None
    return Standing(
        store=row["store"],
        health=StoreState(row["health"] or StoreState.OK),
        since=since,
        failure=_failure_from(row),
        failures=row["failures"],
        next_try=moment_from(row["next_try"]),
        paused_at=paused_at,
    )


def _failure_from(row: sqlite3.Row) -> Failure | None:
    return None if row["error"] is None else Failure(kind=row["error_kind"], words=row["error"])


def _address_from(text: str | None) -> Address | None:
    return None if text is None else _address(text)


def moment_from(text: str | None) -> datetime | None:
    """The time in a column that may be null."""
    return None if text is None else moment(text)
