"""`subtally status`: how the watch is doing, read from the state, with a daemon running or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from daemon.commands.options import config_path, wants_json
from daemon.commands.output import Column, age, counted, now_ms, print_json, print_table
from daemon.commands.state_file import PAGE_ROWS, Running, daemon_of, every_row, open_state, rules_in_force
from daemon.commands.watching import shown, watch_option
from daemon.plain import iso
from notifiers.times import moment, zone
from rules.builtin_names import STALE_EXCHANGE
from rules.model import Severity
from rules.reconciling.expected import compares
from rules.ruleset import Ruleset
from rules.world import Alert, ExchangeState
from state.outbox import Counts
from state.reconciled import BooksRow
from state.store import AcceptedRules, Store

SEVERITIES = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
ALERT_STATES = ("firing", "pending")


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that `status` tells, as one look at the state found it."""

    now_ms: int
    path: Path
    running: Running
    accepted: AcceptedRules | None
    ruleset: Ruleset | None
    exchanges: tuple[ExchangeState, ...]
    accounts: dict[str, int]
    alerts: tuple[Alert, ...]
    notifiers: dict[str, Counts]
    books: tuple[BooksRow, ...]

    def state_of(self, exchange: ExchangeState) -> str:
        """`unwatched` without a daemon: whatever was known last, nobody looks any more."""
        if self.running.running is False:
            return "unwatched"
        if exchange.stopped:
            return "stopped"
        if any(_is_stale(alert, exchange.name) for alert in self.alerts):
            return "stale"
        return (
            "starting"
            if exchange.last_success_ms is None
            else self._by_age(exchange, exchange.last_success_ms)
        )

    def state_of_books(self, books: BooksRow) -> str:
        """As `state_of`, of the user's own books."""
        if self.running.running is False:
            return "unwatched"
        if books.failing is not None:
            return "unread"
        return "starting" if books.told_ms is None else "fresh"

    def _by_age(self, exchange: ExchangeState, last_success_ms: int) -> str:
        # Also where the daemon hangs and raises no alert any more. Maintenance widens the time; the alert knows.
        settings = (self.ruleset or Ruleset()).settings
        late = self.now_ms - last_success_ms >= settings.stale_after_ms and not exchange.maintenance
        return "stale" if late else "fresh"

    def kind_of(self, exchange: str) -> str:
        """`binance`, `okx` or `bitget`; "" for one that is no longer configured."""
        found = self.ruleset.exchanges.get(exchange) if self.ruleset else None
        return found.kind if found else ""

    def count(self, state: str, severity: Severity) -> int:
        """How many alerts are in this state."""
        return sum(alert.state == state and alert.severity is severity for alert in self.alerts)


@click.command(epilog="Example: subtally status --json    Example: subtally status --watch")
@watch_option
@click.pass_context
def status(context: click.Context, watch: float | None) -> None:
    """Show how the watch is doing: the daemon, every exchange, your books, the open alerts, every notifier."""
    shown(watch, lambda: _show(context))


def _show(context: click.Context) -> None:
    folder = config_path(context).parent
    with open_state(context) as store:
        seen = _look(store, folder)
    if wants_json(context):
        print_json(_plain(seen))
    else:
        _print(seen)


def _look(store: Store, folder: Path) -> Seen:
    accepted = store.accepted_rules()
    ruleset = rules_in_force(accepted, folder)
    known = {exchange.name: exchange for exchange in store.exchanges()}
    configured = dict.fromkeys(ruleset.exchanges if ruleset else ())
    exchanges = tuple(known.get(name, ExchangeState(name)) for name in {**configured, **known})
    accounts: dict[str, int] = {}
    for account in every_row(lambda after: store.accounts(after=after, limit=PAGE_ROWS)):
        if account.present and not account.master:
            accounts[account.exchange] = accounts.get(account.exchange, 0) + 1
    open_alerts = every_row(lambda after: store.alerts("open", after=after, limit=PAGE_ROWS))
    counts = store.counts()
    notifiers = {**dict.fromkeys(ruleset.notifiers if ruleset else (), Counts(0, 0, 0, None)), **counts}
    alerts = tuple(row.alert for row in open_alerts)
    running = daemon_of(store)
    books = tuple(_books(ruleset or Ruleset(), {one.name: one for one in store.books()}))
    return Seen(
        now_ms(), store.path, running, accepted, ruleset, exchanges, accounts, alerts, notifiers, books
    )


def _books(ruleset: Ruleset, known: Mapping[str, BooksRow]) -> Iterator[BooksRow]:
    """Those that a rule in force compares: no others are read."""
    for one in ruleset.books:
        if any(compares(rule, one.name) for rule in ruleset.rules):
            yield known.get(one.name, BooksRow(one.name, None, None))


def _is_stale(alert: Alert, exchange: str) -> bool:
    return alert.key.rule == STALE_EXCHANGE and alert.key.subject.exchange == exchange


