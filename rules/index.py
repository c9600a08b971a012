"""Ways into the tables of the World that would otherwise need a search. Derived, never stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rules.records import Account, Alert, AlertKey
from rules.ruleset import Rule

if TYPE_CHECKING:  # the World owns its index
    from rules.world import World


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


class Index:
    """Derived from the tables: rebuilt whenever it is asked to, so that a restart and a replay agree.

    `ids` are all alert ids ever given, so that none is given twice; the ended ones come from the database.
    `judged` holds the (account, wallet) pairs read since the rules last changed, `unread` per exchange those
    that a first judgement still waits for. `parts` keeps what each sum is made of, and `unknown_part` one of
    them that was unknown at the last look; `plans` and `filed` are the compiled rules; `contested` tells that
    some name belonged to two accounts; `read_counts` how many accounts of an exchange were looked at,
    and how many of these are read. From `allows_until_ms` on some allow grants nothing any more.
    """

    __slots__ = (
        "_world",
        "allows_until_ms",
        "by_exchange",
        "by_identifier",
        "contested",
        "filed",
        "ids",
        "judged",
        "last_success_ms",
        "next_due_ms",
        "next_scan_ms",
        "open_of",
        "parts",
        "plans",
        "read_counts",
        "rules",
        "unknown_part",
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
        self.by_exchange: dict[str, list[int]] = {}
        self.by_identifier: dict[tuple[str, str, str], int] = {}
        self.contested = False
        self.open_of: dict[tuple[str, int | None], set[AlertKey]] = {}
        self.last_success_ms: dict[str, int] = {}
        self.wallets: dict[int, set[str]] = {}
        self.valued: dict[int, set[str]] = {}
        self.forget_judged()
        for key in sorted(self._world.accounts):
            self.by_exchange.setdefault(self._world.accounts[key].exchange, []).append(key)
        # Of two accounts with one name the one that is there has it, and of two that are, the newer.
        for account in sorted(self._world.accounts.values(), key=lambda one: (one.present, one.key)):
            self._name(account)
        for alert in self._world.alerts.values():
            self.open(alert)
        for table, wallets in ((self._world.holdings, self.wallets), (self._world.valuations, self.valued)):
            for owner, wallet in table:
                wallets.setdefault(owner, set()).add(wallet)

    def forget_judged(self) -> None:
        """After a change of rules every subject is judged anew at its next reading."""
        self.judged: set[tuple[int, str]] = set()
        self.plans: dict[int, object] = {}
        self.unread: dict[str, set[tuple[int, str]]] = {}
        self.parts: dict[AlertKey, tuple[tuple[int, str], ...]] = {}
        self.unknown_part: dict[AlertKey, tuple[int, str]] = {}
        self.read_counts: dict[str, tuple[int, int]] = {}
        self.rules: dict[str, Rule] | None = None
        self.filed: dict[str, object] = {}
        self.allows_until_ms = 0
        self.look_soon()

    def memory(self) -> Memory:
        """What a checkpoint must hold beside the tables."""
        return Memory(
            ids=self.ids.copy(),
            judged=self.judged.copy(),
            unread={name: pairs.copy() for name, pairs in self.unread.items()},
            unknown_part=self.unknown_part.copy(),
            last_success_ms=self.last_success_ms.copy(),
            by_identifier=self.by_identifier.copy(),
            contested=self.contested,
            allows_until_ms=self.allows_until_ms,
            next_due_ms=self.next_due_ms,
            next_scan_ms=self.next_scan_ms,
        )

    def remember(self, memory: Memory) -> None:
        """Derive everything anew from the tables, and know again what they do not tell."""
        self.rebuild()
        self.ids = memory.ids.copy()
        self.judged = memory.judged.copy()
        self.unread = {name: pairs.copy() for name, pairs in memory.unread.items()}
        self.unknown_part = memory.unknown_part.copy()
        self.last_success_ms = memory.last_success_ms.copy()
        self.by_identifier = memory.by_identifier.copy()
        self.contested = memory.contested
        self.allows_until_ms = memory.allows_until_ms
        self.next_due_ms, self.next_scan_ms = memory.next_due_ms, memory.next_scan_ms

    def look_soon(self) -> None:
        """The next tick must look at everything that time alone brings about."""
        self.next_due_ms = 0
        self.next_scan_ms = 0

    def account(self, before: Account | None, account: Account) -> None:
        """Take in a stored account: `before` is what was stored under its key until now."""
        if before is not None and before.identity == account.identity and before.present == account.present:
            return
        if before is None:
            self.by_exchange.setdefault(account.exchange, []).append(account.key)
        else:
            for name, value in _identifiers(before):
                if self.by_identifier.get((account.exchange, name, value)) == account.key:
                    del self.by_identifier[account.exchange, name, value]
            self.judged.clear()  # a sum that it belongs to, or no longer does, is another figure now
            self.read_counts.pop(account.exchange, None)
        self._name(account)
        self.plans.pop(account.key, None)
        self._forget_parts()

    def holds(self, account: int, wallet: str) -> None:
        """Quantities of a wallet are stored."""
        wallets = self.wallets.setdefault(account, set())
        if wallet not in wallets:
            wallets.add(wallet)
            if self._world.accounts[account].master:  # a sub-account's wallets are those of the file
                self._forget_parts()

    def is_valued(self, account: int, wallet: str) -> None:
        """A valuation of a wallet is stored."""
        wallets = self.valued.setdefault(account, set())
        if wallet not in wallets:
            wallets.add(wallet)
            if self._world.accounts[account].master:  # a sub-account's wallets are those of the file
                self._forget_parts()

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
        subject = alert.key.subject
        self.open_of.setdefault((subject.exchange, subject.account), set()).add(alert.key)

    def ended(self, key: AlertKey) -> None:
        """An alert is no longer open."""
        place = (key.subject.exchange, key.subject.account)
        keys = self.open_of.get(place)
        if keys is not None:
            keys.discard(key)
            if not keys:
                del self.open_of[place]

    def _forget_parts(self) -> None:
        self.parts.clear()
        self.unknown_part.clear()

    def _name(self, account: Account) -> None:
        for name, value in _identifiers(account):
            owner = self.by_identifier.get((account.exchange, name, value))
            self.contested = self.contested or owner not in {None, account.key}
            taken = owner is not None and owner != account.key and self._world.accounts[owner].present
            if account.present or not taken:
                self.by_identifier[account.exchange, name, value] = account.key


def _identifiers(account: Account) -> list[tuple[str, str]]:
    if account.master:
        return [("master", "")]
    identity = account.identity
    pairs = (("id", identity.venue_id), ("email", identity.email), ("name", identity.name))
    return [(kind, value) for kind, value in pairs if value]
