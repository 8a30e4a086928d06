"""What labels cost, as figures and ratios of one run. `python benchmarks/papers.py`.

- a label by itself, and each of 500 as they are printed: in goes of 50, with bar code, QR code and an address in
  one of several scripts;
- that against the same codes drawn without any text, so that a slower machine changes both sides alike;
- how much memory 500 take over the first one.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from crossdock.config import LabelSize
from crossdock.model import Address, Line
from crossdock.papers import label
from crossdock.papers.fonts import Fonts
from crossdock.papers.press import Filled, Press
from crossdock.papers.sheets import LabelSheet, Packed

LABELS, AT_ONCE = 500, 50
SETTING = label.setting(LabelSize.INCHES_4X6)
KIB_A_MB = 1_000 if sys.platform != "darwin" else 1_000_000  # what the system counts memory in

RECIPIENTS = (
    Address(name="Zoë Muñoz", street="25 High Street", city="Sydney", region="NSW", postcode="2000", country="AU"),
    Address(name="Łukasz Žižek", company="Söhne GmbH", street="Weg 1", city="Gießen", postcode="35390", country="DE"),
    Address(name="山田 太郎", street="神南1-2-3", city="渋谷区", region="東京都", postcode="150-0041", country="JP"),
    Address(name="محمد الأحمد", street="شارع الملك فهد 25", city="الرياض", postcode="11564", country="SA"),
    Address(name="שרה כהן-לוי", street="רחוב הרצל 15", city="תל אביב", postcode="6100001", country="IL"),
)
GOODS = tuple(
    Packed(line=Line(id="1", name=name, sku=name[:3].upper(), quantity=2), quantity=2)
    for name in ("Enamel Mug", "Notebook A5", "Beeswax Candle")
)


def sheets(count: int) -> Iterator[LabelSheet]:
    """Labels, each with another number, link and address."""
    for number in range(count):
        recipient = RECIPIENTS[number % len(RECIPIENTS)]
        yield LabelSheet(
            store="ACME",
            order=f"{1000 + number}",
            shipment=number,
            carrier="Couriers Please",
            service="Express",
            tracking_number=f"CPA{number:010}",
            tracking_link=f"https://track.example/?n=CPA{number:010}",
            goods=GOODS,
            sender=Address(name="ACME", street="1 Example St", city="Perth", postcode="6000", country="AU"),
            recipient=replace(recipient, street=f"{recipient.street} / {number}"),
        )


def main() -> None:
    """Prints labels and says what that took."""
    press = Press(Fonts(with_system=False))
    first = list(sheets(1))
    cold = seconds(lambda: printed(press, first, whole))
    alone = statistics.median(seconds(lambda: printed(press, first, whole)) for _ in range(20))
    memory = peak_mb()
    many = list(sheets(LABELS))
    filling = seconds(lambda: [(label.filled(sheet), label.doubts(sheet)) for sheet in many]) / LABELS
    each = seconds(lambda: printed(press, many, whole)) / LABELS
    grown = peak_mb() - memory
    bare = seconds(lambda: printed(press, many, codes_alone)) / LABELS
    print(f"the first label {cold * 1000:.0f} ms, with reading the fonts; another {alone * 1000:.1f} ms")
    print(
        f"{LABELS} labels in goes of {AT_ONCE}: {each * 1000:.1f} ms each, of which {filling * 1000:.1f} ms to find "
        f"codes and lines; {each / bare:.2f} times as long as the codes alone"
    )
    print(f"memory: {grown:.0f} MB over that of one label, which is {memory:.0f} MB")


def printed(press: Press, several: list[LabelSheet], content: Callable[[LabelSheet], Filled]) -> None:
    """Draws labels as they are drawn in print."""
    for start in range(0, len(several), AT_ONCE):
        press.pdf("label", [content(sheet) for sheet in several[start : start + AT_ONCE]], SETTING)


def whole(sheet: LabelSheet) -> Filled:
    """All that stands on a label."""
    label.doubts(sheet)
    return label.filled(sheet)


def codes_alone(sheet: LabelSheet) -> Filled:
    """Its bar code and its QR code."""
    nothing: Filled = {
        "sender": [],
        "recipient": [],
        "addressee": None,
        "carrier": None,
        "service": None,
        "order": None,
    }
    return {**label.filled(replace(sheet, goods=())), **nothing}


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def peak_mb() -> float:
    """The most memory that this program ever took."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_A_MB


if __name__ == "__main__":
    main()
