"""The log read back from the database: its chunks, and the names, identities and bases that they refer to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rules.model import Identity
from rules.ruleset import Ruleset
from state.codec import to_json
from state.log import LogDamageError, LogReader
from state.log.kinds import Key

if TYPE_CHECKING:  # the type alone: reading the state needs no judge
    from rules.judge import Input

_CHUNKS_AT_ONCE = 64


def read_log(
    db: sqlite3.Connection, ruleset_of: Callable[[str], Ruleset], after_seq: int = 0
) -> Iterator[tuple[int, int, Input]]:
    """(seq of the chunk, judged at, input) from the oldest kept to the newest. Raises LogDamageError.

    Where `after_seq` is not 0 it is that of a checkpoint: what follows one refers to nothing before it.
    """
    reader = LogReader(name_of(db), identity_of(db), ruleset_of, base_record(db))
    seq = after_seq
    while True:
        # By pages: a cursor left open for the length of a replay would keep the WAL from being reset.
        found = db.execute(
            "SELECT seq, at_ms, body FROM log WHERE seq > ? ORDER BY seq LIMIT ?", (seq, _CHUNKS_AT_ONCE)
        ).fetchall()
        if not found:
            return
        for seq, at_ms, body in found:  # the last one read is where the next page begins
            for now_ms, entry in reader.read(at_ms, body):
                yield seq, now_ms, entry


def name_of(db: sqlite3.Connection) -> Callable[[int], str]:
    """Names by id, asked for once."""
    known: dict[int, str] = {}

    def look_up(number: int) -> str:
        if number not in known:
            found = db.execute("SELECT text FROM names WHERE id = ?", (number,)).fetchone()
            if found is None:
                raise LogDamageError(f"name {number} is not there")
            known[number] = found[0]
        return known[number]

    return look_up


def identity_of(db: sqlite3.Connection) -> Callable[[int], Identity]:
    """Identities by id, asked for once: one object each, as the engine likes them."""
    known: dict[int, Identity] = {}

    def look_up(number: int) -> Identity:
        if number not in known:
            found = db.execute(
                "SELECT venue_id, email, name, alias FROM identities WHERE id = ?", (number,)
            ).fetchone()
            if found is None:
                raise LogDamageError(f"identity {number} is not there")
            known[number] = Identity(*found)
        return known[number]

    return look_up


def base_record(db: sqlite3.Connection) -> Callable[[Key], bytes | None]:
    """What retention folded away, by the key of the record."""

    def look_up(key: Key) -> bytes | None:
        found = db.execute("SELECT body FROM log_base WHERE key = ?", (to_json(key),)).fetchone()
        return None if found is None else bytes(found[0])

    return look_up
