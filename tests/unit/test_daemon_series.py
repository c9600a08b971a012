"""What each message of a backlog claims."""

from daemon.series import CLAIM_MOST, MOST_MESSAGES, Series


def told(series: Series, backlog: int, room: int) -> list[int]:
    """How many rows each message names until nothing is left."""
    named = []
    while rows := min(series.most, backlog):
        more = series.claimed(rows)
        if series.divides(rows, room):
            rows, more = room, True
        backlog -= rows
        named.append(rows)
        assert more == (backlog > 0) or not backlog
    series.claimed(0)
    return named


def test_a_backlog_that_fits_into_few_messages_is_named_in_all_of_them() -> None:
    series = Series()
    assert told(series, 550, 60) == [60] * 9 + [10]
    assert series.most == CLAIM_MOST, "what comes later is looked at as a whole again"


def test_a_message_of_a_series_claims_hardly_more_than_the_last_one_named() -> None:
    series = Series()
    series.claimed(550)
    assert series.divides(550, 60)
    assert series.most == 67


def test_a_backlog_that_takes_too_many_messages_is_one_digest() -> None:
    series = Series()
    assert told(series, 60 * MOST_MESSAGES + 1, 60) == [60 * MOST_MESSAGES + 1]


def test_a_series_of_which_nothing_is_due_any_more_is_over() -> None:
    series = Series()
    series.claimed(550)
    assert series.divides(550, 60)
    assert not series.claimed(0)
    assert series.most == CLAIM_MOST


def test_what_is_left_of_a_series_is_known_after_a_message_that_names_all_it_claimed() -> None:
    series = Series()
    series.claimed(100)
    assert series.divides(100, 60)
    assert series.claimed(30)
    assert not series.claimed(10)
