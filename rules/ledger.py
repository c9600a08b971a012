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
    the `[[expect]]` that it consumed, `stated` the venue's own movement from or to outside that it is.
    """

    amount: str
    from_ms: int
    match: str = ""
    traded: bool = False
    settled: bool = False
    declared: str = ""
    stated: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """One movement inside an exchange: what left the `givers` arrived at the `takers`.

    `rivals` are other legs of the same amount that may as well be meant; `proof` is the id of the venue's own
    statement, "" where only amounts tell. `alerts` are the ids of what was told of it.
    """

    id: str
    givers: tuple[LegKey, ...]
    takers: tuple[LegKey, ...]
    at_ms: int
    rivals: tuple[LegKey, ...] = ()
    proof: str = ""
    alerts: tuple[str, ...] = ()


class SheetKey(NamedTuple):
    """One sum that should stay zero: a conservation rule, an exchange, an asset."""

    rule: str
    exchange: str
    asset: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What all changes since `since_ms` add up to, known deposits and withdrawals taken out.

    `candidates` are the leaks that would explain the last `run` sweeps, `traders` the accounts whose assets moved
    against each other.
    """

    drift: str = "0"
    since_ms: int = 0
    candidates: tuple[str, ...] = ()
    run: int = 0
    traders: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Round:
    """The sweep of one rule over one exchange that is under way, and when the one before it began."""

    began_ms: int
    before_ms: int = 0
    done: int = 0


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
