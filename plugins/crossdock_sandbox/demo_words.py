"""How the demo speaks: its own announcements, the commands that it runs, and what the daemon has to say, indented."""

from __future__ import annotations

import shutil
import textwrap

import click

WIDEST = 100  # columns; in a wider terminal lines would be harder to read, and a pipe has no width

COLOURS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


class DemoError(Exception):
    """The demo can't go on; its words are a sentence for the person who watches."""


def announce(words: str) -> None:
    """What happens in the stores, or what the demo does next."""
    click.secho(words, bold=True)


def announce_command(words: str) -> None:
    """A command that is run now; what it prints follows."""
    click.secho(f"\n$ {words}", fg="cyan")


def tell(words: str, level: str = "INFO") -> None:
    """What the daemon has to say, in lines that fit the terminal."""
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)
    lines = textwrap.wrap(
        words,
        max(width, 20),
        initial_indent="  ",
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,  # an address stays one that can be clicked
    )
    text = "\n".join(lines)
    click.echo(click.style(text, fg=COLOURS[level]) if level in COLOURS else text)


def agree(words: str) -> None:
    """The good end."""
    click.secho(words, fg="green")


def complain(words: str) -> None:
    """A sentence on stderr about what went wrong."""
    click.secho(words, fg="red", err=True)
