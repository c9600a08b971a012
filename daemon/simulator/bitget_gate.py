"""What Bitget checks before it answers: four headers, the clock, the signature over the raw target.

Source: www.bitget.com/api-doc, Signature and REST API error codes. Refusals here are HTTP 400: the pages give
no status per code, and 400 is the one that was seen.
"""

import re

import msgspec

from daemon.simulator.keys import Key, same_base64_hmac
from daemon.simulator.venue import Call, Refusal
from daemon.simulator.wire import Answer

__all__ = ["WHOLE", "authenticate", "refusal"]

TOLERANCE_MS = 30_000
WHOLE = re.compile(r"[0-9]{1,18}")
REQUIRED_HEADERS = {
    "ACCESS-KEY": ("40001", "The request header ACCESS_KEY cannot be empty"),
    "ACCESS-SIGN": ("40002", "The request header ACCESS_SIGN cannot be empty"),
    "ACCESS-TIMESTAMP": ("40003", "The request header ACCESS_TIMESTAMP cannot be empty"),
    "ACCESS-PASSPHRASE": ("40011", "The request header ACCESS_PASSPHRASE cannot be empty"),
}


def refusal(call: Call, status: int, code: str, msg: str, reason: str) -> Refusal:
    """A no in Bitget's words, with the server's time in it."""
    body = msgspec.json.encode({"code": code, "msg": msg, "requestTime": call.now_ms, "data": None})
    return Refusal(Answer(status, body), reason)


def authenticate(call: Call, key: Key) -> None:
    """Raise Refusal unless it is our key, the clock is within 30 s and the raw target is what was signed.

    The query counts in the order in which it was sent: a client that sorts has to send what it sorted.
    """
    for header, (code, msg) in REQUIRED_HEADERS.items():
        if not call.headers.get(header):
            raise refusal(call, 400, code, msg, "key")
    if call.headers["ACCESS-KEY"] != key.api_key:
        raise refusal(call, 400, "40037", "Apikey does not exist", "key")
    stamp = call.headers["ACCESS-TIMESTAMP"]
    if not WHOLE.fullmatch(stamp):
        raise refusal(call, 400, "40005", "Invalid ACCESS_TIMESTAMP", "timestamp")
    if abs(call.now_ms - int(stamp)) > TOLERANCE_MS:
        raise refusal(call, 400, "40008", "Request timestamp expired", "timestamp")
    if call.headers["ACCESS-PASSPHRASE"] != key.passphrase:
        raise refusal(call, 400, "40012", "apikey/password is incorrect", "passphrase")
    prehash = f"{stamp}{call.method}{call.target}"
    if not same_base64_hmac(key.api_secret, prehash, call.headers["ACCESS-SIGN"]):
        raise refusal(call, 400, "40009", "sign signature error", "signature")
