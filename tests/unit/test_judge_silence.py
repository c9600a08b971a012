"""Law 14: silence is not health. Outages, single accounts, bans, clocks, keys and blind rules."""

from dataclasses import replace

import pytest

from rules.model import ClockSeen, FailureKind, Identity, Maintenance, MasterSeen
from rules.ruleset import NotifierSettings
from tests.engine import T0_MS, Engine, binance, low, ms, okx, stale

NAMES = [f"s{number}@x" for number in range(300)]


def sweep(engine: Engine, names: list[str] = NAMES, *, without: str = "", wallet: str = "spot") -> None:
    """One minute: the list, then every account, 100 ms apart."""
    began = engine.now_ms
    engine.lists(*names)
    for name in names:
        if name != without:
            engine.reads(name, wallet, USDT="500")
            engine.now_ms -= 900
    engine.ticks()
    engine.now_ms = began + 60_000


def outage(engine: Engine, minutes: int, names: list[str] = NAMES) -> None:
    for _ in range(minutes):
        for _ in range(10):
            engine.fails(names[0], reason="connection refused")
            engine.ticks()
            engine.now_ms += 4_000


def test_an_exchange_down_with_300_accounts_is_one_alert_and_one_recovery() -> None:
    engine = Engine()
    for _ in range(3):
        sweep(engine)
    outage(engine, 30)
    assert engine.told() == ["firing subtally/stale-exchange"]
    facts = engine.notifications[-1].facts
    assert "300 accounts" in facts.headline
    assert facts.details == ("connection refused",)
    for _ in range(10):
        sweep(engine)
    assert engine.told() == ["resolved subtally/stale-exchange"]
    assert engine.states() == []


@pytest.mark.parametrize("minutes", [1, 2, 3, 4])
def test_an_outage_shorter_than_stale_after_tells_nothing(minutes: int) -> None:
    engine = Engine()
    for _ in range(3):
        sweep(engine)
    outage(engine, minutes)
    for _ in range(8):
        sweep(engine)
    assert engine.told() == []


def test_one_account_failing_among_300_is_one_alert_for_it() -> None:
    engine = Engine(low("floor", "100", confirm=1))
    for _ in range(3):
        sweep(engine)
    for _ in range(10):
        engine.fails("s7@x", reason="HTTP 500")
        sweep(engine, without="s7@x")
    assert engine.told() == ["firing subtally/stale-account s7@x"]
    assert engine.notifications[-1].facts.details == ("HTTP 500",)
    engine.reads("s9@x", USDT="5")
    assert engine.told() == ["firing floor s9@x USDT 5"]
    engine.reads("s7@x", USDT="500")
    assert engine.told() == ["resolved subtally/stale-account s7@x"]


@pytest.mark.parametrize("shares", [True, False])
def test_accounts_that_wait_for_those_of_another_exchange_with_the_key_are_not_stale(shares: bool) -> None:  # noqa: FBT001
    names = ("x", "y")
    with_the_other = {"x": ("y",), "y": ("x",)} if shares else {}
    engine = Engine(
        exchanges=[
            okx(name, read_us=1_000_000, wallets=("funding",), shares_with=with_the_other.get(name, ()))
            for name in names
        ]
    )
    accounts = [f"s{number}@x" for number in range(160)]
    for name in names:
        engine.lists(*accounts, exchange=name)
    # Both have their turns one after the other, as the venue's limit wants: 320 s a sweep.
    for _ in range(4):
        for account in accounts:
            for name in names:
                engine.reads(account, "funding", exchange=name, USDT="5")
            engine.ticks()
    assert bool(engine.told()) is not shares


