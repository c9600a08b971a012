"""Charts end to end with unmodified tgram:// and slack:// URLs: the daemon, its history, and what the services get."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path

import pytest

from daemon.simulator import Simulator
from tests.contract.apprise_tls import Internet, Request, internet
from tests.contract.test_apprise_tls import ROOT, SLACK, TELEGRAM, TELEGRAM_TOKEN
from tests.e2e.house import House, Recorder
from tests.unit.test_drawing import decoded

RULES = '[[rule]]\nname = "floor"\ntype = "low_balance"\nasset = "USDT"\nbelow = 1000\nconfirm = 1\n'
HOST = "api.telegram.org"


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Internet]:
    with internet(tmp_path) as made:
        yield made


def is_photo(request: Request) -> bool:
    return request.line.split(" ")[1].casefold().endswith("/sendphoto")


def part(request: Request, name: str) -> bytes:
    """One part of a multipart form."""
    boundary = request.headers["Content-Type"].partition("boundary=")[2].encode()
    (found,) = [one for one in request.body.split(b"--" + boundary) if b'name="%s"' % name.encode() in one]
    return found.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


def house(folder: Path, simulator: Simulator, url: str, keys: str = "") -> House:
    made = House(folder, simulator, Recorder())
    made.write(RULES, venues=("binance",), daemon='public_url = "https://subtally.example"')
    text = made.rules_file.read_text().replace('min_severity = "info"\n', f'min_severity = "info"\n{keys}\n')
    made.rules_file.write_text(text)
    (folder / "told.url").write_text(url)
    return made


@asynccontextmanager
async def running(wire: Internet, made: House) -> AsyncIterator[list[bytes]]:
    """The program itself; what it said is there at its end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "daemon.cli", "run", "-c", str(made.rules_file)),
        cwd=ROOT,
        env={**os.environ, **wire.environment},
        stderr=asyncio.subprocess.PIPE,
    )
    said: list[bytes] = []
    try:
        yield said
    finally:
        process.terminate()
        said.append((await process.communicate())[1])
    assert process.returncode == 0
    assert TELEGRAM_TOKEN not in said[0].decode()


async def until(wire: Internet, count: int, host: str = HOST) -> None:
    await asyncio.to_thread(wire.until, host, count)


async def test_the_words_arrive_whole_and_the_chart_follows_without_a_sound(
    wire: Internet, tmp_path: Path
) -> None:
    async with Simulator(1, 0, 0) as simulator:
        simulator.binance.set_balance(simulator.binance.accounts[0].name, "USDT", free="1.5")
        async with running(wire, house(tmp_path, simulator, TELEGRAM)):
            await until(wire, 2)
    words, photo = wire.to(HOST)[:2]
    assert words.line.split(" ")[1].endswith("/sendMessage")
    assert "1.5 < 1,000" in unescape(words.payload["text"])
    assert "chart:" not in words.payload["text"], "it has the picture"
    assert is_photo(photo)
    pixels = decoded(part(photo, "photo"))
    assert (len(pixels[0]), len(pixels)) == (800, 450)
    assert words.payload["disable_notification"] is False
    assert part(photo, "disable_notification").lower() == b"true", "the words have rung: the picture need not"
    alert, message = part(photo, "caption").decode().split()
    assert f"{alert} {message}" in words.payload["text"], "whoever sees the picture finds its message"


async def test_a_chart_that_fails_neither_fails_nor_repeats_the_words(wire: Internet, tmp_path: Path) -> None:
    wire.statuses = {HOST: [200, 500]}
    async with Simulator(1, 0, 0) as simulator:
        name = simulator.binance.accounts[0].name
        simulator.binance.set_balance(name, "USDT", free="1.5")
        async with running(wire, house(tmp_path, simulator, TELEGRAM)) as said:
            await until(wire, 2)
            simulator.binance.set_balance(name, "USDT", free="5000")
            await until(wire, 3)  # the end is told: the lane went on
    words = [request.payload["text"] for request in wire.to(HOST) if not is_photo(request)]
    assert len(words) == 2
    assert "RESOLVED" in words[1]
    assert b"chart.not_delivered" in said[0]


async def test_slack_is_given_a_link_and_no_attachment(wire: Internet, tmp_path: Path) -> None:
    host = "hooks.slack.com"
    async with Simulator(1, 0, 0) as simulator:
        simulator.binance.set_balance(simulator.binance.accounts[0].name, "USDT", free="1.5")
        async with running(wire, house(tmp_path, simulator, SLACK)):
            await until(wire, 1, host)
    (request,) = wire.to(host)
    text = request.payload["attachments"][0]["text"]
    assert "chart: https://subtally.example/alerts/A" in text
    assert "/chart.png" in text


async def test_off_means_words_alone(wire: Internet, tmp_path: Path) -> None:
    async with Simulator(1, 0, 0) as simulator:
        name = simulator.binance.accounts[0].name
        simulator.binance.set_balance(name, "USDT", free="1.5")
        async with running(wire, house(tmp_path, simulator, TELEGRAM, "charts = false")):
            await until(wire, 1)
            simulator.binance.set_balance(name, "USDT", free="5000")
            await until(wire, 2)
    assert not any(map(is_photo, wire.to(HOST)))
