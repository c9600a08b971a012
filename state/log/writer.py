"""Inputs to records. The twin of `reader.py`: what one writes the other reads, line by line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from operator import eq, sub
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeVar

import msgspec

from rules.model import Contents, Covers, Identity, ListedAccount, Listing, Pass, Reading, Row
from rules.repeats import Repeats
from rules.rows import Revised
from rules.ruleset import RulesAccepted
from state.codec import lean, to_json
from state.interned import Interned
from state.log import kinds
from state.log.binary import put_amount, put_number, put_signed, put_text
from state.log.kinds import Key

if TYPE_CHECKING:  # the type alone: reading the state needs no judge
    from rules.judge import Input

V = TypeVar("V")

_Place: TypeAlias = tuple[int, int, int]
"""Exchange, name of the wallet and fields: what a run of repeats has in common."""

# A chunk is read and deleted as a whole; a row of this size is still cheap to handle.
CHUNK_BYTES = 64 * 1024


class Chunk(NamedTuple):
    """One row of the log: when its first record was judged, how many there are, and the records."""

    at_ms: int
    records: int
    body: bytes


def _number(number: int) -> bytes:
    out = bytearray()
    put_number(out, number)
    return bytes(out)


class _Wallet:
    """One wallet's readings: their ids as written, and what the last of them told."""

    __slots__ = ("identity", "last", "place", "prefix")

    def __init__(self, identity: int, place: _Place | None) -> None:
        exchange, wallet, fields = place or (0, 0, 0)
        self.identity, self.place = identity, place
        self.prefix = b"".join(map(_number, (exchange, identity, wallet, fields)))
        self.last: Contents | None = None


_NOWHERE: Final = _Wallet(0, None)
"""Of readings that the log has nothing of: they are written whole."""


