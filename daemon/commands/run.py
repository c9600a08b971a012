"""`subtally run`: the daemon itself."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from daemon.commands.options import config_path, is_verbose
from daemon.logs import set_up


def run_here(path: Path, *, verbose: bool = False) -> None:
    """Run the daemon on one file until it is signalled. Raises CannotRun."""
    import faulthandler
    import logging

    from daemon.running import run_until_signalled

    set_up(stream=sys.stderr, level=logging.DEBUG if verbose else logging.INFO)
    # When the watchdog aborts a loop that hangs, the log says where: names of functions, no values.
    faulthandler.enable()
    asyncio.run(run_until_signalled(path))


@click.command(epilog="Example: subtally run --config /etc/subtally/rules.toml")
@click.pass_context
def run(context: click.Context) -> None:
    """Watch the exchanges and tell the people on call, until SIGTERM.

    An edit of the rules file is taken up by itself, on SIGHUP at once; a bad one changes nothing and is told.
    """
    run_here(config_path(context), verbose=is_verbose(context))
