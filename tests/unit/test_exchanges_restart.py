"""Law 11 across restarts: bans and budgets are taken up where they were."""

import json
from typing import Any

import pytest

from daemon.exchanges.base import Credentials
from daemon.exchanges.errors import BANNED, CallError, Refusal
from daemon.exchanges.restart import Record
from daemon.exchanges.shared import Shared
from rules.model import FailureKind
from tests.contract.clients_support import HandTime, client_at

PER_SECOND = 40
"""What may have gone out at 0.8 of the limit between the last record and a kill."""


class Wall:
    now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now


def client(wall: Wall, hand: HandTime, *, key: str = "key", kind: str = "binance", shared: Any = None) -> Any:
    shared = shared or Shared(hand)
    return client_at(kind, "http://127.0.0.1:9", Credentials(key, "s", "p"), clock=wall, shared=shared)


def through_json(value: object) -> Any:
    return json.loads(json.dumps(value))


def banned(wall: Wall, hand: HandTime, seconds: int = 1000) -> Any:
    one = client(wall, hand)
    one._act(one.ENDPOINTS["assets"], one._pools["assets"], Refusal(BANNED, "no", seconds), hand.now)
    return one


async def test_law_11_a_ban_outlives_a_restart_to_the_second_for_every_key_of_the_host() -> None:
    wall, hand = Wall(), HandTime()
    spent = through_json(banned(wall, hand).spent())
    wall.now += 400_000
    for key in ("key", "another"):
        later = HandTime()
        two = client(wall, later, key=key)
        two.restore(spent)
        assert two._host_gate.until == pytest.approx(later.now + 600)
        assert all(not pool._open(later.now + 599.9) for pool in two._pools.values())
        assert all(pool._open(later.now + 600.1) for pool in two._pools.values())


async def test_a_hold_from_before_the_restart_is_told_once() -> None:
    wall, hand = Wall(), HandTime()
    two = client(wall, hand)
    two.restore(banned(wall, HandTime()).spent())
    with pytest.raises(CallError) as caught:
        await two.call("summary", (), bytes)
    failure = caught.value.failure
    assert (failure.kind, failure.account, failure.stops) == (FailureKind.BANNED, None, False)
    assert failure.until_ms == pytest.approx(wall.now + 1_000_000, abs=5)
    two._tell_held(two._pools["summary"])


async def test_another_exchange_on_the_host_is_told_of_the_ban_too() -> None:
    wall, hand = Wall(), HandTime()
    shared = Shared(hand)
    one, two = client(wall, hand, shared=shared), client(wall, hand, key="another", shared=shared)
    one._act(one.ENDPOINTS["assets"], one._pools["assets"], Refusal(BANNED, "no", 60), hand.now)
    one._tell_held(one._pools["assets"])
    with pytest.raises(CallError):
        two._tell_held(two._pools["assets"])


async def test_a_ban_that_is_over_holds_nothing() -> None:
    wall, hand = Wall(), HandTime()
    spent = banned(wall, hand).spent()
    wall.now += 1_000_001
    two = client(wall, HandTime())
    two.restore(spent)
    assert all(pool._open(hand.now) for pool in two._pools.values())


async def test_long_windows_begin_with_the_count_and_short_ones_are_waited_out() -> None:
    wall, hand = Wall(), HandTime()
    one = client(wall, hand)
    for _ in range(5):
        await one._pools["assets"].take()
    spent = through_json(one.spent())
    wall.now += 20_000
    two = client(wall, hand)
    two.restore(spent)
    assert two._pools["assets"].used == 5 + PER_SECOND
    await hand.advance(40.1)
    assert two._pools["assets"].used == PER_SECOND
    await hand.advance(1)
    assert two._pools["assets"].used == 0

    okx = client(wall, hand, kind="okx")
    await okx._pools["funding"].take()
    spent = through_json(okx.spent())
    again = client(wall, hand, kind="okx")
    again.restore(spent)
    assert again._pools["funding"].used == 6
    await hand.advance(2.6)
    assert again._pools["funding"].used == 0


async def test_after_a_restart_slots_come_free_as_they_would_have() -> None:
    wall, hand = Wall(), HandTime()
    one = client(wall, hand)
    for _ in range(30):
        (await one._pools["assets"].take()).close()
        wall.now += 1_000
        await hand.advance(1)
    spent = through_json(one.spent())
    assert spent["used"] == {"assets": 30}
    two, used = client(wall, hand), []
    two.restore(spent)
    for _ in range(7):
        used.append(two._pools["assets"].used - PER_SECOND)
        await hand.advance(10)
    assert used[:4] == [30, 30, 30, 30]  # the first was answered 30 s ago, and rests for as long again
    assert 20 <= used[4] <= 23, used
    assert 10 <= used[5] <= 13, used
    assert used[6] <= 0


