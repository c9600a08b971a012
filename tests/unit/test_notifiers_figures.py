from decimal import Context, Decimal, Inexact

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.figures import compare, difference, figure

EXACT = Context(prec=200, traps=[Inexact])
amounts = st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{0,18})?", fullmatch=True)


@pytest.mark.parametrize(
    "wire,shown",
    [
        ("18250.50000000", "18,250.5"),
        ("18250.123456789012345678", "18,250.123456789012345678"),
        ("0.00000000", "0"),
        ("-0.000", "0"),
        ("0", "0"),
        ("7.", "7"),
        ("000123", "123"),
        ("999", "999"),
        ("1000", "1,000"),
        ("-1000000.10", "-1,000,000.1"),
        ("123456789012345678901234567890.5", "123,456,789,012,345,678,901,234,567,890.5"),
        ("10%", "10%"),
        ("1E+3", "1,000"),
        ("1.50e-7", "0.00000015"),
        ("1e999999", "1e999999"),
        ("9e999", "9e999"),
        ("unlimited", "unlimited"),
        ("", ""),
    ],
)
def test_law_9_a_figure_keeps_its_value(wire: str, shown: str) -> None:
    assert figure(wire) == shown


@given(amounts)
def test_law_9_no_digit_of_value_is_lost(wire: str) -> None:
    shown = figure(wire)
    assert EXACT.compare(Decimal(shown.replace(",", "")), Decimal(wire)) == 0
    whole = shown.lstrip("-").partition(".")[0].split(",")
    assert all(len(group) == 3 for group in whole[1:])
    assert 1 <= len(whole[0]) <= 3


@given(amounts, amounts)
def test_law_9_a_difference_is_exact(before: str, after: str) -> None:
    shown = difference(before, after).replace(",", "")
    change = EXACT.subtract(Decimal(after), Decimal(before))
    if change == 0:
        assert shown == ""
        return
    assert shown[0] == ("−" if change < 0 else "+")
    assert Decimal(shown[1:]) == abs(change)


def test_a_difference_that_would_be_rounded_is_left_out() -> None:
    assert difference("1" + "0" * 50, "0." + "0" * 40 + "1") == ""


@pytest.mark.parametrize("before,after", [("", "1"), ("1", "unknown"), ("10%", "20%"), ("9e999", "1")])
def test_there_is_no_difference_of_what_is_no_amount(before: str, after: str) -> None:
    assert difference(before, after) == ""


@pytest.mark.parametrize(
    "one,other,expected", [("1", "1.00", 0), ("0.1", "1", -1), ("2", "1e0", 1), ("x", "1", None)]
)
def test_amounts_are_compared_by_value(one: str, other: str, expected: int | None) -> None:
    assert compare(one, other) == expected
