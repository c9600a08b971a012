"""What one outcome would have told, and to whom: one value for each event of an alert."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rules.facts import Facts
from rules.model import Severity
from rules.outcome import NotificationKind, Outcome
from rules.silences import silenced_by
from rules.world import World

_TOLD_BY_ITSELF = {
    "firing": (NotificationKind.FIRING, NotificationKind.EVENT),
    "resolved": (NotificationKind.RESOLVED,),
    "closed": (NotificationKind.CLOSED,),
}
"""The steps of an alert's life that are shown even where nobody is told of them: a trial has them, too."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event of one alert. `event` is firing, raised, reminder, escalated, event, resolved or closed.

    `notifiers` are in the order of the file, () where the rule tells nobody. `silenced` is the id of a silence
    that would have held the message back at that moment, "" where none would.
    """

    at_ms: int
    event: str
    alert: str
    severity: Severity
    facts: Facts
    notifiers: tuple[str, ...]
    silenced: str = ""


def told_of(world: World, outcome: Outcome, now_ms: int) -> Iterator[Told]:
    """In the order of the outcome: what notifications tell, then what nobody is told."""
    groups: dict[tuple[str, NotificationKind], list[str]] = {}
    facts: dict[tuple[str, NotificationKind], tuple[Severity, Facts]] = {}
    for one in outcome.notifications:
        place = (one.alert, one.kind)
        groups.setdefault(place, []).append(one.notifier)
        facts.setdefault(place, (one.severity, one.facts))
    for (alert, kind), notifiers in groups.items():
        severity, said = facts[alert, kind]
        silence = _silence(world, alert, said, now_ms)
        yield Told(now_ms, kind.value, alert, severity, said, tuple(notifiers), silence)
    yield from _untold(world, outcome, now_ms, set(groups))


def _untold(
    world: World, outcome: Outcome, now_ms: int, told: set[tuple[str, NotificationKind]]
) -> Iterator[Told]:
    ended = {alert.id: alert for alert in outcome.ended}
    for step in outcome.transitions:
        kinds = _TOLD_BY_ITSELF.get(step.after, ())
        if not kinds or step.before == step.after or any((step.alert, kind) in told for kind in kinds):
            continue
        alert = ended.get(step.alert) or world.alerts.get(step.key)
        if alert is None or alert.held or (step.after != "firing" and alert.expires_ms is not None):
            continue  # it waits for the digest of a first judgement, or is an event that ends in silence
        event = "event" if step.after == "firing" and alert.expires_ms is not None else step.after
        yield Told(now_ms, event, step.alert, step.severity, alert.facts, ())


def _silence(world: World, alert: str, facts: Facts, now_ms: int) -> str:
    found = silenced_by((*world.silences.values(), *world.ruleset.silences), alert, facts, now_ms)
    return "" if found is None else found.id
