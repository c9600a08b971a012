"""Many alerts at once: few messages, within the limits, each alert named once."""

from __future__ import annotations

import re
from pathlib import Path

from tests.e2e.house import a_house

RULES = """
[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = 1000
"""


async def test_300_alerts_at_once_are_each_named_exactly_once_within_the_bounds(tmp_path: Path) -> None:
    async with a_house(tmp_path, binance=300, okx=0, bitget=0) as house:
        house.write(RULES, venues=("binance",), daemon='stale_after = "10m"')
        async with house.daemon() as app:
            await house.until(lambda app: app.engine.world.exchanges["binance-main"].baseline is None, 90)
            for account in house.simulator.binance.accounts:
                house.simulator.binance.set_balance(account.name, "USDT", free="1.5")
            await house.until(
                lambda app: sum(a.state == "firing" for a in app.engine.world.alerts.values()) == 300, 90
            )
            ids = {alert.id for alert in app.engine.world.alerts.values()}
            await house.recorder.until(lambda r: all(re.search(rf"\b{one}\b", r.text) for one in ids), 90)
    bodies = [told.body for told in house.recorder.messages]
    assert all(len(body.encode("utf-16-le")) // 2 <= 3_500 for body in bodies)
    # A message of one alert names it more than once: where to ack it, and at its end.
    assert all(sum(bool(re.search(rf"\b{one}\b", body)) for body in bodies) == 1 for one in ids)
