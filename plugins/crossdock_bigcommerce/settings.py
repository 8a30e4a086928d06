"""What a merchant fills in for a BigCommerce store; `api_path` is brought to one form."""

from __future__ import annotations

import ipaddress
import re
from functools import cached_property
from typing import Annotated, TypeAlias
from urllib.parse import SplitResult, urlsplit

from crossdock import Secret, Settings
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator

from crossdock_bigcommerce import statuses

PLATFORM = "https://api.bigcommerce.com/stores/"
EXAMPLE = f"{PLATFORM}abc123/v3/"
SHIPPED_STATUSES = (2, 10)

_HASH = r"[A-Za-z0-9]{2,40}"
_STORE_PATH = re.compile(r"(?P<above>(?:/[\w.~-]+)*?)/stores/(?P<hash>[A-Za-z0-9_-]{1,64})(?:/v[23])?", re.ASCII)
_STORE_HOST = re.compile(rf"store-(?P<hash>{_HASH})(?:-[0-9]+)?\.mybigcommerce\.com", re.ASCII)
_LEGACY_PATH = re.compile(r"/api/v[0-9](?:/|$)", re.ASCII)
_NEW_ACCOUNT = (
    "In BigCommerce's control panel, under Settings › Store-level API accounts, create one of the kind 'V2/V3 API "
    f"token' and take its API Path, such as {EXAMPLE}."
)


def _statuses(value: object) -> object:
    """One status and `9, 11` in one text, as a form or an environment variable gives them, are lists as well."""
    if isinstance(value, str):
        return tuple(part for part in value.split(",") if part.strip())
    return (value,) if isinstance(value, int) else value


def _names(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _one_of(choices: tuple[int, ...]) -> WithJsonSchema:
    """The names as suggestions, not as a law: any case and spacing will do, and so will a `${REFERENCE}`."""
    names = [statuses.NAMES[known] for known in choices]
    return WithJsonSchema({"anyOf": [{"enum": [*choices, *names]}, {"type": "string"}]})


_StatusId: TypeAlias = Annotated[int, BeforeValidator(statuses.status_id), _one_of(tuple(statuses.NAMES))]
_ShippedStatus: TypeAlias = Annotated[
    int,
    BeforeValidator(lambda value: statuses.status_id(value, among=SHIPPED_STATUSES)),
    _one_of(SHIPPED_STATUSES),
]
_OptionNames: TypeAlias = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}),
]


def option_key(display_name: str) -> str:
    """What two display names have in common that differ in case, space or punctuation: `H.S. Code` → `hscode`."""
    return "".join(character for character in display_name.casefold() if character.isalnum())


