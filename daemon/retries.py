"""What failed, until it makes sense to ask again: in its own turn a sweep may pass, or `poll_every`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

from daemon.exchanges.base import Task
from daemon.waiting import highest
from rules.model import Severity

URGENT_TRIES: Final = 3
"""In a row: what fails for good must not take half of the budget for good."""

LEAST_SECONDS: Final = 0.05
"""The least wait, where its time was over before the failure was heard of."""


class Retries:
    """Each task once, with how urgent it is, if it is. `again` is called with both when its time has come."""

    def __init__(self, again: Callable[[Task, Severity | None], None]) -> None:
        self._again = again
        self._timers: dict[Task, asyncio.TimerHandle] = {}
        self._urgent: dict[Task, Severity] = {}
        self._tries: dict[Task, int] = {}

    def __bool__(self) -> bool:
        return bool(self._timers or self._tries)

    def put_off(self, task: Task, seconds: float, urgent: Severity | None) -> None:
        """Ask again so much later; what was urgent before is as urgent as the higher of both."""
        before, tries = self._urgent.get(task), self._tries.get(task, 0)
        if before is not None:
            urgent = highest(before, urgent)
        self.drop(task)
        self._timers[task] = asyncio.get_running_loop().call_later(
            max(seconds, LEAST_SECONDS), self._due, task
        )
        if urgent is not None and tries:
            self._tries[task] = tries
        if urgent is not None and tries < URGENT_TRIES:
            self._urgent[task] = urgent

    def drop(self, task: Task) -> None:
        """It told something meanwhile."""
        timer = self._timers.pop(task, None)
        if timer is not None:
            timer.cancel()
        self._urgent.pop(task, None)
        self._tries.pop(task, None)

    def keep_only(self, tasks: AbstractSet[Task]) -> None:
        """All others are asked for no more."""
        for task in [*(self._timers.keys() - tasks), *(self._tries.keys() - tasks)]:
            self.drop(task)

    def close(self) -> None:
        """Ask for nothing any more."""
        self.keep_only(frozenset())

    def _due(self, task: Task) -> None:
        del self._timers[task]
        urgent = self._urgent.pop(task, None)
        if urgent is not None:
            self._tries[task] = self._tries.get(task, 0) + 1
        self._again(task, urgent)
