"""Goals 9, 10 and 17: memory, CPU of a cycle and of a restart, beside Prometheus and Alertmanager.

Both sides watch the same balances at the same time, of which one in a hundred changes in every cycle. A cycle is as
long as the venue's limit makes a whole sweep: the daemon signs, sends and judges a call for each account, Prometheus
scrapes once and evaluates once. The exporter's own polling, which Prometheus needs too, is not counted against it.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.goals import Result
from bench.house import House, mix
from bench.peers import Place, fetched, until
from bench.process import MEBI, cpu_of, resident_of, sink, venue

ASSETS = 50
LAWFUL_PER_SECOND = 50
SPARE_SECONDS = 15
RESTARTS = 3
RULES = 1_000


def cycle_seconds(accounts: int) -> int:
    """A lawful sweep and some seconds to spare."""
    return -(-accounts // LAWFUL_PER_SECOND) + SPARE_SECONDS


def _cycles(ours: int, theirs: int, seconds: int, count: int) -> list[tuple[float, float]]:
    """CPU seconds of both in each of `count` cycles."""
    found = []
    for _ in range(count):
        before = cpu_of(ours), cpu_of(theirs)
        time.sleep(seconds)
        found.append((cpu_of(ours) - before[0], cpu_of(theirs) - before[1]))
    return found


def _swept(beside: str, accounts: int, seconds: int) -> None:
    until(
        lambda: fetched(f"{beside}/seen")["reads"] >= accounts, "the first sweep", 60 + 3 * seconds, look=0.5
    )


def _restarts(house: House, place: Place, count: int) -> list[tuple[float, float]]:
    """CPU seconds of each from its start until it is ready, in turn."""

    def spent(process: subprocess.Popen[bytes]) -> float:
        return cpu_of(process.pid)

    found = []
    for _ in range(count):
        with house.daemon() as daemon:
            ours = spent(daemon)
        with place.prometheus() as prometheus:
            found.append((ours, spent(prometheus)))
    return found


def measure(accounts: int, rounds: int) -> list[Result]:
    """Goals 9, 10 and 17 at `accounts` × ASSETS balances."""
    seconds = cycle_seconds(accounts)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        told = stack.enter_context(venue(accounts, ASSETS, churn=0.01 / seconds))
        hooks = stack.enter_context(sink())
        # The coin that crosses in other figures keeps still; the names of the simulator's coins.
        assets = ["USDT", "BTC", "ETH", *(f"C{number:03d}" for number in range(10, ASSETS))]
        ours, theirs = mix(told["accounts"], assets, RULES)
        house = House(folder, told, hooks, ours, seconds)
        place = Place(folder, told["beside"], f"{hooks}/hook/theirs", theirs, seconds)
        with house.daemon() as daemon, place.both() as peers:
            _swept(told["beside"], accounts, seconds)
            time.sleep(SPARE_SECONDS)
            cycles = _cycles(daemon.pid, peers.prometheus.pid, seconds, rounds)
            memory = resident_of(daemon.pid)
            prometheus, alertmanager = resident_of(peers.prometheus.pid), resident_of(peers.alertmanager.pid)
            seen = fetched(f"{told['beside']}/seen")
            samples = fetched(f"{place.url}/api/v1/query?query=count(balance)")["data"]["result"]
        restarts = _restarts(house, place, RESTARTS)
    series = int(samples[0]["value"][1]) if samples else 0
    size = f"{accounts:,} × {ASSETS}"
    if series != accounts * ASSETS or seen["refused"]:
        raise RuntimeError(f"not the same work: {series} series, {seen['refused']} calls refused")
    spent, peer_spent = (median(one) for one in zip(*cycles, strict=True))
    again, peer_again = (median(one) for one in zip(*restarts, strict=True))
    return [
        Result(
            9,
            memory / (prometheus + alertmanager),
            f"{size}: {memory / MEBI:.0f} MiB ÷ ({prometheus / MEBI:.0f} + {alertmanager / MEBI:.0f})",
        ),
        Result(
            10,
            spent / peer_spent,
            f"{size}: {spent:.2f} s ÷ {peer_spent:.2f} s of CPU in a cycle of {seconds} s",
        ),
        Result(17, again / peer_again, f"{size}: {again:.2f} s ÷ {peer_again:.2f} s of CPU until ready"),
    ]
