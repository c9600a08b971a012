import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rules.model import Start
from rules.outcome import NotificationKind, Outcome
from rules.patterns import Patterns
from rules.ruleset import Ruleset, Silence
from state import Counts, Entry, Message, Store
from state.errors import MissingError
from tests.unit.test_state_support import fresh, notification

GATHER = 15_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with fresh(tmp_path) as opened:
        yield opened


def queue(store: Store, *alerts: str, notifier: str = "slack", batch: str = "", at_ms: int = 1_000) -> None:
    store.tell([notification(alert, notifier, created_ms=at_ms, batch=batch) for alert in alerts])


def claim(store: Store, now_ms: int, notifier: str = "slack", limit: int = 100) -> list[str] | None:
    message = store.claim(notifier, now_ms, GATHER, limit)
    return None if message is None else [row.notification.alert for row in message.rows]


def taken(store: Store, now_ms: int, limit: int = 100) -> Message:
    message = store.claim("slack", now_ms, GATHER, limit)
    assert message is not None
    return message


def states(store: Store) -> list[str]:
    return [row.state for row in reversed(store.notifications().rows)]


def test_the_first_event_goes_at_once_and_later_ones_gather(store: Store) -> None:
    queue(store, "A1")
    assert claim(store, 1_000) == ["A1"]
    queue(store, "A2", "A3")
    assert claim(store, 1_001) is None
    assert store.due(1_001, GATHER) == {"slack": 16_000}
    assert claim(store, 15_999) is None
    queue(store, "A4")
    assert claim(store, 16_000) == ["A2", "A3", "A4"]
    assert claim(store, 99_000) is None
    assert store.due(99_000, GATHER) == {}


def test_law_8_notifiers_gather_each_for_itself(store: Store) -> None:
    queue(store, "A1")
    assert claim(store, 1_000) == ["A1"]
    queue(store, "A1", notifier="telegram")
    assert claim(store, 1_001, "telegram") == ["A1"]


def test_a_clock_that_went_back_holds_nothing_up(store: Store) -> None:
    queue(store, "A1")
    assert claim(store, 1_000_000_000) == ["A1"]
    queue(store, "A2")
    assert claim(store, 1_000) == ["A2"]


def test_what_waits_is_sent_no_later_than_it_would_have_been_though_the_clock_was_set_back(
    store: Store,
) -> None:
    hour = 3_600_000
    queue(store, "A1")
    queue(store, "A1", notifier="telegram")
    queue(store, "A1", notifier="matrix")
    message = taken(store, hour)
    store.failed(message.id, hour, "500", hour + 9_000)
    due = store.claim("telegram", hour, GATHER, 100)
    assert due is not None
    store.failed(due.id, hour, "500", 5_000)  # of which nobody has had the time to look
    store._db.execute("UPDATE notifications SET not_before_ms = ? WHERE notifier = 'matrix'", (hour + 3_000,))
    store.clock_set_back(5_000, 5_000 - hour)
    assert store.due(5_000, GATHER) == {"slack": 14_000, "telegram": 5_000, "matrix": 8_000}
    assert claim(store, 5_000, "telegram") == ["A1"]
    assert claim(store, 7_999, "matrix") is None
    assert claim(store, 8_000, "matrix") == ["A1"]
    assert claim(store, 13_999) is None
    assert claim(store, 14_000) == ["A1"]


def test_what_was_to_wait_for_less_than_the_clock_was_set_back_by_is_due(store: Store) -> None:
    queue(store, "A1")
    message = taken(store, 100_000)
    store.failed(message.id, 100_000, "500", 101_000)
    store.clock_set_back(90_000, -15_000)
    assert store.due(90_000, GATHER) == {"slack": 90_000}
    assert claim(store, 90_000) == ["A1"]


def test_a_claim_is_exclusive(store: Store) -> None:
    queue(store, "A1")
    with Store.open(store.path) as other:
        assert claim(store, 1_000) == ["A1"]
        assert claim(other, 1_000) is None
        assert claim(other, 1_000_000) is None


def test_law_7_a_failed_message_is_repeated_under_its_id_with_its_members(store: Store) -> None:
    queue(store, "A1", "A2")
    first = taken(store, 1_000)
    store.failed(first.id, 1_500, "500 Internal Server Error", 9_000)
    queue(store, "A3")
    assert store.due(1_500, GATHER) == {"slack": 9_000}
    assert claim(store, 8_999) is None
    again = taken(store, 9_000)
    assert (again.id, again.rows, again.attempt, again.perhaps) == (first.id, first.rows, 2, False)
    assert claim(store, 16_000) == ["A3"]


def test_an_unknown_outcome_is_remembered(store: Store) -> None:
    queue(store, "A1")
    first = taken(store, 1_000)
    store.unknown(first.id, 2_000, "no answer in 30 s", 5_000)
    assert taken(store, 5_000).perhaps
    store.failed(first.id, 6_000, "500", 7_000)
    assert taken(store, 7_000).perhaps


