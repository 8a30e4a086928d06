"""A small carrier and its class, as an author would write them: a parcel per key, with a number and a label."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from crossdock import (
    Booking,
    Carrier,
    CarrierRequest,
    CarrierSettings,
    CredentialsError,
    GarbledError,
    HttpOptions,
    Json,
    Label,
    PermissionMissingError,
    RefusedError,
    Response,
    Secret,
)
from crossdock.testing import FakeCarrier

LABEL = b"""%PDF-1.4
1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj
2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj
3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 288 432] /Resources << >> >> endobj
xref
0 4
0000000000 65535 f\x20
0000000009 00000 n\x20
0000000058 00000 n\x20
0000000115 00000 n\x20
trailer << /Size 4 /Root 1 0 R >>
startxref
203
%%EOF
"""
"""An empty page of 4 by 6 inches."""
PICTURE = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x08\0\0\0\x0c\x01\0\0\0\0w\xe5\xc10"
    b"\0\0\0\x0eIDATx\x9cc\xf8\xcf\xc4\x80\r\x02\0\x18\t\x01\x16\xd0\r.\xc3\0\0\0\0IEND\xaeB`\x82"
)
"""A white picture of 8 by 12 dots."""
ZPL = b"~SD15\n^XA^FO40,40^A0N,40^FDCP0001^FS^XZ\n"


class FakeCourier(FakeCarrier):
    """POST `/parcels` books one; `/parcels/KEY` is the one of this key, which DELETE takes back."""

    def __init__(self) -> None:
        super().__init__()
        self.parcels: list[tuple[str, str]] = []  # key, number
        self._last = 0

    def settings(self) -> Mapping[str, object]:
        return {"url": self.url, "key": self.secret}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != self.secret:
            return self.refusal()
        if request.method == "POST":
            asked = await request.json()
            return web.json_response(self._booked(asked["reference"]))
        key = request.path.removeprefix("/parcels/")
        if request.method == "DELETE":
            self.parcels = [parcel for parcel in self.parcels if parcel[0] != key]
            return web.Response(status=204)
        found = next((number for known, number in self.parcels if known == key), None)
        return web.json_response(_parcel(found) if found else {}, status=200 if found else 404)

    def bookings(self) -> Sequence[str]:
        return [number for _, number in self.parcels]

    def _booked(self, reference: str) -> dict[str, Json]:
        """A new parcel each time: this courier knows no idempotency, so that `find` has to."""
        self._last += 1
        number = f"CP{self._last:04}"
        self.parcels.append((reference, number))
        return _parcel(number)


def _parcel(number: str) -> dict[str, Json]:
    return {"number": number, "page": f"https://courier.example/{number}", "label": b64encode(LABEL).decode()}


class CourierSettings(CarrierSettings):
    url: str
    key: Secret


class Courier(Carrier[CourierSettings]):
    """Asks whether the parcel is booked already, and books it where it isn't."""

    name, title, Settings = "courier", "Courier", CourierSettings
    gives_labels = True

    @classmethod
    def http_options(cls, settings: CourierSettings) -> HttpOptions:
        return HttpOptions(base_url=settings.url, headers={"Authorization": settings.key.get_secret_value()})

    async def ship(self, request: CarrierRequest) -> Booking:
        return await self.find(request.key) or await self.book(request)

    async def book(self, request: CarrierRequest) -> Booking:
        body = {"reference": request.key, "to": request.ship_to.postcode if request.ship_to else None}
        return self.booking(await self.ask("POST", "/parcels", body))

    async def find(self, key: str) -> Booking | None:
        response = await self.ask("GET", f"/parcels/{key}", unless=404)
        return None if response.status == 404 else self.booking(response)

    async def void(self, key: str) -> None:
        await self.ask("DELETE", f"/parcels/{key}", unless=404)

    async def ask(self, method: str, path: str, body: Json = None, *, unless: int = 0) -> Response:
        response = await self.http.request(method, path, json=body)
        if response.status == 401:
            raise CredentialsError(f"{self.called}: the courier doesn't accept the key. Put a valid one in its place.")
        if response.status == 403:
            raise PermissionMissingError(f"{self.called}: the courier's key may not book. Let it.", scope="book")
        if response.status >= 400 and response.status != unless:
            raise RefusedError(f"{self.called}: the courier won't take it: {response.text}")
        return response

    def booking(self, response: Response) -> Booking:
        parcel: Any = response.json
        if not isinstance(parcel, dict) or "number" not in parcel:
            raise GarbledError(f"{self.called}: the courier's answer about a parcel tells no number.")
        label = Label(media_type="application/pdf", content=b64decode(parcel["label"]))
        return Booking(tracking_number=parcel["number"], tracking_link=parcel["page"], label=label)
