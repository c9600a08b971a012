"""Law 13: a fold that goes on from a checkpoint is the fold from the beginning, bit for bit."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.checkpoint import restore
from rules.judge import judge
from rules.model import Start
from rules.outcome import Transition
from rules.ruleset import Ruleset
from rules.world import World
from state import Entry, Store
from state.checkpoints import decode, encode
from state.errors import MissingError
from tests.properties.going_on import both
from tests.properties.judge_moves import moves, new_engine, play
from tests.properties.test_state_replay import RULESETS, events
from tests.unit.test_state_support import same


@settings(max_examples=250)
@given(st.lists(moves(), min_size=1, max_size=40), st.integers(0, 60))
def test_law_13_a_world_restored_from_a_checkpoint_goes_on_as_the_one_that_was_not(
    sequence: list[tuple[Any, ...]], place: int
) -> None:
    engine = new_engine()
    for move in sequence:
        play(engine, move)
    lived, gone_on = both(engine.inputs, place)
    assert same(lived, gone_on)


@settings(max_examples=40)
@given(
    st.integers(0, 2**32),
    st.integers(1, 60),
    st.integers(1, 9),
    st.integers(0, 60),
    st.sets(st.integers(0, 20), min_size=1),
)
def test_law_13_the_log_after_any_checkpoint_stands_alone(
    seed: int, count: int, size: int, restart_after: int, places: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "subtally.db"
        inputs = events(seed, count)
        restart = (inputs[-1][0], Start(inputs[-1][0]))
        lived: list[Transition] = []
        cuts: list[tuple[int, int]] = []  # when, and how many transitions were lived by then
        commits = 0
        for part in (inputs[:restart_after], [restart, *inputs[restart_after:]]):
            with Store.open(path, migrate=True) as store:
                accepted = store.accepted_rules()
                world = store.load(RULESETS[accepted.digest] if accepted else Ruleset())
                for start in range(0, len(part), size):
                    found = part[start : start + size]
                    batch = [Entry(entry, now, judge(world, entry, now)) for now, entry in found]
                    lived += (step for entry in batch for step in entry.outcome.transitions)
                    prepared = store.prepare(batch, world)
                    cut = store.cut(world, found[-1][0]) if commits in places else None
                    store.write(prepared)
                    if cut is not None and (not cuts or cut.at_ms > cuts[-1][0]):
                        store.keep_checkpoint(encode(cut))
                        cuts.append((cut.at_ms, len(lived)))
                    commits += 1
        with Store.open(path, migrate=True) as store:
            whole, steps = _fold(store, World(), 0)
            assert steps == lived
            assert same(whole, world)
            for at_ms, before in cuts:
                origin = store.origin(at_ms)
                assert origin.checkpoint is not None
                begun = restore(origin.checkpoint, RULESETS.get(origin.checkpoint.digest, Ruleset()))
                ended, steps = _fold(store, begun, origin.seq)
                assert steps == lived[before:]
                assert same(ended, world)


def test_after_retention_the_log_is_still_replayed_from_the_checkpoint_it_kept(tmp_path: Path) -> None:
    inputs = events(7, 60)
    with Store.open(tmp_path / "subtally.db", migrate=True) as store:
        world, lived, cuts = World(), list[Transition](), list[tuple[int, int]]()
        for number, (now, entry) in enumerate(inputs):
            outcome = judge(world, entry, now)
            lived += outcome.transitions
            prepared = store.prepare([Entry(entry, now, outcome)], world)
            cut = store.cut(world, now) if number % 10 == 5 else None
            store.write(prepared)
            if cut is not None:
                store.keep_checkpoint(encode(cut))
                cuts.append((now, len(lived)))
        horizon_ms = cuts[2][0] + 1
        while store.retention(inputs[-1][0], inputs[-1][0] - horizon_ms):
            pass
        first_ms, _ = store.log_span() or (0, 0)
        assert first_ms > cuts[1][0], "nothing older than the checkpoint at the horizon is kept"
        with pytest.raises(MissingError, match="earliest time to replay from is"):
            store.origin(cuts[1][0])
        for at_ms, before in cuts[2:]:
            origin = store.origin(at_ms)
            assert origin.checkpoint is not None
            ended, steps = _fold(
                store, restore(origin.checkpoint, RULESETS[origin.checkpoint.digest]), origin.seq
            )
            assert steps == lived[before:]
            assert same(ended, world)


def test_a_checkpoint_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="another version"):
        decode("", b"\xff")
    with pytest.raises(ValueError, match="cannot be read"):
        decode("", b"\x01damage")


def _fold(store: Store, world: World, after_seq: int) -> tuple[World, list[Transition]]:
    steps: list[Transition] = []
    for _, now_ms, entry in store.log(RULESETS.__getitem__, after_seq):
        steps += judge(world, entry, now_ms).transitions
    return world, steps
