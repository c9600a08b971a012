"""How long one lawful sweep of an exchange takes: the measure of what is late and what is merely in the queue."""

from __future__ import annotations

from rules.ruleset import ExchangeSettings
from rules.step import Step


def planned_sweep_ms(step: Step, settings: ExchangeSettings) -> int:
    """The longer of `poll_every` and the lawful time of reading every known account once."""
    count = len(step.world.index.by_exchange.get(settings.name, ()))
    return max(settings.poll_every_ms, count * settings.read_us // 1000)


def gap_cap_ms(step: Step, settings: ExchangeSettings) -> int:
    """How much one gap between two readings may add to `for`."""
    return max(step.settings.stale_after_ms, planned_sweep_ms(step, settings))


def late_after_ms(step: Step, settings: ExchangeSettings) -> int:
    """When an account without a reading is stale: `stale_after`, or two planned sweeps where that is longer."""
    return max(step.settings.stale_after_ms, 2 * planned_sweep_ms(step, settings))