def _print(seen: Seen) -> None:
    now = seen.now_ms
    for line in _heading(seen):
        click.echo(line)
    click.echo()
    titles = ("exchange", "kind", "state", "last success", "accounts", "trouble")
    columns = [Column(title, right=title == "accounts") for title in titles]
    rows = []
    for one in seen.exchanges:
        success = "never" if one.last_success_ms is None else age(one.last_success_ms, now)
        head = [one.name, seen.kind_of(one.name), seen.state_of(one), success]
        rows.append([*head, str(seen.accounts.get(one.name, 0)), "; ".join(_troubles(one, now))])
    print_table(columns, rows)
    if seen.books:
        click.echo()
    columns = [Column("books"), Column("state"), Column("unread since"), Column("trouble")]
    print_table(columns, [_books_cells(seen, one) for one in seen.books])
    click.echo()
    columns = [Column("alerts"), *(Column(severity.value, right=True) for severity in SEVERITIES)]
    print_table(
        columns, [[state, *(str(seen.count(state, one)) for one in SEVERITIES)] for state in ALERT_STATES]
    )
    if seen.notifiers:
        click.echo()
    columns = [Column("notifier"), Column("queued", right=True), Column("dead", right=True), Column("oldest")]
    print_table(columns, [_notifier(name, counts, now) for name, counts in sorted(seen.notifiers.items())])


def _heading(seen: Seen) -> Iterator[str]:
    running = seen.running
    if running.running is None:
        yield "daemon  not known: its lock cannot be read"
    elif running.running:
        yield f"daemon  running{'' if running.pid is None else f', process {running.pid}'}"
    else:
        yield "daemon  not running: nothing is watched"
    yield f"state   {seen.path}"
    if seen.accepted is not None:
        count = counted(len(seen.ruleset.rules), "rule") if seen.ruleset else "not readable"
        yield f"rules   {count}, accepted {age(seen.accepted.accepted_ms, seen.now_ms)}"


def _troubles(exchange: ExchangeState, now: int) -> Iterator[str]:
    if exchange.stopped:
        yield exchange.stopped
    if exchange.banned_until_ms is not None and exchange.banned_until_ms > now:
        yield f"banned until {moment(exchange.banned_until_ms, now, zone('UTC'))}"
    if exchange.maintenance:
        until = exchange.maintenance_until_ms
        yield f"maintenance: {exchange.maintenance}" + (
            f" until {moment(until, now, zone('UTC'))}" if until else ""
        )
    if exchange.trouble and exchange.trouble != exchange.stopped:
        yield exchange.trouble


def _notifier(name: str, counts: Counts, now: int) -> list[str]:
    oldest = "" if counts.oldest_ms is None else age(counts.oldest_ms, now)
    return [name, str(counts.queued + counts.claimed), str(counts.dead), oldest]


def _books_cells(seen: Seen, books: BooksRow) -> list[str]:
    failing = books.failing
    told = ("", "") if failing is None else (age(failing.since_ms, seen.now_ms), failing.reason)
    return [books.name, seen.state_of_books(books), *told]


def _plain(seen: Seen) -> dict[str, Any]:
    accepted = seen.accepted
    return {
        "now": iso(seen.now_ms),
        "state": str(seen.path),
        "daemon": {"running": seen.running.running, "pid": seen.running.pid},
        "rules": None
        if accepted is None
        else {
            "count": len(seen.ruleset.rules) if seen.ruleset else None,
            "accepted": iso(accepted.accepted_ms),
            "digest": accepted.digest,
        },
        "exchanges": [_plain_exchange(seen, exchange) for exchange in seen.exchanges],
        "books": [
            {
                "name": one.name,
                "state": seen.state_of_books(one),
                "unread_since": None if one.failing is None else iso(one.failing.since_ms),
                "trouble": None if one.failing is None else one.failing.reason,
            }
            for one in seen.books
        ],
        "alerts": {
            state: {one.value: seen.count(state, one) for one in SEVERITIES} for state in ALERT_STATES
        },
        "notifiers": [
            {
                "name": name,
                "queued": counts.queued + counts.claimed,
                "dead": counts.dead,
                "oldest": iso(counts.oldest_ms),
            }
            for name, counts in sorted(seen.notifiers.items())
        ],
    }


def _plain_exchange(seen: Seen, exchange: ExchangeState) -> dict[str, Any]:
    return {
        "name": exchange.name,
        "kind": seen.kind_of(exchange.name) or None,
        "state": seen.state_of(exchange),
        "last_success": iso(exchange.last_success_ms),
        "accounts": seen.accounts.get(exchange.name, 0),
        "trouble": exchange.trouble or None,
        "stopped": exchange.stopped or None,
        "banned_until": iso(exchange.banned_until_ms),
        "maintenance": exchange.maintenance or None,
        "maintenance_until": iso(exchange.maintenance_until_ms),
        "master_id": exchange.master_id,
        "rights": list(exchange.rights),
        "clock_offset_ms": exchange.clock_offset_ms,
    }
