"""Kills the whole daemon, against venues that run elsewhere.

    python -m tests.crash.daemon_whole FOLDER WORKER WORKERS FIRING

FOLDER holds one folder for each point, with a rules file and a state. Half of them end themselves before an SQL
statement, the others are killed at random instants; then the daemon runs until FIRING alerts fire and all is told.
"""

import asyncio
import json
import logging
import os
import random
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path

from daemon import backoff
from daemon.app import App
from daemon.logs import set_up
from daemon.running import run_daemon
from notifiers.service import preload
from tests.crash.daemon_points import DIED, end_before, statements


async def whole(path: Path, firing: int) -> None:
    """The daemon, until so many alerts fire and nothing waits to be told."""
    stop = asyncio.Event()
    watching: list[asyncio.Task[None]] = []

    async def watch(app: App) -> None:
        while True:
            await asyncio.sleep(0.02)
            if sum(alert.state == "firing" for alert in app.engine.world.alerts.values()) < firing:
                continue
            await app.engine.settled()
            counts = (await app.store.counts()).values()
            if not any(count.queued or count.claimed for count in counts):
                stop.set()
                return

    await run_daemon(path, stop, lambda app, _web: watching.append(asyncio.create_task(watch(app))))
    await asyncio.gather(*watching)


def run(path: Path, firing: int, statement: int | None = None, seconds: float | None = None) -> bool:
    """One process, to its end or to its death; whether it was killed."""
    child = os.fork()
    if not child:
        code = 1
        try:
            end_before(10**9 if statement is None else statement)
            asyncio.run(whole(path, firing))
            if statement == -1:
                (path.parent / "statements").write_text(str(statements()))
            code = 0
        finally:
            os._exit(code)
    if seconds is not None:
        time.sleep(seconds)  # this is the instant of the kill: nothing is waited for
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, DIED, -signal.SIGKILL):
        raise SystemExit(f"{path.parent.name}: ended with {code}")
    return code != 0


def main(folder: Path, worker: int, workers: int, firing: int) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # of forking: no thread runs here
    preload("json")
    set_up(stream=sys.stderr, level=logging.CRITICAL)
    backoff.FIRST_BACKOFF_MS = 0
    measured = folder / f"measured-{worker}"
    began = time.monotonic()
    run(measured / "rules.toml", firing, statement=-1)
    seconds = time.monotonic() - began
    count = int((measured / "statements").read_text())
    chance = random.Random(worker)
    died: dict[str, bool] = {}
    points = sorted(folder.glob("point-*"))
    for number, point in list(enumerate(points))[worker::workers]:
        path = point / "rules.toml"
        # Where a run was over before its end came, the measured one was made on a busier machine than this is now.
        if number % 4 < 2:
            statement = count * (number + 1) // (len(points) + 1)
            died[point.name] = run(path, firing, statement=statement)
            count = count if died[point.name] else min(count, statement)
        else:
            instant = chance.uniform(0.1, seconds)
            died[point.name] = run(path, firing, seconds=instant)
            seconds = seconds if died[point.name] else max(0.2, min(seconds, instant))
        run(path, firing)
    shutil.rmtree(measured)
    sys.stdout.write(json.dumps(died) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
