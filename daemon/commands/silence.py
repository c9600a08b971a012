"""`subtally silence`: do not tell for a while; on record with its end, its reason and its author."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from daemon import orders
from daemon.commands.options import config_path, wants_json
from daemon.commands.ordering import by_option, in_words, open_for_order
from daemon.commands.output import Column, age, counted, note, now_ms, print_json, print_table
from daemon.commands.state_file import (
    PAGE_ROWS,
    every_row,
    first_rows,
    limit_option,
    open_state,
    rules_in_force,
)
from daemon.plain import iso
from daemon.silencing import PATTERNS, end_of, selection_of, silence_of, stage_of, written
from rules.model import Severity
from rules.ruleset import Silence
from state.ordered import SilenceRow
from state.store import Store

C = TypeVar("C", bound=Callable[..., Any])

_LIVE = frozenset({"active", "waiting"})


@click.group(epilog="Example: subtally silence add --account 'mm-*' --for 2h --reason 'migration' --by kim")
def silence() -> None:
    """Silence alerts for a while. What fires is shown all the same, and told where it still fires at the end.

    The end of an alert that was told as firing is told even under a silence.
    """


def _patterns(name: str, what: str) -> Callable[[C], C]:
    text = f"Only alerts of these {what}: a pattern; a leading ! excludes. May be repeated."
    return click.option(f"--{name}", multiple=True, metavar="PATTERN", help=text)


@silence.command(
    epilog="Example: subtally silence add --account 'mm-*' --for 2h --reason 'migration' --by kim"
)
@_patterns("rule", "rules, by name")
@_patterns("exchange", "exchanges")
@_patterns("account", "accounts, by any of their names")
@_patterns("asset", "coins")
@click.option(
    "--severity",
    multiple=True,
    type=click.Choice([one.value for one in Severity]),
    help="Only alerts of this severity. May be repeated.",
)
@click.option("--all", "all", is_flag=True, help="Everything, where that is meant.")
@click.option("--for", "for", metavar="DURATION", help="How long, as in 2h, 90m or 1d12h.")
@click.option("--until", metavar="TIME", help="Until when, with its zone, as in 2030-12-31T18:00Z.")
@click.option(
    "--until-resolved", metavar="ALERT", help="This one alert, until it ends. Needs no pattern, takes none."
)
@click.option("--reason", required=True, metavar="TEXT", help="Why nobody needs to hear of it.")
@by_option("Who decides so.")
@click.pass_context
def add(context: click.Context, /, **given: Any) -> None:  # noqa: ANN401  as click calls it
    """Silence what matches all that is named, from now on. Prints the id of the silence."""
    now = now_ms()
    with in_words(context):
        asked = silence_of(_named(given), now)
    with open_for_order(context) as store:
        made = orders.silence(store, asked, now)
        for warning in _warnings(context, store, made.silence):
            note(warning)
    if wants_json(context):
        plain = _plain(SilenceRow(made.silence, now), now, "person")
        print_json({**plain, "firing": made.firing, "pending": made.pending})
        return
    one = made.silence
    click.echo(f"{one.id} silences {selection_of(one)} until {end_of(one, now)}")
    matched = counted(made.firing + made.pending, "open alert")
    click.echo(f"it matches {matched} now, {made.firing} of them firing")


@silence.command("list", epilog="Example: subtally silence list --all --json")
@click.option("--all", "every", is_flag=True, help="Also those that are over.")
@limit_option
@click.pass_context
def list_(context: click.Context, every: bool, limit: int) -> None:  # noqa: FBT001  as click calls it
    """List the silences: those that people made, the newest first, then those of the rules in force."""
    now = now_ms()
    with open_state(context) as store:
        ruleset = rules_in_force(store.accepted_rules(), config_path(context).parent)
        found = _rows(store, ruleset.silences if ruleset else ())
        rows = first_rows((row for row in found if every or stage_of(row, now) in _LIVE), limit)
    if wants_json(context):
        print_json([_plain(row, now, _source(row)) for row in rows])
        return
    if not rows:
        note("no silence" if every else "no silence now: --all shows those that are over")
    titles = ("id", "state", "silences", "until", "reason", "by", "made", "ended")
    print_table([Column(title) for title in titles], [_cells(row, now) for row in rows])


@silence.command(epilog="Example: subtally silence end S4K2Q --by kim")
@click.argument("ident", metavar="ID")
@by_option("Who ends it.")
@click.pass_context
def end(context: click.Context, ident: str, by: str) -> None:
    """End the silence ID now: what still fires is told."""
    now = now_ms()
    with open_for_order(context) as store:
        ended = orders.unsilence(store, ident, by, now)
    if wants_json(context):
        print_json({"id": ended.id, "ended": iso(now), "ended_by": by})
        return
    click.echo(f"ended {ended.id} by {by}: it silenced {selection_of(ended)}")


def _named(given: dict[str, Any]) -> dict[str, object]:
    """Without what was left out: "" stays, and is refused in words."""
    asked: dict[str, object] = {}
    for key, value in given.items():
        if isinstance(value, tuple):
            asked |= {key: list(value)} if value else {}
        elif value is not None and value is not False:
            asked[key] = value
    return asked


def _warnings(context: click.Context, store: Store, made: Silence) -> Iterator[str]:
    """Of a pattern that names nothing: it is on record, and most likely misspelt."""
    ruleset = rules_in_force(store.accepted_rules(), config_path(context).parent)
    if ruleset is None:
        return
    if ruleset.exchanges and not any(map(made.exchange.match, ruleset.exchanges)):
        yield f"no exchange of the rules in force matches {made.exchange}"
    names = [rule.name for rule in ruleset.rules]
    built_in = any(pattern.startswith("subtally/") for pattern in made.rule.wanted)
    if names and not built_in and not any(map(made.rule.match, names)):
        yield f"no rule in force matches {made.rule}"
    if not (made.account.all or _knows(store, made)):
        yield f"no known account matches {made.account}: `subtally accounts` lists them"


def _knows(store: Store, made: Silence) -> bool:
    known = every_row(lambda after: store.accounts(None, after=after, limit=PAGE_ROWS))
    return any(made.account.match(*one.identity.identifiers) for one in known)


def _rows(store: Store, of_file: tuple[Silence, ...]) -> Iterator[SilenceRow]:
    yield from every_row(lambda after: store.silences(after=after, limit=PAGE_ROWS))
    yield from map(SilenceRow, of_file)


def _source(row: SilenceRow) -> str:
    return "file" if row.made_ms is None else "person"


def _cells(row: SilenceRow, now: int) -> list[str]:
    one = row.silence
    made = "in the file" if row.made_ms is None else age(row.made_ms, now)
    ended = "" if row.ended_ms is None else f"{age(row.ended_ms, now)} by {row.ended_by}"
    return [one.id, stage_of(row, now), selection_of(one), end_of(one, now), one.reason, one.by, made, ended]


def _plain(row: SilenceRow, now: int, source: str) -> dict[str, Any]:
    one, weekly = row.silence, row.silence.weekly
    patterns = {key: written(getattr(one, key)) for key in PATTERNS}
    return {
        "id": one.id,
        "state": stage_of(row, now),
        "source": source,
        **patterns,
        "severity": [severity.value for severity in Severity if severity in one.severities],
        "from": iso(one.from_ms or None),
        "until": iso(one.until_ms),
        "until_resolved": one.until_resolved or None,
        "weekly": None if weekly is None else end_of(one, now),
        "reason": one.reason,
        "by": one.by,
        "made": iso(row.made_ms),
        "ended": iso(row.ended_ms),
        "ended_by": row.ended_by or None,
    }
