"""What follows from one input: transitions, notifications, changed balances, and the calls now wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from rules.facts import Facts
from rules.model import Row, Severity
from rules.world import Alert, AlertKey


class NotificationKind(StrEnum):
    """Which event of an alert's life is told."""

    FIRING = "firing"
    RAISED = "raised"
    REMINDER = "reminder"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    CLOSED = "closed"
    EVENT = "event"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of an alert's life. `after` is pending, firing, resolved, closed or inactive (pending ended)."""

    alert: str
    key: AlertKey
    rule: str
    at_ms: int
    before: str  # "" where the alert is new
    after: str
    severity: Severity
    reason: str = ""
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """One alert event for one notifier: a durable outbox row.

    Rows with the same non-empty `batch` leave in one message (the digest of a first judgement).
    """

    alert: str
    notifier: str
    kind: NotificationKind
    severity: Severity
    created_ms: int
    facts: Facts
    batch: str = ""


class BalanceChange(NamedTuple):
    """One changed row; `before` is None where the asset was never seen in that wallet."""

    account: int
    wallet: str
    fields: tuple[str, ...]
    asset: str
    before: Row | None
    after: Row
    at_ms: int


@dataclass(frozen=True, slots=True)
class Recheck:
    """The confirming read that would settle a verdict now; the most severe first.

    `valued` tells that the venue's valuation is wanted, not quantities.
    """

    exchange: str
    account: int
    wallet: str
    severity: Severity
    reason: str = "confirm"  # or "presence"
    valued: bool = False


@dataclass(frozen=True, slots=True)
class HistoryWanted:
    """The venue's histories that would say what moved in these accounts for `from_ms` ≤ time < `until_ms`.

    `accounts` are keys of ours; of all in both directions where the venue asks per account. The answers come as
    `Transfers`. It is a wish within the budget: nothing waits for it, a refusal changes nothing.
    """

    exchange: str
    accounts: tuple[int, ...]
    assets: tuple[str, ...]
    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class PricesWanted:
    """Public prices read now, as `Prices`: every pair of the venue whose base is one of `assets` and whose quote is
    one of `quotes`, and the pairs among the quotes. Fewer pairs than that are fewer bytes in the log.
    """

    exchange: str
    assets: tuple[str, ...]
    quotes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Relist:
    """A complete listing wanted soon, because an account is missing from the last one."""

    exchange: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something for the log and the metrics that is no alert: a glitch, a difference between endpoints."""

    event: str
    exchange: str
    text: str = ""


@dataclass(slots=True)
class Outcome:
    """What one `judge` returns. `accounts_changed` tells the shell that its reading plan is out of date."""

    transitions: list[Transition] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    ended: list[Alert] = field(default_factory=list)  # as they ended; they are no longer in the world
    cancelled: list[str] = field(default_factory=list)  # notifiers removed: their rows are cancelled
    restored: list[str] = field(default_factory=list)  # notifiers that the file did not have before
    changes: list[BalanceChange] = field(default_factory=list)
    rechecks: list[Recheck] = field(default_factory=list)
    relists: list[Relist] = field(default_factory=list)
    histories: list[HistoryWanted] = field(default_factory=list)
    prices: list[PricesWanted] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    accounts_changed: set[str] = field(default_factory=set)

    def relist(self, exchange: str) -> None:
        """Ask once for a complete listing soon."""
        wanted = Relist(exchange)
        if wanted not in self.relists:
            self.relists.append(wanted)
