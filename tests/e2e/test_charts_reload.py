from __future__ import annotations

from pathlib import Path

from daemon.simulator import Simulator
from notifiers.pictures import Charts
from tests.e2e.house import House, recording


async def test_charts_are_turned_on_and_off_by_a_reload(tmp_path: Path) -> None:
    async with Simulator(1, 0, 0) as simulator, recording() as recorder:
        house = House(tmp_path, simulator, recorder)
        house.write("", venues=("binance",))
        plain = house.rules_file.read_text()
        async with house.daemon() as app:
            seen = [app.lanes["told"].sender.charts]
            for text in (f"{plain}charts = true\n", plain):
                house.rules_file.write_text(text)
                assert await app.reload()
                seen.append(app.lanes["told"].sender.charts)
    assert seen == [Charts.NONE, Charts.ATTACHED, Charts.NONE]
