"""Makes the pictures of README anew: `python -m tests.browser.pictures`."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from tests.browser.site import a_site

IMAGES = Path(__file__).parents[2] / "docs/images"
COURSE = ("910", "760", "510", "471", "300", "182.50000001", "560", "180.123")


async def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with a_site(Path(folder), binance=8, okx=5, bitget=6) as site:
            model = site.house.simulator.binance
            account = model.accounts[0]
            key = next(
                key
                for key, one in site.app.engine.world.accounts.items()
                if (one.exchange, one.label) == ("binance-main", account.name)
            )
            for amount in COURSE:
                before = site.app.engine.world.holdings[key, "spot"]
                model.set_balance(account.name, "USDT", free=amount)
                await site.house.until(
                    lambda app, before=before: app.engine.world.holdings[key, "spot"].rows != before.rows
                )
            await site.house.recorder.until(lambda told: bool(told.blocks("CRITICAL")))
            status = await site.open("/", viewport={"width": 1100, "height": 820})
            await status.screenshot(path=IMAGES / "status.png")
            link = await status.locator(".alerts a").first.get_attribute("href") or ""
            alert = await site.open(link[1:], viewport={"width": 1100, "height": 1400}, color_scheme="dark")
            await alert.screenshot(path=IMAGES / "alert.png")


if __name__ == "__main__":
    asyncio.run(main())
