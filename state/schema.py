"""The tables, and the migrations that made them.

Amounts are TEXT, exact as the venue wrote them; times are INTEGER milliseconds of UTC; a `body` is the core's
value as JSON, so that a field added to it needs no migration. Only the daemon migrates.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from state.errors import CorruptError, MissingError, SchemaError, telling
from state.times import PUT_TIMES, written

APPLICATION_ID: Final = 0x53554254  # "SUBT": this file is ours
SCHEMA_VERSION: Final = 6

_TABLES_1: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- What repeats, under the integers that balances and log refer to it by.
CREATE TABLE names (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE identities (id INTEGER PRIMARY KEY, venue_id TEXT, email TEXT, name TEXT, alias TEXT) STRICT;

-- The inputs of the engine; body is one chunk as state.log writes it. log_base is what retention folded away:
-- the records that the oldest ones in log are written against.
CREATE TABLE log (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, records INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE log_base (key TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE rules (
    digest TEXT PRIMARY KEY, sources TEXT NOT NULL, accepted_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE limits (
    scope TEXT PRIMARY KEY, body TEXT NOT NULL, at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The tables of rules.world.World. holdings.fields names the amounts in that wallet's balances.
CREATE TABLE accounts (
    key INTEGER PRIMARY KEY, exchange TEXT NOT NULL, label TEXT NOT NULL,
    venue_id TEXT, email TEXT, name TEXT, alias TEXT, body TEXT NOT NULL
) STRICT;
CREATE INDEX accounts_by_exchange ON accounts (exchange);
CREATE TABLE exchanges (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE holdings (
    account INTEGER, wallet INTEGER, fields INTEGER NOT NULL,
    began_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, whole_ms INTEGER,
    PRIMARY KEY (account, wallet)
) STRICT, WITHOUT ROWID;
CREATE TABLE balances (
    account INTEGER, wallet INTEGER, asset INTEGER, amounts TEXT NOT NULL, changed_ms INTEGER NOT NULL,
    PRIMARY KEY (account, wallet, asset)
) STRICT, WITHOUT ROWID;
CREATE TABLE valuations (
    account INTEGER, wallet INTEGER, body TEXT NOT NULL, PRIMARY KEY (account, wallet)
) STRICT, WITHOUT ROWID;
CREATE TABLE trails (key TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE blind (key TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE judged_rules (
    exchange TEXT, rule_key TEXT, at_ms INTEGER NOT NULL, PRIMARY KEY (exchange, rule_key)
) STRICT, WITHOUT ROWID;

-- Alerts, open (ended_ms IS NULL) and ended; ending is the facts that the end was told with.
CREATE TABLE alerts (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, rule TEXT NOT NULL,
    exchange TEXT NOT NULL, state TEXT NOT NULL, severity TEXT NOT NULL, since_ms INTEGER NOT NULL,
    fired_ms INTEGER, ended_ms INTEGER, reason TEXT NOT NULL DEFAULT '', ending TEXT, body TEXT NOT NULL
) STRICT;
CREATE INDEX alerts_open ON alerts (key) WHERE ended_ms IS NULL;
CREATE INDEX alerts_ended ON alerts (ended_ms) WHERE ended_ms IS NOT NULL;
CREATE TABLE transitions (
    seq INTEGER PRIMARY KEY, alert TEXT NOT NULL, at_ms INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX transitions_of_alert ON transitions (alert);
CREATE INDEX transitions_by_time ON transitions (at_ms);

-- The outbox. AUTOINCREMENT: message ids derive from these ids, which must never come again.
CREATE TABLE messages (
    id TEXT PRIMARY KEY, notifier TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('sending', 'waiting', 'delivered', 'dead', 'cancelled')),
    claimed_ms INTEGER NOT NULL, attempts INTEGER NOT NULL, not_before_ms INTEGER NOT NULL,
    perhaps INTEGER NOT NULL DEFAULT 0, settled_ms INTEGER, reason TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_by_claim ON messages (notifier, claimed_ms);
CREATE INDEX messages_unsettled ON messages (notifier, not_before_ms) WHERE settled_ms IS NULL;
CREATE INDEX messages_settled ON messages (settled_ms) WHERE settled_ms IS NOT NULL;
CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT, alert TEXT NOT NULL, notifier TEXT NOT NULL, batch TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'claimed', 'delivered', 'dead', 'cancelled')),
    created_ms INTEGER NOT NULL, not_before_ms INTEGER NOT NULL DEFAULT 0,
    message TEXT REFERENCES messages (id), settled_ms INTEGER,
    muted INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL
) STRICT;
CREATE INDEX notifications_queued ON notifications (notifier, id) WHERE state = 'queued';
CREATE INDEX notifications_order ON notifications (notifier, alert, id) WHERE state IN ('queued', 'claimed');
CREATE INDEX notifications_counted ON notifications (notifier, state, created_ms)
    WHERE state IN ('queued', 'claimed', 'dead');
CREATE INDEX notifications_of_alert ON notifications (alert);
CREATE INDEX notifications_of_message ON notifications (message);
CREATE INDEX notifications_of_batch ON notifications (batch, notifier) WHERE batch <> '';
CREATE INDEX notifications_settled ON notifications (settled_ms) WHERE settled_ms IS NOT NULL;

-- What people ordered, append-only: acks, silences, retries. The daemon folds them in by seq; commands write here.
CREATE TABLE orders (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, kind TEXT NOT NULL,
    subject TEXT NOT NULL, by TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX orders_of_subject ON orders (kind, subject);
CREATE TABLE silences (
    id TEXT PRIMARY KEY, made_ms INTEGER NOT NULL, ended_ms INTEGER, body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE attempts (
    seq INTEGER PRIMARY KEY, message TEXT NOT NULL REFERENCES messages (id), notifier TEXT NOT NULL,
    at_ms INTEGER NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL
) STRICT;
CREATE INDEX attempts_of_message ON attempts (message);
"""

