"""Checkpoints: the World at known places of the log, so that a replay does not need the log's beginning (law 13).

A body is a version byte and, compressed, frames of a few records each: made of many small steps, so that whoever
shares the interpreter with it waits for none of them.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, replace
from itertools import islice
from types import GenericAlias
from typing import Any, Final, get_args, get_origin, get_type_hints

import msgspec

from rules.checkpoint import Checkpoint
from rules.index import Memory
from rules.records import Holding
from rules.world import Table, World
from state.codec import known

VERSION: Final = 1
EVERY_MS: Final = 24 * 3_600_000
"""How far apart checkpoints are: a replay folds at most this much before the time that it is asked for."""

_FRAME_RECORDS: Final = 200
_MEMORY: Final = "index."  # before the names of what the index remembers
_LENGTH_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Cut:
    """A checkpoint and its place: the log up to `seq` made it, at `at_ms`."""

    seq: int
    at_ms: int
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Encoded:
    """One row of the table."""

    seq: int
    at_ms: int
    digest: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a fold begins: at the log's very beginning, or with a checkpoint after `seq`."""

    seq: int = 0
    checkpoint: Checkpoint | None = None


def encode(cut: Cut) -> Encoded:
    """For any thread: a cut is a value. Of a large World this takes seconds."""
    packer = zlib.compressobj()
    parts = [bytes([VERSION])]
    for frame in _frames(cut.checkpoint):
        parts.append(packer.compress(len(frame).to_bytes(_LENGTH_BYTES)))
        parts.append(packer.compress(frame))
    parts.append(packer.flush())
    return Encoded(cut.seq, cut.at_ms, cut.checkpoint.digest, b"".join(parts))


def decode(digest: str, body: bytes) -> Checkpoint:
    """The checkpoint of a row. Raises ValueError where it cannot be read."""
    if not body or body[0] != VERSION:
        raise ValueError("the checkpoint was written by another version of Subtally")
    try:
        data = zlib.decompress(body[1:])
        return _decoded(digest, data)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(f"the checkpoint cannot be read: {error}") from error


def put(db: sqlite3.Connection, kept: Encoded) -> None:
    """Store one; the same again changes nothing. In a transaction."""
    db.execute(
        "INSERT INTO checkpoints (seq, at_ms, digest, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (kept.seq, kept.at_ms, kept.digest, kept.body),
    )


def last_ms(db: sqlite3.Connection) -> int | None:
    """When the last one was taken."""
    found = db.execute("SELECT at_ms FROM checkpoints ORDER BY seq DESC LIMIT 1").fetchone()
    return None if found is None else int(found[0])


def earliest_ms(db: sqlite3.Connection) -> int | None:
    """The earliest time from which the log can be replayed where its beginning is gone."""
    found = db.execute(
        "SELECT at_ms FROM checkpoints WHERE seq + 1 >= (SELECT coalesce(min(seq), 0) FROM log)"
        " ORDER BY seq LIMIT 1"
    ).fetchone()
    return None if found is None else int(found[0])


def origin(db: sqlite3.Connection, from_ms: int) -> Origin | None:
    """The newest place from which a fold knows the World at `from_ms`; None where there is none any more.

    Raises ValueError where the checkpoint cannot be read.
    """
    found = db.execute(
        # One from which no record is missing to the oldest that is kept.
        "SELECT seq, digest, body FROM checkpoints WHERE at_ms <= ?"
        " AND seq + 1 >= (SELECT coalesce(min(seq), 0) FROM log) ORDER BY seq DESC LIMIT 1",
        (from_ms,),
    ).fetchone()
    if found is not None:
        return Origin(found[0], decode(found[1], found[2]))
    first = db.execute("SELECT min(seq) FROM log").fetchone()[0]
    return Origin() if first in (None, 1) else None


def forget_before(db: sqlite3.Connection, before_ms: int) -> int:
    """Drop all but the newest that is old enough; up to which `seq` the log may go, too. In a transaction."""
    found = db.execute("SELECT max(seq) FROM checkpoints WHERE at_ms <= ?", (before_ms,)).fetchone()[0]
    if found is None:
        return _ALL
    db.execute("DELETE FROM checkpoints WHERE seq < ?", (found,))
    return int(found)


_ALL: Final = 1 << 62


def _frames(checkpoint: Checkpoint) -> Iterator[bytes]:
    for name, value in checkpoint.fields.items():
        yield from _sliced(name, value)
    for field in fields(Memory):
        yield from _sliced(_MEMORY + field.name, getattr(checkpoint.memory, field.name))


def _sliced(name: str, value: object) -> Iterator[bytes]:
    """A collection as frames of a few of its records each, none where it is empty; anything else as one frame."""
    records: Iterator[object]
    if isinstance(value, Mapping):
        records = ((key, _kept(one)) for key, one in value.items())
    elif isinstance(value, AbstractSet):
        records = iter(value)
    else:
        yield _ENCODE([name, value])
        return
    while part := list(islice(records, _FRAME_RECORDS)):
        yield _ENCODE([name, part])


def _kept(value: object) -> object:
    # The object that the last reading carried is a matter of memory; its rows are here already.
    return replace(value, source=None, rows=dict(value.rows.items())) if isinstance(value, Holding) else value


def _decoded(digest: str, data: bytes) -> Checkpoint:
    of_world, of_memory = get_type_hints(World), get_type_hints(Memory)
    kept: dict[str, Any] = {}
    remembered: dict[str, Any] = {name: set() for name, hint in of_memory.items() if get_origin(hint) is set}
    remembered |= {name: {} for name, hint in of_memory.items() if get_origin(hint) is dict}
    at = 0
    while at < len(data):
        begin = at + _LENGTH_BYTES
        at = begin + int.from_bytes(data[at:begin])
        name, value = msgspec.msgpack.decode(data[begin:at], type=tuple[str, msgspec.Raw])
        if name.startswith(_MEMORY):
            name = name.removeprefix(_MEMORY)
            _take_in(remembered, name, of_memory[name], value)
        else:
            _take_in(kept, name, of_world[name], value)
    if remembered.keys() != of_memory.keys():
        raise ValueError("the checkpoint ends early")
    return Checkpoint(digest, kept, Memory(**remembered))


def _take_in(found: dict[str, Any], name: str, hint: object, value: msgspec.Raw) -> None:
    """One frame, by the type of its field."""
    origin, kinds = get_origin(hint), get_args(hint)
    if origin in (Table, dict):
        pairs: Any = GenericAlias(list, (GenericAlias(tuple, kinds),))
        found.setdefault(name, {}).update(msgspec.msgpack.decode(value, type=known(pairs)))
    elif origin is set:
        found.setdefault(name, set()).update(msgspec.msgpack.decode(value, type=known(list[kinds[0]])))  # type: ignore[valid-type]
    else:
        kind: Any = hint
        found[name] = msgspec.msgpack.decode(value, type=known(kind))


_ENCODE: Final = msgspec.msgpack.Encoder().encode
