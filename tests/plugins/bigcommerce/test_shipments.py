"""Writing back to BigCommerce: what a look shows, what a shipment becomes there, and what each refusal means."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from crossdock import (
    CredentialsError,
    GarbledError,
    HttpClient,
    Item,
    PermissionMissingError,
    RateLimitedError,
    Receipt,
    RefusedError,
    Shipment,
    StoreShipment,
    UnreachableError,
)
from crossdock.http import open_session
from crossdock_bigcommerce import shipments
from crossdock_bigcommerce.connector import BigCommerce
from crossdock_bigcommerce.values import WireError
from crossdock_sandbox.documented import ORDERS_MODIFY, ORDERS_READ
from crossdock_sandbox.server import serve
from crossdock_sandbox.store import SandboxStore
from hypothesis import given
from hypothesis import strategies as st
from plugins.bigcommerce.examples import order, sample, settings
from support.clock import WoundClock

PARCEL = Shipment(
    id=1,
    order_id="10234",
    consignment="301",
    items=(Item("901", 2),),
    carrier="Australia Post",
    tracking_number="33ABC1",
)


# --- a simulated store ----------------------------------------------------------------------------------------------


class Bench:
    """An order at a simulated store, and the connector that ships it."""

    def __init__(self, store: SandboxStore, connector: BigCommerce, clock: WoundClock) -> None:
        self.clock = clock
        self.store = store
        self.connector = connector
        self.order_id = store.add_order(lines=[{"quantity": 3}, {"address": 1}], addresses=[{}, {}])

    @property
    def order(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.store.order(self.order_id)
        return found

    def parcel(self, quantity: int = 3, **fields: Any) -> Shipment:
        """A shipment of the first line."""
        line = self.order["lines"][0]
        shipment = Shipment(
            id=1,
            order_id=str(self.order_id),
            consignment=str(line["order_address_id"]),
            items=(Item(str(line["id"]), quantity),),
            carrier="Australia Post",
            tracking_number="33ABC1",
        )
        return replace(shipment, **fields)

    def asked(self) -> list[tuple[str, str]]:
        """What was asked since the last time, without what is asked once a day."""
        asked = [(each.method, each.path) for each in self.store.requests if each.path != "/v2/store"]
        self.store.requests.clear()
        return asked

    def sent(self) -> list[dict[str, Any]]:
        return [json.loads(each.body) for each in self.store.requests if each.body]

    async def shown(self) -> tuple[StoreShipment, ...]:
        look = await self.connector.look(str(self.order_id))
        assert look is not None
        return look.shipments


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    clock = WoundClock()
    store = SandboxStore(now=clock.now, quota=1000)
    async with serve(store) as running, open_session() as session:
        store_settings = settings(api_path=running.api_path, access_token=running.access_token)
        options = BigCommerce.http_options(store_settings)
        http = HttpClient(session, options, store="acme-au", clock=clock, random=Random(1))
        yield Bench(store, BigCommerce(store_settings, http), clock)
    assert store.faults.unused == [], "a fault was not met"


async def test_a_look_shows_the_order_whole_and_every_shipment_whoever_made_it(bench: Bench) -> None:
    receipt = await bench.connector.send(bench.parcel(2))
    look = await bench.connector.look(str(bench.order_id))
    assert look is not None
    assert look.shipments == (
        StoreShipment(
            id=receipt.id,
            consignment=bench.parcel().consignment,
            items=(Item(bench.parcel().items[0].line, 2),),
            tracking_number="33ABC1",
            carrier="Australia Post",
        ),
    )
    order = bench.connector.order_from_raw(look.seen.raw)
    assert order.status.id == "3"
    assert [line.quantity_shipped for part in order.consignments for line in part.lines] == [2, 0]


async def test_a_look_is_two_requests_and_one_more_where_shipments_are(bench: Bench) -> None:
    path = f"/v2/orders/{bench.order_id}"
    await bench.shown()
    assert bench.asked() == [("GET", path), ("GET", f"{path}/shipments")]
    await bench.connector.send(bench.parcel())
    assert bench.asked() == [("POST", f"{path}/shipments")]
    await bench.shown()
    assert bench.asked() == [("GET", path), *[("GET", f"{path}/shipments")] * 2]


async def test_a_look_is_as_old_as_its_first_request(bench: Bench) -> None:
    await bench.shown()
    at = bench.connector.http.server_time()
    bench.store.faults.add("edit", path="/shipments$", edit=lambda: bench.clock.wind(90))
    look = await bench.connector.look(str(bench.order_id))
    assert look is not None
    assert look.seen.as_of == at


async def test_quirk_03_a_look_at_a_large_order_has_all_of_its_lines(bench: Bench) -> None:
    order_id = bench.store.add_order(lines=[{"sku": f"SKU-{number}"} for number in range(60)])
    look = await bench.connector.look(str(order_id))
    assert look is not None
    assert sum(len(part.lines) for part in bench.connector.order_from_raw(look.seen.raw).consignments) == 60


@pytest.mark.parametrize("order_id", ["999999", "", "../store", "no number"])
async def test_there_is_no_look_at_an_order_that_is_not_there(bench: Bench, order_id: str) -> None:
    assert await bench.connector.look(order_id) is None


async def test_quirk_37_an_archived_order_is_still_looked_at_and_lets_nothing_be_shipped(bench: Bench) -> None:
    bench.store.archive(bench.order_id)
    look = await bench.connector.look(str(bench.order_id))
    assert look is not None
    assert not bench.connector.order_from_raw(look.seen.raw).shipping_allowed


@pytest.mark.parametrize("largest_page", [1, 2, 250])
async def test_quirk_58_all_shipments_are_seen_however_few_a_page_holds(bench: Bench, largest_page: int) -> None:
    bench.store.behaviour.max_page = largest_page
    for number in ("A", "B", "C"):
        await bench.connector.send(bench.parcel(1, tracking_number=number))
    assert [found.tracking_number for found in await bench.shown()] == ["A", "B", "C"]


async def test_a_shipment_is_made_with_number_and_carrier_in_one_request(bench: Bench) -> None:
    """Quirk 68: marketplaces keep what they read first."""
    receipt = await bench.connector.send(bench.parcel(service="Express Post"))
    (made,) = bench.store.shipments(bench.order_id)
    assert (receipt.id, made.tracking_number, made.shipping_provider) == (str(made.id), "33ABC1", "auspost")
    assert made.shipping_method == "Express Post"
    assert made.generated_tracking_link, "quirk 50: the buyer gets a link"
    assert len(bench.store.emails) == 1


async def test_quirk_60_no_field_is_sent_empty_that_must_not_be(bench: Bench) -> None:
    await bench.connector.send(bench.parcel())
    assert bench.sent() == [
        {
            "order_address_id": int(bench.parcel().consignment),
            "items": [{"order_product_id": int(bench.parcel().items[0].line), "quantity": 3}],
            "tracking_number": "33ABC1",
            "shipping_provider": "auspost",
            "tracking_carrier": "",
        }
    ]


async def test_a_parcel_without_a_number_is_a_shipment_too(bench: Bench) -> None:
    await bench.connector.send(bench.parcel(tracking_number=None))
    assert [found.tracking_number for found in await bench.shown()] == [None]


async def test_quirk_17_units_that_are_not_there_are_refused_in_the_platforms_words(bench: Bench) -> None:
    with pytest.raises(RefusedError, match=r"^acme-au: .*greater than the quantity of the product that is available"):
        await bench.connector.send(bench.parcel(4))
    assert bench.store.shipments(bench.order_id) == []


async def test_quirk_19_a_line_of_another_address_is_refused(bench: Bench) -> None:
    other = str(bench.order["lines"][1]["id"])
    with pytest.raises(RefusedError, match="order_product_id"):
        await bench.connector.send(bench.parcel(items=(Item(other, 1),)))


@pytest.mark.parametrize(
    ("kind", "error"),
    [("reset-before", UnreachableError), ("reset-after", UnreachableError), ("cut", GarbledError)],
)
async def test_a_shipment_is_sent_once_whatever_becomes_of_its_answer(
    bench: Bench, kind: str, error: type[Exception]
) -> None:
    bench.store.faults.add(kind, method="POST")
    with pytest.raises(error):
        await bench.connector.send(bench.parcel())
    assert [method for method, _ in bench.asked()] == ["POST"]
    assert len(await bench.shown()) == (0 if kind == "reset-before" else 1)


@pytest.mark.parametrize("kind", ["500", "502", "503", "504", "509", "html", "xml", "null", "empty", "garbage"])
async def test_an_answer_that_cannot_be_understood_leaves_it_open_whether_it_was_made(bench: Bench, kind: str) -> None:
    bench.store.faults.add(kind, method="POST", effect=True)
    with pytest.raises((UnreachableError, GarbledError), match=r"^acme-au: "):
        await bench.connector.send(bench.parcel())
    assert [method for method, _ in bench.asked()] == ["POST"]
    assert len(await bench.shown()) == 1


async def test_after_a_429_a_shipment_is_sent_again(bench: Bench) -> None:
    bench.store.faults.add("429", method="POST", times=2)
    await bench.connector.send(bench.parcel())
    assert len(bench.asked()) == 3
    assert len(bench.store.shipments(bench.order_id)) == 1


async def test_quirk_51_a_carrier_that_is_refused_goes_by_its_name(bench: Bench) -> None:
    link = "https://vans.example/33ABC1"
    receipt = await bench.connector.send(
        bench.parcel(carrier_code="bobs-vans", carrier="Bob's Vans", tracking_link=link)
    )
    (made,) = bench.store.shipments(bench.order_id)
    assert receipt == Receipt(id=str(made.id))
    assert (made.shipping_provider, made.tracking_carrier) == ("", "")
    assert (made.shipping_method, made.tracking_link) == ("Bob's Vans", link)
    assert len(bench.store.emails) == 1


async def test_quirk_52_a_carrier_unknown_to_the_store_is_named_in_words(bench: Bench) -> None:
    await bench.connector.send(bench.parcel(carrier="Bob's Vans", service="Free Shipping"))
    (made,) = bench.store.shipments(bench.order_id)
    assert made.shipping_method == "Bob's Vans (Free Shipping)"
    assert made.shipping_provider == "", "left out, it would become 'custom'"


async def test_quirk_35_setting_a_status_sends_nothing_else_and_mails_once(bench: Bench) -> None:
    bench.store.faults.add("reset-after", method="PUT")
    await bench.connector.set_status(str(bench.order_id), "2")
    assert bench.sent() == [{"status_id": 2}] * 2
    assert bench.order["status_id"] == 2
    assert [email.status_id for email in bench.store.emails] == [2]


async def test_a_number_is_corrected_and_a_link_of_the_old_one_goes(bench: Bench) -> None:
    parcel = bench.parcel(tracking_link="https://vans.example/33ABC1", tracking_number="33ABC1")
    receipt = await bench.connector.send(parcel)
    for _ in range(2):
        await bench.connector.correct(
            receipt.id, replace(parcel, tracking_number="33ABC2", tracking_link=None, carrier="Sendle")
        )
    (made,) = bench.store.shipments(bench.order_id)
    assert (made.tracking_number, made.tracking_link) == ("33ABC2", "")
    assert (made.shipping_provider, made.tracking_carrier) == ("", "sendle")
    assert not {"items", "order_address_id"} & bench.sent()[-1].keys()


async def test_quirk_51_a_correction_whose_carrier_is_refused_goes_by_its_name(bench: Bench) -> None:
    receipt = await bench.connector.send(bench.parcel())
    await bench.connector.correct(receipt.id, bench.parcel(carrier="Bob's Vans", carrier_code="x", tracking_number="B"))
    (made,) = bench.store.shipments(bench.order_id)
    assert (made.tracking_number, made.shipping_provider, made.shipping_method) == ("B", "", "Bob's Vans")


@pytest.mark.parametrize("fault", [None, "reset-before", "reset-after"])
async def test_a_shipment_is_taken_back_and_one_that_is_gone_counts_as_taken_back(
    bench: Bench, fault: str | None
) -> None:
    first, second = [await bench.connector.send(bench.parcel(1, tracking_number=number)) for number in ("A", "B")]
    if fault:
        bench.store.faults.add(fault, method="DELETE")
    await bench.connector.void(str(bench.order_id), first.id)
    await bench.connector.void(str(bench.order_id), first.id)
    assert [found.id for found in await bench.shown()] == [second.id]


async def test_quirk_26_taking_the_only_shipment_back_leaves_the_status(bench: Bench) -> None:
    receipt = await bench.connector.send(bench.parcel(2))
    await bench.connector.void(str(bench.order_id), receipt.id)
    look = await bench.connector.look(str(bench.order_id))
    assert look is not None
    assert bench.connector.order_from_raw(look.seen.raw).status.id == "3"


@pytest.mark.parametrize("shipment_id", ["", "-", "../7", "7?x"])
async def test_an_id_that_is_none_takes_nothing_back(bench: Bench, shipment_id: str) -> None:
    """DELETE without a shipment's id would take back all of the order's."""
    await bench.connector.send(bench.parcel())
    bench.asked()
    with pytest.raises(RefusedError, match="no shipment id"):
        await bench.connector.void(str(bench.order_id), shipment_id)
    assert bench.asked() == []


async def test_an_order_that_is_gone_is_told_by_each_write(bench: Bench) -> None:
    parcel = bench.parcel(order_id="999999")
    with pytest.raises(RefusedError, match="finds no order 999999"):
        await bench.connector.send(parcel)
    with pytest.raises(RefusedError, match="finds no order 999999"):
        await bench.connector.set_status("999999", "2")
    with pytest.raises(RefusedError, match="finds no shipment 7 of order 999999"):
        await bench.connector.correct("7", parcel)
    await bench.connector.void("999999", "7")


async def test_a_token_that_may_only_read_is_told_what_it_lacks_by_each_write() -> None:
    clock = WoundClock()
    store = SandboxStore(now=clock.now, quota=1000)
    order_id = str(store.add_order())
    token = store.new_token({ORDERS_READ}).access_token
    async with serve(store) as running, open_session() as session:
        store_settings = settings(api_path=running.api_path, access_token=token)
        options = BigCommerce.http_options(store_settings)
        http = HttpClient(session, options, store="acme-au", clock=clock, random=Random(1))
        connector = BigCommerce(store_settings, http)
        for write in (
            connector.send(replace(PARCEL, order_id=order_id)),
            connector.set_status(order_id, "2"),
            connector.correct("7", replace(PARCEL, order_id=order_id)),
            connector.void(order_id, "7"),
        ):
            with pytest.raises(PermissionMissingError, match="'Orders: modify'") as refused:
                await write
            assert refused.value.scope == ORDERS_MODIFY
    assert store.emails == []


# --- answers that no documentation shows ----------------------------------------------------------------------------


class Answers:
    """A store that gives the answers it was given, in turn, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.queries: list[dict[str, str]] = []
        self.given: list[tuple[int, str]] = []

    def gives(self, status: int, body: object = None, *, text: str | None = None) -> None:
        self.given.append((status, text if text is not None else "" if body is None else json.dumps(body)))

    async def answer(self, request: web.Request) -> web.Response:
        written = await request.text()
        path = request.path.removeprefix("/stores/abc123/v2/orders/")
        self.asked.append((request.method, path, json.loads(written) if written else None))
        self.queries.append(dict(request.query))
        status, text = self.given.pop(0)
        return web.Response(status=status, text=None if status == 204 else text, content_type="application/json")


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
async def connector(answers: Answers) -> AsyncIterator[BigCommerce]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answers.answer)
    async with TestServer(app) as server, ClientSession() as session:
        store_settings = settings(api_path=str(server.make_url("/stores/abc123/v3/")))
        options = BigCommerce.http_options(store_settings)
        http = HttpClient(session, options, store="acme-au", clock=WoundClock(), random=Random(1))
        yield BigCommerce(store_settings, http)
    assert answers.given == [], "an answer was not asked for"


