"""One timer for all calls under way: each ends by its own bound, and none by another's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from daemon.exchanges.patience import Patience

SILENCE, TOTAL = 12.0, 25.0


class Clock(asyncio.SelectorEventLoop):
    """A loop whose clock only a test moves, and whose timers it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0

    def time(self) -> float:
        return getattr(self, "now", 0.0)

    def pass_by(self, seconds: float) -> None:
        """What falls due meanwhile is run, in steps of half a second."""
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            self.run_until_complete(asyncio.sleep(0))
            self.run_until_complete(asyncio.sleep(0))


class Place:
    def __init__(self) -> None:
        self.error: BaseException | None = None

    def set_exception(self, exc: BaseException, /) -> None:
        self.error = exc


@pytest.fixture
def clock() -> Iterator[Clock]:
    loop = Clock()
    yield loop
    loop.close()


async def made() -> Patience:
    return Patience(SILENCE, TOTAL)


def test_a_call_of_which_nothing_is_heard_ends_by_silence_and_one_that_ended_does_not(clock: Clock) -> None:
    patience = clock.run_until_complete(made())
    mute, done = Place(), Place()
    patience.begin(mute, clock.now)
    patience.end(patience.begin(done, clock.now))
    clock.pass_by(SILENCE - 1)
    assert mute.error is None
    clock.pass_by(2)
    assert isinstance(mute.error, aiohttp.SocketTimeoutError)
    assert done.error is None
    patience.close()


def test_each_call_ends_at_its_own_time(clock: Clock) -> None:
    patience = clock.run_until_complete(made())
    first, second = Place(), Place()
    patience.begin(first, clock.now)
    clock.pass_by(5)
    patience.begin(second, clock.now)
    clock.pass_by(SILENCE - 4)
    assert first.error is not None
    assert second.error is None
    clock.pass_by(5)
    assert isinstance(second.error, aiohttp.SocketTimeoutError)
    patience.close()


def test_an_answer_that_drips_ends_by_the_total_where_it_is_waited_for(clock: Clock) -> None:
    patience = clock.run_until_complete(made())
    head, body = Place(), Place()
    wait = patience.begin(head, clock.now)
    for _ in range(4):
        clock.pass_by(5)
        patience.heard(wait, body)
    clock.pass_by(6)
    assert head.error is None
    assert isinstance(body.error, TimeoutError)
    assert not isinstance(body.error, aiohttp.SocketTimeoutError)
    patience.close()


def test_what_ran_out_between_head_and_body_is_raised_by_the_next_look(clock: Clock) -> None:
    patience = clock.run_until_complete(made())
    head, body = Place(), Place()
    wait = patience.begin(head, clock.now)
    clock.pass_by(SILENCE + 1)
    with pytest.raises(aiohttp.SocketTimeoutError):
        patience.heard(wait, body)
    patience.close()


def test_a_call_that_began_long_ago_shortens_the_timer_of_the_others(clock: Clock) -> None:
    patience = clock.run_until_complete(made())
    late, early = Place(), Place()
    patience.begin(late, clock.now)
    patience.begin(early, clock.now - TOTAL + 2)
    clock.pass_by(3)
    assert isinstance(early.error, TimeoutError)
    assert late.error is None
    patience.close()
