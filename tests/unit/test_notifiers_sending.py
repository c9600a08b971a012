import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from notifiers.message import Tone, Wording
from notifiers.sending import MOST_THREADS, BadUrl, Sender, SendOutcome
from tests.unit.notifiers_recorder import Answer, Recorder, recording

WORDING = Wording(
    "CRITICAL mm-1 USDT 18,250.5", "CRITICAL <!channel> <b>x</b> *y* [z](http://e)\nA7F3", Tone.FAILURE
)
SECONDS = 30  # of patience: nothing here waits for it to pass


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as found:
        yield found


@pytest.fixture
def sender(recorder: Recorder) -> Iterator[Sender]:
    made = Sender("oncall", recorder.url())
    yield made
    made.close()


async def test_a_message_arrives_letter_by_letter(recorder: Recorder, sender: Sender) -> None:
    result = await sender.send(WORDING, SECONDS)
    assert result.outcome is SendOutcome.DELIVERED
    assert len(recorder.requests) == 1
    assert recorder.payload["title"] == WORDING.title
    assert recorder.payload["message"] == WORDING.body
    assert recorder.payload["type"] == "failure"


@pytest.mark.parametrize("status", [500, 502, 503, 400, 429, 302])
async def test_a_refusal_that_may_pass_is_not_permanent(
    recorder: Recorder, sender: Sender, status: int
) -> None:
    recorder.answer = Answer(status, {"Location": recorder.url().replace("json", "http")})
    result = await sender.send(WORDING, SECONDS)
    assert result.outcome is SendOutcome.FAILED
    assert not result.permanent
    assert f"HTTP {status}" in result.reason
    assert len(recorder.requests) == 1, "repeating is the outbox's task, and a redirect is no delivery"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_what_is_gone_or_forbidden_is_permanent(
    recorder: Recorder, sender: Sender, status: int
) -> None:
    recorder.answer = Answer(status)
    result = await sender.send(WORDING, SECONDS)
    assert (result.outcome, result.permanent) == (SendOutcome.FAILED, True)
    assert f"HTTP {status}" in result.reason


async def test_law_7_a_hanging_host_leaves_the_outcome_unknown(recorder: Recorder, sender: Sender) -> None:
    recorder.hold = threading.Event()
    result = await sender.send(WORDING, 0.3)
    assert result.outcome is SendOutcome.UNKNOWN
    assert "perhaps delivered" in result.reason


async def test_law_7_an_answer_that_breaks_off_leaves_the_outcome_unknown(
    recorder: Recorder, sender: Sender
) -> None:
    recorder.answer = Answer(drop=True)
    result = await sender.send(WORDING, SECONDS)
    assert result.outcome is SendOutcome.UNKNOWN


async def test_where_nobody_listens_nothing_arrived(recorder: Recorder) -> None:
    with recording() as gone:
        url = gone.url()
    result = await Sender("gone", url).send(WORDING, SECONDS)
    assert (result.outcome, result.reason) == (SendOutcome.FAILED, "connection refused")
    assert not result.permanent


async def test_a_host_without_an_address_is_named_as_such() -> None:
    result = await Sender("lost", "json://nowhere.invalid/").send(WORDING, SECONDS)
    assert (result.outcome, result.reason) == (SendOutcome.FAILED, "the host name cannot be resolved")


async def test_law_8_hung_sends_delay_no_other_notifier(recorder: Recorder) -> None:
    with recording() as dead:
        dead.hold = threading.Event()
        hung = Sender("dead", dead.url())
        sends = [asyncio.create_task(hung.send(WORDING, SECONDS)) for _ in range(MOST_THREADS)]
        # Every further one is refused at once, and certainly not sent.
        await asyncio.sleep(0)
        refused = await hung.send(WORDING, SECONDS)
        assert (refused.outcome, refused.permanent) == (SendOutcome.FAILED, False)
        assert refused.reason.startswith("not sent")
        result = await Sender("alive", recorder.url()).send(WORDING, SECONDS)
        assert result.outcome is SendOutcome.DELIVERED
        assert not any(send.done() for send in sends)
        dead.hold.set()
        assert {one.outcome for one in await asyncio.gather(*sends)} == {SendOutcome.DELIVERED}
    assert len(dead.requests) == MOST_THREADS


