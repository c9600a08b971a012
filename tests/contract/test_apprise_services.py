"""Slack and Telegram as Apprise speaks to them: the plugins themselves, pointed at loopback."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram

from notifiers.message import Tone, Wording
from notifiers.sending import Sender, SendOutcome
from tests.unit.notifiers_recorder import Answer, Recorder, recording

LABEL = "<!channel> <b>x</b> *y* _u_ `c` [z](http://e) & &amp; @here"
ESCAPED = LABEL.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
WORDING = Wording(f"T {LABEL}", f"CRITICAL {LABEL}\nsecond line − 🦊 A7F3", Tone.FAILURE)
TOKEN = "123456789:AAEabcdefg_hijklmnopqrstuvwxyzABCDE"
SECONDS = 30


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as found:
        yield found


@pytest.fixture
def slack(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{recorder.port}/services")
    sender = Sender("slack", "slack://T0ABCDEFG/B0ABCDEFG/abcdefghijklmnopqrstuvwx")
    yield sender
    sender.close()


@pytest.fixture
def telegram(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://127.0.0.1:{recorder.port}/bot")
    recorder.answer = Answer(body=b'{"ok": true}')
    sender = Sender("telegram", f"tgram://{TOKEN}/-1001")
    yield sender
    sender.close()


def described(status: int, description: str, **parameters: Any) -> Answer:
    body = {"ok": False, "error_code": status, "description": description, "parameters": parameters}
    return Answer(status, body=json.dumps(body).encode())


async def test_slack_gets_letters_not_markup(recorder: Recorder, slack: Sender) -> None:
    assert (await slack.send(WORDING, SECONDS)).outcome is SendOutcome.DELIVERED
    assert [path for path, _, _ in recorder.requests] == [
        "/services/T0ABCDEFG/B0ABCDEFG/abcdefghijklmnopqrstuvwx"
    ]
    payload = recorder.payload
    (attachment,) = payload.pop("attachments")
    attachment.pop("ts")
    assert payload == {"mrkdwn": False}
    assert attachment == {
        "title": f"T {ESCAPED}",
        "text": f"CRITICAL {ESCAPED}\nsecond line − 🦊 A7F3",
        "color": "#A32037",
        "footer": "Subtally",
    }


async def test_telegram_gets_letters_not_markup(recorder: Recorder, telegram: Sender) -> None:
    assert (await telegram.send(WORDING, SECONDS)).outcome is SendOutcome.DELIVERED
    assert [path for path, _, _ in recorder.requests] == [f"/bot{TOKEN}/sendMessage"]
    payload = recorder.payload
    assert payload["chat_id"] == -1001
    assert payload["parse_mode"] == "HTML"
    assert payload["text"] == f"<b>T {ESCAPED}</b>\r\nCRITICAL {ESCAPED}\r\nsecond line − 🦊 A7F3"


async def test_telegram_says_when_to_try_again(recorder: Recorder, telegram: Sender) -> None:
    recorder.answer = described(429, "Too Many Requests: retry after 35", retry_after=35)
    result = await telegram.send(WORDING, SECONDS)
    assert (result.outcome, result.retry_after_seconds, result.permanent) == (SendOutcome.FAILED, 35, False)
    assert "retry after 35" in result.reason


@pytest.mark.parametrize(
    "status,description",
    [
        (400, "Bad Request: chat not found"),
        (401, "Unauthorized"),
        (403, "Forbidden: bot was kicked from the group chat"),
        (404, "Not Found"),
    ],
)
async def test_a_chat_or_token_that_is_gone_is_permanent(
    recorder: Recorder, telegram: Sender, status: int, description: str
) -> None:
    recorder.answer = described(status, description)
    result = await telegram.send(WORDING, SECONDS)
    assert (result.outcome, result.permanent) == (SendOutcome.FAILED, True)
    assert description in result.reason
    assert TOKEN not in repr(result)


async def test_slack_that_does_not_say_ok_did_not_take_it(recorder: Recorder, slack: Sender) -> None:
    recorder.answer = Answer(200, body=b"no_text")
    result = await slack.send(WORDING, SECONDS)
    assert result.outcome is SendOutcome.FAILED
    assert "did not take the message" in result.reason
