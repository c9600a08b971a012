"""A notifier that is an Alertmanager: what is posted, and what its answers mean."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from notifiers.alertmanager import LIVES_MS, MOST_ALERTS, AlertmanagerWay
from notifiers.alertmanager_api import MOST_BYTES
from notifiers.message import Item, Kept, Message, Wording
from notifiers.outcome import Result, SendOutcome
from notifiers.service import BadUrl
from notifiers.urls import check_url
from notifiers.way import open_way
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


@pytest.fixture
def way(recorder: Recorder) -> AlertmanagerWay:
    return AlertmanagerWay("am", f"alertmanager://127.0.0.1:{recorder.port}")


def labels(severity: str = "critical") -> dict[str, str]:
    return {
        "alertname": "floor", "exchange": "binance-main", "account": "mm-1@x", "asset": "USDT",
        "wallet": "spot", "field": "free", "severity": severity,
    }  # fmt: skip


def active(recorder: Recorder, *severities: str) -> None:
    """What the Alertmanager says is active there from now on."""
    found = [{"labels": labels(one), "status": {"state": "suppressed"}} for one in severities]
    recorder.asked = Answer(body=json.dumps(found).encode())


def read_now() -> int:
    return now_ms() + 1_000


def read_before() -> int:
    return now_ms() - 60_000


def judged_by_time() -> None:
    return None


async def kept(
    way: AlertmanagerWay,
    recorder: Recorder,
    shown: Callable[[], int | None] = read_before,
    *,
    told: bool = True,
    **changes: Any,
) -> int:
    """Keep one alert alive; how many alerts were posted."""
    recorder.requests.clear()
    assert await way.keep([Kept(item(**changes), told, shown)], 20) == Result(SendOutcome.DELIVERED)
    return len(posted(recorder))


async def sent(way: AlertmanagerWay, recorder: Recorder, one: Item, seconds_ago: int = 60) -> int:
    """Tell of what happened so long ago; how many alerts were posted."""
    recorder.requests.clear()
    one = replace(one, created_ms=now_ms() - seconds_ago * 1000)
    assert await way.send(WORDS, 20, Message("M19C", "am", (one,))) == Result(SendOutcome.DELIVERED)
    return len(posted(recorder))


async def test_labels_say_what_and_annotations_who(recorder: Recorder) -> None:
    result = await post(recorder, item())
    assert result == Result(SendOutcome.DELIVERED)
    ((path, headers, _),) = recorder.requests
    assert path == "/prefix/api/v2/alerts"
    assert headers["Content-Type"] == "application/json"
    (alert,) = posted(recorder)
    assert alert["labels"] == labels()
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


@pytest.mark.parametrize(
    "type_, headlines",
    [
        ("account_status", ("was frozen by the venue", "was renamed: it was mm-0@x before")),
        ("balance_change", ("fell", "rose")),
    ],
)
async def test_two_different_events_of_one_subject_are_two_alerts(
    recorder: Recorder, type_: str, headlines: tuple[str, str]
) -> None:
    one, other = (item(f"A{n}111", Kind.EVENT, type=type_, headline=h) for n, h in enumerate(headlines))
    await post(recorder, one, other)
    assert tuple(alert["labels"]["event"] for alert in posted(recorder)) == headlines


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


async def test_what_is_active_there_is_kept_alive(way: AlertmanagerWay, recorder: Recorder) -> None:
    active(recorder, "critical")
    assert await kept(way, recorder) == 1
    ((path, _),) = recorder.questions
    assert path.startswith("/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true&filter=")


async def test_what_another_daemon_ended_is_not_begun_again_by_an_old_reading(
    way: AlertmanagerWay, recorder: Recorder
) -> None:
    active(recorder, "critical")
    assert await kept(way, recorder) == 1
    active(recorder)
    assert [await kept(way, recorder) for _ in range(3)] == [0, 0, 0]


async def test_what_was_lost_there_is_told_again_once_a_reading_shows_that_it_still_fires(
    way: AlertmanagerWay, recorder: Recorder
) -> None:
    assert await kept(way, recorder) == 0  # nobody knows yet whether it was lost or ended
    assert await kept(way, recorder, read_now) == 1
    active(recorder, "critical")
    assert await kept(way, recorder) == 1


async def test_what_no_reading_judges_is_told_again_at_the_second_look(
    way: AlertmanagerWay, recorder: Recorder
) -> None:
    assert [await kept(way, recorder, judged_by_time) for _ in range(2)] == [0, 1]


async def test_what_another_daemon_has_raised_is_not_kept_with_its_lesser_severity(
    way: AlertmanagerWay, recorder: Recorder
) -> None:
    active(recorder, "critical")
    assert await kept(way, recorder, read_now, severity=Severity.WARNING) == 0
    assert await kept(way, recorder, read_now, severity=Severity.WARNING) == 0


@pytest.mark.parametrize(
    "answer, why",
    [
        (Answer(403), "HTTP 403"),
        (Answer(body=b'{"a": 1}'), "the answer is no list of alerts with labels"),
        (Answer(body=b"[{}]"), "the answer is no list of alerts with labels"),
        (Answer(drop=True), "the connection broke before the answer"),
        (Answer(body=b" " * (MOST_BYTES + 1)), f"an answer of more than {MOST_BYTES} bytes"),
    ],
)
async def test_where_it_cannot_be_seen_what_is_active_all_is_kept_alive_and_the_reason_is_said(
    way: AlertmanagerWay, recorder: Recorder, answer: Answer, why: str
) -> None:
    recorder.asked = answer
    result = await way.keep([Kept(item(), told=True, shown_since_ms=read_before)], 20)
    assert result == Result(SendOutcome.DELIVERED, f"what is active there cannot be seen: {why}")
    assert len(posted(recorder)) == 1


async def test_a_firing_that_waited_is_told_unless_it_was_seen_to_come_and_go(
    way: AlertmanagerWay, recorder: Recorder
) -> None:
    assert await sent(way, recorder, item()) == 1
    other = AlertmanagerWay("am", f"alertmanager://127.0.0.1:{recorder.port}")
    active(recorder, "critical")
    assert await kept(other, recorder, told=False) == 0
    active(recorder)
    assert await sent(other, recorder, item()) == 0
    assert await sent(other, recorder, item(), seconds_ago=0) == 1


async def test_no_reminder_begins_again_what_another_daemon_ended(
    way: AlertmanagerWay, recorder: Recorder
) -> None:
    active(recorder, "critical")
    assert await sent(way, recorder, item(kind=Kind.REMINDER)) == 1
    active(recorder)
    assert await sent(way, recorder, item(kind=Kind.REMINDER)) == 0


async def test_a_raise_that_waited_ends_the_lesser_alert_and_a_firing_that_waited_does_not_begin_it_again(
    way: AlertmanagerWay, recorder: Recorder
) -> None:
    active(recorder, "critical")
    assert await sent(way, recorder, item(severity=Severity.WARNING)) == 0
    assert await sent(way, recorder, item(kind=Kind.RAISED, raised_from=Severity.WARNING)) == 2


async def test_after_an_end_of_ours_the_next_alert_is_another_one(
    way: AlertmanagerWay, recorder: Recorder
) -> None:
    active(recorder, "critical")
    assert await kept(way, recorder) == 1
    assert await sent(way, recorder, item(kind=Kind.RESOLVED)) == 1
    active(recorder)
    assert await sent(way, recorder, item("A8F3")) == 1


async def test_an_end_and_what_is_fresh_is_told_without_a_question(
    way: AlertmanagerWay, recorder: Recorder
) -> None:
    assert await sent(way, recorder, item(), seconds_ago=1) == 1
    assert await sent(way, recorder, item(kind=Kind.RESOLVED)) == 1
    assert recorder.questions == []


async def test_law_12_a_question_shows_no_password(recorder: Recorder) -> None:
    way = AlertmanagerWay("am", f"alertmanager://kim:p%40ss-word@127.0.0.1:{recorder.port}")
    recorder.asked = Answer(401)
    result = await way.keep([Kept(item(), told=True, shown_since_ms=read_before)], 20)
    ((path, headers),) = recorder.questions
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"kim:p@ss-word").decode()
    assert "ss-word" not in path + repr(result)
