"""Books that cannot be read, from outside: told once, over a restart, ended by the next good read, and replayed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daemon.commands import reconcile as command
from daemon.commands.output import now_ms
from tests.e2e.house import a_house
from tests.e2e.test_replay import _lived
from tests.unit.test_cli_support import subtally

RULES = """
[[books]]
name = "treasury"
file = "books.csv"
every = "1s"

[[rule]]
name = "our books"
type = "reconciliation"
check = "expected"
"""
HEADER = "exchange,account,asset,amount,as_of\n"


async def test_law_14_unreadable_books_are_told_once_over_a_restart_and_end_with_the_next_good_read(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path, binance=2, okx=0, bitget=0) as house:
        house.write(RULES, venues=("binance",), daemon='stale_after = "3s"')
        books = house.folder / "books.csv"
        async with house.daemon() as app:
            await house.recorder.until(lambda r: bool(r.blocks("subtally/books")))
            (block,) = house.recorder.blocks("subtally/books")
            assert "WARNING books “treasury” cannot be read: nothing is compared with them" in block
            assert "books.csv: there is no such file" in block
            assert "They were never read." in block
            assert "rule “our books”" in block
            failing = app.engine.world.failing_books
            assert [(name, one.reason) for name, one in failing.items()] == [
                ("treasury", "books.csv: there is no such file")
            ]
            (ident,) = [one.id for one in app.engine.world.alerts.values() if one.rule == "subtally/books"]
        told = subtally("-c", house.rules_file, "reconcile", "--json")
        assert told.exit_code == 3
        assert "agrees" not in told.stdout
        async with house.daemon() as app:
            await house.passing(3_500)  # longer than stale_after: nothing is told again
            assert [one.id for one in app.engine.world.alerts.values() if one.rule == "subtally/books"] == [
                ident
            ]
            books.write_text(HEADER)
            await house.recorder.until(lambda r: bool(r.blocks("RESOLVED", "treasury", ident)))
            assert app.engine.world.failing_books == {}
        assert len(house.recorder.blocks("subtally/books", ident)) == 2
    lived = _lived(house.folder / "subtally.db")
    assert {one["after"] for one in lived if one["rule"] == "subtally/books"} >= {"firing", "resolved"}
    replayed = json.loads(subtally("-c", house.rules_file, "replay", "--json").stdout)
    assert replayed["transitions"] == lived


async def test_reconcile_agrees_while_a_daemon_reads_and_not_long_after_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = "".join(
        f'[[rule]]\nname = "{check}"\ntype = "reconciliation"\ncheck = "{check}"\ntolerance = {{ pct = 1 }}\n'
        for check in ("movements", "conservation", "summary")
    )
    async with a_house(tmp_path, binance=2, okx=0, bitget=0) as house:
        house.extra["binance"] = 'read = ["assets", "summary"]\n'
        house.write(rules, venues=("binance",), daemon='stale_after = "4s"')
        async with house.daemon():
            await house.passing(5_000)  # longer than stale_after, and nothing changes meanwhile
            told = subtally("-c", house.rules_file, "reconcile", "--json")
            assert (told.exit_code, told.stderr) == (0, "")
            assert {one["state"] for one in json.loads(told.stdout)} == {"agrees"}
        an_hour_later = now_ms() + 3_600_000
        monkeypatch.setattr(command, "now_ms", lambda: an_hour_later)
        told = subtally("-c", house.rules_file, "reconcile", "--json")
        assert told.exit_code == 3
        found = json.loads(told.stdout)
        assert {one["state"] for one in found} == {"indeterminate"}
        assert {one["check"] for one in found} == {"movements", "conservation", "summary"}
        assert all("not read since then" in one["reason"] for one in found)
