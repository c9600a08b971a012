"""Routes, reminders, trials and digests: whom what is told, and when."""

from rules.model import Severity
from rules.ruleset import NotifierSettings
from tests.engine import Engine, appeared, binance, change, low

BOTH = (NotifierSettings("chat", Severity.INFO), NotifierSettings("pager", Severity.CRITICAL))
FLOOR = low("floor", "100", confirm=1)


def reminders(engine: Engine, rule: str = "floor") -> list[str]:
    return [one for one in engine.told() if one.startswith(f"reminder {rule}")]


def fresh(engine: Engine, minutes: int) -> None:
    """Read one account every four minutes for so long, with ticks."""
    for _ in range(0, minutes, 4):
        engine.after("4m").reads("a@x", USDT="5")
        engine.ticks()
        engine.now_ms -= 1_000


def test_a_notifier_hears_nothing_below_its_severity() -> None:
    engine = Engine(low("floor", "100", severity="warning", confirm=1), notifiers=BOTH)
    engine.reads("a@x", USDT="5")
    assert [one.notifier for one in engine.notifications] == ["chat"]


def test_notify_names_whom_a_rule_tells() -> None:
    engine = Engine(low("floor", "100", severity="critical", notify=("pager",), confirm=1), notifiers=BOTH)
    engine.reads("a@x", USDT="5")
    assert [one.notifier for one in engine.notifications] == ["pager"]


def test_a_trial_is_judged_and_tells_nobody() -> None:
    engine = Engine(low("floor", "100", notify=(), confirm=1))
    engine.at("0m").reads("a@x", USDT="5")
    assert engine.states() == ["firing floor a@x USDT"]
    fresh(engine, 600)
    engine.reads("a@x", USDT="500")
    assert [one for one in engine.told() if "floor" in one] == []


def test_a_trial_that_becomes_serious_tells_what_fires() -> None:
    engine = Engine(low("floor", "100", notify=(), confirm=1))
    engine.reads("a@x", USDT="5")
    engine.edits(low("floor", "100", confirm=1))
    engine.reads("a@x", USDT="5")
    engine.reads("a@x", USDT="5")
    engine.reads("a@x", USDT="500")
    assert engine.told() == ["firing floor a@x USDT 5", "resolved floor a@x USDT 500"]


def test_send_resolved_false_hears_no_end() -> None:
    engine = Engine(FLOOR, notifiers=[NotifierSettings("oncall", send_resolved=False)])
    engine.reads("a@x", USDT="5")
    engine.reads("a@x", USDT="500")
    assert engine.told() == ["firing floor a@x USDT 5"]


def test_reminders_wait_twice_as_long_each_time_up_to_repeat_max() -> None:
    engine = Engine(FLOOR)
    engine.at("0m").reads("a@x", USDT="5")
    hours = []
    for hour in range(1, 90):
        for quarter in range(0, 60, 4):
            engine.at(hour * 3_600_000 + quarter * 60_000).reads("a@x", USDT="5")
            engine.at(hour * 3_600_000 + quarter * 60_000 + 1).ticks()
            if reminders(engine):
                hours.append(hour)
    assert hours == [4, 12, 28, 52, 76]


def test_a_rules_own_repeat_every_counts() -> None:
    engine = Engine(low("floor", "100", repeat_every="1h", confirm=1))
    engine.at("0m").reads("a@x", USDT="5")
    fresh(engine, 56)
    assert reminders(engine) == []
    fresh(engine, 8)
    assert len(reminders(engine)) == 1


def test_a_raise_breaks_the_repeat_wait() -> None:
    engine = Engine(low("floor", {"warning": "100", "critical": "10"}, confirm=1))
    engine.at("0m").reads("a@x", USDT="50")
    engine.at("230m").reads("a@x", USDT="5")
    assert engine.told() == ["firing floor a@x USDT 50", "raised floor a@x USDT 5"]
    fresh(engine, 232)
    assert reminders(engine) == []
    fresh(engine, 12)
    assert len(reminders(engine)) == 1


def test_the_reminders_of_a_stale_exchange_wait_for_its_recovery() -> None:
    engine = Engine(FLOOR)
    engine.at("0m").reads("a@x", USDT="5")
    engine.ticks("6m")
    engine.at("300m").ticks()
    assert [one for one in engine.told() if one.startswith("reminder floor")] == []
    engine.reads("a@x", USDT="5")
    engine.ticks()
    assert "reminder floor a@x USDT 5" in engine.told()


# First judgement.


