"""What has settled of the World is set aside from the look for garbage, and nothing that is garbage already."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from daemon.garbage import EACH, GROWN_BY, OLDER_EACH, OLDEST_EACH, Settled
from rules.judge import judge
from rules.model import Contents, Identity, Reading
from rules.records import Holding
from rules.ruleset import RulesAccepted
from rules.world import World
from tests.properties.test_repeats import RULES
from tests.unit.test_state_support import FIELDS


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


class Ring:
    """Refers to itself."""

    def __init__(self) -> None:
        self.me = self


def grow(world: World, wallets: int) -> None:
    for number in range(len(world.holdings), len(world.holdings) + wallets):
        world.holdings[number, "spot"] = Holding((), {}, None, 0, 0)


def test_a_world_is_set_aside_each_time_that_it_has_grown_by_much(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[int] = []
    world = World()
    monkeypatch.setattr(gc, "freeze", lambda: times.append(len(world.holdings)))
    settled = Settled(world)
    for more in (GROWN_BY - 1, 1, GROWN_BY, GROWN_BY // 4, 10):
        grow(world, more)
        settled.look(1)
    assert times == [GROWN_BY, 2 * GROWN_BY + GROWN_BY // 4]


def test_what_is_garbage_already_is_collected_and_not_kept_for_ever() -> None:
    world = World()
    settled = Settled(world)
    ring = weakref.ref(Ring())
    grow(world, GROWN_BY)
    settled.look(1)
    assert ring() is None


def test_what_is_new_is_looked_through_after_commits_and_what_is_older_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(gc, "collect", looks.append)
    settled = Settled(World())
    for _ in range(2 * OLDEST_EACH):
        before = len(looks)
        settled.look(EACH - 1)
        assert len(looks) == before
        settled.look(1)
    younger = [*[0] * (OLDER_EACH - 1), 1] * (OLDEST_EACH // OLDER_EACH)
    assert looks == [*younger[:-1], 2] * 2


def test_an_old_ring_goes_with_the_commits_that_follow() -> None:
    gc.disable()
    try:
        settled, made = Settled(World()), Ring()
        gc.collect(1)
        ring = weakref.ref(made)
        del made
        for _ in range(OLDEST_EACH - 1):
            settled.look(EACH)
        assert ring() is not None
        settled.look(EACH)
        assert ring() is None
    finally:
        gc.enable()


def test_a_young_ring_goes_with_the_commits_that_follow() -> None:
    gc.disable()
    try:
        settled, ring = Settled(World()), weakref.ref(Ring())
        settled.look(EACH - 1)
        assert ring() is not None
        settled.look(1)
        assert ring() is None
    finally:
        gc.enable()


class Told(dict[str, tuple[str, ...]]):
    """Rows of which it can be known that they are gone."""


def test_what_a_wallet_told_goes_by_itself_once_it_tells_something_else() -> None:
    world, who = World(), Identity(email="mm-1@x")
    judge(world, RulesAccepted(1_000, RULES), 1_000)
    gc.disable()
    try:
        rows = []
        for at_ms in (2_000, 3_000, 4_000):
            told = Contents("okx-main", who, "funding", FIELDS, Told(A=(str(at_ms), "0")))
            judge(world, Reading((told, at_ms - 5, at_ms)), at_ms)
            assert told.holding is not None
            rows.append(weakref.ref(told.rows))
            del told
        assert [one() is None for one in rows] == [True, True, False]
    finally:
        gc.enable()
