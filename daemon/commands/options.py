"""The options that every command takes, before its name and after it: the later one counts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import click

from daemon.errors import CannotRun

VARIABLE: Final = "SUBTALLY_CONFIG"
HERE: Final = Path("rules.toml")
SYSTEM_WIDE: Final = Path("/etc/subtally/rules.toml")

_META: Final = "daemon.commands.options."


def shared_options() -> list[click.Option]:
    """Fresh ones, to be appended to the parameters of a command."""
    return [
        click.Option(
            ["-c", "--config"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            expose_value=False,
            callback=_keep,
            help=f"The rules file. Default: ${VARIABLE}, ./{HERE}, {SYSTEM_WIDE}; the first that exists.",
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_keep,
            help="Print data as JSON: amounts are strings as stored, times are UTC.",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_keep,
            help="Log everything, to stderr.",
        ),
    ]


def share(command: click.Command) -> click.Command:
    """Give a command, and what is below it, the shared options, but for those whose name it uses itself."""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            share(below)
    taken = {name for param in command.params for name in param.opts}
    command.params.extend(option for option in shared_options() if taken.isdisjoint(option.opts))
    return command


def config_path(context: click.Context) -> Path:
    """The rules file: the named one, there or not, else the first of the usual ones that exists.

    Raises CannotRun with all three where none does.
    """
    named = context.meta.get(_META + "config")
    if named is not None:
        return Path(named)
    variable = os.environ.get(VARIABLE, "")
    for path in (variable, str(HERE), str(SYSTEM_WIDE)):
        if path and os.path.exists(path):  # noqa: PTH110  Path.exists raises where a folder may not be entered
            if variable and path != variable:
                click.echo(f"${VARIABLE} names {variable}, which does not exist: {path} is used", err=True)
            context.meta[_META + "config"] = path  # so that it is said once
            return Path(path)
    told = f"is {variable}, which does not exist" if variable else "is not set"
    raise CannotRun(
        f"no rules file: ${VARIABLE} {told}, and there is neither ./{HERE} nor {SYSTEM_WIDE}; "
        "name one, as in: subtally --config /path/to/rules.toml …"
    )


def named_config(context: click.Context) -> Path | None:
    """The rules file that was named, there or not: by the option, else by the variable."""
    named = context.meta.get(_META + "config") or os.environ.get(VARIABLE)
    return Path(named) if named else None


def wants_json(context: click.Context) -> bool:
    """Whether data is printed as JSON."""
    return bool(context.meta.get(_META + "json"))


def is_verbose(context: click.Context) -> bool:
    """Whether everything is logged."""
    return bool(context.meta.get(_META + "verbose"))


def _keep(context: click.Context, param: click.Parameter, value: Any) -> None:  # noqa: ANN401  as click calls it
    # One mapping for a group and its command; what is left out after the name does not undo what stands before.
    if value not in (None, False):
        context.meta[f"{_META}{param.name}"] = value
