"""Rows of the outbox and open alerts in the shape that wording and services take."""

from __future__ import annotations

from notifiers.message import Item, Kept, Message
from rules import standing
from rules.outcome import NotificationKind
from rules.telling import facts_of
from rules.world import Alert, World
from state import outbox


def as_message(message: outbox.Message) -> Message:
    """The outbox's rows in the shape that wording takes."""
    items = tuple(
        Item(told.alert, told.kind, told.severity, told.facts, told.created_ms, told.batch)
        for told in (row.notification for row in message.rows)
    )
    return Message(message.id, message.notifier, items)


def as_kept(world: World, alert: Alert, told: bool) -> Kept:  # noqa: FBT001  of one call
    """What fires, and whether its notifier was told of it."""

    def shown_since_ms() -> int | None:
        now = world.alerts.get(alert.key)  # it may have ended since
        return 0 if now is None else standing.shown_since_ms(world, now)

    item = Item(
        alert.id, NotificationKind.FIRING, alert.severity, facts_of(alert), alert.fired_ms or alert.since_ms
    )
    return Kept(item, told, shown_since_ms)
