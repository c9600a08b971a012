"""Words that a rules file shares with the engine's inputs: how much an alert matters, and the master's name.

They stand alone because who only reads a file, as `check` does, needs no more of the inputs than these.
"""

from __future__ import annotations

from enum import StrEnum

MASTER = "master"
"""The label, and the only name in rules, of the master account itself."""


class Severity(StrEnum):
    """How much it matters; compare by `rank`."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
