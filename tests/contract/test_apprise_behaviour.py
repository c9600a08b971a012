"""What the sending relies on in Apprise beyond its documentation: an upgrade that changes it fails here."""

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from apprise import Apprise, AppriseAsset, AppriseResult, NotifyBase, NotifyLogEntry

from notifiers.service import build, preload
from tests.unit.notifiers_recorder import Answer, Recorder, recording


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as found:
        yield found


def notify(service: NotifyBase, **more: Any) -> AppriseResult:
    sending = Apprise(asset=service.asset)
    sending.add(service)
    return sending.notify(body="b", title="t", body_format="text", **more)


def test_a_send_without_limits_stays_in_the_callers_thread(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    service = build(recorder.url())
    real = type(service).send

    def send(self: NotifyBase, **arguments: Any) -> bool:
        threads.append(threading.current_thread())
        return bool(real(self, **arguments))

    monkeypatch.setattr(type(service), "send", send)
    assert notify(service).status.name == "SUCCESS"
    assert threads == [threading.current_thread()], (
        "Apprise's shared pool would let one dead host delay the others"
    )


def test_log_lines_are_heard_inside_the_except_block(recorder: Recorder) -> None:
    recorder.answer = Answer(drop=True)
    heard: list[BaseException | None] = []

    def hear(entry: NotifyLogEntry, _service: NotifyBase | None) -> None:
        if entry.level == "WARNING":
            heard.append(sys.exc_info()[1])

    assert notify(build(recorder.url()), log_callback=hear).status.name == "FAILURE"
    assert [type(error).__name__ for error in heard] == ["ConnectionError"]


def test_a_failure_tells_its_status_in_its_log_line(recorder: Recorder) -> None:
    recorder.answer = Answer(503)
    said: list[str] = []
    result = notify(build(recorder.url()), log_callback=lambda entry, _service: said.append(entry.message))
    assert result.status.name == "FAILURE"
    assert any("error=503" in text for text in said)


def test_a_result_is_no_bool(recorder: Recorder) -> None:
    result: object = notify(build(recorder.url()))
    assert isinstance(result, AppriseResult)
    assert result is not True


def test_two_chats_in_one_url_give_one_result(recorder: Recorder) -> None:
    preload("tgram")
    two = Apprise.instantiate(
        "tgram://123456789:AAEabcdefg_hijklmnopqrstuvwxyzABCDE/-1001/-1002", asset=AppriseAsset()
    )
    assert two is not None
    assert len(two) == 2
