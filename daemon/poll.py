"""The reading of one exchange: a listing job, and a queue of readings that is worked off without end.

Every `poll_every` the dispatcher queues what is neither queued nor under way. A sweep that takes longer is
ordinary: its rest is still queued, nothing overlaps and nothing is skipped. A confirming read goes ahead. In a
sweep that fits, those that matter go first; in a longer one they are read again every `poll_every`, with a share of
the starts (`daemon/waiting.py`). Where one call reads all accounts (Bitget's pass) there is no order to choose.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import structlog

from daemon.counters import Counters
from daemon.engine import Engine
from daemon.exchanges.base import Answer, Task, Venue
from daemon.matters import Matters
from daemon.outage import Outage
from daemon.parts import Parts, identity_of
from daemon.retries import Retries
from daemon.waiting import Queue, highest
from daemon.wishes import Wishes
from rules.accounts import find
from rules.model import (
    MASTER_IDENTITY,
    Failure,
    FailureKind,
    Identity,
    Listing,
    MasterSeen,
    Pass,
    Reading,
    Severity,
)
from rules.outcome import Outcome, Recheck
from rules.ruleset import ExchangeSettings

log = structlog.get_logger(__name__)

RELIST_SECONDS = 2.2
"""Between two listings that judge presence: 2 to 5 s (law 2)."""

ANSWERS_AT_ONCE = 8
"""Answers of one call, which may tell of thousands of accounts, that are judged before others have their turn."""

STARTS_AT_ONCE = 2
"""In one turn of the loop: an answer, a commit or a message that is ready waits no longer than they take."""

WAITING_MOST, WAITING_FEW = 10, 5
"""Ordinary tasks that wait for a slot: as many as come free together. Those in the queue are still in order. Who has
read an account goes on with the next; only where fewer wait than the latter, others begin for those under way."""

URGENT_MOST = 50
"""Urgent tasks under way beside the ordinary ones, and no more than can use the budget."""

_ANSWERED = frozenset({FailureKind.DENIED, FailureKind.ACCOUNT})
"""What the venue says of an account: asked again in its turn, it says the same."""

MASTER_AGAIN_SECONDS = 10.0
"""The longest wait before the venue is asked again whose key it is."""


class Poller:
    """Reads one exchange through its venue's client and hands every answer to the engine."""

    def __init__(self, settings: ExchangeSettings, venue: Venue, engine: Engine) -> None:
        self.settings = settings
        self.venue = venue
        self.counters = Counters()
        self.halted = ""
        self._engine = engine
        self._queues: dict[str, Queue] = {}
        self._matters = Matters(settings.name, engine.world)
        self._crowded = False  # a sweep takes longer than `poll_every`
        self._last_ms: dict[Task, int] = {}  # when each task was last done
        self._parts = Parts(settings, venue, engine.world)
        self._not_before: dict[Task, int] = {}
        self._outage = Outage(settings.name)
        self._listing = asyncio.Lock()
        self._relist: asyncio.TimerHandle | None = None
        self._background: set[asyncio.Task[object]] = set()
        self._sweep_left: set[Task] = set()
        self._ready = asyncio.Event()
        self._pumping: asyncio.Handle | None = None  # starts more in the next turn of the loop
        self._retries = Retries(self._again)
        self._unexamined: FailureKind | None = None  # why the last look at the key told nothing
        self.wishes = Wishes(self, settings.poll_every_ms / 1000)

    async def start(self) -> None:
        """Open the client, learn the clock and the key, list the accounts; then readings may be dispatched."""
        await self.venue.open()
        self.venue.when_begun(self._begun)
        await self.examine()
        await self._know_the_master()
        await self.list_accounts()
        self._ready.set()
        await self.dispatch()

    async def close(self) -> None:
        """Stop: nothing more is asked, what is under way is dropped."""
        self.halted = self.halted or "closing"
        self._retries.close()
        for later in (self._relist, self._pumping):
            if later is not None:
                later.cancel()
        running = [task for queue in self._queues.values() for task in queue.running.values()]
        for task in (*running, *self._background):
            task.cancel()
        await asyncio.gather(*running, *self._background, return_exceptions=True)
        await self.wishes.close()
        await self.venue.close()

    async def examine(self) -> None:
        """Ask for the clock, the venue's status and the key's rights."""
        if not self.halted:
            self._unexamined = None
            await self._owned(self.take(self.venue.examine(), "examine"))

    async def _know_the_master(self) -> None:
        """An exchange that is bound to a master is not read before it is known whose the key is now.

        Read with another master's key, all its accounts would be gone. Where the venue refuses to tell, it is
        read all the same.
        """
        wait_seconds = 1.0
        while not self.halted and self._unknown_master():
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(2 * wait_seconds, MASTER_AGAIN_SECONDS)
            await self.examine()

    def _unknown_master(self) -> bool:
        state = self._engine.world.exchanges.get(self.settings.name)
        bound = state is not None and state.master_id is not None
        return bound and self._unexamined is not None and self._unexamined is not FailureKind.ENDPOINT

    async def list_accounts(self) -> None:
        """Ask which accounts exist; one listing at a time."""
        if self.halted or self._listing.locked():
            return
        async with self._listing:
            self.counters.listings += 1
            await self._owned(self.take(self.venue.listing(), "listing"))

    async def dispatch(self) -> None:
        """Queue every task that is neither queued nor under way nor told to wait."""
        if self.halted or not self._ready.is_set():
            return
        now = self._engine.clock()
        held = {task for task, until_ms in self._not_before.items() if until_ms > now}
        tasks = [task for task in self.tasks() if task not in held] if held else self.tasks()
        self._learn_pace()
        self._enqueue(tasks, now)
        if not self._sweep_left:
            self._sweep_left = set(tasks)
            self.counters.sweep_began_ms = now
        self._pump()

    def tasks(self) -> list[Task]:
        """One sweep over the accounts as they are now known."""
        identities = self._parts.renew()
        if identities is not None:
            known = self._parts.known
            self.venue.keep_only(identities)
            self._not_before = {task: at for task, at in self._not_before.items() if task in known}
            self._sweep_left &= known
            self._retries.keep_only(known)
            done = {task: at for task, at in self._last_ms.items() if task in known}
            self._last_ms = self._parts.last_reads() | done
            self._matters.keep_only(set(self._engine.world.index.by_exchange.get(self.settings.name, ())))
            self._outage.keep_only(set(identities) | {MASTER_IDENTITY})
        return self._parts.tasks

    def accounts_changed(self) -> None:
        """The accounts to read are others now."""
        self._parts.changed()

    def clock_set_back(self, now_ms: int) -> None:
        """Nothing waits until a time of before."""
        self._not_before.clear()
        self._last_ms = {task: min(at, now_ms) for task, at in self._last_ms.items()}
        for queue in self._queues.values():
            queue.clock_set_back(now_ms)

    def recheck(self, rechecks: Iterable[Recheck]) -> None:
        """Read these parts ahead of the queue, the most severe first."""
        if self.halted or not self._ready.is_set():
            return
        self.tasks()
        for wanted in sorted(rechecks, key=lambda one: -one.severity.rank):
            task = self._parts.reading(wanted)
            if task is None:
                continue
            wait_ms = self._not_before.get(task, 0) - self._engine.clock()
            if wait_ms <= 0:
                self._queue(task.pool).hurry(task, wanted.severity)
            elif task in self._parts.known:
                self._retries.put_off(task, wait_ms / 1000, wanted.severity)
        self._pump()

    def relist_soon(self) -> None:
        """List again as soon as law 2 lets the next listing count."""
        if self._relist is None and not self.halted:
            self._relist = asyncio.get_running_loop().call_later(RELIST_SECONDS, self._relist_now)

    def _relist_now(self) -> None:
        self._relist = None
        self._keep(asyncio.create_task(self.list_accounts(), name=f"relist {self.settings.name}"))

    def identity_of(self, key: int) -> Identity | None:
        """How the venue names an account of ours."""
        account = self._engine.world.accounts.get(key)
        return None if account is None else identity_of(account)

    def _learn_pace(self) -> None:
        """Whether accounts wait for more than a `poll_every`: by the venue's limit, or because they do."""
        settings = self.settings
        late = any(queue.behind for queue in self._queues.values())
        crowded = settings.own_call and (late or self._parts.lawful_us() > settings.poll_every_ms * 1000)
        if crowded != self._crowded:  # it is heard only where it is asked
            self._matters = Matters(settings.name, self._engine.world)
        self._crowded = crowded
        # In a burst all slots of a window would be spent at its begin, and who matters would wait for its end.
        self.venue.pace(evenly=crowded)

    def _enqueue(self, tasks: list[Task], now: int) -> None:
        """Those read longest ago go first; ahead of them, where nobody waits yet, the due ones that matter."""
        ranks = {}
        for key in self._matters.all():
            rank, account = self._matters.rank(key), self._engine.world.accounts.get(key)
            if rank and account is not None:
                ranks[account.identity] = rank
        waiting = {pool: queue.behind for pool, queue in self._queues.items()}
        due_ms = now - self.settings.poll_every_ms

        def place(task: Task) -> tuple[int, int]:
            last_ms = self._last_ms.get(task, 0)
            if not ranks or task.account is None or waiting.get(task.pool) or last_ms > due_ms:
                return 0, last_ms
            return -ranks.get(task.account, 0), last_ms

        queued = {task for queue in self._queues.values() for task in queue.all()}
        for task in sorted([one for one in tasks if one not in queued] if queued else tasks, key=place):
            self._queue(task.pool).add(task)
        for identity in ranks if self._crowded else ():
            for wallet in self.settings.wallets:
                part = self._parts.of(identity, wallet)
                if part is not None:
                    self._queue(part.pool).prefer(part)

    def _queue(self, pool: str) -> Queue:
        if pool not in self._queues:
            self._queues[pool] = Queue(
                self.settings.poll_every_ms, self._rank, lambda task: self._last_ms.get(task, 0)
            )
        return self._queues[pool]

    def _rank(self, task: Task) -> int:
        """How much a task matters now; 0 where it is none of one account, or must not be done yet."""
        if task.account is None or task not in self._parts.known:
            return 0
        if self._not_before.get(task, 0) > self._engine.clock():
            return 0
        account = find(self._engine.world, self.settings.name, task.account)
        return 0 if account is None or account.master else self._matters.rank(account.key)

    def _pump(self) -> None:
        """Start as many waiting tasks as the budget can use, a few in each turn of the loop."""
        if self._pumping is None:
            self._pump_some()

    def _begun(self, waiting: int) -> None:
        if waiting < WAITING_FEW:
            self._pump()

    def _pump_some(self) -> None:
        self._pumping = None
        left = STARTS_AT_ONCE
        for pool in self._queues:
            left = self._start(pool, left)
        if not left:
            self._pumping = asyncio.get_running_loop().call_soon(self._pump_some)

    def _start(self, pool: str, most: int) -> int:
        """Start what may begin in a pool, up to so many; how many of them are left."""
        queue = self._queues[pool]
        while most and (found := self._next(pool, queue)) is not None:
            most -= 1
            running = self._run(pool, queue, *found)
            queue.running[found[0]] = asyncio.create_task(running, name=found[0].name)
        return most

    def _next(self, pool: str, queue: Queue) -> tuple[Task, Severity | None] | None:
        """What may begin now, and how urgent it is, if it is: that waits for nobody who waits for a slot."""
        if self.halted:
            return None
        urgent, width = len(queue.urgent), self.venue.width(pool)
        ordinary = len(queue.running) - urgent
        hurried = queue.next_urgent() if urgent < min(width, URGENT_MOST) else None
        if hurried is not None:
            return hurried
        # What goes one at a time goes in its order; else the ordinary ones have their part of the budget.
        free = ordinary < width and (width > 1 or not queue.hurried)
        free = free and self.venue.waiting(pool) < WAITING_MOST
        task = queue.next(self._engine.clock()) if free else None
        return None if task is None else (task, None)

    async def _run(self, pool: str, queue: Queue, task: Task, urgent: Severity | None) -> None:
        """A task, and while accounts are read those that follow: to begin each anew costs a twentieth of a call."""
        me = queue.running[task]
        found: tuple[Task, Severity | None] | None = (task, urgent)
        try:
            while found is not None:
                was_read = await self._perform(queue, *found)
                # What told nothing, perhaps without a call, lets the others have their turn.
                found = self._next(pool, queue) if was_read and self._pumping is None else None
                for other in self._queues if found else ():
                    if other != pool:
                        self._start(other, 1)
                if found is not None:
                    queue.running[found[0]] = me
        finally:
            self._pump()

    async def _perform(self, queue: Queue, task: Task, urgent: Severity | None) -> bool:
        """Whether it ended with a reading."""
        answer: Answer | None = None
        began_ms = self._engine.clock()
        if self._not_before:
            self._not_before.pop(task, None)
        try:
            answer = await self.take(self.venue.perform(task, urgent=urgent is not None), task.name, task)
        except Exception:
            # A job boundary: one task's fault is on record and stops nothing else.
            log.exception("poll.failed", exchange=self.settings.name, task=task.name)
            self._not_before[task] = self._engine.clock() + self.settings.poll_every_ms
        finally:
            queue.running.pop(task, None)
            if urgent is not None:
                queue.urgent.discard(task)
            self._last_ms[task] = self._engine.clock()
            self._swept(task)
            failed, again = task in self._not_before, queue.again.pop(task, None) if queue.again else None
            if again is not None and not failed:
                queue.hurry(task, again)
            elif not failed and task.account is None:
                self._pass_again(queue, task, began_ms)
            if failed or self._retries:
                # A pass that fails is made again in its turn, but where it had told news before it did.
                wanted = None if task.account is None else urgent
                self._put_off(task, wanted if again is None else highest(again, urgent), answer)
            if self._crowded and self._rank(task):
                queue.prefer(task)
        return isinstance(answer, Reading)

    def _pass_again(self, queue: Queue, task: Task, began_ms: int) -> None:
        """What took longer than `poll_every` was under way when its turn came: it is due again at once."""
        late = self._engine.clock() - began_ms >= self.settings.poll_every_ms
        if late and task in self._parts.known and task not in queue.all():
            queue.add(task)

    def _put_off(self, task: Task, urgent: Severity | None, answer: Answer | None) -> None:
        """Where its own turn is a sweep away, or it is urgent, what failed is asked again when that makes sense."""
        until_ms = self._not_before.get(task)
        if until_ms is None or (isinstance(answer, Failure) and answer.kind in _ANSWERED):
            self._retries.drop(task)
        elif self.halted or task not in self._parts.known:
            return
        elif urgent is not None or (self._crowded and task.account is not None):
            self._retries.put_off(task, (until_ms - self._engine.clock()) / 1000, urgent)

    def _again(self, task: Task, urgent: Severity | None) -> None:
        """What failed may be asked for again."""
        if urgent is not None:
            self._queue(task.pool).hurry(task, urgent)
        elif task in self._parts.known:
            self._queue(task.pool).retry(task)
        self._pump()

    def _swept(self, task: Task) -> None:
        if self._sweep_left:
            self._sweep_left.discard(task)
            if not self._sweep_left:
                self.counters.swept_ms = self._engine.clock()
                self.counters.sweep_ms = self.counters.swept_ms - self.counters.sweep_began_ms

    async def take(self, answers: object, call: str, task: Task | None = None) -> Answer | None:
        """Hand every answer to the engine; `call` and `task` asked for them. The last one."""
        number, answer = 0, None
        async for answer in answers:  # type: ignore[attr-defined]
            number += 1
            if number % ANSWERS_AT_ONCE == 0:
                await asyncio.sleep(0)
            outcome = await self._engine.take(answer)
            self._count(answer, call, task)
            if self._crowded and isinstance(answer, Reading) and task is not None and task.account:
                self._look_at(answer, outcome)
            stopped = self._engine.world.exchanges.get(self.settings.name)
            if stopped is not None and stopped.stopped and not self.halted:
                self.halted = stopped.stopped
                log.error("exchange.stopped", exchange=self.settings.name, reason=self.halted)
        return answer

    def _look_at(self, reading: Reading, outcome: Outcome) -> None:
        account = find(self._engine.world, self.settings.name, reading.account)
        if account is not None and not account.master:
            self._matters.heard(account.key, reading, outcome, self._engine.clock())

    def _count(self, answer: Answer, call: str, task: Task | None) -> None:
        counters = self.counters
        match answer:
            case Reading():
                counters.reads += 1
                self._outage.succeeded(answer.account, call, began_ms=answer.began_ms)
            case MasterSeen():
                self._unexamined = None
                self._outage.succeeded(call, began_ms=answer.at_ms)
            case Failure():
                counters.failures += 1
                self._unexamined = answer.kind
                if answer.until_ms is not None and task is not None:
                    self._not_before[task] = answer.until_ms
                self._outage.failed(call if answer.account is None else answer.account, answer)
            case Listing() | Pass():
                # An incomplete one may be nothing but failures.
                if answer.complete:
                    self._outage.succeeded(call, began_ms=answer.began_ms)
                else:
                    counters.incomplete += 1

    async def _owned(self, asking: Coroutine[Any, Any, object]) -> None:
        """Ask in a task that `close` ends: whoever waits for it, a job of the clockwork, then simply goes on."""
        task = asyncio.create_task(asking, name=f"ask {self.settings.name}")
        self._keep(task)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not task.cancelled():
            task.result()

    def _keep(self, task: asyncio.Task[object]) -> None:
        self._background.add(task)
        task.add_done_callback(self._background.discard)
