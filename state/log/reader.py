"""Records to inputs. The twin of `writer.py`: what one writes the other reads, line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

import msgspec

from rules.model import Contents, Covers, Identity, ListedAccount, Listing, Pass, Reading, Row
from rules.ruleset import RulesAccepted, Ruleset
from state.codec import from_json, known
from state.log import kinds
from state.log.binary import Cursor
from state.log.kinds import Key

if TYPE_CHECKING:  # the type alone: reading the state needs no judge
    from rules.judge import Input

V = TypeVar("V")

_COLUMNS = tuple[list[int], list[int], list[int], list[int]]


class LogDamageError(ValueError):
    """The log does not hold what a record refers to."""


def no_base(_: Key) -> bytes | None:
    """For a log that is read from its very first record."""
    return None


class LogReader:
    """Folds records into whole inputs; `last` holds the last reading, listing and pass of each key met.

    `base` gives, as a record, what was folded away when the beginning of the log was deleted.
    """

    def __init__(
        self,
        name: Callable[[int], str],
        identity: Callable[[int], Identity],
        ruleset: Callable[[str], Ruleset],
        base: Callable[[Key], bytes | None] = no_base,
    ) -> None:
        self._name = name
        self._identity = identity
        self._ruleset = ruleset
        self._base = base
        self.last: dict[Key, Reading | Listing | Pass] = {}

    def read(self, at_ms: int, body: bytes) -> Iterator[tuple[int, Input]]:
        """Each input of one chunk with the time it was judged at. Raises LogDamageError."""
        cursor = Cursor(body)
        now_ms = at_ms
        while not cursor.done:
            try:
                kind = cursor.number()
                now_ms += cursor.signed()
                if kind == kinds.REPEATS:
                    found = self._repeats(cursor, now_ms)
                else:
                    found = [(now_ms, self._entry(kind, cursor, now_ms))]
            except (IndexError, KeyError, UnicodeDecodeError, msgspec.MsgspecError) as error:
                raise LogDamageError(f"a record cannot be read: {error!r}") from error
            yield from found
            now_ms = found[-1][0]

    def _entry(self, kind: int, cursor: Cursor, now_ms: int) -> Input:
        if kind == kinds.READING:
            return self._reading(cursor, now_ms)
        if kind == kinds.LISTING:
            return self._listing(cursor, now_ms)
        if kind == kinds.PASS:
            return self._pass(cursor, now_ms)
        if kind == kinds.RULES:
            at_ms = now_ms - cursor.signed()
            return RulesAccepted(at_ms, self._ruleset(cursor.text()))
        if kind not in kinds.PLAIN:
            raise LogDamageError(f"kind {kind} is not known: a newer Subtally wrote it")
        return _plain(kind, cursor, now_ms)

    def _reading(self, cursor: Cursor, now_ms: int) -> Reading:
        flags, key = _start(kinds.READING, 4, cursor)
        last = self._before(flags, key, Reading)
        before = None if last is None else last.contents
        began_ms, ended_ms = _times(cursor, now_ms)
        rows: Mapping[str, Row] = {} if before is None else before.rows
        if not flags & kinds.SAME:
            rows = self._delta(cursor, rows, _row)
        values: Mapping[str, str] | None = None
        if flags & kinds.VALUED:
            were = before.values if before is not None and before.values is not None else {}
            values = self._delta(cursor, were, _value)
        told = Contents(
            exchange=self._name(key[1]),
            account=self._identity(key[2]),
            wallet=self._name(key[3]),
            fields=from_json(tuple[str, ...], self._name(key[4])),
            rows=rows,
            covers=Covers.NAMED if flags & kinds.NAMED_ONLY else Covers.ALL,
            values=values,
        )
        reading = self.last[key] = Reading((told, began_ms, ended_ms))
        return reading

    def _repeats(self, cursor: Cursor, now_ms: int) -> list[tuple[int, Input]]:
        """A run of readings, each of the very rows of the last one of its key."""
        exchange, wallet, fields = cursor.number(), cursor.number(), cursor.number()
        columns = msgspec.msgpack.decode(cursor.bytes(cursor.number()), type=_COLUMNS)
        steps, gaps = columns[0], [0, *columns[1]]
        if not len(steps) == len(gaps) == len(columns[2]) == len(columns[3]):
            raise LogDamageError("a run of readings of columns that differ")
        found: list[tuple[int, Input]] = []
        identity = 0
        for step, gap_ms, late_ms, took_ms in zip(steps, gaps, columns[2], columns[3], strict=True):
            identity, now_ms = identity + step, now_ms + gap_ms
            key = (kinds.READING, exchange, identity, wallet, fields)
            before, ended_ms = self._known(key, Reading), now_ms - late_ms
            reading = self.last[key] = Reading((before.contents, ended_ms - took_ms, ended_ms))
            found.append((now_ms, reading))
        return found

    def _listing(self, cursor: Cursor, now_ms: int) -> Listing:
        flags, key = _start(kinds.LISTING, 2, cursor)
        before = self._before(flags, key, Listing)
        began_ms, ended_ms = _times(cursor, now_ms)
        reason = cursor.text() if flags & kinds.EXPLAINED else ""
        accounts = () if before is None else before.accounts
        if not flags & kinds.SAME:
            accounts = self._accounts(cursor, accounts)
        complete = bool(flags & kinds.COMPLETE)
        exchange, source = self._name(key[1]), self._name(key[2])
        listing = Listing(exchange, source, began_ms, ended_ms, complete, accounts, reason)
        self.last[key] = listing
        return listing

    def _accounts(self, cursor: Cursor, before: tuple[ListedAccount, ...]) -> tuple[ListedAccount, ...]:
        head, tail, count = cursor.number(), cursor.number(), cursor.number()
        middle = []
        for _ in range(count):
            number, frozen = divmod(cursor.number(), 3)
            middle.append(ListedAccount(self._identity(number), kinds.FROZEN[frozen]))
        return (*before[:head], *middle, *before[len(before) - tail :])

    def _pass(self, cursor: Cursor, now_ms: int) -> Pass:
        flags, key = _start(kinds.PASS, 3, cursor)
        before = self._before(flags, key, Pass)
        began_ms, ended_ms = _times(cursor, now_ms)
        reason = cursor.text() if flags & kinds.EXPLAINED else ""
        seen: Mapping[str, frozenset[str]] = {} if before is None else before.seen
        if not flags & kinds.SAME:
            seen = self._delta(cursor, seen, self._assets)
        fields = from_json(tuple[str, ...], self._name(key[3]))
        complete = bool(flags & kinds.COMPLETE)
        walk = Pass(
            self._name(key[1]), self._name(key[2]), began_ms, ended_ms, complete, fields, seen, reason
        )
        self.last[key] = walk
        return walk

    def _assets(self, cursor: Cursor, _: frozenset[str] | None) -> frozenset[str]:
        return frozenset(self._name(cursor.number()) for _ in range(cursor.number()))

    def _before(self, flags: int, key: Key, kind: type[V]) -> V | None:
        """What the record is written against; None where it is whole."""
        return None if flags & kinds.WHOLE else self._known(key, kind)

    def _known(self, key: Key, kind: type[V]) -> V:
        """The last of a key, whole. Raises LogDamageError where there is none."""
        if key not in self.last:
            record = self._base(key)
            if record is None:
                raise LogDamageError("a record is written against one that is not there")
            for _ in self.read(0, record):  # a whole record: it is its own base
                pass
        found = self.last.get(key)
        if not isinstance(found, kind):
            raise LogDamageError("a record is written against one of another kind")
        return found

    def _delta(
        self, cursor: Cursor, before: Mapping[str, V], take: Callable[[Cursor, V | None], V]
    ) -> dict[str, V]:
        """What is unchanged in its old order, then the changed in theirs."""
        changed: dict[str, V] = {}
        for _ in range(cursor.number()):
            name = self._name(cursor.number())
            changed[name] = take(cursor, before.get(name))
        gone = {self._name(cursor.number()) for _ in range(cursor.number())}
        gone.update(changed)
        return {**{name: value for name, value in before.items() if name not in gone}, **changed}


def _start(kind: int, parts: int, cursor: Cursor) -> tuple[int, Key]:
    flags = cursor.number()
    return flags, (kind, *(cursor.number() for _ in range(parts)))


def _times(cursor: Cursor, now_ms: int) -> tuple[int, int]:
    ended_ms = now_ms - cursor.signed()
    return ended_ms - cursor.signed(), ended_ms


def _row(cursor: Cursor, before: Row | None) -> Row:
    mask = cursor.number()
    if not mask:
        return tuple(cursor.amount() for _ in range(cursor.number()))
    if before is None:
        raise LogDamageError("a row is written against one that is not there")
    return tuple(cursor.amount() if mask >> i & 1 else amount for i, amount in enumerate(before))


def _value(cursor: Cursor, _: str | None) -> str:
    value = cursor.amount()
    if value is None:
        raise LogDamageError("a valuation without a figure")
    return value


def _plain(kind: int, cursor: Cursor, now_ms: int) -> Input:
    kept = msgspec.msgpack.decode(cursor.bytes(cursor.number()))
    decoded: Input = msgspec.convert({"at_ms": now_ms, **kept}, known(kinds.PLAIN[kind]))
    return decoded
