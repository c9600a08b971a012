"""A theft among round transfers: it is told as the least first, and no break for it ends or shrinks to its digits."""

import random
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.busy import POLLS, Busy
from tests.properties.going_on import both

STEPS = (1, 10)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("step", STEPS)
def test_a_theft_with_finer_digits_is_told_at_once_as_the_least_and_once_more_by_what_it_is(
    seed: int, step: int
) -> None:
    # By chance what is under way may be as much as the theft: the seeds are given, so that it is not.
    theft = random.Random(seed).randint(2_000, 9_000) + Decimal("0.37")
    told = Busy(seed, 1 + seed % 3, step=step, theft=theft).until(POLLS + 10).notifications
    assert [one.kind.value for one in told][:1] == ["firing"]
    assert told[0].facts.headline == "is off by at least"
    assert all((one.facts.value or "").startswith("-") for one in told)
    assert abs(Decimal(told[0].facts.perhaps or 0)) > abs(Decimal(told[0].facts.value or 0))
    assert {one.kind.value for one in told[1:]} == {"raised"}
    assert len(told) <= 4  # each is ten times the one before
    assert len({one.alert for one in told}) == 1
    sizes = [abs(Decimal(one.facts.value or 0)) for one in told]
    assert all(later >= 10 * former for former, later in pairwise(sizes))


@settings(max_examples=4, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(1, 3),
    st.sampled_from(STEPS),
    st.integers(1, 9_999),
    st.integers(0, 500),
)
def test_law_13_a_break_that_grows_is_the_same_from_any_checkpoint(
    seed: int, per_poll: int, step: int, cents: int, place: int
) -> None:
    desk = Busy(seed, per_poll, step=step, theft=4_800 + Decimal(cents).scaleb(-2))
    lived, gone_on = both(desk.until(POLLS + 10).inputs, place)
    assert (gone_on.sheets, gone_on.alerts) == (lived.sheets, lived.alerts)