@pytest.mark.parametrize(
    "body", [{}, [], {"id": 0}, {"id": None}, {"id": [7]}, {"order_id": 7}, [{"id": 7}], "7", True]
)
async def test_a_success_that_bears_no_id_leaves_it_open_whether_it_was_made(
    connector: BigCommerce, answers: Answers, body: object
) -> None:
    answers.gives(201, body)
    with pytest.raises(GarbledError, match=r"^acme-au: .*looks at the store first"):
        await connector.send(PARCEL)
    assert len(answers.asked) == 1


async def test_a_shipment_answered_with_another_success_is_made(connector: BigCommerce, answers: Answers) -> None:
    answers.gives(200, {**sample("shipment-created"), "id": "71"})
    assert await connector.send(PARCEL) == Receipt(id="71")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RefusedError),
        (401, CredentialsError),
        (403, PermissionMissingError),
        (404, RefusedError),
        (408, UnreachableError),
        (409, RefusedError),
        (415, RefusedError),
        (422, RefusedError),
        (423, RateLimitedError),
        (500, UnreachableError),
        (503, UnreachableError),
        (509, UnreachableError),
    ],
)
async def test_each_refusal_says_what_is_to_be_done(
    connector: BigCommerce, answers: Answers, status: int, error: type[Exception]
) -> None:
    answers.gives(status, [{"status": status, "message": "Not like this."}])
    with pytest.raises(error, match=r"^acme-au: .*Not like this"):
        await connector.send(PARCEL)
    assert len(answers.asked) == 1


