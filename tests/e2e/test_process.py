"""The daemon as a process: signals, systemd, exit codes, and bad input without a traceback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daemon.errors import CannotRun
from state.errors import ReadOnlyError
from state.store import Store
from tests.e2e.house import House

FLOOR = '[[rule]]\nname = "floor"\ntype = "low_balance"\nasset = "USDT"\nbelow = 1000\n'


class Systemd:
    """The listening end of sd_notify."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.settimeout(0)

    async def hears(self, begin: str = "") -> list[str]:
        """The next datagram, or the next one that begins so."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(30):
            while True:
                lines = (await loop.sock_recv(self._socket, 4096)).decode().splitlines()
                if lines[0].startswith(begin):
                    return lines

    def close(self) -> None:
        self._socket.close()


@asynccontextmanager
async def subtally(folder: Path, *words: str, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daemon.cli", *words,
        cwd=folder, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **env},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    async with asyncio.timeout(40):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_systemd_hears_ready_reloading_and_stopping_and_the_log_is_json(house: House) -> None:
    house.write(FLOOR, venues=("binance",))
    listener = Systemd(house.folder)
    try:
        async with subtally(
            house.folder, "run", NOTIFY_SOCKET=str(listener.path), WATCHDOG_USEC="4000000"
        ) as process:
            ready = await listener.hears()
            assert ready[0] == "READY=1"
            assert ready[1].startswith("STATUS=ready")
            assert (await listener.hears("STATUS="))[0].startswith("STATUS=")
            assert await listener.hears("WATCHDOG=1") == ["WATCHDOG=1"]
            process.send_signal(signal.SIGHUP)
            reloading = await listener.hears("RELOADING=1")
            assert reloading[0] == "RELOADING=1"
            assert reloading[1].startswith("MONOTONIC_USEC=")
            assert await listener.hears("READY=1") == ["READY=1"]
            process.send_signal(signal.SIGTERM)
            assert await listener.hears("STOPPING=1") == ["STOPPING=1"]
            code, out, err = await ended(process)
    finally:
        listener.close()
    assert (code, out) == (0, "")
    events = [json.loads(line)["event"] for line in err.splitlines()]
    assert events[0] == "daemon.ready" or "daemon.ready" in events
    assert events[-1] == "daemon.stopped"


@pytest.mark.parametrize(
    "change,says",
    [
        (("below = 1000", "belw = 1000"), ["rules.toml:", "belw", "below"]),
        (("below = 1000", 'below = "much"'), ["rules.toml:", "below"]),
        (('type = "low_balance"', 'type = "low_balanse"'), ["rules.toml:", "low_balance"]),
        (('api_key = { file = "binance.api_key" }', 'api_key = "AKIA-literal-secret"'), ["rules.toml:", "api_key"]),
        (('{ file = "binance.api_key" }', '{ env = "NOT_SET_ANYWHERE" }'), ["NOT_SET_ANYWHERE", "api_key"]),
        (('url = { file = "told.url" }', 'url = { env = "BAD_URL" }'), ['notifier "told"', "url"]),
        (('name = "floor"', 'name = "subtally/mine"'), ["rules.toml:", "subtally/"]),
    ],
)  # fmt: skip
async def test_bad_input_stops_the_first_run_with_file_key_and_reason(
    house: House, change: tuple[str, str], says: list[str]
) -> None:
    house.write(FLOOR, venues=("binance",))
    text = house.rules_file.read_text()
    assert change[0] in text
    house.rules_file.write_text(text.replace(change[0], change[1]))
    async with subtally(house.folder, "run", BAD_URL="nonsense://") as process:
        code, out, err = await ended(process)
    assert (code, out) == (3, "")
    assert all(word in err for word in says), err
    assert "Traceback" not in err
    assert "AKIA-literal-secret" not in err


async def test_a_second_daemon_on_the_same_state_names_the_first(house: House) -> None:
    house.write(FLOOR, venues=("binance",))
    async with house.daemon(), subtally(house.folder, "run") as process:
        code, _, err = await ended(process)
    assert code == 3
    assert str(os.getpid()) in err


async def test_a_taken_port_is_said_with_what_to_do(house: House) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        house.write(FLOOR, venues=("binance",))
        text = house.rules_file.read_text().replace(
            'listen = ""', f'listen = "127.0.0.1:{taken.getsockname()[1]}"'
        )
        house.rules_file.write_text(text)
        async with subtally(house.folder, "run") as process:
            code, _, err = await ended(process)
    assert code == 3
    assert "listen" in err
    assert "Traceback" not in err


async def test_an_unreachable_venue_is_said_and_the_daemon_goes_on(house: House) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        house.write(FLOOR, venues=("binance",), daemon='stale_after = "3s"')
        given = house.simulator.credentials()["binance"]["base_url"]
        house.rules_file.write_text(house.rules_file.read_text().replace(given, f"http://127.0.0.1:{port}"))
        async with house.daemon():
            await house.recorder.until(
                lambda r: bool(r.blocks("subtally/stale-exchange", "Connection refused"))
            )


async def test_a_state_that_cannot_be_written_at_the_start_is_said_and_stops_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write(FLOOR, venues=("binance",))
    monkeypatch.setattr("daemon.app.FIRST_COMMIT_SECONDS", 0.5)
    monkeypatch.setattr("daemon.engine.CLOSING_SECONDS", 0.1)

    def refuse(_store: Store, *_given: object) -> None:
        raise ReadOnlyError(
            "write", house.folder / "subtally.db", "the file may not be written", "mend its rights"
        )

    monkeypatch.setattr(Store, "write", refuse)
    monkeypatch.setattr("state.threaded.AsyncStore.write", lambda self, *given: self.run(refuse, *given))
    with pytest.raises(CannotRun, match="may not be written"):
        async with house.daemon():
            pytest.fail("it must not run")
