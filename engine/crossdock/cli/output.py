"""What commands print: tables for people, plain columns for pipes, progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import msgspec

if TYPE_CHECKING:
    from crossdock.state import Counts


def complain(words: str) -> None:
    """A sentence on stderr."""
    click.echo(printable(words), err=True)


def say(words: str) -> None:
    """A line on stdout."""
    click.echo(printable(words))


def json_line(value: object, *, indent: int = 0) -> None:
    """JSON on stdout, in one line unless indented."""
    encoded = msgspec.json.encode(value)
    click.echo((msgspec.json.format(encoded, indent=indent) if indent else encoded).decode())


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table: drawn in a terminal, columns parted by tabs in a pipe."""
    cells = [[" ".join(printable(cell).split()) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in (headings, *cells):
            click.echo("\t".join(row))
        return
    from rich import box  # noqa: PLC0415 -- only a terminal needs it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        drawn.add_column(heading, overflow="fold")
    for row in cells:
        drawn.add_row(*(Text(cell) for cell in row))
    Console().print(drawn)


def printable(text: str) -> str:
    """`text` without control characters: what a buyer typed must not drive the terminal."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "�" for sign in text)


@contextmanager
def progress(store: str) -> Iterator[Callable[[Counts], None]]:
    """Shows on stderr, if that is a terminal, how far an import is; gives what is to be told the counts."""
    if not sys.stderr.isatty():
        yield lambda counts: None
        return
    from rich.console import Console  # noqa: PLC0415 -- only a terminal needs it

    with Console(stderr=True).status(f"{store}: asking for orders …") as status:
        yield lambda counts: status.update(f"{store}: {counts_in_words(counts)} …")


def counts_in_words(counts: Counts) -> str:
    """`12 imported, 3 updated, 0 unchanged, 5 skipped`."""
    words = (
        f"{counts.imported:,} imported, {counts.updated:,} updated, "
        f"{counts.unchanged:,} unchanged, {counts.skipped:,} skipped"
    )
    return f"{words}, {counts.set_aside:,} set aside" if counts.set_aside else words
