"""`/v2/store`, `/v2/time` and `/v2/order_statuses`.

Sources: Store Information reference; V2 Orders reference, GET order_statuses.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from .answers import Answer, ApiRequest, Json, json_answer, not_found
from .documented import STATUSES, Status
from .store import SandboxStore


def get_time(store: SandboxStore, request: ApiRequest) -> Answer:
    return json_answer({"time": store.time()})


def list_statuses(store: SandboxStore, request: ApiRequest) -> Answer:
    return json_answer([_status(store, each) for each in STATUSES.values()])


def get_status(store: SandboxStore, request: ApiRequest, status_id: int) -> Answer:
    if status_id not in STATUSES:
        raise not_found()
    return json_answer(_status(store, STATUSES[status_id]))


def _status(store: SandboxStore, status: Status) -> Json:
    return {
        "id": status.id,
        "name": status.name,
        "system_label": status.name,
        "custom_label": store.behaviour.custom_labels.get(status.id, status.name),
        "system_description": status.description,
        "order": status.sort_order,
    }


def get_store(store: SandboxStore, request: ApiRequest) -> Answer:
    """The store's profile. The platform's documents show `logo` as `[]` where there is none."""
    here = store.now().astimezone(ZoneInfo(store.timezone))
    offset, dst = here.utcoffset(), here.dst()
    dst_s = int(dst.total_seconds()) if dst else 0
    offset_s = int(offset.total_seconds()) if offset else 0
    return json_answer(
        {
            "id": store.store_hash,
            "account_uuid": f"00000000-0000-4000-8000-{store.seed:012d}",
            "domain": "outfitters.example.com",
            "secure_url": "https://outfitters.example.com",
            "control_panel_base_url": f"https://store-{store.store_hash}.mybigcommerce.com",
            "status": "live",
            "name": store.name,
            "first_name": "Sam",
            "last_name": "Sandbox",
            "address": "1 Sample Street\nPerth WA 6000",
            "country": "Australia",
            "country_code": "AU",
            "phone": "+61 8 5550 0100",
            "admin_email": "owner@example.com",
            "order_email": "orders@example.com",
            "favicon_url": "",
            "timezone": {
                "name": store.timezone,
                "raw_offset": offset_s - dst_s,
                "dst_offset": offset_s,
                "dst_correction": dst_s > 0,
                "date_format": {"display": "jS M Y", "export": "d-m-Y", "extended_display": "jS M Y @ g:i A"},
            },
            "language": "en",
            "currency": "AUD",
            "currency_symbol": "$",
            "decimal_separator": ".",
            "thousands_separator": ",",
            "decimal_places": 2,
            "currency_symbol_location": "left",
            "weight_units": store.weight_units,
            "dimension_units": store.dimension_units,
            "dimension_decimal_places": 2,
            "dimension_decimal_token": ".",
            "dimension_thousands_token": ",",
            "plan_name": "Sandbox",
            "plan_level": "Standard",
            "plan_is_trial": False,
            "industry": "Fashion & Jewelry",
            "logo": [],
            "is_price_entered_with_tax": True,
            "store_id": 1_000_000 + store.seed,
            "default_site_id": 1000,
            "default_channel_id": 1,
            "active_comparison_modules": [],
            "features": {
                "stencil_enabled": True,
                "sitewidehttps_enabled": True,
                "facebook_catalog_id": "",
                "checkout_type": "optimized",
                "wishlists_enabled": True,
                "graphql_storefront_api_enabled": True,
                "shopper_consent_tracking_enabled": False,
                "multi_storefront_enabled": False,
            },
        }
    )
