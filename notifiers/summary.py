"""Several alerts in short: headings, lines and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

from notifiers.templating import render, render_macro
from notifiers.text import units
from notifiers.view import View
from rules.outcome import NotificationKind

_MOST_EXCHANGES = 3


def heading(views: Sequence[View], *, first: bool) -> str:
    """The first line of a message of several alerts."""
    return render(
        "heading",
        first=first,
        exchanges=_exchanges(views),
        count=len(views),
        firing=all(a.kind is NotificationKind.FIRING for a in views),
        counts=counts_of(views),
    )


def summary_title(views: Sequence[View]) -> str:
    """What a lock screen shows of a first judgement."""
    return f"{counts_of(views)} {_exchanges(views)}: first look"


def gravest(views: Sequence[View]) -> View:
    """The alert to name where there is room for one."""
    return min(views, key=_gravity)


def counts_of(views: Sequence[View]) -> str:
    """`1 CRITICAL, 2 WARNING, 1 RESOLVED`, the gravest first."""
    counts: dict[str, int] = {}
    for (_, _, words), count in sorted(Counter((a.ended, -a.rank, words_of(a)) for a in views).items()):
        counts[words] = counts.get(words, 0) + count
    return ", ".join(f"{count} {words}" for words, count in counts.items())


def words_of(a: View) -> str:
    """What stands first: the severity, or the end."""
    return _words(a.kind, a.severity)


@cache
def _words(kind: NotificationKind, severity: str) -> str:
    """Asked some ten times of each alert of a long message."""
    match kind:
        case NotificationKind.RESOLVED | NotificationKind.CLOSED:
            return kind.value.upper()
        case NotificationKind.REMINDER:
            return f"STILL {severity}"
        case NotificationKind.ESCALATED:
            return f"ESCALATED {severity}"
        case NotificationKind.TEST:
            return f"TEST {severity}"
        case _:
            return severity


def one_line(a: View, where: bool) -> str:  # noqa: FBT001  as the template calls it
    """One alert; `where` tells to name its exchange."""
    return render_macro("line", "line", a, where)


def lines(
    views: Sequence[View], room: int, *, link: str, line: Callable[[View, bool], str] = one_line
) -> tuple[str, frozenset[str]]:
    """One line for each alert, grouped under headings, the most severe first, in at most `room` units.

    Returns the ids of the alerts that have a line; the others are counted in the last one. `line` words one alert.
    """
    ordered = sorted(views, key=_gravity)
    taken: list[str] = []
    named: list[str] = []
    used = 0
    group: tuple[object, ...] = ()
    where = len({a.exchange for a in views}) > 1
    reserve = units(_more(ordered, link)) + 1
    for index, a in enumerate(ordered):
        new = [line(a, where or not a.label)]
        if _group(a) != group:
            new.insert(0, render("group", a=a, words=words_of(a)))
        cost = sum(units(line) + 1 for line in new)
        last = index == len(ordered) - 1
        if used + cost + (0 if last else reserve) > room:
            break
        group = _group(a)
        taken += new
        named.append(a.id)
        used += cost
    left = ordered[len(named) :]
    if left:
        taken.append(_more(left, link))
    return "\n".join(taken), frozenset(named)


def _more(left: Sequence[View], link: str) -> str:
    return render("more", count=len(left), counts=counts_of(left), link=link)


def _gravity(a: View) -> tuple[bool, int, str, str]:
    """Standing alerts before ends, the most severe first, and what belongs under one heading together."""
    return (a.ended, -a.rank, words_of(a), a.rule)


def _group(a: View) -> tuple[object, ...]:
    return (words_of(a), a.rule, a.runbook)


def _exchanges(views: Sequence[View]) -> str:
    names = list(dict.fromkeys(a.exchange for a in views if a.exchange))
    if len(names) > _MOST_EXCHANGES:
        return f"{len(names)} exchanges"
    return ", ".join(names)
