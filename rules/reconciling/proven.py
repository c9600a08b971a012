"""Proven: how much of a sum is told from sweep to sweep, and through how many of them it must have stood for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from rules.changed import replace
from rules.ledger import Sheet
from rules.reconciling import leaks
from rules.reconciling.leaks import Found
from rules.values import EXACT, ZERO

Find = Callable[[Decimal], Found]
"""What no movement explains, where so much is spared: no difference of that size says anything by itself."""


@dataclass(frozen=True, slots=True)
class Proven:
    """`leak` has its sign; it is zero where all is explained, None where that cannot be told yet.

    `run` sweeps in a row have shown it; 0 where its window is over, so that no sweep had to be waited for.
    """

    leak: Decimal | None
    sheet: Sheet
    run: int = 0


def look(
    before: Sheet, total: Decimal, find: Find, is_nothing: Callable[[Decimal], bool], confirm: int
) -> Proven:
    """What is proven of the sum at the end of a sweep, and the sheet after it."""
    sheet = replace(
        before, residual=format(total, "f"), timing=False, candidates=(), run=0, early="", early_run=0
    )
    if is_nothing(total):
        # By chance what is under way may be as much as what is missing.
        sheet = _standing(before, sheet, ZERO) if before.stood else sheet
        return Proven(ZERO, replace(sheet, stood=before.stood if sheet.run < confirm else ""))
    found = find(ZERO)
    if found.grain is None or found.leak is None:
        return _whole(before, sheet, found, is_nothing, confirm)
    rest = find(found.leak.copy_abs())
    if is_nothing(found.leak):
        # What is tolerated hides nothing larger.
        return _whole(before, sheet, rest, is_nothing, confirm)
    proven = _least(before, sheet, found, rest, confirm)
    return _early(before, proven, found.leak, confirm) if found.early else proven


def _whole(
    before: Sheet, sheet: Sheet, found: Found, is_nothing: Callable[[Decimal], bool], confirm: int
) -> Proven:
    """A leak beside which nothing is known to be missing."""
    sheet = replace(sheet, timing=found.leak != Decimal(sheet.residual))
    if found.leak is None:
        return Proven(None, sheet)
    leak = ZERO if is_nothing(found.leak) else found.leak.normalize(EXACT)
    if not leak and found.held:
        return Proven(None, sheet)
    proven = Proven(leak, replace(sheet, stood=format(leak, "f") if leak else ""))
    if found.sure:
        return _early(before, proven, leak, confirm) if found.early and leak else proven
    sheet = _standing(before, replace(sheet, timing=True), leak)
    again = bool(leak) and proven.sheet.stood == before.stood
    if sheet.run < leaks.SWEEPS_OF_ONE_LEAK and not again:
        return Proven(None, sheet)
    return Proven(leak, replace(sheet, stood=proven.sheet.stood), sheet.run)


def _least(before: Sheet, sheet: Sheet, found: Found, rest: Found, confirm: int) -> Proven:
    """So much at least is missing: finer digits than those of all that moves in grains; perhaps `rest` in its place.

    What has once stood whole stands until enough sweeps show that no more than the digits is missing, or another leak.
    """
    assert found.leak is not None and found.grain is not None  # noqa: S101,PT018  nothing else is the least
    total, dust = Decimal(sheet.residual), found.leak
    stood = Decimal(before.stood or 0)
    if stood:
        # A trifle that leaks beside it shows at once.
        stood = EXACT.add(stood, leaks.remainder(EXACT.subtract(dust, stood), found.grain))
    if _came_back(total, dust, stood, found.open):
        sheet = _standing(before, sheet, dust)
        stood = ZERO if sheet.run >= confirm else stood
    elif rest.leak is not None and rest.leak.copy_abs() > dust.copy_abs():
        sheet = _standing(before, sheet, rest.leak)
        if (rest.sure and not rest.early) or sheet.run >= leaks.SWEEPS_OF_ONE_LEAK:
            stood = rest.leak
    leak = max(dust, stood, key=Decimal.copy_abs).normalize(EXACT)
    text = format(leak, "f") if leak.copy_abs() > dust.copy_abs() else ""
    return Proven(leak, replace(sheet, stood=text, timing=leak != total))


def _came_back(total: Decimal, dust: Decimal, stood: Decimal, under_way: tuple[Decimal, ...] | None) -> bool:
    """Whether what is under way explains all but the digits, and cannot explain all but what has stood."""
    if not stood or under_way is None:
        return False
    without, beside = EXACT.subtract(total, dust), EXACT.subtract(total, stood)
    return leaks.is_sum(without, under_way) and not leaks.is_sum(beside, under_way)


def _standing(before: Sheet, sheet: Sheet, leak: Decimal) -> Sheet:
    """The same leak once more, or another one for the first time."""
    text = format(leak.normalize(EXACT), "f")
    run = before.run + 1 if before.candidates == (text,) else 1
    return replace(sheet, candidates=(text,), run=run)


def _early(before: Sheet, proven: Proven, leak: Decimal, confirm: int) -> Proven:
    """A leak whose window is not over is told when enough sweeps agree.

    It may grow from sweep to sweep: what is lost a trifle at a time is lost all the same.
    """
    same = before.early and Decimal(before.early).is_signed() == leak.is_signed()
    run = before.early_run + 1 if same else 1
    sheet = replace(proven.sheet, early=format(leak, "f"), early_run=run)
    if run < confirm:
        return Proven(None, replace(sheet, stood=before.stood))
    return Proven(proven.leak, sheet, run)
