"""What people and the outbox say: acks, silences, escalation, and notifiers that are dead."""

import pytest

from rules.model import Acked, DeliveryDied, DeliveryWorks, Severity, SilenceEnded
from rules.patterns import Patterns
from rules.ruleset import NotifierSettings, Silence, SilenceMade
from tests.engine import T0_MS, Engine, change, low, ms

FLOOR = low("floor", "100", confirm=1)
TIERS = low(
    "floor", {"warning": "100", "critical": "10"}, confirm=1, escalate_after="15m", escalate_to=("boss",)
)
ESCALATING = low("floor", "100", confirm=1, notify=("oncall",), escalate_after="15m", escalate_to=("boss",))
TEAM = (NotifierSettings("oncall"), NotifierSettings("boss"))
PEOPLE = [NotifierSettings("chat"), NotifierSettings("pager"), NotifierSettings("mail")]


def reads(engine: Engine, until: str, free: str = "5", every: str = "4m") -> None:
    """Readings and ticks, as the daemon makes them, up to a time."""
    while engine.now_ms < T0_MS + ms(until):
        engine.reads("a@x", USDT=free)
        engine.ticks()
        engine.now_ms = min(engine.now_ms + ms(every), T0_MS + ms(until))
    engine.ticks()


def said(engine: Engine) -> list[str]:
    """What was told since the last look, as `kind notifier`, of the rule alone."""
    engine.told()
    found = [f"{one.kind.value} {one.notifier}" for one in engine.notifications if one.facts.rule == "floor"]
    engine.notifications.clear()
    engine.told()
    return found


# Acks.


def test_an_ack_stops_reminders_but_keeps_the_end() -> None:
    engine = Engine(FLOOR).at("0m")
    engine.reads("a@x", USDT="5")
    engine.acks("floor", "ann")
    alert = engine.alert("floor")
    assert (alert.acked_by, alert.acked_ms) == ("ann", T0_MS + 1_000)
    assert (alert.remind_at_ms, alert.escalate_at_ms) == (None, None)
    reads(engine, "10h")
    assert said(engine) == ["firing oncall"]
    engine.reads("a@x", USDT="500")
    assert said(engine) == ["resolved oncall"]


def test_without_an_ack_reminders_go_on() -> None:
    engine = Engine(FLOOR).at("0m")
    reads(engine, "5h")
    assert said(engine) == ["firing oncall", "reminder oncall"]


def test_an_ack_means_the_one_alert_that_it_names() -> None:
    engine = Engine(FLOOR, low("other", "100", confirm=1))
    engine.reads("a@x", USDT="5")
    engine.acks("floor")
    assert engine.alert("other").acked_ms is None


def test_an_ack_of_what_is_not_firing_changes_nothing() -> None:
    engine = Engine(low("floor", "100"))
    engine.reads("a@x", USDT="5")
    engine.acks("floor")
    assert engine.alert("floor").acked_ms is None
    engine.forget_touched()
    engine.says(Acked(engine.now_ms, "A0000", "ann"))
    assert engine.untouched()


def test_an_ack_outlives_a_restart_and_an_edit() -> None:
    engine = Engine(FLOOR).at("0m")
    engine.reads("a@x", USDT="5")
    engine.acks("floor")
    engine.restarts("1m")
    engine.edits(low("floor", "90", confirm=1))
    reads(engine, "10h")
    assert said(engine) == ["firing oncall"]


def test_an_acked_alert_is_not_told_to_a_notifier_that_comes_later() -> None:
    engine = Engine(FLOOR)
    engine.reads("a@x", USDT="5")
    engine.acks("floor")
    engine.edits(FLOOR, notifiers=TEAM)
    engine.reads("a@x", USDT="5")
    assert said(engine) == ["firing oncall"]


def test_a_raise_after_an_ack_is_told_and_clears_the_ack() -> None:
    engine = Engine(TIERS, notifiers=[NotifierSettings("oncall")]).at("0m")
    engine.reads("a@x", USDT="50")
    engine.acks("floor")
    engine.reads("a@x", USDT="5")
    assert said(engine) == ["firing oncall", "raised oncall"]
    assert (engine.alert("floor").acked_ms, engine.alert("floor").acked_by) == (None, "")
    reads(engine, "5h")
    assert said(engine) == ["reminder oncall"]


