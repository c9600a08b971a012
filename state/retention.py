"""Forgetting what is older than `retention`, in bounded steps so that no commit waits long for it.

Open alerts, what is still to be told, silences in force, orders that the engine has not heard of yet, and everything
younger than that stay; an order stays with the alert, the silence or the message that it is about. The log is a chain
of differences: what its deleted beginning amounts to is folded into `log_base`, so that the rest stays readable, until
it begins behind a checkpoint.
What follows the newest checkpoint that is old enough stays with it, so that all of `retention` can be replayed.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from rules.model import Identity
from rules.ruleset import Ruleset
from state import checkpoints
from state.codec import to_json
from state.interned import Interned
from state.log import LogDamageError, LogReader, LogWriter
from state.reading import base_record, identity_of, name_of

_VACUUM_PAGES: Final = 256

_STEPS: Final = """
DELETE FROM past WHERE until_ms < :before AND seq IN (SELECT seq FROM past ORDER BY seq LIMIT :batch);
DELETE FROM transitions WHERE seq IN (
    SELECT seq FROM transitions WHERE at_ms < :before
        AND alert NOT IN (SELECT id FROM alerts WHERE ended_ms IS NULL) LIMIT :batch);
DELETE FROM alerts WHERE seq IN (SELECT seq FROM alerts WHERE ended_ms < :before LIMIT :batch);
DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE settled_ms < :before LIMIT :batch);
DELETE FROM attempts WHERE seq IN (
    SELECT a.seq FROM messages AS m JOIN attempts AS a ON a.message = m.id WHERE m.settled_ms < :before
        AND NOT EXISTS (SELECT 1 FROM notifications WHERE message = m.id) LIMIT :batch);
DELETE FROM messages WHERE id IN (
    SELECT id FROM messages AS m WHERE settled_ms < :before
        AND NOT EXISTS (SELECT 1 FROM notifications WHERE message = m.id)
        AND NOT EXISTS (SELECT 1 FROM attempts WHERE message = m.id) LIMIT :batch);
DELETE FROM silences WHERE id IN (
    SELECT id FROM silences AS s WHERE made_ms < :before AND (ended_ms < :before
            OR json_extract(body, '$.until_ms') < :before
            OR coalesce(json_extract(body, '$.until_resolved'), '') <> '' AND NOT EXISTS (SELECT 1 FROM alerts
                WHERE id = json_extract(s.body, '$.until_resolved') AND coalesce(ended_ms, :before) >= :before))
        AND NOT EXISTS (SELECT 1 FROM orders WHERE subject = s.id AND kind IN ('silence', 'unsilence')
            AND (seq > :heard OR at_ms >= :before)) LIMIT :batch);
DELETE FROM orders WHERE seq IN (
    SELECT seq FROM orders AS o WHERE at_ms < :before AND seq <= :heard
        AND NOT EXISTS (SELECT 1 FROM alerts WHERE id = o.subject)
        AND NOT EXISTS (SELECT 1 FROM silences WHERE id = o.subject)
        AND NOT EXISTS (SELECT 1 FROM messages WHERE id = o.subject) LIMIT :batch);
DELETE FROM rules WHERE digest IN (
    SELECT digest FROM rules WHERE accepted_ms < :before AND accepted_ms < :logged
        AND digest NOT IN (SELECT value FROM meta WHERE key = 'rules')
        AND digest NOT IN (SELECT digest FROM checkpoints) LIMIT :batch);
DELETE FROM log_base WHERE :stands_alone AND key IN (SELECT key FROM log_base LIMIT :batch)
"""

_CLOCK_SLACK_MS: Final = 24 * 3_600_000
"""By so much a clock may once have been set back between an edit of the rules and what the log holds of it."""


def forget(
    db: sqlite3.Connection, names: Interned[str], identities: Interned[Identity], before_ms: int, batch: int
) -> int:
    """One step of at most `batch` rows of each kind; how many went. In a transaction."""
    gone = _forget_log(db, names, identities, before_ms, batch)
    heard = db.execute("SELECT value FROM meta WHERE key = 'orders_seq'").fetchone()
    first = db.execute("SELECT seq, at_ms FROM log ORDER BY seq LIMIT 1").fetchone() or (0, before_ms)
    given = {
        "before": before_ms,
        "batch": batch,
        "heard": 0 if heard is None else int(heard[0]),
        # A text of the rules stays for as long as the log, or a checkpoint, may name it.
        "logged": first[1] - _CLOCK_SLACK_MS,
        # What follows a checkpoint is written against nothing before it: then there is no base to keep.
        "stands_alone": db.execute("SELECT 1 FROM checkpoints WHERE seq = ?", (first[0] - 1,)).fetchone()
        is not None,
    }
    for statement in _STEPS.split(";\n"):
        gone += db.execute(statement, given).rowcount
    return gone


def vacuum(db: sqlite3.Connection) -> None:
    """Give some freed pages back to the disk. Outside of a transaction."""
    # executescript: execute stops at the first of this statement's empty rows, each of which is one page.
    db.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")


def _forget_log(
    db: sqlite3.Connection, names: Interned[str], identities: Interned[Identity], before_ms: int, batch: int
) -> int:
    """Delete the oldest chunks, about `batch` records of them. The newest stays: it tells the next `seq`."""
    reader = LogReader(name_of(db), identity_of(db), lambda digest: Ruleset(digest=digest), base_record(db))
    # A replay begins at a checkpoint: what follows the last one that is old enough stays.
    kept_seq = checkpoints.forget_before(db, before_ms)
    records = chunks = last_seq = 0
    damaged = False
    # One look bounds the step; a clock that once ran ahead delays what follows it, and deletes nothing early.
    for seq, at_ms, count, body in db.execute(
        "SELECT seq, at_ms, records, body FROM log WHERE seq < (SELECT max(seq) FROM log)"
        " ORDER BY seq LIMIT ?",
        (batch,),
    ):
        if at_ms >= before_ms or seq > kept_seq or (chunks and records + count > batch):
            break
        try:
            for _ in reader.read(at_ms, body):
                pass
        except LogDamageError:
            # What is written against it cannot be read either; kept, it would hold up all forgetting for ever.
            damaged = True
        records += count
        chunks += 1
        last_seq = seq
        if damaged:
            break
    for key, entry in reader.last.items():
        writer = LogWriter(names, identities)  # of its own: each base record is whole
        writer.add(entry, 0)
        db.execute(
            "INSERT INTO log_base (key, body) VALUES (?, ?)"
            " ON CONFLICT (key) DO UPDATE SET body = excluded.body",
            (to_json(key), writer.take()[0].body),
        )
    db.execute("DELETE FROM log WHERE seq <= ?", (last_seq,))
    return chunks
