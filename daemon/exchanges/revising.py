"""A body that differs from the last one in a few rows: those alone are decoded, the others say what they said.

What both bodies begin and end with is found by comparing bytes. What is between is widened to whole rows, which are cut
apart. That is right only where every brace is that of a row or of the one object around them: it is counted once, and
holds from then on, because each row that differs is decoded as any other. What is not such a body, or has other names
in it, is left to the full reading, which also says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

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
GRAIN = 128
"""Bytes: where two bodies part is sought by halves down to so many."""
BETWEEN = b"},{"
"""Rows."""


class Cut(NamedTuple):
    """The part of a body between what it shares with another one: whole rows, without the outermost braces."""

    old: bytes
    new: bytes


def reviser(row: type[msgspec.Struct], read: Callable[[Given], str | None]) -> Revise[Mapping[str, Row]]:
    """For bodies that are one object with one list of `row`: a name and its amounts, each of them through `read`."""
    decode = msgspec.json.Decoder(list[row]).decode  # type: ignore[valid-type]  # known only here
    name_of = attrgetter(row.__struct_fields__[0])

    def revise(old: bytes, new: bytes, before: Mapping[str, Row], *, sure: bool) -> Mapping[str, Row] | None:
        cut = _cut(old, new)
        if cut is None or not (sure or old.count(b"{") == old.count(b"}") == len(before) + 1):
            return None
        differing = _differing(cut)
        if not differing or len(differing) * WORTHWHILE > len(before):
            return None
        try:
            changed = _changed(differing, before)
        except (msgspec.DecodeError, ValueError, RecursionError, Malformed, KeyError):
            return None
        return Revised.by(before, changed) if changed else before

    def _changed(differing: Sequence[tuple[bytes, bytes]], before: Mapping[str, Row]) -> dict[str, Row]:
        """The rows that differ, as they are now. Raises Malformed or ValueError: one is another asset, or no row."""
        were, are = zip(*differing, strict=True)
        text = BETWEEN.join(are)
        if text.count(b"{") != len(are) - 1 or text.count(b"}") != len(are) - 1 or not text.isascii():
            raise Malformed("rows in rows")
        found: dict[str, Row] = {}
        decoded = decode(b"[{%b},{%b}]" % (BETWEEN.join(were), text))
        # Where a text holds what stands between rows, there are fewer of them than it seemed.
        for one, other in zip(decoded[: len(were)], decoded[len(were) :], strict=True):
            name, *amounts = astuple(other)
            if name != name_of(one):
                raise Malformed(name)
            was = before[name]
            asset, now = one_row(name, amounts, read, was)
            if now is not was:
                found[asset] = now
        return found

    return revise


def _cut(old: bytes, new: bytes) -> Cut | None:
    """Where the bodies differ; None where they begin or end in different ways."""
    shorter = min(len(old), len(new))
    margin = shorter // MARGIN
    if not (new.startswith(old[:margin]) or new.endswith(old[-margin:])):
        return None
    head = _shared_head(old, new, shorter)
    begin = old.rfind(BETWEEN, 0, head) + 2
    if begin == 1:
        begin = old.find(b"[{") + 1
        if begin == 0 or old[: begin + 1] != new[: begin + 1]:
            return None
    # Mostly it is one row that differs.
    end, new_end = _row_end(old, begin), _row_end(new, begin)
    if old[end:] != new[new_end:]:
        tail = _shared_tail(old, new, shorter - head)
        end = _row_end(old, len(old) - tail)
        new_end = end + len(new) - len(old)
        if old[end:] != new[new_end:]:
            return None
    return Cut(old[begin + 1 : end], new[begin + 1 : new_end]) if begin < min(end, new_end) else None


def _differing(cut: Cut) -> list[tuple[bytes, bytes]] | None:
    """The rows that are not the same, as they were and are; None where there are more or fewer of them."""
    were, are = cut.old.split(BETWEEN), cut.new.split(BETWEEN)
    if len(were) != len(are):
        return None
    return [pair for pair in zip(were, are, strict=True) if pair[0] != pair[1]]


def _row_end(body: bytes, begin: int) -> int:
    """Where the first row ends that ends from there on; -1 where none does."""
    end = body.find(BETWEEN, begin)
    return body.rfind(b"}]", begin) if end < 0 else end


def _shared_head(old: bytes, new: bytes, shorter: int) -> int:
    """How many bytes both begin with."""
    low, high = 0, shorter
    while high - low > GRAIN:
        middle = (low + high) // 2
        if new.startswith(old[low:middle], low):
            low = middle
        else:
            high = middle
    # Of two numbers that differ the lower bytes alone are left of their difference.
    differing = int.from_bytes(old[low:high]) ^ int.from_bytes(new[low:high])
    return high - (differing.bit_length() + 7) // 8


def _shared_tail(old: bytes, new: bytes, most: int) -> int:
    """How many bytes both end with, at least, and at most `most`."""
    low, high = 0, most
    old_end, new_end = len(old), len(new)
    while high - low > GRAIN:
        middle = (low + high) // 2
        if new.endswith(old[old_end - middle : old_end - low], 0, new_end - low):
            low = middle
        else:
            high = middle
    return low
