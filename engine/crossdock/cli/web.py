"""`crossdock web`: the password of the page, and tokens for programs."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from crossdock.cli.output import complain, say
from crossdock.cli.session import Session, pass_session
from crossdock.errors import ConfigError, UsageError


@click.group()
def web() -> None:
    """The page's password, and tokens for programs that use the JSON API."""


@web.command()
@pass_session
def password(session: Session) -> int:
    """Set the password of the page: asked for twice in a terminal, or read as a line from stdin.

    It is kept in the file that engine.web.password_file in stores.yaml names. Whoever is signed in signs in again once
    the daemon is started again.
    """
    from crossdock.web.access import read_keys, write_keys  # noqa: PLC0415 -- most commands do without it

    path = _file(session)
    keys = read_keys(path)
    if sys.stdin.isatty():
        typed = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        typed = sys.stdin.readline().rstrip("\r\n")
    write_keys(path, keys.with_password(typed))
    say(f"The password is set, in {path}.")
    return 0


@web.command()
@click.option("--name", default="api", show_default=True, help="What the token is for.")
@click.option("--revoke", metavar="NAME", help="Let the token of this name count no more.")
@click.option("--list", "as_list", is_flag=True, help="List the tokens' names.")
@pass_session
def token(session: Session, name: str, revoke: str | None, *, as_list: bool) -> int:
    """Make a token for the JSON API and print it, this once.

    \b
    Example:
      crossdock web token --name warehouse
    """
    from crossdock.web.access import read_keys, write_keys  # noqa: PLC0415 -- most commands do without it

    path = _file(session)
    keys = read_keys(path)
    if as_list:
        for one in keys.tokens:
            say(f"{one.name}  made {one.made_at}")
    elif revoke is not None:
        write_keys(path, keys.without_token(revoke))
        say(f"The token '{revoke}' counts no more.")
    else:
        keys, shown = keys.with_token(name, datetime.now(UTC))
        write_keys(path, keys)
        say(shown)
        complain(f"This is the token '{name}'; it is shown this once.")
    return 0


def _file(session: Session) -> Path:
    config = session.reading.config
    if config is None:
        raise ConfigError(session.reading.mistakes)
    if config.engine.web_password_file is None:
        raise UsageError(
            f"{config.path.name} names no file for it: write  engine: {{web: {{password_file: crossdock.password}}}}"
        )
    return config.engine.web_password_file
