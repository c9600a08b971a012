"""`below`, `below_by`, `above`, `clear_at`: thresholds into tiers, in an order that can come about."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from pydantic_core import PydanticCustomError

from daemon.config.errors import Problem
from daemon.config.report import Report, Scope
from daemon.config.rule_common import DurationTiers, Tiers
from daemon.config.scalars import check_pattern, read_amount
from daemon.config.wording import shown
from rules.patterns import Patterns
from rules.types.levels import Floor, Tier
from rules.words import Severity

_MILD_FIRST = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)
_HEADER = ["account", "below"]


def tiers_of(
    threshold: Decimal | Tiers, scope: Scope, key: tuple[str, ...], *, floor: bool
) -> tuple[Tier, ...]:
    """Mildest first. A milder severity must be met before the graver one, or it would never be told."""
    if isinstance(threshold, Decimal):
        return (Tier(threshold),)
    amounts = {severity: getattr(threshold, severity) for severity in _MILD_FIRST}
    tiers = tuple(Tier(amount, severity) for severity, amount in amounts.items() if amount is not None)
    for mild, grave in pairwise(tiers):
        reached_first = mild.threshold > grave.threshold if floor else mild.threshold < grave.threshold
        if not reached_first:
            side = "above" if floor else "below"
            message = f"{mild.severity} must be {side} {grave.severity}, or it is never told"
            scope.problem((*key, str(mild.severity)), message)
    return tiers


def limits_of(limit: int | DurationTiers, scope: Scope, key: tuple[str, ...]) -> tuple[Tier, ...]:
    """As `tiers_of`, of durations in milliseconds: the graver, the less time is left."""
    if isinstance(limit, int):
        return (Tier(Decimal(limit)),)
    given = {severity: getattr(limit, severity) for severity in _MILD_FIRST}
    tiers = tuple(Tier(Decimal(ms), severity) for severity, ms in given.items() if ms is not None)
    for mild, grave in pairwise(tiers):
        if mild.threshold <= grave.threshold:
            message = f"{mild.severity} must be longer than {grave.severity}, or it is never told"
            scope.problem((*key, str(mild.severity)), message)
    return tiers


def check_clear_at(clear_at: Decimal | None, tiers: tuple[Tier, ...], scope: Scope, *, floor: bool) -> None:
    """The alert ends on the safe side of every threshold, else it would end while it holds."""
    if clear_at is None or not tiers:
        return
    outermost = max(t.threshold for t in tiers) if floor else min(t.threshold for t in tiers)
    if (clear_at < outermost) if floor else (clear_at > outermost):
        side = "less" if floor else "more"
        hint = (
            f"at {'least' if floor else 'most'} {outermost:f}, so that the alert does not end while it holds"
        )
        scope.problem(("clear_at",), f"{clear_at:f} is {side} than the threshold {outermost:f}", hint)


def floors_in_csv(file: str, text: str, report: Report) -> tuple[Floor, ...]:
    """The floors of a CSV file with the columns account and below; the first that matches counts."""
    floors: dict[str, Floor] = {}
    for line, row in _rows(text):
        try:
            if line == 1:
                _check_header(row)
                continue
            account, floor = _floor(row)
        except _BadRowError as error:
            report.problems.append(_in_line(file, line, str(error)))
            continue
        if floors.setdefault(account.casefold(), floor) is not floor:
            report.problems.append(_in_line(file, line, f"{shown(account)} was already given a floor above"))
    return tuple(floors.values())


class _BadRowError(Exception):
    """Why one line of a CSV file is refused."""


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold something, each with the line on which it ends; a broken one has no columns."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        first = next(reader, [])
        yield 1, first
        yield from ((reader.line_num, row) for row in reader if row)
    except csv.Error:
        yield reader.line_num, []


def _check_header(row: list[str]) -> None:
    if row != _HEADER:
        raise _BadRowError("the first line must be account,below")


def _floor(row: list[str]) -> tuple[str, Floor]:
    if len(row) != len(_HEADER):
        raise _BadRowError("must have two columns: account,below")
    account, below = row
    try:
        check_pattern(account)
        amount = read_amount(below)
    except PydanticCustomError as error:
        context = error.context or {}
        raise _BadRowError("; ".join(filter(None, (context["message"], context["hint"])))) from None
    if account.startswith("!"):
        raise _BadRowError("an exclusion has no amount of its own")
    return account, Floor(Patterns.of(account), (Tier(amount),))


def _in_line(file: str, line: int, message: str) -> Problem:
    return Problem(file, line, None, None, "", message)
