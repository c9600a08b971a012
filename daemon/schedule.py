"""The clockwork: named repeating jobs. The only importer of APScheduler, and all that is known of its traps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from state.errors import StateError

log = structlog.get_logger(__name__)

Job = Callable[[], Awaitable[None]]


class Schedule:
    """Jobs that never overlap and are never dropped: a late run is run once, when its turn comes."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(timezone="UTC")
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
