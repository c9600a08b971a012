import errno
import smtplib
import socket
import ssl

import pytest

from notifiers.outcome import Result, SendOutcome, failure

FAILED, UNKNOWN = SendOutcome.FAILED, SendOutcome.UNKNOWN


class ConnectTimeoutError(Exception):
    pass


class ReadTimeoutError(Exception):
    pass


class WrappedError(Exception):
    def __init__(self, reason: BaseException) -> None:
        super().__init__("a text with the whole URL in it")
        self.reason = reason


@pytest.mark.parametrize(
    "said,retry_after_seconds,permanent",
    [
        ("Too Many Requests: retry after 35, error=429.", 35, False),
        ("rate limited, Retry-After: 7, error=429.", 7, False),
        ("try again; retry in 12s, error=429.", 12, False),
        ("Bad Request: chat not found, error=400.", None, True),
        ("Bad Request: group chat was upgraded to a supergroup chat, error=400.", None, True),
        ("Forbidden: bot was blocked by the user, error=403.", None, True),
        ("Unauthorized, error=401.", None, True),
        ("Bad Request: can't parse entities, error=400.", None, False),
        ("Internal server error., error=500.", None, False),
    ],
)
def test_the_reason_tells_when_to_try_again_or_never(
    said: str, retry_after_seconds: int | None, *, permanent: bool
) -> None:
    result = failure([said], None)
    assert (result.outcome, result.retry_after_seconds, result.permanent) == (
        FAILED,
        retry_after_seconds,
        permanent,
    )
    assert said.partition(",")[0] in result.reason


def test_an_answer_counts_more_than_an_error_behind_it() -> None:
    assert failure(["error=403."], ReadTimeoutError()).permanent


def test_a_success_that_is_none_is_told_as_such() -> None:
    assert (
        "answered 200 but did not take the message"
        in failure(["Failed to send to Slack: error=200."], None).reason
    )


def test_silence_is_a_failure_with_a_reason() -> None:
    assert failure([], None) == Result(FAILED, "the service did not take the message and said nothing")


@pytest.mark.parametrize(
    "error,outcome",
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), FAILED),
        (OSError(errno.ENETUNREACH, "x"), FAILED),
        (socket.gaierror(socket.EAI_NONAME, "x"), FAILED),
        (ssl.SSLCertVerificationError("x"), FAILED),
        (ConnectTimeoutError(), FAILED),
        (ReadTimeoutError(), UNKNOWN),
        (TimeoutError(), UNKNOWN),
        (ConnectionResetError(errno.ECONNRESET, "x"), UNKNOWN),
        (ValueError("x"), FAILED),
    ],
)
def test_law_7_only_a_connection_that_was_made_can_have_delivered(
    error: BaseException, outcome: SendOutcome
) -> None:
    for found in (error, WrappedError(error), Exception("x", WrappedError(error))):
        result = failure(["A Connection error occurred."], found)
        assert (result.outcome, result.permanent) == (outcome, False)
        assert "URL" not in result.reason


def test_a_mail_server_that_refuses_did_answer() -> None:
    refused = failure(["Connection error"], smtplib.SMTPRecipientsRefused({}))
    assert (refused.outcome, refused.permanent) == (FAILED, False)
    denied = failure(["Connection error"], smtplib.SMTPAuthenticationError(535, b"user x: bad password"))
    assert denied == Result(FAILED, "the mail server refused the message: SMTP 535", permanent=True)
    assert failure([], smtplib.SMTPServerDisconnected("x")).outcome is UNKNOWN
