"""Silences by pattern and by time, right when the clocks change."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from rules.facts import Facts
from rules.model import Severity
from rules.patterns import Patterns
from rules.ruleset import Silence, Weekly
from rules.silences import active, covers, silenced_by

FACTS = Facts(
    "floor",
    "low_balance",
    "binance-main",
    Severity.WARNING,
    label="mm-1@x",
    asset="USDT",
    identifiers=("mm-1@x", "17"),
)
ANY = Silence("S1A", "works", "ann")
BERLIN = "Europe/Berlin"


def at(text: str, zone: str = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    "silence,covered",
    [
        (ANY, True),
        (replace(ANY, rule=Patterns.of("flo*")), True),
        (replace(ANY, rule=Patterns.of("ceiling")), False),
        (replace(ANY, exchange=Patterns.of("okx-*")), False),
        (replace(ANY, account=Patterns.of(["mm-*"])), True),
        (replace(ANY, account=Patterns.of("17")), True),
        (replace(ANY, account=Patterns.of(["mm-*", "!mm-1@x"])), False),
        (replace(ANY, asset=Patterns.of("usdt")), True),
        (replace(ANY, severities=frozenset({Severity.CRITICAL})), False),
        (replace(ANY, until_resolved="A1B2"), True),
        (replace(ANY, until_resolved="A9Z9"), False),
    ],
)
def test_a_silence_covers_what_all_its_patterns_match(silence: Silence, *, covered: bool) -> None:
    assert covers(silence, "A1B2", FACTS) is covered


def test_an_alert_without_an_account_is_not_covered_by_an_account_pattern() -> None:
    whole = Facts("subtally/stale-exchange", "subtally", "okx-main", Severity.CRITICAL)
    assert covers(ANY, "A1B2", whole)
    assert not covers(replace(ANY, account=Patterns.of("mm-*")), "A1B2", whole)


def test_from_and_until_bound_it() -> None:
    silence = replace(ANY, from_ms=100, until_ms=200)
    assert [active(silence, now) for now in (99, 100, 199, 200)] == [False, True, True, False]
    assert silenced_by([silence], "A1B2", FACTS, 150) is silence
    assert silenced_by([silence], "A1B2", FACTS, 200) is None


NIGHT = Weekly(frozenset({5}), 22 * 60, 6 * 60, BERLIN)  # Saturday 22:00 to Sunday 06:00


@pytest.mark.parametrize(
    "when,silent",
    [
        ("2026-03-28 21:59", False),
        ("2026-03-28 22:00", True),
        ("2026-03-29 01:59", True),
        ("2026-03-29 03:00", True),  # 02:00 to 03:00 does not exist: summer time begins
        ("2026-03-29 05:59", True),
        ("2026-03-29 06:00", False),
        ("2026-10-24 22:00", True),
        ("2026-10-25 05:59", True),  # the night is an hour longer: winter time begins
        ("2026-10-25 06:00", False),
        ("2026-10-23 23:00", False),  # Friday
        ("2026-10-26 01:00", False),  # the night after
    ],
)
def test_a_weekly_window_keeps_its_wall_time_when_the_clocks_change(when: str, *, silent: bool) -> None:
    assert active(replace(ANY, weekly=NIGHT), at(when)) is silent


@pytest.mark.parametrize(
    "zone,day,start,end,silent",
    [
        (
            BERLIN,
            "2026-03-29",
            (2, 15),
            (3, 15),
            {"01:59": False, "03:00": True, "03:14": True, "03:15": False},
        ),
        (
            BERLIN,
            "2026-03-29",
            (1, 0),
            (2, 30),
            {"00:59": False, "01:59": True, "03:00": False, "03:29": False},
        ),
        (
            BERLIN,
            "2026-03-29",
            (2, 15),
            (2, 45),
            {"01:59": False, "03:00": False, "03:15": False, "03:44": False},
        ),
        ("America/New_York", "2026-03-08", (2, 30), (4, 0), {"01:59": False, "03:00": True, "04:00": False}),
        ("America/New_York", "2026-03-08", (0, 0), (2, 30), {"01:59": True, "03:00": False, "03:29": False}),
    ],
)
def test_an_edge_in_the_hour_that_is_skipped_is_where_the_clock_jumps(
    zone: str, day: str, start: tuple[int, int], end: tuple[int, int], silent: dict[str, bool]
) -> None:
    starts, ends = (60 * hour + minute for hour, minute in (start, end))
    sunday = replace(ANY, weekly=Weekly(frozenset({6}), starts, ends, zone))
    assert {time: active(sunday, at(f"{day} {time}", zone)) for time in silent} == silent


def test_a_window_of_an_hour_that_comes_twice_is_silent_both_times() -> None:
    twice = replace(ANY, weekly=Weekly(frozenset({6}), 2 * 60, 3 * 60, BERLIN))
    first = at("2026-10-25 02:30")
    assert active(twice, first)
    assert active(twice, first + 3_600_000)
    assert not active(twice, first + 2 * 3_600_000)


@pytest.mark.parametrize(
    "zone,when,silent",
    [
        ("Asia/Tokyo", "2026-03-30 00:30", True),  # a Monday there, still Sunday in UTC
        ("Asia/Tokyo", "2026-03-30 01:00", False),
        ("America/New_York", "2026-03-30 00:30", True),
        ("America/New_York", "2026-03-29 20:30", False),  # Sunday there, already Monday in UTC
        ("UTC", "2026-03-30 00:30", True),
        ("UTC", "2026-03-30 01:00", False),
    ],
)
def test_the_day_of_a_weekly_window_is_that_of_its_own_zone(zone: str, when: str, *, silent: bool) -> None:
    monday = Weekly(frozenset({0}), 0, 60, zone)
    assert active(replace(ANY, weekly=monday), at(when, zone)) is silent
