"""The accounts behind the fake venues: exact money, mutators, reproducible beginnings."""

from decimal import Decimal

import pytest

from daemon.simulator import ManualClock, Simulator
from daemon.simulator.model import UnknownAccountError
from daemon.simulator.money import add, exact, ratio, times, wire


@pytest.mark.parametrize(
    "text",
    ["0", "1.100", "0.000000000000000001", "123456789012345678901234567890.123456789012345678", "-7.5"],
)
def test_amounts_keep_their_text(text: str) -> None:
    assert wire(exact(text)) == text


@pytest.mark.parametrize(
    "amount, error", [(1.5, TypeError), (True, TypeError), ("NaN", ValueError), ("x", ValueError)]
)
def test_what_is_no_exact_amount_is_refused(amount: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        exact(amount)  # type: ignore[arg-type]


def test_sums_products_and_valuations_do_not_round_before_their_last_digit() -> None:
    large, dust = exact("123456789012345678901234567890"), exact("0.000000000000000001")
    assert wire(add((large, dust))) == "123456789012345678901234567890.000000000000000001"
    assert wire(times(large, exact("3"))) == "370370367037037036703703703670"
    assert wire(ratio(exact("1"), exact("3"), 8)) == "0.33333333"
    assert wire(ratio(exact("2"), exact("3"), 8)) == "0.66666666"


def simulator(**options: int) -> Simulator:
    return Simulator(clock=ManualClock(), **options)  # type: ignore[arg-type]


def picture(of: Simulator) -> list[object]:
    return [
        (account.id, account.name, account.created_ms, account.wallets)
        for venue in of.venues.values()
        for account in (venue.master, *venue)
    ]


def test_the_same_seed_gives_the_same_accounts() -> None:
    assert picture(simulator(seed=7)) == picture(simulator(seed=7))
    assert picture(simulator(seed=7)) != picture(simulator(seed=8))


def test_one_more_account_changes_no_other() -> None:
    fewer, more = simulator(binance_accounts=3), simulator(binance_accounts=4)
    assert [account.wallets for account in fewer.binance] == [account.wallets for account in more.binance][:3]


def test_a_large_simulator_has_as_many_accounts_and_coins_as_asked() -> None:
    large = simulator(binance_accounts=25, okx_accounts=25, bitget_accounts=25, assets=50)
    for venue in large.venues.values():
        assert len(venue.accounts) == 25
        assert {len(coins) for account in venue for coins in account.wallets.values()} == {50}


def test_okx_accounts_tie_in_their_time_of_creation() -> None:
    created = [account.created_ms for account in simulator(okx_accounts=4).okx]
    assert len(set(created)) == 2


def test_set_balance_changes_only_what_is_named() -> None:
    binance = simulator().binance
    binance.add("x@y", balances={"spot": {"USDT": "10"}})
    binance.set_balance("x@y", "USDT", locked="1.50", withdrawing=2)
    balance = binance.account("x@y").holdings("spot")["USDT"]
    assert (balance.free, wire(balance.locked), balance.withdrawing) == (Decimal(10), "1.50", Decimal(2))
    assert balance.total == Decimal("13.50")


def test_a_move_conserves_every_digit() -> None:
    okx = simulator().okx
    before = add(account.holdings("funding")["USDT"].total for account in okx)
    okx.move("deskmm1", "deskmm2", "USDT", "0.000000000000000001")
    assert add(account.holdings("funding")["USDT"].total for account in okx) == before
    okx.move("deskmm1", "deskmm1", "USDT", "5", wallet="funding", to_wallet="trading")
    with pytest.raises(ValueError, match="has only"):
        okx.move("deskmm1", "deskmm2", "USDT", "1000000000")


def test_a_hold_keeps_the_total_and_is_released_by_its_negative() -> None:
    bitget = simulator().bitget
    before = bitget.account("mm-1").holdings("spot")["BTC"]
    bitget.hold("mm-1", "BTC", "0.25", "locked")
    held = bitget.account("mm-1").holdings("spot")["BTC"]
    assert (held.total, held.locked) == (before.total, Decimal("0.25"))
    bitget.hold("mm-1", "BTC", "-0.25", "locked")
    assert bitget.account("mm-1").holdings("spot")["BTC"].free == before.free
    with pytest.raises(ValueError, match="not enough"):
        bitget.hold("mm-1", "BTC", "1000", "locked")
    with pytest.raises(ValueError, match="gives no"):
        bitget.hold("mm-1", "BTC", "0.1", "withdrawing")


def test_a_rename_keeps_the_id_and_forgets_the_old_name() -> None:
    binance = simulator().binance
    known = binance.account("arb@desk.example")
    binance.rename("arb@desk.example", "arb-2@desk.example", label="arb two")
    assert binance.account(known.id).name == "arb-2@desk.example"
    assert binance.account("arb two") is known
    with pytest.raises(UnknownAccountError):
        binance.account("arb@desk.example")
    with pytest.raises(ValueError, match="already has"):
        binance.rename("arb-2@desk.example", "mm-1@desk.example")


def test_mistakes_of_the_caller_are_named() -> None:
    okx = simulator().okx
    with pytest.raises(ValueError, match="gives no"):
        okx.set_balance("deskmm1", "USDT", locked="1")
    with pytest.raises(ValueError, match="no wallet 'spot'"):
        okx.set_balance("deskmm1", "USDT", wallet="spot", free="1")
    with pytest.raises(ValueError, match="already has"):
        okx.add("deskmm1")
    with pytest.raises(ValueError, match="master"):
        okx.remove("master")
    with pytest.raises(ValueError, match="no listing"):
        okx.unlist("deskmm1", "assets")
    with pytest.raises(ValueError, match="keys have no"):
        okx.set_rights({"permission": "trade"})
