"""`notify-test --drill`: what is told is what the rule would tell, marked TEST, to whom it would be told."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from daemon.config import load
from daemon.drill import drill_facts, example_of
from notifiers.message import Item, Message, Wording
from notifiers.text import units
from notifiers.wording import TITLE_UNITS, word
from rules.facts import Facts
from rules.model import Severity
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
    label = "" if rule.type == "reconciliation" or rule.sum_over else subject.label
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
    assert told.title.startswith(f"TEST {facts.severity.value.upper()} {label[:8]}")
    assert units(told.title) <= TITLE_UNITS
    assert "This is a test: nothing has happened" in told.body
    for named in (f'rule "{rule.name}"', facts.label, "A7F3", "M19C"):
        assert named in told.body


def drilled(folder: Path, rule: str, more: str = "") -> tuple[Facts, Wording]:
    """The drill of one rule of a file with a Binance and a Bitget exchange; `more` stands above the rule."""
    ruleset = load(
        write_rules(folder, f'{RULES}{BITGET}{more}\n[[rule]]\nname = "drilled"\n{rule}\n')
    ).ruleset
    found = next(one for one in ruleset.rules if one.name == "drilled")
    facts = drill_facts(found, example_of(found, ruleset), NOW_MS)
    item = Item("A7F3", NotificationKind.TEST, facts.severity, facts, NOW_MS)
    return facts, word(Message("M19C", "x", (item,)), timezone="UTC", public_url="", now_ms=NOW_MS)


BITGET = """
[[exchange]]
name = "bitget"
kind = "bitget"
api_key = { env = "K" }
api_secret = { env = "S" }
passphrase = { env = "P" }
"""


@pytest.mark.parametrize(
    "check, said",
    [
        ("movements", "11,000 USDT left desk-1 and arrived in no account that is read here within 15m"),
        ("conservation", "sum of the accounts (desk-*) USDT is off by -11,000"),
        ("summary", "desk-1 spot BTC differs from the venue's total by -99,000 BTC"),
        ("expected", "desk-1 USDT differs from the books by -99,000"),
    ],
)
def test_a_drill_of_reconciliation_tells_a_break_of_its_check(tmp_path: Path, check: str, said: str) -> None:
    rule = f'type = "reconciliation"\ncheck = "{check}"\naccount = "desk-*"\ntolerance = {{ abs = 10_000, pct = 5 }}'
    within = '\nwithin = "15m"' if check == "movements" else ""
    _, told = drilled(tmp_path, rule + within, BOOKS if check == "expected" else "")
    assert said in told.body


BOOKS = """
[[books]]
name = "ledger"
file = "ledger.csv"
"""


def test_a_drill_of_a_shift_is_critical_and_says_what_went_by_the_share_of_the_rule(tmp_path: Path) -> None:
    rule = 'type = "composition_shift"\nfall = "80%"\nmajors = ["ETH"]\nseverity = "critical"'
    facts, told = drilled(tmp_path, rule)
    assert facts.severity is Severity.CRITICAL
    assert "turned 80 of its 100 ETH into" in told.body
    assert "It holds 20 ETH now" in told.body


@pytest.mark.parametrize(
    "exchange, proof",
    [("never-read", "its own call still answers"), ("bitget", "the venue still names its balances")],
)
def test_a_drill_names_the_proof_that_the_venue_can_give(tmp_path: Path, exchange: str, proof: str) -> None:
    _, told = drilled(tmp_path, f'type = "account_status"\non = ["unlisted"]\nexchange = "{exchange}"')
    assert proof in told.body


def test_a_drill_of_a_sum_is_about_the_sum_and_no_single_account(tmp_path: Path) -> None:
    rule = 'type = "low_balance"\nasset = "USDT"\naccount = "desk-*"\nbelow = 100\nsum_over = ["account"]'
    _, told = drilled(tmp_path, rule)
    assert "sum of the accounts (desk-*) USDT free 90 < 100" in told.body
    assert "desk-1" not in told.body


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
