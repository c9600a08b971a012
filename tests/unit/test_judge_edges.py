"""Corners of the core where a small slip would stay unseen: orders, bounds, and what is put back to nothing."""

from __future__ import annotations

import pytest

from rules.model import FailureKind, Identity, MasterSeen, Severity, SilenceEnded, Start
from rules.patterns import Patterns
from rules.ruleset import NotifierSettings, Weekly
from tests.engine import T0_MS, Engine, binance, bitget, change, high, low, ms, okx, stale, status

FLOOR = low("floor", "100")


def firing(engine: Engine) -> list[str]:
    return [one for one in engine.states() if one.startswith("firing")]


def test_the_band_breaks_the_row_of_clear_readings() -> None:
    engine = Engine(low("floor", "100", clear_at="200"))
    for free in ("50", "50", "300", "150", "300"):
        engine.reads("a@x", USDT=free)
    assert firing(engine)
    engine.reads("a@x", USDT="300")
    assert not firing(engine)


def test_what_is_confirmed_decides_the_severity_not_what_was_seen_first() -> None:
    engine = Engine(low("floor", {"warning": "100", "critical": "10"}))
    engine.reads("a@x", USDT="5")
    engine.reads("a@x", USDT="50")
    alert = engine.alert("floor")
    assert (alert.severity, alert.facts.severity) == (Severity.WARNING, Severity.WARNING)
    assert engine.transitions[-1].severity is Severity.WARNING


def test_a_raise_needs_its_own_row_of_readings() -> None:
    engine = Engine(low("floor", {"warning": "100", "critical": "10"}))
    for free in ("50", "50", "5", "50", "5"):
        engine.reads("a@x", USDT=free)
    assert engine.alert("floor").severity is Severity.WARNING
    engine.reads("a@x", USDT="5")
    assert engine.alert("floor").severity is Severity.CRITICAL


def test_while_it_clears_the_figures_move_and_the_limits_stay() -> None:
    engine = Engine(low("floor", "100", confirm=3))
    for free in ("50", "40", "30", "150"):
        engine.reads("a@x", USDT=free)
    facts = engine.alert("floor").facts
    assert (facts.value, facts.threshold, facts.sign) == ("150", "100", "<")
    assert facts.read_ms == engine.now_ms - 1_000


def test_a_clock_set_back_puts_the_last_qualifying_look_back_too() -> None:
    engine = Engine(low("floor", "100", confirm=1, keep_firing="5m"))
    engine.at("60m").reads("a@x", USDT="50")
    engine.at("1m").reads("a@x", USDT="50")
    assert engine.alert("floor").last_ms == T0_MS + ms("1m")
    engine.at("2m").reads("a@x", USDT="500")
    engine.at("6m").ticks()
    assert not firing(engine)


def test_a_look_a_little_older_than_the_last_is_no_clock_set_back() -> None:
    engine = Engine(low("floor", "100", confirm=1), exchanges=[okx()])
    engine.reads("a@x", "funding", USDT="5")
    engine.at("10m").reads("a@x", "trading", USDT="5")
    engine.at("11m").reads("a@x", "funding", USDT="5")
    last = engine.alert("floor").last_ms
    engine.at("10m").reads("a@x", "trading", USDT="5")
    assert engine.alert("floor").last_ms == last


def test_figures_of_a_message_are_plain_whatever_the_venue_writes() -> None:
    engine = Engine(low("floor", "100", confirm=1), exchanges=[binance(read=("assets", "master"))])
    engine.reads("master", "main", rows={"USDT": ("2.5E+5", "0", "0", "0"), "BTC": ("1", "0", "0", "0")})
    rows = {"USDT": ("5E+1", "7E+2", "0", "0"), "BTC": ("2E+3", "0", "0", "0"), "ETH": ("0", "0", "0", "0")}
    engine.reads("a@x", rows=rows)
    facts = engine.alert("floor").facts
    assert facts.value == "50"
    assert facts.also == (("spot", "USDT", "locked", "700"), ("spot", "BTC", "total", "2000"))
    assert facts.details == ("The master has 250,000 USDT free in main.",)
    assert facts.readings == 1


