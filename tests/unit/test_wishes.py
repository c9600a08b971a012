"""What reconciliation wishes for: one call at a time, merged while they wait, each movement told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from daemon.exchanges.base import Span
from daemon.wishes import Wishes
from rules.model import MASTER_IDENTITY, Failure, FailureKind, Identity
from rules.outcome import HistoryWanted, PricesWanted
from rules.ruleset import ExchangeSettings
from rules.statements import MovementKind, Prices, Transfer, Transfers
from tests.engine import binance

GIVER = Identity(email="a@x")


def transfer(ident: str) -> Transfer:
    return Transfer(ident, MovementKind.INTERNAL, "USDT", "1", 5, GIVER, MASTER_IDENTITY)


def history(*idents: str, reason: str = "") -> Transfers:
    moved = tuple(transfer(ident) for ident in idents)
    return Transfers("x", "transfers", 0, 1, 0, 10, not reason, moved, reason)


@dataclass
class Venue:
    """Answers what it is told to, when it is let go on."""

    answers: list[list[Any]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    asked: list[tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)

    async def history(self, span: Span) -> AsyncIterator[Any]:
        self.spans.append(span)
        await self.free.wait()
        for answer in self.answers.pop(0) if self.answers else []:
            yield answer

    async def prices(self, assets: tuple[str, ...], quotes: tuple[str, ...]) -> AsyncIterator[Any]:
        self.asked.append((assets, quotes))
        await self.free.wait()
        yield Prices("x", 0, 1, {})


@dataclass
class Asker:
    """A poller that keeps what it takes."""

    venue: Any
    settings: ExchangeSettings = field(default_factory=lambda: binance("x"))
    halted: str = ""
    taken: list[Any] = field(default_factory=list)

    async def take(self, answers: AsyncIterator[Any], call: str) -> None:
        async for answer in answers:
            self.taken.append(answer)

    def identity_of(self, key: int) -> Identity | None:
        return {1: GIVER, 2: MASTER_IDENTITY}.get(key)


def wanted(*accounts: int, from_ms: int = 0, until_ms: int = 10) -> HistoryWanted:
    return HistoryWanted("x", accounts, ("USDT",), from_ms, until_ms)


async def settled(wishes: Wishes) -> None:
    async with asyncio.timeout(10):
        while wishes._tasks:  # noqa: ASYNC110  tasks of others
            await asyncio.sleep(0)


async def test_wishes_that_wait_become_one() -> None:
    venue = Venue()
    wishes = Wishes(Asker(venue), 0)
    wishes.history(wanted(1))
    await asyncio.sleep(0)
    wishes.history(wanted(1, from_ms=5, until_ms=20))
    wishes.history(wanted(2, 99, from_ms=3, until_ms=15))
    venue.free.set()
    await settled(wishes)
    assert venue.spans == [Span(0, 10, (GIVER,)), Span(3, 20, (GIVER, MASTER_IDENTITY))]


async def test_prices_that_wait_become_one() -> None:
    venue = Venue()
    asker = Asker(venue)
    wishes = Wishes(asker, 0)
    wishes.prices(PricesWanted("x", ("BTC",), ("USDT",)))
    await asyncio.sleep(0)
    wishes.prices(PricesWanted("x", ("ETH",), ("USDT",)))
    wishes.prices(PricesWanted("x", ("BTC",), ("BTC",)))
    venue.free.set()
    await settled(wishes)
    assert venue.asked == [(("BTC",), ("USDT",)), (("BTC", "ETH"), ("BTC", "USDT"))]
    assert len(asker.taken) == 2


async def test_a_movement_is_told_once_until_the_rules_are_others() -> None:
    venue = Venue([[history("1")], [history("1", "2")], [history("1", "2")], [history("1", "2")]])
    venue.free.set()
    asker = Asker(venue)
    wishes = Wishes(asker, 0)
    for told in (["1"], ["1", "2"], ["1", "2"]):
        wishes.history(wanted(1))
        await settled(wishes)
        assert [one.id for answer in asker.taken for one in answer.transfers] == told
    wishes.anew()
    wishes.history(wanted(1))
    await settled(wishes)
    assert len([one for answer in asker.taken for one in answer.transfers]) == 4


async def test_a_refused_history_is_handed_on_as_a_failure_and_nothing_else() -> None:
    failure = Failure("x", 1, FailureKind.ENDPOINT, "refused")
    venue = Venue([[failure, history(reason="refused")]])
    venue.free.set()
    asker = Asker(venue)
    wishes = Wishes(asker, 0)
    wishes.history(wanted(1))
    await settled(wishes)
    assert asker.taken == [failure]


async def test_a_halted_exchange_is_asked_nothing() -> None:
    venue = Venue()
    wishes = Wishes(Asker(venue, halted="the key is refused"), 0)
    wishes.history(wanted(1))
    wishes.prices(PricesWanted("x", ("BTC",), ("USDT",)))
    await asyncio.sleep(0)
    assert (venue.spans, venue.asked) == ([], [])


async def test_a_fault_of_ours_ends_one_wish_and_not_the_next() -> None:
    venue = Venue([[history("1")]])
    venue.free.set()
    asker = Asker(venue)
    wishes = Wishes(asker, 0)
    asker.identity_of = None  # type: ignore[method-assign,assignment]
    wishes.history(wanted(1))
    await settled(wishes)
    del asker.identity_of
    wishes.history(wanted(1))
    await settled(wishes)
    assert len(asker.taken) == 1


async def test_closing_ends_what_is_under_way() -> None:
    venue = Venue()
    wishes = Wishes(Asker(venue), 0)
    wishes.history(wanted(1))
    await asyncio.sleep(0)
    await wishes.close()
    assert not wishes._tasks
