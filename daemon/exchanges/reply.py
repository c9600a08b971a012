"""What any answer may hold beside its data: the venue's code and words, its status, and how long to wait."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC
from email.utils import parsedate_to_datetime

from daemon.exchanges.decode import exact
from daemon.exchanges.errors import BANNED, LIMITED, LOCAL, TRANSIENT, Malformed, Refusal, Verdict, fatal
from daemon.exchanges.http import Headers
from rules.model import FailureKind

OK = 200
BAN = 418
REFUSED_STATUS = frozenset({400, 401})  # of a code that is not known: a refusal, not a trouble on the way

WAIT_MOST_SECONDS = 7 * 24 * 3600  # Binance's longest ban is 3 days
WORDS_BYTES = 400


def code_and_words(body: bytes) -> tuple[str | None, str]:
    """The code of an error body as text, if it has one, and what it says, as the venue wrote it."""
    try:
        said = exact(body)
    except Malformed:
        return None, _plain(body)
    if not isinstance(said, dict):
        # An older gateway of OKX answers with the bare number.
        return (said, "") if isinstance(said, str) and said.lstrip("-").isdigit() else (None, "")
    code, words = said.get("code"), said.get("msg") or said.get("message")
    known = isinstance(code, str) and bool(code)
    return (code if known else None), words[:WORDS_BYTES] if isinstance(words, str) else ""


def _plain(body: bytes) -> str:
    text = body[:WORDS_BYTES].decode("utf-8", "replace").strip()
    return "an HTML page" if text.startswith("<") else text


def retry_after_seconds(headers: Headers, venue_ms: int) -> int | None:
    """Retry-After in whole seconds, from its number or its date; None where it is missing or unreadable.

    A date is on the venue's clock: the answer tells that time itself, else `venue_ms` is what we know of it.
    """
    text = (headers.get("Retry-After") or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        seconds = int(text[:12])
    else:
        until, sent = _date_seconds(text), _date_seconds(headers.get("Date") or "")
        if until is None:
            return None
        seconds = math.ceil(until - (venue_ms / 1000 if sent is None else sent))
    return min(max(seconds, 1), WAIT_MOST_SECONDS)


def _date_seconds(text: str) -> float | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # no date, or the year 99999999999999999999
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


# A firewall's page is a ban of a kind, but no venue says for how long.
_BY_STATUS = {
    429: LIMITED,
    BAN: BANNED,
    403: Verdict(FailureKind.BANNED, "the venue's firewall refuses us; check the network that we call from"),
    404: Verdict(
        FailureKind.ENDPOINT, "the venue does not know this address; check base_url", account_wide=False
    ),
    451: fatal("the venue does not serve this location"),
}


def by_status(status: int) -> Verdict:
    """The verdict on an answer that is no success, where no known code tells."""
    return _BY_STATUS.get(status, TRANSIENT)


def locally(refusal: Refusal, status: int) -> Refusal:
    """What a refusal means where it concerns nothing but this endpoint: no right is asked for, nothing stops."""
    unknown = refusal.unknown_code and status in REFUSED_STATUS
    if refusal.verdict.kind is FailureKind.KEY or unknown:
        return replace(refusal, verdict=LOCAL, unknown_code=False)
    return refusal
