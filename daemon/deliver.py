"""Delivery: one lane for each notifier, so that a dead one delays no other (law 8).

The order is the safety: claim (durable under its message id), word, send, settle. What is settled wrongly is
sent again under the same id, never silently lost (law 7).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from daemon.engine import Engine
from notifiers.message import Item, Message
from notifiers.outcome import Result, SendOutcome
from notifiers.sending import Sender
from notifiers.wording import fitting, is_first_look, word
from rules.ruleset import Settings
from state import outbox
from state.errors import StateError
from state.threaded import AsyncStore

log = structlog.get_logger(__name__)

SEND_SECONDS = 30.0
FIRST_BACKOFF_MS = 2_000
LONGEST_BACKOFF_MS = 300_000
UNKNOWN_BACKOFF_MS = 60_000
CLAIM_MOST = 200
IDLE_SECONDS = 1.0


@dataclass(slots=True)
class LaneCounters:
    """What the metrics tell of one notifier."""

    delivered: int = 0
    failed: int = 0
    unknown: int = 0
    dead: int = 0
    last_reason: str = ""


class Lane:
    """Everything that is told to one notifier, one message at a time and in order."""

    def __init__(
        self, name: str, sender: Sender, store: AsyncStore, engine: Engine, settings: Callable[[], Settings]
    ) -> None:
        self.name = name
        self.sender = sender
        self.counters = LaneCounters()
        self._store = store
        self._engine = engine
        self._settings = settings
        self._wake = asyncio.Event()
        self._closing = False
        self._sending = False
        self._more = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to deliver."""
        self._task = asyncio.create_task(self._run(), name=f"deliver {self.name}")

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    async def close(self, seconds: float = 0.0) -> None:
        """Take nothing more, wait so long for the send under way, and stop."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds if self._sending else 0.5)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.sender.close()

    async def _run(self) -> None:
        while not self._closing:
            try:
                message = await self._claim()
            except StateError as error:
                log.error("deliver.state", notifier=self.name, reason=str(error))
                await asyncio.sleep(IDLE_SECONDS)
                continue
            if message is None:
                self._wake.clear()
                await self._pause()
                continue
            self._sending = True
            try:
                await self._deliver(message)
            finally:
                self._sending = False

    async def _claim(self) -> outbox.Message | None:
        """The next message, with no more alerts than it can name: the rest follows at once (law 7)."""
        settings = self._settings()
        gather_ms = 0 if self._more else settings.gather_ms
        message = await self._store.claim(self.name, self._engine.clock(), gather_ms, CLAIM_MOST)
        self._more = False
        if message is None or message.attempt > 1:
            return message
        items = as_message(message).items
        if is_first_look(items):
            return message
        room = fitting(
            items,
            timezone=settings.timezone,
            public_url=settings.public_url,
            now_ms=self._engine.clock(),
            limit_units=self.sender.limit_units,
        )
        if room < len(items):
            self._more = True
            message = await self._store.shorten(message.id, room)
        return message

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _deliver(self, message: outbox.Message) -> None:
        settings = self._settings()
        wording = word(
            as_message(message),
            timezone=settings.timezone,
            public_url=settings.public_url,
            now_ms=self._engine.clock(),
            limit_units=self.sender.limit_units,
        )
        result = await self.sender.send(wording, SEND_SECONDS)
        await self._settle(message, result)

    async def _settle(self, message: outbox.Message, result: Result) -> None:
        """Record what became of it; a disk that refuses is tried again, because the send was made."""
        now = self._engine.clock()
        while True:
            try:
                await self._record(message, result, now)
            except StateError as error:
                log.error("deliver.state", notifier=self.name, message=message.id, reason=str(error))
                await asyncio.sleep(IDLE_SECONDS)
                continue
            return

    async def _record(self, message: outbox.Message, result: Result, now: int) -> None:
        ids = sorted({row.notification.alert for row in message.rows})
        told = log.bind(notifier=self.name, message=message.id, alerts=ids[:20], attempt=message.attempt)
        if result.outcome is SendOutcome.DELIVERED:
            await self._store.delivered(message.id, now)
            self.counters.delivered += 1
            self.counters.last_reason = ""
            told.info("message.delivered")
            return
        oldest = min(row.notification.created_ms for row in message.rows)
        self.counters.last_reason = result.reason
        if result.permanent or now - oldest >= self._settings().give_up_after_ms:
            await self._store.dead(message.id, now, result.reason)
            self.counters.dead += 1
            told.error("message.dead", reason=result.reason)
            return
        next_ms = now + backoff_ms(message.attempt, result)
        if result.outcome is SendOutcome.UNKNOWN:
            await self._store.unknown(message.id, now, result.reason, next_ms)
            self.counters.unknown += 1
        else:
            await self._store.failed(message.id, now, result.reason, next_ms)
            self.counters.failed += 1
        told.warning(
            "message.retry", reason=result.reason, outcome=result.outcome, in_seconds=(next_ms - now) // 1000
        )


def backoff_ms(attempt: int, result: Result) -> int:
    """Doubling with jitter up to a cap; what the service asks for is honoured, a perhaps-delivered one is rare."""
    first = UNKNOWN_BACKOFF_MS if result.outcome is SendOutcome.UNKNOWN else FIRST_BACKOFF_MS
    wait = min(first << min(attempt - 1, 16), LONGEST_BACKOFF_MS)
    wait = wait * random.randint(80, 120) // 100  # noqa: S311  jitter, not a secret
    asked = (result.retry_after_seconds or 0) * 1000
    return max(wait, asked)


def as_message(message: outbox.Message) -> Message:
    """The outbox's rows in the shape that wording takes."""
    items = tuple(
        Item(told.alert, told.kind, told.severity, told.facts, told.created_ms, told.batch)
        for told in (row.notification for row in message.rows)
    )
    return Message(message.id, message.notifier, items)
