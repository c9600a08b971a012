"""The accumulator of the fold: everything the engine knows, in tables that remember what a batch touched.

`judge` is the only writer. The shell commits what `take` returns and nothing else, so that memory and
database tell the same story; `state` loads a World back after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from rules.facts import Facts
from rules.model import Identity, Row, Severity
from rules.ruleset import Ruleset

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


class Subject(NamedTuple):
    """What a rule is about. A part that the rule does not tell apart (`sum_over`) is None or "".

    `event` is the id of the alert where the subject is one event: each is a subject of its own.
    """

    exchange: str
    account: int | None = None
    wallet: str = ""
    asset: str = ""
    event: str = ""


class AlertKey(NamedTuple):
    """At most one open alert per rule × subject."""

    rule: str  # Rule.key, or the name of a built-in rule
    subject: Subject


@dataclass(frozen=True, slots=True)
class Account:
    """One sub-account, or the master itself, under a key of our own.

    `listed_by` names the listings that ever held it; `announced` tells that its appearance was told, or was
    part of the first listing. `missing` counts the complete listings in a row that lack it, from the first,
    begun at `missing_since_ms`, to the last, ended at `missing_ms`. `answered_ms` is the begin of the last
    call that proved it, `denied_ms` of the last that denied it. `absent_passes` counts the complete Bitget
    passes in a row without it, the first begun at `absent_since_ms`. `frozen` is what the last listing said,
    `freeze_run` how many listings in a row since it changed (0: it was so from the start). `holds` tells
    whether anything was held at the last complete look; None is not known.
    """

    key: int
    exchange: str
    identity: Identity
    master: bool = False
    present: bool = True
    announced: bool = False
    listed_by: frozenset[str] = frozenset()
    first_seen_ms: int = 0
    missing: int = 0
    missing_since_ms: int | None = None
    missing_ms: int | None = None
    answered_ms: int | None = None
    denied_ms: int | None = None
    unlisted: bool = False
    absent_passes: int = 0
    absent_since_ms: int | None = None
    frozen: bool | None = None
    freeze_run: int = 0
    holds: bool | None = None
    failing_since_ms: int | None = None
    failing_reason: str = ""

    @property
    def label(self) -> str:
        """The identifier that people read."""
        return self.identity.label


@dataclass(frozen=True, slots=True)
class Holding:
    """The last known quantities of one wallet of one account.

    `source` is the very object the last reading carried: identity tells that nothing moved. `rows` is that,
    plus zero rows of assets that were held before and are now absent. `whole_ms` is the end of the last
    reading, or pass, that proved absences; None before the first.
    """

    fields: tuple[str, ...]
    rows: Mapping[str, Row]
    source: Mapping[str, Row] | None
    began_ms: int
    ended_ms: int
    whole_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Valuation:
    """The venue's own valuation of one wallet, by quote coin."""

    values: Mapping[str, str]
    began_ms: int
    ended_ms: int


@dataclass(frozen=True, slots=True)
class ListingState:
    """What the last listings of one endpoint told."""

    source: str
    ended_ms: int | None = None  # of the last complete one
    began_ms: int | None = None
    count: int = 0
    incomplete_reason: str = ""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The first judgement of some rules on one exchange: their alerts wait for one digest.

    `rules` are the keys of those rules; `began_ms` is the first reading after they came into force, None
    until there was one.
    """

    rules: frozenset[str]
    began_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ExchangeState:
    """What is known of one exchange as a whole.

    `trouble` is the reason of the last failure of the exchange as a whole, "" after a success; `stopped` says
    why no call is made until the key or the file changes. `up_since_ms` is the first success after a gap.
    """

    name: str
    master_id: str | None = None
    since_ms: int = 0
    last_success_ms: int | None = None
    up_since_ms: int = 0
    listings: Mapping[str, ListingState] = field(default_factory=dict)
    passes: int = 0
    baseline: Baseline | None = None
    trouble: str = ""
    stopped: str = ""
    banned_until_ms: int | None = None
    maintenance: str = ""
    maintenance_since_ms: int | None = None
    maintenance_until_ms: int | None = None
    clock_offset_ms: int = 0
    rights: tuple[str, ...] = ()

    @property
    def listings_done(self) -> bool:
        """Whether it is known, by any complete look, which accounts there are."""
        return self.passes > 0 or any(listing.ended_ms is not None for listing in self.listings.values())


@dataclass(frozen=True, slots=True)
class Alert:
    """One open alert, pending or firing, with the counters of its life.

    `runs` counts the readings in a row that qualified for each severity (info, warning, critical),
    `clear_run` those in a row that were clear. `counted_ms` is the end of the last counted reading: a
    reading that began before it is no new evidence. `held_ms` adds up for `for`. `told` names the notifiers
    that have a firing notification. `held` waits for the digest of a first judgement.
    """

    key: AlertKey
    id: str
    rule: str
    type: str
    state: str  # "pending" | "firing"
    severity: Severity
    facts: Facts
    since_ms: int
    last_ms: int  # last qualifying reading
    counted_ms: int
    runs: tuple[int, int, int] = (0, 0, 0)
    clear_run: int = 0
    held_ms: int = 0
    fired_ms: int | None = None
    clear_ms: int | None = None  # cleared, and waiting for keep_firing
    expires_ms: int | None = None  # an event closes by itself
    told: frozenset[str] = frozenset()
    held: bool = False
    repeat_ms: int | None = None  # the present wait between reminders
    remind_at_ms: int | None = None
    acked_ms: int | None = None
    acked_by: str = ""


@dataclass(frozen=True, slots=True)
class TrailPoint:
    """A past figure and the end of the last reading that showed it."""

    value: str
    last_ms: int


@dataclass(frozen=True, slots=True)
class Blind:
    """A rule's subjects of one kind that are unknown while their account is read."""

    since_ms: int
    accounts: frozenset[int]


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
    index: Index = field(init=False)

    def __post_init__(self) -> None:
        self.index = Index(self)

    def put_account(self, account: Account) -> None:
        """Store an account and keep the index true."""
        before = self.accounts.get(account.key)
        self.accounts[account.key] = account
        self.index.account(before, account)

    def put_holding(self, account: int, wallet: str, holding: Holding) -> None:
        """Store what a wallet holds and keep the index true."""
        self.holdings[account, wallet] = holding
        self.index.wallets.setdefault(account, set()).add(wallet)

    def put_valuation(self, account: int, wallet: str, valuation: Valuation) -> None:
        """Store what a wallet is worth and keep the index true."""
        self.valuations[account, wallet] = valuation
        self.index.valued.setdefault(account, set()).add(wallet)

    def put_alert(self, alert: Alert) -> None:
        """Store an open alert and keep the index true."""
        self.alerts[alert.key] = alert
        self.index.open(alert)

    def drop_alert(self, key: AlertKey) -> None:
        """Forget an alert that ended; the database keeps it."""
        del self.alerts[key]
        self.index.ended(key)


