"""What becomes of a message: delivered, again, perhaps, or dead (law 7)."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from apprise.plugins.telegram import NotifyTelegram

from daemon import deliver
from notifiers.message import Wording
from rules.outcome import NotificationKind
from state.errors import BusyError
from tests.e2e.desk import Desk, a_desk, steady
from tests.unit.notifiers_recorder import Answer, Recorder, recording

TOKEN = "123456789:AAEmadeup_token_of_the_tests_0123456"
MESSAGE_ID = re.compile(r"\bM[0-9A-Z]{4,8}\b")


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    steady(monkeypatch)
    async with a_desk(tmp_path) as made:
        yield made


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as found:
        yield found


@pytest.fixture
def telegram(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://127.0.0.1:{recorder.port}/bot")
    return f"tgram://{TOKEN}/-1001"


def bodies(recorder: Recorder) -> list[str]:
    return [json.loads(body)["message"] for _, _, body in recorder.requests]


def ids(recorder: Recorder) -> list[str]:
    return [MESSAGE_ID.findall(body)[-1] for body in bodies(recorder)]


def refusal(status: int, description: str, **parameters: Any) -> Answer:
    told = {"ok": False, "error_code": status, "description": description, "parameters": parameters}
    return Answer(status, body=json.dumps(told).encode())


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_permanent_refusal_is_dead_at_once(desk: Desk, recorder: Recorder, status: int) -> None:
    recorder.answer = Answer(status)
    lane = desk.open("slack", recorder.url())
    await desk.tell("A1B2C")
    await desk.quiet()
    await desk.after(3_600)
    (row,) = await desk.rows()
    assert (row.state, row.attempts, len(recorder.requests)) == ("dead", 1, 1)
    assert f"HTTP {status}" in row.reason
    assert lane.counters.dead == 1


@pytest.mark.parametrize(
    "status,description",
    [
        (401, "Unauthorized"),
        (400, "Bad Request: chat not found"),
        (403, "Forbidden: bot was kicked from the group chat"),
        (400, "Bad Request: group chat was upgraded to a supergroup chat"),
    ],
)
async def test_a_bad_token_and_a_chat_that_is_gone_are_dead_at_once(
    desk: Desk, recorder: Recorder, telegram: str, status: int, description: str
) -> None:
    recorder.answer = refusal(status, description)
    desk.open("telegram", telegram)
    await desk.tell("A1B2C")
    await desk.quiet()
    (row,) = await desk.rows()
    assert (row.state, row.attempts) == ("dead", 1)
    assert TOKEN not in repr(row)


async def test_a_dead_message_holds_up_nothing_that_comes_after_it(desk: Desk, recorder: Recorder) -> None:
    recorder.answer = Answer(404)
    desk.open("slack", recorder.url())
    await desk.tell("A1B2C")
    await desk.quiet()
    recorder.answer = Answer()
    await desk.tell("A3D4E")
    await desk.after(15)
    assert sorted(row.state for row in await desk.rows()) == ["dead", "delivered"]


async def test_a_temporary_failure_is_repeated_ever_more_rarely_and_dead_after_give_up_after(
    desk: Desk, recorder: Recorder
) -> None:
    recorder.answer = Answer(503)
    desk.open("slack", recorder.url())
    await desk.tell("A1B2C")
    await desk.quiet()
    tried_after = []
    for second in range(1, 2_000):
        before = len(recorder.requests)
        await desk.after(1)
        if len(recorder.requests) > before:
            tried_after.append(second)
    gaps = [after - before for before, after in zip([0, *tried_after], tried_after, strict=False)]
    assert gaps == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    await desk.after(24 * 3_600 - 2_000)
    (row,) = await desk.rows()
    assert row.state == "claimed", "given up too early"
    await desk.after(300)
    (row,) = await desk.rows()
    assert row.state == "dead"
    assert "HTTP 503" in row.reason
    assert set(ids(recorder)) == {row.message}
    count = len(recorder.requests)
    await desk.after(24 * 3_600)
    assert len(recorder.requests) == count


async def test_a_young_alert_is_not_given_up_with_an_old_one_of_its_message(
    desk: Desk, recorder: Recorder
) -> None:
    await desk.tell("A1B2C", notifier="slack")
    desk.now_ms += 24 * 3_600_000
    await desk.tell("A3D4E", notifier="slack")
    recorder.answer = Answer(500)
    desk.open("slack", recorder.url())
    await desk.quiet()
    assert await desk.states() == {"claimed": 2}
    recorder.answer = Answer()
    await desk.after(2)
    assert await desk.states() == {"delivered": 2}


async def test_law_7_no_answer_in_time_is_perhaps_delivered_and_repeated_under_the_same_id(
    desk: Desk, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "SEND_SECONDS", 0.3)
    recorder.hold = threading.Event()
    lane = desk.open("slack", recorder.url())
    await desk.tell("A1B2C")
    await desk.quiet()
    (row,) = await desk.rows()
    assert (row.state, lane.counters.unknown) == ("claimed", 1)
    assert "perhaps delivered" in row.reason
    recorder.hold.set()
    recorder.hold = None
    await desk.after(59)
    assert len(recorder.requests) == 1, "a perhaps delivered message is repeated rarely"
    await desk.after(1)
    assert await desk.states() == {"delivered": 1}
    assert ids(recorder) == [row.message] * 2


async def test_retry_after_is_honoured_for_every_message_of_that_notifier(
    desk: Desk, recorder: Recorder, telegram: str
) -> None:
    recorder.answer = refusal(429, "Too Many Requests: retry after 35", retry_after=35)
    desk.open("telegram", telegram)
    await desk.tell("A1B2C")
    await desk.quiet()
    assert len(recorder.requests) == 1
    recorder.answer = Answer(body=b'{"ok": true}')
    await desk.tell("A3D4E")
    await desk.after(34)
    assert len(recorder.requests) == 1, "also for an alert that is new"
    await desk.after(1)
    assert await desk.states() == {"delivered": 2}


async def test_a_wait_longer_than_give_up_after_is_cut_there(
    desk: Desk, recorder: Recorder, telegram: str
) -> None:
    recorder.answer = refusal(429, "Too Many Requests: retry after 200000", retry_after=200_000)
    desk.open("telegram", telegram)
    await desk.tell("A1B2C")
    await desk.quiet()
    await desk.after(24 * 3_600 - 1)
    assert await desk.states() == {"claimed": 1}
    await desk.after(1)
    assert await desk.states() == {"dead": 1}


async def test_a_fault_of_the_wording_neither_ends_the_lane_nor_loses_the_message(
    desk: Desk, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: Any, **_more: Any) -> Wording:
        raise LookupError("a template without an end")

    desk.open("slack", recorder.url())
    with monkeypatch.context() as patch:
        patch.setattr(deliver, "word", broken)
        await desk.tell("A1B2C")
        await desk.quiet()
        assert [(row.state, row.reason) for row in await desk.rows()] == [
            ("claimed", "the message could not be worded (LookupError)")
        ]
    await desk.after(2)
    assert await desk.states() == {"delivered": 1}


async def test_a_lane_closed_in_a_send_leaves_the_message_to_the_next_one_under_its_id(
    desk: Desk, recorder: Recorder
) -> None:
    with recording() as hung:
        hung.hold = threading.Event()
        lane = desk.open("slack", hung.url())
        await desk.tell("A1B2C")
        lane.wake()
        assert await asyncio.to_thread(hung.arrived.wait, 30)
        await lane.close()
        desk.open("slack", recorder.url())
        await desk.quiet()
        assert ids(recorder) == ids(hung)
    assert await desk.states() == {"delivered": 1}
    (row,) = await desk.rows()
    attempts = await desk.store.attempts(row.message or "")
    assert [attempt.outcome for attempt in attempts] == ["unknown", "delivered"]


async def test_a_lane_closed_in_a_claim_leaves_what_it_claimed_to_the_next_one(
    desk: Desk, recorder: Recorder
) -> None:
    await desk.tell("A1B2C", notifier="slack")
    lane = desk.open("slack", recorder.url())
    await asyncio.sleep(0)  # one turn of the loop: the claim is under way
    await lane.close()
    assert recorder.requests == []
    desk.open("slack", recorder.url())
    await desk.quiet()
    assert await desk.states() == {"delivered": 1}
    assert len(recorder.requests) == 1


async def test_a_lane_closed_while_it_words_leaves_what_it_claimed_to_the_next_one(
    desk: Desk, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = desk.open("slack", recorder.url())
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(_items: object, _at_ms: int, _drafts: object) -> int:
        begun.set()
        await go.wait()
        return 1

    monkeypatch.setattr(lane, "_room", slow)
    await desk.tell("A1B2C")
    lane.wake()
    await asyncio.wait_for(begun.wait(), 30)
    await lane.close()
    assert recorder.requests == []
    desk.open("slack", recorder.url())
    await desk.quiet()
    assert await desk.states() == {"delivered": 1}


async def test_a_lane_with_nothing_to_tell_asks_for_nothing_until_it_is_woken(
    desk: Desk, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "IDLE_SECONDS", 0)  # one that looked by itself would look all the time
    claims, claim = [], desk.store.claim

    async def counted(*given: Any) -> Any:
        claims.append(given)
        return await claim(*given)

    monkeypatch.setattr(desk.store, "claim", counted, raising=False)
    lane = desk.open("slack", recorder.url())
    await desk.quiet()
    seen = len(claims)
    await desk.tell("A1B2C")
    for _ in range(50):
        await desk.store.counts()
    assert len(claims) == seen
    lane.wake()
    await desk.quiet()
    assert await desk.states() == {"delivered": 1}


async def test_a_lane_that_waits_for_time_alone_looks_by_itself(
    desk: Desk, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "IDLE_SECONDS", 0.01)
    lane = desk.open("slack", recorder.url())
    await desk.tell("A1B2C")
    await desk.quiet()
    await desk.tell("A1B2D")
    lane.wake()
    await desk.quiet()  # it gathers
    assert len(recorder.requests) == 1
    desk.now_ms += 16_000
    async with asyncio.timeout(30):
        while (await desk.states())["delivered"] < 2:
            pass
    assert len(recorder.requests) == 2


async def test_a_disk_that_refuses_between_claim_and_send_loses_nothing(
    desk: Desk, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "IDLE_SECONDS", 0.01)
    alerts = [f"A{number:04}" for number in range(200)]
    shorten, refusals = desk.store.shorten, [1, 1]

    async def refusing(message: Any, rows: int) -> Any:
        if refusals:
            refusals.pop()
            raise BusyError("write", desk.store.path, "database is locked", "it is tried again")
        return await shorten(message, rows)

    monkeypatch.setattr(desk.store, "shorten", refusing, raising=False)
    desk.open("slack", recorder.url())
    await desk.tell(*alerts)
    await desk.quiet()
    assert await desk.states() == {"delivered": 200}
    named = re.findall(r"\bA\d{4}\b", "\n".join(bodies(recorder)))
    assert sorted(named) == alerts


async def test_a_backlog_is_claimed_about_once_however_many_messages_it_takes(
    desk: Desk, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts = [f"A{number:04}" for number in range(400)]
    claim, claimed = desk.store.claim, list[int]()

    async def counted(*given: Any) -> Any:
        message = await claim(*given)
        claimed.append(0 if message is None else len(message.rows))
        return message

    monkeypatch.setattr(desk.store, "claim", counted, raising=False)
    desk.open("slack", recorder.url())
    await desk.tell(*alerts)
    await desk.quiet()
    assert await desk.states() == {"delivered": 400}
    assert sorted(re.findall(r"\bA\d{4}\b", "\n".join(bodies(recorder)))) == alerts
    assert 3 <= len(bodies(recorder)) <= 10
    assert sum(claimed) <= 2.5 * len(
        alerts
    )  # all of it to learn how much there is, then each message its own


async def test_law_7_a_full_message_still_names_all_its_alerts_when_it_waited(
    desk: Desk, recorder: Recorder
) -> None:
    alerts = [f"A{number:04}" for number in range(200)]
    recorder.answer = Answer(500)
    desk.open("slack", recorder.url())
    await desk.tell(*alerts)
    await desk.quiet()
    recorder.requests.clear()
    recorder.answer = Answer()
    for _ in range(3):
        await desk.after(700)  # every line now ends in "11m 40s ago"
    assert await desk.states() == {"delivered": 200}
    assert sorted(re.findall(r"\bA\d{4}\b", "\n".join(bodies(recorder)))) == alerts
    assert max(len(body.encode("utf-16-le")) // 2 for body in bodies(recorder)) <= 3_500


async def test_law_7_a_perhaps_delivered_full_message_is_repeated_with_all_its_alerts(
    desk: Desk, recorder: Recorder
) -> None:
    alerts = [f"A{number:04}" for number in range(200)]
    recorder.answer = Answer(drop=True)
    desk.open("slack", recorder.url())
    await desk.tell(*alerts)
    await desk.quiet()
    (first,) = bodies(recorder)
    recorder.answer = Answer()
    await desk.after(700)
    again = next(body for body in bodies(recorder)[1:] if ids(recorder)[0] in body)
    assert re.findall(r"\bA\d{4}\b", again) == re.findall(r"\bA\d{4}\b", first)


async def test_law_7_a_kill_between_claim_and_shortening_leaves_no_alert_untold(
    desk: Desk, recorder: Recorder
) -> None:
    alerts = [f"A{number:04}" for number in range(200)]
    await desk.tell(*alerts, notifier="slack")
    assert await desk.store.claim("slack", desk.now_ms, 0, 200) is not None
    await desk.store.recover(desk.now_ms)
    desk.open("slack", recorder.url())
    await desk.quiet()
    await desk.after(15)
    assert await desk.states() == {"delivered": 200}
    assert sorted(re.findall(r"\bA\d{4}\b", "\n".join(bodies(recorder)))) == alerts


async def test_a_notifier_that_was_down_for_a_day_gets_few_messages_and_each_alert_in_order(
    desk: Desk, recorder: Recorder
) -> None:
    recorder.answer = Answer(502)
    desk.open("slack", recorder.url())
    alerts = [f"A{number:04}" for number in range(72)]
    for number, alert in enumerate(alerts):
        await desk.tell(alert)
        if number >= 6:  # each ends two hours later
            await desk.tell(alerts[number - 6], kind=NotificationKind.RESOLVED)
        await desk.after(1_190)
    waiting = {row.message for row in await desk.rows() if row.message}
    assert len(waiting) <= 20
    recorder.requests.clear()
    recorder.answer = Answer()
    for _ in range(4):
        await desk.after(300)
    assert await desk.states() == {"delivered": 2 * 72 - 6}
    arrived = ids(recorder)
    assert len(arrived) <= 25
    assert len(set(arrived)) == len(arrived), "nothing was told twice"
    told: dict[str, list[str]] = {alert: [] for alert in alerts}
    for row in sorted(await desk.rows(), key=lambda row: arrived.index(row.message or "")):
        told[row.notification.alert].append(row.notification.kind)
    assert set(map(tuple, told.values())) == {("firing", "resolved"), ("firing",)}


async def test_10_000_alerts_are_a_handful_of_messages_within_the_bounds(
    desk: Desk, recorder: Recorder
) -> None:
    desk.open("slack", recorder.url())
    await desk.tell(*(f"A{number:05}" for number in range(10_000)))
    await desk.quiet()
    for _ in range(10):
        await desk.after(15)
    assert await desk.states() == {"delivered": 10_000}
    assert len(recorder.requests) <= 10
    assert max(len(body.encode("utf-16-le")) // 2 for body in bodies(recorder)) <= 3_500
    assert all(re.search(r"and 1,?\d{3} more", body) for body in bodies(recorder))


async def test_a_retry_of_a_person_is_tried_as_long_as_a_new_message(desk: Desk, recorder: Recorder) -> None:
    recorder.answer = Answer(404)
    desk.open("slack", recorder.url())
    await desk.tell("A1B2C")
    await desk.quiet()
    (row,) = await desk.rows()
    assert row.message is not None
    await desk.after(30 * 86_400)
    recorder.answer = Answer(503)
    await desk.store.revive(row.message, desk.now_ms, "kim")
    await desk.quiet()
    await desk.after(3_600)
    (row,) = await desk.rows()
    assert (row.state, row.attempts) == ("claimed", 3)
    recorder.answer = Answer()
    await desk.after(3_600)
    assert await desk.states() == {"delivered": 1}
    assert set(ids(recorder)) == {row.message}


async def test_a_digest_stays_one_message_with_whatever_it_is_due(desk: Desk, recorder: Recorder) -> None:
    await desk.tell("A1B2C", "A3D4E", notifier="slack")
    (first, second) = [row.notification for row in await desk.rows()]
    many = [replace(first, alert=f"A{number:04}", batch="first look") for number in range(400)]
    await desk.store.tell(many)
    await desk.store.tell([replace(second, alert="A9999")])
    desk.open("slack", recorder.url())
    await desk.quiet()
    ordinary, digest = bodies(recorder)
    assert digest.startswith("First look at x: 400 alerts are firing (400 WARNING)")
    assert all(name in ordinary for name in ("A1B2C", "A3D4E", "A9999"))
    assert await desk.states() == {"delivered": 403}
