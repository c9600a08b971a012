"""`check --against-running`: which alerts a file would open, close or change, were it loaded now. Sends nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from daemon.commands.options import wants_json
from daemon.commands.output import (
    UNKNOWN,
    Column,
    age,
    amount,
    counted,
    note,
    now_ms,
    print_json,
    print_table,
)
from daemon.commands.state_file import daemon_of, rules_in_force
from daemon.config import Config
from daemon.config.differences import Change, differences
from daemon.errors import CannotRun
from daemon.plain import iso
from notifiers.times import duration
from rules.foresight import Foresight, foresee
from rules.records import Alert
from rules.world import World
from state.store import Store


@dataclass(frozen=True, slots=True)
class _Row:
    """One alert that the file would move, and when its figure was really read."""

    effect: str
    alert: Alert
    why: str
    read_ms: int | None


def compare(context: click.Context, candidate: Config) -> None:
    """Read the state, which is left as it is, and print the difference. Raises CannotRun without a state."""
    path = candidate.daemon.state
    if not os.path.exists(path):  # noqa: PTH110  Path.exists raises where a folder may not be entered
        raise CannotRun(f"no state at {path}: start `subtally run` once, then its rules can be compared with")
    now = now_ms()
    with Store.open(path, readonly=True) as store:
        current = rules_in_force(store.accepted_rules(), path.parent)
        if current is None:
            raise CannotRun(f"{path}: no rules are in force there, so there is nothing to compare with")
        running = daemon_of(store).running
        first = store.load(current)
        seen = foresee(lambda: store.load(current), candidate.ruleset, now)
    rows, edits = _rows(seen, first), differences(current.sources, candidate.ruleset.sources)
    if wants_json(context):
        print_json(_as_json(edits, rows, running=running))
        return
    if not running:
        note("no daemon runs on this state: its last known readings are compared")
    for edit in edits:
        click.echo(str(edit))
    _tell(seen, rows, first, now)


def _rows(seen: Foresight, world: World) -> list[_Row]:
    rows = [
        _Row("would open", one.alert, _opening(one.wait_ms, one.alert), _read_ms(one.alert, world))
        for one in seen.opens
    ]
    rows += [
        _Row("would close", one.alert, one.reason or one.after, _read_ms(one.alert, world))
        for one in seen.closes
    ]
    return rows + [
        _Row("would change", one.now, _change(one.before, one.now), _read_ms(one.now, world))
        for one in seen.changes
    ]


def _opening(wait_ms: int | None, alert: Alert) -> str:
    facts = alert.facts
    limit = f"{facts.sign} {amount(facts.threshold)}" if facts.sign and facts.threshold else ""
    wait = "" if wait_ms is None else f"pending for {duration(wait_ms)}"
    return "; ".join(part for part in (limit, wait) if part)


def _change(before: Alert, after: Alert) -> str:
    parts = []
    if before.severity is not after.severity:
        parts.append(f"{before.severity} → {after.severity}")
    if before.state != after.state:
        parts.append(f"{before.state} → {after.state}")
    return ", ".join(parts)


def _read_ms(alert: Alert, world: World) -> int | None:
    """When the figure was really read: the oldest of the wallets that it is made of."""
    subject = alert.key.subject
    wallets = (subject.wallet,) if subject.wallet else alert.facts.wallets
    keys = [key for key in world.accounts if key == subject.account] if subject.account is not None else []
    read = [
        world.holdings[key, wallet].ended_ms
        for key in keys
        for wallet in wallets
        if (key, wallet) in world.holdings
    ]
    return min(read, default=None)


def _tell(seen: Foresight, rows: list[_Row], world: World, now: int) -> None:
    columns = [
        Column("effect"),
        Column("severity"),
        Column("rule"),
        Column("account"),
        Column("figure", right=True),
    ]
    print_table(
        [*columns, Column("why"), Column("read"), Column("alert")],
        [_cells(row, world, now) for row in rows],
    )
    counts = (len(seen.opens), len(seen.closes), len(seen.changes))
    if any(counts):
        opens, closes, changes = counts
        click.echo(f"{counted(opens, 'alert')} would open, {closes} would close, {changes} would change")
    else:
        click.echo("no alert would open, close or change")


def _cells(row: _Row, world: World, now: int) -> list[str]:
    facts, known = row.alert.facts, world.alerts.get(row.alert.key)
    where = f"{facts.exchange} {facts.label}".strip()
    what = f"{amount(facts.value)} {facts.asset or facts.quote}".strip()
    read = UNKNOWN if row.read_ms is None else age(row.read_ms, now)
    return [
        row.effect,
        str(row.alert.severity),
        facts.rule,
        where,
        what,
        row.why,
        read,
        known.id if known else "",
    ]


def _as_json(edits: Sequence[Change], rows: list[_Row], *, running: bool | None) -> dict[str, Any]:
    told: dict[str, list[dict[str, Any]]] = {"would open": [], "would close": [], "would change": []}
    for row in rows:
        facts = row.alert.facts
        told[row.effect].append(
            {
                "rule": facts.rule,
                "exchange": facts.exchange,
                "account": facts.label,
                "wallet": facts.wallet,
                "asset": facts.asset,
                "severity": str(row.alert.severity),
                "state": row.alert.state,
                "value": facts.value,
                "threshold": facts.threshold,
                "why": row.why,
                "read_at": iso(row.read_ms),
            }
        )
    return {
        "running": running,
        "opens": told["would open"],
        "closes": told["would close"],
        "changes": told["would change"],
        "edits": [
            {"kind": one.kind, "name": one.name, "how": one.how, "keys": list(one.keys)} for one in edits
        ],
    }
