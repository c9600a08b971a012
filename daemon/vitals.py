"""The vital signs of a running daemon, for systemd: one line that says how the watch is, and proof of progress."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from daemon.app import App, Edit
from daemon.notify_systemd import heard_by_systemd, tell_systemd, watchdog_seconds
from daemon.snapshot import Snapshot
from daemon.snapshots import snapshot
from notifiers.times import duration

LOOK_SECONDS: Final = 1.0
STATUS_SECONDS: Final = 3.0
"""The least time between two status lines."""

EDIT_SHOWN_MS: Final = 600_000
PETS_PER_WATCHDOG: Final = 4
_MOST_NAMED: Final = 3


class Vitals:
    """Looks at the daemon every second, from its event loop: one that hangs looks at nothing."""

    def __init__(
        self,
        app: App,
        tell: Callable[[str], None] = tell_systemd,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._app = app
        self._tell = tell
        self._clock = clock
        self._line = ""
        self._told_at: float | None = None
        self._ticks = app.ticks
        self._petted_at: float | None = None
        self._patience = watchdog_seconds(os.environ, os.getpid())

    def start(self) -> None:
        """Look from now on, where systemd listens. Two jobs: a status that waits for the disk delays no pet."""
        if heard_by_systemd():
            self._app.every("status", LOOK_SECONDS, self.tell_status)
        if self._patience is not None:
            self._app.every("watchdog", LOOK_SECONDS, self.pet)

    async def tell_status(self) -> None:
        """Renew the status line where it is another and the last one is old enough."""
        now = self._clock()
        if self._told_at is not None and now - self._told_at < STATUS_SECONDS:
            return
        line = status_line(await snapshot(self._app), self._app.last_edit)
        if line != self._line:
            self._line, self._told_at = line, now
            self._tell(f"STATUS={line}")

    async def pet(self) -> None:
        """WATCHDOG=1, only after real progress: a tick was judged, and what is judged can still become durable.

        While the disk refuses to write, the engine waits for it and judges little: no restart would help, and
        what was judged would be lost.
        """
        engine = self._app.engine
        if self._patience is None or engine.ended:
            return
        if self._app.ticks == self._ticks and not engine.trouble:
            return
        now = self._clock()
        if self._petted_at is None or now - self._petted_at >= self._patience / PETS_PER_WATCHDOG:
            self._petted_at, self._ticks = now, self._app.ticks
            self._tell("WATCHDOG=1")


def status_line(seen: Snapshot, edit: Edit | None = None) -> str:
    """`2/3 exchanges fresh (okx-main: stale), 2 alerts firing, oldest reading 4s ago, outbox 0`: one short line.

    For ten minutes also what the last edit of the file changed.
    """
    fresh = sum(one.state == "fresh" for one in seen.exchanges)
    parts = [f"{fresh}/{len(seen.exchanges)} exchanges fresh{_others(seen)}"]
    firing = sum(alert.fired_ms is not None for alert in seen.alerts)
    parts.append(f"{firing} {'alert' if firing == 1 else 'alerts'} firing")
    read = [one.oldest_reading_ms for one in seen.exchanges if one.oldest_reading_ms is not None]
    parts.append(f"oldest reading {duration(seen.now_ms - min(read))} ago" if read else "nothing read yet")
    parts.append(f"outbox {sum(one.queued for one in seen.notifiers)}")
    dead = sum(one.dead for one in seen.notifiers)
    parts += [f"{dead} dead notifications"] if dead else []
    parts += ["the rules file is refused"] if _begins(seen.warnings, "rules:") else []
    if edit is not None and seen.now_ms - edit.at_ms < EDIT_SHOWN_MS:
        parts.append(
            f"taken up at {datetime.fromtimestamp(edit.at_ms // 1000, UTC):%H:%M:%S} UTC: {edit.changed}"
        )
    parts += ["the state cannot be written"] if _begins(seen.unready, "state:") else []
    return ", ".join(parts)


def _others(seen: Snapshot) -> str:
    named = [f"{one.name}: {one.state}" for one in seen.exchanges if one.state != "fresh"]
    more = [f"{len(named) - _MOST_NAMED} more"] if len(named) > _MOST_NAMED else []
    return f" ({', '.join([*named[:_MOST_NAMED], *more])})" if named else ""


def _begins(reasons: tuple[str, ...], word: str) -> bool:
    return any(reason.startswith(word) for reason in reasons)
