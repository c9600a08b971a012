"""A venue's client as the poller sees it: the Protocol of base.py over the calls of calling.py."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Collection,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from daemon.exchanges.base import Answer, Span, Task, Usage
from daemon.exchanges.calling import Caller, Params
from daemon.exchanges.errors import CallError
from daemon.exchanges.found import TOLD_OF, Found, Source, Walk
from daemon.exchanges.gates import Gate
from daemon.exchanges.memo import Memo
from daemon.exchanges.prices import ReadPrices
from daemon.exchanges.restart import Record
from rules.model import MASTER_IDENTITY, ClockSeen, Contents, Identity
from rules.statements import Prices

SLOW_SECONDS = 5  # answers that take so long still leave no slot unused
WIDEST = 200  # connections of one exchange; a process may commonly have 1,024 open files

Ask = Callable[[], Coroutine[Any, Any, Answer]]
"""One call, and what it answers. Raises CallError."""


class Client(Caller):
    """What the three venues have in common. A venue adds its tasks, its listing and its look at the key."""

    ACCOUNTS_POOLS: ClassVar[frozenset[str]]  # with one task per account: many go at once
    READ_PRICES: ClassVar[ReadPrices]  # the answer of the endpoint "prices"
    PRICES_OF: ClassVar[Params] = ()  # which markets the endpoint "prices" is asked for

    @abstractmethod
    def perform(self, task: Task, *, urgent: bool = False) -> AsyncIterator[Answer]: ...

    @abstractmethod
    def _listing(self) -> AsyncGenerator[Answer, None]: ...

    @abstractmethod
    def _examine(self) -> AsyncGenerator[Answer, None]:
        """After the clock: the status of the venue, and the key."""

    @abstractmethod
    def _history(self, span: Span) -> AsyncGenerator[Answer, None]:
        """One `Transfers` per history, each by `_walked`."""

    def _remembered(self) -> Sequence[Memo[Any, Contents]]:
        """The last bodies of wallets, each under the name by which its account is called, "" for the master."""
        return ()

    def keep_only(self, accounts: Collection[Identity]) -> None:
        labels = {"", MASTER_IDENTITY.label, *(account.label for account in accounts)}
        self._tries = {key: tries for key, tries in self._tries.items() if key[1] in labels}
        names = {"", *(name for account in accounts for name in (account.email, account.name) if name)}
        for memo in self._remembered():
            memo.keep_only(names)

    async def open(self) -> None:
        await self._http.open()

    async def close(self) -> None:
        await self._http.close()
        self._shared.leave(self)

    def width(self, pool: str) -> int:
        """Enough calls under way for answers that take some seconds; a task over all accounts goes alone."""
        if pool not in self.ACCOUNTS_POOLS:
            return 1
        known = self._pools[pool]
        rate = known.slots / known.window_seconds
        return max(2, min(known.slots, int(rate * SLOW_SECONDS) + 2, WIDEST))

    def waiting(self, pool: str) -> int:
        return self._waiting[pool]

    def when_begun(self, hear: Callable[[int], None]) -> None:
        self._on_begun = hear

    def pace(self, *, evenly: bool) -> None:
        for name in self.ACCOUNTS_POOLS:
            users = self._pools[name].evenly
            (users.add if evenly else users.discard)(self)

    def listing(self) -> AsyncIterator[Answer]:
        return self._answers(self._listing())

    async def examine(self) -> AsyncIterator[Answer]:
        """Asks also while the exchange is stopped: this is how a mended key is found."""
        self._stopped = None
        async for answer in self._answers(self._clock_and_key()):
            yield answer

    def history(self, span: Span) -> AsyncIterator[Answer]:
        return self._answers(self._history(span))

    def prices(self, assets: Collection[str], quotes: Collection[str]) -> AsyncIterator[Answer]:
        return self._answers(self._prices(assets, quotes))

    async def _prices(self, assets: Collection[str], quotes: Collection[str]) -> AsyncGenerator[Answer, None]:
        if self._refused("prices"):
            return

        read = partial(self.READ_PRICES, assets=frozenset(assets), quotes=frozenset(quotes))
        try:
            said = await self.call("prices", self.PRICES_OF, read)
        except CallError as error:
            if self._is_news("prices", error.failure):
                yield error.failure
            return
        yield Prices(self.name, said.began_ms, said.ended_ms, *said.value)

    async def _walked(self, name: str, about: Source, walk: Walk) -> AsyncGenerator[Answer, None]:
        """One history, walked by `walk`: what it named stands also where the walk came to no end."""
        found, began_ms = Found(about, self._clock.offset_ms), self._now_ms()
        if self._refused(name):
            found.fault("the venue refused this history not long ago")
        else:
            try:
                await walk(found)
            except CallError as error:
                found.fault(error.failure.reason)
                if error.failure.kind in TOLD_OF and self._is_news(name, error.failure):
                    yield error.failure
        yield found.transfers(self.name, began_ms, self._now_ms())

    def _single(self, ask: Ask) -> AsyncIterator[Answer]:
        """As `_answers`, of a task that has one answer."""
        return _Single(partial(self._answer, ask))

    async def _answer(self, ask: Ask) -> Answer:
        if self._stopped is not None:
            return replace(self._stopped, at_ms=self._now_ms())
        try:
            return await ask()
        except CallError as error:
            return error.failure

    async def _answers(self, answers: AsyncGenerator[Answer, None]) -> AsyncIterator[Answer]:
        async with aclosing(answers):
            if self._stopped is not None:
                yield replace(self._stopped, at_ms=self._now_ms())
                return
            try:
                async for answer in answers:
                    yield answer
            except CallError as error:
                yield error.failure

    async def _clock_and_key(self) -> AsyncGenerator[Answer, None]:
        await self._clock.relearn(self._clock.generation)
        yield ClockSeen(self.name, self._now_ms(), self._clock.offset_ms)
        async with aclosing(self._examine()) as answers:
            async for answer in answers:
                yield answer

    def spent(self) -> Mapping[str, object]:
        """The same as last time while nothing was called, answered or freed: its count stays true until its end."""
        now, now_ms = self._timeline.time(), self._now_ms()

        def at_ms(seconds: float) -> int:
            return now_ms + int((seconds - now) * 1000)

        holds = {name: at_ms(gate.until) for name, gate in self._gates() if gate.until > now}
        used = {name: slots for name, pool in self._pools.items() if (slots := pool.used)}
        moves = sum(pool.moves for pool in self._pools.values())
        # Where the wall clock was set, ages are reckoned from it as it is now.
        known = (self._worked, used, moves, tuple(holds), (now_ms - int(now * 1000)) // 1000)
        if holds or known != self._known:
            frees = {
                name: [(calls, at_ms(until)) for calls, until in self._pools[name].frees()] for name in used
            }
            self._known, self._spent = known, Record(self._digest, self._worked, now_ms, holds, used, frees)
        return self._spent.as_json()

    def usage(self) -> tuple[Usage, ...]:
        pools = dict(sorted(self._pools.items()))
        if self._ip_pool is not None:
            pools["all, by IP"] = self._ip_pool
        return tuple(Usage(name, pool.used, pool.slots, pool.window_seconds) for name, pool in pools.items())

    def restore(self, spent: Mapping[str, object], *, pools: bool = True) -> None:
        """Windows of at most 10 s are waited out; longer ones begin with what the record says is in use.

        Without `pools` what they know of this run stands.
        """
        record = Record.of(spent)
        same_key = record.key == self._digest
        self._worked = self._worked or (same_key and record.worked)
        if not pools:
            return
        now_ms = self._now_ms()
        for name, gate in self._gates():
            seconds = record.held_seconds(name, now_ms)
            if seconds > 0 and (same_key or gate is self._host_gate):
                gate.hold(self._timeline.time() + seconds)
        for name, pool in self._pools.items() if same_key else ():
            documented = self.ENDPOINTS[name].limit.window_seconds
            parts = record.use_of(name, pool.slots, pool.window_seconds, now_ms, documented)
            if parts:
                pool.assume_used(parts)

    def _gates(self) -> Iterator[tuple[str, Gate]]:
        yield "host", self._host_gate
        yield "key", self._key_gate
        for name, pool in self._pools.items():
            yield f"pool {name}", pool.gate


class _Single:
    """One answer, to iterate over. Sweeps consist of them, and generators within each other take a tenth of a call."""

    __slots__ = ("_ask",)

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def __aiter__(self) -> _Single:
        return self

    def __anext__(self) -> Coroutine[Any, Any, Answer]:
        ask, self._ask = self._ask, _no_more
        return ask()

    async def aclose(self) -> None:
        """As of a generator."""
        self._ask = _no_more


async def _no_more() -> Answer:
    raise StopAsyncIteration
