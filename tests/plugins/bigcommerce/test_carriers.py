"""What people call a carrier, and what BigCommerce calls it."""

from __future__ import annotations

import pytest
from crossdock_bigcommerce.carriers import UNKNOWN, Codes, codes_of, spoken_name
from hypothesis import given
from hypothesis import strategies as st

PROVIDER = {
    "auspost": ["Australia Post", "auspost", "AusPost", "AUSTRALIA-POST", "Australia Post eParcel"],
    "canadapost": ["Canada Post", "canada-post"],
    "fedex": ["FedEx", "Fed Ex", "FedEx Ground"],
    "royalmail": ["Royal Mail", "royalmail", "ROYAL  MAIL"],
    "ups": ["UPS", "U.P.S.", "ups ground"],
    "usps": ["USPS", "U.S. Postal Service", "United States Postal Service"],
}
TRACKING_CARRIER = {
    "alliedexpress": ["Allied Express"],
    "aramex": ["Aramex"],
    "borderexpress": ["Border Express"],
    "courierpost": ["CourierPost", "Courier Post"],
    "couriers-please": ["Couriers Please", "couriers-please", "CouriersPlease"],
    "dhl": ["DHL", "DHL Express"],
    "directfreight-au-ref": ["Direct Freight", "Direct Freight Express"],
    "dpd": ["DPD"],
    "dpd-uk": ["DPD UK", "DPD (UK)"],
    "fastway-au": ["Fastway", "Fastway Couriers", "Aramex Australia"],
    "fastway-nz": ["Fastway NZ"],
    "gls": ["GLS"],
    "hunter-express": ["Hunter", "Hunter Express"],
    "myhermes-uk": ["Evri", "EVRi", "Hermes", "myHermes"],
    "new-zealand-post": ["NZ Post", "New Zealand Post"],
    "purolator": ["Purolator"],
    "rl-carriers": ["R+L Carriers", "R&L Carriers"],
    "sendle": ["Sendle", " sendle "],
    "star-track": ["StarTrack"],
    "star-track-express": ["StarTrack Express", "Star Track Express"],
    "tnt": ["TNT", "TNT Express"],
    "tnt-au": ["TNT Australia"],
    "toll-ipec": ["Toll IPEC", "IPEC"],
    "toll-priority": ["Toll Priority"],
    "yodel": ["Yodel"],
}


@pytest.mark.parametrize(("name", "provider"), [(name, code) for code, names in PROVIDER.items() for name in names])
def test_a_carrier_with_a_module_of_its_own_is_named_as_provider(name: str, provider: str) -> None:
    assert codes_of(name) == Codes(provider=provider)


@pytest.mark.parametrize(("name", "slug"), [(name, code) for code, names in TRACKING_CARRIER.items() for name in names])
def test_any_other_carrier_is_named_by_its_slug(name: str, slug: str) -> None:
    assert codes_of(name) == Codes(tracking_carrier=slug)


@pytest.mark.parametrize("name", ["Bob's Vans", "Hunter Valley Couriers", "Post", "Toll", "4-72", "", "manual"])
def test_quirk_51_a_carrier_is_never_guessed(name: str) -> None:
    assert codes_of(name) is UNKNOWN
    assert not codes_of(name)
    assert codes_of(name).fields() == {"shipping_provider": "", "tracking_carrier": ""}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("endicia", Codes(provider="endicia")),
        ("carrier_204", Codes(provider="carrier_204")),
        (" AusPost ", Codes(provider="auspost")),
        ("australia-post", Codes(tracking_carrier="australia-post")),
        ("carrier_x", Codes(tracking_carrier="carrier_x")),
        ("", Codes(provider="fedex")),
    ],
)
def test_the_merchants_own_code_goes_before_the_name(code: str, found: Codes) -> None:
    assert codes_of("FedEx", code) == found


def test_quirk_50_royal_mail_is_known_as_provider_alone() -> None:
    assert codes_of("royal-mail").fields() == {"shipping_provider": "royalmail", "tracking_carrier": ""}


def test_quirk_67_a_slug_that_looks_like_a_date_stays_text() -> None:
    assert codes_of("Servicios Postales", "4-72").fields()["tracking_carrier"] == "4-72"


@given(st.text(max_size=30), st.none() | st.text(max_size=30))
def test_no_two_carriers_are_ever_named_at_once(name: str, code: str | None) -> None:
    found = codes_of(name, code)
    assert not (found.provider and found.tracking_carrier)


@pytest.mark.parametrize(
    ("written", "told"), [(" Bob's   Vans ", "Bob's Vans"), ("manual", ""), ("Other", ""), (" ", "")]
)
def test_a_buyer_is_told_a_name_and_no_word_for_having_none(written: str, told: str) -> None:
    assert spoken_name(written) == told
