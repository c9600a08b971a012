"""Processes that are measured: started, looked at in /proc, and ended by their own id."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
MEBI = 1024 * 1024


def as_installed() -> dict[str, str]:
    """The environment; bytecode is kept in it, as it is of what is installed: else our side alone is compiled anew."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def as_service() -> dict[str, str]:
    """The little that systemd gives a service, and where our code is: each message looks for a proxy in all of it."""
    kept = ("PATH", "HOME", "LANG", "PYTHONPATH")
    return {name: value for name, value in as_installed().items() if name in kept}


@contextmanager
def started(command: Sequence[str], env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process until the end of the block; its output is nobody's business. Without `env` it has ours."""
    process = subprocess.Popen(
        command,
        env=as_installed() if env is None else env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, and wait for it; one that does not is killed."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cpu_of(process: int) -> float:
    """CPU seconds of a process so far, user and system, of all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_of(process: int) -> int:
    """Resident bytes of a process now."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


async def until_signalled(serving: Coroutine[Any, Any, None]) -> None:
    """Serve until SIGTERM or SIGINT."""
    task = asyncio.ensure_future(serving)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


@contextmanager
def venue(accounts: int, assets: int, *, scale: float = 1, churn: float = 0) -> Iterator[dict[str, Any]]:
    """`python -m bench.venue`, and what it told of itself."""
    options = {"accounts": accounts, "assets": assets, "scale": scale, "churn": churn}
    with _serving("bench.venue", *(f"--{name}={value}" for name, value in options.items())) as told:
        yield told


@contextmanager
def sink() -> Iterator[str]:
    """`python -m bench.sink`, and where it is."""
    with _serving("bench.sink") as told:
        yield told["sink"]


@contextmanager
def _serving(module: str, *options: str) -> Iterator[dict[str, Any]]:
    process = subprocess.Popen([sys.executable, "-m", module, *options], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None  # noqa: S101  for the type checker
        yield json.loads(process.stdout.readline())
    finally:
        stop(process)
