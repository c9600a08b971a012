"""Delivery: one lane for each notifier, so that a dead one delays no other (law 8).

The order is the safety: claim (durable under its message id), word, send, settle. What is settled wrongly is
sent again under the same id, never silently lost (law 7).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import structlog

from daemon import backoff
from daemon.engine import Engine
from daemon.items import as_kept, as_message
from daemon.series import Series
from daemon.showing import Showing
from notifiers.custom import BUILT_IN, Templates
from notifiers.message import Item, Message, Wording
from notifiers.outcome import Result, SendOutcome
from notifiers.pictures import Charts
from notifiers.way import Reminded, Way
from notifiers.wording import Drafts, fitting, is_first_look, word
from rules.model import DeliveryDied
from rules.ruleset import Settings, Silence
from state import outbox
from state.errors import StateError
from state.prepared import Wanted
from state.threaded import AsyncStore

log = structlog.get_logger(__name__)

T = TypeVar("T")

SEND_SECONDS = 30.0
IDLE_SECONDS = 1.0
"""Between two looks at what only time makes due: the end of a gathering, of a wait, of a silence."""

QUIET_SECONDS = 60.0
"""Between two looks while nothing waits; a commit of anybody wakes the lane before."""

ROWS_AT_ONCE = 20
"""Worded on the loop, in some milliseconds: more of them on a thread."""


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
        self, name: str, sender: Way, store: AsyncStore, engine: Engine, settings: Callable[[], Settings]
    ) -> None:
        self.name = name
        self.sender = sender
        self.counters = LaneCounters()
        self.wording_fault = ""  # why the user's own words failed in the last message that was to use them
        self.silences: Callable[[], Sequence[Silence]] = tuple
        self.showing: Showing | None = None
        self.on_dead: Callable[[DeliveryDied], None] = _ignored
        self.on_delivered: Callable[[str], None] = _ignored
        self._store = store
        self._engine = engine
        self._settings = settings
        self._wake = asyncio.Event()
        self._closing = False
        self._sending = False
        self._more = False
        self._series = Series()
        self._resting = False
        self._handed: asyncio.Future[outbox.Message | None] | None = None  # what a commit claims for it
        self._trouble = ""
        self._not_before_ms = 0
        self._keep_at_ms = 0
        self._keep_fault = ""
        self._failing: set[str] = set()  # messages that failed since the last one that was delivered
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to deliver."""
        self._task = asyncio.create_task(self._run(), name=f"deliver {self.name}")

    def clock_set(self, step_ms: int) -> None:
        """The wall clock was set by so much: who waits for a while has that while, and no more."""
        self._not_before_ms += step_ms
        self._keep_at_ms += step_ms

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    @property
    def has_time(self) -> bool:
        return self._resting and not self._closing and self._handed is None

    def wants(self) -> Wanted | None:
        """What the next commit is to claim for this lane, where it has nothing to do; then `hand` follows."""
        if not self.has_time:
            return None
        wanted = self._wanted()
        if wanted is not None:
            self._handed = asyncio.get_running_loop().create_future()
        return wanted

    def hand(self, message: outbox.Message | None) -> None:
        """What that commit claimed; with None the lane looks by itself."""
        if self._handed is not None:
            self._handed.set_result(message)
        self._wake.set()

    async def close(self, seconds: float = 0.0) -> None:
        """Take nothing more, wait so long for the send under way, and stop."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds if self._sending else 0.5)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._handed is not None:
            await self._put_back(await self._handed)
        if self.showing is not None:
            await self.showing.close()
        self.sender.close()

    async def _run(self) -> None:
        while not self._closing:
            self._wake.clear()  # before the claim: what becomes due during it is not missed
            try:
                # In this one task with the sends: no end is overtaken by an older "still fires".
                await self._keep_alive()
                self._engine.hurry()
                message = await self._claim()
                if message is None:
                    await self._pause()
                    continue
                self._sending = True
                await self._deliver(message)
            except Exception:
                # A job boundary: a lane that ended would be a silent notifier.
                log.exception("deliver.failed", notifier=self.name)
                await asyncio.sleep(IDLE_SECONDS)
            finally:
                self._sending = False

    async def _claim(self) -> outbox.Message | None:
        """The next message; None where nothing is due, and while the service or the disk wants no more."""
        if self._handed is not None:
            message = await asyncio.shield(self._handed)
            self._handed = None
            if message is not None:
                return await self._taken(message)
        wanted = self._wanted()
        if wanted is None:
            return None
        claiming = asyncio.ensure_future(self._store.claim(*wanted))
        try:
            message = await asyncio.shield(claiming)
        except StateError as error:
            self._refused(error)
            return None
        except asyncio.CancelledError:
            # The claim takes place all the same, and whoever comes after this lane must find what it took.
            await self._put_back(await claiming)
            raise
        self._accepted()
        return await self._taken(message)

    def _wanted(self) -> Wanted | None:
        now = self._engine.clock()
        if now < self._not_before_ms:
            return None
        failing = len(self._failing)
        gather_ms = self._settings().gather_ms
        gather_ms = 0 if self._more and not failing else backoff.stretched_ms(gather_ms, failing)
        return Wanted(self.name, now, gather_ms, self._series.most, self.silences())

    async def _taken(self, message: outbox.Message | None) -> outbox.Message | None:
        left = self._series.claimed(0 if message is None else len(message.rows))
        self._more = left or (message is not None and message.more)
        if message is not None and self._closing:
            await self._put_back(message)
            return None
        return message

    async def _put_back(self, message: outbox.Message | None) -> None:
        if message is not None:
            now = self._engine.clock()
            await self._store.failed(message.id, now, "not sent: the notifier was closed", now)

    async def _keep_alive(self) -> None:
        """What was told and still fires is said again to a service that would forget it."""
        way, now = self.sender, self._engine.clock()
        if not isinstance(way, Reminded) or now < self._keep_at_ms:
            return
        self._keep_at_ms = now + int(way.keep_every_seconds * 1000)
        try:
            told = await self._store.told_open(self.name)
        except StateError as error:
            self._refused(error)
            return
        world = self._engine.world
        kept = [as_kept(world, one, one.id in told) for one in world.alerts.values() if one.state == "firing"]
        result = await way.keep(kept, SEND_SECONDS) if kept else Result(SendOutcome.DELIVERED)
        fault = result.reason
        if fault and not self._keep_fault:
            log.warning("keep_alive.failing", notifier=self.name, alerts=len(told), reason=fault)
        elif self._keep_fault and not fault:
            log.info("keep_alive.arrives_again", notifier=self.name)
        self._keep_fault = fault

    async def _pause(self) -> None:
        seconds = IDLE_SECONDS if self._wake.is_set() or await self._waits() else QUIET_SECONDS
        if isinstance(self.sender, Reminded):
            seconds = min(seconds, max(IDLE_SECONDS, (self._keep_at_ms - self._engine.clock()) / 1000))
        self._resting = True
        self._engine.hurry()
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        finally:
            self._resting = False

    async def _waits(self) -> bool:
        """Whether something may become due without anybody's commit."""
        try:
            return await self._store.waits(self.name)
        except StateError as error:
            self._refused(error)
            return True

    async def _deliver(self, message: outbox.Message) -> None:
        try:
            message, told, wording = await self._worded(message)
        except asyncio.CancelledError:
            await self._put_back(message)
            raise
        except Exception as error:
            # A fault of ours must not lose the message: it is tried again, and dead in the end, for all to see.
            log.exception("message.unworded", notifier=self.name, message=message.id)
            reason = f"the message could not be worded ({type(error).__name__})"
            await self._settle(message, Result(SendOutcome.FAILED, reason))
            return
        try:
            result = await self.sender.send(wording, SEND_SECONDS, told)
        except asyncio.CancelledError:
            now = self._engine.clock()
            reason = "the notifier was closed while it was being sent"
            await self._store.unknown(message.id, now, reason, now)
            raise
        await self._settle(message, result)
        if result.outcome is SendOutcome.DELIVERED and self.showing is not None:
            self.showing.after(told)

    async def _worded(self, message: outbox.Message) -> tuple[outbox.Message, Message, Wording]:
        """The message, as it is told, in words, with no more alerts than it names: the rest follows at once (law 7).

        Its words grow while it waits ("5m ago"). One that was perhaps delivered keeps its members, and where
        they no longer fit it is told in the words of its first attempt.
        """
        now = self._engine.clock()
        told = as_message(message)
        items, drafts = told.items, Drafts()
        if is_first_look(items):
            return message, told, await self._words(told, now, drafts)
        room = await self._room(items, now, drafts)
        if (
            room < len(items)
            and message.perhaps
            and await self._room(items, message.claimed_ms, drafts) >= len(items)
        ):
            return message, told, await self._words(told, message.claimed_ms, drafts)
        if self._series.divides(len(items), room):
            whole = message
            message = await self._persisted(whole.id, lambda: self._store.shorten(whole, room))
            told, self._more = replace(told, items=items[: len(message.rows)]), True
        return message, told, await self._words(told, now, drafts)

    async def _room(self, items: tuple[Item, ...], at_ms: int, drafts: Drafts) -> int:
        settings, most = self._settings(), self.sender.limit_units
        zone, url = settings.timezone, settings.public_url
        find = partial(
            fitting,
            items,
            timezone=zone,
            public_url=url,
            now_ms=at_ms,
            limit_units=most,
            charts=self.sender.charts is Charts.LINKED,
            drafts=drafts,
        )
        return await _thought_over(len(items), find)

    async def _words(self, told: Message, at_ms: int, drafts: Drafts) -> Wording:
        settings, most = self._settings(), self.sender.limit_units
        zone, url = settings.timezone, settings.public_url
        own = Templates(settings.title_template, settings.body_template)
        find = partial(
            word,
            told,
            timezone=zone,
            public_url=url,
            now_ms=at_ms,
            limit_units=most,
            templates=own,
            charts=self.sender.charts is Charts.LINKED,
            drafts=drafts,
        )
        wording = await _thought_over(len(told.items), find)
        if wording.fault and wording.fault != self.wording_fault:
            log.error("message.wording_failed", notifier=self.name, message=told.id, reason=wording.fault)
        if wording.fault is not None or own == BUILT_IN:
            self.wording_fault = wording.fault or ""
        return wording

    async def _settle(self, message: outbox.Message, result: Result) -> None:
        """Record what became of it; a disk that refuses is tried again, because the send was made."""
        now = self._engine.clock()
        await self._persisted(message.id, lambda: self._record(message, result, now))

    async def _persisted(self, message: str, action: Callable[[], Awaitable[T]]) -> T:
        """The result of `action`, for as long as the disk refuses it."""
        while True:
            try:
                done = await action()
            except StateError as error:
                self._refused(error, message)
                await asyncio.sleep(IDLE_SECONDS)
                continue
            self._accepted()
            return done

    def _refused(self, error: StateError, message: str = "") -> None:
        """An outage of the disk is logged once when it starts, and once when it ends."""
        if not self._trouble:
            log.error("deliver.state", notifier=self.name, message=message or None, reason=str(error))
        self._trouble = str(error)

    def _accepted(self) -> None:
        if self._trouble:
            log.info("deliver.state_again", notifier=self.name)
            self._trouble = ""

    async def _record(self, message: outbox.Message, result: Result, now: int) -> None:
        ids = sorted({row.notification.alert for row in message.rows})
        told = log.bind(notifier=self.name, message=message.id, alerts=ids[:20], attempt=message.attempt)
        if result.outcome is SendOutcome.DELIVERED:
            await self._store.delivered(message.id, now)
            self.counters.delivered += 1
            self.counters.last_reason = ""
            self._failing.clear()
            told.info("message.delivered")
            self.on_delivered(self.name)
            return
        give_up_ms = message.given_ms + self._settings().give_up_after_ms
        if result.permanent or now >= give_up_ms:
            await self._store.dead(message.id, now, result.reason)
            self.counters.dead += 1
            self.counters.last_reason = result.reason
            self._failing.discard(message.id)
            told.error("message.dead", reason=result.reason)
            self.on_dead(DeliveryDied(now, self.name, message.id, len(message.rows), result.reason))
            return
        next_ms = min(
            now + backoff.backoff_ms(message.attempt, result), max(give_up_ms, now + backoff.FIRST_BACKOFF_MS)
        )
        if result.outcome is SendOutcome.UNKNOWN:
            await self._store.unknown(message.id, now, result.reason, next_ms)
            self.counters.unknown += 1
        else:
            await self._store.failed(message.id, now, result.reason, next_ms)
            self.counters.failed += 1
        self.counters.last_reason = result.reason
        self._failing.add(message.id)
        if result.retry_after_seconds:
            self._not_before_ms = next_ms  # the service speaks of all messages, not of this one
        told.warning(
            "message.retry", reason=result.reason, outcome=result.outcome, in_seconds=(next_ms - now) // 1000
        )


async def _thought_over(rows: int, find: Callable[[], T]) -> T:
    """What `find` finds: of many rows on a thread, because words for hundreds would hold up the loop."""
    return find() if rows <= ROWS_AT_ONCE else await asyncio.to_thread(find)


def _ignored(_said: object) -> None:
    """What nobody asked to hear."""
