"""What happened to one alert: readings, steps and orders in one order of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from daemon.web.alerts import AlertPage, points_of
from rules.values import text_of
from state.orders import Order

__all__ = ["Step", "steps_of"]

READINGS_MOST: Final = 60


@dataclass(frozen=True, slots=True)
class Step:
    """One line: `kind` is reading, a state, or an order; `value` the figure as text, None where there is none."""

    at_ms: int
    kind: str
    what: str
    severity: str = ""
    value: str | None = None
    why: str = ""


def steps_of(page: AlertPage) -> list[Step]:
    """The newest first."""
    steps = [
        Step(
            step.at_ms,
            step.after,
            f"{step.before} → {step.after}" if step.before not in {"", step.after} else step.after,
            step.severity.value,
            step.value,
            step.reason,
        )
        for step in page.transitions
    ]
    if page.traces:
        changed = points_of(page)[-READINGS_MOST:]
        steps += [
            Step(at_ms, "reading", "read", value=text_of(value) or "not known") for at_ms, value in changed
        ]
    steps += [Step(order.at_ms, order.kind, order.kind, why=_by(order)) for order in page.orders]
    # A stable sort: what was read stands below the verdict that followed from it.
    return sorted(steps, key=lambda step: (step.at_ms, step.kind != "reading"), reverse=True)


def _by(order: Order) -> str:
    """Who ordered it; of a note what it says, too."""
    return f"by {order.by}: {order.body}" if order.kind == "note" else f"by {order.by}"
