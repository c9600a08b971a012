"""What OKX checks before it answers: four headers, the clock, the signature over the raw target.

Source: www.okx.com/docs-v5/en, REST Authentication and Error Code. Gateway refusals come without `data`,
application errors with `data: []`, as observed.
"""

import re
from datetime import UTC, datetime

import msgspec

from daemon.simulator.keys import Key, same_base64_hmac
from daemon.simulator.venue import Call, Refusal
from daemon.simulator.wire import Answer

__all__ = ["application_refusal", "authenticate", "gateway_refusal"]

TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")
TOLERANCE_MS = 30_000
REQUIRED_HEADERS = {
    "OK-ACCESS-KEY": "50103",
    "OK-ACCESS-PASSPHRASE": "50104",
    "OK-ACCESS-SIGN": "50106",
    "OK-ACCESS-TIMESTAMP": "50107",
}


def gateway_refusal(status: int, code: str, msg: str, reason: str) -> Refusal:
    """A no from the gateway, which has no `data`."""
    return Refusal(Answer(status, msgspec.json.encode({"msg": msg, "code": code})), reason)


def application_refusal(status: int, code: str, msg: str, reason: str) -> Refusal:
    """A no from the application, with an empty `data`."""
    return Refusal(Answer(status, msgspec.json.encode({"code": code, "data": [], "msg": msg})), reason)


def authenticate(call: Call, key: Key) -> None:
    """Raise Refusal unless it is our key, the clock is within 30 s and the raw target is what was signed."""
    for header, code in REQUIRED_HEADERS.items():
        if not call.headers.get(header):
            raise gateway_refusal(401, code, f"Request header {header} cannot be empty", "key")
    if call.headers["OK-ACCESS-KEY"] != key.api_key:
        raise gateway_refusal(401, "50119", "API key doesn't exist", "key")
    if call.headers.get("x-simulated-trading") == "1":
        raise gateway_refusal(401, "50101", "APIKey does not match current environment.", "key")
    if call.headers["OK-ACCESS-PASSPHRASE"] != key.passphrase:
        raise gateway_refusal(401, "50105", "Request header OK-ACCESS-PASSPHRASE incorrect.", "passphrase")
    stamp = call.headers["OK-ACCESS-TIMESTAMP"]
    stamp_ms = _epoch_ms(stamp)
    if stamp_ms is None:
        raise gateway_refusal(401, "50112", "Invalid OK-ACCESS-TIMESTAMP", "timestamp")
    if abs(call.now_ms - stamp_ms) > TOLERANCE_MS:
        raise gateway_refusal(401, "50102", "Timestamp request expired", "timestamp")
    prehash = f"{stamp}{call.method}{call.target}"
    if not same_base64_hmac(key.api_secret, prehash, call.headers["OK-ACCESS-SIGN"]):
        raise gateway_refusal(401, "50113", "Invalid Sign", "signature")


def _epoch_ms(stamp: str) -> int | None:
    """Milliseconds of `2020-12-08T09:08:57.715Z`; None unless it has exactly this form."""
    if not TIMESTAMP.fullmatch(stamp):
        return None
    try:
        moment = datetime.fromisoformat(stamp).astimezone(UTC)
    except ValueError:
        return None
    return int(moment.replace(microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000
