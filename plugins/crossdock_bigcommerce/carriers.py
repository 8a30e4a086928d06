"""Carriers' names as people write them → what BigCommerce calls them.

A shipment names its carrier in one of two fields. `shipping_provider` holds BigCommerce's own word for the carriers
that it has a module for, or `carrier_{id}` of a shipping app (V2 Orders reference, POST shipments). `tracking_carrier`
holds AfterShip's slug of any other one (the list is `assets/csv/tracking_carrier_values.csv` of
github.com/bigcommerce/docs). From either and the number BigCommerce makes the link that the buyer gets. Only one of the
two is sent with a word in it, the other one empty: two that contradict each other are refused, and a provider that is
left out becomes "custom", which has no link (earlier V2 docs, shipments).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PROVIDERS = frozenset(
    {
        "auspost",
        "canadapost",
        "endicia",
        "fedex",
        "royalmail",
        "shipperhq",
        "ups",
        "upsonline",
        "upsready",
        "usps",
    }
)
_APP_PROVIDER = re.compile(r"carrier_[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Codes:
    """What is sent of a carrier; both empty for one that BigCommerce doesn't know."""

    provider: str = ""
    tracking_carrier: str = ""

    def __bool__(self) -> bool:
        return bool(self.provider or self.tracking_carrier)

    def fields(self) -> dict[str, str]:
        """Both fields, the empty one too: where one is left out, what the store had there before stays."""
        return {"shipping_provider": self.provider, "tracking_carrier": self.tracking_carrier}


UNKNOWN = Codes()


def codes_of(carrier: str, code: str | None = None) -> Codes:
    """How BigCommerce calls the carrier that people call `carrier`; `code` is the merchant's own word and goes before.

    Names are found whole, in any case, spacing and punctuation, and never guessed from a part: a link to another
    carrier's page is worse for the buyer than none.
    """
    word = (code or "").strip()
    if not word:
        return _BY_NAME.get(_plain(carrier), UNKNOWN)
    lower = word.lower()  # all of the platform's own words are in lower case
    return Codes(provider=lower) if lower in PROVIDERS or _APP_PROVIDER.fullmatch(lower) else Codes("", lower)


def spoken_name(carrier: str) -> str:
    """The carrier's name as it can be told to a buyer; "" where it names none, as when only "manual" was said."""
    name = " ".join(carrier.split())
    return "" if _plain(name) in _NAMELESS else name


_NAMELESS = frozenset({"", "manual", "custom", "other", "none", "unknown"})

