"""The shell around the fold: take inputs in, judge them at once, commit them in batches, then let others know.

Judging is synchronous and on the loop; the database has a thread of its own. What is judged while a commit is
under way goes into the next one; answers of which nothing is to be told wait a moment for others. A commit that
fails is tried again until it succeeds: the world in memory has moved on, and nothing may be told that is not
durable (law 6).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from time import monotonic, perf_counter, time_ns
from typing import Protocol

import structlog

from daemon.gathering import GATHER_SECONDS, NOTHING, Gathering
from daemon.quiet import Quiet
from rules.judge import Input, judge
from rules.model import Failure, FailureKind, Listing, Pass, Reading, Tick
from rules.outcome import Outcome
from rules.reckoning import is_wanted, reckon
from rules.repeats import take
from rules.world import World
from state.checkpoints import Cut, encode
from state.errors import StateError
from state.outbox import Message
from state.prepared import Entry, Prepared, Wanted
from state.threaded import AsyncStore

log = structlog.get_logger(__name__)

RECKONING_SECONDS = 0.005
"""For so long sums are added up ahead before the loop does something else."""

FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 5.0
CLOSING_SECONDS = 10.0


def now_ms() -> int:
    """The wall clock in UTC milliseconds: read here and handed to the core as an argument (law 13)."""
    return time_ns() // 1_000_000


class Claimer(Protocol):
    """Whoever sends what a commit is about."""

    @property
    def has_time(self) -> bool:
        """Whether it has nothing to do: what is to be told would leave at once."""

    def wants(self) -> Wanted | None:
        """What to claim in the same transaction; then `hand` is called, whatever becomes of it."""

    def hand(self, message: Message | None) -> None:
        """What was claimed, and is durable; None where nothing was."""


class Engine:
    """Owns the World and its store. `on_outcome` hears each outcome at once, `on_commit` each durable batch."""

    def __init__(self, world: World, store: AsyncStore, clock: Callable[[], int] = now_ms) -> None:
        self.world = world
        self.clock = clock
        self.on_outcome: list[Callable[[Outcome], None]] = []
        self.on_commit: list[Callable[[list[Entry]], None]] = []
        self.claimers: Callable[[Sequence[Entry]], Iterable[Claimer]] = _nobody
        self.trouble = ""
        self.quiet = Quiet()
        self._store = store
        self._waiting = Gathering()
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self._urgent = asyncio.Event()  # what waits is committed without waiting for more
        self._unhurried = False  # something waits that is to be told once somebody has time for it
        self._settling = 0  # so many wait until all is durable
        self._cut_wanted = False
        self._keeping: asyncio.Task[None] | None = None
        self._reckoned = asyncio.Event()  # no reading is to be the one that adds up all accounts
        self._reckoned.set()
        self._reckoning: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to commit."""
        self._waiting.log_begins(self.world.holdings.values())
        self._task = asyncio.create_task(self._commit_all(), name="commit")

    async def close(self) -> None:
        """Commit what is judged, for as long as a stop may take, and stop."""
        if self._task is None:
            return
        try:
            await asyncio.wait_for(self.settled(), CLOSING_SECONDS)
        except TimeoutError:
            log.error("engine.uncommitted", inputs=self._waiting.inputs, reason=self.trouble)
        tasks = [task for task in (self._task, self._reckoning) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._keeping is not None:
            await asyncio.wait([self._keeping], timeout=CLOSING_SECONDS)

    @property
    def ended(self) -> bool:
        """Whether nothing becomes durable any more; only a restart helps."""
        return self._task is not None and self._task.done()

    async def take(self, event: Input) -> Outcome:
        """Judge one input and queue it for the next commit; waits while the disk is far behind.

        It waits, too, while sums over many accounts are added up anew.
        """
        while not (self._room.is_set() and self._reckoned.is_set()):
            await self._room.wait()
            await self._reckoned.wait()
        return self.judge_now(event)

    def judge_now(self, event: Input) -> Outcome:
        """As `take`, for callers that cannot wait."""
        now = self.clock()
        if isinstance(event, Reading) and take(self.world, event, now, self._waiting.run):
            self._wake()
            return NOTHING
        outcome = judge(self.world, event, now)
        if isinstance(event, Tick) and not _anything(self.world, outcome):
            return outcome
        entry = Entry(event, now, outcome)
        self._waiting.add(entry)
        if outcome.notifications:
            self._tell(entry)
        if not _may_wait(event):
            self._urgent.set()
        self._wake()
        if is_wanted(self.world):
            self._reckon_soon()
        for hear in self.on_outcome:
            hear(outcome)
        return outcome

    def _reckon_soon(self) -> None:
        """Add up ahead what the next readings need: in one turn it would hold up everything else."""
        if self._reckoning is None or self._reckoning.done():
            self._reckoned.clear()
            self._reckoning = asyncio.create_task(self._reckon(), name="reckon")

    async def _reckon(self) -> None:
        try:
            while is_wanted(self.world):
                since = perf_counter()
                for _ in reckon(self.world):
                    if perf_counter() - since > RECKONING_SECONDS:
                        await asyncio.sleep(0)
                        since = perf_counter()
        except Exception:
            # A job boundary: whatever could not be added up ahead is added up by who needs it.
            log.exception("engine.reckoning_failed")
        finally:
            self._reckoned.set()

    def _wake(self) -> None:
        if self._waiting.is_enough:
            self._urgent.set()
            if self._waiting.is_full:
                self._room.clear()
        self._idle.clear()
        self._work.set()

    def _tell(self, entry: Entry) -> None:
        """At once, but for what nobody has time for: in a storm of alerts each commit holds many of them."""
        claimers = tuple(self.claimers((entry,)))
        if claimers and not any(one.has_time for one in claimers):
            self._unhurried = True
            return
        self.quiet.begin(monotonic())
        self._urgent.set()

    def quiet_seconds(self) -> float:
        """For how long nothing ordinary is to be read, because something is to be told; 0 for none."""
        return self.quiet.left_seconds(monotonic())

    def hurry(self) -> None:
        """Somebody has time now for what is to be told: it waits for no other answers any more."""
        if self._unhurried:
            self._urgent.set()

    def checkpoint_soon(self) -> None:
        """Keep the World beside the next commit, so that a replay can begin there."""
        self._cut_wanted = True
        self._work.set()

    async def settled(self) -> None:
        """Wait until everything judged so far is durable."""
        if self._idle.is_set():
            return
        self._settling += 1
        self._urgent.set()
        try:
            await self._idle.wait()
        finally:
            self._settling -= 1

    async def _commit_all(self) -> None:
        try:
            await self._commit_batches()
        except Exception as error:
            # Nothing is durable from here on: /readyz must say so, for nobody would be told of anything.
            self.trouble = (
                f"commits have ended by a fault of ours ({type(error).__name__}): restart the daemon"
            )
            log.exception("engine.failed")

    async def _commit_batches(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            await self._gathered()
            batch = self._waiting.take()
            self._unhurried = False
            if not batch and not self._cut_wanted:
                continue
            self._room.set()
            prepared = self._store.prepare(batch, self.world)
            # Between two commits the World is exactly what the log made of it.
            cut = None
            if self._cut_wanted:
                cut = self._store.cut(self.world, self.clock())
                self._waiting.log_begins(self.world.holdings.values())
            self._cut_wanted = False
            await self._write(prepared, batch)
            if cut is not None and (self._keeping is None or self._keeping.done()):
                self._keeping = asyncio.create_task(self._keep(cut), name="checkpoint")
            for hear in self.on_commit:
                try:
                    hear(batch)
                except Exception:
                    # What is durable stays so: a listener's fault must not end the commits.
                    log.exception("engine.listener_failed")
            if not self._waiting.inputs:
                self._urgent.clear()
                self._idle.set()

    async def _gathered(self) -> None:
        """Wait for what comes together with what is there: each commit costs the same, however little it holds."""
        if not (self._settling or self._urgent.is_set()):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GATHER_SECONDS):
                    await self._urgent.wait()
        self._urgent.clear()

    async def _keep(self, cut: Cut) -> None:
        """Encoding takes its time on a thread of its own: neither the loop nor the commits wait for it."""
        try:
            await self._store.keep_checkpoint(await asyncio.to_thread(encode, cut))
        except StateError as error:
            log.warning("checkpoint.not_kept", reason=str(error))

    async def _write(self, prepared: Prepared, batch: Sequence[Entry]) -> None:
        """Until it is durable. What it gives idle lanes to send is claimed with it: they wait for no second commit."""
        idle = [(one, wanted) for one in self.claimers(batch) if (wanted := one.wants()) is not None]
        pause = FIRST_RETRY_SECONDS
        try:
            while True:
                try:
                    still = self.quiet_seconds() if idle else 0.0
                    claimed = await self._store.write(prepared, [wanted for _, wanted in idle], still)
                except StateError as error:
                    _hand(idle)
                    if not self.trouble:
                        log.error("state.unwritable", reason=str(error))
                    self.trouble = str(error)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_RETRY_SECONDS)
                    continue
                except Exception:
                    if not idle:
                        raise
                    # A fault in a claim must not stand in the way of the commit: the lane meets it by itself.
                    log.exception("engine.claim_failed")
                    _hand(idle)
                    continue
                _hand(idle, claimed)
                break
        finally:
            _hand(idle)
        if self.trouble:
            log.info("state.writable_again")
            self.trouble = ""


def _hand(idle: list[tuple[Claimer, Wanted]], claimed: Sequence[Message] = ()) -> None:
    """Each that wanted something gets it or None, once."""
    messages = {message.notifier: message for message in claimed}
    while idle:
        one, wanted = idle.pop()
        one.hand(messages.get(wanted.notifier))


def _nobody(_batch: Sequence[Entry]) -> tuple[Claimer, ...]:
    return ()


def _may_wait(event: Input) -> bool:
    """Whether a commit of it may wait for others. A ban may not: a kill before it is kept would break it (law 11).

    A listing comes as a sweep begins: committed by itself it would be under way when the sweep's first news come.
    """
    return isinstance(event, Reading | Listing | Pass) or (
        isinstance(event, Failure) and event.kind is not FailureKind.BANNED
    )


def _anything(world: World, outcome: Outcome) -> bool:
    """Whether a tick did anything at all: most do not, and are not logged."""
    if outcome.transitions or outcome.notifications or outcome.notes or outcome.relists or outcome.rechecks:
        return True
    if outcome.histories or outcome.prices:
        return True
    return any(table.touched for table in world.tables())
