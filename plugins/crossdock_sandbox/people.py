"""Invented shoppers and places for the generated orders: several scripts and countries, the usual oddities."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .answers import Json


@dataclass(frozen=True, slots=True)
class Place:
    city: str
    state: str
    zip: str


@dataclass(frozen=True, slots=True)
class Region:
    """Where shoppers come from: the share of orders, how they are called, where they live, how they write it."""

    weight: int
    country: str
    iso2: str
    locale: str
    currency: str
    rate: str
    first: tuple[str, ...]
    last: tuple[str, ...]
    places: tuple[Place, ...]
    streets: tuple[str, ...]
    phones: tuple[str, ...]


REGIONS: tuple[Region, ...] = (
    Region(
        34,
        "Australia",
        "AU",
        "en",
        "AUD",
        "1.0000000000",
        ("Mia", "Jack", "Charlotte", "Noah", "Siobhán", "Aroha", "Liam", "Zoë", "Priya", "Tom"),
        ("O'Brien", "O&#039;Connor", "Nguyen", "Smith-Jones", "Lee", "McAllister", "Patel", "D'Arcy", "Van der Berg"),
        (
            Place("Perth", "Western Australia", "6000"),
            Place("Fremantle", "Western Australia", "6160"),
            Place("Darwin", "Northern Territory", "0800"),
            Place("Hobart", "Tasmania", "7000"),
            Place("Wagga Wagga", "New South Wales", "2650"),
            Place("Melbourne", "Victoria", "3000"),
            Place("Cairns", "Queensland", "4870"),
        ),
        (
            "{n} Banksia Street",
            "Unit {n}/12 Wattle Lane",
            "{n} King&#039;s Road",
            "PO Box {n}",
            "Lot {n} Old Mill Road",
        ),
        ("0400 555 {n:03}", "+61 8 5550 {n:04}", "(08) 5550 {n:04}", ""),
    ),
    Region(
        8,
        "New Zealand",
        "NZ",
        "en",
        "NZD",
        "1.0900000000",
        ("Hēmi", "Anahera", "Wiremu", "Olivia"),
        ("Tāmati", "Ngata", "Wilson", "Parata"),
        (Place("Whangārei", "Northland", "0110"), Place("Ōtautahi Christchurch", "Canterbury", "8011")),
        ("{n} Kōwhai Terrace", "{n}A Rātā Street", "RD {n}"),
        ("+64 21 555 {n:03}", "021 555 {n:04}"),
    ),
    Region(
        10,
        "United States",
        "US",
        "en",
        "USD",
        "0.6600000000",
        ("Emma", "José", "DeShawn", "Renée", "William"),
        ("García", "Johnson", "Peña-Müller", "Washington", "St. John"),
        (
            Place("Boston", "Massachusetts", "02108"),
            Place("San José", "California", "95113"),
            Place("Holtsville", "New York", "00501-0001"),
        ),
        ("{n} Maple Ave Apt 4B", "{n} N. 5th St.", "P.O. Box {n}"),
        ("+1 (555) 010-{n:04}", "555-010-{n:04}"),
    ),
    Region(
        6,
        "United Kingdom",
        "GB",
        "en",
        "GBP",
        "0.5200000000",
        ("Alistair", "Niamh", "Gwenllïan", "Zara"),
        ("Ó Súilleabháin", "Llewellyn", "Clarke & Sons", "Ferguson"),
        (
            Place("Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch", "Anglesey", "LL61 5UJ"),
            Place("London", "Greater London", "SW1A 1AA"),
        ),
        ("Flat {n}, The Old Bakery", "{n} High Street"),
        ("+44 7700 900{n:03}", "020 7946 {n:04}"),
    ),
    Region(
        6,
        "Germany",
        "DE",
        "de",
        "EUR",
        "0.6100000000",
        ("Jürgen", "Käthe", "Björn", "Friederike"),
        ("Müller", "Weiß", "von der Schulenburg-Wolfsburg und zu Beetzendorf", "Größmann"),
        (Place("Köln", "Nordrhein-Westfalen", "50667"), Place("Görlitz", "Sachsen", "02826")),
        ("Königstraße {n}", "Am Mühlbach {n} a", "Packstation {n}"),
        ("+49 30 5550{n:03}", "0151 5550{n:04}"),
    ),
    Region(
        4,
        "France",
        "FR",
        "fr",
        "EUR",
        "0.6100000000",
        ("François", "Éloïse", "Noël"),
        ("Lefèvre", "d&#039;Hérouville", "Œuvrard"),
        (Place("Besançon", "Doubs", "25000"), Place("L'Haÿ-les-Roses", "Val-de-Marne", "94240")),
        ("{n} bis, rue de l'Église", "Bât. C, {n} avenue Foch"),
        ("+33 6 55 50 {n:04}",),
    ),
    Region(
        3,
        "Poland",
        "PL",
        "pl",
        "PLN",
        "2.6000000000",
        ("Łukasz", "Małgorzata", "Świętosława"),
        ("Wójcik", "Źdźbło", "Żółkiewski"),
        (Place("Łódź", "Łódzkie", "90-001"), Place("Kraków", "Małopolskie", "30-002")),
        ("ul. Świętokrzyska {n}/7", "os. Złotego Wieku {n}"),
        ("+48 555 010 {n:03}",),
    ),
    Region(
        3,
        "Greece",
        "GR",
        "el",
        "EUR",
        "0.6100000000",
        ("Γιώργος", "Ελένη", "Νίκος"),
        ("Παπαδόπουλος", "Οικονόμου", "Καζαντζή"),
        (Place("Αθήνα", "Αττική", "105 57"), Place("Θεσσαλονίκη", "Κεντρική Μακεδονία", "546 24")),
        ("Ερμού {n}", "Λεωφόρος Νίκης {n}"),
        ("+30 210 555 {n:04}",),
    ),
    Region(
        3,
        "Bulgaria",
        "BG",
        "bg",
        "EUR",
        "0.6100000000",
        ("Иван", "Цветелина", "Георги"),
        ("Петров", "Щърбанова", "Жеков"),
        (Place("София", "София-град", "1000"), Place("Пловдив", "Пловдив", "4000")),
        ("ул. „Шипка“ {n}", "бул. Витоша {n}, вх. Б"),
        ("+359 2 555 {n:04}",),
    ),
    Region(
        3,
        "Vietnam",
        "VN",
        "vi",
        "VND",
        "16500.0000000000",
        ("Nguyễn Thị Hồng Phương Quỳnh", "Đức Anh", "Thuỷ"),
        ("Trần", "Phạm", "Đặng"),
        (Place("Thành phố Hồ Chí Minh", "Hồ Chí Minh", "700000"), Place("Huế", "Thừa Thiên Huế", "530000")),
        ("{n} Đường Lê Lợi, Phường Bến Nghé", "Ngõ {n} Phố Huế"),
        ("+84 28 5550 {n:04}",),
    ),
    Region(
        4,
        "China",
        "CN",
        "zh-CN",
        "CNY",
        "4.7000000000",
        ("小明", "丽华", "子轩"),
        ("王", "欧阳", "陈"),
        (Place("上海市", "上海", "200001"), Place("成都市", "四川省", "610000")),
        ("南京东路{n}号", "人民南路三段{n}号 2单元"),
        ("+86 21 5550 {n:04}",),
    ),
    Region(
        5,
        "Japan",
        "JP",
        "ja",
        "JPY",
        "98.0000000000",
        ("さくら", "健太", "ユウコ"),
        ("佐藤", "髙橋", "渡邊"),
        (Place("渋谷区", "東京都", "150-0002"), Place("札幌市", "北海道", "060-0001")),
        ("桜丘町{n}番地", "北一条西{n}丁目"),
        ("+81 3-5550-{n:04}",),
    ),
    Region(
        4,
        "South Korea",
        "KR",
        "ko",
        "KRW",
        "900.0000000000",
        ("서연", "민준", "하은"),
        ("김", "박", "최"),
        (Place("서울특별시", "서울", "04524"), Place("부산광역시", "부산", "48058")),
        ("세종대로 {n}", "해운대로 {n}, 101동 202호"),
        ("+82 2-555-{n:04}",),
    ),
    Region(
        4,
        "United Arab Emirates",
        "AE",
        "ar",
        "AED",
        "2.4000000000",
        ("محمد", "فاطمة", "يوسف"),
        ("الهاشمي", "النعيمي", "بن راشد"),
        (Place("دبي", "دبي", "00000"), Place("أبو ظبي", "أبو ظبي", "")),
        ("شارع الشيخ زايد {n}", "ص.ب. {n}"),
        ("+971 4 555 {n:04}",),
    ),
    Region(
        3,
        "Israel",
        "IL",
        "he",
        "ILS",
        "2.4000000000",
        ("נועה", "איתי", "תמר"),
        ("כהן", "לוי", "בן-דוד"),
        (Place("תל אביב-יפו", "תל אביב", "6100000"), Place("ירושלים", "ירושלים", "9100000")),
        ("רחוב דיזנגוף {n}", "שדרות רוטשילד {n}"),
        ("+972 3-555-{n:04}",),
    ),
)

COMPANIES = (
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "Acme Pty Ltd",
    "Bröd & Böcker AB",
    "Smith &amp; Sons",
    "株式会社サンプル",
    "ООО „Пример“",
)
_WEIGHTS = tuple(region.weight for region in REGIONS)


@dataclass(frozen=True, slots=True)
class Shopper:
    region: Region
    address: Json


def shopper(random: Random) -> Shopper:
    """Somebody with an address, as the platform writes it."""
    region = random.choices(REGIONS, _WEIGHTS)[0]
    return Shopper(region, address_in(region, random))


def address_in(region: Region, random: Random) -> Json:
    number = random.randrange(1, 990)
    place = random.choice(region.places)
    return {
        "first_name": random.choice(region.first),
        "last_name": random.choice(region.last),
        "company": random.choice(COMPANIES),
        "street_1": random.choice(region.streets).format(n=number),
        "street_2": random.choice(("", "", "", "Level 2", "c/o Reception")),
        "city": place.city,
        "state": place.state,
        "zip": place.zip,
        "country": region.country,
        "country_iso2": region.iso2,
        "phone": random.choice(region.phones).format(n=number),
        "email": f"shopper{random.randrange(1, 50_000)}@example.com",
    }
