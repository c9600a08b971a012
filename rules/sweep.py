"""How long one lawful sweep of an exchange takes: the measure of what is late and what is merely in the queue."""

from __future__ import annotations

from rules.plan import is_read
from rules.ruleset import ExchangeSettings
from rules.step import Step


def planned_sweep_ms(step: Step, settings: ExchangeSettings) -> int:
    """The longer of `poll_every` and the lawful time of reading every account once that draws on the same limits."""
    others = [other for name in settings.shares_with if (other := step.exchange(name)) is not None]
    lawful_us = sum(_count(step, one) * one.read_us for one in (settings, *others))
    return max(settings.poll_every_ms, lawful_us // 1000)


def _count(step: Step, settings: ExchangeSettings) -> int:
    """How many accounts of it are read."""
    counts, keys = step.world.index.read_counts, step.world.index.by_exchange.get(settings.name, [])
    looked, count = counts.get(settings.name, (0, 0))
    if looked < len(keys):
        accounts = step.world.accounts
        count += sum(1 for key in keys[looked:] if is_read(step, accounts[key]))
        counts[settings.name] = (len(keys), count)
    return count


def gap_cap_ms(step: Step, settings: ExchangeSettings) -> int:
    """How much one gap between two readings may add to `for`."""
    return max(step.settings.stale_after_ms, planned_sweep_ms(step, settings))


def late_after_ms(step: Step, settings: ExchangeSettings) -> int:
    """When an account without a reading is stale: `stale_after`, or two planned sweeps where that is longer."""
    return max(step.settings.stale_after_ms, 2 * planned_sweep_ms(step, settings))
