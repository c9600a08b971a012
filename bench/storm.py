"""Goal 13: a thousand alerts in one sweep, against as many POSTs.

The CPU of the daemon over one cycle in which every account crosses, less that over a cycle in which none does: judging,
committing, wording and sending.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.goals import Result
from bench.house import ONE_FLOOR, House
from bench.peers import fetched, until
from bench.post import posts
from bench.process import cpu_of, sink, venue

ASSETS = 4
MARGIN_SECONDS = 8


def _still(beside: str) -> None:
    """Wait until a sweep is over: nothing was read for two seconds."""
    last = -1
    while (now := fetched(f"{beside}/seen")["reads"]) != last:
        last = now
        time.sleep(2)


def measure(alerts: int, rounds: int) -> list[Result]:
    """Goal 13 with so many alerts."""
    extra, measures, messages = [], [], 0
    seconds = max(10, alerts // 50) + 2 * MARGIN_SECONDS
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        told = stack.enter_context(venue(alerts, ASSETS, scale=10))
        hooks = stack.enter_context(sink())
        beside, names = told["beside"], told["accounts"]
        house = House(folder, told, hooks, [ONE_FLOOR], seconds)
        with house.daemon() as daemon:
            until(lambda: fetched(f"{beside}/seen")["reads"] >= alerts, "the first sweep", 120, look=0.5)
            _still(beside)
            for _ in range(rounds):
                spent = []
                for crossing in (False, True):
                    measures.append(posts(hooks).cpu)
                    _still(
                        beside
                    )  # a window is as long as a cycle: begun between two sweeps it holds a whole one
                    if crossing:
                        fetched(f"{beside}/plan", dict.fromkeys(names, 0))
                    before = cpu_of(daemon.pid)
                    time.sleep(seconds)
                    spent.append(cpu_of(daemon.pid) - before)
                crossed = len(fetched(f"{beside}/seen")["crossed"])
                messages = len(fetched(f"{hooks}/arrived").get("ours", ()))
                if crossed != alerts or not messages:
                    raise RuntimeError(f"{crossed} of {alerts} crossed, {messages} messages")
                extra.append(spent[1] - spent[0])
                fetched(f"{beside}/restore", {})
                fetched(f"{hooks}/forget", {})
                time.sleep(seconds)  # all resolve
    each, post = median(extra) / alerts, median(measures)
    note = f"{each * 1e6:.0f} µs an alert, {alerts:,} in {messages} messages, ÷ POST {post * 1e6:.0f} µs"
    return [Result(13, each / post, note)]