def test_other_wallets_of_the_account_are_named_beside_the_judged_one() -> None:
    engine = Engine(low("floor", "100", wallet="trading", confirm=1), exchanges=[okx()])
    engine.reads("a@x", "funding", USDT="900", BTC="1")
    engine.reads("a@x", "trading", USDT="5", ETH="2")
    facts = engine.alert("floor").facts
    assert facts.also == (("funding", "USDT", "free", "900"), ("trading", "ETH", "total", "2"))


# Whose reading it is.


def test_a_name_that_is_used_again_is_another_account() -> None:
    engine = Engine()
    engine.lists(Identity("1", "a@x", "desk"), Identity("2", "b@x", "other"))
    engine.lists(Identity("1", "a@x", "desk"), Identity("2", "b@x", "other"), Identity("3", "c@x", "desk"))
    assert sorted(one.identity.venue_id or "" for one in engine.world.accounts.values()) == ["1", "2", "3"]
    engine.reads(Identity(email="c@x"), USDT="5")
    assert (3, "spot") in engine.world.holdings
    engine.reads(Identity("2"), USDT="5")
    assert (2, "spot") in engine.world.holdings


def test_a_name_alone_proves_an_account_that_has_no_id_yet() -> None:
    engine = Engine()
    engine.reads(Identity(name="desk"), USDT="5")
    engine.reads(Identity("7", name="desk"), USDT="5")
    (account,) = engine.world.accounts.values()
    assert account.identity == Identity("7", None, "desk")
    engine.reads(Identity(name="desk"), USDT="5")  # names are used again: this may be anybody
    assert len(engine.world.accounts) == 2


def test_an_email_without_an_id_means_the_account_that_has_one() -> None:
    engine = Engine()
    engine.reads(Identity("7", "a@x"), USDT="5")
    engine.reads(Identity(email="a@x"), USDT="6")
    engine.reads(Identity("8", "a@x"), USDT="7")
    assert sorted(one.identity.venue_id or "" for one in engine.world.accounts.values()) == ["7", "8"]


def test_the_master_is_announced_from_the_first() -> None:
    engine = Engine(exchanges=[binance(read=("assets", "master"))])
    engine.reads("master", USDT="5")
    (master,) = engine.world.accounts.values()
    assert (master.master, master.announced, master.first_seen_ms) == (True, True, T0_MS)


def test_a_summary_alone_reads_the_master_too() -> None:
    rule = low("worth", "2", field="value", quote="BTC", account="master", confirm=1)
    engine = Engine(rule, exchanges=[binance(read=("summary",))])
    engine.values("master", BTC="1")
    assert engine.states() == ["firing worth master BTC"]


# First judgements.


def test_two_exchanges_each_wait_for_their_own() -> None:
    engine = Engine(FLOOR, exchanges=[binance("x"), binance("y")], first=True)
    engine.lists("a@x", exchange="x")
    engine.lists("b@y", "c@y", exchange="y")
    engine.reads("b@y", exchange="y", USDT="500")
    engine.reads("a@x", exchange="x", USDT="5")
    engine.reads("a@x", exchange="x", USDT="5")
    assert engine.told() == ["firing floor a@x USDT 5"]
    engine.reads("c@y", exchange="y", USDT="5")
    assert engine.told() == []
    engine.reads("c@y", exchange="y", USDT="5")
    assert engine.told() == ["firing floor c@y USDT 5"]


def test_a_rule_that_goes_while_it_is_first_judged_holds_nobody_up() -> None:
    engine = Engine(FLOOR, low("other", "100", asset="BTC"), first=True)
    engine.lists("a@x", "b@x")
    engine.reads("a@x", USDT="5", BTC="5")
    engine.edits(FLOOR)
    engine.reads("a@x", USDT="5", BTC="5")
    engine.reads("b@x", USDT="500", BTC="5")
    assert engine.told() == ["firing floor a@x USDT 5"]
    assert set(engine.world.judged_rules) == {("x", FLOOR.key)}


