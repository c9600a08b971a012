"""`subtally demo`: everything at work without keys and without a network."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.commands.options import config_path
from daemon.errors import CannotRun
from daemon.logs import set_up

if TYPE_CHECKING:
    from rich.console import Console

_DURATION = re.compile(r"(?:(\d+)m)?(?:(\d+)s)?")


class Duration(click.ParamType[int]):
    """`30s`, `2m`, `1m30s`."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds."""
        found = _DURATION.fullmatch(str(value))
        seconds = 0 if found is None else 60 * int(found[1] or 0) + int(found[2] or 0)
        if not seconds:
            self.fail(f"{value!r} is no duration: write it as 30s or 2m", param, ctx)
        return seconds


@click.command(
    epilog="Example: subtally demo --for 30s    Example: subtally -c rules.toml demo --incident drain --send"
)
@click.option("--for", "seconds", type=Duration(), help="End by itself after this long, with a summary.")
@click.option(
    "--incident",
    type=click.Choice(["drain", "freeze", "vanish", "outage", "flap"]),
    help="A drill: your own rules file (--config) against simulated venues, with this kind of incident.",
)
@click.option(
    "--send", is_flag=True, help="Send the drill's messages through your notifiers, marked as a drill."
)
@click.pass_context
def demo(context: click.Context, seconds: int | None, incident: str | None, *, send: bool) -> None:
    """Run the real daemon against simulated venues, play incidents, show the alerts here and on the status page.

    With --incident it runs on your rules file: the venues have the accounts that it names, and an example for each
    pattern. Your keys are neither needed nor used; your notifiers only with --send.
    """
    from rich.console import Console

    from daemon.demo.show import Demo

    if send and incident is None:
        raise click.UsageError("--send goes with --incident: the demo's own rules have no notifier of yours")
    set_up(stream=sys.stderr, level=logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="subtally-demo-") as folder:
        console = Console(soft_wrap=True)
        try:
            if incident is None:
                asyncio.run(Demo(Path(folder), seconds, console).run())
            else:
                asyncio.run(_drill(context, Path(folder), incident, seconds, console, send=send))
        except OSError as error:
            raise CannotRun(f"the demo cannot start: {error.strerror or error}") from error


async def _drill(
    context: click.Context,
    folder: Path,
    incident: str,
    seconds: int | None,
    console: Console,
    *,
    send: bool,
) -> None:
    from daemon.config import load
    from daemon.demo.drill import Drill

    config = load(config_path(context))
    if not config.exchanges:
        raise CannotRun(f"{config.file}: there is no [[exchange]], so there is nothing to drill")
    await Drill(folder, config, incident, seconds, console, send=send).run()
