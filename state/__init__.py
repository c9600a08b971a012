"""What is known, kept in SQLite: the only place that touches the database."""

from state.errors import StateError
from state.outbox import Counts, Message, OutboxRow
from state.prepared import Entry, Prepared
from state.queries import AlertRow, Attempt, BalanceRow, NotificationRow, Page
from state.store import AcceptedRules, Store
from state.threaded import AsyncStore

__all__ = [
    "AcceptedRules",
    "AlertRow",
    "AsyncStore",
    "Attempt",
    "BalanceRow",
    "Counts",
    "Entry",
    "Message",
    "NotificationRow",
    "OutboxRow",
    "Page",
    "Prepared",
    "StateError",
    "Store",
]
