"""BigCommerce's endpoints over real HTTP on loopback: what is asked, and what each refusal becomes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from random import Random

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from crossdock import (
    CredentialsError,
    GarbledError,
    HttpClient,
    Json,
    PermissionMissingError,
    Purpose,
    RefusedError,
    Response,
    UnreachableError,
)
from crossdock_bigcommerce.api import Api, Found, Listed, error_words, http_options
from plugins.bigcommerce.examples import sample, settings
from support.clock import WoundClock

STARTED = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)


class Store:
    """A store that gives the answers it was given, in turn for each path, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[tuple[int, str, str]] = []
        self.clock = WoundClock()

    def answers_with(self, status: int, body: object = None, *, text: str | None = None) -> None:
        """The next answer; without a body it has none."""
        written = text if text is not None else "" if body is None else json.dumps(body)
        self.answers.append((status, written, "application/json" if text is None else "text/html"))

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix("/stores/abc123")
        self.asked.append((request.method, path, dict(request.query), await request.text()))
        self.headers.append(dict(request.headers))
        status, text, content_type = self.answers.pop(0)
        headers = {"Date": "Wed, 04 Mar 2026 10:00:00 GMT", "Content-Type": content_type}
        return web.Response(status=status, text=None if status == 204 else text, headers=headers)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def api(store: Store) -> AsyncIterator[Api]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", store.answer)
    async with TestServer(app) as server, ClientSession() as session:
        options = http_options(settings(api_path=str(server.make_url("/stores/abc123/v3/"))))
        yield Api(HttpClient(session, options, store="acme-au", clock=store.clock, random=Random(1)), store="acme-au")
    assert store.answers == [], "an answer was not asked for"


EVERY_READ: list[tuple[str, Callable[[Api], Awaitable[object]]]] = [
    ("store_v2_information_read_only", lambda api: api.store_info()),
    ("store_v2_orders_read_only", lambda api: api.list_orders({})),
    ("store_v2_orders_read_only", lambda api: api.order("7")),
    ("store_v2_orders_read_only", lambda api: api.order_products("7")),
]
LISTS = [EVERY_READ[index] for index in (1, 3)]


# --- what is asked --------------------------------------------------------------------------------------------------


async def test_orders_are_listed_whole_with_one_request(api: Api, store: Store) -> None:
    rows = sample("orders-with-consignments")
    store.answers_with(200, rows)
    listed = await api.list_orders({"status_id": 11, "sort": "id:asc", "min_id": 5})
    assert listed == Listed(orders=tuple(rows), started_at=STARTED)
    assert store.asked == [
        (
            "GET",
            "/v2/orders",
            {
                "limit": "250",
                "include": "consignments.line_items",
                "consignment_structure": "object",
                "status_id": "11",
                "sort": "id:asc",
                "min_id": "5",
            },
            "",
        )
    ]


async def test_a_list_can_be_asked_for_in_another_way(api: Api, store: Store) -> None:
    store.answers_with(204)
    store.answers_with(200, [])
    assert (await api.list_orders({"limit": 1, "sort": "id:desc"}, whole=False)).orders == ()
    assert (await api.list_orders({"limit": 40})).orders == ()
    assert store.asked[0][2] == {"limit": "1", "sort": "id:desc"}
    assert store.asked[1][2]["limit"] == "40"


async def test_every_request_is_signed_and_asks_for_json(api: Api, store: Store) -> None:
    store.answers_with(200, sample("store"))
    assert (await api.store_info())["id"] == "abc123"
    (headers,) = store.headers
    assert (headers["X-Auth-Token"], headers["X-Auth-Client"]) == ("token1", "client1")
    assert headers["Accept"] == "application/json"
    assert store.asked[0][:2] == ("GET", "/v2/store")


def test_the_key_is_not_shown_with_the_http_options() -> None:
    options = http_options(settings(access_token="hidden"))
    assert "hidden" not in repr(options)
    assert options.base_url == "https://api.bigcommerce.com/stores/abc123/"
    assert options.quota_headers is not None
    assert options.quota_headers.reset_ms == "X-Rate-Limit-Time-Reset-Ms"


async def test_one_order_is_found_with_its_consignments_or_not_at_all(api: Api, store: Store) -> None:
    raw = sample("order-over-50-lines")
    store.answers_with(200, raw)
    store.answers_with(404, sample("error-unknown-order"))
    assert await api.order("693") == Found(raw, STARTED)
    assert await api.order("99999999") == Found(None, STARTED)
    assert store.asked[0][1:3] == (
        "/v2/orders/693",
        {"include": "consignments.line_items", "consignment_structure": "object"},
    )


