"""`stale`: an account has had no reading for a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rules.types.base import Family


@dataclass(frozen=True, slots=True)
class Stale:
    """`after_ms` is the user's own; the built-in rules use `stale_after`."""

    after_ms: int
    family: ClassVar[Family] = Family.STALE
