"""What became of one send, read from what Apprise shows of it."""

from __future__ import annotations

import errno
import os
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from notifiers.text import tidy


class SendOutcome(StrEnum):
    """Whether the message arrived."""

    DELIVERED = "delivered"
    FAILED = "failed"  # it did not
    UNKNOWN = "unknown"  # perhaps: it was on its way when the answer stayed out


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one send. `reason` is one line for people and holds no secret.

    `retry_after_seconds` is what the service asked for, where its answer shows it. `permanent` says that the
    same send would fail again: the address or the right is gone.
    """

    outcome: SendOutcome
    reason: str = ""
    retry_after_seconds: int | None = None
    permanent: bool = False


_MOST_UNITS = 300
_STATUS = re.compile(r"error=(\d{3})\b")
_RETRY_AFTER = re.compile(r"retry[ _-]?after[^0-9]{0,5}(\d{1,6})\b|retry in (\d{1,6}) ?s", re.IGNORECASE)
_PERMANENT_STATUS = {401, 403, 404, 410}
_GONE = re.compile(
    "chat not found|user not found|channel_not_found|channel_is_archived|bot was (?:blocked|kicked)|"
    "user is deactivated|upgraded to a supergroup|peer_id_invalid|group chat was deleted|invalid_auth|"
    "invalid_token|token_revoked|account_inactive|no_service|not enough rights to send",
    re.IGNORECASE,
)
# By name: requests and urllib3 are Apprise's choice, and another plugin may bring another library.
_NO_CONNECTION = {"NewConnectionError", "NameResolutionError", "ProxyError", "SSLError", "InvalidURL"}
_NO_ANSWER = {"ReadTimeout", "ReadTimeoutError", "TimeoutError", "timeout"}
_NO_CONNECTION_CODES = {
    errno.ECONNREFUSED,
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.EADDRNOTAVAIL,
    errno.EACCES,
    errno.ENETDOWN,
    errno.EHOSTDOWN,
}


def failure(said: Sequence[str], error: BaseException | None) -> Result:
    """The result of an attempt that Apprise calls failed, from its log lines and the error behind them."""
    text = " ".join(said)
    status = _status(text)
    if status is None and error is not None:
        return _unanswered(error)
    retry = _RETRY_AFTER.search(text)
    return Result(
        SendOutcome.FAILED,
        _answered(status, said),
        int(retry[1] or retry[2]) if retry else None,
        permanent=status in _PERMANENT_STATUS or bool(_GONE.search(text)),
    )


def _status(text: str) -> int | None:
    found = _STATUS.findall(text)
    return int(found[-1]) if found else None


def _answered(status: int | None, said: Sequence[str]) -> str:
    told = tidy(" ".join(said), _MOST_UNITS) or "the service did not take the message and said nothing"
    if status is None:
        return told
    if status == HTTPStatus.OK:
        return f"the service answered 200 but did not take the message: {told}"
    if HTTPStatus(300) <= status < HTTPStatus(400):
        return f"HTTP {status}: the address redirects; put its final form into the URL"
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    return " ".join(["HTTP", str(status), phrase]).strip() + f": {told}"


def _unanswered(error: BaseException) -> Result:
    """No answer came. That nothing arrived is certain only where no connection was made."""
    chain = list(_causes(error))
    refused = next((cause for cause in chain if isinstance(cause, smtplib.SMTPException)), None)
    if refused is not None and not isinstance(refused, smtplib.SMTPServerDisconnected):
        return _refused_mail(refused)
    names = {type(cause).__name__ for cause in chain}
    never_sent = _why_never_sent(chain, names)
    if never_sent:
        return Result(SendOutcome.FAILED, never_sent)
    if names & _NO_ANSWER:
        return Result(SendOutcome.UNKNOWN, "no answer within the time limit: perhaps delivered")
    if any(isinstance(cause, OSError) for cause in chain):
        return Result(SendOutcome.UNKNOWN, "the connection broke before the answer: perhaps delivered")
    return Result(SendOutcome.FAILED, f"the service's plugin failed ({type(error).__name__})")


def _refused_mail(error: smtplib.SMTPException) -> Result:
    """A mail server did answer: with a code, and a text that may hold the user's name."""
    code = getattr(error, "smtp_code", None)
    reason = "the mail server refused the message" + (f": SMTP {code}" if isinstance(code, int) else "")
    return Result(SendOutcome.FAILED, reason, permanent=isinstance(error, smtplib.SMTPAuthenticationError))


def _why_never_sent(chain: Sequence[BaseException], names: set[str]) -> str:
    """The reason in words of our own: the errors' texts hold the whole URL."""
    if any(isinstance(cause, socket.gaierror) for cause in chain):
        return "the host name cannot be resolved"
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in chain):
        return "the server's certificate is not trusted"
    codes = (cause.errno for cause in chain if isinstance(cause, OSError))
    code = next((code for code in codes if code in _NO_CONNECTION_CODES), None)
    if code is not None:
        return os.strerror(code).lower()
    if names & {"ConnectTimeout", "ConnectTimeoutError"}:
        return "no connection within the time limit"
    return "no connection could be made" if names & _NO_CONNECTION else ""


def _causes(error: BaseException, depth: int = 8) -> Iterator[BaseException]:
    """`error` and what it wraps: requests and urllib3 hide the real one in arguments and reasons."""
    yield error
    if depth == 0:
        return
    inner = [error.__cause__, error.__context__, getattr(error, "reason", None), *error.args]
    for cause in inner:
        if isinstance(cause, BaseException):
            yield from _causes(cause, depth - 1)
