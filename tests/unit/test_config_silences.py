"""`[[allow]]` and `[[silence]]` as core values: defaults, exact instants, local windows, warnings."""

from decimal import Decimal
from pathlib import Path

import pytest

from daemon.config import Config, parse
from daemon.config.silence_table import BUILT_IN
from rules import builtin_names
from rules.model import Severity
from rules.patterns import EVERYTHING, Patterns
from rules.ruleset import Allow, Silence, Weekly

NOW_MS = 1_900_000_000_000
SECRETS = 'api_key = { env = "KEY" }\napi_secret = { env = "SECRET" }\n'
BINANCE = f'[[exchange]]\nname = "binance-main"\nkind = "binance"\n{SECRETS}'
ONCALL = '[[notifier]]\nname = "oncall"\nurl = { env = "URL" }\n'
FROZEN = '[[rule]]\nname = "frozen"\ntype = "unexpected_frozen"\n'
WEEKLY = 'days = ["mon"]\nstart = "08:00"\nend = "09:00"\n'
WHOLE_DAY = 'a day of the calendar is start = "00:00", end = "24:00"'
NO_SUCH = 'name = "a"\nfield = "locked"\nup_to = 5\nreason = "r"\n'


def config_of(text: str, now_ms: int | None = NOW_MS) -> Config:
    return parse((("rules.toml", text),), Path("/etc/subtally"), now_ms=now_ms)


def silence_text(body: str) -> str:
    return f'[[silence]]\nname = "s"\nreason = "upgrade"\nby = "kim"\n{body}\n'


def silence_of(body: str, before: str = "") -> Silence:
    (silence,) = config_of(before + silence_text(body)).ruleset.silences
    return silence


def weekly_of(body: str, before: str = "") -> Weekly:
    weekly = silence_of(body, before).weekly
    assert weekly is not None
    return weekly


def allow_of(body: str) -> Allow:
    (allow,) = config_of('[[allow]]\nname = "a"\nreason = "a loan"\n' + body).ruleset.allows
    return allow


def until_of(written: str, timezone: str = "UTC") -> int | None:
    return silence_of(f"until = {written}", f'[daemon]\ntimezone = "{timezone}"\n').until_ms


def test_allow_defaults_are_those_of_the_contract() -> None:
    assert allow_of('field = "frozen"\nup_to = 0') == Allow(
        name="a",
        field="frozen",
        up_to=Decimal(0),
        exchange=EVERYTHING,
        account=EVERYTHING,
        wallet=None,
        asset=EVERYTHING,
        until_ms=None,
        reason="a loan",
    )


def test_an_allow_is_understood_in_full_and_exactly() -> None:
    allow = allow_of(
        """
        exchange = ["okx-*", "!okx-t*"]
        account  = "cold-1"
        wallet   = "funding"
        asset    = ["BTC", "ETH"]
        field    = "withdrawing"
        up_to    = "123456789012345678901234567890.123456789012345678"
        until    = 2030-12-31T18:00:00.250+01:00
        """
    )
    assert allow == Allow(
        name="a",
        field="withdrawing",
        up_to=Decimal("123456789012345678901234567890.123456789012345678"),
        exchange=Patterns(("okx-*",), ("okx-t*",)),
        account=Patterns(("cold-1",)),
        wallet=Patterns(("funding",)),
        asset=Patterns(("BTC", "ETH")),
        until_ms=1_924_966_800_250,
        reason="a loan",
    )


def test_silence_defaults_are_those_of_the_contract() -> None:
    assert silence_of("until = 2030-12-31T18:00:00Z") == Silence(
        id="s",
        reason="upgrade",
        by="kim",
        rule=EVERYTHING,
        exchange=EVERYTHING,
        account=EVERYTHING,
        asset=EVERYTHING,
        severities=frozenset(Severity),
        from_ms=0,
        until_ms=1_924_970_400_000,
        weekly=None,
        until_resolved="",
    )


def test_a_silence_is_understood_in_full() -> None:
    silence = silence_of(
        """
        rule     = ["subtally/stale-*", "frozen"]
        exchange = "binance-*"
        account  = ["mm-*", "!mm-1"]
        asset    = "USDT"
        severity = ["info", "warning", "info"]
        from     = 2030-12-31T16:00:00Z
        until    = "2030-12-31T18:00:00Z"
        """
    )
    assert silence == Silence(
        id="s",
        reason="upgrade",
        by="kim",
        rule=Patterns(("subtally/stale-*", "frozen")),
        exchange=Patterns(("binance-*",)),
        account=Patterns(("mm-*",), ("mm-1",)),
        asset=Patterns(("USDT",)),
        severities=frozenset({Severity.INFO, Severity.WARNING}),
        from_ms=1_924_963_200_000,
        until_ms=1_924_970_400_000,
    )


def test_one_severity_needs_no_list() -> None:
    assert silence_of('severity = "info"\n' + WEEKLY).severities == frozenset({Severity.INFO})


@pytest.mark.parametrize(
    "written",
    [
        "2030-12-31T18:00:00Z",
        "2030-12-31t18:00:00z",
        "2030-12-31 18:00:00Z",
        "2030-12-31T19:00:00+01:00",
        "2030-12-31T23:45:00+05:45",
        "2030-12-31T08:30:00.000-09:30",
        '"2030-12-31T18:00:00Z"',
        '"2030-12-31t18:00:00z"',
        '"2030-12-31 19:00:00+01:00"',
        '"2030-12-31T18:00Z"',
        '"2030-12-31T18:00:00.000000000Z"',
    ],
)
def test_an_instant_is_the_same_however_it_is_written(written: str) -> None:
    assert until_of(written) == 1_924_970_400_000


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Zurich", "America/New_York", "Pacific/Apia"])
@pytest.mark.parametrize(
    "written, expected",
    [
        # Around both changes of clocks of 2030 in Zurich: the offset that is written counts, and no zone.
        ("2030-03-31T01:59:59+01:00", 1_901_149_199_000),
        ("2030-03-31T02:30:00+01:00", 1_901_151_000_000),
        ("2030-10-27T02:30:00+02:00", 1_919_291_400_000),
        ("2030-10-27T02:30:00+01:00", 1_919_295_000_000),
    ],
)
def test_an_offset_counts_and_no_time_zone(written: str, expected: int, timezone: str) -> None:
    assert until_of(written, timezone) == expected


