from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.relation import Relation, relation
from rules.facts import Facts
from rules.model import Severity


def facts(value: str, sign: str, threshold: str, clear_at: str | None = None) -> Facts:
    return Facts(
        "r", "t", "e", Severity.WARNING, value=value, sign=sign, threshold=threshold, clear_at=clear_at
    )


@pytest.mark.parametrize(
    "value,sign,threshold,clear_at,ended,expected",
    [
        ("18", "<", "20", "60", False, Relation("<", "20", "below", "60 or more")),
        ("18", "<", "20", None, False, Relation("<", "20", "below", "")),
        ("55", "≥", "20", "60", False, Relation("<", "60", "", "60 or more")),
        ("61", "<", "20", "60", True, Relation("≥", "60", "", "")),
        ("20", "<", "20", None, True, Relation("≥", "20", "", "")),
        ("5", ">", "0", "0", False, Relation(">", "0", "above", "")),
        ("7", "≤", "9", "4", False, Relation(">", "4", "", "4 or less")),
        ("0", ">", "0", "0", True, Relation("≤", "0", "", "")),
        ("3", "=", "5", None, False, Relation("=", "5", "", "")),
        ("3", "", "5", None, False, Relation()),
        ("many", "<", "5", None, False, Relation("<", "5", "", "")),
    ],
)
def test_a_figure_is_held_against_the_limit_that_matters_now(
    value: str, sign: str, threshold: str, clear_at: str | None, *, ended: bool, expected: Relation
) -> None:
    assert relation(facts(value, sign, threshold, clear_at), ended=ended) == expected


@given(
    value=st.integers(-9, 9),
    sign=st.sampled_from("<≥>≤"),
    threshold=st.integers(-9, 9),
    clear_at=st.integers(-9, 9),
    ended=st.booleans(),
)
def test_no_inequality_is_ever_false(
    value: int, sign: str, threshold: int, clear_at: int, *, ended: bool
) -> None:
    found = relation(facts(str(value), sign, str(threshold), str(clear_at)), ended=ended)
    limit = Decimal(found.limit)
    assert {"<": value < limit, "≥": value >= limit, ">": value > limit, "≤": value <= limit}[found.sign]
