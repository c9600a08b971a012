"""Whoever matters whenever, and whatever is hurried: nobody waits longer than the bound, nobody is read too soon."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.exchanges.base import Task
from daemon.waiting import SHARE, Queue
from rules.model import Identity, Severity

POLL = 10


class Line:
    """One call at a time, each of one unit; the dispatcher comes every POLL."""

    def __init__(self, count: int) -> None:
        self.tasks = [Task("funding", "funding", Identity(name=str(at)), "funding") for at in range(count)]
        self.ranks: dict[Task, int] = {}
        self.last: dict[Task, int] = {}
        self.queue = Queue(POLL, lambda task: self.ranks.get(task, 0), lambda task: self.last.get(task, 0))
        self.starts: list[tuple[int, Task, bool]] = []
        self.now = POLL

    def dispatch(self) -> None:
        for task in sorted(self.tasks, key=lambda one: self.last.get(one, 0)):
            if task not in set(self.queue.all()):
                self.queue.add(task)
            if self.ranks.get(task):
                self.queue.prefer(task)

    def step(self) -> None:
        if self.now % POLL == 0:
            self.dispatch()
        hurried = self.queue.next_urgent()
        task, urgent = self.queue.next(self.now) if hurried is None else hurried[0], hurried is not None
        begun, self.now = self.now, self.now + 1
        if task is None:
            return
        self.queue.running[task] = None  # type: ignore[assignment]
        self.starts.append((begun, task, urgent))
        del self.queue.running[task]
        self.last[task] = self.now
        if self.ranks.get(task):
            self.queue.prefer(task)


moves = st.lists(
    st.tuples(
        st.integers(0, 29), st.sampled_from(["calm", "changed", "near", "firing", "pending", "hurry", "fail"])
    ),
    max_size=120,
)


@given(moves, st.integers(12, 30), st.integers(1, 5))
def test_nobody_waits_longer_than_the_bound_and_nobody_is_read_too_soon(
    changes: list[tuple[int, str]], count: int, pace: int
) -> None:
    line = Line(count)
    names = ["calm", "changed", "near", "firing", "pending"]
    hurried = 0
    for at, what in changes:
        task = line.tasks[at % count]
        if what == "hurry":
            line.queue.hurry(task, Severity.WARNING)
            hurried += 1
        elif what == "fail":
            line.queue.retry(task)
            hurried += 1
        else:
            line.ranks[task] = names.index(what)
        for _ in range(pace):
            line.step()
    for _ in range(3 * count):
        line.step()
    bound = count * SHARE // (SHARE - 1) + POLL + hurried
    seen: dict[Task, int] = {}
    for begun, task, urgent in line.starts:
        before = seen.get(task)
        if before is not None:
            assert begun - before <= bound
            assert urgent or begun - before > POLL or hurried
        seen[task] = begun
    assert set(seen) == set(line.tasks)
    assert all(line.now - at <= bound for at in seen.values())


def test_one_start_of_so_many_goes_ahead_while_others_wait() -> None:
    line = Line(100)
    wanted = set(line.tasks[:5])  # at every POLL each: half of all starts
    line.ranks = dict.fromkeys(wanted, 3)
    for _ in range(400):
        line.step()
    ahead = [task in wanted for _, task, _ in line.starts[100:]]
    counts = {sum(ahead[at : at + 10 * SHARE]) for at in range(len(ahead) - 10 * SHARE)}
    assert min(counts) >= 9
    assert max(counts) <= 11, "but for the turns that they have like all others"


def test_what_is_under_way_is_asked_again_and_what_is_hurried_loses_its_place() -> None:
    line = Line(3)
    line.dispatch()
    assert line.queue.next_urgent() is None
    assert line.queue.next(10) == line.tasks[0]
    line.queue.running[line.tasks[0]] = None  # type: ignore[assignment]
    line.queue.hurry(line.tasks[0], Severity.INFO)
    line.queue.hurry(line.tasks[0], Severity.CRITICAL)
    assert line.queue.again == {line.tasks[0]: Severity.CRITICAL}
    line.queue.hurry(line.tasks[2], Severity.INFO)
    assert line.queue.next_urgent() == (line.tasks[2], Severity.INFO)
    assert line.queue.next_urgent() is None
    assert line.queue.next(10) == line.tasks[1]
    assert line.queue.next(10) is None
