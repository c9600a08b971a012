"""The inputs of the engine: what was read, what failed, what is listed, and the identities they speak of.

Every class here is a value. Times are integer milliseconds of UTC since the epoch (`*_ms`), amounts are the
venue's own text until they are compared (law 9), and nothing unknown is ever written as a zero (law 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self, TypeAlias

from rules.words import MASTER, Severity

__all__ = [
    "MASTER",
    "MASTER_IDENTITY",
    "Acked",
    "ClockSeen",
    "Contents",
    "Covers",
    "DeliveryDied",
    "DeliveryWorks",
    "Failure",
    "FailureKind",
    "Identity",
    "ListedAccount",
    "Listing",
    "Maintenance",
    "MasterSeen",
    "Noted",
    "Pass",
    "Reading",
    "Row",
    "RulesRejected",
    "Severity",
    "SilenceEnded",
    "Start",
    "Tick",
]

Row: TypeAlias = "tuple[str | None, ...]"
"""One asset's quantities as text, in the order of its reading's `fields`.

`None` is a field the venue did not give; `""` is a field the venue gave as not known.
"""


class Covers(StrEnum):
    """What a reading proves about assets that it does not name."""

    ALL = "all"  # an asset without a row is held at zero (law 4)
    NAMED = "named"  # nothing: Bitget's rows prove only the coins they name (law 3)


class FailureKind(StrEnum):
    """Why a call told nothing, which is also what happens next."""

    TRANSIENT = "transient"  # retried with backoff
    LIMITED = "limited"  # the venue said 429: this endpoint waits
    BANNED = "banned"  # the venue said 418, or its like: everything of this exchange waits
    MAINTENANCE = "maintenance"  # announced by the venue
    CLOCK = "clock"  # the venue refuses our time even after it was learned again
    KEY = "key"  # the key, its rights or the account mode is refused: this exchange stops
    ENDPOINT = "endpoint"  # this endpoint alone is refused: go on without it
    DENIED = "denied"  # the venue says that this account does not exist
    ACCOUNT = "account"  # this account alone cannot be read
    MALFORMED = "malformed"  # an answer that cannot be trusted


@dataclass(frozen=True, slots=True)
class Identity:
    """How a venue names one account.

    `venue_id` is stable where there is one; `email` and `name` may change under it; `alias` is the free
    text some venues keep beside them.
    """

    venue_id: str | None = None
    email: str | None = None
    name: str | None = None
    alias: str | None = None

    @property
    def label(self) -> str:
        """The identifier that people read."""
        return self.email or self.name or self.alias or self.venue_id or "?"

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Every name that a pattern may meet."""
        return tuple(x for x in (self.email, self.name, self.alias, self.venue_id) if x)


MASTER_IDENTITY = Identity(name=MASTER)


@dataclass(slots=True)
class Contents:
    """What a venue tells of one wallet of one account, whenever it does. Nobody changes it.

    `rows` maps an asset to its quantities in the order of `fields`. `values` maps a quote coin to the venue's own
    valuation in it; with `fields == ()` there is a valuation only, and nothing is said of quantities.

    A client that receives the very bytes it received before tells the very same object again: by identity everybody
    after it, up to the log, knows that nothing but the time is news. What follows `values` is no part of what is told
    but at hand where the same is told again: `holding` is what the wallet holds since, of the account under the key
    `owner`, where `rules.repeats` expects it again and `epoch` is that of the index; `mark` is the log's own.
    """

    exchange: str
    account: Identity
    wallet: str
    fields: tuple[str, ...]
    rows: Mapping[str, Row]
    covers: Covers = Covers.ALL
    values: Mapping[str, str] | None = None
    holding: Any = field(default=None, init=False, compare=False, repr=False)
    owner: int = field(default=0, init=False, compare=False, repr=False)
    epoch: object = field(default=None, init=False, compare=False, repr=False)
    mark: Any = field(default=None, init=False, compare=False, repr=False)


