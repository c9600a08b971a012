"""A fold that goes on from a checkpoint beside the one that was never cut (law 13)."""

from __future__ import annotations

from collections.abc import Sequence

from rules.checkpoint import restore, take
from rules.judge import Input, judge
from rules.world import World
from state.checkpoints import Cut, decode, encode


def both(inputs: Sequence[tuple[Input, int]], place: int) -> tuple[World, World]:
    """The World of all inputs, and that of one cut at `place`; each input had the same outcome in both."""
    lived, gone_on = World(), None
    for number, (event, now_ms) in enumerate(inputs):
        if number == place % len(inputs):
            kept = encode(Cut(1, now_ms, take(lived)))
            gone_on = restore(decode(kept.digest, kept.body), lived.ruleset)
        outcome = judge(lived, event, now_ms)
        if gone_on is not None:
            assert judge(gone_on, event, now_ms) == outcome
    assert gone_on is not None
    return lived, gone_on