def test_accounts_that_waited_for_those_of_an_exchange_that_an_edit_removes_are_not_stale_for_it() -> None:
    both = [
        okx(name, read_us=1_000_000, read=("funding",), wallets=("funding",), shares_with=other)
        for name, other in (("x", ("y",)), ("y", ("x",)))
    ]
    engine = Engine(exchanges=both)
    few, many = [f"s{number}@x" for number in range(20)], [f"t{number}@y" for number in range(400)]
    turns = [("x", name) for name in few] + [("y", name) for name in many]
    for number, (exchange, account) in enumerate(turns * 2):
        if number % 60 == 0:
            engine.lists(*few)
            engine.lists(*many, exchange="y")
        engine.reads(account, "funding", exchange=exchange, USDT="5")
        engine.ticks()
        engine.now_ms -= 1_000
    assert engine.told() == []
    engine.edits(exchanges=[replace(both[0], shares_with=())])
    engine.lists(*few)
    engine.ticks()
    assert engine.told() == []
    for _ in range(6):
        engine.after("1m").lists(*few)
        engine.ticks()
    assert len(engine.told()) == len(few), "but those that are not read from then on are"


def test_one_wallet_failing_makes_its_account_stale_although_the_other_is_read() -> None:
    engine = Engine(exchanges=[okx(read_us=1)])
    engine.lists("a@x")
    engine.reads("a@x", "funding", USDT="5")
    engine.reads("a@x", "trading", USDT="5")
    for minute in range(1, 10):
        engine.at(f"{minute}m").reads("a@x", "funding", USDT="5")
        engine.ticks()
    assert engine.told() == ["firing subtally/stale-account a@x"]
    assert engine.notifications[-1].facts.wallet == "trading"
    engine.reads("a@x", "funding", USDT="5")
    assert engine.told() == []
    engine.reads("a@x", "trading", USDT="5")
    assert engine.told() == ["resolved subtally/stale-account a@x"]


def test_an_own_stale_rule_is_on_time_for_accounts_that_a_first_look_did_not_know_yet() -> None:
    engine = Engine(stale("quiet", "90s"))
    engine.ticks()  # as after every start: the tick comes before the first listing
    engine.at(0).lists("a@x", "b@x")
    engine.reads("a@x", USDT="5")
    engine.reads("b@x", USDT="5")
    for second in range(30, 95, 30):
        engine.at(f"{second}s").reads("b@x", USDT="5")
        engine.ticks()
    assert engine.told() == []
    engine.at("95s").reads("b@x", USDT="5")
    engine.ticks()
    assert engine.told() == ["firing quiet a@x"]


def test_a_failing_account_is_noticed_where_little_is_polled_seldom() -> None:
    engine = Engine(exchanges=[binance(poll_every_ms=120_000)])
    engine.lists("a@x", "b@x")
    engine.reads("a@x", USDT="5")
    engine.reads("b@x", USDT="5")
    for minute in range(2, 20, 2):
        engine.at(f"{minute}m").lists("a@x", "b@x")
        engine.reads("a@x", USDT="5")
        engine.fails("b@x")
        engine.ticks()
    assert engine.told() == ["firing subtally/stale-account b@x"]


def test_okx_with_1000_accounts_and_a_seven_minute_sweep_is_not_stale() -> None:
    names = [f"o{number}" for number in range(1_000)]
    engine = Engine(exchanges=[okx(read=("funding",), wallets=("funding",))])
    engine.lists(*names)
    for _ in range(4):
        for name in names:
            engine.reads(name, "funding", USDT="500")
            engine.now_ms += 416 - 1_000
            if name.endswith("0"):
                engine.ticks()
                engine.now_ms -= 1_000
    assert engine.told() == []


def test_a_long_poll_every_is_no_outage() -> None:
    engine = Engine(exchanges=[binance(poll_every_ms=600_000)])
    for _ in range(5):
        began = engine.now_ms
        engine.lists("a@x")
        engine.reads("a@x", USDT="5")
        while engine.now_ms < began + 600_000:
            engine.ticks()
            engine.now_ms += 9_000
    assert engine.told() == []


def test_announced_maintenance_widens_staleness_and_is_named() -> None:
    engine = Engine()
    sweep(engine)
    at = engine.now_ms
    engine.says(Maintenance("x", at, active=True, reason="wallet upgrade", until_ms=at + ms("30m")))
    while engine.now_ms < at + ms("34m"):
        engine.fails(reason="HTTP 503")
        engine.ticks()
        engine.now_ms += 8_000
    assert engine.told() == []
    outage(engine, 3)
    assert engine.told() == ["firing subtally/stale-exchange"]
    assert "maintenance: wallet upgrade" in engine.notifications[-1].facts.details