def test_a_valuation_is_waited_for_where_a_rule_judges_it() -> None:
    rule = low("worth", "2", field="value", quote="USD", confirm=1)
    engine = Engine(rule, exchanges=[okx()], first=True)
    engine.lists("a@x", "b@x")
    for name in ("a@x", "b@x"):
        assert engine.told() == []
        engine.reads(name, "funding", USDT="5")
        engine.reads(name, "trading", USDT="5", values={"USD": "1"})
    assert engine.told() == ["firing worth a@x USD 1", "firing worth b@x USD 1"]


# Silence is not health.


def blind(engine: Engine) -> None:
    for minute in range(7):
        engine.at(f"{minute}m").reads("a@x", rows={"USDT": ("", "0", "0", "0")})
        engine.ticks()
    assert engine.states() == ["firing subtally/unknown a@x USDT"]


@pytest.mark.parametrize("exchanges", [[binance("x")], [binance("y")]])
def test_a_blind_rule_that_goes_or_loses_its_exchange_is_blind_no_more(exchanges: list[object]) -> None:
    engine = Engine(FLOOR, high("other", "100", asset="BTC"))
    blind(engine)
    engine.edits(high("other", "100", asset="BTC"), exchanges=exchanges)
    assert not engine.world.blind
    assert "subtally/unknown" not in str(engine.states())


def test_a_blind_rule_that_stays_stays_blind_through_an_edit() -> None:
    engine = Engine(FLOOR)
    blind(engine)
    engine.edits(FLOOR, low("other", "100"))
    assert engine.states() == ["firing subtally/unknown a@x USDT"]
    assert len(engine.world.blind) == 1


def test_trails_of_an_exchange_that_is_gone_are_forgotten_and_others_kept() -> None:
    engine = Engine(change("moved", "10m", drop="50"), exchanges=[binance("x"), binance("y")])
    for exchange, account in (("x", "a@x"), ("y", "b@y")):
        engine.reads(account, exchange=exchange, USDT="100")
        engine.reads(account, exchange=exchange, USDT="90")
    assert len(engine.world.trails) == 2
    engine.edits(change("moved", "10m", drop="50"), exchanges=[binance("y")])
    (key,) = engine.world.trails
    assert key.subject.exchange == "y"


def test_a_success_after_a_gap_begins_the_uptime_anew() -> None:
    engine = Engine()
    engine.at("0m").reads("a@x", USDT="5")
    engine.at("1m").reads("a@x", USDT="5")
    assert engine.world.exchanges["x"].up_since_ms == T0_MS
    engine.at("4m").reads("a@x", USDT="5")
    assert engine.world.exchanges["x"].up_since_ms == T0_MS + ms("4m")


def test_the_last_success_is_stored_once_a_second_and_trouble_at_once() -> None:
    engine = Engine()
    engine.at("0m").reads("a@x", USDT="5")
    engine.now_ms = T0_MS + 500
    engine.forget_touched()
    engine.reads("a@x", USDT="5")
    assert not engine.world.exchanges.touched
    engine.fails(reason="HTTP 502")
    assert engine.world.exchanges["x"].trouble == "HTTP 502"
    engine.now_ms = T0_MS + 600
    engine.reads("a@x", USDT="5")
    assert engine.world.exchanges["x"].trouble == ""


def test_an_account_that_answers_again_forgets_why_it_failed() -> None:
    engine = Engine()
    engine.reads("a@x", USDT="5")
    engine.fails("a@x", FailureKind.ACCOUNT, reason="HTTP 500")
    assert engine.account("a@x").failing_reason == "HTTP 500"
    engine.reads("a@x", USDT="5")
    assert (engine.account("a@x").failing_reason, engine.account("a@x").failing_since_ms) == ("", None)


