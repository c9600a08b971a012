"""The accumulator of the fold: everything the engine knows, in tables that remember what a batch touched.

`judge` is the only writer. The shell commits what `take` returns and nothing else, so that memory and
database tell the same story; `state` loads a World back after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Generic, TypeVar

from rules.index import Index, expect_no_more
from rules.ledger import (
    Declared,
    Failing,
    Leg,
    LegKey,
    Mark,
    Match,
    PastKey,
    PastPoint,
    Round,
    Sheet,
    SheetKey,
    ShiftKey,
)
from rules.records import (
    Account,
    Alert,
    AlertKey,
    Baseline,
    Blind,
    ExchangeState,
    Holding,
    ListingState,
    Subject,
    TrailPoint,
    Valuation,
)
from rules.ruleset import Ruleset, Silence
from rules.statements import Books, Prices, Transfer

__all__ = [
    "Account",
    "Alert",
    "AlertKey",
    "Baseline",
    "Blind",
    "ExchangeState",
    "Holding",
    "Index",
    "ListingState",
    "Subject",
    "Table",
    "TrailPoint",
    "Valuation",
    "World",
]

K = TypeVar("K")
V = TypeVar("V")


class Table(dict[K, V], Generic[K, V]):
    """A dict that remembers the keys set or deleted since the last `take`."""

    __slots__ = ("touched",)

    def __init__(self) -> None:
        super().__init__()
        self.touched: set[K] = set()

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.touched.add(key)

    def __delitem__(self, key: K) -> None:
        super().__delitem__(key)
        self.touched.add(key)

    def restore(self, items: Mapping[K, V]) -> None:
        """Fill from the database without touching anything."""
        super().update(items)

    def take(self) -> dict[K, V | None]:
        """The touched entries, None for the deleted ones; forgets that they were touched."""
        taken = {key: self.get(key) for key in self.touched}
        self.touched.clear()
        return taken


@dataclass(slots=True)
class World:
    """Everything the engine knows: tables, which are persistent, and an index derived from them."""

    ruleset: Ruleset = field(default_factory=Ruleset)
    started_ms: int = 0
    next_account: int = 1
    accounts: Table[int, Account] = field(default_factory=Table)
    exchanges: Table[str, ExchangeState] = field(default_factory=Table)
    holdings: Table[tuple[int, str], Holding] = field(default_factory=Table)
    valuations: Table[tuple[int, str], Valuation] = field(default_factory=Table)
    alerts: Table[AlertKey, Alert] = field(default_factory=Table)
    trails: Table[AlertKey, tuple[TrailPoint, ...]] = field(default_factory=Table)
    blind: Table[AlertKey, Blind] = field(default_factory=Table)
    judged_rules: Table[tuple[str, str], int] = field(default_factory=Table)
    """(exchange, rule key) whose first judgement is over, and when: later ones are ordinary alerts."""
    legs: Table[LegKey, Leg] = field(default_factory=Table)
    matches: Table[str, Match] = field(default_factory=Table)
    sheets: Table[SheetKey, Sheet] = field(default_factory=Table)
    rounds: Table[tuple[str, str], Round] = field(default_factory=Table)
    """(rule key, exchange) of each sweep under way."""
    past: Table[PastKey, tuple[PastPoint, ...]] = field(default_factory=Table)
    shifts: Table[ShiftKey, tuple[Mark, ...]] = field(default_factory=Table)
    declared: Table[str, Declared] = field(default_factory=Table)
    """By Expect.key: those that are consumed."""
    stated: Table[tuple[str, str, str], Transfer] = field(default_factory=Table)
    """(exchange, source, id) of the venue's own statements."""
    prices: Table[str, Prices] = field(default_factory=Table)
    earlier: Table[tuple[str, int], Prices] = field(default_factory=Table)
    """(exchange, began_ms) of prices that were read before the newest."""
    differing: Table[tuple[int, str], int] = field(default_factory=Table)
    """(account, wallet) whose sides differ until newer prices tell: the end of both reads, 0 where it is not urgent."""
    books: Table[str, Books] = field(default_factory=Table)
    failing_books: Table[str, Failing] = field(default_factory=Table)
    """By the name of the books: those that cannot be read now."""
    silences: dict[str, Silence] = field(default_factory=dict)
    """Those that people made and did not end; the ones of the file are in the ruleset."""
    orders_seq: int = 0
    """The last of people's orders that was folded in."""
    index: Index = field(init=False)

    def __post_init__(self) -> None:
        self.index = Index(self)

    def tables(self) -> list[Table[Any, Any]]:
        """Each of its tables."""
        return [getattr(self, name) for name in _TABLES]

    def put_account(self, account: Account) -> None:
        """Store an account and keep the index true."""
        before = self.accounts.get(account.key)
        self.accounts[account.key] = account
        self.index.account(before, account)

    def drop_account(self, account: Account) -> None:
        """Forget an account and what its wallets hold, and keep the index true."""
        for wallet in self.index.wallets.get(account.key, ()):
            del self.holdings[account.key, wallet]
        for wallet in self.index.valued.get(account.key, ()):
            del self.valuations[account.key, wallet]
        del self.accounts[account.key]
        self.index.forget(account)

    def put_holding(self, account: int, wallet: str, holding: Holding) -> None:
        """Store what a wallet holds and keep the index true."""
        before = self.holdings.get((account, wallet))
        if before is not None:
            expect_no_more(before)
        self.holdings[account, wallet] = holding
        self.index.holds(account, wallet)
        self.index.moved((account, wallet), before, holding)

    def put_valuation(self, account: int, wallet: str, valuation: Valuation) -> None:
        """Store what a wallet is worth and keep the index true."""
        before = self.valuations.get((account, wallet))
        self.valuations[account, wallet] = valuation
        self.index.is_valued(account, wallet)
        self.index.revalued((account, wallet), before, valuation)

    def put_alert(self, alert: Alert) -> None:
        """Store an open alert and keep the index true."""
        self.alerts[alert.key] = alert
        self.index.open(alert)

    def drop_alert(self, key: AlertKey, now_ms: int) -> None:
        """Forget an alert that ended now; the database keeps it for `retention`."""
        alert = self.alerts.pop(key)
        self.alerts.touched.add(key)
        self.index.ended(alert, now_ms, self.ruleset.settings.retention_ms)


_TABLES: Final = tuple(one.name for one in fields(World) if one.default_factory is Table)
