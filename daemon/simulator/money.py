"""Exact amounts: text in, `Decimal` inside, the same text out."""

from collections.abc import Iterable
from decimal import ROUND_DOWN, Decimal, localcontext

__all__ = ["ZERO", "Amount", "add", "exact", "ratio", "times", "wire"]

Amount = Decimal | str | int
"""What callers may write; never a float."""

ZERO = Decimal(0)
PRECISION_DIGITS = 60


def exact(amount: Amount) -> Decimal:
    """The amount as written, trailing zeros included.

    Raises TypeError for a float, ValueError for anything that is not a finite number.
    """
    if isinstance(amount, bool | float):
        raise TypeError(f"an amount is text, an int or a Decimal, not {type(amount).__name__}")
    try:
        value = Decimal(amount)
    except ArithmeticError:
        raise ValueError(f"not an amount: {amount!r}") from None
    if not value.is_finite():
        raise ValueError(f"not a finite amount: {amount!r}")
    return value


def add(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum; 28 digits, the default precision, would round 18 decimals of a large holding."""
    with localcontext(prec=PRECISION_DIGITS):
        return sum(amounts, ZERO)


def times(amount: Decimal, price: Decimal) -> Decimal:
    """The exact product."""
    with localcontext(prec=PRECISION_DIGITS):
        return amount * price


def ratio(amount: Decimal, unit: Decimal, decimals: int) -> Decimal:
    """`amount / unit` cut to `decimals` places, as the venues show valuations."""
    with localcontext(prec=PRECISION_DIGITS):
        return (amount / unit).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_DOWN)


def wire(amount: Decimal) -> str:
    """Plain digits, never an exponent."""
    return format(amount, "f")
