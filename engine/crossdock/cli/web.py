"""`crossdock web`: the password of the page, and tokens for programs."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from crossdock.cli.output import complain, say, table
from crossdock.cli.session import Session, pass_session
from crossdock.errors import ConfigError, UsageError

LONGEST_LINE = 8192  # bytes


@click.group()
def web() -> None:
    """The page's password, and tokens for programs that use the JSON API.

    Both are kept in the file that engine.web.password_file in stores.yaml names. Run it as the user who runs the
    daemon, which heeds a change at once.

    \b
    Examples:
      crossdock web password
      crossdock web token --name warehouse
    """


@web.command()
@pass_session
def password(session: Session) -> int:
    """Set the password of the page: asked for twice in a terminal, or read as a line from stdin.

    It has at least 12 characters. Whoever is signed in with the former one signs in again.
    """
    from crossdock.web.access import alone_with, read_keys, write_keys  # noqa: PLC0415 -- most commands do without it

    path = _file(session)
    read_keys(path)  # what is wrong with the file is told before anybody types
    typed = _typed()
    with alone_with(path):
        write_keys(path, read_keys(path).with_password(typed))
    say(f"The password is set, in {path}.")
    return 0


@web.command()
@click.option("--name", default="api", show_default=True, help="What the token is for.")
@click.option("--revoke", metavar="NAME", help="Let the token of this name count no more.")
@click.option("--list", "as_list", is_flag=True, help="List the tokens' names, and when they were made.")
@pass_session
def token(session: Session, name: str, revoke: str | None, *, as_list: bool) -> int:
    """Make a token for the JSON API and print it, this once.

    Programs send it in the header `Authorization: Bearer TOKEN`.

    \b
    Examples:
      crossdock web token --name warehouse
      crossdock web token --revoke warehouse
    """
    from crossdock.web.access import alone_with, read_keys, write_keys  # noqa: PLC0415 -- most commands do without it

    if as_list and revoke is not None:
        raise click.UsageError("Give either --list or --revoke, not both.")
    path = _file(session)
    if as_list:
        table(("NAME", "MADE"), [(one.name, one.made_at) for one in read_keys(path).tokens])
        return 0
    with alone_with(path):
        keys = read_keys(path)
        if revoke is not None:
            write_keys(path, keys.without_token(revoke))
            say(f"The token '{revoke}' counts no more.")
            return 0
        keys, shown = keys.with_token(name, datetime.now(UTC))
        write_keys(path, keys)
    say(shown)
    complain(f"This is the token '{name}'; it is shown this once.")
    return 0


def _typed() -> str:
    if sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return asked
    try:
        return sys.stdin.buffer.readline(LONGEST_LINE).decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UsageError("What stdin holds is not UTF-8 text.") from error


def _file(session: Session) -> Path:
    config = session.reading.config
    if config is None:
        raise ConfigError(session.reading.mistakes)
    if config.engine.web_password_file is None:
        raise UsageError(
            f"{config.path.name} names no file to keep it in: add  web: {{password_file: crossdock.password}}  under"
            " 'engine', and try again."
        )
    return config.engine.web_password_file