def test_who_acked_while_the_digest_waited_is_not_reminded_and_hears_the_end() -> None:
    engine = Engine(ESCALATING, notifiers=TEAM, first=True).at("0m")
    engine.lists("a@x", "b@x")
    engine.reads("a@x", USDT="5")
    engine.acks("floor")
    engine.reads("b@x", USDT="500")
    assert said(engine) == ["firing oncall"]
    reads(engine, "9h")
    engine.reads("a@x", USDT="500")
    assert said(engine) == ["resolved oncall"]


def test_a_raise_while_the_digest_waits_clears_the_ack_of_the_lesser() -> None:
    engine = Engine(TIERS, notifiers=TEAM, first=True).at("0m")
    engine.lists("a@x", "b@x")
    engine.reads("a@x", USDT="50")
    engine.acks("floor")
    engine.reads("a@x", USDT="5")
    assert engine.alert("floor").acked_ms is None
    assert said(engine) == []


def test_an_event_that_was_acked_is_silent_and_closes_by_itself() -> None:
    engine = Engine(change("floor", "10m", drop="1", confirm=1)).at("0m")
    engine.reads("a@x", USDT="5")
    engine.reads("a@x", USDT="1")
    engine.acks("floor")
    reads(engine, "25h", free="1")
    assert said(engine) == ["event oncall"]
    assert engine.states() == []


# Escalation.


def test_what_nobody_acks_in_time_is_escalated_once() -> None:
    engine = Engine(ESCALATING, notifiers=TEAM).at("0m")
    engine.reads("a@x", USDT="5")
    engine.at("15m").now_ms -= 1
    engine.ticks()
    assert said(engine) == ["firing oncall"]
    engine.at("15m").ticks()
    assert said(engine) == ["escalated boss"]
    assert engine.alert("floor").told == {"oncall", "boss"}
    reads(engine, "3h")
    assert said(engine) == []
    engine.reads("a@x", USDT="500")
    assert said(engine) == ["resolved oncall", "resolved boss"]


def test_an_ack_stops_the_escalation() -> None:
    engine = Engine(ESCALATING, notifiers=TEAM).at("0m")
    engine.reads("a@x", USDT="5")
    engine.acks("floor")
    reads(engine, "3h")
    assert said(engine) == ["firing oncall"]


def test_what_ends_in_time_is_not_escalated() -> None:
    engine = Engine(ESCALATING, notifiers=TEAM).at("0m")
    engine.reads("a@x", USDT="5")
    reads(engine, "1h", free="500")
    assert said(engine) == ["firing oncall", "resolved oncall"]


def test_an_escalation_survives_a_restart() -> None:
    engine = Engine(ESCALATING, notifiers=TEAM).at("0m")
    engine.reads("a@x", USDT="5")
    engine.restarts("1m")
    reads(engine, "20m")
    assert said(engine) == ["firing oncall", "escalated boss"]


def test_a_raise_after_an_ack_escalates_anew() -> None:
    engine = Engine(TIERS, notifiers=TEAM).at("0m")
    engine.reads("a@x", USDT="50")
    engine.acks("floor")
    engine.at("10m").reads("a@x", USDT="5")
    said(engine)
    engine.at("24m").ticks()
    assert said(engine) == []
    engine.at("25m").ticks()
    assert said(engine) == ["escalated boss"]


def test_a_raise_does_not_put_the_escalation_off() -> None:
    engine = Engine(TIERS, notifiers=TEAM).at("0m")
    engine.reads("a@x", USDT="50")
    engine.at("14m").reads("a@x", USDT="5")
    said(engine)
    engine.at("15m").ticks()
    assert said(engine) == ["escalated boss"]


def test_a_raise_after_the_escalation_escalates_again() -> None:
    engine = Engine(TIERS, notifiers=TEAM).at("0m")
    engine.reads("a@x", USDT="50")
    engine.at("15m").ticks()
    engine.at("20m").reads("a@x", USDT="5")
    said(engine)
    engine.at("35m").ticks()
    assert said(engine) == ["escalated boss"]


def test_an_edit_that_takes_the_escalation_away_stops_it() -> None:
    engine = Engine(ESCALATING, notifiers=TEAM).at("0m")
    engine.reads("a@x", USDT="5")
    engine.edits(low("floor", "100", confirm=1, notify=("oncall",)))
    reads(engine, "1h")
    assert said(engine) == ["firing oncall"]
    assert engine.alert("floor").escalate_at_ms is None


