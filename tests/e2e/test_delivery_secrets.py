"""Law 12: not one letter of a credential stands anywhere but on the wire to whom it belongs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientError, ClientSession

from daemon.simulator import Key, Simulator
from tests.crash.daemon_recorder import Arrivals, arriving
from tests.e2e.house import House, Recorder

ROOT = Path(__file__).parents[2]
FLOOR = '[[rule]]\nname = "floor"\ntype = "low_balance"\nasset = "USDT"\nbelow = 1000\n'
SENTINEL = "SENTINEL"
PAGES = ("/", "/metrics", "/readyz", "/healthz", "/alerts/A0000")


@dataclass
class Shown:
    """Everything that somebody could see of one run."""

    log: str
    texts: dict[str, str] = field(default_factory=dict)

    def leaks(self) -> dict[str, str]:
        found = {"log": self.log, **self.texts}
        return {
            where: text[max(text.upper().index(SENTINEL) - 200, 0) :][:400]
            for where, text in found.items()
            if SENTINEL in text.upper()
        }


@contextlib.asynccontextmanager
async def guarded(folder: Path) -> AsyncIterator[tuple[House, Arrivals, int]]:
    """Three venues whose keys are sentinels, and a notifier whose URL is full of them."""
    async with Simulator(2, 2, 2) as simulator:
        for name, venue in simulator.venues.items():
            held = "" if name == "binance" else f"{SENTINEL}-passphrase-{name}"
            venue.use_key(Key(f"{SENTINEL}-key-{name}", f"{SENTINEL}-secret-{name}", held))
        with arriving() as arrivals:
            recorder = Recorder()
            secret = f"{SENTINEL}-path/?+X-Token={SENTINEL}-header&-q={SENTINEL}-query"
            recorder.url = arrivals.url(secret).replace("json://", f"json://{SENTINEL}-user:{SENTINEL}-pass@")
            house = House(folder, simulator, recorder)
            house.write(FLOOR, daemon='api_token = { file = "token" }\nstale_after = "4s"')
            (folder / "token").write_text(f"{SENTINEL}-api-token-0123456789")
            port = free_port()
            text = house.rules_file.read_text().replace('listen = ""', f'listen = "127.0.0.1:{port}"')
            house.rules_file.write_text(text)
            yield house, arrivals, port


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def shown(house: House, port: int, until: str, also: str = "") -> Shown:
    """Run the program at DEBUG until a page says `until` (and another `also`); what it showed until its end."""
    log = house.folder / "log.txt"
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "daemon.cli", "run", "--verbose", "-c", str(house.rules_file)),
            cwd=ROOT,
            stderr=stderr,
            stdout=stderr,
            env={**os.environ, "PYTHONASYNCIODEBUG": ""},
        )
        texts: dict[str, str] = {}
        try:
            async with asyncio.timeout(40), ClientSession(f"http://127.0.0.1:{port}") as session:
                while until not in log.read_text() or also not in "".join(texts.values()):
                    await asyncio.sleep(0.05)
                    with contextlib.suppress(ClientError):
                        alerts = re.findall(r"alerts/A[0-9A-Z]+", texts.get("/", ""))
                        for page in (*PAGES, *(f"/{alert}" for alert in alerts)):
                            async with session.get(page) as answer:
                                texts[page] = await answer.text() + str(answer.headers)
        finally:
            process.send_signal(signal.SIGTERM)
            await process.wait()
    for path in house.folder.glob("subtally.db*"):
        texts[path.name] = path.read_bytes().decode("latin-1")
    assert set(PAGES) < set(texts)
    assert process.returncode == 0
    return Shown(log.read_text(), texts)


async def commands(house: House) -> str:
    """What the commands print beside it."""
    said = ""
    for command in (["status", "--json"], ["check"], ["notify-test"], ["alerts"], ["accounts", "--json"]):
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "daemon.cli", *command, "-v", "-c", str(house.rules_file)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        said += done.stdout + done.stderr
    return said


async def test_law_12_no_secret_is_shown_when_all_goes_well(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (house, arrivals, port):
        for venue, wallet in (("binance", "spot"), ("okx", "funding"), ("bitget", "spot")):
            model = house.simulator.venues[venue]
            model.set_balance(model.accounts[0].name, "USDT", wallet=wallet, free="1.5")
        found = await shown(house, port, "message.delivered", "1.5")
        assert arrivals.bodies
        assert all(SENTINEL in path for path in arrivals.bodies), "the secrets were in use"
        found.texts["messages"] = str(list(arrivals.bodies.values()))
        found.texts["commands"] = await commands(house)
    assert "DEBUG" in found.log.upper()
    assert found.leaks() == {}


async def test_law_12_no_secret_is_shown_of_a_wrong_key(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (house, _, port):
        for name in house.simulator.venues:
            (tmp_path / f"{name}.api_secret").write_text(f"{SENTINEL}-of-another")
        found = await shown(house, port, "message.delivered", "stopped")
    assert found.leaks() == {}


async def test_law_12_no_secret_is_shown_of_a_key_that_no_header_can_hold(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (house, _, _port):
        (tmp_path / "okx.api_key").write_text(f"{SENTINEL}-\u00fc-key")
        (tmp_path / "told.url").write_text(f"tgram://{SENTINEL}-no-token/chat")
        said = await commands(house)
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "daemon.cli", "run", "-v", "-c", str(house.rules_file)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert Shown(said + done.stdout + done.stderr).leaks() == {}


async def test_law_12_no_secret_is_shown_of_a_notifier_that_fails(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (house, arrivals, port):
        binance = house.simulator.binance
        binance.set_balance(binance.accounts[0].name, "USDT", free="1.5")
        arrivals.statuses = lambda _path, _before: 500
        found = await shown(house, port, "message.retry", "1.5")
        assert "HTTP 500" in found.log
    assert found.leaks() == {}


async def test_law_12_no_secret_is_shown_of_a_notifier_that_cannot_be_reached(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (house, _, port):
        binance = house.simulator.binance
        binance.set_balance(binance.accounts[0].name, "USDT", free="1.5")
        (tmp_path / "told.url").write_text(
            f"json://{SENTINEL}-user:{SENTINEL}-pass@127.0.0.1:9/{SENTINEL}-path"
        )
        found = await shown(house, port, "message.retry", "1.5")
        assert "connection refused" in found.log
        found.texts["commands"] = await commands(house)
    assert found.leaks() == {}