@pytest.mark.parametrize("order_id", ["../store", "7/shipments", "7?x=1", "", "ä", "7 "])
async def test_an_id_that_is_none_asks_for_nothing(api: Api, store: Store, order_id: str) -> None:
    with pytest.raises(RefusedError, match="no order id"):
        await api.order(order_id)
    assert store.asked == []


async def test_the_lines_of_an_order_are_paged_to_the_empty_answer(api: Api, store: Store) -> None:
    products = sample("order-over-50-lines-products")
    store.answers_with(200, products[:50])
    store.answers_with(200, products[50:])
    store.answers_with(204)
    assert await api.order_products("693") == tuple(products)
    assert [(path, query["page"], query["limit"]) for _, path, query, _ in store.asked] == [
        ("/v2/orders/693/products", str(page), "250") for page in (1, 2, 3)
    ]


async def test_quirk_48_a_server_that_repeats_a_page_of_lines_ends_the_list(api: Api, store: Store) -> None:
    products = sample("order-over-50-lines-products")
    store.answers_with(200, products)
    store.answers_with(200, products)
    assert await api.order_products("693") == tuple(products)


async def test_the_lines_of_no_order_are_none(api: Api, store: Store) -> None:
    store.answers_with(404, sample("error-unknown-order"))
    store.answers_with(204)
    assert await api.order_products("1") is None
    assert await api.order_products("2") == ()


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scope", "read"), EVERY_READ)
async def test_a_wrong_token_is_said_with_what_to_do(
    api: Api, store: Store, scope: str, read: Callable[[Api], Awaitable[object]]
) -> None:
    store.answers_with(401, sample("error-token"))
    with pytest.raises(CredentialsError) as caught:
        await read(api)
    message = str(caught.value)
    assert message.startswith("acme-au: BigCommerce refused ")
    assert "401: Unauthorized - the token in the request is not valid for this store)." in message
    assert "access_token" in message
    assert "token1" not in message


@pytest.mark.parametrize(("scope", "read"), EVERY_READ)
async def test_a_missing_permission_is_named_with_the_other_causes(
    api: Api, store: Store, scope: str, read: Callable[[Api], Awaitable[object]]
) -> None:
    store.answers_with(403, {"status": 403, "title": "You don't have a required scope to access the endpoint"})
    with pytest.raises(PermissionMissingError) as caught:
        await read(api)
    assert caught.value.scope == scope
    message = str(caught.value)
    assert message.startswith("acme-au: ")
    assert ("'Information & Settings: read-only'" if "information" in scope else "'Orders: read-only'") in message
    for part in ("required scope", "store hash", "new owner", "Scopes can't be added", "create a new one"):
        assert part in message


async def test_an_unknown_store_hints_at_the_hash(api: Api, store: Store) -> None:
    store.answers_with(404, sample("error-unknown-order"))
    with pytest.raises(CredentialsError, match=r"^acme-au: .*store hash in api_path"):
        await api.store_info()


@pytest.mark.parametrize("status", [400, 409, 413, 422])
async def test_other_refusals_carry_the_platforms_words(api: Api, store: Store, status: int) -> None:
    store.answers_with(status, sample("error-date"))
    with pytest.raises(RefusedError) as caught:
        await api.list_orders({"min_date_modified": "yesterday-ish"})
    assert str(caught.value) == (
        f"acme-au: BigCommerce refused to list orders ({status}). It says: The field 'min_date_modified' is invalid."
    )


async def test_a_locked_store_is_tried_again_and_no_orders_fault(api: Api, store: Store) -> None:
    """Rule W7: 423 speaks of the store, not of the order or shipment that was asked about."""
    store.answers_with(423)
    with pytest.raises(UnreachableError, match=r"^acme-au: .*locked"):
        await api.list_orders({})


@pytest.mark.parametrize(("scope", "read"), LISTS)
@pytest.mark.parametrize("body", [{}, {"data": []}, [1], [[]], "x", 7, [None]])
async def test_a_list_of_another_shape_is_garbled(
    api: Api, store: Store, scope: str, read: Callable[[Api], Awaitable[object]], body: object
) -> None:
    store.answers_with(200, body)
    with pytest.raises(GarbledError, match=r"^acme-au: "):
        await read(api)


@pytest.mark.parametrize("body", [[], {}, "x", 7])
async def test_an_object_of_another_shape_is_garbled(api: Api, store: Store, body: object) -> None:
    for read in (api.store_info(), api.order("7")):
        store.answers_with(200, body)
        with pytest.raises(GarbledError, match=r"^acme-au: "):
            await read


