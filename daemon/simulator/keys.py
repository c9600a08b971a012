"""API keys of the fake venues and the checking of signatures over raw bytes.

A venue signs what is on the wire, so every check here takes the request target as it was sent: undecoded,
unsorted, not re-quoted.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

__all__ = [
    "Key",
    "Verifier",
    "binance_verifier",
    "check_words",
    "new_ed25519_pem",
    "new_key",
    "same_base64_hmac",
]

Verifier = Callable[[bytes, str], bool]
"""Whether this signature, as it stood on the wire, is right for these bytes."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of one venue. Never a real one, still never printed."""

    api_key: str
    api_secret: str = field(repr=False)
    passphrase: str = field(default="", repr=False)


def new_key(venue: str, *, passphrase: bool) -> Key:
    """A fresh key whose parts say on sight that they are the simulator's."""
    return Key(
        api_key=f"simulator-{venue}-{secrets.token_hex(12)}",
        api_secret=f"simulator-{secrets.token_hex(16)}",
        passphrase=f"simulator-{secrets.token_hex(6)}" if passphrase else "",
    )


def new_ed25519_pem() -> str:
    """A private key in the PKCS#8 form Binance describes for Ed25519 keys."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def check_words(venue: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise ValueError for a word the venue's keys do not have."""
    if unknown := set(given) - set(known):
        raise ValueError(f"{venue} keys have no {sorted(unknown)}; they have {sorted(known)}")


def same_base64_hmac(secret: str, prehash: str, signature: str) -> bool:
    """OKX and Bitget: Base64(HMAC-SHA256(secret, prehash)), compared in constant time."""
    digest = hmac.digest(secret.encode(), prehash.encode("utf-8", "surrogateescape"), hashlib.sha256)
    return hmac.compare_digest(base64.b64encode(digest), signature.encode("utf-8", "surrogateescape"))


def binance_verifier(secret: str) -> Verifier:
    """Binance: hexadecimal HMAC in either case, or percent-encoded base64 for an Ed25519 PEM as secret."""
    if secret.startswith("-----BEGIN"):
        return _ed25519_verifier(secret)

    def verify(payload: bytes, signature: str) -> bool:
        digest = hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
        return hmac.compare_digest(digest.encode(), signature.lower().encode("utf-8", "surrogateescape"))

    return verify


def _ed25519_verifier(pem: str) -> Verifier:
    private = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise TypeError("the simulator checks HMAC and Ed25519 keys only")
    public = private.public_key()

    def verify(payload: bytes, signature: str) -> bool:
        try:
            public.verify(base64.b64decode(unquote(signature), validate=True), payload)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True

    return verify
