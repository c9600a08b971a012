"""Law 11: a pool of slots for each limit of a venue, as the venue counts it.

A slot is taken before a call and comes free one window after its *response*: requests bunch on their way, so
that even spacing at the limit still draws refusals, while this draws none on fixed, sliding and bucket
servers.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from itertools import takewhile
from typing import Literal

from daemon.exchanges.earlier import Earlier
from daemon.exchanges.gates import Breaker, Gate, Outcome
from daemon.exchanges.others import Others
from daemon.exchanges.timeline import LoopTimeline, Timeline, Timer

MANY = 10  # from here on a share of the slots is precise enough; below, the window is stretched instead
BUNDLE_MOST = 10  # slots released by one wake-up
BUNDLE_SECONDS = 0.02  # and begun without an answer within so long: each waits for all that come with it
SLOWEST_SECONDS = 25  # no call takes longer
FREED_PARTS = 12  # in which what is spent goes into a record
BUNDLE_SHARE = 200  # a release waits for its followers for at most this part of the window
EVEN_SHARE = 1.01  # of the pause at which all slots are used: ahead of them each bundle would wait for some
SHORTEST_SECONDS = 1e-6  # less than this is what sums of times are off by, and no wait


@dataclass(frozen=True, slots=True)
class Limit:
    """`calls` per window as documented (a weight limit over one call's weight), per user id or per IP."""

    calls: int
    window_seconds: int
    per: Literal["uid", "ip"] = "uid"

    def lawful(self, budget: Decimal) -> tuple[int, float]:
        """Slots, and the seconds after its response when a slot is free again."""
        if self.calls * budget >= MANY:
            return int(self.calls * budget), self.window_seconds
        stretched_us = (self.window_seconds * 1_000_000 / budget).to_integral_value(ROUND_CEILING)
        return self.calls, int(stretched_us) / 1_000_000


class Ticket:
    """One slot in use. `close` when the response has come, or never will."""

    __slots__ = ("_pool", "before", "began", "probe", "urgent")

    def __init__(self, pool: Pool, began: float, before: int, *, urgent: bool, probe: bool) -> None:
        self._pool: Pool | None = pool
        self.began = began
        # With those that the pool has started by now, all of ours that a header may count.
        self.before = before
        self.urgent = urgent
        self.probe = probe

    def seen_by_venue(self, calls: int) -> None:
        """What the usage header of the response counts; to be told before `close`."""
        if self._pool is not None:
            self._pool.seen_by_venue(calls, self)

    def close(self, outcome: Outcome = Outcome.NEUTRAL) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.closed(self, outcome)


class Pool:
    """The slots of one limit. Urgent callers pass ordinary ones but hold at most half of the slots.

    `slots` is our share of the `whole`, all that the venue allows. What others use is taken from our share, up to half
    of it, and more only where they leave less than that of the whole.
    """

    def __init__(
        self,
        slots: int,
        window_seconds: float,
        whole: int | None = None,
        *,
        gates: tuple[Gate, ...] = (),
        timeline: Timeline | None = None,
        backoff_most_seconds: float = 60,
        quiet_seconds: Callable[[], float] = float,
    ) -> None:
        self.slots = slots
        self.window_seconds = window_seconds
        self.whole = slots if whole is None else whole
        self.gate = Gate()
        self.breaker = Breaker(backoff_most_seconds)
        self.gates = (self.gate, *gates)
        self.evenly: set[object] = set()  # who wants ordinary calls to begin at an even pace
        self.moves = 0  # slots taken, answered and given back so far: what is spent is another after each
        self.started = 0  # slots taken so far
        self._timeline: Timeline = timeline or LoopTimeline()
        self._quiet_seconds = quiet_seconds
        self._under_way = 0
        self._begun: dict[Ticket, None] = {}  # those without an answer, in their order; but for old ones
        self._even_at = -math.inf  # when all that began since would have, at an even pace
        self._resting = False
        self._longest_seconds = 0.0  # that a call has taken
        self._urgent = 0  # slots of urgent callers, in use or cooling
        self._cooling: deque[tuple[float, bool, float]] = deque()  # free again at, urgent, begun at; in order
        self._earlier = Earlier()
        self._corrected = True  # by a header, which may know of calls after the last record
        self._others = Others()
        self._proved_until = -math.inf  # that there are any
        self._queues: dict[bool, deque[asyncio.Future[Ticket]]] = {True: deque(), False: deque()}
        self._timer: Timer | None = None
        self._timer_at = math.inf

    async def take(self, *, urgent: bool = False) -> Ticket:
        """Wait for a slot, for as long as the venue wants."""
        free = self.take_free(urgent=urgent)
        if free is not None:
            return free
        now = self._timeline.time()
        waiting: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        self._queues[urgent].append(waiting)
        self._arm(now)
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self.give_back(waiting.result())
            else:
                with contextlib.suppress(ValueError):  # those that went away with it were passed over already
                    self._queues[urgent].remove(waiting)
            raise

    def take_free(self, *, urgent: bool = False) -> Ticket | None:
        """A slot that is free now and that nobody waits for; None where one must wait."""
        now = self._timeline.time()
        self._expire(now)
        ahead = self._queues[True] or (not urgent and self._queues[False])
        return self._start(urgent=urgent) if not ahead and self._may_go(now, urgent=urgent) else None

    def closed(self, ticket: Ticket, outcome: Outcome) -> None:
        """The response of a ticket's call has come: its slot is free one window from now."""
        now = self._timeline.time()
        self.moves += 1
        self._under_way -= 1
        self._begun.pop(ticket, None)
        self._cooling.append((now + self.window_seconds, ticket.urgent, ticket.began))
        self._longest_seconds = max(self._longest_seconds, now - ticket.began)
        self.breaker.note(outcome, probe=ticket.probe, now=now)
        self._pump(now)

    def give_back(self, ticket: Ticket) -> None:
        """No call was made: the slot is free at once."""
        self.moves += 1
        self._under_way -= 1
        self._begun.pop(ticket, None)
        self._urgent -= ticket.urgent
        if self.evenly and not ticket.urgent:
            self._even_at -= self._even_seconds
        now = self._timeline.time()
        self.breaker.note(Outcome.NEUTRAL, probe=ticket.probe, now=now)
        self._pump(now)

    def seen_by_venue(self, calls: int, ticket: Ticket) -> None:
        """Obey a usage header: what it counts beyond our own calls is in use by others.

        It may count any call that we made since one window before its own began, and it does count those that were
        answered by then. More than the former proves that there are others; they are more than the latter by so many.
        """
        now = self._timeline.time()
        self._expire(now)
        if calls > ticket.before + self.started + self._earlier.count:
            self._proved_until = now + 2 * self.window_seconds
        known = now < self._proved_until
        if not (known or self._earlier.count):
            return
        beyond = max(0, calls - self._surely_counted(ticket.began, now - self.window_seconds))
        self._earlier.at_most(beyond)
        if not self._corrected:
            self._corrected = True
            self._earlier.add(beyond - self._earlier.count, now + self.window_seconds)
        if known:
            self._others.seen(beyond - self._earlier.count, now, self.window_seconds)

    def _surely_counted(self, began: float, since: float) -> int:
        """The call that began then, and those that were answered before and had begun since."""
        window, cooling = self.window_seconds, self._cooling
        later = sum(1 for _ in takewhile(lambda one: one[0] > began + window, reversed(cooling)))
        first = takewhile(lambda one: one[0] < since + window + self._longest_seconds, cooling)
        return 1 + max(0, len(cooling) - later - sum(1 for one in first if one[2] < since))

    def assume_used(self, parts: Collection[tuple[int, float]]) -> None:
        """Begin with slots in use, after a restart, so many for so many seconds; the first usage header corrects it.

        Of several exchanges with one key each knows the same.
        """
        now = self._timeline.time()
        self._expire(now)
        if sum(calls for calls, _ in parts) > self._earlier.count:
            self._earlier = Earlier()
            for calls, seconds in parts:
                self._earlier.add(calls, now + min(seconds, self.window_seconds))
            self._corrected = False

    def frees(self) -> list[tuple[int, float]]:
        """What is in use, in some parts: so many slots, free again at. Calls under way have not rested yet."""
        cooling, parts = self._cooling, [(calls, until) for until, calls in self._earlier.parts]
        count = min(FREED_PARTS, len(cooling))
        ends = [len(cooling) * (part + 1) // count for part in range(count)]
        parts += [(end - begin, cooling[end - 1][0]) for begin, end in zip([0, *ends], ends, strict=False)]
        if self._under_way:
            parts.append((self._under_way, self._timeline.time() + self.window_seconds))
        return parts

    def take_over(self, pool: Pool) -> None:
        """It turned out to be the same limit: what is spent there is spent here, and its gate is closed here, too."""
        self.gate.hold(pool.gate.until)
        if pool is self:
            return
        # Of calls that are under way there no answer is heard of here.
        more_seconds = SLOWEST_SECONDS if pool._under_way else 0
        for calls, until in pool.frees():
            self._earlier.add(calls, until + more_seconds)

    def draw(self, rates: Collection[tuple[int, float, float]]) -> None:
        """Who draws on it now, each by slots, window and longest backoff: the smallest rate counts for all."""
        self.slots, self.window_seconds, _ = min(rates, key=lambda rate: rate[0] / rate[1])
        self.breaker.most_seconds = max(rate[2] for rate in rates)

    @property
    def idle(self) -> bool:
        """Whether nothing of it is in use, held or waited for, and nothing failed: a new one would be the same."""
        waited_for = self._queues[True] or self._queues[False]
        held = self.breaker.broken or self.gate.until > self._timeline.time()
        return not (waited_for or held or self.used)

    @property
    def used(self) -> int:
        """Slots not free now."""
        self._expire(self._timeline.time())
        return self.slots - min(self.slots, max(0, self._free))

    @property
    def _ours(self) -> int:
        """Slots that others leave us."""
        others = self._others.most
        return min(self.whole - others, max(self.slots - others, self.slots // 2))

    @property
    def _free(self) -> int:
        return self._ours - self._under_way - len(self._cooling) - self._earlier.count

    def _expire(self, now: float) -> None:
        cooling = self._cooling
        while cooling and cooling[0][0] <= now:
            self._urgent -= cooling.popleft()[1]
        if self._earlier.count and self._earlier.until <= now:
            self._earlier.expire(now)
            self._corrected = self._corrected or not self._earlier.count
        if self._others.until <= now:
            self._others.expire(now, self.window_seconds)

    def _ready_at(self) -> float:
        ready = self.breaker.ready_at()
        for gate in self.gates:
            ready = max(ready, gate.until)
        return ready

    def _open(self, now: float) -> bool:
        return self._ready_at() <= now

    def _fits(self, *, urgent: bool) -> bool:
        free = self._free
        if urgent:
            return free > 0 and self._urgent < max(1, self.slots // 2)
        # A wide pool keeps a few slots back: when a burst has used up a minute's worth, a confirming read
        # still goes.
        return free > self.slots // BUNDLE_SHARE

    def _may_go(self, now: float, *, urgent: bool) -> bool:
        return self._open(now) and self._fits(urgent=urgent) and not self._pause_seconds(urgent=urgent)

    def _pause_seconds(self, *, urgent: bool) -> float:
        """For how long ordinary callers leave a free slot alone; 0 where they need not.

        While something is to be told, and while a bundle of calls that began just now has no answer; where the pace
        is to be even, until that bundle's time is over. After a restart a bundle goes alone until a header tells what
        went out after the last record.
        """
        if urgent:
            return 0.0
        quiet_seconds = self._quiet_seconds()
        if not self._corrected and self._under_way >= BUNDLE_MOST:
            return max(quiet_seconds, BUNDLE_SECONDS)
        if self.evenly and (rest_seconds := self._rest_seconds()):
            return max(quiet_seconds, rest_seconds)
        if quiet_seconds or len(self._begun) < BUNDLE_MOST:
            return quiet_seconds
        since = self._timeline.time() - BUNDLE_SECONDS
        self._begun = {ticket: None for ticket in self._begun if ticket.began > since}
        return next(iter(self._begun)).began - since if len(self._begun) >= BUNDLE_MOST else 0.0

    @property
    def _even_seconds(self) -> float:
        return EVEN_SHARE * self.window_seconds / max(1, self._ours)

    def _rest_seconds(self) -> float:
        """After a bundle, until as many would have begun one by one."""
        ahead = self._even_at - self._timeline.time()
        most = BUNDLE_MOST * self._even_seconds - SHORTEST_SECONDS
        self._resting = ahead > SHORTEST_SECONDS and (self._resting or ahead >= most)
        return ahead if self._resting else 0.0

    def _start(self, *, urgent: bool) -> Ticket:
        if self.evenly and not urgent:
            self._even_at = max(self._even_at, self._timeline.time()) + self._even_seconds
        self.moves += 1
        self.started += 1
        self._under_way += 1
        self._urgent += urgent
        probe = self.breaker.broken
        self.breaker.probing |= probe
        before = self._under_way + len(self._cooling) - self.started
        ticket = Ticket(self, self._timeline.time(), before, urgent=urgent, probe=probe)
        self._begun[ticket] = None
        return ticket

    def _pump(self, now: float) -> None:
        if self._timer is None and not (self._queues[True] or self._queues[False]):
            return
        self._expire(now)
        for urgent in (True, False):
            queue = self._queues[urgent]
            while queue and self._may_go(now, urgent=urgent):
                waiting = queue.popleft()
                if not waiting.done():
                    waiting.set_result(self._start(urgent=urgent))
        self._arm(now)

    def _arm(self, now: float) -> None:
        """One timer at most, and none while nobody waits. One that fires too early arms again."""
        waiting = self._queues[True] or self._queues[False]
        when = max(self._ready_at(), self._next_start(now)) if waiting else math.inf
        if self._timer is not None:
            if waiting and self._timer_at <= when:
                return
            self._timer.cancel()
            self._timer = None
        if when < math.inf:
            self._timer_at = when
            self._timer = self._timeline.call_at(when, self._fire)

    def _next_start(self, now: float) -> float:
        if self._queues[True] and self._fits(urgent=True):
            return now
        if self._queues[False] and self._fits(urgent=False):
            rested = now + self._pause_seconds(urgent=False)
            return min(rested, self._next_release()) if self._queues[True] else rested
        return self._next_release()

    def _next_release(self) -> float:
        """When it pays to look again: the next slot, or about ten slots where they come close together."""
        others = min(self._others.until, self._earlier.until)
        if not self._cooling:
            return others
        when = first = self._cooling[0][0]
        if not self._queues[True]:
            latest = first + self.window_seconds / BUNDLE_SHARE
            last = min(BUNDLE_MOST, len(self._queues[False]), len(self._cooling)) - 1
            while self._cooling[last][0] > latest:
                last -= 1
            when = max(
                first, self._cooling[last][0]
            )  # behind slots of a window that was longer it may be earlier
        return min(when, others)

    def _fire(self) -> None:
        self._timer = None
        self._pump(self._timeline.time())
