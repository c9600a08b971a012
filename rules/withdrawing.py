"""How a withdrawal ends: completed, cancelled, or not determinable. The looks themselves tell, exactly.

What is no longer withdrawing has completed when the total fell by just that, and was cancelled when just that
is back in free and the total is the same. Each step is judged between two looks: the last one that qualified,
and the next one that does or the first that is clear.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum

from rules.changed import replace
from rules.figures import Look
from rules.records import Alert, AlertKey, Amounts, Course
from rules.ruleset import Rule
from rules.step import Step
from rules.values import EXACT, ZERO, add, figure

TYPE = "unexpected_withdrawing"


class Way(StrEnum):
    """What became of an amount that is no longer withdrawing."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    UNCLEAR = "unclear"


def followed(step: Step, rule: Rule, key: AlertKey, look: Look) -> Callable[[], Amounts] | None:
    """The amounts that tell the way, for the rule type that asks for it."""
    if rule.type != TYPE:
        return None

    def sum_of(field: str) -> Decimal | None:
        parts = [figure(step.world.holdings.get(part), key.subject.asset, field) for part in look.parts]
        known = [one for one in parts if one is not None]
        return add(known) if len(known) == len(parts) else None

    return lambda: Amounts(sum_of("withdrawing"), sum_of("free"), sum_of("total"))


def qualified(course: Course | None, amounts: Amounts) -> Course:
    """The course after a look that qualifies.

    A clear look before it that nothing confirmed counts only where it tells what became of the amount.
    """
    if course is None:
        return Course(amounts)
    if course.after is not None:
        way, _ = _step(course.last, course.after)
        if way in {Way.COMPLETED, Way.CANCELLED}:
            course = replace(_with(course, course.after), last=course.after)
    return replace(_with(course, amounts), last=amounts, after=None)


def cleared(course: Course | None, amounts: Amounts) -> Course | None:
    """The course after the first clear look."""
    return None if course is None else replace(course, after=amounts)


def ended(alert: Alert) -> str:
    """How it ended, in words; "" where no way was followed."""
    course = alert.course
    if course is None or course.after is None:
        return ""
    whole = _with(course, course.after)
    ways = [(way, amount) for way in Way if (amount := getattr(whole, way))]
    if not ways:
        return "not determinable"
    if len(ways) > 1:
        return "not determinable as a whole: " + ", ".join(f"{amount:,f} {way}" for way, amount in ways)
    ((way, amount),) = ways
    if way is Way.COMPLETED:
        return f"completed: the total fell by the {amount:,f} that was withdrawing"
    if way is Way.CANCELLED:
        return f"cancelled: {amount:,f} is back in free, and the total is the same"
    return f"not determinable: {amount:,f} is withdrawing no more, and total and free do not tell its way"


def _with(course: Course, amounts: Amounts) -> Course:
    way, amount = _step(course.last, amounts)
    if way is Way.COMPLETED:
        return replace(course, completed=EXACT.add(course.completed, amount))
    if way is Way.CANCELLED:
        return replace(course, cancelled=EXACT.add(course.cancelled, amount))
    return replace(course, unclear=EXACT.add(course.unclear, amount)) if way else course


def _step(before: Amounts, after: Amounts) -> tuple[Way | None, Decimal]:
    """What became of the amount by which withdrawing fell between two looks."""
    fell = _fall(before.withdrawing, after.withdrawing)
    if fell is None or fell <= ZERO:
        return None, ZERO
    total_fell = _fall(before.total, after.total)
    if total_fell == fell:
        return Way.COMPLETED, fell
    if total_fell == ZERO and _fall(after.free, before.free) == fell:
        return Way.CANCELLED, fell
    return Way.UNCLEAR, fell


def _fall(before: Decimal | None, after: Decimal | None) -> Decimal | None:
    return None if before is None or after is None else EXACT.subtract(before, after)