async def test_a_thread_is_free_again_after_its_send(recorder: Recorder, sender: Sender) -> None:
    for _ in range(MOST_THREADS * 2):
        assert (await sender.send(WORDING, SECONDS)).outcome is SendOutcome.DELIVERED


async def test_a_thread_that_the_machine_refuses_is_a_send_that_failed_and_takes_no_place(
    recorder: Recorder, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(MOST_THREADS + 1):
            result = await sender.send(WORDING, SECONDS)
            assert (result.outcome, result.permanent) == (SendOutcome.FAILED, False)
            assert result.reason == "not sent: can't start new thread"
    assert (await sender.send(WORDING, SECONDS)).outcome is SendOutcome.DELIVERED
    assert len(recorder.requests) == 1


async def test_law_12_no_piece_of_the_url_is_shown_anywhere(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("apprise", "urllib3", "urllib3.connectionpool"):
        caplog.set_level(logging.DEBUG, name)
    recorder.answer = Answer(500, body=b"SENTINEL-PATH")
    url = recorder.url(
        "hooks/SENTINEL-PATH?+X-Key=SENTINEL-HEADER&-q=SENTINEL%2DQUERY", "SENTINEL-USER:SENTINEL-PW@"
    )
    sender = Sender("secret", url)
    for name in ("apprise", "urllib3", "urllib3.connectionpool"):
        caplog.set_level(logging.DEBUG, name)  # whoever turns them up again still sees nothing
    result = await sender.send(WORDING, SECONDS)
    logging.getLogger("apprise").error("trouble with %s", url)
    logging.getLogger("urllib3.connectionpool").warning("at %s", "/hooks/SENTINEL-PATH")
    sender.close()
    headers = recorder.requests[0][1]
    assert headers["X-Key"] == "SENTINEL-HEADER", "the secrets were in use"
    shown = (
        f"{result} {sender!r} {sender.address} {caplog.text} {[vars(record) for record in caplog.records]}"
    )
    assert "SENTINEL" not in shown
    assert sender.address == f"json://127.0.0.1:{recorder.port}/…"


def test_a_hung_send_does_not_hold_up_the_end_of_the_process(recorder: Recorder) -> None:
    recorder.hold = threading.Event()
    program = (
        "import asyncio\n"
        "from notifiers.message import Wording\n"
        "from notifiers.sending import Sender\n"
        f"result = asyncio.run(Sender('n', {recorder.url()!r}).send(Wording('t', 'b'), 0.3))\n"
        "print(result.outcome)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "unknown\n"
    assert not recorder.hold.is_set()


async def test_a_cancelled_send_is_over_at_once(recorder: Recorder, sender: Sender) -> None:
    recorder.hold = threading.Event()
    send = asyncio.create_task(sender.send(WORDING, SECONDS))
    await asyncio.to_thread(recorder.arrived.wait, SECONDS)
    send.cancel()
    with pytest.raises(asyncio.CancelledError):
        await send


def test_a_sender_of_a_bad_url_is_refused() -> None:
    with pytest.raises(BadUrl, match="no service is known as nope://"):
        Sender("n", "nope://x")


@pytest.mark.parametrize(
    "url,limit_units",
    [
        ("json://127.0.0.1/", 3_500),
        ("tgram://123456789:AAEabcdefg_hijklmnopqrstuvwxyzABCDE/-1001", 3_500),
        ("discord://1234567890/abcdefghijklmnop", 1_938),
        ("sns://AHIAJGNT76XIMXDBIJYA/bu1dHSdO22pfaaVy/us-east-1/12223334444", 140),
    ],
)
def test_a_body_is_no_longer_than_its_service_takes(url: str, limit_units: int) -> None:
    sender = Sender("n", url)
    sender.close()
    assert sender.limit_units == limit_units
