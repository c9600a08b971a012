"""Notes, from outside: written beside a running daemon and while none runs, told with the end, and replayed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.house import a_house
from tests.e2e.test_replay import _lived
from tests.unit.test_cli_support import subtally

RULES = """
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = { warning = 1_000, critical = 100 }
"""


async def test_a_note_is_heard_by_the_daemon_told_with_what_follows_and_replayed(tmp_path: Path) -> None:
    async with a_house(tmp_path, binance=2, okx=0, bitget=0) as house:
        binance = house.simulator.binance
        who = binance.accounts[0].name
        binance.set_balance(who, "USDT", free="500")
        house.write(RULES, venues=("binance",))

        def note(text: str) -> None:
            assert subtally("-c", house.rules_file, "note", ident, text, "--by", "kim").exit_code == 0

        async with house.daemon() as app:
            await house.recorder.until(lambda r: bool(r.blocks("floor", who)))
            (ident,) = [one.id for one in app.engine.world.alerts.values() if one.facts.label == who]
            note("the desk tops up")
            await house.until(
                lambda app: any(
                    one.note and one.note.text == "the desk tops up"
                    for one in app.engine.world.alerts.values()
                )
            )
            binance.set_balance(who, "USDT", free="50")
            await house.recorder.until(lambda r: bool(r.blocks("raised", "the desk tops up", ident)))
        note("ticket 4711")  # nobody runs
        binance.set_balance(who, "USDT", free="5000")
        async with house.daemon():
            await house.recorder.until(lambda r: bool(r.blocks("RESOLVED", ident)))
            (block,) = house.recorder.blocks("RESOLVED", ident)
            assert "note by kim at " in block
            assert ": ticket 4711" in block
    (told,) = [
        one
        for one in json.loads(subtally("-c", house.rules_file, "alerts", "--all", "--json").stdout)
        if one["id"] == ident
    ]
    assert [one["text"] for one in told["notes"]] == ["the desk tops up", "ticket 4711"]
    replayed = json.loads(subtally("-c", house.rules_file, "replay", "--json").stdout)
    assert replayed["transitions"] == _lived(house.folder / "subtally.db")
