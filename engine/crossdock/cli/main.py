"""`crossdock`: options, exit codes, and which command lies where."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

import click

from crossdock import logs
from crossdock.cli.daemon import pause, resume, run
from crossdock.cli.imports import import_
from crossdock.cli.orders import orders, show, why
from crossdock.cli.output import complain
from crossdock.cli.printing import print_
from crossdock.cli.session import Session
from crossdock.cli.setup import plugins, schema
from crossdock.cli.shipping import collected, ship, track, void
from crossdock.cli.stores import check, stores
from crossdock.cli.web import web
from crossdock.cli.writebacks import retry, writebacks
from crossdock.errors import ConfigError, CrossdockError, UsageError, did_you_mean

DONE, FAILED, MISUSED = 0, 1, 2
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # `crossdock orders > FILE` on a full disk


class Commands(click.Group):
    """crossdock's own commands and those of plugins; a broken plugin takes nothing with it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self.commands, *(command.name or "" for command in self._of_plugins(ctx))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        return own or next((command for command in self._of_plugins(ctx) if command.name == cmd_name), None)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            hint = did_you_mean(args[0], self.list_commands(ctx)) or "."
            raise click.UsageError(f"there is no command '{args[0]}'{hint}", ctx)
        return super().resolve_command(ctx, args)

    def _of_plugins(self, ctx: click.Context) -> Sequence[click.Command]:
        return ctx.ensure_object(Session).plugins.commands(taken=self.commands)


def _choose_config(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    ctx.ensure_object(Session).chosen = value


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with `crossdock check`, then `crossdock import STORE`; `crossdock run` does it for good.",
)
@click.option(
    "-c",
    "--config",
    metavar="PATH",
    is_eager=True,
    expose_value=False,
    callback=_choose_config,
    help="The configuration. Default: $CROSSDOCK_CONFIG, then ./stores.yaml.",
)
@click.option("-v", "--verbose", is_flag=True, help="Tell on stderr what is being done.")
@click.version_option(version("crossdock"), prog_name="crossdock")
def crossdock(*, verbose: bool) -> None:
    """Brings the orders of many online stores to one packing bench."""
    logs.set_up("text", logging.DEBUG if verbose else logging.WARNING)


for command in (
    check,
    collected,
    import_,
    orders,
    pause,
    plugins,
    print_,
    resume,
    retry,
    run,
    schema,
    ship,
    show,
    stores,
    track,
    void,
    web,
    why,
    writebacks,
):
    crossdock.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Leaves with 0 where the work is done, 1 where it failed, 2 for wrong usage or configuration."""
    sys.exit(_run(arguments))


def _refuse_broken_text(arguments: Sequence[str]) -> None:
    for argument in arguments:
        if any("\ud800" <= sign <= "\udfff" for sign in argument):  # how Python hands on bytes that are no UTF-8
            raise UsageError(f"'{argument}' is not UTF-8 text; write it in the terminal's own encoding.")


def _run(arguments: Sequence[str] | None) -> int:
    try:
        _refuse_broken_text(sys.argv[1:] if arguments is None else arguments)
        code: int | None = crossdock(arguments, prog_name="crossdock", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where what goes wrong can be told, not at the interpreter's end
    except click.ClickException as error:
        error.show()
        return MISUSED
    except click.Abort:
        return FAILED
    except (ConfigError, UsageError) as error:
        complain(str(error))
        return MISUSED
    except CrossdockError as error:
        complain(str(error))
        return FAILED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # that is `crossdock orders | head`: nobody reads on
            if error.errno not in NO_SPACE:
                raise
            complain(f"the output can't be written: {error.strerror}.")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter's last flush must not fail
        return FAILED
    return code or DONE