def test_a_trial_escalates_to_nobody_until_it_becomes_serious() -> None:
    trial = low("floor", "100", confirm=1, notify=(), escalate_after="15m", escalate_to=("boss",))
    engine = Engine(trial, notifiers=TEAM).at("0m")
    reads(engine, "1h")
    assert said(engine) == []
    engine.edits(ESCALATING)
    engine.reads("a@x", USDT="5")
    reads(engine, "2h")
    assert said(engine) == ["firing oncall", "escalated boss"]


def test_an_escalation_that_was_told_is_not_told_again_by_an_edit() -> None:
    engine = Engine(ESCALATING, notifiers=TEAM).at("0m")
    reads(engine, "20m")
    engine.edits(ESCALATING, notifiers=(*TEAM, NotifierSettings("oncall2")))
    reads(engine, "1h")
    assert said(engine) == ["firing oncall", "escalated boss"]


# Silences.


def test_under_a_silence_nothing_is_escalated_and_after_it_there_is_time_to_ack() -> None:
    engine = Engine(ESCALATING, notifiers=TEAM).at("0m")
    engine.reads("a@x", USDT="5")
    engine.silences(until="30m")
    reads(engine, "44m")
    assert said(engine) == ["firing oncall"]
    reads(engine, "46m")
    assert said(engine) == ["escalated boss"]


def test_a_silence_that_ended_within_the_wait_begins_it_anew() -> None:
    engine = Engine(ESCALATING, notifiers=TEAM).at("0m")
    engine.silences(until="14m")
    engine.reads("a@x", USDT="5")
    reads(engine, "28m")
    assert said(engine) == ["firing oncall"]
    reads(engine, "30m")
    assert said(engine) == ["escalated boss"]


def test_a_silence_that_was_over_before_it_fired_delays_nothing() -> None:
    engine = Engine(ESCALATING, notifiers=TEAM).at("0m")
    engine.silences(until="1m")
    engine.at("2m").reads("a@x", USDT="5")
    said(engine)
    engine.at("17m").ticks()
    assert said(engine) == ["escalated boss"]


def test_a_silence_that_a_person_ends_gives_time_to_ack() -> None:
    engine = Engine(ESCALATING, notifiers=TEAM).at("0m")
    engine.reads("a@x", USDT="5")
    engine.silences(until="60m")
    reads(engine, "14m")
    engine.at("14m").says(SilenceEnded(engine.now_ms, "S1A", "ann"))
    assert engine.world.silences == {}
    engine.at("20m").ticks()
    assert said(engine) == ["firing oncall"]
    engine.at("29m").ticks()
    assert said(engine) == ["escalated boss"]


@pytest.mark.parametrize("more", [{"rule": Patterns.of("roof")}, {"from_ms": T0_MS + ms("5h")}])
def test_the_end_of_a_silence_of_something_else_delays_nothing(more: dict[str, object]) -> None:
    engine = Engine(ESCALATING, notifiers=TEAM).at("0m")
    engine.reads("a@x", USDT="5")
    engine.silences(until="10h", **more)
    engine.at("14m").says(SilenceEnded(engine.now_ms, "S1A", "ann"))
    engine.says(SilenceEnded(engine.now_ms, "S1A", "ann"))
    engine.at("15m").ticks()
    assert said(engine) == ["firing oncall", "escalated boss"]


def test_silences_of_the_file_count_as_those_of_people() -> None:
    engine = Engine(ESCALATING, notifiers=TEAM).at("0m")
    file = Silence("night", "sleep", "ann", until_ms=T0_MS + ms("30m"))
    engine.edits(ESCALATING, silences=(file,))
    engine.reads("a@x", USDT="5")
    reads(engine, "44m")
    assert said(engine) == ["firing oncall"]
    reads(engine, "46m")
    assert said(engine) == ["escalated boss"]


def test_a_silence_until_an_alert_is_resolved_escalates_nothing_of_it() -> None:
    engine = Engine(ESCALATING, notifiers=TEAM).at("0m")
    engine.reads("a@x", USDT="5")
    engine.silences(until_resolved=engine.alert("floor").id)
    reads(engine, "3h")
    assert said(engine) == ["firing oncall"]


