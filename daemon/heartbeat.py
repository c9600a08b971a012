"""The dead man's switch: a GET while all is well, and to `/fail` while it is not (law 14), Healthchecks style."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import structlog
from yarl import URL

if TYPE_CHECKING:
    from daemon.snapshot import Snapshot

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60
TIMEOUT_SECONDS = 10
STUCK_MS = 10 * 60_000
REASON_MOST = 300


class Heartbeat:
    """Pings one URL. Its own failures are logged once and change nothing: silence is what it is made of."""

    def __init__(self, url: str) -> None:
        self._ok = URL(url)
        self._fail = self._ok.with_path(self._ok.path.rstrip("/") + "/fail").with_query(self._ok.query)
        self._failing = ""

    async def beat(self, snapshot: Snapshot) -> None:
        """One ping that says how things are."""
        reasons = troubles(snapshot)
        try:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self._fail if reasons else self._ok, allow_redirects=False) as answer,
            ):
                fault = "" if answer.ok else f"HTTP {answer.status}"
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            fault = type(error).__name__  # its text may hold the URL, which is a secret
        if fault and not self._failing:
            log.warning("heartbeat.failing", reason=fault, said="; ".join(reasons)[:REASON_MOST])
        elif self._failing and not fault:
            log.info("heartbeat.arrives_again")
        self._failing = fault


def troubles(snapshot: Snapshot) -> list[str]:
    """Why the switch should fire: a stale or stopped exchange, an outbox that does not move, dead notifications."""
    reasons = [
        f"{one.name} is {one.state}" for one in snapshot.exchanges if one.state in {"stale", "stopped"}
    ]
    reasons += [
        f"notifier {one.name} is stuck"
        for one in snapshot.notifiers
        if one.queued and one.oldest_ms is not None and snapshot.now_ms - one.oldest_ms > STUCK_MS
    ]
    if snapshot.notifiers and all(notifier.dead for notifier in snapshot.notifiers):
        reasons.append("every notifier has dead notifications")
    return reasons + [reason for reason in snapshot.unready if reason.startswith("state:")]