async def test_restarts_one_after_the_other_hold_a_slot_no_longer_than_one() -> None:
    wall, hand = Wall(), HandTime()
    one = client(wall, hand)
    for _ in range(10 * PER_SECOND):
        (await one._pools["assets"].take()).close()
    for _ in range(3):
        spent = through_json(one.spent())
        wall.now += 20_000
        hand = HandTime()
        one = client(wall, hand)
        one.restore(spent)
        (await one._pools["list"].take()).close()
        one.spent()
    assert one._pools["assets"].used <= 3 * PER_SECOND


async def test_what_this_run_spent_counts_once_after_an_edit() -> None:
    wall, hand = Wall(), HandTime()
    shared = Shared(hand)
    one = client(wall, hand, shared=shared)
    for _ in range(5):
        (await one._pools["assets"].take()).close()
    one._worked = True
    spent = through_json(one.spent())
    shared.leave(one)
    two = client(wall, hand, shared=shared)
    two.restore(spent, pools=False)
    assert two._pools["assets"].used == 5
    assert two._worked


async def test_law_11_what_is_spent_is_the_same_record_until_something_is_called_or_answered() -> None:
    wall, hand = Wall(), HandTime()
    one = client(wall, hand)
    ticket = await one._pools["assets"].take()
    records = [through_json(one.spent())]
    for act in (lambda: None, ticket.close, lambda: None):
        act()
        wall.now += 1_000
        await hand.advance(1)
        records.append(through_json(one.spent()))
    assert records[0] == records[1]
    assert records[2]["at_ms"] > records[1]["at_ms"]  # the slot is used for a window from the answer on
    assert records[2] == records[3]
    await hand.advance(59)
    assert one.spent()["used"] == {}


async def test_law_11_a_record_follows_the_wall_clock_where_it_was_set() -> None:
    wall, hand = Wall(), HandTime()
    one = client(wall, hand)
    await one._pools["assets"].take()
    one.spent()
    wall.now += 3_600_000
    assert one.spent()["at_ms"] == wall.now


@pytest.mark.parametrize("age_ms", [0, 70_000, 86_400_000])
async def test_law_11_a_short_window_is_waited_out_however_old_the_record(age_ms: int) -> None:
    """Calls may have gone out after it, within the second before a kill."""
    wall, hand = Wall(), HandTime()
    okx = client(wall, hand, kind="okx")
    await okx._pools["funding"].take()
    spent = through_json(okx.spent())
    wall.now += age_ms
    again = client(wall, hand, kind="okx")
    again.restore(spent)
    assert again._pools["funding"].used == 6


async def test_old_records_and_other_keys_say_nothing_of_budgets() -> None:
    wall, hand = Wall(), HandTime()
    one = client(wall, hand)
    await one._pools["assets"].take()
    spent = through_json(one.spent())
    stranger = client(wall, hand, key="another")
    stranger.restore(spent)
    wall.now += 3_600_000
    two = client(wall, hand)
    two.restore(spent)
    assert [c._pools["assets"].used for c in (stranger, two)] == [0, 0]


async def test_law_12_the_record_tells_nothing_of_the_key() -> None:
    one = client(Wall(), HandTime(), key="a-very-secret-key")
    assert "secret" not in json.dumps(one.spent())


@pytest.mark.parametrize(
    "spent", [{}, {"at_ms": "x", "holds": [], "used": {"assets": "many"}, "worked": 1, "key": None}]
)
def test_a_record_of_a_wrong_form_is_no_record(spent: dict[str, object]) -> None:
    record = Record.of(spent)
    assert (record.worked, record.at_ms, record.holds, record.used) == (False, 0, {}, {})
    client(Wall(), HandTime()).restore(spent)


def test_law_11_a_short_window_is_waited_out_also_where_a_small_budget_stretches_it() -> None:
    record = Record("key", at_ms=1_000)
    assert record.use_of("funding", 6, 13.3, 5_000, 2) == [(6, 13.3)]
    assert record.use_of("assets", 600, 60, 5_000, 60) == [(10, 57)]


@pytest.mark.parametrize("bad", [10**400, -1, "1", None, [[1]], [[1, 10**400]], [["1", 2]], {"a": 1}])
def test_what_has_a_wrong_form_is_left_out(bad: Any) -> None:
    record = Record.of(
        {"at_ms": 1_000, "used": {"assets": bad}, "frees": {"assets": bad}, "holds": {"host": bad}}
    )
    assert record.use_of("assets", 600, 60, 5_000, 60) == [(10, 57)]
    assert record.held_seconds("host", 1_000) == 0
