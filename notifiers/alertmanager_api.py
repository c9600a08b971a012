"""The API of an Alertmanager: one that a URL names, a post, a question, and what its answers mean."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from notifiers.address import schema_of
from notifiers.alertmanager_has import UnseenError
from notifiers.outcome import Result, SendOutcome
from notifiers.service import BadUrl
from notifiers.text import tidy

SCHEMAS: Final = {"alertmanager": "http", "alertmanagers": "https"}
PORT: Final = 9093
MOST_BYTES: Final = 16 << 20  # of one answer: some ten thousand alerts
_MOST_UNITS = 2_000
_PERMANENT = {400, 401, 403, 404, 410}
_SECONDS = re.compile(r"\d{1,6}", re.ASCII)


class Api:
    """Speaks to the one Alertmanager that `url` names, over a new connection each time. Raises BadUrl."""

    def __init__(self, url: str) -> None:
        self._target, self._headers = _parsed(url)

    async def post(self, alerts: Sequence[dict[str, Any]], timeout_seconds: float) -> Result:
        """Post these alerts in one request."""
        import aiohttp  # noqa: PLC0415 - slow to load, and `check` needs none

        body = json.dumps(alerts, ensure_ascii=False).encode("utf-8", "replace")
        timeout = aiohttp.ClientTimeout(total=timeout_seconds, connect=timeout_seconds * 0.4)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self._target, data=body, headers=self._headers, allow_redirects=False) as answer,
            ):
                said = await answer.content.read(_MOST_UNITS)
                return _answered(answer.status, said, answer.headers.get("Retry-After", ""))
        except (aiohttp.ClientError, OSError) as error:
            return _unanswered(error)

    async def active(self, query: str, timeout_seconds: float) -> bytes:
        """The answer to a question for what is active. Raises UnseenError."""
        import aiohttp  # noqa: PLC0415 - slow to load, and `check` needs none
        import yarl  # noqa: PLC0415

        url, body = yarl.URL(f"{self._target}?{query}", encoded=True), bytearray()
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_seconds)) as session,
                session.get(url, headers=self._headers, allow_redirects=False) as answer,
            ):
                if answer.status != HTTPStatus.OK:
                    raise UnseenError(f"HTTP {answer.status}")
                async for chunk in answer.content.iter_any():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise UnseenError(f"an answer of more than {MOST_BYTES} bytes")
        except (aiohttp.ClientError, OSError) as error:
            raise UnseenError(_unanswered(error).reason.partition(": perhaps")[0]) from None
        return bytes(body)


def _unanswered(error: Exception) -> Result:
    """No answer came. That nothing arrived is certain only where no connection was made.

    In words of our own: the errors' texts hold the address.
    """
    import aiohttp  # noqa: PLC0415 - loaded already

    match error:
        case aiohttp.ConnectionTimeoutError():
            return Result(SendOutcome.FAILED, "no connection within the time limit")
        case TimeoutError():
            return Result(SendOutcome.UNKNOWN, "no answer within the time limit: perhaps delivered")
        case aiohttp.ClientConnectorDNSError():
            return Result(SendOutcome.FAILED, "the host name cannot be resolved")
        case aiohttp.ClientSSLError():
            return Result(
                SendOutcome.FAILED, "no TLS connection could be made, or the certificate is not trusted"
            )
        case aiohttp.ClientConnectorError():
            why = os.strerror(error.os_error.errno or 0).lower()
            return Result(SendOutcome.FAILED, f"no connection could be made: {why}")
    return Result(SendOutcome.UNKNOWN, "the connection broke before the answer: perhaps delivered")


def _answered(status: int, said: bytes, retry_after: str) -> Result:
    if HTTPStatus(200) <= status < HTTPStatus(300):
        return Result(SendOutcome.DELIVERED)
    told = tidy(said.decode("utf-8", "replace"), 200)
    wait = int(retry_after) if _SECONDS.fullmatch(retry_after) else None
    reason = f"HTTP {status}" + (f": {told}" if told else "")
    return Result(SendOutcome.FAILED, reason, wait, permanent=status in _PERMANENT)


def check(url: str) -> str | None:
    """Why `url` names no Alertmanager, None where it does."""
    try:
        _parsed(url)
    except BadUrl as error:
        return str(error)
    return None


def _parsed(url: str) -> tuple[str, dict[str, str]]:
    """Where to post, and with which headers. No text of the URL is repeated in an error."""
    form = "write it as alertmanager://[USER:PASSWORD@]HOST[:9093][/PATH], alertmanagers:// for TLS"
    schema = schema_of(url)
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        raise BadUrl(f"the {schema}:// URL is not well formed: {form}") from None
    if not host or parts.query or parts.fragment:
        raise BadUrl(f"the {schema}:// URL is not complete or has settings: {form}")
    headers = {"Content-Type": "application/json", "User-Agent": "Subtally"}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    shown = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/")
    return f"{SCHEMAS[schema]}://{shown}:{port}{path}/api/v2/alerts", headers


__all__ = ["SCHEMAS", "Api", "check"]
