"""The pages over a real state: exact, escaped, paged, made once for many, and sent only where they changed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from daemon.snapshot import RuleView
from daemon.web.chart import HEIGHT, POINTS_MOST, WIDTH, chart, spark
from daemon.web.recent import Recent
from daemon.web.series import of_field
from rules.model import Identity
from state import AsyncStore
from state.traces import Trace
from tests.unit.test_cli_support import LARGE, MM_1, SMALL, Fed, fed
from tests.unit.web_support import HOSTILE, SNAPSHOT, Browser, Daemon, alert, serving

RULE = RuleView("USDT floor", "low_balance", "warning", "*", "mm-*", "USDT", True, "everyone", "", 1_234)  # noqa: FBT003


@asynccontextmanager
async def screen(folder: Path, **options: Any) -> AsyncIterator[tuple[Browser, Fed]]:
    with fed(folder, store_open=True) as made:
        reads = await AsyncStore.open(folder / "subtally.db", readonly=True)
        try:
            now = replace(SNAPSHOT, now_ms=made.now)
            daemon = options.pop("daemon", Daemon(now))
            async with serving(daemon, reads=reads, rules=lambda: (RULE,), **options) as browser:
                yield browser, made
        finally:
            await reads.close()


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


async def test_law_9_accounts_show_exact_grouped_figures_and_law_1_what_is_not_known(tmp_path: Path) -> None:
    async with screen(tmp_path) as (browser, _):
        for path in ("/", "/accounts", "/accounts/1"):
            told = words((await browser.page(path)).text)
            assert "1,234.000000000000000001" in told
            assert "1,234,567.123456789012345678" in told
        arb = (await browser.page("/accounts/2")).text
        assert 'title="not known, which is not zero">?<' in arb
        assert SMALL not in arb
        assert LARGE not in arb


async def test_a_balance_that_moved_has_a_line_and_one_that_stood_still_has_none(tmp_path: Path) -> None:
    async with screen(tmp_path) as (browser, made):
        assert "<svg" not in (await browser.page("/accounts/1")).text
        made.read(MM_1, {"USDT": ("5", "0", "5"), "BTC": (LARGE, "-0.50", LARGE)})
        assert (await browser.page("/accounts/1")).status == 200
        assert '<svg class="spark"' in (await browser.page("/accounts?name=mm-1")).text


async def test_foreign_names_stay_text_on_every_page(tmp_path: Path) -> None:
    async with screen(tmp_path) as (browser, made):
        made.read(Identity("9", "x@y", HOSTILE), {HOSTILE: ("1", "0", "1")})
        for path in ("/", "/accounts", "/accounts/3", "/rules", "/notifications"):
            page = (await browser.page(path)).text
            assert '<script>alert("x")' not in page
        assert "&lt;script&gt;" in (await browser.page("/accounts/3")).text


@pytest.mark.parametrize(
    "path, status",
    [
        ("/accounts/99", 404),
        ("/accounts/0x1", 404),
        ("/accounts/99999999999999999999", 404),
        ("/accounts?after=x", 400),
        ("/accounts?colour=red", 400),
        ("/accounts?name=&exchange=", 200),
        ("/accounts?name=nobody", 200),
        ("/notifications?after=1", 200),
        ("/notifications?after=-1", 400),
        ("/rules", 200),
    ],
)
async def test_a_page_that_does_not_exist_is_said_to(tmp_path: Path, path: str, status: int) -> None:
    async with screen(tmp_path) as (browser, _):
        assert (await browser.page(path)).status == status


async def test_a_page_that_only_grew_older_is_304(tmp_path: Path) -> None:
    daemon = Daemon()
    async with screen(tmp_path, daemon=daemon) as (browser, _):
        first = await browser.page("/rules")
        daemon.snapshot = replace(SNAPSHOT, now_ms=SNAPSHOT.now_ms + 60_000)
        older = await browser.ask("/rules?", headers={"If-None-Match": first.headers["Etag"]})
        assert older.status == 304
        gone = await browser.ask("/rules", headers={"If-None-Match": '"other"'})
        assert gone.status == 200
        assert gone.headers["Cache-Control"] == "private, no-cache"


async def test_rules_show_what_they_judge_and_when_they_fired(tmp_path: Path) -> None:
    fires = replace(SNAPSHOT, alerts=(alert(rule="USDT floor"), alert("A0OTH", rule="USDT floor")))
    async with screen(tmp_path, daemon=Daemon(fires)) as (browser, _):
        told = words((await browser.page("/rules")).text)
    assert "1,234 2" in told
    assert "never" not in told


async def test_breaks_stand_on_the_page_of_their_own(tmp_path: Path) -> None:
    broken = replace(SNAPSHOT, alerts=(replace(alert("A7BRK"), type="reconciliation"),))
    async with screen(tmp_path, daemon=Daemon(broken)) as (browser, _):
        page = (await browser.page("/")).text
    part = page[page.index('id="breaks"') : page.index('id="exchanges"')]
    assert "A7BRK" in part
    assert "No break is open" not in page


async def test_many_who_ask_at_once_are_answered_by_one_making() -> None:
    made = 0
    now = [0.0]
    gate = asyncio.Event()

    async def make() -> int:
        nonlocal made
        made += 1
        await gate.wait()
        return made

    recent: Recent[int] = Recent(1.0, 2, clock=lambda: now[0])
    waiting = [asyncio.create_task(recent.get("x", make)) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # one who leaves takes nothing from the others
    gate.set()
    assert await asyncio.gather(*waiting[1:]) == [1] * 49
    assert await recent.get("x", make) == 1
    now[0] = 1.0
    assert await recent.get("x", make) == 2
    recent.forget()
    assert await recent.get("x", make) == 3
    for key in range(5):
        await recent.get(key, make)
    assert len(recent._kept) == 2


async def test_a_fault_is_told_and_not_kept() -> None:
    recent: Recent[int] = Recent()

    async def fail() -> int:
        raise ValueError("once")

    async def work() -> int:
        return 7

    with pytest.raises(ValueError, match="once"):
        await recent.get("x", fail)
    assert await recent.get("x", work) == 7


def points(*figures: str | None) -> list[tuple[int, Decimal | None]]:
    return [(at * 100, None if one is None else Decimal(one)) for at, one in enumerate(figures)]


def test_a_chart_lies_inside_its_box_with_threshold_and_marks() -> None:
    drawn = chart(
        points("5", "1", "9"), 0, 300, (Decimal(20), Decimal(30)), [(100, "firing"), (900, "resolved")]
    )
    assert drawn is not None
    assert (drawn.low, drawn.high, drawn.last) == ("1", "9", "9")
    assert [mark.kind for mark in drawn.marks] == ["firing"]
    numbers = [float(one) for one in re.findall(r"-?\d+(?:\.\d+)?", drawn.line)]
    assert all(0 <= one <= WIDTH for one in numbers)
    assert 0 < float(drawn.clear_y) < float(drawn.threshold_y) < HEIGHT


def test_a_gap_is_drawn_where_nothing_was_known_and_nothing_where_nothing_ever_was() -> None:
    drawn = chart(points("5", None, "6"), 0, 300)
    assert drawn is not None
    assert drawn.line.count("M") == 2
    assert drawn.area == ""
    assert chart(points(None), 0, 300) is None
    assert chart([], 0, 300) is None
    assert spark([], 0, 300) == ""


def test_a_peak_survives_the_thinning() -> None:
    many = points(*("1" for _ in range(5_000)), "100", *("1" for _ in range(5_000)))
    drawn = chart(many, 0, 10_001 * 100)
    assert drawn is not None
    assert drawn.high == "100"
    assert drawn.line.count("V") <= 2 * POINTS_MOST
    assert len(set(re.findall(r"V([\d.]+)", drawn.line))) == 2


def test_a_sum_is_exact_and_unknown_while_a_part_is() -> None:
    def trace(wallet: str, *spans: tuple[int, str | None]) -> Trace:
        return Trace(1, wallet, "BTC", ("free",), tuple((at, (amount,)) for at, amount in spans), 900)

    one = trace("spot", (100, "0.1"), (300, "0.100000000000000001"))
    other = trace("funding", (200, "0.2"), (400, None), (500, "7"))
    assert of_field([one, other], "free") == [
        (100, None),
        (200, Decimal("0.3")),
        (300, Decimal("0.300000000000000001")),
        (400, None),
        (500, Decimal("7.100000000000000001")),
    ]
    assert of_field([], "free") == []
