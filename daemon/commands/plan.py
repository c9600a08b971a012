"""`subtally plan`: what a rules file asks of the venues, and when its alerts would be heard."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.commands.options import config_path, wants_json
from daemon.commands.output import UNKNOWN, Column, counted, note, print_json, print_table
from daemon.config import Config, ConfigError, load
from daemon.config.wording import span
from daemon.errors import FoundFault

if TYPE_CHECKING:  # the clients are loaded when there is something to reckon
    from daemon.commands.planning import Calls, Heard, Plan, Turn
    from daemon.config.strangers import Known


@click.command(epilog="Example: subtally plan --accounts 300 rules.toml")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--accounts",
    type=click.IntRange(min=0, max=100_000),
    metavar="N",
    help="Reckon with so many sub-accounts on every exchange, whatever the state knows.",
)
@click.pass_context
def plan(context: click.Context, file: Path | None, accounts: int | None) -> None:
    """Reckon what the rules file FILE asks of each exchange, and how soon its alerts are heard.

    Calls and weight are those of one sweep over all accounts; the lawful minimum is what they take at the
    configured share of the venue's limit. The delay of a reading is how old a fact is when it is found. In a sweep
    longer than poll_every, accounts with an open alert, near a threshold or just changed are read ahead of their turn.
    Nothing is sent anywhere.
    """
    config = _loaded(file if file is not None else config_path(context))
    known, reason = ({}, "") if accounts is not None else _known(config)
    from daemon.commands.planning import plan_of

    plans = plan_of(config, known, accounts)
    if wants_json(context):
        print_json({"exchanges": [_as_json(one) for one in plans]})
        return
    if not plans:
        note("there is no [[exchange]], so nothing is asked")
    elif reason or any(one.accounts is None for one in plans):
        note(
            f"{reason or 'how many accounts there are is not known yet'}: --accounts N reckons with a number"
        )
    if plans:
        _show(plans)


def _loaded(path: Path) -> Config:
    try:
        return load(path)
    except ConfigError as error:
        from daemon.commands.faults import tell

        tell(error.problems, ())
        raise FoundFault(counted(len(error.problems), "error")) from error


def _known(config: Config) -> tuple[dict[str, Known], str]:
    from daemon.commands.acquainted import known_to

    if not os.path.exists(config.daemon.state):  # noqa: PTH110  Path.exists raises where a folder may not be entered
        return {}, f"there is no state at {config.daemon.state} yet"
    return known_to(config.daemon.state)


def _show(plans: list[Plan]) -> None:
    print_table(
        [
            Column("exchange"),
            Column("accounts", right=True),
            Column("endpoint"),
            Column("calls", right=True),
            Column("weight", right=True),
            Column("limit at budget"),
            Column("lawful minimum", right=True),
        ],
        [row for one in plans for row in _calls_rows(one)],
    )
    click.echo()
    print_table(
        [
            Column("exchange"),
            Column("sweep", right=True),
            Column("poll_every", right=True),
            Column("so that"),
        ],
        [[one.exchange, _sweep(one), span(one.poll_every_ms), _verdict(one)] for one in plans],
    )
    click.echo()
    print_table(
        [
            Column("exchange"),
            Column("accounts that"),
            Column("up to", right=True),
            Column("typical delay", right=True),
            Column("worst", right=True),
        ],
        [row for one in plans for row in _turn_rows(one)],
    )
    if any(one.heard for one in plans):
        click.echo()
    print_table(
        [
            Column("exchange"),
            Column("alert"),
            Column("rules", right=True),
            Column("earliest", right=True),
            Column("typical", right=True),
            Column("worst", right=True),
        ],
        [
            [one.exchange, heard.type, str(heard.rules), *_times(one, heard)]
            for one in plans
            for heard in one.heard
        ],
    )


def _times(one: Plan, heard: Heard) -> list[str]:
    if one.accounts is None:
        return [_after(heard.earliest_ms), UNKNOWN, UNKNOWN]
    return [_after(heard.earliest_ms), _after(heard.typical_ms), _after(heard.worst_ms)]


def _calls_rows(one: Plan) -> list[list[str]]:
    accounts = UNKNOWN if one.accounts is None else str(one.accounts)
    rows = [*one.reads, one.listing]
    return [
        [
            one.exchange,
            accounts,
            f"{calls.endpoint} (listing)" if calls is one.listing else calls.endpoint,
            *_figures(one, calls),
        ]
        for calls in rows
    ]


def _figures(one: Plan, calls: Calls) -> list[str]:
    limit = f"{calls.slots} in {span(calls.window_ms)}"
    if one.accounts is None:
        return [UNKNOWN, UNKNOWN, limit, UNKNOWN]
    return [str(calls.calls), str(calls.weight), limit, span(calls.lawful_ms)]


def _sweep(one: Plan) -> str:
    return UNKNOWN if one.accounts is None else span(one.sweep_ms)


def _turn_rows(one: Plan) -> list[list[str]]:
    """How old a fact is when a reading finds it."""
    if one.first == one.rest:
        return [[one.exchange, "are read", "all", *_delay(one, one.rest)]]
    return [
        [one.exchange, "matter", str(one.first.accounts), *_delay(one, one.first)],
        [one.exchange, "do not", "all", *_delay(one, one.rest)],
    ]


def _delay(one: Plan, turn: Turn) -> list[str]:
    return [UNKNOWN, UNKNOWN] if one.accounts is None else [span(turn.typical_ms), span(turn.worst_ms)]


def _verdict(one: Plan) -> str:
    if one.accounts is None:
        return f"each account is read every {span(one.poll_every_ms)} at best"
    if one.sweep_ms > one.poll_every_ms:
        return f"each account is read every {span(one.every_ms)}: the venue allows no more"
    return f"each account is read every {span(one.every_ms)}"


def _after(milliseconds: int) -> str:
    return "at once" if milliseconds == 0 else span(milliseconds)


def _as_json(one: Plan) -> dict[str, Any]:
    unknown = one.accounts is None
    return {
        "exchange": one.exchange,
        "accounts": one.accounts,
        "assumed": one.assumed,
        "poll_every_ms": one.poll_every_ms,
        "sweep_ms": None if unknown else one.sweep_ms,
        "read_every_ms": None if unknown else one.every_ms,
        "lawful": None if unknown else one.sweep_ms <= one.poll_every_ms,
        "delay": {
            "matter": _turn_json(one.first, unknown=unknown),
            "rest": _turn_json(one.rest, unknown=unknown),
        },
        "reads": [_calls_json(calls, unknown=unknown) for calls in one.reads],
        "listing": _calls_json(one.listing, unknown=unknown),
        "heard": [
            {
                "type": heard.type,
                "rules": heard.rules,
                "earliest_ms": heard.earliest_ms,
                "typical_ms": None if unknown else heard.typical_ms,
                "worst_ms": None if unknown else heard.worst_ms,
            }
            for heard in one.heard
        ],
    }


def _turn_json(turn: Turn, *, unknown: bool) -> dict[str, Any]:
    return {
        "accounts_at_most": None if unknown else turn.accounts,
        "typical_ms": None if unknown else turn.typical_ms,
        "worst_ms": None if unknown else turn.worst_ms,
    }


def _calls_json(calls: Calls, *, unknown: bool) -> dict[str, Any]:
    return {
        "endpoint": calls.endpoint,
        "path": calls.path,
        "calls": None if unknown else calls.calls,
        "weight": None if unknown else calls.weight,
        "slots": calls.slots,
        "window_ms": calls.window_ms,
        "lawful_ms": None if unknown else calls.lawful_ms,
    }
