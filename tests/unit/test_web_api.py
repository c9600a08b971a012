"""The API over a state that the engine itself made: exact, paged, bounded, and as its document says."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

from daemon.web.actions import store_actions
from daemon.web.api import COLLECTIONS
from daemon.web.openapi import document, document_text
from state import AsyncStore
from tests.unit.test_cli_support import ARB, LARGE, MM_1, SMALL, Fed, fed
from tests.unit.web_support import Browser, serving

ROOT = Path(__file__).parents[2]
TOKEN = "a-long-enough-token"
DOCUMENT = document()


@asynccontextmanager
async def api(folder: Path, **options: Any) -> AsyncIterator[tuple[Browser, Fed]]:
    with fed(folder, store_open=True) as made:
        reads = await AsyncStore.open(folder / "subtally.db", readonly=True)
        try:
            async with serving(reads=reads, **options) as browser:
                yield browser, made
        finally:
            await reads.close()


def validated(path: str, text: str, status: str = "200") -> Any:
    told = json.loads(text)
    schema = DOCUMENT["paths"][path]["get"]["responses"][status]["content"]["application/json"]["schema"]
    Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]}, format_checker=FormatChecker()
    ).validate(told)
    return told


async def get(browser: Browser, path: str) -> Any:
    answer = await browser.ask(f"/api/v1/{path}")
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    return validated(f"/api/v1/{path.partition('?')[0]}", answer.text)


async def test_the_document_is_valid_served_and_the_one_that_is_kept(tmp_path: Path) -> None:
    validate(DOCUMENT)
    async with api(tmp_path) as (browser, _):
        served = await browser.ask("/api/v1/openapi.json")
    kept = (ROOT / "docs/openapi.json").read_text()
    assert served.text == kept == document_text(), "python -m daemon.web.openapi > docs/openapi.json"
    assert set(DOCUMENT["paths"]) >= {f"/api/v1/{one.name}" for one in COLLECTIONS}


@pytest.mark.parametrize("name", ["exchanges", *(one.name for one in COLLECTIONS)])
async def test_every_collection_answers_as_the_document_says(tmp_path: Path, name: str) -> None:
    async with api(tmp_path) as (browser, _):
        told = await get(browser, name)
        assert set(told) == {"items", "next"}
        assert told["items"] or name == "breaks"


async def test_law_9_amounts_are_exact_text_and_law_1_unknown_is_null(tmp_path: Path) -> None:
    async with api(tmp_path) as (browser, _):
        (usdt,) = (await get(browser, "balances?account=mm-1&asset=usdt"))["items"]
        assert usdt["amounts"] == {"free": SMALL, "frozen": "0", "total": SMALL}
        (btc,) = (await get(browser, "balances?account=MM-1&asset=BTC"))["items"]
        assert btc["amounts"] == {"free": LARGE, "frozen": "-0.50", "total": LARGE}
        (arb,) = (await get(browser, f"balances?account={quote('arb@desk.example')}"))["items"]
        assert arb["amounts"] == {"free": None, "frozen": None, "total": "5"}
        assert arb["read"].endswith("Z")


@pytest.mark.parametrize("name", ["accounts", "balances", "history", "notifications", "alerts"])
async def test_pages_of_one_lose_and_repeat_nothing(tmp_path: Path, name: str) -> None:
    async with api(tmp_path) as (browser, _):
        whole = (await get(browser, name))["items"]
        found, after = [], ""
        while True:
            page = await get(browser, f"{name}?limit=1{after and f'&after={after}'}")
            found += page["items"]
            if page["next"] is None:
                break
            after = page["next"]
        assert found == whole


async def test_filters_choose_and_what_does_not_exist_is_said(tmp_path: Path) -> None:
    async with api(tmp_path) as (browser, _):
        (alert,) = (await get(browser, "alerts?state=open&severity=warning&rule=USDT%20floor&account=mm-1"))[
            "items"
        ]
        assert (alert["value"], alert["state"]) == (SMALL, "firing")
        assert (await get(browser, "alerts?severity=info"))["items"] == []
        assert (await get(browser, "alerts?type=stale"))["items"] == []
        assert (await get(browser, "accounts?name=ARB"))["items"][0]["email"] == ARB.email
        assert (await get(browser, "accounts?exchange=nowhere"))["items"] == []
        steps = (await get(browser, f"history?alert={alert['id'].lower()}&event=transition"))["items"]
        assert [step["after"] for step in steps] == ["firing", "pending"]
        assert {step["account"] for step in steps} == {MM_1.label}
        assert (await get(browser, "history?since=2999-01-01T00:00:00Z"))["items"] == []
        assert len((await get(browser, "history?account=mm-1"))["items"]) >= 3
        missing = await browser.ask("/api/v1/balances?account=nobody")
        assert missing.status == 404
        assert "nobody" in json.loads(missing.text)["error"]


@pytest.mark.parametrize(
    "query",
    [
        "accounts?limit=0",
        "accounts?limit=1001",
        "accounts?limit=%D9%A1",
        "accounts?limit=",
        "accounts?after=x",
        "accounts?after=99999999999999999999",
        "balances?after=9223372036854775808.0.0",
        "balances?after=1.2.3.4",
        "alerts?state=broken",
        "alerts?colour=red",
        "alerts?state=open&state=firing",
        "history?since=yesterday",
        "history?since=2026-01-01T00:00:00",
        "exchanges?x=1",
        "accounts?name=%00",
        f"accounts?name={'x' * 201}",
        "accounts?" + "&".join(f"a{n}=1" for n in range(40)),
    ],
)
async def test_what_makes_no_sense_is_refused_with_the_parameter(tmp_path: Path, query: str) -> None:
    async with api(tmp_path) as (browser, _):
        answer = await browser.ask(f"/api/v1/{query}")
        assert answer.status == 400
        validated(f"/api/v1/{query.partition('?')[0]}", answer.text, "400")


@pytest.mark.parametrize("after", ["5", "5.1", "5.1.1", "9223372036854775807"])
async def test_any_cursor_of_the_right_shape_is_a_place(tmp_path: Path, after: str) -> None:
    async with api(tmp_path) as (browser, _):
        for collection in COLLECTIONS:
            assert (await browser.ask(f"/api/v1/{collection.name}?after={after}")).status == 200


async def test_what_did_not_change_is_304_and_what_did_is_sent(tmp_path: Path) -> None:
    async with api(tmp_path) as (browser, made):
        first = await browser.ask("/api/v1/balances")
        tag = first.headers["Etag"]
        for given in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            same = await browser.ask("/api/v1/balances", headers={"If-None-Match": given})
            assert (same.status, same.text, same.headers["Etag"]) == (304, "", tag)
        made.read(MM_1, {"USDT": ("9", "0", "9")})
        fresh = await browser.ask("/api/v1/balances", headers={"If-None-Match": tag})
        assert fresh.status == 200
        assert fresh.headers["Etag"] != tag


async def test_beyond_loopback_the_token_reads(tmp_path: Path) -> None:
    async with api(tmp_path, host="0.0.0.0", token=TOKEN) as (browser, _):  # noqa: S104  that is the case
        for name in ("exchanges", "openapi.json", *(one.name for one in COLLECTIONS)):
            assert (await browser.ask(f"/api/v1/{name}")).status == 401
            given = {"Authorization": f"Bearer {TOKEN}"}
            assert (await browser.ask(f"/api/v1/{name}", headers=given)).status == 200


@pytest.mark.parametrize(
    "headers, status",
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "https://elsewhere.example"}, 403),
        ({"Authorization": f"Bearer {TOKEN}", "Host": "elsewhere.example"}, 421),
    ],
)
async def test_nothing_is_changed_without_token_or_from_elsewhere(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    with fed(tmp_path, store_open=True) as made:
        store = await AsyncStore.open(tmp_path / "subtally.db")
        try:
            async with serving(actions=store_actions(store, lambda: made.now), token=TOKEN) as browser:
                (row,) = made.store.alerts("firing").rows
                for method, path, body in (
                    ("POST", f"/api/v1/alerts/{row.alert.id}/ack", {"by": "kim"}),
                    ("POST", "/api/v1/silences", {"all": True, "for": "1h", "reason": "x", "by": "kim"}),
                    ("DELETE", "/api/v1/silences/S1234", None),
                ):
                    sent = {**headers, "Content-Type": "application/json"}
                    answer = await browser.ask(path, method, sent, json.dumps(body) if body else None)
                    assert answer.status == status, (method, path)
                assert made.store.orders_after(0) == []
        finally:
            await store.close()


async def test_reading_many_pages_at_once_never_blocks_the_loop_for_long(tmp_path: Path) -> None:
    async with api(tmp_path) as (browser, _):
        answers = await asyncio.gather(*(browser.ask("/api/v1/history") for _ in range(40)))
        assert {answer.status for answer in answers} == {200}
