from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from daemon.showing import READ_SECONDS, Showing, charted
from notifiers.message import Item, Message
from notifiers.pictures import Charts
from notifiers.sending import Sender
from rules.facts import Facts
from rules.model import Severity
from rules.outcome import NotificationKind
from state.errors import StateError
from state.threaded import AsyncStore

PNG = b"a picture"
TELEGRAM = "tgram://123456789:AAEmadeup_token_of_the_tests_0123456/-1001234567890"
SLACK = "slack://T0MADEUP0/B0MADEUP0/madeupmadeupmadeupmadeup"


class Wall:
    """A way that takes pictures."""

    name = "wall"
    address = "wall://"
    limit_units = 3_500
    charts = Charts.ATTACHED

    def __init__(self) -> None:
        self.shown: list[tuple[bytes, str]] = []
        self.arrives = True

    async def send(self, *_: object) -> None:
        raise AssertionError("the words have left already")

    async def show(self, png: bytes, caption: str, timeout_seconds: float) -> bool:
        self.shown.append((png, caption))
        return self.arrives

    def close(self) -> None:
        pass


def item(alert: str = "A7F3K", severity: Severity = Severity.WARNING, value: str | None = "5") -> Item:
    facts = Facts("floor", "low_balance", "binance-main", severity, label="mm-1", field="free", value=value)
    return Item(alert, NotificationKind.FIRING, severity, facts, 0)


async def shown(way: object, chart_of: Callable[[str], object], message: Message) -> list[object]:
    showing = Showing("wall", way, chart_of)  # type: ignore[arg-type]
    with capture_logs() as said:
        showing.after(message)
        if showing._task is not None:
            await showing._task
    await showing.close()
    return [one["event"] for one in said]


async def ready(_: str) -> bytes:
    return PNG


MESSAGE = Message("M19CD", "wall", (item(),))


async def test_the_picture_bears_the_ids_of_its_alert_and_its_message() -> None:
    wall = Wall()
    assert await shown(wall, ready, MESSAGE) == []
    assert wall.shown == [(PNG, "A7F3K M19CD")]


async def test_a_slow_read_of_the_state_holds_up_nobody_and_costs_the_chart(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    try:
        began, over = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def slow(_: object) -> bytes:
            loop.call_soon_threadsafe(began.set)
            over.wait(READ_SECONDS * 10)
            return PNG

        async def chart_of(_: str) -> bytes:
            return await store.run(slow)

        wall = Wall()
        showing = Showing("wall", wall, chart_of)
        with capture_logs() as said:
            showing.after(MESSAGE)
            await began.wait()
            assert showing._task is not None
            assert not showing._task.done(), "whoever told the message goes on meanwhile"
            await showing._task
        over.set()
        assert wall.shown == []
        assert [(one["event"], one["log_level"]) for one in said] == [("chart.skipped", "debug")]
    finally:
        await store.close()


async def test_a_state_that_cannot_be_read_costs_the_chart_alone() -> None:
    async def broken(_: str) -> bytes:
        raise StateError("read", Path("x.db"), "broken", "mend it")

    wall = Wall()
    assert await shown(wall, broken, MESSAGE) == ["chart.skipped"]
    assert wall.shown == []


async def test_a_fault_in_the_drawing_is_logged_and_troubles_nobody() -> None:
    async def faulty(_: str) -> bytes:
        raise ZeroDivisionError

    assert await shown(Wall(), faulty, MESSAGE) == ["chart.failed"]


async def test_one_chart_at_a_time() -> None:
    release = asyncio.Event()

    async def waiting(_: str) -> bytes:
        await release.wait()
        return PNG

    wall = Wall()
    showing = Showing("wall", wall, waiting)
    with capture_logs() as said:
        showing.after(MESSAGE)
        showing.after(Message("M2222", "wall", (item("A2222"),)))
    assert [one["event"] for one in said] == ["chart.skipped"]
    release.set()
    assert showing._task is not None
    await showing._task
    assert wall.shown == [(PNG, "A7F3K M19CD")]


def test_the_gravest_alert_with_a_figure_is_shown_of_a_message_of_few() -> None:
    grave, gravest = item("A2222"), item("A3333", Severity.CRITICAL)
    blind = item("A4444", Severity.CRITICAL, value=None)
    found = charted(Message("M1AAA", "wall", (blind, grave, gravest)))
    assert found is gravest
    assert charted(Message("M1AAA", "wall", (blind,))) is None
    assert charted(Message("M1AAA", "wall", (grave, gravest, blind, item("A5555")))) is None


@pytest.mark.parametrize(
    "url, wanted, charts",
    [
        (TELEGRAM, None, Charts.ATTACHED),
        (TELEGRAM, False, Charts.NONE),
        (SLACK, None, Charts.LINKED),
        (SLACK, False, Charts.NONE),
        ("json://127.0.0.1:9", None, Charts.NONE),
        ("json://127.0.0.1:9", True, Charts.ATTACHED),
        ("ntfy://127.0.0.1/topic", None, Charts.NONE),
    ],
)
def test_charts_go_the_way_that_the_service_has(url: str, wanted: bool | None, charts: Charts) -> None:  # noqa: FBT001
    sender = Sender("one", url, charts=wanted)
    try:
        assert sender.charts is charts
    finally:
        sender.close()
