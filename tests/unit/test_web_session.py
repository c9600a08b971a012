"""Logging in in place of the token: for forms and, beyond loopback, for reading; never for another site."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp.test_utils import make_mocked_request

from daemon.web.actions import store_actions
from daemon.web.changes import subject_of
from daemon.web.sessions import COOKIE, LASTS_SECONDS, Sessions
from rules.facts import Facts
from rules.model import Severity
from rules.patterns import Patterns
from state import AsyncStore
from tests.unit.test_cli_support import Fed, fed
from tests.unit.web_support import Answer, Browser, Daemon, serving

TOKEN = "a-long-enough-token"


@asynccontextmanager
async def site(folder: Path, host: str = "127.0.0.1") -> AsyncIterator[tuple[Browser, Fed]]:
    with fed(folder, store_open=True) as made:
        store = await AsyncStore.open(folder / "subtally.db")
        try:
            actions = store_actions(store, lambda: made.now)
            async with serving(Daemon(), host, actions=actions, reads=store, token=TOKEN) as browser:
                yield browser, made
        finally:
            await store.close()


async def send(
    browser: Browser, path: str, cookie: str = "", origin: str | None = "own", **fields: str
) -> Answer:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if origin is not None:
        headers["Origin"] = f"http://127.0.0.1:{browser.server.port}" if origin == "own" else origin
    if cookie:
        headers["Cookie"] = f"{COOKIE}={cookie}"
    return await browser.ask(path, "POST", headers, urlencode(fields))


def cookie_of(answer: Answer) -> Mapping[str, Any]:
    morsel = SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]
    return {"value": morsel.value, **{key: morsel[key] for key in ("httponly", "samesite", "path", "secure")}}


async def logged_in(browser: Browser) -> str:
    answer = await send(browser, "/login", by="kim", token=TOKEN)
    assert answer.status == 303
    return str(cookie_of(answer)["value"])


async def test_the_cookie_is_for_no_script_and_no_other_site_and_holds_no_token(tmp_path: Path) -> None:
    async with site(tmp_path) as (browser, _):
        answer = await send(browser, "/login", by="kim", token=TOKEN)
        found = cookie_of(answer)
        assert (found["httponly"], found["samesite"], found["path"]) == (True, "Strict", "/")
        assert TOKEN not in answer.headers["Set-Cookie"]
        assert answer.headers["Location"] == "./"


async def test_who_is_logged_in_acks_and_silences_with_one_click_under_that_name(tmp_path: Path) -> None:
    async with site(tmp_path) as (browser, made):
        cookie = await logged_in(browser)
        ident = made.store.alerts("firing").rows[0].alert.id
        assert (await send(browser, f"/alerts/{ident}/ack", cookie)).status == 303
        for length in ("1h", "4h", "until_resolved"):
            answer = await send(
                browser, f"/alerts/{ident}/silence", cookie, **{"for": length, "reason": "refill"}
            )
            assert (answer.status, answer.headers["Location"]) == (303, f"../{ident}")
        orders = made.store.orders_after(0)
        assert [(one.kind, one.by) for one in orders] == [("ack", "kim")] + [("silence", "kim")] * 3
        silences = [row.silence for row in made.store.silences().rows]
        hours = sorted((one.until_ms or 0) - one.from_ms for one in silences if one.until_ms)
        assert hours == [3_600_000, 4 * 3_600_000]
        assert [one.until_resolved for one in silences if one.until_resolved] == [ident]


@pytest.mark.parametrize("origin", [None, "https://elsewhere.example", "null", "http://127.0.0.1:1"])
async def test_a_session_orders_nothing_from_another_site(tmp_path: Path, origin: str | None) -> None:
    async with site(tmp_path) as (browser, made):
        cookie = await logged_in(browser)
        ident = made.store.alerts("firing").rows[0].alert.id
        for path in (f"/alerts/{ident}/ack", f"/alerts/{ident}/silence", "/logout"):
            assert (await send(browser, path, cookie, origin, **{"for": "1h"})).status == 403
        assert (await send(browser, "/login", "", origin, by="kim", token=TOKEN)).status == 403
        assert made.store.orders_after(0) == []
        bare = await send(browser, f"/alerts/{ident}/ack", "made-up", by="kim")
        assert bare.status == 403


async def test_a_session_does_not_stand_for_the_bearer_of_a_program(tmp_path: Path) -> None:
    async with site(tmp_path) as (browser, made):
        cookie = await logged_in(browser)
        ident = made.store.alerts("firing").rows[0].alert.id
        headers = {"Cookie": f"{COOKIE}={cookie}", "Content-Type": "application/json"}
        answer = await browser.ask(f"/api/v1/alerts/{ident}/ack", "POST", headers, '{"by": "kim"}')
        assert answer.status == 401


async def test_beyond_loopback_a_person_is_asked_to_log_in_and_reads_then(tmp_path: Path) -> None:
    async with site(tmp_path, "0.0.0.0") as (browser, _):  # noqa: S104  that is the case
        asked = await browser.page("/accounts?name=mm")
        assert asked.status == 401
        assert 'name="next" value="/accounts?name=mm"' in asked.text
        assert "mm-1" not in asked.text
        answer = await send(browser, "/login", by="kim", token=TOKEN, next="/accounts?name=mm")
        assert answer.headers["Location"] == "./accounts?name=mm"
        cookie = {"Cookie": f"{COOKIE}={cookie_of(answer)['value']}"}
        assert "mm-1" in (await browser.ask("/accounts?name=mm", headers=cookie)).text
        out = await send(browser, "/logout", str(cookie_of(answer)["value"]))
        assert out.status == 303
        assert (await browser.ask("/accounts", headers=cookie)).status == 401


@pytest.mark.parametrize(
    "wanted",
    ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere", "/../x", "/a\nb", "/" + "x" * 400],
)
async def test_nobody_is_sent_to_another_site_after_the_login(tmp_path: Path, wanted: str) -> None:
    async with site(tmp_path) as (browser, _):
        answer = await send(browser, "/login", by="kim", token=TOKEN, next=wanted)
        assert (answer.status, answer.headers["Location"]) == (303, "./")


@pytest.mark.parametrize("fields, status", [({"token": "wrong", "by": "kim"}, 403), ({"token": TOKEN}, 400)])
async def test_a_wrong_token_or_no_name_opens_no_session(
    tmp_path: Path, fields: dict[str, str], status: int
) -> None:
    async with site(tmp_path) as (browser, _):
        answer = await send(browser, "/login", **fields)
        assert (answer.status, "Set-Cookie" in answer.headers) == (status, False)


async def test_another_token_ends_every_session(tmp_path: Path) -> None:
    async with site(tmp_path) as (browser, made):
        cookie = await logged_in(browser)
        browser.server.admit(hosts=(), public_url="", token="a-newer-token")
        ident = made.store.alerts("firing").rows[0].alert.id
        assert (await send(browser, f"/alerts/{ident}/ack", cookie)).status == 403


async def test_a_session_ends_after_its_time_and_their_number_is_bounded() -> None:
    now = [0.0]
    sessions = Sessions(clock=lambda: now[0])
    name = sessions.open(TOKEN, "kim")

    request = make_mocked_request("GET", "/", headers={"Cookie": f"{COOKIE}={name}"})
    assert sessions.of(request, TOKEN) is not None
    assert sessions.of(request, "another") is None
    now[0] = LASTS_SECONDS
    assert sessions.of(request, TOKEN) is None
    for _ in range(300):
        sessions.open(TOKEN, "kim")
    assert len(sessions._known) == 200


@pytest.mark.parametrize("name", ["plain", "!bang", "a*b", "what?", "[x]", "[!x]", "a]b[", "ünï"])
def test_what_a_button_silences_is_that_subject_and_nothing_like_it(name: str) -> None:
    facts = Facts(
        rule=name, type="low_balance", exchange="okx", severity=Severity.INFO, label=name, asset="BTC"
    )
    for key, text in subject_of(facts).items():
        patterns = Patterns.of(text)
        assert patterns.match({"rule": name, "account": name, "exchange": "okx", "asset": "BTC"}[key])
        assert not patterns.match(name + "x")
        assert not patterns.match("xx" + name)
