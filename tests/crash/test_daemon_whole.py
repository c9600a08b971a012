"""Laws 6 and 7 with nothing replaced: the whole daemon killed between venues and notifiers."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from daemon.simulator import Simulator
from state import Store
from tests.crash.daemon_recorder import Arrivals, arriving
from tests.e2e.house import House, Recorder

ROOT = Path(__file__).parents[2]
NOTIFIERS = ("slack", "telegram")
POINTS = 24
WORKERS = 2
RULES = '[[rule]]\nname = "floor"\ntype = "low_balance"\nasset = "USDT"\nbelow = 1000\n'


async def work(folder: Path, worker: int, firing: int) -> dict[str, bool]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.crash.daemon_whole",
        *map(str, (folder, worker, WORKERS, firing)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    assert process.returncode == 0, stderr.decode()[-4000:]
    died: dict[str, bool] = json.loads(stdout)
    return died


def notifiers(folder: Path, arrivals: Arrivals, point: str) -> str:
    text = ""
    for name in NOTIFIERS:
        (folder / f"{name}.url").write_text(arrivals.url(f"{point}/{name}"))
        text += f'[[notifier]]\nname = "{name}"\nurl = {{ file = "{name}.url" }}\n'
    return text


@pytest.mark.timeout(300)
async def test_laws_6_and_7_the_whole_daemon_killed_between_wire_and_notifier_tells_everything(
    tmp_path: Path,
) -> None:
    async with Simulator(3, 0, 0, limits_scale=1000) as simulator:
        with arriving() as arrivals:
            house = House(tmp_path / "house", simulator, Recorder())
            house.folder.mkdir()
            house.write(notifiers(house.folder, arrivals, "before") + RULES, venues=("binance",))
            text = house.rules_file.read_text().partition('[[notifier]]\nname = "told"')
            rest = text[2].partition("[[notifier]]")
            house.rules_file.write_text(text[0] + rest[1] + rest[2])
            async with house.daemon():
                await house.judged()
            low = simulator.binance.accounts[:2]
            for account in low:
                simulator.binance.set_balance(account.name, "USDT", free="500")
            names = [f"point-{number:02}" for number in range(POINTS)]
            for name in [*names, *(f"measured-{worker}" for worker in range(WORKERS))]:
                shutil.copytree(house.folder, tmp_path / "points" / name)
                notifiers(tmp_path / "points" / name, arrivals, name)
            ran = await asyncio.gather(*(work(tmp_path / "points", worker, 2) for worker in range(WORKERS)))
            died = {point: dead for one in ran for point, dead in one.items()}
            assert sorted(died) == names
            assert sum(died.values()) >= POINTS // 2  # a busy machine may be done before its kill comes
            for name in names:
                with Store.open(tmp_path / "points" / name / "subtally.db") as store:
                    for notifier in NOTIFIERS:
                        rows = store.notifications(notifier=notifier, limit=1000).rows
                        told = Counter(
                            (row.notification.facts.label, row.notification.kind.value) for row in rows
                        )
                        assert told == Counter({(account.name, "firing"): 1 for account in low}), name
                        assert {row.state for row in rows} == {"delivered"}, name
                        arrived = Counter(arrivals.ids(f"{name}/{notifier}"))
                        assert set(arrived) == {row.message for row in rows}, name
                        for message, times in arrived.items():
                            unknown = [one for one in store.attempts(message) if one.outcome == "unknown"]
                            assert times <= 1 + len(unknown), name
        assert simulator.binance.records.non_get == 0
