"""Silences: whether an alert is not to be told now, and when that will next be different.

Pure, so that the transaction that claims rows for sending can ask it of what it just read (DESIGN §2). Local
days and hours are those of the silence's own time zone, right when clocks change: a window begins and ends at
the wall time that it names.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rules.facts import Facts
from rules.patterns import Patterns
from rules.ruleset import Silence, Weekly


def silenced_by(silences: Iterable[Silence], alert: str, facts: Facts, now_ms: int) -> Silence | None:
    """The first silence that covers the alert now."""
    return next((one for one in silences if covers(one, alert, facts) and active(one, now_ms)), None)


def covers(silence: Silence, alert: str, facts: Facts) -> bool:
    """Whether a silence is about this alert at all; `alert` is its id."""
    if silence.until_resolved:
        return silence.until_resolved == alert
    if facts.severity not in silence.severities:
        return False
    if not silence.rule.match(facts.rule) or not silence.exchange.match(facts.exchange):
        return False
    names = facts.identifiers or ((facts.label,) if facts.label else ())
    assets = (facts.asset,) if facts.asset else ()
    return _covers(silence.account, names) and _covers(silence.asset, assets)


def active(silence: Silence, now_ms: int) -> bool:
    """Whether its time is now. One that lasts until an alert is resolved is active until somebody ends it."""
    if now_ms < silence.from_ms:
        return False
    if silence.until_ms is not None and now_ms >= silence.until_ms:
        return False
    return silence.weekly is None or _in_window(silence.weekly, now_ms)


def _covers(patterns: Patterns, names: tuple[str, ...]) -> bool:
    """An alert without an account or an asset is only covered where the silence asks for none."""
    return patterns.match(*names) if names else patterns.wanted == ("*",)


def _in_window(weekly: Weekly, now_ms: int) -> bool:
    """Whether some window that began today or yesterday, by the local calendar, is open."""
    # UTC needs no time zone database, which a small machine may lack.
    zone = UTC if weekly.timezone == "UTC" else ZoneInfo(weekly.timezone)
    now = datetime.fromtimestamp(now_ms // 1000, UTC)
    today = now.astimezone(zone).date()
    for back in (0, 1):
        day = today - timedelta(days=back)
        if day.weekday() not in weekly.days:
            continue
        after = day if weekly.end_minute > weekly.start_minute else day + timedelta(days=1)
        begin = datetime(day.year, day.month, day.day, *divmod(weekly.start_minute, 60), tzinfo=zone)
        end = datetime(after.year, after.month, after.day, *divmod(weekly.end_minute, 60), tzinfo=zone)
        if _reached(begin, now) and not _reached(end, now):
            return True
    return False


def _reached(edge: datetime, now: datetime) -> bool:
    """Whether a wall time is there or over. One that a clock change skips is there once the clock has jumped."""
    # As instants: a wall time that comes twice is the first of both.
    instant = edge.astimezone(UTC)
    if instant.astimezone(edge.tzinfo).replace(tzinfo=None) == edge.replace(tzinfo=None):
        return instant <= now
    return now.astimezone(edge.tzinfo).replace(tzinfo=None) >= edge.replace(tzinfo=None)
