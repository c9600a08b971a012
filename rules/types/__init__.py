"""The registry of rule types: one file per type, one line per name."""

from __future__ import annotations

from rules.types.account_status import AccountStatus
from rules.types.balance_change import BalanceChange
from rules.types.base import Spec
from rules.types.composition_shift import CompositionShift
from rules.types.high_balance import HighBalance
from rules.types.low_balance import LowBalance
from rules.types.presence import Presence
from rules.types.reconciliation import Reconciliation
from rules.types.runway import Runway
from rules.types.stale import Stale
from rules.types.unexpected import Unexpected

TYPES: dict[str, type[Spec]] = {
    "low_balance": LowBalance,
    "high_balance": HighBalance,
    "unexpected_frozen": Unexpected,
    "unexpected_withdrawing": Unexpected,
    "unexpected_locked": Unexpected,
    "account_appeared": Presence,
    "account_disappeared": Presence,
    "account_status": AccountStatus,
    "balance_change": BalanceChange,
    "runway": Runway,
    "stale": Stale,
    "reconciliation": Reconciliation,
    "composition_shift": CompositionShift,
}
