"""What one walk through a venue's history finds, and whether it may be called complete."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol, TypeVar

from daemon.exchanges.calling import Params
from daemon.exchanges.decode import amount
from daemon.exchanges.endpoint import Said
from daemon.exchanges.errors import CallError
from rules.model import FailureKind, Identity
from rules.statements import Transfer, Transfers
from rules.values import EXACT

T = TypeVar("T")

ACCOUNTS_MOST = 500  # asked one by one; who selects more learns that the history is incomplete
ABREAST = 8
PAGES_MOST = 20

TOLD_OF = frozenset(
    {
        FailureKind.ENDPOINT,
        FailureKind.LIMITED,
        FailureKind.BANNED,
        FailureKind.MAINTENANCE,
        FailureKind.CLOCK,
    }
)
"""What is told apart from the incomplete history itself: it concerns more than this one walk."""

_OF_ONE_ACCOUNT = frozenset({FailureKind.DENIED, FailureKind.ACCOUNT})


class Call(Protocol):
    """The one way to ask: `Caller.call`."""

    async def __call__(self, name: str, params: Params, read: Callable[[bytes], T], /) -> Said[T]: ...


@dataclass(frozen=True, slots=True)
class Source:
    """One history and the time that it is asked for; `reason` says why it cannot be complete from the start."""

    name: str
    from_ms: int
    until_ms: int
    reason: str = ""

    def reaching_back(self, lead_ms: int, longest_ms: int) -> Source:
        """As much earlier, because a record may carry the time of its beginning; never longer than the bound."""
        from_ms = max(0, self.from_ms - lead_ms)
        if self.until_ms - from_ms <= longest_ms:
            return replace(self, from_ms=from_ms)
        days = longest_ms // 86_400_000
        return replace(
            self, from_ms=self.until_ms - longest_ms, reason=f"only the last {days} days are asked for"
        )


class Found:
    """The movements found so far, in our own time; the venue's clock is `offset_ms` ahead of ours."""

    def __init__(self, about: Source, offset_ms: int) -> None:
        self.about = about
        self._offset_ms = offset_ms
        self._found: dict[str, Transfer] = {}
        self._reason = about.reason

    @property
    def from_ms(self) -> int:
        """The beginning in the venue's time."""
        return max(0, self.about.from_ms + self._offset_ms)

    @property
    def last_ms(self) -> int:
        """The last millisecond that is wanted, in the venue's time."""
        return self.about.until_ms + self._offset_ms - 1

    def fault(self, reason: str) -> None:
        """Why it is incomplete; the first reason is kept."""
        self._reason = self._reason or reason

    def take(self, transfers: Iterable[Transfer]) -> int:
        """Keep those of the time asked for, each once; returns how many were not met before."""
        news = 0
        for told in transfers:
            transfer = replace(told, at_ms=told.at_ms - self._offset_ms)
            if not self.about.from_ms <= transfer.at_ms < self.about.until_ms:
                continue
            known = self._found.setdefault(transfer.id, transfer)
            news += known is transfer
            if known != transfer:
                self.fault(f"{transfer.id} is told in two ways")
        return news

    def transfers(self, exchange: str, began_ms: int, ended_ms: int) -> Transfers:
        """What is handed on, by time."""
        about = self.about
        return Transfers(
            exchange,
            about.name,
            began_ms,
            ended_ms,
            about.from_ms,
            about.until_ms,
            not self._reason,
            tuple(sorted(self._found.values(), key=lambda one: (one.at_ms, one.id))),
            self._reason,
        )


Walk = Callable[[Found], Awaitable[None]]


async def of_each(
    accounts: Sequence[Identity], found: Found, ask: Callable[[Identity], Awaitable[None]]
) -> None:
    """Ask about accounts one by one, a few abreast. One that the venue denies spoils completeness, not the rest."""
    if len(accounts) > ACCOUNTS_MOST:
        found.fault(f"{len(accounts)} accounts, of which {ACCOUNTS_MOST} are asked about")

    async def guarded(account: Identity) -> None:
        try:
            await ask(account)
        except CallError as error:
            if error.failure.kind not in _OF_ONE_ACCOUNT:
                raise
            found.fault(error.failure.reason)

    for first in range(0, min(len(accounts), ACCOUNTS_MOST), ABREAST):
        some = accounts[first : min(first + ABREAST, ACCOUNTS_MOST)]
        # All are awaited before the first failure is raised: none goes on unseen.
        for outcome in await asyncio.gather(*map(guarded, some), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome


def fee_of(fee: str) -> str:
    """A fee without its sign, "" for none: venues tell it as a negative amount or a positive one."""
    cost = amount(fee or "0").removeprefix("-")
    return cost if cost.strip("0.") else ""


def with_fee(left: str, fee: str) -> str:
    """What a withdrawal took out of the account, where the venue's page says that the fee comes on top."""
    cost = amount(fee or "0").removeprefix("-")
    return (
        amount(left) if not cost.strip("0.") else format(EXACT.add(Decimal(amount(left)), Decimal(cost)), "f")
    )
