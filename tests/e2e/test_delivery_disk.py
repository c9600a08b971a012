"""A disk that refuses: said in the log and by /readyz, nothing told twice afterwards, nothing lost (laws 6 and 7)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import ClientSession

from daemon import deliver
from daemon import engine as engines
from state import connection
from state.store import Store
from tests.e2e.house import House, a_house

FLOOR = '[[rule]]\nname = "floor"\ntype = "low_balance"\nasset = "USDT"\nbelow = 1000\n'


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.2)
    monkeypatch.setattr(engines, "LONGEST_RETRY_SECONDS", 0.2)
    monkeypatch.setattr(deliver, "IDLE_SECONDS", 0.1)


class Trouble:
    """A refusing disk as the operator sees it: the log, and /readyz."""

    def __init__(self, house: LowHouse, logged: list[Any]) -> None:
        self.house = house
        self.logged = logged

    async def ready(self) -> tuple[int, str]:
        assert self.house.app is not None
        async with ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
            return answer.status, await answer.text()

    @property
    def port(self) -> int:
        return int(self.house.rules_file.read_text().partition('listen = "127.0.0.1:')[2].partition('"')[0])

    async def until_ready_is(self, status: int) -> str:
        async with asyncio.timeout(30):
            while True:
                found, text = await self.ready()
                if found == status:
                    return text
                await asyncio.sleep(0.02)

    def events(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.logged if event["event"] == name]


@contextlib.asynccontextmanager
async def watched(house: LowHouse, port: int) -> AsyncIterator[Trouble]:
    house.write(FLOOR, venues=("binance",))
    text = house.rules_file.read_text().replace('listen = ""', f'listen = "127.0.0.1:{port}"')
    house.rules_file.write_text(text)
    with structlog.testing.capture_logs() as logged:
        async with house.daemon():
            await house.judged()
            yield Trouble(house, logged)


async def refused_and_back(
    trouble: Trouble, refusing: contextlib.AbstractContextManager[Any], words: str
) -> None:
    """One alert before, one while the disk refuses, and after it each was told exactly once."""
    house = trouble.house
    names = [account.name for account in house.simulator.binance.accounts]
    house.simulator.binance.set_balance(names[0], "USDT", free="1.5")
    await house.recorder.until(lambda r: bool(r.blocks("floor", names[0])))
    with refusing:
        for number in range(1_000):  # more than the pages that are there have room for
            house.simulator.binance.set_balance(names[1], f"COIN{number}", free="1")
        house.simulator.binance.set_balance(names[1], "USDT", free="2.5")
        told = await trouble.until_ready_is(503)
        assert words in told
        assert "state: " in told
        (line,) = trouble.events("state.unwritable")
        assert words in line["reason"]
        assert "; " in line["reason"], "with a hint for the repair"
        await house.until_judged_low(names[1])
        assert not house.recorder.blocks("floor", names[1]), "told before it was durable"
    await trouble.until_ready_is(200)
    await house.recorder.until(lambda r: bool(r.blocks("floor", names[1])))
    house.simulator.binance.set_balance(names[2], "USDT", free="3.5")
    await house.recorder.until(lambda r: bool(r.blocks("floor", names[2])))
    assert len(trouble.events("state.writable_again")) == 1
    assert [len(house.recorder.blocks("floor", name)) for name in names] == [1, 1, 1]


class LowHouse(House):
    async def until_judged_low(self, name: str) -> None:
        """Wait until the alert fires in memory, which no disk can hold up."""
        app = self.app
        assert app is not None
        async with asyncio.timeout(30):
            while not any(  # noqa: ASYNC110  nothing tells of what is judged and not committed
                alert.state == "firing" and alert.facts.label == name
                for alert in app.engine.world.alerts.values()
            ):
                await asyncio.sleep(0.02)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[LowHouse]:
    async with a_house(tmp_path) as made:
        yield LowHouse(made.folder, made.simulator, made.recorder)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another connection in the middle of a write, as a second process would hold one."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA busy_timeout = 10000")
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def test_a_database_locked_by_another_connection(house: LowHouse, unused_tcp_port: int) -> None:
    async with watched(house, unused_tcp_port) as trouble:
        await refused_and_back(trouble, locked(house.folder / "subtally.db"), "database is locked")


async def test_a_connection_that_is_read_only(
    house: LowHouse, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = opened(monkeypatch)

    @contextlib.contextmanager
    def readonly() -> Iterator[None]:
        # What SQLite itself says of a file that became read-only, whoever runs the tests: root may write anything.
        db = stores[0]  # the writer; what pages read comes by a connection of its own
        db.execute("PRAGMA query_only = ON")
        yield
        db.execute("PRAGMA query_only = OFF")

    async with watched(house, unused_tcp_port) as trouble:
        await refused_and_back(trouble, readonly(), "readonly database")


async def test_a_database_that_may_not_grow(
    house: LowHouse, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = opened(monkeypatch)

    @contextlib.contextmanager
    def full() -> Iterator[None]:
        db = stores[0]  # the writer; what pages read comes by a connection of its own
        db.execute("PRAGMA max_page_count = 1")  # as many as there are: it never cuts
        yield
        db.execute("PRAGMA max_page_count = 1000000000")

    async with watched(house, unused_tcp_port) as trouble:
        await refused_and_back(trouble, full(), "database or disk is full")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
async def test_a_full_file_system(tmp_path: Path, unused_tcp_port: int) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = mount(small)
    if not mounted:
        pytest.skip("mounting is not allowed here")
    try:
        async with a_house(small) as made:
            house = LowHouse(made.folder, made.simulator, made.recorder)
            async with watched(house, unused_tcp_port) as trouble:
                await refused_and_back(trouble, filled(small), "full")
    finally:
        unmount(small)


async def test_a_file_that_nobody_may_write_any_more(house: LowHouse, unused_tcp_port: int) -> None:
    """Read-only in earnest, to root too, as after a fault of the file system; what is open is refused from then on."""
    if not immutable(house.folder / "probe", mark=True):
        pytest.skip("the file system or the user cannot make a file immutable")
    immutable(house.folder / "probe", mark=False)

    @contextlib.contextmanager
    def readonly() -> Iterator[None]:
        # Not the -shm: it is memory that all share, and the kernel kills whoever writes it then.
        files = [house.folder / name for name in ("subtally.db", "subtally.db-wal")]
        for file in files:
            assert immutable(file, mark=True)
        try:
            with pytest.raises(PermissionError):
                files[0].open("ab")
            yield
        finally:
            for file in files:
                immutable(file, mark=False)

    async with watched(house, unused_tcp_port) as trouble:
        await refused_and_back(trouble, readonly(), "disk I/O error")


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Not one block is left. The WAL is filled up too: its blocks that are written again need no new ones."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    yield
    ballast.unlink()


def opened(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """The connection of the daemon, to be told what a disk would do to it."""
    found: list[sqlite3.Connection] = []
    connect = connection.connect

    def shared(*args: Any, **options: Any) -> Any:
        with monkeypatch.context() as patch:
            plain = sqlite3.connect
            patch.setattr(
                sqlite3, "connect", lambda *given, **more: plain(*given, **more, check_same_thread=False)
            )
            db = connect(*args, **options)
        found.append(db.conn)
        return db

    monkeypatch.setattr(f"{Store.__module__}.connect", shared)
    return found


def mount(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "subtally-test", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def immutable(file: Path, *, mark: bool) -> bool:
    """Whether it could be marked so, or unmarked."""
    if not file.exists():
        file.touch()
    command = ["chattr", "+i" if mark else "-i", str(file)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def unmount(folder: Path) -> None:
    subprocess.run(["umount", str(folder)], check=True)
