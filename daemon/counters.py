"""What was read of one exchange, counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """What the metrics tell of one exchange."""

    reads: int = 0
    failures: int = 0
    glitches: int = 0
    listings: int = 0
    sweep_began_ms: int = 0
    sweep_ms: int | None = None
    swept_ms: int | None = None
    incomplete: int = 0
