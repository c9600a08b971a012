"""`subtally demo`: everything at work without keys and without a network."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import tempfile
from pathlib import Path

import click

from daemon.errors import CannotRun
from daemon.logs import set_up

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


@click.command(epilog="Example: subtally demo --for 30s")
@click.option("--for", "seconds", type=Duration(), help="End by itself after this long, with a summary.")
def demo(seconds: int | None) -> None:
    """Run the real daemon against simulated venues, play incidents, show the alerts here and on the status page."""
    from rich.console import Console

    from daemon.demo.show import Demo

    set_up(stream=sys.stderr, level=logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="subtally-demo-") as folder:
        try:
            asyncio.run(Demo(Path(folder), seconds, Console(soft_wrap=True)).run())
        except OSError as error:
            raise CannotRun(f"the demo cannot start: {error.strerror or error}") from error
