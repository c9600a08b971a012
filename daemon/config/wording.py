"""How errors show what the user wrote: on one line, bounded, never a secret in the wrong place."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import date, time
from decimal import Decimal
from difflib import get_close_matches

from daemon.config.errors import KeyPath

LONGEST_SHOWN = 60
_SECRET_LIKE = re.compile(r"[A-Za-z0-9+/=]{32,}")
_BARE = re.compile(r"[A-Za-z0-9_-]{1,31}")
# Looked for once in a run of such letters, however long it is: without that a long one takes minutes.
_URL = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z0-9+.-]+://")
_WHOLE_URL = re.compile(rf"({_URL.pattern})[^\s\"']*")

# In this order: a bool is an int, a datetime a date.
_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a number",
    Decimal: "a decimal number",
    str: "text",
    list: "a list",
    dict: "a table",
    date: "a date",
    time: "a time",
    object: "nothing",
}


def shown(text: str) -> str:
    """The text in quotes. What looks like a key, or may hold a token as a URL does, is masked."""
    url = _URL.search(text)
    head, rest = (text, "") if url is None else (text[: url.end()], "***")
    if _SECRET_LIKE.search(head):
        return '"***"'
    short = head if len(head) <= LONGEST_SHOWN else head[:LONGEST_SHOWN] + "…"
    return f'"{_printable(short)}{rest}"'


def masked(text: str) -> str:
    """A stretch of a file without what looks like a key, and without what may be a token in a URL."""
    return _SECRET_LIKE.sub("***", _WHOLE_URL.sub(r"\1***", text))


def plain(text: str) -> str:
    """The same without quotes."""
    return shown(text)[1:-1]


def dotted(path: KeyPath) -> str:
    """The way to a key as TOML writes it, without the places in lists."""
    parts = (part for part in path if isinstance(part, str))
    return ".".join(part if _BARE.fullmatch(part) else shown(part) for part in parts)


def one_of(words: Iterable[str]) -> str:
    """What is allowed, as a hint."""
    return "allowed: " + ", ".join(plain(word) for word in words)


def either(written: str, words: Collection[str]) -> str:
    """What is allowed, and what of it was perhaps meant."""
    return "; ".join(part for part in (one_of(words), suggestion(written, words)) if part)


def suggestion(written: str, words: Iterable[str]) -> str:
    """What was perhaps meant, as a hint, or "" where nothing is close."""
    meant = nearest(written, words)
    return f"did you mean {shown(meant)}?" if meant else ""


def nearest(written: str, words: Iterable[str]) -> str:
    """The word that is most like the written one, or ""."""
    by_folded = {word.casefold(): word for word in words}
    near = get_close_matches(written.casefold()[:200], by_folded, n=1, cutoff=0.6)
    return by_folded[near[0]] if near else ""


def kind_of(value: object) -> str:
    """The TOML name of a value's type."""
    return next(name for kind, name in _KINDS.items() if isinstance(value, kind))


def span(milliseconds: int) -> str:
    """A duration as the file writes it, `1h30m`; of less than a second `0.4s`."""
    seconds, rest = divmod(milliseconds, 1000)
    parts = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        count, seconds = divmod(seconds, length)
        parts += [f"{count}{unit}"] if count else []
    if rest and not parts:
        return f"{(seconds * 1000 + rest) / 1000:.3g}s"  # a time, not money
    return "".join([*parts, f"{seconds}s"] if seconds or not parts else parts)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
