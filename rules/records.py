"""The records of the World: accounts, holdings, exchanges and open alerts, each an immutable value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from rules.facts import Facts
from rules.model import Contents, Identity, Row, Severity


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
    whether anything was held at the last complete look that is settled; None is not known; `emptied_ms` is
    the first look that found nothing held, until that is settled. `gone_ms` is when an account that is gone, or
    whose exchange left the file, was last spoken of.
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
    emptied_ms: int | None = None
    failing_since_ms: int | None = None
    failing_reason: str = ""
    gone_ms: int | None = None

    @property
    def label(self) -> str:
        """The identifier that people read."""
        return self.identity.label


@dataclass(slots=True)
class Holding:
    """The last known quantities of one wallet of one account. Only `rules.repeats` writes to one: its times alone.

    `source` is what the last reading told: by the identity of its rows it is known that nothing moved. `rows` are
    those, plus zero rows of assets that were held before and are now absent. `whole_ms` is the end of the last
    reading, or pass, that proved absences; None before the first.
    """

    fields: tuple[str, ...]
    rows: Mapping[str, Row]
    source: Contents | None
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

    `trouble` is the reason of the last failure, "" after a success; `stopped` says why no call is made until
    the key or the file changes. `up_since_ms` is the first success after a gap. `last_success_ms` is written
    once in STORED_EVERY_MS; to the millisecond it is in the index while the daemon runs.
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
    maintenance_ended_ms: int | None = None
    clock_offset_ms: int = 0
    rights: tuple[str, ...] = ()

    @property
    def listings_done(self) -> bool:
        """Whether it is known, by any complete look, which accounts there are."""
        return self.passes > 0 or any(listing.ended_ms is not None for listing in self.listings.values())


@dataclass(frozen=True, slots=True)
class Amounts:
    """What one look tells of an amount on its way; None is not known."""

    withdrawing: Decimal | None
    free: Decimal | None
    total: Decimal | None


@dataclass(frozen=True, slots=True)
class Course:
    """The way that a withdrawing amount takes, from look to look.

    `last` is the last look that qualified, `after` the first clear one since. The others add up what became
    of it in the steps before `last`.
    """

    last: Amounts
    after: Amounts | None = None
    completed: Decimal = Decimal(0)
    cancelled: Decimal = Decimal(0)
    unclear: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Note:
    """What a person wrote about an alert: one line."""

    at_ms: int
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One open alert, pending or firing, with the counters of its life.

    `runs` counts the readings in a row that qualified for each severity (info, warning, critical),
    `clear_run` those in a row that were clear. `counted_ms` is the end of the last counted reading: a
    reading that began before it is no new evidence. `held_ms` adds up for `for`. `told` names the notifiers
    that have a firing notification. `held` waits for the digest of a first judgement. `note` is the last one.
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
    escalate_at_ms: int | None = None  # None: no escalation, or it was told
    course: Course | None = None  # of a withdrawal
    note: Note | None = None
    told_value: str = ""  # of a break: its figure when it fired, or when it was last raised
    grown_run: int = 0  # looks in a row at which it is a multiple of that


@dataclass(frozen=True, slots=True)
class TrailPoint:
    """A past figure and the end of the last reading that showed it.

    Of a `runway` only the first is a figure, made of so many `parts`; the others are what fell in a stretch of
    time that ended at `last_ms` and was observed for `seen_ms`.
    """

    value: str
    last_ms: int
    seen_ms: int = 0
    parts: int = 0


@dataclass(frozen=True, slots=True)
class Blind:
    """The accounts in which one subject of a rule is unknown although they are read.

    `reason` says why where that is not that the venue does not give it.
    """

    since_ms: int
    accounts: frozenset[int]
    reason: str = ""