# "DPD", "TNT" and "GLS" alone are the companies as a whole; whoever means a country's own says so, or gives the code.
_PROVIDER_NAMES: Mapping[str, str] = {
    "auspost": "Australia Post, AusPost, Aus Post, eParcel, Australia Post eParcel, AusPost eParcel, MyPost Business,"
    " Australia Post MyPost Business, Australia Post Express Post, Australia Post Parcel Post",
    "canadapost": "Canada Post, Postes Canada, Canada Post Corporation",
    "fedex": "FedEx, Federal Express, FedEx Express, FedEx Ground, FedEx Home Delivery, FedEx International",
    "royalmail": "Royal Mail, Royal Mail Tracked 24, Royal Mail Tracked 48, Royal Mail Special Delivery, Royal Mail UK,"
    " Royal Mail Click and Drop",
    "ups": "UPS, United Parcel Service, UPS Ground, UPS Express, UPS Worldwide",
    "usps": "USPS, US Postal Service, U.S. Postal Service, United States Postal Service, US Mail, USPS Priority Mail,"
    " USPS First Class, USPS Ground Advantage",
}
_SLUG_NAMES: Mapping[str, str] = {
    # Australia and New Zealand
    "alliedexpress": "Allied Express, Allied, Allied Express Transport",
    "aramex": "Aramex, Aramex International",
    "bondscouriers": "Bonds Couriers",
    "borderexpress": "Border Express",
    "courierpost": "CourierPost, Courier Post NZ",
    "couriers-please": "Couriers Please, CouriersPlease, Courier Please",
    "directcouriers": "Direct Couriers",
    "directfreight-au-ref": "Direct Freight, Direct Freight Express, DFE",
    "dhl-supply-chain-au": "DHL Supply Chain Australia",
    "dtdc-au": "DTDC Australia",
    "fastway-au": "Fastway, Fastway Couriers, Fastway AU, Fastway Australia, Aramex Australia, Aramex AU",
    "fastway-nz": "Fastway NZ, Fastway New Zealand, Aramex NZ, Aramex New Zealand",
    "hunter-express": "Hunter Express, Hunter, Hunter Road Freight",
    "interparcel-au": "Interparcel, Interparcel Australia",
    "interparcel-nz": "Interparcel NZ, Interparcel New Zealand",
    "mainfreight": "Mainfreight, Main Freight",
    "new-zealand-post": "NZ Post, New Zealand Post, NZPost",
    "newzealand-couriers": "New Zealand Couriers, NZ Couriers",
    "sendle": "Sendle",
    "star-track": "StarTrack, Star Track",
    "star-track-courier": "StarTrack Courier, Star Track Courier",
    "star-track-express": "StarTrack Express, Star Track Express, Australia Post StarTrack",
    "tnt-au": "TNT Australia, TNT AU, TNT Express Australia",
    "toll-ipec": "Toll IPEC, IPEC, Team Global Express",
    "toll-nz": "Toll NZ, Toll New Zealand",
    "toll-priority": "Toll Priority",
    # Britain and Ireland
    "an-post": "An Post",
    "apc-overnight": "APC Overnight, APC",
    "arrowxl": "Arrow XL, ArrowXL",
    "collectplus": "Collect+, CollectPlus, Collect Plus",
    "dhlparcel-uk": "DHL Parcel UK, DHL eCommerce UK",
    "dpd-ireland": "DPD Ireland",
    "dpd-uk": "DPD UK, DPD Group UK",
    "dx": "DX, DX Delivery, DX Freight",
    "fastway-ireland": "Fastway Ireland",
    "fedex-uk": "FedEx UK",
    "interlink-express": "DPD Local, Interlink Express, Interlink",
    "interparcel-uk": "Interparcel UK",
    "myhermes-uk": "Evri, EVRi, Hermes, Hermes UK, myHermes, my Hermes UK",
    "parcel-force": "Parcelforce, Parcel Force, Parcelforce Worldwide",
    "tnt-uk": "TNT UK",
    "tuffnells": "Tuffnells, Tuffnells Parcels Express",
    "uk-mail": "UK Mail, UKMail",
    "whistl": "Whistl",
    "xdp-uk": "XDP, XDP Express",
    "yodel": "Yodel, Yodel Domestic",
    "yodeldirect": "Yodel Direct",
    # North America
    "canpar": "Canpar, Canpar Express, Canpar Courier",
    "chitchats": "Chit Chats, ChitChats",
    "dicom": "Dicom, GLS Canada",
    "estes": "Estes, Estes Express",
    "fedex-freight": "FedEx Freight",
    "gso": "GLS US, GLS USA, GSO",
    "lasership": "LaserShip",
    "loomis-express": "Loomis, Loomis Express",
    "newgistics": "Newgistics",
    "old-dominion": "Old Dominion, Old Dominion Freight Line",
    "ontrac": "OnTrac",
    "osm-worldwide": "OSM, OSM Worldwide",
    "pitney-bowes": "Pitney Bowes",
    "purolator": "Purolator",
    "rl-carriers": "R+L Carriers, R&L Carriers, RL Carriers",
    "stallionexpress": "Stallion Express",
    "ups-freight": "UPS Freight",
    "ups-mi": "UPS Mail Innovations, UPS MI",
    "xpo-logistics": "XPO, XPO Logistics",
    # everywhere else
    "asendia-uk": "Asendia UK",
    "asendia-usa": "Asendia USA",
    "austrian-post": "Austrian Post",
    "bpost": "bpost, Belgian Post",
    "brt-it": "BRT, Bartolini",
    "china-ems": "China EMS, ePacket",
    "china-post": "China Post",
    "chronopost-france": "Chronopost, Chronopost France",
    "colissimo": "Colissimo",
    "correosexpress": "Correos Express",
    "danmark-post": "PostNord Denmark, PostNord Danmark",
    "deutsch-post": "Deutsche Post",
    "dhl": "DHL, DHL Express, DHL Worldwide Express",
    "dhl-germany": "DHL Germany, DHL Paket, Deutsche Post DHL",
    "dhl-global-mail": "DHL eCommerce, DHL Global Mail, DHL eCommerce Solutions",
    "dhl-global-mail-asia": "DHL eCommerce Asia",
    "dhl-nl": "DHL Netherlands",
    "dpd": "DPD",
    "dpd-de": "DPD Germany, DPD Deutschland",
    "dpd-poland": "DPD Poland",
    "gls": "GLS, General Logistics Systems",
    "gls-italy": "GLS Italy",
    "gls-netherlands": "GLS Netherlands",
    "hermes-de": "Hermes Germany, Hermes Deutschland",
    "hong-kong-post": "Hong Kong Post, Hongkong Post",
    "inpost-paczkomaty": "InPost, InPost Paczkomaty",
    "japan-post": "Japan Post",
    "korea-post": "Korea Post",
    "la-poste-colissimo": "La Poste",
    "mondialrelay": "Mondial Relay",
    "ninjavan": "Ninja Van, NinjaVan",
    "posten-norge": "Posten Norge, Bring Norway",
    "poste-italiane": "Poste Italiane",
    "posti": "Posti",
    "postnl": "PostNL",
    "postnl-international": "PostNL International",
    "postnord": "PostNord",
    "sapo": "South African Post Office, SAPO",
    "sf-express": "SF Express, S.F. Express",
    "singapore-post": "Singapore Post, SingPost",
    "spain-correos-es": "Correos, Correos de España",
    "spanish-seur": "SEUR, Spanish SEUR",
    "swiss-post": "Swiss Post",
    "sweden-posten": "PostNord Sweden, PostNord Sverige",
    "taqbin-jp": "Yamato, Yamato Transport, TA-Q-BIN",
    "tnt": "TNT, TNT Express",
    "tnt-fr": "TNT France",
    "tnt-it": "TNT Italy",
    "yanwen": "Yanwen",
    "yunexpress": "YunExpress, Yun Express",
}


def _plain(name: str) -> str:
    """What spellings of a name have in common: `Couriers-Please ` and `CouriersPlease` → `couriersplease`."""
    return "".join(character for character in name.casefold().replace("&", "and") if character.isalnum())


def _by_name() -> Mapping[str, Codes]:
    found: dict[str, Codes] = {}
    for slug, names in _SLUG_NAMES.items():
        found |= dict.fromkeys(map(_plain, (slug, *names.split(","))), Codes(tracking_carrier=slug))
    for provider, names in _PROVIDER_NAMES.items():
        found |= dict.fromkeys(map(_plain, (provider, *names.split(","))), Codes(provider=provider))
    return MappingProxyType(found)


_BY_NAME = _by_name()
