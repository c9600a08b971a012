"""Law 11: slots are freed by responses, and no venue's window is ever exceeded."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.exchanges import lawful_read_us, not_watched, read_words, wallets_of
from daemon.exchanges.gates import PROBE_AFTER, Breaker, Gate, Outcome, backoff_seconds
from daemon.exchanges.limits import BUNDLE_MOST, BUNDLE_SECONDS, SLOWEST_SECONDS, Limit, Pool, Ticket
from daemon.exchanges.restart import Record
from daemon.exchanges.shared import Shared
from daemon.simulator.limits import Limit as ServerLimit
from daemon.simulator.limits import Limiter, WindowStyle
from tests.contract.clients_support import CLIENTS, HandTime, settle

BUDGET = Decimal("0.8")


class Callers:
    """Tasks that wait for a slot, and the tickets they got, in order."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.tickets: list[tuple[str, Ticket]] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, *names: str, urgent: bool = False) -> None:
        for name in names:
            self.tasks[name] = asyncio.create_task(self._take(name, urgent=urgent))
        await settle()

    async def _take(self, name: str, *, urgent: bool) -> None:
        self.tickets.append((name, await self.pool.take(urgent=urgent)))

    @property
    def through(self) -> list[str]:
        return [name for name, _ in self.tickets]

    def answer_all(self, outcome: Outcome = Outcome.ANSWERED) -> None:
        for _, ticket in self.tickets:
            ticket.close(outcome)

    def cancel(self) -> None:
        for task in self.tasks.values():
            task.cancel()


@pytest.fixture
def hand() -> HandTime:
    return HandTime()


@contextlib.contextmanager
def callers(pool: Pool) -> Iterator[Callers]:
    waiting = Callers(pool)
    try:
        yield waiting
    finally:
        waiting.cancel()


def numbered(count: int, start: int = 0) -> list[str]:
    return [str(n) for n in range(start, start + count)]


@pytest.mark.parametrize(
    "limit, budget, slots, window",
    [
        (Limit(6, 2), "0.8", 6, 2.5),  # OKX balances
        (Limit(10, 1), "0.8", 10, 1.25),  # Bitget: 8 < 10
        (Limit(10, 1), "1", 10, 1),
        (Limit(3000, 60), "0.8", 2400, 60),  # Binance v4
        (Limit(200, 60, "ip"), "0.8", 160, 60),
        (Limit(1, 5, "ip"), "0.8", 1, 6.25),
        (Limit(2, 2), "0.8", 2, 2.5),
        (Limit(1, 1), "0.001", 1, 1000),  # never none
        (Limit(20, 1), "0.51", 10, 1),
    ],
)
def test_law_11_slots_and_windows(limit: Limit, budget: str, slots: int, window: float) -> None:
    assert limit.lawful(Decimal(budget)) == (slots, window)


@given(st.integers(1, 10_000), st.integers(1, 60), st.decimals("0.01", "1", places=2))
def test_law_11_the_rate_never_exceeds_the_budget_and_is_never_none(
    calls: int, window: int, budget: Decimal
) -> None:
    slots, seconds = Limit(calls, window).lawful(budget)
    assert slots >= 1
    assert Decimal(slots) / Decimal(str(seconds)) <= calls * budget / window
    assert slots <= calls


@pytest.mark.parametrize("slots, window", [(6, 2.5), (10, 1.25)])
async def test_law_11_a_slot_is_free_one_window_after_its_response(
    hand: HandTime, slots: int, window: float
) -> None:
    pool = Pool(slots, window, timeline=hand)
    with callers(pool) as calls:
        await calls.ask(*numbered(slots + 3))
        assert len(calls.through) == slots
        await hand.advance(100)  # answers take their time: nothing is freed by sending
        assert len(calls.through) == slots
        calls.tickets[0][1].close()
        await hand.advance(window - 0.01)
        assert len(calls.through) == slots
        await hand.advance(0.03)
        assert len(calls.through) == slots + 1


async def test_law_11_binance_2400_slots_a_minute(hand: HandTime) -> None:
    slots, window = CLIENTS["binance"].ENDPOINTS["assets"].limit.lawful(BUDGET)
    pool = Pool(slots, window, timeline=hand)
    with callers(pool) as calls:
        await calls.ask(*numbered(3000))
        await hand.advance(3_000 / BUNDLE_MOST * BUNDLE_SECONDS)
        assert 2380 <= len(calls.through) <= 2400
        calls.answer_all()
        await hand.advance(59.9)
        assert len(calls.through) <= 2400
        await hand.advance(0.2 + 600 / BUNDLE_MOST * BUNDLE_SECONDS)
        assert len(calls.through) == 3000