_TABLES_4: Final = """
-- What reconciliation remembers, each of rules.ledger under the name of its table in the World.
CREATE TABLE reconciliation (
    kind TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID
"""

_TABLES_5: Final = """
-- What a balance was from from_ms to until_ms, kept when another row takes its place: what charts are drawn from.
CREATE TABLE past (
    seq INTEGER PRIMARY KEY, account INTEGER NOT NULL, wallet INTEGER NOT NULL, asset INTEGER NOT NULL,
    from_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, amounts TEXT NOT NULL
) STRICT;
CREATE INDEX past_of_balance ON past (account, wallet, asset);
"""

_TABLES_6: Final = """
-- Which wallets were read, and in which fields their balances are. When is in `times`, by blocks of accounts: see
-- state.times; the view puts both together.
CREATE TABLE wallets (
    account INTEGER, wallet INTEGER, fields INTEGER NOT NULL, PRIMARY KEY (account, wallet)
) STRICT, WITHOUT ROWID;
CREATE TABLE times (wallet INTEGER, block INTEGER, times TEXT NOT NULL, PRIMARY KEY (wallet, block)) STRICT;
"""
_HOLDINGS_6: Final = """
CREATE VIEW holdings AS SELECT w.account AS account, w.wallet AS wallet, w.fields AS fields,
    CAST(substr(t.times, 1 + 42 * (w.account % 64), 14) AS INTEGER) AS began_ms,
    CAST(substr(t.times, 15 + 42 * (w.account % 64), 14) AS INTEGER) AS ended_ms,
    nullif(CAST(substr(t.times, 29 + 42 * (w.account % 64), 14) AS INTEGER), 0) AS whole_ms
    FROM wallets AS w JOIN times AS t ON t.wallet = w.wallet AND t.block = w.account / 64
"""

migrations = Migrations("subtally")


@migrations(name="1 first")
def _first(db: Database) -> None:
    _create(db, _TABLES_1)


def _create(db: Database, tables: str) -> None:
    # Not executescript: it would end the transaction that all migrations share.
    for statement in tables.split(";\n"):
        db.conn.execute(statement)


@migrations(name="2 live silences")
def _live_silences(db: Database) -> None:
    # By its end, as state.orders.live_silences asks: what is over is not read again at every claim.
    db.conn.execute(
        "CREATE INDEX silences_live ON silences (coalesce(json_extract(body, '$.until_ms'), 9223372036854775807))"
        " WHERE ended_ms IS NULL"
    )


@migrations(name="3 checkpoints")
def _checkpoints(db: Database) -> None:
    # The World as the log up to `seq` made it: from there on the log is read without its beginning.
    db.conn.execute(
        "CREATE TABLE checkpoints (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, digest TEXT NOT NULL,"
        " body BLOB NOT NULL) STRICT"
    )


@migrations(name="4 reconciliation")
def _reconciliation(db: Database) -> None:
    _create(db, _TABLES_4)


@migrations(name="5 past")
def _past(db: Database) -> None:
    _create(db, _TABLES_5)


@migrations(name="6 times")
def _times(db: Database) -> None:
    _create(db, _TABLES_6)
    db.conn.execute("INSERT INTO wallets SELECT account, wallet, fields FROM holdings")
    found = db.conn.execute("SELECT account, wallet, began_ms, ended_ms, whole_ms FROM holdings")
    blocks = written((account, wallet, tuple(times)) for account, wallet, *times in found)
    db.conn.executemany(PUT_TIMES, blocks)
    db.conn.execute("DROP TABLE holdings")
    db.conn.execute(_HOLDINGS_6)


def migrate(db: Database, path: Path) -> None:
    """Bring the file to this program's schema, in one transaction. The caller holds the writer's lock.

    `Store.open` has made a backup of what is there.
    """
    found = version_of(db, path)
    if found > SCHEMA_VERSION:
        raise SchemaError(path, found, SCHEMA_VERSION)
    with telling("migrate", path):
        if not found:  # only before the first table
            db.conn.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.conn.execute("PRAGMA journal_mode = WAL")  # a restored backup is without
    if found == SCHEMA_VERSION:
        return
    with telling("migrate", path):
        db.conn.execute("BEGIN IMMEDIATE")
        try:
            migrations.apply(db)
            db.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.conn.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            db.conn.execute("COMMIT")
        except BaseException:
            if db.conn.in_transaction:
                db.conn.execute("ROLLBACK")
            raise


def require(db: Database, path: Path) -> None:
    """Refuse a file that is not ours, or of another schema version."""
    found = require_ours(db, path)
    if found != SCHEMA_VERSION:
        raise SchemaError(path, found, SCHEMA_VERSION)


def require_ours(db: Database, path: Path) -> int:
    """Refuse a file that is not ours, or empty; its schema version."""
    found = version_of(db, path)
    if not found:
        raise MissingError(
            "open", path, "the state is empty", "start `subtally run` once, it makes the state"
        )
    return found


def version_of(db: Database, path: Path) -> int:
    """The schema version of the file, 0 where it is empty."""
    with telling("open", path):
        owner = int(db.conn.execute("PRAGMA application_id").fetchone()[0])
        version = int(db.conn.execute("PRAGMA user_version").fetchone()[0])
        tables = int(db.conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if owner != APPLICATION_ID and tables:
        reason = "this is the database of another program"
        raise CorruptError(
            "open", path, reason, "name another file as [daemon] state; this one is left untouched"
        )
    return version if tables else 0
