"""Goals 11 and 12: from the venue's answer to the notifier's call, and the same crossings through Prometheus.

Accounts cross a threshold just as they are read, some in each sweep and apart in time, so that each is a message of
its own. 11 is measured alone: the daemon reads 200 accounts every 4 s, which is all that Binance allows, and time runs
from when the answer that tells the crossing leaves the venue. For 12 both sides know of a crossing from the moment it
happens: ours by the answer under way to it, Prometheus by an exporter that has it at once. How often a venue may be
asked is the same for both, and not part of either figure.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from bench.goals import Result
from bench.house import ONE_FLOOR, House
from bench.peers import Place, fetched, until
from bench.post import posts
from bench.process import sink, venue

ASSETS = 4
POLL_SECONDS = 4
SWEPT = 10
FEW = 20
APART_SECONDS = 0.12
SETTLED_SECONDS = 6.0
SYNCS = 20
COMMIT_BYTES = 48 * 1024
OURS, THEIRS = "ours", "theirs"
RULE = '      - {alert: floor, expr: "balance{asset=\\"USDT\\"} < 1"}\n'


def _first_named(arrived: Sequence[tuple[float, str]], names: Sequence[str]) -> dict[str, float]:
    """When each account was first named in what arrived."""
    found: dict[str, float] = {}
    for at, body in arrived:
        for name in names:
            if name not in found and name in body:
                found[name] = at
    return found


def _told(beside: str, hooks: str, sides: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Have these accounts cross at their next reading; when each side told of each."""
    fetched(f"{beside}/plan", {name: number * APART_SECONDS for number, name in enumerate(names)})
    told: dict[str, dict[str, float]] = {}

    def all_told() -> bool:
        arrived = fetched(f"{hooks}/arrived")
        told.update((side, _first_named(arrived.get(side, ()), names)) for side in sides)
        return all(len(one) == len(names) for one in told.values())

    # Whoever asks meanwhile takes a processor from those who are measured.
    time.sleep(POLL_SECONDS + len(names) * APART_SECONDS)
    until(all_told, "every crossing told", 60, look=0.3)
    fetched(f"{hooks}/forget", {})
    return told


def _since(times: Mapping[str, float], began: Mapping[str, float]) -> list[float]:
    return [at - began[name] for name, at in times.items()]


def _syncs(folder: Path) -> list[float]:
    """Seconds that the disk takes to keep what a commit of one alert writes: of any p99 the part that is not ours."""
    taken = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(COMMIT_BYTES))
            began = time.monotonic()
            os.fdatasync(file.fileno())
            taken.append(time.monotonic() - began)
    return taken


def _p99(times: Sequence[float]) -> float:
    return quantiles(times, n=100, method="inclusive")[98]


@dataclass(slots=True)
class Taken:
    """Seconds: of crossings, of POSTs meanwhile (medians), and of the disk alone."""

    crossings: list[float] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    disk: list[float] = field(default_factory=list)

    @property
    def post(self) -> float:
        return median(self.posts)

    @property
    def said(self) -> str:
        slow, usual = _p99(self.crossings) * 1000, median(self.crossings) * 1000
        return (
            f"p99 {slow:.1f} ms, p50 {usual:.1f} ms of {len(self.crossings)} ÷ POST {self.post * 1000:.2f} ms"
        )


def _crossings(accounts: int, samples: int, swept: int) -> Taken:
    """So many, some in each sweep over so many accounts; all others are well, those that crossed before again."""
    taken = Taken()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        desk, hooks = stack.enter_context(venue(accounts, ASSETS)), stack.enter_context(sink())
        beside, names = desk["beside"], desk["accounts"]
        with House(folder, desk, hooks, [ONE_FLOOR], POLL_SECONDS).daemon():
            time.sleep(SETTLED_SECONDS)
            for number in range(0, samples, swept):
                first = number % accounts
                if number:
                    fetched(f"{beside}/restore", {})
                    time.sleep(POLL_SECONDS + 1)
                taken.posts.append(posts(hooks, 100).seconds)
                taken.disk += _syncs(folder)
                told = _told(beside, hooks, (OURS,), names[first : first + swept])
                taken.crossings += _since(told[OURS], fetched(f"{beside}/seen")["answered"])
            refused = fetched(f"{beside}/seen")["refused"]
    if refused:
        raise RuntimeError(f"{refused} calls refused")
    return taken


def measure(samples: int) -> list[Result]:
    """Goal 11 over so many crossings. Beside it a desk that leaves the venue room, where no sweep is a burst."""
    taken = _crossings(samples, samples, SWEPT)
    note = f"{taken.said}; the disk alone p99 {_p99(taken.disk) * 1000:.1f} ms, p50 {median(taken.disk) * 1000:.1f} ms"
    few = _crossings(FEW, min(samples, 4 * FEW), FEW // 4)
    note += f"; not the goal: {FEW} accounts alone {_p99(few.crossings) / few.post:.1f}, {few.said}"
    return [Result(11, _p99(taken.crossings) / taken.post, note)]


def measure_beside(samples: int) -> list[Result]:
    """Goal 12 over so many crossings."""
    taken: dict[str, list[float]] = {OURS: [], THEIRS: []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        desk, hooks = stack.enter_context(venue(samples, ASSETS)), stack.enter_context(sink())
        beside, names = desk["beside"], desk["accounts"]
        house = House(folder, desk, hooks, [ONE_FLOOR], POLL_SECONDS)
        place = Place(folder, beside, f"{hooks}/hook/{THEIRS}", [RULE], 1)
        with house.daemon(), place.both():
            time.sleep(SETTLED_SECONDS)
            for first in range(0, samples, SWEPT):
                told = _told(beside, hooks, tuple(taken), names[first : first + SWEPT])
                crossed = fetched(f"{beside}/seen")["crossed"]
                for side, times in told.items():
                    taken[side] += _since(times, crossed)
    ours, theirs = median(taken[OURS]), median(taken[THEIRS])
    return [Result(12, ours / theirs, f"{ours * 1000:.1f} ms ÷ {theirs * 1000:.0f} ms, {samples} crossings")]
