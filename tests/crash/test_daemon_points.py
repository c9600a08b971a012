"""Laws 6 and 7: wherever the daemon is killed, every event reaches every notifier, and repeats keep their id."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from state import Store
from tests.crash.daemon_recorder import Arrivals, arriving

ROOT = Path(__file__).parents[2]
NOTIFIERS = ("slack", "telegram")
WORKERS = 2
KILLS = 24  # at random instants, for each worker

EVENTS = Counter(
    {
        ("mm-1", "firing"): 1,
        ("mm-2", "firing"): 1,
        ("mm-3", "event"): 1,
        ("mm-1", "raised"): 1,
        ("mm-1", "resolved"): 1,
        ("mm-2", "resolved"): 1,
    }
)


async def work(folder: Path, port: int, worker: int) -> dict[str, int]:
    arguments = [folder, port, worker, WORKERS, KILLS]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.crash.daemon_points",
        *map(str, arguments),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    assert process.returncode == 0, stderr.decode()[-4000:]
    died: dict[str, int] = json.loads(stdout.splitlines()[-1])["died"]
    return died


def faults(path: Path, arrivals: Arrivals, point: str) -> tuple[list[str], int]:
    """What is wrong with one point, and how many messages it repeated."""
    found: list[str] = []
    repeats = 0
    with Store.open(path) as store:
        for name in NOTIFIERS:
            rows = store.notifications(notifier=name, limit=1000).rows
            events = Counter((row.notification.facts.label, row.notification.kind.value) for row in rows)
            if events != EVENTS:
                found.append(f"{name}: the events are {dict(events)}")
            arrived = Counter(arrivals.ids(f"{point}/{name}"))
            texts = arrivals.text(f"{point}/{name}")
            found += (
                f"{name}: {row.notification.kind} of {row.notification.facts.label} is {row.state}"
                for row in rows
                if row.state != "delivered"
                or row.message not in arrived
                or row.notification.alert not in texts
            )
            known = {row.message for row in rows}
            for message, times in arrived.items():
                if message not in known:
                    found.append(f"{name}: {message} is in no row")
                outcomes = Counter(attempt.outcome for attempt in store.attempts(message))
                if times > 1 + outcomes["unknown"]:
                    found.append(f"{name}: {message} arrived {times} times, {dict(outcomes)}")
                repeats += times - 1
    return found, repeats


@pytest.mark.timeout(300)
async def test_laws_6_and_7_killed_anywhere_everything_is_told_and_repeated_only_under_its_id(
    tmp_path: Path,
) -> None:
    with arriving() as arrivals:
        # The first message to telegram is refused, so that postponing is among the points.
        arrivals.statuses = lambda path, before: 500 if path.endswith("/telegram") and not before else 200
        ran = await asyncio.gather(*(work(tmp_path, arrivals.port, worker) for worker in range(WORKERS)))
        died = {point: times for one in ran for point, times in one.items()}
        told = {point: faults(tmp_path / point / "subtally.db", arrivals, point) for point in died}
    assert {point: wrong for point, (wrong, _) in told.items() if wrong} == {}
    statements = [point for point, times in died.items() if point.startswith("statement") and times]
    instants = sum(times for point, times in died.items() if point.startswith("instant"))
    assert len(statements) >= 120
    assert len(statements) + instants >= 180
    assert sum(repeats for _, repeats in told.values()) > 0, "no kill fell between a send and its record"
