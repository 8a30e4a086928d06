"""What stands on the papers of an order: its sheets, or why it has none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime

from crossdock.config import PaperConfig, StoreConfig
from crossdock.errors import CrossdockError
from crossdock.model import Address, Consignment, ConsignmentKind, Line, Order
from crossdock.papers.sheets import LabelSheet, Packed, PickupSheet, SlipSheet
from crossdock.shipment import Item
from crossdock.state.shipments import WriteBack


class NoPaperError(CrossdockError):
    """There is no such paper of an order; its words are a clause that says why."""


def label_of(store: StoreConfig, order: Order, row: WriteBack) -> LabelSheet:
    """The label of a shipment whose carrier gives none. Raises NoPaperError."""
    consignment = _consignment(order, row)
    recipient = consignment.ship_to if consignment else None
    if row.sets_aside:
        recipient = Address(name=order.customer.name, phone=order.customer.phone)
    if recipient is None:
        raise NoPaperError("the order has no address that it could go to")
    shipment = row.shipment
    return LabelSheet(
        store=store.label,
        order=order.number,
        shipment=row.id,
        carrier=shipment.carrier,
        goods=_packed(shipment.items, consignment),
        service=shipment.service,
        tracking_number=shipment.tracking_number,
        tracking_link=shipment.tracking_link,
        waits=row.sets_aside,
        sender=store.sender,
        recipient=recipient,
    )


def slips_of(store: StoreConfig, order: Order, rows: Sequence[WriteBack], papers: PaperConfig) -> list[SlipSheet]:
    """The packing slips of an order: for what is left of each consignment, or else for each shipment of it.

    Raises NoPaperError.
    """
    parcels = list(_parcels(order, rows, (ConsignmentKind.SHIPPING, ConsignmentKind.PICKUP)))
    if not parcels:
        raise NoPaperError(_why_nothing(order))
    return [
        SlipSheet(
            store=store.label,
            order=order.number,
            placed_on=local_date(order.placed_at),
            currency=order.currency,
            goods=goods,
            columns=papers.columns,
            service=consignment.service,
            logo=store.logo,
            sender=store.sender,
            recipient=consignment.ship_to or consignment.pickup_from,
            message=order.customer_message,
        )
        for consignment, goods in parcels
    ]


def pickup_slips_of(store: StoreConfig, order: Order, rows: Sequence[WriteBack]) -> list[PickupSheet]:
    """The slips of what waits, or is going to wait, for the buyer. Raises NoPaperError."""
    waiting = [row for row in rows if row.sets_aside]
    parcels = [
        (consignment, _packed(row.shipment.items, consignment))
        for row in waiting
        if (consignment := _consignment(order, row)) is not None
    ] or list(_parcels(order, (), (ConsignmentKind.PICKUP,)))
    if not parcels:
        raise NoPaperError(
            "nothing of it is to be collected"
            if not any(one.kind is ConsignmentKind.PICKUP for one in order.consignments)
            else _why_nothing(order)
        )
    return [
        PickupSheet(
            store=store.label,
            order=order.number,
            placed_on=local_date(order.placed_at),
            goods=goods,
            logo=store.logo,
            location=consignment.pickup_from,
            customer=order.customer,
        )
        for consignment, goods in parcels
    ]


def to_pick(order: Order) -> list[tuple[str, Line, int]]:
    """What is to be fetched from the shelves for an order, as `picks_of` takes it. Raises NoPaperError."""
    if not order.shippable:
        raise NoPaperError(_why_nothing(order))
    return [
        (order.number, line, line.left_to_ship)
        for consignment in order.consignments
        for line in consignment.lines
        if line.left_to_ship
    ]


def local_date(moment: datetime) -> date:
    """The day that people here call it."""
    return moment.astimezone().date()


def _parcels(
    order: Order, rows: Sequence[WriteBack], kinds: Iterable[ConsignmentKind]
) -> Iterator[tuple[Consignment, tuple[Packed, ...]]]:
    """What goes, or went, into each parcel of the consignments of these kinds."""
    for consignment in order.consignments:
        if consignment.kind not in kinds:
            continue
        left = tuple(Packed(line=line, quantity=line.left_to_ship) for line in consignment.lines if line.left_to_ship)
        if left and order.shipping_allowed:
            yield consignment, left
        else:
            own = (row for row in rows if row.shipment.consignment == consignment.id)
            yield from ((consignment, _packed(row.shipment.items, consignment)) for row in own)


def _packed(items: Iterable[Item], consignment: Consignment | None) -> tuple[Packed, ...]:
    """What a shipment holds; by the line's id alone where the order has the line no more."""
    lines: Mapping[str, Line] = {line.id: line for line in consignment.lines} if consignment else {}
    return tuple(
        Packed(
            line=lines.get(item.line) or Line(id=item.line, name=f"line {item.line}", quantity=item.quantity),
            quantity=item.quantity,
        )
        for item in items
    )


def _consignment(order: Order, row: WriteBack) -> Consignment | None:
    return next((one for one in order.consignments if one.id == row.shipment.consignment), None)


def _why_nothing(order: Order) -> str:
    if not order.shipping_allowed:
        return f"it stands at {order.status.name}, so nothing of it may be shipped"
    return "nothing of it is left to ship"
