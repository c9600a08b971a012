"""`subtally plan`: calls, weight and sweep times by the clients' own limits, and when alerts are heard."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from daemon.exchanges import lawful_read_us
from daemon.exchanges.okx import Okx
from tests.unit.test_cli_support import RULES, fed, subtally, write_rules

EXAMPLE = Path(__file__).parents[2] / "rules.example.toml"


def planned(*args: str | Path) -> dict[str, dict[str, Any]]:
    result = subtally("plan", "--json", *args)
    assert result.exit_code == 0
    return {one["exchange"]: one for one in json.loads(result.stdout)["exchanges"]}


def reads(plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["endpoint"]: one for one in plan["reads"]}


def test_a_sweep_takes_what_the_limits_of_the_clients_say() -> None:
    plans = planned(EXAMPLE, "--accounts", "312")
    slots, window = Okx.ENDPOINTS["funding"].limit.lawful(Decimal("0.8"))
    assert reads(plans["okx-main"])["funding"]["calls"] == 312
    assert plans["okx-main"]["sweep_ms"] == 312 * window * 1000 / slots
    assert plans["okx-main"]["lawful"] is False
    assert plans["okx-main"]["read_every_ms"] == plans["okx-main"]["sweep_ms"]
    assert reads(plans["binance-main"])["assets"]["weight"] == 312 * 60
    assert plans["binance-main"]["sweep_ms"] == 7800
    assert plans["binance-main"]["lawful"] is True
    assert (
        reads(plans["bitget-main"])["assets"]["calls"] == 8
    )  # seven pages, and the empty one that ends the pass


def test_it_agrees_with_the_pace_by_which_the_engine_judges_what_is_late() -> None:
    plans = planned(EXAMPLE, "--accounts", "1200")
    for name, kind in (("okx-main", "okx"), ("binance-main", "binance")):
        engine_ms = 1200 * lawful_read_us(kind, Decimal("0.8")) / 1000
        assert abs(plans[name]["sweep_ms"] - engine_ms) < 2


def test_a_smaller_budget_takes_longer(tmp_path: Path) -> None:
    text = EXAMPLE.read_text().replace("budget     = 0.8", "budget     = 0.4")
    (tmp_path / "rules.toml").write_text(text)
    assert planned(tmp_path / "rules.toml", "--accounts", "312")["binance-main"]["sweep_ms"] == 15_600


def test_alerts_are_heard_between_the_confirming_read_and_a_whole_poll_more() -> None:
    heard = {one["type"]: one for one in planned(EXAMPLE, "--accounts", "10")["binance-main"]["heard"]}
    assert heard["unexpected_withdrawing"]["earliest_ms"] == 0  # confirm = 1
    assert heard["unexpected_withdrawing"]["worst_ms"] == 30_000
    assert heard["low_balance"]["worst_ms"] == 150_000  # for = 2m
    assert heard["stale"]["earliest_ms"] == 180_000
    late = {one["type"]: one for one in planned(EXAMPLE, "--accounts", "312")["okx-main"]["heard"]}
    # A whole sweep of those that do not matter, and the confirming read.
    assert late["high_balance"]["worst_ms"] == 130_000 * 4 // 3 + 416


def test_a_long_sweep_tells_how_long_those_that_matter_and_the_others_wait() -> None:
    plans = planned(EXAMPLE, "--accounts", "10000")
    delay = plans["okx-main"]["delay"]
    poll_ms, sweep_ms = plans["okx-main"]["poll_every_ms"], plans["okx-main"]["sweep_ms"]
    assert delay["rest"]["worst_ms"] == sweep_ms * 4 // 3
    assert sweep_ms // 2 < delay["rest"]["typical_ms"] < delay["rest"]["worst_ms"] // 2 + sweep_ms // 2
    assert delay["matter"]["typical_ms"] == poll_ms // 2
    assert delay["matter"]["worst_ms"] == 2 * poll_ms
    assert delay["matter"]["accounts_at_most"] == poll_ms * 6 // (2_500 * 4)


def test_where_all_are_read_every_poll_or_in_one_call_there_is_nothing_to_put_first() -> None:
    plans = planned(EXAMPLE, "--accounts", "312")
    for name in ("binance-main", "bitget-main"):
        assert plans[name]["delay"]["matter"] == plans[name]["delay"]["rest"]
        assert plans[name]["delay"]["rest"]["worst_ms"] == plans[name]["read_every_ms"]
    text = subtally("plan", EXAMPLE, "--accounts", "10000").stdout
    rows = [line.split() for line in text.splitlines() if " matter " in line or " do not " in line]
    assert [row[0] for row in rows] == ["binance-main"] * 2 + ["okx-main"] * 2


def test_the_accounts_are_those_of_the_state(tmp_path: Path) -> None:
    with fed(tmp_path):
        pass
    plans = planned(tmp_path / "rules.toml")
    assert plans["okx-main"]["accounts"] == 2
    assert plans["never-read"]["accounts"] is None
    assert plans["never-read"]["sweep_ms"] is None


def test_without_a_state_what_is_unknown_is_not_zero(tmp_path: Path) -> None:
    result = subtally("plan", write_rules(tmp_path))
    assert result.exit_code == 0
    assert "there is no state" in result.stderr
    line = next(line for line in result.stdout.splitlines() if "funding" in line)
    assert line.split() == ["okx-main", "?", "funding", "?", "?", "6", "in", "2.5s", "?"]


def test_an_invalid_file_is_told_as_check_tells_it(tmp_path: Path) -> None:
    result = subtally("plan", write_rules(tmp_path, RULES.replace("low_balance", "low_blance")))
    assert (result.exit_code, result.stdout) == (1, "")
    assert 'did you mean "low_balance"?' in result.stderr
    assert '| type = "low_blance"' in result.stderr


def test_exchanges_with_one_key_take_their_turns_within_its_limits(tmp_path: Path) -> None:
    alone = """
[[exchange]]
name = "{name}"
kind = "okx"
api_key = {{ env = "{key}" }}
api_secret = {{ env = "S" }}
passphrase = {{ env = "P" }}
read = ["{wallet}"]
budget = {budget}
"""
    tables = (
        ("one", "KEY", "funding", 0.8),
        ("two", "KEY", "funding", 0.4),
        ("another wallet", "KEY", "trading", 0.8),
        ("another key", "OTHER", "funding", 0.8),
    )
    text = "".join(alone.format(name=name, key=key, wallet=at, budget=part) for name, key, at, part in tables)
    (tmp_path / "rules.toml").write_text(text)
    plans = planned(tmp_path / "rules.toml", "--accounts", "120")
    own_ms = plans["another key"]["sweep_ms"]
    assert own_ms == 50_000
    assert plans["another wallet"]["sweep_ms"] == own_ms
    # The smaller budget counts for both, and each waits for the other's accounts.
    assert plans["one"]["sweep_ms"] == plans["two"]["sweep_ms"] == 4 * own_ms
