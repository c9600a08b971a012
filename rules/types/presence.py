"""`account_appeared`, `account_disappeared`: complete listings gain or lose an account. Events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rules.types.base import Family


@dataclass(frozen=True, slots=True)
class Presence:
    """`appeared` is True for a gain, False for a loss."""

    appeared: bool
    family: ClassVar[Family] = Family.PRESENCE
