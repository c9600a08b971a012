"""What commands share that order something: the state to write to, who orders, and refusals as exit codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from daemon.commands.state_file import open_state
from daemon.errors import CannotRun, FoundFault
from daemon.orders import InvalidOrderError, RefusedOrderError, check_by
from state.errors import BusyError, ReadOnlyError
from state.store import Store

C = TypeVar("C", bound=Callable[..., Any])


def by_option(text: str, *, default: str | None = None) -> Callable[[C], C]:
    """`--by NAME`, which must be given where there is no default."""
    if default is None:
        # Not default=None: click would take that for a value that was given.
        return click.option("--by", required=True, callback=_by, metavar="NAME", help=text)
    return click.option("--by", default=default, callback=_by, metavar="NAME", help=text)


@contextmanager
def in_words(context: click.Context) -> Iterator[None]:
    """What makes no sense is wrong usage (2), what cannot be done as things are is a fault found (1)."""
    try:
        yield
    except InvalidOrderError as error:
        text = f"--{error.key}: {error.reason}".replace("until_resolved", "until-resolved")
        raise click.UsageError(text, context) from error
    except RefusedOrderError as error:
        raise FoundFault(str(error)) from error


@contextmanager
def open_for_order(context: click.Context) -> Iterator[Store]:
    """The state to put an order on record, beside a daemon or without one; never made, never migrated."""
    with open_state(context) as store:
        path = store.path  # refuses what is no state of ours before anything may be written
    try:
        with in_words(context), Store.open(path) as store:
            yield store
    except ReadOnlyError as error:
        raise CannotRun(
            f"{path}: {error.reason}; nothing is ordered: run this as the daemon's user"
        ) from error
    except BusyError as error:
        raise CannotRun(f"{path}: {error.reason}; nothing is ordered: try again") from error


def _by(_context: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None  # that it is missing, click tells
    try:
        return check_by(value)
    except InvalidOrderError as error:
        raise click.BadParameter(error.reason) from error
