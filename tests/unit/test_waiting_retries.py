"""The queue of one pool: what failed and what matters come ahead of their turn, and leave nothing behind."""

from __future__ import annotations

import asyncio

from daemon.exchanges.base import Task
from daemon.retries import LEAST_SECONDS, URGENT_TRIES, Retries
from daemon.waiting import SHARE, Queue
from rules.model import Identity, Severity

EVERY_MS = 1_000
TASKS = [Task("p", "p", Identity(name=str(number)), "spot") for number in range(8)]
ONE = TASKS[0]


class Clock:
    def __init__(self) -> None:
        self.now_ms = 0
        self.last: dict[Task, int] = {}
        self.ranks: dict[Task, int] = {}
        self.queue = Queue(
            EVERY_MS, lambda task: self.ranks.get(task, 0), lambda task: self.last.get(task, 0)
        )

    def next(self) -> Task | None:
        found = self.queue.next(self.now_ms)
        if found is not None:
            self.last[found] = self.now_ms
        return found


def test_what_failed_is_next_where_nobody_waits_and_has_its_turn_as_well() -> None:
    clock = Clock()
    clock.queue.retry(ONE)
    assert clock.next() == ONE
    assert clock.next() is None
    clock.now_ms += EVERY_MS // 2
    clock.queue.add(ONE)
    assert clock.next() == ONE, "a poll later it would be twice as old as it may be"


def test_what_failed_has_one_start_in_four_while_others_wait_and_is_not_read_twice_for_it() -> None:
    clock = Clock()
    for task in TASKS:
        clock.queue.add(task)
    for task in TASKS[4:]:
        clock.queue.retry(task)
    found = []
    while (task := clock.next()) is not None:
        found.append(task)
    assert found[: SHARE - 1] == TASKS[: SHARE - 1]
    assert found[SHARE - 1] == TASKS[4]
    assert sorted(found, key=TASKS.index) == TASKS


def test_what_matters_goes_before_what_failed() -> None:
    clock = Clock()
    clock.ranks[TASKS[1]] = 3
    clock.queue.retry(ONE)
    clock.queue.prefer(TASKS[1])
    clock.now_ms += EVERY_MS
    assert [clock.next(), clock.next()] == [TASKS[1], ONE]


def test_what_is_asked_for_in_several_ways_is_one_place() -> None:
    clock = Clock()
    clock.ranks[ONE] = 1
    queue = clock.queue
    for turn in range(200):
        clock.now_ms += EVERY_MS // 3
        queue.prefer(ONE)
        if turn % 2:
            queue.retry(ONE)
        if turn % 3 == 0:
            queue.hurry(ONE, Severity.WARNING)
            assert queue.next_urgent() == (ONE, Severity.WARNING)
        while clock.next() is not None:
            pass
        assert len(queue._later) + len(queue._due) <= 5
    assert not queue._failed


def test_an_urgent_task_comes_with_how_severe_it_is_and_no_more_as_one_that_failed() -> None:
    clock = Clock()
    clock.queue.retry(ONE)
    clock.queue.hurry(ONE, Severity.CRITICAL)
    assert clock.queue.next_urgent() == (ONE, Severity.CRITICAL)
    assert clock.next() is None


def test_what_was_begun_ahead_of_its_turn_and_failed_is_not_skipped_in_its_turn() -> None:
    clock = Clock()
    clock.ranks[ONE] = 1
    for task in TASKS[1:5]:
        clock.queue.add(task)
    clock.queue.prefer(ONE)
    clock.now_ms += EVERY_MS
    assert [clock.next() for _ in range(SHARE)] == [*TASKS[1:4], ONE]
    clock.queue.add(ONE)
    clock.queue.retry(ONE)
    assert [clock.next() for _ in range(3)] == [TASKS[4], ONE, None]


def test_what_is_under_way_is_not_due_again_for_an_old_failure() -> None:
    clock = Clock()
    clock.queue.running[ONE] = None  # type: ignore[assignment]
    clock.queue.retry(ONE)
    del clock.queue.running[ONE]
    assert clock.next() is None
    clock.queue.retry(ONE)
    clock.queue.running[ONE] = None  # type: ignore[assignment]
    assert clock.next() is None
    del clock.queue.running[ONE]
    clock.queue.retry(ONE)
    assert clock.next() == ONE


def test_what_failed_is_next_though_none_of_those_that_wait_is_meant() -> None:
    clock = Clock()
    clock.queue.add(TASKS[1])
    clock.queue.running[TASKS[1]] = None  # type: ignore[assignment]
    clock.queue.retry(ONE)
    assert clock.next() == ONE


def test_what_is_hurried_stays_so_when_its_turn_comes_though_it_matters_as_well() -> None:
    clock = Clock()
    clock.ranks[ONE] = 3
    clock.queue.add(ONE)
    clock.queue.prefer(ONE)
    clock.queue.hurry(ONE, Severity.CRITICAL)
    clock.now_ms += EVERY_MS
    assert clock.next() is None
    assert not clock.queue.behind
    assert clock.queue.next_urgent() == (ONE, Severity.CRITICAL)


def test_what_is_wanted_more_urgently_than_before_passes_what_was_more_urgent_until_then() -> None:
    queue, (one, two, three, *_) = Clock().queue, TASKS
    queue.hurry(one, Severity.INFO)
    queue.hurry(two, Severity.WARNING)
    queue.hurry(three, Severity.INFO)
    queue.hurry(one, Severity.CRITICAL)
    queue.hurry(one, Severity.WARNING)
    assert queue.next_urgent() == (one, Severity.CRITICAL)
    assert queue.next_urgent() == (two, Severity.WARNING)
    assert queue.next_urgent() == (three, Severity.INFO), "nobody is asked twice"
    assert queue.next_urgent() is None


async def test_urgency_lasts_for_some_tries_and_is_the_highest_that_was_wanted() -> None:
    heard: list[Severity | None] = []
    retries = Retries(lambda _task, urgent: heard.append(urgent))
    for _ in range(2 * URGENT_TRIES):  # however many want it, it is tried once for all of them
        retries.put_off(ONE, 0, Severity.CRITICAL)
        retries.put_off(ONE, 0, Severity.WARNING)
    await asyncio.sleep(3 * LEAST_SECONDS)
    assert heard == [Severity.CRITICAL]
    for _ in range(URGENT_TRIES):
        retries.put_off(ONE, 0, heard[-1])
        await asyncio.sleep(2 * LEAST_SECONDS)
    assert heard == [Severity.CRITICAL] * URGENT_TRIES + [None]
    retries.drop(ONE)
    retries.put_off(ONE, 0, Severity.INFO)
    retries.put_off(TASKS[1], 0, None)
    retries.keep_only({TASKS[1]})
    await asyncio.sleep(2 * LEAST_SECONDS)
    assert heard[URGENT_TRIES + 1 :] == [None]
    retries.put_off(ONE, 0, None)
    retries.close()
    await asyncio.sleep(2 * LEAST_SECONDS)
    assert len(heard) == 2 + URGENT_TRIES
    assert not retries
