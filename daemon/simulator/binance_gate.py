"""What Binance checks before it answers: the key, the signature over the raw query, the time window.

Source: binance-spot-api-docs `rest-api.md`, SIGNED endpoint security; the wallet error-code page for -1131.
The HTTP status of several codes is undocumented for /sapi; 400 and 401 are used as the facts suggest.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from daemon.simulator.keys import Verifier
from daemon.simulator.venue import Call, Refusal
from daemon.simulator.wire import Answer

__all__ = ["JSON", "WHOLE", "authenticate", "missing", "refusal"]

JSON = "application/json;charset=UTF-8"
WHOLE = re.compile(r"[0-9]{1,18}")
KEY_FORMAT = re.compile(r"[A-Za-z0-9-]{16,128}")
RECV_WINDOW = re.compile(r"[0-9]{1,18}(\.[0-9]{1,3})?")
DEFAULT_WINDOW_MS, LONGEST_WINDOW_MS = "5000", 60_000
AHEAD_MS = 1_000
MILLISECOND_DIGITS = 15
"""A timestamp with more digits than this is in microseconds."""


def refusal(
    status: int, code: int, msg: str, reason: str, headers: Mapping[str, str] | None = None
) -> Refusal:
    """A no in Binance's words: `{"code":…,"msg":…}`."""
    return Refusal(
        Answer(status, msgspec.json.encode({"code": code, "msg": msg}), JSON, headers or {}), reason
    )


def missing(name: str) -> Refusal:
    """-1102 for a mandatory parameter."""
    msg = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    return refusal(400, -1102, msg, "parameter")


def authenticate(call: Call, api_key: str, verify: Verifier, *, may_read: bool) -> None:
    """Raise Refusal unless key, signature and timestamp are right.

    The signature covers the query exactly as sent, without `signature` wherever that stands.
    """
    sent_key = call.headers.get("X-MBX-APIKEY", "")
    if not KEY_FORMAT.fullmatch(sent_key):
        raise refusal(401, -2014, "API-key format invalid.", "key")
    if sent_key != api_key:
        raise refusal(401, -2008, "Invalid Api-Key ID.", "key")
    if not may_read:
        raise refusal(401, -2015, "Invalid API-key, IP, or permissions for action.", "rights")
    parts = call.query.split("&")
    signatures = [part.removeprefix("signature=") for part in parts if part.startswith("signature=")]
    if not call.parameters.get("timestamp"):
        raise missing("timestamp")
    if len(signatures) != 1 or not signatures[0]:
        raise missing("signature")
    payload = "&".join(part for part in parts if not part.startswith("signature="))
    if not verify(payload.encode("utf-8", "surrogateescape"), signatures[0]):
        raise refusal(400, -1022, "Signature for this request is not valid.", "signature")
    _check_time(call)


def _check_time(call: Call) -> None:
    """Accept iff `timestamp < now + 1000` and `now - timestamp <= recvWindow`, in ms or µs as sent."""
    stamp, window = call.parameters["timestamp"], call.parameters.get("recvWindow", DEFAULT_WINDOW_MS)
    if not WHOLE.fullmatch(stamp):
        raise missing("timestamp")
    if not RECV_WINDOW.fullmatch(window):
        raise refusal(400, -1100, "Illegal characters found in parameter 'recvWindow'.", "parameter")
    if Decimal(window) > LONGEST_WINDOW_MS:
        raise refusal(400, -1131, f"recvWindow must be less than {LONGEST_WINDOW_MS}", "timestamp")
    stamp_ms = Decimal(stamp).scaleb(-3) if len(stamp) > MILLISECOND_DIGITS else Decimal(stamp)
    if stamp_ms >= call.now_ms + AHEAD_MS:
        msg = "Timestamp for this request was 1000ms ahead of the server's time."
        raise refusal(400, -1021, msg, "timestamp")
    if call.now_ms - stamp_ms > Decimal(window):
        raise refusal(400, -1021, "Timestamp for this request is outside of the recvWindow.", "timestamp")