def test_a_delivered_message_is_over(store: Store) -> None:
    queue(store, "A1", "A2")
    message = taken(store, 1_000)
    store.delivered(message.id, 1_200)
    assert states(store) == ["delivered", "delivered"]
    assert store.counts() == {}
    assert store.due(9_000, GATHER) == {}
    assert store.recover(9_000) == []


def test_a_dead_message_stays_counts_and_can_be_revived(store: Store) -> None:
    queue(store, "A1")
    message = taken(store, 1_000)
    store.dead(message.id, 2_000, "403: the chat is gone")
    assert states(store) == ["dead"]
    assert store.counts() == {"slack": Counts(0, 0, 1, None)}
    assert store.notifications("dead").rows[0].reason == "403: the chat is gone"
    assert claim(store, 10**9) is None
    store.revive(message.id, 3_000)
    assert taken(store, 3_000).id == message.id
    store.delivered(message.id, 3_500)
    with pytest.raises(MissingError, match="no such message"):
        store.revive(message.id, 4_000)


def test_every_attempt_is_on_record(store: Store) -> None:
    queue(store, "A1")
    message = taken(store, 1_000)
    store.unknown(message.id, 2_000, "timeout", 3_000)
    taken(store, 3_000)
    store.failed(message.id, 3_100, "500", 4_000)
    taken(store, 4_000)
    store.delivered(message.id, 4_100)
    found = [(attempt.at_ms, attempt.outcome, attempt.reason) for attempt in store.attempts(message.id)]
    assert found == [(2_000, "unknown", "timeout"), (3_100, "failed", "500"), (4_100, "delivered", "")]


