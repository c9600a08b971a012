"""Ways into the tables of the World that would otherwise need a search. Derived, never stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from rules.records import Account, Alert, AlertKey, Holding, Valuation
from rules.rows import differing
from rules.ruleset import Rule
from rules.sums import Sums
from rules.unread import Unread

if TYPE_CHECKING:  # the World owns its index
    from rules.world import World


FREED_AT_ONCE = 8
"""Ids of ended alerts that are freed at each further end: more than are given, and never a long list at once."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What an index knows that its tables do not tell: how they came about, and what was looked at since.

    The rest is derived from the tables, or worked out again when it is asked for.
    """

    ids: set[str]
    judged: set[tuple[int, str]]
    unread: dict[str, set[tuple[int, str]]]
    unknown_part: dict[AlertKey, tuple[int, str]]
    last_success_ms: dict[str, int]
    by_identifier: dict[tuple[str, str, str], int]
    contested: bool
    allows_until_ms: int
    next_due_ms: int
    next_scan_ms: int
    uncovered: dict[tuple[str, str], set[tuple[int, str]]] = field(default_factory=dict)
    priced: dict[str, set[str]] = field(default_factory=dict)
    prices_asked_ms: dict[str, int] = field(default_factory=dict)
    prices_of: dict[str, set[str]] = field(default_factory=dict)
    ended_ids: dict[str, int] = field(default_factory=dict)


class Index:
    """Derived from the tables: rebuilt whenever it is asked to, so that a restart and a replay agree.

    `ids` are the alert ids that are given, so that none is given twice: those of open alerts, and of ended ones for
    as long as `ended_ids`, by their end, holds them; after a start these come from the database. `gone` are the
    accounts that are to be forgotten in time. `judged` holds the (account, wallet) pairs read since the rules last
    changed, `unread` per exchange those that a first judgement still waits for. `parts` keeps what each sum is made
    of, by the key without its asset, and `asked` the same by what rules mean; `sums` what that comes to, and
    `unknown_part` one of them that was unknown at the last look; `plans` and `filed` are the compiled rules, `alike`
    the plans by what is in them;
    `contested` tells that some name belonged to two accounts; `read_counts` how many accounts of an exchange were
    looked at, and how many of these are read; `tracking`, `legs`, `uncovered`, `priced`, `prices_of` and
    `prices_asked_ms` belong to reconciliation: what it follows on each exchange, the legs by amount, the parts that a
    round has not covered yet, the assets that the summary compares, those whose prices were ever asked for, and when
    that was last done. From `allows_until_ms` on some allow
    grants nothing any more. `epoch` is another one where nothing that `rules.repeats` expected to be told again may be
    taken for that any more.
    `unreckoned` tells that sums were forgotten since `rules.reckoning` went over them, and `summing` are their rules.
    """

    __slots__ = (
        "_world",
        "alike",
        "allows_until_ms",
        "asked",
        "by_exchange",
        "by_identifier",
        "contested",
        "ended_ids",
        "epoch",
        "filed",
        "gone",
        "ids",
        "judged",
        "last_success_ms",
        "legs",
        "next_due_ms",
        "next_scan_ms",
        "open_of",
        "parts",
        "plans",
        "priced",
        "prices_asked_ms",
        "prices_of",
        "read_counts",
        "rules",
        "summing",
        "sums",
        "tracking",
        "uncovered",
        "unknown_part",
        "unread",
        "unreckoned",
        "valued",
        "wallets",
    )

    def __init__(self, world: World) -> None:
        self._world = world
        self.ids: set[str] = set()
        self.ended_ids: dict[str, int] = {}
        self.rebuild()

    def rebuild(self) -> None:
        """Derive everything anew, as after a load or a start."""
        self.by_exchange: dict[str, list[int]] = {}
        self.by_identifier: dict[tuple[str, str, str], int] = {}
        self.contested = False
        self.open_of: dict[tuple[str, int | None], set[AlertKey]] = {}
        self.gone: set[int] = set()
        self.last_success_ms: dict[str, int] = {}
        self.legs: object = None
        self.prices_asked_ms: dict[str, int] = {}
        self.prices_of: dict[str, set[str]] = {}
        self.wallets: dict[int, tuple[str, ...]] = {}  # a tuple is a fourth of a set
        self.valued: dict[int, tuple[str, ...]] = {}
        self.forget_judged()
        for key in sorted(self._world.accounts):
            self.by_exchange.setdefault(self._world.accounts[key].exchange, []).append(key)
        # Of two accounts with one name the one that is there has it, and of two that are, the newer.
        for account in sorted(self._world.accounts.values(), key=lambda one: (one.present, one.key)):
            self._name(account)
            if account.gone_ms is not None:
                self.gone.add(account.key)
        for alert in self._world.alerts.values():
            self.open(alert)
        for table, wallets in ((self._world.holdings, self.wallets), (self._world.valuations, self.valued)):
            for owner, wallet in table:
                wallets[owner] = (*wallets.get(owner, ()), wallet)

    def forget_judged(self) -> None:
        """After a change of rules every subject is judged anew at its next reading."""
        self.judged: set[tuple[int, str]] = set()
        self.expect_nothing()
        self.plans: dict[int, object] = {}
        self.alike: dict[tuple[object, ...], object] = {}
        self.unread: dict[str, Unread] = {}
        self.parts: dict[AlertKey, tuple[tuple[int, str], ...]] = {}
        self.asked: dict[tuple[object, ...], tuple[tuple[int, str], ...]] = {}
        self.sums: dict[AlertKey, Sums] = {}
        self.unknown_part: dict[AlertKey, tuple[int, str]] = {}
        self.read_counts: dict[str, tuple[int, int]] = {}
        self.rules: dict[str, Rule] | None = None
        self.filed: dict[str, object] = {}
        self.tracking: dict[str, object] = {}
        self.priced: dict[str, set[str]] = {}
        self.uncovered: dict[tuple[str, str], set[tuple[int, str]]] = {}
        self.summing: list[Rule] | None = None
        self.unreckoned = True
        self.allows_until_ms = 0
        self.look_soon()

    def judge_anew(self) -> None:
        """Something that every verdict rests on is another now: each subject is judged at its next reading."""
        self.judged.clear()
        self.expect_nothing()
        self.unreckoned = True

    def memory(self) -> Memory:
        """What a checkpoint must hold beside the tables."""
        return Memory(
            ids=self.ids.copy(),
            judged=self.judged.copy(),
            unread={name: unread.all() for name, unread in self.unread.items()},
            unknown_part=self.unknown_part.copy(),
            last_success_ms=self.last_success_ms.copy(),
            by_identifier=self.by_identifier.copy(),
            contested=self.contested,
            allows_until_ms=self.allows_until_ms,
            next_due_ms=self.next_due_ms,
            next_scan_ms=self.next_scan_ms,
            uncovered={place: parts.copy() for place, parts in self.uncovered.items()},
            priced={name: assets.copy() for name, assets in self.priced.items()},
            prices_asked_ms=self.prices_asked_ms.copy(),
            prices_of={name: assets.copy() for name, assets in self.prices_of.items()},
            ended_ids=self.ended_ids.copy(),
        )

    def remember(self, memory: Memory) -> None:
        """Derive everything anew from the tables, and know again what they do not tell."""
        self.rebuild()
        self.ids = memory.ids.copy()
        self.judged = memory.judged.copy()
        self.unread = {name: Unread(awaited=pairs) for name, pairs in memory.unread.items()}
        self.unknown_part = memory.unknown_part.copy()
        self.last_success_ms = memory.last_success_ms.copy()
        self.by_identifier = memory.by_identifier.copy()
        self.contested = memory.contested
        self.allows_until_ms = memory.allows_until_ms
        self.next_due_ms, self.next_scan_ms = memory.next_due_ms, memory.next_scan_ms
        self.uncovered = {place: parts.copy() for place, parts in memory.uncovered.items()}
        self.priced = {name: assets.copy() for name, assets in memory.priced.items()}
        self.prices_asked_ms = memory.prices_asked_ms.copy()
        self.prices_of = {name: assets.copy() for name, assets in memory.prices_of.items()}
        self.ended_ids = memory.ended_ids.copy()

    def look_soon(self) -> None:
        """The next tick must look at everything that time alone brings about."""
        self.next_due_ms = 0
        self.next_scan_ms = 0

    def account(self, before: Account | None, account: Account) -> None:
        """Take in a stored account: `before` is what was stored under its key until now."""
        self._expect_no_more(account.key)
        if account.gone_ms is not None:
            self.gone.add(account.key)
        else:
            self.gone.discard(account.key)
        if before is not None and before.identity == account.identity and before.present == account.present:
            return
        if before is None:
            self.by_exchange.setdefault(account.exchange, []).append(account.key)
        else:
            for name, value in _identifiers(before):
                if self.by_identifier.get((account.exchange, name, value)) == account.key:
                    del self.by_identifier[account.exchange, name, value]
            self.judge_anew()  # a sum that it belongs to, or no longer does, is another figure now
            self.read_counts.pop(account.exchange, None)
        self._name(account)
        self.plans.pop(account.key, None)
        self._forget_parts()

    def forget(self, account: Account) -> None:
        """An account is no longer stored. It belonged to no sum any more."""
        key, exchange = account.key, account.exchange
        self.gone.discard(key)
        for wallet in {*self.wallets.pop(key, ()), *self.valued.pop(key, ())}:
            self.judged.discard((key, wallet))
            if exchange in self.unread:
                self.unread[exchange].discard((key, wallet))
        self.plans.pop(key, None)
        self.read_counts.pop(exchange, None)
        left = [other for other in self.by_exchange[exchange] if other != key]
        if left:
            self.by_exchange[exchange] = left
        else:
            del self.by_exchange[exchange]
        for name, value in _identifiers(account):
            if self.by_identifier.get((exchange, name, value)) == key:
                del self.by_identifier[exchange, name, value]
        if self.contested:  # what it was called may be the name of another one that is left
            others = [self._world.accounts[other] for other in left]
            for other in sorted(others, key=lambda one: (one.present, one.key)):
                self._name(other)

    def holds(self, account: int, wallet: str) -> None:
        """Quantities of a wallet are stored."""
        wallets = self.wallets.get(account, ())
        if wallet not in wallets:
            self.wallets[account] = (*wallets, wallet)
            if self._world.accounts[account].master:  # a sub-account's wallets are those of the file
                self._forget_parts()

    def is_valued(self, account: int, wallet: str) -> None:
        """A valuation of a wallet is stored."""
        wallets = self.valued.get(account, ())
        if wallet not in wallets:
            self.valued[account] = (*wallets, wallet)
            if self._world.accounts[account].master:  # a sub-account's wallets are those of the file
                self._forget_parts()

    def moved(self, part: tuple[int, str], before: Holding | None, holding: Holding) -> None:
        """A wallet holds something else, perhaps: sums that it belongs to are others now."""
        if not self.sums:
            return
        assets: list[str] | None = None
        # Once a wallet was seen completely, what is absent is zero: then all figures are others.
        alike = before is not None and (before.whole_ms is None) == (holding.whole_ms is None)
        if before is not None and alike and before.fields == holding.fields:
            old, new = before.rows, holding.rows
            if old is new:
                return
            assets = [*differing(old, new), *(asset for asset in old if asset not in new)]
        for sums in self.sums.values():
            if not sums.valued:
                sums.moved(part, assets)

    def revalued(self, part: tuple[int, str], before: Valuation | None, valuation: Valuation) -> None:
        """A wallet is worth something else, perhaps."""
        if before is None or before.values != valuation.values:
            for sums in self.sums.values():
                if sums.valued:
                    sums.moved(part, None)

    def due(self, at_ms: int) -> None:
        """Something is due by time alone: the next tick from then on must look."""
        self.next_due_ms = min(self.next_due_ms, at_ms)

    def scan_due(self, at_ms: int) -> None:
        """Somebody may have been silent for too long by then."""
        self.next_scan_ms = min(self.next_scan_ms, at_ms)
        self.due(at_ms)

    def open(self, alert: Alert) -> None:
        """An alert is open."""
        self.ids.add(alert.id)
        self.ended_ids.pop(alert.id, None)
        subject = alert.key.subject
        keys = self.open_of.setdefault((subject.exchange, subject.account), set())
        if alert.key in keys:
            return
        keys.add(alert.key)
        if subject.account is None:
            self.expect_nothing()
        else:
            self._expect_no_more(subject.account)

    def ended(self, alert: Alert, now_ms: int, keep_ms: int) -> None:
        """An alert is no longer open. Its id is free again `keep_ms` from now, when its record is forgotten, too."""
        key = alert.key
        for ident, ended_ms in list(islice(self.ended_ids.items(), FREED_AT_ONCE)):
            if ended_ms >= now_ms - keep_ms:
                break
            del self.ended_ids[ident]
            self.ids.discard(ident)
        self.ended_ids[alert.id] = now_ms
        place = (key.subject.exchange, key.subject.account)
        keys = self.open_of.get(place)
        if keys is not None:
            keys.discard(key)
            if not keys:
                del self.open_of[place]

    def expect_nothing(self) -> None:
        """Nothing of what was told is expected again."""
        self.epoch = object()

    def _expect_no_more(self, account: int) -> None:
        for wallet in self.wallets.get(account, ()):
            holding = self._world.holdings.get((account, wallet))
            if holding is not None:
                expect_no_more(holding)

    def _forget_parts(self) -> None:
        self.asked.clear()
        self.parts.clear()
        self.sums.clear()
        self.unknown_part.clear()
        self.uncovered.clear()
        self.unreckoned = True

    def _name(self, account: Account) -> None:
        for name, value in _identifiers(account):
            owner = self.by_identifier.get((account.exchange, name, value))
            self.contested |= owner not in {None, account.key}
            if self.contested and owner != account.key:
                self.expect_nothing()  # who is meant by this name may be another now
            taken = owner is not None and owner != account.key and self._world.accounts[owner].present
            if account.present or not taken:
                self.by_identifier[account.exchange, name, value] = account.key


def expect_no_more(holding: Holding) -> None:
    """What the holding's last reading told is not expected again."""
    if holding.source is not None:
        holding.source.holding = None


def _identifiers(account: Account) -> list[tuple[str, str]]:
    if account.master:
        return [("master", "")]
    identity = account.identity
    pairs = (("id", identity.venue_id), ("email", identity.email), ("name", identity.name))
    return [(kind, value) for kind, value in pairs if value]
