"""Another process holds the state locked for ten seconds: told at once, nothing told twice or early, nothing lost."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import ClientError, ClientSession, ClientTimeout

from tests.e2e.house import House
from tests.e2e.test_process import ended, subtally

FLOOR = '[[rule]]\nname = "floor"\ntype = "low_balance"\nasset = "USDT"\nbelow = 1000\n'
LOCK_SECONDS = 10
NOTIFIERS = 5

HOLDER = f"""
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
db.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
time.sleep({LOCK_SECONDS})
db.execute("ROLLBACK")
"""


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of its own in the middle of a write."""
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(path), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"locked\n"
        yield holder
    finally:
        if holder.returncode is None:
            holder.kill()
        await holder.wait()


async def ready(session: ClientSession, port: int) -> tuple[int, str]:
    """What /readyz says; a health check waits no longer than this."""
    try:
        async with session.get(f"http://127.0.0.1:{port}/readyz", timeout=ClientTimeout(total=5)) as answer:
            return answer.status, await answer.text()
    except ClientError:
        return 0, ""


async def until_ready_is(session: ClientSession, port: int, status: int) -> str:
    async with asyncio.timeout(60):
        while True:
            found, text = await ready(session, port)
            if found == status:
                return text
            await asyncio.sleep(0.1)


async def test_a_state_locked_for_ten_seconds_by_another_process(house: House, unused_tcp_port: int) -> None:
    house.write(FLOOR, venues=("binance",), daemon='stale_after = "1m"')
    text = house.rules_file.read_text().replace('listen = ""', f'listen = "127.0.0.1:{unused_tcp_port}"')
    for number in range(1, NOTIFIERS):
        text += f'[[notifier]]\nname = "told-{number}"\nurl = {{ file = "told.url" }}\n'
    house.rules_file.write_text(text)
    names = [account.name for account in house.simulator.binance.accounts]

    def starve(index: int) -> None:
        house.simulator.binance.set_balance(names[index], "USDT", free=f"{index}.5")

    async def told(index: int) -> None:
        await house.recorder.until(lambda r: len(r.blocks("floor", names[index])) >= NOTIFIERS)

    async with subtally(house.folder, "run") as process, ClientSession() as session:
        await until_ready_is(session, unused_tcp_port, 200)
        starve(0)
        await told(0)
        async with locked(house.folder / "subtally.db") as holder:
            starve(1)
            said = await until_ready_is(session, unused_tcp_port, 503)
            assert holder.returncode is None, "it was told only when it was over"
            assert "state: " in said
            assert not house.recorder.blocks("floor", names[1]), "told before it was durable"
            await holder.wait()
        await until_ready_is(session, unused_tcp_port, 200)
        await told(1)
        starve(2)
        await told(2)
        process.terminate()
        code, _, err = await ended(process)
    assert code == 0
    assert [len(house.recorder.blocks("floor", name)) for name in names] == [NOTIFIERS] * 3
    lines = [json.loads(line) for line in err.splitlines()]
    unwritable = [line for line in lines if line["event"] == "state.unwritable"]
    assert len(unwritable) == len([line for line in lines if line["event"] == "state.writable_again"]) == 1
    assert "database is locked; see who has it open" in unwritable[0]["reason"]
    assert not [line for line in lines if "exception" in line]
