"""Whatever moves inside an exchange, each movement is told at most once and none of it is a break; a leak is one."""

import random
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.values import EXACT
from tests.engine import Engine, reconciled

UNIT = Decimal("0.000000000000000001")
TRANSFERS = 100
RULES = (reconciled("movements", tell="all", within="3m"), reconciled("conservation"))
QUIET_AFTER = 8

SIZES = {
    "any": lambda chance: Decimal(chance.randint(1, 10**12)).scaleb(-chance.choice([0, 6, 18])),
    "fine": lambda chance: Decimal(chance.randint(1, 10**22)).scaleb(-18),
    "whole": lambda chance: Decimal(chance.randint(1, 10_000)),
    "cents": lambda chance: Decimal(chance.randint(1, 10**6)).scaleb(-2),
}
"""Amounts that never meet by chance, and amounts that often do."""

MIXED = "a few round ones among fine ones"
ROUND = ("0.01", "0.01", "0.17", "0.2")


def mixed(chance: random.Random) -> Decimal:
    """An amount that meets others by chance, or one that never does."""
    return Decimal(chance.choice(ROUND)) if chance.random() < 0.6 else SIZES["fine"](chance)


LEAK_AT = {"lone": 3, "short": None}
"""A unit that leaves at a poll of its own, or on the way of a transfer."""

LARGE = ["cents", "fine", "whole"]
"""Amounts beside which one unit of the 18th decimal is a trifle."""


class Desk:
    """Accounts whose transfers are seen on either side at a poll of its own, up to two polls apart."""

    def __init__(
        self,
        seed: int,
        accounts: int,
        polls: int,
        size: str,
        leak_at: int | None = None,
        *,
        short: bool = False,
        transfers: int = TRANSFERS,
        leaks: Decimal = UNIT,
    ) -> None:
        self.chance = random.Random(seed)
        self.names = [f"a{number}" for number in range(accounts)]
        self.moves: dict[int, list[tuple[str, Decimal]]] = {}
        self.polls = polls
        for number in range(transfers):
            giver, taker = self.chance.sample(self.names, 2)
            amount = mixed(self.chance) if size == MIXED else SIZES[size](self.chance)
            first = self.chance.randint(1, polls)
            sides = [first, first + self.chance.randint(0, 2)]
            self.chance.shuffle(sides)
            self.moves.setdefault(sides[0], []).append((giver, -amount))
            missing = UNIT if short and number == transfers // 3 else 0
            self.moves.setdefault(sides[1], []).append((taker, EXACT.subtract(amount, missing)))
        if leak_at is not None:
            self.moves.setdefault(leak_at, []).append((self.chance.choice(self.names), -leaks))

    def run(self) -> dict[int, list[str]]:
        """What was told at each poll."""
        engine = self.engine = Engine(*RULES)
        engine.lists(*self.names)
        held = dict.fromkeys(self.names, Decimal(10**15))
        told = {}
        for poll in range(self.polls + QUIET_AFTER):
            engine.at(f"{poll}m")
            for name, amount in self.moves.get(poll, ()):
                held[name] = EXACT.add(held[name], amount)
            for name in self.names:
                engine.reads(name, USDT=format(held[name], "f"))
            engine.ticks()
            told[poll] = engine.told()
        return told


def lost(desk: Desk) -> list[str]:
    """What was told as having left and arrived nowhere."""
    desk.run()
    return [one.facts.headline for one in desk.engine.notifications if " left " in one.facts.headline]


def breaks(told: dict[int, list[str]]) -> dict[int, str]:
    return {poll: one for poll, every in told.items() for one in every if "conservation" in one}


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 12), st.integers(3, 60), st.sampled_from(sorted(SIZES)))
def test_100_random_transfers_are_at_most_100_messages_and_no_break(
    seed: int, accounts: int, polls: int, size: str
) -> None:
    told = Desk(seed, accounts, polls, size).run()
    events = [one for every in told.values() for one in every if one.startswith("event movements")]
    assert len(events) <= TRANSFERS
    assert breaks(told) == {}


@pytest.mark.parametrize("size", sorted(SIZES))
@pytest.mark.parametrize("seed", range(3))
def test_of_100_random_transfers_none_is_told_as_lost_though_no_history_is_kept(seed: int, size: str) -> None:
    assert lost(Desk(seed, 20, 60, size)) == []


