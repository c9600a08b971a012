"""What reconciliation wishes to be asked of one venue: histories and prices, one of each at a time.

A wish that comes while another is under way waits, merged with those that wait already: nothing piles up, and
what a client's limits let through decides how soon it is met. Nothing waits for it, and a refusal changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Protocol

import structlog

from daemon.exchanges.base import Answer, Span, Venue
from rules.model import Identity
from rules.outcome import HistoryWanted, PricesWanted
from rules.ruleset import ExchangeSettings
from rules.statements import Transfer, Transfers

log = structlog.get_logger(__name__)

KNOWN_MOST = 20_000
"""Movements that are remembered as told; one beyond is told again, which changes nothing."""


class Asker(Protocol):
    """The poller of the exchange, as the wishes see it."""

    settings: ExchangeSettings
    venue: Venue
    halted: str

    async def take(self, answers: AsyncIterator[Answer], call: str) -> object: ...

    def identity_of(self, key: int) -> Identity | None: ...


class Wishes:
    """Asks the venue of `asker` and hands the answers to it."""

    def __init__(self, asker: Asker, pause_seconds: float) -> None:
        self._asker = asker
        self._exchange = asker.settings.name
        self._pause_seconds = pause_seconds
        self._history: HistoryWanted | None = None
        self._prices: PricesWanted | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._incomplete: dict[str, str] = {}
        self._known: dict[tuple[str, str], Transfer] = {}

    def history(self, wanted: HistoryWanted) -> None:
        """Ask what moved, together with what is wished already."""
        self._history = wanted if self._history is None else _both(self._history, wanted)
        self._start("history", self._ask_histories)

    def prices(self, wanted: PricesWanted) -> None:
        """Ask for prices, together with those that are wished already."""
        if self._prices is not None:
            assets = tuple(sorted({*self._prices.assets, *wanted.assets}))
            quotes = tuple(sorted({*self._prices.quotes, *wanted.quotes}))
            wanted = PricesWanted(wanted.exchange, assets, quotes)
        self._prices = wanted
        self._start("prices", self._ask_prices)

    def anew(self) -> None:
        """Tell every movement again that a history names, because the rules are others now."""
        self._known.clear()

    async def close(self) -> None:
        """Drop what waits and what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, name: str, ask: Callable[[], Awaitable[None]]) -> None:
        if name not in self._tasks and not self._asker.halted:
            self._tasks[name] = asyncio.create_task(self._run(name, ask), name=f"{self._exchange} {name}")

    async def _run(self, name: str, ask: Callable[[], Awaitable[None]]) -> None:
        try:
            await ask()
        except Exception:
            # A job boundary: one wish's fault is on record and stops nothing else.
            log.exception("wish.failed", exchange=self._exchange, wish=name)
        finally:
            self._tasks.pop(name, None)

    async def _ask_histories(self) -> None:
        while self._history is not None:
            wanted, self._history = self._history, None
            named = [self._asker.identity_of(account) for account in wanted.accounts]
            accounts = tuple(dict.fromkeys(one for one in named if one is not None))
            span = Span(wanted.from_ms, wanted.until_ms, accounts)
            await self._asker.take(self._told(self._asker.venue.history(span)), "history")
            # What was just asked is not asked again at once because one more reading came.
            await asyncio.sleep(self._pause_seconds)

    async def _ask_prices(self) -> None:
        while self._prices is not None:
            wanted, self._prices = self._prices, None
            await self._asker.take(self._asker.venue.prices(wanted.assets, wanted.quotes), "prices")

    async def _told(self, answers: AsyncIterator[Answer]) -> AsyncIterator[Answer]:
        """A history names a movement at every call while its window lasts: told, and kept in the log, it is once."""
        async for answer in answers:
            if not isinstance(answer, Transfers):
                yield answer
                continue
            news = self._news(answer)
            self._log(answer, len(news))
            if news:
                yield replace(answer, transfers=news)

    def _news(self, told: Transfers) -> tuple[Transfer, ...]:
        news = tuple(one for one in told.transfers if self._known.get((told.source, one.id)) != one)
        self._known.update({(told.source, one.id): one for one in news})
        for _ in range(len(self._known) - KNOWN_MOST):
            del self._known[next(iter(self._known))]
        return news

    def _log(self, told: Transfers, news: int) -> None:
        """What lasts is said when it begins, changes and ends."""
        before = self._incomplete.get(told.source, "")
        if told.reason != before:
            self._incomplete[told.source] = told.reason
            if told.reason:
                log.info(
                    "history.incomplete", exchange=self._exchange, source=told.source, reason=told.reason
                )
            else:
                log.info("history.complete_again", exchange=self._exchange, source=told.source)
        if news:
            log.info("history.read", exchange=self._exchange, source=told.source, transfers=news)


def _both(one: HistoryWanted, other: HistoryWanted) -> HistoryWanted:
    return HistoryWanted(
        other.exchange,
        tuple(sorted({*one.accounts, *other.accounts})),
        tuple(sorted({*one.assets, *other.assets})),
        min(one.from_ms, other.from_ms),
        max(one.until_ms, other.until_ms),
    )
