"""`subtally simulator`: the three fake venues alone, for any client to be pointed at."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

import click

from daemon.errors import CannotRun


@click.command(epilog="Example: subtally simulator --accounts 25 --script incidents.toml")
@click.option(
    "--accounts", type=click.IntRange(0, 10_000), default=6, show_default=True, help="Sub-accounts per venue."
)
@click.option(
    "--script",
    type=click.Path(path_type=Path),
    help="A TOML script of incidents; “demo” is the built-in one.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_533),
    default=0,
    show_default=True,
    help="First of three ports; 0 picks free ones.",
)
def simulator(accounts: int, script: Path | None, port: int) -> None:
    """Run the fake Binance, OKX and Bitget on loopback. The first line on stdout is their addresses and keys."""
    from daemon.simulator import DEMO, ScriptError, Simulator, load_script, serve

    try:
        played = None if script is None else load_script(DEMO if str(script) == "demo" else script)
    except ScriptError as error:
        raise CannotRun(str(error)) from error

    async def until_signalled() -> None:
        loop = asyncio.get_running_loop()
        venues = Simulator(accounts, accounts, accounts)
        task = asyncio.ensure_future(
            serve(
                venues,
                played,
                port=port,
                on_incident=lambda one: click.echo(f"{one.at_seconds:g}s {one.say}", err=True),
            )
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    try:
        asyncio.run(until_signalled())
    except OSError as error:
        raise CannotRun(
            f"the simulator cannot listen: {error.strerror or error}; choose another --port"
        ) from error
