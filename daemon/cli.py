"""The program `subtally`: one group of commands, each imported only when it is called for."""

from __future__ import annotations

import contextlib
import decimal
import gc
import io
import os
import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Final, NoReturn

import click

from daemon.commands.options import config_path, is_verbose, share, shared_options, wants_json
from daemon.commands.ownership import require_own_packages
from daemon.errors import CannotRun, CommandError

__all__ = ["cli", "config_path", "is_verbose", "main", "wants_json"]

DECIMAL_PRECISION: Final = 60
INTERRUPTED: Final = 130  # as a shell says of a process that SIGINT ended
LOADED_AT_ONCE: Final = (
    20_000  # new objects between two looks for garbage while a command loads what it needs
)
PIPE_CLOSED: Final = 141  # and of one that SIGPIPE ended

# In the order of help: the module of each command, which holds it under its name, and one line on it.
COMMANDS: Final = {
    "run": ("daemon.commands.run", "Watch the exchanges and tell the people on call."),
    "demo": ("daemon.commands.demo", "Show it all at work: no keys and no network needed."),
    "simulator": ("daemon.commands.simulator", "Run the fake Binance, OKX and Bitget on loopback."),
    "check": ("daemon.commands.check", "Check the rules file and tell everything that is wrong."),
    "plan": ("daemon.commands.plan", "Reckon calls, sweep times, and when alerts would be heard."),
    "status": ("daemon.commands.status", "Show how the watch is doing: exchanges, alerts, notifiers."),
    "alerts": ("daemon.commands.alerts", "List alerts, the open ones by default."),
    "accounts": ("daemon.commands.accounts", "List the accounts that are known."),
    "balances": ("daemon.commands.balances", "List the last known balances and their age."),
    "history": ("daemon.commands.history", "Tell what happened, who was told, and who did what."),
    "explain": ("daemon.commands.explain", "Tell why it did, or did not, tell."),
    "test": ("daemon.commands.test", "Run rule tests: balances over time in, expected alerts out."),
    "replay": ("daemon.commands.replay", "Fold recorded history again, also under other rules."),
    "silence": ("daemon.commands.silence", "Silence alerts for a while: add, list, end."),
    "ack": ("daemon.commands.ack", "Say that you have seen an alert."),
    "note": ("daemon.commands.note", "Write down something about an alert."),
    "notifications": ("daemon.commands.notifications", "List what is told to whom; send dead ones again."),
    "notify-test": ("daemon.commands.notify_test", "Send a test message through every notifier."),
    "reconcile": ("daemon.commands.reconcile", "Compare what should agree: does the money add up?"),
    "backup": ("daemon.commands.backup", "Copy the state into one file, beside a running daemon."),
    "setup": ("daemon.commands.setup", "Ask for keys, a rule and a notifier; write file and secrets."),
    "schema": ("daemon.commands.schema", "Print the JSON Schema of the rules file."),
}


class Commands(click.Group):
    """The group: knows its commands by a table, and turns what stops them into a text and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(COMMANDS[cmd_name][0])
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)  # noqa: S101  a fault of ours, found by the first test
        return share(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            near = get_close_matches(name, COMMANDS, n=1)
            meant = f"did you mean {near[0]!r}?" if near else "--help lists the commands"
            raise click.UsageError(f"there is no command {name!r}; {meant}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  as click declares it
        try:
            require_own_packages()
            result = super().invoke(ctx)
            sys.stdout.flush()
        except (click.ClickException, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            _discard_output()
            ctx.exit(PIPE_CLOSED)
        except CommandError as error:
            _stop(ctx, str(error), error.code)
        except _refusals() as error:
            _stop(ctx, str(error), CannotRun.code)
        except OSError as error:
            # A full disk, a folder that may not be read: what the system says, without a traceback.
            _stop(ctx, str(error), CannotRun.code)
        return result


def _refusals() -> tuple[type[Exception], ...]:
    """What configuration and state raise; asked for, and imported, only where something was raised."""
    from daemon.config.errors import ConfigError, SecretError
    from state.errors import StateError

    return ConfigError, SecretError, StateError


def _stop(ctx: click.Context, text: str, code: int) -> NoReturn:
    if text:
        click.echo(text, err=True)
    ctx.exit(code)


def _discard_output() -> None:
    """Nobody reads any more: what is still buffered must not raise again when the process ends."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _tell_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:  # noqa: FBT001  as click calls it
    if wanted and not ctx.resilient_parsing:
        from daemon.version import VERSION

        click.echo(f"subtally {VERSION}")
        ctx.exit()


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: subtally --config /etc/subtally/rules.toml status",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Watch the sub-accounts of exchange master accounts and tell the people on call.

    Exit codes: 0 fine, 1 what was asked for found fault, 2 wrong usage, 3 cannot run.
    """


cli.params.extend(shared_options())


def main() -> NoReturn:
    """What the script `subtally` calls."""
    # Before any thread: the default precision of 28 digits would round sums of balances.
    decimal.DefaultContext.prec = DECIMAL_PRECISION
    decimal.setcontext(decimal.DefaultContext)
    # What is loaded stays: to look for garbage in it after every 700 objects is a tenth of a start.
    gc.set_threshold(LOADED_AT_ONCE, 20, 20)
    # No plugin of pydantic's is ours, and looking for one reads the metadata of every package there is.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a label may hold what this terminal cannot show
    try:
        cli.main(prog_name="subtally")
    finally:
        gc.freeze()  # all of it goes with the process: to look for garbage in it first is a tenth of a short command
    raise AssertionError("unreachable: click ends the process")


if __name__ == "__main__":
    main()
