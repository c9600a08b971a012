"""What the log says of alerts, and when."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from structlog.testing import capture_logs

from daemon.moves import LINES_AT_ONCE, Moves
from rules.model import Severity, Tick
from rules.outcome import Outcome, Transition
from rules.records import AlertKey, Subject
from state.prepared import Entry


def batch(count: int) -> list[Entry]:
    outcome = Outcome()
    for number in range(count):
        key = AlertKey("floor", Subject("x", number))
        for before, after in (("", "pending"), ("pending", "firing")):
            outcome.transitions.append(
                Transition(f"A{number}", key, "floor", 1_000, before, after, Severity.WARNING)
            )
    return [Entry(Tick(1_000), 1_000, outcome)]


async def test_thousands_of_lines_are_said_a_few_in_each_turn_of_the_loop() -> None:
    moves, turns = Moves(), [0]
    with capture_logs() as said:
        moves.committed(batch(1_000))
        for _ in range(1_000):
            await asyncio.sleep(0)
            turns.append(len(said))
    assert moves.counts == {"pending": 1_000, "firing": 1_000}
    assert max(after - before for before, after in pairwise(turns)) <= LINES_AT_ONCE
    assert [line["alert"] for line in said] == [f"A{number}" for number in range(1_000)]


async def test_what_is_not_said_yet_is_said_at_the_end() -> None:
    moves = Moves()
    with capture_logs() as said:
        moves.committed(batch(100))
        await asyncio.sleep(0)
        assert len(said) < 100
        moves.close()
        assert len(said) == 100
        await asyncio.sleep(0)
    assert len(said) == 100
