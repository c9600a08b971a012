"""A notifier that is an Alertmanager: alerts as labels and annotations, posted to its API v2 and kept alive.

The labels say what the alert is about and nothing of who says so, so that two daemons that watch the same exchange
are one alert there: deduplicated, grouped, silenced and routed by Alertmanager. What differs stands in annotations.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from notifiers.address import printable, schema_of
from notifiers.message import Item, Message, Wording
from notifiers.outcome import Result, SendOutcome
from notifiers.pictures import Charts
from notifiers.service import BadUrl
from notifiers.summary import words_of
from notifiers.templating import render
from notifiers.text import tidy
from notifiers.times import zone
from notifiers.view import Reader, View, view
from notifiers.wording import LIMIT_UNITS
from rules.model import Severity
from rules.outcome import NotificationKind

SCHEMAS: Final = {"alertmanager": "http", "alertmanagers": "https"}
PORT: Final = 9093
KEEP_EVERY_SECONDS: Final = 60.0
LIVES_MS: Final = 5 * 60_000
"""How long an alert lives there without a word of ours: several missed ones are no end."""

MOST_ALERTS: Final = 500  # in one request
_MOST_UNITS = 2_000
_PERMANENT = {400, 401, 403, 404, 410}
_SECONDS = re.compile(r"\d{1,6}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AlertmanagerWay:
    """Posts to the one Alertmanager that `url` names. Raises BadUrl."""

    limit_units = LIMIT_UNITS
    charts = Charts.NONE
    keep_every_seconds = KEEP_EVERY_SECONDS

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._target, self._headers = _parsed(url)
        self.address = printable(url, host_is_public=True)

    def __repr__(self) -> str:
        return f"AlertmanagerWay({self.name!r}, {self.address!r})"

    def close(self) -> None:
        """There is nothing to let go of: every request has a connection of its own."""

    async def send(self, wording: Wording, timeout_seconds: float, message: Message | None = None) -> Result:
        """Post every alert of the message as it now is; `wording` gives the first one's words."""
        if message is None:
            raise ValueError("an Alertmanager takes alerts, not words alone")
        last: dict[str, Item] = {}
        for item in message.items:
            last[item.alert_id] = item  # of several events of one alert the last one counts
        now_ms = time.time_ns() // 1_000_000
        alerts = [one for item in last.values() for one in _alerts(item, now_ms, message.id)]
        if len(last) == 1:
            alerts[0]["annotations"]["description"] = tidy(wording.body.replace("\n", " · "), _MOST_UNITS)
        return await self._post(alerts, timeout_seconds)

    async def keep(self, items: Sequence[Item], timeout_seconds: float) -> Result:
        """Say that these alerts still fire; Alertmanager would call them resolved after a time without a word."""
        now_ms = time.time_ns() // 1_000_000
        return await self._post(
            [_alert(item, item.severity, now_ms, ended=False) for item in items], timeout_seconds
        )

    async def _post(self, alerts: Sequence[dict[str, Any]], timeout_seconds: float) -> Result:
        result = Result(SendOutcome.DELIVERED)
        for begin in range(0, len(alerts), MOST_ALERTS):
            result = await self._request(alerts[begin : begin + MOST_ALERTS], timeout_seconds)
            if result.outcome is not SendOutcome.DELIVERED:
                break  # to post again what arrived changes nothing there
        return result

    async def _request(self, alerts: Sequence[dict[str, Any]], timeout_seconds: float) -> Result:
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


def _alerts(item: Item, now_ms: int, message_id: str) -> Iterator[dict[str, Any]]:
    """The alert as it now is, and where it was raised the end of the lesser one: severity is a label."""
    ended = item.kind in {NotificationKind.RESOLVED, NotificationKind.CLOSED}
    yield _alert(item, item.severity, now_ms, ended=ended, message_id=message_id)
    lesser = item.facts.raised_from
    if lesser is not None and lesser is not item.severity:
        yield _alert(item, lesser, now_ms, ended=True, message_id=message_id)


def _alert(
    item: Item, severity: Severity, now_ms: int, *, ended: bool, message_id: str = ""
) -> dict[str, Any]:
    a = view(item, Reader(zone("UTC"), now_ms))
    ends_ms = now_ms + LIVES_MS
    if ended:
        ends_ms = min(item.facts.ended_ms or now_ms, now_ms)
    starts_ms = min(item.facts.fired_ms or item.created_ms, ends_ms)
    return {
        "labels": {name: value for name, value in _labels(item, a, severity) if value},
        "annotations": {name: value for name, value in _annotations(item, a, message_id) if value},
        "startsAt": _iso(starts_ms),
        "endsAt": _iso(ends_ms),
    }


def _labels(item: Item, a: View, severity: Severity) -> Iterator[tuple[str, str]]:
    """Whatever is the same on every daemon that sees this."""
    test = item.kind is NotificationKind.TEST
    yield "alertname", a.rule or "subtally test"
    yield from (("exchange", a.exchange), ("account", a.label), ("asset", a.asset), ("wallet", a.wallet))
    yield from (("field", a.field), ("severity", severity.value), ("test", "true" if test else ""))


def _annotations(item: Item, a: View, message_id: str) -> Iterator[tuple[str, str]]:
    yield "summary", f"{words_of(a)} {render('line', a=a, where=True)}".rstrip(" ·")
    yield "description", tidy(" · ".join([*a.details, a.description, a.reason]).strip(" ·"), _MOST_UNITS)
    yield from (("runbook_url", a.runbook), ("alert", item.alert_id), ("message", message_id))


def _answered(status: int, said: bytes, retry_after: str) -> Result:
    if HTTPStatus(200) <= status < HTTPStatus(300):
        return Result(SendOutcome.DELIVERED)
    told = tidy(said.decode("utf-8", "replace"), 200)
    wait = int(retry_after) if _SECONDS.fullmatch(retry_after) else None
    reason = f"HTTP {status}" + (f": {told}" if told else "")
    return Result(SendOutcome.FAILED, reason, wait, permanent=status in _PERMANENT)


def _iso(at_ms: int) -> str:
    return (_EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


__all__ = ["SCHEMAS", "AlertmanagerWay", "check"]
