"""The three ways of counting a window, each at its edges."""

import pytest

from daemon.simulator.clock import NANOSECONDS_PER_SECOND, ManualClock
from daemon.simulator.limits import Block, Limit, Limiter, Usage, WindowStyle

STYLES: tuple[WindowStyle, ...] = ("fixed", "sliding", "bucket")


def limiter(
    style: WindowStyle, *, count_refused: bool = False, factor: float = 1
) -> tuple[Limiter, ManualClock]:
    clock = ManualClock(0)
    return Limiter(clock, style, factor, count_refused=count_refused), clock


def take(limits: Limiter, limit: Limit, times: int) -> list[Usage]:
    return [limits.take("pool", limit) for _ in range(times)]


@pytest.mark.parametrize("style", STYLES)
def test_exactly_the_limit_passes_at_once(style: WindowStyle) -> None:
    limits, _ = limiter(style)
    usages = take(limits, Limit(6, 2), 7)
    assert [usage.allowed for usage in usages] == [True] * 6 + [False]
    assert [usage.used for usage in usages] == [1, 2, 3, 4, 5, 6, 6]
    assert [usage.remaining for usage in usages] == [5, 4, 3, 2, 1, 0, 0]


@pytest.mark.parametrize("style", STYLES)
def test_a_window_after_the_last_call_everything_is_free_again(style: WindowStyle) -> None:
    limits, clock = limiter(style)
    take(limits, Limit(6, 2), 6)
    clock.advance(2)
    assert all(usage.allowed for usage in take(limits, Limit(6, 2), 6))


@pytest.mark.parametrize("style", STYLES)
def test_calls_cost_what_they_weigh(style: WindowStyle) -> None:
    limits, _ = limiter(style)
    usages = take(limits, Limit(150, 60, 60), 3)
    assert [(usage.allowed, usage.used) for usage in usages] == [(True, 60), (True, 120), (False, 120)]


def test_a_fixed_window_forgets_at_its_boundary() -> None:
    limits, clock = limiter("fixed")
    clock.advance(1.9)
    assert [usage.allowed for usage in take(limits, Limit(2, 2), 3)] == [True, True, False]
    clock.advance(0.1)
    assert [usage.allowed for usage in take(limits, Limit(2, 2), 3)] == [True, True, False]


def test_a_sliding_window_frees_each_call_one_window_after_it() -> None:
    limits, clock = limiter("sliding")
    limit = Limit(2, 2)
    assert limits.take("pool", limit).allowed
    clock.advance(1.5)
    assert limits.take("pool", limit).allowed
    clock.advance(0.499_999_999)
    refused = limits.take("pool", limit)
    assert (refused.allowed, refused.wait_ns) == (False, 1)
    clock.advance(0.000_000_001)
    assert [usage.allowed for usage in take(limits, limit, 2)] == [True, False]


def test_a_bucket_refills_steadily() -> None:
    limits, clock = limiter("bucket")
    limit = Limit(4, 2)
    take(limits, limit, 4)
    clock.advance(0.5)
    usages = take(limits, limit, 2)
    assert [usage.allowed for usage in usages] == [True, False]
    assert usages[1].wait_ns == NANOSECONDS_PER_SECOND // 2


@pytest.mark.parametrize("style", STYLES)
def test_refused_calls_count_only_where_the_venue_counts_them(style: WindowStyle) -> None:
    free, _ = limiter(style)
    assert take(free, Limit(2, 60), 5)[-1].used == 2
    counting, _ = limiter(style, count_refused=True)
    assert take(counting, Limit(2, 60), 4)[-1].used == 4


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("count_refused", [False, True])
def test_waiting_as_told_helps(style: WindowStyle, count_refused: bool) -> None:  # noqa: FBT001
    limits, clock = limiter(style, count_refused=count_refused)
    limit = Limit(3, 10)
    for seconds in (0, 1.25, 1.25):
        clock.advance(seconds)
        limits.take("pool", limit)
    refused = limits.take("pool", limit)
    assert not refused.allowed
    clock.advance(refused.retry_after_seconds)
    assert limits.take("pool", limit).allowed


def test_pools_are_counted_apart_and_a_new_limit_starts_afresh() -> None:
    limits, _ = limiter("sliding")
    assert limits.take("one", Limit(1, 1)).allowed
    assert limits.take("two", Limit(1, 1)).allowed
    assert not limits.take("one", Limit(1, 1)).allowed
    assert limits.take("one", Limit(2, 1)).allowed
    limits.forget()
    assert limits.take("two", Limit(1, 1)).allowed


@pytest.mark.parametrize("factor, amount", [(1, 10), (2, 20), (0.5, 5), (0.01, 1)])
def test_a_scale_moves_every_limit_but_never_below_one_call(factor: float, amount: int) -> None:
    limits, _ = limiter("sliding", factor=factor)
    assert sum(usage.allowed for usage in take(limits, Limit(10, 1), 30)) == amount


def test_an_unknown_window_style_is_refused() -> None:
    with pytest.raises(ValueError, match="fixed, sliding, bucket"):
        Limiter(ManualClock(), "leaky", 1, count_refused=False)  # type: ignore[arg-type]


def test_a_block_ends_by_itself_or_when_told() -> None:
    clock = ManualClock(0)
    block = Block(clock)
    assert block.remaining_ms == 0
    block.start(120)
    clock.advance(119.5)
    assert block.remaining_ms == 500
    clock.advance(0.5)
    assert block.remaining_ms == 0
    block.start(10)
    block.end()
    assert block.remaining_ms == 0
