"""What is to be told is asked anew at every attempt: of a message that failed to arrive, and of what has ended."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from rules.model import Tick
from rules.outcome import Notification, NotificationKind, Outcome
from rules.ruleset import Ruleset, Silence
from rules.world import World
from state import Entry, Store
from tests.unit.test_state_support import KEY, alert, facts, fresh, notification, transition

FIRING, RAISED, REMINDER = NotificationKind.FIRING, NotificationKind.RAISED, NotificationKind.REMINDER
ESCALATED, RESOLVED, EVENT = NotificationKind.ESCALATED, NotificationKind.RESOLVED, NotificationKind.EVENT
ID = "A1B2C"
ALL = Silence("", "works", "ann", until_ms=100_000)


@dataclass
class Outbox:
    """One notifier that is told of one alert."""

    store: Store
    world: World = field(default_factory=World)

    def queue(self, kind: NotificationKind, at_ms: int = 1_000, ident: str = ID) -> None:
        self.store.tell([replace(notification(ident, "slack", created_ms=at_ms), kind=kind)])

    def commit(self, outcome: Outcome, at_ms: int) -> None:
        self.store.write(self.store.prepare([Entry(Tick(at_ms), at_ms, outcome)], self.world))

    def fires(self) -> None:
        self.world.put_alert(alert())
        self.commit(Outcome(transitions=[transition("pending", "firing", at_ms=1_000)]), 1_000)

    def ends(self, at_ms: int = 3_000, *told: Notification) -> None:
        """The end; only whom `told` names hears of it."""
        over = alert(
            state="resolved", facts=facts(value="9", reason="topped up", fired_ms=1_000, ended_ms=at_ms)
        )
        self.world.drop_alert(KEY, at_ms)
        moved = [transition("firing", "resolved", at_ms=at_ms)]
        self.commit(Outcome(transitions=moved, notifications=list(told), ended=[over]), at_ms)

    def claim(self, now_ms: int) -> list[Notification] | None:
        message = self.store.claim("slack", now_ms, 0, 100)
        return None if message is None else [row.notification for row in message.rows]

    def kinds(self, now_ms: int) -> list[NotificationKind] | None:
        told = self.claim(now_ms)
        return None if told is None else [one.kind for one in told]

    def tells(self, at_ms: int) -> None:
        """A firing that arrives."""
        self.queue(FIRING, at_ms)
        message = self.store.claim("slack", at_ms, 0, 100)
        assert message is not None
        self.store.delivered(message.id, at_ms)

    def fails(self, now_ms: int, again_ms: int, *, perhaps: bool = False) -> str:
        """A claim whose send fails; the message's id."""
        message = self.store.claim("slack", now_ms, 0, 100)
        assert message is not None
        (self.store.unknown if perhaps else self.store.failed)(message.id, now_ms, "no", again_ms)
        return message.id

    def states(self) -> list[str]:
        return [row.state for row in reversed(self.store.notifications().rows)]


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with fresh(tmp_path) as store:
        yield Outbox(store, store.load(Ruleset()))


def test_a_silence_holds_back_a_message_that_failed_to_arrive(outbox: Outbox) -> None:
    outbox.fires()
    outbox.queue(FIRING)
    message = outbox.fails(1_000, 2_000)
    outbox.store.silence(ALL, 1_500)
    assert outbox.claim(2_000) is None
    (row,) = outbox.store.messages_of(message)
    assert (row.state, row.reason) == ("cancelled", "nothing of it is to be told now")
    assert outbox.kinds(100_000) == [FIRING]


def test_of_a_message_that_failed_only_what_is_silenced_waits(outbox: Outbox) -> None:
    outbox.fires()
    outbox.queue(FIRING)
    outbox.queue(FIRING, ident="A0THER")
    message = outbox.fails(1_000, 2_000)
    outbox.store.silence(replace(ALL, until_ms=None, until_resolved=ID), 1_500)
    again = outbox.store.claim("slack", 2_000, 0, 100)
    assert again is not None
    assert (again.id, [row.notification.alert for row in again.rows]) == (message, ["A0THER"])
    outbox.store.delivered(message, 2_000)
    assert outbox.states() == ["queued", "delivered"]


@pytest.mark.parametrize("failed", [False, True])
def test_a_notifier_that_comes_back_hears_of_what_fires_and_was_never_told_to_it(
    outbox: Outbox, *, failed: bool
) -> None:
    outbox.fires()
    outbox.queue(FIRING)
    message = outbox.fails(1_000, 5_000) if failed else ""
    outbox.queue(REMINDER, 1_500)
    outbox.commit(Outcome(cancelled=["slack"]), 2_000)
    assert outbox.claim(10_000) is None
    outbox.commit(Outcome(restored=["slack"]), 11_000)
    again = outbox.store.claim("slack", 11_000, 0, 100)
    assert again is not None
    assert [row.notification.kind for row in again.rows] == [FIRING]
    assert not failed or again.id == message


def test_a_notifier_that_comes_back_hears_of_a_raise_but_nothing_twice(outbox: Outbox) -> None:
    outbox.fires()
    outbox.tells(1_000)
    outbox.commit(Outcome(cancelled=["slack"]), 2_000)
    outbox.commit(Outcome(restored=["slack"]), 2_500)
    assert outbox.claim(2_500) is None
    outbox.queue(RAISED, 2_600)
    outbox.commit(Outcome(cancelled=["slack"]), 3_000)
    outbox.commit(Outcome(restored=["slack"]), 3_500)
    assert outbox.kinds(3_500) == [RAISED]


