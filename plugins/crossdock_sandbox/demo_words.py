"""How the demo speaks: its own announcements, the commands that it runs, and what the daemon has to say, indented."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

import click

WIDEST = 100  # columns; in a wider terminal lines would be harder to read, and a pipe has no width
GAP = "  "  # between the columns of a table

COLOURS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


class DemoError(Exception):
    """The demo can't go on; its words are a sentence for the person who watches."""


def announce(words: str) -> None:
    """What happens in the stores, or what the demo does next."""
    click.secho(words, bold=True)


def announce_command(words: str, *, apart: bool = True) -> None:
    """A command that is run now, `apart` from what was before; what it prints follows."""
    if apart:
        click.echo()
    click.secho(f"$ {words}", fg="cyan")


def tell(words: str, level: str = "INFO") -> None:
    """What the daemon has to say, in lines that fit the terminal."""
    text = _folded(words, "  ")
    click.echo(click.style(text, fg=COLOURS[level]) if level in COLOURS else text)


def show(words: str) -> None:
    """A sentence that a command prints, in lines that fit the terminal."""
    click.echo(_folded(words))


def show_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table; where the terminal is too narrow for it, its rows as sentences."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    if sum(widths) + len(GAP) * (len(widths) - 1) > _width():
        for row in rows:
            show("; ".join(f"{heading.lower()} {cell}" for heading, cell in zip(headings, row, strict=True)))
        return
    for row in (headings, *rows):
        click.echo(GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _width() -> int:
    return max(20, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))


def _folded(words: str, indent: str = "") -> str:
    lines = textwrap.wrap(
        words,
        _width(),
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
        break_long_words=False,  # an address stays one that can be clicked
    )
    return "\n".join(lines)


def agree(words: str) -> None:
    """The good end."""
    click.secho(words, fg="green")


def complain(words: str) -> None:
    """A sentence on stderr about what went wrong."""
    click.secho(words, fg="red", err=True)
