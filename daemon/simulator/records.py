"""What the venue saw: every request, what became of it, and the counters that tests read."""

from collections import Counter, deque
from dataclasses import dataclass

__all__ = ["Record", "Records"]

KEPT_REQUESTS = 100_000


@dataclass(frozen=True, slots=True)
class Record:
    """One request. `refused` names why the venue itself said no; a fault is no refusal."""

    method: str
    target: str
    status: int
    at_ms: int
    refused: str | None = None
    fault: str | None = None

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


class Records:
    """The last requests and counters over all of them."""

    def __init__(self) -> None:
        self.requests: deque[Record] = deque(maxlen=KEPT_REQUESTS)
        self.paths: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.non_get = 0

    @property
    def total(self) -> int:
        return self.paths.total()

    @property
    def refused(self) -> int:
        """Requests refused for any reason, the rate limit among them."""
        return self.reasons.total()

    @property
    def rate_limited(self) -> int:
        return self.reasons["rate_limit"] + self.reasons["ban"]

    def add(self, record: Record) -> None:
        self.requests.append(record)
        self.paths["unknown" if record.refused == "unknown_path" else record.path] += 1
        if record.refused is not None:
            self.reasons[record.refused] += 1
        if record.method != "GET":
            self.non_get += 1

    def clear(self) -> None:
        self.requests.clear()
        self.paths.clear()
        self.reasons.clear()
        self.non_get = 0
