"""The kinds of records: one number for each class of input, for ever."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from rules.model import (
    Acked,
    ClockSeen,
    DeliveryDied,
    DeliveryWorks,
    Failure,
    Maintenance,
    MasterSeen,
    Noted,
    RulesRejected,
    SilenceEnded,
    Start,
    Tick,
)
from rules.ruleset import SilenceMade
from rules.statements import Books, Prices, Transfers

READING: Final = 1
LISTING: Final = 2
PASS: Final = 3
RULES: Final = 4
REPEATS: Final = 5

# To log a further class of input, add a line. A number is never given twice: old logs hold it.
PLAIN: Final[dict[int, Any]] = {
    16: Failure,
    17: MasterSeen,
    18: ClockSeen,
    19: Maintenance,
    20: Start,
    21: Tick,
    22: RulesRejected,
    23: Acked,
    24: SilenceMade,
    25: SilenceEnded,
    26: DeliveryDied,
    27: DeliveryWorks,
    28: Transfers,
    29: Prices,
    30: Books,
    31: Noted,
}
PLAIN_NUMBERS: Final[dict[type, int]] = {kind: number for number, kind in PLAIN.items()}

# Flags of a reading, a listing and a pass; those that a kind does not have stay clear.
WHOLE: Final = 1  # written against nothing: the first of its key
SAME: Final = 2  # a reading: the very rows of the last of its key; a listing or pass: nothing differs
NAMED_ONLY: Final = 4  # Covers.NAMED
VALUED: Final = 8  # there is a valuation
COMPLETE: Final = 16
EXPLAINED: Final = 32  # there is a reason

FROZEN: Final = (None, False, True)

Key: TypeAlias = "tuple[int, ...]"
"""What a record is written against: the record's kind, then the ids that tell its subject apart."""