def test_a_notifier_that_comes_back_hears_nothing_of_what_is_over(outbox: Outbox) -> None:
    outbox.fires()
    outbox.queue(FIRING)
    outbox.commit(Outcome(cancelled=["slack"]), 2_000)
    outbox.ends(3_000)
    outbox.commit(Outcome(restored=["slack"]), 4_000)
    assert outbox.claim(4_000) is None


def test_what_perhaps_arrived_is_repeated_under_a_silence(outbox: Outbox) -> None:
    outbox.fires()
    outbox.queue(FIRING)
    outbox.fails(1_000, 2_000, perhaps=True)
    outbox.store.silence(ALL, 1_500)
    assert outbox.kinds(2_000) == [FIRING], "under its id the same is said again"


def test_an_end_under_a_silence_is_not_told_to_whom_its_firing_failed_to_reach(outbox: Outbox) -> None:
    outbox.fires()
    outbox.queue(FIRING)
    outbox.fails(1_000, 2_000)
    outbox.store.silence(ALL, 1_500)
    outbox.ends(1_600, replace(notification(ID, "slack", created_ms=1_600), kind=RESOLVED))
    assert outbox.claim(2_000) is None
    assert outbox.claim(100_000) is None
    assert outbox.states() == ["cancelled", "cancelled"]


@pytest.mark.parametrize("nudge", [REMINDER, ESCALATED])
@pytest.mark.parametrize("perhaps", [False, True])
def test_a_nudge_that_failed_is_not_told_after_an_ack(
    outbox: Outbox, nudge: NotificationKind, *, perhaps: bool
) -> None:
    outbox.fires()
    outbox.queue(nudge)
    message = outbox.fails(1_000, 2_000, perhaps=perhaps)
    assert outbox.store.ack(ID, "ann", 1_500)
    assert outbox.claim(2_000) is None
    assert outbox.states() == ["cancelled"]
    assert [row.message for row in outbox.store.notifications().rows] == [message], (
        "on record with its attempt"
    )


def test_a_firing_that_failed_is_told_after_an_ack_without_its_reminder(outbox: Outbox) -> None:
    outbox.fires()
    outbox.queue(FIRING)
    outbox.queue(REMINDER, 1_200)
    outbox.fails(1_300, 2_000)
    assert outbox.store.ack(ID, "ann", 1_500)
    assert outbox.kinds(2_000) == [FIRING]


def test_a_nudge_made_before_the_engine_heard_of_the_ack_is_not_told(outbox: Outbox) -> None:
    outbox.fires()
    outbox.tells(1_000)
    assert outbox.store.ack(ID, "ann", 1_500)
    outbox.queue(ESCALATED, 1_900)
    assert outbox.claim(2_000) is None


def test_a_nudge_after_a_raise_is_told_whoever_acked_before_it(outbox: Outbox) -> None:
    outbox.fires()
    assert outbox.store.ack(ID, "ann", 1_500)
    outbox.queue(RAISED, 1_600)
    outbox.queue(ESCALATED, 1_900)
    assert outbox.kinds(2_000) == [RAISED, ESCALATED]


def test_what_is_told_too_late_is_told_with_its_end_also_without_send_resolved(outbox: Outbox) -> None:
    outbox.fires()
    outbox.queue(FIRING)
    message = outbox.fails(1_000, 2_000)
    outbox.ends(1_500)
    again = outbox.store.claim("slack", 2_000, 0, 100)
    assert again is not None
    assert again.id == message
    first, end = (row.notification for row in again.rows)
    assert (first.kind, end.kind, end.facts.value, end.facts.reason) == (FIRING, RESOLVED, "9", "topped up")
    assert (end.created_ms, end.severity) == (1_500, first.severity)
    outbox.store.delivered(message, 2_000)
    assert outbox.claim(3_000) is None
    assert outbox.states() == ["delivered", "delivered"], "the end is on record, too"


def test_a_nudge_about_what_has_ended_is_told_to_nobody(outbox: Outbox) -> None:
    outbox.fires()
    outbox.tells(1_000)
    outbox.queue(REMINDER, 1_200)
    outbox.fails(1_200, 2_000)
    outbox.ends(1_500)
    assert outbox.claim(2_000) is None
    assert outbox.states() == ["delivered", "cancelled"]


def test_what_ended_under_a_silence_is_told_to_nobody_also_without_send_resolved(outbox: Outbox) -> None:
    outbox.fires()
    outbox.store.silence(ALL, 500)
    outbox.queue(FIRING)
    assert outbox.claim(1_000) is None
    outbox.ends(1_500)
    assert outbox.claim(100_000) is None
    assert outbox.states() == ["cancelled"]


def test_an_event_is_told_however_late(outbox: Outbox) -> None:
    outbox.fires()
    outbox.queue(EVENT)
    outbox.fails(1_000, 2_000)
    outbox.ends(1_500)
    assert outbox.kinds(2_000) == [EVENT]


def test_an_end_that_is_queued_is_not_made_twice(outbox: Outbox) -> None:
    outbox.fires()
    outbox.queue(FIRING)
    outbox.fails(1_000, 2_000)
    outbox.ends(1_500, replace(notification(ID, "slack", created_ms=1_500), kind=RESOLVED))
    assert outbox.kinds(2_000) == [FIRING, RESOLVED]