def test_fractions_of_a_millisecond_are_dropped() -> None:
    assert until_of("2030-12-31T18:00:00.000999Z") == 1_924_970_400_000


@pytest.mark.parametrize(
    "start, end, minutes",
    [
        ('"08:30"', '"17:05"', (510, 1025)),
        ("08:30:00", "17:05:00", (510, 1025)),
        ('"08:30:00"', '"17:05:00"', (510, 1025)),
        ('"22:00"', '"06:00"', (1320, 360)),
        ('"00:00"', '"24:00"', (0, 0)),
        ('"22:00"', '"00:00"', (1320, 0)),
        ('"02:30"', '"03:00"', (150, 180)),
    ],
)
def test_times_of_day_are_local_minutes(start: str, end: str, minutes: tuple[int, int]) -> None:
    weekly = weekly_of(f'days = ["sun"]\nstart = {start}\nend = {end}\ntimezone = "Europe/Zurich"')
    assert weekly == Weekly(frozenset({6}), *minutes, "Europe/Zurich")


def test_days_have_short_and_full_names() -> None:
    short = '"mon", "tue", "wed", "thu", "fri", "sat", "sun"'
    full = '"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"'
    times = 'start = "08:00"\nend = "09:00"'
    assert weekly_of(f"days = [{short}]\n{times}").days == frozenset(range(7))
    assert weekly_of(f"days = [{full}]\n{times}").days == frozenset(range(7))
    assert weekly_of(f'days = ["sunday", "tue"]\n{times}').days == frozenset({1, 6})


def test_a_weekly_silence_is_in_the_zone_of_the_daemon_or_its_own() -> None:
    zurich = '[daemon]\ntimezone = "Europe/Zurich"\n'
    assert weekly_of(WEEKLY).timezone == "UTC"
    assert weekly_of(WEEKLY, zurich).timezone == "Europe/Zurich"
    assert weekly_of(WEEKLY + 'timezone = "Asia/Tokyo"', zurich).timezone == "Asia/Tokyo"
    assert silence_of(WEEKLY).until_ms is None


@pytest.mark.parametrize(
    "text, expected",
    [
        (silence_text('rule = "frozen"\n' + WEEKLY), []),
        (silence_text('rule = "subtally/*"\n' + WEEKLY), []),
        (silence_text('severity = "info"\n' + WEEKLY), []),
        (silence_text('rule = "*"\nstart = "00:00"\nend = "24:00"\ndays = ["sun"]'), []),
        (
            silence_text('rule = "*"\nuntil = 2020-01-01T00:00:00Z'),
            ['silence "s": until: is past, so it silences nothing any more; take it out'],
        ),
        (
            silence_text(WEEKLY),
            ['silence "s": names nothing, so it silences everything; write rule = "*" if that is meant'],
        ),
        (
            silence_text('rule = "frozn"\n' + WEEKLY),
            ['silence "s": rule: no rule matches, so it silences nothing; did you mean "frozen"?'],
        ),
        (
            silence_text('rule = "zzz-*"\n' + WEEKLY),
            ['silence "s": rule: no rule matches, so it silences nothing'],
        ),
        (
            silence_text('exchange = "okx-*"\n' + WEEKLY),
            ['silence "s": exchange: no exchange matches, so it silences nothing; allowed: binance-main'],
        ),
        (
            silence_text('rule = "*"\ndays = ["sun"]\nstart = "08:00"\nend = "08:00"'),
            [
                'silence "s": end: is the same as start, so the window lasts a whole day; ' + WHOLE_DAY,
            ],
        ),
        (
            "[[allow]]\nuntil = 2020-01-01T00:00:00Z\n" + NO_SUCH,
            [
                'allow "a": until: is past, so it allows nothing any more; take it out',
                'allow "a": field: there is no rule of type unexpected_locked, so it allows nothing',
            ],
        ),
        (
            '[[allow]]\nexchange = "okx-*"\n' + NO_SUCH.replace("locked", "frozen"),
            ['allow "a": exchange: no exchange matches, so it allows nothing; allowed: binance-main'],
        ),
    ],
)
def test_what_is_legal_and_likely_wrong_is_warned_of(text: str, expected: list[str]) -> None:
    warnings = config_of(BINANCE + ONCALL + FROZEN + text).warnings
    assert [problem.reason for problem in warnings] == expected


def test_past_is_what_is_not_after_now() -> None:
    text = BINANCE + ONCALL + silence_text('rule = "*"\nuntil = 2030-12-31T18:00:00Z')
    assert config_of(text, 1_924_970_399_999).warnings == ()
    assert len(config_of(text, 1_924_970_400_000).warnings) == 1
    past = text.replace("2030", "2020")
    assert len(config_of(past, None).warnings) == 1
    assert config_of(past, 0).ruleset == config_of(past, NOW_MS).ruleset


def test_the_built_in_rules_are_known_by_name() -> None:
    assert builtin_names.STALE_ACCOUNT in BUILT_IN
    assert builtin_names.PREFIX not in BUILT_IN