class Reading(tuple[Contents, int, int]):
    """What one successful call tells of one wallet of one account, and when the call began and ended.

    It is made of the three in a tuple: a NamedTuple takes twice as long, and a large desk tells millions a day.
    """

    __slots__ = ()

    @classmethod
    def of(  # noqa: PLR0913, PLR0917  one argument a member
        cls,
        exchange: str,
        account: Identity,
        wallet: str,
        began_ms: int,
        ended_ms: int,
        fields: tuple[str, ...],
        rows: Mapping[str, Row],
        covers: Covers = Covers.ALL,
        values: Mapping[str, str] | None = None,
    ) -> Self:
        """A reading of contents that nobody keeps to tell them again."""
        return cls((Contents(exchange, account, wallet, fields, rows, covers, values), began_ms, ended_ms))

    def __repr__(self) -> str:
        return f"Reading({super().__repr__()})"

    @property
    def contents(self) -> Contents:
        return self[0]

    @property
    def began_ms(self) -> int:
        return self[1]

    @property
    def ended_ms(self) -> int:
        return self[2]

    @property
    def exchange(self) -> str:
        return self[0].exchange

    @property
    def account(self) -> Identity:
        return self[0].account

    @property
    def wallet(self) -> str:
        return self[0].wallet

    @property
    def fields(self) -> tuple[str, ...]:
        return self[0].fields

    @property
    def rows(self) -> Mapping[str, Row]:
        return self[0].rows

    @property
    def covers(self) -> Covers:
        return self[0].covers

    @property
    def values(self) -> Mapping[str, str] | None:
        return self[0].values


@dataclass(frozen=True, slots=True)
class Failure:
    """One call that told nothing. It changes no balance, no presence and no verdict (law 1).

    `account` is None when the call was not about one account. `until_ms` is the time before which the venue
    wants no call. `stops` says that the whole exchange is stopped until the file or the key changes.
    """

    exchange: str
    at_ms: int
    kind: FailureKind
    reason: str
    account: Identity | None = None
    wallet: str | None = None
    until_ms: int | None = None
    stops: bool = False


@dataclass(frozen=True, slots=True)
class ListedAccount:
    """One row of a listing; `frozen` is None where the list does not tell."""

    identity: Identity
    frozen: bool | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The sub-accounts that exist, as one endpoint (`source`) tells.

    Only a complete listing says that an account is gone (law 2); an incomplete one, with its `reason`, still
    proves the accounts that it names.
    """

    exchange: str
    source: str
    began_ms: int
    ended_ms: int
    complete: bool
    accounts: tuple[ListedAccount, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Pass:
    """The end of one walk over all pages of a venue that lists balances, not accounts (Bitget).

    `seen` maps the venue id of each account met to the assets that its rows named. Only a complete pass says
    that an asset or an account was absent.
    """

    exchange: str
    wallet: str
    began_ms: int
    ended_ms: int
    complete: bool
    fields: tuple[str, ...]
    seen: Mapping[str, frozenset[str]]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MasterSeen:
    """What the venue tells of the key: whose it is and what it may do beyond reading.

    `master_id` is None where the venue does not tell; `rights` names each right beyond reading in the
    venue's words; `ip_bound` is None where the venue does not tell.
    """

    exchange: str
    at_ms: int
    master_id: str | None
    rights: tuple[str, ...] = ()
    ip_bound: bool | None = None


@dataclass(frozen=True, slots=True)
class ClockSeen:
    """By how much this machine's clock is behind (positive) or ahead (negative) of the venue's."""

    exchange: str
    at_ms: int
    offset_ms: int


@dataclass(frozen=True, slots=True)
class Maintenance:
    """The venue announces that it is, or no longer is, under maintenance."""

    exchange: str
    at_ms: int
    active: bool
    reason: str = ""
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """The daemon started, or its clock was set: what was before does not count for `for`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went on and nothing arrived: what is due by time alone comes about here."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Acked:
    """A person has seen an alert: no more reminders and no escalation; the end is still told."""

    at_ms: int
    alert: str
    by: str


@dataclass(frozen=True, slots=True)
class Noted:
    """A person wrote down something about an alert, for whoever looks at it next."""

    at_ms: int
    alert: str
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class SilenceEnded:
    """A person ended a silence before its time."""

    at_ms: int
    silence: str
    by: str


@dataclass(frozen=True, slots=True)
class DeliveryDied:
    """A message was given up: what it carried did not reach its notifier."""

    at_ms: int
    notifier: str
    message: str
    count: int  # of the notifications it carried
    reason: str


@dataclass(frozen=True, slots=True)
class DeliveryWorks:
    """A notifier that had been given up took a message again."""

    at_ms: int
    notifier: str


@dataclass(frozen=True, slots=True)
class RulesRejected:
    """A rules file was refused; the accepted one stays in force (law 10)."""

    at_ms: int
    where: str  # file and line
    reason: str