def test_a_start_gives_only_the_stopped_another_chance() -> None:
    engine = Engine(exchanges=[binance("x"), binance("y")])
    engine.fails(kind=FailureKind.KEY, reason="key deleted", stops=True)
    engine.says(MasterSeen("y", engine.now_ms, "77"))
    engine.says(Start(engine.now_ms))
    assert engine.world.exchanges["x"].stopped == ""
    assert engine.world.exchanges["y"].master_id == "77"


def test_a_complete_pass_ends_the_silence_of_an_account() -> None:
    engine = Engine(stale("quiet", "2m"), exchanges=[bitget()])
    engine.at("0m").row("id=1", USDT="5")
    engine.passes(**{"1": "USDT"})
    engine.row("id=2", USDT="5")
    for minute in (1, 2, 3):
        engine.at(f"{minute}m").row("id=2", USDT="5")
        engine.ticks()
    assert "firing quiet 1" in engine.states()
    engine.passes(**{"1": "USDT", "2": "USDT"})
    assert engine.states() == []


# Telling.


def test_reminders_double_up_to_their_bound() -> None:
    engine = Engine(low("floor", "100", confirm=1, repeat_every="10m"), repeat_max_ms=ms("40m")).at("0m")
    told = []
    for minute in range(0, 180, 2):
        engine.at(f"{minute}m").reads("a@x", USDT="5")
        engine.ticks()
        if any(one.startswith("reminder") for one in engine.told()):
            told.append(minute)
    assert told == [10, 30, 70, 110, 150]


@pytest.mark.parametrize("every,reminded", [("0s", False), ("1ms", True)])
def test_a_rule_may_want_no_reminders(every: str, reminded: object) -> None:
    engine = Engine(low("floor", "100", confirm=1, repeat_every=every)).at("0m")
    engine.reads("a@x", USDT="5")
    assert (engine.alert("floor").remind_at_ms is not None) is reminded
    assert (engine.alert("floor").repeat_ms is not None) is reminded


def test_a_weekly_silence_that_is_not_now_delays_no_escalation() -> None:
    rule = low("floor", "100", confirm=1, notify=("oncall",), escalate_after="15m", escalate_to=("boss",))
    engine = Engine(rule, notifiers=[NotifierSettings("oncall"), NotifierSettings("boss")]).at("0m")
    engine.silences(weekly=Weekly(frozenset(), 0, 60))
    engine.reads("a@x", USDT="5")
    engine.at("16m").ticks()
    assert "escalated floor a@x USDT 5" in engine.told()


def test_the_end_of_a_silence_escalates_nothing_a_second_time() -> None:
    rule = low("floor", "100", confirm=1, notify=("oncall",), escalate_after="15m", escalate_to=("boss",))
    engine = Engine(rule, notifiers=[NotifierSettings("oncall"), NotifierSettings("boss")]).at("0m")
    engine.reads("a@x", USDT="5")
    engine.at("16m").ticks()
    engine.silences(until="60m")
    engine.at("20m").reads("a@x", USDT="5")
    engine.says(SilenceEnded(engine.now_ms, "S1A", "ann"))
    assert engine.alert("floor").escalate_at_ms is None


def test_every_event_and_every_kept_alert_ends_in_its_time() -> None:
    rules = (
        change("aaa", "10m", drop="1", confirm=1),
        low("bbb", "100", confirm=1),
        high("ccc", "400", confirm=1, keep_firing="5m"),
        change("ddd", "10m", drop="1", confirm=1),
    )
    engine = Engine(*rules).at("0m")
    engine.reads("a@x", USDT="500")
    engine.reads("a@x", USDT="50")
    engine.at("5m").ticks()
    assert "ccc" not in str(engine.states())
    engine.at("25h").ticks()
    assert "aaa" not in str(engine.states())
    assert "ddd" not in str(engine.states())
    assert "firing bbb a@x USDT" in engine.states()


