"""A notifier that is an Alertmanager: what is posted, and what its answers mean."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from notifiers.alertmanager import LIVES_MS, MOST_ALERTS, AlertmanagerWay
from notifiers.message import Item, Message, Wording
from notifiers.outcome import Result, SendOutcome
from notifiers.service import BadUrl
from notifiers.way import check_url, open_way
from rules.facts import Facts
from rules.model import Severity
from rules.outcome import NotificationKind as Kind
from tests.unit.notifiers_recorder import Answer, Recorder, recording

FACTS = Facts(
    "floor", "low_balance", "binance-main", Severity.CRITICAL, label="mm-1@x", asset="USDT", wallet="spot",
    field="free", value="1.5", sign="<", threshold="5", runbook="https://wiki.example", description="desk 7",
)  # fmt: skip
WORDS = Wording("CRITICAL mm-1@x", "CRITICAL binance-main mm-1@x\nrule floor")


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as made:
        yield made


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def item(alert: str = "A7F3", kind: Kind = Kind.FIRING, **changes: Any) -> Item:
    facts = replace(FACTS, **changes)
    return Item(alert, kind, facts.severity, facts, now_ms() - 5_000)


async def post(recorder: Recorder, *items: Item, user: str = "", seconds: float = 20) -> Result:
    way = AlertmanagerWay("am", f"alertmanager://{user}127.0.0.1:{recorder.port}/prefix/")
    return await way.send(WORDS, seconds, Message("M19C", "am", items))


def posted(recorder: Recorder) -> list[dict[str, Any]]:
    return [alert for _, _, body in recorder.requests for alert in json.loads(body)]


def at_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


async def test_labels_say_what_and_annotations_who(recorder: Recorder) -> None:
    result = await post(recorder, item())
    assert result == Result(SendOutcome.DELIVERED)
    ((path, headers, _),) = recorder.requests
    assert path == "/prefix/api/v2/alerts"
    assert headers["Content-Type"] == "application/json"
    (alert,) = posted(recorder)
    assert alert["labels"] == {
        "alertname": "floor", "exchange": "binance-main", "account": "mm-1@x", "asset": "USDT",
        "wallet": "spot", "field": "free", "severity": "critical",
    }  # fmt: skip
    notes = alert["annotations"]
    assert (notes["alert"], notes["message"], notes["runbook_url"]) == (
        "A7F3",
        "M19C",
        "https://wiki.example",
    )
    assert "mm-1@x spot USDT free 1.5 < 5" in notes["summary"]
    assert at_ms(alert["startsAt"]) < now_ms() < at_ms(alert["endsAt"]) <= now_ms() + LIVES_MS


async def test_two_daemons_give_one_alert_the_same_labels(recorder: Recorder) -> None:
    await post(recorder, item("A1111", read_ms=1, value="1.5"))
    await post(recorder, item("A2222", read_ms=2, value="1.6"))
    one, other = posted(recorder)
    assert one["labels"] == other["labels"]
    assert one["annotations"]["alert"] != other["annotations"]["alert"]


@pytest.mark.parametrize("kind", [Kind.RESOLVED, Kind.CLOSED])
async def test_an_end_is_posted_as_one_and_never_lies_ahead(recorder: Recorder, kind: Kind) -> None:
    await post(recorder, item(kind=kind, fired_ms=now_ms() - 60_000, ended_ms=now_ms() + 3_600_000))
    (alert,) = posted(recorder)
    assert at_ms(alert["startsAt"]) <= at_ms(alert["endsAt"]) <= now_ms()


async def test_a_raise_ends_the_lesser_alert_because_severity_is_a_label(recorder: Recorder) -> None:
    await post(recorder, item(kind=Kind.RAISED, raised_from=Severity.WARNING))
    graver, lesser = posted(recorder)
    assert (graver["labels"]["severity"], lesser["labels"]["severity"]) == ("critical", "warning")
    assert at_ms(lesser["endsAt"]) <= now_ms() < at_ms(graver["endsAt"])


async def test_of_an_end_merged_with_its_firing_the_end_counts(recorder: Recorder) -> None:
    await post(recorder, item(), item(kind=Kind.RESOLVED))
    (alert,) = posted(recorder)
    assert at_ms(alert["endsAt"]) <= now_ms()


async def test_10_000_alerts_are_posted_in_bounded_requests(recorder: Recorder) -> None:
    assert (
        await post(recorder, *(item(f"A{n:05}", label=f"a{n}") for n in range(10_000)))
    ).outcome == "delivered"
    assert len(recorder.requests) == 10_000 / MOST_ALERTS
    assert len({alert["labels"]["account"] for alert in posted(recorder)}) == 10_000


async def test_hostile_labels_are_text(recorder: Recorder) -> None:
    await post(recorder, item(label="a\x00b\u202e\n" + "🦊" * 5_000 + "\ud800", asset='"}]'))
    (alert,) = posted(recorder)
    assert alert["labels"]["asset"] == '"}]'
    assert not set(alert["labels"]["account"]) & {"\x00", "\u202e", "\n"}
    assert len(alert["labels"]["account"]) <= 80


async def test_a_test_message_is_labelled_as_one(recorder: Recorder) -> None:
    facts = Facts(rule="", type="subtally", exchange="", severity=Severity.INFO)
    await post(recorder, Item("", Kind.TEST, Severity.INFO, facts, now_ms()))
    (alert,) = posted(recorder)
    assert alert["labels"] == {"alertname": "subtally test", "severity": "info", "test": "true"}
    assert alert["annotations"]["summary"] == "TEST INFO"


@pytest.mark.parametrize(
    "status, permanent", [(400, True), (401, True), (404, True), (429, False), (503, False)]
)
async def test_a_refusal_is_what_its_status_says(recorder: Recorder, status: int, *, permanent: bool) -> None:
    recorder.answer = Answer(status, {"Retry-After": "17"}, b"no\nthanks")
    result = await post(recorder, item())
    assert result == Result(SendOutcome.FAILED, f"HTTP {status}: no thanks", 17, permanent)


async def test_a_redirect_is_no_delivery(recorder: Recorder) -> None:
    recorder.answer = Answer(302, {"Location": "/"})
    assert (await post(recorder, item())).outcome is SendOutcome.FAILED


async def test_no_answer_is_perhaps_delivered_and_no_connection_is_not(
    recorder: Recorder, unused_tcp_port: int
) -> None:
    recorder.hold = threading.Event()
    assert (await post(recorder, item(), seconds=0.3)).outcome is SendOutcome.UNKNOWN
    recorder.hold.set()
    recorder.hold, recorder.answer = None, Answer(drop=True)
    assert (await post(recorder, item())).outcome is SendOutcome.UNKNOWN
    way = open_way("am", f"alertmanager://127.0.0.1:{unused_tcp_port}")
    result = await way.send(WORDS, 5, Message("M19C", "am", (item(),)))
    assert (result.outcome, result.reason) == (
        SendOutcome.FAILED, "no connection could be made: connection refused",
    )  # fmt: skip


async def test_law_12_the_password_goes_into_the_header_and_nowhere_else(recorder: Recorder) -> None:
    recorder.answer = Answer(503)
    result = await post(recorder, item(), user="kim:p%40ss-word@")
    ((_, headers, _),) = recorder.requests
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"kim:p@ss-word").decode()
    way = AlertmanagerWay("am", f"alertmanager://kim:p%40ss-word@127.0.0.1:{recorder.port}")
    assert way.address == f"alertmanager://127.0.0.1:{recorder.port}/…"
    assert "ss-word" not in repr((result, way, way.address))


@pytest.mark.parametrize(
    "url",
    [
        "alertmanager://",
        "alertmanager://h:99999",
        "alertmanager://h:x",
        "alertmanagers://h/?a=sEcReT",
        "alertmanager:///p",
    ],
)
def test_a_url_that_names_no_host_or_has_settings_is_refused_without_its_text(url: str) -> None:
    said = check_url(url)
    assert said is not None
    assert "write it as alertmanager://" in said
    assert "sEcReT" not in said
    with pytest.raises(BadUrl):
        open_way("am", url)


def test_good_urls_are_taken_and_others_are_still_apprise() -> None:
    assert check_url("alertmanager://am.example") is None
    assert check_url("alertmanagers://kim:pw@[::1]:9093/am") is None
    assert check_url("json://127.0.0.1/") is None
    assert "no service is known" in (check_url("alertmanagerz://h") or "")
