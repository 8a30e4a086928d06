"""What every command is given: the configuration, the plugins, and a way to work with an opened engine."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crossdock.cli.output import complain, plugins_print_to_stderr
from crossdock.errors import ConfigError
from crossdock.plugins import Plugins, load_plugins

if TYPE_CHECKING:
    from crossdock.config import Config, Reading
    from crossdock.engine import Engine


class Session:
    """One call of `crossdock`. Everything in it is made when it is first asked for, so that `--help` costs little."""

    def __init__(self) -> None:
        self.chosen: str | None = None  # by --config

    @property
    def config_path(self) -> Path:
        """Where the configuration is, as the user wrote it."""
        return Path(self.chosen or os.environ.get("CROSSDOCK_CONFIG") or "stores.yaml")

    @cached_property
    def plugins(self) -> Plugins:
        """All plugins that could be loaded, those in plugins.d beside the configuration too.

        Without a configuration the folder is not ours: whatever lies there under that name is not run.
        """
        with plugins_print_to_stderr():
            return load_plugins(self.config_path.parent / "plugins.d" if self.config_path.is_file() else None)

    @cached_property
    def reading(self) -> Reading:
        """The configuration as far as it is sound, as it was when it was first asked for."""
        return self.read()

    def read(self, *, may_be_missing: bool = False) -> Reading:
        """The configuration as it is now; where it `may_be_missing`, as if it were empty then."""
        from crossdock import config  # noqa: PLC0415 -- pydantic: `--help` does without it

        connectors, carriers = self.plugins.connectors(), self.plugins.carriers()
        return config.read(
            self.config_path, connectors, carriers, broken_plugins=self.plugins.reasons(), may_be_missing=may_be_missing
        )

    def config(self, *stores: str) -> Config:
        """The configuration for work on `stores`; mistakes elsewhere in the file are told and don't stop it.

        Raises ConfigError where a mistake concerns one of them, or the whole file, or there is no store at all.
        """
        reading = self.reading
        if reading.config is None or reading.broken_stores.intersection(stores) or not reading.config.stores:
            raise ConfigError(reading.mistakes)
        for mistake in reading.mistakes:
            complain(str(mistake))
        return reading.config

    def run(self, config: Config, work: Callable[[Engine], Coroutine[Any, Any, int]]) -> int:
        """The exit code of `work` with an opened engine. SIGTERM and Ctrl-C stop it cleanly."""
        from crossdock.engine import open_engine  # noqa: PLC0415 -- aiohttp and SQLite: `--help` does without them

        async def opened() -> int:
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
            async with open_engine(config, self.plugins) as engine:
                return await work(engine)

        try:
            with plugins_print_to_stderr():
                return asyncio.run(opened())
        except (asyncio.CancelledError, KeyboardInterrupt):
            complain("stopped; what was done so far is kept.")
            return 1


pass_session = click.make_pass_decorator(Session, ensure=True)
