"""Every code of the facts pages has a verdict."""

import json
from typing import Any

import pytest
from multidict import CIMultiDict

from daemon.exchanges.base import Credentials
from daemon.exchanges.errors import codes, readable
from daemon.exchanges.http import Response
from daemon.exchanges.reply import code_and_words, retry_after_seconds
from rules.model import Failure, FailureKind, Identity
from tests.contract.clients_support import CLIENTS, client_at, vectors

CREDENTIALS = Credentials("key-text-1", "secret-text-1", "pass-text-1")
K = FailureKind
KINDS = {
    "resync_clock_and_retry": {K.CLOCK},
    "retry_after_clock_sync": {K.CLOCK},
    "retry": {K.TRANSIENT},
    "retry_slow": {K.TRANSIENT},
    "backoff": {K.TRANSIENT, K.LIMITED, K.MAINTENANCE},
    "backoff_then_bug": {K.TRANSIENT},
    "degraded_long_backoff": {K.MAINTENANCE},
    "back_off": {K.LIMITED},
    "back_off_long": {K.BANNED},
    "stop_until": {K.BANNED},
    "per_account": {K.DENIED, K.ACCOUNT},
    "bug_or_bad_config": {K.ENDPOINT},
    "client_bug": {K.ENDPOINT},
    "fatal_config": {K.KEY, K.ENDPOINT},  # -1131 is our own mistake
    "fatal_config_but_may_be_temporary_ban": {K.KEY},
    "fatal_account_state": {K.KEY},
    "account_mode": {K.KEY},
    "region": {K.KEY},
}


def refusal(kind: str, status: int, body: bytes, headers: dict[str, str] | None = None) -> Any:
    client = client_at(kind, "http://127.0.0.1:9", CREDENTIALS)
    return client._refusal(Response(status, CIMultiDict(headers or {}), body))


@pytest.mark.parametrize(
    "entry", vectors("binance/error_bodies.json"), ids=lambda e: f"{e['http']} {e['kind']}"
)
def test_binance_bodies_are_classified(entry: Any) -> None:
    raw = entry["body"] if isinstance(entry["body"], str) else json.dumps(entry["body"])
    found = refusal("binance", entry["http"], raw.encode())
    assert found.verdict.kind in KINDS[entry["kind"]]
    if found.verdict.kind is K.KEY:
        assert found.verdict.stops
        assert found.verdict.hint


@pytest.mark.parametrize("kind", ["okx", "bitget"])
@pytest.mark.parametrize("status", [200, 400, 401, 429, 503])
def test_codes_are_classified_whatever_the_status(kind: str, status: int) -> None:
    for group, listed in vectors(f"{kind}/classification.json")[kind].items():
        for code in listed:
            found = refusal(kind, status, json.dumps({"code": code, "msg": "words", "data": None}).encode())
            assert found.verdict.kind in KINDS[group], (code, group)
            assert not found.unknown_code
            assert found.verdict.stops == (found.verdict.kind is K.KEY)


@pytest.mark.parametrize("kind", ["okx", "bitget"])
def test_recorded_error_bodies_are_classified(kind: str) -> None:
    for entry in vectors(f"{kind}/responses.json")["errors"]:
        assert refusal(kind, entry["http"], entry["raw"].encode()) is not None, entry


def test_one_code_has_one_verdict() -> None:
    with pytest.raises(ValueError, match="twice"):
        codes({"1 2": CLIENTS["okx"].CODES["50102"], "2 3": CLIENTS["okx"].CODES["50102"]})


@pytest.mark.parametrize(
    "status, body, expected",
    [
        (429, b'{"msg":"Requests too frequent.","code":50011}', K.LIMITED),
        (429, b"Too Many Requests", K.LIMITED),
        (429, b"50011", K.LIMITED),
        (200, b'{"code":"50011","data":[],"msg":"Rate limit reached."}', K.LIMITED),
        (400, b'{"code":"50004","data":[],"msg":"API endpoint request timeout "}', K.TRANSIENT),
        (503, '{"code":"50001","data":[],"msg":"服务暂时不可用"}'.encode(), K.TRANSIENT),
        (525, b"<html>SSL handshake failed</html>", K.TRANSIENT),
        (403, b"<html>blocked</html>", K.BANNED),
        (404, b"<html>not found</html>", K.ENDPOINT),
        (451, b"", K.KEY),
        (401, b'{"msg":"API key doesn\'t exist","code":"50119"}', K.KEY),
        (200, b'{"code":"59510_1","data":[],"msg":""}', K.DENIED),
        (302, b"", K.TRANSIENT),
    ],
)
def test_the_status_decides_only_without_a_known_code(
    status: int, body: bytes, expected: FailureKind
) -> None:
    assert refusal("okx", status, body).verdict.kind is expected


def test_a_gateway_answer_without_a_code_is_a_passing_trouble() -> None:
    body = b'{"message":"failure to get a peer from the ring-balancer"}'
    found = refusal("bitget", 503, body)
    assert found.verdict.kind is K.TRANSIENT
    assert "ring-balancer" in found.text