@pytest.mark.parametrize(
    "text",
    [
        '[{"status":400,"message":"The field \'shipping_provider\' is invalid."}]',
        '{"status":400,"message":"The field \'tracking_carrier\' is invalid."}',
        '{"status":422,"title":"JSON data is missing or invalid","errors":{"tracking_carrier":"error.invalid"}}',
        "<errors><error><message>Invalid Tracking Carrier</message></error></errors>",
    ],
)
async def test_quirk_51_a_refused_carrier_is_understood_in_every_form(
    connector: BigCommerce, answers: Answers, text: str
) -> None:
    answers.gives(422 if "422" in text else 400, text=text)
    answers.gives(201, {"id": 7})
    assert await connector.send(PARCEL) == Receipt(id="7")
    first, second = (body for _, _, body in answers.asked)
    assert second == {**first, "shipping_provider": "", "shipping_method": "Australia Post"}


async def test_quirk_51_a_carrier_that_is_refused_without_a_code_is_not_sent_for_ever(
    connector: BigCommerce, answers: Answers
) -> None:
    refusal = sample("error-quantity")[0] | {"message": "The field 'tracking_carrier' is invalid."}
    answers.gives(400, [refusal])
    with pytest.raises(RefusedError, match="tracking_carrier"):
        await connector.send(replace(PARCEL, carrier="Bob's Vans"))
    for _ in range(2):
        answers.gives(400, [refusal])
    with pytest.raises(RefusedError, match="tracking_carrier"):
        await connector.send(PARCEL)
    for _ in range(2):
        answers.gives(400, [refusal])
    with pytest.raises(RefusedError, match="tracking_carrier"):
        await connector.correct("7", PARCEL)
    answers.gives(400, [refusal])
    with pytest.raises(RefusedError, match="tracking_carrier"):
        await connector.correct("7", replace(PARCEL, carrier="Bob's Vans"))
    assert [method for method, _, _ in answers.asked] == ["POST"] * 3 + ["PUT"] * 3


