"""What is kept of budgets and bans across a restart (law 11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SHORT_WINDOW_SECONDS = 10
MOST = 1 << 53  # of any count, and of any time in ms
KEPT_EVERY_SECONDS = 1  # so old the record may be when the process ends


@dataclass(frozen=True, slots=True)
class Record:
    """`holds` maps a gate to the time (ms, our clock) until which it is closed, `used` a pool to slots in
    use, and `frees` to when they are free again: so many at a time in ms.

    `key` names the API key without telling of it: another key's budgets are no business of this one.
    """

    key: str = ""
    worked: bool = False
    at_ms: int = 0
    holds: Mapping[str, int] = field(default_factory=dict)
    used: Mapping[str, int] = field(default_factory=dict)
    frees: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, spent: Mapping[str, object]) -> Record:
        """From JSON values; what has a wrong form is left out."""
        at_ms = spent.get("at_ms")
        return cls(
            key=str(spent.get("key", "")),
            worked=spent.get("worked") is True,
            at_ms=at_ms if isinstance(at_ms, int) and _is_count(at_ms) else 0,
            holds=_counts(spent.get("holds")),
            used=_counts(spent.get("used")),
            frees=_parts(spent.get("frees")),
        )

    def as_json(self) -> dict[str, object]:
        return {
            "key": self.key,
            "worked": self.worked,
            "at_ms": self.at_ms,
            "holds": dict(self.holds),
            "used": dict(self.used),
            "frees": {name: [list(part) for part in parts] for name, parts in self.frees.items()},
        }

    def held_seconds(self, gate: str, now_ms: int) -> float:
        """How long a gate stays closed from now on; 0 for an open one."""
        return max(0, self.holds.get(gate, 0) - max(now_ms, self.at_ms)) / 1000

    def use_of(
        self, pool: str, slots: int, window_seconds: float, now_ms: int, documented_seconds: float
    ) -> list[tuple[int, float]]:
        """Slots to begin with as used, so many for so many seconds.

        A short window is waited out as if it were full, however old the record: it is not renewed while nobody
        calls, and between the last commit and the end of the process any number of calls may have gone out. A long
        one begins with what is in use still, and with what may have gone out in that time; the first usage header
        corrects it.
        """
        if documented_seconds <= SHORT_WINDOW_SECONDS:
            return [(slots, window_seconds)] if self.at_ms else []
        whole = [(self.used.get(pool, 0), self.at_ms + int(window_seconds * 1000))]
        parts = [(calls, (at_ms - now_ms) / 1000) for calls, at_ms in self.frees.get(pool, whole)]
        unseen = -(-slots * KEPT_EVERY_SECONDS // int(window_seconds))
        seconds = (self.at_ms - now_ms) / 1000 + KEPT_EVERY_SECONDS + window_seconds
        return [(calls, left) for calls, left in (*parts, (unseen, seconds)) if calls > 0 and left > 0]


def _counts(value: object) -> dict[str, int]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): count for name, count in value.items() if _is_count(count)}


def _parts(value: object) -> dict[str, Sequence[tuple[int, int]]]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): found for name, parts in value.items() if (found := _pairs(parts)) is not None}


def _pairs(value: object) -> list[tuple[int, int]] | None:
    try:
        pairs = [(calls, at_ms) for calls, at_ms in value]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return None
    return pairs if all(_is_count(number) for pair in pairs for number in pair) else None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and 0 <= value < MOST
