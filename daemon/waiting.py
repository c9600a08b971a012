"""The tasks of one pool that wait: confirming reads, then in turn the ordinary ones and those that matter.

Ordinary tasks go round: whoever was read longest ago is next. A task that matters is due again `every_ms` after its
last reading, ahead of its turn, but no more than one start in SHARE is such a one while others wait: so a sweep over
the others takes at most SHARE ÷ (SHARE - 1) of its lawful time. Confirming reads are the venue's business: they pass
all, with half of its budget at most. A task that failed is due again ahead of its turn as well, when that makes sense.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import chain
from typing import Final

from daemon.exchanges.base import Task
from rules.model import Severity

SHARE: Final = 4
"""One start of so many may go to a task ahead of its turn, while others wait."""


@dataclass(slots=True)
class Queue:
    """`rank` tells how much a task matters now, 0 is not at all; `last_ms` when a task was last done."""

    every_ms: int
    rank: Callable[[Task], int]
    last_ms: Callable[[Task], int]
    running: dict[Task, asyncio.Task[None]] = field(default_factory=dict)
    urgent: set[Task] = field(default_factory=set)  # of those, from `next_urgent` on
    hurried: dict[Task, Severity] = field(default_factory=dict)
    again: dict[Task, Severity] = field(default_factory=dict)  # asked for while it was under way
    _ordinary: deque[Task] = field(default_factory=deque)
    _waiting: set[Task] = field(default_factory=set)  # those of `_ordinary` that are meant
    _void: dict[Task, int] = field(default_factory=dict)  # so many of its first places in `_ordinary` are not
    _early: set[Task] = field(default_factory=set)  # done ahead of their turn since their last one
    _urgent: list[tuple[int, int, Task]] = field(default_factory=list)  # a heap: the most severe, the first
    _failed: set[Task] = field(default_factory=set)  # due again
    _later: list[tuple[int, int, Task]] = field(default_factory=list)  # a heap: due at
    _due: list[tuple[int, int, Task]] = field(default_factory=list)  # a heap: those that matter most
    _preferred: dict[Task, int] = field(default_factory=dict)  # those of both: the number of the place
    _credit: int = 0  # ordinary starts since the last one ahead of its turn
    _count: int = 0

    @property
    def behind(self) -> bool:
        """Whether ordinary tasks wait."""
        return bool(self._waiting)

    def all(self) -> Iterator[Task]:
        """Those that wait for their turn, are hurried or are under way; one may come twice."""
        return chain(self.running, self._waiting, self.hurried)

    def add(self, task: Task) -> None:
        """At the end of the ordinary tasks; it may not be here yet."""
        self._waiting.add(task)
        self._ordinary.append(task)

    def prefer(self, task: Task) -> None:
        """It matters: it is due again `every_ms` after its last reading."""
        if task not in self._preferred:
            self._put(task, self.last_ms(task) + self.every_ms)

    def hurry(self, task: Task, severity: Severity) -> None:
        """Ahead of all others; what is under way is asked again, because it may have begun too early."""
        if task in self.running:
            self.again[task] = highest(severity, self.again.get(task))
        elif task not in self.hurried or severity.rank > self.hurried[task].rank:
            self.hurried[task] = severity
            self._count += 1
            heappush(self._urgent, (-severity.rank, self._count, task))

    def retry(self, task: Task) -> None:
        """It told nothing, and is due again; what is under way is."""
        if task in self.running:
            return
        self._failed.add(task)
        heappush(self._due, (-self.rank(task), self._number(task), task))

    def clock_set_back(self, now_ms: int) -> None:
        """Nothing is due later than if it had been read just now."""
        self._later = [(min(due_ms, now_ms + self.every_ms), at, task) for due_ms, at, task in self._later]
        heapify(self._later)

    def next_urgent(self) -> tuple[Task, Severity] | None:
        """The next hurried task that is not under way; it no longer waits."""
        while self._urgent:
            _, _, task = heappop(self._urgent)
            severity = self.hurried.pop(task, None)
            if severity is None:
                continue  # raised meanwhile, it had its turn already
            if task in self._waiting:
                self._waiting.discard(task)
                self._leave_place(task)
            if task not in self.running:
                self._failed.discard(task)
                self.urgent.add(task)
                return task, severity
        return None

    def next(self, now_ms: int) -> Task | None:
        """The next of the others that is not under way; it no longer waits."""
        # Of those that wait none may be meant, and then nobody waits.
        return self._next_preferred(now_ms) or self._next_ordinary(now_ms) or self._next_preferred(now_ms)

    def _next_ordinary(self, now_ms: int) -> Task | None:
        while self._ordinary:
            task = self._ordinary.popleft()
            void = self._void.pop(task, 0) if self._void else 0
            if void:
                if void > 1:
                    self._void[task] = void - 1
                continue
            self._waiting.discard(task)
            if task in self.running or task in self.hurried:
                continue  # what is hurried has a better place, and fails with it
            if self._early and task in self._early:
                self._early.discard(task)
                if self._due_ms(task) > now_ms and task not in self._failed:
                    continue  # it was done not long ago: the dispatcher queues it again
            if self._failed:
                self._failed.discard(task)
            self._credit += 1
            return task
        return None

    def _next_preferred(self, now_ms: int) -> Task | None:
        while self._later and self._later[0][0] <= now_ms:
            _, number, task = heappop(self._later)
            if self._is_due(task, number, now_ms):
                heappush(self._due, (-self.rank(task), number, task))
        while self._due and (self._credit >= SHARE - 1 or not self._waiting):
            _, number, task = heappop(self._due)
            if self._is_due(task, number, now_ms):
                del self._preferred[task]
                self._failed.discard(task)
                self._credit = 0
                if self._waiting:
                    self._early.add(task)
                if task in self._waiting:  # its next turn comes when all that wait now have had theirs
                    self._leave_place(task)
                    self._ordinary.append(task)
                return task
        return None

    def _is_due(self, task: Task, number: int, now_ms: int) -> bool:
        """Whether it still matters, or failed, and was not done meanwhile; where it was, it is due later."""
        if self._preferred.get(task) != number:
            return False
        is_read = task in self.running or task in self.hurried
        if task in self._failed and not is_read:
            return True
        self._failed.discard(task)
        if not self.rank(task):
            del self._preferred[task]
            return False
        due_ms = now_ms + self.every_ms if is_read else self._due_ms(task)
        if due_ms > now_ms:
            self._put(task, due_ms)
            return False
        return True

    def _due_ms(self, task: Task) -> int:
        return self.last_ms(task) + self.every_ms

    def _put(self, task: Task, due_ms: int) -> None:
        heappush(self._later, (due_ms, self._number(task), task))

    def _number(self, task: Task) -> int:
        self._count += 1
        self._preferred[task] = self._count
        return self._count

    def _leave_place(self, task: Task) -> None:
        self._void[task] = self._void.get(task, 0) + 1


def highest(one: Severity, other: Severity | None) -> Severity:
    """The more severe of both."""
    return one if other is None or one.rank >= other.rank else other
