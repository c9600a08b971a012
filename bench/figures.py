"""Measuring: the CPU time of one piece of work, garbage of earlier work left out."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of all threads of this process for one call; garbage of earlier work is collected before."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began
