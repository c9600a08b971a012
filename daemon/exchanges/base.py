"""The one shape of a venue's client: what the poller asks of it and what it may answer.

A client answers with inputs of the engine only. Whatever goes wrong at the venue is a `Failure`, classified
by the facts of that venue; nothing is raised for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from rules.model import ClockSeen, Failure, Identity, Listing, Maintenance, MasterSeen, Pass, Reading
from rules.statements import Prices, Transfers

Answer: TypeAlias = (
    Reading | Failure | Listing | Pass | MasterSeen | ClockSeen | Maintenance | Transfers | Prices
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets of one exchange. Never printed: `repr` shows nothing of them."""

    api_key: str
    api_secret: str
    passphrase: str = ""

    def __repr__(self) -> str:
        return "Credentials(…)"


@dataclass(frozen=True, slots=True)
class Task:
    """One unit of reading. `pool` names the rate limit it draws on: tasks of one pool queue together.

    `account` is None for a task about all accounts (a Bitget pass, the Binance summary), and MASTER_IDENTITY
    for the master's own. `wallet` is the wallet that a confirming read would name, "" where one call reads
    them all.
    """

    pool: str
    name: str
    account: Identity | None
    wallet: str
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # Thousands of tasks are looked up in many sets at each sweep: the names are hashed once.
        object.__setattr__(self, "_hash", hash((self.pool, self.name, self.account, self.wallet)))

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True, slots=True)
class Span:
    """Which movements are wanted: those of these accounts, the master among them, for `from_ms` ≤ time < `until_ms`."""

    from_ms: int
    until_ms: int
    accounts: tuple[Identity, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """One limit of a venue as it is obeyed: `used` of `slots` are not free now."""

    endpoint: str
    used: int
    slots: int
    window_seconds: float


class Venue(Protocol):
    """One configured exchange, as the poller sees it."""

    async def open(self) -> None:
        """Make the HTTP session. No request yet."""

    async def close(self) -> None:
        """Close the session."""

    def tasks(self, accounts: Sequence[Identity]) -> list[Task]:
        """What one sweep over these sub-accounts consists of, the master's own reads included."""

    def keep_only(self, accounts: Collection[Identity]) -> None:
        """Forget what was said of all other sub-accounts: they are read no more."""

    def width(self, pool: str) -> int:
        """How many tasks of a pool may be under way at once so that its budget can be used."""

    def waiting(self, pool: str) -> int:
        """How many ordinary calls of this exchange wait for a slot of a pool: more of them would change nothing."""

    def when_begun(self, hear: Callable[[int], None]) -> None:
        """Call it whenever one of these no longer waits, with how many still do."""

    def pace(self, *, evenly: bool) -> None:
        """Whether calls about single accounts begin at an even pace; else, and at first, as soon as slots are free."""

    def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]:
        """Do it and yield each answer when it is there (law 5).

        Urgent ones pass the ordinary queue, with at most half of the budget. It may take as long as the venue
        wants: for a slot, for Retry-After, for the end of a ban. Whoever caused such a wait yields a Failure;
        those that come later wait in silence. Cancelling is safe at any time.
        """

    def listing(self) -> AsyncIterator[Answer]:
        """Ask which accounts exist: one `Listing` for each endpoint that tells, or a `Failure`."""

    def examine(self) -> AsyncIterator[Answer]:
        """Ask for the clock, the status of the venue, and the key: whose it is and what it may do."""

    def history(self, span: Span) -> AsyncIterator[Answer]:
        """Ask what moved: one `Transfers` for each history of the venue, incomplete where it lacks anything.

        A refusal concerns that history alone and is told once as a `Failure`.
        """

    def prices(self, assets: Collection[str], quotes: Collection[str]) -> AsyncIterator[Answer]:
        """Ask for the public prices of these assets, and of the quotes, in the quotes. A refusal is told once."""

    def spent(self) -> Mapping[str, object]:
        """Bans and budget use, as JSON values, to be kept across a restart (law 11)."""

    def usage(self) -> tuple[Usage, ...]:
        """Every limit that its calls are counted against, by the name of its endpoint."""

    def restore(self, spent: Mapping[str, object], *, pools: bool = True) -> None:
        """Take up what `spent` gave before the restart; called before the first request."""