def test_after_the_end_of_maintenance_staleness_is_as_short_as_ever() -> None:
    engine = Engine()
    sweep(engine)
    at = engine.now_ms
    engine.says(Maintenance("x", at, active=True, reason="upgrade", until_ms=at + ms("10h")))
    engine.ticks()
    engine.says(Maintenance("x", engine.now_ms, active=False))
    outage(engine, 7)
    assert engine.told() == ["firing subtally/stale-exchange"]


def test_a_stopped_exchange_is_told_at_once_with_the_reason() -> None:
    engine = Engine(low("floor", "100", confirm=1))
    engine.lists("a@x")
    engine.fails(kind=FailureKind.KEY, reason="50113: invalid signature", stops=True)
    assert engine.told() == ["firing subtally/stale-exchange"]
    assert engine.notifications[-1].facts.details == ("50113: invalid signature",)
    engine.ticks("20m")
    assert engine.told() == []


def test_a_stop_during_an_outage_is_told_because_waiting_will_not_help() -> None:
    engine = Engine()
    sweep(engine)
    outage(engine, 7)
    engine.fails(kind=FailureKind.KEY, reason="key deleted", stops=True)
    assert engine.told() == [
        "firing subtally/stale-exchange",
        "closed subtally/stale-exchange",
        "firing subtally/stale-exchange",
    ]
    assert "stopped" in engine.notifications[-1].facts.headline


def test_a_new_file_gives_a_stopped_exchange_another_chance() -> None:
    engine = Engine()
    engine.lists("a@x")
    engine.fails(kind=FailureKind.KEY, reason="key deleted", stops=True)
    engine.accepts(engine.ruleset)
    engine.lists("a@x")
    assert engine.told() == ["firing subtally/stale-exchange", "resolved subtally/stale-exchange"]


def test_a_ban_is_told_with_its_end_and_ends_with_the_first_success_after_it() -> None:
    engine = Engine()
    engine.at("0s").lists("a@x")
    engine.at("10s").fails(kind=FailureKind.BANNED, reason="418: banned", until="130s")
    engine.at("11s").reads("a@x", USDT="5")  # it was under way
    assert engine.told() == ["firing subtally/ban"]
    assert engine.notifications[-1].facts.until_ms == T0_MS + 130_000
    engine.at("131s").reads("a@x", USDT="5")
    assert engine.told() == ["resolved subtally/ban"]


def test_a_clock_that_is_off_says_which_way_and_ends() -> None:
    engine = Engine()
    for offset in (4_999, 40_000, 40_100, 3_000, -40_000, 2_000):
        engine.says(ClockSeen("x", engine.now_ms, offset))
    assert engine.told() == ["firing subtally/clock", "resolved subtally/clock"]
    assert "40.0 s behind" in engine.notifications[0].facts.headline


def test_a_key_that_may_do_more_than_read_is_told_and_its_worsening_too() -> None:
    engine = Engine()
    engine.says(MasterSeen("x", engine.now_ms, "77", ("enableFutures",)))
    engine.says(MasterSeen("x", engine.now_ms, "77", ("enableFutures",)))
    assert engine.told() == ["firing subtally/key-rights"]
    engine.says(MasterSeen("x", engine.now_ms, "77", ("enableFutures", "enableWithdrawals")))
    assert engine.told() == ["closed subtally/key-rights", "firing subtally/key-rights"]
    engine.says(MasterSeen("x", engine.now_ms, "77", ()))
    assert engine.told() == ["resolved subtally/key-rights"]


def test_a_key_of_another_master_stops_the_exchange_and_judges_nothing() -> None:
    engine = Engine(low("floor", "100", confirm=1))
    engine.says(MasterSeen("x", engine.now_ms, "77"))
    engine.lists("a@x")
    engine.says(MasterSeen("x", engine.now_ms, "88"))
    assert engine.told() == ["firing subtally/stale-exchange"]
    engine.reads("a@x", USDT="5")
    engine.lists("b@x")
    engine.lists("b@x")
    assert engine.told() == []