# Presence and names.


def test_every_missing_account_is_asked_for_whatever_stands_before_it() -> None:
    engine = Engine(status(), exchanges=[okx()])
    engine.lists("a@x", "b@x", "c@x", "d@x")
    engine.lists("b@x", "d@x")
    assert engine.rechecks() == ["a@x funding", "c@x funding"]


def test_a_rename_that_every_rule_survives_names_none() -> None:
    engine = Engine(
        status(account="*"), low("floor", "1"), low("elsewhere", "1", account="a@x", exchange="y")
    )
    engine.lists(Identity("1", "a@x"))
    engine.lists(Identity("1", "b@x"))
    assert engine.notifications[-1].facts.details == ()


def test_a_rename_is_told_by_a_rule_that_knew_the_old_name_only() -> None:
    engine = Engine(status(account="a@x", severity="critical"), low("off", "1", account="a@x", enabled=False))
    engine.lists(Identity("1", "a@x"))
    engine.lists(Identity("1", "b@x"))
    assert engine.told() == ["event status b@x"]
    assert engine.notifications[-1].facts.details == ("No longer matched by: rule “status”.",)


def test_an_account_that_got_its_id_later_was_not_renamed() -> None:
    engine = Engine(status())
    engine.lists(Identity(None, "a@x", "one"))
    engine.lists(Identity("1", "a@x", "two"))
    assert engine.told() == []


def test_what_one_wallet_holds_is_held_though_another_was_never_read() -> None:
    engine = Engine(status(severity="critical"), exchanges=[okx()])
    engine.reads("a@x", "trading", USDT="5")
    assert engine.account("a@x").holds is True
    engine.reads("a@x", "trading", USDT="0")
    engine.reads("a@x", "funding", USDT="0")
    engine.reads("a@x", "trading", USDT="0")
    engine.reads("a@x", "funding", USDT="0")
    assert engine.told() == ["event status a@x"]
    assert engine.notifications[-1].facts.severity is Severity.CRITICAL


def test_what_is_open_is_judged_although_other_alerts_stand_before_it() -> None:
    engine = Engine(
        low("aaa", "100", wallet="funding", confirm=1), low("bbb", "100", wallet="trading"), exchanges=[okx()]
    )
    rows = {"USDT": ("5", "0", "0", "0")}
    for _ in range(2):
        engine.reads("a@x", "funding", rows=rows)
        engine.reads("a@x", "trading", rows=rows)
    assert engine.states() == ["firing aaa a@x USDT", "firing bbb a@x USDT"]


def test_a_valuation_knows_the_figure_before_and_an_overtaken_one_is_old_news() -> None:
    engine = Engine(
        low("worth", "2", field="value", quote="BTC", confirm=1), exchanges=[binance(read=("summary",))]
    )
    engine.at("1m").values("a@x", BTC="5")
    engine.at("2m").values("a@x", BTC="1")
    facts = engine.alert("worth").facts
    assert (facts.before, facts.before_ms, facts.quote) == ("5", T0_MS + ms("1m"), "BTC")
    engine.now_ms = T0_MS + ms("2m") - 5_000
    engine.values("a@x", BTC="9")
    assert engine.alert("worth").facts.value == "1"


# Sums, bans and edits.


def test_a_sum_over_wallets_is_one_subject_and_outlives_an_edit() -> None:
    rule = low("floor", "100", wallet="*", sum_over=["wallet"], confirm=1)
    engine = Engine(rule, exchanges=[okx()])
    for _ in range(2):
        engine.reads("a@x", "funding", USDT="60")
        engine.reads("a@x", "trading", USDT="60")
    assert engine.states() == []
    for _ in range(2):
        engine.reads("a@x", "funding", USDT="10")
        engine.reads("a@x", "trading", USDT="60")
    assert engine.states() == ["firing floor a@x USDT"]
    engine.edits(rule, low("other", "1"))
    engine.reads("a@x", "funding", USDT="10")
    assert engine.states() == ["firing floor a@x USDT"]


