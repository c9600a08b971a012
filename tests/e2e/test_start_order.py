"""What answers while a start still loads what sends: health at once, all else when it is true."""

from __future__ import annotations

import asyncio
import threading

import aiohttp
import pytest

from daemon.config import Config
from daemon.errors import CannotRun
from daemon.startup import check_notifiers
from tests.e2e.house import House
from tests.e2e.test_delivery_secrets import free_port

FLOOR = '[[rule]]\nname = "floor"\ntype = "low_balance"\nasset = "USDT"\nbelow = 1\n'


async def asked(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    """The answer, as soon as somebody listens."""
    async with asyncio.timeout(30):
        while True:
            try:
                async with session.get(url) as answer:
                    return answer.status, await answer.text()
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.01)


async def test_health_answers_while_what_sends_is_loaded_and_the_notifiers_are_shown_once_they_are_open(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, release = free_port(), threading.Event()

    def held_back(config: Config) -> None:
        release.wait(30)
        check_notifiers(config)

    monkeypatch.setattr("daemon.app.check_notifiers", held_back)
    # A busy machine may load for longer than an answer may take.
    monkeypatch.setattr("daemon.web.server.ANSWER_SECONDS", 60)
    house.write(FLOOR, venues=("binance",))
    house.rules_file.write_text(
        house.rules_file.read_text().replace('listen = ""', f'listen = "127.0.0.1:{port}"')
    )

    async def ask() -> None:
        async with aiohttp.ClientSession() as session:
            try:
                assert (await asked(session, f"http://127.0.0.1:{port}/healthz"))[0] == 200
                metrics = asyncio.create_task(asked(session, f"http://127.0.0.1:{port}/metrics"))
                assert (await asked(session, f"http://127.0.0.1:{port}/healthz"))[0] == 200
                assert not metrics.done()
            finally:
                release.set()
            status, text = await metrics
            assert status == 200
            assert 'notifier="told"' in text

    asking = asyncio.create_task(ask())
    async with house.daemon():
        await asking


async def test_a_fault_in_a_notifier_is_seen_by_whoever_starts_it_though_health_has_answered(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()

    def refused(_: Config) -> None:
        raise CannotRun("nothing sends there")

    monkeypatch.setattr("daemon.app.check_notifiers", refused)
    house.write(FLOOR, venues=("binance",))
    house.rules_file.write_text(
        house.rules_file.read_text().replace('listen = ""', f'listen = "127.0.0.1:{port}"')
    )
    with pytest.raises(CannotRun, match="nothing sends there"):
        async with house.daemon():
            pass
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"http://127.0.0.1:{port}/healthz")