async def test_quirk_17_a_refused_quantity_is_not_sent_again(connector: BigCommerce, answers: Answers) -> None:
    answers.gives(400, sample("error-quantity"))
    with pytest.raises(RefusedError, match="The field 'quantity' is invalid"):
        await connector.send(PARCEL)
    assert len(answers.asked) == 1


async def test_quirk_36_a_status_that_is_refused_as_out_of_stock_is_told_and_not_repeated(
    connector: BigCommerce, answers: Answers
) -> None:
    answers.gives(409, [{"status": 409, "message": "Quantities of one or more products are out of stock."}])
    with pytest.raises(RefusedError, match="out of stock"):
        await connector.set_status("10234", "2")
    assert answers.asked == [("PUT", "10234", {"status_id": 2})]


@pytest.mark.parametrize("status", ["", "Shipped", "-1", "²"])
async def test_a_status_that_is_no_number_is_not_sent(connector: BigCommerce, status: str) -> None:
    with pytest.raises(RefusedError, match="no status of BigCommerce"):
        await connector.set_status("10234", status)


async def test_taking_back_counts_a_shipment_that_an_earlier_try_has_deleted(
    connector: BigCommerce, answers: Answers
) -> None:
    answers.gives(502, text="<html><h1>Bad gateway</h1></html>")
    answers.gives(404, sample("error-unknown-order"))
    await connector.void("10234", "7")
    assert [asked[:2] for asked in answers.asked] == [("DELETE", "10234/shipments/7")] * 2


