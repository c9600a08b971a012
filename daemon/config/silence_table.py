"""`[[allow]]` and `[[silence]]` into core values."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from daemon.config import silence_models as written
from daemon.config.reach import check_exchange_names
from daemon.config.report import Scope
from daemon.config.times import DAY_MINUTES, weekday_of
from daemon.config.wording import nearest, shown
from rules import builtin_names
from rules.patterns import EVERYTHING
from rules.ruleset import Allow, Silence, Weekly
from rules.words import Severity

BUILT_IN = tuple(
    name
    for name in vars(builtin_names).values()
    if isinstance(name, str) and name.startswith(builtin_names.PREFIX) and name != builtin_names.PREFIX
)

_ONCE = ("from", "until")
_WEEKLY = ("days", "start", "end")
_PATTERNS = ("rule", "exchange", "account", "asset", "severity")
_ID_OF_A_PERSONS = re.compile(r"S(?=[0-9A-Z]*[0-9])[0-9A-Z]{3,8}")


@dataclass(frozen=True, slots=True)
class Around:
    """What an allow, a silence or an expect may speak of. `rules` are name and type of each, `checks` what those
    of type reconciliation compare.
    """

    exchanges: Collection[str]
    rules: Collection[tuple[str, str]]
    timezone: str
    now_ms: int
    checks: Collection[str] = ()


def allow_of(table: written.Allow, scope: Scope, around: Around) -> Allow:
    """Check and convert. The result counts only where the report holds no problem at the end."""
    check_exchange_names(table.exchange, around.exchanges, scope, "it allows nothing")
    if f"unexpected_{table.field}" not in {kind for _, kind in around.rules}:
        scope.warning(("field",), f"there is no rule of type unexpected_{table.field}, so it allows nothing")
    _warn_of_past(table.until, scope, around, "it allows nothing any more")
    return Allow(
        name=table.name,
        field=table.field,
        up_to=table.up_to,
        exchange=table.exchange,
        account=table.account,
        wallet=table.wallet,
        asset=table.asset,
        until_ms=table.until,
        reason=table.reason,
    )


def silence_of(table: written.Silence, scope: Scope, around: Around) -> Silence:
    """Check and convert. The result counts only where the report holds no problem at the end."""
    if _ID_OF_A_PERSONS.fullmatch(table.name):
        message = f"{shown(table.name)} looks like the id of a silence made by a command"
        scope.problem(("name",), message, 'as in "weekly maintenance"')
    check_exchange_names(table.exchange, around.exchanges, scope, "it silences nothing")
    _warn_of_selection(table, scope, around)
    weekly = _weekly(table, scope, around)
    _warn_of_past(table.until, scope, around, "it silences nothing any more")
    return Silence(
        id=table.name,
        reason=table.reason,
        by=table.by,
        rule=table.rule,
        exchange=table.exchange,
        account=table.account,
        asset=table.asset,
        severities=frozenset(Severity(severity) for severity in table.severity),
        from_ms=table.from_ or 0,
        until_ms=table.until,
        weekly=weekly,
    )


def _weekly(table: written.Silence, scope: Scope, around: Around) -> Weekly | None:
    """The window of a weekly silence; None for one with an end. Refuses what is both or neither."""
    keys = {name.rstrip("_") for name in table.model_fields_set} | scope.broken
    once = [key for key in _ONCE if key in keys]
    weekly = [key for key in (*_WEEKLY, "timezone") if key in keys]
    if once and weekly:
        hint = f"keep either from and until, or {', '.join(_WEEKLY)} and timezone"
        scope.problem_of_key((weekly[0],), f"{weekly[0]} and {once[0]} exclude each other", hint)
    elif weekly:
        for key in _WEEKLY:
            if key not in keys:
                scope.problem_of_key((key,), "is required and missing", "a weekly silence has all three")
        return _window(table, scope, around)
    elif "until" not in keys:
        hint = f"every silence has an end; a weekly one has {', '.join(_WEEKLY)}"
        scope.problem_of_key(("until",), "is required and missing", hint)
    elif table.from_ is not None and table.until is not None and table.from_ >= table.until:
        scope.problem(("until",), "must be later than from")
    return None


def _window(table: written.Silence, scope: Scope, around: Around) -> Weekly | None:
    if table.days is None or table.start is None or table.end is None:
        return None
    days = [weekday_of(day) for day in table.days]
    for index, day in enumerate(days):
        if day in days[:index]:
            scope.problem(("days", index), f"{shown(table.days[index])} is written twice")
    if table.start == table.end:
        hint = 'a day of the calendar is start = "00:00", end = "24:00"'
        scope.warning(("end",), "is the same as start, so the window lasts a whole day", hint)
    zone = table.timezone or around.timezone
    return Weekly(frozenset(days), table.start, table.end % DAY_MINUTES, zone)


def _warn_of_selection(table: written.Silence, scope: Scope, around: Around) -> None:
    if not (table.model_fields_set | scope.broken) & set(_PATTERNS):
        scope.warning((), "names nothing, so it silences everything", 'write rule = "*" if that is meant')
    names = [*(name for name, _ in around.rules), *BUILT_IN]
    if table.rule != EVERYTHING and not any(table.rule.match(name) for name in names):
        meant = nearest(table.rule.wanted[0], names)
        hint = f"did you mean {shown(meant)}?" if meant else ""
        scope.warning(("rule",), "no rule matches, so it silences nothing", hint)


def _warn_of_past(until: int | None, scope: Scope, around: Around, effect: str) -> None:
    if until is not None and until <= around.now_ms:
        scope.warning(("until",), f"is past, so {effect}", "take it out")
