"""How long messages wait: gathered while others fail, and before one that failed is sent again."""

from __future__ import annotations

import random

from notifiers.outcome import Result, SendOutcome

FIRST_BACKOFF_MS = 2_000
LONGEST_BACKOFF_MS = 300_000
UNKNOWN_BACKOFF_MS = 60_000
LONGEST_GATHER_MS = 4 * 3_600_000


def stretched_ms(gather_ms: int, failing: int) -> int:
    """How long events gather while so many messages in a row failed: an outage must not pile up messages.

    What gathers meanwhile leaves in one go as soon as one of the failed ones gets through.
    """
    if not failing:
        return gather_ms
    stretched = max(gather_ms, FIRST_BACKOFF_MS) << min(failing, 32)
    return max(gather_ms, min(stretched, LONGEST_GATHER_MS))


def backoff_ms(attempt: int, result: Result) -> int:
    """Doubling with jitter up to a cap; what the service asks for is honoured, a perhaps-delivered one is rare."""
    first = UNKNOWN_BACKOFF_MS if result.outcome is SendOutcome.UNKNOWN else FIRST_BACKOFF_MS
    wait = min(first << min(attempt - 1, 16), LONGEST_BACKOFF_MS)
    wait = wait * random.randint(80, 120) // 100  # noqa: S311  jitter, not a secret
    asked = (result.retry_after_seconds or 0) * 1000
    return max(wait, asked)
