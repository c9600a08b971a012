"""`check --against-running` beside a daemon says before a reload what the reload then does."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from daemon.app import App
from tests.e2e.house import House

BEFORE = """
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = { warning = 1000, critical = 100 }
[[rule]]
name = "ceiling"
type = "high_balance"
asset = "USDT"
above = 9000
"""
AFTER = """
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = { warning = 600, critical = 550 }
[[rule]]
name = "new ceiling"
type = "high_balance"
asset = "USDT"
above = 800
"""


async def told(candidate: Path) -> dict[str, Any]:
    check = ("check", "--against-running", "--json", str(candidate))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "daemon.cli",
        *check,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
    said, noise = await process.communicate()
    assert process.returncode == 0, noise.decode()
    result: dict[str, Any] = json.loads(said)
    return result


def firing(app: App) -> dict[tuple[str, str], str]:
    return {
        (alert.rule, alert.facts.label): str(alert.severity)
        for alert in app.engine.world.alerts.values()
        if alert.state == "firing" and not alert.rule.startswith("subtally/")
    }


async def test_what_it_foresees_is_what_the_reload_does(house: House) -> None:
    first, second, third = [account.name for account in house.simulator.binance.accounts][:3]
    for name, free in ((first, "500"), (second, "700"), (third, "9500")):
        house.simulator.binance.set_balance(name, "USDT", free=free)
    house.write(BEFORE, venues=("binance",))
    async with house.daemon() as app:
        await house.until(lambda app: len(firing(app)) == 3)
        before = firing(app)
        candidate = house.rules_file.with_name(
            "candidate.toml"
        )  # the daemon takes edits of its own file up by itself
        candidate.write_text(house.rules_file.read_text().replace(BEFORE, AFTER))
        seen = await told(candidate)
        assert firing(app) == before  # asking moved nothing
        assert seen["running"] is True
        expected = dict(before)
        for one in seen["closes"]:
            del expected[one["rule"], one["account"]]
        for one in (*seen["opens"], *seen["changes"]):
            expected[one["rule"], one["account"]] = one["severity"]
        assert expected == {("floor", first): "critical", ("new ceiling", third): "warning"}
        candidate.replace(house.rules_file)
        await house.until(lambda app: firing(app) == expected)
    edits = {(one["kind"], one["name"]): (one["how"], one["keys"]) for one in seen["edits"]}
    assert edits == {
        ("rule", "new ceiling"): ("added", []),
        ("rule", "ceiling"): ("removed", []),
        ("rule", "floor"): ("changed", ["below"]),
    }
