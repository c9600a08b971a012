"""Goals 11 and 12: from the venue's answer to the notifier's call, and the same crossings through Prometheus.

Accounts cross a threshold just as they are read, some in each sweep and apart in time, so that each is a message of
its own. Both sides know of a crossing from that moment on: ours by the answer under way to it, Prometheus by an
exporter that has it at once. How often a venue may be asked is the same for both, and not part of either figure.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.goals import Result
from bench.house import ONE_FLOOR, House
from bench.peers import Place, fetched, until
from bench.post import posts
from bench.process import venue

ASSETS = 4
POLL_SECONDS = 3
SWEPT = 10
APART_SECONDS = 0.12
SETTLED_SECONDS = 6.0
SIDES = ("ours", "theirs")
RULE = '      - {alert: floor, expr: "balance{asset=\\"USDT\\"} < 1"}\n'


def _arrivals(seen: Mapping[str, Any], side: str, names: Sequence[str]) -> dict[str, float]:
    """When each account was first named in what arrived."""
    found: dict[str, float] = {}
    for at, body in seen["arrived"].get(side, ()):
        for name in names:
            if name not in found and name in body:
                found[name] = at
    return found


def _crossings(beside: str, names: Sequence[str]) -> dict[str, list[float]]:
    """Seconds from the crossing to the webhook, for each side and account."""
    fetched(f"{beside}/plan", {name: number * APART_SECONDS for number, name in enumerate(names)})

    def told() -> bool:
        now = fetched(f"{beside}/seen")
        return all(len(_arrivals(now, side, names)) == len(names) for side in SIDES)

    until(told, "every crossing told by both", 60, look=0.3)
    seen = fetched(f"{beside}/seen")
    return {
        side: [at - seen["crossed"][name] for name, at in _arrivals(seen, side, names).items()]
        for side in SIDES
    }


def measure(samples: int) -> list[Result]:
    """Goals 11 and 12 over so many crossings."""
    taken: dict[str, list[float]] = {side: [] for side in SIDES}
    measures = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        told = stack.enter_context(venue(samples, ASSETS, scale=10))
        beside, names = told["beside"], told["accounts"]
        house = House(folder, told, [ONE_FLOOR], POLL_SECONDS)
        place = Place(folder, beside, f"{beside}/hook/theirs", [RULE], 1)
        with house.daemon(), place.both():
            time.sleep(SETTLED_SECONDS)
            for first in range(0, samples, SWEPT):
                measures.append(posts(beside, 100).seconds)
                for side, seconds in _crossings(beside, names[first : first + SWEPT]).items():
                    taken[side] += seconds
    post = median(measures)
    slow = quantiles(taken["ours"], n=100, method="inclusive")[98]
    ours, theirs = median(taken["ours"]), median(taken["theirs"])
    return [
        Result(
            11,
            slow / post,
            f"p99 {slow * 1000:.1f} ms, p50 {ours * 1000:.1f} ms of {samples} ÷ POST {post * 1000:.2f} ms",
        ),
        Result(12, ours / theirs, f"{ours * 1000:.1f} ms after the response ÷ {theirs * 1000:.0f} ms"),
    ]
