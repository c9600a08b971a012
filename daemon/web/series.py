"""The judged figure over time: what the traces of its wallets add up to, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rules.values import add, in_row
from state.traces import Trace

__all__ = ["Point", "of_field", "of_trace"]

Point = tuple[int, Decimal | None]
"""From when, and which figure; None is not known."""


def of_trace(trace: Trace, field: str) -> list[Point]:
    """One field of one wallet."""
    return [
        (at_ms, in_row(trace.fields, row, field))
        for at_ms, row in trace.spans
        if len(row) == len(trace.fields)
    ]


def of_field(traces: Sequence[Trace], field: str) -> list[Point]:
    """The sum over wallets at each time when one of them changed; unknown before all of them are known."""
    if len(traces) == 1:
        return of_trace(traces[0], field)
    parts = [of_trace(trace, field) for trace in traces]
    events = [(at_ms, number, value) for number, part in enumerate(parts) for at_ms, value in part]
    events.sort(key=lambda event: event[:2])
    now: dict[int, Decimal | None] = {}
    points: list[Point] = []
    for at_ms, number, value in events:
        now[number] = value
        known = [one for one in now.values() if one is not None]
        total = add(known) if len(known) == len(parts) else None
        if points and points[-1][0] == at_ms:
            points[-1] = (at_ms, total)
        else:
            points.append((at_ms, total))
    return points
