"""Goals 9, 10 and 17: memory, CPU of a cycle and of a restart, beside Prometheus and Alertmanager.

Both sides watch the same balances at the same time, of which one in a hundred changes in every cycle. A cycle is as
long as the venue's limit makes a whole sweep: the daemon signs, sends and judges a call for each account, Prometheus
scrapes once and evaluates once. The exporter's own polling, which Prometheus needs too, is not counted against it.
Memory and cycles of a small desk, a tenth of the accounts with fewer assets, are measured after that of the large one.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.goals import Result
from bench.house import House, mix
from bench.peers import Place, fetched, until
from bench.process import MEBI, cpu_of, resident_of, sink, venue

ASSETS, FEW_ASSETS = 50, 20
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


@dataclass(frozen=True, slots=True)
class Desk:
    """What was measured at one size: bytes resident, and the median CPU seconds of a cycle and of a restart."""

    size: str
    seconds: int
    resident: int
    prometheus: int
    alertmanager: int
    cycle: float
    peer_cycle: float
    restart: float
    peer_restart: float
    small: bool

    def memory(self) -> Result:
        """Goal 9."""
        peers = f"({self.prometheus / MEBI:,.0f} + {self.alertmanager / MEBI:.0f})"
        note = f"{self.size}: {self.resident / MEBI:.0f} MiB ÷ {peers}"
        return Result(9, self.resident / (self.prometheus + self.alertmanager), note, self.small)

    def spent(self) -> Result:
        """Goal 10."""
        seconds = f"{self.cycle:.2f} s ÷ {self.peer_cycle:.2f} s of CPU in a cycle of {self.seconds} s"
        return Result(10, self.cycle / self.peer_cycle, f"{self.size}: {seconds}", self.small)

    def restarted(self) -> Result:
        """Goal 17."""
        seconds = f"{self.restart:.2f} s ÷ {self.peer_restart:.2f} s of CPU until ready"
        return Result(17, self.restart / self.peer_restart, f"{self.size}: {seconds}")


def _desk(accounts: int, assets: int, rounds: int, *, small: bool = False) -> Desk:
    """Of a small one restarts are no goal."""
    seconds = cycle_seconds(accounts)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        told = stack.enter_context(venue(accounts, assets, churn=0.01 / seconds))
        hooks = stack.enter_context(sink())
        # The coin that crosses in other figures keeps still; the names of the simulator's coins.
        coins = ["USDT", "BTC", "ETH", *(f"C{number:03d}" for number in range(10, assets))]
        ours, theirs = mix(told["accounts"], coins, RULES)
        house = House(folder, told, hooks, ours, seconds)
        place = Place(folder, told["beside"], f"{hooks}/hook/theirs", theirs, seconds)
        with house.daemon() as daemon, place.both() as peers:
            _swept(told["beside"], accounts, seconds)
            time.sleep(SPARE_SECONDS)
            cycles = _cycles(daemon.pid, peers.prometheus.pid, seconds, rounds)
            resident = resident_of(daemon.pid)
            prometheus, alertmanager = resident_of(peers.prometheus.pid), resident_of(peers.alertmanager.pid)
            seen = fetched(f"{told['beside']}/seen")
            samples = fetched(f"{place.url}/api/v1/query?query=count(balance)")["data"]["result"]
        again = [] if small else _restarts(house, place, RESTARTS)
    series = int(samples[0]["value"][1]) if samples else 0
    if series != accounts * assets or seen["refused"]:
        raise RuntimeError(f"not the same work: {series} series, {seen['refused']} calls refused")
    return Desk(
        f"{accounts:,} × {assets}",
        seconds,
        resident,
        prometheus,
        alertmanager,
        *_medians(cycles),
        *_medians(again or [(0.0, 0.0)]),
        small,
    )


def _medians(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """Of ours and of theirs."""
    return median(ours for ours, _ in pairs), median(theirs for _, theirs in pairs)


def measure(accounts: int, rounds: int) -> list[Result]:
    """Goals 9, 10 and 17 at `accounts` × ASSETS balances; 9 and 10 also at a tenth of them × FEW_ASSETS."""
    large = _desk(accounts, ASSETS, rounds)
    small = _desk(max(1, accounts // 10), FEW_ASSETS, rounds, small=True)
    return [large.memory(), small.memory(), large.spent(), small.spent(), large.restarted()]
