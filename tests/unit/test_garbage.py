"""What has settled of the World is set aside from the look for garbage, and nothing that is garbage already."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from daemon.garbage import GROWN_BY, Settled
from rules.records import Holding
from rules.world import World


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
        settled.look()
    assert times == [GROWN_BY, 2 * GROWN_BY + GROWN_BY // 4]


def test_what_is_garbage_already_is_collected_and_not_kept_for_ever() -> None:
    world = World()
    settled = Settled(world)
    ring = weakref.ref(Ring())
    grow(world, GROWN_BY)
    settled.look()
    assert ring() is None