def test_a_sum_on_a_venue_of_passes_is_unknown_before_the_first_pass() -> None:
    engine = Engine(low("all", "100", sum_over=["account"], confirm=1), exchanges=[bitget()])
    engine.lists("id=1", source="virtual")
    engine.row("id=1", USDT="5")
    engine.row("id=1", USDT="5")
    assert engine.states() == []
    engine.passes(**{"1": "USDT"})
    engine.row("id=1", USDT="5")
    assert firing(engine)


def test_a_ban_without_an_end_ends_with_a_call_that_began_after_it() -> None:
    engine = Engine()
    engine.at("10s").fails(kind=FailureKind.BANNED, reason="418")
    engine.at("11s").reads("a@x", USDT="5", took="5s")
    assert engine.states() == ["firing subtally/ban"]
    engine.at("20s").reads("a@x", USDT="5")
    assert engine.states() == []


def test_an_answer_that_was_under_way_leaves_the_end_of_the_ban_known() -> None:
    engine = Engine()
    engine.at("10s").fails(kind=FailureKind.BANNED, reason="418", until="130s")
    for second in (11, 13):
        engine.at(f"{second}s").reads("a@x", USDT="5")
        assert engine.world.exchanges["x"].banned_until_ms == T0_MS + ms("130s")
    assert engine.states() == ["firing subtally/ban"]


def test_a_complete_list_of_nobody_is_a_success_and_an_incomplete_one_is_none() -> None:
    engine = Engine()
    engine.lists(complete=False)
    assert engine.world.exchanges["x"].last_success_ms is None
    engine.at("1m").lists()
    assert engine.world.exchanges["x"].last_success_ms == T0_MS + ms("1m")
    engine.at("2m").lists("a@x", complete=False)
    assert engine.world.exchanges["x"].last_success_ms == T0_MS + ms("2m")


def test_the_master_is_denied_by_nobody() -> None:
    engine = Engine(exchanges=[binance(read=("assets", "master"))])
    engine.reads("master", USDT="5")
    engine.denies("master")
    assert engine.account("master").denied_ms is None


def test_what_is_open_about_a_lost_account_says_that_it_is_gone() -> None:
    engine = Engine(low("floor", "100", confirm=1))
    engine.lists("a@x", "b@x")
    engine.reads("b@x", USDT="5")
    engine.lists("a@x")
    engine.denies("b@x")
    engine.lists("a@x")
    assert engine.notifications[-1].facts.reason == "the account is gone"
    assert engine.notifications[-1].kind.value == "closed"


def test_the_end_tells_the_details_of_now() -> None:
    engine = Engine(low("floor", "100", confirm=1), exchanges=[binance(read=("assets", "master"))])
    for master, free in (("900", "5"), ("7", "500")):
        engine.reads("master", USDT=master)
        engine.reads("a@x", USDT=free)
    assert [one.facts.details for one in engine.notifications] == [
        ("The master has 900 USDT free in spot.",),
        ("The master has 7 USDT free in spot.",),
    ]


def test_an_edit_closes_no_event_of_an_account_that_is_read_no_more() -> None:
    engine = Engine(change("moved", "10m", drop="1", confirm=1), low("floor", "100", confirm=1))
    engine.reads("a@x", USDT="50")
    engine.reads("a@x", USDT="5")
    engine.edits(*engine.ruleset.rules, exchanges=[binance(accounts=Patterns.of("b@x"))])
    assert engine.states() == ["firing moved a@x USDT"]


def test_a_repeat_that_is_longer_than_its_bound_is_kept() -> None:
    engine = Engine(low("floor", "100", confirm=1, repeat_every="20m"), repeat_max_ms=ms("10m")).at("0m")
    told = []
    for minute in range(0, 70, 2):
        engine.at(f"{minute}m").reads("a@x", USDT="5")
        engine.ticks()
        if any(one.startswith("reminder") for one in engine.told()):
            told.append(minute)
    assert told == [20, 40, 60]