class Index:
    """Ways into the tables that would otherwise need a search. Derived: rebuilt whenever it is asked to.

    `ids` are all alert ids ever given, so that none is given twice; the ended ones come from the database.
    `judged` holds the (account, wallet) pairs read since the rules last changed, `unread` per exchange those
    that a first judgement still waits for.
    """

    __slots__ = (
        "_world",
        "by_exchange",
        "by_identifier",
        "ids",
        "judged",
        "next_due_ms",
        "open_of",
        "plans",
        "unread",
        "valued",
        "wallets",
    )

    def __init__(self, world: World) -> None:
        self._world = world
        self.ids: set[str] = set()
        self.rebuild()

    def rebuild(self) -> None:
        """Derive everything anew, as after a load or a start."""
        self.by_exchange: dict[str, set[int]] = {}
        self.by_identifier: dict[tuple[str, str, str], int] = {}
        self.open_of: dict[tuple[str, int | None], set[AlertKey]] = {}
        self.forget_judged()
        self.next_due_ms = 0
        for account in self._world.accounts.values():
            self.account(None, account)
        for alert in self._world.alerts.values():
            self.open(alert)
        self.wallets: dict[int, set[str]] = {}
        self.valued: dict[int, set[str]] = {}
        for table, wallets in ((self._world.holdings, self.wallets), (self._world.valuations, self.valued)):
            for key, wallet in table:
                wallets.setdefault(key, set()).add(wallet)

    def forget_judged(self) -> None:
        """After a change of rules every subject is judged anew at its next reading."""
        self.judged: set[tuple[int, str]] = set()
        self.plans: dict[int, object] = {}
        self.unread: dict[str, set[tuple[int, str]]] = {}

    def account(self, before: Account | None, account: Account) -> None:
        if before is not None and before.identity == account.identity:
            return
        for name, value in () if before is None else _identifiers(before):
            if self.by_identifier.get((account.exchange, name, value)) == account.key:
                del self.by_identifier[account.exchange, name, value]
        for name, value in _identifiers(account):
            self.by_identifier[account.exchange, name, value] = account.key
        self.by_exchange.setdefault(account.exchange, set()).add(account.key)
        self.plans.pop(account.key, None)
        self.judged -= {pair for pair in self.judged if pair[0] == account.key} if before else set()

    def due(self, at_ms: int) -> None:
        """Something is due by time alone: the next tick from then on must look."""
        self.next_due_ms = min(self.next_due_ms, at_ms)

    def open(self, alert: Alert) -> None:
        self.ids.add(alert.id)
        subject = alert.key.subject
        self.open_of.setdefault((subject.exchange, subject.account), set()).add(alert.key)

    def ended(self, key: AlertKey) -> None:
        self.open_of.get((key.subject.exchange, key.subject.account), set()).discard(key)


def _identifiers(account: Account) -> list[tuple[str, str]]:
    identity = account.identity
    pairs = (("id", identity.venue_id), ("email", identity.email), ("name", identity.name))
    return [(kind, value) for kind, value in pairs if value]