@pytest.mark.parametrize("accounts, polls, seed", [(20, 60, 105), (10, 60, 1), (10, 60, 2)])
def test_more_changes_than_seven_are_one_movement_where_they_are_all_that_is_open(
    accounts: int, polls: int, seed: int
) -> None:
    assert lost(Desk(seed, accounts, polls, "fine")) == []


@pytest.mark.parametrize("size", sorted(SIZES))
@pytest.mark.parametrize("seed", range(3))
def test_what_leaks_among_100_random_transfers_is_the_one_outflow_told_as_lost(seed: int, size: str) -> None:
    desk = Desk(seed, 20, 60, size, leak_at=30, leaks=Decimal("31.4159"))
    (one,) = lost(desk)
    assert one.startswith("31.4159 USDT left ")


@pytest.mark.parametrize("seed", range(8))
def test_round_amounts_that_meet_among_fine_ones_are_no_break(seed: int) -> None:
    assert breaks(Desk(seed, 8, 40, MIXED).run()) == {}


@pytest.mark.parametrize("seed", range(4))
def test_a_round_leak_among_round_and_fine_amounts_is_told_while_movements_go_on(seed: int) -> None:
    told = breaks(Desk(seed, 10, 60, MIXED, leak_at=20, transfers=60, leaks=Decimal(5)).run())
    (one,) = told.values()
    # What of the others met by chance may still be in the figure.
    assert one.startswith("firing")
    assert abs(Decimal(one.split()[-1]) + 5) < 1
    assert 29 <= min(told) < 60  # its window of two sweeps, and eight in a row


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(2, 12),
    st.integers(5, 40),
    st.sampled_from(sorted(SIZES)),
    st.sampled_from(["lone", "short"]),
)
def test_one_leaked_unit_of_the_18th_decimal_is_found_once_with_its_sign_when_all_has_landed(
    seed: int, accounts: int, polls: int, size: str, leak: str
) -> None:
    told = breaks(Desk(seed, accounts, polls, size, leak_at=LEAK_AT[leak], short=leak == "short").run())
    assert list(told.values()) == [f"firing conservation sum of {accounts} accounts (*) USDT -{UNIT:f}"]
    assert min(told) <= polls + 4


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 12), st.integers(3, 40), st.sampled_from(LARGE))
def test_a_unit_that_leaks_after_100_transfers_is_found_within_confirm_sweeps(
    seed: int, accounts: int, polls: int, size: str
) -> None:
    leak_at = polls + 4  # the window of the last side is over
    told = breaks(Desk(seed, accounts, polls, size, leak_at=leak_at).run())
    assert told == {leak_at + 1: f"firing conservation sum of {accounts} accounts (*) USDT -{UNIT:f}"}


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**32), st.integers(8, 20), st.integers(20, 25), st.sampled_from(["lone", "short"]))
def test_a_leak_that_was_told_is_not_explained_away_by_what_moves_later(
    seed: int, accounts: int, polls: int, leak: str
) -> None:
    desk = Desk(seed, accounts, polls, "fine", LEAK_AT[leak], short=leak == "short", transfers=8 * polls)
    assert list(breaks(desk.run()).values()) == [
        f"firing conservation sum of {accounts} accounts (*) USDT -{UNIT:f}"
    ]


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 2**32), st.integers(12, 25), st.integers(30, 60), st.sampled_from(["whole", "cents"]))
@example(1125198, 19, 30, "whole")  # it left with a transfer whose other side came when its window was over
def test_a_unit_finer_than_what_moves_is_found_when_its_window_is_over_at_the_latest(
    seed: int, accounts: int, polls: int, size: str
) -> None:
    leak_at = polls // 2
    told = breaks(Desk(seed, accounts, polls, size, leak_at=leak_at).run())
    assert list(told.values()) == [f"firing conservation sum of {accounts} accounts (*) USDT -{UNIT:f}"]
    assert leak_at + 1 <= min(told) <= leak_at + 2


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 2**32), st.integers(20, 25), st.integers(60, 80))
def test_a_unit_as_fine_as_what_moves_is_found_while_movements_go_on(
    seed: int, accounts: int, polls: int
) -> None:
    told = breaks(Desk(seed, accounts, polls, "fine", leak_at=polls // 3).run())
    assert list(told.values()) == [f"firing conservation sum of {accounts} accounts (*) USDT -{UNIT:f}"]
    assert polls // 3 + 1 <= min(told) < polls