class LogWriter:
    """Remembers what the last reading, listing and pass of each key told by reference, which costs no copy."""

    def __init__(self, names: Interned[str], identities: Interned[Identity]) -> None:
        self._names = names
        self._identities = identities
        self._last: dict[Key, Input] = {}
        self._wallets: dict[tuple[str, Identity, str, tuple[str, ...]], _Wallet] = {}
        self._places: dict[_Place, _Place] = {}  # each once
        self._chunks: list[Chunk] = []
        self._open = bytearray()
        self._records = 0
        self._first_ms = self._now_ms = 0

    def add(self, entry: Input, now_ms: int) -> None:
        """Append one input that was judged at `now_ms`."""
        if not self._records:
            self._first_ms = self._now_ms = now_ms
        self._record(self._open, entry, now_ms)
        self._now_ms = now_ms
        self._records += 1
        if len(self._open) >= CHUNK_BYTES:
            self._close_chunk()

    def add_repeats(self, run: Repeats) -> None:
        """Append readings that tell what the last ones told, in their order: one record for neighbours of one kind."""
        told, began_ms, ended_ms, now_ms = run.contents, run.began_ms, run.ended_ms, run.now_ms
        wallets = [mark if (mark := one.mark) is not None and mark.last is one else _NOWHERE for one in told]
        places, end = [wallet.place for wallet in wallets], 0
        while end < len(places):
            place, begin = places[end], end
            end = len(places) if places.count(place) == len(places) else _end_of(places, begin)
            part = slice(begin, end)
            if place is not None:
                identities = [wallet.identity for wallet in wallets[part]]
                self._repeats(place, identities, began_ms[part], ended_ms[part], now_ms[part])
                continue
            for one in range(begin, end):
                self.add(Reading((told[one], began_ms[one], ended_ms[one])), now_ms[one])

    def end(self) -> None:
        """Another log begins: nothing that was written here may be repeated there."""
        for wallet in self._wallets.values():
            wallet.last = None

    def _remember(self, told: Contents) -> tuple[_Wallet, Contents | None]:
        """The wallet of a reading, from now on written against what it tells, and what it was written against."""
        which = (told.exchange, told.account, told.wallet, told.fields)
        wallet = self._wallets.get(which)
        if wallet is None:
            wallet = self._wallets[which] = self._new(*which)
        before, wallet.last = wallet.last, told
        told.mark = wallet
        return wallet, before

    def _repeats(
        self,
        place: _Place,
        identities: list[int],
        began_ms: Sequence[int],
        ended_ms: Sequence[int],
        now_ms: Sequence[int],
    ) -> None:
        if not self._records:
            self._first_ms = self._now_ms = now_ms[0]
        out = self._open
        self._head(out, kinds.REPEATS, now_ms[0])
        for number in place:
            put_number(out, number)
        columns = (
            [identities[0], *map(sub, identities[1:], identities)],
            [*map(sub, now_ms[1:], now_ms)],
            [*map(sub, now_ms, ended_ms)],
            [*map(sub, ended_ms, began_ms)],
        )
        data = msgspec.msgpack.encode(columns)
        put_number(out, len(data))
        out += data
        self._now_ms = now_ms[-1]
        self._records += len(identities)
        if len(out) >= CHUNK_BYTES:
            self._close_chunk()

    def take(self) -> list[Chunk]:
        """The chunks written since the last call."""
        self._close_chunk()
        taken, self._chunks = self._chunks, []
        return taken

    def _close_chunk(self) -> None:
        if self._records:
            self._chunks.append(Chunk(self._first_ms, self._records, bytes(self._open)))
            self._open = bytearray()
            self._records = 0

    def _record(self, out: bytearray, entry: Input, now_ms: int) -> None:
        if isinstance(entry, Reading):
            self._head(out, kinds.READING, now_ms)
            self._reading(out, entry, now_ms)
        elif isinstance(entry, Listing):
            self._head(out, kinds.LISTING, now_ms)
            self._listing(out, entry, now_ms)
        elif isinstance(entry, Pass):
            self._head(out, kinds.PASS, now_ms)
            self._pass(out, entry, now_ms)
        elif isinstance(entry, RulesAccepted):
            self._head(out, kinds.RULES, now_ms)
            put_signed(out, now_ms - entry.at_ms)
            put_text(out, entry.ruleset.digest)
        else:
            self._head(out, kinds.PLAIN_NUMBERS[type(entry)], now_ms)
            _put_plain(out, entry, now_ms)

    def _head(self, out: bytearray, kind: int, now_ms: int) -> None:
        out.append(kind)
        put_signed(out, now_ms - self._now_ms)

    def _reading(self, out: bytearray, reading: Reading, now_ms: int) -> None:
        told = reading.contents
        wallet, before = self._remember(told)
        flags = 0 if told.covers is Covers.ALL else kinds.NAMED_ONLY
        if told.values is not None:
            flags |= kinds.VALUED
        # The judge tells by identity, and so must replay: equal is not the same.
        if before is not None and before.rows is told.rows:
            out.append(flags | kinds.SAME)
            out += wallet.prefix
            _put_times(out, reading, now_ms)
        else:
            out.append(flags if before is not None else flags | kinds.WHOLE)
            out += wallet.prefix
            _put_times(out, reading, now_ms)
            self._rows(out, {} if before is None else before.rows, told.rows)
        if told.values is not None:
            values = before.values if before is not None and before.values is not None else {}
            self._delta(out, values, told.values, _put_value)

    def _new(self, exchange: str, account: Identity, wallet: str, fields: tuple[str, ...]) -> _Wallet:
        names = self._names.id
        place = (names(exchange), names(wallet), names(to_json(fields)))
        return _Wallet(self._identities.id(account), self._places.setdefault(place, place))

    def _listing(self, out: bytearray, listing: Listing, now_ms: int) -> None:
        key = (kinds.LISTING, self._names.id(listing.exchange), self._names.id(listing.source))
        last = self._last.get(key)
        before = last.accounts if isinstance(last, Listing) else ()
        same = last is not None and before == listing.accounts
        # Of thousands of accounts that nobody else holds once is enough.
        self._last[key] = replace(listing, accounts=before) if same else listing
        flags = kinds.WHOLE if last is None else 0
        flags |= kinds.SAME if same else 0
        self._start(out, flags | _completeness(listing), key)
        _put_times(out, listing, now_ms)
        if listing.reason:
            put_text(out, listing.reason)
        if not flags & kinds.SAME:
            self._accounts(out, before, listing.accounts)

    def _accounts(
        self, out: bytearray, before: tuple[ListedAccount, ...], after: tuple[ListedAccount, ...]
    ) -> None:
        """How many are as before from the start and from the end, and those between them."""
        shorter = min(len(before), len(after))
        head = 0
        while head < shorter and before[head] == after[head]:
            head += 1
        tail = 0
        while tail < shorter - head and before[-1 - tail] == after[-1 - tail]:
            tail += 1
        middle = after[head : len(after) - tail]
        for count in (head, tail, len(middle)):
            put_number(out, count)
        for account in middle:
            put_number(out, self._identities.id(account.identity) * 3 + kinds.FROZEN.index(account.frozen))

    def _pass(self, out: bytearray, walk: Pass, now_ms: int) -> None:
        key = (
            kinds.PASS,
            self._names.id(walk.exchange),
            self._names.id(walk.wallet),
            self._names.id(to_json(walk.fields)),
        )
        last = self._last.get(key)
        before = last.seen if isinstance(last, Pass) else {}
        self._last[key] = walk
        flags = kinds.WHOLE if last is None else 0
        flags |= kinds.SAME if last is not None and before == walk.seen else 0
        self._start(out, flags | _completeness(walk), key)
        _put_times(out, walk, now_ms)
        if walk.reason:
            put_text(out, walk.reason)
        if not flags & kinds.SAME:
            self._delta(out, before, walk.seen, self._put_assets)

    def _put_assets(self, out: bytearray, _: frozenset[str] | None, assets: frozenset[str]) -> None:
        put_number(out, len(assets))
        for number in sorted(self._names.id(asset) for asset in assets):
            put_number(out, number)

    def _start(self, out: bytearray, flags: int, key: Key) -> None:
        out.append(flags)
        for part in key[1:]:
            put_number(out, part)

    def _rows(self, out: bytearray, before: Mapping[str, Row], after: Mapping[str, Row]) -> None:
        """As `_delta`, without a walk over all rows where the client knows which of them it revised."""
        fresh = None
        if isinstance(after, Revised):
            fresh = after.fresh_since(before)
            after.let_go()
        if fresh is None:
            self._delta(out, before, after, _put_row)
            return
        self._put_changed(out, before, fresh.items(), _put_row)
        put_number(out, 0)  # nothing is gone

    def _delta(
        self,
        out: bytearray,
        before: Mapping[str, V],
        after: Mapping[str, V],
        put: Callable[[bytearray, V | None, V], None],
    ) -> None:
        """The entries that differ, in the order of `after`, and the names of those that are gone."""
        get = before.get
        changed = [
            (name, value) for name, value in after.items() if (was := get(name)) is not value and was != value
        ]
        self._put_changed(out, before, changed, put)
        gone = [name for name in before if name not in after]
        put_number(out, len(gone))
        for name in gone:
            put_number(out, self._names.id(name))

    def _put_changed(
        self,
        out: bytearray,
        before: Mapping[str, V],
        changed: Collection[tuple[str, V]],
        put: Callable[[bytearray, V | None, V], None],
    ) -> None:
        put_number(out, len(changed))
        for name, value in changed:
            put_number(out, self._names.id(name))
            put(out, before.get(name), value)


