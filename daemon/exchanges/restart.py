"""What is kept of budgets and bans across a restart (law 11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SHORT_WINDOW_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Record:
    """`holds` maps a gate to the time (ms, our clock) until which it is closed, `used` a pool to slots in
    use.

    `key` names the API key without telling of it: another key's budgets are no business of this one.
    """

    key: str = ""
    worked: bool = False
    at_ms: int = 0
    holds: Mapping[str, int] = field(default_factory=dict)
    used: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, spent: Mapping[str, object]) -> Record:
        """From JSON values; what has a wrong form is left out."""
        at_ms = spent.get("at_ms")
        return cls(
            key=str(spent.get("key", "")),
            worked=spent.get("worked") is True,
            at_ms=at_ms if isinstance(at_ms, int) else 0,
            holds=_counts(spent.get("holds")),
            used=_counts(spent.get("used")),
        )

    def as_json(self) -> dict[str, object]:
        return {
            "key": self.key,
            "worked": self.worked,
            "at_ms": self.at_ms,
            "holds": dict(self.holds),
            "used": dict(self.used),
        }

    def held_seconds(self, gate: str, now_ms: int) -> float:
        """How long a gate stays closed from now on; 0 for an open one."""
        return max(0, self.holds.get(gate, 0) - now_ms) / 1000

    def use_of(self, pool: str, slots: int, window_seconds: float, now_ms: int) -> tuple[int, float]:
        """Slots to begin with as used, and for how long.

        A short window is waited out as if it were full, however old the record: it is not renewed while nobody
        calls, and between the last commit and the end of the process any number of calls may have gone out. A long
        one begins with its count, which the first usage header corrects.
        """
        count, age = self.used.get(pool, 0), max(0, now_ms - self.at_ms) / 1000
        if window_seconds <= SHORT_WINDOW_SECONDS:
            return (slots, window_seconds) if self.at_ms else (0, 0)
        return (count, window_seconds - age) if age < window_seconds else (0, 0)


def _counts(value: object) -> dict[str, int]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): count for name, count in value.items() if isinstance(count, int)}