def test_a_silence_until_another_alert_is_resolved_delays_no_escalation() -> None:
    rule = low("floor", "100", confirm=1, notify=("oncall",), escalate_after="15m", escalate_to=("boss",))
    engine = Engine(rule, notifiers=[NotifierSettings("oncall"), NotifierSettings("boss")]).at("0m")
    engine.reads("a@x", USDT="5")
    engine.silences(until="14m", until_resolved="A0000")
    engine.at("15m").ticks()
    assert "escalated floor a@x USDT 5" in engine.told()


def test_blindness_of_one_asset_more_keeps_the_alert_until_the_last_is_seen() -> None:
    engine = Engine(low("floor", "1", asset="*"))
    for minute in range(7):
        engine.at(f"{minute}m").reads("a@x", rows={"USDT": ("", "0", "0", "0"), "BTC": ("", "0", "0", "0")})
        engine.ticks()
    engine.reads("a@x", rows={"USDT": ("5", "0", "0", "0"), "BTC": ("", "0", "0", "0")})
    assert engine.states() == ["firing subtally/unknown a@x"]
    engine.reads("a@x", rows={"USDT": ("5", "0", "0", "0"), "BTC": ("5", "0", "0", "0")})
    assert engine.states() == []


def test_a_sum_is_judged_at_the_first_reading_after_its_accounts_are_listed_although_nothing_changed() -> (
    None
):
    engine = Engine(low("all", "100", sum_over=["account"], confirm=1))
    rows = {"USDT": ("5", "0", "0", "0")}
    engine.reads("a@x", rows=rows)
    assert engine.states() == []
    engine.lists("a@x")
    engine.reads("a@x", rows=rows)
    assert firing(engine)


def test_a_sum_that_lost_an_account_is_judged_at_the_next_reading_although_nothing_changed() -> None:
    engine = Engine(low("all", "100", sum_over=["account"]))
    rows = {"USDT": ("60", "0", "0", "0")}
    engine.lists("a@x", "b@x")
    engine.reads("b@x", rows=rows)
    engine.reads("a@x", rows=rows)
    engine.lists("a@x")
    engine.denies("b@x")
    engine.lists("a@x")
    assert engine.told() == []
    engine.reads("a@x", rows=rows)
    engine.reads("a@x", rows=rows)
    assert engine.told() == ["firing all sum of 1 accounts (*) USDT 60"]


def test_a_sum_that_a_new_name_left_is_judged_at_the_next_reading() -> None:
    engine = Engine(low("all", "100", sum_over=["account"], account="mm-*"))
    rows = {"USDT": ("60", "0", "0", "0")}
    one, two = Identity("1", "mm-1"), Identity("2", "mm-2")
    engine.lists(one, two)
    engine.reads(one, rows=rows)
    engine.reads(two, rows=rows)
    engine.lists(one, Identity("2", "arb-2"))
    engine.reads(one, rows=rows)
    engine.reads(one, rows=rows)
    assert engine.told() == ["firing all sum of 1 accounts (mm-*) USDT 60"]


def test_an_open_sum_goes_on_through_an_edit_and_through_readings_of_an_account_that_left_it() -> None:
    rule = low("all", "100", sum_over=["account"], account=["mm-*"], confirm=1)
    engine = Engine(rule)
    one, two = Identity("1", "mm-1"), Identity("2", "arb-2")
    engine.lists(one, two)
    engine.reads(one, USDT="5")
    engine.reads(two, USDT="5")
    engine.edits(rule, low("other", "1"))
    assert engine.states() == ["firing all sum of 1 accounts (mm-*) USDT"]
    engine.reads(two, USDT="6")
    assert engine.states() == ["firing all sum of 1 accounts (mm-*) USDT"]
    engine.reads(one, USDT="500")
    assert engine.told()[-1] == "resolved all sum of 1 accounts (mm-*) USDT 500"
