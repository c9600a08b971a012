"""When the dead man's switch should fire (law 14)."""

from __future__ import annotations

from daemon.heartbeat import STUCK_MS, troubles
from daemon.snapshot import ExchangeView, NotifierView, Snapshot


def exchange(state: str) -> ExchangeView:
    return ExchangeView(
        "okx-main", "okx", state, "", 3, 3, 1, 1, 1, 1, reads=1, failures=0, incomplete=0, glitches=0,
        clock_offset_ms=0, banned_until_ms=None, maintenance="",
    )  # fmt: skip


def notifier(*, queued: int = 0, dead: int = 0, oldest_ms: int | None = None) -> NotifierView:
    return NotifierView("oncall", "json://…", queued, dead, oldest_ms, 0, 0, 0, "")


def snapshot(
    *exchanges: ExchangeView, notifiers: tuple[NotifierView, ...] = (), unready: tuple[str, ...] = ()
) -> Snapshot:
    return Snapshot(STUCK_MS * 10, 0, "1", "", 1, exchanges=exchanges, notifiers=notifiers, unready=unready)


def test_all_is_well_while_exchanges_are_fresh_or_only_starting() -> None:
    assert troubles(snapshot(exchange("fresh"), exchange("starting"), unready=("okx-main: starting",))) == []


def test_a_stale_or_stopped_exchange_stops_it() -> None:
    assert troubles(snapshot(exchange("stale"))) == ["okx-main is stale"]
    assert troubles(snapshot(exchange("stopped"))) == ["okx-main is stopped"]


def test_a_stuck_outbox_stops_it() -> None:
    now = STUCK_MS * 10
    assert troubles(snapshot(notifiers=(notifier(queued=1, oldest_ms=now - STUCK_MS - 1),))) == [
        "notifier oncall is stuck"
    ]
    assert troubles(snapshot(notifiers=(notifier(queued=1, oldest_ms=now - 1),))) == []


def test_it_stops_when_no_notifier_is_left_to_tell_of_the_dead() -> None:
    assert troubles(snapshot(notifiers=(notifier(dead=1), notifier(dead=2))))
    assert troubles(snapshot(notifiers=(notifier(dead=1), notifier()))) == []


def test_an_unwritable_state_stops_it() -> None:
    assert troubles(snapshot(unready=("state: disk full",))) == ["state: disk full"]
