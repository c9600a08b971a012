"""`--watch`: the same table again and again, in place on a terminal, one after the other in a pipe."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable
from time import sleep
from typing import Any, Final, TypeVar

import click

from daemon.commands.output import now_ms
from notifiers.times import moment, zone

F = TypeVar("F", bound=Callable[..., Any])

EVERY_SECONDS: Final = 2.0
_ENTER: Final = "\x1b[?1049h\x1b[?25l"  # the terminal's other screen, without a cursor
_LEAVE: Final = "\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H\x1b[J"


def watch_option(command: F) -> F:
    """`--watch`, or `--watch SECONDS`; the value is None without it."""
    option = click.option(
        "--watch",
        type=click.FloatRange(min=0.2, max=3600),
        is_flag=False,
        flag_value=EVERY_SECONDS,
        metavar="[SECONDS]",
        help=f"Show it again every so often, by itself every {EVERY_SECONDS:g} s. Ctrl-C ends it.",
    )
    return option(command)


def shown(watch: float | None, show: Callable[[], None]) -> None:
    """Call `show`, once or until it is interrupted."""
    if watch is None:
        show()
        return
    terminal = sys.stdout
    on_screen = terminal.isatty()
    if on_screen:
        terminal.write(_ENTER)
    try:
        while True:
            if on_screen:
                terminal.write(_HOME + _fitting(_taken(show), watch))
            else:
                show()
                terminal.write("\n")
            terminal.flush()
            sleep(watch)
    except KeyboardInterrupt:
        return  # how a person ends it
    finally:
        if on_screen:
            terminal.write(_LEAVE)
            terminal.flush()


class _Screen(io.StringIO):
    """Takes what is meant for the terminal, as if it were one."""

    def isatty(self) -> bool:
        return True


def _taken(show: Callable[[], None]) -> list[str]:
    terminal, sys.stdout = sys.stdout, _Screen()
    try:
        show()
        return sys.stdout.getvalue().splitlines()
    finally:
        sys.stdout = terminal


def _fitting(lines: list[str], watch: float) -> str:
    """The first lines that the screen has room for; how many are missing is told."""
    rows = max(3, shutil.get_terminal_size().lines) - 2
    now = now_ms()
    head = f"every {watch:g} s · {moment(now, now, zone('UTC'))} · Ctrl-C ends"
    missing = len(lines) - rows
    if missing > 0:
        head += f" · {missing} more lines below"
    return "\n".join([head, *lines[:rows]])