def _end_of(places: Sequence[_Place | None], begin: int) -> int:
    """Up to where all places are the same as the first."""
    return begin + sum(1 for _ in takewhile(partial(eq, places[begin]), places[begin:]))


def _completeness(walk: Listing | Pass) -> int:
    return (kinds.COMPLETE if walk.complete else 0) | (kinds.EXPLAINED if walk.reason else 0)


def _put_times(out: bytearray, call: Reading | Listing | Pass, now_ms: int) -> None:
    put_signed(out, now_ms - call.ended_ms)
    put_signed(out, call.ended_ms - call.began_ms)


def _put_row(out: bytearray, before: Row | None, after: Row) -> None:
    """A mask of the quantities that differ, then those; a mask of 0 precedes a row of another length."""
    if before is None or len(before) != len(after):
        put_number(out, 0)
        put_number(out, len(after))
        for amount in after:
            put_amount(out, amount)
        return
    differing = [i for i, amount in enumerate(after) if before[i] != amount]
    put_number(out, sum(1 << i for i in differing))
    for i in differing:
        put_amount(out, after[i])


def _put_value(out: bytearray, _: str | None, value: str) -> None:
    put_amount(out, value)


def _put_plain(out: bytearray, entry: object, now_ms: int) -> None:
    kept = lean(entry)
    # An input is mostly judged in the millisecond that it names.
    data = msgspec.msgpack.encode(
        {name: item for name, item in kept.items() if name != "at_ms" or item != now_ms}  # type: ignore[attr-defined]  # a dataclass leans to a dict
    )
    put_number(out, len(data))
    out += data