def test_what_was_in_flight_goes_again_under_the_same_id(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        queue(store, "A1")
        first = taken(store, 1_000)
    with fresh(tmp_path) as store:
        assert claim(store, 2_000) is None
        assert store.recover(2_000) == [first.id]
        again = taken(store, 2_000)
        assert (again.id, again.rows, again.perhaps) == (first.id, first.rows, True)
        assert "stopped while" in store.attempts(first.id)[0].reason


def test_events_of_one_alert_keep_their_order(store: Store) -> None:
    queue(store, "A1")
    firing = taken(store, 1_000)
    queue(store, "A1", "A2")
    assert claim(store, 16_000) == ["A2"]
    store.unknown(firing.id, 17_000, "no answer", 60_000)
    assert claim(store, 50_000) is None
    assert store.due(50_000, GATHER) == {"slack": 60_000}
    assert taken(store, 60_000).id == firing.id
    store.delivered(firing.id, 60_001)
    assert store.due(60_001, GATHER)["slack"] <= 60_001
    assert claim(store, 60_001) == ["A1"]


def test_a_dead_event_does_not_hold_up_the_next_one_of_its_alert(store: Store) -> None:
    queue(store, "A1")
    message = taken(store, 1_000)
    queue(store, "A1")
    store.dead(message.id, 2_000, "400")
    assert claim(store, 16_000) == ["A1"]


def test_both_events_of_one_alert_in_one_message_stand_in_order(store: Store) -> None:
    store.tell([notification("A1"), notification("A2"), notification("A1", kind=NotificationKind.RESOLVED)])
    message = taken(store, 1_000)
    assert [row.notification.kind for row in message.rows if row.notification.alert == "A1"] == [
        "firing",
        "resolved",
    ]


def test_a_message_is_bounded_and_the_rest_follows(store: Store) -> None:
    queue(store, *(f"A{i}" for i in range(25)))
    assert claim(store, 1_000, limit=10) == [f"A{i}" for i in range(10)]
    assert claim(store, 16_000, limit=10) == [f"A{i}" for i in range(10, 20)]
    assert claim(store, 31_000, limit=10) == [f"A{i}" for i in range(20, 25)]


def test_the_rows_of_one_batch_leave_in_one_message(store: Store) -> None:
    queue(store, *(f"A{i}" for i in range(5)), batch="digest")
    queue(store, "B1")
    queue(store, "A9", batch="digest")
    assert claim(store, 1_000, limit=2) == ["A0", "A1", "A2", "A3", "A4", "A9"]
    assert claim(store, 16_000) == ["B1"]


def test_a_batch_never_overtakes_an_earlier_event_of_the_same_alert(store: Store) -> None:
    queue(store, "A1", batch="digest")
    queue(store, "X")
    queue(store, "A2")
    queue(store, "A2", batch="digest")
    assert claim(store, 1_000, limit=1) == ["A1"]
    assert claim(store, 16_000) == ["X", "A2", "A2"]


@pytest.mark.parametrize("limit", [2, 100])
def test_what_ended_under_a_silence_is_told_to_nobody_however_little_is_claimed(
    store: Store, limit: int
) -> None:
    rest = (Silence("S1", "rest", "me", account=Patterns(("quiet",), ()), until_ms=5_000),)
    told = notification("A1", created_ms=1_000)
    quiet = replace(told, alert="A0", facts=replace(told.facts, label="quiet"))
    store.tell([quiet])
    assert store.claim("slack", 2_000, GATHER, limit, rest) is None
    queue(store, *(f"A{number}" for number in range(1, 8)))
    store.tell([replace(quiet, kind=NotificationKind.RESOLVED, created_ms=4_000)])
    told_of = []
    while message := store.claim("slack", 6_000, 0, limit, rest):
        told_of += [row.notification.alert for row in message.rows]
        store.delivered(message.id, 6_000)
    assert told_of == [f"A{number}" for number in range(1, 8)]


def test_rows_of_no_alert_do_not_wait_for_each_other(store: Store) -> None:
    queue(store, "")
    taken(store, 1_000)
    queue(store, "")
    assert claim(store, 16_000) == [""]


def test_a_message_id_is_short_typable_and_its_own(store: Store) -> None:
    found = set()
    for number in range(300):
        queue(store, f"A{number}")
        found.add(taken(store, number * GATHER + 1_000).id)
    assert len(found) == 300
    assert all(re.fullmatch(r"M(?=.*[0-9])[0-9A-Z]{4,8}", message) for message in found)


def test_the_rows_of_a_removed_notifier_are_cancelled_on_record(store: Store) -> None:
    world = store.load(Ruleset())
    queue(store, "A1")
    queue(store, "A1", notifier="telegram")
    sending = taken(store, 1_000)
    queue(store, "A2")
    removed = Outcome(cancelled=["slack"], notifications=[notification("A3", "telegram")])
    back = Outcome(notifications=[notification("A4", "slack")])
    store.commit([Entry(Start(5_000), 5_000, removed), Entry(Start(6_000), 6_000, back)], world)
    kept = {
        row.notification.alert + row.notification.notifier: row.state for row in store.notifications().rows
    }
    assert kept == {
        "A1slack": "cancelled",
        "A1telegram": "queued",
        "A2slack": "cancelled",
        "A3telegram": "queued",
        "A4slack": "queued",
    }
    store.failed(sending.id, 6_000, "500", 7_000)
    assert claim(store, 60_000) == ["A4"]
    store.delivered(sending.id, 61_000)
    assert [row.state for row in store.notifications(alert_id="A1", notifier="slack").rows] == ["delivered"]


def test_counts_tell_what_waits_and_since_when(store: Store) -> None:
    queue(store, "A1", at_ms=500)
    queue(store, "A2", notifier="telegram", at_ms=700)
    taken(store, 1_000)
    queue(store, "A3", at_ms=2_000)
    assert store.counts() == {"slack": Counts(1, 1, 0, 500), "telegram": Counts(1, 0, 0, 700)}


def test_an_outcome_of_no_message_is_refused(store: Store) -> None:
    with pytest.raises(MissingError, match="M0000"):
        store.delivered("M0000", 1)


def test_notifications_are_paged_the_newest_first(store: Store) -> None:
    queue(store, *(f"A{i}" for i in range(5)))
    page = store.notifications(limit=3)
    assert [row.notification.alert for row in page.rows] == ["A4", "A3", "A2"]
    assert [row.notification.alert for row in store.notifications(after=page.after).rows] == ["A1", "A0"]


def test_a_message_that_cannot_name_all_its_alerts_gives_the_rest_back(store: Store) -> None:
    queue(store, "A1", "A2", "A3")
    whole = taken(store, 1_000)
    short = store.shorten(whole, 1)
    assert (short.id, [row.notification.alert for row in short.rows]) == (whole.id, ["A1"])
    assert claim(store, 1_000 + GATHER) == ["A2", "A3"]


def test_a_digest_leaves_alone_and_what_was_due_with_it_follows_at_once(store: Store) -> None:
    queue(store, "A1", "A2", batch="first")
    queue(store, "A3")
    queue(store, "A4", batch="second")
    queue(store, "A2")  # what follows of an alert of the digest goes with it
    digest = store.claim("slack", 1_000, 0, 100)
    assert digest is not None
    assert [row.notification.alert for row in digest.rows] == ["A1", "A2", "A2"]
    assert digest.more
    other = store.claim("slack", 1_000, 0, 100)
    assert other is not None
    assert ([row.notification.alert for row in other.rows], other.more) == (["A3"], True)
    last = store.claim("slack", 1_000, 0, 100)
    assert last is not None
    assert ([row.notification.alert for row in last.rows], last.more) == (["A4"], False)


def test_what_stands_before_a_digest_leaves_before_it(store: Store) -> None:
    queue(store, "A1")
    queue(store, "A2", "A3", batch="first")
    queue(store, "A4")
    assert claim(store, 1_000) == ["A1", "A4"]
    assert claim(store, 20_000) == ["A2", "A3"]


def test_an_alert_keeps_its_order_across_a_digest(store: Store) -> None:
    queue(store, "A1")
    queue(store, "A1", "A2", batch="first")
    queue(store, "A1")
    assert claim(store, 1_000) == ["A1", "A1", "A1"]
    assert claim(store, 20_000) == ["A2"]


def test_giving_up_counts_anew_from_a_retry_of_a_person(store: Store) -> None:
    queue(store, "A1")
    first = taken(store, 1_000)
    assert first.given_ms == 1_000
    store.dead(first.id, 2_000, "gone")
    store.revive(first.id, 500_000, "kim")
    again = taken(store, 500_000)
    assert (again.id, again.claimed_ms, again.given_ms) == (first.id, 1_000, 500_000)
