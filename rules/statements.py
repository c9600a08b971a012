"""The inputs of reconciliation: what venues state of movements and prices, and what the user's own books state.

Values like those of `rules/model.py`: times are milliseconds of UTC, amounts are the source's own text, and what a
statement leaves out is unknown, never zero and never denied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rules.model import Identity

UNCHANGED_MS = 3_600_000
"""Books that stay the same are told so often: not at every read, for each is kept in the log."""


class MovementKind(StrEnum):
    """Between whom a stated movement went."""

    INTERNAL = "internal"  # between two accounts of one exchange, the master included
    DEPOSIT = "deposit"  # from outside the exchange
    WITHDRAWAL = "withdrawal"  # to outside the exchange


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement that the venue states as done.

    `id` is the venue's own and unique within its `source`. `giver` is None for a deposit, `taker` for a withdrawal.
    A wallet of "" is not told. `fee` is one in the same coin of which the venue does not say whether `amount` holds it;
    "" where there is none, or where `amount` is known to be all that left.
    """

    id: str
    kind: MovementKind
    asset: str
    amount: str
    at_ms: int
    giver: Identity | None
    taker: Identity | None
    giver_wallet: str = ""
    taker_wallet: str = ""
    fee: str = ""


@dataclass(frozen=True, slots=True)
class Transfers:
    """The movements that one of the venue's histories (`source`) states for `from_ms` ≤ time < `until_ms`.

    Only a complete one says that it names every movement of its kind in that window; even so a missing movement
    never unmakes a match by amounts. An incomplete one, with its `reason`, still proves those that it names.
    """

    exchange: str
    source: str
    began_ms: int
    ended_ms: int
    from_ms: int
    until_ms: int
    complete: bool
    transfers: tuple[Transfer, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Prices:
    """The venue's public prices: `prices` maps (base, quote) to the last price of one base in quote.

    `bids` holds what is bid for it where that is less, and "0" where nobody bids; a book that is not told is not there.
    """

    exchange: str
    began_ms: int
    ended_ms: int
    prices: Mapping[tuple[str, str], str]
    bids: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BookRow:
    """One line of the user's books: what an account should hold at `as_of_ms`. A wallet of "" is all that are read.

    `line` is where it stands in the CSV, counted from 1.
    """

    exchange: str
    account: str
    asset: str
    amount: str
    as_of_ms: int
    wallet: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Books:
    """One read of one `[[books]]`. With a `problem` it told nothing, and the last good one stays, with its age.

    Not each read is told: one that says the same at least every UNCHANGED_MS, one that fails the first two times.
    """

    name: str
    at_ms: int
    rows: tuple[BookRow, ...]
    problem: str = ""
