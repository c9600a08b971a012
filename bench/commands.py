"""Goals 15 and 16: whole commands against what a script pays to import ccxt."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

from bench.goals import Result
from bench.process import ROOT, as_installed

SUBTALLY = str(Path(sys.executable).with_name("subtally"))
CCXT = (sys.executable, "-c", "import ccxt.async_support")


def child_seconds(*command: str) -> float:
    """CPU seconds, user and system, of one command and all it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, env=as_installed(), check=False, capture_output=True, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(rounds: int) -> list[Result]:
    """`check` of the example and `--help`, the slower of the two against the import; all in turn."""
    commands = (CCXT, (SUBTALLY, "check", "rules.example.toml"), (SUBTALLY, "--help"))
    taken: list[list[float]] = [[] for _ in commands]
    for _ in range(rounds + 1):
        for place, command in enumerate(commands):
            taken[place].append(child_seconds(*command))
    ccxt, check, usage = (median(one[1:]) for one in taken)  # the first round fills the disk's cache
    note = f"check {check * 1000:.0f} ms, --help {usage * 1000:.0f} ms, ccxt {ccxt * 1000:.0f} ms of CPU"
    return [Result(16, max(check, usage) / ccxt, note)]