async def test_urgent_callers_pass_ordinary_ones_with_at_most_half_of_the_slots(hand: HandTime) -> None:
    pool = Pool(6, 2.5, timeline=hand)
    with callers(pool) as calls:
        await calls.ask(*numbered(6))
        calls.answer_all()
        await calls.ask("o1", "o2", "o3", "o4")
        await calls.ask("u1", "u2", "u3", "u4", "u5", urgent=True)
        await hand.advance(2.6)
        assert calls.through[6:] == ["u1", "u2", "u3", "o1", "o2", "o3"]
        calls.answer_all()
        await hand.advance(2.6)
        assert calls.through[12:] == ["u4", "u5", "o4"]


async def test_a_confirming_read_goes_at_once_though_a_sweep_has_used_up_the_minute(hand: HandTime) -> None:
    pool = Pool(2400, 60, timeline=hand)
    with callers(pool) as calls:
        await calls.ask(*numbered(3000))
        assert len(calls.through) == BUNDLE_MOST
        await calls.ask("u", urgent=True)
        assert calls.through[-1] == "u", "nor does it wait for the others of a bundle"
        await hand.advance(3_000 / BUNDLE_MOST * BUNDLE_SECONDS)
        assert 2380 <= len(calls.through) <= 2400
        await calls.ask("v", urgent=True)
        assert calls.through[-1] == "v"


async def test_a_caller_that_goes_away_leaves_its_place_and_its_slot(hand: HandTime) -> None:
    pool = Pool(1, 1, timeline=hand)
    with callers(pool) as calls:
        await calls.ask("a", "b", "c")
        calls.tasks["b"].cancel()
        calls.answer_all()
        await hand.advance(1.1)
        assert calls.through == ["a", "c"]
        assert pool.used == 1


async def test_a_slot_given_to_one_who_leaves_at_that_moment_is_not_lost(hand: HandTime) -> None:
    pool = Pool(1, 1, timeline=hand)
    with callers(pool) as calls:
        await calls.ask("a", "b")
        calls.answer_all()
        hand.now += 1.1
        pool._fire()  # b has the slot, but has not run yet
        calls.tasks["b"].cancel()
        await settle()
        await calls.ask("c")
        assert calls.through == ["a", "c"]


async def test_releases_are_bundled_about_ten_to_a_wake_up(hand: HandTime) -> None:
    pool = Pool(2400, 60, timeline=hand)
    with callers(pool) as calls:
        await calls.ask(*numbered(2388))
        await hand.advance(2388 / BUNDLE_MOST * BUNDLE_SECONDS)
        for _, ticket in list(calls.tickets):
            ticket.close()
            hand.now += 1 / 40
        before = len(calls.through)
        await calls.ask(*numbered(1000, 5000))
        hand.wakes, got = 0, len(calls.through)
        await hand.advance(10)
        released = len(calls.through) - got
        assert released >= 375
        assert hand.wakes <= released / 8
        assert before == 2388


async def test_of_free_slots_a_bundle_is_used_until_an_answer_comes_or_time_passes(hand: HandTime) -> None:
    pool = Pool(100, 60, timeline=hand)
    with callers(pool) as calls:
        await calls.ask(*numbered(40))
        assert len(calls.through) == BUNDLE_MOST
        calls.tickets[-1][1].close()
        await settle()
        assert len(calls.through) == BUNDLE_MOST + 1, "an answer makes room for one"
        await hand.advance(BUNDLE_SECONDS / 2)
        pool.give_back(calls.tickets[-1][1])
        await settle()
        assert len(calls.through) == BUNDLE_MOST + 2
        await hand.advance(BUNDLE_SECONDS / 2)
        assert len(calls.through) == 2 * BUNDLE_MOST + 1, "a slow venue is asked as often as it allows"
        await hand.advance(2 * BUNDLE_SECONDS)
        assert len(calls.through) == 40
        assert hand.wakes <= 10
        calls.answer_all()
        assert not pool._begun


