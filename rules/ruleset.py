"""What the user wrote, as core values: settings, exchanges, notifiers and rules. Never a secret, never a URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from rules.patterns import EVERYTHING, Patterns
from rules.types.base import Spec
from rules.words import Severity

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Settings:
    """`[daemon]`, as far as the engine and the messages need it. `notify=None` means all notifiers.

    `title_template` and `body_template` are the user's own words, "" the built-in ones.
    """

    notify: tuple[str, ...] | None = None
    poll_every_ms: int = MINUTE_MS
    stale_after_ms: int = 5 * MINUTE_MS
    repeat_every_ms: int = 4 * HOUR_MS
    repeat_max_ms: int = DAY_MS
    gather_ms: int = 15_000
    give_up_after_ms: int = DAY_MS
    retention_ms: int = 90 * DAY_MS
    timezone: str = "UTC"
    public_url: str = ""
    title_template: str = ""
    body_template: str = ""


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """One `[[exchange]]` as the engine needs it.

    `read` holds the words of the file. `wallets` are the wallets read of a sub-account. `own_call` tells
    whether the venue has a call about one account, which must deny it before it counts as gone (law 2).
    `lists_all_assets` is False where only the end of a complete pass proves an absence (Bitget).
    `read_us` is the lawful time of one account's reading at the budget, in microseconds. `shares_with` are the other
    exchanges whose readings take their turns with these: they have the same key.
    """

    name: str
    kind: str
    poll_every_ms: int
    read: tuple[str, ...]
    wallets: tuple[str, ...]
    quote: str = "USDT"
    accounts: Patterns = EVERYTHING
    confirm: int = 2
    own_call: bool = True
    lists_all_assets: bool = True
    read_us: int = 25_000
    shares_with: tuple[str, ...] = ()
    not_watched: tuple[str, ...] = ()
    master_not_watched: tuple[str, ...] = ()

    def unwatched(self, *, master: bool) -> tuple[str, ...]:
        """The wallets of a sub-account, or of the master, that nobody reads."""
        return self.master_not_watched if master else self.not_watched


@dataclass(frozen=True, slots=True)
class NotifierSettings:
    """One `[[notifier]]` as the engine needs it: whom to tell of what."""

    name: str
    min_severity: Severity = Severity.WARNING
    send_resolved: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[rule]]`. `notify=None` means all notifiers, `()` a trial that tells nobody.

    `valued` tells that it judges the venue's own valuation and not a quantity.
    """

    name: str
    type: str
    spec: Spec
    exchange: Patterns = EVERYTHING
    account: Patterns = EVERYTHING
    wallet: Patterns | None = None
    asset: Patterns = EVERYTHING
    severity: Severity = Severity.WARNING
    confirm: int = 2
    for_ms: int = 0
    keep_firing_ms: int = 0
    repeat_every_ms: int | None = None
    notify: tuple[str, ...] | None = None
    runbook: str = ""
    description: str = ""
    enabled: bool = True
    sum_over: frozenset[str] = frozenset()
    escalate_after_ms: int | None = None
    escalate_to: tuple[str, ...] = ()
    key: str = field(init=False, compare=False)
    valued: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        wallet = "" if self.wallet is None else str(self.wallet)
        parts = (self.name, self.type, str(getattr(self.spec, "field", "")), wallet)
        # A changed type, field or wallet, or a new name, is a new rule: they are the rule's identity.
        object.__setattr__(self, "key", "|".join(parts))
        object.__setattr__(self, "valued", parts[2] == "value")


@dataclass(frozen=True, slots=True)
class Allow:
    """One `[[allow]]`: a standing exception for an amount that the `unexpected_*` rules would tell.

    `wallet` of None is any. `until_ms` of None is without an end.
    """

    name: str
    field: str
    up_to: Decimal
    exchange: Patterns = EVERYTHING
    account: Patterns = EVERYTHING
    wallet: Patterns | None = None
    asset: Patterns = EVERYTHING
    until_ms: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Expect:
    """One `[[expect]]`: a declared movement of `amount`, give or take `tolerance`, which one movement consumes.

    `giver` and `taker` are patterns over accounts (the master must be named); None is "external", outside of
    the exchange. At least one is an account. It is told as missing at `due_ms`; one that comes later ends that.
    """

    name: str
    asset: str
    amount: Decimal
    due_ms: int
    giver: Patterns | None
    taker: Patterns | None
    exchange: Patterns = EVERYTHING
    tolerance: Decimal = Decimal(0)
    reason: str = ""

    @property
    def key(self) -> str:
        """Another asset, amount, due time or account is another declaration."""
        return "|".join(map(str, (self.name, self.asset, self.amount, self.due_ms, self.giver, self.taker)))


@dataclass(frozen=True, slots=True)
class BooksSettings:
    """One `[[books]]` as the engine needs it: its name, and how often it is read at least."""

    name: str
    every_ms: int = 5 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Weekly:
    """A window that comes every week: on `days` (0 is Monday) from `start` to `end`, minutes of the local day.

    An `end` at or before `start` lies on the day after. `timezone` is an IANA name.
    """

    days: frozenset[int]
    start_minute: int
    end_minute: int
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Silence:
    """Do not tell for a while: one `[[silence]]`, or one that a person made with a command.

    Either `until_ms` or `weekly` bounds it; a person's may instead last until the alert `until_resolved` ends.
    `id` is the name in the file, `S…` for a person's.
    """

    id: str
    reason: str
    by: str
    rule: Patterns = EVERYTHING
    exchange: Patterns = EVERYTHING
    account: Patterns = EVERYTHING
    asset: Patterns = EVERYTHING
    severities: frozenset[Severity] = frozenset(Severity)
    from_ms: int = 0
    until_ms: int | None = None
    weekly: Weekly | None = None
    until_resolved: str = ""


@dataclass(frozen=True, slots=True)
class SilenceMade:
    """A person silenced something: an input of the engine like any other."""

    at_ms: int
    silence: Silence


@dataclass(frozen=True, slots=True)
class Ruleset:
    """One accepted file with its includes. `sources` are the texts it came from, `digest` names them."""

    settings: Settings = Settings()
    exchanges: Mapping[str, ExchangeSettings] = field(default_factory=dict)
    notifiers: Mapping[str, NotifierSettings] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    allows: tuple[Allow, ...] = ()
    silences: tuple[Silence, ...] = ()
    expects: tuple[Expect, ...] = ()
    books: tuple[BooksSettings, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    digest: str = ""


def heard_by(ruleset: Ruleset, wanted: tuple[str, ...] | None, severity: Severity) -> list[str]:
    """Those of the wanted notifiers (None: all) that take this severity, in the order of the file."""
    return [
        notifier.name
        for notifier in ruleset.notifiers.values()
        if (wanted is None or notifier.name in wanted) and severity.rank >= notifier.min_severity.rank
    ]


@dataclass(frozen=True, slots=True)
class RulesAccepted:
    """A rules file came into force: an input of the engine like any other."""

    at_ms: int
    ruleset: Ruleset
