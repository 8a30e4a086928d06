"""What commands print: tables for people, plain columns for pipes, progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from typing import TYPE_CHECKING, TextIO, TypeVar

import click
import msgspec

if TYPE_CHECKING:
    from crossdock.state import Counts


T = TypeVar("T")

DRAWN_AT_ONCE = 500  # a drawn table needs all of its rows; longer lists are drawn in parts
FOLDED = 10  # characters that a column keeps where the terminal is too narrow

_kept_stdout: ContextVar[TextIO | None] = ContextVar("kept stdout", default=None)


@contextmanager
def plugins_print_to_stderr() -> Iterator[None]:
    """Until the block ends only this module writes to stdout: what a plugin prints must not come between our JSON."""
    kept = _kept_stdout.set(stdout())
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _kept_stdout.reset(kept)


def stdout() -> TextIO:
    """Where a command's own output goes."""
    return _kept_stdout.get() or sys.stdout


def complain(words: str) -> None:
    """A sentence on stderr."""
    click.echo(printable(words), err=True)


def say(words: str) -> None:
    """A line on stdout."""
    click.echo(printable(words), file=stdout())


def json_line(value: object, *, indent: int = 0) -> None:
    """JSON on stdout, in one line unless indented."""
    encoded = msgspec.json.encode(value)
    click.echo((msgspec.json.format(encoded, indent=indent) if indent else encoded).decode(), file=stdout())


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, folds: Collection[str] = ()) -> None:
    """A table: drawn in a terminal, columns parted by tabs in a pipe.

    In a terminal that is too narrow the columns `folds` give way; the others stay whole, or nobody could read them.
    """
    cells = [[" ".join(printable(cell).split()) for cell in row] for row in rows]
    if not stdout().isatty():
        for row in (headings, *cells):
            click.echo("\t".join(row), file=stdout())
        return
    from rich import box  # noqa: PLC0415 -- only a terminal needs it
    from rich.cells import cell_len  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.measure import Measurement  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading, column in zip(headings, zip(*cells, strict=True), strict=True):
        whole = max(map(cell_len, (heading, *column)))
        drawn.add_column(
            heading,
            overflow="fold",
            min_width=min(whole, max(FOLDED, cell_len(heading))) if heading in folds else whole,
        )
    for row in cells:
        drawn.add_row(*(Text(cell) for cell in row))
    console = Console(file=stdout())
    needed = Measurement.get(console, console.options.update(width=10_000), drawn).minimum
    Console(file=stdout(), width=max(needed, console.width)).print(drawn, crop=False)


async def table_in_parts(
    headings: Sequence[str], found: AsyncIterator[T], row: Callable[[T], Sequence[str]], *, folds: Collection[str] = ()
) -> bool:
    """Whether there was anything: a table of all that was found, of which little is kept in memory."""
    rows: list[Sequence[str]] = []
    drawn = False
    async for one in found:
        rows.append(row(one))
        if len(rows) == DRAWN_AT_ONCE:
            table(headings, rows, folds=folds)
            rows.clear()
            drawn = True
    if rows:
        table(headings, rows, folds=folds)
    return drawn or bool(rows)


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
        yield lambda counts: status.update(f"{store}: {counts.in_words()} …")
