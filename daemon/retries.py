"""What failed, until it makes sense to ask again: in its own turn a sweep may pass, or `poll_every`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from daemon.exchanges.base import Task
from rules.model import Severity


class Retries:
    """Each task once, with how urgent it is, if it is. `again` is called with both when its time has come."""

    def __init__(self, again: Callable[[Task, Severity | None], None]) -> None:
        self._again = again
        self._timers: dict[Task, asyncio.TimerHandle] = {}
        self._urgent: dict[Task, Severity] = {}

    def __bool__(self) -> bool:
        return bool(self._timers)

    def put_off(self, task: Task, seconds: float, urgent: Severity | None) -> None:
        """Ask again so much later; what was urgent before stays so."""
        urgent = urgent or self._urgent.get(task)
        self.drop(task)
        self._timers[task] = asyncio.get_running_loop().call_later(seconds, self._due, task)
        if urgent is not None:
            self._urgent[task] = urgent

    def urge(self, task: Task, severity: Severity) -> None:
        """Where it is put off, it is urgent from now on."""
        if task in self._timers:
            self._urgent.setdefault(task, severity)

    def drop(self, task: Task) -> None:
        """It was read meanwhile."""
        timer = self._timers.pop(task, None)
        if timer is not None:
            timer.cancel()
        self._urgent.pop(task, None)

    def close(self) -> None:
        """Ask for nothing any more."""
        for task in list(self._timers):
            self.drop(task)

    def _due(self, task: Task) -> None:
        del self._timers[task]
        self._again(task, self._urgent.pop(task, None))
