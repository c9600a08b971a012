"""What the server asks of the daemon: each a question with an answer of plain values, or something to be done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from daemon.snapshot import RuleView, Snapshot
from daemon.web.actions import Actions
from daemon.web.alerts import AlertPage
from state.threaded import AsyncStore

__all__ = ["Sources"]


def _no_rules() -> tuple[RuleView, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Sources:
    """`snapshot` tells how things are now, `rules` what each rule is about; `alert_of` tells of the alert with that id,
    open or ended, None without one. `actions` do what is ordered; without them all of it is refused. `reads` is a
    connection and a thread for reading alone; without it nothing is told that is only in the state.
    """

    snapshot: Callable[[], Awaitable[Snapshot]]
    alert_of: Callable[[str], Awaitable[AlertPage | None]]
    actions: Actions | None = None
    reads: AsyncStore | None = None
    rules: Callable[[], tuple[RuleView, ...]] = _no_rules
