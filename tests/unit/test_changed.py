"""A record with some fields changed: the same as the standard library makes it."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from rules.changed import replace
from rules.facts import Facts
from rules.model import Identity, Severity
from rules.patterns import Patterns
from rules.records import Account, Alert, AlertKey, Amounts, Course, Subject

FACTS = Facts("floor", "low_balance", "desk", Severity.WARNING, label="mm-1@desk.example", value="12.50")
ALERT = Alert(
    AlertKey("floor", Subject("desk", 1, "spot", "USDT")),
    "A7F3K",
    "floor",
    "low_balance",
    "pending",
    Severity.WARNING,
    FACTS,
    since_ms=1,
    last_ms=2,
    counted_ms=3,
)
ACCOUNT = Account(1, "desk", Identity(email="mm-1@desk.example"))
AMOUNTS = Amounts(Decimal(1), None, Decimal("0.10"))


@pytest.mark.parametrize(
    "record, changes",
    [
        (ALERT, {}),
        (ALERT, {"state": "firing", "fired_ms": 4, "told": frozenset({"oncall"})}),
        (FACTS, {"value": None, "also": (("spot", "BTC", "free", "1"),), "readings": 2}),
        (ACCOUNT, {"present": False, "identity": Identity(name="mm-1")}),
        (AMOUNTS, {"free": Decimal(-3)}),
        (Course(AMOUNTS), {"after": AMOUNTS, "completed": Decimal(2)}),
    ],
)
def test_a_changed_record_is_what_the_standard_library_makes_of_it(
    record: Alert | Facts | Account | Amounts | Course, changes: dict[str, object]
) -> None:
    before = dataclasses.asdict(record)
    made = replace(record, **changes)  # type: ignore[arg-type]
    assert made == dataclasses.replace(record, **changes)  # type: ignore[arg-type]
    assert type(made) is type(record)
    assert made is not record
    assert dataclasses.asdict(record) == before


def test_a_changed_record_is_as_frozen_as_the_first_one() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        replace(ALERT, state="firing").state = "resolved"  # type: ignore[misc]


def test_a_field_that_a_record_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="Alert has no field 'fired'"):
        replace(ALERT, fired=1)  # type: ignore[call-arg]


def test_what_a_record_works_out_when_it_is_made_is_worked_out_anew() -> None:
    before = Patterns.of("mm-*")
    made = replace(before, wanted=("arb-*",))
    assert made.literals == dataclasses.replace(before, wanted=("arb-*",)).literals
    assert made.match("arb-1")
    assert not made.match("mm-1")
