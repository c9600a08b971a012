"""What the tests of state share: values, and a stand-in for the judge."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from rules.facts import Facts
from rules.model import Contents, Identity, Reading, Row, Severity
from rules.outcome import BalanceChange, Notification, NotificationKind, Outcome, Transition
from rules.world import Account, Alert, AlertKey, Holding, Subject, World
from state import Entry, Store

FIELDS = ("free", "locked")
KEY = AlertKey("floor|low_balance|free|", Subject("okx-main", 1, "funding", "USDT"))


def facts(**changes: object) -> Facts:
    known = Facts(rule="floor", type="low_balance", exchange="okx-main", severity=Severity.WARNING)
    return replace(known, **changes)


def alert(id_: str = "A1B2C", key: AlertKey = KEY, **changes: object) -> Alert:
    known = Alert(
        key=key,
        id=id_,
        rule="floor",
        type="low_balance",
        state="firing",
        severity=Severity.WARNING,
        facts=facts(value="1.000000000000000001"),
        since_ms=1_000,
        last_ms=2_000,
        counted_ms=2_000,
    )
    return replace(known, **changes)


def notification(alert_id: str = "A1B2C", notifier: str = "slack", **changes: object) -> Notification:
    known = Notification(alert_id, notifier, NotificationKind.FIRING, Severity.WARNING, 1_000, facts())
    return replace(known, **changes)


def transition(
    before: str, after: str, id_: str = "A1B2C", at_ms: int = 3_000, key: AlertKey = KEY
) -> Transition:
    return Transition(id_, key, "floor", at_ms, before, after, Severity.WARNING, "", "1.000000000000000001")


def reading(
    rows: dict[str, Row], at_ms: int = 1_000, account: str = "mm-1@desk.example", **changes: Any
) -> Reading:
    told = Contents("okx-main", Identity(email=account), "funding", FIELDS, rows)
    return Reading((replace(told, **changes), at_ms - 100, at_ms))


def absorb(world: World, read: Reading, now_ms: int) -> Entry:
    """What judging does to accounts and balances, and no more."""
    key = world.index.by_identifier.get((read.exchange, "email", read.account.email or ""))
    if key is None:
        key = world.next_account
        world.next_account += 1
        world.put_account(Account(key, read.exchange, read.account))
    before = world.holdings.get((key, read.wallet))
    known = dict(before.rows) if before is not None and before.fields == read.fields else {}
    after: dict[str, Row] = {**{asset: ("0",) * len(read.fields) for asset in known}, **read.rows}
    changes = [
        BalanceChange(key, read.wallet, read.fields, asset, known.get(asset), row, read.ended_ms)
        for asset, row in after.items()
        if known.get(asset) != row
    ]
    world.holdings[key, read.wallet] = Holding(
        read.fields, after, read.contents, read.began_ms, read.ended_ms, read.ended_ms
    )
    return Entry(read, now_ms, Outcome(changes=changes))


def tell(store: Store, *told: Notification) -> None:
    """Put rows in the outbox."""
    store.tell(told)


def fresh(folder: Path) -> Store:
    return Store.open(folder / "subtally.db", migrate=True)


def same(one: World, other: World) -> bool:
    """Whether two Worlds agree in all that is kept; `source` is a matter of memory."""

    def tables(world: World) -> list[object]:
        holdings = {key: replace(holding, source=None) for key, holding in world.holdings.items()}
        kept = [world.accounts, world.exchanges, world.valuations, world.alerts, world.trails, world.blind]
        return [holdings, *kept, world.judged_rules, world.next_account, world.started_ms]

    return tables(one) == tables(other)