async def test_a_shipment_that_may_not_be_deleted_is_told(connector: BigCommerce, answers: Answers) -> None:
    answers.gives(405, [{"status": 405, "message": "Not allowed."}])
    with pytest.raises(RefusedError, match=r"to delete a shipment .405.. It says: Not allowed"):
        await connector.void("10234", "7")


def shown(number: int, **fields: object) -> dict[str, object]:
    return {**sample("shipments")[0], "id": number, **fields}


async def seen(connector: BigCommerce, answers: Answers, *pages: object) -> tuple[StoreShipment, ...]:
    """What a look shows where the list of shipments is answered with `pages`."""
    answers.gives(200, order())
    answers.gives(200, sample("store"))
    for page in pages:
        answers.gives(204 if page is None else 200, page)
    look = await connector.look("10234")
    assert look is not None
    return look.shipments


async def test_shipments_are_paged_to_the_empty_answer(connector: BigCommerce, answers: Answers) -> None:
    found = await seen(connector, answers, [shown(1), shown(2)], [shown(3)], None)
    assert [shipment.id for shipment in found] == ["1", "2", "3"]
    assert [query for query in answers.queries if "page" in query] == [
        {"page": page, "limit": "250"} for page in ("1", "2", "3")
    ]


async def test_a_store_that_does_not_know_pages_shows_each_shipment_once(
    connector: BigCommerce, answers: Answers
) -> None:
    assert len(await seen(connector, answers, [shown(1), shown(2)], [shown(1), shown(2)])) == 2


