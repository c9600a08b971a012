"""Whatever happens in whatever order: the invariants hold, nothing raises, and the same inputs give the same."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.judge import judge
from rules.world import World
from tests.engine import T0_MS, Engine, low, tables
from tests.properties.judge_moves import Watcher, moves, new_engine, play

SEQUENCES = st.lists(moves(), min_size=1, max_size=40)


@settings(max_examples=300)
@given(SEQUENCES)
def test_no_sequence_breaks_an_invariant(sequence: list[tuple[Any, ...]]) -> None:
    engine, watcher = new_engine(), Watcher()
    for move in sequence:
        play(engine, move)
        watcher.look(engine)


@settings(max_examples=150)
@given(SEQUENCES)
def test_law_13_the_same_inputs_on_a_fresh_world_give_the_same_outcomes(
    sequence: list[tuple[Any, ...]],
) -> None:
    engine = new_engine()
    outcomes = []
    for move in sequence:
        before = len(engine.inputs)
        play(engine, move)
        outcomes += [None] * (len(engine.inputs) - before - 1) + [repr(engine.outcome)]
    again = World()
    replayed = [repr(judge(again, event, now_ms)) for event, now_ms in engine.inputs][-len(outcomes) :]
    assert [new for old, new in zip(outcomes, replayed, strict=True) if old is not None] == [
        old for old in outcomes if old is not None
    ]
    for live, table in zip(tables(engine.world), tables(again), strict=True):
        assert live == table


@settings(max_examples=150)
@given(SEQUENCES)
def test_law_1_a_failure_changes_no_balance_and_no_verdict(sequence: list[tuple[Any, ...]]) -> None:
    engine = new_engine()
    for move in sequence:
        held, firing = dict(engine.world.holdings), _figures(engine)
        play(engine, move)
        if move[1] == "fail" and move[4].value != "denied":
            assert dict(engine.world.holdings) == held
            assert _figures(engine) == firing


def _figures(engine: Engine) -> dict[Any, str]:
    return {k: a.state for k, a in engine.world.alerts.items() if not k.rule.startswith("subtally/")}


@settings(max_examples=100)
@given(SEQUENCES)
def test_a_tick_right_after_a_tick_changes_nothing(sequence: list[tuple[Any, ...]]) -> None:
    engine = new_engine()
    for move in sequence:
        play(engine, move)
    engine.ticks()
    engine.forget_touched()
    engine.now_ms -= 1_000
    outcome = engine.ticks()
    assert outcome.transitions == []
    assert outcome.notifications == []
    assert engine.untouched()


FIGURES = st.sampled_from(["5", "99", "100", "150", "200", "500", ""])


@settings(max_examples=300)
@given(
    st.lists(st.tuples(FIGURES, st.sampled_from([1, 30, 60, 120])), max_size=40),
    st.integers(1, 3),
    st.sampled_from([0, 60, 150]),
    st.booleans(),
)
def test_firing_only_after_confirm_readings_and_for(
    readings: list[tuple[str, int]],
    confirm: int,
    for_seconds: int,
    band: bool,  # noqa: FBT001  hypothesis gives it
) -> None:
    """Against the sentence of the design, counted by hand."""
    rule = low("floor", "100", clear_at="200" if band else None, confirm=confirm, for_=f"{for_seconds}s")
    engine = Engine(rule)
    row = held = cleared = 0
    last: int | None = None
    firing = False
    for free, gap in readings:
        engine.now_ms += gap * 1_000
        engine.reads("a@x", rows={"USDT": (free, "0", "0", "0")})
        now = engine.now_ms
        if free:
            value = int(free)
            if value < 100:
                held += 0 if last is None else min(now - last, 300_000)
                row, cleared, last = row + 1, 0, now
                firing = firing or (row >= confirm and held >= for_seconds * 1_000)
            else:
                row, held, last = 0, 0, None
                cleared = cleared + 1 if value >= (200 if band else 100) else 0
                firing = firing and cleared < confirm
        assert any(state.startswith("firing floor") for state in engine.states()) is firing
    assert engine.now_ms > T0_MS - 1
