"""`notify-test --drill`: what is told is what the rule would tell, marked TEST, to whom it would be told."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from daemon.config import load
from daemon.drill import drill_facts, example_of
from notifiers.message import Item, Message
from notifiers.text import units
from notifiers.wording import TITLE_UNITS, word
from rules.outcome import NotificationKind
from rules.types import TYPES
from rules.types.base import Family, LevelSpec, Zone
from tests.unit.notifiers_recorder import recording
from tests.unit.test_cli_support import RULES, fed, subtally, write_rules

ROOT = Path(__file__).parents[2]
NOW_MS = 1_790_000_000_000
EXAMPLE = load(ROOT / "rules.example.toml").ruleset


def rules_of_every_type() -> list[str]:
    return [rule.name for rule in EXAMPLE.rules]


def test_the_example_has_a_rule_of_every_type() -> None:
    assert {rule.type for rule in EXAMPLE.rules} == set(TYPES)


@pytest.mark.parametrize("name", rules_of_every_type())
def test_the_figures_of_a_drill_make_the_condition_of_its_rule_true(name: str) -> None:
    rule = next(rule for rule in EXAMPLE.rules if rule.name == name)
    subject = example_of(rule, EXAMPLE)
    assert rule.account.match(*subject.identifiers)
    assert rule.exchange.match(subject.exchange)
    facts = drill_facts(rule, subject, NOW_MS)
    if rule.type == "runway":
        assert facts.outlook is not None
        assert facts.outlook.left_ms is not None
        assert 0 < facts.outlook.left_ms <= facts.outlook.within_ms
        assert facts.outlook.seen_ms >= facts.outlook.over_ms
        assert facts.severity.value == "critical"
    elif rule.spec.family is Family.LEVEL:
        spec: LevelSpec = rule.spec  # type: ignore[assignment]
        assert facts.value is not None
        verdict = spec.verdict(Decimal(facts.value), rule.severity, subject.identifiers)
        assert verdict.zone is Zone.QUALIFIES
        assert verdict.severity is facts.severity
        assert rule.asset.match(facts.asset) or rule.valued
    elif rule.spec.family is Family.CHANGE:
        assert facts.value is not None
        assert facts.before is not None
        change = abs(Decimal(facts.value) - Decimal(facts.before))
        step = rule.spec.drop or rule.spec.rise  # type: ignore[attr-defined]
        assert step.reached(change, Decimal(facts.before))
    else:
        assert facts.headline
    item = Item("A7F3", NotificationKind.TEST, facts.severity, facts, NOW_MS)
    told = word(Message("M19C", "x", (item,)), timezone="UTC", public_url="", now_ms=NOW_MS)
    assert told.title.startswith(f"TEST {facts.severity.value.upper()} {subject.label[:8]}")
    assert units(told.title) <= TITLE_UNITS
    assert "This is a test: nothing has happened" in told.body
    for named in (f'rule "{rule.name}"', facts.label, "A7F3", "M19C"):
        assert named in told.body


def test_the_gravest_tier_is_drilled(tmp_path: Path) -> None:
    text = RULES + '\n[[rule]]\nname = "t"\ntype = "low_balance"\nbelow = { warning = 60, critical = 20 }\n'
    ruleset = load(write_rules(tmp_path, text)).ruleset
    rule = next(rule for rule in ruleset.rules if rule.name == "t")
    facts = drill_facts(rule, example_of(rule, ruleset), NOW_MS)
    assert (facts.severity.value, facts.value, facts.threshold) == ("critical", "18.0", "20")


def test_an_account_that_the_state_knows_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    with recording() as recorder:
        file = write_rules(tmp_path, url=recorder.url())
        name = load(file).ruleset.rules[0].name
        with fed(tmp_path):
            before = (tmp_path / "subtally.db").read_bytes()
            result = subtally("notify-test", "-c", file, "--drill", name)
        assert result.exit_code == 0, result.output
        assert (tmp_path / "subtally.db").read_bytes() == before
        assert "delivered" in result.stdout
        assert "about an example" not in result.stderr
        told = recorder.payload
    assert told["title"].startswith("TEST ")
    assert f'rule "{name}"' in told["message"]
    assert "mm-1" in told["message"]


def test_without_a_state_the_message_is_about_an_example_and_that_is_said(tmp_path: Path) -> None:
    with recording() as recorder:
        file = write_rules(tmp_path, url=recorder.url())
        result = subtally("notify-test", "-c", file, "--drill", load(file).ruleset.rules[0].name)
    assert result.exit_code == 0, result.output
    assert "the message is about an example" in result.stderr
    assert not (tmp_path / "subtally.db").exists()


def test_a_misspelt_rule_is_wrong_usage_with_what_was_meant(tmp_path: Path) -> None:
    file = write_rules(tmp_path)
    name = load(file).ruleset.rules[0].name
    result = subtally("notify-test", "-c", file, "--drill", name[:-1] + "zz")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f'did you mean "{name}"?' in result.stderr


OTHERS = """
[[notifier]]
name = "pager"
url = { file = "oncall.url" }
min_severity = "critical"

[[notifier]]
name = "boss"
url = { file = "oncall.url" }

[[rule]]
name = "routed"
type = "low_balance"
below = 5
notify = ["oncall", "pager"]
escalate_after = "30m"
escalate_to = ["boss"]

[[rule]]
name = "trial"
type = "low_balance"
below = 5
notify = []
"""


def test_who_would_not_be_told_is_listed_with_the_reason(tmp_path: Path) -> None:
    with recording() as recorder:
        file = write_rules(tmp_path, RULES + OTHERS, url=recorder.url())
        result = subtally("--json", "notify-test", "-c", file, "--drill", "routed")
        assert result.exit_code == 0, result.output
        told = {row["notifier"]: (row["outcome"], row["reason"]) for row in json.loads(result.stdout)}
        assert told == {
            "oncall": ("delivered", None),
            "pager": ("not sent", "its min_severity is critical, the alert's is warning"),
            "boss": ("not sent", "it hears only of what nobody acked (escalate_to)"),
        }
        result = subtally("notify-test", "-c", file, "--drill", "trial")
        assert result.exit_code == 0
        assert result.stdout.count("the rule does not name it") == 3
