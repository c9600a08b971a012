"""Notes over HTTP: by the form of the page and by programs, under the very rules of an ack."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from daemon.orders import NOTE_MOST
from rules.records import Note
from state.orders import NOTES_MOST
from tests.unit.test_web_changes import TOKEN, House, house, page_of
from tests.unit.web_support import NOW_MS, PAGE, ROW, Answer

TEXT = "the venue has a ticket: 4711 <b>„ß→漢😀“</b>"


async def by_form(ours: House, *, origin: str | None = None, **fields: str) -> Answer:
    sent = {
        "Origin": ours.origin if origin is None else origin,
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "text/html",
    }
    data = urlencode({"by": "kim", "token": TOKEN, "text": TEXT, **fields})
    return await ours.browser.ask(f"/alerts/{ours.alert}/note", "POST", sent, data)


async def written(ours: House) -> list[tuple[str, str, str]]:
    return [(one.subject, one.by, one.body) for one in await ours.store.orders_after(0) if one.kind == "note"]


async def test_the_form_notes_and_leads_back_to_the_page(tmp_path: Path) -> None:
    async with house(tmp_path) as ours:
        answer = await by_form(ours)
        assert answer.status == 303
        assert answer.headers["Location"] == f"../{ours.alert}"
        assert await written(ours) == [(ours.alert, "kim", TEXT)]


async def test_a_program_notes_and_hears_what_is_on_record(tmp_path: Path) -> None:
    async with house(tmp_path) as ours:
        path = f"/api/v1/alerts/{ours.alert.lower()}/notes"
        answer = await ours.send(path, {"text": f" {TEXT} ", "by": " kim "})
        assert answer.status == 201
        told = json.loads(answer.text)
        assert (told["alert"], told["by"], told["text"]) == (ours.alert, "kim", TEXT)
        assert await written(ours) == [(ours.alert, "kim", TEXT)]
        (row,) = (await ours.store.alerts("firing")).rows
        assert row.notes == (Note(ours.now_ms, "kim", TEXT),)


@pytest.mark.parametrize("origin", ["", "null", "https://evil.example"])
async def test_a_form_from_elsewhere_is_refused_with_the_right_token(tmp_path: Path, origin: str) -> None:
    async with house(tmp_path) as ours:
        assert (await by_form(ours, origin=origin)).status == 403
        assert await written(ours) == []


async def test_a_wrong_token_notes_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as ours:
        assert (await by_form(ours, token="wrong")).status == 403
        path = f"/api/v1/alerts/{ours.alert}/notes"
        assert (await ours.send(path, {"text": "x", "by": "kim"}, Authorization="Bearer wrong")).status == 401
        assert (await ours.send(path, {"text": "x", "by": "kim"}, Authorization="")).status == 401
        assert await written(ours) == []


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "a\x1b[2Jb", "a\u202eb", "x" * (NOTE_MOST + 1)])
async def test_a_note_is_one_line_of_bounded_length(tmp_path: Path, text: str) -> None:
    async with house(tmp_path) as ours:
        assert (await by_form(ours, text=text)).status == 400
        answer = await ours.send(f"/api/v1/alerts/{ours.alert}/notes", {"text": text, "by": "kim"})
        assert answer.status == 400
        assert await written(ours) == []


@pytest.mark.parametrize(
    "body", [{}, {"text": "x"}, {"by": "kim"}, {"text": 1, "by": "kim"}, {"text": "x", "by": "kim", "at": 1}]
)
async def test_a_program_says_what_and_who_and_no_more(tmp_path: Path, body: object) -> None:
    async with house(tmp_path) as ours:
        assert (await ours.send(f"/api/v1/alerts/{ours.alert}/notes", body)).status == 400
        assert await written(ours) == []


async def test_no_alert_is_404_too_many_notes_409_and_too_large_a_body_413(tmp_path: Path) -> None:
    async with house(tmp_path) as ours:
        body = {"text": "x", "by": "kim"}
        assert (await ours.send("/api/v1/alerts/A99999/notes", body)).status == 404
        assert (await ours.send(f"/api/v1/alerts/{ours.alert}/notes", {"text": "x" * 5_000})).status == 413
        for _ in range(NOTES_MOST):
            assert await ours.store.note(ours.alert, "x", "kim", 1)
        answer = await ours.send(f"/api/v1/alerts/{ours.alert}/notes", body)
        assert answer.status == 409
        assert f"has {NOTES_MOST} notes" in answer.text


async def test_without_a_token_nothing_can_be_noted_over_http(tmp_path: Path) -> None:
    async with house(tmp_path, token=None) as ours:
        answer = await by_form(ours)
        assert answer.status == 403
        assert f"subtally note {ours.alert} TEXT --by NAME" in answer.text


async def test_the_page_shows_the_notes_of_what_fires_and_of_what_is_over() -> None:
    noted = replace(ROW, notes=(Note(NOW_MS - 5_000, "<i>kim</i>", TEXT), Note(NOW_MS, "bob", "over")))
    for row in (noted, replace(noted, state="resolved", ended_ms=NOW_MS)):
        page = await page_of(replace(PAGE, row=row), TOKEN)
        assert "the venue has a ticket: 4711 &lt;b&gt;„ß→漢😀“&lt;/b&gt;" in page
        assert "by &lt;i&gt;kim&lt;/i&gt;" in page
        assert page.index("ticket") < page.index("<dd>over ")
        assert '<form method="post" action="../alerts/A7F3Q/note"' in page