async def test_an_order_that_vanishes_during_a_look_is_looked_for_again(
    connector: BigCommerce, answers: Answers
) -> None:
    answers.gives(200, order())
    answers.gives(200, sample("store"))
    answers.gives(404, sample("error-unknown-order"))
    with pytest.raises(GarbledError, match="knows nothing of its shipments"):
        await connector.look("10234")


async def test_quirk_64_the_items_of_somebody_elses_shipment_are_read_as_far_as_they_can_be(
    connector: BigCommerce, answers: Answers
) -> None:
    items = [
        {"order_product_id": "901", "product_id": 0, "quantity": "2"},
        {"order_product_id": 0, "quantity": 1},
        {"order_product_id": 902, "quantity": 0},
    ]
    strange = {"tracking_number": "  33ABC1 ", "order_address_id": "301", "shipping_provider_display_name": ""}
    (found,) = await seen(connector, answers, [shown(1, items=items, **strange)], None)
    assert found == StoreShipment(
        id="1", consignment="301", items=(Item("901", 2),), tracking_number="33ABC1", carrier="auspost"
    )


@pytest.mark.parametrize(
    ("fields", "carrier"),
    [
        ({}, "Australia Post"),
        ({"shipping_provider_display_name": None, "tracking_carrier": "sendle", "shipping_provider": ""}, "sendle"),
        ({"shipping_provider_display_name": "", "tracking_carrier": "", "shipping_provider": ""}, None),
    ],
)
def test_a_shipment_shows_its_carrier_in_the_platforms_words(fields: dict[str, object], carrier: str | None) -> None:
    assert shipments.from_wire(sample("shipments")[0] | fields).carrier == carrier


