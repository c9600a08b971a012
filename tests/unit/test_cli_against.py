"""`check --against-running`: what a file would open, close or change, and nothing made up."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from rules import foresight, readings
from rules.model import FailureKind
from tests.unit.test_cli_support import ARB, MM_1, RULES, fed, subtally, write_rules

BELOW = "below = { warning = 20_000.5, critical = 1_000 }"
MORE = """
[[rule]]
name = "BTC ceiling"
type = "high_balance"
asset = "BTC"
above = 1_000_000
"""


@pytest.fixture(autouse=True)
def _with_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEST_OKX_KEY", "TEST_OKX_SECRET", "TEST_OKX_PASSPHRASE"):
        monkeypatch.setenv(name, "k")


def against(folder: Path, text: str, *, running: bool = False) -> dict[str, Any]:
    with fed(folder, store_open=running):
        candidate = folder / "candidate.toml"
        candidate.write_text(text)
        result = subtally("check", "--against-running", "--json", candidate)
        assert (result.exit_code, result.stderr) == (0, "")
        told: dict[str, Any] = json.loads(result.stdout)
        return told


def moved(told: dict[str, Any]) -> dict[str, list[tuple[str, str, str]]]:
    return {
        effect: [(one["rule"], one["account"], one["severity"]) for one in told[effect]]
        for effect in ("opens", "closes", "changes")
    }


NOTHING: dict[str, list[tuple[str, str, str]]] = {"opens": [], "closes": [], "changes": []}


def test_the_same_file_moves_nothing(tmp_path: Path) -> None:
    told = against(tmp_path, RULES)
    assert moved(told) == NOTHING
    assert told["edits"] == []


def test_a_lower_floor_closes_what_only_the_edit_ends(tmp_path: Path) -> None:
    told = against(tmp_path, RULES.replace(BELOW, "below = { warning = 1_200, critical = 1_000 }"))
    assert moved(told) == {**NOTHING, "closes": [("USDT floor", "mm-1", "warning")]}
    assert told["closes"][0]["why"] == "rule changed"
    assert told["edits"] == [{"kind": "rule", "name": "USDT floor", "how": "changed", "keys": ["below"]}]


def test_a_higher_critical_tier_changes_the_severity(tmp_path: Path) -> None:
    told = against(tmp_path, RULES.replace(BELOW, "below = { warning = 20_000.5, critical = 1_500 }"))
    assert moved(told) == {**NOTHING, "changes": [("USDT floor", "mm-1", "critical")]}
    assert told["changes"][0]["why"] == "warning → critical"


def test_a_new_rule_opens_at_the_last_known_figures_with_confirm_counted_as_met(tmp_path: Path) -> None:
    told = against(tmp_path, RULES + MORE)
    assert moved(told) == {**NOTHING, "opens": [("BTC ceiling", "mm-1", "warning")]}
    assert told["opens"][0]["state"] == "firing"
    assert told["opens"][0]["value"] == "1234567.123456789012345678"
    assert told["edits"] == [{"kind": "rule", "name": "BTC ceiling", "how": "added", "keys": []}]


def test_for_is_not_counted_as_met(tmp_path: Path) -> None:
    told = against(tmp_path, RULES + MORE + 'for = "2m"\n')
    assert told["opens"][0]["state"] == "pending"
    assert told["opens"][0]["why"] == "> 1,000,000; pending for 2m"


def test_a_removed_rule_and_a_removed_exchange_close_with_their_reasons(tmp_path: Path) -> None:
    told = against(tmp_path, RULES[: RULES.index("[[rule]]")])
    assert [one["why"] for one in told["closes"]] == ["rule removed"]
    assert told["edits"] == [{"kind": "rule", "name": "USDT floor", "how": "removed", "keys": []}]
    (tmp_path / "subtally.db").unlink()
    without = RULES[RULES.index('[[exchange]]\nname = "never-read"') :].replace('account = "mm-*"\n', "")
    assert [one["why"] for one in against(tmp_path, without)["closes"]] == ["the exchange was removed"]


def test_law_1_unknown_figures_open_nothing(tmp_path: Path) -> None:
    rules = RULES.replace('account = "mm-*"', f'account = ["mm-*", "{ARB.email}"]')
    assert moved(against(tmp_path, rules)) == NOTHING


def test_law_1_what_fails_now_is_judged_by_its_last_reading_and_no_alert_on_calls_ends(
    tmp_path: Path,
) -> None:
    write_rules(tmp_path)
    with fed(tmp_path, store_open=True) as made:
        for _ in range(3):
            made.fail(FailureKind.KEY, "the key is refused", stops=True)
    told = json.loads(subtally("check", "--against-running", "--json", tmp_path / "rules.toml").stdout)
    assert moved(told) == NOTHING


def test_two_accounts_with_one_rule_more_are_two_openings(tmp_path: Path) -> None:
    rule = '[[rule]]\nname = "any USDT"\ntype = "high_balance"\nasset = "USDT"\nabove = 1\n'
    told = against(tmp_path, RULES + rule)
    assert {one["account"] for one in told["opens"]} == {MM_1.label, ARB.label}


LOWER = RULES.replace(BELOW, "below = { warning = 1_200, critical = 1_000 }")
CANDIDATES = [
    RULES + MORE,
    LOWER + MORE,
    RULES.replace('read = ["funding"]', 'read = ["funding"]\naccounts = ["*", "!mm-1"]') + MORE,
    RULES.replace('account = "mm-*"', 'account = "nobody"') + MORE,
    RULES.replace("[[exchange]]", '[daemon]\npoll_every = "5m"\n[[exchange]]', 1) + MORE,
]


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_only_what_differs_is_judged_and_that_makes_no_difference(
    tmp_path: Path, candidate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = against(tmp_path, candidate)
    (tmp_path / "subtally.db").unlink()
    monkeypatch.setattr(foresight, "_untouched", lambda *_: frozenset())
    whole = against(tmp_path, candidate)
    assert moved(quick) == moved(whole)
    assert moved(quick) != NOTHING


def test_of_many_rules_only_those_that_the_edit_touches_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []
    judge_subject = readings.judge_subject

    def counted(step: Any, settings: Any, rule: Any, *more: Any) -> None:
        judged.append(rule.name)
        judge_subject(step, settings, rule, *more)

    write_rules(tmp_path)
    with fed(tmp_path):
        pass
    (tmp_path / "candidate.toml").write_text(RULES + MORE)
    monkeypatch.setattr(readings, "judge_subject", counted)
    assert subtally("check", "--against-running", tmp_path / "candidate.toml").exit_code == 0
    assert set(judged) == {"BTC ceiling"}


def test_the_state_is_left_as_it_is(tmp_path: Path) -> None:
    with fed(tmp_path):
        pass
    before = hashlib.sha256((tmp_path / "subtally.db").read_bytes()).hexdigest()
    (tmp_path / "candidate.toml").write_text(RULES + MORE)
    result = subtally("check", "--against-running", tmp_path / "candidate.toml")
    assert hashlib.sha256((tmp_path / "subtally.db").read_bytes()).hexdigest() == before
    assert result.exit_code == 0
    assert 'rule "BTC ceiling" added' in result.stdout
    assert "1 alert would open, 0 would close, 0 would change" in result.stdout
    assert "no daemon runs on this state" in result.stderr


def test_a_wrong_file_and_a_missing_state_are_told(tmp_path: Path) -> None:
    file = write_rules(tmp_path)
    result = subtally("check", "--against-running", file)
    assert result.exit_code == 3
    assert "no state at" in result.stderr
    file.write_text(RULES.replace("low_balance", "low_blance"))
    assert subtally("check", "--against-running", file).exit_code == 1