async def test_nobody_of_those_that_share_a_pool_waits_for_a_free_slot_until_another_has_done(
    hand: HandTime,
) -> None:
    pool = Pool(1_000, 60, timeline=hand)
    with callers(pool) as calls:
        await calls.ask(*numbered(40))
        await calls.ask("late")
        for answered in range(40):  # each is asked for anew as soon as it has its answer
            calls.tickets[answered][1].close()
            await calls.ask(f"again {answered}")
        assert "late" in calls.through


async def test_all_that_wait_beside_free_slots_may_go_away_at_once(hand: HandTime) -> None:
    pool = Pool(40, 60, timeline=hand)
    with callers(pool) as calls:
        await calls.ask(*numbered(25))
        for task in calls.tasks.values():
            task.cancel()
        calls.answer_all()  # the places of those that go away are passed over before they know
        ended = await asyncio.gather(*calls.tasks.values(), return_exceptions=True)
        assert {type(one) for one in ended} <= {type(None), asyncio.CancelledError}
        await hand.advance(61)
        assert (pool.used, hand.next_due()) == (0, None)


async def test_slots_that_come_free_at_once_are_used_a_bundle_at_a_time(hand: HandTime) -> None:
    pool = Pool(30, 60, timeline=hand)
    with callers(pool) as calls:
        await calls.ask(*numbered(30))
        await hand.advance(2 * BUNDLE_SECONDS)
        calls.answer_all()
        await calls.ask(*numbered(30, 100))
        hand.now += 60
        pool._fire()
        await settle()
        assert len(calls.through) == 30 + BUNDLE_MOST
        calls.tickets[-1][1].close()
        await settle()
        assert len(calls.through) == 30 + BUNDLE_MOST + 1, "an answer lets the next one go"
        await calls.ask("u", urgent=True)
        assert calls.through[-1] == "u", "a confirming read goes ahead of all that"
        await hand.advance(BUNDLE_SECONDS)
        assert len(calls.through) == 30 + 2 * BUNDLE_MOST + 2
        await hand.advance(BUNDLE_SECONDS)
        assert len(calls.through) == 60


async def test_while_something_is_to_be_told_only_urgent_callers_get_a_slot(hand: HandTime) -> None:
    until = hand.now
    pool = Pool(4, 60, timeline=hand, quiet_seconds=lambda: max(0.0, until - hand.now))
    with callers(pool) as calls:
        await calls.ask(*numbered(4))
        until = hand.now + 62
        calls.answer_all()
        await calls.ask("a", "b")
        await calls.ask("u", urgent=True)
        await hand.advance(61)
        assert calls.through[4:] == ["u"]
        await hand.advance(1.1)
        assert calls.through[4:] == ["u", "a", "b"]
        assert hand.wakes < 10


async def test_where_the_pace_is_even_free_slots_last_for_the_window_and_urgent_callers_pass(
    hand: HandTime,
) -> None:
    pool = Pool(600, 60, timeline=hand)
    pool.evenly.add("a long sweep")
    with callers(pool) as calls:
        await calls.ask(*numbered(300))
        calls.answer_all()
        assert len(calls.through) == BUNDLE_MOST
        await calls.ask("u", urgent=True)
        assert calls.through[-1] == "u"
        for seconds in range(1, 25):
            await hand.advance(1)
            calls.answer_all()
            assert 10 * seconds <= len(calls.through) <= 11 * (seconds + 1)
        assert hand.wakes <= 30, "ten to a wake-up"
        pool.evenly.clear()
        await hand.advance(1)
        for _ in range(5):
            calls.answer_all()
            await settle()
        assert len(calls.through) == 301


async def test_an_even_pace_takes_nothing_from_the_rate(hand: HandTime) -> None:
    pool, through = Pool(600, 60, timeline=hand), 0
    pool.evenly.add("a long sweep")

    async def read_on() -> None:
        nonlocal through
        while True:
            ticket = await pool.take()
            through += 1
            answered = asyncio.Event()
            hand.call_at(hand.now + 0.3, answered.set)
            await answered.wait()
            ticket.close()

    tasks = [asyncio.create_task(read_on()) for _ in range(20)]
    await settle()
    await hand.advance(60.3)
    before = through
    await hand.advance(603)
    for task in tasks:
        task.cancel()
    assert before > 590
    assert through - before >= 0.99 * 6_000


