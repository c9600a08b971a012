"""`account_status`: the venue says that an account is frozen, renamed, unlisted or drained. Events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rules.types.base import Family

STATUSES = ("frozen", "renamed", "unlisted", "drained")


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """`on` holds some of STATUSES."""

    on: frozenset[str] = frozenset(STATUSES)
    family: ClassVar[Family] = Family.STATUS
