"""What a merchant pastes into a BigCommerce store's settings is brought to one form, or refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from crossdock import Secret
from crossdock_bigcommerce.settings import BigCommerceSettings, normal_api_path
from hypothesis import given
from hypothesis import strategies as st
from plugins.bigcommerce.examples import REQUIRED, settings
from pydantic import ValidationError

USUAL = "https://api.bigcommerce.com/stores/abc123/"


def mistake(**values: object) -> str:
    """The sentence that the settings are refused with."""
    with pytest.raises(ValidationError) as caught:
        settings(**values)
    (error,) = caught.value.errors()
    return str(error["msg"])


# --- api_path -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "https://api.bigcommerce.com/stores/abc123/v3/",
        "https://api.bigcommerce.com/stores/abc123/v3",
        "https://api.bigcommerce.com/stores/abc123/v2/",
        "https://api.bigcommerce.com/stores/abc123/v2",
        "https://api.bigcommerce.com/stores/abc123/",
        "https://api.bigcommerce.com/stores/abc123",
        "https://api.bigcommerce.com:443//stores//abc123/v3/",
        "api.bigcommerce.com/stores/abc123/v3/",
        "HTTPS://API.BigCommerce.com/stores/ABC123/v3/",
        "  https://api.bigcommerce.com/stores/abc123/v3/\n",
        '"https://api.bigcommerce.com/stores/abc123/v3/"',
        "API PATH: https://api.bigcommerce.com/stores/abc123/v3/",
        "abc123",
        "store-abc123.mybigcommerce.com",
        "https://store-abc123.mybigcommerce.com",
        "https://store-abc123.mybigcommerce.com/manage/dashboard?ctk=1#top",
        "https://store-abc123-2.mybigcommerce.com/",
    ],
)
def test_every_form_of_the_api_path_becomes_the_same(written: str) -> None:
    found = settings(api_path=written)
    assert (found.api_path, found.base_url, found.store_hash) == (USUAL, USUAL, "abc123")


@pytest.mark.parametrize(
    ("written", "base_url"),
    [
        ("http://127.0.0.1:8421/stores/sim/v3/", "http://127.0.0.1:8421/stores/sim/"),
        ("http://127.9.9.9/stores/sim", "http://127.9.9.9/stores/sim/"),
        ("http://localhost:80/stores/sim/v2", "http://localhost/stores/sim/"),
        ("http://[::1]:8421/stores/Sim-1/", "http://[::1]:8421/stores/Sim-1/"),
        ("https://proxy.example/bc/stores/abc123/v3/", "https://proxy.example/bc/stores/abc123/"),
        ("https://proxy.example:8443/stores/abc123", "https://proxy.example:8443/stores/abc123/"),
        ("https://proxy.example/api/v2/stores/abc123/v2", "https://proxy.example/api/v2/stores/abc123/"),
    ],
)
def test_a_proxy_over_https_and_this_machine_over_http_are_taken(written: str, base_url: str) -> None:
    assert settings(api_path=written).base_url == base_url


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("http://api.bigcommerce.com/stores/abc123/v3/", "must begin with https://"),
        ("http://store-abc123.mybigcommerce.com", "must begin with https://"),
        ("http://127.0.0.1.evil.example/stores/x", "must begin with https://"),
        ("http://localhost.evil.example/stores/x", "must begin with https://"),
        ("http://128.0.0.1/stores/x", "must begin with https://"),
        ("http://0.0.0.0/stores/x", "must begin with https://"),
        ("http://127.1/stores/x", "must begin with https://"),
        ("ftp://api.bigcommerce.com/stores/abc123", "must begin with https://"),
        ("https://store-abc123.mybigcommerce.com/api/v2/", "old API accounts"),
        ("https://shop.example/api/v2/orders", "old API accounts"),
        ("https://shop.example/api/v2", "old API accounts"),
        ("https://shop.example/", "must end in /stores/"),
        ("https://api.bigcommerce.com/", "must end in /stores/"),
        ("https://api.bigcommerce.com/stores/", "must end in /stores/"),
        ("https://api.bigcommerce.com/stores/abc123/v4/", "must end in /stores/"),
        ("https://api.bigcommerce.com/stores/abc123/v2/orders", "must end in /stores/"),
        ("https://api.bigcommerce.com/x/stores/abc123/", "must end in /stores/"),
        ("https://api.bigcommerce.com/stores/abc123?x=1", "leave out what stands from '?'"),
        ("https://api.bigcommerce.com/stores/abc123#x", "leave out what stands from '?'"),
        ("https://me:hunter2@api.bigcommerce.com/stores/abc123", "must not hold a name or a password"),
        ("https://token@store-abc123.mybigcommerce.com/", "must not hold a name or a password"),
        ("https://api.bigcommerce.com/stores/abc 123", "holds a space"),
        ("https://api.bigcommerce.com/stores/ab\tc123", "holds a space"),
        ("https://api.bigcommerce.com/stores/ab'c", "holds a space, a quote"),
        ("https://api.bigcommerce.com\\@evil.example/stores/abc", "holds a space"),
        ("https://äpi.bigcommerce.com/stores/abc123", "holds a space"),
        ("https://api.bigcommerce.com:99999/stores/abc123", "is no address"),
        ("https://[::1/stores/abc123", "is no address"),
        ("https:///stores/abc123", "is no address"),
    ],
)
def test_another_address_is_refused_with_its_reason(written: str, reason: str) -> None:
    message = mistake(api_path=written)
    assert reason in message
    assert "hunter2" not in message


@given(st.text(max_size=60) | st.text(alphabet="https:/.stores-abc123@?#[]v2 ", max_size=60))
def test_any_text_is_refused_or_normal_and_stays_so(written: str) -> None:
    try:
        found = normal_api_path(written)
    except ValueError:
        return
    assert normal_api_path(found) == found
    assert found.startswith(("https://", "http://"))
    assert found.endswith("/")


# --- the account ----------------------------------------------------------------------------------------------------


def test_the_token_is_never_shown() -> None:
    found = settings(access_token=" secret-token\n")
    assert found.access_token.get_secret_value() == "secret-token"
    assert "secret-token" not in f"{found!r} {found} {found.model_dump()} {found.model_dump_json()}"


@pytest.mark.parametrize(
    "token", ["hidden word", "hidden\nword", "hidden…", "'hidden'", "hidden\x00", "hidden\u200b", '"hidden']
)
def test_a_token_that_cant_be_sent_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(access_token=token)
    assert "hidden" not in str(caught.value)
    assert "the Access Token" in str(caught.value)
    with pytest.raises(ValidationError):
        settings(client_id=token)


@pytest.mark.parametrize("key", ["api_path", "client_id", "access_token"])
def test_the_three_of_an_account_are_required_and_not_empty(key: str) -> None:
    assert "is empty" in mistake(**{key: " "})
    with pytest.raises(ValidationError, match="Field required"):
        BigCommerceSettings.model_validate({name: value for name, value in REQUIRED.items() if name != key})


def test_a_username_is_refused_with_the_reason() -> None:
    assert settings(username=" ").username == ""
    assert "has no username" in mistake(username="admin")


def test_an_unknown_setting_is_refused() -> None:
    assert "Extra inputs" in mistake(acess_token="x")


# --- statuses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        ([9, 11], (9, 11)),
        (["Awaiting Shipment", "awaiting  fulfillment"], (9, 11)),
        (["AWAITING_SHIPMENT", " 11 ", 9], (9, 11)),
        ([11, "Awaiting Fulfillment", 11], (11,)),
        (7, (7,)),
        ("pending", (1,)),
        ("9, Awaiting Fulfillment", (9, 11)),
        ((0, 14), (0, 14)),
    ],
)
def test_import_statuses_are_numbers_or_names_and_are_kept_as_numbers(written: object, ids: tuple[int, ...]) -> None:
    assert settings(import_statuses=written).import_statuses == ids


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (["Awaiting Fulfilment"], "Did you mean 'Awaiting Fulfillment'?"),
        (["Shiped"], "Did you mean 'Shipped'?"),
        (["xyzzy"], "Possible are 0 Incomplete, 1 Pending"),
        ([15], "15 is no status"),
        (["15"], "15 is no status"),
        ([True], "a status is a number or a name"),
        ([9.5], "a status is a number or a name"),
        ([None], "a status is a number or a name"),
        ([""], "is no status"),
    ],
)
def test_an_unknown_status_is_answered_with_the_nearest_and_the_list(written: object, reason: str) -> None:
    assert reason in mistake(import_statuses=written)


@pytest.mark.parametrize("nothing", [[], "", " , "])
def test_import_statuses_must_not_be_empty(nothing: object) -> None:
    assert "at least one status" in mistake(import_statuses=nothing)


def test_shipped_status_is_shipped_or_completed() -> None:
    assert settings().shipped_status == 2
    assert settings(shipped_status="completed").shipped_status == 10
    assert settings(shipped_status="2").shipped_status == 2
    assert "Possible are 2 Shipped, 10 Completed" in mistake(shipped_status=11)
    assert "Did you mean 'Completed'?" in mistake(shipped_status="Complete")


# --- the rest -------------------------------------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_documentation() -> None:
    found = settings()
    assert found.import_statuses == (9, 11)
    assert (found.pickup_in_store, found.import_days, found.username) == (False, 90, "")
    assert found.product_options.size == ("Size",)
    assert found.product_options.colour == ("Color", "Colour")
    assert found.product_options.hs_code == ("HS Code",)


def test_product_options_are_lists_of_names_or_one_name() -> None:
    found = settings(product_options={"size": "Taille ", "colour": ["Color", "Couleur", "Color"]}).product_options
    assert (found.size, found.colour, found.hs_code) == (("Taille",), ("Color", "Couleur"), ("HS Code",))
    assert found.keys == {"size": ("taille",), "colour": ("color", "couleur"), "hs_code": ("hscode",)}
    assert settings(product_options={"size": []}).product_options.size == ()
    assert "at least one letter" in mistake(product_options={"size": ["--"]})
    assert "Extra inputs" in mistake(product_options={"color": ["Color"]})


def test_the_schema_describes_every_setting_and_hides_the_token() -> None:
    schema: dict[str, Any] = BigCommerceSettings.model_json_schema()
    assert sorted(schema["required"]) == ["access_token", "api_path", "client_id"]
    assert all(found.get("description") for found in schema["properties"].values())
    assert schema["properties"]["access_token"]["format"] == "password"
    assert schema["additionalProperties"] is False
    choices = schema["properties"]["import_statuses"]["items"]["anyOf"]
    assert {9, "Awaiting Shipment"} <= set(choices[0]["enum"])
    assert schema["properties"]["shipped_status"]["anyOf"][0]["enum"] == [2, 10, "Shipped", "Completed"]
    assert schema["properties"]["import_statuses"]["default"] == [9, 11]
    assert schema["properties"]["import_statuses"]["minItems"] == 1
    assert json.dumps(schema)


def test_settings_that_are_equal_are_interchangeable() -> None:
    first, second = settings(), settings(api_path="abc123")
    assert first.product_options.keys  # read once: what is remembered of it must not tell them apart
    assert first == second
    assert hash(first) == hash(second)
    assert isinstance(first.access_token, Secret)
