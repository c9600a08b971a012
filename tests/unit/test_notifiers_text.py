import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.text import clean, clip, tidy, units
from notifiers.times import duration, moment, zone

ONSET_MS = 1_763_607_520_000  # 2025-11-20 02:58:40 UTC


@given(st.text(), st.integers(1, 50))
def test_a_clipped_text_is_within_its_bound(text: str, most: int) -> None:
    clipped = clip(text, most)
    assert units(clipped) <= most
    assert clipped == text or clipped.endswith("…")


@given(st.text(alphabet=st.characters()))
def test_a_clean_text_is_one_line_that_can_be_sent(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert len(cleaned.splitlines()) <= 1
    assert "\x00" not in cleaned


@given(st.text())
def test_units_are_those_of_utf_16(text: str) -> None:
    assert units(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2


def test_markup_is_only_letters() -> None:
    label = "<!channel> <b>x</b> *y* [z](http://e)"
    assert tidy(label, 80) == label


@pytest.mark.parametrize(
    "length_ms,shown",
    [
        (-5, "under 1s"),
        (999, "under 1s"),
        (4_000, "4s"),
        (130_000, "2m 10s"),
        (3_600_000, "1h"),
        (3_905_000, "1h 5m 5s"),
        (187_200_000, "2d 4h"),
        (187_265_000, "2d 4h 1m"),
    ],
)
def test_durations_read_like_those_of_the_rules_file(length_ms: int, shown: str) -> None:
    assert duration(length_ms) == shown


@pytest.mark.parametrize(
    "name,now_ms,shown",
    [
        ("UTC", ONSET_MS, "02:58:40 UTC"),
        ("UTC", ONSET_MS + 86_400_000, "2025-11-20 02:58:40 UTC"),
        ("Europe/Berlin", ONSET_MS, "03:58:40 CET"),
        ("America/New_York", ONSET_MS + 3 * 3_600_000, "2025-11-19 21:58:40 EST"),
        ("Asia/Dubai", ONSET_MS, "06:58:40 UTC+04"),
        ("No/Where", ONSET_MS, "02:58:40 UTC"),
        ("", ONSET_MS, "02:58:40 UTC"),
    ],
)
def test_every_time_has_its_zone_and_a_date_where_it_is_not_today(name: str, now_ms: int, shown: str) -> None:
    assert moment(ONSET_MS, now_ms, zone(name)) == shown


def test_the_hour_that_comes_twice_is_told_apart() -> None:
    before, after = 1_761_438_600_000, 1_761_442_200_000  # 2025-10-26 00:30 and 01:30 UTC
    berlin = zone("Europe/Berlin")
    assert moment(before, after, berlin) == "02:30:00 CEST"
    assert moment(after, after, berlin) == "02:30:00 CET"