def test_law_13_escalations_are_told_in_the_order_of_their_keys() -> None:
    engine = Engine(ESCALATING, notifiers=TEAM).at("0m")
    engine.lists("a@x", "b@x")
    engine.reads("b@x", USDT="5")
    engine.reads("a@x", USDT="5")
    engine.at("16m").ticks()
    assert [one.split()[2] for one in engine.told() if "escalated" in one] == ["a@x", "b@x"]


# Dead notifiers.


def dies(engine: Engine, notifier: str, message: str = "M1A") -> list[str]:
    outcome = engine.says(DeliveryDied(engine.now_ms, notifier, message, 3, "HTTP 404"))
    return [f"{one.kind.value} {one.notifier}" for one in outcome.notifications]


def works(engine: Engine, notifier: str) -> list[str]:
    outcome = engine.says(DeliveryWorks(engine.now_ms, notifier))
    return [f"{one.kind.value} {one.notifier}" for one in outcome.notifications]


def test_law_7_a_dead_notification_is_told_through_the_others() -> None:
    engine = Engine(notifiers=PEOPLE)
    assert dies(engine, "chat") == ["firing pager", "firing mail"]
    facts = engine.notifications[-1].facts
    assert facts.severity is Severity.CRITICAL
    assert "“chat”" in facts.headline
    assert facts.details[0] == "Message M1A with 3 notifications was given up: HTTP 404"


def test_law_7_the_route_that_names_only_the_dead_one_is_left() -> None:
    engine = Engine(notifiers=PEOPLE, notify=("chat",))
    assert dies(engine, "chat") == ["firing pager", "firing mail"]
    engine.at("5h").ticks()
    assert engine.told()[-1].startswith("reminder subtally/notification")


def test_the_route_is_kept_where_somebody_else_is_on_it() -> None:
    engine = Engine(notifiers=PEOPLE, notify=("chat", "mail"))
    assert dies(engine, "chat") == ["firing mail"]


def test_a_second_death_is_told_to_who_is_still_alive() -> None:
    engine = Engine(notifiers=PEOPLE, notify=("chat", "pager"))
    assert dies(engine, "chat") == ["firing pager"]
    assert dies(engine, "pager") == ["firing mail"]
    assert dies(engine, "mail") == ["firing chat", "firing pager"]


def test_a_death_is_told_once_until_the_notifier_works() -> None:
    engine = Engine(notifiers=PEOPLE[:2])
    assert dies(engine, "chat", "M1A") == ["firing pager"]
    assert dies(engine, "chat", "M2B") == []
    assert "M2B" in engine.alert("subtally/notification").facts.details[0]
    assert works(engine, "pager") == []
    assert works(engine, "chat") == ["resolved pager"]
    assert works(engine, "chat") == []
    assert dies(engine, "chat", "M3C") == ["firing pager"]


def test_with_nobody_left_the_death_is_kept_and_told_to_nobody() -> None:
    engine = Engine()
    assert dies(engine, "oncall") == []
    assert engine.states() == ["firing subtally/notification"]
    engine.at("9h").ticks()
    assert not [one for one in engine.told() if "notification" in one]


def test_a_death_of_what_the_file_no_longer_has_is_no_news() -> None:
    engine = Engine()
    assert dies(engine, "gone") == []
    assert engine.states() == []


def test_a_dead_notifier_that_the_file_loses_is_closed() -> None:
    engine = Engine(notifiers=PEOPLE)
    dies(engine, "chat")
    engine.edits(notifiers=PEOPLE[1:])
    assert engine.states() == []
    assert engine.told()[-1] == "closed subtally/notification"
    assert engine.notifications[-1].facts.reason == "the notifier was removed"


def test_a_dead_notifier_that_the_file_keeps_stays_dead() -> None:
    engine = Engine(notifiers=PEOPLE)
    dies(engine, "chat")
    engine.edits(FLOOR)
    assert engine.states() == ["firing subtally/notification"]


def test_a_death_can_be_acked() -> None:
    engine = Engine(notifiers=PEOPLE)
    dies(engine, "chat")
    engine.acks("subtally/notification")
    engine.at("9h").ticks()
    assert not [one for one in engine.told() if one.startswith("reminder")]


def test_a_silence_of_the_file_named_like_one_of_a_person_is_another() -> None:
    engine = Engine(FLOOR)
    engine.silences("S1A")
    engine.says(SilenceMade(engine.now_ms, Silence("S2B", "works", "bob")))
    engine.says(SilenceEnded(engine.now_ms, "S1A", "ann"))
    assert list(engine.world.silences) == ["S2B"]
