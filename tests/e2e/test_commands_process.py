"""The commands as processes: what a shell, a script and a pipe see, beside a running daemon."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.house import House
from tests.unit.test_cli_support import fed

SUBTALLY = Path(sys.executable).with_name("subtally")
FLOOR = '[[rule]]\nname = "floor"\ntype = "low_balance"\nasset = "USDT"\nwallet = ["spot", "funding"]\nbelow = 1\n'


@dataclass
class Ended:
    code: int | None
    stdout: str
    stderr: str


async def subtally(*args: str | Path) -> Ended:
    process = await asyncio.create_subprocess_exec(
        str(SUBTALLY), *map(str, args), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    stdout, stderr = await asyncio.wait_for(process.communicate(), 60)
    return Ended(process.returncode, stdout.decode(), stderr.decode())


async def test_the_reading_commands_work_beside_a_running_daemon(house: House) -> None:
    house.write(FLOOR)
    account = house.simulator.venues["okx"].accounts[0]
    figure = "0.123456789012345678"
    async with house.daemon() as app:
        await house.judged()
        house.simulator.venues["okx"].set_balance(account.name, "USDT", wallet="funding", free=figure)
        await house.recorder.until(lambda recorder: bool(recorder.blocks(figure)))
        await app.engine.settled()
        status = await subtally("-c", house.rules_file, "status", "--json")
        alerts = await subtally("alerts", "--json", "-c", house.rules_file)
        balances = await subtally("balances", "-c", house.rules_file, "--json", "--exchange", "okx-main")
        tested = await subtally("notify-test", "-c", house.rules_file, "--json")
    told = json.loads(status.stdout)
    assert told["daemon"] == {"running": True, "pid": os.getpid()}
    assert {one["name"]: one["state"] for one in told["exchanges"]} == dict.fromkeys(
        ("binance-main", "okx-main", "bitget-main"), "fresh"
    )
    assert [(one["state"], one["value"]) for one in json.loads(alerts.stdout)] == [("firing", figure)]
    free = [row["amounts"].get("free") for row in json.loads(balances.stdout) if row["asset"] == "USDT"]
    assert figure in free
    assert [one["outcome"] for one in json.loads(tested.stdout)] == ["delivered"]
    assert [ended.code for ended in (status, alerts, balances, tested)] == [0, 0, 0, 0]
    assert [ended.stderr for ended in (status, alerts, balances, tested)] == ["", "", "", ""]


async def test_notify_test_arrives_marked_as_a_test_and_one_dead_notifier_is_told(house: House) -> None:
    house.write('[[notifier]]\nname = "dead"\nurl = { file = "dead.url" }\n')
    (house.folder / "dead.url").write_text("json://127.0.0.1:9/sEcReTtOkEn")
    both = await subtally("notify-test", "-c", house.rules_file)
    assert both.code == 1
    lines = both.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["NOTIFIER", "OUTCOME"],
        ["told", "delivered"],
        ["dead", "failed"],
    ]
    assert "connection refused" in lines[2]
    assert "sEcReTtOkEn" not in both.stdout + both.stderr
    assert both.stderr == "1 of 2 test messages not delivered\n"
    one = await subtally("notify-test", "told", "-c", house.rules_file)
    assert one.code == 0
    assert [told.title for told in house.recorder.messages] == ["TEST message from Subtally"] * 2
    assert not (house.folder / "subtally.db").exists()


async def test_exit_codes_of_real_processes(tmp_path: Path) -> None:
    with fed(tmp_path):
        file = tmp_path / "rules.toml"
        codes = {
            ("check", file): 0,
            ("status", "-c", file): 0,
            ("check", tmp_path / "none.toml"): 1,
            ("status", "--nonsense"): 2,
            (): 2,
            ("alerts", "-c", tmp_path / "none" / "rules.toml"): 3,
        }
        for args, code in codes.items():
            ended = await subtally(*args)
            assert ended.code == code, (args, ended)
            assert "Traceback" not in ended.stderr
            assert bool(ended.stdout) is (code == 0)


async def test_a_reader_that_leaves_ends_the_command_quietly(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = await asyncio.create_subprocess_exec(
        str(SUBTALLY), "schema", stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    _, stderr = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
async def test_a_full_disk_is_3_without_a_traceback() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    process = await asyncio.create_subprocess_exec(
        str(SUBTALLY), "schema", stdout=full, stderr=subprocess.PIPE
    )
    os.close(full)
    _, stderr = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 3
    assert stderr.startswith(b"[Errno 28] No space left on device\n")
    assert b"Traceback" not in stderr
