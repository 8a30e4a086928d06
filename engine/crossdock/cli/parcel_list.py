"""A list of parcels as a spreadsheet or another program writes it: what is to be shipped, row by row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from crossdock.errors import UsageError, did_you_mean
from crossdock.shipping import ShipRequest

COLUMNS = ("store", "order", "carrier", "tracking", "consignment", "lines")
REQUIRED = ("order", "carrier")
SEPARATORS = ",;\t"  # Excel takes a semicolon wherever the comma parts decimals
ROUNDED = re.compile(r"\d+[.,]\d+E\+?\d+", re.IGNORECASE)  # what a spreadsheet makes of a long number


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file: where it stands, and what it asks for; in place of that, what is wrong with it.

    `store` is None where the file names none.
    """

    line: int
    store: str | None
    request: ShipRequest | None
    mistake: str | None = None


def parcels_in(content: bytes, file: str) -> list[Row]:
    """The rows of a CSV file, whose first one names the columns. Raises UsageError where it can't be read at all."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{file}:{line}: it is not UTF-8 text; save it as “CSV UTF-8”.") from error
    rows = _rows(text, file)
    header = next(rows, None)
    if header is None:
        raise UsageError(f"{file}: it is empty; its first row names the columns: {', '.join(COLUMNS)}.")
    columns = _columns(header[1], f"{file}:{header[0]}")
    return [_row(line, columns, cells) for line, cells in rows]


def read_lines(pairs: Sequence[str]) -> dict[str, int]:
    """Units by the line's id, of pairs like `901=2`. Raises ValueError with a sentence."""
    lines: dict[str, int] = {}
    for pair in pairs:
        line, equals, units = (part.strip() for part in pair.rpartition("="))
        if not (equals and line and re.fullmatch(r"[0-9]{1,9}", units)):
            raise ValueError(f"'{pair}' should be a line's id and a number of units, such as 901=2.")
        if int(units) < 1:
            raise ValueError(f"'{pair}': give a number of units from 1 up, or leave the line out.")
        if line in lines:
            raise ValueError(f"line {line} is there twice; say it once, with all of its units.")
        lines[line] = int(units)
    return lines


def _rows(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold anything, each with the number of the line that it begins on."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, [cell.strip() for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(f"{file}:{line}: its quotation marks don't match ({error}); nothing was shipped.") from error


def _columns(header: Sequence[str], where: str) -> list[str]:
    """The column that each cell belongs to."""
    names = [name.casefold() for name in header]
    while not names[-1]:
        names.pop()
    for name, written in zip(names, header, strict=False):
        if name not in COLUMNS:
            hint = did_you_mean(name, COLUMNS) or "."
            raise UsageError(f"{where}: there is no column '{written[:50]}'{hint} Known are {', '.join(COLUMNS)}.")
        if names.count(name) > 1:
            raise UsageError(f"{where}: the column '{name}' is there twice.")
    for name in REQUIRED:
        if name not in names:
            raise UsageError(f"{where}: the column '{name}' is missing.")
    return names


def _row(line: int, columns: Sequence[str], cells: Sequence[str]) -> Row:
    values = {column: cell for column, cell in zip(columns, cells, strict=False) if cell}
    store = values.get("store")
    try:
        if any(cells[len(columns) :]):
            raise ValueError(f"it has {len(cells)} cells, and there are {len(columns)} columns.")
        for name in REQUIRED:
            if name not in values:
                raise ValueError(f"its {name} is missing.")
        tracking = values.get("tracking")
        if tracking and ROUNDED.fullmatch(tracking):
            raise ValueError(
                f"its tracking number {tracking} was rounded by a spreadsheet; make that column text and fill it anew."
            )
        lines = read_lines(values["lines"].replace(",", " ").split()) if "lines" in values else None
    except ValueError as error:
        return Row(line, store, None, str(error))
    request = ShipRequest(
        order=values["order"],
        carrier=values["carrier"],
        tracking=tracking,
        consignment=values.get("consignment"),
        lines=lines,
    )
    return Row(line, store, request)
