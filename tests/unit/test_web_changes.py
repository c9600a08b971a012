"""What may be changed over HTTP, by whom, and how: over real HTTP on loopback, on a real state."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from daemon.web import guesses
from daemon.web.actions import store_actions
from daemon.web.alerts import AlertPage
from daemon.web.guesses import GUESSES_MOST, REGAIN_SECONDS, Guesses
from state import AsyncStore, Store
from state.errors import BusyError
from state.orders import Order
from tests.unit.test_cli_support import fed
from tests.unit.web_support import NOW_MS, PAGE, ROW, SNAPSHOT, Answer, Browser, Daemon, alert, serving

TOKEN = "a-long-token"
BEARER = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
SILENCE = {"account": "mm-*", "for": "2h", "reason": "migration", "by": "kim"}


class House:
    """A server over a state with one firing alert."""

    def __init__(self, browser: Browser, store: AsyncStore, alert_id: str, now_ms: int) -> None:
        self.browser, self.store, self.alert, self.now_ms = browser, store, alert_id, now_ms

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.browser.server.port}"

    async def form(
        self, fields: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        data = urlencode({"by": "kim", "token": TOKEN} if fields is None else fields)
        sent = {
            "Origin": self.origin,
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "text/html",
        }
        sent = {name: value for name, value in {**sent, **(headers or {})}.items() if value}
        return await self.browser.ask(f"/alerts/{self.alert}/ack", "POST", sent, data)

    async def send(self, path: str, body: object, method: str = "POST", **headers: str) -> Answer:
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        return await self.browser.ask(path, method, {**BEARER, **headers}, data)

    async def orders(self) -> list[tuple[str, str, str]]:
        return [(one.kind, one.subject, one.by) for one in await self.store.orders_after(0)]


@asynccontextmanager
async def house(folder: Path, **options: Any) -> AsyncIterator[House]:
    with fed(folder) as made:
        store = await AsyncStore.open(folder / "subtally.db")
        try:
            found = (await store.alerts("firing")).rows[0].alert.id
            actions = store_actions(store, lambda: made.now)
            async with serving(actions=actions, **{"token": TOKEN, **options}) as browser:
                yield House(browser, store, found, made.now)
        finally:
            await store.close()


async def test_the_form_acks_and_leads_back_to_the_page(tmp_path: Path) -> None:
    async with house(tmp_path) as ours:
        answer = await ours.form()
        assert answer.status == 303
        assert answer.headers["Location"] == f"../{ours.alert}"
        assert await ours.orders() == [("ack", ours.alert, "kim")]


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://127.0.0.1:1",
        "http://localhost",
        "https://evil.example",
        "http://127.0.0.1@evil.example",
        "file://127.0.0.1",
    ],
)
async def test_a_form_from_elsewhere_is_refused_with_the_right_token(tmp_path: Path, origin: str) -> None:
    async with house(tmp_path) as ours:
        assert (await ours.form(headers={"Origin": origin})).status == 403
        assert await ours.orders() == []


async def test_a_form_that_comes_through_a_proxy_comes_from_public_url(tmp_path: Path) -> None:
    async with house(tmp_path, public_url="https://subtally.example/sub", hosts=("other.example",)) as ours:
        assert (await ours.form(headers={"Origin": "https://other.example"})).status == 403
        assert (await ours.form(headers={"Origin": "http://subtally.example"})).status == 403
        assert (await ours.form(headers={"Origin": "https://subtally.example"})).status == 303
        named = {"Host": "other.example", "Origin": "https://other.example"}
        assert (await ours.form(headers=named)).status == 303


@pytest.mark.parametrize(
    "token", ["", "wrong", f"{TOKEN}x", TOKEN[:-1], "\xff", "\udcff".encode("utf-8", "replace").decode()]
)
async def test_a_wrong_token_changes_nothing(tmp_path: Path, token: str) -> None:
    async with house(tmp_path) as ours:
        answer = await ours.form({"by": "kim", "token": token})
        assert answer.status == 403
        assert answer.headers["Content-Type"].startswith("text/html")
        assert TOKEN not in answer.text
        assert await ours.orders() == []


@pytest.mark.parametrize("by", ["", "  ", "kim\nadmin", "x" * 101, "\u202e"])
async def test_an_ack_needs_a_name_of_one_line(tmp_path: Path, by: str) -> None:
    async with house(tmp_path) as ours:
        assert (await ours.form({"by": by, "token": TOKEN})).status == 400
        assert (await ours.send(f"/api/v1/alerts/{ours.alert}/ack", {"by": by})).status == 400
        assert await ours.orders() == []


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/json"])
async def test_only_a_form_is_taken_as_one(tmp_path: Path, kind: str) -> None:
    async with house(tmp_path) as ours:
        assert (await ours.form(headers={"Content-Type": kind})).status == 415
        assert await ours.orders() == []


async def test_bodies_are_bounded(tmp_path: Path) -> None:
    async with house(tmp_path) as ours:
        assert (await ours.form({"by": "kim", "token": "x" * 5000})).status == 413
        assert (await ours.form({f"field{n}": "x" for n in range(20)})).status == 400
        assert (await ours.send("/api/v1/silences", "[" * 5000)).status == 413
        assert (await ours.send("/api/v1/silences", "[" * 4000)).status == 400
        assert await ours.orders() == []


async def test_many_wrong_tokens_are_slowed_and_then_the_right_one_waits_too(tmp_path: Path) -> None:
    now = 1_000.0
    async with house(tmp_path) as ours:
        ours.browser.server._guesses._clock = lambda: now
        for _ in range(GUESSES_MOST):
            assert (await ours.form({"by": "kim", "token": "wrong"})).status == 403
        answer = await ours.form()
        assert (answer.status, answer.headers["Retry-After"]) == (429, str(int(REGAIN_SECONDS)))
        assert (await ours.send(f"/api/v1/alerts/{ours.alert}/ack", {"by": "kim"})).status == 429
        assert (await ours.browser.ask("/")).status == 200
        now += REGAIN_SECONDS
        assert (await ours.form()).status == 303


def test_wrong_tokens_count_per_client_and_are_forgotten_in_time() -> None:
    now = 0.0
    counted = Guesses(lambda: now)
    for _ in range(GUESSES_MOST):
        assert counted.wait_seconds("192.0.2.1") == 0
        counted.wrong("192.0.2.1")
    assert counted.wait_seconds("192.0.2.1") == REGAIN_SECONDS
    assert counted.wait_seconds("192.0.2.2") == 0
    for number in range(GUESSES_MOST):
        counted.wrong(f"2001:db8::{number}")
    assert counted.wait_seconds("2001:db8::ffff") == REGAIN_SECONDS
    assert counted.wait_seconds("2001:db8:0:1::1") == 0
    now = GUESSES_MOST * REGAIN_SECONDS
    assert counted.wait_seconds("192.0.2.1") == 0


def test_the_clients_that_are_counted_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "CLIENTS_MOST", 3)
    counted = Guesses()
    for number in range(50):
        counted.wrong(f"192.0.2.{number}")
    assert list(counted._spent) == ["192.0.2.47", "192.0.2.48", "192.0.2.49"]


async def test_a_program_acks_with_the_token(tmp_path: Path) -> None:
    async with house(tmp_path) as ours:
        answer = await ours.send(f"/api/v1/alerts/{ours.alert.lower()}/ack", {"by": "kim"})
        assert (answer.status, json.loads(answer.text)) == (200, {"alert": ours.alert, "acked_by": "kim"})
        assert await ours.orders() == [("ack", ours.alert, "kim")]
        missing = await ours.send("/api/v1/alerts/A99999/ack", {"by": "kim"})
        assert (missing.status, "there is no alert" in json.loads(missing.text)["error"]) == (404, True)


async def test_a_program_silences_and_ends_it(tmp_path: Path) -> None:
    async with house(tmp_path) as ours:
        answer = await ours.send("/api/v1/silences", SILENCE)
        told = json.loads(answer.text)
        assert answer.status == 201
        assert (told["silences"], told["firing"], told["pending"], told["by"]) == (
            "account mm-*",
            1,
            0,
            "kim",
        )
        path = f"/api/v1/silences/{told['id']}"
        ended = await ours.send(f"{path}?by=bob", b"", "DELETE")
        assert (ended.status, json.loads(ended.text)) == (200, {"id": told["id"], "ended_by": "bob"})
        assert (await ours.send(path, b"", "DELETE")).status == 409
        assert (await ours.send("/api/v1/silences/S99999", b"", "DELETE")).status == 404
        assert await ours.orders() == [("silence", told["id"], "kim"), ("unsilence", told["id"], "bob")]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "",
        '{"a": NaN',
        "\xff",
        {**SILENCE, "until": "2099-01-01T00:00:00Z"},
        {**SILENCE, "for": 7200},
        {**SILENCE, "for": None},
        {**SILENCE, "account": []},
        {**SILENCE, "account": 7},
        {**SILENCE, "account": None},
        {**SILENCE, "severity": "loud"},
        {**SILENCE, "severity": [["info"]]},
        {**SILENCE, "severity": {}},
        {**SILENCE, "all": True},
        {**SILENCE, "all": "yes"},
        {**SILENCE, "acount": "mm-*"},
        {**SILENCE, "reason": ""},
        {**SILENCE, "reason": 1},
        {**SILENCE, "by": None},
        {"for": "2h", "reason": "x", "by": "kim"},
        {"account": "mm-*", "reason": "x", "by": "kim"},
        {"until_resolved": 7, "reason": "x", "by": "kim"},
    ],
)
async def test_a_silence_that_makes_no_sense_is_400_and_says_why(tmp_path: Path, body: object) -> None:
    async with house(tmp_path) as ours:
        answer = await ours.send("/api/v1/silences", body)
        assert (answer.status, bool(json.loads(answer.text)["error"])) == (400, True)
        assert await ours.orders() == []


CHANGES = (
    ("POST", "/api/v1/alerts/{}/ack"),
    ("POST", "/api/v1/silences"),
    ("DELETE", "/api/v1/silences/S1B2C"),
)


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN])
async def test_without_the_token_nothing_is_changed(tmp_path: Path, given: str) -> None:
    async with house(tmp_path) as ours:
        for method, path in CHANGES:
            answer = await ours.send(path.format(ours.alert), SILENCE, method, Authorization=given)
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert await ours.orders() == []


async def test_without_a_configured_token_all_is_403_with_a_hint(tmp_path: Path) -> None:
    async with house(tmp_path, token=None) as ours:
        for method, path in CHANGES:
            answer = await ours.send(path.format(ours.alert), SILENCE, method)
            assert (answer.status, "api_token" in json.loads(answer.text)["error"]) == (403, True)
        answer = await ours.form({"by": "kim", "token": ""})
        assert (answer.status, f"subtally ack {ours.alert} --by NAME" in answer.text) == (403, True)
        assert await ours.orders() == []


async def test_without_actions_all_is_403(tmp_path: Path) -> None:
    async with house(tmp_path) as ours, serving(token=TOKEN) as browser:
        bare = House(browser, ours.store, ours.alert, ours.now_ms)
        for method, path in CHANGES:
            assert (await bare.send(path.format(ours.alert), SILENCE, method)).status == 403
        assert (await bare.form()).status == 403
        assert await ours.orders() == []


async def test_a_token_that_a_reload_brings_counts_at_once(tmp_path: Path) -> None:
    async with house(tmp_path, token=None) as ours:
        ours.browser.server.admit(hosts=(), public_url="", token=TOKEN)
        assert (await ours.form()).status == 303
        ours.browser.server.admit(hosts=(), public_url="", token="another")
        assert (await ours.form()).status == 403


async def test_beyond_loopback_the_form_needs_only_the_token_that_it_holds(tmp_path: Path) -> None:
    async with house(tmp_path, host="0.0.0.0") as ours:  # noqa: S104 - that is the case
        assert (await ours.form({"by": "kim", "token": "wrong"})).status == 403
        assert (await ours.form()).status == 303
        assert (await ours.browser.ask(f"/alerts/{ours.alert}")).status == 401
        assert (await ours.browser.ask(f"/alerts/{ours.alert}/ack")).status == 401


async def test_what_only_changes_is_not_read_and_what_is_read_is_not_changed(tmp_path: Path) -> None:
    async with house(tmp_path) as ours:
        for path, allow in ((f"/alerts/{ours.alert}/ack", "POST"), ("/api/v1/silences/S1B2C", "DELETE")):
            answer = await ours.browser.ask(path)
            assert (answer.status, answer.headers["Allow"]) == (405, allow)


async def test_a_state_that_cannot_be_written_is_503_and_tells_nothing_of_the_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> bool:
        raise BusyError("write", tmp_path, "database is locked", "try again")

    monkeypatch.setattr(Store, "ack", busy)
    async with house(tmp_path) as ours:
        answer = await ours.send(f"/api/v1/alerts/{ours.alert}/ack", {"by": "kim"})
        assert (answer.status, str(tmp_path) in answer.text) == (503, False)


async def test_an_order_of_a_client_that_goes_away_is_done_or_not_and_never_half(tmp_path: Path) -> None:
    async with house(tmp_path) as ours:
        head = (
            f"POST /api/v1/alerts/{ours.alert}/ack HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
            'Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{"by": "kim"}'
        )
        _, writer = await asyncio.open_connection("127.0.0.1", ours.browser.server.port)
        writer.write(head.encode())
        await writer.drain()
        writer.transport.abort()
        assert (await ours.form()).status == 303
        assert await ours.orders() in (
            [("ack", ours.alert, "kim")],
            [("ack", ours.alert, "kim")] * 2,
        )


async def page_of(page: AlertPage, token: str | None, actions: bool = True) -> str:  # noqa: FBT001, FBT002
    given = store_actions(None, lambda: 0) if actions else None  # type: ignore[arg-type]
    async with serving(Daemon(SNAPSHOT, {"A7F3Q": page}), token=token, actions=given) as browser:
        return (await browser.page("/alerts/A7F3Q")).text


async def test_the_page_of_a_firing_alert_has_the_form_and_is_not_renewed_under_it() -> None:
    page = await page_of(PAGE, TOKEN)
    assert '<form method="post" action="../alerts/A7F3Q/ack"' in page
    assert 'name="token" type="password"' in page
    assert TOKEN not in page
    assert "http-equiv" not in page


@pytest.mark.parametrize("token, actions", [(None, True), (TOKEN, False)])
async def test_where_no_form_can_be_sent_the_page_says_how_to_ack(token: str | None, actions: bool) -> None:  # noqa: FBT001
    page = await page_of(PAGE, token, actions)
    assert "<form" not in page
    assert "<code>subtally ack A7F3Q --by NAME</code>" in page
    assert "http-equiv" in page


async def test_what_is_acked_or_pending_can_be_silenced_and_what_is_over_cannot() -> None:
    acked = replace(ROW, alert=replace(alert(), acked_ms=NOW_MS - 5_000, acked_by="kim"))
    pending = replace(ROW, alert=alert(state="pending"), state="pending")
    over = replace(ROW, state="resolved", ended_ms=NOW_MS)
    for row in (acked, pending, over):
        page = await page_of(replace(PAGE, row=row), TOKEN)
        assert ('id="ack"' in page) == (row is not over)
        assert 'action="../alerts/A7F3Q/note"' in page
        assert ('value="4h"' in page) == (row is not over)
        assert "Ack A7F3Q" not in page
        assert "subtally ack" not in page


async def test_an_ack_shows_before_the_engine_has_heard_of_it_and_not_after_a_raise() -> None:
    ack = Order(1, NOW_MS - 1_000, "ack", "A7F3Q", "<b>kim</b>", "")
    page = await page_of(replace(PAGE, orders=(ack,)), TOKEN)
    assert "Ack A7F3Q" not in page
    assert "by &lt;b&gt;kim&lt;/b&gt;" in page
    before = replace(ack, at_ms=PAGE.transitions[-1].at_ms - 1)
    assert "Ack A7F3Q" in await page_of(replace(PAGE, orders=(before,)), TOKEN)