@pytest.mark.parametrize("status", [200, 400, 418, 429])
def test_a_ban_in_words_is_a_ban_whatever_the_status(status: int) -> None:
    body = b'{"code":-1003,"msg":"Way too much request weight used; IP banned until 1499827439559. Please"}'
    found = refusal("binance", status, body)
    assert found.verdict.kind is K.BANNED
    assert found.until_venue_ms == 1499827439559


def failure(
    kind: str, code: str, status: int = 400, *, task: Any = None, name: str = "", times: int = 1
) -> Failure:
    client = client_at(kind, "http://127.0.0.1:9", CREDENTIALS)
    body = json.dumps({"code": code, "msg": "words"}).encode()
    found = client._refusal(Response(status, CIMultiDict(), body))
    endpoint = name or next(iter(client.ENDPOINTS))
    result = None
    for _ in range(times):
        result = client._failure(endpoint, found, task)
    assert isinstance(result, Failure)
    return result


def task_of(kind: str) -> Any:
    account = Identity(venue_id="7", email="mm-1@desk.example", name="mm1")
    client = client_at(kind, "http://127.0.0.1:9", CREDENTIALS)
    return next(task for task in client.tasks([account]) if task.account == account)


@pytest.mark.parametrize("kind", ["binance", "okx"])
def test_an_unknown_code_is_tried_a_few_times_and_then_the_accounts_own(kind: str) -> None:
    task = task_of(kind)
    kinds = [failure(kind, "-77777", task=task, times=times).kind for times in (1, 3, 4)]
    assert kinds == [K.TRANSIENT, K.TRANSIENT, K.ACCOUNT]
    assert failure(kind, "-77777", times=9).kind is K.TRANSIENT


def test_a_want_of_rights_stops_an_optional_endpoint_only() -> None:
    assert failure("binance", "-2015", name="list").kind is K.ENDPOINT
    assert failure("bitget", "22010", name="list").kind is K.ENDPOINT
    stopped = failure("binance", "-2015", name="assets")
    assert (stopped.kind, stopped.stops, stopped.until_ms) == (K.KEY, True, None)
    assert failure("binance", "-2014", name="list").stops


def test_our_own_mistake_about_one_account_is_that_accounts_trouble() -> None:
    found = failure("okx", "51000", task=task_of("okx"))
    assert (found.kind, found.account is not None, found.wallet) == (K.ACCOUNT, True, "funding")


def test_what_concerns_all_accounts_names_none() -> None:
    assert failure("okx", "50011", task=task_of("okx")).account is None
    assert failure("okx", "50119", task=task_of("okx")).account is None


def test_reasons_say_where_what_and_what_to_do() -> None:
    found = failure("okx", "50119", status=401)
    assert found.reason == (
        "OKX /api/v5/asset/subaccount/balances: code 50119 (HTTP 401): words; "
        "the key is not known here: check api_key, and base_url for the region it was made in"
    )


def test_law_12_what_the_venue_repeats_of_our_secrets_is_not_shown() -> None:
    words = "bad key-text-1 and secret-text-1 in ?email=a&timestamp=1&signature=abc123\u202e\x07 end"
    found = refusal("binance", 400, json.dumps({"code": -1022, "msg": words}).encode())
    assert "text-1" not in found.text
    assert "abc123" not in found.text
    assert found.text.isprintable()
    assert len(readable("x" * 1000)) == 200


@pytest.mark.parametrize(
    "text, seconds",
    [("7", 7), ("0", 1), ("", None), ("soon", None), ("-5", None), ("1e3", None), ("99999999999999", 604800)],
)
def test_retry_after_is_read_or_taken_as_missing(text: str, seconds: int | None) -> None:
    assert retry_after_seconds(CIMultiDict({"retry-after": text}), 0) == seconds


def test_retry_after_may_be_a_date() -> None:
    headers = CIMultiDict({"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT"})
    assert retry_after_seconds(headers, 30_000) == 30
    assert retry_after_seconds(headers, 29_999) == 31


def test_law_11_a_date_of_retry_after_is_read_on_the_venues_clock() -> None:
    """Ours may be seconds ahead of it, and nobody calls before the venue's own time."""
    client = client_at("binance", "http://127.0.0.1:9", CREDENTIALS)
    client._now_ms = lambda: 1_790_000_000_000  # 2026-09-21T14:13:20Z
    client._clock._now_ms = client._now_ms
    client._clock.offset_ms = -4_000
    headers = CIMultiDict({"Retry-After": "Mon, 21 Sep 2026 14:13:26 GMT"})
    assert client._refusal(Response(429, headers, b"")).retry_after_seconds == 10
    client._clock.offset_ms = 0  # nothing learned yet: the answer's own date tells as much
    headers["Date"] = "Mon, 21 Sep 2026 14:13:16 GMT"
    assert client._refusal(Response(429, headers, b"")).retry_after_seconds == 10


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[1,2]", b'"x"', b"null", b'{"code":null}', b'{"code":true}', b"["]
)
def test_any_body_can_be_asked_for_its_code(body: bytes) -> None:
    assert code_and_words(body)[0] is None
