"""Request targets and signatures: the very text that is signed goes on the wire.

Sources: binance/binance-spot-api-docs rest-api.md (Signed endpoint security; percent-encode, then sign, since
2026-01-15), OKX docs-v5 "Making Requests", Bitget api-doc common/signature.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from daemon.exchanges.errors import CredentialsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Params = Iterable[tuple[str, str]]


_UNRESERVED = "_.~-"  # beside letters and digits, RFC 3986
_is_address = re.compile(rf"[@A-Za-z0-9{_UNRESERVED}]*").fullmatch


def query(params: Params) -> str:
    """Percent-encoded once, in the order given; only unreserved characters stay as they are."""
    return "&".join([f"{_encoded(name)}={_encoded(value)}" for name, value in params])


def _encoded(text: str) -> str:
    # The name of an account is in every call: `quote` takes it apart letter by letter.
    return text.replace("@", "%40") if _is_address(text) else quote(text, safe=_UNRESERVED)


def target(path: str, params: Params) -> str:
    """Path and query; without parameters there is no `?`."""
    text = query(params)
    return f"{path}?{text}" if text else path


def hmac_signer(secret: str) -> Callable[[str], bytes]:
    """From a payload to its HMAC-SHA256. The secret is text, even where it looks like hexadecimal."""
    keyed = hmac.new(secret.encode(), digestmod="sha256")

    def sign(payload: str) -> bytes:
        signing = keyed.copy()  # what the key alone makes is reckoned once
        signing.update(payload.encode())
        return signing.digest()

    return sign


def base64_signer(secret: str) -> Callable[[str], str]:
    """From a payload to its HMAC-SHA256 in Base64 (OKX, Bitget)."""
    sign = hmac_signer(secret)
    return lambda payload: base64.b64encode(sign(payload)).decode()


def binance_signer(secret: str) -> Callable[[str], str]:
    """From a payload to the value of `signature` in the address: HMAC in hexadecimal, or Ed25519 for a PEM secret."""
    if not secret.lstrip().startswith("-----BEGIN"):
        sign = hmac_signer(secret)
        return lambda payload: sign(payload).hex()
    key = _ed25519(secret)
    return lambda payload: quote(base64.b64encode(key.sign(payload.encode())).decode(), safe=_UNRESERVED)


def _ed25519(pem: str) -> Ed25519PrivateKey:
    # Loaded for a PEM alone: who signs by HMAC, which is most, starts without it.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    text = pem.strip().replace("\\n", "\n")  # a PEM that came through one line of an environment file
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CredentialsError("api_secret begins like a PEM key but is none that can be read") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise CredentialsError("api_secret is a PEM key, but not an Ed25519 one")
    return key


def iso_ms(at_ms: int) -> str:
    """UTC with exactly three digits of milliseconds and a Z (OKX)."""
    seconds, milliseconds = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def digest(api_key: str) -> str:
    """A short name for a key that tells nothing of it: who has the same key shares its budgets."""
    return hashlib.sha256(b"subtally:" + api_key.encode()).hexdigest()[:8]


def header_safe(name: str, value: str) -> str:
    """A credential as a header holds it. Raises CredentialsError where it could not be one."""
    text = value.strip("\r\n")
    if not text or not text.isascii() or not text.isprintable():
        raise CredentialsError(f"{name} is empty or holds characters that no key has")
    return text
