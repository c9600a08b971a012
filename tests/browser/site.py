"""A whole installation with a page: simulator, recorder, the real daemon, and a real Chromium that looks at it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from daemon.app import App
from daemon.running import run_daemon
from daemon.web.server import WebServer
from tests.e2e.house import House, a_house

TOKEN = "a-token-of-the-tests"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RULES = """
[[rule]]
name     = "market maker USDT floor"
type     = "low_balance"
exchange = "binance-*"
account  = "*"
asset    = "USDT"
below    = { warning = 600, critical = 200 }
clear_at = 800
runbook  = "https://wiki.example/mm-floor"
description = "Market makers stop quoting below 20,000 USDT."

[[rule]]
name     = "frozen"
type     = "unexpected_frozen"
asset    = ["USDT", "BTC"]
severity = "critical"
"""


def chromium() -> str:
    """The browser; the test is skipped where there is none, but not in CI."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None and not os.environ.get("CI"):
        pytest.skip("no chromium here: apt-get install chromium")
    assert found is not None, "CI must have chromium"
    return found


@dataclass
class Site:
    """The running daemon, where its page is, and the browser. `faults` is all that a console said."""

    house: House
    app: App
    url: str
    browser: Browser
    faults: list[str] = field(default_factory=list)

    async def open(self, path: str = "/", **options: Any) -> Page:
        """A page in a fresh profile of the browser."""
        context: BrowserContext = await self.browser.new_context(**options)
        context.set_default_timeout(20_000)
        page = await context.new_page()
        page.on("console", lambda said: self._heard(said.type, said.text))
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("requestfailed", self._failed)
        await page.goto(self.url + path)
        return page

    def free(self, amount: str) -> None:
        """Set what the first account of Binance has free in USDT."""
        venue = self.house.simulator.binance
        venue.set_balance(venue.accounts[0].name, "USDT", free=amount)

    def _heard(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.faults.append(f"{kind}: {text}")

    def _failed(self, request: Any) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # a page that was left
            self.faults.append(f"{request.url}: {request.failure}")


@contextlib.asynccontextmanager
async def a_site(folder: Path, rules: str = RULES, **accounts: int) -> AsyncIterator[Site]:
    """The daemon on a free port with a token, everything judged once, and the browser."""
    program = chromium()
    async with a_house(folder, **accounts) as house:
        (folder / "token").write_text(TOKEN)
        house.write(rules, daemon='api_token = { file = "token" }\n')
        text = house.rules_file.read_text().replace('listen = ""', 'listen = "127.0.0.1:0"')
        house.rules_file.write_text(text)
        stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()

        def on_ready(app: App, web: WebServer | None) -> None:
            ready.set_result((app, web))

        running = asyncio.create_task(run_daemon(house.rules_file, stop, on_ready))
        await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        house.app, web = ready.result()
        house.app.engine.on_commit.append(lambda _batch: house._notify())
        try:
            await house.judged()
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
                try:
                    yield Site(house, house.app, f"http://127.0.0.1:{web.port}", browser)
                finally:
                    await browser.close()
        finally:
            stop.set()
            await running


def ids_in(text: str) -> list[str]:
    """The alert ids that a page shows."""
    return re.findall(r"\bA(?=[0-9A-Z]*[0-9])[0-9A-Z]{4,8}\b", text)
