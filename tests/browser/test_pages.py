"""The pages as a person meets them, in a real Chromium against the real daemon."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import FloatRect, Page, expect

from tests.browser.site import TOKEN, Site, a_site, ids_in

pytestmark = [pytest.mark.timeout(240), pytest.mark.filterwarnings("default::DeprecationWarning")]

ROOT = Path(__file__).parents[2]
LOW = "180.123000000000000001"
PAGES = ("/", "/accounts", "/accounts/1", "/notifications", "/rules", "/login")


async def fired(site: Site, amount: str = LOW) -> str:
    """Let an alert fire; its id, once a message told it."""
    site.free(amount)
    await site.house.recorder.until(lambda told: bool(told.blocks("CRITICAL", "USDT free")))
    return ids_in(site.house.recorder.blocks("CRITICAL", "USDT free")[0])[0]


async def log_in(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/login")
    await page.get_by_label("Your name").fill("kim")
    await page.get_by_label("Token").fill(TOKEN)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("button", name="Log out")).to_be_visible()


async def accessible(page: Page) -> list[str]:
    """What axe-core finds wrong with the page as it stands."""
    found = await Axe().run(page)
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found.response["violations"]]


async def test_what_fires_is_read_followed_acked_and_silenced(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        alert = await fired(site)
        page = await site.open("/")
        row = page.locator(".alerts tbody tr", has_text=alert)
        await expect(row).to_contain_text("CRITICAL")
        await expect(row).to_contain_text(LOW)
        await expect(row).to_contain_text("< 200")
        assert re.search(r"\d\d:\d\d:\d\d UTC", await row.locator("time").get_attribute("title") or "")
        await row.get_by_role("link", name=alert).click()
        await expect(page.get_by_role("img")).to_have_attribute("aria-label", re.compile("threshold 200"))
        assert await page.locator(".chart .threshold").count() == 1
        await expect(page.locator(".steps")).to_contain_text(LOW)

        await page.get_by_label("Your name").fill("kim")
        await page.get_by_label(re.compile("^Token")).fill("not the token")
        await page.get_by_role("button", name=f"Ack {alert}").click()
        await expect(page.locator("h1")).to_contain_text("403")
        site.faults.clear()  # the browser itself tells of a 403
        await page.goto(f"{site.url}/alerts/{alert}")
        await page.get_by_label("Your name").fill("kim")
        await page.get_by_label(re.compile("^Token")).fill(TOKEN)
        await page.get_by_role("button", name=f"Ack {alert}").click()
        await expect(page.locator("dl")).to_contain_text("by kim")
        assert await page.get_by_role("button", name=f"Ack {alert}").count() == 0

        await log_in(page, site)
        await page.goto(f"{site.url}/alerts/{alert}")
        await page.get_by_label(re.compile("^Why silent")).fill("the desk refills it")
        await page.get_by_role("button", name="Silence 4 h").click()
        await expect(page.locator(".notice")).to_contain_text("by kim until")
        await expect(page.locator(".notice")).to_contain_text("the desk refills it")
        await page.get_by_role("button", name="Silence until resolved").click()
        await expect(page.locator(".notice li")).to_have_count(2)
        orders = await site.app.store.orders_after(0)
        assert [(order.kind, order.by) for order in orders] == [
            ("ack", "kim"),
            ("silence", "kim"),
            ("silence", "kim"),
        ]
        assert site.faults == []


async def test_a_page_stays_fresh_without_being_loaded_again_and_keeps_what_is_typed(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        page = await site.open("/")
        await page.evaluate("window.mark = 1")
        await expect(page.locator(".quiet-line").first).to_contain_text("Nothing is firing")
        alert = await fired(site)
        await expect(page.locator(".alerts")).to_contain_text(alert)
        await expect(page).to_have_title(re.compile("^1 firing"))
        detail = await site.open(f"/alerts/{alert}")
        await detail.get_by_label("Your name").fill("ki")
        site.free("5000")
        await expect(page.locator(".quiet-line").first).to_contain_text("Nothing is firing")
        await expect(detail.locator("h1")).to_contain_text("resolved")
        assert await detail.get_by_label("Your name").input_value() == "ki"
        assert await page.evaluate("window.mark") == 1
        ages = await page.locator("time:not(#as-of)").all_inner_texts()
        assert ages
        assert [age for age in ages if not age.endswith(" ago")] == []
        assert site.faults == []


async def test_without_a_script_everything_can_be_read_and_acked(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        alert = await fired(site)
        page = await site.open("/", java_script_enabled=False)
        for word in (alert, LOW, "mm-1@desk.example", "binance-main", "market maker USDT floor"):
            await expect(page.locator("main")).to_contain_text(word)
        await page.get_by_role("link", name=alert).first.click()
        await page.get_by_label("Your name").fill("kim")
        await page.get_by_label(re.compile("^Token")).fill(TOKEN)
        await page.get_by_role("button", name=f"Ack {alert}").click()
        await expect(page.locator("dl")).to_contain_text("by kim")
        assert site.faults == []


async def test_on_a_phone_nothing_sticks_out(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        alert = await fired(site)
        page = await site.open("/", viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
        for path in (*PAGES, f"/alerts/{alert}"):
            await page.goto(site.url + path)
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert (path, width <= 360) == (path, True)
        assert site.faults == []


async def test_an_alert_shows_its_chart_beside_the_facts_and_on_a_phone_before_the_orders(
    tmp_path: Path,
) -> None:
    async with a_site(tmp_path) as site:
        alert = await fired(site)
        page = await site.open(f"/alerts/{alert}", viewport={"width": 1280, "height": 800})

        async def box(part: str) -> FloatRect:
            found = await page.locator(part).bounding_box()
            assert found is not None
            return found

        facts, chart, orders = await box("dl"), await box(".chart"), await box("#ack")
        assert chart["x"] >= facts["x"] + facts["width"]
        assert orders["x"] == chart["x"]
        assert orders["y"] < facts["y"] + facts["height"]
        await page.set_viewport_size({"width": 360, "height": 740})
        facts, chart, orders = await box("dl"), await box(".chart"), await box("#ack")
        assert facts["y"] < chart["y"] < orders["y"]
        assert site.faults == []


async def test_the_keyboard_reaches_everything_in_order(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        alert = await fired(site)
        page = await site.open(f"/alerts/{alert}")
        reached = []
        for _ in range(20):
            await page.keyboard.press("Tab")
            reached.append(
                await page.evaluate("(e => e.name || e.textContent.trim())(document.activeElement)")
            )
        wanted = ["To the content", "Subtally", "Status", "by", "token", f"Ack {alert}", "reason", "for"]
        places = [reached.index(name) for name in wanted]
        assert places == sorted(places)
        ring = await page.evaluate(
            "(document.querySelector('#by').focus(), getComputedStyle(document.querySelector('#by')).outlineStyle)"
        )
        assert ring == "solid"
        await page.get_by_label("Your name").fill("kim")
        await page.get_by_label(re.compile("^Token")).fill(TOKEN)
        await page.keyboard.press("Enter")
        await expect(page.locator("dl")).to_contain_text("by kim")
        assert site.faults == []


async def test_a_note_is_written_by_enter_and_acks_nothing(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        alert = await fired(site)
        page = await site.open(f"/alerts/{alert}")
        await page.get_by_label("Written by").fill("kim")
        await page.get_by_label(re.compile("^Secret")).fill(TOKEN)
        await page.get_by_label(re.compile("^Note")).fill("the desk <b>tops up</b> at 03:00")
        await page.keyboard.press("Enter")
        await expect(page.locator("dl")).to_contain_text("the desk <b>tops up</b> at 03:00 by kim")
        await expect(page.get_by_role("button", name=f"Ack {alert}")).to_be_visible()
        assert site.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_accessible_to_axe_in_both_themes(tmp_path: Path, scheme: str) -> None:
    async with a_site(tmp_path) as site:
        alert = await fired(site)
        page = await site.open("/", color_scheme=scheme)
        for path in (*PAGES, f"/alerts/{alert}", "/alerts/A0000"):
            await page.goto(site.url + path)
            assert (path, await accessible(page)) == (path, [])


async def test_accounts_are_found_by_a_part_of_their_name(tmp_path: Path) -> None:
    async with a_site(tmp_path, binance=60) as site:
        page = await site.open("/accounts")
        assert await page.locator(".accounts tbody tr").count() == 50
        await page.get_by_role("link", name="Next page").click()
        await expect(page.locator(".accounts tbody tr").first).to_be_visible()
        await page.get_by_label("Name").fill("TREASURY@")
        await page.get_by_role("button", name="Find").click()
        await expect(page.locator(".accounts tbody tr")).to_have_count(1)
        await page.get_by_role("link", name="treasury@desk.example").first.click()
        await expect(page.locator("h1")).to_contain_text("treasury@desk.example")
        await expect(page.locator(".holdings thead")).to_contain_text("free")
        assert site.faults == []
