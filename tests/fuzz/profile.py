"""How long the fuzzers run: seconds in the suite, as long as wanted by `make fuzz` (FUZZ=50 is fifty times that)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("FUZZ", "1"))


def fuzzed(examples: int) -> Callable[[Any], Any]:
    """So many examples, times FUZZ; how long one takes says more about the machine than about the code."""
    return settings(
        max_examples=examples * TIMES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # In the suite the same examples each time: a find of the long run becomes a test of its own.
        derandomize=TIMES == 1,
        database=None,
    )
