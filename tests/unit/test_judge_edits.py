"""Edits act at each subject's next reading; what only the edit ends is closed, never resolved."""

from dataclasses import replace

import pytest

from rules.model import RulesRejected, Severity
from rules.patterns import Patterns
from rules.ruleset import NotifierSettings, Rule
from tests.engine import Engine, binance, low, okx, stale

FLOOR = low("floor", "100", confirm=1)


def firing(rule: Rule = FLOOR, **more: object) -> Engine:
    engine = Engine(rule, **more)  # type: ignore[arg-type]
    engine.lists("mm-1@x")
    engine.reads("mm-1@x", USDT="50", BTC="1")
    assert engine.told() == [f"firing {rule.name} mm-1@x USDT 50"]
    return engine


@pytest.mark.parametrize(
    "edited",
    [
        low("floor", "90", confirm=1),
        low("floor", "100", confirm=1, runbook="https://wiki.example/new", description="new"),
        low("floor", "100", confirm=2, for_="5m"),
        low("floor", "100", clear_at="150", confirm=1),
    ],
)
def test_text_and_threshold_edits_tell_nothing_twice(edited: Rule) -> None:
    engine = firing()
    engine.edits(edited)
    for _ in range(3):
        engine.reads("mm-1@x", USDT="50")
    assert engine.told() == []
    assert engine.states() == ["firing floor mm-1@x USDT"]


def test_an_alert_that_only_the_edit_ends_is_closed() -> None:
    engine = firing()
    engine.edits(low("floor", "40", confirm=1))
    assert engine.told() == []
    engine.reads("mm-1@x", USDT="50")
    assert engine.told() == ["closed floor mm-1@x USDT 50"]
    assert engine.notifications[-1].facts.reason == "rule changed"


def test_an_alert_that_would_have_ended_without_the_edit_is_resolved() -> None:
    engine = firing()
    engine.edits(low("floor", "40", confirm=1))
    engine.reads("mm-1@x", USDT="100")
    assert engine.told() == ["resolved floor mm-1@x USDT 100"]


@pytest.mark.parametrize(
    "edited, reason",
    [
        (low("other", "100", confirm=1), "rule removed"),
        (low("floor", "100", field="total", confirm=1), "rule changed"),
        (low("floor", "100", wallet="spot", confirm=1), "rule changed"),
        (low("floor", "100", enabled=False), "rule removed"),
    ],
)
def test_a_removed_or_renewed_rule_closes_at_once(edited: Rule, reason: str) -> None:
    engine = firing()
    engine.edits(edited)
    assert engine.told() == ["closed floor mm-1@x USDT 50"]
    assert engine.notifications[-1].facts.reason == reason


@pytest.mark.parametrize(
    "edited",
    [
        low("floor", "100", account="arb-*", confirm=1),
        low("floor", "100", account=["*", "!mm-1@x"], confirm=1),
        low("floor", "100", asset="BTC", confirm=1),
        low("floor", below_by={"arb-*": "100"}, confirm=1),
        low("floor", "100", sum_over=["account"], confirm=1),
    ],
)
def test_a_selector_edited_away_closes_no_later_than_the_next_reading(edited: Rule) -> None:
    engine = firing()
    engine.edits(edited)
    engine.reads("mm-1@x", USDT="50", BTC="500")
    assert "closed floor mm-1@x USDT 50" in engine.told()
    assert not any(key.subject.account for key in engine.world.alerts)


def test_a_removed_exchange_closes_what_was_open_on_it() -> None:
    engine = firing(exchanges=[binance("x"), binance("y")])
    engine.edits(FLOOR, exchanges=[binance("y")])
    assert engine.told() == ["closed floor mm-1@x USDT 50"]
    assert engine.notifications[-1].facts.reason == "the exchange was removed"
    engine.reads("mm-1@x", USDT="50")
    assert engine.told() == []


def test_accounts_edited_so_that_one_is_no_longer_read_closes_its_alerts() -> None:
    engine = firing()
    engine.edits(FLOOR, exchanges=[binance(accounts=Patterns.of("arb-*"))])
    assert engine.told() == ["closed floor mm-1@x USDT 50"]
    assert engine.notifications[-1].facts.reason == "the account is no longer read"


def test_a_wallet_no_longer_read_closes_its_alerts() -> None:
    engine = Engine(low("floor", "100", wallet="*", confirm=1), exchanges=[okx()])
    engine.reads("a@x", "funding", USDT="5")
    engine.edits(
        low("floor", "100", wallet="*", confirm=1), exchanges=[okx(read=("trading",), wallets=("trading",))]
    )
    assert engine.told() == ["firing floor a@x USDT 5", "closed floor a@x USDT 5"]


def test_a_removed_notifier_cancels_its_rows_and_hears_no_end() -> None:
    both = [NotifierSettings("chat", Severity.INFO), NotifierSettings("pager", Severity.INFO)]
    engine = Engine(FLOOR, notifiers=both)
    engine.reads("mm-1@x", USDT="50")
    outcome = engine.edits(FLOOR, notifiers=both[:1])
    assert outcome.cancelled == ["pager"]
    assert outcome.restored == []
    engine.reads("mm-1@x", USDT="500")
    assert [one.notifier for one in engine.outcome.notifications] == ["chat"]
    assert engine.edits(FLOOR, notifiers=both).restored == ["pager"]


def test_an_edit_that_makes_it_worse_is_a_raise() -> None:
    engine = firing()
    engine.edits(replace(FLOOR, severity=Severity.CRITICAL))
    engine.reads("mm-1@x", USDT="50")
    assert engine.told() == ["raised floor mm-1@x USDT 50"]


def test_the_same_file_again_changes_nothing() -> None:
    engine = firing()
    for _ in range(3):
        engine.accepts(engine.ruleset)
        engine.reads("mm-1@x", USDT="50", BTC="1")
    assert engine.told() == []


def test_a_removed_stale_rule_closes() -> None:
    engine = Engine(stale("quiet", "2m"))
    engine.at("0m").lists("a@x")
    engine.reads("a@x", USDT="5")
    engine.at("1m").lists("a@x")
    engine.at("2m").lists("a@x")
    engine.ticks("3m")
    assert engine.told() == ["firing quiet a@x"]
    engine.edits()
    assert engine.told() == ["closed quiet a@x"]


def test_law_10_a_rejected_file_is_told_once_with_place_and_reason_and_ends_with_an_accepted_one() -> None:
    engine = firing()
    for _ in range(3):
        engine.says(RulesRejected(engine.now_ms, "rules.toml:12", "unknown key"))
    assert engine.told() == ["firing subtally/rules-file"]
    assert "rules.toml:12: unknown key" in engine.notifications[-1].facts.details
    engine.says(RulesRejected(engine.now_ms, "rules.toml:14", "another"))
    assert engine.told() == ["closed subtally/rules-file", "firing subtally/rules-file"]
    engine.accepts(engine.ruleset)
    assert engine.told() == ["resolved subtally/rules-file"]
    assert engine.states() == ["firing floor mm-1@x USDT"]