class ProductOptions(BaseModel):
    """By which display names of product options an order's size, colour and HS code are found."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    size: _OptionNames = Field(default=("Size",), description="Display names of the option that holds the size.")
    colour: _OptionNames = Field(
        default=("Color", "Colour"), description="Display names of the option that holds the colour."
    )
    hs_code: _OptionNames = Field(
        default=("HS Code",), description="Display names of the option that holds the customs tariff number."
    )

    @field_validator("size", "colour", "hs_code")
    @classmethod
    def _named(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if any(not option_key(name) for name in names):
            raise ValueError("an option's display name needs at least one letter or digit.")
        return tuple(dict.fromkeys(name.strip() for name in names))

    @cached_property
    def keys(self) -> dict[str, tuple[str, ...]]:
        """Per field the names as `option_key` writes them, the first name first."""
        return {
            field: tuple(dict.fromkeys(map(option_key, names)))
            for field, names in (("size", self.size), ("colour", self.colour), ("hs_code", self.hs_code))
        }


class BigCommerceSettings(Settings):
    """The settings of one BigCommerce store."""

    api_path: str = Field(
        description="The API Path that BigCommerce shows once when an API account is made.", examples=[EXAMPLE]
    )
    client_id: str = Field(description="The API account's Client ID.")
    access_token: Secret = Field(description="The API account's Access Token, shown once when it is made.")
    username: str = Field(
        default="",
        description="Leave empty: API accounts of today have no username; only those of before 2018 did.",
    )
    import_statuses: Annotated[tuple[_StatusId, ...], BeforeValidator(_statuses)] = Field(
        default=(9, 11),
        json_schema_extra={"minItems": 1},  # as `min_length` it would be complained of beside each wrong name
        description="Orders in these statuses are imported: numbers or BigCommerce's own names of them.",
    )
    shipped_status: _ShippedStatus = Field(
        default=2, description="What an order becomes when all of it has left: 2 Shipped or 10 Completed."
    )
    pickup_in_store: bool = Field(
        default=False,
        description="Whether goods set aside by a pickup carrier make the order 8 Awaiting Pickup.",
    )
    product_options: ProductOptions = Field(
        default_factory=ProductOptions,
        description="By which display names of product options size, colour and HS code are found.",
    )

    @property
    def base_url(self) -> str:
        """`https://api.bigcommerce.com/stores/abc123/`: what `/v2/…` and `/v3/…` come after, with a closing slash."""
        return self.api_path

    @property
    def store_hash(self) -> str:
        """`abc123`: BigCommerce's own short name of the store, in its API Path and webhooks."""
        return self.api_path.rstrip("/").rpartition("/")[2]

    @field_validator("api_path")
    @classmethod
    def _one_form(cls, value: str) -> str:
        return normal_api_path(value)

    @field_validator("client_id")
    @classmethod
    def _sendable_id(cls, value: str) -> str:
        return _header_value(value, "the Client ID")

    @field_validator("access_token")
    @classmethod
    def _sendable_token(cls, value: Secret) -> Secret:
        return Secret(_header_value(value.get_secret_value(), "the Access Token"))

    @field_validator("username")
    @classmethod
    def _no_username(cls, value: str) -> str:
        if value.strip():
            raise ValueError(
                "must stay empty. A V2/V3 API token has no username: that belonged to BigCommerce's old accounts, "
                f"which sign in with a name and a password and are no longer made. {_NEW_ACCOUNT}"
            )
        return ""

    @field_validator("import_statuses")
    @classmethod
    def _without_repeats(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value:
            raise ValueError(
                "is empty, so nothing would be imported: name at least one status, such as 11 or Awaiting Fulfillment."
            )
        return tuple(dict.fromkeys(value))


def normal_api_path(value: str) -> str:
    """`https://api.bigcommerce.com/stores/abc123/` from every form of it that people come across.

    Taken are the API Path with or without version and slash, the bare hash, and the store's permanent address
    `store-abc123.mybigcommerce.com`, whatever page of the control panel it shows. Another host (a proxy, a simulated
    store) needs a path that ends in `/stores/{hash}`. Raises ValueError with a sentence.
    Source: BigCommerce docs, "Guide to API accounts".
    """
    written = re.sub(r"^api path:\s*", "", value.strip(), flags=re.IGNORECASE).strip(" \t\r\n\"'<>`")
    if not written:
        raise ValueError(f"is empty. {_NEW_ACCOUNT}")
    if not written.isascii() or not written.isprintable() or any(sign in written for sign in " \"'<>\\^`{|}"):
        raise ValueError(f"holds a space, a quote or another sign that no address has. It looks like {EXAMPLE}.")
    if re.fullmatch(_HASH, written):
        return f"{PLATFORM}{written.lower()}/"
    url = _split(written if "://" in written else f"https://{written}")
    if control_panel := _STORE_HOST.fullmatch(url.hostname or ""):
        if _LEGACY_PATH.search(url.path):
            raise ValueError(_legacy())
        return f"{PLATFORM}{control_panel['hash'].lower()}/"
    return _from_store_path(url)


def _split(written: str) -> SplitResult:
    try:
        url = urlsplit(written)
        host, _ = url.hostname, url.port
    except ValueError:
        raise ValueError(f"is no address. It looks like {EXAMPLE}.") from None
    if url.username is not None or url.password is not None:
        raise ValueError("must not hold a name or a password before the host: the token goes into access_token alone.")
    if not host or not re.fullmatch(r"[a-z0-9.:_-]+", host):
        raise ValueError(f"is no address. It looks like {EXAMPLE}.")
    if url.scheme not in {"https", "http"}:
        raise ValueError(f"must begin with https://. It looks like {EXAMPLE}.")
    if url.scheme == "http" and not _is_this_machine(host):
        raise ValueError(
            "must begin with https://: over plain http everybody on the way could read the access token. "
            "http:// is allowed to this machine alone (127.0.0.1, ::1, localhost)."
        )
    return url


def _from_store_path(url: SplitResult) -> str:
    path = re.sub(r"/{2,}", "/", url.path).rstrip("/")
    is_platform = url.hostname in {"api.bigcommerce.com", "bigcommerce.com", "www.bigcommerce.com"}
    found = _STORE_PATH.fullmatch(path)
    if _LEGACY_PATH.search(path) and not found:
        raise ValueError(_legacy())
    if not found or (is_platform and (found["above"] or not re.fullmatch(_HASH, found["hash"]))):
        raise ValueError(
            f"must end in /stores/ and the store's hash, with or without /v2/ or /v3/. It looks like {EXAMPLE}."
        )
    if url.query or url.fragment:
        raise ValueError(f"must end with the path: leave out what stands from '?' or '#' on. It looks like {EXAMPLE}.")
    if is_platform:
        return f"{PLATFORM}{found['hash'].lower()}/"
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    usual = {"https": 443, "http": 80}[url.scheme]
    port = "" if url.port in {None, usual} else f":{url.port}"
    return f"{url.scheme}://{host}{port}{found['above']}/stores/{found['hash']}/"


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False  # "127.0.0.1.example.com" and "127.1" are names, whatever they resolve to
    return address in ipaddress.ip_network("127.0.0.0/8") or address == ipaddress.IPv6Address("::1")


def _legacy() -> str:
    return (
        "is the address of BigCommerce's old API accounts, which sign in with a username and a password (HTTP Basic). "
        f"They are no longer made and can't do what is needed here. {_NEW_ACCOUNT}"
    )


def _header_value(value: str, what: str) -> str:
    """`value` without space around it. Raises ValueError, with a sentence that doesn't show it, if it can't be sent."""
    value = value.strip()
    if not value:
        raise ValueError(f"is empty: {what} of the store's API account belongs here.")
    if value[0] in "\"'" or value[-1] in "\"'":
        raise ValueError(f"stands in quotes of its own: give {what} without them.")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(
            f"holds a space, a line break or a sign that {what} never has: copy it again, in one piece and alone."
        )
    return value
