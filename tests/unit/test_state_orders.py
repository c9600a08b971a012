from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rules.outcome import NotificationKind
from rules.patterns import Patterns
from rules.ruleset import Silence
from state import Store, orders
from tests.unit.test_state_support import fresh, notification

GATHER = 0
ALL = Silence("", "works", "ann", until_ms=100_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with fresh(tmp_path) as opened:
        yield opened


def queue(
    store: Store, alert: str, kind: NotificationKind = NotificationKind.FIRING, at_ms: int = 1_000
) -> None:
    store.tell([replace(notification(alert, "slack", created_ms=at_ms), kind=kind)])


def claim(store: Store, now_ms: int, *silences: Silence) -> list[tuple[str, str]] | None:
    message = store.claim("slack", now_ms, GATHER, 100, silences)
    if message is None:
        return None
    store.delivered(message.id, now_ms)
    return [(row.notification.alert, row.notification.kind.value) for row in message.rows]


def test_a_silenced_row_waits_and_blocks_nobody_behind_it(store: Store) -> None:
    store.silence(replace(ALL, rule=Patterns.of("quiet*")), 500)
    for alert, rule in (("A1", "quiet one"), ("A2", "loud one")):
        told = notification(alert, "slack", created_ms=1_000)
        store.tell([replace(told, facts=replace(told.facts, rule=rule))])
    assert claim(store, 1_000) == [("A2", "firing")]
    assert claim(store, 100_000) == [("A1", "firing")]


def test_what_still_fires_is_told_when_the_silence_is_over(store: Store) -> None:
    store.silence(ALL, 500)
    queue(store, "A1")
    assert claim(store, 1_000) is None
    assert claim(store, 99_999) is None
    assert claim(store, 100_000) == [("A1", "firing")]


def test_what_ended_under_a_silence_is_told_to_nobody(store: Store) -> None:
    store.silence(ALL, 500)
    queue(store, "A1")
    assert claim(store, 1_000) is None
    queue(store, "A1", NotificationKind.RESOLVED)
    assert claim(store, 100_000) is None
    assert [row.state for row in store.notifications().rows] == ["cancelled", "cancelled"]


def test_a_told_firing_is_told_its_end_even_under_a_silence(store: Store) -> None:
    queue(store, "A1")
    assert claim(store, 1_000) == [("A1", "firing")]
    store.silence(ALL, 2_000)
    queue(store, "A1", NotificationKind.RAISED)
    queue(store, "A1", NotificationKind.RESOLVED)
    assert claim(store, 3_000) == [("A1", "resolved")]


def test_an_end_that_overtakes_its_undelivered_firing_goes_in_one_message(store: Store) -> None:
    queue(store, "A1")
    queue(store, "A1", NotificationKind.RESOLVED)
    assert claim(store, 1_000) == [("A1", "firing"), ("A1", "resolved")]


def test_ending_a_silence_lets_its_rows_go_and_is_on_record(store: Store) -> None:
    made = store.silence(ALL, 500)
    queue(store, "A1")
    assert claim(store, 1_000) is None
    assert store.unsilence(made.id, "bob", 1_500)
    assert not store.unsilence(made.id, "bob", 1_600)
    assert claim(store, 2_000) == [("A1", "firing")]
    assert [(one.kind, one.by) for one in store.orders_after(0)] == [("silence", "ann"), ("unsilence", "bob")]


def test_a_silence_of_the_file_counts_as_well(store: Store) -> None:
    queue(store, "A1")
    of_file = replace(ALL, id="nightly", rule=Patterns.of("*"))
    assert claim(store, 1_000, of_file) is None
    assert claim(store, 1_001) == [("A1", "firing")]


def test_a_silence_is_durable_for_another_process(store: Store) -> None:
    with Store.open(store.path) as other:
        other.silence(ALL, 500)
    queue(store, "A1")
    assert claim(store, 1_000) is None


def test_an_end_joins_its_firing_that_certainly_did_not_arrive(store: Store) -> None:
    queue(store, "A1")
    first = store.claim("slack", 1_000, GATHER, 100)
    assert first is not None
    store.failed(first.id, 1_000, "refused", 2_000)
    queue(store, "A1", NotificationKind.RESOLVED)
    assert claim(store, 1_500) is None
    again = store.claim("slack", 2_000, GATHER, 100)
    assert again is not None
    assert (again.id, [row.notification.kind.value for row in again.rows]) == (
        first.id,
        ["firing", "resolved"],
    )


def test_what_perhaps_arrived_is_said_again_unchanged_and_the_end_follows(store: Store) -> None:
    queue(store, "A1")
    first = store.claim("slack", 1_000, GATHER, 100)
    assert first is not None
    store.unknown(first.id, 1_000, "no answer", 2_000)
    queue(store, "A1", NotificationKind.RESOLVED)
    assert claim(store, 2_000) == [("A1", "firing")]
    assert claim(store, 2_001) == [("A1", "resolved")]


def test_a_silence_that_is_over_cannot_be_ended(store: Store) -> None:
    made = store.silence(ALL, 500)
    assert not store.unsilence(made.id, "bob", 100_000)
    assert [one.kind for one in store.orders_after(0)] == ["silence"]
    assert store.unsilence(made.id, "bob", 99_999)


def test_a_silence_whose_alert_has_ended_cannot_be_ended(store: Store) -> None:
    made = store.silence(replace(ALL, until_ms=None, until_resolved="A0GNE"), 500)
    assert not store.unsilence(made.id, "bob", 600)


def test_silences_that_are_over_are_not_read_at_a_claim(store: Store) -> None:
    live = [store.silence(replace(ALL, until_ms=1_000 + number), number) for number in range(200)][-1]
    assert [one.id for one in store.live_silences(1_198)] == [live.id]
    plan = store._db.execute(f"EXPLAIN QUERY PLAN {orders._LIVE}", (1_198,)).fetchall()
    assert any("silences_live" in row[3] and ">?" in row[3] for row in plan), plan


def test_what_a_silence_holds_back_does_not_age(store: Store) -> None:
    store.silence(replace(ALL, rule=Patterns.of("quiet")), 500)
    told = notification("A1", "slack", created_ms=1_000)
    store.tell([replace(told, facts=replace(told.facts, rule="quiet"))])
    assert claim(store, 1_000) is None
    counted = store.counts()["slack"]
    assert (counted.queued, counted.oldest_ms) == (1, None)
