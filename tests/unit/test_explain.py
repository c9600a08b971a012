"""`subtally explain`: each condition that decides, by the verdict's own code, in words and as data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.explain.words import Clock, muted_lines
from rules.model import FailureKind
from rules.plan import plan_of
from rules.records import Alert
from rules.step import Step
from rules.why import why
from tests.engine import Engine, binance, high, low, okx, shift
from tests.unit.test_cli_support import ARB, MM_1, RULES, Fed, fed, subtally, write_rules

MORE = """
[[rule]]
name = "off"
type = "low_balance"
asset = "USDT"
below = 1
enabled = false
[[rule]]
name = "slow"
type = "low_balance"
account = ["*", "!mm-*"]
asset = "BTC"
below = 1
for = "10m"
[[rule]]
name = "locked"
type = "high_balance"
wallet = "spot"
asset = "USDT"
above = 5
[[rule]]
name = "gone"
type = "account_disappeared"
"""


@pytest.fixture(autouse=True)
def _no_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Fed]:
    write_rules(tmp_path, RULES + MORE)
    with fed(tmp_path, store_open=True) as made:
        made.store.save_rules(made.world.ruleset.sources, made.world.ruleset.digest, made.now)
        yield made


@pytest.fixture
def file(tmp_path: Path, state: Fed) -> Path:
    return tmp_path / "rules.toml"


def explained(file: Path, *args: str) -> dict[str, Any]:
    result = subtally("-c", file, "explain", *args, "--json")
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def floor_of(state: Fed) -> Alert:
    return next(alert for alert in state.world.alerts.values() if alert.rule == "USDT floor")


def lines(found: dict[str, Any], topic: str) -> list[str]:
    return [line["text"] for line in found["lines"] if line["topic"] == topic]


def unmet(found: dict[str, Any]) -> list[str]:
    return [line["topic"] for line in found["lines"] if line["met"] is False]


def test_an_alert_is_explained_from_its_rules_line_to_every_attempt(file: Path, state: Fed) -> None:
    alert = floor_of(state)
    state.now += 1_000
    message = state.store.claim("oncall", state.now + 60_000, 0, 10)
    assert message is not None
    state.store.failed(message.id, state.now + 10, "HTTP 500", state.now + 20)
    state.store.ack(alert.id, "kim", state.now)
    found = explained(file, alert.id)
    assert lines(found, "rule") == [
        f'"USDT floor" (low_balance) at rules.toml:{_line(file, "USDT floor") - 1}'
    ]
    assert lines(found, "rule line")[0].endswith("below = { warning = 20_000.5, critical = 1_000 }")
    (compared,) = lines(found, "comparison")
    assert "free 1,234.000000000000000001 < 20,000.5" in compared
    assert lines(found, "confirm") == ["2 readings in a row agree, 2 are needed"]
    assert [line.split()[-1] for line in lines(found, "reading")][-2:] == ["1,234.000000000000000001"] * 2
    assert ["nothing → pending" in line for line in lines(found, "life")] == [True, False]
    assert message.id in lines(found, "told")[0]
    assert lines(found, "attempt")[0].endswith("failed: HTTP 500")
    assert lines(found, "silence") == ["none covers it"]
    shown = subtally("-c", file, "explain", alert.id.lower()).stdout
    assert shown.startswith(f'{alert.id} is firing: rule "USDT floor"')
    assert "✓ confirm" in shown


@pytest.mark.parametrize(
    "rule,account,asset,topic,said",
    [
        ("off", "mm-1", "USDT", "enabled", "enabled = false"),
        ("slow", "mm-1", "BTC", "account", "excluded by !mm-*"),
        ("USDT floor", "arb@desk.example", "USDT", "account", 'does not meet "mm-*"'),
        ("slow", "arb@desk.example", "ETH", "asset", 'ETH does not meet "BTC"'),
        ("locked", "mm-1", "USDT", "wallet", 'of the wallets read (funding) none meets "spot"'),
    ],
)
def test_the_first_condition_that_is_not_met_is_the_answer(
    file: Path, rule: str, account: str, asset: str, topic: str, said: str
) -> None:
    found = explained(file, "--rule", rule, "--account", account, "--asset", asset)
    assert unmet(found)[0] == topic
    assert said in lines(found, topic)[0]
    assert said in found["title"]
    assert found["alert"] is None


def test_a_figure_that_is_unknown_is_said_to_be_no_zero(tmp_path: Path) -> None:
    write_rules(tmp_path, RULES.replace('account = "mm-*"', 'account = "*"'))
    with fed(tmp_path, store_open=True) as made:
        made.store.save_rules(made.world.ruleset.sources, made.world.ruleset.digest, made.now)
        found = explained(tmp_path / "rules.toml", "--rule", "usdt floor", "--account", "arb@desk.example")
    assert unmet(found) == ["known"]
    assert "unknown, which is no zero" in found["title"]
    assert "the venue does not give free" in lines(found, "known")[0]


def test_what_may_yet_be_explained_waits_for_no_digest() -> None:
    engine = Engine(shift(confirm=1))
    engine.reads("a", BTC="1")
    engine.at("1m").reads("a", BTC="0.1", SHADY="5")
    said = muted_lines(engine.alert("shift"), (), (), Clock(engine.now_ms))
    assert [line.text for line in said if line.topic == "gather"] == [
        "it waits, a minute at most, for what may yet explain it"
    ]


def test_what_pends_is_told_with_how_long_it_has_held_and_must(file: Path) -> None:
    found = explained(file, "--rule", "slow", "--account", "arb@desk.example", "--asset", "BTC")
    assert unmet(found) == ["for"], "an absent asset is zero, and has not been so for long enough"
    assert found["title"].endswith("is pending")
    assert "0 < 1" in lines(found, "comparison")[0]
    assert "of 10m" in lines(found, "for")[0]


def test_a_failed_read_and_what_came_before_stand_among_the_readings(file: Path, state: Fed) -> None:
    state.read(ARB, {"USDT": ("5", "0", "5"), "BTC": ("3", "0", "3")})
    state.fail(FailureKind.TRANSIENT, "HTTP 502")
    for _ in range(2):
        state.read(ARB, {"USDT": ("5", "0", "5"), "BTC": ("0.5", "0", "0.5")})
    found = explained(file, "--rule", "slow", "--account", "arb@desk.example")
    texts = lines(found, "reading")
    assert any("transient: HTTP 502" in text for text in texts)
    assert any(text.endswith(" 3") for text in texts)
    assert "0.5" in lines(found, "comparison")[0]


def test_what_is_over_is_named_as_earlier(file: Path, state: Fed) -> None:
    alert = floor_of(state)
    for _ in range(2):
        state.read(MM_1, {"USDT": ("30000", "0", "30000")})
    found = explained(file, "--rule", "USDT floor", "--account", "mm-1")
    assert "30,000 is not under 20,000.5" in found["title"]
    assert lines(found, "earlier")[0].startswith(f"{alert.id}: began")


def test_wrong_names_are_usage_errors_with_what_was_meant(file: Path) -> None:
    for args, said in (
        (("--rule", "USDT flor", "--account", "mm-1"), 'did you mean "USDT floor"?'),
        (("--rule", "USDT floor"), "name it with --account"),
        ((), "name an alert"),
        (("--rule", "USDT floor", "--account", "mm-9"), "there is no account"),
        (("--rule", "USDT floor", "--account", "arb@desk.exmple"), 'did you mean "arb@desk.example"?'),
    ):
        result = subtally("-c", file, "explain", *args)
        assert result.exit_code == 2
        assert said in result.stderr


@pytest.mark.parametrize("command", [["explain"], ["history", "--alert"], ["ack", "--by", "kim"]])
def test_an_alert_that_nothing_is_on_record_of_is_1_for_every_command(file: Path, command: list[str]) -> None:
    result = subtally("-c", file, *command, "A0000")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "'A0000'" in result.stderr
    assert "Usage" not in result.stderr


RULESETS = (
    low("all", "100"),
    low("some", "100", account=["mm-*", "!mm-2"]),
    low("master", "100", account="master"),
    low("by", below_by={"mm-1": "5", "arb*": "6"}),
    low("trading", "100", wallet="trading"),
    low("value", "100", field="value", quote="USD"),
    low("off", "100", enabled=False),
    high("others", "5", exchange="o*", asset=["BTC", "ETH", "!ETH"]),
)


def test_the_conditions_are_those_of_the_engine() -> None:
    """Where all are met, the engine's own plan has the rule for that account and asset, and nowhere else."""
    exchanges = [binance("n", accounts=low("x", "1", account=["*", "!mm-3"]).account), okx("o")]
    engine = Engine(*RULESETS, exchanges=exchanges)
    for exchange, wallet in (("n", "spot"), ("o", "trading")):
        for name in ("mm-1", "mm-2", "mm-3", "arb", "master"):
            engine.reads(name, wallet, exchange=exchange, USDT="50", BTC="1", ETH="1")
    step = Step(engine.world, engine.now_ms)
    seen = 0
    for account in engine.world.accounts.values():
        for rule in RULESETS:
            for asset in ("USDT", "BTC", "ETH", "USD"):
                plan = plan_of(step, account)
                judged = plan.read and (
                    (
                        rule in plan.valued
                        and asset == "USD"
                        and account.exchange == "o"
                        and not account.master
                    )
                    or (
                        rule in plan.for_asset(asset, held=asset != "USD")
                        and (rule.wallet is None or account.exchange == "o")
                    )
                )
                names = {"known", "held"}
                met = all(
                    one.met or one.name in names
                    for found in why(engine.world, rule, account, asset, engine.now_ms)
                    for one in found.conditions
                )
                assert met == judged, (rule.name, account.label, account.exchange, asset)
                seen += met
    assert seen > 10


def _line(file: Path, text: str) -> int:
    return next(n for n, line in enumerate(file.read_text().splitlines(), 1) if text in line)
