"""Goals 14 and 15: the daemon as a process of its own, how soon it asks its venue and how still it is between polls."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median

from bench.commands import CCXT, SUBTALLY
from bench.goals import Result
from bench.peers import until
from bench.process import as_installed

KEPT_SECONDS = 90.0
"""Within so long after its start a daemon keeps the day's checkpoint; the next poll is half a minute later."""

SETTLED_SECONDS = 4.0
WATCHED_SECONDS = 20.0

RULES = """
[daemon]
listen = ""
poll_every = "1m"

[[exchange]]
name = "desk"
kind = "binance"
api_key = {{ env = "BENCH_KEY" }}
api_secret = {{ env = "BENCH_SECRET" }}
base_url = "{base_url}"

[[notifier]]
name = "oncall"
url = {{ env = "BENCH_URL" }}

[[rule]]
name = "floor"
type = "low_balance"
asset = "USDT"
below = 1
"""


@contextmanager
def running(folder: Path, base_url: str, key: str, secret: str) -> Iterator[subprocess.Popen[bytes]]:
    """`subtally run` on rules of one exchange."""
    file = folder / "rules.toml"
    file.write_text(RULES.format(base_url=base_url))
    env = {**as_installed(), "BENCH_KEY": key, "BENCH_SECRET": secret, "BENCH_URL": "json://127.0.0.1:9/"}
    daemon = subprocess.Popen(
        (SUBTALLY, "-c", str(file), "run"), env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield daemon
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(30)


@contextmanager
def simulator() -> Iterator[Mapping[str, str]]:
    """The fake Binance of `subtally simulator`."""
    process = subprocess.Popen((SUBTALLY, "simulator"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None  # noqa: S101  for the type checker
        yield json.loads(process.stdout.readline())["binance"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def seconds_to_first_request() -> float:
    """From the start of the process to its first connection."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        began = time.monotonic()
        with running(Path(folder), f"http://127.0.0.1:{server.getsockname()[1]}", "key", "secret"):
            connection, _ = server.accept()
            taken = time.monotonic() - began
            connection.close()
    return taken


def seconds_to_import() -> float:
    """The whole of `python -c "import ccxt.async_support"`."""
    began = time.monotonic()
    subprocess.run(CCXT, check=True, capture_output=True)
    return time.monotonic() - began


def switches(process: int) -> int:
    """Context switches of all threads of a process so far, those left out that other work forced on it."""
    total = 0
    for status in Path(f"/proc/{process}/task").glob("*/status"):
        lines = status.read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    return total


def _checkpointed(state: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{state.as_uri()}?mode=ro", uri=True)) as db:
            return bool(db.execute("SELECT count(*) FROM checkpoints").fetchone()[0])
    except sqlite3.Error:
        return False  # not there yet


def measure_idle() -> list[Result]:
    """Between two polls: the wake-ups of a daemon that has nothing to do."""
    with (
        tempfile.TemporaryDirectory() as folder,
        simulator() as venue,
        running(Path(folder), venue["base_url"], venue["api_key"], venue["api_secret"]) as daemon,
    ):
        until(lambda: _checkpointed(Path(folder) / "subtally.db"), "the checkpoint", KEPT_SECONDS, look=1.0)
        time.sleep(SETTLED_SECONDS)
        before = switches(daemon.pid)
        time.sleep(WATCHED_SECONDS)
        rate = (switches(daemon.pid) - before) / WATCHED_SECONDS
    return [Result(14, rate, f"over {WATCHED_SECONDS:.0f} s between two polls")]


def measure_start(rounds: int) -> list[Result]:
    """The first request against an import that the same script would begin with; in turn."""
    pairs = [(seconds_to_first_request(), seconds_to_import()) for _ in range(rounds + 1)][1:]
    ours, theirs = (median(one) for one in zip(*pairs, strict=True))
    return [Result(15, ours / theirs, f"{ours * 1000:.0f} ms ÷ {theirs * 1000:.0f} ms, wall clock")]


if __name__ == "__main__":
    sys.stdout.write(f"{measure_start(3)}\n{measure_idle()}\n")
