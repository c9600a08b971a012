"""Measuring: CPU time of alternating rounds, their medians, and ratios of two that ran in one process."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from statistics import median

ROUNDS = 5


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of all threads of this process for one call; garbage of earlier work is collected before."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def alternating(rounds: int, *works: Callable[[], object]) -> list[float]:
    """Median CPU seconds of each, run in turn: what slows the machine slows all of them."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for place, work in enumerate(works):
            taken[place].append(cpu_seconds(work))
    return [median(one) for one in taken]
