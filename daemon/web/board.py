"""What the pages show beside the snapshot: accounts with their balances, notifications, rules, from the state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from daemon.plain import state_of
from daemon.snapshot import RuleView, Snapshot
from daemon.web.chart import spark
from daemon.web.series import of_trace
from rules.values import in_row, text_of
from rules.world import Account
from state.queries import NotificationRow
from state.store import Store
from state.traces import Trace

__all__ = [
    "AccountPage",
    "Accounts",
    "Board",
    "RuleLine",
    "read_account",
    "read_accounts",
    "read_board",
    "read_told",
]

DAY_MS: Final = 24 * 3_600_000
FIRST_ACCOUNTS: Final = 20
ACCOUNTS_A_PAGE: Final = 50
BALANCES_SHOWN: Final = 3
BALANCES_MOST: Final = 400
TOLD_SHOWN: Final = 10
TOLD_A_PAGE: Final = 100
_SPARK_STEPS: Final = 96


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """One balance: `total` is the figure that is shown first, with `name` its field; `spark` its last day."""

    wallet: str
    asset: str
    amounts: tuple[tuple[str, str | None], ...]
    name: str
    total: str | None
    changed_ms: int
    read_ms: int
    spark: str


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One account: its balances, the last changed first, and how many others there are."""

    account: Account
    state: str
    balances: tuple[BalanceLine, ...]
    others: int
    read_ms: int | None


@dataclass(frozen=True, slots=True)
class Accounts:
    """One page of accounts; `after` asks for the next one. What was asked for stands in `exchange` and `name`."""

    lines: tuple[AccountLine, ...]
    after: str | None
    exchange: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class AccountPage:
    """One account with all that it holds."""

    line: AccountLine
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule, when it fired last as far as is on record, and how many of its alerts fire now."""

    rule: RuleView
    firing: int
    last_fired_ms: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """Notifications: the dead ones first, then the newest."""

    dead: tuple[NotificationRow, ...]
    recent: tuple[NotificationRow, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class Board:
    """The lower half of the status page."""

    accounts: Accounts
    told: Told
    rules: tuple[RuleLine, ...]


def read_board(store: Store, snapshot: Snapshot, rules: Sequence[RuleView]) -> Board:
    """Everything at once, on the reader's thread."""
    return Board(
        read_accounts(store, snapshot.now_ms, limit=FIRST_ACCOUNTS),
        read_told(store, None, TOLD_SHOWN),
        read_rules(store, snapshot, rules),
    )


def read_accounts(
    store: Store,
    now_ms: int,
    exchange: str | None = None,
    name: str | None = None,
    after: str | None = None,
    limit: int = ACCOUNTS_A_PAGE,
) -> Accounts:
    """One page of accounts with what they hold."""
    page = store.accounts(exchange, name, after=after, limit=limit)
    held = store.held_by([account.key for account in page.rows], now_ms - DAY_MS, BALANCES_SHOWN)
    lines = (
        _line(account, held[account.key].traces, held[account.key].others, now_ms) for account in page.rows
    )
    return Accounts(tuple(lines), page.after, exchange or "", name or "")


def read_account(store: Store, key: int, now_ms: int) -> AccountPage | None:
    """One account; None where there is none of this id."""
    account = store.account(key)
    if account is None:
        return None
    held = store.held_by([key], now_ms - DAY_MS, BALANCES_MOST)[key]
    fields = dict.fromkeys(field for trace in held.traces for field in trace.fields)
    return AccountPage(_line(account, held.traces, held.others, now_ms), tuple(fields))


def read_told(store: Store, after: str | None, limit: int = TOLD_A_PAGE) -> Told:
    """One page of notifications; the dead ones stand on the first."""
    dead = store.notifications("dead", limit=limit).rows if after is None else ()
    page = store.notifications(after=after, limit=limit)
    return Told(dead, tuple(row for row in page.rows if row.state != "dead"), page.after)


def read_rules(store: Store, snapshot: Snapshot, rules: Iterable[RuleView]) -> tuple[RuleLine, ...]:
    """Every rule with what became of it."""
    fired = store.last_fired()
    firing: dict[str, int] = {}
    for alert in snapshot.alerts:
        if alert.state == "firing":
            firing[alert.rule] = firing.get(alert.rule, 0) + 1
    return tuple(RuleLine(rule, firing.get(rule.name, 0), fired.get(rule.name)) for rule in rules)


def _line(account: Account, traces: Sequence[Trace], others: int, now_ms: int) -> AccountLine:
    balances = tuple(_balance(trace, now_ms) for trace in traces)
    read_ms = max((balance.read_ms for balance in balances), default=None)
    return AccountLine(account, state_of(account), balances, others, read_ms)


def _balance(trace: Trace, now_ms: int) -> BalanceLine:
    total = in_row(trace.fields, trace.row, "total")
    name = "total" if total is not None or not trace.fields else trace.fields[0]
    shown = text_of(in_row(trace.fields, trace.row, name))
    return BalanceLine(
        wallet=trace.wallet,
        asset=trace.asset,
        amounts=tuple(zip(trace.fields, trace.row, strict=False)),
        name=name,
        total=shown,
        changed_ms=trace.spans[-1][0],
        read_ms=trace.read_ms,
        spark=_spark(trace, name, now_ms),
    )


def _spark(trace: Trace, field: str, now_ms: int) -> str:
    points = of_trace(trace, field)
    if len(points) < 2:  # noqa: PLR2004  a figure that never moved is no line worth drawing
        return ""
    start_ms = max(now_ms - DAY_MS, points[0][0])
    step_ms = max(1, (now_ms - start_ms) // _SPARK_STEPS)
    # To whole steps: the line of a balance that does not move stays the same, and so does the page.
    return spark(points, start_ms - start_ms % step_ms, now_ms - now_ms % step_ms + step_ms)