# --- the probe ------------------------------------------------------------------------------------------------------


async def test_write_back_is_probed_by_changing_nothing_of_an_order_that_is_none(api: Api, store: Store) -> None:
    store.answers_with(204)
    store.answers_with(404, sample("error-unknown-order"))
    assert await api.missing_permissions() == ()
    assert [asked[:2] for asked in store.asked] == [("GET", "/v2/orders"), ("PUT", "/v2/orders/0")]
    assert store.asked[1][3] == "{}"


@pytest.mark.parametrize("status", [200, 204, 400, 405, 409, 422])
async def test_any_answer_but_403_means_that_orders_may_be_changed(api: Api, store: Store, status: int) -> None:
    store.answers_with(204)
    store.answers_with(status, {"id": 0} if status == 200 else None)
    assert await api.missing_permissions() == ()


async def test_a_token_that_may_only_read_is_found_out(api: Api, store: Store) -> None:
    store.answers_with(204)
    store.answers_with(403, [{"status": 403, "message": "You don't have a required scope."}])
    (missing,) = await api.missing_permissions()
    assert (missing.scope, missing.needed_for) == ("store_v2_orders", Purpose.WRITE_BACK)
    assert "'Orders: modify'" in missing.words
    assert "create a new one" in missing.words


async def test_a_token_without_orders_is_told_both_with_the_way_out_once(api: Api, store: Store) -> None:
    store.answers_with(403)
    store.answers_with(403)
    missing = await api.missing_permissions()
    assert [lack.needed_for for lack in missing] == [Purpose.IMPORT, Purpose.WRITE_BACK]
    assert ["create a new one" in lack.words for lack in missing] == [False, True]


async def test_the_probe_takes_a_wrong_token_and_a_locked_store_for_what_they_are(api: Api, store: Store) -> None:
    store.answers_with(401)
    with pytest.raises(CredentialsError):
        await api.missing_permissions()
    store.answers_with(204)
    store.answers_with(423)
    with pytest.raises(UnreachableError):
        await api.missing_permissions()


# --- the platform's words -------------------------------------------------------------------------------------------


def refusal(body: Json, text: str = "") -> Response:
    return Response(status=400, headers={}, json=body, text=text, started_at=STARTED, request_id=None)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            sample("error-quantity"),
            "The field 'quantity' is invalid. The quantity specified is greater than the quantity of the product that "
            "is available to ship.",
        ),
        (sample("error-unknown-order"), "The requested resource was not found."),
        ([{"message": "One"}, {"message": "Two"}, {"message": "One"}], "One. Two."),
        ({"status": 409, "message": "Out of stock."}, "Out of stock."),
        (
            {"title": "JSON data is missing or invalid", "errors": {"destination": "error.path.missing"}},
            "JSON data is missing or invalid. destination: error.path.missing.",
        ),
        ({"title": "Bad", "detail": "Very", "errors": [{"message": "Deep"}]}, "Bad. Very. Deep."),
        ({"error": "invalid_client", "error_description": "No such client"}, "invalid_client. No such client."),
        ({"message": "<b>No</b> &amp; <i>never</i>"}, "No & never"),
        ({"message": "taken by mia@example.com already"}, "taken by …@… already."),
        ("Just a text", "Just a text"),
        ({}, ""),
        ([], ""),
        ([7, None], ""),
        ({"message": {"x": 1}}, ""),
    ],
)
def test_the_words_of_a_json_refusal_are_found(body: Json, words: str) -> None:
    assert error_words(refusal(body)).replace(" .", ".").removesuffix(".") == words.removesuffix(".")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '<?xml version="1.0"?><errors><error><status>404</status><message>Not found.</message></error></errors>',
            "Not found.",
        ),
        ("<errors><error><message><![CDATA[No & no]]></message></error></errors>", "No & no."),
        ("<html><head><title>502 Bad Gateway</title></head><body><h1>x</h1></body></html>", "502 Bad Gateway."),
        ("<html><body><h1 class='x'>Forbidden</h1><p>by the edge</p></body></html>", "Forbidden"),
        ("<div>Sorry<script>alert(1)</script></div>", "Sorry"),
        ("<p>cut off <script>alert(", "cut off"),
        ("plain text", "plain text"),
        ("", ""),
    ],
)
def test_the_words_of_another_refusal_are_found(text: str, words: str) -> None:
    assert error_words(refusal(None, text)) == words


def test_words_are_short_and_in_one_line() -> None:
    words = error_words(refusal([{"message": "long\nwords\x1b[31m " * 100}]))
    assert len(words) == 200
    assert words.isprintable()
    assert words.endswith("…")
