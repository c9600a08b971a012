"""The goals, by number: what each figure is, what it must be and what it should be, and how it came out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure, mostly a ratio; `least` tells that more is better, `small` that it is the one of a small desk."""

    number: int
    figure: str
    must: float
    stretch: float
    least: bool = False
    small: bool = False


GOALS = {
    (goal.number, goal.small): goal
    for goal in (
        Goal(1, "cycle CPU ÷ msgspec decode of the same bodies, 500k balances, 1 % spread", 4, 2.5),
        Goal(2, "the same, byte-identical bodies", 0.25, 0.1),
        Goal(3, "the same, bodies forced to differ (rows shuffled)", 6, 4),
        Goal(4, "doubling the changed rows: cost ×", 2.2, 2.05),
        Goal(5, "9,000 more unmatched rules: cost ×", 1.10, 1.03),
        Goal(6, "CPU per read ÷ ccxt async loop, both at 50/s", 0.5, 0.2),
        Goal(7, "the same unthrottled", 0.95, 0.7),
        Goal(8, "rate reached ÷ L/(W+RTT) at budget 1.0, no 429", 0.98, 0.99, least=True),
        Goal(9, "RSS ÷ (Prometheus + Alertmanager), 500k balances", 0.2, 0.13),
        Goal(9, "the same, 20k", 0.45, 0.3, small=True),
        Goal(10, "CPU per cycle with polling ÷ Prometheus scrape + rules, 500k balances", 0.6, 0.4),
        Goal(10, "the same, 20k", 0.9, 0.6, small=True),
        Goal(11, "p99 response → notifier call ÷ p50 of one aiohttp POST", 25, 10),
        Goal(12, "crossing → webhook p50 ÷ Prometheus chain at 1 s intervals", 0.05, 0.01),
        Goal(13, "1,000 simultaneous alerts: CPU per alert ÷ aiohttp POST", 3, 1.5),
        Goal(14, "idle: context switches per second", 2, 0.5),
        Goal(15, "start to first request ÷ import ccxt.async_support", 0.8, 0.5),
        Goal(16, "check, --help CPU ÷ import ccxt.async_support", 0.35, 0.25),
        Goal(17, "restart with 500k state ÷ Prometheus restart, CPU", 0.35, 0.2),
        Goal(18, "log bytes per change", 50, 30),
    )
}


@dataclass(frozen=True, slots=True)
class Result:
    """One goal as measured; `note` says of what the figure is made, in absolute terms."""

    number: int
    value: float
    note: str
    small: bool = False

    @property
    def verdict(self) -> str:
        """Which of the two limits is met: stretch, must, or neither (missed)."""
        goal = GOALS[self.number, self.small]
        for name, limit in (("stretch", goal.stretch), ("must", goal.must)):
            if (self.value >= limit) if goal.least else (self.value <= limit):
                return name
        return "missed"
