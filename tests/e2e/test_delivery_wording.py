"""The user's own words in a running daemon: told, and where they fail the alert is told all the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from aiohttp import ClientSession

from tests.e2e.house import House, a_house

FLOOR = '[[rule]]\nname = "floor"\ntype = "low_balance"\nasset = "USDT"\nbelow = 1000\n'
BROKEN = 'templates = { title = "{{ status }} of {{ account }}", body = "{{ account " }'
FAILING = 'templates = { title = "{{ account }} is not as it should be, says the desk that watches over it" }'


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as made:
        yield made


async def warnings(port: int) -> list[str]:
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/readyz") as answer:
        assert answer.status == 200
        told: list[str] = json.loads(await answer.text())["warnings"]
        return told


@pytest.mark.parametrize(
    "templates, key, when", [(BROKEN, "body", "always"), (FAILING, "title", "with an alert")]
)
async def test_words_that_fail_are_told_by_log_readyz_and_message_until_they_are_mended(
    house: House, unused_tcp_port: int, templates: str, key: str, when: str
) -> None:
    def write(daemon: str) -> None:
        house.write(FLOOR, venues=("binance",), daemon=daemon)
        text = house.rules_file.read_text().replace('listen = ""', f'listen = "127.0.0.1:{unused_tcp_port}"')
        house.rules_file.write_text(text)

    write(templates)
    names = [account.name for account in house.simulator.binance.accounts]
    with structlog.testing.capture_logs() as logged:
        async with house.daemon() as app:
            await house.judged()
            faults = [one for one in await warnings(unused_tcp_port) if "templates." in one]
            assert bool(faults) == (when == "always")
            house.simulator.binance.set_balance(names[0], "USDT", free="1.5")
            await house.recorder.until(lambda r: bool(r.blocks("floor", names[0], "1.5")))
            (told,) = house.recorder.messages
            assert f"custom wording failed, these are the built-in words: templates.{key}: " in told.body
            assert (told.title == f"WARNING of {names[0]}") == (when == "always")
            assert any(f"templates.{key}: " in one for one in await warnings(unused_tcp_port))
            assert len([one for one in logged if one["event"] == "message.wording_failed"]) == 1
            assert bool([one for one in logged if one["event"] == "rules.warning"]) == (when == "always")

            write('templates = { body = "Desk: {{ account }}" }')
            assert await app.reload()
            house.simulator.binance.set_balance(names[1], "USDT", free="2.5")
            await house.recorder.until(lambda r: bool(r.blocks(f"Desk: {names[1]}", "floor", "2.5")))
            assert "wording failed" not in house.recorder.messages[-1].body
            assert not any("templates." in one for one in await warnings(unused_tcp_port))
