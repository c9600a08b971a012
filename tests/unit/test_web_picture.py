from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from daemon.web.picture import gaps_of, picture, read_picture
from notifiers.drawing.canvas import COLOURS, Ink
from notifiers.message import Item, Message
from notifiers.wording import word
from rules.model import Tick
from rules.outcome import NotificationKind
from state import AsyncStore
from tests.unit.test_cli_support import ARB, MM_1, Fed, fed
from tests.unit.test_drawing import decoded
from tests.unit.web_support import FACTS, NOW_MS, PAGE, SNAPSHOT, Daemon, serving

URL = "https://subtally.example"


def firing(made: Fed) -> str:
    (row,) = [row for row in made.store.alerts("firing").rows if row.alert.rule == "USDT floor"]
    return row.alert.id


def coloured(png: bytes | None, ink: Ink) -> int:
    assert png is not None
    return sum(row.count(COLOURS[ink]) for row in decoded(png))


def test_the_chart_of_an_alert_is_drawn_from_what_was_read(tmp_path: Path) -> None:
    with fed(tmp_path, store_open=True) as made:
        made.read(MM_1, {"USDT": ("12.5", "0", "12.5")})
        png = read_picture(made.store, firing(made), made.now, "UTC")
        assert coloured(png, Ink.LINE) > 500
        assert coloured(png, Ink.GAP) == 0


def test_law_1_the_time_since_the_last_reading_is_shown_as_not_read(tmp_path: Path) -> None:
    with fed(tmp_path, store_open=True) as made:
        png = read_picture(made.store, firing(made), made.now + 3_600_000, "UTC")
        assert coloured(png, Ink.GAP) > 10_000


def test_a_time_that_was_told_as_stale_stays_a_gap(tmp_path: Path) -> None:
    with fed(tmp_path, store_open=True) as made:
        first_ms = made.now
        for _ in range(2):
            made.now += 400_000
            made.take(Tick(made.now))
        last_ms = made.now
        made.read(MM_1, {"USDT": ("12.5", "0", "12.5")})
        made.read(ARB, {"USDT": ("5", "5", "5")})
        page_row = made.store.alert(firing(made))
        assert page_row is not None
        gaps = gaps_of(made.store, replace(PAGE, row=page_row, now_ms=made.now))
        assert [(begin <= first_ms, last_ms <= end <= made.now) for begin, end in gaps] == [(True, True)]
        assert coloured(read_picture(made.store, firing(made), made.now, "UTC"), Ink.GAP) > 10_000


def test_an_alert_without_a_figure_has_no_chart(tmp_path: Path) -> None:
    with fed(tmp_path, store_open=True) as made:
        assert read_picture(made.store, "A9999", made.now, "UTC") is None
    bare = replace(PAGE.row.alert, facts=replace(FACTS, value=None, before=None, before_ms=None))
    steps = tuple(replace(step, value=None) for step in PAGE.transitions)
    assert picture(replace(PAGE, row=replace(PAGE.row, alert=bare, ending=None), transitions=steps)) is None


@pytest.mark.parametrize(
    "path, status", [("A{id}/chart.png", 404), ("../chart.png", 404), ("A9999/chart.png", 404)]
)
async def test_what_is_not_there_is_not_found(tmp_path: Path, path: str, status: int) -> None:
    with fed(tmp_path, store_open=True):
        reads = await AsyncStore.open(tmp_path / "subtally.db", readonly=True)
        try:
            async with serving(Daemon(SNAPSHOT), reads=reads) as browser:
                assert (await browser.ask(f"/alerts/{path}")).status == status
        finally:
            await reads.close()


async def test_the_link_of_a_message_leads_to_the_picture(tmp_path: Path) -> None:
    item = Item("A7F3Q", NotificationKind.FIRING, FACTS.severity, FACTS, NOW_MS)
    message = Message("M19CD", "slack", (item,))
    told = word(message, timezone="UTC", public_url=URL, now_ms=NOW_MS, charts=True)
    (link,) = [line.removeprefix("chart: ") for line in told.body.splitlines() if line.startswith("chart: ")]
    with fed(tmp_path, store_open=True):
        reads = await AsyncStore.open(tmp_path / "subtally.db", readonly=True)
        try:
            async with serving(Daemon(SNAPSHOT), reads=reads) as browser, aiohttp.ClientSession() as session:
                where = f"http://127.0.0.1:{browser.server.port}{link.removeprefix(URL)}"
                async with session.get(where) as response:
                    assert (response.status, response.content_type) == (200, "image/png")
                    assert coloured(await response.read(), Ink.LINE) > 100
                    tag = response.headers["ETag"]
                async with session.get(where, headers={"If-None-Match": tag}) as response:
                    assert response.status == 304
        finally:
            await reads.close()


def test_without_charts_or_without_a_public_url_there_is_no_link() -> None:
    item = Item("A7F3Q", NotificationKind.FIRING, FACTS.severity, FACTS, NOW_MS)
    message = Message("M19CD", "slack", (item,))
    for url, charts in ((URL, False), ("", True)):
        told = word(message, timezone="UTC", public_url=url, now_ms=NOW_MS, charts=charts)
        assert "chart" not in told.body
    headline = replace(item, facts=replace(FACTS, value=None, headline="frozen by the venue"))
    told = word(
        replace(message, items=(headline,)), timezone="UTC", public_url=URL, now_ms=NOW_MS, charts=True
    )
    assert "chart" not in told.body
