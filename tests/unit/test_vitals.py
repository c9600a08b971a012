"""What systemd hears: a status line that is true and short, and WATCHDOG=1 only where something got on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

import daemon.vitals
from daemon.app import Edit
from daemon.notify_systemd import watchdog_seconds
from daemon.snapshot import ExchangeView, NotifierView, Snapshot
from daemon.vitals import STATUS_SECONDS, Vitals, status_line
from rules.world import Alert

NOW = 1_700_000_000_000


def exchange(name: str, state: str = "fresh", read_ms: int | None = NOW - 4_000) -> ExchangeView:
    return ExchangeView(
        name=name, kind="okx", state=state, reason="", accounts=1, selected=1, last_success_ms=None,
        last_listing_ms=None, oldest_reading_ms=read_ms, sweep_ms=None, reads=0, failures=0, incomplete=0,
        glitches=0, clock_offset_ms=0, banned_until_ms=None, maintenance="",
    )  # fmt: skip


def notifier(queued: int, dead: int = 0) -> NotifierView:
    return NotifierView("oncall", "json://…", queued, dead, None, 0, 0, 0, "")


def alert(fired_ms: int | None) -> Alert:
    return cast("Alert", SimpleNamespace(fired_ms=fired_ms))


def seen(**facts: Any) -> Snapshot:
    known: dict[str, Any] = {"now_ms": NOW, "started_ms": NOW, "version": "", "rules_digest": "", "rules": 1}
    return Snapshot(**(known | facts))


def test_all_is_well_in_one_line() -> None:
    given = seen(
        exchanges=tuple(exchange(name) for name in ("a", "b", "c")),
        alerts=(alert(NOW), alert(None), alert(NOW)),
        notifiers=(notifier(0),),
    )
    assert status_line(given) == "3/3 exchanges fresh, 2 alerts firing, oldest reading 4s ago, outbox 0"


def test_an_edit_of_the_file_is_shown_for_ten_minutes() -> None:
    edit = Edit(NOW - 599_000, "1 rule added")
    assert status_line(seen(), edit).endswith("outbox 0, taken up at 22:03:21 UTC: 1 rule added")
    assert status_line(seen(now_ms=NOW + 1_000), edit).endswith("outbox 0")


def test_what_is_wrong_is_named_and_the_line_stays_short() -> None:
    given = seen(
        exchanges=tuple(exchange(f"e{number}", "stale") for number in range(5)),
        alerts=(alert(NOW),),
        notifiers=(notifier(2, 1), notifier(3, 0)),
        warnings=("rules: refused, the last accepted ones stay in force: …",),
        unready=("state: no room",),
    )
    assert status_line(given) == (
        "0/5 exchanges fresh (e0: stale, e1: stale, e2: stale, 2 more), 1 alert firing, oldest reading 4s ago,"
        " outbox 5, 1 dead notifications, the rules file is refused, the state cannot be written"
    )


def test_law_1_an_age_that_is_not_known_is_no_age() -> None:
    assert "nothing read yet" in status_line(seen(exchanges=(exchange("a", "starting", None),)))


class Watched:
    """Vitals of a stand-in for the app, under a clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float = 8) -> None:
        monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")
        monkeypatch.setenv("WATCHDOG_USEC", str(int(seconds * 1_000_000)))
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        self.told: list[str] = []
        self.now = 0.0
        self.firing = 0
        self.engine = SimpleNamespace(ended=False, trouble="")
        self.app = SimpleNamespace(ticks=0, engine=self.engine, last_edit=None)
        self.vitals = Vitals(cast("Any", self.app), self.told.append, lambda: self.now)

        async def taken(_app: object) -> Snapshot:
            return seen(exchanges=(exchange("a"),), alerts=(alert(NOW),) * self.firing)

        monkeypatch.setattr(daemon.vitals, "snapshot", taken)


async def test_the_watchdog_is_petted_only_after_a_judged_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    await watched.vitals.pet()
    assert watched.told == []
    watched.app.ticks += 1
    await watched.vitals.pet()
    watched.now += 5
    await watched.vitals.pet()
    assert watched.told == ["WATCHDOG=1"]
    watched.app.ticks += 1
    await watched.vitals.pet()
    assert watched.told == ["WATCHDOG=1"] * 2


async def test_a_daemon_whose_commits_have_ended_is_not_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    watched.app.ticks += 1
    watched.engine.ended, watched.engine.trouble = True, "commits have ended"
    await watched.vitals.pet()
    assert watched.told == []


async def test_a_full_disk_is_waited_for_and_not_restarted_away(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    watched.engine.trouble = "no room"
    await watched.vitals.pet()
    assert watched.told == ["WATCHDOG=1"]


async def test_the_status_is_renewed_when_it_changes_and_not_too_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched(monkeypatch)
    await watched.vitals.tell_status()
    watched.firing = 1
    await watched.vitals.tell_status()
    assert len(watched.told) == 1
    watched.now += STATUS_SECONDS
    await watched.vitals.tell_status()
    watched.now += STATUS_SECONDS
    await watched.vitals.tell_status()
    assert [line.split(", ")[1] for line in watched.told] == ["0 alerts firing", "1 alert firing"]


@pytest.mark.parametrize(
    "environment,expected",
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_for_the_process_that_systemd_means(
    environment: dict[str, str], expected: float | None
) -> None:
    assert watchdog_seconds(environment, 7) == expected
