"""Ids that people type: a letter and 4–8 of 0-9A-Z with at least one digit, derived from inputs (law 13)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SHORTEST, _LONGEST = 5, 8
_ENOUGH = len(_ALPHABET) ** _LONGEST


def derive(letter: str, seed: str, taken: Callable[[str], bool]) -> str:
    """The shortest free id for `seed`; the same seed and the same neighbours give the same id."""
    for salt in range(1000):
        text = _base36(hashlib.sha256(f"{salt}\x1f{seed}".encode()).digest())
        for length in range(_SHORTEST, _LONGEST + 1):
            candidate = text[:length]
            if not candidate.isalpha() and not taken(letter + candidate):
                return letter + candidate
    raise AssertionError("no free id in a thousand hashes: the id space is exhausted")


def _base36(digest: bytes) -> str:
    number = int.from_bytes(digest, "big") % _ENOUGH
    text = ""
    while len(text) < _LONGEST:
        number, rest = divmod(number, 36)
        text += _ALPHABET[rest]
    return text
