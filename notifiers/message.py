"""What is told: a message, the alert events that it carries, and the words it becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from rules.facts import Facts
from rules.model import Severity
from rules.outcome import NotificationKind


class Tone(StrEnum):
    """How a service colours a message; the values are Apprise's notification types."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Item:
    """One alert event for one notifier.

    Items with the same non-empty `batch` are one digest (the first judgement of some rules on one exchange).
    """

    alert_id: str
    kind: NotificationKind
    severity: Severity
    facts: Facts
    created_ms: int
    batch: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """An alert that fires, for a service that must be reminded of it; `told` where it was told there before.

    `shown_since_ms` says when the oldest of the readings that show it firing was asked for, 0 where none does, and
    None where no reading judges it.
    """

    item: Item
    told: bool
    shown_since_ms: Callable[[], int | None]


@dataclass(frozen=True, slots=True)
class Message:
    """What leaves in one send to one notifier; `id` is `M…` and stays the same when it is sent again."""

    id: str
    notifier: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """A message in words: plain text, bounded, never empty.

    `named` are the alert ids that stand in `body`. Only those count as told (law 7): a message of very many
    alerts ends in counts. `fault` is why the user's own words failed; "" where they did not, None where none were used.
    """

    title: str
    body: str
    tone: Tone = Tone.INFO
    named: frozenset[str] = frozenset()
    fault: str | None = None
