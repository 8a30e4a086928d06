"""The public pages on which carriers show where a parcel is."""

from __future__ import annotations

from urllib.parse import quote

PLACEHOLDER = "{tracking_number}"

_PAGES = {  # page → the carrier's names; carriers whose page can't be opened by a number alone are not here
    "https://auspost.com.au/mypost/track/details/{tracking_number}": "Australia Post, AusPost",
    "https://startrack.com.au/track/details/{tracking_number}": "StarTrack, StarTrack Express",
    "https://www.couriersplease.com.au/tools-track/no/{tracking_number}": "CouriersPlease, Courier Please",
    "https://track.sendle.com/tracking?ref={tracking_number}": "Sendle",
    "https://www.aramex.com.au/tools/track?l={tracking_number}": "Aramex AU, Aramex Australia, Fastway AU",
    "https://www.aramex.co.nz/tools/track?l={tracking_number}": "Aramex NZ, Aramex New Zealand, Fastway NZ",
    "https://www.nzpost.co.nz/tools/tracking/item/{tracking_number}": "NZ Post, New Zealand Post, CourierPost",
    "https://www.dhl.com/global-en/home/tracking.html?submit=1&tracking-id={tracking_number}": "DHL, DHL Express",
    "https://www.fedex.com/fedextrack/?trknbr={tracking_number}": "FedEx, Federal Express",
    "https://www.ups.com/track?tracknum={tracking_number}": "UPS, United Parcel Service",
    "https://tools.usps.com/go/TrackConfirmAction?tLabels={tracking_number}": "USPS, US Postal Service",
    "https://www.royalmail.com/track-your-item#/tracking-results/{tracking_number}": "Royal Mail",
    "https://www.evri.com/track/parcel/{tracking_number}": "Evri, myHermes, Hermes UK",
    "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={tracking_number}": "Canada Post",
    "https://www.purolator.com/en/shipping/tracker?pin={tracking_number}": "Purolator",
    "https://gls-group.eu/EU/en/parcel-tracking?match={tracking_number}": "GLS",
    "https://www.tnt.com/express/en_us/site/tracking.html?searchType=con&cons={tracking_number}": "TNT, TNT Express",
}


def page_of(carrier: str) -> str | None:
    """The page of a carrier by its name, however that is spaced and spelt: `Aus-Post`; None for one not known."""
    return _BY_NAME.get(_key(carrier))


def link(page: str, tracking_number: str) -> str:
    """`page` with the number in its place."""
    return page.replace(PLACEHOLDER, quote(tracking_number, safe=""))


def _key(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


_BY_NAME = {_key(name): page for page, names in _PAGES.items() for name in names.split(", ")}
