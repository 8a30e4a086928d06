"""`manual` stands for any carrier: it takes the number that a person gives, and knows where the parcel is followed."""

from __future__ import annotations

import pytest
from crossdock import Booking, RefusedError
from plugins.carriers.parcels import Called, Reader, parcel


async def test_the_number_comes_back_as_it_was_typed_but_for_the_space_around_it(called: Called) -> None:
    carrier = called("Bob's Van")
    assert await carrier.ship(parcel(" 33 abc-0001/2\r\n")) == Booking(tracking_number="33 abc-0001/2")
    assert not carrier.sets_aside
    assert not carrier.gives_labels


@pytest.mark.parametrize("number", [None, "", "  \n"])
async def test_a_parcel_may_have_no_number(called: Called, number: str | None) -> None:
    assert await called("Sendle").ship(parcel(number)) == Booking()


@pytest.mark.parametrize("number", ["A" * 50, "ÄÖ 1", "JD0002/1?#", "www1", "HTTP1"])
async def test_what_may_be_a_number_is_taken(called: Called, number: str) -> None:
    assert (await called("Bob's Van").ship(parcel(number))).tracking_number == number


@pytest.mark.parametrize(
    ("scanned", "words"),
    [
        ("https://auspost.com.au/r/Mia-Example", "is a web address, such as QR codes hold"),
        ("WWW.example.com/Mia-Example", "is a web address"),
        ("geo://Mia-Example", "is a web address"),
        ("0199312650\x1d420Mia-Example", "holds a line break or another control character"),
        ("Mia-Example\n1 Sample Street", "holds a line break or another control character"),
        ("Mia-Example\u202e1", "holds a line break or another control character"),
        ("Mia-Example " * 5, "has 59 characters, and a tracking number has at most 50"),
    ],
)
async def test_what_is_obviously_something_else_is_refused_without_being_repeated(
    called: Called, scanned: str, words: str
) -> None:
    with pytest.raises(RefusedError) as raised:
        await called("Sendle").ship(parcel(scanned))
    assert str(raised.value).startswith(f"Sendle: what was given as the tracking number {words}")
    assert "Mia" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("Australia Post", "https://auspost.com.au/mypost/track/details/X1"),
        ("aus-post", "https://auspost.com.au/mypost/track/details/X1"),
        ("Star Track", "https://startrack.com.au/track/details/X1"),
        ("Couriers Please", "https://www.couriersplease.com.au/tools-track/no/X1"),
        ("SENDLE", "https://track.sendle.com/tracking?ref=X1"),
        ("Aramex (AU)", "https://www.aramex.com.au/tools/track?l=X1"),
        ("Aramex New Zealand", "https://www.aramex.co.nz/tools/track?l=X1"),
        ("NZ Post", "https://www.nzpost.co.nz/tools/tracking/item/X1"),
        ("D.H.L.", "https://www.dhl.com/global-en/home/tracking.html?submit=1&tracking-id=X1"),
        ("Fed Ex", "https://www.fedex.com/fedextrack/?trknbr=X1"),
        ("ups", "https://www.ups.com/track?tracknum=X1"),
        ("U.S. Postal Service", "https://tools.usps.com/go/TrackConfirmAction?tLabels=X1"),
        ("Royal Mail", "https://www.royalmail.com/track-your-item#/tracking-results/X1"),
        ("evri", "https://www.evri.com/track/parcel/X1"),
        ("Canada Post", "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor=X1"),
        ("Purolator", "https://www.purolator.com/en/shipping/tracker?pin=X1"),
        ("GLS", "https://gls-group.eu/EU/en/parcel-tracking?match=X1"),
        ("TNT", "https://www.tnt.com/express/en_us/site/tracking.html?searchType=con&cons=X1"),
        ("Bob's Van", None),
        ("Aramex", None),  # in Australia, or in New Zealand?
        ("manual", None),
    ],
)
async def test_the_page_of_a_known_carrier_is_found_by_its_name_however_it_is_spelt(
    called: Called, name: str, page: str | None
) -> None:
    assert (await called(name).ship(parcel("X1"))).tracking_link == page


async def test_a_number_can_not_change_the_address_that_it_stands_in(called: Called) -> None:
    booking = await called("Sendle").ship(parcel("a/b?c&d#e %{é"))
    assert booking.tracking_link == "https://track.sendle.com/tracking?ref=a%2Fb%3Fc%26d%23e%20%25%7B%C3%A9"


async def test_a_page_of_the_merchants_own_goes_before_the_known_one(called: Called) -> None:
    page = "https://shop.example/t/{tracking_number}?again={tracking_number}"
    booking = await called("Sendle", f"sendle: {{carrier: manual, settings: {{link: '{page}'}}}}").ship(parcel("X 1"))
    assert booking.tracking_link == "https://shop.example/t/X%201?again=X%201"


async def test_an_entry_may_have_a_title_and_the_page_is_found_by_either_name(called: Called) -> None:
    by_title = called("fast", "fast: {carrier: manual, settings: {title: ' Australia Post '}}")
    by_name = called("sendle", "sendle: {carrier: manual, settings: {title: Our Courier}}")
    assert (by_title.called, by_name.called) == ("Australia Post", "Our Courier")
    assert (await by_title.ship(parcel("X1"))).tracking_link == "https://auspost.com.au/mypost/track/details/X1"
    assert (await by_name.ship(parcel("X1"))).tracking_link == "https://track.sendle.com/tracking?ref=X1"


async def test_a_platforms_code_is_the_one_that_stands_in_the_file(called: Called) -> None:
    carrier = called("cp", "cp: {carrier: manual, settings: {codes: {bigcommerce: ' couriers-please ', other: 7}}}")
    assert [carrier.code_for(one) for one in ("bigcommerce", "other", "third")] == ["couriers-please", "7", None]
    assert called("CouriersPlease").code_for("bigcommerce") is None


async def test_there_is_nothing_to_take_back_and_nothing_to_find(called: Called) -> None:
    carrier = called("Sendle")
    await carrier.void("acme-1")
    assert await carrier.find("acme-1") is None


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("link: 'https://shop.example/t'", "link: should have {tracking_number} where the number belongs"),
        (
            "link: 'shop.example/{tracking_number}'",
            "link: should be a web address that begins with https:// or http://",
        ),
        ("link: 'javascript://x/{tracking_number}'", "link: should be a web address"),
        ("link: 'https://{tracking_number}.example/'", "link: should be a web address"),
        ("link: 'https:///{tracking_number}'", "link: should be a web address"),
        ("link: 'https://a b/{tracking_number}'", "link: should be a web address"),
        ("link: 'https://[a/{tracking_number}'", "link: should be a web address"),
        ("link: [a]", "link: should be text, not a list"),
        ("codes: {bigcommerce: ' '}", "codes: a code is empty: write what the platform calls the carrier"),
        ("codes: sendle", "codes: should be a mapping of keys to values"),
        ("title: ' '", "title: is empty or has more than one line"),
        ("titel: X", "titel: unknown key 'titel'; did you mean 'title'? known: codes, link, title"),
    ],
)
def test_a_mistake_in_the_settings_is_told_with_what_would_be_right(reader: Reader, settings: str, told: str) -> None:
    (found,) = reader(f"x: {{carrier: manual, settings: {{{settings}}}}}").mistakes
    assert f"{found.path}: {found.message}".startswith(f"carriers.x.settings.{told}")
