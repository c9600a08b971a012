"""The clockwork: named repeating jobs. The only importer of APScheduler, and all that is known of its traps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from time import monotonic, time
from typing import Final

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from state.errors import StateError

log = structlog.get_logger(__name__)

Job = Callable[[], Awaitable[None]]

STEP_SECONDS: Final = 1.0
"""A wall clock that runs away from the monotonic one by so much between two looks was set."""


class _Steady(AsyncIOScheduler):  # type: ignore[misc]  # it has no types
    """Moves with a wall clock that is set: else a step back would stop all jobs for as long as it is wide.

    A step ahead of some months would hold up the loop with all runs that were missed.
    """

    def __init__(self, on_step: Callable[[float], None]) -> None:
        super().__init__(timezone="UTC")
        self._on_step = on_step
        self._ahead = time() - monotonic()

    def wakeup(self) -> None:
        self.look()
        super().wakeup()

    def look(self) -> None:
        """Whether the clock was set meanwhile: before anything is reckoned from it."""
        ahead = time() - monotonic()
        step, self._ahead = ahead - self._ahead, ahead
        if abs(step) >= STEP_SECONDS:
            log.warning("clock.set", seconds=round(step, 1))
            for job in self.get_jobs():
                job.modify(next_run_time=job.next_run_time + timedelta(seconds=step))
            self._on_step(step)


class Schedule:
    """Jobs that never overlap and are never dropped: a late run is run once, when its turn comes.

    `on_step` hears by how many seconds the wall clock was set, once they are noticed: within a second of a daemon's.
    """

    def __init__(self, on_step: Callable[[float], None] = lambda _seconds: None) -> None:
        self._scheduler = _Steady(on_step)
        self._running: set[asyncio.Task[object]] = set()
        self._refused: set[str] = set()  # jobs that the state refuses now
        self._draining = False
        self._epoch = datetime.now(UTC)

    def start(self) -> None:
        """Begin to run jobs."""
        self._scheduler.start()

    def every(
        self, name: str, seconds: float, job: Job, *, first_after: float = 0.0, in_step: bool = False
    ) -> None:
        """Run `job` every so many seconds, the first time after `first_after`. A job of that name is replaced.

        Jobs in step run at the same moments, up to their own `seconds` later than asked: one wake-up serves them all.
        """
        self._scheduler.look()
        start = datetime.now(UTC) + timedelta(seconds=first_after)
        if in_step:
            since, step = start - self._epoch, timedelta(seconds=seconds)
            start = self._epoch + -(-since // step) * step
        self._scheduler.add_job(
            self._guarded(name, job),
            IntervalTrigger(seconds=seconds, start_date=start, timezone=UTC),
            id=name,
            replace_existing=True,
            # The defaults drop a run that is a second late; one run catches up for all that were missed.
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
            next_run_time=start,
        )

    def forget(self, name: str) -> None:
        """Remove a job; the run under way ends by itself."""
        if self._scheduler.get_job(name) is not None:
            self._scheduler.remove_job(name)

    async def drain(self, seconds: float) -> None:
        """Start nothing more, wait for what runs, cancel the rest. `shutdown(wait=True)` would cancel all of it."""
        if not self._scheduler.running:
            return  # a start that failed early
        self._scheduler.pause()
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        self._draining = True
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._scheduler.shutdown(wait=False)

    def _guarded(self, name: str, job: Job) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            structlog.contextvars.clear_contextvars()
            task = asyncio.current_task()
            if task is not None:
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            try:
                await job()
            except asyncio.CancelledError:
                if not self._draining:
                    raise
            except StateError as error:
                # Known and told of by /readyz: one line when it begins, one when it is over, and no traceback.
                if name not in self._refused:
                    self._refused.add(name)
                    log.error("job.refused", job=name, reason=str(error))
            except Exception:
                # A job boundary: the next run is tried as ever, and the fault is on record.
                log.exception("job.failed", job=name)
            else:
                if name in self._refused:
                    self._refused.discard(name)
                    log.info("job.accepted_again", job=name)

        return run
