"""`subtally test`: the shipped cases pass, a changed threshold fails them, and what is wrong is said with its place."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from daemon.ruletest.notation import Said, tokens_of
from tests.unit.test_cli_support import subtally

ROOT = Path(__file__).parents[2]
CASES = sorted((ROOT / "tests/cases/rules").glob("*.toml"))
EXAMPLE = ROOT / "rules.example.toml"

MUTATIONS = [
    ("critical = 20_000 }", "critical = 19_000 }"),
    ("warning = 50_000, critical", "warning = 48_000, critical"),
    ("clear_at = 60_000", "clear_at = 61_001"),
    ('for      = "2m"', 'for      = "3m"'),
    ('"payout1" = 50_000', '"payout1" = 45_000'),
    ('"payout*" = 20_000', '"payout*" = 19_999'),
    ('"1000000.50"', '"999000"'),
    ("below    = 250_000", "below    = 249_999"),
    ("info = 1_000_000", "info = 1_000_001"),
    ("clear_at = 900_000", "clear_at = 899_999"),
    ("up_to    = 2.5", "up_to    = 2.6"),
    ("up_to    = 2.5", "up_to    = 2.4"),
    ('escalate_after = "15m"', 'escalate_after = "16m"'),
    ("above    = 0", 'above    = "0.00000001"'),
    ('drop     = "10%"', 'drop     = "11%"'),
    ("rise     = 5", "rise     = 6"),
    ('after    = "3m"', 'after    = "4m"'),
    ('on       = ["frozen", "renamed", "unlisted", "drained"]', 'on = ["frozen", "renamed", "unlisted"]'),
    ('exchange = ["*", "!bitget-*"]', 'exchange = "*"'),
]

FLOOR = """
rules_text = '''
[[exchange]]
name = "x"
kind = "binance"
api_key = { env = "KEY" }
api_secret = { env = "SECRET" }
[[notifier]]
name = "told"
url = { env = "URL" }
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = 100
'''
"""
CASE = '[[test]]\nname = "case"\nasset = "USDT"\n'
SERIES = '[[test.series]]\naccount = "a@x"\nvalues = "150*2 90*2"\n'
EXPECT = '[[test.expect]]\nat = "2m"\nevent = "firing"\nrule = "floor"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "case.toml"
    path.write_text(text)
    return path


def test_the_shipped_cases_pass_and_fire_every_rule_of_the_example() -> None:
    found = subtally("test", *CASES, "--json")
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert {one["count"] for one in told["coverage"]} == {EXAMPLE.read_text().count("\n[[rule]]")}
    fired = subtally("test", *CASES)
    assert "(100 %)" in fired.stdout
    assert "no test fires" not in fired.stdout


@pytest.mark.parametrize("written,mutated", MUTATIONS)
def test_a_changed_threshold_fails_a_test_of_its_rule(tmp_path: Path, written: str, mutated: str) -> None:
    text = EXAMPLE.read_text()
    assert text.count(written) == 1
    rules = tmp_path / "rules.toml"
    rules.write_text(text.replace(written, mutated))
    found = subtally("test", *CASES, "--rules", rules)
    assert found.exit_code == 1, found.output
    assert "FAIL" in found.stdout


def test_what_nobody_expects_fails_the_case_and_the_timeline_shows_what_happened(tmp_path: Path) -> None:
    found = subtally("test", write(tmp_path, FLOOR + CASE + SERIES))
    assert found.exit_code == 1
    assert 'nobody expected: 2m1s firing warning "floor" x a@x USDT free 90 → told' in found.stdout
    assert re.search(r"2m  x a@x spot USDT: free 90\n +→ pending warning", found.stdout)


def test_what_was_expected_and_did_not_happen_is_told_with_what_came_nearest(tmp_path: Path) -> None:
    late = EXPECT.replace('"2m"', '"1m"')
    found = subtally("test", write(tmp_path, FLOOR + CASE + SERIES + late))
    assert found.exit_code == 1
    assert 'expected 1m firing "floor": the nearest is 2m1s firing' in found.stdout


@pytest.mark.parametrize(
    "more,said",
    [
        ('severity = "critical"', "expected severity critical"),
        ("value = 91", "expected value 91"),
        ("notify = []", "expected to be told: nobody; told: told"),
        ('text_contains = ["is fine"]', "the text to told does not contain 'is fine'; it is:"),
        ('text = "x"', "the text to told is not the expected one; it is:"),
    ],
)
def test_each_thing_that_is_expected_of_an_event_can_fail(tmp_path: Path, more: str, said: str) -> None:
    found = subtally("test", write(tmp_path, FLOOR + CASE + SERIES + EXPECT + more))
    assert found.exit_code == 1
    assert said in found.stdout


def test_a_text_may_be_asked_for_exactly_with_its_ids_left_open(tmp_path: Path) -> None:
    case = FLOOR + CASE + SERIES + EXPECT
    told = json.loads(subtally("test", write(tmp_path, case), "--json").stdout)["tests"][0]
    event = next(one for one in told["happened"] if one["event"] == "firing")
    text = (
        event["texts"]["told"]
        .replace(_alert_in(event["texts"]["told"]), "{alert}")
        .replace("M0TEST", "{message}")
    )
    assert "{alert}" in text
    exact = subtally("test", write(tmp_path, f"{case}text = '''{text}'''\n"))
    assert exact.exit_code == 0, exact.output


def _alert_in(text: str) -> str:
    found = re.search(r"subtally ack (A[0-9A-Z]+)", text)
    assert found
    return found[1]


def test_every_error_of_a_test_file_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    wrong = (
        CASE.replace("asset", "aset")
        + SERIES.replace("90*2", "90*2 y")
        + EXPECT.replace('"firing"', '"fireing"').replace('"floor"', '"flor"')
    )
    found = subtally("test", write(tmp_path, FLOOR + wrong))
    assert found.exit_code == 1
    for said in (
        'aset: unknown key; did you mean "asset"?',
        "values: 'y' is no step of a series",
        'event: "fireing" is not known here; allowed: pending',
        'did you mean "firing"?',
    ):
        assert said in found.stderr
    assert len(re.findall(r"case\.toml:\d+:\d+: ", found.stderr)) >= 3
    rule = subtally("test", write(tmp_path, FLOOR + CASE + SERIES + EXPECT.replace('"floor"', '"flor"')))
    assert 'rule: "flor" is no rule of the rules file; allowed: floor; did you mean "floor"?' in rule.stderr
    absent = subtally("test", tmp_path / "absent.toml")
    assert (absent.exit_code, absent.stderr.count("there is no such file")) == (1, 1)


def test_junit_names_every_case_and_holds_the_failure(tmp_path: Path) -> None:
    good = CASE.replace("case", "quiet") + SERIES.replace("90*2", "110*2")
    path = write(tmp_path, FLOOR + CASE + SERIES + good)
    assert subtally("test", path, "--junit", tmp_path / "report.xml").exit_code == 1
    suite = ET.parse(tmp_path / "report.xml").getroot()[0]  # noqa: S314  our own file
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [case.get("name") for case in suite] == ["case", "quiet"]
    assert "nobody expected" in (suite[0][0].text or "")
    assert len(suite[1]) == 0


def test_a_gap_counts_for_no_for_and_a_restart_does_neither(tmp_path: Path) -> None:
    slow = FLOOR.replace("below = 100", 'below = 100\nfor = "3m"\nconfirm = 1')
    gap = SERIES.replace("150*2 90*2", "150 90 90 _*20 90*3")
    expect = EXPECT.replace('"2m"', '"23m"')  # one gap adds no more than stale_after
    assert subtally("test", write(tmp_path, slow + CASE + gap + expect)).exit_code == 0
    down = '[[test.restart]]\nat = "2m30s"\ndown = "10m"\n'
    late = EXPECT.replace('"2m"', '"25m"')
    held = subtally("test", write(tmp_path, slow + CASE + gap + down + late))
    assert held.exit_code == 0, held.output


def test_a_series_reads_in_few_characters() -> None:
    said = [token.said for token in tokens_of("60_000*2 - ? _ x")]
    assert said == [Said.FIGURE, Said.FIGURE, Said.ABSENT, Said.UNKNOWN, Said.MISSING, Said.FAILED]
    assert tokens_of("-0.50")[0].figure == "-0.50"
    for wrong in ("", "1*0", "1*999999", "1e5", "x2"):
        with pytest.raises(ValueError, match=r"step|empty|longer"):
            tokens_of(wrong)