def test_a_first_judgement_comes_as_one_digest_when_everything_was_judged() -> None:
    engine = Engine(low("floor", "100"), notifiers=BOTH, first=True)
    engine.lists("a@x", "b@x", "c@x")
    for name in ("a@x", "b@x"):
        engine.reads(name, USDT="5")
        engine.reads(name, USDT="5")
    assert engine.told() == []
    assert engine.states() == ["firing floor a@x USDT", "firing floor b@x USDT"]
    engine.reads("c@x", USDT="500")
    assert sorted(engine.told()) == ["firing floor a@x USDT 5", "firing floor b@x USDT 5"]
    assert len({one.batch for one in engine.notifications}) == 1
    assert engine.notifications[0].batch != ""


def test_the_digest_waits_for_a_reading_that_confirms() -> None:
    engine = Engine(low("floor", "100"), first=True)
    engine.lists("a@x", "b@x")
    engine.reads("a@x", USDT="5")
    engine.reads("b@x", USDT="500")
    assert engine.told() == []
    engine.reads("a@x", USDT="5")
    assert engine.told() == ["firing floor a@x USDT 5"]


def test_the_digest_waits_no_longer_than_60_seconds() -> None:
    engine = Engine(low("floor", "100"), first=True)
    engine.at("0s").lists("a@x", "b@x")
    engine.at("10s").reads("a@x", USDT="5")
    engine.at("11s").reads("a@x", USDT="5")
    engine.ticks("69s")
    assert engine.told() == []
    engine.at("70s").ticks()
    assert engine.told() == ["firing floor a@x USDT 5"]
    engine.reads("b@x", USDT="6")
    engine.reads("b@x", USDT="6")
    assert engine.told() == ["firing floor b@x USDT 6"]
    assert engine.notifications[-1].batch == ""


def test_what_is_over_before_the_digest_is_not_told() -> None:
    engine = Engine(FLOOR, first=True)
    engine.lists("a@x", "b@x")
    engine.reads("a@x", USDT="5")
    engine.reads("a@x", USDT="500")
    engine.reads("b@x", USDT="500")
    assert engine.told() == []


def test_the_digest_waits_only_for_the_accounts_that_the_rule_is_about() -> None:
    engine = Engine(low("floor", "100", account="a@x", confirm=1), first=True)
    engine.lists("a@x", "b@x")
    engine.reads("a@x", USDT="5")
    assert engine.told() == ["firing floor a@x USDT 5"]


def test_each_exchange_has_a_digest_of_its_own() -> None:
    engine = Engine(FLOOR, exchanges=[binance("x"), binance("y")], first=True)
    engine.lists("a@x", exchange="x")
    engine.lists("b@y", exchange="y")
    engine.reads("a@x", exchange="x", USDT="5")
    assert engine.told() == ["firing floor a@x USDT 5"]
    engine.reads("b@y", exchange="y", USDT="5")
    assert engine.told() == ["firing floor b@y USDT 5"]
    assert len({one.batch for one in engine.notifications}) == 2


def test_a_rule_that_comes_later_has_a_digest_of_its_own() -> None:
    engine = Engine(FLOOR)
    engine.lists("a@x", "b@x")
    engine.reads("a@x", USDT="50")
    engine.reads("b@x", USDT="50")
    engine.told()
    engine.edits(FLOOR, low("deeper", "60", confirm=1))
    engine.reads("a@x", USDT="50")
    assert engine.told() == []
    engine.reads("b@x", USDT="50")
    assert engine.told() == ["firing deeper a@x USDT 50", "firing deeper b@x USDT 50"]
    assert len({one.batch for one in engine.notifications[-2:]}) == 1


def test_a_restart_is_no_first_judgement() -> None:
    engine = Engine(FLOOR, first=True)
    engine.lists("a@x", "b@x")
    engine.reads("a@x", USDT="500")
    engine.reads("b@x", USDT="500")
    engine.restarts("1h")
    engine.reads("a@x", USDT="5")
    assert engine.told() == ["firing floor a@x USDT 5"]


def test_a_first_start_tells_no_events() -> None:
    engine = Engine(appeared(), change("moved", "10m", drop="1", rise="1", confirm=1), first=True)
    engine.lists("a@x")
    engine.reads("a@x", USDT="5")
    assert engine.told() == []


def test_what_cleared_while_we_were_down_ends_once() -> None:
    engine = Engine(low("floor", "100"))
    engine.reads("a@x", USDT="5")
    engine.reads("a@x", USDT="5")
    engine.restarts("2h")
    for _ in range(4):
        engine.reads("a@x", USDT="500")
    assert engine.told() == ["firing floor a@x USDT 5", "resolved floor a@x USDT 500"]