def test_a_rule_that_sees_nothing_is_told_naming_field_and_wallet() -> None:
    engine = Engine(low("floor", "100", wallet="trading"), exchanges=[okx()])
    for minute in range(7):
        engine.at(f"{minute}m").reads("a@x", "trading", rows={"USDT": ("", "0", "0", "0")})
        engine.reads("a@x", "funding", USDT="1")
        engine.ticks()
    assert engine.told() == ["firing subtally/unknown a@x USDT"]
    facts = engine.notifications[-1].facts
    assert (facts.field, facts.wallet) == ("free", "trading")
    assert "“floor” cannot see free of USDT in wallet trading" in facts.headline
    engine.reads("a@x", "trading", USDT="500")
    assert engine.told() == ["resolved subtally/unknown a@x USDT"]


def test_a_rule_blind_for_many_assets_is_one_alert() -> None:
    engine = Engine(low("floor", "100", asset="*"))
    rows = {f"C{number}": ("", "0", "0", "0") for number in range(50)}
    for minute in range(7):
        engine.at(f"{minute}m").reads("a@x", rows=rows)
        engine.ticks()
    assert engine.told() == ["firing subtally/unknown a@x"]
    assert "and 45 more" in engine.notifications[-1].facts.headline


def test_an_account_that_is_not_read_makes_no_rule_blind() -> None:
    engine = Engine(low("all", "100", sum_over=["account"]))
    engine.lists("a@x", "b@x")
    for minute in range(4):
        engine.at(f"{minute}m").reads("a@x", USDT="500")
        engine.ticks()
    assert engine.told() == []
    assert not engine.world.blind


def test_a_gone_account_makes_no_rule_blind_any_more() -> None:
    engine = Engine(low("floor", "100"))
    engine.lists("a@x", "b@x")
    for minute in range(7):
        engine.at(f"{minute}m").reads("b@x", rows={"USDT": ("", "0", "0", "0")})
        engine.reads("a@x", USDT="500")
        engine.ticks()
    engine.lists("a@x")
    engine.denies("b@x")
    engine.lists("a@x")
    engine.ticks()
    assert engine.told() == ["firing subtally/unknown b@x USDT", "resolved subtally/unknown b@x USDT"]


def test_a_rule_of_the_users_own_tells_what_was_not_read_for_so_long() -> None:
    engine = Engine(stale("quiet", "2m", account="a@x"))
    engine.at("0m").lists("a@x", "b@x")
    engine.reads("a@x", USDT="5")
    for second in range(30, 200, 30):
        engine.at(f"{second}s").reads("b@x", USDT="5")
        engine.ticks()
    assert engine.told() == ["firing quiet a@x"]
    engine.reads("a@x", USDT="5")
    assert engine.told() == ["resolved quiet a@x"]


def test_an_account_whose_valuation_alone_is_read_is_not_stale() -> None:
    engine = Engine(exchanges=[binance(read=("summary",))])
    engine.lists("a@x", source="summary")
    for minute in range(12):
        engine.at(f"{minute}m").values("a@x", BTC="1")
        engine.ticks()
    assert engine.told() == []


def test_built_in_alerts_go_where_notify_of_the_daemon_says() -> None:
    notifiers = [NotifierSettings("chat"), NotifierSettings("pager")]
    engine = Engine(notifiers=notifiers, notify=("pager",))
    engine.fails(kind=FailureKind.KEY, reason="key deleted", stops=True)
    assert [one.notifier for one in engine.notifications] == ["pager"]


def test_an_endpoint_that_is_refused_is_noted_and_no_outage() -> None:
    engine = Engine()
    engine.fails(kind=FailureKind.ENDPOINT, reason="22010: bind an IP address")
    assert engine.told() == []
    assert [note.event for note in engine.outcome.notes] == ["endpoint.refused"]


def test_a_malformed_answer_changes_nothing_but_its_reason() -> None:
    engine = Engine(low("floor", "100", confirm=1))
    engine.reads(Identity("1", "a@x"), USDT="500")
    holdings = dict(engine.world.holdings)
    engine.fails(Identity("1", "a@x"), FailureKind.MALFORMED, reason="free is NaN")
    assert dict(engine.world.holdings) == holdings
    assert engine.told() == []
