"""Any carrier: a person brings the parcel to it, and types or scans the number that stands on its label."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from crossdock import Booking, Carrier, CarrierRequest, CarrierSettings, HttpClient, RefusedError
from pydantic import Field, field_validator

from crossdock_carriers.tracking_pages import PLACEHOLDER, link, page_of

LONGEST = 50  # characters of a tracking number; BigCommerce takes no more
EXAMPLE = f"https://example.com/track?number={PLACEHOLDER}"


class ManualSettings(CarrierSettings):
    """What is known of a carrier that is handled by hand."""

    title: str | None = Field(default=None, description="The carrier's name as people write it.")
    codes: Mapping[str, str] = Field(
        default_factory=dict, description="What each platform calls the carrier, by the connector: bigcommerce: sendle."
    )
    link: str | None = Field(
        default=None,
        description=f"The page that shows a parcel: {EXAMPLE}. Without it, the page is known for many carriers.",
    )

    @field_validator("title")
    @classmethod
    def _one_line(cls, title: str | None) -> str | None:
        if title is not None and not (title.strip() and title.strip().isprintable()):
            raise ValueError("is empty or has more than one line: write the carrier's name, or leave the key out.")
        return title and title.strip()

    @field_validator("codes")
    @classmethod
    def _stripped(cls, codes: Mapping[str, str]) -> Mapping[str, str]:
        if any(not code.strip() for code in codes.values()):
            raise ValueError("a code is empty: write what the platform calls the carrier, or leave the connector out.")
        return {connector.strip(): code.strip() for connector, code in codes.items()}

    @field_validator("link")
    @classmethod
    def _is_page(cls, page: str | None) -> str | None:
        if page is None:
            return None
        page = page.strip()
        if PLACEHOLDER not in page:
            raise ValueError(f"should have {PLACEHOLDER} where the number belongs, such as {EXAMPLE}.")
        if not _is_web_address(page):
            raise ValueError(f"should be a web address that begins with https:// or http://, such as {EXAMPLE}.")
        return page


def _is_web_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        host, _ = address.hostname, address.port
    except ValueError:
        return False
    is_host = bool(host) and PLACEHOLDER not in address.netloc
    return address.scheme in {"https", "http"} and is_host and text.isprintable() and " " not in text


class Manual(Carrier[ManualSettings]):
    """Hands the number back that a person gave, with a page on which the parcel can be followed."""

    name, title, Settings = "manual", "Any carrier, by hand", ManualSettings

    def __init__(self, settings: ManualSettings, http: HttpClient, *, called: str) -> None:
        super().__init__(settings, http, called=settings.title or called)
        self._page = settings.link or page_of(self.called) or page_of(called)

    async def ship(self, request: CarrierRequest) -> Booking:
        """The number as it was given. Raises RefusedError for what can't be a number: something else was scanned."""
        number = (request.tracking_number or "").strip()
        if wrong := _mistake_in(number):
            raise RefusedError(
                f"{self.called}: what was given as the tracking number {wrong}. Scan the barcode that stands beside the"
                " number on the label, or type the number."
            )
        if not number:
            return Booking()
        return Booking(tracking_number=number, tracking_link=link(self._page, number) if self._page else None)

    async def void(self, key: str) -> None:
        """Done: nobody was told."""

    def code_for(self, connector: str) -> str | None:
        """The code under `codes`."""
        return self.settings.codes.get(connector)


def _mistake_in(number: str) -> str | None:
    """Why this is no tracking number, without any of it: who knows what was scanned."""
    if "://" in number or number.casefold().startswith("www."):
        return "is a web address, such as QR codes hold"
    if not number.isprintable():
        return "holds a line break or another control character, such as several barcodes in one"
    if len(number) > LONGEST:
        return f"has {len(number)} characters, and a tracking number has at most {LONGEST}"
    return None
