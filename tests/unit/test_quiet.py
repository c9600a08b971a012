"""The moment in which nothing new is read, because something is to be told."""

from __future__ import annotations

from daemon.quiet import QUIET_SECONDS, REST_SECONDS, Quiet


def test_it_begins_with_what_is_to_be_told_and_ends_by_itself() -> None:
    quiet = Quiet()
    assert quiet.left_seconds(100) == 0
    quiet.begin(100)
    assert round(quiet.left_seconds(100.005), 6) == round(QUIET_SECONDS - 0.005, 6)
    assert quiet.left_seconds(100 + QUIET_SECONDS) == 0


def test_a_storm_of_alerts_leaves_readings_most_of_their_time() -> None:
    quiet, held = Quiet(), 0
    for milliseconds in range(10_000):
        at = milliseconds / 1_000
        quiet.begin(at)  # an alert every millisecond
        held += quiet.left_seconds(at) > 0
    assert held / 10_000 <= QUIET_SECONDS / (QUIET_SECONDS + REST_SECONDS) + 0.01
    assert held > 1_000
