"""`crossdock run`, and what is said to it: `crossdock pause` and `crossdock resume`."""

from __future__ import annotations

import asyncio
import logging
import os
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

import click

from crossdock import logs
from crossdock.cli.output import complain, say
from crossdock.cli.session import Session, pass_session

if TYPE_CHECKING:
    from crossdock.engine import Engine


@click.command()
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or one JSON object a line.",
)
@click.pass_context
def run(ctx: click.Context, log_format: logs.LogFormat) -> None:
    """Import every store on its schedule, until stopped.

    Logs to stderr. SIGTERM and Ctrl-C stop it within seconds, nothing is lost. When the configuration changes, or on
    SIGHUP, it takes over what has changed. Other commands can be used meanwhile.

    \b
    Examples:
      crossdock run
      crossdock -c /etc/crossdock/stores.yaml run --log-format json
    """
    from crossdock.daemon import run_daemon  # noqa: PLC0415 -- the whole engine: `--help` does without it

    session = ctx.ensure_object(Session)
    logs.set_up(log_format, logging.DEBUG if ctx.find_root().params["verbose"] else logging.INFO)
    logs.hear_all()

    async def work() -> None:
        read = partial(session.read, may_be_missing=True)  # the page is there to fill it
        code = await run_daemon(session.config_path, session.plugins, read=read, version=version("crossdock"))
        # All that counts is closed by now. A task or a thread of a plugin that never comes back would keep asyncio and
        # the interpreter waiting for ever.
        logging.shutdown()
        os._exit(code)

    asyncio.run(work())


@click.command()
@click.argument("store")
@pass_session
def pause(session: Session, store: str) -> int:
    """Stop scheduled imports and write-backs of STORE, until `crossdock resume`.

    It is remembered over restarts. Commands by hand, such as `crossdock import` and `crossdock ship`, say so and go on.
    """

    async def work(engine: Engine) -> int:
        news = await engine.pause(store)
        say(f"{store}: {'is paused' if news else 'was paused already'}; `crossdock resume {store}` lets it go on.")
        return 0

    return session.run(session.config(store), work)


@click.command()
@click.argument("store")
@pass_session
def resume(session: Session, store: str) -> int:
    """Let the scheduled imports and write-backs of STORE go on after `crossdock pause`."""

    async def work(engine: Engine) -> int:
        news = await engine.resume(store)
        say(f"{store}: {'goes on' if news else 'was not paused'}.")
        if news and await engine.state.daemon_holder() is None:
            complain(f"{store}: no daemon is running at present; `crossdock run` starts it.")
        return 0

    return session.run(session.config(store), work)
