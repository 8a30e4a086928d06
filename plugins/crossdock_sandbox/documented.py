"""What the platform's documentation fixes for every store: statuses, scopes, providers, carriers, limits.

Sources: V2 Orders reference (statuses, shipments), API accounts guide (scopes), status codes page (413), rate limits.
"""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_LIMIT = 50  # V2 Orders reference, parameter `limit`
MAX_LIMIT = 250  # common query parameters page; above it the answer is 413
EMBEDDED_LINES = 50  # lines embedded per consignment by `include=consignments.line_items`; more come with `__warning__`

QUOTA_REQUESTS = 150  # Standard and Plus plans
QUOTA_WINDOW_S = 30.0

TRACKING_NUMBER_MAX = 50
TRACKING_LINK_MAX = 500
COMMENTS_MAX = 65535


@dataclass(frozen=True, slots=True)
class Status:
    """One of the fixed order statuses; merchants may rename its label only. `sort_order` is the panel's order."""

    id: int
    name: str
    sort_order: int
    description: str


STATUSES: dict[int, Status] = {
    status.id: status
    for status in (
        Status(0, "Incomplete", 0, "The shopper saw the payment page and went no further."),
        Status(1, "Pending", 1, "The checkout was begun and is not complete."),
        Status(2, "Shipped", 8, "The goods have left; the buyer has not confirmed their arrival."),
        Status(3, "Partially Shipped", 6, "Some of the goods have left."),
        Status(4, "Refunded", 11, "The whole payment was given back."),
        Status(5, "Cancelled", 9, "The seller cancelled the order."),
        Status(6, "Declined", 10, "The seller declined the order."),
        Status(7, "Awaiting Payment", 2, "The checkout is complete and the payment is not yet confirmed."),
        Status(8, "Awaiting Pickup", 5, "The goods are packed and wait for the customer."),
        Status(9, "Awaiting Shipment", 4, "The goods are packed and wait for the carrier."),
        Status(10, "Completed", 7, "Everything is done; digital files can be downloaded."),
        Status(11, "Awaiting Fulfillment", 3, "The order is paid and is to be picked."),
        Status(12, "Manual Verification Required", 13, "A person has to look at the order first."),
        Status(13, "Disputed", 12, "The buyer disputes the payment."),
        Status(14, "Partially Refunded", 14, "A part of the payment was given back."),
    )
}

ORDERS_READ = "store_v2_orders_read_only"
ORDERS_MODIFY = "store_v2_orders"
INFORMATION_READ = "store_v2_information_read_only"
INFORMATION_MODIFY = "store_v2_information"
PRODUCTS_READ = "store_v2_products_read_only"

ALL_SCOPES: frozenset[str] = frozenset(
    {
        ORDERS_READ,
        ORDERS_MODIFY,
        INFORMATION_READ,
        INFORMATION_MODIFY,
        PRODUCTS_READ,
        "store_v2_products",
        "store_v2_transactions_read_only",
        "store_v2_transactions",
        "store_order_fulfillment_read_only",
        "store_order_fulfillment_manage",
        "store_fulfillment_methods_read_only",
        "store_fulfillment_methods_manage",
        "store_locations_read_only",
        "store_locations",
        "store_channel_settings_read_only",
        "store_channel_settings",
    }
)

# `shipping_provider` values and the name shown beside them. Source: V2 Orders reference, POST shipments.
PROVIDERS: dict[str, str] = {
    "": "",
    "auspost": "Australia Post",
    "canadapost": "Canada Post",
    "endicia": "USPS",
    "usps": "USPS",
    "fedex": "FedEx",
    "royalmail": "Royal Mail",
    "ups": "UPS",
    "upsready": "UPS",
    "upsonline": "UPS",
    "shipperhq": "ShipperHQ",
}

# The carriers that may stand beside a provider. Source: earlier V2 docs, shipments, `tracking_carrier`.
CARRIERS_OF_PROVIDER: dict[str, frozenset[str]] = {
    "auspost": frozenset({"australia-post"}),
    "canadapost": frozenset({"canada-post"}),
    "endicia": frozenset({"usps"}),
    "usps": frozenset({"usps"}),
    "fedex": frozenset({"fedex"}),
    "royalmail": frozenset({"royalmail"}),
    "ups": frozenset({"ups"}),
    "upsready": frozenset({"ups"}),
    "upsonline": frozenset({"ups"}),
    "shipperhq": frozenset({"ups", "dhl", "fedex", "usps", "australia-post", "start-track", "star-track"}),
}

# AfterShip slugs in common use; more are added with the behaviour switch `extra_carriers`.
_SLUGS = """
    4-72 99minutos abf acscourier alliedexpress amazon-fba-us an-post apc-overnight aramex asendia asendia-de
    asendia-uk asendia-usa australia-post austrian-post bluedart borderexpress boxberry bpost brt-it
    cacesa-postal canada-post canpar cbl-logistica celeritas chronopost-france chronopost-portugal cnexps
    colis-prive collectplus correos-chile correos-de-mexico correosexpress courierpost couriers-please
    cyprus-post dachser dao365 delhivery deltec-courier deutsch-post dhl dhl-benelux dhl-de dhl-es dhl-germany
    dhl-global-mail dhl-global-mail-asia dhl-nl dhl-poland dhlparcel-es dhlparcel-nl dhlparcel-uk
    directfreight-au-ref dpd dpd-de dpd-fr dpd-ireland dpd-poland dpd-uk dpex dtdc dx ecms elta-courier
    envialia estafeta estes evri fastway-au fastway-ireland fastway-nz fastway-za fedex fedex-freight fedex-uk
    flyt-express geniki-gr gls gls-italy gls-netherlands gls-spain gso hermes hermes-de hermes-it
    hong-kong-post hunter-express i-parcel imxmail inpost-paczkomaty interlink-express israel-post italy-sda
    japan-post jne kerry-logistics korea-post la-poste-colissimo lasership lbcexpress loomis-express lwe-hk
    mainfreight malaysia-post matdespatch mrw-spain myhermes-uk nationwide-my new-zealand-couriers newgistics
    ninjavan-my ninjavan-sg nova-poshta oca-ar ocs-worldwide ontrac palletways parcel-force poczta-polska
    portugal-ctt portugal-seur post-haste post56 posten-norge postnl postnl-3s postnl-international postnord
    ppbyb purolator redexpress redur-es royal-mail russian-post safexpress sagawa sapo seko-logistics sendle
    seur sf-express sic-teliway singapore-post skynet skynetworldwide smart-send spanish-seur speedexcourier
    star-track star-track-express start-track sweden-posten swiss-post taiwan-post taqbin-jp taqbin-my
    thailand-post tnt tnt-au tnt-fr tnt-it tnt-reference tnt-uk toll-ipec toll-nz toll-priority trakpak
    tuffnells uk-mail ukrposhta ups ups-freight ups-mi usps vietnam-post viettelpost vnpost wahana xend xpost
    yamato yanwen yodel yodel-international yrc yto yunexpress zeleris
"""
TRACKING_CARRIERS: frozenset[str] = frozenset(_SLUGS.split())