def test_a_shipment_without_number_address_or_items_is_still_seen() -> None:
    assert shipments.from_wire({"id": 7, "tracking_number": "", "items": None}) == StoreShipment(
        id="7", consignment="", items=()
    )


@pytest.mark.parametrize("strange", [{"id": None}, {"id": 7, "items": ["x"]}, {"id": 7, "items": [{"quantity": "x"}]}])
async def test_a_shipment_that_cannot_be_read_stops_the_look_for_now(
    connector: BigCommerce, answers: Answers, strange: dict[str, Any]
) -> None:
    """To pass it over could mean to send it a second time."""
    with pytest.raises(WireError):
        shipments.from_wire(strange)
    with pytest.raises(GarbledError, match=r"^acme-au: a shipment of order 10234"):
        await seen(connector, answers, [strange], None)


# --- bodies ---------------------------------------------------------------------------------------------------------


def body(**fields: Any) -> dict[str, Any]:
    return shipments.new_body(replace(PARCEL, **fields), at="acme-au")


@pytest.mark.parametrize("consignment", ["shipping", "pickup-13", "digital", "", "0", "-1", "²"])
def test_quirk_32_a_consignment_without_an_address_is_refused_before_anything_is_sent(consignment: str) -> None:
    with pytest.raises(RefusedError, match=r"^acme-au: consignment .* no address"):
        body(consignment=consignment)


def test_quirk_18_a_line_without_an_id_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(RefusedError, match=r"^acme-au: line TEE"):
        body(items=(Item("TEE", 1),))


def test_quirk_62_a_number_that_does_not_fit_is_refused_before_anything_is_sent() -> None:
    assert body(tracking_number=f" {'7' * 50} ")["tracking_number"] == "7" * 50
    with pytest.raises(RefusedError, match=r"^acme-au: .* has 51 characters, and BigCommerce holds 50"):
        body(tracking_number="7" * 51)
    with pytest.raises(RefusedError):
        shipments.changed_body(replace(PARCEL, tracking_number="7" * 51), at="acme-au")


def test_a_link_is_sent_whole_or_not_at_all() -> None:
    link = "https://vans.example/".ljust(500, "x")
    assert body(tracking_link=link)["tracking_link"] == link
    assert "tracking_link" not in body(tracking_link=f"{link}x")
    assert "tracking_link" not in body(tracking_link="")


@pytest.mark.parametrize(
    ("carrier", "service", "method"),
    [
        ("Australia Post", None, None),
        ("Australia Post", "Express", "Express"),
        ("Bob's Vans", None, "Bob's Vans"),
        ("Bob's Vans", "bob's vans overnight", "bob's vans overnight"),
        ("manual", None, None),
        ("manual", "Flat Rate", "Flat Rate"),
        ("V" * 300, None, "V" * 250),
    ],
)
def test_the_way_of_shipping_names_the_carrier_where_its_code_does_not(
    carrier: str, service: str | None, method: str | None
) -> None:
    assert body(carrier=carrier, service=service).get("shipping_method") == method


some_words = st.none() | st.text(max_size=60)


@given(st.text(max_size=60), some_words, some_words, some_words, some_words, st.booleans())
def test_a_body_names_one_carrier_at_most_and_leaves_no_method_empty(
    carrier: str, code: str | None, number: str | None, link: str | None, service: str | None, with_codes: bool
) -> None:
    shipment = replace(
        PARCEL,
        carrier=carrier,
        carrier_code=code,
        tracking_number=number and number[:50],
        tracking_link=link,
        service=service,
    )
    new = shipments.new_body(shipment, at="acme-au", with_codes=with_codes)
    changed = shipments.changed_body(shipment, at="acme-au", with_codes=with_codes)
    for sent in (new, changed):
        assert "" in {sent["shipping_provider"], sent["tracking_carrier"]}
        assert sent.get("shipping_method") != ""
    assert {"order_address_id", "items"}.isdisjoint(changed)
