"""The invented catalogue of the generated orders, and the product options that its goods are sold with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random

from .answers import Json


@dataclass(frozen=True, slots=True)
class Product:
    """A thing for sale. `options` names the makers of its product options; weight is in the store's unit."""

    id: int
    name: str
    sku: str
    price: float
    weight: float
    brand: str = "Acme"
    bin: str = ""
    options: tuple[str, ...] = ()
    upc: str = ""


PRODUCTS: tuple[Product, ...] = (
    Product(77, "Merino Tee", "TEE", 50.0, 0.25, "Drover", "A-12", ("size", "colour_au", "hs_code"), "9300000000771"),
    Product(78, "Linen Shirt – “Sommer”", "SHIRT", 89.95, 0.31, "Drover", "A-14", ("size", "color_us", "hs_code")),
    Product(79, "Salt &amp; Pepper Mill", "MILL", 34.5, 0.62, "Küchenwerk", "B-02", ("colour_au",)),
    Product(80, "Enamel Mug", "MUG", 18.0, 0.35, "Acme", "B-07", ("engraving",), "9300000000801"),
    Product(81, "Notebook A5 <dotted>", "NOTE-A5", 14.9, 0.28, "Papír", "C-01", ("lettering",)),
    Product(82, "Hiking Boot", "BOOT", 219.0, 1.45, "Wanderer", "D-20", ("size_eu", "color_us", "hs_code")),
    Product(83, "Photo Cushion", "CUSH", 45.0, 0.7, "Acme", "E-03", ("upload",)),
    Product(84, "Calendar 年間", "CAL", 22.0, 0.3, "Acme", "C-04", ("start_date",)),
    Product(85, "Ceramic Bowl", "BOWL", 39.0, 0.9, "Töpferei", "B-11", ("swatch",)),
    Product(86, "Kettle", "KET-1", 119.0, 1.2, "Küchenwerk", "B-15", (), "9300000000863"),
    Product(87, "Beeswax Candle", "CANDLE", 16.5, 0.2, "Bienchen", "C-09", ("gift_box",)),
    Product(88, "Wool Blanket", "BLANKET", 159.0, 1.8, "Drover", "E-08", ("colour_au", "hs_code")),
)
BUNDLE = Product(95, "Picnic Set", "PICNIC", 129.0, 0.0, "Acme", "", ("pick_list",))
BUNDLE_PARTS = (PRODUCTS[3], PRODUCTS[8], PRODUCTS[11])
EBOOK = Product(96, "E-book: Bread at Home", "EBK-BREAD", 12.0, 0.0, "", "", ())
CERTIFICATE = Product(0, "$50.00 Gift Certificate", "", 50.0, 0.0, "", "", ())

_CHOICES: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "size": ("Size", "Multiple choice", ("XS", "S", "M", "L", "XL", "2XL"), "Rectangle"),
    "size_eu": ("Size", "Multiple choice", ("38", "39.5", "41", "42 ½"), "Drop-down"),
    "colour_au": ("Colour", "Swatch", ("Navy", "Charcoal", "Fog Grey", "Rosé"), ""),
    "color_us": ("Color", "Swatch", ("Black", "Olive", "Crème"), ""),
    "swatch": ("Glaze", "Swatch", ("Sea & Sand", "Ash", "青磁"), ""),
    "gift_box": ("Gift box?", "Checkbox", ("Yes",), ""),
    "pick_list": ("Contents", "Product Pick List", ("Mug, Bowl, Blanket",), "Pick list"),
}
_TEXTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "hs_code": ("HS Code", "Text field", ("610910", "6109100012", "640399", "630120")),
    "engraving": ("Engraving", "Text field", ("Für Oma ❤", "M &amp; J 2026", "Ελλάδα", "寿", "")),
    "lettering": (
        "Message inside",
        "Multi-line text field",
        ("Dear Tom,\nhappy birthday!\nMia", "С днём рождения!", "❄"),
    ),
}


def options_of(product: Product, random: Random, *, is_old: bool, today: int) -> list[Json]:
    """The options of a sold product. `is_old` leaves out the keys that rows from before their introduction lack.

    A choice's `value` is the id of the value, a text's is the text, a date's is a timestamp, and an uploaded file's is
    JSON inside a string. Source: V2 Orders reference, `orderProductOptions`.
    """
    return [_option(kind, random, is_old=is_old, today=today) for kind in product.options]


def _option(kind: str, random: Random, *, is_old: bool, today: int) -> Json:
    style = ""
    if kind in _CHOICES:
        name, type_, values, style = _CHOICES[kind]
        shown = random.choice(values)
        value = str(100 + values.index(shown))
    elif kind in _TEXTS:
        name, type_, texts = _TEXTS[kind]
        shown = value = random.choice(texts)
    elif kind == "upload":
        name, type_ = "Your picture", "File Upload"
        shown = random.choice(("holiday.jpeg", "Oma & Opa.png"))
        stored = f"{random.getrandbits(64):016x}.jpeg"
        value = json.dumps({"originalName": shown, "temporaryPath": f"121_{stored}", "path": stored})
    else:
        name, type_ = "First day", "Date field"
        value = str(today + 86_400 * random.randrange(5, 60))
        shown = value
    number = 100 + sum(kind.encode()) % 90
    option: Json = {
        "option_id": number,
        "product_option_id": number + 20,
        "display_name": name,
        "display_value": shown,
        "value": value,
        "type": type_,
        "name": f"{name}1700000000-{number}",
        "display_style": style,
    }
    if not is_old:
        option |= {
            "display_name_customer": name,
            "display_name_merchant": name,
            "display_value_customer": shown,
            "display_value_merchant": shown,
        }
    return option
