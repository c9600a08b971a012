"""The state file as the reading commands use it: opened for reading only, beside a daemon or without one."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

import click

from daemon.commands.options import config_path
from daemon.commands.output import note
from daemon.config import ConfigError, parse
from daemon.config.wording import suggestion
from daemon.errors import CannotRun
from daemon.startup import state_path_of
from rules.ruleset import Ruleset
from rules.world import Account
from state.queries import MOST_ROWS, Page
from state.store import AcceptedRules, Store

T = TypeVar("T")

SYSTEMD_FOLDER: Final = Path("/var/lib/subtally")
PAGE_ROWS: Final = MOST_ROWS

limit_option = click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    metavar="ROWS",
    help="Print so many rows at most.",
)


@dataclass(frozen=True, slots=True)
class Running:
    """Whether a daemon owns the state; `pid` where it told, None also where the lock cannot be read."""

    running: bool | None
    pid: int | None = None


def existing_state(context: click.Context) -> Path:
    """Where the state of the configured daemon is. Raises CannotRun where there is none yet."""
    rules_file = config_path(context)
    path = state_path_of(rules_file).absolute()
    if not os.path.exists(path):  # noqa: PTH110  Path.exists raises where a folder may not be entered
        raise CannotRun(_no_state(rules_file, path))
    return path


@contextmanager
def open_state(context: click.Context) -> Iterator[Store]:
    """The state of the configured daemon. Raises CannotRun where there is none yet, and StateError."""
    with Store.open(existing_state(context), readonly=True) as store:
        yield store


def rules_in_force(accepted: AcceptedRules | None, folder: Path) -> Ruleset | None:
    """What the daemon runs on: the accepted rules, whatever the file says by now (law 10)."""
    if accepted is None:
        return None
    try:
        return parse(accepted.sources, folder).ruleset
    except ConfigError as error:
        note(f"the rules in force were accepted by another version of Subtally: {error.problems[0]}")
        return None


def accounts_called(store: Store, exchange: str | None, text: str) -> list[Account]:
    """The accounts that are called so; names come before ids of ours. Raises BadParameter where there is none."""
    known = list(every_row(lambda after: store.accounts(exchange, after=after, limit=PAGE_ROWS)))
    folded = text.casefold()
    found = [one for one in known if folded in {name.casefold() for name in one.identity.identifiers}]
    found = found or [one for one in known if str(one.key) == text]
    if not found:
        where = f" of exchange {exchange!r}" if exchange else ""
        names = (name for one in known for name in one.identity.identifiers)
        hint = suggestion(text, names) or "`subtally accounts` lists them"
        raise click.BadParameter(f"there is no account {text!r}{where}; {hint}", param_hint="--account")
    return found


def every_row(fetch: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """The rows of all pages, each fetched when it is reached. `fetch` takes the cursor of the page before."""
    after: str | None = None
    while True:
        page = fetch(after)
        yield from page.rows
        if page.after is None:
            return
        after = page.after


def first_rows(rows: Iterable[T], limit: int) -> list[T]:
    """So many of them; that there are more is told on stderr."""
    found = list(islice(rows, limit + 1))
    if len(found) > limit:
        note(f"only the first {limit} are shown: --limit shows more")
    return found[:limit]


def require_exchange(store: Store, name: str | None) -> None:
    """Refuse a name of which nothing is known: an empty answer would look like a fact."""
    if name is None:
        return
    known = [exchange.name for exchange in store.exchanges()]
    if name not in known and not store.accounts(name, limit=1).rows:
        told = f"known: {', '.join(known)}" if known else "no exchange was read yet"
        raise click.BadParameter(f"nothing is known of an exchange {name!r}; {told}", param_hint="--exchange")


def daemon_of(store: Store) -> Running:
    """Who holds the writer's lock. Asked by a shared lock that is let go of at once."""
    real = store.path.resolve()
    try:
        descriptor = os.open(real.with_name(real.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return Running(running=False)
    except OSError:
        return Running(running=None)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        return Running(running=True, pid=int(holder) if holder.isdecimal() else None)
    except OSError:
        return Running(running=None)
    finally:
        os.close(descriptor)
    return Running(running=False)


def _no_state(rules_file: Path, path: Path) -> str:
    if not os.path.exists(rules_file):  # noqa: PTH110  as above
        return f"{rules_file}: there is no such file, and no state at {path}"
    elsewhere = SYSTEMD_FOLDER / path.name
    if not os.environ.get("STATE_DIRECTORY") and os.path.exists(elsewhere):  # noqa: PTH110  as above
        return (
            f"no state at {path}, but there is one at {elsewhere}: "
            f"set STATE_DIRECTORY={SYSTEMD_FOLDER}, as systemd does for the daemon"
        )
    return f"no state yet: start `subtally run`, which makes {path}"
