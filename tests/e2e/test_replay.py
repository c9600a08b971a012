"""Law 13, from outside: what a real daemon lived is replayed by the command, exactly and as often as wanted."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon import app as composition
from daemon.app import App
from daemon.demo.show import write_files
from daemon.plain import iso
from daemon.simulator import DEMO, load_script
from tests.e2e.house import House, a_house
from tests.unit.test_cli_support import subtally

RULES = """
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = { warning = 1_000, critical = 100 }
[[rule]]
name = "frozen"
type = "unexpected_frozen"
[[rule]]
name = "moves"
type = "balance_change"
asset = "USDT"
drop = 500
within = "5m"
[[rule]]
name = "status"
type = "account_status"
"""


async def test_law_13_a_replay_of_a_daemons_life_is_its_transition_log(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a digest, an edit, a checkpoint and a restart."""
    monkeypatch.setattr(composition, "CHECKPOINT_FIRST_SECONDS", 1)
    binance = house.simulator.binance
    first, second, *_ = (account.name for account in binance.accounts)
    binance.set_balance(first, "USDT", free="10")
    house.write(RULES)
    async with house.daemon() as app:
        await house.judged()
        await house.recorder.until(lambda r: bool(r.blocks("floor", first)))
        binance.hold(second, "BTC", "0.01", "frozen")
        await house.recorder.until(lambda r: bool(r.blocks("frozen", second)))
        house.rules_file.write_text(house.rules_file.read_text().replace("1_000", "2_000"))
        assert await app.reload()
        await _checkpointed(house, app)
        binance.set_balance(first, "USDT", free="5000")
        await house.recorder.until(lambda r: "RESOLVED" in r.text.upper())
    binance.set_balance(second, "USDT", free="1999")
    async with house.daemon():
        await house.recorder.until(lambda r: bool(r.blocks("floor", second)))
        await house.judged()
    lived = _lived(house.folder / "subtally.db")
    assert {step["after"] for step in lived} >= {"pending", "firing", "resolved"}
    whole = _replayed(house.rules_file)
    assert whole["transitions"] == lived
    assert _replayed(house.rules_file) == whole
    at_ms, digest_count = _ask(house.folder / "subtally.db", "SELECT at_ms, count(*) FROM checkpoints")[0]
    assert digest_count == 1
    since = _iso(at_ms)
    later = [step for step in lived if step["at"] >= since]
    assert 0 < len(later) < len(lived)
    assert _replayed(house.rules_file, "--from", since)["transitions"] == later
    # The log before the checkpoint is not needed: without it the answer is the same.
    with sqlite3.connect(house.folder / "subtally.db") as db:
        db.execute("DELETE FROM log WHERE seq <= (SELECT seq FROM checkpoints)")
    assert _replayed(house.rules_file, "--from", since)["transitions"] == later
    refused = subtally("-c", house.rules_file, "replay", "--from", "2020-01-01T00:00:00Z")
    assert refused.exit_code == 3
    assert "the earliest time to replay from is" in refused.output


async def test_law_13_a_replay_of_the_demo_is_its_transition_log(tmp_path: Path) -> None:
    async with a_house(tmp_path, binance=6, okx=6, bitget=6) as house:
        write_files(house.folder, house.simulator, house.recorder.url)
        lines = house.rules_file.read_text().splitlines()
        house.rules_file.write_text(
            "\n".join('listen = ""' if line.startswith("listen") else line for line in lines)
        )
        async with house.daemon():
            await house.judged()
            for incident in load_script(DEMO).incidents:
                if incident.at_seconds <= 6:
                    incident.happen(house.simulator.venues[incident.exchange])
            await house.until(lambda app: app.moves.counts["firing"] >= 12)
    lived = _lived(house.folder / "demo.db")
    assert len(lived) >= 24
    one = subtally("-c", house.rules_file, "replay", "--json")
    assert json.loads(one.stdout)["transitions"] == lived
    assert subtally("-c", house.rules_file, "replay", "--json").stdout_bytes == one.stdout_bytes
    first = subtally("-c", house.rules_file, "replay").stdout_bytes
    assert first
    assert subtally("-c", house.rules_file, "replay").stdout_bytes == first


async def test_a_candidate_is_judged_over_the_record_and_only_its_differences_are_shown(house: House) -> None:
    binance = house.simulator.binance
    first, second, *_ = (account.name for account in binance.accounts)
    for account in binance.accounts:
        binance.set_balance(account.name, "USDT", free="5000")
    house.write(RULES, venues=("binance",))
    async with house.daemon():
        await house.judged()
        binance.set_balance(first, "USDT", free="900")
        await house.recorder.until(lambda r: bool(r.blocks("floor", first)))
        binance.set_balance(second, "USDT", free="1500")
        await house.recorder.until(lambda r: bool(r.blocks("moves", second)))
    candidate = house.folder / "candidate.toml"
    candidate.write_text(house.rules_file.read_text().replace("1_000", "1_800"))
    same = house.folder / "same.toml"
    same.write_text("# only a comment\n" + house.rules_file.read_text())
    none = subtally("-c", house.rules_file, "replay", "--rules", same, "--diff", "--json")
    assert json.loads(none.stdout)["differences"] == []
    found = json.loads(
        subtally("-c", house.rules_file, "replay", "--rules", candidate, "--diff", "--json").stdout
    )
    new = [one for one in found["differences"] if one["side"] == "+"]
    assert [(one["rule"], one["account"], one["value"]) for one in new] == [("floor", second, "1500")]
    assert [one for one in found["differences"] if one["side"] == "-"] == []
    from_the_begin = _replayed(house.rules_file, "--rules", str(same))
    long_before = _replayed(house.rules_file, "--rules", str(same), "--from", "2020-01-01T00:00:00Z")
    assert long_before["told"] == from_the_begin["told"], (
        "before the record nothing was stale: nobody was there"
    )
    assert not [one for one in long_before["told"] if one["rule"].startswith("subtally/")]
    nobody = subtally("-c", house.rules_file, "replay", "--diff")
    assert nobody.exit_code == 2
    assert "name it with --rules" in nobody.output


async def _checkpointed(house: House, app: App) -> None:
    while await app.store.checkpointed_ms() is None:
        await house.until(_later_than(app.ticks))


def _later_than(ticks: int) -> Callable[[App], bool]:
    return lambda app: app.ticks > ticks


def _replayed(file: Path, *args: str) -> dict[str, Any]:
    result = subtally("-c", file, "replay", "--json", *args)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def _lived(path: Path) -> list[dict[str, Any]]:
    found = []
    for (body,) in _ask(path, "SELECT body FROM transitions ORDER BY seq"):
        step = json.loads(body)
        subject = step["key"][1]
        found.append(
            {
                "at": _iso(step["at_ms"]),
                "alert": step["alert"],
                "rule": step["rule"],
                "exchange": subject[0] or None,
                "account_id": subject[1],
                "wallet": subject[2] or None,
                "asset": subject[3] or None,
                "before": step["before"] or None,
                "after": step["after"],
                "severity": step["severity"],
                "value": step.get("value"),
                "reason": step.get("reason") or None,
            }
        )
    return found


def _ask(path: Path, sql: str) -> list[Any]:
    with sqlite3.connect(path) as db:
        return db.execute(sql).fetchall()


def _iso(at_ms: int) -> str:
    return str(iso(at_ms))
