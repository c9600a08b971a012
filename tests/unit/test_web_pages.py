"""What a person reads: exact figures, ages in words, and foreign text that stays text."""

import re
from dataclasses import replace

import pytest

from daemon.web.alerts import AlertPage
from daemon.web.pages import ALERTS_MOST
from rules.model import Severity
from tests.unit.web_support import (
    FACTS,
    FIGURE,
    HOSTILE,
    NOW_MS,
    PAGE,
    ROW,
    SNAPSHOT,
    SUM,
    Browser,
    Daemon,
    alert,
    exchange,
    notifier,
    serving,
)


async def text_of(browser: Browser, path: str) -> str:
    answer = await browser.page(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return answer.text


def words(page: str) -> str:
    """As it is read: without markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


async def test_law_9_figures_are_exact_and_grouped() -> None:
    async with serving() as browser:
        for path in ("/", "/alerts/A7F3Q"):
            page = words(await text_of(browser, path))
            assert "18,250.500000000000000001" in page
            assert "&lt; 20,000" in page


async def test_an_alert_is_shown_with_all_that_one_acts_on() -> None:
    async with serving() as browser:
        page = await text_of(browser, "/")
    told = words(page)
    for wanted in ("CRITICAL", FACTS.rule, "mm-1@desk.example", "USDT free", "2m 10s ago", "A7F3Q"):
        assert wanted in told
    assert 'href="./alerts/A7F3Q"' in page
    assert 'title="02:56:30 UTC"' in page
    assert '<meta http-equiv="refresh" content="10">' in page
    assert re.findall(r"<script[^>]*>", page) == ['<script src="./static/live.js" defer>']
    assert " style=" not in page


async def test_firing_comes_before_pending_and_the_graver_first() -> None:
    alerts = (
        alert("A1PND", state="pending"),
        alert("A2WRN", severity=Severity.WARNING),
        alert("A3OLD", since_ms=NOW_MS - 900_000),
        alert("A4NEW", since_ms=NOW_MS - 1_000),
    )
    async with serving(Daemon(replace(SNAPSHOT, alerts=alerts))) as browser:
        page = await text_of(browser, "/")
    assert re.findall(r'href="./alerts/(\w+)"', page) == ["A4NEW", "A3OLD", "A2WRN", "A1PND"]
    assert "3 firing, 1 pending" in page


async def test_a_flood_of_alerts_is_bounded_and_counted() -> None:
    alerts = tuple(alert(f"A{number:05d}") for number in range(ALERTS_MOST + 40))
    async with serving(Daemon(replace(SNAPSHOT, alerts=alerts))) as browser:
        page = await text_of(browser, "/")
    assert page.count('href="./alerts/') == ALERTS_MOST
    assert "and 40 more" in page
    assert len(page) < 500_000


async def test_an_exchange_is_shown_with_its_age_and_its_trouble() -> None:
    views = (
        exchange(),
        exchange(
            "okx-main",
            state="stale",
            reason="connection refused",
            banned_until_ms=NOW_MS + 180_000,
            maintenance="until noon",
            last_success_ms=None,
            sweep_ms=None,
        ),
    )
    async with serving(Daemon(replace(SNAPSHOT, exchanges=views))) as browser:
        page = await text_of(browser, "/")
    assert 'title="02:58:28 UTC">12s ago</time>' in page
    told = words(page)
    assert "25 (24 read)" in told
    assert "stale connection refused" in told
    assert "banned , over in 3m" in told
    assert "maintenance until noon" in told
    assert "never" in told
    assert "not done yet" in told


async def test_law_14_no_alert_is_not_said_to_be_health_while_an_exchange_is_stale() -> None:
    quiet = replace(SNAPSHOT, alerts=(), exchanges=(exchange(state="stale"),))
    async with serving(Daemon(quiet)) as browser:
        assert "not all there is to know" in await text_of(browser, "/")
    async with serving(Daemon(replace(quiet, exchanges=(exchange(),)))) as browser:
        assert "not all there is to know" not in await text_of(browser, "/")


async def test_times_are_in_the_configured_zone_and_a_ban_beyond_all_years_breaks_nothing() -> None:
    far = exchange(banned_until_ms=10**17)
    async with serving(Daemon(replace(SNAPSHOT, timezone="Europe/Zurich", exchanges=(far,)))) as browser:
        page = await text_of(browser, "/")
    assert "03:58:40 CET" in page


async def test_notifiers_are_shown_with_what_is_stuck() -> None:
    async with serving() as browser:
        told = words(await text_of(browser, "/"))
    assert "oncall slack://T… 2 the oldest from 1m 30s ago 1 40 HTTP 500" in told


async def test_reasons_and_warnings_stand_on_the_page() -> None:
    snapshot = replace(
        SNAPSHOT, unready=("the state cannot be written",), warnings=("rules.toml:12 was refused",)
    )
    async with serving(Daemon(snapshot)) as browser:
        page = await text_of(browser, "/")
    assert "the state cannot be written" in page
    assert "rules.toml:12 was refused" in page


async def test_an_empty_daemon_has_a_page() -> None:
    empty = replace(SNAPSHOT, exchanges=(), alerts=(), notifiers=())
    async with serving(Daemon(empty)) as browser:
        page = await text_of(browser, "/")
    assert "Nothing is firing." in page
    assert "told to nobody" in page


async def test_foreign_text_is_never_markup() -> None:
    hostile = alert(
        label=HOSTILE,
        rule=HOSTILE,
        asset=HOSTILE,
        headline=HOSTILE,
        description=HOSTILE,
        details=(HOSTILE,),
        runbook=f"https://x/{HOSTILE}\" onclick='",
        identifiers=(HOSTILE, "\u202eother"),
        also=((HOSTILE, HOSTILE, HOSTILE, HOSTILE),),
    )
    hostile = replace(hostile, acked_ms=NOW_MS, acked_by=HOSTILE)
    snapshot = replace(
        SNAPSHOT,
        alerts=(hostile,),
        exchanges=(exchange(HOSTILE, kind=HOSTILE, reason=HOSTILE, maintenance=HOSTILE),),
        notifiers=(notifier(HOSTILE, address=HOSTILE, last_reason=HOSTILE),),
        unready=(HOSTILE,),
        warnings=(HOSTILE,),
        version=HOSTILE,
    )
    told = replace(PAGE.notifications[0], reason=HOSTILE)
    step = replace(PAGE.transitions[0], reason=HOSTILE, value=HOSTILE)
    page = AlertPage(NOW_MS, replace(ROW, alert=hostile, reason=HOSTILE), (step,), (told,))
    async with serving(Daemon(snapshot, {"A7F3Q": page})) as browser:
        for path in ("/", "/alerts/A7F3Q"):
            text = await text_of(browser, path)
            assert "<script>" not in text
            assert "&lt;script&gt;" in text
            assert "\u202e" not in text
            assert not re.search(r"<[^>]*onclick='[^>]*>", text)


@pytest.mark.parametrize("runbook", ["javascript:alert(1)", "data:text/html,x", "see the wiki"])
async def test_only_a_web_address_becomes_a_link(runbook: str) -> None:
    row = replace(ROW, alert=alert(runbook=runbook))
    async with serving(Daemon(pages={"A7F3Q": AlertPage(NOW_MS, row)})) as browser:
        page = await text_of(browser, "/alerts/A7F3Q")
    assert f'href="{runbook}"' not in page
    assert runbook in words(page)


async def test_the_page_of_an_alert_tells_its_life_and_who_was_told() -> None:
    async with serving() as browser:
        page = await text_of(browser, "/alerts/A7F3Q")
    told = words(page)
    for wanted in (
        "CRITICAL firing",
        "Was 51,900.25 at 02:56:20 UTC (−33,649.749999999999999999)",
        "Ends at 60,000 or more",
        "Also here USDT locked 12,000",
        "Not watched here futures",
        "Also known as 8801",
        "The master can send 250,000 USDT.",
        "02:56:30 UTC pending → firing critical 18,250.500000000000000001",
        "oncall firing delivered 02:56:32 UTC 2 attempts M19CX",
    ):
        assert wanted in told
    assert 'href="https://wiki.example/mm-floor"' in page
    assert 'href="../static/style.css"' in page


async def test_an_ended_alert_says_how_it_ended_and_is_not_renewed() -> None:
    ending = replace(FACTS, value="61000", ended_ms=NOW_MS)
    row = replace(ROW, state="resolved", ended_ms=NOW_MS, ending=ending)
    async with serving(Daemon(pages={"A7F3Q": AlertPage(NOW_MS, row)})) as browser:
        page = await text_of(browser, "/alerts/A7F3Q")
    told = words(page)
    assert "resolved" in told
    assert "61,000 ≥ 60,000" in told
    assert "lasted 2m 10s" in told
    assert FIGURE not in told
    assert "refresh" not in page


@pytest.mark.parametrize("ident", ["A0000", "a7f3", "M7F3Q", "A7F3Q0000", "..%2f..", "A7F3%00"])
async def test_an_unknown_alert_is_404(ident: str) -> None:
    async with serving() as browser:
        answer = await browser.page(f"/alerts/{ident}")
        assert answer.status == 404
        assert answer.headers["Content-Type"].startswith("text/html")


async def test_an_id_may_be_typed_in_small_letters() -> None:
    async with serving() as browser:
        assert (await browser.page("/alerts/a7f3q")).status == 200


async def test_an_event_without_a_figure_has_its_headline() -> None:
    gone = alert(
        headline="disappeared: the venue no longer knows this sub-account", value=None, threshold=None
    )
    async with serving(Daemon(replace(SNAPSHOT, alerts=(gone,)))) as browser:
        assert "the venue no longer knows this sub-account" in await text_of(browser, "/")


async def test_a_break_among_transfers_says_what_it_is_at_least_and_perhaps() -> None:
    page = replace(PAGE, row=replace(ROW, alert=SUM))
    async with serving(Daemon(replace(SNAPSHOT, alerts=(SUM,)), {"A7F3Q": page})) as browser:
        for path in ("/", "/alerts/A7F3Q"):
            shown = words(await text_of(browser, path))
            assert "is off by at least -1.37 " in shown
            assert "perhaps by -4,821.37" in shown
