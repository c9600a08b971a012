"""`runway` under any course of a figure: what a rate may depend on, and what it may not."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.checkpoint import restore, take
from rules.judge import judge
from rules.model import Severity
from rules.runways import STRETCHES_MOST, rate
from rules.types.base import Zone
from rules.types.levels import Tier
from rules.types.runway import Rate, Runway, empties_within, left_ms
from rules.world import World
from tests.engine import Engine, runway

RULE = runway("soon empty", "5m", {"warning": "1h", "critical": "10m"})
START = 1_000_000

Step = tuple[int, int, int]
STEPS = st.lists(
    st.tuples(
        st.integers(1, 400),  # seconds since the reading before: some are gaps in which the account is stale
        st.integers(0, 500),  # what fell
        st.sampled_from([0, 0, 0, 1, 2_000]),  # what was topped up with it
    ),
    max_size=30,
)


def lived(steps: list[Step], *, scale: Decimal = Decimal(1), top_ups: bool = True, times: int = 1) -> Engine:
    engine, value = Engine(RULE), START
    engine.reads("a@x", USDT=format(value * scale, "f"))
    for seconds, fall, top_up in steps:
        engine.after(seconds * 1_000)
        # A reading sees the sum of both: here only one of them, so that it is known what fell.
        value += top_up if top_ups and top_up else 0 if top_up else -fall * times
        engine.reads("a@x", USDT=format(value * scale, "f"))
    return engine


def rate_of(engine: Engine) -> Rate:
    (trail,) = engine.world.trails.values()
    return rate(trail, engine.now_ms - 1_000, 300_000)


@given(STEPS)
def test_top_ups_change_no_rate(steps: list[Step]) -> None:
    assert rate_of(lived(steps)) == rate_of(lived(steps, top_ups=False))


@given(STEPS, st.integers(2, 50))
def test_more_consumption_never_leaves_more_time(steps: list[Step], times: int) -> None:
    less, more = rate_of(lived(steps)), rate_of(lived(steps, times=times))
    assert more.seen_ms == less.seen_ms
    assert more.fell >= less.fell
    for value in (Decimal(1), Decimal("333.3")):
        left, sooner = left_ms(value, Decimal(0), less), left_ms(value, Decimal(0), more)
        assert sooner is None if left is None else sooner is not None and sooner <= left


@given(STEPS, st.sampled_from(["1e-18", "0.001", "7", "1e12"]))
def test_the_unit_of_a_coin_decides_nothing(steps: list[Step], scale: str) -> None:
    here, there = lived(steps), lived(steps, scale=Decimal(scale))
    assert [(one.at_ms, one.before, one.after) for one in here.transitions] == [
        (one.at_ms, one.before, one.after) for one in there.transitions
    ]
    assert rate_of(there) == Rate(rate_of(here).fell * Decimal(scale), rate_of(here).seen_ms)


@given(STEPS)
def test_what_was_observed_is_never_more_than_the_time_that_passed(steps: list[Step]) -> None:
    engine = lived(steps)
    (trail,) = engine.world.trails.values()
    observed = rate(trail, engine.now_ms - 1_000, 10**12)
    assert observed.seen_ms <= sum(seconds for seconds, _, _ in steps) * 1_000
    assert len(trail) <= STRETCHES_MOST + 1


@given(STEPS, st.integers(0, 30))
@settings(max_examples=50)
def test_law_13_a_replay_from_any_checkpoint_gives_the_same_transitions_and_trails(
    steps: list[Step], at: int
) -> None:
    engine = lived(steps)
    world, transitions = World(), []
    for index, (event, now_ms) in enumerate(engine.inputs):
        if index == at and index > 1:
            world = restore(take(world), engine.ruleset)
        transitions += judge(world, event, now_ms).transitions
    assert transitions == engine.transitions
    assert world.trails == engine.world.trails


@given(
    st.decimals(0, 10**9, places=9),
    st.decimals(0, 10**9, places=9),
    st.integers(1, 10**9),
    st.integers(1, 10**9),
)
def test_the_verdict_and_the_time_shown_agree(
    value: Decimal, fell: Decimal, seen_ms: int, within_ms: int
) -> None:
    pace = Rate(fell, seen_ms)
    left = left_ms(value, Decimal(0), pace)
    if empties_within(value, Decimal(0), pace, within_ms):
        assert left is not None
        assert left <= within_ms
    elif left is not None:
        assert left >= within_ms  # rounded down
    verdict = Runway(seen_ms, (Tier(Decimal(within_ms)),)).verdict(value, Severity.WARNING, pace)
    assert (verdict.zone is Zone.QUALIFIES) == empties_within(value, Decimal(0), pace, within_ms)