@pytest.mark.parametrize("others", [0, 20])
async def test_where_the_pace_is_even_nobody_waits_long_whatever_part_others_use(
    hand: HandTime, others: int
) -> None:
    """`others` calls a second of another program, of 50 that the venue allows and 40 that are our share."""
    pool, starts, used = Pool(2400, 60, 3000, timeline=hand), list[float](), deque[float]()
    pool.evenly.add("a long sweep")

    async def read_on() -> None:
        while True:
            ticket = await pool.take()
            starts.append(hand.now)
            used.append(hand.now)
            while used[0] <= hand.now - 60:
                used.popleft()
            usage, answered = len(used), asyncio.Event()
            hand.call_at(hand.now + 0.2, answered.set)
            await answered.wait()
            ticket.seen_by_venue(usage)
            ticket.close()

    tasks = [asyncio.create_task(read_on()) for _ in range(20)]
    for _ in range(4 * 240):
        used.extend([hand.now] * (others // 4))
        await hand.advance(0.25)
    for task in tasks:
        task.cancel()
    steady = [at for at in starts if at > 1_000 + 150]
    assert max(after - before for before, after in pairwise(steady)) < 1.5
    assert len(steady) >= 0.95 * 90 * max(40 - others, 20)


def test_who_left_wants_no_even_pace_any_more() -> None:
    shared, key = Shared(HandTime()), ("binance", "h", "k", "/p")
    pool = shared.pool(key, Limit(600, 60), Decimal(1), (), 10, "one")
    shared.pool(key, Limit(600, 60), Decimal(1), (), 10, "two")
    pool.evenly |= {"one", "two"}
    shared.leave("one")
    assert pool.evenly == {"two"}


async def test_nobody_waits_no_timer(hand: HandTime) -> None:
    pool = Pool(6, 2.5, timeline=hand)
    with callers(pool) as calls:
        await calls.ask(*numbered(6))
        calls.answer_all()
        assert hand.next_due() is None


async def test_usage_headers_hold_back_what_others_have_used(hand: HandTime) -> None:
    pool = Pool(100, 60, timeline=hand)
    with callers(pool) as calls:
        await calls.ask(*numbered(10))
        calls.tickets[-1][1].seen_by_venue(55)  # as each response says, before its slot is given back
        calls.answer_all()
        await calls.ask(*numbered(60, 10))
        for _ in range(4):
            await hand.advance(BUNDLE_SECONDS)
        # Of the 55 perhaps 54 are others': nobody knows whether it counts the nine that were under way beside it.
        assert len(calls.through) == 46
        assert pool.used == 100
        await hand.advance(60.5)
        assert len(calls.through) == 56, "our own ten are free; those of others may have begun in this window"
        await hand.advance(60)
        assert len(calls.through) == 70


@pytest.mark.parametrize(
    "slots, whole, others, left",
    [
        (80, 100, 20, 60),
        (80, 100, 60, 40),
        (80, 100, 75, 25),
        (50, 100, 50, 25),
        (100, 100, 50, 50),
        (80, 100, 200, 0),
    ],
)
async def test_law_11_others_are_yielded_to_down_to_half_of_our_share_and_further_where_the_limit_is_full(
    hand: HandTime, slots: int, whole: int, others: int, left: int
) -> None:
    pool = Pool(slots, 60, whole, timeline=hand)
    ticket = await pool.take()
    ticket.seen_by_venue(others + 1)
    ticket.close()
    assert slots - pool.used == max(0, left - 1)


async def test_a_header_that_our_own_calls_explain_proves_no_others(hand: HandTime) -> None:
    pool = Pool(100, 60, timeline=hand)
    early = await pool.take()
    await hand.advance(1)
    late = [await pool.take() for _ in range(5)]
    late[0].seen_by_venue(6)
    early.seen_by_venue(6)  # it may have come to the venue last
    assert pool.used == 6
    early.seen_by_venue(7)
    assert pool.used == 12, (
        "one is another's, and perhaps the five are, too: all that is sure is that it counts itself"
    )


async def test_others_that_have_gone_are_forgotten_however_many_of_ours_are_under_way(hand: HandTime) -> None:
    """Each header may count more than is sure to be ours: that alone is no proof of others."""
    pool, served = Pool(600, 60, timeline=hand), ServerLimit(600, 60)
    server = Limiter(ServerClock(hand), "sliding", 1, count_refused=False)

    async def passed(seconds: float) -> None:
        moment = asyncio.Event()
        hand.call_at(hand.now + seconds, moment.set)
        await moment.wait()

    async def read_on() -> None:
        while True:
            ticket = await pool.take()
            await passed(1.5)
            usage = server.take("p", served)
            await passed(1.5)
            ticket.seen_by_venue(usage.used)
            ticket.close()

    tasks = [asyncio.create_task(read_on()) for _ in range(40)]
    await settle()
    await hand.advance(30)
    for _ in range(200):
        server.take("p", served)
    await hand.advance(30)
    assert pool._others.most >= 200
    await hand.advance(360)
    assert pool._others.most == 0
    for task in tasks:
        task.cancel()


async def test_an_urgent_caller_is_woken_for_its_slot_while_ordinary_ones_rest(hand: HandTime) -> None:
    pool = Pool(30, 60, timeline=hand)
    pool.evenly.add("a long sweep")
    with callers(pool) as calls:
        await calls.ask(*numbered(15), urgent=True)
        calls.answer_all()
        await hand.advance(59.9)
        await calls.ask(*numbered(12, 15))
        await calls.ask("u", urgent=True)
        assert calls.through[-1] != "u"
        await hand.advance(0.2)
        assert calls.through[-1] == "u"


async def test_after_a_restart_the_first_header_corrects_the_count(hand: HandTime) -> None:
    pool = Pool(100, 60, timeline=hand)
    pool.assume_used([(99, 40)])
    with callers(pool) as calls:
        await calls.ask("a", "b")
        assert calls.through == ["a"]
        calls.tickets[0][1].seen_by_venue(3)
        calls.answer_all()
        await settle()
        assert calls.through == ["a", "b"]
        assert pool.used == 4
    pool = Pool(100, 60, timeline=hand)
    pool.assume_used([(100, 40)])
    with callers(pool) as calls:
        await calls.ask("c")
        await hand.advance(39)
        assert calls.through == []
        await hand.advance(2)
        assert calls.through == ["c"]


async def test_a_closed_gate_lets_nobody_through_until_its_second(hand: HandTime) -> None:
    host = Gate()
    pool, other = Pool(5, 1, gates=(host,), timeline=hand), Pool(5, 1, timeline=hand)
    host.hold(hand.now + 100)
    with callers(pool) as calls, callers(other) as free:
        await calls.ask("a", urgent=True)
        await calls.ask("b")
        await free.ask("c")
        await hand.advance(50)
        host.hold(hand.now + 100)  # longer now
        host.hold(hand.now + 1)  # never shorter
        await hand.advance(99.99)
        assert (calls.through, free.through) == ([], ["c"])
        await hand.advance(0.01)
        assert calls.through == ["a", "b"]


def test_refusals_of_one_burst_are_one_strike() -> None:
    gate = Gate()
    assert gate.strike(began=1) == 1
    gate.hold(10)
    assert [gate.strike(began=b) for b in (1.5, 2, 9.9)] == [1, 1, 1]
    assert gate.strike(began=10) == 2
    gate.passed(began=9)
    assert gate.strike(began=10) == 3
    gate.passed(began=11)
    assert gate.strike(began=12) == 1


async def test_an_outage_is_probed_by_one_call_at_a_time_later_and_later(hand: HandTime) -> None:
    pool = Pool(1000, 1, timeline=hand, backoff_most_seconds=10)
    with callers(pool) as calls:
        await calls.ask(*numbered(300))
        await hand.advance(300 / BUNDLE_MOST * BUNDLE_SECONDS)
        first = len(calls.through)
        calls.answer_all(Outcome.FAILED)
        await calls.ask(*numbered(300, 1000))
        assert len(calls.through) == first
        for _ in range(100):
            known = len(calls.through)
            await hand.advance(1)
            assert len(calls.through) - known <= 1
            calls.answer_all(Outcome.FAILED)
        assert 9 <= len(calls.through) - first <= 20  # 100 s at up to 10 s each
        await hand.advance(10)
        calls.answer_all(Outcome.ANSWERED)
        await hand.advance(2)
        assert len(calls.through) == 600


async def test_a_cancelled_probe_makes_room_for_the_next(hand: HandTime) -> None:
    pool = Pool(10, 1, timeline=hand)
    pool.breaker.failures = PROBE_AFTER
    with callers(pool) as calls:
        await calls.ask("a", "b")
        assert calls.through == ["a"]
        calls.tickets[0][1].close()
        await hand.advance(2)
        assert calls.through == ["a", "b"]


def test_one_failing_account_among_others_does_not_open_the_breaker() -> None:
    breaker = Breaker(10)
    for _ in range(100):
        breaker.note(Outcome.FAILED, probe=False, now=0)
        breaker.note(Outcome.ANSWERED, probe=False, now=0)
    assert not breaker.broken


@given(st.integers(1, 10_000), st.floats(0, 1), st.integers(10, 3600))
def test_law_11_the_backoff_is_capped(tries: int, chance: float, most: int) -> None:
    assert 0.75 <= backoff_seconds(tries, most, lambda: chance) <= most


def test_exchanges_of_one_key_share_their_pools_and_the_smaller_budget() -> None:
    shared = Shared(HandTime())
    key, limit = ("okx", "h", "k", "/p"), Limit(6, 2)
    one = shared.pool(key, limit, Decimal("0.8"), (), 10, "one")
    same = shared.pool(key, limit, Decimal("0.5"), (), 10, "two")
    other = shared.pool(("okx", "h", "k2", "/p"), limit, Decimal("0.8"), (), 10, "one")
    assert one is same is not other
    assert (one.slots, one.window_seconds) == (6, 4)
    shared.pool(key, limit, Decimal(1), (), 10, "three")
    assert (one.slots, one.window_seconds) == (6, 4)


def test_a_budget_that_is_raised_by_an_edit_is_in_force_and_one_that_others_still_share_is_not() -> None:
    shared = Shared(HandTime())
    key, limit = ("okx", "h", "k", "/p"), Limit(6, 2)
    pool = shared.pool(key, limit, Decimal("0.5"), (), 10, "old")
    shared.leave("old")
    pool = shared.pool(key, limit, Decimal(1), (), 60, "new")
    assert (pool.slots, pool.window_seconds, pool.breaker.most_seconds) == (6, 2, 60)
    shared.pool(key, limit, Decimal("0.5"), (), 10, "another")
    assert pool.window_seconds == 4
    shared.leave("another")
    assert pool.window_seconds == 2


async def test_after_a_budget_was_raised_nothing_is_looked_for_before_it_can_be_free() -> None:
    hand = HandTime()
    shared = Shared(hand)
    key, limit = ("okx", "h", "k", "/p"), Limit(6, 2)
    pool = shared.pool(key, limit, Decimal("0.1"), (), 10, "old")
    taken = [await pool.take() for _ in range(6)]
    for ticket in taken[:3]:
        ticket.close()  # free in 20 s
    shared.leave("old")
    shared.pool(key, limit, Decimal(1), (), 10, "new")
    hand.now += 1
    for ticket in taken[3:]:
        ticket.close()  # free in 2 s, behind those
    with callers(pool) as calls:
        await calls.ask(*numbered(4))
        assert (due := hand.next_due()) is not None
        assert due >= 1_020  # else it looks in vain without a pause
        await hand.advance(20)
        assert len(calls.through) == 4
        assert hand.wakes <= 2


async def test_law_11_what_was_spent_outlives_who_spent_it_and_no_longer_than_it_counts() -> None:
    hand = HandTime()
    shared = Shared(hand)
    host, key = shared.gate("okx", "h", user="old"), shared.gate("okx", "h", "k", user="old")
    pool = shared.pool(("okx", "h", "k", "/p"), Limit(6, 2), Decimal(1), (host,), 10, "old")
    ticket = await pool.take()
    key.hold(hand.time() + 60)
    shared.leave("old")
    ticket.close()
    assert shared.pool(("okx", "h", "k", "/p"), Limit(6, 2), Decimal(1), (host,), 10, "new") is pool
    assert pool.used == 1
    shared.leave("new")
    assert shared.gate("okx", "h", "k", user="late") is key
    assert shared.gate("okx", "h", user="late") is host, "a pool that is still in use knows it"
    shared.leave("late")
    await hand.advance(61)
    shared.leave("nobody")
    assert (shared._pools, shared._gates, shared._rates, shared._gate_users) == ({}, {}, {}, {})


def test_a_pool_whose_calls_failed_is_not_forgotten_while_it_waits_to_probe() -> None:
    hand = HandTime()
    shared = Shared(hand)
    key, limit = ("okx", "h", "k", "/p"), Limit(6, 2)
    pool = shared.pool(key, limit, Decimal(1), (), 60, "old")
    for _ in range(PROBE_AFTER):
        ticket = pool.take_free()
        assert ticket is not None
        ticket.close(Outcome.FAILED)
    hand.now += 100
    assert (pool.used, pool.idle) == (0, False)
    shared.leave("old")
    assert shared.pool(key, limit, Decimal(1), (), 60, "new") is pool
    probe = pool.take_free()
    assert probe is not None
    probe.close()
    hand.now += 100
    assert pool.idle is False, "a probe that told nothing mends nothing"
    probe = pool.take_free()
    assert probe is not None
    probe.close(Outcome.ANSWERED)
    hand.now += 100
    assert pool.idle


async def test_law_11_what_is_under_way_when_a_limit_turns_out_to_be_another_one_counts_until_its_answer(
    hand: HandTime,
) -> None:
    pool, new = Pool(6, 2.5, timeline=hand), Pool(6, 2.5, timeline=hand)
    taken = [await pool.take() for _ in range(6)]
    new.take_over(pool)
    await hand.advance(SLOWEST_SECONDS)
    for ticket in taken:
        ticket.close()  # of which it is not told
    await hand.advance(2.4)
    assert new.used == 6
    await hand.advance(0.2)
    assert new.used == 0


async def test_what_is_answered_when_a_limit_turns_out_to_be_another_one_counts_for_a_window(
    hand: HandTime,
) -> None:
    pool, new = Pool(6, 2.5, timeline=hand), Pool(6, 2.5, timeline=hand)
    for _ in range(6):
        (await pool.take()).close()
    new.take_over(pool)
    await hand.advance(2.4)
    assert new.used == 6
    await hand.advance(0.2)
    assert new.used == 0


@pytest.mark.parametrize("seconds", [0.1, 20])
async def test_a_header_surely_counts_what_began_in_its_window_however_long_a_call_took(
    hand: HandTime, seconds: float
) -> None:
    pool = Pool(100, 60, timeline=hand)
    slow = await pool.take()
    for at, calls in ((5.1, 4), (20, 2), (30, 3)):
        await hand.advance(1_000 + at - hand.now)
        if at >= seconds and slow is not None:
            slow.close()
            slow = None
        for _ in range(calls):
            (await pool.take()).close()
    await hand.advance(35)
    assert pool._surely_counted(hand.now - 1, hand.now - 60) == 1 + 4 + 2 + 3
    assert pool._surely_counted(1_025, 1_005) == 1 + 4 + 2


def test_facts_about_kinds() -> None:
    assert [lawful_read_us(kind, BUDGET) for kind in ("binance", "okx", "bitget")] == [25_000, 416_667, 2_500]
    assert read_words("okx") == (("funding", "trading", "master"), ("funding", "trading"))
    assert wallets_of("binance", ("summary", "assets", "wallets")) == ("spot",)
    assert not_watched("okx", ("funding",)) == ("trading", "earn")
    assert not_watched("binance", ("assets",)) == ("futures", "margin", "funding", "earn")


class ServerClock:
    def __init__(self, hand: HandTime) -> None:
        self.hand = hand

    def now_ms(self) -> int:
        return int(self.hand.now * 1000)

    def monotonic_ns(self) -> int:
        return round(self.hand.now * 1_000_000_000)

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("style", ["fixed", "sliding", "bucket"])
@pytest.mark.parametrize("limit, budget", [(Limit(6, 2), "1"), (Limit(10, 1), "1"), (Limit(6, 2), "0.8")])
async def test_law_11_no_server_refuses_us_under_jitter_and_the_rate_is_reached(
    hand: HandTime, style: WindowStyle, limit: Limit, budget: str
) -> None:
    slots, window = limit.lawful(Decimal(budget))
    pool = Pool(slots, window, timeline=hand)
    server = Limiter(ServerClock(hand), style, 1, count_refused=True)
    dice, seen, refused = random.Random(7), 0, 0
    trips: list[float] = []

    async def poll() -> None:
        nonlocal seen, refused
        while True:
            ticket = await pool.take()
            out, back = dice.uniform(0.02, 0.3), dice.uniform(0.02, 0.3)
            trips.append(out + back)
            moment = asyncio.Event()
            hand.call_at(hand.now + out, moment.set)
            await moment.wait()
            refused += not server.take("p", ServerLimit(limit.calls, limit.window_seconds)).allowed
            seen += 1
            answered = asyncio.Event()
            hand.call_at(hand.now + back, answered.set)
            await answered.wait()
            ticket.close(Outcome.ANSWERED)

    tasks = [asyncio.create_task(poll()) for _ in range(2 * slots)]
    await settle()
    await hand.advance(240)
    for task in tasks:
        task.cancel()
    assert refused == 0
    reached = seen / (240 * slots / (window + sum(trips) / len(trips)))
    assert reached >= 0.98


@pytest.mark.parametrize("style", ["fixed", "sliding", "bucket"])
@pytest.mark.parametrize("budget, others", [("1", 0), ("0.8", 25)])
async def test_law_11_neither_a_restart_nor_another_program_makes_us_overspend(
    hand: HandTime, style: WindowStyle, budget: str, others: int
) -> None:
    """Killed in the midst of a burst; the other program takes so many calls a second, and heed of nobody."""
    limit, served = Limit(3000, 60), ServerLimit(3000, 60)
    slots, window = limit.lawful(Decimal(budget))
    server = Limiter(ServerClock(hand), style, 1, count_refused=False)
    dice, refused, ours = random.Random(7), 0, 0

    async def passed(seconds: float) -> None:
        moment = asyncio.Event()
        hand.call_at(hand.now + seconds, moment.set)
        await moment.wait()

    async def poll(pool: Pool) -> None:
        nonlocal refused, ours
        while True:
            ticket = await pool.take()
            await passed(dice.uniform(0.02, 0.3))
            usage = server.take("p", served)
            refused += not usage.allowed
            ours += 1
            await passed(dice.uniform(0.02, 0.3))
            ticket.seen_by_venue(usage.used)
            ticket.close(Outcome.ANSWERED)

    async def other() -> None:
        while True:
            await passed(1 / others)
            server.take("p", served)

    beside = [asyncio.create_task(other())] if others else []
    first = Pool(slots, window, limit.calls, timeline=hand)
    running = [asyncio.create_task(poll(first)) for _ in range(52)]
    await settle()
    await hand.advance(5)
    kept = first.used
    assert 500 < kept < 2_000
    parts = [(calls, until - hand.now) for calls, until in first.frees()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    second, ours = Pool(slots, window, limit.calls, timeline=hand), 0
    second.assume_used(parts)
    running = [asyncio.create_task(poll(second)) for _ in range(52)]
    await settle()
    await hand.advance(180)
    for task in (*running, *beside):
        task.cancel()
    assert refused == 0
    assert ours > 180 * (15 if others else 30), "and what is free is used"


@pytest.mark.parametrize("style", ["fixed", "sliding", "bucket"])
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_law_11_what_went_out_after_the_last_record_draws_no_refusal(
    hand: HandTime, style: WindowStyle, seed: int
) -> None:
    """A burst of 200 callers at the whole budget is killed a second after its last record."""
    slots, window = Limit(3000, 60).lawful(Decimal(1))
    server, served = Limiter(ServerClock(hand), style, 1, count_refused=False), ServerLimit(3000, 60)
    dice, refused = random.Random(seed), 0

    async def passed(seconds: float) -> None:
        over = asyncio.Event()
        hand.call_at(hand.now + seconds, over.set)
        await over.wait()

    async def poll(pool: Pool) -> None:
        nonlocal refused
        while True:
            ticket = await pool.take()
            await passed(dice.uniform(0.02, 0.3))
            usage = server.take("p", served)
            refused += not usage.allowed
            await passed(dice.uniform(0.02, 0.3))
            ticket.seen_by_venue(usage.used)
            ticket.close(Outcome.ANSWERED)

    async def life(pool: Pool, *, until: float) -> list[asyncio.Task[None]]:
        running = [asyncio.create_task(poll(pool)) for _ in range(200)]
        await settle()
        await hand.advance(until)
        return running

    first = Pool(slots, window, 3000, timeline=hand)
    running = await life(first, until=5)
    record = Record("", at_ms=0, used={"p": first.used}, frees={
        "p": [(calls, int((until - hand.now) * 1000)) for calls, until in first.frees()]
    })  # fmt: skip
    await hand.advance(1)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    second = Pool(slots, window, 3000, timeline=hand)
    second.assume_used(record.use_of("p", slots, window, 1_000, window))
    for task in await life(second, until=130):
        task.cancel()
    assert refused == 0
