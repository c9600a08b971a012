"""The records of reconciliation in the World: legs, matches, sheets, past figures, declared movements.

Amounts are exact decimal text with their sign. Everything here is bounded by age and by number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class LegKey(NamedTuple):
    """One change of one asset in one wallet, by the end of the reading that showed it."""

    exchange: str
    asset: str
    account: int
    wallet: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Leg:
    """How much a wallet's total changed between two readings: the earlier began at `from_ms`.

    `match` is the movement that it belongs to, "" while it belongs to none. `traded` tells that another asset of
    the account moved the other way in the same reading. `settled` tells that its window is over. `declared` is
    the `[[expect]]` that it consumed, `stated` (source, id) of the venue's own statements that add up to it.
    """

    amount: str
    from_ms: int
    match: str = ""
    traded: bool = False
    settled: bool = False
    declared: str = ""
    stated: tuple[tuple[str, str], ...] = ()


class Proof(NamedTuple):
    """The venue's own statement of a movement, "" for none; and of each account that passed it on, the next one's."""

    ident: str = ""
    chain: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """One movement inside an exchange: what left the `givers` arrived at the `takers`.

    Of more than two legs only the sum tells. `rivals` are other legs that may as well be meant; `proof` is the id of
    the venue's own statement, "" where only amounts tell. Where it was passed on between two readings `chain` names
    each further statement and the label of the account that passed it on. `alerts` are the ids of what was told of it,
    `heard` the notifiers.
    """

    id: str
    givers: tuple[LegKey, ...]
    takers: tuple[LegKey, ...]
    at_ms: int
    rivals: tuple[LegKey, ...] = ()
    proof: str = ""
    alerts: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()
    chain: tuple[tuple[str, str], ...] = ()

    @property
    def proofs(self) -> tuple[str, ...]:
        """The ids of all statements that prove it."""
        return (self.proof, *(ident for ident, _ in self.chain)) if self.proof else ()


class SheetKey(NamedTuple):
    """One sum that should stay zero: a conservation rule, an exchange, an asset."""

    rule: str
    exchange: str
    asset: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a conservation rule knows of one asset beyond the legs that are kept.

    `drift` is what the forgotten legs add up to; `candidates` is the leak that would explain the last `run` sweeps
    where that takes more than one, `early` one whose window is not over, of the last `early_run`; `stood` is the last
    leak that has stood whole, "" for none; `traders` are the accounts whose assets moved against each other; `residual`
    is the sum at the end of the last sweep, and `timing` tells that dated items explain a part of it.
    """

    drift: str = "0"
    candidates: tuple[str, ...] = ()
    run: int = 0
    traders: tuple[int, ...] = ()
    residual: str = "0"
    timing: bool = False
    early: str = ""
    early_run: int = 0
    stood: str = ""


@dataclass(frozen=True, slots=True)
class Round:
    """The sweep of one rule over one exchange that is under way since `began_ms`; the one before began at `before_ms`.

    `since_ms` is when the first one began: legs before that are not counted. `first_ms` is when it ended, 0 until then:
    what the venue states from before that may have been held already where it went, when that was read at first.
    """

    since_ms: int
    began_ms: int
    before_ms: int
    first_ms: int = 0


class PastKey(NamedTuple):
    """The past of one asset in one wallet; an asset of "" is the wallet as such: since when it is known whole."""

    account: int
    wallet: str
    asset: str


@dataclass(frozen=True, slots=True)
class PastPoint:
    """A total that every reading from `first_ms` to `last_ms` showed; the last point goes on to the holding's."""

    value: str
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Declared:
    """What became of one `[[expect]]`: when it was consumed, and by which leg."""

    at_ms: int
    leg: LegKey | None = None


@dataclass(frozen=True, slots=True)
class Failing:
    """Books that cannot be read: since when, how many reads in a row told nothing, and what the last of them said.

    The reads that are told count: the first two, each with another reason, and the first after a start.
    """

    since_ms: int
    reason: str
    reads: int = 1


class ShiftKey(NamedTuple):
    """One account under one composition_shift rule."""

    rule: str
    account: int


MAJOR, NEW, LEFT, WORTH = "major", "new", "left", "worth"
"""What a mark is of."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A past figure that a composition_shift may be measured from, and the end of the last reading that showed it.

    `kind` is "major" (what is left of an asset's total), "new" (an asset never held before), "left" (what a withdrawal
    that ended took) or "worth" (the venue's valuation of a wallet, whose `asset` is "wallet/quote").
    """

    kind: str
    asset: str
    value: str
    last_ms: int
