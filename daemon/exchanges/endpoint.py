"""The values that calls are made of: what `make` is given, an endpoint, and what a call told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, NamedTuple, TypeVar

from daemon.exchanges.base import Credentials
from daemon.exchanges.limits import Limit
from daemon.exchanges.shared import Shared
from rules.ruleset import ExchangeSettings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setup:
    """What `make` is given."""

    settings: ExchangeSettings
    credentials: Credentials
    base_url: str
    budget: Decimal
    now_ms: Callable[[], int]
    shared: Shared


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address and its limit. A refusal for want of a right stops an `optional` one only, any refusal a `local`
    one: nothing else needs it, and no right is asked for because of it.
    """

    path: str
    limit: Limit
    signed: bool = True
    optional: bool = False
    weight: int = 1
    local: bool = False


class Said(NamedTuple, Generic[T]):
    """What one successful call told, and the wall-clock time around it."""

    value: T
    began_ms: int
    ended_ms: int
