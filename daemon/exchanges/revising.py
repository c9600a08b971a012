"""A body that differs from the last one in a few rows: those alone are decoded, the others say what they said.

What both bodies begin and end with is found by comparing bytes. What is between is widened to whole rows, which are cut
apart. That is right only where every brace is that of a row or of the one object around them: it is counted once, and
holds from then on, because each row that differs is decoded as any other. What is not such a body, or has other names
in it, is left to the full reading, which also says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import astuple

from daemon.exchanges.decode import Given, one_row
from daemon.exchanges.errors import Malformed
from daemon.exchanges.memo import Revise
from rules.model import Row
from rules.rows import Revised

WORTHWHILE = 4
"""Where more than one row in so many differs, decoding all of them costs less."""
MARGIN = 8
"""A body that differs in the first and in the last of so many parts is another one: rows come in another order."""
GRAIN = 64
"""Bytes: what two bodies share is known with this precision."""


class Cut(NamedTuple):
    """The part of a body between what it shares with another one: whole rows, without the outermost braces."""

    old: bytes
    new: bytes


def reviser(row: type[Any], read: Callable[[Given], str | None]) -> Revise[Mapping[str, Row]]:
    """For bodies that are one object with one list of `row`: a name and its amounts, each of them through `read`."""
    decode = msgspec.json.Decoder(row).decode

    def revise(old: bytes, new: bytes, before: Mapping[str, Row], *, sure: bool) -> Mapping[str, Row] | None:
        cut = _cut(old, new)
        if cut is None or not (sure or old.count(b"{") == old.count(b"}") == len(before) + 1):
            return None
        were, are = cut.old.split(b"},{"), cut.new.split(b"},{")
        differing = [(one, other) for one, other in zip(were, are, strict=False) if one != other]
        if len(were) != len(are) or len(differing) * WORTHWHILE > len(before):
            return None
        changed: dict[str, Row] = {}
        try:
            for one, other in differing:
                asset, was, now = _read(one, other, before)
                if now is not was:
                    changed[asset] = now
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Malformed, KeyError):
            return None
        return Revised.by(before, changed) if changed else before

    def _read(one: bytes, other: bytes, before: Mapping[str, Row]) -> tuple[str, Row, Row]:
        """A row that differs, as it was and is. Raises Malformed, too, where it is of another asset or no row alone."""
        name, *amounts = astuple(decode(b"{%b}" % other))
        if name != astuple(decode(b"{%b}" % one))[0] or b"{" in other or b"}" in other or not other.isascii():
            raise Malformed(name)
        was = before[name]
        asset, now = one_row(name, tuple(amounts), read, was)
        return asset, was, now

    return revise


def _cut(old: bytes, new: bytes) -> Cut | None:
    """Where the bodies differ; None where they begin or end in different ways."""
    margin = min(len(old), len(new)) // MARGIN
    if old[:margin] != new[:margin] and old[-margin:] != new[-margin:]:
        return None
    head = _shared_head(old, new)
    tail = _shared_tail(old, new, min(len(old), len(new)) - head)
    begin = old.rfind(b"},{", 0, head) + 2
    if begin == 1:
        begin = old.find(b"[{") + 1
        if begin == 0 or old[: begin + 1] != new[: begin + 1]:
            return None
    end = old.find(b"},{", len(old) - tail)
    if end < 0:
        end = old.rfind(b"}]")
        if end < 0 or old[end:] != new[end + len(new) - len(old) :]:
            return None
    new_end = end + len(new) - len(old)
    return Cut(old[begin + 1 : end], new[begin + 1 : new_end]) if begin < min(end, new_end) else None


def _shared_head(old: bytes, new: bytes) -> int:
    """How many bytes both begin with, at least."""
    low, high = 0, min(len(old), len(new))
    while high - low > GRAIN:
        middle = (low + high) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _shared_tail(old: bytes, new: bytes, most: int) -> int:
    """How many bytes both end with, at least, and at most `most`."""
    low, high = 0, most
    old_end, new_end = len(old), len(new)
    while high - low > GRAIN:
        middle = (low + high) // 2
        if old[old_end - middle : old_end - low] == new[new_end - middle : new_end - low]:
            low = middle
        else:
            high = middle
    return low
